/*
 * gather/tokens: what a reload keeps.
 */
#include "gather/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "config/render.h"
#include "tokens_stage.h"

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
		source->way.route.ip = IP_V6;
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
		cmocka_unit_test(
		    test_a_reload_keeps_what_is_fetched_by_the_same_settings),
		cmocka_unit_test(test_a_reload_lets_a_fetch_go_on),
		cmocka_unit_test(test_other_settings_bring_another_token),
		cmocka_unit_test(test_other_patience_brings_the_same_token),
		cmocka_unit_test(test_a_reload_forgets_what_nobody_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
