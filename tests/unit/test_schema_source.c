#include "config/schema_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "config/value.h"
#include "parsed.h"
#include "rules/pattern.h"
#include "rules/schema.h"

/* Compile YAML: LINES are all that is told of it; with FINE it makes a schema. */
static void
assert_told(const char *yaml, bool fine, const char *lines)
{
	struct parsed parsed;
	struct value *source;
	struct schema *schema;

	parsed_init(&parsed, yaml);
	source = value_load(parsed.root, ".", parsed.faults);
	assert_non_null(source);
	schema = schema_source_compile(source, parsed.faults);
	assert_string_equal(parsed_lines(&parsed), lines);
	assert_int_equal(schema != NULL, fine);
	schema_free(schema);
	value_free(source);
	parsed_clear(&parsed);
}

static void
assert_fault(const char *yaml, const char *line)
{
	assert_told(yaml, false, line);
}

static void
assert_fine(const char *yaml)
{
	assert_told(yaml, true, "");
}

/* ---- what is taken ---- */

static void
test_all_words_that_are_checked_are_taken(UNUSED void **state)
{
	assert_fine("{}");
	assert_fine(
	    "{type: object, required: [a], additionalProperties: false, "
	    "properties: {a: {type: [string, \"null\"], minLength: 1, "
	    "maxLength: 9, pattern: ^x}, b: {type: array, minItems: 1, maxItems: 3, "
	    "items: {type: number, minimum: 1, maximum: 5}}, c: {enum: [a, 1, "
	    "null]}, d: {const: true}, e: {exclusiveMinimum: 1, "
	    "exclusiveMaximum: 2.5}, f: true, g: false}}");
}

static void
test_words_that_check_nothing_are_not_told(UNUSED void **state)
{
	assert_fine(
	    "{title: a, description: b, default: {}, examples: [1], $schema: s, "
	    "$id: i, $comment: c, format: date, deprecated: true, readOnly: false, "
	    "writeOnly: true, properties: {a: {description: x, format: uri}}}");
}

static void
test_a_property_may_be_called_as_a_word_is(UNUSED void **state)
{
	assert_fine(
	    "{properties: {type: {type: string}, items: {}, anyOf: {}}, required: "
	    "[type, enum]}");
}

/* ---- what is only passed on ---- */

static void
test_what_is_not_checked_is_told_once(UNUSED void **state)
{
	assert_told(
	    "{anyOf: [{type: string}], properties: {a: {anyOf: [1]}, b: {oneOf: "
	    "[2]}}}",
	    true,
	    "f:1:2: warning: schema: anyOf is only passed on: it is not checked here\n"
	    "f:1:61: warning: schema: properties: b: oneOf is only passed on: it is not "
	    "checked here\n");
	assert_told("{$ref: \"#/$defs/a\", $defs: {a: {type: string}}}", true,
	    "f:1:2: warning: schema: $ref is only passed on: it is not checked here\n"
	    "f:1:21: warning: schema: $defs is only passed on: it is not checked here\n");
}

static void
test_a_misspelt_word_has_a_near_one(UNUSED void **state)
{
	assert_told("{proprties: {}, additionalproperties: false}", true,
	    "f:1:2: warning: schema: proprties is only passed on: it is not checked here "
	    "(did you mean properties?)\n"
	    "f:1:17: warning: schema: additionalproperties is only passed on: it is not "
	    "checked here (did you mean additionalProperties?)\n");
}

/* Compile YAML, and ask whether it holds for JSON. */
static bool
is_taken_by(const char *yaml, const char *json)
{
	struct pattern_budget budget = { .left_us = PATTERN_BUDGET_US };
	struct parsed parsed;
	struct value *source;
	struct schema *schema;
	struct buffer why;
	bool holds;

	parsed_init(&parsed, yaml);
	source = value_load(parsed.root, ".", parsed.faults);
	schema = schema_source_compile(source, parsed.faults);
	assert_non_null(schema);
	buffer_init(&why, BUFFER_UNLIMITED);
	holds = schema_holds(schema, span_whole(json, strlen(json)), &budget, &why);
	buffer_clear(&why);
	schema_free(schema);
	value_free(source);
	parsed_clear(&parsed);
	return holds;
}

/* It is not known what is left for them: nothing that is right is to be refused. */
static void
test_what_depends_on_unchecked_words_is_not_checked(UNUSED void **state)
{
	static const char tuple[] =
	    "{prefixItems: [{type: string}], items: {type: number}}";
	static const char map[] =
	    "{patternProperties: {^x: {type: string}}, additionalProperties: false, "
	    "required: [xa]}";

	assert_told(tuple, true,
	    "f:1:2: warning: schema: prefixItems is only passed on: it is not checked "
	    "here, nor is items beside it\n");
	assert_true(is_taken_by(tuple, "[\"a\",1]"));
	assert_false(is_taken_by("{items: {type: number}}", "[\"a\",1]"));
	assert_told(map, true,
	    "f:1:2: warning: schema: patternProperties is only passed on: it is not "
	    "checked here, nor is additionalProperties beside it\n");
	assert_true(is_taken_by(map, "{\"xa\":\"b\"}"));
	assert_false(is_taken_by(map, "{\"ya\":\"b\"}"));
	assert_told("{patternProperties: {}}", true,
	    "f:1:2: warning: schema: patternProperties is only passed on: it is not "
	    "checked here\n");
}

