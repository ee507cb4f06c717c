#include "daemon/explanation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/pretty.h"
#include "base/screen.h"
#include "base/span.h"
#include "base/units.h"
#include "base/utf8.h"
#include "base/words.h"
#include "config/config.h"
#include "daemon/explanation_lines.h"
#include "gather/board.h"
#include "gather/trace.h"

/* Names of values are rather cut than let the values begin further right. */
#define NAME_COLUMNS 30

/* What is shown of one value. */
#define VALUE_BYTES ((size_t)2 * 1024)

/* ... and of a good answer's body: as much as an excerpt shows of a bad one. */
#define BODY_COLUMNS 200

/* ---- the first lines ---- */

static enum tone
tone_of(enum status status)
{
	switch (status) {
	case STATUS_OK:
		return TONE_GOOD;
	case STATUS_DEGRADED:
	case STATUS_CANCELLED:
	case STATUS_SKIPPED:
		return TONE_DOUBTFUL;
	case STATUS_TIMEOUT:
	case STATUS_HTTP_ERROR:
	case STATUS_ERROR:
		return TONE_BAD;
	case STATUS_PENDING:
		return TONE_FAINT;
	}
	return TONE_PLAIN;
}

static const char *
mark_of(enum status status)
{
	if (status == STATUS_DEGRADED)
		return SCREEN_MARK_DOUBTFUL;
	if (status_is_success(status))
		return SCREEN_MARK_WELL;
	return status_is_failure(status) ? SCREEN_MARK_BAD : SCREEN_MARK_NOT_DONE;
}

/* "× payments: timeout" */
static void
put_status(const struct view *view, const struct board_entry *entry)
{
	enum status status = entry->outcome.status;

	if (view->screen->terminal) {
		screen_append(
		    view->screen, tone_of(status), mark_of(status), view->out);
		lines_put(view, " ");
	}
	screen_begin(view->screen, TONE_STRONG, view->out);
	lines_put_whole(view, entry->target->name, strlen(entry->target->name));
	screen_end(view->screen, TONE_STRONG, view->out);
	lines_put(view, ": ");
	screen_append(view->screen, tone_of(status), status_names[status], view->out);
}

static void
append_first_lines(const struct view *view)
{
	struct buffer why;

	buffer_init(&why, BUFFER_UNLIMITED);
	put_status(view, view->explanation->entry);
	lines_end(view);
	explanation_append_why(view->explanation, &why);
	lines_put_paragraph(view, why.data, why.len);
	buffer_clear(&why);
}

/* Why a prompt waits for more than it names. */
static void
append_wait_for_all(const struct view *view)
{
	static const char failing[] =
	    "It waits for all services, as it is asked only where one fails.";
	static const char naming[] =
	    "It waits for all services, as what it says is of all of them.";
	const struct target *target = view->explanation->entry->target;
	const char *why = naming;

	if (!target->waits_for_services)
		return;
	if (target_prompt(target)->when == WHEN_FAILING)
		why = failing;
	lines_put_paragraph(view, why, strlen(why));
}

/* All on the board but the target were asked for its sake. */
static void
append_dependencies(const struct view *view)
{
	const struct board *board = view->explanation->board;
	bool any = false;

	for (size_t i = 0; i < board_size(board); i++) {
		const struct board_entry *entry = board_entry(board, i);
		struct buffer line;

		if (entry == view->explanation->entry)
			continue;
		if (!any) {
			lines_heading(view, "Depends on");
			append_wait_for_all(view);
		}
		any = true;
		buffer_init(&line, BUFFER_UNLIMITED);
		outcome_describe(&entry->outcome, &line);
		lines_put(view, "  ");
		put_status(view, entry);
		lines_put(view, ", ");
		lines_put_whole(view, line.data, line.len);
		lines_end(view);
		buffer_clear(&line);
	}
}

/* ---- limits ---- */

