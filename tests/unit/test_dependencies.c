#include "config_files.h"

#include <time.h>

#include "base/xalloc.h"
#include "config/dependencies.h"
#include "gather/fields.h"
#include "valgrind.h"

/* What each target depends on: "a: b c!; " in config order, ! where it is needed. */
static void
assert_depends(const char *yaml, const char *expected)
{
	struct config *config = load_text(yaml);
	struct buffer told;

	buffer_init(&told, BUFFER_UNLIMITED);
	for (size_t i = 0; i < config->target_count; i++) {
		const struct target *target = config->targets[i];

		if (target->dependency_count == 0)
			continue;
		buffer_append_format(&told, "%s:", target->name);
		for (size_t j = 0; j < target->dependency_count; j++)
			buffer_append_format(&told, " %s%s",
			    target->dependencies[j].target->name,
			    target->dependencies[j].needed ? "!" : "");
		buffer_append_string(&told, "; ");
	}
	assert_string_equal(told.data, expected);
	buffer_clear(&told);
	config_unref(config);
}

static void
assert_faults(const char *yaml, const char *expected)
{
	write_file("c.yaml", yaml);
	assert_string_equal(faults_of("c.yaml"), expected);
}

/* ---- names ---- */

static void
test_state_is_what_only_gathering_knows(UNUSED void **state)
{
	assert_true(dependencies_is_state("services"));
	assert_true(dependencies_is_state("services.a.b"));
	assert_true(dependencies_is_state("prompts.a"));
	assert_true(dependencies_is_state("targets"));
	assert_true(dependencies_is_state("failed.0"));
	assert_true(dependencies_is_state("counts.ok"));
	assert_true(dependencies_is_state("status"));
	assert_false(dependencies_is_state("now"));
	assert_false(dependencies_is_state("services_x"));
	assert_false(dependencies_is_state("service"));
	assert_false(dependencies_is_state("x.services"));
	assert_false(dependencies_is_state(""));
}

static void
assert_found(
    const struct config *config, const char *path, const char *name, const char *rest)
{
	const char *found_rest = NULL;
	const struct target *target = dependencies_find(config, path, &found_rest);

	if (name == NULL) {
		assert_null(target);
		return;
	}
	assert_non_null(target);
	assert_string_equal(target->name, name);
	assert_string_equal(found_rest, rest);
}

static void
test_the_longest_known_name_fits(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {a: http://a, a.b: http://b, a.b.c.d: http://c}\n");

	assert_found(config, "services.a", "a", "");
	assert_found(config, "services.a.x", "a", "x");
	assert_found(config, "services.a.b", "a.b", "");
	assert_found(config, "services.a.b.c", "a.b", "c");
	assert_found(config, "services.a.b.c.d", "a.b.c.d", "");
	assert_found(config, "services.a.b.c.d.e.f", "a.b.c.d", "e.f");
	assert_found(config, "services.ab", NULL, NULL);
	assert_found(config, "services", NULL, NULL);
	assert_found(config, "prompts.a", NULL, NULL);
	config_unref(config);
}

/* ---- what depends on what ---- */

static void
test_every_template_makes_its_target_wait(UNUSED void **state)
{
	static const char login[] =
	    "services:\n  login: {url: http://l, extract: {t: /t}}\n  a: {%s}\n";
	static const char *const keys[] = {
		"url: \"http://a/{{services.login.values.t}}\"",
		"url: http://a, headers: {X: \"{{services.login.values.t}}\"}",
		"url: http://a, body: \"{{services.login.values.t}}\"",
		"url: http://a, json: {a: [{b: \"{{services.login.values.t}}\"}]}",
		"url: http://a, json: \"{{{services.login.values.t}}}\"",
		"url: http://a, form: {x: \"{{services.login.values.t}}\"}",
		"url: http://a, auth: {bearer: \"{{services.login.values.t}}\"}",
		"url: http://a, auth: {basic: {user: u, password: "
		"\"{{services.login.values.t}}\"}}",
		"url: \"http://a/{{#services.login.data.l}}x{{/services.login.data.l}}\"",
		"url: \"http://a/{{^services.login.values}}x{{/services.login.values}}\"",
	};

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		char *yaml = xasprintf(login, keys[i]);

		assert_depends(yaml, "a: login; ");
		free(yaml);
	}
}

