/*
 * Where prompts go: what the keys of a provider come to.
 */
#include "config_files.h"

#include "base/secrets.h"
#include "config/providers.h"
#include "http/request.h"
#include "http/route.h"

/* The only provider of a config that says KEYS of it. */
static struct config *
load_provider(const char *keys)
{
	struct config *config;
	char yaml[1024];

	snprintf(yaml, sizeof(yaml),
	    "vars: {host: Models.Example, tenant: t1, token: \"tok-123456\"}\n"
	    "providers:\n"
	    "  p: %s\n",
	    keys);
	config = load_text(yaml);
	assert_int_equal(config->provider_count, 1);
	return config;
}

static const struct provider_header *
find_header(const struct provider *provider, const char *name)
{
	for (size_t i = 0; i < provider->sent_count; i++) {
		if (strcmp(provider->sent[i].name, name) == 0)
			return &provider->sent[i];
	}
	fail_msg("no header %s", name);
	return NULL;
}

static void
test_what_is_not_said_has_its_default(UNUSED void **state)
{
	struct config *config = load_provider("{api: ollama}");
	const struct provider *provider = config->providers[0];

	assert_string_equal(provider->name, "p");
	assert_int_equal(provider->index, 0);
	assert_int_equal(provider->place.line, 3);
	assert_int_equal(provider->api, API_OLLAMA);
	assert_int_equal(provider->max_concurrent, 5);
	assert_true(provider->adaptive);
	assert_int_equal(provider->rate.count, 0);
	assert_int_equal(provider->price.input, -1);
	assert_int_equal(provider->price.output, -1);
	assert_int_equal(provider->budget.per_ms, 0);
	assert_int_equal(provider->timeout_ms, 0);
	assert_null(provider->extra_body);
	assert_int_equal(provider->sent_count, 0);
	assert_true(provider->way.route.verify);
	assert_int_not_equal(provider->way.route.id, 0);
	config_unref(config);
}

static void
test_every_key_is_taken(UNUSED void **state)
{
	struct config *config = load_provider(
	    "{api: openai, base_url: \"https://h/v1\", model: m-1, key: k, "
	    "max_concurrent: 50, adaptive: no, rate: 60/min, timeout: 5m, "
	    "price: {input: 0.075, output: \"10\"}, budget: {cost: 2.5, per: 30d}, "
	    "max_tokens_field: max_tokens, api_version: 2024-10-21, "
	    "extra_body: {n: 1, o: {a: [b]}}, "
	    "ip: 6, http_version: 2, compressed: yes, tls: {verify: no}, "
	    "proxy: \"http://proxy:3128\", resolve: {h: 127.0.0.1}}");
	const struct provider *provider = config->providers[0];

	assert_string_equal(provider->model.value.text.data, "m-1");
	assert_int_equal(provider->max_concurrent, 50);
	assert_false(provider->adaptive);
	assert_int_equal(provider->rate.count, 60);
	assert_int_equal(provider->rate.per_ms, 60000);
	assert_int_equal(provider->timeout_ms, 300000);
	assert_int_equal(provider->price.input, MONEY_ONE * 75 / 1000);
	assert_int_equal(provider->price.output, MONEY_ONE * 10);
	assert_int_equal(provider->budget.cost, MONEY_ONE * 5 / 2);
	assert_int_equal(provider->budget.tokens, 0);
	assert_int_equal(provider->budget.per_ms, INT64_C(30) * 86400 * 1000);
	assert_string_equal(provider->max_tokens_field.value.text.data, "max_tokens");
	assert_string_equal(provider->api_version.value.text.data, "2024-10-21");
	assert_int_equal(provider->extra_body->count, 2);
	assert_int_equal(provider->way.route.ip, IP_V6);
	assert_int_equal(provider->way.route.http_version, HTTP_2);
	assert_true(provider->way.route.compressed);
	assert_false(provider->way.route.verify);
	assert_int_equal(provider->way.route.proxy.kind, PROXY_HTTP);
	assert_int_equal(provider->way.route.pin_count, 1);
	config_unref(config);
}

