/*
 * What templates do for the place their text goes to: escaping, types, secrets, bounds.
 */
#include "template/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "template_test.h"

/* ---- places ---- */

static void
test_in_a_url_all_but_unreserved_bytes_are_encoded(UNUSED void **state)
{
	struct tree values[] = { TEXT("all", NULL) };
	const struct tree map = MAP(NULL, values);
	struct buffer all, expected;

	buffer_init(&all, BUFFER_UNLIMITED);
	buffer_init(&expected, BUFFER_UNLIMITED);
	buffer_append_char(&expected, '[');
	for (int c = 1; c < 256; c++) {
		bool kept =
		    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		           "0123456789-._~",
		        c) != NULL;

		buffer_append_char(&all, (char)c);
		buffer_append_format(&expected, kept ? "%c" : "%%%02X", (unsigned)c);
	}
	buffer_append_char(&expected, ']');
	values[0].plain = all.data;
	assert_renders_over(&map, TEMPLATE_URL, "{{all}}", expected.data);
	buffer_clear(&all);
	buffer_clear(&expected);
	assert_renders(TEMPLATE_URL, "/?q={{text}}&r={{{text}}}",
	    "/?q=[a%20b%26c%2F%C3%A9]&r=[a b&c/é]");
}

static void
test_long_values_are_encoded_whole(UNUSED void **state)
{
	struct tree values[] = { TEXT("long", NULL) };
	const struct tree map = MAP(NULL, values);
	struct buffer text, expected;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_init(&expected, BUFFER_UNLIMITED);
	buffer_append_char(&expected, '[');
	for (int i = 0; i < 2000; i++) {
		buffer_append_string(&text, "a/b");
		buffer_append_string(&expected, "a%2Fb");
	}
	buffer_append_char(&expected, ']');
	values[0].plain = text.data;
	assert_renders_over(&map, TEMPLATE_URL, "{{long}}", expected.data);
	buffer_clear(&text);
	buffer_clear(&expected);
}

static void
test_in_a_header_line_ends_are_left_out(UNUSED void **state)
{
	static const char nul_text[] = "a\0b\r\nc";
	struct marked nul;
	struct tree values[] = {
		{ .key = "nul", .kind = TEMPLATE_TEXT, .text = &nul }
	};
	const struct tree map = MAP(NULL, values);

	assert_renders(TEMPLATE_HEADER, "{{lines}}|{{{lines}}}|{{&text}}",
	    "[onetwothree]|[onetwothree]|[a b&c/é]");
	marked_init(&nul, 100);
	marked_append(&nul, nul_text, sizeof(nul_text) - 1, MARK_OWN);
	assert_renders_over(&map, TEMPLATE_HEADER, "{{nul}}{{{nul}}}", "[abcabc]");
	marked_clear(&nul);
}

static void
test_plain_text_is_not_escaped(UNUSED void **state)
{
	assert_renders(
	    TEMPLATE_PLAIN, "{{text}} {{{lines}}}", "[a b&c/é] [one\r\ntwo\nthree]");
}

static void
test_lists_and_maps_are_json_only_in_plain_text(UNUSED void **state)
{
	assert_renders(TEMPLATE_PLAIN, "v={{letters}}", "v=[[\"a\",1]]");
	assert_result(TEMPLATE_URL, "{{letters}}", TEMPLATE_NOT_TEXT, "letters");
	assert_result(TEMPLATE_HEADER, "{{{letters}}}", TEMPLATE_NOT_TEXT, "letters");
	assert_result(
	    TEMPLATE_URL, "{{#yes}}{{city}}{{/yes}}", TEMPLATE_NOT_TEXT, "city");
	/* this map has no JSON */
	assert_result(TEMPLATE_PLAIN, "{{city}}", TEMPLATE_NOT_TEXT, "city");
	assert_result(TEMPLATE_PLAIN, "{{.}}", TEMPLATE_NOT_TEXT, ".");
}

/* ---- values with their types ---- */

