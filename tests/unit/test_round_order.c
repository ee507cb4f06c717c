#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "round_stage.h"

/* Everybody answers after 100 ms, t2 after t0, t3 after t2. */
static void
make_chain(struct round_stage *f)
{
	delay_all(f, 100 * MS);
	limiter_set_max(f->limiter, 10);
	fake_config_depend(f->config, 2, 0, false);
	fake_config_depend(f->config, 3, 2, false);
}

static void
break_it(struct round_stage *f, size_t number)
{
	fake_http_answer(f->http, number)->http_status = 500;
}

static const struct outcome *
outcome_of(struct round_stage *f, size_t index)
{
	return &board_entry(f->board, index)->outcome;
}

#define assert_skipped(stage, index, kind_wanted, words)                  \
	do {                                                              \
		const struct outcome *outcome = outcome_of(stage, index); \
		assert_int_equal(outcome->status, STATUS_SKIPPED);        \
		assert_int_equal(outcome->kind, kind_wanted);             \
		assert_string_equal(outcome->message, words);             \
		assert_int_equal(outcome->attempts, 0);                   \
	} while (0)

/* ---- order ---- */

static void
a_target_waits_for_those_it_depends_on(void **state)
{
	struct round_stage *f = *state;

	make_chain(f);
	start(f, 1);
	assert_started(f, 2, 1);
	fake_http_pass(f->http, 100 * MS);
	assert_started(f, 3, 2);
	fake_http_pass(f->http, 100 * MS);
	assert_started(f, 4, 3);
	answer_all(f);
	assert_told(f, "t0, t1, t2, t3, done 1");
}

static void
a_target_that_depends_on_two_waits_for_both(void **state)
{
	struct round_stage *f = *state;

	delay_all(f, 100 * MS);
	limiter_set_max(f->limiter, 10);
	fake_http_answer(f->http, 1)->delay_us = 300 * MS;
	fake_config_depend(f->config, 3, 0, false);
	fake_config_depend(f->config, 3, 1, false);
	start(f, 1);
	fake_http_pass(f->http, 200 * MS);
	assert_started(f, 3, 2);
	fake_http_pass(f->http, 100 * MS);
	assert_started(f, 4, 3);
	answer_all(f);
	assert_told(f, "t0, t2, t1, t3, done 1");
}

/* The last of the targets is to wait for all others, and the one before comes after that. */
static void
make_it_wait_for_all(struct round_stage *f)
{
	delay_all(f, 100 * MS);
	limiter_set_max(f->limiter, 10);
	f->config->targets[3]->waits_for_services = true;
	f->config->targets[3]->follows_services = true;
	f->config->targets[2]->follows_services = true;
	fake_config_depend(f->config, 2, 3, false);
}

static void
who_waits_for_all_services_begins_after_the_last_of_them(void **state)
{
	struct round_stage *f = *state;

	make_it_wait_for_all(f);
	fake_http_answer(f->http, 1)->delay_us = 300 * MS;
	break_it(f, 0);
	start(f, 1);
	assert_started(f, 2, 1);
	fake_http_pass(f->http, 200 * MS);
	assert_started(f, 2, 1);
	fake_http_pass(f->http, 100 * MS);
	assert_started(f, 3, 3);
	fake_http_pass(f->http, 100 * MS);
	assert_started(f, 4, 2);
	answer_all(f);
	assert_told(f, "t0, t1, t3, t2, done 1");
}

static void
who_waits_for_all_services_waits_for_none_of_another_round(void **state)
{
	struct round_stage *f = *state;
	const struct round_place places[] = { { .index = 3 } };

	make_it_wait_for_all(f);
	start_places(f, 1, places, 1);
	assert_started(f, 1, 3);
	answer_all(f);
	assert_told(f, "t3, done 1");
}

static void
a_dependency_that_failed_lets_go_of_those_who_only_name_it(void **state)
{
	struct round_stage *f = *state;

	make_chain(f);
	break_it(f, 0);
	start(f, 1);
	answer_all(f);
	assert_int_equal(outcome_of(f, 2)->status, STATUS_OK);
	assert_told(f, "t0, t1, t2, t3, done 1");
}

