#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "parsed.h"

static void
assert_place(const struct yaml_node *node, unsigned line, unsigned column)
{
	assert_non_null(node);
	assert_int_equal(node->place.line, line);
	assert_int_equal(node->place.column, column);
}

/* "HEAD", COUNT times "REPEATED", "TAIL" parsed; the caller clears it. */
static void
parse_repeated(struct parsed *parsed, const char *head, const char *repeated,
    size_t count, const char *tail)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, head);
	for (size_t i = 0; i < count; i++)
		buffer_append_string(&text, repeated);
	buffer_append_string(&text, tail);
	parsed_init_len(parsed, text.data, text.len);
	buffer_clear(&text);
}

static void
assert_repeated(const char *head, const char *repeated, size_t count, const char *tail,
    const char *lines)
{
	struct parsed parsed;

	parse_repeated(&parsed, head, repeated, count, tail);
	assert_string_equal(parsed.lines.data, lines);
	assert_true((parsed.root != NULL) == (lines[0] == '\0'));
	parsed_clear(&parsed);
}

static void
test_maps_lists_and_scalars_become_nodes(UNUSED void **state)
{
	assert_parsed("a: 1\nb: [x, \"y\", 'z']\nc:\n  d: |\n    t\n  e:\n",
	    "{a: 1, b: [x, 'y', 'z'], c: {d: 't\n', e: }}", "");
}

static void
test_nothing_is_guessed_from_looks(UNUSED void **state)
{
	assert_parsed("a: no\nb: 012\nc: 1:30\nd: ~\ne: 0x10\n",
	    "{a: no, b: 012, c: 1:30, d: ~, e: 0x10}", "");
}

static void
test_an_empty_text_is_an_empty_map(UNUSED void **state)
{
	assert_parsed("", "{}", "");
	assert_parsed("# comment\n\n", "{}", "");
	assert_parsed("---\n", "{}", "");
	assert_parsed("--- # c\n...\n", "{}", "");
	assert_parsed("\xef\xbb\xbf", "{}", "");
}

static void
test_the_top_must_be_a_map(UNUSED void **state)
{
	assert_parsed(
	    "[a]\n", NULL, "f:1:1: error: expected a map of keys and values\n");
	assert_parsed(
	    "\n  word\n", NULL, "f:2:3: error: expected a map of keys and values\n");
	assert_parsed(
	    "\"\"\n", NULL, "f:1:1: error: expected a map of keys and values\n");
}

static void
test_places_count_characters_from_one(UNUSED void **state)
{
	struct parsed parsed;

	parsed_init(&parsed,
	    "\xef\xbb\xbf\xc3\xa4: {k: v}\n\nb:\n  - \"\xf0\x9f\x98\x80\"\n  - {x: y}\n");
	assert_place(parsed.root, 1, 1);
	assert_place(yaml_get(parsed.root, "\xc3\xa4"), 1, 4);
	assert_place(yaml_get(yaml_get(parsed.root, "\xc3\xa4"), "k"), 1, 8);
	assert_place(yaml_get(parsed.root, "b"), 4, 3);
	assert_place(yaml_get(parsed.root, "b")->items[0], 4, 5);
	assert_place(parsed.root->pairs[1].key, 3, 1);
	assert_place(yaml_get(parsed.root, "b")->items[1], 5, 5);
	parsed_clear(&parsed);
}

static void
test_a_key_that_is_not_there_is_null(UNUSED void **state)
{
	struct parsed parsed;

	parsed_init(&parsed, "a: 1\n");
	assert_null(yaml_get(parsed.root, "b"));
	assert_string_equal(yaml_get(parsed.root, "a")->text, "1");
	parsed_clear(&parsed);
}

static void
test_bad_yaml_is_told_in_its_place(UNUSED void **state)
{
	assert_parsed("a: b: c\n", NULL,
	    "f:1:5: error: not valid YAML: mapping values are not allowed in "
	    "this context (a text with \": \" in it must be quoted, or stand behind | in "
	    "lines of its own; or this line is indented too far)\n");
	assert_parsed("a: {b: ${C}}\n", NULL,
	    "f:1:9: error: not valid YAML: did not find expected ',' or '}' while "
	    "parsing a flow mapping (within { } a text with {, } or , in it must be "
	    "quoted)\n");
	assert_parsed("a: [1\nb: 2\n", NULL,
	    "f:2:2: error: not valid YAML: did not find expected ',' or ']' "
	    "while parsing a flow sequence that starts on line 1\n");
	assert_parsed("a:\n\t- b\n", NULL,
	    "f:2:1: error: not valid YAML: found a tab, @, ` or % where a value "
	    "should start: indent with spaces, quote the others\n");
	assert_parsed("a: !x!y z\n", NULL,
	    "f:1:4: error: not valid YAML: found undefined tag handle while "
	    "parsing a node\n");
}

