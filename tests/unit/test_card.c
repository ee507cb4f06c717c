#include "publish/page/card.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"

#define HISTORY_OF_NONE "\"history\":{\"outcomes\":\"\",\"durations_ms\":[]}"

/* A board of one target, "t0", and its card. */
struct stage {
	struct config *config;
	struct board *board;
	struct board_entry *entry;
	struct buffer card;
	struct json_object *object; /* what the card is; NULL: not made yet */
};

static void
set_up(struct stage *stage)
{
	stage->config = fake_config_new(1);
	stage->board = board_new(stage->config);
	stage->entry = board_entry(stage->board, 0);
	stage->object = NULL;
	buffer_init(&stage->card, BUFFER_UNLIMITED);
}

static void
tear_down(struct stage *stage)
{
	json_object_put(stage->object);
	buffer_clear(&stage->card);
	board_free(stage->board);
	fake_config_free(stage->config);
}

static void
rename_target(struct stage *stage, const char *name)
{
	struct target *target = stage->config->targets[0];

	free(target->name);
	target->name = xstrdup(name);
}

/* The card of an entry that reads TEXT, which is one line, valid, and without a <. */
static const char *
make_card_len(struct stage *stage, const char *text, size_t len)
{
	buffer_reset(&stage->card);
	card_append(&stage->card, stage->entry, span_whole(text, len));
	assert_null(strchr(stage->card.data, '<'));
	assert_null(strchr(stage->card.data, '\n'));
	assert_true(utf8_valid(stage->card.data, stage->card.len));
	json_object_put(stage->object);
	stage->object = json_tokener_parse(stage->card.data);
	assert_non_null(stage->object);
	return stage->card.data;
}

static const char *
make_card(struct stage *stage, const char *text)
{
	return make_card_len(stage, text, strlen(text));
}

/* What stands at POINTER in the card; NULL: nothing does. */
static const char *
text_at(const struct stage *stage, const char *pointer)
{
	struct json_object *found = NULL;

	if (json_pointer_get(stage->object, pointer, &found) != 0)
		return NULL;
	return json_object_get_string(found);
}

/* Of another, which is not there. */
static size_t
length_at(const struct stage *stage, const char *pointer)
{
	const char *text = text_at(stage, pointer);

	assert_non_null(text);
	return strlen(text);
}

/* {"KEY": LEAD and COUNT times UNIT and TAIL}, the caller's. */
static char *
make_long(
    const char *key, const char *lead, const char *unit, size_t count, const char *tail)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_format(&text, "{\"%s\":%s", key, lead);
	for (size_t i = 0; i < count; i++)
		buffer_append_string(&text, unit);
	buffer_append_format(&text, "%s}", tail);
	return buffer_take(&text);
}

static void
make_long_card(struct stage *stage, const char *key, const char *lead, const char *unit,
    size_t count, const char *tail)
{
	char *text = make_long(key, lead, unit, count, tail);

	make_card(stage, text);
	free(text);
}

/* ---- what is in it ---- */

static void
test_it_has_what_a_person_looks_at(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_string_equal(
	    make_card(&stage,
	        "{\"status\":\"http_error\",\"since\":\"S\",\"checked_at\":\"C\","
	        "\"last_ok_at\":\"L\",\"failures\":3,\"next_at\":\"N\",\"attempts\":2,"
	        "\"http_status\":503,\"url\":\"http://a/\",\"final_url\":\"http://b/\","
	        "\"duration_ms\":12.5,\"timing_ms\":{\"total\":1.0},\"bytes\":7,"
	        "\"certificate_expires_at\":\"E\",\"error\":{\"kind\":\"http\","
	        "\"phase\":null,\"message\":\"m\",\"excerpt\":\"x\"},"
	        "\"warnings\":[\"w\"],\"values\":{\"q\":1.10},\"data\":{\"d\":1},"
	        "\"group\":\"g\",\"labels\":{\"team\":\"t\"},\"description\":\"d\"}"),
	    "{\"name\":\"t0\",\"kind\":\"service\",\"required\":true,"
	    "\"status\":\"http_error\",\"since\":\"S\",\"checked_at\":\"C\","
	    "\"last_ok_at\":\"L\",\"failures\":3,\"next_at\":\"N\",\"attempts\":2,"
	    "\"http_status\":503,\"url\":\"http://a/\",\"final_url\":\"http://b/\","
	    "\"duration_ms\":12.5,\"certificate_expires_at\":\"E\","
	    "\"error\":{\"kind\":\"http\",\"phase\":null,\"message\":\"m\","
	    "\"excerpt\":\"x\"},\"warnings\":[\"w\"],\"values\":{\"q\":1.10},"
	    "\"group\":\"g\",\"labels\":{\"team\":\"t\"},"
	    "\"description\":\"d\"," HISTORY_OF_NONE "}");
	tear_down(&stage);
}

