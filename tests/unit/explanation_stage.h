/*
 * What the tests of daemon/explanation stand on: a target and what it depends on, their
 * outcomes, and a trace. To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_EXPLANATION_STAGE_H
#define GATHERD_TESTS_UNIT_EXPLANATION_STAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "daemon/explanation.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/trace.h"

#define NOW_MS INT64_C(1795232400000) /* 2026-11-21T03:40:00Z */
#define DAY_MS INT64_C(86400000)

struct stage {
	struct config *config;
	struct board *board;
	struct trace trace;
	struct explanation explanation;
	struct buffer out;
};

/* The first target of the config is explained. */
static inline void
put_on_stage(struct stage *s)
{
	s->board = board_new(s->config);
	s->trace.name = s->config->targets[0]->name;
	s->explanation = (struct explanation){
		.config = s->config,
		.board = s->board,
		.entry = board_entry(s->board, 0),
		.trace = &s->trace,
		.now_ms = NOW_MS,
	};
	buffer_init(&s->out, BUFFER_UNLIMITED);
}

/* "t0" is explained; with two targets it depends on "t1". */
static inline void
open_stage(struct stage *s, size_t targets)
{
	*s = (struct stage){ .config = fake_config_new(targets) };
	put_on_stage(s);
	s->config->targets[0]->redirects = 5;
}

/* "t0", a prompt with KEYS, is explained; its provider has those of its own. */
static inline void
open_prompt_stage(struct stage *s, const char *provider_keys, const char *keys)
{
	*s = (struct stage){ .config = fake_config_new(0) };
	fake_config_set_provider(s->config, "p", provider_keys);
	fake_config_add_prompt(s->config, keys);
	put_on_stage(s);
}

static inline void
close_stage(struct stage *s)
{
	buffer_clear(&s->out);
	trace_clear(&s->trace);
	board_free(s->board);
	fake_config_free(s->config);
}

/* The outcome of t0 is KIND, or ok; MESSAGE is copied. */
static inline void
put_outcome(struct stage *s, enum error_kind kind, const char *message)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.kind = kind;
	outcome.status = error_kind_status(kind);
	outcome.message = message != NULL ? xstrdup(message) : NULL;
	outcome.http_status = kind == KIND_HTTP ? 503 : 200;
	outcome.attempts = (unsigned)s->trace.attempt_count;
	outcome.duration_us = 183000;
	outcome.checked_at_ms = NOW_MS;
	outcome.url = xstrdup("http://test/0");
	board_put(s->board, board_entry(s->board, 0), &outcome);
	outcome_clear(&outcome);
}

static inline struct trace_attempt *
add_attempt(struct stage *s)
{
	struct trace_attempt *attempt = trace_add_attempt(&s->trace);

	attempt->method = xstrdup("GET");
	attempt->url = xstrdup("http://test/0?key=***");
	attempt->timeout_ms = 5000;
	return attempt;
}

/* Twice as much as most have. */
static inline void
fill_second_attempt(struct trace_attempt *attempt)
{
	attempt->waited_us = 312400;
	attempt->head = xstrdup("X-Team: web\nAuthorization: Bearer ***\n");
	attempt->body = xstrdup("{\"a\": 1}");
	attempt->hops = 1;
	attempt->trail = xcalloc(1, sizeof(*attempt->trail));
	attempt->trail[0] = (struct response_hop){
		.url = xstrdup("http://test/0?key=***"),
		.http_status = 301,
		.timing = { -1, -1, -1, 1000, 12300 },
	};
	attempt->final_url = xstrdup("https://test/0");
	attempt->tls = (struct response_tls){
		.version = "TLSv1.3",
		.expires_at_ms = NOW_MS + 60 * DAY_MS + 1,
		.subject = xstrdup("CN=test"),
		.issuer = xstrdup("CN=ca"),
	};
	attempt->timing = (struct response_timing){ 400, 1200, 8000, 150000, 160000 };
	attempt->http_status = 200;
	attempt->bytes = 1536;
	attempt->answer_head =
	    xstrdup("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
	trace_add_rule(attempt, false, true, "status: 200");
	trace_add_rule(attempt, false, true, "/state: \"up\"");
	trace_add_rule(
	    attempt, true, false, "duration: expected at most 100ms, got 160ms");
	attempt->result = xstrdup("responded with 200 in 183 ms");
}

static inline void
put_degraded(struct stage *s)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_DEGRADED;
	outcome.http_status = 200;
	outcome.attempts = 2;
	outcome.url = xstrdup("http://test/0?key=***");
	outcome_warn(&outcome, xstrdup("duration: expected at most 100ms, got 160ms"));
	outcome.values = xstrdup("{\"queue\":12,\"token\":\"***\"}");
	outcome.values_len = strlen(outcome.values);
	outcome.data = xstrdup("{\"queue\":12}");
	outcome.data_len = strlen(outcome.data);
	board_put(s->board, board_entry(s->board, 0), &outcome);
	outcome_clear(&outcome);

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.http_status = 204;
	outcome.duration_us = 20000;
	board_put(s->board, board_entry(s->board, 1), &outcome);
	outcome_clear(&outcome);
}

static inline void
stage_everything(struct stage *s)
{
	struct trace_attempt *attempt;
	struct target *target;

	open_stage(s, 2);
	target = s->config->targets[0];
	target->retries = 2;
	target->retry_delay_ms = 500;
	target->delay_ms = 2000;
	s->config->max_per_host = 3;
	s->config->rate_per_host.count = 20;
	s->config->rate_per_host.per_ms = 1000;
	trace_add_note(&s->trace, xstrdup("waits for its delay of 2s"));
	attempt = add_attempt(s);
	attempt->waited_us = 2000000;
	attempt->result = xstrdup("error: connection refused by test:80");
	attempt->decision = xstrdup("tried again after 312 ms (2 of 3)");
	fill_second_attempt(add_attempt(s));
	trace_add_note(&s->trace, xstrdup("held back for 5s by its Retry-After"));
	put_degraded(s);
}

#endif
