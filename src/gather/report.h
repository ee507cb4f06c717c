/*
 * What the log says of gathering: a line for a target's first outcome and every change,
 * again each hour while a failure goes on, and one for the round.
 *
 * Times are those of the monotonic clock, so that nothing is told twice, or kept back,
 * because the wall clock was set.
 */
#ifndef GATHERD_GATHER_REPORT_H
#define GATHERD_GATHER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

struct board;
struct board_entry;
struct report;
struct round_summary;

/* Target lines of a round at most, but for those at debug; then "and N more". Of more
 * targets some lines are kept for those that fail. */
#define REPORT_MAX_LINES 20

/* What is the same again is told again after so long. */
#define REPORT_REPEAT_US ((int64_t)3600 * 1000000)

/* The lines that one round has had so far; all zero: none. */
struct report_lines {
	size_t count;
	size_t left_out;        /* past the maximum */
	enum log_level loudest; /* of those */
};

/* EVERY_ROUND: each round has its line. Else only one that changes which targets failed,
 * one an hour while any does, and the others at debug. */
struct report *report_new(const struct board *board, bool every_round);
void report_free(struct report *report);

/* ENTRY has a new outcome in the round of LINES. CHANGED as board_put() said: info for what
 * is ok, warning for what is degraded, failed or skipped; what goes on unchanged at debug,
 * but a failure that was told an hour ago, or is held back since, as if it were new. */
void report_outcome(struct report *report, struct report_lines *lines,
    struct board_entry *entry, bool changed, int64_t now_us);

/* ENTRY was still running when it was due again: counted, and told once an hour. */
void report_skipped(struct report *report, struct report_lines *lines,
    struct board_entry *entry, int64_t now_us);

/* COUNT more rounds, every INTERVAL_MS, were missed, TOTAL in all: likewise. */
void report_missed(struct report *report, uint64_t count, uint64_t total,
    int64_t interval_ms, int64_t now_us);

/*
 * How many target lines were left out, then the round's line: `dashboard complete (4 of 4 ok
 * in 203 ms)` at info, or `dashboard incomplete (3 of 4 ok in 5003 ms); failed services:
 * payments; failed prompts: headline` at warning. How many were not asked yet stands at its
 * end, where there are any, and how many prompts were not to be asked; those make it no less
 * complete.
 *
 * Returns the line, logged or not; borrowed until the next round's. In O(1), unless the
 * failed targets are others than at the last round, or any is pending.
 */
const char *report_round(struct report *report, const struct report_lines *lines,
    const struct round_summary *summary, int64_t now_us);

#endif
