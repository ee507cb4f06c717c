#include "gather/limiter.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "gather/gate.h"
#include "gather/limiter_internal.h"

/* ---- granting ---- */

/* When the first of those who wait for a time may start; INT64_MAX: there is none. */
static int64_t
next_start_us(const struct limiter *limiter)
{
	const struct heap_node *host = heap_first(&limiter->later);
	const struct heap_node *lane = heap_first(&limiter->shut);
	int64_t host_us = host != NULL ? host->key : INT64_MAX;
	int64_t lane_us = lane != NULL ? lane->key : INT64_MAX;

	return host_us < lane_us ? host_us : lane_us;
}

/* A timer that rings for nothing is cheaper than one that is set with every ticket. */
void
limiter_set_timer(struct limiter *limiter)
{
	int64_t start_us = next_start_us(limiter);
	int64_t wait_us;
	struct timeval delay;

	if (start_us == INT64_MAX) {
		if (limiter->rings_at_us != 0)
			event_del(&limiter->timer);
		limiter->rings_at_us = 0;
		return;
	}
	if (limiter->rings_at_us != 0 && limiter->rings_at_us <= start_us)
		return;
	limiter->rings_at_us = start_us;
	wait_us = start_us - limiter_now_us(limiter);
	delay = clock_timeval(wait_us > 0 ? wait_us : 0);
	event_add(&limiter->timer, &delay);
}

/* The first one in LANE gets a ticket: of the whole, of its host and of its gate. */
static struct limiter_ticket *
take(struct limiter *limiter, struct limiter_lane *lane)
{
	struct limiter_ticket *ticket = TAILQ_FIRST(&lane->waiting);
	struct limiter_host *host = lane->host;

	limiter_leave_queue(limiter, ticket);
	TAILQ_INSERT_TAIL(&lane->held, ticket, link);
	ticket->state = TICKET_HELD;
	limiter->held++;
	lane->held_count++;
	host->held_count++;
	if (host->name != NULL && limiter->pace.step_us > 0)
		host->full_at_us = pace_spend(
		    &limiter->pace, host->full_at_us, limiter_now_us(limiter));
	if (lane->gate != NULL)
		ticket->admission = gate_enter(lane->gate, limiter_now_us(limiter));
	return ticket;
}

static struct limiter_lane *
next_lane(struct limiter *limiter)
{
	/* Also where nobody gets anything: the timer rings for those who are not ranked. */
	limiter_rank_due(limiter);
	return limiter->held < limiter->max_concurrent ? limiter_next_lane(limiter)
	                                               : NULL;
}

/* It leaves the queue, and is told so. */
static void
refuse(struct limiter *limiter, struct limiter_ticket *ticket)
{
	struct limiter_lane *lane = ticket->lane;

	limiter_leave_queue(limiter, ticket);
	ticket->state = TICKET_NONE;
	ticket->lane = NULL;
	limiter_rank_lane(limiter, lane);
	ticket->refused(ticket, ticket->arg); /* may free the ticket */
}

/* All who do not want to wait for a pause. Nobody is told so while all stands still. */
static void
refuse_all(struct limiter *limiter)
{
	struct limiter_ticket *ticket;

	while (limiter->max_concurrent > 0 &&
	    (ticket = limiter_next_refused(limiter)) != NULL)
		refuse(limiter, ticket);
}

/*
 * Who is granted a ticket may give it back, or ask for another, before it returns. The
 * call further up the stack then sees to it: a loop, since with calls inside each other
 * thousands of turns that end at once would exhaust the stack.
 */
void
limiter_grant_all(struct limiter *limiter)
{
	struct limiter_lane *lane;

	if (limiter->granting)
		return;
	limiter->granting = true;
	refuse_all(limiter);
	while ((lane = next_lane(limiter)) != NULL) {
		struct limiter_ticket *ticket = take(limiter, lane);

		limiter_rank_lane(limiter, lane);
		ticket->granted(ticket, ticket->arg); /* may free the ticket */
		refuse_all(limiter);
	}
	limiter->granting = false;
	limiter_set_timer(limiter);
}

/* ---- asking and giving back ---- */

