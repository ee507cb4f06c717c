#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secrets.h"
#include "verdict_prompt_stage.h"

/* ---- recorded answers of all APIs ---- */

/* What becomes of tests/data/answers/API-NAME.json with HTTP_STATUS, 0: 200. What is NULL is
 * null; of a MESSAGE, the start of one. */
struct row {
	enum api api;
	const char *name;
	long http_status;
	enum error_kind kind;
	const char *message;
	const char *response;
	const char *finish_reason;
	int64_t total_tokens;
};

#define GEMINI    API_GEMINI
#define OPENAI    API_OPENAI
#define RESPONSES API_OPENAI_RESPONSES
#define ANTHROPIC API_ANTHROPIC
#define OLLAMA    API_OLLAMA

#define CUT      "the model's answer was cut off"
#define BLOCKED  "the model's answer was blocked"
#define EMPTY    "the model answered with an empty text"
#define ODD      "the model ended in an unexpected way"
#define REPORTED "the provider reported an error"
#define SORRY    "I'm sorry, I can't help with that."

/* clang-format off */
static const struct row good[] = {
	{ GEMINI, "text", 0, KIND_NONE, NULL, "All is well.\n", "stop", 26 },
	{ GEMINI, "cached", 0, KIND_NONE, NULL, "[1,2]", "stop", 2134 },
	{ OPENAI, "text", 0, KIND_NONE, NULL, "All is well.", "stop", 26 },
	{ OPENAI, "no-usage", 0, KIND_NONE, NULL, "Hello.", "stop", -1 },
	{ OPENAI, "vllm", 0, KIND_NONE, NULL, "Hello.", "stop", 14 },
	{ OPENAI, "together", 0, KIND_NONE, NULL, "Yes.", "eos", 9 },
	{ RESPONSES, "text", 0, KIND_NONE, NULL, "All is well.", "completed", 26 },
	{ ANTHROPIC, "text", 0, KIND_NONE, NULL, "All is well.", "end_turn", 26 },
	{ ANTHROPIC, "stop-sequence", 0, KIND_NONE, NULL, "One, two", "stop_sequence", 25 },
	{ OLLAMA, "text", 0, KIND_NONE, NULL, "All is well.", "stop", 31 },
};

