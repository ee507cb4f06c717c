#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "gather/pace.h"

#define SECOND ((int64_t)1000000)
#define NOW    (1000 * SECOND)

/* How many may start at once, beginning with a bucket that is full at FULL_AT_US. */
static int
starts_at_once(const struct pace *pace, int64_t full_at_us, int64_t now_us)
{
	int count = 0;

	for (; pace_next_us(pace, full_at_us) <= now_us; count++)
		full_at_us = pace_spend(pace, full_at_us, now_us);
	return count;
}

static void
test_without_a_limit_anybody_starts_at_any_time(UNUSED void **state)
{
	const struct pace none = pace_of(0);
	const struct pace zeroed = { 0 };

	assert_memory_equal(&none, &zeroed, sizeof(none));
	assert_true(pace_next_us(&none, NOW) == INT64_MIN);
	assert_int_equal(pace_spend(&none, 7, NOW), 7);
}

static void
test_a_bucket_holds_what_starts_in_one_second(UNUSED void **state)
{
	const struct pace five = pace_of(5);
	const struct pace between = pace_of(2.5);
	const struct pace slow = pace_of(0.1);

	assert_int_equal(starts_at_once(&five, 0, NOW), 5);
	assert_int_equal(starts_at_once(&between, 0, NOW), 2);
	assert_int_equal(starts_at_once(&slow, 0, NOW), 1);
}

static void
test_an_empty_bucket_fills_step_by_step(UNUSED void **state)
{
	const struct pace pace = pace_of(4);
	int64_t full_at_us = 0;

	for (int i = 0; i < 4; i++)
		full_at_us = pace_spend(&pace, full_at_us, NOW);
	assert_int_equal(full_at_us, NOW + SECOND);
	assert_int_equal(pace_next_us(&pace, full_at_us), NOW + SECOND / 4);
	assert_int_equal(starts_at_once(&pace, full_at_us, NOW + SECOND / 2), 2);
	assert_int_equal(starts_at_once(&pace, full_at_us, NOW + 60 * SECOND), 4);
}

static void
test_it_is_never_faster_than_was_said(UNUSED void **state)
{
	const struct pace pace = pace_of(3);
	int64_t full_at_us = 0;
	int count = 0;

	for (int64_t now = NOW; now < NOW + 100 * SECOND; now += 10000) {
		while (pace_next_us(&pace, full_at_us) <= now) {
			full_at_us = pace_spend(&pace, full_at_us, now);
			count++;
		}
	}
	assert_in_range(count, 299, 303);
}

static void
test_a_pace_slower_than_any_program_runs_is_no_overflow(UNUSED void **state)
{
	const struct pace pace = pace_of(1e-30);
	int64_t full_at_us = pace_spend(&pace, 0, NOW);

	assert_true(full_at_us > NOW);
	assert_int_equal(pace_next_us(&pace, full_at_us), full_at_us);
}

static void
test_what_is_used_up_is_as_much_at_another_pace(UNUSED void **state)
{
	const struct pace from = pace_of(4);
	const struct pace slower = pace_of(2);
	const struct pace faster = pace_of(10);
	int64_t one_owed = NOW + SECOND / 4;
	int64_t all_owed = NOW + SECOND;

	assert_int_equal(pace_change(&from, &slower, one_owed, NOW), NOW + SECOND / 2);
	/* A smaller bucket is empty at most. */
	assert_int_equal(pace_change(&from, &slower, all_owed, NOW), NOW + SECOND);
	/* In a larger one there is room for more. */
	assert_int_equal(
	    starts_at_once(&faster, pace_change(&from, &faster, all_owed, NOW), NOW),
	    6);
	/* Nothing was. */
	assert_int_equal(pace_change(&from, &slower, NOW - 5, NOW), NOW - 5);
}

static void
test_without_a_limit_before_or_after_nothing_is_used_up(UNUSED void **state)
{
	const struct pace some = pace_of(4);
	const struct pace none = pace_of(0);

	assert_int_equal(pace_change(&some, &none, NOW + SECOND, NOW), 0);
	assert_int_equal(pace_change(&none, &some, NOW + SECOND, NOW), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_limit_anybody_starts_at_any_time),
		cmocka_unit_test(test_a_bucket_holds_what_starts_in_one_second),
		cmocka_unit_test(test_an_empty_bucket_fills_step_by_step),
		cmocka_unit_test(test_it_is_never_faster_than_was_said),
		cmocka_unit_test(
		    test_a_pace_slower_than_any_program_runs_is_no_overflow),
		cmocka_unit_test(test_what_is_used_up_is_as_much_at_another_pace),
		cmocka_unit_test(
		    test_without_a_limit_before_or_after_nothing_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
