#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"
#include "round_stage.h"
#include "round_timer.h"

static void
test_a_round_gathers_all_its_targets(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, 100 * MS);
	fake_http_answer(f->http, 0)->delay_us = 500200;
	round = start(f, 17);
	assert_int_equal(round_done_count(round), 0);
	assert_int_equal(round_summary(round)->duration_us, -1);
	for (size_t i = 0; i < COUNT; i++)
		assert_true(board_entry(f->board, i)->in_flight);

	assert_true(fake_http_step(f->http));
	assert_int_equal(round_done_count(round), 1);
	assert_told(f, "t1");
	assert_false(board_entry(f->board, 1)->in_flight);
	while (fake_http_step(f->http))
		;
	assert_told(f, "t2, t3, t0");
	assert_int_equal(round_done_count(round), COUNT);
	loop_once(f);
	assert_told(f, "done 17");
	loop_once(f);
	assert_int_equal(f->summary.number, 17);
	assert_int_equal(f->summary.started_at_ms, FAKE_START_MS);
	assert_int_equal(f->summary.duration_us, 500200);
	assert_int_equal(f->summary.target_count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(fake_http_started(f->http, i), i);
		assert_int_equal(board_entry(f->board, i)->outcome.status, STATUS_OK);
	}
}

static void
test_a_second_round_goes_on_with_the_board(void **state)
{
	struct round_stage *f = *state;

	start_first(f, 1, 1);
	answer_all(f);
	assert_told(f, "t0, done 1");
	assert_true(f->changed);
	start_first(f, 2, 1);
	answer_all(f);
	assert_told(f, "t0, done 2");
	assert_false(f->changed);
	fake_http_answer(f->http, 0)->http_status = 500;
	start_first(f, 3, 1);
	answer_all(f);
	assert_told(f, "t0, done 3");
	assert_true(f->changed);
	assert_int_equal(board_entry(f->board, 0)->version, 3);
}

static void
test_a_round_may_be_of_some_targets_only(void **state)
{
	static const struct round_place some[] = { { .index = 3 }, { .index = 1 } };
	struct round_stage *f = *state;

	start_places(f, 1, some, 2);
	answer_all(f);
	assert_told(f, "t3, t1, done 1");
	assert_int_equal(f->summary.target_count, 2);
	assert_int_equal(board_entry(f->board, 0)->version, 0);
}

static void
test_a_round_of_no_targets_ends_from_the_loop(void **state)
{
	struct round_stage *f = *state;

	assert_non_null(start_first(f, 17, 0));
	assert_told(f, "");
	loop_once(f);
	assert_told(f, "done 17");
	assert_int_equal(f->summary.duration_us, 0);
	assert_int_equal(f->summary.target_count, 0);
}

static void
test_a_round_that_can_ask_nobody_ends_from_the_loop(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	for (size_t i = 0; i < COUNT; i++)
		fake_config_break(f->config, i);
	round = start(f, 17);
	assert_told(f, "t0, t1, t2, t3");
	assert_int_equal(round_done_count(round), COUNT);
	loop_once(f);
	assert_told(f, "done 17");
}

static void
test_one_that_cannot_be_asked_ends_no_other(void **state)
{
	struct round_stage *f = *state;

	fake_config_break(f->config, 0);
	fake_config_break(f->config, 3);
	start(f, 17);
	answer_all(f);
	assert_told(f, "t0, t3, t1, t2, done 17");
	assert_int_equal(board_entry(f->board, 0)->outcome.kind, KIND_TEMPLATE);
	assert_int_equal(board_entry(f->board, 1)->outcome.status, STATUS_OK);
	assert_int_equal(board_entry(f->board, 2)->outcome.status, STATUS_OK);
	assert_int_equal(board_entry(f->board, 3)->outcome.kind, KIND_TEMPLATE);
}

/* The next round, from inside the end of the one before. */
static void
on_done_start_another(const struct round_summary *summary, void *arg)
{
	struct round_stage *f = arg;

	on_done(summary, f);
	f->events.on_done = on_done;
	start(f, 18);
}

static void
test_a_round_may_begin_where_another_ends(void **state)
{
	struct round_stage *f = *state;

	f->events.on_done = on_done_start_another;
	start(f, 17);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 17");
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 18");
}

/* ---- offsets ---- */

