#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "base/skip.h"
#include "base/units.h"
#include "base/utf8.h"

/* Every function below gets the place to read on from and returns the place behind what
 * it read, or NULL after it has noted a fault. */
struct scanner {
	const char *end;
	/* What is kept was moved to below `write`; from `run` on it still stands
	 * where it came. As long as no white space was met both are the start of the
	 * text. */
	char *write;
	const char *run;
	const char *fault_at;
	enum json_fault fault;
	unsigned depth;
	unsigned max_depth;
	bool in_object; /* the innermost open bracket is a brace */
	/* For each bracket open outside of the innermost: is it a brace? */
	uint64_t outer[JSON_SCAN_MAX_DEPTH / 64 + 1];
};

static const char *
fail(struct scanner *scanner, enum json_fault fault, const char *at)
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

/* What stands at TEXT cannot stand there. */
static const char *
fail_at(struct scanner *scanner, const char *text)
{
	size_t len = (size_t)(scanner->end - text);

	if (len == 0 || is_cut_character(text, scanner->end))
		return fail(scanner, JSON_FAULT_CUT, scanner->end);
	if (utf8_decode(text, len, NULL) == 0)
		return fail(scanner, JSON_FAULT_UTF8, text);
	return fail(scanner, JSON_FAULT_SYNTAX, text);
}

/* Close up to what was kept before: RUN_END is where white space starts. */
static void
move_run(struct scanner *scanner, const char *run_end)
{
	size_t len = (size_t)(run_end - scanner->run);

	if (scanner->write != scanner->run)
		memmove(scanner->write, scanner->run, len);
	scanner->write += len;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *
drop_space(struct scanner *scanner, const char *text)
{
	const char *end = scanner->end;

	if (text == end || !is_space(*text))
		return text;
	move_run(scanner, text);
	do {
		/* An indented line is a newline and many blanks. */
		text = skip_blanks(text + 1, end);
	} while (text < end && is_space(*text));
	scanner->run = text;
	return text;
}

static inline const char *
skip_space(struct scanner *scanner, const char *text)
{
	if (text < scanner->end && (unsigned char)*text > ' ')
		return text;
	return drop_space(scanner, text);
}

/* Four hexadecimal digits, into *UNIT. */
static const char *
scan_hex4(struct scanner *scanner, const char *text, unsigned *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++, text++) {
		unsigned c = text < scanner->end ? (unsigned char)*text : 0;

		if (c - '0' < 10u)
			*unit = *unit << 4 | (c - '0');
		else if ((c | 0x20) - 'a' < 6u)
			*unit = *unit << 4 | ((c | 0x20) - 'a' + 10);
		else
			return fail_at(scanner, text);
	}
	return text;
}

/* Behind the escape of a high surrogate, which starts at HIGH: the low one. */
static const char *
scan_low_surrogate(struct scanner *scanner, const char *text, const char *high)
{
	unsigned unit;

	for (const char *wanted = "\\u"; *wanted != '\0'; wanted++, text++) {
		if (text == scanner->end)
			return fail(scanner, JSON_FAULT_CUT, text);
		if (*text != *wanted)
			return fail(scanner, JSON_FAULT_SURROGATE, high);
	}
	text = scan_hex4(scanner, text, &unit);
	if (text && (unit < 0xDC00 || unit > 0xDFFF))
		return fail(scanner, JSON_FAULT_SURROGATE, high);
	return text;
}

/* TEXT is at a backslash. */
static const char *
scan_escape(struct scanner *scanner, const char *text)
{
	const char *backslash = text++;
	unsigned unit;

	if (text == scanner->end)
		return fail(scanner, JSON_FAULT_CUT, text);
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
		return fail_at(scanner, text);
	}
	text = scan_hex4(scanner, text + 1, &unit);
	if (!text || unit < 0xD800 || unit > 0xDFFF)
		return text;
	if (unit >= 0xDC00)
		return fail(scanner, JSON_FAULT_SURROGATE, backslash);
	return scan_low_surrogate(scanner, text, backslash);
}

static bool
is_continuation(char c)
{
	return (c & 0xC0) == 0x80;
}

/* TEXT is at a byte that is not ASCII; all such in a row. */
static const char *
scan_characters(struct scanner *scanner, const char *text)
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
			return fail_at(scanner, text);
		text += len;
	}
	return text;
}

/* TEXT is behind the opening quote. */
static const char *
scan_string(struct scanner *scanner, const char *text)
{
	while (text) {
		text = skip_plain(text, scanner->end);
		if (text == scanner->end)
			return fail(scanner, JSON_FAULT_CUT, text);
		if (*text == '"')
			return text + 1;
		if (*text == '\\')
			text = scan_escape(scanner, text);
		else if ((signed char)*text < 0)
			text = scan_characters(scanner, text);
		else
			return fail(scanner, JSON_FAULT_SYNTAX, text);
	}
	return NULL;
}

/* From the end of a key's string on: the colon. */
static const char *
scan_colon(struct scanner *scanner, const char *text)
{
	text = skip_space(scanner, text);
	if (text == scanner->end || *text != ':')
		return fail_at(scanner, text);
	return text + 1;
}

