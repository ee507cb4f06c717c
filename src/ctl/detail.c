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
#include "ctl/values.h"
#include "publish/document.h"

/* Where the blocks under a label of their own begin. */
#define BLOCK_COLUMN 4

/* What is shown of a block. */
#define BLOCK_LINES 200
#define BLOCK_BYTES ((size_t)16 * 1024)

/* ---- rows ---- */

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
is_true(struct span value)
{
	return span_kind(value) == SPAN_BOOL && *value.text == 't';
}

static bool
is_positive(struct span value)
{
	double number;

	return span_number(value, &number) && number > 0;
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
	{ "group", "Group", says_something, values_put_text },
	{ "labels", "Labels", has_items, values_put_map },
	{ "since", "Since", says_something, values_put_time },
	{ "checked_at", "Checked", says_something, values_put_time },
	{ "last_ok_at", "Last ok", is_there, values_put_last_ok },
	{ "failures", "Failures", says_something, values_put_failures },
	{ "next_at", "Not before", says_something, values_put_time },
	{ "attempts", "Attempts", says_something, values_put_text },
	{ "error", "Error", has_message, values_put_error_message },
	{ "error", "Kind", says_something, values_put_error_kind },
	{ "error", "Excerpt", has_excerpt, values_put_excerpt },
	{ "warnings", "Warnings", has_items, values_put_list },
	{ "provider", "Provider", says_something, values_put_text },
	{ "model", "Model", says_something, values_put_text },
	{ "url", "URL", says_something, values_put_url },
	{ "final_url", "Final URL", says_something, values_put_url },
	{ "http_status", "HTTP status", says_something, values_put_text },
	{ "duration_ms", "Latency", says_something, values_put_duration },
	{ "timing_ms", "Phases", has_phases, values_put_timing },
	{ "bytes", "Body", says_something, values_put_bytes },
	{ "certificate_expires_at", "Certificate", says_something, values_put_expiry },
	{ "finish_reason", "Finish", says_something, values_put_text },
	{ "usage", "Tokens", has_items, values_put_usage },
	{ "usage_unknown_attempts", "Unaccounted", is_positive,
	    values_put_unaccounted },
	{ "cost", "Cost", says_something, values_put_text },
	{ "estimate", "Estimate", has_items, values_put_estimate },
	{ "budget", "Budget", has_items, values_put_budget },
	{ "reused", "Reused", is_true, values_put_yes },
	{ "request_id", "Request ID", says_something, values_put_text },
	{ "input_hash", "Input hash", says_something, values_put_text },
	{ "values", "Values", has_items, values_put_map },
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
	PLACED_LAST_RESPONSE,
	PLACED_LAST_DATA,
};
#define PLACED_COUNT (PLACED_LAST_DATA + 1)

static const char *const placed_keys[PLACED_COUNT] = {
	[PLACED_STATUS] = "status",
	[PLACED_SUCCESS] = "success",
	[PLACED_DESCRIPTION] = "description",
	[PLACED_PROMPT] = "prompt",
	[PLACED_RESPONSE] = "response",
	[PLACED_DATA] = "data",
	[PLACED_LAST_RESPONSE] = "last_response",
	[PLACED_LAST_DATA] = "last_data",
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
		values_append_key(&label, key);
		append_label(view, label.data);
		buffer_clear(&label);
		values_put_text(view, value);
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
	values_put_text(view, status);
	screen_end(view->screen, health->tone, view->out);
	buffer_append_char(view->out, '\n');
	if (!span_is_nothing(description)) {
		buffer_append_string(view->out, "  ");
		values_put_text(view, description);
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
	/* Where the present answer is good, it is the last one, too. */
	if (health_of(placed[PLACED_STATUS])->well)
		return;
	append_block(&view, "Last response", placed[PLACED_LAST_RESPONSE]);
	append_block(&view, "Last data", placed[PLACED_LAST_DATA]);
}
