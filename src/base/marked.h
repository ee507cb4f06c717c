/*
 * Text that remembers which of its parts came in from outside, and which are secret.
 *
 * A string of the config keeps the values that ${...} put in apart from what the author
 * wrote: such parts are never read as a template, and secret ones are never shown. What
 * is shown is made from the marks, not by searching for the secrets.
 */
#ifndef GATHERD_BASE_MARKED_H
#define GATHERD_BASE_MARKED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum mark {
	MARK_OWN,    /* the author's own text */
	MARK_PUT_IN, /* from outside: literal, but may be shown */
	MARK_SECRET, /* from outside: literal, shown as *** */
};

struct marked_part {
	size_t start; /* in `text`; a part ends where the next starts */
	enum mark mark;
};

struct marked {
	struct buffer text; /* the real text */
	struct marked_part
	    *parts; /* owned; in order, none empty; see marked_append() */
	size_t part_count;
};

/* What a secret part reads as wherever it is shown. */
#define MARKED_MASK "***"

void marked_init(struct marked *marked, size_t max_bytes);
void marked_clear(struct marked *marked);

/* Returns false, and leaves the text as it was, past the maximum. What is marked like the
 * part before becomes one with it, but secrets do not: two that stand side by side may
 * come back one by one. */
bool marked_append(struct marked *marked, const char *text, size_t len, enum mark mark);

/* The part with number INDEX (< part_count). */
void marked_part(const struct marked *marked, size_t index, const char **text,
    size_t *len, enum mark *mark);

bool marked_has_secret(const struct marked *marked);
bool marked_equal(const struct marked *a, const struct marked *b);

/* OUT becomes a copy; it need not be initialised. */
void marked_copy(struct marked *out, const struct marked *from);

/* The text to show: secret parts as ***, several in a row as one. The caller's. */
char *marked_shown(const struct marked *marked);

#endif
