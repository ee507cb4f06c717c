#include "gather/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tokens_stage.h"

/* ---- Fetching and sharing ---- */

static void
test_a_token_is_fetched_once_for_all_who_want_it(UNUSED void **state)
{
	struct stage s;
	struct wish wishes[4] = { 0 };

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\",\"token_type\":\"Bearer\"}");
	for (int i = 0; i < 3; i++)
		want(&s, &wishes[i]);
	assert_int_equal(wishes[0].told, 0);
	fake_http_pass(s.http, SECOND_US);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wishes[i].told, 1);
		assert_string_equal(wishes[i].text, "t-1");
	}
	/* In the order in which they came. */
	assert_int_equal(wishes[1].place, wishes[0].place + 1);
	assert_int_equal(wishes[2].place, wishes[1].place + 1);

	want(&s, &wishes[3]);
	assert_int_equal(wishes[3].told, 1);
	assert_string_equal(wishes[3].text, "t-1");
	expect_fetches(&s, 1);
	close_stage(&s);
}

static void
test_each_source_has_its_own(UNUSED void **state)
{
	struct stage s;
	const struct target *other;
	struct wish wish = { .waiter = { .done = on_told, .arg = &wish } };

	open_stage(&s);
	other = fake_config_add_token_source(s.config, SOURCE + 1);
	s.source = s.config->token_sources[0];
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	*fake_http_answer(s.http, SOURCE + 1) = (struct fake_answer){
		.http_status = 200,
		.body = "{\"access_token\":\"other\"}",
	};
	expect_token(&s, "t-1");
	tokens_get(s.tokens, other, &wish.waiter);
	fake_http_pass(s.http, SECOND_US);
	assert_string_equal(wish.text, "other");
	expect_token(&s, "t-1");
	expect_fetches(&s, 2);
	close_stage(&s);
}

static void
test_who_left_is_not_told(UNUSED void **state)
{
	struct stage s;
	struct wish wishes[3] = { 0 };

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	for (int i = 0; i < 3; i++)
		want(&s, &wishes[i]);
	tokens_leave(&wishes[1].waiter);
	tokens_leave(&wishes[2].waiter);
	tokens_leave(&wishes[2].waiter);
	fake_http_pass(s.http, SECOND_US);
	assert_int_equal(wishes[0].told, 1);
	assert_int_equal(wishes[1].told, 0);
	assert_int_equal(wishes[2].told, 0);
	expect_token(&s, "t-1");
	expect_fetches(&s, 1);
	close_stage(&s);
}

static void
test_what_is_on_its_way_at_the_end_is_abandoned(UNUSED void **state)
{
	struct stage s;
	struct wish wish = { .again = NULL };

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	want(&s, &wish);
	tokens_leave(&wish.waiter);
	assert_int_equal(fake_http_in_flight(s.http), 1);
	close_stage(&s); /* asserts that nothing is in flight */
	assert_int_equal(wish.told, 0);
}

/* ---- How long it is kept ---- */

/* One that says LIFE ("" or ",..." of JSON) is kept for KEPT_US after it came. */
static void
expect_kept(const char *life, int64_t kept_us)
{
	struct stage s;
	char body[128];

	open_stage(&s);
	snprintf(body, sizeof(body), "{\"access_token\":\"t-1\"%s}", life);
	answer_with(&s, 200, body);
	expect_token(&s, "t-1");
	answer_with(&s, 200, "{\"access_token\":\"t-2\"}");
	fake_http_pass(s.http, kept_us - SECOND_US - 1000);
	expect_token(&s, "t-1"); /* and a second has passed */
	expect_fetches(&s, 1);
	fake_http_pass(s.http, 1000);
	expect_token(&s, "t-2");
	expect_fetches(&s, 2);
	close_stage(&s);
}

static void
test_it_is_fetched_again_shortly_before_its_end(UNUSED void **state)
{
	expect_kept(",\"expires_in\":1000", 900 * SECOND_US);
	/* Not less than ten seconds before, ... */
	expect_kept(",\"expires_in\":60", 50 * SECOND_US);
	/* ... nor more than five minutes ... */
	expect_kept(",\"expires_in\":86400", (86400 - 300) * SECOND_US);
	/* ... nor than half of it. */
	expect_kept(",\"expires_in\":10", 5 * SECOND_US);
	expect_kept(",\"expires_in\":1000.5", INT64_C(900450000));
	/* Some put the number in quotes. */
	expect_kept(",\"expires_in\":\"1000\"", 900 * SECOND_US);
}