static void
test_a_target_is_waited_for_once_in_config_order(UNUSED void **state)
{
	assert_depends(
	    "services:\n"
	    "  b: http://b\n"
	    "  a:\n"
	    "    url: \"http://a/{{services.c.status}}{{services.b.status}}\"\n"
	    "    headers: {X: \"{{services.c.failures}}\"}\n"
	    "    needs: [c, b, c]\n"
	    "  c: http://c\n"
	    "  d: {url: http://d, needs: a}\n",
	    "a: b! c!; d: a!; ");
	assert_depends("services:\n"
	               "  b: http://b\n"
	               "  a: {url: \"http://a/{{services.b.status}}\"}\n",
	    "a: b; ");
}

static void
test_what_is_said_of_all_makes_none_wait(UNUSED void **state)
{
	assert_depends("services:\n"
	               "  a:\n"
	               "    url: http://a/{{status}}/{{counts.ok}}\n"
	               "    body: \"{{services}}{{targets}}{{failed}}\"\n"
	               "  b: http://b/{{#targets}}{{name}}{{status}}{{/targets}}\n",
	    "");
}

static void
test_for_each_has_its_dependencies_in_each(UNUSED void **state)
{
	assert_depends("services:\n"
	               "  l: http://l\n"
	               "  \"a{{n}}\": {for_each: {n: [1, 2]}, "
	               "url: \"http://a/{{services.l.status}}\"}\n"
	               "  z: {url: http://z, needs: [a2]}\n",
	    "a1: l; a2: l; z: a2!; ");
}

static void
test_defaults_may_name_a_service(UNUSED void **state)
{
	/* ... and then it waits for itself: that service has to say otherwise. */
	assert_depends(
	    "defaults: {headers: {X: \"{{services.l.status}}\"}}\n"
	    "services: {l: {url: http://l, headers: {X: none}}, a: http://a}\n",
	    "a: l; ");
}

/* ---- faults ---- */

static void
test_an_unknown_target_is_told_with_the_nearest(UNUSED void **state)
{
	assert_faults("services:\n"
	              "  login: http://l\n"
	              "  a: http://a/{{services.lgoin.status}}\n"
	              "  b: {url: http://b, needs: logni}\n"
	              "  c: {url: http://c, needs: [x, login]}\n"
	              "  d: http://d/{{prompts.x.response}}\n",
	    "c.yaml:3:6: error: url: no service is called lgoin (did you mean login?)\n"
	    "c.yaml:4:29: error: needs: no service is called logni (did you mean login?)\n"
	    "c.yaml:5:30: error: needs: no service is called x\n"
	    "c.yaml:6:6: error: url: no prompt is called x\n");
}

static void
test_an_unknown_name_with_dots_has_a_near_one(UNUSED void **state)
{
	assert_faults("services:\n"
	              "  api.v1.login: http://l\n"
	              "  a: http://a/{{services.api.v1.lgoin.status}}\n"
	              "  b: {url: http://b, needs: [api.v1.lgoin, a.x]}\n",
	    "c.yaml:3:6: error: url: no service is called api (did you mean "
	    "api.v1.login?)\n"
	    "c.yaml:4:30: error: needs: no service is called api.v1.lgoin (did you mean "
	    "api.v1.login?)\n"
	    "c.yaml:4:44: error: needs: no service is called a.x\n");
}

static void
test_a_disabled_target_cannot_be_waited_for(UNUSED void **state)
{
	static const char yaml[] = "services:\n"
	                           "  l: {url: http://l, enabled: false}\n"
	                           "  a: {url: \"http://a/{{services.l.status}}\"%s}\n"
	                           "  b: {url: http://b, needs: l%s}\n";
	char *enabled = xasprintf(yaml, "", "");
	char *disabled = xasprintf(yaml, ", enabled: no", ", enabled: no");

	assert_faults(enabled,
	    "c.yaml:3:12: error: url: l is not enabled\n"
	    "c.yaml:4:29: error: needs: l is not enabled\n");
	assert_depends(disabled, "");
	free(enabled);
	free(disabled);
}

