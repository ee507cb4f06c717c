/*
 * config/diff: what templates name.
 */
#include "diff_stage.h"

/* ---- vars ---- */

static void
test_vars_that_templates_name_count(UNUSED void **state)
{
	static const char before[] = "{v: {w: 1, x: [a, {y: b}], d.e: 1}, z: 1}";

	assert_int_equal(change_by_vars("{{z}}", before, before), TARGET_SAME);
	assert_int_equal(change_by_vars("{{z}}", "{z: 1}", "{z: 2}"), TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars("{{{z}}}", "{z: 1}", "{z: 1.0}"), TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars("{{v.w}}", before, "{v: {w: 2}, z: 1}"), TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars("{{v.x.0}}", before, "{v: {x: [b]}, z: 1}"), TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars("{{v.x.1.y}}", before, "{v: {x: [a, {y: c}]}, z: 1}"),
	    TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars("{{v.d.e}}", before, "{v: {d.e: 2}}"), TARGET_CHANGED);
	/* Only the type is another: sections see that. */
	assert_int_equal(
	    change_by_vars("{{#z}}x{{/z}}", "{z: false}", "{z: \"false\"}"),
	    TARGET_CHANGED);
}

static void
test_vars_that_no_template_names_do_not_count(UNUSED void **state)
{
	assert_int_equal(
	    change_by_vars("{{z}}", "{z: 1, a: 1, y: 1, zz: 1}", "{zz: 2, b: 1, z: 1}"),
	    TARGET_SAME);
	/* Nor what stands beside what is named. */
	assert_int_equal(change_by_vars("{{v.w}}", "{v: {w: 1, x: 1}}",
	                     "{v: {y: {z: 1}, w: 1}, u: 1}"),
	    TARGET_SAME);
	assert_int_equal(
	    change_by_vars("{{now}}", "{nowhere: 1}", "{nowhere: 2}"), TARGET_SAME);
	assert_int_equal(change_by_vars("v", "{v: 1}", "{v: 2}"), TARGET_SAME);
}

static void
test_what_sections_look_through_counts_deeply(UNUSED void **state)
{
	static const char template[] = "{{#l}}{{#m}}{{n}}{{o}}{{/m}}{{/l}}";
	static const char before[] = "{l: [{m: {n: 1}}, {m: {n: 2}}]}";

	assert_int_equal(change_by_vars(template, before, before), TARGET_SAME);
	assert_int_equal(
	    change_by_vars(template, before, "{l: [{m: {n: 1}}, {m: {n: 3}}]}"),
	    TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars(template, before, "{l: [{m: {n: 1}}]}"), TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars(template, before, "{l: [{m: {n: 1}}, {m: {p: 2}}]}"),
	    TARGET_CHANGED);
	/* A name in a section that its element has not is looked for outside. */
	assert_int_equal(
	    change_by_vars(template, before, "{o: 1, l: [{m: {n: 1}}, {m: {n: 2}}]}"),
	    TARGET_CHANGED);
	assert_int_equal(
	    change_by_vars(template, before, "{p: 1, l: [{m: {n: 1}}, {m: {n: 2}}]}"),
	    TARGET_SAME);
	assert_int_equal(
	    change_by_vars("{{^gone}}x{{/gone}}", "{a: 1}", "{a: 2}"), TARGET_SAME);
	assert_int_equal(change_by_vars("{{^gone}}x{{/gone}}", "{a: 1}", "{gone: 2}"),
	    TARGET_CHANGED);
}

static void
test_the_order_of_keys_counts_in_maps_that_templates_name(UNUSED void **state)
{
	static const char before[] = "{z: 1, v: {a: 1, b: 2}}";
	static const char after[] = "{v: {b: 2, a: 1}, z: 1}";

	assert_int_equal(
	    change_by_vars("{{#v}}x{{/v}}", before, after), TARGET_CHANGED);
	assert_int_equal(change_by_vars("{{v.a}}", before, after), TARGET_SAME);
	assert_int_equal(change_by_vars("{{z}}", before, after), TARGET_SAME);
}

/* In each place that a template can stand in. */
static void
test_the_vars_of_every_template_count(UNUSED void **state)
{
	static const char *const keys[] = {
		"body: \"{{v}}\"",
		"json: {a: [\"{{v}}\"]}",
		"form: {a: \"{{v}}\"}",
		"auth: {bearer: \"{{v}}\"}",
		"auth: {basic: {user: u, password: \"{{v}}\"}}",
		"auth: {oauth2: {token_url: \"http://t\", client_id: i, client_secret: s, "
		"scope: \"{{v}}\"}}",
	};

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		char *before = xasprintf(
		    "vars: {v: 1, w: 1}\nservices: {a: {url: http://a, %s}}\n",
		    keys[i]);
		char *after = xasprintf(
		    "vars: {v: 2, w: 1}\nservices: {a: {url: http://a, %s}}\n",
		    keys[i]);
		char *other = xasprintf(
		    "vars: {v: 1, w: 2}\nservices: {a: {url: http://a, %s}}\n",
		    keys[i]);

		assert_int_equal(change_of(before, after), TARGET_CHANGED);
		assert_int_equal(change_of(before, other), TARGET_SAME);
		free(before);
		free(after);
		free(other);
	}
}

/* ---- for_each ---- */

/* The changes of all targets, a letter each, in order. */
static void
assert_changes(const char *before, const char *after, const char *letters)
{
	struct both both;

	compare(&both, before, after);
	assert_int_equal(both.after->target_count, strlen(letters));
	for (size_t i = 0; i < both.after->target_count; i++)
		assert_int_equal("srca"[both.diff.changes[i]], letters[i]);
	forget(&both);
}

