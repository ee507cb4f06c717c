/*
 * Rounds with offsets, when the program was stopped, or slept, while targets waited: no
 * burst, and none asked twice at about the same time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"
#include "round_stage.h"

/* Of all targets, as fake_config.c has it. */
#define INTERVAL (30 * SECOND)

/* The time of ROUND comes US later; all who are asked then answer at once. */
static void
ring_after(struct round_stage *f, const struct round *round, int64_t us)
{
	pass(f, round, us);
	answer_all(f);
}

/* ---- stopped ---- */

static void
test_those_that_were_held_up_keep_their_distances(void **state)
{
	static const int64_t offsets[] = { 0, 3 * SECOND, 5 * SECOND, 5 * SECOND };
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, 0);
	round = start_at(f, 1, offsets);
	ring_after(f, round, 3600 * SECOND);
	assert_told(f, "t0, t1");
	ring_after(f, round, 2 * SECOND - 1);
	assert_told(f, "");
	ring_after(f, round, 1);
	assert_told(f, "t2, t3, done 1");
	assert_int_equal(f->summary.duration_us, 3602 * SECOND);
}

static void
test_one_stop_adds_to_another(void **state)
{
	static const int64_t offsets[] = { SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND };
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, 0);
	round = start_at(f, 1, offsets);
	ring_after(f, round, 100 * SECOND);
	assert_told(f, "t0");
	ring_after(f, round, 100 * SECOND);
	assert_told(f, "t1");
	ring_after(f, round, SECOND);
	assert_told(f, "t2");
	ring_after(f, round, SECOND);
	assert_told(f, "t3, done 1");
	assert_int_equal(f->summary.duration_us, 202 * SECOND);
}

/* More than a second it must be, counted from the first that waited. */
static void
test_a_short_stop_is_made_up_for(void **state)
{
	static const int64_t offsets[] = { SECOND, SECOND + MS, 2 * SECOND,
		2 * SECOND + 1 };
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, 0);
	round = start_at(f, 1, offsets);
	ring_after(f, round, 2 * SECOND);
	assert_told(f, "t0, t1, t2");
	ring_after(f, round, 1);
	assert_told(f, "t3, done 1");
	round = start_at(f, 2, offsets);
	ring_after(f, round, 2 * SECOND + 1);
	assert_told(f, "t0");
	ring_after(f, round, SECOND);
	assert_told(f, "t1, t2");
	ring_after(f, round, 1);
	assert_told(f, "t3, done 2");
}

static bool
is_first(const struct board_entry *entry, UNUSED void *arg)
{
	return entry->target->index == 0;
}

/* The timer that rings late is that of one who is not there any more. */
static void
test_nobody_begins_for_one_that_was_dropped(void **state)
{
	static const int64_t offsets[] = { SECOND, 4 * SECOND, 5 * SECOND, 6 * SECOND };
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, 0);
	round = start_at(f, 1, offsets);
	round_drop(round, is_first, NULL);
	ring_after(f, round, 100 * SECOND);
	assert_told(f, "");
	ring_after(f, round, 3 * SECOND);
	assert_told(f, "t1");
	ring_after(f, round, SECOND);
	assert_told(f, "t2");
	ring_after(f, round, SECOND);
	assert_told(f, "t3, done 1");
}

/* ---- in a later round, too ---- */

/* The machine slept in the fourth second, and the clock of the rounds with it. */
static void
test_what_waits_is_left_to_a_later_round(void **state)
{
	static const int64_t offsets[] = { 0, 5 * SECOND, 10 * SECOND, 20 * SECOND };
	struct round_stage *f = *state;
	struct round *first, *second;

	delay_all(f, 0);
	first = start_at(f, 1, offsets);
	fake_http_pass(f->http, 4 * SECOND);
	assert_told(f, "t0");
	second = start_at(f, 2, offsets);
	ring_after(f, first, SECOND);
	assert_told(f, "t0");
	assert_int_equal(round_done_count(first), 2);
	ring_after(f, second, 4 * SECOND);
	assert_told(f, "t1");
	ring_after(f, first, SECOND);
	assert_int_equal(round_done_count(first), 3);
	ring_after(f, second, 4 * SECOND);
	assert_told(f, "t2");
	ring_after(f, first, 6 * SECOND);
	assert_told(f, "done 1");
	assert_int_equal(f->summary.duration_us, 0);
	assert_int_equal(f->summary.target_count, COUNT);
	ring_after(f, second, 4 * SECOND);
	assert_told(f, "t3, done 2");
	assert_int_equal(fake_http_started_count(f->http), COUNT + 1);
}

