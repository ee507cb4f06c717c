#include "base/heap.h"

#include <stdlib.h>

#include "base/xalloc.h"

void
heap_clear(struct heap *heap)
{
	free((void *)heap->nodes);
	*heap = (struct heap){ 0 };
}

struct heap_node *
heap_first(const struct heap *heap)
{
	return heap->count > 0 ? heap->nodes[0] : NULL;
}

static void
put_at(struct heap *heap, size_t place, struct heap_node *node)
{
	heap->nodes[place] = node;
	node->place = place;
}

/* NODE goes to PLACE, which is free, or further to the top. */
static void
sift_up(struct heap *heap, size_t place, struct heap_node *node)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (heap->nodes[parent]->key <= node->key)
			break;
		put_at(heap, place, heap->nodes[parent]);
		place = parent;
	}
	put_at(heap, place, node);
}

/* Likewise, or further to the bottom. */
static void
sift_down(struct heap *heap, size_t place, struct heap_node *node)
{
	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
		    heap->nodes[child + 1]->key < heap->nodes[child]->key)
			child++;
		if (heap->nodes[child]->key >= node->key)
			break;
		put_at(heap, place, heap->nodes[child]);
		place = child;
	}
	put_at(heap, place, node);
}

void
heap_add(struct heap *heap, struct heap_node *node, int64_t key)
{
	if (heap->count == heap->capacity) {
		heap->capacity = heap->capacity > 0 ? 2 * heap->capacity : 4;
		heap->nodes = xreallocarray(
		    (void *)heap->nodes, heap->capacity, sizeof(struct heap_node *));
	}
	node->key = key;
	sift_up(heap, heap->count++, node);
}

void
heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;
	struct heap_node *last = heap->nodes[--heap->count];

	if (last == node)
		return;
	if (last->key < node->key)
		sift_up(heap, place, last);
	else
		sift_down(heap, place, last);
}
