#include "publish/publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forms_stage.h"

static void
test_a_reload_adds_metrics_and_a_page(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	stage_pass_round_fully(&stage);
	set_all_places(&stage);
	reload_all(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_file_is(stage.metrics, FORM_METRICS, 2);
	assert_file_is(stage.page, FORM_PAGE, 2);
	stage_clear(&stage);
}

static void
test_a_reload_removes_them(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	stage_pass_round_fully(&stage);
	set_place(&stage, FORM_METRICS, NULL, NULL);
	set_place(&stage, FORM_PAGE, NULL, NULL);
	reload_all(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_int_equal(stage.forms[FORM_DOCUMENT], 2);
	assert_int_equal(stage.forms[FORM_METRICS], 1);
	assert_int_equal(stage.forms[FORM_PAGE], 1);
	assert_file_is(stage.metrics, FORM_METRICS, 1);
	assert_file_is(stage.page, FORM_PAGE, 1);
	stage_clear(&stage);
}

static void
test_a_reload_moves_one_and_leaves_the_others(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	stage_pass_round_fully(&stage);
	set_place(&stage, FORM_PAGE, stage.other, "OTHER");
	assert_true(prepare_all(&stage));
	stage_pass_round_fully(&stage); /* nothing changes before */
	assert_file_is(stage.page, FORM_PAGE, 2);
	assert_int_equal(access(stage.other, F_OK), -1);
	publisher_reload(stage.publisher);
	stage_run(&stage, &stage.written, 3);
	assert_says(stage.path, "/generation", "3");
	assert_file_is(stage.metrics, FORM_METRICS, 3);
	assert_file_is(stage.other, FORM_PAGE, 3);
	assert_file_is(stage.page, FORM_PAGE, 2);
	stage_clear(&stage);
}

static void
test_what_was_prepared_for_all_is_forgotten(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	set_all_places(&stage);
	assert_true(prepare_all(&stage));
	publisher_forget(stage.publisher);
	stage_pass_round_fully(&stage);
	assert_int_equal(access(stage.metrics, F_OK), -1);
	assert_int_equal(stage.forms[FORM_PAGE], 0);

	/* Also while one is still being opened. */
	fake_disk_choose("page.html");
	fake_disk_hang_locks(1);
	publisher_prepare(stage.publisher, &stage.options);
	fake_disk_wait(1);
	publisher_forget(stage.publisher);
	set_place(&stage, FORM_METRICS, stage.other, "OTHER");
	set_place(&stage, FORM_PAGE, NULL, NULL);
	reload_all(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_int_equal(stage.ready, 3);
	assert_file_is(stage.other, FORM_METRICS, 2);
	assert_int_equal(access(stage.metrics, F_OK), -1);
	fake_disk_release_left(stage.folder, 1);
	stage_run_now(&stage);
	assert_int_equal(stage.ready, 3);
	stage_clear(&stage);
}

static void
test_all_are_ready_or_none_is(UNUSED void **state)
{
	struct stage stage;
	char *missing;
	int events;

	stage_open(&stage);
	events = event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED);
	missing = xasprintf("%s/missing/metrics.prom", stage.folder);
	set_all_places(&stage);
	set_place(&stage, FORM_METRICS, missing, "METRICS");
	catch_log();
	assert_false(prepare_all(&stage));
	assert_string_equal(
	    release_log(), "error cannot write METRICS: No such file or directory\n");
	publisher_forget(stage.publisher);
	/* The page's place may still be tried, and is not tried twice at a time. */
	while (event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED) > events)
		event_base_loop(stage.base, EVLOOP_ONCE);
	stage_pass_round_fully(&stage);
	assert_int_equal(access(stage.page, F_OK), -1);

	set_place(&stage, FORM_METRICS, stage.metrics, "METRICS");
	reload_all(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_file_is(stage.page, FORM_PAGE, 2);
	free(missing);
	stage_clear(&stage);
}

static void
test_a_preparation_waits_for_all(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	set_all_places(&stage);
	fake_disk_choose("page.html");
	fake_disk_hang_locks(1);
	publisher_prepare(stage.publisher, &stage.options);
	fake_disk_wait(1);
	stage_pass_round_fully(&stage);
	stage_pass_round_fully(&stage);
	assert_int_equal(stage.ready, 1);
	fake_disk_release();
	stage_run(&stage, &stage.ready, 2);
	assert_true(stage.is_ready);
	publisher_reload(stage.publisher);
	stage_run(&stage, &stage.written, 3);
	assert_file_is(stage.page, FORM_PAGE, 3);
	stage_clear(&stage);
}

static void
test_two_forms_must_not_meet_after_a_reload(UNUSED void **state)
{
	struct stage stage;
	char *link_path;

	/* With one that stays where it is, and with one that comes, too. */
	stage_open(&stage);
	link_path = make_link(&stage, stage.path);
	set_place(&stage, FORM_METRICS, link_path, "LINK");
	catch_log();
	assert_false(prepare_all(&stage));
	assert_string_equal(release_log(),
	    "error cannot write LINK: it leads to the same place as DOCUMENT\n");
	publisher_forget(stage.publisher);
	remove_link(link_path);

	link_path = make_link(&stage, stage.page);
	set_place(&stage, FORM_METRICS, link_path, "LINK");
	set_place(&stage, FORM_PAGE, stage.page, "PAGE");
	catch_log();
	assert_false(prepare_all(&stage));
	assert_string_equal(release_log(),
	    "error cannot write PAGE: it leads to the same place as LINK\n");
	publisher_forget(stage.publisher);
	remove_link(link_path);
	stage_pass_round_fully(&stage);
	assert_says(stage.path, "/generation", "1");
	stage_clear(&stage);
}

static void
test_no_form_may_come_to_the_config_by_a_reload(UNUSED void **state)
{
	struct stage stage;
	char *link_path;

	stage_init(&stage);
	write_file(stage.other, "services: {}\n");
	link_path = make_link(&stage, stage.other);
	stage.options.config_path = stage.other;
	stage_start_well(&stage);
	set_place(&stage, FORM_PAGE, link_path, "PAGE");
	catch_log();
	assert_false(prepare_all(&stage));
	assert_log(
	    "error cannot write PAGE: it leads to ", stage.other, ", the config\n");
	publisher_forget(stage.publisher);
	stage_pass_round_fully(&stage);
	assert_int_equal(stage.forms[FORM_PAGE], 0);
	assert_holds(stage.other, "services: {}\n");
	remove_link(link_path);
	stage_clear(&stage);
}

static void
test_the_same_page_by_another_name_goes_on(UNUSED void **state)
{
	struct stage stage;
	char *link_path;

	open_all(&stage);
	link_path = make_link(&stage, stage.page);
	pass_round_with_page_hanging(&stage);
	set_place(&stage, FORM_PAGE, link_path, "LINK");
	reload_all(&stage);
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 2);
	assert_int_equal(stage.written, 0);

	/* What was on its way is told, as the one after it. */
	fake_disk_release();
	run_until(&stage, &stage.written, 2);
	assert_int_equal(stage.forms[FORM_PAGE], 2);
	assert_file_is(stage.page, FORM_PAGE, 2);
	remove_link(link_path);
	stage_clear(&stage);
}

static void
test_a_reload_leads_away_from_a_page_that_hangs(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	pass_round_with_page_hanging(&stage);
	stage_pass_round(&stage); /* its page waits */
	run_documents(&stage, FORM_METRICS, 2);
	set_place(&stage, FORM_PAGE, stage.other, "OTHER");
	reload_all(&stage);
	stage_run(&stage, &stage.written, 1);
	assert_file_is(stage.other, FORM_PAGE, 3);
	assert_int_equal(stage.forms[FORM_PAGE], 1);

	/* What was on its way still arrives; nobody is told. */
	fake_disk_release_left(stage.folder, 1);
	stage_run_now(&stage);
	assert_file_is(stage.page, FORM_PAGE, 1);
	assert_int_equal(stage.forms[FORM_PAGE], 1);
	stage_pass_round_fully(&stage);
	assert_file_is(stage.page, FORM_PAGE, 1);
	stage_clear(&stage);
}

static void
test_a_page_that_is_gone_is_not_waited_for(UNUSED void **state)
{
	struct stage stage;
	int fd;

	/* While the metrics of the same snapshot still are. */
	init_with_fifo(&stage);
	stage_start_well(&stage);
	fake_disk_choose("page.html");
	fake_disk_hang_flushes(1);
	stage_pass_round(&stage);
	fake_disk_wait(1);
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 1);
	set_place(&stage, FORM_PAGE, NULL, NULL);
	reload_all(&stage);
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 2);
	fd = open_fifo(stage.metrics);
	run_until(&stage, &stage.forms[FORM_METRICS], 2);
	assert_int_equal(stage.written, 1);
	fake_disk_release_left(stage.folder, 1);
	stage_run_now(&stage);
	assert_int_equal(stage.written, 1);
	free(read_fifo(fd));
	stage_clear(&stage);
}

