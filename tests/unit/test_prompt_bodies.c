/*
 * The bodies of requests, as the vendors' own clients send them, field by field and in their
 * order.
 */
#include "config_files.h"

#include "prompt_stage.h"

#define GEMINI "api: gemini, model: gemini-2.0-flash, key: k"
#define OPENAI "api: openai, model: gpt-4o-mini, key: k"
#define OLLAMA "api: ollama, model: llama3.2"

#define SETTINGS                                                                      \
	"prompt: Say hi, system: Be brief, temperature: 0.20, top_p: 1, max_tokens: " \
	"64, stop: [END, \"\\n\"], seed: 7"

#define SCHEMA                                                                  \
	"prompt: Say hi, schema: {type: object, properties: {greeting: {type: " \
	"string}}, required: [greeting], additionalProperties: false}"
#define SCHEMA_JSON                                                          \
	"{\"type\":\"object\",\"properties\":{\"greeting\":{\"type\":"       \
	"\"string\"}},\"required\":[\"greeting\"],\"additionalProperties\":" \
	"false}"

/* ---- Gemini ---- */

#define GEMINI_HI "\"contents\":[{\"parts\":[{\"text\":\"Say hi\"}],\"role\":\"user\"}]"

static void
test_gemini_takes_a_plain_prompt(UNUSED void **state)
{
	prompt_stage_assert_body(GEMINI, "prompt: Say hi", "{" GEMINI_HI "}");
}

static void
test_gemini_takes_system_text_and_settings(UNUSED void **state)
{
	prompt_stage_assert_body(GEMINI,
	    "prompt: Say hi, temperature: 0, max_tokens: 9",
	    "{" GEMINI_HI
	    ",\"generationConfig\":{\"temperature\":0,\"maxOutputTokens\":9}}");
	prompt_stage_assert_body(GEMINI, SETTINGS,
	    "{" GEMINI_HI ",\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief\"}],"
	    "\"role\":\"user\"},\"generationConfig\":{\"temperature\":0.20,\"topP\":1,"
	    "\"maxOutputTokens\":64,\"stopSequences\":[\"END\",\"\\n\"],\"seed\":7}}");
}

static void
test_gemini_is_asked_for_json(UNUSED void **state)
{
	prompt_stage_assert_body(GEMINI, "prompt: Say hi, format: json",
	    "{" GEMINI_HI
	    ",\"generationConfig\":{\"responseMimeType\":\"application/json\"}}");
	prompt_stage_assert_body(GEMINI, SCHEMA,
	    "{" GEMINI_HI ",\"generationConfig\":{\"responseMimeType\":"
	    "\"application/json\",\"responseJsonSchema\":" SCHEMA_JSON "}}");
}

/* ---- OpenAI ---- */

#define OPENAI_HI                                                                       \
	"\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Say " \
	"hi\"}]"

static void
test_openai_takes_a_plain_prompt(UNUSED void **state)
{
	prompt_stage_assert_body(OPENAI, "prompt: Say hi", "{" OPENAI_HI "}");
}

static void
test_openai_takes_system_text_and_settings(UNUSED void **state)
{
	prompt_stage_assert_body(OPENAI, SETTINGS,
	    "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"system\",\"content\":"
	    "\"Be brief\"},{\"role\":\"user\",\"content\":\"Say hi\"}],\"temperature\":"
	    "0.20,\"top_p\":1,\"max_completion_tokens\":64,\"stop\":[\"END\",\"\\n\"],"
	    "\"seed\":7}");
}

static void
test_openai_is_asked_for_json(UNUSED void **state)
{
	prompt_stage_assert_body(OPENAI, "prompt: Say hi, format: json",
	    "{" OPENAI_HI ",\"response_format\":{\"type\":\"json_object\"}}");
	prompt_stage_assert_body(OPENAI, SCHEMA,
	    "{" OPENAI_HI ",\"response_format\":{\"type\":\"json_schema\","
	    "\"json_schema\":{\"name\":\"answer\",\"strict\":true,\"schema\":" SCHEMA_JSON
	    "}}}");
}

static void
test_older_servers_have_another_word_for_the_limit(UNUSED void **state)
{
	prompt_stage_assert_body(OPENAI ", max_tokens_field: max_tokens",
	    "prompt: Say hi, max_tokens: 64", "{" OPENAI_HI ",\"max_tokens\":64}");
}

/* ---- Ollama ---- */

#define OLLAMA_HI                                                                    \
	"\"model\":\"llama3.2\",\"messages\":[{\"role\":\"user\",\"content\":\"Say " \
	"hi\"}],\"stream\":false"

