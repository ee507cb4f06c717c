#include "daemon/alarm.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"

/* A loaded machine wakes late, never early. */
#define MAX_LATE_US INT64_C(10000000)

struct stage {
	struct event_base *base;
	struct alarm *alarm;
	int rings;
	int steps;
	int64_t rang_us;
	int more;           /* rings to ask for from `on_ring`, 10 ms apart */
	bool free_in_event; /* by whatever comes next */
};

/* ---- the system's functions, which the cases let fail ---- */

static struct {
	bool no_boot_timer;
	bool no_wall_timer;
	bool no_timer;
	bool no_cancel;
	int wall_fd;   /* of the last timer on the wall clock */
	bool canceled; /* reading it tells so */
	int wall_settings;
	time_t wall_ahead_s; /* the wall clock is so far ahead of the machine's */
} faults;

static void *
real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	assert_non_null(function);
	return function;
}

/* By their names for the linker: the C library's headers may define them inline. */
int test_timerfd_create(int clock, int flags) __asm__("timerfd_create");
int test_timerfd_settime(int fd, int flags, const struct itimerspec *when,
    struct itimerspec *old) __asm__("timerfd_settime");
ssize_t test_read(int fd, void *data, size_t len) __asm__("read");

int
test_timerfd_create(int clock, int flags)
{
	int (*create)(int, int);
	int fd;

	*(void **)&create = real("timerfd_create");
	errno = faults.no_timer ? EMFILE : EINVAL;
	if (faults.no_timer || (faults.no_boot_timer && clock == CLOCK_BOOTTIME) ||
	    (faults.no_wall_timer && clock == CLOCK_REALTIME))
		return -1;
	fd = create(clock, flags);
	if (clock == CLOCK_REALTIME)
		faults.wall_fd = fd;
	return fd;
}

int
test_timerfd_settime(
    int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	int (*settime)(int, int, const struct itimerspec *, struct itimerspec *);
	struct itimerspec shifted;

	*(void **)&settime = real("timerfd_settime");
	errno = EINVAL;
	if (faults.no_cancel && (flags & TFD_TIMER_CANCEL_ON_SET) != 0)
		return -1;
	if ((flags & TFD_TIMER_CANCEL_ON_SET) == 0)
		return settime(fd, flags, when, old);
	faults.wall_settings++;
	shifted = *when;
	shifted.it_value.tv_sec -= faults.wall_ahead_s;
	return settime(fd, flags, &shifted, old);
}

ssize_t
test_read(int fd, void *data, size_t len)
{
	ssize_t (*function)(int, void *, size_t);
	ssize_t got;

	*(void **)&function = real("read");
	got = function(fd, data, len);
	if (faults.canceled && fd == faults.wall_fd && got > 0) {
		errno = ECANCELED;
		return -1;
	}
	return got;
}

/* Have the timer on the wall clock end now; CANCELED: as if the clock was set. */
static void
end_wall_timer(bool canceled)
{
	static const struct itimerspec now = { .it_value = { .tv_nsec = 1 } };

	faults.canceled = canceled;
	assert_int_equal(timerfd_settime(faults.wall_fd, 0, &now, NULL), 0);
}

/* ---- the stage ---- */

static void
free_if_wanted(struct stage *stage)
{
	if (!stage->free_in_event)
		return;
	alarm_free(stage->alarm);
	stage->alarm = NULL;
}

static void
on_ring(void *arg)
{
	struct stage *stage = arg;

	stage->rings++;
	stage->rang_us = clock_boot_us();
	if (stage->more > 0) {
		stage->more--;
		alarm_set(stage->alarm, stage->rang_us + 10000);
	}
	free_if_wanted(stage);
}

static void
on_step(void *arg)
{
	struct stage *stage = arg;

	stage->steps++;
	free_if_wanted(stage);
}

static struct alarm *
make_alarm(struct stage *stage)
{
	const struct alarm_events events = {
		.on_ring = on_ring,
		.on_step = on_step,
		.arg = stage,
	};

	return alarm_new(stage->base, &events);
}

static void
set_up(struct stage *stage)
{
	*stage = (struct stage){ .base = event_base_new() };
	stage->alarm = make_alarm(stage);
	assert_non_null(stage->alarm);
}

