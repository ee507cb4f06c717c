#include "publish/entry.h"

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

/* A board of one target, "t0", and the text of its entry. */
struct stage {
	struct config *config;
	struct board *board;
	struct board_entry *entry;
	struct buffer text;
};

static void
set_up(struct stage *stage)
{
	stage->config = fake_config_new(1);
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

/* DATA is the answer of a success; NULL: it failed. */
static void
put(struct stage *stage, const char *data)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = data != NULL ? STATUS_OK : STATUS_ERROR;
	outcome.kind = data != NULL ? KIND_NONE : KIND_CONNECT;
	if (data != NULL) {
		outcome.data = xstrdup(data);
		outcome.data_len = strlen(data);
	}
	board_put(stage->board, stage->entry, &outcome);
}

/* TEXT is what a former run published of it. */
static void
restore(struct stage *stage, const char *text)
{
	struct board_memory memory = {
		.status = STATUS_OK,
		.since_ms = 1000,
		.checked_at_ms = 1000,
		.last_ok_at_ms = 1000,
		.entry = xstrdup(text),
		.entry_len = strlen(text),
	};

	board_restore(stage->board, stage->entry, &memory);
}

static const char *
make_text(struct stage *stage, const char *left_out)
{
	buffer_reset(&stage->text);
	entry_append(&stage->text, stage->entry, left_out);
	return stage->text.data;
}

/* The object behind the name; the caller's. */
static struct json_object *
make_object(struct stage *stage)
{
	static const char name[] = "\"t0\": ";
	const char *text = make_text(stage, NULL);
	struct json_object *object;

	assert_memory_equal(text, name, strlen(name));
	object = json_tokener_parse(text + strlen(name));
	assert_non_null(object);
	return object;
}

static void
test_a_pending_entry_has_every_key(UNUSED void **state)
{
	static const char *const keys[] = { "status", "since", "checked_at",
		"last_ok_at", "failures", "next_at", "attempts", "http_status", "url",
		"final_url", "duration_ms", "timing_ms", "bytes",
		"certificate_expires_at", "error", "warnings", "values", "data" };
	struct json_object *entry;
	struct stage stage;
	size_t i = 0;

	set_up(&stage);
	entry = make_object(&stage);
	json_object_object_foreach (entry, key, value) {
		(void)value;
		assert_true(i < ARRAY_COUNT(keys));
		assert_string_equal(key, keys[i]);
		i++;
	}
	assert_int_equal(i, ARRAY_COUNT(keys));
	assert_string_equal(
	    json_object_get_string(json_object_object_get(entry, "status")), "pending");
	json_object_put(entry);
	tear_down(&stage);
}

static void
test_the_last_good_answer_stands_behind_the_data_on_request(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.config->targets[0]->keep_last = true;
	assert_non_null(
	    strstr(make_text(&stage, NULL), "\"data\":null,\"last_data\":null}"));
	put(&stage, "[1.10]");
	assert_non_null(
	    strstr(make_text(&stage, NULL), "\"data\":[1.10],\"last_data\":[1.10]}"));
	put(&stage, NULL);
	put(&stage, NULL);
	assert_non_null(
	    strstr(make_text(&stage, NULL), "\"data\":null,\"last_data\":[1.10]}"));
	tear_down(&stage);
}

static void
test_data_is_left_out_with_its_reason(UNUSED void **state)
{
	struct stage stage;
	const char *text;

	set_up(&stage);
	stage.config->targets[0]->keep_last = true;
	put(&stage, "[1.10]");
	text = make_text(&stage, "too \"large\"");
	assert_non_null(strstr(text, "\"warnings\":[\"too \\\"large\\\"\"],"));
	assert_non_null(strstr(text, "\"data\":null,\"last_data\":null}"));
	tear_down(&stage);
}

static void
test_a_reason_stands_behind_the_warnings(UNUSED void **state)
{
	struct outcome outcome;
	struct stage stage;

	set_up(&stage);
	outcome_init(&outcome);
	outcome.status = STATUS_DEGRADED;
	outcome_warn(&outcome, xstrdup("/a: \"b\""));
	outcome_warn(&outcome, xstrdup("c"));
	outcome.final_url = xstrdup("http://there/");
	outcome.certificate_expires_at_ms = 1000;
	outcome.values = xstrdup("{\"q\":1.10}");
	outcome.values_len = strlen(outcome.values);
	outcome.secret_values = xstrdup("{\"q\":\"hidden\"}");
	outcome.secret_values_len = strlen(outcome.secret_values);
	board_put(stage.board, stage.entry, &outcome);
	assert_non_null(strstr(make_text(&stage, NULL),
	    ",\"certificate_expires_at\":\"1970-01-01T00:00:01.000Z\",\"error\":null,"
	    "\"warnings\":[\"/a: \\\"b\\\"\",\"c\"],\"values\":{\"q\":1.10},"));
	assert_non_null(strstr(stage.text.data, ",\"final_url\":\"http://there/\","));
	assert_null(strstr(stage.text.data, "hidden"));
	/* A few values stay. */
	assert_non_null(strstr(make_text(&stage, "too large"),
	    "\"warnings\":[\"/a: \\\"b\\\"\",\"c\",\"too large\"],"
	    "\"values\":{\"q\":1.10},"));
	tear_down(&stage);
}

