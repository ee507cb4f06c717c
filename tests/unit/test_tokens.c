#include "gather/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/limiter.h"
#include "gather/turn.h"

#define SECOND_US INT64_C(1000000)
#define SOURCE    1 /* its answers' number */

/* ---- The stage: one source of tokens, and those who want one ---- */

struct stage {
	struct config *config;
	const struct target *source;
	struct fake_http *http;
	struct event_base *base;
	struct turn_context context;
	struct tokens *tokens;
	int64_t suspended_ms; /* how far wall time is ahead of the clock */
};

static int64_t
now_us(void *arg)
{
	const struct stage *s = arg;

	return fake_http_now_us(s->http);
}

static int64_t
wall_ms(void *arg)
{
	const struct stage *s = arg;
	struct clock_source clock = fake_http_clock(s->http);

	return clock.wall_ms(clock.arg) + s->suspended_ms;
}

static void
open_stage(struct stage *s)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	*s = (struct stage){ .config = fake_config_new(1) };
	s->source = fake_config_add_token_source(s->config, SOURCE);
	s->http = fake_http_new(4);
	s->base = event_base_new();
	s->context = (struct turn_context){
		.config = s->config,
		.limiter = limiter_new(10),
		.http = fake_http_client(s->http),
		.clock = { .now_us = now_us, .wall_ms = wall_ms, .arg = s },
		.base = s->base,
	};
	s->tokens = tokens_new(&s->context);
	s->context.tokens = s->tokens;
}

static void
close_stage(struct stage *s)
{
	tokens_free(s->tokens);
	limiter_free(s->context.limiter);
	fake_http_free(s->http);
	fake_config_free(s->config);
	event_base_free(s->base);
}

/* The source answers with BODY from now on, after a second. */
static void
answer_with(struct stage *s, long status, const char *body)
{
	*fake_http_answer(s->http, SOURCE) = (struct fake_answer){
		.delay_us = SECOND_US,
		.http_status = status,
		.content_type = "application/json",
		.body = body,
	};
}

struct wish {
	struct token_waiter waiter;
	unsigned told;
	unsigned place;      /* among all that were told */
	char text[128];      /* the token, or why there is none */
	struct stage *again; /* asked once more as soon as it was told */
};

static unsigned told_in_all;

static void
on_told(const char *token, const char *why, void *arg)
{
	struct wish *wish = arg;
	struct stage *again = wish->again;

	assert_true((token == NULL) != (why == NULL));
	assert_null(wish->waiter.token);
	wish->told++;
	wish->place = ++told_in_all;
	snprintf(wish->text, sizeof(wish->text), "%s", token != NULL ? token : why);
	wish->again = NULL;
	if (again != NULL)
		tokens_get(again->tokens, again->source, &wish->waiter);
}

static void
want(struct stage *s, struct wish *wish)
{
	*wish = (struct wish){
		.waiter = { .done = on_told, .arg = wish },
		.again = wish->again,
	};
	tokens_get(s->tokens, s->source, &wish->waiter);
}

/* What a wish comes to that is made now. */
static void
expect_token(struct stage *s, const char *text)
{
	struct wish wish = { .again = NULL };

	want(s, &wish);
	fake_http_pass(s->http, SECOND_US);
	assert_int_equal(wish.told, 1);
	assert_string_equal(wish.text, text);
}

static void
expect_fetches(const struct stage *s, size_t count)
{
	assert_int_equal(fake_http_started_count(s->http), count);
}

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
		assert_memory_equal(
		    wishes[i].text, "could not get an access token: ", 31);
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
		snprintf(
		    why, sizeof(why), "could not get an access token: %s", rows[i].why);
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
	expect_token(&s, "could not get an access token: returned HTTP 503");
	close_stage(&s);

	/* ... nor once it was refused. */
	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	answer_with(&s, 503, "");
	tokens_refused(s.tokens, s.source, "t-1");
	expect_token(&s, "could not get an access token: returned HTTP 503");
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
	expect_token(&s, "could not get an access token: returned HTTP 429");
	expect_token(&s,
	    "could not get an access token: "
	    "its server is not asked before the end of its Retry-After");
	expect_fetches(&s, 1);
	fake_http_pass(s.http, 50 * SECOND_US);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	close_stage(&s);
}

/* ---- Reload ---- */

static struct config *
reload_to(struct stage *s, struct config *config)
{
	struct config *before = s->config;

	s->config = config;
	s->context.config = config;
	tokens_reload(s->tokens, config);
	return before;
}

