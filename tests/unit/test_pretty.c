#include "base/pretty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

static const struct pretty ample = { .max_lines = 100, .max_bytes = 10000 };

/* JSON is laid out as EXPECTED, and WHOLE or not. */
static void
assert_json(
    const char *json, const struct pretty *pretty, const char *expected, bool whole)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	assert_int_equal(
	    pretty_append_json(&out, span_whole(json, strlen(json)), pretty), whole);
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
}

static void
assert_text(
    const char *text, const struct pretty *pretty, const char *expected, bool whole)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	assert_int_equal(pretty_append_text(&out, text, strlen(text), pretty), whole);
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
}

static void
test_each_level_is_indented_and_scalars_keep_their_spelling(UNUSED void **state)
{
	assert_json(
	    "{\"a\":[1,18446744073709551615,{\"b\" : 0.10}], \"c\":\"\\u0041\"}",
	    &ample,
	    "{\n"
	    "  \"a\": [\n"
	    "    1,\n"
	    "    18446744073709551615,\n"
	    "    {\n"
	    "      \"b\": 0.10\n"
	    "    }\n"
	    "  ],\n"
	    "  \"c\": \"\\u0041\"\n"
	    "}",
	    true);
	assert_json("1e5", &ample, "1e5", true);
	assert_json("\"{[,:]}\"", &ample, "\"{[,:]}\"", true);
}

static void
test_what_is_empty_stays_on_its_line(UNUSED void **state)
{
	assert_json("{}", &ample, "{}", true);
	assert_json("[ ]", &ample, "[]", true);
	assert_json(
	    "[[],{ \"a\":{\n}}]", &ample, "[\n  [],\n  {\n    \"a\": {}\n  }\n]", true);
}

static void
test_lines_are_indented_but_for_the_first(UNUSED void **state)
{
	const struct pretty pretty = { .indent = 4, .max_lines = 9, .max_bytes = 99 };

	assert_json("[1]", &pretty, "[\n      1\n    ]", true);
}

static void
test_one_line_is_one_line(UNUSED void **state)
{
	const struct pretty pretty = { .indent = 4, .max_lines = 1, .max_bytes = 99 };

	assert_json("{\"a\" :[1,2, {}],\n\"b\":null}", &pretty,
	    "{\"a\": [1, 2, {}], \"b\": null}", true);
}

static void
test_json_stops_at_the_bounds(UNUSED void **state)
{
	const struct pretty three_lines = { .max_lines = 3, .max_bytes = 99 };
	const struct pretty ten_bytes = { .max_lines = 9, .max_bytes = 10 };

	assert_json("[1]", &three_lines, "[\n  1\n]", true);
	assert_json("[1,2]", &three_lines, "[\n  1,\n  2", false);
	assert_json("\"12345678\"", &ten_bytes, "\"12345678\"", true);
	assert_json("\"123456789\"", &ten_bytes, "\"123456789", false);
	/* Not in the middle of a character. */
	assert_json("\"12345678\xC3\xA4\"", &ten_bytes, "\"12345678", false);
	assert_json("[[[[[[[[[[1]]]]]]]]]]", &ten_bytes, "[\n  [\n    [", false);
}

static void
test_json_is_made_harmless_by_escapes_that_mean_the_same(UNUSED void **state)
{
	static const char json[] =
	    "{\"\xC2\x9B\": \"\x7F\xE2\x80\xAE \xE6\x97\xA5\xE2\x81\xA9\",\n\t\"a\":1}";
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	pretty_append_harmless(&out, json, strlen(json));
	assert_string_equal(out.data,
	    "{\"\\u009b\": \"\\u007f\\u202e \xE6\x97\xA5\\u2069\",\n\t\"a\":1}");
	buffer_clear(&out);
}

static void
test_a_text_keeps_its_lines_and_indents(UNUSED void **state)
{
	const struct pretty pretty = { .indent = 2, .max_lines = 9, .max_bytes = 99 };

	assert_text("one\r\n\n  two\tx \n\n", &pretty, "one\n\n    two   x", true);
	assert_text("", &pretty, "", true);
	assert_text("\n", &pretty, "", true);
}

static void
test_a_text_holds_nothing_that_a_terminal_obeys(UNUSED void **state)
{
	assert_text("a\x1b[2J\xC2\x9B\xE2\x80\xAE\xFFz", &ample,
	    "a\xEF\xBF\xBD[2J\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz", true);
}

static void
test_long_lines_of_a_text_are_broken(UNUSED void **state)
{
	const struct pretty pretty = {
		.indent = 2, .columns = 22, .max_lines = 9, .max_bytes = 99
	};

	assert_text("the quick brown fox jumps\nover", &pretty,
	    "the quick brown fox\n  jumps\n  over", true);
}

static void
test_a_text_stops_at_the_bounds(UNUSED void **state)
{
	const struct pretty two_lines = { .max_lines = 2, .max_bytes = 99 };
	const struct pretty five_bytes = { .max_lines = 9, .max_bytes = 5 };

	assert_text("a\nb\n", &two_lines, "a\nb", true);
	assert_text("a\nb\nc", &two_lines, "a\nb", false);
	assert_text("12345\n", &five_bytes, "12345", true);
	assert_text("123456", &five_bytes, "12345", false);
	assert_text("1234\xC3\xA4", &five_bytes, "1234", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_each_level_is_indented_and_scalars_keep_their_spelling),
		cmocka_unit_test(test_what_is_empty_stays_on_its_line),
		cmocka_unit_test(test_lines_are_indented_but_for_the_first),
		cmocka_unit_test(test_one_line_is_one_line),
		cmocka_unit_test(test_json_stops_at_the_bounds),
		cmocka_unit_test(
		    test_json_is_made_harmless_by_escapes_that_mean_the_same),
		cmocka_unit_test(test_a_text_keeps_its_lines_and_indents),
		cmocka_unit_test(test_a_text_holds_nothing_that_a_terminal_obeys),
		cmocka_unit_test(test_long_lines_of_a_text_are_broken),
		cmocka_unit_test(test_a_text_stops_at_the_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
