#include "config.h"

#include "daemon/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/option_table.h"
#include "base/units.h"
#include "base/xalloc.h"

/* Options without a short letter get codes above those of characters. */
enum option_code {
	OPTION_ROUNDS = OPTION_LONG_ONLY,
	OPTION_PRINT_CONFIG,
	OPTION_PRINT_SCHEMA,
	OPTION_VAR,
	OPTION_ONLY,
	OPTION_EXPLAIN,
	OPTION_JSON,
	OPTION_LOG_FORMAT,
	OPTION_NO_PROGRESS,
};

static const char *const schema_names[] = {
	[SCHEMA_CONFIG] = "config",
	[SCHEMA_STATUS] = "status",
	NULL,
};

#define SCHEMA_WORDS     "config or status"
#define LOG_LEVEL_WORDS  "error, warn, info or debug"
#define LOG_FORMAT_WORDS "auto, text or json"

static const struct option_row rows[] = {
	{ 'c', "config", "FILE",
	    "the config; - is standard input [" SYSCONFDIR "/gatherd/gatherd.yaml]" },
	{ '1', "once", NULL, "gather every target once, publish, exit" },
	{ OPTION_ROUNDS, "rounds", "N",
	    "gather N rounds, one after the other, and exit" },
	{ 'o', "output", "FILE", "write the document there; - is standard output" },
	{ 't', "check", NULL, "check the config, tell every fault, exit" },
	{ OPTION_PRINT_CONFIG, "print-config", NULL,
	    "print the config as understood, without secrets" },
	{ OPTION_PRINT_SCHEMA, "print-schema", "WHAT",
	    "print a JSON Schema of the config, or of the status document" },
	{ OPTION_VAR, "var", "NAME=VALUE", "set an entry of vars; may be repeated" },
	{ OPTION_ONLY, "only", "NAME[,NAME]",
	    "with --once: gather only these targets" },
	{ OPTION_EXPLAIN, "explain", "NAME",
	    "ask this target now and print what happens and why" },
	{ OPTION_JSON, "json", NULL, "with --explain: as JSON, for programs" },
	{ 'l', "log-level", "LEVEL", LOG_LEVEL_WORDS },
	{ OPTION_LOG_FORMAT, "log-format", "FORMAT", LOG_FORMAT_WORDS },
	{ 'p', "progress", NULL, "show a progress line [where there is a terminal]" },
	{ OPTION_NO_PROGRESS, "no-progress", NULL, "show none" },
	{ 'h', "help", NULL, "print this and exit" },
	{ 'V', "version", NULL, "print the version and exit" },
};

static const struct option_table table = {
	.program = "gatherd",
	.rows = rows,
	.count = ARRAY_COUNT(rows),
};

/* Tell what is wrong; false, for the caller to return. */
#define wrong_usage(...) (option_table_complain(&table, __VA_ARGS__), false)

static bool
set_rounds(struct options *options, const char *text)
{
	int64_t rounds;

	if (!units_parse_int(text, 1, 1000000000, &rounds))
		return wrong_usage("--rounds %s: expected a whole number from 1", text);
	options->rounds = (unsigned long)rounds;
	return true;
}

static bool
add_var(struct options *options, char *text)
{
	char *equals = strchr(text, '=');
	struct config_var *var;

	if (equals == NULL || equals == text)
		return wrong_usage("--var %s: expected NAME=VALUE", text);
	*equals = '\0';
	options->vars = xreallocarray(
	    options->vars, options->var_count + 1, sizeof(*options->vars));
	var = &options->vars[options->var_count++];
	var->name = text;
	var->value = equals + 1;
	return true;
}

static bool
add_only(struct options *options, const char *text)
{
	options->only = xreallocarray(
	    options->only, options->only_count + 1, sizeof(*options->only));
	options->only[options->only_count++] = text;
	return true;
}

/* One of the words of a table, as its number. EXPECTED is how --help lists them. */
static bool
set_word(const char *option, const char *const *names, const char *expected,
    const char *text, int *number)
{
	*number = names_find(names, text);
	if (*number == -1)
		return wrong_usage("--%s %s: expected %s", option, text, expected);
	return true;
}

static bool
set_schema(struct options *options, const char *text)
{
	options->action = ACTION_PRINT_SCHEMA;
	return set_word(
	    "print-schema", schema_names, SCHEMA_WORDS, text, &options->schema);
}

