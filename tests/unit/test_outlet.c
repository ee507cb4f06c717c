#include "publish/outlet.h"

#include <errno.h>
#include <fcntl.h>
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

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"

static char folder[64];

static int
make_folder(UNUSED void **state)
{
	strcpy(folder, "/tmp/test_outlet.XXXXXX");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static int
remove_folder(UNUSED void **state)
{
	return rmdir(folder);
}

/* NAME in the folder; the caller's. */
static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static void
remove_file(char *path)
{
	unlink(path);
	free(path);
}

/* Returns the errno of putting TEXT there. */
static int
write_text(const struct outlet *outlet, char *text)
{
	const struct iovec pieces[] = { { text, 1 }, { text + 1, strlen(text) - 1 } };

	return outlet_write(outlet, pieces, ARRAY_COUNT(pieces), 0604, false);
}

static void
assert_holds(const struct outlet *outlet, const char *text)
{
	struct buffer read;

	buffer_init(&read, BUFFER_UNLIMITED);
	assert_int_equal(outlet_read(outlet, &read), 0);
	assert_string_equal(read.data, text);
	buffer_clear(&read);
}

static void
test_a_file_is_replaced_with_its_mode(UNUSED void **state)
{
	struct outlet outlet = { 0 };
	char *path = path_of("file");
	struct stat status;

	assert_true(outlet_open(&outlet, path));
	assert_int_equal(outlet.kind, OUTLET_FILE);
	assert_int_equal(access(path, F_OK), -1); /* trying leaves nothing */
	assert_holds(&outlet, "");
	assert_int_equal(write_text(&outlet, (char[]){ "one" }), 0);
	assert_holds(&outlet, "one");
	assert_int_equal(write_text(&outlet, (char[]){ "two" }), 0);
	assert_holds(&outlet, "two");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0604);
	outlet_clear(&outlet);
	remove_file(path);
}

static void
test_a_link_is_followed_when_it_is_opened_and_never_again(UNUSED void **state)
{
	struct outlet outlet = { 0 };
	char *path = path_of("link");
	char *target = path_of("target");
	char *other = path_of("other");
	struct stat status;

	assert_int_equal(symlink("target", path), 0);
	assert_true(outlet_open(&outlet, path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("other", path), 0);
	assert_int_equal(write_text(&outlet, (char[]){ "text" }), 0);
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(access(target, F_OK), 0);
	assert_int_equal(access(other, F_OK), -1);
	outlet_clear(&outlet);
	remove_file(path);
	remove_file(target);
	free(other);
}

static void
test_a_file_that_cannot_be_read_is_told(UNUSED void **state)
{
	struct outlet outlet = { .kind = OUTLET_FILE, .path = xstrdup(folder) };
	struct buffer read;

	buffer_init(&read, BUFFER_UNLIMITED);
	assert_int_equal(outlet_read(&outlet, &read), EISDIR);
	assert_int_equal(read.len, 0);
	outlet_clear(&outlet);
}

static void
test_a_device_is_written_into_and_never_read(UNUSED void **state)
{
	struct outlet outlet = { 0 };

	assert_true(outlet_open(&outlet, "/dev/zero"));
	assert_int_equal(outlet.kind, OUTLET_STREAM);
	assert_int_equal(write_text(&outlet, (char[]){ "text" }), 0);
	assert_holds(&outlet, "");
	outlet_clear(&outlet);
	assert_true(outlet_open(&outlet, "/dev/full"));
	assert_int_equal(write_text(&outlet, (char[]){ "text" }), ENOSPC);
	outlet_clear(&outlet);
}

static void
test_a_descriptor_is_written_into_as_it_was_opened(UNUSED void **state)
{
	struct outlet outlet = { 0 };
	char *path = path_of("file");
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	char name[32], text[16] = "";

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_true(outlet_open(&outlet, name));
	assert_int_equal(outlet.kind, OUTLET_DESCRIPTOR);
	assert_int_equal(outlet.fd, fd);
	assert_int_equal(write_text(&outlet, (char[]){ "one" }), 0);
	assert_int_equal(write_text(&outlet, (char[]){ "two" }), 0);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 6);
	assert_string_equal(text, "onetwo");
	outlet_clear(&outlet);
	close(fd);
	remove_file(path);
}

