/*
 * JSON Pointers (RFC 6901): many of them at once, found by the pass that checks a text.
 */
#ifndef GATHERD_BASE_JSON_POINTERS_H
#define GATHERD_BASE_JSON_POINTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"

struct json_pointers; /* a set of them */
struct json_scan;

/* Returns NULL where TEXT is a JSON Pointer, else a borrowed phrase such as "does not begin
 * with /". */
const char *json_pointer_fault(const char *text);

struct json_pointers *json_pointers_new(void);
void json_pointers_free(struct json_pointers *pointers);

/* Add TEXT, which is one. Returns its number; the same text has the same one. */
size_t json_pointers_add(struct json_pointers *pointers, const char *text);

/* How many places FOUND has below: one more than the largest number, 0 for an empty set or
 * NULL. The places on the way to a pointer have their numbers, too. */
size_t json_pointers_count(const struct json_pointers *pointers);

/*
 * json_scan_compact(), and in the same pass the values that POINTERS (NULL: none) lead to:
 * FOUND[number], absent where there is none. They lie in the compact TEXT. Of doubled keys
 * the last counts, with all that is inside. With a fault FOUND is nothing to go by.
 */
MUST_CHECK bool json_scan_find(char *text, size_t len, unsigned max_depth,
    const struct json_pointers *pointers, struct span *found, struct json_scan *scan);

/* Where the pointer NUMBER, which leads nowhere, ended, for a person: `ended at "depth": the
 * object has no such member`. FOUND is what json_scan_find() wrote. The caller's. */
char *json_pointers_end(
    const struct json_pointers *pointers, const struct span *found, size_t number);

/* The same for a POINTER that was not looked for in that pass, by a walk through ROOT. */
char *json_pointer_end(struct span root, const char *pointer);

#endif
