#include "config_files.h"

#include <time.h>

#include "base/xalloc.h"
#include "config/dependencies.h"
#include "valgrind.h"

#define PROVIDER "providers: {p: {api: ollama, model: m}}\n"

/* What each target depends on: "a: b c!*; " in config order, ! where it is needed, * where it
 * waits for all services. */
static void
assert_depends(const char *yaml, const char *expected)
{
	char *whole = xasprintf(PROVIDER "%s", yaml);
	struct config *config = load_text(whole);
	struct buffer told;

	buffer_init(&told, BUFFER_UNLIMITED);
	for (size_t i = 0; i < config->target_count; i++) {
		const struct target *target = config->targets[i];

		if (target->dependency_count == 0 && !target->waits_for_services)
			continue;
		buffer_append_format(&told, "%s:", target->name);
		for (size_t j = 0; j < target->dependency_count; j++)
			buffer_append_format(&told, " %s%s",
			    target->dependencies[j].target->name,
			    target->dependencies[j].needed ? "!" : "");
		buffer_append_format(
		    &told, "%s; ", target->waits_for_services ? "*" : "");
	}
	assert_string_equal(told.data, expected);
	buffer_clear(&told);
	config_unref(config);
	free(whole);
}

static void
assert_faults(const char *yaml, const char *expected)
{
	char *whole = xasprintf(PROVIDER "%s", yaml);

	write_file("c.yaml", whole);
	assert_string_equal(faults_of("c.yaml"), expected);
	free(whole);
}

/* ---- names ---- */

static void
assert_found(const struct config *config, const char *path, const char *name)
{
	const struct target *found = dependencies_find(config, path, NULL);

	assert_string_equal(found != NULL ? found->name : "none", name);
}

static void
test_a_name_is_found_among_those_of_its_kind(UNUSED void **state)
{
	struct config *config =
	    load_text(PROVIDER "services: {a: http://a, b.c: http://b}\n"
	                       "prompts: {a.b: {prompt: x}, b: {prompt: x}}\n");

	assert_found(config, "services.a", "a");
	assert_found(config, "services.a.b", "a");
	assert_found(config, "prompts.a.b", "a.b");
	assert_found(config, "prompts.a.b.response", "a.b");
	assert_found(config, "prompts.b.c", "b");
	assert_found(config, "services.b.c", "b.c");
	assert_found(config, "prompts.a", "none");
	assert_found(config, "services.b", "none");
	assert_found(config, "prompts", "none");
	config_unref(config);
}

/* ---- what depends on what ---- */

static void
test_a_prompt_waits_for_what_it_names(UNUSED void **state)
{
	assert_depends(
	    "services: {s: http://s, t: http://t}\n"
	    "prompts:\n"
	    "  a: {prompt: \"{{services.s.data}}\"}\n"
	    "  b: {prompt: \"{{prompts.a.response}}\", system: \"{{services.t.data}}\"}\n"
	    "  c: {prompt: x, needs: [b, s]}\n",
	    "a: s; b: t a; c: s! b!; ");
}

static void
test_a_service_may_wait_for_a_prompt(UNUSED void **state)
{
	assert_depends("services:\n"
	               "  s: {url: http://s, body: \"{{prompts.a.response}}\"}\n"
	               "  t: {url: http://t, needs: a}\n"
	               "prompts: {a: {prompt: x}}\n",
	    "s: a; t: a!; ");
}

/* Of a prompt with TEXT, whatever that stands in. */
static void
assert_waits(const char *text, bool waits)
{
	char *yaml = xasprintf(PROVIDER
	    "vars: {x: y, l: [{status: 1}]}\n"
	    "services: {s: http://s}\n"
	    "prompts: {a: {prompt: \"%s\"}, b: {prompt: x, system: \"%s\"}}\n",
	    text, text);
	struct config *config = load_text(yaml);

	assert_false(config->targets[0]->waits_for_services);
	assert_int_equal(config->targets[1]->waits_for_services, waits);
	assert_int_equal(config->targets[2]->waits_for_services, waits);
	config_unref(config);
	free(yaml);
}

static void
test_what_is_said_of_all_waits_for_all_services(UNUSED void **state)
{
	static const char *const all[] = { "{{#targets}}{{name}}{{/targets}}",
		"{{failed}}", "{{counts.ok}}", "{{status}}", "{{services}}",
		"{{#services}}x{{/services}}", "{{^failed}}none{{/failed}}",
		"{{#x}}{{counts.ok}}{{/x}}", "{{targets.0.name}}" };
	/* A section's element may have a key that is called so. */
	static const char *const none[] = { "x", "{{prompts}}", "{{now}}", "{{x}}",
		"{{#services.s}}{{status}}{{/services.s}}",
		"{{#services.s.data}}{{failed}}{{/services.s.data}}",
		"{{#l}}{{status}}{{/l}}" };

	for (size_t i = 0; i < ARRAY_COUNT(all); i++)
		assert_waits(all[i], true);
	for (size_t i = 0; i < ARRAY_COUNT(none); i++)
		assert_waits(none[i], false);
}

