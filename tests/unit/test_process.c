#include "daemon/process.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "daemon/signals.h"
#include "valgrind.h"

/* What a child says by its exit status. */
#define SURVIVED    99
#define NOT_ALLOWED 98
#define WENT_WRONG  97

/* How a child ends that does BODY. */
static int
end_of(void (*body)(void))
{
	pid_t child = fork();
	int status;

	assert_int_not_equal(child, -1);
	if (child == 0) {
		body();
		_exit(SURVIVED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* The exit status of a child of its own that does BODY; a signal's number and 200. */
static int
status_of(void (*body)(void))
{
	int status = end_of(body);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

static void (*body_of_init)(void);

/* Each child from here on would be in the new namespace, and the first is its PID 1. */
static void
start_init(void)
{
	if (unshare(CLONE_NEWPID) == -1 && unshare(CLONE_NEWUSER | CLONE_NEWPID) == -1)
		_exit(NOT_ALLOWED);
	_exit(status_of(body_of_init));
}

/* The exit status of a PID 1 that does BODY. */
static int
status_of_init(void (*body)(void))
{
	int status;

	body_of_init = body;
	status = status_of(start_init);
	if (status == NOT_ALLOWED) {
		print_message("no new namespace of processes is allowed here\n");
		skip();
	}
	return status;
}

static void
begin_after_a_careless_parent(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_SETMASK, &set, NULL);
	process_begin();
	process_stop_kills();
	sigprocmask(SIG_SETMASK, NULL, &set);
	if (sigismember(&set, SIGTERM) || sigismember(&set, SIGINT) ||
	    !sigismember(&set, SIGHUP) || !sigismember(&set, SIGUSR1))
		_exit(WENT_WRONG);
	raise(SIGPIPE);
	raise(SIGXFSZ);
	raise(SIGHUP);
	raise(SIGUSR1);
}

static void
test_no_signal_of_a_daemon_kills_a_starting_one(UNUSED void **state)
{
	assert_int_equal(status_of(begin_after_a_careless_parent), SURVIVED);
}

static void
terminate_and_release(void)
{
	process_begin();
	raise(SIGTERM);
	process_stop_kills();
	_exit(WENT_WRONG);
}

static void
terminate_and_go_on(void)
{
	process_begin();
	raise(SIGTERM);
	process_stop_means_exit();
	_exit(WENT_WRONG);
}

static void
test_a_stop_waits_until_the_command_line_is_read(UNUSED void **state)
{
	assert_int_equal(status_of(terminate_and_release), 200 + SIGTERM);
	assert_int_equal(status_of(terminate_and_go_on), 0);
}

static void
begin_without_standard_files(void)
{
	char target[64];

	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	process_begin();
	for (int fd = 0; fd <= 2; fd++) {
		static const char *const links[] = { "/proc/self/fd/0",
			"/proc/self/fd/1", "/proc/self/fd/2" };
		ssize_t len = readlink(links[fd], target, sizeof(target));

		if (len != 9 || memcmp(target, "/dev/null", 9) != 0)
			_exit(WENT_WRONG);
	}
	/* Only standard error swallows what is written there. */
	if (write(1, "x", 1) != -1 || write(2, "x", 1) != 1)
		_exit(WENT_WRONG);
}

static void
test_missing_standard_files_are_opened(UNUSED void **state)
{
	assert_int_equal(status_of(begin_without_standard_files), SURVIVED);
}

static void
begin_and_be_terminated_as_daemon(void)
{
	process_begin();
	process_stop_means_exit();
	raise(SIGTERM);
}

static void
begin_and_be_interrupted_as_daemon(void)
{
	process_begin();
	process_stop_means_exit();
	raise(SIGINT);
}

static void
test_a_daemon_that_has_not_begun_is_stopped_not_killed(UNUSED void **state)
{
	assert_int_equal(status_of(begin_and_be_terminated_as_daemon), 0);
	assert_int_equal(status_of(begin_and_be_interrupted_as_daemon), 0);
}

static void
leave_alone(UNUSED int number, UNUSED void *arg)
{
}

/* Until somebody handles it, and again afterwards. */
static void
handle_and_be_terminated(void)
{
	static const struct signal_row rows[] = { { SIGTERM, leave_alone }, { 0 } };
	struct event_base *base = event_base_new();
	struct signals *signals;

	process_begin();
	process_stop_means_exit();
	signals = signals_new(base, rows, NULL);
	raise(SIGTERM);
	event_base_loop(base, EVLOOP_NONBLOCK);
	signals_free(signals);
	event_base_free(base);
	/* Survived so far. */
	raise(SIGTERM);
}

static void
test_the_loop_takes_stops_over_and_gives_them_back(UNUSED void **state)
{
	assert_int_equal(status_of(handle_and_be_terminated), 0);
}

static void
die_by_interrupt(void)
{
	process_begin();
	process_stop_means_exit();
	process_die_by(SIGINT);
}

static void
test_the_end_by_a_signal_is_seen_outside(UNUSED void **state)
{
	assert_int_equal(status_of(die_by_interrupt), 200 + SIGINT);
}

static void
raise_descriptors(void)
{
	struct rlimit limit = { .rlim_cur = 20, .rlim_max = 40 };

	if (setrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    process_raise_descriptors() != 40 ||
	    getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur != 40)
		_exit(WENT_WRONG);
}

static void
test_the_limit_of_descriptors_is_raised(UNUSED void **state)
{
	skip_under_valgrind();
	assert_int_equal(status_of(raise_descriptors), SURVIVED);
}

/* ---- memory ---- */

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)

#define MIB ((size_t)1024 * 1024)

/* How many blocks have pages of their own; kept from being optimized away. */
static size_t
own_pages_with(size_t size)
{
	char *volatile block = malloc(size);
	size_t count = mallinfo2().hblks;

	free(block);
	return count;
}

static void
free_large_blocks(void)
{
	size_t before;

	process_begin();
	before = mallinfo2().hblks;
	/* Not even after a larger one was freed. */
	if (own_pages_with(16 * MIB) != before + 1 ||
	    own_pages_with(4 * MIB) != before + 1 || own_pages_with(2 * MIB) != before)
		_exit(WENT_WRONG);
}

static void
test_a_large_block_is_given_back_when_it_is_freed(UNUSED void **state)
{
	if (is_under_valgrind() || mallinfo2().arena == 0)
		skip(); /* another malloc(3): a sanitizer's */
	assert_int_equal(status_of(free_large_blocks), SURVIVED);
}

#else

static void
test_a_large_block_is_given_back_when_it_is_freed(UNUSED void **state)
{
	skip(); /* its malloc(3) does so by itself */
}

#endif

/* ---- as PID 1 ---- */

static void
test_an_init_is_stopped_before_it_has_begun(UNUSED void **state)
{
	assert_int_equal(status_of_init(terminate_and_release), 128 + SIGTERM);
	assert_int_equal(status_of_init(begin_and_be_terminated_as_daemon), 0);
}

static void
test_an_init_ends_though_no_signal_can_kill_it(UNUSED void **state)
{
	skip_under_valgrind();
	assert_int_equal(status_of_init(die_by_interrupt), 128 + SIGINT);
}

/* A child that ends before its own child, which is ours then. */
static void
adopt_orphan(void)
{
	process_begin();
	if (getpid() != 1)
		_exit(WENT_WRONG);
	if (fork() == 0) {
		if (fork() == 0) {
			while (getppid() != 1)
				usleep(1000);
		}
		_exit(0);
	}
	/* wait(2): where SIGCHLD is ignored it waits for all to end, and has nobody to
	 * tell of then; else it would tell of one at once. */
	if (wait(NULL) != -1)
		_exit(WENT_WRONG);
}

static void
test_orphans_of_a_container_leave_no_zombies(UNUSED void **state)
{
	assert_int_equal(status_of_init(adopt_orphan), SURVIVED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_signal_of_a_daemon_kills_a_starting_one),
		cmocka_unit_test(test_a_stop_waits_until_the_command_line_is_read),
		cmocka_unit_test(test_missing_standard_files_are_opened),
		cmocka_unit_test(
		    test_a_daemon_that_has_not_begun_is_stopped_not_killed),
		cmocka_unit_test(test_the_loop_takes_stops_over_and_gives_them_back),
		cmocka_unit_test(test_the_end_by_a_signal_is_seen_outside),
		cmocka_unit_test(test_the_limit_of_descriptors_is_raised),
		cmocka_unit_test(test_a_large_block_is_given_back_when_it_is_freed),
		cmocka_unit_test(test_an_init_is_stopped_before_it_has_begun),
		cmocka_unit_test(test_an_init_ends_though_no_signal_can_kill_it),
		cmocka_unit_test(test_orphans_of_a_container_leave_no_zombies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
