#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR   (60 * MS_PER_MINUTE)
#define MS_PER_DAY    (24 * MS_PER_HOUR)
#define MS_MAX        (36525 * MS_PER_DAY) /* 100 years */

struct unit {
	const char *name;
	uint64_t factor;
};

/* From large to small, in milliseconds. */
static const struct unit duration_units[] = {
	{ "d", MS_PER_DAY },
	{ "h", MS_PER_HOUR },
	{ "m", MS_PER_MINUTE },
	{ "s", MS_PER_SECOND },
	{ "ms", 1 },
};

#define UNIT_SECOND 3

/* From large to small within each system. */
static const struct unit size_units[] = {
	{ "TiB", UINT64_C(1) << 40 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "TB", UINT64_C(1000000000000) },
	{ "GB", UINT64_C(1000000000) },
	{ "MB", UINT64_C(1000000) },
	{ "kB", UINT64_C(1000) },
	{ "B", 1 },
};

#define BINARY_UNITS 4

/* What a rate is per, in milliseconds. */
static const struct unit rate_units[] = {
	{ "d", MS_PER_DAY },
	{ "h", MS_PER_HOUR },
	{ "min", MS_PER_MINUTE },
	{ "s", MS_PER_SECOND },
};

/* More in one unit of time is no limit for anything here. */
#define RATE_MAX INT64_C(1000000000)

/* A decimal number: WHOLE, and PART of SCALE behind the point. */
struct decimal {
	uint64_t whole;
	uint64_t part;
	uint64_t scale; /* a power of ten; 1: no point */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Read "12" or "1.5" at *TEXT and pass it. */
static bool
take_decimal(const char **text, struct decimal *number)
{
	const char *p = *text;

	*number = (struct decimal){ .scale = 1 };
	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
		    __builtin_add_overflow(
		        number->whole, (unsigned)(*p - '0'), &number->whole))
			return false;
	}
	if (*p == '.') {
		p++;
		if (!is_digit(*p))
			return false;
		for (; is_digit(*p); p++) {
			/* More digits than any unit can tell apart. */
			if (number->scale >= UINT64_C(1000000000000000))
				return false;
			number->scale *= 10;
			number->part = number->part * 10 + (unsigned)(*p - '0');
		}
	}
	*text = p;
	return true;
}

/* NUMBER times FACTOR, where that is a whole number that fits. */
static bool
scaled(const struct decimal *number, uint64_t factor, uint64_t *result)
{
	unsigned __int128 part = (unsigned __int128)number->part * factor;

	if (part % number->scale != 0)
		return false;
	return !__builtin_mul_overflow(number->whole, factor, result) &&
	    !__builtin_add_overflow(*result, (uint64_t)(part / number->scale), result);
}

/* The letters at *TEXT, which are passed, as one of COUNT units; COUNT: none of
 * them. */
static size_t
take_unit(const char **text, const struct unit *units, size_t count)
{
	size_t len = 0;
	size_t i;

	while (((*text)[len] | 0x20) >= 'a' && ((*text)[len] | 0x20) <= 'z')
		len++;
	for (i = 0; i < count; i++) {
		if (strlen(units[i].name) == len &&
		    memcmp(units[i].name, *text, len) == 0)
			break;
	}
	*text += len;
	return i;
}

bool
units_parse_duration_ms(const char *text, int64_t *ms)
{
	const size_t count = ARRAY_COUNT(duration_units);
	uint64_t total = 0;
	size_t allowed = 0; /* units before this one are used up */
	bool first = true;

	do {
		struct decimal number;
		uint64_t part;
		size_t unit;

		if (!take_decimal(&text, &number))
			return false;
		if (first && *text == '\0')
			unit = UNIT_SECOND;
		else
			unit = take_unit(&text, duration_units, count);
		if (unit < allowed || unit >= count)
			return false;
		if (!scaled(&number, duration_units[unit].factor, &part) ||
		    part > (uint64_t)MS_MAX)
			return false;
		total += part;
		allowed = unit + 1;
		first = false;
	} while (*text != '\0');

	if (total > (uint64_t)MS_MAX)
		return false;
	*ms = (int64_t)total;
	return true;
}

bool
units_parse_size(const char *text, size_t *bytes)
{
	const size_t count = ARRAY_COUNT(size_units);
	struct decimal number;
	uint64_t factor = 1;
	uint64_t size;

	if (!take_decimal(&text, &number))
		return false;
	if (*text != '\0') {
		size_t unit = take_unit(&text, size_units, count);

		if (unit == count || *text != '\0')
			return false;
		factor = size_units[unit].factor;
	}
	if (!scaled(&number, factor, &size) || size > SIZE_MAX)
		return false;
	*bytes = (size_t)size;
	return true;
}

bool
units_parse_rate(const char *text, int64_t *count, int64_t *per_ms)
{
	const size_t unit_count = ARRAY_COUNT(rate_units);
	struct decimal number;
	size_t unit;

	if (!take_decimal(&text, &number) || number.scale != 1 || *text++ != '/')
		return false;
	unit = take_unit(&text, rate_units, unit_count);
	if (unit == unit_count || *text != '\0')
		return false;
	if (number.whole == 0 || number.whole > (uint64_t)RATE_MAX)
		return false;
	*count = (int64_t)number.whole;
	*per_ms = (int64_t)rate_units[unit].factor;
	return true;
}

