/*
 * The outputs: where the forms of snapshots go, each with a writer of its own.
 *
 * Documents are given by whoever decides when one is due; the metrics and the page of the same
 * snapshots go beside them. A place of these that is slow, or hangs, holds up only itself: when
 * its writer is back it gets the newest snapshot, and those between are not written there.
 */
#ifndef GATHERD_PUBLISH_OUTPUTS_H
#define GATHERD_PUBLISH_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "publish/snapshot.h"

struct buffer;
struct event_base;
struct outputs;
struct publisher_options;

/* All from the loop. The outputs may be freed, or go over to others, from inside on_ready,
 * on_form and on_written. */
struct outputs_events {
	/* Before the first on_ready: what stood at the document's place, as the writer reports
	 * it. */
	void (*on_previous)(struct buffer *previous, int error_number, void *arg);
	/*
	 * Once after outputs_new(), and once after each outputs_prepare() unless
	 * outputs_forget() comes before it: all places can be written, or one of them cannot,
	 * as the log says. At the start a place of the metrics or the page that cannot be opened
	 * within 10 s is not waited for; it is written when it is there.
	 */
	void (*on_ready)(bool ready, void *arg);
	/* A document can be put again. */
	void (*on_free)(void *arg);
	/* See publisher_events. */
	void (*on_form)(enum snapshot_form form, struct snapshot *snapshot,
	    int error_number, void *arg);
	void (*on_written)(bool written, bool gathering, void *arg);
	void *arg;
};

/* To the places of OPTIONS. Returns NULL with errno set where the system refuses a part. */
struct outputs *outputs_new(struct event_base *base,
    const struct publisher_options *options, const struct outputs_events *events);

/* Waits for what is being written until the monotonic clock says UNTIL_US. NULL is allowed. */
void outputs_free(struct outputs *outputs, int64_t until_us);

/* Write the forms of SNAPSHOT. GATHERING is handed on to on_written. Not before all were ready,
 * nor while a document is on its way. */
void outputs_put(struct outputs *outputs, struct snapshot *snapshot, bool gathering);

/* Is a document on its way? */
bool outputs_are_busy(const struct outputs *outputs);

/* Does a document take the place of the one before, as in a file? */
bool outputs_replace_documents(const struct outputs *outputs);

/* The document's place, as it may be logged; borrowed. */
const char *outputs_shown(const struct outputs *outputs);

/* How many forms could not be written since the start. */
uint64_t outputs_failed_count(const struct outputs *outputs);

/* Try the places of OPTIONS, and report by on_ready; one at a time: outputs_change(), after it
 * has reported, or outputs_forget(), at any time, ends it. */
void outputs_prepare(struct outputs *outputs, const struct publisher_options *options);
/* From the next snapshot on it goes to those that were prepared. What is still on its way to
 * another place is left to its end, and told to nobody. */
void outputs_change(struct outputs *outputs);
void outputs_forget(struct outputs *outputs);

#endif
