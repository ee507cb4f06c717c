/*
 * The lines of an explanation: a label and what it says, in columns.
 *
 * Private to daemon/explanation and its parts.
 */
#ifndef GATHERD_DAEMON_EXPLANATION_LINES_H
#define GATHERD_DAEMON_EXPLANATION_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* A row of what FILL writes, unless that is nothing. */
void lines_row_of(const struct view *view, const char *label,
    void (*fill)(const struct explanation *explanation, struct buffer *out));

/* TEXT as it was laid out, and as PRETTY says; that something is left out is told. */
struct pretty;
void lines_put_laid_out(
    const struct view *view, const char *text, size_t len, const struct pretty *pretty);

/* BEFORE, MS as a duration and BEHIND. */
void lines_append_duration(
    struct buffer *out, const char *before, int64_t ms, const char *behind);

/* An empty line and TEXT. */
void lines_heading(const struct view *view, const char *text);

/* What came of a rule: whether it HOLDS, and else in the tone BAD. */
void lines_rule(const struct view *view, const char *label, bool holds, enum tone bad,
    const char *text);

/* ---- daemon/explanation_prompt: of prompts only ---- */

/* Whom it asks, and what binds all who do. */
void explanation_append_provider(const struct view *view);

/* What binds it alone, behind the limits that services have, too. */
void explanation_append_prompt_limits(const struct view *view);

/* The text that ATTEMPT sent. */
struct trace_attempt;
void explanation_append_input(
    const struct view *view, const struct trace_attempt *attempt);

/* The text that would have been sent, as far as it is known. */
void explanation_append_unsent(const struct view *view);

/* How the model ended, and what that took. */
void explanation_append_usage(const struct view *view);

/* The begin of the model's text. Returns false where there is none. */
bool explanation_append_response(const struct view *view);

/* ---- daemon/explanation_attempts ---- */

/* All attempts with what came up between them, or that there was none. */
void explanation_append_attempts(const struct view *view);

#endif