static void
fill_timeout(const struct explanation *explanation, struct buffer *out)
{
	const struct target *target = explanation->entry->target;

	lines_append_duration(out, "", target->timeout_ms, " for an attempt");
	if (target->connect_timeout_ms < target->timeout_ms)
		lines_append_duration(
		    out, ", ", target->connect_timeout_ms, " of it to connect");
}

static void
fill_retries(const struct explanation *explanation, struct buffer *out)
{
	const struct target *target = explanation->entry->target;

	if (target->retries == 0) {
		buffer_append_string(out, "none");
		return;
	}
	buffer_append_format(out, "up to %lld, ", (long long)target->retries);
	lines_append_duration(out, "the first after at most ", target->retry_delay_ms,
	    target->retries > 1 ? ", then twice as long each" : "");
	if (target->kind == TARGET_PROMPT && target->retries > 1)
		buffer_append_string(out, "; after a timeout once at most");
}

static void
fill_deadline(const struct explanation *explanation, struct buffer *out)
{
	lines_append_duration(
	    out, "", explanation->entry->target->deadline_ms, " for all attempts");
}

static void
fill_redirects(const struct explanation *explanation, struct buffer *out)
{
	int64_t redirects = explanation->entry->target->redirects;

	if (redirects == 0)
		buffer_append_string(out, "not followed");
	else
		buffer_append_format(out, "up to %lld followed", (long long)redirects);
}

static void
fill_delay(const struct explanation *explanation, struct buffer *out)
{
	if (explanation->entry->target->delay_ms > 0)
		lines_append_duration(out, "", explanation->entry->target->delay_ms,
		    " before it is asked");
}

static void
fill_per_host(const struct explanation *explanation, struct buffer *out)
{
	const struct config *config = explanation->config;
	char rate[UNITS_TEXT_SIZE];

	if (config->max_per_host > 0)
		buffer_append_format(
		    out, "at most %lld at once", (long long)config->max_per_host);
	if (config->rate_per_host.count > 0) {
		units_format_rate(
		    rate, config->rate_per_host.count, config->rate_per_host.per_ms);
		buffer_append_format(
		    out, "%sat most %s started", out->len > 0 ? ", " : "", rate);
	}
}

static void
append_limits(const struct view *view)
{
	bool is_prompt = view->explanation->entry->target->kind == TARGET_PROMPT;

	lines_heading(view, "Limits");
	lines_row_of(view, "Timeout", fill_timeout);
	lines_row_of(view, "Retries", fill_retries);
	lines_row_of(view, "Deadline", fill_deadline);
	if (!is_prompt)
		lines_row_of(view, "Redirects", fill_redirects);
	lines_row_of(view, "Delay", fill_delay);
	lines_row_of(view, "Each host", fill_per_host);
	if (is_prompt)
		explanation_append_prompt_limits(view);
}

/* ---- what is kept ---- */

static size_t
columns_of(struct span key)
{
	size_t len;
	char *text = span_text(key, &len);
	size_t columns = text != NULL ? utf8_columns(text, len) : 0;

	free(text);
	return columns < NAME_COLUMNS ? columns : NAME_COLUMNS;
}

static size_t
widest_key(struct span object)
{
	struct span_walk walk;
	struct span key, value;
	size_t widest = LINES_LABEL_COLUMNS;

	span_walk_init(&walk, object);
	while (span_walk_next(&walk, &key, &value)) {
		if (columns_of(key) > widest)
			widest = columns_of(key);
	}
	return widest;
}

static void
append_name(const struct view *view, struct span key, size_t columns)
{
	struct buffer line;
	size_t len;
	char *text = span_text(key, &len);
	size_t taken;

	buffer_init(&line, BUFFER_UNLIMITED);
	if (text != NULL)
		words_append_line(&line, text, len);
	free(text);
	lines_put(view, "  ");
	screen_begin(view->screen, TONE_FAINT, view->out);
	taken = words_append_cut(view->out, line.data, line.len, columns);
	screen_end(view->screen, TONE_FAINT, view->out);
	buffer_append_format(view->out, "%*s", (int)(columns - taken) + 2, "");
	buffer_clear(&line);
}