/* ---- where it is ---- */

static void
test_each_api_has_its_vendors_address_and_header(UNUSED void **state)
{
	static const struct {
		const char *api;
		const char *url;
		const char *host;
		const char *header;
		const char *value;
		const char *shown;
	} cases[] = {
		{ "gemini", "https://generativelanguage.googleapis.com",
		    "https://generativelanguage.googleapis.com:443", "x-goog-api-key",
		    "k-1", "***" },
		{ "openai", "https://api.openai.com/v1", "https://api.openai.com:443",
		    "Authorization", "Bearer k-1", "Bearer ***" },
		{ "openai-responses", "https://api.openai.com/v1",
		    "https://api.openai.com:443", "Authorization", "Bearer k-1",
		    "Bearer ***" },
		{ "anthropic", "https://api.anthropic.com",
		    "https://api.anthropic.com:443", "x-api-key", "k-1", "***" },
		{ "ollama", "http://127.0.0.1:11434", "http://127.0.0.1:11434",
		    "Authorization", "Bearer k-1", "Bearer ***" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct provider_header *header;
		const struct provider *provider;
		struct config *config;
		char keys[64];

		snprintf(keys, sizeof(keys), "{api: %s, key: k-1}", cases[i].api);
		config = load_provider(keys);
		provider = config->providers[0];
		assert_string_equal(provider->url.text, cases[i].url);
		assert_string_equal(provider->shown_url, cases[i].url);
		assert_string_equal(provider->host, cases[i].host);
		assert_int_equal(
		    provider->asks_tls, strncmp(cases[i].url, "https:", 6) == 0);
		assert_int_equal(provider->sent_count, 1);
		header = find_header(provider, cases[i].header);
		assert_string_equal(header->value, cases[i].value);
		assert_string_equal(header->shown, cases[i].shown);
		assert_true(header->secret);
		config_unref(config);
	}
}

static void
test_a_base_url_is_a_template_and_ends_without_a_slash(UNUSED void **state)
{
	static const char *const cases[][3] = {
		{ "https://{{host}}", "https://models.example",
		    "https://models.example:443" },
		{ "http://{{host}}:8080/", "http://models.example:8080",
		    "http://models.example:8080" },
		{ "http://h/{{tenant}}/v1//", "http://h/t1/v1", "http://h:80" },
		{ "http://[::1]:1/a/../b/", "http://[::1]:1/b", "http://[::1]:1" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct config *config;
		char keys[128];

		snprintf(
		    keys, sizeof(keys), "{api: openai, base_url: \"%s\"}", cases[i][0]);
		config = load_provider(keys);
		assert_string_equal(config->providers[0]->url.text, cases[i][1]);
		assert_string_equal(config->providers[0]->host, cases[i][2]);
		config_unref(config);
	}
}

static void
test_what_is_secret_in_a_base_url_is_not_shown(UNUSED void **state)
{
	struct config *config = load_provider(
	    "{api: openai, base_url: \"http://${GATHERD_TEST_HOST}/v1/${GATHERD_TEST_KEY}/\"}");
	const struct provider *provider = config->providers[0];
	struct buffer out;

	assert_string_equal(
	    provider->url.text, "http://secret-host.example/v1/s3cr3t-k3y");
	assert_string_equal(provider->shown_url, "http://***/v1/***");
	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(
	    provider->secrets, &out, "secret-host.example s3cr3t-k3y", 30);
	assert_string_equal(out.data, "*** ***");
	buffer_clear(&out);
	config_unref(config);
}

/* ---- headers ---- */

static void
test_a_key_goes_where_it_is_said_to(UNUSED void **state)
{
	struct config *config =
	    load_provider("{api: anthropic, key: k-1, key_header: authorization}");
	const struct provider_header *header =
	    find_header(config->providers[0], "authorization");

	assert_string_equal(header->value, "Bearer k-1");
	config_unref(config);

	config = load_provider("{api: openai, key: k-1, key_header: api-key}");
	header = find_header(config->providers[0], "api-key");
	assert_string_equal(header->value, "k-1");
	assert_true(header->secret);
	assert_string_equal(provider_key_header(config->providers[0]), "api-key");
	config_unref(config);
}

static void
test_headers_are_templates_and_secret_by_name_or_by_value(UNUSED void **state)
{
	struct config *config = load_provider(
	    "{api: gemini, headers: {X-Team: \"a-{{tenant}}\", "
	    "X-Goog-Api-Key: \"{{token}}\", X-Pin: \"<${GATHERD_TEST_KEY}>\", "
	    "Cookie: \"a=b\"}}");
	const struct provider *provider = config->providers[0];

	assert_int_equal(provider->sent_count, 4);
	assert_string_equal(find_header(provider, "X-Team")->shown, "a-t1");
	assert_false(find_header(provider, "X-Team")->secret);
	assert_string_equal(
	    find_header(provider, "X-Goog-Api-Key")->value, "tok-123456");
	assert_string_equal(find_header(provider, "X-Goog-Api-Key")->shown, "***");
	assert_true(find_header(provider, "X-Goog-Api-Key")->secret);
	assert_string_equal(find_header(provider, "X-Pin")->shown, "<***>");
	assert_true(find_header(provider, "X-Pin")->secret);
	assert_string_equal(find_header(provider, "Cookie")->shown, "***");
	config_unref(config);
}

static void
test_a_request_gets_the_headers_and_the_secrets(UNUSED void **state)
{
	static const char echoed[] = "key s3cr3t-k3y, proxy dXNlcjpsb25nLXBhc3M=";
	struct config *config = load_provider(
	    "{api: gemini, key: \"${GATHERD_TEST_KEY}\", headers: {X-A: b}, "
	    "proxy: \"http://user:long-pass@proxy\"}");
	struct request request;
	struct buffer out;

	request_init(&request);
	provider_add_headers(config->providers[0], &request);
	assert_int_equal(request.header_count, 2);
	assert_string_equal(request.headers[0].name, "X-A");
	assert_false(request.headers[0].secret);
	assert_string_equal(request.headers[1].name, "x-goog-api-key");
	assert_string_equal(request.headers[1].value, "s3cr3t-k3y");
	assert_true(request.headers[1].secret);
	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(request.secrets, &out, echoed, strlen(echoed));
	assert_string_equal(out.data, "key ***, proxy ***");
	buffer_clear(&out);
	request_clear(&request);
	config_unref(config);
}

/* ---- faults ---- */

static const struct {
	const char *keys;
	const char *faults; /* of what stands behind "p: " in line 2 */
} broken[] = {
	{ "{api: gemini}",
	    "2:3: error: p: key is missing: expected one such as "
	    "\"${GEMINI_API_KEY}\"\n" },
	{ "{api: openai, key: }",
	    "2:3: error: p: key is missing: expected one such as "
	    "\"${OPENAI_API_KEY}\"\n" },
	{ "{api: openai-responses, key: \"${GATHERD_TEST_UNSET:-}\"}",
	    "2:3: error: p: key is missing: expected one such as "
	    "\"${OPENAI_API_KEY}\"\n" },
	{ "{api: anthropic, headers: {X-A: b}}",
	    "2:3: error: p: key is missing: expected one such as "
	    "\"${ANTHROPIC_API_KEY}\"\n" },
	/* That is all there is to say. */
	{ "{api: gemini, key: \"${GATHERD_TEST_UNSET}\"}",
	    "2:25: error: GATHERD_TEST_UNSET is not set\n" },
	{ "{api: gemini, key: [a]}", "2:25: error: key: expected text, not a list\n" },
	{ "{api: gemini, key: a b}",
	    "2:25: error: key: a blank or control character in it\n" },
	{ "{api: gemini, key: k, headers: {X-Goog-API-Key: l}}",
	    "2:25: error: key beside the header x-goog-api-key: expected only one\n" },
	{ "{api: ollama, key: k, headers: {authorization: l}}",
	    "2:25: error: key beside the header Authorization: expected only one\n" },
	{ "{key: k}", "2:3: error: p: api is missing\n" },
	{ "{api: opneai}",
	    "2:12: error: api: expected gemini, openai, openai-responses, anthropic or "
	    "ollama (did you mean openai?)\n" },
	{ "x", "2:6: error: p: expected a map of keys\n" },
	{ "", "2:5: error: p: expected a map of keys\n" },
	{ "{api: ollama, url: x}",
	    "2:20: error: unknown key url: expected one of api, base_url, model, key, key_header, headers, api_version, max_tokens_field, extra_body, max_concurrent, adaptive, rate, price, budget, timeout, tls, proxy, ip, unix_socket, resolve, http_version, compressed\n" },
	{ "{api: ollama, base_url: models.example}",
	    "2:30: error: base_url is no absolute http(s) URL: it does not begin with http:// "
	    "or https://\n" },
	{ "{api: ollama, base_url: \"http://h/{{nope}}\"}",
	    "2:30: error: base_url: unknown name nope\n" },
	{ "{api: ollama, base_url: \"http://h/{{services.a.status}}\"}",
	    "2:30: error: base_url: services.a.status: only vars can stand here\n" },
	{ "{api: ollama, base_url: \"http://h/{{/a}}\"}",
	    "2:30: error: base_url: \"/a\" ends no section\n" },
	{ "{api: ollama, base_url: \"http://h/?a=b\"}",
	    "2:30: error: base_url: a query or fragment in it: the path of the request "
	    "follows it\n" },
	{ "{api: ollama, base_url: \"http://u:p@h/\"}",
	    "2:30: error: base_url: a user in it: that is what key and key_header are "
	    "for\n" },
	{ "{api: ollama, headers: {A: \"{{now}}\"}}",
	    "2:33: error: headers: A: now: only vars can stand here\n" },
	{ "{api: ollama, headers: {A: \"{{list}}\"}}",
	    "2:33: error: headers: A: list is neither text nor a number\n" },
	{ "{api: ollama, api_version: 1}",
	    "2:33: error: api_version: the API ollama has none\n" },
	{ "{api: gemini, key: k, api_version: v1/x}",
	    "2:41: error: api_version: expected letters, digits, -, _ and .\n" },
	{ "{api: gemini, key: k, max_tokens_field: max_tokens}",
	    "2:46: error: max_tokens_field: the API gemini has none\n" },
	{ "{api: ollama, key_header: \"a b\"}",
	    "2:32: error: key_header: expected a header's name: letters, digits and "
	    "!#$%&'*+.^_`|~-\n" },
	{ "{api: ollama, budget: {tokens: 1}}",
	    "2:20: error: budget: per is missing\n" },
	{ "{api: ollama, budget: {per: 1d}}",
	    "2:28: error: budget: expected tokens or cost\n" },
	{ "{api: ollama, budget: {tokens: 1, cost: 1, per: 1d}}",
	    "2:46: error: budget: cost beside tokens: expected only one\n" },
	{ "{api: ollama, budget: {tokens: 0, per: 1d}}",
	    "2:37: error: tokens: expected a whole number from 1 to "
	    "1000000000000000\n" },
	{ "{api: ollama, price: {input: 1, output: 1}, budget: {cost: 0, per: 1d}}",
	    "2:65: error: cost: expected a decimal number over 0 such as 1.50\n" },
	{ "{api: ollama, price: {output: 1}, budget: {cost: 1, per: 1d}}",
	    "2:3: error: p: budget: there is no price of input and output to count "
	    "by\n" },
	{ "{api: ollama, price: {input: -1, output: 1e3}}",
	    "2:35: error: input: expected a decimal number such as 0.75\n"
	    "2:47: error: output: expected a decimal number such as 0.75\n" },
	{ "{api: ollama, price: 5}", "2:27: error: price: expected a map of keys\n" },
	{ "{api: ollama, extra_body: [1]}",
	    "2:32: error: extra_body: expected a map of fields\n" },
	{ "{api: ollama, max_concurrent: 0}",
	    "2:36: error: max_concurrent: expected a whole number from 1 to "
	    "1000000\n" },
	{ "{api: ollama, timeout: 0}",
	    "2:29: error: timeout: expected a duration over 0 such as 2s or 500ms\n" },
	{ "{api: ollama, tls: {ca: nope.pem}, unix_socket: /s, proxy: \"http://p\"}",
	    "2:30: error: ca: nope.pem cannot be read: No such file or directory\n"
	    "2:54: error: unix_socket beside proxy: expected only one\n" },
};

/* EXPECTED, with the name of the file before each line; the caller's. */
static char *
in_file(const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	while (*expected != '\0') {
		size_t len = strcspn(expected, "\n") + 1;

		buffer_append_string(&out, "c.yaml:");
		buffer_append(&out, expected, len);
		expected += len;
	}
	return buffer_take(&out);
}

static void
test_what_is_wrong_is_told_at_its_place(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
		char *expected = in_file(broken[i].faults);
		char yaml[512];

		snprintf(yaml, sizeof(yaml), "providers:\n  p: %s\nvars: {list: [1]}\n",
		    broken[i].keys);
		write_file("c.yaml", yaml);
		assert_string_equal(faults_of("c.yaml"), expected);
		free(expected);
	}
}

static void
test_a_broken_variable_is_told_once(UNUSED void **state)
{
	write_file("c.yaml",
	    "vars: {host: \"${GATHERD_TEST_UNSET}\"}\n"
	    "providers:\n"
	    "  p: {api: ollama, base_url: \"http://{{host}}\", headers: {A: \"{{host}}\"}}\n");
	assert_string_equal(
	    faults_of("c.yaml"), "c.yaml:1:14: error: GATHERD_TEST_UNSET is not set\n");
}

static void
test_names_are_those_of_one_file_or_several(UNUSED void **state)
{
	struct config *config;

	write_file("a.yaml", "providers: {a: {api: ollama}}\n");
	write_file("b.yaml", "providers: {b: {api: ollama}}\n");
	write_file(
	    "c.yaml", "include: [a.yaml, b.yaml]\nproviders: {c: {api: ollama}}\n");
	config = load_good("c.yaml");
	assert_int_equal(config->provider_count, 3);
	assert_string_equal(config->providers[0]->name, "c");
	assert_string_equal(config->providers[2]->name, "b");
	assert_int_equal(config->providers[2]->index, 2);
	assert_ptr_equal(config_find_provider(config, "b"), config->providers[2]);
	assert_null(config_find_provider(config, "d"));
	config_unref(config);

	write_file("b.yaml", "providers: {a: {api: ollama}, \"\": {api: ollama}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "b.yaml:1:13: error: providers: a is already set at a.yaml:1:13\n"
	    "b.yaml:1:31: error: providers: a provider needs a name\n");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_is_not_said_has_its_default),
		CASE(test_every_key_is_taken),
		CASE(test_each_api_has_its_vendors_address_and_header),
		CASE(test_a_base_url_is_a_template_and_ends_without_a_slash),
		CASE(test_what_is_secret_in_a_base_url_is_not_shown),
		CASE(test_a_key_goes_where_it_is_said_to),
		CASE(test_headers_are_templates_and_secret_by_name_or_by_value),
		CASE(test_a_request_gets_the_headers_and_the_secrets),
		CASE(test_what_is_wrong_is_told_at_its_place),
		CASE(test_a_broken_variable_is_told_once),
		CASE(test_names_are_those_of_one_file_or_several),
	};

	setenv("GATHERD_TEST_KEY", "s3cr3t-k3y", 1);
	setenv("GATHERD_TEST_HOST", "Secret-Host.example", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
