#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "turn_prompts_stage.h"

static const struct fake_answer good = {
	.delay_us = 100 * MS,
	.http_status = 200,
	.content_type = "application/json",
	.body = ANSWER("Hi"),
};

static const struct fake_answer pushed_back = {
	.delay_us = 10 * MS,
	.http_status = 429,
	.content_type = "application/json",
	.body = ERROR("rate_limit_exceeded", "slow down"),
};

/* Answers so from now on. */
static void
answer(struct fixture *f, size_t index, struct fake_answer answer)
{
	*fake_http_answer(f->http, index) = answer;
}

/* ---- what comes of a turn ---- */

static void
test_a_model_is_asked_and_answers(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "prompt: Say {{{services.t0.data}}}\n");
	const struct outcome *outcome;

	begin(f);
	put_service(f, 0, STATUS_OK, "[1]");
	outcome = ask(f, p);
	assert_int_equal(outcome->status, STATUS_OK);
	assert_int_equal(outcome->attempts, 1);
	assert_int_equal(outcome->http_status, 200);
	assert_int_equal(outcome->duration_us, 100 * MS);
	assert_int_equal(outcome->queued_us, 0);
	assert_string_equal(outcome->prompt->model, "m-2026");
	assert_string_equal(outcome->prompt->prompt, "Say [1]");
	assert_string_equal(outcome->prompt->response, "Hi");
	assert_string_equal(outcome->prompt->finish_reason, "stop");
	assert_int_equal(outcome->prompt->usage.total, 10);
	assert_int_equal(outcome->prompt->usage_unknown_attempts, 0);
	assert_false(outcome->prompt->reused);
	/* Nobody asks whether it is the same again. */
	assert_string_equal(outcome->prompt->input_hash, "");
}

static void
test_what_the_document_has_of_the_text(void **state)
{
	struct fixture *f = *state;
	size_t hash = add(f, "store_prompt: hash\n");
	size_t none = add(f, "store_prompt: none\n");

	begin(f);
	/* Of "Say hi". */
	assert_string_equal(ask(f, hash)->prompt->prompt,
	    "sha256:"
	    "71d5b298ee9f050ce4ae9a5ec072511edf42011b2b0ea56c0afda41980fd4194");
	assert_null(ask(f, none)->prompt->prompt);
}

static void
test_values_that_were_cut_are_told(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "prompt: Read {{{services.t0.data}}}\nmax_insert: 1KiB\n");
	char data[2001] = "\"";
	const struct outcome *outcome;

	begin(f);
	memset(data + 1, 'a', 1998);
	data[1999] = '"';
	put_service(f, 0, STATUS_OK, data);
	outcome = ask(f, p);
	assert_int_equal(outcome->status, STATUS_OK);
	assert_int_equal(outcome->warning_count, 1);
	assert_string_equal(
	    outcome->warnings[0], "a value was cut: longer than max_insert (1KiB)");
}

static void
test_a_prompt_without_what_it_needs_is_skipped_before_it_queues(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "prompt: Say {{services.t0.data}}\nwhen: changed\n");
	const struct outcome *outcome;

	begin(f);
	outcome = ask(f, p);
	assert_int_equal(outcome->status, STATUS_SKIPPED);
	assert_int_equal(outcome->kind, KIND_DEPENDENCY);
	assert_int_equal(outcome->queued_us, -1);
	assert_int_equal(asked(f), 0);
	/* What would have been asked. */
	assert_string_equal(outcome->prompt->model, "m1");
	assert_null(outcome->prompt->prompt);
}

static void
test_a_turn_that_was_cancelled_says_what_was_asked(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "");
	struct turn *turn;

	begin(f);
	turn = start(f, p);
	turn_cancel(turn, "t0 failed");
	assert_int_equal(f->outcomes[p].status, STATUS_CANCELLED);
	assert_string_equal(f->outcomes[p].prompt->prompt, "Say hi");
	assert_string_equal(f->outcomes[p].prompt->model, "m1");
	/* It may have been paid for. */
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 1);
	assert_int_equal(gate_facts(f).in_flight, 0);
}

static void
test_a_turn_that_is_left_out_has_a_model(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "");
	struct outcome outcome;

	begin(f);
	turn_skip(&f->context, f->config->targets[p], KIND_DEPENDENCY,
	    xstrdup("t0 failed"), &outcome);
	assert_string_equal(outcome.prompt->model, "m1");
	outcome_clear(&outcome);
}

static void
test_an_abandoned_turn_gives_everything_back(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "");

	begin(f);
	turn_abandon(start(f, p));
	assert_int_equal(f->reports[p], 0);
	assert_int_equal(gate_facts(f).in_flight, 0);
}

