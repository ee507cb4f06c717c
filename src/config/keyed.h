/*
 * Structs that are filled in by a table of keys: made, read, printed, described.
 */
#ifndef GATHERD_CONFIG_KEYED_H
#define GATHERD_CONFIG_KEYED_H

#include <stdbool.h>

struct buffer;
struct json_write;
struct key_table;
struct loading;
struct printing;
struct yaml_node;

/* OBJECT, of zero bytes before, gets the default of each of TABLE's keys that has one. */
void keyed_init(const struct key_table *table, void *object);
void keyed_clear(const struct key_table *table, void *object);

/*
 * Read the map MAP into OBJECT. Returns false with faults told, unknown keys among them,
 * but not those that are missing in MAP itself; what was faulty keeps its default, a map
 * what is fine in it.
 */
bool keyed_load(const struct key_table *table, const struct yaml_node *map,
    const struct loading *loading, void *object);

/*
 * OBJECT, read from the map OWN, gets the keys that OWN does not say and the map SAID
 * does, from the object FROM that was read from SAID. Maps that both say are merged, but
 * those that are one thing as a whole: of them OWN's counts.
 */
void keyed_inherit(const struct key_table *table, const struct yaml_node *own,
    const struct yaml_node *said, const void *from, void *object);

/* Are A and B the same but for the keys with any of the flags WITHOUT? */
bool keyed_equal(
    const struct key_table *table, unsigned without, const void *a, const void *b);

/* Tell what keys of MAP are not in TABLE. Returns false if there was one. */
bool keyed_check_names(const struct key_table *table, const struct yaml_node *map,
    const struct loading *loading);

/* Append the names of the keys in which A and B differ: "timeout, output.sync". OUT is
 * empty before. */
void keyed_append_differences(
    const struct key_table *table, const void *a, const void *b, struct buffer *out);

/* The keys that say something, in the order of TABLE, inside a map that is open. */
void keyed_print(
    const struct key_table *table, const void *object, struct printing *printing);

/* The members "type", "properties" and so on of an object's JSON Schema. Keys with any of
 * the flags WITHOUT are left out; PARTIAL: no key is required. */
void keyed_schema(const struct key_table *table, unsigned without, bool partial,
    struct json_write *json);

#endif