static void
test_a_reload_keeps_what_is_fetched_by_the_same_settings(UNUSED void **state)
{
	struct stage s;
	struct config *next = fake_config_new(1);
	const struct target *old_source;
	struct config *before;

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	fake_config_add_token_source(next, SOURCE + 2);
	fake_config_add_token_source(next, SOURCE);
	before = reload_to(&s, next);
	old_source = s.source;
	/* A round that began before still asks by the old one. */
	expect_token(&s, "t-1");
	s.source = next->token_sources[1];
	assert_ptr_not_equal(old_source, s.source);
	expect_token(&s, "t-1");
	expect_fetches(&s, 1);
	fake_config_free(before); /* asserts that nobody holds it */
	expect_token(&s, "t-1");
	tokens_refused(s.tokens, s.source, "t-1");
	expect_token(&s, "t-1");
	expect_fetches(&s, 2);
	close_stage(&s);
}

static void
test_a_reload_lets_a_fetch_go_on(UNUSED void **state)
{
	struct stage s;
	struct config *next = fake_config_new(1);
	struct wish wishes[2] = { 0 };

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\",\"expires_in\":0}");
	want(&s, &wishes[0]);
	fake_config_add_token_source(next, SOURCE);
	/* The fetch is the only one that still needs it. */
	config_unref(reload_to(&s, next));
	s.source = next->token_sources[0];
	want(&s, &wishes[1]);
	fake_http_pass(s.http, SECOND_US);
	assert_string_equal(wishes[0].text, "t-1");
	assert_string_equal(wishes[1].text, "t-1");
	expect_fetches(&s, 1);
	/* The next one is by the new config. */
	expect_token(&s, "t-1");
	expect_fetches(&s, 2);
	close_stage(&s);
}

/* Make SOURCE ask in another way than the others. */
static void
alter(struct target *source, int how)
{
	struct request *request = &source->rendered->request;

	switch (how) {
	case 0:
		request->body = xstrdup("scope=other");
		request->body_len = strlen(request->body);
		return;
	case 1:
		request_add_header(request, "X-Tenant", "other", false);
		return;
	case 2:
		request->user = xstrdup("other");
		return;
	case 3:
		request->password = xstrdup("other");
		return;
	case 4:
		request->url.user = xstrdup("other");
		return;
	case 5:
		source->route.ip = IP_V6;
		return;
	}
}

static void
test_other_settings_bring_another_token(UNUSED void **state)
{
	for (int how = 0; how < 6; how++) {
		struct stage s;
		struct config *next = fake_config_new(1);

		open_stage(&s);
		answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
		expect_token(&s, "t-1");
		s.source = fake_config_add_token_source(next, SOURCE);
		alter(next->token_sources[0], how);
		fake_config_free(reload_to(&s, next));
		answer_with(&s, 200, "{\"access_token\":\"t-2\"}");
		expect_token(&s, "t-2");
		close_stage(&s);
	}
}

static void
test_other_patience_brings_the_same_token(UNUSED void **state)
{
	struct stage s;
	struct config *next = fake_config_new(1);

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\"}");
	expect_token(&s, "t-1");
	s.source = fake_config_add_token_source(next, SOURCE);
	next->token_sources[0]->timeout_ms = 1234;
	next->token_sources[0]->retries = 7;
	fake_config_free(reload_to(&s, next));
	expect_token(&s, "t-1");
	expect_fetches(&s, 1);
	close_stage(&s);
}

static void
test_a_reload_forgets_what_nobody_needs(UNUSED void **state)
{
	struct stage s;
	struct config *next = fake_config_new(1);
	struct wish wish = { .again = NULL };
	struct config *before;

	open_stage(&s);
	answer_with(&s, 200, "{\"access_token\":\"t-1\",\"expires_in\":0}");
	expect_token(&s, "t-1");
	want(&s, &wish);
	before = reload_to(&s, next);
	assert_int_equal(fake_http_in_flight(s.http), 0);
	assert_int_equal(wish.told, 1);
	expect_token(&s, "could not get an access token: the config has changed");
	fake_config_free(before);

	next = fake_config_new(1);
	s.source = fake_config_add_token_source(next, SOURCE);
	fake_config_free(reload_to(&s, next));
	expect_token(&s, "t-1");
	expect_fetches(&s, 3);
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
		cmocka_unit_test(
		    test_a_reload_keeps_what_is_fetched_by_the_same_settings),
		cmocka_unit_test(test_a_reload_lets_a_fetch_go_on),
		cmocka_unit_test(test_other_settings_bring_another_token),
		cmocka_unit_test(test_other_patience_brings_the_same_token),
		cmocka_unit_test(test_a_reload_forgets_what_nobody_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
