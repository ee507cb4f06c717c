#include "base/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

int
names_find(const char *const *names, const char *text)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], text) == 0)
			return i;
	}
	return -1;
}

/* What is longer was not mistyped, and comparing takes the square of the length. */
#define MAX_COMPARED_BYTES 128

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * How many insertions, removals, replacements and swaps of neighbours turn A into B
 * ("optimal string alignment": nothing is edited twice), counted in bytes.
 *
 * ROWS has room for three rows of the table, LEN_B + 1 wide: a swap looks two back.
 */
static size_t
distance(const char *a, size_t len_a, const char *b, size_t len_b, size_t *rows)
{
	size_t *before = rows;
	size_t *above = before + len_b + 1;
	size_t *row = above + len_b + 1;

	for (size_t j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t *oldest = before;

		before = above;
		above = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0);

			row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], before[j - 2] + 1);
		}
	}
	return row[len_b];
}

/* A third, rounded up; of a short name one: with two of four letters changed, everything is
 * near to everything. */
static size_t
allowed_edits(size_t len)
{
	if (len < 5)
		return len > 1 ? 1 : 0;
	return (len + 2) / 3;
}

const char *
names_nearest(const char *text, const char *const *names, size_t count)
{
	size_t len = strlen(text);
	size_t best = allowed_edits(len);
	const char *nearest = NULL;

	if (len > MAX_COMPARED_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t name_len = strlen(names[i]);
		size_t *rows, edits;

		/* The lengths alone are too far apart; this also bounds the table. */
		if ((name_len > len ? name_len - len : len - name_len) > best)
			continue;
		rows = xreallocarray(NULL, 3 * (name_len + 1), sizeof(*rows));
		edits = distance(text, len, names[i], name_len, rows);
		free(rows);
		/* Of several equally near ones the first. */
		if (edits < best || (edits == best && nearest == NULL)) {
			best = edits;
			nearest = names[i];
		}
	}
	return nearest;
}
