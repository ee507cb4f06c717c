/*
 * A condition on one value: JSON Schema's words (draft 2020-12, Validation), compiled.
 */
#ifndef GATHERD_RULES_CONDITION_H
#define GATHERD_RULES_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

struct buffer;
struct pattern;
struct pattern_budget;

/* What numbers count, and so how they are told. */
enum condition_unit {
	UNIT_NONE,
	UNIT_MS,   /* a duration: "1m30s" */
	UNIT_DAYS, /* whole days */
};

/* What a condition is held against. All pointers are borrowed. */
struct fact {
	enum {
		FACT_ABSENT,
		FACT_JSON,   /* `json` */
		FACT_TEXT,   /* `text`, UTF-8 */
		FACT_NUMBER, /* `number`, in the unit of the condition */
	} kind;
	struct span json;
	const char *text;
	size_t len;
	double number;
	bool discreet; /* told by its kind alone: it may hold a secret */
};

/* One of the values of `const` and `enum`. */
struct condition_value {
	enum span_kind kind; /* null, bool, number or string */
	char *text; /* owned: a string's text, else as it is spelled, in the unit */
	size_t len;
	bool secret; /* told as *** */
};

struct condition_bound {
	bool set;
	double number;
	char *text; /* owned: as told, with its unit: "14 days" */
};

/* As condition_init() leaves it, it holds for whatever is there. Plain data that its maker
 * fills in; all texts are owned, and released by condition_clear(). */
struct condition {
	enum condition_unit unit;
	struct condition_value *values; /* owned: equal to one of them; see `limited` */
	size_t value_count;
	bool limited;   /* `const`, `enum` or a plain value was said */
	unsigned types; /* 1u << CONDITION_...; 0: any */
	struct condition_bound minimum, maximum, exclusive_minimum, exclusive_maximum;
	int64_t min_length, max_length; /* characters; -1: not said, as all below */
	int64_t min_items, max_items;   /* of a list */
	struct pattern *pattern;        /* owned; NULL: none */
	char *pattern_text;             /* owned: as told */
	bool exists_said;
	bool exists; /* if said: is it to be there at all? */
};

/* JSON Schema's words for types; `integer` is a number without a fraction: 1.0 is one. */
enum condition_type {
	CONDITION_NULL,
	CONDITION_BOOLEAN,
	CONDITION_NUMBER,
	CONDITION_INTEGER,
	CONDITION_STRING,
	CONDITION_ARRAY,
	CONDITION_OBJECT,
};
/* In the enum's order, NULL-terminated. */
extern const char *const condition_type_names[];

void condition_init(struct condition *condition);
void condition_clear(struct condition *condition);

/*
 * Does CONDITION hold for FACT? Words about lengths, items, patterns and bounds break where
 * the value is of another type than they are about: who says `minimum` wants a number (JSON
 * Schema passes it over). Numbers are equal as doubles, or by their text; a FACT_TEXT that
 * spells a number is compared with numbers as that, and is of the types `number` and
 * `integer` too. What is absent breaks all but `exists: false`.
 *
 * BUDGET is what `pattern` takes its time from. *TOO_HARD is set where that could not be
 * told (it breaks then), else left alone.
 */
bool condition_holds(const struct condition *condition, const struct fact *fact,
    struct pattern_budget *budget, bool *too_hard);

/* Append what is expected, all of CONDITION: `at most 100`, `"up"`, `one of 200, 404`. */
void condition_describe(const struct condition *condition, struct buffer *out);

/* Append what FACT is, short and in one line: `"down"`, `250`, `an object`, `nothing`. */
void fact_describe(
    const struct fact *fact, enum condition_unit unit, struct buffer *out);

#endif
