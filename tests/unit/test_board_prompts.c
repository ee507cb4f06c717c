#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/providers.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A service "t0" and a prompt "t1". */
struct fixture {
	struct config *config;
	struct board *board;
	struct board_entry *entry; /* the prompt's */
	int64_t now_ms;
};

static struct config *
config_of(const char *keys)
{
	struct config *config = fake_config_new(1);

	fake_config_add_prompt(config, keys);
	return config;
}

static void
open_board(struct fixture *f, const char *keys)
{
	f->config = config_of(keys);
	f->board = board_new(f->config);
	f->entry = board_entry(f->board, 1);
	f->now_ms = 0;
}

static void
close_board(struct fixture *f)
{
	board_free(f->board);
	fake_config_free(f->config);
}

static void
reload(struct fixture *f, struct config *config)
{
	board_reload(f->board, config);
	fake_config_free(f->config);
	f->config = config;
}

/* An outcome that is STATUS, TEXT (NULL: none) being the answer to what has HASH. */
static struct outcome
outcome_of(struct fixture *f, enum status status, const char *hash, const char *text)
{
	struct outcome outcome;

	f->now_ms += 1000;
	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	outcome.status = status;
	outcome.checked_at_ms = f->now_ms;
	outcome.attempts = 1;
	outcome.duration_us = 5;
	memcpy(outcome.prompt->input_hash, hash, strlen(hash));
	if (text == NULL)
		return outcome;
	outcome.http_status = 200;
	outcome.prompt->model = xstrdup("m-2026");
	outcome.prompt->response = xstrdup(text);
	outcome.prompt->response_len = strlen(text);
	outcome.prompt->usage.total = 10;
	outcome.prompt->cost = 7;
	outcome.data = xasprintf("\"%s\"", text);
	outcome.data_len = strlen(outcome.data);
	outcome.values = xstrdup("{\"a\":1}");
	outcome.values_len = strlen(outcome.values);
	return outcome;
}

static bool
put(struct fixture *f, enum status status, const char *hash, const char *text)
{
	struct outcome outcome = outcome_of(f, status, hash, text);

	return board_put(f->board, f->entry, &outcome);
}

/* ---- before the first outcome ---- */

static void
test_a_prompt_that_was_not_asked_has_its_model(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "model: m7\n");
	assert_string_equal(f.entry->outcome.prompt->model, "m7");
	assert_null(board_entry(f.board, 0)->outcome.prompt);
	assert_int_equal(f.entry->budget.started_at_ms, -1);
	reload(&f, config_of("model: m8\n"));
	assert_string_equal(f.entry->outcome.prompt->model, "m8");
	close_board(&f);
}

/* ---- the last good answer ---- */

static void
test_a_good_answer_is_kept_where_it_may_be_wanted(UNUSED void **state)
{
	static const char *const keys[] = { "keep_last: true\n", "when: changed\n" };

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		struct fixture f;
		const struct outcome *good;

		open_board(&f, keys[i]);
		put(&f, STATUS_OK, HASH_A, "Hi");
		assert_null(f.entry->good);
		assert_ptr_equal(board_last_good(f.entry), &f.entry->outcome);
		put(&f, STATUS_ERROR, HASH_B, NULL);
		put(&f, STATUS_SKIPPED, "", NULL);
		good = board_last_good(f.entry);
		assert_string_equal(good->prompt->response, "Hi");
		assert_string_equal(good->data, "\"Hi\"");
		assert_string_equal(f.entry->input_hash, HASH_A);
		put(&f, STATUS_DEGRADED, HASH_B, "Hm");
		assert_null(f.entry->good);
		assert_string_equal(f.entry->input_hash, HASH_B);
		close_board(&f);
	}
}

static void
test_else_it_goes_with_the_first_failure(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "");
	put(&f, STATUS_OK, HASH_A, "Hi");
	assert_string_equal(f.entry->input_hash, HASH_A);
	put(&f, STATUS_ERROR, HASH_A, NULL);
	assert_null(board_last_good(f.entry));
	assert_string_equal(f.entry->input_hash, "");
	close_board(&f);
}

static void
test_a_good_answer_may_be_used_again_for_the_same_input(UNUSED void **state)
{
	struct fixture f;
	struct outcome outcome;

	open_board(&f, "when: changed\n");
	assert_false(board_reuse(f.entry, "", &outcome));
	put(&f, STATUS_ERROR, HASH_A, NULL);
	assert_false(board_reuse(f.entry, HASH_A, &outcome));
	put(&f, STATUS_DEGRADED, HASH_A, "Hi");
	assert_false(board_reuse(f.entry, HASH_B, &outcome));
	put(&f, STATUS_ERROR, HASH_B, NULL);
	assert_true(board_reuse(f.entry, HASH_A, &outcome));
	assert_int_equal(outcome.status, STATUS_DEGRADED);
	assert_true(outcome.prompt->reused);
	assert_string_equal(outcome.prompt->response, "Hi");
	assert_string_equal(outcome.prompt->model, "m-2026");
	assert_int_equal(outcome.prompt->usage.total, 10);
	assert_string_equal(outcome.values, "{\"a\":1}");
	assert_int_equal(outcome.http_status, 200);
	assert_int_equal(outcome.attempts, 0);
	assert_int_equal(outcome.duration_us, -1);
	/* It is a copy. */
	assert_string_equal(f.entry->good->prompt->response, "Hi");
	outcome_clear(&outcome);
	close_board(&f);
}

