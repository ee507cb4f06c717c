#include "publish/snapshot.h"

#include <pthread.h>
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
#include "gather/round.h"
#include "publish/metrics/metrics.h"
#include "publish/metrics/samples.h"
#include "publish/metrics/vitals.h"
#include "publish/page/page.h"

#define NOW_MS INT64_C(1795232400123) /* 2026-11-21T03:40:00.123Z */

static const struct snapshot_wants all = { .samples = true, .cards = true };
static const struct snapshot_wants none = { 0 };

/* A config of COUNT targets, its board and a maker over it. */
struct stage {
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	struct vitals vitals;
};

static void
set_up(struct stage *stage, size_t count)
{
	stage->vitals = (struct vitals){ 0 };
	stage->config = fake_config_new(count);
	config_index(stage->config);
	stage->config->interval_ms = 30000;
	stage->config->timeout_ms = 5000;
	stage->config->metrics.max_histograms = 200;
	stage->config->output.max_size_bytes = (size_t)1024 * 1024;
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "gatherd 1.2.3", "<web1>");
}

static void
tear_down(struct stage *stage)
{
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	free((void *)stage->config->by_name);
	stage->config->by_name = NULL;
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
	outcome.data = xstrdup(json);
	outcome.data_len = strlen(json);
	board_put(stage->board, board_entry(stage->board, index), &outcome);
}

static struct snapshot *
make(struct stage *stage, uint64_t generation)
{
	static const struct round_summary summary = { .number = 3 };
	const struct snapshot_head head = {
		.generation = generation,
		.round = &summary,
		.now_ms = NOW_MS,
		.vitals = &stage->vitals,
		.failed_writes = 5,
	};

	return snapshot_make(stage->maker, &head);
}

static struct snapshot_entry
entry_of(const struct snapshot *snapshot, size_t index)
{
	struct snapshot_entry entry;

	snapshot_entry(snapshot, index, &entry);
	return entry;
}

/* SPAN as a text, in a place of its own. */
static const char *
text_of(struct span span)
{
	static char text[65536];

	assert_true(span.len < sizeof(text));
	memcpy(text, span.text, span.len);
	text[span.len] = '\0';
	return text;
}

static void
test_what_is_not_wanted_is_not_there(UNUSED void **state)
{
	struct snapshot_entry entry;
	struct snapshot *snapshot;
	struct stage stage;

	set_up(&stage, 1);
	snapshot = make(&stage, 1);
	entry = entry_of(snapshot, 0);
	assert_int_equal(entry.card.len, 0);
	assert_int_equal(entry.samples.len, 0);
	assert_int_equal(entry.family_ends[SAMPLE_FAMILY_COUNT - 1], 0);
	assert_int_equal(snapshot_summary(snapshot).len, 0);
	assert_int_equal(snapshot_gauges(snapshot).len, 0);
	snapshot_unref(snapshot);

	/* Nor is what was made when it was. */
	snapshot_maker_want(stage.maker, &all);
	snapshot_unref(make(&stage, 2));
	snapshot_maker_want(stage.maker, &none);
	snapshot = make(&stage, 3);
	entry = entry_of(snapshot, 0);
	assert_int_equal(entry.card.len, 0);
	assert_int_equal(entry.samples.len, 0);
	assert_int_equal(entry.family_ends[SAMPLE_FAMILY_COUNT - 1], 0);
	assert_int_equal(snapshot_summary(snapshot).len, 0);
	snapshot_unref(snapshot);
	tear_down(&stage);
}

static void
test_a_snapshot_tells_of_itself(UNUSED void **state)
{
	struct snapshot *snapshot;
	struct stage stage;

	set_up(&stage, 3);
	snapshot = make(&stage, 17);
	assert_int_equal(snapshot_generation(snapshot), 17);
	assert_true(snapshot_generated_at_ms(snapshot) == NOW_MS);
	assert_true(snapshot_stale_after_ms(snapshot) == NOW_MS + 65000);
	assert_int_equal(snapshot_entry_count(snapshot), 3);
	snapshot_unref(snapshot);
	snapshot_unref(NULL);
	tear_down(&stage);
}

static void
test_an_entry_is_the_object_of_the_document(UNUSED void **state)
{
	struct json_object *object;
	struct snapshot_entry entry;
	struct snapshot *snapshot;
	struct stage stage;

	set_up(&stage, 1);
	/* A name that needs escapes, and looks like the end of one. */
	free(stage.config->targets[0]->name);
	stage.config->targets[0]->name = xstrdup("a\": {\\");
	snapshot_maker_free(stage.maker);
	stage.maker = snapshot_maker_new(stage.board, "gatherd", "web1");
	put_data(&stage, 0, "[1.10]");
	snapshot = make(&stage, 1);
	entry = entry_of(snapshot, 0);
	assert_string_equal(entry.name, "a\": {\\");
	assert_false(entry.is_prompt);
	assert_int_equal(entry.text.text[0], '{');
	assert_int_equal(entry.text.text[entry.text.len - 1], '}');
	object = json_tokener_parse(text_of(entry.text));
	assert_non_null(object);
	json_object_put(object);
	assert_non_null(strstr(text_of(entry.text), "\"data\":[1.10]"));
	snapshot_unref(snapshot);
	tear_down(&stage);
}

