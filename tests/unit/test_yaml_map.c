#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsed.h"

static void
test_a_doubled_key_is_told_at_the_second_and_names_the_first(UNUSED void **state)
{
	assert_parsed("a: 1\nb: 2\na: 3\n", "{a: 1, b: 2}",
	    "f:3:1: error: doubled key \"a\": it stands on line 1 already\n");
	assert_parsed("m: {a: 1, a: 2, a: 3}", "{m: {a: 1}}",
	    "f:1:11: error: doubled key \"a\": it stands on line 1 already\n"
	    "f:1:17: error: doubled key \"a\": it stands on line 1 already\n");
}

static void
test_a_doubled_key_may_be_spelled_otherwise(UNUSED void **state)
{
	assert_parsed("ab: 1\n\"a\\x62\": 2\n", "{ab: 1}",
	    "f:2:1: error: doubled key \"ab\": it stands on line 1 already\n");
	assert_parsed("x: &k ab\nab: 1\n*k : 2\n", "{x: ab, ab: 1}",
	    "f:3:1: error: doubled key \"ab\": it stands on line 2 already\n");
}

static void
test_keys_that_only_look_alike_are_not_doubled(UNUSED void **state)
{
	assert_parsed(
	    "a: 1\nA: 2\nab: 3\n\" a\": 4\n", "{a: 1, A: 2, ab: 3, ' a': 4}", "");
}

static void
test_doubled_keys_of_what_breaks_off_are_told_too(UNUSED void **state)
{
	assert_parsed("m:\n  a: 1\n  a: 2\n  b: [\n", NULL,
	    "f:3:3: error: doubled key \"a\": it stands on line 2 already\n"
	    "f:5:1: error: not valid YAML: did not find expected node content "
	    "while parsing a flow node (a text that begins with [ or {, such as "
	    "[::1]:8787, must be quoted)\n");
}

static void
test_own_keys_win_over_merged_ones(UNUSED void **state)
{
	assert_parsed("x: &x {a: 1, b: 2}\nm: {b: 3, <<: *x, c: 4}\n",
	    "{x: {a: 1, b: 2}, m: {b: 3, c: 4, a: 1}}", "");
	assert_parsed(
	    "x: &x {a: 1}\nm: {<<: *x, a: 2}\n", "{x: {a: 1}, m: {a: 2}}", "");
}

static void
test_earlier_maps_of_a_merged_list_win(UNUSED void **state)
{
	assert_parsed("m: {<<: [{a: 1, b: 1}, {b: 2, c: 2}, {c: 3, d: 3}]}\n",
	    "{m: {a: 1, b: 1, c: 2, d: 3}}", "");
	assert_parsed("l: &l [{a: 1}, {a: 2}]\nm: {<<: *l}\n",
	    "{l: [{a: 1}, {a: 2}], m: {a: 1}}", "");
	assert_parsed("m: {<<: []}\n", "{m: {}}", "");
}

static void
test_a_merge_of_a_merge_brings_all(UNUSED void **state)
{
	assert_parsed("a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n",
	    "{a: {x: 1, y: 1}, b: {y: 2, x: 1}, c: {z: 3, y: 2, x: 1}}", "");
}

static void
test_only_maps_are_merged(UNUSED void **state)
{
	assert_parsed("m: {<<: 5, a: 1}\n", "{m: {a: 1}}",
	    "f:1:5: error: <<: expected a map or a list of maps to merge\n");
	assert_parsed("m:\n  <<: [{a: 1}, b]\n", "{m: {}}",
	    "f:2:3: error: <<: expected a map or a list of maps to merge\n");
}

static void
test_a_second_merge_key_is_doubled(UNUSED void **state)
{
	assert_parsed("m: {<<: {a: 1}, <<: {b: 1}}\n", "{m: {a: 1}}",
	    "f:1:17: error: doubled key \"<<\": it stands on line 1 already\n");
}

static void
test_a_quoted_merge_key_is_an_ordinary_one(UNUSED void **state)
{
	assert_parsed(
	    "m: {\"<<\": {a: 1}, <<: {b: 1}}\n", "{m: {'<<': {a: 1}, b: 1}}", "");
}

static void
test_a_long_doubled_key_is_quoted_in_part(UNUSED void **state)
{
	struct buffer text;
	struct parsed parsed;
	struct buffer lines;

	/* Cut at byte 80, which is inside of a character. */
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_init(&lines, BUFFER_UNLIMITED);
	buffer_append_string(&lines, "f:2:1: error: doubled key \"x");
	for (int line = 0; line < 2; line++) {
		buffer_append_char(&text, 'x');
		for (int i = 0; i < 60; i++)
			buffer_append_string(&text, "\xc3\xa4");
		buffer_append_string(&text, ": 1\n");
	}
	for (int i = 0; i < 39; i++)
		buffer_append_string(&lines, "\xc3\xa4");
	buffer_append_string(&lines, "\": it stands on line 1 already\n");
	parsed_init_len(&parsed, text.data, text.len);
	assert_string_equal(parsed.lines.data, lines.data);
	parsed_clear(&parsed);
	buffer_clear(&lines);
	buffer_clear(&text);
}

static void
test_large_maps_are_merged_quickly(UNUSED void **state)
{
	struct buffer text;
	struct parsed parsed;

	/* 20000 own and 20000 merged keys: comparing each with each would show. */
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "x: &x\n");
	for (int i = 0; i < 20000; i++)
		buffer_append_format(&text, " k%d: 1\n", i);
	buffer_append_string(&text, "m:\n <<: *x\n");
	for (int i = 10000; i < 30000; i++)
		buffer_append_format(&text, " k%d: 2\n", i);
	parsed_init_len(&parsed, text.data, text.len);
	assert_string_equal(parsed.lines.data, "");
	assert_int_equal(yaml_get(parsed.root, "m")->count, 30000);
	assert_string_equal(yaml_get(yaml_get(parsed.root, "m"), "k10000")->text, "2");
	assert_string_equal(yaml_get(yaml_get(parsed.root, "m"), "k9999")->text, "1");
	parsed_clear(&parsed);
	buffer_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_a_doubled_key_is_told_at_the_second_and_names_the_first),
		cmocka_unit_test(test_a_doubled_key_may_be_spelled_otherwise),
		cmocka_unit_test(test_keys_that_only_look_alike_are_not_doubled),
		cmocka_unit_test(test_doubled_keys_of_what_breaks_off_are_told_too),
		cmocka_unit_test(test_own_keys_win_over_merged_ones),
		cmocka_unit_test(test_earlier_maps_of_a_merged_list_win),
		cmocka_unit_test(test_a_merge_of_a_merge_brings_all),
		cmocka_unit_test(test_only_maps_are_merged),
		cmocka_unit_test(test_a_second_merge_key_is_doubled),
		cmocka_unit_test(test_a_quoted_merge_key_is_an_ordinary_one),
		cmocka_unit_test(test_a_long_doubled_key_is_quoted_in_part),
		cmocka_unit_test(test_large_maps_are_merged_quickly),
	};

	return cmocka_run_group_tests_name("yaml_map", tests, NULL, NULL);
}
