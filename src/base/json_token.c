#include <stdint.h>
#include <string.h>

#include "base/json_scanner.h"
#include "base/skip.h"
#include "base/utf8.h"

const char *
json_scanner_fail(struct json_scanner *scanner, enum json_fault fault, const char *at)
{
	scanner->fault = fault;
	scanner->fault_at = at;
	return NULL;
}

/* Could the bytes from TEXT to the end be the beginning of a character? */
static bool
is_cut_character(const char *text, const char *end)
{
	/* One of these is allowed behind each first byte. */
	static const char seconds[] = { '\x80', '\xA0' };
	size_t len = (size_t)(end - text);

	for (size_t i = 0; len < 4 && i < sizeof(seconds); i++) {
		char padded[4];

		memset(padded, seconds[i], sizeof(padded));
		memcpy(padded, text, len);
		if (utf8_decode(padded, sizeof(padded), NULL) > len)
			return true;
	}
	return false;
}

const char *
json_scanner_fail_at(struct json_scanner *scanner, const char *text)
{
	size_t len = (size_t)(scanner->end - text);

	if (len == 0 || is_cut_character(text, scanner->end))
		return json_scanner_fail(scanner, JSON_FAULT_CUT, scanner->end);
	if (utf8_decode(text, len, NULL) == 0)
		return json_scanner_fail(scanner, JSON_FAULT_UTF8, text);
	return json_scanner_fail(scanner, JSON_FAULT_SYNTAX, text);
}

/* ---- strings ---- */

/* Four hexadecimal digits, into *UNIT. */
static const char *
scan_hex4(struct json_scanner *scanner, const char *text, unsigned *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++, text++) {
		unsigned c = text < scanner->end ? (unsigned char)*text : 0;

		if (c - '0' < 10u)
			*unit = *unit << 4 | (c - '0');
		else if ((c | 0x20) - 'a' < 6u)
			*unit = *unit << 4 | ((c | 0x20) - 'a' + 10);
		else
			return json_scanner_fail_at(scanner, text);
	}
	return text;
}

/* Behind the escape of a high surrogate, which starts at HIGH: the low one. */
static const char *
scan_low_surrogate(struct json_scanner *scanner, const char *text, const char *high)
{
	unsigned unit;

	for (const char *wanted = "\\u"; *wanted != '\0'; wanted++, text++) {
		if (text == scanner->end)
			return json_scanner_fail(scanner, JSON_FAULT_CUT, text);
		if (*text != *wanted)
			return json_scanner_fail(scanner, JSON_FAULT_SURROGATE, high);
	}
	text = scan_hex4(scanner, text, &unit);
	if (text && (unit < 0xDC00 || unit > 0xDFFF))
		return json_scanner_fail(scanner, JSON_FAULT_SURROGATE, high);
	return text;
}

/* TEXT is at a backslash. */
static const char *
scan_escape(struct json_scanner *scanner, const char *text)
{
	const char *backslash = text++;
	unsigned unit;

	if (text == scanner->end)
		return json_scanner_fail(scanner, JSON_FAULT_CUT, text);
	switch (*text) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return text + 1;
	case 'u':
		break;
	default:
		return json_scanner_fail_at(scanner, text);
	}
	text = scan_hex4(scanner, text + 1, &unit);
	if (!text || unit < 0xD800 || unit > 0xDFFF)
		return text;
	if (unit >= 0xDC00)
		return json_scanner_fail(scanner, JSON_FAULT_SURROGATE, backslash);
	return scan_low_surrogate(scanner, text, backslash);
}

static bool
is_continuation(char c)
{
	return (c & 0xC0) == 0x80;
}

/* TEXT is at a byte that is not ASCII; all such in a row. */
static const char *
scan_characters(struct json_scanner *scanner, const char *text)
{
	const char *end = scanner->end;

	while (text < end && (signed char)*text < 0) {
		unsigned char lead = (unsigned char)*text;
		size_t len;

		/* The many that need no look at the second byte's range; the others,
		 * and all faults, by the book. */
		if (lead >= 0xC2 && lead <= 0xDF && end - text >= 2 &&
		    is_continuation(text[1]))
			len = 2;
		else if (lead > 0xE0 && lead < 0xF0 && lead != 0xED &&
		    end - text >= 3 && is_continuation(text[1]) &&
		    is_continuation(text[2]))
			len = 3;
		else
			len = utf8_decode(text, (size_t)(end - text), NULL);
		if (len == 0)
			return json_scanner_fail_at(scanner, text);
		text += len;
	}
	return text;
}

const char *
json_scanner_string(struct json_scanner *scanner, const char *text)
{
	while (text) {
		text = skip_plain(text, scanner->end);
		if (text == scanner->end)
			return json_scanner_fail(scanner, JSON_FAULT_CUT, text);
		if (*text == '"')
			return text + 1;
		if (*text == '\\')
			text = scan_escape(scanner, text);
		else if ((signed char)*text < 0)
			text = scan_characters(scanner, text);
		else
			return json_scanner_fail(scanner, JSON_FAULT_SYNTAX, text);
	}
	return NULL;
}

