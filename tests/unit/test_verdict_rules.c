/*
 * Rules, values and warnings of the verdict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "gather/trace.h"
#include "verdict_stage.h"

static const char *const no_warnings[] = { NULL };

/* Judge BODY, JSON with status 200. */
static void
judge_json(struct fixture *f, const char *body)
{
	answer(f, 200, "application/json", body);
	f->response.timing.total_us = 183000;
	judge(f);
}

static void
assert_values(const struct fixture *f, const char *values, const char *secret_values)
{
	const struct outcome *outcome = &f->outcome;

	assert_int_equal(outcome->values != NULL, values != NULL);
	assert_int_equal(outcome->secret_values != NULL, secret_values != NULL);
	if (values != NULL) {
		assert_string_equal(outcome->values, values);
		assert_int_equal(outcome->values_len, strlen(values));
	}
	if (secret_values != NULL) {
		assert_string_equal(outcome->secret_values, secret_values);
		assert_int_equal(outcome->secret_values_len, strlen(secret_values));
	}
}

/* ---- the status ---- */

static void
test_other_statuses_can_be_expected(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{expect: {status: [200-203, 404]}}");
	answer(f, 404, "application/json", "{\"a\": 1}");
	judge(f);
	assert_ok(f, "{\"a\":1}");
	assert_int_equal(f->outcome.http_status, 404);
	answer(f, 204, "text/plain", "no");
	judge(f);
	assert_failed(f, KIND_HTTP, "returned HTTP 204 (expected 200-203, 404)");
	assert_int_equal(f->outcome.status, STATUS_HTTP_ERROR);
	assert_string_equal(f->outcome.excerpt, "no");
	answer(f, 429, NULL, "");
	judge(f);
	assert_failed(
	    f, KIND_RATE_LIMITED, "returned HTTP 429 (expected 200-203, 404)");
}

static void
test_an_unexpected_status_comes_before_all_rules(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{expect: {json: {/a: 1}}, warn: {json: {/b: 1}}, extract: {a: /a}}");
	answer(f, 500, "application/json", "{\"a\":2}");
	judge(f);
	assert_failed(f, KIND_HTTP, "returned HTTP 500");
	assert_values(f, NULL, NULL);
	assert_warnings(f, no_warnings);
}

/* ---- expect ---- */

static void
test_rules_that_hold_change_nothing(void **state)
{
	struct fixture *f = *state;
	const char *body;

	fake_config_set(f->config, 0,
	    "{expect: {json: {/state: up, /queue/depth: {maximum: 100}}, body: "
	    "{pattern: 'up'}, duration: {maximum: 500ms}}}");
	answer(
	    f, 200, "text/plain", " {\"state\": \"up\", \"queue\": {\"depth\": 1.0}}");
	f->response.timing.total_us = 183000;
	body = f->response.body;
	judge(f);
	/* Rules by pointer make JSON of it, whatever its type. */
	assert_ok(f, "{\"state\":\"up\",\"queue\":{\"depth\":1.0}}");
	assert_ptr_equal(f->outcome.data, body);
	assert_warnings(f, no_warnings);
	assert_values(f, NULL, NULL);
}

static void
test_a_broken_rule_is_a_failure_that_says_what_was_there(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{expect: {json: {/state: up}}, warn: {json: {/b: 1}}, extract: {a: /a}}");
	judge_json(f, "{ \"state\": \"down\",\n\"why\": \"a leak\" }");
	assert_failed(f, KIND_EXPECTATION, "/state: expected \"up\", got \"down\"");
	assert_int_equal(f->outcome.status, STATUS_ERROR);
	assert_int_equal(f->outcome.http_status, 200);
	assert_int_equal(f->outcome.phase, -1);
	/* as it came, although the scan closed it up */
	assert_string_equal(
	    f->outcome.excerpt, "{ \"state\": \"down\", \"why\": \"a leak\" }");
	assert_values(f, NULL, NULL);
	assert_warnings(f, no_warnings);
}

static void
test_three_broken_rules_are_told_and_the_others_counted(void **state)
{
	struct fixture *f = *state;

	fake_config_set(
	    f->config, 0, "{expect: {json: {/a: 1, /b: 1, /c: 1, /d: 1, /e: 1}}}");
	judge_json(f, "{\"a\":0,\"b\":0,\"c\":0,\"d\":1,\"e\":1}");
	assert_failed(f, KIND_EXPECTATION,
	    "/a: expected 1, got 0; /b: expected 1, got 0; /c: expected 1, got 0");
	judge_json(f, "{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0}");
	assert_failed(f, KIND_EXPECTATION,
	    "/a: expected 1, got 0; /b: expected 1, got 0; /c: expected 1, got 0; and 2 "
	    "more");
}