static void
test_targets_begin_by_their_offsets_and_then_in_config_order(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	round = start_at(f, 1, (const int64_t[]){ 7 * MS, 3 * MS, 0, 3 * MS });
	assert_started(f, 1, 2);
	assert_true(board_entry(f->board, 2)->in_flight);
	assert_false(board_entry(f->board, 0)->in_flight);
	pass(f, round, 3 * MS - 1);
	assert_told(f, "t2");
	assert_started(f, 1, 2);
	pass(f, round, 1);
	assert_int_equal(fake_http_started(f->http, 1), 1);
	assert_started(f, 3, 3);
	pass(f, round, 4 * MS);
	assert_told(f, "t1, t3");
	assert_started(f, 4, 0);
	assert_int_equal(round_done_count(round), 3);
	fake_http_pass(f->http, MS);
	assert_told(f, "t0");
	loop_once(f);
	assert_told(f, "done 1");
	assert_int_equal(f->summary.duration_us, 7 * MS);
}

/* Real timers, that nobody helps: the clock stands, or leaps, behind their back. */
static void
test_a_timer_that_rings_too_early_is_set_again(void **state)
{
	struct round_stage *f = *state;

	start_at(f, 1, (const int64_t[]){ 2 * MS, 2 * MS, 3 * MS, 900 * MS });
	for (int i = 0; i < 3; i++) {
		event_base_loop(f->base, EVLOOP_ONCE);
		assert_int_equal(fake_http_started_count(f->http), 0);
	}
	fake_http_pass(f->http, 2 * MS);
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_started(f, 2, 1);
	fake_http_pass(f->http, 0);
	assert_told(f, "t0, t1");
	fake_http_pass(f->http, SECOND);
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_started(f, 4, 3);
	answer_all(f);
	assert_told(f, "t2, t3, done 1");
}

static void
test_all_whose_time_went_by_begin_in_order(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	round = start_at(f, 1, (const int64_t[]){ 4 * MS, 3 * MS, 2 * MS, MS });
	assert_int_equal(fake_http_started_count(f->http), 0);
	pass(f, round, MS + SECOND);
	answer_all(f);
	assert_told(f, "t3, t2, t1, t0, done 1");
}

static void
test_a_common_offset_keeps_the_order_of_the_places(void **state)
{
	static const struct round_place places[] = { { 2, SECOND }, { 0, SECOND },
		{ 1, SECOND } };
	struct round_stage *f = *state;
	struct round *round;

	round = start_places(f, 1, places, 3);
	assert_int_equal(fake_http_started_count(f->http), 0);
	pass(f, round, SECOND);
	answer_all(f);
	assert_told(f, "t2, t0, t1, done 1");
}

/* The timer of ROUND is set to ring in so many seconds, less a few for a slow machine. */
static void
assert_rings_in(const struct round_stage *f, const struct round *round, long seconds)
{
	struct timeval at, now;

	assert_true(event_pending(round_timer(f->base, round), EV_TIMEOUT, &at));
	gettimeofday(&now, NULL);
	assert_in_range(at.tv_sec - now.tv_sec, seconds - 10, seconds + 1);
}

static void
test_the_timer_is_set_for_the_next_target(void **state)
{
	static const int64_t offsets[] = { 0, 100 * SECOND, 300 * SECOND,
		900 * SECOND };
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, 0);
	round = start_at(f, 1, offsets);
	assert_rings_in(f, round, 100);
	pass(f, round, 40 * SECOND);
	assert_rings_in(f, round, 60);
	pass(f, round, 61 * SECOND); /* it is late, and yet counts from the start */
	assert_rings_in(f, round, 199);
	pass(f, round, 299 * SECOND); /* so late is a standstill */
	assert_rings_in(f, round, 600);
	pass(f, round, 600 * SECOND);
	assert_null(round_timer(f->base, round)); /* there is nobody left */
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
}

static void
test_those_that_wait_hold_no_ticket(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, FAKE_NEVER);
	round = start_at(f, 1, (const int64_t[]){ 0, SECOND, SECOND, SECOND });
	assert_int_equal(limiter_held(f->limiter), 1);
	pass(f, round, SECOND);
	assert_int_equal(limiter_held(f->limiter), 2);
	assert_int_equal(limiter_waiting(f->limiter), 2);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
	/* in the queue is not in the offset */
	assert_int_equal(board_entry(f->board, 1)->outcome.queued_us, 0);
	assert_int_equal(board_entry(f->board, 2)->outcome.queued_us, 4 * SECOND);
}

/* ---- those that still run ---- */

static void
test_a_target_that_still_runs_is_skipped(void **state)
{
	struct round_stage *f = *state;
	struct round *second;

	fake_http_answer(f->http, 1)->delay_us = SECOND;
	start(f, 1);
	fake_http_pass(f->http, 0);
	assert_told(f, "t0, t2, t3");
	second = start(f, 2);
	assert_told(f, "t1 skipped"); /* from inside the start */
	assert_int_equal(round_done_count(second), 1);
	assert_int_equal(round_summary(second)->target_count, COUNT);
	answer_all(f);
	assert_told(f, "t0, t2, t3, t1, done 2, done 1");
	assert_int_equal(board_entry(f->board, 0)->version, 2);
	assert_int_equal(board_entry(f->board, 1)->version, 1);
}

