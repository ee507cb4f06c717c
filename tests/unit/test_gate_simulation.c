/*
 * How well a gate does: 400 requests wait for an upstream that rejects at once what is above
 * its capacity, in a time of events that is turned from one to the next. Whatever capacity it
 * has, of which nobody tells, all are served in little more time than by the best of all fixed
 * limits, and few are rejected.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/heap.h"
#include "fake_timers.h"
#include "gather/gate.h"
#include "gather/limiter.h"
#include "valgrind.h"

#define SEEDS    20
#define REQUESTS 400
#define MAX      50 /* what the user allows */

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

#define NO_CAPACITY REQUESTS

/* What is asked of an adaptive gate. */
#define WORST_RATIO     1.25 /* of its time and that of the best fixed limit */
#define MOST_REJECTIONS 30

/* An answer takes 1 s, more or less up to a half; a rejection takes a packet's way. */
#define ANSWER_FROM_US (SECOND / 2)
#define ANSWER_TO_US   (3 * SECOND / 2)
#define REJECTION_US   (5 * MS)

/* Who was rejected waits for a time drawn from [0, this doubled with each rejection). */
#define BACKOFF_US     (SECOND / 2)
#define MAX_BACKOFF_US (60 * SECOND)

struct request {
	struct limiter_ticket ticket;
	struct heap_node next; /* when what it waits for happens */
	enum {
		QUEUED,
		BEING_SERVED,
		BEING_REJECTED,
		BACKING_OFF,
		SERVED
	} state;
	int64_t answer_us; /* that it takes to be served */
	int64_t backoff_us;
};

struct simulation {
	struct event_base *base;
	struct limiter *limiter;
	struct gate *gate;
	struct heap coming;
	int64_t now_us;
	unsigned short chance[3]; /* of erand48(3) */
	size_t capacity;          /* of the upstream */
	size_t being_served;
	size_t served;
	struct request requests[REQUESTS];
};

/* What came of it. */
struct result {
	double took_s;
	uint64_t rejections;
	size_t served;
};

static struct simulation sim;

static int64_t
now_us(UNUSED void *arg)
{
	return sim.now_us;
}

/* From [0, 1). */
static double
drawn(void)
{
	return erand48(sim.chance);
}

static struct request *
request_of(struct heap_node *node)
{
	return (struct request *)((char *)node - offsetof(struct request, next));
}

static void
happens_in(struct request *request, int64_t us)
{
	heap_add(&sim.coming, &request->next, sim.now_us + us);
}

/* ---- a request's way ---- */

/* It reaches the upstream. */
static void
on_granted(UNUSED struct limiter_ticket *ticket, void *arg)
{
	struct request *request = arg;

	if (sim.being_served == sim.capacity) {
		request->state = BEING_REJECTED;
		happens_in(request, REJECTION_US);
		return;
	}
	sim.being_served++;
	request->state = BEING_SERVED;
	happens_in(request, request->answer_us);
}

static void
queue(struct request *request)
{
	request->state = QUEUED;
	limiter_ask(sim.limiter, &request->ticket, "up", sim.gate, on_granted, request);
}

static void
be_served(struct request *request)
{
	sim.being_served--;
	sim.served++;
	request->state = SERVED;
	gate_succeeded(sim.gate, &request->ticket.admission);
	limiter_give_back(sim.limiter, &request->ticket);
}

static void
back_off(struct request *request)
{
	request->state = BACKING_OFF;
	gate_pushed_back(sim.gate, &request->ticket.admission, -1, sim.now_us, drawn());
	limiter_give_back(sim.limiter, &request->ticket);
	happens_in(request, (int64_t)(drawn() * (double)request->backoff_us));
	if (request->backoff_us < MAX_BACKOFF_US)
		request->backoff_us *= 2;
}

static void
go_on(struct request *request)
{
	switch (request->state) {
	case BEING_SERVED:
		be_served(request);
		break;
	case BEING_REJECTED:
		back_off(request);
		break;
	case BACKING_OFF:
		queue(request);
		break;
	case QUEUED:
	case SERVED:
		fail();
	}
}

/* ---- the whole ---- */

/* What comes next, by the heap or the limiter's timer. */
static bool
step(void)
{
	struct heap_node *next = heap_first(&sim.coming);
	int64_t timer_us = fake_timers_next_us();

	if (next == NULL && timer_us == INT64_MAX)
		return false;
	if (next == NULL || timer_us < next->key) {
		sim.now_us = timer_us;
		fake_timers_ring();
		return true;
	}
	sim.now_us = next->key;
	heap_remove(&sim.coming, next);
	go_on(request_of(next));
	return true;
}