static void
test_a_reused_answer_that_was_cancelled_is_none(UNUSED void **state)
{
	struct fixture f;
	struct outcome again;

	open_board(&f, "when: changed\n");
	put(&f, STATUS_OK, HASH_A, "Hi");
	assert_true(board_reuse(f.entry, HASH_A, &again));
	again.status = STATUS_CANCELLED;
	again.kind = KIND_CANCELLED;
	board_put_without_answer(f.board, f.entry, &again);
	assert_int_equal(f.entry->outcome.status, STATUS_CANCELLED);
	assert_string_equal(f.entry->outcome.prompt->response, "Hi");
	assert_string_equal(f.entry->good->prompt->response, "Hi");
	close_board(&f);
}

/* In a round that is all or nothing both have it. */
static void
test_an_answer_may_stay_and_be_kept(UNUSED void **state)
{
	struct fixture f;
	struct outcome outcome;

	open_board(&f, "keep_last: true\n");
	put(&f, STATUS_OK, HASH_A, "Hi");
	for (int i = 0; i < 2; i++) {
		outcome = outcome_of(&f, STATUS_ERROR, HASH_B, NULL);
		board_put_without_answer(f.board, f.entry, &outcome);
		assert_string_equal(f.entry->outcome.prompt->response, "Hi");
		assert_string_equal(f.entry->outcome.data, "\"Hi\"");
		assert_string_equal(f.entry->good->prompt->response, "Hi");
		assert_string_equal(f.entry->good->data, "\"Hi\"");
	}
	assert_string_equal(f.entry->input_hash, HASH_A);
	close_board(&f);
}

static void
test_an_answer_that_is_not_kept_may_stay(UNUSED void **state)
{
	struct fixture f;
	struct outcome outcome;

	open_board(&f, "");
	put(&f, STATUS_OK, HASH_A, "Hi");
	outcome = outcome_of(&f, STATUS_CANCELLED, HASH_B, NULL);
	board_put_without_answer(f.board, f.entry, &outcome);
	assert_string_equal(f.entry->outcome.prompt->response, "Hi");
	assert_null(f.entry->good);
	close_board(&f);
}

static void
test_what_is_held_is_seen_with_the_answer_before_it(UNUSED void **state)
{
	struct fixture f;
	struct outcome held;
	struct board_entry seen;

	open_board(&f, "keep_last: true\n");
	put(&f, STATUS_OK, HASH_A, "Hi");
	held = outcome_of(&f, STATUS_ERROR, HASH_B, NULL);
	f.entry->held = &held;
	board_see(f.entry, &seen);
	assert_int_equal(seen.outcome.status, STATUS_ERROR);
	assert_string_equal(board_last_good(&seen)->prompt->response, "Hi");
	f.entry->held = NULL;
	outcome_clear(&held);
	close_board(&f);
}

/* ---- when it is not its time ---- */

static void
test_pending_touches_little(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "when: failing\nkeep_last: true\n");
	put(&f, STATUS_OK, HASH_A, "Hi");
	put(&f, STATUS_ERROR, HASH_B, NULL);
	assert_true(put(&f, STATUS_PENDING, "", NULL));
	assert_int_equal(f.entry->outcome.status, STATUS_PENDING);
	assert_int_equal(f.entry->failures, 1);
	assert_int_equal(f.entry->since_ms, 2000);
	assert_int_equal(f.entry->last_ok_at_ms, 1000);
	assert_int_equal(f.entry->outcome.checked_at_ms, 2000);
	assert_null(f.entry->outcome.prompt->response);
	assert_string_equal(f.entry->good->prompt->response, "Hi");
	assert_false(put(&f, STATUS_PENDING, "", NULL));
	close_board(&f);
}

static void
test_it_counts_for_nothing(UNUSED void **state)
{
	struct fixture f;
	struct board_counts counts;

	open_board(&f, "when: failing\n");
	put(&f, STATUS_ERROR, HASH_A, NULL);
	assert_true(board_has_required_failure(f.board));
	put(&f, STATUS_PENDING, "", NULL);
	assert_false(board_has_required_failure(f.board));
	board_count(f.board, &counts);
	assert_int_equal(counts.of[STATUS_PENDING], 2);
	close_board(&f);
}

