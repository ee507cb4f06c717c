#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answers_stage.h"

#define NO_WAIT INT64_C(-1)
#define YEAR_MS (INT64_C(365) * 86400 * 1000)

/* ---- what servers of the one API say that speak with others' words ---- */

static const struct expected_error openai_errors[] = {
	{ "error-organization-spend", 429,
	    "The organization has reached its spend limit.", true, false, false,
	    NO_WAIT },
	/* The type says something else: the code is what counts. */
	{ "error-organization-usage", 429,
	    "The organization has reached its usage limit.", true, false, false,
	    NO_WAIT },
	{ "error-server", 500, "The server had an error processing your request.",
	    false, false, false, NO_WAIT },
	{ "error-code-text", 429, "Too many requests", false, true, true, NO_WAIT },
	{ "error-code-only", 404, "model_not_found", false, false, false, NO_WAIT },
	{ "error-fastapi", 422, "Field required", false, false, false, NO_WAIT },
	{ "error-detail", 404, "Not Found", false, false, false, NO_WAIT },
	{ "error-gateway", 503, "no healthy upstream", false, true, true, NO_WAIT },
	{ "error-in-flight-budget", 402, "Insufficient credits for requests in flight",
	    true, false, false, NO_WAIT },
	{ "error-of-gemini", 429, "You exceeded your current quota.", false, true, true,
	    12000 },
};

static const struct expected_error gemini_errors[] = {
	{ "error-none", 429, "Quota exceeded, limit: 0", true, false, false, 3000 },
	{ "error-deadline", 504, "Deadline expired before operation could complete.",
	    false, false, false, NO_WAIT },
	{ "error-location", 400, "User location is not supported for the API use.",
	    false, false, false, NO_WAIT },
};

static void
test_words_of_other_servers_are_known(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(openai_errors); i++)
		answers_assert_error(API_OPENAI, &openai_errors[i]);
	for (size_t i = 0; i < ARRAY_COUNT(gemini_errors); i++)
		answers_assert_error(API_GEMINI, &gemini_errors[i]);
}

/* ---- responses that are made here ---- */

struct made {
	enum api api;
	long http_status;
	int64_t retry_after_ms;
	const char *head; /* NULL: none */
	const char *body;
};

static void
read_len(const struct made *made, size_t len, struct prompt_error *error)
{
	struct response response = {
		.http_status = made->http_status,
		.retry_after_ms = made->retry_after_ms,
		.head = made->head != NULL ? xstrdup(made->head) : NULL,
		.body = xmemdup0(made->body, len),
		.body_len = len,
	};

	prompt_read_error(made->api, &response, made->http_status, error);
	assert_memory_equal(response.body, made->body, len);
	free(response.head);
	free(response.body);
}

static void
read_made(const struct made *made, struct prompt_error *error)
{
	read_len(made, strlen(made->body), error);
}

/* A 429 of API with HEAD and, in Gemini's way, a DELAY in its body (NULL: none). */
static struct prompt_advice
advice_of(enum api api, const char *head, int64_t retry_after_ms, const char *delay)
{
	char *body = delay != NULL
	    ? xasprintf("{\"error\":{\"details\":[{\"retryDelay\":%s}]}}", delay)
	    : xstrdup("");
	struct made made = { api, 429, retry_after_ms, head, body };
	struct prompt_error error;

	read_made(&made, &error);
	prompt_error_clear(&error);
	free(body);
	return error.advice;
}

/* ---- waits ---- */

static void
test_nothing_is_advised_at_first(UNUSED void **state)
{
	struct prompt_advice advice;

	prompt_advice_init(&advice);
	assert_false(advice.exhausted || advice.push_back || advice.overloaded);
	assert_int_equal(advice.wait_ms, NO_WAIT);
	assert_int_equal(advice.should_retry, -1);
}

static void
assert_delay(const char *delay, int64_t wait_ms)
{
	struct prompt_advice advice = advice_of(API_GEMINI, NULL, -1, delay);

	if (advice.wait_ms != wait_ms)
		fail_msg("%s: %lld", delay, (long long)advice.wait_ms);
	assert_true(advice.push_back);
}

