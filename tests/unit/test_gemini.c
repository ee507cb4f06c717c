#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answers_stage.h"

#define MODEL "gemini-2.0-flash"

static const struct expected_answer answers[] = {
	{ "text", ENDING_NORMAL, "All is well.\n", "STOP", NULL, MODEL,
	    { 21, 5, -1, -1, 26 }, 0 },
	/* What it thought is no part of what it says, but has to be paid for. */
	{ "thoughts", ENDING_NORMAL,
	    "The shop is \"fine\" \xe2\x80\x93 3\xc2\xa0\xe2\x82\xac.", "STOP", NULL,
	    MODEL, { 40, 131, 122, -1, 171 }, 0 },
	{ "cached", ENDING_NORMAL, "[1,2]", "STOP", NULL, MODEL,
	    { 2130, 4, -1, 2048, 2134 }, 0 },
	{ "prompt-blocked", ENDING_BLOCKED, "", NULL, "PROHIBITED_CONTENT", MODEL,
	    { 12, 0, -1, -1, 12 }, 0 },
	{ "prompt-unsafe", ENDING_BLOCKED, "", NULL,
	    "SAFETY: The prompt was flagged. (HARM_CATEGORY_DANGEROUS_CONTENT)", MODEL,
	    { 12, 0, -1, -1, 12 }, 0 },
	{ "safety", ENDING_BLOCKED, "", "SAFETY",
	    "SAFETY (HARM_CATEGORY_HATE_SPEECH, HARM_CATEGORY_DANGEROUS_CONTENT)",
	    MODEL, { 14, 0, -1, -1, 14 }, 0 },
	{ "recitation", ENDING_BLOCKED, "It was the best of times", "RECITATION",
	    "RECITATION", MODEL, { 14, 6, -1, -1, 20 }, 0 },
	{ "cut", ENDING_TRUNCATED, "The shop has sev", "MAX_TOKENS", NULL, MODEL,
	    { 21, 4, -1, -1, 25 }, 0 },
	{ "cut-thinking", ENDING_TRUNCATED, "", "MAX_TOKENS", NULL, MODEL,
	    { 21, 64, 64, -1, 85 }, 0 },
	{ "no-candidates", ENDING_MISSING, "", NULL, "the answer has no candidates",
	    MODEL, { 21, 0, -1, -1, 21 }, 0 },
	{ "nothing", ENDING_MISSING, "", NULL, "the answer has no candidates", NULL,
	    NO_USAGE, 0 },
	{ "feedback-only", ENDING_MISSING, "", NULL, "the answer has no candidates",
	    NULL, { 3, 0, -1, -1, 3 }, 0 },
	{ "candidates-no-list", ENDING_MISSING, "", NULL,
	    "the answer has no candidates", MODEL, NO_USAGE, 0 },
	{ "empty-text", ENDING_NORMAL, "", "STOP", NULL, MODEL, { 21, 0, -1, -1, 21 },
	    0 },
	{ "no-finish", ENDING_MISSING, "Half", NULL, "the answer has no finishReason",
	    MODEL, { 21, 1, -1, -1, 22 }, 0 },
	{ "malformed-call", ENDING_OTHER, "", "MALFORMED_FUNCTION_CALL",
	    "Malformed function call: print(default_api.look())", MODEL,
	    { 21, 0, -1, -1, 21 }, 0 },
	{ "unknown-finish", ENDING_OTHER, "x", "TIRED", NULL, MODEL, NO_USAGE, 0 },
	/* Only the first candidate is asked for. */
	{ "wrong-types", ENDING_NORMAL, "kept", "STOP", NULL, NULL, NO_USAGE, 0 },
	{ "error-overloaded", ENDING_ERROR, "", NULL,
	    "The model is overloaded. Please try again later.", NULL, NO_USAGE, 503 },
};

static void
test_answers_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++)
		answers_assert_one(API_GEMINI, &answers[i]);
}

/* All that its pages know of, and what they may come to know. */
static void
test_only_stop_is_success(UNUSED void **state)
{
	static const struct {
		const char *reason;
		enum prompt_ending ending;
	} cases[] = {
		{ "STOP", ENDING_NORMAL },
		{ "MAX_TOKENS", ENDING_TRUNCATED },
		{ "SAFETY", ENDING_BLOCKED },
		{ "RECITATION", ENDING_BLOCKED },
		{ "LANGUAGE", ENDING_BLOCKED },
		{ "BLOCKLIST", ENDING_BLOCKED },
		{ "PROHIBITED_CONTENT", ENDING_BLOCKED },
		{ "SPII", ENDING_BLOCKED },
		{ "MODEL_ARMOR", ENDING_BLOCKED },
		{ "IMAGE_SAFETY", ENDING_BLOCKED },
		{ "IMAGE_PROHIBITED_CONTENT", ENDING_BLOCKED },
		{ "IMAGE_RECITATION", ENDING_BLOCKED },
		{ "IMAGE_OTHER", ENDING_OTHER },
		{ "NO_IMAGE", ENDING_OTHER },
		{ "OTHER", ENDING_OTHER },
		{ "MALFORMED_FUNCTION_CALL", ENDING_OTHER },
		{ "UNEXPECTED_TOOL_CALL", ENDING_OTHER },
		{ "TOO_MANY_TOOL_CALLS", ENDING_OTHER },
		{ "CONTINUATION", ENDING_OTHER },
		{ "FINISH_REASON_UNSPECIFIED", ENDING_OTHER },
		{ "", ENDING_OTHER },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *body =
		    xasprintf("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
		              "\"x\"}]},\"finishReason\":\"%s\"}]}",
		        cases[i].reason);

		answers_assert_count(cases[i].reason, "ending",
		    answers_ending_of(API_GEMINI, body), cases[i].ending);
		free(body);
	}
}

#define QUOTA \
	"You exceeded your current quota, please check your plan and billing details."

static const struct expected_error errors[] = {
	{ "error-key", 400, "API key not valid. Please pass a valid API key.", false,
	    false, false, -1 },
	/* Rounded up: to come a fraction early is to be sent away again. */
	{ "error-rate", 429, QUOTA, false, true, true, 34075 },
	{ "error-rate-help", 429, QUOTA, false, true, true, -1 },
	/* The quota of a day, whatever it says of some seconds. */
	{ "error-day", 429, QUOTA, true, false, false, 7000 },
	{ "error-credit", 402, "Your prepayment credits are depleted.", true, false,
	    false, -1 },
	{ "error-overloaded", 503, "The model is overloaded. Please try again later.",
	    false, true, true, -1 },
	{ "error-internal", 500, "An internal error has occurred.", false, false, false,
	    -1 },
	{ "error-model", 404,
	    "models/gemini-0.1 is not found for API version v1beta, or is not "
	    "supported for generateContent.",
	    false, false, false, -1 },
	{ "error-denied", 403,
	    "Your API key was reported as leaked. Please use another API key.", false,
	    false, false, -1 },
	{ "error-in-list", 429, "Resource exhausted. Please try again later.", false,
	    true, true, -1 },
};

static void
test_errors_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		answers_assert_error(API_GEMINI, &errors[i]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_read),
		cmocka_unit_test(test_only_stop_is_success),
		cmocka_unit_test(test_errors_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
