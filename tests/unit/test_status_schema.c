#include "publish/status_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/entry.h"
#include "publish/head.h"
#include "publish/providers_part.h"
#include "publish/schema_parts.h"
#include "publish/snapshot.h"

/* The schema, and the parts that the tests look at. */
struct stage {
	struct buffer text;
	struct span schema;
	struct span service;
	struct span prompt;
	struct span provider;
};

static void
set_up(struct stage *stage)
{
	struct span definitions;

	buffer_init(&stage->text, BUFFER_UNLIMITED);
	status_schema_append(&stage->text);
	stage->schema = span_whole(stage->text.data, stage->text.len);
	definitions = span_member(stage->schema, "$defs");
	stage->service = span_member(definitions, "service");
	stage->prompt = span_member(definitions, "prompt");
	stage->provider = span_member(definitions, "provider");
}

static void
tear_down(struct stage *stage)
{
	buffer_clear(&stage->text);
}

/* The items of LIST, or the keys of an object, in a row; the caller's. */
static char *
names_of(struct span container)
{
	struct buffer names;
	struct span_walk walk;
	struct span key, value;

	buffer_init(&names, BUFFER_UNLIMITED);
	span_walk_init(&walk, container);
	while (span_walk_next(&walk, &key, &value)) {
		struct span name = key.text != NULL ? key : value;

		buffer_append(&names, name.text, name.len);
	}
	return buffer_take(&names);
}

static void
assert_same_names(struct span one, struct span other)
{
	char *expected = names_of(one);
	char *found = names_of(other);

	assert_true(*expected != '\0');
	assert_string_equal(found, expected);
	free(found);
	free(expected);
}

/* SCHEMA is of an object that has all the keys of VALUE, always, and no others. */
static void
assert_fits(struct span schema, struct span value)
{
	assert_same_names(value, span_member(schema, "required"));
	assert_same_names(value, span_member(schema, "properties"));
	assert_memory_equal(
	    span_member(schema, "additionalProperties").text, "false", 5);
}

static void
test_it_is_json_for_people(UNUSED void **state)
{
	struct stage stage;
	struct json_scan scan;

	set_up(&stage);
	assert_int_equal(strncmp(stage.text.data, "{\n  \"$schema\": ", 15), 0);
	assert_string_equal(stage.text.data + stage.text.len - 3, "\n}\n");
	assert_true(json_scan_compact(
	    stage.text.data, stage.text.len, JSON_SCAN_MAX_DEPTH, &scan));
	tear_down(&stage);
}

static void
test_it_has_the_keys_of_the_head(UNUSED void **state)
{
	static const struct round_summary summary = { .number = 1 };
	struct config *config = fake_config_new(1);
	struct board *board = board_new(config);
	const struct snapshot_head head = { .round = &summary };
	const struct head_facts facts = {
		.generator = "gatherd 1.2.3",
		.host = "web1",
		.board = board,
		.head = &head,
	};
	struct stage stage;
	struct span document, properties;
	struct buffer text;

	set_up(&stage);
	buffer_init(&text, BUFFER_UNLIMITED);
	head_append(&text, &facts);
	buffer_append_string(
	    &text, ",\"services\":{},\"prompts\":{},\"providers\":{}}");
	document = span_whole(text.data, text.len);
	assert_fits(stage.schema, document);
	properties = span_member(stage.schema, "properties");
	assert_fits(span_member(properties, "round"), span_member(document, "round"));
	assert_fits(span_member(properties, "counts"), span_member(document, "counts"));
	buffer_clear(&text);
	board_free(board);
	fake_config_free(config);
	tear_down(&stage);
}

static void
test_it_has_the_keys_of_an_entry(UNUSED void **state)
{
	struct config *config = fake_config_new(1);
	struct board *board = board_new(config);
	struct stage stage;
	struct span entry, timing;
	struct buffer text;

	set_up(&stage);
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_char(&text, '{');
	entry_append(&text, board_entry(board, 0), NULL);
	buffer_append_char(&text, '}');
	entry = span_member(
	    span_whole(text.data, text.len), board_entry(board, 0)->target->name);
	assert_same_names(entry, span_member(stage.service, "required"));
	timing = span_member(span_member(stage.service, "properties"), "timing_ms");
	assert_fits(timing, span_member(entry, "timing_ms"));
	buffer_clear(&text);
	board_free(board);
	fake_config_free(config);
	tear_down(&stage);
}

