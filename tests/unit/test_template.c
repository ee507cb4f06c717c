#include "template/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/marked.h"
#include "template_test.h"

static void
assert_fault(const char *source, const char *message, size_t offset)
{
	struct template_fault fault = { .message = "" };
	struct marked marked;

	mark(source, &marked);
	assert_null(template_compile(&marked, TEMPLATE_PLAIN, &fault));
	marked_clear(&marked);
	assert_string_equal(fault.message, message);
	assert_int_equal(fault.offset, offset);
}

/* ---- compiling ---- */

static void
test_what_is_not_closed_is_a_fault(UNUSED void **state)
{
	assert_fault("a {{b", "\"{{\" is not closed", 2);
	assert_fault("a {{#b}", "\"{{#\" is not closed", 2);
	assert_fault("{{{a}} b", "\"{{{\" is not closed", 0);
	assert_fault("{{! a", "\"{{!\" is not closed", 0);
	assert_fault("{{=| |}}", "\"{{=\" is not closed", 0);
	assert_fault("{{", "\"{{\" is not closed", 0);
	assert_fault("{{a {{b}}", "\"{{\" is not closed before the next", 0);
	assert_fault("x{{#a}}{{#b}}{{/b}}", "the section \"a\" is not closed", 1);
}

static void
test_a_tag_cannot_span_what_is_put_in(UNUSED void **state)
{
	assert_fault(
	    "a {{b[x]c}}", "\"{{\" is not closed before the value that is put in", 2);
	assert_fault(
	    "a {{[#b]}}", "\"{{\" is not closed before the value that is put in", 2);
	assert_renders(TEMPLATE_PLAIN, "{[x]{plain}}", "{[x]{plain}}");
}

static void
test_wrong_ends_are_faults(UNUSED void **state)
{
	assert_fault("x{{/a}}", "\"/a\" ends no section", 1);
	assert_fault("{{#a}}{{/b}}", "\"/b\" where the section \"a\" is to end", 6);
	assert_fault("{{#ab}}{{/a}}", "\"/a\" where the section \"ab\" is to end", 7);
	assert_fault("{{#a}}{{/ab}}", "\"/ab\" where the section \"a\" is to end", 6);
	assert_fault(
	    "{{#a}}{{^b}}{{/a}}{{/b}}", "\"/a\" where the section \"b\" is to end", 12);
}

static void
test_malformed_names_are_faults(UNUSED void **state)
{
	static const char spaces[] =
	    "a name cannot hold white space or control characters";

	assert_fault("{{}}", "a tag without a name", 0);
	assert_fault("{{ }}", "a tag without a name", 0);
	assert_fault("{{# }}", "a tag without a name", 0);
	assert_fault("{{{}}}", "a tag without a name", 0);
	assert_fault("{{a b}}", spaces, 0);
	assert_fault("{{a\nb}}", spaces, 0);
	assert_fault("{{a\001}}", spaces, 0);
	assert_fault("{{.a}}", "the name \".a\" has an empty part", 0);
	assert_fault("{{a.}}", "the name \"a.\" has an empty part", 0);
	assert_fault("{{a..b}}", "the name \"a..b\" has an empty part", 0);
	assert_fault("{{..}}", "the name \"..\" has an empty part", 0);
}

static void
test_partials_are_faults(UNUSED void **state)
{
	assert_fault("a\n {{> b}}", "partials are not supported", 3);
}

static void
test_malformed_delimiters_are_faults(UNUSED void **state)
{
	static const char *const sources[] = {
		"{{==}}",
		"{{=|=}}",
		"{{= | | | =}}",
		"{{=a= =}}",
		"{{=aaaaaaaaaaaaaaaaa b=}}",
		"{{=a bbbbbbbbbbbbbbbbb=}}",
		"{{=a \001=}}",
	};

	for (size_t i = 0; i < ARRAY_COUNT(sources); i++)
		assert_fault(
		    sources[i], "expected two delimiters such as \"{{=<% %>=}}\"", 0);
	assert_renders(TEMPLATE_PLAIN,
	    "{{=aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb=}}"
	    "aaaaaaaaaaaaaaaaplainbbbbbbbbbbbbbbbb",
	    "[x]");
}

