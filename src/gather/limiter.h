/*
 * Tickets to be asked: how many turns may be asking at once.
 *
 * Turns queue in the order they come; a ticket goes to the first. Giving one back may
 * call a waiter at once, from inside limiter_give_back().
 */
#ifndef GATHERD_GATHER_LIMITER_H
#define GATHERD_GATHER_LIMITER_H

#include <stdbool.h>
#include <stddef.h>

struct limiter;

/* One waiting turn; lives in the caller's struct, zeroed before its first use. */
struct limiter_ticket {
	struct limiter_ticket *next, *previous;
	enum {
		TICKET_NONE,
		TICKET_WAITING,
		TICKET_HELD
	} state;
	void (*granted)(struct limiter_ticket *ticket, void *arg);
	void *arg;
};

/* MAX_CONCURRENT >= 1 tickets in all. */
struct limiter *limiter_new(size_t max_concurrent);
void limiter_free(struct limiter *limiter);

/* From now on so many, 0 for a pause; those who hold more keep them until they give them
 * back. */
void limiter_set_max(struct limiter *limiter, size_t max_concurrent);

/* Ask for a ticket: GRANTED is called, perhaps before this returns. */
void limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket,
    void (*granted)(struct limiter_ticket *ticket, void *arg), void *arg);

/* Give a held ticket back, or leave the queue. A ticket in neither state is let be. */
void limiter_give_back(struct limiter *limiter, struct limiter_ticket *ticket);

size_t limiter_held(const struct limiter *limiter);
size_t limiter_waiting(const struct limiter *limiter);

#endif
