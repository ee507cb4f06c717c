#include "gather/limiter_internal.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "gather/gate.h"

int64_t
limiter_now_us(const struct limiter *limiter)
{
	return limiter->clock.now_us(limiter->clock.arg);
}

/* ---- places in heaps ---- */

static void
leave(struct limiter_rank *rank)
{
	if (rank->heap != NULL)
		heap_remove(rank->heap, &rank->node);
	rank->heap = NULL;
}

/* Mostly, nothing that counts has changed. */
static void
put(struct limiter_rank *rank, struct heap *heap, int64_t key)
{
	if (rank->heap == heap && rank->node.key == key)
		return;
	leave(rank);
	heap_add(heap, &rank->node, key);
	rank->heap = heap;
}

static struct limiter_host *
host_of(struct heap_node *node)
{
	return (struct limiter_host *)((char *)node -
	    offsetof(struct limiter_host, rank.node));
}

static struct limiter_lane *
lane_of(struct heap_node *node)
{
	return (struct limiter_lane *)((char *)node -
	    offsetof(struct limiter_lane, rank.node));
}

/* The first one in HEAP, if its time has come; or NULL. */
static struct heap_node *
due(const struct limiter *limiter, const struct heap *heap)
{
	struct heap_node *first = heap_first(heap);

	return first != NULL && first->key <= limiter_now_us(limiter) ? first : NULL;
}

/* ---- hosts ---- */

static int
compare_names(const void *left, const void *right)
{
	const struct limiter_host *a = left;
	const struct limiter_host *b = right;

	return strcmp(a->name, b->name);
}

static void
lane_init(struct limiter_lane *lane, struct limiter_host *host, struct gate *gate)
{
	lane->host = host;
	lane->gate = gate;
	TAILQ_INIT(&lane->waiting);
	TAILQ_INIT(&lane->held);
}

struct limiter_host *
limiter_host_new(const char *name)
{
	size_t size = name != NULL ? strlen(name) + 1 : 0;
	struct limiter_host *host = xcalloc(1, sizeof(*host) + size);

	lane_init(&host->plain, host, NULL);
	LIST_INIT(&host->lanes);
	if (name != NULL)
		host->name = memcpy(host->text, name, size);
	return host;
}

struct limiter_host *
limiter_find_host(const struct limiter *limiter, const char *name)
{
	const struct limiter_host key = { .name = name };
	struct limiter_host *const *found =
	    tfind(&key, &limiter->host_by_name, compare_names);

	return found != NULL ? *found : NULL;
}

static void
forget_host(struct limiter *limiter, struct limiter_host *host)
{
	leave(&host->rank);
	tdelete(host, &limiter->host_by_name, compare_names);
	LIST_REMOVE(host, link);
	limiter->host_count--;
	heap_clear(&host->open);
	free(host);
}

/* Memory is bounded by the hosts that were asked while a bucket fills. */
static void
forget_idle_hosts(struct limiter *limiter)
{
	struct heap_node *node;

	while ((node = due(limiter, &limiter->idle)) != NULL)
		forget_host(limiter, host_of(node));
}

bool
limiter_limits_hosts(const struct limiter *limiter)
{
	return limiter->max_per_host > 0 || limiter->pace.step_us > 0;
}

struct limiter_host *
limiter_meet_host(struct limiter *limiter, const char *name)
{
	struct limiter_host *host;

	if (name == NULL || !limiter_limits_hosts(limiter))
		return limiter->any;
	host = limiter_find_host(limiter, name);
	if (host != NULL)
		return host;
	forget_idle_hosts(limiter);
	host = limiter_host_new(name);
	if (tsearch(host, &limiter->host_by_name, compare_names) == NULL)
		abort(); /* as xalloc does where memory is gone */
	LIST_INSERT_HEAD(&limiter->hosts, host, link);
	limiter->host_count++;
	return host;
}

/* ---- lanes ---- */

static int
compare_gates(const void *left, const void *right)
{
	uintptr_t a = (uintptr_t)((const struct limiter_lane *)left)->gate;
	uintptr_t b = (uintptr_t)((const struct limiter_lane *)right)->gate;

	return (a > b) - (a < b);
}

struct limiter_lane *
limiter_find_lane(const struct limiter *limiter, struct gate *gate)
{
	const struct limiter_lane key = { .gate = gate };
	struct limiter_lane *const *found =
	    tfind(&key, &limiter->lane_by_gate, compare_gates);

	return found != NULL ? *found : NULL;
}