/* A key and its colon. */
static const char *
scan_key(struct scanner *scanner, const char *text)
{
	text = skip_space(scanner, text);
	if (text == scanner->end || *text != '"')
		return fail_at(scanner, text);
	text = scan_string(scanner, text + 1);
	return text ? scan_colon(scanner, text) : NULL;
}

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
scan_digits(struct scanner *scanner, const char *text)
{
	if (text == scanner->end || !is_digit(*text))
		return fail_at(scanner, text);
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
scan_exponent(struct scanner *scanner, const char *text, int64_t *exponent)
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
scan_number_end(struct scanner *scanner, struct magnitude *number, const char *start)
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
		return fail(scanner, JSON_FAULT_RANGE, start);
	return text;
}

/* TEXT is at the minus or the first digit. */
static const char *
scan_number(struct scanner *scanner, const char *text)
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
		return fail(scanner, JSON_FAULT_SYNTAX, number.digits + 1);
	number.whole_end = text;
	return scan_number_end(scanner, &number, start);
}

static const char *
scan_word(struct scanner *scanner, const char *text, const char *word)
{
	for (; *word != '\0'; word++, text++) {
		if (text == scanner->end || *text != *word)
			return fail_at(scanner, text);
	}
	return text;
}

/* TEXT is at an opening bracket, which is returned. */
static const char *
open_bracket(struct scanner *scanner, const char *text)
{
	uint64_t *outer = &scanner->outer[scanner->depth / 64];
	uint64_t bit = UINT64_C(1) << scanner->depth % 64;

	if (scanner->depth >= scanner->max_depth)
		return fail(scanner, JSON_FAULT_DEPTH, text);
	*outer = scanner->in_object ? *outer | bit : *outer & ~bit;
	scanner->depth++;
	scanner->in_object = *text == '{';
	return text;
}

static void
close_bracket(struct scanner *scanner)
{
	scanner->depth--;
	scanner->in_object =
	    (scanner->outer[scanner->depth / 64] >> scanner->depth % 64 & 1) != 0;
}

/* Down to a first scalar, or through the end of an empty array or object. */
static const char *
scan_value(struct scanner *scanner, const char *text)
{
	while (text) {
		text = skip_space(scanner, text);
		if (text == scanner->end)
			return fail(scanner, JSON_FAULT_CUT, text);
		switch (*text) {
		case '"':
			return scan_string(scanner, text + 1);
		case 't':
			return scan_word(scanner, text, "true");
		case 'f':
			return scan_word(scanner, text, "false");
		case 'n':
			return scan_word(scanner, text, "null");
		case '{':
		case '[':
			break;
		default:
			if (*text != '-' && !is_digit(*text))
				return fail_at(scanner, text);
			return scan_number(scanner, text);
		}
		if (!open_bracket(scanner, text))
			return NULL;
		text = skip_space(scanner, text + 1);
		if (text < scanner->end && *text == (scanner->in_object ? '}' : ']')) {
			close_bracket(scanner);
			return text + 1;
		}
		if (scanner->in_object)
			text = scan_key(scanner, text);
	}
	return NULL;
}

/* From the end of a value to where the next one starts; with depth 0, it was the
 * last. */
static const char *
scan_next(struct scanner *scanner, const char *text)
{
	while (scanner->depth > 0) {
		text = skip_space(scanner, text);
		if (text == scanner->end)
			return fail(scanner, JSON_FAULT_CUT, text);
		if (*text == ',')
			return scanner->in_object ? scan_key(scanner, text + 1)
			                          : text + 1;
		if (*text != (scanner->in_object ? '}' : ']'))
			return fail_at(scanner, text);
		close_bracket(scanner);
		text++;
	}
	return text;
}

static const char *
scan_text(struct scanner *scanner, const char *text)
{
	text = skip_space(scanner, text);
	if (text == scanner->end)
		return fail(scanner, JSON_FAULT_EMPTY, text);
	do {
		text = scan_value(scanner, text);
		if (text)
			text = scan_next(scanner, text);
	} while (text && scanner->depth > 0);
	if (!text)
		return NULL;
	text = skip_space(scanner, text);
	if (text < scanner->end)
		return fail(scanner, JSON_FAULT_TRAILING, text);
	return text;
}

bool
json_scan_compact(char *text, size_t len, unsigned max_depth, struct json_scan *scan)
{
	struct scanner scanner = {
		.end = text + len,
		.write = text,
		.run = text,
		.max_depth =
		    max_depth < JSON_SCAN_MAX_DEPTH ? max_depth : JSON_SCAN_MAX_DEPTH,
	};

	if (!scan_text(&scanner, text)) {
		*scan = (struct json_scan){ .fault = scanner.fault,
			.offset = (size_t)(scanner.fault_at - text) };
		return false;
	}
	move_run(&scanner, scanner.end);
	*scan = (struct json_scan){ .len = (size_t)(scanner.write - text) };
	return true;
}

const char *
json_fault_text(enum json_fault fault)
{
	switch (fault) {
	case JSON_FAULT_NONE:
		break;
	case JSON_FAULT_EMPTY:
		return "empty instead of JSON";
	case JSON_FAULT_SYNTAX:
		return "not valid JSON";
	case JSON_FAULT_CUT:
		return "JSON that ends too early";
	case JSON_FAULT_UTF8:
		return "not valid UTF-8";
	case JSON_FAULT_SURROGATE:
		return "half a surrogate pair";
	case JSON_FAULT_RANGE:
		return "a number beyond the range of a double";
	case JSON_FAULT_DEPTH:
		return "JSON nested too deeply";
	case JSON_FAULT_TRAILING:
		return "something behind the JSON value";
	}
	return "valid JSON";
}

/* ---- escapes ---- */

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
