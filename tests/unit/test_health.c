#include "serve/health.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

#define NOW_US INT64_C(1000000000)
#define NOW_MS INT64_C(1795232400123)

static char reason[HEALTH_REASON_SIZE];

static bool
is_well(const struct health *health, int64_t stale_after_ms)
{
	return health_is_well(health, stale_after_ms, NOW_US, NOW_MS, reason);
}

static void
test_all_is_well_while_rounds_go_on(UNUSED void **state)
{
	struct health health = { .due_at_us = NOW_US + 1 };

	assert_true(is_well(&health, NOW_MS));
	health.due_at_us = NOW_US - HEALTH_OVERDUE_US;
	assert_true(is_well(&health, NOW_MS));
}

static void
test_before_a_round_is_planned_none_is_late(UNUSED void **state)
{
	const struct health health = { 0 };

	assert_true(is_well(&health, NOW_MS + 60000));
}

static void
test_an_overdue_round_is_told_with_its_age(UNUSED void **state)
{
	struct health health = { .due_at_us = NOW_US - HEALTH_OVERDUE_US - 1 };

	assert_false(is_well(&health, NOW_MS + 60000));
	assert_string_equal(reason, "the round that was due 5s ago has not begun");
	health.due_at_us = NOW_US - INT64_C(75) * 1000000;
	assert_false(is_well(&health, NOW_MS + 60000));
	assert_string_equal(reason, "the round that was due 1m ago has not begun");
}

static void
test_a_failed_write_is_told_with_what_and_why(UNUSED void **state)
{
	struct health health = { .write_error = ENOSPC, .written = "the metrics" };

	assert_false(is_well(&health, NOW_MS));
	assert_string_equal(
	    reason, "the metrics could not be written: No space left on device");
}

static void
test_a_stale_document_is_told_with_its_age(UNUSED void **state)
{
	const struct health health = { .due_at_us = NOW_US };

	assert_false(is_well(&health, NOW_MS - 12000));
	assert_string_equal(reason, "the document became stale 12s ago");
}

static void
test_nothing_is_well_before_the_first_document(UNUSED void **state)
{
	const struct health health = { 0 };

	assert_false(is_well(&health, -1));
	assert_string_equal(reason, "there is no document yet");
}

static void
test_the_cause_goes_before_what_it_causes(UNUSED void **state)
{
	struct health health = {
		.due_at_us = 1,
		.write_error = EACCES,
		.written = "the document",
	};

	assert_false(is_well(&health, -1));
	assert_string_equal(
	    reason, "the document could not be written: Permission denied");
	health.write_error = 0;
	assert_false(is_well(&health, 0));
	assert_non_null(strstr(reason, "has not begun"));
}

static void
test_the_longest_reason_fits(UNUSED void **state)
{
	struct health health = { .write_error = 1 << 30 };

	memset(health.written, 'x', sizeof(health.written) - 1);
	assert_false(is_well(&health, NOW_MS));
	assert_true(strlen(reason) < HEALTH_REASON_SIZE);
	health = (struct health){ .due_at_us = INT64_MIN / 2 };
	assert_false(is_well(&health, NOW_MS));
	assert_non_null(strstr(reason, "has not begun"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_well_while_rounds_go_on),
		cmocka_unit_test(test_before_a_round_is_planned_none_is_late),
		cmocka_unit_test(test_an_overdue_round_is_told_with_its_age),
		cmocka_unit_test(test_a_failed_write_is_told_with_what_and_why),
		cmocka_unit_test(test_a_stale_document_is_told_with_its_age),
		cmocka_unit_test(test_nothing_is_well_before_the_first_document),
		cmocka_unit_test(test_the_cause_goes_before_what_it_causes),
		cmocka_unit_test(test_the_longest_reason_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
