#include "base/words.h"

#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/units.h"
#include "base/utf8.h"

#define ELLIPSIS "\xE2\x80\xA6" /* U+2026, one column */

/* In less than this nothing can be read: better too long a line. */
#define LEAST_COLUMNS 16

/* Clocks of two machines differ by that much: it is "now". */
#define NOW_MS 1000

/* ---- times and amounts ---- */

void
words_append_time(struct buffer *out, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(text, wall_ms);
	buffer_append_format(out, "%.10s %.8s UTC", text, text + 11);
}

void
words_append_age(struct buffer *out, int64_t wall_ms, int64_t now_ms)
{
	char text[UNITS_TEXT_SIZE];

	units_format_age(text, now_ms - wall_ms);
	buffer_append_string(out, text);
}

void
words_append_ago(struct buffer *out, int64_t wall_ms, int64_t now_ms)
{
	int64_t age_ms = now_ms - wall_ms;
	char text[UNITS_TEXT_SIZE];

	if (age_ms > -NOW_MS && age_ms < NOW_MS) {
		buffer_append_string(out, "just now");
		return;
	}
	units_format_age(text, age_ms > 0 ? age_ms : -age_ms);
	buffer_append_format(out, age_ms > 0 ? "%s ago" : "in %s", text);
}

void
words_append_time_and_ago(struct buffer *out, int64_t wall_ms, int64_t now_ms)
{
	words_append_time(out, wall_ms);
	buffer_append_string(out, " (");
	words_append_ago(out, wall_ms, now_ms);
	buffer_append_char(out, ')');
}

void
words_append_ms(struct buffer *out, double ms)
{
	char text[UNITS_TEXT_SIZE];

	if (ms < 9.95) {
		buffer_append_format(out, "%.1f ms", ms);
	} else if (ms < 9999.5) {
		buffer_append_format(out, "%.0f ms", ms);
	} else if (ms < 59950) {
		buffer_append_format(out, "%.1f s", ms / 1000);
	} else {
		/* Half of it is far beyond any age: no double gets past the integer. */
		units_format_age(text, ms < 4e18 ? (int64_t)ms : INT64_MAX);
		buffer_append_string(out, text);
	}
}

void
words_append_bytes(struct buffer *out, double bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	if (bytes < 1024) {
		buffer_append_format(out, "%.0f byte%s", bytes, bytes == 1 ? "" : "s");
		return;
	}
	/* 1023.95 would be written as 1024.0. */
	for (bytes /= 1024; bytes >= 1023.95 && unit < ARRAY_COUNT(units) - 1; unit++)
		bytes /= 1024;
	buffer_append_format(out, "%.1f %s", bytes, units[unit]);
}

/* ---- foreign text ---- */

void
words_append_line(struct buffer *out, const char *text, size_t len)
{
	utf8_append_cleaned(out, text, len, SIZE_MAX);
}

size_t
words_fit(const char *text, size_t len, size_t columns)
{
	size_t fitting = 0;

	while (fitting < len) {
		size_t taken = utf8_decode(text + fitting, len - fitting, NULL);
		size_t width;

		taken = taken > 0 ? taken : 1;
		width = utf8_columns(text + fitting, taken);
		if (width > columns)
			break;
		columns -= width;
		fitting += taken;
	}
	return fitting;
}

size_t
words_append_cut(struct buffer *out, const char *text, size_t len, size_t columns)
{
	if (words_fit(text, len, columns) == len) {
		buffer_append(out, text, len);
		return utf8_columns(text, len);
	}
	len = words_fit(text, len, columns - 1);
	while (len > 0 && text[len - 1] == ' ')
		len--;
	buffer_append(out, text, len);
	buffer_append_string(out, ELLIPSIS);
	return utf8_columns(text, len) + 1;
}

/* Where the first line of TEXT ends that takes at most COLUMNS. */
static size_t
break_at(const char *text, size_t len, size_t columns)
{
	size_t fitting = words_fit(text, len, columns);
	size_t end = fitting;

	if (fitting == len)
		return len;
	while (end > 0 && text[end] != ' ')
		end--;
	/* What stands before the blanks, if it is more than an indent. */
	while (end > 0 && text[end - 1] == ' ')
		end--;
	if (end > 0)
		return end;
	/* A word as long as the line; at least a character of it. */
	return fitting > 0 ? fitting : words_fit(text, len, 2);
}

void
words_append_wrapped(
    struct buffer *out, const char *text, size_t len, size_t indent, size_t columns)
{
	size_t room = columns > indent ? columns - indent : 0;

	if (columns == 0 || room < LEAST_COLUMNS) {
		buffer_append(out, text, len);
		return;
	}
	while (len > 0) {
		size_t line = break_at(text, len, room);

		buffer_append(out, text, line);
		while (line < len && text[line] == ' ')
			line++;
		text += line;
		len -= line;
		if (len > 0)
			buffer_append_format(out, "\n%*s", (int)indent, "");
	}
}