static void
append_values(const struct view *view)
{
	const struct outcome *outcome = &view->explanation->entry->outcome;
	const struct pretty pretty = { .max_lines = 1, .max_bytes = VALUE_BYTES };
	struct span values;
	struct span_walk walk;
	struct span key, value;
	size_t columns;

	if (outcome->values == NULL)
		return;
	values = span_whole(outcome->values, outcome->values_len);
	columns = widest_key(values);
	lines_heading(view, "Values");
	span_walk_init(&walk, values);
	while (span_walk_next(&walk, &key, &value)) {
		append_name(view, key, columns);
		if (!pretty_append_json(view->out, value, &pretty))
			lines_put(view, " ...");
		lines_end(view);
	}
}

static void
append_warnings(const struct view *view)
{
	const struct outcome *outcome = &view->explanation->entry->outcome;

	if (outcome->warning_count > 0)
		lines_heading(view, "Warnings");
	for (size_t i = 0; i < outcome->warning_count; i++)
		lines_put_paragraph(
		    view, outcome->warnings[i], strlen(outcome->warnings[i]));
}

/* ---- the body ---- */

/* The body of a good answer as far as it was kept, in one clean line. */
static void
fill_kept_body(const struct explanation *explanation, struct buffer *line)
{
	const struct outcome *outcome = &explanation->entry->outcome;
	size_t len;
	char *text;

	if (explanation->entry->target->format != FORMAT_TEXT) {
		words_append_line(line, outcome->data, outcome->data_len);
		return;
	}
	/* It was kept as a string of JSON. */
	text = span_text(span_whole(outcome->data, outcome->data_len), &len);
	if (text != NULL)
		words_append_line(line, text, len);
	free(text);
}

static void
append_kept_body(const struct view *view)
{
	struct buffer line;
	struct buffer cut;

	buffer_init(&line, BUFFER_UNLIMITED);
	buffer_init(&cut, BUFFER_UNLIMITED);
	fill_kept_body(view->explanation, &line);
	if (line.len > 0) {
		words_append_cut(&cut, line.data, line.len, BODY_COLUMNS);
		lines_heading(view, "Begin of the body");
		lines_put_paragraph(view, cut.data, cut.len);
	}
	buffer_clear(&cut);
	buffer_clear(&line);
}

/* Did the last attempt bring any of a body? */
static bool
has_body(const struct trace *trace)
{
	const struct trace_attempt *last = trace->attempt_count > 0
	    ? &trace->attempts[trace->attempt_count - 1]
	    : NULL;

	return last != NULL && last->http_status != 0 && last->bytes > 0;
}

static void
append_body(const struct view *view)
{
	static const char secret[] = "not shown: one of its values is secret";
	const struct board_entry *entry = view->explanation->entry;
	const char *excerpt = entry->outcome.excerpt;

	if (!has_body(view->explanation->trace))
		return;
	if (entry->target->has_secret_value) {
		lines_heading(view, "Begin of the body");
		lines_put_paragraph(view, secret, strlen(secret));
	} else if (entry->target->kind == TARGET_PROMPT &&
	    explanation_append_response(view)) {
		return;
	} else if (excerpt != NULL) {
		lines_heading(view, "Begin of the body");
		lines_put_paragraph(view, excerpt, strlen(excerpt));
	} else if (status_is_success(entry->outcome.status) &&
	    entry->outcome.data != NULL) {
		append_kept_body(view);
	}
}

void
explanation_append(const struct explanation *explanation, const struct screen *screen,
    struct buffer *out)
{
	const struct view view = {
		.explanation = explanation,
		.screen = screen,
		.out = out,
	};

	append_first_lines(&view);
	append_dependencies(&view);
	if (explanation->entry->target->kind == TARGET_PROMPT)
		explanation_append_provider(&view);
	append_limits(&view);
	explanation_append_attempts(&view);
	append_body(&view);
	append_values(&view);
	append_warnings(&view);
}
