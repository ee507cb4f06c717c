#include "config_files.h"

#include "answers_stage.h"
#include "prompt_stage.h"

/* ---- requests ---- */

#define PROVIDER "api: openai-responses, model: some-model, key: k"
#define HI       "\"model\":\"some-model\",\"input\":\"Say hi\""

#define SCHEMA                                                                  \
	"prompt: Say hi, schema: {type: object, properties: {greeting: {type: " \
	"string}}, required: [greeting], additionalProperties: false}"
#define SCHEMA_JSON                                                          \
	"{\"type\":\"object\",\"properties\":{\"greeting\":{\"type\":"       \
	"\"string\"}},\"required\":[\"greeting\"],\"additionalProperties\":" \
	"false}"

static void
test_a_plain_prompt_is_not_to_be_stored(UNUSED void **state)
{
	prompt_stage_assert_body(
	    PROVIDER, "prompt: Say hi", "{" HI ",\"store\":false}");
	prompt_stage_assert_url(
	    PROVIDER, "prompt: Say hi", "https://api.openai.com/v1/responses");
}

static void
test_but_extra_body_has_it_stored(UNUSED void **state)
{
	prompt_stage_assert_body(PROVIDER ", extra_body: {store: true}",
	    "prompt: Say hi", "{" HI ",\"store\":true}");
	prompt_stage_assert_body(PROVIDER,
	    "prompt: Say hi, extra_body: {reasoning: {effort: low}, store: true}",
	    "{" HI ",\"store\":true,\"reasoning\":{\"effort\":\"low\"}}");
}

static void
test_system_text_and_settings_stand_on_top(UNUSED void **state)
{
	prompt_stage_assert_body(PROVIDER,
	    "prompt: Say hi, system: Be brief, temperature: 0.20, top_p: 1, "
	    "max_tokens: 64",
	    "{" HI ",\"instructions\":\"Be brief\",\"temperature\":0.20,"
	    "\"top_p\":1,\"max_output_tokens\":64,\"store\":false}");
}

/* The schema stands one level higher than in chat completions. */
static void
test_json_is_asked_for_with_and_without_a_schema(UNUSED void **state)
{
	prompt_stage_assert_body(PROVIDER, "prompt: Say hi, format: json",
	    "{" HI ",\"store\":false,"
	    "\"text\":{\"format\":{\"type\":\"json_object\"}}}");
	prompt_stage_assert_body(PROVIDER, SCHEMA,
	    "{" HI ",\"store\":false,\"text\":{\"format\":{\"type\":\"json_schema\","
	    "\"name\":\"answer\",\"strict\":true,\"schema\":" SCHEMA_JSON "}}}");
}

/* ---- answers ---- */

#define MODEL "gpt-4o-mini-2024-07-18"

static const struct expected_answer answers[] = {
	{ "text", ENDING_NORMAL, "All is well.", "completed", NULL, MODEL,
	    { 21, 5, 0, 0, 26 }, 0 },
	{ "reasoning", ENDING_NORMAL,
	    "The shop is \"fine\" \xE2\x80\x93 3\xC2\xA0\xE2\x82\xAC.", "completed",
	    NULL, MODEL, { 1050, 210, 192, 1024, 1260 }, 0 },
	{ "search", ENDING_NORMAL, "Found.", "completed", NULL, MODEL,
	    { 80, 17, 0, 0, 97 }, 0 },
	{ "empty", ENDING_NORMAL, "", "completed", NULL, MODEL, { 21, 0, 0, 0, 21 },
	    0 },
	{ "wrong-types", ENDING_NORMAL, "kept", "completed", NULL, NULL, NO_USAGE, 0 },
	{ "cut", ENDING_TRUNCATED, "The shop has sev", "max_output_tokens", NULL, MODEL,
	    { 21, 16, 0, 0, 37 }, 0 },
	{ "cut-thinking", ENDING_TRUNCATED, "", "max_output_tokens", NULL, MODEL,
	    { 21, 64, 64, 0, 85 }, 0 },
	{ "filtered", ENDING_BLOCKED, "", "content_filter", NULL, MODEL,
	    { 21, 0, 0, 0, 21 }, 0 },
	{ "refusal", ENDING_BLOCKED, "", "completed",
	    "I'm sorry, I can't help with that.", MODEL, { 21, 11, 0, 0, 32 }, 0 },
	{ "incomplete", ENDING_OTHER, "Half", "incomplete", NULL, MODEL,
	    { 21, 2, 0, 0, 23 }, 0 },
	{ "call", ENDING_OTHER, "Let me look.", "function_call", NULL, MODEL,
	    { 80, 17, 0, 0, 97 }, 0 },
	{ "queued", ENDING_OTHER, "", "queued", NULL, MODEL, NO_USAGE, 0 },
	{ "cancelled", ENDING_OTHER, "", "cancelled", NULL, MODEL, NO_USAGE, 0 },
	{ "no-output", ENDING_MISSING, "", "completed", "the answer has no output",
	    MODEL, { 21, 0, 0, 0, 21 }, 0 },
	{ "no-status", ENDING_MISSING, "Half", NULL, "the answer has no status", MODEL,
	    { 21, 1, 0, 0, 22 }, 0 },
	{ "failed", ENDING_ERROR, "", "failed",
	    "The model failed to generate a response.", MODEL, NO_USAGE, 500 },
	/* What it cost all the same is told. */
	{ "failed-rate", ENDING_ERROR, "", "failed", "Rate limit reached.", MODEL,
	    { 21, 1, 0, 0, 22 }, 429 },
	{ "failed-silently", ENDING_ERROR, "", "failed", NULL, MODEL, NO_USAGE, 0 },
};

static void
test_answers_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++)
		answers_assert_one(API_OPENAI_RESPONSES, &answers[i]);
}

static const struct expected_error errors[] = {
	{ "error-rate", 429, "Rate limit reached.", false, true, true, -1 },
	{ "error-quota", 429, "You exceeded your current quota.", true, false, false,
	    -1 },
	/* An answer that is an error, read as one. */
	{ "failed-rate", 200, "Rate limit reached.", false, true, true, -1 },
	{ "failed", 200, "The model failed to generate a response.", false, false,
	    false, -1 },
};

static void
test_errors_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		answers_assert_error(API_OPENAI_RESPONSES, &errors[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plain_prompt_is_not_to_be_stored),
		cmocka_unit_test(test_but_extra_body_has_it_stored),
		cmocka_unit_test(test_system_text_and_settings_stand_on_top),
		cmocka_unit_test(test_json_is_asked_for_with_and_without_a_schema),
		cmocka_unit_test(test_answers_are_read),
		cmocka_unit_test(test_errors_are_read),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
