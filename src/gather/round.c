#include "gather/round.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/seats.h"

int64_t
round_now_us(const struct round *round)
{
	return round->context.clock.now_us(round->context.clock.arg);
}

/* ---- the end ---- */

static void
release(struct round *round)
{
	event_del(&round->timer);
	config_unref(round->context.config);
	free(round->edges);
	free(round);
}

static void
finish(struct round *round)
{
	/* Nobody had an outcome: there were no targets, or none was left. */
	if (round->summary.duration_us < 0)
		round->summary.duration_us = 0;
	round->reporting = true;
	round->events.on_done(&round->summary, round->events.arg);
	release(round);
}

static bool
is_over(const struct round *round)
{
	return round->done_count == round->summary.target_count;
}

/* Nobody is to be told in the middle of what he does, with this round or another: the last
 * outcome may come from inside a round_drop() that gave a ticket back. The loop does it. */
static void
finish_later(struct round *round)
{
	event_active(&round->timer, EV_TIMEOUT, 1);
}

void
round_seat_done(struct seat *seat)
{
	struct round *round = seat->round;

	seat->state = SEAT_DONE;
	seat->turn = NULL;
	round->done_count++;
	round_order_release(seat);
	if (is_over(round))
		finish_later(round);
}

void
round_tell_outcome(struct seat *seat, bool changed)
{
	struct round *round = seat->round;

	round->reporting = true;
	round->events.on_outcome(seat->entry, changed, round->events.arg);
	round->reporting = false;
}

/* ---- turns ---- */

static void go_on(struct round *round);

/* SEAT came to OUTCOME, which is used up. */
static void
take(struct seat *seat, struct outcome *outcome, int64_t hold_until_us)
{
	struct round *round = seat->round;

	round_mode_take(seat, outcome, hold_until_us);
	go_on(round);
}

static void
on_turn_done(UNUSED const struct target *target, struct outcome *outcome,
    const struct turn_findings *findings, void *arg)
{
	take(arg, outcome, findings->hold_until_us);
}

void
round_skip(struct seat *seat)
{
	struct round *round = seat->round;

	round_seat_done(seat);
	round->reporting = true;
	round->events.on_skipped(seat->entry, round->events.arg);
	round->reporting = false;
}

static void
tell_begin(struct round *round)
{
	if (round->has_begun)
		return;
	round->has_begun = true;
	if (round->events.on_begin != NULL)
		round->events.on_begin(&round->summary, round->events.arg);
}

static int64_t
due_us(const struct seat *seat)
{
	return seat->round->origin_us + seat->offset_us;
}

/* After a standstill of the program or the machine, a later round may be about to ask what
 * still waits here. Under load seats are late, too, but then that is nearly an interval
 * away. Who had to wait for others may even be behind it. */
static bool
is_left_to_next_round(const struct seat *seat)
{
	int64_t interval_us = seat->target->interval_ms * 1000;
	int64_t ahead_us = seat->entry->planned_us - round_now_us(seat->round);

	if (!seat->round->scheduled)
		return false;
	if (seat->state == SEAT_BLOCKED && ahead_us <= 0)
		return seat->entry->planned_us > due_us(seat);
	return ahead_us > 0 && ahead_us < interval_us - interval_us / 4;
}

/* It is not asked, and that is its outcome. */
static void
refuse(struct seat *seat, const struct objection *objection)
{
	struct outcome outcome;

	turn_skip(&seat->round->context, seat->target, objection->kind,
	    objection->message, &outcome);
	outcome.status = objection->status;
	take(seat, &outcome, 0);
	outcome_clear(&outcome);
}

static void
ask(struct seat *seat)
{
	struct round *round = seat->round;
	struct turn *turn;

	board_set_in_flight(seat->entry, true);
	board_set_in_extra_turn(seat->entry, !round->scheduled);
	seat->state = SEAT_RUNNING;
	turn = turn_start(&round->context, seat->target, on_turn_done, seat);
	/* It may be over already. */
	if (seat->state != SEAT_RUNNING)
		return;
	seat->turn = turn;
	round_mode_catch_up(seat);
}

static void
begin(struct seat *seat)
{
	struct objection objection;

	if (is_left_to_next_round(seat)) {
		round_seat_done(seat);
		return;
	}
	if (seat->entry->in_flight) {
		round_skip(seat);
		return;
	}
	tell_begin(seat->round);
	if (round_order_objects(seat, &objection))
		refuse(seat, &objection);
	else
		ask(seat);
}

/* Its time has come. */
static void
begin_or_block(struct seat *seat)
{
	if (seat->blockers > 0)
		seat->state = SEAT_BLOCKED;
	else
		begin(seat);
}

/* Those that waited for others. What they come to may make more of them ready: a loop, since
 * long chains of skipped targets would exhaust the stack. */
static void
start_ready(struct round *round)
{
	struct seat *seat;

	round->walking = true;
	while ((seat = STAILQ_FIRST(&round->ready)) != NULL) {
		STAILQ_REMOVE_HEAD(&round->ready, in_ready);
		if (seat->state == SEAT_BLOCKED)
			begin(seat);
	}
	round->walking = false;
}