static void
test_who_is_asked_when_some_fail_waits_for_all(UNUSED void **state)
{
	struct config *config;

	assert_depends("services: {s: http://s}\n"
	               "prompts: {a: {prompt: x, when: failing}, b: {prompt: x, when: "
	               "changed}}\n",
	    "a:*; ");
	config = load_text(PROVIDER
	    "prompts: {a: {prompt: \"{{failed}}\", when: failing, enabled: no}}\n");
	assert_false(config->disabled[0]->waits_for_services);
	config_unref(config);
}

/* A service takes what is said of all as it stands. */
static void
test_services_wait_for_no_crowd(UNUSED void **state)
{
	assert_depends("services: {s: \"http://s/{{status}}\"}\n"
	               "prompts: {a: {prompt: x}}\n",
	    "");
}

/* ---- faults ---- */

static void
test_an_unknown_prompt_is_told_with_the_nearest(UNUSED void **state)
{
	assert_faults("services: {login: http://l}\n"
	              "prompts:\n"
	              "  summary: {prompt: x}\n"
	              "  a: {prompt: \"{{prompts.sumary.response}}\"}\n"
	              "  b: {prompt: \"{{prompts.logni.response}}\"}\n"
	              "  c: {prompt: x, needs: sumary}\n",
	    "c.yaml:5:15: error: prompt: no prompt is called sumary (did you mean "
	    "summary?)\n"
	    "c.yaml:6:15: error: prompt: no prompt is called logni\n"
	    "c.yaml:7:25: error: needs: no service or prompt is called sumary (did you "
	    "mean summary?)\n");
	assert_faults("prompts: {summary: {prompt: x}, b: {prompt: x, needs: foo}}\n",
	    "c.yaml:2:55: error: needs: no prompt is called foo\n");
}

static void
test_a_name_of_the_other_kind_is_told(UNUSED void **state)
{
	assert_faults("services: {s: http://s, t: \"http://t/{{services.a.status}}\"}\n"
	              "prompts:\n"
	              "  a: {prompt: \"{{prompts.s.data.x}}\"}\n",
	    "c.yaml:2:28: error: url: no service is called a (did you mean "
	    "prompts.a.status?)\n"
	    "c.yaml:4:15: error: prompt: no prompt is called s (did you mean "
	    "services.s.data.x?)\n");
}

static void
test_a_disabled_prompt_cannot_be_waited_for(UNUSED void **state)
{
	assert_faults("prompts:\n"
	              "  a: {prompt: x, enabled: no}\n"
	              "  b: {prompt: \"{{prompts.a.response}}\"}\n"
	              "  c: {prompt: x, needs: a}\n",
	    "c.yaml:4:15: error: prompt: a is not enabled\n"
	    "c.yaml:5:25: error: needs: a is not enabled\n");
}

static void
test_a_field_that_no_prompt_has_is_told(UNUSED void **state)
{
	assert_faults(
	    "services:\n"
	    "  s: http://s/{{prompts.a.url}}{{prompts.a.usage}}\n"
	    "  t: http://t/{{prompts.a.values.x}}\n"
	    "prompts:\n"
	    "  a: {prompt: x, extract: {line: {pattern: .}}}\n"
	    "  b: {prompt: \"{{prompts.a.respnse}}\"}\n"
	    "  c: {prompt: \"{{prompts.a.usage}}{{prompts.a.usage.total_tokens}}\"}\n",
	    "c.yaml:3:6: error: url: prompts.a.url: a prompt has no url\n"
	    "c.yaml:3:6: error: url: prompts.a.usage is a map: expected text or a number\n"
	    "c.yaml:4:6: error: url: prompts.a.values.x: a extracts no x\n"
	    "c.yaml:7:15: error: prompt: prompts.a.respnse: a prompt has no respnse (did "
	    "you mean response?)\n");
}

static void
test_what_a_prompt_does_not_keep_is_told(UNUSED void **state)
{
	assert_faults(
	    "prompts:\n"
	    "  a: {prompt: x, store_prompt: none}\n"
	    "  b: {prompt: \"{{prompts.a.prompt}}{{prompts.a.data}}\"}\n"
	    "  c: {prompt: \"{{prompts.a.last_response}}{{prompts.a.last_data}}\"}\n"
	    "  d: {prompt: \"{{prompts.a.budget.spent}}{{prompts.a.cost}}\"}\n",
	    "c.yaml:4:15: error: prompt: prompts.a.prompt: a keeps none (store_prompt: "
	    "none)\n"
	    "c.yaml:4:15: error: prompt: prompts.a.data: a keeps none (format: text)\n"
	    "c.yaml:5:15: error: prompt: prompts.a.last_response: a keeps none (no "
	    "keep_last)\n"
	    "c.yaml:5:15: error: prompt: prompts.a.last_data: a keeps none (format: "
	    "text)\n"
	    "c.yaml:6:15: error: prompt: prompts.a.budget.spent: a keeps none (it has "
	    "none)\n"
	    "c.yaml:6:15: error: prompt: prompts.a.cost: a keeps none (its provider has "
	    "no price)\n");
}

