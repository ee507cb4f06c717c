#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "turn_prompts_stage.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* As long as a budget of a day, without living through it. */
static void
pass_a_day(struct fixture *f)
{
	fake_http_pass(f->http, DAY_MS * MS);
}

static void
answer_with(struct fixture *f, size_t index, long http_status, const char *body)
{
	*fake_http_answer(f->http, index) = (struct fake_answer){
		.delay_us = 100 * MS,
		.http_status = http_status,
		.content_type = "application/json",
		.body = body,
	};
}

static struct budget *
budget(const struct fixture *f, size_t index)
{
	return &board_entry(f->board, index)->budget;
}

/* Without a usage. */
#define BARE_ANSWER \
	"{\"choices\":[{\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}"

/* ---- in tokens ---- */

/* 25 tokens, 10 a call. */
static void
test_two_calls_fit_into_the_budget(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "budget: {tokens: 25, per: 1d}\n");
	const struct outcome *outcome;

	begin(f);
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(budget(f, p)->spent, 20);
	assert_int_equal(budget(f, p)->started_at_ms, FAKE_START_MS + 100);
	outcome = ask(f, p);
	assert_int_equal(outcome->status, STATUS_SKIPPED);
	assert_int_equal(outcome->kind, KIND_BUDGET);
	assert_int_equal(outcome->attempts, 0);
	assert_int_equal(outcome->queued_us, -1);
	assert_string_equal(outcome->message,
	    "budget of 25 tokens per 1d: 20 spent, about 10 more asked for, next period "
	    "begins at 2026-11-22T03:40:00.100Z");
	assert_int_equal(asked(f), 2);
}

static void
test_the_next_period_lets_it_ask_again(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "budget: {tokens: 10, per: 1d}\n");

	begin(f);
	ask(f, p);
	assert_int_equal(ask(f, p)->kind, KIND_BUDGET);
	fake_http_pass(f->http, DAY_MS * MS - 1 * MS);
	assert_int_equal(ask(f, p)->kind, KIND_BUDGET);
	fake_http_pass(f->http, 1 * MS);
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(budget(f, p)->spent, 10);
	assert_int_equal(ask(f, p)->kind, KIND_BUDGET);
}

/* One answer that was too long is not the last one for ever. */
static void
test_an_answer_that_was_more_than_a_budget_is_no_estimate(void **state)
{
	struct fixture *f = *state;
	size_t tokens, cost;

	/* It takes 10 tokens, or 19 millionths, where 4, or 13, were estimated. */
	fake_config_set_provider(f->config, "p", "price: {input: 1, output: 4}\n");
	tokens = add(f, "budget: {tokens: 9, per: 1d}\nmax_tokens: 3\n");
	cost = add(f, "budget: {cost: 0.000018, per: 1d}\nmax_tokens: 3\n");
	begin(f);
	for (int day = 0; day < 3; day++) {
		assert_int_equal(ask(f, tokens)->status, STATUS_OK);
		assert_int_equal(budget(f, tokens)->spent, 10);
		assert_int_equal(ask(f, tokens)->kind, KIND_BUDGET);
		assert_int_equal(ask(f, cost)->status, STATUS_OK);
		assert_int_equal(ask(f, cost)->kind, KIND_BUDGET);
		pass_a_day(f);
	}
}

/* ENTRY's state, as a document would carry it to the next run. */
static struct board_memory
memory_of(const struct board_entry *entry)
{
	static const char text[] =
	    "{\"status\":\"ok\",\"usage\":{\"total_tokens\":10},\"cost\":null}";

	return (struct board_memory){
		.status = entry->outcome.status,
		.since_ms = entry->since_ms,
		.checked_at_ms = entry->outcome.checked_at_ms,
		.last_ok_at_ms = entry->last_ok_at_ms,
		.entry = xstrdup(text),
		.entry_len = strlen(text),
		.budget = entry->budget,
	};
}

static void
test_a_restart_does_not_refill_it(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "budget: {tokens: 25, per: 1d}\n");
	struct board_memory memory;

	begin(f);
	ask(f, p);
	memory = memory_of(board_entry(f->board, p));
	board_free(f->board);
	f->board = board_new(f->config);
	f->context.board = f->board;
	board_restore(f->board, board_entry(f->board, p), &memory);
	assert_int_equal(budget(f, p)->spent, 10);
	/* What the last one took is known, too. */
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(ask(f, p)->kind, KIND_BUDGET);
	assert_int_equal(asked(f), 2);
	pass_a_day(f);
	assert_int_equal(ask(f, p)->status, STATUS_OK);
}

