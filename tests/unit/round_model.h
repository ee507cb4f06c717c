/*
 * A model of what rounds over one board must do: what each turn came to, what the board
 * knows, who holds which config. To be included behind chance.h.
 *
 * A test tells it what it does (note_...()), the rounds tell it what they do, and check()
 * says whether the two fit.
 */
#ifndef GATHERD_TESTS_UNIT_ROUND_MODEL_H
#define GATHERD_TESTS_UNIT_ROUND_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"
#include "random_targets.h"

#define MODEL_ROUNDS  6  /* at once */
#define MODEL_NUMBERS 24 /* of targets that ever are */
#define MODEL_CONFIGS 200

/* What the board must know of a target. */
struct known {
	bool asked;
	enum status status;
	enum status settled;
	int64_t since_ms;
	int64_t last_ok_at_ms;
	uint64_t failures;
	char *good; /* owned: the data that `keep_last` keeps; NULL: null */
};

struct model_target {
	bool present; /* in the config that is in force */
	struct board_entry *entry;
	struct nature nature;
	bool keep_last;
	bool required;
	int64_t interval_ms;
	int64_t planned_us; /* by the last scheduled round; -1: none */
	struct expected expected;
	struct known known;
	struct model_round *runner; /* whose turn of it is under way; NULL: none */
};

enum model_state {
	MODEL_WAITING,
	MODEL_RUNNING,
	MODEL_ANSWERED,
	MODEL_SKIPPED,
	MODEL_LEFT, /* to a later round */
	MODEL_DROPPED,
};

struct model_seat {
	size_t number;
	int64_t due_us;
	int64_t interval_ms;
	enum model_state state;
};

struct model_round {
	struct gathering *gathering;
	struct round *round; /* NULL: over, or freed */
	struct event *timer;
	uint64_t number;
	bool scheduled;
	size_t config; /* the one it was begun with */
	int64_t started_us;
	int64_t next_us;         /* the first that waited when it rang last is due */
	int64_t last_outcome_us; /* -1: none */
	struct model_seat seats[MODEL_NUMBERS];
	size_t count;
};

struct gathering {
	struct event_base *base;
	struct fake_http *http;
	struct limiter *limiter;
	size_t max_concurrent;
	size_t most_concurrent; /* that ever was the maximum */
	struct board *board;
	struct turn_context context;
	size_t count; /* of numbers */
	struct model_target targets[MODEL_NUMBERS];
	struct model_round rounds[MODEL_ROUNDS];
	uint64_t round_count;
	bool looping;

	/* All there were. The test lets go of them at once, or at the end, having counted
	 * who else holds them. */
	struct config *configs[MODEL_CONFIGS];
	size_t config_count;
	bool holding;
};

static size_t
number_of(const struct board_entry *entry)
{
	return strtoul(entry->target->name + 1, NULL, 10);
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct model_seat *
find_seat(struct model_round *round, const struct board_entry *entry)
{
	for (size_t i = 0; i < round->count; i++) {
		if (round->seats[i].number == number_of(entry))
			return &round->seats[i];
	}
	HOLDS(!"it is part of the round");
	return NULL;
}

/* Has the time of SEAT, that waits in ROUND, come? */
static bool
is_due(const struct model_round *round, const struct model_seat *seat)
{
	return seat->state == MODEL_WAITING &&
	    seat->due_us <= fake_http_now_us(round->gathering->http);
}

/* And is it left to a later round then? */
static bool
is_left(const struct model_round *round, const struct model_seat *seat)
{
	const struct gathering *g = round->gathering;
	int64_t planned_us = g->targets[seat->number].planned_us;
	int64_t now_us = fake_http_now_us(g->http);

	return round->scheduled && planned_us > now_us &&
	    planned_us < now_us + seat->interval_ms * 750;
}

/* Nobody tells of those. */
static void
note_left(struct model_round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		struct model_seat *seat = &round->seats[i];

		if (is_due(round, seat) && is_left(round, seat))
			seat->state = MODEL_LEFT;
	}
}

/* ---- what the board must know after an outcome ---- */

static void
keep_good(struct known *known, const struct board_entry *entry, bool keep_last)
{
	if (status_is_success(entry->outcome.status)) {
		free(known->good);
		known->good =
		    entry->outcome.data != NULL ? xstrdup(entry->outcome.data) : NULL;
	} else if (!keep_last) {
		free(known->good);
		known->good = NULL;
	}
}

