#include "gather/limiter.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct limiter {
	struct limiter_ticket *first; /* of those who wait; borrowed, as `last` */
	struct limiter_ticket *last;
	size_t max_concurrent;
	size_t held;
	size_t waiting;
	bool granting; /* grant_all() is on the stack */
};

struct limiter *
limiter_new(size_t max_concurrent)
{
	struct limiter *limiter = xcalloc(1, sizeof(*limiter));

	assert(max_concurrent >= 1);
	limiter->max_concurrent = max_concurrent;
	return limiter;
}

void
limiter_free(struct limiter *limiter)
{
	if (limiter == NULL)
		return;
	assert(!limiter->granting);
	free(limiter);
}

static void
enqueue(struct limiter *limiter, struct limiter_ticket *ticket)
{
	ticket->next = NULL;
	ticket->previous = limiter->last;
	if (limiter->last != NULL)
		limiter->last->next = ticket;
	else
		limiter->first = ticket;
	limiter->last = ticket;
	limiter->waiting++;
	ticket->state = TICKET_WAITING;
}

static void
dequeue(struct limiter *limiter, struct limiter_ticket *ticket)
{
	if (ticket->previous != NULL)
		ticket->previous->next = ticket->next;
	else
		limiter->first = ticket->next;
	if (ticket->next != NULL)
		ticket->next->previous = ticket->previous;
	else
		limiter->last = ticket->previous;
	ticket->next = ticket->previous = NULL;
	limiter->waiting--;
	ticket->state = TICKET_NONE;
}

/*
 * Who is granted a ticket may give it back, or ask for another, before it returns. The
 * call further up the stack then sees to it: a loop, since with calls inside each other
 * thousands of turns that end at once would exhaust the stack.
 */
static void
grant_all(struct limiter *limiter)
{
	if (limiter->granting)
		return;
	limiter->granting = true;
	while (limiter->first != NULL && limiter->held < limiter->max_concurrent) {
		struct limiter_ticket *ticket = limiter->first;

		dequeue(limiter, ticket);
		ticket->state = TICKET_HELD;
		limiter->held++;
		ticket->granted(ticket, ticket->arg); /* may free the ticket */
	}
	limiter->granting = false;
}

void
limiter_set_max(struct limiter *limiter, size_t max_concurrent)
{
	limiter->max_concurrent = max_concurrent;
	grant_all(limiter);
}

void
limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket,
    void (*granted)(struct limiter_ticket *ticket, void *arg), void *arg)
{
	assert(ticket->state == TICKET_NONE);
	ticket->granted = granted;
	ticket->arg = arg;
	enqueue(limiter, ticket);
	grant_all(limiter);
}

void
limiter_give_back(struct limiter *limiter, struct limiter_ticket *ticket)
{
	switch (ticket->state) {
	case TICKET_NONE:
		return;
	case TICKET_WAITING:
		dequeue(limiter, ticket);
		return;
	case TICKET_HELD:
		ticket->state = TICKET_NONE;
		limiter->held--;
		grant_all(limiter);
		return;
	}
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