static void
test_what_cannot_be_written_is_told_when_it_is_opened(UNUSED void **state)
{
	struct outlet outlet = { 0 };
	char *missing = path_of("missing/file");

	assert_false(outlet_open(&outlet, missing));
	assert_int_equal(errno, ENOENT);
	outlet_clear(&outlet);
	assert_false(outlet_open(&outlet, folder));
	assert_int_equal(errno, EISDIR);
	outlet_clear(&outlet);
	free(missing);
}

/* Do both paths lead to the same? */
static bool
are_same(const char *path, const char *other)
{
	struct outlet first = { 0 }, second = { 0 };
	bool same;

	assert_true(outlet_open(&first, path));
	assert_true(outlet_open(&second, other));
	same = outlet_is_same(&first, &second);
	assert_int_equal(outlet_is_same(&second, &first), same);
	outlet_clear(&first);
	outlet_clear(&second);
	return same;
}

static void
test_the_same_file_is_known_by_any_name(UNUSED void **state)
{
	char *path = path_of("file");
	char *detour = path_of("./file");
	char *link_path = path_of("link");
	char *other = path_of("other");

	assert_int_equal(symlink("file", link_path), 0);
	assert_true(are_same(path, path));
	assert_true(are_same(path, detour));
	assert_true(are_same(path, link_path));
	assert_false(are_same(path, other));
	assert_false(are_same(path, "/dev/null"));
	assert_true(are_same("/dev/null", "/dev/../dev/null"));
	assert_false(are_same("/dev/null", "/dev/zero"));
	remove_file(link_path);
	free(other);
	free(detour);
	free(path);
}

/* Does PATH lead to OTHER? */
static bool
is_file(const char *path, const char *other)
{
	struct outlet outlet = { 0 };
	bool is;

	assert_true(outlet_open(&outlet, path));
	is = outlet_is_file(&outlet, other);
	outlet_clear(&outlet);
	return is;
}

static void
test_what_leads_to_a_file_is_told_by_the_file_itself(UNUSED void **state)
{
	char *path = path_of("file");
	char *link_path = path_of("link");
	char *hard_path = path_of("hard");
	char *other = path_of("other");
	int fd;

	assert_int_equal(symlink("file", link_path), 0);
	assert_false(is_file(link_path, path)); /* there is none yet */
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd > 2);
	assert_int_equal(link(path, hard_path), 0);
	assert_true(is_file(path, path));
	assert_true(is_file(path, link_path));
	assert_true(is_file(link_path, path));
	assert_true(is_file(hard_path, path));
	assert_false(is_file(other, path));
	assert_false(is_file(path, other));
	assert_false(is_file("/dev/null", path));
	assert_false(is_file("/dev/null", "/dev/null")); /* that may be written into */
	free(other);
	other = xasprintf("/dev/fd/%d", fd);
	assert_true(is_file(other, path));
	close(fd);
	free(other);
	remove_file(hard_path);
	remove_file(link_path);
	remove_file(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_is_replaced_with_its_mode),
		cmocka_unit_test(
		    test_a_link_is_followed_when_it_is_opened_and_never_again),
		cmocka_unit_test(test_a_file_that_cannot_be_read_is_told),
		cmocka_unit_test(test_a_device_is_written_into_and_never_read),
		cmocka_unit_test(test_a_descriptor_is_written_into_as_it_was_opened),
		cmocka_unit_test(test_what_cannot_be_written_is_told_when_it_is_opened),
		cmocka_unit_test(test_the_same_file_is_known_by_any_name),
		cmocka_unit_test(test_what_leads_to_a_file_is_told_by_the_file_itself),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