static void
test_one_that_says_no_end_is_kept_until_it_is_refused(UNUSED void **state)
{
	static const char *const lives[] = {
		"",
		",\"expires_in\":null",
		",\"expires_in\":\"soon\"",
	};

	for (size_t i = 0; i < ARRAY_COUNT(lives); i++) {
		struct stage s;
		char body[128];

		open_stage(&s);
		snprintf(body, sizeof(body), "{\"access_token\":\"t-1\"%s}", lives[i]);
		answer_with(&s, 200, body);
		expect_token(&s, "t-1");
		fake_http_pass(s.http, 1000000 * SECOND_US);
		expect_token(&s, "t-1");
		expect_fetches(&s, 1);
		tokens_refused(s.tokens, s.source, "t-1");
		answer_with(&s, 200, "{\"access_token\":\"t-2\"}");
		expect_token(&s, "t-2");
		expect_token(&s, "t-2");
		expect_fetches(&s, 2);
		close_stage(&s);
	}
}

static void
test_one_without_life_is_for_those_who_waited(UNUSED void **state)
{
	static const char *const lives[] = { "0", "-1" };

	for (size_t i = 0; i < ARRAY_COUNT(lives); i++) {
		struct stage s;
		char body[128];

		open_stage(&s);
		snprintf(body, sizeof(body),
		    "{\"access_token\":\"t-1\",\"expires_in\":%s}", lives[i]);
		answer_with(&s, 200, body);
		expect_token(&s, "t-1");
		expect_token(&s, "t-1");
		expect_fetches(&s, 2);
		close_stage(&s);
	}
}

static void
test_an_endless_life_is_no_overflow(UNUSED void **state)
{
	struct stage s;

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\",\"expires_in\":1e300}");
	expect_token(&s, "t-1");
	expect_token(&s, "t-1");
	expect_fetches(&s, 1);
	close_stage(&s);
}

static void
test_it_ages_in_a_suspend(UNUSED void **state)
{
	struct stage s;

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\",\"expires_in\":3600}");
	expect_token(&s, "t-1");
	s.suspended_ms = 3590 * 1000;
	expect_token(&s, "t-1");
	expect_fetches(&s, 2);
	/* Wall time that was set back makes it no younger. */
	s.suspended_ms = -1000000;
	fake_http_pass(s.http, 3600 * SECOND_US);
	expect_token(&s, "t-1");
	expect_fetches(&s, 3);
	close_stage(&s);
}

static void
test_a_refusal_of_an_older_one_changes_nothing(UNUSED void **state)
{
	struct stage s;

	open_stage(&s);
	tokens_refused(s.tokens, s.source, "t-0"); /* nobody knows it */
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	tokens_refused(s.tokens, s.source, "t-0");
	expect_token(&s, "t-1");
	expect_fetches(&s, 1);
	close_stage(&s);
}

/* ---- Failures ---- */

static void
test_those_who_wait_together_fail_together(UNUSED void **state)
{
	struct stage s;
	struct wish wishes[2] = { 0 };

	open_stage(&s);
	answer_with(&s, 401, "{\"error\":\"invalid_client\"}");
	want(&s, &wishes[0]);
	want(&s, &wishes[1]);
	fake_http_pass(s.http, SECOND_US);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wishes[i].told, 1);
		assert_memory_equal(wishes[i].text,
		    "could not get an access token from http://test/1: ", 50);
		assert_non_null(strstr(wishes[i].text, "401"));
	}
	expect_fetches(&s, 1);

	/* Nobody is told of it afterwards. */
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	expect_fetches(&s, 2);
	close_stage(&s);
}

static void
test_what_is_no_token_is_a_failure(UNUSED void **state)
{
	static const struct {
		const char *body;
		const char *why;
	} rows[] = {
		{ "{}", "the answer holds no access_token" },
		{ "{\"access_token\":null}", "the answer holds no access_token" },
		{ "{\"access_token\":17}", "the answer holds no access_token" },
		{ "{\"access_token\":\"t-1\",\"token_type\":\"mac\"}",
		    "its token_type is not Bearer" },
		{ "{\"access_token\":\"t-1\",\"token_type\":17}",
		    "its token_type is not Bearer" },
		{ "{\"access_token\":\"\"}",
		    "the access_token cannot stand in a header" },
		{ "{\"access_token\":\"t\\r\\nX-Evil: 1\"}",
		    "the access_token cannot stand in a header" },
		{ "{\"access_token\":\"t\\u0000\"}",
		    "the access_token cannot stand in a header" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage s;
		char why[128];

		open_stage(&s);
		answer_with(&s, 200, rows[i].body);
		snprintf(why, sizeof(why),
		    "could not get an access token from http://test/1: %s",
		    rows[i].why);
		expect_token(&s, why);
		close_stage(&s);
	}
}

static void
test_the_type_is_taken_however_it_is_written(UNUSED void **state)
{
	static const char *const types[] = {
		"\"Bearer\"",
		"\"bearer\"",
		"\"BEARER\"",
		"null",
	};

	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		struct stage s;
		char body[128];

		open_stage(&s);
		snprintf(body, sizeof(body),
		    "{\"access_token\":\"t-1\",\"token_type\":%s}", types[i]);
		answer_with(&s, 200, body);
		expect_token(&s, "t-1");
		close_stage(&s);
	}
}

