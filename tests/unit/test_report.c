#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "gather/board.h"
#include "gather/report.h"
#include "report_stage.h"

static void
test_first_outcomes_and_the_round_are_told(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 4);
	begin_round(&f);
	report(&f, 0, STATUS_OK);
	report(&f, 1, STATUS_TIMEOUT);
	report(&f, 2, STATUS_HTTP_ERROR);
	report(&f, 3, STATUS_ERROR);
	end_round(&f, 5002600);
	assert_string_equal(caught(&f),
	    "info [t0] responded with 200 in 183 ms\n"
	    "warn [t1] timed out after 5s\n"
	    "warn [t2] returned HTTP 503\n"
	    "warn [t3] error: could not resolve host x\n"
	    "warn dashboard incomplete (1 of 4 ok in 5003 ms); failed services: t1, t2, "
	    "t3\n");
	unmake(&f);
}

static void
test_a_complete_round_is_told_at_info(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 2);
	report(&f, 0, STATUS_OK);
	report(&f, 1, STATUS_DEGRADED);
	caught(&f);
	end_round(&f, 203000);
	assert_string_equal(
	    caught(&f), "info dashboard complete (2 of 2 ok in 203 ms)\n");
	unmake(&f);
}

static void
test_no_targets_are_complete(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 0);
	end_round(&f, 0);
	assert_string_equal(
	    caught(&f), "info dashboard complete (0 of 0 ok in 0 ms)\n");
	unmake(&f);
}

static void
test_targets_not_asked_yet_are_told_apart(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 3);
	report(&f, 1, STATUS_OK);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "info dashboard incomplete (1 of 3 ok in 1 ms); 2 not asked yet\n");
	report(&f, 0, STATUS_ERROR);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "warn dashboard incomplete (1 of 3 ok in 1 ms); failed services: t0; 1 not "
	    "asked yet\n");
	unmake(&f);
}

static void
test_only_changes_are_told(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 1);
	report(&f, 0, STATUS_OK);
	caught(&f);
	report(&f, 0, STATUS_OK);
	assert_string_equal(caught(&f), "");
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "warn [t0] timed out after 5s\n");
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "");
	report(&f, 0, STATUS_OK);
	assert_string_equal(caught(&f), "info [t0] responded with 200 in 183 ms\n");
	unmake(&f);
}

static void
test_an_ongoing_failure_is_told_each_hour(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 2);
	report(&f, 0, STATUS_TIMEOUT);
	report(&f, 1, STATUS_OK);
	caught(&f);
	f.now_us += HOUR - 1;
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "");
	f.now_us += 1;
	report(&f, 0, STATUS_TIMEOUT);
	report(&f, 1, STATUS_OK);
	assert_string_equal(caught(&f), "warn [t0] timed out after 5s\n");
	f.now_us += HOUR - 1;
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "");
	f.now_us += 1;
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "warn [t0] timed out after 5s\n");
	/* Another failure is news, and begins an hour of its own. */
	f.now_us += HOUR / 2;
	report(&f, 0, STATUS_ERROR);
	caught(&f);
	f.now_us += HOUR - 1;
	report(&f, 0, STATUS_ERROR);
	assert_string_equal(caught(&f), "");
	f.now_us += 1;
	report(&f, 0, STATUS_ERROR);
	assert_string_equal(caught(&f), "warn [t0] error: could not resolve host x\n");
	unmake(&f);
}

static void
report_held_back(struct report_stage *f)
{
	struct outcome outcome;
	bool changed;

	outcome_init(&outcome);
	outcome.status = STATUS_SKIPPED;
	outcome.kind = KIND_RATE_LIMITED;
	outcome.message = xstrdup("held back");
	changed = board_put(f->board, board_entry(f->board, 0), &outcome);
	report_outcome(
	    f->report, &f->lines, board_entry(f->board, 0), changed, f->now_us);
}

static void
test_who_is_held_back_time_and_again_is_told_each_hour(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 1);
	report(&f, 0, STATUS_HTTP_ERROR);
	assert_string_equal(caught(&f), "warn [t0] returned HTTP 503\n");
	for (int i = 0; i < 3; i++) {
		report_held_back(&f);
		report(&f, 0, STATUS_HTTP_ERROR);
	}
	assert_string_equal(caught(&f), "");
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	report_held_back(&f);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_string_equal(caught(&f), "debug [t0] skipped: held back\n");
	f.now_us += HOUR;
	report_held_back(&f);
	report(&f, 0, STATUS_HTTP_ERROR);
	assert_string_equal(caught(&f), "warn [t0] skipped: held back\n");
	report(&f, 0, STATUS_OK);
	assert_string_equal(caught(&f), "info [t0] responded with 200 in 183 ms\n");
	unmake(&f);
}

static void
test_a_degraded_answer_is_told_as_a_warning_and_once(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 1);
	report(&f, 0, STATUS_OK);
	caught(&f);
	report(&f, 0, STATUS_DEGRADED);
	assert_string_equal(caught(&f),
	    "warn [t0] responded with 200 in 183 ms, but /queue: expected 1, got 2\n");
	f.now_us += 2 * REPORT_REPEAT_US;
	report(&f, 0, STATUS_DEGRADED);
	assert_string_equal(caught(&f), "");
	report(&f, 0, STATUS_OK);
	assert_string_equal(caught(&f), "info [t0] responded with 200 in 183 ms\n");
	unmake(&f);
}

