#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"

/* A board over a few targets, and a wall clock that goes on with every outcome. */
struct fixture {
	struct config *config;
	struct board *board;
	int64_t now_ms;
};

static void
set_up(struct fixture *fixture, size_t count)
{
	fixture->config = fake_config_new(count);
	fixture->board = board_new(fixture->config);
	fixture->now_ms = 0;
}

static void
tear_down(struct fixture *fixture)
{
	board_free(fixture->board);
	fake_config_free(fixture->config);
}

/* Put an outcome that has STATUS, a second after the one before. */
static bool
put(struct fixture *fixture, size_t index, enum status status)
{
	struct outcome outcome;

	fixture->now_ms += 1000;
	outcome_init(&outcome);
	outcome.status = status;
	outcome.checked_at_ms = fixture->now_ms;
	return board_put(fixture->board, index, &outcome);
}

static void
test_a_new_board_is_pending_with_known_urls(UNUSED void **state)
{
	struct fixture f;
	const struct board_entry *entry;

	set_up(&f, 2);
	board_free(f.board);
	fake_config_unprepare(f.config, 1);
	f.board = board_new(f.config);

	assert_int_equal(board_size(f.board), 2);
	assert_ptr_equal(board_config(f.board), f.config);
	entry = board_entry(f.board, 0);
	assert_ptr_equal(entry->target, f.config->targets[0]);
	assert_int_equal(entry->outcome.status, STATUS_PENDING);
	assert_string_equal(entry->outcome.url, "http://test/0");
	assert_int_equal(entry->since_ms, -1);
	assert_int_equal(entry->last_ok_at_ms, -1);
	assert_int_equal(entry->version, 0);
	assert_null(board_entry(f.board, 1)->outcome.url);
	tear_down(&f);
}

static void
test_an_outcome_is_moved_onto_the_board(UNUSED void **state)
{
	struct fixture f;
	struct outcome outcome;

	set_up(&f, 1);
	for (int i = 1; i <= 2; i++) {
		outcome_init(&outcome);
		outcome.status = STATUS_OK;
		outcome.url = xstrdup("http://x/");
		outcome.data = xstrdup("{}");
		outcome.data_len = 2;
		assert_int_equal(board_put(f.board, 0, &outcome), i == 1);
		assert_null(outcome.data);
		assert_int_equal(outcome.status, STATUS_PENDING);
		assert_string_equal(board_entry(f.board, 0)->outcome.data, "{}");
		assert_int_equal(board_entry(f.board, 0)->version, i);
	}
	tear_down(&f);
}

static void
test_a_first_outcome_and_every_other_status_is_a_change(UNUSED void **state)
{
	struct fixture f;

	set_up(&f, 1);
	assert_true(put(&f, 0, STATUS_OK));
	assert_false(put(&f, 0, STATUS_OK));
	assert_true(put(&f, 0, STATUS_TIMEOUT));
	assert_false(put(&f, 0, STATUS_TIMEOUT));
	assert_true(put(&f, 0, STATUS_CANCELLED));
	assert_true(put(&f, 0, STATUS_TIMEOUT));
	tear_down(&f);
}

static void
test_streaks_go_on_and_end(UNUSED void **state)
{
	struct fixture f;
	const struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	put(&f, 0, STATUS_OK); /* at 1000 */
	assert_int_equal(entry->since_ms, 1000);
	put(&f, 0, STATUS_OK);
	assert_int_equal(entry->since_ms, 1000);
	assert_int_equal(entry->last_ok_at_ms, 2000);

	put(&f, 0, STATUS_TIMEOUT); /* at 3000 */
	put(&f, 0, STATUS_TIMEOUT);
	assert_int_equal(entry->since_ms, 3000);
	assert_int_equal(entry->failures, 2);
	put(&f, 0, STATUS_HTTP_ERROR); /* another status, the same run of failures */
	assert_int_equal(entry->since_ms, 5000);
	assert_int_equal(entry->failures, 3);
	assert_int_equal(entry->last_ok_at_ms, 2000);

	put(&f, 0, STATUS_DEGRADED); /* at 6000 */
	assert_int_equal(entry->failures, 0);
	assert_int_equal(entry->last_ok_at_ms, 6000);
	assert_int_equal(entry->since_ms, 6000);
	tear_down(&f);
}

