#include "config/condition_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/types.h"
#include "config/value.h"
#include "config/walk.h"
#include "rules/condition.h"
#include "rules/pattern.h"

enum word {
	WORD_CONST,
	WORD_ENUM,
	WORD_TYPE,
	WORD_MINIMUM,
	WORD_MAXIMUM,
	WORD_EXCLUSIVE_MINIMUM,
	WORD_EXCLUSIVE_MAXIMUM,
	WORD_PATTERN,
	WORD_MIN_LENGTH,
	WORD_MAX_LENGTH,
	WORD_MIN_ITEMS,
	WORD_MAX_ITEMS,
	WORD_EXISTS,
};

static const char *const words[] = { "const", "enum", "type", "minimum", "maximum",
	"exclusiveMinimum", "exclusiveMaximum", "pattern", "minLength", "maxLength",
	"minItems", "maxItems", "exists", NULL };

#define BIT(word)   (1u << (word))
#define EQUAL_WORDS (BIT(WORD_CONST) | BIT(WORD_ENUM))
#define BOUND_WORDS                                                            \
	(BIT(WORD_MINIMUM) | BIT(WORD_MAXIMUM) | BIT(WORD_EXCLUSIVE_MINIMUM) | \
	    BIT(WORD_EXCLUSIVE_MAXIMUM))
#define TEXT_WORDS (BIT(WORD_PATTERN) | BIT(WORD_MIN_LENGTH) | BIT(WORD_MAX_LENGTH))

/* One condition that is being compiled. */
struct maker {
	struct walk *walk;
	enum rule_subject subject;
	struct condition *condition;
	unsigned said; /* BIT()s of the words so far */
};

/* Words that what SUBJECT looks at can satisfy. */
static unsigned
words_for(enum rule_subject subject)
{
	switch (subject) {
	case RULE_JSON:
		return ~0u;
	case RULE_BODY:
	case RULE_HEADER:
		return EQUAL_WORDS | BOUND_WORDS | TEXT_WORDS | BIT(WORD_EXISTS);
	case RULE_DURATION:
		return EQUAL_WORDS | BOUND_WORDS;
	case RULE_CERTIFICATE_DAYS:
		return EQUAL_WORDS | BOUND_WORDS | BIT(WORD_EXISTS);
	}
	return 0;
}

static bool
is_numeric(const struct maker *maker)
{
	return maker->condition->unit != UNIT_NONE;
}

/* ---- equal to one of some values ---- */

/* A number for what is one: VALUE's, in the unit of the condition. */
static bool
read_number(struct maker *maker, const struct value *value, double *number)
{
	const char *text;
	int64_t ms;

	if (maker->condition->unit != UNIT_MS)
		return walk_number(maker->walk, value, number);
	text = walk_text(maker->walk, value, "a duration such as 2s or 500ms");
	if (text == NULL)
		return false;
	if (!units_parse_duration_ms(text, &ms)) {
		walk_fault(maker->walk, value->place,
		    "expected a duration such as 2s or 500ms");
		return false;
	}
	*number = (double)ms;
	return true;
}

/* NUMBER, which VALUE stands for, as conditions tell it. The caller's. */
static char *
spell_number(const struct maker *maker, const struct value *value, double number)
{
	char text[UNITS_TEXT_SIZE];

	switch (maker->condition->unit) {
	case UNIT_NONE:
		break;
	case UNIT_MS:
		units_format_duration(text, (int64_t)number);
		return xstrdup(text);
	case UNIT_DAYS:
		return xasprintf(
		    "%s day%s", value->text.value.text.data, number == 1 ? "" : "s");
	}
	return xstrdup(value->text.value.text.data);
}

static enum span_kind
kind_of(const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		return SPAN_NULL;
	case VALUE_FALSE:
	case VALUE_TRUE:
		return SPAN_BOOL;
	case VALUE_NUMBER:
		return SPAN_NUMBER;
	case VALUE_STRING:
	case VALUE_LIST:
	case VALUE_MAP:
		break;
	}
	return SPAN_STRING;
}

static struct condition_value *
grow_values(struct condition *condition)
{
	condition->limited = true;
	condition->values = xgrow(
	    condition->values, condition->value_count, sizeof(*condition->values));
	return &condition->values[condition->value_count++];
}

/* A duration, or days: the values are numbers in that unit. */
static bool
add_number(struct maker *maker, const struct value *value)
{
	struct condition_value *made;
	double number = 0;
	char *text;

	if (!read_number(maker, value, &number))
		return false;
	walk_warning(maker->walk, value->place,
	    "it will hardly ever be exactly that: was {maximum: ...} or {minimum: ...} "
	    "meant?");
	text = maker->condition->unit == UNIT_MS ? xasprintf("%.0f", number)
	                                         : xstrdup(value->text.value.text.data);
	made = grow_values(maker->condition);
	*made = (struct condition_value){
		.kind = SPAN_NUMBER,
		.text = text,
		.len = strlen(text),
	};
	return true;
}

