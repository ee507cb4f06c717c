#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"

#define COUNT 4

static const size_t all[COUNT] = { 0, 1, 2, 3 };

/* Four targets, two tickets, and what a round tells. */
struct fixture {
	struct event_base *base;
	struct config *config;
	struct fake_http *http;
	struct limiter *limiter;
	struct board *board;
	struct turn_context context;
	struct round_events events;

	size_t outcomes[COUNT]; /* the indexes, as they came */
	bool changed[COUNT];
	size_t outcome_count;
	struct round_summary summary;
	unsigned done_count;
};

static void
on_outcome(size_t index, bool changed, void *arg)
{
	struct fixture *f = arg;

	assert_int_equal(f->done_count, 0);
	assert_true(f->outcome_count < COUNT);
	assert_false(board_entry(f->board, index)->in_flight);
	f->changed[f->outcome_count] = changed;
	f->outcomes[f->outcome_count++] = index;
}

static void
on_done(const struct round_summary *summary, void *arg)
{
	struct fixture *f = arg;

	f->summary = *summary;
	f->done_count++;
	assert_int_equal(limiter_held(f->limiter), 0);
}

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->base = event_base_new();
	f->config = fake_config_new(COUNT);
	f->http = fake_http_new(COUNT);
	f->limiter = limiter_new(2);
	f->board = board_new(f->config);
	f->context = (struct turn_context){
		.config = f->config,
		.limiter = f->limiter,
		.http = fake_http_client(f->http),
		.clock = fake_http_clock(f->http),
	};
	f->events = (struct round_events){
		.on_outcome = on_outcome, .on_done = on_done, .arg = f
	};
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(limiter_held(f->limiter), 0);
	board_free(f->board);
	limiter_free(f->limiter);
	fake_http_free(f->http);
	fake_config_free(f->config);
	event_base_free(f->base);
	free(f);
	return 0;
}

static struct round *
start(struct fixture *f, size_t count)
{
	return round_start(&f->context, f->base, f->board, 17, all, count, &f->events);
}

static void
loop_once(struct fixture *f)
{
	event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static void
test_a_round_gathers_all_its_targets(void **state)
{
	struct fixture *f = *state;
	struct round *round;

	for (size_t i = 0; i < COUNT; i++)
		fake_http_answer(f->http, i)->delay_us = 100000;
	fake_http_answer(f->http, 0)->delay_us = 500200;
	round = start(f, COUNT);
	assert_int_equal(round_done_count(round), 0);
	for (size_t i = 0; i < COUNT; i++)
		assert_true(board_entry(f->board, i)->in_flight);

	assert_true(fake_http_step(f->http));
	assert_int_equal(round_done_count(round), 1);
	assert_int_equal(f->outcomes[0], 1);
	assert_false(board_entry(f->board, 1)->in_flight);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->done_count, 1);
	assert_int_equal(f->outcome_count, COUNT);
	assert_int_equal(f->outcomes[COUNT - 1], 0);
	assert_int_equal(f->summary.number, 17);
	assert_int_equal(f->summary.started_at_ms, FAKE_START_MS);
	assert_int_equal(f->summary.duration_us, 500200);
	assert_int_equal(f->summary.target_count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(fake_http_started(f->http, i), i);
		assert_int_equal(board_entry(f->board, i)->outcome.status, STATUS_OK);
		assert_true(f->changed[i]);
	}
}

static void
test_a_second_round_goes_on_with_the_board(void **state)
{
	struct fixture *f = *state;

	start(f, COUNT);
	while (fake_http_step(f->http))
		;
	f->outcome_count = f->done_count = 0;
	fake_http_answer(f->http, 1)->http_status = 500;
	start(f, COUNT);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->done_count, 1);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(f->changed[i], f->outcomes[i] == 1);
		assert_int_equal(board_entry(f->board, i)->version, 2);
	}
}

static void
test_a_round_may_be_of_some_targets_only(void **state)
{
	static const size_t some[] = { 3, 1 };
	struct fixture *f = *state;

	round_start(&f->context, f->base, f->board, 1, some, 2, &f->events);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->done_count, 1);
	assert_int_equal(fake_http_started(f->http, 0), 3);
	assert_int_equal(fake_http_started(f->http, 1), 1);
	assert_int_equal(board_entry(f->board, 0)->version, 0);
}

