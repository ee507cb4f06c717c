/*
 * The cases of the public Mustache specification, read from mustache_spec.json.
 *
 * Where templates differ on purpose, the case is named below with the reason.
 */
#include "template/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/compiler.h"
#include "base/marked.h"

#ifndef TESTDATA_DIR
#define TESTDATA_DIR "tests/unit"
#endif

/* ---- what differs ---- */

enum reason {
	/* Text is escaped for the place it goes to, and nothing here goes to HTML. */
	NO_HTML,
	/* A name that does not exist, or is null, is a fault outside a section: an empty
	 * string in its place would be asked for, or sent, unnoticed. */
	NOT_FOUND,
	/* There are no files of templates, so there is nothing a partial could name. */
	NO_PARTIALS,
};

static const struct difference {
	const char *list, *name;
	enum reason reason;
	const char *expected; /* NO_HTML: instead of the specification's */
} differences[] = {
	{ "interpolation", "HTML Escaping", NO_HTML,
	    "These characters should be HTML escaped: & \" < >\n" },
	{ "interpolation", "Implicit Iterators - HTML Escaping", NO_HTML,
	    "These characters should be HTML escaped: & \" < >\n" },
	{ "sections", "Implicit Iterator - HTML Escaping", NO_HTML,
	    "\"(&)(\")(<)(>)\"" },
	{ "interpolation", "Basic Null Interpolation", NOT_FOUND, NULL },
	{ "interpolation", "Triple Mustache Null Interpolation", NOT_FOUND, NULL },
	{ "interpolation", "Ampersand Null Interpolation", NOT_FOUND, NULL },
	{ "interpolation", "Basic Context Miss Interpolation", NOT_FOUND, NULL },
	{ "interpolation", "Triple Mustache Context Miss Interpolation", NOT_FOUND,
	    NULL },
	{ "interpolation", "Ampersand Context Miss Interpolation", NOT_FOUND, NULL },
	{ "interpolation", "Dotted Names - Broken Chains", NOT_FOUND, NULL },
	{ "interpolation", "Dotted Names - Broken Chain Resolution", NOT_FOUND, NULL },
	{ "interpolation", "Dotted Names are never single keys", NOT_FOUND, NULL },
	{ "delimiters", "Partial Inheritence", NO_PARTIALS, NULL },
	{ "delimiters", "Post-Partial Behavior", NO_PARTIALS, NULL },
};

static const struct difference *
find_difference(const char *list, const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(differences); i++) {
		if (strcmp(differences[i].list, list) == 0 &&
		    strcmp(differences[i].name, name) == 0)
			return &differences[i];
	}
	return NULL;
}

static size_t
count_differences(const char *list)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(differences); i++)
		count += strcmp(differences[i].list, list) == 0;
	return count;
}

/* ---- json-c's values as templates see them ---- */

static void describe(struct json_object *object, struct template_value *value);

static size_t
get_key(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const char *dot = memchr(path, '.', len);
	size_t used = dot != NULL ? (size_t)(dot - path) : len;
	struct json_object *object = NULL;
	char *key = strndup(path, used);
	bool exists = json_object_object_get_ex(map->node, key, &object);

	free(key);
	if (!exists)
		return 0;
	describe(object, found);
	return used;
}

static bool
get_item(const struct template_value *list, size_t index, struct template_value *found)
{
	if (index >= json_object_array_length(list->node))
		return false;
	describe(json_object_array_get_idx(list->node, index), found);
	return true;
}

static const struct template_data json_data = { .get = get_key, .item = get_item };

static void
describe(struct json_object *object, struct template_value *value)
{
	*value = (struct template_value){ .node = object, .data = &json_data };

	switch (json_object_get_type(object)) {
	case json_type_null:
		value->kind = TEMPLATE_NULL;
		break;
	case json_type_boolean:
		value->kind =
		    json_object_get_boolean(object) ? TEMPLATE_TRUE : TEMPLATE_FALSE;
		break;
	case json_type_array:
		value->kind = TEMPLATE_LIST;
		break;
	case json_type_object:
		value->kind = TEMPLATE_MAP;
		break;
	case json_type_double:
	case json_type_int:
	case json_type_string:
		value->kind = TEMPLATE_TEXT;
		value->plain = json_object_get_string(object);
		break;
	}
}

