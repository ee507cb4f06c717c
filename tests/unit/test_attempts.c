#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/attempts.h"
#include "gather/outcome.h"
#include "gather/spending.h"
#include "gather/trace.h"
#include "prompt/answer.h"
#include "turn_stage.h"

/* ---- how it ended ---- */

/* The first attempt of three came to a 503. */
static struct attempt_end
end_of(const struct target *target, struct outcome *outcome)
{
	outcome_init(outcome);
	outcome->status = STATUS_HTTP_ERROR;
	outcome->kind = KIND_HTTP;
	outcome->http_status = 503;
	return (struct attempt_end){
		.target = target,
		.outcome = outcome,
		.method = "POST",
		.number = 1,
		.most = 3,
		.left_us = 8200000,
		.decision = { .verdict = RETRY_AGAIN, .wait_us = 311700 },
	};
}

/* What attempt_tell_end() logs, without time, level and name. The caller's. */
static char *
logged(struct trace_attempt *attempt, const struct attempt_end *end)
{
	int caught = memfd_create("log", 0);
	int standard_error = dup(STDERR_FILENO);
	char text[1024];
	ssize_t len;

	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	dup2(caught, STDERR_FILENO);
	attempt_tell_end(attempt, end);
	dup2(standard_error, STDERR_FILENO);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	len = pread(caught, text, sizeof(text) - 1, 0);
	assert_true(len > 0);
	text[len - 1] = '\0'; /* the line's end */
	close(standard_error);
	close(caught);
	return xstrdup(strstr(text, "] ") + 2);
}

#define assert_told(end, log_text, decision_text)                                      \
	do {                                                                           \
		struct trace_attempt attempt = { .rules = NULL };                      \
		char *line = logged(&attempt, (end));                                  \
                                                                                       \
		assert_string_equal(line, log_text);                                   \
		assert_string_equal(                                                   \
		    attempt.decision != NULL ? attempt.decision : "-", decision_text); \
		free(line);                                                            \
		free(attempt.result);                                                  \
		free(attempt.decision);                                                \
	} while (0)

static void
test_an_attempts_end_is_told_with_what_follows(UNUSED void **state)
{
	struct target target = { .name = (char[]){ "orders" } };
	struct outcome outcome;
	struct attempt_end end = end_of(&target, &outcome);

	assert_told(&end, "attempt 1 of 3: returned HTTP 503; again in 312 ms",
	    "tried again after 312 ms (2 of 3)");
	end.with_new_token = true;
	assert_told(&end,
	    "attempt 1 of 3: returned HTTP 503; again with a new access token",
	    "tried again with a new access token");
	end.with_new_token = false;
	end.decision.uncounted = true;
	assert_told(&end, "attempt 1 of 3: returned HTTP 503; again in 312 ms",
	    "tried again after 312 ms (not counted: the provider pushed back)");
}

static void
test_it_is_told_why_there_is_no_other_attempt(UNUSED void **state)
{
	struct target target = { .name = (char[]){ "orders" } };
	struct outcome outcome;
	struct prompt_advice advice;
	struct attempt_end end = end_of(&target, &outcome);

	end.decision.verdict = RETRY_NOT;
	assert_told(&end, "attempt 1 of 3: returned HTTP 503",
	    "not tried again: another attempt would change nothing");
	prompt_advice_init(&advice);
	end.advice = &advice;
	assert_told(&end, "attempt 1 of 3: returned HTTP 503",
	    "not tried again: another attempt would change nothing");
	advice.should_retry = 0;
	assert_told(&end, "attempt 1 of 3: returned HTTP 503",
	    "not tried again: its provider says that it would not help");
	advice.exhausted = true;
	assert_told(&end, "attempt 1 of 3: returned HTTP 503",
	    "not tried again: its provider says that quota or money is used up");
	end.decision.verdict = RETRY_UNSAFE;
	assert_told(&end,
	    "attempt 1 of 3: returned HTTP 503; not again: the POST may have had its "
	    "effect",
	    "not tried again: the POST may have had its effect");
	end.decision.verdict = RETRY_COSTLY;
	assert_told(&end,
	    "attempt 1 of 3: returned HTTP 503; not again: each attempt that times out "
	    "may have been paid for",
	    "not tried again: each attempt that times out may have been paid for");
	end.decision.verdict = RETRY_LATE;
	end.decision.wait_us = 120000000;
	assert_told(&end,
	    "attempt 1 of 3: returned HTTP 503; not again: a wait of 2m does not fit "
	    "into the deadline, 8.2s are left",
	    "not tried again: a wait of 2m does not fit into the deadline, 8.2s are "
	    "left");
	end.decision.verdict = RETRY_SPENT;
	end.number = 3;
	assert_told(&end, "attempt 3 of 3: returned HTTP 503",
	    "not tried again: 3 of 3 attempts were made");
}

