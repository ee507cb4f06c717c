/*
 * When each target is due: rounds planned from the first one's start, or on the clock.
 *
 * Targets with the same interval fall due together; each interval has one place in a heap.
 * A round is planned at a multiple of its interval, counted from the schedule's start, or
 * with `align` from the epoch of the wall clock, so that nothing drifts and a target that
 * comes later falls in with those of its interval. Rounds whose time is over are skipped
 * and counted. Knows no event loop: the caller says what time it is.
 */
#ifndef GATHERD_GATHER_SCHEDULE_H
#define GATHERD_GATHER_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct round_place;
struct schedule;

/* What is due within so long of each other is one round, and wakes the loop once; of
 * intervals under 20 ms, a quarter of one. So long before its time a round may be taken. */
#define SCHEDULE_SLOT_US 5000

/* Both clocks at one instant. */
struct schedule_now {
	int64_t boot_us; /* clock_boot_us(): goes on in suspend, never steps */
	int64_t wall_ms;
};

/* A round that is due. */
struct schedule_due {
	/* Borrowed until the next call; in config order. */
	const struct round_place *places;
	size_t count;
	int64_t late_us; /* how long ago it was planned; 0: in time */
	uint64_t missed; /* rounds that fell due since then, too: nobody runs them */
	int64_t interval_ms; /* of those; with none missed, the shortest of the round */
};

/*
 * The schedule of CONFIG's targets; where there are none, of rounds of nobody, at the
 * file's interval. The first round is due at once; with `align` at the
 * next multiple of each interval.
 */
struct schedule *schedule_new(
    const struct config *config, const struct schedule_now *now);
void schedule_free(struct schedule *schedule);

/*
 * Go over to CONFIG. An interval that there was keeps its time; a new one gets the next of
 * its multiples.
 */
void schedule_reload(struct schedule *schedule, const struct config *config,
    const struct schedule_now *now);

/* When the next round is due, on clock_boot_us(). */
int64_t schedule_next_us(const struct schedule *schedule);

/*
 * Take the round that is due at NOW and plan the next of its targets. Returns false where
 * none is. In O(log n) for n intervals, and the number of targets that are due.
 *
 * It is one round however late: 61 s after a round of every second was planned, that one
 * is taken and 61 are missed, the one due at that instant among them; the next is due a
 * second later. Of several intervals, the one with the most missed rounds is counted.
 */
bool schedule_take(struct schedule *schedule, const struct schedule_now *now,
    struct schedule_due *due);

/*
 * The wall clock stepped: with `align`, plan anew. A step of up to half an interval, this
 * way or that, runs no round twice and drops none: one that it went over is due. What is due
 * already stays due, as a clock steps after a suspend, too.
 */
void schedule_clock_stepped(struct schedule *schedule, const struct schedule_now *now);

/* Should a round have been taken more than TOLERANCE_US ago? */
bool schedule_is_overdue(
    const struct schedule *schedule, int64_t boot_us, int64_t tolerance_us);

/* How many rounds were missed in all. */
uint64_t schedule_missed_count(const struct schedule *schedule);

/*
 * How long after its round's start a target of that NAME begins: a fixed point within
 * SPREAD_US (>= 0) drawn from the name. There are few different ones, 20 at least, so that
 * a thousand targets do not wake the loop a thousand times; 3 s lie between them at most.
 */
int64_t schedule_offset_us(const char *name, int64_t spread_us);

#endif