static void
test_what_is_no_json_breaks_no_rule_but_is_invalid(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{expect: {json: {/a: 1}}}");
	answer(f, 200, "text/html", "<html>");
	judge(f);
	assert_failed(
	    f, KIND_INVALID_BODY, "body is not valid JSON: syntax error at byte 0");
}

static void
test_without_a_body_pointers_lead_nowhere(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{expect: {json: {/a: {exists: false}}}}");
	answer(f, 204, NULL, "");
	f->response.no_content = true;
	judge(f);
	assert_ok(f, NULL);
	fake_config_set(f->config, 0, "{extract: {a: /a}}");
	answer(f, 204, NULL, "");
	f->response.no_content = true;
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_values(f, "{\"a\":null}", NULL);
	assert_int_equal(f->outcome.warning_count, 1);
}

static void
test_the_body_is_decoded_for_rules(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{expect: {body: {pattern: 'caf\xc3\xa9'}}}");
	answer(f, 200, "text/plain; charset=iso-8859-1", "a caf\xe9!");
	judge(f);
	assert_ok(f, NULL);
	answer(f, 200, "text/plain", "a caf\xe9!");
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_EXPECTATION);
}

static void
test_headers_are_looked_at(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{expect: {header: {X-State: up}}, extract: {server: {header: server}}}");
	answer(f, 200, NULL, "");
	f->response.head =
	    xstrdup("HTTP/1.1 200 OK\r\nx-state: up\r\nServer: a/1.0\r\n");
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_values(f, "{\"server\":\"a/1.0\"}", NULL);
	answer(f, 200, NULL, "");
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_EXPECTATION);
}

static void
test_the_duration_is_that_of_all_hops(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{expect: {duration: {maximum: 500ms}}}");
	answer(f, 200, NULL, "");
	f->response.timing.total_us = 500000;
	judge(f);
	assert_ok(f, NULL);
	answer(f, 200, NULL, "");
	f->response.timing.total_us = 501000;
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_EXPECTATION);
	answer(f, 200, NULL, "");
	f->response.timing.total_us = 300000;
	f->response.whole_us = 501000;
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_EXPECTATION);
}

static void
test_certificates_are_counted_in_days(void **state)
{
	const int64_t day_ms = 86400000;
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{warn: {certificate_days: {minimum: 14}}}");
	answer(f, 200, NULL, "");
	f->response.tls.expires_at_ms = NOW_MS + 14 * day_ms;
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_OK);
	answer(f, 200, NULL, "");
	f->response.tls.expires_at_ms = NOW_MS + 14 * day_ms - 1;
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
	/* Plain HTTP has none. */
	answer(f, 200, NULL, "");
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_OK);
	/* What is not known is not good. */
	answer(f, 200, NULL, "");
	f->response.tls.version = "TLSv1.3";
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
	answer(f, 200, NULL, "");
	f->config->targets[0]->asks_tls = true;
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
}

/* ---- warn ---- */

static void
test_broken_warnings_degrade_and_keep_the_answer(void **state)
{
	static const char *const warnings[] = { "/a: expected 1, got 2",
		"/b: expected 1, got 3", NULL };
	struct fixture *f = *state;

	fake_config_set(
	    f->config, 0, "{warn: {json: {/a: 1, /b: 1, /c: 1}}, extract: {a: /a}}");
	judge_json(f, "{\"a\":2,\"b\":3,\"c\":1}");
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
	assert_int_equal(f->outcome.kind, KIND_NONE);
	assert_null(f->outcome.message);
	assert_null(f->outcome.excerpt);
	assert_warnings(f, warnings);
	assert_string_equal(f->outcome.data, "{\"a\":2,\"b\":3,\"c\":1}");
	assert_values(f, "{\"a\":2}", NULL);
	judge_json(f, "{\"a\":1,\"b\":1,\"c\":1}");
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_warnings(f, no_warnings);
}

