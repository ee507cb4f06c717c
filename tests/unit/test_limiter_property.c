/*
 * What holds for tickets whatever happens: random asks, gives back, steps of the clock,
 * holds, limits that change and gates that learn, against the plainest model there is: one
 * list, walked from its start. Of each gate there are two, the limiter's and the model's, that
 * are told the same.
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
#include "gather/gate.h"
#include "gather/limiter.h"

#define SCENARIOS 3000
#define STEPS     120
#define WAITERS   24
#define HOSTS     5 /* the first one has no name */
#define GATES     6 /* the first one is none */

#define SECOND ((int64_t)1000000)

static const char *const hosts[HOSTS] = { NULL, "http://a:80", "http://b:80",
	"https://a:443", "http://c:80" };

/* Of all gates but the first, the host that is behind each. */
static const size_t host_behind[GATES] = { 0, 0, 1, 1, 2, 3 };

/* ---- the model ---- */

enum model_state {
	OUTSIDE,
	WAITING,
	HOLDING,
};

struct model_waiter {
	enum model_state state;
	size_t host;
	size_t gate;
	uint64_t number;
	struct gate_admission admission;
};

struct model_host {
	int64_t owed_us; /* the time in which all that was used up comes again */
	int64_t closed_until_us;
};

struct model {
	struct model_waiter waiters[WAITERS];
	struct model_host hosts[HOSTS];
	struct gate *gates[GATES];
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
	struct gate *gates[GATES];
	struct clock_source clock;
	bool has_clock; /* the limiter does */
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
model_host_allows(size_t host)
{
	const struct model *model = &s.model;
	const struct model_host *at = &model->hosts[host];

	if (host == 0)
		return true;
	if (model->max_per_host > 0 && count_of(HOLDING, host) >= model->max_per_host)
		return false;
	if (model->step_us == 0)
		return true;
	return at->closed_until_us <= s.now_us &&
	    (double)at->owed_us <= (model->burst - 1) * (double)model->step_us;
}

static bool
model_may_start(size_t host, size_t gate)
{
	const struct gate *its = s.model.gates[gate];

	return count_of(HOLDING, HOSTS) < s.model.max_concurrent &&
	    model_host_allows(host) &&
	    (its == NULL || gate_next_us(its, s.now_us) == INT64_MIN);
}

/* The one that came first of those who may start, or WAITERS. */
static size_t
model_next(void)
{
	size_t next = WAITERS;

	for (size_t i = 0; i < WAITERS; i++) {
		const struct model_waiter *waiter = &s.model.waiters[i];

		if (waiter->state == WAITING &&
		    model_may_start(waiter->host, waiter->gate) &&
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
		if (waiter->gate > 0)
			waiter->admission =
			    gate_enter(s.model.gates[waiter->gate], s.now_us);
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
	waiter->gate = s.has_clock && one_in(2) ? (size_t)between(1, GATES - 1) : 0;
	waiter->host = waiter->gate > 0 ? host_behind[waiter->gate]
	                                : (size_t)between(0, HOSTS - 1);
	waiter->number = ++s.model.number;
	limiter_ask(s.limiter, &s.tickets[i], hosts[waiter->host],
	    s.gates[waiter->gate], on_granted, NULL);
}

/* How it went for the one who holds ticket I. */
static void
tell_gates(size_t i)
{
	struct gate *gate = s.gates[s.model.waiters[i].gate];
	struct gate *models = s.model.gates[s.model.waiters[i].gate];
	const struct gate_admission *admission = &s.tickets[i].admission;
	const struct gate_admission *in_model = &s.model.waiters[i].admission;
	int64_t wait_us = one_in(2) ? -1 : between(1, 30) * SECOND / 10;

	HOLDS(admission->number == in_model->number);
	HOLDS(admission->in_flight == in_model->in_flight);
	if (!one_in(4)) {
		gate_succeeded(gate, admission);
		gate_succeeded(models, in_model);
	} else if (!one_in(4)) {
		gate_pushed_back(gate, admission, wait_us, s.now_us, 0.5);
		gate_pushed_back(models, in_model, wait_us, s.now_us, 0.5);
	}
}

static void
give_back(size_t i)
{
	struct model_waiter *waiter = &s.model.waiters[i];

	if (waiter->state == HOLDING && waiter->gate > 0) {
		tell_gates(i);
		gate_leave(s.model.gates[waiter->gate], &waiter->admission, s.now_us);
	}
	waiter->state = OUTSIDE;
	limiter_give_back(s.limiter, &s.tickets[i]);
}

static void
ask_or_give_back(void)
{
	size_t i = (size_t)between(0, WAITERS - 1);

	if (s.model.waiters[i].state == OUTSIDE)
		ask(i);
	else
		give_back(i);
}

static struct gate_limits
gate_limits_by_chance(void)
{
	return (struct gate_limits){
		.max = (size_t)between(1, 6),
		.adaptive = one_in(2),
		.starts_per_s = one_in(2) ? 0 : (double)between(1, 20),
	};
}

static void
change_gate(void)
{
	const struct gate_limits limits = gate_limits_by_chance();
	size_t i = (size_t)between(1, GATES - 1);

	gate_set_limits(s.gates[i], &limits, s.now_us);
	gate_set_limits(s.model.gates[i], &limits, s.now_us);
	limiter_gate_changed(s.limiter, s.gates[i]);
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
	s.has_clock = true;
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
		change_gate();
		break;
	case 4:
	case 5:
	case 6:
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
	size_t gate = s.has_clock ? (size_t)between(0, GATES - 1) : 0;
	size_t host = gate > 0 ? host_behind[gate] : (size_t)between(0, HOSTS - 1);
	char *why = limiter_why_waiting(s.limiter, hosts[host], s.gates[gate]);

	HOLDS((why == NULL) == model_may_start(host, gate));
	free(why);
}

static void
make_gates(void)
{
	for (size_t i = 1; i < GATES; i++) {
		const struct gate_limits limits = gate_limits_by_chance();

		s.gates[i] = gate_new(&limits);
		s.model.gates[i] = gate_new(&limits);
	}
}

static void
free_gates(void)
{
	for (size_t i = 1; i < GATES; i++) {
		gate_free(s.gates[i]);
		gate_free(s.model.gates[i]);
	}
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
	make_gates();
	if (!one_in(4))
		change_limits();
	for (int step = 0; step < STEPS; step++) {
		do_something();
		check();
		check_why();
	}
	limiter_free(s.limiter);
	free_gates();
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
