#include "http/presence.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"

#define US_PER_MS INT64_C(1000)

#define TICK_US       (PRESENCE_TICK_MS * US_PER_MS)
#define TOLERANCE_US  (PRESENCE_TOLERANCE_MS * US_PER_MS)
#define MAX_CREDIT_US (PRESENCE_CREDIT_TICKS * TICK_US)

struct presence {
	struct clock_source clock;
	struct event tick; /* in the loop while there are watchers */
	unsigned watchers;
	int64_t away_us;
	int64_t credit_us; /* pays for doubts: a tick each */
	int64_t seen_us;   /* it was there, last; in the time lived, as below */
	int64_t tick_us;   /* when the tick is to fire */
};

static int64_t
lived_us(const struct presence *presence)
{
	return presence->clock.now_us(presence->clock.arg) - presence->away_us;
}

/*
 * The time lived, at a moment by which a timer for DUE_US has fired or has yet to. Where
 * it is late, the program was away at least since then. It may have left before, at any
 * time since it was last seen: that doubt is in its favour as long as it has credit.
 */
static int64_t
judge(struct presence *presence, int64_t due_us)
{
	int64_t now_us = lived_us(presence);
	int64_t since_us = due_us > presence->seen_us ? due_us : presence->seen_us;

	if (now_us - since_us <= TOLERANCE_US) {
		presence->credit_us += now_us - presence->seen_us;
		if (presence->credit_us > MAX_CREDIT_US)
			presence->credit_us = MAX_CREDIT_US;
	} else {
		if (since_us > presence->seen_us && presence->credit_us >= TICK_US) {
			presence->credit_us -= TICK_US;
			since_us = presence->seen_us;
		}
		presence->away_us += now_us - since_us;
		now_us = since_us;
	}
	/* Who asks is there; and what he was told holds, so that time never goes back. */
	presence->seen_us = now_us;
	return now_us;
}

static void
arm_tick(struct presence *presence, int64_t now_us)
{
	static const struct timeval tick = {
		.tv_sec = PRESENCE_TICK_MS / 1000,
		.tv_usec = PRESENCE_TICK_MS % 1000 * US_PER_MS,
	};

	presence->seen_us = now_us;
	presence->tick_us = now_us + TICK_US;
	evtimer_add(&presence->tick, &tick);
}

static void
on_tick(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct presence *presence = arg;

	arm_tick(presence, judge(presence, presence->tick_us));
}

struct presence *
presence_new(struct event_base *base, const struct clock_source *clock)
{
	struct presence *presence = xcalloc(1, sizeof(*presence));

	presence->clock = clock != NULL ? *clock : clock_system;
	presence->credit_us = MAX_CREDIT_US;
	evtimer_assign(&presence->tick, base, on_tick, presence);
	return presence;
}

void
presence_free(struct presence *presence)
{
	if (presence == NULL)
		return;
	evtimer_del(&presence->tick);
	free(presence);
}

void
presence_watch(struct presence *presence)
{
	if (presence->watchers++ == 0)
		arm_tick(presence, lived_us(presence));
}

void
presence_unwatch(struct presence *presence)
{
	assert(presence->watchers > 0);
	/* He may go on to wait for something else by the same deadline. */
	judge(presence, presence->tick_us);
	if (--presence->watchers == 0)
		evtimer_del(&presence->tick);
}

int64_t
presence_now_us(struct presence *presence)
{
	return presence->watchers > 0 ? judge(presence, presence->tick_us)
	                              : lived_us(presence);
}

int64_t
presence_fired(struct presence *presence, int64_t due_us)
{
	assert(presence->watchers > 0);
	return judge(presence, due_us < presence->tick_us ? due_us : presence->tick_us);
}

int64_t
presence_away_us(const struct presence *presence)
{
	return presence->away_us;
}