static void
test_what_goes_on_is_told_at_debug(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 1);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	report(&f, 0, STATUS_TIMEOUT);
	report(&f, 0, STATUS_TIMEOUT);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_string_equal(caught(&f),
	    "warn [t0] timed out after 5s\n"
	    "debug [t0] timed out after 5s\n");
	unmake(&f);
}

static void
test_a_round_has_twenty_target_lines_at_most(UNUSED void **state)
{
	struct report_stage f;
	const char *lines;

	make(&f, 30);
	for (int round = 0; round < 2; round++) {
		begin_round(&f);
		for (size_t i = 0; i < 30; i++)
			report(&f, i, round == 0 ? STATUS_ERROR : STATUS_TIMEOUT);
		assert_int_equal(count_lines(caught(&f)), REPORT_MAX_LINES);
		end_round(&f, 1000);
		lines = caught(&f);
		assert_int_equal(count_lines(lines), 2);
		assert_ptr_equal(strstr(lines, "warn and 10 more\n"), lines);
	}
	/* the next one begins afresh, and does not make up for it */
	begin_round(&f);
	report(&f, 29, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "");
	report(&f, 29, STATUS_OK);
	assert_int_equal(count_lines(caught(&f)), 1);
	unmake(&f);
}

static void
test_the_many_that_are_well_leave_lines_to_failures(UNUSED void **state)
{
	struct report_stage f;
	const char *lines;

	/* Those that fail mostly answer last. */
	make(&f, 30);
	begin_round(&f);
	for (size_t i = 0; i < 28; i++)
		report(&f, i, STATUS_OK);
	assert_int_equal(count_lines(caught(&f)), 10);
	report(&f, 28, STATUS_TIMEOUT);
	report(&f, 29, STATUS_HTTP_ERROR);
	assert_string_equal(caught(&f),
	    "warn [t28] timed out after 5s\n"
	    "warn [t29] returned HTTP 503\n");
	end_round(&f, 5000);
	lines = caught(&f);
	assert_ptr_equal(strstr(lines, "info and 18 more\n"), lines);
	unmake(&f);

	/* Where all have room none are kept. */
	make(&f, REPORT_MAX_LINES);
	begin_round(&f);
	for (size_t i = 0; i < REPORT_MAX_LINES; i++)
		report(&f, i, STATUS_OK);
	assert_int_equal(count_lines(caught(&f)), REPORT_MAX_LINES);
	unmake(&f);
}

static void
test_who_debugs_sees_every_target_that_goes_on(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 30);
	for (size_t i = 0; i < 30; i++)
		report(&f, i, STATUS_OK);
	caught(&f);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	begin_round(&f);
	for (size_t i = 0; i < 30; i++)
		report(&f, i, i < 9 ? STATUS_OK : STATUS_TIMEOUT);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_int_equal(count_lines(caught(&f)), REPORT_MAX_LINES + 9);
	unmake(&f);
}

static void
test_lines_that_are_not_written_are_not_counted(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 30);
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	begin_round(&f);
	for (size_t i = 0; i < 29; i++)
		report(&f, i, STATUS_OK);
	report(&f, 29, STATUS_TIMEOUT);
	end_round(&f, 1000);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_string_equal(caught(&f),
	    "warn [t29] timed out after 5s\n"
	    "warn dashboard incomplete (29 of 30 ok in 1 ms); failed services: t29\n");
	unmake(&f);
}

static void
test_a_rounds_line_names_twenty_at_most(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 23);
	for (size_t i = 0; i < 23; i++)
		report(&f, i, i == 2 ? STATUS_OK : STATUS_ERROR);
	caught(&f);
	begin_round(&f);
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "warn dashboard incomplete (1 of 23 ok in 1 ms); failed services: t0, t1, t3, "
	    "t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16, t17, t18, t19, t20 "
	    "and 2 more\n");
	unmake(&f);
}

static void
test_neither_success_nor_failure_has_its_level(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 2);
	report(&f, 0, STATUS_CANCELLED);
	report(&f, 1, STATUS_SKIPPED);
	assert_string_equal(caught(&f), "info [t0] cancelled\nwarn [t1] skipped\n");
	unmake(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_outcomes_and_the_round_are_told),
		cmocka_unit_test(test_a_complete_round_is_told_at_info),
		cmocka_unit_test(test_no_targets_are_complete),
		cmocka_unit_test(test_targets_not_asked_yet_are_told_apart),
		cmocka_unit_test(test_only_changes_are_told),
		cmocka_unit_test(test_an_ongoing_failure_is_told_each_hour),
		cmocka_unit_test(
		    test_who_is_held_back_time_and_again_is_told_each_hour),
		cmocka_unit_test(test_a_degraded_answer_is_told_as_a_warning_and_once),
		cmocka_unit_test(test_what_goes_on_is_told_at_debug),
		cmocka_unit_test(test_a_round_has_twenty_target_lines_at_most),
		cmocka_unit_test(test_the_many_that_are_well_leave_lines_to_failures),
		cmocka_unit_test(test_who_debugs_sees_every_target_that_goes_on),
		cmocka_unit_test(test_lines_that_are_not_written_are_not_counted),
		cmocka_unit_test(test_a_rounds_line_names_twenty_at_most),
		cmocka_unit_test(test_neither_success_nor_failure_has_its_level),
	};

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
