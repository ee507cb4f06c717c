#include "rules/extract.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "rules/plain.h"
#include "rules/rules.h"

/* A double has 15 digits that can be told from each other. */
#define MAX_EXACT_DIGITS 1e15

void
extract_clear(struct extract *extract)
{
	free(extract->name);
	free(extract->path);
	free(extract->header);
	pattern_free(extract->pattern);
	*extract = (struct extract){ .round = -1 };
}

/* A value on its way from the answer into OUT. */
struct work {
	const struct extract *extract;
	struct facts *facts;
	struct buffer *out;
	char *why; /* owned: why there is no value; NULL: there is one */
};

/* Where a value is looked for; BUFFER is cleared by the caller. */
static const char *
place(const struct work *work, struct buffer *name)
{
	const struct extract *extract = work->extract;

	buffer_init(name, BUFFER_UNLIMITED);
	if (extract->path != NULL)
		buffer_append_string(
		    name, *extract->path != '\0' ? extract->path : "JSON");
	else if (extract->header != NULL)
		buffer_append_format(name, "header %s", extract->header);
	else
		buffer_append_string(name, "body");
	return name->data;
}

static void
fail(struct work *work, const char *reason)
{
	struct buffer name;

	work->why = xasprintf("%s: %s", place(work, &name), reason);
	buffer_clear(&name);
}

/* As fail(), with the text that was there before the REASON, if it may be told. */
static void
fail_at(struct work *work, const char *text, size_t len, const char *reason)
{
	struct buffer words;

	buffer_init(&words, BUFFER_UNLIMITED);
	if (work->extract->secret || work->facts->discreet)
		buffer_append_string(&words, "what is there");
	else
		plain_describe_text(text, len, &words);
	buffer_append_format(&words, " %s", reason);
	fail(work, words.data);
	buffer_clear(&words);
}

/* ---- numbers ---- */

/* As short as it can be without a loss: a product of two doubles has no more than 15 digits
 * that mean something, but whole numbers are exact up to 2^53. */
static void
append_number(struct buffer *out, double number)
{
	if (trunc(number) == number && fabs(number) <= (double)SPAN_MAX_WHOLE)
		buffer_append_format(out, "%.0f", number);
	else
		buffer_append_format(out, "%.15g", number);
}

/* NUMBER with DECIMALS of them, halves away from zero as people do it: by the digits alone
 * printf(3) would make 12 of 12.5. */
static double
rounded(double number, int decimals)
{
	double unit = pow(10, decimals);
	double units = round(number * unit);

	return fabs(units) < MAX_EXACT_DIGITS ? units / unit : number;
}

/* With at most DECIMALS of them. */
static void
append_rounded(struct buffer *out, double number, int decimals)
{
	const size_t start = out->len;

	/* Such a large one is whole. */
	if (fabs(number) >= (double)SPAN_MAX_WHOLE) {
		append_number(out, number);
		return;
	}
	buffer_append_format(out, "%.*f", decimals, rounded(number, decimals));
	if (decimals > 0) {
		while (out->len > start && out->data[out->len - 1] == '0')
			buffer_truncate(out, out->len - 1);
		if (out->len > start && out->data[out->len - 1] == '.')
			buffer_truncate(out, out->len - 1);
	}
	if (strcmp(out->data + start, "-0") == 0) {
		buffer_truncate(out, start);
		buffer_append_char(out, '0');
	}
}

static bool
is_calculated(const struct extract *extract)
{
	return extract->scaled || extract->round >= 0;
}

/* NUMBER, which TEXT spells, scaled and rounded. */
static void
take_number(struct work *work, double number, const char *text, size_t len)
{
	const struct extract *extract = work->extract;

	if (extract->scaled)
		number *= extract->scale;
	if (!isfinite(number)) {
		fail_at(work, text, len, "is too large a number once scaled");
		return;
	}
	if (number == 0)
		number = 0; /* not -0 */
	if (extract->round >= 0)
		append_rounded(work->out, number, extract->round);
	else
		append_number(work->out, number);
}

/* ---- text ---- */

