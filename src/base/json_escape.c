#include "base/json_escape.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/units.h"
#include "base/utf8.h"
#include "base/xalloc.h"

const char json_escape_letters[] = "\"\\/bfnrt";
const char json_escape_meanings[] = "\"\\/\b\f\n\r\t";

/* The UTF-16 unit of a \uXXXX at TEXT, or -1 where none is. */
static int32_t
read_unit(const char *text, const char *end)
{
	if (end - text < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	return units_read_hex(text + 2, end, 4);
}

size_t
json_read_escape(const char *text, const char *end, uint32_t *code_point)
{
	const char *letter;
	int32_t high;
	int32_t low;

	if (end - text < 2 || text[0] != '\\')
		return 0;
	letter = text[1] == '\0' ? NULL : strchr(json_escape_letters, text[1]);
	if (letter) {
		*code_point =
		    (unsigned char)json_escape_meanings[letter - json_escape_letters];
		return 2;
	}
	high = read_unit(text, end);
	if (high == -1)
		return 0;
	*code_point = (uint32_t)high;
	if (high < 0xD800 || high > 0xDBFF)
		return 6;
	low = read_unit(text + 6, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return 6;
	*code_point =
	    0x10000 + ((uint32_t)(high - 0xD800) << 10 | (uint32_t)(low - 0xDC00));
	return 12;
}

void
json_append_unescaped(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *backslash = memchr(text, '\\', (size_t)(end - text));
		uint32_t meant = 0;
		size_t taken;

		if (!backslash)
			backslash = end;
		buffer_append(out, text, (size_t)(backslash - text));
		text = backslash;
		if (text == end)
			break;
		taken = json_read_escape(text, end, &meant);
		if (taken == 0)
			buffer_append_char(out, *text);
		else
			utf8_append(
			    out, meant >= 0xD800 && meant <= 0xDFFF ? 0xFFFD : meant);
		text += taken > 0 ? taken : 1;
	}
}

static void
append_without_markup(struct buffer *out, const char *text, const char *end)
{
	while (text < end) {
		const char *found = memchr(text, '<', (size_t)(end - text));

		if (found == NULL)
			break;
		buffer_append(out, text, (size_t)(found - text));
		buffer_append_string(out, "\\u003c");
		text = found + 1;
	}
	buffer_append(out, text, (size_t)(end - text));
}

void
json_escape_markup(struct buffer *out, size_t start)
{
	size_t len = out->len - start;
	char *copy;

	/* Hardly any text has one. */
	if (memchr(out->data + start, '<', len) == NULL)
		return;
	copy = xmemdup0(out->data + start, len);
	buffer_truncate(out, start);
	append_without_markup(out, copy, copy + len);
	free(copy);
}
