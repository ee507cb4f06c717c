#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "config/config.h"
#include "gather/backoff.h"
#include "gather/board.h"

#define MS ((int64_t)1000)

/* How many intervals of a second after its last turn the next one is. */
static int64_t
waits(int64_t backoff_ms, uint64_t failures)
{
	const struct target target = { .interval_ms = 1000, .backoff_ms = backoff_ms };
	int64_t until_us = backoff_until_us(&target, failures, 5 * MS);

	return until_us == 0 ? 1 : (until_us - 5 * MS) / (1000 * MS);
}

static void
without_backoff_a_target_is_due_at_its_usual_time(UNUSED void **state)
{
	assert_int_equal(waits(0, 1), 1);
	assert_int_equal(waits(0, 100), 1);
}

static void
every_failure_after_the_first_doubles_the_interval(UNUSED void **state)
{
	assert_int_equal(waits(600000, 1), 1);
	assert_int_equal(waits(600000, 2), 2);
	assert_int_equal(waits(600000, 3), 4);
	assert_int_equal(waits(600000, 9), 256);
}

static void
it_ends_at_backoff(UNUSED void **state)
{
	assert_int_equal(waits(600000, 10), 512);
	assert_int_equal(waits(600000, 11), 600);
	assert_int_equal(waits(600000, 12), 600);
	assert_int_equal(waits(600000, UINT64_MAX), 600);
}

static void
a_backoff_below_the_interval_changes_nothing(UNUSED void **state)
{
	assert_int_equal(waits(500, 7), 1);
	assert_int_equal(waits(1000, 7), 1);
}

static void
the_longest_of_times_do_not_overflow(UNUSED void **state)
{
	const struct target target = {
		.interval_ms = INT64_MAX / 4000,
		.backoff_ms = INT64_MAX / 2000,
	};

	assert_true(backoff_until_us(&target, 1000, 0) > 0);
}

static void
a_round_that_comes_a_little_early_is_the_one(UNUSED void **state)
{
	const struct target target = { .interval_ms = 1000 };
	struct board_entry entry = { .target = &target };

	assert_true(backoff_is_over(&entry, 0));
	entry.backoff_until_us = 4000 * MS;
	assert_true(backoff_is_over(&entry, 4000 * MS));
	assert_true(backoff_is_over(&entry, 3999 * MS));
	assert_false(backoff_is_over(&entry, 3000 * MS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_backoff_a_target_is_due_at_its_usual_time),
		cmocka_unit_test(every_failure_after_the_first_doubles_the_interval),
		cmocka_unit_test(it_ends_at_backoff),
		cmocka_unit_test(a_backoff_below_the_interval_changes_nothing),
		cmocka_unit_test(the_longest_of_times_do_not_overflow),
		cmocka_unit_test(a_round_that_comes_a_little_early_is_the_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