static const struct row bad[] = {
	{ GEMINI, "cut", 0, KIND_TRUNCATED, CUT " (max_tokens)", "The shop has sev", "max_tokens", 25 },
	{ GEMINI, "cut-thinking", 0, KIND_TRUNCATED,
	  CUT " before any text, after 64 tokens of reasoning (max_tokens)", NULL, "max_tokens", 85 },
	{ OPENAI, "cut", 0, KIND_TRUNCATED, CUT " (length)", "{\"orders\": [{\"id\": 1}, {\"id\"",
	  "length", 29 },
	{ OPENAI, "cut-thinking", 0, KIND_TRUNCATED, CUT " before any text", NULL, "length", 85 },
	{ RESPONSES, "cut", 0, KIND_TRUNCATED, CUT " (max_output_tokens)", "The shop has sev",
	  "max_output_tokens", 37 },
	{ RESPONSES, "cut-thinking", 0, KIND_TRUNCATED, CUT " before any text", NULL,
	  "max_output_tokens", 85 },
	{ ANTHROPIC, "cut", 0, KIND_TRUNCATED, CUT " (max_tokens)", "The shop has sev",
	  "max_tokens", 37 },
	{ ANTHROPIC, "context-full", 0, KIND_TRUNCATED, CUT " (model_context_window_exceeded)",
	  "The sh", "model_context_window_exceeded", 200000 },
	{ OLLAMA, "cut", 0, KIND_TRUNCATED, CUT " (length)", "The shop has sev", "length", 31 },
	{ OLLAMA, "cut-thinking", 0, KIND_TRUNCATED, CUT " before any text (length)", NULL, "length", 31 },

	{ GEMINI, "prompt-blocked", 0, KIND_BLOCKED, BLOCKED ": PROHIBITED_CONTENT", NULL, NULL, 12 },
	{ GEMINI, "safety", 0, KIND_BLOCKED, BLOCKED ": SAFETY (HARM_CATEGORY_HATE_SPEECH, "
	  "HARM_CATEGORY_DANGEROUS_CONTENT)", NULL, "safety", 14 },
	{ OPENAI, "refusal", 0, KIND_BLOCKED, BLOCKED ": " SORRY, NULL, "stop", 32 },
	{ OPENAI, "filtered", 0, KIND_BLOCKED, BLOCKED ": content_filter", NULL, "content_filter", 21 },
	{ RESPONSES, "refusal", 0, KIND_BLOCKED, BLOCKED ": " SORRY, NULL, "completed", 32 },
	{ RESPONSES, "filtered", 0, KIND_BLOCKED, BLOCKED ": content_filter", NULL, "content_filter", 21 },
	{ ANTHROPIC, "refusal", 0, KIND_BLOCKED, BLOCKED ": This request was declined by the safety "
	  "system.", NULL, "refusal", 22 },
	{ ANTHROPIC, "refusal-silent", 0, KIND_BLOCKED, BLOCKED ": refusal", NULL, "refusal", 22 },

	{ GEMINI, "no-candidates", 0, KIND_INVALID_BODY, "the answer has no candidates", NULL, NULL, 21 },
	{ GEMINI, "empty-text", 0, KIND_INVALID_BODY, EMPTY, NULL, "stop", 21 },
	{ GEMINI, "malformed-call", 0, KIND_INVALID_BODY,
	  ODD " (malformed_function_call): Malformed function call", NULL, "malformed_function_call", 21 },
	{ OPENAI, "no-choices", 0, KIND_INVALID_BODY, "the answer has no choices", NULL, NULL, -1 },
	{ OPENAI, "null", 0, KIND_INVALID_BODY, EMPTY, NULL, "stop", 21 },
	{ OPENAI, "tool-calls", 0, KIND_INVALID_BODY, ODD " (tool_calls)", NULL, "tool_calls", 97 },
	{ RESPONSES, "empty", 0, KIND_INVALID_BODY, EMPTY, NULL, "completed", 21 },
	{ RESPONSES, "no-output", 0, KIND_INVALID_BODY, "the answer has no output", NULL, "completed", 21 },
	{ RESPONSES, "call", 0, KIND_INVALID_BODY, ODD " (function_call)", NULL, "function_call", 97 },
	{ ANTHROPIC, "empty", 0, KIND_INVALID_BODY, EMPTY, NULL, "end_turn", 23 },
	{ ANTHROPIC, "no-content", 0, KIND_INVALID_BODY, "the answer has no content", NULL, "end_turn", 23 },
	{ ANTHROPIC, "tool-use", 0, KIND_INVALID_BODY, ODD " (tool_use)", NULL, "tool_use", 97 },
	{ ANTHROPIC, "unknown-stop", 0, KIND_INVALID_BODY, ODD " (tired)", NULL, "tired", 2 },
	{ OLLAMA, "no-message", 0, KIND_INVALID_BODY, "the answer has no message", NULL, NULL, -1 },
	{ OLLAMA, "tool-call", 0, KIND_INVALID_BODY, ODD " (stop): it calls a tool", NULL, "stop", 31 },

	{ OPENAI, "choice-error", 0, KIND_HTTP, REPORTED ": Upstream connection lost", NULL, "error", -1 },
	{ OPENAI, "error-in-200", 0, KIND_RATE_LIMITED, REPORTED ": Provider returned error", NULL, NULL, -1 },
	{ RESPONSES, "failed", 0, KIND_HTTP, REPORTED ": The model failed to generate a response.",
	  NULL, "failed", -1 },
	{ RESPONSES, "failed-rate", 0, KIND_RATE_LIMITED, REPORTED ": Rate limit reached.", NULL, "failed", 22 },
	{ RESPONSES, "failed-silently", 0, KIND_HTTP, REPORTED, NULL, "failed", -1 },
	{ ANTHROPIC, "in-200", 0, KIND_HTTP, REPORTED ": Overloaded", NULL, NULL, -1 },
	{ OLLAMA, "error-in-200", 0, KIND_HTTP, REPORTED ": ", NULL, NULL, -1 },

	{ GEMINI, "error-key", 400, KIND_HTTP,
	  "returned HTTP 400: API key not valid. Please pass a valid API key.", NULL, NULL, -1 },
	{ GEMINI, "error-rate", 429, KIND_RATE_LIMITED,
	  "returned HTTP 429: You exceeded your current quota", NULL, NULL, -1 },
	{ GEMINI, "error-overloaded", 503, KIND_HTTP,
	  "returned HTTP 503: The model is overloaded. Please try again later.", NULL, NULL, -1 },
	{ OPENAI, "error-quota", 429, KIND_RATE_LIMITED,
	  "returned HTTP 429: You exceeded your current quota", NULL, NULL, -1 },
	{ OPENAI, "error-server", 500, KIND_HTTP,
	  "returned HTTP 500: The server had an error processing your request.", NULL, NULL, -1 },
	{ RESPONSES, "error-rate", 429, KIND_RATE_LIMITED, "returned HTTP 429: Rate limit reached.",
	  NULL, NULL, -1 },
	{ ANTHROPIC, "error-overloaded", 529, KIND_HTTP, "returned HTTP 529: Overloaded", NULL, NULL, -1 },
	{ ANTHROPIC, "error-key", 401, KIND_HTTP, "returned HTTP 401: invalid x-api-key", NULL, NULL, -1 },
	{ OLLAMA, "error-busy", 503, KIND_HTTP, "returned HTTP 503: server busy, please try again. "
	  "maximum pending requests exceeded", NULL, NULL, -1 },
	{ OLLAMA, "error-model", 404, KIND_HTTP, "returned HTTP 404: model ", NULL, NULL, -1 },
};
/* clang-format on */

