#include "publish/publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "publisher_stage.h"

/* A config comes that says PATH; returns whether that can be written. */
static bool
prepare(struct stage *stage, const char *path)
{
	int ready = stage->ready;

	stage->options.places[FORM_DOCUMENT].path = path;
	publisher_prepare(stage->publisher, &stage->options);
	assert_int_equal(stage->ready, ready); /* never from inside */
	stage_run(stage, &stage->ready, ready + 1);
	return stage->is_ready;
}

static void
reload_to(struct stage *stage, const char *path)
{
	assert_true(prepare(stage, path));
	publisher_reload(stage->publisher);
}

static void
test_a_reload_is_published_at_once(UNUSED void **state)
{
	struct config *fewer = stage_config(1);
	struct stage stage;

	stage_open(&stage);
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 1);
	assert_true(prepare(&stage, stage.path));
	board_reload(stage.board, fewer);
	publisher_reload(stage.publisher);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "2");
	assert_says(stage.path, "/counts/total", "1");
	stage_clear(&stage);
	stage_config_free(fewer);
}

static void
test_a_reload_changes_how_documents_are_written(UNUSED void **state)
{
	struct stage stage;
	struct stat status;

	stage_open(&stage);
	stage.options.mode = 0604;
	stage.options.sync = false;
	stage.options.publish_after_ms = 1;
	fake_disk_fill(EIO); /* without a flush nobody notices */
	reload_to(&stage, stage.path);
	stage_run(&stage, &stage.written, 1);
	assert_true(stage.is_written);
	assert_int_equal(stat(stage.path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0604);
	stage_put(&stage, 0, 7);
	stage_run(&stage, &stage.written, 2);
	fake_disk_fill(0);
	assert_says(stage.path, "/services/t0/data", "7");
	stage_clear(&stage);
}

static void
test_nothing_changes_before_the_reload(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	assert_true(prepare(&stage, stage.other));
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.path, "/generation", "1");
	assert_int_equal(access(stage.other, F_OK), -1);

	publisher_forget(stage.publisher);
	publisher_forget(stage.publisher); /* nothing is left to forget */
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "2");
	stage_clear(&stage);
}

static void
test_documents_go_to_another_file_after_a_reload(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 1);
	/* What stands there is no business of this run. */
	write_file(
	    stage.other, "{\"version\": 1, \"status\": \"ok\", \"generation\": 99}");
	reload_to(&stage, stage.other);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "1");
	assert_says(stage.other, "/generation", "2");
	assert_int_equal(publisher_next_round(stage.publisher), 2);
	stage_clear(&stage);
}

static void
test_an_output_that_cannot_be_written_changes_nothing(UNUSED void **state)
{
	struct stage stage;
	char *missing;

	stage_open(&stage);
	missing = xasprintf("%s/missing/status.json", stage.folder);
	stage.options.places[FORM_DOCUMENT].shown = "ELSEWHERE";
	catch_log();
	assert_false(prepare(&stage, missing));
	assert_string_equal(
	    release_log(), "error cannot write ELSEWHERE: No such file or directory\n");
	publisher_forget(stage.publisher);
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.path, "/generation", "1");
	assert_true(prepare(&stage, stage.path));
	publisher_forget(stage.publisher);
	free(missing);
	stage_clear(&stage);
}

static void
test_a_lack_of_descriptors_is_told_like_any_other_fault(UNUSED void **state)
{
	struct rlimit before, none;
	struct stage stage;
	bool ready;

	stage_open(&stage);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	catch_log();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ready = prepare(&stage, stage.other);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_false(ready);
	assert_string_equal(
	    release_log(), "error cannot write DOCUMENT: Too many open files\n");
	publisher_forget(stage.publisher);
	stage_clear(&stage);
}

static void
test_what_was_prepared_may_be_forgotten_before_it_reports(UNUSED void **state)
{
	struct stage stage;
	char *detour, *longer;

	stage_open(&stage);
	detour = xasprintf("%s/./other.json", stage.folder);
	longer = xasprintf("%s/././other.json", stage.folder);
	stage.options.places[FORM_DOCUMENT].path = stage.path;
	publisher_prepare(stage.publisher, &stage.options);
	publisher_forget(stage.publisher);
	stage.options.places[FORM_DOCUMENT].path = stage.other;
	publisher_prepare(stage.publisher, &stage.options);
	publisher_forget(stage.publisher);
	stage.options.places[FORM_DOCUMENT].path = detour;
	fake_disk_hang_locks(1);
	publisher_prepare(stage.publisher, &stage.options);
	fake_disk_wait(1);
	publisher_forget(stage.publisher);

	/* Its report, and nobody else's, is missing. */
	assert_true(prepare(&stage, longer));
	assert_int_equal(stage.ready, 2);
	fake_disk_release_left(stage.folder, 1);
	stage_run_now(&stage);
	publisher_reload(stage.publisher);
	stage_run(&stage, &stage.written, 1);
	assert_int_equal(stage.ready, 2);
	assert_says(stage.other, "/generation", "1");
	free(detour);
	free(longer);
	stage_clear(&stage);
}

