#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "gather/board.h"
#include "turn_stage.h"

static void
test_a_turn_asks_and_tells_what_came_of_it(void **state)
{
	struct fixture *f = *state;
	const struct outcome *outcome = &f->outcomes[0];

	*fake_http_answer(f->http, 0) = (struct fake_answer){ .delay_us = 183200,
		.http_status = 200,
		.content_type = "application/json",
		.body = "[ 1 ]" };
	assert_non_null(start(f, 0));
	assert_int_equal(f->reports[0], 0);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(outcome->status, STATUS_OK);
	assert_string_equal(outcome->data, "[1]");
	assert_string_equal(outcome->url, "http://test/0");
	assert_int_equal(outcome->attempts, 1);
	assert_int_equal(outcome->queued_us, 0);
	assert_int_equal(outcome->duration_us, 183200);
	assert_int_equal(outcome->checked_at_ms, FAKE_START_MS + 183);
}

static void
test_time_in_the_queue_is_told_apart(void **state)
{
	struct fixture *f = *state;

	fake_http_answer(f->http, 0)->delay_us = FAKE_NEVER;
	fake_http_answer(f->http, 1)->delay_us = 4000000;
	start(f, 0);
	start(f, 1);
	assert_int_equal(fake_http_started_count(f->http), 1);
	fake_http_pass(f->http, 60000000);
	assert_int_equal(f->outcomes[0].status, STATUS_TIMEOUT);
	assert_int_equal(f->outcomes[0].duration_us, 5000000);
	/* 9 s after it was due, and yet within its 5 s */
	assert_int_equal(f->outcomes[1].status, STATUS_OK);
	assert_int_equal(f->outcomes[1].queued_us, 5000000);
	assert_int_equal(f->outcomes[1].duration_us, 4000000);
}

static void
test_an_attempt_is_held_to_the_smaller_of_timeout_and_deadline(void **state)
{
	struct fixture *f = *state;

	fake_http_answer(f->http, 0)->delay_us = FAKE_NEVER;
	fake_http_answer(f->http, 0)->phase = PHASE_FIRST_BYTE;
	f->config->targets[0]->deadline_ms = 1500;
	start(f, 0);
	fake_http_pass(f->http, 60000000);
	assert_int_equal(f->outcomes[0].duration_us, 1500000);
	assert_string_equal(
	    f->outcomes[0].message, "timed out after 1.5s waiting for the first byte");
}

static void
test_a_deadline_starts_with_the_ticket(void **state)
{
	struct fixture *f = *state;

	fake_http_answer(f->http, 0)->delay_us = 4000000;
	fake_http_answer(f->http, 1)->delay_us = 1000000;
	f->config->targets[1]->deadline_ms = 2000;
	start(f, 0);
	start(f, 1);
	fake_http_pass(f->http, 60000000);
	assert_int_equal(f->outcomes[1].status, STATUS_OK);
}

static void
test_a_request_that_cannot_be_rendered_is_not_asked(void **state)
{
	struct fixture *f = *state;
	const struct outcome *outcome = &f->outcomes[0];

	fake_config_break(f->config, 0);
	assert_null(start(f, 0));
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(fake_http_started_count(f->http), 0);
	assert_int_equal(outcome->status, STATUS_ERROR);
	assert_int_equal(outcome->kind, KIND_TEMPLATE);
	assert_string_equal(outcome->message, "url: nothing is missing");
	assert_int_equal(outcome->attempts, 0);
	assert_int_equal(outcome->duration_us, -1);
	assert_int_equal(outcome->queued_us, 0);
	assert_null(outcome->url);
}

static void
test_a_request_is_rendered_for_each_turn_where_it_is_not_prepared(void **state)
{
	struct fixture *f = *state;

	fake_config_unprepare(f->config, 2);
	start(f, 2);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->outcomes[2].status, STATUS_OK);
	assert_string_equal(f->outcomes[2].url, "http://test/2");
}

static void
test_a_cancelled_turn_reports_and_lets_the_next_go(void **state)
{
	struct fixture *f = *state;
	struct turn *turn;

	fake_http_answer(f->http, 0)->delay_us = FAKE_NEVER;
	turn = start(f, 0);
	start(f, 1);
	fake_http_pass(f->http, 250000);
	turn_cancel(turn, "cancelled");
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].status, STATUS_CANCELLED);
	assert_int_equal(f->outcomes[0].kind, KIND_CANCELLED);
	assert_string_equal(f->outcomes[0].message, "cancelled");
	assert_int_equal(f->outcomes[0].duration_us, 250000);
	assert_int_equal(f->outcomes[0].attempts, 1);
	assert_int_equal(fake_http_started_count(f->http), 2);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->outcomes[1].queued_us, 250000);
	assert_int_equal(f->outcomes[1].status, STATUS_OK);
}

