#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "gather/history.h"
#include "gather/outcome.h"

static void
put(struct history *history, enum status status, int64_t duration_us)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.duration_us = duration_us;
	history_put(history, &outcome);
}

static void
assert_point(const struct history *history, size_t index, enum status status,
    int32_t duration_us)
{
	assert_int_equal(history_at(history, index)->status, status);
	assert_int_equal(history_at(history, index)->duration_us, duration_us);
}

static void
test_outcomes_are_kept_from_the_oldest_to_the_newest(UNUSED void **state)
{
	struct history history = { 0 };

	put(&history, STATUS_OK, 1000);
	put(&history, STATUS_TIMEOUT, 5000000);
	put(&history, STATUS_SKIPPED, -1);

	assert_int_equal(history.count, 3);
	assert_point(&history, 0, STATUS_OK, 1000);
	assert_point(&history, 1, STATUS_TIMEOUT, 5000000);
	assert_point(&history, 2, STATUS_SKIPPED, -1);
}

static void
test_what_was_not_asked_is_none(UNUSED void **state)
{
	struct history history = { 0 };

	put(&history, STATUS_PENDING, -1);
	assert_int_equal(history.count, 0);
}

static void
test_one_more_than_the_maximum_drops_the_oldest(UNUSED void **state)
{
	struct history history = { 0 };

	for (int i = 0; i < HISTORY_MAX; i++)
		put(&history, STATUS_OK, (int64_t)i * 1000);
	assert_int_equal(history.count, HISTORY_MAX);
	assert_point(&history, 0, STATUS_OK, 0);
	assert_point(&history, HISTORY_MAX - 1, STATUS_OK, (HISTORY_MAX - 1) * 1000);

	put(&history, STATUS_ERROR, 7000);
	assert_int_equal(history.count, HISTORY_MAX);
	assert_point(&history, 0, STATUS_OK, 1000);
	assert_point(&history, HISTORY_MAX - 2, STATUS_OK, (HISTORY_MAX - 1) * 1000);
	assert_point(&history, HISTORY_MAX - 1, STATUS_ERROR, 7000);
}

static void
test_the_ring_goes_round_many_times(UNUSED void **state)
{
	struct history history = { 0 };

	for (int i = 0; i < 1000; i++)
		put(&history, STATUS_OK, (int64_t)i * 1000);
	for (int i = 0; i < HISTORY_MAX; i++)
		assert_point(
		    &history, (size_t)i, STATUS_OK, (1000 - HISTORY_MAX + i) * 1000);
}

static void
test_durations_have_a_maximum(UNUSED void **state)
{
	struct history history = { 0 };

	put(&history, STATUS_OK, 0);
	put(&history, STATUS_OK, 1);
	put(&history, STATUS_OK, INT32_MAX - 1);
	put(&history, STATUS_OK, (int64_t)INT32_MAX + 1);
	put(&history, STATUS_OK, INT64_MAX);

	assert_point(&history, 0, STATUS_OK, 0);
	assert_point(&history, 1, STATUS_OK, 1);
	assert_point(&history, 2, STATUS_OK, INT32_MAX - 1);
	assert_point(&history, 3, STATUS_OK, INT32_MAX);
	assert_point(&history, 4, STATUS_OK, INT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes_are_kept_from_the_oldest_to_the_newest),
		cmocka_unit_test(test_what_was_not_asked_is_none),
		cmocka_unit_test(test_one_more_than_the_maximum_drops_the_oldest),
		cmocka_unit_test(test_the_ring_goes_round_many_times),
		cmocka_unit_test(test_durations_have_a_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