static void
test_a_good_attempt_needs_no_decision(UNUSED void **state)
{
	struct target target = { .name = (char[]){ "orders" } };
	struct outcome outcome;
	struct attempt_end end = end_of(&target, &outcome);

	outcome.status = STATUS_OK;
	outcome.kind = KIND_NONE;
	outcome.http_status = 200;
	outcome.duration_us = 182600;
	end.decision.verdict = RETRY_NOT;
	assert_told(&end, "attempt 1 of 3: responded with 200 in 183 ms", "-");
}

/* ---- what was asked, and what came back ---- */

static void
test_what_the_server_said_is_masked(UNUSED void **state)
{
	struct extract token = { .header = (char[]){ "x-token" }, .secret = true };
	const struct target target = {
		.extract = { .items = &token, .count = 1 },
		.has_secret_value = true,
	};
	struct rendered_request rendered = {
		.shown_url = (char[]){ "http://a/***" },
	};
	struct response response = { .hops = 2, .http_status = 204 };
	struct trace_attempt attempt = { .rules = NULL };
	struct trace trace = { .name = "orders" };
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.final_url = xstrdup("http://a/3");
	rendered.request.secrets = secrets_new();
	secrets_add(rendered.request.secrets, "open sesame", strlen("open sesame"));
	response.trail = xcalloc(2, sizeof(*response.trail));
	response.trail[0].url = xstrdup("http://a/tiny");
	response.trail[1].url = xstrdup("http://a/?k=open%20sesame");
	response.head = xstrdup("HTTP/1.1 204\r\nX-Key: open sesame\r\n"
	                        "X-Token: abc: d\r\nX-Tokens: 1\r\n");
	response.tls = (struct response_tls){
		.version = "TLSv1.3",
		.expires_at_ms = 17,
		.subject = xstrdup("CN=a"),
	};
	attempt_tell_response(&attempt, &target, &rendered, &response, &outcome);
	assert_null(response.trail);
	assert_int_equal(attempt.hops, 2);
	assert_string_equal(attempt.trail[0].url, "http://a/***");
	assert_string_equal(attempt.trail[1].url, "http://a/?k=***");
	assert_string_equal(attempt.final_url, "http://a/3");
	/* Both what was sent and what is a secret value. */
	assert_string_equal(attempt.answer_head,
	    "HTTP/1.1 204\r\nX-Key: ***\r\nX-Token: ***\r\nX-Tokens: 1\r\n");
	assert_string_equal(attempt.tls.subject, "CN=a");
	assert_null(attempt.tls.issuer);
	assert_int_equal(attempt.tls.expires_at_ms, 17);
	assert_int_equal(attempt.http_status, 204);
	*trace_add_attempt(&trace) = attempt;
	trace_clear(&trace);
	response_clear(&response);
	outcome_clear(&outcome);
	secrets_free(rendered.request.secrets);
}

static void
test_what_a_prompt_sent_is_kept(UNUSED void **state)
{
	struct rendered_prompt prompt = {
		.shown = (char[]){ "Say ***" },
		.input_bytes = 12,
		.input_hash = "0123abc",
		.cut_count = 2,
	};
	const struct rendered_request rendered = {
		.shown_url = (char[]){ "http://a/" },
		.prompt = &prompt,
	};
	struct trace trace = { .name = "orders" };
	struct trace_attempt *attempt = trace_add_attempt(&trace);

	attempt_tell_request(attempt, &rendered);
	assert_string_equal(attempt->input->text, "Say ***");
	assert_int_equal(attempt->input->bytes, 12);
	assert_int_equal(attempt->input->cut_count, 2);
	assert_string_equal(attempt->input->hash, "0123abc");
	trace_clear(&trace);
}

