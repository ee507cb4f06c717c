/*
 * What the board keeps of answers when a round was all for nothing, and until when it says
 * that nobody is to be asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "board_stage.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"

/* A good answer with DATA, values and a secret one. */
static void
put_answer(struct board_stage *f, const char *data)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.checked_at_ms = f->now_ms += 1000;
	outcome.data = xstrdup(data);
	outcome.data_len = strlen(data);
	outcome.values = xstrdup("{\"token\":\"***\"}");
	outcome.values_len = strlen(outcome.values);
	outcome.secret_values = xstrdup("{\"token\":\"x\"}");
	outcome.secret_values_len = strlen(outcome.secret_values);
	board_put(f->board, board_entry(f->board, 0), &outcome);
}

/* STATUS, in a round whose answers do not count; with an answer that came all the same. */
static bool
put_nothing(struct board_stage *f, enum status status)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.kind = status == STATUS_CANCELLED ? KIND_CANCELLED : KIND_TIMEOUT;
	outcome.checked_at_ms = f->now_ms += 1000;
	outcome.http_status = 418;
	outcome.data = xstrdup("\"too late\"");
	outcome.data_len = strlen(outcome.data);
	outcome.values = xstrdup("{\"late\":1}");
	outcome.values_len = strlen(outcome.values);
	return board_put_without_answer(f->board, board_entry(f->board, 0), &outcome);
}

static void
assert_answer(const struct board_stage *f, const char *data, const char *values,
    const char *secret_values)
{
	const struct outcome *outcome = &board_entry(f->board, 0)->outcome;

	assert_int_equal(outcome->data != NULL, data != NULL);
	assert_int_equal(outcome->values != NULL, values != NULL);
	assert_int_equal(outcome->secret_values != NULL, secret_values != NULL);
	if (data != NULL) {
		assert_string_equal(outcome->data, data);
		assert_int_equal(outcome->data_len, strlen(data));
	}
	if (values != NULL) {
		assert_string_equal(outcome->values, values);
		assert_int_equal(outcome->values_len, strlen(values));
	}
	if (secret_values != NULL) {
		assert_string_equal(outcome->secret_values, secret_values);
		assert_int_equal(outcome->secret_values_len, strlen(secret_values));
	}
}

static void
test_what_the_last_complete_round_answered_stays(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	put_answer(&f, "[1]");
	assert_true(put_nothing(&f, STATUS_CANCELLED));
	assert_answer(&f, "[1]", "{\"token\":\"***\"}", "{\"token\":\"x\"}");
	assert_int_equal(entry->outcome.status, STATUS_CANCELLED);
	assert_int_equal(entry->outcome.http_status, 418);
	assert_int_equal(entry->outcome.checked_at_ms, 2000);
	assert_int_equal(entry->last_ok_at_ms, 1000);
	assert_int_equal(entry->version, 2);
	assert_false(put_nothing(&f, STATUS_CANCELLED));
	assert_true(put_nothing(&f, STATUS_TIMEOUT));
	assert_answer(&f, "[1]", "{\"token\":\"***\"}", "{\"token\":\"x\"}");
	assert_int_equal(entry->failures, 1);

	put_answer(&f, "[2]");
	assert_answer(&f, "[2]", "{\"token\":\"***\"}", "{\"token\":\"x\"}");
	put(&f, 0, STATUS_TIMEOUT);
	assert_answer(&f, NULL, NULL, NULL);
	tear_down(&f);
}

static void
test_before_a_complete_round_there_is_no_answer(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	assert_true(put_nothing(&f, STATUS_CANCELLED));
	assert_answer(&f, NULL, NULL, NULL);
	tear_down(&f);
}

static void
test_the_answers_of_a_former_run_stay_too(UNUSED void **state)
{
	static const struct {
		const char *entry;
		const char *data;
		const char *values;
	} rows[] = {
		{ "{\"status\":\"ok\",\"values\":{\"a\":1.10},\"data\":[ 3]}", "[ 3]",
		    "{\"a\":1.10}" },
		{ "{\"status\":\"ok\",\"values\":{},\"data\":null}", NULL, "{}" },
		{ "{\"status\":\"ok\"}", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct board_memory memory = memory_of(STATUS_OK);
		struct board_stage f;

		set_up(&f, 1);
		free(memory.entry);
		memory.entry = xstrdup(rows[i].entry);
		memory.entry_len = strlen(rows[i].entry);
		restore(&f, 0, memory);
		put_nothing(&f, STATUS_CANCELLED);
		assert_null(board_entry(f.board, 0)->restored);
		assert_answer(&f, rows[i].data, rows[i].values, NULL);
		put_nothing(&f, STATUS_CANCELLED);
		assert_answer(&f, rows[i].data, rows[i].values, NULL);
		tear_down(&f);
	}
}

static void
test_of_a_former_run_without_a_text_there_is_no_answer(UNUSED void **state)
{
	struct board_memory memory = memory_of(STATUS_OK);
	struct board_stage f;

	set_up(&f, 1);
	free(memory.entry);
	memory.entry = NULL;
	restore(&f, 0, memory);
	put_nothing(&f, STATUS_CANCELLED);
	assert_answer(&f, NULL, NULL, NULL);
	tear_down(&f);
}

static void
test_with_keep_last_the_answer_is_there_twice(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 1);
	f.config->targets[0]->keep_last = true;
	entry = board_entry(f.board, 0);
	put_answer(&f, "[1]");
	put_nothing(&f, STATUS_CANCELLED);
	put_nothing(&f, STATUS_CANCELLED);
	assert_answer(&f, "[1]", "{\"token\":\"***\"}", "{\"token\":\"x\"}");
	assert_string_equal(entry->last_data, "[1]");
	assert_int_equal(entry->last_data_len, 3);
	put(&f, 0, STATUS_TIMEOUT);
	assert_answer(&f, NULL, NULL, NULL);
	assert_string_equal(entry->last_data, "[1]");
	put_answer(&f, "[2]");
	assert_null(entry->last_data);
	tear_down(&f);
}