/* Seats are done: what follows. Whoever goes through them further up the stack sees to it. */
static void
go_on(struct round *round)
{
	if (round->walking)
		return;
	start_ready(round);
	if (is_over(round))
		round_mode_commit(round);
}

/* ---- their times ---- */

static void
arm(struct round *round, int64_t now)
{
	int64_t left_us = due_us(&round->seats[round->next]) - now;
	const struct timeval delay = clock_timeval(left_us > 0 ? left_us : 0);

	event_add(&round->timer, &delay);
}

/* Begin the seats whose time has come. */
static void
advance(struct round *round)
{
	int64_t now = round_now_us(round);

	round->walking = true;
	while (round->next < round->summary.target_count) {
		struct seat *seat = &round->seats[round->next];
		bool waits = seat->state == SEAT_WAITING; /* it was not dropped */

		if (waits && due_us(seat) > now) {
			arm(round, now);
			break;
		}
		round->next++;
		if (waits)
			begin_or_block(seat);
	}
	round->walking = false;
	go_on(round);
}

/* After a stop of the program there is no burst: the first whose time came begins now, and
 * the others as long after it as planned. */
static void
forgive_standstill(struct round *round)
{
	int64_t late_us;

	if (round->next == round->summary.target_count)
		return;
	late_us = round_now_us(round) - due_us(&round->seats[round->next]);
	if (late_us > ROUND_STANDSTILL_US)
		round->origin_us += late_us;
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct round *round = arg;

	if (is_over(round)) {
		finish(round);
		return;
	}
	forgive_standstill(round);
	advance(round);
}

/* ---- making and freeing ---- */

static int
compare_seats(const void *left, const void *right)
{
	const struct seat *a = left;
	const struct seat *b = right;

	if (a->offset_us != b->offset_us)
		return a->offset_us < b->offset_us ? -1 : 1;
	/* Config order. */
	return a->target->index < b->target->index ? -1 : 1;
}

static void
fill_seats(struct round *round, const struct round_plan *plan)
{
	const struct round_place *places = plan->places;
	bool in_order = true;

	for (size_t i = 0; i < plan->count; i++) {
		struct board_entry *entry = board_entry(round->board, places[i].index);

		round->seats[i] = (struct seat){
			.round = round,
			.entry = entry,
			.target = entry->target,
			.offset_us = places[i].offset_us,
		};
		if (plan->scheduled)
			board_set_planned(entry, due_us(&round->seats[i]));
		in_order = in_order && places[i].offset_us == places[0].offset_us;
	}
	if (!in_order)
		qsort(round->seats, plan->count, sizeof(*round->seats), compare_seats);
}

static struct round *
round_new(const struct turn_context *context, struct event_base *base,
    struct board *board, const struct round_plan *plan,
    const struct round_events *events)
{
	struct round *round =
	    xcalloc(1, sizeof(*round) + plan->count * sizeof(*round->seats));

	assert(board_config(board) == context->config);
	round->context = *context;
	config_ref(round->context.config);
	round->board = board;
	round->events = *events;
	round->summary = (struct round_summary){
		.number = plan->number,
		.started_at_ms = context->clock.wall_ms(context->clock.arg),
		.duration_us = -1,
		.target_count = plan->count,
	};
	STAILQ_INIT(&round->ready);
	round->scheduled = plan->scheduled;
	round->started_us = round_now_us(round);
	round->origin_us = round->started_us;
	evtimer_assign(&round->timer, base, on_timer, round);
	fill_seats(round, plan);
	round_order_link(round);
	return round;
}

struct round *
round_start(const struct turn_context *context, struct event_base *base,
    struct board *board, const struct round_plan *plan,
    const struct round_events *events)
{
	struct round *round = round_new(context, base, board, plan, events);

	if (plan->count == 0)
		tell_begin(round);
	advance(round);
	if (plan->count == 0)
		finish_later(round);
	return round;
}

/* SEAT goes without an outcome. */
static void
leave_out(struct seat *seat)
{
	struct turn *turn = seat->turn;

	if (seat->state == SEAT_HELD) {
		round_mode_forget(seat);
		return;
	}
	if (seat->state == SEAT_RUNNING)
		board_set_in_flight(seat->entry, false);
	round_seat_done(seat);
	if (turn != NULL)
		turn_abandon(turn);
}

void
round_drop(struct round *round,
    bool (*gone)(const struct board_entry *entry, void *arg), void *arg)
{
	assert(!round->walking && !round->reporting);
	round->walking = true;
	/* From the last to the first: those who wait leave the queue before a ticket that
	 * is given back could start them. */
	for (size_t i = round->summary.target_count; i-- > 0;) {
		struct seat *seat = &round->seats[i];

		if (seat->state != SEAT_DONE && gone(seat->entry, arg))
			leave_out(seat);
	}
	round->walking = false;
	go_on(round);
}

static bool
is_anyone(UNUSED const struct board_entry *entry, UNUSED void *arg)
{
	return true;
}

void
round_free(struct round *round)
{
	if (round == NULL)
		return;
	round_drop(round, is_anyone, NULL);
	release(round);
}

const struct round_summary *
round_summary(const struct round *round)
{
	return &round->summary;
}

size_t
round_done_count(const struct round *round)
{
	return round->done_count;
}