static void
test_ollama_takes_a_plain_prompt(UNUSED void **state)
{
	prompt_stage_assert_body(OLLAMA, "prompt: Say hi", "{" OLLAMA_HI "}");
}

static void
test_ollama_takes_system_text_and_settings(UNUSED void **state)
{
	prompt_stage_assert_body(OLLAMA, SETTINGS,
	    "{\"model\":\"llama3.2\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
	    "brief\"},{\"role\":\"user\",\"content\":\"Say hi\"}],\"stream\":false,"
	    "\"options\":{\"temperature\":0.20,\"top_p\":1,\"num_predict\":64,\"stop\":["
	    "\"END\",\"\\n\"],\"seed\":7}}");
}

static void
test_ollama_is_asked_for_json(UNUSED void **state)
{
	prompt_stage_assert_body(OLLAMA, "prompt: Say hi, format: json",
	    "{" OLLAMA_HI ",\"format\":\"json\"}");
	prompt_stage_assert_body(
	    OLLAMA, SCHEMA, "{" OLLAMA_HI ",\"format\":" SCHEMA_JSON "}");
}

/* ---- extra_body ---- */

static void
test_extra_body_is_merged_last_the_prompts_after_the_providers(UNUSED void **state)
{
	prompt_stage_assert_body(OLLAMA
	    ", extra_body: {options: {num_ctx: 8192, top_k: 5}, keep_alive: 5m}",
	    "prompt: Say hi, temperature: 1, extra_body: {options: {top_k: 9, "
	    "temperature: 0.5}, stream: null, think: false}",
	    "{\"model\":\"llama3.2\",\"messages\":[{\"role\":\"user\",\"content\":\"Say "
	    "hi\"}],\"stream\":null,\"options\":{\"temperature\":0.5,\"num_ctx\":8192,"
	    "\"top_k\":9},\"keep_alive\":\"5m\",\"think\":false}");
	prompt_stage_assert_body(GEMINI
	    ", extra_body: {generationConfig: "
	    "{thinkingConfig: {thinkingBudget: 0}}, "
	    "safetySettings: [{category: C, threshold: T}]}",
	    "prompt: Say hi, seed: 1",
	    "{" GEMINI_HI ",\"generationConfig\":{\"seed\":1,\"thinkingConfig\":{"
	    "\"thinkingBudget\":0}},\"safetySettings\":[{\"category\":\"C\",\"threshold\":"
	    "\"T\"}]}");
}

static void
test_extra_body_takes_the_place_of_what_is_no_map(UNUSED void **state)
{
	prompt_stage_assert_body(OPENAI ", extra_body: {stop: [X], model: {a: b}}",
	    "prompt: Say hi, stop: [END, FIN]",
	    "{\"model\":{\"a\":\"b\"},\"messages\":[{\"role\":\"user\",\"content\":\"Say "
	    "hi\"}],\"stop\":[\"X\"]}");
	prompt_stage_assert_body(OLLAMA ", extra_body: {options: none}",
	    "prompt: Say hi, seed: 1", "{" OLLAMA_HI ",\"options\":\"none\"}");
}

/* ---- texts ---- */

static void
test_texts_are_escaped_for_json(UNUSED void **state)
{
	prompt_stage_assert_body(OLLAMA,
	    "prompt: \"say \\\"hi\\\"\\n\\t\\\\ \\u00fc\\u0001 </b>\"",
	    "{\"model\":\"llama3.2\",\"messages\":[{\"role\":\"user\",\"content\":\"say "
	    "\\\"hi\\\"\\n\\t\\\\ \xc3\xbc\\u0001 </b>\"}],\"stream\":false}");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gemini_takes_a_plain_prompt),
		cmocka_unit_test(test_gemini_takes_system_text_and_settings),
		cmocka_unit_test(test_gemini_is_asked_for_json),
		cmocka_unit_test(test_openai_takes_a_plain_prompt),
		cmocka_unit_test(test_openai_takes_system_text_and_settings),
		cmocka_unit_test(test_openai_is_asked_for_json),
		cmocka_unit_test(test_older_servers_have_another_word_for_the_limit),
		cmocka_unit_test(test_ollama_takes_a_plain_prompt),
		cmocka_unit_test(test_ollama_takes_system_text_and_settings),
		cmocka_unit_test(test_ollama_is_asked_for_json),
		cmocka_unit_test(
		    test_extra_body_is_merged_last_the_prompts_after_the_providers),
		cmocka_unit_test(test_extra_body_takes_the_place_of_what_is_no_map),
		cmocka_unit_test(test_texts_are_escaped_for_json),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
