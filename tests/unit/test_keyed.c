/*
 * Maps inside a service: how they are read, merged, compared.
 */
#include "config_files.h"

#include "config/keyed.h"
#include "config/keys.h"
#include "config/render.h"

static void
test_tls_is_merged_key_by_key(UNUSED void **state)
{
	struct config *config = load_text(
	    "defaults: {tls: {server_name: a, min_version: 1.3, verify: no}}\n"
	    "services:\n"
	    "  a: https://h\n"
	    "  b: {url: https://h, tls: {server_name: b}}\n"
	    "  c: {url: https://h, tls: {verify: yes, server_name: ~}}\n"
	    "  d: {url: https://h, tls: }\n");
	struct target *const *targets = config->targets;

	assert_string_equal(targets[0]->way.tls.server_name.value.text.data, "a");
	assert_int_equal(targets[0]->way.tls.min_version, TLS_1_3);
	assert_false(targets[0]->way.tls.verify);
	assert_string_equal(targets[1]->way.tls.server_name.value.text.data, "b");
	assert_int_equal(targets[1]->way.tls.min_version, TLS_1_3);
	assert_false(targets[1]->way.tls.verify);
	assert_int_equal(targets[2]->way.tls.server_name.value.text.len, 0);
	assert_true(targets[2]->way.tls.verify);
	assert_false(targets[3]->way.tls.verify);
	config_unref(config);
}

static void
test_auth_is_taken_as_a_whole(UNUSED void **state)
{
	struct config *config =
	    load_text("defaults: {auth: {basic: {user: u, password: p}}}\n"
	              "services:\n"
	              "  a: https://h\n"
	              "  b: {url: https://h, auth: {bearer: t}}\n"
	              "  c: {url: https://h, auth: {basic: {user: v}}}\n"
	              "  d: {url: https://h, auth: ~}\n"
	              "  e: {url: https://h, auth: {}}\n");
	struct target *const *targets = config->targets;

	assert_string_equal(targets[0]->auth.basic.user.text.value.text.data, "u");
	assert_string_equal(targets[0]->auth.basic.password.text.value.text.data, "p");
	assert_int_equal(targets[1]->auth.basic.user.text.value.text.len, 0);
	assert_string_equal(targets[1]->auth.bearer.text.value.text.data, "t");
	assert_string_equal(targets[2]->auth.basic.user.text.value.text.data, "v");
	assert_int_equal(targets[2]->auth.basic.password.text.value.text.len, 0);
	for (size_t i = 3; i < 5; i++) {
		assert_int_equal(targets[i]->rendered->request.auth, AUTH_NONE);
		assert_int_equal(targets[i]->rendered->request.header_count, 0);
	}
	config_unref(config);
}

static void
test_all_of_oauth2_comes_from_defaults(UNUSED void **state)
{
	struct config *config =
	    load_text("defaults: {auth: {oauth2: {token_url: http://t/, client_id: a, "
	              "client_secret: b, scope: c, client_auth: body}}}\n"
	              "services: {a: http://h}\n");
	const struct target *target = config->targets[0];

	assert_string_equal(
	    target->auth.oauth2.token_url.text.value.text.data, "http://t/");
	assert_string_equal(target->auth.oauth2.scope.text.value.text.data, "c");
	assert_int_equal(target->auth.oauth2.client_auth, 1);
	config_unref(config);
}

static void
test_maps_of_rules_and_addresses_are_merged_bodies_are_not(UNUSED void **state)
{
	struct config *config = load_text(
	    "defaults: {expect: {status: 200, body: x}, extract: {a: /a, b: /b},\n"
	    "  resolve: {H: 127.0.0.1}, form: {a: b, c: d}, needs: [], json: ~}\n"
	    "services:\n"
	    "  s: {url: http://h, expect: {status: 404}, extract: {b: /c, d: /d},\n"
	    "    resolve: {h: 127.0.0.2, i: 127.0.0.3}, form: {a: x}}\n"
	    "  t: {url: http://h, form: ~, body: \"\"}\n"
	    "  u: {url: http://h}\n");
	const struct target *s = config->targets[0];

	assert_int_equal(s->expect.source->count, 2);
	assert_string_equal(s->expect.source->items[0]->text.source, "404");
	assert_string_equal(s->expect.source->keys[1], "body");
	assert_int_equal(s->extract.source->count, 3);
	assert_int_equal(s->way.resolve.count, 2);
	assert_string_equal(s->way.route.pins[0].address, "127.0.0.2");
	assert_int_equal(s->form.count, 1);
	assert_string_equal(config->targets[1]->rendered->request.body, "");
	assert_string_equal(config->targets[2]->rendered->request.body, "a=b&c=d");
	config_unref(config);
}

