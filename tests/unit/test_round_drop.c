/*
 * Rounds that are interfered with: targets dropped, configs changed, all stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"
#include "round_stage.h"
#include "round_timer.h"

/* Drop the targets of which the bit of their number is set in MASK. */
static bool
is_in_mask(const struct board_entry *entry, void *arg)
{
	const unsigned *mask = arg;

	return *mask >> strtoul(entry->target->name + 1, NULL, 10) & 1;
}

static void
drop(struct round *round, unsigned mask)
{
	round_drop(round, is_in_mask, &mask);
}

#define T(number) (1U << (number))
#define ALL       (T(0) | T(1) | T(2) | T(3))

/*
 * Go over to the COUNT targets NUMBERS, as a reload does once the rounds have dropped what
 * is gone; and so that nobody but the rounds holds the config before.
 */
static void
reload(struct round_stage *f, size_t count, const size_t *numbers)
{
	struct config *config = fake_config_of(count, numbers);

	board_reload(f->board, config);
	config_unref(f->config);
	f->config = config;
	f->context.config = config;
}

static void
reload_all(struct round_stage *f)
{
	reload(f, COUNT, (const size_t[]){ 0, 1, 2, 3 });
}

/* ---- dropping targets ---- */

static void
test_one_that_is_asked_is_cancelled_without_an_outcome(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, SECOND);
	round = start(f, 1);
	drop(round, T(1));
	assert_false(board_entry(f->board, 1)->in_flight);
	assert_int_equal(board_entry(f->board, 1)->version, 0);
	assert_int_equal(round_done_count(round), 1);
	/* its ticket went on */
	assert_started(f, 3, 2);
	answer_all(f);
	assert_told(f, "t0, t2, t3, done 1");
	assert_int_equal(f->summary.target_count, COUNT);
}

static void
test_one_in_the_queue_leaves_it(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, SECOND);
	round = start(f, 1);
	drop(round, T(2));
	assert_int_equal(limiter_waiting(f->limiter), 1);
	assert_false(board_entry(f->board, 2)->in_flight);
	answer_all(f);
	assert_told(f, "t0, t1, t3, done 1");
	assert_int_equal(fake_http_started_count(f->http), 3);
}

static void
test_one_whose_time_has_not_come_never_begins(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	round = start_at(f, 1, (const int64_t[]){ 0, SECOND, SECOND, 2 * SECOND });
	drop(round, T(1));
	pass(f, round, SECOND);
	answer_all(f);
	assert_told(f, "t0, t2");
	/* the last one: the timer is set for nobody */
	drop(round, T(3));
	loop_once(f);
	assert_told(f, "done 1");
	assert_int_equal(f->summary.duration_us, SECOND);
	assert_int_equal(fake_http_started_count(f->http), 2);
}

static void
test_one_that_is_done_stays_so(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	fake_http_answer(f->http, 3)->delay_us = SECOND;
	round = start(f, 1);
	fake_http_pass(f->http, 0);
	assert_told(f, "t0, t1, t2");
	drop(round, T(0) | T(1));
	assert_int_equal(round_done_count(round), 3);
	assert_int_equal(board_entry(f->board, 0)->version, 1);
	answer_all(f);
	assert_told(f, "t3, done 1");
}

static void
test_another_rounds_turn_is_not_ones_own(void **state)
{
	struct round_stage *f = *state;
	struct round *first;
	struct round *second;

	delay_all(f, SECOND);
	first = start_first(f, 1, 1);
	second = start_at(f, 2, (const int64_t[]){ 0, 0, MS, MS });
	assert_told(f, "t0 skipped");
	drop(second, ALL);
	assert_true(board_entry(f->board, 0)->in_flight);
	assert_int_equal(fake_http_in_flight(f->http), 1);
	drop(first, T(3));
	loop_once(f);
	assert_told(f, "done 2");
	answer_all(f);
	assert_told(f, "t0, done 1");
}

static void
test_a_round_without_targets_left_ends_once_from_the_loop(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	/* waiting, queued, asked, and both */
	delay_all(f, SECOND);
	round = start_at(f, 1, (const int64_t[]){ 0, 0, 0, SECOND });
	drop(round, ALL);
	assert_int_equal(round_done_count(round), COUNT);
	assert_int_equal(fake_http_in_flight(f->http), 0);
	assert_int_equal(fake_http_started_count(f->http), 2);
	assert_told(f, "");
	drop(round, ALL);
	loop_once(f);
	assert_told(f, "done 1");
	assert_int_equal(f->summary.duration_us, 0);
	loop_once(f);
}

