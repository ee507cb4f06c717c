/*
 * daemon/explanation: what people are told.
 */
#include "daemon/explanation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/screen.h"
#include "base/xalloc.h"
#include "explanation_stage.h"

static const struct screen plain = { .terminal = false };

/* ---- What is told ---- */

static const char *
told(struct stage *s)
{
	buffer_reset(&s->out);
	explanation_append(&s->explanation, &plain, &s->out);
	return s->out.data;
}

static const char *
why(struct stage *s)
{
	buffer_reset(&s->out);
	explanation_append_why(&s->explanation, &s->out);
	return s->out.data;
}

/* ---- The whole ---- */

static void
test_all_that_is_known_is_laid_out(UNUSED void **state)
{
	struct stage s;

	stage_everything(&s);
	assert_string_equal(told(&s),
	    "t0: degraded\n"
	    "  HTTP 200 is an expected status, and the other rule of `expect` holds. "
	    "But the rule of `warn` is broken: duration: expected at most 100ms, "
	    "got 160ms. It took 2 attempts.\n"
	    "\n"
	    "Depends on\n"
	    "  t1: ok, responded with 204 in 20 ms\n"
	    "\n"
	    "Limits\n"
	    "  Timeout      5s for an attempt, 3s of it to connect\n"
	    "  Retries      up to 2, the first after at most 500ms, then twice as "
	    "long each\n"
	    "  Deadline     30s for all attempts\n"
	    "  Redirects    up to 5 followed\n"
	    "  Delay        2s before it is asked\n"
	    "  Each host    at most 3 at once, at most 20/s started\n"
	    "\n"
	    "Attempt 1 of 2\n"
	    "  Before       waits for its delay of 2s\n"
	    "  Waited       2000 ms\n"
	    "  Request      GET http://test/0?key=***\n"
	    "  Result       error: connection refused by test:80\n"
	    "  Then         tried again after 312 ms (2 of 3)\n"
	    "\n"
	    "Attempt 2 of 2\n"
	    "  Waited       312 ms\n"
	    "  Request      GET http://test/0?key=***\n"
	    "               X-Team: web\n"
	    "               Authorization: Bearer ***\n"
	    "  Sends        {\"a\": 1}\n"
	    "  Redirects    301 from http://test/0?key=*** (12 ms)\n"
	    "  Final URL    https://test/0\n"
	    "  TLS          TLSv1.3\n"
	    "  Certificate  CN=test\n"
	    "               issued by CN=ca\n"
	    "               expires 2027-01-20 03:40:00 UTC, in 60 days\n"
	    "  Phases       dns 0.4 ms, connect 1.2 ms, tls 8.0 ms, "
	    "first byte 150 ms, total 160 ms (behind the redirects)\n"
	    "  Answer       HTTP/1.1 200 OK\n"
	    "               Content-Type: application/json\n"
	    "  Body         1.5 KiB\n"
	    "  Expect       holds   status: 200\n"
	    "               holds   /state: \"up\"\n"
	    "  Warn         broken  duration: expected at most 100ms, got 160ms\n"
	    "  Result       responded with 200 in 183 ms\n"
	    "  After        held back for 5s by its Retry-After\n"
	    "\n"
	    "Begin of the body\n"
	    "  {\"queue\":12}\n"
	    "\n"
	    "Values\n"
	    "  queue        12\n"
	    "  token        \"***\"\n"
	    "\n"
	    "Warnings\n"
	    "  duration: expected at most 100ms, got 160ms\n");
	close_stage(&s);
}

static void
test_what_was_not_asked_has_no_attempt(UNUSED void **state)
{
	struct stage s;

	open_stage(&s, 1);
	trace_add_note(&s.trace, xstrdup("waits for its delay of 2s"));
	put_outcome(&s, KIND_DEPENDENCY, "services.t1.values.x is not there");
	assert_string_equal(told(&s),
	    "t0: skipped\n"
	    "  It was not asked, as it depends on what is not there: "
	    "services.t1.values.x is not there.\n"
	    "\n"
	    "Limits\n"
	    "  Timeout      5s for an attempt, 3s of it to connect\n"
	    "  Retries      none\n"
	    "  Deadline     30s for all attempts\n"
	    "  Redirects    up to 5 followed\n"
	    "\n"
	    "It was not asked\n"
	    "  Request      http://test/0\n"
	    "  Before       waits for its delay of 2s\n");
	close_stage(&s);
}