/* Render SOURCE over TREE as JSON; what comes out has its marks as brackets. */
static void
assert_renders_json(const struct tree *tree, const char *source, const char *expected)
{
	struct template *template = compile(source, TEMPLATE_PLAIN);
	struct template_value value;
	const char *name = NULL;
	struct marked out;
	char *found;

	describe(tree, &value);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	assert_int_equal(template_render_json(template, &value, &out, NULL, &name),
	    TEMPLATE_RENDERED);
	assert_null(name);
	found = bracketed(&out);
	assert_string_equal(found, expected);
	free(found);
	marked_clear(&out);
	template_free(template);
}

static void
assert_json_result(const struct tree *tree, const char *source, size_t max_bytes,
    enum template_result expected)
{
	struct template *template = compile(source, TEMPLATE_PLAIN);
	struct template_value value;
	const char *name = NULL;
	struct marked out;

	describe(tree, &value);
	marked_init(&out, max_bytes);
	assert_int_equal(
	    template_render_json(template, &value, &out, NULL, &name), expected);
	assert_non_null(name);
	assert_memory_equal(source + 3, name, strlen(name));
	marked_clear(&out);
	template_free(template);
}

static void
test_a_value_keeps_its_type_in_json(UNUSED void **state)
{
	static const struct tree values[] = {
		{ .key = "count",
		    .kind = TEMPLATE_TEXT,
		    .plain = "18446744073709551616.10",
		    .number = true },
		TEXT("odd", "a\"b\\c\n\x01/é"),
	};
	static const struct tree map = MAP(NULL, values);

	assert_renders_json(&map, "{{{count}}}", "[18446744073709551616.10]");
	assert_renders_json(&map, "{{{odd}}}", "[\"a\\\"b\\\\c\\n\\u0001/é\"]");
	/* text that looks like a number is text */
	assert_renders_json(&root, "{{{number}}}", "[\"1.10\"]");
	assert_renders_json(&root, "{{{empty}}}", "[\"\"]");
	assert_renders_json(&root, "{{{empty_marked}}}", "[\"\"]");
	assert_renders_json(&root, "{{{tag}}}", "[\"{{plain}}\"]");
	assert_renders_json(&root, "{{{yes}}}", "[true]");
	assert_renders_json(&root, "{{&no}}", "[false]");
	assert_renders_json(&root, "{{{letters}}}", "[[\"a\",1]]");
	assert_renders_json(&root, "{{{none}}}", "[[]]");
	assert_renders_json(&root, "{{{letters.1}}}", "[\"b\"]");
}

static void
test_what_cannot_be_json_is_told(UNUSED void **state)
{
	assert_json_result(&root, "{{{gone}}}", TEMPLATE_MAX_OUTPUT, TEMPLATE_MISSING);
	assert_json_result(
	    &root, "{{{city.gone}}}", TEMPLATE_MAX_OUTPUT, TEMPLATE_MISSING);
	/* this map has no JSON */
	assert_json_result(&root, "{{{city}}}", TEMPLATE_MAX_OUTPUT, TEMPLATE_NOT_TEXT);
	/* each of its parts may be the one that is too much */
	for (size_t max = 0; max < strlen("\"x\""); max++)
		assert_json_result(&root, "{{{plain}}}", max, TEMPLATE_TOO_LARGE);
}

/* ---- secrets ---- */

/* Render SOURCE over a value "key" with these marks, and say what CARRIED masks in TEXT. */
static void
assert_carries(enum template_place place, const char *source, const char *key,
    const char *rendered, const char *text, const char *masked)
{
	struct secrets *carried = secrets_new();
	struct template *template = compile(source, place);
	struct marked value, out;
	struct tree values[] = {
		{ .key = "key", .kind = TEMPLATE_TEXT, .text = &value },
		{ .key = "list", .kind = TEMPLATE_LIST, .json = key }
	};
	const struct tree map = MAP(NULL, values);
	struct template_value map_value;
	struct buffer found;
	char *brackets;

	mark(key, &value);
	describe(&map, &map_value);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	assert_int_equal(template_render(template, &map_value, &out, carried, NULL),
	    TEMPLATE_RENDERED);
	brackets = bracketed(&out);
	assert_string_equal(brackets, rendered);
	buffer_init(&found, BUFFER_UNLIMITED);
	secrets_append_masked(carried, &found, text, strlen(text));
	assert_string_equal(found.data, masked);

	buffer_clear(&found);
	free(brackets);
	marked_clear(&out);
	marked_clear(&value);
	template_free(template);
	secrets_free(carried);
}

