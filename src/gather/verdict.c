#include "gather/verdict.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/charset.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/secrets.h"
#include "base/units.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/outcome.h"
#include "http/request.h"

/* Of a failed answer's text, what is told of it. */
#define EXCERPT_CHARACTERS 200
/* Of a text that may be the server's words. */
#define MESSAGE_CHARACTERS 500
/* Enough of a body to find that many characters in, blanks between them and all. */
#define EXCERPT_SOURCE_BYTES ((size_t)4096)

/* One answer that is being judged. */
struct judgement {
	const struct target *target;
	const struct request *request;
	struct response *response;
	int64_t timeout_ms;
	struct outcome *outcome;
};

/* ---- Content-Type (RFC 9110, 8.3) ---- */

/* TYPE's length without its parameters and the blanks before them. */
static size_t
media_type_len(const char *type)
{
	size_t len = strcspn(type, ";");

	while (len > 0 && (type[len - 1] == ' ' || type[len - 1] == '\t'))
		len--;
	return len;
}

/* application/json, or anything in JSON's syntax: application/problem+json (RFC 6839). */
static bool
is_json_type(const char *type)
{
	static const char json[] = "application/json";
	static const char suffix[] = "+json";
	const size_t suffix_len = sizeof(suffix) - 1;
	size_t len;

	if (type == NULL)
		return false;
	type += strspn(type, " \t");
	len = media_type_len(type);
	if (len == sizeof(json) - 1 && strncasecmp(type, json, len) == 0)
		return true;
	return len > suffix_len &&
	    strncasecmp(type + len - suffix_len, suffix, suffix_len) == 0;
}

/* The next parameter of a type, behind the ";" that PARAMETER points at: its name and its
 * value, without the quotes. Returns where it ends. */
static const char *
next_parameter(const char *parameter, const char **name, size_t *name_len,
    const char **value, size_t *value_len)
{
	parameter += 1 + strspn(parameter + 1, " \t");
	*name = parameter;
	*name_len = strcspn(parameter, "=; \t");
	*value_len = 0;
	parameter += *name_len;
	if (*parameter == '=') {
		bool quoted = *++parameter == '"';

		*value = parameter += quoted;
		*value_len = strcspn(parameter, quoted ? "\"" : "; \t");
		parameter += *value_len;
	}
	return parameter + strcspn(parameter, ";");
}

/* The charset that TYPE names, put into TEXT of SIZE bytes; NULL where it names none, or
 * one too long to be known. */
static const char *
find_charset(const char *type, char *text, size_t size)
{
	const char *parameter = type != NULL ? type + strcspn(type, ";") : "";

	while (*parameter == ';') {
		const char *name;
		const char *value;
		size_t name_len;
		size_t value_len;

		parameter =
		    next_parameter(parameter, &name, &name_len, &value, &value_len);
		if (name_len == strlen("charset") &&
		    strncasecmp(name, "charset", name_len) == 0 && value_len > 0 &&
		    value_len < size) {
			memcpy(text, value, value_len);
			text[value_len] = '\0';
			return text;
		}
	}
	return NULL;
}

/* ---- foreign text, fit to be shown ---- */

/* TEXT with *** for the request's secrets, as one line of at most MAX characters; NULL
 * where nothing is left. Masked before it is cut: half a secret is found no more. */
static char *
masked_line(const struct request *request, const char *text, size_t len, size_t max)
{
	struct buffer masked;
	struct buffer line;
	char *result = NULL;

	buffer_init(&masked, BUFFER_UNLIMITED);
	buffer_init(&line, BUFFER_UNLIMITED);
	if (!secrets_empty(request->secrets)) {
		secrets_append_masked(request->secrets, &masked, text, len);
		text = masked.data;
		len = masked.len;
	}
	utf8_append_cleaned(&line, text, len, max);
	if (line.len > 0)
		result = buffer_take(&line);
	buffer_clear(&line);
	buffer_clear(&masked);
	return result;
}

static void
decode_body(
    const struct response *response, const char *body, size_t len, struct buffer *out)
{
	char name[64];

	charset_append_utf8(
	    out, find_charset(response->content_type, name, sizeof(name)), body, len);
}

/* How much of a body of LEN bytes the excerpt is made from: without secrets its start is
 * enough, with secrets there must be no end in the middle of one. */
static size_t
excerpt_source_len(const struct request *request, size_t len)
{
	if (secrets_empty(request->secrets) && len > EXCERPT_SOURCE_BYTES)
		return EXCERPT_SOURCE_BYTES;
	return len;
}

