/*
 * What the parts of a board entry are called, and where they are found: the one table that
 * the document is written from, in its order, that its schema is made of and that templates
 * look into.
 */
#ifndef GATHERD_GATHER_FIELDS_H
#define GATHERD_GATHER_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board_entry;
struct budget;
struct config_budget;
struct json_write;
struct target;

enum field_type {
	FIELD_TEXT,   /* `text`, NULL: null */
	FIELD_INT,    /* `number`, negative: null */
	FIELD_US,     /* likewise, microseconds: told in ms with one decimal */
	FIELD_MONEY,  /* likewise, money: told as a decimal number */
	FIELD_AMOUNT, /* likewise, of a budget: money where `is_money`, else tokens */
	FIELD_BOOL,   /* `number`: 0 or 1 */
	FIELD_TIME,   /* `number` wall milliseconds, negative: null */
	FIELD_JSON,   /* `text` of `len` bytes, compact JSON; NULL: null */
	FIELD_TEXTS,  /* a list of texts: `texts`, `count` of them */
	FIELD_OBJECT, /* `fields`: an object of its own, or null where `absent` */
};

/* Borrowed from the entry; what the field's type does not use is 0. */
struct field_value {
	const char *text;
	size_t len;
	int64_t number;
	char *const *texts;
	size_t count;
	bool is_money; /* AMOUNT: see there */
	bool absent;   /* it would be null */
};

struct field {
	const char *name;
	const char *description; /* a sentence without its end, for the schema */
	/* Writes all of VALUE. */
	void (*get)(const struct board_entry *entry, struct field_value *value);
	const struct field *fields; /* OBJECT: ended by a NULL name */
	/* TEXT: one of these, NULL-terminated, but for empty ones; NULL: any text. */
	const char *const *names;
	/* JSON: what it is, as the members of a JSON Schema; NULL: anything, null too. */
	const char *json_schema;
	enum field_type type;
	bool nullable; /* null is among what it may be */
	bool optional; /* left out, key and all, where `absent` */
};

extern const struct field service_fields[]; /* ended by a NULL name */
extern const struct field prompt_fields[];  /* likewise */

/* What is told of a budget, a prompt's or a provider's: the rows of budget_fields. */
enum budget_part {
	BUDGET_UNIT,
	BUDGET_LIMIT,
	BUDGET_SPENT,
	BUDGET_PER,
	BUDGET_STARTED_AT,
	BUDGET_ENDS_AT,
};
#define BUDGET_PART_COUNT (BUDGET_ENDS_AT + 1)
extern const struct field budget_fields[]; /* likewise; read from a prompt's entry */

/* PART of BUDGET, which LIMIT says is one. */
void fields_put_budget_part(enum budget_part part, const struct budget *budget,
    const struct config_budget *limit, struct field_value *value);

/* Those of ENTRY's target; and of TARGET's entries. */
const struct field *fields_of(const struct board_entry *entry);
const struct field *fields_of_target(const struct target *target);

/* VALUE of a field of TYPE, one of those that have a `number`, as the document has it. */
void field_write_number(
    struct json_write *json, enum field_type type, const struct field_value *value);

#endif
