#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

static struct span
of(const char *json)
{
	return span_whole(json, strlen(json));
}

static void
assert_span(struct span span, const char *expected)
{
	if (expected == NULL) {
		assert_int_equal(span_kind(span), SPAN_ABSENT);
		return;
	}
	assert_int_equal(span.len, strlen(expected));
	assert_memory_equal(span.text, expected, span.len);
}

static void
test_a_member_is_found_as_it_is_spelled(UNUSED void **state)
{
	struct span object =
	    of(" {\"a\" : 18446744073709551615 ,\n\"b\":{\"x\":[1,{}]},"
	       "\"c\":0.10, \"d\":\"\\u0041\\\"}\", \"e\":[ ],"
	       "\"f\":true,\"g\":null} ");

	assert_span(span_member(object, "a"), "18446744073709551615");
	assert_span(span_member(object, "b"), "{\"x\":[1,{}]}");
	assert_span(span_member(object, "c"), "0.10");
	assert_span(span_member(object, "d"), "\"\\u0041\\\"}\"");
	assert_span(span_member(object, "e"), "[ ]");
	assert_span(span_member(object, "f"), "true");
	assert_span(span_member(object, "g"), "null");
	assert_span(span_member(object, "x"), NULL);
	assert_span(span_member(object, ""), NULL);
	assert_span(span_member(of("[1]"), "a"), NULL);
	assert_span(span_member((struct span){ .text = NULL }, "a"), NULL);
}

static void
test_a_key_may_be_escaped_and_the_last_of_doubled_ones_counts(UNUSED void **state)
{
	struct span object = of("{\"a\":1,\"\\u0061\":2,\"b\":3}");

	assert_span(span_member(object, "a"), "2");
	assert_span(span_member(object, "b"), "3");
	/* A longer key that begins with the name, and one that is shorter. */
	assert_span(span_member(of("{\"ab\":1,\"\":2,\"a\\u0000\":3}"), "a"), NULL);
}

static void
test_many_members_are_found_in_one_pass(UNUSED void **state)
{
	static const char *const names[] = { "b", "none", "a", "b" };
	struct span values[ARRAY_COUNT(names)];

	span_members(of("{\"a\":[1],\"c\":{\"b\":2},\"b\":\"x\"}"), names, 4, values);
	assert_span(values[0], "\"x\"");
	assert_span(values[1], NULL);
	assert_span(values[2], "[1]");
	assert_span(values[3], "\"x\"");
}

static void
test_the_kind_is_told_by_the_first_byte(UNUSED void **state)
{
	assert_int_equal(span_kind(of("null")), SPAN_NULL);
	assert_int_equal(span_kind(of("false")), SPAN_BOOL);
	assert_int_equal(span_kind(of("-1e9")), SPAN_NUMBER);
	assert_int_equal(span_kind(of("\"\"")), SPAN_STRING);
	assert_int_equal(span_kind(of("[]")), SPAN_ARRAY);
	assert_int_equal(span_kind(of("{}")), SPAN_OBJECT);
	assert_int_equal(span_kind(of("")), SPAN_ABSENT);
	assert_true(span_is_nothing(of("null")));
	assert_false(span_is_nothing(of("0")));
}