/* The program was stopped, and when it goes on there is a round of the schedule, too. */
static void
test_none_is_asked_twice_after_a_stop(void **state)
{
	static const int64_t offsets[] = { 0, 10 * SECOND, 11 * SECOND, 12 * SECOND };
	struct round_stage *f = *state;
	struct round *first, *second;

	delay_all(f, 0);
	first = start_at(f, 1, offsets);
	answer_all(f);
	ring_after(f, first, 100 * SECOND);
	assert_told(f, "t0, t1");
	second = start_at(f, 2, offsets);
	answer_all(f);
	assert_told(f, "t0");
	ring_after(f, first, SECOND);
	ring_after(f, first, SECOND);
	assert_told(f, "done 1");
	ring_after(f, second, 8 * SECOND);
	assert_told(f, "t1");
	ring_after(f, second, 2 * SECOND);
	assert_told(f, "t2, t3, done 2");
}

/* Under load: when its next turn is nearly an interval away, it has both. */
static void
test_what_is_a_little_late_has_its_turn(void **state)
{
	static const int64_t later[] = { 0, 0, INTERVAL / 4 * 3, INTERVAL / 4 * 3 - 1 };
	struct round_stage *f = *state;
	struct round *first, *second;

	delay_all(f, 0);
	first = start_at(f, 1, (const int64_t[]){ 0, 0, INTERVAL, INTERVAL });
	fake_http_pass(f->http, INTERVAL);
	second = start_at(f, 2, later);
	ring_after(f, first, 0);
	assert_told(f, "t0, t1, t0, t1, t2, done 1");
	ring_after(f, second, INTERVAL / 4 * 3);
	assert_told(f, "t3, t2, done 2");
}

static void
test_a_round_beside_the_schedule_takes_nothing_over(void **state)
{
	static const int64_t offsets[] = { SECOND, SECOND, SECOND, SECOND };
	struct round_stage *f = *state;
	struct round *scheduled, *extra;

	delay_all(f, 0);
	scheduled = start_at(f, 1, offsets);
	f->scheduled = false;
	extra =
	    start_at(f, 2, (const int64_t[]){ 0, 2 * SECOND, 2 * SECOND, 2 * SECOND });
	answer_all(f);
	assert_told(f, "t0");
	ring_after(f, scheduled, SECOND);
	assert_told(f, "t0, t1, t2, t3, done 1");
	ring_after(f, extra, SECOND);
	assert_told(f, "t1, t2, t3, done 2");
}

static bool
is_anyone(UNUSED const struct board_entry *entry, UNUSED void *arg)
{
	return true;
}

/* As a reload does: what changed waits in no round any more, and is asked at once. */
static void
test_a_round_beside_the_schedule_leaves_nothing(void **state)
{
	static const int64_t offsets[] = { SECOND, SECOND, SECOND, SECOND };
	struct round_stage *f = *state;

	delay_all(f, 0);
	round_drop(start_at(f, 1, offsets), is_anyone, NULL);
	f->scheduled = false;
	start(f, 2);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1, done 2");
}

static void
on_begin(const struct round_summary *summary, void *arg)
{
	struct round_stage *f = arg;

	buffer_append_format(&f->told, "%sbegin %llu", f->told.len > 0 ? ", " : "",
	    (unsigned long long)summary->number);
}

/* One of them still runs; that is no skipped turn, as its time has not come. */
static void
test_a_round_that_left_all_to_another_ends_without_having_begun(void **state)
{
	static const int64_t offsets[] = { SECOND, SECOND, SECOND, SECOND };
	struct round_stage *f = *state;
	struct round *first, *second;

	delay_all(f, INTERVAL);
	f->events.on_begin = on_begin;
	f->scheduled = false;
	start_first(f, 1, 1);
	f->scheduled = true;
	first = start_at(f, 2, offsets);
	fake_http_pass(f->http, SECOND / 2);
	second = start_at(f, 3, offsets);
	pass(f, first, SECOND / 2);
	loop_once(f);
	assert_told(f, "begin 1, done 2");
	assert_int_equal(f->summary.duration_us, 0);
	pass(f, second, SECOND / 2);
	assert_told(f, "t0 skipped, begin 3");
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1, done 3");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_those_that_were_held_up_keep_their_distances),
		CASE(test_one_stop_adds_to_another),
		CASE(test_a_short_stop_is_made_up_for),
		CASE(test_nobody_begins_for_one_that_was_dropped),
		CASE(test_what_waits_is_left_to_a_later_round),
		CASE(test_none_is_asked_twice_after_a_stop),
		CASE(test_what_is_a_little_late_has_its_turn),
		CASE(test_a_round_beside_the_schedule_takes_nothing_over),
		CASE(test_a_round_beside_the_schedule_leaves_nothing),
		CASE(test_a_round_that_left_all_to_another_ends_without_having_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
