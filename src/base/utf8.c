#include "base/utf8.h"

#include "base/skip.h"

#define REPLACEMENT 0xFFFD

/* What may follow a first byte (RFC 3629, section 4): the range of the second byte
 * keeps out overlong forms, surrogates and what lies above U+10FFFF. */
struct lead {
	unsigned char len; /* of the whole character; 0: no first byte */
	unsigned char second_min;
	unsigned char second_max;
};

static struct lead
lead_of(unsigned char byte)
{
	if (byte < 0x80)
		return (struct lead){ 1, 0, 0 };
	if (byte < 0xC2 || byte > 0xF4)
		return (struct lead){ 0, 0, 0 };
	if (byte < 0xE0)
		return (struct lead){ 2, 0x80, 0xBF };
	if (byte < 0xF0)
		return (struct lead){ 3, byte == 0xE0 ? 0xA0 : 0x80,
			byte == 0xED ? 0x9F : 0xBF };
	return (
	    struct lead){ 4, byte == 0xF0 ? 0x90 : 0x80, byte == 0xF4 ? 0x8F : 0xBF };
}

/*
 * Look at what starts at TEXT. Returns true and the character if it is well-formed; in
 * either case *TAKEN is how many bytes it has, or how many belong to the maximal part
 * of one (Unicode, 3.9, "U+FFFD substitution of maximal subparts").
 */
static bool
examine(const char *text, size_t len, size_t *taken, uint32_t *code_point)
{
	const unsigned char *bytes = (const unsigned char *)text;
	struct lead lead = lead_of(bytes[0]);

	*taken = 1;
	*code_point = bytes[0];
	if (lead.len <= 1)
		return lead.len == 1;
	if (len < 2 || bytes[1] < lead.second_min || bytes[1] > lead.second_max)
		return false;

	*code_point = bytes[0] & (0x7Fu >> lead.len);
	*code_point = *code_point << 6 | (bytes[1] & 0x3F);
	for (*taken = 2; *taken < lead.len; (*taken)++) {
		if (*taken == len || (bytes[*taken] & 0xC0) != 0x80)
			return false;
		*code_point = *code_point << 6 | (bytes[*taken] & 0x3F);
	}
	return true;
}

size_t
utf8_decode(const char *text, size_t len, uint32_t *code_point)
{
	size_t taken;
	uint32_t found;

	if (!examine(text, len, &taken, &found))
		return 0;
	if (code_point)
		*code_point = found;
	return taken;
}

void
utf8_append(struct buffer *out, uint32_t code_point)
{
	char bytes[4];
	size_t len = code_point < 0x80 ? 1
	    : code_point < 0x800       ? 2
	    : code_point < 0x10000     ? 3
	                               : 4;

	if (len == 1) {
		buffer_append_char(out, (char)code_point);
		return;
	}
	for (size_t i = len - 1; i > 0; i--) {
		bytes[i] = (char)(0x80 | (code_point & 0x3F));
		code_point >>= 6;
	}
	bytes[0] = (char)((0xF00u >> len & 0xF0) | code_point);
	buffer_append(out, bytes, len);
}

/* The first byte from TEXT on that belongs to nothing well-formed, or END. */
static const char *
skip_valid(const char *text, const char *end)
{
	for (;;) {
		size_t taken;

		text = skip_ascii(text, end);
		if (text == end)
			return end;
		taken = utf8_decode(text, (size_t)(end - text), NULL);
		if (taken == 0)
			return text;
		text += taken;
	}
}

bool
utf8_valid(const char *text, size_t len)
{
	return skip_valid(text, text + len) == text + len;
}

void
utf8_append_repaired(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *bad = skip_valid(text, end);
		size_t taken;
		uint32_t unused;

		buffer_append(out, text, (size_t)(bad - text));
		text = bad;
		if (text == end)
			break;
		examine(text, (size_t)(end - text), &taken, &unused);
		utf8_append(out, REPLACEMENT);
		text += taken;
	}
}

/* White space and controls, those among them that turn the direction of the rest of the
 * line (UAX #9): foreign text must not rearrange ours. */
static bool
is_gap(uint32_t c)
{
	return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x1680 ||
	    (c >= 0x2000 && c <= 0x200A) || (c >= 0x2028 && c <= 0x202F) ||
	    c == 0x205F || (c >= 0x2066 && c <= 0x2069) || c == 0x3000;
}

void
utf8_append_cleaned(
    struct buffer *out, const char *text, size_t len, size_t max_characters)
{
	bool gap = false;
	size_t written = 0;
	size_t taken;

	for (size_t i = 0; i < len; i += taken) {
		uint32_t c;

		if (!examine(text + i, len - i, &taken, &c))
			c = REPLACEMENT;
		if (is_gap(c)) {
			gap = written > 0;
			continue;
		}
		/* A blank is only written with what follows it. */
		if (written + gap + 1 > max_characters)
			return;
		if (gap)
			buffer_append_char(out, ' ');
		utf8_append(out, c);
		written += gap + 1u;
		gap = false;
	}
}