static void
test_a_disabled_target_waits_for_nobody(UNUSED void **state)
{
	struct config *config = load_text(
	    "services: {a: http://a, b: {url: http://b, enabled: no, needs: a}}\n");

	assert_int_equal(config->disabled[0]->dependency_count, 0);
	config_unref(config);
}

static void
test_a_disabled_target_is_checked_all_the_same(UNUSED void **state)
{
	assert_faults(
	    "services:\n"
	    "  a: {url: \"http://a/{{services.x.status}}\", enabled: false}\n",
	    "c.yaml:2:12: error: url: no service is called x\n");
}

static void
test_a_field_that_no_entry_has_is_told(UNUSED void **state)
{
	assert_faults(
	    "services:\n"
	    "  l: {url: http://l, extract: {token: /t, a.b: /u}}\n"
	    "  a: http://a/{{services.l.datta.x}}\n"
	    "  b: http://b/{{services.l.values.tokne}}\n"
	    "  c: http://c/{{services.l.values}}\n"
	    "  d: http://d/{{services.l}}\n"
	    "  e: http://e/{{services.l.warnings}}{{services}}{{targets}}\n"
	    "  f: http://f/{{counts.okay}}{{counts}}\n"
	    "  g: {url: http://g, body: "
	    "\"{{services.l}}{{services.l.values}}{{services.l.values.a.b.c}}\"}\n",
	    "c.yaml:3:6: error: url: services.l.datta.x: a service has no datta (did you mean "
	    "data?)\n"
	    "c.yaml:4:6: error: url: services.l.values.tokne: l extracts no tokne (did you "
	    "mean token?)\n"
	    "c.yaml:5:6: error: url: services.l.values is a map: expected text or a number\n"
	    "c.yaml:6:6: error: url: services.l is a map: expected text or a number\n"
	    "c.yaml:7:6: error: url: services.l.warnings is a list: expected text or a "
	    "number\n"
	    "c.yaml:7:6: error: url: services is a map: expected text or a number\n"
	    "c.yaml:7:6: error: url: targets is a list: expected text or a number\n"
	    "c.yaml:8:6: error: url: counts.okay: counts has no okay\n"
	    "c.yaml:8:6: error: url: counts is a map: expected text or a number\n");
}

static void
test_what_a_target_does_not_keep_is_told(UNUSED void **state)
{
	assert_faults("services:\n"
	              "  l: {url: http://l, data: false}\n"
	              "  m: {url: http://m, extract: {t: {path: /t, secret: true}}}\n"
	              "  a: http://a/{{services.l.data.x}}\n"
	              "  b: http://b/{{services.m.data.x}}\n"
	              "  c: http://c/{{services.m.last_data.x}}\n",
	    "c.yaml:4:6: error: url: services.l.data.x: l keeps none (data: false)\n"
	    "c.yaml:5:6: error: url: services.m.data.x: m keeps none (one of its values is "
	    "secret)\n"
	    "c.yaml:6:6: error: url: services.m.last_data.x: m keeps none (no keep_last)\n");
}

static void
test_names_in_sections_may_be_missing(UNUSED void **state)
{
	assert_depends("services:\n"
	               "  a: http://a/{{#services.x}}{{services.y.z}}{{/services.x}}\n",
	    "");
}

static void
test_a_fault_in_for_each_is_told_once(UNUSED void **state)
{
	assert_faults("services:\n"
	              "  \"a{{n}}\": {for_each: {n: [1, 2, 3]}, "
	              "url: \"http://a/{{services.x.y}}\", needs: z}\n",
	    "c.yaml:2:45: error: url: no service is called x\n"
	    "c.yaml:2:81: error: needs: no service is called z\n");
}

/* ---- circles ---- */

