#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "board_stage.h"
#include "gather/board.h"
#include "gather/outcome.h"
#include "gather/tally.h"

static void
put_duration(struct tally *tally, int64_t duration_us)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.duration_us = duration_us;
	tally_put(tally, &outcome);
}

static void
test_outcomes_are_counted_by_status(UNUSED void **state)
{
	struct tally tally = { 0 };
	struct outcome outcome;

	for (int status = 0; status < STATUS_COUNT; status++) {
		for (int times = 0; times <= status; times++) {
			outcome_init(&outcome);
			outcome.status = (enum status)status;
			outcome.attempts = 2;
			tally_put(&tally, &outcome);
		}
	}
	for (int status = 0; status < STATUS_COUNT; status++)
		assert_int_equal(tally.outcomes[status], status + 1);
	assert_int_equal(tally.attempts, STATUS_COUNT * (STATUS_COUNT + 1));
}

static void
test_the_buckets_rise(UNUSED void **state)
{
	for (size_t i = 1; i < TALLY_BUCKET_COUNT; i++)
		assert_true(tally_bucket_us[i] > tally_bucket_us[i - 1]);
}

static void
test_a_duration_is_in_the_first_bucket_that_holds_it(UNUSED void **state)
{
	struct tally tally = { 0 };

	put_duration(&tally, 0);
	put_duration(&tally, tally_bucket_us[0]);
	put_duration(&tally, tally_bucket_us[0] + 1);
	put_duration(&tally, tally_bucket_us[TALLY_BUCKET_COUNT - 1]);

	assert_int_equal(tally.buckets[0], 2);
	assert_int_equal(tally.buckets[1], 1);
	assert_int_equal(tally.buckets[TALLY_BUCKET_COUNT - 1], 1);
	assert_int_equal(tally.duration_count, 4);
	assert_int_equal(tally.duration_sum_us,
	    2 * tally_bucket_us[0] + 1 + tally_bucket_us[TALLY_BUCKET_COUNT - 1]);
}

static void
test_what_is_longer_than_all_buckets_counts_all_the_same(UNUSED void **state)
{
	struct tally tally = { 0 };

	put_duration(&tally, tally_bucket_us[TALLY_BUCKET_COUNT - 1] + 1);
	for (size_t i = 0; i < TALLY_BUCKET_COUNT; i++)
		assert_int_equal(tally.buckets[i], 0);
	assert_int_equal(tally.duration_count, 1);
}

static void
test_a_turn_without_a_duration_is_in_no_histogram(UNUSED void **state)
{
	struct tally tally = { 0 };

	put_duration(&tally, -1);
	assert_int_equal(tally.duration_count, 0);
	assert_int_equal(tally.duration_sum_us, 0);
	assert_int_equal(tally.outcomes[STATUS_OK], 1);
}

/* ---- prompts ---- */

static void
put_prompt(struct tally *tally, const struct outcome_prompt *prompt)
{
	struct outcome outcome;
	struct outcome_prompt part = *prompt;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.prompt = &part;
	tally_put(tally, &outcome);
}

static void
test_tokens_and_money_are_summed(UNUSED void **state)
{
	static const struct outcome_prompt prompt = {
		.usage = { .input = 21,
		    .output = 5,
		    .reasoning = 3,
		    .cached = 8,
		    .total = 26 },
		.cost = 1250,
		.usage_unknown_attempts = 1,
	};
	struct tally tally = { 0 };

	put_prompt(&tally, &prompt);
	put_prompt(&tally, &prompt);
	assert_int_equal(tally.input_tokens, 42);
	assert_int_equal(tally.output_tokens, 10);
	assert_int_equal(tally.reasoning_tokens, 6);
	assert_int_equal(tally.cached_tokens, 16);
	assert_int_equal(tally.cost, 2500);
	assert_int_equal(tally.unknown_attempts, 2);
	assert_int_equal(tally.reused, 0);
}

static void
test_what_nobody_told_counts_for_nothing(UNUSED void **state)
{
	static const struct outcome_prompt prompt = {
		.usage = { -1, -1, -1, -1, -1 },
		.cost = -1,
	};
	struct tally tally = { 0 };

	put_prompt(&tally, &prompt);
	assert_int_equal(tally.input_tokens, 0);
	assert_int_equal(tally.output_tokens, 0);
	assert_int_equal(tally.reasoning_tokens, 0);
	assert_int_equal(tally.cached_tokens, 0);
	assert_int_equal(tally.cost, 0);
}

