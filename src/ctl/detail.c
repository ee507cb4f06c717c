#include "ctl/detail.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/pretty.h"
#include "base/screen.h"
#include "base/span.h"
#include "base/utf8.h"
#include "base/words.h"
#include "base/xalloc.h"
#include "ctl/health.h"
#include "publish/document.h"

/* Where values begin: behind two blanks, the widest label and two blanks. */
#define LABEL_COLUMNS 11
#define VALUE_COLUMN  (2 + LABEL_COLUMNS + 2)

/* Where the blocks under a label of their own begin. */
#define BLOCK_COLUMN 4

/* What is shown of a block, and of a value that has no row here. */
#define BLOCK_LINES 200
#define BLOCK_BYTES ((size_t)16 * 1024)
#define VALUE_BYTES ((size_t)2 * 1024)

struct view {
	const struct screen *screen; /* borrowed, as all below */
	const struct document_entry *entry;
	int64_t now_ms;
	struct buffer *out;
};

/* ---- values, without the label and the end of the line ---- */

static void
put_wrapped(const struct view *view, const char *text, size_t len)
{
	words_append_wrapped(view->out, text, len, VALUE_COLUMN, view->screen->columns);
}

static void
put_json(const struct view *view, struct span value)
{
	const struct pretty pretty = {
		.max_lines = 1,
		.max_bytes = VALUE_BYTES,
	};

	if (!pretty_append_json(view->out, value, &pretty))
		buffer_append_string(view->out, " ...");
}

/* A string as one line; anything else as it is spelled. */
static void
put_text(const struct view *view, struct span value)
{
	struct buffer line;
	size_t len;
	char *text = span_text(value, &len);

	if (text == NULL) {
		put_json(view, value);
		return;
	}
	buffer_init(&line, BUFFER_UNLIMITED);
	words_append_line(&line, text, len);
	put_wrapped(view, line.data, line.len);
	buffer_clear(&line);
	free(text);
}

/* Never broken: it is there to be copied. */
static void
put_url(const struct view *view, struct span value)
{
	size_t len;
	char *text = span_text(value, &len);

	if (text != NULL)
		words_append_line(view->out, text, len);
	free(text);
}

static void
put_time(const struct view *view, struct span value)
{
	int64_t wall_ms = span_time_ms(value);

	if (wall_ms == -1)
		put_text(view, value);
	else
		words_append_time_and_ago(view->out, wall_ms, view->now_ms);
}

static void
put_last_ok(const struct view *view, struct span value)
{
	if (span_is_nothing(value))
		buffer_append_string(view->out, "never");
	else
		put_time(view, value);
}

static void
put_failures(const struct view *view, struct span value)
{
	double failures;

	put_json(view, value);
	if (span_number(value, &failures) && failures > 1)
		buffer_append_string(view->out, " in a row");
}

static void
put_duration(const struct view *view, struct span value)
{
	double ms;

	if (span_number(value, &ms))
		words_append_ms(view->out, ms);
	else
		put_text(view, value);
}

static void
put_bytes(const struct view *view, struct span value)
{
	double bytes;

	if (span_number(value, &bytes))
		words_append_bytes(view->out, bytes);
	else
		put_text(view, value);
}

static void
put_expiry(const struct view *view, struct span value)
{
	buffer_append_string(view->out, "expires ");
	put_time(view, value);
}

static void
put_yes_or_no(const struct view *view, struct span value)
{
	if (span_kind(value) != SPAN_BOOL)
		put_text(view, value);
	else
		buffer_append_string(view->out, *value.text == 't' ? "yes" : "no");
}

/* KEY as words: "first_byte" is "first byte". */
static void
append_key(struct buffer *out, struct span key)
{
	size_t len;
	char *text = span_text(key, &len);

	for (size_t i = 0; text != NULL && i < len; i++) {
		if (text[i] == '_')
			text[i] = ' ';
	}
	if (text != NULL)
		words_append_line(out, text, len);
	free(text);
}

/* "dns 0.4 ms, connect 1.2 ms, first byte 180 ms": the phases that took place. */
static void
put_timing(const struct view *view, struct span value)
{
	const char *before = "";
	struct span_walk walk;
	struct span key, phase;
	struct buffer line;
	double ms;

	buffer_init(&line, BUFFER_UNLIMITED);
	span_walk_init(&walk, value);
	while (span_walk_next(&walk, &key, &phase)) {
		if (!span_number(phase, &ms))
			continue;
		buffer_append_string(&line, before);
		append_key(&line, key);
		buffer_append_char(&line, ' ');
		words_append_ms(&line, ms);
		before = ", ";
	}
	put_wrapped(view, line.data, line.len);
	buffer_clear(&line);
}

