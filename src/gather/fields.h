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

enum field_type {
	FIELD_TEXT,   /* `text`, NULL: null */
	FIELD_INT,    /* `number`, negative: null */
	FIELD_US,     /* likewise, microseconds: told in ms with one decimal */
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
	bool absent; /* it would be null */
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

#endif