static void
test_secret_parts_stay_secret_and_are_carried(UNUSED void **state)
{
	assert_carries(TEMPLATE_PLAIN, "k={{key}}", "user:<very/secret>[!]",
	    "k=[user:]<very/secret>[!]", "got very/secret user:", "got *** user:");
	assert_carries(TEMPLATE_URL, "?k={{key}}", "user:<very/secret>[!]",
	    "?k=[user%3A]<very%2Fsecret>[%21]", "got very/secret", "got ***");
	assert_carries(TEMPLATE_URL, "?k={{{key}}}", "<very/secret>",
	    "?k=<very/secret>", "got very/secret", "got ***");
}

static void
test_secrets_of_the_template_are_carried(UNUSED void **state)
{
	assert_carries(TEMPLATE_URL, "a<literal secret>{{key}}", "[x]",
	    "a<literal secret>[x]", "literal secret", "***");
	/* not put in, so nothing to be looked for */
	assert_carries(TEMPLATE_PLAIN, "{{^key}}<literal secret>{{key}}{{/key}}",
	    "<very secret>", "", "literal secret very secret",
	    "literal secret very secret");
}

static void
test_a_secret_without_its_line_ends_is_carried_too(UNUSED void **state)
{
	assert_carries(TEMPLATE_HEADER, "{{key}}", "<very\r\nsecret>", "<verysecret>",
	    "verysecret very\r\nsecret", "*** ***");
}

static void
test_secrets_within_json_are_carried_unescaped(UNUSED void **state)
{
	assert_carries(TEMPLATE_PLAIN, "{{list}}",
	    "{\"a\":\"<very\\nsec\\\"ret>\",\"b\":\"x<\\u00E9\\ud83d\\ude00 hidden>\"}",
	    "[{\"a\":\"]<very\\nsec\\\"ret>[\",\"b\":\"x]"
	    "<\\u00E9\\ud83d\\ude00 hidden>[\"}]",
	    "very\nsec\"ret é😀 hidden very\\nsec\\\"ret", "*** *** ***");
	/* lone surrogates and what is no escape harm nothing */
	assert_carries(TEMPLATE_PLAIN, "{{list}}", "[\"<\\ud83d\\q\\u12 hidden\\>\"]",
	    "[[\"]<\\ud83d\\q\\u12 hidden\\>[\"]]", "\xEF\xBF\xBD\\q\\u12 hidden\\",
	    "***");
}

static void
test_secrets_stay_secret_as_json(UNUSED void **state)
{
	struct secrets *carried = secrets_new();
	struct template *template = compile("{{{key}}}", TEMPLATE_PLAIN);
	struct marked key, out;
	struct tree values[] = {
		{ .key = "key", .kind = TEMPLATE_TEXT, .text = &key },
	};
	const struct tree map = MAP(NULL, values);
	struct template_value value;
	struct buffer found;
	char *brackets;

	mark("a\"<very \"secret\">[b]<other secret>", &key);
	describe(&map, &value);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	assert_int_equal(template_render_json(template, &value, &out, carried, NULL),
	    TEMPLATE_RENDERED);
	brackets = bracketed(&out);
	assert_string_equal(
	    brackets, "[\"a\\\"]<very \\\"secret\\\">[b]<other secret>[\"]");
	buffer_init(&found, BUFFER_UNLIMITED);
	secrets_append_masked(carried, &found, "very \"secret\" other secret", 26);
	assert_string_equal(found.data, "*** ***");

	buffer_clear(&found);
	free(brackets);
	marked_clear(&out);
	marked_clear(&key);
	template_free(template);
	secrets_free(carried);
}

/* ---- bounds ---- */

