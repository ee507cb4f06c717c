#include "daemon/vital_signs.h"

#include <stdint.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "daemon/usage.h"
#include "publish/metrics/vitals.h"

#define BEAT_US INT64_C(1000000)

struct vital_signs {
	struct event *beat; /* owned */
	int64_t due_us;     /* the next one, on clock_now_us() */

	int64_t lag_us;
	int64_t max_lag_us;
	int64_t lag_sum_us;
	uint64_t lag_count;

	int64_t started_at_ms; /* wall times */
	int64_t config_at_ms;
	uint64_t reloads;
	uint64_t failed_reloads;
	bool reload_failed; /* the last one */
};

/* ---- the loop's lag ---- */

static void
plan(struct vital_signs *signs)
{
	const struct timeval wait = clock_timeval(BEAT_US);

	signs->due_us = clock_now_us() + BEAT_US;
	event_add(signs->beat, &wait);
}

static void
on_beat(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct vital_signs *signs = arg;
	int64_t late_us = clock_now_us() - signs->due_us;

	/* libevent's clock may be a little before ours. */
	signs->lag_us = late_us > 0 ? late_us : 0;
	if (signs->lag_us > signs->max_lag_us)
		signs->max_lag_us = signs->lag_us;
	signs->lag_sum_us += signs->lag_us;
	signs->lag_count++;
	plan(signs);
}

void
vital_signs_beat(struct vital_signs *signs, bool beats)
{
	if (!beats)
		event_del(signs->beat);
	else if (!evtimer_pending(signs->beat, NULL))
		plan(signs);
}

/* ---- the rest ---- */

void
vital_signs_reloaded(struct vital_signs *signs, bool in_force)
{
	signs->reload_failed = !in_force;
	if (in_force) {
		signs->config_at_ms = clock_wall_ms();
		signs->reloads++;
	} else {
		signs->failed_reloads++;
	}
}

void
vital_signs_see(struct vital_signs *signs, struct vitals *vitals)
{
	vitals->started_at_ms = signs->started_at_ms;
	vitals->config_at_ms = signs->config_at_ms;
	vitals->reloads = signs->reloads;
	vitals->failed_reloads = signs->failed_reloads;
	vitals->reload_failed = signs->reload_failed;
	vitals->lag_us = signs->lag_us;
	vitals->max_lag_us = signs->max_lag_us;
	vitals->lag_sum_us = signs->lag_sum_us;
	vitals->lag_count = signs->lag_count;
	signs->max_lag_us = signs->lag_us;
	usage_see(vitals);
}

struct vital_signs *
vital_signs_new(struct event_base *base)
{
	struct vital_signs *signs = xcalloc(1, sizeof(*signs));

	signs->started_at_ms = clock_wall_ms();
	signs->config_at_ms = signs->started_at_ms;
	signs->beat = evtimer_new(base, on_beat, signs);
	if (signs->beat != NULL)
		return signs;
	free(signs);
	return NULL;
}

void
vital_signs_free(struct vital_signs *signs)
{
	if (signs == NULL)
		return;
	event_free(signs->beat);
	free(signs);
}
