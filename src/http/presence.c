#include "http/presence.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"

#define US_PER_MS INT64_C(1000)

#define TICK_US      (PRESENCE_TICK_MS * US_PER_MS)
#define TOLERANCE_US (PRESENCE_TOLERANCE_MS * US_PER_MS)

struct presence {
	struct clock_source clock;
	struct event tick; /* in the loop while there are watchers */
	unsigned watchers;
	int64_t away_us;
	int64_t seen_us; /* it was there, last; in the time lived, as all below */
};

static int64_t
lived_us(const struct presence *presence)
{
	return presence->clock.now_us(presence->clock.arg) - presence->away_us;
}

/*
 * A timer is or was to fire at DUE_US. If it is late, the program was away: at least since
 * then, and at most since it was last seen. It may have left in between, and so has been
 * away for as long again; not for longer, or a machine that is late with everything would
 * never come to a deadline.
 */
static void
judge(struct presence *presence, int64_t due_us)
{
	int64_t now_us = lived_us(presence);
	int64_t late_us = now_us - due_us;
	int64_t unseen_us = now_us - presence->seen_us;
	int64_t away_us = 2 * late_us < unseen_us ? 2 * late_us : unseen_us;

	if (late_us <= TOLERANCE_US)
		return;
	presence->away_us += away_us;
	presence->seen_us = now_us - away_us;
}

static void
arm_tick(struct presence *presence)
{
	static const struct timeval tick = {
		.tv_sec = PRESENCE_TICK_MS / 1000,
		.tv_usec = PRESENCE_TICK_MS % 1000 * US_PER_MS,
	};

	presence->seen_us = lived_us(presence);
	evtimer_add(&presence->tick, &tick);
}

static void
on_tick(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct presence *presence = arg;

	judge(presence, presence->seen_us + TICK_US);
	arm_tick(presence);
}

struct presence *
presence_new(struct event_base *base, const struct clock_source *clock)
{
	struct presence *presence = xcalloc(1, sizeof(*presence));

	presence->clock = clock != NULL ? *clock : clock_system;
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
		arm_tick(presence);
}

void
presence_unwatch(struct presence *presence)
{
	assert(presence->watchers > 0);
	/* He may go on to wait for something else by the same deadline. */
	judge(presence, presence->seen_us + TICK_US);
	if (--presence->watchers == 0)
		evtimer_del(&presence->tick);
}

int64_t
presence_now_us(struct presence *presence)
{
	if (presence->watchers > 0)
		judge(presence, presence->seen_us + TICK_US);
	return lived_us(presence);
}

int64_t
presence_fired(struct presence *presence, int64_t due_us)
{
	judge(presence, presence->seen_us + TICK_US);
	judge(presence, due_us);
	return lived_us(presence);
}

int64_t
presence_away_us(const struct presence *presence)
{
	return presence->away_us;
}
