/*
 * What is different between the prompts of two configs, and their providers.
 */
#include "diff_stage.h"

#include "config/keys.h"

/* Two values of a key that differ, and what comes of that. */
struct sample {
	const char *key;
	const char *before;
	const char *after;
	enum target_change change;
};

static const struct sample prompt_samples[] = {
	{ "provider", "p", "q", TARGET_CHANGED },
	{ "model", "m", "n", TARGET_CHANGED },
	{ "prompt", "x", "y", TARGET_CHANGED },
	{ "system", "x", "y", TARGET_CHANGED },
	/* The text is sent as it is written. */
	{ "temperature", "0.5", "0.50", TARGET_CHANGED },
	{ "top_p", "0.5", "1", TARGET_CHANGED },
	{ "max_tokens", "10", "11", TARGET_CHANGED },
	{ "stop", "[a, b]", "[b, a]", TARGET_CHANGED },
	{ "seed", "1", "2", TARGET_CHANGED },
	{ "format", "text", "json", TARGET_CHANGED },
	{ "schema", "{type: object}", "{type: array}", TARGET_CHANGED },
	{ "extra_body", "{a: 1}", "{a: 2}", TARGET_CHANGED },
	{ "when", "always", "changed", TARGET_CHANGED },
	{ "budget", "{tokens: 1, per: 1d}", "{tokens: 1, per: 2d}", TARGET_CHANGED },
	{ "store_prompt", "full", "hash", TARGET_CHANGED },
	{ "max_insert", "1KiB", "1kB", TARGET_CHANGED },
	{ "fence", "true", "false", TARGET_CHANGED },
	{ "interval", "1m", "2m", TARGET_RETIMED },
	{ "timeout", "1s", "2s", TARGET_CHANGED },
	{ "connect_timeout", "1s", "2s", TARGET_CHANGED },
	{ "delay", "1s", "2s", TARGET_CHANGED },
	{ "retries", "1", "2", TARGET_CHANGED },
	{ "retry_delay", "1s", "2s", TARGET_CHANGED },
	{ "deadline", "9s", "10s", TARGET_CHANGED },
	{ "backoff", "1m", "2m", TARGET_CHANGED },
	{ "max_body", "1MiB", "1MB", TARGET_CHANGED },
	{ "max_depth", "27", "28", TARGET_CHANGED },
	{ "expect", "{body: x}", "{body: y}", TARGET_CHANGED },
	{ "warn", "{body: x}", "{body: y}", TARGET_CHANGED },
	{ "extract", "{a: /b}", "{a: /c}", TARGET_CHANGED },
	{ "keep_last", "false", "true", TARGET_CHANGED },
	{ "required", "true", "false", TARGET_CHANGED },
	{ "group", "g", "h", TARGET_CHANGED },
	{ "description", "d", "D", TARGET_CHANGED },
	{ "labels", "{a: b}", "{a: c}", TARGET_CHANGED },
	{ "enabled", "false", "true", TARGET_ADDED },
};

static const struct sample provider_samples[] = {
	{ "api", "openai", "ollama", TARGET_CHANGED },
	{ "base_url", "http://a/", "http://a/x", TARGET_CHANGED },
	{ "model", "m", "n", TARGET_CHANGED },
	{ "key", "k", "l", TARGET_CHANGED },
	{ "key_header", "X-A", "X-B", TARGET_CHANGED },
	{ "headers", "{A: b}", "{A: c}", TARGET_CHANGED },
	{ "api_version", "v1", "v2", TARGET_CHANGED },
	{ "max_tokens_field", "a", "b", TARGET_CHANGED },
	{ "extra_body", "{a: 1}", "{a: \"1\"}", TARGET_CHANGED },
	/* Nobody is asked anew for another limit. */
	{ "max_concurrent", "5", "6", TARGET_SAME },
	{ "adaptive", "true", "false", TARGET_SAME },
	{ "rate", "60/min", "61/min", TARGET_SAME },
	{ "price", "{input: 1}", "{input: 2}", TARGET_SAME },
	{ "budget", "{tokens: 1, per: 1d}", "{tokens: 2, per: 1d}", TARGET_SAME },
	{ "timeout", "1s", "2s", TARGET_CHANGED },
	{ "tls", "{verify: true}", "{verify: false}", TARGET_CHANGED },
	{ "proxy", "http://p:1", "http://p:2", TARGET_CHANGED },
	{ "ip", "4", "6", TARGET_CHANGED },
	{ "unix_socket", "/a", "/b", TARGET_CHANGED },
	{ "resolve", "{a: 1.1.1.1}", "{a: 1.1.1.2}", TARGET_CHANGED },
	{ "http_version", "2", "1.1", TARGET_CHANGED },
	{ "compressed", "true", "false", TARGET_CHANGED },
};

