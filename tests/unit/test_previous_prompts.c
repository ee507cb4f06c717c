#include "publish/previous.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "gather/providers.h"
#include "previous_stage.h"
#include "publish/entry.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define PROMPT_CONFIG                                                                \
	"services: {headline: 'http://test/'}\n"                                     \
	"providers:\n"                                                               \
	"  p: {api: openai, base_url: 'http://test/v1', key: sk-4711-of-the-test,\n" \
	"      model: m, price: {input: 1, output: 2}, budget: {cost: 0.5, per: "    \
	"1h}}\n"                                                                     \
	"  q: {api: ollama, model: m, budget: {tokens: 100, per: 1d}}\n"             \
	"prompts:\n"                                                                 \
	"  summary:\n"                                                               \
	"    provider: p\n"                                                          \
	"    prompt: How is it?\n"

#define TOKENS "    budget: {tokens: 25, per: 1d}\n"

#define TIMES                                                                          \
	"\"since\":\"2026-11-21T03:40:00.123Z\",\"checked_at\":\"2026-11-21T03:40:00." \
	"123Z\",\"last_ok_at\":\"2026-11-21T03:40:00.123Z\",\"failures\":0,"

#define USAGE                                       \
	"{\"input_tokens\":21,\"output_tokens\":5," \
	"\"reasoning_tokens\":null,\"cached_tokens\":null,\"total_tokens\":26}"

#define NO_TIMING                                                      \
	"{\"queued\":null,\"dns\":null,\"connect\":null,\"tls\":null," \
	"\"first_byte\":null,\"total\":null}"

/* All of an entry that was answered well; what follows REUSED may be told. */
#define SUMMARY_OF(status, response, data, hash, values)                           \
	"{\"status\":\"" status "\",\"success\":true," TIMES "\"next_at\":null,"   \
	"\"attempts\":1,\"http_status\":200,\"provider\":\"p\",\"model\":\"m-1\"," \
	"\"duration_ms\":812.0,\"timing_ms\":" NO_TIMING ",\"bytes\":500,"         \
	"\"prompt\":\"How is it?\",\"response\":" response                         \
	",\"finish_reason\":\"stop\",\"usage\":" USAGE                             \
	",\"usage_unknown_attempts\":0,\"cost\":0.000031,"                         \
	"\"estimate\":{\"tokens\":26,\"cost\":0.000031},\"budget\":null,"          \
	"\"input_hash\":" hash ",\"reused\":false,\"request_id\":\"req_1\","       \
	"\"error\":null,\"warnings\":[\"one\",\"two\"],\"values\":" values         \
	",\"data\":" data "}"
#define SUMMARY SUMMARY_OF("degraded", "\"All is well.\"", "null", "\"" HASH "\"", "{}")

#define PROMPTS(entry) \
	"{\"version\":1,\"status\":\"ok\",\"prompts\":{\"summary\":" entry "}}"

/* The board's entry of the prompt, restored from TEXT. */
static const struct board_entry *
restored(struct stage *stage, const char *keys, const char *text)
{
	char *config = xasprintf("%s%s", PROMPT_CONFIG, keys);

	set_up_with(stage, config);
	free(config);
	restore_from(stage, text);
	return board_find(stage->board, "summary");
}

static void
test_what_the_last_answer_took_is_known_again(UNUSED void **state)
{
	const struct board_entry *entry;
	struct stage stage;

	/* Also of one that came before a failure. */
	entry = restored(&stage, "",
	    PROMPTS("{\"status\":\"timeout\",\"usage\":null,\"cost\":null,"
	            "\"estimate\":{\"tokens\":26,\"cost\":0.5}}"));
	assert_int_equal(entry->last_tokens, 26);
	assert_int_equal(entry->last_cost, MONEY_ONE / 2);
	tear_down(&stage);
	entry = restored(&stage, "",
	    PROMPTS("{\"status\":\"ok\",\"estimate\":{\"tokens\":-1,\"cost\":\"x\"}}"));
	assert_int_equal(entry->last_tokens, -1);
	assert_int_equal(entry->last_cost, -1);
	tear_down(&stage);
}

static void
test_an_entry_is_published_as_it_was(UNUSED void **state)
{
	const struct board_entry *entry;
	struct buffer text;
	struct stage stage;

	entry = restored(&stage, "", PROMPTS(SUMMARY));
	assert_int_equal(stage.previous.restored_count, 1);
	assert_int_equal(entry->outcome.status, STATUS_DEGRADED);
	assert_int_equal(entry->outcome.checked_at_ms, NOW_MS);
	assert_int_equal(entry->last_ok_at_ms, NOW_MS);
	buffer_init(&text, BUFFER_UNLIMITED);
	entry_append(&text, entry, NULL);
	assert_string_equal(text.data, "\"summary\": " SUMMARY);
	buffer_clear(&text);
	/* Nobody will want it again. */
	assert_null(entry->good);
	assert_string_equal(entry->input_hash, "");
	tear_down(&stage);
}

