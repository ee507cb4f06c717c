/*
 * daemon/explanation: what programs are told.
 */
#include "daemon/explanation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "explanation_stage.h"

/* PATH, names one after the other, in what is told as JSON. */
static void
expect_json(struct stage *s, const char *const *path, const char *value)
{
	struct span span = span_whole(s->out.data, s->out.len);

	for (; *path != NULL; path++) {
		struct span_walk walk;
		struct span key, item;

		if (span_kind(span) == SPAN_OBJECT) {
			span = span_member(span, *path);
			continue;
		}
		/* The number of an item. */
		span_walk_init(&walk, span);
		for (int i = atoi(*path); i >= 0; i--)
			assert_true(span_walk_next(&walk, &key, &item));
		span = item;
	}
	assert_int_equal(span.len, strlen(value));
	assert_memory_equal(span.text, value, span.len);
}

#define EXPECT_JSON(stage, value, ...) \
	expect_json(stage, (const char *const[]){ __VA_ARGS__, NULL }, value)

static void
test_programs_get_the_same_as_json(UNUSED void **state)
{
	struct stage s;
	struct json_scan scan;
	char *copy;

	stage_everything(&s);
	explanation_append_json(&s.explanation, &s.out);
	copy = xmemdup0(s.out.data, s.out.len);
	assert_true(json_scan_compact(copy, s.out.len, 20, &scan));
	free(copy);
	assert_ptr_equal(strchr(s.out.data, '\n'), s.out.data + s.out.len - 1);

	EXPECT_JSON(&s, "\"t0\"", "name");
	EXPECT_JSON(&s, "\"degraded\"", "status");
	EXPECT_JSON(&s, "\"2026-11-21T03:40:00.000Z\"", "asked_at");
	EXPECT_JSON(&s, "\"ok\"", "services", "t1", "status");
	EXPECT_JSON(&s, "12", "services", "t0", "values", "queue");
	EXPECT_JSON(&s, "2000", "limits", "delay_ms");
	EXPECT_JSON(&s, "3", "limits", "max_per_host");
	EXPECT_JSON(&s, "\"20/s\"", "limits", "rate_per_host");
	EXPECT_JSON(&s, "[]", "attempts", "0", "request", "headers");
	EXPECT_JSON(&s, "null", "attempts", "0", "tls");
	EXPECT_JSON(&s, "null", "attempts", "0", "http_status");
	EXPECT_JSON(&s, "null", "attempts", "0", "head");
	EXPECT_JSON(&s, "null", "attempts", "0", "timing_ms", "total");
	EXPECT_JSON(&s, "[\"X-Team: web\",\"Authorization: Bearer ***\"]", "attempts",
	    "1", "request", "headers");
	EXPECT_JSON(&s, "312.4", "attempts", "1", "waited_ms");
	EXPECT_JSON(&s, "301", "attempts", "1", "redirects", "0", "http_status");
	EXPECT_JSON(&s, "\"CN=ca\"", "attempts", "1", "tls", "issuer");
	EXPECT_JSON(&s, "60", "attempts", "1", "tls", "days_left");
	EXPECT_JSON(&s, "[\"HTTP/1.1 200 OK\",\"Content-Type: application/json\"]",
	    "attempts", "1", "head");
	EXPECT_JSON(&s, "true", "attempts", "1", "expect", "1", "holds");
	EXPECT_JSON(&s, "false", "attempts", "1", "warn", "0", "holds");
	EXPECT_JSON(&s, "null", "attempts", "1", "decision");
	EXPECT_JSON(&s, "3", "notes", "1", "before_attempt");
	close_stage(&s);
}

static void
test_without_limits_json_says_null(UNUSED void **state)
{
	struct stage s;

	open_stage(&s, 1);
	explanation_append_json(&s.explanation, &s.out);
	EXPECT_JSON(&s, "null", "limits", "max_per_host");
	EXPECT_JSON(&s, "null", "limits", "rate_per_host");
	EXPECT_JSON(&s, "[]", "attempts");
	EXPECT_JSON(&s, "\"pending\"", "status");
	EXPECT_JSON(&s, "null", "provider");
	EXPECT_JSON(&s, "{}", "prompts");
	EXPECT_JSON(&s, "null", "limits", "when");
	EXPECT_JSON(&s, "null", "limits", "max_tokens");
	EXPECT_JSON(&s, "null", "limits", "max_insert");
	close_stage(&s);
}

static void
test_of_a_prompt_there_is_more(UNUSED void **state)
{
	struct stage s;
	struct trace_attempt *attempt;

	open_prompt_stage(&s,
	    "rate: 60/min\nprice: {input: 0.5}\nbudget: {tokens: 100, per: 1d}\n",
	    "max_tokens: 50\nwhen: changed\n");
	attempt = add_attempt(&s);
	attempt->input = xcalloc(1, sizeof(*attempt->input));
	attempt->input->text = xstrdup("Say hi");
	attempt->input->bytes = 6;
	trace_set_schema(attempt, false, "breaks it");
	explanation_append_json(&s.explanation, &s.out);
	EXPECT_JSON(&s, "{}", "services");
	EXPECT_JSON(&s, "\"pending\"", "prompts", "t0", "status");
	EXPECT_JSON(&s, "\"p\"", "provider", "name");
	EXPECT_JSON(&s, "\"openai\"", "provider", "api");
	EXPECT_JSON(&s, "\"http://test/v1\"", "provider", "url");
	EXPECT_JSON(&s, "\"m0\"", "provider", "model");
	EXPECT_JSON(&s, "5", "provider", "limit");
	EXPECT_JSON(&s, "true", "provider", "adaptive");
	EXPECT_JSON(&s, "\"60/min\"", "provider", "rate");
	EXPECT_JSON(&s, "{\"input\":0.5,\"output\":null}", "provider", "price");
	EXPECT_JSON(&s, "100", "provider", "budget", "limit");
	EXPECT_JSON(&s, "\"changed\"", "limits", "when");
	EXPECT_JSON(&s, "50", "limits", "max_tokens");
	EXPECT_JSON(&s, "16384", "limits", "max_insert");
	EXPECT_JSON(&s,
	    "{\"prompt\":\"Say hi\",\"bytes\":6,\"cut_values\":0,\"hash\":\"\"}",
	    "attempts", "0", "input");
	EXPECT_JSON(
	    &s, "{\"holds\":false,\"text\":\"breaks it\"}", "attempts", "0", "schema");
	close_stage(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs_get_the_same_as_json),
		cmocka_unit_test(test_without_limits_json_says_null),
		cmocka_unit_test(test_of_a_prompt_there_is_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
