#include "base/path.h"

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

#include "base/compiler.h"
#include "base/xalloc.h"

static void
assert_tidy(const char *path, const char *expected)
{
	char *tidy = path_tidy(path);

	assert_string_equal(tidy, expected);
	free(tidy);
}

static void
test_what_leads_nowhere_is_left_out(UNUSED void **state)
{
	assert_tidy("/a/b", "/a/b");
	assert_tidy("//a///b", "/a/b");
	assert_tidy("/./a/././b", "/a/b");
	assert_tidy("/a/b/", "/a/b");
	assert_tidy("/a/b/.", "/a/b");
	assert_tidy("/a/b//./", "/a/b");
	assert_tidy("/", "/");
	assert_tidy("/.", "/");
	assert_tidy("///", "/");
}

static void
test_names_that_begin_with_dots_stay(UNUSED void **state)
{
	assert_tidy("/.a/..b/...", "/.a/..b/...");
	assert_tidy("/a./.b./c..", "/a./.b./c..");
	assert_tidy("/ /a b/-", "/ /a b/-");
}

/* Where `a` is a link, `a/..` is another folder than the one that it stands in. */
static void
test_the_way_up_stays(UNUSED void **state)
{
	assert_tidy("/a/../b", "/a/../b");
	assert_tidy("/a/./..//b/..", "/a/../b/..");
	assert_tidy("/..", "/..");
	assert_false(path_is_same("/a/../b", "/b"));
	assert_true(path_is_same("/a/../b", "/a//.././b"));
}

static void
test_a_relative_path_starts_where_the_process_is(UNUSED void **state)
{
	char *folder = getcwd(NULL, 0);
	char *expected = xasprintf("%s/a/b", folder);
	char *untidy = xasprintf("%s//./a/b", folder);

	assert_int_not_equal(strcmp(folder, "/"), 0);
	assert_tidy("a/b", expected);
	assert_tidy("./a//b", expected);
	assert_tidy(".", folder);
	assert_true(path_is_same("a/b", untidy));
	assert_true(path_is_same("./a/b", "a/b"));
	assert_false(path_is_same("a/b", "/a/b"));
	assert_false(path_is_same("a/b", "b"));
	free(untidy);
	free(expected);

	assert_int_equal(chdir("/"), 0);
	assert_tidy("a", "/a");
	assert_tidy(".", "/");
	assert_int_equal(chdir(folder), 0);
	free(folder);
}

static void
test_nowhere_is_the_same_for_all(UNUSED void **state)
{
	char gone[] = "/tmp/test_path.XXXXXX";
	char *folder = getcwd(NULL, 0);

	assert_non_null(mkdtemp(gone));
	assert_int_equal(chdir(gone), 0);
	assert_int_equal(rmdir(gone), 0);
	assert_true(path_is_same("a", "./a"));
	assert_false(path_is_same("a", "b"));
	assert_int_equal(chdir(folder), 0);
	free(folder);
}

/* Two names of a file are two texts: no disk is asked. */
static void
test_links_are_not_followed(UNUSED void **state)
{
	char folder[] = "/tmp/test_path.XXXXXX";
	char *link_path, *path;

	assert_non_null(mkdtemp(folder));
	link_path = xasprintf("%s/link", folder);
	path = xasprintf("%s/file", folder);
	assert_int_equal(symlink("file", link_path), 0);
	assert_false(path_is_same(link_path, path));
	unlink(link_path);
	rmdir(folder);
	free(path);
	free(link_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_leads_nowhere_is_left_out),
		cmocka_unit_test(test_names_that_begin_with_dots_stay),
		cmocka_unit_test(test_the_way_up_stays),
		cmocka_unit_test(test_a_relative_path_starts_where_the_process_is),
		cmocka_unit_test(test_nowhere_is_the_same_for_all),
		cmocka_unit_test(test_links_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
