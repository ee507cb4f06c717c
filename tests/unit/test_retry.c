#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "config/config.h"
#include "gather/outcome.h"
#include "gather/retry.h"
#include "http/request.h"
#include "prompt/answer.h"

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)

/* An attempt that ended with a 503, the first of three, 10 s before the deadline. */
struct stage {
	struct target target;
	struct outcome outcome;
	struct response response;
	struct retry_facts facts;
};

static struct stage
stage(void)
{
	struct stage s = {
		.target = { .retries = 2, .retry_delay_ms = 500, .interval_ms = 30000 },
		.outcome = { .status = STATUS_HTTP_ERROR, .kind = KIND_HTTP },
		.response = { .http_status = 503, .retry_after_ms = -1 },
		.facts = { .method = "GET", .attempts = 1, .left_us = 10 * SECOND },
	};

	return s;
}

static struct retry_decision
decide(struct stage *s)
{
	s->facts.target = &s->target;
	s->facts.outcome = &s->outcome;
	s->facts.response = &s->response;
	return retry_decide(&s->facts);
}

/* ---- which ends are tried again ---- */

static void
test_each_status_that_may_pass_is_tried_again(UNUSED void **state)
{
	static const long again[] = { 408, 425, 429, 500, 502, 503, 504, 529 };
	size_t next = 0;

	for (long http_status = 100; http_status < 600; http_status++) {
		struct stage s = stage();
		bool expected = next < ARRAY_COUNT(again) && http_status == again[next];

		s.response.http_status = http_status;
		assert_int_equal(
		    decide(&s).verdict, expected ? RETRY_AGAIN : RETRY_NOT);
		next += expected;
	}
	assert_int_equal(next, ARRAY_COUNT(again));
}

static void
test_each_kind_of_error(UNUSED void **state)
{
	/* KIND_HTTP and KIND_RATE_LIMITED by the stage's 503. */
	static const enum retry_verdict expected[KIND_COUNT] = {
		[KIND_NONE] = RETRY_NOT,
		[KIND_TIMEOUT] = RETRY_AGAIN,
		[KIND_HTTP] = RETRY_AGAIN,
		[KIND_DNS] = RETRY_AGAIN,
		[KIND_CONNECT] = RETRY_AGAIN,
		[KIND_TLS] = RETRY_NOT,
		[KIND_PROTOCOL] = RETRY_NOT,
		[KIND_REDIRECT] = RETRY_NOT,
		[KIND_TOO_LARGE] = RETRY_NOT,
		[KIND_INVALID_BODY] = RETRY_NOT,
		[KIND_EXPECTATION] = RETRY_NOT,
		[KIND_TEMPLATE] = RETRY_NOT,
		[KIND_DEPENDENCY] = RETRY_NOT,
		[KIND_AUTH] = RETRY_NOT,
		[KIND_RATE_LIMITED] = RETRY_AGAIN,
		[KIND_BLOCKED] = RETRY_NOT,
		[KIND_TRUNCATED] = RETRY_NOT,
		[KIND_BUDGET] = RETRY_NOT,
		[KIND_CANCELLED] = RETRY_NOT,
		[KIND_INTERNAL] = RETRY_AGAIN,
	};

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct stage s = stage();

		s.outcome.kind = (enum error_kind)kind;
		s.outcome.status = error_kind_status(s.outcome.kind);
		assert_int_equal(decide(&s).verdict, expected[kind]);
	}
}

static void
test_a_connection_lost_before_the_first_byte_is_tried_again(UNUSED void **state)
{
	struct stage s = stage();

	s.outcome.kind = KIND_PROTOCOL;
	s.response.result = RESPONSE_PROTOCOL;
	assert_int_equal(decide(&s).verdict, RETRY_NOT);
	s.response.lost = true;
	assert_int_equal(decide(&s).verdict, RETRY_AGAIN);
}

static void
test_a_status_that_was_expected_is_an_answer(UNUSED void **state)
{
	struct stage s = stage();

	/* `expect: {status: 503}`, and a rule about the body was broken. */
	s.outcome.kind = KIND_EXPECTATION;
	s.response.retry_after_ms = 1000;
	assert_int_equal(decide(&s).verdict, RETRY_NOT);
	assert_int_equal(decide(&s).hold_us, 0);
}

/* ---- how often ---- */

