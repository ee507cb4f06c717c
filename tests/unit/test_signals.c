#include "daemon/signals.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"

struct stage {
	struct event_base *base;
	struct signals *signals;
	int last;
	int calls;
};

static void
note(int number, void *arg)
{
	struct stage *stage = arg;

	stage->last = number;
	stage->calls++;
}

static const struct signal_row reload_and_gather[] = {
	{ SIGHUP, note },
	{ SIGUSR1, note },
	{ 0 },
};

static void
hold_back(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(how, &set, NULL);
}

static bool
is_waiting(int number)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, number) == 1;
}

/* Forget the signal NUMBER, which is held back and waits. */
static void
swallow(int number)
{
	sigset_t set;
	int taken;

	sigemptyset(&set);
	sigaddset(&set, number);
	assert_int_equal(sigwait(&set, &taken), 0);
}

static void
look(struct stage *stage)
{
	event_base_loop(stage->base, EVLOOP_NONBLOCK);
}

/* Signals are held back, as by process_begin(). */
static void
set_up(struct stage *stage)
{
	*stage = (struct stage){ .base = event_base_new() };
	hold_back(SIG_BLOCK);
}

static void
tear_down(struct stage *stage)
{
	signals_free(stage->signals);
	event_base_free(stage->base);
	hold_back(SIG_UNBLOCK);
}

static void
test_a_signal_is_called_from_the_loop(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.signals = signals_new(stage.base, reload_and_gather, &stage);
	assert_non_null(stage.signals);
	raise(SIGUSR1);
	assert_int_equal(stage.calls, 0);
	look(&stage);
	assert_int_equal(stage.calls, 1);
	assert_int_equal(stage.last, SIGUSR1);
	raise(SIGHUP);
	look(&stage);
	assert_int_equal(stage.calls, 2);
	assert_int_equal(stage.last, SIGHUP);
	look(&stage);
	assert_int_equal(stage.calls, 2);
	tear_down(&stage);
}

static void
test_one_that_was_held_back_arrives_with_the_handler(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	raise(SIGHUP);
	stage.signals = signals_new(stage.base, reload_and_gather, &stage);
	look(&stage);
	assert_int_equal(stage.calls, 1);
	assert_int_equal(stage.last, SIGHUP);
	tear_down(&stage);
}

static void
test_what_was_held_back_is_so_again(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.signals = signals_new(stage.base, reload_and_gather, &stage);
	signals_free(stage.signals);
	raise(SIGHUP);
	raise(SIGUSR1);
	look(&stage);
	assert_int_equal(stage.calls, 0);
	assert_true(is_waiting(SIGHUP));
	assert_true(is_waiting(SIGUSR1));
	swallow(SIGHUP);
	/* And can be handled again. */
	stage.signals = signals_new(stage.base, reload_and_gather, &stage);
	look(&stage);
	assert_int_equal(stage.calls, 1);
	assert_int_equal(stage.last, SIGUSR1);
	tear_down(&stage);
}

static void
test_releasing_one_leaves_the_others(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.signals = signals_new(stage.base, reload_and_gather, &stage);
	signals_release(stage.signals, SIGHUP);
	signals_release(stage.signals, SIGHUP);
	signals_release(stage.signals, SIGTERM);
	raise(SIGHUP);
	raise(SIGUSR1);
	look(&stage);
	assert_int_equal(stage.calls, 1);
	assert_int_equal(stage.last, SIGUSR1);
	assert_true(is_waiting(SIGHUP));
	swallow(SIGHUP);
	tear_down(&stage);
}

static void
release_and_note(int number, void *arg)
{
	struct stage *stage = arg;

	signals_release(stage->signals, SIGTERM);
	signals_release(stage->signals, SIGINT);
	note(number, arg);
}

static const struct signal_row stops[] = {
	{ SIGTERM, release_and_note },
	{ SIGINT, release_and_note },
	{ 0 },
};

/* How a child ends in which the signals of NUMBERS arrive one after the other; the loop
 * is asked after each. */
static int
end_of_child(const int *numbers, size_t count)
{
	pid_t child = fork();
	int status;

	assert_int_not_equal(child, -1);
	if (child == 0) {
		struct stage stage = { .base = event_base_new() };

		stage.signals = signals_new(stage.base, stops, &stage);
		for (size_t i = 0; i < count; i++) {
			raise(numbers[i]);
			look(&stage);
		}
		_exit(stage.calls);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
test_after_a_release_the_second_stop_kills(UNUSED void **state)
{
	static const int once[] = { SIGTERM };
	static const int twice[] = { SIGTERM, SIGTERM };
	static const int mixed[] = { SIGTERM, SIGINT };
	int status = end_of_child(once, 1);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	status = end_of_child(twice, 2);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	status = end_of_child(mixed, 2);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void
test_a_release_forgets_what_came_twice_before(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.signals = signals_new(stage.base, stops, &stage);
	raise(SIGTERM);
	raise(SIGTERM);
	raise(SIGINT);
	look(&stage);
	assert_int_equal(stage.calls, 1);
	look(&stage);
	assert_int_equal(stage.calls, 1);
	tear_down(&stage);
}

static void
test_a_flood_is_one_signal_and_drowns_no_other(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.signals = signals_new(stage.base, reload_and_gather, &stage);
	for (int i = 0; i < 100000; i++)
		raise(SIGUSR1);
	raise(SIGHUP);
	look(&stage);
	look(&stage);
	assert_int_equal(stage.calls, 2);
	tear_down(&stage);
}

static void
test_signals_that_nobody_knows_are_refused(UNUSED void **state)
{
	static const struct signal_row rows[] = {
		{ SIGUSR1, note },
		{ 1000, note },
		{ 0 },
	};
	struct stage stage;

	set_up(&stage);
	assert_null(signals_new(stage.base, rows, &stage));
	/* The row before it is as it was. */
	raise(SIGUSR1);
	assert_true(is_waiting(SIGUSR1));
	swallow(SIGUSR1);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_signal_is_called_from_the_loop),
		cmocka_unit_test(test_one_that_was_held_back_arrives_with_the_handler),
		cmocka_unit_test(test_what_was_held_back_is_so_again),
		cmocka_unit_test(test_releasing_one_leaves_the_others),
		cmocka_unit_test(test_after_a_release_the_second_stop_kills),
		cmocka_unit_test(test_a_release_forgets_what_came_twice_before),
		cmocka_unit_test(test_a_flood_is_one_signal_and_drowns_no_other),
		cmocka_unit_test(test_signals_that_nobody_knows_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
