/*
 * What holds for rounds whatever happens: some at once over one board, with offsets, with
 * reloads, targets dropped and rounds stopped at random moments, beside a model of what
 * must be. The clock is turned by hand, and timers ring when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "chance.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"
#include "random_targets.h"
#include "round_model.h"
#include "round_timer.h"

#define SCENARIOS 3000
#define STEPS     120

/* ---- rounds ---- */

/* The timer is set while someone waits. It will ring when the test says so. */
static void
take_timer(struct model_round *round)
{
	if (is_waiting(round))
		HOLDS(round->timer != NULL &&
		    event_pending(round->timer, EV_TIMEOUT, NULL));
	if (round->timer != NULL)
		event_remove_timer(round->timer);
}

static struct model_round *
random_round(struct gathering *g, bool running)
{
	size_t start = (size_t)between(0, MODEL_ROUNDS - 1);

	for (size_t i = 0; i < MODEL_ROUNDS; i++) {
		struct model_round *round = &g->rounds[(start + i) % MODEL_ROUNDS];

		if ((round->round != NULL) == running)
			return round;
	}
	return NULL;
}

static size_t
random_places(
    struct gathering *g, struct model_round *round, struct round_place *places)
{
	unsigned sparse = (unsigned)between(1, 4);
	bool spread = one_in(2);
	size_t count = 0;

	for (size_t i = 0; i < board_size(g->board); i++) {
		int64_t offset_us = spread ? between(0, 20) * 50000 : 0;

		if (!one_in(sparse))
			continue;
		round->seats[count] = (struct model_seat){
			.number = number_of(board_entry(g->board, i)),
			.due_us = round->started_us + offset_us,
			.interval_ms = board_entry(g->board, i)->target->interval_ms,
			.state = MODEL_WAITING,
		};
		places[count++] = (struct round_place){ i, offset_us };
	}
	return count;
}

static void
start_round(struct gathering *g)
{
	struct model_round *round = random_round(g, false);
	const struct round_events events = { .on_outcome = on_outcome,
		.on_skipped = on_skipped,
		.on_done = on_done,
		.arg = round };
	struct round_place places[MODEL_NUMBERS];
	struct round_plan plan;

	if (round == NULL)
		return;
	*round = (struct model_round){
		.gathering = g,
		.number = ++g->round_count,
		.scheduled = !one_in(3),
		.config = g->config_count - 1,
		.started_us = fake_http_now_us(g->http),
		.last_outcome_us = -1,
	};
	round->count = random_places(g, round, places);
	note_planned(round);
	plan = (struct round_plan){
		.number = round->number,
		.places = places,
		.count = round->count,
		.scheduled = round->scheduled,
	};
	round->round = round_start(&g->context, g->base, g->board, &plan, &events);
	note_begun(round);
	round->timer = round_timer(g->base, round->round);
	take_timer(round);
}

static void
loop_once(struct gathering *g)
{
	g->looping = true;
	event_base_loop(g->base, EVLOOP_NONBLOCK);
	g->looping = false;
}

/* Early or late. */
static void
ring(struct gathering *g, struct model_round *round)
{
	if (round == NULL || round->timer == NULL)
		return;
	note_late(round);
	event_active(round->timer, EV_TIMEOUT, 1);
	loop_once(g);
	if (round->round == NULL)
		return;
	note_begun(round);
	take_timer(round);
}

static bool
is_gone(const struct board_entry *entry, void *arg)
{
	const bool *gone = arg;

	return gone[number_of(entry)];
}

/* Outcomes of others, that get the tickets, may come meanwhile: of those that are dropped
 * there is none, so that it does not matter that the model learns it afterwards. */
static void
drop(struct model_round *round, bool *gone)
{
	if (round->round == NULL)
		return;
	round_drop(round->round, is_gone, gone);
	note_dropped(round, gone);
	HOLDS(round->round != NULL);
}

static void
drop_some(struct gathering *g)
{
	struct model_round *round = random_round(g, true);
	unsigned many = (unsigned)between(1, 5);
	bool gone[MODEL_NUMBERS];

	if (round == NULL)
		return;
	for (size_t i = 0; i < MODEL_NUMBERS; i++)
		gone[i] = one_in(many);
	drop(round, gone);
}