struct limiter_lane *
limiter_meet_lane(struct limiter *limiter, const char *name, struct gate *gate)
{
	struct limiter_lane *lane;

	if (gate == NULL)
		return &limiter_meet_host(limiter, name)->plain;
	lane = limiter_find_lane(limiter, gate);
	if (lane != NULL)
		return lane;
	lane = xcalloc(1, sizeof(*lane));
	lane_init(lane, limiter_meet_host(limiter, name), gate);
	if (tsearch(lane, &limiter->lane_by_gate, compare_gates) == NULL)
		abort();
	LIST_INSERT_HEAD(&lane->host->lanes, lane, link);
	return lane;
}

/* ---- pauses ---- */

static void
all_asked(struct limiter_lane *lane)
{
	if (lane->unasked != NULL)
		LIST_REMOVE(lane, unasked_link);
	lane->unasked = NULL;
}

/* TICKET of LANE and those behind it are to be asked; NULL: there are none. */
static void
ask_from(
    struct limiter *limiter, struct limiter_lane *lane, struct limiter_ticket *ticket)
{
	all_asked(lane);
	if (ticket == NULL)
		return;
	LIST_INSERT_HEAD(&limiter->unasked, lane, unasked_link);
	lane->unasked = ticket;
}

void
limiter_note_pause(
    struct limiter *limiter, struct limiter_lane *lane, struct limiter_ticket *newcomer)
{
	int64_t now_us, left_us;

	if (lane->gate == NULL)
		return;
	now_us = limiter_now_us(limiter);
	left_us = gate_paused_us(lane->gate, now_us);
	if (left_us == 0)
		return;
	if (now_us + left_us > lane->paused_until_us) {
		lane->paused_until_us = now_us + left_us;
		ask_from(limiter, lane, TAILQ_FIRST(&lane->waiting));
	} else if (newcomer != NULL && lane->unasked == NULL) {
		ask_from(limiter, lane, newcomer);
	}
}

static void
ask_next(struct limiter_lane *lane)
{
	struct limiter_ticket *next = TAILQ_NEXT(lane->unasked, link);

	if (next != NULL)
		lane->unasked = next;
	else
		all_asked(lane);
}

void
limiter_leave_queue(struct limiter *limiter, struct limiter_ticket *ticket)
{
	struct limiter_lane *lane = ticket->lane;

	if (lane->unasked == ticket)
		ask_next(lane);
	TAILQ_REMOVE(&lane->waiting, ticket, link);
	limiter->waiting--;
}

static bool
is_impatient(const struct limiter *limiter, const struct limiter_ticket *ticket)
{
	return ticket->refused != NULL &&
	    gate_paused_us(ticket->gate, limiter_now_us(limiter)) > ticket->patience_us;
}

struct limiter_ticket *
limiter_next_refused(struct limiter *limiter)
{
	struct limiter_lane *lane;

	while ((lane = LIST_FIRST(&limiter->unasked)) != NULL) {
		assert(lane->unasked != NULL); /* or it were not there */
		if (is_impatient(limiter, lane->unasked))
			return lane->unasked;
		ask_next(lane);
	}
	return NULL;
}

/* ---- the end of lanes ---- */

static void
forget_lane(struct limiter *limiter, struct limiter_lane *lane)
{
	all_asked(lane);
	leave(&lane->rank);
	tdelete(lane, &limiter->lane_by_gate, compare_gates);
	LIST_REMOVE(lane, link);
	free(lane);
}

void
limiter_move_lane(struct limiter_lane *lane, struct limiter_host *host)
{
	leave(&lane->rank);
	LIST_REMOVE(lane, link);
	lane->host->held_count -= lane->held_count;
	lane->host = host;
	host->held_count += lane->held_count;
	LIST_INSERT_HEAD(&host->lanes, lane, link);
}

static void
forget_lanes(struct limiter *limiter, struct limiter_host *host)
{
	struct limiter_lane *lane = LIST_FIRST(&host->lanes);

	while (lane != NULL) {
		struct limiter_lane *next = LIST_NEXT(lane, link);

		forget_lane(limiter, lane);
		lane = next;
	}
}

void
limiter_forget_hosts(struct limiter *limiter)
{
	struct limiter_host *host;

	while ((host = LIST_FIRST(&limiter->hosts)) != NULL) {
		forget_lanes(limiter, host);
		forget_host(limiter, host);
	}
	forget_lanes(limiter, limiter->any);
	heap_clear(&limiter->any->open);
	free(limiter->any);
}

/* ---- who may start ---- */

bool
limiter_is_full(const struct limiter *limiter, const struct limiter_host *host)
{
	return host->name != NULL && limiter->max_per_host > 0 &&
	    host->held_count >= limiter->max_per_host;
}

