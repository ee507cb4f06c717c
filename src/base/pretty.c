#include "base/pretty.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "base/words.h"

#define STEP     2 /* columns for each level of JSON */
#define TAB_STOP 8

/* Would a terminal do anything but show it: a control character, or one that turns the
 * direction of what follows (UAX #9)? */
static bool
is_obeyed(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) ||
	    (c >= 0x2066 && c <= 0x2069);
}

void
pretty_append_harmless(struct buffer *out, const char *json, size_t len)
{
	size_t from = 0;
	size_t taken;

	for (size_t i = 0; i < len; i += taken) {
		uint32_t c;

		taken = utf8_decode(json + i, len - i, &c);
		taken = taken > 0 ? taken : 1;
		/* White space between the tokens is ASCII and below DEL. */
		if (taken == 1 && json[i] != 0x7F)
			continue;
		if (!is_obeyed(c))
			continue;
		buffer_append(out, json + from, i - from);
		buffer_append_format(out, "\\u%04x", c);
		from = i + taken;
	}
	buffer_append(out, json + from, len - from);
}

/* ---- JSON ---- */

struct layout {
	const struct pretty *pretty; /* borrowed */
	struct buffer *out;          /* borrowed */
	size_t start;                /* of what is laid out, in OUT */
	size_t lines;
	size_t depth;
};

static size_t
room_left(const struct layout *layout)
{
	size_t used = layout->out->len - layout->start;

	return used < layout->pretty->max_bytes ? layout->pretty->max_bytes - used : 0;
}

/* Returns false, and begins no line, where there may be no further one. */
static bool
begin_line(struct layout *layout)
{
	size_t indent = layout->pretty->indent + STEP * layout->depth;

	if (layout->pretty->max_lines == 1)
		return room_left(layout) > 0;
	if (layout->lines == layout->pretty->max_lines || room_left(layout) <= indent)
		return false;
	layout->lines++;
	buffer_append_format(layout->out, "\n%*s", (int)indent, "");
	return true;
}

/* A string, number or word, or as much of it as there is room for. */
static bool
append_scalar(struct layout *layout, const char *text, size_t len)
{
	size_t room = room_left(layout);
	bool whole = len <= room;

	if (!whole) {
		len = room;
		/* Not in the middle of a character. */
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
			len--;
	}
	pretty_append_harmless(layout->out, text, len);
	return whole;
}

static bool
append_opening(struct layout *layout, char bracket, bool empty)
{
	buffer_append_char(layout->out, bracket);
	layout->depth++;
	return empty || begin_line(layout);
}

static bool
append_closing(struct layout *layout, char bracket, bool empty)
{
	layout->depth--;
	if (!empty && !begin_line(layout))
		return false;
	buffer_append_char(layout->out, bracket);
	return true;
}

static bool
append_token(struct layout *layout, struct span token, char before, char behind)
{
	char c = token.text[0];

	switch (c) {
	case '{':
	case '[':
		return append_opening(layout, c, behind == '}' || behind == ']');
	case '}':
	case ']':
		return append_closing(layout, c, before == '{' || before == '[');
	case ',':
		buffer_append_string(
		    layout->out, layout->pretty->max_lines == 1 ? ", " : ",");
		return begin_line(layout);
	case ':':
		buffer_append_string(layout->out, ": ");
		return true;
	default:
		return append_scalar(layout, token.text, token.len);
	}
}

bool
pretty_append_json(struct buffer *out, struct span json, const struct pretty *pretty)
{
	struct layout layout = {
		.pretty = pretty,
		.out = out,
		.start = out->len,
		.lines = 1,
	};
	const char *end;
	struct span token;
	char before = '\0';

	if (span_kind(json) == SPAN_ABSENT)
		return true;
	end = json.text + json.len;
	token = span_token(json.text, end);
	while (token.len > 0) {
		struct span next = span_token(token.text + token.len, end);
		char behind = '\0';

		if (next.len > 0)
			behind = next.text[0];
		if (!append_token(&layout, token, before, behind))
			return false;
		before = token.text[0];
		token = next;
	}
	return true;
}

void
pretty_append_whole(struct buffer *out, struct span json)
{
	static const struct pretty whole = {
		.max_lines = SIZE_MAX,
		.max_bytes = SIZE_MAX,
	};

	(void)pretty_append_json(out, json, &whole);
	buffer_append_char(out, '\n');
}

/* ---- text ---- */

/* LINE with tabs as blanks, and U+FFFD for what a terminal would obey. */
static void
clean_line(struct buffer *out, const char *line, size_t len)
{
	size_t taken;

	for (size_t i = 0; i < len; i += taken) {
		uint32_t c;

		taken = utf8_decode(line + i, len - i, &c);
		if (taken == 1 && c == '\t') {
			size_t column = utf8_columns(out->data, out->len);
			size_t blanks = TAB_STOP - column % TAB_STOP;

			buffer_append_format(out, "%*s", (int)blanks, "");
		} else if (taken == 0 || is_obeyed(c)) {
			utf8_append(out, 0xFFFD);
		} else {
			buffer_append(out, line + i, taken);
		}
		taken = taken > 0 ? taken : 1;
	}
}

static void
append_text_line(
    struct buffer *out, const char *line, size_t len, const struct pretty *pretty)
{
	struct buffer clean;

	while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
		len--;
	buffer_init(&clean, BUFFER_UNLIMITED);
	clean_line(&clean, line, len);
	words_append_wrapped(
	    out, clean.data, clean.len, pretty->indent, pretty->columns);
	buffer_clear(&clean);
}

/* The text less the newlines at its end. */
static size_t
without_last_newlines(const char *text, size_t len)
{
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	return len;
}

bool
pretty_append_text(
    struct buffer *out, const char *text, size_t len, const struct pretty *pretty)
{
	size_t shown = without_last_newlines(text, len);
	bool whole = shown <= pretty->max_bytes;

	if (!whole) {
		shown = pretty->max_bytes;
		while (shown > 0 && ((unsigned char)text[shown] & 0xC0) == 0x80)
			shown--;
	}
	for (size_t lines = 1;; lines++) {
		const char *newline = memchr(text, '\n', shown);
		size_t line = newline != NULL ? (size_t)(newline - text) : shown;

		append_text_line(out, text, line, pretty);
		if (newline == NULL)
			return whole;
		if (lines == pretty->max_lines)
			return false;
		text += line + 1;
		shown -= line + 1;
		/* Nothing stands at the end of a line that is empty. */
		buffer_append_format(out, "\n%*s",
		    shown > 0 && *text != '\n' ? (int)pretty->indent : 0, "");
	}
}