static void
test_only_services_that_failed_count(UNUSED void **state)
{
	static const struct {
		enum status status;
		bool failed;
	} cases[] = {
		{ STATUS_OK, false },
		{ STATUS_DEGRADED, false },
		{ STATUS_TIMEOUT, true },
		{ STATUS_HTTP_ERROR, true },
		{ STATUS_ERROR, true },
		{ STATUS_CANCELLED, false },
		{ STATUS_SKIPPED, false },
	};
	struct fixture f;
	struct outcome held;

	open_board(&f, "");
	put(&f, STATUS_ERROR, HASH_A, NULL);
	assert_false(board_has_failed_service(f.board));
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct outcome outcome;

		outcome_init(&outcome);
		outcome.status = cases[i].status;
		board_put(f.board, board_entry(f.board, 0), &outcome);
		assert_int_equal(board_has_failed_service(f.board), cases[i].failed);
	}
	outcome_init(&held);
	held.status = STATUS_TIMEOUT;
	board_entry(f.board, 0)->held = &held;
	assert_true(board_has_failed_service(f.board));
	/* It waits for such a prompt itself. */
	board_config(f.board)->targets[0]->follows_services = true;
	assert_false(board_has_failed_service(f.board));
	board_entry(f.board, 0)->held = NULL;
	close_board(&f);
}

/* ---- what a former run knew ---- */

/* An entry that was ERROR, with a good answer before that and 20 tokens spent. */
static void
restore(struct fixture *f)
{
	static const char text[] = "{\"status\":\"error\",\"response\":\"cut o\"}";
	struct board_memory memory = {
		.status = STATUS_ERROR,
		.since_ms = 100,
		.checked_at_ms = 300,
		.last_ok_at_ms = 50,
		.failures = 7,
		.entry = xstrdup(text),
		.entry_len = strlen(text),
		.budget = { .spent = 20, .reserved = 5, .started_at_ms = 40 },
		.good = xmalloc(sizeof(*memory.good)),
		.input_hash = HASH_A,
		.last_tokens = 30,
		.last_cost = MONEY_ONE / 2,
	};

	*memory.good = outcome_of(f, STATUS_OK, HASH_A, "Hi");
	memory.good->prompt->input_hash[0] = '\0';
	board_restore(f->board, f->entry, &memory);
	assert_null(memory.good);
}

static void
test_a_good_answer_outlives_the_program(UNUSED void **state)
{
	struct fixture f;
	struct outcome outcome;

	open_board(&f, "when: changed\n");
	restore(&f);
	assert_true(board_reuse(f.entry, HASH_A, &outcome));
	assert_string_equal(outcome.prompt->response, "Hi");
	board_put(f.board, f.entry, &outcome);
	assert_int_equal(f.entry->failures, 0);
	assert_string_equal(f.entry->input_hash, HASH_A);
	put(&f, STATUS_ERROR, HASH_B, NULL);
	assert_true(board_reuse(f.entry, HASH_A, &outcome));
	outcome_clear(&outcome);
	close_board(&f);
}

static void
test_it_outlives_a_failure_right_after_the_start(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "keep_last: true\n");
	restore(&f);
	put(&f, STATUS_TIMEOUT, HASH_B, NULL);
	assert_int_equal(f.entry->failures, 8);
	assert_string_equal(board_last_good(f.entry)->prompt->response, "Hi");
	close_board(&f);
}

static void
test_what_was_spent_outlives_the_program(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "");
	restore(&f);
	assert_int_equal(f.entry->budget.spent, 20);
	assert_int_equal(f.entry->budget.started_at_ms, 40);
	/* Nobody is under way any more. */
	assert_int_equal(f.entry->budget.reserved, 0);
	/* That may be of an answer that came after the good one. */
	assert_int_equal(f.entry->last_tokens, 30);
	assert_int_equal(f.entry->last_cost, MONEY_ONE / 2);
	/* Without `keep_last` nobody wants the answer. */
	assert_null(f.entry->good);
	put(&f, STATUS_OK, HASH_A, "Hi");
	assert_int_equal(f.entry->last_tokens, 10);
	assert_int_equal(f.entry->last_cost, 7);
	put(&f, STATUS_ERROR, HASH_A, NULL);
	assert_int_equal(f.entry->last_tokens, 10);
	close_board(&f);
}

static void
test_a_restored_text_is_as_good_as_an_answer(UNUSED void **state)
{
	struct fixture f;
	struct outcome outcome;

	open_board(&f, "");
	restore(&f);
	outcome = outcome_of(&f, STATUS_CANCELLED, HASH_B, NULL);
	board_put_without_answer(f.board, f.entry, &outcome);
	assert_string_equal(f.entry->outcome.prompt->response, "cut o");
	assert_int_equal(f.entry->outcome.prompt->response_len, 5);
	close_board(&f);
}