static void
test_new_delimiters_hold_in_all_further_parts(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "{{=|| ||=}}[||x||]||plain|| ||{plain}|| {{x}}",
	    "[||x||x] [x] {{x}}");
}

static void
test_a_fault_shows_whole_characters_of_a_long_name(UNUSED void **state)
{
	struct template_fault fault;
	struct marked marked;

	/* 39 letters, then a character of two bytes: only the first fits. */
	mark("{{/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaéé}}", &marked);
	assert_null(template_compile(&marked, TEMPLATE_PLAIN, &fault));
	marked_clear(&marked);
	assert_string_equal(fault.message,
	    "\"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" ends no section");
}

static void
test_sections_nest_up_to_the_maximum(UNUSED void **state)
{
	struct buffer source;

	nest(&source, TEMPLATE_MAX_DEPTH, "{{#yes}}", "{{plain}}", "{{/yes}}");
	assert_renders(TEMPLATE_PLAIN, source.data, "[x]");
	buffer_clear(&source);

	nest(&source, TEMPLATE_MAX_DEPTH + 1, "{{#yes}}", "", "{{/yes}}");
	assert_fault(source.data, "more than 32 sections inside each other",
	    TEMPLATE_MAX_DEPTH * strlen("{{#yes}}"));
	buffer_clear(&source);
}

static void
test_literal_templates_are_known(UNUSED void **state)
{
	static const struct {
		const char *source;
		bool literal;
	} cases[] = {
		{ "", true },
		{ "a }} b", true },
		{ "a{{! b }}c", true },
		{ "[{{plain}}]<{{plain}}>", true },
		{ "{{a}}", false },
		{ "{{#a}}{{/a}}", false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct template *template = compile(cases[i].source, TEMPLATE_PLAIN);

		assert_int_equal(template_is_literal(template), cases[i].literal);
		template_free(template);
	}
	template_free(NULL);
}

static void
test_templates_of_one_value_are_known(UNUSED void **state)
{
	static const struct {
		const char *source;
		bool value;
	} cases[] = {
		{ "{{{a}}}", true },
		{ "{{{ a.b.0 }}}", true },
		{ "{{&a}}", true },
		{ "{{! b }}{{{a}}}", true },
		{ "", false },
		{ "a", false },
		{ "{{a}}", false },
		{ " {{{a}}}", false },
		{ "{{{a}}}\n", false },
		{ "{{{a}}}{{{a}}}", false },
		{ "{{{a}}}[x]", false },
		{ "{{#a}}{{/a}}", false },
		{ "{{#a}}{{{a}}}{{/a}}", false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct template *template = compile(cases[i].source, TEMPLATE_PLAIN);

		assert_int_equal(template_is_value(template), cases[i].value);
		template_free(template);
	}
}

static void
append_name(const struct template_name *name, void *arg)
{
	buffer_append_format(arg, "%s%s%s@%zu ", name->in_section ? "in " : "",
	    name->is_section ? "section " : "", name->path, name->offset);
}

static void
test_names_are_told_with_their_places(UNUSED void **state)
{
	struct template *template =
	    compile("[{{x}}]{{ a.b }}\n{{#c}}{{.}}{{{d}}}{{^e}}{{&f}}{{/e}}{{/c}}{{g}}",
	        TEMPLATE_PLAIN);
	struct buffer names;

	buffer_init(&names, BUFFER_UNLIMITED);
	template_each_name(template, append_name, &names);
	assert_string_equal(names.data,
	    "a.b@5 section c@15 in d@26 "
	    "in section e@33 in f@39 g@57 ");
	buffer_clear(&names);
	template_free(template);
}

/* ---- rendering ---- */

static void
test_what_was_put_in_is_never_read_again(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "{{tag}}", "[{{plain}}]");
	assert_renders(TEMPLATE_PLAIN, "a[{{plain}}]<{{#x}}>", "a[{{plain}}]<{{#x}}>");
}

static void
test_names_outside_sections_must_exist(UNUSED void **state)
{
	assert_result(TEMPLATE_PLAIN, "a{{gone}}", TEMPLATE_MISSING, "gone");
	assert_result(TEMPLATE_PLAIN, "{{{null}}}", TEMPLATE_MISSING, "null");
	assert_result(TEMPLATE_PLAIN, "{{city.gone}}", TEMPLATE_MISSING, "city.gone");
	assert_result(TEMPLATE_PLAIN, "{{city.mayor}}", TEMPLATE_MISSING, "city.mayor");
	assert_result(TEMPLATE_PLAIN, "{{plain.x}}", TEMPLATE_MISSING, "plain.x");
	assert_result(TEMPLATE_PLAIN, "{{#yes}}{{gone}}{{/yes}}{{gone2}}",
	    TEMPLATE_MISSING, "gone2");
	assert_renders(TEMPLATE_PLAIN, "{{empty}}", "");
}

static void
test_names_inside_sections_may_be_missing(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "{{#yes}}a{{gone}}b{{null}}{{/yes}}", "ab");
	assert_renders(TEMPLATE_PLAIN, "{{^no}}a{{gone}}b{{city.mayor}}{{/no}}", "ab");
	assert_renders(
	    TEMPLATE_PLAIN, "{{#cities}}{{mayor}}{{code}}{{/cities}}", "[YULYUL]");
}

static void
test_truth_is_mustaches_and_empty_text_is_false(UNUSED void **state)
{
	static const struct {
		const char *name;
		bool is_true;
	} cases[] = {
		{ "gone", false },
		{ "null", false },
		{ "no", false },
		{ "none", false },
		{ "empty", false },
		{ "empty_marked", false },
		{ "city.mayor", false },
		{ "yes", true },
		{ "plain", true },
		{ "number", true },
		{ "city", true },
		{ "letters", true },
		{ ".", true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char source[64];

		snprintf(source, sizeof(source), "{{^%s}}F{{/%s}}", cases[i].name,
		    cases[i].name);
		assert_renders(TEMPLATE_PLAIN, source, cases[i].is_true ? "" : "F");
	}
	assert_renders(TEMPLATE_PLAIN, "{{#empty}}T{{/empty}}{{#no}}T{{/no}}", "");
}

static void
test_lists_are_gone_through_and_indexed(UNUSED void **state)
{
	assert_renders(
	    TEMPLATE_PLAIN, "{{#letters}}{{.}},{{/letters}}", "[a],[b],[c],");
	assert_renders(TEMPLATE_PLAIN, "{{letters.0}}{{letters.2}}", "[ac]");
	assert_renders(TEMPLATE_PLAIN, "{{pairs.1.2}}", "[c]");
	assert_renders(TEMPLATE_PLAIN, "{{#pairs}}{{0}}{{#.}}-{{.}}{{/.}};{{/pairs}}",
	    "[a]-[a]-[b]-[c];[a]-[a]-[b]-[c];");
	assert_renders(TEMPLATE_PLAIN, "{{cities.0.code}}", "[YUL]");
	/* Every element counts, even one that is false by itself. */
	assert_renders(
	    TEMPLATE_PLAIN, "{{#odd}}({{.}}){{/odd}}", "()([false])([true])()");
	assert_renders(TEMPLATE_PLAIN, "{{#none}}x{{/none}}", "");
}

static void
test_only_canonical_numbers_index(UNUSED void **state)
{
	static const char *const names[] = {
		"letters.3",
		"letters.00",
		"letters.01",
		"letters.-1",
		"letters.1x",
		"letters.18446744073709551616",
		"letters.99999999999999999999999999",
		"letters.length",
	};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char source[64];

		snprintf(source, sizeof(source), "{{%s}}", names[i]);
		assert_result(TEMPLATE_PLAIN, source, TEMPLATE_MISSING, names[i]);
	}
}

static void
test_names_are_looked_up_from_the_innermost_context(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "{{#city}}{{name}} {{plain}}{{/city}} {{name}}",
	    "[Montréal] [x] [outer]");
	/* text and true have no names of their own */
	assert_renders(TEMPLATE_PLAIN,
	    "{{#plain}}{{#yes}}{{name}}{{.}}{{/yes}}{{/plain}}", "[outertrue]");
	/* a null found in the innermost hides what lies outside */
	assert_renders(TEMPLATE_PLAIN, "{{#city}}{{#mayor}}x{{/mayor}}{{/city}}", "");
}

