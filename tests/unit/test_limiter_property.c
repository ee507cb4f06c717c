/*
 * What holds for tickets whatever happens: random asks, gives back, steps of the clock,
 * holds and limits that change, against the plainest model there is: one list, walked from
 * its start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "chance.h"
#include "fake_timers.h"
#include "gather/limiter.h"

#define SCENARIOS 3000
#define STEPS     120
#define WAITERS   24
#define HOSTS     5 /* the first one has no name */

#define SECOND ((int64_t)1000000)

static const char *const hosts[HOSTS] = { NULL, "http://a:80", "http://b:80",
	"https://a:443", "http://c:80" };

/* ---- the model ---- */

enum model_state {
	OUTSIDE,
	WAITING,
	HOLDING,
};

struct model_waiter {
	enum model_state state;
	size_t host;
	uint64_t number;
};

struct model_host {
	int64_t owed_us; /* the time in which all that was used up comes again */
	int64_t closed_until_us;
};

struct model {
	struct model_waiter waiters[WAITERS];
	struct model_host hosts[HOSTS];
	uint64_t number;
	size_t max_concurrent;
	size_t max_per_host;
	int64_t step_us; /* 0: no rate */
	double burst;    /* in steps */
};

/* ---- both, side by side ---- */

struct scenario {
	struct event_base *base;
	struct limiter *limiter;
	struct clock_source clock;
	int64_t now_us;
	struct limiter_ticket tickets[WAITERS];
	struct model model;
	/* Who was granted one, in order, since the last step: by each. */
	size_t granted[WAITERS], expected[WAITERS];
	size_t granted_count, expected_count;
};

static struct scenario s;

static int64_t
now_us(UNUSED void *arg)
{
	return s.now_us;
}

static size_t
count_of(enum model_state state, size_t host)
{
	size_t count = 0;

	for (size_t i = 0; i < WAITERS; i++) {
		const struct model_waiter *waiter = &s.model.waiters[i];

		if (waiter->state == state && (host == HOSTS || waiter->host == host))
			count++;
	}
	return count;
}

static bool
model_may_start(size_t host)
{
	const struct model *model = &s.model;
	const struct model_host *at = &model->hosts[host];

	if (count_of(HOLDING, HOSTS) >= model->max_concurrent)
		return false;
	if (host == 0)
		return true;
	if (model->max_per_host > 0 && count_of(HOLDING, host) >= model->max_per_host)
		return false;
	if (model->step_us == 0)
		return true;
	return at->closed_until_us <= s.now_us &&
	    (double)at->owed_us <= (model->burst - 1) * (double)model->step_us;
}

/* The one that came first of those who may start, or WAITERS. */
static size_t
model_next(void)
{
	size_t next = WAITERS;

	for (size_t i = 0; i < WAITERS; i++) {
		const struct model_waiter *waiter = &s.model.waiters[i];

		if (waiter->state == WAITING && model_may_start(waiter->host) &&
		    (next == WAITERS || waiter->number < s.model.waiters[next].number))
			next = i;
	}
	return next;
}

static void
model_grant(void)
{
	size_t next;

	while ((next = model_next()) != WAITERS) {
		struct model_waiter *waiter = &s.model.waiters[next];

		waiter->state = HOLDING;
		s.model.hosts[waiter->host].owed_us += s.model.step_us;
		s.expected[s.expected_count++] = next;
	}
}

static void
model_pass(int64_t us)
{
	s.now_us += us;
	for (size_t i = 0; i < HOSTS; i++) {
		int64_t *owed_us = &s.model.hosts[i].owed_us;

		*owed_us = *owed_us > us ? *owed_us - us : 0;
	}
}

static void
model_limit(size_t max_per_host, int64_t step_us, double burst)
{
	struct model *model = &s.model;

	for (size_t i = 0; i < HOSTS; i++) {
		struct model_host *host = &model->hosts[i];
		double owed_us, most_us = burst * (double)step_us;

		if (step_us == 0 || model->step_us == 0) {
			*host = (struct model_host){ 0 };
			continue;
		}
		owed_us =
		    (double)host->owed_us * (double)step_us / (double)model->step_us;
		host->owed_us = (int64_t)(owed_us < most_us ? owed_us : most_us);
	}
	model->max_per_host = max_per_host;
	model->step_us = step_us;
	model->burst = burst;
}

/* ---- what may happen ---- */

static void
on_granted(struct limiter_ticket *ticket, UNUSED void *arg)
{
	s.granted[s.granted_count++] = (size_t)(ticket - s.tickets);
}

