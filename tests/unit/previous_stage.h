/*
 * A board, and what a document makes of it: for the tests of publish/previous.
 */
#ifndef GATHERD_TESTS_UNIT_PREVIOUS_STAGE_H
#define GATHERD_TESTS_UNIT_PREVIOUS_STAGE_H

#include "config_files.h"

#include "base/span.h"
#include "ctl_fixture.h"
#include "gather/board.h"
#include "publish/previous.h"

/* 2026-11-21T03:40:00.123Z */
#define NOW_MS INT64_C(1795232400123)

#define CONFIG                                              \
	"services:\n"                                       \
	"  payments: https://api.example.com/pay?user=42\n" \
	"  orders:\n"                                       \
	"    url: https://api.example.com/orders\n"         \
	"    keep_last: true\n"                             \
	"  'with \"quotes\" \\':\n"                         \
	"    url: http://test/\n"                           \
	"  \"\xC3\xA4\xF0\x9F\x98\x80\":\n"                 \
	"    url: http://test/\n"                           \
	"  headline: http://test/\n"

enum service {
	PAYMENTS,
	ORDERS,
	QUOTES,
	UMLAUT,
	HEADLINE,
	SERVICE_COUNT,
};

/* The head of a document up to its services. */
#define HEAD "{\"version\":1,\"status\":\"ok\",\"services\":{"

struct stage {
	struct config *config;
	struct board *board;
	struct previous previous;
	char *fault; /* owned */
};

UNUSED static void
set_up_with(struct stage *stage, const char *config)
{
	*stage = (struct stage){ .config = load_text(config) };
	stage->board = board_new(stage->config);
}

UNUSED static void
set_up(struct stage *stage)
{
	set_up_with(stage, CONFIG);
	assert_int_equal(stage->config->target_count, SERVICE_COUNT);
}

UNUSED static void
tear_down(struct stage *stage)
{
	board_free(stage->board);
	config_unref(stage->config);
	free(stage->fault);
}

UNUSED static bool
try_bytes(struct stage *stage, const char *bytes, size_t len)
{
	struct buffer text;
	bool restored;

	free(stage->fault);
	stage->fault = NULL;
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append(&text, bytes, len);
	restored =
	    previous_restore(stage->board, &text, &stage->previous, &stage->fault);
	assert_int_equal(restored, stage->fault == NULL);
	assert_int_equal(text.len, 0);
	return restored;
}

UNUSED static void
restore_from(struct stage *stage, const char *text)
{
	if (!try_bytes(stage, text, strlen(text)))
		fail_msg("%s", stage->fault);
}

UNUSED static const struct board_entry *
entry_at(const struct stage *stage, enum service service)
{
	return board_entry(stage->board, service);
}

/* The member NAME of what is restored of ENTRY is spelled so. */
UNUSED static void
assert_says(const struct board_entry *entry, const char *name, const char *text)
{
	struct span value;

	assert_non_null(entry->restored);
	value = span_member(span_whole(entry->restored, entry->restored_len), name);
	assert_int_equal(value.len, strlen(text));
	assert_memory_equal(value.text, text, value.len);
}

UNUSED static void
assert_pending(const struct stage *stage, enum service service)
{
	const struct board_entry *entry = entry_at(stage, service);

	assert_int_equal(entry->outcome.status, STATUS_PENDING);
	assert_null(entry->restored);
	assert_null(entry->last_data);
	assert_int_equal(entry->since_ms, -1);
	assert_int_equal(entry->last_ok_at_ms, -1);
	assert_int_equal(entry->outcome.checked_at_ms, -1);
	assert_int_equal(entry->failures, 0);
}

UNUSED static void
assert_untouched(const struct stage *stage)
{
	struct board_counts counts;

	for (enum service service = 0; service < SERVICE_COUNT; service++)
		assert_pending(stage, service);
	board_count(stage->board, &counts);
	assert_int_equal(counts.of[STATUS_PENDING], SERVICE_COUNT);
}

#define IN_FOLDER(test) \
	cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

#endif