static void
tear_down(struct stage *stage)
{
	alarm_free(stage->alarm);
	event_base_free(stage->base);
	memset(&faults, 0, sizeof(faults));
}

static void
run_for_ms(struct stage *stage, int ms)
{
	const struct timeval time = { .tv_usec = ms * 1000 };

	event_base_loopexit(stage->base, &time);
	event_base_dispatch(stage->base);
}

/* Each turn of the loop waits for an event. */
static void
run_until_rings(struct stage *stage, int rings)
{
	while (stage->rings < rings)
		event_base_loop(stage->base, EVLOOP_ONCE);
	assert_int_equal(stage->rings, rings);
}

static void
assert_rings_at(struct stage *stage, int64_t at_us)
{
	int rings = stage->rings + 1;

	alarm_set(stage->alarm, at_us);
	run_until_rings(stage, rings);
	assert_in_range(stage->rang_us, at_us, at_us + MAX_LATE_US);
}

/* ---- the cases ---- */

static void
test_it_rings_at_its_time(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	for (int ms = 1; ms < 100; ms *= 3)
		assert_rings_at(&stage, clock_boot_us() + ms * 1000);
	tear_down(&stage);
}

static void
test_it_rings_at_once_where_the_time_is_over(UNUSED void **state)
{
	struct stage stage;
	const int64_t now_us = clock_boot_us();
	const int64_t times[] = { now_us, now_us - 1, now_us / 2, 1, 0 };

	set_up(&stage);
	for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
		alarm_set(stage.alarm, times[i]);
		/* Not from inside of alarm_set(). */
		assert_int_equal(stage.rings, i);
		event_base_loop(stage.base, EVLOOP_NONBLOCK);
		assert_int_equal(stage.rings, i + 1);
	}
	tear_down(&stage);
}

static void
test_it_rings_once(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	run_for_ms(&stage, 10);
	assert_int_equal(stage.rings, 0);
	assert_rings_at(&stage, clock_boot_us() + 1000);
	run_for_ms(&stage, 20);
	assert_int_equal(stage.rings, 1);
	tear_down(&stage);
}

static void
test_it_can_be_set_and_freed_when_it_rings(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	stage.more = 5;
	alarm_set(stage.alarm, 1);
	run_until_rings(&stage, 6);
	stage.free_in_event = true;
	alarm_set(stage.alarm, 1);
	run_until_rings(&stage, 7);
	assert_null(stage.alarm);
	/* Nothing is left of it in the loop. */
	assert_int_equal(event_base_loop(stage.base, EVLOOP_NONBLOCK), 1);
	tear_down(&stage);
}

static void
test_minus_one_is_not_at_all(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	alarm_set(stage.alarm, clock_boot_us() + 5000);
	alarm_set(stage.alarm, -1);
	run_for_ms(&stage, 20);
	assert_int_equal(stage.rings, 0);
	/* The far future is no problem either. */
	alarm_set(stage.alarm, INT64_MAX);
	run_for_ms(&stage, 5);
	assert_int_equal(stage.rings, 0);
	assert_rings_at(&stage, clock_boot_us() + 1000);
	tear_down(&stage);
}

struct change {
	struct stage *stage;
	int64_t to_us;
};

static void
on_change(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	const struct change *change = arg;

	alarm_set(change->stage->alarm, change->to_us);
}

/* Both events are due in the same turn of the loop, and this one comes first. */
static void
test_what_was_set_anew_does_not_ring_for_the_old_time(UNUSED void **state)
{
	struct stage stage;
	struct change change = { .stage = &stage, .to_us = -1 };
	struct event *first;

	set_up(&stage);
	event_base_priority_init(stage.base, 2);
	first = event_new(stage.base, -1, 0, on_change, &change);
	event_priority_set(first, 0);
	alarm_set(stage.alarm, 1);
	event_active(first, EV_TIMEOUT, 1);
	run_for_ms(&stage, 20);
	assert_int_equal(stage.rings, 0);
	change.to_us = clock_boot_us() + 50000;
	alarm_set(stage.alarm, 1);
	event_active(first, EV_TIMEOUT, 1);
	run_until_rings(&stage, 1);
	assert_in_range(stage.rang_us, change.to_us, change.to_us + MAX_LATE_US);
	event_free(first);
	tear_down(&stage);
}

