/*
 * The progress of --once for a person who waits: `gathered 12 of 40, 3 failed, 2.1 s`.
 *
 * On a terminal one line that is drawn over, and gives way to the log; elsewhere a new
 * line every few seconds.
 */
#ifndef GATHERD_DAEMON_PROGRESS_H
#define GATHERD_DAEMON_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct progress;

struct progress *progress_new(struct event_base *base);
void progress_free(struct progress *progress);

/* A round of TARGET_COUNT targets begins. */
void progress_begin(struct progress *progress, size_t target_count);

/* One of its targets is done. */
void progress_step(struct progress *progress, bool failed);

/* The round is over: the line goes away, or a last one is written. */
void progress_end(struct progress *progress);

#endif
