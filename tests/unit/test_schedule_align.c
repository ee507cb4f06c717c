/*
 * The schedule with `align`: rounds on the wall clock, whatever happens to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schedule_stage.h"

static void
test_align_begins_at_the_next_multiple(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(60000, 10000));
	struct schedule *schedule = begin(config, at(12 * SECOND));

	assert_none(schedule, at(12 * SECOND));
	assert_int_equal(next(schedule), 20 * SECOND);
	assert_string_equal(shown(take(schedule, at(20 * SECOND))), "1");
	for (int64_t i = 3; i < 6; i++)
		assert_string_equal(shown(take(schedule, at(i * 10 * SECOND))), "1");
	assert_string_equal(shown(take(schedule, at(60 * SECOND))), "0 1");
	end(schedule, config);
}

static void
test_align_begins_now_when_now_is_a_multiple(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(60000));
	struct schedule *schedule = begin(config, at(0));

	assert_int_equal(next(schedule), 0);
	take(schedule, at(0));
	assert_none(schedule, at(0));
	assert_int_equal(next(schedule), MINUTE);
	end(schedule, config);
}

/* The wall clock is read in whole milliseconds: that must not add up, nor must a round
 * begin before its time. */
static void
test_align_does_not_drift(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(1000));
	struct schedule *schedule = begin(config, at(500300));

	for (int64_t i = 1; i <= 1000000; i++) {
		int64_t early_us = i * SECOND - next(schedule);

		if (early_us > 0 || early_us <= -1000)
			fail_msg("round %lld: %lld us early", (long long)i,
			    (long long)early_us);
		take(schedule, at(next(schedule) + i * 7919 % 990000));
	}
	assert_int_equal(schedule_missed_count(schedule), 0);
	end(schedule, config);
}

static void
test_align_counts_missed_rounds_by_the_boot_clock(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(1000));
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	due = take(schedule, at(62 * SECOND + 250000));
	assert_int_equal(due.missed, 61);
	assert_int_equal(next(schedule), 63 * SECOND);
	/* Stopped again, and meanwhile the clock was set by ten years and a bit. */
	due = take(schedule, stepped(65 * SECOND, 10 * YEAR_MS + 300));
	assert_int_equal(due.missed, 2);
	assert_int_equal(next(schedule), 65 * SECOND + 700000);
	end(schedule, config);
}

/* Set by a year, this way or that, and 12 s: told of it, or not before the round. */
static void
test_align_follows_a_step_without_a_burst(UNUSED void **state)
{
	static const int64_t steps_ms[] = { YEAR_MS + 12000, -YEAR_MS + 12000 };

	for (size_t i = 0; i < 2 * ARRAY_COUNT(steps_ms); i++) {
		int64_t by_ms = steps_ms[i / 2];
		bool told = i % 2 == 0;
		struct config *config = aligned(CONFIG_OF(30000));
		struct schedule *schedule = begin(config, at(0));

		take(schedule, at(0));
		if (told)
			step(schedule, stepped(SECOND, by_ms));
		else
			take(schedule, stepped(30 * SECOND, by_ms));
		assert_int_equal(next(schedule), (told ? 18 : 48) * SECOND);
		for (int64_t at_us = next(schedule); at_us < 10 * MINUTE;
		     at_us += 30 * SECOND) {
			assert_int_equal(next(schedule), at_us);
			take(schedule, stepped(at_us, by_ms));
			assert_none(schedule, stepped(at_us, by_ms));
		}
		assert_int_equal(schedule_missed_count(schedule), 0);
		end(schedule, config);
	}
}

/* NTP sets the clock back by half a second, just after a round: not once more, although
 * there was a reload. */
static void
test_align_runs_no_round_again_after_a_small_step(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(60000));
	struct schedule *schedule = begin(config, at(0));

	take(schedule, at(0));
	reload(schedule, config, at(200000));
	step(schedule, stepped(300000, -500));
	assert_int_equal(next(schedule), MINUTE + 500000);
	take(schedule, stepped(MINUTE + 500000, -500));
	/* Forward by a minute: the one that was next is over. */
	step(schedule, stepped(MINUTE + 600000, MINUTE / 1000));
	assert_int_equal(next(schedule), 2 * MINUTE);
	end(schedule, config);
}