static void
learn(struct known *known, const struct board_entry *entry)
{
	enum status status = entry->outcome.status;

	if (status != known->settled)
		known->since_ms = entry->outcome.checked_at_ms;
	known->settled = status;
	if (status_is_success(status)) {
		known->failures = 0;
		known->last_ok_at_ms = entry->outcome.checked_at_ms;
	} else if (entry->outcome.kind != KIND_INTERNAL) {
		known->failures++;
	}
	known->asked = true;
	known->status = status;
}

static void
check_known(const struct model_target *target)
{
	const struct board_entry *entry = target->entry;
	const struct known *known = &target->known;
	bool shows_good = status_is_success(known->status) && known->asked;

	HOLDS(entry->asked == known->asked);
	HOLDS(entry->outcome.status == known->status);
	HOLDS(entry->since_ms == known->since_ms);
	HOLDS(entry->last_ok_at_ms == known->last_ok_at_ms);
	HOLDS(entry->failures == known->failures);
	HOLDS(!entry->asked || entry->restored == NULL);
	HOLDS(is_same_text(
	    shows_good ? entry->outcome.data : entry->last_data, known->good));
	HOLDS(!shows_good || entry->last_data == NULL);
}

/* ---- what rounds tell ---- */

static void
on_outcome(struct board_entry *entry, bool changed, void *arg)
{
	struct model_round *round = arg;
	struct gathering *g = round->gathering;
	struct model_target *target = &g->targets[number_of(entry)];
	struct model_seat *seat = find_seat(round, entry);
	struct known *known = &target->known;

	HOLDS(round->round != NULL || !g->looping);
	HOLDS(target->present && target->entry == entry && !entry->in_flight);
	/* It may be over before it is known to have begun. */
	if (seat->state == MODEL_WAITING)
		HOLDS(target->runner == NULL && is_due(round, seat) &&
		    !is_left(round, seat));
	else
		HOLDS(seat->state == MODEL_RUNNING && target->runner == round);
	seat->state = MODEL_ANSWERED;
	target->runner = NULL;
	round->last_outcome_us = fake_http_now_us(g->http);
	HOLDS(entry->outcome.status == target->expected.status);
	HOLDS(entry->outcome.duration_us == target->expected.duration_us);
	HOLDS(changed == (!known->asked || known->status != entry->outcome.status));
	keep_good(known, entry, target->keep_last);
	learn(known, entry);
	check_known(target);
}

static void
on_skipped(struct board_entry *entry, void *arg)
{
	struct model_round *round = arg;
	const struct model_target *target =
	    &round->gathering->targets[number_of(entry)];
	struct model_seat *seat = find_seat(round, entry);

	HOLDS(seat->state == MODEL_WAITING && !is_left(round, seat));
	HOLDS(entry->in_flight && target->runner != NULL && target->runner != round);
	seat->state = MODEL_SKIPPED;
}

static void
on_done(const struct round_summary *summary, void *arg)
{
	struct model_round *round = arg;
	int64_t duration_us = round->last_outcome_us - round->started_us;

	HOLDS(round->gathering->looping);
	HOLDS(round->round != NULL);
	HOLDS(summary->number == round->number);
	HOLDS(summary->target_count == round->count);
	HOLDS(summary->duration_us == (round->last_outcome_us < 0 ? 0 : duration_us));
	note_left(round);
	for (size_t i = 0; i < round->count; i++)
		HOLDS(round->seats[i].state >= MODEL_ANSWERED);
	round->round = NULL;
}

/* ---- what the test does ---- */

/* Its timer is about to ring: if that is very late, it is so for all who wait. */
static void
note_late(struct model_round *round)
{
	int64_t late_us = fake_http_now_us(round->gathering->http) - round->next_us;

	if (late_us <= 1000000)
		return;
	for (size_t i = 0; i < round->count; i++)
		round->seats[i].due_us += late_us;
}

static void
note_next(struct model_round *round)
{
	round->next_us = INT64_MAX;
	for (size_t i = 0; i < round->count; i++) {
		if (round->seats[i].state == MODEL_WAITING &&
		    round->seats[i].due_us < round->next_us)
			round->next_us = round->seats[i].due_us;
	}
}

/* ROUND is about to begin. */
static void
note_planned(struct model_round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		const struct model_seat *seat = &round->seats[i];

		if (round->scheduled)
			round->gathering->targets[seat->number].planned_us =
			    seat->due_us;
	}
}