static void
test_a_disk_that_hangs_is_not_tried_again_and_again(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	stage.options.places[FORM_DOCUMENT].path = stage.other;
	stage.options.places[FORM_DOCUMENT].shown = "ELSEWHERE";
	fake_disk_hang_locks(1);
	publisher_prepare(stage.publisher, &stage.options);
	fake_disk_wait(1);
	publisher_forget(stage.publisher);
	catch_log();
	for (int i = 0; i < 3; i++) {
		assert_false(prepare(&stage, stage.other));
		publisher_forget(stage.publisher);
	}
	assert_string_equal(release_log(),
	    "error cannot write ELSEWHERE: the last try is still waiting for it\n"
	    "error cannot write ELSEWHERE: the last try is still waiting for it\n"
	    "error cannot write ELSEWHERE: the last try is still waiting for it\n");
	/* The place that is in use is no matter of that. */
	assert_true(prepare(&stage, stage.path));
	publisher_forget(stage.publisher);

	/* When it is over, somehow, it can be tried anew. */
	fake_disk_release_left(stage.folder, 1);
	while (!prepare(&stage, stage.other))
		publisher_forget(stage.publisher);
	publisher_reload(stage.publisher);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.other, "/generation", "1");
	stage_clear(&stage);
}

static void
test_a_reload_leads_away_from_a_disk_that_hangs(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	fake_disk_hang_flushes(1);
	stage_pass_round(&stage);
	fake_disk_wait(1);
	reload_to(&stage, stage.other);
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.other, "/generation", "2");
	assert_int_equal(access(stage.path, F_OK), -1);

	/* What was on its way still arrives; nobody is told. */
	fake_disk_release_left(stage.folder, 1);
	assert_says(stage.path, "/generation", "1");
	stage_run_now(&stage);
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "1");
	stage_clear(&stage);
}

static void
test_the_same_file_by_another_name_waits_for_the_document_before(UNUSED void **state)
{
	struct stage stage;
	char *link_path;

	stage_open(&stage);
	link_path = xasprintf("%s/link.json", stage.folder);
	assert_int_equal(symlink("status.json", link_path), 0);
	fake_disk_hang_flushes(1);
	stage_pass_round(&stage);
	fake_disk_wait(1);
	reload_to(&stage, link_path);
	stage_run_now(&stage);
	assert_int_equal(stage.written, 0);
	fake_disk_release();
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "2");
	unlink(link_path);
	free(link_path);
	stage_clear(&stage);
}

static void
test_a_way_back_finds_the_document_that_is_still_being_written(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	fake_disk_hang_flushes(1);
	stage_pass_round(&stage);
	fake_disk_wait(1);
	reload_to(&stage, stage.other);
	stage_run(&stage, &stage.written, 1);
	reload_to(&stage, stage.path);
	stage_run_now(&stage);
	assert_int_equal(stage.written, 1);

	/* Nobody is told of one that is older than what was told of last. */
	fake_disk_release();
	stage_run(&stage, &stage.written, 2);
	assert_int_equal(stage.forms[FORM_DOCUMENT], 2);
	assert_int_equal(stage.generations[FORM_DOCUMENT], 3);
	assert_says(stage.path, "/generation", "3");
	assert_says(stage.other, "/generation", "2");
	stage_clear(&stage);
}

static void
test_a_new_output_has_no_failures_of_the_old_one(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	fake_disk_fill(ENOSPC);
	catch_log();
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 1);
	fake_disk_fill(0);
	reload_to(&stage, stage.other);
	stage_run(&stage, &stage.written, 2);
	assert_string_equal(
	    release_log(), "error could not write DOCUMENT: No space left on device\n");
	stage_clear(&stage);
}

/* As the daemon does it. */
static void
reload_in_report(bool ready, void *arg)
{
	struct stage *stage = arg;

	stage_on_ready(ready, arg);
	if (stage->ready > 1)
		publisher_reload(stage->publisher);
}

