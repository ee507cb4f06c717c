#include "config_files.h"

#include <sys/resource.h>

#include "config/check.h"

/* The warnings about YAML, until the next call. */
static const char *
warnings_of(const char *yaml, mode_t mode)
{
	struct faults *faults = faults_new();
	struct config *config;
	const char *lines;

	write_file("c.yaml", yaml);
	assert_int_equal(chmod("c.yaml", mode), 0);
	config = config_load("c.yaml", NULL, 0, faults);
	assert_non_null(config);
	config_check(config, faults);
	assert_int_equal(faults_error_count(faults), 0);
	lines = lines_of(faults);
	config_unref(config);
	faults_free(faults);
	return lines;
}

static void
test_a_good_config_is_passed_in_silence(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of(
	        "vars: {a: {b: [{c: 1}]}, url: \"http://h\"}\n"
	        "services:\n"
	        "  s:\n"
	        "    url: http://u:${GATHERD_TEST_WORD}@h/{{#a}}{{#b}}{{c}}{{/b}}{{/a}}\n"
	        "    headers: {Authorization: \"Bearer ${GATHERD_TEST_WORD}\"}\n",
	        0644),
	    "");
}

static const char literal_secrets[] = "vars: {base: \"https://u:p@h\", token: abc}\n"
                                      "services:\n"
                                      "  a: http://u:p@h/\n"
                                      "  b:\n"
                                      "    url: \"{{{base}}}/\"\n"
                                      "    headers:\n"
                                      "      Authorization: Bearer {{token}}\n"
                                      "      cookie: a=b\n"
                                      "  c: {url: http://h, enabled: false, headers: "
                                      "{Authorization: x}}\n";

static void
test_literal_secrets_in_a_readable_file_are_told(UNUSED void **state)
{
#define TEXT                                                                    \
	": a secret stands here literally, and everybody may read c.yaml: use " \
	"${file:PATH} or ${NAME}\n"
	assert_string_equal(warnings_of(literal_secrets, 0644),
	    "c.yaml:1:14: warning: base" TEXT "c.yaml:1:38: warning: token" TEXT
	    "c.yaml:3:6: warning: url" TEXT "c.yaml:8:15: warning: headers: cookie" TEXT
	    "c.yaml:9:63: warning: headers: Authorization" TEXT);
#undef TEXT
}

static void
test_literal_secrets_in_a_file_of_ones_own_are_not_told(UNUSED void **state)
{
	assert_string_equal(warnings_of(literal_secrets, 0640), "");
}

static void
test_a_timeout_over_the_interval_is_told(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of("interval: 5s\nservices:\n"
	                "  a: http://a\n"
	                "  b: {url: http://a, timeout: 6s}\n"
	                "  c: {url: http://a, interval: 1s, enabled: no}\n",
	        0600),
	    "c.yaml:4:3: warning: b: its timeout of 6s is longer than its interval of 5s\n"
	    "c.yaml:5:3: warning: c: its timeout of 5s is longer than its interval of "
	    "1s\n");
}

static void
test_a_spread_over_an_interval_is_told_once(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of("interval: 1s\nspread: 31s\nservices:\n"
	                "  a: {url: http://a, interval: 30s}\n"
	                "  b: {url: http://a, interval: 10s}\n"
	                "  c: {url: http://a, interval: 10s}\n"
	                "  d: {url: http://a, interval: 31s}\n"
	                "  e: {url: http://a, interval: 5s, enabled: no}\n",
	        0600),
	    "c.yaml:2:9: warning: spread: 31s is longer than the shortest interval, 10s: "
	    "what has a shorter interval than the spread begins within that\n");
	assert_string_equal(
	    warnings_of("interval: 30s\nspread: 30s\nservices: {a: http://a}\n", 0600),
	    "");
}

static void
test_a_config_without_a_service_is_told(UNUSED void **state)
{
	assert_string_equal(warnings_of("timeout: 1s\n", 0600),
	    "c.yaml:1:1: warning: no services or prompts: nothing is asked\n");
	assert_string_equal(warnings_of("timeout: 1s\nservices: {}\n", 0600),
	    "c.yaml:2:11: warning: no services or prompts: nothing is asked\n");
	assert_string_equal(
	    warnings_of("services: {a: {url: http://a, enabled: no}}\n", 0600),
	    "c.yaml:1:11: warning: no enabled services or prompts: nothing is asked\n");
}

