/*
 * The writer: a thread that puts snapshots in place, so that the loop never waits for a
 * disk. One snapshot at a time.
 */
#ifndef GATHERD_PUBLISH_WRITER_H
#define GATHERD_PUBLISH_WRITER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"

struct event_base;
struct snapshot;
struct writer;

struct writer_options {
	/* "-" or /dev/stdout: standard output. Links are followed once, at writer_new(). */
	const char *path;
	mode_t mode;
	bool sync;
};

/* ERROR_NUMBER is 0 or the errno of what failed. */
typedef void writer_done_fn(int error_number, void *arg);

/*
 * Removes what a kill left beside the document, and starts the thread. Returns NULL with
 * errno set where the path cannot be written: nothing is asked then.
 */
struct writer *writer_new(struct event_base *base, const struct writer_options *options,
    writer_done_fn *done, void *arg);

/* Waits for what is being written, 800 ms at most; then the thread is left to itself. */
void writer_free(struct writer *writer);

/* Write SNAPSHOT (a reference is taken); reported from the loop. Must not be busy. */
void writer_put(struct writer *writer, struct snapshot *snapshot);
bool writer_busy(const struct writer *writer);

#endif
