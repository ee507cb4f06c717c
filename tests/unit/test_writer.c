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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_disk.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/snapshot.h"

/* A loop, a folder, a snapshot of no targets to write, and what the writer told. */
struct stage {
	struct event_base *base;
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	struct snapshot *snapshot;
	struct writer *writer;
	char folder[64];
	char path[128];
	int opened; /* reports */
	int open_error;
	int previous_error;
	struct buffer previous;
	bool skip_previous; /* ask for none */
	bool free_in_report;
	int reports;
	int error_number;
};

static const struct writer_manner manner = { .mode = 0640, .sync = true };

static void
end_report(struct stage *stage)
{
	if (stage->free_in_report) {
		writer_free(stage->writer, 0);
		stage->writer = NULL;
	}
	event_base_loopbreak(stage->base);
}

static void
on_open(int error_number, struct buffer *previous, int previous_error, void *arg)
{
	struct stage *stage = arg;

	stage->opened++;
	stage->open_error = error_number;
	stage->previous_error = previous_error;
	buffer_append(&stage->previous, previous->data, previous->len);
	end_report(stage);
}

static void
on_done(int error_number, void *arg)
{
	struct stage *stage = arg;

	stage->reports++;
	stage->error_number = error_number;
	end_report(stage);
}

static void
set_up(struct stage *stage)
{
	static const struct round_summary summary = { .number = 1 };
	static const struct snapshot_head head = { .generation = 1, .round = &summary };

	fake_disk_reset();
	*stage = (struct stage){ .folder = "/tmp/test_writer.XXXXXX" };
	assert_non_null(mkdtemp(stage->folder));
	snprintf(stage->path, sizeof(stage->path), "%s/status.json", stage->folder);
	stage->base = event_base_new();
	stage->config = fake_config_new(0);
	stage->config->output.max_size_bytes = (size_t)1024 * 1024;
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "test", "host");
	stage->snapshot = snapshot_make(stage->maker, &head);
	buffer_init(&stage->previous, BUFFER_UNLIMITED);
}

static void
tear_down(struct stage *stage)
{
	writer_free(stage->writer, clock_now_us() + WRITER_FAREWELL_US);
	buffer_clear(&stage->previous);
	snapshot_unref(stage->snapshot);
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
	event_base_free(stage->base);
	unlink(stage->path);
	/* Fails, and so tells, where anything was left in it. */
	assert_int_equal(rmdir(stage->folder), 0);
}

/* How long the stage's document is. */
static size_t
document_bytes(const struct stage *stage)
{
	size_t count, bytes = 0;
	const struct iovec *pieces = snapshot_pieces(stage->snapshot, &count);

	for (size_t i = 0; i < count; i++)
		bytes += pieces[i].iov_len;
	return bytes;
}

static struct writer *
make_writer(struct stage *stage, const char *path)
{
	const struct writer_options options = { .path = path,
		.read_previous = !stage->skip_previous };
	const struct writer_events events = {
		.on_open = on_open, .on_done = on_done, .arg = stage
	};
	struct writer *writer = writer_new(stage->base, &options, &events);

	assert_non_null(writer);
	return writer;
}

/* Make the stage's writer, and have its report on PATH. Returns the errno of that. */
static int
open_writer(struct stage *stage, const char *path)
{
	stage->writer = make_writer(stage, path);
	assert_true(writer_busy(stage->writer));
	stage->opened = 0;
	event_base_dispatch(stage->base);
	assert_int_equal(stage->opened, 1);
	if (stage->writer != NULL)
		assert_false(writer_busy(stage->writer));
	return stage->open_error;
}

static void
close_writer(struct stage *stage)
{
	writer_free(stage->writer, clock_now_us() + WRITER_FAREWELL_US);
	stage->writer = NULL;
}