static const struct sample *
find_sample(const struct sample *samples, size_t count, const struct key *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(samples[i].key, key->name) == 0)
			return &samples[i];
	}
	fail_msg("no sample for %s: give it one", key->name);
	return NULL;
}

/* A config with a prompt that says VALUE of KEY ... */
static char *
with_key(const struct key *key, const char *value)
{
	return xasprintf("providers: {p: {api: openai, key: k}, q: {api: openai, key: "
	                 "k}}\nprompts: {a: {%s%s%s: %s}}\n",
	    strcmp(key->name, "provider") != 0 ? "provider: p, " : "",
	    strcmp(key->name, "model") == 0        ? "prompt: x, "
	        : strcmp(key->name, "prompt") == 0 ? "model: m, "
	                                           : "model: m, prompt: x, ",
	    key->name, value);
}

/* ... or whose provider does. Which API that is depends on what it has. */
static char *
with_provider_key(const struct key *key, const char *value)
{
	bool is_api = strcmp(key->name, "api") == 0;
	const char *api = strcmp(key->name, "api_version") == 0 ? "gemini" : "openai";

	return xasprintf("providers: {p: {%s%s%s%s%s: %s}}\n"
	                 "prompts: {a: {model: m, prompt: x}}\n",
	    is_api ? "" : "api: ", is_api ? "" : api, is_api ? "" : ", ",
	    strcmp(key->name, "key") != 0 ? "key: k, " : "", key->name, value);
}

static void
assert_all_count(const struct key_table *table, const struct sample *samples,
    size_t count, char *(*make)(const struct key *key, const char *value))
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];
		const struct sample *sample;
		char *before, *after;

		/* What names other targets, or makes several, has a test of its own. */
		if (strcmp(key->name, "needs") == 0 ||
		    strcmp(key->name, "for_each") == 0)
			continue;
		sample = find_sample(samples, count, key);
		before = make(key, sample->before);
		after = make(key, sample->after);
		print_message("%s\n", key->name);
		assert_int_equal(change_of(before, after), sample->change);
		assert_int_equal(change_of(after, after), TARGET_SAME);
		free(before);
		free(after);
	}
}

static void
test_every_key_of_a_prompt_counts(UNUSED void **state)
{
	assert_all_count(
	    &prompt_keys, prompt_samples, ARRAY_COUNT(prompt_samples), with_key);
}

static void
test_every_key_of_its_provider_counts(UNUSED void **state)
{
	assert_all_count(&provider_keys, provider_samples,
	    ARRAY_COUNT(provider_samples), with_provider_key);
}

#define OLLAMA "providers: {p: {api: ollama, model: m}}\n"

static void
test_an_interval_alone_moves_the_timer(UNUSED void **state)
{
	assert_int_equal(change_of(OLLAMA "prompts: {a: {prompt: x}}\n",
	                     "interval: 10m\n" OLLAMA "prompts: {a: {prompt: x}}\n"),
	    TARGET_RETIMED);
	assert_int_equal(change_of(OLLAMA "prompts: {a: {prompt: x}}\n",
	                     "timeout: 9s\n" OLLAMA "prompts: {a: {prompt: x}}\n"),
	    TARGET_SAME);
	assert_int_equal(
	    change_of(OLLAMA "prompts: {a: {prompt: x}}\n",
	        "connect_timeout: 9s\n" OLLAMA "prompts: {a: {prompt: x}}\n"),
	    TARGET_CHANGED);
}

static void
test_other_providers_do_not_count(UNUSED void **state)
{
	assert_int_equal(change_of("providers: {p: {api: ollama, model: m}}\n"
	                           "prompts: {a: {prompt: x}}\n",
	                     "providers: {q: {api: gemini, key: k}, p: {api: ollama, "
	                     "model: m}}\n"
	                     "prompts: {a: {provider: p, prompt: x}}\n"),
	    /* What it says itself is another thing. */
	    TARGET_CHANGED);
	assert_int_equal(
	    change_of("providers: {p: {api: ollama, model: m}, q: {api: ollama}}\n"
	              "prompts: {a: {provider: p, prompt: x}}\n",
	        "providers: {q: {api: gemini, key: k}, p: {api: ollama, model: m}}\n"
	        "prompts: {a: {provider: p, prompt: x}}\n"),
	    TARGET_SAME);
}

