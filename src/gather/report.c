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

#define TARGET_KINDS (TARGET_PROMPT + 1)

/* Targets of one kind that have failed. */
struct failed {
	size_t count;
	struct buffer names; /* "orders, payments and 3 more" */
};

struct report {
	const struct board *board; /* borrowed */
	bool every_round;
	int64_t round_told_at_us;  /* -1: no round was */
	int64_t missed_told_at_us; /* likewise */

	/* Who had failed at the last round. */
	uint64_t failed_version; /* of the board */
	size_t failed_count;
	struct failed failed[TARGET_KINDS];

	struct buffer line; /* the last round's */
	bool was_complete;  /* so it said */
};

struct report *
report_new(const struct board *board, bool every_round)
{
	struct report *report = xcalloc(1, sizeof(*report));

	report->board = board;
	report->every_round = every_round;
	report->round_told_at_us = -1;
	report->missed_told_at_us = -1;
	for (int kind = 0; kind < TARGET_KINDS; kind++)
		buffer_init(&report->failed[kind].names, BUFFER_UNLIMITED);
	buffer_init(&report->line, BUFFER_UNLIMITED);
	return report;
}

void
report_free(struct report *report)
{
	if (report == NULL)
		return;
	for (int kind = 0; kind < TARGET_KINDS; kind++)
		buffer_clear(&report->failed[kind].names);
	buffer_clear(&report->line);
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
	if (status_is_failure(status) || status == STATUS_SKIPPED ||
	    status == STATUS_DEGRADED)
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
	/* What is degraded did answer: the reminders are of failures. */
	bool again = level == LOG_LEVEL_WARN &&
	    !status_is_success(entry->outcome.status) &&
	    is_due_again(entry->told_at_us, now_us);

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

/* One more that has failed. */
static void
add_failed(struct failed *failed, const char *name)
{
	if (failed->count++ >= MAX_NAMES)
		return;
	if (failed->names.len > 0)
		buffer_append_string(&failed->names, ", ");
	buffer_append_string(&failed->names, name);
}

static void
end_failed(struct failed *failed)
{
	if (failed->count > MAX_NAMES)
		buffer_append_format(
		    &failed->names, " and %zu more", failed->count - MAX_NAMES);
}

/* Go over to who has failed now. Returns whether others had. */
static bool
look_who_failed(struct report *report)
{
	size_t before_count = report->failed_count;
	bool changed = false;

	report->failed_count = 0;
	for (int kind = 0; kind < TARGET_KINDS; kind++) {
		report->failed[kind].count = 0;
		buffer_reset(&report->failed[kind].names);
	}
	for (size_t i = 0; i < board_size(report->board); i++) {
		struct board_entry *entry = board_entry(report->board, i);
		bool failed = status_is_listed_failed(entry->outcome.status);

		changed = changed || failed != entry->told_failed;
		entry->told_failed = failed;
		report->failed_count += failed;
		if (failed)
			add_failed(
			    &report->failed[entry->target->kind], entry->target->name);
	}
	for (int kind = 0; kind < TARGET_KINDS; kind++)
		end_failed(&report->failed[kind]);
	/* One that had failed may be gone. */
	return changed || report->failed_count != before_count;
}

/* Likewise, where the board says that there may be a change. */
static bool
note_failed(struct report *report)
{
	uint64_t version = board_failed_version(report->board);

	if (version == report->failed_version)
		return false;
	report->failed_version = version;
	return look_who_failed(report);
}

/* How many of the targets that are pending were put off: prompts for when a service fails, and
 * who waits for what they say. */
static size_t
count_idle(const struct board *board, const struct board_counts *counts)
{
	size_t count = 0;

	for (size_t i = 0; counts->of[STATUS_PENDING] > 0 && i < counts->total; i++)
		count += board_is_put_off(board_entry(board, i));
	return count;
}

/* "; failed services: orders, payments; failed prompts: headline" */
static void
describe_failed(const struct report *report, struct buffer *line)
{
	static const char *const leads[TARGET_KINDS] = {
		[TARGET_SERVICE] = "; failed services: ",
		[TARGET_PROMPT] = "; failed prompts: ",
	};

	for (int kind = 0; kind < TARGET_KINDS; kind++) {
		if (report->failed[kind].count > 0)
			buffer_append_format(
			    line, "%s%s", leads[kind], report->failed[kind].names.data);
	}
}

/* Write the line. Returns whether all targets are well that were to be asked. */
static bool
describe(struct report *report, const struct round_summary *summary)
{
	struct buffer *line = &report->line;
	struct board_counts counts;
	size_t ok, idle, unasked;
	bool complete;

	board_count(report->board, &counts);
	ok = counts.of[STATUS_OK] + counts.of[STATUS_DEGRADED];
	idle = count_idle(report->board, &counts);
	unasked = counts.of[STATUS_PENDING] - idle;
	complete = ok + idle == counts.total;
	buffer_reset(line);
	buffer_append_format(line, "dashboard %s (%zu of %zu ok in %lld ms)",
	    complete ? "complete" : "incomplete", ok, counts.total,
	    (long long)((summary->duration_us + 500) / 1000));
	describe_failed(report, line);
	if (unasked > 0)
		buffer_append_format(line, "; %zu not asked yet", unasked);
	if (idle > 0)
		buffer_append_format(line, "; %zu not asked: no service fails", idle);
	return complete;
}

/* Is the round's line news, or an hour old while somebody fails? */
static bool
is_to_be_told(const struct report *report, bool changed, int64_t now_us)
{
	return report->every_round || changed || report->round_told_at_us < 0 ||
	    (report->failed_count > 0 &&
	        is_due_again(report->round_told_at_us, now_us));
}

const char *
report_round(struct report *report, const struct report_lines *lines,
    const struct round_summary *summary, int64_t now_us)
{
	bool changed = note_failed(report);
	bool complete = describe(report, summary);
	enum log_level level =
	    report->failed_count > 0 ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;

	if (lines->left_out > 0)
		log_line(lines->loudest, NULL, "and %zu more", lines->left_out);
	changed = changed || complete != report->was_complete;
	report->was_complete = complete;
	if (is_to_be_told(report, changed, now_us))
		report->round_told_at_us = now_us;
	else
		level = LOG_LEVEL_DEBUG;
	log_line(level, NULL, "%s", report->line.data);
	return report->line.data;
}
