/*
 * The parts of gathering, made in order and wired to each other: rounds go in, documents
 * come out.
 *
 * Who decides when a round begins (once, scheduled) stands outside.
 */
#ifndef GATHERD_DAEMON_GATHERER_H
#define GATHERD_DAEMON_GATHERER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publish/snapshot.h"

struct board_entry;
struct config;
struct config_diff;
struct event_base;
struct gatherer;
struct marked;
struct report;
struct round_place;
struct vitals;

/* What a gatherer tells, from the loop; all but the first may be NULL. */
struct gatherer_events {
	/* As publisher_events: the output can be written, and the document that was there is
	 * on the board; or not, as the log says. */
	void (*on_ready)(bool ready, void *arg);
	/* The outcome of one more target is on the board. */
	void (*on_outcome)(bool failed, void *arg);
	/* A round is over, as LINE says, which is borrowed for the call. */
	void (*on_round)(const char *line, void *arg);
	/* The document of a round's end, or verdict, was written, or could not be, as the log
	 * says. What goes out while a round runs is not told. */
	void (*on_published)(bool published, void *arg);
	/* No round runs any more: of one by `fail_fast` the others have ended, too. */
	void (*on_idle)(void *arg);
	/* As publisher_events, but of VITALS what the gatherer knows is filled in. */
	void (*on_form)(enum snapshot_form form, struct snapshot *snapshot,
	    int error_number, void *arg);
	void (*on_vitals)(struct vitals *vitals, void *arg);
	void *arg;
};

struct gatherer_options {
	/* Where the document goes ("-": standard output); borrowed for the call. */
	const struct marked *output;
	/* The file that the config was read from, which nothing goes to; "-": standard input.
	 * Borrowed. */
	const char *config_path;
	size_t descriptors; /* how many the process may have open */
	/* A line of the log and one document for each round, and of a batch (batch.h) that
	 * goes to a file also what is there before its end; else as a daemon. */
	bool every_round;
	/* Snapshots are shown by a listener, too. */
	bool shows_snapshots;
};

/*
 * Make the parts for CONFIG. Where the descriptors are too few for `max_concurrent`, fewer
 * are asked at a time and the log says so. Returns NULL, told in the log, where the system
 * refuses a part.
 */
struct gatherer *gatherer_new(struct event_base *base, struct config *config,
    const struct gatherer_options *options, const struct gatherer_events *events);
void gatherer_free(struct gatherer *gatherer);

/* The schedule's turn of the COUNT targets of PLACES: gather them and publish. Not before
 * ON_READY was called, as the next two. Those that are still running miss it. */
void gatherer_start_round(
    struct gatherer *gatherer, const struct round_place *places, size_t count);

/* Beside the schedule: those that are being asked already are left to that. */
void gatherer_ask_now(
    struct gatherer *gatherer, const struct round_place *places, size_t count);
void gatherer_ask_all(struct gatherer *gatherer);

/* CONFIG is about to come, its document to OUTPUT, its snapshots to a listener or not: try the
 * places that they go to, and report by `on_ready`. gatherer_reload() or gatherer_forget() ends
 * it. */
void gatherer_prepare(struct gatherer *gatherer, const struct config *config,
    const struct marked *output, bool shows_snapshots);
void gatherer_forget(struct gatherer *gatherer);

/*
 * Go over to CONFIG, which differs by DIFF from the one before: what is unchanged goes on
 * being asked, what is changed or gone is not, and stays without an outcome. To gather
 * what has changed is the caller's.
 */
void gatherer_reload(
    struct gatherer *gatherer, struct config *config, const struct config_diff *diff);

/* Does no round run? */
bool gatherer_is_idle(const struct gatherer *gatherer);

/* Is there a target that failed and is not `required: false`? */
bool gatherer_has_failed_target(const struct gatherer *gatherer);

/* How many targets are ok or degraded. */
size_t gatherer_count_successes(const struct gatherer *gatherer);

/* For what the caller finds out about the schedule. */
struct report *gatherer_report(struct gatherer *gatherer);

#endif
