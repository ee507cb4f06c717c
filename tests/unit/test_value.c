#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/value.h"
#include "parsed.h"

/* The value of the key "v". */
struct loaded {
	struct parsed parsed;
	struct value *value;
	struct template_value seen; /* where there is a value */
};

static void
load(struct loaded *loaded, const char *yaml)
{
	struct parsed *parsed = &loaded->parsed;

	parsed_init(parsed, yaml);
	assert_non_null(parsed->root);
	loaded->value = value_load(yaml_get(parsed->root, "v"), "/", parsed->faults);
	if (loaded->value != NULL)
		value_for_template(loaded->value, &loaded->seen);
}

static void
unload(struct loaded *loaded)
{
	value_free(loaded->value);
	parsed_clear(&loaded->parsed);
}

static void
assert_kind(const char *yaml, enum value_kind kind)
{
	struct loaded loaded;

	load(&loaded, yaml);
	assert_string_equal(parsed_lines(&loaded.parsed), "");
	assert_int_equal(loaded.value->kind, kind);
	unload(&loaded);
}

/* JSON of the value, as it is and as it may be shown. */
static void
assert_json(const char *yaml, const char *real, const char *shown)
{
	struct loaded loaded;
	struct marked out;
	char *seen;

	load(&loaded, yaml);
	marked_init(&out, BUFFER_UNLIMITED);
	assert_true(loaded.seen.data->json(&loaded.seen, &out));
	assert_string_equal(out.text.data, real);
	seen = marked_shown(&out);
	assert_string_equal(seen, shown);
	free(seen);
	marked_clear(&out);
	unload(&loaded);
}

static void
test_plain_words_and_numbers_have_their_type(UNUSED void **state)
{
	assert_kind("v: true", VALUE_TRUE);
	assert_kind("v: false", VALUE_FALSE);
	assert_kind("v: null", VALUE_NULL);
	assert_kind("v: 0", VALUE_NUMBER);
	assert_kind("v: -12.50e+3", VALUE_NUMBER);
	assert_kind("v: 1E5", VALUE_NUMBER);
	assert_kind("v: 18446744073709551616", VALUE_NUMBER);
}

static void
test_all_other_scalars_are_text(UNUSED void **state)
{
	static const char *const texts[] = {
		"True",
		"NULL",
		"~",
		"",
		"yes",
		"no",
		"on",
		"012",
		"0x10",
		"1_000",
		"+1",
		".5",
		"5.",
		"1e",
		"1e+",

		"--1",
		"-01",
		"1:30",
		"Infinity",
		".nan",
		"1 2",
		"truex",
		"nul",
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct buffer yaml;

		buffer_init(&yaml, BUFFER_UNLIMITED);
		buffer_append_format(&yaml, "v: %s\n", texts[i]);
		assert_kind(yaml.data, VALUE_STRING);
		buffer_clear(&yaml);
	}
}

static void
test_what_is_quoted_is_text(UNUSED void **state)
{
	assert_kind("v: 'true'", VALUE_STRING);
	assert_kind("v: \"5\"", VALUE_STRING);
	assert_kind("v: |-\n  5\n", VALUE_STRING);
}

static void
test_what_is_put_in_is_text(UNUSED void **state)
{
	setenv("GT_FIVE", "5", 1);
	assert_kind("v: ${GT_FIVE}", VALUE_STRING);
	assert_kind("v: 1${GT_FIVE}", VALUE_STRING);
	assert_kind("v: ${GT_NONE:-true}", VALUE_STRING);
}

static void
test_numbers_keep_their_text(UNUSED void **state)
{
	struct loaded loaded;

	load(&loaded, "v: 1.10e0");
	assert_string_equal(loaded.value->text.value.text.data, "1.10e0");
	assert_int_equal(loaded.seen.kind, TEMPLATE_TEXT);
	assert_string_equal(loaded.seen.text->text.data, "1.10e0");
	unload(&loaded);
}

static void
test_all_faults_of_a_tree_are_told(UNUSED void **state)
{
	struct loaded loaded;

	unsetenv("GT_NONE");
	load(&loaded, "v:\n  - ${GT_NONE}\n  - {a: [\"${GT_NONE}\", 1], b: \"${}\"}\n");
	assert_null(loaded.value);
	(void)parsed_lines(&loaded.parsed);
	assert_int_equal(faults_error_count(loaded.parsed.faults), 3);
	unload(&loaded);
}

static void
assert_found(
    const struct template_value *map, const char *path, size_t used, const char *text)
{
	struct template_value found;

	assert_int_equal(map->data->get(map, path, strlen(path), &found), used);
	if (used > 0)
		assert_string_equal(found.text->text.data, text);
}

static void
test_a_map_finds_the_longest_key_that_fits(UNUSED void **state)
{
	struct loaded loaded;

	load(&loaded, "v: {a.b: 2, a: 1, a.b.c.d: 3, ab: 4}");
	assert_int_equal(loaded.seen.kind, TEMPLATE_MAP);
	assert_found(&loaded.seen, "a", 1, "1");
	assert_found(&loaded.seen, "a.x", 1, "1");
	assert_found(&loaded.seen, "a.b", 3, "2");
	assert_found(&loaded.seen, "a.b.c", 3, "2");
	assert_found(&loaded.seen, "a.b.c.d", 7, "3");
	assert_found(&loaded.seen, "ab", 2, "4");
	assert_found(&loaded.seen, "abc", 0, NULL);
	assert_found(&loaded.seen, "", 0, NULL);
	unload(&loaded);
}

