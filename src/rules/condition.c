#include "rules/condition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rules/pattern.h"
#include "rules/plain.h"

const char *const condition_type_names[] = {
	[CONDITION_NULL] = "null",
	[CONDITION_BOOLEAN] = "boolean",
	[CONDITION_NUMBER] = "number",
	[CONDITION_INTEGER] = "integer",
	[CONDITION_STRING] = "string",
	[CONDITION_ARRAY] = "array",
	[CONDITION_OBJECT] = "object",
	NULL,
};

void
condition_init(struct condition *condition)
{
	*condition = (struct condition){
		.min_length = -1,
		.max_length = -1,
		.min_items = -1,
		.max_items = -1,
	};
}

void
condition_clear(struct condition *condition)
{
	for (size_t i = 0; i < condition->value_count; i++)
		free(condition->values[i].text);
	free(condition->values);
	free(condition->minimum.text);
	free(condition->maximum.text);
	free(condition->exclusive_minimum.text);
	free(condition->exclusive_maximum.text);
	pattern_free(condition->pattern);
	free(condition->pattern_text);
	condition_init(condition);
}

/* ---- what a fact is ---- */

static enum span_kind
kind_of(const struct fact *fact)
{
	switch (fact->kind) {
	case FACT_ABSENT:
		break;
	case FACT_JSON:
		return span_kind(fact->json);
	case FACT_TEXT:
		return SPAN_STRING;
	case FACT_NUMBER:
		return SPAN_NUMBER;
	}
	return SPAN_ABSENT;
}

static bool
number_of(const struct fact *fact, double *number)
{
	switch (fact->kind) {
	case FACT_ABSENT:
		break;
	case FACT_JSON:
		return span_number(fact->json, number);
	case FACT_TEXT:
		return plain_number(fact->text, fact->len, number);
	case FACT_NUMBER:
		*number = fact->number;
		return true;
	}
	return false;
}

/* Its text, where it is one. The caller clears PLAIN in any case. */
static bool
text_of(const struct fact *fact, struct plain *plain)
{
	*plain = (struct plain){ .text = fact->text, .len = fact->len };
	if (fact->kind == FACT_TEXT)
		return true;
	return fact->kind == FACT_JSON && span_kind(fact->json) == SPAN_STRING &&
	    plain_init(plain, fact->json);
}

static unsigned
types_of(const struct fact *fact)
{
	static const unsigned types[] = {
		[SPAN_ABSENT] = 0,
		[SPAN_NULL] = 1u << CONDITION_NULL,
		[SPAN_BOOL] = 1u << CONDITION_BOOLEAN,
		[SPAN_NUMBER] = 1u << CONDITION_NUMBER,
		[SPAN_STRING] = 1u << CONDITION_STRING,
		[SPAN_ARRAY] = 1u << CONDITION_ARRAY,
		[SPAN_OBJECT] = 1u << CONDITION_OBJECT,
	};
	unsigned found = types[kind_of(fact)];
	double number;

	if (number_of(fact, &number)) {
		found |= 1u << CONDITION_NUMBER;
		found |= trunc(number) == number ? 1u << CONDITION_INTEGER : 0;
	}
	return found;
}

/* ---- const and enum ---- */

static bool
is_text(const struct condition_value *value, const char *text, size_t len)
{
	return value->len == len && memcmp(value->text, text, len) == 0;
}

static bool
is_number(const struct condition_value *value, const struct fact *fact)
{
	double wanted, found;

	return value->kind == SPAN_NUMBER &&
	    plain_number(value->text, value->len, &wanted) && number_of(fact, &found) &&
	    wanted == found;
}

static bool
is_value(const struct condition_value *value, const struct fact *fact)
{
	struct plain plain;
	bool same;

	if (fact->kind == FACT_NUMBER)
		return is_number(value, fact);
	/* Text knows neither numbers nor `true`: what is spelled alike is meant. */
	if (fact->kind == FACT_TEXT)
		return is_text(value, fact->text, fact->len) || is_number(value, fact);
	if (value->kind != kind_of(fact))
		return false;
	same = plain_init(&plain, fact->json) && is_text(value, plain.text, plain.len);
	plain_clear(&plain);
	return same || is_number(value, fact);
}

static bool
values_hold(const struct condition *condition, const struct fact *fact)
{
	if (!condition->limited)
		return true;
	for (size_t i = 0; i < condition->value_count; i++) {
		if (is_value(&condition->values[i], fact))
			return true;
	}
	return false;
}

/* ---- the other words ---- */

static bool
bounds_hold(const struct condition *condition, const struct fact *fact)
{
	double number;

	if (!condition->minimum.set && !condition->maximum.set &&
	    !condition->exclusive_minimum.set && !condition->exclusive_maximum.set)
		return true;
	if (!number_of(fact, &number))
		return false;
	return (!condition->minimum.set || number >= condition->minimum.number) &&
	    (!condition->maximum.set || number <= condition->maximum.number) &&
	    (!condition->exclusive_minimum.set ||
	        number > condition->exclusive_minimum.number) &&
	    (!condition->exclusive_maximum.set ||
	        number < condition->exclusive_maximum.number);
}

/* -1 where nothing is said. */
static bool
is_within(size_t count, int64_t min, int64_t max)
{
	return (min < 0 || count >= (uint64_t)min) &&
	    (max < 0 || count <= (uint64_t)max);
}

static bool
lengths_hold(const struct condition *condition, const struct plain *plain)
{
	return (condition->min_length < 0 && condition->max_length < 0) ||
	    is_within(plain_characters(plain->text, plain->len), condition->min_length,
	        condition->max_length);
}

static bool
pattern_holds(const struct condition *condition, const struct plain *plain,
    struct pattern_budget *budget, bool *too_hard)
{
	enum pattern_result result;

	if (condition->pattern == NULL)
		return true;
	result =
	    pattern_match(condition->pattern, plain->text, plain->len, budget, NULL);
	if (result == PATTERN_TOO_HARD)
		*too_hard = true;
	return result == PATTERN_MATCHED;
}

/* What is said of text. */
static bool
text_holds(const struct condition *condition, const struct fact *fact,
    struct pattern_budget *budget, bool *too_hard)
{
	struct plain plain;
	bool holds;

	if (condition->pattern == NULL && condition->min_length < 0 &&
	    condition->max_length < 0)
		return true;
	holds = text_of(fact, &plain) && lengths_hold(condition, &plain) &&
	    pattern_holds(condition, &plain, budget, too_hard);
	plain_clear(&plain);
	return holds;
}

static bool
items_hold(const struct condition *condition, const struct fact *fact)
{
	if (condition->min_items < 0 && condition->max_items < 0)
		return true;
	return kind_of(fact) == SPAN_ARRAY &&
	    is_within(
	        span_count(fact->json), condition->min_items, condition->max_items);
}

bool
condition_holds(const struct condition *condition, const struct fact *fact,
    struct pattern_budget *budget, bool *too_hard)
{
	if (kind_of(fact) == SPAN_ABSENT)
		return condition->exists_said && !condition->exists;
	if (condition->exists_said && !condition->exists)
		return false;
	/* The pattern last: it may cost most. */
	return (condition->types == 0 || (condition->types & types_of(fact)) != 0) &&
	    values_hold(condition, fact) && bounds_hold(condition, fact) &&
	    items_hold(condition, fact) &&
	    text_holds(condition, fact, budget, too_hard);
}
