#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/heap.h"
#include "chance.h"

static void
test_an_empty_heap_has_no_first(UNUSED void **state)
{
	struct heap heap = { 0 };

	assert_null(heap_first(&heap));
	heap_clear(&heap);
}

static void
test_the_least_is_first(UNUSED void **state)
{
	struct heap heap = { 0 };
	struct heap_node nodes[3];

	heap_add(&heap, &nodes[0], 2);
	heap_add(&heap, &nodes[1], -1);
	heap_add(&heap, &nodes[2], INT64_MAX);
	assert_ptr_equal(heap_first(&heap), &nodes[1]);
	heap_remove(&heap, &nodes[1]);
	assert_ptr_equal(heap_first(&heap), &nodes[0]);
	heap_remove(&heap, &nodes[2]);
	heap_remove(&heap, &nodes[0]);
	assert_null(heap_first(&heap));
	heap_clear(&heap);
}

/* Nodes go in and out at random; the first is compared with a walk over all. */
static void
go_in_and_out(void)
{
	enum {
		NODES = 40
	};
	struct heap heap = { 0 };
	struct heap_node nodes[NODES];
	bool in[NODES] = { false };

	for (int step = 0; step < 400; step++) {
		size_t i = (size_t)between(0, NODES - 1);
		int64_t least = INT64_MAX;

		if (in[i])
			heap_remove(&heap, &nodes[i]);
		else
			heap_add(&heap, &nodes[i],
			    one_in(2) ? between(0, 30) : (int64_t)draw() / 2);
		in[i] = !in[i];
		for (size_t j = 0; j < NODES; j++) {
			if (in[j] && nodes[j].key < least)
				least = nodes[j].key;
		}
		HOLDS((heap_first(&heap) == NULL) == (least == INT64_MAX));
		HOLDS(least == INT64_MAX || heap_first(&heap)->key == least);
	}
	heap_clear(&heap);
}

static void
test_any_can_be_taken_out(UNUSED void **state)
{
	run_scenarios(go_in_and_out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_heap_has_no_first),
		cmocka_unit_test(test_the_least_is_first),
		cmocka_unit_test(test_any_can_be_taken_out),
	};

	chance_begin(200);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
