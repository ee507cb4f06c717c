/*
 * Values taken out of an answer: by a pointer, by a pattern, or from a header.
 */
#ifndef GATHERD_RULES_EXTRACT_H
#define GATHERD_RULES_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct buffer;
struct facts;
struct pattern;

/* Plain data that its maker fills in; all that is owned is released by extract_clear(). */
struct extract {
	char *name;     /* owned, as all texts here */
	char *path;     /* a JSON Pointer; NULL: not of the JSON */
	size_t pointer; /* its number among the target's pointers */
	char *header;   /* NULL: of no header */
	/* Owned: on the text of that value, or of the body; NULL: none. */
	struct pattern *pattern;
	bool scaled;
	double scale; /* multiplied by */
	int round;    /* decimals kept at most; -1: as many as there are */
	bool secret;  /* for templates only */
};

void extract_clear(struct extract *extract);

/*
 * Append EXTRACT's value as JSON. Types are kept, numbers by their text unless they are
 * scaled or rounded; what a pattern or a header gives is text, or a number where it is scaled
 * or rounded, and so is a string of the JSON. Null stays null. Returns false with *WHY, the caller's, where there is none: `/queue/depth:
 * ended at "depth": the object has no such member`; OUT is as it was then.
 */
MUST_CHECK bool extract_append(
    const struct extract *extract, struct facts *facts, struct buffer *out, char **why);

#endif
