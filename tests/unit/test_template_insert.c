#include <stdint.h>
#include <stdio.h>

#include "base/utf8.h"
#include "template_insert_stage.h"

/* ---- too long ---- */

static void
test_a_value_that_fits_stays_as_it_is(UNUSED void **state)
{
	assert_cut(&all, "a {{long}} b", 10, "a [0123456789] b", 0);
	assert_cut(&all, "a {{long}} b", 0, "a [0123456789] b", 0);
	assert_cut(&all, "{{long}}{{var}}", SIZE_MAX, "[0123456789mine]", 0);
	assert_cut(&all, "all of it is mine", 3, "all of it is mine", 0);
}

static void
test_a_longer_one_is_cut_with_a_mark(UNUSED void **state)
{
	assert_cut(&all, "a {{long}} b", 9, "a [012345678[... 1 more bytes cut]] b", 1);
	assert_cut(&all, "{{long}} {{{var}}} {{&long}}", 4,
	    "[0123[... 6 more bytes cut]] [mine] [0123[... 6 more bytes cut]]", 2);
	assert_cut(&all, "{{services.a.b.data}}", 1, "[F[... 4 more bytes cut]]", 1);
	/* The author's own text has no such limit. */
	assert_cut(&all, "0123456789{{var}}", 4, "0123456789[mine]", 0);
}

/* Each of the values, with its own cut. */
static void
test_every_value_in_a_section_has_the_whole_room(UNUSED void **state)
{
	assert_cut(&root, "{{#letters}}{{.}}{{/letters}}", 1, "[abc]", 0);
	assert_cut(&root, "{{#cities}}{{name}} {{code}};{{/cities}}", 3,
	    "[Mon[... 6 more bytes cut]] [YUL];[Mon[... 6 more bytes cut]] [YUL];", 2);
}

static void
test_a_cut_is_before_a_character_that_does_not_fit(UNUSED void **state)
{
	static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";

	assert_text_cut(text, 1, "a[... 10 more bytes cut]");
	assert_text_cut(text, 2, "a[... 10 more bytes cut]");
	assert_text_cut(text, 3, "a\xc3\xa4[... 8 more bytes cut]");
	assert_text_cut(text, 4, "a\xc3\xa4[... 8 more bytes cut]");
	assert_text_cut(text, 5, "a\xc3\xa4[... 8 more bytes cut]");
	assert_text_cut(text, 6, "a\xc3\xa4\xe2\x82\xac[... 5 more bytes cut]");
	for (size_t max = 7; max < 10; max++)
		assert_text_cut(
		    text, max, "a\xc3\xa4\xe2\x82\xac[... 5 more bytes cut]");
	assert_text_cut(
	    text, 10, "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80[... 1 more bytes cut]");
	assert_text_cut(text, 11, text);
	/* Nothing of it fits. */
	assert_text_cut(text + 6, 3, "[... 5 more bytes cut]");
	assert_text_cut(text + 1, 1, "[... 10 more bytes cut]");
}

static void
test_a_cut_of_what_is_no_utf8_is_somewhere(UNUSED void **state)
{
	assert_text_cut("\x80\x80\x80\x80\x80\x80", 5,
	    "\x80\x80\x80\x80\x80[... 1 more bytes cut]");
	assert_text_cut("\xff\xff\xff", 2, "\xff\xff[... 1 more bytes cut]");
}

