#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "turn_stage.h"

/* Target 0 has two retries, 1 s apart at most, and answers so from now on. */
static struct fake_answer *
answer(struct fixture *f, struct fake_answer answer)
{
	struct target *target = f->config->targets[0];
	struct fake_answer *now = fake_http_answer(f->http, 0);

	target->retries = 2;
	target->retry_delay_ms = 1000;
	*now = answer;
	return now;
}

static const struct fake_answer good = { .delay_us = 10 * MS, .http_status = 204 };

/* ---- asked again ---- */

static void
test_a_failed_attempt_is_made_again_after_a_wait(void **state)
{
	struct fixture *f = *state;
	const struct outcome *outcome = &f->outcomes[0];

	answer(f,
	    (struct fake_answer){
	        .delay_us = 100 * MS, .http_status = 503, .then = &good });
	start(f, 0);
	pass(f, 100 * MS);
	assert_int_equal(limiter_held(f->limiter), 0);
	pass(f, 499 * MS);
	assert_int_equal(fake_http_started_count(f->http), 1);
	pass(f, 1 * MS);
	assert_int_equal(fake_http_started_count(f->http), 2);
	pass(f, 10 * MS);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(outcome->status, STATUS_OK);
	assert_int_equal(outcome->http_status, 204);
	assert_int_equal(outcome->attempts, 2);
	assert_int_equal(outcome->queued_us, 0);
	assert_int_equal(outcome->duration_us, 610 * MS);
	assert_string_equal(outcome->url, "http://test/0");
	assert_int_equal(f->findings[0].hold_until_us, 0);
}

static void
test_the_last_attempt_is_the_outcome(void **state)
{
	struct fixture *f = *state;
	const struct fake_answer third = { .http_status = 500, .delay_us = 1 * MS };
	const struct fake_answer second = { .result = RESPONSE_DNS, .then = &third };

	answer(f, (struct fake_answer){ .http_status = 503, .then = &second });
	f->chance = 0;
	start(f, 0);
	pass(f, 10 * MS);
	assert_int_equal(f->outcomes[0].attempts, 3);
	assert_int_equal(f->outcomes[0].status, STATUS_HTTP_ERROR);
	assert_int_equal(f->outcomes[0].http_status, 500);
	assert_string_equal(f->outcomes[0].message, "returned HTTP 500");
}

static void
test_no_slot_is_held_between_attempts(void **state)
{
	struct fixture *f = *state;

	answer(f, (struct fake_answer){ .http_status = 503, .then = &good });
	fake_http_answer(f->http, 1)->delay_us = 3 * SECOND;
	start(f, 0);
	start(f, 1);
	pass(f, 1 * SECOND);
	/* The wait is over, but now it is the other one that is asked. */
	assert_int_equal(fake_http_started_count(f->http), 2);
	assert_int_equal(fake_http_started(f->http, 1), 1);
	assert_int_equal(limiter_waiting(f->limiter), 1);
	pass(f, 3 * SECOND);
	assert_int_equal(f->outcomes[1].status, STATUS_OK);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	assert_int_equal(f->outcomes[0].queued_us, 0);
	assert_int_equal(f->outcomes[0].attempts, 2);
}

static void
test_a_post_that_was_sent_is_not_asked_again(void **state)
{
	struct fixture *f = *state;

	answer(f, (struct fake_answer){ .http_status = 503 });
	fake_config_set(f->config, 0, "method: POST\n");
	start(f, 0);
	pass(f, 10 * SECOND);
	assert_int_equal(f->outcomes[0].attempts, 1);
	f->config->targets[0]->retry_unsafe = true;
	start(f, 0);
	pass(f, 10 * SECOND);
	assert_int_equal(f->outcomes[0].attempts, 3);
}

struct asked {
	unsigned count;
	char *urls[COUNT];
};

static void
see(const struct request *request, UNUSED int64_t timeout_us, void *arg)
{
	struct asked *asked = arg;

	asked->urls[asked->count++] = xstrdup(request->url.text);
}

