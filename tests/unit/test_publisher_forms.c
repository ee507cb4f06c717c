#include "publish/publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forms_stage.h"

static void
test_all_forms_are_of_one_snapshot(UNUSED void **state)
{
	struct stage stage;
	struct stat status;

	open_all(&stage);
	stage_pass_round_fully(&stage);
	assert_true(stage.is_written);
	for (int form = 0; form < FORM_COUNT; form++) {
		assert_int_equal(stage.forms[form], 1);
		assert_int_equal(stage.generations[form], 1);
		assert_int_equal(stage.errors[form], 0);
	}
	assert_says(stage.path, "/generation", "1");
	assert_file_is(stage.metrics, FORM_METRICS, 1);
	assert_file_is(stage.page, FORM_PAGE, 1);
	assert_int_equal(stat(stage.metrics, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(stat(stage.page, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);

	stage_pass_round_fully(&stage);
	assert_file_is(stage.metrics, FORM_METRICS, 2);
	assert_file_is(stage.page, FORM_PAGE, 2);
	stage_clear(&stage);
}

static void
test_what_stands_where_metrics_and_page_go_is_not_read(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	set_all_places(&stage);
	write_file(
	    stage.page, "{\"version\": 1, \"status\": \"ok\", \"generation\": 99}");
	write_file(stage.metrics, "{\"version\": ");
	catch_log();
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	assert_string_equal(release_log(), "");
	stage_pass_round_fully(&stage);
	assert_says(stage.path, "/generation", "1");
	assert_file_is(stage.page, FORM_PAGE, 1);
	assert_file_is(stage.metrics, FORM_METRICS, 1);
	stage_clear(&stage);
}

static void
test_vitals_are_asked_for_where_there_are_metrics(UNUSED void **state)
{
	struct stage stage;
	char *text;

	stage_open(&stage);
	stage_pass_round_fully(&stage);
	assert_int_equal(stage.asked_for_vitals, 0);
	set_place(&stage, FORM_METRICS, stage.metrics, "METRICS");
	reload_all(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_int_equal(stage.asked_for_vitals, 1);
	text = text_at_path(stage.metrics);
	assert_non_null(strstr(text, "\ngatherd_rounds_total 4711\n"));
	free(text);
	stage_clear(&stage);
}

static void
test_a_snapshot_has_what_others_than_the_places_want(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	stage.options.wants.samples = true;
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	stage_pass_round_fully(&stage);
	assert_int_equal(stage.asked_for_vitals, 1);
	stage.options.wants.samples = false;
	reload_all(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_int_equal(stage.asked_for_vitals, 1);
	stage_clear(&stage);
}

/* ---- places that are slow ---- */

static void
test_slow_metrics_hold_up_nobody_and_get_the_newest(UNUSED void **state)
{
	struct stage stage;
	char *text;
	int fd;

	init_with_fifo(&stage);
	stage_start_well(&stage);
	for (int i = 1; i <= 4; i++) {
		stage_pass_round(&stage);
		run_documents(&stage, FORM_PAGE, i);
	}
	assert_says(stage.path, "/generation", "4");
	assert_file_is(stage.page, FORM_PAGE, 4);
	assert_int_equal(stage.written, 0);
	assert_int_equal(stage.forms[FORM_METRICS], 0);

	/* The first goes to its end; of those behind it the newest stands for all. */
	fd = open_fifo(stage.metrics);
	run_until(&stage, &stage.forms[FORM_METRICS], 1);
	assert_int_equal(stage.generations[FORM_METRICS], 1);
	assert_int_equal(stage.written, 1);
	run_until(&stage, &stage.forms[FORM_METRICS], 2);
	assert_int_equal(stage.generations[FORM_METRICS], 4);
	assert_int_equal(stage.written, 2);
	assert_true(stage.is_written);
	text = read_fifo(fd);
	assert_is(text, FORM_METRICS, 1);
	assert_is(text, FORM_METRICS, 4);
	assert_null(strstr(text, "gatherd_document_generation 2\n"));
	assert_null(strstr(text, "gatherd_document_generation 3\n"));
	free(text);
	stage_clear(&stage);
}

static void
test_the_report_of_a_document_waits_for_its_metrics_and_its_page(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	pass_round_with_page_hanging(&stage);
	stage_run_now(&stage);
	assert_int_equal(stage.written, 0);
	fake_disk_release();
	stage_run(&stage, &stage.written, 1);
	assert_int_equal(stage.forms[FORM_PAGE], 1);

	/* As well as for the document itself. */
	fake_disk_choose("status.json");
	fake_disk_hang_flushes(1);
	stage_pass_round(&stage);
	run_until(&stage, &stage.forms[FORM_PAGE], 2);
	run_until(&stage, &stage.forms[FORM_METRICS], 2);
	stage_run_now(&stage);
	assert_int_equal(stage.written, 1);
	fake_disk_release();
	stage_run(&stage, &stage.written, 2);
	stage_clear(&stage);
}

static void
test_reports_that_wait_together_say_gathering_only_if_all_were(UNUSED void **state)
{
	struct stage stage;
	uint64_t number;
	int fd;

	init_with_fifo(&stage);
	stage.options.publish_after_ms = 0;
	stage_start_well(&stage);
	/* Two whole ones, and much of the next. */
	for (int i = 1; i <= 2; i++) {
		stage_pass_round(&stage);
		run_documents(&stage, FORM_PAGE, i);
	}
	number = stage_begin_round(&stage);
	for (int i = 3; i < 100; i++) {
		stage_put(&stage, 0, i);
		run_documents(&stage, FORM_PAGE, i);
	}
	assert_says(stage.path, "/outcome", "\"gathering\"");
	/* All but the first wait for the same. */
	fd = open_fifo(stage.metrics);
	stage_run(&stage, &stage.written, 1);
	stage_run(&stage, &stage.written, 2);
	assert_false(stage.is_gathering);
	assert_int_equal(stage.generations[FORM_METRICS], 99);
	stage_end_round(&stage, number);
	free(read_fifo(fd));
	stage_clear(&stage);
}

static void
test_the_end_does_not_wait_for_a_place_that_hangs(UNUSED void **state)
{
	struct stage stage;
	int64_t begun_us;
	int fd;

	init_with_fifo(&stage);
	stage_start_well(&stage);
	stage_pass_round(&stage);
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 1);
	stage_pass_round(&stage); /* its metrics are not begun */
	begun_us = clock_now_us();
	publisher_free(stage.publisher);
	stage.publisher = NULL;
	assert_in_range(clock_now_us() - begun_us, 800000, 5000000);
	assert_says(stage.path, "/generation", "2");

	/* The thread that was left goes on, with a snapshot that nobody else has. */
	fd = open(stage.metrics, O_RDONLY | O_CLOEXEC);
	free(read_fifo(fd));
	stage_clear(&stage);
}

/* ---- what fails ---- */

static void
test_a_form_that_cannot_be_written_is_told_by_its_name(UNUSED void **state)
{
	struct stage stage;
	char *text;

	open_all(&stage);
	assert_string_equal(stage_tell_round(&stage, "page.html", ENOSPC),
	    "error could not write PAGE: No space left on device\n");
	assert_int_equal(stage.errors[FORM_PAGE], ENOSPC);
	assert_int_equal(stage.errors[FORM_DOCUMENT], 0);
	assert_int_equal(stage.errors[FORM_METRICS], 0);
	assert_string_equal(stage_tell_round(&stage, "page.html", ENOSPC), "");
	forward_s += 3600;
	assert_string_equal(stage_tell_round(&stage, "page.html", ENOSPC),
	    "error could not write PAGE: No space left on device; 3 pages were lost so "
	    "far\n");
	assert_string_equal(stage_tell_round(&stage, "page.html", 0),
	    "info PAGE is written again; 3 pages were lost\n");
	assert_int_equal(stage.errors[FORM_PAGE], 0);

	assert_string_equal(stage_tell_round(&stage, "metrics.prom", EIO),
	    "error could not write METRICS: Input/output error\n");
	assert_string_equal(stage_tell_round(&stage, "metrics.prom", 0),
	    "info METRICS is written again; 1 set of metrics was lost\n");

	/* All of these are counted. */
	text = text_at_path(stage.metrics);
	assert_non_null(strstr(text, "\ngatherd_failed_writes_total 4\n"));
	free(text);
	stage_clear(&stage);
}

static void
test_one_place_that_cannot_be_written_is_enough(UNUSED void **state)
{
	struct stage stage;
	char *missing;

	stage_init(&stage);
	set_all_places(&stage);
	missing = xasprintf("%s/missing/page.html", stage.folder);
	set_place(&stage, FORM_PAGE, missing, "PAGE");
	catch_log();
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	while (event_base_loop(stage.base, EVLOOP_NONBLOCK | EVLOOP_ONCE) == 1)
		;
	assert_string_equal(
	    release_log(), "error cannot write PAGE: No such file or directory\n");
	assert_false(stage.is_ready);
	assert_int_equal(stage.ready, 1);
	free(missing);
	stage_clear(&stage);
}

static void
test_two_forms_must_not_lead_to_the_same_file(UNUSED void **state)
{
	struct stage stage;
	char *link_path;

	stage_init(&stage);
	link_path = make_link(&stage, "status.json");
	set_place(&stage, FORM_PAGE, link_path, "PAGE");
	catch_log();
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	assert_string_equal(release_log(),
	    "error cannot write PAGE: it leads to the same place as DOCUMENT\n");
	assert_false(stage.is_ready);
	remove_link(link_path);
	stage_clear(&stage);
}

static void
test_no_form_may_lead_to_the_config(UNUSED void **state)
{
	struct stage stage;
	char *link_path;

	stage_init(&stage);
	set_all_places(&stage);
	write_file(stage.other, "services: {}\n");
	link_path = make_link(&stage, "other.json");
	stage.options.config_path = stage.other;
	set_place(&stage, FORM_PAGE, link_path, "PAGE");
	catch_log();
	stage_start(&stage);
	stage_run(&stage, &stage.ready, 1);
	assert_log(
	    "error cannot write PAGE: it leads to ", stage.other, ", the config\n");
	assert_false(stage.is_ready);
	remove_link(link_path);
	stage_clear(&stage);
}

/* ---- places that open late ---- */

static void
test_a_page_that_opens_late_is_not_waited_for(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage);
	set_all_places(&stage);
	fake_disk_choose("page.html");
	fake_disk_hang_locks(1);
	stage_start(&stage);
	fake_disk_wait(1);
	/* Each has an event of its writer, and one that of its patience. */
	while (event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED) >
	    FORM_COUNT + 1)
		event_base_loop(stage.base, EVLOOP_ONCE);
	stage_pass_round(&stage);
	catch_log();
	forward_s += 9;
	stage_run_now(&stage);
	assert_int_equal(stage.ready, 0);
	forward_s += 1;
	run_until(&stage, &stage.ready, 1);
	assert_string_equal(release_log(), "warn still waiting for PAGE\n");
	assert_true(stage.is_ready);
	run_documents(&stage, FORM_METRICS, 1);
	stage_pass_round(&stage);
	run_documents(&stage, FORM_METRICS, 2);
	assert_says(stage.path, "/generation", "2");
	assert_int_equal(stage.written, 0);

	/* Not even by a reload that leaves it where it is. */
	assert_true(prepare_all(&stage));
	publisher_forget(stage.publisher);
	fake_disk_release();
	stage_run(&stage, &stage.written, 1);
	assert_int_equal(stage.generations[FORM_PAGE], 2);
	assert_file_is(stage.page, FORM_PAGE, 2);
	stage_clear(&stage);
}

static void
test_what_cannot_be_opened_after_all_is_given_up(UNUSED void **state)
{
	enum snapshot_form late;
	struct stage stage;
	char *link_path;

	/* Whichever of the two is later finds the other there. */
	stage_init(&stage);
	link_path = make_link(&stage, "metrics.prom");
	set_place(&stage, FORM_METRICS, stage.metrics, "METRICS");
	set_place(&stage, FORM_PAGE, link_path, "PAGE");
	fake_disk_choose("metrics.prom");
	fake_disk_hang_locks(1);
	stage_start(&stage);
	fake_disk_wait(1);
	stage_pass_round(&stage);
	forward_s += 10;
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 1);
	while (stage.forms[FORM_METRICS] + stage.forms[FORM_PAGE] == 0)
		event_base_loop(stage.base, EVLOOP_ONCE);
	late = stage.forms[FORM_PAGE] == 0 ? FORM_PAGE : FORM_METRICS;
	assert_int_equal(stage.written, 0);

	catch_log();
	fake_disk_release();
	stage_run(&stage, &stage.written, 1);
	assert_string_equal(release_log(),
	    late == FORM_PAGE
	        ? "error cannot write PAGE: it leads to the same place as METRICS\n"
	        : "error cannot write METRICS: it leads to the same place as PAGE\n");
	assert_false(stage.is_written);
	assert_int_equal(stage.errors[late], EEXIST);

	/* From now on there are two. */
	stage_pass_round_fully(&stage);
	assert_true(stage.is_written);
	assert_int_equal(stage.forms[late], 1);
	remove_link(link_path);
	stage_clear(&stage);
}

static void
test_what_leads_to_the_config_after_all_is_given_up(UNUSED void **state)
{
	struct stage stage;
	char *link_path;

	stage_init(&stage);
	write_file(stage.other, "services: {}\n");
	link_path = make_link(&stage, "other.json");
	stage.options.config_path = stage.other;
	set_place(&stage, FORM_METRICS, link_path, "METRICS");
	fake_disk_choose("other.json");
	fake_disk_hang_locks(1);
	stage_start(&stage);
	fake_disk_wait(1);
	stage_pass_round(&stage);
	forward_s += 10;
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 1);
	assert_true(stage.is_ready);

	catch_log();
	fake_disk_release();
	stage_run(&stage, &stage.written, 1);
	assert_log(
	    "error cannot write METRICS: it leads to ", stage.other, ", the config\n");
	assert_false(stage.is_written);
	assert_int_equal(stage.errors[FORM_METRICS], EEXIST);
	stage_pass_round_fully(&stage);
	assert_true(stage.is_written);
	assert_holds(stage.other, "services: {}\n");
	remove_link(link_path);
	stage_clear(&stage);
}