static void
test_the_end_that_is_to_be_told_comes_once(void **state)
{
	struct round_stage *f = *state;
	struct round *round = start(f, 1);

	while (fake_http_step(f->http))
		;
	assert_told(f, "t0, t1, t2, t3");
	drop(round, ALL);
	loop_once(f);
	assert_told(f, "done 1");
	loop_once(f);
}

static void
test_what_was_dropped_may_begin_again_at_once(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	delay_all(f, SECOND);
	round = start(f, 1);
	fake_http_pass(f->http, SECOND / 2);
	drop(round, T(1) | T(3));
	start_at(f, 2, (const int64_t[]){ 0, 0, 0, 0 });
	assert_told(f, "t0 skipped, t2 skipped");
	answer_all(f);
	assert_told(f, "t0, t2, t1, t3, done 1, done 2");
	assert_int_equal(board_entry(f->board, 1)->outcome.duration_us, SECOND);
}

static void
test_tickets_go_on_to_another_round(void **state)
{
	struct round_stage *f = *state;
	struct round *first;

	delay_all(f, SECOND);
	first = start_first(f, 1, 2);
	start(f, 2);
	assert_told(f, "t0 skipped, t1 skipped");
	assert_int_equal(limiter_waiting(f->limiter), 2);
	drop(first, ALL);
	assert_int_equal(limiter_waiting(f->limiter), 0);
	assert_started(f, 4, 3);
	loop_once(f);
	assert_told(f, "done 1");
	answer_all(f);
	assert_told(f, "t2, t3, done 2");
}

/* on_done() asserts that it is called from the loop. */
static void
test_a_round_that_ends_while_another_drops_is_told_from_the_loop(void **state)
{
	struct round_stage *f = *state;
	struct round *first;

	delay_all(f, SECOND);
	fake_config_break(f->config, 2);
	fake_config_break(f->config, 3);
	first = start_first(f, 1, 2);
	start(f, 2);
	assert_told(f, "t0 skipped, t1 skipped");
	drop(first, T(0));
	assert_told(f, "t2, t3");
	round_free(first);
	loop_once(f);
	assert_told(f, "done 2");
}

/* ---- reload ---- */

static void
test_the_entry_of_a_dropped_target_may_go(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	/* one of each state is gone: waiting, queued, asked, done */
	delay_all(f, SECOND);
	fake_http_answer(f->http, 0)->delay_us = 0;
	round = start_at(f, 1, (const int64_t[]){ 0, 0, 0, SECOND });
	fake_http_pass(f->http, 0);
	assert_told(f, "t0");
	drop(round, T(0) | T(1) | T(3));
	reload(f, 1, (const size_t[]){ 2 });
	assert_true(board_entry(f->board, 0)->in_flight);
	drop(round, T(0) | T(1) | T(3)); /* nobody looks at what is gone */
	answer_all(f);
	assert_told(f, "t2, done 1");
	assert_int_equal(board_entry(f->board, 0)->version, 2);
}

static void
test_a_config_lives_as_long_as_the_last_round_begun_with_it(void **state)
{
	struct round_stage *f = *state;
	struct config *old = f->config;

	delay_all(f, 2 * SECOND);
	start_first(f, 1, 1);
	fake_http_pass(f->http, SECOND);
	start(f, 2);
	assert_told(f, "t0 skipped");
	assert_int_equal(old->references, 4); /* the test, the board, the rounds */
	reload_all(f);
	assert_int_equal(old->references, 2);
	assert_int_equal(f->config->references, 2);

	fake_http_pass(f->http, SECOND);
	loop_once(f);
	assert_told(f, "t0, done 1");
	assert_int_equal(old->references, 1);
	start_first(f, 3, 1);
	assert_int_equal(f->config->references, 3);
	/* With the end of the second one it is freed, or the sanitizers would tell. */
	answer_all(f);
	assert_told(f, "t1, t2, t3, t0, done 2, done 3");
	assert_int_equal(f->config->references, 2);
}