/* ---- the gate ---- */

static void
test_as_many_ask_a_provider_as_it_lets_in(void **state)
{
	struct fixture *f = *state;
	size_t first, second;

	fake_config_set_provider(f->config, "p", "max_concurrent: 1\n");
	first = add(f, "");
	second = add(f, "");
	begin(f);
	start(f, first);
	start(f, second);
	assert_int_equal(gate_facts(f).in_flight, 1);
	assert_int_equal(asked(f), 1);
	pass(f, 100 * MS);
	assert_int_equal(f->reports[first], 1);
	assert_int_equal(asked(f), 2);
	pass(f, 100 * MS);
	assert_int_equal(f->outcomes[second].status, STATUS_OK);
	assert_int_equal(f->outcomes[second].queued_us, 100 * MS);
}

/* Eight at once fill the limit that a gate begins with. */
static void
ask_eight(struct fixture *f, const char *body)
{
	fake_config_set_provider(f->config, "p", "max_concurrent: 50\n");
	for (size_t i = 0; i < 8; i++) {
		size_t p = add(f, "format: json\n");

		fake_http_answer(f->http, p)->body = body;
	}
	begin(f);
	for (size_t i = 1; i <= 8; i++)
		start(f, i);
	assert_int_equal(gate_facts(f).in_flight, 8);
	pass(f, 100 * MS);
}

static void
test_the_gate_grows_with_answers(void **state)
{
	struct fixture *f = *state;

	ask_eight(f, ANSWER("1"));
	assert_int_equal(f->outcomes[8].status, STATUS_OK);
	assert_true(gate_facts(f).limit > 8);
}

/* It was not the answer that was wished for, but the model had time for it. */
static void
test_the_gate_grows_with_answers_that_are_no_success(void **state)
{
	struct fixture *f = *state;

	ask_eight(f, ANSWER("no JSON"));
	assert_int_equal(f->outcomes[8].kind, KIND_INVALID_BODY);
	assert_true(gate_facts(f).limit > 8);
}

static void
test_what_no_model_said_is_not_told(void **state)
{
	struct fixture *f = *state;

	ask_eight(f, "<html>");
	assert_int_equal(f->outcomes[8].kind, KIND_INVALID_BODY);
	assert_int_equal(gate_facts(f).limit, 8);
	assert_int_equal(gate_facts(f).rejections, 0);
}

static void
test_a_push_back_is_told_and_asked_again_uncounted(void **state)
{
	struct fixture *f = *state;
	struct fake_answer second = pushed_back;
	struct fake_answer third = pushed_back;
	size_t p;

	fake_config_set_provider(f->config, "p", "max_concurrent: 50\n");
	p = add(f, "retries: 0\n");
	second.then = &third;
	third.then = &good;
	begin(f);
	answer(f, p, pushed_back);
	fake_http_answer(f->http, p)->then = &second;
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(f->outcomes[p].attempts, 4);
	assert_int_equal(gate_facts(f).rejections, 3);
	assert_true(gate_facts(f).limit < 8);
	/* The 429s were free. */
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 0);
}

static void
test_push_backs_end_with_the_deadline(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "");
	const struct outcome *outcome;

	begin(f);
	answer(f, p, pushed_back);
	f->config->targets[p]->deadline_ms = 3000;
	outcome = ask(f, p);
	assert_int_equal(outcome->status, STATUS_HTTP_ERROR);
	assert_int_equal(outcome->kind, KIND_RATE_LIMITED);
	assert_true(outcome->attempts > 2);
	assert_true(outcome->duration_us <= 3000 * MS);
	assert_string_equal(outcome->message, "returned HTTP 429: slow down");
	assert_string_equal(outcome->prompt->prompt, "Say hi");
}

static void
test_a_wait_that_is_asked_for_holds_the_provider_back(void **state)
{
	struct fixture *f = *state;
	size_t first = add(f, "");
	size_t second = add(f, "");

	begin(f);
	answer(f, first, pushed_back);
	fake_http_answer(f->http, first)->retry_after = true;
	fake_http_answer(f->http, first)->retry_after_ms = 4000;
	fake_http_answer(f->http, first)->then = &good;
	start(f, first);
	pass(f, 10 * MS);
	assert_int_equal(gate_facts(f).pauses, 1);
	start(f, second);
	pass(f, 3900 * MS);
	assert_int_equal(asked(f), 1);
	pass(f, 400 * MS);
	assert_int_equal(f->outcomes[first].status, STATUS_OK);
	assert_int_equal(f->outcomes[second].status, STATUS_OK);
}

