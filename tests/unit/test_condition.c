#include "rules/condition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "rules/pattern.h"

static struct fact
json(const char *text)
{
	return (
	    struct fact){ .kind = FACT_JSON, .json = span_whole(text, strlen(text)) };
}

static struct fact
text(const char *text)
{
	return (struct fact){ .kind = FACT_TEXT, .text = text, .len = strlen(text) };
}

static struct fact
number(double number)
{
	return (struct fact){ .kind = FACT_NUMBER, .number = number };
}

static struct fact
absent(void)
{
	return (struct fact){ .kind = FACT_ABSENT };
}

static bool
holds(const struct condition *condition, struct fact fact)
{
	struct pattern_budget budget = { .left_us = PATTERN_BUDGET_US };
	bool too_hard = false;
	bool held = condition_holds(condition, &fact, &budget, &too_hard);

	assert_false(too_hard);
	return held;
}

static struct condition
any(void)
{
	struct condition condition;

	condition_init(&condition);
	return condition;
}

static void
add_value(struct condition *condition, enum span_kind kind, const char *spelled)
{
	condition->limited = true;
	condition->values = xgrow(
	    condition->values, condition->value_count, sizeof(*condition->values));
	condition->values[condition->value_count++] = (struct condition_value){
		.kind = kind,
		.text = xstrdup(spelled),
		.len = strlen(spelled),
	};
}

static struct condition
equal(enum span_kind kind, const char *spelled)
{
	struct condition condition = any();

	add_value(&condition, kind, spelled);
	return condition;
}

static void
bound(struct condition_bound *bound, double number, const char *spelled)
{
	*bound = (struct condition_bound){ true, number, xstrdup(spelled) };
}

static struct condition
matching(const char *source)
{
	struct condition condition = any();
	char *why = NULL;

	condition.pattern = pattern_compile(source, strlen(source), &why);
	condition.pattern_text = xstrdup(source);
	return condition;
}

static void
assert_described(const struct condition *condition, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	condition_describe(condition, &out);
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
}

static void
assert_told(struct fact fact, enum condition_unit unit, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	fact_describe(&fact, unit, &out);
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
}

