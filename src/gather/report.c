#include "gather/report.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/round.h"

/* What keeps failing is told again after so long. */
#define REPEAT_AFTER_MS ((int64_t)60 * 60 * 1000)
/* Of the lines of a round of more targets than lines, those that only failures get: else
 * the many that are well and answer first would use them all up. */
#define KEPT_FOR_FAILURES 10
/* Names in a round's line at most; then "and N more". */
#define MAX_NAMES 20

struct report {
	int64_t *told_at_ms; /* owned: for each target the wall time of its last line */
	size_t target_count;
	size_t line_count;      /* of this round, so far */
	size_t left_out;        /* lines of this round past the maximum */
	enum log_level loudest; /* of those */
};

struct report *
report_new(void)
{
	return xcalloc(1, sizeof(struct report));
}

void
report_free(struct report *report)
{
	if (report == NULL)
		return;
	free(report->told_at_ms);
	free(report);
}

/* ---- a target's line ---- */

/* Make room for the times of all of BOARD's targets. */
static void
cover_board(struct report *report, const struct board *board)
{
	size_t count = board_size(board);

	if (count <= report->target_count)
		return;
	report->told_at_ms =
	    xreallocarray(report->told_at_ms, count, sizeof(*report->told_at_ms));
	for (size_t i = report->target_count; i < count; i++)
		report->told_at_ms[i] = -1;
	report->target_count = count;
}

static enum log_level
level_of(enum status status)
{
	if (status_is_failure(status) || status == STATUS_SKIPPED)
		return LOG_LEVEL_WARN;
	return LOG_LEVEL_INFO;
}

/* An ongoing failure's hour is over, or the wall clock was set back so far that there is
 * no telling. */
static bool
is_due_again(const struct report *report, size_t index, const struct outcome *outcome)
{
	int64_t since_ms = outcome->checked_at_ms - report->told_at_ms[index];

	return level_of(outcome->status) == LOG_LEVEL_WARN &&
	    (since_ms >= REPEAT_AFTER_MS || since_ms <= -REPEAT_AFTER_MS);
}

/* How many lines a round has when one of LEVEL is still written. */
static size_t
max_lines(const struct board *board, enum log_level level)
{
	if (level == LOG_LEVEL_INFO && board_size(board) > REPORT_MAX_LINES)
		return REPORT_MAX_LINES - KEPT_FOR_FAILURES;
	return REPORT_MAX_LINES;
}

/* Count a line of LEVEL. Returns false where the round had its share. Debugging is for
 * those who want to see it all. */
static bool
may_write(struct report *report, const struct board *board, enum log_level level)
{
	if (level == LOG_LEVEL_DEBUG || report->line_count < max_lines(board, level)) {
		report->line_count += level != LOG_LEVEL_DEBUG;
		return true;
	}
	if (report->left_out == 0 || level < report->loudest)
		report->loudest = level;
	report->left_out++;
	return false;
}

static void
write_line(enum log_level level, const struct board_entry *entry)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	outcome_describe(&entry->outcome, &text);
	log_line(level, entry->target->name, "%s", text.data);
	buffer_clear(&text);
}

void
report_outcome(
    struct report *report, const struct board *board, size_t index, bool changed)
{
	const struct board_entry *entry = board_entry(board, index);
	enum log_level level = level_of(entry->outcome.status);

	cover_board(report, board);
	if (changed || is_due_again(report, index, &entry->outcome))
		report->told_at_ms[index] = entry->outcome.checked_at_ms;
	else
		level = LOG_LEVEL_DEBUG;
	if (log_enabled(level) && may_write(report, board, level))
		write_line(level, entry);
}

/* ---- the round's line ---- */

void
report_round_begins(struct report *report)
{
	report->line_count = 0;
	report->left_out = 0;
}

/* NAME is the next of COUNT names, with number INDEX. */
static void
append_name(struct buffer *out, const char *name, size_t index)
{
	if (index > 0)
		buffer_append_string(out, ", ");
	buffer_append_string(out, name);
}

/* "; failed services: orders, payments and 3 more" */
static void
append_failed(const struct board *board, struct buffer *out)
{
	size_t count = 0;

	buffer_append_string(out, "; failed services: ");
	for (size_t i = 0; i < board_size(board); i++) {
		const struct board_entry *entry = board_entry(board, i);

		if (!status_is_listed_failed(entry->outcome.status))
			continue;
		if (count < MAX_NAMES)
			append_name(out, entry->target->name, count);
		count++;
	}
	if (count > MAX_NAMES)
		buffer_append_format(out, " and %zu more", count - MAX_NAMES);
}

void
report_round(struct report *report, const struct board *board,
    const struct round_summary *summary)
{
	struct board_counts counts;
	struct buffer text;
	size_t ok;
	size_t asked;

	if (report->left_out > 0)
		log_line(report->loudest, NULL, "and %zu more", report->left_out);
	board_count(board, &counts);
	ok = counts.of[STATUS_OK] + counts.of[STATUS_DEGRADED];
	asked = counts.total - counts.of[STATUS_PENDING];
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_format(&text, "dashboard %s (%zu of %zu ok in %lld ms)",
	    ok == asked ? "complete" : "incomplete", ok, asked,
	    (long long)((summary->duration_us + 500) / 1000));
	if (ok < asked)
		append_failed(board, &text);
	log_line(ok == asked ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, NULL, "%s", text.data);
	buffer_clear(&text);
}
