/*
 * Time as the program lived it: CLOCK_MONOTONIC less the time it was away, be it stopped
 * by a signal, frozen with its control group, held by a debugger or paused with its
 * virtual machine.
 *
 * Deadlines count in it: what arrived meanwhile could not be read. Nothing tells a program
 * that it was away but timers that fire far too late, so while somebody watches, a timer
 * ticks; between two ticks a short absence goes unnoticed. In a suspend of the machine,
 * CLOCK_MONOTONIC stands still by itself.
 *
 * A timer that is late does not tell when the program left: after the timer before, and
 * before this one was due. At first all of that counts as time away. But a program that
 * comes back only to leave again, or whose machine is late with everything, would then
 * never come to a deadline: for it only the time counts in which the timer was late.
 *
 * Private to http/transfers.
 */
#ifndef GATHERD_HTTP_PRESENCE_H
#define GATHERD_HTTP_PRESENCE_H

#include <stdint.h>

struct clock_source;
struct event_base;
struct presence;

/* Who waits for less is told by the lateness of his own timer: see presence_fired(). */
#define PRESENCE_TICK_MS 500

/* What fires later than this was not only held up by the loop's other work, some tens of
 * milliseconds as thousands of answers are judged. */
#define PRESENCE_TOLERANCE_MS 250

/* How often in a row the doubt when it left is in the program's favour. Each tick's time
 * that it was there regains one. */
#define PRESENCE_CREDIT_TICKS 4

/* CLOCK is copied; NULL: the system's. */
struct presence *presence_new(
    struct event_base *base, const struct clock_source *clock);

/* NULL is allowed. */
void presence_free(struct presence *presence);

/* Somebody waits for a deadline; he no longer does. */
void presence_watch(struct presence *presence);
void presence_unwatch(struct presence *presence);

/* The time lived, in microseconds. Never goes back. */
int64_t presence_now_us(struct presence *presence);

/* The same, from a watcher's timer that was to fire when that would be DUE_US. */
int64_t presence_fired(struct presence *presence, int64_t due_us);

/* All the time that it was away. */
int64_t presence_away_us(const struct presence *presence);

#endif