static void
test_a_token_serves_on_where_the_next_one_cannot_be_had(UNUSED void **state)
{
	struct stage s;

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\",\"expires_in\":100}");
	expect_token(&s, "t-1");
	answer_with(&s, 503, "");
	fake_http_pass(s.http, 92 * SECOND_US);
	expect_token(&s, "t-1");
	expect_fetches(&s, 2);
	/* But not past its end, ... */
	fake_http_pass(s.http, 10 * SECOND_US);
	expect_token(
	    &s, "could not get an access token from http://test/1: returned HTTP 503");
	close_stage(&s);

	/* ... nor once it was refused. */
	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	answer_with(&s, 503, "");
	tokens_refused(s.tokens, s.source, "t-1");
	expect_token(
	    &s, "could not get an access token from http://test/1: returned HTTP 503");
	close_stage(&s);
}

static void
test_who_asks_again_at_once_waits_for_the_next(UNUSED void **state)
{
	struct stage s;
	struct wish first = { .again = &s };
	struct wish second = { .again = NULL };
	struct fake_answer better = {
		.delay_us = SECOND_US,
		.http_status = 200,
		.body = "{\"access_token\":\"t-1\"}",
	};

	open_stage(&s);
	answer_with(&s, 503, "");
	fake_http_answer(s.http, SOURCE)->then = &better;
	want(&s, &first);
	want(&s, &second);
	fake_http_pass(s.http, SECOND_US);
	assert_int_equal(first.told, 1);
	assert_int_equal(second.told, 1);
	expect_fetches(&s, 2);
	fake_http_pass(s.http, SECOND_US);
	assert_int_equal(first.told, 2);
	assert_string_equal(first.text, "t-1");
	assert_int_equal(second.told, 1);
	close_stage(&s);
}

static void
test_its_server_is_not_asked_before_a_retry_after(UNUSED void **state)
{
	struct stage s;

	open_stage(&s);
	answer_with(&s, 429, "");
	fake_http_answer(s.http, SOURCE)->retry_after = true;
	fake_http_answer(s.http, SOURCE)->retry_after_ms = 50000;
	expect_token(
	    &s, "could not get an access token from http://test/1: returned HTTP 429");
	expect_token(&s,
	    "could not get an access token from http://test/1: "
	    "its server is not asked before the end of its Retry-After");
	expect_fetches(&s, 1);
	fake_http_pass(s.http, 50 * SECOND_US);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	close_stage(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_token_is_fetched_once_for_all_who_want_it),
		cmocka_unit_test(test_each_source_has_its_own),
		cmocka_unit_test(test_who_left_is_not_told),
		cmocka_unit_test(test_what_is_on_its_way_at_the_end_is_abandoned),
		cmocka_unit_test(test_it_is_fetched_again_shortly_before_its_end),
		cmocka_unit_test(test_one_that_says_no_end_is_kept_until_it_is_refused),
		cmocka_unit_test(test_one_without_life_is_for_those_who_waited),
		cmocka_unit_test(test_an_endless_life_is_no_overflow),
		cmocka_unit_test(test_it_ages_in_a_suspend),
		cmocka_unit_test(test_a_refusal_of_an_older_one_changes_nothing),
		cmocka_unit_test(test_those_who_wait_together_fail_together),
		cmocka_unit_test(test_what_is_no_token_is_a_failure),
		cmocka_unit_test(test_the_type_is_taken_however_it_is_written),
		cmocka_unit_test(
		    test_a_token_serves_on_where_the_next_one_cannot_be_had),
		cmocka_unit_test(test_who_asks_again_at_once_waits_for_the_next),
		cmocka_unit_test(test_its_server_is_not_asked_before_a_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