bool
units_parse_decimal(const char *text, int64_t factor, int64_t *number)
{
	struct decimal decimal;
	uint64_t result;

	if (!take_decimal(&text, &decimal) || *text != '\0')
		return false;
	if (!scaled(&decimal, (uint64_t)factor, &result) || result > INT64_MAX)
		return false;
	*number = (int64_t)result;
	return true;
}

bool
units_parse_mode(const char *text, unsigned *mode)
{
	unsigned value = 0;

	if (text[0] == '0' && text[1] == 'o')
		text += 2;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '7')
			return false;
		value = value * 8 + (unsigned)(*text - '0');
		if (value > 0777)
			return false;
	}
	*mode = value;
	return true;
}

bool
units_parse_int(const char *text, int64_t min, int64_t max, int64_t *number)
{
	bool negative = text[0] == '-';
	int64_t value = 0;

	if (negative)
		text++;
	if (!is_digit(text[0]) || (text[0] == '0' && (text[1] != '\0' || negative)))
		return false;
	for (; is_digit(*text); text++) {
		int digit = *text - '0';

		/* Towards its own sign, so that INT64_MIN can be read too. */
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit, &value))
			return false;
	}
	if (*text != '\0' || value < min || value > max)
		return false;
	*number = value;
	return true;
}

/* "1.5s" rather than "1s500ms". */
static void
format_seconds(char *text, size_t size, uint64_t seconds, uint64_t ms)
{
	int digits = 3;

	for (; ms % 10 == 0; digits--)
		ms /= 10;
	snprintf(text, size, "%" PRIu64 ".%0*" PRIu64 "s", seconds, digits, ms);
}

void
units_format_duration(char text[static UNITS_TEXT_SIZE], int64_t ms)
{
	uint64_t rest = (uint64_t)ms;
	size_t len = 0;

	assert(ms >= 0);
	if (ms == 0) {
		memcpy(text, "0s", sizeof("0s"));
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(duration_units); i++) {
		const uint64_t factor = duration_units[i].factor;
		const uint64_t count = rest / factor;

		if (count == 0)
			continue;
		rest -= count * factor;
		if (factor == MS_PER_SECOND && rest > 0) {
			format_seconds(text + len, UNITS_TEXT_SIZE - len, count, rest);
			return;
		}
		len += (size_t)snprintf(text + len, UNITS_TEXT_SIZE - len,
		    "%" PRIu64 "%s", count, duration_units[i].name);
	}
}

void
units_format_size(char text[static UNITS_TEXT_SIZE], size_t bytes)
{
	for (size_t i = 0; bytes > 0 && i < BINARY_UNITS; i++) {
		if (bytes % size_units[i].factor == 0) {
			snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64 "%s",
			    bytes / size_units[i].factor, size_units[i].name);
			return;
		}
	}
	snprintf(text, UNITS_TEXT_SIZE, "%zu", bytes);
}

void
units_format_rate(char text[static UNITS_TEXT_SIZE], int64_t count, int64_t per_ms)
{
	size_t unit = 0;

	while (rate_units[unit].factor != (uint64_t)per_ms) {
		unit++;
		assert(unit < ARRAY_COUNT(rate_units));
	}
	snprintf(text, UNITS_TEXT_SIZE, "%" PRId64 "/%s", count, rate_units[unit].name);
}

void
units_format_decimal(char text[static UNITS_TEXT_SIZE], int64_t number, int64_t factor)
{
	int len = snprintf(text, UNITS_TEXT_SIZE, "%" PRId64, number / factor);
	int64_t rest = number % factor;

	if (rest == 0)
		return;
	text[len++] = '.';
	for (; rest > 0; rest %= factor) {
		factor /= 10;
		text[len++] = (char)('0' + rest / factor);
	}
	text[len] = '\0';
}

/* "3m", or "2h 5m": the largest unit, from hours on with the next one where that is
 * not 0. Seconds beside minutes would be read as a precision that an age does not
 * have. */
void
units_format_age(char text[static UNITS_TEXT_SIZE], int64_t ms)
{
	int64_t age_ms = ms > 0 ? ms : 0;
	int64_t days = age_ms / MS_PER_DAY;
	int64_t hours = age_ms / MS_PER_HOUR % 24;
	int64_t minutes = age_ms / MS_PER_MINUTE % 60;
	int64_t seconds = age_ms / MS_PER_SECOND % 60;

	if (days > 0 && hours > 0)
		snprintf(
		    text, UNITS_TEXT_SIZE, "%" PRId64 "d %" PRId64 "h", days, hours);
	else if (days > 0)
		snprintf(text, UNITS_TEXT_SIZE, "%" PRId64 "d", days);
	else if (hours > 0 && minutes > 0)
		snprintf(
		    text, UNITS_TEXT_SIZE, "%" PRId64 "h %" PRId64 "m", hours, minutes);
	else if (hours > 0)
		snprintf(text, UNITS_TEXT_SIZE, "%" PRId64 "h", hours);
	else if (minutes > 0)
		snprintf(text, UNITS_TEXT_SIZE, "%" PRId64 "m", minutes);
	else
		snprintf(text, UNITS_TEXT_SIZE, "%" PRId64 "s", seconds);
}

int32_t
units_read_hex(const char *text, const char *end, int count)
{
	int32_t number = 0;

	if (end - text < count)
		return -1;
	for (int i = 0; i < count; i++) {
		unsigned c = (unsigned char)text[i];

		if (c - '0' < 10u)
			number = number << 4 | (int32_t)(c - '0');
		else if ((c | 0x20) - 'a' < 6u)
			number = number << 4 | (int32_t)((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return number;
}
