#include "rules/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "config/schema_source.h"
#include "config/value.h"
#include "parsed.h"
#include "rules/pattern.h"
#include "valgrind.h"

/* The schema that YAML is; a fault in it ends the test. */
static struct schema *
schema_of(const char *yaml)
{
	struct parsed parsed;
	struct value *source;
	struct schema *schema;

	parsed_init(&parsed, yaml);
	source = value_load(parsed.root, ".", parsed.faults);
	assert_non_null(source);
	schema = schema_source_compile(source, parsed.faults);
	assert_string_equal(parsed_lines(&parsed), "");
	value_free(source);
	parsed_clear(&parsed);
	return schema;
}

/* What SCHEMA says of TEXT; "" where it holds. The caller's. */
static char *
why_not(const struct schema *schema, const char *text)
{
	struct pattern_budget budget = { .left_us = PATTERN_BUDGET_US };
	struct buffer why;
	bool holds;

	buffer_init(&why, BUFFER_UNLIMITED);
	holds = schema_holds(schema, span_whole(text, strlen(text)), &budget, &why);
	assert_int_equal(holds, why.len == 0);
	return buffer_take(&why);
}

static void
assert_why(const char *yaml, const char *text, const char *expected)
{
	struct schema *schema = schema_of(yaml);
	char *why = why_not(schema, text);

	assert_string_equal(why, expected);
	free(why);
	schema_free(schema);
}

static void
assert_holds(const char *yaml, const char *text)
{
	assert_why(yaml, text, "");
}

/* ---- one value ---- */

static void
test_an_empty_schema_holds_for_everything(UNUSED void **state)
{
	struct schema *schema = schema_new();
	static const char *const texts[] = { "null", "true", "0", "\"\"", "[]", "{}",
		"[{\"a\":[1,2]}]" };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		char *why = why_not(schema, texts[i]);

		assert_string_equal(why, "");
		free(why);
	}
	schema_free(schema);
}

static void
test_words_about_one_type_pass_over_others(UNUSED void **state)
{
	static const char *const schemas[] = { "{minimum: 5, maximum: 7}",
		"{exclusiveMinimum: 4, exclusiveMaximum: 8}", "{minLength: 3}",
		"{maxLength: 3, pattern: ^x}", "{minItems: 2, maxItems: 3}",
		"{required: [a]}", "{properties: {a: {type: string}}}",
		"{additionalProperties: false}", "{items: {type: string}}" };
	static const char *const good[] = { "6", "6", "\"xyz\"", "\"xyz\"", "[1,2]",
		"{\"a\":1}", "{\"a\":\"\"}", "{}", "[\"a\"]" };
	static const char *const bad[] = { "8", "4", "\"xy\"", "\"abc\"", "[1]",
		"{\"b\":1}", "{\"a\":1}", "{\"b\":1}", "[1]" };
	static const char *const others[] = { "null", "true", "6", "\"xyz\"", "[1,2]",
		"{\"a\":\"b\"}" };
	/* Which of the others is of the type that a schema is about. */
	static const size_t about[] = { 2, 2, 3, 3, 4, 5, 5, 5, 4 };

	for (size_t i = 0; i < ARRAY_COUNT(schemas); i++) {
		struct schema *schema = schema_of(schemas[i]);
		char *why = why_not(schema, bad[i]);

		assert_string_not_equal(why, "");
		free(why);
		schema_free(schema);
		assert_holds(schemas[i], good[i]);
		for (size_t j = 0; j < ARRAY_COUNT(others); j++) {
			if (j != about[i])
				assert_holds(schemas[i], others[j]);
		}
	}
}

static void
test_what_is_wrong_is_told_with_what_was_expected(UNUSED void **state)
{
	assert_why("{type: object}", "\"a\"", "expected an object, got \"a\"");
	assert_why(
	    "{type: [string, \"null\"]}", "7", "expected null or a string, got 7");
	assert_why("{enum: [up, down]}", "\"odd\"",
	    "expected one of \"up\", \"down\", got \"odd\"");
	assert_why("{const: 1}", "\"1\"", "expected 1, got \"1\"");
	assert_why("{type: integer, minimum: 1, minLength: 5}", "0",
	    "expected an integer and at least 1, got 0");
	assert_why("{minLength: 2}", "\"\\u00e9\"",
	    "expected at least 2 characters, got \"\xc3\xa9\"");
	assert_why("{pattern: ^a}", "\"b\"", "expected a match of \"^a\", got \"b\"");
	assert_why("{maxItems: 1}", "[1,2]", "expected at most 1 item, got an array");
}

