#include "gather/limiter.h"

#include <assert.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/heap.h"
#include "base/units.h"
#include "base/xalloc.h"

#define SECOND_US ((int64_t)1000000)

/* Longer than a program runs, short enough to be added to any time there is. */
#define LONGEST_STEP_US ((int64_t)1 << 56)

TAILQ_HEAD(ticket_queue, limiter_ticket);
LIST_HEAD(host_list, limiter_host);

struct limiter_host {
	const char *name; /* `text`; NULL: those without limits */
	LIST_ENTRY(limiter_host) link;
	struct ticket_queue waiting; /* the first one came first */
	struct ticket_queue held;
	size_t held_count;
	/* When its bucket is full again, and so how much of it is used up. */
	int64_t full_at_us;
	int64_t closed_until_us;
	struct heap *heap; /* that it is in; NULL: none */
	struct heap_node node;
	char text[];
};

/* A token bucket by the time that its contents take to come (the "virtual scheduling" of
 * ITU-T I.371): a start takes one step, and the next may come so much before it is full. */
struct pace {
	int64_t step_us; /* 0: no such limit */
	int64_t slack_us;
};

/*
 * A host that somebody waits for is in one of two heaps: of those that may start, by the
 * number of the ticket that came first, or of those that may later, by that time. It is in
 * neither while too many hold a ticket. `any` is in none: it always may.
 */
struct limiter {
	struct limiter_host *any; /* of tickets without limits of their own */
	void *by_name;            /* of all others: a tree of tsearch(3) */
	struct host_list hosts;   /* the same */
	size_t host_count;
	struct heap ready;
	struct heap later;
	struct heap idle; /* without tickets, by when they can be forgotten */

	size_t max_concurrent;
	size_t held;
	size_t waiting;
	int64_t last_number;
	bool granting; /* grant_all() is on the stack */

	size_t max_per_host; /* 0: no limit */
	struct pace pace;
	struct clock_source clock;
	struct event timer; /* the first of `later` */
	bool has_timer;
	int64_t rings_at_us; /* not later than the first of `later`; 0: it does not */
};

static int64_t
now_us(const struct limiter *limiter)
{
	return limiter->clock.now_us(limiter->clock.arg);
}

static int64_t
max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool
limits_hosts(const struct limiter *limiter)
{
	return limiter->max_per_host > 0 || limiter->pace.step_us > 0;
}

/* ---- the pace of starts ---- */

/* Steps are whole microseconds, rounded up: never faster than was said. */
static struct pace
pace_of(double starts_per_s)
{
	double step_us = ceil((double)SECOND_US / starts_per_s);
	struct pace pace = { 0 };

	if (starts_per_s <= 0)
		return pace;
	pace.step_us =
	    step_us < (double)LONGEST_STEP_US ? (int64_t)step_us : LONGEST_STEP_US;
	if (starts_per_s > 1)
		pace.slack_us =
		    (int64_t)ceil((starts_per_s - 1) * (double)pace.step_us);
	return pace;
}

/* When HOST may start something; it always may where this is no time to come. */
static int64_t
next_start_us(const struct limiter *limiter, const struct limiter_host *host)
{
	if (limiter->pace.step_us == 0)
		return INT64_MIN;
	return max(host->full_at_us - limiter->pace.slack_us, host->closed_until_us);
}

static void
spend(struct limiter *limiter, struct limiter_host *host)
{
	if (host->name != NULL && limiter->pace.step_us > 0)
		host->full_at_us =
		    max(host->full_at_us, now_us(limiter)) + limiter->pace.step_us;
}

/* What HOST has used up is the same number of starts at the pace TO; a smaller bucket is
 * empty at most. */
static void
change_pace(struct limiter_host *host, const struct pace *from, const struct pace *to,
    int64_t now)
{
	double owed_us = (double)(host->full_at_us - now);
	double most_us = (double)(to->step_us + to->slack_us);

	if (to->step_us == 0 || from->step_us == 0) {
		host->full_at_us = host->closed_until_us = 0;
		return;
	}
	if (owed_us <= 0)
		return;
	owed_us = owed_us * (double)to->step_us / (double)from->step_us;
	host->full_at_us = now + (int64_t)(owed_us < most_us ? owed_us : most_us);
}