static void
test_a_step_of_the_wall_clock_is_told(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	for (int i = 1; i <= 3; i++) {
		end_wall_timer(true);
		run_for_ms(&stage, 5);
		assert_int_equal(stage.steps, i);
		assert_int_equal(faults.wall_settings, 1 + i);
	}
	assert_int_equal(stage.rings, 0);
	stage.free_in_event = true;
	end_wall_timer(true);
	run_for_ms(&stage, 5);
	assert_int_equal(stage.steps, 4);
	assert_null(stage.alarm);
	tear_down(&stage);
}

static void
test_the_far_future_is_no_step(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	end_wall_timer(false);
	run_for_ms(&stage, 5);
	assert_int_equal(stage.steps, 0);
	assert_int_equal(faults.wall_settings, 2);
	end_wall_timer(true);
	run_for_ms(&stage, 5);
	assert_int_equal(stage.steps, 1);
	tear_down(&stage);
}

static void
test_a_wall_clock_in_another_century_keeps_nobody_busy(UNUSED void **state)
{
	struct stage stage;

	/* A clock without a battery may say anything: 2240, and 2262, where it ends. */
	for (time_t at = 8520336000; at <= 9223372000; at += 703036000) {
		faults.wall_ahead_s = at - time(NULL);
		set_up(&stage);
		run_for_ms(&stage, 20);
		assert_int_equal(faults.wall_settings, 1);
		assert_int_equal(stage.steps, 0);
		tear_down(&stage);
	}
}

static void
test_without_a_timer_that_goes_on_in_suspend_it_rings_too(UNUSED void **state)
{
	struct stage stage;

	faults.no_boot_timer = true;
	set_up(&stage);
	assert_rings_at(&stage, clock_boot_us() + 20000);
	alarm_set(stage.alarm, 0);
	run_until_rings(&stage, 2);
	alarm_set(stage.alarm, -1);
	run_for_ms(&stage, 5);
	assert_int_equal(stage.rings, 2);
	tear_down(&stage);
}

static void
test_where_steps_cannot_be_seen_it_rings_too(UNUSED void **state)
{
	struct stage stage;

	faults.no_wall_timer = true;
	set_up(&stage);
	assert_rings_at(&stage, clock_boot_us() + 5000);
	tear_down(&stage);
	faults.no_cancel = true;
	set_up(&stage);
	assert_rings_at(&stage, clock_boot_us() + 5000);
	/* It goes on where that is refused later. */
	tear_down(&stage);
	set_up(&stage);
	faults.no_cancel = true;
	end_wall_timer(true);
	run_for_ms(&stage, 5);
	assert_int_equal(stage.steps, 1);
	assert_rings_at(&stage, clock_boot_us() + 5000);
	tear_down(&stage);
}

static void
test_without_any_timer_there_is_no_alarm(UNUSED void **state)
{
	struct stage stage = { .base = event_base_new() };

	faults.no_timer = true;
	assert_null(make_alarm(&stage));
	assert_int_equal(errno, EMFILE);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_rings_at_its_time),
		cmocka_unit_test(test_it_rings_at_once_where_the_time_is_over),
		cmocka_unit_test(test_it_rings_once),
		cmocka_unit_test(test_it_can_be_set_and_freed_when_it_rings),
		cmocka_unit_test(test_minus_one_is_not_at_all),
		cmocka_unit_test(test_what_was_set_anew_does_not_ring_for_the_old_time),
		cmocka_unit_test(test_a_step_of_the_wall_clock_is_told),
		cmocka_unit_test(test_the_far_future_is_no_step),
		cmocka_unit_test(
		    test_a_wall_clock_in_another_century_keeps_nobody_busy),
		cmocka_unit_test(
		    test_without_a_timer_that_goes_on_in_suspend_it_rings_too),
		cmocka_unit_test(test_where_steps_cannot_be_seen_it_rings_too),
		cmocka_unit_test(test_without_any_timer_there_is_no_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