static void
test_a_target_that_begins_late_is_that_of_the_rounds_own_config(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	/* It begins while the second config is in force, and ends when that is gone. */
	delay_all(f, SECOND);
	round = start_at(f, 1, (const int64_t[]){ 0, SECOND, SECOND, SECOND });
	reload(f, COUNT, (const size_t[]){ 3, 2, 1, 0 });
	pass(f, round, SECOND);
	reload_all(f);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
	assert_string_equal(board_entry(f->board, 1)->outcome.url, "http://test/1");
	assert_int_equal(f->config->references, 2);
}

static void
test_a_dropped_round_lets_its_config_go(void **state)
{
	struct round_stage *f = *state;
	struct config *old = config_ref(f->config);
	struct round *round;

	delay_all(f, SECOND);
	round = start(f, 1);
	drop(round, ALL);
	reload(f, 0, NULL);
	assert_int_equal(old->references, 2);
	loop_once(f);
	assert_told(f, "done 1");
	assert_int_equal(old->references, 1);
	reload_all(f);
	start(f, 2);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 2");
	fake_config_free(old);
}

/* ---- stopping ---- */

static void
test_freeing_stops_everything_without_a_word(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	/* done, asked, queued, waiting */
	delay_all(f, FAKE_NEVER);
	fake_http_answer(f->http, 0)->delay_us = 10;
	round = start_at(f, 1, (const int64_t[]){ 0, 0, 0, SECOND });
	fake_http_step(f->http);
	assert_told(f, "t0");
	round_free(round);
	assert_int_equal(fake_http_in_flight(f->http), 0);
	/* those who waited were not started on the way out */
	assert_int_equal(fake_http_started_count(f->http), 3);
	assert_null(round_timer(f->base, round));
	loop_once(f);
	assert_told(f, "");
}

static void
test_freeing_starts_none_of_those_who_queue(void **state)
{
	struct round_stage *f = *state;

	delay_all(f, FAKE_NEVER);
	round_free(start(f, 1));
	assert_int_equal(fake_http_started_count(f->http), 2);
	loop_once(f);
}

static void
test_freeing_before_anyone_began(void **state)
{
	struct round_stage *f = *state;

	round_free(start_at(f, 1, (const int64_t[]){ 9, 9, 9, 9 }));
	round_free(start_at(f, 1, (const int64_t[]){ 9, 8, 7, 6 }));
	loop_once(f);
	assert_int_equal(fake_http_started_count(f->http), 0);
}

static void
test_freeing_takes_back_the_end_that_was_to_come(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	round_free(start_first(f, 1, 0));
	round_free(NULL);

	round = start(f, 2);
	while (fake_http_step(f->http))
		;
	assert_told(f, "t0, t1, t2, t3");
	round_free(round);

	delay_all(f, SECOND);
	round = start(f, 3);
	drop(round, ALL);
	round_free(round);
	loop_once(f);
}

static void
test_freeing_lets_another_round_go_on(void **state)
{
	struct round_stage *f = *state;
	struct round *first;

	delay_all(f, SECOND);
	first = start_first(f, 1, 3);
	start(f, 2);
	assert_told(f, "t0 skipped, t1 skipped, t2 skipped");
	round_free(first);
	answer_all(f);
	assert_told(f, "t3, done 2");
	assert_int_equal(board_entry(f->board, 0)->version, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_one_that_is_asked_is_cancelled_without_an_outcome),
		CASE(test_one_in_the_queue_leaves_it),
		CASE(test_one_whose_time_has_not_come_never_begins),
		CASE(test_one_that_is_done_stays_so),
		CASE(test_another_rounds_turn_is_not_ones_own),
		CASE(test_a_round_without_targets_left_ends_once_from_the_loop),
		CASE(test_the_end_that_is_to_be_told_comes_once),
		CASE(test_what_was_dropped_may_begin_again_at_once),
		CASE(test_tickets_go_on_to_another_round),
		CASE(test_a_round_that_ends_while_another_drops_is_told_from_the_loop),
		CASE(test_the_entry_of_a_dropped_target_may_go),
		CASE(test_a_config_lives_as_long_as_the_last_round_begun_with_it),
		CASE(test_a_target_that_begins_late_is_that_of_the_rounds_own_config),
		CASE(test_a_dropped_round_lets_its_config_go),
		CASE(test_freeing_stops_everything_without_a_word),
		CASE(test_freeing_starts_none_of_those_who_queue),
		CASE(test_freeing_before_anyone_began),
		CASE(test_freeing_takes_back_the_end_that_was_to_come),
		CASE(test_freeing_lets_another_round_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
