#include "gather/round.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "gather/board.h"

/* One target of the round. */
struct seat {
	struct round *round; /* borrowed: the one it is part of */
	size_t index;        /* on the board */
	struct turn *turn;   /* NULL: not yet started, or done */
};

struct round {
	const struct turn_context *context; /* borrowed */
	struct board *board;                /* borrowed */
	struct round_events events;
	struct round_summary summary;
	int64_t started_us;
	size_t done_count;
	bool starting;  /* round_start() is on the stack */
	bool reporting; /* one of the caller's functions is on the stack */
	bool deferred;  /* `finish` is going to run */
	struct event finish;
	struct seat seats[];
};

static int64_t
now_us(const struct round *round)
{
	return round->context->clock.now_us(round->context->clock.arg);
}

static void
finish(struct round *round)
{
	round->reporting = true;
	round->events.on_done(&round->summary, round->events.arg);
	free(round);
}

static void
on_finish(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct round *round = arg;

	round->deferred = false;
	finish(round);
}

static bool
is_over(const struct round *round)
{
	return round->done_count == round->summary.target_count;
}

static void
on_turn_done(UNUSED const struct target *target, struct outcome *outcome, void *arg)
{
	struct seat *seat = arg;
	struct round *round = seat->round;
	bool changed;

	seat->turn = NULL;
	board_set_in_flight(round->board, seat->index, false);
	changed = board_put(round->board, seat->index, outcome);
	round->summary.duration_us = now_us(round) - round->started_us;
	round->done_count++;
	round->reporting = true;
	round->events.on_outcome(seat->index, changed, round->events.arg);
	round->reporting = false;
	if (is_over(round) && !round->starting)
		finish(round);
}

static struct round *
round_new(const struct turn_context *context, struct board *board, uint64_t number,
    const size_t *indexes, size_t count, const struct round_events *events)
{
	struct round *round =
	    xcalloc(1, sizeof(*round) + count * sizeof(*round->seats));

	round->context = context;
	round->board = board;
	round->events = *events;
	round->summary = (struct round_summary){
		.number = number,
		.started_at_ms = context->clock.wall_ms(context->clock.arg),
		.target_count = count,
	};
	round->started_us = now_us(round);
	for (size_t i = 0; i < count; i++) {
		round->seats[i].round = round;
		round->seats[i].index = indexes[i];
	}
	return round;
}

struct round *
round_start(const struct turn_context *context, struct event_base *base,
    struct board *board, uint64_t number, const size_t *indexes, size_t count,
    const struct round_events *events)
{
	struct round *round = round_new(context, board, number, indexes, count, events);

	round->starting = true;
	for (size_t i = 0; i < count; i++) {
		struct seat *seat = &round->seats[i];
		const struct board_entry *entry = board_entry(board, seat->index);

		board_set_in_flight(board, seat->index, true);
		seat->turn = turn_start(context, entry->target, on_turn_done, seat);
	}
	round->starting = false;
	if (is_over(round)) {
		/* The caller does not hold the round yet: tell it from the loop. */
		event_assign(&round->finish, base, -1, 0, on_finish, round);
		event_active(&round->finish, EV_TIMEOUT, 1);
		round->deferred = true;
	}
	return round;
}

void
round_free(struct round *round)
{
	if (round == NULL)
		return;
	assert(!round->starting && !round->reporting);
	if (round->deferred)
		event_del(&round->finish);
	/* From the last to the first: those who wait leave the queue before a ticket that
	 * is given back could start them. */
	for (size_t i = round->summary.target_count; i-- > 0;) {
		struct seat *seat = &round->seats[i];

		if (seat->turn == NULL)
			continue;
		board_set_in_flight(round->board, seat->index, false);
		turn_abandon(seat->turn);
	}
	free(round);
}

size_t
round_done_count(const struct round *round)
{
	return round->done_count;
}