/* ---- numbers and words ---- */

static bool
is_digit(char c)
{
	return (unsigned)(c - '0') < 10;
}

static const char *
skip_digits(const char *text, const char *end)
{
	while (text < end && is_digit(*text))
		text++;
	return text;
}

/* At least one digit. */
static const char *
scan_digits(struct json_scanner *scanner, const char *text)
{
	if (text == scanner->end || !is_digit(*text))
		return json_scanner_fail_at(scanner, text);
	return skip_digits(text + 1, scanner->end);
}

/* The parts of a number that decide how large it is. */
struct magnitude {
	const char *digits; /* the first of the whole part */
	const char *whole_end;
	const char *end; /* of all digits, those behind the point included */
	int64_t exponent;
};

/* What rounds to infinity, from 2^1024 - 2^970 on, half way behind the largest double
 * (IEEE 754, section 4.3.1): its digits, of which the first counts 10^308. */
static const char infinity[] =
    "179769313486231580793728971405303415079934132710037826936173778980444968292764"
    "750946649017977587207096330286416692887910946555547851940402630657488671505820"
    "681908902000708383676273854845817711531764475730270069855571366959622842914819"
    "860834936475292719074168444365510704342711559699508093042880177904174497792";

#define INFINITY_EXPONENT 308

/* Are the digits from TEXT to END, a point among them, as large as infinity's? */
static bool
reaches_infinity(const char *text, const char *end)
{
	for (const char *limit = infinity; *limit != '\0'; limit++) {
		char digit = '0';

		if (text < end && *text == '.')
			text++;
		if (text < end)
			digit = *text++;
		if (digit != *limit)
			return digit > *limit;
	}
	return true;
}

/* Without floating point: exact, whatever the length, the locale, the rounding mode. */
static bool
is_infinite(const struct magnitude *number)
{
	const char *first = number->digits;
	int64_t exponent; /* of the first digit that is not zero */

	while (first < number->end && (*first == '0' || *first == '.'))
		first++;
	if (first == number->end)
		return false;
	exponent = number->exponent + (number->whole_end - first);
	if (first < number->whole_end)
		exponent--;
	if (exponent != INFINITY_EXPONENT)
		return exponent > INFINITY_EXPONENT;
	return reaches_infinity(first, number->end);
}

/* TEXT is behind the "e". */
static const char *
scan_exponent(struct json_scanner *scanner, const char *text, int64_t *exponent)
{
	/* Far above what any text's length can make up for. */
	const int64_t enough = INT64_MAX / 100;
	bool negative = text < scanner->end && *text == '-';
	const char *digit;

	if (negative || (text < scanner->end && *text == '+'))
		text++;
	digit = text;
	text = scan_digits(scanner, text);
	*exponent = 0;
	for (; text && digit < text && *exponent < enough; digit++)
		*exponent = 10 * *exponent + (*digit - '0');
	if (negative)
		*exponent = -*exponent;
	return text;
}

/* The fraction and exponent that may follow NUMBER's whole part, and its range.
 * START is the number's first byte. */
static const char *
scan_number_end(
    struct json_scanner *scanner, struct magnitude *number, const char *start)
{
	const char *text = number->whole_end;

	if (text < scanner->end && *text == '.')
		text = scan_digits(scanner, text + 1);
	number->end = text;
	if (text && text < scanner->end && (*text | 0x20) == 'e')
		text = scan_exponent(scanner, text + 1, &number->exponent);
	if (!text)
		return NULL;
	/* So many digits cannot get there: most numbers end here. */
	if (number->whole_end - number->digits + number->exponent <= INFINITY_EXPONENT)
		return text;
	if (is_infinite(number))
		return json_scanner_fail(scanner, JSON_FAULT_RANGE, start);
	return text;
}

const char *
json_scanner_number(struct json_scanner *scanner, const char *text)
{
	const char *start = text;
	struct magnitude number;

	if (*text == '-')
		text++;
	number = (struct magnitude){ .digits = text };
	text = scan_digits(scanner, text);
	if (!text)
		return NULL;
	if (*number.digits == '0' && text - number.digits > 1)
		return json_scanner_fail(scanner, JSON_FAULT_SYNTAX, number.digits + 1);
	number.whole_end = text;
	return scan_number_end(scanner, &number, start);
}

const char *
json_scanner_word(struct json_scanner *scanner, const char *text, const char *word)
{
	for (; *word != '\0'; word++, text++) {
		if (text == scanner->end || *text != *word)
			return json_scanner_fail_at(scanner, text);
	}
	return text;
}