static void
test_a_path_need_not_end_with_a_nul(UNUSED void **state)
{
	struct loaded loaded;
	struct template_value found;

	load(&loaded, "v: {a: 1, ab: 2}");
	assert_int_equal(loaded.seen.data->get(&loaded.seen, "abc", 1, &found), 1);
	assert_string_equal(found.text->text.data, "1");
	unload(&loaded);
}

static void
test_a_list_finds_its_items(UNUSED void **state)
{
	struct loaded loaded;
	struct template_value found;

	load(&loaded, "v: [x, true, null, {a: 1}]");
	assert_int_equal(loaded.seen.kind, TEMPLATE_LIST);
	assert_true(loaded.seen.data->item(&loaded.seen, 0, &found));
	assert_string_equal(found.text->text.data, "x");
	assert_true(loaded.seen.data->item(&loaded.seen, 1, &found));
	assert_int_equal(found.kind, TEMPLATE_TRUE);
	assert_true(loaded.seen.data->item(&loaded.seen, 2, &found));
	assert_int_equal(found.kind, TEMPLATE_NULL);
	assert_true(loaded.seen.data->item(&loaded.seen, 3, &found));
	assert_int_equal(found.kind, TEMPLATE_MAP);
	assert_false(loaded.seen.data->item(&loaded.seen, 4, &found));
	assert_false(loaded.seen.data->item(&loaded.seen, SIZE_MAX, &found));
	unload(&loaded);
}

static void
test_maps_have_no_items_and_lists_no_keys(UNUSED void **state)
{
	struct loaded loaded;
	struct template_value found;

	load(&loaded, "v: {0: x}");
	assert_false(loaded.seen.data->item(&loaded.seen, 0, &found));
	unload(&loaded);
	load(&loaded, "v: [x]");
	assert_int_equal(loaded.seen.data->get(&loaded.seen, "0", 1, &found), 0);
	unload(&loaded);
}

static void
test_json_is_compact_and_escaped(UNUSED void **state)
{
	const char *json =
	    "{\"a\":[1,\"1\",true,null,false,[],{}],\"k\\\"\":\"x\\ny\"}";

	assert_json("v: {a: [1, '1', true, null, false, [], {}], 'k\"': \"x\\ny\"}",
	    json, json);
	assert_json("v: []", "[]", "[]");
}

static void
test_json_keeps_what_is_secret(UNUSED void **state)
{
	setenv("GT_KEY", "s3\"cret", 1);
	assert_json("v: {key: \"Bearer ${GT_KEY}!\", n: 5}",
	    "{\"key\":\"Bearer s3\\\"cret!\",\"n\":5}",
	    "{\"key\":\"Bearer ***!\",\"n\":5}");
}

static void
test_json_past_the_maximum_is_refused(UNUSED void **state)
{
	struct loaded loaded;
	struct marked out;

	load(&loaded, "v: [abc, {d: ef}, 12]");
	for (size_t max = 0; max < strlen("[\"abc\",{\"d\":\"ef\"},12]"); max++) {
		marked_init(&out, max);
		assert_false(loaded.seen.data->json(&loaded.seen, &out));
		marked_clear(&out);
	}
	unload(&loaded);
}

static void
assert_argument(const char *text, enum value_kind kind, const char *source)
{
	struct value *value = value_from_argument(text);

	assert_int_equal(value->kind, kind);
	assert_string_equal(value->text.value.text.data, text);
	assert_string_equal(value->text.source, source);
	assert_false(text_has_reference(&value->text));
	value_free(value);
}

static void
test_an_argument_is_as_if_plain_with_nothing_put_in(UNUSED void **state)
{
	assert_argument("5", VALUE_NUMBER, "5");
	assert_argument("true", VALUE_TRUE, "true");
	assert_argument("", VALUE_STRING, "");
	assert_argument("[a]", VALUE_STRING, "[a]");
	assert_argument("${HOME} $$", VALUE_STRING, "$${HOME} $$$$");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_words_and_numbers_have_their_type),
		cmocka_unit_test(test_all_other_scalars_are_text),
		cmocka_unit_test(test_what_is_quoted_is_text),
		cmocka_unit_test(test_what_is_put_in_is_text),
		cmocka_unit_test(test_numbers_keep_their_text),
		cmocka_unit_test(test_all_faults_of_a_tree_are_told),
		cmocka_unit_test(test_a_map_finds_the_longest_key_that_fits),
		cmocka_unit_test(test_a_path_need_not_end_with_a_nul),
		cmocka_unit_test(test_a_list_finds_its_items),
		cmocka_unit_test(test_maps_have_no_items_and_lists_no_keys),
		cmocka_unit_test(test_json_is_compact_and_escaped),
		cmocka_unit_test(test_json_keeps_what_is_secret),
		cmocka_unit_test(test_json_past_the_maximum_is_refused),
		cmocka_unit_test(test_an_argument_is_as_if_plain_with_nothing_put_in),
	};

	return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