static void
test_it_has_the_keys_of_a_prompt_and_its_provider(UNUSED void **state)
{
	struct config *config = fake_config_new(0);
	struct board *board;
	struct stage stage;
	struct span entry, properties, provider;
	struct buffer text;

	fake_config_add_prompt(config, "budget: {tokens: 25, per: 1d}\n");
	board = board_new(config);
	set_up(&stage);
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_char(&text, '{');
	entry_append(&text, board_entry(board, 0), NULL);
	buffer_append_char(&text, ',');
	providers_part_append(&text, board, 0, 0);
	buffer_append_char(&text, '}');
	entry = span_member(span_whole(text.data, text.len), "t0");
	assert_same_names(entry, span_member(stage.prompt, "required"));
	properties = span_member(stage.prompt, "properties");
	assert_fits(
	    span_member(properties, "timing_ms"), span_member(entry, "timing_ms"));
	assert_fits(span_member(properties, "budget"), span_member(entry, "budget"));
	provider =
	    span_member(span_member(span_whole(text.data, text.len), "providers"), "p");
	assert_fits(stage.provider, provider);
	buffer_clear(&text);
	board_free(board);
	fake_config_free(config);
	tear_down(&stage);
}

/* The property NAME of the object that SCHEMA is of is spelled so. */
static void
assert_property(struct span schema, const char *name, const char *expected)
{
	struct span found = span_member(span_member(schema, "properties"), name);
	char *text = xmemdup0(found.text, found.len);

	if (strstr(text, expected) == NULL)
		fail_msg("%s: %s", name, text);
	free(text);
}

static void
test_types_are_those_of_the_fields(UNUSED void **state)
{
	struct stage stage;
	struct span budget;

	set_up(&stage);
	budget = span_member(span_member(stage.prompt, "properties"), "budget");
	assert_property(stage.prompt, "success", "\"type\": \"boolean\"");
	assert_property(stage.prompt, "cost", "\"number\"");
	assert_property(stage.prompt, "cost", "\"null\"");
	assert_property(stage.prompt, "response", "\"string\"");
	assert_property(budget, "limit", "\"type\": \"number\"");
	assert_property(budget, "started_at", "\"date-time\"");
	assert_property(stage.provider, "adaptive", "\"type\": \"boolean\"");
	assert_property(stage.provider, "limit", "\"type\": \"integer\"");
	tear_down(&stage);
}

/* The enum of NAME in the object that SCHEMA is of. */
static void
assert_enum(struct span schema, const char *name, const char *expected)
{
	struct span its = span_member(span_member(schema, "properties"), name);
	char *found = names_of(span_member(its, "enum"));

	assert_string_equal(found, expected);
	free(found);
}

static void
test_words_are_those_of_the_tables(UNUSED void **state)
{
	struct stage stage;
	struct span error;

	set_up(&stage);
	error = span_member(span_member(stage.service, "properties"), "error");
	assert_enum(stage.schema, "status", "\"ok\"\"degraded\"\"down\"");
	assert_enum(stage.schema, "outcome",
	    "\"gathering\"\"complete\"\"failed\"\"cancelled\"");
	assert_enum(stage.schema, "mode", "\"settle\"\"fail_fast\"\"all_or_nothing\"");
	assert_enum(stage.service, "status",
	    "\"ok\"\"degraded\"\"timeout\"\"http_error\"\"error\"\"cancelled\""
	    "\"skipped\"\"pending\"");
	assert_enum(
	    error, "phase", "\"dns\"\"connect\"\"tls\"\"first_byte\"\"body\"null");
	assert_enum(stage.provider, "api",
	    "\"gemini\"\"openai\"\"openai-responses\"\"anthropic\"\"ollama\"");
	assert_enum(span_member(span_member(stage.prompt, "properties"), "budget"),
	    "unit", "\"tokens\"\"cost\"");
	tear_down(&stage);
}

/* The members that PART writes. */
static char *
written(void (*part)(struct json_write *json))
{
	struct json_write json;
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	json_write_init(&json, &text);
	json_write_begin_object(&json);
	part(&json);
	json_write_end_object(&json);
	return buffer_take(&text);
}

static void
put_parts(struct json_write *json)
{
	static const char *const names[] = { "", "a", "b", NULL };

	schema_begin_object(json, true);
	schema_begin_property(json, "one", "the first");
	schema_put_names(json, names, true);
	schema_end_property(json);
	schema_begin_property(json, "two", NULL);
	schema_put_number(json, true);
	schema_end_property(json);
	schema_begin_required(json);
	json_write_string(json, "one");
	schema_end_object(json);
}

static void
test_parts_are_written_as_the_standard_has_them(UNUSED void **state)
{
	char *text = written(put_parts);

	assert_string_equal(text,
	    "{\"type\":[\"object\",\"null\"],\"properties\":{"
	    "\"one\":{\"description\":\"the first\",\"enum\":[\"a\",\"b\",null]},"
	    "\"two\":{\"type\":[\"number\",\"null\"],\"minimum\":0}},"
	    "\"required\":[\"one\"],\"additionalProperties\":false}");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_json_for_people),
		cmocka_unit_test(test_it_has_the_keys_of_the_head),
		cmocka_unit_test(test_it_has_the_keys_of_an_entry),
		cmocka_unit_test(test_it_has_the_keys_of_a_prompt_and_its_provider),
		cmocka_unit_test(test_types_are_those_of_the_fields),
		cmocka_unit_test(test_words_are_those_of_the_tables),
		cmocka_unit_test(test_parts_are_written_as_the_standard_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
