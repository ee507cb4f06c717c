#include "gather/gate.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "gather/pace.h"

#define SECOND_US ((int64_t)1000000)

/* Enough that a handful of prompts need no second round, few enough that nobody takes the
 * start of a round for an attack. */
#define FIRST_LIMIT 8.0

/* What a push-back leaves of the limit, and up to what part of it the limit comes back fast:
 * fewer for a moment have the provider draw breath, fewer for long would waste its time. */
#define CUT_TO  0.7
#define BACK_TO 0.9

/* The pauses of a limit that cannot be cut any more. */
#define FIRST_PAUSE_US (SECOND_US / 2)
#define MAX_PAUSE_US   (60 * SECOND_US)

/* So long after the first one that goes after a pause the others do not wait for it. */
#define TRIAL_US SECOND_US

/* After a pause one goes first. */
enum trial {
	TRIAL_NONE,
	TRIAL_DUE,       /* by the next one that enters */
	TRIAL_UNDER_WAY, /* by `trial_number` */
};

struct gate {
	size_t max;
	bool adaptive;
	struct pace pace;
	int64_t full_at_us; /* its bucket */

	size_t in_flight;
	uint64_t entered;

	double limit; /* what was learned: 1 <= limit <= max */
	/* What it was as it was pushed back; HUGE_VAL: it never was. */
	double ceiling;
	bool answered; /* something was since then */
	/* Of those before this number, which entered before the last push-back that was heeded,
	 * another one tells nothing new (RFC 6582's "recover"). */
	uint64_t heeded_from;

	int64_t paused_until_us; /* INT64_MIN: it never was */
	int64_t next_pause_us;   /* of a limit of 1 */
	enum trial trial;
	uint64_t trial_number;
	int64_t trial_until_us;

	uint64_t pauses;
	uint64_t rejections;
	uint64_t cuts;
};

static size_t
limit_of(const struct gate *gate)
{
	return gate->adaptive ? (size_t)gate->limit : gate->max;
}

/* ---- making and changing ---- */

static double
first_limit(const struct gate_limits *limits)
{
	return fmin(FIRST_LIMIT, (double)limits->max);
}

static void
take_limits(struct gate *gate, const struct gate_limits *limits)
{
	assert(limits->max >= 1);
	gate->max = limits->max;
	gate->adaptive = limits->adaptive;
	gate->limit = fmin(gate->limit, (double)limits->max);
	gate->pace = pace_of(limits->starts_per_s);
}

struct gate *
gate_new(const struct gate_limits *limits)
{
	struct gate *gate = xcalloc(1, sizeof(*gate));

	gate->limit = FIRST_LIMIT;
	gate->ceiling = HUGE_VAL;
	gate->paused_until_us = INT64_MIN;
	gate->next_pause_us = FIRST_PAUSE_US;
	take_limits(gate, limits);
	return gate;
}

void
gate_free(struct gate *gate)
{
	free(gate);
}

void
gate_set_limits(struct gate *gate, const struct gate_limits *limits, int64_t now_us)
{
	const struct pace before = gate->pace;

	take_limits(gate, limits);
	/* Where nothing was learned, only the maximum before was in its way. */
	if (gate->ceiling == HUGE_VAL)
		gate->limit = fmax(gate->limit, first_limit(limits));
	gate->full_at_us = pace_change(&before, &gate->pace, gate->full_at_us, now_us);
}

/* ---- who may enter ---- */

/* When those who wait for the one that goes first are done with that; no time to come: they
 * are. */