/* TEXT, or its part that the pattern is for, as it goes out. */
static void
take_part(struct work *work, const char *text, size_t len)
{
	struct json_write json;
	double number;

	if (is_calculated(work->extract)) {
		if (plain_number(text, len, &number))
			take_number(work, number, text, len);
		else
			fail_at(work, text, len, "is no number");
		return;
	}
	json_write_init(&json, work->out);
	json_write_string_len(&json, text, len);
}

static void
take_text(struct work *work, const char *text, size_t len)
{
	const struct pattern *pattern = work->extract->pattern;
	struct span group;

	if (pattern == NULL) {
		take_part(work, text, len);
		return;
	}
	switch (pattern_match(pattern, text, len, &work->facts->budget, &group)) {
	case PATTERN_MATCHED:
		if (group.text != NULL)
			take_part(work, group.text, group.len);
		else
			fail_at(work, text, len,
			    "matches the pattern without its first group");
		break;
	case PATTERN_NO_MATCH:
		fail_at(work, text, len, "has no match of the pattern");
		break;
	case PATTERN_TOO_HARD:
		fail(work,
		    "looking for the pattern was given up: it takes too much time");
		break;
	}
}

/* ---- where it comes from ---- */

/* Rounding needs no look at a whole number, and would cost a large one its last digits. */
static bool
is_whole_text(struct span number)
{
	return memchr(number.text, '.', number.len) == NULL &&
	    memchr(number.text, 'e', number.len) == NULL &&
	    memchr(number.text, 'E', number.len) == NULL;
}

/* A number that is to be scaled or rounded. */
static void
take_json_number(struct work *work, struct span value)
{
	double number;

	if ((work->extract->scaled || !is_whole_text(value)) &&
	    span_number(value, &number))
		take_number(work, number, value.text, value.len);
	else
		buffer_append(work->out, value.text, value.len);
}

static void
fail_by_kind(struct work *work, struct span value)
{
	struct buffer words;

	buffer_init(&words, BUFFER_UNLIMITED);
	plain_describe_kind(value, &words);
	buffer_append_format(
	    &words, " is no %s", work->extract->pattern != NULL ? "text" : "number");
	fail(work, words.data);
	buffer_clear(&words);
}

static void
take_json(struct work *work, struct span value)
{
	const bool searched = work->extract->pattern != NULL;
	const enum span_kind kind = span_kind(value);
	struct plain plain;

	if (kind == SPAN_NULL || (!searched && !is_calculated(work->extract))) {
		buffer_append(work->out, value.text, value.len);
		return;
	}
	if (!searched && kind == SPAN_NUMBER) {
		take_json_number(work, value);
		return;
	}
	if (plain_init(&plain, value) && (searched || kind == SPAN_STRING))
		take_text(work, plain.text, plain.len);
	else
		fail_by_kind(work, value);
	plain_clear(&plain);
}

static void
take_from_json(struct work *work)
{
	const struct extract *extract = work->extract;
	const struct facts *facts = work->facts;
	struct span value;
	char *end;

	if (!facts->has_json) {
		fail(work, "there is no JSON");
		return;
	}
	value = facts->found[extract->pointer];
	if (value.text != NULL) {
		take_json(work, value);
		return;
	}
	end = facts_pointer_end(facts, extract->pointer, extract->path);
	fail(work, end);
	free(end);
}

static void
take_from_header(struct work *work)
{
	char *header = rules_find_header(work->facts->head, work->extract->header);

	if (header != NULL)
		take_text(work, header, strlen(header));
	else
		fail(work, "there is no such header");
	free(header);
}

bool
extract_append(
    const struct extract *extract, struct facts *facts, struct buffer *out, char **why)
{
	struct work work = { .extract = extract, .facts = facts, .out = out };
	const size_t start = out->len;

	if (extract->path != NULL)
		take_from_json(&work);
	else if (extract->header != NULL)
		take_from_header(&work);
	else if (facts->body != NULL)
		take_text(&work, facts->body, facts->body_len);
	else
		fail(&work, "there is none");
	if (work.why == NULL && out->full)
		fail(&work, "too large");
	if (work.why == NULL)
		return true;
	buffer_truncate(out, start);
	*why = work.why;
	return false;
}
