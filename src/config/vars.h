/*
 * The map of `vars`, and that of a target's `for_each` before it: what templates are rendered
 * over, and what names in it are taken.
 */
#ifndef GATHERD_CONFIG_VARS_H
#define GATHERD_CONFIG_VARS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct template_value;
struct value;

/* What templates find beside the vars, which can thus not be called so. NULL-terminated. */
extern const char *const vars_reserved_names[];

/* Does the dotted PATH, LEN bytes, name the time of asking, {{now}}, which no variable is? */
bool vars_is_now(const char *path, size_t len);

/* Returns NULL where NAME may be that of a variable, else the borrowed reason. */
const char *vars_why_unfit(const char *name);

/*
 * Below, EACH is what `for_each` gave a target, or NULL: its names come before those among
 * VARS, the config's.
 *
 * Which of the two a template looks into for the dotted PATH, of LEN bytes: EACH where it has
 * the first part.
 */
const struct value *vars_holder(
    const struct value *each, const struct value *vars, const char *path, size_t len);

/*
 * Find the dotted PATH as a template does. Returns false where it is missing, with *HINT, the
 * caller's, " (did you mean X?)" or ""; HINT may be NULL.
 */
MUST_CHECK bool vars_find(const struct value *each, const struct value *vars,
    const char *path, struct template_value *found, char **hint);

/* Both, as templates see them that are rendered at load: without {{now}}. */
struct vars_both {
	const struct value *each;
	const struct value *vars;
};
void vars_for_template(const struct vars_both *both, struct template_value *out);

/* Does the dotted PATH begin with a variable that could not be read? */
bool vars_is_broken(
    const struct value *each, const struct value *vars, const char *path);

/* Is there a key NAME (LEN bytes) anywhere in VALUE, at any level? */
bool vars_has_key(const struct value *value, const char *name, size_t len);

#endif
