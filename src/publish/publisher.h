/*
 * The publisher: when a document goes out, and with what number.
 *
 * At the end of a round at once; while one runs, `publish_after` after an answer came in.
 * One document is in the writer at a time; what changes meanwhile is in the next. The metrics
 * and the page are made of the same snapshots, and go to places of their own: one that is slow
 * holds up only itself, and gets the newest snapshot when it is back. A write that failed is
 * told once, then hourly, and made good by the next one.
 */
#ifndef GATHERD_PUBLISH_PUBLISHER_H
#define GATHERD_PUBLISH_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/mode.h"
#include "publish/snapshot.h"

struct board;
struct event_base;
struct publisher;
struct round_summary;
struct vitals;

/* Where a form of it goes; the texts are copied. */
struct publisher_place {
	const char *path;  /* "-": standard output; NULL: nowhere */
	const char *shown; /* the path as it may be logged */
};

struct publisher_options {
	struct publisher_place places[FORM_COUNT]; /* the document's has a path */
	/* The file that the config comes from: no place may lead there. NULL: it is none. Copied,
	 * and the same for good. */
	const char *config_path;
	/* What snapshots are to hold beside what the places need. */
	struct snapshot_wants wants;
	mode_t mode;
	bool sync;
	int64_t publish_after_ms; /* -1: only whole rounds are published */
	/* Likewise, where documents do not take each other's place: in a device, a FIFO
	 * and standard output. */
	bool whole_unless_replaced;
	/* Other than settle: nothing before the round's verdict. */
	enum gather_mode gather_mode;
};

struct publisher_events {
	/*
	 * Called from the loop, once after publisher_new(), and once after each
	 * publisher_prepare() unless publisher_forget() comes before it. READY: the output
	 * can be written; after publisher_new() also: what a former run left there has
	 * been read, and is on the board. Else the log says why not, as it does while
	 * the answer takes long. One that cannot be is enough; but after publisher_new() a
	 * place of the metrics or the page that takes longer than 10 s is not waited for: it
	 * is written once it is open, or not at all where it cannot be, as the log says.
	 */
	void (*on_ready)(bool ready, void *arg);
	/* A document, and the metrics and the page of the same snapshot where there are places
	 * for them, were written, or one of them could not be; not of one that still goes to
	 * an output that a reload has replaced. GATHERING, as the document says: the newest
	 * round was not decided when it was made, and another one comes with its verdict.
	 * While a place is slow, several are told as one: the newest, GATHERING if all were. */
	void (*on_written)(bool written, bool gathering, void *arg);
	/* FORM of SNAPSHOT (borrowed) was written: 0, or the errno of why not. Called before
	 * on_written; like that not of what a reload has replaced. May be NULL, as the
	 * next. */
	void (*on_form)(enum snapshot_form form, struct snapshot *snapshot,
	    int error_number, void *arg);
	/* A snapshot with `samples` is about to be made: fill in VITALS, which are all zero. */
	void (*on_vitals)(struct vitals *vitals, void *arg);
	void *arg;
};

/* For the documents of BOARD (borrowed). Returns NULL with errno set where the system
 * refuses a part of it. */
struct publisher *publisher_new(struct event_base *base, struct board *board,
    const struct publisher_options *options, const struct publisher_events *events);

/* Waits for what is being written, 800 ms at most. May be called from inside an event.
 * NULL is allowed. */
void publisher_free(struct publisher *publisher);

/* The number of the next round: goes on from the document that was read back. */
uint64_t publisher_next_round(struct publisher *publisher);

/* A round of that number runs: documents say so until the newest one is over. */
void publisher_round_begins(
    struct publisher *publisher, const struct round_summary *summary);
/* An outcome is on the board: out within `publish_after`. */
void publisher_outcome(struct publisher *publisher);
/* The round is over, or, with `fail_fast`, decided before that: out now. */
void publisher_round_ends(
    struct publisher *publisher, const struct round_summary *summary);
/* Those are over, too, that went on after its end: what they came to is out now, unless a newer
 * round is yet to be decided, whose document will have it. */
void publisher_round_is_over(
    struct publisher *publisher, const struct round_summary *summary);

/*
 * A config that says OPTIONS is about to come: try its output, and report by `on_ready`.
 * Not before the publisher is ready; one at a time: publisher_reload(), after it has
 * reported, or publisher_forget(), at any time, ends it. What was forgotten before it
 * reported is not tried again before it does. Documents go on as before meanwhile.
 */
void publisher_prepare(
    struct publisher *publisher, const struct publisher_options *options);
/* The board has a new config (board_reload(), right before): publish it now, by the options
 * that were prepared. */
void publisher_reload(struct publisher *publisher);
void publisher_forget(struct publisher *publisher);

#endif
