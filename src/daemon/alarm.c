#include "daemon/alarm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"

/* When the timer that waits for steps of the wall clock is over by itself: never, as this
 * is the last second that the kernel can count to. Were it over it would be set anew,
 * and over at once, again and again. */
#define FAR_FUTURE_SECONDS (INT64_MAX / 1000000000)

/* One timerfd(2) and its event. */
struct timer {
	int fd; /* -1: there is none */
	struct event *event;
};

struct alarm {
	struct alarm_events events;
	struct timer ring;
	struct timer step;
};

static struct timespec
timespec_from_us(int64_t us)
{
	return (struct timespec){
		.tv_sec = us / 1000000,
		.tv_nsec = us % 1000000 * 1000,
	};
}

/* Pass what made TIMER's descriptor readable. Returns 0, or errno: EAGAIN where it was set
 * anew since, ECANCELED where the clock was set. */
static int
take_expiry(const struct timer *timer)
{
	uint64_t count;

	return read(timer->fd, &count, sizeof(count)) == -1 ? errno : 0;
}

void
alarm_set(struct alarm *alarm, int64_t boot_us)
{
	struct itimerspec when = { .it_value = { 0 } };

	if (boot_us >= 0) {
		/* What is over rings at once, but zero would switch the timer off. */
		int64_t left_us = boot_us - clock_boot_us();

		when.it_value = timespec_from_us(left_us > 0 ? left_us : 1);
	}
	/* By what is left, which is right on either clock. An absolute time would also be
	 * moved by libfaketime along with the wall clock, whatever the timer's clock. */
	if (timerfd_settime(alarm->ring.fd, 0, &when, NULL) == -1)
		log_error("cannot set a timer: %s", strerror(errno));
}

static bool
wait_for_step(struct alarm *alarm)
{
	static const struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)FAR_FUTURE_SECONDS },
	};

	/* ECANCELED: the timer runs, and the clock was set yet again. */
	return timerfd_settime(alarm->step.fd,
	           TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) == 0 ||
	    errno == ECANCELED;
}

/* To know of steps helps `align`, and nothing fails without. */
static void
tell_blindness(void)
{
	log_debug("steps of the wall clock go unnoticed: %s", strerror(errno));
}

static void
on_ring(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct alarm *alarm = arg;

	if (take_expiry(&alarm->ring) == 0)
		alarm->events.on_ring(alarm->events.arg);
}

static void
on_step(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct alarm *alarm = arg;
	int error_number = take_expiry(&alarm->step);

	if (error_number == EAGAIN)
		return;
	if (!wait_for_step(alarm))
		tell_blindness();
	if (error_number == ECANCELED)
		alarm->events.on_step(alarm->events.arg);
}

static bool
timer_listen(struct timer *timer, struct event_base *base, event_callback_fn callback,
    struct alarm *alarm)
{
	timer->event =
	    event_new(base, timer->fd, EV_READ | EV_PERSIST, callback, alarm);
	if (timer->event != NULL && event_add(timer->event, NULL) == 0)
		return true;
	errno = ENOMEM;
	return false;
}

static void
timer_close(struct timer *timer)
{
	if (timer->event != NULL)
		event_free(timer->event);
	if (timer->fd != -1)
		close(timer->fd);
	*timer = (struct timer){ .fd = -1 };
}

static bool
open_ring(struct alarm *alarm, struct event_base *base)
{
	alarm->ring.fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (alarm->ring.fd == -1 && errno == EINVAL) {
		/* Some sandboxes do not know that clock here (gVisor; Linux before 3.15).
		 * What fell due in a suspend then rings late, by as much as was left. */
		alarm->ring.fd =
		    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	}
	return alarm->ring.fd != -1 && timer_listen(&alarm->ring, base, on_ring, alarm);
}

static void
open_step(struct alarm *alarm, struct event_base *base)
{
	alarm->step.fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (alarm->step.fd != -1 && wait_for_step(alarm) &&
	    timer_listen(&alarm->step, base, on_step, alarm))
		return;
	tell_blindness();
	timer_close(&alarm->step);
}

struct alarm *
alarm_new(struct event_base *base, const struct alarm_events *events)
{
	struct alarm *alarm = xcalloc(1, sizeof(*alarm));
	int error_number;

	alarm->events = *events;
	alarm->ring.fd = -1;
	alarm->step.fd = -1;
	if (open_ring(alarm, base)) {
		open_step(alarm, base);
		return alarm;
	}
	error_number = errno;
	alarm_free(alarm);
	errno = error_number;
	return NULL;
}

void
alarm_free(struct alarm *alarm)
{
	if (alarm == NULL)
		return;
	timer_close(&alarm->ring);
	timer_close(&alarm->step);
	free(alarm);
}