static void
test_an_integer_may_be_written_as_a_fraction(UNUSED void **state)
{
	assert_holds("{type: integer}", "1.0");
	assert_holds("{type: integer}", "1e2");
	assert_why("{type: integer}", "1.5", "expected an integer, got 1.5");
	assert_holds("{type: number}", "1.5");
	assert_holds("{const: 1}", "1.0");
}

static void
test_a_pattern_that_takes_too_long_is_told_as_that(UNUSED void **state)
{
	struct schema *schema = schema_of("{properties: {a: {pattern: \"^(a+)+$\"}}}");
	struct buffer text;
	char *why;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "{\"a\":\"");
	for (int i = 0; i < 60; i++)
		buffer_append_char(&text, 'a');
	buffer_append_string(&text, "!\"}");
	why = why_not(schema, text.data);
	assert_string_equal(why,
	    "/a: expected a match of \"^(a+)+$\", but looking for it was given up: it "
	    "takes too much time");
	free(why);
	buffer_clear(&text);
	schema_free(schema);
}

/* ---- objects ---- */

static void
test_properties_are_told_by_their_path(UNUSED void **state)
{
	static const char yaml[] =
	    "{type: object, properties: {items: {type: array, items: {type: object, "
	    "properties: {price: {type: number}}}}, \"a/b~c\": {type: \"null\"}}}";

	assert_holds(yaml, "{\"items\":[{\"price\":1},{},{\"price\":2.5,\"x\":[]}]}");
	assert_why(yaml, "{\"items\":[{\"price\":1},{\"price\":\"12\"}]}",
	    "/items/1/price: expected a number, got \"12\"");
	assert_why(yaml, "{\"items\":{}}", "/items: expected an array, got an object");
	assert_why(yaml, "{\"a/b~c\":0}", "/a~1b~0c: expected null, got 0");
}

static void
test_names_are_read_without_their_escapes(UNUSED void **state)
{
	assert_why("{properties: {ab: {type: string}}}", "{\"\\u0061b\":1}",
	    "/ab: expected a string, got 1");
	assert_holds("{required: [ab]}", "{\"\\u0061b\":1}");
	/* A NUL ends no name. */
	assert_holds("{properties: {ab: {type: string}}}", "{\"ab\\u0000c\":1}");
}

static void
test_what_is_required_has_to_be_there(UNUSED void **state)
{
	assert_holds("{required: [a, b]}", "{\"b\":null,\"a\":null}");
	assert_why("{required: [a, b]}", "{\"a\":1}", "/b: required, but not there");
	assert_why("{items: {required: [\"x/y\"]}}", "[{\"x/y\":1},{}]",
	    "/1/x~1y: required, but not there");
	assert_holds("{required: []}", "{}");
}

static void
test_further_properties_can_be_forbidden_or_checked(UNUSED void **state)
{
	static const char none[] =
	    "{properties: {a: true}, additionalProperties: false}";

	assert_holds(none, "{\"a\":[]}");
	assert_why(none, "{\"a\":1,\"b\":\"x\"}", "/b: expected nothing, got \"x\"");
	assert_why("{additionalProperties: {type: number}}", "{\"a\":1,\"b\":\"x\"}",
	    "/b: expected a number, got \"x\"");
	assert_holds("{properties: {b: {type: string}}, additionalProperties: {type: "
	             "number}}",
	    "{\"a\":1,\"b\":\"x\"}");
	assert_holds("{additionalProperties: true}", "{\"a\":1}");
	assert_why("{properties: {a: false}}", "{\"a\":null}",
	    "/a: expected nothing, got null");
}

