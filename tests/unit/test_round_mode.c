#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "round_stage.h"

/* t0 answers after 100 ms, t1 after 200 ms, ...; all at once. */
static void
stagger(struct round_stage *f, enum gather_mode mode)
{
	f->config->mode = mode;
	limiter_set_max(f->limiter, 10);
	for (size_t i = 0; i < COUNT; i++) {
		struct fake_answer *answer = fake_http_answer(f->http, i);

		answer->delay_us = (int64_t)(i + 1) * 100 * MS;
		answer->http_status = 200;
		answer->content_type = "application/json";
		answer->body = "{\"n\": 1}";
	}
}

static const struct outcome *
outcome_of(struct round_stage *f, size_t index)
{
	return &board_entry(f->board, index)->outcome;
}

#define assert_cancelled(stage, index, words)                             \
	do {                                                              \
		const struct outcome *outcome = outcome_of(stage, index); \
		assert_int_equal(outcome->status, STATUS_CANCELLED);      \
		assert_int_equal(outcome->kind, KIND_CANCELLED);          \
		assert_string_equal(outcome->message, words);             \
	} while (0)

/* ---- fail_fast ---- */

static void
fail_fast_is_decided_by_the_first_failure(void **state)
{
	struct round_stage *f = *state;

	stagger(f, MODE_FAIL_FAST);
	fake_http_answer(f->http, 1)->http_status = 500;
	fake_http_answer(f->http, 3)->http_status = 500;
	start(f, 7);
	fake_http_pass(f->http, 200 * MS);
	assert_told(f, "t0, t1, failed 7");
	assert_int_equal(f->summary.verdict, ROUND_FAILED);
	assert_int_equal(f->summary.duration_us, 200 * MS);
	/* The others go on, and decide nothing any more. */
	assert_true(board_entry(f->board, 2)->in_flight);
	answer_all(f);
	assert_told(f, "t2, t3, done 7");
	assert_int_equal(f->summary.verdict, ROUND_FAILED);
	assert_int_equal(outcome_of(f, 2)->status, STATUS_OK);
}

static void
fail_fast_without_a_failure_is_complete(void **state)
{
	struct round_stage *f = *state;

	stagger(f, MODE_FAIL_FAST);
	start(f, 1);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
	assert_int_equal(f->summary.verdict, ROUND_COMPLETE);
}

static void
a_target_that_is_skipped_fails_fast_too(void **state)
{
	struct round_stage *f = *state;
	struct board_entry *entry = board_entry(f->board, 0);
	int64_t now_us = fake_http_now_us(f->http);

	stagger(f, MODE_FAIL_FAST);
	board_hold(f->board, entry, now_us + SECOND, 0, now_us, FAKE_START_MS);
	start(f, 1);
	assert_told(f, "t0, failed 1");
	answer_all(f);
	assert_told(f, "t1, t2, t3, done 1");
}

static void
what_is_not_required_decides_nothing(void **state)
{
	struct round_stage *f = *state;

	for (enum gather_mode mode = MODE_FAIL_FAST; mode <= MODE_ALL_OR_NOTHING;
	     mode++) {
		stagger(f, mode);
		fake_http_answer(f->http, 1)->http_status = 500;
		f->config->targets[1]->required = false;
		start(f, 1);
		answer_all(f);
		assert_told(f, "t0, t1, t2, t3, done 1");
		assert_int_equal(f->summary.verdict, ROUND_COMPLETE);
		assert_int_equal(outcome_of(f, 1)->status, STATUS_HTTP_ERROR);
	}
}

/* ---- all_or_nothing ---- */

static void
all_or_nothing_shows_nothing_before_all_are_well(void **state)
{
	struct round_stage *f = *state;

	stagger(f, MODE_ALL_OR_NOTHING);
	start(f, 1);
	fake_http_pass(f->http, 300 * MS);
	assert_told(f, "");
	assert_int_equal(outcome_of(f, 0)->status, STATUS_PENDING);
	/* It is part of a round that runs. */
	assert_true(board_entry(f->board, 0)->in_flight);
	assert_int_equal(board_entry(f->board, 0)->held->status, STATUS_OK);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
	assert_null(board_entry(f->board, 0)->held);
	assert_string_equal(outcome_of(f, 0)->data, "{\"n\":1}");
	assert_int_equal(f->summary.verdict, ROUND_COMPLETE);
	assert_int_equal(f->summary.duration_us, 400 * MS);
}

