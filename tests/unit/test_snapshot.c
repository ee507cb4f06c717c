#include "publish/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/round.h"

#define NOW_MS INT64_C(1795232400123) /* 2026-11-21T03:40:00.123Z */

static const struct round_summary summary = {
	.number = 3,
	.started_at_ms = NOW_MS - 203,
	.duration_us = 203400,
	.target_count = 2,
};

/* A config of COUNT targets, its board and a maker over it. */
struct stage {
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
};

static void
set_up(struct stage *stage, size_t count)
{
	stage->config = fake_config_new(count);
	stage->config->interval_ms = 30000;
	stage->config->timeout_ms = 5000;
	stage->config->output.max_size_bytes = (size_t)1024 * 1024;
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

static void
put_data(struct stage *stage, size_t index, const char *json)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.http_status = 200;
	outcome.attempts = 1;
	outcome.checked_at_ms = NOW_MS;
	outcome.duration_us = 1234;
	outcome.url = xstrdup("http://test/");
	outcome.data = xstrdup(json);
	outcome.data_len = strlen(json);
	board_put(stage->board, board_entry(stage->board, index), &outcome);
}

static void
put_timeout(struct stage *stage, size_t index)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_TIMEOUT;
	outcome.kind = KIND_TIMEOUT;
	outcome.phase = PHASE_FIRST_BYTE;
	outcome.message = xstrdup("timed out after 5s");
	outcome.attempts = 1;
	outcome.checked_at_ms = NOW_MS;
	board_put(stage->board, board_entry(stage->board, index), &outcome);
}

static struct snapshot *
make_snapshot(struct stage *stage, uint64_t generation)
{
	const struct snapshot_head head = {
		.generation = generation,
		.round = &summary,
		.now_ms = NOW_MS,
	};

	return snapshot_make(stage->maker, &head);
}

/* The pieces of a snapshot as one text, the caller's. */
static char *
text_of(const struct snapshot *snapshot)
{
	const struct iovec *pieces;
	struct buffer text;
	size_t count;

	buffer_init(&text, BUFFER_UNLIMITED);
	pieces = snapshot_pieces(snapshot, &count);
	for (size_t i = 0; i < count; i++)
		buffer_append(&text, pieces[i].iov_base, pieces[i].iov_len);
	return buffer_take(&text);
}

/* That of a new one. */
static char *
make_text(struct stage *stage, uint64_t generation)
{
	struct snapshot *snapshot = make_snapshot(stage, generation);
	char *text = text_of(snapshot);

	snapshot_unref(snapshot);
	return text;
}

static struct json_object *
make_document(struct stage *stage)
{
	char *text = make_text(stage, 1);
	struct json_object *document = json_tokener_parse(text);

	assert_non_null(document);
	free(text);
	return document;
}

static const char *
text_at(struct json_object *document, const char *pointer)
{
	struct json_object *found = NULL;

	assert_int_equal(json_pointer_get(document, pointer, &found), 0);
	return json_object_get_string(found);
}

static void
test_the_head_is_as_documented(UNUSED void **state)
{
	static const char expected[] =
	    "{\n"
	    "  \"version\": 1,\n"
	    "  \"generator\": \"gatherd 1.2.3\",\n"
	    "  \"host\": \"web1\",\n"
	    "  \"generation\": 17,\n"
	    "  \"generated_at\": \"2026-11-21T03:40:00.123Z\",\n"
	    "  \"stale_after\": \"2026-11-21T03:41:05.123Z\",\n"
	    "  \"status\": \"degraded\",\n"
	    "  \"outcome\": \"complete\",\n"
	    "  \"mode\": \"settle\",\n"
	    "  \"round\": {\"number\":3,\"started_at\":\"2026-11-21T03:39:59.920Z\","
	    "\"duration_ms\":203.4,\"targets\":2},\n"
	    "  \"in_flight\": [],\n"
	    "  \"counts\": {\"total\":2,\"ok\":1,\"degraded\":0,\"timeout\":1,"
	    "\"http_error\":0,\"error\":0,\"cancelled\":0,\"skipped\":0,\"pending\":0},\n"
	    "  \"failed\": [\"t1\"],\n"
	    "  \"services\": {\n"
	    "    \"t0\": {\"status\":\"ok\",";
	struct stage stage;
	char *text;

	set_up(&stage, 2);
	put_data(&stage, 0, "{}");
	put_timeout(&stage, 1);
	text = make_text(&stage, 17);
	text[sizeof(expected) - 1] = '\0';
	assert_string_equal(text, expected);
	free(text);
	tear_down(&stage);
}

