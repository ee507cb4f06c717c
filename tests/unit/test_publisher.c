#include "publish/publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "publisher_stage.h"

static void
test_the_end_of_a_round_is_published(UNUSED void **state)
{
	struct stage stage;
	uint64_t number;

	stage_open(&stage);
	number = stage_begin_round(&stage);
	assert_int_equal(number, 1);
	stage_put(&stage, 0, 7);
	stage_run_now(&stage);
	assert_int_equal(access(stage.path, F_OK), -1);

	stage_end_round(&stage, number);
	stage_run(&stage, &stage.written, 1);
	assert_true(stage.is_written);
	assert_says(stage.path, "/generation", "1");
	assert_says(stage.path, "/outcome", "\"complete\"");
	assert_says(stage.path, "/round",
	    "{\"number\":1,\"started_at\":\"1970-01-01T00:00:01.000Z\","
	    "\"duration_ms\":2.0,\"targets\":2}");
	assert_says(stage.path, "/services/t0/data", "7");

	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "2");
	assert_says(stage.path, "/round/number", "2");
	stage_clear(&stage);
}

static void
test_an_outcome_is_published_while_its_round_runs(UNUSED void **state)
{
	struct stage stage;
	int64_t begun_us;
	uint64_t number;

	stage_init(&stage);
	stage.options.publish_after_ms = 20;
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	number = stage_begin_round(&stage);
	begun_us = clock_now_us();
	stage_put(&stage, 0, 7);
	stage_put(&stage, 1, 8);
	stage_run(&stage, &stage.written, 1);
	assert_true(clock_now_us() - begun_us >= 19000);
	assert_says(stage.path, "/generation", "1");
	assert_says(stage.path, "/outcome", "\"gathering\"");
	assert_says(stage.path, "/round/number", "1");
	assert_says(stage.path, "/round/duration_ms", "null");
	assert_says(stage.path, "/services/t1/data", "8");

	/* The next outcome has a time of its own, which the end of the round cuts short. */
	stage_put(&stage, 0, 9);
	stage_end_round(&stage, number);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/outcome", "\"complete\"");
	assert_says(stage.path, "/services/t0/data", "9");
	assert_int_equal(
	    event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED), 1);
	stage_clear(&stage);
}

static void
test_only_whole_rounds_are_published_on_request(UNUSED void **state)
{
	struct stage stage;
	int before;

	stage_open(&stage);
	before = event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED);
	stage_begin_round(&stage);
	stage_put(&stage, 0, 7);
	assert_int_equal(
	    event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED), before);
	stage_clear(&stage);
}

static void
test_what_goes_out_before_the_end_of_a_round_is_told_apart(UNUSED void **state)
{
	struct stage stage;
	uint64_t number;

	stage_init(&stage);
	stage.options.publish_after_ms = 0;
	stage.options.whole_unless_replaced = true;
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	number = stage_begin_round(&stage);
	stage_put(&stage, 0, 7);
	fake_disk_fill(ENOSPC);
	stage_run(&stage, &stage.written, 1);
	fake_disk_fill(0);
	assert_true(stage.is_gathering);
	assert_false(stage.is_written);

	/* Also where the round ends, and the next begins, while it is being written. */
	fake_disk_hang_flushes(1);
	stage_put(&stage, 1, 8);
	stage_run_now(&stage);
	fake_disk_wait(1);
	stage_end_round(&stage, number);
	fake_disk_release();
	stage_run(&stage, &stage.written, 2);
	assert_true(stage.is_gathering);
	assert_true(stage.is_written);
	stage_begin_round(&stage);
	stage_run(&stage, &stage.written, 3);
	assert_false(stage.is_gathering);
	assert_true(stage.is_written);
	assert_says(stage.path, "/outcome", "\"complete\"");
	assert_says(stage.path, "/services/t1/data", "8");
	stage_clear(&stage);
}

