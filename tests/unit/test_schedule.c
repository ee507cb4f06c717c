/*
 * The schedule by given times: what is due when, what is missed, what a reload changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "schedule_stage.h"

/* ---- the grid ---- */

static void
test_without_targets_there_are_rounds_of_nobody(UNUSED void **state)
{
	struct config *config = fake_config_new(0);
	struct config *some = CONFIG_OF(2000);
	struct schedule *schedule;

	config->interval_ms = 5000;
	schedule = begin(config, at(0));
	assert_int_equal(take(schedule, at(0)).count, 0);
	assert_int_equal(next(schedule), 5 * SECOND);
	assert_none(schedule, at(4 * SECOND));
	assert_int_equal(take(schedule, at(16 * SECOND)).missed, 2);
	reload(schedule, some, at(16 * SECOND));
	assert_string_equal(shown(take(schedule, at(18 * SECOND))), "0");
	reload(schedule, config, at(18 * SECOND));
	assert_int_equal(next(schedule), 20 * SECOND);
	fake_config_free(some);
	end(schedule, config);
	schedule_free(NULL);
}

static void
test_the_first_round_is_due_at_once(UNUSED void **state)
{
	struct config *config = CONFIG_OF(30000, 10000, 30000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	assert_int_equal(next(schedule), 0);
	due = take(schedule, at(0));
	assert_string_equal(shown(due), "0 1 2");
	assert_int_equal(due.late_us, 0);
	assert_int_equal(due.missed, 0);
	assert_int_equal(due.interval_ms, 10000);
	assert_none(schedule, at(0));
	assert_int_equal(next(schedule), 10 * SECOND);
	end(schedule, config);
}

/* Each is woken late, by up to most of an interval. */
static void
test_a_million_rounds_do_not_drift(UNUSED void **state)
{
	struct config *config = CONFIG_OF(500);
	struct schedule *schedule = begin(config, at(0));

	for (int64_t i = 0; i < 1000000; i++) {
		int64_t late_us = i * 7919 % 490000;
		struct schedule_due due;

		if (next(schedule) != i * SECOND / 2)
			fail_msg("round %lld", (long long)i);
		due = take(schedule, at(i * SECOND / 2 + late_us));
		if (due.late_us != late_us || due.missed != 0)
			fail_msg("round %lld", (long long)i);
	}
	assert_int_equal(schedule_missed_count(schedule), 0);
	end(schedule, config);
}

static void
test_a_late_round_leaves_the_next_in_the_grid(UNUSED void **state)
{
	struct config *config = CONFIG_OF(1000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	due = take(schedule, at(SECOND + 900000));
	assert_int_equal(due.late_us, 900000);
	assert_int_equal(due.missed, 0);
	assert_none(schedule, at(SECOND + 900000));
	assert_int_equal(next(schedule), 2 * SECOND);
	end(schedule, config);
}

/* 1 is taken late at 3.3, 2 and 3 are gone. */
static void
test_missed_rounds_are_counted_and_skipped(UNUSED void **state)
{
	struct config *config = CONFIG_OF(1000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	due = take(schedule, at(3 * SECOND + 300000));
	assert_int_equal(due.late_us, 2 * SECOND + 300000);
	assert_int_equal(due.missed, 2);
	assert_int_equal(due.interval_ms, 1000);
	assert_int_equal(next(schedule), 4 * SECOND);
	due = take(schedule, at(5 * SECOND));
	assert_int_equal(due.missed, 1);
	assert_int_equal(schedule_missed_count(schedule), 3);
	end(schedule, config);
}

/* Stopped for a minute, or asleep: the boot clock does not tell them apart. */
static void
test_after_a_minute_of_being_stopped_there_is_one_round(UNUSED void **state)
{
	struct config *config = CONFIG_OF(1000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	due = take(schedule, at(62 * SECOND));
	assert_int_equal(due.count, 1);
	assert_int_equal(due.late_us, 61 * SECOND);
	assert_int_equal(due.missed, 61);
	assert_none(schedule, at(62 * SECOND));
	assert_int_equal(next(schedule), 63 * SECOND);
	end(schedule, config);
}

static void
test_after_a_week_of_suspend_there_is_one_round_of_all(UNUSED void **state)
{
	struct config *config = CONFIG_OF(30000, 60000, 900000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;
	int64_t away_us = 7 * DAY_MS * 1000 + 10 * SECOND;

	take(schedule, at(0));
	due = take(schedule, at(away_us));
	assert_string_equal(shown(due), "0 1 2");
	assert_int_equal(due.late_us, away_us - 30 * SECOND);
	assert_int_equal(due.missed, 7 * 2880 - 1);
	assert_int_equal(due.interval_ms, 30000);
	assert_none(schedule, at(away_us));
	assert_int_equal(next(schedule), away_us + 20 * SECOND);
	end(schedule, config);
}

/* A timer may ring a little early, by the coarser of two clocks. */
static void
test_a_round_may_be_taken_within_the_slot_before_its_time(UNUSED void **state)
{
	struct config *config = CONFIG_OF(1000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	assert_none(schedule, at(SECOND - SCHEDULE_SLOT_US - 1));
	due = take(schedule, at(SECOND - SCHEDULE_SLOT_US));
	assert_int_equal(due.late_us, 0);
	assert_int_equal(due.missed, 0);
	assert_none(schedule, at(SECOND));
	assert_int_equal(next(schedule), 2 * SECOND);
	end(schedule, config);
}

/* So late that the next is within the slot: it is not run a moment later, too. */
static void
test_a_round_is_never_followed_by_another_within_the_slot(UNUSED void **state)
{
	struct config *config = CONFIG_OF(1000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	due = take(schedule, at(2 * SECOND - 2000));
	assert_int_equal(due.missed, 1);
	assert_int_equal(next(schedule), 3 * SECOND);
	end(schedule, config);
}

static void
test_an_interval_of_a_millisecond_works(UNUSED void **state)
{
	for (int align = 0; align < 2; align++) {
		struct config *config = CONFIG_OF(1);
		struct schedule *schedule;

		config->align = align != 0;
		schedule = begin(config, at(0));
		for (int64_t i = 0; i < 10000; i++) {
			assert_int_equal(next(schedule), i * 1000);
			assert_int_equal(take(schedule, at(i * 1000 + 600)).missed, 0);
			assert_none(schedule, at(i * 1000 + 600));
		}
		assert_int_equal(take(schedule, at(10 * SECOND + 2000)).missed, 2);
		assert_int_equal(next(schedule), 10 * SECOND + 3000);
		end(schedule, config);
	}
}

/* 100 years is the longest that can be written; nothing goes wrong with more, or none. */
static void
test_absurd_intervals_do_no_harm(UNUSED void **state)
{
	struct config *config = CONFIG_OF(100 * YEAR_MS, INT64_MAX, INT64_MIN);
	struct schedule *schedule;

	for (int align = 0; align < 2; align++) {
		config->align = align != 0;
		config->spread_ms = INT64_MAX;
		schedule = begin(config, at(0));
		for (int64_t i = 0; i < 10; i++)
			take(schedule, at(i * 200 * YEAR_MS * 1000));
		assert_true(schedule_next_us(schedule) > BOOT);
		schedule_free(schedule);
	}
	fake_config_free(config);
}

/* ---- several intervals ---- */

static void
test_intervals_that_fall_together_are_one_round_in_config_order(UNUSED void **state)
{
	struct config *config = CONFIG_OF(3000, 1000, 2000, 1000, 3000, 2000);
	struct schedule *schedule = begin(config, at(0));

	assert_string_equal(shown(take(schedule, at(0))), "0 1 2 3 4 5");
	assert_string_equal(shown(take(schedule, at(1 * SECOND))), "1 3");
	assert_string_equal(shown(take(schedule, at(2 * SECOND))), "1 2 3 5");
	assert_string_equal(shown(take(schedule, at(3 * SECOND))), "0 1 3 4");
	assert_string_equal(shown(take(schedule, at(4 * SECOND))), "1 2 3 5");
	assert_string_equal(shown(take(schedule, at(5 * SECOND))), "1 3");
	assert_string_equal(shown(take(schedule, at(6 * SECOND))), "0 1 2 3 4 5");
	assert_int_equal(next(schedule), 7 * SECOND);
	end(schedule, config);
}

static void
test_what_is_due_within_the_slot_is_one_round(UNUSED void **state)
{
	struct config *config = CONFIG_OF(1004, 1000, 1006);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	due = take(schedule, at(SECOND));
	assert_string_equal(shown(due), "0 1");
	assert_int_equal(due.late_us, 0);
	assert_int_equal(next(schedule), SECOND + 6000);
	assert_string_equal(shown(take(schedule, at(SECOND + 6000))), "2");
	end(schedule, config);
}

static void
test_the_interval_with_the_most_missed_rounds_is_counted(UNUSED void **state)
{
	struct config *config = CONFIG_OF(5000, 1000, 2000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	take(schedule, at(0));
	due = take(schedule, at(10 * SECOND + 500000));
	assert_string_equal(shown(due), "0 1 2");
	assert_int_equal(due.missed, 9);
	assert_int_equal(due.interval_ms, 1000);
	assert_int_equal(due.late_us, 9 * SECOND + 500000);
	assert_int_equal(schedule_missed_count(schedule), 9);
	assert_string_equal(shown(take(schedule, at(11 * SECOND))), "1");
	end(schedule, config);
}

static void
test_who_is_not_called_is_overdue(UNUSED void **state)
{
	struct config *config = CONFIG_OF(1000);
	struct schedule *schedule = begin(config, at(0));

	take(schedule, at(0));
	assert_false(schedule_is_overdue(schedule, BOOT, 0));
	assert_false(schedule_is_overdue(schedule, BOOT + SECOND, 0));
	assert_true(schedule_is_overdue(schedule, BOOT + SECOND + 1, 0));
	assert_false(schedule_is_overdue(schedule, BOOT + 6 * SECOND, 5 * SECOND));
	assert_true(schedule_is_overdue(schedule, BOOT + 6 * SECOND + 1, 5 * SECOND));
	take(schedule, at(6 * SECOND));
	assert_false(schedule_is_overdue(schedule, BOOT + 6 * SECOND + 1, 0));
	end(schedule, config);
}

/* ---- reload ---- */

static void
test_a_reload_keeps_the_times_of_intervals_there_were(UNUSED void **state)
{
	struct config *config = CONFIG_OF(10000, 25000);
	struct config *grown = CONFIG_OF(25000, 10000, 10000);
	struct schedule *schedule = begin(config, at(0));

	take(schedule, at(0));
	reload(schedule, grown, at(7 * SECOND));
	assert_none(schedule, at(7 * SECOND));
	assert_int_equal(next(schedule), 10 * SECOND);
	assert_string_equal(shown(take(schedule, at(10 * SECOND))), "1 2");
	assert_string_equal(shown(take(schedule, at(20 * SECOND))), "1 2");
	assert_string_equal(shown(take(schedule, at(25 * SECOND))), "0");
	fake_config_free(config);
	end(schedule, grown);
}

static void
test_a_round_that_is_due_is_not_lost_by_a_reload(UNUSED void **state)
{
	struct config *config = CONFIG_OF(10000);
	struct schedule *schedule = begin(config, at(0));
	struct schedule_due due;

	reload(schedule, config, at(SECOND));
	due = take(schedule, at(SECOND));
	assert_int_equal(due.late_us, SECOND);
	reload(schedule, config, at(31 * SECOND));
	assert_int_equal(take(schedule, at(31 * SECOND)).missed, 2);
	assert_int_equal(schedule_missed_count(schedule), 2);
	reload(schedule, config, at(32 * SECOND));
	assert_int_equal(schedule_missed_count(schedule), 2);
	end(schedule, config);
}

static void
test_a_new_interval_gets_the_next_of_its_multiples(UNUSED void **state)
{
	for (int align = 0; align < 2; align++) {
		struct config *config = CONFIG_OF(10000);
		struct config *grown = CONFIG_OF(10000, 4000);
		struct schedule *schedule;

		config->align = grown->align = align != 0;
		schedule = begin(config, at(0));
		take(schedule, at(0));
		take(schedule, at(10 * SECOND));
		reload(schedule, grown, at(15 * SECOND));
		/* WALL is a multiple of 10 s and of 4 s. */
		assert_int_equal(next(schedule), 16 * SECOND);
		assert_string_equal(shown(take(schedule, at(16 * SECOND))), "1");
		assert_string_equal(shown(take(schedule, at(20 * SECOND))), "0 1");
		fake_config_free(config);
		end(schedule, grown);
	}
}

/* What is new is asked at once by others: it is not due at that instant again. */
static void
test_a_reload_makes_nothing_due(UNUSED void **state)
{
	for (int align = 0; align < 2; align++) {
		struct config *config = CONFIG_OF(10000);
		struct config *changed = CONFIG_OF(5000);
		struct schedule *schedule;

		config->align = changed->align = align != 0;
		schedule = begin(config, at(0));
		take(schedule, at(0));
		reload(schedule, changed, at(5 * SECOND));
		assert_none(schedule, at(5 * SECOND));
		assert_int_equal(next(schedule), 10 * SECOND);
		fake_config_free(config);
		end(schedule, changed);
	}
}

static void
test_what_a_reload_removes_is_not_due_any_more(UNUSED void **state)
{
	struct config *config = CONFIG_OF(10000, 3000, 3000);
	struct config *less = CONFIG_OF(10000);
	struct config *none = fake_config_new(0);
	struct schedule *schedule = begin(config, at(0));

	none->interval_ms = 12000;
	take(schedule, at(0));
	reload(schedule, less, at(SECOND));
	assert_int_equal(next(schedule), 10 * SECOND);
	assert_string_equal(shown(take(schedule, at(10 * SECOND))), "0");
	reload(schedule, none, at(11 * SECOND));
	assert_int_equal(take(schedule, at(12 * SECOND)).count, 0);
	/* The start is the same still. */
	reload(schedule, config, at(14 * SECOND));
	assert_int_equal(next(schedule), 15 * SECOND);
	assert_string_equal(shown(take(schedule, at(15 * SECOND))), "1 2");
	fake_config_free(config);
	fake_config_free(less);
	end(schedule, none);
}

static void
test_align_switched_by_a_reload_plans_all_anew(UNUSED void **state)
{
	struct config *plain = CONFIG_OF(60000, 20000);
	struct config *clocked = aligned(CONFIG_OF(60000, 20000));
	struct schedule *schedule = begin(plain, at(7 * SECOND));

	take(schedule, at(7 * SECOND));
	assert_int_equal(next(schedule), 27 * SECOND);
	reload(schedule, clocked, at(10 * SECOND));
	assert_int_equal(next(schedule), 20 * SECOND);
	assert_string_equal(shown(take(schedule, at(20 * SECOND))), "1");
	assert_string_equal(shown(take(schedule, at(40 * SECOND))), "1");
	assert_string_equal(shown(take(schedule, at(60 * SECOND))), "0 1");
	reload(schedule, plain, at(61 * SECOND));
	assert_int_equal(next(schedule), 67 * SECOND);
	assert_string_equal(shown(take(schedule, at(67 * SECOND))), "0 1");
	assert_int_equal(next(schedule), 87 * SECOND);
	fake_config_free(clocked);
	end(schedule, plain);
}

/* ---- spread ---- */

static void
test_without_spread_all_begin_at_once(UNUSED void **state)
{
	assert_int_equal(schedule_offset_us("a", 0), 0);
	assert_int_equal(schedule_offset_us("", 0), 0);
	/* Too little to part. */
	assert_int_equal(schedule_offset_us("a", 19), 0);
}

static void
test_names_fill_the_points_of_the_spread_evenly(UNUSED void **state)
{
	unsigned counts[20] = { 0 };
	char name[16];

	for (int i = 1; i <= 1000; i++) {
		int64_t offset_us;

		snprintf(name, sizeof(name), "svc-%04d", i);
		offset_us = schedule_offset_us(name, MINUTE);
		assert_int_equal(offset_us, schedule_offset_us(name, MINUTE));
		assert_int_equal(offset_us % (3 * SECOND), 0);
		assert_in_range(offset_us, 0, MINUTE - 1);
		counts[offset_us / (3 * SECOND)]++;
	}
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++)
		assert_in_range(counts[i], 30, 75);
}

/* How many points 10,000 names have in SPREAD_US; all of them are in it. */
static size_t
count_points(int64_t spread_us, int64_t step_us)
{
	size_t points = (size_t)(spread_us / step_us);
	bool *seen = xcalloc(points, sizeof(*seen));
	size_t count = 0;
	char name[16];

	for (int i = 0; i < 10000; i++) {
		int64_t offset_us;

		snprintf(name, sizeof(name), "%d", i);
		offset_us = schedule_offset_us(name, spread_us);
		assert_in_range(offset_us, 0, spread_us - 1);
		assert_int_equal(offset_us % step_us, 0);
		count += !seen[offset_us / step_us];
		seen[offset_us / step_us] = true;
	}
	free(seen);
	return count;
}

static void
test_there_are_twenty_points_or_one_every_three_seconds(UNUSED void **state)
{
	assert_int_equal(count_points(1000, 50), 20);
	assert_int_equal(count_points(SECOND, SECOND / 20), 20);
	assert_int_equal(count_points(10 * SECOND, SECOND / 2), 20);
	assert_int_equal(count_points(MINUTE, 3 * SECOND), 20);
	assert_int_equal(count_points(10 * MINUTE, 3 * SECOND), 200);
	assert_int_equal(count_points(61 * SECOND, 3 * SECOND), 20);
}

static void
test_a_target_begins_within_its_interval(UNUSED void **state)
{
	struct config *config = CONFIG_OF(60000, 60000, 1000, 1000, 60000);
	struct schedule *schedule;
	struct schedule_due due;

	config->spread_ms = 10000;
	schedule = begin(config, at(0));
	due = take(schedule, at(0));
	for (size_t i = 0; i < due.count; i++) {
		const struct target *target = config->targets[i];
		int64_t spread_us = (i == 2 || i == 3 ? 1 : 10) * SECOND;

		assert_int_equal(due.places[i].offset_us,
		    schedule_offset_us(target->name, spread_us));
	}
	config->spread_ms = 0;
	reload(schedule, config, at(SECOND / 2));
	due = take(schedule, at(MINUTE));
	for (size_t i = 0; i < due.count; i++)
		assert_int_equal(due.places[i].offset_us, 0);
	end(schedule, config);
}

/* ---- many ---- */

static void
assert_in_order(const struct schedule_due *due)
{
	for (size_t i = 1; i < due->count; i++)
		assert_true(due->places[i - 1].index < due->places[i].index);
}

/* COUNT targets, of one interval or STEP_MS apart: what is due within a minute and a half,
 * second by second, and a reload each time. Returns how long that took. */
static clock_t
run_many(size_t count, int64_t step_ms)
{
	struct config *config = fake_config_new(count);
	struct schedule *schedule;
	clock_t began;
	size_t taken = 0;

	/* The longest first: the order is wrong all over. */
	for (size_t i = 0; i < count; i++)
		config->targets[i]->interval_ms =
		    60000 + (int64_t)(count - i) * step_ms;
	began = clock();
	schedule = begin(config, at(0));
	for (int64_t s = 0; s < 90; s++) {
		struct schedule_now now = at(s * SECOND);
		struct schedule_due due;

		while (schedule_take(schedule, &now, &due)) {
			assert_in_order(&due);
			taken += due.count;
		}
		reload(schedule, config, now);
	}
	began = clock() - began;
	assert_int_equal(taken, 2 * count);
	end(schedule, config);
	return began;
}

/* Ten times as many take about ten times as long, not a hundred times. */
static void
test_ten_thousand_targets_of_one_interval(UNUSED void **state)
{
	clock_t few = run_many(1000, 0);

	assert_true(run_many(10000, 0) < 50 * few);
}

static void
test_ten_thousand_targets_each_of_its_own_interval(UNUSED void **state)
{
	clock_t few = run_many(1000, 1);

	assert_true(run_many(10000, 1) < 50 * few);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_targets_there_are_rounds_of_nobody),
		cmocka_unit_test(test_the_first_round_is_due_at_once),
		cmocka_unit_test(test_a_million_rounds_do_not_drift),
		cmocka_unit_test(test_a_late_round_leaves_the_next_in_the_grid),
		cmocka_unit_test(test_missed_rounds_are_counted_and_skipped),
		cmocka_unit_test(
		    test_after_a_minute_of_being_stopped_there_is_one_round),
		cmocka_unit_test(
		    test_after_a_week_of_suspend_there_is_one_round_of_all),
		cmocka_unit_test(
		    test_a_round_may_be_taken_within_the_slot_before_its_time),
		cmocka_unit_test(
		    test_a_round_is_never_followed_by_another_within_the_slot),
		cmocka_unit_test(test_an_interval_of_a_millisecond_works),
		cmocka_unit_test(test_absurd_intervals_do_no_harm),
		cmocka_unit_test(
		    test_intervals_that_fall_together_are_one_round_in_config_order),
		cmocka_unit_test(test_what_is_due_within_the_slot_is_one_round),
		cmocka_unit_test(
		    test_the_interval_with_the_most_missed_rounds_is_counted),
		cmocka_unit_test(test_who_is_not_called_is_overdue),
		cmocka_unit_test(test_a_reload_keeps_the_times_of_intervals_there_were),
		cmocka_unit_test(test_a_round_that_is_due_is_not_lost_by_a_reload),
		cmocka_unit_test(test_a_new_interval_gets_the_next_of_its_multiples),
		cmocka_unit_test(test_a_reload_makes_nothing_due),
		cmocka_unit_test(test_what_a_reload_removes_is_not_due_any_more),
		cmocka_unit_test(test_align_switched_by_a_reload_plans_all_anew),
		cmocka_unit_test(test_without_spread_all_begin_at_once),
		cmocka_unit_test(test_names_fill_the_points_of_the_spread_evenly),
		cmocka_unit_test(
		    test_there_are_twenty_points_or_one_every_three_seconds),
		cmocka_unit_test(test_a_target_begins_within_its_interval),
		cmocka_unit_test(test_ten_thousand_targets_of_one_interval),
		cmocka_unit_test(test_ten_thousand_targets_each_of_its_own_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