static void
test_a_prompt_has_its_answer(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.config->targets[0]->kind = TARGET_PROMPT;
	stage.config->targets[0]->required = false;
	assert_string_equal(
	    make_card(&stage,
	        "{\"status\":\"ok\",\"success\":true,\"provider\":\"p\",\"model\":\"m\","
	        "\"prompt\":\"what was sent\",\"response\":\"All is well.\\n\","
	        "\"reused\":false,\"cost\":0.00125,\"data\":null}"),
	    "{\"name\":\"t0\",\"kind\":\"prompt\",\"required\":false,\"status\":\"ok\","
	    "\"provider\":\"p\",\"model\":\"m\",\"response\":\"All is well.\\n\","
	    "\"reused\":false,\"cost\":0.00125," HISTORY_OF_NONE "}");
	stage.config->targets[0]->kind = TARGET_SERVICE;
	tear_down(&stage);
}

static void
test_what_says_nothing_is_left_out(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_string_equal(
	    make_card(&stage,
	        "{\"status\":\"pending\",\"since\":null,\"failures\":0,\"error\":null,"
	        "\"warnings\":[],\"values\":{},\"url\":null}"),
	    "{\"name\":\"t0\",\"kind\":\"service\",\"required\":true,"
	    "\"status\":\"pending\",\"failures\":0," HISTORY_OF_NONE "}");
	tear_down(&stage);
}

static void
test_an_entry_of_a_former_run_is_read_as_json_is(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	/* The last of doubled keys counts, in whatever order they stand. */
	make_card(&stage,
	    "{\"error\":{\"message\":\"m\"},\"status\":\"ok\",\"x\":1,"
	    "\"status\":\"error\"}");
	assert_string_equal(text_at(&stage, "/status"), "error");
	assert_string_equal(text_at(&stage, "/error/message"), "m");
	assert_null(text_at(&stage, "/x"));
	/* What somebody else wrote there need not be of the types that we write. */
	make_card(&stage, "{\"status\":[1],\"values\":7,\"error\":true,\"url\":{}}");
	assert_string_equal(text_at(&stage, "/values"), "7");
	make_card(&stage, "{}");
	assert_null(text_at(&stage, "/status"));
	tear_down(&stage);
}

static void
test_a_card_stands_behind_what_is_there(UNUSED void **state)
{
	struct stage stage;
	struct buffer out;

	set_up(&stage);
	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, "before<");
	card_append(&out, stage.entry, span_whole("{}", 2));
	assert_memory_equal(out.data, "before<{\"name\":", 15);
	buffer_clear(&out);
	tear_down(&stage);
}

/* ---- history ---- */

static void
put(struct stage *stage, enum status status, int64_t duration_us)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.duration_us = duration_us;
	board_put(stage->board, stage->entry, &outcome);
}

static void
test_the_last_outcomes_are_letters_and_numbers(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	put(&stage, STATUS_OK, 12400);
	put(&stage, STATUS_DEGRADED, 12600);
	put(&stage, STATUS_TIMEOUT, 5000000);
	put(&stage, STATUS_HTTP_ERROR, 0);
	put(&stage, STATUS_ERROR, 1000);
	put(&stage, STATUS_CANCELLED, -1);
	put(&stage, STATUS_SKIPPED, -1);
	assert_non_null(strstr(make_card(&stage, "{}"),
	    ",\"history\":{\"outcomes\":\"odthecs\","
	    "\"durations_ms\":[12,13,5000,0,1,null,null]}}"));
	tear_down(&stage);
}

/* What answers on this machine takes less than a millisecond: its bars are not all alike. */
static void
test_short_durations_have_a_tenth(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	put(&stage, STATUS_OK, 49);
	put(&stage, STATUS_OK, 449);
	put(&stage, STATUS_OK, 450);
	put(&stage, STATUS_OK, 9949);
	put(&stage, STATUS_OK, 9999);
	put(&stage, STATUS_OK, 10499);
	put(&stage, STATUS_OK, (int64_t)INT32_MAX + 1);
	assert_non_null(strstr(make_card(&stage, "{}"),
	    "\"durations_ms\":[0,0.4,0.5,9.9,10,10,2147484]}}"));
	tear_down(&stage);
}