static void
test_prompts_are_told_apart(UNUSED void **state)
{
	struct snapshot *snapshot;
	struct stage stage;

	set_up(&stage, 1);
	tear_down(&stage);
	stage.config = fake_config_new(1);
	fake_config_add_prompt(stage.config, "");
	config_index(stage.config);
	stage.config->output.max_size_bytes = (size_t)1024 * 1024;
	stage.board = board_new(stage.config);
	stage.maker = snapshot_maker_new(stage.board, "gatherd", "web1");
	snapshot = make(&stage, 1);
	assert_false(entry_of(snapshot, 0).is_prompt);
	assert_true(entry_of(snapshot, 1).is_prompt);
	snapshot_unref(snapshot);
	tear_down(&stage);
}

static void
test_an_entry_says_since_which_generation_it_is_so(UNUSED void **state)
{
	struct snapshot *snapshot;
	struct stage stage;

	set_up(&stage, 2);
	snapshot_maker_want(stage.maker, &all);
	snapshot_unref(make(&stage, 4));
	put_data(&stage, 1, "1");
	snapshot = make(&stage, 5);
	assert_int_equal(entry_of(snapshot, 0).changed_in, 4);
	assert_int_equal(entry_of(snapshot, 1).changed_in, 5);
	snapshot_unref(snapshot);
	snapshot = make(&stage, 6);
	assert_int_equal(entry_of(snapshot, 0).changed_in, 4);
	assert_int_equal(entry_of(snapshot, 1).changed_in, 5);
	snapshot_unref(snapshot);
	tear_down(&stage);
}

static void
test_what_is_wanted_later_changes_no_entry(UNUSED void **state)
{
	const struct snapshot_wants cards = { .cards = true };
	struct snapshot *before, *after, *last;
	struct stage stage;

	set_up(&stage, 1);
	put_data(&stage, 0, "1");
	before = make(&stage, 1);
	snapshot_maker_want(stage.maker, &cards);
	after = make(&stage, 2);
	snapshot_maker_want(stage.maker, &all);
	last = make(&stage, 3);

	assert_int_equal(entry_of(before, 0).card.len, 0);
	assert_true(entry_of(after, 0).card.len > 0);
	assert_int_equal(entry_of(after, 0).samples.len, 0);
	assert_true(entry_of(last, 0).card.len > 0);
	assert_true(entry_of(last, 0).samples.len > 0);
	assert_int_equal(entry_of(last, 0).changed_in, 1);
	/* What has all stays. */
	snapshot_unref(after);
	after = make(&stage, 4);
	assert_ptr_equal(entry_of(after, 0).text.text, entry_of(last, 0).text.text);
	snapshot_unref(before);
	snapshot_unref(after);
	snapshot_unref(last);
	tear_down(&stage);
}

static void
test_a_reload_is_another_layout(UNUSED void **state)
{
	struct snapshot *first, *second, *third;
	struct stage stage;

	set_up(&stage, 1);
	first = make(&stage, 1);
	second = make(&stage, 2);
	snapshot_maker_reload(stage.maker, "web2");
	third = make(&stage, 3);
	assert_true(snapshot_layout(first) == snapshot_layout(second));
	assert_true(snapshot_layout(second) < snapshot_layout(third));
	assert_int_equal(entry_of(third, 0).changed_in, 3);
	snapshot_unref(first);
	snapshot_unref(second);
	snapshot_unref(third);
	tear_down(&stage);
}