static void
test_what_is_warned_of_may_be_the_status(void **state)
{
	static const char *const warnings[] = {
		"status: expected 200, 206-299, got 203",
		"/a: expected 1, got a number", NULL
	};
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{expect: {status: 200-404}, warn: {status: [200, 206-299], json: {/a: 1}}}");
	answer(f, 203, "application/json", "{\"a\":2,\"b\":\"" SECRET "\"}");
	carry_secret(f);
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
	assert_warnings(f, warnings);
	answer(f, 207, "application/json", "{\"a\":1}");
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_warnings(f, no_warnings);
}

static void
test_a_warning_that_says_no_status_takes_each_that_is_expected(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{expect: {status: 404}, warn: {json: {/a: 1}}}");
	answer(f, 404, "application/json", "{\"a\":1}");
	judge(f);
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_warnings(f, no_warnings);
}

/* ---- values ---- */

static void
test_values_keep_their_types_and_order(void **state)
{
	struct fixture *f = *state;

	fake_config_set(
	    f->config, 0, "{extract: {'n \"': /n, all: '', s: /s, nothing: /nothing}}");
	judge_json(f,
	    "{\"n\": 18446744073709551615, \"s\": \"\\u00e4\", "
	    "\"nothing\": null}");
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_warnings(f, no_warnings);
	assert_values(f,
	    "{\"n \\\"\":18446744073709551615,"
	    "\"all\":{\"n\":18446744073709551615,\"s\":\"\\u00e4\",\"nothing\":null},"
	    "\"s\":\"\\u00e4\",\"nothing\":null}",
	    NULL);
}

static void
test_a_missing_value_is_null_and_a_warning(void **state)
{
	struct fixture *f = *state;

	fake_config_set(
	    f->config, 0, "{warn: {json: {/a: 1}}, extract: {q: /q/depth, a: /a}}");
	judge_json(f, "{\"q\":{},\"a\":1}");
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_values(f, "{\"q\":null,\"a\":1}", NULL);
	assert_int_equal(f->outcome.warning_count, 1);
	assert_non_null(strstr(f->outcome.warnings[0], "q: /q/depth: ended at"));

	/* Broken rules come first. */
	judge_json(f, "{\"q\":{},\"a\":2}");
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
	assert_int_equal(f->outcome.warning_count, 2);
	assert_string_equal(f->outcome.warnings[0], "/a: expected 1, got 2");
}

static void
test_values_can_be_taken_from_text(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{extract: {load: {pattern: 'load: ([0-9.]+)', scale: 100, round: 0}}}");
	answer(f, 200, "text/plain", "up\nload: 0.236\n");
	judge(f);
	assert_ok(f, NULL);
	assert_values(f, "{\"load\":24}", NULL);
}