void
limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket, const char *host,
    struct gate *gate, void (*granted)(struct limiter_ticket *ticket, void *arg),
    void *arg)
{
	assert(ticket->state == TICKET_NONE);
	assert(gate == NULL || limiter->has_timer);
	ticket->lane = limiter_meet_lane(limiter, host, gate);
	ticket->host_name = host;
	ticket->gate = gate;
	ticket->number = ++limiter->last_number;
	ticket->state = TICKET_WAITING;
	ticket->granted = granted;
	ticket->arg = arg;
	TAILQ_INSERT_TAIL(&ticket->lane->waiting, ticket, link);
	limiter->waiting++;
	if (ticket == TAILQ_FIRST(&ticket->lane->waiting))
		limiter_rank_lane(limiter, ticket->lane);
	limiter_note_pause(limiter, ticket->lane, ticket);
	limiter_grant_all(limiter);
}

static void
release(struct limiter *limiter, struct limiter_ticket *ticket)
{
	struct limiter_lane *lane = ticket->lane;

	TAILQ_REMOVE(&lane->held, ticket, link);
	lane->held_count--;
	lane->host->held_count--;
	limiter->held--;
	if (lane->gate != NULL)
		gate_leave(lane->gate, &ticket->admission, limiter_now_us(limiter));
}

void
limiter_give_back(struct limiter *limiter, struct limiter_ticket *ticket)
{
	struct limiter_lane *lane = ticket->lane;

	switch (ticket->state) {
	case TICKET_NONE:
		return;
	case TICKET_WAITING:
		limiter_leave_queue(limiter, ticket);
		break;
	case TICKET_HELD:
		release(limiter, ticket);
		break;
	}
	ticket->state = TICKET_NONE;
	ticket->lane = NULL;
	limiter_note_pause(limiter, lane, NULL);
	limiter_rank_lane(limiter, lane);
	limiter_grant_all(limiter);
}

/* ---- limits ---- */

void
limiter_set_max(struct limiter *limiter, size_t max_concurrent)
{
	limiter->max_concurrent = max_concurrent;
	limiter_grant_all(limiter);
}

void
limiter_gate_changed(struct limiter *limiter, struct gate *gate)
{
	struct limiter_lane *lane = limiter_find_lane(limiter, gate);

	if (lane == NULL)
		return;
	limiter_rank_lane(limiter, lane);
	limiter_grant_all(limiter);
}

/* ---- making, freeing, looking ---- */

struct limiter *
limiter_new(size_t max_concurrent)
{
	struct limiter *limiter = xcalloc(1, sizeof(*limiter));

	assert(max_concurrent >= 1);
	LIST_INIT(&limiter->hosts);
	LIST_INIT(&limiter->unasked);
	limiter->any = limiter_host_new(NULL);
	limiter->max_concurrent = max_concurrent;
	return limiter;
}

void
limiter_free(struct limiter *limiter)
{
	if (limiter == NULL)
		return;
	assert(!limiter->granting);
	if (limiter->has_timer)
		event_del(&limiter->timer);
	limiter_forget_hosts(limiter);
	heap_clear(&limiter->ready);
	heap_clear(&limiter->later);
	heap_clear(&limiter->idle);
	heap_clear(&limiter->shut);
	free(limiter);
}

size_t
limiter_held(const struct limiter *limiter)
{
	return limiter->held;
}

size_t
limiter_waiting(const struct limiter *limiter)
{
	return limiter->waiting;
}

size_t
limiter_hosts(const struct limiter *limiter)
{
	return limiter->host_count;
}

/* Why HOST, called NAME, would have a ticket wait; NULL: it would not. */
static char *
why_for_host(
    const struct limiter *limiter, const struct limiter_host *host, const char *name)
{
	int64_t start_us = limiter_start_us(limiter, host);
	char wait[UNITS_TEXT_SIZE];

	if (limiter_is_full(limiter, host))
		return xasprintf("%zu of %zu in flight to %s", host->held_count,
		    limiter->max_per_host, name);
	if (start_us == INT64_MIN || start_us <= limiter_now_us(limiter))
		return NULL;
	units_format_duration(wait, (start_us - limiter_now_us(limiter) + 999) / 1000);
	return xasprintf("%s is %s for %s", name,
	    start_us == host->closed_until_us ? "held back" : "at its rate", wait);
}

char *
limiter_why_waiting(
    const struct limiter *limiter, const char *name, const struct gate *gate)
{
	const struct limiter_host *host = NULL;
	char *why = NULL;

	if (limiter->held >= limiter->max_concurrent)
		return xasprintf(
		    "%zu of %zu in flight", limiter->held, limiter->max_concurrent);
	if (name != NULL && limiter_limits_hosts(limiter))
		host = limiter_find_host(limiter, name);
	if (host != NULL)
		why = why_for_host(limiter, host, name);
	if (why == NULL && gate != NULL)
		why = gate_why_waiting(gate, limiter_now_us(limiter));
	return why;
}
