#include "publish/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"

/* 2026-11-21T03:40:00.000Z */
#define NOW_MS INT64_C(1795232400000)

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A board of one prompt, "t0", and the text of its entry. */
struct stage {
	struct config *config;
	struct board *board;
	struct board_entry *entry;
	struct buffer text;
};

static void
set_up(struct stage *stage, const char *keys)
{
	stage->config = fake_config_new(0);
	fake_config_add_prompt(stage->config, keys);
	stage->board = board_new(stage->config);
	stage->entry = board_entry(stage->board, 0);
	buffer_init(&stage->text, BUFFER_UNLIMITED);
}

static void
tear_down(struct stage *stage)
{
	buffer_clear(&stage->text);
	board_free(stage->board);
	fake_config_free(stage->config);
}

static void
assert_entry(struct stage *stage, const char *left_out, const char *expected)
{
	buffer_reset(&stage->text);
	entry_append(&stage->text, stage->entry, left_out);
	assert_string_equal(stage->text.data, expected);
}

static void
put_answer(struct stage *stage)
{
	struct outcome outcome;
	struct outcome_prompt *prompt;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.checked_at_ms = NOW_MS;
	outcome.attempts = 1;
	outcome.http_status = 200;
	outcome.duration_us = 812000;
	outcome.bytes = 500;
	outcome_make_prompt(&outcome);
	prompt = outcome.prompt;
	prompt->model = xstrdup("m-1");
	prompt->prompt = xstrdup("How \"is\" it?");
	prompt->response = xmemdup0("a\0b\n", 4);
	prompt->response_len = 4;
	prompt->finish_reason = xstrdup("stop");
	prompt->request_id = xstrdup("req_1");
	prompt->usage = (struct prompt_usage){ 21, 5, -1, 0, 26 };
	prompt->cost = INT64_C(1250000000);
	memcpy(prompt->input_hash, HASH, DIGEST_HEX_SIZE);
	board_put(stage->board, stage->entry, &outcome);
}

#define ANSWER_HEAD                                                                    \
	"\"t0\": {\"status\":\"ok\",\"success\":true,"                                 \
	"\"since\":\"2026-11-21T03:40:00.000Z\","                                      \
	"\"checked_at\":\"2026-11-21T03:40:00.000Z\","                                 \
	"\"last_ok_at\":\"2026-11-21T03:40:00.000Z\",\"failures\":0,\"next_at\":null," \
	"\"attempts\":1,\"http_status\":200,\"provider\":\"p\",\"model\":\"m-1\","     \
	"\"duration_ms\":812.0,\"timing_ms\":{\"queued\":null,\"dns\":null,"           \
	"\"connect\":null,\"tls\":null,\"first_byte\":null,\"total\":null},"           \
	"\"bytes\":500,"

#define ANSWER_FOOT                                                                      \
	"\"finish_reason\":\"stop\",\"usage\":{\"input_tokens\":21,\"output_tokens\":5," \
	"\"reasoning_tokens\":null,\"cached_tokens\":0,\"total_tokens\":26},"            \
	"\"usage_unknown_attempts\":0,\"cost\":0.00125,"                                 \
	"\"estimate\":{\"tokens\":26,\"cost\":0.00125},\"budget\":null,"                 \
	"\"input_hash\":\"" HASH "\",\"reused\":false,\"request_id\":\"req_1\","         \
	"\"error\":null,"

static void
test_an_answer_is_written_with_all_its_keys(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "");
	put_answer(&stage);
	assert_entry(&stage, NULL,
	    ANSWER_HEAD
	    "\"prompt\":\"How \\\"is\\\" it?\",\"response\":\"a\\u0000b\\n\"," ANSWER_FOOT
	    "\"warnings\":[],\"values\":{},\"data\":null}");
	tear_down(&stage);
}

static void
test_texts_can_be_left_out(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "keep_last: true\n");
	put_answer(&stage);
	assert_int_equal(entry_data_bytes(stage.entry), 12 + 4 + 4);
	assert_entry(&stage, "too large",
	    ANSWER_HEAD "\"prompt\":null,\"response\":null," ANSWER_FOOT
	                "\"warnings\":[\"too large\"],\"values\":{},\"data\":null,"
	                "\"last_response\":null,\"last_data\":null}");
	tear_down(&stage);
}

static void
test_a_budget_is_written_in_its_unit(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "budget: {tokens: 25, per: 1d}\n");
	stage.entry->budget.spent = 20;
	stage.entry->budget.started_at_ms = NOW_MS;
	entry_append(&stage.text, stage.entry, NULL);
	assert_non_null(strstr(stage.text.data,
	    "\"budget\":{\"unit\":\"tokens\",\"limit\":25,\"spent\":20,"
	    "\"per_ms\":86400000,\"started_at\":\"2026-11-21T03:40:00.000Z\","
	    "\"ends_at\":\"2026-11-22T03:40:00.000Z\"},"));
	assert_non_null(strstr(stage.text.data, "\"usage\":null,"));
	tear_down(&stage);
}

static void
test_texts_of_a_former_run_can_be_left_out(UNUSED void **state)
{
	static const char entry[] =
	    "{\"status\":\"ok\",\"prompt\":\"How?\",\"response\":\"All is well.\","
	    "\"warnings\":[],\"last_response\":\"All was well.\"}";
	struct board_memory memory = {
		.status = STATUS_OK,
		.entry = xstrdup(entry),
		.entry_len = strlen(entry),
		.budget = { .started_at_ms = -1 },
	};
	struct stage stage;

	set_up(&stage, "");
	board_restore(stage.board, stage.entry, &memory);
	assert_entry(&stage, NULL,
	    "\"t0\": {\"status\":\"ok\",\"prompt\":\"How?\",\"response\":\"All is "
	    "well.\",\"warnings\":[],\"last_response\":\"All was well.\"}");
	assert_entry(&stage, "too large",
	    "\"t0\": {\"status\":\"ok\",\"prompt\":null,\"response\":null,"
	    "\"warnings\":[\"too large\"],\"last_response\":null}");
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_is_written_with_all_its_keys),
		cmocka_unit_test(test_texts_can_be_left_out),
		cmocka_unit_test(test_a_budget_is_written_in_its_unit),
		cmocka_unit_test(test_texts_of_a_former_run_can_be_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
