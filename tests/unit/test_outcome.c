#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "gather/outcome.h"

static void
assert_described(struct outcome *outcome, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	outcome_describe(outcome, &out);
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
	outcome_clear(outcome);
}

static void
test_a_new_outcome_is_pending_and_knows_nothing(UNUSED void **state)
{
	struct outcome outcome;

	outcome_init(&outcome);
	assert_int_equal(outcome.status, STATUS_PENDING);
	assert_int_equal(outcome.kind, KIND_NONE);
	assert_int_equal(outcome.phase, -1);
	assert_int_equal(outcome.checked_at_ms, -1);
	assert_int_equal(outcome.duration_us, -1);
	assert_int_equal(outcome.queued_us, -1);
	assert_int_equal(outcome.timing.dns_us, -1);
	assert_int_equal(outcome.timing.connect_us, -1);
	assert_int_equal(outcome.timing.tls_us, -1);
	assert_int_equal(outcome.timing.first_byte_us, -1);
	assert_int_equal(outcome.timing.total_us, -1);
	assert_int_equal(outcome.certificate_expires_at_ms, -1);
	assert_null(outcome.url);
	assert_null(outcome.final_url);
	assert_int_equal(outcome.warning_count, 0);
	assert_null(outcome.values);
	assert_null(outcome.secret_values);
	assert_null(outcome.data);
	assert_described(&outcome, "not asked: no service fails");
}

static void
test_clearing_releases_everything(UNUSED void **state)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.message = xstrdup("a");
	outcome.excerpt = xstrdup("b");
	outcome.url = xstrdup("c");
	outcome.data = xstrdup("d");
	outcome.final_url = xstrdup("e");
	outcome.values = xstrdup("f");
	outcome.secret_values = xstrdup("g");
	for (int i = 0; i < 5; i++)
		outcome_warn(&outcome, xstrdup("h"));
	outcome_clear(&outcome); /* the sanitizer tells what is left */
	assert_null(outcome.message);
	assert_null(outcome.data);
	assert_null(outcome.values);
	assert_int_equal(outcome.warning_count, 0);
	outcome_clear(&outcome);
}

static void
test_warnings_stand_in_the_order_they_came(UNUSED void **state)
{
	struct outcome outcome;

	outcome_init(&outcome);
	for (int i = 0; i < 9; i++)
		outcome_warn(&outcome, xasprintf("warning %d", i));
	assert_int_equal(outcome.warning_count, 9);
	for (int i = 0; i < 9; i++) {
		char *text = xasprintf("warning %d", i);

		assert_string_equal(outcome.warnings[i], text);
		free(text);
	}
	outcome_clear(&outcome);
}

static void
test_an_answer_can_be_taken_over_and_nothing_else(UNUSED void **state)
{
	struct outcome from;
	struct outcome to;

	outcome_init(&from);
	outcome_init(&to);
	from.data = xstrdup("[1]");
	from.data_len = 3;
	from.values = xstrdup("{}");
	from.values_len = 2;
	from.secret_values = xstrdup("{\"a\":1}");
	from.secret_values_len = 7;
	from.message = xstrdup("of old");
	from.http_status = 200;
	outcome_warn(&from, xstrdup("of old"));
	to.data = xstrdup("[2]");
	to.data_len = 3;
	to.secret_values = xstrdup("{}");

	outcome_take_answer(&to, &from);
	assert_string_equal(to.data, "[1]");
	assert_int_equal(to.data_len, 3);
	assert_string_equal(to.values, "{}");
	assert_int_equal(to.values_len, 2);
	assert_string_equal(to.secret_values, "{\"a\":1}");
	assert_int_equal(to.secret_values_len, 7);
	assert_null(to.message);
	assert_int_equal(to.http_status, 0);
	assert_int_equal(to.warning_count, 0);
	assert_null(from.data);
	assert_null(from.values);
	assert_null(from.secret_values);
	assert_int_equal(from.data_len, 0);

	/* What has none takes away what was there. */
	outcome_take_answer(&to, &from);
	assert_null(to.data);
	assert_null(to.values);
	assert_int_equal(to.values_len, 0);
	outcome_clear(&from);
	outcome_clear(&to);
}

static void
test_every_status_and_kind_has_a_name(UNUSED void **state)
{
	for (int i = 0; i < STATUS_COUNT; i++)
		assert_non_null(status_names[i]);
	assert_null(status_names[STATUS_COUNT]);
	for (int i = 0; i < KIND_COUNT; i++)
		assert_non_null(error_kind_names[i]);
	assert_null(error_kind_names[KIND_COUNT]);
	assert_string_equal(status_names[STATUS_HTTP_ERROR], "http_error");
	assert_string_equal(status_names[STATUS_PENDING], "pending");
	assert_string_equal(error_kind_names[KIND_INVALID_BODY], "invalid_body");
	assert_string_equal(error_kind_names[KIND_BLOCKED], "blocked");
	assert_string_equal(error_kind_names[KIND_TRUNCATED], "truncated");
	assert_string_equal(error_kind_names[KIND_BUDGET], "budget");
	assert_string_equal(error_kind_names[KIND_INTERNAL], "internal");
}