static void
test_a_wait_that_does_not_fit_ends_the_turn_at_once(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 3\n");

	begin(f);
	answer(f, p, pushed_back);
	fake_http_answer(f->http, p)->retry_after = true;
	fake_http_answer(f->http, p)->retry_after_ms = 3600000;
	assert_int_equal(ask(f, p)->kind, KIND_RATE_LIMITED);
	assert_int_equal(f->outcomes[p].attempts, 1);
	assert_int_equal(f->outcomes[p].duration_us, 10 * MS);
}

static void
test_whoever_would_wait_for_a_pause_past_his_deadline_is_skipped(void **state)
{
	struct fixture *f = *state;
	size_t first, second, third;

	fake_config_set_provider(f->config, "p", "max_concurrent: 1\n");
	first = add(f, "");
	second = add(f, "");
	third = add(f, "");
	begin(f);
	answer(f, first, pushed_back);
	f->config->targets[first]->deadline_ms = 2000;
	f->config->targets[second]->deadline_ms = 2000;
	f->config->targets[third]->deadline_ms = 4000;
	fake_http_answer(f->http, first)->retry_after = true;
	fake_http_answer(f->http, first)->retry_after_ms = 3000;
	start(f, first);
	start(f, second);
	start(f, third);
	pass(f, 10 * MS);
	assert_int_equal(f->outcomes[first].status, STATUS_HTTP_ERROR);
	assert_int_equal(f->reports[second], 1);
	assert_int_equal(f->outcomes[second].status, STATUS_SKIPPED);
	assert_int_equal(f->outcomes[second].kind, KIND_RATE_LIMITED);
	assert_int_equal(f->outcomes[second].attempts, 0);
	assert_non_null(strstr(f->outcomes[second].message, "past its deadline of 2s"));
	assert_int_equal(f->reports[third], 0);
	pass(f, 4 * SECOND);
	assert_int_equal(f->outcomes[third].status, STATUS_OK);
}

static void
test_who_waits_for_the_gate_when_the_deadline_comes_ends_as_before(void **state)
{
	struct fixture *f = *state;
	size_t first, second;

	fake_config_set_provider(f->config, "p", "max_concurrent: 1\n");
	first = add(f, "");
	second = add(f, "");
	begin(f);
	answer(f, first, pushed_back);
	f->config->targets[first]->deadline_ms = 2000;
	fake_http_answer(f->http, second)->delay_us = 4 * SECOND;
	start(f, first);
	start(f, second);
	pass(f, 2 * SECOND);
	assert_int_equal(f->reports[first], 1);
	assert_int_equal(f->outcomes[first].kind, KIND_RATE_LIMITED);
	assert_int_equal(f->outcomes[first].attempts, 1);
	pass(f, 3 * SECOND);
	assert_int_equal(f->outcomes[second].status, STATUS_OK);
}

static void
test_used_up_quota_is_never_tried_again_nor_told(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 5\n");

	begin(f);
	answer(f, p, pushed_back);
	fake_http_answer(f->http, p)->body = ERROR("insufficient_quota", "pay first");
	fake_http_answer(f->http, p)->retry_after = true;
	fake_http_answer(f->http, p)->retry_after_ms = 1000;
	assert_int_equal(ask(f, p)->kind, KIND_RATE_LIMITED);
	assert_int_equal(f->outcomes[p].attempts, 1);
	assert_int_equal(gate_facts(f).rejections, 0);
	assert_int_equal(gate_facts(f).pauses, 0);
}

static void
test_a_fault_that_names_a_wait_pauses_the_gate(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 1\n");

	begin(f);
	answer(f, p,
	    (struct fake_answer){ .http_status = 500,
	        .retry_after = true,
	        .retry_after_ms = 2000,
	        .then = &good });
	start(f, p);
	pass(f, 1 * MS);
	assert_int_equal(gate_facts(f).pauses, 1);
	assert_int_equal(gate_facts(f).rejections, 0);
	pass(f, 3 * SECOND);
	assert_int_equal(f->outcomes[p].status, STATUS_OK);
	assert_int_equal(f->outcomes[p].attempts, 2);
}

/* ---- retries ---- */

static void
test_faults_are_tried_again_as_often_as_they_may(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 2\n");

	begin(f);
	answer(f, p, (struct fake_answer){ .http_status = 500 });
	assert_int_equal(ask(f, p)->kind, KIND_HTTP);
	assert_int_equal(f->outcomes[p].attempts, 3);
	assert_int_equal(gate_facts(f).rejections, 0);
}

