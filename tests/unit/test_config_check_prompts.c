#include "config_files.h"

#include "base/xalloc.h"
#include "config/check.h"

#define PROVIDER "providers: {p: {api: ollama, model: m}}\n"

/* The warnings about YAML, until the next call. */
static const char *
warnings_of(const char *yaml, mode_t mode)
{
	struct faults *faults = faults_new();
	struct config *config;
	const char *lines;

	setenv("GATHERD_TEST_WORD", "s3cret-word", 1);
	write_file("c.yaml", yaml);
	assert_int_equal(chmod("c.yaml", mode), 0);
	config = config_load("c.yaml", NULL, 0, faults);
	assert_string_equal(config == NULL ? lines_of(faults) : "", "");
	config_check(config, faults);
	assert_int_equal(faults_error_count(faults), 0);
	lines = lines_of(faults);
	config_unref(config);
	faults_free(faults);
	return lines;
}

/* LINES of the file that TOP, keys of it, and PROMPTS make. */
static void
assert_warned(const char *top, const char *prompts, const char *lines)
{
	char *yaml = xasprintf("%sprompts:\n%s", top, prompts);

	assert_string_equal(warnings_of(yaml, 0600), lines);
	free(yaml);
}

static void
test_good_prompts_are_passed_in_silence(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of(
	        "providers:\n"
	        "  p: {api: gemini, model: m, key: \"${GATHERD_TEST_WORD}\", "
	        "rate: 1/s, headers: {X: y, Authorization: \"Basic "
	        "${GATHERD_TEST_WORD}\"}, proxy: \"http://u:${GATHERD_TEST_WORD}@h\"}\n"
	        "services: {s: http://s}\n"
	        "prompts:\n"
	        "  a: {prompt: hi}\n"
	        "  b: {prompt: \"{{services.s.data}}\", when: changed, max_tokens: "
	        "30000}\n"
	        "  c: {prompt: \"{{#prompts.a}}{{response}}{{/prompts.a}}\", when: "
	        "failing}\n",
	        0644),
	    "");
}

/* ---- secrets ---- */

static const char literal_keys[] = "providers:\n"
                                   "  a: {api: gemini, model: m, key: abc}\n"
                                   "  b:\n"
                                   "    api: openai\n"
                                   "    model: m\n"
                                   "    base_url: http://h/v1\n"
                                   "    headers: {X: y, Authorization: Bearer x}\n"
                                   "    proxy: http://u:p@proxy:3128\n"
                                   "prompts: {a: {provider: a, prompt: x}}\n";

static void
test_literal_keys_in_a_readable_file_are_told(UNUSED void **state)
{
#define TEXT                                                                    \
	": a secret stands here literally, and everybody may read c.yaml: use " \
	"${file:PATH} or ${NAME}\n"
	assert_string_equal(warnings_of(literal_keys, 0644),
	    "c.yaml:2:35: warning: key" TEXT
	    "c.yaml:7:36: warning: headers: Authorization" TEXT
	    "c.yaml:8:12: warning: proxy" TEXT);
#undef TEXT
	assert_string_equal(warnings_of(literal_keys, 0640), "");
}

/* ---- times ---- */

static void
test_a_timeout_that_was_chosen_is_told(UNUSED void **state)
{
	assert_warned("interval: 30s\n" PROVIDER,
	    "  a: {prompt: x}\n"
	    "  b: {prompt: x, timeout: 2m}\n"
	    "  c: {prompt: x, timeout: 2m, interval: 5m}\n"
	    "  d: {prompt: x, delay: 40s}\n"
	    "  e: {prompt: x, deadline: 50s}\n",
	    "c.yaml:5:3: warning: b: its timeout of 2m is longer than its interval of "
	    "30s\n"
	    "c.yaml:7:3: warning: d: its delay of 40s is longer than its interval of 30s\n"
	    "c.yaml:8:3: warning: e: its timeout of 1m is longer than its deadline of "
	    "50s\n"
	    "c.yaml:8:3: warning: e: its deadline of 50s has no room for 3 attempts of up "
	    "to 1m each\n");
}