static void
test_a_value_is_equal_in_kind_and_in_text_or_number(UNUSED void **state)
{
	static const struct {
		enum span_kind kind;
		const char *wanted;
		const char *json;
		bool holds;
	} rows[] = {
		{ SPAN_STRING, "up", "\"up\"", true },
		{ SPAN_STRING, "up", "\"\\u0075p\"", true },
		{ SPAN_STRING, "up", "\"Up\"", false },
		{ SPAN_STRING, "up", "\"up \"", false },
		{ SPAN_STRING, "", "\"\"", true },
		{ SPAN_STRING, "5", "5", false },
		{ SPAN_STRING, "true", "true", false },
		{ SPAN_STRING, "up", "[\"up\"]", false },
		{ SPAN_STRING, "{}", "{}", false },
		{ SPAN_NUMBER, "5", "5", true },
		{ SPAN_NUMBER, "5", "5.0", true },
		{ SPAN_NUMBER, "5", "50e-1", true },
		{ SPAN_NUMBER, "5", "\"5\"", false },
		{ SPAN_NUMBER, "5", "6", false },
		{ SPAN_NUMBER, "0", "-0", true },
		{ SPAN_NUMBER, "0.1", "0.1", true },
		{ SPAN_NUMBER, "18446744073709551615", "18446744073709551615", true },
		{ SPAN_BOOL, "true", "true", true },
		{ SPAN_BOOL, "true", "false", false },
		{ SPAN_BOOL, "true", "\"true\"", false },
		{ SPAN_NULL, "null", "null", true },
		{ SPAN_NULL, "null", "false", false },
		{ SPAN_NULL, "null", "\"null\"", false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct condition condition = equal(rows[i].kind, rows[i].wanted);

		if (holds(&condition, json(rows[i].json)) != rows[i].holds)
			fail_msg("%s and %s", rows[i].wanted, rows[i].json);
		condition_clear(&condition);
	}
}

static void
test_one_of_several_values_is_enough(UNUSED void **state)
{
	struct condition condition = equal(SPAN_NUMBER, "200");

	add_value(&condition, SPAN_STRING, "ok");
	add_value(&condition, SPAN_NULL, "null");
	assert_true(holds(&condition, json("200")));
	assert_true(holds(&condition, json("\"ok\"")));
	assert_true(holds(&condition, json("null")));
	assert_false(holds(&condition, json("201")));
	assert_false(holds(&condition, absent()));
	condition_clear(&condition);

	/* Of no values nothing is one. */
	condition.limited = true;
	assert_false(holds(&condition, json("1")));
	assert_described(&condition, "no value");
	condition_clear(&condition);
}

static void
test_text_that_spells_a_number_is_compared_as_one(UNUSED void **state)
{
	struct condition condition = equal(SPAN_NUMBER, "42");

	assert_true(holds(&condition, text("42")));
	assert_true(holds(&condition, text(" 42.0\r\n")));
	assert_false(holds(&condition, text("42 items")));
	assert_false(holds(&condition, text("0x2A")));
	assert_false(holds(&condition, text("")));
	condition_clear(&condition);

	bound(&condition.minimum, 10, "10");
	assert_true(holds(&condition, text("10")));
	assert_false(holds(&condition, text("9")));
	assert_false(holds(&condition, text("nan")));
	assert_false(holds(&condition, text("infinity")));
	assert_false(holds(&condition, text("1e999")));
	condition_clear(&condition);

	condition = equal(SPAN_BOOL, "true");
	assert_true(holds(&condition, text("true")));
	assert_false(holds(&condition, text("True")));
	condition_clear(&condition);

	condition = equal(SPAN_STRING, "42");
	assert_true(holds(&condition, text("42")));
	assert_false(holds(&condition, text("42.0")));
	condition_clear(&condition);
}

static void
test_types_are_those_of_json_schema(UNUSED void **state)
{
	static const struct {
		const char *json;
		unsigned types;
	} rows[] = {
		{ "null", 1u << CONDITION_NULL },
		{ "true", 1u << CONDITION_BOOLEAN },
		{ "1.5", 1u << CONDITION_NUMBER },
		{ "1", 1u << CONDITION_NUMBER | 1u << CONDITION_INTEGER },
		{ "1.0", 1u << CONDITION_NUMBER | 1u << CONDITION_INTEGER },
		{ "-10e2", 1u << CONDITION_NUMBER | 1u << CONDITION_INTEGER },
		{ "\"1\"", 1u << CONDITION_STRING },
		{ "[1]", 1u << CONDITION_ARRAY },
		{ "{}", 1u << CONDITION_OBJECT },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (unsigned type = 0; condition_type_names[type] != NULL; type++) {
			struct condition condition = any();

			condition.types = 1u << type;
			if (holds(&condition, json(rows[i].json)) !=
			    ((rows[i].types & 1u << type) != 0))
				fail_msg("%s is %s", rows[i].json,
				    condition_type_names[type]);
		}
	}
}

static void
test_text_is_a_string_and_perhaps_a_number_too(UNUSED void **state)
{
	struct condition condition = any();

	condition.types = 1u << CONDITION_INTEGER;
	assert_true(holds(&condition, text("7")));
	assert_false(holds(&condition, text("7.5")));
	assert_false(holds(&condition, text("seven")));
	condition.types = 1u << CONDITION_NUMBER;
	assert_true(holds(&condition, text("7.5")));
	assert_true(holds(&condition, number(7.5)));
	condition.types = 1u << CONDITION_STRING;
	assert_true(holds(&condition, text("7")));
	assert_true(holds(&condition, text("seven")));
}

static void
test_bounds_are_kept_by_numbers_alone(UNUSED void **state)
{
	struct condition condition = any();

	bound(&condition.minimum, 1, "1");
	bound(&condition.maximum, 100, "100");
	assert_true(holds(&condition, json("1")));
	assert_true(holds(&condition, json("100.0")));
	assert_false(holds(&condition, json("0.999")));
	assert_false(holds(&condition, json("100.001")));
	assert_false(holds(&condition, json("\"50\"")));
	assert_false(holds(&condition, json("null")));
	assert_false(holds(&condition, json("[50]")));
	assert_false(holds(&condition, absent()));
	assert_described(&condition, "at least 1 and at most 100");
	condition_clear(&condition);

	bound(&condition.exclusive_minimum, 1, "1");
	bound(&condition.exclusive_maximum, 2, "2");
	assert_false(holds(&condition, json("1")));
	assert_true(holds(&condition, json("1.5")));
	assert_false(holds(&condition, json("2")));
	assert_described(&condition, "more than 1 and less than 2");
	condition_clear(&condition);
}

static void
test_lengths_are_of_characters(UNUSED void **state)
{
	struct condition condition = any();

	condition.min_length = 2;
	condition.max_length = 3;
	assert_true(holds(&condition, json("\"\xC3\xA9\xE4\x80\x81\"")));
	assert_true(holds(&condition, json("\"\\u00e9\\ud83d\\ude00a\"")));
	assert_false(holds(&condition, json("\"\\u00e9\"")));
	assert_false(holds(&condition, json("\"abcd\"")));
	assert_true(holds(&condition, text("\xC3\xA9\xC3\xA9")));
	assert_false(holds(&condition, json("12")));
	assert_false(holds(&condition, json("[1,2]")));
	assert_described(&condition, "2 to 3 characters");
	condition.max_length = -1;
	assert_described(&condition, "at least 2 characters");
	condition.min_length = -1;
	condition.max_length = 1;
	assert_described(&condition, "at most 1 character");
	assert_true(holds(&condition, json("\"\"")));
	condition_clear(&condition);
}

static void
test_items_are_those_of_arrays(UNUSED void **state)
{
	struct condition condition = any();

	condition.min_items = 2;
	condition.max_items = 2;
	assert_true(holds(&condition, json("[1,[2,3]]")));
	assert_false(holds(&condition, json("[]")));
	assert_false(holds(&condition, json("[1,2,3]")));
	assert_false(holds(&condition, json("{\"a\":1,\"b\":2}")));
	assert_false(holds(&condition, json("\"ab\"")));
	assert_described(&condition, "2 items");
	condition.min_items = 0;
	condition.max_items = -1;
	assert_true(holds(&condition, json("[]")));
}

static void
test_a_pattern_is_held_against_text_without_its_escapes(UNUSED void **state)
{
	struct condition condition = matching("^v[0-9]+\\n\xC3\xA9$");

	assert_true(holds(&condition, json("\"v12\\n\\u00e9\"")));
	assert_true(holds(&condition, text("v12\n\xC3\xA9")));
	assert_false(holds(&condition, json("\"v\\n\\u00e9\"")));
	condition_clear(&condition);

	condition = matching("5");
	assert_false(holds(&condition, json("5")));
	assert_false(holds(&condition, json("[\"5\"]")));
	assert_true(holds(&condition, json("\"5\"")));
	assert_described(&condition, "a match of \"5\"");
	condition_clear(&condition);
}

static void
test_what_takes_too_long_to_tell_breaks_and_is_told(UNUSED void **state)
{
	struct condition condition = matching("up");
	struct pattern_budget budget = { .left_us = -1 };
	struct fact fact = text("up");
	bool too_hard = false;

	assert_false(condition_holds(&condition, &fact, &budget, &too_hard));
	assert_true(too_hard);
	condition_clear(&condition);
}

static void
test_what_is_absent_breaks_all_but_that_it_must_not_exist(UNUSED void **state)
{
	struct condition condition = any();

	assert_false(holds(&condition, absent()));
	assert_true(holds(&condition, json("null")));
	assert_described(&condition, "something");
	condition.exists_said = true;
	condition.exists = true;
	assert_false(holds(&condition, absent()));
	assert_true(holds(&condition, json("null")));
	assert_described(&condition, "something");
	condition.exists = false;
	assert_true(holds(&condition, absent()));
	assert_false(holds(&condition, json("null")));
	assert_described(&condition, "nothing");
}

static void
test_all_that_is_said_has_to_hold(UNUSED void **state)
{
	struct condition condition = any();

	condition.types = 1u << CONDITION_INTEGER | 1u << CONDITION_NULL;
	add_value(&condition, SPAN_NUMBER, "1");
	add_value(&condition, SPAN_NUMBER, "1.5");
	bound(&condition.maximum, 1, "1");
	assert_true(holds(&condition, json("1")));
	assert_false(holds(&condition, json("1.5")));
	assert_false(holds(&condition, json("0")));
	assert_false(holds(&condition, json("null")));
	assert_described(
	    &condition, "null or an integer and one of 1, 1.5 and at most 1");
	condition_clear(&condition);
}

static void
test_values_are_told_as_they_are_spelled_but_secret_ones(UNUSED void **state)
{
	struct condition condition = equal(SPAN_STRING, "up");

	assert_described(&condition, "\"up\"");
	add_value(&condition, SPAN_NUMBER, "1.50");
	add_value(&condition, SPAN_NULL, "null");
	add_value(&condition, SPAN_STRING, "hunter2");
	condition.values[3].secret = true;
	assert_described(&condition, "one of \"up\", 1.50, null, ***");
	for (int i = 0; i < 10; i++)
		add_value(&condition, SPAN_BOOL, "true");
	assert_described(&condition,
	    "one of \"up\", 1.50, null, ***, true, true, true, true and 6 more");
	condition_clear(&condition);
}

static void
test_durations_and_days_are_told_in_their_units(UNUSED void **state)
{
	struct condition condition = equal(SPAN_NUMBER, "90000");

	condition.unit = UNIT_MS;
	assert_described(&condition, "1m30s");
	assert_true(holds(&condition, number(90000)));
	assert_told(number(1203), UNIT_MS, "1.203s");
	assert_told(number(250), UNIT_MS, "250ms");
	assert_told(number(0), UNIT_MS, "0s");
	assert_told(number(0.4), UNIT_MS, "0.4ms");
	/* Never as what it is more than. */
	assert_told(number(500.01), UNIT_MS, "500.1ms");
	assert_told(number(2000.3), UNIT_MS, "2.001s");
	condition_clear(&condition);

	bound(&condition.minimum, 14, "14 days");
	condition.unit = UNIT_DAYS;
	assert_described(&condition, "at least 14 days");
	condition_clear(&condition);
	assert_told(number(1), UNIT_DAYS, "1 day");
	assert_told(number(-3), UNIT_DAYS, "-3 days");
	assert_told(number(0.5), UNIT_NONE, "0.5");
}

static void
test_what_is_there_is_told_in_one_short_line(UNUSED void **state)
{
	char *long_text = xmalloc(100002);
	struct fact fact = json("\"down\"");

	assert_told(fact, UNIT_NONE, "\"down\"");
	assert_told(json("\"a\\n\\tb\\u0000c\""), UNIT_NONE, "\"a b c\"");
	assert_told(json("250"), UNIT_NONE, "250");
	assert_told(json("18446744073709551615"), UNIT_NONE, "18446744073709551615");
	assert_told(json("true"), UNIT_NONE, "true");
	assert_told(json("null"), UNIT_NONE, "null");
	assert_told(json("[1]"), UNIT_NONE, "an array");
	assert_told(json("{\"a\":1}"), UNIT_NONE, "an object");
	assert_told(absent(), UNIT_NONE, "nothing");
	assert_told(text("<html>\r\n  oops"), UNIT_NONE, "\"<html> oops\"");
	assert_told(text(""), UNIT_NONE, "\"\"");

	memset(long_text, 'x', 100000);
	long_text[0] = long_text[99999] = '"';
	long_text[100000] = '\0';
	assert_told(json(long_text), UNIT_NONE,
	    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxx...\"");
	long_text[81] = '"';
	long_text[82] = '\0';
	assert_told(json(long_text), UNIT_NONE,
	    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxx\"");
	memset(long_text, '7', 90);
	long_text[90] = '\0';
	assert_told(json(long_text), UNIT_NONE,
	    "77777777777777777777777777777777777777777777777777777777777777777777777777777777"
	    "...");

	fact.discreet = true;
	assert_told(fact, UNIT_NONE, "a string");
	fact = json("17");
	fact.discreet = true;
	assert_told(fact, UNIT_NONE, "a number");
	fact = json("true");
	fact.discreet = true;
	assert_told(fact, UNIT_NONE, "a boolean");
	fact = text("hunter2");
	fact.discreet = true;
	assert_told(fact, UNIT_NONE, "some text");
	free(long_text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_value_is_equal_in_kind_and_in_text_or_number),
		cmocka_unit_test(test_one_of_several_values_is_enough),
		cmocka_unit_test(test_text_that_spells_a_number_is_compared_as_one),
		cmocka_unit_test(test_types_are_those_of_json_schema),
		cmocka_unit_test(test_text_is_a_string_and_perhaps_a_number_too),
		cmocka_unit_test(test_bounds_are_kept_by_numbers_alone),
		cmocka_unit_test(test_lengths_are_of_characters),
		cmocka_unit_test(test_items_are_those_of_arrays),
		cmocka_unit_test(
		    test_a_pattern_is_held_against_text_without_its_escapes),
		cmocka_unit_test(test_what_takes_too_long_to_tell_breaks_and_is_told),
		cmocka_unit_test(
		    test_what_is_absent_breaks_all_but_that_it_must_not_exist),
		cmocka_unit_test(test_all_that_is_said_has_to_hold),
		cmocka_unit_test(
		    test_values_are_told_as_they_are_spelled_but_secret_ones),
		cmocka_unit_test(test_durations_and_days_are_told_in_their_units),
		cmocka_unit_test(test_what_is_there_is_told_in_one_short_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