static void
test_each_attempt_is_rendered_anew(void **state)
{
	struct fixture *f = *state;
	struct asked asked = { .count = 0 };

	answer(f, (struct fake_answer){ .http_status = 503, .then = &good });
	fake_config_set(f->config, 0, "url: http://test/{{now}}/0\n");
	fake_http_watch(f->http, see, &asked);
	f->chance = 0;
	f->config->targets[0]->retry_delay_ms = 1;
	start(f, 0);
	fake_http_pass(f->http, 2 * SECOND);
	fake_timers_ring();
	pass(f, 10 * MS);
	assert_int_equal(asked.count, 2);
	assert_string_not_equal(asked.urls[0], asked.urls[1]);
	assert_string_equal(f->outcomes[0].url, asked.urls[1]);
	free(asked.urls[0]);
	free(asked.urls[1]);
}

/* ---- one deadline for all ---- */

static void
see_timeout(UNUSED const struct request *request, int64_t timeout_us, void *arg)
{
	*(int64_t *)arg = timeout_us;
}

static void
test_an_attempt_has_no_more_than_is_left(void **state)
{
	struct fixture *f = *state;
	int64_t timeout_us = 0;

	answer(f, (struct fake_answer){ .delay_us = FAKE_NEVER });
	fake_http_watch(f->http, see_timeout, &timeout_us);
	f->config->targets[0]->deadline_ms = 7000;
	start(f, 0);
	assert_int_equal(timeout_us, 5 * SECOND);
	pass(f, 5500 * MS);
	assert_int_equal(timeout_us, 1500 * MS);
	pass(f, 1500 * MS);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].attempts, 2);
	assert_int_equal(f->outcomes[0].status, STATUS_TIMEOUT);
	assert_int_equal(f->outcomes[0].limit_ms, 1500);
	assert_int_equal(f->outcomes[0].duration_us, 7 * SECOND);
}

static void
test_a_wait_that_does_not_fit_ends_the_turn_at_once(void **state)
{
	struct fixture *f = *state;

	answer(f,
	    (struct fake_answer){ .http_status = 503,
	        .delay_us = 200 * MS,
	        .retry_after = true,
	        .retry_after_ms = 31000 });
	start(f, 0);
	pass(f, 200 * MS);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].kind, KIND_RATE_LIMITED);
	assert_int_equal(f->outcomes[0].attempts, 1);
	assert_int_equal(
	    f->findings[0].hold_until_us, fake_http_now_us(f->http) + 31 * SECOND);
}

static void
test_a_deadline_ends_the_turn_in_the_queue(void **state)
{
	struct fixture *f = *state;

	answer(f, (struct fake_answer){ .http_status = 503, .then = &good });
	f->config->targets[0]->deadline_ms = 3000;
	fake_http_answer(f->http, 1)->delay_us = 4 * SECOND;
	start(f, 0);
	start(f, 1);
	pass(f, 2998 * MS);
	assert_int_equal(f->reports[0], 0);
	pass(f, 2 * MS);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].status, STATUS_HTTP_ERROR);
	assert_int_equal(f->outcomes[0].attempts, 1);
	assert_int_equal(f->outcomes[0].duration_us, 3 * SECOND);
	assert_int_equal(limiter_waiting(f->limiter), 0);
	pass(f, 2 * SECOND);
	assert_int_equal(fake_http_started_count(f->http), 2);
}

static void
test_a_slot_that_comes_with_the_deadline_is_not_used(void **state)
{
	struct fixture *f = *state;

	answer(f, (struct fake_answer){ .http_status = 503, .then = &good });
	f->config->targets[0]->deadline_ms = 3000;
	fake_http_answer(f->http, 1)->delay_us = 3 * SECOND;
	start(f, 0);
	start(f, 1);
	pass(f, 1 * SECOND);
	/* The slot comes before the timer rings. */
	fake_http_pass(f->http, 2 * SECOND);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].status, STATUS_HTTP_ERROR);
	assert_int_equal(fake_http_started_count(f->http), 2);
}