static void
test_the_name_of_a_provider_counts(UNUSED void **state)
{
	assert_int_equal(change_of("providers: {p: {api: ollama, model: m}}\n"
	                           "prompts: {a: {prompt: x}}\n",
	                     "providers: {q: {api: ollama, model: m}}\n"
	                     "prompts: {a: {prompt: x}}\n"),
	    TARGET_CHANGED);
}

static void
test_a_key_that_changed_behind_its_file_counts(UNUSED void **state)
{
	static const char yaml[] =
	    "providers: {p: {api: gemini, model: m, key: \"${file:key}\"}}\n"
	    "prompts: {a: {prompt: x}}\n";
	struct both both;

	write_file("key", "first-key\n");
	both.before = load_text(yaml);
	both.after = load_text(yaml);
	config_diff_init(&both.diff, both.before, both.after);
	assert_int_equal(both.diff.changes[0], TARGET_SAME);
	config_diff_clear(&both.diff);
	config_unref(both.after);

	write_file("key", "other-key\n");
	both.after = load_text(yaml);
	config_diff_init(&both.diff, both.before, both.after);
	assert_int_equal(both.diff.changes[0], TARGET_CHANGED);
	forget(&both);
}

static void
test_a_prompt_that_changed_in_its_file_counts(UNUSED void **state)
{
	static const char yaml[] = OLLAMA "prompts: {a: {prompt: {file: q}}}\n";
	struct both both;

	write_file("q", "One?");
	both.before = load_text(yaml);
	write_file("q", "Two?");
	both.after = load_text(yaml);
	config_diff_init(&both.diff, both.before, both.after);
	assert_int_equal(both.diff.changes[0], TARGET_CHANGED);
	forget(&both);

	/* Nor does it matter where the same text stands. */
	assert_int_equal(
	    change_of(yaml, OLLAMA "prompts: {a: {prompt: Two?}}\n"), TARGET_SAME);
}

static void
test_variables_count_where_a_prompt_or_its_provider_names_them(UNUSED void **state)
{
	static const char *const configs[] = {
		"providers: {p: {api: ollama, model: m}}\n"
		"prompts: {a: {prompt: \"{{v}}\"}}\n",
		"providers: {p: {api: ollama}}\n"
		"prompts: {a: {prompt: x, model: \"m{{v}}\"}}\n",
		"providers: {p: {api: ollama, model: m, base_url: \"http://h/{{v}}\"}}\n"
		"prompts: {a: {prompt: x}}\n",
		"providers: {p: {api: ollama, model: m, headers: {A: \"{{v}}\"}}}\n"
		"prompts: {a: {prompt: x}}\n",
	};

	for (size_t i = 0; i < ARRAY_COUNT(configs); i++) {
		char *before = xasprintf("vars: {v: 1, w: 1}\n%s", configs[i]);
		char *after = xasprintf("vars: {v: 2, w: 1}\n%s", configs[i]);
		char *other = xasprintf("vars: {v: 1, w: 2}\n%s", configs[i]);

		assert_int_equal(change_of(before, after), TARGET_CHANGED);
		assert_int_equal(change_of(before, other), TARGET_SAME);
		free(before);
		free(after);
		free(other);
	}
}

static void
test_a_service_that_became_a_prompt_is_changed(UNUSED void **state)
{
	assert_int_equal(change_of(OLLAMA "services: {a: http://a}\n",
	                     OLLAMA "prompts: {a: {prompt: x}}\n"),
	    TARGET_CHANGED);
	assert_int_equal(change_of(OLLAMA "prompts: {a: {prompt: x}}\n",
	                     OLLAMA "services: {a: http://a}\n"),
	    TARGET_CHANGED);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_every_key_of_a_prompt_counts),
		CASE(test_every_key_of_its_provider_counts),
		CASE(test_an_interval_alone_moves_the_timer),
		CASE(test_other_providers_do_not_count),
		CASE(test_the_name_of_a_provider_counts),
		CASE(test_a_key_that_changed_behind_its_file_counts),
		CASE(test_a_prompt_that_changed_in_its_file_counts),
		CASE(test_variables_count_where_a_prompt_or_its_provider_names_them),
		CASE(test_a_service_that_became_a_prompt_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