static int64_t
trial_ends_us(const struct gate *gate)
{
	return gate->trial == TRIAL_UNDER_WAY ? gate->trial_until_us : INT64_MIN;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
gate_next_us(const struct gate *gate, int64_t now_us)
{
	int64_t next_us = later(gate->paused_until_us, trial_ends_us(gate));

	if (gate->in_flight >= limit_of(gate))
		return INT64_MAX;
	next_us = later(next_us, pace_next_us(&gate->pace, gate->full_at_us));
	return next_us > now_us ? next_us : INT64_MIN;
}

int64_t
gate_paused_us(const struct gate *gate, int64_t now_us)
{
	return gate->paused_until_us > now_us ? gate->paused_until_us - now_us : 0;
}

static void
go_first(struct gate *gate, uint64_t number, int64_t now_us)
{
	gate->trial = TRIAL_UNDER_WAY;
	gate->trial_number = number;
	gate->trial_until_us = now_us + TRIAL_US;
}

struct gate_admission
gate_enter(struct gate *gate, int64_t now_us)
{
	struct gate_admission admission = {
		.number = gate->entered++,
		.in_flight = ++gate->in_flight,
	};

	gate->full_at_us = pace_spend(&gate->pace, gate->full_at_us, now_us);
	if (gate->trial == TRIAL_DUE)
		go_first(gate, admission.number, now_us);
	return admission;
}

void
gate_leave(struct gate *gate, const struct gate_admission *admission, int64_t now_us)
{
	(void)now_us;
	assert(gate->in_flight > 0);
	gate->in_flight--;
	if (gate->trial == TRIAL_UNDER_WAY && gate->trial_number == admission->number)
		gate->trial = TRIAL_NONE;
}

/* ---- what is learned ---- */

/* Were there so many, as it entered or now, that the limit meant something? What was never
 * tried says nothing (RFC 7661). */
static bool
is_used(const struct gate *gate, const struct gate_admission *admission)
{
	size_t most = admission->in_flight > gate->in_flight ? admission->in_flight
	                                                     : gate->in_flight;

	return 2 * (double)most >= gate->limit;
}

/*
 * By how much one success raises the limit: one for each doubles it in a round. What it was
 * cut from is where it will be pushed back again, mostly: it comes near in such steps and
 * passes in small ones, two rounds for one more. Once that is passed, the provider has more
 * room than it had.
 */
static double
step(const struct gate *gate)
{
	double back_to = BACK_TO * gate->ceiling;

	if (gate->limit < back_to)
		return fmin(1, back_to - gate->limit);
	return (gate->limit < gate->ceiling ? 0.5 : 1) / gate->limit;
}

void
gate_succeeded(struct gate *gate, const struct gate_admission *admission)
{
	gate->answered = true;
	if (admission->number >= gate->heeded_from)
		gate->next_pause_us = FIRST_PAUSE_US;
	if (gate->adaptive && is_used(gate, admission))
		gate->limit = fmin(gate->limit + step(gate), (double)gate->max);
}

static void
cut(struct gate *gate)
{
	/* In a row of cuts, nothing being answered in between, what held before the first one is
	 * what to come back to (as RFC 5681, 3.1 holds ssthresh constant). */
	if (gate->answered || gate->ceiling == HUGE_VAL)
		gate->ceiling = gate->limit;
	gate->answered = false;
	if (gate->limit > 1)
		gate->cuts++;
	gate->limit = fmax(1, CUT_TO * gate->limit);
}

static void
pause_until(struct gate *gate, int64_t until_us, int64_t now_us)
{
	if (gate->paused_until_us <= now_us)
		gate->pauses++;
	gate->paused_until_us = later(gate->paused_until_us, until_us);
	gate->trial = TRIAL_DUE;
}

void
gate_pause(struct gate *gate, int64_t wait_us, int64_t now_us)
{
	pause_until(gate,
	    now_us + (wait_us < GATE_MAX_PAUSE_US ? wait_us : GATE_MAX_PAUSE_US),
	    now_us);
}

static void
pause_by_itself(struct gate *gate, int64_t now_us, double chance)
{
	double most_us = (double)gate->next_pause_us;

	gate_pause(gate, (int64_t)(most_us * (1 + chance) / 2), now_us);
	gate->next_pause_us *= 2;
	if (gate->next_pause_us > MAX_PAUSE_US)
		gate->next_pause_us = MAX_PAUSE_US;
}

/* There are too many, as far as ADMISSION shows. Returns false where that was heeded already. */
static bool
heed(struct gate *gate, const struct gate_admission *admission)
{
	gate->rejections++;
	if (admission->number < gate->heeded_from)
		return false;
	gate->heeded_from = gate->entered;
	if (gate->adaptive)
		cut(gate);
	return true;
}

void
gate_pushed_back(struct gate *gate, const struct gate_admission *admission,
    int64_t wait_us, int64_t now_us, double chance)
{
	bool is_least = limit_of(gate) == 1;
	bool is_news = heed(gate, admission);

	if (wait_us > 0)
		gate_pause(gate, wait_us, now_us);
	else if (is_news && is_least)
		pause_by_itself(gate, now_us, chance);
}

void
gate_got_no_answer(struct gate *gate, const struct gate_admission *admission)
{
	(void)heed(gate, admission);
}

/* ---- looking ---- */

void
gate_see(const struct gate *gate, int64_t now_us, struct gate_facts *facts)
{
	*facts = (struct gate_facts){
		.max = gate->max,
		.limit = limit_of(gate),
		.in_flight = gate->in_flight,
		.paused_until_us =
		    gate->paused_until_us > now_us ? gate->paused_until_us : INT64_MIN,
		.pauses = gate->pauses,
		.rejections = gate->rejections,
		.cuts = gate->cuts,
	};
}

char *
gate_why_waiting(const struct gate *gate, int64_t now_us)
{
	int64_t next_us = gate_next_us(gate, now_us);
	char wait[UNITS_TEXT_SIZE];

	if (next_us == INT64_MIN)
		return NULL;
	if (next_us == INT64_MAX)
		return xasprintf("%zu of %zu in flight through its provider",
		    gate->in_flight, limit_of(gate));
	units_format_duration(wait, (next_us - now_us + 999) / 1000);
	if (next_us == gate->paused_until_us)
		return xasprintf("its provider is paused for %s", wait);
	if (next_us == trial_ends_us(gate))
		return xasprintf(
		    "one goes first after its provider's pause, for %s", wait);
	return xasprintf("at its provider's rate for %s", wait);
}
