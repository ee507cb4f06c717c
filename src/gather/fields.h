/*
 * What the parts of a board entry are called, and where they are found: the one table that
 * the document is written from, in its order.
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
	FIELD_TEXTS,  /* a list of texts: empty, unless its writer has some */
	FIELD_OBJECT, /* `fields`: an object of its own, or null where `absent` */
};

/* Borrowed from the entry; what the field's type does not use is 0. */
struct field_value {
	const char *text;
	size_t len;
	int64_t number;
	bool absent; /* it would be null */
};

struct field {
	const char *name;
	/* Writes all of VALUE. */
	void (*get)(const struct board_entry *entry, struct field_value *value);
	const struct field *fields; /* OBJECT: ended by a NULL name */
	enum field_type type;
	bool optional; /* left out, key and all, where `absent` */
};

extern const struct field service_fields[]; /* ended by a NULL name */

#endif
