#include "base/option_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"

#define OPTION_PRINT_CONFIG OPTION_LONG_ONLY
#define OPTION_PRINT_SCHEMA (OPTION_LONG_ONLY + 1)

static const struct option_row rows[] = {
	{ 'c', "config", "FILE", "the config" },
	{ '1', "once", NULL, "once" },
	{ OPTION_PRINT_CONFIG, "print-config", NULL, "print it" },
	{ OPTION_PRINT_SCHEMA, "print-schema", "WHICH", "print a schema" },
};

static const struct option_table table = { "prog", rows, ARRAY_COUNT(rows) };

/* A command line that can be read, and what was told on standard error meanwhile. */
struct reading {
	char *argv[8];
	int argc;
	struct option_reader reader;
	char *told; /* owned */
	size_t told_len;
	FILE *stderr_before;
};

/* The arguments are parted by blanks. */
static void
start(struct reading *reading, char *line)
{
	*reading = (struct reading){ .argv = { line }, .argc = 1 };
	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		reading->argv[reading->argc++] = word;
	option_reader_init(&reading->reader, &table, reading->argc, reading->argv);
	reading->stderr_before = stderr;
	stderr = open_memstream(&reading->told, &reading->told_len);
	assert_non_null(stderr);
}

static void
finish(struct reading *reading, const char *told)
{
	fclose(stderr);
	stderr = reading->stderr_before;
	assert_string_equal(reading->told, told);
	free(reading->told);
	option_reader_clear(&reading->reader);
}

static void
test_options_come_in_their_order_with_their_arguments(UNUSED void **state)
{
	char line[] = "-1 --config a --print-schema=status -cb";
	struct reading reading;
	char *argument = NULL;
	int count;

	start(&reading, line);
	assert_int_equal(option_reader_next(&reading.reader, &argument), '1');
	assert_null(argument);
	assert_int_equal(option_reader_next(&reading.reader, &argument), 'c');
	assert_string_equal(argument, "a");
	assert_int_equal(
	    option_reader_next(&reading.reader, &argument), OPTION_PRINT_SCHEMA);
	assert_string_equal(argument, "status");
	assert_int_equal(option_reader_next(&reading.reader, &argument), 'c');
	assert_string_equal(argument, "b");
	assert_int_equal(option_reader_next(&reading.reader, &argument), OPTION_END);
	assert_null(option_reader_operands(&reading.reader, &count)[0]);
	assert_int_equal(count, 0);
	finish(&reading, "");
}

static void
test_operands_stand_anywhere_and_behind_two_dashes(UNUSED void **state)
{
	char line[] = "show -1 name -- -c";
	struct reading reading;
	char *argument;
	char **operands;
	int count;

	start(&reading, line);
	assert_int_equal(option_reader_next(&reading.reader, &argument), '1');
	assert_int_equal(option_reader_next(&reading.reader, &argument), OPTION_END);
	operands = option_reader_operands(&reading.reader, &count);
	assert_int_equal(count, 3);
	assert_string_equal(operands[0], "show");
	assert_string_equal(operands[1], "name");
	assert_string_equal(operands[2], "-c");
	finish(&reading, "");
}

static void
test_an_abbreviation_that_is_clear_will_do(UNUSED void **state)
{
	char line[] = "--conf a --print-c";
	struct reading reading;
	char *argument;

	start(&reading, line);
	assert_int_equal(option_reader_next(&reading.reader, &argument), 'c');
	assert_int_equal(
	    option_reader_next(&reading.reader, &argument), OPTION_PRINT_CONFIG);
	finish(&reading, "");
}

static void
test_a_wrong_option_is_told_with_what_was_meant(UNUSED void **state)
{
	static const struct {
		const char *line;
		const char *told;
	} lines[] = {
		{ "--confgi x", "unknown option --confgi; did you mean --config?" },
		{ "--confgi=x", "unknown option --confgi; did you mean --config?" },
		{ "--zzz", "unknown option --zzz" },
		{ "-1x", "unknown option -x" },
		{ "--print", "--print may stand for --print-config, --print-schema" },
		{ "--once=3", "--once takes no argument" },
		{ "--config", "--config needs an argument: FILE" },
		{ "-c", "--config needs an argument: FILE" },
		{ "name --onec", "unknown option --onec; did you mean --once?" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		char line[64], told[128];
		struct reading reading;
		char *argument;
		int code;

		snprintf(line, sizeof(line), "%s", lines[i].line);
		snprintf(told, sizeof(told), "prog: %s\nTry 'prog --help'.\n",
		    lines[i].told);
		start(&reading, line);
		do {
			code = option_reader_next(&reading.reader, &argument);
		} while (code >= 0);
		assert_int_equal(code, OPTION_WRONG);
		finish(&reading, told);
	}
}

static void
test_help_lists_every_option_under_the_other(UNUSED void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	option_table_print(&table, out);
	fclose(out);
	assert_string_equal(text,
	    "  -c, --config FILE         the config\n"
	    "  -1, --once                once\n"
	    "      --print-config        print it\n"
	    "      --print-schema WHICH  print a schema\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_come_in_their_order_with_their_arguments),
		cmocka_unit_test(test_operands_stand_anywhere_and_behind_two_dashes),
		cmocka_unit_test(test_an_abbreviation_that_is_clear_will_do),
		cmocka_unit_test(test_a_wrong_option_is_told_with_what_was_meant),
		cmocka_unit_test(test_help_lists_every_option_under_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
