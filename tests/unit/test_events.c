#include "serve/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "events_stage.h"

static void
test_a_new_client_gets_all_there_is(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	assert_silence(&listener);
	assert_int_equal(events_count(stage.events), 1);
	assert_int_equal(stage.answers.requests[2], 1);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_then_it_gets_what_changes(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	listen_on(&stage, &listener);
	assert_event(&listener, 8, false, "t1");
	stage_show(&stage, 11);
	listen_on(&stage, &listener);
	assert_event(&listener, 11, false, "");
	stage_put(&stage, 1, "3");
	stage_put(&stage, 0, "4");
	stage_show(&stage, 12);
	listen_on(&stage, &listener);
	assert_event(&listener, 12, false, "t0 t1");
	assert_silence(&listener);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_before_the_first_document_there_is_only_a_greeting(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	stage_set_up(&stage, 1, true);
	follow(&stage, &listener, "Last-Event-ID: 0-0\r\n");
	assert_silence(&listener);
	stage_show(&stage, 1);
	listen_on(&stage, &listener);
	assert_event(&listener, 1, true, "t0 t1");
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_who_comes_back_gets_what_changed_meanwhile(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	stage_put(&stage, 0, "3");
	stage_show(&stage, 9);
	follow_from(&stage, &listener, 7);
	assert_event(&listener, 9, false, "t0 t1");
	leave(&stage, &listener);
	follow_from(&stage, &listener, 8);
	assert_event(&listener, 9, false, "t0");
	leave(&stage, &listener);
	follow_from(&stage, &listener, 9);
	assert_event(&listener, 9, false, "");
	assert_silence(&listener);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

/* EPOCH stands for that of this run. */
static void
test_an_id_of_no_use_counts_as_none(UNUSED void **state)
{
	static const char *const ids[] = { "8-EPOCH", "99999999999999999999-EPOCH", "",
		"x", "-", "-EPOCH", "-1-EPOCH", "7", "7-", "7-EPOCH x", "7-EPOCH-gz",
		"+7-EPOCH", "07-EPOCH", "0x7-EPOCH", "\"7-EPOCH\"", "7-0EPOCH", "7-0",
		"6-EPOCH", "0-EPOCH" };
	char edition[SHOWN_EDITION_SIZE];
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	shown_edition(stage.shown, edition);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		const char *epoch = strstr(ids[i], "EPOCH");
		char *header = epoch == NULL
		    ? xasprintf("Last-Event-ID: %s\r\n", ids[i])
		    : xasprintf("Last-Event-ID: %.*s%s%s\r\n", (int)(epoch - ids[i]),
		          ids[i], strchr(edition, '-') + 1, epoch + strlen("EPOCH"));

		follow(&stage, &listener, header);
		assert_event(&listener, 7, true, "t0 t1 t2");
		leave(&stage, &listener);
		free(header);
	}
	stage_tear_down(&stage);
}

static void
test_an_id_is_that_of_an_event(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;
	char *header;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	header = xasprintf("Last-Event-ID: %s\r\n", listener.id);
	leave(&stage, &listener);
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	follow(&stage, &listener, header);
	assert_event(&listener, 8, false, "t1");
	leave(&stage, &listener);
	free(header);
	stage_tear_down(&stage);
}

/* A program that was started anew counts from 1 again where it has no document. */
static void
test_an_id_of_another_run_counts_as_none(UNUSED void **state)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	struct listener listener;
	struct stage stage;
	char *header;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	header = xasprintf("Last-Event-ID: %s\r\n", listener.id);
	leave(&stage, &listener);
	stage_tear_down(&stage);
	nanosleep(&pause, NULL); /* the epoch goes by the clock */
	set_up(&stage);
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	follow(&stage, &listener, header);
	assert_event(&listener, 8, true, "t0 t1 t2");
	leave(&stage, &listener);
	free(header);
	stage_tear_down(&stage);
}

static void
test_clients_that_know_different_generations_get_what_each_lacks(UNUSED void **state)
{
	struct listener listeners[3];
	struct stage stage;

	set_up(&stage);
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	follow(&stage, &listeners[0], "");
	follow_from(&stage, &listeners[1], 7);
	follow_from(&stage, &listeners[2], 8);
	assert_event(&listeners[0], 8, true, "t0 t1 t2");
	assert_event(&listeners[1], 8, false, "t1");
	assert_event(&listeners[2], 8, false, "");
	stage_put(&stage, 0, "3");
	stage_show(&stage, 9);
	for (int i = 0; i < 3; i++) {
		listen_on(&stage, &listeners[i]);
		assert_event(&listeners[i], 9, false, "t0");
		leave(&stage, &listeners[i]);
	}
	stage_tear_down(&stage);
}

/* The config has TARGETS services from now on. */
static void
reload(struct stage *stage, size_t targets)
{
	struct config *config = fake_config_new(targets);

	config->interval_ms = stage->config->interval_ms;
	config->timeout_ms = stage->config->timeout_ms;
	config->output.max_size_bytes = stage->config->output.max_size_bytes;
	board_reload(stage->board, config);
	snapshot_maker_reload(stage->maker, STAGE_HOST);
	fake_config_free(stage->config);
	stage->config = config;
}

static void
test_after_a_reload_all_is_sent_anew(UNUSED void **state)
{
	struct listener listener, late;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	reload(&stage, 1);
	stage_show(&stage, 8);
	listen_on(&stage, &listener);
	assert_event(&listener, 8, true, "t0");
	stage_show(&stage, 9);
	listen_on(&stage, &listener);
	assert_event(&listener, 9, false, "");
	follow_from(&stage, &late, 7);
	assert_event(&late, 9, true, "t0");
	leave(&stage, &late);
	follow_from(&stage, &late, 8);
	assert_event(&late, 9, false, "");
	leave(&stage, &late);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_client_gets_all_there_is),
		cmocka_unit_test(test_then_it_gets_what_changes),
		cmocka_unit_test(
		    test_before_the_first_document_there_is_only_a_greeting),
		cmocka_unit_test(test_who_comes_back_gets_what_changed_meanwhile),
		cmocka_unit_test(test_an_id_of_no_use_counts_as_none),
		cmocka_unit_test(test_an_id_is_that_of_an_event),
		cmocka_unit_test(test_an_id_of_another_run_counts_as_none),
		cmocka_unit_test(
		    test_clients_that_know_different_generations_get_what_each_lacks),
		cmocka_unit_test(test_after_a_reload_all_is_sent_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
