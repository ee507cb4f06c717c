#include "publish/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
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

static void
test_one_snapshot_after_the_other_is_written(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;

	set_up(&stage);
	writer = make_writer(&stage, stage.path);
	for (int i = 1; i <= 3; i++) {
		writer_put(writer, stage.snapshot);
		event_base_dispatch(stage.base);
		assert_int_equal(stage.reports, i);
		assert_int_equal(stage.error_number, 0);
		assert_int_equal(unlink(stage.path), 0);
	}
	writer_free(writer);
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
	assert_null(make_writer(&stage, stage.path));
	assert_int_equal(errno, ENOTSUP);
	close(fd);
	tear_down(&stage);
}

/* Put FD in the place of standard output. Returns what was there. */
static int
replace_standard_output(int fd)
{
	int before = dup(STDOUT_FILENO);

	fflush(stdout);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	close(fd);
	return before;
}

static void
test_standard_output_is_written_into_by_all_its_names(UNUSED void **state)
{
	static const char *const names[] = { "-", "/dev/stdout", "/dev/fd/1",
		"/proc/self/fd/1" };
	struct stage stage;
	struct stat status;
	int before;

	/* A file that the shell opened to append to it. */
	set_up(&stage);
	before = replace_standard_output(
	    open(stage.path, O_WRONLY | O_CREAT | O_APPEND, 0600));
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct writer *writer = make_writer(&stage, names[i]);

		assert_non_null(writer);
		writer_put(writer, stage.snapshot);
		event_base_dispatch(stage.base);
		writer_free(writer);
	}
	close(replace_standard_output(before));
	assert_int_equal(stat(stage.path, &status), 0);
	assert_int_equal(
	    status.st_size, ARRAY_COUNT(names) * snapshot_bytes(stage.snapshot));
	assert_int_equal(status.st_mode & 07777, 0600);
	tear_down(&stage);
}

static void
test_a_standard_output_that_takes_nothing_is_told_at_once(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;
	int before, error_number;

	set_up(&stage);
	before = replace_standard_output(open("/dev/null", O_RDONLY));
	writer = make_writer(&stage, "-");
	error_number = errno;
	close(replace_standard_output(before));
	assert_null(writer);
	assert_int_equal(error_number, EBADF);
	tear_down(&stage);
}

static void
test_a_reader_that_went_away_is_reported(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;
	int ends[2], before;

	set_up(&stage);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	before = replace_standard_output(ends[1]);
	writer = make_writer(&stage, "-");
	close(ends[0]);
	writer_put(writer, stage.snapshot);
	event_base_dispatch(stage.base);
	close(replace_standard_output(before));
	assert_int_equal(stage.error_number, EPIPE);
	writer_free(writer);
	tear_down(&stage);
}

static void
test_a_write_that_hangs_is_left_behind(UNUSED void **state)
{
	struct stage stage;
	struct writer *writer;
	char text[4096];
	int64_t begun_us, waited_us;
	int fd;

	/* A FIFO that nobody reads hangs as a broken disk does. */
	set_up(&stage);
	assert_int_equal(mkfifo(stage.path, 0600), 0);
	writer = make_writer(&stage, stage.path);
	assert_non_null(writer);
	writer_put(writer, stage.snapshot);
	begun_us = clock_now_us();
	writer_free(writer);
	waited_us = clock_now_us() - begun_us;
	assert_in_range(waited_us, 800000, 5000000);

	/* The thread still has what it needs to go on, and ends. */
	fd = open(stage.path, O_RDONLY);
	assert_true(fd != -1);
	assert_int_equal(read(fd, text, sizeof(text)), snapshot_bytes(stage.snapshot));
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	snapshot_unref(stage.snapshot); /* the reference that was left to it */
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
		cmocka_unit_test(test_one_snapshot_after_the_other_is_written),
		cmocka_unit_test(test_a_socket_is_no_document),
		cmocka_unit_test(test_standard_output_is_written_into_by_all_its_names),
		cmocka_unit_test(
		    test_a_standard_output_that_takes_nothing_is_told_at_once),
		cmocka_unit_test(test_a_reader_that_went_away_is_reported),
		cmocka_unit_test(test_a_write_that_hangs_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
