#include "http/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "chance.h"

#define SCENARIOS 100

#define MS_US INT64_C(1000)

#define TICK_US      (PRESENCE_TICK_MS * MS_US)
#define TOLERANCE_US (PRESENCE_TOLERANCE_MS * MS_US)

/* The tests' clock; the loop and its timers stand still. */
static int64_t clock_us;

static struct event_base *base;
static struct presence *presence;

static int64_t
tell_now(UNUSED void *arg)
{
	return clock_us;
}

static int
set_up(UNUSED void **state)
{
	const struct clock_source clock = { .now_us = tell_now };

	clock_us = 1000 * MS_US;
	base = event_base_new();
	presence = presence_new(base, &clock);
	return 0;
}

static int
tear_down(UNUSED void **state)
{
	presence_free(presence);
	event_base_free(base);
	return 0;
}

/* ---- What is counted ---- */

static void
test_time_passes_while_nobody_watches(UNUSED void **state)
{
	clock_us += 100 * TICK_US;
	assert_int_equal(presence_now_us(presence), clock_us);
	presence_watch(presence);
	assert_int_equal(presence_now_us(presence), clock_us);
	presence_unwatch(presence);
	assert_int_equal(presence_away_us(presence), 0);
}

static void
test_a_tick_may_be_a_little_late(UNUSED void **state)
{
	presence_watch(presence);
	clock_us += TICK_US + TOLERANCE_US;
	assert_int_equal(presence_now_us(presence), clock_us);
	assert_int_equal(presence_away_us(presence), 0);
}

static void
test_a_missing_tick_takes_all_back_since_the_last(UNUSED void **state)
{
	int64_t begun_us = clock_us;

	presence_watch(presence);
	clock_us += 60000 * MS_US;
	assert_int_equal(presence_now_us(presence), begun_us);
	assert_int_equal(presence_away_us(presence), 60000 * MS_US);

	/* Once, and from then on time passes as usual. */
	assert_int_equal(presence_now_us(presence), begun_us);
	clock_us += TICK_US;
	assert_int_equal(presence_now_us(presence), begun_us + TICK_US);
}

static void
test_a_timer_that_fires_late_tells_it_too(UNUSED void **state)
{
	int64_t begun_us = clock_us;

	/* Before any tick was due. */
	presence_watch(presence);
	clock_us += 400 * MS_US;
	assert_int_equal(presence_fired(presence, begun_us + 100 * MS_US), begun_us);
	/* Another one that was due then: the time is given back once. */
	assert_int_equal(presence_fired(presence, begun_us + 100 * MS_US), begun_us);
	assert_int_equal(presence_away_us(presence), 400 * MS_US);
}

static void
test_a_timer_that_fires_on_time_tells_nothing(UNUSED void **state)
{
	presence_watch(presence);
	clock_us += TICK_US;
	assert_int_equal(presence_fired(presence, clock_us - TOLERANCE_US), clock_us);
	assert_int_equal(presence_away_us(presence), 0);
}

static void
test_the_last_watcher_counts_before_he_goes(UNUSED void **state)
{
	int64_t begun_us = clock_us;

	presence_watch(presence);
	clock_us += 3000 * MS_US;
	presence_unwatch(presence);
	assert_int_equal(presence_now_us(presence), begun_us);
	clock_us += 3000 * MS_US;
	assert_int_equal(presence_now_us(presence), begun_us + 3000 * MS_US);
}

static void
test_absences_add_up(UNUSED void **state)
{
	presence_watch(presence);
	clock_us += 3000 * MS_US;
	presence_now_us(presence);
	clock_us += 5000 * MS_US;
	presence_now_us(presence);
	presence_unwatch(presence);
	presence_watch(presence);
	clock_us += 7000 * MS_US;
	presence_now_us(presence);
	assert_int_equal(presence_away_us(presence), 15000 * MS_US);
}

/* ---- Who is away over and over ---- */

/* The next turn of the loop, after so long: the tick is looked at and set anew, as who
 * begins to watch does it too. Returns the time lived. */
static int64_t
turn_after(int64_t us)
{
	clock_us += us;
	presence_unwatch(presence);
	presence_watch(presence);
	return presence_now_us(presence);
}

/* All that is in doubt has been given to it. */
static void
use_up_credit(void)
{
	int64_t begun_us = presence_now_us(presence);

	for (int i = 0; i < PRESENCE_CREDIT_TICKS; i++)
		assert_int_equal(turn_after(1000 * MS_US), begun_us);
}

static void
test_who_is_always_late_comes_to_an_end_all_the_same(UNUSED void **state)
{
	int64_t begun_us = clock_us;

	presence_watch(presence);
	use_up_credit();
	for (int turn = 1; turn <= 100; turn++)
		assert_int_equal(turn_after(1000 * MS_US), begun_us + turn * TICK_US);
	for (int turn = 1; turn <= 100; turn++)
		turn_after(TICK_US + TOLERANCE_US + 10 * MS_US);
	assert_int_equal(presence_now_us(presence), begun_us + 200 * TICK_US);
}

