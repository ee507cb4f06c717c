/*
 * An alarm in the loop, on the clock that goes on while the machine sleeps.
 *
 * A timer on CLOCK_BOOTTIME (timerfd_create(2)): what fell due in a suspend rings right
 * after it. Also tells when the wall clock was set, or jumped over a suspend.
 */
#ifndef GATHERD_DAEMON_ALARM_H
#define GATHERD_DAEMON_ALARM_H

#include <stdint.h>

struct alarm;
struct event_base;

struct alarm_events {
	void (*on_ring)(void *arg); /* the time has come */
	void (*on_step)(void *arg); /* the wall clock was set */
	void *arg;
};

/* Returns NULL with errno set. */
struct alarm *alarm_new(struct event_base *base, const struct alarm_events *events);
void alarm_free(struct alarm *alarm);

/* Ring once at BOOT_US on clock_boot_us(), at once where that is over; -1: not at all.
 * Takes the place of what was set before. */
void alarm_set(struct alarm *alarm, int64_t boot_us);

#endif