static void
test_faults_before_bad_yaml_are_kept(UNUSED void **state)
{
	assert_parsed("a: !t 1\nb: ]\n", NULL,
	    "f:1:4: error: tags (!t) are not taken: each key has its own type\n"
	    "f:2:4: error: not valid YAML: did not find expected node content "
	    "while parsing a block node\n");
}

static void
test_tags_are_faults(UNUSED void **state)
{
	assert_parsed("a: !!str yes\nb: ! x\nc: !t [1]\nd: !t {e: 1}\n",
	    "{a: yes, b: x, c: [1], d: {e: 1}}",
	    "f:1:4: error: tags (tag:yaml.org,2002:str) are not taken: each key "
	    "has its own type\n"
	    "f:2:4: error: tags (!) are not taken: each key has its own type\n"
	    "f:3:4: error: tags (!t) are not taken: each key has its own type\n"
	    "f:4:4: error: tags (!t) are not taken: each key has its own type\n");
	assert_parsed("!t a: 1\n", "{a: 1}",
	    "f:1:1: error: tags (!t) are not taken: each key has its own type\n");
}

static void
test_a_second_document_is_a_fault(UNUSED void **state)
{
	assert_parsed("a: 1\n---\nb: 1\n", "{a: 1}",
	    "f:2:1: error: a second document: a config is one\n");
	assert_parsed("a: 1\n...\n# comment\n", "{a: 1}", "");
}

static void
test_a_key_must_be_text(UNUSED void **state)
{
	assert_parsed("? [x]\n: 1\n? {y: 1}\n: 2\nz: 3\n", "{z: 3}",
	    "f:1:3: error: a key must be text, not a list (a value that starts with [ must be "
	    "quoted)\n"
	    "f:3:3: error: a key must be text, not a map (a value that starts with { must be "
	    "quoted)\n");
	assert_parsed("x: &x [1]\n*x : 2\n", "{x: [1]}",
	    "f:2:1: error: a key must be text, not a list (a value that starts with [ must be "
	    "quoted)\n");
}

static void
test_a_nul_in_a_scalar_is_a_fault(UNUSED void **state)
{
	assert_parsed("a: \"x\\0y\"\n", "{a: 'x'}",
	    "f:1:4: error: text cannot hold a NUL character\n");
}

static void
test_aliases_stand_for_their_anchors(UNUSED void **state)
{
	assert_parsed("a: &a [1, {x: y}]\nb: *a\nc: [*a]\n",
	    "{a: [1, {x: y}], b: [1, {x: y}], c: [[1, {x: y}]]}", "");
	assert_parsed("a: &k name\n*k : 1\n", "{a: name, name: 1}", "");
}

static void
test_an_aliased_key_stands_at_its_own_place(UNUSED void **state)
{
	struct parsed parsed;

	parsed_init(&parsed, "a: &k name\n*k : 1\n");
	assert_place(parsed.root->pairs[1].key, 2, 1);
	parsed_clear(&parsed);
}

static void
test_an_anchor_may_be_given_again(UNUSED void **state)
{
	assert_parsed(
	    "a: &a 1\nb: *a\nc: &a 2\nd: *a\n", "{a: 1, b: 1, c: 2, d: 2}", "");
}

static void
test_an_unknown_alias_is_a_fault(UNUSED void **state)
{
	assert_parsed("a: *x\nb: [*y, 1]\n*z : 1\n", "{b: [1]}",
	    "f:1:4: error: unknown alias *x: no &x stands before it\n"
	    "f:2:5: error: unknown alias *y: no &y stands before it\n"
	    "f:3:1: error: unknown alias *z: no &z stands before it\n");
	assert_parsed(
	    "*x\n", NULL, "f:1:1: error: unknown alias *x: no &x stands before it\n");
}

