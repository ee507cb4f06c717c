#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/report.h"
#include "gather/round.h"

#define HOUR_MS ((int64_t)3600000)

/* A board, a report of it, and standard error caught in a file. */
struct fixture {
	struct config *config;
	struct board *board;
	struct report *report;
	int64_t now_ms;
	int caught;
	int standard_error;
};

static void
make(struct fixture *f, size_t count)
{
	f->config = fake_config_new(count);
	f->board = board_new(f->config);
	f->report = report_new();
	f->now_ms = 1000;
	f->caught = memfd_create("log", 0);
	f->standard_error = dup(STDERR_FILENO);
	dup2(f->caught, STDERR_FILENO);
}

static void
unmake(struct fixture *f)
{
	dup2(f->standard_error, STDERR_FILENO);
	close(f->standard_error);
	close(f->caught);
	report_free(f->report);
	board_free(f->board);
	fake_config_free(f->config);
}

/* What was logged since the last time, each line as `level text`. Borrowed. */
static const char *
caught(struct fixture *f)
{
	static struct buffer lines;
	static char text[65536];
	off_t len = lseek(f->caught, 0, SEEK_CUR);
	char *rest = text;
	char *line;

	buffer_clear(&lines);
	buffer_init(&lines, BUFFER_UNLIMITED);
	assert_true(len >= 0 && (size_t)len < sizeof(text));
	assert_int_equal(pread(f->caught, text, (size_t)len, 0), len);
	text[len] = '\0';
	assert_int_equal(ftruncate(f->caught, 0), 0);
	lseek(f->caught, 0, SEEK_SET);
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		buffer_append_string(
		    &lines, strchr(line, ' ') + 1); /* without the time */
		buffer_append_char(&lines, '\n');
	}
	return lines.data;
}

static void
report(struct fixture *f, size_t index, enum status status)
{
	struct outcome outcome;
	bool changed;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.checked_at_ms = f->now_ms;
	outcome.duration_us = 182600;
	if (status_is_success(status))
		outcome.http_status = 200;
	if (status == STATUS_HTTP_ERROR)
		outcome.http_status = 503;
	if (status == STATUS_TIMEOUT)
		outcome.limit_ms = 5000;
	if (status == STATUS_ERROR)
		outcome.message = xstrdup("could not resolve host x");
	changed = board_put(f->board, index, &outcome);
	report_outcome(f->report, f->board, index, changed);
}

static void
end_round(struct fixture *f, int64_t duration_us)
{
	const struct round_summary summary = {
		.number = 1,
		.duration_us = duration_us,
		.target_count = board_size(f->board),
	};

	report_round(f->report, f->board, &summary);
}

static void
test_first_outcomes_and_the_round_are_told(UNUSED void **state)
{
	struct fixture f;

	make(&f, 4);
	report_round_begins(f.report);
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
	struct fixture f;

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
	struct fixture f;

	make(&f, 0);
	end_round(&f, 0);
	assert_string_equal(
	    caught(&f), "info dashboard complete (0 of 0 ok in 0 ms)\n");
	unmake(&f);
}

static void
test_targets_not_asked_yet_are_not_counted(UNUSED void **state)
{
	struct fixture f;

	make(&f, 3);
	report(&f, 1, STATUS_OK);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(
	    caught(&f), "info dashboard complete (1 of 1 ok in 1 ms)\n");
	unmake(&f);
}

static void
test_only_changes_are_told(UNUSED void **state)
{
	struct fixture f;

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
	struct fixture f;

	make(&f, 2);
	report(&f, 0, STATUS_TIMEOUT);
	report(&f, 1, STATUS_OK);
	caught(&f);
	f.now_ms += HOUR_MS - 1;
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "");
	f.now_ms += 1;
	report(&f, 0, STATUS_TIMEOUT);
	report(&f, 1, STATUS_OK);
	assert_string_equal(caught(&f), "warn [t0] timed out after 5s\n");
	f.now_ms += HOUR_MS - 1;
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "");
	f.now_ms += 1;
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "warn [t0] timed out after 5s\n");
	/* the clock is set back by a day: no silence for a day */
	f.now_ms -= 24 * HOUR_MS;
	report(&f, 0, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "warn [t0] timed out after 5s\n");
	unmake(&f);
}

static void
test_what_goes_on_is_told_at_debug(UNUSED void **state)
{
	struct fixture f;

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

static size_t
count_lines(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static void
test_a_round_has_twenty_target_lines_at_most(UNUSED void **state)
{
	struct fixture f;
	const char *lines;

	make(&f, 30);
	for (int round = 0; round < 2; round++) {
		report_round_begins(f.report);
		for (size_t i = 0; i < 30; i++)
			report(&f, i, round == 0 ? STATUS_ERROR : STATUS_TIMEOUT);
		assert_int_equal(count_lines(caught(&f)), REPORT_MAX_LINES);
		end_round(&f, 1000);
		lines = caught(&f);
		assert_int_equal(count_lines(lines), 2);
		assert_ptr_equal(strstr(lines, "warn and 10 more\n"), lines);
	}
	/* the next one begins afresh, and does not make up for it */
	report_round_begins(f.report);
	report(&f, 29, STATUS_TIMEOUT);
	assert_string_equal(caught(&f), "");
	report(&f, 29, STATUS_OK);
	assert_int_equal(count_lines(caught(&f)), 1);
	unmake(&f);
}

static void
test_the_many_that_are_well_leave_lines_to_failures(UNUSED void **state)
{
	struct fixture f;
	const char *lines;

	/* Those that fail mostly answer last. */
	make(&f, 30);
	report_round_begins(f.report);
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
	report_round_begins(f.report);
	for (size_t i = 0; i < REPORT_MAX_LINES; i++)
		report(&f, i, STATUS_OK);
	assert_int_equal(count_lines(caught(&f)), REPORT_MAX_LINES);
	unmake(&f);
}

static void
test_who_debugs_sees_every_target_that_goes_on(UNUSED void **state)
{
	struct fixture f;

	make(&f, 30);
	for (size_t i = 0; i < 30; i++)
		report(&f, i, STATUS_OK);
	caught(&f);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	report_round_begins(f.report);
	for (size_t i = 0; i < 30; i++)
		report(&f, i, i < 21 ? STATUS_TIMEOUT : STATUS_OK);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_int_equal(count_lines(caught(&f)), REPORT_MAX_LINES + 9);
	unmake(&f);
}

static void
test_lines_that_are_not_written_are_not_counted(UNUSED void **state)
{
	struct fixture f;

	make(&f, 30);
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	report_round_begins(f.report);
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
	struct fixture f;

	make(&f, 23);
	for (size_t i = 0; i < 23; i++)
		report(&f, i, i == 2 ? STATUS_OK : STATUS_ERROR);
	caught(&f);
	report_round_begins(f.report);
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
	struct fixture f;

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
		cmocka_unit_test(test_targets_not_asked_yet_are_not_counted),
		cmocka_unit_test(test_only_changes_are_told),
		cmocka_unit_test(test_an_ongoing_failure_is_told_each_hour),
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
