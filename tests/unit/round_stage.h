/*
 * Four targets, two tickets, and what rounds tell. To be included behind cmocka.h.
 *
 * Rounds count their time on a clock turned by hand; their timers are real ones, that a
 * test lets ring when it likes.
 */
#ifndef GATHERD_TESTS_UNIT_ROUND_STAGE_H
#define GATHERD_TESTS_UNIT_ROUND_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"
#include "round_timer.h"

#define COUNT 4

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

struct round_stage {
	struct event_base *base;
	struct config *config; /* the one in force */
	struct fake_http *http;
	struct limiter *limiter;
	struct board *board;
	struct turn_context context;
	struct round_events events;
	bool scheduled; /* rounds are, from now on */

	struct buffer told; /* see assert_told() */
	bool looping;       /* loop_once() is on the stack */
	bool changed;       /* as the last outcome said */
	struct round_summary summary;
};

static void
tell(struct round_stage *f, const struct board_entry *entry, const char *what)
{
	buffer_append_format(
	    &f->told, "%s%s%s", f->told.len > 0 ? ", " : "", entry->target->name, what);
}

static void
on_outcome(struct board_entry *entry, bool changed, void *arg)
{
	struct round_stage *f = arg;

	assert_false(entry->in_flight);
	f->changed = changed;
	tell(f, entry, "");
}

static void
on_skipped(struct board_entry *entry, void *arg)
{
	struct round_stage *f = arg;

	assert_true(entry->in_flight);
	tell(f, entry, " skipped");
}

static void
on_failed(const struct round_summary *summary, void *arg)
{
	struct round_stage *f = arg;

	assert_int_not_equal(summary->verdict, ROUND_COMPLETE);
	f->summary = *summary;
	buffer_append_format(&f->told, "%sfailed %llu", f->told.len > 0 ? ", " : "",
	    (unsigned long long)summary->number);
}

static void
on_done(const struct round_summary *summary, void *arg)
{
	struct round_stage *f = arg;

	assert_true(f->looping);
	f->summary = *summary;
	buffer_append_format(&f->told, "%sdone %llu", f->told.len > 0 ? ", " : "",
	    (unsigned long long)summary->number);
}

/* What was told since the last time: "t0, t3 skipped, done 17". */
#define assert_told(stage, text)                               \
	do {                                                   \
		assert_string_equal((stage)->told.data, text); \
		buffer_reset(&(stage)->told);                  \
	} while (0)

UNUSED static int
set_up(void **state)
{
	struct round_stage *f = xcalloc(1, sizeof(*f));

	f->base = event_base_new();
	f->config = fake_config_new(COUNT);
	f->scheduled = true;
	f->http = fake_http_new(COUNT);
	f->limiter = limiter_new(2);
	f->board = board_new(f->config);
	f->context = (struct turn_context){
		.config = f->config,
		.limiter = f->limiter,
		.http = fake_http_client(f->http),
		.clock = fake_http_clock(f->http),
		.base = f->base,
		.board = f->board,
	};
	f->events = (struct round_events){
		.on_outcome = on_outcome,
		.on_skipped = on_skipped,
		.on_failed = on_failed,
		.on_done = on_done,
		.arg = f,
	};
	buffer_init(&f->told, BUFFER_UNLIMITED);
	*state = f;
	return 0;
}

UNUSED static int
tear_down(void **state)
{
	struct round_stage *f = *state;

	assert_string_equal(f->told.data, "");
	assert_int_equal(limiter_held(f->limiter), 0);
	assert_int_equal(limiter_waiting(f->limiter), 0);
	assert_false(fake_http_overlapped(f->http));
	for (size_t i = 0; i < board_size(f->board); i++)
		assert_false(board_entry(f->board, i)->in_flight);
	board_free(f->board);
	limiter_free(f->limiter);
	fake_http_free(f->http);
	fake_config_free(f->config); /* no round holds it any more */
	assert_int_equal(event_base_get_num_events(f->base, EVENT_BASE_COUNT_ADDED), 0);
	event_base_free(f->base);
	buffer_clear(&f->told);
	free(f);
	return 0;
}

/* ---- rounds ---- */

/* Start round NUMBER with the COUNT targets of PLACES. */
UNUSED static struct round *
start_places(struct round_stage *f, uint64_t number, const struct round_place *places,
    size_t count)
{
	const struct round_plan plan = {
		.number = number,
		.places = places,
		.count = count,
		.scheduled = f->scheduled,
	};

	return round_start(&f->context, f->base, f->board, &plan, &f->events);
}

/* Start round NUMBER with the first COUNT targets, at once. */
UNUSED static struct round *
start_first(struct round_stage *f, uint64_t number, size_t count)
{
	struct round_place places[COUNT] = { { .index = 0 } };

	for (size_t i = 0; i < count; i++)
		places[i].index = i;
	return start_places(f, number, places, count);
}

/* Start round NUMBER with all targets, the one with index I after OFFSETS[I]. */
UNUSED static struct round *
start_at(struct round_stage *f, uint64_t number, const int64_t offsets_us[COUNT])
{
	struct round_place places[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		places[i] = (struct round_place){ i, offsets_us[i] };
	return start_places(f, number, places, COUNT);
}

/* With all targets, at once. */
UNUSED static struct round *
start(struct round_stage *f, uint64_t number)
{
	return start_first(f, number, COUNT);
}

/* ---- time ---- */

/* What is due in the loop by now. */
UNUSED static void
loop_once(struct round_stage *f)
{
	f->looping = true;
	event_base_loop(f->base, EVLOOP_NONBLOCK);
	f->looping = false;
}

UNUSED static void
answer_all(struct round_stage *f)
{
	while (fake_http_step(f->http))
		;
	loop_once(f);
}

/* Turn the clock by US, and only then let the timer of ROUND ring. */
UNUSED static void
pass(struct round_stage *f, const struct round *round, int64_t us)
{
	fake_http_pass(f->http, us);
	event_active(round_timer(f->base, round), EV_TIMEOUT, 1);
	loop_once(f);
}

/* How many requests were started, of which the last is that of the target NUMBER. */
#define assert_started(stage, count, number)                                           \
	do {                                                                           \
		assert_int_equal(fake_http_started_count((stage)->http), count);       \
		assert_int_equal(fake_http_started((stage)->http, (count)-1), number); \
	} while (0)

/* All answers take so long. */
UNUSED static void
delay_all(struct round_stage *f, int64_t us)
{
	for (size_t i = 0; i < COUNT; i++)
		fake_http_answer(f->http, i)->delay_us = us;
}

#endif
