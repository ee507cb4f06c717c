#include "publish/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "writer_stage.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_is_known_by_all_its_names),
		cmocka_unit_test(test_standard_output_is_written_into_by_all_its_names),
		cmocka_unit_test(test_a_descriptor_is_written_into_by_all_its_names),
		cmocka_unit_test(
		    test_what_is_no_descriptor_to_write_into_is_told_at_once),
		cmocka_unit_test(test_what_another_process_has_open_is_not_replaced),
		cmocka_unit_test(
		    test_a_standard_output_that_takes_nothing_is_told_at_once),
		cmocka_unit_test(test_a_reader_that_went_away_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
