#include "gather/token_sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "fake_config.h"

#define COUNT 50

/* Sources asked at http://test/0, ... in an order that is not theirs. */
static struct config *
make_config(void)
{
	struct config *config = fake_config_new(0);

	for (size_t i = 0; i < COUNT; i++)
		fake_config_add_token_source(config, i * 7 % COUNT);
	return config;
}

static void
test_each_is_found_by_what_it_asks(UNUSED void **state)
{
	struct config *config = make_config();
	struct config *other = make_config();
	struct token_sources *sources = token_sources_new(config);
	size_t number;

	assert_int_equal(token_sources_count(sources), COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		const struct target *source = config->token_sources[i];

		assert_true(token_sources_find(sources, source, &number));
		assert_ptr_equal(token_sources_at(sources, number), source);
		assert_true(
		    token_sources_find(sources, other->token_sources[i], &number));
		assert_ptr_equal(token_sources_at(sources, number), source);
	}
	token_sources_free(sources);
	fake_config_free(other);
	fake_config_free(config);
}

static void
test_another_body_route_or_user_is_another_source(UNUSED void **state)
{
	struct config *config = make_config();
	struct config *other = make_config();
	struct token_sources *sources = token_sources_new(config);
	struct request *request = &other->token_sources[0]->rendered->request;
	size_t number;

	request->body = xstrdup("scope=a");
	request->body_len = 7;
	assert_false(token_sources_find(sources, other->token_sources[0], &number));
	other->token_sources[1]->rendered->request.user = xstrdup("ada");
	assert_false(token_sources_find(sources, other->token_sources[1], &number));
	other->token_sources[2]->way.route.ip = IP_V6;
	assert_false(token_sources_find(sources, other->token_sources[2], &number));
	token_sources_free(sources);
	fake_config_free(other);
	fake_config_free(config);
}

static void
test_what_changes_with_each_asking_is_itself_only(UNUSED void **state)
{
	struct config *config = make_config();
	struct config *other = make_config();
	struct token_sources *sources;
	size_t number;

	for (size_t i = 0; i < 2; i++) {
		rendered_request_free(config->token_sources[i]->rendered);
		config->token_sources[i]->rendered = NULL;
	}
	rendered_request_free(other->token_sources[0]->rendered);
	other->token_sources[0]->rendered = NULL;
	sources = token_sources_new(config);
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(
		    token_sources_find(sources, config->token_sources[i], &number));
		assert_ptr_equal(
		    token_sources_at(sources, number), config->token_sources[i]);
	}
	assert_false(token_sources_find(sources, other->token_sources[0], &number));
	token_sources_free(sources);
	fake_config_free(other);
	fake_config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_found_by_what_it_asks),
		cmocka_unit_test(test_another_body_route_or_user_is_another_source),
		cmocka_unit_test(test_what_changes_with_each_asking_is_itself_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
