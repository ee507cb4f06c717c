/*
 * A board, a report of it, a clock turned by hand, and standard error caught in a file. To
 * be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_REPORT_STAGE_H
#define GATHERD_TESTS_UNIT_REPORT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/report.h"
#include "gather/round.h"

#define SECOND ((int64_t)1000000)
#define HOUR   (3600 * SECOND)

struct report_stage {
	struct config *config; /* the one in force */
	struct board *board;
	struct report *report;
	struct report_lines lines; /* of the round that runs */
	int64_t now_us;
	int caught;
	int standard_error;
};

UNUSED static void
make_one(struct report_stage *f, size_t count, bool every_round)
{
	f->config = fake_config_new(count);
	f->board = board_new(f->config);
	f->report = report_new(f->board, every_round);
	f->lines = (struct report_lines){ .count = 0 };
	f->now_us = 0;
	f->caught = memfd_create("log", 0);
	f->standard_error = dup(STDERR_FILENO);
	dup2(f->caught, STDERR_FILENO);
}

/* Each round has its line. */
UNUSED static void
make(struct report_stage *f, size_t count)
{
	make_one(f, count, true);
}

UNUSED static void
make_daemon(struct report_stage *f, size_t count)
{
	make_one(f, count, false);
}

UNUSED static void
unmake(struct report_stage *f)
{
	dup2(f->standard_error, STDERR_FILENO);
	close(f->standard_error);
	close(f->caught);
	report_free(f->report);
	board_free(f->board);
	fake_config_free(f->config);
}

/* What was logged since the last time, each line as `level text`. Borrowed. */
UNUSED static const char *
caught(struct report_stage *f)
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

UNUSED static void
report(struct report_stage *f, size_t index, enum status status)
{
	struct outcome outcome;
	bool changed;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.checked_at_ms = f->now_us / 1000;
	outcome.duration_us = 182600;
	if (status_is_success(status))
		outcome.http_status = 200;
	if (status == STATUS_DEGRADED)
		outcome_warn(&outcome, xstrdup("/queue: expected 1, got 2"));
	if (status == STATUS_HTTP_ERROR)
		outcome.http_status = 503;
	if (status == STATUS_TIMEOUT)
		outcome.limit_ms = 5000;
	if (status == STATUS_ERROR)
		outcome.message = xstrdup("could not resolve host x");
	changed = board_put(f->board, board_entry(f->board, index), &outcome);
	report_outcome(
	    f->report, &f->lines, board_entry(f->board, index), changed, f->now_us);
}

UNUSED static void
begin_round(struct report_stage *f)
{
	f->lines = (struct report_lines){ .count = 0 };
}

UNUSED static const char *
end_round(struct report_stage *f, int64_t duration_us)
{
	const struct round_summary summary = {
		.number = 1,
		.duration_us = duration_us,
		.target_count = board_size(f->board),
	};

	return report_round(f->report, &f->lines, &summary, f->now_us);
}

UNUSED static size_t
count_lines(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

#endif