static void
test_the_oldest_outcome_is_first(UNUSED void **state)
{
	struct json_object *durations;
	struct stage stage;

	set_up(&stage);
	for (int64_t i = 0; i < HISTORY_MAX + 7; i++)
		put(&stage, i == 7 ? STATUS_ERROR : STATUS_OK, i * 1000);
	make_card(&stage, "{}");
	assert_int_equal(
	    json_pointer_get(stage.object, "/history/durations_ms", &durations), 0);
	assert_int_equal(json_object_array_length(durations), HISTORY_MAX);
	assert_string_equal(text_at(&stage, "/history/durations_ms/0"), "7");
	assert_string_equal(text_at(&stage, "/history/durations_ms/59"), "66");
	assert_int_equal(length_at(&stage, "/history/outcomes"), HISTORY_MAX);
	assert_memory_equal(text_at(&stage, "/history/outcomes"), "eooo", 4);
	tear_down(&stage);
}

static void
test_each_status_has_a_letter_of_its_own(UNUSED void **state)
{
	for (int status = 0; status < STATUS_COUNT; status++)
		assert_ptr_equal(
		    strchr(card_status_letters, card_status_letters[status]),
		    &card_status_letters[status]);
}

/* ---- what would like to be markup ---- */

static void
test_no_markup_stands_in_it(UNUSED void **state)
{
	static const char hostile[] = "</script><script>alert(1)</script><!--";
	struct stage stage;
	char *text = xasprintf("{\"error\":{\"message\":\"%s\"},\"warnings\":[\"%s\"],"
	                       "\"values\":{\"%s\":\"%s\"},\"response\":\"%s\","
	                       "\"labels\":{\"a\":\"%s\"},\"url\":\"http://a/?<b>\"}",
	    hostile, hostile, hostile, hostile, hostile, hostile);

	set_up(&stage);
	rename_target(&stage, hostile);
	make_card(&stage, text);
	assert_string_equal(text_at(&stage, "/name"), hostile);
	assert_string_equal(text_at(&stage, "/error/message"), hostile);
	assert_string_equal(text_at(&stage, "/warnings/0"), hostile);
	assert_string_equal(text_at(&stage, "/response"), hostile);
	assert_string_equal(text_at(&stage, "/labels/a"), hostile);
	assert_string_equal(text_at(&stage, "/url"), "http://a/?<b>");
	make_card(&stage, "{\"values\":{\"<\":\"<<\"}}");
	assert_string_equal(text_at(&stage, "/values/<"), "<<");
	free(text);
	tear_down(&stage);
}

/* Line separators, which JavaScript once took for ends of lines, and what stands for a
 * control character, stay as they are: it is JSON and is read as that. */
static void
test_other_characters_are_left_alone(UNUSED void **state)
{
	static const char text[] =
	    "{\"response\":\"\xE2\x80\xA8\xE2\x80\xA9 \\u0000\\u001b[2J \\\\<\"}";
	struct stage stage;

	set_up(&stage);
	assert_non_null(strstr(make_card(&stage, text),
	    "\"response\":\"\xE2\x80\xA8\xE2\x80\xA9 \\u0000\\u001b[2J "
	    "\\\\\\u003c\","));
	tear_down(&stage);
}

/* ---- what is long ---- */

static void
test_a_long_answer_is_cut(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make_long_card(&stage, "response", "\"", "x", CARD_MAX_TEXT_BYTES - 2, "\"");
	assert_int_equal(length_at(&stage, "/response"), CARD_MAX_TEXT_BYTES - 2);
	make_long_card(&stage, "response", "\"", "x", (size_t)1024 * 1024, "\"");
	assert_int_equal(length_at(&stage, "/response"), CARD_MAX_TEXT_BYTES + 3);
	assert_string_equal(
	    text_at(&stage, "/response") + CARD_MAX_TEXT_BYTES, "\xE2\x80\xA6");
	tear_down(&stage);
}