static void
test_push_backs_are_not_among_the_retries(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 1\n");
	struct fake_answer third = pushed_back;
	struct fake_answer second = { .http_status = 500, .then = &third };

	begin(f);
	third.then = &good;
	answer(f, p, pushed_back);
	fake_http_answer(f->http, p)->then = &second;
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(f->outcomes[p].attempts, 4);
}

static void
test_a_timeout_is_tried_again_once(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 5\ntimeout: 1s\n");

	begin(f);
	answer(f, p,
	    (struct fake_answer){ .delay_us = FAKE_NEVER, .phase = PHASE_FIRST_BYTE });
	assert_int_equal(ask(f, p)->status, STATUS_TIMEOUT);
	assert_int_equal(f->outcomes[p].attempts, 2);
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 2);
	assert_int_equal(gate_facts(f).rejections, 2);
}

static void
test_what_was_never_sent_is_not_paid_for(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 1\n");

	begin(f);
	answer(f, p, (struct fake_answer){ .result = RESPONSE_CONNECT });
	assert_int_equal(ask(f, p)->kind, KIND_CONNECT);
	assert_int_equal(f->outcomes[p].attempts, 2);
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 0);
	assert_int_equal(gate_facts(f).rejections, 2);
}

static void
test_an_answer_that_got_lost_may_have_been_paid_for(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "retries: 1\n");

	begin(f);
	answer(f, p,
	    (struct fake_answer){ .result = RESPONSE_PROTOCOL,
	        .sent = true,
	        .lost = true,
	        .then = &good });
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_int_equal(f->outcomes[p].prompt->usage_unknown_attempts, 1);
}

/* ---- when ---- */

static void
test_an_unchanged_prompt_is_asked_once(void **state)
{
	struct fixture *f = *state;
	size_t p = add(
	    f, "prompt: Sum up {{{services.t0.data}}}\nwhen: changed\nformat: json\n");
	int64_t checked_at_ms = 0;

	begin(f);
	fake_http_answer(f->http, p)->body = ANSWER("42");
	put_service(f, 0, STATUS_OK, "[1]");
	for (int i = 0; i < 10; i++) {
		const struct outcome *outcome = ask(f, p);

		assert_int_equal(outcome->status, STATUS_OK);
		assert_int_equal(outcome->attempts, i == 0 ? 1 : 0);
		assert_int_equal(outcome->prompt->reused, i > 0);
		assert_string_equal(outcome->prompt->response, "42");
		assert_string_equal(outcome->data, "42");
		assert_true(outcome->checked_at_ms > checked_at_ms);
		checked_at_ms = outcome->checked_at_ms;
		pass(f, 30 * MS);
	}
	assert_int_equal(asked(f), 1);
	put_service(f, 0, STATUS_OK, "[2]");
	assert_int_equal(ask(f, p)->attempts, 1);
	assert_false(f->outcomes[p].prompt->reused);
	assert_int_equal(asked(f), 2);
}

static void
test_a_prompt_whose_last_answer_was_bad_is_asked_again(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "when: changed\n");

	begin(f);
	answer(f, p, (struct fake_answer){ .http_status = 400 });
	ask(f, p);
	ask(f, p);
	assert_int_equal(asked(f), 2);
	answer(f, p, good);
	ask(f, p);
	assert_int_equal(ask(f, p)->attempts, 0);
}

/* The good answer is kept aside while there is a bad one to something else. */
static void
test_what_is_asked_as_before_a_failure_is_reused(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "prompt: Sum up {{{services.t0.data}}}\nwhen: changed\n");

	begin(f);
	put_service(f, 0, STATUS_OK, "[1]");
	ask(f, p);
	put_service(f, 0, STATUS_OK, "[2]");
	answer(f, p, (struct fake_answer){ .http_status = 400 });
	assert_int_equal(ask(f, p)->status, STATUS_HTTP_ERROR);
	assert_null(f->outcomes[p].prompt->response);
	put_service(f, 0, STATUS_OK, "[1]");
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	assert_string_equal(f->outcomes[p].prompt->response, "Hi");
	assert_string_equal(f->outcomes[p].prompt->prompt, "Sum up [1]");
	assert_int_equal(asked(f), 2);
}

/* A reload may have changed it. */
static void
test_a_reused_answer_has_its_text_as_store_prompt_says_now(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "when: changed\n");
	struct prompt *prompt = (struct prompt *)f->config->targets[p];

	begin(f);
	assert_string_equal(ask(f, p)->prompt->prompt, "Say hi");
	prompt->store = STORE_NONE;
	assert_null(ask(f, p)->prompt->prompt);
	assert_true(f->outcomes[p].prompt->reused);
	prompt->store = STORE_FULL;
	assert_string_equal(ask(f, p)->prompt->prompt, "Say hi");
	assert_int_equal(asked(f), 1);
}