/* ---- the cases ---- */

static const char *
get_string(struct json_object *test, const char *key)
{
	return json_object_get_string(json_object_object_get(test, key));
}

static bool
is_expected(const struct difference *difference, enum template_result result,
    const char *rendered, const char *expected)
{
	if (difference != NULL && difference->reason == NOT_FOUND)
		return result == TEMPLATE_MISSING;
	if (difference != NULL)
		expected = difference->expected;
	if (result == TEMPLATE_RENDERED && strcmp(rendered, expected) == 0)
		return true;
	print_error("expected: %s\nrendered: %s\n", expected, rendered);
	return false;
}

static bool
renders(const struct template *template, const struct difference *difference,
    struct json_object *test)
{
	struct template_value root;
	struct marked out;
	bool good;
	enum template_result result;

	describe(json_object_object_get(test, "data"), &root);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	result = template_render(template, &root, &out, NULL, NULL);
	good = is_expected(
	    difference, result, out.text.data, get_string(test, "expected"));
	marked_clear(&out);
	return good;
}

static bool
passes(const struct difference *difference, struct json_object *test)
{
	const char *source = get_string(test, "template");
	bool refused = difference != NULL && difference->reason == NO_PARTIALS;
	struct template_fault fault = { .message = "" };
	struct template *template;
	struct marked marked;
	bool good;

	marked_init(&marked, BUFFER_UNLIMITED);
	marked_append(&marked, source, strlen(source), MARK_OWN);
	template = template_compile(&marked, TEMPLATE_PLAIN, &fault);
	marked_clear(&marked);
	good = template == NULL ? refused
	                        : !refused && renders(template, difference, test);
	template_free(template);
	if (!good)
		print_error(
		    "\"%s\" fails %s\n", get_string(test, "name"), fault.message);
	return good;
}

static void
run_list(void **state, const char *name, size_t least_count)
{
	struct json_object *tests = json_object_object_get(*state, name);
	size_t differing = 0;
	bool all_good = true;

	assert_true(json_object_array_length(tests) >= least_count);
	for (size_t i = 0; i < json_object_array_length(tests); i++) {
		struct json_object *test = json_object_array_get_idx(tests, i);
		const struct difference *difference =
		    find_difference(name, get_string(test, "name"));

		differing += difference != NULL;
		all_good = passes(difference, test) && all_good;
	}
	assert_true(all_good);
	/* Otherwise one of them is misspelt, or has gone. */
	assert_int_equal(differing, count_differences(name));
}

static void
test_interpolation_is_as_specified(void **state)
{
	run_list(state, "interpolation", 42);
}

static void
test_sections_are_as_specified(void **state)
{
	run_list(state, "sections", 34);
}

static void
test_inverted_sections_are_as_specified(void **state)
{
	run_list(state, "inverted", 22);
}

static void
test_comments_are_as_specified(void **state)
{
	run_list(state, "comments", 12);
}

static void
test_delimiters_are_as_specified(void **state)
{
	run_list(state, "delimiters", 14);
}

static int
load_specification(void **state)
{
	*state = json_object_from_file(TESTDATA_DIR "/mustache_spec.json");
	if (*state == NULL)
		print_error("%s\n", json_util_get_last_err());
	return *state != NULL ? 0 : -1;
}

static int
free_specification(void **state)
{
	json_object_put(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interpolation_is_as_specified),
		cmocka_unit_test(test_sections_are_as_specified),
		cmocka_unit_test(test_inverted_sections_are_as_specified),
		cmocka_unit_test(test_comments_are_as_specified),
		cmocka_unit_test(test_delimiters_are_as_specified),
	};

	return cmocka_run_group_tests(tests, load_specification, free_specification);
}
