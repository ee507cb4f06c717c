/* Conditions, and what they are held against, in words. */

#include "rules/condition.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/marked.h"
#include "base/units.h"
#include "rules/plain.h"

/* So many of the values of an `enum` are told. */
#define SHOWN_VALUES 8

/* ---- numbers ---- */

/* To 0.1 ms below a second, else to 1 ms. Upwards: what is more than 500ms is told as more
 * than that. */
static void
describe_duration(double ms, struct buffer *out)
{
	char text[UNITS_TEXT_SIZE];
	double tenths = ceil(ms * 10);

	if (tenths < 10000 && fmod(tenths, 10) != 0) {
		buffer_append_format(out, "%.1fms", tenths / 10);
		return;
	}
	units_format_duration(text, ms > 0 ? (int64_t)ceil(ms) : 0);
	buffer_append_string(out, text);
}

static void
describe_number(double number, enum condition_unit unit, struct buffer *out)
{
	switch (unit) {
	case UNIT_NONE:
		buffer_append_format(out, "%.15g", number);
		break;
	case UNIT_MS:
		describe_duration(number, out);
		break;
	case UNIT_DAYS:
		buffer_append_format(
		    out, "%.0f %s", number, number == 1 ? "day" : "days");
		break;
	}
}

/* ---- what is expected ---- */

/* The words of one condition, joined by "and". */
struct words {
	struct buffer *out;
	size_t start;
};

static void
next_word(struct words *words)
{
	if (words->out->len > words->start)
		buffer_append_string(words->out, " and ");
}

static void
describe_value(
    const struct condition_value *value, enum condition_unit unit, struct buffer *out)
{
	double number;

	if (value->secret)
		buffer_append_string(out, MARKED_MASK);
	else if (unit != UNIT_NONE && plain_number(value->text, value->len, &number))
		describe_number(number, unit, out);
	else if (value->kind == SPAN_STRING)
		plain_describe_text(value->text, value->len, out);
	else
		buffer_append(out, value->text, value->len);
}

static void
describe_values(const struct condition *condition, struct words *words)
{
	const size_t count = condition->value_count;
	const size_t shown = count <= SHOWN_VALUES ? count : SHOWN_VALUES;

	if (!condition->limited)
		return;
	next_word(words);
	if (count != 1)
		buffer_append_string(words->out, count == 0 ? "no value" : "one of ");
	for (size_t i = 0; i < shown; i++) {
		if (i > 0)
			buffer_append_string(words->out, ", ");
		describe_value(&condition->values[i], condition->unit, words->out);
	}
	if (count > shown)
		buffer_append_format(words->out, " and %zu more", count - shown);
}

static void
describe_types(unsigned types, struct words *words)
{
	bool first = true;

	if (types == 0)
		return;
	next_word(words);
	for (unsigned type = 0; condition_type_names[type] != NULL; type++) {
		const char *name = condition_type_names[type];

		if ((types & 1u << type) == 0)
			continue;
		if (!first)
			buffer_append_string(words->out, " or ");
		first = false;
		if (type != CONDITION_NULL)
			buffer_append_string(words->out,
			    *name == 'a' || *name == 'i' || *name == 'o' ? "an "
			                                                 : "a ");
		buffer_append_string(words->out, name);
	}
}

static void
describe_bound(
    const struct condition_bound *bound, const char *how, struct words *words)
{
	if (!bound->set)
		return;
	next_word(words);
	buffer_append_format(words->out, "%s %s", how, bound->text);
}

static void
describe_count(int64_t min, int64_t max, const char *what, struct words *words)
{
	if (min < 0 && max < 0)
		return;
	next_word(words);
	if (min == max)
		buffer_append_format(words->out, "%" PRId64, min);
	else if (max < 0)
		buffer_append_format(words->out, "at least %" PRId64, min);
	else if (min < 0)
		buffer_append_format(words->out, "at most %" PRId64, max);
	else
		buffer_append_format(words->out, "%" PRId64 " to %" PRId64, min, max);
	buffer_append_format(
	    words->out, " %s%s", what, (max < 0 ? min : max) == 1 ? "" : "s");
}

static void
describe_pattern(const char *pattern_text, struct words *words)
{
	if (pattern_text == NULL)
		return;
	next_word(words);
	buffer_append_string(words->out, "a match of ");
	plain_describe_text(pattern_text, strlen(pattern_text), words->out);
}

void
condition_describe(const struct condition *condition, struct buffer *out)
{
	struct words words = { out, out->len };

	if (condition->exists_said && !condition->exists) {
		buffer_append_string(out, "nothing");
		return;
	}
	describe_types(condition->types, &words);
	describe_values(condition, &words);
	describe_bound(&condition->minimum, "at least", &words);
	describe_bound(&condition->exclusive_minimum, "more than", &words);
	describe_bound(&condition->maximum, "at most", &words);
	describe_bound(&condition->exclusive_maximum, "less than", &words);
	describe_count(
	    condition->min_length, condition->max_length, "character", &words);
	describe_count(condition->min_items, condition->max_items, "item", &words);
	describe_pattern(condition->pattern_text, &words);
	if (out->len == words.start)
		buffer_append_string(out, "something");
}

/* ---- what is there ---- */

void
fact_describe(const struct fact *fact, enum condition_unit unit, struct buffer *out)
{
	switch (fact->kind) {
	case FACT_ABSENT:
		buffer_append_string(out, "nothing");
		break;
	case FACT_JSON:
		if (fact->discreet)
			plain_describe_kind(fact->json, out);
		else
			plain_describe_json(fact->json, out);
		break;
	case FACT_TEXT:
		if (fact->discreet)
			buffer_append_string(out, "some text");
		else
			plain_describe_text(fact->text, fact->len, out);
		break;
	case FACT_NUMBER:
		describe_number(fact->number, unit, out);
		break;
	}
}