static void
test_whether_it_still_runs_is_seen_when_its_time_comes(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	fake_http_answer(f->http, 0)->delay_us = SECOND;
	fake_http_answer(f->http, 1)->delay_us = 3 * SECOND;
	start_first(f, 1, 2);
	round =
	    start_at(f, 2, (const int64_t[]){ 2 * SECOND, 2 * SECOND, 2 * SECOND, 0 });
	assert_told(f, "");
	pass(f, round, 2 * SECOND);
	assert_told(f, "t0, t3, t1 skipped");
	answer_all(f);
	assert_told(f, "t1, t0, t2, done 1, done 2");
}

static void
test_a_round_of_skipped_targets_ends_from_the_loop(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, SECOND);
	start(f, 1);
	start_first(f, 2, 3);
	assert_told(f, "t0 skipped, t1 skipped, t2 skipped");
	loop_once(f);
	assert_told(f, "done 2");
	assert_int_equal(f->summary.duration_us, 0);

	/* the last of them at its own time */
	round = start_at(f, 3, (const int64_t[]){ MS, MS, MS, 2 * MS });
	pass(f, round, 2 * MS);
	assert_told(f, "t0 skipped, t1 skipped, t2 skipped, t3 skipped, done 3");
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
}

static void
test_one_in_the_queue_still_runs(void **state)
{
	struct round_stage *f = *state;

	delay_all(f, SECOND);
	start(f, 1);
	assert_int_equal(limiter_waiting(f->limiter), 2);
	start(f, 2);
	assert_told(f, "t0 skipped, t1 skipped, t2 skipped, t3 skipped");
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 2, done 1");
	assert_int_equal(fake_http_started_count(f->http), COUNT);
}

/* ---- the beginning ---- */

static void
on_begin(const struct round_summary *summary, void *arg)
{
	struct round_stage *f = arg;

	buffer_append_format(&f->told, "%sbegin %llu", f->told.len > 0 ? ", " : "",
	    (unsigned long long)summary->number);
}

static void
test_a_round_begins_with_the_first_that_is_asked(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, SECOND);
	f->events.on_begin = on_begin;
	start_first(f, 1, 1);
	assert_told(f, "begin 1");
	round = start_at(f, 2, (const int64_t[]){ 0, 2 * MS, MS, 2 * MS });
	assert_told(f, "t0 skipped");
	pass(f, round, MS);
	assert_told(f, "begin 2");
	pass(f, round, MS);
	answer_all(f);
	assert_told(f, "t0, t2, t1, t3, done 1, done 2");
}

static void
test_a_round_of_none_begins_all_the_same_and_one_of_skipped_ones_does_not(void **state)
{
	struct round_stage *f = *state;

	delay_all(f, SECOND);
	f->events.on_begin = on_begin;
	start_first(f, 1, 0);
	assert_told(f, "begin 1");
	start_first(f, 2, 1);
	start_first(f, 3, 1);
	assert_told(f, "begin 2, t0 skipped");
	answer_all(f);
	assert_told(f, "t0, done 1, done 3, done 2");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_round_gathers_all_its_targets),
		CASE(test_a_second_round_goes_on_with_the_board),
		CASE(test_a_round_may_be_of_some_targets_only),
		CASE(test_a_round_of_no_targets_ends_from_the_loop),
		CASE(test_a_round_that_can_ask_nobody_ends_from_the_loop),
		CASE(test_one_that_cannot_be_asked_ends_no_other),
		CASE(test_a_round_may_begin_where_another_ends),
		CASE(test_targets_begin_by_their_offsets_and_then_in_config_order),
		CASE(test_a_timer_that_rings_too_early_is_set_again),
		CASE(test_all_whose_time_went_by_begin_in_order),
		CASE(test_a_common_offset_keeps_the_order_of_the_places),
		CASE(test_the_timer_is_set_for_the_next_target),
		CASE(test_those_that_wait_hold_no_ticket),
		CASE(test_a_target_that_still_runs_is_skipped),
		CASE(test_a_round_begins_with_the_first_that_is_asked),
		CASE(
		    test_a_round_of_none_begins_all_the_same_and_one_of_skipped_ones_does_not),
		CASE(test_whether_it_still_runs_is_seen_when_its_time_comes),
		CASE(test_a_round_of_skipped_targets_ends_from_the_loop),
		CASE(test_one_in_the_queue_still_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
