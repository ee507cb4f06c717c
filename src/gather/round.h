/*
 * A round: the targets that fell due at the same instant, gathered concurrently.
 *
 * A target waits for those of the round that it depends on. What the round as a whole comes
 * to is decided by the config's `mode`.
 */
#ifndef GATHERD_GATHER_ROUND_H
#define GATHERD_GATHER_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gather/turn.h"

struct board;
struct board_entry;
struct event_base;
struct round;

/* What comes so late was held up by a stop of the program, or by a suspend. */
#define ROUND_STANDSTILL_US ((int64_t)1000000)

/* What a round came to; the names are round_verdict_names. */
enum round_verdict {
	ROUND_COMPLETE,
	ROUND_FAILED,    /* `fail_fast`: a target failed */
	ROUND_CANCELLED, /* `all_or_nothing`: likewise, and all others were cancelled */
};
extern const char *const round_verdict_names[]; /* "complete", "failed", "cancelled" */

/* What the document and the log say of a round. */
struct round_summary {
	uint64_t number;
	int64_t started_at_ms; /* wall time */
	int64_t duration_us;   /* to the last outcome; -1: it still runs */
	size_t target_count;
	enum round_verdict verdict; /* so far */
};

/* One target of a round to be. */
struct round_place {
	size_t index;      /* on the board */
	int64_t offset_us; /* begins so long after the round */
};

/* A round to be. */
struct round_plan {
	uint64_t number;
	const struct round_place *places; /* borrowed for the call */
	size_t count;
	bool scheduled; /* the schedule's, and no extra one: see round_start() */
};

struct round_events {
	/* The first of its targets begins; of no targets, the round itself. May be called from
	 * inside round_start(). NULL: nobody wants to know. */
	void (*on_begin)(const struct round_summary *summary, void *arg);
	/* A target's turn ended; its entry on the board is new. CHANGED as board_put(). For a
	 * target that cannot be asked, may be called from inside round_start(), and from
	 * inside round_drop() or round_free() of any round, which give tickets back. */
	void (*on_outcome)(struct board_entry *entry, bool changed, void *arg);
	/* A target's time came while it was still running: it has no turn in this round. May
	 * be called from inside round_start(). */
	void (*on_skipped)(struct board_entry *entry, void *arg);
	/* The verdict fell before the last one ended, which with `fail_fast` go on: the outcomes
	 * so far are on the board. Called once at most, after the failing target's on_outcome.
	 * NULL: nobody wants to know. */
	void (*on_failed)(const struct round_summary *summary, void *arg);
	/* The last one ended: called once, from the loop, never from inside a function of this
	 * or another round. The round is freed after it. */
	void (*on_done)(const struct round_summary *summary, void *arg);
	void *arg;
};

/*
 * Start gathering the targets of PLAN, in the order of its places (config order) where
 * their offsets are the same. CONTEXT is copied, a reference to its config held; BOARD is
 * borrowed until `on_done`. With no targets the round ends from the loop of BASE all the
 * same.
 *
 * Targets whose time comes while the program stands still begin afterwards, as far from
 * each other as planned. One that still waits in a scheduled round when the next of them
 * is about to ask it is left to that: without a turn in this one, and without
 * `on_skipped`. One whose interval a reload changed keeps its place until then.
 */
struct round *round_start(const struct turn_context *context, struct event_base *base,
    struct board *board, const struct round_plan *plan,
    const struct round_events *events);

/* Leave out the targets that GONE says: a turn of theirs ends without an outcome. Not from
 * inside a callback. */
void round_drop(struct round *round,
    bool (*gone)(const struct board_entry *entry, void *arg), void *arg);

/* Stop all its turns without reports, and free it. Not from inside its callbacks. NULL is
 * allowed. */
void round_free(struct round *round);

/* The summary so far. */
const struct round_summary *round_summary(const struct round *round);

/* How many of its targets are done. */
size_t round_done_count(const struct round *round);

#endif