/* The text that a former run published is not shown again to those it is hidden from now. */
static void
test_a_text_is_told_as_store_prompt_says_now(UNUSED void **state)
{
	static const struct {
		const char *keys;
		const char *before;
		const char *after;
	} cases[] = {
		{ "", "\"How is it?\"", "\"How is it?\"" },
		{ "    store_prompt: none\n", "\"How is it?\"", "null" },
		{ "    store_prompt: none\n", "\"sha256:" HASH "\"", "null" },
		{ "    store_prompt: hash\n", "\"How is it?\"", "null" },
		{ "    store_prompt: hash\n", "\"sha256: of what?\"", "null" },
		{ "    store_prompt: hash\n", "\"sha256:" HASH "\"",
		    "\"sha256:" HASH "\"" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *text = xasprintf(
		    PROMPTS("{\"status\":\"ok\",\"prompt\":%s}"), cases[i].before);
		struct stage stage;

		assert_says(
		    restored(&stage, cases[i].keys, text), "prompt", cases[i].after);
		free(text);
		tear_down(&stage);
	}
}

static void
test_prompts_are_looked_for_among_prompts_only(UNUSED void **state)
{
	const struct board_entry *entry;
	struct stage stage;

	entry = restored(&stage, "",
	    "{\"version\":1,\"status\":\"ok\",\"services\":{\"summary\":" SUMMARY
	    "},\"prompts\":{\"headline\":" SUMMARY "}}");
	assert_int_equal(stage.previous.restored_count, 0);
	assert_int_equal(entry->outcome.status, STATUS_PENDING);
	tear_down(&stage);
}

/* ---- the last good answer ---- */

static void
test_a_good_answer_can_be_used_again(UNUSED void **state)
{
	const struct board_entry *entry;
	const struct outcome_prompt *prompt;
	struct stage stage;

	entry = restored(&stage, "    when: changed\n", PROMPTS(SUMMARY));
	assert_non_null(entry->good);
	assert_string_equal(entry->input_hash, HASH);
	assert_int_equal(entry->good->status, STATUS_DEGRADED);
	assert_int_equal(entry->good->http_status, 200);
	assert_int_equal(entry->good->checked_at_ms, NOW_MS);
	assert_int_equal(entry->good->warning_count, 2);
	assert_string_equal(entry->good->warnings[1], "two");
	assert_string_equal(entry->good->values, "{}");
	assert_null(entry->good->data);
	prompt = entry->good->prompt;
	assert_string_equal(prompt->response, "All is well.");
	assert_int_equal(prompt->response_len, 12);
	assert_string_equal(prompt->prompt, "How is it?");
	assert_string_equal(prompt->model, "m-1");
	assert_string_equal(prompt->finish_reason, "stop");
	assert_string_equal(prompt->request_id, "req_1");
	assert_string_equal(prompt->input_hash, HASH);
	assert_int_equal(prompt->cost, INT64_C(31000000));
	assert_int_equal(prompt->usage.input, 21);
	assert_int_equal(prompt->usage.output, 5);
	assert_int_equal(prompt->usage.reasoning, -1);
	assert_int_equal(prompt->usage.total, 26);
	tear_down(&stage);
}

static void
test_an_answer_that_is_not_known_well_is_not_used_again(UNUSED void **state)
{
	static const struct {
		const char *keys;
		const char *entry;
		bool kept;
	} rows[] = {
		/* Nothing is known of what it was to, or too little. */
		{ "", SUMMARY_OF("ok", "\"x\"", "null", "null", "{}"), true },
		{ "", SUMMARY_OF("ok", "\"x\"", "null", "\"abc\"", "{}"), true },
		{ "", SUMMARY_OF("ok", "\"x\"", "null", "\"" HASH "0\"", "{}"), true },
		{ "",
		    SUMMARY_OF("ok", "\"x\"", "null",
		        "\"Z123456789abcdef0123456789abcdef0123456789abcdef012345678"
		        "9abcdef\"",
		        "{}"),
		    true },
		/* It was left out, or is none. */
		{ "", SUMMARY_OF("ok", "null", "null", "\"" HASH "\"", "{}"), false },
		{ "", SUMMARY_OF("error", "\"x\"", "null", "\"" HASH "\"", "{}"),
		    false },
		/* Other values are taken out by now, or JSON is wanted. */
		{ "    extract: {a: /a}\n",
		    SUMMARY_OF("ok", "\"x\"", "null", "\"" HASH "\"", "{}"), true },
		{ "    extract: {a: /a}\n",
		    SUMMARY_OF(
		        "ok", "\"x\"", "null", "\"" HASH "\"", "{\"a\":1,\"b\":2}"),
		    true },
		{ "    format: json\n",
		    SUMMARY_OF("ok", "\"x\"", "null", "\"" HASH "\"", "{}"), true },
		{ "", SUMMARY_OF("ok", "\"[1]\"", "[1]", "\"" HASH "\"", "{}"), true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char *keys = xasprintf("    when: changed\n%s", rows[i].keys);
		char *text = xasprintf(PROMPTS("%s"), rows[i].entry);
		const struct board_entry *entry;
		struct stage stage;

		entry = restored(&stage, keys, text);
		assert_int_equal(entry->good != NULL, rows[i].kept);
		assert_string_equal(entry->input_hash, "");
		tear_down(&stage);
		free(text);
		free(keys);
	}
}

static void
test_values_and_json_come_back_with_the_answer(UNUSED void **state)
{
	const struct board_entry *entry;
	struct stage stage;

	entry = restored(&stage,
	    "    when: changed\n    format: json\n    extract: {a: /a}\n",
	    PROMPTS(SUMMARY_OF("ok", "\"{\\\"a\\\": 1.50}\"", "{\"a\":1.50}",
	        "\"" HASH "\"", "{\"a\":1.50}")));
	assert_string_equal(entry->input_hash, HASH);
	assert_string_equal(entry->good->data, "{\"a\":1.50}");
	assert_string_equal(entry->good->values, "{\"a\":1.50}");
	tear_down(&stage);
}

static void
test_the_last_answer_is_kept_over_a_failure(UNUSED void **state)
{
	static const char *const text =
	    PROMPTS("{\"status\":\"error\",\"failures\":2,\"response\":null,"
	            "\"input_hash\":\"" HASH "\",\"last_response\":\"All was well.\","
	            "\"last_data\":null}");
	const struct board_entry *entry;
	struct stage stage;

	entry = restored(&stage, "    keep_last: true\n    when: changed\n", text);
	assert_int_equal(entry->outcome.status, STATUS_ERROR);
	assert_non_null(entry->good);
	assert_string_equal(entry->good->prompt->response, "All was well.");
	/* What else came with it is not known. */
	assert_string_equal(entry->input_hash, "");
	tear_down(&stage);
	entry = restored(&stage, "", text);
	assert_null(entry->good);
	tear_down(&stage);
}

static void
test_a_secret_of_today_is_shown_no_more(UNUSED void **state)
{
	const struct board_entry *entry;
	struct stage stage;

	entry = restored(&stage, "    keep_last: true\n    when: changed\n",
	    PROMPTS(SUMMARY_OF(
	        "ok", "\"It is sk-4711-of-the-test.\"", "null", "\"" HASH "\"", "{}")));
	assert_says(entry, "response", "\"It is ***.\"");
	assert_string_equal(entry->good->prompt->response, "It is ***.");
	tear_down(&stage);

	entry = restored(&stage,
	    "    keep_last: true\n    format: json\n"
	    "    extract: {token: {path: /t, secret: true}}\n",
	    PROMPTS(SUMMARY_OF("ok", "\"{\\\"t\\\":\\\"abc\\\"}\"", "{\"t\":\"abc\"}",
	        "\"" HASH "\"", "{\"token\":\"abc\"}")));
	assert_says(entry, "response", "null");
	assert_says(entry, "data", "null");
	assert_says(entry, "values", "{\"token\":\"***\"}");
	assert_null(entry->good);
	tear_down(&stage);
}

/* ---- budgets ---- */

#define BUDGET(unit, spent, started)                           \
	"{\"unit\":\"" unit "\",\"limit\":25,\"spent\":" spent \
	",\"per_ms\":86400000,\"started_at\":" started ",\"ends_at\":null}"
#define STARTED "\"2026-11-21T03:40:00.123Z\""

static void
test_what_was_spent_is_not_given_back(UNUSED void **state)
{
	const struct board_entry *entry;
	struct stage stage;

	entry = restored(&stage, TOKENS,
	    PROMPTS(
	        "{\"status\":\"ok\",\"budget\":" BUDGET("tokens", "20", STARTED) "}"));
	assert_int_equal(entry->budget.spent, 20);
	assert_int_equal(entry->budget.started_at_ms, NOW_MS);
	tear_down(&stage);

	entry = restored(&stage, "    budget: {cost: 2, per: 1d}\n",
	    PROMPTS(
	        "{\"status\":\"ok\",\"budget\":" BUDGET("cost", "1.25", STARTED) "}"));
	assert_int_equal(entry->budget.spent, 5 * MONEY_ONE / 4);
	tear_down(&stage);
}

static void
test_a_prompt_that_was_not_asked_goes_on_with_its_budget(UNUSED void **state)
{
	const struct board_entry *entry;
	struct stage stage;

	entry = restored(&stage, TOKENS,
	    PROMPTS("{\"status\":\"pending\",\"budget\":" BUDGET(
	        "tokens", "20", STARTED) "}"));
	assert_int_equal(entry->budget.spent, 20);
	assert_int_equal(entry->outcome.status, STATUS_PENDING);
	tear_down(&stage);
	entry = restored(&stage, TOKENS,
	    PROMPTS("{\"status\":\"pending\",\"checked_at\":null,\"budget\":" BUDGET(
	        "tokens", "0", "null") "}"));
	assert_null(entry->restored);
	assert_int_equal(stage.previous.restored_count, 0);
	tear_down(&stage);
}

static void
test_a_budget_of_another_unit_begins_anew(UNUSED void **state)
{
	static const char *const budgets[] = { "null", "{}", "[1]", "\"tokens\"",
		BUDGET("cost", "1.25", STARTED), BUDGET("cost", "1", STARTED),
		BUDGET("tokens", "-1", STARTED), BUDGET("tokens", "1.5", STARTED),
		BUDGET("tokens", "\"1\"", STARTED), BUDGET("tokens", "20", "null"),
		BUDGET("tokens", "20", "\"soon\"") };

	for (size_t i = 0; i < ARRAY_COUNT(budgets); i++) {
		char *text =
		    xasprintf(PROMPTS("{\"status\":\"ok\",\"budget\":%s}"), budgets[i]);
		const struct board_entry *entry;
		struct stage stage;

		entry = restored(&stage, TOKENS, text);
		assert_int_equal(entry->budget.spent, 0);
		assert_int_equal(entry->budget.started_at_ms, -1);
		tear_down(&stage);
		free(text);
	}
}

static void
test_providers_go_on_with_their_budgets(UNUSED void **state)
{
	struct providers *providers;
	struct stage stage;

	restored(&stage, "",
	    "{\"version\":1,\"status\":\"ok\",\"providers\":{"
	    "\"p\":{\"rejections\":7,\"budget\":" BUDGET("cost", "0.4",
	        STARTED) "},"
	                 "\"q\":{\"budget\":" BUDGET("cost", "0.4",
	                     STARTED) "},"
	                              "\"gone\":{\"budget\":" BUDGET("cost", "0.4",
	                                  STARTED) "},"
	                                           "\"p\\u0000\":{\"budget\":" BUDGET(
	                                               "cost", "0.3", STARTED) "}}}");
	providers = board_providers(stage.board);
	assert_int_equal(
	    providers_find(providers, "p")->budget.spent, 2 * MONEY_ONE / 5);
	assert_int_equal(providers_find(providers, "p")->budget.started_at_ms, NOW_MS);
	assert_int_equal(providers_find(providers, "q")->budget.spent, 0);
	tear_down(&stage);
}

static void
test_providers_may_be_anything(UNUSED void **state)
{
	static const char *const odd[] = { "null", "[]", "1", "{\"p\":null}",
		"{\"p\":[1]}", "{\"p\":{\"budget\":7}}", "{\"p\":\"budget\"}" };

	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		char *text = xasprintf(
		    "{\"version\":1,\"status\":\"ok\",\"providers\":%s}", odd[i]);
		struct stage stage;

		restored(&stage, "", text);
		assert_int_equal(
		    providers_find(board_providers(stage.board), "p")->budget.spent, 0);
		tear_down(&stage);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_an_entry_is_published_as_it_was),
		IN_FOLDER(test_what_the_last_answer_took_is_known_again),
		IN_FOLDER(test_a_text_is_told_as_store_prompt_says_now),
		IN_FOLDER(test_prompts_are_looked_for_among_prompts_only),
		IN_FOLDER(test_a_good_answer_can_be_used_again),
		IN_FOLDER(test_an_answer_that_is_not_known_well_is_not_used_again),
		IN_FOLDER(test_values_and_json_come_back_with_the_answer),
		IN_FOLDER(test_the_last_answer_is_kept_over_a_failure),
		IN_FOLDER(test_a_secret_of_today_is_shown_no_more),
		IN_FOLDER(test_what_was_spent_is_not_given_back),
		IN_FOLDER(test_a_prompt_that_was_not_asked_goes_on_with_its_budget),
		IN_FOLDER(test_a_budget_of_another_unit_begins_anew),
		IN_FOLDER(test_providers_go_on_with_their_budgets),
		IN_FOLDER(test_providers_may_be_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
