/*
 * The writer: a thread that puts forms of snapshots in place, so that the loop never waits for
 * a disk. One at a time.
 *
 * Whatever touches the disk is done by the thread, from looking where the path leads on, and
 * so is the joining of what a form's text is made of. Its reports come from the loop; the
 * writer may be freed from inside of each.
 */
#ifndef GATHERD_PUBLISH_WRITER_H
#define GATHERD_PUBLISH_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "publish/snapshot.h"

struct buffer;
struct event_base;
struct writer;

/* A disk that hangs is not waited for longer than this when the program ends. */
#define WRITER_FAREWELL_US INT64_C(800000)

struct writer_events {
	/*
	 * The first report, once. ERROR_NUMBER: 0, or the errno of why the path cannot be
	 * written; then nothing else comes. PREVIOUS holds what stands there, empty where
	 * nothing does or it was not asked for; what the callee leaves of it is released.
	 * PREVIOUS_ERROR: 0, or the errno of why what is there could not be read.
	 */
	void (*on_open)(
	    int error_number, struct buffer *previous, int previous_error, void *arg);
	/* SNAPSHOT (borrowed) was written: 0, or the errno of what failed. */
	void (*on_done)(int error_number, struct snapshot *snapshot, void *arg);
	void *arg;
};

struct writer_options {
	const char *path;        /* as for outlet_open(); copied */
	bool read_previous;      /* hand over what is there, where PATH is a file */
	const char *config_path; /* see publisher_options; copied */
};

/* How a file is put in place; devices, FIFOs and descriptors stay as they are. */
struct writer_manner {
	mode_t mode;
	bool sync;
};

/*
 * Start the thread: it opens an outlet, which tells whether the path can be written, reads
 * what is there, and reports by `on_open`. Returns NULL with errno set where the system has no
 * thread or descriptor left.
 */
struct writer *writer_new(struct event_base *base, const struct writer_options *options,
    const struct writer_events *events);

/* Wait for the thread until the monotonic clock says UNTIL_US; where it hangs in the disk
 * then, it is left to itself. Nothing is reported any more. NULL is allowed. */
void writer_free(struct writer *writer, int64_t until_us);

/* Write SNAPSHOT (a reference is taken) as FORM, in this MANNER. Must be open, and not busy. */
void writer_put(struct writer *writer, struct snapshot *snapshot,
    enum snapshot_form form, const struct writer_manner *manner);

/* Is `on_open` still to come? */
bool writer_is_opening(const struct writer *writer);

/* Is a report still to come? */
bool writer_busy(const struct writer *writer);

/* Does a text take the place of the one before, as a file does? Else they stand one behind
 * the other. False while it is not open. */
bool writer_replaces(const struct writer *writer);

/* Do both write the same file (or device, or descriptor), by whatever names? They may
 * be the same writer. False while one of them is not open. */
bool writer_is_at_same_place(const struct writer *writer, const struct writer *other);

/* Did PATH lead to the config when it was opened? False while it is not open. */
bool writer_is_at_config(const struct writer *writer);

#endif