static void
test_strings_lose_their_escapes(UNUSED void **state)
{
	static const struct {
		const char *json;
		const char *text;
		size_t len;
	} rows[] = {
		{ "\"\"", "", 0 },
		{ "\"plain \xC3\xA4\"", "plain \xC3\xA4", 8 },
		{ "\"\\\"\\\\\\/\\n\\t\\b\"", "\"\\/\n\t\b", 6 },
		{ "\"\\u00e4\\ud83d\\ude00\"", "\xC3\xA4\xF0\x9F\x98\x80", 6 },
		{ "\"a\\u0000b\"", "a\0b", 3 },
		{ "\"\\\\u0041\\\"\"", "\\u0041\"", 7 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t len = 99;
		char *text = span_text(of(rows[i].json), &len);

		assert_non_null(text);
		assert_int_equal(len, rows[i].len);
		assert_memory_equal(text, rows[i].text, len + 1);
		free(text);
	}
	assert_null(span_text(of("12"), NULL));
	assert_null(span_text((struct span){ .text = NULL }, NULL));
}

static void
test_texts_are_compared_whole(UNUSED void **state)
{
	assert_true(span_is_text(of("\"ok\""), "ok"));
	assert_true(span_is_text(of("\"\\u006fk\""), "ok"));
	assert_true(span_is_text(of("\"o\\u006b\""), "ok"));
	assert_false(span_is_text(of("\"no\""), "ok"));
	assert_true(span_is_text(of("\"\""), ""));
	assert_false(span_is_text(of("\"ok\""), ""));
	assert_false(span_is_text(of("\"\""), "ok"));
	assert_false(span_is_text(of("\"ok \""), "ok"));
	assert_false(span_is_text(of("\"o\""), "ok"));
	assert_false(span_is_text(of("\"ok\\u0000\""), "ok"));
	assert_false(span_is_text(of("null"), "null"));
	/* As it is spelled is not what it means. */
	assert_false(span_is_text(of("\"\\n\""), "\\n"));
	assert_true(span_is_text(of("\"\\n\""), "\n"));
}

static void
test_numbers_and_times_are_read(UNUSED void **state)
{
	double number = 0;

	/* What follows it in the text is not taken for a part of it. */
	assert_true(span_number(span_member(of("{\"a\":-12.5}"), "a"), &number));
	assert_true(number == -12.5);
	assert_false(span_number(of("\"1\""), &number));
	assert_false(span_number((struct span){ .text = NULL }, &number));
	assert_int_equal(span_time_ms(of("\"1970-01-01T00:00:01.5Z\"")), 1500);
	assert_int_equal(span_time_ms(of("\"soon\"")), -1);
	assert_int_equal(span_time_ms(of("\"1970-01-01T00:00:01Z\\u0000x\"")), -1);
	assert_int_equal(span_time_ms(of("null")), -1);
}

static void
test_a_whole_number_is_digits_within_what_is_exact(UNUSED void **state)
{
	static const char *const refused[] = { "-1", "-0", "1.0", "1e3", "1E3", "\"1\"",
		"null", "true", "[1]", "{}", "9007199254740993", "18446744073709551616",
		"18446744073709551617", "99999999999999999999999999999999999999" };
	uint64_t number = 99;

	assert_true(span_whole_number(of("0"), &number));
	assert_true(number == 0);
	assert_true(span_whole_number(span_member(of("{\"a\":17}"), "a"), &number));
	assert_true(number == 17);
	assert_true(span_whole_number(of("9007199254740992"), &number));
	assert_true(number == SPAN_MAX_WHOLE);
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
		assert_false(span_whole_number(of(refused[i]), &number));
	assert_false(span_whole_number((struct span){ .text = NULL }, &number));
	assert_true(number == SPAN_MAX_WHOLE);
}

static void
test_milliseconds_are_read_to_the_microsecond(UNUSED void **state)
{
	static const struct {
		const char *json;
		int64_t us;
	} rows[] = {
		{ "0", 0 },
		{ "203.4", 203400 },
		{ "0.1", 100 },
		{ "812.0", 812000 },
		{ "7", 7000 },
		{ "1.005", 1005 },
		{ "1.0059", 1005 },
		{ "4503599627370497.3", INT64_C(4503599627370497300) },
		{ "9007199254740992.999", INT64_C(9007199254740992999) },
		{ "9007199254740993", -1 },
		{ "-1.5", -1 },
		{ "-0", -1 },
		{ "1e3", -1 },
		{ "1.5e3", -1 },
		{ "\"1.5\"", -1 },
		{ "null", -1 },
		{ "{}", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_int_equal(span_ms_as_us(of(rows[i].json)), rows[i].us);
	assert_int_equal(
	    span_ms_as_us(span_member(of("{\"a\":1.25,\"b\":7}"), "a")), 1250);
}

static void
test_money_is_read_to_its_last_digit(UNUSED void **state)
{
	static const struct {
		const char *json;
		int64_t money;
	} rows[] = {
		{ "0", 0 },
		{ "0.000000000001", 1 },
		{ "0.0000000000019", 1 },
		{ "0.00125", INT64_C(1250000000) },
		{ "12.5", INT64_C(12500000000000) },
		{ "9223370", INT64_C(9223370000000000000) },
		{ "9223373", -1 },
		{ "9007199254740992", -1 },
		{ "-1", -1 },
		{ "1e3", -1 },
		{ "\"1\"", -1 },
		{ "null", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_int_equal(span_money(of(rows[i].json)), rows[i].money);
}

static void
test_a_walk_goes_through_all_items(UNUSED void **state)
{
	struct span_walk walk;
	struct span key, value;

	span_walk_init(&walk, of("[ 1 , \"],\" ,[2,[]],{\"a\":\"}\"} ]"));
	assert_true(span_walk_next(&walk, &key, &value));
	assert_span(key, NULL);
	assert_span(value, "1");
	assert_true(span_walk_next(&walk, &key, &value));
	assert_span(value, "\"],\"");
	assert_true(span_walk_next(&walk, &key, &value));
	assert_span(value, "[2,[]]");
	assert_true(span_walk_next(&walk, &key, &value));
	assert_span(value, "{\"a\":\"}\"}");
	assert_false(span_walk_next(&walk, &key, &value));
	assert_false(span_walk_next(&walk, &key, &value));

	assert_int_equal(span_count(of("[ 1 , \"],\" ,[2,[]],{\"a\":\"}\"} ]")), 4);
	assert_int_equal(span_count(of("{\"a\" : 1, \"b\":{}}")), 2);
	assert_int_equal(span_count(of("{ }")), 0);
	assert_int_equal(span_count(of("\"[1]\"")), 0);
	assert_int_equal(span_count((struct span){ .text = NULL }), 0);
}

static void
test_tokens_follow_each_other(UNUSED void **state)
{
	static const char json[] = " {\"a,\": [1.5 ,null]}\n";
	static const char *const expected[] = { "{", "\"a,\"", ":", "[", "1.5", ",",
		"null", "]", "}" };
	const char *end = json + strlen(json);
	const char *at = json;

	for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
		struct span token = span_token(at, end);

		assert_span(token, expected[i]);
		at = token.text + token.len;
	}
	assert_int_equal(span_token(at, end).len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_member_is_found_as_it_is_spelled),
		cmocka_unit_test(
		    test_a_key_may_be_escaped_and_the_last_of_doubled_ones_counts),
		cmocka_unit_test(test_many_members_are_found_in_one_pass),
		cmocka_unit_test(test_the_kind_is_told_by_the_first_byte),
		cmocka_unit_test(test_strings_lose_their_escapes),
		cmocka_unit_test(test_texts_are_compared_whole),
		cmocka_unit_test(test_numbers_and_times_are_read),
		cmocka_unit_test(test_a_whole_number_is_digits_within_what_is_exact),
		cmocka_unit_test(test_milliseconds_are_read_to_the_microsecond),
		cmocka_unit_test(test_money_is_read_to_its_last_digit),
		cmocka_unit_test(test_a_walk_goes_through_all_items),
		cmocka_unit_test(test_tokens_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