static void
test_as_many_retries_as_there_may_be(UNUSED void **state)
{
	struct stage s = stage();

	s.facts.attempts = 2;
	assert_int_equal(decide(&s).verdict, RETRY_AGAIN);
	s.facts.attempts = 3;
	assert_int_equal(decide(&s).verdict, RETRY_SPENT);
	s.facts.attempts = 1;
	s.target.retries = 0;
	assert_int_equal(decide(&s).verdict, RETRY_SPENT);
}

/* ---- what may have had its effect ---- */

static void
test_which_methods_are_asked_twice(UNUSED void **state)
{
	static const struct {
		const char *method;
		enum retry_verdict verdict;
	} cases[] = {
		{ "GET", RETRY_AGAIN },
		{ "HEAD", RETRY_AGAIN },
		{ "OPTIONS", RETRY_AGAIN },
		{ "PUT", RETRY_AGAIN },
		{ "DELETE", RETRY_AGAIN },
		{ "POST", RETRY_UNSAFE },
		{ "PATCH", RETRY_UNSAFE },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct stage s = stage();

		s.facts.method = cases[i].method;
		s.response.sent = true;
		assert_int_equal(decide(&s).verdict, cases[i].verdict);
		s.target.retry_unsafe = true;
		assert_int_equal(decide(&s).verdict, RETRY_AGAIN);
	}
}

static void
test_a_post_of_which_nothing_was_sent_is_tried_again(UNUSED void **state)
{
	static const enum error_kind kinds[] = { KIND_TIMEOUT, KIND_DNS, KIND_CONNECT,
		KIND_INTERNAL };
	static const enum response_result results[] = { RESPONSE_TIMEOUT, RESPONSE_DNS,
		RESPONSE_CONNECT, RESPONSE_INTERNAL };

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		struct stage s = stage();

		s.facts.method = "POST";
		s.outcome.kind = kinds[i];
		s.response.result = results[i];
		assert_int_equal(decide(&s).verdict, RETRY_AGAIN);
		s.response.sent = true;
		assert_int_equal(decide(&s).verdict, RETRY_UNSAFE);
	}
}

static void
test_an_answer_to_a_post_shows_that_it_was_sent(UNUSED void **state)
{
	struct stage s = stage();

	s.facts.method = "POST";
	assert_int_equal(decide(&s).verdict, RETRY_UNSAFE);
}

/* ---- how long to wait ---- */

static void
test_waits_are_drawn_from_a_range_that_doubles(UNUSED void **state)
{
	static const struct {
		unsigned attempts;
		double chance;
		int64_t wait_us;
	} cases[] = {
		{ 1, 0, 0 },
		{ 1, 0.5, 250 * MS },
		{ 1, 0.75, 375 * MS },
		{ 2, 0.5, 500 * MS },
		{ 3, 0.5, SECOND },
		{ 4, 0.25, SECOND },
		{ 11, 0.5, 256 * SECOND },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct stage s = stage();

		s.target.retries = 100;
		s.facts.left_us = 1000 * SECOND;
		s.facts.attempts = cases[i].attempts;
		s.facts.chance = cases[i].chance;
		assert_int_equal(decide(&s).verdict, RETRY_AGAIN);
		assert_int_equal(decide(&s).wait_us, cases[i].wait_us);
	}
}

static void
test_the_longest_range_there_may_be_does_not_overflow(UNUSED void **state)
{
	struct stage s = stage();

	s.target.retries = 100;
	s.target.retry_delay_ms = INT64_C(3155760000000); /* 100 years */
	s.facts.attempts = 100;
	s.facts.chance = 0.999;
	assert_int_equal(decide(&s).verdict, RETRY_LATE);
	assert_true(decide(&s).wait_us > 0);
	s.response.retry_after_ms = INT64_MAX;
	assert_int_equal(decide(&s).verdict, RETRY_LATE);
	assert_int_equal(decide(&s).hold_us, MINUTE);
}

static void
test_never_before_the_retry_after(UNUSED void **state)
{
	struct stage s = stage();

	s.response.retry_after_ms = 2000;
	s.facts.chance = 0.5;
	assert_int_equal(decide(&s).verdict, RETRY_AGAIN);
	assert_int_equal(decide(&s).wait_us, 2 * SECOND);
	/* What is drawn may be later. */
	s.target.retry_delay_ms = 8000;
	assert_int_equal(decide(&s).wait_us, 4 * SECOND);
	s.response.retry_after_ms = 0;
	assert_int_equal(decide(&s).wait_us, 4 * SECOND);
	assert_int_equal(decide(&s).hold_us, 0);
}