static void
test_a_text_is_cut_at_a_character(UNUSED void **state)
{
	/* Of 2 to 12 bytes each, begun at every place that a cut could fall on. */
	static const char *const units[] = { "\xC3\xA9", "\xE2\x82\xAC",
		"\xF0\x9F\x98\x80", "\\n", "\\u00e9", "\\ud83d\\ude00", "\\\\" };
	struct stage stage;

	set_up(&stage);
	for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
		for (size_t before = 0; before < strlen(units[i]); before++) {
			char lead[16];

			snprintf(
			    lead, sizeof(lead), "\"%.*s", (int)before, "abcdefghijkl");
			make_long_card(&stage, "response", lead, units[i],
			    CARD_MAX_TEXT_BYTES, "\"");
			assert_null(
			    strstr(text_at(&stage, "/response"), "\xEF\xBF\xBD"));
			assert_true(stage.card.len < CARD_MAX_TEXT_BYTES + 200);
			assert_true(stage.card.len > CARD_MAX_TEXT_BYTES);
		}
	}
	tear_down(&stage);
}

static void
test_many_values_are_cut(UNUSED void **state)
{
	struct json_object *values;
	struct stage stage;
	struct buffer text;

	set_up(&stage);
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "{\"values\":{\"first\":[1.10]");
	for (int i = 0; i < 100; i++)
		buffer_append_format(&text, ",\"v%d\":\"%0100d\"", i, i);
	buffer_append_string(&text, "}}");
	make_card_len(&stage, text.data, text.len);
	assert_int_equal(json_pointer_get(stage.object, "/values", &values), 0);
	assert_in_range(json_object_object_length(values), 37, 41);
	assert_string_equal(text_at(&stage, "/values/first/0"), "1.10");
	assert_true(stage.card.len < 2 * CARD_MAX_TEXT_BYTES);
	buffer_clear(&text);
	tear_down(&stage);
}

static void
test_a_long_value_is_the_beginning_of_its_text(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make_long_card(&stage, "values", "{\"list\":[\"<a>\"", ",[\"b\"]", 2000, "]}");
	assert_memory_equal(
	    text_at(&stage, "/values/list"), "[\"<a>\",[\"b\"],[\"b\"]", 18);
	assert_true(length_at(&stage, "/values/list") <= CARD_MAX_TEXT_BYTES + 3);
	tear_down(&stage);
}

static void
test_many_warnings_are_cut(UNUSED void **state)
{
	struct json_object *warnings;
	struct stage stage;

	set_up(&stage);
	make_long_card(
	    &stage, "warnings", "[\"first\"", ",\"another warning\"", 10000, "]");
	assert_string_equal(text_at(&stage, "/warnings/0"), "first");
	assert_int_equal(json_pointer_get(stage.object, "/warnings", &warnings), 0);
	assert_in_range(json_object_array_length(warnings), 200, 300);
	make_long_card(&stage, "warnings", "[\"", "x", 10000, "\",\"lost\"]");
	assert_int_equal(length_at(&stage, "/warnings/0"), CARD_MAX_TEXT_BYTES + 3);
	assert_null(text_at(&stage, "/warnings/1"));
	tear_down(&stage);
}

static void
test_a_large_answer_of_a_service_is_not_in_it(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make_long_card(&stage, "data", "[0", ",\"<script>\"", 100000, "]");
	assert_true(stage.card.len < 200);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_has_what_a_person_looks_at),
		cmocka_unit_test(test_a_prompt_has_its_answer),
		cmocka_unit_test(test_what_says_nothing_is_left_out),
		cmocka_unit_test(test_an_entry_of_a_former_run_is_read_as_json_is),
		cmocka_unit_test(test_a_card_stands_behind_what_is_there),
		cmocka_unit_test(test_the_last_outcomes_are_letters_and_numbers),
		cmocka_unit_test(test_short_durations_have_a_tenth),
		cmocka_unit_test(test_the_oldest_outcome_is_first),
		cmocka_unit_test(test_each_status_has_a_letter_of_its_own),
		cmocka_unit_test(test_no_markup_stands_in_it),
		cmocka_unit_test(test_other_characters_are_left_alone),
		cmocka_unit_test(test_a_long_answer_is_cut),
		cmocka_unit_test(test_a_text_is_cut_at_a_character),
		cmocka_unit_test(test_many_values_are_cut),
		cmocka_unit_test(test_a_long_value_is_the_beginning_of_its_text),
		cmocka_unit_test(test_many_warnings_are_cut),
		cmocka_unit_test(test_a_large_answer_of_a_service_is_not_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
