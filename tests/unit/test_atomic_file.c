#include "base/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Each case runs in an empty folder of its own. */
static char folder[64];

/* How many bytes the system takes at a time. */
static size_t write_limit;

/* In the place of the C library's, as a disk that takes less than it is given is hard to
 * come by. */
ssize_t
writev(int fd, const struct iovec *pieces, int count)
{
	size_t written = 0;

	for (int i = 0; i < count && written < write_limit; i++) {
		size_t room = write_limit - written;
		size_t len = pieces[i].iov_len < room ? pieces[i].iov_len : room;
		ssize_t result = write(fd, pieces[i].iov_base, len);

		if (result == -1)
			return written > 0 ? (ssize_t)written : -1;
		written += (size_t)result;
	}
	return (ssize_t)written;
}

static int
enter_folder(UNUSED void **state)
{
	write_limit = SIZE_MAX;
	snprintf(folder, sizeof(folder), "/tmp/test_atomic_file.XXXXXX");
	return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int
remove_entry(const char *path, UNUSED const struct stat *status, UNUSED int kind,
    UNUSED struct FTW *place)
{
	return remove(path);
}

static int
remove_folder(UNUSED void **state)
{
	return chdir("/") == 0 ? nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS)
	                       : -1;
}

static bool
replace(const char *path, const char *text)
{
	char copy[1024];
	struct iovec piece = { .iov_base = copy, .iov_len = strlen(text) };

	/* An iovec wants what can be written to. */
	assert_true(piece.iov_len < sizeof(copy));
	memcpy(copy, text, piece.iov_len);
	return atomic_file_replace(path, &piece, 1, 0644, true);
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
assert_content(const char *path, const char *expected)
{
	char text[4096];
	FILE *file = fopen(path, "re");
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

/* How many files of any name stand in PATH. */
static int
count_files(const char *path)
{
	DIR *dir = opendir(path);
	int count = -2; /* "." and ".." */

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static mode_t
mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static void
test_a_new_file_is_made(UNUSED void **state)
{
	assert_true(replace("new.json", "content"));
	assert_content("new.json", "content");
	assert_int_equal(count_files("."), 1);
}

static void
test_an_old_file_is_replaced_as_a_whole(UNUSED void **state)
{
	struct stat before, after;
	int reader;
	char text[4] = "";

	make_file("a.json", "old");
	assert_int_equal(stat("a.json", &before), 0);
	reader = open("a.json", O_RDONLY | O_CLOEXEC);
	assert_true(replace("a.json", "new content"));
	assert_content("a.json", "new content");
	assert_int_equal(stat("a.json", &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);

	/* Who had the old one open goes on reading it. */
	assert_int_equal(read(reader, text, 3), 3);
	assert_string_equal(text, "old");
	close(reader);
	assert_int_equal(count_files("."), 1);
}

static void
test_a_path_with_folders_is_replaced_there(UNUSED void **state)
{
	char path[128];

	assert_int_equal(mkdir("sub", 0755), 0);
	assert_true(replace("sub/a", "1"));
	assert_content("sub/a", "1");
	snprintf(path, sizeof(path), "%s/sub/b", folder);
	assert_true(replace(path, "2"));
	assert_content("sub/b", "2");
	assert_int_equal(count_files("sub"), 2);
	assert_int_equal(count_files("."), 1);
}

static void
test_no_pieces_and_empty_pieces_make_an_empty_file(UNUSED void **state)
{
	const struct iovec empty[2] = { { NULL, 0 }, { NULL, 0 } };

	assert_true(atomic_file_replace("none", NULL, 0, 0644, false));
	assert_content("none", "");
	assert_true(atomic_file_replace("empty", empty, 2, 0644, true));
	assert_content("empty", "");
}

static void
test_many_pieces_follow_each_other(UNUSED void **state)
{
	enum {
		COUNT = 3 * IOV_MAX + 1
	};
	struct iovec *pieces = calloc(COUNT, sizeof(*pieces));
	char digits[] = "0123456789";
	FILE *file;

	/* Every third one is empty. */
	for (size_t i = 0; i < COUNT; i++) {
		pieces[i].iov_base = digits;
		pieces[i].iov_len = i % 3 == 0 ? 0 : i % 11;
	}
	assert_true(atomic_file_replace("many", pieces, COUNT, 0644, true));
	file = fopen("many", "re");
	assert_non_null(file);
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t j = 0; j < pieces[i].iov_len; j++)
			assert_int_equal(fgetc(file), digits[j]);
	}
	assert_int_equal(fgetc(file), EOF);
	fclose(file);
	free(pieces);
}

static void
test_what_the_system_takes_in_parts_is_written_in_full(UNUSED void **state)
{
	char text[] = "hello big world";
	const struct iovec pieces[] = { { text, 6 }, { NULL, 0 }, { text + 6, 4 },
		{ text + 10, 5 } };

	for (write_limit = 1; write_limit <= sizeof(text); write_limit++) {
		assert_true(
		    atomic_file_replace("a", pieces, ARRAY_COUNT(pieces), 0644, false));
		assert_content("a", text);
	}
}

static void
test_a_system_that_takes_nothing_is_not_asked_for_ever(UNUSED void **state)
{
	write_limit = 0;
	assert_false(replace("a", "content"));
	assert_int_equal(errno, EIO);
	assert_int_equal(count_files("."), 0);
}

static void
test_the_mode_is_as_given_whatever_the_umask(UNUSED void **state)
{
	mode_t mask = umask(0777);

	make_file("old", "");
	assert_true(atomic_file_replace("new", NULL, 0, 0664, true));
	assert_true(atomic_file_replace("old", NULL, 0, 0640, true));
	umask(mask);
	assert_int_equal(mode_of("new"), 0664);
	assert_int_equal(mode_of("old"), 0640);
}

static void
test_owner_and_group_of_the_old_file_are_kept(UNUSED void **state)
{
	struct stat status;

	if (geteuid() != 0)
		skip();
	make_file("a", "");
	assert_int_equal(chown("a", 1234, 5678), 0);
	assert_true(atomic_file_replace("a", NULL, 0, 0640, true));
	assert_int_equal(stat("a", &status), 0);
	assert_int_equal(status.st_uid, 1234);
	assert_int_equal(status.st_gid, 5678);
	assert_int_equal(status.st_mode & 07777, 0640);
}

static void
test_a_missing_folder_is_told(UNUSED void **state)
{
	errno = 0;
	assert_false(replace("missing/a", "x"));
	assert_int_equal(errno, ENOENT);
	make_file("file", "");
	assert_false(replace("file/a", "x"));
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(count_files("."), 1);
}

static void
test_what_is_no_file_is_not_replaced(UNUSED void **state)
{
	struct stat status;

	assert_int_equal(mkdir("dir", 0755), 0);
	assert_int_equal(mkfifo("pipe", 0644), 0);
	errno = 0;
	assert_false(replace("dir", "x"));
	assert_int_equal(errno, EISDIR);
	assert_false(replace("dir/", "x"));
	assert_int_equal(errno, EISDIR);
	assert_false(replace(".", "x"));
	assert_int_equal(errno, EISDIR);
	assert_false(replace("dir/..", "x"));
	assert_int_equal(errno, EISDIR);
	assert_false(replace("", "x"));
	assert_int_equal(errno, ENOENT);
	assert_false(replace("pipe", "x"));
	assert_int_equal(errno, ENOTSUP);
	assert_false(atomic_file_probe("pipe"));
	assert_int_equal(errno, ENOTSUP);
	assert_false(atomic_file_probe("/dev/null"));
	assert_int_equal(errno, ENOTSUP);
	assert_int_equal(stat("pipe", &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
	assert_int_equal(count_files("."), 2);
	assert_int_equal(count_files("dir"), 0);
}

static void
test_a_write_that_fails_half_way_leaves_the_old_file_and_no_litter(UNUSED void **state)
{
	struct rlimit old, small = { .rlim_cur = 100, .rlim_max = RLIM_INFINITY };
	char text[300];
	bool replaced;
	int reason;

	make_file("a", "old");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	replaced = replace("a", text);
	reason = errno;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);

	assert_false(replaced);
	assert_int_equal(reason, EFBIG);
	assert_content("a", "old");
	assert_int_equal(count_files("."), 1);
}

static void
test_the_longest_name_works(UNUSED void **state)
{
	for (int len = NAME_MAX - 20; len <= NAME_MAX; len++) {
		char name[NAME_MAX + 1];

		memset(name, 'n', (size_t)len);
		name[len] = '\0';
		assert_true(replace(name, "long"));
		assert_content(name, "long");
		assert_true(atomic_file_probe(name));
	}
	assert_int_equal(count_files("."), 21);
}

static void
test_a_name_that_is_too_long_is_told(UNUSED void **state)
{
	char name[NAME_MAX + 2];

	memset(name, 'n', NAME_MAX + 1);
	name[NAME_MAX + 1] = '\0';
	assert_false(replace(name, "long"));
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(count_files("."), 0);
}

static void
test_links_are_resolved_to_their_target(UNUSED void **state)
{
	char absolute[128];
	char *path;

	assert_int_equal(mkdir("sub", 0755), 0);
	make_file("sub/target", "old");
	assert_int_equal(symlink("sub/target", "one"), 0);
	assert_int_equal(symlink("../one", "sub/two"), 0);
	path = atomic_file_resolve("sub/two");
	assert_string_equal(path, "sub/../sub/target");
	assert_true(replace(path, "new"));
	free(path);
	assert_content("sub/two", "new");
	assert_int_equal(count_files("sub"), 2);

	snprintf(absolute, sizeof(absolute), "%s/sub/target", folder);
	assert_int_equal(symlink(absolute, "three"), 0);
	path = atomic_file_resolve("three");
	assert_string_equal(path, absolute);
	free(path);
}

static void
test_a_link_may_lead_to_what_is_not_there_yet(UNUSED void **state)
{
	char *path;

	assert_int_equal(mkdir("sub", 0755), 0);
	assert_int_equal(symlink("sub/later", "link"), 0);
	path = atomic_file_resolve("link");
	assert_string_equal(path, "sub/later");
	assert_true(replace(path, "now"));
	free(path);
	assert_content("link", "now");
}

static void
test_a_path_without_links_resolves_to_itself(UNUSED void **state)
{
	char *path = atomic_file_resolve("new");

	assert_string_equal(path, "new");
	free(path);
	make_file("old", "");
	path = atomic_file_resolve("./old");
	assert_string_equal(path, "./old");
	free(path);
}

static void
test_a_link_to_an_open_file_is_not_followed(UNUSED void **state)
{
	int fd = open("log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char link[32];
	char *path;

	assert_true(fd >= 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert_int_equal(symlink(link, "link"), 0);
	path = atomic_file_resolve("link");
	assert_string_equal(path, link);
	free(path);
	path = atomic_file_resolve("/dev/stdout");
	assert_string_equal(path, "/proc/self/fd/1");
	free(path);
	close(fd);
	/* Nothing is open there any more. */
	path = atomic_file_resolve("link");
	assert_string_equal(path, link);
	free(path);
}

static void
test_links_that_lead_nowhere_are_told(UNUSED void **state)
{
	assert_int_equal(symlink("a", "b"), 0);
	assert_int_equal(symlink("b", "a"), 0);
	errno = 0;
	assert_null(atomic_file_resolve("a"));
	assert_int_equal(errno, ELOOP);

	assert_int_equal(symlink("missing/a", "c"), 0);
	assert_null(atomic_file_resolve("c"));
	assert_int_equal(errno, ENOENT);
	assert_null(atomic_file_resolve("missing/a"));
	assert_int_equal(errno, ENOENT);
	make_file("file", "");
	assert_null(atomic_file_resolve("file/a"));
	assert_int_equal(errno, ENOTDIR);
}

static void
test_a_sweep_removes_what_was_left_behind(UNUSED void **state)
{
	make_file("a.json", "document");
	make_file(".a.json.gatherd-AbC123", "part");
	make_file(".a.json.gatherd-zzzzzz", "part");
	assert_int_equal(chmod(".a.json.gatherd-zzzzzz", 0444), 0);
	assert_int_equal(atomic_file_sweep("a.json"), 2);
	assert_content("a.json", "document");
	assert_int_equal(count_files("."), 1);
	assert_int_equal(atomic_file_sweep("a.json"), 0);
}

static void
test_a_sweep_leaves_what_is_locked(UNUSED void **state)
{
	int writer;

	make_file(".a.json.gatherd-locked", "part");
	make_file(".a.json.gatherd-orphan", "part");
	writer = open(".a.json.gatherd-locked", O_WRONLY | O_CLOEXEC);
	assert_int_equal(flock(writer, LOCK_EX), 0);
	assert_int_equal(atomic_file_sweep("a.json"), 1);
	assert_content(".a.json.gatherd-locked", "part");

	close(writer);
	assert_int_equal(atomic_file_sweep("a.json"), 1);
	assert_int_equal(count_files("."), 0);
}

static void
test_a_sweep_leaves_all_other_names(UNUSED void **state)
{
	static const char *const names[] = { ".a.json.gatherd-12345",
		".a.json.gatherd-1234567", ".a.json.gatherd-", ".a.json.gatherd-12345.",
		".a.json.gatherd-1234 6", "a.json.gatherd-123456",
		".b.json.gatherd-123456", ".aa.json.gatherd-123456",
		"..a.json.gatherd-123456", ".a.json.gatherd-123456~" };
	const int count = (int)ARRAY_COUNT(names);

	for (int i = 0; i < count; i++)
		make_file(names[i], "");
	/* Of its name and yet none of ours. */
	assert_int_equal(symlink("a.json", ".a.json.gatherd-symlnk"), 0);
	assert_int_equal(mkdir(".a.json.gatherd-folder", 0755), 0);
	assert_int_equal(mkfifo(".a.json.gatherd-fiffif", 0644), 0);
	assert_int_equal(atomic_file_sweep("a.json"), 0);
	assert_int_equal(count_files("."), count + 3);
}

static void
test_a_sweep_of_a_missing_folder_finds_nothing(UNUSED void **state)
{
	assert_int_equal(atomic_file_sweep("missing/a.json"), 0);
}

static void
test_long_names_that_begin_alike_are_swept_apart(UNUSED void **state)
{
	char one[NAME_MAX + 1], two[NAME_MAX + 1];
	struct dirent **entries;
	pid_t child;
	int status;

	memset(one, 'n', NAME_MAX);
	one[NAME_MAX] = '\0';
	memcpy(two, one, sizeof(two));
	two[NAME_MAX - 1] = 'm';

	/* A writer that is killed half way, by the limit on the size of files. */
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0) {
		struct rlimit none = { 0, 0 };

		signal(SIGXFSZ, SIG_DFL);
		setrlimit(RLIMIT_CORE, &none);
		setrlimit(RLIMIT_FSIZE, &none);
		_exit(replace(one, "content"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(count_files("."), 1);
	assert_int_equal(scandir(".", &entries, NULL, alphasort), 3);
	assert_int_equal(strlen(entries[2]->d_name), NAME_MAX);
	for (int i = 0; i < 3; i++)
		free(entries[i]);
	free(entries);

	assert_int_equal(atomic_file_sweep(two), 0);
	assert_int_equal(atomic_file_sweep(one), 1);
	assert_int_equal(count_files("."), 0);
}

static atomic_bool sweeping;

static void *
sweep_on(void *arg)
{
	while (sweeping)
		atomic_file_sweep(arg);
	return NULL;
}

static void
test_a_sweep_never_disturbs_a_writer(UNUSED void **state)
{
	char name[] = "a.json";
	pthread_t sweeper;

	sweeping = true;
	assert_int_equal(pthread_create(&sweeper, NULL, sweep_on, name), 0);
	for (int i = 0; i < 3000; i++) {
		struct iovec piece = { .iov_base = name, .iov_len = sizeof(name) - 1 };

		if (!atomic_file_replace(name, &piece, 1, 0644, false))
			fail_msg("write %d: %s", i, strerror(errno));
	}
	sweeping = false;
	pthread_join(sweeper, NULL);
	assert_content("a.json", "a.json");
	assert_int_equal(count_files("."), 1);
}

static void
test_a_probe_leaves_nothing(UNUSED void **state)
{
	assert_true(atomic_file_probe("new"));
	assert_int_equal(count_files("."), 0);
	make_file("old", "content");
	assert_true(atomic_file_probe("old"));
	assert_content("old", "content");
	assert_int_equal(count_files("."), 1);
	assert_false(atomic_file_probe("missing/new"));
	assert_int_equal(errno, ENOENT);
}

#define test(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_a_new_file_is_made),
		test(test_an_old_file_is_replaced_as_a_whole),
		test(test_a_path_with_folders_is_replaced_there),
		test(test_no_pieces_and_empty_pieces_make_an_empty_file),
		test(test_many_pieces_follow_each_other),
		test(test_what_the_system_takes_in_parts_is_written_in_full),
		test(test_a_system_that_takes_nothing_is_not_asked_for_ever),
		test(test_the_mode_is_as_given_whatever_the_umask),
		test(test_owner_and_group_of_the_old_file_are_kept),
		test(test_a_missing_folder_is_told),
		test(test_what_is_no_file_is_not_replaced),
		test(
		    test_a_write_that_fails_half_way_leaves_the_old_file_and_no_litter),
		test(test_the_longest_name_works),
		test(test_a_name_that_is_too_long_is_told),
		test(test_links_are_resolved_to_their_target),
		test(test_a_link_may_lead_to_what_is_not_there_yet),
		test(test_a_path_without_links_resolves_to_itself),
		test(test_a_link_to_an_open_file_is_not_followed),
		test(test_links_that_lead_nowhere_are_told),
		test(test_a_sweep_removes_what_was_left_behind),
		test(test_a_sweep_leaves_what_is_locked),
		test(test_a_sweep_leaves_all_other_names),
		test(test_a_sweep_of_a_missing_folder_finds_nothing),
		test(test_long_names_that_begin_alike_are_swept_apart),
		test(test_a_sweep_never_disturbs_a_writer),
		test(test_a_probe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