static void
test_a_retry_after_is_not_cut_short_by_two_intervals(UNUSED void **state)
{
	struct stage s = stage();

	s.target.interval_ms = 1000;
	s.response.retry_after_ms = 5000;
	assert_int_equal(decide(&s).wait_us, 5 * SECOND);
	assert_int_equal(decide(&s).hold_us, 2 * SECOND);
}

/* ---- the deadline ---- */

static void
test_what_does_not_fit_into_the_deadline_ends_the_turn(UNUSED void **state)
{
	struct stage s = stage();

	s.response.retry_after_ms = 10000;
	assert_int_equal(decide(&s).verdict, RETRY_LATE);
	/* An attempt gets a millisecond at least. */
	s.response.retry_after_ms = 9999;
	assert_int_equal(decide(&s).verdict, RETRY_AGAIN);
	s.response.retry_after_ms = -1;
	s.target.retry_delay_ms = 40000;
	s.facts.chance = 0.25;
	assert_int_equal(decide(&s).verdict, RETRY_LATE);
	s.facts.chance = 0;
	s.facts.left_us = 999;
	assert_int_equal(decide(&s).verdict, RETRY_LATE);
	s.facts.left_us = -5 * SECOND;
	assert_int_equal(decide(&s).verdict, RETRY_LATE);
}

/* ---- holding back ---- */

static void
test_who_is_held_back_and_how_long(UNUSED void **state)
{
	static const struct {
		long http_status;
		int64_t retry_after_ms;
		int64_t interval_ms;
		int64_t hold_us;
		int64_t hold_host_us;
	} cases[] = {
		{ 503, -1, 30000, 0, 0 },
		{ 503, 0, 30000, 0, 0 },
		{ 503, 20000, 30000, 20 * SECOND, 0 },
		{ 503, 600000, 30000, MINUTE, 0 },
		{ 429, -1, 30000, 0, 0 },
		{ 429, 20000, 30000, 20 * SECOND, 20 * SECOND },
		{ 429, 90000, 30000, MINUTE, 90 * SECOND },
		{ 429, 3600000, 86400000, 60 * MINUTE, 5 * MINUTE },
		/* Not tried again, but it says when it wants to be asked. */
		{ 404, 20000, 30000, 20 * SECOND, 0 },
		{ 301, 20000, 30000, 20 * SECOND, 0 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct stage s = stage();
		struct retry_decision decision;

		s.response.http_status = cases[i].http_status;
		s.response.retry_after_ms = cases[i].retry_after_ms;
		s.target.interval_ms = cases[i].interval_ms;
		decision = decide(&s);
		assert_int_equal(decision.hold_us, cases[i].hold_us);
		assert_int_equal(decision.hold_host_us, cases[i].hold_host_us);
	}
}

static void
test_a_good_answer_holds_nobody_back(UNUSED void **state)
{
	struct stage s = stage();

	s.outcome.status = STATUS_OK;
	s.outcome.kind = KIND_NONE;
	s.response.retry_after_ms = 5000;
	assert_int_equal(decide(&s).verdict, RETRY_NOT);
	assert_int_equal(decide(&s).hold_us, 0);
	assert_int_equal(decide(&s).hold_host_us, 0);
}

/* ---- prompts ---- */

/* Likewise an attempt at a prompt, of which its provider has said nothing else. */
struct prompt_stage {
	struct stage s;
	struct prompt_advice advice;
};

static struct prompt_stage
prompt_stage(void)
{
	struct prompt_stage p = { .s = stage() };

	prompt_advice_init(&p.advice);
	p.s.target.kind = TARGET_PROMPT;
	p.s.target.timeout_ms = 60000;
	p.s.target.deadline_ms = 180000;
	p.s.facts.method = "POST";
	p.s.response.sent = true;
	return p;
}

static struct retry_decision
decide_prompt(struct prompt_stage *p)
{
	p->s.facts.advice = &p->advice;
	return decide(&p->s);
}

static void
test_a_prompt_is_tried_again_whatever_was_sent(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	assert_int_equal(decide_prompt(&p).verdict, RETRY_AGAIN);
	p.s.facts.attempts = 3;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_SPENT);
	p.s.facts.attempts = 1;
	p.s.response.http_status = 404;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_NOT);
}

