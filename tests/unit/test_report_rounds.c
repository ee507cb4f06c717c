/*
 * What the log says of a daemon's rounds: those that are news, and those that were not held.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/log.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/report.h"
#include "report_stage.h"

/* A round of two targets, a minute after the one before. Returns what the log says of the
 * round alone. */
static const char *
round_of(struct report_stage *f, enum status first, enum status second)
{
	f->now_us += 60 * SECOND;
	begin_round(f);
	report(f, 0, first);
	report(f, 1, second);
	caught(f);
	end_round(f, 1000);
	return caught(f);
}

#define COMPLETE "info dashboard complete (2 of 2 ok in 1 ms)\n"
#define FAILED(names) \
	"warn dashboard incomplete (1 of 2 ok in 1 ms); failed services: " names "\n"

static void
test_a_daemons_round_is_told_when_other_targets_fail(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 2);
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), COMPLETE);
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), "");
	assert_string_equal(round_of(&f, STATUS_DEGRADED, STATUS_OK), "");
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), FAILED("t1"));
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), "");
	/* the same one, otherwise */
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_TIMEOUT), "");
	/* as many, but another one */
	assert_string_equal(round_of(&f, STATUS_TIMEOUT, STATUS_OK), FAILED("t0"));
	assert_string_equal(round_of(&f, STATUS_TIMEOUT, STATUS_ERROR),
	    "warn dashboard incomplete (0 of 2 ok in 1 ms); failed services: t0, t1\n");
	assert_string_equal(round_of(&f, STATUS_SKIPPED, STATUS_CANCELLED), "");
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), COMPLETE);
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), "");
	unmake(&f);
}

static void
test_an_incomplete_round_is_told_each_hour(UNUSED void **state)
{
	struct report_stage f;
	const int64_t minute = 60 * SECOND;

	make_daemon(&f, 2);
	round_of(&f, STATUS_OK, STATUS_ERROR);
	f.now_us += HOUR - minute - 1;
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), "");
	f.now_us += 1 - minute;
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), FAILED("t1"));
	f.now_us += HOUR / 2;
	assert_string_equal(round_of(&f, STATUS_ERROR, STATUS_OK), FAILED("t0"));
	/* counted from the last line, whatever it was for */
	f.now_us += HOUR / 2;
	assert_string_equal(round_of(&f, STATUS_ERROR, STATUS_OK), "");
	f.now_us += HOUR / 2;
	assert_string_equal(round_of(&f, STATUS_ERROR, STATUS_OK), FAILED("t0"));
	/* not while all is well */
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), COMPLETE);
	f.now_us += 3 * HOUR;
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), "");
	unmake(&f);
}

static void
test_all_other_rounds_are_told_at_debug(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 2);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	round_of(&f, STATUS_OK, STATUS_ERROR);
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR),
	    "debug dashboard incomplete (1 of 2 ok in 1 ms); failed services: t1\n");
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), COMPLETE);
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK),
	    "debug dashboard complete (2 of 2 ok in 1 ms)\n");
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	unmake(&f);
}

static void
test_every_round_is_told_on_request(UNUSED void **state)
{
	struct report_stage f;

	make(&f, 2);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(round_of(&f, STATUS_OK, STATUS_OK), COMPLETE);
		assert_string_equal(
		    round_of(&f, STATUS_ERROR, STATUS_OK), FAILED("t0"));
		assert_string_equal(
		    round_of(&f, STATUS_ERROR, STATUS_OK), FAILED("t0"));
	}
	unmake(&f);
}

/* Go over to targets with the COUNT numbers NUMBERS. */
static void
reload(struct report_stage *f, size_t count, const size_t *numbers)
{
	struct config *config = fake_config_of(count, numbers);

	board_reload(f->board, config);
	fake_config_free(f->config);
	f->config = config;
}

static void
test_the_last_to_be_asked_is_a_change(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 2);
	report(&f, 1, STATUS_OK);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "info dashboard incomplete (1 of 2 ok in 1 ms); 1 not asked yet\n");
	f.now_us += 2 * REPORT_REPEAT_US;
	end_round(&f, 1000);
	assert_string_equal(caught(&f), "");
	report(&f, 0, STATUS_OK);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(caught(&f), COMPLETE);
	unmake(&f);
}