static void
test_a_deadline_before_the_tick_comes_too(UNUSED void **state)
{
	int64_t due_us = clock_us + 100 * MS_US;

	presence_watch(presence);
	use_up_credit();
	clock_us += 1000 * MS_US;
	assert_int_equal(presence_fired(presence, due_us), due_us);
}

static void
test_what_is_not_in_doubt_costs_no_credit(UNUSED void **state)
{
	int64_t begun_us = clock_us;

	presence_watch(presence);
	for (int i = 0; i < 100; i++) {
		/* Who reads the time at the very moment is seen. */
		turn_after(0);
		clock_us += TICK_US;
		presence_now_us(presence);
		clock_us += 1000 * MS_US;
		presence_now_us(presence);
	}
	assert_int_equal(presence_now_us(presence), begun_us + 100 * TICK_US);
	begun_us = presence_now_us(presence);
	turn_after(0);
	use_up_credit();
	assert_int_equal(presence_now_us(presence), begun_us);
}

static void
test_who_stays_for_a_tick_has_credit_again(UNUSED void **state)
{
	int64_t now_us;

	presence_watch(presence);
	use_up_credit();
	now_us = turn_after(TICK_US);
	assert_int_equal(turn_after(1000 * MS_US), now_us);
	assert_int_equal(turn_after(1000 * MS_US), now_us + TICK_US);

	/* Not more than at first, however long. */
	for (int i = 0; i < 100; i++)
		turn_after(TICK_US);
	use_up_credit();
	now_us = presence_now_us(presence);
	assert_int_equal(turn_after(1000 * MS_US), now_us + TICK_US);
}

static void
test_read_twice_between_ticks_it_does_not_go_back(UNUSED void **state)
{
	int64_t begun_us = clock_us;

	presence_watch(presence);
	clock_us += 400 * MS_US;
	assert_int_equal(presence_now_us(presence), begun_us + 400 * MS_US);
	clock_us += 900 * MS_US;
	assert_int_equal(presence_now_us(presence), begun_us + 400 * MS_US);
	/* A timer that was due before the first reading. */
	clock_us += 900 * MS_US;
	assert_int_equal(
	    presence_fired(presence, begun_us + 100 * MS_US), begun_us + 400 * MS_US);
	assert_int_equal(presence_away_us(presence), 1800 * MS_US);
}

/* One program's life, drawn: short waits and long ones, and whoever reads the time. */
static void
live(void)
{
	int64_t last_us;

	presence_watch(presence);
	last_us = presence_now_us(presence);
	for (int i = 0; i < 1000; i++) {
		int64_t due_us = last_us + between(0, 1000) * MS_US;
		int64_t now_us;

		clock_us += between(0, one_in(8) ? 2000 : 200) * MS_US;
		if (one_in(3))
			now_us = turn_after(0);
		else if (one_in(2))
			now_us = presence_fired(presence, due_us);
		else
			now_us = presence_now_us(presence);
		HOLDS(now_us >= last_us);
		HOLDS(now_us == clock_us - presence_away_us(presence));
		last_us = now_us;
	}
	presence_unwatch(presence);
}

static void
test_whatever_happens_it_does_not_go_back(UNUSED void **state)
{
	run_scenarios(live);
}

/* ---- The tick ---- */

static void
test_it_ticks_only_while_somebody_watches(UNUSED void **state)
{
	presence_watch(presence);
	presence_watch(presence);
	presence_unwatch(presence);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1);
	presence_unwatch(presence);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}

static void
test_a_tick_shows_that_it_is_there(UNUSED void **state)
{
	presence_watch(presence);
	/* The loop's own time passes: the tick comes, and to our clock in time. */
	clock_us += TICK_US;
	event_base_loop(base, EVLOOP_ONCE);
	clock_us += TICK_US + TOLERANCE_US;
	assert_int_equal(presence_now_us(presence), clock_us);

	/* The next one is late to our clock. */
	clock_us += 10 * TICK_US;
	event_base_loop(base, EVLOOP_ONCE);
	assert_true(presence_away_us(presence) >= 10 * TICK_US);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_time_passes_while_nobody_watches),
		TEST(test_a_tick_may_be_a_little_late),
		TEST(test_a_missing_tick_takes_all_back_since_the_last),
		TEST(test_a_timer_that_fires_late_tells_it_too),
		TEST(test_a_timer_that_fires_on_time_tells_nothing),
		TEST(test_the_last_watcher_counts_before_he_goes),
		TEST(test_absences_add_up),
		TEST(test_who_is_always_late_comes_to_an_end_all_the_same),
		TEST(test_a_deadline_before_the_tick_comes_too),
		TEST(test_what_is_not_in_doubt_costs_no_credit),
		TEST(test_who_stays_for_a_tick_has_credit_again),
		TEST(test_read_twice_between_ticks_it_does_not_go_back),
		TEST(test_whatever_happens_it_does_not_go_back),
		TEST(test_it_ticks_only_while_somebody_watches),
		TEST(test_a_tick_shows_that_it_is_there),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
