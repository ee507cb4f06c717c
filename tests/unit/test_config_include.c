#include "config_files.h"

#include "config/render.h"

static void
test_included_files_follow_in_the_order_of_their_paths(UNUSED void **state)
{
	struct config *config;

	assert_int_equal(mkdir("sub", 0755), 0);
	assert_int_equal(mkdir("sub/d", 0755), 0);
	write_file(
	    "sub/d/2.yaml", "services: {two: \"http://a/{{v}}\"}\nvars: {w: x}\n");
	write_file("sub/d/1.yaml",
	    "defaults: {group: g}\nservices: {one: \"http://a/{{w}}\"}\nx-y: z\n");
	write_file("sub/d/.hidden.yaml", "nonsense: 1\n");
	write_file("sub/k.txt", "k3y\n");
	write_file("sub/c.yaml",
	    "include: [d/2.yaml, d/*.yaml, ./d/1.yaml, none/*.yaml]\n"
	    "vars: {v: \"${file:k.txt}\"}\nservices: {main: http://a}\n");
	config = load_good("sub/c.yaml");
	assert_int_equal(config->target_count, 3);
	assert_string_equal(config->targets[0]->name, "main");
	assert_string_equal(config->targets[1]->name, "one");
	assert_string_equal(config->targets[2]->name, "two");
	assert_string_equal(config->targets[0]->group.value.text.data, "g");
	assert_string_equal(
	    config->targets[2]->rendered->request.url.text, "http://a/k3y");
	config_unref(config);
}

static void
test_what_stands_in_two_files_is_told_with_both_places(UNUSED void **state)
{
	write_file("a.yaml",
	    "vars: {v: 1, w: 1}\ndefaults: {group: g}\nservices: {s: http://a}\n");
	write_file("b.yaml", "services: {s: http://a, t: http://a}\nvars: {w: 2}\n");
	write_file("c.yaml",
	    "include: [b.yaml, a.yaml]\nvars: {v: 2}\ndefaults: {group: h}\n"
	    "services: {t: http://c}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "a.yaml:1:8: error: vars: v is already set at c.yaml:2:8\n"
	    "a.yaml:2:12: error: defaults: group is already set at c.yaml:3:12\n"
	    "b.yaml:1:12: error: services: s is already set at a.yaml:3:12\n"
	    "b.yaml:1:25: error: services: t is already set at c.yaml:4:12\n"
	    "b.yaml:2:8: error: vars: w is already set at a.yaml:1:14\n");
}

static void
test_included_files_hold_vars_defaults_and_what_is_asked_only(UNUSED void **state)
{
	write_file("a.yaml",
	    "interval: 5s\ninclude: b.yaml\nvars: {}\nx-a: b\nservises: {}\n"
	    "services: [a]\n");
	write_file("b.yaml", "\tx");
	write_file("c.yaml", "include: [a.yaml, b.yaml]\n");
	assert_string_equal(faults_of("c.yaml"),
	    "a.yaml:1:1: error: interval cannot stand in an included file: vars, "
	    "defaults, services, providers and prompts can\n"
	    "a.yaml:2:1: error: include cannot stand in an included file: vars, defaults, "
	    "services, providers and prompts can\n"
	    "a.yaml:5:1: error: unknown key servises (did you mean services?)\n"
	    "a.yaml:6:11: error: services: expected a map\n"
	    "b.yaml:1:1: error: not valid YAML: found a tab, @, ` or % where a value should "
	    "start: indent with spaces, quote the others\n");
}

static void
test_a_folder_with_a_pattern_in_its_name_is_no_pattern(UNUSED void **state)
{
	struct config *config;

	assert_int_equal(mkdir("[x]*", 0755), 0);
	write_file("[x]*/a.yaml", "services: {a: http://a}\n");
	write_file("[x]*/c.yaml", "include: \"a*.yaml\"\n");
	config = load_good("[x]*/c.yaml");
	assert_int_equal(config->target_count, 1);
	config_unref(config);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_included_files_follow_in_the_order_of_their_paths),
		CASE(test_what_stands_in_two_files_is_told_with_both_places),
		CASE(test_included_files_hold_vars_defaults_and_what_is_asked_only),
		CASE(test_a_folder_with_a_pattern_in_its_name_is_no_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
