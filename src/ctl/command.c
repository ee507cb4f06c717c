#include "config.h"

#include "ctl/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/option_table.h"

/* Where gatherd.service has it: StateDirectory= is below /var/lib, whatever the program was
 * configured with (systemd.exec(5)). */
#define DEFAULT_FILE "/var/lib/gatherd/status.json"

#define FILE_VARIABLE "GATHERD_STATUS"

enum option_code {
	OPTION_FAILED = OPTION_LONG_ONLY,
	OPTION_JSON,
};

static const struct option_row rows[] = {
	{ 'f', "file", "FILE", "the document; - is standard input" },
	{ OPTION_FAILED, "failed", NULL, "status: only what failed" },
	{ OPTION_JSON, "json", NULL, "the text of the document itself, for programs" },
	{ 'h', "help", NULL, "print this and exit" },
	{ 'V', "version", NULL, "print the version and exit" },
};

static const struct option_table options = { "gatherctl", rows, ARRAY_COUNT(rows) };

static const char *const action_names[] = {
	[COMMAND_STATUS] = "status",
	[COMMAND_SHOW] = "show",
	NULL,
};
#define ACTION_COUNT (ARRAY_COUNT(action_names) - 1)

static void
set_defaults(struct command *command)
{
	const char *file = getenv(FILE_VARIABLE);

	*command = (struct command){ .action = COMMAND_STATUS };
	command->file_is_named = file != NULL && *file != '\0';
	command->file = command->file_is_named ? file : DEFAULT_FILE;
}

static void
apply(struct command *command, int code, const char *argument)
{
	switch (code) {
	case 'f':
		command->file = argument;
		command->file_is_named = true;
		break;
	case OPTION_FAILED:
		command->only_failed = true;
		break;
	case OPTION_JSON:
		command->json = true;
		break;
	case 'h':
		command->action = COMMAND_HELP;
		break;
	case 'V':
		command->action = COMMAND_VERSION;
		break;
	}
}

/* All options, or those up to --help or --version. Returns false after a wrong one. */
static bool
read_options(struct option_reader *reader, struct command *command)
{
	for (;;) {
		char *argument = NULL;
		int code = option_reader_next(reader, &argument);

		if (code == OPTION_END)
			return true;
		if (code == OPTION_WRONG)
			return false;
		apply(command, code, argument);
		if (command->action != COMMAND_STATUS)
			return true;
	}
}

static bool
set_action(struct command *command, const char *word)
{
	int action = names_find(action_names, word);
	const char *nearest;

	if (action != -1) {
		command->action = (enum command_action)action;
		return true;
	}
	nearest = names_nearest(word, action_names, ACTION_COUNT);
	if (nearest != NULL)
		option_table_complain(
		    &options, "unknown command '%s'; did you mean %s?", word, nearest);
	else
		option_table_complain(
		    &options, "unknown command '%s': expected status or show", word);
	return false;
}

/* What to do, and with what. */
static bool
read_operands(struct command *command, char **operands, int count)
{
	int expected;

	if (count == 0) {
		option_table_complain(
		    &options, "what to do is missing: expected status or show");
		return false;
	}
	if (!set_action(command, operands[0]))
		return false;
	expected = command->action == COMMAND_SHOW ? 2 : 1;
	if (count < expected) {
		option_table_complain(&options, "show: NAME is missing");
		return false;
	}
	if (count > expected) {
		option_table_complain(
		    &options, "unexpected argument '%s'", operands[expected]);
		return false;
	}
	command->name = operands[expected - 1];
	if (command->only_failed && command->action != COMMAND_STATUS) {
		option_table_complain(&options, "--failed goes with status");
		return false;
	}
	return true;
}

bool
command_parse(int argc, char **argv, struct command *command)
{
	struct option_reader reader;
	char **operands;
	bool well;
	int count;

	set_defaults(command);
	option_reader_init(&reader, &options, argc, argv);
	well = read_options(&reader, command);
	if (well && command->action == COMMAND_STATUS) {
		operands = option_reader_operands(&reader, &count);
		well = read_operands(command, operands, count);
	}
	option_reader_clear(&reader);
	return well;
}

void
command_print_help(void)
{
	puts(
	    "Usage: gatherctl status [options]\n"
	    "       gatherctl show [options] NAME\n"
	    "\n"
	    "Shows the status document that gatherd keeps: all targets in a table, or\n"
	    "everything about one. Without -f it is the file that " FILE_VARIABLE
	    " names,\n"
	    "else " DEFAULT_FILE ".\n");
	option_table_print(&options, stdout);
	puts(
	    "\n"
	    "Exit status of status: 0 the document says ok, 1 it does not or is stale; of\n"
	    "show: 0 the target is ok or degraded, 1 it is not; of both: 2 wrong usage or\n"
	    "an unknown NAME, 3 the document cannot be read.\n"
	    "See gatherctl(1).");
}

void
command_print_version(void)
{
	puts("gatherctl " PACKAGE_VERSION);
}
