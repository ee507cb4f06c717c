#include "config/yaml_tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* ---- memory ---- */

#define BLOCK_BYTES ((size_t)16 * 1024)

struct block {
	struct block *next;
	max_align_t memory[];
};

struct yaml_tree {
	struct block *blocks; /* owned; the newest first */
	char *free;           /* in the newest block */
	size_t free_bytes;
	const struct yaml_node *root;
};

static void *
take(struct yaml_tree *tree, size_t bytes)
{
	size_t unit = sizeof(max_align_t);
	size_t rounded = (bytes + unit - 1) / unit * unit;
	char *taken;

	if (rounded > tree->free_bytes) {
		size_t room = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;
		struct block *block = xmalloc(sizeof(*block) + room);

		block->next = tree->blocks;
		tree->blocks = block;
		tree->free = (char *)block->memory;
		tree->free_bytes = room;
	}
	taken = tree->free;
	tree->free += rounded;
	tree->free_bytes -= rounded;
	return taken;
}

static void *
take_copy(struct yaml_tree *tree, const void *from, size_t bytes)
{
	void *copy = take(tree, bytes);

	if (bytes > 0)
		memcpy(copy, from, bytes);
	return copy;
}

const char *
yaml_tree_text(struct yaml_tree *tree, const char *text, size_t len)
{
	char *copy = take(tree, len + 1);

	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void
yaml_tree_free(struct yaml_tree *tree)
{
	if (tree == NULL)
		return;
	while (tree->blocks != NULL) {
		struct block *next = tree->blocks->next;

		free(tree->blocks);
		tree->blocks = next;
	}
	free(tree);
}

struct yaml_tree *
yaml_tree_new(void)
{
	return xcalloc(1, sizeof(struct yaml_tree));
}

void
yaml_tree_set_root(struct yaml_tree *tree, const struct yaml_node *root)
{
	tree->root = root;
}

const struct yaml_node *
yaml_root(const struct yaml_tree *tree)
{
	return tree->root;
}

/* ---- nodes ---- */

struct yaml_measured *
yaml_tree_open(struct yaml_tree *tree, enum yaml_kind kind, struct place place)
{
	struct yaml_measured *made = take(tree, sizeof(*made));

	*made = (struct yaml_measured){
		.node = { .kind = kind, .place = place },
		.nodes = 1,
		.levels = kind == YAML_SCALAR ? 0 : 1,
	};
	return made;
}

struct yaml_measured *
yaml_tree_scalar(struct yaml_tree *tree, struct place place, const char *text,
    size_t len, bool plain)
{
	struct yaml_measured *made = yaml_tree_open(tree, YAML_SCALAR, place);

	made->node.text = yaml_tree_text(tree, text, len);
	made->node.len = len;
	made->node.plain = plain;
	made->bytes = len;
	return made;
}

struct yaml_measured *
yaml_tree_scalar_at(
    struct yaml_tree *tree, struct place place, const struct yaml_measured *from)
{
	struct yaml_measured *made = yaml_tree_open(tree, YAML_SCALAR, place);

	made->node.text = from->node.text;
	made->node.len = from->node.len;
	made->node.plain = from->node.plain;
	made->bytes = from->bytes;
	return made;
}

/* Every node was made by yaml_tree_open(), and yaml_node is the first member. */
static const struct yaml_measured *
measured(const struct yaml_node *node)
{
	return (const struct yaml_measured *)node;
}

static void
add_measures(struct yaml_measured *parent, const struct yaml_node *child)
{
	const struct yaml_measured *added = measured(child);

	parent->nodes += added->nodes;
	parent->bytes += added->bytes;
	if (parent->levels < added->levels + 1)
		parent->levels = added->levels + 1;
}

void
yaml_tree_fill_list(struct yaml_tree *tree, struct yaml_measured *list,
    const struct yaml_node *const *items, size_t count)
{
	list->node.items = take_copy(tree, items, count * sizeof(struct yaml_node *));
	list->node.count = count;
	for (size_t i = 0; i < count; i++)
		add_measures(list, items[i]);
}

void
yaml_tree_fill_map(struct yaml_tree *tree, struct yaml_measured *map,
    const struct yaml_pair *pairs, size_t count)
{
	map->node.pairs = take_copy(tree, pairs, count * sizeof(*pairs));
	map->node.count = count;
	for (size_t i = 0; i < count; i++) {
		add_measures(map, pairs[i].key);
		add_measures(map, pairs[i].value);
	}
}

const struct yaml_node *
yaml_make_map(struct yaml_tree *tree, struct place place, const struct yaml_pair *pairs,
    size_t count)
{
	struct yaml_measured *map = yaml_tree_open(tree, YAML_MAP, place);

	yaml_tree_fill_map(tree, map, pairs, count);
	return &map->node;
}

const struct yaml_node *
yaml_make_scalar(struct yaml_tree *tree, struct place place, const char *text)
{
	return &yaml_tree_scalar(tree, place, text, strlen(text), true)->node;
}

const struct yaml_node *
yaml_get(const struct yaml_node *map, const char *key)
{
	assert(map->kind == YAML_MAP);
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->pairs[i].key->text, key) == 0)
			return map->pairs[i].value;
	}
	return NULL;
}