static void
test_the_first_estimate_is_by_text_and_max_tokens(void **state)
{
	struct fixture *f = *state;
	/* 6 bytes of text are 1 token. */
	size_t fits = add(f, "max_tokens: 99\nbudget: {tokens: 100, per: 1d}\n");
	size_t too_long = add(f, "max_tokens: 100\nbudget: {tokens: 100, per: 1d}\n");

	begin(f);
	assert_int_equal(ask(f, fits)->status, STATUS_OK);
	assert_int_equal(ask(f, too_long)->kind, KIND_BUDGET);
	assert_string_equal(f->outcomes[too_long].message,
	    "budget of 100 tokens per 1d: 0 spent, about 101 more asked for");
	/* And then by what it took. */
	for (int i = 0; i < 9; i++)
		assert_int_equal(ask(f, fits)->status, STATUS_OK);
	assert_int_equal(ask(f, fits)->kind, KIND_BUDGET);
}

static void
test_a_budget_that_is_used_up_lets_nothing_through(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "prompt: Hi\nbudget: {tokens: 10, per: 1d}\n");

	begin(f);
	ask(f, p);
	board_entry(f->board, p)->last_tokens = -1;
	assert_int_equal(ask(f, p)->kind, KIND_BUDGET);
}

static void
test_prompts_share_the_budget_of_their_provider(void **state)
{
	struct fixture *f = *state;
	size_t first, second, third;

	fake_config_set_provider(f->config, "p", "budget: {tokens: 25, per: 1d}\n");
	first = add(f, "");
	second = add(f, "");
	third = add(f, "");
	begin(f);
	assert_int_equal(ask(f, first)->status, STATUS_OK);
	assert_int_equal(ask(f, second)->status, STATUS_OK);
	assert_int_equal(provider(f)->budget.spent, 20);
	assert_int_equal(ask(f, first)->kind, KIND_BUDGET);
	assert_string_equal(f->outcomes[first].message,
	    "p: budget of 25 tokens per 1d: 20 spent, about 10 more asked for, next "
	    "period begins at 2026-11-22T03:40:00.100Z");
	/* By its text it may fit. */
	assert_int_equal(ask(f, third)->status, STATUS_OK);
	assert_int_equal(budget(f, first)->spent, 0);
}

static void
test_those_under_way_cannot_pass_it_together(void **state)
{
	struct fixture *f = *state;
	size_t first, second;

	fake_config_set_provider(f->config, "p", "budget: {tokens: 110, per: 1d}\n");
	first = add(f, "max_tokens: 99\n");
	second = add(f, "max_tokens: 99\n");
	begin(f);
	start(f, first);
	start(f, second);
	assert_int_equal(f->outcomes[second].kind, KIND_BUDGET);
	assert_string_equal(f->outcomes[second].message,
	    "p: budget of 110 tokens per 1d: 0 spent, 100 under way, about 100 more "
	    "asked for");
	pass(f, 100 * MS);
	assert_int_equal(provider(f)->budget.spent, 10);
	assert_int_equal(ask(f, second)->status, STATUS_OK);
}

/* Until it has its ticket the other one may be done, with less than it could have taken. */
static void
test_who_queues_is_not_turned_away_for_what_is_under_way(void **state)
{
	struct fixture *f = *state;
	size_t first, second;

	fake_config_set_provider(
	    f->config, "p", "max_concurrent: 1\nbudget: {tokens: 110, per: 1d}\n");
	first = add(f, "max_tokens: 99\n");
	second = add(f, "max_tokens: 99\n");
	begin(f);
	start(f, first);
	start(f, second);
	assert_int_equal(f->reports[second], 0);
	pass(f, 200 * MS);
	assert_int_equal(f->outcomes[second].status, STATUS_OK);
}

static void
test_who_cannot_be_paid_does_not_wait_for_a_ticket(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "budget: {tokens: 10, per: 1d}\n");

	begin(f);
	ask(f, p);
	limiter_set_max(f->limiter, 0);
	assert_null(start(f, p));
	assert_int_equal(f->outcomes[p].kind, KIND_BUDGET);
	limiter_set_max(f->limiter, 100);
}

