#include "base/span.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/skip.h"
#include "base/xalloc.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *
pass_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* AT is at the opening quote; to behind the closing one. */
static const char *
pass_string(const char *at, const char *end)
{
	at++;
	while (at < end) {
		at = skip_plain(at, end);
		if (at == end || *at == '"')
			break;
		at += *at == '\\' ? 2 : 1;
	}
	return at < end ? at + 1 : end;
}

/* AT is at an opening bracket; to behind the one that closes it. */
static const char *
pass_brackets(const char *at, const char *end)
{
	size_t depth = 0;

	while (at < end) {
		char c = *at;

		if (c == '"') {
			at = pass_string(at, end);
			continue;
		}
		at++;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		if (depth == 0)
			break;
	}
	return at;
}

static const char *
pass_word(const char *at, const char *end)
{
	while (at < end && *at != ',' && *at != ']' && *at != '}' && !is_space(*at))
		at++;
	return at;
}

/* The value that starts at AT. */
static struct span
value_at(const char *at, const char *end)
{
	const char *behind;

	if (at == end)
		return (struct span){ .text = NULL };
	if (*at == '"')
		behind = pass_string(at, end);
	else if (*at == '{' || *at == '[')
		behind = pass_brackets(at, end);
	else
		behind = pass_word(at, end);
	return (struct span){ at, (size_t)(behind - at) };
}

struct span
span_whole(const char *text, size_t len)
{
	const char *end = text + len;

	text = pass_space(text, end);
	while (end > text && is_space(end[-1]))
		end--;
	return (struct span){ text, (size_t)(end - text) };
}

struct span
span_token(const char *at, const char *end)
{
	at = pass_space(at, end);
	if (at < end && strchr("{}[],:", *at) != NULL)
		return (struct span){ at, 1 };
	return value_at(at, end);
}

enum span_kind
span_kind(struct span span)
{
	if (span.text == NULL || span.len == 0)
		return SPAN_ABSENT;
	switch (span.text[0]) {
	case 'n':
		return SPAN_NULL;
	case 't':
	case 'f':
		return SPAN_BOOL;
	case '"':
		return SPAN_STRING;
	case '[':
		return SPAN_ARRAY;
	case '{':
		return SPAN_OBJECT;
	default:
		return SPAN_NUMBER;
	}
}

bool
span_is_nothing(struct span span)
{
	return span_kind(span) <= SPAN_NULL;
}

/* ---- scalars ---- */

/* Most strings have no escapes; json-c reads those that have. */
static char *
unescaped(struct span span, size_t *len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *string = NULL;
	char *text;

	if (tokener != NULL)
		string = json_tokener_parse_ex(tokener, span.text, (int)span.len);
	if (json_object_is_type(string, json_type_string)) {
		*len = (size_t)json_object_get_string_len(string);
		text = xmemdup0(json_object_get_string(string), *len);
	} else {
		/* Escaped is better than not at all. */
		*len = span.len - 2;
		text = xmemdup0(span.text + 1, *len);
	}
	json_object_put(string);
	json_tokener_free(tokener);
	return text;
}

char *
span_text(struct span span, size_t *len)
{
	size_t text_len;
	char *text;

	if (span_kind(span) != SPAN_STRING)
		return NULL;
	text_len = span.len - 2;
	if (memchr(span.text, '\\', span.len) == NULL)
		text = xmemdup0(span.text + 1, text_len);
	else
		text = unescaped(span, &text_len);
	if (len != NULL)
		*len = text_len;
	return text;
}

bool
span_is_text(struct span span, const char *text)
{
	size_t len = strlen(text);
	char *found;
	bool same;

	if (span_kind(span) != SPAN_STRING)
		return false;
	if (memchr(span.text, '\\', span.len) == NULL)
		return span.len == len + 2 && memcmp(span.text + 1, text, len) == 0;
	found = span_text(span, &len);
	same = len == strlen(text) && memcmp(found, text, len) == 0;
	free(found);
	return same;
}

bool
span_number(struct span span, double *number)
{
	if (span_kind(span) != SPAN_NUMBER)
		return false;
	/* It ends at what follows it in the text, at the latest at the NUL. */
	*number = strtod(span.text, NULL);
	return true;
}

int64_t
span_time_ms(struct span span)
{
	char *text = span_text(span, NULL);
	int64_t wall_ms = text != NULL ? clock_parse_rfc3339(text) : -1;

	free(text);
	return wall_ms;
}

/* ---- arrays and objects ---- */

void
span_walk_init(struct span_walk *walk, struct span container)
{
	enum span_kind kind = span_kind(container);

	*walk = (struct span_walk){ .in_object = kind == SPAN_OBJECT };
	if (kind != SPAN_OBJECT && kind != SPAN_ARRAY)
		return;
	/* Between the brackets. */
	walk->at = container.text + 1;
	walk->end = container.text + container.len - 1;
}

bool
span_walk_next(struct span_walk *walk, struct span *key, struct span *value)
{
	const char *end = walk->end;
	const char *at = pass_space(walk->at, end);

	if (at == end)
		return false;
	*key = (struct span){ .text = NULL };
	if (walk->in_object) {
		*key = value_at(at, end);
		/* A colon, and white space around it. */
		at = pass_space(key->text + key->len, end);
		at = pass_space(at < end ? at + 1 : end, end);
	}
	*value = value_at(at, end);
	at = pass_space(at + value->len, end);
	walk->at = at < end ? at + 1 : end; /* behind the comma */
	return true;
}

size_t
span_count(struct span container)
{
	struct span_walk walk;
	struct span key, value;
	size_t count = 0;

	span_walk_init(&walk, container);
	while (span_walk_next(&walk, &key, &value))
		count++;
	return count;
}

void
span_members(
    struct span object, const char *const *names, size_t count, struct span *values)
{
	struct span_walk walk;
	struct span key, value;

	memset(values, 0, count * sizeof(*values));
	if (span_kind(object) != SPAN_OBJECT)
		return;
	span_walk_init(&walk, object);
	while (span_walk_next(&walk, &key, &value)) {
		for (size_t i = 0; i < count; i++) {
			if (span_is_text(key, names[i]))
				values[i] = value;
		}
	}
}

struct span
span_member(struct span object, const char *name)
{
	struct span value;

	span_members(object, &name, 1, &value);
	return value;
}
