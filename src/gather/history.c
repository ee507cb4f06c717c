#include "gather/history.h"

#include <assert.h>

#include "gather/outcome.h"

static int32_t
duration_us(const struct outcome *outcome)
{
	int64_t us = outcome->duration_us;

	if (us < 0)
		return -1;
	return us < INT32_MAX ? (int32_t)us : INT32_MAX;
}

void
history_put(struct history *history, const struct outcome *outcome)
{
	if (outcome->status == STATUS_PENDING)
		return;
	history->points[history->next] = (struct history_point){
		.duration_us = duration_us(outcome),
		.status = (uint8_t)outcome->status,
	};
	history->next = (uint8_t)((history->next + 1) % HISTORY_MAX);
	if (history->count < HISTORY_MAX)
		history->count++;
}

const struct history_point *
history_at(const struct history *history, size_t index)
{
	size_t oldest = history->count < HISTORY_MAX ? 0 : history->next;

	assert(index < history->count);
	return &history->points[(oldest + index) % HISTORY_MAX];
}
