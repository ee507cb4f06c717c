#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "verdict_prompt_stage.h"

/* The key that the request carries. */
#define KEY FAKE_CONFIG_KEY

static void
assert_data(const struct stage *stage, const char *data, const char *response)
{
	assert_text("message", "it", stage->outcome.message, NULL);
	assert_int_equal(stage->outcome.status, STATUS_OK);
	assert_text("data", "it", stage->outcome.data, data);
	if (data != NULL)
		assert_int_equal(stage->outcome.data_len, strlen(data));
	assert_text("response", "it", stage->outcome.prompt->response, response);
}

/* ---- text and JSON ---- */

static void
test_text_is_a_response_and_no_data(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "", CHAT(" {\\\"a\\\":1}\\n"));
	assert_data(&stage, NULL, " {\"a\":1}\n");
	tear_down(&stage);
}

static void
test_a_text_may_hold_a_nul(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "", CHAT("a\\u0000b"));
	assert_int_equal(stage.outcome.status, STATUS_OK);
	assert_int_equal(stage.outcome.prompt->response_len, 3);
	assert_memory_equal(stage.outcome.prompt->response, "a\0b", 4);
	tear_down(&stage);
}

static void
test_blanks_alone_are_no_text(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "", CHAT(" \\n\\t "));
	assert_fault(
	    &stage, KIND_INVALID_BODY, "the model answered with an empty text");
	tear_down(&stage);
}

static void
test_json_is_data_without_white_space_and_the_response_as_it_came(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "format: json\n", CHAT("{ \\\"a\\\": [1.10, 2] }"));
	assert_data(&stage, "{\"a\":[1.10,2]}", "{ \"a\": [1.10, 2] }");
	tear_down(&stage);
}

static void
test_a_fence_of_markdown_is_taken_off(UNUSED void **state)
{
	static const struct {
		const char *body;
		const char *data;
		const char *response;
	} rows[] = {
		{ CHAT("```json\\n[1]\\n```"), "[1]", "```json\n[1]\n```" },
		{ CHAT("```\\n[1]\\n```"), "[1]", "```\n[1]\n```" },
		{ CHAT("\\n```JSON\\r\\n[1]```\\n\\n"), "[1]",
		    "\n```JSON\r\n[1]```\n\n" },
		{ CHAT("\\\"```\\\""), "\"```\"", "\"```\"" },
		{ CHAT("```json\\n\\\"```\\\"\\n```"), "\"```\"",
		    "```json\n\"```\"\n```" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage stage;

		judge_chat(&stage, "format: json\n", rows[i].body);
		assert_data(&stage, rows[i].data, rows[i].response);
		tear_down(&stage);
	}
}

static void
test_what_is_around_json_otherwise_is_a_fault(UNUSED void **state)
{
	static const char *const bodies[] = { CHAT("Here it is: [1]"),
		CHAT("```json\\n[1]"), CHAT("```"), CHAT("``````"), CHAT("```json```"),
		CHAT("```json\\n```"), CHAT("```json\\n[1]\\n```\\nThat is it."),
		CHAT("{\\\"a\\\":") };

	for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
		struct stage stage;

		judge_chat(&stage, "format: json\n", bodies[i]);
		assert_int_equal(stage.outcome.kind, KIND_INVALID_BODY);
		assert_memory_equal(stage.outcome.message,
		    "the model's answer is not valid JSON: ", 38);
		assert_null(stage.outcome.data);
		assert_null(stage.outcome.prompt->response);
		assert_non_null(stage.outcome.excerpt);
		tear_down(&stage);
	}
}

static void
test_json_may_be_nested_only_so_deeply(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "format: json\nmax_depth: 2\n", CHAT("[[1]]"));
	assert_data(&stage, "[[1]]", "[[1]]");
	tear_down(&stage);
	judge_chat(&stage, "format: json\nmax_depth: 2\n", CHAT("[[[1]]]"));
	assert_int_equal(stage.outcome.kind, KIND_INVALID_BODY);
	tear_down(&stage);
}

/* ---- the schema ---- */

#define SCHEMA                  \
	"format: json\n"        \
	"schema:\n"             \
	"  type: object\n"      \
	"  required: [price]\n" \
	"  properties: {price: {type: number}, note: {type: string}}\n"

static void
test_an_answer_has_to_fit_its_schema(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, SCHEMA, CHAT("{\\\"price\\\": 12}"));
	assert_data(&stage, "{\"price\":12}", "{\"price\": 12}");
	tear_down(&stage);
	judge_chat(&stage, SCHEMA, CHAT("{\\\"price\\\":\\\"12\\\"}"));
	assert_int_equal(stage.outcome.kind, KIND_INVALID_BODY);
	assert_memory_equal(
	    stage.outcome.message, "the model's answer breaks the schema: /price", 44);
	assert_non_null(strstr(stage.outcome.message, "\"12\""));
	tear_down(&stage);
}

