#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "board_stage.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"

/* The targets with these numbers, in this order. */
#define CONFIG_OF(...)                                                           \
	fake_config_of(sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t), \
	    (const size_t[]){ __VA_ARGS__ })

/* Go over to CONFIG, which is taken over; the one before is gone with it. */
static void
reload(struct board_stage *f, struct config *config)
{
	board_reload(f->board, config);
	assert_ptr_equal(board_config(f->board), config);
	assert_int_equal(board_size(f->board), config->target_count);
	for (size_t i = 0; i < config->target_count; i++)
		assert_ptr_equal(board_entry(f->board, i)->target, config->targets[i]);
	fake_config_free(f->config);
	f->config = config;
}

static void
test_what_is_known_stays_with_the_name(UNUSED void **state)
{
	struct board_stage f;
	struct board_entry *entries[3];

	set_up(&f, 3);
	for (size_t i = 0; i < 3; i++)
		entries[i] = board_entry(f.board, i);
	put(&f, 0, STATUS_OK);
	put(&f, 1, STATUS_TIMEOUT);
	put(&f, 1, STATUS_TIMEOUT); /* since 2000 */
	entries[1]->told_at_us = 11;
	entries[1]->told_failed = true;
	entries[1]->skipped_turns = 12;
	entries[1]->skip_told_at_us = 13;
	assert_int_equal(entries[1]->planned_us, -1);
	board_set_planned(entries[1], 14);

	reload(&f, CONFIG_OF(2, 1, 0));
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(board_entry(f.board, i), entries[2 - i]);
	assert_int_equal(entries[1]->outcome.status, STATUS_TIMEOUT);
	assert_int_equal(entries[1]->since_ms, 2000);
	assert_int_equal(entries[1]->failures, 2);
	assert_int_equal(entries[1]->told_at_us, 11);
	assert_true(entries[1]->told_failed);
	assert_int_equal(entries[1]->skipped_turns, 12);
	assert_int_equal(entries[1]->skip_told_at_us, 13);
	assert_int_equal(entries[1]->planned_us, 14);
	assert_int_equal(entries[0]->last_ok_at_ms, 1000);
	assert_int_equal(entries[2]->outcome.status, STATUS_PENDING);
	assert_false(put(&f, 1, STATUS_TIMEOUT)); /* no first outcome */
	assert_int_equal(entries[1]->since_ms, 2000);
	assert_true(put(&f, 0, STATUS_OK));
	tear_down(&f);
}

static void
test_targets_come_and_go(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *kept;
	const struct board_entry *added;

	set_up(&f, 4);
	kept = board_entry(f.board, 2);
	/* Those that go own something of everything. */
	restore_data(&f, 0, STATUS_OK, "[1]");
	f.config->targets[1]->keep_last = true;
	put_data(&f, 1, STATUS_OK, "[1]");
	put(&f, 1, STATUS_ERROR);
	put_data(&f, 3, STATUS_OK, "[3]");
	put(&f, 2, STATUS_OK);

	reload(&f, CONFIG_OF(5, 2));
	assert_ptr_equal(board_entry(f.board, 1), kept);
	assert_int_equal(kept->outcome.status, STATUS_OK);
	added = board_entry(f.board, 0);
	assert_int_equal(added->outcome.status, STATUS_PENDING);
	assert_string_equal(added->outcome.url, "http://test/5");
	assert_int_equal(added->since_ms, -1);
	assert_int_equal(added->told_at_us, -1);
	assert_int_equal(count_of(&f, STATUS_OK), 1);
	assert_int_equal(count_of(&f, STATUS_PENDING), 1);
	assert_int_equal(count_of(&f, STATUS_ERROR), 0);

	/* One that comes back begins anew. */
	reload(&f, CONFIG_OF(1, 2));
	assert_int_equal(board_entry(f.board, 0)->failures, 0);
	assert_false(board_entry(f.board, 0)->asked);
	reload(&f, fake_config_new(0));
	assert_string_equal(board_status(f.board), "ok");
	reload(&f, CONFIG_OF(2));
	assert_int_equal(count_of(&f, STATUS_PENDING), 1);
	tear_down(&f);
}

static void
test_the_status_follows_what_is_required(UNUSED void **state)
{
	struct board_stage f;
	struct config *config;

	set_up(&f, 2);
	put(&f, 0, STATUS_TIMEOUT);
	put(&f, 1, STATUS_OK);
	assert_string_equal(board_status(f.board), "degraded");
	config = fake_config_new(2);
	config->targets[0]->required = false;
	reload(&f, config);
	assert_false(board_has_required_failure(f.board));
	assert_string_equal(board_status(f.board), "ok");
	put(&f, 0, STATUS_ERROR);
	assert_string_equal(board_status(f.board), "ok");
	reload(&f, fake_config_new(2));
	assert_true(board_has_required_failure(f.board));
	reload(&f, CONFIG_OF(0));
	assert_string_equal(board_status(f.board), "down");
	reload(&f, CONFIG_OF(1));
	assert_false(board_has_required_failure(f.board));
	tear_down(&f);
}