static void
test_a_circle_is_named_once_at_its_first_target(UNUSED void **state)
{
	assert_faults("services:\n"
	              "  x: {url: http://x, needs: b}\n"
	              "  a: http://a/{{services.c.status}}\n"
	              "  b: {url: http://b, needs: a}\n"
	              "  c: {url: http://c, needs: [b]}\n",
	    "c.yaml:3:3: error: services: a circle of dependencies: a -> c -> b -> a\n");
	assert_faults(
	    "services: {a: {url: http://a, needs: b}, b: {url: http://b, needs: a}}\n",
	    "c.yaml:1:12: error: services: a circle of dependencies: a -> b -> a\n");
}

static void
test_a_target_that_waits_for_itself_is_a_circle(UNUSED void **state)
{
	assert_faults("services: {a: \"http://a/{{services.a.status}}\"}\n",
	    "c.yaml:1:12: error: services: a circle of dependencies: a -> a\n");
}

static void
test_two_circles_are_two_faults(UNUSED void **state)
{
	assert_faults("services:\n"
	              "  a: {url: http://a, needs: [b, c]}\n"
	              "  b: {url: http://b, needs: a}\n"
	              "  c: {url: http://c, needs: a}\n"
	              "  d: {url: http://d, needs: e}\n"
	              "  e: {url: http://e, needs: d}\n",
	    "c.yaml:2:3: error: services: a circle of dependencies: a -> b -> a\n"
	    "c.yaml:2:3: error: services: a circle of dependencies: a -> c -> a\n"
	    "c.yaml:5:3: error: services: a circle of dependencies: d -> e -> d\n");
}

static void
test_a_diamond_is_no_circle(UNUSED void **state)
{
	assert_depends("services:\n"
	               "  a: {url: http://a, needs: [b, c]}\n"
	               "  b: {url: http://b, needs: d}\n"
	               "  c: {url: http://c, needs: d}\n"
	               "  d: http://d\n",
	    "a: b! c!; b: d!; c: d!; ");
}

/* SERVICE n needs n + 1, the last one LAST. */
static void
write_chain(size_t count, const char *last)
{
	struct buffer yaml;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_string(&yaml, "services:\n");
	for (size_t i = 0; i + 1 < count; i++)
		buffer_append_format(
		    &yaml, "  s%zu: {url: http://a, needs: s%zu}\n", i, i + 1);
	buffer_append_format(&yaml, "  s%zu: {url: http://a%s}\n", count - 1, last);
	write_file("c.yaml", yaml.data);
	buffer_clear(&yaml);
}

static void
test_a_long_circle_is_cut_in_its_middle(UNUSED void **state)
{
	write_chain(30, ", needs: s0");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:2:3: error: services: a circle of dependencies: s0 -> s1 -> s2 -> s3 -> "
	    "s4 -> s5 -> s6 -> s7 -> s8 -> s9 -> ... -> s20 -> s21 -> s22 -> s23 -> s24 -> "
	    "s25 -> s26 -> s27 -> s28 -> s29 -> s0\n");
}

static void
test_a_long_chain_is_no_matter(UNUSED void **state)
{
	struct config *config;

	write_chain(5000, "");
	config = load_good("c.yaml");
	assert_int_equal(config->targets[0]->dependency_count, 1);
	config_unref(config);
}

/* Every one needs all behind it and the first: circles without number. */
static void
test_a_tangle_is_told_in_part_and_soon(UNUSED void **state)
{
	struct buffer yaml;
	clock_t start = clock();
	const char *lines;
	size_t count = 0;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_string(&yaml, "services:\n");
	for (size_t i = 0; i < 300; i++)
		buffer_append_format(&yaml,
		    "  s%zu: {url: http://a, needs: [s0, s%zu, s%zu, s%zu]}\n", i,
		    (i + 1) % 300, (i + 7) % 300, (i + 60) % 300);
	write_file("c.yaml", yaml.data);
	buffer_clear(&yaml);
	lines = faults_of("c.yaml");
	for (; *lines != '\0'; lines++)
		count += *lines == '\n';
	assert_int_equal(count, 100);
	assert_true(clock() - start < (is_under_valgrind() ? 20 : 2) * CLOCKS_PER_SEC);
}