static void
test_a_broken_schema_tells_no_secret(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, SCHEMA, CHAT("{\\\"price\\\":\\\"it is " KEY "\\\"}"));
	assert_fault(&stage, KIND_INVALID_BODY, "the model's answer breaks the schema");
	assert_null(strstr(stage.outcome.excerpt, KEY));
	tear_down(&stage);
}

/* ---- rules and values ---- */

static void
test_rules_are_about_the_answer_and_not_what_it_is_in(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "expect: {json: {/state: up}}\n",
	    CHAT("{\\\"state\\\":\\\"up\\\"}"));
	/* JSON was demanded; `data` was not. */
	assert_data(&stage, NULL, "{\"state\":\"up\"}");
	tear_down(&stage);
	judge_chat(&stage, "expect: {json: {/choices: {exists: true}}}\n",
	    CHAT("{\\\"state\\\":\\\"up\\\"}"));
	assert_int_equal(stage.outcome.kind, KIND_EXPECTATION);
	assert_null(stage.outcome.prompt->response);
	assert_string_equal(stage.outcome.excerpt, "{\"state\":\"up\"}");
	tear_down(&stage);
	judge_chat(&stage, "expect: {json: {/state: up}}\n", CHAT("It is up."));
	assert_fault(&stage, KIND_INVALID_BODY,
	    "the model's answer is not valid JSON: syntax error at byte 0");
	tear_down(&stage);
	judge_chat(&stage, "expect: {body: {pattern: ^All}}\n", CHAT("All is well."));
	assert_data(&stage, NULL, "All is well.");
	tear_down(&stage);
	judge_chat(&stage, "expect: {body: {maxLength: 4}}\n", CHAT("All is well."));
	assert_int_equal(stage.outcome.kind, KIND_EXPECTATION);
	tear_down(&stage);
}

static void
test_broken_warnings_degrade_and_keep_the_answer(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "warn: {body: {maxLength: 4}, duration: {maximum: 1ms}}\n",
	    CHAT("All is well."));
	assert_int_equal(stage.outcome.status, STATUS_DEGRADED);
	assert_int_equal(stage.outcome.warning_count, 2);
	assert_string_equal(stage.outcome.prompt->response, "All is well.");
	tear_down(&stage);
}

static void
test_values_are_taken_out_of_the_answer(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage,
	    "extract: {queue: /queue/depth, word: {pattern: 'is (\\w+)'}, gone: /no}\n",
	    CHAT("{\\\"queue\\\":{\\\"depth\\\":1.50},\\\"say\\\":\\\"it is "
	         "well\\\"}"));
	assert_int_equal(stage.outcome.status, STATUS_OK);
	assert_string_equal(
	    stage.outcome.values, "{\"queue\":1.50,\"word\":\"well\",\"gone\":null}");
	assert_int_equal(stage.outcome.warning_count, 1);
	tear_down(&stage);
}

static void
test_a_secret_value_hides_the_answer(UNUSED void **state)
{
	static const char *const keys =
	    "format: json\nextract: {token: {path: /token, secret: true}}\n";
	struct stage stage;

	judge_chat(&stage, keys, CHAT("{\\\"token\\\":\\\"abcdefgh\\\"}"));
	assert_data(&stage, NULL, NULL);
	assert_string_equal(stage.outcome.values, "{\"token\":\"***\"}");
	assert_string_equal(stage.outcome.secret_values, "{\"token\":\"abcdefgh\"}");
	tear_down(&stage);

	/* Nor of one that was cut off. */
	set_up(&stage, "", keys);
	answer(&stage, 200,
	    "{\"choices\":[{\"message\":{\"content\":\"abc\"},\"finish_reason\":"
	    "\"length\"}]}");
	judge(&stage);
	assert_int_equal(stage.outcome.kind, KIND_TRUNCATED);
	assert_null(stage.outcome.prompt->response);
	assert_null(stage.outcome.excerpt);
	tear_down(&stage);
}

/* ---- secrets that are echoed ---- */

static void
assert_clean(const char *text)
{
	if (text != NULL && strstr(text, KEY) != NULL)
		fail_msg("%s", text);
}

static void
assert_says_no_key(const struct stage *stage)
{
	const struct outcome *outcome = &stage->outcome;
	const struct outcome_prompt *prompt = outcome->prompt;

	assert_clean(outcome->message);
	assert_clean(outcome->excerpt);
	assert_clean(outcome->data);
	assert_clean(outcome->values);
	assert_clean(prompt->response);
	assert_clean(prompt->model);
	assert_clean(prompt->finish_reason);
	assert_clean(prompt->request_id);
	for (size_t i = 0; i < outcome->warning_count; i++)
		assert_clean(outcome->warnings[i]);
}

