#include "rules/plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

/* What is shown of a text. */
#define SHOWN_CHARACTERS 80

/* Of a long string, so much is looked at to show its beginning. */
#define SHOWN_BYTES ((size_t)4096)

/* The longest number that is read from text: more digits tell a double nothing. */
#define NUMBER_BYTES 400

bool
plain_init(struct plain *plain, struct span value)
{
	enum span_kind kind = span_kind(value);

	*plain = (struct plain){ .text = value.text, .len = value.len };
	if (kind == SPAN_ABSENT || kind == SPAN_ARRAY || kind == SPAN_OBJECT)
		return false;
	if (kind != SPAN_STRING)
		return true;
	if (memchr(value.text, '\\', value.len) != NULL) {
		plain->copy = span_text(value, &plain->len);
		plain->text = plain->copy;
		return true;
	}
	plain->text++;
	plain->len -= 2;
	return true;
}

void
plain_clear(struct plain *plain)
{
	free(plain->copy);
	*plain = (struct plain){ .text = NULL };
}

size_t
plain_characters(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xC0) != 0x80;
	return count;
}

/* ---- numbers ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t
count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* strtod(3) takes hexadecimal numbers, "nan" and "infinity" too. */
static bool
is_decimal(const char *text)
{
	size_t digits;

	text += *text == '-' || *text == '+' ? 1 : 0;
	digits = count_digits(text);
	text += digits;
	if (*text == '.') {
		size_t decimals = count_digits(text + 1);

		digits += decimals;
		text += 1 + decimals;
	}
	if (digits == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text += text[1] == '-' || text[1] == '+' ? 2 : 1;
		digits = count_digits(text);
		if (digits == 0)
			return false;
		text += digits;
	}
	return *text == '\0';
}

bool
plain_number(const char *text, size_t len, double *number)
{
	char copy[NUMBER_BYTES + 1];
	double found;

	while (len > 0 && is_blank(*text)) {
		text++;
		len--;
	}
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	if (len == 0 || len > NUMBER_BYTES || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!is_decimal(copy))
		return false;
	found = strtod(copy, NULL);
	if (!isfinite(found))
		return false;
	*number = found;
	return true;
}

/* ---- words ---- */

/* Append the beginning of TEXT; CUT: there is more of it. */
static void
append_beginning(const char *text, size_t len, bool cut, struct buffer *out)
{
	const size_t start = out->len;
	size_t whole_len;

	/* One character more, to see whether there is one. */
	utf8_append_cleaned(out, text, len, SHOWN_CHARACTERS + 1);
	whole_len = out->len - start;
	buffer_truncate(out, start);
	utf8_append_cleaned(out, text, len, SHOWN_CHARACTERS);
	if (cut || out->len - start < whole_len)
		buffer_append_string(out, "...");
}

void
plain_describe_text(const char *text, size_t len, struct buffer *out)
{
	size_t looked_at = len < SHOWN_BYTES ? len : SHOWN_BYTES;

	buffer_append_char(out, '"');
	append_beginning(text, looked_at, looked_at < len, out);
	buffer_append_char(out, '"');
}

static void
describe_string(struct span value, struct buffer *out)
{
	struct span beginning = value;
	struct plain plain;

	/* Its end may be within an escape: that lies far behind what is shown. */
	if (beginning.len > SHOWN_BYTES)
		beginning.len = SHOWN_BYTES;
	if (plain_init(&plain, beginning)) {
		buffer_append_char(out, '"');
		append_beginning(plain.text, plain.len, beginning.len < value.len, out);
		buffer_append_char(out, '"');
	}
	plain_clear(&plain);
}

void
plain_describe_kind(struct span value, struct buffer *out)
{
	static const char *const names[] = {
		[SPAN_ABSENT] = "nothing",
		[SPAN_NULL] = "null",
		[SPAN_BOOL] = "a boolean",
		[SPAN_NUMBER] = "a number",
		[SPAN_STRING] = "a string",
		[SPAN_ARRAY] = "an array",
		[SPAN_OBJECT] = "an object",
	};

	buffer_append_string(out, names[span_kind(value)]);
}

void
plain_describe_json(struct span value, struct buffer *out)
{
	switch (span_kind(value)) {
	case SPAN_STRING:
		describe_string(value, out);
		break;
	case SPAN_NULL:
	case SPAN_BOOL:
	case SPAN_NUMBER:
		append_beginning(value.text, value.len, false, out);
		break;
	case SPAN_ABSENT:
	case SPAN_ARRAY:
	case SPAN_OBJECT:
		plain_describe_kind(value, out);
		break;
	}
}
