#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answers_stage.h"

#define MODEL "llama3.2"

static const struct expected_answer answers[] = {
	{ "text", ENDING_NORMAL, "All is well.", "stop", NULL, MODEL,
	    { 26, 5, -1, -1, 31 }, 0 },
	{ "thinking", ENDING_NORMAL, "42", "stop", NULL, MODEL, { 26, 5, -1, -1, 31 },
	    0 },
	{ "cut", ENDING_TRUNCATED, "The shop has sev", "length", NULL, MODEL,
	    { 26, 5, -1, -1, 31 }, 0 },
	{ "cut-thinking", ENDING_TRUNCATED, "", "length", NULL, MODEL,
	    { 26, 5, -1, -1, 31 }, 0 },
	/* What it still knew of the prompt it has not counted. */
	{ "cached", ENDING_NORMAL, "Once more.", "stop", NULL, MODEL,
	    { -1, 5, -1, -1, -1 }, 0 },
	{ "load", ENDING_OTHER, "", "load", NULL, MODEL, NO_USAGE, 0 },
	{ "no-reason", ENDING_NORMAL, "Old, but well.", NULL, NULL, MODEL,
	    { 26, 5, -1, -1, 31 }, 0 },
	{ "not-done", ENDING_MISSING, "The", NULL, "the answer is not done", MODEL,
	    NO_USAGE, 0 },
	{ "no-message", ENDING_MISSING, "", NULL, "the answer has no message", MODEL,
	    NO_USAGE, 0 },
	{ "tool-call", ENDING_OTHER, "", "stop", "it calls a tool", MODEL,
	    { 26, 5, -1, -1, 31 }, 0 },
	{ "error-in-200", ENDING_ERROR, "", NULL,
	    "an error was encountered while running the model: unexpected EOF", NULL,
	    NO_USAGE, 0 },
};

static void
test_answers_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++)
		answers_assert_one(API_OLLAMA, &answers[i]);
}

static void
test_text_beside_a_call_of_a_tool_is_an_answer(UNUSED void **state)
{
	assert_int_equal(answers_ending_of(API_OLLAMA,
	                     "{\"message\":{\"content\":\"x\",\"tool_calls\":[{}]},"
	                     "\"done\":true,\"done_reason\":\"stop\"}"),
	    ENDING_NORMAL);
}

static const struct expected_error errors[] = {
	{ "error-busy", 503,
	    "server busy, please try again.  maximum pending requests exceeded", false,
	    true, true, -1 },
	{ "error-model", 404, "model 'llama9' not found", false, false, false, -1 },
};

static void
test_errors_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		answers_assert_error(API_OLLAMA, &errors[i]);
}

/* Whether there is a warning, of a prompt of INPUT_BYTES. */
static bool
warns(const char *name, size_t input_bytes)
{
	struct prompt_answer answer;
	struct buffer body;
	bool warned;

	answers_read_file(API_OLLAMA, name, &body);
	answers_read(API_OLLAMA, &body, input_bytes, &answer);
	assert_int_equal(answer.ending, ENDING_NORMAL);
	warned = answer.warning != NULL;
	prompt_answer_clear(&answer);
	buffer_clear(&body);
	return warned;
}

/* 4096 tokens were read. */
static void
test_a_context_that_was_cut_is_told(UNUSED void **state)
{
	struct prompt_answer answer;
	struct buffer body;

	answers_read_file(API_OLLAMA, "context-cut", &body);
	answers_read(API_OLLAMA, &body, 80000, &answer);
	assert_string_equal(answer.warning,
	    "the model read only 4096 tokens of 80000 bytes: its context was cut; "
	    "extra_body: {options: {num_ctx: N}} makes it larger");
	prompt_answer_clear(&answer);
	buffer_clear(&body);
	/* Six times as many bytes, and as those of a hundred tokens. */
	assert_true(warns("context-cut", 25176));
	assert_false(warns("context-cut", 25175));
	assert_false(warns("context-cut", 16000));
}

static void
test_short_prompts_and_unknown_counts_are_no_sign_of_it(UNUSED void **state)
{
	/* 26 tokens */
	assert_false(warns("text", 700));
	assert_true(warns("text", 800));
	assert_false(warns("cached", 80000));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_read),
		cmocka_unit_test(test_text_beside_a_call_of_a_tool_is_an_answer),
		cmocka_unit_test(test_errors_are_read),
		cmocka_unit_test(test_a_context_that_was_cut_is_told),
		cmocka_unit_test(
		    test_short_prompts_and_unknown_counts_are_no_sign_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
