/*
 * Signals as events of the loop, like any other.
 */
#ifndef GATHERD_DAEMON_SIGNALS_H
#define GATHERD_DAEMON_SIGNALS_H

#include <stddef.h>

struct event_base;
struct signals;

struct signal_row {
	int number; /* 0 ends a table */
	void (*on_signal)(int number, void *arg);
};

/* From now on each of ROWS is called from the loop, with ARG, when its signal arrives; one
 * that was held back arrives now, and several of a kind that come before the loop looks
 * are one. Returns NULL where the system refuses. */
struct signals *signals_new(
    struct event_base *base, const struct signal_row *rows, void *arg);

/* All are again as they were: held back, or with their usual effect. */
void signals_free(struct signals *signals);

/* The signal NUMBER alone, as by signals_free(). Also from its own function. */
void signals_release(struct signals *signals, int number);

#endif
