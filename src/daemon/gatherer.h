/*
 * The parts of gathering, made in order and wired to each other: rounds go in, documents
 * come out.
 *
 * Who decides when a round begins (once, later a schedule) stands outside.
 */
#ifndef GATHERD_DAEMON_GATHERER_H
#define GATHERD_DAEMON_GATHERER_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct event_base;
struct gatherer;
struct marked;

struct gatherer_events {
	/* The outcome of one more target is on the board. */
	void (*on_outcome)(bool failed, void *arg);
	/* The round's document was written (true), or could not be, as the log says. */
	void (*on_published)(bool published, void *arg);
	void *arg;
};

/*
 * Make the parts for CONFIG, whose document goes to the path OUTPUT ("-": standard
 * output), borrowed.
 * DESCRIPTORS is how many the process may have open; where that is too few for
 * `max_concurrent`, fewer are asked at a time and the log says so. Returns NULL, told in
 * the log, where the output cannot be written or the system refuses a part.
 */
struct gatherer *gatherer_new(struct event_base *base, struct config *config,
    const struct marked *output, size_t descriptors,
    const struct gatherer_events *events);
void gatherer_free(struct gatherer *gatherer);

/* Gather every target and publish. Not while a round runs or is being published. */
void gatherer_start_round(struct gatherer *gatherer);

/* Is there a target that failed and is not `required: false`? */
bool gatherer_has_failed_target(const struct gatherer *gatherer);

#endif