static void
test_two_forms_may_change_places(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	stage_pass_round_fully(&stage);
	set_place(&stage, FORM_METRICS, stage.page, "PAGE");
	set_place(&stage, FORM_PAGE, stage.metrics, "METRICS");
	reload_all(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_file_is(stage.page, FORM_METRICS, 2);
	assert_file_is(stage.metrics, FORM_PAGE, 2);

	/* The document, too. */
	set_place(&stage, FORM_DOCUMENT, stage.metrics, "METRICS");
	set_place(&stage, FORM_PAGE, stage.path, "DOCUMENT");
	reload_all(&stage);
	stage_run(&stage, &stage.written, 3);
	assert_says(stage.metrics, "/generation", "3");
	assert_file_is(stage.page, FORM_METRICS, 3);
	assert_file_is(stage.path, FORM_PAGE, 3);
	stage_clear(&stage);
}

static void
test_who_takes_anothers_place_waits_for_what_is_being_written_there(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	pass_round_with_page_hanging(&stage);
	stage_pass_round(&stage); /* its page is never written */
	run_documents(&stage, FORM_METRICS, 2);
	set_place(&stage, FORM_METRICS, stage.page, "PAGE");
	set_place(&stage, FORM_PAGE, stage.metrics, "METRICS");
	reload_all(&stage);
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 3);
	run_until(&stage, &stage.forms[FORM_PAGE], 1);
	assert_file_is(stage.metrics, FORM_PAGE, 3);
	assert_int_equal(stage.written, 0);

	fake_disk_release();
	stage_run(&stage, &stage.written, 1);
	assert_file_is(stage.page, FORM_METRICS, 3);
	/* The page that came in between was told to nobody. */
	assert_int_equal(stage.forms[FORM_PAGE], 1);
	assert_int_equal(stage.generations[FORM_METRICS], 3);
	stage_clear(&stage);
}