static void
free_one(struct gathering *g)
{
	struct model_round *round = random_round(g, true);
	bool gone[MODEL_NUMBERS];

	if (round == NULL)
		return;
	memset(gone, true, sizeof(gone));
	round_free(round->round);
	note_dropped(round, gone);
	round->round = NULL;
}

/* ---- configs ---- */

static void
make_nature(struct gathering *g, size_t number)
{
	struct model_target *target = &g->targets[number];
	struct fake_answer *answer = fake_http_answer(g->http, number);

	target->nature = random_nature();
	random_answer(answer);
	target->expected = foresee(&target->nature, answer);
}

/* Some of all numbers, in any order. */
static size_t
random_numbers(struct gathering *g, size_t *numbers)
{
	unsigned many = (unsigned)between(2, 8);
	size_t count = 0;

	for (size_t i = 0; i < g->count; i++) {
		size_t place;

		if (one_in(many))
			continue;
		place = (size_t)between(0, (int64_t)count);
		numbers[count++] = numbers[place];
		numbers[place] = i;
	}
	return count;
}

static struct config *
make_config(struct gathering *g, const size_t *numbers, size_t count)
{
	struct config *config = fake_config_of(count, numbers);

	for (size_t i = 0; i < count; i++) {
		struct model_target *target = &g->targets[numbers[i]];

		if (one_in(4))
			target->required = !target->required;
		if (one_in(4))
			target->keep_last = !target->keep_last;
		if (one_in(4))
			target->interval_ms = between(1, 2000);
		apply_nature(config, i, &target->nature);
		config->targets[i]->interval_ms = target->interval_ms;
		config->targets[i]->required = target->required;
		config->targets[i]->keep_last = target->keep_last;
	}
	HOLDS(g->config_count < MODEL_CONFIGS);
	g->configs[g->config_count++] = config;
	g->context.config = config;
	return config;
}

/* The entries stay where they were, in the order of the config. */
static void
find_entries(struct gathering *g, const size_t *numbers, size_t count)
{
	bool present[MODEL_NUMBERS] = { false };

	HOLDS(board_size(g->board) == count);
	for (size_t i = 0; i < count; i++) {
		struct model_target *target = &g->targets[numbers[i]];

		HOLDS(!target->present || board_entry(g->board, i) == target->entry);
		target->entry = board_entry(g->board, i);
		HOLDS(number_of(target->entry) == numbers[i]);
		present[numbers[i]] = true;
	}
	for (size_t i = 0; i < g->count; i++)
		note_reloaded(g, i, present[i]);
}

static void
reload(struct gathering *g)
{
	struct config *before = g->context.config;
	size_t numbers[MODEL_NUMBERS];
	size_t count = random_numbers(g, numbers);
	bool gone[MODEL_NUMBERS];

	memset(gone, true, sizeof(gone));
	for (size_t i = 0; i < count; i++)
		gone[numbers[i]] = one_in(5); /* or rather: changed */
	for (size_t i = 0; i < MODEL_ROUNDS; i++)
		drop(&g->rounds[i], gone);
	for (size_t i = 0; i < g->count; i++) {
		if (gone[i])
			make_nature(g, i);
	}
	board_reload(g->board, make_config(g, numbers, count));
	if (!g->holding)
		config_unref(before);
	find_entries(g, numbers, count);
}

/* Some targets are known from a former run. */
static void
restore_some(struct gathering *g)
{
	for (size_t i = 0; i < g->count; i++) {
		struct model_target *target = &g->targets[i];
		bool well = one_in(2);
		struct board_memory memory = {
			.status = well ? STATUS_OK : STATUS_TIMEOUT,
			.since_ms = between(1, 1000),
			.checked_at_ms = 1000,
			.last_ok_at_ms = well ? 1000 : -1,
			.failures = well ? 0 : (uint64_t)between(1, 5),
			.entry = xstrdup("{}"),
			.entry_len = 2,
		};

		if (!target->present || one_in(2)) {
			free(memory.entry);
			continue;
		}
		target->known = (struct known){ .status = memory.status,
			.settled = memory.status,
			.since_ms = memory.since_ms,
			.last_ok_at_ms = memory.last_ok_at_ms,
			.failures = memory.failures };
		board_restore(g->board, target->entry, &memory);
	}
}