/* Such names come from the model: they stay in their line, and short. */
static void
test_foreign_names_are_told_in_one_line(UNUSED void **state)
{
	struct schema *schema = schema_of("{additionalProperties: false}");
	char *why = why_not(schema, "{\"a\\nb\\u001bc\":1}");
	char *name, *text;

	assert_string_equal(why, "/a\\nb\\u001bc: expected nothing, got 1");
	free(why);
	name = xcalloc(5000, 1);
	memset(name, 'x', 4999);
	text = xasprintf("{\"%s\":1}", name);
	why = why_not(schema, text);
	assert_true(strlen(why) < 200);
	free(why);
	free(text);
	free(name);
	schema_free(schema);
}

/* ---- lists ---- */

static void
test_every_item_has_to_hold(UNUSED void **state)
{
	assert_holds("{items: {minimum: 1}}", "[1,2,\"a\",null]");
	assert_why(
	    "{items: {minimum: 1}}", "[1,2,0]", "/2: expected at least 1, got 0");
	assert_why("{items: {items: {type: string}}}", "[[\"a\"],[\"b\",[]]]",
	    "/1/1: expected a string, got an array");
	assert_why("{items: false}", "[null]", "/0: expected nothing, got null");
	assert_holds("{items: false}", "[]");
}

/* ---- all of it ---- */

static void
test_the_first_fault_alone_is_told(UNUSED void **state)
{
	assert_why("{type: object, required: [z], properties: {a: {type: string}}}",
	    "{\"a\":1}", "/z: required, but not there");
	assert_why("{properties: {a: {type: string}, b: {type: string}}}",
	    "{\"b\":1,\"a\":1}", "/b: expected a string, got 1");
}

static void
test_what_was_there_before_stays(UNUSED void **state)
{
	struct schema *schema = schema_of("{type: object}");
	struct pattern_budget budget = { .left_us = PATTERN_BUDGET_US };
	struct buffer why;

	buffer_init(&why, BUFFER_UNLIMITED);
	buffer_append_string(&why, "schema: ");
	assert_false(schema_holds(schema, span_whole("1", 1), &budget, &why));
	assert_string_equal(why.data, "schema: expected an object, got 1");
	buffer_clear(&why);
	schema_free(schema);
}

/* What 1 MiB of an answer takes, with a schema as people write it. */
static void
test_a_long_answer_is_held_against_it_soon(UNUSED void **state)
{
	struct schema *schema = schema_of(
	    "{type: object, required: [rows], properties: {rows: {type: array, items: "
	    "{type: object, required: [id, name, tags], additionalProperties: false, "
	    "properties: {id: {type: integer}, name: {type: string, minLength: 1}, tags: "
	    "{type: array, items: {enum: [a, b]}}}}}}}");
	struct buffer text;
	clock_t start;
	char *why;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "{\"rows\":[");
	for (int i = 0; text.len < 1024 * 1024; i++)
		buffer_append_format(&text,
		    "%s{\"id\":%d,\"name\":\"row %d\",\"tags\":[\"a\",\"b\"]}",
		    i > 0 ? "," : "", i, i);
	buffer_append_string(&text, "]}");
	start = clock();
	why = why_not(schema, text.data);
	assert_string_equal(why, "");
	assert_true(clock() - start < (is_under_valgrind() ? 20 : 1) * CLOCKS_PER_SEC);
	free(why);
	buffer_clear(&text);
	schema_free(schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_schema_holds_for_everything),
		cmocka_unit_test(test_words_about_one_type_pass_over_others),
		cmocka_unit_test(test_what_is_wrong_is_told_with_what_was_expected),
		cmocka_unit_test(test_an_integer_may_be_written_as_a_fraction),
		cmocka_unit_test(test_a_pattern_that_takes_too_long_is_told_as_that),
		cmocka_unit_test(test_properties_are_told_by_their_path),
		cmocka_unit_test(test_names_are_read_without_their_escapes),
		cmocka_unit_test(test_what_is_required_has_to_be_there),
		cmocka_unit_test(test_further_properties_can_be_forbidden_or_checked),
		cmocka_unit_test(test_foreign_names_are_told_in_one_line),
		cmocka_unit_test(test_every_item_has_to_hold),
		cmocka_unit_test(test_the_first_fault_alone_is_told),
		cmocka_unit_test(test_what_was_there_before_stays),
		cmocka_unit_test(test_a_long_answer_is_held_against_it_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
