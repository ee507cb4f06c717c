/*
 * publish/previous over documents that are odd, torn or changed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/xalloc.h"
#include "previous_stage.h"

/* ---- odd ones ---- */

static void
test_odd_counters_count_as_missing(UNUSED void **state)
{
	static const char *const odd[] = { "18446744073709551616",
		"18446744073709551615", "9007199254740993", "-1", "1.5", "1.0", "1e2",
		"\"17\"", "null", "true", "[17]", "{\"number\":17}" };

	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		char *text =
		    xasprintf("{\"version\":1,\"status\":\"ok\",\"generation\":%s,"
		              "\"round\":{\"number\":%s,\"duration_ms\":1.5,"
		              "\"targets\":2}}",
		        odd[i], odd[i]);
		struct stage stage;

		set_up(&stage);
		restore_from(&stage, text);
		assert_int_equal(stage.previous.generation, 0);
		assert_int_equal(stage.previous.round.number, 0);
		assert_int_equal(stage.previous.round.started_at_ms, -1);
		assert_int_equal(stage.previous.round.duration_us, -1);
		assert_int_equal(stage.previous.round.target_count, 0);
		tear_down(&stage);
		free(text);
	}
}

static void
test_the_largest_counters_are_taken(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	restore_from(&stage,
	    "{\"version\":1,\"status\":\"ok\",\"generation\":9007199254740992,"
	    "\"round\":{\"number\":9007199254740992,\"started_at\":\"soon\","
	    "\"duration_ms\":-3,\"targets\":-1}}");
	assert_true(stage.previous.generation == UINT64_C(9007199254740992));
	assert_true(stage.previous.round.number == UINT64_C(9007199254740992));
	assert_int_equal(stage.previous.round.started_at_ms, -1);
	assert_int_equal(stage.previous.round.duration_us, -1);
	assert_int_equal(stage.previous.round.target_count, 0);
	tear_down(&stage);
}

static void
test_a_round_that_is_none_is_missing(UNUSED void **state)
{
	static const char *const odd[] = { "", ",\"round\":null", ",\"round\":17",
		",\"round\":[]", ",\"round\":{}", ",\"round\":\"17\"",
		",\"round\":{\"number\":0,\"duration_ms\":1.5,\"targets\":2}" };

	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		char *text = xasprintf("{\"version\":1,\"status\":\"ok\"%s}", odd[i]);
		struct stage stage;

		set_up(&stage);
		restore_from(&stage, text);
		assert_int_equal(stage.previous.round.number, 0);
		assert_int_equal(stage.previous.round.duration_us, -1);
		assert_int_equal(stage.previous.round.target_count, 0);
		assert_int_equal(stage.previous.generation, 0);
		tear_down(&stage);
		free(text);
	}
}

static void
test_an_odd_entry_is_left_pending_and_the_others_not(UNUSED void **state)
{
	static const char *const odd[] = { "null", "3", "\"ok\"", "[]", "{}",
		"[\"status\",\"ok\"]", "{\"status\":null}", "{\"status\":0}",
		"{\"status\":\"\"}", "{\"status\":\"OK\"}", "{\"status\":\"ok \"}",
		"{\"status\":\"ok\\u0000\"}", "{\"status\":[\"ok\"]}",
		"{\"data\":{\"status\":\"ok\"}}",
		"{\"status\":\"ok\",\"status\":\"pending\"}" };

	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		char *text = xasprintf(
		    HEAD "\"payments\":%s,\"headline\":{\"status\":\"ok\"}}}", odd[i]);
		struct stage stage;

		set_up(&stage);
		restore_from(&stage, text);
		assert_int_equal(stage.previous.restored_count, 1);
		assert_pending(&stage, PAYMENTS);
		assert_int_equal(entry_at(&stage, HEADLINE)->outcome.status, STATUS_OK);
		tear_down(&stage);
		free(text);
	}
}

static void
test_an_odd_part_of_an_entry_counts_as_missing(UNUSED void **state)
{
	static const char *const odd[] = { "null", "-1", "1.5", "18446744073709551616",
		"\"soon\"", "\"2026-13-01T00:00:00Z\"", "\"1969-12-31T23:59:59Z\"",
		"true", "[]", "{}", "\"\"", "\"2026-11-21T03:40:00.123Z\\u0000\"" };

	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		char *text = xasprintf(HEAD
		    "\"payments\":{\"status\":\"timeout\",\"since\":%s,"
		    "\"checked_at\":%s,\"last_ok_at\":%s,\"failures\":%s}}}",
		    odd[i], odd[i], odd[i], odd[i]);
		const struct board_entry *entry;
		struct stage stage;

		set_up(&stage);
		restore_from(&stage, text);
		entry = entry_at(&stage, PAYMENTS);
		assert_int_equal(entry->outcome.status, STATUS_TIMEOUT);
		assert_int_equal(entry->since_ms, -1);
		assert_int_equal(entry->outcome.checked_at_ms, -1);
		assert_int_equal(entry->last_ok_at_ms, -1);
		assert_int_equal(entry->failures, 0);
		tear_down(&stage);
		free(text);
	}
}

