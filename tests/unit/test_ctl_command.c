#include "ctl/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

/* LINE's words, parted by blanks, as arguments. Standard error is not looked at. */
static bool
parse(char *line, struct command *command)
{
	char *argv[8] = { line };
	int argc = 1;
	FILE *before = stderr;
	bool well;

	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	stderr = fopen("/dev/null", "w");
	assert_non_null(stderr);
	well = command_parse(argc, argv, command);
	fclose(stderr);
	stderr = before;
	return well;
}

static void
test_commands_take_options_on_either_side(UNUSED void **state)
{
	char before[] = "-f a --json show name";
	char behind[] = "show name --json -f a";
	char *const lines[] = { before, behind };

	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		struct command command;

		assert_true(parse(lines[i], &command));
		assert_int_equal(command.action, COMMAND_SHOW);
		assert_string_equal(command.file, "a");
		assert_string_equal(command.name, "name");
		assert_true(command.json);
		assert_false(command.only_failed);
	}
}

static void
test_a_name_may_begin_with_a_dash(UNUSED void **state)
{
	char line[] = "show -- -f";
	struct command command;

	assert_true(parse(line, &command));
	assert_string_equal(command.name, "-f");
}

static void
test_the_document_comes_from_the_environment_unless_said(UNUSED void **state)
{
	char defaulted[] = "status --failed";
	char from_environment[] = "status";
	char empty[] = "status";
	char said[] = "status -f -";
	struct command command;

	unsetenv("GATHERD_STATUS");
	assert_true(parse(defaulted, &command));
	assert_true(command.only_failed);
	assert_non_null(strstr(command.file, "/lib/gatherd/status.json"));
	assert_false(command.file_is_named);
	setenv("GATHERD_STATUS", "/x", 1);
	assert_true(parse(from_environment, &command));
	assert_string_equal(command.file, "/x");
	assert_true(command.file_is_named);
	assert_true(parse(said, &command));
	assert_string_equal(command.file, "-");
	setenv("GATHERD_STATUS", "", 1);
	assert_true(parse(empty, &command));
	assert_false(command.file_is_named);
	unsetenv("GATHERD_STATUS");
}

static void
test_help_and_version_need_nothing_else(UNUSED void **state)
{
	char help[] = "-h --nonsense";
	char version[] = "stauts --version";
	struct command command;

	assert_true(parse(help, &command));
	assert_int_equal(command.action, COMMAND_HELP);
	assert_true(parse(version, &command));
	assert_int_equal(command.action, COMMAND_VERSION);
}

static void
test_wrong_usage_is_refused(UNUSED void **state)
{
	static const char *const lines[] = {
		"",
		"stauts",
		"show",
		"show a b",
		"status a",
		"show a --failed",
		"status --nonsense",
		"status -f",
	};

	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		struct command command;
		char line[64];

		snprintf(line, sizeof(line), "%s", lines[i]);
		assert_false(parse(line, &command));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_take_options_on_either_side),
		cmocka_unit_test(test_a_name_may_begin_with_a_dash),
		cmocka_unit_test(
		    test_the_document_comes_from_the_environment_unless_said),
		cmocka_unit_test(test_help_and_version_need_nothing_else),
		cmocka_unit_test(test_wrong_usage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
