/*
 * The memory and the nodes of a YAML tree, for those who build it.
 *
 * Everything stands in a few blocks that go with the tree. Every node knows its measures,
 * so that an alias is weighed without walking what it stands for.
 */
#ifndef GATHERD_CONFIG_YAML_TREE_H
#define GATHERD_CONFIG_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/faults.h"
#include "config/yaml.h"

/* A node as its builders see it; every node of a tree is one. */
struct yaml_measured {
	struct yaml_node node;
	size_t nodes; /* in it, itself included, as if every alias stood written out */
	size_t bytes; /* of all scalars in it, likewise */
	unsigned levels; /* of lists and maps; a scalar has none */
	bool open;       /* its end is still to come */
};

struct yaml_tree *yaml_tree_new(void);

/* The top node: what yaml_root() tells. */
void yaml_tree_set_root(struct yaml_tree *tree, const struct yaml_node *root);

/* An empty list or map. */
struct yaml_measured *yaml_tree_open(
    struct yaml_tree *tree, enum yaml_kind kind, struct place place);
/* Give it its content, which is copied; once. */
void yaml_tree_fill_list(struct yaml_tree *tree, struct yaml_measured *list,
    const struct yaml_node *const *items, size_t count);
void yaml_tree_fill_map(struct yaml_tree *tree, struct yaml_measured *map,
    const struct yaml_pair *pairs, size_t count);

struct yaml_measured *yaml_tree_scalar(struct yaml_tree *tree, struct place place,
    const char *text, size_t len, bool plain);

/* FROM, a scalar, once more at another place; shares its text. */
struct yaml_measured *yaml_tree_scalar_at(
    struct yaml_tree *tree, struct place place, const struct yaml_measured *from);

/* A NUL-terminated copy in TREE's memory. */
const char *yaml_tree_text(struct yaml_tree *tree, const char *text, size_t len);

#endif