static void
test_a_reload_may_come_from_inside_the_report(UNUSED void **state)
{
	const struct publisher_events events = {
		.on_ready = reload_in_report,
		.on_written = stage_on_written,
	};
	struct publisher_events heard = events;
	struct stage stage;
	char *detour;

	stage_init(&stage);
	heard.arg = &stage;
	stage.publisher =
	    publisher_new(stage.base, stage.board, &stage.options, &heard);
	stage_run(&stage, &stage.ready, 1);
	assert_true(prepare(&stage, stage.path));
	stage_run(&stage, &stage.written, 1);
	assert_true(prepare(&stage, stage.other));
	stage_run(&stage, &stage.written, 2);
	detour = xasprintf("%s/./other.json", stage.folder);
	assert_true(prepare(&stage, detour));
	stage_run(&stage, &stage.written, 3);
	assert_says(stage.other, "/generation", "3");
	free(detour);
	stage_clear(&stage);
}

/* The end comes in the midst of it all. */
static void
free_in_report(UNUSED bool good, void *arg)
{
	struct stage *stage = arg;

	stage->ready++;
	publisher_free(stage->publisher);
	stage->publisher = NULL;
}

static void
free_in_report_of_writing(bool written, UNUSED bool gathering, void *arg)
{
	free_in_report(written, arg);
}

static void
test_the_end_may_come_from_inside_a_report(UNUSED void **state)
{
	struct stage stage;
	const struct publisher_events at_start = { .on_ready = free_in_report,
		.arg = &stage };
	const struct publisher_events later = { .on_ready = stage_on_ready,
		.on_written = free_in_report_of_writing,
		.arg = &stage };

	stage_init(&stage);
	stage.publisher =
	    publisher_new(stage.base, stage.board, &stage.options, &at_start);
	stage_run(&stage, &stage.ready, 1);
	stage.publisher =
	    publisher_new(stage.base, stage.board, &stage.options, &later);
	stage_pass_round(&stage);
	stage_run(&stage, &stage.ready, 3);
	assert_null(stage.publisher);
	stage_clear(&stage);
}

static void
test_several_disks_that_hang_keep_the_end_once(UNUSED void **state)
{
	struct stage stage;
	int64_t begun_us, took_us;
	char *detour;

	/* One that was forgotten while it was opened, and one that is still wanted. */
	stage_open(&stage);
	stage.options.places[FORM_DOCUMENT].path = stage.other;
	fake_disk_hang_locks(2);
	publisher_prepare(stage.publisher, &stage.options);
	publisher_forget(stage.publisher);
	detour = xasprintf("%s/./other.json", stage.folder);
	stage.options.places[FORM_DOCUMENT].path = detour;
	publisher_prepare(stage.publisher, &stage.options);
	fake_disk_wait(2);

	begun_us = clock_now_us();
	publisher_free(stage.publisher);
	took_us = clock_now_us() - begun_us;
	stage.publisher = NULL;
	assert_in_range(took_us, 800000, 1500000);
	fake_disk_release_left(stage.folder, 2);
	free(detour);
	stage_clear(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reload_is_published_at_once),
		cmocka_unit_test(test_a_reload_changes_how_documents_are_written),
		cmocka_unit_test(test_nothing_changes_before_the_reload),
		cmocka_unit_test(test_documents_go_to_another_file_after_a_reload),
		cmocka_unit_test(test_an_output_that_cannot_be_written_changes_nothing),
		cmocka_unit_test(
		    test_a_lack_of_descriptors_is_told_like_any_other_fault),
		cmocka_unit_test(
		    test_what_was_prepared_may_be_forgotten_before_it_reports),
		cmocka_unit_test(test_a_disk_that_hangs_is_not_tried_again_and_again),
		cmocka_unit_test(test_a_reload_leads_away_from_a_disk_that_hangs),
		cmocka_unit_test(
		    test_the_same_file_by_another_name_waits_for_the_document_before),
		cmocka_unit_test(
		    test_a_way_back_finds_the_document_that_is_still_being_written),
		cmocka_unit_test(test_a_new_output_has_no_failures_of_the_old_one),
		cmocka_unit_test(test_a_reload_may_come_from_inside_the_report),
		cmocka_unit_test(test_the_end_may_come_from_inside_a_report),
		cmocka_unit_test(test_several_disks_that_hang_keep_the_end_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