static void
test_a_provider_has_its_own_timeout(UNUSED void **state)
{
	/* Told once for those that have it alike. */
	assert_warned("providers: {p: {api: ollama, model: m, timeout: 40s}}\n",
	    "  a: {prompt: x}\n  b: {prompt: x}\n  c: {prompt: x, interval: 35s}\n",
	    "c.yaml:3:3: warning: a: its timeout of 40s is longer than its interval of "
	    "30s\n"
	    "c.yaml:5:3: warning: c: its timeout of 40s is longer than its interval of "
	    "35s\n");
}

/* ---- when ---- */

static void
test_what_differs_each_time_is_told(UNUSED void **state)
{
#define TEXT \
	" differs each time: with when: changed it is asked each time all the same\n"
	assert_warned(PROVIDER "services: {s: http://s}\n",
	    "  a: {when: changed, prompt: \"It is {{now}}. {{services.s}}\"}\n"
	    "  b: {when: changed, prompt: \"{{services.s.timing_ms.total}}\"}\n"
	    "  c: {when: changed, prompt: \"{{#targets}}{{checked_at}}{{/targets}}\"}\n"
	    "  d: {when: changed, prompt: x, system: \"{{services.s}}\"}\n"
	    "  e: {when: changed, prompt: \"{{targets}}\"}\n"
	    "  f: {when: always, prompt: \"{{now}}\"}\n"
	    "  g: {when: changed, prompt: \"{{#services.s}}{{status}}{{/services.s}}\"}\n"
	    "  h: {when: changed, prompt: \"{{services.s.data}}\"}\n",
	    "c.yaml:4:30: warning: prompt: now" TEXT
	    "c.yaml:5:30: warning: prompt: services.s.timing_ms.total" TEXT
	    "c.yaml:6:30: warning: prompt: checked_at" TEXT
	    "c.yaml:7:41: warning: system: services.s" TEXT
	    "c.yaml:8:30: warning: prompt: targets" TEXT);
#undef TEXT
}

static void
test_without_services_none_can_fail(UNUSED void **state)
{
	assert_warned(PROVIDER, "  a: {when: failing, prompt: x}\n",
	    "c.yaml:3:3: warning: a: when: failing, and there is no service that could: it "
	    "is never asked\n");
}

/* ---- what APIs refuse ---- */

static void
test_what_anthropic_wants_streamed_is_told(UNUSED void **state)
{
	assert_warned("providers: {p: {api: anthropic, key: k, model: m}}\n",
	    "  a: {prompt: x, max_tokens: 21333}\n"
	    "  b: {prompt: x, max_tokens: 21334}\n",
	    "c.yaml:4:3: warning: b: max_tokens: an answer of 21334 tokens may take more "
	    "than 10 minutes, for which Anthropic wants streaming: expected at most "
	    "21333\n");
}

static void
test_a_budget_that_nothing_bounds_at_first_is_told(UNUSED void **state)
{
	assert_warned("providers: {p: {api: ollama, model: m}}\n",
	    "  a: {prompt: x, budget: {tokens: 9, per: 1h}, max_tokens: 5}\n"
	    "  b: {prompt: x, budget: {tokens: 9, per: 1h}}\n",
	    "c.yaml:4:3: warning: b: budget without max_tokens: until the first answer is "
	    "in, attempts are counted by what is sent alone\n");
	assert_warned(
	    "providers: {p: {api: ollama, model: m, budget: {tokens: 9, per: 1h}}}\n",
	    "  a: {prompt: x}\n",
	    "c.yaml:3:3: warning: a: budget without max_tokens: until the first answer is "
	    "in, attempts are counted by what is sent alone\n");
	/* It has one that is demanded. */
	assert_warned("providers: {p: {api: anthropic, model: m, key: k}}\n",
	    "  a: {prompt: x, budget: {tokens: 9, per: 1h}}\n", "");
}

#define OPENAI "providers: {p: {api: openai, key: k, model: m}}\n"

