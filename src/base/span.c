#include "base/span.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_escape.h"
#include "base/skip.h"
#include "base/units.h"
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

char *
span_copy(struct span span, size_t *len)
{
	*len = span_is_nothing(span) ? 0 : span.len;
	return *len > 0 ? xmemdup0(span.text, span.len) : NULL;
}

char *
span_text(struct span span, size_t *len)
{
	struct buffer text;
	size_t inside_len;

	if (span_kind(span) != SPAN_STRING)
		return NULL;
	/* Most strings have no escapes; what they mean is never longer than they are. */
	inside_len = span.len - 2;
	buffer_init(&text, inside_len);
	if (buffer_reserve(&text, inside_len) != NULL)
		json_append_unescaped(&text, span.text + 1, inside_len);
	if (len != NULL)
		*len = text.len;
	return buffer_take(&text);
}

bool
span_is_text(struct span span, const char *text)
{
	size_t len;
	char *found;
	bool same;

	if (span_kind(span) != SPAN_STRING)
		return false;
	/* Most are told apart by how they begin. */
	if (span.len > 2 && span.text[1] != '\\' && span.text[1] != text[0])
		return false;
	/* What an escape means is shorter than it is: so much is told by the length. */
	len = strlen(text);
	if (span.len < len + 2)
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

static const char *
pass_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* The number that the digits from AT to END are; false where it is too large. */
static bool
read_digits(const char *at, const char *end, uint64_t *number)
{
	uint64_t sum = 0;

	for (; at < end; at++) {
		/* Ten times the maximum is far from where it would wrap. */
		sum = 10 * sum + (uint64_t)(*at - '0');
		if (sum > SPAN_MAX_WHOLE)
			return false;
	}
	*number = sum;
	return true;
}

bool
span_whole_number(struct span span, uint64_t *number)
{
	const char *end;

	if (span_kind(span) != SPAN_NUMBER)
		return false;
	end = span.text + span.len;
	return pass_digits(span.text, end) == end &&
	    read_digits(span.text, end, number);
}

/* The number SPAN in parts of which ONE make up 1, a power of ten; what is smaller is cut off.
 * -1 if SPAN is none, is negative, too large or has an exponent. */
static int64_t
read_parts(struct span span, int64_t one)
{
	const char *end, *digit;
	uint64_t whole;
	int64_t parts;

	if (span_kind(span) != SPAN_NUMBER)
		return -1;
	end = span.text + span.len;
	digit = pass_digits(span.text, end);
	if (!read_digits(span.text, digit, &whole))
		return -1;
	if (digit < end && *digit == '.')
		digit++;
	if (pass_digits(digit, end) != end || (int64_t)whole >= INT64_MAX / one)
		return -1;
	parts = (int64_t)whole * one;
	for (int64_t weight = one / 10; weight > 0 && digit < end;
	     weight /= 10, digit++)
		parts += (*digit - '0') * weight;
	return parts;
}

int64_t
span_ms_as_us(struct span span)
{
	return read_parts(span, 1000);
}

int64_t
span_money(struct span span)
{
	return read_parts(span, MONEY_ONE);
}

int64_t
span_time_ms(struct span span)
{
	size_t len;
	char *text = span_text(span, &len);
	int64_t wall_ms = -1;

	/* A time with a NUL in it is none. */
	if (text != NULL && strlen(text) == len)
		wall_ms = clock_parse_rfc3339(text);
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
