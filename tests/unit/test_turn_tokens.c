#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "gather/tokens.h"
#include "turn_stage.h"

#define SOURCE 2 /* where tokens are asked for: target 2 is not */

#define TOKEN(text)                                                         \
	{                                                                   \
		.delay_us = 100 * MS, .http_status = 200,                   \
		.content_type = "application/json",                         \
		.body = "{\"access_token\":\"" text                         \
		        "\",\"token_type\":\"Bearer\",\"expires_in\":3600}" \
	}

/* Beside the stage of turns: a source of tokens, and what was asked of the targets. */
static struct buffer asked; /* "0: Bearer one, 1: Bearer one" */

static void
see(const struct request *request, UNUSED int64_t timeout_us, UNUSED void *arg)
{
	const char *number = strrchr(request->url.text, '/') + 1;

	if (strcmp(number, "2") == 0)
		return;
	buffer_append_format(&asked, "%s%s:", asked.len > 0 ? ", " : "", number);
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcmp(request->headers[i].name, "Authorization") == 0)
			buffer_append_format(&asked, " %s", request->headers[i].value);
	}
}

static int
set_up_tokens(void **state)
{
	static const char keys[] =
	    "auth: {oauth2: {token_url: 'http://test/2', client_id: me,"
	    " client_secret: x}}\n";
	struct fixture *f;
	struct target *source;

	set_up(state);
	f = *state;
	source = fake_config_add_token_source(f->config, SOURCE);
	for (size_t i = 0; i < 2; i++) {
		fake_config_set(f->config, i, keys);
		f->config->targets[i]->oauth2 = source;
	}
	*fake_http_answer(f->http, SOURCE) = (struct fake_answer)TOKEN("one");
	f->context.tokens = tokens_new(&f->context);
	buffer_init(&asked, BUFFER_UNLIMITED);
	fake_http_watch(f->http, see, NULL);
	return 0;
}

static int
tear_down_tokens(void **state)
{
	struct fixture *f = *state;

	tokens_free(f->context.tokens);
	buffer_clear(&asked);
	return tear_down(state);
}

/* What target 0 answers from now on. */
static struct fake_answer *
answer(struct fixture *f, struct fake_answer answer)
{
	struct fake_answer *now = fake_http_answer(f->http, 0);

	*now = answer;
	return now;
}

static const struct fake_answer good = { .delay_us = 10 * MS, .http_status = 204 };

static void
test_a_turn_waits_for_its_token_without_a_slot(void **state)
{
	struct fixture *f = *state;

	answer(f, good);
	start(f, 0);
	assert_int_equal(fake_http_started(f->http, 0), SOURCE);
	assert_int_equal(limiter_waiting(f->limiter), 0);
	pass(f, 100 * MS);
	assert_string_equal(asked.data, "0: Bearer one");
	pass(f, 10 * MS);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	assert_int_equal(f->outcomes[0].attempts, 1);
	assert_int_equal(f->outcomes[0].queued_us, 0);
	assert_int_equal(f->outcomes[0].duration_us, 10 * MS);
}

static void
test_turns_share_a_token(void **state)
{
	struct fixture *f = *state;

	answer(f, good);
	start(f, 0);
	start(f, 1);
	pass(f, 200 * MS);
	start(f, 0);
	pass(f, 20 * MS);
	assert_string_equal(asked.data, "0: Bearer one, 1: Bearer one, 0: Bearer one");
	assert_int_equal(fake_http_started_count(f->http), 4);
}

static void
test_without_a_token_nobody_is_asked(void **state)
{
	struct fixture *f = *state;

	*fake_http_answer(f->http, SOURCE) = (struct fake_answer){ .http_status = 400 };
	start(f, 0);
	pass(f, 10 * MS);
	assert_string_equal(asked.data, "");
	assert_int_equal(f->outcomes[0].status, STATUS_ERROR);
	assert_int_equal(f->outcomes[0].kind, KIND_AUTH);
	assert_string_equal(f->outcomes[0].message,
	    "could not get an access token from http://test/2: returned HTTP 400");
	assert_int_equal(f->outcomes[0].attempts, 0);
	assert_int_equal(f->outcomes[0].duration_us, -1);
}

/* ---- 401 ---- */

static void
test_a_refused_token_is_fetched_again_once(void **state)
{
	struct fixture *f = *state;
	static const struct fake_answer two = TOKEN("two");

	answer(f, (struct fake_answer){ .http_status = 401, .then = &good });
	fake_http_answer(f->http, SOURCE)->then = &two;
	start(f, 0);
	pass(f, 220 * MS);
	assert_string_equal(asked.data, "0: Bearer one, 0: Bearer two");
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	/* Two requests were made, although no retry is allowed. */
	assert_int_equal(f->outcomes[0].attempts, 2);
}

static void
test_a_second_refusal_is_the_outcome(void **state)
{
	struct fixture *f = *state;
	static const struct fake_answer two = TOKEN("two");

	answer(f, (struct fake_answer){ .http_status = 401 });
	fake_http_answer(f->http, SOURCE)->then = &two;
	start(f, 0);
	pass(f, 1 * SECOND);
	assert_int_equal(f->outcomes[0].status, STATUS_HTTP_ERROR);
	assert_int_equal(f->outcomes[0].http_status, 401);
	assert_int_equal(f->outcomes[0].attempts, 2);
	assert_int_equal(fake_http_started_count(f->http), 4);
}

