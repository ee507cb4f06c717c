/*
 * For tests of limits that valgrind itself moves. To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_VALGRIND_H
#define GATHERD_TESTS_VALGRIND_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool
is_under_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* It keeps descriptors, stacks and process 1 for itself. */
static inline void
skip_under_valgrind(void)
{
	if (is_under_valgrind())
		skip();
}

#endif