/* ---- what is paid for ---- */

static void
test_an_error_costs_nothing(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "budget: {tokens: 25, per: 1d}\nretries: 2\n");

	begin(f);
	answer_with(f, p, 500, ERROR("oops", "no"));
	ask(f, p);
	assert_int_equal(f->outcomes[p].attempts, 3);
	assert_int_equal(budget(f, p)->spent, 0);
	assert_int_equal(budget(f, p)->started_at_ms, -1);
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 0);
}

/* As gateways put it. */
static void
test_a_push_back_in_a_good_status_costs_nothing(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "budget: {tokens: 25, per: 1d}\n");

	begin(f);
	f->config->targets[p]->deadline_ms = 3000;
	answer_with(f, p, 200, "{\"error\":{\"code\":429,\"message\":\"no\"}}");
	assert_int_equal(ask(f, p)->kind, KIND_RATE_LIMITED);
	assert_true(f->outcomes[p].attempts > 1);
	assert_int_equal(budget(f, p)->spent, 0);
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 0);
}

static void
test_what_nobody_knows_is_charged_as_estimated(void **state)
{
	struct fixture *f = *state;
	size_t late = add(f, "budget: {tokens: 1000, per: 1d}\nmax_tokens: 99\n");
	size_t bare = add(f, "budget: {tokens: 1000, per: 1d}\nmax_tokens: 99\n");

	begin(f);
	*fake_http_answer(f->http, late) =
	    (struct fake_answer){ .delay_us = FAKE_NEVER, .phase = PHASE_FIRST_BYTE };
	ask(f, late);
	assert_int_equal(f->outcomes[late].prompt->usage_unknown_attempts, 1);
	assert_int_equal(budget(f, late)->spent, 100);
	answer_with(f, bare, 200, BARE_ANSWER);
	assert_int_equal(ask(f, bare)->status, STATUS_OK);
	assert_int_equal(f->outcomes[bare].prompt->usage_unknown_attempts, 1);
	assert_int_equal(budget(f, bare)->spent, 100);
}

static void
test_an_answer_that_is_no_good_is_paid_for_all_the_same(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "format: json\nbudget: {tokens: 25, per: 1d}\n");

	begin(f);
	assert_int_equal(ask(f, p)->kind, KIND_INVALID_BODY);
	assert_int_equal(budget(f, p)->spent, 10);
}

static void
test_whoever_is_cut_off_pays_as_estimated(void **state)
{
	struct fixture *f = *state;
	size_t cancelled = add(f, "budget: {tokens: 1000, per: 1d}\nmax_tokens: 99\n");
	size_t abandoned = add(f, "budget: {tokens: 1000, per: 1d}\nmax_tokens: 99\n");
	size_t waiting = add(f, "budget: {tokens: 1000, per: 1d}\ndelay: 9s\n");

	begin(f);
	turn_cancel(start(f, cancelled), "why");
	assert_int_equal(f->outcomes[cancelled].prompt->usage_unknown_attempts, 1);
	assert_int_equal(budget(f, cancelled)->spent, 100);
	assert_int_equal(budget(f, cancelled)->reserved, 0);
	turn_abandon(start(f, abandoned));
	assert_int_equal(budget(f, abandoned)->spent, 100);
	assert_int_equal(budget(f, abandoned)->reserved, 0);
	turn_cancel(start(f, waiting), "why");
	assert_int_equal(f->outcomes[waiting].prompt->usage_unknown_attempts, 0);
	assert_int_equal(budget(f, waiting)->spent, 0);
}

/* The next attempt would pass the budget: the turn ends as the one before did. */
static void
test_a_retry_that_cannot_be_paid_is_not_made(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f,
	    "budget: {tokens: 150, per: 1d}\nmax_tokens: 99\nretries: 5\n"
	    "timeout: 1s\n");

	begin(f);
	*fake_http_answer(f->http, p) =
	    (struct fake_answer){ .delay_us = FAKE_NEVER, .phase = PHASE_FIRST_BYTE };
	ask(f, p);
	assert_int_equal(f->outcomes[p].status, STATUS_TIMEOUT);
	assert_int_equal(f->outcomes[p].attempts, 1);
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 1);
	assert_int_equal(budget(f, p)->spent, 100);
}