/* ---- the end from inside ---- */

static void
free_in_form(UNUSED enum snapshot_form form, UNUSED struct snapshot *snapshot,
    UNUSED int error_number, void *arg)
{
	struct stage *stage = arg;

	stage->forms[0]++;
	publisher_free(stage->publisher);
	stage->publisher = NULL;
}

static void
test_the_end_may_come_from_inside_a_forms_report(UNUSED void **state)
{
	struct stage stage;
	const struct publisher_events events = {
		.on_ready = stage_on_ready,
		.on_written = stage_on_written,
		.on_form = free_in_form,
		.arg = &stage,
	};

	stage_init(&stage);
	set_all_places(&stage);
	stage.publisher =
	    publisher_new(stage.base, stage.board, &stage.options, &events);
	stage_run(&stage, &stage.ready, 1);
	stage_pass_round(&stage);
	stage_run(&stage, &stage.forms[0], 1);
	assert_null(stage.publisher);
	assert_int_equal(stage.written, 0);
	stage_clear(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_forms_are_of_one_snapshot),
		cmocka_unit_test(
		    test_what_stands_where_metrics_and_page_go_is_not_read),
		cmocka_unit_test(test_vitals_are_asked_for_where_there_are_metrics),
		cmocka_unit_test(test_a_snapshot_has_what_others_than_the_places_want),
		cmocka_unit_test(test_slow_metrics_hold_up_nobody_and_get_the_newest),
		cmocka_unit_test(
		    test_the_report_of_a_document_waits_for_its_metrics_and_its_page),
		cmocka_unit_test(
		    test_reports_that_wait_together_say_gathering_only_if_all_were),
		cmocka_unit_test(test_the_end_does_not_wait_for_a_place_that_hangs),
		cmocka_unit_test_teardown(
		    test_a_form_that_cannot_be_written_is_told_by_its_name,
		    set_clock_back),
		cmocka_unit_test(test_one_place_that_cannot_be_written_is_enough),
		cmocka_unit_test(test_two_forms_must_not_lead_to_the_same_file),
		cmocka_unit_test(test_no_form_may_lead_to_the_config),
		cmocka_unit_test_teardown(
		    test_a_page_that_opens_late_is_not_waited_for, set_clock_back),
		cmocka_unit_test_teardown(
		    test_what_cannot_be_opened_after_all_is_given_up, set_clock_back),
		cmocka_unit_test_teardown(
		    test_what_leads_to_the_config_after_all_is_given_up,
		    set_clock_back),
		cmocka_unit_test(test_the_end_may_come_from_inside_a_forms_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