static void
test_a_turn_cancelled_in_the_queue_was_never_asked(void **state)
{
	struct fixture *f = *state;
	struct turn *turn;

	fake_http_answer(f->http, 0)->delay_us = 1000000;
	start(f, 0);
	turn = start(f, 1);
	fake_http_pass(f->http, 400000);
	turn_cancel(turn, "cancelled");
	assert_int_equal(f->outcomes[1].attempts, 0);
	assert_int_equal(f->outcomes[1].queued_us, 400000);
	assert_int_equal(f->outcomes[1].duration_us, -1);
	assert_string_equal(f->outcomes[1].url, "http://test/1");
	fake_http_pass(f->http, 10000000);
	assert_int_equal(fake_http_started_count(f->http), 1);
}

static void
test_an_abandoned_turn_says_nothing(void **state)
{
	struct fixture *f = *state;
	struct turn *asking;
	struct turn *queued;

	fake_http_answer(f->http, 0)->delay_us = FAKE_NEVER;
	asking = start(f, 0);
	queued = start(f, 1);
	start(f, 2);
	turn_abandon(queued);
	turn_abandon(asking);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->reports[0] + f->reports[1], 0);
	assert_int_equal(f->reports[2], 1);
}

/* ---- before it is asked ---- */

static void
test_a_delay_comes_before_the_queue(void **state)
{
	struct fixture *f = *state;

	f->config->targets[0]->delay_ms = 2000;
	fake_http_answer(f->http, 0)->delay_us = 300 * MS;
	start(f, 0);
	pass(f, 1999 * MS);
	assert_int_equal(fake_http_started_count(f->http), 0);
	assert_int_equal(limiter_waiting(f->limiter), 0);
	pass(f, 1 * MS);
	assert_int_equal(fake_http_started_count(f->http), 1);
	pass(f, 300 * MS);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].queued_us, 0);
	assert_int_equal(f->outcomes[0].duration_us, 300 * MS);
}

static void
test_a_turn_cancelled_in_its_delay_never_queued(void **state)
{
	struct fixture *f = *state;
	struct turn *turn;

	f->config->targets[0]->delay_ms = 2000;
	turn = start(f, 0);
	pass(f, 500 * MS);
	turn_cancel(turn, "orders failed");
	assert_int_equal(f->outcomes[0].status, STATUS_CANCELLED);
	assert_string_equal(f->outcomes[0].message, "orders failed");
	assert_int_equal(f->outcomes[0].queued_us, -1);
	assert_int_equal(f->outcomes[0].duration_us, -1);
	assert_int_equal(f->outcomes[0].attempts, 0);
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
}

static void
test_a_delayed_turn_may_be_abandoned(void **state)
{
	struct fixture *f = *state;

	f->config->targets[0]->delay_ms = 2000;
	turn_abandon(start(f, 0));
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
	assert_int_equal(f->reports[0], 0);
}

static void
test_a_timer_that_rings_early_is_set_again(void **state)
{
	struct fixture *f = *state;
	struct event *timer;

	f->config->targets[0]->delay_ms = 1000;
	start(f, 0);
	pass(f, 999 * MS);
	timer = fake_timers_first()->event;
	fake_timers_drop(timer);
	event_get_callback(timer)(-1, EV_TIMEOUT, event_get_callback_arg(timer));
	assert_int_equal(fake_http_started_count(f->http), 0);
	assert_int_equal(fake_timers_next_us(), fake_http_now_us(f->http) + MS);
	pass(f, 2 * MS);
	assert_int_equal(f->reports[0], 1);
}

/* ---- what templates find ---- */

/* A board on which target 1 has come to STATUS. */
static struct board *
board_with(struct fixture *f, enum status status, enum error_kind kind)
{
	struct board *board = board_new(f->config);
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.kind = kind;
	outcome.checked_at_ms = FAKE_START_MS;
	if (status == STATUS_OK) {
		outcome.values = xstrdup("{\"a\":\"x y\"}");
		outcome.values_len = strlen(outcome.values);
	} else {
		outcome.message = xstrdup("it failed");
	}
	board_put(board, board_entry(board, 1), &outcome);
	outcome_clear(&outcome);
	f->context.board = board;
	return board;
}

static void
see_url(const struct request *request, UNUSED int64_t timeout_us, void *arg)
{
	char **url = arg;

	free(*url);
	*url = xstrdup(request->url.text);
}