static void
test_a_schema_that_openai_refuses_is_told(UNUSED void **state)
{
	static const char good[] =
	    "  a: {prompt: x, schema: {type: object, additionalProperties: false, "
	    "required: [a], properties: {a: {type: array, items: {type: string}}}}}\n";
	static const char bad[] =
	    "  a: {prompt: x, schema: {type: object}}\n"
	    "  b: {prompt: x, schema: {type: object, additionalProperties: false, "
	    "properties: {a: {}}}}\n"
	    "  c: {prompt: x, schema: {type: array, items: {type: string}}}\n"
	    "  d: {prompt: x, schema: {type: object, additionalProperties: false, "
	    "required: [a], properties: {a: {items: {properties: {b: true}}}}}}\n";

	assert_warned(OPENAI, good, "");
	assert_warned(
	    "providers: {p: {api: openai, base_url: http://h/v1, model: m}}\n", bad,
	    "");
	assert_warned("providers: {p: {api: openai-responses, key: k, model: m}}\n",
	    bad,
	    "c.yaml:3:26: warning: schema: OpenAI refuses an object without "
	    "additionalProperties: false\n"
	    "c.yaml:4:26: warning: schema: OpenAI refuses a property that is not "
	    "required\n"
	    "c.yaml:5:26: warning: schema: OpenAI refuses anything but type: object at its "
	    "top\n"
	    "c.yaml:6:26: warning: schema: OpenAI refuses an object without "
	    "additionalProperties: false\n");
}

static void
test_openai_wants_to_hear_of_json(UNUSED void **state)
{
	assert_warned(OPENAI,
	    "  a: {prompt: x, format: json}\n"
	    "  b: {prompt: Answer in JSON., format: json}\n"
	    "  c: {prompt: x, system: Write json., format: json}\n"
	    "  d: {prompt: x}\n",
	    "c.yaml:3:15: warning: prompt: with format: json OpenAI refuses what does not "
	    "hold the word JSON, here or in system\n");
}

/* ---- names in sections ---- */

static void
test_prompts_that_no_section_finds_are_told(UNUSED void **state)
{
	assert_warned(PROVIDER "services: {s: \"http://s/"
	                       "{{#prompts.nix}}x{{/prompts.nix}}\"}\n",
	    "  a: {prompt: \"{{#prompts.b}}x{{/prompts.b}}y\", enabled: yes}\n"
	    "  c: {prompt: x, system: \"{{#services.a}}x{{/services.a}}\"}\n"
	    "  d: {prompt: \"{{^nix}}x{{/nix}}{{#prompts.c}}y{{/prompts.c}}\"}\n",
	    "c.yaml:2:15: warning: url: prompts.nix in a section can match nothing: no "
	    "enabled prompt is called nix\n"
	    "c.yaml:4:15: warning: prompt: prompts.b in a section can match nothing: no "
	    "enabled prompt is called b\n"
	    "c.yaml:5:26: warning: system: services.a in a section can match nothing: no "
	    "enabled service is called a\n"
	    "c.yaml:6:15: warning: prompt: nix in a section can match nothing: there is no "
	    "\"nix\" anywhere in vars\n");
}

/* ---- limits ---- */

static void
test_limits_of_a_provider_that_do_nothing_are_told(UNUSED void **state)
{
	assert_warned("max_concurrent: 4\n"
	              "providers: {p: {api: ollama, model: m}}\n",
	    "  a: {prompt: x}\n",
	    "c.yaml:2:13: warning: p: its max_concurrent, 5, is more than that of the file, "
	    "4: it does nothing\n");
}

static void
test_a_rate_that_is_too_low_is_told(UNUSED void **state)
{
	static const char prompts[] =
	    "  \"a{{n}}\": {prompt: x, for_each: {n: [1, 2, 3]}}\n"
	    "  b: {prompt: x, when: changed, interval: 1s}\n";

	assert_warned(
	    "providers: {p: {api: ollama, model: m, rate: 6/min}}\n", prompts, "");
	assert_warned("providers: {p: {api: ollama, model: m, rate: 5/min}}\n", prompts,
	    "c.yaml:1:13: warning: p: its prompts would start 6 times in 1m, and its rate "
	    "allows 5: turns will be skipped\n");
	assert_warned("providers: {p: {api: ollama, model: m, rate: 100/h}}\n", prompts,
	    "c.yaml:1:13: warning: p: its prompts would start 360 times in 1h, and its "
	    "rate allows 100: turns will be skipped\n");
}

