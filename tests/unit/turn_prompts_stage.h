/*
 * Prompts, and services whose state they are rendered with, that are asked one turn after the
 * other: each outcome goes to the board. Timers ring on the same clock as http reports. To be
 * included by one file of a test, behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_TURN_PROMPTS_STAGE_H
#define GATHERD_TESTS_UNIT_TURN_PROMPTS_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "fake_timers.h"
#include "gather/board.h"
#include "gather/gate.h"
#include "gather/limiter.h"
#include "gather/providers.h"
#include "gather/turn.h"

#define COUNT 12 /* as many targets as there may be */

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

/* What a model says, and that it took 7 tokens to ask and 3 to answer. */
#define ANSWER(text)                                                          \
	"{\"id\":\"chat-1\",\"model\":\"m-2026\",\"choices\":[{\"message\":{" \
	"\"role\":\"assistant\",\"content\":\"" text                          \
	"\"},\"finish_reason\":\"stop\"}],"                                   \
	"\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}"

#define ERROR(code, message) \
	"{\"error\":{\"message\":\"" message "\",\"type\":\"t\",\"code\":\"" code "\"}}"

struct fixture {
	struct event_base *base;
	struct config *config;
	struct fake_http *http;
	struct limiter *limiter;
	struct board *board; /* NULL: prompts may still be added */
	struct turn_context context;
	struct outcome outcomes[COUNT]; /* the last ones, borrowed from the board */
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
	f->config = fake_config_new(1);
	f->http = fake_http_new(COUNT);
	f->chance = 0.5;
	*state = f;
	return 0;
}

static void
answer_well(struct fixture *f, size_t index)
{
	*fake_http_answer(f->http, index) = (struct fake_answer){
		.delay_us = 100 * MS,
		.http_status = 200,
		.content_type = "application/json",
		.body = ANSWER("Hi"),
	};
}

/* One more prompt, which is answered well in 100 ms. Returns its index. */
UNUSED static size_t
add(struct fixture *f, const char *keys)
{
	size_t index = f->config->target_count;

	fake_config_add_prompt(f->config, keys);
	answer_well(f, index);
	return index;
}

/* What the config says holds from now on. */
UNUSED static void
begin(struct fixture *f)
{
	const struct limiter_host_limits none = { .max_concurrent = 0 };

	f->board = board_new(f->config);
	f->limiter = limiter_new(100);
	f->context = (struct turn_context){
		.config = f->config,
		.limiter = f->limiter,
		.http = fake_http_client(f->http),
		.clock = fake_http_clock(f->http),
		.base = f->base,
		.board = f->board,
		.draw = drawn,
		.draw_arg = f,
	};
	fake_timers_begin(f->context.clock);
	limiter_limit_hosts(f->limiter, f->base, &f->context.clock, &none);
}

UNUSED static struct provider_state *
provider(const struct fixture *f)
{
	return providers_at(board_providers(f->board), 0);
}

UNUSED static struct gate_facts
gate_facts(const struct fixture *f)
{
	struct gate_facts facts;

	gate_see(provider(f)->gate, fake_http_now_us(f->http), &facts);
	return facts;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(limiter_held(f->limiter), 0);
	assert_int_equal(limiter_waiting(f->limiter), 0);
	for (size_t i = 0; i < providers_count(board_providers(f->board)); i++) {
		const struct provider_state *state_of =
		    providers_at(board_providers(f->board), i);

		assert_int_equal(state_of->budget.reserved, 0);
	}
	for (size_t i = 0; i < board_size(f->board); i++)
		assert_int_equal(board_entry(f->board, i)->budget.reserved, 0);
	limiter_free(f->limiter);
	board_free(f->board);
	fake_timers_end();
	fake_http_free(f->http);
	fake_config_free(f->config);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void
on_done(const struct target *target, struct outcome *outcome,
    UNUSED const struct turn_findings *findings, void *arg)
{
	struct fixture *f = arg;
	size_t index = target->index;

	f->reports[index]++;
	board_put(f->board, board_entry(f->board, index), outcome);
	f->outcomes[index] = board_entry(f->board, index)->outcome;
}

UNUSED static struct turn *
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

/* A turn, to its end. */
UNUSED static const struct outcome *
ask(struct fixture *f, size_t index)
{
	unsigned before = f->reports[index];

	start(f, index);
	for (int i = 0; i < 100000 && f->reports[index] == before; i++)
		pass(f, MS);
	assert_int_equal(f->reports[index], before + 1);
	return &f->outcomes[index];
}

/* The service with that index comes to STATUS and DATA. */
UNUSED static void
put_service(struct fixture *f, size_t index, enum status status, const char *data)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.data = data != NULL ? xstrdup(data) : NULL;
	outcome.data_len = data != NULL ? strlen(data) : 0;
	board_put(f->board, board_entry(f->board, index), &outcome);
}

/* How often anybody was asked. */
UNUSED static size_t
asked(const struct fixture *f)
{
	return fake_http_started_count(f->http);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