/* One round an hour, and it is two seconds before one when the clock is set forward. */
static void
test_align_runs_what_a_small_step_went_over(UNUSED void **state)
{
	static const int64_t steps_ms[] = { 2001, 3000, 3600000 / 2 };
	const int64_t hour = 60 * MINUTE;

	for (size_t i = 0; i < ARRAY_COUNT(steps_ms); i++) {
		struct config *config = aligned(CONFIG_OF(3600000));
		struct schedule *schedule = begin(config, at(0));
		int64_t now_us = next(schedule) - 2 * SECOND;
		int64_t next_us = now_us + 2 * SECOND + hour - steps_ms[i] * 1000;
		struct schedule_due due;

		assert_none(schedule, at(now_us));
		step(schedule, stepped(now_us, steps_ms[i]));
		/* told again of the same step, or of another */
		step(schedule, stepped(now_us, steps_ms[i]));
		assert_int_equal(next(schedule), now_us);
		due = take(schedule, stepped(now_us, steps_ms[i]));
		assert_int_equal(due.late_us, 0);
		assert_int_equal(due.missed, 0);
		assert_int_equal(next(schedule), next_us);
		step(schedule, stepped(now_us + SECOND, steps_ms[i]));
		assert_none(schedule, stepped(now_us + SECOND, steps_ms[i]));
		assert_int_equal(next(schedule), next_us);
		end(schedule, config);
	}
}

/* Set forward up to the round, and no further, or back: it comes when the clock says. */
static void
test_align_runs_a_round_once_when_a_small_step_comes_before_it(UNUSED void **state)
{
	static const int64_t steps_ms[] = { 2000, 1000, -3000, -1800000 };

	for (size_t i = 0; i < ARRAY_COUNT(steps_ms); i++) {
		struct config *config = aligned(CONFIG_OF(3600000));
		struct schedule *schedule = begin(config, at(0));
		int64_t hour_us = next(schedule);
		int64_t stepped_us = hour_us - steps_ms[i] * 1000;

		step(schedule, stepped(hour_us - 2 * SECOND, steps_ms[i]));
		assert_int_equal(next(schedule), stepped_us);
		take(schedule, stepped(stepped_us, steps_ms[i]));
		assert_int_equal(next(schedule), stepped_us + 60 * MINUTE);
		/* Back over it once more: still it has been run. */
		step(schedule, stepped(stepped_us + SECOND, steps_ms[i] - 3000));
		assert_int_equal(next(schedule), stepped_us + 60 * MINUTE + 3 * SECOND);
		end(schedule, config);
	}
}

static void
test_align_drops_what_a_large_step_went_over(UNUSED void **state)
{
	static const int64_t steps_ms[] = { 1800001, 2400000, YEAR_MS + 2400000 };

	for (size_t i = 0; i < ARRAY_COUNT(steps_ms); i++) {
		struct config *config = aligned(CONFIG_OF(3600000));
		struct schedule *schedule = begin(config, at(0));
		int64_t hour_us = next(schedule);

		step(schedule, stepped(hour_us - 2 * SECOND, steps_ms[i]));
		assert_int_equal(next(schedule),
		    hour_us + 60 * MINUTE - steps_ms[i] % 3600000 * 1000);
		assert_int_equal(schedule_missed_count(schedule), 0);
		end(schedule, config);
	}
}

/* Of several intervals, those whose rounds were gone over by half of them at most. */
static void
test_align_looks_at_each_interval_when_the_clock_steps(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(60000, 10000, 4000, 300000));
	struct schedule *schedule = begin(config, at(0));

	take(schedule, at(0));
	while (next(schedule) < 59 * SECOND)
		take(schedule, at(next(schedule)));
	/* From 59 s to 64 s: the tens and the minute are run, the fours are not. */
	step(schedule, stepped(59 * SECOND, 5000));
	assert_string_equal(shown(take(schedule, stepped(59 * SECOND, 5000))), "0 1 2");
	assert_none(schedule, stepped(59 * SECOND, 5000));
	assert_int_equal(next(schedule), 63 * SECOND);
	end(schedule, config);
}

