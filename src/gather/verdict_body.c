#include "gather/judgement.h"

#include <string.h>
#include <strings.h>

#include "base/charset.h"
#include "base/json_pointers.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/secrets.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "http/request.h"

/* Of a failed answer's text, what is told of it. */
#define EXCERPT_CHARACTERS 200

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

char *
judgement_mask_line(
    const struct judgement *judgement, const char *text, size_t len, size_t max)
{
	const struct secrets *secrets = judgement->request->secrets;
	struct buffer masked;
	struct buffer line;
	char *result = NULL;

	buffer_init(&masked, BUFFER_UNLIMITED);
	buffer_init(&line, BUFFER_UNLIMITED);
	if (!secrets_empty(secrets)) {
		secrets_append_masked(secrets, &masked, text, len);
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

static bool
differ(const struct buffer *masked, const char *text, size_t len)
{
	return masked->len != len || memcmp(masked->data, text, len) != 0;
}

/* Is there a secret in TEXT? NULL: there is no text. */
static bool
holds_secret(const struct judgement *judgement, const char *text, size_t len)
{
	struct buffer masked;
	bool found;

	if (text == NULL)
		return false;
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked(judgement->request->secrets, &masked, text, len);
	found = differ(&masked, text, len);
	buffer_clear(&masked);
	return found;
}

struct buffer *
judgement_masked_json(struct judgement *judgement)
{
	const struct span *json = &judgement->facts.json;

	if (judgement->masked.len == 0)
		secrets_append_masked_json(judgement->request->secrets,
		    &judgement->masked, json->text, json->len);
	return &judgement->masked;
}

bool
judgement_echoes_secret(struct judgement *judgement)
{
	const struct facts *facts = &judgement->facts;

	if (secrets_empty(judgement->request->secrets))
		return false;
	if (facts->has_json &&
	    differ(judgement_masked_json(judgement), facts->json.text, facts->json.len))
		return true;
	return holds_secret(judgement, facts->body, facts->body_len) ||
	    holds_secret(
	        judgement, facts->head, facts->head != NULL ? strlen(facts->head) : 0);
}

static void
decode(
    const struct judgement *judgement, const char *body, size_t len, struct buffer *out)
{
	char name[64];

	charset_append_utf8(out,
	    find_charset(judgement->response->content_type, name, sizeof(name)), body,
	    len);
}

/* How much of a body of LEN bytes the excerpt is made from: without secrets its start is
 * enough, with secrets there must be no end in the middle of one. */
static size_t
excerpt_source_len(const struct judgement *judgement, size_t len)
{
	if (secrets_empty(judgement->request->secrets) && len > JUDGEMENT_EXCERPT_BYTES)
		return JUDGEMENT_EXCERPT_BYTES;
	return len;
}

void
judgement_save_start(struct judgement *judgement)
{
	const struct response *response = judgement->response;

	judgement->closed_up = true;
	if (!secrets_empty(judgement->request->secrets)) {
		buffer_append(&judgement->whole, response->body, response->body_len);
		return;
	}
	judgement->start_len = excerpt_source_len(judgement, response->body_len);
	memcpy(judgement->start, response->body, judgement->start_len);
}

static char *
excerpt_of_body(const struct judgement *judgement)
{
	const struct response *response = judgement->response;
	const char *body = response->body;
	size_t len = response->body_len;
	struct buffer text;
	char *excerpt;

	if (judgement->closed_up) {
		body =
		    judgement->whole.len > 0 ? judgement->whole.data : judgement->start;
		len = judgement->whole.len > 0 ? judgement->whole.len
		                               : judgement->start_len;
	}
	if (len == 0)
		return NULL;
	buffer_init(&text, BUFFER_UNLIMITED);
	decode(judgement, body, excerpt_source_len(judgement, len), &text);
	excerpt =
	    judgement_mask_line(judgement, text.data, text.len, EXCERPT_CHARACTERS);
	buffer_clear(&text);
	return excerpt;
}

char *
judgement_excerpt(const struct judgement *judgement)
{
	const struct buffer *text = &judgement->text;

	/* What is secret of it, nobody can tell from the rest without the rules. */
	if (judgement->target->has_secret_value)
		return NULL;
	/* What a model said tells more than what it came in. */
	if (judgement->target->kind == TARGET_PROMPT && text->len > 0)
		return judgement_mask_line(
		    judgement, text->data, text->len, EXCERPT_CHARACTERS);
	return excerpt_of_body(judgement);
}

/* ---- reading ---- */

/* Does anybody want the body as text? */
static bool
wants_text(const struct target *target)
{
	return target->wants_text || (target->format == FORMAT_TEXT && target->data);
}

/* Has the body to be JSON? */
static bool
wants_json(const struct judgement *judgement)
{
	const struct target *target = judgement->target;

	return target->wants_json || target->format == FORMAT_JSON ||
	    (target->format == FORMAT_AUTO &&
	        is_json_type(judgement->response->content_type));
}

char *
judgement_json_fault(const char *what, const struct json_scan *scan)
{
	if (scan->fault == JSON_FAULT_EMPTY)
		return xasprintf("%s is not valid JSON: it is empty", what);
	return xasprintf("%s is not valid JSON: %s at byte %zu", what,
	    scan->fault == JSON_FAULT_SYNTAX ? "syntax error"
	                                     : json_fault_text(scan->fault),
	    scan->offset);
}

/* One pass checks the body, closes it up and finds all that rules and values ask for. */
static bool
read_json(struct judgement *judgement)
{
	struct response *response = judgement->response;
	const struct target *target = judgement->target;
	struct json_scan scan;

	judgement_save_start(judgement);
	if (!json_scan_find(response->body, response->body_len,
	        (unsigned)target->max_depth, target->pointers, judgement->found,
	        &scan)) {
		judgement_fail(
		    judgement, KIND_INVALID_BODY, judgement_json_fault("body", &scan));
		return false;
	}
	/* What looks at spans stops at the NUL, at the latest. */
	response->body[scan.len] = '\0';
	judgement->facts.has_json = true;
	judgement->facts.json = (struct span){ response->body, scan.len };
	return true;
}

bool
judgement_read_body(struct judgement *judgement)
{
	const struct response *response = judgement->response;
	struct facts *facts = &judgement->facts;

	if (response->no_content || response->http_status == 304)
		return true;
	/* Decoded first: a secret is looked for in the text, not in how it was encoded. */
	if (wants_text(judgement->target)) {
		decode(judgement, response->body, response->body_len, &judgement->text);
		facts->body = judgement->text.data;
		facts->body_len = judgement->text.len;
	}
	return !wants_json(judgement) || read_json(judgement);
}

/* ---- keeping ---- */

static void
keep(struct judgement *judgement, struct buffer *json)
{
	judgement->outcome->data_len = json->len;
	judgement->outcome->data = buffer_take(json);
}

static void
keep_json(struct judgement *judgement)
{
	struct response *response = judgement->response;

	if (!secrets_empty(judgement->request->secrets)) {
		keep(judgement, judgement_masked_json(judgement));
		return;
	}
	/* The body itself, without a copy. */
	judgement->outcome->data = response->body;
	judgement->outcome->data_len = judgement->facts.json.len;
	response->body = NULL;
}

static void
keep_text(struct judgement *judgement)
{
	struct buffer masked;
	struct buffer out;
	struct json_write json;

	buffer_init(&masked, BUFFER_UNLIMITED);
	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(judgement->request->secrets, &masked,
	    judgement->text.data, judgement->text.len);
	json_write_init(&json, &out);
	json_write_string_len(&json, masked.data, masked.len);
	keep(judgement, &out);
	buffer_clear(&masked);
}

void
judgement_keep_data(struct judgement *judgement)
{
	const struct target *target = judgement->target;
	const struct facts *facts = &judgement->facts;

	if (!target->data || target->has_secret_value)
		return;
	switch (target->format) {
	case FORMAT_AUTO:
	case FORMAT_JSON:
		if (facts->has_json)
			keep_json(judgement);
		return;
	case FORMAT_TEXT:
		if (facts->body != NULL)
			keep_text(judgement);
		return;
	case FORMAT_NONE:
		return;
	}
}
