/*
 * What the log says of gathering: a line for a target's first outcome and every change,
 * again each hour while a failure goes on, and one for the round.
 */
#ifndef GATHERD_GATHER_REPORT_H
#define GATHERD_GATHER_REPORT_H

#include <stdbool.h>
#include <stddef.h>

struct board;
struct report;
struct round_summary;

/* Target lines of a round at most, but for those at debug; then "and N more". Of more
 * targets some lines are kept for those that fail. */
#define REPORT_MAX_LINES 20

struct report *report_new(void);
void report_free(struct report *report);

/* A new round begins: count lines afresh. */
void report_round_begins(struct report *report);

/* The entry with number INDEX has a new outcome. CHANGED as board_put() said: info for a
 * success, warning for a failure; what goes on unchanged at debug, but a failure that was
 * told an hour ago, by `checked_at_ms`, as if it were new. */
void report_outcome(
    struct report *report, const struct board *board, size_t index, bool changed);

/*
 * How many target lines were left out, then `dashboard complete (4 of 4 ok in 203 ms)` at
 * info, or `dashboard incomplete (3 of 4 ok in 5003 ms); failed services: payments` at
 * warning. Targets that were not asked yet are not counted.
 */
void report_round(struct report *report, const struct board *board,
    const struct round_summary *summary);

#endif