static void
test_a_timeout_of_a_prompt_is_tried_again_once(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.s.target.retries = 9;
	p.s.outcome.kind = KIND_TIMEOUT;
	p.s.facts.timeouts = 1;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_AGAIN);
	p.s.facts.attempts = 2;
	p.s.facts.timeouts = 2;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_COSTLY);
	p.s.outcome.kind = KIND_CONNECT;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_AGAIN);
	p.s.target.retries = 0;
	p.s.facts.attempts = 1;
	p.s.outcome.kind = KIND_TIMEOUT;
	p.s.facts.timeouts = 1;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_SPENT);
}

static void
test_nothing_is_tried_again_where_quota_is_used_up(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.s.outcome.kind = KIND_RATE_LIMITED;
	p.s.response.http_status = 429;
	p.advice.exhausted = true;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_NOT);
	/* Whatever else is said. */
	p.advice.push_back = true;
	p.advice.should_retry = 1;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_NOT);
}

static void
test_the_providers_word_on_trying_again_counts(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.advice.should_retry = 0;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_NOT);
	p.advice.should_retry = 1;
	p.s.response.http_status = 400;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_AGAIN);
	/* It is one of the retries, though. */
	assert_false(decide_prompt(&p).uncounted);
	p.s.facts.attempts = 3;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_SPENT);
}

/* As of an error within a good status. */
static void
test_an_overload_counts_as_a_retry_whatever_the_status(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.s.response.http_status = 200;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_NOT);
	p.advice.overloaded = true;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_AGAIN);
	assert_false(decide_prompt(&p).uncounted);
	p.s.facts.attempts = 3;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_SPENT);
}

static void
test_a_push_back_is_tried_again_as_long_as_the_deadline_lasts(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.s.outcome.kind = KIND_RATE_LIMITED;
	p.s.response.http_status = 429;
	p.s.target.retries = 0;
	p.advice.push_back = true;
	p.advice.wait_ms = 9000;
	p.s.facts.push_backs = 40;
	p.s.facts.chance = 0.9;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_AGAIN);
	assert_true(decide_prompt(&p).uncounted);
	/* Its own wait, neither longer nor shorter. */
	assert_int_equal(decide_prompt(&p).wait_us, 9 * SECOND);
	p.advice.wait_ms = 10000;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_LATE);
	p.advice.wait_ms = INT64_MAX / 2;
	assert_int_equal(decide_prompt(&p).verdict, RETRY_LATE);
	assert_true(decide_prompt(&p).wait_us > 0);
}

static void
test_the_wait_after_push_backs_doubles_up_to_a_minute(UNUSED void **state)
{
	static const struct {
		unsigned push_backs;
		int64_t most_us;
	} cases[] = {
		{ 1, 500 * MS },
		{ 2, 1 * SECOND },
		{ 3, 2 * SECOND },
		{ 7, 32 * SECOND },
		{ 8, MINUTE },
		{ 1000000, MINUTE },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct prompt_stage p = prompt_stage();

		p.advice.push_back = true;
		p.s.facts.push_backs = cases[i].push_backs;
		p.s.facts.left_us = 60 * MINUTE;
		p.s.facts.chance = 0.5;
		assert_int_equal(decide_prompt(&p).wait_us, cases[i].most_us / 2);
		p.s.facts.chance = 0;
		assert_int_equal(decide_prompt(&p).wait_us, 0);
	}
}

/* Else it would be asked over and over until the deadline. */
static void
test_a_push_back_that_names_next_to_no_wait_has_one_drawn(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.advice.push_back = true;
	p.s.facts.push_backs = 2;
	p.s.facts.chance = 0.5;
	p.advice.wait_ms = 0;
	assert_int_equal(decide_prompt(&p).wait_us, 500 * MS);
	p.advice.wait_ms = 99;
	assert_int_equal(decide_prompt(&p).wait_us, 500 * MS);
	/* It is kept all the same. */
	p.s.facts.chance = 0;
	assert_int_equal(decide_prompt(&p).wait_us, 99 * MS);
	p.advice.wait_ms = 100;
	p.s.facts.chance = 0.5;
	assert_int_equal(decide_prompt(&p).wait_us, 100 * MS);
}

static void
test_waits_after_push_backs_double_without_a_retry_delay_too(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.s.target.retry_delay_ms = 0;
	p.advice.push_back = true;
	p.s.facts.chance = 0.5;
	p.s.facts.push_backs = 1;
	assert_int_equal(decide_prompt(&p).wait_us, 50 * MS);
	p.s.facts.push_backs = 4;
	assert_int_equal(decide_prompt(&p).wait_us, 400 * MS);
	/* What is counted is as it was said. */
	p.advice.push_back = false;
	p.s.facts.attempts = 2;
	assert_int_equal(decide_prompt(&p).wait_us, 0);
}