/* The first characters of BODY. */
static char *
make_excerpt(const struct judgement *judgement, const char *body, size_t len)
{
	struct buffer text;
	char *excerpt;

	if (len == 0)
		return NULL;
	buffer_init(&text, BUFFER_UNLIMITED);
	decode_body(judgement->response, body,
	    excerpt_source_len(judgement->request, len), &text);
	excerpt =
	    masked_line(judgement->request, text.data, text.len, EXCERPT_CHARACTERS);
	buffer_clear(&text);
	return excerpt;
}

/* ---- failures ---- */

/* MESSAGE is the outcome's from now on. */
static void
fail(struct judgement *judgement, enum error_kind kind, char *message)
{
	judgement->outcome->kind = kind;
	judgement->outcome->status = error_kind_status(kind);
	judgement->outcome->message = message;
}

static void
fail_with_body(struct judgement *judgement, enum error_kind kind, char *message)
{
	const struct response *response = judgement->response;

	fail(judgement, kind, message);
	judgement->outcome->excerpt =
	    make_excerpt(judgement, response->body, response->body_len);
}

/* Was it the connection's own, shorter limit that ran out? After a redirect the attempt's
 * may end in the middle of a later connection. */
static bool
is_connect_timeout(const struct judgement *judgement)
{
	const struct response *response = judgement->response;
	int64_t connect_timeout_us = judgement->request->connect_timeout_us;

	if (response->phase > PHASE_TLS || connect_timeout_us <= 0 ||
	    connect_timeout_us >= judgement->timeout_ms * 1000)
		return false;
	return response->hops == 0 || response->timing.total_us >= connect_timeout_us;
}

static void
judge_timeout(struct judgement *judgement)
{
	static const char *const doing[] = {
		[PHASE_DNS] = "looking up the host",
		[PHASE_CONNECT] = "connecting",
		[PHASE_TLS] = "in the TLS handshake",
		[PHASE_FIRST_BYTE] = "waiting for the first byte",
		[PHASE_BODY] = "receiving the body",
	};
	struct outcome *outcome = judgement->outcome;
	char limit[UNITS_TEXT_SIZE];

	outcome->limit_ms = is_connect_timeout(judgement)
	    ? judgement->request->connect_timeout_us / 1000
	    : judgement->timeout_ms;
	units_format_duration(limit, outcome->limit_ms);
	fail_with_body(judgement, KIND_TIMEOUT,
	    xasprintf(
	        "timed out after %s %s", limit, doing[judgement->response->phase]));
}

/* What http says of a fault, or our words where it says nothing. */
static char *
fault_message(const struct judgement *judgement)
{
	static const char *const words[] = {
		[RESPONSE_DNS] = "could not resolve host",
		[RESPONSE_CONNECT] = "could not connect",
		[RESPONSE_TLS] = "TLS handshake failed",
		[RESPONSE_PROTOCOL] = "the answer is not valid HTTP",
		[RESPONSE_REDIRECT] = "refused to follow the redirect",
		[RESPONSE_TOO_LARGE] = "body is too large",
		[RESPONSE_INTERNAL] = "out of descriptors or memory",
	};
	const char *told = judgement->response->message;
	char *message = NULL;

	if (told != NULL)
		message = masked_line(
		    judgement->request, told, strlen(told), MESSAGE_CHARACTERS);
	return message != NULL ? message : xstrdup(words[judgement->response->result]);
}

static void
judge_fault(struct judgement *judgement)
{
	static const enum error_kind kinds[] = {
		[RESPONSE_DNS] = KIND_DNS,
		[RESPONSE_CONNECT] = KIND_CONNECT,
		[RESPONSE_TLS] = KIND_TLS,
		[RESPONSE_PROTOCOL] = KIND_PROTOCOL,
		[RESPONSE_REDIRECT] = KIND_REDIRECT,
		[RESPONSE_TOO_LARGE] = KIND_TOO_LARGE,
		[RESPONSE_INTERNAL] = KIND_INTERNAL,
	};

	fail_with_body(
	    judgement, kinds[judgement->response->result], fault_message(judgement));
}

static void
judge_http_status(struct judgement *judgement)
{
	const struct response *response = judgement->response;
	long http_status = response->http_status;
	bool limited =
	    http_status == 429 || (http_status == 503 && response->retry_after);

	fail_with_body(judgement, limited ? KIND_RATE_LIMITED : KIND_HTTP,
	    xasprintf("returned HTTP %ld", http_status));
}

/* ---- bodies ---- */

static void
keep_data(struct judgement *judgement, char *json, size_t len)
{
	judgement->outcome->data = json;
	judgement->outcome->data_len = len;
}

