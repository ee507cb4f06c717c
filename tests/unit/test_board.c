#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "board_stage.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"

static void
test_a_new_board_is_pending_with_known_urls(UNUSED void **state)
{
	struct board_stage f;
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

/* As where it waits for what a prompt says, and that is put off. */
static void
test_a_pending_outcome_does_not_say_when(UNUSED void **state)
{
	struct board_stage f;
	struct outcome outcome;

	set_up(&f, 1);
	for (int i = 0; i < 2; i++) {
		outcome_init(&outcome);
		outcome.status = i == 0 ? STATUS_OK : STATUS_PENDING;
		outcome.checked_at_ms = 1000 * (i + 1);
		board_put(f.board, board_entry(f.board, 0), &outcome);
	}
	assert_int_equal(board_entry(f.board, 0)->outcome.status, STATUS_PENDING);
	assert_int_equal(board_entry(f.board, 0)->outcome.checked_at_ms, 1000);
	assert_int_equal(board_entry(f.board, 0)->last_ok_at_ms, 1000);
	tear_down(&f);
}

static void
test_an_outcome_is_moved_onto_the_board(UNUSED void **state)
{
	struct board_stage f;
	struct outcome outcome;

	set_up(&f, 1);
	for (int i = 1; i <= 2; i++) {
		outcome_init(&outcome);
		outcome.status = STATUS_OK;
		outcome.url = xstrdup("http://x/");
		outcome.data = xstrdup("{}");
		outcome.data_len = 2;
		assert_int_equal(
		    board_put(f.board, board_entry(f.board, 0), &outcome), i == 1);
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
	struct board_stage f;

	set_up(&f, 1);
	assert_true(put(&f, 0, STATUS_OK));
	assert_false(put(&f, 0, STATUS_OK));
	assert_true(put(&f, 0, STATUS_TIMEOUT));
	assert_false(put(&f, 0, STATUS_TIMEOUT));
	assert_true(put(&f, 0, STATUS_CANCELLED));
	assert_true(put(&f, 0, STATUS_TIMEOUT));
	tear_down(&f);
}

static bool
put_held_back(struct board_stage *stage)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_SKIPPED;
	outcome.kind = KIND_RATE_LIMITED;
	return board_put(stage->board, board_entry(stage->board, 0), &outcome);
}

static void
test_to_be_held_back_is_no_change_and_hides_none(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	assert_true(put(&f, 0, STATUS_HTTP_ERROR));
	for (int i = 0; i < 3; i++) {
		assert_false(put_held_back(&f));
		assert_false(put_held_back(&f));
		assert_false(put(&f, 0, STATUS_HTTP_ERROR));
	}
	assert_false(put_held_back(&f));
	assert_true(put(&f, 0, STATUS_TIMEOUT));
	assert_false(put_held_back(&f));
	assert_true(put(&f, 0, STATUS_OK));
	/* Skipped for another reason is one. */
	assert_true(put(&f, 0, STATUS_SKIPPED));
	tear_down(&f);

	/* A first outcome is always news. */
	set_up(&f, 1);
	assert_true(put_held_back(&f));
	assert_false(put_held_back(&f));
	assert_true(put(&f, 0, STATUS_HTTP_ERROR));
	tear_down(&f);
}

static void
test_streaks_go_on_and_end(UNUSED void **state)
{
	struct board_stage f;
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
	struct board_stage f;
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
	struct board_stage f;
	struct outcome outcome;

	set_up(&f, 1);
	put(&f, 0, STATUS_TIMEOUT);
	outcome_init(&outcome);
	outcome.status = STATUS_ERROR;
	outcome.kind = KIND_INTERNAL;
	outcome.checked_at_ms = 9000;
	board_put(f.board, board_entry(f.board, 0), &outcome);
	assert_int_equal(board_entry(f.board, 0)->failures, 1);
	assert_int_equal(board_entry(f.board, 0)->since_ms, 9000);
	tear_down(&f);
}

static void
test_counts_follow_every_outcome(UNUSED void **state)
{
	struct board_stage f;
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
		struct board_stage f;

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
	struct board_stage f;

	set_up(&f, 0);
	assert_int_equal(board_size(f.board), 0);
	assert_string_equal(board_status(f.board), "ok");
	tear_down(&f);
	board_free(NULL);
}

static void
test_in_flight_is_noted(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 2);
	board_set_in_flight(board_entry(f.board, 1), true);
	assert_true(board_entry(f.board, 1)->in_flight);
	assert_false(board_entry(f.board, 0)->in_flight);
	tear_down(&f);
}