/* ---- a scenario ---- */

static struct event_base *base;

static void
begin(struct gathering *g)
{
	size_t numbers[MODEL_NUMBERS];
	size_t count;

	*g = (struct gathering){ .base = base, .holding = one_in(2) };
	g->count = (size_t)between(1, MODEL_NUMBERS);
	g->max_concurrent = g->most_concurrent = (size_t)between(1, 6);
	g->http = fake_http_new(MODEL_NUMBERS);
	g->limiter = limiter_new(g->max_concurrent);
	for (size_t i = 0; i < g->count; i++)
		make_nature(g, i);
	count = random_numbers(g, numbers);
	g->board = board_new(make_config(g, numbers, count));
	g->context.limiter = g->limiter;
	g->context.http = fake_http_client(g->http);
	g->context.clock = fake_http_clock(g->http);
	find_entries(g, numbers, count);
	restore_some(g);
}

static void
set_max(struct gathering *g)
{
	g->max_concurrent = (size_t)between(1, 6);
	if (g->max_concurrent > g->most_concurrent)
		g->most_concurrent = g->max_concurrent;
	limiter_set_max(g->limiter, g->max_concurrent);
}

/* Something happens. CALM scenarios see fewer of the rarer things. */
static void
do_something(struct gathering *g, unsigned calm)
{
	if (one_in(4))
		start_round(g);
	if (one_in(2))
		ring(g, random_round(g, true));
	if (one_in(2))
		loop_once(g);
	if (one_in(2))
		fake_http_pass(g->http, between(0, 400000));
	else
		fake_http_step(g->http);
	if (one_in(2 * calm))
		reload(g);
	if (one_in(2 * calm))
		drop_some(g);
	if (one_in(4 * calm))
		free_one(g);
	if (one_in(4 * calm))
		set_max(g);
}

/* Let all of them come to their end. */
static void
run_out(struct gathering *g)
{
	for (unsigned i = 0; random_round(g, true) != NULL; i++) {
		HOLDS(i < 1000);
		while (fake_http_step(g->http))
			check(g);
		fake_http_pass(g->http, 1000000);
		for (size_t k = 0; k < MODEL_ROUNDS; k++) {
			if (g->rounds[k].round != NULL)
				ring(g, &g->rounds[k]);
		}
		loop_once(g);
		check(g);
	}
}

static void
end(struct gathering *g)
{
	loop_once(g);
	check(g);
	HOLDS(limiter_held(g->limiter) == 0 && limiter_waiting(g->limiter) == 0);
	HOLDS(event_base_get_num_events(g->base, EVENT_BASE_COUNT_ADDED) == 0);
	HOLDS(event_base_get_num_events(g->base, EVENT_BASE_COUNT_ACTIVE) == 0);
	board_free(g->board);
	limiter_free(g->limiter);
	fake_http_free(g->http);
	for (size_t i = g->holding ? 0 : g->config_count - 1; i < g->config_count; i++)
		fake_config_free(g->configs[i]);
	for (size_t i = 0; i < g->count; i++)
		free(g->targets[i].known.good);
}

static void
every_turn_has_its_one_end(void)
{
	struct gathering g;
	unsigned calm;
	int64_t steps;

	begin(&g);
	calm = (unsigned)between(2, 20);
	steps = between(1, STEPS);
	check(&g);
	for (int64_t i = 0; i < steps; i++) {
		do_something(&g, calm);
		check(&g);
	}
	run_out(&g);
	end(&g);
}

static void
test_every_turn_and_round_has_its_one_end_whatever_happens(UNUSED void **state)
{
	base = event_base_new();
	run_scenarios(every_turn_has_its_one_end);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_every_turn_and_round_has_its_one_end_whatever_happens),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