static void
test_each_kind_makes_its_status(UNUSED void **state)
{
	static const enum status expected[KIND_COUNT] = {
		[KIND_NONE] = STATUS_OK,
		[KIND_TIMEOUT] = STATUS_TIMEOUT,
		[KIND_HTTP] = STATUS_HTTP_ERROR,
		[KIND_RATE_LIMITED] = STATUS_HTTP_ERROR,
		[KIND_CANCELLED] = STATUS_CANCELLED,
		[KIND_DNS] = STATUS_ERROR,
		[KIND_CONNECT] = STATUS_ERROR,
		[KIND_TLS] = STATUS_ERROR,
		[KIND_PROTOCOL] = STATUS_ERROR,
		[KIND_REDIRECT] = STATUS_ERROR,
		[KIND_TOO_LARGE] = STATUS_ERROR,
		[KIND_INVALID_BODY] = STATUS_ERROR,
		[KIND_EXPECTATION] = STATUS_ERROR,
		[KIND_TEMPLATE] = STATUS_ERROR,
		[KIND_DEPENDENCY] = STATUS_SKIPPED,
		[KIND_AUTH] = STATUS_ERROR,
		[KIND_BLOCKED] = STATUS_ERROR,
		[KIND_TRUNCATED] = STATUS_ERROR,
		[KIND_BUDGET] = STATUS_SKIPPED,
		[KIND_INTERNAL] = STATUS_ERROR,
	};

	for (int i = 0; i < KIND_COUNT; i++)
		assert_int_equal(error_kind_status((enum error_kind)i), expected[i]);
}

static void
test_statuses_are_sorted_into_success_failure_and_neither(UNUSED void **state)
{
	/* ok, degraded, timeout, http_error, error, cancelled, skipped, pending */
	static const char success[] = "11000000";
	static const char failure[] = "00111000";
	static const char listed[] = "00111110";

	for (int i = 0; i < STATUS_COUNT; i++) {
		assert_int_equal(status_is_success((enum status)i), success[i] == '1');
		assert_int_equal(status_is_failure((enum status)i), failure[i] == '1');
		assert_int_equal(
		    status_is_listed_failed((enum status)i), listed[i] == '1');
	}
}

static void
test_a_success_is_told_with_its_time_rounded(UNUSED void **state)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.http_status = 200;
	outcome.duration_us = 182500;
	assert_described(&outcome, "responded with 200 in 183 ms");

	outcome.status = STATUS_DEGRADED;
	outcome.http_status = 204;
	outcome.duration_us = 499;
	assert_described(&outcome, "responded with 204 in 0 ms");
}

static void
test_a_degraded_answer_is_told_with_its_first_warning(UNUSED void **state)
{
	struct outcome outcome;

	for (int more = 0; more < 3; more++) {
		static const char *const expected[] = {
			"responded with 200 in 1 ms, but /a: expected 1, got 2",
			"responded with 200 in 1 ms, but /a: expected 1, got 2 (and 1 "
			"more warning)",
			"responded with 200 in 1 ms, but /a: expected 1, got 2 (and 2 "
			"more warnings)",
		};

		outcome_init(&outcome);
		outcome.status = STATUS_DEGRADED;
		outcome.http_status = 200;
		outcome.duration_us = 1000;
		outcome_warn(&outcome, xstrdup("/a: expected 1, got 2"));
		for (int i = 0; i < more; i++)
			outcome_warn(&outcome, xstrdup("another"));
		assert_described(&outcome, expected[more]);
	}

	/* A warning alone makes nothing worse. */
	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.http_status = 200;
	outcome_warn(&outcome, xstrdup("queue: missing"));
	assert_described(&outcome, "responded with 200");
}

static void
test_a_timeout_is_told_with_what_it_was_given(UNUSED void **state)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_TIMEOUT;
	outcome.limit_ms = 5000;
	outcome.message = xstrdup("timed out after 5s waiting for the first byte");
	assert_described(&outcome, "timed out after 5s");
}

static void
test_failures_are_told_in_their_words(UNUSED void **state)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_HTTP_ERROR;
	outcome.http_status = 503;
	assert_described(&outcome, "returned HTTP 503");

	outcome.status = STATUS_HTTP_ERROR;
	outcome.http_status = 200;
	outcome.message = xstrdup("returned HTTP 200 (expected 204)");
	assert_described(&outcome, "returned HTTP 200 (expected 204)");

	outcome.status = STATUS_ERROR;
	outcome.message = xstrdup("could not resolve host");
	assert_described(&outcome, "error: could not resolve host");

	outcome.status = STATUS_ERROR;
	assert_described(&outcome, "error");

	outcome.status = STATUS_SKIPPED;
	outcome.message = xstrdup("no services.a.data");
	assert_described(&outcome, "skipped: no services.a.data");

	outcome.status = STATUS_CANCELLED;
	assert_described(&outcome, "cancelled");

	outcome.status = STATUS_CANCELLED;
	outcome.message = xstrdup("cancelled");
	assert_described(&outcome, "cancelled");

	outcome.status = STATUS_CANCELLED;
	outcome.message = xstrdup("payments failed");
	assert_described(&outcome, "cancelled: payments failed");
}