static void
test_a_turn_that_was_under_way_during_a_reload_is_paid(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "budget: {tokens: 25, per: 1d}\n");
	struct config *before = f->config;
	size_t numbers[] = { 0 };

	begin(f);
	start(f, p);
	/* The same prompt in another place of the memory. */
	f->config = fake_config_of(1, numbers);
	fake_config_add_prompt(f->config, "budget: {tokens: 25, per: 1d}\n");
	config_ref(before);
	config_unref(before);
	board_reload(f->board, f->config);
	pass(f, 100 * MS);
	assert_int_equal(f->outcomes[p].status, STATUS_OK);
	assert_int_equal(budget(f, p)->spent, 10);
	fake_config_free(before);
}

/* ---- in money ---- */

static void
test_a_budget_in_money(void **state)
{
	struct fixture *f = *state;
	size_t p;

	/* 7 tokens in and 3 out: 7 x 1 + 3 x 4 = 19 millionths. */
	fake_config_set_provider(f->config, "p", "price: {input: 1, output: 4}\n");
	p = add(f, "budget: {cost: 0.00004, per: 30d}\n");
	begin(f);
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(f->outcomes[p].prompt->cost, 19 * MONEY_ONE / 1000000);
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(budget(f, p)->spent, 38 * MONEY_ONE / 1000000);
	assert_int_equal(ask(f, p)->kind, KIND_BUDGET);
	assert_string_equal(f->outcomes[p].message,
	    "budget of cost 0.00004 per 30d: 0.000038 spent, about 0.000019 more asked "
	    "for, next period begins at 2026-12-21T03:40:00.100Z");
}

static void
test_the_estimate_in_money_is_by_price(void **state)
{
	struct fixture *f = *state;
	size_t p;

	fake_config_set_provider(f->config, "p", "price: {input: 1, output: 4}\n");
	/* 1 x 1 + 100 x 4 millionths. */
	p = add(f, "max_tokens: 100\nbudget: {cost: 0.0004, per: 1d}\n");
	begin(f);
	assert_int_equal(ask(f, p)->kind, KIND_BUDGET);
	assert_string_equal(f->outcomes[p].message,
	    "budget of cost 0.0004 per 1d: 0 spent, about 0.000401 more asked for");
}

/* Tokens of its own, money of its provider's. */
static void
test_each_budget_counts_in_its_unit(void **state)
{
	struct fixture *f = *state;
	size_t p;

	fake_config_set_provider(f->config, "p",
	    "price: {input: 1, output: 4}\nbudget: {cost: 1, per: 1d}\n");
	p = add(f, "budget: {tokens: 1000, per: 1d}\n");
	begin(f);
	ask(f, p);
	assert_int_equal(budget(f, p)->spent, 10);
	assert_int_equal(provider(f)->budget.spent, 19 * MONEY_ONE / 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_two_calls_fit_into_the_budget),
		CASE(test_the_next_period_lets_it_ask_again),
		CASE(test_an_answer_that_was_more_than_a_budget_is_no_estimate),
		CASE(test_a_restart_does_not_refill_it),
		CASE(test_the_first_estimate_is_by_text_and_max_tokens),
		CASE(test_a_budget_that_is_used_up_lets_nothing_through),
		CASE(test_prompts_share_the_budget_of_their_provider),
		CASE(test_those_under_way_cannot_pass_it_together),
		CASE(test_who_queues_is_not_turned_away_for_what_is_under_way),
		CASE(test_who_cannot_be_paid_does_not_wait_for_a_ticket),
		CASE(test_an_error_costs_nothing),
		CASE(test_a_push_back_in_a_good_status_costs_nothing),
		CASE(test_what_nobody_knows_is_charged_as_estimated),
		CASE(test_an_answer_that_is_no_good_is_paid_for_all_the_same),
		CASE(test_whoever_is_cut_off_pays_as_estimated),
		CASE(test_a_retry_that_cannot_be_paid_is_not_made),
		CASE(test_a_turn_that_was_under_way_during_a_reload_is_paid),
		CASE(test_a_budget_in_money),
		CASE(test_the_estimate_in_money_is_by_price),
		CASE(test_each_budget_counts_in_its_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
