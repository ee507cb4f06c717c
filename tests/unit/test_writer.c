#include "publish/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "writer_stage.h"

static void
test_a_snapshot_becomes_a_file_with_its_mode(UNUSED void **state)
{
	struct stage stage;
	struct stat status;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, stage.path), 0);
	assert_int_equal(put(&stage), 0);
	assert_false(writer_busy(stage.writer));
	assert_int_equal(stat(stage.path, &status), 0);
	assert_int_equal(status.st_size, document_bytes(&stage));
	assert_int_equal(status.st_mode & 07777, 0640);
	tear_down(&stage);
}

static void
test_each_order_has_its_own_mode(UNUSED void **state)
{
	const struct writer_manner other = { .mode = 0604, .sync = false };
	struct stage stage;
	struct stat status;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, stage.path), 0);
	assert_int_equal(put(&stage), 0);
	fake_disk_fill(EIO); /* without a flush nobody notices */
	writer_put(stage.writer, stage.snapshot, FORM_DOCUMENT, &other);
	event_base_dispatch(stage.base);
	fake_disk_fill(0);
	assert_int_equal(stage.error_number, 0);
	assert_int_equal(stat(stage.path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0604);
	tear_down(&stage);
}

static void
test_the_previous_document_is_handed_over(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make_file(stage.path, "{\"version\": 1}\n");
	assert_int_equal(open_writer(&stage, stage.path), 0);
	assert_int_equal(stage.previous_error, 0);
	assert_string_equal(stage.previous.data, "{\"version\": 1}\n");
	tear_down(&stage);
}

static void
test_without_a_previous_document_there_is_nothing(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, stage.path), 0);
	assert_int_equal(stage.previous_error, 0);
	assert_int_equal(stage.previous.len, 0);
	tear_down(&stage);
}

static void
test_a_previous_document_is_read_only_on_request(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make_file(stage.path, "text");
	stage.skip_previous = true;
	assert_int_equal(open_writer(&stage, stage.path), 0);
	assert_int_equal(stage.previous.len, 0);
	tear_down(&stage);
}

/* Be somebody whom rights concern, in a folder of his own. */
static void
drop_privileges(struct stage *stage)
{
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(stage->folder, 65534, 65534), 0);
	assert_int_equal(chown(stage->path, 65534, 65534), 0);
	assert_int_equal(seteuid(65534), 0);
}

static void
test_a_previous_document_that_cannot_be_read_is_told_and_replaced(UNUSED void **state)
{
	struct stage stage;
	int opened, written;

	set_up(&stage);
	make_file(stage.path, "text");
	assert_int_equal(chmod(stage.path, 0), 0);
	drop_privileges(&stage);
	opened = open_writer(&stage, stage.path);
	written = put(&stage);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(opened, 0);
	assert_int_equal(written, 0);
	assert_int_equal(stage.previous_error, EACCES);
	assert_int_equal(stage.previous.len, 0);
	tear_down(&stage);
}

static void
test_what_a_kill_left_is_swept_at_the_start(UNUSED void **state)
{
	struct stage stage;
	char *left;

	set_up(&stage);
	left = xasprintf("%s/.status.json.gatherd-AbC123", stage.folder);
	make_file(left, "part");
	assert_int_equal(open_writer(&stage, stage.path), 0);
	assert_int_equal(access(left, F_OK), -1);
	free(left);
	tear_down(&stage);
}

static void
test_a_missing_folder_is_told(UNUSED void **state)
{
	struct stage stage;
	char *path;

	set_up(&stage);
	path = xasprintf("%s/missing/status.json", stage.folder);
	assert_int_equal(open_writer(&stage, path), ENOENT);
	free(path);
	tear_down(&stage);
}

static void
test_a_folder_is_no_document(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, stage.folder), EISDIR);
	tear_down(&stage);
}

static void
test_a_link_stays_and_its_target_is_replaced(UNUSED void **state)
{
	struct stage stage;
	struct stat status;
	char *link_path;

	set_up(&stage);
	link_path = xasprintf("%s/link.json", stage.folder);
	assert_int_equal(symlink("status.json", link_path), 0);
	assert_int_equal(open_writer(&stage, link_path), 0);
	assert_int_equal(put(&stage), 0);
	assert_int_equal(lstat(link_path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(lstat(stage.path, &status), 0);
	assert_true(S_ISREG(status.st_mode));
	unlink(link_path);
	free(link_path);
	tear_down(&stage);
}

static void
test_a_device_is_written_into_and_stays_a_device(UNUSED void **state)
{
	struct stage stage;
	struct stat status;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, "/dev/null"), 0);
	assert_int_equal(put(&stage), 0);
	assert_int_equal(stat("/dev/null", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
	tear_down(&stage);
}

static void
test_a_full_device_is_reported(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, "/dev/full"), 0);
	assert_int_equal(put(&stage), ENOSPC);
	tear_down(&stage);
}

