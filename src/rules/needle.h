/*
 * The needle of a pattern: a text that every match of it has in it.
 *
 * A search for plain text is many times as fast as a matcher, and most patterns of rules and
 * values hold some.
 */
#ifndef GATHERD_RULES_NEEDLE_H
#define GATHERD_RULES_NEEDLE_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/*
 * Append the longest needle that is easily told of SOURCE, a pattern that compiles; nothing
 * where none is. Returns whether it is all of the pattern: what has the needle in it matches,
 * there.
 */
bool needle_find(const char *source, size_t len, struct buffer *needle);

#endif