static void
test_a_document_waits_for_a_page_at_its_new_place(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	pass_round_with_page_hanging(&stage);
	set_place(&stage, FORM_DOCUMENT, stage.page, "PAGE");
	set_place(&stage, FORM_PAGE, NULL, NULL);
	reload_all(&stage);
	stage_run_now(&stage);
	assert_int_equal(stage.forms[FORM_DOCUMENT], 1);
	fake_disk_release();
	stage_run(&stage, &stage.written, 1);
	assert_says(stage.page, "/generation", "2");
	stage_clear(&stage);
}

static void
test_a_page_that_was_left_may_come_back(UNUSED void **state)
{
	struct stage stage;

	open_all(&stage);
	pass_round_with_page_hanging(&stage);
	set_place(&stage, FORM_PAGE, NULL, NULL);
	reload_all(&stage);
	stage_run(&stage, &stage.written, 1);
	set_place(&stage, FORM_PAGE, stage.page, "PAGE");
	reload_all(&stage);
	run_until(&stage, &stage.forms[FORM_DOCUMENT], 3);
	assert_int_equal(stage.forms[FORM_PAGE], 0);
	fake_disk_release();
	stage_run(&stage, &stage.written, 2);
	assert_int_equal(stage.forms[FORM_PAGE], 1);
	assert_file_is(stage.page, FORM_PAGE, 3);
	stage_clear(&stage);
}