static void
judge_file(struct stage *stage, enum api api, const char *name, long http_status)
{
	char *keys = xasprintf("api: %s\nbase_url: http://test/\n", api_names[api]);
	struct buffer body;

	set_up(stage, keys, "");
	answers_read_file(api, name, &body);
	answer_bytes(stage, http_status, body.data, body.len);
	judge(stage);
	buffer_clear(&body);
	free(keys);
}

static void
assert_row(const struct row *row)
{
	char *name = xasprintf("%s-%s", api_names[row->api], row->name);
	const struct outcome *outcome;
	struct stage stage;

	judge_file(&stage, row->api, row->name,
	    row->http_status != 0 ? row->http_status : 200);
	outcome = &stage.outcome;
	assert_text(
	    "kind", name, error_kind_names[outcome->kind], error_kind_names[row->kind]);
	assert_int_equal(outcome->status, error_kind_status(row->kind));
	if (row->message == NULL)
		assert_null(outcome->message);
	else if (strncmp(outcome->message, row->message, strlen(row->message)) != 0)
		fail_msg("%s: %s", name, outcome->message);
	assert_text("response", name, outcome->prompt->response, row->response);
	assert_text(
	    "finish_reason", name, outcome->prompt->finish_reason, row->finish_reason);
	if (outcome->prompt->usage.total != row->total_tokens)
		fail_msg(
		    "%s: %lld tokens", name, (long long)outcome->prompt->usage.total);
	assert_null(outcome->data);
	assert_int_equal(outcome->excerpt != NULL, row->kind != KIND_NONE);
	tear_down(&stage);
	free(name);
}

static void
test_good_answers_of_all_apis(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		assert_row(&good[i]);
}

static void
test_answers_that_are_not_good_are_told_apart_on_all_apis(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_row(&bad[i]);
}

/* ---- advice ---- */

static void
assert_advice(const char *name, long http_status, int64_t retry_after_ms,
    bool push_back, bool exhausted)
{
	struct buffer body;
	struct stage stage;

	set_up(&stage, "", "");
	answers_read_file(API_OPENAI, name, &body);
	answer_bytes(&stage, http_status, body.data, body.len);
	stage.response.retry_after_ms = retry_after_ms;
	judge(&stage);
	assert_int_equal(stage.advice.push_back, push_back);
	assert_int_equal(stage.advice.exhausted, exhausted);
	assert_int_equal(stage.advice.wait_ms, retry_after_ms);
	buffer_clear(&body);
	tear_down(&stage);
}

