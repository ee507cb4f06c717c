/*
 * The timer of a round, for tests that ring it themselves.
 */
#ifndef GATHERD_TESTS_UNIT_ROUND_TIMER_H
#define GATHERD_TESTS_UNIT_ROUND_TIMER_H

#include <stdint.h>

#include <event2/event.h>

#include "base/compiler.h"

struct round;

struct round_timer_search {
	const struct round *round;
	struct event *found;
};

static int
round_timer_look_at(
    UNUSED const struct event_base *base, const struct event *event, void *arg)
{
	struct round_timer_search *search = arg;

	if (event_get_callback_arg(event) != search->round)
		return 0;
	search->found = (struct event *)(uintptr_t)event;
	return 1;
}

/* The timer of ROUND in BASE, or NULL where it is not set. */
UNUSED static struct event *
round_timer(struct event_base *base, const struct round *round)
{
	struct round_timer_search search = { .round = round, .found = NULL };

	event_base_foreach_event(base, round_timer_look_at, &search);
	return search.found;
}

#endif