static void
test_cancelled_and_skipped_touch_no_streak(UNUSED void **state)
{
	struct fixture f;
	const struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	put(&f, 0, STATUS_SKIPPED);
	assert_int_equal(entry->since_ms, -1);
	put(&f, 0, STATUS_ERROR); /* at 2000 */
	put(&f, 0, STATUS_CANCELLED);
	put(&f, 0, STATUS_SKIPPED);
	assert_int_equal(entry->failures, 1);
	assert_int_equal(entry->since_ms, 2000);
	assert_int_equal(entry->last_ok_at_ms, -1);
	assert_int_equal(entry->outcome.status, STATUS_SKIPPED);
	put(&f, 0, STATUS_ERROR); /* the same error still */
	assert_int_equal(entry->failures, 2);
	assert_int_equal(entry->since_ms, 2000);
	tear_down(&f);
}

static void
test_what_we_lack_ourselves_is_no_failure_of_the_target(UNUSED void **state)
{
	struct fixture f;
	struct outcome outcome;

	set_up(&f, 1);
	put(&f, 0, STATUS_TIMEOUT);
	outcome_init(&outcome);
	outcome.status = STATUS_ERROR;
	outcome.kind = KIND_INTERNAL;
	outcome.checked_at_ms = 9000;
	board_put(f.board, 0, &outcome);
	assert_int_equal(board_entry(f.board, 0)->failures, 1);
	assert_int_equal(board_entry(f.board, 0)->since_ms, 9000);
	tear_down(&f);
}

static void
test_counts_follow_every_outcome(UNUSED void **state)
{
	struct fixture f;
	struct board_counts counts;

	set_up(&f, 3);
	put(&f, 0, STATUS_OK);
	put(&f, 1, STATUS_TIMEOUT);
	put(&f, 1, STATUS_OK);
	put(&f, 1, STATUS_HTTP_ERROR);
	board_count(f.board, &counts);
	assert_int_equal(counts.total, 3);
	assert_int_equal(counts.of[STATUS_OK], 1);
	assert_int_equal(counts.of[STATUS_TIMEOUT], 0);
	assert_int_equal(counts.of[STATUS_HTTP_ERROR], 1);
	assert_int_equal(counts.of[STATUS_PENDING], 1);
	tear_down(&f);
}

