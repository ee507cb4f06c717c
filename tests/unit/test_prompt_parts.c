#include "prompt/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/value.h"

static struct span
span(const char *json)
{
	return span_whole(json, strlen(json));
}

/* ---- URLs ---- */

static void
assert_encoded(const char *text, size_t start, const char *expected)
{
	struct marked from, url;

	marked_init(&from, BUFFER_UNLIMITED);
	marked_init(&url, BUFFER_UNLIMITED);
	append_own(&from, text);
	append_encoded(&url, &from, start);
	assert_string_equal(url.text.data, expected);
	marked_clear(&from);
	marked_clear(&url);
}

static void
test_all_but_unreserved_characters_are_encoded(UNUSED void **state)
{
	assert_encoded("aZ09-._~", 0, "aZ09-._~");
	assert_encoded(" /?#%&=+:@", 0, "%20%2F%3F%23%25%26%3D%2B%3A%40");
	assert_encoded("\xc3\xbc\x01\x7f", 0, "%C3%BC%01%7F");
	assert_encoded("", 0, "");
	assert_encoded("models/a/b", 7, "a%2Fb");
	assert_encoded("models/", 7, "");
}

static void
test_marks_stay_where_they_are(UNUSED void **state)
{
	struct marked from, url;
	char *shown;

	marked_init(&from, BUFFER_UNLIMITED);
	marked_init(&url, BUFFER_UNLIMITED);
	append_own(&from, "ab");
	assert_true(marked_append(&from, "c/d", 3, MARK_SECRET));
	append_own(&from, "/e");
	append_encoded(&url, &from, 1);
	assert_string_equal(url.text.data, "bc%2Fd%2Fe");
	shown = marked_shown(&url);
	assert_string_equal(shown, "b***%2Fe");
	free(shown);
	marked_clear(&from);
	marked_clear(&url);
}

static void
assert_version(enum api api, const char *said, const char *expected)
{
	struct provider provider = { .api = api };
	struct prompt prompt = { .provider = &provider };
	struct marked version;

	marked_init(&provider.api_version.value, BUFFER_UNLIMITED);
	append_own(&provider.api_version.value, said);
	version_of(&prompt, &version);
	assert_string_equal(version.text.data, expected);
	marked_clear(&version);
	marked_clear(&provider.api_version.value);
}

static void
test_the_version_is_the_apis_unless_the_provider_says_it(UNUSED void **state)
{
	assert_version(API_GEMINI, "", "v1beta");
	assert_version(API_GEMINI, "v1", "v1");
	assert_version(API_ANTHROPIC, "", "2023-06-01");
	assert_version(API_OPENAI, "", "");
	assert_version(API_OPENAI, "2024-10-21", "2024-10-21");
}

/* ---- building ---- */

/* What MAP, which is used up, is as JSON. */
static void
assert_json(struct value *map, const char *expected)
{
	struct template_value tree;
	struct marked json;

	value_for_template(map, &tree);
	marked_init(&json, BUFFER_UNLIMITED);
	assert_true(tree.data->json(&tree, &json));
	assert_string_equal(json.text.data, expected);
	marked_clear(&json);
	value_free(map);
}

static void
test_what_is_not_said_is_not_put(UNUSED void **state)
{
	struct value *map = value_new_map();
	struct marked nothing;

	marked_init(&nothing, BUFFER_UNLIMITED);
	put_number(map, "a", &(struct config_number){ .text = NULL });
	put_texts(map, "b", &(struct config_pairs){ .count = 0 });
	put_schema(map, "c", &(struct config_schema){ .source = NULL });
	add_message(put_list(map, "d"), "user", &nothing);
	merge_over(map, NULL);
	assert_json(map, "{\"d\":[]}");
}

static void
test_values_of_all_kinds_are_put_in_order(UNUSED void **state)
{
	struct value *map = value_new_map();
	struct marked text;

	marked_init(&text, BUFFER_UNLIMITED);
	append_own(&text, "a \"b\"");
	put_text(map, "z", "x");
	put_int(map, "y", -7);
	put_bool(put_map(map, "x"), "yes", true);
	put_bool(map, "w", false);
	add_message(put_list(map, "v"), "user", &text);
	put_marked(add_map(put_list(map, "u")), "t", &text);
	put_number(map, "s", &(struct config_number){ .text = (char[]){ "1.50" } });
	assert_json(map,
	    "{\"z\":\"x\",\"y\":-7,\"x\":{\"yes\":true},\"w\":false,\"v\":[{\"role\":"
	    "\"user\",\"content\":\"a \\\"b\\\"\"}],\"u\":[{\"t\":\"a \\\"b\\\"\"}],\"s\":"
	    "1.50}");
	marked_clear(&text);
}