/* ---- prompts ---- */

static void
test_the_part_of_a_prompt_knows_nothing_at_first(UNUSED void **state)
{
	struct outcome_prompt *prompt;
	struct outcome outcome;

	outcome_init(&outcome);
	assert_null(outcome.prompt);
	outcome_make_prompt(&outcome);
	prompt = outcome.prompt;
	assert_false(prompt_usage_is_known(&prompt->usage));
	assert_int_equal(prompt->cost, -1);
	assert_int_equal(prompt->usage_unknown_attempts, 0);
	assert_string_equal(prompt->input_hash, "");
	assert_false(prompt->reused);
	prompt->model = xstrdup("m");
	outcome_make_prompt(&outcome); /* it stays what it is */
	assert_ptr_equal(outcome.prompt, prompt);
	assert_string_equal(prompt->model, "m");

	prompt->prompt = xstrdup("a");
	prompt->response = xstrdup("b");
	prompt->finish_reason = xstrdup("c");
	prompt->request_id = xstrdup("d");
	outcome_clear(&outcome); /* the sanitizer tells what is left */
	assert_null(outcome.prompt);
}

static void
test_a_response_is_a_part_of_the_answer(UNUSED void **state)
{
	struct outcome from;
	struct outcome to;

	outcome_init(&from);
	outcome_init(&to);
	outcome_make_prompt(&from);
	from.prompt->response = xstrdup("old");
	from.prompt->response_len = 3;
	from.prompt->model = xstrdup("m1");
	outcome_make_prompt(&to);
	to.prompt->response = xstrdup("new");
	to.prompt->response_len = 3;
	to.prompt->model = xstrdup("m2");

	outcome_take_answer(&to, &from);
	assert_string_equal(to.prompt->response, "old");
	assert_string_equal(to.prompt->model, "m2");
	assert_null(from.prompt->response);
	assert_string_equal(from.prompt->model, "m1");
	/* What has none takes away what was there. */
	outcome_take_answer(&to, &from);
	assert_null(to.prompt->response);
	assert_int_equal(to.prompt->response_len, 0);

	/* Who was cancelled knew nothing of being a prompt. */
	from.prompt->response = xstrdup("old");
	from.prompt->response_len = 3;
	outcome_clear(&to);
	outcome_take_answer(&to, &from);
	assert_string_equal(to.prompt->response, "old");
	outcome_clear(&from);
	outcome_clear(&to);
}

static void
test_prompts_that_were_not_asked_are_told_with_the_reason(UNUSED void **state)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	assert_described(&outcome, "not asked: no service fails");

	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	outcome.status = STATUS_OK;
	outcome.http_status = 200;
	outcome.duration_us = 1000;
	outcome.prompt->reused = true;
	assert_described(&outcome, "reused the last answer: nothing has changed");

	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	outcome.status = STATUS_DEGRADED;
	outcome.prompt->reused = true;
	outcome_warn(&outcome, xstrdup("/a: expected 1, got 2"));
	assert_described(&outcome,
	    "reused the last answer: nothing has changed, but /a: expected 1, got 2");

	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	outcome.status = STATUS_OK;
	outcome.http_status = 200;
	outcome.duration_us = 812000;
	assert_described(&outcome, "responded with 200 in 812 ms");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_outcome_is_pending_and_knows_nothing),
		cmocka_unit_test(test_clearing_releases_everything),
		cmocka_unit_test(test_warnings_stand_in_the_order_they_came),
		cmocka_unit_test(test_an_answer_can_be_taken_over_and_nothing_else),
		cmocka_unit_test(test_every_status_and_kind_has_a_name),
		cmocka_unit_test(test_each_kind_makes_its_status),
		cmocka_unit_test(
		    test_statuses_are_sorted_into_success_failure_and_neither),
		cmocka_unit_test(test_a_success_is_told_with_its_time_rounded),
		cmocka_unit_test(test_a_degraded_answer_is_told_with_its_first_warning),
		cmocka_unit_test(test_a_timeout_is_told_with_what_it_was_given),
		cmocka_unit_test(test_failures_are_told_in_their_words),
		cmocka_unit_test(test_the_part_of_a_prompt_knows_nothing_at_first),
		cmocka_unit_test(test_a_response_is_a_part_of_the_answer),
		cmocka_unit_test(
		    test_prompts_that_were_not_asked_are_told_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
