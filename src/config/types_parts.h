/*
 * What several of the types' files (config/types*.c) are made of; not for others.
 */
#ifndef GATHERD_CONFIG_TYPES_PARTS_H
#define GATHERD_CONFIG_TYPES_PARTS_H

#include <stdbool.h>

struct json_write;
struct key;
struct loading;
struct printing;
struct text;
struct value;
struct yaml_node;

/* ---- single values: of types that have `parse` and `expect` ---- */

bool type_load_single(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field);

/* KEY and WORD, which stands there as it is. */
void type_print_word(
    const struct key *key, const char *word, struct printing *printing);

/* ---- the schema ---- */

/* {"$ref": ...} to what stands under "$defs" (config/schema), as a member. */
void type_write_definition(const char *name, struct json_write *json);

/* "type": an object, or what stands behind a key with nothing there. */
void type_write_map(struct json_write *json);

/* "propertyNames": what a variable may be called. */
void type_write_variable_names(struct json_write *json);

/* ---- struct text, or what begins with one ---- */

void type_init_text(void *field);
void type_clear_text(void *field);
void type_inherit_text(void *field, const void *from);
bool type_equal_texts(const void *a, const void *b);

/* KEY's TEXT as it is written. */
void type_print_source(
    const struct key *key, const struct text *text, struct printing *printing);

/* ---- struct value ---- */

/* VALUE, of the variable NAME or inside of it; NULL: of none. */
void type_print_value(
    const char *name, const struct value *value, struct printing *printing);

/* NODE as it stands. Returns NULL with faults told. */
struct value *type_load_value(
    const struct yaml_node *node, const struct loading *loading);

#endif