/* The names of what differs between the services a and b with these keys. */
static void
assert_differences(const char *a, const char *b, const char *names)
{
	struct buffer differences;
	struct config *config;
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
	    "services: {a: {url: http://h, %s}, b: {url: http://h, %s}}\n", a, b);
	config = load_text(yaml);
	buffer_init(&differences, BUFFER_UNLIMITED);
	keyed_append_differences(
	    &service_keys, config->targets[0], config->targets[1], &differences);
	assert_string_equal(differences.data, names);
	assert_int_equal(
	    keyed_equal(&service_keys, 0, config->targets[0], config->targets[1]),
	    names[0] == '\0');
	buffer_clear(&differences);
	config_unref(config);
}

static void
test_every_key_of_a_request_counts_when_services_are_compared(UNUSED void **state)
{
	assert_differences("method: PUT", "method: PUT", "");
	assert_differences("method: PUT", "method: GET", "method");
	assert_differences("body: x", "body: x", "");
	assert_differences("body: \"\"", "retries: 0", "body");
	assert_differences("form: {}", "retries: 0", "form");
	assert_differences("form: {a: b}", "form: {a: c}", "form");
	assert_differences("json: {a: 1}", "json: {a: 1}", "");
	assert_differences("json: {a: 1}", "json: {a: \"1\"}", "json");
	assert_differences("json: null", "retries: 0", "json");
	assert_differences("tls: {verify: yes}", "tls: {min_version: 1.2}", "");
	assert_differences("tls: {verify: no}", "tls: {min_version: 1.3}",
	    "tls.min_version, tls.verify");
	assert_differences("auth: {basic: {user: a}}", "auth: {digest: {user: a}}",
	    "auth.basic.user, auth.digest.user");
	assert_differences(
	    "auth: {basic: {user: \"\"}}", "retries: 0", "auth.basic.user");
	assert_differences(
	    "proxy: http://p, ip: 4", "resolve: {h: 127.0.0.1}", "proxy, ip, resolve");
	assert_differences("expect: {status: 200}", "expect: {status: 200}", "");
	assert_differences(
	    "expect: {status: 200}", "warn: {status: 200}", "expect, warn");
	assert_differences("extract: {a: /a}", "extract: {a: /b}", "extract");
	assert_differences("retries: 1, delay: 1s, backoff: 1s",
	    "retry_delay: 1s, retry_unsafe: yes, http_version: 2, compressed: yes",
	    "http_version, compressed, delay, retries, retry_delay, retry_unsafe, "
	    "backoff");
}

static void
test_what_is_missing_is_told_at_the_name_of_its_map(UNUSED void **state)
{
	write_file("c.yaml",
	    "defaults:\n"
	    "  auth:\n"
	    "    digest: {password: x}\n"
	    "services:\n"
	    "  a: {url: http://a, auth: {oauth2: }}\n"
	    "  b: {url: http://b, auth: {basic: x}}\n"
	    "  c: {url: http://c, auth: {basic: {user: x, passwort: y}}}\n"
	    "  d: {url: http://d, auth: [x], tls: x}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:3:5: error: digest: user is missing\n"
	    "c.yaml:5:29: error: oauth2: token_url is missing\n"
	    "c.yaml:5:29: error: oauth2: client_id is missing\n"
	    "c.yaml:5:29: error: oauth2: client_secret is missing\n"
	    "c.yaml:6:36: error: basic: expected a map of keys\n"
	    "c.yaml:7:46: error: unknown key passwort (did you mean password?)\n"
	    "c.yaml:8:28: error: auth: expected a map of keys\n"
	    "c.yaml:8:38: error: tls: expected a map of keys\n");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_tls_is_merged_key_by_key),
		CASE(test_auth_is_taken_as_a_whole),
		CASE(test_all_of_oauth2_comes_from_defaults),
		CASE(test_maps_of_rules_and_addresses_are_merged_bodies_are_not),
		CASE(test_every_key_of_a_request_counts_when_services_are_compared),
		CASE(test_what_is_missing_is_told_at_the_name_of_its_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