static void
a_failure_cancels_all_others_whether_they_had_answered_or_not(void **state)
{
	struct round_stage *f = *state;

	stagger(f, MODE_ALL_OR_NOTHING);
	fake_http_answer(f->http, 1)->http_status = 500;
	start(f, 1);
	fake_http_pass(f->http, 200 * MS);
	loop_once(f);
	assert_told(f, "t1, t3, t2, t0, done 1");
	assert_int_equal(fake_http_in_flight(f->http), 0);
	assert_int_equal(f->summary.verdict, ROUND_CANCELLED);
	assert_int_equal(outcome_of(f, 1)->status, STATUS_HTTP_ERROR);
	assert_cancelled(f, 0, "t1 failed");
	assert_cancelled(f, 2, "t1 failed");
	assert_cancelled(f, 3, "t1 failed");
	/* Before a complete round nothing is known. */
	assert_null(outcome_of(f, 0)->data);
}

static void
the_answers_of_the_last_complete_round_stay(void **state)
{
	struct round_stage *f = *state;

	stagger(f, MODE_ALL_OR_NOTHING);
	start(f, 1);
	answer_all(f);
	for (size_t i = 0; i < COUNT; i++)
		fake_http_answer(f->http, i)->body = "{\"n\": 2}";
	fake_http_answer(f->http, 1)->http_status = 500;
	for (uint64_t number = 2; number < 5; number++) {
		start(f, number);
		answer_all(f);
	}
	for (size_t i = 0; i < COUNT; i++)
		assert_string_equal(outcome_of(f, i)->data, "{\"n\":1}");
	assert_cancelled(f, 0, "t1 failed");
	assert_int_equal(board_entry(f->board, 0)->failures, 0);
	assert_int_equal(board_entry(f->board, 1)->failures, 3);
	fake_http_answer(f->http, 1)->http_status = 200;
	start(f, 5);
	answer_all(f);
	assert_string_equal(outcome_of(f, 0)->data, "{\"n\":2}");
	buffer_reset(&f->told);
}

static void
who_waits_for_a_slot_or_for_others_is_cancelled_too(void **state)
{
	struct round_stage *f = *state;

	stagger(f, MODE_ALL_OR_NOTHING);
	limiter_set_max(f->limiter, 1);
	fake_config_depend(f->config, 2, 0, false);
	fake_http_answer(f->http, 0)->http_status = 500;
	start(f, 1);
	answer_all(f);
	assert_told(f, "t0, t3, t2, t1, done 1");
	/* t1 got the place before the verdict fell. */
	assert_int_equal(fake_http_started_count(f->http), 2);
	assert_int_equal(fake_http_in_flight(f->http), 0);
	assert_cancelled(f, 2, "t0 failed");
	assert_cancelled(f, 3, "t0 failed");
}

/* One host, two starts at once and then one in half a second. */
static void
limit_pace(struct round_stage *f)
{
	const struct limiter_host_limits limits = { .starts_per_s = 2 };

	limiter_limit_hosts(f->limiter, f->base, &f->context.clock, &limits);
}

/* Its time came while nobody looked: t3 is just being started when t2 is granted its ticket,
 * and fails before that returns. */
static void
a_failure_cancels_who_is_just_starting(void **state)
{
	const int64_t offsets_us[COUNT] = { 0, 0, 0, 600 * MS };
	struct round_stage *f = *state;
	struct round *round;

	stagger(f, MODE_ALL_OR_NOTHING);
	limit_pace(f);
	fake_config_break(f->config, 2);
	free(f->config->targets[3]->host);
	f->config->targets[3]->host = xstrdup("http://other:80");
	round = start_at(f, 1, offsets_us);
	assert_int_equal(limiter_waiting(f->limiter), 1);
	pass(f, round, 600 * MS);
	loop_once(f);
	assert_told(f, "t2, t1, t0, t3, done 1");
	assert_cancelled(f, 3, "t2 failed");
	assert_int_equal(fake_http_in_flight(f->http), 0);
	limiter_limit_hosts(f->limiter, f->base, &f->context.clock,
	    &(const struct limiter_host_limits){ 0 });
}

/* t1 waits for t0 when that fails, while a former round still asks it. */
static void
who_is_asked_by_another_round_goes_on_there(void **state)
{
	struct round_stage *f = *state;
	const struct round_place only = { .index = 1 };

	stagger(f, MODE_ALL_OR_NOTHING);
	fake_config_depend(f->config, 1, 0, false);
	fake_http_answer(f->http, 0)->http_status = 500;
	start_places(f, 1, &only, 1);
	start_first(f, 2, 2);
	fake_http_pass(f->http, 100 * MS);
	assert_told(f, "t0, t1 skipped");
	answer_all(f);
	assert_told(f, "t1, done 2, done 1");
	assert_int_equal(outcome_of(f, 1)->status, STATUS_OK);
}

