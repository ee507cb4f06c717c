#include "base/json_scan.h"

#include <string.h>

#include "base/json_scanner.h"
#include "base/skip.h"

/* ---- white space ---- */

/* Close up to what was kept before: RUN_END is where white space starts. */
static void
move_run(struct json_scanner *scanner, const char *run_end)
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
drop_space(struct json_scanner *scanner, const char *text)
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
skip_space(struct json_scanner *scanner, const char *text)
{
	if (text < scanner->end && (unsigned char)*text > ' ')
		return text;
	return drop_space(scanner, text);
}

const char *
json_scanner_space(struct json_scanner *scanner, const char *text)
{
	return skip_space(scanner, text);
}

/* ---- keys and brackets ---- */

/* TEXT is behind the opening quote. Most strings are short, and have nothing that needs a
 * closer look. */
static inline const char *
scan_string(struct json_scanner *scanner, const char *text)
{
	text = skip_plain(text, scanner->end);
	if (text < scanner->end && *text == '"')
		return text + 1;
	return json_scanner_string(scanner, text);
}

const char *
json_scanner_key(struct json_scanner *scanner, const char *text)
{
	text = skip_space(scanner, text);
	if (text == scanner->end || *text != '"')
		return json_scanner_fail_at(scanner, text);
	return scan_string(scanner, text + 1);
}

const char *
json_scanner_colon(struct json_scanner *scanner, const char *text)
{
	text = skip_space(scanner, text);
	if (text == scanner->end || *text != ':')
		return json_scanner_fail_at(scanner, text);
	return text + 1;
}

/* A key and its colon. */
static const char *
scan_key(struct json_scanner *scanner, const char *text)
{
	text = json_scanner_key(scanner, text);
	return text ? json_scanner_colon(scanner, text) : NULL;
}

const char *
json_scanner_open(struct json_scanner *scanner, const char *text)
{
	uint64_t *outer = &scanner->outer[scanner->depth / 64];
	uint64_t bit = UINT64_C(1) << scanner->depth % 64;

	if (scanner->depth >= scanner->max_depth)
		return json_scanner_fail(scanner, JSON_FAULT_DEPTH, text);
	*outer = scanner->in_object ? *outer | bit : *outer & ~bit;
	scanner->depth++;
	scanner->in_object = *text == '{';
	return text + 1;
}

const char *
json_scanner_close(struct json_scanner *scanner, const char *text)
{
	scanner->depth--;
	scanner->in_object =
	    (scanner->outer[scanner->depth / 64] >> scanner->depth % 64 & 1) != 0;
	return text + 1;
}

/* ---- values ---- */

/* Down to a first scalar, or through the end of an empty array or object. */
static const char *
scan_value(struct json_scanner *scanner, const char *text)
{
	while (text) {
		text = skip_space(scanner, text);
		if (text == scanner->end)
			return json_scanner_fail(scanner, JSON_FAULT_CUT, text);
		switch (*text) {
		case '"':
			return scan_string(scanner, text + 1);
		case 't':
			return json_scanner_word(scanner, text, "true");
		case 'f':
			return json_scanner_word(scanner, text, "false");
		case 'n':
			return json_scanner_word(scanner, text, "null");
		case '{':
		case '[':
			break;
		default:
			return json_scanner_number(scanner, text);
		}
		text = json_scanner_open(scanner, text);
		if (!text)
			return NULL;
		text = skip_space(scanner, text);
		if (text < scanner->end && *text == json_scanner_closing(scanner))
			return json_scanner_close(scanner, text);
		if (scanner->in_object)
			text = scan_key(scanner, text);
	}
	return NULL;
}

/* From the end of a value to where the next one starts, or until only DEPTH brackets are
 * open. */
static const char *
scan_next(struct json_scanner *scanner, const char *text, unsigned depth)
{
	while (scanner->depth > depth) {
		text = skip_space(scanner, text);
		if (text == scanner->end)
			return json_scanner_fail(scanner, JSON_FAULT_CUT, text);
		if (*text == ',')
			return scanner->in_object ? scan_key(scanner, text + 1)
			                          : text + 1;
		if (*text != json_scanner_closing(scanner))
			return json_scanner_fail_at(scanner, text);
		text = json_scanner_close(scanner, text);
	}
	return text;
}

const char *
json_scanner_values(struct json_scanner *scanner, const char *text, unsigned depth)
{
	do {
		text = scan_value(scanner, text);
		if (text)
			text = scan_next(scanner, text, depth);
	} while (text && scanner->depth > depth);
	return text;
}

/* ---- the whole text ---- */

static const char *
scan_text(struct json_scanner *scanner, const char *text, json_scanner_value_fn *value,
    void *arg)
{
	text = skip_space(scanner, text);
	if (text == scanner->end)
		return json_scanner_fail(scanner, JSON_FAULT_EMPTY, text);
	text = value(scanner, text, arg);
	if (!text)
		return NULL;
	text = skip_space(scanner, text);
	if (text < scanner->end)
		return json_scanner_fail(scanner, JSON_FAULT_TRAILING, text);
	return text;
}

bool
json_scanner_run(char *text, size_t len, unsigned max_depth,
    json_scanner_value_fn *value, void *arg, struct json_scan *scan)
{
	struct json_scanner scanner = {
		.end = text + len,
		.write = text,
		.run = text,
		.max_depth =
		    max_depth < JSON_SCAN_MAX_DEPTH ? max_depth : JSON_SCAN_MAX_DEPTH,
	};

	if (!scan_text(&scanner, text, value, arg)) {
		*scan = (struct json_scan){ .fault = scanner.fault,
			.offset = (size_t)(scanner.fault_at - text) };
		return false;
	}
	move_run(&scanner, scanner.end);
	*scan = (struct json_scan){ .len = (size_t)(scanner.write - text) };
	return true;
}

static const char *
scan_plainly(struct json_scanner *scanner, const char *text, UNUSED void *arg)
{
	return json_scanner_values(scanner, text, 0);
}

bool
json_scan_compact(char *text, size_t len, unsigned max_depth, struct json_scan *scan)
{
	return json_scanner_run(text, len, max_depth, scan_plainly, NULL, scan);
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