static void
test_the_rest_of_a_dotted_name_lies_within_its_first_part(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "{{#yes}}{{city.text}}{{/yes}}", "");
	assert_result(TEMPLATE_PLAIN, "{{city.text}}", TEMPLATE_MISSING, "city.text");
}

static void
test_a_map_decides_how_much_of_a_name_is_its_key(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "{{dotted.www.example.com.code}}", "[YUL]");
	assert_renders(TEMPLATE_PLAIN, "{{dotted.www}}", "[short]");
	assert_result(TEMPLATE_PLAIN, "{{dotted.www.example}}", TEMPLATE_MISSING,
	    "dotted.www.example");
	assert_renders(
	    TEMPLATE_PLAIN, "{{#dotted}}{{www.example.com.code}}{{/dotted}}", "[YUL]");
}

static void
test_scalars_are_put_in_as_text(UNUSED void **state)
{
	assert_renders(
	    TEMPLATE_PLAIN, "{{yes}} {{no}} {{number}}", "[true] [false] [1.10]");
}

static void
test_white_space_in_tags_does_not_matter(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN,
	    "{{ plain\n}}{{ # yes }}{{\t& plain }}{{ / yes }}{{ { plain }}}{{ ! x }}|",
	    "[xxx]|");
}

static void
test_what_is_put_in_makes_its_line_stay(UNUSED void **state)
{
	assert_renders(
	    TEMPLATE_PLAIN, "[ ]{{#yes}}\na\n{{/yes}}[ ]\n", "[ ]\na\n[ ]\n");
	assert_renders(TEMPLATE_PLAIN, "[\n]{{#yes}}\na{{/yes}}", "[\n]\na");
	assert_renders(TEMPLATE_PLAIN, "a\n {{! b }} [\n]", "a\n  [\n]");
	assert_renders(TEMPLATE_PLAIN, "[x]\n  {{! b }}\t\n[y]", "[x]\n[y]");
}

