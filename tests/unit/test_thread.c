#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "valgrind.h"

/* What a thread saw of itself. */
struct view {
	sem_t taken;
	sigset_t held_back;
	size_t stack_bytes;
	int detached;
};

static void *
look(void *arg)
{
	struct view *view = arg;
	pthread_attr_t attributes;

	pthread_sigmask(SIG_SETMASK, NULL, &view->held_back);
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstacksize(&attributes, &view->stack_bytes);
	pthread_attr_getdetachstate(&attributes, &view->detached);
	pthread_attr_destroy(&attributes);
	sem_post(&view->taken);
	return NULL;
}

static void
take_view(struct view *view, size_t stack_bytes)
{
	*view = (struct view){ .stack_bytes = 0 };
	sem_init(&view->taken, 0, 0);
	assert_true(thread_start_detached(stack_bytes, look, view));
	sem_wait(&view->taken);
	sem_destroy(&view->taken);
}

static void
test_signals_are_held_back_in_the_thread_alone(UNUSED void **state)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };
	struct view view;
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	take_view(&view, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		assert_int_equal(sigismember(&view.held_back, numbers[i]), 1);
		assert_int_equal(
		    sigismember(&after, numbers[i]), sigismember(&before, numbers[i]));
	}
	assert_int_equal(view.detached, PTHREAD_CREATE_DETACHED);
}

static void
test_the_stack_is_as_large_as_it_was_asked_for(UNUSED void **state)
{
	struct view view;

	/* Sanitizers have it somewhat larger. */
	take_view(&view, (size_t)1024 * 1024);
	assert_in_range(view.stack_bytes, 1024 * 1024, 2 * 1024 * 1024);
}

static void
test_a_thread_that_cannot_be_is_told(UNUSED void **state)
{
	struct view view;

	skip_under_valgrind();
	/* More than there are addresses. */
	errno = 0;
	assert_false(thread_start_detached((size_t)1 << 60, look, &view));
	assert_int_equal(errno, EAGAIN);
	/* Less than PTHREAD_STACK_MIN. */
	assert_false(thread_start_detached(1, look, &view));
	assert_int_equal(errno, EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_are_held_back_in_the_thread_alone),
		cmocka_unit_test(test_the_stack_is_as_large_as_it_was_asked_for),
		cmocka_unit_test(test_a_thread_that_cannot_be_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