static void
a_dependency_of_another_round_is_not_waited_for(void **state)
{
	struct round_stage *f = *state;
	const struct round_place places[] = { { .index = 2 } };

	make_chain(f);
	start_places(f, 1, places, 1);
	assert_started(f, 1, 2);
	answer_all(f);
	assert_told(f, "t2, done 1");
}

static void
a_dependency_still_running_from_an_earlier_round_is_not_waited_for(void **state)
{
	struct round_stage *f = *state;

	make_chain(f);
	fake_http_answer(f->http, 0)->delay_us = 4 * SECOND;
	start_first(f, 1, 1);
	start(f, 2);
	/* t0 misses its turn, t2 goes by what is known of it. */
	assert_started(f, 3, 2);
	answer_all(f);
	assert_told(f, "t0 skipped, t1, t2, t3, t0, done 2, done 1");
}

static void
whoever_waits_for_its_time_is_waited_for_too(void **state)
{
	struct round_stage *f = *state;
	const int64_t offsets_us[COUNT] = { 500 * MS, 0, 0, 0 };
	struct round *round;

	make_chain(f);
	round = start_at(f, 1, offsets_us);
	fake_http_pass(f->http, 100 * MS);
	assert_started(f, 1, 1);
	pass(f, round, 400 * MS);
	assert_started(f, 2, 0);
	answer_all(f);
	assert_told(f, "t1, t0, t2, t3, done 1");
}

static bool
is_first(const struct board_entry *entry, UNUSED void *arg)
{
	return entry->target->index == 0;
}

static void
a_dependency_that_is_dropped_is_waited_for_no_more(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	make_chain(f);
	round = start(f, 1);
	assert_started(f, 2, 1);
	round_drop(round, is_first, NULL);
	assert_started(f, 3, 2);
	answer_all(f);
	assert_told(f, "t1, t2, t3, done 1");
}

static void
a_round_that_is_freed_leaves_those_who_wait_unasked(void **state)
{
	struct round_stage *f = *state;
	struct round *round;

	make_chain(f);
	round = start(f, 1);
	round_free(round);
	assert_started(f, 2, 1);
	loop_once(f);
	assert_told(f, "");
}

/* ---- needs ---- */

static void
where_what_it_needs_failed_a_target_is_skipped(void **state)
{
	struct round_stage *f = *state;

	delay_all(f, 100 * MS);
	break_it(f, 0);
	fake_config_depend(f->config, 2, 0, true);
	fake_config_depend(f->config, 3, 2, true);
	start(f, 1);
	answer_all(f);
	assert_told(f, "t0, t2, t3, t1, done 1");
	assert_skipped(
	    f, 2, KIND_DEPENDENCY, "needs t0, which is not well: http_error");
	/* And so on along the chain. */
	assert_skipped(f, 3, KIND_DEPENDENCY, "needs t2, which is not well: skipped");
	assert_int_equal(fake_http_started_count(f->http), 2);
}

static void
where_what_it_needs_was_never_asked_a_target_is_skipped(void **state)
{
	struct round_stage *f = *state;
	const struct round_place places[] = { { .index = 2 } };

	fake_config_depend(f->config, 2, 0, true);
	start_places(f, 1, places, 1);
	answer_all(f);
	assert_told(f, "t2, done 1");
	assert_skipped(f, 2, KIND_DEPENDENCY, "needs t0, which was not asked yet");
}

static void
what_was_well_outside_of_the_round_is_enough(void **state)
{
	struct round_stage *f = *state;
	const struct round_place places[] = { { .index = 2 } };

	fake_config_depend(f->config, 2, 0, true);
	start_first(f, 1, 1);
	answer_all(f);
	start_places(f, 2, places, 1);
	answer_all(f);
	assert_int_equal(outcome_of(f, 2)->status, STATUS_OK);
	assert_told(f, "t0, done 1, t2, done 2");
}

/* ---- held back ---- */