static void
test_only_whole_rounds_go_to_what_is_not_replaced(UNUSED void **state)
{
	static const char *const paths[] = { "-", "/dev/stdout", "/dev/null", NULL };
	struct stage stage;
	char *fifo;
	int before;

	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		stage_init(&stage);
		fifo = xasprintf("%s/other.json", stage.folder);
		assert_int_equal(mkfifo(fifo, 0600), 0);
		stage.options.places[FORM_DOCUMENT].path =
		    paths[i] != NULL ? paths[i] : fifo;
		stage.options.publish_after_ms = 0;
		stage.options.whole_unless_replaced = true;
		stage_start(&stage);
		stage_run(&stage, &stage.ready, 1);
		assert_true(stage.is_ready);
		before = event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED);
		stage_begin_round(&stage);
		stage_put(&stage, 0, 7);
		assert_int_equal(
		    event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED),
		    before);
		free(fifo);
		stage_clear(&stage);
	}
}

static void
test_with_fail_fast_nothing_goes_out_but_the_verdict_and_the_end(UNUSED void **state)
{
	struct stage stage;
	uint64_t number;
	int before;

	stage_init(&stage);
	stage.options.publish_after_ms = 0;
	stage.options.gather_mode = MODE_FAIL_FAST;
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	before = event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED);
	number = stage_begin_round(&stage);
	stage_put(&stage, 0, 7);
	assert_int_equal(
	    event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED), before);

	stage_decide_round(&stage, number, ROUND_FAILED);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.path, "/outcome", "\"failed\"");
	assert_says(stage.path, "/mode", "\"fail_fast\"");

	/* What the others come to waits for the last of them. */
	stage_put(&stage, 1, 8);
	stage_run_now(&stage);
	assert_int_equal(stage.written, 1);
	assert_says(stage.path, "/round/duration_ms", "2.0");
	stage_finish_round(&stage, number, ROUND_FAILED);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/outcome", "\"failed\"");
	assert_says(stage.path, "/round/duration_ms", "3.0");
	assert_says(stage.path, "/services/t1/data", "8");

	/* The next round has a verdict of its own. */
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 3);
	assert_says(stage.path, "/outcome", "\"complete\"");
	stage_clear(&stage);
}

static void
test_what_goes_on_after_the_verdict_waits_for_a_newer_one(UNUSED void **state)
{
	struct stage stage;
	uint64_t first, second;

	stage_init(&stage);
	stage.options.gather_mode = MODE_FAIL_FAST;
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	first = stage_begin_round(&stage);
	stage_decide_round(&stage, first, ROUND_FAILED);
	stage_run(&stage, &stage.written, 1);

	second = stage_begin_round(&stage);
	stage_finish_round(&stage, first, ROUND_FAILED);
	stage_run_now(&stage);
	assert_int_equal(stage.written, 1);
	stage_end_round(&stage, second);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/outcome", "\"complete\"");
	stage_clear(&stage);
}

static void
test_what_goes_on_after_the_verdict_is_no_newer_one(UNUSED void **state)
{
	struct stage stage;
	uint64_t number;

	stage_init(&stage);
	stage.options.gather_mode = MODE_FAIL_FAST;
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	number = stage_begin_round(&stage);
	stage_decide_round(&stage, number, ROUND_FAILED);
	stage_pass_round(&stage);
	stage_put(&stage, 1, 8);
	stage_finish_round(&stage, number, ROUND_FAILED);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/services/t1/data", "8");
	assert_says(stage.path, "/outcome", "\"complete\"");
	assert_says(stage.path, "/round/number", "2");
	stage_clear(&stage);
}

static void
test_what_comes_before_the_output_is_open_is_not_lost(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	fake_disk_hang_locks(1);
	stage_start(&stage);
	fake_disk_wait(1);
	stage_pass_round(&stage);
	stage_run_now(&stage);
	assert_int_equal(stage.ready, 0);
	fake_disk_release();
	stage_run(&stage, &stage.written, 1);
	assert_int_equal(stage.ready, 1);
	assert_says(stage.path, "/round/number", "1");
	stage_clear(&stage);
}

