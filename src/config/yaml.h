/*
 * YAML text to a tree of nodes with places. The only module that knows libyaml.
 *
 * From libyaml's events, never its documents. Anchors, aliases and `<<` merges are
 * resolved (own keys win; a list of maps merges in order, earlier ones win). Faults:
 * doubled keys, keys that are no scalars, tags, a second document, a NUL in a scalar,
 * nesting over YAML_MAX_DEPTH (the top map is 1), aliases that are unknown, enclose
 * themselves or expand past YAML_MAX_NODES, text over YAML_MAX_BYTES (at 1:1), bad YAML.
 * Nothing is guessed from a scalar's looks: that is the key's type's business.
 */
#ifndef GATHERD_CONFIG_YAML_H
#define GATHERD_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "config/faults.h"

#define YAML_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define YAML_MAX_DEPTH 32
#define YAML_MAX_NODES 100000

enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP
};

struct yaml_pair {
	const struct yaml_node *key; /* a scalar */
	const struct yaml_node *value;
};

/* Immutable, owned by the tree; an alias's node stands in several places. */
struct yaml_node {
	enum yaml_kind kind;
	struct place place;
	bool plain; /* SCALAR: not quoted, not a block: may be true, null, a number */
	const char *text;               /* SCALAR: NUL-terminated */
	size_t len;                     /* SCALAR */
	const struct yaml_node **items; /* LIST */
	struct yaml_pair *pairs;        /* MAP: in file order, merged ones behind */
	size_t count;                   /* of items or pairs */
};

struct yaml_tree;

/*
 * Parse LEN bytes of TEXT, known as file number FILE. Returns NULL, with at least one
 * error in FAULTS, where no tree could be made; faults that leave a tree (a doubled
 * key) are added and the tree is returned. An empty text is an empty map.
 */
struct yaml_tree *yaml_parse(
    const char *text, size_t len, unsigned file, struct faults *faults);
void yaml_tree_free(struct yaml_tree *tree);

/* The top node; always a map (anything else was a fault). */
const struct yaml_node *yaml_root(const struct yaml_tree *tree);

/* New nodes in TREE's memory, for what is put together from several (defaults, short
 * forms). PAIRS are copied, TEXT too; a scalar counts as plain. */
const struct yaml_node *yaml_make_map(struct yaml_tree *tree, struct place place,
    const struct yaml_pair *pairs, size_t count);
const struct yaml_node *yaml_make_scalar(
    struct yaml_tree *tree, struct place place, const char *text);

/* The value of KEY in MAP, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/*
 * Read all of FILE ("-": standard input) into the caller's *TEXT and *LEN. Returns false
 * with a fault at 1:1 of file number NUMBER where it cannot be read or is too large.
 */
MUST_CHECK bool yaml_read_file(
    const char *path, unsigned number, struct faults *faults, char **text, size_t *len);

#endif