static void
test_what_is_set_aside_is_noted_in_the_units_of_the_budgets(UNUSED void **state)
{
	const struct spending amount = { .tokens = 74, .cost = MONEY_ONE / 4 };
	struct provider provider = { .price = { -1, -1 } };
	struct prompt prompt = { .provider = &provider };
	struct trace trace = { .name = "orders" };

	attempt_tell_reserved(NULL, &prompt, &amount);
	attempt_tell_reserved(&trace, &prompt, &amount);
	assert_int_equal(trace.note_count, 0);
	prompt.budget.tokens = 100;
	attempt_tell_reserved(&trace, &prompt, &amount);
	assert_int_equal(trace.note_count, 1);
	assert_string_equal(
	    trace.notes[0].text, "sets about 74 tokens of its budget aside");
	prompt.budget.tokens = 0;
	provider.budget.cost = MONEY_ONE;
	attempt_tell_reserved(&trace, &prompt, &amount);
	assert_int_equal(trace.note_count, 2);
	assert_string_equal(
	    trace.notes[1].text, "sets a cost of about 0.25 of its budget aside");
	trace_clear(&trace);
}

/* ---- a turn that is to be explained ---- */

static void
test_a_turn_leaves_a_trace(void **state)
{
	struct fixture *f = *state;
	static const struct fake_answer second = {
		.delay_us = 20 * MS,
		.http_status = 200,
		.head = "HTTP/1.1 200 OK\r\nX-A: b\r\n",
	};
	struct trace trace = { .name = f->config->targets[0]->name };
	const struct trace_attempt *attempts;

	f->context.trace = &trace;
	fake_config_set(f->config, 0,
	    "headers: {X-Team: web}\nexpect: {header: {X-A: b}}\nretries: 1\n");
	f->config->targets[0]->delay_ms = 300;
	*fake_http_answer(f->http, 0) = (struct fake_answer){
		.delay_us = 10 * MS, .http_status = 503, .then = &second
	};
	start(f, 0);
	start(f, 1); /* of which nobody wants to know */
	pass(f, 1 * SECOND);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	assert_int_equal(trace.attempt_count, 2);
	attempts = trace.attempts;
	assert_string_equal(attempts[0].method, "GET");
	assert_string_equal(attempts[0].url, "http://test/0");
	assert_non_null(strstr(attempts[0].head, "X-Team: web"));
	assert_null(attempts[0].body);
	assert_int_equal(attempts[0].waited_us, 300 * MS);
	assert_int_equal(attempts[0].timeout_ms, 5000);
	assert_int_equal(attempts[0].http_status, 503);
	assert_string_equal(attempts[0].result, "returned HTTP 503");
	assert_string_equal(attempts[0].decision, "tried again after 250 ms (2 of 2)");
	assert_int_equal(attempts[1].waited_us, 250 * MS);
	assert_string_equal(attempts[1].answer_head, second.head);
	assert_string_equal(attempts[1].result, "responded with 200 in 20 ms");
	assert_null(attempts[1].decision);
	assert_int_equal(attempts[1].rule_count, 2);
	assert_int_equal(trace.note_count, 1);
	assert_string_equal(trace.notes[0].text, "waits for its delay of 300ms");
	trace_clear(&trace);
}

static void
test_limits_that_applied_are_noted(void **state)
{
	struct fixture *f = *state;
	struct trace trace = { .name = f->config->targets[1]->name };

	f->context.trace = &trace;
	fake_config_unprepare(f->config, 1);
	*fake_http_answer(f->http, 1) = (struct fake_answer){
		.http_status = 429, .retry_after = true, .retry_after_ms = 7000
	};
	fake_http_answer(f->http, 0)->delay_us = 100 * MS;
	start(f, 0);
	start(f, 1);
	pass(f, 200 * MS);
	assert_int_equal(trace.note_count, 2);
	assert_string_equal(trace.notes[0].text, "waits for a slot: 1 of 1 in flight");
	assert_string_equal(trace.notes[1].text, "held back for 7s by its Retry-After");
	assert_int_equal(trace.attempts[0].waited_us, 100 * MS);
	trace_clear(&trace);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_attempts_end_is_told_with_what_follows),
		cmocka_unit_test(test_it_is_told_why_there_is_no_other_attempt),
		cmocka_unit_test(test_a_good_attempt_needs_no_decision),
		cmocka_unit_test(test_what_the_server_said_is_masked),
		cmocka_unit_test(test_what_a_prompt_sent_is_kept),
		cmocka_unit_test(
		    test_what_is_set_aside_is_noted_in_the_units_of_the_budgets),
		CASE(test_a_turn_leaves_a_trace),
		CASE(test_limits_that_applied_are_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