static void
test_what_comes_while_the_disk_is_slow_is_in_one_document(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	fake_disk_hang_flushes(1);
	stage_pass_round(&stage);
	fake_disk_wait(1);
	for (int i = 0; i < 3; i++) {
		stage_put(&stage, 0, i);
		stage_pass_round(&stage);
	}
	stage_run_now(&stage);
	assert_int_equal(stage.written, 0);
	fake_disk_release();
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "2");
	assert_says(stage.path, "/round/number", "4");
	assert_says(stage.path, "/services/t0/data", "2");
	stage_clear(&stage);
}

static void
test_the_newest_round_says_whether_gathering_goes_on(UNUSED void **state)
{
	struct stage stage;
	uint64_t first, second, third;

	stage_open(&stage);
	first = stage_begin_round(&stage);
	second = stage_begin_round(&stage);
	stage_end_round(&stage, first);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.path, "/outcome", "\"gathering\"");
	assert_says(stage.path, "/round/number", "1");

	/* The round that ended last need not be the newest. */
	third = stage_begin_round(&stage);
	stage_end_round(&stage, third);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/outcome", "\"complete\"");
	assert_says(stage.path, "/round/number", "3");
	stage_end_round(&stage, second);
	stage_run(&stage, &stage.written, 3);
	assert_says(stage.path, "/outcome", "\"complete\"");
	assert_says(stage.path, "/round/number", "2");
	stage_clear(&stage);
}

/* ---- what a former run left ---- */

/* A run of one round, in which the first target answers with DATA. */
static void
run_once(struct stage *stage, int data)
{
	stage_begin_round(stage);
	stage_put(stage, 0, data);
	stage_end_round(stage, 1);
	stage_run(stage, &stage->written, 1);
}

/* End the stage's publisher and board, and begin again. */
static void
restart(struct stage *stage)
{
	publisher_free(stage->publisher);
	board_free(stage->board);
	stage->board = board_new(stage->config);
	stage->ready = stage->written = 0;
	stage_start(stage);
	stage_run(stage, &stage->ready, 1);
}

static void
test_a_restart_goes_on_where_the_last_document_was(UNUSED void **state)
{
	struct stage stage;
	int64_t since_ms;
	uint64_t number;

	stage_open(&stage);
	run_once(&stage, 7);
	since_ms = board_entry(stage.board, 0)->since_ms;
	restart(&stage);
	assert_true(stage.is_ready);
	assert_true(board_entry(stage.board, 0)->since_ms == since_ms);
	assert_non_null(board_entry(stage.board, 0)->restored);

	/* While its first round runs it says what was known. */
	number = stage_begin_round(&stage);
	assert_int_equal(number, 2);
	stage_put(&stage, 1, 8);
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.path, "/generation", "2");
	assert_says(stage.path, "/round/number", "3");
	assert_says(stage.path, "/services/t0/data", "7");
	assert_says(stage.path, "/services/t1/data", "8");
	stage_clear(&stage);
}

static void
test_the_round_that_ended_last_may_be_a_former_runs(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	run_once(&stage, 7);
	stage.options.publish_after_ms = 1;
	restart(&stage);
	stage_begin_round(&stage);
	stage_put(&stage, 1, 8);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.path, "/outcome", "\"gathering\"");
	assert_says(stage.path, "/round/number", "1");
	assert_says(stage.path, "/round/duration_ms", "2.0");
	stage_clear(&stage);
}

