/*
 * Rows under titles, each column as wide as its widest cell.
 *
 * Where a terminal is too narrow, the widest of the columns that may be narrowed is, and
 * what does not fit into it ends in "…".
 */
#ifndef GATHERD_CTL_TABLE_H
#define GATHERD_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/screen.h"

struct table_column {
	const char *title; /* "": a column for marks, one blank before the next */
	bool right;        /* the cells stand at its right edge, as numbers do */
	size_t least;      /* how narrow it may become; 0: it may not */
};

struct table;

/* COLUMNS (COUNT > 0 of them) are borrowed. */
struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *table);

/* The next cell, from left to right, row after row. TEXT is foreign: what is no plain
 * line is made one; NULL is an empty cell. */
void table_put(struct table *table, const char *text, enum tone tone);

/* A line of its own between two rows, after an empty one; foreign text, too. */
void table_put_heading(struct table *table, const char *text);

void table_append(
    const struct table *table, const struct screen *screen, struct buffer *out);

#endif