static void
test_many_wrong_names_are_told_soon(UNUSED void **state)
{
	struct buffer yaml;
	clock_t start = clock();

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_string(&yaml, "services:\n");
	for (size_t i = 0; i < 5000; i++)
		buffer_append_format(
		    &yaml, "  service%zu: {url: http://a, needs: serviec%zu}\n", i, i);
	write_file("c.yaml", yaml.data);
	buffer_clear(&yaml);
	assert_non_null(strstr(faults_of("c.yaml"), "service0?)"));
	assert_true(clock() - start < (is_under_valgrind() ? 40 : 4) * CLOCKS_PER_SEC);
}

/* ---- only some ---- */

static void
assert_kept(const char *yaml, const char *name, const char *expected)
{
	struct config *config = load_text(yaml);
	struct buffer told;

	config_keep_only(config, &name, 1);
	buffer_init(&told, BUFFER_UNLIMITED);
	for (size_t i = 0; i < config->target_count; i++) {
		const struct target *target = config->targets[i];

		buffer_append_format(&told, "%s ", target->name);
		assert_int_equal(target->index, i);
		assert_ptr_equal(config_find(config, target->name), target);
		for (size_t j = 0; j < target->dependency_count; j++) {
			const struct target *on = target->dependencies[j].target;

			assert_ptr_equal(config->targets[on->index], on);
		}
	}
	assert_string_equal(told.data, expected);
	buffer_clear(&told);
	config_unref(config);
}

static void
test_what_is_kept_has_what_it_depends_on(UNUSED void **state)
{
	static const char yaml[] = "services:\n"
	                           "  z: http://z\n"
	                           "  a: {url: http://a, needs: [b, c]}\n"
	                           "  b: {url: http://b, needs: d}\n"
	                           "  c: {url: http://c, needs: d}\n"
	                           "  y: {url: http://y, needs: [a, z]}\n"
	                           "  d: http://d\n";

	assert_kept(yaml, "a", "a b c d ");
	assert_kept(yaml, "d", "d ");
	assert_kept(yaml, "b", "b d ");
	assert_kept(yaml, "y", "z a b c y d ");
	assert_kept(yaml, "none", "");
}

/* ---- the list of fields ---- */

/* They stand in this room since the tables of fields are of a higher one. */
static void
assert_fields(const char *const *known, const struct field *fields)
{
	size_t count = 0;

	for (const struct field *field = fields; field->name != NULL; field++) {
		assert_non_null(known[count]);
		assert_string_equal(known[count], field->name);
		count++;
	}
	assert_null(known[count]);
}

static void
test_the_known_fields_are_those_of_an_entry(UNUSED void **state)
{
	assert_fields(dependencies_service_fields, service_fields);
	assert_fields(dependencies_prompt_fields, prompt_fields);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_is_what_only_gathering_knows),
		CASE(test_the_longest_known_name_fits),
		CASE(test_every_template_makes_its_target_wait),
		CASE(test_a_target_is_waited_for_once_in_config_order),
		CASE(test_what_is_said_of_all_makes_none_wait),
		CASE(test_for_each_has_its_dependencies_in_each),
		CASE(test_defaults_may_name_a_service),
		CASE(test_an_unknown_target_is_told_with_the_nearest),
		CASE(test_an_unknown_name_with_dots_has_a_near_one),
		CASE(test_a_disabled_target_cannot_be_waited_for),
		CASE(test_a_disabled_target_waits_for_nobody),
		CASE(test_a_disabled_target_is_checked_all_the_same),
		CASE(test_a_field_that_no_entry_has_is_told),
		CASE(test_what_a_target_does_not_keep_is_told),
		CASE(test_names_in_sections_may_be_missing),
		CASE(test_a_fault_in_for_each_is_told_once),
		CASE(test_a_circle_is_named_once_at_its_first_target),
		CASE(test_a_target_that_waits_for_itself_is_a_circle),
		CASE(test_two_circles_are_two_faults),
		CASE(test_a_diamond_is_no_circle),
		CASE(test_a_long_circle_is_cut_in_its_middle),
		CASE(test_a_long_chain_is_no_matter),
		CASE(test_a_tangle_is_told_in_part_and_soon),
		CASE(test_many_wrong_names_are_told_soon),
		CASE(test_what_is_kept_has_what_it_depends_on),
		cmocka_unit_test(test_the_known_fields_are_those_of_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