static void
test_what_is_no_document_is_a_warning_and_is_replaced(UNUSED void **state)
{
	struct stage stage;
	const char *log;

	stage_init(&stage);
	write_file(stage.path, "{\"version\": ");
	stage_start(&stage);
	catch_log();
	stage_run(&stage, &stage.ready, 1);
	log = release_log();
	assert_true(stage.is_ready);
	assert_non_null(strstr(log, "warn could not read DOCUMENT back: "));
	assert_non_null(strstr(log, "; since and failures begin anew\n"));
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.path, "/generation", "1");
	stage_clear(&stage);
}

static void
test_an_empty_file_is_no_loss(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	write_file(stage.path, "");
	stage_start(&stage);
	catch_log();
	stage_run(&stage, &stage.ready, 1);
	assert_string_equal(release_log(), "");
	assert_true(stage.is_ready);
	stage_clear(&stage);
}

/* ---- what fails ---- */

static void
test_an_output_that_cannot_be_written_is_told(UNUSED void **state)
{
	struct stage stage;
	char *missing;

	stage_init(&stage);
	missing = xasprintf("%s/missing/status.json", stage.folder);
	stage.options.places[FORM_DOCUMENT].path = missing;
	catch_log();
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	assert_string_equal(
	    release_log(), "error cannot write DOCUMENT: No such file or directory\n");
	assert_false(stage.is_ready);
	stage_pass_round(&stage); /* is kept for what never comes */
	stage_run_now(&stage);
	assert_int_equal(stage.written, 0);
	free(missing);
	stage_clear(&stage);
}

static void
test_an_opening_that_takes_long_is_told_once(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	fake_disk_hang_locks(1);
	stage_start(&stage);
	fake_disk_wait(1);
	catch_log();
	forward_s += 9;
	stage_run_now(&stage);
	assert_string_equal(release_log(), "");
	catch_log();
	forward_s += 1;
	stage_run_now(&stage);
	forward_s += 3600;
	stage_run_now(&stage);
	assert_string_equal(release_log(), "warn still waiting for DOCUMENT\n");
	assert_int_equal(stage.ready, 0);
	fake_disk_release();
	stage_run(&stage, &stage.ready, 1);
	assert_true(stage.is_ready);
	stage_clear(&stage);
}

static void
test_an_opening_that_is_over_is_not_waited_for(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	catch_log();
	forward_s += 3600;
	stage_run_now(&stage);
	assert_string_equal(release_log(), "");
	stage_clear(&stage);
}

static void
test_a_full_disk_is_told_once_then_hourly_and_made_good(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	assert_string_equal(stage_tell_round(&stage, NULL, 0), "");
	assert_string_equal(stage_tell_round(&stage, NULL, ENOSPC),
	    "error could not write DOCUMENT: No space left on device\n");
	assert_string_equal(stage_tell_round(&stage, NULL, ENOSPC), "");
	assert_says(stage.path, "/generation", "1");
	forward_s += 3599;
	assert_string_equal(stage_tell_round(&stage, NULL, ENOSPC), "");
	forward_s += 1;
	assert_string_equal(stage_tell_round(&stage, NULL, ENOSPC),
	    "error could not write DOCUMENT: No space left on device; 4 documents were "
	    "lost so far\n");
	assert_string_equal(stage_tell_round(&stage, NULL, ENOSPC), "");
	assert_string_equal(stage_tell_round(&stage, NULL, 0),
	    "info DOCUMENT is written again; 5 documents were lost\n");
	assert_says(stage.path, "/generation", "7");

	/* It starts again from the beginning. */
	assert_string_equal(stage_tell_round(&stage, NULL, EIO),
	    "error could not write DOCUMENT: Input/output error\n");
	assert_string_equal(stage_tell_round(&stage, NULL, 0),
	    "info DOCUMENT is written again; 1 document was lost\n");
	stage_clear(&stage);
}

