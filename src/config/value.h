/*
 * Values whose type the config leaves open: `vars`, `for_each`, conditions, JSON bodies.
 *
 * Plain true, false, null (the words themselves, lower case) and JSON numbers are those;
 * everything else, and all that is quoted or puts in a ${...}, is text. Numbers keep
 * their text.
 */
#ifndef GATHERD_CONFIG_VALUE_H
#define GATHERD_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "config/text.h"
#include "template/template.h"

enum value_kind {
	VALUE_NULL,
	VALUE_FALSE,
	VALUE_TRUE,
	VALUE_NUMBER,
	VALUE_STRING,
	VALUE_LIST,
	VALUE_MAP,
};

struct value {
	enum value_kind kind;
	struct place place;       /* a line of 0: it stands in no file */
	struct text text;         /* NUMBER and STRING */
	char **keys;              /* MAP: owned */
	struct place *key_places; /* MAP: owned; where the keys stand */
	size_t *by_name; /* MAP: owned; the numbers of the keys, sorted by strcmp(3) */
	struct value **items; /* LIST and MAP: owned */
	size_t count;
	bool broken; /* stands in for one that had a fault: nothing can be said of it */
};

/* Is TEXT a number as JSON spells them (RFC 8259, section 6)? */
bool value_text_is_number(const char *text);

/* Returns NULL with faults told. */
struct value *value_load(
    const struct yaml_node *node, const char *relative_to, struct faults *faults);

/* From the command line (--var NAME=VALUE): TEXT as if it stood plain in the file, but
 * nothing is put in. */
struct value *value_from_argument(const char *text);
/* An empty map. */
struct value *value_new_map(void);
void value_free(struct value *value);

/* NULL for NULL. */
struct value *value_copy(const struct value *value);

/* In the map MAP, set KEY to ITEM, which is taken over, in place of what it was. KEY stands
 * where ITEM does. */
void value_set(struct value *map, const char *key, struct value *item);

/* The item of KEY in the map MAP, or NULL. */
const struct value *value_get(const struct value *map, const char *key);

/* The map MAP gets copies of the items of FROM, a map, whose keys it has not; they go behind
 * its own. */
void value_merge(struct value *map, const struct value *from);

/* Are they the same, deeply, with the marks of texts? Numbers by their text, maps by the
 * order of their keys too: that is how templates write them. */
bool value_equal(const struct value *a, const struct value *b);

/* text_rebase() for all texts in VALUE. */
void value_rebase(struct value *value, const char *prefix);

/* VALUE as templates see it. */
void value_for_template(const struct value *value, struct template_value *out);

#endif
