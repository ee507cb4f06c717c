/*
 * Three targets, one ticket, and the outcomes as they come; timers ring on the same clock as
 * http reports. To be included by one file of a test, behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_TURN_STAGE_H
#define GATHERD_TESTS_UNIT_TURN_STAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "fake_timers.h"
#include "gather/limiter.h"
#include "gather/turn.h"

#define COUNT 3

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

struct fixture {
	struct event_base *base;
	struct config *config;
	struct fake_http *http;
	struct limiter *limiter;
	struct turn_context context;
	struct outcome outcomes[COUNT];
	struct turn_findings findings[COUNT];
	unsigned reports[COUNT];
	double chance; /* what is drawn */
};

static double
drawn(void *arg)
{
	const struct fixture *f = arg;

	return f->chance;
}

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->base = event_base_new();
	f->config = fake_config_new(COUNT);
	f->http = fake_http_new(COUNT);
	f->limiter = limiter_new(1);
	f->context = (struct turn_context){
		.config = f->config,
		.limiter = f->limiter,
		.http = fake_http_client(f->http),
		.clock = fake_http_clock(f->http),
		.base = f->base,
		.draw = drawn,
		.draw_arg = f,
	};
	f->chance = 0.5;
	fake_timers_begin(f->context.clock);
	for (size_t i = 0; i < COUNT; i++)
		outcome_init(&f->outcomes[i]);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT; i++)
		outcome_clear(&f->outcomes[i]);
	assert_int_equal(limiter_held(f->limiter), 0);
	assert_int_equal(limiter_waiting(f->limiter), 0);
	limiter_free(f->limiter);
	fake_timers_end();
	fake_http_free(f->http);
	fake_config_free(f->config);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void
on_done(const struct target *target, struct outcome *outcome,
    const struct turn_findings *findings, void *arg)
{
	struct fixture *f = arg;

	f->reports[target->index]++;
	f->findings[target->index] = *findings;
	outcome_clear(&f->outcomes[target->index]);
	f->outcomes[target->index] = *outcome;
	outcome_init(outcome);
}

static struct turn *
start(struct fixture *f, size_t index)
{
	return turn_start(&f->context, f->config->targets[index], on_done, f);
}

/* Let so much time pass, a millisecond after the other. */
UNUSED static void
pass(struct fixture *f, int64_t us)
{
	for (; us > 0; us -= MS) {
		fake_http_pass(f->http, us < MS ? us : MS);
		fake_timers_ring();
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