int64_t
limiter_start_us(const struct limiter *limiter, const struct limiter_host *host)
{
	int64_t next_us = pace_next_us(&limiter->pace, host->full_at_us);

	if (host->name == NULL || limiter->pace.step_us == 0)
		return INT64_MIN;
	return next_us > host->closed_until_us ? next_us : host->closed_until_us;
}

/* The open lane of HOST whose first ticket came first; NULL: there is none. */
static struct limiter_lane *
first_lane(struct limiter_host *host)
{
	const struct limiter_ticket *plain = TAILQ_FIRST(&host->plain.waiting);
	struct heap_node *gated = heap_first(&host->open);

	if (plain != NULL && (gated == NULL || plain->number < gated->key))
		return &host->plain;
	return gated != NULL ? lane_of(gated) : NULL;
}

/* Does nobody have a ticket for HOST, or wait, of those that may be forgotten? */
static bool
is_idle(const struct limiter_host *host)
{
	return host->name != NULL && host->held_count == 0 &&
	    TAILQ_EMPTY(&host->plain.waiting) && LIST_EMPTY(&host->lanes);
}

static void
retire(struct limiter *limiter, struct limiter_host *host)
{
	int64_t full_at_us = host->full_at_us;
	int64_t until_us =
	    full_at_us > host->closed_until_us ? full_at_us : host->closed_until_us;

	if (limiter->pace.step_us > 0 && until_us > limiter_now_us(limiter))
		put(&host->rank, &limiter->idle, until_us);
	else
		forget_host(limiter, host);
}

void
limiter_rank_host(struct limiter *limiter, struct limiter_host *host)
{
	const struct limiter_lane *lane = first_lane(host);
	int64_t start_us = limiter_start_us(limiter, host);

	if (is_idle(host))
		retire(limiter, host);
	else if (lane == NULL || limiter_is_full(limiter, host))
		leave(&host->rank);
	else if (start_us == INT64_MIN || start_us <= limiter_now_us(limiter))
		put(&host->rank, &limiter->ready, TAILQ_FIRST(&lane->waiting)->number);
	else
		put(&host->rank, &limiter->later, start_us);
}

/* LANE, which has a gate, goes to the heap that it belongs to, or is forgotten. */
static void
rank_by_gate(struct limiter *limiter, struct limiter_lane *lane)
{
	const struct limiter_ticket *first = TAILQ_FIRST(&lane->waiting);
	int64_t next_us;

	if (first == NULL && lane->held_count == 0) {
		forget_lane(limiter, lane);
		return;
	}
	next_us = gate_next_us(lane->gate, limiter_now_us(limiter));
	if (first == NULL || next_us == INT64_MAX)
		leave(&lane->rank);
	else if (next_us == INT64_MIN)
		put(&lane->rank, &lane->host->open, first->number);
	else
		put(&lane->rank, &limiter->shut, next_us);
}

void
limiter_rank_lane(struct limiter *limiter, struct limiter_lane *lane)
{
	struct limiter_host *host = lane->host;

	if (lane->gate != NULL)
		rank_by_gate(limiter, lane);
	limiter_rank_host(limiter, host);
}

static void
rank_with_lanes(struct limiter *limiter, struct limiter_host *host)
{
	struct limiter_lane *lane = LIST_FIRST(&host->lanes);

	while (lane != NULL) {
		struct limiter_lane *next = LIST_NEXT(lane, link);

		rank_by_gate(limiter, lane);
		lane = next;
	}
	limiter_rank_host(limiter, host);
}

void
limiter_rank_all(struct limiter *limiter)
{
	struct limiter_host *host = LIST_FIRST(&limiter->hosts);

	while (host != NULL) {
		struct limiter_host *next = LIST_NEXT(host, link);

		rank_with_lanes(limiter, host);
		host = next;
	}
	rank_with_lanes(limiter, limiter->any);
}

void
limiter_rank_due(struct limiter *limiter)
{
	struct heap_node *node;

	while ((node = due(limiter, &limiter->shut)) != NULL)
		limiter_rank_lane(limiter, lane_of(node));
	while ((node = due(limiter, &limiter->later)) != NULL)
		limiter_rank_host(limiter, host_of(node));
}

struct limiter_lane *
limiter_next_lane(struct limiter *limiter)
{
	struct heap_node *ready;

	while ((ready = heap_first(&limiter->ready)) != NULL) {
		struct limiter_lane *lane = first_lane(host_of(ready));

		if (lane->gate == NULL ||
		    gate_next_us(lane->gate, limiter_now_us(limiter)) == INT64_MIN)
			return lane;
		/* Its gate was told something since, and shut. */
		limiter_rank_lane(limiter, lane);
	}
	return NULL;
}