static void
test_what_holds_a_secret_value_is_not_kept(UNUSED void **state)
{
	assert_faults(
	    "prompts:\n"
	    "  a: {prompt: x, format: json, keep_last: true, extract: {t: {path: /t, "
	    "secret: true}}}\n"
	    "  b: {prompt: \"{{prompts.a.response}}{{prompts.a.data}}\"}\n"
	    "  c: {prompt: \"{{prompts.a.last_response}}{{prompts.a.last_data}}"
	    "{{prompts.a.values.t}}\"}\n",
	    "c.yaml:4:15: error: prompt: prompts.a.response: a keeps none (one of its "
	    "values is secret)\n"
	    "c.yaml:4:15: error: prompt: prompts.a.data: a keeps none (one of its values is "
	    "secret)\n"
	    "c.yaml:5:15: error: prompt: prompts.a.last_response: a keeps none (one of its "
	    "values is secret)\n"
	    "c.yaml:5:15: error: prompt: prompts.a.last_data: a keeps none (one of its "
	    "values is secret)\n");
}

static void
test_what_a_prompt_keeps_can_be_named(UNUSED void **state)
{
	struct config *config = load_text(
	    "providers: {p: {api: ollama, model: m, price: {input: 1, output: "
	    "2}}}\n"
	    "prompts:\n"
	    "  a: {prompt: x, format: json, keep_last: true, budget: {tokens: 9, "
	    "per: 1d}}\n"
	    "  b: {prompt: x, schema: {type: object}}\n"
	    "  c: {prompt: \"{{prompts.a.data}}{{prompts.a.last_response}}"
	    "{{prompts.a.last_data.x}}{{prompts.a.budget.spent}}"
	    "{{prompts.a.cost}}{{prompts.b.data.a}}{{prompts.a.prompt}}\"}\n");

	assert_int_equal(config->targets[2]->dependency_count, 2);
	config_unref(config);
}

/* ---- circles ---- */

static void
test_a_circle_goes_over_both_kinds(UNUSED void **state)
{
	assert_faults("services: {s: {url: http://s, needs: b}}\n"
	              "prompts:\n"
	              "  a: {prompt: \"{{services.s.data}}\"}\n"
	              "  b: {prompt: \"{{prompts.a.response}}\"}\n",
	    "c.yaml:2:12: error: services: a circle of dependencies: s -> b -> a -> s\n");
	assert_faults("prompts:\n"
	              "  a: {prompt: \"{{prompts.b.response}}\"}\n"
	              "  b: {prompt: x, needs: a}\n",
	    "c.yaml:3:3: error: prompts: a circle of dependencies: a -> b -> a\n");
	assert_faults("prompts: {a: {prompt: \"{{prompts.a.response}}\"}}\n",
	    "c.yaml:2:11: error: prompts: a circle of dependencies: a -> a\n");
}

/* Which services of YAML are not waited for by prompts that wait for all: a letter each. */
static void
assert_following(const char *yaml, const char *expected)
{
	char *whole = xasprintf(PROVIDER "%s", yaml);
	struct config *config = load_text(whole);
	char following[16] = "";

	for (size_t i = 0; i < config->service_count; i++) {
		if (config->targets[i]->follows_services)
			strncat(following, config->targets[i]->name, 1);
	}
	assert_string_equal(following, expected);
	config_unref(config);
	free(whole);
}

static void
test_who_sends_what_is_said_of_all_closes_no_circle(UNUSED void **state)
{
	assert_following(
	    "services:\n"
	    "  s: http://s\n"
	    "  alert: {url: http://a, body: \"{{prompts.sum.response}}\"}\n"
	    "  late: {url: http://l, needs: alert}\n"
	    "prompts: {sum: {prompt: \"{{failed}}\"}}\n",
	    "al");
	assert_following("services:\n"
	                 "  s: http://s\n"
	                 "  alert: {url: http://a, needs: b}\n"
	                 "  late: {url: http://l, needs: c}\n"
	                 "prompts:\n"
	                 "  a: {prompt: x, when: failing}\n"
	                 "  b: {prompt: x, needs: a}\n"
	                 "  c: {prompt: x, needs: s}\n",
	    "a");
	/* One that it names itself it waits for. */
	assert_faults(
	    "services:\n"
	    "  alert: {url: http://a, body: \"{{prompts.sum.response}}\"}\n"
	    "prompts: {sum: {prompt: \"{{failed}}{{services.alert.status}}\"}}\n",
	    "c.yaml:3:3: error: services: a circle of dependencies: alert -> sum -> "
	    "alert\n");
	/* A service that takes it as it stands does not wait. */
	assert_depends("services: {s: http://s, t: \"http://t/{{status}}\"}\n"
	               "prompts: {a: {prompt: \"{{failed}}\"}, b: {prompt: "
	               "\"{{prompts.a.response}}{{counts.ok}}\"}}\n",
	    "a:*; b: a*; ");
}

