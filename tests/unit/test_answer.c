#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answers_stage.h"

static void
read_json(enum api api, const char *json, struct prompt_answer *answer)
{
	struct buffer body;

	buffer_init(&body, BUFFER_UNLIMITED);
	buffer_append_string(&body, json);
	answers_read(api, &body, 0, answer);
	buffer_clear(&body);
}

/* ---- usage ---- */

static void
test_usage_is_known_as_soon_as_anything_is(UNUSED void **state)
{
	struct prompt_usage usage = NO_USAGE;
	int64_t *const counts[] = { &usage.input, &usage.output, &usage.reasoning,
		&usage.cached, &usage.total };

	assert_false(prompt_usage_is_known(&usage));
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		prompt_usage_init(&usage);
		assert_int_equal(*counts[i], -1);
		*counts[i] = 0;
		assert_true(prompt_usage_is_known(&usage));
	}
}

#define WITH_USAGE(usage)                                                              \
	"{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," \
	"\"usage\":" usage "}"

static void
test_the_total_is_the_sum_unless_it_is_told(UNUSED void **state)
{
	static const struct {
		const char *json;
		int64_t total;
	} rows[] = {
		{ WITH_USAGE("{\"prompt_tokens\":3,\"completion_tokens\":4}"), 7 },
		{ WITH_USAGE("{\"prompt_tokens\":3,\"completion_tokens\":4,"
		             "\"total_tokens\":9}"),
		    9 },
		{ WITH_USAGE("{\"prompt_tokens\":3}"), -1 },
		{ WITH_USAGE("{\"completion_tokens\":4}"), -1 },
		{ WITH_USAGE("{\"prompt_tokens\":9007199254740992,"
		             "\"completion_tokens\":9007199254740992}"),
		    INT64_C(1) << 54 },
		{ WITH_USAGE("null"), -1 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct prompt_answer answer;

		read_json(API_OPENAI, rows[i].json, &answer);
		assert_int_equal(answer.usage.total, rows[i].total);
		prompt_answer_clear(&answer);
	}
}

/* ---- errors in good answers ---- */

static const struct {
	const char *json;
	const char *why;
	long error_status;
} errors[] = {
	{ "{\"error\":{\"message\":\"m\",\"code\":429}}", "m", 429 },
	{ "{\"error\":{\"message\":\"m\",\"code\":\"503\"}}", "m", 503 },
	{ "{\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\"}}", "m",
	    429 },
	{ "{\"error\":{\"message\":\"m\",\"code\":null,\"type\":\"server_error\"}}",
	    "m", 500 },
	{ "{\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}", "m", 529 },
	{ "{\"error\":{\"message\":\"m\",\"status\":\"PERMISSION_DENIED\"}}", "m",
	    403 },
	{ "{\"error\":{\"message\":\"m\",\"type\":\"x\",\"details\":"
	  "{\"error_code\":\"enforced_spend_limit_reached\"}}}",
	    "m", 429 },
	/* What is no status of a failure says nothing. */
	{ "{\"error\":{\"message\":\"m\",\"code\":200}}", "m", 0 },
	{ "{\"error\":{\"message\":\"m\",\"code\":-32000}}", "m", 0 },
	{ "{\"error\":{\"message\":\"m\",\"code\":99999999999999999999}}", "m", 0 },
	{ "{\"error\":{\"message\":\"m\",\"code\":\"429 \"}}", "m", 0 },
	{ "{\"error\":{\"message\":\"m\",\"code\":[429]}}", "m", 0 },
	{ "{\"error\":{\"message\":\"m\"}}", "m", 0 },
	{ "{\"error\":\"m\"}", "m", 0 },
	{ "[{\"error\":{\"message\":\"m\",\"code\":404}},{}]", "m", 404 },
	{ "{\"error\":{\"code\":404}}", NULL, 404 },
	{ "{\"error\":[{\"message\":\"m\"}]}", NULL, 0 },
	{ "{\"error\":true}", NULL, 0 },
};

static void
test_an_error_is_found_before_anything_else(UNUSED void **state)
{
	for (int api = 0; api < API_COUNT; api++) {
		for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
			const char *json = errors[i].json;
			struct prompt_answer answer;

			read_json((enum api)api, json, &answer);
			assert_int_equal(answer.ending, ENDING_ERROR);
			answers_assert_text(json, "why", answer.why, errors[i].why);
			assert_int_equal(answer.error_status, errors[i].error_status);
			assert_string_equal(answer.text.data, "");
			prompt_answer_clear(&answer);
		}
	}
}