static void
ask(size_t i)
{
	struct model_waiter *waiter = &s.model.waiters[i];

	waiter->state = WAITING;
	waiter->host = (size_t)between(0, HOSTS - 1);
	waiter->number = ++s.model.number;
	limiter_ask(s.limiter, &s.tickets[i], hosts[waiter->host], on_granted, NULL);
}

static void
ask_or_give_back(void)
{
	size_t i = (size_t)between(0, WAITERS - 1);

	if (s.model.waiters[i].state == OUTSIDE) {
		ask(i);
		return;
	}
	s.model.waiters[i].state = OUTSIDE;
	limiter_give_back(s.limiter, &s.tickets[i]);
}

static void
change_limits(void)
{
	/* With steps of whole microseconds, so that nothing is rounded. */
	static const double rates[] = { 0, 0, 0.5, 1, 2, 2.5, 10, 50 };
	const struct limiter_host_limits limits = {
		.max_concurrent = one_in(2) ? 0 : (size_t)between(1, 4),
		.starts_per_s = rates[between(0, ARRAY_COUNT(rates) - 1)],
	};
	double rate = limits.starts_per_s;

	model_limit(limits.max_concurrent, rate > 0 ? (int64_t)(1e6 / rate) : 0,
	    rate > 1 ? rate : 1);
	limiter_limit_hosts(s.limiter, s.base, &s.clock, &limits);
}

static void
change_max(void)
{
	s.model.max_concurrent = (size_t)between(0, 8);
	limiter_set_max(s.limiter, s.model.max_concurrent);
}

static void
hold_host(void)
{
	size_t host = (size_t)between(0, HOSTS - 1);
	int64_t until_us = s.now_us + between(-1, 3) * SECOND / 2;
	int64_t *closed = &s.model.hosts[host].closed_until_us;

	if (s.model.step_us > 0 && host > 0 && *closed < until_us)
		*closed = until_us;
	limiter_hold_host(s.limiter, hosts[host], until_us);
}

/* So far that something may happen on the way, but then no further. */
static void
pass(void)
{
	int64_t us = one_in(3) ? between(0, 10) * 100000 : between(0, 300000);
	int64_t until_us = s.now_us + us;

	while (fake_timers_next_us() <= until_us) {
		model_pass(fake_timers_next_us() - s.now_us);
		model_grant();
		fake_timers_ring();
	}
	model_pass(until_us - s.now_us);
}

static void
do_something(void)
{
	s.granted_count = s.expected_count = 0;
	switch (between(0, 19)) {
	case 0:
		change_limits();
		break;
	case 1:
		change_max();
		break;
	case 2:
		hold_host();
		break;
	case 3:
	case 4:
	case 5:
		pass();
		break;
	default:
		ask_or_give_back();
		break;
	}
	model_grant();
}

static void
check(void)
{
	HOLDS(s.granted_count == s.expected_count);
	HOLDS(
	    memcmp(s.granted, s.expected, s.granted_count * sizeof(s.granted[0])) == 0);
	HOLDS(limiter_held(s.limiter) == count_of(HOLDING, HOSTS));
	HOLDS(limiter_waiting(s.limiter) == count_of(WAITING, HOSTS));
	HOLDS(limiter_hosts(s.limiter) < HOSTS);
}

/* Who would have to wait is told why, and nobody else. */
static void
check_why(void)
{
	size_t host = (size_t)between(0, HOSTS - 1);
	char *why = limiter_why_waiting(s.limiter, hosts[host]);

	HOLDS((why == NULL) == model_may_start(host));
	free(why);
}

static void
tickets_go_as_in_the_model(void)
{
	struct event_base *base = s.base;

	s = (struct scenario){ .base = base };
	s.now_us = 1000 * SECOND;
	s.clock = (struct clock_source){ .now_us = now_us };
	fake_timers_begin(s.clock);
	s.model.max_concurrent = (size_t)between(1, 8);
	s.limiter = limiter_new(s.model.max_concurrent);
	if (!one_in(4))
		change_limits();
	for (int step = 0; step < STEPS; step++) {
		do_something();
		check();
		check_why();
	}
	limiter_free(s.limiter);
	fake_timers_end();
}

static void
test_tickets_go_as_in_the_plainest_model(UNUSED void **state)
{
	s.base = event_base_new();
	run_scenarios(tickets_go_as_in_the_model);
	event_base_free(s.base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets_go_as_in_the_plainest_model),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
