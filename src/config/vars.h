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

/* An empty map. */
struct value *vars_new(void);

/* Returns NULL where NAME may be that of a variable, else the borrowed reason. */
const char *vars_why_unfit(const char *name);

/* Set NAME to VALUE, which is taken over, in place of what it was. */
void vars_set(struct value *vars, const char *name, struct value *value);

/*
 * Find the dotted PATH among VARS, as a template does. Returns false where it is missing,
 * with *HINT, the caller's, " (did you mean X?)" or "".
 */
MUST_CHECK bool vars_find(const struct value *vars, const char *path,
    struct template_value *found, char **hint);

/* Is there a key NAME (LEN bytes) anywhere in VALUE, at any level? */
bool vars_has_key(const struct value *value, const char *name, size_t len);

#endif