static void
test_more_attempts_than_descriptors_are_told(UNUSED void **state)
{
	struct rlimit limit = { .rlim_cur = 500, .rlim_max = 500 };
	char yaml[96];
	char expected[160];
	long allowed;

	/* valgrind does not let it be lowered. */
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max > 1000000)
		skip();
	allowed = (long)limit.rlim_max - 64;

	snprintf(yaml, sizeof(yaml),
	    "timeout: 1s\nmax_concurrent: %ld\nservices: {a: http://a}\n", allowed + 1);
	snprintf(expected, sizeof(expected),
	    "c.yaml:2:17: warning: max_concurrent: %ld is more than the %ld that the "
	    "limit of open files allows\n",
	    allowed + 1, allowed);
	assert_string_equal(warnings_of(yaml, 0600), expected);
	snprintf(yaml, sizeof(yaml), "max_concurrent: %ld\nservices: {a: http://a}\n",
	    allowed);
	assert_string_equal(warnings_of(yaml, 0600), "");

	/* The default can be too much as well. */
	if (allowed == 436)
		assert_string_equal(warnings_of("services: {a: http://a}\n", 0600),
		    "c.yaml:1:1: warning: max_concurrent: 512 is more than the 436 that "
		    "the limit of open files allows\n");
}

static void
test_names_in_sections_that_match_nothing_are_told(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of(
	        "vars: {list: [{name: x}]}\n"
	        "services:\n"
	        "  a: \"http://a/{{#list}}{{name}}{{nmae}}{{now}}{{list.0.name}}"
	        "{{/list}}\"\n"
	        "  b: {url: http://a, headers: {X: \"{{^lst}}none{{/lst}}\"}}\n",
	        0600),
	    "c.yaml:3:6: warning: url: nmae in a section can match nothing: there is no "
	    "\"nmae\" anywhere in vars\n"
	    "c.yaml:4:35: warning: headers: X: lst in a section can match nothing: there is no "
	    "\"lst\" anywhere in vars\n");
}

static void
test_literal_secrets_of_auth_and_proxy_are_told(UNUSED void **state)
{
#define TEXT                                                                    \
	": a secret stands here literally, and everybody may read c.yaml: use " \
	"${file:PATH} or ${NAME}\n"
	assert_string_equal(
	    warnings_of("vars: {pw: abc}\n"
	                "services:\n"
	                "  a:\n"
	                "    url: http://a\n"
	                "    auth: {bearer: abc}\n"
	                "  b:\n"
	                "    url: http://b\n"
	                "    auth: {basic: {user: \"${GATHERD_TEST_WORD}\", "
	                "password: \"{{pw}}\"}}\n"
	                "    proxy: http://u:p@proxy:81\n"
	                "  \"c{{k.n}}\":\n"
	                "    for_each: {k: [{n: 1, t: tok1}, {n: 2, t: "
	                "\"${GATHERD_TEST_WORD}\"}]}\n"
	                "    url: http://c/\n"
	                "    headers: {Authorization: \"Bearer {{k.t}}\"}\n"
	                "  d:\n"
	                "    url: http://d\n"
	                "    auth:\n"
	                "      oauth2: {token_url: \"http://t\", client_id: "
	                "\"${GATHERD_TEST_WORD}\", client_secret: hush}\n",
	        0644),
	    "c.yaml:1:12: warning: pw" TEXT "c.yaml:5:20: warning: auth.bearer" TEXT
	    "c.yaml:9:12: warning: proxy" TEXT /* All that is in a variable is as secret as what is used of it. */
	    "c.yaml:11:24: warning: k" TEXT "c.yaml:11:30: warning: k" TEXT
	    "c.yaml:11:41: warning: k" TEXT
	    "c.yaml:17:89: warning: auth.oauth2.client_secret" TEXT);
#undef TEXT
}

static void
test_times_that_do_not_fit_are_told(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of("interval: 30s\ntimeout: 2s\nservices:\n"
	                "  a: {url: http://a, retries: 3, deadline: 7s}\n"
	                "  b: {url: http://b, retries: 3, deadline: 8s}\n"
	                "  c: {url: http://c, deadline: 1s}\n"
	                "  d: {url: http://d, backoff: 30s}\n"
	                "  e: {url: http://e, backoff: 31s}\n"
	                "  f: {url: http://f, delay: 31s}\n"
	                "  g: {url: http://g, retries: 100}\n",
	        0600),
	    "c.yaml:4:3: warning: a: its deadline of 7s has no room for 4 attempts of up to "
	    "2s each\n"
	    "c.yaml:6:3: warning: c: its timeout of 2s is longer than its deadline of 1s\n"
	    "c.yaml:7:3: warning: d: its backoff of 30s is not longer than its interval of "
	    "30s: it does nothing\n"
	    "c.yaml:9:3: warning: f: its delay of 31s is longer than its interval of 30s\n");
}

