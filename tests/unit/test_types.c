/*
 * What the keys of a request and of limits take, and what they do not.
 */
#include "config_files.h"

#include "config/keys.h"
#include "config/render.h"

static void
test_every_key_of_a_request_is_taken(UNUSED void **state)
{
	struct config *config = load_text(
	    "mode: settle\nmax_per_host: 3\nrate_per_host: 20/s\n"
	    "services:\n"
	    "  a: {url: http://a, method: X-PURGE, retries: 100, retry_delay: 1s,\n"
	    "    retry_unsafe: yes, backoff: 10m, delay: 250ms, needs: [b, c], ip: 4,\n"
	    "    http_version: 2, compressed: true}\n"
	    "  b: http://b\n"
	    "  c: {url: http://c, needs: b}\n");
	const struct target *a = config->targets[0];

	assert_int_equal(config->mode, MODE_SETTLE);
	assert_int_equal(config->max_per_host, 3);
	assert_int_equal(config->rate_per_host.count, 20);
	assert_int_equal(config->rate_per_host.per_ms, 1000);
	assert_string_equal(a->method.value.text.data, "X-PURGE");
	assert_int_equal(a->retries, 100);
	assert_int_equal(a->retry_delay_ms, 1000);
	assert_true(a->retry_unsafe);
	assert_int_equal(a->backoff_ms, 600000);
	assert_int_equal(a->delay_ms, 250);
	assert_int_equal(a->needs.count, 2);
	assert_string_equal(a->needs.items[1].text.value.text.data, "c");
	assert_string_equal(
	    config->targets[2]->needs.items[0].text.value.text.data, "b");
	assert_int_equal(a->way.ip, IP_V4);
	assert_int_equal(a->way.http_version, HTTP_2);
	assert_true(a->way.compressed);
	config_unref(config);
}

static void
test_what_is_not_said_has_its_default(UNUSED void **state)
{
	struct config *config = load_text("services: {a: http://a}\n");
	const struct target *a = config->targets[0];

	assert_int_equal(config->mode, MODE_SETTLE);
	assert_int_equal(config->max_per_host, 0);
	assert_int_equal(config->rate_per_host.count, 0);
	assert_int_equal(a->retries, 0);
	assert_int_equal(a->retry_delay_ms, 500);
	assert_false(a->retry_unsafe || a->way.compressed);
	assert_int_equal(a->backoff_ms, 0);
	assert_int_equal(a->delay_ms, 0);
	assert_int_equal(a->needs.count, 0);
	assert_null(a->for_each);
	assert_null(a->form.items);
	assert_null(a->json.source);
	assert_null(a->body.template);
	assert_true(a->way.tls.verify);
	config_unref(config);
}

/* `key:` with nothing behind it takes away what `defaults` say. */
static void
test_nothing_behind_a_key_says_nothing(UNUSED void **state)
{
	struct config *config = load_text(
	    "defaults: {method: PUT, body: x, proxy: \"http://p\"}\n"
	    "services: {a: {url: http://a, method: , body: ~, proxy: null, unix_socket: "
	    ",\n"
	    "  form: , json: , expect: , warn: ~, extract: null, needs: , resolve: }}\n");
	const struct target *a = config->targets[0];

	assert_null(a->rendered->request.method);
	assert_null(a->rendered->request.body);
	assert_int_equal(a->way.route.proxy.kind, PROXY_NONE);
	assert_null(a->way.route.unix_socket);
	assert_null(a->json.source);
	assert_null(a->expect.source);
	config_unref(config);
}

static void
test_what_a_key_does_not_take_is_told(UNUSED void **state)
{
	static const struct {
		const char *yaml;
		const char *fault;
	} cases[] = {
		{ "mode: fast_fail\n",
		    "1:7: error: mode: expected settle, fail_fast or "
		    "all_or_nothing" },
		{ "max_per_host: 0\n",
		    "1:15: error: max_per_host: expected a whole number from 1 to 1000000" },
		{ "rate_per_host: 20\n",
		    "1:16: error: rate_per_host: expected a rate such as 10/s, 60/min or "
		    "1000/h" },
		{ "defaults: {method: post}\n",
		    "1:20: error: method: expected a method in upper case such as POST" },
		{ "defaults: {method: \"GET \"}\n",
		    "1:20: error: method: expected a method in upper case such as POST" },
		{ "defaults: {method: TRACE}\n",
		    "1:20: error: method: expected a method other than CONNECT and TRACE" },
		{ "defaults: {retries: 101}\n",
		    "1:21: error: retries: expected a whole number from 0 to 100" },
		{ "defaults: {needs: {a: b}}\n",
		    "1:19: error: needs: expected a name or a list of names" },
		{ "defaults: {needs: [\"${GATHERD_TEST_WORD}\"]}\n",
		    "1:20: error: needs: names are no secrets: expected ${plain:NAME}" },
		{ "defaults: {form: [a]}\n",
		    "1:18: error: form: expected a map of names and texts" },
		{ "defaults: {form: {a: {}}}\n",
		    "1:22: error: form: expected text, not a map" },
		{ "defaults: {expect: 200}\n",
		    "1:20: error: expect: expected a map of rules" },
		{ "defaults: {extract: [/a]}\n",
		    "1:21: error: extract: expected a map of names and JSON Pointers" },
		{ "defaults: {for_each: {a: [1]}}\n",
		    "1:12: error: defaults: each target has its own for_each" },
		{ "defaults: {proxy: [a]}\n",
		    "1:19: error: proxy: expected text, not a list" },
		{ "defaults: {json: \"${GATHERD_TEST_UNSET}\"}\n",
		    "1:18: error: GATHERD_TEST_UNSET is not set" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const char *lines;

		write_file("c.yaml", cases[i].yaml);
		lines = faults_of("c.yaml");
		if (strncmp(lines, "c.yaml:", 7) != 0 ||
		    strncmp(lines + 7, cases[i].fault, strlen(cases[i].fault)) != 0)
			assert_string_equal(lines, cases[i].fault);
	}
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_every_key_of_a_request_is_taken),
		CASE(test_what_is_not_said_has_its_default),
		CASE(test_nothing_behind_a_key_says_nothing),
		CASE(test_what_a_key_does_not_take_is_told),
	};

	unsetenv("GATHERD_TEST_UNSET");
	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