/* One item of a list or map, which begins a line of its own unless it is the first. */
static void
begin_item(const struct view *view, bool first)
{
	if (!first)
		buffer_append_format(view->out, "\n%*s", VALUE_COLUMN, "");
}

/* Every text of a list on a line of its own. */
static void
put_list(const struct view *view, struct span value)
{
	struct span_walk walk;
	struct span key, item;
	bool first = true;

	span_walk_init(&walk, value);
	while (span_walk_next(&walk, &key, &item)) {
		begin_item(view, first);
		put_text(view, item);
		first = false;
	}
}

/* "NAME: value", each on a line of its own. */
static void
put_map(const struct view *view, struct span value)
{
	struct span_walk walk;
	struct span key, item;
	bool first = true;

	span_walk_init(&walk, value);
	while (span_walk_next(&walk, &key, &item)) {
		begin_item(view, first);
		put_text(view, key);
		buffer_append_string(view->out, ": ");
		put_text(view, item);
		first = false;
	}
}

/* "timeout (phase: first byte)" */
static void
put_error_kind(const struct view *view, struct span value)
{
	struct span phase = span_member(value, "phase");

	append_key(view->out, span_member(value, "kind"));
	if (!span_is_nothing(phase)) {
		buffer_append_string(view->out, " (phase: ");
		append_key(view->out, phase);
		buffer_append_char(view->out, ')');
	}
}

static void
put_error_message(const struct view *view, struct span value)
{
	put_text(view, span_member(value, "message"));
}

static void
put_excerpt(const struct view *view, struct span value)
{
	put_text(view, span_member(value, "excerpt"));
}

static bool
has_message(struct span value)
{
	return !span_is_nothing(span_member(value, "message"));
}

static bool
has_excerpt(struct span value)
{
	return !span_is_nothing(span_member(value, "excerpt"));
}

/* ---- rows ---- */

static bool
says_something(struct span value)
{
	return !span_is_nothing(value);
}

static bool
is_there(struct span value)
{
	return span_kind(value) != SPAN_ABSENT;
}

static bool
has_items(struct span value)
{
	return span_count(value) > 0;
}

static bool
has_phases(struct span value)
{
	double ms;

	return span_number(span_member(value, "total"), &ms);
}

struct row {
	const char *key;
	const char *label;
	bool (*is_shown)(struct span value);
	void (*put)(const struct view *view, struct span value);
};

/* In the order in which they are shown; a key may have several. */
static const struct row rows[] = {
	{ "group", "Group", says_something, put_text },
	{ "labels", "Labels", has_items, put_map },
	{ "since", "Since", says_something, put_time },
	{ "checked_at", "Checked", says_something, put_time },
	{ "last_ok_at", "Last ok", is_there, put_last_ok },
	{ "failures", "Failures", says_something, put_failures },
	{ "next_at", "Not before", says_something, put_time },
	{ "attempts", "Attempts", says_something, put_text },
	{ "error", "Error", has_message, put_error_message },
	{ "error", "Kind", says_something, put_error_kind },
	{ "error", "Excerpt", has_excerpt, put_excerpt },
	{ "warnings", "Warnings", has_items, put_list },
	{ "provider", "Provider", says_something, put_text },
	{ "model", "Model", says_something, put_text },
	{ "url", "URL", says_something, put_url },
	{ "final_url", "Final URL", says_something, put_url },
	{ "http_status", "HTTP status", says_something, put_text },
	{ "duration_ms", "Latency", says_something, put_duration },
	{ "timing_ms", "Phases", has_phases, put_timing },
	{ "bytes", "Body", says_something, put_bytes },
	{ "certificate_expires_at", "Certificate", says_something, put_expiry },
	{ "finish_reason", "Finish", says_something, put_text },
	{ "usage", "Usage", has_items, put_map },
	{ "reused", "Reused", says_something, put_yes_or_no },
	{ "values", "Values", has_items, put_map },
};

/* What has a place of its own: the first lines, and texts and JSON of any length, which
 * stand last, under their labels. */
enum placed {
	PLACED_STATUS,
	PLACED_SUCCESS, /* which is told by the status */
	PLACED_DESCRIPTION,
	PLACED_PROMPT,
	PLACED_RESPONSE,
	PLACED_DATA,
};
#define PLACED_COUNT (PLACED_DATA + 1)

static const char *const placed_keys[PLACED_COUNT] = {
	[PLACED_STATUS] = "status",
	[PLACED_SUCCESS] = "success",
	[PLACED_DESCRIPTION] = "description",
	[PLACED_PROMPT] = "prompt",
	[PLACED_RESPONSE] = "response",
	[PLACED_DATA] = "data",
};

