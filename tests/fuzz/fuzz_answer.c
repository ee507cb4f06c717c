/*
 * Any bytes as what a provider answers: read as the answer of each API, and as its error with
 * the bytes as head, too. Whatever they are, what is made of them is within what answer.h
 * promises, and the response stays as it was.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "http/request.h"
#include "prompt/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than any wait that is told. */
#define LONGEST_WAIT_MS (INT64_C(366) * 86400 * 1000)

/* As assert(3), but also where NDEBUG is set. */
static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
check_text(const char *text)
{
	must(text == NULL || utf8_valid(text, strlen(text)));
}

static bool
is_status(long http_status)
{
	return http_status == 0 || (http_status >= 400 && http_status <= 599);
}

/* ---- answers ---- */

static void
check_usage(const struct prompt_usage *usage)
{
	const int64_t counts[] = { usage->input, usage->output, usage->reasoning,
		usage->cached, usage->total };
	bool known = false;

	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		must(counts[i] >= -1);
		known = known || counts[i] >= 0;
	}
	must(known == prompt_usage_is_known(usage));
	must(usage->total >= 0 || usage->input < 0 || usage->output < 0);
}

static void
check_answer(const struct prompt_answer *answer, size_t len)
{
	must(answer->text.len <= len && !answer->text.full);
	must(utf8_valid(answer->text.data, answer->text.len));
	check_text(answer->finish_reason);
	check_text(answer->why);
	check_text(answer->model);
	must(answer->ending != ENDING_MISSING || answer->why != NULL);
	must(answer->ending == ENDING_ERROR || answer->error_status == 0);
	must(is_status(answer->error_status));
	check_usage(&answer->usage);
}

static void
check_answers(const uint8_t *data, size_t size)
{
	char *text = xmemdup0((const char *)data, size);
	struct json_scan scan;
	char *compact;

	if (json_scan_compact(text, size, JSON_SCAN_MAX_DEPTH, &scan)) {
		/* So that the NUL is right behind it. */
		compact = xmemdup0(text, scan.len);
		for (int api = 0; api < API_COUNT; api++) {
			struct prompt_answer answer;

			prompt_read_answer((enum api)api, span_whole(compact, scan.len),
			    size, &answer);
			check_answer(&answer, scan.len);
			prompt_answer_clear(&answer);
		}
		free(compact);
	}
	free(text);
}

/* ---- errors ---- */

static void
check_advice(enum api api, const struct prompt_advice *advice)
{
	must(!advice->exhausted || !(advice->push_back || advice->overloaded));
	must(!advice->push_back || advice->overloaded);
	must(advice->wait_ms >= -1 && advice->wait_ms <= LONGEST_WAIT_MS);
	must(advice->should_retry >= -1 && advice->should_retry <= 1);
	must(advice->should_retry == -1 || (api != API_GEMINI && api != API_OLLAMA));
}

static void
check_errors(const uint8_t *data, size_t size)
{
	static const long statuses[] = { 0, 200, 400, 429, 503 };
	char *body = xmemdup0((const char *)data, size);
	char *head = xmemdup0((const char *)data, size);
	struct response response = {
		.body = body,
		.body_len = size,
		.head = head,
		.retry_after_ms = -1,
	};

	for (int api = 0; api < API_COUNT; api++) {
		for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
			struct prompt_error error;

			prompt_read_error(
			    (enum api)api, &response, statuses[i], &error);
			check_text(error.message);
			must(error.message == NULL || error.message[0] != '\0');
			check_advice((enum api)api, &error.advice);
			prompt_error_clear(&error);
		}
	}
	must(memcmp(body, data, size) == 0);
	free(prompt_request_id(&response));
	free(head);
	free(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	check_answers(data, size);
	check_errors(data, size);
	return 0;
}