/* ---- hosts ---- */

static int
compare_names(const void *left, const void *right)
{
	const struct limiter_host *a = left;
	const struct limiter_host *b = right;

	return strcmp(a->name, b->name);
}

static struct limiter_host *
host_new(const char *name)
{
	size_t size = name != NULL ? strlen(name) + 1 : 0;
	struct limiter_host *host = xcalloc(1, sizeof(*host) + size);

	TAILQ_INIT(&host->waiting);
	TAILQ_INIT(&host->held);
	if (name != NULL)
		host->name = memcpy(host->text, name, size);
	return host;
}

static struct limiter_host *
find_host(const struct limiter *limiter, const char *name)
{
	const struct limiter_host key = { .name = name };
	struct limiter_host *const *found =
	    tfind(&key, &limiter->by_name, compare_names);

	return found != NULL ? *found : NULL;
}

static void
forget(struct limiter *limiter, struct limiter_host *host)
{
	tdelete(host, &limiter->by_name, compare_names);
	LIST_REMOVE(host, link);
	limiter->host_count--;
	free(host);
}

static struct limiter_host *
host_of(struct heap_node *node)
{
	return (
	    struct limiter_host *)((char *)node - offsetof(struct limiter_host, node));
}

static void
enter(struct limiter_host *host, struct heap *heap, int64_t key)
{
	heap_add(heap, &host->node, key);
	host->heap = heap;
}

static void
leave(struct limiter_host *host)
{
	if (host->heap != NULL)
		heap_remove(host->heap, &host->node);
	host->heap = NULL;
}

/* The one in HEAP whose time has come, taken out; or NULL. */
static struct limiter_host *
take_due(const struct limiter *limiter, struct heap *heap)
{
	struct heap_node *first = heap_first(heap);

	if (first == NULL || first->key > now_us(limiter))
		return NULL;
	leave(host_of(first));
	return host_of(first);
}

/* Memory is bounded by the hosts that were asked while a bucket fills. */
static void
forget_idle_hosts(struct limiter *limiter)
{
	struct limiter_host *host;

	while ((host = take_due(limiter, &limiter->idle)) != NULL)
		forget(limiter, host);
}

/* The host called NAME, also where it was forgotten; to be ranked. */
static struct limiter_host *
meet_host(struct limiter *limiter, const char *name)
{
	struct limiter_host *host;

	if (name == NULL || !limits_hosts(limiter))
		return limiter->any;
	host = find_host(limiter, name);
	if (host != NULL)
		return host;
	forget_idle_hosts(limiter);
	host = host_new(name);
	if (tsearch(host, &limiter->by_name, compare_names) == NULL)
		abort(); /* as xalloc does where memory is gone */
	LIST_INSERT_HEAD(&limiter->hosts, host, link);
	limiter->host_count++;
	return host;
}

/* ---- who may start ---- */

static bool
is_full(const struct limiter *limiter, const struct limiter_host *host)
{
	return limiter->max_per_host > 0 && host->held_count >= limiter->max_per_host;
}

/* Nobody waits for it. */
static void
retire(struct limiter *limiter, struct limiter_host *host)
{
	int64_t until_us = max(host->full_at_us, host->closed_until_us);

	if (host->held_count > 0)
		return;
	if (limiter->pace.step_us > 0 && until_us > now_us(limiter))
		enter(host, &limiter->idle, until_us);
	else
		forget(limiter, host);
}

/* After every change: HOST goes to the heap that it belongs to, or is forgotten. The one
 * without limits needs none. */
static void
rank(struct limiter *limiter, struct limiter_host *host)
{
	const struct limiter_ticket *first = TAILQ_FIRST(&host->waiting);
	int64_t start_us;

	if (host->name == NULL)
		return;
	leave(host);
	start_us = next_start_us(limiter, host);
	if (first == NULL)
		retire(limiter, host);
	else if (is_full(limiter, host))
		return;
	else if (start_us == INT64_MIN || start_us <= now_us(limiter))
		enter(host, &limiter->ready, first->number);
	else
		enter(host, &limiter->later, start_us);
}

