/*
 * The lines of an explanation: a label and what it says, in columns.
 *
 * Private to daemon/explanation and its parts.
 */
#ifndef GATHERD_DAEMON_EXPLANATION_LINES_H
#define GATHERD_DAEMON_EXPLANATION_LINES_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/screen.h"
#include "daemon/explanation.h"

/* Where texts begin: behind two blanks, the widest label and two blanks. */
#define LINES_LABEL_COLUMNS 11
#define LINES_TEXT_COLUMN   (2 + LINES_LABEL_COLUMNS + 2)

/* What is written, to where. */
struct view {
	const struct explanation *explanation; /* borrowed, as all below */
	const struct screen *screen;
	struct buffer *out;
};

/* TEXT as it is: our own words. */
void lines_put(const struct view *view, const char *text);

/* TEXT as one line, from the column where all texts begin, broken where it is too
 * long. */
void lines_put_text(const struct view *view, const char *text);

/* Likewise, but never broken: it is there to be copied. */
void lines_put_whole(const struct view *view, const char *text, size_t len);

/* TEXT as a paragraph of its own, two columns from the margin. */
void lines_put_paragraph(const struct view *view, const char *text, size_t len);

void lines_end(const struct view *view);

/* Begin a line whose label is LABEL; "" in the lines that go on. */
void lines_begin_row(const struct view *view, const char *label);

/* A line of a label and a text. */
void lines_row(const struct view *view, const char *label, const char *text);

/* Each line of TEXT but empty ones; ends of lines are LF or CR LF. LABEL stands before
 * the first. */
void lines_rows(const struct view *view, const char *label, const char *text);

/* An empty line and TEXT. */
void lines_heading(const struct view *view, const char *text);

/* ---- daemon/explanation_attempts ---- */

/* All attempts with what came up between them, or that there was none. */
void explanation_append_attempts(const struct view *view);

#endif