static void
test_delays_in_the_body_are_durations_of_protobuf(UNUSED void **state)
{
	assert_delay("\"37s\"", 37000);
	assert_delay("\"0s\"", 0);
	assert_delay("\"0.5s\"", 500);
	assert_delay("\"34.074824224s\"", 34075);
	assert_delay("\"0.000000001s\"", 1);
	assert_delay("\"315576000000s\"", YEAR_MS);
	assert_delay("\"99999999999999999999999999999999999999s\"", YEAR_MS);
}

static void
test_delays_that_are_none_are_passed_over(UNUSED void **state)
{
	static const char *const delays[] = { "\"\"", "\"s\"", "\"37\"", "\"-1s\"",
		"\"37 s\"", "\" 37s\"", "\"37ms\"", "\"37s \"", "\".5s\"", "\"1e3s\"",
		"\"0x10s\"", "\"nans\"", "37", "null", "{\"seconds\":37}",
		"\"3\\u00007s\"" };

	for (size_t i = 0; i < ARRAY_COUNT(delays); i++)
		assert_delay(delays[i], NO_WAIT);
}

static void
test_the_exact_header_wins_over_the_other(UNUSED void **state)
{
	static const struct {
		const char *head;
		int64_t retry_after_ms, wait_ms;
	} rows[] = {
		{ "HTTP/1.1 429 X\r\nretry-after-ms: 152\r\n", 1000, 152 },
		{ "HTTP/1.1 429 X\r\nRetry-After-Ms: 152.5\r\n", -1, 153 },
		{ "HTTP/1.1 429 X\r\nretry-after-ms: 0\r\n", 1000, 0 },
		{ "HTTP/1.1 429 X\r\nretry-after-ms: soon\r\n", 1000, 1000 },
		{ "HTTP/1.1 429 X\r\nretry-after-ms: -5\r\n", -1, -1 },
		{ "HTTP/1.1 429 X\r\nretry-after-ms:\r\n", 2000, 2000 },
		{ "HTTP/1.1 429 X\r\nx-retry-after-ms: 5\r\n", 2000, 2000 },
		{ NULL, 2000, 2000 },
		{ NULL, INT64_MAX / 2, YEAR_MS },
		{ "HTTP/1.1 429 X\r\nretry-after-ms: 99999999999999999999\r\n", -1,
		    YEAR_MS },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_int_equal(
		    advice_of(API_OPENAI, rows[i].head, rows[i].retry_after_ms, NULL)
		        .wait_ms,
		    rows[i].wait_ms);
}

static void
test_of_header_and_body_the_longer_wait_counts(UNUSED void **state)
{
	assert_int_equal(advice_of(API_GEMINI, NULL, 5000, "\"2s\"").wait_ms, 5000);
	assert_int_equal(advice_of(API_GEMINI, NULL, 1000, "\"2s\"").wait_ms, 2000);
}

/* ---- statuses ---- */

/* As "push_back overloaded exhausted", each by its letter. */
static void
assert_advised(
    long http_status, int64_t retry_after_ms, const char *body, const char *expected)
{
	struct made made = { API_OPENAI, http_status, retry_after_ms, NULL, body };
	struct prompt_error error;
	char letters[4];

	read_made(&made, &error);
	letters[0] = error.advice.push_back ? 'p' : '-';
	letters[1] = error.advice.overloaded ? 'o' : '-';
	letters[2] = error.advice.exhausted ? 'e' : '-';
	letters[3] = '\0';
	if (strcmp(letters, expected) != 0)
		fail_msg("%ld %s: %s", http_status, body, letters);
	prompt_error_clear(&error);
}

#define OWN  "{\"error\":{\"message\":\"m\"}}"
#define HTML "<html><body>503</body></html>"

static void
test_statuses_are_push_back_or_not(UNUSED void **state)
{
	assert_advised(429, -1, "", "po-");
	assert_advised(429, 1000, HTML, "po-");
	assert_advised(529, -1, "", "po-");
	/* A gateway's 503 may be one of a restart. */
	assert_advised(503, -1, "", "-o-");
	assert_advised(503, -1, HTML, "-o-");
	assert_advised(503, -1, "{}", "-o-");
	assert_advised(503, -1, "{\"error\":null}", "-o-");
	assert_advised(503, 1000, HTML, "po-");
	assert_advised(503, -1, OWN, "po-");
	assert_advised(402, -1, OWN, "--e");
	assert_advised(402, -1, "", "--e");
	for (long http_status = 400; http_status < 600; http_status++) {
		if (http_status == 402 || http_status == 429 || http_status == 503 ||
		    http_status == 529)
			continue;
		assert_advised(http_status, -1, OWN, "---");
	}
}

static void
test_used_up_is_no_push_back_whatever_the_status(UNUSED void **state)
{
	static const char quota[] = "{\"error\":{\"code\":\"insufficient_quota\"}}";

	assert_advised(429, -1, quota, "--e");
	assert_advised(429, 1000, quota, "--e");
	assert_advised(503, -1, quota, "--e");
	assert_advised(403, -1, quota, "--e");
	assert_advised(200, -1, quota, "--e");
}

static void
test_an_error_in_a_good_status_goes_by_its_words(UNUSED void **state)
{
	assert_advised(200, -1, "{\"error\":{\"code\":429}}", "po-");
	assert_advised(200, -1, "{\"error\":{\"code\":\"slow_down\"}}", "po-");
	assert_advised(0, -1, "{\"error\":{\"status\":\"UNAVAILABLE\"}}", "po-");
	assert_advised(200, -1, "{\"error\":{\"code\":\"402\"}}", "--e");
	assert_advised(200, -1, "{\"error\":{\"code\":500}}", "---");
	assert_advised(200, -1, "{\"error\":\"who knows\"}", "---");
	/* A bad one is not talked away. */
	assert_advised(400, -1, "{\"error\":{\"code\":429}}", "---");
}

static void
test_payment_that_names_a_time_asks_to_be_tried_again(UNUSED void **state)
{
	struct made made = { API_GEMINI, 402, 3000, NULL, OWN };
	struct prompt_error error;

	read_made(&made, &error);
	assert_false(error.advice.exhausted);
	assert_false(error.advice.push_back);
	assert_int_equal(error.advice.wait_ms, 3000);
	assert_int_equal(error.advice.should_retry, 1);
	prompt_error_clear(&error);
}

static void
test_should_retry_counts_where_the_vendors_clients_heed_it(UNUSED void **state)
{
	static const char yes[] = "HTTP/1.1 429 X\r\nX-Should-Retry: true\r\n";
	static const char no[] = "HTTP/1.1 429 X\r\nx-should-retry: false\r\n";
	static const char odd[] = "HTTP/1.1 429 X\r\nx-should-retry: maybe\r\n";
	static const enum api heeding[] = { API_OPENAI, API_OPENAI_RESPONSES,
		API_ANTHROPIC };

	for (size_t i = 0; i < ARRAY_COUNT(heeding); i++) {
		assert_int_equal(advice_of(heeding[i], yes, -1, NULL).should_retry, 1);
		assert_int_equal(advice_of(heeding[i], no, -1, NULL).should_retry, 0);
		assert_int_equal(advice_of(heeding[i], odd, -1, NULL).should_retry, -1);
	}
	assert_int_equal(advice_of(API_GEMINI, yes, -1, NULL).should_retry, -1);
	assert_int_equal(advice_of(API_OLLAMA, no, -1, NULL).should_retry, -1);
}

/* ---- bodies ---- */

static void
assert_message(const char *body, const char *message)
{
	struct made made = { API_OPENAI, 500, -1, NULL, body };
	struct prompt_error error;

	read_made(&made, &error);
	answers_assert_text(body, "message", error.message, message);
	prompt_error_clear(&error);
}

static void
test_the_message_is_found_in_all_shapes(UNUSED void **state)
{
	assert_message(" { \"error\" : { \"message\" : \"m\" } } ", "m");
	assert_message("[{\"error\":{\"message\":\"m\"}}]", "m");
	assert_message("{\"error\":\"m\"}", "m");
	assert_message("{\"error\":\"e\",\"error_description\":\"m\"}", "m");
	assert_message("{\"message\":\"m\"}", "m");
	assert_message("{\"object\":\"error\",\"message\":\"m\",\"code\":500}", "m");
	assert_message("{\"error\":{\"message\":\"\",\"type\":\"t\"}}", "t");
	assert_message("{\"error\":{\"code\":7,\"status\":\"INTERNAL\"}}", "INTERNAL");
	assert_message("{\"error\":{\"message\":\"\\u00e4\\n\"}}", "\xC3\xA4\n");
	/* The last of doubled keys, as for all readers of ours. */
	assert_message("{\"error\":{\"message\":\"a\",\"message\":\"m\"}}", "m");
}

static void
test_other_bodies_have_no_message(UNUSED void **state)
{
	static const char *const bodies[] = { "", " ", HTML, "Too Many Requests",
		"null", "true", "429", "\"text\"", "[]", "{}", "[[{\"error\":\"m\"}]]",
		"{\"error\":null}", "{\"error\":{}}", "{\"error\":[]}",
		"{\"error\":[\"m\"]}", "{\"error\":{\"message\":{\"a\":1}}}",
		"{\"error\":{\"message\":\"cut off", "{\"error\":{\"message\":\"\"}}",
		"{\"error\":{\"message\":\"\\ud800\"}}" };

	for (size_t i = 0; i < ARRAY_COUNT(bodies); i++)
		assert_message(bodies[i], NULL);
}

static void
test_what_is_not_utf8_hides_nothing_else(UNUSED void **state)
{
	static const char body[] =
	    "{\"error\":{\"message\":\"bad: \xFF\xC3\",\"code\":\"insufficient_quota\"}}";
	struct made made = { API_OPENAI, 429, -1, NULL, body };
	struct prompt_error error;

	read_made(&made, &error);
	assert_string_equal(error.message, "bad: \xEF\xBF\xBD\xEF\xBF\xBD");
	assert_true(error.advice.exhausted);
	prompt_error_clear(&error);
}

static void
test_a_nul_is_no_end(UNUSED void **state)
{
	static const char body[] = "{\"error\":{\"message\":\"m\"}}\0{";
	struct made made = { API_OPENAI, 429, -1, NULL, body };
	struct prompt_error error;

	read_len(&made, sizeof(body) - 1, &error);
	assert_null(error.message);
	assert_true(error.advice.push_back);
	prompt_error_clear(&error);
}

/* TEXT so often, between the two others. The caller's. */
static char *
repeated(const char *before, const char *text, size_t count, const char *after)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, before);
	for (size_t i = 0; i < count; i++)
		buffer_append_string(&out, text);
	buffer_append_string(&out, after);
	return buffer_take(&out);
}