static void
test_more_pointers_than_usual_find_their_values(void **state)
{
	struct fixture *f = *state;
	struct buffer keys, body, values;

	buffer_init(&keys, BUFFER_UNLIMITED);
	buffer_init(&body, BUFFER_UNLIMITED);
	buffer_init(&values, BUFFER_UNLIMITED);
	for (int i = 0; i < 100; i++) {
		buffer_append_format(&keys, "%sv%d: /k%d", i > 0 ? ", " : "", i, i);
		buffer_append_format(&body, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
		buffer_append_format(&values, "%s\"v%d\":%d", i > 0 ? "," : "", i, i);
	}
	char *yaml = xasprintf("{extract: {%s}}", keys.data);
	char *json = xasprintf("{%s}", body.data);
	char *expected = xasprintf("{%s}", values.data);

	fake_config_set(f->config, 0, yaml);
	judge_json(f, json);
	assert_values(f, expected, NULL);
	free(yaml);
	free(json);
	free(expected);
	buffer_clear(&keys);
	buffer_clear(&body);
	buffer_clear(&values);
}

static void
test_data_false_keeps_only_the_values(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{data: false, extract: {a: /a}}");
	judge_json(f, "{\"a\":[1, 2]}");
	assert_ok(f, NULL);
	assert_values(f, "{\"a\":[1,2]}", NULL);
	f->target->data = true;
	f->target->format = FORMAT_TEXT;
	answer(f, 200, "application/json", "{\"a\" :1}");
	judge(f);
	assert_ok(f, "\"{\\\"a\\\" :1}\"");
	assert_values(f, "{\"a\":1}", NULL);
	f->target->format = FORMAT_NONE;
	judge_json(f, "{\"a\":1}");
	assert_ok(f, NULL);
	assert_values(f, "{\"a\":1}", NULL);
}

/* ---- secrets ---- */

static void
test_secret_values_are_for_templates_alone(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{extract: {token: {path: /access_token, secret: true}, ttl: /ttl}}");
	judge_json(f, "{\"access_token\": \"hunter22\", \"ttl\": 60}");
	assert_ok(f, NULL);
	assert_values(f, "{\"token\":\"***\",\"ttl\":60}", "{\"token\":\"hunter22\"}");

	/* A missing one is no secret. */
	judge_json(f, "{\"ttl\": 60}");
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_values(f, "{\"token\":null,\"ttl\":60}", NULL);
	assert_int_equal(f->outcome.warning_count, 1);
}

static void
test_where_a_value_is_secret_nothing_of_the_answer_is_told(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{expect: {json: {/kind: token}}, warn: {json: {/other: 1}}, "
	    "extract: {token: {path: /access_token, secret: true}}}");
	judge_json(f, "{\"kind\": \"hunter22\", \"access_token\": \"hunter22\"}");
	assert_int_equal(f->outcome.kind, KIND_EXPECTATION);
	assert_null(strstr(f->outcome.message, "hunter22"));
	assert_null(f->outcome.excerpt);
	judge_json(f, "{\"kind\": \"token\", \"other\": \"hunter22\"}");
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
	assert_null(strstr(f->outcome.warnings[0], "hunter22"));
	answer(f, 401, "application/json", "{\"access_token\": \"hunter22\"}");
	judge(f);
	assert_failed(f, KIND_HTTP, "returned HTTP 401");
	assert_null(f->outcome.excerpt);
	judge_json(f, "{\"access_token\": \"hunter22\"");
	assert_int_equal(f->outcome.kind, KIND_INVALID_BODY);
	assert_null(f->outcome.excerpt);
}

static void
test_the_requests_secrets_are_masked_in_values(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{extract: {a: /a, b: /b}}");
	carry_secret(f);
	judge_json(f, "{\"a\":\"x " SECRET "\",\"b\":1.10}");
	assert_values(f, "{\"a\":\"x ***\",\"b\":1.10}", NULL);
	assert_string_equal(f->outcome.data, "{\"a\":\"x ***\",\"b\":1.10}");
}

static void
test_an_echoed_secret_is_not_told_by_rules_not_even_half_of_it(void **state)
{
	/* As it stands, and in a way that only JSON knows. */
	static const char *const echoes[] = { SECRET, "s3cr3t\\u002dt0ken" };
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{expect: {json: {/a: up}}, extract: {n: {path: /n, scale: 2}}}");
	carry_secret(f);
	for (size_t i = 0; i < ARRAY_COUNT(echoes); i++) {
		for (int before = 0; before < 200; before++) {
			char *body =
			    xasprintf("{\"a\":\"%0*d%s\"}", before + 1, 0, echoes[i]);

			judge_json(f, body);
			assert_int_equal(f->outcome.kind, KIND_EXPECTATION);
			assert_null(strstr(f->outcome.message, "s3cr"));
			assert_non_null(
			    strstr(f->outcome.message, "/a: expected \"up\", got "));
			free(body);
			body = xasprintf("{\"a\":\"up\",\"n\":\"%0*d%s\"}", before + 1,
			    0, echoes[i]);
			judge_json(f, body);
			assert_int_equal(f->outcome.status, STATUS_OK);
			assert_int_equal(f->outcome.warning_count, 1);
			assert_null(strstr(f->outcome.warnings[0], "s3cr"));
			free(body);
		}
	}
	/* What has nothing of it in it is told. */
	judge_json(f, "{\"a\":\"down\"}");
	assert_string_equal(f->outcome.message, "/a: expected \"up\", got \"down\"");
}

static void
test_a_secret_in_a_header_is_not_told_either(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{expect: {header: {x-state: up}}}");
	carry_secret(f);
	answer(f, 200, NULL, "");
	f->response.head = xstrdup("HTTP/1.1 200 OK\r\nX-State: " SECRET "\r\n");
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_EXPECTATION);
	assert_null(strstr(f->outcome.message, "s3cr"));
}

/* ---- the trace ---- */

static void
assert_rule(const struct trace_attempt *attempt, size_t index, bool warn, bool holds,
    const char *text)
{
	assert_true(index < attempt->rule_count);
	assert_int_equal(attempt->rules[index].warn, warn);
	assert_int_equal(attempt->rules[index].holds, holds);
	assert_string_equal(attempt->rules[index].text, text);
}