static void
test_a_reused_answer_needs_no_ticket(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "when: changed\n");

	begin(f);
	ask(f, p);
	limiter_set_max(f->limiter, 0);
	/* It is over before it came back. */
	assert_null(start(f, p));
	assert_true(f->outcomes[p].prompt->reused);
	assert_int_equal(f->outcomes[p].duration_us, -1);
	assert_int_equal(f->outcomes[p].queued_us, -1);
	limiter_set_max(f->limiter, 100);
}

static void
test_a_prompt_for_failures_is_asked_while_a_service_fails(void **state)
{
	struct fixture *f = *state;
	size_t other = add(f, "");
	size_t p = add(f, "when: failing\n");

	begin(f);
	assert_int_equal(ask(f, p)->status, STATUS_PENDING);
	assert_int_equal(f->outcomes[p].checked_at_ms, -1);
	assert_string_equal(f->outcomes[p].prompt->model, "m2");
	/* A prompt is no service, and who was skipped has not failed. */
	answer(f, other, (struct fake_answer){ .http_status = 400 });
	ask(f, other);
	put_service(f, 0, STATUS_SKIPPED, NULL);
	assert_int_equal(ask(f, p)->status, STATUS_PENDING);
	assert_int_equal(asked(f), 1);
	put_service(f, 0, STATUS_TIMEOUT, NULL);
	assert_int_equal(ask(f, p)->status, STATUS_OK);
	put_service(f, 0, STATUS_OK, NULL);
	assert_int_equal(ask(f, p)->status, STATUS_PENDING);
	assert_int_equal(asked(f), 2);
}

static void
test_a_delay_comes_before_all_that(void **state)
{
	struct fixture *f = *state;
	size_t p = add(f, "when: failing\ndelay: 1s\n");

	begin(f);
	put_service(f, 0, STATUS_ERROR, NULL);
	start(f, p);
	pass(f, 500 * MS);
	put_service(f, 0, STATUS_OK, NULL);
	pass(f, 499 * MS);
	assert_int_equal(f->reports[p], 0);
	pass(f, 1 * MS);
	assert_int_equal(f->reports[p], 1);
	assert_int_equal(f->outcomes[p].status, STATUS_PENDING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_model_is_asked_and_answers),
		CASE(test_what_the_document_has_of_the_text),
		CASE(test_values_that_were_cut_are_told),
		CASE(test_a_prompt_without_what_it_needs_is_skipped_before_it_queues),
		CASE(test_a_turn_that_was_cancelled_says_what_was_asked),
		CASE(test_a_turn_that_is_left_out_has_a_model),
		CASE(test_an_abandoned_turn_gives_everything_back),
		CASE(test_as_many_ask_a_provider_as_it_lets_in),
		CASE(test_the_gate_grows_with_answers),
		CASE(test_the_gate_grows_with_answers_that_are_no_success),
		CASE(test_what_no_model_said_is_not_told),
		CASE(test_a_push_back_is_told_and_asked_again_uncounted),
		CASE(test_push_backs_end_with_the_deadline),
		CASE(test_a_wait_that_is_asked_for_holds_the_provider_back),
		CASE(test_a_wait_that_does_not_fit_ends_the_turn_at_once),
		CASE(test_whoever_would_wait_for_a_pause_past_his_deadline_is_skipped),
		CASE(
		    test_who_waits_for_the_gate_when_the_deadline_comes_ends_as_before),
		CASE(test_used_up_quota_is_never_tried_again_nor_told),
		CASE(test_a_fault_that_names_a_wait_pauses_the_gate),
		CASE(test_faults_are_tried_again_as_often_as_they_may),
		CASE(test_push_backs_are_not_among_the_retries),
		CASE(test_a_timeout_is_tried_again_once),
		CASE(test_what_was_never_sent_is_not_paid_for),
		CASE(test_an_answer_that_got_lost_may_have_been_paid_for),
		CASE(test_an_unchanged_prompt_is_asked_once),
		CASE(test_a_prompt_whose_last_answer_was_bad_is_asked_again),
		CASE(test_what_is_asked_as_before_a_failure_is_reused),
		CASE(test_a_reused_answer_has_its_text_as_store_prompt_says_now),
		CASE(test_a_reused_answer_needs_no_ticket),
		CASE(test_a_prompt_for_failures_is_asked_while_a_service_fails),
		CASE(test_a_delay_comes_before_all_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
