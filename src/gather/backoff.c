#include "gather/backoff.h"

#include "config/config.h"
#include "gather/board.h"

int64_t
backoff_until_us(const struct target *target, uint64_t failures, int64_t planned_us)
{
	int64_t interval_ms = target->interval_ms;
	int64_t wait_ms = interval_ms;

	for (uint64_t i = 1; i < failures && wait_ms < target->backoff_ms; i++)
		wait_ms =
		    wait_ms < target->backoff_ms / 2 ? 2 * wait_ms : target->backoff_ms;
	return wait_ms > interval_ms ? planned_us + wait_ms * 1000 : 0;
}

bool
backoff_is_over(const struct board_entry *entry, int64_t now_us)
{
	int64_t slack_us = entry->target->interval_ms * 1000 / 4;

	return entry->backoff_until_us == 0 ||
	    now_us >= entry->backoff_until_us - slack_us;
}

bool
backoff_is_fresh(const struct board_entry *entry, int64_t wall_ms)
{
	int64_t age_ms = wall_ms - entry->outcome.checked_at_ms;

	/* A time to come is of a clock that was wrong, and says nothing. */
	return entry->target->kind == TARGET_PROMPT && !entry->asked &&
	    entry->outcome.checked_at_ms >= 0 && age_ms >= 0 &&
	    age_ms < entry->target->interval_ms;
}