static void
test_a_round_that_is_not_over_is_told(UNUSED void **state)
{
	static const struct round_summary begun = {
		.number = 1, .started_at_ms = NOW_MS, .duration_us = -1
	};
	const struct snapshot_head head = {
		.generation = 1, .round = &begun, .gathering = true, .now_ms = NOW_MS
	};
	struct snapshot *snapshot;
	struct stage stage;
	char *text;

	set_up(&stage, 0);
	snapshot = snapshot_make(stage.maker, &head);
	text = text_of(snapshot);
	assert_non_null(strstr(text, "\n  \"outcome\": \"gathering\",\n"));
	assert_non_null(strstr(text, "\"duration_ms\":null,"));
	free(text);
	snapshot_unref(snapshot);
	tear_down(&stage);
}

static void
test_no_targets_make_an_empty_document(UNUSED void **state)
{
	struct stage stage;
	struct json_object *document;

	set_up(&stage, 0);
	document = make_document(&stage);
	assert_string_equal(text_at(document, "/status"), "ok");
	assert_string_equal(text_at(document, "/services"), "{ }");
	assert_string_equal(text_at(document, "/prompts"), "{ }");
	json_object_put(document);
	tear_down(&stage);
}

static void
test_an_entry_is_made_anew_only_when_it_changed(UNUSED void **state)
{
	struct snapshot *first, *second;
	const struct iovec *before, *after;
	struct stage stage;
	size_t count;

	set_up(&stage, 2);
	put_data(&stage, 0, "1");
	put_data(&stage, 1, "2");
	first = make_snapshot(&stage, 1);
	put_data(&stage, 1, "3");
	second = make_snapshot(&stage, 2);
	before = snapshot_pieces(first, &count);
	after = snapshot_pieces(second, &count);
	assert_ptr_equal(before[1].iov_base, after[1].iov_base);
	assert_ptr_not_equal(before[2].iov_base, after[2].iov_base);
	snapshot_unref(first);
	snapshot_unref(second);
	tear_down(&stage);
}

static void
test_numbers_of_a_body_keep_their_digits(UNUSED void **state)
{
	struct stage stage;
	char *text;

	set_up(&stage, 1);
	put_data(&stage, 0, "[18446744073709551615,0.1,1.10,-0]");
	text = make_text(&stage, 1);
	assert_non_null(strstr(text, "\"data\":[18446744073709551615,0.1,1.10,-0]"));
	free(text);
	tear_down(&stage);
}

/* JSON of LEN bytes: a string of x. */
static char *
long_json(size_t len)
{
	char *json = xmalloc(len + 1);

	memset(json, 'x', len);
	json[0] = json[len - 1] = '"';
	json[len] = '\0';
	return json;
}

static void
test_what_does_not_fit_is_left_out_largest_first(UNUSED void **state)
{
	struct stage stage;
	struct json_object *document;
	char *small = long_json(2000), *large = long_json(30000);

	set_up(&stage, 3);
	put_data(&stage, 0, small);
	put_data(&stage, 1, large);
	put_data(&stage, 2, small);
	stage.config->output.max_size_bytes = 20000;
	document = make_document(&stage);
	assert_non_null(text_at(document, "/services/t0/data"));
	assert_null(text_at(document, "/services/t1/data"));
	assert_string_equal(text_at(document, "/services/t1/warnings/0"),
	    "data left out: the document would be larger than 20000 bytes "
	    "(output.max_size)");
	assert_string_equal(text_at(document, "/services/t1/status"), "ok");
	assert_non_null(text_at(document, "/services/t2/data"));
	json_object_put(document);

	/* Once there is room it comes back. */
	stage.config->output.max_size_bytes = (size_t)1024 * 1024;
	document = make_document(&stage);
	assert_non_null(text_at(document, "/services/t1/data"));
	assert_string_equal(text_at(document, "/services/t1/warnings"), "[ ]");
	json_object_put(document);
	free(small);
	free(large);
	tear_down(&stage);
}