static void
test_the_status_of_the_whole(UNUSED void **state)
{
	/* the statuses of three targets, of which the last is not required */
	static const struct {
		enum status of[3];
		const char *expected;
	} cases[] = {
		{ { STATUS_PENDING, STATUS_PENDING, STATUS_PENDING }, "ok" },
		{ { STATUS_OK, STATUS_OK, STATUS_OK }, "ok" },
		{ { STATUS_OK, STATUS_PENDING, STATUS_PENDING }, "ok" },
		{ { STATUS_OK, STATUS_TIMEOUT, STATUS_OK }, "degraded" },
		{ { STATUS_OK, STATUS_DEGRADED, STATUS_OK }, "degraded" },
		{ { STATUS_DEGRADED, STATUS_TIMEOUT, STATUS_ERROR }, "degraded" },
		{ { STATUS_ERROR, STATUS_PENDING, STATUS_PENDING }, "down" },
		{ { STATUS_ERROR, STATUS_HTTP_ERROR, STATUS_TIMEOUT }, "down" },
		{ { STATUS_SKIPPED, STATUS_CANCELLED, STATUS_ERROR }, "down" },
		{ { STATUS_ERROR, STATUS_ERROR, STATUS_OK }, "degraded" },
		{ { STATUS_OK, STATUS_OK, STATUS_ERROR }, "ok" },
		{ { STATUS_PENDING, STATUS_PENDING, STATUS_ERROR }, "ok" },
		{ { STATUS_OK, STATUS_OK, STATUS_DEGRADED }, "degraded" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct fixture f;

		set_up(&f, 3);
		f.config->targets[2]->required = false;
		for (size_t k = 0; k < 3; k++) {
			if (cases[i].of[k] == STATUS_PENDING)
				continue;
			put(&f, k, STATUS_ERROR); /* goes through another one first */
			put(&f, k, cases[i].of[k]);
		}
		assert_string_equal(board_status(f.board), cases[i].expected);
		tear_down(&f);
	}
}

static void
test_no_targets_at_all_are_ok(UNUSED void **state)
{
	struct fixture f;

	set_up(&f, 0);
	assert_int_equal(board_size(f.board), 0);
	assert_string_equal(board_status(f.board), "ok");
	tear_down(&f);
}

static void
test_in_flight_is_noted(UNUSED void **state)
{
	struct fixture f;

	set_up(&f, 2);
	board_set_in_flight(f.board, 1, true);
	assert_true(board_entry(f.board, 1)->in_flight);
	assert_false(board_entry(f.board, 0)->in_flight);
	tear_down(&f);
}

/* ---- the table of fields ---- */

static const struct field *
find(const struct field *fields, const char *name)
{
	for (; fields->name != NULL; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	fail_msg("no field %s", name);
	return NULL;
}

static struct field_value
get(const struct board_entry *entry, const char *object, const char *name)
{
	const struct field *fields = service_fields;
	struct field_value value;

	if (object != NULL)
		fields = find(fields, object)->fields;
	memset(&value, 0x5a, sizeof(value)); /* the getter must write all of it */
	find(fields, name)->get(entry, &value);
	return value;
}

static void
test_fields_stand_in_the_documents_order(UNUSED void **state)
{
	static const char *const names[] = { "status", "since", "checked_at",
		"last_ok_at", "failures", "attempts", "http_status", "url",
		"duration_ms", "timing_ms", "bytes", "certificate_expires_at", "error",
		"warnings", "values", "data", "group", "labels", "description" };
	static const char *const timing[] = { "queued", "dns", "connect", "tls",
		"first_byte", "total" };
	static const char *const error[] = { "kind", "phase", "message", "excerpt" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		assert_string_equal(service_fields[i].name, names[i]);
		assert_int_equal(service_fields[i].optional, i >= 16);
		assert_int_equal(service_fields[i].fields != NULL,
		    service_fields[i].type == FIELD_OBJECT);
	}
	assert_null(service_fields[ARRAY_COUNT(names)].name);
	for (size_t i = 0; i < ARRAY_COUNT(timing); i++)
		assert_string_equal(
		    find(service_fields, "timing_ms")->fields[i].name, timing[i]);
	for (size_t i = 0; i < ARRAY_COUNT(error); i++)
		assert_string_equal(
		    find(service_fields, "error")->fields[i].name, error[i]);
}

static void
test_a_pending_entry_has_fields_without_values(UNUSED void **state)
{
	struct fixture f;
	const struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	assert_string_equal(get(entry, NULL, "status").text, "pending");
	assert_true(get(entry, NULL, "since").number < 0);
	assert_true(get(entry, NULL, "checked_at").number < 0);
	assert_true(get(entry, NULL, "last_ok_at").number < 0);
	assert_int_equal(get(entry, NULL, "failures").number, 0);
	assert_int_equal(get(entry, NULL, "attempts").number, 0);
	assert_true(get(entry, NULL, "http_status").number < 0);
	assert_string_equal(get(entry, NULL, "url").text, "http://test/0");
	assert_true(get(entry, NULL, "duration_ms").number < 0);
	assert_false(get(entry, NULL, "timing_ms").absent);
	for (const struct field *part = find(service_fields, "timing_ms")->fields;
	     part->name != NULL; part++)
		assert_true(get(entry, "timing_ms", part->name).number < 0);
	assert_int_equal(get(entry, NULL, "bytes").number, 0);
	assert_true(get(entry, NULL, "certificate_expires_at").number < 0);
	assert_true(get(entry, NULL, "error").absent);
	assert_string_equal(get(entry, NULL, "values").text, "{}");
	assert_int_equal(get(entry, NULL, "values").len, 2);
	assert_null(get(entry, NULL, "data").text);
	assert_true(get(entry, NULL, "group").absent);
	assert_true(get(entry, NULL, "labels").absent);
	assert_true(get(entry, NULL, "description").absent);
	tear_down(&f);
}

static void
test_fields_tell_the_outcome(UNUSED void **state)
{
	struct fixture f;
	const struct board_entry *entry;
	struct outcome outcome;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	outcome_init(&outcome);
	outcome.status = STATUS_TIMEOUT;
	outcome.kind = KIND_TIMEOUT;
	outcome.phase = PHASE_BODY;
	outcome.message = xstrdup("why");
	outcome.http_status = 200;
	outcome.attempts = 1;
	outcome.checked_at_ms = 7;
	outcome.duration_us = 5001200;
	outcome.queued_us = 100;
	outcome.timing = (struct response_timing){ 1, 2, 3, 4, 5 };
	outcome.bytes = 12;
	board_put(f.board, 0, &outcome);

	assert_string_equal(get(entry, NULL, "status").text, "timeout");
	assert_int_equal(get(entry, NULL, "status").len, 7);
	assert_int_equal(get(entry, NULL, "since").number, 7);
	assert_int_equal(get(entry, NULL, "checked_at").number, 7);
	assert_int_equal(get(entry, NULL, "failures").number, 1);
	assert_int_equal(get(entry, NULL, "attempts").number, 1);
	assert_int_equal(get(entry, NULL, "http_status").number, 200);
	assert_null(get(entry, NULL, "url").text);
	assert_int_equal(get(entry, NULL, "duration_ms").number, 5001200);
	assert_int_equal(get(entry, NULL, "bytes").number, 12);
	assert_int_equal(get(entry, "timing_ms", "queued").number, 100);
	assert_int_equal(get(entry, "timing_ms", "dns").number, 1);
	assert_int_equal(get(entry, "timing_ms", "connect").number, 2);
	assert_int_equal(get(entry, "timing_ms", "tls").number, 3);
	assert_int_equal(get(entry, "timing_ms", "first_byte").number, 4);
	assert_int_equal(get(entry, "timing_ms", "total").number, 5);
	assert_false(get(entry, NULL, "error").absent);
	assert_string_equal(get(entry, "error", "kind").text, "timeout");
	assert_string_equal(get(entry, "error", "phase").text, "body");
	assert_string_equal(get(entry, "error", "message").text, "why");
	assert_null(get(entry, "error", "excerpt").text);

	outcome_init(&outcome);
	outcome.status = STATUS_HTTP_ERROR;
	outcome.kind = KIND_HTTP;
	outcome.data = xstrdup("[1]");
	outcome.data_len = 3;
	board_put(f.board, 0, &outcome);
	assert_null(get(entry, "error", "phase").text);
	assert_string_equal(get(entry, NULL, "data").text, "[1]");
	assert_int_equal(get(entry, NULL, "data").len, 3);
	tear_down(&f);
}

static void
test_a_targets_own_words_are_told_without_secrets(UNUSED void **state)
{
	struct fixture f;
	const struct board_entry *entry;
	struct target *target;
	struct config_pair *pairs;

	set_up(&f, 1);
	board_free(f.board);
	target = f.config->targets[0];
	marked_append(&target->group.value, "web", 3, MARK_OWN);
	marked_append(&target->description.value, "key ", 4, MARK_OWN);
	marked_append(&target->description.value, "hunter22", 8, MARK_SECRET);
	pairs = xcalloc(2, sizeof(*pairs));
	for (size_t i = 0; i < 2; i++) {
		pairs[i].name = xstrdup(i == 0 ? "team" : "a\"b");
		marked_init(&pairs[i].text.value, BUFFER_UNLIMITED);
		marked_append(&pairs[i].text.value, "x", 1, MARK_OWN);
	}
	target->labels = (struct config_pairs){ pairs, 2 };
	f.board = board_new(f.config);

	entry = board_entry(f.board, 0);
	assert_string_equal(get(entry, NULL, "group").text, "web");
	assert_string_equal(get(entry, NULL, "description").text, "key ***");
	assert_string_equal(
	    get(entry, NULL, "labels").text, "{\"team\":\"x\",\"a\\\"b\":\"x\"}");
	assert_int_equal(get(entry, NULL, "labels").len,
	    strlen("{\"team\":\"x\",\"a\\\"b\":\"x\"}"));
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_board_is_pending_with_known_urls),
		cmocka_unit_test(test_an_outcome_is_moved_onto_the_board),
		cmocka_unit_test(
		    test_a_first_outcome_and_every_other_status_is_a_change),
		cmocka_unit_test(test_streaks_go_on_and_end),
		cmocka_unit_test(test_cancelled_and_skipped_touch_no_streak),
		cmocka_unit_test(
		    test_what_we_lack_ourselves_is_no_failure_of_the_target),
		cmocka_unit_test(test_counts_follow_every_outcome),
		cmocka_unit_test(test_the_status_of_the_whole),
		cmocka_unit_test(test_no_targets_at_all_are_ok),
		cmocka_unit_test(test_in_flight_is_noted),
		cmocka_unit_test(test_fields_stand_in_the_documents_order),
		cmocka_unit_test(test_a_pending_entry_has_fields_without_values),
		cmocka_unit_test(test_fields_tell_the_outcome),
		cmocka_unit_test(test_a_targets_own_words_are_told_without_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
