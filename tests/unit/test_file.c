#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/xalloc.h"

/* A folder of its own for each test. */
static int
make_folder(void **state)
{
	char *folder = xstrdup("/tmp/test_file-XXXXXX");

	if (mkdtemp(folder) == NULL || chdir(folder) == -1)
		return -1;
	*state = folder;
	return 0;
}

static int
remove_folder(void **state)
{
	int failed = unlink("file") == -1 || chdir("/") == -1 || rmdir(*state) == -1;

	free(*state);
	return failed ? -1 : 0;
}

static void
write_file(const char *content, size_t len)
{
	int fd = open("file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, content, len), len);
	close(fd);
}

static void
test_a_file_is_read_with_all_its_bytes(UNUSED void **state)
{
	struct buffer content;

	write_file("a\0\xff\n", 4);
	buffer_init(&content, 100);
	assert_true(file_read("file", &content));
	assert_int_equal(content.len, 4);
	assert_memory_equal(content.data, "a\0\xff\n", 5);
	buffer_clear(&content);
}

static void
test_a_file_may_fill_the_buffer_but_not_more(UNUSED void **state)
{
	size_t len = 100000; /* more than one read */
	char *large = xmalloc(len);
	struct buffer content;

	memset(large, 'x', len);
	write_file(large, len);
	buffer_init(&content, len);
	assert_true(file_read("file", &content));
	assert_int_equal(content.len, len);
	buffer_clear(&content);

	buffer_init(&content, len - 1);
	errno = 0;
	assert_false(file_read("file", &content));
	assert_int_equal(errno, EFBIG);
	buffer_clear(&content);
	free(large);
}

static void
test_what_is_read_goes_behind_what_is_there(UNUSED void **state)
{
	struct buffer content;

	write_file("cde", 3);
	buffer_init(&content, 5);
	buffer_append_string(&content, "ab");
	assert_true(file_read("file", &content));
	assert_string_equal(content.data, "abcde");
	/* It is full: an empty file still fits, no other does. */
	errno = 0;
	assert_false(file_read("file", &content));
	assert_int_equal(errno, EFBIG);
	write_file("", 0);
	assert_true(file_read("file", &content));
	assert_string_equal(content.data, "abcde");
	buffer_clear(&content);
}

static void
test_a_file_that_hides_its_size_is_read_whole(UNUSED void **state)
{
	struct buffer content;
	struct stat status;

	write_file("", 0);
	assert_int_equal(stat("/proc/self/status", &status), 0);
	assert_int_equal(status.st_size, 0);
	buffer_init(&content, 1000000);
	assert_true(file_read("/proc/self/status", &content));
	assert_non_null(strstr(content.data, "VmPeak:"));
	buffer_clear(&content);
}

static void
test_what_cannot_be_read_says_why(UNUSED void **state)
{
	struct buffer content;

	write_file("", 0);
	buffer_init(&content, 100);
	assert_false(file_read("nothing", &content));
	assert_int_equal(errno, ENOENT);
	assert_false(file_read(".", &content));
	assert_int_equal(errno, EISDIR);
	assert_false(file_read("file/x", &content));
	assert_int_equal(errno, ENOTDIR);
	buffer_clear(&content);
}

/* More than one read, and than what fits into a pipe. */
#define FIFO_BYTES ((size_t)100001)

static void *
write_to_fifo(void *arg)
{
	int fd = open("file", O_WRONLY | O_CLOEXEC);
	size_t written = 0;

	while (written < FIFO_BYTES) {
		ssize_t got = write(fd, (char *)arg + written, FIFO_BYTES - written);

		if (got == -1)
			break;
		written += (size_t)got;
	}
	close(fd);
	return written == FIFO_BYTES ? arg : NULL;
}

static void
test_a_fifo_is_read_to_its_end(UNUSED void **state)
{
	char *large = xmalloc(FIFO_BYTES);
	struct buffer content;
	pthread_t writer;
	void *done;

	for (size_t i = 0; i < FIFO_BYTES; i++)
		large[i] = (char)('a' + i % 23);
	assert_int_equal(mkfifo("file", 0600), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_to_fifo, large), 0);
	buffer_init(&content, FIFO_BYTES);
	assert_true(file_read("file", &content));
	pthread_join(writer, &done);
	assert_non_null(done);
	assert_int_equal(content.len, FIFO_BYTES);
	assert_memory_equal(content.data, large, FIFO_BYTES);
	buffer_clear(&content);
	free(large);
}

static void
test_a_dash_is_standard_input(UNUSED void **state)
{
	struct buffer content;
	int kept = dup(STDIN_FILENO);
	int fd;

	write_file("standard", 8);
	fd = open("file", O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(dup2(fd, STDIN_FILENO), -1);
	buffer_init(&content, 100);
	assert_true(file_read("-", &content));
	assert_string_equal(content.data, "standard");
	buffer_clear(&content);
	if (kept != -1)
		dup2(kept, STDIN_FILENO);
	close(kept);
	close(fd);
}

#define IN_FOLDER(test) \
	cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_a_file_is_read_with_all_its_bytes),
		IN_FOLDER(test_a_file_may_fill_the_buffer_but_not_more),
		IN_FOLDER(test_what_is_read_goes_behind_what_is_there),
		IN_FOLDER(test_a_file_that_hides_its_size_is_read_whole),
		IN_FOLDER(test_what_cannot_be_read_says_why),
		IN_FOLDER(test_a_fifo_is_read_to_its_end),
		IN_FOLDER(test_a_dash_is_standard_input),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
