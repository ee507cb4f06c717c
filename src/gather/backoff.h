/*
 * Targets that are not due in a round of theirs: those that stay down are asked less often
 * (`backoff`), and a start asks no prompt whose answer is still young.
 */
#ifndef GATHERD_GATHER_BACKOFF_H
#define GATHERD_GATHER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct board_entry;
struct target;

/*
 * When TARGET, which failed FAILURES (>= 1) times in a row, the last time in a turn planned for
 * PLANNED_US, is due again: its interval, doubled with every failure after the first, up to
 * `backoff`. 0: at its usual time.
 */
int64_t backoff_until_us(
    const struct target *target, uint64_t failures, int64_t planned_us);

/* Is ENTRY's target to be asked in a round of NOW_US? A part of an interval does not make it
 * wait for another whole one. */
bool backoff_is_over(const struct board_entry *entry, int64_t now_us);

/* Is ENTRY that of a prompt that a former run asked less than its interval ago, and this one
 * has not asked? Each answer costs, and a program may be started often. */
bool backoff_is_fresh(const struct board_entry *entry, int64_t wall_ms);

#endif