/* http's clock, which a standstill holds up. */
static int64_t standstill_us;
static int64_t ticks;
static struct http_client real;

static int64_t
behind_us(UNUSED void *client)
{
	return real.now_us(real.client) - standstill_us;
}

/* A clock that goes on by itself. */
static int64_t
ahead_us(UNUSED void *client)
{
	return real.now_us(real.client) + ticks++;
}

/* As some microseconds after the deadline began the attempt does. */
static void
test_what_is_left_is_told_in_whole_milliseconds(void **state)
{
	struct fixture *f = *state;
	int64_t timeout_us = 0;

	real = f->context.http;
	f->context.http.now_us = ahead_us;
	ticks = 0;
	answer(f, (struct fake_answer){ .delay_us = FAKE_NEVER });
	fake_http_watch(f->http, see_timeout, &timeout_us);
	f->config->targets[0]->deadline_ms = 400;
	start(f, 0);
	assert_int_equal(timeout_us, 399999);
	pass(f, 400 * MS);
	assert_int_equal(f->outcomes[0].limit_ms, 400);
	assert_int_equal(f->outcomes[0].attempts, 1);
}

static void
test_a_standstill_does_not_count_against_the_deadline(void **state)
{
	struct fixture *f = *state;

	real = f->context.http;
	f->context.http.now_us = behind_us;
	standstill_us = 0;
	answer(f, (struct fake_answer){ .http_status = 503, .then = &good });
	f->config->targets[0]->deadline_ms = 3000;
	fake_http_answer(f->http, 1)->delay_us = FAKE_NEVER;
	f->config->targets[1]->timeout_ms = 4000;
	start(f, 0);
	start(f, 1);
	pass(f, 1 * SECOND);
	standstill_us = 10 * SECOND;
	pass(f, 3 * SECOND);
	assert_int_equal(f->outcomes[0].status, STATUS_PENDING);
	pass(f, 10 * MS);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
}

/* ---- Retry-After ---- */

static void
test_a_retry_after_is_waited_for(void **state)
{
	struct fixture *f = *state;

	answer(f,
	    (struct fake_answer){ .http_status = 503,
	        .retry_after = true,
	        .retry_after_ms = 2000,
	        .then = &good });
	start(f, 0);
	pass(f, 1 * MS);
	pass(f, 1998 * MS);
	assert_int_equal(fake_http_started_count(f->http), 1);
	pass(f, 2 * MS);
	assert_int_equal(fake_http_started_count(f->http), 2);
	pass(f, 10 * MS);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	/* That time has come. */
	assert_true(f->findings[0].hold_until_us <= fake_http_now_us(f->http));
}

static void
test_a_turn_cancelled_meanwhile_still_tells_of_it(void **state)
{
	struct fixture *f = *state;
	struct turn *turn;

	answer(f,
	    (struct fake_answer){
	        .http_status = 503, .retry_after = true, .retry_after_ms = 2000 });
	turn = start(f, 0);
	pass(f, 500 * MS);
	turn_cancel(turn, "cancelled");
	assert_int_equal(f->outcomes[0].status, STATUS_CANCELLED);
	assert_int_equal(f->outcomes[0].attempts, 1);
	assert_int_equal(f->outcomes[0].duration_us, 500 * MS);
	assert_string_equal(f->outcomes[0].url, "http://test/0");
	assert_in_range(f->findings[0].hold_until_us, FAKE_START_US + 2 * SECOND,
	    FAKE_START_US + 2 * SECOND + MS);
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
}

static void
limit_hosts(struct fixture *f, double starts_per_s)
{
	const struct limiter_host_limits limits = { .starts_per_s = starts_per_s };

	limiter_limit_hosts(f->limiter, f->base, &f->context.clock, &limits);
}

/* Target 0 is answered with a 429 for three seconds and gives up, then 1 is asked; returns
 * when. */
