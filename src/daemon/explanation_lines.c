#include "daemon/explanation_lines.h"

#include <string.h>

#include "base/pretty.h"
#include "base/units.h"
#include "base/words.h"

void
lines_put(const struct view *view, const char *text)
{
	buffer_append_string(view->out, text);
}

void
lines_end(const struct view *view)
{
	buffer_append_char(view->out, '\n');
}

void
lines_put_text(const struct view *view, const char *text)
{
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	words_append_line(&line, text, strlen(text));
	words_append_wrapped(
	    view->out, line.data, line.len, LINES_TEXT_COLUMN, view->screen->columns);
	buffer_clear(&line);
}

void
lines_put_whole(const struct view *view, const char *text, size_t len)
{
	words_append_line(view->out, text, len);
}

void
lines_put_paragraph(const struct view *view, const char *text, size_t len)
{
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	words_append_line(&line, text, len);
	lines_put(view, "  ");
	words_append_wrapped(view->out, line.data, line.len, 2, view->screen->columns);
	lines_end(view);
	buffer_clear(&line);
}

void
lines_begin_row(const struct view *view, const char *label)
{
	lines_put(view, "  ");
	screen_append(view->screen, TONE_FAINT, label, view->out);
	buffer_append_format(
	    view->out, "%*s", (int)(LINES_LABEL_COLUMNS - strlen(label)) + 2, "");
}

void
lines_row(const struct view *view, const char *label, const char *text)
{
	lines_begin_row(view, label);
	lines_put_text(view, text);
	lines_end(view);
}

void
lines_row_of(const struct view *view, const char *label,
    void (*fill)(const struct explanation *explanation, struct buffer *out))
{
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	fill(view->explanation, &line);
	if (line.len > 0)
		lines_row(view, label, line.data);
	buffer_clear(&line);
}

void
lines_append_duration(
    struct buffer *out, const char *before, int64_t ms, const char *behind)
{
	char text[UNITS_TEXT_SIZE];

	units_format_duration(text, ms);
	buffer_append_format(out, "%s%s%s", before, text, behind);
}

void
lines_put_laid_out(
    const struct view *view, const char *text, size_t len, const struct pretty *pretty)
{
	if (pretty_append_text(view->out, text, len, pretty))
		return;
	buffer_append_format(view->out, "\n%*s... (of ", (int)pretty->indent, "");
	words_append_bytes(view->out, (double)len);
	lines_put(view, " in all)");
}

void
lines_rule(const struct view *view, const char *label, bool holds, enum tone bad,
    const char *text)
{
	lines_begin_row(view, label);
	screen_append(view->screen, holds ? TONE_GOOD : bad,
	    holds ? "holds " : "broken", view->out);
	lines_put(view, "  ");
	lines_put_whole(view, text, strlen(text));
	lines_end(view);
}

void
lines_heading(const struct view *view, const char *text)
{
	lines_end(view);
	screen_append(view->screen, TONE_STRONG, text, view->out);
	lines_end(view);
}

void
lines_rows(const struct view *view, const char *label, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		size_t shown = len > 0 && text[len - 1] == '\r' ? len - 1 : len;

		if (shown > 0) {
			lines_begin_row(view, label);
			lines_put_whole(view, text, shown);
			lines_end(view);
			label = "";
		}
		text += text[len] == '\n' ? len + 1 : len;
	}
}