static void
test_output_is_bounded(UNUSED void **state)
{
	char *half = malloc(TEMPLATE_MAX_OUTPUT / 2 + 1);
	struct tree values[] = { TEXT("half", half), TEXT("one", "x") };
	const struct tree map = MAP(NULL, values);
	struct template *template;
	struct template_value value;
	struct marked out;

	memset(half, 'h', TEMPLATE_MAX_OUTPUT / 2);
	half[TEMPLATE_MAX_OUTPUT / 2] = '\0';
	assert_result_over(
	    &map, TEMPLATE_PLAIN, "{{half}}{{half}}{{one}}", TEMPLATE_TOO_LARGE, "one");
	assert_result_over(
	    &map, TEMPLATE_PLAIN, "{{half}}{{half}}literal", TEMPLATE_TOO_LARGE, NULL);

	/* and by what the caller allows */
	template = compile("{{half}}{{half}}", TEMPLATE_PLAIN);
	describe(&map, &value);
	marked_init(&out, BUFFER_UNLIMITED);
	assert_int_equal(
	    template_render(template, &value, &out, NULL, NULL), TEMPLATE_RENDERED);
	assert_int_equal(out.text.len, TEMPLATE_MAX_OUTPUT);
	marked_clear(&out);
	marked_init(&out, 100);
	assert_int_equal(
	    template_render(template, &value, &out, NULL, NULL), TEMPLATE_TOO_LARGE);
	marked_clear(&out);
	template_free(template);

	memset(half, '/', TEMPLATE_MAX_OUTPUT / 2);
	assert_result_over(&map, TEMPLATE_URL, "{{half}}", TEMPLATE_TOO_LARGE, "half");
	free(half);
}

static void
test_json_counts_towards_the_output(UNUSED void **state)
{
	char *half = malloc(TEMPLATE_MAX_OUTPUT / 2 + 1);
	struct tree values[] = {
		{ .key = "list", .kind = TEMPLATE_LIST, .json = half }
	};
	const struct tree map = MAP(NULL, values);

	memset(half, '1', TEMPLATE_MAX_OUTPUT / 2);
	half[TEMPLATE_MAX_OUTPUT / 2] = '\0';
	assert_result_over(
	    &map, TEMPLATE_PLAIN, "{{list}}{{list}}a", TEMPLATE_TOO_LARGE, NULL);
	assert_result_over(
	    &map, TEMPLATE_PLAIN, "{{list}}a{{list}}", TEMPLATE_TOO_LARGE, "list");
	free(half);
}

static void
test_work_without_output_is_bounded(UNUSED void **state)
{
	struct buffer source;

	/* 3 to the 32nd rounds */
	nest(&source, TEMPLATE_MAX_DEPTH, "{{#letters}}", "", "{{/letters}}");
	assert_result(TEMPLATE_PLAIN, source.data, TEMPLATE_TOO_LARGE, "letters");
	buffer_clear(&source);
}

static void
test_work_on_what_is_left_out_is_bounded(UNUSED void **state)
{
	size_t len = 1000000;
	char *lines = malloc(len + 1);
	struct tree values[] = { TEXT("lines", lines), LIST("letters", letters) };
	const struct tree map = MAP(NULL, values);
	struct buffer source;

	memset(lines, '\n', len);
	lines[len] = '\0';
	/* 3 to the 10th times a million bytes, none of which comes out */
	nest(&source, 10, "{{#letters}}", "{{lines}}", "{{/letters}}");
	assert_result_over(
	    &map, TEMPLATE_HEADER, source.data, TEMPLATE_TOO_LARGE, "letters");
	buffer_clear(&source);
	free(lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_a_url_all_but_unreserved_bytes_are_encoded),
		cmocka_unit_test(test_long_values_are_encoded_whole),
		cmocka_unit_test(test_in_a_header_line_ends_are_left_out),
		cmocka_unit_test(test_plain_text_is_not_escaped),
		cmocka_unit_test(test_lists_and_maps_are_json_only_in_plain_text),
		cmocka_unit_test(test_a_value_keeps_its_type_in_json),
		cmocka_unit_test(test_what_cannot_be_json_is_told),
		cmocka_unit_test(test_secret_parts_stay_secret_and_are_carried),
		cmocka_unit_test(test_secrets_of_the_template_are_carried),
		cmocka_unit_test(test_a_secret_without_its_line_ends_is_carried_too),
		cmocka_unit_test(test_secrets_within_json_are_carried_unescaped),
		cmocka_unit_test(test_secrets_stay_secret_as_json),
		cmocka_unit_test(test_output_is_bounded),
		cmocka_unit_test(test_json_counts_towards_the_output),
		cmocka_unit_test(test_work_without_output_is_bounded),
		cmocka_unit_test(test_work_on_what_is_left_out_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
