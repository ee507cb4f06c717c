#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/span.h"
#include "publish/metrics/exposition.h"

/* ---- numbers ---- */

static void
assert_number(int64_t number, unsigned decimals, const char *expected)
{
	char text[EXPOSITION_NUMBER_SIZE + 1];
	char *end = exposition_put_number(text, number, decimals);

	assert_true(end <= text + EXPOSITION_NUMBER_SIZE);
	*end = '\0';
	assert_string_equal(text, expected);
}

static void
test_numbers_have_no_needless_zeros(UNUSED void **state)
{
	assert_number(0, 0, "0");
	assert_number(0, 6, "0");
	assert_number(7, 0, "7");
	assert_number(100, 0, "100");
	assert_number(203400, 6, "0.2034");
	assert_number(5000000, 6, "5");
	assert_number(1, 6, "0.000001");
	assert_number(10, 1, "1");
	assert_number(INT64_C(1795232400123), 3, "1795232400.123");
	assert_number(1250000000, 12, "0.00125");
}

static void
test_the_largest_numbers_fit(UNUSED void **state)
{
	assert_number(INT64_MAX, 0, "9223372036854775807");
	assert_number(INT64_MAX, 12, "9223372.036854775807");
	assert_number(1, 12, "0.000000000001");
}

static void
assert_json_number(const char *json, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	assert_int_equal(
	    exposition_append_json_number(&out, span_whole(json, strlen(json))),
	    expected != NULL);
	assert_string_equal(out.data, expected != NULL ? expected : "");
	buffer_clear(&out);
}

static void
test_numbers_of_json_keep_their_text(UNUSED void **state)
{
	assert_json_number("12", "12");
	assert_json_number("-0.25", "-0.25");
	assert_json_number("18446744073709551615", "18446744073709551615");
	assert_json_number("true", "1");
	assert_json_number("false", "0");
}

/* strconv.ParseFloat(), by which they are read, refuses what is out of range. */
static void
test_numbers_that_no_double_holds_are_infinite(UNUSED void **state)
{
	assert_json_number("1e400", "+Inf");
	assert_json_number("-1E400", "-Inf");
	assert_json_number("1e-400", "0");
	assert_json_number("2.5e3", "2500");
	assert_json_number("0.5000000000000000000000000000000000", "0.5");
}

static void
test_a_number_of_any_length_becomes_a_short_one(UNUSED void **state)
{
	char *digits = malloc(100001);

	assert_non_null(digits);
	memset(digits, '9', 100000);
	digits[100000] = '\0';
	assert_json_number(digits, "+Inf");
	digits[1] = '.';
	assert_json_number(digits, "10");
	free(digits);
}

static void
test_what_is_no_number_is_none(UNUSED void **state)
{
	assert_json_number("\"12\"", NULL);
	assert_json_number("null", NULL);
	assert_json_number("[1]", NULL);
	assert_json_number("{}", NULL);
}

/* ---- values of labels ---- */

static void
assert_value(const char *text, size_t len, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	exposition_append_value(&out, text, len);
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
}

static void
test_quotes_backslashes_and_line_breaks_are_escaped(UNUSED void **state)
{
	assert_value("a\"b\\c\nd", 7, "a\\\"b\\\\c\\nd");
	assert_value("\"", 1, "\\\"");
	assert_value("", 0, "");
	assert_value("<script>\t\r", 10, "<script>\t\r");
}

static void
test_what_is_no_utf8_is_repaired(UNUSED void **state)
{
	assert_value("gr\xC3\xB6\xC3\x9F"
	             "e",
	    7, "größe");
	assert_value("a\xFF"
	             "b",
	    3,
	    "a\xEF\xBF\xBD"
	    "b");
}

static void
test_a_nul_is_the_replacement_character(UNUSED void **state)
{
	assert_value("a\0b", 3,
	    "a\xEF\xBF\xBD"
	    "b");
	assert_value("\0", 1, "\xEF\xBF\xBD");
}

static void
assert_json_string(const char *json, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	exposition_append_json_string(&out, span_whole(json, strlen(json)));
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
}

static void
test_strings_of_json_lose_its_escapes_and_get_ours(UNUSED void **state)
{
	assert_json_string("\"plain\"", "plain");
	assert_json_string("\"\"", "");
	assert_json_string("\"a\\\"b\\\\c\\nd\"", "a\\\"b\\\\c\\nd");
	assert_json_string("\"\\u0041\\t/\"", "A\t/");
	assert_json_string("\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80");
	assert_json_string("\"\\u0000\"", "\xEF\xBF\xBD");
	assert_json_string("12", "");
}