static void
test_a_named_wait_is_the_least_for_other_failures(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.advice.wait_ms = 300;
	p.s.facts.chance = 0.5;
	assert_int_equal(decide_prompt(&p).wait_us, 300 * MS);
	p.s.facts.attempts = 2;
	assert_int_equal(decide_prompt(&p).wait_us, 500 * MS);
}

/* It would end in a timeout that may be paid for. */
static void
test_the_last_bit_of_a_deadline_is_no_time_for_a_prompt(UNUSED void **state)
{
	static const struct {
		int64_t timeout_ms, deadline_ms, least_us;
	} rows[] = {
		{ 60000, 180000, 1000 * MS },
		{ 2000, 180000, 200 * MS },
		{ 60000, 700, 70 * MS },
	};
	struct prompt_stage p = prompt_stage();

	p.advice.overloaded = true;
	p.s.target.retry_delay_ms = 0;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		p.s.target.timeout_ms = rows[i].timeout_ms;
		p.s.target.deadline_ms = rows[i].deadline_ms;
		p.s.facts.left_us = rows[i].least_us + decide_prompt(&p).wait_us;
		assert_int_equal(decide_prompt(&p).verdict, RETRY_AGAIN);
		p.s.facts.left_us--;
		assert_int_equal(decide_prompt(&p).verdict, RETRY_LATE);
	}
}

static void
test_prompts_and_their_hosts_are_not_held_back(UNUSED void **state)
{
	struct prompt_stage p = prompt_stage();

	p.s.outcome.kind = KIND_RATE_LIMITED;
	p.s.response.http_status = 429;
	p.s.response.retry_after_ms = 5000;
	p.advice.wait_ms = 5000;
	p.advice.push_back = true;
	assert_int_equal(decide_prompt(&p).hold_us, 0);
	assert_int_equal(decide_prompt(&p).hold_host_us, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_status_that_may_pass_is_tried_again),
		cmocka_unit_test(test_each_kind_of_error),
		cmocka_unit_test(
		    test_a_connection_lost_before_the_first_byte_is_tried_again),
		cmocka_unit_test(test_a_status_that_was_expected_is_an_answer),
		cmocka_unit_test(test_as_many_retries_as_there_may_be),
		cmocka_unit_test(test_which_methods_are_asked_twice),
		cmocka_unit_test(test_a_post_of_which_nothing_was_sent_is_tried_again),
		cmocka_unit_test(test_an_answer_to_a_post_shows_that_it_was_sent),
		cmocka_unit_test(test_waits_are_drawn_from_a_range_that_doubles),
		cmocka_unit_test(test_the_longest_range_there_may_be_does_not_overflow),
		cmocka_unit_test(test_never_before_the_retry_after),
		cmocka_unit_test(test_a_retry_after_is_not_cut_short_by_two_intervals),
		cmocka_unit_test(
		    test_what_does_not_fit_into_the_deadline_ends_the_turn),
		cmocka_unit_test(test_who_is_held_back_and_how_long),
		cmocka_unit_test(test_a_good_answer_holds_nobody_back),
		cmocka_unit_test(test_a_prompt_is_tried_again_whatever_was_sent),
		cmocka_unit_test(test_a_timeout_of_a_prompt_is_tried_again_once),
		cmocka_unit_test(test_nothing_is_tried_again_where_quota_is_used_up),
		cmocka_unit_test(test_the_providers_word_on_trying_again_counts),
		cmocka_unit_test(
		    test_an_overload_counts_as_a_retry_whatever_the_status),
		cmocka_unit_test(
		    test_a_push_back_is_tried_again_as_long_as_the_deadline_lasts),
		cmocka_unit_test(test_the_wait_after_push_backs_doubles_up_to_a_minute),
		cmocka_unit_test(
		    test_a_push_back_that_names_next_to_no_wait_has_one_drawn),
		cmocka_unit_test(
		    test_waits_after_push_backs_double_without_a_retry_delay_too),
		cmocka_unit_test(test_a_named_wait_is_the_least_for_other_failures),
		cmocka_unit_test(
		    test_the_last_bit_of_a_deadline_is_no_time_for_a_prompt),
		cmocka_unit_test(test_prompts_and_their_hosts_are_not_held_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