static void
test_a_secret_value_is_masked_in_the_others(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0,
	    "{extract: {t: {path: /t, secret: true}, all: '', o: {path: /o, secret: true},"
	    " n: /n}}");
	judge_json(f,
	    "{\"t\":\"hunter22\",\"o\":{\"name\":[\"a long one\"]},"
	    "\"n\":\"name: a long one hunter22\"}");
	assert_values(f,
	    "{\"t\":\"***\","
	    "\"all\":{\"t\":\"***\",\"o\":{\"name\":[\"***\"]},\"n\":\"name: *** ***\"},"
	    "\"o\":\"***\",\"n\":\"name: *** ***\"}",
	    "{\"t\":\"hunter22\",\"o\":{\"name\":[\"a long one\"]}}");
}

static void
test_every_rule_is_traced_with_what_came_of_it(void **state)
{
	struct fixture *f = *state;
	struct trace trace = { .name = "t0" };

	fake_config_set(f->config, 0,
	    "{expect: {json: {/a: 1, /b: 1}}, "
	    "warn: {status: 200, json: {/c: 1}}}");
	f->context.trace = trace_add_attempt(&trace);
	judge_json(f, "{\"a\":1,\"b\":1,\"c\":2}");
	assert_int_equal(f->outcome.status, STATUS_DEGRADED);
	assert_int_equal(f->context.trace->rule_count, 5);
	assert_rule(f->context.trace, 0, false, true, "status: 200");
	assert_rule(f->context.trace, 1, false, true, "/a: 1");
	assert_rule(f->context.trace, 2, false, true, "/b: 1");
	assert_rule(f->context.trace, 3, true, true, "status: 200");
	assert_rule(f->context.trace, 4, true, false, "/c: expected 1, got 2");

	f->context.trace = trace_add_attempt(&trace);
	judge_json(f, "{\"a\":1,\"b\":2}");
	assert_int_equal(f->context.trace->rule_count, 3);
	assert_rule(f->context.trace, 2, false, false, "/b: expected 1, got 2");

	f->context.trace = trace_add_attempt(&trace);
	answer(f, 503, NULL, "");
	judge(f);
	assert_rule(
	    f->context.trace, 0, false, false, "status: expected 200-299, got 503");

	carry_secret(f);
	f->context.trace = trace_add_attempt(&trace);
	judge_json(f, "{\"a\":\"" SECRET "\",\"b\":2}");
	assert_int_equal(f->context.trace->rule_count, 3);
	for (size_t i = 0; i < f->context.trace->rule_count; i++)
		assert_null(strstr(f->context.trace->rules[i].text, "s3cr"));
	trace_clear(&trace);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_other_statuses_can_be_expected),
		CASE(test_an_unexpected_status_comes_before_all_rules),
		CASE(test_rules_that_hold_change_nothing),
		CASE(test_a_broken_rule_is_a_failure_that_says_what_was_there),
		CASE(test_three_broken_rules_are_told_and_the_others_counted),
		CASE(test_what_is_no_json_breaks_no_rule_but_is_invalid),
		CASE(test_without_a_body_pointers_lead_nowhere),
		CASE(test_the_body_is_decoded_for_rules),
		CASE(test_headers_are_looked_at),
		CASE(test_the_duration_is_that_of_all_hops),
		CASE(test_certificates_are_counted_in_days),
		CASE(test_broken_warnings_degrade_and_keep_the_answer),
		CASE(test_what_is_warned_of_may_be_the_status),
		CASE(test_a_warning_that_says_no_status_takes_each_that_is_expected),
		CASE(test_values_keep_their_types_and_order),
		CASE(test_a_missing_value_is_null_and_a_warning),
		CASE(test_values_can_be_taken_from_text),
		CASE(test_more_pointers_than_usual_find_their_values),
		CASE(test_data_false_keeps_only_the_values),
		CASE(test_secret_values_are_for_templates_alone),
		CASE(test_where_a_value_is_secret_nothing_of_the_answer_is_told),
		CASE(test_the_requests_secrets_are_masked_in_values),
		CASE(test_an_echoed_secret_is_not_told_by_rules_not_even_half_of_it),
		CASE(test_a_secret_in_a_header_is_not_told_either),
		CASE(test_a_secret_value_is_masked_in_the_others),
		CASE(test_every_rule_is_traced_with_what_came_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
