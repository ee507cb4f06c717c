/* Reading what a provider says of an attempt that failed: the second half of answer.h. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_scan.h"
#include "base/utf8.h"
#include "http/request.h"
#include "prompt/answer.h"
#include "prompt/dialect.h"
#include "prompt/error_words.h"
#include "prompt/parts.h"
#include "rules/rules.h"

/* A body that is larger tells nothing: providers' errors have some hundred bytes. */
#define MAX_BODY_BYTES ((size_t)1 << 20)

/* A year: longer than anybody waits, and far from where sums of times would wrap. */
#define LONGEST_WAIT_MS (INT64_C(365) * 86400 * 1000)

#define DIGITS "0123456789"

void
prompt_advice_init(struct prompt_advice *advice)
{
	*advice = (struct prompt_advice){ .wait_ms = -1, .should_retry = -1 };
}

void
prompt_error_clear(struct prompt_error *error)
{
	free(error->message);
	error->message = NULL;
}

/* ---- how long to wait ---- */

/* TEXT, a decimal number and then UNIT, which is so many MS; -1: it is none. Rounded up: who
 * comes too early is sent away again. */
static int64_t
read_wait_ms(const char *text, const char *unit, int64_t ms)
{
	size_t whole = strspn(text, DIGITS);
	size_t len = whole;
	double amount;

	if (text[len] == '.')
		len += 1 + strspn(text + len + 1, DIGITS);
	if (whole == 0 || strcmp(text + len, unit) != 0)
		return -1;
	amount = strtod(text, NULL) * (double)ms;
	if (amount >= (double)LONGEST_WAIT_MS)
		return LONGEST_WAIT_MS;
	return (int64_t)amount + (amount > (double)(int64_t)amount ? 1 : 0);
}

/* The more exact of the two headers wins, as with the vendors' own clients. */
static int64_t
wait_in_head(const struct response *response)
{
	char *exact = rules_find_header(response->head, "retry-after-ms");
	int64_t wait_ms = exact != NULL ? read_wait_ms(exact, "", 1) : -1;

	free(exact);
	if (wait_ms < 0)
		wait_ms = response->retry_after_ms;
	return wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS;
}

/* Of google.rpc.RetryInfo: a Duration as protobuf's JSON has it, "37.5s". */
static int64_t
wait_of_detail(struct span detail)
{
	char *delay = text_of(span_member(detail, "retryDelay"));
	int64_t wait_ms = delay != NULL ? read_wait_ms(delay, "s", 1000) : -1;

	free(delay);
	return wait_ms;
}

static int64_t
wait_in_details(struct span details)
{
	struct span_walk walk;
	struct span key, detail;
	int64_t wait_ms = -1;

	span_walk_init(&walk, details);
	while (wait_ms < 0 && span_walk_next(&walk, &key, &detail))
		wait_ms = wait_of_detail(detail);
	return wait_ms;
}

/* ---- the parts of a response ---- */

/* The vendors' clients know these two words only. */
static int
read_should_retry(const char *head)
{
	char *word = rules_find_header(head, "x-should-retry");
	int should_retry = -1;

	if (word != NULL && strcmp(word, "true") == 0)
		should_retry = 1;
	else if (word != NULL && strcmp(word, "false") == 0)
		should_retry = 0;
	free(word);
	return should_retry;
}

static bool
scan(struct buffer *copy, struct json_scan *scan)
{
	bool valid =
	    json_scan_compact(copy->data, copy->len, JSON_SCAN_MAX_DEPTH, scan);

	if (valid)
		buffer_truncate(copy, scan->len);
	return valid;
}

/* COPY becomes RESPONSE's body as compact JSON. What is not UTF-8 in it, as where words of a
 * prompt are quoted and cut, is no reason not to read the rest. */
static bool
copy_json(const struct response *response, struct buffer *copy)
{
	struct json_scan found;

	if (response->body_len == 0 || response->body_len > MAX_BODY_BYTES)
		return false;
	buffer_append(copy, response->body, response->body_len);
	if (scan(copy, &found))
		return true;
	if (found.fault != JSON_FAULT_UTF8)
		return false;
	buffer_reset(copy);
	utf8_append_repaired(copy, response->body, response->body_len);
	return scan(copy, &found);
}

/* Returns whether it is an error in the API's own words; *HTTP_STATUS is theirs where the one
 * that is there is of no failure. */
static bool
read_body(struct span body, long *http_status, struct prompt_error *error)
{
	struct error_words words;
	bool own = error_words_find(body, &words);
	int64_t wait_ms = wait_in_details(words.details);

	error->message = error_words_message(&words);
	error->advice.exhausted = error_words_exhausted(&words);
	/* Where both say it, each of them is to be waited for. */
	if (wait_ms > error->advice.wait_ms)
		error->advice.wait_ms = wait_ms;
	if (*http_status < 400)
		*http_status = error_words_status(&words);
	return own;
}

/* OWN: the body is the API's own error, not that of something in front of it. */
static void
advise(long http_status, bool own, struct prompt_advice *advice)
{
	bool says_when = advice->wait_ms >= 0;

	/* Of credit that is gone; but some count what is in flight as spent, and then say when
	 * to come again. */
	if (http_status == 402 && !says_when)
		advice->exhausted = true;
	if (advice->exhausted)
		return;
	if (http_status == 402 && advice->should_retry == -1)
		advice->should_retry = 1;
	advice->overloaded =
	    http_status == 429 || http_status == 503 || http_status == 529;
	advice->push_back =
	    advice->overloaded && (http_status != 503 || says_when || own);
}

void
prompt_read_error(enum api api, const struct response *response, long http_status,
    struct prompt_error *error)
{
	struct buffer copy;
	bool own = false;

	*error = (struct prompt_error){ .message = NULL };
	prompt_advice_init(&error->advice);
	error->advice.wait_ms = wait_in_head(response);
	if (dialect_of(api)->heeds_should_retry)
		error->advice.should_retry = read_should_retry(response->head);
	buffer_init(&copy, BUFFER_UNLIMITED);
	if (copy_json(response, &copy))
		own = read_body(span_whole(copy.data, copy.len), &http_status, error);
	buffer_clear(&copy);
	advise(http_status, own, &error->advice);
}