static void
test_what_a_provider_says_of_asking_again_is_passed_on(UNUSED void **state)
{
	assert_advice("text", 200, -1, false, false);
	assert_advice("cut", 200, -1, false, false);
	assert_advice("error-rate", 429, -1, true, false);
	assert_advice("error-rate", 429, 7000, true, false);
	assert_advice("error-quota", 429, -1, false, true);
	assert_advice("error-overloaded", 503, -1, true, false);
	assert_advice("error-server", 500, -1, false, false);
	assert_advice("error-in-200", 200, -1, true, false);
}

static void
test_a_503_that_names_a_time_is_a_limit(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "", "");
	answer(&stage, 503, "<html>busy</html>");
	judge(&stage);
	assert_fault(&stage, KIND_HTTP, "returned HTTP 503");
	assert_string_equal(stage.outcome.excerpt, "<html>busy</html>");
	assert_true(stage.advice.overloaded);
	assert_false(stage.advice.push_back);

	answer(&stage, 503, "<html>busy</html>");
	stage.response.retry_after_ms = 3000;
	judge(&stage);
	assert_fault(&stage, KIND_RATE_LIMITED, "returned HTTP 503");
	assert_true(stage.advice.push_back);
	assert_int_equal(stage.advice.wait_ms, 3000);
	tear_down(&stage);
}

static void
test_faults_of_the_connection_are_those_of_services(UNUSED void **state)
{
	static const struct {
		enum response_result result;
		enum error_kind kind;
		bool overloaded;
	} rows[] = {
		{ RESPONSE_TIMEOUT, KIND_TIMEOUT, true },
		{ RESPONSE_CONNECT, KIND_CONNECT, true },
		{ RESPONSE_DNS, KIND_DNS, false },
		{ RESPONSE_TLS, KIND_TLS, false },
		{ RESPONSE_PROTOCOL, KIND_PROTOCOL, false },
		{ RESPONSE_TOO_LARGE, KIND_TOO_LARGE, false },
		{ RESPONSE_INTERNAL, KIND_INTERNAL, false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage stage;

		set_up(&stage, "", "");
		answer(&stage, 0, "");
		stage.response.result = rows[i].result;
		stage.response.phase = PHASE_FIRST_BYTE;
		judge(&stage);
		assert_int_equal(stage.outcome.kind, rows[i].kind);
		assert_non_null(stage.outcome.message);
		assert_string_equal(stage.outcome.prompt->model, "m0");
		assert_false(stage.advice.push_back);
		assert_false(stage.advice.exhausted);
		assert_int_equal(stage.advice.overloaded, rows[i].overloaded);
		assert_int_equal(stage.advice.wait_ms, -1);
		assert_int_equal(stage.outcome.prompt->cost, -1);
		tear_down(&stage);
	}
}

/* ---- what is known beside the answer ---- */

static void
test_a_good_answer_tells_model_usage_and_cost(UNUSED void **state)
{
	const struct outcome_prompt *prompt;
	struct stage stage;

	set_up(&stage, "price: {input: 0.15, output: 0.6}\n", "");
	answer(&stage, 200, CHAT("All is well."));
	stage.response.head =
	    xstrdup("HTTP/1.1 200 OK\r\nx-request-id:  req_4711 \r\n\r\n");
	judge(&stage);
	prompt = stage.outcome.prompt;
	assert_int_equal(stage.outcome.status, STATUS_OK);
	assert_int_equal(stage.outcome.http_status, 200);
	assert_string_equal(prompt->response, "All is well.");
	assert_int_equal(prompt->response_len, 12);
	assert_string_equal(prompt->model, "m-1");
	assert_string_equal(prompt->request_id, "req_4711");
	assert_int_equal(prompt->usage.input, 21);
	assert_int_equal(prompt->usage.output, 5);
	/* 21 x 0.15 and 5 x 0.6, both for a million. */
	assert_int_equal(prompt->cost, INT64_C(6150000));
	assert_null(stage.outcome.excerpt);
	tear_down(&stage);
}

static void
test_a_cost_needs_both_prices_and_the_usage(UNUSED void **state)
{
	static const char *const keys[] = { "", "price: {input: 1}\n",
		"price: {output: 1}\n" };
	struct stage stage;

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		set_up(&stage, keys[i], "");
		answer(&stage, 200, CHAT("x"));
		judge(&stage);
		assert_int_equal(stage.outcome.prompt->cost, -1);
		tear_down(&stage);
	}
	set_up(&stage, "price: {input: 1, output: 1}\n", "");
	answer(&stage, 200,
	    "{\"choices\":[{\"message\":{\"content\":\"x\"},"
	    "\"finish_reason\":\"stop\"}]}");
	judge(&stage);
	assert_int_equal(stage.outcome.status, STATUS_OK);
	assert_int_equal(stage.outcome.prompt->cost, -1);
	assert_string_equal(stage.outcome.prompt->model, "m0");
	/* Whoever says that it took so much is not believed to cost less than nothing. */
	answer(&stage, 200,
	    "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":"
	    "\"stop\"}],\"usage\":{\"prompt_tokens\":9007199254740992,"
	    "\"completion_tokens\":9007199254740992}}");
	judge(&stage);
	assert_int_equal(stage.outcome.prompt->cost, -1);
	tear_down(&stage);
}