/* What fell due while asleep is due on waking, whichever is told first. */
static void
test_align_keeps_what_is_due_when_the_clock_steps(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(60000, 3600000));
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	step(schedule, at(600 * MINUTE + SECOND));
	due = take(schedule, at(600 * MINUTE + SECOND));
	assert_string_equal(shown(due), "0 1");
	assert_int_equal(due.missed, 599);
	assert_int_equal(next(schedule), 601 * MINUTE);
	end(schedule, config);
}

static void
test_a_step_is_nothing_without_align(UNUSED void **state)
{
	struct config *config = CONFIG_OF(60000);
	struct schedule *schedule = begin(config, at(0));

	take(schedule, at(0));
	step(schedule, stepped(SECOND, YEAR_MS));
	assert_int_equal(next(schedule), MINUTE);
	assert_int_equal(take(schedule, stepped(MINUTE, -YEAR_MS)).missed, 0);
	assert_int_equal(next(schedule), 2 * MINUTE);
	end(schedule, config);
}

/* The wall clock goes a thousandth too fast, then too slow: a round for each multiple. */
static void
test_align_goes_with_a_clock_that_is_slewed(UNUSED void **state)
{
	for (int64_t permille = 999; permille <= 1001; permille += 2) {
		struct config *config = aligned(CONFIG_OF(10000));
		struct schedule *schedule = begin(config, at(0));
		int64_t last_ms = WALL - 10000;

		for (int i = 0; i < 10000; i++) {
			int64_t boot_us = next(schedule);
			struct schedule_now now = { BOOT + boot_us,
				WALL + boot_us * permille / 1000000 };

			/* To the nearest. */
			int64_t round_ms = (now.wall_ms + 5000) / 10000 * 10000;

			assert_int_equal(round_ms, last_ms + 10000);
			assert_in_range(now.wall_ms - round_ms + 20, 0, 40);
			last_ms = round_ms;
			take(schedule, now);
		}
		assert_int_equal(schedule_missed_count(schedule), 0);
		end(schedule, config);
	}
}

/* The machine starts with its clock in 1960, later it knows better. */
static void
test_align_works_before_the_epoch(UNUSED void **state)
{
	struct config *config = aligned(CONFIG_OF(60000));
	struct schedule *schedule;
	int64_t back_ms = -WALL - 10 * YEAR_MS;

	schedule = begin(config, stepped(-20 * SECOND, back_ms));
	assert_int_equal(next(schedule), 0);
	take(schedule, stepped(0, back_ms));
	assert_int_equal(next(schedule), MINUTE);
	step(schedule, at(30 * SECOND));
	assert_int_equal(next(schedule), MINUTE);
	end(schedule, config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_align_begins_at_the_next_multiple),
		cmocka_unit_test(test_align_begins_now_when_now_is_a_multiple),
		cmocka_unit_test(test_align_does_not_drift),
		cmocka_unit_test(test_align_counts_missed_rounds_by_the_boot_clock),
		cmocka_unit_test(test_align_follows_a_step_without_a_burst),
		cmocka_unit_test(test_align_runs_no_round_again_after_a_small_step),
		cmocka_unit_test(test_align_runs_what_a_small_step_went_over),
		cmocka_unit_test(
		    test_align_runs_a_round_once_when_a_small_step_comes_before_it),
		cmocka_unit_test(test_align_drops_what_a_large_step_went_over),
		cmocka_unit_test(
		    test_align_looks_at_each_interval_when_the_clock_steps),
		cmocka_unit_test(test_align_keeps_what_is_due_when_the_clock_steps),
		cmocka_unit_test(test_a_step_is_nothing_without_align),
		cmocka_unit_test(test_align_goes_with_a_clock_that_is_slewed),
		cmocka_unit_test(test_align_works_before_the_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