static void
test_every_kind_of_error_has_its_words(UNUSED void **state)
{
	for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
		const char *words;
		struct stage s;

		open_stage(&s, 1);
		put_outcome(&s, (enum error_kind)kind, "the message");
		words = strstr(told(&s), "\n  ");
		assert_non_null(words);
		assert_non_null(strstr(words, " the message."));
		assert_true(words[3] >= 'A' && words[3] <= 'Z');
		close_stage(&s);
	}
}

static void
test_on_a_terminal_it_is_coloured_and_broken(UNUSED void **state)
{
	const struct screen screen = {
		.terminal = true,
		.colour = true,
		.columns = 40,
	};
	static const char beginning[] =
	    "\033[33m!\033[0m \033[1mt0\033[0m: \033[33mdegraded\033[0m\n"
	    "  HTTP 200 is an expected status, and\n"
	    "  the other rule of `expect` holds. But\n";
	struct stage s;

	stage_everything(&s);
	explanation_append(&s.explanation, &screen, &s.out);
	assert_memory_equal(s.out.data, beginning, strlen(beginning));
	assert_non_null(strstr(s.out.data, "\033[32mholds \033[0m  status: 200\n"));
	assert_non_null(strstr(s.out.data, "\033[33mbroken\033[0m  duration: "));
	/* What is there to be copied stays whole. */
	assert_non_null(strstr(s.out.data, "301 from http://test/0?key=*** (12 ms)\n"));
	close_stage(&s);
}

static void
test_nothing_of_it_is_obeyed_by_a_terminal(UNUSED void **state)
{
	struct stage s;
	struct trace_attempt *attempt;

	open_stage(&s, 1);
	attempt = add_attempt(&s);
	attempt->http_status = 200;
	attempt->answer_head = xstrdup("HTTP/1.1 200 \033[2J\r\nX: a\rb\x07\r\n");
	attempt->final_url = xstrdup("http://test/\033[31m");
	attempt->body = xstrdup("a\033[31mb\nc");
	attempt->tls.version = "TLSv1.3";
	attempt->tls.subject = xstrdup("CN=\033]0;x\x07");
	trace_add_rule(attempt, false, false, "body: \033[31m");
	put_outcome(&s, KIND_EXPECTATION, "body: \033[31m");
	told(&s);
	for (size_t i = 0; i < s.out.len; i++)
		assert_true(
		    s.out.data[i] == '\n' || (unsigned char)s.out.data[i] >= ' ');
	close_stage(&s);
}

static void
test_a_long_body_is_cut(UNUSED void **state)
{
	struct stage s;
	struct trace_attempt *attempt;

	open_stage(&s, 1);
	attempt = add_attempt(&s);
	attempt->body = xcalloc(1, 10001);
	memset(attempt->body, 'x', 10000);
	put_outcome(&s, KIND_NONE, NULL);
	told(&s);
	assert_true(s.out.len < 6000);
	assert_non_null(strstr(s.out.data, "... (of 9.8 KiB in all)\n"));
	close_stage(&s);
}

