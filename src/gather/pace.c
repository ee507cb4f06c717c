#include "gather/pace.h"

#include <math.h>

#define SECOND_US ((int64_t)1000000)

/* Longer than a program runs, short enough to be added to any time there is. */
#define LONGEST_STEP_US ((int64_t)1 << 56)

/* Steps are whole microseconds, rounded up: never faster than was said. */
struct pace
pace_of(double starts_per_s)
{
	double step_us = ceil((double)SECOND_US / starts_per_s);
	struct pace pace = { 0 };

	if (starts_per_s <= 0)
		return pace;
	pace.step_us =
	    step_us < (double)LONGEST_STEP_US ? (int64_t)step_us : LONGEST_STEP_US;
	if (starts_per_s > 1)
		pace.slack_us =
		    (int64_t)ceil((starts_per_s - 1) * (double)pace.step_us);
	return pace;
}

int64_t
pace_next_us(const struct pace *pace, int64_t full_at_us)
{
	return pace->step_us > 0 ? full_at_us - pace->slack_us : INT64_MIN;
}

int64_t
pace_spend(const struct pace *pace, int64_t full_at_us, int64_t now_us)
{
	if (pace->step_us == 0)
		return full_at_us;
	return (full_at_us > now_us ? full_at_us : now_us) + pace->step_us;
}

int64_t
pace_change(
    const struct pace *from, const struct pace *to, int64_t full_at_us, int64_t now_us)
{
	double owed_us = (double)(full_at_us - now_us);
	double most_us = (double)(to->step_us + to->slack_us);

	if (to->step_us == 0 || from->step_us == 0)
		return 0;
	if (owed_us <= 0)
		return full_at_us;
	owed_us = owed_us * (double)to->step_us / (double)from->step_us;
	return now_us + (int64_t)(owed_us < most_us ? owed_us : most_us);
}