/* Go over to a config whose target has KEYS, which it keeps its last answer with. */
static void
switch_to(struct board_stage *f, const char *keys)
{
	struct config *config = fake_config_new(1);

	fake_config_set(config, 0, keys);
	config->targets[0]->keep_last = true;
	board_reload(f->board, config);
	fake_config_free(f->config);
	f->config = config;
}

static void
test_an_answer_that_is_secret_by_now_is_forgotten(UNUSED void **state)
{
	static const char open[] = "{extract: {token: /token}}";
	static const char secret[] = "{extract: {token: {path: /token, secret: true}}}";
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 1);
	switch_to(&f, open);
	entry = board_entry(f.board, 0);
	put_answer(&f, "[1]");
	put_nothing(&f, STATUS_CANCELLED);
	switch_to(&f, open);
	assert_answer(&f, "[1]", "{\"token\":\"***\"}", "{\"token\":\"x\"}");
	assert_non_null(entry->last_data);
	switch_to(&f, secret);
	assert_answer(&f, NULL, NULL, NULL);
	assert_null(entry->last_data);
	assert_int_equal(entry->outcome.status, STATUS_CANCELLED);
	/* What it answered as a secret stays. */
	put_answer(&f, "[2]");
	switch_to(&f, secret);
	assert_answer(&f, "[2]", "{\"token\":\"***\"}", "{\"token\":\"x\"}");
	tear_down(&f);

	set_up(&f, 1);
	restore_data(&f, 0, STATUS_OK, "\"hunter22\"");
	switch_to(&f, secret);
	assert_null(board_entry(f.board, 0)->restored);
	assert_null(board_entry(f.board, 0)->last_data);
	tear_down(&f);
}

/* ---- when it is asked next ---- */

static void
test_the_later_hold_is_told_by_the_wall_clock(UNUSED void **state)
{
	struct board_stage f;
	struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	assert_int_equal(entry->next_at_ms, -1);
	board_hold(f.board, entry, 7000000, 0, 5000000, 100000);
	assert_int_equal(entry->hold_until_us, 7000000);
	assert_int_equal(entry->backoff_until_us, 0);
	assert_int_equal(entry->next_at_ms, 102000);
	assert_int_equal(entry->version, 1);
	/* the same again, a second later */
	board_hold(f.board, entry, 7000000, 0, 6000000, 101000);
	assert_int_equal(entry->next_at_ms, 102000);
	assert_int_equal(entry->version, 1);
	board_hold(f.board, entry, 7000000, 9000500, 6000000, 101000);
	assert_int_equal(entry->backoff_until_us, 9000500);
	assert_int_equal(entry->next_at_ms, 104000);
	assert_int_equal(entry->version, 2);
	board_hold(f.board, entry, 0, 0, 6000000, 101000);
	assert_int_equal(entry->next_at_ms, -1);
	assert_int_equal(entry->version, 3);
	tear_down(&f);
}

static void
test_a_hold_that_is_over_is_none(UNUSED void **state)
{
	struct board_stage f;
	struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	board_hold(f.board, entry, 5000000, 4000000, 5000000, 100000);
	assert_int_equal(entry->next_at_ms, -1);
	assert_int_equal(entry->version, 0);
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_last_complete_round_answered_stays),
		cmocka_unit_test(test_before_a_complete_round_there_is_no_answer),
		cmocka_unit_test(test_the_answers_of_a_former_run_stay_too),
		cmocka_unit_test(
		    test_of_a_former_run_without_a_text_there_is_no_answer),
		cmocka_unit_test(test_with_keep_last_the_answer_is_there_twice),
		cmocka_unit_test(test_an_answer_that_is_secret_by_now_is_forgotten),
		cmocka_unit_test(test_the_later_hold_is_told_by_the_wall_clock),
		cmocka_unit_test(test_a_hold_that_is_over_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