static void
test_each_document_goes_to_standard_output(UNUSED void **state)
{
	struct stage stage;
	struct buffer text;
	int before, caught;

	stage_init(&stage);
	stage.options.places[FORM_DOCUMENT].path = "-";
	caught = open(stage.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	dup2(caught, STDOUT_FILENO);
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	for (int i = 1; i <= 3; i++) {
		stage_pass_round(&stage);
		stage_run(&stage, &stage.written, i);
	}
	dup2(before, STDOUT_FILENO);
	close(before);
	close(caught);

	buffer_init(&text, BUFFER_UNLIMITED);
	assert_true(file_read(stage.path, &text));
	assert_non_null(strstr(text.data, "}\n{\n  \"version\": 1,"));
	assert_non_null(strstr(text.data, "\"generation\": 3,"));
	buffer_clear(&text);
	stage_clear(&stage);
}

/* ---- the end ---- */

/* How long the end takes with whatever the publisher does right now. */
static int64_t
time_end(struct stage *stage)
{
	int64_t begun_us = clock_now_us();

	publisher_free(stage->publisher);
	stage->publisher = NULL;
	return clock_now_us() - begun_us;
}

static void
test_the_end_waits_for_a_document_that_is_being_written(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	stage_pass_round(&stage);
	publisher_free(stage.publisher);
	stage.publisher = NULL;
	assert_says(stage.path, "/generation", "1");
	stage_clear(&stage);
}

static void
test_a_disk_that_hangs_while_it_is_opened_does_not_keep_the_end(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	fake_disk_hang_locks(1);
	stage_start(&stage);
	fake_disk_wait(1);
	assert_in_range(time_end(&stage), 800000, 5000000);
	fake_disk_release_left(stage.folder, 1);
	stage_clear(&stage);
}

static void
test_the_end_comes_before_anything_was_opened(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	stage_start(&stage);
	stage_clear(&stage);
	publisher_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_end_of_a_round_is_published),
		cmocka_unit_test(test_an_outcome_is_published_while_its_round_runs),
		cmocka_unit_test(test_only_whole_rounds_are_published_on_request),
		cmocka_unit_test(
		    test_what_goes_out_before_the_end_of_a_round_is_told_apart),
		cmocka_unit_test(test_only_whole_rounds_go_to_what_is_not_replaced),
		cmocka_unit_test(
		    test_with_fail_fast_nothing_goes_out_but_the_verdict_and_the_end),
		cmocka_unit_test(
		    test_what_goes_on_after_the_verdict_waits_for_a_newer_one),
		cmocka_unit_test(test_what_goes_on_after_the_verdict_is_no_newer_one),
		cmocka_unit_test(test_what_comes_before_the_output_is_open_is_not_lost),
		cmocka_unit_test(
		    test_what_comes_while_the_disk_is_slow_is_in_one_document),
		cmocka_unit_test(test_the_newest_round_says_whether_gathering_goes_on),
		cmocka_unit_test(test_a_restart_goes_on_where_the_last_document_was),
		cmocka_unit_test(test_the_round_that_ended_last_may_be_a_former_runs),
		cmocka_unit_test(test_what_is_no_document_is_a_warning_and_is_replaced),
		cmocka_unit_test(test_an_empty_file_is_no_loss),
		cmocka_unit_test(test_an_output_that_cannot_be_written_is_told),
		cmocka_unit_test_teardown(
		    test_an_opening_that_takes_long_is_told_once, set_clock_back),
		cmocka_unit_test_teardown(
		    test_an_opening_that_is_over_is_not_waited_for, set_clock_back),
		cmocka_unit_test_teardown(
		    test_a_full_disk_is_told_once_then_hourly_and_made_good,
		    set_clock_back),
		cmocka_unit_test(test_each_document_goes_to_standard_output),
		cmocka_unit_test(
		    test_the_end_waits_for_a_document_that_is_being_written),
		cmocka_unit_test(
		    test_a_disk_that_hangs_while_it_is_opened_does_not_keep_the_end),
		cmocka_unit_test(test_the_end_comes_before_anything_was_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
