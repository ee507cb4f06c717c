/*
 * How many may start in a time: a token bucket of one second's worth, at least 1.
 *
 * Kept as the time that its contents take to come (the "virtual scheduling" of ITU-T I.371).
 */
#ifndef GATHERD_GATHER_PACE_H
#define GATHERD_GATHER_PACE_H

#include <stdint.h>

/* Zeroed: no limit. */
struct pace {
	int64_t step_us;  /* that one start takes; 0: no limit */
	int64_t slack_us; /* so much before the bucket is full the next may come */
};

/* 0 STARTS_PER_S: no limit. */
struct pace pace_of(double starts_per_s);

/* When the next may start where the bucket is full at FULL_AT_US; INT64_MIN: at any time. */
int64_t pace_next_us(const struct pace *pace, int64_t full_at_us);

/* One starts now: when the bucket is full again. */
int64_t pace_spend(const struct pace *pace, int64_t full_at_us, int64_t now_us);

/* What is used up at the pace FROM is the same number of starts at TO, but no more than all;
 * 0 where one of them has no limit. */
int64_t pace_change(
    const struct pace *from, const struct pace *to, int64_t full_at_us, int64_t now_us);

#endif
