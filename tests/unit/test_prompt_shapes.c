/*
 * Whatever shape an answer has, it is read without harm: each value of each recorded one is
 * replaced by what nobody expects there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>

#include "answers_stage.h"

#include "base/utf8.h"

/* Answers by more than one API, as servers speak one and answer in another. */
static void
read_all(const char *text, size_t len)
{
	for (int api = 0; api < API_COUNT; api++) {
		struct response response = { .http_status = 200, .retry_after_ms = -1 };
		struct prompt_answer answer;
		struct prompt_error error;

		prompt_read_answer((enum api)api, span_whole(text, len), 50, &answer);
		assert_true(utf8_valid(answer.text.data, answer.text.len));
		assert_true(
		    answer.ending == ENDING_MISSING ? answer.why != NULL : true);
		prompt_answer_clear(&answer);
		response.body = xmemdup0(text, len);
		response.body_len = len;
		prompt_read_error((enum api)api, &response, 429, &error);
		assert_true(error.advice.wait_ms >= -1);
		prompt_error_clear(&error);
		free(response.body);
	}
}

/* VALUE, a part of TEXT, gives way to others. */
static void
replace(const struct buffer *text, struct span value)
{
	static const char *const others[] = { "null", "true", "-1e5", "\"\"",
		"\"\\u0000\\ud83d\\ude00s\"", "[]", "{}", "[[{\"a\":[]}],null,\"x\"]" };
	size_t start = (size_t)(value.text - text->data);
	size_t behind = start + value.len;

	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		struct buffer changed;

		buffer_init(&changed, BUFFER_UNLIMITED);
		buffer_append(&changed, text->data, start);
		buffer_append_string(&changed, others[i]);
		buffer_append(&changed, text->data + behind, text->len - behind);
		read_all(changed.data, changed.len);
		buffer_clear(&changed);
	}
}

/* VALUE and all that is in it. Recursion is safe: recorded answers are not deep. */
static size_t
replace_each(const struct buffer *text, struct span value)
{
	struct span_walk walk;
	struct span key, item;
	size_t count = 1;

	replace(text, value);
	span_walk_init(&walk, value);
	while (span_walk_next(&walk, &key, &item))
		count += replace_each(text, item);
	return count;
}

static size_t
try_file(const char *path)
{
	struct buffer body;
	struct json_scan scan;
	size_t count;

	buffer_init(&body, (size_t)1 << 20);
	assert_true(file_read(path, &body));
	assert_true(json_scan_compact(body.data, body.len, 64, &scan));
	buffer_truncate(&body, scan.len);
	count = replace_each(&body, span_whole(body.data, body.len));
	buffer_clear(&body);
	return count;
}

static void
test_no_shape_does_any_harm(UNUSED void **state)
{
	size_t count = 0;
	glob_t files;

	assert_int_equal(
	    glob(TESTDATA_DIR "/../data/answers/*.json", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		count += try_file(files.gl_pathv[i]);
	globfree(&files);
	assert_true(count > 1000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_shape_does_any_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