static void
test_maps_are_merged_and_all_else_is_replaced(UNUSED void **state)
{
	struct value *map = value_new_map();
	struct value *over = value_new_map();

	put_int(put_map(map, "both"), "a", 1);
	put_int(put_map(map, "was_map"), "a", 1);
	put_int(map, "is_map", 1);
	put_int(map, "same", 1);
	put_int(add_map(put_list(map, "list")), "a", 1);
	put_int(put_map(over, "both"), "b", 2);
	put_int(over, "was_map", 2);
	put_int(put_map(over, "is_map"), "b", 2);
	put_int(add_map(put_list(over, "list")), "b", 2);
	put_int(over, "new", 2);
	merge_over(map, over);
	value_free(over);
	assert_json(map,
	    "{\"both\":{\"a\":1,\"b\":2},\"was_map\":2,\"is_map\":{\"b\":2},\"same\":1,"
	    "\"list\":[{\"b\":2}],\"new\":2}");
}

/* ---- reading ---- */

static void
test_errors_are_told_from_their_absence(UNUSED void **state)
{
	static const char *const none[] = { "", "null", "\"\"", "{}", "[]", "false" };
	static const char *const some[] = { "true", "1", "\"x\"", "{\"a\":1}", "[1]" };

	for (size_t i = 0; i < ARRAY_COUNT(none); i++)
		assert_false(is_error(span(none[i])));
	for (size_t i = 0; i < ARRAY_COUNT(some); i++)
		assert_true(is_error(span(some[i])));
}

static void
test_tokens_are_whole_numbers(UNUSED void **state)
{
	assert_int_equal(tokens_of(span("0")), 0);
	assert_int_equal(tokens_of(span("123")), 123);
	assert_int_equal(tokens_of(span("-1")), -1);
	assert_int_equal(tokens_of(span("1.5")), -1);
	assert_int_equal(tokens_of(span("1e3")), -1);
	assert_int_equal(tokens_of(span("\"1\"")), -1);
	assert_int_equal(tokens_of(span("99999999999999999999")), -1);
	assert_int_equal(tokens_of(span("")), -1);
}

static void
test_the_first_is_that_of_a_list(UNUSED void **state)
{
	assert_true(span_is_text(first_of(span("[\"a\",\"b\"]")), "a"));
	assert_null(first_of(span("[]")).text);
	assert_null(first_of(span("{\"a\":1}")).text);
	assert_null(first_of(span("7")).text);
	assert_null(first_of(span("")).text);
}

static void
test_endings_are_found_in_any_case(UNUSED void **state)
{
	static const struct ending endings[] = {
		{ "stop", ENDING_NORMAL },
		{ "length", ENDING_TRUNCATED },
		{ NULL, ENDING_OTHER },
	};
	static const struct {
		const char *word;
		enum prompt_ending ending;
		const char *reason, *why;
	} cases[] = {
		{ "\"STOP\"", ENDING_NORMAL, "STOP", NULL },
		{ "\"length\"", ENDING_TRUNCATED, "length", NULL },
		{ "\"Stopped\"", ENDING_OTHER, "Stopped", NULL },
		{ "\"\"", ENDING_OTHER, "", NULL },
		{ "null", ENDING_MISSING, NULL, "the answer has no reason" },
		{ "", ENDING_MISSING, NULL, "the answer has no reason" },
		{ "7", ENDING_MISSING, NULL, "the answer has no reason" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct prompt_answer answer = { .ending = ENDING_NORMAL };

		read_ending(&answer, span(cases[i].word), "reason", endings);
		assert_int_equal(answer.ending, cases[i].ending);
		if (cases[i].reason != NULL)
			assert_string_equal(answer.finish_reason, cases[i].reason);
		else
			assert_null(answer.finish_reason);
		if (cases[i].why != NULL)
			assert_string_equal(answer.why, cases[i].why);
		else
			assert_null(answer.why);
		prompt_answer_clear(&answer);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_but_unreserved_characters_are_encoded),
		cmocka_unit_test(test_marks_stay_where_they_are),
		cmocka_unit_test(
		    test_the_version_is_the_apis_unless_the_provider_says_it),
		cmocka_unit_test(test_what_is_not_said_is_not_put),
		cmocka_unit_test(test_values_of_all_kinds_are_put_in_order),
		cmocka_unit_test(test_maps_are_merged_and_all_else_is_replaced),
		cmocka_unit_test(test_errors_are_told_from_their_absence),
		cmocka_unit_test(test_tokens_are_whole_numbers),
		cmocka_unit_test(test_the_first_is_that_of_a_list),
		cmocka_unit_test(test_endings_are_found_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
