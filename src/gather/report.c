#include "gather/report.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/round.h"

/* Of the lines of a round of more targets than lines, those that only failures get: else
 * the many that are well and answer first would use them all up. */
#define KEPT_FOR_FAILURES 10
/* Names in a round's line at most; then "and N more". */
#define MAX_NAMES 20

struct report {
	const struct board *board; /* borrowed */
	bool every_round;
	int64_t round_told_at_us;  /* -1: no round was */
	int64_t missed_told_at_us; /* likewise */
	size_t failed_count;       /* targets in the last round's line */
};

struct report *
report_new(const struct board *board, bool every_round)
{
	struct report *report = xcalloc(1, sizeof(*report));

	report->board = board;
	report->every_round = every_round;
	report->round_told_at_us = -1;
	report->missed_told_at_us = -1;
	return report;
}

void
report_free(struct report *report)
{
	free(report);
}

/* What was told at TOLD_AT_US, if at all, may be told again. */
static bool
is_due_again(int64_t told_at_us, int64_t now_us)
{
	return told_at_us < 0 || now_us - told_at_us >= REPORT_REPEAT_US;
}

/* ---- a target's line ---- */

static enum log_level
level_of(enum status status)
{
	if (status_is_failure(status) || status == STATUS_SKIPPED)
		return LOG_LEVEL_WARN;
	return LOG_LEVEL_INFO;
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
may_write(const struct board *board, struct report_lines *lines, enum log_level level)
{
	if (level == LOG_LEVEL_DEBUG || lines->count < max_lines(board, level)) {
		lines->count += level != LOG_LEVEL_DEBUG;
		return true;
	}
	if (lines->left_out == 0 || level < lines->loudest)
		lines->loudest = level;
	lines->left_out++;
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
report_outcome(struct report *report, struct report_lines *lines,
    struct board_entry *entry, bool changed, int64_t now_us)
{
	enum log_level level = level_of(entry->outcome.status);
	bool again = level == LOG_LEVEL_WARN && is_due_again(entry->told_at_us, now_us);

	if (changed || again)
		entry->told_at_us = now_us;
	else
		level = LOG_LEVEL_DEBUG;
	if (log_enabled(level) && may_write(report->board, lines, level))
		write_line(level, entry);
}

/* ---- turns and rounds that did not take place ---- */

void
report_skipped(struct report *report, struct report_lines *lines,
    struct board_entry *entry, int64_t now_us)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	entry->skipped_turns++;
	if (is_due_again(entry->skip_told_at_us, now_us)) {
		entry->skip_told_at_us = now_us;
		level = LOG_LEVEL_WARN;
	}
	if (log_enabled(level) && may_write(report->board, lines, level))
		log_line(level, entry->target->name,
		    "still running when due again: turn skipped (%llu so far)",
		    (unsigned long long)entry->skipped_turns);
}

void
report_missed(struct report *report, uint64_t count, uint64_t total,
    int64_t interval_ms, int64_t now_us)
{
	enum log_level level = LOG_LEVEL_DEBUG;
	char interval[UNITS_TEXT_SIZE];

	if (count == 0)
		return;
	if (is_due_again(report->missed_told_at_us, now_us)) {
		report->missed_told_at_us = now_us;
		level = LOG_LEVEL_WARN;
	}
	units_format_duration(interval, interval_ms);
	log_line(level, NULL,
	    "%llu round%s missed, one every %s, after a stop, a sleep or under load "
	    "(%llu so far)",
	    (unsigned long long)count, count == 1 ? "" : "s", interval,
	    (unsigned long long)total);
}

/* ---- the round's line ---- */

/* NAME is the next of the names, with number INDEX. */
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

bool
report_describe_round(
    const struct board *board, const struct round_summary *summary, struct buffer *out)
{
	struct board_counts counts;
	size_t ok, asked;

	board_count(board, &counts);
	ok = counts.of[STATUS_OK] + counts.of[STATUS_DEGRADED];
	asked = counts.total - counts.of[STATUS_PENDING];
	buffer_append_format(out, "dashboard %s (%zu of %zu ok in %lld ms)",
	    ok == asked ? "complete" : "incomplete", ok, asked,
	    (long long)((summary->duration_us + 500) / 1000));
	if (ok < asked)
		append_failed(board, out);
	return ok == asked;
}

/* Go over to who has failed now. Returns whether that is a change. */
static bool
note_failed(struct report *report)
{
	size_t count = 0;
	bool changed = false;

	for (size_t i = 0; i < board_size(report->board); i++) {
		struct board_entry *entry = board_entry(report->board, i);
		bool failed = status_is_listed_failed(entry->outcome.status);

		changed = changed || failed != entry->told_failed;
		entry->told_failed = failed;
		count += failed;
	}
	/* One that had failed may be gone. */
	changed = changed || count != report->failed_count;
	report->failed_count = count;
	return changed;
}

/* Is the round's line news, or an hour old? */
static bool
is_to_be_told(const struct report *report, bool changed, bool complete, int64_t now_us)
{
	return report->every_round || changed || report->round_told_at_us < 0 ||
	    (!complete && is_due_again(report->round_told_at_us, now_us));
}

void
report_round(struct report *report, const struct report_lines *lines,
    const struct round_summary *summary, int64_t now_us)
{
	bool changed = note_failed(report);
	enum log_level level;
	struct buffer text;
	bool complete;

	if (lines->left_out > 0)
		log_line(lines->loudest, NULL, "and %zu more", lines->left_out);
	buffer_init(&text, BUFFER_UNLIMITED);
	complete = report_describe_round(report->board, summary, &text);
	level = complete ? LOG_LEVEL_INFO : LOG_LEVEL_WARN;
	if (is_to_be_told(report, changed, complete, now_us))
		report->round_told_at_us = now_us;
	else
		level = LOG_LEVEL_DEBUG;
	log_line(level, NULL, "%s", text.data);
	buffer_clear(&text);
}