static bool
set_explain(struct options *options, const char *name)
{
	if (options->explain != NULL && strcmp(options->explain, name) != 0)
		return wrong_usage("--explain takes one name");
	options->explain = name;
	options->action = ACTION_EXPLAIN;
	return true;
}

static bool
apply(struct options *options, int code, char *argument)
{
	switch (code) {
	case 'c':
		options->config_path = argument;
		return true;
	case '1':
		options->rounds = 1;
		return true;
	case OPTION_ROUNDS:
		return set_rounds(options, argument);
	case 'o':
		if (*argument == '\0')
			return wrong_usage("--output: expected a file, or -");
		options->output = argument;
		return true;
	case 't':
		options->action = ACTION_CHECK;
		return true;
	case OPTION_PRINT_CONFIG:
		options->action = ACTION_PRINT_CONFIG;
		return true;
	case OPTION_PRINT_SCHEMA:
		return set_schema(options, argument);
	case OPTION_VAR:
		return add_var(options, argument);
	case OPTION_ONLY:
		return add_only(options, argument);
	case OPTION_EXPLAIN:
		return set_explain(options, argument);
	case OPTION_JSON:
		options->json = true;
		return true;
	case 'l':
		return set_word("log-level", log_level_names, LOG_LEVEL_WORDS, argument,
		    &options->log_level);
	case OPTION_LOG_FORMAT:
		return set_word("log-format", log_format_names, LOG_FORMAT_WORDS,
		    argument, &options->log_format);
	case 'p':
		options->progress = 1;
		return true;
	case OPTION_NO_PROGRESS:
		options->progress = 0;
		return true;
	case 'h':
		options->action = ACTION_HELP;
		return true;
	case 'V':
		options->action = ACTION_VERSION;
		return true;
	}
	return false;
}

static bool
usage_fits_together(const struct options *options)
{
	if (options->only_count > 0 && options->rounds == 0 &&
	    options->action == ACTION_GATHER)
		return wrong_usage("--only goes with --once or --rounds");
	if (options->json && options->action != ACTION_EXPLAIN)
		return wrong_usage("--json goes with --explain");
	if (options->action == ACTION_EXPLAIN &&
	    (options->rounds > 0 || options->only_count > 0 || options->output != NULL))
		return wrong_usage(
		    "--explain goes without --once, --rounds, --only and --output");
	return true;
}

static bool
no_operands(const struct option_reader *reader)
{
	int count;
	char **operands = option_reader_operands(reader, &count);

	if (count > 0)
		return wrong_usage("unexpected argument '%s'", operands[0]);
	return true;
}

/* --help and --version count at once, whatever stands behind them. */
static bool
read_options(struct option_reader *reader, struct options *options)
{
	char *argument;

	while (options->action != ACTION_HELP && options->action != ACTION_VERSION) {
		int code = option_reader_next(reader, &argument);

		if (code == OPTION_END)
			return no_operands(reader) && usage_fits_together(options);
		if (code == OPTION_WRONG || !apply(options, code, argument))
			return false;
	}
	return true;
}

bool
options_parse(int argc, char **argv, struct options *options)
{
	struct option_reader reader;
	bool right;

	*options = (struct options){
		.config_path = SYSCONFDIR "/gatherd/gatherd.yaml",
		.log_level = -1,
		.log_format = -1,
		.progress = -1,
	};
	option_reader_init(&reader, &table, argc, argv);
	right = read_options(&reader, options);
	option_reader_clear(&reader);
	return right;
}

void
options_clear(struct options *options)
{
	free(options->vars);
	free(options->only);
	*options =
	    (struct options){ .log_level = -1, .log_format = -1, .progress = -1 };
}

void
options_print_help(void)
{
	puts(
	    "Usage: gatherd [options]\n"
	    "\n"
	    "Asks the services and prompts of a config at the same time, on a schedule, and\n"
	    "keeps one JSON status document that says what came of each. Runs until SIGTERM;\n"
	    "SIGHUP reloads the config, SIGUSR1 gathers everything now.\n");
	option_table_print(&table, stdout);
	puts(
	    "\nExit status: 0 every required target is ok, or the daemon was stopped; 1 with\n"
	    "--once, one is not, or with --explain, that one is not; 2 wrong usage or config;\n"
	    "3 the document could not be published, or the daemon not started.\n"
	    "See gatherd(8) and gatherd.yaml(5).");
}

void
options_print_version(void)
{
	puts(PACKAGE_STRING);
}
