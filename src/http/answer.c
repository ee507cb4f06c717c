#include "http/answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "http/request.h"

/* What a Content-Length is believed before the bytes are there. */
#define MAX_RESERVED_BYTES ((size_t)1024 * 1024)

/* A Retry-After of more digits is for ever. */
#define MAX_DELAY_DIGITS 12u

void
answer_begin(struct answer *answer, CURL *easy, const struct request *request,
    bool ends_with_head)
{
	*answer = (struct answer){
		.easy = easy,
		.request = request,
		.retry_after_ms = -1,
		.ends_with_head = ends_with_head,
		.keep_body = request->keep_body,
	};
	buffer_init(&answer->head, ANSWER_MAX_HEADER_BYTES);
}

/* Forget all that was kept. */
static void
drop(struct answer *answer)
{
	free(answer->location);
	free(answer->content_type);
	free(answer->body);
	buffer_clear(&answer->head);
}

void
answer_restart(struct answer *answer)
{
	if (answer->header_bytes == 0)
		return;
	drop(answer);
	answer_begin(answer, answer->easy, answer->request, answer->ends_with_head);
}

void
answer_clear(struct answer *answer)
{
	drop(answer);
	*answer = (struct answer){ 0 };
}

void
answer_take(struct answer *answer, struct response *response)
{
	response->bytes = answer->bytes;
	response->body_len = answer->body_len;
	response->body = answer->body != NULL ? answer->body : xstrdup("");
	response->content_type = answer->content_type;
	response->retry_after_ms = answer->retry_after_ms;
	if (answer->head.len > 0)
		response->head = buffer_take(&answer->head);
	answer->body = NULL;
	answer->body_len = 0;
	answer->body_capacity = 0;
	answer->content_type = NULL;
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

/* A copy of the value of the header LINE, if its name is NAME and there is one; NULL
 * otherwise. The caller's. */
static char *
copy_value(const char *line, size_t len, const char *name)
{
	size_t value_len;
	const char *value = header_value(line, len, name, &value_len);

	return value != NULL && value_len > 0 ? xmemdup0(value, value_len) : NULL;
}

/* TEXT, a number of seconds or a date (RFC 9110, 10.2.3), as milliseconds from now; -1:
 * neither. */
static int64_t
parse_retry_after(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int64_t until_ms;
	time_t date;

	if (digits > 0) {
		if (text[digits] != '\0')
			return -1;
		/* More than anybody waits for. */
		return digits <= MAX_DELAY_DIGITS ? strtoll(text, NULL, 10) * 1000
		                                  : INT64_MAX / 2;
	}
	/* A date begins with the name of its day. */
	date = isalpha((unsigned char)text[0]) ? curl_getdate(text, NULL) : -1;
	if (date == -1)
		return -1;
	until_ms = (int64_t)date * 1000 - clock_wall_ms();
	return until_ms > 0 ? until_ms : 0;
}

/* What a caller asks for of a header LINE. Of several the first Location and the last
 * Content-Type count, as they do for libcurl. */
static void
note_header(struct answer *answer, const char *line, size_t len)
{
	char *value;

	if (answer->location == NULL)
		answer->location = copy_value(line, len, "Location");
	value = copy_value(line, len, "Content-Type");
	if (value != NULL) {
		free(answer->content_type);
		answer->content_type = value;
	}
	value = copy_value(line, len, "Retry-After");
	if (value != NULL)
		answer->retry_after_ms = parse_retry_after(value);
	free(value);
}

static void
keep_line(struct answer *answer, const char *line, size_t len)
{
	if (!answer->request->keep_head)
		return;
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	buffer_append(&answer->head, line, len);
	buffer_append_string(&answer->head, "\r\n");
}

/* An interim answer is followed by another. */
static void
pass_over_interim(struct answer *answer)
{
	size_t header_bytes = answer->header_bytes;
	int64_t first_byte_us = answer->first_byte_us;

	answer_restart(answer);
	answer->header_bytes = header_bytes;
	answer->first_byte_us = first_byte_us;
}

/* After the last header line. Only 101 is not followed by another answer, but then what
 * follows is no HTTP any more. */
static void
end_headers(struct answer *answer)
{
	long status = 0;

	curl_easy_getinfo(answer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 100 && status < 200 && status != 101) {
		pass_over_interim(answer);
		return;
	}
	/* What went wrong is worth reading, even where the answer is not. */
	if (status < 200 || status > 299)
		answer->keep_body = true;
	answer->part = ANSWER_BODY;
	if (answer->ends_with_head)
		answer->fault = ANSWER_WHOLE;
}

size_t
answer_on_header(char *line, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;
	size_t len = size * count;

	if (answer->header_bytes == 0)
		answer->first_byte_us = clock_now_us();
	answer->header_bytes += len;
	if (answer->header_bytes > ANSWER_MAX_HEADER_BYTES)
		return stop(answer, ANSWER_HEADERS_TOO_LARGE);

	switch (answer->part) {
	case ANSWER_AWAITED: /* the status line */
		answer->part = ANSWER_HEADERS;
		keep_line(answer, line, len);
		break;
	case ANSWER_HEADERS:
		if (len > 0 && (line[0] == '\r' || line[0] == '\n')) {
			end_headers(answer);
			if (answer->fault == ANSWER_WHOLE)
				return 0;
		} else {
			note_header(answer, line, len);
			keep_line(answer, line, len);
		}
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
	size_t max = answer->request->max_body_bytes < MAX_RESERVED_BYTES
	    ? answer->request->max_body_bytes
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
	if (answer->bytes > answer->request->max_body_bytes)
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
