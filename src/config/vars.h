/*
 * The map of `vars`: what templates are rendered over, and what names in it are taken.
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
 * Find the dotted PATH among VARS, as a template does. Returns false where it is missing,
 * with *HINT, the caller's, " (did you mean X?)" or ""; HINT may be NULL.
 */
MUST_CHECK bool vars_find(const struct value *vars, const char *path,
    struct template_value *found, char **hint);

/* Does the dotted PATH begin with a variable that could not be read? */
bool vars_is_broken(const struct value *vars, const char *path);

/* Is there a key NAME (LEN bytes) anywhere in VALUE, at any level? */
bool vars_has_key(const struct value *value, const char *name, size_t len);

#endif