static bool
add_value(struct maker *maker, const struct value *value)
{
	const struct buffer *text = &value->text.value.text;
	struct condition_value *made;

	if (!walk_is_scalar(value)) {
		walk_fault(maker->walk, value->place,
		    "expected text, a number, true, false or null, not a %s",
		    value->kind == VALUE_LIST ? "list" : "map");
		return false;
	}
	if (value->kind == VALUE_STRING && value->text.plain && text->len == 0 &&
	    !text_has_reference(&value->text)) {
		walk_fault(maker->walk, value->place,
		    "expected a condition: null and \"\" are written out");
		return false;
	}
	if (is_numeric(maker))
		return add_number(maker, value);
	made = grow_values(maker->condition);
	*made = (struct condition_value){
		.kind = kind_of(value),
		.text = xmemdup0(text->data, text->len),
		.len = text->len,
		.secret = marked_has_secret(&value->text.value),
	};
	return true;
}

static bool
add_values(struct maker *maker, const struct value *list)
{
	bool fine = true;

	if (list->kind != VALUE_LIST || list->count == 0) {
		walk_fault(
		    maker->walk, list->place, "expected a list of one or more values");
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (!add_value(maker, list->items[i]))
			fine = false;
	}
	return fine;
}

/* ---- types ---- */

/* Never with what came in from outside. */
static void
tell_no_type(const struct maker *maker, const struct value *value)
{
	const char *const *names = condition_type_names;
	struct buffer hint;
	size_t count = 0;

	while (names[count] != NULL)
		count++;
	buffer_init(&hint, BUFFER_UNLIMITED);
	if (!text_has_reference(&value->text))
		type_append_nearest(&hint, value->text.value.text.data, names, count);
	walk_fault(maker->walk, value->place,
	    "expected null, boolean, number, integer, string, array or object%s",
	    hint.data);
	buffer_clear(&hint);
}

static bool
add_type(struct maker *maker, const struct value *value)
{
	const char *name =
	    walk_text(maker->walk, value, "the name of a type such as string");
	int type;

	if (name == NULL)
		return false;
	type = names_find(condition_type_names, name);
	if (type >= 0)
		maker->condition->types |= 1u << type;
	else
		tell_no_type(maker, value);
	return type >= 0;
}

static bool
add_types(struct maker *maker, const struct value *value)
{
	bool fine = value->count > 0;

	if (value->kind != VALUE_LIST)
		return add_type(maker, value);
	if (!fine)
		walk_fault(maker->walk, value->place, "expected at least one type");
	for (size_t i = 0; i < value->count; i++) {
		if (!add_type(maker, value->items[i]))
			fine = false;
	}
	return fine;
}

/* ---- numbers ---- */

static bool
set_bound(struct maker *maker, const struct value *value, struct condition_bound *bound)
{
	double number = 0;

	if (!read_number(maker, value, &number))
		return false;
	*bound = (struct condition_bound){
		.set = true,
		.number = number,
		.text = spell_number(maker, value, number),
	};
	return true;
}

static bool
set_count(struct maker *maker, const struct value *value, int64_t *count)
{
	return walk_int(maker->walk, value, 0, INT64_MAX, count);
}

/* ---- patterns ---- */

struct pattern *
condition_source_pattern(struct walk *walk, const struct value *value, char **shown)
{
	const char *source = walk_text(walk, value, "a regular expression");
	struct pattern *pattern;
	char *why = NULL;

	if (source == NULL)
		return NULL;
	pattern = pattern_compile(source, value->text.value.text.len, &why);
	if (pattern == NULL)
		walk_fault(walk, value->place, "%s", why);
	else
		*shown = marked_shown(&value->text.value);
	free(why);
	return pattern;
}

static bool
set_pattern(struct maker *maker, const struct value *value)
{
	struct condition *condition = maker->condition;

	condition->pattern =
	    condition_source_pattern(maker->walk, value, &condition->pattern_text);
	return condition->pattern != NULL;
}

/* ---- words ---- */

static bool
set_exists(struct maker *maker, const struct value *value)
{
	maker->condition->exists_said = true;
	return walk_bool(maker->walk, value, &maker->condition->exists);
}

