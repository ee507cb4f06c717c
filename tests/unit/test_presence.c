#include "http/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"

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
test_who_is_always_late_comes_to_an_end_all_the_same(UNUSED void **state)
{
	int64_t begun_us = clock_us;

	presence_watch(presence);
	for (int i = 0; i < 100; i++) {
		clock_us += TICK_US + TOLERANCE_US + 10 * MS_US;
		presence_now_us(presence);
	}
	/* What is left of each: 500 + 260 - 2 * 260 ms. */
	assert_int_equal(presence_now_us(presence), begun_us + 100 * 240 * MS_US);
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
		TEST(test_who_is_always_late_comes_to_an_end_all_the_same),
		TEST(test_the_last_watcher_counts_before_he_goes),
		TEST(test_absences_add_up),
		TEST(test_it_ticks_only_while_somebody_watches),
		TEST(test_a_tick_shows_that_it_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