static void
test_many_values_are_data(UNUSED void **state)
{
	char values[5000] = "{\"a\":\"";
	size_t len = sizeof(values) - 1;
	struct outcome outcome;
	struct stage stage;
	char *old;

	set_up(&stage);
	memset(values + 6, 'x', len - 8);
	values[len - 2] = '"';
	values[len - 1] = '}';
	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.values = xstrdup(values);
	outcome.values_len = len;
	board_put(stage.board, stage.entry, &outcome);
	assert_int_equal(entry_data_bytes(stage.entry), len);
	assert_non_null(strstr(make_text(&stage, NULL), values));
	assert_non_null(
	    strstr(make_text(&stage, "why"), "\"values\":{},\"data\":null}"));
	tear_down(&stage);

	set_up(&stage);
	old = xasprintf("{\"warnings\":[],\"values\":%s,\"data\":1}", values);
	restore(&stage, old);
	assert_int_equal(entry_data_bytes(stage.entry), len + 1);
	assert_string_equal(make_text(&stage, "why"),
	    "\"t0\": {\"warnings\":[\"why\"],\"values\":{},\"data\":null}");
	free(old);
	tear_down(&stage);
}

static void
test_both_answers_count_as_data(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_int_equal(entry_data_bytes(stage.entry), 0);
	put(&stage, "123456");
	assert_int_equal(entry_data_bytes(stage.entry), 6);
	stage.config->targets[0]->keep_last = true;
	assert_int_equal(entry_data_bytes(stage.entry), 12);
	put(&stage, NULL);
	assert_int_equal(entry_data_bytes(stage.entry), 6);
	tear_down(&stage);
}

static void
test_what_a_former_run_published_is_passed_on_as_it_was(UNUSED void **state)
{
	static const char old[] =
	    "{\"status\":\"ok\",\"of_old\":1.10,\"data\":\"\\u00e4\"}";
	struct stage stage;

	set_up(&stage);
	restore(&stage, old);
	assert_string_equal(make_text(&stage, NULL) + strlen("\"t0\": "), old);
	put(&stage, "1");
	assert_null(strstr(make_text(&stage, NULL), "of_old"));
	tear_down(&stage);
}

static void
test_a_former_runs_data_can_be_left_out(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	restore(&stage,
	    "{\"error\":{\"data\":1},\"warnings\":[\"a\",\"b\"],\"data\":[1,{}],"
	    "\"last_data\":\"x\",\"group\":\"g\"}");
	assert_int_equal(entry_data_bytes(stage.entry), strlen("[1,{}]\"x\""));
	assert_string_equal(make_text(&stage, "why"),
	    "\"t0\": {\"error\":{\"data\":1},\"warnings\":[\"a\",\"b\",\"why\"],"
	    "\"data\":null,\"last_data\":null,\"group\":\"g\"}");
	restore(&stage, "{\"warnings\":[],\"data\":null}");
	assert_int_equal(entry_data_bytes(stage.entry), 0);
	assert_string_equal(
	    make_text(&stage, "why"), "\"t0\": {\"warnings\":[\"why\"],\"data\":null}");
	restore(&stage, "{}");
	assert_string_equal(make_text(&stage, "why"), "\"t0\": {}");
	tear_down(&stage);
}

static void
test_of_what_a_former_run_knew_the_counts_alone_make_an_entry(UNUSED void **state)
{
	struct board_memory memory = {
		.status = STATUS_HTTP_ERROR,
		.since_ms = 0,
		.checked_at_ms = 1000,
		.last_ok_at_ms = -1,
		.failures = 3,
	};
	struct stage stage;

	set_up(&stage);
	stage.config->targets[0]->keep_last = true;
	board_restore(stage.board, stage.entry, &memory);
	assert_int_equal(entry_data_bytes(stage.entry), 0);
	assert_string_equal(make_text(&stage, NULL),
	    "\"t0\": {\"status\":\"http_error\",\"since\":\"1970-01-01T00:00:00.000Z\","
	    "\"checked_at\":\"1970-01-01T00:00:01.000Z\",\"last_ok_at\":null,"
	    "\"failures\":3,\"next_at\":null,\"attempts\":0,\"http_status\":null,"
	    "\"url\":\"http://test/0\",\"final_url\":null,\"duration_ms\":null,"
	    "\"timing_ms\":{\"queued\":null,\"dns\":null,\"connect\":null,\"tls\":null,"
	    "\"first_byte\":null,\"total\":null},\"bytes\":0,"
	    "\"certificate_expires_at\":null,\"error\":null,\"warnings\":[],"
	    "\"values\":{},\"data\":null,\"last_data\":null}");
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pending_entry_has_every_key),
		cmocka_unit_test(
		    test_the_last_good_answer_stands_behind_the_data_on_request),
		cmocka_unit_test(test_data_is_left_out_with_its_reason),
		cmocka_unit_test(test_a_reason_stands_behind_the_warnings),
		cmocka_unit_test(test_many_values_are_data),
		cmocka_unit_test(test_both_answers_count_as_data),
		cmocka_unit_test(
		    test_what_a_former_run_published_is_passed_on_as_it_was),
		cmocka_unit_test(test_a_former_runs_data_can_be_left_out),
		cmocka_unit_test(
		    test_of_what_a_former_run_knew_the_counts_alone_make_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
