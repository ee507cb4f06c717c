/*
 * `for_each`: the combinations of its values, and the name of the target of each.
 */
#ifndef GATHERD_CONFIG_FOR_EACH_H
#define GATHERD_CONFIG_FOR_EACH_H

#include <stdbool.h>

#include "base/compiler.h"

struct faults;
struct value;
struct yaml_node;

#define FOR_EACH_MAX 10000

/* One combination: NAME is borrowed, EACH, a map of one value for each name, is taken over. */
typedef void for_each_fn(const char *name, struct value *each, void *arg);

/*
 * Call FN for each combination of the map FOR_EACH, the first name slowest, with the target's
 * name: that of NAME, which stands under the key TOP ("services"), rendered over it and VARS.
 * Returns false with faults told, and FN then called for some or none: a name that no variable
 * may have, what is no list or an empty one, a list in it, more than FOR_EACH_MAX combinations;
 * a name that is no template, does not hold each of the names, holds what is no text, or a
 * secret.
 */
MUST_CHECK bool for_each_expand(const struct value *for_each, const char *top,
    const struct yaml_node *name, const struct value *vars, struct faults *faults,
    for_each_fn *fn, void *arg);

#endif