static void
test_an_alias_in_its_own_anchor_is_a_fault(UNUSED void **state)
{
	assert_parsed("a: &a [*a, 1]\nb: &b {c: {d: *b}}\n", "{a: [1], b: {c: {}}}",
	    "f:1:8: error: the alias *a is part of itself\n"
	    "f:2:15: error: the alias *b is part of itself\n");
	assert_parsed("a: &a {<<: *a, b: 1}\n", "{a: {b: 1}}",
	    "f:1:12: error: the alias *a is part of itself\n");
	assert_parsed("&top\na: *top\nb: 1\n", "{b: 1}",
	    "f:2:4: error: the alias *top is part of itself\n");
}

static void
test_nesting_over_32_levels_is_a_fault(UNUSED void **state)
{
	assert_repeated("a: ", "[", 31, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "");
	assert_repeated("a: ", "[", 32, "", "f:1:35: error: nested over 32 levels\n");
	assert_repeated("", "{a: ", 33, "", "f:1:129: error: nested over 32 levels\n");
	/* libyaml alone takes minutes for this. */
	assert_repeated(
	    "a: ", "[", 1000000, "", "f:1:35: error: nested over 32 levels\n");
}

static void
test_aliases_do_not_nest_deeper_either(UNUSED void **state)
{
	struct parsed parsed;
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "a0: &a0 [x]\n");
	for (int i = 1; i <= 31; i++)
		buffer_append_format(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	parsed_init_len(&parsed, text.data, text.len);
	assert_string_equal(parsed.lines.data,
	    "f:32:12: error: nested over 32 levels with what the alias stands for\n");
	assert_null(parsed.root);
	parsed_clear(&parsed);
	buffer_clear(&text);
}

static void
test_merges_one_after_the_other_do_not_nest(UNUSED void **state)
{
	struct parsed parsed;
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "a0: &a0 {x: y}\n");
	for (int i = 1; i <= 100; i++)
		buffer_append_format(&text, "a%d: &a%d {<<: *a%d}\n", i, i, i - 1);
	parsed_init_len(&parsed, text.data, text.len);
	assert_string_equal(parsed.lines.data, "");
	assert_string_equal(yaml_get(yaml_get(parsed.root, "a100"), "x")->text, "y");
	parsed_clear(&parsed);
	buffer_clear(&text);
}

static void
test_aliases_do_not_expand_past_the_limit(UNUSED void **state)
{
	/* The map, two keys, the list and its 8 items, the second list: 13 nodes. */
	assert_repeated(
	    "x-a: &a [1, 2, 3, 4, 5, 6, 7, 8]\nx-b: [", "*a,", 11109, "]\n", "");
	assert_repeated("x-a: &a [1, 2, 3, 4, 5, 6, 7, 8]\nx-b: [", "*a,", 11111, "]\n",
	    "f:2:33334: error: the aliases up to here stand for more than 100000 "
	    "nodes\n");
}

static void
test_a_bomb_of_aliases_does_not_go_off(UNUSED void **state)
{
	struct parsed parsed;
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 10; i++) {
		buffer_append_format(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			buffer_append_format(&text, "*a%d, ", i - 1);
		buffer_append_string(&text, "]\n");
	}
	parsed_init_len(&parsed, text.data, text.len);
	assert_non_null(strstr(parsed.lines.data, "more than 100000 nodes"));
	assert_null(parsed.root);
	parsed_clear(&parsed);
	buffer_clear(&text);
}

static void
test_a_bomb_of_text_does_not_go_off(UNUSED void **state)
{
	struct parsed parsed;
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "a: &a '");
	for (int i = 0; i < 100000; i++)
		buffer_append_string(&text, "0123456789");
	buffer_append_string(&text, "'\nb: [");
	for (int i = 0; i < 67; i++)
		buffer_append_string(&text, "*a,");
	buffer_append_string(&text, "]\n");
	parsed_init_len(&parsed, text.data, text.len);
	assert_string_equal(parsed.lines.data,
	    "f:2:203: error: the aliases up to here stand for more than 64MiB of "
	    "text\n");
	assert_null(parsed.root);
	parsed_clear(&parsed);
	buffer_clear(&text);
}

static void
test_many_nodes_without_aliases_are_no_fault(UNUSED void **state)
{
	assert_repeated("a: [", "1,", 150000, "]\n", "");
}

static void
test_a_text_over_8_mib_is_a_fault(UNUSED void **state)
{
	assert_repeated("", "# 345678901234\n", 8 * 1024 * 1024 / 15 + 1, "",
	    "f:1:1: error: the file is larger than 8MiB\n");
}

