/*
 * A prompt, its request, a response to fill in, and the verdict. To be included behind
 * cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_VERDICT_PROMPT_STAGE_H
#define GATHERD_TESTS_UNIT_VERDICT_PROMPT_STAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "answers_stage.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "fake_config.h"
#include "gather/outcome.h"
#include "gather/verdict.h"
#include "prompt/answer.h"
#include "prompt/prompt_request.h"

/* 2026-11-21T03:40:00.000Z */
#define NOW_MS INT64_C(1795232400000)

/* An answer of the API openai, around TEXT as it stands in JSON. */
#define CHAT(text)                                                       \
	"{\"id\":\"c1\",\"model\":\"m-1\",\"choices\":[{\"index\":0,"    \
	"\"message\":{\"role\":\"assistant\",\"content\":\"" text "\"}," \
	"\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":21,"  \
	"\"completion_tokens\":5,\"total_tokens\":26}}"

struct stage {
	struct config *config;
	struct prompt *prompt;
	struct rendered_request *rendered;
	struct prompt_advice advice;
	struct response response;
	struct outcome outcome;
};

/* A prompt with KEYS of a provider with PROVIDER_KEYS; see fake_config.h. */
UNUSED static void
set_up(struct stage *stage, const char *provider_keys, const char *keys)
{
	const struct render_with with = { .wall_ms = NOW_MS };
	struct render_fault fault = { .why = NULL };

	*stage = (struct stage){ .config = fake_config_new(0) };
	fake_config_set_provider(stage->config, "p", provider_keys);
	stage->prompt = fake_config_add_prompt(stage->config, keys);
	stage->rendered =
	    target_request(stage->config, &stage->prompt->target, &with, &fault);
	assert_non_null(stage->rendered);
	outcome_init(&stage->outcome);
}

UNUSED static void
tear_down(struct stage *stage)
{
	response_clear(&stage->response);
	outcome_clear(&stage->outcome);
	rendered_request_free(stage->rendered);
	fake_config_free(stage->config);
}

UNUSED static void
answer_bytes(struct stage *stage, long http_status, const char *body, size_t len)
{
	response_clear(&stage->response);
	outcome_clear(&stage->outcome);
	/* What an attempt before has left there. */
	memset(&stage->advice, 0x5a, sizeof(stage->advice));
	stage->response = (struct response){
		.result = RESPONSE_COMPLETE,
		.http_status = http_status,
		.content_type = xstrdup("application/json"),
		.body = xmemdup0(body, len),
		.body_len = len,
		.bytes = len,
		.retry_after_ms = -1,
		.tls = { .expires_at_ms = -1 },
		.timing = { -1, -1, -1, -1, 812000 },
	};
}

UNUSED static void
answer(struct stage *stage, long http_status, const char *body)
{
	answer_bytes(stage, http_status, body, strlen(body));
}

UNUSED static void
judge(struct stage *stage)
{
	const struct verdict_context context = {
		.timeout_ms = 60000,
		.wall_ms = NOW_MS,
		.input_bytes = stage->rendered->prompt->input_bytes,
		.advice = &stage->advice,
	};

	verdict_judge(&stage->prompt->target, &stage->rendered->request,
	    &stage->response, &context, &stage->outcome);
}

/* An answer of the API openai with TEXT, as it stands in JSON, to a prompt with KEYS. */
UNUSED static void
judge_chat(struct stage *stage, const char *keys, const char *body)
{
	set_up(stage, "", keys);
	answer(stage, 200, body);
	judge(stage);
}

/* Of texts that may be missing. */
UNUSED static void
assert_text(const char *what, const char *name, const char *text, const char *expected)
{
	if (text == NULL && expected == NULL)
		return;
	if (text == NULL || expected == NULL || strcmp(text, expected) != 0)
		fail_msg("%s of %s: %s, not %s", what, name, text, expected);
}

UNUSED static void
assert_fault(const struct stage *stage, enum error_kind kind, const char *message)
{
	const struct outcome *outcome = &stage->outcome;

	assert_text("message", "it", outcome->message, message);
	assert_string_equal(error_kind_names[outcome->kind], error_kind_names[kind]);
	assert_int_equal(outcome->status, error_kind_status(kind));
	assert_null(outcome->data);
	if (kind != KIND_TRUNCATED)
		assert_null(outcome->prompt->response);
}

#endif
