#include "diff_stage.h"

#include <time.h>

#include "config/keys.h"

/* ---- keys ---- */

/* Two values of each key of a service that differ, and what comes of that. */
struct sample {
	const char *key;
	const char *before;
	const char *after;
	enum target_change change;
};

static const struct sample samples[] = {
	{ "url", "http://a/", "http://a/x", TARGET_CHANGED },
	{ "headers", "{X: y}", "{X: z}", TARGET_CHANGED },
	{ "method", "PUT", "PATCH", TARGET_CHANGED },
	{ "body", "x", "y", TARGET_CHANGED },
	{ "json", "{a: 1}", "{a: '1'}", TARGET_CHANGED },
	{ "form", "{a: b}", "{a: c}", TARGET_CHANGED },
	{ "auth", "{bearer: x}", "{bearer: y}", TARGET_CHANGED },
	{ "tls", "{verify: true}", "{verify: false}", TARGET_CHANGED },
	{ "proxy", "http://p:1", "http://p:2", TARGET_CHANGED },
	{ "ip", "4", "6", TARGET_CHANGED },
	{ "unix_socket", "/a", "/b", TARGET_CHANGED },
	{ "resolve", "{a: 1.1.1.1}", "{a: 1.1.1.2}", TARGET_CHANGED },
	{ "http_version", "2", "1.1", TARGET_CHANGED },
	{ "compressed", "true", "false", TARGET_CHANGED },
	{ "delay", "1s", "2s", TARGET_CHANGED },
	{ "retries", "1", "2", TARGET_CHANGED },
	{ "retry_delay", "1s", "2s", TARGET_CHANGED },
	{ "retry_unsafe", "true", "false", TARGET_CHANGED },
	{ "backoff", "1m", "2m", TARGET_CHANGED },
	{ "expect", "{json: {/a: 1}}", "{json: {/a: 2}}", TARGET_CHANGED },
	{ "warn", "{duration: {maximum: 1s}}", "{duration: {maximum: 2s}}",
	    TARGET_CHANGED },
	{ "extract", "{a: /b}", "{a: /c}", TARGET_CHANGED },
	{ "interval", "31s", "32s", TARGET_RETIMED },
	{ "timeout", "1s", "1001ms", TARGET_CHANGED },
	{ "connect_timeout", "1s", "2s", TARGET_CHANGED },
	{ "deadline", "9s", "10s", TARGET_CHANGED },
	{ "format", "json", "text", TARGET_CHANGED },
	{ "max_body", "1MiB", "1MB", TARGET_CHANGED },
	{ "max_depth", "27", "28", TARGET_CHANGED },
	{ "redirects", "0", "1", TARGET_CHANGED },
	{ "data", "true", "false", TARGET_CHANGED },
	{ "keep_last", "false", "true", TARGET_CHANGED },
	{ "reuse", "true", "false", TARGET_CHANGED },
	{ "required", "true", "false", TARGET_CHANGED },
	{ "group", "g", "h", TARGET_CHANGED },
	{ "description", "d", "D", TARGET_CHANGED },
	{ "labels", "{a: b}", "{a: c}", TARGET_CHANGED },
	/* What is disabled is no target at all. */
	{ "enabled", "false", "true", TARGET_ADDED },
};

static const struct sample *
sample_of(const struct key *key)
{
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		if (strcmp(samples[i].key, key->name) == 0)
			return &samples[i];
	}
	fail_msg("no sample for %s: give it one", key->name);
	return NULL;
}

static char *
with_key(const struct key *key, const char *value)
{
	if (strcmp(key->name, "url") == 0)
		return xasprintf("services: {a: %s}\n", value);
	return xasprintf("services: {a: {url: http://a, %s: %s}}\n", key->name, value);
}

static char *
with_default(const struct key *key, const char *value)
{
	return xasprintf(
	    "defaults: {%s: %s}\nservices: {a: http://a}\n", key->name, value);
}

