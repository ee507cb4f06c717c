/*
 * What the tests of gather/schedule stand on: configs by their intervals, and time counted
 * from one instant. To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_SCHEDULE_STAGE_H
#define GATHERD_TESTS_SCHEDULE_STAGE_H

#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/round.h"
#include "gather/schedule.h"

#define SECOND  INT64_C(1000000)
#define MINUTE  (60 * SECOND)
#define DAY_MS  INT64_C(86400000)
#define YEAR_MS (365 * DAY_MS)

/* When the schedules of these tests begin: 2026-11-21T03:40:00Z, on the minute. */
#define BOOT INT64_C(123456789)
#define WALL INT64_C(1795232400000)

/* BOOT_US after the start, with the wall clock STEP_MS off. */
static inline struct schedule_now
stepped(int64_t boot_us, int64_t step_ms)
{
	return (struct schedule_now){ .boot_us = BOOT + boot_us,
		.wall_ms = WALL + step_ms + boot_us / 1000 };
}

static inline struct schedule_now
at(int64_t boot_us)
{
	return stepped(boot_us, 0);
}

/* Targets with these intervals, up to one of 0. */
static inline struct config *
config_of(const int64_t *intervals_ms)
{
	struct config *config;
	size_t count = 0;

	while (intervals_ms[count] != 0)
		count++;
	config = fake_config_new(count);
	for (size_t i = 0; i < count; i++)
		config->targets[i]->interval_ms = intervals_ms[i];
	return config;
}

#define CONFIG_OF(...) config_of((const int64_t[]){ __VA_ARGS__, 0 })

static inline struct config *
aligned(struct config *config)
{
	config->align = true;
	return config;
}

static inline struct schedule *
begin(const struct config *config, struct schedule_now now)
{
	return schedule_new(config, &now);
}

static inline struct schedule_due
take(struct schedule *schedule, struct schedule_now now)
{
	struct schedule_due due;

	assert_true(schedule_take(schedule, &now, &due));
	return due;
}

static inline void
assert_none(struct schedule *schedule, struct schedule_now now)
{
	struct schedule_due due;

	assert_false(schedule_take(schedule, &now, &due));
}

/* In microseconds since the start. */
static inline int64_t
next(const struct schedule *schedule)
{
	return schedule_next_us(schedule) - BOOT;
}

static inline void
reload(struct schedule *schedule, const struct config *config, struct schedule_now now)
{
	schedule_reload(schedule, config, &now);
}

static inline void
step(struct schedule *schedule, struct schedule_now now)
{
	schedule_clock_stepped(schedule, &now);
}

static inline void
end(struct schedule *schedule, struct config *config)
{
	schedule_free(schedule);
	fake_config_free(config);
}

/* The targets of DUE: "0 3 4". */
static inline const char *
shown(struct schedule_due due)
{
	static char text[256];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < due.count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%zu",
		    i > 0 ? " " : "", due.places[i].index);
	return text;
}

#endif