static void
test_freeing_a_busy_writer_waits_for_a_disk_that_works(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, stage.path), 0);
	writer_put(stage.writer, stage.snapshot, FORM_DOCUMENT, &manner);
	close_writer(&stage);
	assert_int_equal(access(stage.path, F_OK), 0);
	assert_int_equal(stage.reports, 0);
	tear_down(&stage);
}

static void
test_a_writer_may_be_freed_from_inside_its_reports(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make_file(stage.path, "previous");
	assert_int_equal(open_writer(&stage, stage.path), 0);
	stage.free_in_report = true;
	assert_int_equal(put(&stage), 0);
	assert_null(stage.writer);
	assert_int_equal(open_writer(&stage, stage.path), 0);
	assert_null(stage.writer);
	tear_down(&stage);
}

static void
test_one_snapshot_after_the_other_is_written(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_int_equal(open_writer(&stage, stage.path), 0);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(put(&stage), 0);
		assert_int_equal(unlink(stage.path), 0);
	}
	tear_down(&stage);
}

static void
test_a_socket_is_no_document(UNUSED void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stage stage;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	set_up(&stage);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", stage.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(open_writer(&stage, stage.path), ENOTSUP);
	close(fd);
	tear_down(&stage);
}

/* How long freeing the stage's writer takes. */
static int64_t
time_farewell(struct stage *stage)
{
	int64_t begun_us = clock_now_us();

	close_writer(stage);
	return clock_now_us() - begun_us;
}

static void
test_a_write_that_hangs_is_left_behind(UNUSED void **state)
{
	struct stage stage;
	char text[4096];
	int fd;

	/* A FIFO that nobody reads hangs as a broken disk does. */
	set_up(&stage);
	assert_int_equal(mkfifo(stage.path, 0600), 0);
	assert_int_equal(open_writer(&stage, stage.path), 0);
	writer_put(stage.writer, stage.snapshot, FORM_DOCUMENT, &manner);
	assert_in_range(time_farewell(&stage), 800000, 5000000);

	/* The thread still has what it needs to go on, and ends. */
	fd = open(stage.path, O_RDONLY);
	assert_true(fd != -1);
	assert_int_equal(read(fd, text, sizeof(text)), document_bytes(&stage));
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	tear_down(&stage);
}

static void
test_who_does_not_wait_leaves_nothing_behind(UNUSED void **state)
{
	struct stage stage;

	/* Mostly before the thread has begun. */
	set_up(&stage);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(open_writer(&stage, "/dev/null"), 0);
		writer_put(stage.writer, stage.snapshot, FORM_DOCUMENT, &manner);
		writer_free(stage.writer, 0);
	}
	stage.writer = NULL;
	tear_down(&stage);
}

static void
test_an_opening_that_hangs_holds_up_nobody(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	fake_disk_hang_locks(1);
	stage.writer = make_writer(&stage, stage.path);
	fake_disk_wait(1);
	event_base_loop(stage.base, EVLOOP_NONBLOCK);
	assert_int_equal(stage.opened, 0);
	assert_true(writer_busy(stage.writer));
	assert_in_range(time_farewell(&stage), 800000, 5000000);

	/* It clears up behind itself when the disk is back, and nobody hears of it. */
	fake_disk_release_left(stage.folder, 1);
	event_base_loop(stage.base, EVLOOP_NONBLOCK);
	assert_int_equal(stage.opened, 0);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_snapshot_becomes_a_file_with_its_mode),
		cmocka_unit_test(test_each_order_has_its_own_mode),
		cmocka_unit_test(test_the_previous_document_is_handed_over),
		cmocka_unit_test(test_without_a_previous_document_there_is_nothing),
		cmocka_unit_test(test_a_previous_document_is_read_only_on_request),
		cmocka_unit_test(
		    test_a_previous_document_that_cannot_be_read_is_told_and_replaced),
		cmocka_unit_test(test_what_a_kill_left_is_swept_at_the_start),
		cmocka_unit_test(test_a_missing_folder_is_told),
		cmocka_unit_test(test_a_folder_is_no_document),
		cmocka_unit_test(test_a_link_stays_and_its_target_is_replaced),
		cmocka_unit_test(test_a_device_is_written_into_and_stays_a_device),
		cmocka_unit_test(test_a_full_device_is_reported),
		cmocka_unit_test(
		    test_freeing_a_busy_writer_waits_for_a_disk_that_works),
		cmocka_unit_test(test_a_writer_may_be_freed_from_inside_its_reports),
		cmocka_unit_test(test_one_snapshot_after_the_other_is_written),
		cmocka_unit_test(test_a_socket_is_no_document),
		cmocka_unit_test(test_a_write_that_hangs_is_left_behind),
		cmocka_unit_test(test_who_does_not_wait_leaves_nothing_behind),
		cmocka_unit_test(test_an_opening_that_hangs_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