static void
test_the_days_of_a_certificate_are_told(UNUSED void **state)
{
	static const struct {
		int64_t left_ms;
		int64_t days;
		const char *text;
	} rows[] = {
		{ 2 * DAY_MS, 2, ", in 2 days\n" },
		{ 2 * DAY_MS - 1, 1, ", in 1 day\n" },
		{ 0, 0, "expires 2026-11-21 03:40:00 UTC, in 0 days\n" },
		{ -1, -1, ", 1 day ago\n" },
		{ -DAY_MS, -1, "expired 2026-11-20 03:40:00 UTC, 1 day ago\n" },
		{ -DAY_MS - 1, -2, ", 2 days ago\n" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage s;
		struct trace_attempt *attempt;

		open_stage(&s, 1);
		attempt = add_attempt(&s);
		attempt->tls.version = "TLSv1.2";
		attempt->tls.expires_at_ms = NOW_MS + rows[i].left_ms;
		put_outcome(&s, KIND_NONE, NULL);
		assert_int_equal(
		    explanation_days_left(&s.explanation, attempt->tls.expires_at_ms),
		    rows[i].days);
		assert_non_null(strstr(told(&s), rows[i].text));
		close_stage(&s);
	}
}

static void
test_the_time_to_connect_is_told_where_it_is_shorter(UNUSED void **state)
{
	struct stage s;

	open_stage(&s, 1);
	s.config->targets[0]->timeout_ms = 3000;
	assert_non_null(strstr(told(&s), "  Timeout      3s for an attempt\n"));
	s.config->targets[0]->timeout_ms = 3001;
	assert_non_null(strstr(told(&s), " for an attempt, 3s of it to connect\n"));
	close_stage(&s);
}

/* ---- The body ---- */

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"

/* An answer of t0 with a body, of which DATA was kept, or NULL. */
static void
put_body(struct stage *s, enum status status, const char *data)
{
	struct trace_attempt *attempt = add_attempt(s);
	struct outcome outcome;

	attempt->http_status = 200;
	attempt->bytes = 20;
	attempt->answer_head = xstrdup(HEAD);
	outcome_init(&outcome);
	outcome.status = status;
	outcome.kind = status == STATUS_OK ? KIND_NONE : KIND_EXPECTATION;
	outcome.http_status = 200;
	outcome.data = data != NULL ? xstrdup(data) : NULL;
	outcome.data_len = data != NULL ? strlen(data) : 0;
	board_put(s->board, board_entry(s->board, 0), &outcome);
	outcome_clear(&outcome);
}

/* In what is told, TEXT stands. */
static void
expect_told(struct stage *s, const char *text)
{
	if (strstr(told(s), text) == NULL)
		fail_msg("%s does not stand in:\n%s", text, s->out.data);
}

static void
test_the_beginning_of_a_good_body_is_shown(UNUSED void **state)
{
	struct stage s;
	char *data = xcalloc(1, 302);

	open_stage(&s, 1);
	put_body(&s, STATUS_OK, "{\"state\":\"up\"}");
	expect_told(&s, "  Body         20 bytes\n");
	expect_told(&s, "\nBegin of the body\n  {\"state\":\"up\"}\n");
	close_stage(&s);

	/* A text is told as it was, without control characters. */
	open_stage(&s, 1);
	s.config->targets[0]->format = FORMAT_TEXT;
	put_body(&s, STATUS_OK, "\"a \\\"word\\\" \\u001b[31m\"");
	expect_told(&s, "\nBegin of the body\n  a \"word\" ");
	assert_null(strchr(s.out.data, '\033'));
	close_stage(&s);

	memset(data, '1', 301);
	open_stage(&s, 1);
	put_body(&s, STATUS_OK, data);
	data[199] = '\0';
	expect_told(&s, data);
	expect_told(&s, "1…\n");
	data[199] = '1';
	data[200] = '\0';
	assert_null(strstr(s.out.data, data));
	close_stage(&s);
	free(data);
}

static void
test_why_a_good_body_was_not_kept(UNUSED void **state)
{
	struct stage s;
	struct target *target;

	open_stage(&s, 1);
	target = s.config->targets[0];
	put_body(&s, STATUS_OK, NULL);
	target->data = true;
	target->format = FORMAT_AUTO;
	expect_told(&s, "  Body         20 bytes, not kept: text/plain, format auto\n");
	assert_null(strstr(s.out.data, "Begin of the body"));
	target->format = FORMAT_NONE;
	expect_told(&s, "not kept: text/plain, format none\n");
	target->data = false;
	expect_told(&s, "  Body         20 bytes, not kept: data: false\n");
	target->data = true;
	free(s.trace.attempts[0].answer_head);
	s.trace.attempts[0].answer_head = NULL;
	expect_told(&s, "not kept: no Content-Type, format none\n");
	s.trace.attempts[0].bytes = 0;
	expect_told(&s, "  Body         0 bytes\n");
	close_stage(&s);

	/* Of a bad one nothing is ever kept. */
	open_stage(&s, 1);
	put_body(&s, STATUS_ERROR, NULL);
	expect_told(&s, "  Body         20 bytes\n");
	close_stage(&s);
}

static void
test_where_a_value_is_secret_the_body_is(UNUSED void **state)
{
	static const enum status statuses[] = { STATUS_OK, STATUS_ERROR };

	for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
		struct stage s;

		open_stage(&s, 1);
		s.config->targets[0]->has_secret_value = true;
		put_body(&s, statuses[i], NULL);
		expect_told(&s, "  Body         20 bytes\n");
		expect_told(&s,
		    "\nBegin of the body\n"
		    "  not shown: one of its values is secret\n");
		s.trace.attempts[0].bytes = 0;
		assert_null(strstr(told(&s), "Begin of the body"));
		close_stage(&s);
	}
}

/* ---- Why ---- */

static void
test_why_it_is_ok(UNUSED void **state)
{
	struct stage s;
	struct trace_attempt *attempt;

	open_stage(&s, 1);
	attempt = add_attempt(&s);
	trace_add_rule(attempt, false, true, "status: 200");
	put_outcome(&s, KIND_NONE, NULL);
	assert_string_equal(why(&s), "HTTP 200 is an expected status.");
	trace_add_rule(attempt, false, true, "/a: 1");
	trace_add_rule(attempt, false, true, "/b: 1");
	trace_add_rule(attempt, true, true, "/c: 1");
	assert_string_equal(why(&s),
	    "HTTP 200 is an expected status, and the 2 other rules of `expect` hold. "
	    "The rule of `warn` holds, too.");
	trace_add_rule(attempt, true, true, "/d: 1");
	assert_string_equal(why(&s),
	    "HTTP 200 is an expected status, and the 2 other rules of `expect` hold. "
	    "The 2 rules of `warn` hold, too.");
	close_stage(&s);
}