static int64_t
ask_after_429(struct fixture *f, const char *final_url)
{
	int64_t started_us;

	answer(f,
	    (struct fake_answer){ .http_status = 429,
	        .retry_after = true,
	        .retry_after_ms = 3000,
	        .final_url = final_url });
	f->config->targets[0]->retries = 0;
	start(f, 0);
	start(f, 1);
	started_us = fake_http_now_us(f->http);
	while (fake_http_started_count(f->http) < 2)
		pass(f, 1 * MS);
	pass(f, 10 * MS);
	return fake_http_now_us(f->http) - 10 * MS - started_us;
}

static void
test_a_429_holds_its_host_back_where_hosts_have_a_rate(void **state)
{
	struct fixture *f = *state;

	limit_hosts(f, 100);
	assert_in_range(ask_after_429(f, NULL), 3 * SECOND, 3 * SECOND + MS);
}

static void
test_a_429_holds_only_its_target_back_where_they_have_none(void **state)
{
	struct fixture *f = *state;

	assert_in_range(ask_after_429(f, NULL), 0, MS);
	assert_int_not_equal(f->findings[0].hold_until_us, 0);
}

static void
test_a_429_of_another_host_does_not_hold_this_one_back(void **state)
{
	struct fixture *f = *state;

	limit_hosts(f, 100);
	assert_in_range(ask_after_429(f, "http://other/"), 0, MS);
}

/* ---- an end from outside ---- */

static void
test_a_turn_between_attempts_may_be_abandoned(void **state)
{
	struct fixture *f = *state;
	struct turn *turn;

	answer(f, (struct fake_answer){ .http_status = 503 });
	turn = start(f, 0);
	pass(f, 100 * MS);
	turn_abandon(turn);
	assert_int_equal(f->reports[0], 0);
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
}

static struct turn *victim;

static void
on_done_cancel_victim(UNUSED const struct target *target,
    UNUSED struct outcome *outcome, UNUSED const struct turn_findings *findings,
    UNUSED void *arg)
{
	turn_cancel(victim, "cancelled");
}

static void
test_a_turn_may_be_cancelled_as_it_gives_its_slot_back(void **state)
{
	struct fixture *f = *state;

	/* It backs off; the other one ends at once, and ends it. */
	answer(f, (struct fake_answer){ .http_status = 503 });
	fake_config_break(f->config, 1);
	victim = start(f, 0);
	turn_start(&f->context, f->config->targets[1], on_done_cancel_victim, NULL);
	pass(f, 1 * MS);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].status, STATUS_CANCELLED);
	assert_int_equal(f->outcomes[0].attempts, 1);
}

static void
test_waits_are_drawn_without_a_generator_too(void **state)
{
	struct fixture *f = *state;

	answer(f, (struct fake_answer){ .http_status = 503, .then = &good });
	f->context.draw = NULL;
	start(f, 0);
	pass(f, 1 * SECOND + 11 * MS);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_failed_attempt_is_made_again_after_a_wait),
		CASE(test_the_last_attempt_is_the_outcome),
		CASE(test_no_slot_is_held_between_attempts),
		CASE(test_a_post_that_was_sent_is_not_asked_again),
		CASE(test_each_attempt_is_rendered_anew),
		CASE(test_an_attempt_has_no_more_than_is_left),
		CASE(test_a_wait_that_does_not_fit_ends_the_turn_at_once),
		CASE(test_a_deadline_ends_the_turn_in_the_queue),
		CASE(test_a_slot_that_comes_with_the_deadline_is_not_used),
		CASE(test_what_is_left_is_told_in_whole_milliseconds),
		CASE(test_a_standstill_does_not_count_against_the_deadline),
		CASE(test_a_retry_after_is_waited_for),
		CASE(test_a_turn_cancelled_meanwhile_still_tells_of_it),
		CASE(test_a_429_holds_its_host_back_where_hosts_have_a_rate),
		CASE(test_a_429_holds_only_its_target_back_where_they_have_none),
		CASE(test_a_429_of_another_host_does_not_hold_this_one_back),
		CASE(test_a_turn_between_attempts_may_be_abandoned),
		CASE(test_a_turn_may_be_cancelled_as_it_gives_its_slot_back),
		CASE(test_waits_are_drawn_without_a_generator_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