/* An answer of each API, which says no error in so many ways. */
static const char *const whole[API_COUNT] = {
	[API_GEMINI] = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},"
	               "\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\"%s}",
	[API_OPENAI] = "{\"choices\":[{\"message\":{\"content\":\"x\"},"
	               "\"finish_reason\":\"stop\"}],\"model\":\"m\"%s}",
	[API_OPENAI_RESPONSES] =
	    "{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":["
	    "{\"type\":\"output_text\",\"text\":\"x\"}]}],\"model\":\"m\"%s}",
	[API_ANTHROPIC] = "{\"content\":[{\"type\":\"text\",\"text\":\"x\"}],"
	                  "\"stop_reason\":\"end_turn\",\"model\":\"m\"%s}",
	[API_OLLAMA] = "{\"message\":{\"content\":\"x\"},\"done\":true,"
	               "\"done_reason\":\"stop\",\"model\":\"m\"%s}",
};

static void
read_whole(int api, const char *more, struct prompt_answer *answer)
{
	char *json = xasprintf(whole[api], more);

	read_json((enum api)api, json, answer);
	free(json);
}

static void
test_an_error_that_is_nothing_is_none(UNUSED void **state)
{
	static const char *const more[] = { "", ",\"error\":null", ",\"error\":{}",
		",\"error\":\"\"", ",\"error\":[]", ",\"error\":false",
		",\"error\":{\"message\":\"m\"},\"error\":null",
		",\"message_\":\"m\",\"detail\":\"m\"" };

	for (int api = 0; api < API_COUNT; api++) {
		for (size_t i = 0; i < ARRAY_COUNT(more); i++) {
			struct prompt_answer answer;

			read_whole(api, more[i], &answer);
			assert_int_equal(answer.ending, ENDING_NORMAL);
			assert_string_equal(answer.text.data, "x");
			assert_string_equal(answer.model, "m");
			assert_null(answer.why);
			assert_int_equal(answer.error_status, 0);
			prompt_answer_clear(&answer);
		}
	}
}

static void
test_of_an_answer_with_an_error_the_text_does_not_count(UNUSED void **state)
{
	for (int api = 0; api < API_COUNT; api++) {
		struct prompt_answer answer;

		read_whole(api, ",\"error\":{\"message\":\"m\"}", &answer);
		assert_int_equal(answer.ending, ENDING_ERROR);
		assert_string_equal(answer.text.data, "");
		assert_string_equal(answer.why, "m");
		assert_string_equal(answer.model, "m");
		prompt_answer_clear(&answer);
	}
}

static void
test_what_is_no_object_is_no_answer(UNUSED void **state)
{
	static const char *const bodies[] = { "null", "true", "1", "\"text\"", "[]",
		"[[]]", "[1]", "{}", "{\"\":\"\"}" };

	for (int api = 0; api < API_COUNT; api++) {
		for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
			struct prompt_answer answer;

			read_json((enum api)api, bodies[i], &answer);
			assert_int_equal(answer.ending, ENDING_MISSING);
			assert_non_null(answer.why);
			assert_false(prompt_usage_is_known(&answer.usage));
			prompt_answer_clear(&answer);
		}
	}
}

/* ---- the name of the request ---- */

static void
assert_request_id(const char *head, const char *expected)
{
	struct response response = { .head = head != NULL ? xstrdup(head) : NULL };
	char *id = prompt_request_id(&response);

	answers_assert_text(head != NULL ? head : "", "id", id, expected);
	free(id);
	free(response.head);
}

static void
test_the_request_is_named_by_the_provider(UNUSED void **state)
{
	assert_request_id(NULL, NULL);
	assert_request_id("HTTP/1.1 200 OK\r\nA: b\r\n", NULL);
	assert_request_id("HTTP/1.1 200 OK\r\nX-Request-Id: req_1\r\n", "req_1");
	assert_request_id("HTTP/2 200\r\nrequest-id:  req_2 \r\n", "req_2");
	assert_request_id("HTTP/2 200\r\nx-request-id:\r\n", NULL);
	assert_request_id("HTTP/2 200\r\nmy-request-id: a\r\n", NULL);
	/* A proxy in front of one that has its own. */
	assert_request_id(
	    "HTTP/2 200\r\nx-request-id: proxy\r\nrequest-id: req_2\r\n", "req_2");
	assert_request_id(
	    "HTTP/2 200\r\nx-request-id: req_3\r\nrequest-id:\r\n", "req_3");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage_is_known_as_soon_as_anything_is),
		cmocka_unit_test(test_the_total_is_the_sum_unless_it_is_told),
		cmocka_unit_test(test_an_error_is_found_before_anything_else),
		cmocka_unit_test(test_an_error_that_is_nothing_is_none),
		cmocka_unit_test(
		    test_of_an_answer_with_an_error_the_text_does_not_count),
		cmocka_unit_test(test_what_is_no_object_is_no_answer),
		cmocka_unit_test(test_the_request_is_named_by_the_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