static void
test_a_failed_target_that_left_is_a_change(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 3);
	report(&f, 2, STATUS_OK);
	assert_string_equal(round_of(&f, STATUS_ERROR, STATUS_OK),
	    "warn dashboard incomplete (2 of 3 ok in 1 ms); failed services: t0\n");
	/* without the one that is well, in another order: none */
	reload(&f, 2, (const size_t[]){ 1, 0 });
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), "");
	/* without the one that failed */
	reload(&f, 1, (const size_t[]){ 1 });
	end_round(&f, 1000);
	assert_string_equal(
	    caught(&f), "info dashboard complete (1 of 1 ok in 1 ms)\n");
	/* with another one that fails */
	reload(&f, 2, (const size_t[]){ 1, 5 });
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), FAILED("t5"));
	/* one for the other */
	reload(&f, 2, (const size_t[]){ 1, 6 });
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), FAILED("t6"));
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), "");
	unmake(&f);
}

static void
test_a_failure_that_came_and_went_within_a_round_is_no_change(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 2);
	round_of(&f, STATUS_OK, STATUS_ERROR);
	report(&f, 0, STATUS_ERROR);
	report(&f, 1, STATUS_OK);
	caught(&f);
	assert_string_equal(round_of(&f, STATUS_OK, STATUS_ERROR), "");
	unmake(&f);
}

static void
test_a_reload_is_seen_in_the_names_although_nobody_else_failed(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 3);
	report(&f, 2, STATUS_OK);
	assert_string_equal(round_of(&f, STATUS_ERROR, STATUS_ERROR),
	    "warn dashboard incomplete (1 of 3 ok in 1 ms); failed services: t0, t1\n");
	reload(&f, 3, (const size_t[]){ 2, 1, 0 });
	f.now_us += HOUR;
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "warn dashboard incomplete (1 of 3 ok in 1 ms); failed services: t1, t0\n");
	unmake(&f);
}

static void
test_the_line_is_given_back_whether_it_is_logged_or_not(UNUSED void **state)
{
	static const char well[] = "dashboard complete (2 of 2 ok in 1 ms)";
	static const char ill[] =
	    "dashboard incomplete (1 of 2 ok in 2 ms); failed services: t1";
	struct report_stage f;

	make_daemon(&f, 2);
	report(&f, 0, STATUS_OK);
	report(&f, 1, STATUS_OK);
	for (int i = 0; i < 2; i++)
		assert_string_equal(end_round(&f, 1000), well);
	report(&f, 1, STATUS_TIMEOUT);
	for (int i = 0; i < 2; i++)
		assert_string_equal(end_round(&f, 2000), ill);
	assert_int_equal(count_lines(caught(&f)), 5); /* three of targets */
	unmake(&f);
}

/* CPU time of many rounds of COUNT targets, all of which fail as before. */
static clock_t
time_of_rounds(size_t count)
{
	struct report_stage f;
	clock_t begun;

	make_daemon(&f, count);
	for (size_t i = 0; i < count; i++)
		report(&f, i, STATUS_ERROR);
	end_round(&f, 1000);
	begun = clock();
	for (int i = 0; i < 2000; i++)
		end_round(&f, 1000);
	begun = clock() - begun;
	unmake(&f);
	return begun;
}

static void
test_a_round_without_a_change_costs_the_same_whatever_the_number(UNUSED void **state)
{
	clock_t few = time_of_rounds(30);
	clock_t many = time_of_rounds(30000);

	print_message("30 targets: %ld us, 30000: %ld us\n",
	    (long)(few * 1000000 / CLOCKS_PER_SEC),
	    (long)(many * 1000000 / CLOCKS_PER_SEC));
	assert_true(many < 10 * few + CLOCKS_PER_SEC / 20);
}