static void
test_why_it_failed_and_was_not_tried_again(UNUSED void **state)
{
	struct stage s;

	open_stage(&s, 1);
	s.config->targets[0]->retries = 1;
	add_attempt(&s)->decision =
	    xstrdup("not tried again: the POST may have had its effect");
	put_outcome(&s, KIND_HTTP, "returned HTTP 503");
	assert_string_equal(why(&s),
	    "It answered, but returned HTTP 503. "
	    "It was not tried again: the POST may have had its effect.");
	close_stage(&s);
}

static void
test_without_retries_nobody_wonders_why_there_was_none(UNUSED void **state)
{
	struct stage s;

	open_stage(&s, 1);
	add_attempt(&s)->decision = xstrdup("tried again with a new access token");
	add_attempt(&s)->decision =
	    xstrdup("not tried again: 2 of 2 attempts were made");
	put_outcome(&s, KIND_HTTP, "returned HTTP 401");
	assert_string_equal(why(&s), "It answered, but returned HTTP 401.");
	assert_non_null(
	    strstr(told(&s), "  Then         tried again with a new access token\n"));
	assert_null(strstr(s.out.data, "not tried again"));
	close_stage(&s);
}

static void
test_each_kind_of_error_has_its_words(UNUSED void **state)
{
	for (enum error_kind kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
		struct stage s;

		open_stage(&s, 1);
		put_outcome(&s, kind, "why so");
		assert_true(strlen(why(&s)) > strlen(" why so."));
		assert_null(strstr(s.out.data, "(null)"));
		assert_non_null(strstr(s.out.data, " why so."));
		close_stage(&s);
	}
}

static void
test_why_it_ran_out_of_time(UNUSED void **state)
{
	static const struct {
		int64_t limit_ms;
		int phase;
		const char *key;
	} rows[] = {
		{ 5000, PHASE_FIRST_BYTE, " That is its `timeout`." },
		{ 3000, PHASE_CONNECT, " That is its `connect_timeout`." },
		{ 1234, PHASE_BODY, " That is what was left of its `deadline`." },
		{ 3000, PHASE_BODY, " That is what was left of its `deadline`." },
		{ -1, PHASE_BODY, "" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage s;
		struct outcome outcome;
		char *expected = xasprintf("It timed out.%s", rows[i].key);

		open_stage(&s, 1);
		outcome_init(&outcome);
		outcome.status = STATUS_TIMEOUT;
		outcome.kind = KIND_TIMEOUT;
		outcome.message = xstrdup("timed out");
		outcome.limit_ms = rows[i].limit_ms;
		outcome.phase = rows[i].phase;
		board_put(s.board, board_entry(s.board, 0), &outcome);
		assert_string_equal(why(&s), expected);
		free(expected);
		close_stage(&s);
	}
}

static void
test_before_its_turn_nothing_is_known(UNUSED void **state)
{
	struct stage s;

	open_stage(&s, 1);
	assert_string_equal(why(&s), "It was not asked.");
	close_stage(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_is_known_is_laid_out),
		cmocka_unit_test(test_what_was_not_asked_has_no_attempt),
		cmocka_unit_test(test_every_kind_of_error_has_its_words),
		cmocka_unit_test(test_on_a_terminal_it_is_coloured_and_broken),
		cmocka_unit_test(test_nothing_of_it_is_obeyed_by_a_terminal),
		cmocka_unit_test(test_a_long_body_is_cut),
		cmocka_unit_test(test_the_days_of_a_certificate_are_told),
		cmocka_unit_test(test_the_time_to_connect_is_told_where_it_is_shorter),
		cmocka_unit_test(test_the_beginning_of_a_good_body_is_shown),
		cmocka_unit_test(test_why_a_good_body_was_not_kept),
		cmocka_unit_test(test_where_a_value_is_secret_the_body_is),
		cmocka_unit_test(test_why_it_is_ok),
		cmocka_unit_test(test_why_it_failed_and_was_not_tried_again),
		cmocka_unit_test(
		    test_without_retries_nobody_wonders_why_there_was_none),
		cmocka_unit_test(test_each_kind_of_error_has_its_words),
		cmocka_unit_test(test_why_it_ran_out_of_time),
		cmocka_unit_test(test_before_its_turn_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