static void
test_a_new_token_is_no_retry(void **state)
{
	struct fixture *f = *state;
	static const struct fake_answer two = TOKEN("two");
	static const struct fake_answer busy = { .http_status = 503, .then = &good };

	answer(f, (struct fake_answer){ .http_status = 401, .then = &busy });
	fake_http_answer(f->http, SOURCE)->then = &two;
	f->config->targets[0]->retries = 1;
	f->chance = 0;
	start(f, 0);
	pass(f, 1 * SECOND);
	assert_string_equal(asked.data, "0: Bearer one, 0: Bearer two, 0: Bearer two");
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	assert_int_equal(f->outcomes[0].attempts, 3);
}

static void
test_a_post_is_asked_again_with_a_new_token(void **state)
{
	struct fixture *f = *state;
	static const struct fake_answer two = TOKEN("two");

	answer(f, (struct fake_answer){ .http_status = 401, .then = &good });
	fake_http_answer(f->http, SOURCE)->then = &two;
	fake_config_set(f->config, 0,
	    "method: POST\nauth: {oauth2: {token_url: 'http://test/2', client_id: me,"
	    " client_secret: x}}\n");
	start(f, 0);
	pass(f, 1 * SECOND);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	assert_int_equal(f->outcomes[0].attempts, 2);
}

static void
test_a_token_that_cannot_be_had_again_is_the_outcome(void **state)
{
	struct fixture *f = *state;
	static const struct fake_answer none = { .http_status = 500 };

	answer(f, (struct fake_answer){ .http_status = 401 });
	fake_http_answer(f->http, SOURCE)->then = &none;
	start(f, 0);
	pass(f, 1 * SECOND);
	assert_int_equal(f->outcomes[0].kind, KIND_AUTH);
	assert_int_equal(f->outcomes[0].attempts, 1);
	assert_string_equal(f->outcomes[0].url, "http://test/0");
}

static void
test_a_401_of_another_host_says_nothing_about_the_token(void **state)
{
	struct fixture *f = *state;

	answer(f,
	    (struct fake_answer){ .http_status = 401, .final_url = "http://other/" });
	start(f, 0);
	pass(f, 1 * SECOND);
	assert_int_equal(f->outcomes[0].http_status, 401);
	assert_int_equal(f->outcomes[0].attempts, 1);
	assert_int_equal(fake_http_started_count(f->http), 2);
}

static void
test_a_401_that_was_expected_refuses_nothing(void **state)
{
	struct fixture *f = *state;

	answer(f, (struct fake_answer){ .http_status = 401 });
	fake_config_set(f->config, 0, "expect: {status: 401}\n");
	start(f, 0);
	pass(f, 1 * SECOND);
	assert_int_equal(f->outcomes[0].status, STATUS_OK);
	assert_int_equal(fake_http_started_count(f->http), 2);
}

static void
test_a_deadline_ends_the_wait_for_another_token(void **state)
{
	struct fixture *f = *state;
	static const struct fake_answer never = { .delay_us = FAKE_NEVER };

	answer(f, (struct fake_answer){ .http_status = 401 });
	fake_http_answer(f->http, SOURCE)->then = &never;
	f->config->targets[0]->deadline_ms = 2000;
	start(f, 0);
	pass(f, 2099 * MS);
	assert_int_equal(f->reports[0], 0);
	pass(f, 2 * MS);
	assert_int_equal(f->reports[0], 1);
	assert_int_equal(f->outcomes[0].http_status, 401);
	assert_int_equal(f->outcomes[0].attempts, 1);
}

/* ---- an end from outside ---- */

static void
test_a_turn_that_waits_for_its_token_may_be_cancelled(void **state)
{
	struct fixture *f = *state;
	struct turn *turn = start(f, 0);

	turn_cancel(turn, "cancelled");
	assert_int_equal(f->outcomes[0].status, STATUS_CANCELLED);
	assert_int_equal(f->outcomes[0].queued_us, -1);
	pass(f, 1 * SECOND);
	assert_int_equal(f->reports[0], 1);
	assert_string_equal(asked.data, "");
}

static void
test_a_turn_that_waits_for_its_token_may_be_abandoned(void **state)
{
	struct fixture *f = *state;

	turn_abandon(start(f, 0));
	pass(f, 1 * SECOND);
	assert_int_equal(f->reports[0], 0);
	assert_string_equal(asked.data, "");
}

#define TOKEN_CASE(test) \
	cmocka_unit_test_setup_teardown(test, set_up_tokens, tear_down_tokens)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_CASE(test_a_turn_waits_for_its_token_without_a_slot),
		TOKEN_CASE(test_turns_share_a_token),
		TOKEN_CASE(test_without_a_token_nobody_is_asked),
		TOKEN_CASE(test_a_refused_token_is_fetched_again_once),
		TOKEN_CASE(test_a_second_refusal_is_the_outcome),
		TOKEN_CASE(test_a_new_token_is_no_retry),
		TOKEN_CASE(test_a_post_is_asked_again_with_a_new_token),
		TOKEN_CASE(test_a_token_that_cannot_be_had_again_is_the_outcome),
		TOKEN_CASE(test_a_401_of_another_host_says_nothing_about_the_token),
		TOKEN_CASE(test_a_401_that_was_expected_refuses_nothing),
		TOKEN_CASE(test_a_deadline_ends_the_wait_for_another_token),
		TOKEN_CASE(test_a_turn_that_waits_for_its_token_may_be_cancelled),
		TOKEN_CASE(test_a_turn_that_waits_for_its_token_may_be_abandoned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
