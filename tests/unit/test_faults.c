#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "config/faults.h"

static void
add_line(const char *line, bool is_error, void *arg)
{
	struct buffer *lines = arg;

	buffer_append_format(lines, "%c|%s\n", is_error ? 'E' : 'W', line);
}

static void
assert_lines(const struct faults *faults, const char *expected)
{
	struct buffer lines;

	buffer_init(&lines, BUFFER_UNLIMITED);
	faults_each(faults, add_line, &lines);
	assert_string_equal(lines.data, expected);
	buffer_clear(&lines);
}

static struct place
at(unsigned file, unsigned line, unsigned column)
{
	return (struct place){ .file = file, .line = line, .column = column };
}

static void
test_a_line_says_file_line_column_kind_and_text(UNUSED void **state)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "gatherd.yaml");

	faults_error(faults, at(file, 12, 5), "unknown key \"%s\"", "timout");
	faults_warning(faults, at(file, 13, 1), "odd");
	assert_lines(faults,
	    "E|gatherd.yaml:12:5: error: unknown key \"timout\"\n"
	    "W|gatherd.yaml:13:1: warning: odd\n");
	faults_free(faults);
}

static void
test_lines_come_by_file_line_and_column_then_as_found(UNUSED void **state)
{
	struct faults *faults = faults_new();
	unsigned main_file = faults_add_file(faults, "main");
	unsigned included = faults_add_file(faults, "included");

	faults_error(faults, at(included, 1, 1), "a");
	faults_error(faults, at(main_file, 10, 1), "b");
	faults_error(faults, at(main_file, 9, 20), "c");
	faults_error(faults, at(main_file, 9, 3), "z first");
	faults_warning(faults, at(main_file, 9, 3), "a second");
	assert_lines(faults,
	    "E|main:9:3: error: z first\n"
	    "W|main:9:3: warning: a second\n"
	    "E|main:9:20: error: c\n"
	    "E|main:10:1: error: b\n"
	    "E|included:1:1: error: a\n");
	faults_free(faults);
}

static void
test_what_is_said_twice_is_kept_once(UNUSED void **state)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "f");

	for (int i = 0; i < 3; i++)
		faults_error(faults, at(file, 1, 1), "same");
	faults_warning(faults, at(file, 1, 1), "same");
	faults_error(faults, at(file, 1, 2), "same");
	faults_error(faults, at(file, 1, 1), "other");
	assert_int_equal(faults_error_count(faults), 3);
	assert_int_equal(faults_warning_count(faults), 1);
	assert_lines(faults,
	    "E|f:1:1: error: same\n"
	    "W|f:1:1: warning: same\n"
	    "E|f:1:1: error: other\n"
	    "E|f:1:2: error: same\n");
	faults_free(faults);
}

static void
test_nothing_wrong_means_no_lines(UNUSED void **state)
{
	struct faults *faults = faults_new();

	faults_add_file(faults, "f");
	assert_int_equal(faults_error_count(faults), 0);
	assert_int_equal(faults_warning_count(faults), 0);
	assert_lines(faults, "");
	faults_free(faults);
	faults_free(NULL);
}

static void
test_standard_input_has_a_name(UNUSED void **state)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "-");

	assert_string_equal(faults_file_name(faults, file), "<stdin>");
	faults_free(faults);
}

static void
test_a_quoted_newline_or_escape_does_not_break_the_line(UNUSED void **state)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "f");

	faults_error(faults, at(file, 1, 1), "unknown key \"%s\"", "a\nb\x1b[31m");
	assert_lines(faults, "E|f:1:1: error: unknown key \"a b [31m\"\n");
	faults_free(faults);
}

static void
test_many_faults_are_kept_apart(UNUSED void **state)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "f");

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned line = 1; line <= 50000; line++)
			faults_error(faults, at(file, line, 1), "wrong");
	}
	assert_int_equal(faults_error_count(faults), 50000);
	faults_free(faults);
}

/* What one definition says is found again by each service that is made of it. */
static void
test_many_repetitions_are_kept_once_and_soon(UNUSED void **state)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "f");
	clock_t start = clock();

	for (unsigned i = 0; i < 200000; i++)
		faults_error(faults, at(file, i % 1000 + 1, 1), "the same in line %u",
		    i % 1000 + 1);
	assert_int_equal(faults_error_count(faults), 1000);
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	faults_free(faults);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_says_file_line_column_kind_and_text),
		cmocka_unit_test(test_lines_come_by_file_line_and_column_then_as_found),
		cmocka_unit_test(test_what_is_said_twice_is_kept_once),
		cmocka_unit_test(test_many_repetitions_are_kept_once_and_soon),
		cmocka_unit_test(test_nothing_wrong_means_no_lines),
		cmocka_unit_test(test_standard_input_has_a_name),
		cmocka_unit_test(
		    test_a_quoted_newline_or_escape_does_not_break_the_line),
		cmocka_unit_test(test_many_faults_are_kept_apart),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