/* It is a word of rules; JSON Schema has `required`. */
static void
test_exists_is_no_word_of_schemas(UNUSED void **state)
{
	assert_told("{properties: {a: {exists: true}}}", true,
	    "f:1:19: warning: schema: properties: a: exists is only passed on: it is not "
	    "checked here\n");
}

static void
test_lists_and_maps_as_values_are_passed_on(UNUSED void **state)
{
	assert_told("{const: [1]}", true,
	    "f:1:2: warning: schema: const is only passed on: it is not checked here, as no list and no map is\n");
	assert_told("{type: string, enum: [a, {b: c}]}", true,
	    "f:1:16: warning: schema: enum is only passed on: it is not checked here, as no list and no map is\n");
}

/* ---- faults ---- */

static void
test_a_known_word_has_its_values(UNUSED void **state)
{
	assert_fault("{type: strin}",
	    "f:1:8: error: schema: type: expected null, boolean, number, integer, string, "
	    "array or object (did you mean string?)\n");
	assert_fault("{properties: {a: {minimum: low}}}",
	    "f:1:28: error: schema: properties: a: minimum: expected a number\n");
	assert_fault("{items: {maxLength: -1}}",
	    "f:1:21: error: schema: items: maxLength: expected a whole number from 0\n");
	assert_fault("{enum: x}",
	    "f:1:8: error: schema: enum: expected a list of one or more values\n");
	assert_fault("{properties: [a]}",
	    "f:1:14: error: schema: properties: expected a map of schemas\n");
	assert_fault("{required: true}",
	    "f:1:12: error: schema: required: expected a list of names\n");
	assert_fault("{required: [[a]]}",
	    "f:1:13: error: schema: required: expected the name of a property, not a "
	    "list\n");
	assert_fault("{items: [{type: string}]}",
	    "f:1:9: error: schema: items: expected a schema: a map of its words, true or "
	    "false\n");
	assert_fault("{additionalProperties: no}",
	    "f:1:24: error: schema: additionalProperties: expected a schema: a map of its "
	    "words, true or false\n");
}

static void
test_a_pattern_that_is_none_is_told(UNUSED void **state)
{
	assert_fault("{properties: {a: {pattern: \"(\"}}}",
	    "f:1:28: error: schema: properties: a: pattern: missing closing parenthesis "
	    "at byte 1\n");
}

static void
test_what_could_never_hold_is_told(UNUSED void **state)
{
	assert_fault("{minimum: 5, maximum: 4}",
	    "f:1:1: error: schema: no number is within these bounds\n");
	assert_fault(
	    "{required: [b], properties: {a: {}}, additionalProperties: false}",
	    "f:1:12: error: schema: b is required, but neither among the properties nor "
	    "allowed besides\n");
	assert_fine("{required: [b], properties: {a: {}}, additionalProperties: {}}");
}

static void
test_all_faults_are_told_in_one_run(UNUSED void **state)
{
	assert_fault("{type: x1, properties: {a: {minLength: b}, c: 5}, foo: 1}",
	    "f:1:8: error: schema: type: expected null, boolean, number, integer, string, "
	    "array or object\n"
	    "f:1:40: error: schema: properties: a: minLength: expected a whole number from "
	    "0\n"
	    "f:1:47: error: schema: properties: c: expected a schema: a map of its words, "
	    "true or false\n"
	    "f:1:51: warning: schema: foo is only passed on: it is not checked here\n");
}

/* ---- what came in from outside ---- */

static void
test_a_secret_is_never_told(UNUSED void **state)
{
	struct parsed parsed;
	struct pattern_budget budget = { .left_us = PATTERN_BUDGET_US };
	struct value *source;
	struct schema *schema;
	struct buffer why;

	setenv("GATHERD_TEST_SECRET", "s3cret-word", 1);
	assert_fault("{minimum: \"${GATHERD_TEST_SECRET}\"}",
	    "f:1:11: error: schema: minimum: expected a number, which the value put in is "
	    "not\n");
	parsed_init(&parsed, "{const: \"${GATHERD_TEST_SECRET}\"}");
	source = value_load(parsed.root, ".", parsed.faults);
	schema = schema_source_compile(source, parsed.faults);
	assert_non_null(schema);
	buffer_init(&why, BUFFER_UNLIMITED);
	assert_false(schema_holds(schema, span_whole("1", 1), &budget, &why));
	assert_string_equal(why.data, "expected ***, got 1");
	assert_true(
	    schema_holds(schema, span_whole("\"s3cret-word\"", 13), &budget, &why));
	buffer_clear(&why);
	schema_free(schema);
	value_free(source);
	parsed_clear(&parsed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_words_that_are_checked_are_taken),
		cmocka_unit_test(test_words_that_check_nothing_are_not_told),
		cmocka_unit_test(test_a_property_may_be_called_as_a_word_is),
		cmocka_unit_test(test_what_is_not_checked_is_told_once),
		cmocka_unit_test(test_a_misspelt_word_has_a_near_one),
		cmocka_unit_test(test_what_depends_on_unchecked_words_is_not_checked),
		cmocka_unit_test(test_exists_is_no_word_of_schemas),
		cmocka_unit_test(test_lists_and_maps_as_values_are_passed_on),
		cmocka_unit_test(test_a_known_word_has_its_values),
		cmocka_unit_test(test_a_pattern_that_is_none_is_told),
		cmocka_unit_test(test_what_could_never_hold_is_told),
		cmocka_unit_test(test_all_faults_are_told_in_one_run),
		cmocka_unit_test(test_a_secret_is_never_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
