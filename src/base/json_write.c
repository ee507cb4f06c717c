#include "base/json_write.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/skip.h"
#include "base/units.h"
#include "base/utf8.h"

/* The last millisecond of the year 9999, where RFC 3339 ends. */
#define LAST_TIME_MS INT64_C(253402300799999)

void
json_write_init(struct json_write *json, struct buffer *out)
{
	*json = (struct json_write){ .out = out };
}

/* Put what stands between the value before and the next one. */
static void
begin_value(struct json_write *json)
{
	assert(json->depth > 0 || !json->comma);
	if (json->comma && !json->after_key)
		buffer_append_char(json->out, ',');
	json->comma = true;
	json->after_key = false;
}

static void
begin_container(struct json_write *json, char bracket)
{
	begin_value(json);
	buffer_append_char(json->out, bracket);
	json->depth++;
	json->comma = false;
}

static void
end_container(struct json_write *json, char bracket)
{
	assert(json->depth > 0 && !json->after_key);
	buffer_append_char(json->out, bracket);
	json->depth--;
	json->comma = true;
}

void
json_write_begin_object(struct json_write *json)
{
	begin_container(json, '{');
}

void
json_write_end_object(struct json_write *json)
{
	end_container(json, '}');
}

void
json_write_begin_array(struct json_write *json)
{
	begin_container(json, '[');
}

void
json_write_end_array(struct json_write *json)
{
	end_container(json, ']');
}

/* A byte below U+0020, or a quote or backslash. */
static void
append_escape(struct buffer *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *found = c == '\0' ? NULL : strchr(plain, c);

	if (found) {
		char text[] = { '\\', letters[found - plain] };

		buffer_append(out, text, sizeof(text));
	} else {
		char text[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

		buffer_append(out, text, sizeof(text));
	}
}

void
json_write_append_escaped(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *special = skip_plain(text, end);

		buffer_append(out, text, (size_t)(special - text));
		text = special;
		/* What is not ASCII needs no escape, but may need repair. */
		while (special < end && (signed char)*special < 0)
			special++;
		utf8_append_repaired(out, text, (size_t)(special - text));
		text = special;
		if (text < end && !skip_is_plain(*text))
			append_escape(out, (unsigned char)*text++);
	}
}

static void
append_quoted(struct buffer *out, const char *text, size_t len)
{
	buffer_append_char(out, '"');
	json_write_append_escaped(out, text, len);
	buffer_append_char(out, '"');
}

/* Does each byte of TEXT stand for itself? */
static bool
is_plain(const char *text, size_t len)
{
	return skip_plain(text, text + len) == text + len;
}

/* The key, which is plain, and what stands around it, at once: documents have thousands. */
static void
append_plain_key(struct json_write *json, const char *key, size_t len)
{
	size_t comma = json->comma ? 1 : 0;
	char *start = buffer_reserve(json->out, comma + len + strlen("\"\":"));
	char *at = start;

	if (start == NULL)
		return;
	if (json->comma)
		*at++ = ',';
	*at++ = '"';
	at = mempcpy(at, key, len);
	*at++ = '"';
	*at++ = ':';
	buffer_grown(json->out, (size_t)(at - start));
}

void
json_write_key(struct json_write *json, const char *key)
{
	size_t len = strlen(key);

	assert(json->depth > 0 && !json->after_key);
	if (is_plain(key, len)) {
		append_plain_key(json, key, len);
		json->comma = true;
	} else {
		begin_value(json);
		append_quoted(json->out, key, len);
		buffer_append_char(json->out, ':');
	}
	json->after_key = true;
}

void
json_write_string(struct json_write *json, const char *text)
{
	json_write_string_len(json, text, text ? strlen(text) : 0);
}

void
json_write_string_len(struct json_write *json, const char *text, size_t len)
{
	if (!text) {
		json_write_null(json);
		return;
	}
	begin_value(json);
	append_quoted(json->out, text, len);
}

void
json_write_raw(struct json_write *json, const char *text, size_t len)
{
	begin_value(json);
	buffer_append(json->out, text, len);
}

/* Numbers are in every entry of the document: by hand, as printf(3) costs many times as
 * much. WHOLE, and behind a point the last DECIMALS digits of FRACTION, where there are
 * any. */
static void
write_number(struct json_write *json, bool negative, uint64_t whole, uint64_t fraction,
    unsigned decimals)
{
	char text[sizeof("-18446744073709551615.123456789012")];
	char *end = text + sizeof(text);
	char *start = end;

	for (unsigned i = 0; i < decimals; i++) {
		*--start = (char)('0' + fraction % 10);
		fraction /= 10;
	}
	if (decimals > 0)
		*--start = '.';
	do {
		*--start = (char)('0' + whole % 10);
		whole /= 10;
	} while (whole > 0);
	if (negative)
		*--start = '-';
	json_write_raw(json, start, (size_t)(end - start));
}

void
json_write_int(struct json_write *json, int64_t number)
{
	bool negative = number < 0;

	/* Unsigned, where the lowest number has its opposite, too. */
	write_number(
	    json, negative, negative ? -(uint64_t)number : (uint64_t)number, 0, 0);
}

void
json_write_us_as_ms(struct json_write *json, int64_t us)
{
	uint64_t tenths;

	if (us < 0) {
		json_write_null(json);
		return;
	}
	tenths = ((uint64_t)us + 50) / 100;
	write_number(json, false, tenths / 10, tenths % 10, 1);
}

/* How many digits of money stand behind the point. */
#define MONEY_DECIMALS 12

void
json_write_money(struct json_write *json, int64_t money)
{
	uint64_t whole, fraction;
	unsigned decimals = MONEY_DECIMALS;

	if (money < 0) {
		json_write_null(json);
		return;
	}
	whole = (uint64_t)money / (uint64_t)MONEY_ONE;
	fraction = (uint64_t)money % (uint64_t)MONEY_ONE;
	while (decimals > 0 && fraction % 10 == 0) {
		fraction /= 10;
		decimals--;
	}
	write_number(json, false, whole, fraction, decimals);
}

void
json_write_bool(struct json_write *json, bool value)
{
	if (value)
		json_write_raw(json, "true", strlen("true"));
	else
		json_write_raw(json, "false", strlen("false"));
}

void
json_write_null(struct json_write *json)
{
	json_write_raw(json, "null", strlen("null"));
}

void
json_write_time(struct json_write *json, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_SIZE];

	if (wall_ms < 0 || wall_ms > LAST_TIME_MS) {
		json_write_null(json);
		return;
	}
	clock_format_rfc3339(text, wall_ms);
	json_write_string_len(json, text, strlen(text));
}
