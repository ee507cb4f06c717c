/*
 * The last outcomes of one target: for the page's sparklines. In memory only.
 */
#ifndef GATHERD_GATHER_HISTORY_H
#define GATHERD_GATHER_HISTORY_H

#include <stddef.h>
#include <stdint.h>

struct outcome;

/* How many are kept. */
#define HISTORY_MAX 60

struct history_point {
	/* -1: none; what is longer than it can hold is its maximum. */
	int32_t duration_us;
	uint8_t status; /* enum status */
};

/* A ring; all zero: empty. */
struct history {
	struct history_point points[HISTORY_MAX];
	uint8_t count;
	uint8_t next; /* where the next one goes */
};

/* One more, in the place of the oldest where there are HISTORY_MAX. What was not asked
 * (`pending`) is none. */
void history_put(struct history *history, const struct outcome *outcome);

/* From the oldest, 0, to the newest, count - 1. */
const struct history_point *history_at(const struct history *history, size_t index);

#endif