static void
test_what_is_no_document_changes_nothing(UNUSED void **state)
{
	static const struct {
		const char *text;
		const char *fault;
	} rows[] = {
		{ "", "empty instead of JSON" },
		{ " \n", "empty instead of JSON" },
		{ "<html>", "not valid JSON at byte 0" },
		{ "{\"version\":1,\"status\" \"ok\"}", "not valid JSON at byte 22" },
		{ "{\"version\":1,\"status\":\"\xFF\"}", "not valid UTF-8 at byte 23" },
		{ "{\"version\":1,\"status\":\"ok\"}{}",
		    "something behind the JSON value at byte 27" },
		{ "[]", "no status document: it has no version" },
		{ "{\"version\":2,\"status\":\"ok\",\"services\":{\"payments\":"
		  "{\"status\":\"ok\"}}}",
		    "a status document of version 2; only version 1 is known" },
		{ "{\"version\":1,\"services\":{\"payments\":{\"status\":\"ok\"}}}",
		    "no status document: it has no status" },
		{ "{\"version\":1,\"status\":\"ok\",\"prompts\":3,\"services\":"
		  "{\"payments\":{\"status\":\"ok\"}}}",
		    "no status document: its prompts are no objects" },
	};
	struct stage stage;

	set_up(&stage);
	stage.previous.generation = 99;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_false(try_bytes(&stage, rows[i].text, strlen(rows[i].text)));
		assert_string_equal(stage.fault, rows[i].fault);
		assert_untouched(&stage);
		assert_int_equal(stage.previous.generation, 99);
	}
	tear_down(&stage);
}

static void
test_a_document_cut_anywhere_is_none(UNUSED void **state)
{
	/* The newline behind it is nothing that it lacks. */
	size_t len = strlen(FIXTURE_DOCUMENT) - 1;
	struct stage stage;

	set_up(&stage);
	for (size_t cut = 0; cut < len; cut++) {
		assert_false(try_bytes(&stage, FIXTURE_DOCUMENT, cut));
		assert_untouched(&stage);
	}
	assert_true(try_bytes(&stage, FIXTURE_DOCUMENT, len));
	assert_int_equal(stage.previous.restored_count, 2);
	tear_down(&stage);
}

/* As a disk does after a power cut: the file has its length, and zeros for an end. */
static void
test_a_document_with_zeros_for_an_end_is_none(UNUSED void **state)
{
	size_t len = strlen(FIXTURE_DOCUMENT);
	struct stage stage;

	set_up(&stage);
	for (size_t kept = 0; kept < len - 1; kept += 7) {
		char *text = xcalloc(len, 1);

		memcpy(text, FIXTURE_DOCUMENT, kept);
		assert_false(try_bytes(&stage, text, len));
		assert_untouched(&stage);
		free(text);
	}
	tear_down(&stage);
}

/* ---- bytes that changed ---- */

/* xorshift64 (Marsaglia 2003): the same bytes in each run. */
static uint64_t
draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Change one to four bytes of TEXT, most of them into what JSON is made of. */
static void
mutate(char *text, size_t len, uint64_t *seed)
{
	static const char likely[] = "{}[]\",:\\0123456789.-+eEunltrfas \n\xC3\xA4";

	for (uint64_t changes = 1 + draw(seed) % 4; changes > 0; changes--) {
		uint64_t drawn = draw(seed);

		text[drawn % len] = (drawn >> 32) % 8 == 0
		    ? (char)(drawn >> 40)
		    : likely[(drawn >> 40) % (sizeof(likely) - 1)];
	}
}

/* Whatever was restored can stand in the next document. */
static void
assert_json(const char *text, size_t len)
{
	char *copy = xmemdup0(text, len);
	struct json_scan scan;

	assert_true(json_scan_compact(copy, len, JSON_SCAN_MAX_DEPTH - 3, &scan));
	assert_int_equal(scan.len, len);
	free(copy);
}

static void
check_restored(const struct stage *stage)
{
	size_t restored = 0;

	for (enum service service = 0; service < SERVICE_COUNT; service++) {
		const struct board_entry *entry = entry_at(stage, service);

		restored += entry->outcome.status != STATUS_PENDING;
		/* With another URL it is not what was said of this one. */
		if (entry->restored == NULL)
			continue;
		assert_int_equal(entry->restored[0], '{');
		assert_json(entry->restored, entry->restored_len);
		if (entry->last_data != NULL)
			assert_json(entry->last_data, entry->last_data_len);
	}
	assert_int_equal(restored, stage->previous.restored_count);
}

static void
test_changed_bytes_break_nothing(UNUSED void **state)
{
	size_t len = strlen(FIXTURE_DOCUMENT);
	uint64_t seed = UINT64_C(88172645463325252);
	struct config *config = load_text(CONFIG);
	unsigned accepted = 0;

	for (int i = 0; i < 3000; i++) {
		struct stage stage = { .config = config, .board = board_new(config) };
		char *text = xmemdup0(FIXTURE_DOCUMENT, len);

		mutate(text, len, &seed);
		if (try_bytes(&stage, text, len)) {
			accepted++;
			check_restored(&stage);
		} else {
			assert_untouched(&stage);
		}
		free(text);
		free(stage.fault);
		board_free(stage.board);
	}
	/* Else the changes were too rough to say anything. */
	assert_in_range(accepted, 300, 2700);
	config_unref(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_odd_counters_count_as_missing),
		IN_FOLDER(test_the_largest_counters_are_taken),
		IN_FOLDER(test_a_round_that_is_none_is_missing),
		IN_FOLDER(test_an_odd_entry_is_left_pending_and_the_others_not),
		IN_FOLDER(test_an_odd_part_of_an_entry_counts_as_missing),
		IN_FOLDER(test_what_is_no_document_changes_nothing),
		IN_FOLDER(test_a_document_cut_anywhere_is_none),
		IN_FOLDER(test_a_document_with_zeros_for_an_end_is_none),
		IN_FOLDER(test_changed_bytes_break_nothing),
	};

	return cmocka_run_group_tests_name("previous_faults", tests, NULL, NULL);
}