/* Those seats of ROUND whose time has come have begun just now, but for those that the
 * callbacks have told of, or that are left to others. */
static void
note_begun(struct model_round *round)
{
	struct gathering *g = round->gathering;

	note_left(round);
	for (size_t i = 0; i < round->count; i++) {
		struct model_seat *seat = &round->seats[i];
		struct model_target *target = &g->targets[seat->number];

		if (!is_due(round, seat))
			continue;
		HOLDS(target->entry->in_flight && target->runner == NULL);
		target->runner = round;
		seat->state = MODEL_RUNNING;
	}
	note_next(round);
}

static bool
is_waiting(const struct model_round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		if (round->seats[i].state == MODEL_WAITING)
			return true;
	}
	return false;
}

/* The seats of ROUND whose targets are GONE lose their turns. */
static void
note_dropped(struct model_round *round, const bool *gone)
{
	for (size_t i = 0; i < round->count; i++) {
		struct model_seat *seat = &round->seats[i];
		struct model_target *target = &round->gathering->targets[seat->number];

		if (!gone[seat->number] || seat->state > MODEL_RUNNING)
			continue;
		if (seat->state == MODEL_RUNNING)
			target->runner = NULL;
		seat->state = MODEL_DROPPED;
	}
}

/* What the model knows of the target with that number after a reload. */
static void
note_reloaded(struct gathering *g, size_t number, bool present)
{
	struct model_target *target = &g->targets[number];
	struct known *known = &target->known;

	if (!present || !target->present) {
		free(known->good);
		*known = (struct known){ .status = STATUS_PENDING,
			.settled = STATUS_PENDING,
			.since_ms = -1,
			.last_ok_at_ms = -1 };
		target->planned_us = -1;
	} else if (!target->keep_last && !status_is_success(known->status)) {
		free(known->good);
		known->good = NULL;
	}
	target->present = present;
}

/* ---- what always holds ---- */

static void
check_tickets(const struct gathering *g)
{
	HOLDS(limiter_held(g->limiter) == fake_http_in_flight(g->http));
	HOLDS(fake_http_most_in_flight(g->http) <= g->most_concurrent);
	HOLDS(limiter_held(g->limiter) >= g->max_concurrent ||
	    limiter_waiting(g->limiter) == 0);
	HOLDS(!fake_http_overlapped(g->http));
}

static void
check_board(const struct gathering *g)
{
	struct board_counts counts;
	size_t of[STATUS_COUNT] = { 0 };
	bool required_failure = false;
	size_t total = 0;
	size_t running = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct model_target *target = &g->targets[i];

		HOLDS(target->present || target->runner == NULL);
		if (!target->present)
			continue;
		HOLDS(target->entry->in_flight == (target->runner != NULL));
		check_known(target);
		running += target->runner != NULL;
		total++;
		of[target->known.status]++;
		required_failure |=
		    target->required && status_is_listed_failed(target->known.status);
	}
	board_count(g->board, &counts);
	HOLDS(counts.total == total);
	HOLDS(memcmp(of, counts.of, sizeof(of)) == 0);
	HOLDS(board_has_required_failure(g->board) == required_failure);
	HOLDS(running == limiter_held(g->limiter) + limiter_waiting(g->limiter));
}

/* Each config is held by the board, by the rounds begun with it, and by the test. */
static void
check_references(const struct gathering *g)
{
	for (size_t i = g->holding ? 0 : g->config_count - 1; i < g->config_count;
	     i++) {
		unsigned holders = i == g->config_count - 1 ? 2 : 1;

		for (size_t k = 0; k < MODEL_ROUNDS; k++)
			holders +=
			    g->rounds[k].round != NULL && g->rounds[k].config == i;
		HOLDS(g->configs[i]->references == holders);
	}
}

static void
check_rounds(const struct gathering *g)
{
	for (size_t i = 0; i < MODEL_ROUNDS; i++) {
		const struct model_round *round = &g->rounds[i];
		size_t done = 0;

		if (round->round == NULL)
			continue;
		for (size_t k = 0; k < round->count; k++)
			done += round->seats[k].state > MODEL_RUNNING;
		HOLDS(round_done_count(round->round) == done);
	}
}

static void
check(const struct gathering *g)
{
	check_tickets(g);
	check_board(g);
	check_references(g);
	check_rounds(g);
}

#endif
