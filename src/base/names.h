/*
 * Lists of names: which one was meant.
 */
#ifndef GATHERD_BASE_NAMES_H
#define GATHERD_BASE_NAMES_H

#include <stddef.h>

/*
 * The place of TEXT in the NULL-terminated array NAMES, or -1. Enums whose names stand in
 * such an array, in the enum's order, are read and written through it.
 */
int names_find(const char *const *names, const char *text);

/*
 * The one of COUNT names nearest to TEXT (Damerau-Levenshtein: a swap of neighbours
 * counts one), borrowed; or NULL where none is near enough to be meant: more than a
 * third of TEXT's length, rounded up, would have to change, or of less than five bytes
 * more than one.
 */
const char *names_nearest(const char *text, const char *const *names, size_t count);

#endif