static void
test_one_more_value_changes_nothing_but_itself(UNUSED void **state)
{
	assert_changes(
	    "services: {\"a{{r}}\": {url: \"http://a/{{r}}\", for_each: {r: [1, 2]}}}\n",
	    "services: {\"a{{r}}\": {url: \"http://a/{{r}}\", for_each: {r: [3, 2, "
	    "1]}}}\n",
	    "ass");
	assert_changes("services: {a1: \"http://a/1\"}\n",
	    "services: {\"a{{r}}\": {url: http://a/1, for_each: {r: [1]}}}\n", "c");
}

static void
test_another_value_under_the_same_name_counts(UNUSED void **state)
{
	static const char format[] =
	    "vars: {k: %d}\n"
	    "services: {\"a{{r.n}}\": {url: \"http://a/{{r.p}}\", for_each: {r: [{n: 1, "
	    "p: x, q: %s}, {n: 2, p: y}]}}}\n";
	char *before = xasprintf(format, 1, "1");
	char *after = xasprintf(format, 2, "2");

	assert_changes(before, after, "cs");
	free(before);
	free(after);
}

static void
test_a_name_of_for_each_hides_a_variable(UNUSED void **state)
{
	assert_changes("vars: {r: 1}\nservices: {\"a{{r}}\": {url: \"http://a/{{r}}\", "
	               "for_each: {r: [1]}}, b: \"http://a/{{r}}\"}\n",
	    "vars: {r: 2}\nservices: {\"a{{r}}\": {url: \"http://a/{{r}}\", "
	    "for_each: {r: [1]}}, b: \"http://a/{{r}}\"}\n",
	    "sc");
}

/* ---- dependencies ---- */

static void
test_what_a_target_needs_counts(UNUSED void **state)
{
	static const char others[] = "services:\n  b: http://b\n  c: http://c\n"
	                             "  a: {url: http://a%s}\n";
	char *none = xasprintf(others, "");
	char *one = xasprintf(others, ", needs: b");
	char *list = xasprintf(others, ", needs: [b]");
	char *two = xasprintf(others, ", needs: [b, c]");

	assert_changes(none, one, "ssc");
	assert_changes(one, list, "sss");
	assert_changes(one, two, "ssc");
	free(none);
	free(one);
	free(list);
	free(two);
}

static void
test_the_same_text_for_another_target_counts(UNUSED void **state)
{
	/* With b.values there, the longer name is meant. */
	assert_changes("services:\n  b: {url: http://b, extract: {status: /x}}\n"
	               "  a: \"http://a/{{services.b.values.status}}\"\n",
	    "services:\n  b: {url: http://b, extract: {status: /x}}\n"
	    "  a: \"http://a/{{services.b.values.status}}\"\n"
	    "  b.values: http://b\n",
	    "sca");
	assert_changes("services:\n  b: http://b\n"
	               "  a: \"http://a/{{services.b.status}}\"\n",
	    "services:\n  b: http://c\n"
	    "  a: \"http://a/{{services.b.status}}\"\n",
	    "cs");
}

/* What is known of a path from one target holds for all others, and no other path. */
static void
test_each_target_is_compared_by_its_own_paths(UNUSED void **state)
{
	static const char format[] =
	    "vars: {v: {a: 1, ab: %d, c: {d: %d}}}\n"
	    "services: {s1: \"http://s/{{v.a}}\", s2: \"http://s/{{v.c.d}}\",\n"
	    "  s3: \"http://s/{{v.ab}}\", s4: \"http://s/{{v.c.d}}{{v.a}}\",\n"
	    "  s5: \"http://s/{{^v.gone}}{{/v.gone}}\", s6: \"http://s/{{v.a}}\",\n"
	    "  s7: \"http://s/{{#v.c}}{{d}}{{/v.c}}\", s8: \"http://s/{{^v.gone}}{{/v.gone}}\"}\n";
	static const bool changed[] = { false, true, true, true, false, false, true,
		false };
	char *first = xasprintf(format, 1, 1);
	char *second = xasprintf(format, 2, 2);
	struct both both;

	compare(&both, first, second);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(
		    both.diff.changes[i], changed[i] ? TARGET_CHANGED : TARGET_SAME);
	forget(&both);
	free(first);
	free(second);
}

static void
test_the_vars_of_the_url_count_as_those_of_headers(UNUSED void **state)
{
	assert_int_equal(change_of("vars: {v: 1}\nservices: {a: \"http://a/{{v}}\"}\n",
	                     "vars: {v: 2}\nservices: {a: \"http://a/{{v}}\"}\n"),
	    TARGET_CHANGED);
	assert_int_equal(
	    change_of("vars: {v: 1, w: 1}\nservices: {a: {url: \"http://a/{{v}}\", "
	              "headers: {X: \"{{v}}\", Y: \"{{w}}\"}}}\n",
	        "vars: {v: 1, w: 2}\nservices: {a: {url: \"http://a/{{v}}\", "
	        "headers: {X: \"{{v}}\", Y: \"{{w}}\"}}}\n"),
	    TARGET_CHANGED);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_vars_that_templates_name_count),
		CASE(test_vars_that_no_template_names_do_not_count),
		CASE(test_what_sections_look_through_counts_deeply),
		CASE(test_the_order_of_keys_counts_in_maps_that_templates_name),
		CASE(test_each_target_is_compared_by_its_own_paths),
		CASE(test_the_vars_of_every_template_count),
		CASE(test_one_more_value_changes_nothing_but_itself),
		CASE(test_another_value_under_the_same_name_counts),
		CASE(test_a_name_of_for_each_hides_a_variable),
		CASE(test_what_a_target_needs_counts),
		CASE(test_the_same_text_for_another_target_counts),
		CASE(test_the_vars_of_the_url_count_as_those_of_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
