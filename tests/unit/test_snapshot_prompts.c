#include "publish/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/gate.h"
#include "gather/providers.h"
#include "gather/round.h"
#include "publish/entry.h"

/* 2026-11-21T03:40:00.000Z */
#define NOW_MS INT64_C(1795232400000)
#define NOW_US INT64_C(5000000)

struct stage {
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
};

/* SERVICES services, and PROMPTS prompts of one provider. */
static void
set_up(struct stage *stage, size_t services, size_t prompts)
{
	stage->config = fake_config_new(services);
	for (size_t i = 0; i < prompts; i++)
		fake_config_add_prompt(stage->config, "");
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "gatherd 1.2.3", "web1");
}

static void
tear_down(struct stage *stage)
{
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
}

/* The document, its head cut off; the caller's. */
static char *
sections_of(struct stage *stage)
{
	static const struct round_summary summary = { .number = 1 };
	const struct snapshot_head head = {
		.generation = 1,
		.round = &summary,
		.now_ms = NOW_MS,
		.now_us = NOW_US,
	};
	struct snapshot *snapshot = snapshot_make(stage->maker, &head);
	const struct iovec *pieces;
	struct json_object *object;
	struct buffer text;
	char *sections;
	size_t count;

	buffer_init(&text, BUFFER_UNLIMITED);
	pieces = snapshot_pieces(snapshot, &count);
	for (size_t i = 0; i < count; i++)
		buffer_append(&text, pieces[i].iov_base, pieces[i].iov_len);
	object = json_tokener_parse(text.data);
	assert_non_null(object);
	json_object_put(object);
	sections = xstrdup(strstr(text.data, "\n  \"services\""));
	buffer_clear(&text);
	snapshot_unref(snapshot);
	return sections;
}

static void
assert_begins(const char *text, const char *start)
{
	assert_non_null(text);
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("%s", text);
}

static void
test_prompts_and_providers_have_sections_of_their_own(UNUSED void **state)
{
	struct stage stage;
	const char *prompts;
	char *text;

	set_up(&stage, 2, 2);
	text = sections_of(&stage);
	prompts = strstr(text, "\n  },\n  \"prompts\"");
	assert_begins(text, "\n  \"services\": {\n    \"t0\": {\"status\":");
	assert_begins(strstr(text, ",\n    \"t1\""), ",\n    \"t1\": {\"status\":");
	assert_begins(prompts, "\n  },\n  \"prompts\": {\n    \"t2\": {\"status\":");
	assert_begins(strstr(prompts, ",\n    \"t3\""), ",\n    \"t3\": {\"status\":");
	assert_string_equal(strstr(prompts, "\n  },\n  \"providers\""),
	    "\n  },\n  \"providers\": {\n    \"p\": {\"api\":\"openai\","
	    "\"model\":null,\"url\":\"http://test/v1\",\"max_concurrent\":5,"
	    "\"limit\":5,\"adaptive\":true,\"in_flight\":0,\"paused_until\":null,"
	    "\"pauses\":0,\"rejections\":0,\"cuts\":0,\"budget\":null}\n  }\n}\n");
	free(text);
	tear_down(&stage);
}

static void
assert_sections(size_t services, size_t prompts, const char *start, const char *end)
{
	struct stage stage;
	char *text;

	set_up(&stage, services, prompts);
	text = sections_of(&stage);
	assert_begins(text, start);
	assert_string_equal(text + strlen(text) - strlen(end), end);
	free(text);
	tear_down(&stage);
}

static void
test_sections_may_be_empty(UNUSED void **state)
{
	assert_sections(0, 1,
	    "\n  \"services\": {},\n  \"prompts\": {\n    \"t0\": {\"status\":",
	    "\n  }\n}\n");
	assert_sections(1, 0, "\n  \"services\": {\n    \"t0\": {\"status\":",
	    "\n  },\n  \"prompts\": {},\n  \"providers\": {}\n}\n");
	assert_sections(0, 0, "",
	    "\n  \"services\": {},\n  \"prompts\": {},\n  \"providers\": {}\n}\n");
}

/* ---- providers ---- */