static void
rank_all(struct limiter *limiter)
{
	struct limiter_host *host = LIST_FIRST(&limiter->hosts);

	while (host != NULL) {
		struct limiter_host *next = LIST_NEXT(host, link);

		rank(limiter, host);
		host = next;
	}
}

/* ---- granting ---- */

/* A timer that rings for nothing is cheaper than one that is set with every ticket. */
static void
set_timer(struct limiter *limiter)
{
	const struct heap_node *first = heap_first(&limiter->later);
	struct timeval delay;

	if (first == NULL) {
		if (limiter->rings_at_us != 0)
			event_del(&limiter->timer);
		limiter->rings_at_us = 0;
		return;
	}
	if (limiter->rings_at_us != 0 && limiter->rings_at_us <= first->key)
		return;
	limiter->rings_at_us = first->key;
	delay = clock_timeval(max(first->key - now_us(limiter), 0));
	event_add(&limiter->timer, &delay);
}

/* The host whose turn it is, or NULL. */
static struct limiter_host *
next_host(struct limiter *limiter)
{
	const struct limiter_ticket *any = TAILQ_FIRST(&limiter->any->waiting);
	struct heap_node *ready;
	struct limiter_host *host;

	while ((host = take_due(limiter, &limiter->later)) != NULL)
		rank(limiter, host);
	if (limiter->held >= limiter->max_concurrent)
		return NULL;
	ready = heap_first(&limiter->ready);
	if (any != NULL && (ready == NULL || any->number < ready->key))
		return limiter->any;
	return ready != NULL ? host_of(ready) : NULL;
}

static void
hold(struct limiter_host *host, struct limiter_ticket *ticket)
{
	ticket->host = host;
	ticket->state = TICKET_HELD;
	TAILQ_INSERT_TAIL(&host->held, ticket, link);
	host->held_count++;
}

/*
 * Who is granted a ticket may give it back, or ask for another, before it returns. The
 * call further up the stack then sees to it: a loop, since with calls inside each other
 * thousands of turns that end at once would exhaust the stack.
 */
static void
grant_all(struct limiter *limiter)
{
	struct limiter_host *host;

	if (limiter->granting)
		return;
	limiter->granting = true;
	while ((host = next_host(limiter)) != NULL) {
		struct limiter_ticket *ticket = TAILQ_FIRST(&host->waiting);

		TAILQ_REMOVE(&host->waiting, ticket, link);
		limiter->waiting--;
		limiter->held++;
		hold(host, ticket);
		spend(limiter, host);
		rank(limiter, host);
		ticket->granted(ticket, ticket->arg); /* may free the ticket */
	}
	limiter->granting = false;
	set_timer(limiter);
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct limiter *limiter = arg;

	limiter->rings_at_us = 0;
	grant_all(limiter);
}

void
limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket, const char *host,
    void (*granted)(struct limiter_ticket *ticket, void *arg), void *arg)
{
	assert(ticket->state == TICKET_NONE);
	ticket->host = meet_host(limiter, host);
	ticket->host_name = host;
	ticket->number = ++limiter->last_number;
	ticket->state = TICKET_WAITING;
	ticket->granted = granted;
	ticket->arg = arg;
	TAILQ_INSERT_TAIL(&ticket->host->waiting, ticket, link);
	limiter->waiting++;
	if (ticket == TAILQ_FIRST(&ticket->host->waiting))
		rank(limiter, ticket->host);
	grant_all(limiter);
}

void
limiter_give_back(struct limiter *limiter, struct limiter_ticket *ticket)
{
	struct limiter_host *host = ticket->host;

	switch (ticket->state) {
	case TICKET_NONE:
		return;
	case TICKET_WAITING:
		TAILQ_REMOVE(&host->waiting, ticket, link);
		limiter->waiting--;
		break;
	case TICKET_HELD:
		TAILQ_REMOVE(&host->held, ticket, link);
		host->held_count--;
		limiter->held--;
		break;
	}
	ticket->state = TICKET_NONE;
	ticket->host = NULL;
	rank(limiter, host);
	grant_all(limiter);
}

/* ---- limits ---- */

void
limiter_set_max(struct limiter *limiter, size_t max_concurrent)
{
	limiter->max_concurrent = max_concurrent;
	grant_all(limiter);
}

