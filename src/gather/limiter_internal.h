/*
 * What the limiter's files need of each other: limiter.c has the queue and the grants,
 * limiter_lanes.c who may start and when, limiter_hosts.c the limits of hosts.
 *
 * Private to gather/limiter.
 */
#ifndef GATHERD_GATHER_LIMITER_INTERNAL_H
#define GATHERD_GATHER_LIMITER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/heap.h"
#include "gather/limiter.h"
#include "gather/pace.h"

struct gate;

TAILQ_HEAD(ticket_queue, limiter_ticket);
LIST_HEAD(lane_list, limiter_lane);
LIST_HEAD(host_list, limiter_host);

/* A place in one of several heaps, or in none. */
struct limiter_rank {
	struct heap *heap; /* that it is in; NULL: none */
	struct heap_node node;
};

/* A queue: the tickets of one host that go through one gate, or through none. It is there
 * while it has tickets; that without a gate, as long as its host. */
struct limiter_lane {
	struct limiter_host *host;
	struct gate *gate; /* borrowed; NULL: none, and `link`, `rank` unused */
	LIST_ENTRY(limiter_lane) link; /* with the host's others that have a gate */
	struct ticket_queue waiting;   /* the first one came first */
	struct ticket_queue held;
	size_t held_count;
	struct limiter_rank rank;
	/* Those from here on were not asked whether they wait for the pause of its gate; NULL: all
	 * were. */
	struct limiter_ticket *unasked;
	LIST_ENTRY(limiter_lane) unasked_link; /* with the others that have some */
	int64_t paused_until_us;               /* what they are asked about */
};

struct limiter_host {
	const char *name; /* `text`; NULL: those without limits */
	LIST_ENTRY(limiter_host) link;
	struct limiter_lane plain; /* the one without a gate */
	struct lane_list lanes;    /* the others */
	struct heap
	    open; /* of those, whose gate lets somebody in, by their first number */
	size_t held_count;  /* in all lanes */
	int64_t full_at_us; /* its bucket */
	int64_t closed_until_us;
	struct limiter_rank rank;
	char text[];
};

/*
 * Somebody who waits is found in two steps, so that neither a host that may start something
 * nor a gate that opens moves more than itself. A lane is among its host's `open` ones, or
 * `shut` until its gate opens; a host with an open lane is `ready`, by the ticket that came
 * first, or may start something `later`. Both are nowhere while too many hold a ticket, and
 * one of these has to be given back first.
 */
struct limiter {
	struct limiter_host *any; /* of tickets whose host has no limits */
	void *host_by_name;       /* of all others: a tree of tsearch(3) */
	struct host_list hosts;   /* the same */
	size_t host_count;
	void *lane_by_gate; /* a tree, too */
	struct heap ready;  /* hosts */
	struct heap later;
	struct heap idle; /* hosts without tickets, by when they can be forgotten */
	struct heap shut; /* lanes */
	struct lane_list unasked;

	size_t max_concurrent;
	size_t held;
	size_t waiting;
	int64_t last_number;
	bool granting; /* grant_all() is on the stack */

	size_t max_per_host; /* 0: no limit */
	struct pace pace;    /* of each host */
	struct clock_source clock;
	struct event timer; /* the first of `later` and `shut` */
	bool has_timer;
	int64_t rings_at_us; /* not later than these; 0: it does not */
};

int64_t limiter_now_us(const struct limiter *limiter);

/* ---- limiter.c ---- */

/* Whoever may start does. */
void limiter_grant_all(struct limiter *limiter);

/* The timer rings when somebody may start, or before. */
void limiter_set_timer(struct limiter *limiter);

/* ---- limiter_lanes.c ---- */

struct limiter_host *limiter_host_new(const char *name);

/* What is known of the host called NAME, or NULL. */
struct limiter_host *limiter_find_host(const struct limiter *limiter, const char *name);

/* Likewise, or it is met; `any` where hosts have no limits. It is to be ranked. */
struct limiter_host *limiter_meet_host(struct limiter *limiter, const char *name);

/* All there are, with their lanes. */
void limiter_forget_hosts(struct limiter *limiter);

/* The lane of the tickets through GATE, or NULL: nobody has one, or waits for it. */
struct limiter_lane *limiter_find_lane(
    const struct limiter *limiter, struct gate *gate);

/* The lane of the tickets for the host called NAME through GATE; to be ranked. */
struct limiter_lane *limiter_meet_lane(
    struct limiter *limiter, const char *name, struct gate *gate);

/* LANE, which has a gate, and all its tickets go over to HOST. Both hosts are to be ranked. */
void limiter_move_lane(struct limiter_lane *lane, struct limiter_host *host);

/* Do hosts have limits? */
bool limiter_limits_hosts(const struct limiter *limiter);

/* Has HOST as many tickets as one may have? */
bool limiter_is_full(const struct limiter *limiter, const struct limiter_host *host);

/* When HOST may start something; it always may where this is no time to come. */
int64_t limiter_start_us(
    const struct limiter *limiter, const struct limiter_host *host);

/* After every change: HOST goes to the heap that it belongs to, or is forgotten. */
void limiter_rank_host(struct limiter *limiter, struct limiter_host *host);
/* LANE, likewise, and its host. */
void limiter_rank_lane(struct limiter *limiter, struct limiter_lane *lane);
void limiter_rank_all(struct limiter *limiter);
/* Those whose time has come. */
void limiter_rank_due(struct limiter *limiter);

/* NEWCOMER came to LANE; or, where it is NULL, somebody has left it who may have told its gate to
 * pause. */
void limiter_note_pause(struct limiter *limiter, struct limiter_lane *lane,
    struct limiter_ticket *newcomer);

/* TICKET leaves those who wait. */
void limiter_leave_queue(struct limiter *limiter, struct limiter_ticket *ticket);

/* Somebody who does not want to wait for the pause of his gate, or NULL. Each is asked once for
 * each pause, however often this is called. */
struct limiter_ticket *limiter_next_refused(struct limiter *limiter);

/* The lane whose turn it is, or NULL: nobody waits, or may start. */
struct limiter_lane *limiter_next_lane(struct limiter *limiter);

#endif
