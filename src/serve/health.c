#include "serve/health.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

/* "the round that was due 12s ago has not begun" */
static void
say_since(char reason[static HEALTH_REASON_SIZE], const char *before, int64_t ms,
    const char *behind)
{
	char age[UNITS_TEXT_SIZE];

	units_format_age(age, ms);
	snprintf(reason, HEALTH_REASON_SIZE, "%s %s ago%s", before, age, behind);
}

bool
health_is_well(const struct health *health, int64_t stale_after_ms, int64_t now_us,
    int64_t now_ms, char reason[static HEALTH_REASON_SIZE])
{
	int64_t late_us = health->due_at_us != 0 ? now_us - health->due_at_us : 0;

	/* What is the cause of others stands first. */
	if (health->write_error != 0)
		snprintf(reason, HEALTH_REASON_SIZE, "%s could not be written: %s",
		    health->written, strerror(health->write_error));
	else if (late_us > HEALTH_OVERDUE_US)
		say_since(
		    reason, "the round that was due", late_us / 1000, " has not begun");
	else if (stale_after_ms == -1)
		snprintf(reason, HEALTH_REASON_SIZE, "there is no document yet");
	else if (now_ms > stale_after_ms)
		say_since(
		    reason, "the document became stale", now_ms - stale_after_ms, "");
	else
		return true;
	return false;
}
