/*
 * A round: the targets that fell due at the same instant, gathered concurrently.
 */
#ifndef GATHERD_GATHER_ROUND_H
#define GATHERD_GATHER_ROUND_H

#include <stddef.h>
#include <stdint.h>

#include "gather/turn.h"

struct board;
struct round;

/* What the document and the log say of a round. */
struct round_summary {
	uint64_t number;
	int64_t started_at_ms; /* wall time */
	int64_t duration_us;   /* to the last outcome */
	size_t target_count;
};

struct round_events {
	/* A target's turn ended; its entry on the board is new. CHANGED as board_put(). May be
	 * called from inside round_start(), for a target that cannot be asked. */
	void (*on_outcome)(size_t index, bool changed, void *arg);
	/* The last one ended: called once, from the loop, never from inside round_start().
	 * The round is freed after it. */
	void (*on_done)(const struct round_summary *summary, void *arg);
	void *arg;
};

/*
 * Start gathering COUNT of the board's targets, by index, in that order (config order).
 * CONTEXT and BOARD are borrowed until `on_done`. With no targets the round ends from the
 * loop of BASE all the same.
 */
struct event_base;
struct round *round_start(const struct turn_context *context, struct event_base *base,
    struct board *board, uint64_t number, const size_t *indexes, size_t count,
    const struct round_events *events);

/* Stop all its turns without reports, and free it. Not from inside its callbacks. NULL is
 * allowed. */
void round_free(struct round *round);

/* How many of its targets are done. */
size_t round_done_count(const struct round *round);

#endif