/* Tickets that were asked for while hosts had no limits go to their hosts. Those have none
 * that came later: the order stays. */
static void
sort_out(struct limiter *limiter)
{
	struct limiter_host *any = limiter->any;
	struct limiter_ticket *ticket = TAILQ_FIRST(&any->held);
	struct limiter_ticket *next;

	for (; ticket != NULL; ticket = next) {
		next = TAILQ_NEXT(ticket, link);
		if (ticket->host_name == NULL)
			continue;
		TAILQ_REMOVE(&any->held, ticket, link);
		any->held_count--;
		hold(meet_host(limiter, ticket->host_name), ticket);
	}
	for (ticket = TAILQ_FIRST(&any->waiting); ticket != NULL; ticket = next) {
		next = TAILQ_NEXT(ticket, link);
		if (ticket->host_name == NULL)
			continue;
		TAILQ_REMOVE(&any->waiting, ticket, link);
		ticket->host = meet_host(limiter, ticket->host_name);
		TAILQ_INSERT_TAIL(&ticket->host->waiting, ticket, link);
	}
}

void
limiter_limit_hosts(struct limiter *limiter, struct event_base *base,
    const struct clock_source *clock, const struct limiter_host_limits *limits)
{
	const struct pace before = limiter->pace;
	struct limiter_host *host;
	int64_t now;

	if (limiter->has_timer)
		event_del(&limiter->timer);
	evtimer_assign(&limiter->timer, base, on_timer, limiter);
	limiter->has_timer = true;
	limiter->rings_at_us = 0;
	limiter->clock = *clock;
	limiter->max_per_host = limits->max_concurrent;
	limiter->pace = pace_of(limits->starts_per_s);
	now = now_us(limiter);
	for (host = LIST_FIRST(&limiter->hosts); host != NULL;
	     host = LIST_NEXT(host, link))
		change_pace(host, &before, &limiter->pace, now);
	if (limits_hosts(limiter))
		sort_out(limiter);
	rank_all(limiter);
	grant_all(limiter);
}

void
limiter_hold_host(struct limiter *limiter, const char *name, int64_t until_us)
{
	struct limiter_host *host;

	if (name == NULL || limiter->pace.step_us == 0)
		return;
	host = meet_host(limiter, name);
	host->closed_until_us = max(host->closed_until_us, until_us);
	rank(limiter, host);
	set_timer(limiter);
}

/* ---- making, freeing, looking ---- */

struct limiter *
limiter_new(size_t max_concurrent)
{
	struct limiter *limiter = xcalloc(1, sizeof(*limiter));

	assert(max_concurrent >= 1);
	LIST_INIT(&limiter->hosts);
	limiter->any = host_new(NULL);
	limiter->max_concurrent = max_concurrent;
	return limiter;
}

void
limiter_free(struct limiter *limiter)
{
	struct limiter_host *host;

	if (limiter == NULL)
		return;
	assert(!limiter->granting);
	if (limiter->has_timer)
		event_del(&limiter->timer);
	while ((host = LIST_FIRST(&limiter->hosts)) != NULL)
		forget(limiter, host);
	heap_clear(&limiter->ready);
	heap_clear(&limiter->later);
	heap_clear(&limiter->idle);
	free(limiter->any);
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

char *
limiter_why_waiting(const struct limiter *limiter, const char *name)
{
	const struct limiter_host *host =
	    name != NULL && limits_hosts(limiter) ? find_host(limiter, name) : NULL;
	char wait[UNITS_TEXT_SIZE];
	int64_t start_us;

	if (limiter->held >= limiter->max_concurrent)
		return xasprintf(
		    "%zu of %zu in flight", limiter->held, limiter->max_concurrent);
	if (host == NULL)
		return NULL;
	if (is_full(limiter, host))
		return xasprintf("%zu of %zu in flight to %s", host->held_count,
		    limiter->max_per_host, name);
	start_us = next_start_us(limiter, host);
	if (start_us == INT64_MIN || start_us <= now_us(limiter))
		return NULL;
	units_format_duration(wait, (start_us - now_us(limiter) + 999) / 1000);
	return xasprintf("%s is %s for %s", name,
	    start_us == host->closed_until_us ? "held back" : "at its rate", wait);
}
