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
test_a_number_is_json_as_it_stands(UNUSED void **state)
{
	struct loaded loaded;
	struct template_value found;

	load(&loaded, "v: [1.50, '1.50', true, x]");
	assert_true(loaded.seen.data->item(&loaded.seen, 0, &found));
	assert_true(found.number);
	for (size_t i = 1; i < 4; i++) {
		assert_true(loaded.seen.data->item(&loaded.seen, i, &found));
		assert_false(found.number);
	}
	unload(&loaded);
}

static void
test_numbers_are_those_of_json(UNUSED void **state)
{
	assert_true(value_text_is_number("0"));
	assert_true(value_text_is_number("-1.5e+9"));
	assert_false(value_text_is_number(""));
	assert_false(value_text_is_number("01"));
	assert_false(value_text_is_number("+1"));
	assert_false(value_text_is_number("1 "));
	assert_false(value_text_is_number("nan"));
}

static void
assert_place(struct place place, unsigned line, unsigned column)
{
	assert_int_equal(place.line, line);
	assert_int_equal(place.column, column);
}

static void
test_every_kind_of_value_and_every_key_has_its_place(UNUSED void **state)
{
	struct loaded loaded;
	const struct value *v;
	struct value *argument = value_from_argument("5");

	load(&loaded, "v:\n  a: [x, {b: 1}]\n  c: null\n  d: {}\n");
	v = loaded.value;
	assert_place(v->place, 2, 3);
	assert_place(v->key_places[0], 2, 3);
	assert_place(v->items[0]->place, 2, 6);
	assert_place(v->items[0]->items[0]->place, 2, 7);
	assert_place(v->items[0]->items[1]->place, 2, 10);
	assert_place(v->items[0]->items[1]->key_places[0], 2, 11);
	assert_place(v->items[0]->items[1]->items[0]->place, 2, 14);
	assert_place(v->key_places[1], 3, 3);
	assert_place(v->items[1]->place, 3, 6);
	assert_place(v->items[2]->place, 4, 6);
	assert_place(argument->place, 0, 0);
	value_free(argument);
	unload(&loaded);
}

static void
test_a_copy_is_the_same_and_its_own(UNUSED void **state)
{
	struct loaded loaded;
	struct value *copy;

	setenv("GT_KEY", "s3cret-word", 1);
	load(&loaded,
	    "v: {a: [1, '1', true, null, [], {}], b: \"x${GT_KEY}\", c: {d: e}}");
	copy = value_copy(loaded.value);
	assert_true(value_equal(copy, loaded.value));
	assert_place(copy->items[1]->place, loaded.value->items[1]->place.line,
	    loaded.value->items[1]->place.column);
	assert_true(marked_has_secret(&copy->items[1]->text.value));
	/* What is added to one is not in the other. */
	value_set(copy, "z", value_from_argument("1"));
	value_set(copy, "b", value_from_argument("2"));
	assert_null(value_get(loaded.value, "z"));
	assert_int_equal(loaded.value->count, 3);
	assert_true(marked_has_secret(&loaded.value->items[1]->text.value));
	unload(&loaded);
	assert_string_equal(value_get(copy, "b")->text.value.text.data, "2");
	assert_string_equal(value_get(copy, "c")->items[0]->text.value.text.data, "e");
	value_free(copy);
	assert_null(value_copy(NULL));
}

static void
test_a_map_gets_what_it_has_not(UNUSED void **state)
{
	struct loaded own, from;

	load(&own, "v: {b: own, c: {x: 1}}");
	load(&from, "v: {a: 1, b: 2, c: {y: 2}, d: 3}");
	value_merge(own.value, from.value);
	unload(&from);
	assert_int_equal(own.value->count, 4);
	assert_string_equal(value_get(own.value, "b")->text.value.text.data, "own");
	/* Key by key, but no deeper. */
	assert_int_equal(value_get(own.value, "c")->count, 1);
	assert_string_equal(value_get(own.value, "a")->text.value.text.data, "1");
	/* Its own stand first. */
	assert_string_equal(own.value->keys[0], "b");
	assert_string_equal(own.value->keys[2], "a");
	assert_string_equal(own.value->keys[3], "d");
	assert_place(own.value->key_places[2], 1, 5);
	unload(&own);
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
		cmocka_unit_test(test_a_number_is_json_as_it_stands),
		cmocka_unit_test(test_numbers_are_those_of_json),
		cmocka_unit_test(test_every_kind_of_value_and_every_key_has_its_place),
		cmocka_unit_test(test_a_copy_is_the_same_and_its_own),
		cmocka_unit_test(test_a_map_gets_what_it_has_not),
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
