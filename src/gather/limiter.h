/*
 * Tickets to be asked: how many turns may be asking at once, in all, of one host and through
 * one provider's gate, and how many may start in a time.
 *
 * Turns queue in the order they come; a ticket, which is one of the whole, of the host and of
 * the gate, all together or none, goes to the first whose host and gate allow it, who is
 * passed over by others until then. Giving one back may call a waiter at once, from inside
 * limiter_give_back(). A grant costs O(log lanes), a lane being a host and a gate, however
 * many wait.
 */
#ifndef GATHERD_GATHER_LIMITER_H
#define GATHERD_GATHER_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gather/gate.h"

struct clock_source;
struct event_base;
struct gate;
struct limiter;
struct limiter_lane; /* opaque */

/* One waiting turn; lives in the caller's struct, zeroed before its first use. */
struct limiter_ticket {
	TAILQ_ENTRY(limiter_ticket) link; /* with the lane's others of the same state */
	struct limiter_lane *lane;        /* NULL while in neither state */
	const char *host_name;            /* borrowed; NULL: none */
	struct gate *gate;                /* borrowed; NULL: none */
	struct gate_admission admission;  /* by it, while HELD */
	int64_t number;                   /* its place in the queue over all hosts */
	enum {
		TICKET_NONE,
		TICKET_WAITING,
		TICKET_HELD
	} state;
	void (*granted)(struct limiter_ticket *ticket, void *arg);
	/* Set by the caller before it asks; NULL: it waits for any pause of its gate. */
	void (*refused)(struct limiter_ticket *ticket, void *arg);
	int64_t patience_us; /* with `refused`: the longest pause that it waits for */
	void *arg;
};

/* What each host may be asked; zeroed: whatever the others allow. */
struct limiter_host_limits {
	size_t max_concurrent; /* 0: no such limit */
	/* Starts: a bucket of one second's worth, at least 1, that fills at this rate. 0: no
	 * such limit. */
	double starts_per_s;
};

/* MAX_CONCURRENT >= 1 tickets in all. Of hosts it knows nothing until
 * limiter_limit_hosts(). */
struct limiter *limiter_new(size_t max_concurrent);

/* Nobody has a ticket, or will give it back. NULL is allowed. */
void limiter_free(struct limiter *limiter);

/* From now on so many, 0 for a pause; those who hold more keep them until they give them
 * back. */
void limiter_set_max(struct limiter *limiter, size_t max_concurrent);

/*
 * From now on hosts have LIMITS, measured by CLOCK (copied), its timer on BASE. May be called
 * again; what hosts have used up stays used up while there is a rate. Who is being asked
 * counts, also where there was no limit when it began.
 */
void limiter_limit_hosts(struct limiter *limiter, struct event_base *base,
    const struct clock_source *clock, const struct limiter_host_limits *limits);

/* HOST ("https://api.example.com:443") starts nothing before UNTIL_US on the clock. Only
 * with `starts_per_s`; else it is passed over. */
void limiter_hold_host(struct limiter *limiter, const char *host, int64_t until_us);

/*
 * Ask for a ticket for HOST (NULL: of none), through GATE (NULL: none), which are borrowed
 * until it is given back: GRANTED is called, perhaps before this returns. Whoever holds it
 * tells GATE how it went; the limiter alone enters and leaves it, by the clock of
 * limiter_limit_hosts(). All who ask through one gate ask for the same host.
 *
 * Where GATE is paused for longer than TICKET has patience, or comes to be, the ticket leaves
 * the queue, and its `refused` is called instead, perhaps before this returns.
 */
void limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket,
    const char *host, struct gate *gate,
    void (*granted)(struct limiter_ticket *ticket, void *arg), void *arg);

/* Give a held ticket back, or leave the queue. A ticket in neither state is let be. */
void limiter_give_back(struct limiter *limiter, struct limiter_ticket *ticket);

size_t limiter_held(const struct limiter *limiter);
size_t limiter_waiting(const struct limiter *limiter);

/* How many hosts it remembers: those with tickets, and those that have used up something. */
size_t limiter_hosts(const struct limiter *limiter);

/* GATE's limits were set anew: those who wait for it may start now. */
void limiter_gate_changed(struct limiter *limiter, struct gate *gate);

/* Why a ticket for HOST through GATE (NULL: none) would have to wait now, for a person: "2 of
 * 2 in flight to HOST"; NULL: it would not. The caller's. */
char *limiter_why_waiting(
    const struct limiter *limiter, const char *host, const struct gate *gate);

#endif
