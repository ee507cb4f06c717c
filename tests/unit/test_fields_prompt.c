#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_write.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/dependencies.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/fields.h"

/* A board of one prompt. */
struct stage {
	struct config *config;
	struct board *board;
	struct board_entry *entry;
};

static void
set_up(struct stage *stage, const char *keys)
{
	stage->config = fake_config_new(0);
	fake_config_set_provider(stage->config, "p", "price: {input: 1, output: 2}\n");
	fake_config_add_prompt(stage->config, keys);
	stage->board = board_new(stage->config);
	stage->entry = board_entry(stage->board, 0);
}

static void
tear_down(struct stage *stage)
{
	board_free(stage->board);
	fake_config_free(stage->config);
}

static const struct field *
find(const struct field *fields, const char *name)
{
	for (; fields->name != NULL; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	fail_msg("no field %s", name);
	return NULL;
}

static struct field_value
get(const struct stage *stage, const char *object, const char *name)
{
	const struct field *fields = fields_of(stage->entry);
	struct field_value value;

	if (object != NULL)
		fields = find(fields, object)->fields;
	memset(&value, 0x5a, sizeof(value)); /* the getter must write all of it */
	find(fields, name)->get(stage->entry, &value);
	return value;
}

/* An answer of STATUS that has everything. */
static void
put(struct stage *stage, enum status status)
{
	struct outcome outcome;
	struct outcome_prompt *prompt;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.checked_at_ms = 1000;
	outcome.data = xstrdup("[1]");
	outcome.data_len = 3;
	outcome_make_prompt(&outcome);
	prompt = outcome.prompt;
	prompt->model = xstrdup("m-1");
	prompt->prompt = xstrdup("How?");
	prompt->response = xmemdup0("a\0b", 3);
	prompt->response_len = 3;
	prompt->finish_reason = xstrdup("stop");
	prompt->request_id = xstrdup("req_1");
	prompt->usage = (struct prompt_usage){ 21, 5, 3, 2, 26 };
	prompt->cost = MONEY_ONE / 8;
	prompt->usage_unknown_attempts = 1;
	memset(prompt->input_hash, 'a', DIGEST_HEX_LEN);
	board_put(stage->board, stage->entry, &outcome);
}

static void
put_failure(struct stage *stage)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_ERROR;
	outcome.kind = KIND_BLOCKED;
	outcome_make_prompt(&outcome);
	board_put(stage->board, stage->entry, &outcome);
}

static void
test_fields_stand_in_the_documents_order(UNUSED void **state)
{
	static const char *const names[] = { "status", "success", "since", "checked_at",
		"last_ok_at", "failures", "next_at", "attempts", "http_status",
		"provider", "model", "duration_ms", "timing_ms", "bytes", "prompt",
		"response", "finish_reason", "usage", "usage_unknown_attempts", "cost",
		"estimate", "budget", "input_hash", "reused", "request_id", "error",
		"warnings", "values", "data", "last_response", "last_data", "group",
		"labels", "description" };
	static const char *const usage[] = { "input_tokens", "output_tokens",
		"reasoning_tokens", "cached_tokens", "total_tokens" };
	static const char *const budget[] = { "unit", "limit", "spent", "per_ms",
		"started_at", "ends_at" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		assert_string_equal(prompt_fields[i].name, names[i]);
		assert_int_equal(prompt_fields[i].optional, i >= 29);
		assert_int_equal(prompt_fields[i].fields != NULL,
		    prompt_fields[i].type == FIELD_OBJECT);
		assert_non_null(prompt_fields[i].description);
	}
	assert_null(prompt_fields[ARRAY_COUNT(names)].name);
	for (size_t i = 0; i < ARRAY_COUNT(usage); i++)
		assert_string_equal(
		    find(prompt_fields, "usage")->fields[i].name, usage[i]);
	for (size_t i = 0; i < ARRAY_COUNT(budget); i++)
		assert_string_equal(budget_fields[i].name, budget[i]);
	assert_int_equal(ARRAY_COUNT(budget), BUDGET_PART_COUNT);
	assert_null(budget_fields[BUDGET_PART_COUNT].name);
}