static void
test_nodes_can_be_made(UNUSED void **state)
{
	struct parsed parsed;
	struct buffer shown;
	struct place place = { .file = 0, .line = 7, .column = 8 };
	struct yaml_pair pairs[2];
	const struct yaml_node *map;

	parsed_init(&parsed, "a: [1]\n");
	pairs[0].key = yaml_make_scalar(parsed.tree, place, "url");
	pairs[0].value = yaml_make_scalar(parsed.tree, place, "http://x/");
	pairs[1] = parsed.root->pairs[0];
	map = yaml_make_map(parsed.tree, place, pairs, 2);
	memset(pairs, 0, sizeof(pairs));

	buffer_init(&shown, BUFFER_UNLIMITED);
	parsed_show(map, &shown);
	assert_string_equal(shown.data, "{url: http://x/, a: [1]}");
	assert_place(map, 7, 8);
	assert_int_equal(yaml_make_map(parsed.tree, place, NULL, 0)->count, 0);
	buffer_clear(&shown);
	parsed_clear(&parsed);
}

static void
test_a_file_is_read_whole_or_told_at_its_top(UNUSED void **state)
{
	struct faults *faults = faults_new();
	struct parsed parsed = { .faults = faults };
	char folder[] = "/tmp/test_yaml-XXXXXX";
	char *text = NULL;
	size_t len = 0;
	unsigned file = faults_add_file(faults, "f");

	buffer_init(&parsed.lines, BUFFER_UNLIMITED);
	assert_true(yaml_read_file("/dev/null", file, faults, &text, &len));
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	free(text);

	assert_non_null(mkdtemp(folder));
	assert_false(yaml_read_file(folder, file, faults, &text, &len));
	assert_string_equal(
	    parsed_lines(&parsed), "f:1:1: error: cannot be read: Is a directory\n");
	assert_int_equal(rmdir(folder), 0);
	assert_false(yaml_read_file(folder, file, faults, &text, &len));
	assert_false(yaml_read_file("/dev/zero", file, faults, &text, &len));
	assert_string_equal(parsed_lines(&parsed),
	    "f:1:1: error: cannot be read: Is a directory\n"
	    "f:1:1: error: cannot be read: No such file or directory\n"
	    "f:1:1: error: the file is larger than 8MiB\n");
	parsed_clear(&parsed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps_lists_and_scalars_become_nodes),
		cmocka_unit_test(test_nothing_is_guessed_from_looks),
		cmocka_unit_test(test_an_empty_text_is_an_empty_map),
		cmocka_unit_test(test_the_top_must_be_a_map),
		cmocka_unit_test(test_places_count_characters_from_one),
		cmocka_unit_test(test_a_key_that_is_not_there_is_null),
		cmocka_unit_test(test_bad_yaml_is_told_in_its_place),
		cmocka_unit_test(test_faults_before_bad_yaml_are_kept),
		cmocka_unit_test(test_tags_are_faults),
		cmocka_unit_test(test_a_second_document_is_a_fault),
		cmocka_unit_test(test_a_key_must_be_text),
		cmocka_unit_test(test_a_nul_in_a_scalar_is_a_fault),
		cmocka_unit_test(test_aliases_stand_for_their_anchors),
		cmocka_unit_test(test_an_aliased_key_stands_at_its_own_place),
		cmocka_unit_test(test_an_anchor_may_be_given_again),
		cmocka_unit_test(test_an_unknown_alias_is_a_fault),
		cmocka_unit_test(test_an_alias_in_its_own_anchor_is_a_fault),
		cmocka_unit_test(test_nesting_over_32_levels_is_a_fault),
		cmocka_unit_test(test_aliases_do_not_nest_deeper_either),
		cmocka_unit_test(test_merges_one_after_the_other_do_not_nest),
		cmocka_unit_test(test_aliases_do_not_expand_past_the_limit),
		cmocka_unit_test(test_a_bomb_of_aliases_does_not_go_off),
		cmocka_unit_test(test_a_bomb_of_text_does_not_go_off),
		cmocka_unit_test(test_many_nodes_without_aliases_are_no_fault),
		cmocka_unit_test(test_a_text_over_8_mib_is_a_fault),
		cmocka_unit_test(test_nodes_can_be_made),
		cmocka_unit_test(test_a_file_is_read_whole_or_told_at_its_top),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