static void
assert_provider_says(struct stage *stage, const char *expected)
{
	char *text = sections_of(stage);

	if (strstr(strstr(text, "\"providers\""), expected) == NULL)
		fail_msg("no %s in %s", expected, text);
	free(text);
}

static void
test_providers_are_told_as_they_are_right_now(UNUSED void **state)
{
	struct provider_state *provider;
	struct gate_admission admission;
	struct stage stage;

	set_up(&stage, 0, 1);
	provider = providers_at(board_providers(stage.board), 0);
	admission = gate_enter(provider->gate, NOW_US);
	/* No entry has changed: that of the prompt is not made anew. */
	assert_provider_says(&stage, "\"limit\":5,\"adaptive\":true,\"in_flight\":1,");
	gate_pushed_back(provider->gate, &admission, 3000000, NOW_US, 0.5);
	gate_leave(provider->gate, &admission, NOW_US);
	assert_provider_says(&stage,
	    "\"limit\":3,\"adaptive\":true,\"in_flight\":0,"
	    "\"paused_until\":\"2026-11-21T03:40:03.000Z\",\"pauses\":1,"
	    "\"rejections\":1,\"cuts\":1,");
	tear_down(&stage);
}

static void
test_what_a_provider_spent_is_told(UNUSED void **state)
{
	struct provider_state *provider;
	struct stage stage;

	stage.config = fake_config_new(0);
	fake_config_set_provider(stage.config, "p",
	    "model: m\nprice: {input: 1, output: 2}\nbudget: {cost: 0.5, per: 1h}\nmax_concurrent: 3\n"
	    "adaptive: false\n");
	stage.board = board_new(stage.config);
	stage.maker = snapshot_maker_new(stage.board, "gatherd 1.2.3", "web1");
	assert_provider_says(&stage, "\"model\":\"m\",");
	assert_provider_says(
	    &stage, "\"max_concurrent\":3,\"limit\":3,\"adaptive\":false,");
	assert_provider_says(&stage,
	    "\"budget\":{\"unit\":\"cost\",\"limit\":0.5,\"spent\":0,"
	    "\"per_ms\":3600000,\"started_at\":null,\"ends_at\":null}}");
	provider = providers_at(board_providers(stage.board), 0);
	provider->budget.spent = MONEY_ONE / 8;
	provider->budget.started_at_ms = NOW_MS;
	assert_provider_says(&stage,
	    "\"spent\":0.125,\"per_ms\":3600000,"
	    "\"started_at\":\"2026-11-21T03:40:00.000Z\","
	    "\"ends_at\":\"2026-11-21T04:40:00.000Z\"}}");
	tear_down(&stage);
}

/* ---- what does not fit ---- */

/* The prompt with that index was answered with LEN bytes. */
static void
put_response(struct stage *stage, size_t index, size_t len)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome_make_prompt(&outcome);
	outcome.prompt->prompt = xstrdup("How is it?");
	outcome.prompt->response = xmalloc(len + 1);
	memset(outcome.prompt->response, 'x', len);
	outcome.prompt->response[len] = '\0';
	outcome.prompt->response_len = len;
	board_put(stage->board, board_entry(stage->board, index), &outcome);
}

static void
test_long_responses_are_left_out_where_they_do_not_fit(UNUSED void **state)
{
	struct stage stage;
	char *text;

	set_up(&stage, 1, 2);
	put_response(&stage, 1, 100000);
	put_response(&stage, 2, 10);
	stage.config->output.max_size_bytes = 20000;
	assert_true(entry_data_bytes(board_entry(stage.board, 1)) >= 100000);
	text = sections_of(&stage);
	assert_true(strlen(text) < 20000);
	assert_non_null(strstr(text, "\"prompt\":null,\"response\":null,"));
	assert_non_null(strstr(text, "\"warnings\":[\"data left out: "));
	assert_non_null(
	    strstr(text, "\"prompt\":\"How is it?\",\"response\":\"xxxxxxxxxx\","));
	free(text);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prompts_and_providers_have_sections_of_their_own),
		cmocka_unit_test(test_sections_may_be_empty),
		cmocka_unit_test(test_providers_are_told_as_they_are_right_now),
		cmocka_unit_test(test_what_a_provider_spent_is_told),
		cmocka_unit_test(
		    test_long_responses_are_left_out_where_they_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