#define ECHO(model, message, reason)                                    \
	("{\"model\":\"" model "\",\"choices\":[{\"message\":{" message \
	 "},\"finish_reason\":\"" reason "\"}]}")

static void
test_the_key_shows_nowhere(UNUSED void **state)
{
	static const char *const bodies[] = {
		ECHO(KEY, "\"content\":\"{\\\"a\\\":\\\"x" KEY "y\\\"}\"", "stop"),
		ECHO(KEY, "\"content\":\"" KEY "\"", KEY),
		ECHO("m", "\"content\":\"" KEY "\"", "length"),
		ECHO("m", "\"refusal\":\"" KEY "\"", "stop"),
		("{\"error\":{\"message\":\"Incorrect API key provided: " KEY "\"}}"),
		("not JSON: " KEY),
	};
	static const long statuses[] = { 200, 401, 429, 503 };

	for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(statuses); j++) {
			struct stage stage;

			set_up(&stage, "",
			    "format: json\nextract: {a: /a}\n"
			    "warn: {body: {maxLength: 3}}\n");
			answer(&stage, statuses[j], bodies[i]);
			stage.response.head =
			    xstrdup("HTTP/1.1 200 OK\r\nx-request-id: " KEY "\r\n\r\n");
			judge(&stage);
			assert_says_no_key(&stage);
			tear_down(&stage);
		}
	}
}

static void
test_masking_keeps_the_rest(UNUSED void **state)
{
	struct stage stage;

	judge_chat(&stage, "format: json\nextract: {a: /a}\n",
	    CHAT("{\\\"a\\\":\\\"x" KEY "y\\\"}"));
	assert_data(&stage, "{\"a\":\"x***y\"}", "{\"a\":\"x***y\"}");
	assert_string_equal(stage.outcome.values, "{\"a\":\"x***y\"}");
	tear_down(&stage);
}

static void
test_messages_are_one_line_of_a_bounded_length(UNUSED void **state)
{
	struct buffer body;
	struct stage stage;

	buffer_init(&body, BUFFER_UNLIMITED);
	buffer_append_string(&body, "{\"error\":{\"message\":\"a\\n\\tb\\u001b[2J");
	for (int i = 0; i < 1000; i++)
		buffer_append_char(&body, 'x');
	buffer_append_string(&body, "\"}}");
	set_up(&stage, "", "");
	answer(&stage, 400, body.data);
	judge(&stage);
	assert_memory_equal(stage.outcome.message, "returned HTTP 400: a b [2Jxx", 28);
	assert_int_equal(
	    strlen(stage.outcome.message), strlen("returned HTTP 400: ") + 500);
	buffer_clear(&body);
	tear_down(&stage);
}

/* ---- TLS ---- */

static void
test_a_certificate_that_is_not_looked_at_is_warned_of_by_the_provider(
    UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "base_url: https://test/v1\ntls: {verify: false}\n", "");
	answer(&stage, 200, CHAT("x"));
	judge(&stage);
	assert_int_equal(stage.outcome.warning_count, 1);
	assert_non_null(strstr(stage.outcome.warnings[0], "not verified"));
	tear_down(&stage);
	set_up(&stage, "base_url: https://test/v1\n", "");
	answer(&stage, 200, CHAT("x"));
	judge(&stage);
	assert_int_equal(stage.outcome.warning_count, 0);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_a_response_and_no_data),
		cmocka_unit_test(test_a_text_may_hold_a_nul),
		cmocka_unit_test(test_blanks_alone_are_no_text),
		cmocka_unit_test(
		    test_json_is_data_without_white_space_and_the_response_as_it_came),
		cmocka_unit_test(test_a_fence_of_markdown_is_taken_off),
		cmocka_unit_test(test_what_is_around_json_otherwise_is_a_fault),
		cmocka_unit_test(test_json_may_be_nested_only_so_deeply),
		cmocka_unit_test(test_an_answer_has_to_fit_its_schema),
		cmocka_unit_test(test_a_broken_schema_tells_no_secret),
		cmocka_unit_test(test_rules_are_about_the_answer_and_not_what_it_is_in),
		cmocka_unit_test(test_broken_warnings_degrade_and_keep_the_answer),
		cmocka_unit_test(test_values_are_taken_out_of_the_answer),
		cmocka_unit_test(test_a_secret_value_hides_the_answer),
		cmocka_unit_test(test_the_key_shows_nowhere),
		cmocka_unit_test(test_masking_keeps_the_rest),
		cmocka_unit_test(test_messages_are_one_line_of_a_bounded_length),
		cmocka_unit_test(
		    test_a_certificate_that_is_not_looked_at_is_warned_of_by_the_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