static void
test_a_reused_answer_is_not_paid_for_again(UNUSED void **state)
{
	static const struct outcome_prompt prompt = {
		.usage = { .input = 21, .output = 5, .total = 26 },
		.cost = 1250,
		.reused = true,
	};
	struct tally tally = { 0 };

	put_prompt(&tally, &prompt);
	assert_int_equal(tally.input_tokens, 0);
	assert_int_equal(tally.output_tokens, 0);
	assert_int_equal(tally.cost, 0);
	assert_int_equal(tally.reused, 1);
}

static void
test_more_money_than_can_be_counted_stays_the_most(UNUSED void **state)
{
	static const struct outcome_prompt prompt = { .cost = INT64_MAX - 1 };
	struct tally tally = { 0 };

	put_prompt(&tally, &prompt);
	put_prompt(&tally, &prompt);
	put_prompt(&tally, &prompt);
	assert_true(tally.cost == INT64_MAX);
}

/* ---- on the board ---- */

static void
test_the_board_counts_every_outcome_and_keeps_the_last_ones(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 2);
	put(&f, 0, STATUS_OK);
	put(&f, 0, STATUS_TIMEOUT);
	put(&f, 0, STATUS_PENDING);
	entry = board_entry(f.board, 0);
	assert_int_equal(entry->tally.outcomes[STATUS_OK], 1);
	assert_int_equal(entry->tally.outcomes[STATUS_TIMEOUT], 1);
	assert_int_equal(entry->tally.outcomes[STATUS_PENDING], 1);
	assert_int_equal(entry->history.count, 2);
	assert_int_equal(history_at(&entry->history, 0)->status, STATUS_OK);
	assert_int_equal(history_at(&entry->history, 1)->status, STATUS_TIMEOUT);
	assert_int_equal(board_entry(f.board, 1)->history.count, 0);
	tear_down(&f);
}

static void
test_an_outcome_of_a_cancelled_round_is_counted_once(UNUSED void **state)
{
	struct board_stage f;
	struct outcome outcome;

	set_up(&f, 1);
	put(&f, 0, STATUS_OK);
	outcome_init(&outcome);
	outcome.status = STATUS_CANCELLED;
	board_put_without_answer(f.board, board_entry(f.board, 0), &outcome);
	assert_int_equal(board_entry(f.board, 0)->tally.outcomes[STATUS_CANCELLED], 1);
	assert_int_equal(board_entry(f.board, 0)->history.count, 2);
	tear_down(&f);
}

static void
test_both_stay_over_a_reload(UNUSED void **state)
{
	static const size_t numbers[] = { 1, 0 };
	struct board_stage f;
	struct config *next = fake_config_of(ARRAY_COUNT(numbers), numbers);

	set_up(&f, 2);
	put(&f, 0, STATUS_ERROR);
	board_reload(f.board, next);
	fake_config_free(f.config);
	f.config = next;
	assert_int_equal(board_find(f.board, "t0")->tally.outcomes[STATUS_ERROR], 1);
	assert_int_equal(board_find(f.board, "t0")->history.count, 1);
	assert_int_equal(board_find(f.board, "t1")->history.count, 0);
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes_are_counted_by_status),
		cmocka_unit_test(test_the_buckets_rise),
		cmocka_unit_test(test_a_duration_is_in_the_first_bucket_that_holds_it),
		cmocka_unit_test(
		    test_what_is_longer_than_all_buckets_counts_all_the_same),
		cmocka_unit_test(test_a_turn_without_a_duration_is_in_no_histogram),
		cmocka_unit_test(test_tokens_and_money_are_summed),
		cmocka_unit_test(test_what_nobody_told_counts_for_nothing),
		cmocka_unit_test(test_a_reused_answer_is_not_paid_for_again),
		cmocka_unit_test(test_more_money_than_can_be_counted_stays_the_most),
		cmocka_unit_test(
		    test_the_board_counts_every_outcome_and_keeps_the_last_ones),
		cmocka_unit_test(test_an_outcome_of_a_cancelled_round_is_counted_once),
		cmocka_unit_test(test_both_stay_over_a_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