static void
test_huge_and_deep_bodies_are_bounded(UNUSED void **state)
{
	char *bodies[] = {
		repeated("", "[", 500000, ""),
		repeated("{\"error\":", "{\"error\":", 100000, ""),
		repeated("{\"error\":{\"message\":\"", "0123456789", 200000, "\"}}"),
		repeated("{\"error\":{\"details\":[0", ",{\"violations\":[{}]}", 40000,
		    "]}}"),
		repeated("{\"a\":1", ",\"error\":{\"a\":1}", 60000, "}"),
	};

	for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
		struct made made = { API_GEMINI, 429, -1, NULL, bodies[i] };
		struct prompt_error error;

		read_made(&made, &error);
		assert_null(error.message);
		assert_true(error.advice.push_back);
		prompt_error_clear(&error);
		free(bodies[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_of_other_servers_are_known),
		cmocka_unit_test(test_nothing_is_advised_at_first),
		cmocka_unit_test(test_delays_in_the_body_are_durations_of_protobuf),
		cmocka_unit_test(test_delays_that_are_none_are_passed_over),
		cmocka_unit_test(test_the_exact_header_wins_over_the_other),
		cmocka_unit_test(test_of_header_and_body_the_longer_wait_counts),
		cmocka_unit_test(test_statuses_are_push_back_or_not),
		cmocka_unit_test(test_used_up_is_no_push_back_whatever_the_status),
		cmocka_unit_test(test_an_error_in_a_good_status_goes_by_its_words),
		cmocka_unit_test(test_payment_that_names_a_time_asks_to_be_tried_again),
		cmocka_unit_test(
		    test_should_retry_counts_where_the_vendors_clients_heed_it),
		cmocka_unit_test(test_the_message_is_found_in_all_shapes),
		cmocka_unit_test(test_other_bodies_have_no_message),
		cmocka_unit_test(test_what_is_not_utf8_hides_nothing_else),
		cmocka_unit_test(test_a_nul_is_no_end),
		cmocka_unit_test(test_huge_and_deep_bodies_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