static void
test_a_page_that_hangs_is_not_tried_again_and_again(UNUSED void **state)
{
	struct stage stage;

	stage_open(&stage);
	set_place(&stage, FORM_PAGE, stage.page, "PAGE");
	fake_disk_choose("page.html");
	fake_disk_hang_locks(1);
	publisher_prepare(stage.publisher, &stage.options);
	fake_disk_wait(1);
	publisher_forget(stage.publisher);
	catch_log();
	assert_false(prepare_all(&stage));
	assert_string_equal(release_log(),
	    "error cannot write PAGE: the last try is still waiting for it\n");
	publisher_forget(stage.publisher);
	fake_disk_release();
	while (!prepare_all(&stage))
		publisher_forget(stage.publisher);
	publisher_reload(stage.publisher);
	stage_run(&stage, &stage.written, 1);
	assert_file_is(stage.page, FORM_PAGE, 1);
	stage_clear(&stage);
}

/* Reload to the stage's options when a document was written. */
static void
reload_in_report(bool written, bool gathering, void *arg)
{
	struct stage *stage = arg;

	stage_on_written(written, gathering, arg);
	if (stage->written == 1)
		publisher_reload(stage->publisher);
}

static void
test_a_reload_may_come_from_inside_the_report_of_a_document(UNUSED void **state)
{
	struct stage stage;
	const struct publisher_events events = {
		.on_ready = stage_on_ready,
		.on_written = reload_in_report,
		.on_form = stage_on_form,
		.arg = &stage,
	};

	stage_init(&stage);
	set_all_places(&stage);
	stage.publisher =
	    publisher_new(stage.base, stage.board, &stage.options, &events);
	stage_run(&stage, &stage.ready, 1);
	set_place(&stage, FORM_DOCUMENT, stage.other, "OTHER");
	set_place(&stage, FORM_METRICS, NULL, NULL);
	assert_true(prepare_all(&stage));
	stage_pass_round(&stage);
	stage_run(&stage, &stage.written, 2);
	assert_says(stage.path, "/generation", "1");
	assert_says(stage.other, "/generation", "2");
	assert_file_is(stage.metrics, FORM_METRICS, 1);
	assert_file_is(stage.page, FORM_PAGE, 2);
	stage_clear(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reload_adds_metrics_and_a_page),
		cmocka_unit_test(test_a_reload_removes_them),
		cmocka_unit_test(test_a_reload_moves_one_and_leaves_the_others),
		cmocka_unit_test(test_what_was_prepared_for_all_is_forgotten),
		cmocka_unit_test(test_all_are_ready_or_none_is),
		cmocka_unit_test(test_a_preparation_waits_for_all),
		cmocka_unit_test(test_two_forms_must_not_meet_after_a_reload),
		cmocka_unit_test(test_no_form_may_come_to_the_config_by_a_reload),
		cmocka_unit_test(test_the_same_page_by_another_name_goes_on),
		cmocka_unit_test(test_a_reload_leads_away_from_a_page_that_hangs),
		cmocka_unit_test(test_a_page_that_is_gone_is_not_waited_for),
		cmocka_unit_test(test_two_forms_may_change_places),
		cmocka_unit_test(
		    test_who_takes_anothers_place_waits_for_what_is_being_written_there),
		cmocka_unit_test(test_a_document_waits_for_a_page_at_its_new_place),
		cmocka_unit_test(test_a_page_that_was_left_may_come_back),
		cmocka_unit_test(test_a_page_that_hangs_is_not_tried_again_and_again),
		cmocka_unit_test(
		    test_a_reload_may_come_from_inside_the_report_of_a_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