static void
a_round_that_holds_answers_can_be_freed(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	stagger(f, MODE_ALL_OR_NOTHING);
	round = start(f, 1);
	fake_http_pass(f->http, 300 * MS);
	round_free(round);
	assert_null(board_entry(f->board, 0)->held);
	assert_int_equal(outcome_of(f, 0)->status, STATUS_PENDING);
	assert_told(f, "");
}

static bool
is_last(const struct board_entry *entry, UNUSED void *arg)
{
	return entry->target->index == COUNT - 1;
}

static void
a_round_is_complete_without_whom_it_lost(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	stagger(f, MODE_ALL_OR_NOTHING);
	round = start(f, 1);
	fake_http_pass(f->http, 300 * MS);
	round_drop(round, is_last, NULL);
	loop_once(f);
	assert_told(f, "t0, t1, t2, done 1");
	assert_int_equal(f->summary.verdict, ROUND_COMPLETE);
	assert_int_equal(outcome_of(f, 2)->status, STATUS_OK);
}

static void
who_is_held_by_a_round_misses_the_next_one(void **state)
{
	struct round_stage *f = *state;

	stagger(f, MODE_ALL_OR_NOTHING);
	start(f, 1);
	fake_http_pass(f->http, 300 * MS);
	start(f, 2);
	assert_told(f, "t0 skipped, t1 skipped, t2 skipped, t3 skipped");
	answer_all(f);
	buffer_reset(&f->told);
}

/* Whether its round came to anything or not, it asked for patience. */
static void
a_retry_after_holds_back_whom_the_round_held(void **state)
{
	struct round_stage *f = *state;
	struct board_entry *entry = board_entry(f->board, 1);

	stagger(f, MODE_ALL_OR_NOTHING);
	fake_http_answer(f->http, 1)->http_status = 503;
	fake_http_answer(f->http, 1)->retry_after = true;
	fake_http_answer(f->http, 1)->retry_after_ms = 5000;
	f->config->targets[1]->required = false;
	f->config->targets[1]->interval_ms = 30000;
	start(f, 1);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
	assert_int_equal(entry->hold_until_us, FAKE_START_US + 200 * MS + 5 * SECOND);

	fake_http_pass(f->http, 60 * SECOND);
	fake_http_answer(f->http, 3)->http_status = 500;
	start(f, 2);
	answer_all(f);
	assert_int_equal(entry->outcome.status, STATUS_CANCELLED);
	assert_true(entry->hold_until_us > fake_http_now_us(f->http));
	buffer_reset(&f->told);
}

/* t1, the last that t0 is held for, is still asked by a former round. */
static void
what_is_held_is_put_where_the_last_one_is_skipped(void **state)
{
	struct round_stage *f = *state;
	const struct round_place only = { .index = 1 };

	stagger(f, MODE_ALL_OR_NOTHING);
	fake_config_depend(f->config, 1, 0, false);
	start_places(f, 1, &only, 1);
	start_first(f, 2, 2);
	fake_http_pass(f->http, 100 * MS);
	assert_told(f, "t1 skipped, t0");
	assert_int_equal(outcome_of(f, 0)->status, STATUS_OK);
	answer_all(f);
	assert_told(f, "t1, done 2, done 1");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(fail_fast_is_decided_by_the_first_failure),
		CASE(fail_fast_without_a_failure_is_complete),
		CASE(a_target_that_is_skipped_fails_fast_too),
		CASE(what_is_not_required_decides_nothing),
		CASE(all_or_nothing_shows_nothing_before_all_are_well),
		CASE(a_failure_cancels_all_others_whether_they_had_answered_or_not),
		CASE(the_answers_of_the_last_complete_round_stay),
		CASE(who_waits_for_a_slot_or_for_others_is_cancelled_too),
		CASE(a_failure_cancels_who_is_just_starting),
		CASE(who_is_asked_by_another_round_goes_on_there),
		CASE(a_round_that_holds_answers_can_be_freed),
		CASE(a_round_is_complete_without_whom_it_lost),
		CASE(who_is_held_by_a_round_misses_the_next_one),
		CASE(what_is_held_is_put_where_the_last_one_is_skipped),
		CASE(a_retry_after_holds_back_whom_the_round_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