static void
who_is_held_back_is_skipped_until_then(void **state)
{
	struct round_stage *f = *state;
	struct board_entry *entry = board_entry(f->board, 0);
	int64_t now_us = fake_http_now_us(f->http);

	board_hold(f->board, entry, now_us + 5 * SECOND, 0, now_us, FAKE_START_MS);
	start_first(f, 1, 1);
	answer_all(f);
	assert_skipped(f, 0, KIND_RATE_LIMITED,
	    "held back until 2026-11-21T03:40:05.000Z by a Retry-After");
	assert_int_equal(fake_http_started_count(f->http), 0);
	/* The hold is still there. */
	assert_int_equal(entry->next_at_ms, FAKE_START_MS + 5000);
	fake_http_pass(f->http, 5 * SECOND);
	start_first(f, 2, 1);
	answer_all(f);
	assert_int_equal(outcome_of(f, 0)->status, STATUS_OK);
	assert_int_equal(entry->next_at_ms, -1);
	assert_told(f, "t0, done 1, t0, done 2");
}

static void
who_stays_down_is_due_later_and_later(void **state)
{
	struct round_stage *f = *state;
	struct board_entry *entry = board_entry(f->board, 0);

	break_it(f, 0);
	f->config->targets[0]->interval_ms = 30000;
	f->config->targets[0]->backoff_ms = 600000;
	start_first(f, 1, 1);
	answer_all(f);
	assert_int_equal(entry->next_at_ms, -1);
	fake_http_pass(f->http, 30 * SECOND);
	start_first(f, 2, 1);
	answer_all(f);
	assert_int_equal(entry->next_at_ms, FAKE_START_MS + 90000);
	assert_int_equal(entry->backoff_until_us, FAKE_START_US + 90 * SECOND);
	fake_http_answer(f->http, 0)->http_status = 200;
	start_first(f, 3, 1);
	answer_all(f);
	assert_int_equal(entry->next_at_ms, -1);
	assert_int_equal(entry->backoff_until_us, 0);
	assert_told(f, "t0, done 1, t0, done 2, t0, done 3");
}

/* By its Retry-After, or for what it needs: it was not asked, so that it goes on as it was. */
static void
who_is_skipped_is_not_put_off_by_that(void **state)
{
	struct round_stage *f = *state;
	struct board_entry *entry = board_entry(f->board, 1);

	fake_config_depend(f->config, 1, 0, true);
	break_it(f, 1);
	f->config->targets[1]->interval_ms = 30000;
	f->config->targets[1]->backoff_ms = 600000;
	start_first(f, 1, 2);
	answer_all(f);
	fake_http_pass(f->http, 30 * SECOND);
	start_first(f, 2, 2);
	answer_all(f);
	assert_int_equal(entry->backoff_until_us, FAKE_START_US + 90 * SECOND);

	fake_http_pass(f->http, 60 * SECOND);
	break_it(f, 0);
	start_first(f, 3, 2);
	answer_all(f);
	assert_skipped(
	    f, 1, KIND_DEPENDENCY, "needs t0, which is not well: http_error");
	assert_int_equal(entry->backoff_until_us, FAKE_START_US + 90 * SECOND);
	assert_int_equal(entry->next_at_ms, -1);
	assert_told(f, "t0, t1, done 1, t0, t1, done 2, t0, t1, done 3");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_target_waits_for_those_it_depends_on),
		CASE(a_target_that_depends_on_two_waits_for_both),
		CASE(who_waits_for_all_services_begins_after_the_last_of_them),
		CASE(who_waits_for_all_services_waits_for_none_of_another_round),
		CASE(a_dependency_that_failed_lets_go_of_those_who_only_name_it),
		CASE(a_dependency_of_another_round_is_not_waited_for),
		CASE(
		    a_dependency_still_running_from_an_earlier_round_is_not_waited_for),
		CASE(whoever_waits_for_its_time_is_waited_for_too),
		CASE(a_dependency_that_is_dropped_is_waited_for_no_more),
		CASE(a_round_that_is_freed_leaves_those_who_wait_unasked),
		CASE(where_what_it_needs_failed_a_target_is_skipped),
		CASE(where_what_it_needs_was_never_asked_a_target_is_skipped),
		CASE(what_was_well_outside_of_the_round_is_enough),
		CASE(who_is_held_back_is_skipped_until_then),
		CASE(who_stays_down_is_due_later_and_later),
		CASE(who_is_skipped_is_not_put_off_by_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