/* Returns the errno of having it written. */
static int
put(struct stage *stage)
{
	int reports = stage->reports;

	writer_put(stage->writer, stage->snapshot, &manner);
	assert_true(writer_busy(stage->writer));
	event_base_dispatch(stage->base);
	assert_int_equal(stage->reports, reports + 1);
	return stage->error_number;
}

static void
make_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

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
	writer_put(stage.writer, stage.snapshot, &other);
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
	writer_put(stage.writer, stage.snapshot, &manner);
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

/* Are writers to both paths at the same place? */
static bool
are_same(struct stage *stage, const char *one, const char *other)
{
	struct writer *first;
	bool same;

	open_writer(stage, one);
	first = stage->writer;
	open_writer(stage, other);
	same = writer_is_at_same_place(first, stage->writer);
	assert_int_equal(writer_is_at_same_place(stage->writer, first), same);
	writer_free(first, 0);
	close_writer(stage);
	return same;
}

static void
test_a_file_is_known_by_all_its_names(UNUSED void **state)
{
	struct stage stage;
	char *link_path, *other, *detour, *missing;

	set_up(&stage);
	link_path = xasprintf("%s/link.json", stage.folder);
	other = xasprintf("%s/other.json", stage.folder);
	detour = xasprintf(
	    "%s/../%s/./status.json", stage.folder, strrchr(stage.folder, '/') + 1);
	missing = xasprintf("%s/missing/status.json", stage.folder);
	assert_int_equal(symlink("status.json", link_path), 0);
	assert_true(are_same(&stage, stage.path, stage.path));
	assert_true(are_same(&stage, stage.path, link_path));
	assert_true(are_same(&stage, stage.path, detour));
	assert_false(are_same(&stage, stage.path, other));
	assert_false(are_same(&stage, stage.path, "-"));
	assert_true(are_same(&stage, "-", "/dev/stdout"));
	assert_true(are_same(&stage, "/dev/null", "/dev/../dev/null"));
	assert_false(are_same(&stage, "/dev/null", "/dev/full"));
	assert_false(are_same(&stage, missing, missing));
	unlink(link_path);
	free(link_path);
	free(other);
	free(detour);
	free(missing);
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
		open_writer(&stage, names[i]);
		put(&stage);
		close_writer(&stage);
	}
	close(replace_standard_output(before));
	assert_int_equal(stat(stage.path, &status), 0);
	assert_int_equal(status.st_size, ARRAY_COUNT(names) * document_bytes(&stage));
	assert_int_equal(status.st_mode & 07777, 0600);
	tear_down(&stage);
}

/* A descriptor that is there when the program begins. */
static int
open_inherited(const char *path, int flags)
{
	int fd = open(path, flags | O_CREAT, 0600);

	assert_true(fd > STDERR_FILENO);
	return fd;
}

static void
test_a_descriptor_is_written_into_by_all_its_names(UNUSED void **state)
{
	static const char *const forms[] = { "/dev/fd/%d", "/proc/self/fd/%d",
		"/proc/thread-self/fd/%d", "//dev/../proc/self/fd/%d" };
	struct stage stage;
	struct stat status;
	char *link_path, *own, *name;
	int fd;

	set_up(&stage);
	fd = open_inherited(stage.path, O_WRONLY);
	assert_int_equal(write(fd, "log\n", 4), 4);
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		name = xasprintf(forms[i], fd);
		assert_int_equal(open_writer(&stage, name), 0);
		assert_int_equal(stage.previous.len, 0);
		assert_int_equal(put(&stage), 0);
		close_writer(&stage);
		free(name);
	}
	name = xasprintf("/dev/fd/%d", fd);
	own = xasprintf("/proc/%d/fd/%d", (int)getpid(), fd);
	link_path = xasprintf("%s/link.json", stage.folder);
	assert_int_equal(symlink(name, link_path), 0);
	assert_int_equal(open_writer(&stage, link_path), 0);
	assert_int_equal(put(&stage), 0);
	close_writer(&stage);
	assert_true(are_same(&stage, link_path, own));
	assert_false(are_same(&stage, link_path, "-"));
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(
	    status.st_size, 4 + (ARRAY_COUNT(forms) + 1) * document_bytes(&stage));
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_nlink, 1); /* it was not replaced */
	unlink(link_path);
	free(link_path);
	free(own);
	free(name);
	close(fd);
	tear_down(&stage);
}

