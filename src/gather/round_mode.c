/*
 * What becomes of outcomes by the config's `mode`, and what the round comes to.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "config/config.h"
#include "gather/backoff.h"
#include "gather/board.h"
#include "gather/seats.h"

const char *const round_verdict_names[] = {
	[ROUND_COMPLETE] = "complete",
	[ROUND_FAILED] = "failed",
	[ROUND_CANCELLED] = "cancelled",
	NULL,
};

/* ---- putting ---- */

/* When SEAT's target may be asked again, after the outcome that is on the board. */
static void
hold_back(const struct seat *seat, int64_t hold_until_us)
{
	const struct round *round = seat->round;
	const struct clock_source *clock = &round->context.clock;
	struct board_entry *entry = seat->entry;
	enum status status = entry->outcome.status;
	int64_t now_us = round_now_us(round);
	int64_t planned_us = round->scheduled ? entry->planned_us : now_us;
	int64_t backoff_us = entry->failures > 0
	    ? backoff_until_us(seat->target, entry->failures, planned_us)
	    : 0;

	/* It was not asked, or not to the end, so that nobody could say anything new. */
	if (status == STATUS_SKIPPED || status == STATUS_CANCELLED ||
	    status == STATUS_PENDING) {
		backoff_us = entry->backoff_until_us;
		if (hold_until_us < entry->hold_until_us)
			hold_until_us = entry->hold_until_us;
	}
	board_hold(round->board, entry, hold_until_us, backoff_us, now_us,
	    clock->wall_ms(clock->arg));
}

static void
put(struct seat *seat, struct outcome *outcome, int64_t hold_until_us)
{
	struct round *round = seat->round;
	bool all_or_nothing = round->summary.verdict == ROUND_CANCELLED;
	bool changed;

	board_set_in_flight(seat->entry, false);
	changed = all_or_nothing
	    ? board_put_without_answer(round->board, seat->entry, outcome)
	    : board_put(round->board, seat->entry, outcome);
	hold_back(seat, hold_until_us);
	round->summary.duration_us = round_now_us(round) - round->started_us;
	if (seat->state != SEAT_HELD)
		round_seat_done(seat);
	seat->state = SEAT_DONE;
	round_tell_outcome(seat, changed);
}

/* ---- holding ---- */

static void
hold(struct seat *seat, struct outcome *outcome, int64_t hold_until_us)
{
	seat->held = *outcome;
	seat->hold_until_us = hold_until_us;
	outcome_init(outcome);
	seat->entry->held = &seat->held;
	round_seat_done(seat);
	seat->state = SEAT_HELD;
}

/* The outcome that SEAT held, which is to be cleared. */
static struct outcome
take_held(struct seat *seat)
{
	struct outcome outcome = seat->held;

	seat->entry->held = NULL;
	outcome_init(&seat->held);
	return outcome;
}

void
round_mode_forget(struct seat *seat)
{
	struct outcome outcome = take_held(seat);

	board_set_in_flight(seat->entry, false);
	outcome_clear(&outcome);
	seat->state = SEAT_DONE;
}

void
round_mode_commit(struct round *round)
{
	/* Those that are held are just being cancelled. */
	if (round->summary.verdict == ROUND_CANCELLED)
		return;
	for (size_t i = 0; i < round->summary.target_count; i++) {
		struct seat *seat = &round->seats[i];
		struct outcome outcome;

		if (seat->state != SEAT_HELD)
			continue;
		outcome = take_held(seat);
		put(seat, &outcome, seat->hold_until_us);
		outcome_clear(&outcome);
	}
}

/* ---- deciding ---- */

/* Why the others of ROUND are cancelled. The caller's. */
static char *
why_cancelled(const struct round *round)
{
	return xasprintf("%s failed", round->culprit->target->name);
}

/* SEAT, which was not asked, reads as cancelled. */
static void
cancel_unasked(struct seat *seat)
{
	struct outcome outcome;

	/* Another round is just asking it, and goes on. */
	if (seat->entry->in_flight) {
		round_skip(seat);
		return;
	}
	turn_skip(&seat->round->context, seat->target, KIND_CANCELLED,
	    why_cancelled(seat->round), &outcome);
	outcome.status = STATUS_CANCELLED;
	put(seat, &outcome, 0);
	outcome_clear(&outcome);
}

static void
cancel_running(struct seat *seat)
{
	char *why;

	/* Its turn is just starting, further up the stack: see round_mode_catch_up(). */
	if (seat->turn == NULL)
		return;
	why = why_cancelled(seat->round);
	turn_cancel(seat->turn, why);
	free(why);
}

/* What it had measured stays. */
static void
cancel_held(struct seat *seat)
{
	struct outcome outcome = take_held(seat);

	outcome.status = STATUS_CANCELLED;
	outcome.kind = KIND_CANCELLED;
	outcome.phase = -1;
	free(outcome.message);
	outcome.message = why_cancelled(seat->round);
	put(seat, &outcome, seat->hold_until_us);
	outcome_clear(&outcome);
}

static void
cancel(struct seat *seat)
{
	switch (seat->state) {
	case SEAT_WAITING:
	case SEAT_BLOCKED:
		cancel_unasked(seat);
		return;
	case SEAT_RUNNING:
		cancel_running(seat);
		return;
	case SEAT_HELD:
		cancel_held(seat);
		return;
	case SEAT_DONE:
		return;
	}
}

/* From the last to the first: those who wait leave the queue before a ticket that is given
 * back could start them. */
static void
cancel_all(struct round *round)
{
	bool walking = round->walking;

	round->walking = true;
	for (size_t i = round->summary.target_count; i-- > 0;)
		cancel(&round->seats[i]);
	round->walking = walking;
}

void
round_mode_catch_up(struct seat *seat)
{
	if (seat->round->summary.verdict == ROUND_CANCELLED)
		cancel(seat);
}

static void
tell_failed(struct round *round)
{
	if (round->events.on_failed == NULL)
		return;
	round->reporting = true;
	round->events.on_failed(&round->summary, round->events.arg);
	round->reporting = false;
}

/* Is OUTCOME of SEAT the first failure of a round that ends, one way or the other, with it? */
static bool
decides(const struct seat *seat, const struct outcome *outcome)
{
	return seat->round->context.config->mode != MODE_SETTLE &&
	    seat->round->summary.verdict == ROUND_COMPLETE && seat->target->required &&
	    status_is_listed_failed(outcome->status);
}

static void
decide(struct seat *seat, struct outcome *outcome, int64_t hold_until_us)
{
	struct round *round = seat->round;
	bool all_or_nothing = round->context.config->mode == MODE_ALL_OR_NOTHING;

	round->summary.verdict = all_or_nothing ? ROUND_CANCELLED : ROUND_FAILED;
	put(seat, outcome, hold_until_us);
	if (!all_or_nothing) {
		tell_failed(round);
		return;
	}
	round->culprit = seat;
	cancel_all(round);
}

void
round_mode_take(struct seat *seat, struct outcome *outcome, int64_t hold_until_us)
{
	const struct round *round = seat->round;

	if (decides(seat, outcome))
		decide(seat, outcome, hold_until_us);
	else if (round->context.config->mode == MODE_ALL_OR_NOTHING &&
	    round->summary.verdict == ROUND_COMPLETE)
		hold(seat, outcome, hold_until_us);
	else
		put(seat, outcome, hold_until_us);
}
