#include "daemon/background.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "valgrind.h"

#define PATIENCE_MS 20000

/* Work that hangs until it is let go, and whose result is a number in memory of its own. */
struct stage {
	struct event_base *base;
	struct background *background;
	int gate[2];     /* a byte in this pipe lets one piece of work go on */
	int finished[2]; /* a byte in this one: a piece of work was discarded */
	atomic_int runs;
	atomic_int discards;
	pthread_t discarded_in;
	bool signals_held_back;
	int reports;
	bool in_start;
	int *made;   /* by run(), until somebody takes it */
	int *result; /* owned: the last that arrived in the loop */
	int more;    /* pieces to begin from `done` */
};

static void
run(void *arg)
{
	struct stage *stage = arg;
	int *made = xmalloc(sizeof(*made));
	sigset_t set;
	char byte;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	stage->signals_held_back =
	    sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1;
	if (read(stage->gate[0], &byte, 1) != 1)
		abort();
	*made = atomic_fetch_add(&stage->runs, 1) + 41;
	stage->made = made;
}

static void
discard(void *arg)
{
	struct stage *stage = arg;

	stage->discarded_in = pthread_self();
	free(stage->made);
	stage->made = NULL;
	atomic_fetch_add(&stage->discards, 1);
	if (write(stage->finished[1], "x", 1) != 1)
		abort();
}

static void start(struct stage *stage);

static void
on_done(void *arg)
{
	struct stage *stage = arg;

	assert_false(stage->in_start);
	stage->background = NULL;
	stage->reports++;
	free(stage->result);
	stage->result = stage->made;
	stage->made = NULL;
	if (stage->more > 0) {
		stage->more--;
		start(stage);
	} else {
		event_base_loopbreak(stage->base);
	}
}

static void
start(struct stage *stage)
{
	const struct background_work work = {
		.run = run,
		.done = on_done,
		.discard = discard,
		.arg = stage,
	};

	stage->in_start = true;
	stage->background = background_start(stage->base, &work);
	stage->in_start = false;
}

static void
let_go(struct stage *stage)
{
	assert_int_equal(write(stage->gate[1], "x", 1), 1);
}

static void
wait_for_discard(struct stage *stage)
{
	struct pollfd watched = { .fd = stage->finished[0], .events = POLLIN };
	char byte;

	assert_int_equal(poll(&watched, 1, PATIENCE_MS), 1);
	assert_int_equal(read(stage->finished[0], &byte, 1), 1);
}

static void
set_up(struct stage *stage)
{
	*stage = (struct stage){ .base = event_base_new() };
	assert_int_equal(pipe(stage->gate), 0);
	assert_int_equal(pipe(stage->finished), 0);
}

static void
tear_down(struct stage *stage)
{
	free(stage->result);
	event_base_free(stage->base);
	for (int i = 0; i < 2; i++) {
		close(stage->gate[i]);
		close(stage->finished[i]);
	}
}

static void
test_the_result_arrives_in_the_loop(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	start(&stage);
	assert_non_null(stage.background);
	event_base_loop(stage.base, EVLOOP_NONBLOCK);
	assert_int_equal(stage.reports, 0);
	let_go(&stage);
	event_base_dispatch(stage.base);
	assert_int_equal(stage.reports, 1);
	assert_int_equal(*stage.result, 41);
	assert_int_equal(stage.discards, 0);
	assert_true(stage.signals_held_back);
	/* Nothing is left of it in the loop. */
	assert_int_equal(event_base_loop(stage.base, EVLOOP_NONBLOCK), 1);
	tear_down(&stage);
}

static void
test_more_work_can_begin_when_one_is_done(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.more = 9;
	start(&stage);
	for (int i = 0; i < 10; i++)
		let_go(&stage);
	event_base_dispatch(stage.base);
	assert_int_equal(stage.reports, 10);
	assert_int_equal(*stage.result, 50);
	tear_down(&stage);
}

static void
test_what_hangs_is_discarded_in_its_thread_when_it_ends(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	start(&stage);
	background_abandon(stage.background);
	/* The loop has forgotten it. */
	assert_int_equal(event_base_loop(stage.base, EVLOOP_NONBLOCK), 1);
	assert_int_equal(stage.discards, 0);
	let_go(&stage);
	wait_for_discard(&stage);
	assert_int_equal(stage.discards, 1);
	assert_false(pthread_equal(stage.discarded_in, pthread_self()));
	assert_int_equal(stage.reports, 0);
	tear_down(&stage);
}

/* The loop would be woken, and is not asked. Nobody else knows when the thread has laid its
 * result down: wait a little longer each time. */
static void
test_what_is_over_is_discarded_in_the_loop(UNUSED void **state)
{
	struct stage stage;
	bool in_loop = false;

	set_up(&stage);
	for (useconds_t wait_us = 1000; !in_loop; wait_us *= 2) {
		assert_true(wait_us < PATIENCE_MS * 1000);
		start(&stage);
		let_go(&stage);
		usleep(wait_us);
		background_abandon(stage.background);
		wait_for_discard(&stage);
		in_loop = pthread_equal(stage.discarded_in, pthread_self());
	}
	assert_int_equal(stage.discards, stage.runs);
	assert_int_equal(event_base_loop(stage.base, EVLOOP_NONBLOCK), 1);
	assert_int_equal(stage.reports, 0);
	tear_down(&stage);
}

/* Whatever comes first, the result has one taker. */
static void
test_ending_and_abandoning_may_meet(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	for (int i = 1; i <= 500; i++) {
		start(&stage);
		let_go(&stage);
		for (int spin = 0; spin < i % 50; spin++)
			event_base_loop(stage.base, EVLOOP_NONBLOCK);
		if (stage.background != NULL) {
			background_abandon(stage.background);
			wait_for_discard(&stage);
		}
		assert_int_equal(stage.reports + stage.discards, i);
	}
	tear_down(&stage);
}

static void
test_a_thread_that_cannot_be_leaves_the_work_with_the_caller(UNUSED void **state)
{
	struct stage stage;
	pthread_attr_t before, huge;

	skip_under_valgrind();
	set_up(&stage);
	pthread_getattr_default_np(&before);
	pthread_attr_init(&huge);
	pthread_attr_setstacksize(&huge, (size_t)1 << 60);
	assert_int_equal(pthread_setattr_default_np(&huge), 0);
	errno = 0;
	start(&stage);
	assert_null(stage.background);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(pthread_setattr_default_np(&before), 0);
	pthread_attr_destroy(&huge);
	pthread_attr_destroy(&before);
	assert_int_equal(stage.discards, 0);
	assert_int_equal(event_base_loop(stage.base, EVLOOP_NONBLOCK), 1);
	tear_down(&stage);
}

static void
test_nothing_can_be_abandoned(UNUSED void **state)
{
	background_abandon(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_result_arrives_in_the_loop),
		cmocka_unit_test(test_more_work_can_begin_when_one_is_done),
		cmocka_unit_test(
		    test_what_hangs_is_discarded_in_its_thread_when_it_ends),
		cmocka_unit_test(test_what_is_over_is_discarded_in_the_loop),
		cmocka_unit_test(test_ending_and_abandoning_may_meet),
		cmocka_unit_test(
		    test_a_thread_that_cannot_be_leaves_the_work_with_the_caller),
		cmocka_unit_test(test_nothing_can_be_abandoned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
