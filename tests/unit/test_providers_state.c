#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/gate.h"
#include "gather/providers.h"

#define SECOND ((int64_t)1000000)
#define NOW_US (1000 * SECOND)
#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* The config of providers "a" and "b", which have these keys, too. */
static struct config *
config_of(const char *a, const char *b)
{
	struct config *config = fake_config_new(0);

	fake_config_set_provider(config, "a", a);
	fake_config_set_provider(config, "b", b);
	return config;
}

static struct gate_facts
facts(const struct provider_state *state)
{
	struct gate_facts seen;

	gate_see(state->gate, NOW_US, &seen);
	return seen;
}

/* One that asked STATE's provider was told to wait so long. */
static void
push_back(struct provider_state *state, int64_t wait_us)
{
	struct gate_admission admission = gate_enter(state->gate, NOW_US);

	gate_pushed_back(state->gate, &admission, wait_us, NOW_US, 0.5);
	gate_leave(state->gate, &admission, NOW_US);
}

static void
test_each_provider_has_a_gate_and_a_budget(UNUSED void **state)
{
	struct config *config =
	    config_of("max_concurrent: 3\n", "adaptive: false\nmax_concurrent: 40\n");
	struct providers *providers = providers_new(config);

	assert_int_equal(providers_count(providers), 2);
	assert_string_equal(providers_at(providers, 0)->provider->name, "a");
	assert_int_equal(facts(providers_at(providers, 0)).max, 3);
	assert_int_equal(facts(providers_at(providers, 0)).limit, 3);
	assert_int_equal(facts(providers_at(providers, 1)).limit, 40);
	assert_int_equal(providers_at(providers, 1)->budget.started_at_ms, -1);
	providers_free(providers);
	fake_config_free(config);
}

static void
test_providers_are_found_by_name(UNUSED void **state)
{
	struct config *config = config_of("", "");
	struct providers *providers = providers_new(config);

	assert_ptr_equal(providers_find(providers, "b"), providers_at(providers, 1));
	assert_null(providers_find(providers, "c"));
	providers_free(providers);
	providers_free(NULL);
	fake_config_free(config);
}

static void
test_a_config_may_have_none(UNUSED void **state)
{
	struct config *config = fake_config_new(1);
	struct providers *providers = providers_new(config);

	assert_int_equal(providers_count(providers), 0);
	assert_null(providers_find(providers, "a"));
	providers_reload(providers, config, NOW_US);
	providers_free(providers);
	fake_config_free(config);
}

static void
test_a_rate_is_kept_by_the_gate(UNUSED void **state)
{
	struct config *config = config_of("rate: 60/min\n", "");
	struct providers *providers = providers_new(config);
	struct provider_state *a = providers_at(providers, 0);
	struct gate_admission admission = gate_enter(a->gate, NOW_US);

	assert_int_equal(gate_next_us(a->gate, NOW_US), NOW_US + SECOND);
	gate_leave(a->gate, &admission, NOW_US);
	assert_int_equal(
	    gate_next_us(providers_at(providers, 1)->gate, NOW_US), INT64_MIN);
	providers_free(providers);
	fake_config_free(config);
}

static void
test_a_reload_keeps_what_is_known_by_name(UNUSED void **state)
{
	struct config *config = config_of("max_concurrent: 20\n", "");
	struct providers *providers = providers_new(config);
	struct gate *gate = providers_at(providers, 0)->gate;
	struct config *other = fake_config_new(0);
	struct provider_state *a;

	push_back(providers_at(providers, 0), 10 * SECOND);
	providers_at(providers, 0)->budget.spent = 5;
	fake_config_set_provider(other, "c", "");
	fake_config_set_provider(other, "a", "max_concurrent: 4\n");
	providers_reload(providers, other, NOW_US);
	fake_config_free(config);

	assert_int_equal(providers_count(providers), 2);
	assert_null(providers_find(providers, "b"));
	a = providers_at(providers, 1);
	assert_string_equal(a->provider->name, "a");
	/* For those who wait at it. */
	assert_ptr_equal(a->gate, gate);
	assert_int_equal(a->budget.spent, 5);
	assert_int_equal(facts(a).max, 4);
	assert_int_equal(facts(a).rejections, 1);
	assert_int_equal(facts(a).paused_until_us, NOW_US + 10 * SECOND);
	assert_int_equal(facts(providers_at(providers, 0)).rejections, 0);
	providers_free(providers);
	fake_config_free(other);
}

static void
test_another_server_or_key_has_learned_nothing(UNUSED void **state)
{
	static const char *const changes[] = {
		"base_url: http://other/v1\n",
		"key: another-key-0815\n",
	};

	for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
		struct config *config = config_of("", "");
		struct providers *providers = providers_new(config);
		struct config *other = config_of(changes[i], "");

		push_back(providers_at(providers, 0), 10 * SECOND);
		push_back(providers_at(providers, 1), 10 * SECOND);
		providers_reload(providers, other, NOW_US);
		assert_int_equal(facts(providers_at(providers, 0)).rejections, 0);
		assert_int_equal(facts(providers_at(providers, 1)).rejections, 1);
		fake_config_free(config);
		providers_free(providers);
		fake_config_free(other);
	}
}

static void
test_a_budget_in_another_unit_begins_anew(UNUSED void **state)
{
	struct config *config = config_of(
	    "budget: {tokens: 10, per: 1d}\n", "budget: {tokens: 10, per: 1d}\n");
	struct providers *providers = providers_new(config);
	struct config *other =
	    config_of("price: {input: 1, output: 1}\nbudget: {cost: 1, per: 1d}\n",
	        "budget: {tokens: 50, per: 2d}\n");

	for (size_t i = 0; i < 2; i++)
		providers_at(providers, i)->budget =
		    (struct budget){ .spent = 7, .started_at_ms = DAY_MS };
	providers_reload(providers, other, NOW_US);
	assert_int_equal(providers_at(providers, 0)->budget.spent, 0);
	assert_int_equal(providers_at(providers, 1)->budget.spent, 7);
	assert_int_equal(providers_at(providers, 1)->budget.started_at_ms, DAY_MS);
	fake_config_free(config);
	providers_free(providers);
	fake_config_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_provider_has_a_gate_and_a_budget),
		cmocka_unit_test(test_providers_are_found_by_name),
		cmocka_unit_test(test_a_config_may_have_none),
		cmocka_unit_test(test_a_rate_is_kept_by_the_gate),
		cmocka_unit_test(test_a_reload_keeps_what_is_known_by_name),
		cmocka_unit_test(test_another_server_or_key_has_learned_nothing),
		cmocka_unit_test(test_a_budget_in_another_unit_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
