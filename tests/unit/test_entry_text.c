#include "publish/entry_text.h"

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
#include "publish/entry.h"
#include "publish/page/card.h"

static const struct snapshot_wants all = { .samples = true, .cards = true };
static const struct snapshot_wants none = { 0 };

struct stage {
	struct config *config;
	struct board *board;
	struct board_entry *entry;
};

/* The board of one target, a service or a prompt. */
static void
set_up(struct stage *stage, bool prompt)
{
	stage->config = fake_config_new(prompt ? 0 : 1);
	if (prompt)
		fake_config_add_prompt(stage->config, "");
	stage->board = board_new(stage->config);
	stage->entry = board_entry(stage->board, 0);
}

static void
tear_down(struct stage *stage)
{
	board_free(stage->board);
	fake_config_free(stage->config);
}

static void
put_data(struct stage *stage, const char *json)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.duration_us = 1234;
	outcome.data = xstrdup(json);
	outcome.data_len = strlen(json);
	board_put(stage->board, stage->entry, &outcome);
}

static void
test_the_documents_text_is_the_lead_the_name_and_the_object(UNUSED void **state)
{
	struct entry_text *text;
	struct buffer expected;
	struct stage stage;

	set_up(&stage, false);
	put_data(&stage, "{\"a\":[1.10]}");
	text = entry_text_new(stage.entry, NULL, 7, &none, false);
	buffer_init(&expected, BUFFER_UNLIMITED);
	buffer_append_string(&expected, ENTRY_LEAD);
	entry_append(&expected, stage.entry, NULL);
	assert_int_equal(text->document_len, expected.len);
	assert_string_equal(text->document, expected.data);
	assert_int_equal(ENTRY_LEAD[0], ',');
	assert_string_equal(
	    text->document + text->object_at, strstr(expected.data, "{\"status\""));
	assert_int_equal(text->changed_in, 7);
	assert_string_equal(text->name, "t0");
	assert_false(text->is_prompt);
	assert_null(text->card);
	assert_null(text->samples);
	buffer_clear(&expected);
	entry_text_unref(text);
	tear_down(&stage);
}

static void
test_the_object_is_found_behind_any_name(UNUSED void **state)
{
	static const char *const names[] = { "a\": {", "\\", "\\\"", "\"", "{", ": {",
		"\xc3\xa9\xe2\x80\xa8" };
	struct entry_text *text;
	struct stage stage;

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		set_up(&stage, false);
		free(stage.config->targets[0]->name);
		stage.config->targets[0]->name = xstrdup(names[i]);
		text = entry_text_new(stage.entry, NULL, 1, &none, false);
		assert_memory_equal(
		    text->document + text->object_at, "{\"status\":", 10);
		assert_string_equal(text->name, names[i]);
		entry_text_unref(text);
		tear_down(&stage);
	}
}

static void
test_the_card_is_made_of_the_object(UNUSED void **state)
{
	struct entry_text *text;
	struct buffer expected;
	struct stage stage;

	set_up(&stage, true);
	text = entry_text_new(stage.entry, NULL, 1, &all, true);
	buffer_init(&expected, BUFFER_UNLIMITED);
	card_append(&expected, stage.entry,
	    (struct span){ text->document + text->object_at,
	        text->document_len - text->object_at });
	assert_true(text->is_prompt);
	assert_int_equal(text->card_len, expected.len);
	assert_string_equal(text->card, expected.data);
	buffer_clear(&expected);
	entry_text_unref(text);
	tear_down(&stage);
}

static void
test_the_samples_come_with_their_ends(UNUSED void **state)
{
	uint32_t ends[SAMPLE_FAMILY_COUNT];
	struct entry_text *text;
	struct buffer expected;
	struct stage stage;

	set_up(&stage, false);
	put_data(&stage, "1");
	for (int histogram = 0; histogram <= 1; histogram++) {
		text = entry_text_new(stage.entry, NULL, 1, &all, histogram);
		buffer_init(&expected, BUFFER_UNLIMITED);
		samples_append(&expected, ends, stage.entry, histogram);
		assert_int_equal(text->samples_len, expected.len);
		assert_string_equal(text->samples, expected.data);
		assert_memory_equal(text->family_ends, ends, sizeof(ends));
		assert_int_equal(
		    text->family_ends[SAMPLE_FAMILY_COUNT - 1], text->samples_len);
		buffer_clear(&expected);
		entry_text_unref(text);
	}
	tear_down(&stage);
}

static void
test_data_is_left_out_for_a_reason(UNUSED void **state)
{
	struct entry_text *text;
	struct stage stage;

	set_up(&stage, false);
	put_data(&stage, "[12345]");
	text = entry_text_new(stage.entry, "no room", 1, &none, false);
	assert_null(strstr(text->document, "12345"));
	assert_non_null(strstr(text->document, "\"warnings\":[\"no room\"]"));
	entry_text_unref(text);
	tear_down(&stage);
}

static void
test_it_stays_until_the_last_has_let_go(UNUSED void **state)
{
	struct entry_text *text;
	struct stage stage;

	set_up(&stage, false);
	text = entry_text_new(stage.entry, NULL, 1, &all, false);
	assert_ptr_equal(entry_text_ref(text), text);
	tear_down(&stage);
	entry_text_unref(text);
	assert_string_equal(text->name, "t0");
	entry_text_unref(text);
	entry_text_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_the_documents_text_is_the_lead_the_name_and_the_object),
		cmocka_unit_test(test_the_object_is_found_behind_any_name),
		cmocka_unit_test(test_the_card_is_made_of_the_object),
		cmocka_unit_test(test_the_samples_come_with_their_ends),
		cmocka_unit_test(test_data_is_left_out_for_a_reason),
		cmocka_unit_test(test_it_stays_until_the_last_has_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