static void
set_text(struct text *text, const char *value)
{
	marked_append(&text->value, value, strlen(value), MARK_OWN);
}

static void
add_label(struct target *target, const char *name, const char *value)
{
	struct config_pair *pair = xcalloc(1, sizeof(*pair));

	pair->name = xstrdup(name);
	marked_init(&pair->text.value, BUFFER_UNLIMITED);
	set_text(&pair->text, value);
	target->labels = (struct config_pairs){ pair, 1 };
}

static void
test_a_targets_own_words_are_read_again(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;
	struct config *config;
	uint64_t version;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	assert_null(entry->group);
	config = fake_config_new(1);
	set_text(&config->targets[0]->group, "web");
	set_text(&config->targets[0]->description, "what");
	add_label(config->targets[0], "team", "a");
	version = entry->version;
	reload(&f, config);
	assert_string_equal(entry->group, "web");
	assert_string_equal(entry->description, "what");
	assert_string_equal(entry->labels, "{\"team\":\"a\"}");
	assert_true(entry->version > version);

	config = fake_config_new(1);
	add_label(config->targets[0], "team", "b");
	reload(&f, config);
	assert_null(entry->group);
	assert_null(entry->description);
	assert_string_equal(entry->labels, "{\"team\":\"b\"}");
	tear_down(&f);
}

static void
test_the_url_is_the_one_that_was_asked_last(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;
	struct config *config;

	/* Not asked yet: the one that will be. */
	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	config = fake_config_new(1);
	fake_config_unprepare(config, 0);
	reload(&f, config);
	assert_null(entry->outcome.url);
	reload(&f, fake_config_new(1));
	assert_string_equal(entry->outcome.url, "http://test/0");

	put(&f, 0, STATUS_OK); /* an outcome without a URL */
	reload(&f, fake_config_new(1));
	assert_null(entry->outcome.url);
	tear_down(&f);
}

static void
test_a_turn_under_way_goes_on(UNUSED void **state)
{
	struct board_stage f;
	struct board_entry *entry;

	set_up(&f, 2);
	entry = board_entry(f.board, 0);
	board_set_in_flight(entry, true);
	reload(&f, CONFIG_OF(1, 0));
	assert_true(board_entry(f.board, 1)->in_flight);
	assert_false(board_entry(f.board, 0)->in_flight);
	board_set_in_flight(entry, false);
	assert_false(board_entry(f.board, 1)->in_flight);
	tear_down(&f);
}

static void
test_what_a_former_run_knew_stays_until_the_first_outcome(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 2);
	entry = board_entry(f.board, 1);
	restore(&f, 1, memory_of(STATUS_TIMEOUT));
	reload(&f, CONFIG_OF(1, 0));
	assert_non_null(entry->restored);
	assert_int_equal(entry->failures, 7);
	assert_int_equal(count_of(&f, STATUS_TIMEOUT), 1);
	assert_true(put(&f, 0, STATUS_TIMEOUT));
	assert_int_equal(entry->since_ms, 100);
	assert_int_equal(entry->failures, 8);
	assert_null(entry->restored);
	tear_down(&f);
}

static void
test_the_same_config_may_come_again(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 2);
	put(&f, 0, STATUS_TIMEOUT);
	board_reload(f.board, f.config);
	assert_int_equal(f.config->references, 2);
	assert_int_equal(board_entry(f.board, 0)->failures, 1);
	tear_down(&f);
}

static void
test_another_server_has_not_held_it_back(UNUSED void **state)
{
	struct board_stage f;
	struct config *config;

	set_up(&f, 1);
	board_hold(f.board, board_entry(f.board, 0), 5000000, 0, 0, 1000);
	assert_int_equal(board_entry(f.board, 0)->next_at_ms, 6000);
	reload(&f, fake_config_new(1));
	assert_int_equal(board_entry(f.board, 0)->hold_until_us, 5000000);
	assert_int_equal(board_entry(f.board, 0)->next_at_ms, 6000);
	config = fake_config_new(1);
	free(config->targets[0]->host);
	config->targets[0]->host = xstrdup("http://other:80");
	reload(&f, config);
	assert_int_equal(board_entry(f.board, 0)->hold_until_us, 0);
	assert_int_equal(board_entry(f.board, 0)->next_at_ms, -1);
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_known_stays_with_the_name),
		cmocka_unit_test(test_targets_come_and_go),
		cmocka_unit_test(test_the_status_follows_what_is_required),
		cmocka_unit_test(test_a_targets_own_words_are_read_again),
		cmocka_unit_test(test_the_url_is_the_one_that_was_asked_last),
		cmocka_unit_test(test_a_turn_under_way_goes_on),
		cmocka_unit_test(
		    test_what_a_former_run_knew_stays_until_the_first_outcome),
		cmocka_unit_test(test_the_same_config_may_come_again),
		cmocka_unit_test(test_another_server_has_not_held_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