static void
test_a_certificate_that_is_not_verified_is_told(UNUSED void **state)
{
	assert_string_equal(warnings_of("defaults: {tls: {verify: false}}\nservices:\n"
	                                "  a: https://a\n"
	                                "  b: http://b\n"
	                                "  c: {url: https://c, tls: {verify: true}}\n",
	                        0600),
	    "c.yaml:3:3: warning: a: the server's certificate is not verified "
	    "(tls.verify)\n");
}

static void
test_what_one_definition_says_is_told_once(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of("services:\n"
	                "  \"s{{r}}\": {for_each: {r: [1, 2, 3]}, timeout: 1m, "
	                "url: \"https://u:p@h/{{r}}\"}\n",
	        0644),
	    "c.yaml:2:3: warning: s{{r}}: its timeout of 1m is longer than its interval of "
	    "30s\n"
	    "c.yaml:2:58: warning: url: a secret stands here literally, and everybody may "
	    "read c.yaml: use ${file:PATH} or ${NAME}\n");
}

static void
test_limits_that_do_nothing_or_too_much_are_told(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of("interval: 10s\nmax_concurrent: 10\nmax_per_host: 11\n"
	                "rate_per_host: 12/min\nservices:\n"
	                "  a: http://h/a\n"
	                "  b: {url: \"http://h/b\", interval: 5s, timeout: 1s}\n"
	                "  c: http://other\n",
	        0600),
	    "c.yaml:2:17: warning: max_per_host: 11 is more than max_concurrent, 10: it does "
	    "nothing\n"
	    "c.yaml:6:3: warning: rate_per_host: 2 services of http://h:80 would start 0.3 "
	    "times a second, and 0.2 are allowed: turns will be skipped\n");
}

static void
test_a_name_like_a_template_is_told(UNUSED void **state)
{
	assert_string_equal(warnings_of("services: {\"s{{r}}\": http://h}\n", 0600),
	    "c.yaml:1:12: warning: s{{r}}: without for_each a name is taken as it stands\n");
}

static void
test_names_of_the_state_in_sections_are_looked_at(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of(
	        "services:\n"
	        "  l: {url: http://l, extract: {t: /t}}\n"
	        "  a: http://a/{{#services.l.data.list}}{{anything}}{{/services.l.data.list}}\n"
	        "  b: http://b/{{#services.x}}{{y}}{{/services.x}}\n"
	        "  c: http://c/{{#targets}}{{name}}{{/targets}}\n"
	        "  d: http://d/{{^failed}}{{nmae}}{{/failed}}\n"
	        "  \"e{{k}}\": {for_each: {k: [1]}, url: \"http://e/{{#k}}{{k}}{{/k}}\"}\n",
	        0600),
	    "c.yaml:4:6: warning: url: services.x in a section can match nothing: no enabled "
	    "service is called x\n");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_good_config_is_passed_in_silence),
		CASE(test_literal_secrets_in_a_readable_file_are_told),
		CASE(test_literal_secrets_in_a_file_of_ones_own_are_not_told),
		CASE(test_a_timeout_over_the_interval_is_told),
		CASE(test_a_spread_over_an_interval_is_told_once),
		CASE(test_a_config_without_a_service_is_told),
		CASE(test_names_in_sections_that_match_nothing_are_told),
		CASE(test_literal_secrets_of_auth_and_proxy_are_told),
		CASE(test_times_that_do_not_fit_are_told),
		CASE(test_a_certificate_that_is_not_verified_is_told),
		CASE(test_what_one_definition_says_is_told_once),
		CASE(test_limits_that_do_nothing_or_too_much_are_told),
		CASE(test_a_name_like_a_template_is_told),
		CASE(test_names_of_the_state_in_sections_are_looked_at),
		/* The last one: the limit cannot be raised again. */
		CASE(test_more_attempts_than_descriptors_are_told),
	};

	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
