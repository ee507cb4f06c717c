/*
 * Going down a tree of values, and telling what is wrong with the way there.
 *
 * "expect: json: /queue/depth: maximum: expected a number": where one stands is kept as a text
 * that grows and shrinks on the way.
 */
#ifndef GATHERD_CONFIG_WALK_H
#define GATHERD_CONFIG_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "config/faults.h"

struct value;

struct walk {
	struct faults *faults; /* borrowed */
	struct buffer way;     /* "expect: json" */
};

/* At the key NAME of a target. */
void walk_init(struct walk *walk, struct faults *faults, const char *name);
void walk_clear(struct walk *walk);

/* One step down to NAME; returns what walk_up() needs to come back. */
size_t walk_down(struct walk *walk, const char *name);
void walk_up(struct walk *walk, size_t mark);

/* Behind the way and ": ". */
void walk_fault(struct walk *walk, struct place place, const char *format, ...)
    PRINTF_LIKE(3, 4);
void walk_warning(struct walk *walk, struct place place, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Is VALUE what stands behind `key:` with nothing there, or `null`? */
bool walk_is_nothing(const struct value *value);

/* Is VALUE neither a list nor a map? */
bool walk_is_scalar(const struct value *value);

/*
 * The number of the key INDEX of MAP in the NULL-terminated NAMES. Returns -1 with a fault
 * that says what KIND ("rule") NAMES are, and the nearest of them.
 */
int walk_find_word(struct walk *walk, const struct value *map, size_t index,
    const char *kind, const char *const *names);

/* Each returns false with a fault where VALUE is none. What they take need not be plain: the
 * key knows its type. */
MUST_CHECK bool walk_map(struct walk *walk, const struct value *value, const char *of);
MUST_CHECK bool walk_number(
    struct walk *walk, const struct value *value, double *number);
MUST_CHECK bool walk_int(struct walk *walk, const struct value *value, int64_t min,
    int64_t max, int64_t *number);
MUST_CHECK bool walk_bool(struct walk *walk, const struct value *value, bool *truth);

/* The text of a scalar that has some, borrowed; NULL with a fault that EXPECTED it. */
const char *walk_text(
    struct walk *walk, const struct value *value, const char *expected);

#endif