static void
begin(unsigned short seed, size_t capacity, const struct gate_limits *limits)
{
	struct clock_source clock = { .now_us = now_us };

	sim = (struct simulation){
		.base = sim.base,
		.chance = { seed, 1, 2 },
		.capacity = capacity,
	};
	fake_timers_begin(clock);
	sim.limiter = limiter_new(REQUESTS);
	sim.gate = gate_new(limits);
	limiter_limit_hosts(
	    sim.limiter, sim.base, &clock, &(const struct limiter_host_limits){ 0 });
}

static struct result
end(void)
{
	struct result result = {
		.took_s = (double)sim.now_us / (double)SECOND,
		.served = sim.served,
	};
	struct gate_facts facts;

	gate_see(sim.gate, sim.now_us, &facts);
	result.rejections = facts.rejections;
	limiter_free(sim.limiter);
	gate_free(sim.gate);
	heap_clear(&sim.coming);
	fake_timers_end();
	return result;
}

/* The same seed, the same requests: what differs is how they are let in. */
static void
make_requests(void)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		sim.requests[i].answer_us = ANSWER_FROM_US +
		    (int64_t)(drawn() * (double)(ANSWER_TO_US - ANSWER_FROM_US));
		sim.requests[i].backoff_us = BACKOFF_US;
	}
}

static struct result
simulate(unsigned short seed, size_t capacity, const struct gate_limits *limits)
{
	begin(seed, capacity, limits);
	make_requests();
	for (size_t i = 0; i < REQUESTS; i++)
		queue(&sim.requests[i]);
	while (step())
		assert_true(sim.being_served <= sim.capacity);
	return end();
}

static double
best_fixed_s(unsigned short seed, size_t capacity)
{
	struct gate_limits limits = { .adaptive = false };
	double best_s = HUGE_VAL;

	for (limits.max = 1; limits.max <= MAX; limits.max++)
		best_s = fmin(best_s, simulate(seed, capacity, &limits).took_s);
	return best_s;
}

/* ---- the numbers ---- */

/* The seeds are always the same: these are numbers, not a property. */
static unsigned short
seed_count(void)
{
	return is_under_valgrind() ? 1 : SEEDS;
}

static void
check_adaptive(size_t capacity)
{
	const struct gate_limits limits = { .max = MAX, .adaptive = true };
	double worst = 0;
	uint64_t most_rejections = 0;

	for (unsigned short seed = 1; seed <= seed_count(); seed++) {
		struct result result = simulate(seed, capacity, &limits);
		double ratio = result.took_s / best_fixed_s(seed, capacity);

		assert_true(result.served == REQUESTS);
		assert_true(result.rejections <= MOST_REJECTIONS);
		assert_true(ratio <= WORST_RATIO);
		worst = fmax(worst, ratio);
		if (result.rejections > most_rejections)
			most_rejections = result.rejections;
	}
	print_message("at most %.3f times as long, %llu rejected\n", worst,
	    (unsigned long long)most_rejections);
}

static void
test_it_finds_a_small_capacity(UNUSED void **state)
{
	check_adaptive(10);
}

static void
test_it_finds_a_large_capacity(UNUSED void **state)
{
	check_adaptive(40);
}

static void
test_it_takes_all_it_may_where_there_is_no_limit(UNUSED void **state)
{
	check_adaptive(NO_CAPACITY);
}

/* Without this, the rest would say little. */
static void
test_a_fixed_limit_above_the_capacity_is_rejected_over_and_over(UNUSED void **state)
{
	const struct gate_limits limits = { .max = MAX, .adaptive = false };

	for (unsigned short seed = 1; seed <= seed_count(); seed++) {
		struct result result = simulate(seed, 10, &limits);

		assert_true(result.served == REQUESTS);
		assert_true(result.rejections > 2000);
	}
}

static int
set_up(UNUSED void **state)
{
	sim.base = event_base_new();
	return 0;
}

static int
tear_down(UNUSED void **state)
{
	event_base_free(sim.base);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_finds_a_small_capacity),
		cmocka_unit_test(test_it_finds_a_large_capacity),
		cmocka_unit_test(test_it_takes_all_it_may_where_there_is_no_limit),
		cmocka_unit_test(
		    test_a_fixed_limit_above_the_capacity_is_rejected_over_and_over),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