static void
test_a_round_of_no_targets_ends_from_the_loop(void **state)
{
	struct fixture *f = *state;

	assert_non_null(start(f, 0));
	assert_int_equal(f->done_count, 0);
	loop_once(f);
	assert_int_equal(f->done_count, 1);
	assert_int_equal(f->summary.duration_us, 0);
	assert_int_equal(f->summary.target_count, 0);
}

static void
test_a_round_that_can_ask_nobody_ends_from_the_loop(void **state)
{
	struct fixture *f = *state;
	struct round *round;

	for (size_t i = 0; i < COUNT; i++)
		fake_config_break(f->config, i);
	round = start(f, COUNT);
	assert_int_equal(f->outcome_count, COUNT);
	assert_int_equal(round_done_count(round), COUNT);
	assert_int_equal(f->done_count, 0);
	loop_once(f);
	assert_int_equal(f->done_count, 1);
}

static void
test_one_that_cannot_be_asked_ends_no_other(void **state)
{
	struct fixture *f = *state;

	fake_config_break(f->config, 0);
	fake_config_break(f->config, 3);
	start(f, COUNT);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->done_count, 1);
	assert_int_equal(board_entry(f->board, 0)->outcome.kind, KIND_TEMPLATE);
	assert_int_equal(board_entry(f->board, 1)->outcome.status, STATUS_OK);
	assert_int_equal(board_entry(f->board, 2)->outcome.status, STATUS_OK);
	assert_int_equal(board_entry(f->board, 3)->outcome.kind, KIND_TEMPLATE);
}

static void
test_freeing_stops_everything_without_a_word(void **state)
{
	struct fixture *f = *state;
	struct round *round;

	for (size_t i = 0; i < COUNT; i++)
		fake_http_answer(f->http, i)->delay_us = FAKE_NEVER;
	fake_http_answer(f->http, 0)->delay_us = 10;
	round = start(f, COUNT);
	fake_http_step(f->http);
	round_free(round);
	assert_int_equal(fake_http_in_flight(f->http), 0);
	/* those who waited were not started on the way out */
	assert_int_equal(fake_http_started_count(f->http), 3);
	assert_int_equal(f->outcome_count, 1);
	assert_int_equal(f->done_count, 0);
	for (size_t i = 0; i < COUNT; i++)
		assert_false(board_entry(f->board, i)->in_flight);
	loop_once(f);
	assert_int_equal(f->done_count, 0);
}

static void
test_freeing_takes_back_the_end_that_was_to_come(void **state)
{
	struct fixture *f = *state;

	round_free(start(f, 0));
	round_free(NULL);
	loop_once(f);
	assert_int_equal(f->done_count, 0);
}

/* The next round, from inside the end of the one before. */
static void
on_done_start_another(const struct round_summary *summary, void *arg)
{
	struct fixture *f = arg;

	on_done(summary, f);
	f->outcome_count = f->done_count = 0;
	f->events.on_done = on_done;
	start(f, COUNT);
}

static void
test_a_round_may_begin_where_another_ends(void **state)
{
	struct fixture *f = *state;

	f->events.on_done = on_done_start_another;
	start(f, COUNT);
	while (fake_http_step(f->http))
		;
	assert_int_equal(f->done_count, 1);
	assert_int_equal(board_entry(f->board, 3)->version, 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_round_gathers_all_its_targets),
		CASE(test_a_second_round_goes_on_with_the_board),
		CASE(test_a_round_may_be_of_some_targets_only),
		CASE(test_a_round_of_no_targets_ends_from_the_loop),
		CASE(test_a_round_that_can_ask_nobody_ends_from_the_loop),
		CASE(test_one_that_cannot_be_asked_ends_no_other),
		CASE(test_freeing_stops_everything_without_a_word),
		CASE(test_freeing_takes_back_the_end_that_was_to_come),
		CASE(test_a_round_may_begin_where_another_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