/* Each of them waits for each service: that is no product. */
static void
test_many_that_wait_for_many_are_looked_at_soon(UNUSED void **state)
{
	struct config *config = load_text(
	    "providers: {p: {api: ollama, model: m}}\n"
	    "vars: {n: 1}\n"
	    "services: {\"s{{a}}{{b}}{{c}}{{d}}\": {for_each: {a: [1,2,3,4,5,6,7,8,9,0], "
	    "b: [1,2,3,4,5,6,7,8,9,0], c: [1,2,3,4,5,6,7,8,9,0], d: [1,2,3]}, url: "
	    "http://a}}\n"
	    "prompts: {\"p{{a}}{{b}}{{c}}{{d}}\": {for_each: {a: [1,2,3,4,5,6,7,8,9,0], "
	    "b: [1,2,3,4,5,6,7,8,9,0], c: [1,2,3,4,5,6,7,8,9,0], d: [1,2,3]}, prompt: "
	    "\"{{failed}}\"}}\n");
	struct faults *faults = faults_new();
	clock_t start = clock();

	assert_int_equal(config->target_count, 6000);
	dependencies_resolve(config, faults);
	assert_int_equal(faults_error_count(faults), 0);
	assert_true(clock() - start < (is_under_valgrind() ? 20 : 1) * CLOCKS_PER_SEC);
	faults_free(faults);
	config_unref(config);
}

/* ---- only some ---- */

static void
assert_kept(const char *yaml, const char *name, const char *expected)
{
	char *whole = xasprintf(PROVIDER "%s", yaml);
	struct config *config = load_text(whole);
	size_t services = 0;
	struct buffer told;

	config_keep_only(config, &name, 1);
	buffer_init(&told, BUFFER_UNLIMITED);
	for (size_t i = 0; i < config->target_count; i++) {
		buffer_append_format(&told, "%s ", config->targets[i]->name);
		services += config->targets[i]->kind == TARGET_SERVICE;
	}
	assert_string_equal(told.data, expected);
	assert_int_equal(config->service_count, services);
	buffer_clear(&told);
	config_unref(config);
	free(whole);
}

static void
test_what_is_kept_has_what_it_waits_for(UNUSED void **state)
{
	static const char yaml[] =
	    "services: {s: http://s, t: http://t, u: {url: http://u, needs: c}}\n"
	    "prompts:\n"
	    "  a: {prompt: \"{{services.t.data}}\"}\n"
	    "  b: {prompt: \"{{prompts.a.response}}\"}\n"
	    "  c: {prompt: x}\n"
	    "  d: {prompt: \"{{failed}}\"}\n"
	    "  e: {prompt: x, needs: d}\n";

	assert_kept(yaml, "b", "t a b ");
	assert_kept(yaml, "c", "c ");
	assert_kept(yaml, "u", "u c ");
	assert_kept(yaml, "d", "s t u c d ");
	assert_kept(yaml, "e", "s t u c d e ");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_name_is_found_among_those_of_its_kind),
		CASE(test_a_prompt_waits_for_what_it_names),
		CASE(test_a_service_may_wait_for_a_prompt),
		CASE(test_what_is_said_of_all_waits_for_all_services),
		CASE(test_who_is_asked_when_some_fail_waits_for_all),
		CASE(test_services_wait_for_no_crowd),
		CASE(test_an_unknown_prompt_is_told_with_the_nearest),
		CASE(test_a_name_of_the_other_kind_is_told),
		CASE(test_a_disabled_prompt_cannot_be_waited_for),
		CASE(test_a_field_that_no_prompt_has_is_told),
		CASE(test_what_a_prompt_does_not_keep_is_told),
		CASE(test_what_holds_a_secret_value_is_not_kept),
		CASE(test_what_a_prompt_keeps_can_be_named),
		CASE(test_a_circle_goes_over_both_kinds),
		CASE(test_who_sends_what_is_said_of_all_closes_no_circle),
		CASE(test_many_that_wait_for_many_are_looked_at_soon),
		CASE(test_what_is_kept_has_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