static void
test_the_summary_is_the_head_in_one_line_without_markup(UNUSED void **state)
{
	static const char begin[] = "{\"version\":1,\"generator\":\"gatherd 1.2.3\","
	                            "\"host\":\"\\u003cweb1>\",\"generation\":17,"
	                            "\"generated_at\":\"2026-11-21T03:40:00.123Z\",";
	struct json_object *object, *found;
	struct snapshot *snapshot;
	struct stage stage;
	const char *text;

	set_up(&stage, 2);
	snapshot_maker_want(stage.maker, &all);
	snapshot = make(&stage, 17);
	text = text_of(snapshot_summary(snapshot));
	assert_memory_equal(text, begin, sizeof(begin) - 1);
	assert_null(strpbrk(text, "<\n"));
	object = json_tokener_parse(text);
	assert_true(json_object_object_get_ex(object, "host", &found));
	assert_string_equal(json_object_get_string(found), "<web1>");
	assert_true(json_object_object_get_ex(object, "counts", NULL));
	assert_true(json_object_object_get_ex(object, "failed", NULL));
	assert_false(json_object_object_get_ex(object, "services", NULL));
	json_object_put(object);
	snapshot_unref(snapshot);
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
test_leaving_data_out_changes_neither_card_nor_samples(UNUSED void **state)
{
	struct snapshot_entry entry, whole;
	struct snapshot *before, *snapshot;
	char *large = long_json(30000);
	struct stage stage;

	set_up(&stage, 2);
	snapshot_maker_want(stage.maker, &all);
	put_data(&stage, 0, large);
	before = make(&stage, 1);
	stage.config->output.max_size_bytes = 20000;
	snapshot = make(&stage, 2);
	whole = entry_of(before, 0);
	entry = entry_of(snapshot, 0);
	assert_non_null(strstr(text_of(whole.text), "xxx"));
	assert_null(strstr(text_of(entry.text), "xxx"));
	assert_non_null(strstr(text_of(entry.text), "data left out"));
	assert_int_equal(entry.changed_in, 1);
	assert_ptr_equal(entry.card.text, whole.card.text);
	assert_ptr_equal(entry.samples.text, whole.samples.text);
	assert_ptr_equal(entry.family_ends, whole.family_ends);

	/* The others are shared as before. */
	assert_ptr_equal(
	    entry_of(snapshot, 1).text.text, entry_of(before, 1).text.text);
	snapshot_unref(before);
	snapshot_unref(snapshot);
	free(large);
	tear_down(&stage);
}

static void
test_histograms_are_for_so_many_targets(UNUSED void **state)
{
	struct snapshot *snapshot;
	struct stage stage;

	set_up(&stage, 3);
	snapshot_maker_want(stage.maker, &all);
	stage.config->metrics.max_histograms = 3;
	put_data(&stage, 0, "1");
	snapshot = make(&stage, 1);
	assert_non_null(strstr(text_of(entry_of(snapshot, 0).samples), "_bucket{"));
	snapshot_unref(snapshot);
	stage.config->metrics.max_histograms = 2;
	snapshot_maker_reload(stage.maker, "web1");
	snapshot = make(&stage, 2);
	assert_true(entry_of(snapshot, 0).samples.len > 0);
	assert_null(strstr(text_of(entry_of(snapshot, 0).samples), "_bucket{"));
	snapshot_unref(snapshot);
	tear_down(&stage);
}

static void
test_the_whole_has_samples_too(UNUSED void **state)
{
	struct snapshot *snapshot;
	struct stage stage;
	const char *text;

	set_up(&stage, 1);
	snapshot_maker_want(stage.maker, &all);
	stage.vitals.rounds = 4711;
	snapshot = make(&stage, 9);
	text = text_of(snapshot_gauges(snapshot));
	assert_non_null(strstr(text, "\ngatherd_document_generation 9\n"));
	assert_non_null(strstr(text, "\ngatherd_failed_writes_total 5\n"));
	assert_non_null(strstr(text, "\ngatherd_rounds_total 4711\n"));
	snapshot_unref(snapshot);
	tear_down(&stage);
}

/* ---- threads ---- */

#define READERS 4

/* Read all forms of a snapshot, and let go of it. */
static void *
read_all(void *arg)
{
	struct snapshot *snapshot = arg;
	const struct iovec *pieces;
	struct buffer text;
	size_t count;

	buffer_init(&text, BUFFER_UNLIMITED);
	pieces = snapshot_pieces(snapshot, &count);
	for (size_t i = 0; i < count; i++)
		buffer_append(&text, pieces[i].iov_base, pieces[i].iov_len);
	metrics_append(&text, snapshot);
	page_append(&text, snapshot, true);
	snapshot_unref(snapshot);
	buffer_clear(&text);
	return NULL;
}

static void
test_any_thread_may_read_it_and_let_go_of_it(UNUSED void **state)
{
	pthread_t readers[READERS];
	struct snapshot *snapshot;
	struct stage stage;

	set_up(&stage, 20);
	snapshot_maker_want(stage.maker, &all);
	for (uint64_t generation = 1; generation <= 20; generation++) {
		put_data(&stage, generation % 20, "[1]");
		snapshot = make(&stage, generation);
		for (int i = 0; i < READERS; i++)
			assert_int_equal(pthread_create(&readers[i], NULL, read_all,
			                     snapshot_ref(snapshot)),
			    0);
		snapshot_unref(snapshot);
		/* Its entries change, and are shared on, meanwhile. */
		put_data(&stage, (generation + 1) % 20, "[2]");
		snapshot_unref(make(&stage, generation));
		for (int i = 0; i < READERS; i++)
			pthread_join(readers[i], NULL);
	}
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_wanted_is_not_there),
		cmocka_unit_test(test_a_snapshot_tells_of_itself),
		cmocka_unit_test(test_an_entry_is_the_object_of_the_document),
		cmocka_unit_test(test_prompts_are_told_apart),
		cmocka_unit_test(test_an_entry_says_since_which_generation_it_is_so),
		cmocka_unit_test(test_what_is_wanted_later_changes_no_entry),
		cmocka_unit_test(test_a_reload_is_another_layout),
		cmocka_unit_test(
		    test_the_summary_is_the_head_in_one_line_without_markup),
		cmocka_unit_test(
		    test_leaving_data_out_changes_neither_card_nor_samples),
		cmocka_unit_test(test_histograms_are_for_so_many_targets),
		cmocka_unit_test(test_the_whole_has_samples_too),
		cmocka_unit_test(test_any_thread_may_read_it_and_let_go_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
