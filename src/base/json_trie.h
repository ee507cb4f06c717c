/*
 * How a set of JSON Pointers is kept: as a trie. Only for json_pointers.c and json_find.c.
 *
 * A node is a place in a text, and from each lead tokens on to its children. Nodes stand in
 * the order in which they came, a parent before its children; the first one is the whole
 * text. A node's number is that of the pointer that ends there.
 */
#ifndef GATHERD_BASE_JSON_TRIE_H
#define GATHERD_BASE_JSON_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No node, no item. */
#define JSON_TRIE_NONE SIZE_MAX

/* What leads from a value to one inside of it. */
struct json_trie_token {
	const char *key; /* without ~0 and ~1 */
	size_t len;
	size_t index; /* of the item that it means in an array; NONE: none */
};

struct json_trie_node {
	char *key;                    /* owned: that of the token */
	struct json_trie_token token; /* which leads here */
	size_t parent;                /* NONE: the whole text */
	/* Owned: first those that may be items, in their order, then the others. */
	size_t *children;
	size_t child_count;
};

struct json_pointers {
	struct json_trie_node *nodes; /* owned */
	size_t count;
};

/* KEY is borrowed. */
struct json_trie_token json_trie_token(const char *key, size_t len);

/* Which of PARENT's children is the first that does not come before TOKEN; *SAME: it has
 * that. */
size_t json_trie_search(const struct json_pointers *pointers,
    const struct json_trie_node *parent, const struct json_trie_token *token,
    bool *same);

#endif
