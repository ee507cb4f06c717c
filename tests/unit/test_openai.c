#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answers_stage.h"

#define MODEL "gpt-4o-mini-2024-07-18"

static const struct expected_answer answers[] = {
	{ "text", ENDING_NORMAL, "All is well.", "stop", NULL, MODEL,
	    { 21, 5, 0, 0, 26 }, 0 },
	{ "reasoning", ENDING_NORMAL, "42", "stop", NULL, MODEL,
	    { 1050, 210, 192, 1024, 1260 }, 0 },
	{ "cut", ENDING_TRUNCATED, "{\"orders\": [{\"id\": 1}, {\"id\"", "length", NULL,
	    MODEL, { 21, 8, 0, 0, 29 }, 0 },
	{ "cut-thinking", ENDING_TRUNCATED, "", "length", NULL, MODEL,
	    { 21, 64, 64, 0, 85 }, 0 },
	{ "filtered", ENDING_BLOCKED, "", "content_filter", NULL, MODEL,
	    { 21, 0, 0, 0, 21 }, 0 },
	/* It looks like success but for one field. */
	{ "refusal", ENDING_BLOCKED, "", "stop", "I'm sorry, I can't help with that.",
	    MODEL, { 21, 11, 0, 0, 32 }, 0 },
	{ "tool-calls", ENDING_OTHER, "", "tool_calls", NULL, MODEL,
	    { 80, 17, 0, 0, 97 }, 0 },
	{ "null", ENDING_NORMAL, "", "stop", NULL, MODEL, { 21, 0, 0, 0, 21 }, 0 },
	{ "no-choices", ENDING_MISSING, "", NULL, "the answer has no choices", MODEL,
	    NO_USAGE, 0 },
	{ "no-choices-key", ENDING_MISSING, "", NULL, "the answer has no choices",
	    MODEL, NO_USAGE, 0 },
	{ "no-finish", ENDING_MISSING, "Half", NULL, "the answer has no finish_reason",
	    MODEL, { 9, 1, 0, 0, 10 }, 0 },
	{ "no-message", ENDING_MISSING, "", "stop", "the answer has no message", MODEL,
	    { 9, 1, 0, 0, 10 }, 0 },
	{ "error-in-200", ENDING_ERROR, "", NULL, "Provider returned error", NULL,
	    NO_USAGE, 429 },
	{ "error-null", ENDING_NORMAL, "fine", "stop", NULL, MODEL, { 3, 1, 0, 0, 4 },
	    0 },
	{ "choice-error", ENDING_ERROR, "The sh", "error", "Upstream connection lost",
	    MODEL, NO_USAGE, 502 },
	{ "content-parts", ENDING_NORMAL, "All well", "stop", NULL, MODEL,
	    { 9, 2, 0, 0, 11 }, 0 },
	{ "together", ENDING_NORMAL, "Yes.", "eos", NULL, MODEL, { 7, 2, -1, -1, 9 },
	    0 },
	{ "llamacpp", ENDING_NORMAL, "Hello.", "stop", NULL, "gpt-3.5-turbo",
	    { 11, 3, -1, -1, 14 }, 0 },
	{ "vllm", ENDING_NORMAL, "Hello.", "stop", NULL, "meta/llama",
	    { 11, 3, -1, -1, 14 }, 0 },
	{ "no-usage", ENDING_NORMAL, "Hello.", "stop", NULL, NULL, NO_USAGE, 0 },
	{ "error-text", ENDING_ERROR, "", NULL, "unexpected end of input", NULL,
	    NO_USAGE, 0 },
};

static void
test_answers_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++)
		answers_assert_one(API_OPENAI, &answers[i]);
}

/* Of OpenAI's own and of those who speak its API. */
static void
test_only_the_models_own_end_is_success(UNUSED void **state)
{
	static const struct {
		const char *reason;
		enum prompt_ending ending;
	} cases[] = {
		{ "stop", ENDING_NORMAL },
		{ "eos", ENDING_NORMAL },
		{ "length", ENDING_TRUNCATED },
		{ "model_length", ENDING_TRUNCATED },
		{ "content_filter", ENDING_BLOCKED },
		{ "tool_calls", ENDING_OTHER },
		{ "function_call", ENDING_OTHER },
		{ "error", ENDING_OTHER },
		{ "tired", ENDING_OTHER },
		{ "", ENDING_OTHER },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *body = xasprintf("{\"choices\":[{\"message\":{\"content\":\"x\"},"
		                       "\"finish_reason\":\"%s\"}]}",
		    cases[i].reason);

		answers_assert_count(cases[i].reason, "ending",
		    answers_ending_of(API_OPENAI, body), cases[i].ending);
		free(body);
	}
}

static const struct expected_error errors[] = {
	{ "error-rate", 429,
	    "Rate limit reached for gpt-4o-mini in organization org-abc on requests "
	    "per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.",
	    false, true, true, -1 },
	{ "error-slow-down", 429,
	    "You are sending requests too quickly. Please slow down.", false, true,
	    true, -1 },
	{ "error-quota", 429,
	    "You exceeded your current quota, please check your plan and billing "
	    "details.",
	    true, false, false, -1 },
	{ "error-credit", 429, "Your credit balance is used up.", true, false, false,
	    -1 },
	{ "error-spend", 429, "The project has reached its spend limit.", true, false,
	    false, -1 },
	{ "error-overloaded", 503,
	    "The engine is currently overloaded, please try again later.", false, true,
	    true, -1 },
	{ "error-key", 401, "Incorrect API key provided: sk-wrong.", false, false,
	    false, -1 },
	{ "error-llamacpp-loading", 503, "Loading model", false, true, true, -1 },
	{ "error-llamacpp-context", 400,
	    "the request exceeds the available context size, try increasing it", false,
	    false, false, -1 },
	{ "error-vllm-flat", 404, "The model `llama` does not exist.", false, false,
	    false, -1 },
	{ "error-text", 500, "unexpected end of input", false, false, false, -1 },
	{ "error-null-code", 500,
	    "The server had an error while processing your request.", false, false,
	    false, -1 },
};

static void
test_errors_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		answers_assert_error(API_OPENAI, &errors[i]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_read),
		cmocka_unit_test(test_only_the_models_own_end_is_success),
		cmocka_unit_test(test_errors_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