static void
test_every_cut_of_well_formed_text_is_well_formed(UNUSED void **state)
{
	static const char *const characters[] = { "a", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\n", "\xcc\x81" };
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	for (size_t i = 0; i < 40; i++)
		buffer_append_string(
		    &text, characters[(i * i + i / 3) % ARRAY_COUNT(characters)]);
	for (size_t max = 1; max <= text.len; max++) {
		const struct tree values[] = { TEXT("v", text.data) };
		const struct tree tree = MAP(NULL, values);
		struct result result = render(&tree, "{{v}}", max, false);
		const char *mark = strstr(result.out.text.data, "[... ");
		size_t kept = result.out.text.len;
		size_t cut = 0;

		if (mark != NULL) {
			kept = (size_t)(mark - result.out.text.data);
			assert_int_equal(sscanf(mark, "[... %zu more", &cut), 1);
		}
		assert_true(kept <= max && kept + 3 >= max);
		assert_int_equal(kept + cut, text.len);
		assert_memory_equal(result.out.text.data, text.data, kept);
		assert_true(utf8_valid(result.out.text.data, result.out.text.len));
		result_clear(&result);
	}
	buffer_clear(&text);
}

static void
test_a_nul_does_not_end_a_value(UNUSED void **state)
{
	const char content[] = "v\na\0b";
	char digest[DIGEST_HEX_SIZE];
	struct tree values[] = { { .key = "v", .kind = TEMPLATE_TEXT } };
	const struct tree tree = MAP(NULL, values);
	struct result result;
	struct marked text;

	marked_init(&text, BUFFER_UNLIMITED);
	marked_append(&text, "a\0bcd", 5, MARK_PUT_IN);
	values[0].text = &text;
	result = render(&tree, "{{v}}", 3, false);
	assert_int_equal(result.out.text.len, 3 + strlen("[... 2 more bytes cut]"));
	assert_memory_equal(result.out.text.data, "a\0b[", 4);
	result_clear(&result);

	values[0].fetched = true;
	marked_clear(&text);
	marked_append(&text, "a\0b", 3, MARK_PUT_IN);
	result = render(&tree, "{{v}}", 0, true);
	digest_hex(digest, content, sizeof(content) - 1);
	assert_memory_equal(result.out.text.data + strlen("[data v "), digest, 16);
	result_clear(&result);
	marked_clear(&text);
}

/* ---- lists and maps ---- */

static void
test_json_is_cut_as_a_whole(UNUSED void **state)
{
	assert_cut(&all, "{{services.a.b}}", 10, "[{\"data\":1}]", 0);
	assert_cut(
	    &all, "{{services.a.b}}", 9, "[{\"data\":1[... 1 more bytes cut]]", 1);
	assert_cut(&all, "{{services.a.b.reviews}}", 8,
	    "[[{\"text\"[... 24 more bytes cut]]", 1);
	assert_cut(&all, "{{services.a.b.up}}{{services.a.b.down}}", 4,
	    "[truefals[... 1 more bytes cut]]", 1);
}

/* Fills OUT up to its maximum, as those of the state do. */
static bool
append_much(UNUSED const struct template_value *value, struct marked *out)
{
	while (out->text.len < out->text.max)
		marked_append(out, "\xc3\xa4",
		    out->text.max - out->text.len > 1 ? 2 : 1, MARK_PUT_IN);
	return false;
}

/* Stops before an element that does not fit. */
static bool
append_bracket(UNUSED const struct template_value *value, struct marked *out)
{
	marked_append(out, "[", 1, MARK_PUT_IN);
	return false;
}

static size_t
get_much(UNUSED const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	static const struct template_data much = { .json = append_much };
	static const struct template_data bracket = { .json = append_bracket };

	*found = (struct template_value){
		.kind = TEMPLATE_LIST,
		.data = strcmp(path, "much") == 0 ? &much : &bracket,
	};
	return len;
}

static void
assert_much(const char *source, size_t max_bytes, enum template_result expected,
    const char *text)
{
	static const struct template_data data = { .get = get_much };
	const struct template_value map = { .kind = TEMPLATE_MAP, .data = &data };
	struct template_insertion insertion = { .max_bytes = max_bytes };
	struct template *template = compile(source, TEMPLATE_PLAIN);
	struct marked out;

	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	assert_int_equal(
	    template_render_inserting(template, &map, &insertion, &out, NULL, NULL),
	    expected);
	assert_string_equal(out.text.data, text);
	assert_int_equal(insertion.cut_count, *text != '\0');
	marked_clear(&out);
	template_free(template);
}

static void
test_json_longer_than_any_text_is_cut_too(UNUSED void **state)
{
	char *expected = xasprintf(
	    "\xc3\xa4\xc3\xa4[... over %zu more bytes cut]", TEMPLATE_MAX_OUTPUT - 4);

	assert_much("{{much}}", 5, TEMPLATE_RENDERED, expected);
	assert_much(
	    "{{bracket}}", 5, TEMPLATE_RENDERED, "[[... over 0 more bytes cut]");
	/* It is too long where all of it is wanted. */
	assert_much("{{much}}", 0, TEMPLATE_TOO_LARGE, "");
	assert_much("{{bracket}}", 0, TEMPLATE_TOO_LARGE, "");
	free(expected);
}

static void
test_text_longer_than_any_output_is_cut_too(UNUSED void **state)
{
	const size_t len = 3 * TEMPLATE_MAX_OUTPUT;
	char *text = xmalloc(len + 1);
	const struct tree values[] = { FETCHED("v", text) };
	const struct tree tree = MAP(NULL, values);
	struct result result;

	memset(text, 'x', len);
	text[len] = '\0';
	assert_cut(&tree, "{{v}}", 2, "[xx[... 3145726 more bytes cut]]", 1);
	assert_fenced(&tree, "{{v}}", 2,
	    block("", "v", "xx[... 3145726 more bytes cut]", "\n", ""));
	result = render(&tree, "{{v}}", 0, true);
	assert_int_equal(result.result, TEMPLATE_TOO_LARGE);
	result_clear(&result);
	free(text);
}

/* Nothing comes out, but what is left out costs time. */
static void
test_work_on_what_is_cut_off_is_bounded(UNUSED void **state)
{
	const size_t len = 10 * TEMPLATE_MAX_OUTPUT;
	char *text = xmalloc(len + 1);
	static const struct tree empty[] = { BARE("", TEMPLATE_TRUE),
		BARE("", TEMPLATE_TRUE), BARE("", TEMPLATE_TRUE),
		BARE("", TEMPLATE_TRUE) };
	const struct tree values[] = { FETCHED("v", text), LIST("l", empty) };
	const struct tree tree = MAP(NULL, values);
	struct result result;

	memset(text, 'x', len);
	text[len] = '\0';
	result = render(&tree,
	    "{{#l}}{{#l}}{{#l}}{{#l}}{{#l}}{{v}}{{/l}}{{/l}}{{/l}}{{/l}}{{/l}}", 1,
	    false);
	assert_int_equal(result.result, TEMPLATE_TOO_LARGE);
	assert_true(result.out.text.len < 1000);
	result_clear(&result);
	free(text);
}

/* ---- secrets ---- */

static void
assert_secret_cut(const char *text, size_t max_bytes, const char *expected)
{
	struct result result = render_secret(text, "{{s}}", max_bytes, false);
	char *found = bracketed(&result.out);

	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_string_equal(found, expected);
	free(found);
	result_clear(&result);
}

static void
test_secrets_keep_their_marks(UNUSED void **state)
{
	assert_secret_cut("a<hunter22>b", 10, "[a]<hunter22>[b]");
	assert_secret_cut("a<hunter22>b", 9, "[a]<hunter22>[[... 1 more bytes cut]]");
	assert_secret_cut("a<hunter22>b", 8, "[a]<hunter2>[[... 2 more bytes cut]]");
	assert_secret_cut("a<hunter22>b", 1, "[a[... 9 more bytes cut]]");
	assert_secret_cut("<one><two>three", 5, "<one><tw>[[... 6 more bytes cut]]");
	/* A character across the end of a part. */
	assert_secret_cut("x\xc3<\xa4>", 2, "[x[... 2 more bytes cut]]");
}

static void
test_secrets_and_what_is_left_of_them_are_carried(UNUSED void **state)
{
	struct result result =
	    render_secret("ab<correct horse battery>", "{{s}}", 12, false);

	assert_true(is_masked(&result, "correct horse battery"));
	assert_true(is_masked(&result, "correct ho"));
	result_clear(&result);
	result = render_secret("<correct ><horse battery>", "{{s}}", 0, false);
	assert_true(is_masked(&result, "horse battery"));
	assert_true(is_masked(&result, "correct horse battery"));
	result_clear(&result);
}

static void
test_secrets_within_json_are_carried_as_they_are_meant(UNUSED void **state)
{
	static const struct tree values[] = {
		FETCHED_LIST("l", lines, "[\"<hun\\u0074er \\\"22\\\">\"]"),
	};
	const struct tree tree = MAP(NULL, values);
	struct result result = render(&tree, "{{l}}", 0, false);

	assert_string_equal(result.shown, "[\"***\"]");
	assert_true(is_masked(&result, "hunter \"22\""));
	result_clear(&result);
	/* In the middle of an escape. */
	result = render(&tree, "{{l}}", 8, false);
	assert_string_equal(result.out.text.data, "[\"hun\\u0[... 14 more bytes cut]");
	assert_string_equal(result.shown, "[\"***[... 14 more bytes cut]");
	result_clear(&result);
	result = render(&tree, "{{l}}", 16, false);
	assert_true(is_masked(&result, "hun\\u0074er \\\""));
	assert_true(is_masked(&result, "hunter \""));
	result_clear(&result);
}

/* ---- what is missing ---- */

static void
test_what_is_missing_is_missing(UNUSED void **state)
{
	struct result result = render(&all, "a {{services.a.b.null}}", 5, true);

	assert_int_equal(result.result, TEMPLATE_MISSING);
	assert_int_equal(result.cut_count, 0);
	result_clear(&result);
	assert_fenced(&all, "{{#var}}{{services.a.b.null}}{{services.nobody}}{{/var}}",
	    5, xstrdup(""));
	result = render(&root, "{{city}}", 5, false);
	assert_int_equal(result.result, TEMPLATE_NOT_TEXT);
	result_clear(&result);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_value_that_fits_stays_as_it_is),
		cmocka_unit_test(test_a_longer_one_is_cut_with_a_mark),
		cmocka_unit_test(test_every_value_in_a_section_has_the_whole_room),
		cmocka_unit_test(test_a_cut_is_before_a_character_that_does_not_fit),
		cmocka_unit_test(test_a_cut_of_what_is_no_utf8_is_somewhere),
		cmocka_unit_test(test_every_cut_of_well_formed_text_is_well_formed),
		cmocka_unit_test(test_a_nul_does_not_end_a_value),
		cmocka_unit_test(test_json_is_cut_as_a_whole),
		cmocka_unit_test(test_json_longer_than_any_text_is_cut_too),
		cmocka_unit_test(test_text_longer_than_any_output_is_cut_too),
		cmocka_unit_test(test_work_on_what_is_cut_off_is_bounded),
		cmocka_unit_test(test_secrets_keep_their_marks),
		cmocka_unit_test(test_secrets_and_what_is_left_of_them_are_carried),
		cmocka_unit_test(
		    test_secrets_within_json_are_carried_as_they_are_meant),
		cmocka_unit_test(test_what_is_missing_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
