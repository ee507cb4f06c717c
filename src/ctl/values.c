#include "ctl/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/pretty.h"
#include "base/screen.h"
#include "base/words.h"
#include "publish/document.h"

#define VALUE_COLUMN (2 + LABEL_COLUMNS + 2)

/* What is shown of a value that has no way of its own. */
#define VALUE_BYTES ((size_t)2 * 1024)

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

void
values_put_text(const struct view *view, struct span value)
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

void
values_put_url(const struct view *view, struct span value)
{
	size_t len;
	char *text = span_text(value, &len);

	if (text != NULL)
		words_append_line(view->out, text, len);
	free(text);
}

void
values_put_time(const struct view *view, struct span value)
{
	int64_t wall_ms = span_time_ms(value);

	if (wall_ms == -1)
		values_put_text(view, value);
	else
		words_append_time_and_ago(view->out, wall_ms, view->now_ms);
}

void
values_put_last_ok(const struct view *view, struct span value)
{
	if (span_is_nothing(value))
		buffer_append_string(view->out, "never");
	else
		values_put_time(view, value);
}

void
values_put_failures(const struct view *view, struct span value)
{
	double failures;

	put_json(view, value);
	if (span_number(value, &failures) && failures > 1)
		buffer_append_string(view->out, " in a row");
}

void
values_put_duration(const struct view *view, struct span value)
{
	double ms;

	if (span_number(value, &ms))
		words_append_ms(view->out, ms);
	else
		values_put_text(view, value);
}

void
values_put_bytes(const struct view *view, struct span value)
{
	double bytes;

	if (span_number(value, &bytes))
		words_append_bytes(view->out, bytes);
	else
		values_put_text(view, value);
}

void
values_put_expiry(const struct view *view, struct span value)
{
	buffer_append_string(view->out, "expires ");
	values_put_time(view, value);
}

void
values_put_unaccounted(const struct view *view, struct span value)
{
	double attempts;

	put_json(view, value);
	if (span_number(value, &attempts))
		buffer_append_string(
		    view->out, attempts == 1 ? " attempt" : " attempts");
}

void
values_put_yes(const struct view *view, UNUSED struct span value)
{
	buffer_append_string(view->out, "yes");
}

void
values_append_key(struct buffer *out, struct span key)
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

void
values_put_timing(const struct view *view, struct span value)
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
		values_append_key(&line, key);
		buffer_append_char(&line, ' ');
		words_append_ms(&line, ms);
		before = ", ";
	}
	put_wrapped(view, line.data, line.len);
	buffer_clear(&line);
}

void
values_put_usage(const struct view *view, struct span value)
{
	static const char suffix[] = " tokens";
	const char *before = "";
	struct span_walk walk;
	struct span key, count;
	struct buffer line;
	uint64_t tokens;

	buffer_init(&line, BUFFER_UNLIMITED);
	span_walk_init(&walk, value);
	while (span_walk_next(&walk, &key, &count)) {
		if (!span_whole_number(count, &tokens))
			continue;
		buffer_append_format(
		    &line, "%s%llu ", before, (unsigned long long)tokens);
		values_append_key(&line, key);
		before = ", ";
		if (line.len > strlen(suffix) &&
		    strcmp(line.data + line.len - strlen(suffix), suffix) == 0)
			buffer_truncate(&line, line.len - strlen(suffix));
	}
	put_wrapped(view, line.data, line.len);
	buffer_clear(&line);
}

void
values_put_estimate(const struct view *view, struct span value)
{
	struct span cost = span_member(value, "cost");

	put_json(view, span_member(value, "tokens"));
	buffer_append_string(view->out, " tokens");
	if (!span_is_nothing(cost)) {
		buffer_append_string(view->out, ", cost ");
		put_json(view, cost);
	}
	buffer_append_string(view->out, " for the next attempt");
}

void
values_put_budget(const struct view *view, struct span value)
{
	static const char *const keys[] = { "unit", "limit", "spent", "ends_at" };
	struct span values[ARRAY_COUNT(keys)];
	int64_t ends_ms;

	span_members(value, keys, ARRAY_COUNT(keys), values);
	ends_ms = span_time_ms(values[3]);
	put_json(view, values[2]);
	buffer_append_string(view->out, " of ");
	put_json(view, values[1]);
	if (span_is_text(values[0], "tokens"))
		buffer_append_string(view->out, " tokens");
	buffer_append_string(view->out, " spent");
	if (ends_ms != -1) {
		buffer_append_string(view->out, ", until ");
		words_append_time_and_ago(view->out, ends_ms, view->now_ms);
	}
}

/* One item of a list or map, which begins a line of its own unless it is the first. */
static void
begin_item(const struct view *view, bool first)
{
	if (!first)
		buffer_append_format(view->out, "\n%*s", VALUE_COLUMN, "");
}

void
values_put_list(const struct view *view, struct span value)
{
	struct span_walk walk;
	struct span key, item;
	bool first = true;

	span_walk_init(&walk, value);
	while (span_walk_next(&walk, &key, &item)) {
		begin_item(view, first);
		values_put_text(view, item);
		first = false;
	}
}

void
values_put_map(const struct view *view, struct span value)
{
	struct span_walk walk;
	struct span key, item;
	bool first = true;

	span_walk_init(&walk, value);
	while (span_walk_next(&walk, &key, &item)) {
		begin_item(view, first);
		values_put_text(view, key);
		buffer_append_string(view->out, ": ");
		values_put_text(view, item);
		first = false;
	}
}

void
values_put_error_kind(const struct view *view, struct span value)
{
	struct span phase = span_member(value, "phase");

	values_append_key(view->out, span_member(value, "kind"));
	if (!span_is_nothing(phase)) {
		buffer_append_string(view->out, " (phase: ");
		values_append_key(view->out, phase);
		buffer_append_char(view->out, ')');
	}
}

void
values_put_error_message(const struct view *view, struct span value)
{
	values_put_text(view, span_member(value, "message"));
}

void
values_put_excerpt(const struct view *view, struct span value)
{
	values_put_text(view, span_member(value, "excerpt"));
}