/* ---- another config ---- */

static void
test_a_reload_keeps_the_good_answer(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "keep_last: true\n");
	put(&f, STATUS_OK, HASH_A, "Hi");
	put(&f, STATUS_ERROR, HASH_B, NULL);
	reload(&f, config_of("when: changed\n"));
	assert_string_equal(board_last_good(f.entry)->prompt->response, "Hi");
	assert_string_equal(f.entry->input_hash, HASH_A);
	reload(&f, config_of(""));
	assert_null(board_last_good(f.entry));
	assert_string_equal(f.entry->input_hash, "");
	close_board(&f);
}

static void
test_a_new_secret_takes_the_answers_away(UNUSED void **state)
{
	static const char secret[] = "when: changed\nformat: json\n"
	                             "extract: {a: {path: /a, secret: true}}\n";
	struct fixture f;

	open_board(&f, "when: changed\n");
	put(&f, STATUS_OK, HASH_A, "Hi");
	put(&f, STATUS_ERROR, HASH_B, NULL);
	reload(&f, config_of(secret));
	assert_null(board_last_good(f.entry));
	close_board(&f);

	open_board(&f, "when: changed\n");
	put(&f, STATUS_OK, HASH_A, "Hi");
	reload(&f, config_of(secret));
	assert_null(f.entry->outcome.prompt->response);
	assert_string_equal(f.entry->input_hash, "");
	close_board(&f);
}

static void
test_a_name_that_becomes_another_kind_begins_anew(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "");
	put(&f, STATUS_OK, HASH_A, "Hi");
	reload(&f, fake_config_new(2));
	f.entry = board_entry(f.board, 1);
	assert_null(f.entry->outcome.prompt);
	assert_false(f.entry->asked);
	assert_int_equal(f.entry->outcome.status, STATUS_PENDING);
	reload(&f, config_of(""));
	f.entry = board_entry(f.board, 1);
	assert_non_null(f.entry->outcome.prompt);
	close_board(&f);
}

static void
test_a_reload_keeps_what_was_spent(UNUSED void **state)
{
	struct fixture f;

	open_board(&f, "budget: {tokens: 25, per: 1d}\n");
	f.entry->budget.spent = 20;
	f.entry->budget.started_at_ms = 40;
	reload(&f, config_of("budget: {tokens: 50, per: 2d}\n"));
	assert_int_equal(f.entry->budget.spent, 20);
	reload(&f, config_of(""));
	assert_int_equal(f.entry->budget.spent, 0);
	assert_int_equal(f.entry->budget.started_at_ms, -1);
	close_board(&f);
}

static void
test_the_board_has_the_providers_of_its_config(UNUSED void **state)
{
	struct fixture f;
	struct config *other = fake_config_new(1);
	struct gate *gate;

	open_board(&f, "");
	assert_int_equal(providers_count(board_providers(f.board)), 1);
	gate = providers_at(board_providers(f.board), 0)->gate;
	fake_config_set_provider(other, "q", "");
	fake_config_set_provider(other, "p", "");
	reload(&f, other);
	assert_ptr_equal(providers_find(board_providers(f.board), "p")->gate, gate);
	close_board(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_prompt_that_was_not_asked_has_its_model),
		cmocka_unit_test(test_a_good_answer_is_kept_where_it_may_be_wanted),
		cmocka_unit_test(test_else_it_goes_with_the_first_failure),
		cmocka_unit_test(
		    test_a_good_answer_may_be_used_again_for_the_same_input),
		cmocka_unit_test(test_a_reused_answer_that_was_cancelled_is_none),
		cmocka_unit_test(test_an_answer_may_stay_and_be_kept),
		cmocka_unit_test(test_an_answer_that_is_not_kept_may_stay),
		cmocka_unit_test(test_what_is_held_is_seen_with_the_answer_before_it),
		cmocka_unit_test(test_pending_touches_little),
		cmocka_unit_test(test_it_counts_for_nothing),
		cmocka_unit_test(test_only_services_that_failed_count),
		cmocka_unit_test(test_a_good_answer_outlives_the_program),
		cmocka_unit_test(test_it_outlives_a_failure_right_after_the_start),
		cmocka_unit_test(test_what_was_spent_outlives_the_program),
		cmocka_unit_test(test_a_restored_text_is_as_good_as_an_answer),
		cmocka_unit_test(test_a_reload_keeps_the_good_answer),
		cmocka_unit_test(test_a_new_secret_takes_the_answers_away),
		cmocka_unit_test(test_a_name_that_becomes_another_kind_begins_anew),
		cmocka_unit_test(test_a_reload_keeps_what_was_spent),
		cmocka_unit_test(test_the_board_has_the_providers_of_its_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
