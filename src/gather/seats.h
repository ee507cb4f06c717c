/*
 * What a round consists of. Private to the round_*.c files.
 */
#ifndef GATHERD_GATHER_SEATS_H
#define GATHERD_GATHER_SEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "gather/outcome.h"
#include "gather/round.h"

struct seat;

enum seat_state {
	SEAT_WAITING, /* its time has not come */
	SEAT_BLOCKED, /* its time has come, but not yet for all that it depends on */
	SEAT_RUNNING, /* its turn is under way */
	SEAT_HELD,    /* its outcome waits for the round to be decided */
	SEAT_DONE,
};

/* DEPENDENT waits for the seat whose list this is in. */
struct edge {
	struct seat *dependent;
	struct edge *next;
};

/* One target of the round. */
struct seat {
	struct round *round; /* borrowed: the one it is part of */
	struct board_entry
	    *entry; /* borrowed; not looked at any more once it is DONE */
	/* Of the round's config: the entry's may be of a newer one, which the round does not
	 * hold. */
	const struct target *target;
	struct turn *turn; /* while RUNNING */
	int64_t offset_us;
	enum seat_state state;

	size_t blockers;    /* seats that it waits for */
	struct edge *edges; /* who waits for it; in the round's array */
	STAILQ_ENTRY(seat) in_ready;

	struct outcome held;   /* while HELD */
	int64_t hold_until_us; /* likewise: what its turn found out; 0: nothing */
};

STAILQ_HEAD(seat_list, seat);

struct round {
	struct turn_context context; /* its config: a reference */
	struct board *board;         /* borrowed */
	struct round_events events;
	struct round_summary summary;
	int64_t started_us;
	int64_t origin_us; /* of the offsets: the start, or later after a standstill */
	size_t done_count; /* HELD ones count, too */
	size_t
	    services_left; /* not done, of "all services"; who waits for all of them has one blocker more */
	size_t next; /* the first seat whose time has not come */
	/* Whose failure cancelled the others; NULL: they were not. */
	const struct seat *culprit;
	bool scheduled;     /* as its plan said */
	bool has_begun;     /* one of its targets has, or there are none */
	bool walking;       /* its seats are gone through further up the stack */
	bool reporting;     /* one of the caller's functions is on the stack */
	struct event timer; /* the next seats' time, or the end that is to be told */
	struct edge *edges; /* owned */
	struct seat_list ready; /* no longer BLOCKED */
	struct seat seats[];    /* in the order of their times */
};

/* ---- round_order ---- */

/* Have the seats wait for each other as their targets depend on each other. */
void round_order_link(struct round *round);

/* SEAT is done: those that waited for it alone are ready now, if their time has come. */
void round_order_release(struct seat *seat);

/* Why a seat cannot be asked now, and what its outcome is then. */
struct objection {
	enum status status; /* SKIPPED, or PENDING where what it needs was put off */
	enum error_kind kind;
	char *message; /* the reader's; NULL: there is none */
};

/* A target that SEAT `needs` failed or was put off, or it is held back. Returns false where it
 * can be asked. */
bool round_order_objects(const struct seat *seat, struct objection *objection);

/* ---- round_mode ---- */

/* OUTCOME of SEAT, which is not in any state above RUNNING any more, is known: put it on the
 * board, or hold it; and decide the round, where it decides it. OUTCOME is taken over. */
void round_mode_take(struct seat *seat, struct outcome *outcome, int64_t hold_until_us);

/* SEAT's turn has just been started: where the round was decided in there, it goes as all
 * others went. */
void round_mode_catch_up(struct seat *seat);

/* All its seats are done: what was held goes on the board. */
void round_mode_commit(struct round *round);

/* SEAT goes without an outcome: what it held is dropped. */
void round_mode_forget(struct seat *seat);

/* ---- round ---- */

/* SEAT has its outcome, or will have none. */
void round_seat_done(struct seat *seat);

/* A target never overlaps itself: one that is still running misses SEAT, its turn here. */
void round_skip(struct seat *seat);

/* Tell of SEAT's outcome, which is on the board. */
void round_tell_outcome(struct seat *seat, bool changed);

int64_t round_now_us(const struct round *round);

#endif