/* ---- what a former run knew ---- */

static void
test_what_is_restored_is_told_and_counted(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;
	uint64_t version;

	set_up(&f, 3);
	entry = board_entry(f.board, 1);
	version = entry->version;
	restore(&f, 1, memory_of(STATUS_TIMEOUT));
	assert_int_equal(entry->outcome.status, STATUS_TIMEOUT);
	assert_int_equal(entry->outcome.checked_at_ms, 300);
	assert_int_equal(entry->since_ms, 100);
	assert_int_equal(entry->last_ok_at_ms, 50);
	assert_int_equal(entry->failures, 7);
	assert_string_equal(entry->restored, "{\"status\":\"of old\"}");
	assert_int_equal(entry->restored_len, strlen(entry->restored));
	assert_false(entry->asked);
	assert_true(entry->version > version);
	assert_int_equal(count_of(&f, STATUS_TIMEOUT), 1);
	assert_int_equal(count_of(&f, STATUS_PENDING), 2);
	assert_true(board_has_required_failure(f.board));
	assert_string_equal(board_status(f.board), "down");
	restore(&f, 0, memory_of(STATUS_DEGRADED));
	assert_string_equal(board_status(f.board), "degraded");
	tear_down(&f);
}

static void
test_a_restored_failure_goes_on_with_the_same_status(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	restore(&f, 0, memory_of(STATUS_TIMEOUT));
	assert_true(put(&f, 0, STATUS_TIMEOUT)); /* at 1000 */
	assert_int_equal(entry->since_ms, 100);
	assert_int_equal(entry->failures, 8);
	assert_int_equal(entry->last_ok_at_ms, 50);
	assert_false(put(&f, 0, STATUS_TIMEOUT));
	assert_int_equal(entry->since_ms, 100);
	assert_int_equal(entry->failures, 9);
	assert_int_equal(count_of(&f, STATUS_TIMEOUT), 1);
	tear_down(&f);
}

static void
test_another_status_begins_anew_after_a_restored_one(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 2);
	entry = board_entry(f.board, 0);
	restore(&f, 0, memory_of(STATUS_TIMEOUT));
	put(&f, 0, STATUS_ERROR); /* at 1000: the same run of failures */
	assert_int_equal(entry->since_ms, 1000);
	assert_int_equal(entry->failures, 8);
	put(&f, 0, STATUS_OK);
	assert_int_equal(entry->failures, 0);

	entry = board_entry(f.board, 1);
	restore(&f, 1, memory_of(STATUS_OK));
	assert_true(put(&f, 1, STATUS_OK)); /* at 3000 */
	assert_int_equal(entry->since_ms, 100);
	assert_int_equal(entry->last_ok_at_ms, 3000);
	assert_int_equal(entry->failures, 0);
	tear_down(&f);
}

static void
test_the_text_of_old_goes_with_the_first_outcome(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 2);
	restore(&f, 0, memory_of(STATUS_OK));
	restore(&f, 1, memory_of(STATUS_OK));
	restore(&f, 1, memory_of(STATUS_ERROR)); /* of two, the later counts */
	assert_int_equal(count_of(&f, STATUS_OK), 1);
	assert_int_equal(count_of(&f, STATUS_ERROR), 1);
	put(&f, 0, STATUS_OK);
	put(&f, 1, STATUS_SKIPPED); /* also one that was not asked */
	for (size_t i = 0; i < 2; i++) {
		assert_null(board_entry(f.board, i)->restored);
		assert_int_equal(board_entry(f.board, i)->restored_len, 0);
		assert_true(board_entry(f.board, i)->asked);
	}
	tear_down(&f);
}