static void
test_a_name_may_be_very_long(UNUSED void **state)
{
	struct buffer source;

	buffer_init(&source, BUFFER_UNLIMITED);
	buffer_append_string(&source, "{{^letters");
	for (int i = 0; i < 100 * 1000; i++)
		buffer_append_string(&source, ".0");
	buffer_append_string(&source, "}}none{{/letters");
	for (int i = 0; i < 100 * 1000; i++)
		buffer_append_string(&source, ".0");
	buffer_append_string(&source, "}}");
	assert_renders(TEMPLATE_PLAIN, source.data, "none");
	buffer_clear(&source);
}

static void
test_nothing_renders_to_nothing(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "", "");
	assert_renders(TEMPLATE_URL, "{{! a }}", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_closed_is_a_fault),
		cmocka_unit_test(test_a_tag_cannot_span_what_is_put_in),
		cmocka_unit_test(test_wrong_ends_are_faults),
		cmocka_unit_test(test_malformed_names_are_faults),
		cmocka_unit_test(test_partials_are_faults),
		cmocka_unit_test(test_malformed_delimiters_are_faults),
		cmocka_unit_test(test_new_delimiters_hold_in_all_further_parts),
		cmocka_unit_test(test_a_fault_shows_whole_characters_of_a_long_name),
		cmocka_unit_test(test_sections_nest_up_to_the_maximum),
		cmocka_unit_test(test_literal_templates_are_known),
		cmocka_unit_test(test_templates_of_one_value_are_known),
		cmocka_unit_test(test_names_are_told_with_their_places),
		cmocka_unit_test(test_what_was_put_in_is_never_read_again),
		cmocka_unit_test(test_names_outside_sections_must_exist),
		cmocka_unit_test(test_names_inside_sections_may_be_missing),
		cmocka_unit_test(test_truth_is_mustaches_and_empty_text_is_false),
		cmocka_unit_test(test_lists_are_gone_through_and_indexed),
		cmocka_unit_test(test_only_canonical_numbers_index),
		cmocka_unit_test(test_names_are_looked_up_from_the_innermost_context),
		cmocka_unit_test(
		    test_the_rest_of_a_dotted_name_lies_within_its_first_part),
		cmocka_unit_test(test_a_map_decides_how_much_of_a_name_is_its_key),
		cmocka_unit_test(test_scalars_are_put_in_as_text),
		cmocka_unit_test(test_white_space_in_tags_does_not_matter),
		cmocka_unit_test(test_what_is_put_in_makes_its_line_stay),
		cmocka_unit_test(test_a_name_may_be_very_long),
		cmocka_unit_test(test_nothing_renders_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
