#include "http/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"

/* What a Content-Length is believed before the bytes are there. */
#define MAX_RESERVED_BYTES ((size_t)1024 * 1024)

void
answer_begin(struct answer *answer, CURL *easy, size_t max_body_bytes, bool keep_body)
{
	*answer = (struct answer){
		.easy = easy,
		.max_body_bytes = max_body_bytes,
		.keep_body = keep_body,
	};
}

void
answer_clear(struct answer *answer)
{
	free(answer->location);
	free(answer->body);
	*answer = (struct answer){ 0 };
}

char *
answer_take_body(struct answer *answer)
{
	char *body = answer->body != NULL ? answer->body : xstrdup("");

	answer->body = NULL;
	answer->body_len = 0;
	answer->body_capacity = 0;
	return body;
}

char *
answer_take_location(struct answer *answer)
{
	char *location = answer->location;

	answer->location = NULL;
	return location;
}

/* Note why, and have libcurl end the transfer: it takes anything but the length of what
 * it handed over as a wish to stop. */
static size_t
stop(struct answer *answer, enum answer_fault fault)
{
	answer->fault = fault;
	return 0;
}

/* The value of the header LINE if its name is NAME, without white space around it; NULL
 * otherwise. */
static const char *
header_value(const char *line, size_t len, const char *name, size_t *value_len)
{
	size_t start = strlen(name) + 1;

	if (len < start || line[start - 1] != ':' ||
	    strncasecmp(line, name, start - 1) != 0)
		return NULL;
	while (len > start && strchr(" \t\r\n", line[len - 1]) != NULL)
		len--;
	while (len > start && strchr(" \t", line[start]) != NULL)
		start++;
	*value_len = len - start;
	return line + start;
}

/* What a caller asks for of a header LINE. Of several Location lines the first one counts,
 * as it does for libcurl. */
static void
note_header(struct answer *answer, const char *line, size_t len)
{
	size_t value_len;
	const char *value;

	if (header_value(line, len, "Retry-After", &value_len) != NULL)
		answer->retry_after = true;
	if (answer->location != NULL)
		return;
	value = header_value(line, len, "Location", &value_len);
	if (value != NULL && value_len > 0)
		answer->location = xmemdup0(value, value_len);
}

/* After the last header line. An interim answer is followed by another; only 101 is not,
 * but then what follows is no HTTP any more. */
static void
end_headers(struct answer *answer)
{
	long status = 0;

	curl_easy_getinfo(answer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 100 && status < 200 && status != 101) {
		free(answer_take_location(answer));
		answer->retry_after = false;
		answer->part = ANSWER_AWAITED;
	} else {
		/* What went wrong is worth reading, even where the answer is not. */
		if (status < 200 || status > 299)
			answer->keep_body = true;
		answer->part = ANSWER_BODY;
	}
}

size_t
answer_on_header(char *line, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;
	size_t len = size * count;

	answer->header_bytes += len;
	if (answer->header_bytes > ANSWER_MAX_HEADER_BYTES)
		return stop(answer, ANSWER_HEADERS_TOO_LARGE);

	switch (answer->part) {
	case ANSWER_AWAITED: /* the status line */
		answer->part = ANSWER_HEADERS;
		break;
	case ANSWER_HEADERS:
		if (len > 0 && (line[0] == '\r' || line[0] == '\n'))
			end_headers(answer);
		else
			note_header(answer, line, len);
		break;
	case ANSWER_BODY: /* a trailer: nothing in it is for us */
		break;
	}
	return len;
}

/* How large the body will be by its Content-Length, as far as that is believed. */
static size_t
expected_bytes(const struct answer *answer)
{
	curl_off_t length = -1;
	size_t max = answer->max_body_bytes < MAX_RESERVED_BYTES
	    ? answer->max_body_bytes
	    : MAX_RESERVED_BYTES;

	curl_easy_getinfo(answer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length < 0)
		return 0;
	return (uint64_t)length < max ? (size_t)length : max;
}

/* Room for LEN more bytes and the NUL. Not by xalloc: how much comes is not up to us. */
static bool
reserve(struct answer *answer, size_t len)
{
	size_t needed = answer->body_len + len + 1;
	size_t capacity;
	char *body;

	if (needed <= answer->body_capacity)
		return true;
	capacity = answer->body == NULL ? expected_bytes(answer) + 1
	                                : 2 * answer->body_capacity;
	if (capacity < needed)
		capacity = needed;
	body = realloc(answer->body, capacity);
	if (body == NULL)
		return false;
	answer->body = body;
	answer->body_capacity = capacity;
	return true;
}

size_t
answer_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;
	size_t len = size * count;

	answer->bytes += len;
	if (answer->bytes > answer->max_body_bytes)
		return stop(answer, ANSWER_BODY_TOO_LARGE);
	if (!answer->keep_body)
		return len;
	if (!reserve(answer, len))
		return stop(answer, ANSWER_NO_MEMORY);
	memcpy(answer->body + answer->body_len, data, len);
	answer->body_len += len;
	answer->body[answer->body_len] = '\0';
	return len;
}
