#include "config_files.h"

#include "answers_stage.h"
#include "prompt_stage.h"

/* ---- requests ---- */

#define PROVIDER "api: anthropic, model: some-model, key: k"
#define HI                                                      \
	"\"messages\":[{\"role\":\"user\",\"content\":\"Say hi" \
	"\"}]"
#define PLAIN "{\"model\":\"some-model\",\"max_tokens\":1024," HI "}"

#define SCHEMA                                                                  \
	"prompt: Say hi, schema: {type: object, properties: {greeting: {type: " \
	"string}}, required: [greeting], additionalProperties: false}"
#define SCHEMA_JSON                                                          \
	"{\"type\":\"object\",\"properties\":{\"greeting\":{\"type\":"       \
	"\"string\"}},\"required\":[\"greeting\"],\"additionalProperties\":" \
	"false}"

static void
test_a_plain_prompt_has_the_tokens_that_are_demanded(UNUSED void **state)
{
	prompt_stage_assert_body(PROVIDER, "prompt: Say hi", PLAIN);
	prompt_stage_assert_url(
	    PROVIDER, "prompt: Say hi", "https://api.anthropic.com/v1/messages");
}

static void
test_system_text_and_settings_stand_on_top(UNUSED void **state)
{
	prompt_stage_assert_body(PROVIDER,
	    "prompt: Say hi, system: Be brief, temperature: 0.20, top_p: 1, "
	    "max_tokens: 64, stop: [END, \"\\n\"]",
	    "{\"model\":\"some-model\",\"max_tokens\":64," HI
	    ",\"system\":\"Be brief\",\"temperature\":0.20,\"top_p\":1,"
	    "\"stop_sequences\":[\"END\",\"\\n\"]}");
}

static void
test_a_schema_is_sent_and_json_alone_cannot_be(UNUSED void **state)
{
	prompt_stage_assert_body(PROVIDER, "prompt: Say hi, format: json", PLAIN);
	prompt_stage_assert_body(PROVIDER, SCHEMA,
	    "{\"model\":\"some-model\",\"max_tokens\":1024," HI
	    ",\"output_config\":{\"format\":{\"type\":\"json_schema\","
	    "\"schema\":" SCHEMA_JSON "}}}");
}

/* ---- answers ---- */

#define MODEL "claude-sonnet-4-20250514"

static const struct expected_answer answers[] = {
	{ "text", ENDING_NORMAL, "All is well.", "end_turn", NULL, MODEL,
	    { 21, 5, -1, 0, 26 }, 0 },
	{ "thinking", ENDING_NORMAL,
	    "The shop is \"fine\" \xE2\x80\x93 3\xC2\xA0\xE2\x82\xAC.", "end_turn",
	    NULL, MODEL, { 40, 131, 122, -1, 171 }, 0 },
	/* What was read from the cache, and written to it, is input too. */
	{ "cached", ENDING_NORMAL, "[1,2]", "end_turn", NULL, MODEL,
	    { 2100, 4, -1, 2048, 2104 }, 0 },
	{ "stop-sequence", ENDING_NORMAL, "One, two", "stop_sequence", NULL, MODEL,
	    { 21, 4, -1, -1, 25 }, 0 },
	{ "no-usage", ENDING_NORMAL, "Hello.", "end_turn", NULL, MODEL, NO_USAGE, 0 },
	{ "empty", ENDING_NORMAL, "", "end_turn", NULL, MODEL, { 21, 2, -1, -1, 23 },
	    0 },
	{ "wrong-types", ENDING_NORMAL, "kept", "end_turn", NULL, NULL,
	    { 7, -1, -1, 7, -1 }, 0 },
	{ "cut", ENDING_TRUNCATED, "The shop has sev", "max_tokens", NULL, MODEL,
	    { 21, 16, -1, -1, 37 }, 0 },
	{ "cut-thinking", ENDING_TRUNCATED, "", "max_tokens", NULL, MODEL,
	    { 21, 64, 64, -1, 85 }, 0 },
	{ "context-full", ENDING_TRUNCATED, "The sh", "model_context_window_exceeded",
	    NULL, MODEL, { 199990, 10, -1, -1, 200000 }, 0 },
	{ "refusal", ENDING_BLOCKED, "", "refusal",
	    "This request was declined by the safety system.", MODEL,
	    { 21, 1, -1, -1, 22 }, 0 },
	{ "refusal-category", ENDING_BLOCKED, "I ca", "refusal", "bio", MODEL,
	    { 21, 1, -1, -1, 22 }, 0 },
	{ "refusal-silent", ENDING_BLOCKED, "", "refusal", NULL, MODEL,
	    { 21, 1, -1, -1, 22 }, 0 },
	{ "tool-use", ENDING_OTHER, "Let me look.", "tool_use", NULL, MODEL,
	    { 80, 17, -1, -1, 97 }, 0 },
	{ "pause", ENDING_OTHER, "Searching.", "pause_turn", NULL, MODEL,
	    { 80, 17, -1, -1, 97 }, 0 },
	{ "unknown-stop", ENDING_OTHER, "x", "TIRED", NULL, MODEL, { 1, 1, -1, -1, 2 },
	    0 },
	{ "no-content", ENDING_MISSING, "", "end_turn", "the answer has no content",
	    MODEL, { 21, 2, -1, -1, 23 }, 0 },
	{ "no-stop", ENDING_MISSING, "Half", NULL, "the answer has no stop_reason",
	    MODEL, { 21, 1, -1, -1, 22 }, 0 },
	{ "in-200", ENDING_ERROR, "", NULL, "Overloaded", NULL, NO_USAGE, 529 },
};

static void
test_answers_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++)
		answers_assert_one(API_ANTHROPIC, &answers[i]);
}

static const struct expected_error errors[] = {
	{ "error-rate", 429,
	    "This request would exceed your organization's rate limit of 50 requests "
	    "per minute.",
	    false, true, true, -1 },
	{ "error-spend", 429, "You have reached your specified API usage limits.", true,
	    false, false, -1 },
	{ "error-contract", 429, "Your contract's spend limit is reached.", true, false,
	    false, -1 },
	{ "error-billing", 402,
	    "There is an issue with your billing or payment information.", true, false,
	    false, -1 },
	{ "error-overloaded", 529, "Overloaded", false, true, true, -1 },
	/* Within a good status the words alone tell. */
	{ "error-overloaded", 200, "Overloaded", false, true, true, -1 },
	{ "error-key", 401, "invalid x-api-key", false, false, false, -1 },
	{ "error-request", 400, "max_tokens: Field required", false, false, false, -1 },
	{ "error-too-large", 413, "Request exceeds the maximum size", false, false,
	    false, -1 },
	{ "error-internal", 500, "Internal server error", false, false, false, -1 },
};

static void
test_errors_are_read(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		answers_assert_error(API_ANTHROPIC, &errors[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plain_prompt_has_the_tokens_that_are_demanded),
		cmocka_unit_test(test_system_text_and_settings_stand_on_top),
		cmocka_unit_test(test_a_schema_is_sent_and_json_alone_cannot_be),
		cmocka_unit_test(test_answers_are_read),
		cmocka_unit_test(test_errors_are_read),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
