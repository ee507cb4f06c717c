/*
 * Answers and errors of models' APIs as they were met with, and what is to be read in them.
 * To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_ANSWERS_STAGE_H
#define GATHERD_TESTS_UNIT_ANSWERS_STAGE_H

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/json_scan.h"
#include "base/xalloc.h"
#include "http/request.h"
#include "prompt/answer.h"

#ifndef TESTDATA_DIR
#define TESTDATA_DIR "tests/unit"
#endif

/* What an answer is to be read as; NULL: not told. */
struct expected_answer {
	const char *name; /* of the file, without the API and its end */
	enum prompt_ending ending;
	const char *text;
	const char *finish_reason;
	const char *why;
	const char *model;
	struct prompt_usage usage;
	long error_status;
};

#define NO_USAGE                   \
	{                          \
		-1, -1, -1, -1, -1 \
	}

struct expected_error {
	const char *name;
	long http_status;
	const char *message;
	bool exhausted;
	bool push_back;
	bool overloaded;
	int64_t wait_ms;
};

/* tests/data/answers/API-NAME.json into BODY, which needs no initialising. */
UNUSED static void
answers_read_file(enum api api, const char *name, struct buffer *body)
{
	char *path =
	    xasprintf(TESTDATA_DIR "/../data/answers/%s-%s.json", api_names[api], name);

	buffer_init(body, (size_t)1 << 20);
	if (!file_read(path, body))
		fail_msg("%s: cannot be read", path);
	free(path);
}

/* Read BODY, which is made compact. */
UNUSED static void
answers_read(
    enum api api, struct buffer *body, size_t input_bytes, struct prompt_answer *answer)
{
	struct json_scan scan;

	assert_true(json_scan_compact(body->data, body->len, 64, &scan));
	buffer_truncate(body, scan.len);
	prompt_read_answer(api, span_whole(body->data, body->len), input_bytes, answer);
}

UNUSED static void
answers_assert_text(
    const char *name, const char *what, const char *text, const char *expected)
{
	bool same = text == expected;

	if (text != NULL && expected != NULL)
		same = strcmp(text, expected) == 0;
	if (!same)
		fail_msg("%s: %s is \"%s\", not \"%s\"", name, what,
		    text != NULL ? text : "(NULL)",
		    expected != NULL ? expected : "(NULL)");
}

UNUSED static void
answers_assert_count(
    const char *name, const char *what, int64_t count, int64_t expected)
{
	if (count != expected)
		fail_msg("%s: %s is %lld, not %lld", name, what, (long long)count,
		    (long long)expected);
}

UNUSED static void
answers_assert_usage(const char *name, const struct prompt_usage *usage,
    const struct prompt_usage *expected)
{
	answers_assert_count(name, "input", usage->input, expected->input);
	answers_assert_count(name, "output", usage->output, expected->output);
	answers_assert_count(name, "reasoning", usage->reasoning, expected->reasoning);
	answers_assert_count(name, "cached", usage->cached, expected->cached);
	answers_assert_count(name, "total", usage->total, expected->total);
}

UNUSED static void
answers_assert_one(enum api api, const struct expected_answer *expected)
{
	const char *name = expected->name;
	struct prompt_answer answer;
	struct buffer body;

	answers_read_file(api, name, &body);
	answers_read(api, &body, 100, &answer);
	answers_assert_count(name, "ending", answer.ending, expected->ending);
	answers_assert_text(name, "text", answer.text.data, expected->text);
	answers_assert_text(
	    name, "finish_reason", answer.finish_reason, expected->finish_reason);
	answers_assert_text(name, "why", answer.why, expected->why);
	answers_assert_text(name, "model", answer.model, expected->model);
	answers_assert_text(name, "warning", answer.warning, NULL);
	answers_assert_usage(name, &answer.usage, &expected->usage);
	answers_assert_count(
	    name, "error_status", answer.error_status, expected->error_status);
	prompt_answer_clear(&answer);
	buffer_clear(&body);
}

UNUSED static void
answers_assert_error(enum api api, const struct expected_error *expected)
{
	const char *name = expected->name;
	struct response response = { .http_status = expected->http_status,
		.retry_after_ms = -1 };
	struct prompt_error error;
	struct buffer body;

	answers_read_file(api, name, &body);
	response.body = body.data;
	response.body_len = body.len;
	prompt_read_error(api, &response, expected->http_status, &error);
	answers_assert_text(name, "message", error.message, expected->message);
	answers_assert_count(
	    name, "exhausted", error.advice.exhausted, expected->exhausted);
	answers_assert_count(
	    name, "push_back", error.advice.push_back, expected->push_back);
	answers_assert_count(
	    name, "overloaded", error.advice.overloaded, expected->overloaded);
	answers_assert_count(name, "wait_ms", error.advice.wait_ms, expected->wait_ms);
	prompt_error_clear(&error);
	buffer_clear(&body);
}

/* BODY is compact. Its ending by API, and that its text is "x". */
UNUSED static enum prompt_ending
answers_ending_of(enum api api, const char *body)
{
	struct prompt_answer answer;
	enum prompt_ending ending;

	prompt_read_answer(api, span_whole(body, strlen(body)), 50, &answer);
	ending = answer.ending;
	assert_string_equal(answer.text.data, "x");
	prompt_answer_clear(&answer);
	return ending;
}

#endif
