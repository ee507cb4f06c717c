/*
 * A heap of things that each have a number: the least one is at hand, any can be taken out.
 *
 * A thing carries its own node, so that neither adding it nor taking it out has to look for
 * it: O(log count). Of the same number, any may be the first.
 */
#ifndef GATHERD_BASE_HEAP_H
#define GATHERD_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Lives in the caller's struct; there is nothing to release. */
struct heap_node {
	int64_t key;
	size_t place; /* in the heap that it is in */
};

/* Zeroed: empty. */
struct heap {
	struct heap_node **nodes; /* owned; each borrowed */
	size_t count;
	size_t capacity;
};

/* Release the memory; what is in it is let be. */
void heap_clear(struct heap *heap);

/* The one of the least key, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

/* NODE is in no heap. */
void heap_add(struct heap *heap, struct heap_node *node, int64_t key);

/* NODE is in HEAP. */
void heap_remove(struct heap *heap, struct heap_node *node);

#endif