static void
test_what_was_skipped_or_cancelled_goes_on_with_its_streaks(UNUSED void **state)
{
	struct board_stage f;
	struct board_memory memory = memory_of(STATUS_CANCELLED);
	const struct board_entry *entry;

	/* What failed before that is not known: its end, and another beginning, are. */
	set_up(&f, 4);
	entry = board_entry(f.board, 0);
	restore(&f, 0, memory);
	assert_int_equal(count_of(&f, STATUS_CANCELLED), 1);
	assert_true(put(&f, 0, STATUS_CANCELLED));
	assert_int_equal(entry->since_ms, 100);
	put(&f, 0, STATUS_TIMEOUT); /* at 2000 */
	assert_int_equal(entry->since_ms, 2000);
	assert_int_equal(entry->failures, 8);

	/* Nothing failed since it was well: it still was. */
	entry = board_entry(f.board, 1);
	memory = memory_of(STATUS_SKIPPED);
	memory.failures = 0;
	restore(&f, 1, memory);
	assert_true(board_has_required_failure(f.board));
	put(&f, 1, STATUS_OK); /* at 3000 */
	assert_int_equal(entry->since_ms, 100);
	assert_int_equal(entry->last_ok_at_ms, 3000);

	/* It failed, although it was well once. */
	restore(&f, 3, memory_of(STATUS_CANCELLED));
	put(&f, 3, STATUS_OK); /* at 4000 */
	assert_int_equal(board_entry(f.board, 3)->since_ms, 4000);
	assert_int_equal(board_entry(f.board, 3)->failures, 0);

	/* It never was anything else. */
	entry = board_entry(f.board, 2);
	memory = memory_of(STATUS_SKIPPED);
	memory.failures = 0;
	memory.since_ms = memory.last_ok_at_ms = -1;
	restore(&f, 2, memory);
	put(&f, 2, STATUS_OK); /* at 5000 */
	assert_int_equal(entry->since_ms, 5000);
	tear_down(&f);
}

static void
test_the_failed_version_is_of_who_is_listed_as_failed(UNUSED void **state)
{
	/* What is put one after the other, and whether that is a change. */
	static const struct {
		enum status status;
		bool change;
	} steps[] = {
		{ STATUS_OK, false },
		{ STATUS_DEGRADED, false },
		{ STATUS_TIMEOUT, true },
		{ STATUS_ERROR, false },
		{ STATUS_SKIPPED, false },
		{ STATUS_CANCELLED, false },
		{ STATUS_OK, true },
		{ STATUS_HTTP_ERROR, true },
	};
	struct board_stage f;
	uint64_t version;

	set_up(&f, 2);
	f.config->targets[0]->required = false;
	version = board_failed_version(f.board);
	for (size_t i = 0; i < 2 * ARRAY_COUNT(steps); i++) {
		put(&f, i % 2, steps[i / 2].status);
		version += steps[i / 2].change;
		assert_int_equal(board_failed_version(f.board), version);
	}
	tear_down(&f);
}

static void
test_what_comes_from_a_former_run_and_a_reload_may_change_who_failed(
    UNUSED void **state)
{
	struct board_stage f;
	struct board_memory well = memory_of(STATUS_OK);
	struct board_memory ill = memory_of(STATUS_TIMEOUT);
	uint64_t version;

	set_up(&f, 2);
	version = board_failed_version(f.board);
	board_restore(f.board, board_entry(f.board, 0), &well);
	assert_int_equal(board_failed_version(f.board), version);
	board_restore(f.board, board_entry(f.board, 1), &ill);
	assert_int_equal(board_failed_version(f.board), version + 1);
	board_reload(f.board, f.config);
	assert_int_equal(board_failed_version(f.board), version + 2);
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_board_is_pending_with_known_urls),
		cmocka_unit_test(test_a_pending_outcome_does_not_say_when),
		cmocka_unit_test(test_an_outcome_is_moved_onto_the_board),
		cmocka_unit_test(
		    test_a_first_outcome_and_every_other_status_is_a_change),
		cmocka_unit_test(test_to_be_held_back_is_no_change_and_hides_none),
		cmocka_unit_test(test_streaks_go_on_and_end),
		cmocka_unit_test(test_cancelled_and_skipped_touch_no_streak),
		cmocka_unit_test(
		    test_what_we_lack_ourselves_is_no_failure_of_the_target),
		cmocka_unit_test(test_counts_follow_every_outcome),
		cmocka_unit_test(test_the_status_of_the_whole),
		cmocka_unit_test(test_no_targets_at_all_are_ok),
		cmocka_unit_test(test_in_flight_is_noted),
		cmocka_unit_test(test_what_is_restored_is_told_and_counted),
		cmocka_unit_test(test_a_restored_failure_goes_on_with_the_same_status),
		cmocka_unit_test(test_another_status_begins_anew_after_a_restored_one),
		cmocka_unit_test(test_the_text_of_old_goes_with_the_first_outcome),
		cmocka_unit_test(
		    test_what_was_skipped_or_cancelled_goes_on_with_its_streaks),
		cmocka_unit_test(test_the_failed_version_is_of_who_is_listed_as_failed),
		cmocka_unit_test(
		    test_what_comes_from_a_former_run_and_a_reload_may_change_who_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