/* MAKE makes the config with a value of a key. */
static void
assert_all_count(
    unsigned without, char *(*make)(const struct key *key, const char *value))
{
	for (size_t i = 0; i < service_keys.count; i++) {
		const struct key *key = &service_keys.keys[i];
		const struct sample *sample;
		char *before, *after;

		/* What names other services, or makes several, has a test of its own. */
		if ((key->flags & without) != 0 || strcmp(key->name, "needs") == 0 ||
		    strcmp(key->name, "for_each") == 0)
			continue;
		sample = sample_of(key);
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
test_every_key_of_a_service_counts(UNUSED void **state)
{
	assert_all_count(0, with_key);
}

static void
test_every_key_of_defaults_counts(UNUSED void **state)
{
	assert_all_count(KEY_OWN_ONLY, with_default);
}

static void
test_what_the_file_says_counts_where_it_holds(UNUSED void **state)
{
	static const char own[] = "services: {a: {url: http://a, interval: 9s, "
	                          "timeout: 2s, connect_timeout: 1s}}\n";

	assert_int_equal(change_of("services: {a: http://a}\n",
	                     "timeout: 6s\nservices: {a: http://a}\n"),
	    TARGET_CHANGED);
	assert_int_equal(change_of("services: {a: http://a}\n",
	                     "connect_timeout: 2s\nservices: {a: http://a}\n"),
	    TARGET_CHANGED);
	assert_int_equal(change_of("services: {a: http://a}\n",
	                     "interval: 29s\nservices: {a: http://a}\n"),
	    TARGET_RETIMED);
	write_file("own.yaml", own);
	assert_int_equal(change_of("include: own.yaml\n",
	                     "include: own.yaml\ninterval: 1m\ntimeout: 6s\n"
	                     "connect_timeout: 5s\nmax_concurrent: 9\nspread: 1s\n"
	                     "align: true\npublish_after: 0\nlog: {level: debug}\n"
	                     "output: {sync: false}\n"),
	    TARGET_SAME);
}

static void
test_what_is_said_and_what_is_taken_by_default_is_the_same(UNUSED void **state)
{
	assert_int_equal(
	    change_of("services: {a: http://a}\n",
	        "defaults: {redirects: 5}\ninterval: 30\n"
	        "services: {a: {url: \"http://a\", timeout: 5000ms, deadline: 30s, "
	        "max_body: 1024KiB, data: yes, labels: {}, group: \"\"}}\n"),
	    TARGET_SAME);
}

static void
test_a_deadline_counts_as_it_was_said(UNUSED void **state)
{
	/* Made from the interval, it follows that. */
	assert_int_equal(change_of("interval: 10s\nservices: {a: http://a}\n",
	                     "interval: 20s\nservices: {a: http://a}\n"),
	    TARGET_RETIMED);
	assert_int_equal(
	    change_of("interval: 10s\nservices: {a: {url: http://a, deadline: 10s}}\n",
	        "interval: 20s\nservices: {a: {url: http://a, deadline: 10s}}\n"),
	    TARGET_RETIMED);
	assert_int_equal(
	    change_of("interval: 10s\nservices: {a: {url: http://a, deadline: 10s}}\n",
	        "interval: 20s\nservices: {a: http://a}\n"),
	    TARGET_CHANGED);
	assert_int_equal(change_of("services: {a: {url: http://a, deadline: 10s}}\n",
	                     "services: {a: http://a}\n"),
	    TARGET_CHANGED);
}

static void
test_names_and_order_of_headers_and_labels_count(UNUSED void **state)
{
	static const char *const keys[] = { "headers", "labels" };
	static const char *const others[] = { "{A: x}", "{a: x, B: y}", "{B: y, A: x}",
		"{A: x, B: y, C: z}", "{A: x, C: y}" };

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		const struct key *key = keys_find(&service_keys, keys[i]);
		char *before = with_key(key, "{A: x, B: y}");

		for (size_t j = 0; j < ARRAY_COUNT(others); j++) {
			char *after = with_key(key, others[j]);

			assert_int_equal(change_of(before, after), TARGET_CHANGED);
			free(after);
		}
		free(before);
	}
}

static void
test_what_is_in_auth_and_tls_counts(UNUSED void **state)
{
	static const char *const pairs[][3] = {
		{ "auth", "{basic: {user: u, password: p}}",
		    "{basic: {user: u, password: q}}" },
		{ "auth", "{digest: {user: u, password: p}}",
		    "{basic: {user: u, password: p}}" },
		{ "auth",
		    "{oauth2: {token_url: \"http://t\", client_id: i, client_secret: s}}",
		    "{oauth2: {token_url: \"http://t\", client_id: i, client_secret: t}}" },
		{ "auth",
		    "{oauth2: {token_url: \"http://t\", client_id: i, client_secret: s}}",
		    "{oauth2: {token_url: \"http://t\", client_id: i, client_secret: s, "
		    "scope: x}}" },
		{ "auth",
		    "{oauth2: {token_url: \"http://t\", client_id: i, client_secret: s}}",
		    "{oauth2: {token_url: \"http://t\", client_id: i, client_secret: s, "
		    "client_auth: body}}" },
		{ "tls", "{min_version: 1.2}", "{min_version: 1.3}" },
		{ "tls", "{server_name: a}", "{server_name: b}" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		const struct key *key = keys_find(&service_keys, pairs[i][0]);
		char *before = with_key(key, pairs[i][1]);
		char *after = with_key(key, pairs[i][2]);

		assert_int_equal(change_of(before, after), TARGET_CHANGED);
		assert_int_equal(change_of(before, before), TARGET_SAME);
		free(before);
		free(after);
	}
}

/* ---- values from outside ---- */

static void
test_a_secret_that_changed_behind_its_file_counts(UNUSED void **state)
{
	static const char *const configs[] = {
		"services: {a: \"http://a/${file:key}\"}\n",
		"services: {a: {url: http://a, headers: {X-Key: \"${file:key}\"}}}\n",
		"defaults: {labels: {k: \"${file:key}\"}}\nservices: {a: http://a}\n",
		"services: {a: \"http://a/{{k.l.1}}\"}\nvars: {k: {l: [1, \"${file:key}\"]}}",
	};

	for (size_t i = 0; i < ARRAY_COUNT(configs); i++) {
		struct config_diff diff;
		struct config *before, *after, *again;

		write_file("key", "first-s3cret\n");
		before = load_text(configs[i]);
		write_file("key", "other-s3cret\n");
		after = load_text(configs[i]);
		again = load_text(configs[i]);
		config_diff_init(&diff, before, after);
		assert_int_equal(diff.changes[0], TARGET_CHANGED);
		config_diff_clear(&diff);
		config_diff_init(&diff, after, again);
		assert_int_equal(diff.changes[0], TARGET_SAME);
		config_diff_clear(&diff);
		config_unref(before);
		config_unref(after);
		config_unref(again);
	}
}

static void
test_what_is_secret_now_was_changed(UNUSED void **state)
{
	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	assert_int_equal(change_of("services: {a: \"http://a/pa55word\"}\n",
	                     "services: {a: \"http://a/${GATHERD_TEST_WORD}\"}\n"),
	    TARGET_CHANGED);
	assert_int_equal(
	    change_of("services: {a: \"http://a/${plain:GATHERD_TEST_WORD}\"}\n",
	        "services: {a: \"http://a/${GATHERD_TEST_WORD}\"}\n"),
	    TARGET_CHANGED);
	/* Where the same value came from does not matter. */
	write_file("key", "pa55word");
	assert_int_equal(change_of("services: {a: \"http://a/${file:key}\"}\n",
	                     "services: {a: \"http://a/${GATHERD_TEST_WORD}\"}\n"),
	    TARGET_SAME);
}

/* ---- which targets there are ---- */

static void
test_targets_are_compared_by_name_whatever_their_order(UNUSED void **state)
{
	struct both both;

	compare(&both,
	    "services: {x: http://x, b: http://b, c: http://c, d: http://d, e: http://e}\n",
	    "services: {new: http://n, e: http://e, c: http://cc,\n"
	    "  d: {url: http://d, enabled: false}, b: {url: http://b, interval: 1s}}\n");
	assert_int_equal(both.diff.changes[0], TARGET_ADDED);
	assert_int_equal(both.diff.changes[1], TARGET_SAME);
	assert_int_equal(both.diff.changes[2], TARGET_CHANGED);
	assert_int_equal(both.diff.changes[3], TARGET_RETIMED);
	for (size_t i = 0; i <= TARGET_ADDED; i++)
		assert_int_equal(both.diff.counts[i], 1);
	assert_int_equal(both.diff.dropped_count, 2);
	assert_int_equal(both.diff.dropped[0], 0);
	assert_int_equal(both.diff.dropped[1], 3);
	forget(&both);
}

static void
test_what_is_enabled_again_is_added(UNUSED void **state)
{
	assert_int_equal(change_of("services: {a: {url: http://a, enabled: no}}\n",
	                     "services: {a: http://a}\n"),
	    TARGET_ADDED);
}

static void
test_configs_without_targets_can_be_compared(UNUSED void **state)
{
	struct both both;

	compare(&both, "", "vars: {a: 1}\n");
	assert_int_equal(both.diff.dropped_count, 0);
	forget(&both);
	compare(&both, "services: {a: http://a}\n", "");
	assert_int_equal(both.diff.dropped_count, 1);
	assert_int_equal(both.diff.counts[TARGET_ADDED], 0);
	forget(&both);
}

/* ---- many ---- */

#define MANY 10000

static char *
many_services(int changed)
{
	struct buffer yaml;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_format(&yaml, "vars:\n  v: %d\n  large: [", changed);
	for (int i = 0; i < MANY; i++)
		buffer_append_format(&yaml, "%d, ", i);
	buffer_append_string(&yaml,
	    "]\ndefaults: {headers: {Accept: a/b, X: y}}\n"
	    "services:\n");
	for (int i = 0; i < MANY; i++)
		buffer_append_format(&yaml, "  service-%d: \"http://a/%d/{{%s.%d}}\"\n",
		    i, i, "large", i);
	return buffer_take(&yaml);
}

static void
test_many_targets_are_compared_soon(UNUSED void **state)
{
	char *first = many_services(1);
	char *second = many_services(2);
	struct config_diff diff;
	struct both both;
	clock_t begun;

	compare(&both, first, second);
	begun = clock();
	config_diff_init(&diff, both.before, both.after);
	/* Some ms; a comparison of each with each would take minutes. */
	assert_true(clock() - begun < 2 * CLOCKS_PER_SEC);
	print_message("%d targets in %ld us\n", MANY,
	    (long)((clock() - begun) * 1000000 / CLOCKS_PER_SEC));
	assert_int_equal(diff.counts[TARGET_SAME], MANY);
	config_diff_clear(&diff);
	forget(&both);
	free(first);
	free(second);
}

#define NAMING 8000

/* Many targets that name a list of COUNT items in the variable that CHANGED stands in. */
static char *
services_that_name_a_list(size_t count, int changed)
{
	struct buffer yaml;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_format(&yaml, "vars:\n  v: {w: %d, list: [", changed);
	for (size_t i = 0; i < count; i++)
		buffer_append_format(&yaml, "%zu, ", i);
	buffer_append_string(&yaml, "]}\nservices:\n");
	for (int i = 0; i < NAMING; i++)
		buffer_append_format(&yaml,
		    "  service-%d: \"http://a/%d/{{^v.list}}x{{/v.list}}\"\n", i, i);
	return buffer_take(&yaml);
}

static clock_t
time_of_lists(size_t count)
{
	char *first = services_that_name_a_list(count, 1);
	char *second = services_that_name_a_list(count, 2);
	struct config_diff diff;
	struct both both;
	clock_t begun;

	compare(&both, first, second);
	begun = clock();
	config_diff_init(&diff, both.before, both.after);
	begun = clock() - begun;
	assert_int_equal(diff.counts[TARGET_SAME], NAMING);
	config_diff_clear(&diff);
	forget(&both);
	free(first);
	free(second);
	return begun;
}

static void
test_a_long_list_is_compared_once_for_all_who_name_it(UNUSED void **state)
{
	clock_t short_one = time_of_lists(40);
	clock_t long_one = time_of_lists(40000);

	print_message("%d targets: %ld us with a short list, %ld us with a long one\n",
	    NAMING, (long)(short_one * 1000000 / CLOCKS_PER_SEC),
	    (long)(long_one * 1000000 / CLOCKS_PER_SEC));
	assert_true(long_one < 5 * short_one + CLOCKS_PER_SEC / 20);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_every_key_of_a_service_counts),
		CASE(test_every_key_of_defaults_counts),
		CASE(test_what_the_file_says_counts_where_it_holds),
		CASE(test_what_is_said_and_what_is_taken_by_default_is_the_same),
		CASE(test_a_deadline_counts_as_it_was_said),
		CASE(test_names_and_order_of_headers_and_labels_count),
		CASE(test_a_secret_that_changed_behind_its_file_counts),
		CASE(test_what_is_secret_now_was_changed),
		CASE(test_what_is_in_auth_and_tls_counts),
		CASE(test_targets_are_compared_by_name_whatever_their_order),
		CASE(test_what_is_enabled_again_is_added),
		CASE(test_configs_without_targets_can_be_compared),
		CASE(test_many_targets_are_compared_soon),
		CASE(test_a_long_list_is_compared_once_for_all_who_name_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
