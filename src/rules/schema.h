/*
 * A JSON Schema (draft 2020-12) as far as it is checked here: the words of conditions, and
 * `properties`, `required`, `items` and `additionalProperties`.
 *
 * Otherwise than a condition, a word about values of one type passes over all others, as JSON
 * Schema has it.
 */
#ifndef GATHERD_RULES_SCHEMA_H
#define GATHERD_RULES_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"
#include "rules/condition.h"

struct buffer;
struct pattern_budget;
struct schema;

struct schema_property {
	char *name;            /* owned */
	struct schema *schema; /* owned */
};

/* Plain data that its maker fills in; all is owned. */
struct schema {
	bool nothing; /* `false`: nothing holds */
	struct condition condition;
	struct schema_property *properties;
	size_t property_count;
	char **required;
	size_t required_count;
	struct schema *items; /* NULL: any */
	struct schema
	    *additional; /* of objects: what is not in `properties`; NULL: any */
};

/* One that holds for everything. */
struct schema *schema_new(void);
void schema_free(struct schema *schema);

/*
 * Does SCHEMA hold for JSON, valid and compact? Where it does not, what is wrong with it is
 * appended to WHY, the first fault only: `/items/0/price: expected a number, got "12"`. BUDGET
 * is what patterns take their time from.
 */
MUST_CHECK bool schema_holds(const struct schema *schema, struct span json,
    struct pattern_budget *budget, struct buffer *why);

#endif