static void
test_what_is_no_template_is_told(UNUSED void **state)
{
	assert_warned(
	    "vars: {v: x}\n"
	    "providers:\n"
	    "  p: {api: ollama, model: \"{{v}}\", key: \"${GATHERD_TEST_WORD}{{v}}\"}\n"
	    "  q: {api: ollama, model: \"m}}\"}\n",
	    "  a: {provider: p, prompt: x}\n",
	    "c.yaml:3:27: warning: model is no template here: what stands between {{ and "
	    "}} is sent as it stands\n"
	    "c.yaml:3:41: warning: key is no template here: what stands between {{ and }} "
	    "is sent as it stands\n");
	assert_warned(
	    "vars: {v: x}\n"
	    "providers: {p: {api: ollama, model: m, extra_body: {a: [\"{{v}}\"]}}}\n",
	    "  a: {prompt: x, extra_body: {b: {c: \"{{v}}\", d: \"}}\"}}}\n",
	    "c.yaml:2:57: warning: extra_body is no template here: what stands between {{ "
	    "and }} is sent as it stands\n"
	    "c.yaml:4:38: warning: extra_body is no template here: what stands between {{ "
	    "and }} is sent as it stands\n");
}

static void
test_a_reference_without_braces_is_told(UNUSED void **state)
{
	assert_warned("providers:\n"
	              "  p: {api: ollama, model: m, key: $GATHERD_TEST_WORD}\n"
	              "  q: {api: ollama, model: m, key: $$GATHERD_TEST_WORD}\n"
	              "  r: {api: ollama, model: m, key: $1-x}\n"
	              "  s: {api: ollama, model: m, key: \"${GATHERD_TEST_WORD}\"}\n",
	    "  a: {provider: p, prompt: x}\n",
	    "c.yaml:2:35: warning: key: without braces a $ is sent as it stands: expected "
	    "${NAME}\n");
}

static void
test_prompts_of_one_host_count_as_its_own(UNUSED void **state)
{
	assert_warned("rate_per_host: 1/min\n"
	              "providers: {p: {api: ollama, model: m}}\n",
	    "  a: {prompt: x}\n",
	    "c.yaml:4:3: warning: rate_per_host: 1 prompt of http://127.0.0.1:11434 would "
	    "start 0.0333 times a second, and 0.0167 are allowed: turns will be skipped\n");
	assert_warned("rate_per_host: 1/min\n"
	              "providers: {p: {api: ollama, model: m}}\n"
	              "services: {s: http://127.0.0.1:11434}\n",
	    "  a: {prompt: x}\n",
	    "c.yaml:3:12: warning: rate_per_host: 2 targets of http://127.0.0.1:11434 "
	    "would start 0.0667 times a second, and 0.0167 are allowed: turns will be "
	    "skipped\n");
}

static void
test_a_provider_that_is_not_verified_is_told(UNUSED void **state)
{
	assert_warned("providers:\n"
	              "  p: {api: ollama, model: m, base_url: https://h, tls: {verify: "
	              "no}}\n",
	    "  a: {prompt: x}\n",
	    "c.yaml:2:3: warning: p: the server's certificate is not verified "
	    "(tls.verify)\n");
	assert_warned("providers: {p: {api: ollama, model: m, base_url: https://h}}\n",
	    "  a: {prompt: x}\n", "");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_good_prompts_are_passed_in_silence),
		CASE(test_literal_keys_in_a_readable_file_are_told),
		CASE(test_a_timeout_that_was_chosen_is_told),
		CASE(test_a_provider_has_its_own_timeout),
		CASE(test_what_differs_each_time_is_told),
		CASE(test_without_services_none_can_fail),
		CASE(test_what_anthropic_wants_streamed_is_told),
		CASE(test_a_budget_that_nothing_bounds_at_first_is_told),
		CASE(test_a_schema_that_openai_refuses_is_told),
		CASE(test_openai_wants_to_hear_of_json),
		CASE(test_prompts_that_no_section_finds_are_told),
		CASE(test_limits_of_a_provider_that_do_nothing_are_told),
		CASE(test_a_rate_that_is_too_low_is_told),
		CASE(test_what_is_no_template_is_told),
		CASE(test_a_reference_without_braces_is_told),
		CASE(test_prompts_of_one_host_count_as_its_own),
		CASE(test_a_provider_that_is_not_verified_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