/* ---- names of labels ---- */

static const char *const reserved[] = { "target", "le", NULL };

static void
assert_labels(const char *json, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, "{target=\"x\"");
	exposition_append_labels(&out, span_whole(json, strlen(json)), reserved);
	assert_string_equal(out.data + strlen("{target=\"x\""), expected);
	buffer_clear(&out);
}

static void
test_labels_stand_in_their_order(UNUSED void **state)
{
	assert_labels("{}", "");
	assert_labels(
	    "{\"team\":\"core\",\"Tier_2\":\"\"}", ",team=\"core\",Tier_2=\"\"");
	assert_labels("{\"a\":\"say \\\"hi\\\"\"}", ",a=\"say \\\"hi\\\"\"");
}

static void
test_names_are_made_valid(UNUSED void **state)
{
	assert_labels("{\"my-label\":\"1\"}", ",my_label=\"1\"");
	assert_labels("{\"a.b/c d\":\"1\"}", ",a_b_c_d=\"1\"");
	assert_labels("{\"1st\":\"1\"}", ",_1st=\"1\"");
	assert_labels("{\"gr\xC3\xB6\xC3\x9F"
	              "e\":\"1\"}",
	    ",gr__e=\"1\"");
	assert_labels("{\"a\\\"}\\n#\":\"1\"}", ",a____=\"1\"");
	assert_labels("{\"\":\"1\"}", ",label_=\"1\"");
}

static void
test_reserved_names_get_a_prefix(UNUSED void **state)
{
	assert_labels(
	    "{\"target\":\"1\",\"le\":\"2\"}", ",label_target=\"1\",label_le=\"2\"");
	assert_labels("{\"__name__\":\"up\"}", ",label___name__=\"up\"");
	assert_labels("{\"_x\":\"1\"}", ",_x=\"1\"");
	assert_labels("{\"?-\":\"1\"}", ",label___=\"1\"");
}

static void
test_no_name_stands_twice(UNUSED void **state)
{
	assert_labels("{\"a-b\":\"1\",\"a_b\":\"2\",\"a.b\":\"3\"}",
	    ",a_b=\"2\",a_b_2=\"1\",a_b_3=\"3\"");
	assert_labels("{\"a-b\":\"1\",\"a_b\":\"2\",\"a_b_2\":\"3\"}",
	    ",a_b=\"2\",a_b_2=\"3\",a_b_3=\"1\"");
	assert_labels(
	    "{\"le\":\"1\",\"label_le\":\"2\"}", ",label_le=\"2\",label_le_2=\"1\"");
	/* What looks like one in a value is none. */
	assert_labels("{\"x\":\",a_b=\\\"1\\\"\",\"a-b\":\"2\"}",
	    ",x=\",a_b=\\\"1\\\"\",a_b=\"2\"");
}

/* ---- lines ---- */

static void
test_lines_and_heads_are_of_the_format(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	exposition_append_single(&out, "x_seconds", "gauge", "How long", 1500, 3);
	exposition_append_single(&out, "unknown", "gauge", "Nobody knows", -1, 0);
	exposition_append_labelled(&out, "y", "is", "a \"b\"", 2, 0);
	assert_string_equal(out.data,
	    "# HELP x_seconds How long.\n# TYPE x_seconds gauge\nx_seconds 1.5\n"
	    "y{is=\"a \\\"b\\\"\"} 2\n");
	buffer_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_have_no_needless_zeros),
		cmocka_unit_test(test_the_largest_numbers_fit),
		cmocka_unit_test(test_numbers_of_json_keep_their_text),
		cmocka_unit_test(test_numbers_that_no_double_holds_are_infinite),
		cmocka_unit_test(test_a_number_of_any_length_becomes_a_short_one),
		cmocka_unit_test(test_what_is_no_number_is_none),
		cmocka_unit_test(test_quotes_backslashes_and_line_breaks_are_escaped),
		cmocka_unit_test(test_what_is_no_utf8_is_repaired),
		cmocka_unit_test(test_a_nul_is_the_replacement_character),
		cmocka_unit_test(test_strings_of_json_lose_its_escapes_and_get_ours),
		cmocka_unit_test(test_labels_stand_in_their_order),
		cmocka_unit_test(test_names_are_made_valid),
		cmocka_unit_test(test_reserved_names_get_a_prefix),
		cmocka_unit_test(test_no_name_stands_twice),
		cmocka_unit_test(test_lines_and_heads_are_of_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
