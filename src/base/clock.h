/*
 * The two clocks: monotonic time for waiting, wall time for people.
 *
 * Monotonic times and measured durations are microseconds in int64_t named `_us`; wall
 * times and configured durations are milliseconds named `_ms`.
 */
#ifndef GATHERD_BASE_CLOCK_H
#define GATHERD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

/* CLOCK_MONOTONIC: never steps, stops in suspend. */
int64_t clock_now_us(void);

/* CLOCK_BOOTTIME: never steps, goes on in suspend. */
int64_t clock_boot_us(void);

/* CLOCK_REALTIME since the epoch. */
int64_t clock_wall_ms(void);

/* A duration, which is not negative, as the timers of an event loop take it. */
struct timeval clock_timeval(int64_t us);

/* Both clocks as a parameter, for what tests turn by hand. */
struct clock_source {
	int64_t (*now_us)(void *arg);
	int64_t (*wall_ms)(void *arg);
	void *arg;
};

/* The real ones. */
extern const struct clock_source clock_system;

/* "2026-11-21T03:40:00.123Z" and its NUL. */
#define CLOCK_RFC3339_SIZE 25

/* WALL_MS (years 0 to 9999) as RFC 3339 in UTC with milliseconds. */
void clock_format_rfc3339(char text[static CLOCK_RFC3339_SIZE], int64_t wall_ms);

/* Read such a text, in any offset, with or without a fraction. Returns -1 if TEXT is no
 * RFC 3339 time, or one before the epoch. */
int64_t clock_parse_rfc3339(const char *text);

#endif