static void
keep_json(struct judgement *judgement, size_t len)
{
	struct response *response = judgement->response;
	struct buffer masked;

	if (secrets_empty(judgement->request->secrets)) {
		/* The body itself, without a copy. */
		response->body[len] = '\0';
		keep_data(judgement, response->body, len);
		response->body = NULL;
		return;
	}
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked_json(
	    judgement->request->secrets, &masked, response->body, len);
	len = masked.len;
	keep_data(judgement, buffer_take(&masked), len);
}

/* SOURCE is the start of the body as it came, from before the scan spoilt it. */
static void
fail_json(struct judgement *judgement, const struct json_scan *scan,
    const struct buffer *source)
{
	char *message;

	if (scan->fault == JSON_FAULT_EMPTY)
		message = xstrdup("body is not valid JSON: it is empty");
	else
		message = xasprintf("body is not valid JSON: %s at byte %zu",
		    scan->fault == JSON_FAULT_SYNTAX ? "syntax error"
		                                     : json_fault_text(scan->fault),
		    scan->offset);
	fail(judgement, KIND_INVALID_BODY, message);
	judgement->outcome->excerpt =
	    make_excerpt(judgement, source->data, source->len);
}

static void
judge_json(struct judgement *judgement)
{
	struct response *response = judgement->response;
	struct json_scan scan;
	struct buffer source;

	buffer_init(&source, BUFFER_UNLIMITED);
	buffer_append(&source, response->body,
	    excerpt_source_len(judgement->request, response->body_len));
	if (!json_scan_compact(response->body, response->body_len,
	        (unsigned)judgement->target->max_depth, &scan))
		fail_json(judgement, &scan, &source);
	else if (judgement->target->data)
		keep_json(judgement, scan.len);
	buffer_clear(&source);
}

/* Decoded first: a secret is looked for in the text, not in how it was encoded. */
static void
keep_text(struct judgement *judgement)
{
	const struct response *response = judgement->response;
	struct buffer text;
	struct buffer masked;
	struct buffer out;
	struct json_write json;
	size_t len;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_init(&masked, BUFFER_UNLIMITED);
	buffer_init(&out, BUFFER_UNLIMITED);
	decode_body(response, response->body, response->body_len, &text);
	secrets_append_masked(
	    judgement->request->secrets, &masked, text.data, text.len);
	json_write_init(&json, &out);
	json_write_string_len(&json, masked.data, masked.len);
	len = out.len;
	keep_data(judgement, buffer_take(&out), len);
	buffer_clear(&masked);
	buffer_clear(&text);
}

static void
judge_body(struct judgement *judgement)
{
	const struct response *response = judgement->response;

	if (response->no_content)
		return;
	switch (judgement->target->format) {
	case FORMAT_AUTO:
		if (is_json_type(response->content_type))
			judge_json(judgement);
		return;
	case FORMAT_JSON:
		judge_json(judgement);
		return;
	case FORMAT_TEXT:
		if (judgement->target->data)
			keep_text(judgement);
		return;
	case FORMAT_NONE:
		return;
	}
}

static void
judge_answer(struct judgement *judgement)
{
	long http_status = judgement->response->http_status;

	if (http_status < 200 || http_status > 299) {
		judge_http_status(judgement);
		return;
	}
	judgement->outcome->kind = KIND_NONE;
	judgement->outcome->status = STATUS_OK;
	judge_body(judgement);
}

void
verdict_judge(const struct target *target, const struct request *request,
    struct response *response, int64_t timeout_ms, struct outcome *outcome)
{
	struct judgement judgement = {
		.target = target,
		.request = request,
		.response = response,
		.timeout_ms = timeout_ms,
		.outcome = outcome,
	};

	outcome->http_status = response->http_status;
	outcome->timing = response->timing;
	outcome->bytes = response->bytes;
	outcome->phase = response->result == RESPONSE_COMPLETE ||
	        response->result == RESPONSE_REDIRECT
	    ? -1
	    : (int)response->phase;
	switch (response->result) {
	case RESPONSE_COMPLETE:
		judge_answer(&judgement);
		return;
	case RESPONSE_TIMEOUT:
		judge_timeout(&judgement);
		return;
	case RESPONSE_DNS:
	case RESPONSE_CONNECT:
	case RESPONSE_TLS:
	case RESPONSE_PROTOCOL:
	case RESPONSE_REDIRECT:
	case RESPONSE_TOO_LARGE:
	case RESPONSE_INTERNAL:
		judge_fault(&judgement);
		return;
	}
}
