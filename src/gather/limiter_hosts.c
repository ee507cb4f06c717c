#include <event2/event.h>

#include "base/compiler.h"
#include "gather/limiter_internal.h"

static void
hold_at(struct limiter_host *host, struct limiter_ticket *ticket)
{
	ticket->lane = &host->plain;
	TAILQ_INSERT_TAIL(&host->plain.held, ticket, link);
	host->plain.held_count++;
	host->held_count++;
}

/* The tickets of ANY without a gate that have a host go there. */
static void
sort_out_tickets(struct limiter *limiter, struct limiter_host *any)
{
	struct limiter_lane *plain = &any->plain;
	struct limiter_ticket *ticket = TAILQ_FIRST(&plain->held);
	struct limiter_ticket *next;

	for (; ticket != NULL; ticket = next) {
		next = TAILQ_NEXT(ticket, link);
		if (ticket->host_name == NULL)
			continue;
		TAILQ_REMOVE(&plain->held, ticket, link);
		plain->held_count--;
		any->held_count--;
		hold_at(limiter_meet_host(limiter, ticket->host_name), ticket);
	}
	for (ticket = TAILQ_FIRST(&plain->waiting); ticket != NULL; ticket = next) {
		next = TAILQ_NEXT(ticket, link);
		if (ticket->host_name == NULL)
			continue;
		TAILQ_REMOVE(&plain->waiting, ticket, link);
		ticket->lane = &limiter_meet_host(limiter, ticket->host_name)->plain;
		TAILQ_INSERT_TAIL(&ticket->lane->waiting, ticket, link);
	}
}

/* All tickets of a lane are for one host. */
static const char *
host_name_of(const struct limiter_lane *lane)
{
	const struct limiter_ticket *ticket = TAILQ_FIRST(&lane->held);

	return (ticket != NULL ? ticket : TAILQ_FIRST(&lane->waiting))->host_name;
}

static void
sort_out_lanes(struct limiter *limiter, struct limiter_host *any)
{
	struct limiter_lane *lane = LIST_FIRST(&any->lanes);

	while (lane != NULL) {
		struct limiter_lane *next = LIST_NEXT(lane, link);
		const char *name = host_name_of(lane);

		if (name != NULL)
			limiter_move_lane(lane, limiter_meet_host(limiter, name));
		lane = next;
	}
}

/* Tickets that were asked for while hosts had no limits go to their hosts. Those have none
 * that came later: the order stays. */
static void
sort_out(struct limiter *limiter)
{
	sort_out_tickets(limiter, limiter->any);
	sort_out_lanes(limiter, limiter->any);
}

static void
change_pace(
    struct limiter *limiter, const struct pace *before, struct limiter_host *host)
{
	const struct pace *pace = &limiter->pace;

	if (pace->step_us == 0 || before->step_us == 0)
		host->closed_until_us = 0;
	host->full_at_us =
	    pace_change(before, pace, host->full_at_us, limiter_now_us(limiter));
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct limiter *limiter = arg;

	limiter->rings_at_us = 0;
	limiter_grant_all(limiter);
}

static void
make_timer(struct limiter *limiter, struct event_base *base)
{
	if (limiter->has_timer)
		event_del(&limiter->timer);
	evtimer_assign(&limiter->timer, base, on_timer, limiter);
	limiter->has_timer = true;
	limiter->rings_at_us = 0;
}

void
limiter_limit_hosts(struct limiter *limiter, struct event_base *base,
    const struct clock_source *clock, const struct limiter_host_limits *limits)
{
	const struct pace before = limiter->pace;
	struct limiter_host *host;

	make_timer(limiter, base);
	limiter->clock = *clock;
	limiter->max_per_host = limits->max_concurrent;
	limiter->pace = pace_of(limits->starts_per_s);
	for (host = LIST_FIRST(&limiter->hosts); host != NULL;
	     host = LIST_NEXT(host, link))
		change_pace(limiter, &before, host);
	if (limiter_limits_hosts(limiter))
		sort_out(limiter);
	limiter_rank_all(limiter);
	limiter_grant_all(limiter);
}

void
limiter_hold_host(struct limiter *limiter, const char *name, int64_t until_us)
{
	struct limiter_host *host;

	if (name == NULL || limiter->pace.step_us == 0)
		return;
	host = limiter_meet_host(limiter, name);
	if (until_us > host->closed_until_us)
		host->closed_until_us = until_us;
	limiter_rank_host(limiter, host);
	limiter_set_timer(limiter);
}
