/*
 * libevent's timers on a clock turned by hand, in the place of its own event_add(3): for what
 * only waits. To be included by one file of a test.
 *
 * A test turns its clock and has the timers ring that are due by then, the first one first.
 */
#ifndef GATHERD_TESTS_UNIT_FAKE_TIMERS_H
#define GATHERD_TESTS_UNIT_FAKE_TIMERS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"

struct fake_timer {
	struct event *event;
	int64_t at_us;
	uint64_t sequence; /* of those for the same time, the first set rings first */
};

static struct {
	struct clock_source clock;
	struct fake_timer *items;
	size_t count;
	size_t capacity;
	uint64_t sequence;
} fake_timers;

/* None is set, from now on by CLOCK. */
UNUSED static void
fake_timers_begin(struct clock_source clock)
{
	fake_timers.clock = clock;
	fake_timers.count = 0;
}

/* None may be set any more. */
UNUSED static void
fake_timers_end(void)
{
	assert(fake_timers.count == 0);
	free(fake_timers.items);
	fake_timers.items = NULL;
	fake_timers.capacity = 0;
}

static void
fake_timers_drop(const struct event *event)
{
	for (size_t i = 0; i < fake_timers.count; i++) {
		if (fake_timers.items[i].event != event)
			continue;
		fake_timers.items[i] = fake_timers.items[--fake_timers.count];
		return;
	}
}

/* The one that rings first, or NULL. */
static const struct fake_timer *
fake_timers_first(void)
{
	const struct fake_timer *first = NULL;

	for (size_t i = 0; i < fake_timers.count; i++) {
		const struct fake_timer *timer = &fake_timers.items[i];

		if (first == NULL || timer->at_us < first->at_us ||
		    (timer->at_us == first->at_us && timer->sequence < first->sequence))
			first = timer;
	}
	return first;
}

/* When that is; INT64_MAX: none is set. */
UNUSED static int64_t
fake_timers_next_us(void)
{
	const struct fake_timer *first = fake_timers_first();

	return first != NULL ? first->at_us : INT64_MAX;
}

/* All that are due, and those that they set for now. */
UNUSED static void
fake_timers_ring(void)
{
	int64_t now_us = fake_timers.clock.now_us(fake_timers.clock.arg);
	const struct fake_timer *first;

	while ((first = fake_timers_first()) != NULL && first->at_us <= now_us) {
		struct event *event = first->event;

		fake_timers_drop(event);
		event_get_callback(event)(
		    -1, EV_TIMEOUT, event_get_callback_arg(event));
	}
}

int
event_add(struct event *event, const struct timeval *delay)
{
	int64_t now_us = fake_timers.clock.now_us(fake_timers.clock.arg);

	assert(delay != NULL);
	fake_timers_drop(event);
	if (fake_timers.count == fake_timers.capacity) {
		fake_timers.capacity = 2 * fake_timers.capacity + 16;
		fake_timers.items = xreallocarray(fake_timers.items,
		    fake_timers.capacity, sizeof(*fake_timers.items));
	}
	fake_timers.items[fake_timers.count++] = (struct fake_timer){
		.event = event,
		.at_us = now_us + (int64_t)delay->tv_sec * 1000000 + delay->tv_usec,
		.sequence = fake_timers.sequence++,
	};
	return 0;
}

int
event_del(struct event *event)
{
	fake_timers_drop(event);
	return 0;
}

void
event_free(struct event *event)
{
	fake_timers_drop(event);
	free(event);
}

#endif