static void
test_what_templates_may_name_is_what_there_is(UNUSED void **state)
{
	size_t i = 0;

	for (; prompt_fields[i].name != NULL; i++)
		assert_string_equal(
		    dependencies_prompt_fields[i], prompt_fields[i].name);
	assert_null(dependencies_prompt_fields[i]);
}

static void
test_shared_fields_are_those_of_services(UNUSED void **state)
{
	static const char *const own[] = { "attempts", "error", "warnings", "values",
		"labels", "timing_ms", "bytes", "since" };

	for (size_t i = 0; i < ARRAY_COUNT(own); i++) {
		const struct field *of_prompt = find(prompt_fields, own[i]);
		const struct field *of_service = find(service_fields, own[i]);

		assert_ptr_equal(of_prompt->get, of_service->get);
		assert_string_equal(of_prompt->description, of_service->description);
	}
}

static void
test_each_kind_of_target_has_its_fields(UNUSED void **state)
{
	struct config *config = fake_config_new(1);
	struct board *board;

	fake_config_add_prompt(config, "");
	board = board_new(config);
	assert_ptr_equal(fields_of(board_entry(board, 0)), service_fields);
	assert_ptr_equal(fields_of(board_entry(board, 1)), prompt_fields);
	board_free(board);
	fake_config_free(config);
}

static void
test_a_pending_prompt_has_fields_without_values(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "");
	assert_string_equal(get(&stage, NULL, "status").text, "pending");
	assert_int_equal(get(&stage, NULL, "success").number, 0);
	assert_string_equal(get(&stage, NULL, "provider").text, "p");
	assert_string_equal(get(&stage, NULL, "model").text, "m0");
	assert_null(get(&stage, NULL, "prompt").text);
	assert_null(get(&stage, NULL, "response").text);
	assert_null(get(&stage, NULL, "finish_reason").text);
	assert_true(get(&stage, NULL, "usage").absent);
	assert_int_equal(get(&stage, NULL, "usage_unknown_attempts").number, 0);
	assert_true(get(&stage, NULL, "cost").number < 0);
	assert_true(get(&stage, NULL, "budget").absent);
	assert_null(get(&stage, NULL, "input_hash").text);
	assert_int_equal(get(&stage, NULL, "reused").number, 0);
	assert_null(get(&stage, NULL, "request_id").text);
	assert_true(get(&stage, NULL, "last_response").absent);
	assert_true(get(&stage, NULL, "last_data").absent);
	tear_down(&stage);
}

static void
test_fields_tell_the_answer(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "");
	put(&stage, STATUS_DEGRADED);
	assert_int_equal(get(&stage, NULL, "success").number, 1);
	assert_string_equal(get(&stage, NULL, "model").text, "m-1");
	assert_string_equal(get(&stage, NULL, "prompt").text, "How?");
	assert_int_equal(get(&stage, NULL, "response").len, 3);
	assert_memory_equal(get(&stage, NULL, "response").text, "a\0b", 4);
	assert_string_equal(get(&stage, NULL, "finish_reason").text, "stop");
	assert_false(get(&stage, NULL, "usage").absent);
	assert_int_equal(get(&stage, "usage", "input_tokens").number, 21);
	assert_int_equal(get(&stage, "usage", "output_tokens").number, 5);
	assert_int_equal(get(&stage, "usage", "reasoning_tokens").number, 3);
	assert_int_equal(get(&stage, "usage", "cached_tokens").number, 2);
	assert_int_equal(get(&stage, "usage", "total_tokens").number, 26);
	assert_int_equal(get(&stage, NULL, "usage_unknown_attempts").number, 1);
	assert_int_equal(get(&stage, NULL, "cost").number, MONEY_ONE / 8);
	assert_int_equal(get(&stage, NULL, "input_hash").len, DIGEST_HEX_LEN);
	assert_string_equal(get(&stage, NULL, "request_id").text, "req_1");
	assert_string_equal(get(&stage, NULL, "data").text, "[1]");
	tear_down(&stage);
}