static void
test_rounds_at_once_have_their_own_lines(UNUSED void **state)
{
	struct report_lines other = { .count = 0 };
	struct report_lines first;
	struct report_stage f;

	make_daemon(&f, 60);
	for (size_t i = 0; i < 25; i++)
		report(&f, i, STATUS_ERROR);
	assert_int_equal(count_lines(caught(&f)), REPORT_MAX_LINES);
	first = f.lines;
	f.lines = other;
	for (size_t i = 30; i < 50; i++)
		report(&f, i, STATUS_ERROR);
	assert_int_equal(count_lines(caught(&f)), 20);
	end_round(&f, 1000);
	assert_null(strstr(caught(&f), "warn and "));
	f.lines = first;
	end_round(&f, 1000);
	assert_string_equal(caught(&f), "warn and 5 more\n");
	unmake(&f);
}

/* ---- turns and rounds that did not take place ---- */

static void
skip_turn(struct report_stage *f, size_t index)
{
	report_skipped(f->report, &f->lines, board_entry(f->board, index), f->now_us);
}

static void
test_skipped_turns_are_counted_and_told_once_an_hour(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 2);
	skip_turn(&f, 0);
	assert_string_equal(caught(&f),
	    "warn [t0] still running when due again: turn skipped (1 so far)\n");
	f.now_us += HOUR - 1;
	skip_turn(&f, 0);
	assert_string_equal(caught(&f), "");
	/* each for itself */
	skip_turn(&f, 1);
	assert_string_equal(caught(&f),
	    "warn [t1] still running when due again: turn skipped (1 so far)\n");
	f.now_us += 1;
	skip_turn(&f, 0);
	assert_string_equal(caught(&f),
	    "warn [t0] still running when due again: turn skipped (3 so far)\n");
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	f.now_us += HOUR - 1;
	skip_turn(&f, 0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_string_equal(caught(&f),
	    "debug [t0] still running when due again: turn skipped (4 so far)\n");
	assert_int_equal(board_entry(f.board, 0)->skipped_turns, 4);
	/* and beside the outcomes */
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "warn [t0] timed out after 5s\n");
	unmake(&f);
}

static void
test_missed_rounds_are_told_once_an_hour_with_their_number(UNUSED void **state)
{
	struct report_stage f;

	make_daemon(&f, 1);
	report_missed(f.report, 0, 0, 500, f.now_us);
	assert_string_equal(caught(&f), "");
	report_missed(f.report, 1, 1, 500, f.now_us);
	assert_string_equal(caught(&f),
	    "warn 1 round missed, one every 500ms, after a stop, a sleep or under load "
	    "(1 so far)\n");
	f.now_us += HOUR - 1;
	report_missed(f.report, 3, 4, 500, f.now_us);
	assert_string_equal(caught(&f), "");
	f.now_us += 1;
	report_missed(f.report, 0, 4, 500, f.now_us);
	assert_string_equal(caught(&f), "");
	report_missed(f.report, 60, 64, 90000, f.now_us);
	assert_string_equal(caught(&f),
	    "warn 60 rounds missed, one every 1m30s, after a stop, a sleep or under load "
	    "(64 so far)\n");
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	report_missed(f.report, 2, 66, 500, f.now_us + HOUR - 1);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_string_equal(caught(&f),
	    "debug 2 rounds missed, one every 500ms, after a stop, a sleep or under load "
	    "(66 so far)\n");
	unmake(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_daemons_round_is_told_when_other_targets_fail),
		cmocka_unit_test(test_an_incomplete_round_is_told_each_hour),
		cmocka_unit_test(test_all_other_rounds_are_told_at_debug),
		cmocka_unit_test(test_every_round_is_told_on_request),
		cmocka_unit_test(test_the_last_to_be_asked_is_a_change),
		cmocka_unit_test(test_a_failed_target_that_left_is_a_change),
		cmocka_unit_test(
		    test_a_failure_that_came_and_went_within_a_round_is_no_change),
		cmocka_unit_test(
		    test_a_reload_is_seen_in_the_names_although_nobody_else_failed),
		cmocka_unit_test(
		    test_the_line_is_given_back_whether_it_is_logged_or_not),
		cmocka_unit_test(
		    test_a_round_without_a_change_costs_the_same_whatever_the_number),
		cmocka_unit_test(test_rounds_at_once_have_their_own_lines),
		cmocka_unit_test(test_skipped_turns_are_counted_and_told_once_an_hour),
		cmocka_unit_test(
		    test_missed_rounds_are_told_once_an_hour_with_their_number),
	};

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