static void
test_a_request_is_rendered_with_what_the_board_holds(void **state)
{
	struct fixture *f = *state;
	struct board *board = board_with(f, STATUS_OK, KIND_NONE);
	char *url = NULL;

	fake_http_watch(f->http, see_url, &url);
	fake_config_set(f->config, 0, "url: http://test/{{services.t1.values.a}}/0\n");
	start(f, 0);
	assert_string_equal(url, "http://test/x%20y/0");
	pass(f, 1 * MS);
	assert_string_equal(f->outcomes[0].url, "http://test/x%20y/0");
	free(url);
	board_free(board);
}

static void
test_who_misses_what_another_brings_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct board *board = board_with(f, STATUS_TIMEOUT, KIND_TIMEOUT);

	fake_config_set(f->config, 0, "url: http://test/{{services.t1.values.a}}/0\n");
	assert_null(start(f, 0));
	assert_int_equal(f->outcomes[0].status, STATUS_SKIPPED);
	assert_int_equal(f->outcomes[0].kind, KIND_DEPENDENCY);
	assert_string_equal(f->outcomes[0].message,
	    "url: services.t1.values.a is missing (t1 failed: timeout)");
	assert_int_equal(f->outcomes[0].attempts, 0);
	assert_int_equal(fake_http_started_count(f->http), 0);
	board_free(board);
}

static void
test_a_skipped_turn_says_why(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	turn_skip(&f->context, f->config->targets[1], KIND_RATE_LIMITED,
	    xstrdup("held back"), &outcome);
	assert_int_equal(outcome.status, STATUS_SKIPPED);
	assert_int_equal(outcome.kind, KIND_RATE_LIMITED);
	assert_string_equal(outcome.message, "held back");
	assert_string_equal(outcome.url, "http://test/1");
	assert_int_equal(outcome.attempts, 0);
	assert_int_equal(outcome.queued_us, -1);
	assert_int_equal(outcome.checked_at_ms, FAKE_START_MS);
	outcome_clear(&outcome);
}

/* ---- from inside each other ---- */

static struct turn *victim;

static void
on_done_abandon_victim(UNUSED const struct target *target,
    UNUSED struct outcome *outcome, UNUSED const struct turn_findings *findings,
    void *arg)
{
	unsigned *reports = arg;

	++*reports;
	turn_abandon(victim);
}

static void
test_a_turn_may_be_abandoned_while_its_ticket_goes_back(void **state)
{
	struct fixture *f = *state;
	unsigned reports = 0;

	/* The first one's end lets the second begin, which ends at once and ends the first. */
	fake_config_break(f->config, 1);
	victim = start(f, 0);
	assert_non_null(turn_start(
	    &f->context, f->config->targets[1], on_done_abandon_victim, &reports));
	while (fake_http_step(f->http))
		;
	assert_int_equal(reports, 1);
	assert_int_equal(f->reports[0], 0);
}

static void
on_done_cancel_victim(UNUSED const struct target *target,
    UNUSED struct outcome *outcome, UNUSED const struct turn_findings *findings,
    void *arg)
{
	unsigned *reports = arg;

	++*reports;
	turn_cancel(victim, "cancelled");
}

static void
test_a_turn_that_is_ending_is_not_cancelled(void **state)
{
	struct fixture *f = *state;
	unsigned reports = 0;

	fake_config_break(f->config, 1);
	victim = start(f, 0);
	turn_start(&f->context, f->config->targets[1], on_done_cancel_victim, &reports);
	while (fake_http_step(f->http))
		;
	assert_int_equal(reports, 1);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_turn_asks_and_tells_what_came_of_it),
		CASE(test_time_in_the_queue_is_told_apart),
		CASE(test_an_attempt_is_held_to_the_smaller_of_timeout_and_deadline),
		CASE(test_a_deadline_starts_with_the_ticket),
		CASE(test_a_request_that_cannot_be_rendered_is_not_asked),
		CASE(test_a_request_is_rendered_for_each_turn_where_it_is_not_prepared),
		CASE(test_a_cancelled_turn_reports_and_lets_the_next_go),
		CASE(test_a_turn_cancelled_in_the_queue_was_never_asked),
		CASE(test_an_abandoned_turn_says_nothing),
		CASE(test_a_delay_comes_before_the_queue),
		CASE(test_a_turn_cancelled_in_its_delay_never_queued),
		CASE(test_a_delayed_turn_may_be_abandoned),
		CASE(test_a_timer_that_rings_early_is_set_again),
		CASE(test_a_request_is_rendered_with_what_the_board_holds),
		CASE(test_who_misses_what_another_brings_is_skipped),
		CASE(test_a_skipped_turn_says_why),
		CASE(test_a_turn_may_be_abandoned_while_its_ticket_goes_back),
		CASE(test_a_turn_that_is_ending_is_not_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
