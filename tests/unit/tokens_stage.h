/*
 * One source of tokens, and those who want one, on the clock of fake_http. To be included by
 * one file of a test, behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_TOKENS_STAGE_H
#define GATHERD_TESTS_UNIT_TOKENS_STAGE_H

#include <stdint.h>
#include <stdio.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/limiter.h"
#include "gather/tokens.h"
#include "gather/turn.h"

#define SECOND_US INT64_C(1000000)
#define SOURCE    1 /* its answers' number */

struct stage {
	struct config *config;
	const struct target *source;
	struct fake_http *http;
	struct event_base *base;
	struct turn_context context;
	struct tokens *tokens;
	int64_t suspended_ms; /* how far wall time is ahead of the clock */
};

static inline int64_t
now_us(void *arg)
{
	const struct stage *s = arg;

	return fake_http_now_us(s->http);
}

static inline int64_t
wall_ms(void *arg)
{
	const struct stage *s = arg;
	struct clock_source clock = fake_http_clock(s->http);

	return clock.wall_ms(clock.arg) + s->suspended_ms;
}

static inline void
open_stage(struct stage *s)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	*s = (struct stage){ .config = fake_config_new(1) };
	s->source = fake_config_add_token_source(s->config, SOURCE);
	s->http = fake_http_new(4);
	s->base = event_base_new();
	s->context = (struct turn_context){
		.config = s->config,
		.limiter = limiter_new(10),
		.http = fake_http_client(s->http),
		.clock = { .now_us = now_us, .wall_ms = wall_ms, .arg = s },
		.base = s->base,
	};
	s->tokens = tokens_new(&s->context);
	s->context.tokens = s->tokens;
}

static inline void
close_stage(struct stage *s)
{
	tokens_free(s->tokens);
	limiter_free(s->context.limiter);
	fake_http_free(s->http);
	fake_config_free(s->config);
	event_base_free(s->base);
}

/* The source answers with BODY from now on, after a second. */
static inline void
answer_with(struct stage *s, long status, const char *body)
{
	*fake_http_answer(s->http, SOURCE) = (struct fake_answer){
		.delay_us = SECOND_US,
		.http_status = status,
		.content_type = "application/json",
		.body = body,
	};
}

struct wish {
	struct token_waiter waiter;
	unsigned told;
	unsigned place;      /* among all that were told */
	char text[128];      /* the token, or why there is none */
	struct stage *again; /* asked once more as soon as it was told */
};

static unsigned told_in_all;

static inline void
on_told(const char *token, const char *why, void *arg)
{
	struct wish *wish = arg;
	struct stage *again = wish->again;

	assert_true((token == NULL) != (why == NULL));
	assert_null(wish->waiter.token);
	wish->told++;
	wish->place = ++told_in_all;
	snprintf(wish->text, sizeof(wish->text), "%s", token != NULL ? token : why);
	wish->again = NULL;
	if (again != NULL)
		tokens_get(again->tokens, again->source, &wish->waiter);
}

static inline void
want(struct stage *s, struct wish *wish)
{
	*wish = (struct wish){
		.waiter = { .done = on_told, .arg = wish },
		.again = wish->again,
	};
	tokens_get(s->tokens, s->source, &wish->waiter);
}

/* What a wish comes to that is made now. */
static inline void
expect_token(struct stage *s, const char *text)
{
	struct wish wish = { .again = NULL };

	want(s, &wish);
	fake_http_pass(s->http, SECOND_US);
	assert_int_equal(wish.told, 1);
	assert_string_equal(wish.text, text);
}

static inline void
expect_fetches(const struct stage *s, size_t count)
{
	assert_int_equal(fake_http_started_count(s->http), count);
}

#endif