static void
test_free_models_cost_nothing(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "price: {input: 0, output: 0}\n", "");
	answer(&stage, 200, CHAT("x"));
	judge(&stage);
	assert_int_equal(stage.outcome.prompt->cost, 0);
	tear_down(&stage);
}

/* ---- the status, and what the API's answer is in ---- */

static void
test_expect_can_only_be_stricter_about_the_status(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "", "expect: {status: [201, 404]}\n");
	answer(&stage, 200, CHAT("x"));
	judge(&stage);
	assert_fault(&stage, KIND_HTTP, "returned HTTP 200 (expected 201, 404)");
	answer(&stage, 404, CHAT("x"));
	judge(&stage);
	assert_fault(&stage, KIND_HTTP, "returned HTTP 404");
	answer(&stage, 201, CHAT("x"));
	judge(&stage);
	assert_int_equal(stage.outcome.status, STATUS_OK);
	tear_down(&stage);
}

static void
test_a_redirect_is_no_answer(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "", "");
	answer(&stage, 302, "");
	judge(&stage);
	assert_fault(&stage, KIND_HTTP, "returned HTTP 302");
	tear_down(&stage);
}

static void
test_what_is_not_json_is_no_answer_of_an_api(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "", "");
	answer(&stage, 200, "<html>hello</html>");
	judge(&stage);
	assert_fault(&stage, KIND_INVALID_BODY,
	    "the provider's answer is not valid JSON: syntax error at byte 0");
	assert_string_equal(stage.outcome.excerpt, "<html>hello</html>");
	answer(&stage, 204, "");
	judge(&stage);
	assert_fault(&stage, KIND_INVALID_BODY,
	    "the provider's answer is not valid JSON: it is empty");
	answer(&stage, 200, "{\"choices\":[{\"mess");
	judge(&stage);
	assert_int_equal(stage.outcome.kind, KIND_INVALID_BODY);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_answers_of_all_apis),
		cmocka_unit_test(
		    test_answers_that_are_not_good_are_told_apart_on_all_apis),
		cmocka_unit_test(
		    test_what_a_provider_says_of_asking_again_is_passed_on),
		cmocka_unit_test(test_a_503_that_names_a_time_is_a_limit),
		cmocka_unit_test(test_faults_of_the_connection_are_those_of_services),
		cmocka_unit_test(test_a_good_answer_tells_model_usage_and_cost),
		cmocka_unit_test(test_a_cost_needs_both_prices_and_the_usage),
		cmocka_unit_test(test_free_models_cost_nothing),
		cmocka_unit_test(test_expect_can_only_be_stricter_about_the_status),
		cmocka_unit_test(test_a_redirect_is_no_answer),
		cmocka_unit_test(test_what_is_not_json_is_no_answer_of_an_api),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
