/*
 * A JSON Pointer followed step by step, as simply as can be: what the real ones are compared
 * with.
 */
#ifndef GATHERD_TESTS_UNIT_NAIVE_POINTER_H
#define GATHERD_TESTS_UNIT_NAIVE_POINTER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "base/xalloc.h"

/* Every FROM, of two characters, in TEXT becomes TO. */
static void
naive_replace(char *text, const char *from, char to)
{
	for (char *at = strstr(text, from); at != NULL; at = strstr(at + 1, from)) {
		*at = to;
		memmove(at + 1, at + 2, strlen(at + 2) + 1);
	}
}

static struct span
naive_item(struct span array, const char *token)
{
	struct span_walk walk;
	struct span key, item;
	char number[32];

	span_walk_init(&walk, array);
	for (size_t i = 0; span_walk_next(&walk, &key, &item); i++) {
		snprintf(number, sizeof(number), "%zu", i);
		if (strcmp(number, token) == 0)
			return item;
	}
	return (struct span){ .text = NULL };
}

/* What POINTER leads to in ROOT; absent where it leads nowhere. */
static struct span
naive_find(struct span root, const char *pointer)
{
	struct span value = root;

	while (*pointer == '/') {
		size_t len = strcspn(pointer + 1, "/");
		char *token = xmemdup0(pointer + 1, len);

		/* In this order (RFC 6901, section 4). */
		naive_replace(token, "~1", '/');
		naive_replace(token, "~0", '~');
		value = span_kind(value) == SPAN_ARRAY ? naive_item(value, token)
		                                       : span_member(value, token);
		free(token);
		pointer += 1 + len;
	}
	return value;
}

#endif
