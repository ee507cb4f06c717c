#include "publish/writer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/snapshot.h"

/* A loop, a folder, and a snapshot of no targets to write. */
struct stage {
	struct event_base *base;
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	struct snapshot *snapshot;
	char folder[64];
	char path[128];
	int reports;
	int error_number;
};

static void
on_done(int error_number, void *arg)
{
	struct stage *stage = arg;

	stage->reports++;
	stage->error_number = error_number;
	event_base_loopbreak(stage->base);
}

static void
set_up(struct stage *stage)
{
	static const struct round_summary summary = { .number = 1 };

	*stage = (struct stage){ .folder = "/tmp/test_writer.XXXXXX" };
	assert_non_null(mkdtemp(stage->folder));
	snprintf(stage->path, sizeof(stage->path), "%s/status.json", stage->folder);
	stage->base = event_base_new();
	stage->config = fake_config_new(0);
	stage->config->output.max_size_bytes = 1024 * 1024;
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "test", "host");
	stage->snapshot = snapshot_make(stage->maker, 1, &summary, 0);
}

static void
tear_down(struct stage *stage)
{
	snapshot_unref(stage->snapshot);
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
	event_base_free(stage->base);
	unlink(stage->path);
	/* Fails, and so tells, where anything was left in it. */
	assert_int_equal(rmdir(stage->folder), 0);
}

static struct writer *
make_writer(struct stage *stage, const char *path)
{
	const struct writer_options options = {
		.path = path, .mode = 0640, .sync = true
	};

	return writer_new(stage->base, &options, on_done, stage);
}

static void
test_a_snapshot_becomes_a_file_with_its_mode(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;
	struct stat status;

	set_up(&stage);
	writer = make_writer(&stage, stage.path);
	assert_non_null(writer);
	assert_false(writer_busy(writer));
	writer_put(writer, stage.snapshot);
	assert_true(writer_busy(writer));
	event_base_dispatch(stage.base);
	assert_int_equal(stage.reports, 1);
	assert_int_equal(stage.error_number, 0);
	assert_false(writer_busy(writer));
	assert_int_equal(stat(stage.path, &status), 0);
	assert_int_equal(status.st_size, snapshot_bytes(stage.snapshot));
	assert_int_equal(status.st_mode & 07777, 0640);
	writer_free(writer);
	tear_down(&stage);
}

static void
test_what_a_kill_left_is_swept_at_the_start(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;
	char *left;
	FILE *file;

	set_up(&stage);
	left = xasprintf("%s/.status.json.gatherd-AbC123", stage.folder);
	file = fopen(left, "w");
	assert_non_null(file);
	fclose(file);
	writer = make_writer(&stage, stage.path);
	assert_int_equal(access(left, F_OK), -1);
	free(left);
	writer_free(writer);
	tear_down(&stage);
}

static void
test_a_missing_folder_is_told_before_anything_is_asked(UNUSED void **state)
{
	struct stage stage;
	char *path;

	set_up(&stage);
	path = xasprintf("%s/missing/status.json", stage.folder);
	assert_null(make_writer(&stage, path));
	assert_int_equal(errno, ENOENT);
	free(path);
	tear_down(&stage);
}

static void
test_a_folder_is_no_document(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	assert_null(make_writer(&stage, stage.folder));
	assert_int_equal(errno, EISDIR);
	tear_down(&stage);
}

static void
test_a_link_stays_and_its_target_is_replaced(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;
	struct stat status;
	char *link_path;

	set_up(&stage);
	link_path = xasprintf("%s/link.json", stage.folder);
	assert_int_equal(symlink("status.json", link_path), 0);
	writer = make_writer(&stage, link_path);
	assert_non_null(writer);
	writer_put(writer, stage.snapshot);
	event_base_dispatch(stage.base);
	assert_int_equal(lstat(link_path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(lstat(stage.path, &status), 0);
	assert_true(S_ISREG(status.st_mode));
	unlink(link_path);
	free(link_path);
	writer_free(writer);
	tear_down(&stage);
}

static void
test_a_device_is_written_into_and_stays_a_device(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;
	struct stat status;

	set_up(&stage);
	writer = make_writer(&stage, "/dev/null");
	assert_non_null(writer);
	writer_put(writer, stage.snapshot);
	event_base_dispatch(stage.base);
	assert_int_equal(stage.error_number, 0);
	assert_int_equal(stat("/dev/null", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
	writer_free(writer);
	tear_down(&stage);
}

static void
test_a_full_device_is_reported(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;

	set_up(&stage);
	writer = make_writer(&stage, "/dev/full");
	assert_non_null(writer);
	writer_put(writer, stage.snapshot);
	event_base_dispatch(stage.base);
	assert_int_equal(stage.error_number, ENOSPC);
	writer_free(writer);
	tear_down(&stage);
}

static void
test_freeing_a_busy_writer_waits_for_a_disk_that_works(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;

	set_up(&stage);
	writer = make_writer(&stage, stage.path);
	writer_put(writer, stage.snapshot);
	writer_free(writer);
	assert_int_equal(access(stage.path, F_OK), 0);
	assert_int_equal(stage.reports, 0);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_snapshot_becomes_a_file_with_its_mode),
		cmocka_unit_test(test_what_a_kill_left_is_swept_at_the_start),
		cmocka_unit_test(
		    test_a_missing_folder_is_told_before_anything_is_asked),
		cmocka_unit_test(test_a_folder_is_no_document),
		cmocka_unit_test(test_a_link_stays_and_its_target_is_replaced),
		cmocka_unit_test(test_a_device_is_written_into_and_stays_a_device),
		cmocka_unit_test(test_a_full_device_is_reported),
		cmocka_unit_test(
		    test_freeing_a_busy_writer_waits_for_a_disk_that_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