/* Make a document and count the log's lines that hold TEXT meanwhile. */
static int
count_lines_told(struct stage *stage, const char *text)
{
	static char lines[65536];
	int caught = memfd_create("log", 0);
	int standard_error = dup(STDERR_FILENO);
	int count = 0;
	ssize_t len;

	dup2(caught, STDERR_FILENO);
	json_object_put(make_document(stage));
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	len = pread(caught, lines, sizeof(lines) - 1, 0);
	assert_true(len >= 0);
	lines[len] = '\0';
	close(caught);
	for (const char *at = lines; (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

static void
test_kept_answers_are_left_out_too_and_count(UNUSED void **state)
{
	struct stage stage;
	struct json_object *document;
	char *small = long_json(12000), *large = long_json(16000);

	/* The kept answer of the first is as much as twice the second's data. */
	set_up(&stage, 2);
	stage.config->targets[0]->keep_last = true;
	put_data(&stage, 0, small);
	put_data(&stage, 1, large);
	stage.config->output.max_size_bytes = 30000;
	document = make_document(&stage);
	assert_null(text_at(document, "/services/t0/data"));
	assert_null(text_at(document, "/services/t0/last_data"));
	assert_non_null(text_at(document, "/services/t1/data"));
	json_object_put(document);
	free(small);
	free(large);
	tear_down(&stage);
}

/* TEXT is what a former run published of the target with number INDEX. */
static void
restore(struct stage *stage, size_t index, const char *text)
{
	struct board_memory memory = {
		.status = STATUS_HTTP_ERROR,
		.since_ms = NOW_MS,
		.checked_at_ms = NOW_MS,
		.last_ok_at_ms = -1,
		.failures = 2,
		.entry = xstrdup(text),
		.entry_len = strlen(text),
	};

	board_restore(stage->board, board_entry(stage->board, index), &memory);
}

static void
test_what_a_former_run_published_stays_until_the_first_outcome(UNUSED void **state)
{
	struct stage stage;
	char *text;

	set_up(&stage, 2);
	restore(&stage, 1, "{\"status\":\"http_error\",\"of_old\":[1.10]}");
	text = make_text(&stage, 1);
	assert_non_null(strstr(
	    text, ",\n    \"t1\": {\"status\":\"http_error\",\"of_old\":[1.10]}\n  }"));
	assert_non_null(strstr(text, "\"http_error\":1,"));
	assert_non_null(strstr(text, "\"failed\": [\"t1\"]"));
	free(text);

	put_data(&stage, 1, "true");
	text = make_text(&stage, 2);
	assert_null(strstr(text, "of_old"));
	assert_non_null(strstr(text, "\"failed\": []"));
	free(text);
	tear_down(&stage);
}

static void
free_indexed(struct config *config)
{
	free((void *)config->by_name);
	config->by_name = NULL;
	fake_config_free(config);
}

/* Go over to CONFIG. */
static void
reload(struct stage *stage, struct config *config)
{
	config_index(config); /* as its loader leaves it */
	config->interval_ms = 30000;
	config->output.max_size_bytes = stage->config->output.max_size_bytes;
	board_reload(stage->board, config);
	snapshot_maker_reload(stage->maker, "web2");
	free_indexed(stage->config);
	stage->config = config;
}

static void
test_a_reload_brings_other_targets_and_perhaps_another_host(UNUSED void **state)
{
	struct stage stage;
	char *text;

	set_up(&stage, 3);
	config_index(stage.config);
	put_data(&stage, 0, "\"kept\"");
	text = make_text(&stage, 1);
	free(text);
	reload(&stage, fake_config_new(1));
	text = make_text(&stage, 2);
	assert_non_null(strstr(text, "\"host\": \"web2\""));
	assert_non_null(strstr(text, "\"t0\": {"));
	assert_non_null(strstr(text, "\"data\":\"kept\""));
	assert_null(strstr(text, "\"t1\": {"));
	free(text);
	reload(&stage, fake_config_new(0));
	reload(&stage, fake_config_new(4));
	text = make_text(&stage, 3);
	assert_null(strstr(text, "\"kept\""));
	assert_non_null(strstr(text, "\"t3\": {"));
	free(text);
	snapshot_maker_free(stage.maker);
	board_free(stage.board);
	free_indexed(stage.config);
}

static void
test_what_is_left_out_is_told_once_and_not_of_each_of_many(UNUSED void **state)
{
	struct stage stage;
	char *json = long_json(5000);

	set_up(&stage, 30);
	for (size_t i = 0; i < 30; i++)
		put_data(&stage, i, json);
	stage.config->output.max_size_bytes = 32768;
	assert_int_equal(count_lines_told(&stage, "larger than 32KiB (output"), 20);
	assert_int_equal(count_lines_told(&stage, "\n"), 0);

	/* Again once it was there in between. */
	stage.config->output.max_size_bytes = (size_t)1024 * 1024;
	assert_int_equal(count_lines_told(&stage, "\n"), 0);
	stage.config->output.max_size_bytes = 32768;
	assert_int_equal(count_lines_told(&stage, "more with their data left out"), 1);
	free(json);
	tear_down(&stage);
}

/* The targets of COUNT in the opposite order. */
static struct config *
reversed_config(size_t count)
{
	struct config *config = fake_config_new(count);

	for (size_t i = 0; i < count / 2; i++) {
		struct target *target = config->targets[i];

		config->targets[i] = config->targets[count - 1 - i];
		config->targets[count - 1 - i] = target;
	}
	for (size_t i = 0; i < count; i++)
		config->targets[i]->index = i;
	return config;
}

static void
test_what_was_told_is_not_told_again_after_a_reload(UNUSED void **state)
{
	struct stage stage;
	char *json = long_json(20000);

	set_up(&stage, 4);
	config_index(stage.config);
	for (size_t i = 0; i < 3; i++)
		put_data(&stage, i, json);
	stage.config->output.max_size_bytes = 8192;
	assert_int_equal(count_lines_told(&stage, "data left out"), 3);
	reload(&stage, fake_config_new(4));
	assert_int_equal(count_lines_told(&stage, "\n"), 0);
	reload(&stage, reversed_config(4));
	assert_int_equal(count_lines_told(&stage, "\n"), 0);
	reload(&stage, fake_config_new(2));
	assert_int_equal(count_lines_told(&stage, "\n"), 0);

	/* One that was gone is another one. */
	reload(&stage, fake_config_new(3));
	put_data(&stage, 2, json);
	assert_int_equal(count_lines_told(&stage, "[t2] data left out"), 1);

	stage.config->output.max_size_bytes = 1;
	assert_int_equal(count_lines_told(&stage, "even without the data"), 1);
	reload(&stage, fake_config_new(3));
	assert_int_equal(count_lines_told(&stage, "\n"), 0);
	free(json);
	snapshot_maker_free(stage.maker);
	board_free(stage.board);
	free_indexed(stage.config);
}

static void
test_data_that_is_shorter_than_the_reason_stays(UNUSED void **state)
{
	struct stage stage;
	struct json_object *document;
	char *large = long_json(500);

	set_up(&stage, 2);
	put_data(&stage, 0, "{}");
	put_data(&stage, 1, large);
	stage.config->output.max_size_bytes = 1;
	document = make_document(&stage);
	assert_string_equal(text_at(document, "/services/t0/data"), "{ }");
	assert_string_equal(text_at(document, "/services/t0/warnings"), "[ ]");
	assert_null(text_at(document, "/services/t1/data"));
	json_object_put(document);
	free(large);
	tear_down(&stage);
}

static void
test_what_is_too_large_without_data_is_published_and_told_once(UNUSED void **state)
{
	static const char words[] =
	    "larger than 1 bytes (output.max_size) even without the data";
	struct stage stage;

	set_up(&stage, 1);
	put_data(&stage, 0, "{}");
	stage.config->output.max_size_bytes = 1;
	assert_int_equal(count_lines_told(&stage, words), 1);
	assert_int_equal(count_lines_told(&stage, words), 0);
	stage.config->output.max_size_bytes = (size_t)1024 * 1024;
	assert_int_equal(count_lines_told(&stage, words), 0);
	stage.config->output.max_size_bytes = 1;
	assert_int_equal(count_lines_told(&stage, words), 1);
	tear_down(&stage);
}

static void
test_who_is_in_flight_is_named(UNUSED void **state)
{
	struct stage stage;
	struct json_object *document;

	set_up(&stage, 3);
	board_set_in_flight(board_entry(stage.board, 0), true);
	board_set_in_flight(board_entry(stage.board, 2), true);
	document = make_document(&stage);
	assert_string_equal(text_at(document, "/in_flight"), "[ \"t0\", \"t2\" ]");
	json_object_put(document);
	tear_down(&stage);
}

static void
test_a_targets_own_words_stand_at_the_end_where_they_are_set(UNUSED void **state)
{
	struct stage stage;
	char *text;

	set_up(&stage, 2);
	marked_append(&stage.config->targets[1]->group.value, "web", 3, MARK_OWN);
	marked_append(&stage.config->targets[1]->description.value, "x", 1, MARK_OWN);
	snapshot_maker_free(stage.maker);
	board_free(stage.board);
	stage.board = board_new(stage.config);
	stage.maker = snapshot_maker_new(stage.board, "gatherd 1.2.3", "web1");
	text = make_text(&stage, 1);
	assert_non_null(strstr(text, "\"data\":null},\n    \"t1\": {"));
	assert_non_null(
	    strstr(text, "\"data\":null,\"group\":\"web\",\"description\":\"x\"}\n"));
	free(text);
	tear_down(&stage);
}

static void
test_a_snapshot_outlives_its_maker(UNUSED void **state)
{
	struct stage stage;
	struct snapshot *snapshot;
	const struct iovec *pieces;
	size_t count;

	set_up(&stage, 1);
	put_data(&stage, 0, "{}");
	snapshot = snapshot_ref(make_snapshot(&stage, 1));
	tear_down(&stage);
	snapshot_unref(snapshot);
	pieces = snapshot_pieces(snapshot, &count);
	assert_int_equal(count, 4);
	assert_memory_equal(pieces[1].iov_base, "\n    \"t0\": {", 12);
	snapshot_unref(snapshot);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_head_is_as_documented),
		cmocka_unit_test(test_a_round_that_is_not_over_is_told),
		cmocka_unit_test(test_no_targets_make_an_empty_document),
		cmocka_unit_test(test_an_entry_is_made_anew_only_when_it_changed),
		cmocka_unit_test(test_numbers_of_a_body_keep_their_digits),
		cmocka_unit_test(test_what_does_not_fit_is_left_out_largest_first),
		cmocka_unit_test(test_kept_answers_are_left_out_too_and_count),
		cmocka_unit_test(
		    test_what_a_former_run_published_stays_until_the_first_outcome),
		cmocka_unit_test(
		    test_a_reload_brings_other_targets_and_perhaps_another_host),
		cmocka_unit_test(
		    test_what_is_left_out_is_told_once_and_not_of_each_of_many),
		cmocka_unit_test(test_what_was_told_is_not_told_again_after_a_reload),
		cmocka_unit_test(test_data_that_is_shorter_than_the_reason_stays),
		cmocka_unit_test(
		    test_what_is_too_large_without_data_is_published_and_told_once),
		cmocka_unit_test(test_who_is_in_flight_is_named),
		cmocka_unit_test(
		    test_a_targets_own_words_stand_at_the_end_where_they_are_set),
		cmocka_unit_test(test_a_snapshot_outlives_its_maker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