static bool
set_word(struct maker *maker, enum word word, const struct value *value)
{
	struct condition *condition = maker->condition;

	switch (word) {
	case WORD_CONST:
		return add_value(maker, value);
	case WORD_ENUM:
		return add_values(maker, value);
	case WORD_TYPE:
		return add_types(maker, value);
	case WORD_MINIMUM:
		return set_bound(maker, value, &condition->minimum);
	case WORD_MAXIMUM:
		return set_bound(maker, value, &condition->maximum);
	case WORD_EXCLUSIVE_MINIMUM:
		return set_bound(maker, value, &condition->exclusive_minimum);
	case WORD_EXCLUSIVE_MAXIMUM:
		return set_bound(maker, value, &condition->exclusive_maximum);
	case WORD_PATTERN:
		return set_pattern(maker, value);
	case WORD_MIN_LENGTH:
		return set_count(maker, value, &condition->min_length);
	case WORD_MAX_LENGTH:
		return set_count(maker, value, &condition->max_length);
	case WORD_MIN_ITEMS:
		return set_count(maker, value, &condition->min_items);
	case WORD_MAX_ITEMS:
		return set_count(maker, value, &condition->max_items);
	case WORD_EXISTS:
		return set_exists(maker, value);
	}
	return false;
}

static const char *
subject_name(enum rule_subject subject)
{
	switch (subject) {
	case RULE_JSON:
		return "a value";
	case RULE_BODY:
		return "the text of a body";
	case RULE_HEADER:
		return "a header";
	case RULE_DURATION:
		return "a duration";
	case RULE_CERTIFICATE_DAYS:
		return "a number of days";
	}
	return "it";
}

static bool
add_word(struct maker *maker, const struct value *map, size_t index)
{
	const struct value *value = map->items[index];
	int word = walk_find_word(maker->walk, map, index, "condition", words);
	size_t mark;
	bool fine;

	if (word < 0)
		return false;
	if ((words_for(maker->subject) & BIT(word)) == 0) {
		walk_fault(maker->walk, map->key_places[index],
		    "%s is no condition for %s", words[word],
		    subject_name(maker->subject));
		return false;
	}
	mark = walk_down(maker->walk, words[word]);
	fine = set_word(maker, (enum word)word, value);
	walk_up(maker->walk, mark);
	maker->said |= BIT(word);
	return fine;
}

/* ---- what could never hold ---- */

static const struct condition_bound *
stricter(const struct condition_bound *a, const struct condition_bound *b, bool least)
{
	if (!a->set || !b->set)
		return a->set ? a : b;
	return (least ? a->number > b->number : a->number < b->number) ? a : b;
}

static bool
bounds_can_hold(const struct condition *condition)
{
	const struct condition_bound *low =
	    stricter(&condition->minimum, &condition->exclusive_minimum, true);
	const struct condition_bound *high =
	    stricter(&condition->maximum, &condition->exclusive_maximum, false);
	bool open = condition->exclusive_minimum.set &&
	    condition->exclusive_minimum.number >= low->number;

	open = open ||
	    (condition->exclusive_maximum.set &&
	        condition->exclusive_maximum.number <= high->number);
	if (!low->set || !high->set)
		return true;
	return open ? low->number < high->number : low->number <= high->number;
}

static bool
counts_can_hold(int64_t least, int64_t most)
{
	return most < 0 || least <= most;
}

static bool
check_whole(struct maker *maker, const struct value *map)
{
	const struct condition *condition = maker->condition;
	const char *why = NULL;

	if (maker->said == 0)
		why = "expected conditions; {exists: true} takes any value";
	else if ((maker->said & EQUAL_WORDS) == EQUAL_WORDS)
		why = "const and enum do not go together";
	else if (condition->exists_said && !condition->exists &&
	    maker->said != BIT(WORD_EXISTS))
		why = "exists: false goes with no other condition";
	else if (!bounds_can_hold(condition))
		why = "no number is within these bounds";
	else if (!counts_can_hold(condition->min_length, condition->max_length))
		why = "minLength is more than maxLength";
	else if (!counts_can_hold(condition->min_items, condition->max_items))
		why = "minItems is more than maxItems";
	if (why != NULL)
		walk_fault(maker->walk, map->place, "%s", why);
	return why == NULL;
}

static bool
add_words(struct maker *maker, const struct value *map)
{
	bool fine = true;

	for (size_t i = 0; i < map->count; i++) {
		if (!add_word(maker, map, i))
			fine = false;
	}
	return fine && check_whole(maker, map);
}

/* ---- the whole ---- */

static enum condition_unit
unit_of(enum rule_subject subject)
{
	switch (subject) {
	case RULE_DURATION:
		return UNIT_MS;
	case RULE_CERTIFICATE_DAYS:
		return UNIT_DAYS;
	case RULE_JSON:
	case RULE_BODY:
	case RULE_HEADER:
		break;
	}
	return UNIT_NONE;
}

bool
condition_source_compile(struct walk *walk, const struct value *value,
    enum rule_subject subject, struct condition *condition)
{
	struct maker maker = {
		.walk = walk,
		.subject = subject,
		.condition = condition,
	};

	condition_init(condition);
	condition->unit = unit_of(subject);
	switch (value->kind) {
	case VALUE_MAP:
		return add_words(&maker, value);
	case VALUE_LIST:
		return add_values(&maker, value);
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
	case VALUE_NUMBER:
	case VALUE_STRING:
		break;
	}
	return add_value(&maker, value);
}