static bool
is_known(struct span key)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (span_is_text(key, rows[i].key))
			return true;
	}
	for (size_t i = 0; i < ARRAY_COUNT(placed_keys); i++) {
		if (span_is_text(key, placed_keys[i]))
			return true;
	}
	return false;
}

/* ---- the whole ---- */

static void
append_label(const struct view *view, const char *label)
{
	size_t columns = utf8_columns(label, strlen(label));
	size_t blanks = columns < LABEL_COLUMNS ? LABEL_COLUMNS - columns : 0;

	buffer_append_string(view->out, "  ");
	screen_append(view->screen, TONE_FAINT, label, view->out);
	buffer_append_format(view->out, "%*s", (int)blanks + 2, "");
}

static void
append_rows(const struct view *view)
{
	const char *keys[ARRAY_COUNT(rows)];
	struct span values[ARRAY_COUNT(rows)];

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		keys[i] = rows[i].key;
	span_members(view->entry->text, keys, ARRAY_COUNT(rows), values);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (!rows[i].is_shown(values[i]))
			continue;
		append_label(view, rows[i].label);
		rows[i].put(view, values[i]);
		buffer_append_char(view->out, '\n');
	}
}

/* What a later gatherd may add, under its own name. */
static void
append_others(const struct view *view)
{
	struct span_walk walk;
	struct span key, value;

	span_walk_init(&walk, view->entry->text);
	while (span_walk_next(&walk, &key, &value)) {
		struct buffer label;

		if (is_known(key) || span_is_nothing(value))
			continue;
		buffer_init(&label, BUFFER_UNLIMITED);
		append_key(&label, key);
		append_label(view, label.data);
		buffer_clear(&label);
		put_text(view, value);
		buffer_append_char(view->out, '\n');
	}
}

static void
append_block(const struct view *view, const char *label, struct span value)
{
	const struct pretty pretty = {
		.indent = BLOCK_COLUMN,
		.columns = view->screen->columns,
		.max_lines = BLOCK_LINES,
		.max_bytes = BLOCK_BYTES,
	};
	size_t len;
	char *text;
	bool whole;

	if (span_is_nothing(value))
		return;
	text = span_text(value, &len);
	buffer_append_string(view->out, "\n  ");
	screen_append(view->screen, TONE_FAINT, label, view->out);
	buffer_append_format(view->out, "\n%*s", BLOCK_COLUMN, "");
	whole = text != NULL ? pretty_append_text(view->out, text, len, &pretty)
	                     : pretty_append_json(view->out, value, &pretty);
	buffer_append_char(view->out, '\n');
	if (!whole) {
		buffer_append_format(view->out, "%*s... (of ", BLOCK_COLUMN, "");
		words_append_bytes(
		    view->out, text != NULL ? (double)len : (double)value.len);
		buffer_append_string(view->out, " in all: gatherctl show --json)\n");
	}
	free(text);
}

/* "× payments: timeout", and what it is. */
static void
append_first_lines(const struct view *view, struct span status, struct span description)
{
	const struct health *health = health_of(status);
	struct buffer name;

	buffer_init(&name, BUFFER_UNLIMITED);
	words_append_line(&name, view->entry->name, strlen(view->entry->name));
	if (view->screen->terminal) {
		screen_append(view->screen, health->tone, health->mark, view->out);
		buffer_append_char(view->out, ' ');
	}
	screen_append(view->screen, TONE_STRONG, name.data, view->out);
	buffer_append_string(view->out, view->entry->is_prompt ? " (prompt): " : ": ");
	buffer_clear(&name);
	screen_begin(view->screen, health->tone, view->out);
	put_text(view, status);
	screen_end(view->screen, health->tone, view->out);
	buffer_append_char(view->out, '\n');
	if (!span_is_nothing(description)) {
		buffer_append_string(view->out, "  ");
		put_text(view, description);
		buffer_append_char(view->out, '\n');
	}
	buffer_append_char(view->out, '\n');
}

void
detail_append(const struct document_entry *entry, const struct screen *screen,
    int64_t now_ms, struct buffer *out)
{
	const struct view view = {
		.screen = screen,
		.entry = entry,
		.now_ms = now_ms,
		.out = out,
	};

	struct span placed[PLACED_COUNT];

	span_members(entry->text, placed_keys, PLACED_COUNT, placed);
	append_first_lines(&view, placed[PLACED_STATUS], placed[PLACED_DESCRIPTION]);
	append_rows(&view);
	append_others(&view);
	append_block(&view, "Prompt", placed[PLACED_PROMPT]);
	append_block(&view, "Response", placed[PLACED_RESPONSE]);
	append_block(&view, "Data", placed[PLACED_DATA]);
}
