#include "ctl/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/words.h"
#include "base/xalloc.h"

/* Between two columns. */
#define GAP      2
#define MARK_GAP 1

/* A mark has its place in rows without one, too. */
#define MARK_COLUMNS 1

/* On a very narrow screen, columns get down to that part of their least width. */
#define LAST_RESORT 3

struct cell {
	char *text; /* owned: one clean line */
	size_t columns;
	enum tone tone;
};

struct table_row {
	char *heading;      /* owned; NULL: it has cells */
	struct cell *cells; /* owned */
};

struct table {
	const struct table_column *columns; /* borrowed */
	size_t column_count;
	struct table_row *rows;
	size_t row_count;
	size_t row_capacity;
	size_t next_column; /* of the last row; the count where that is full */
};

struct table *
table_new(const struct table_column *columns, size_t count)
{
	struct table *table = xcalloc(1, sizeof(*table));

	table->columns = columns;
	table->column_count = count;
	table->next_column = count;
	return table;
}

void
table_free(struct table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->row_count; i++) {
		struct table_row *row = &table->rows[i];

		for (size_t j = 0; row->cells != NULL && j < table->column_count; j++)
			free(row->cells[j].text);
		free(row->cells);
		free(row->heading);
	}
	free(table->rows);
	free(table);
}

static char *
clean(const char *text)
{
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	words_append_line(&line, text, strlen(text));
	return buffer_take(&line);
}

static struct table_row *
add_row(struct table *table)
{
	assert(table->next_column == table->column_count);
	if (table->row_count == table->row_capacity) {
		table->row_capacity = 2 * table->row_capacity + 16;
		table->rows = xreallocarray(
		    table->rows, table->row_capacity, sizeof(*table->rows));
	}
	table->rows[table->row_count] = (struct table_row){ .heading = NULL };
	return &table->rows[table->row_count++];
}

void
table_put(struct table *table, const char *text, enum tone tone)
{
	struct cell *cell;

	if (table->next_column == table->column_count) {
		add_row(table)->cells =
		    xcalloc(table->column_count, sizeof(struct cell));
		table->next_column = 0;
	}
	cell = &table->rows[table->row_count - 1].cells[table->next_column++];
	cell->text = clean(text != NULL ? text : "");
	cell->columns = utf8_columns(cell->text, strlen(cell->text));
	cell->tone = tone;
}

void
table_put_heading(struct table *table, const char *text)
{
	add_row(table)->heading = clean(text);
}

/* ---- widths ---- */

static size_t
gap_behind(const struct table *table, size_t column)
{
	if (column + 1 == table->column_count)
		return 0;
	return *table->columns[column].title == '\0' ? MARK_GAP : GAP;
}

/* What every column takes where there is room for all. Returns the whole line's width. */
static size_t
measure(const struct table *table, size_t *widths)
{
	size_t total = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		widths[i] = strlen(table->columns[i].title);
		if (widths[i] == 0)
			widths[i] = MARK_COLUMNS;
		for (size_t j = 0; j < table->row_count; j++) {
			const struct table_row *row = &table->rows[j];

			if (row->cells != NULL && row->cells[i].columns > widths[i])
				widths[i] = row->cells[i].columns;
		}
		total += widths[i] + gap_behind(table, i);
	}
	return total;
}

/* The widest column that may be narrowed further, down to its least width divided by
 * DIVISOR; or the count where there is none. */
static size_t
widest(const struct table *table, const size_t *widths, size_t divisor)
{
	size_t found = table->column_count;

	for (size_t i = 0; i < table->column_count; i++) {
		size_t least = table->columns[i].least / divisor;

		if (least == 0 || widths[i] <= least)
			continue;
		if (found == table->column_count || widths[i] >= widths[found])
			found = i;
	}
	return found;
}

/* Take EXCESS from the columns that may be narrowed, always from the widest. Returns what
 * could not be taken. */
static size_t
narrow(const struct table *table, size_t *widths, size_t excess, size_t divisor)
{
	for (; excess > 0; excess--) {
		size_t column = widest(table, widths, divisor);

		if (column == table->column_count)
			break;
		widths[column]--;
	}
	return excess;
}

/* On a screen of COLUMNS: first as far as is pleasant, then as far as can be read. */
static void
fit(const struct table *table, size_t *widths, size_t total, size_t columns)
{
	size_t excess = total > columns ? total - columns : 0;

	excess = narrow(table, widths, excess, 1);
	(void)narrow(table, widths, excess, LAST_RESORT);
}

/* ---- lines ---- */

static void
append_blanks(struct buffer *out, size_t count)
{
	buffer_append_format(out, "%*s", (int)count, "");
}

/* CELL behind BLANKS, in a column of WIDTH. Returns how many of its columns stay blank:
 * they are written with the next cell, so that none end the line. */
static size_t
append_cell(const struct cell *cell, bool right, size_t width, size_t blanks,
    const struct screen *screen, struct buffer *out)
{
	size_t lead = right && cell->columns < width ? width - cell->columns : 0;
	size_t taken;

	if (cell->columns == 0)
		return blanks + width;
	append_blanks(out, blanks + lead);
	screen_begin(screen, cell->tone, out);
	taken = words_append_cut(out, cell->text, strlen(cell->text), width);
	screen_end(screen, cell->tone, out);
	/* Not always 0 where it was cut: a wide character may not fit into the last one. */
	return width - lead - taken;
}

static void
append_cells(const struct table *table, const struct cell *cells, const size_t *widths,
    const struct screen *screen, struct buffer *out)
{
	size_t blanks = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		blanks = append_cell(
		    &cells[i], table->columns[i].right, widths[i], blanks, screen, out);
		blanks += gap_behind(table, i);
	}
	buffer_append_char(out, '\n');
}

static void
append_titles(const struct table *table, const size_t *widths,
    const struct screen *screen, struct buffer *out)
{
	struct cell *cells = xcalloc(table->column_count, sizeof(*cells));

	for (size_t i = 0; i < table->column_count; i++) {
		/* Titles are ours, and only read here. */
		cells[i] = (struct cell){
			.text = xstrdup(table->columns[i].title),
			.columns = strlen(table->columns[i].title),
			.tone = TONE_FAINT,
		};
	}
	append_cells(table, cells, widths, screen, out);
	for (size_t i = 0; i < table->column_count; i++)
		free(cells[i].text);
	free(cells);
}

static void
append_heading(const char *heading, const struct screen *screen, struct buffer *out)
{
	buffer_append_char(out, '\n');
	screen_begin(screen, TONE_STRONG, out);
	if (screen->columns > 0)
		(void)words_append_cut(out, heading, strlen(heading), screen->columns);
	else
		buffer_append_string(out, heading);
	screen_end(screen, TONE_STRONG, out);
	buffer_append_char(out, '\n');
}

void
table_append(const struct table *table, const struct screen *screen, struct buffer *out)
{
	size_t *widths = xcalloc(table->column_count, sizeof(*widths));
	size_t total = measure(table, widths);

	if (screen->columns > 0)
		fit(table, widths, total, screen->columns);
	append_titles(table, widths, screen, out);
	for (size_t i = 0; i < table->row_count; i++) {
		const struct table_row *row = &table->rows[i];

		if (row->heading != NULL)
			append_heading(row->heading, screen, out);
		else
			append_cells(table, row->cells, widths, screen, out);
	}
	free(widths);
}