static void
test_a_budget_is_told_in_its_unit(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "budget: {tokens: 25, per: 1d}\n");
	assert_false(get(&stage, NULL, "budget").absent);
	assert_string_equal(get(&stage, "budget", "unit").text, "tokens");
	assert_int_equal(get(&stage, "budget", "limit").number, 25);
	assert_false(get(&stage, "budget", "limit").is_money);
	assert_int_equal(get(&stage, "budget", "spent").number, 0);
	assert_int_equal(get(&stage, "budget", "per_ms").number, 86400000);
	assert_true(get(&stage, "budget", "started_at").number < 0);
	assert_true(get(&stage, "budget", "ends_at").number < 0);
	stage.entry->budget.spent = 20;
	stage.entry->budget.started_at_ms = 1000;
	assert_int_equal(get(&stage, "budget", "spent").number, 20);
	assert_int_equal(get(&stage, "budget", "started_at").number, 1000);
	assert_int_equal(get(&stage, "budget", "ends_at").number, 86401000);
	tear_down(&stage);

	set_up(&stage, "budget: {cost: 0.5, per: 1h}\n");
	assert_string_equal(get(&stage, "budget", "unit").text, "cost");
	assert_int_equal(get(&stage, "budget", "limit").number, MONEY_ONE / 2);
	assert_true(get(&stage, "budget", "limit").is_money);
	assert_true(get(&stage, "budget", "spent").is_money);
	tear_down(&stage);
}

static void
test_the_last_good_answer_is_told_on_request(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "keep_last: true\n");
	assert_false(get(&stage, NULL, "last_response").absent);
	assert_null(get(&stage, NULL, "last_response").text);
	assert_null(get(&stage, NULL, "last_data").text);
	put(&stage, STATUS_OK);
	assert_int_equal(get(&stage, NULL, "last_response").len, 3);
	assert_string_equal(get(&stage, NULL, "last_data").text, "[1]");
	put_failure(&stage);
	assert_null(get(&stage, NULL, "response").text);
	assert_null(get(&stage, NULL, "data").text);
	assert_int_equal(get(&stage, NULL, "last_response").len, 3);
	assert_memory_equal(get(&stage, NULL, "last_response").text, "a\0b", 4);
	assert_int_equal(get(&stage, NULL, "last_data").len, 3);
	assert_string_equal(get(&stage, "error", "kind").text, "blocked");
	tear_down(&stage);
}

static void
test_numbers_are_written_by_their_type(UNUSED void **state)
{
	static const struct {
		enum field_type type;
		int64_t number;
		bool is_money;
		const char *expected;
	} rows[] = {
		{ FIELD_INT, 17, false, "17" },
		{ FIELD_INT, -1, false, "null" },
		{ FIELD_US, 203400, false, "203.4" },
		{ FIELD_MONEY, INT64_C(1250000000), false, "0.00125" },
		{ FIELD_MONEY, -1, false, "null" },
		{ FIELD_AMOUNT, 25, false, "25" },
		{ FIELD_AMOUNT, MONEY_ONE / 2, true, "0.5" },
		{ FIELD_BOOL, 0, false, "false" },
		{ FIELD_BOOL, 1, false, "true" },
		{ FIELD_TIME, 0, false, "\"1970-01-01T00:00:00.000Z\"" },
		{ FIELD_TIME, -1, false, "null" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct field_value value = {
			.number = rows[i].number,
			.is_money = rows[i].is_money,
		};
		struct json_write json;
		struct buffer out;

		buffer_init(&out, BUFFER_UNLIMITED);
		json_write_init(&json, &out);
		field_write_number(&json, rows[i].type, &value);
		assert_string_equal(out.data, rows[i].expected);
		buffer_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_stand_in_the_documents_order),
		cmocka_unit_test(test_what_templates_may_name_is_what_there_is),
		cmocka_unit_test(test_shared_fields_are_those_of_services),
		cmocka_unit_test(test_each_kind_of_target_has_its_fields),
		cmocka_unit_test(test_a_pending_prompt_has_fields_without_values),
		cmocka_unit_test(test_fields_tell_the_answer),
		cmocka_unit_test(test_a_budget_is_told_in_its_unit),
		cmocka_unit_test(test_the_last_good_answer_is_told_on_request),
		cmocka_unit_test(test_numbers_are_written_by_their_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
