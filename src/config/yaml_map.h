/*
 * The entries of a YAML map put in order: doubled keys told, `<<` merges resolved.
 */
#ifndef GATHERD_CONFIG_YAML_MAP_H
#define GATHERD_CONFIG_YAML_MAP_H

#include <stddef.h>

#include "config/yaml_tree.h"

/*
 * Fill MAP from COUNT children, keys and values in turn; where either is NULL the entry
 * is left out, and a key without a value behind it too. Own keys win over merged ones,
 * the first of doubled ones stays.
 */
void yaml_map_fill(struct yaml_tree *tree, struct yaml_measured *map,
    const struct yaml_node *const *children, size_t count, struct faults *faults);

#endif