static void
test_what_is_no_descriptor_to_write_into_is_told_at_once(UNUSED void **state)
{
	static const int flags[] = { O_RDONLY, O_WRONLY | O_CLOEXEC };
	struct stage stage;
	char *name;

	set_up(&stage);
	for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
		int fd = open_inherited(stage.path, flags[i]);

		name = xasprintf("/dev/fd/%d", fd);
		assert_int_equal(open_writer(&stage, name), EBADF);
		close_writer(&stage);
		close(fd);
		free(name);
	}
	assert_int_not_equal(open_writer(&stage, "/dev/fd/987654"), 0);
	close_writer(&stage);
	assert_int_not_equal(open_writer(&stage, "/dev/fd/4294967297"), 0);
	tear_down(&stage);
}

static void
test_what_another_process_has_open_is_not_replaced(UNUSED void **state)
{
	struct stage stage;
	struct stat status;
	int fd, ends[2];
	char *name, byte;
	pid_t child;

	set_up(&stage);
	assert_int_equal(pipe(ends), 0);
	fd = open_inherited(stage.path, O_WRONLY);
	assert_int_equal(write(fd, "log\n", 4), 4);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
	}
	name = xasprintf("/proc/%d/fd/%d", (int)child, fd);
	close(fd);
	assert_int_equal(open_writer(&stage, name), 0);
	assert_int_equal(put(&stage), 0);
	assert_int_equal(stat(stage.path, &status), 0);
	assert_int_equal(status.st_size, 4 + document_bytes(&stage));
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	free(name);
	tear_down(&stage);
}

static void
test_a_standard_output_that_takes_nothing_is_told_at_once(UNUSED void **state)
{
	struct stage stage;
	int before, error_number;

	set_up(&stage);
	before = replace_standard_output(open("/dev/null", O_RDONLY));
	error_number = open_writer(&stage, "-");
	close(replace_standard_output(before));
	assert_int_equal(error_number, EBADF);
	tear_down(&stage);
}

static void
test_a_reader_that_went_away_is_reported(UNUSED void **state)
{
	struct stage stage;
	int ends[2], before, error_number;

	set_up(&stage);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	before = replace_standard_output(ends[1]);
	open_writer(&stage, "-");
	close(ends[0]);
	error_number = put(&stage);
	close(replace_standard_output(before));
	assert_int_equal(error_number, EPIPE);
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
	writer_put(stage.writer, stage.snapshot, &manner);
	assert_in_range(time_farewell(&stage), 800000, 5000000);

	/* The thread still has what it needs to go on, and ends. */
	fd = open(stage.path, O_RDONLY);
	assert_true(fd != -1);
	assert_int_equal(read(fd, text, sizeof(text)), document_bytes(&stage));
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	snapshot_unref(stage.snapshot); /* the reference that was left to it */
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
		cmocka_unit_test(test_a_file_is_known_by_all_its_names),
		cmocka_unit_test(test_standard_output_is_written_into_by_all_its_names),
		cmocka_unit_test(test_a_descriptor_is_written_into_by_all_its_names),
		cmocka_unit_test(
		    test_what_is_no_descriptor_to_write_into_is_told_at_once),
		cmocka_unit_test(test_what_another_process_has_open_is_not_replaced),
		cmocka_unit_test(
		    test_a_standard_output_that_takes_nothing_is_told_at_once),
		cmocka_unit_test(test_a_reader_that_went_away_is_reported),
		cmocka_unit_test(test_a_write_that_hangs_is_left_behind),
		cmocka_unit_test(test_an_opening_that_hangs_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
