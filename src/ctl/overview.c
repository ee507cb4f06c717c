#include "ctl/overview.h"

#include <stdlib.h>
#include <string.h>

#include "base/screen.h"
#include "base/words.h"
#include "ctl/foreign.h"
#include "ctl/health.h"
#include "ctl/listing.h"
#include "publish/document.h"

/* Between the parts of a line of the head. */
#define PART_SEPARATOR ", "

/* ---- the head ---- */

/* "3 of 4 ok, 1 timeout, 2 in flight" */
static void
append_counts(const struct document *document, struct buffer *out)
{
	struct span counts = document->head[HEAD_COUNTS];
	size_t in_flight = span_count(document->head[HEAD_IN_FLIGHT]);
	struct span_walk walk;
	struct span key, value;
	double number, total, ok;

	if (!span_number(span_member(counts, "total"), &total) ||
	    !span_number(span_member(counts, "ok"), &ok))
		return;
	if (total == 0) {
		buffer_append_string(out, ": no targets");
		return;
	}
	buffer_append_format(out, ": %.0f of %.0f ok", ok, total);
	span_walk_init(&walk, counts);
	while (span_walk_next(&walk, &key, &value)) {
		if (span_is_text(key, "total") || span_is_text(key, "ok") ||
		    !span_number(value, &number) || number == 0)
			continue;
		buffer_append_format(out, PART_SEPARATOR "%.0f ", number);
		foreign_append(out, key);
	}
	if (in_flight > 0)
		buffer_append_format(out, PART_SEPARATOR "%zu in flight", in_flight);
}

/* "degraded: 3 of 4 ok, 1 timeout" */
static void
append_state(
    const struct document *document, const struct screen *screen, struct buffer *out)
{
	struct span status = document->head[HEAD_STATUS];
	const struct health *health = health_of(status);

	screen_begin(screen, health->tone, out);
	if (screen->terminal)
		buffer_append_format(out, "%s ", health->mark);
	foreign_append(out, status);
	screen_end(screen, health->tone, out);
	append_counts(document, out);
	buffer_append_char(out, '\n');
}

/* The next part of a line that may be empty so far. */
static void
begin_part(struct buffer *line)
{
	if (line->len > 0)
		buffer_append_string(line, PART_SEPARATOR);
}

/* How long the round took, or what has become of it. */
static void
append_round(const struct document *document, struct buffer *line)
{
	struct span outcome = document->head[HEAD_OUTCOME];
	double ms;

	if (!span_is_nothing(outcome) && !span_is_text(outcome, "complete")) {
		begin_part(line);
		buffer_append_string(line, "round ");
		foreign_append(line, outcome);
	} else if (span_number(
	               span_member(document->head[HEAD_ROUND], "duration_ms"), &ms)) {
		begin_part(line);
		buffer_append_string(line, "took ");
		words_append_ms(line, ms);
	}
}

static void
append_generation(const struct document *document, struct buffer *line)
{
	struct span generation = document->head[HEAD_GENERATION];

	if (span_kind(generation) == SPAN_NUMBER) {
		begin_part(line);
		buffer_append_string(line, "generation ");
		buffer_append(line, generation.text, generation.len);
	}
}

/* LINE behind INDENT, broken where the screen ends. */
static void
append_line(const struct buffer *line, const char *indent, const struct screen *screen,
    struct buffer *out)
{
	buffer_append_string(out, indent);
	words_append_wrapped(
	    out, line->data, line->len, strlen(indent), screen->columns);
	buffer_append_char(out, '\n');
}

/* "web1, generation 17, 2026-11-21 03:40:00 UTC (12s ago), took 203 ms" */
static void
append_origin(const struct document *document, const char *indent,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	int64_t generated_ms = span_time_ms(document->head[HEAD_GENERATED_AT]);
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	foreign_append(&line, document->head[HEAD_HOST]);
	append_generation(document, &line);
	if (generated_ms != -1) {
		begin_part(&line);
		words_append_time_and_ago(&line, generated_ms, now_ms);
	}
	append_round(document, &line);
	if (line.len > 0)
		append_line(&line, indent, screen, out);
	buffer_clear(&line);
}

void
overview_append_stale(const struct document *document, const char *indent,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	int64_t stale_after_ms = span_time_ms(document->head[HEAD_STALE_AFTER]);

	if (!document_is_stale(document, now_ms))
		return;
	buffer_append_string(out, indent);
	screen_append(screen, TONE_BAD, "STALE", out);
	buffer_append_string(out, ": a later one was due ");
	words_append_ago(out, stale_after_ms, now_ms);
	buffer_append_string(out, "; is gatherd running, and can it write?\n");
}

/* ---- providers ---- */

enum provider_key {
	PROVIDER_MAX_CONCURRENT,
	PROVIDER_LIMIT,
	PROVIDER_PAUSED_UNTIL,
	PROVIDER_REJECTIONS,
	PROVIDER_BUDGET,
};
#define PROVIDER_KEY_COUNT (PROVIDER_BUDGET + 1)

static const char *const provider_keys[PROVIDER_KEY_COUNT] = {
	[PROVIDER_MAX_CONCURRENT] = "max_concurrent",
	[PROVIDER_LIMIT] = "limit",
	[PROVIDER_PAUSED_UNTIL] = "paused_until",
	[PROVIDER_REJECTIONS] = "rejections",
	[PROVIDER_BUDGET] = "budget",
};

/* "3 of 5 at once after 12 rejections", where fewer may ask it than it is said. */
static void
append_limit(const struct span *values, struct buffer *line)
{
	uint64_t limit, max, rejections;

	if (!span_whole_number(values[PROVIDER_LIMIT], &limit) ||
	    !span_whole_number(values[PROVIDER_MAX_CONCURRENT], &max) ||
	    !span_whole_number(values[PROVIDER_REJECTIONS], &rejections) ||
	    limit >= max || rejections == 0)
		return;
	begin_part(line);
	buffer_append_format(line, "%llu of %llu at once after %llu rejection%s",
	    (unsigned long long)limit, (unsigned long long)max,
	    (unsigned long long)rejections, rejections == 1 ? "" : "s");
}

static void
append_pause(const struct span *values, int64_t now_ms, struct buffer *line)
{
	int64_t until_ms = span_time_ms(values[PROVIDER_PAUSED_UNTIL]);

	if (until_ms <= now_ms)
		return;
	begin_part(line);
	buffer_append_string(line, "paused until ");
	words_append_time_and_ago(line, until_ms, now_ms);
}

/* "25 of 25 tokens spent until ...", where there is nothing left. */
static void
append_budget(const struct span *values, int64_t now_ms, struct buffer *line)
{
	struct span budget = values[PROVIDER_BUDGET];
	struct span limit = span_member(budget, "limit");
	struct span spent = span_member(budget, "spent");
	int64_t ends_ms = span_time_ms(span_member(budget, "ends_at"));
	double limit_number, spent_number;

	if (!span_number(limit, &limit_number) || !span_number(spent, &spent_number) ||
	    spent_number < limit_number || ends_ms <= now_ms)
		return;
	begin_part(line);
	buffer_append(line, spent.text, spent.len);
	buffer_append_string(line, " of ");
	buffer_append(line, limit.text, limit.len);
	if (span_is_text(span_member(budget, "unit"), "tokens"))
		buffer_append_string(line, " tokens");
	buffer_append_string(line, " spent until ");
	words_append_time_and_ago(line, ends_ms, now_ms);
}

/* "provider NAME: LINE" */
static void
append_provider(struct span name, const struct buffer *facts, const char *indent,
    const struct screen *screen, struct buffer *out)
{
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	buffer_append_string(&line, "provider ");
	foreign_append(&line, name);
	buffer_append_string(&line, ": ");
	buffer_append(&line, facts->data, facts->len);
	append_line(&line, indent, screen, out);
	buffer_clear(&line);
}

/* A line for each provider that holds its prompts back. */
static void
append_providers(const struct document *document, const char *indent,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	struct span_walk walk;
	struct span name, provider;

	span_walk_init(&walk, document->head[HEAD_PROVIDERS]);
	while (span_walk_next(&walk, &name, &provider)) {
		struct span values[PROVIDER_KEY_COUNT];
		struct buffer line;

		buffer_init(&line, BUFFER_UNLIMITED);
		span_members(provider, provider_keys, PROVIDER_KEY_COUNT, values);
		append_limit(values, &line);
		append_pause(values, now_ms, &line);
		append_budget(values, now_ms, &line);
		if (line.len > 0)
			append_provider(name, &line, indent, screen, out);
		buffer_clear(&line);
	}
}

/* ---- the whole ---- */

void
overview_append(const struct document *document, bool only_failed,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	const char *indent = screen->terminal ? "  " : "";

	append_state(document, screen, out);
	append_origin(document, indent, screen, now_ms, out);
	overview_append_stale(document, indent, screen, now_ms, out);
	append_providers(document, indent, screen, now_ms, out);
	listing_append(document, only_failed, screen, now_ms, out);
}

/* ---- for programs ---- */

void
overview_append_failed_json(const struct document *document, struct buffer *out)
{
	const char *before = "\n    ";

	buffer_append_string(out, "{\n  \"failed\": {");
	for (size_t i = 0; i < document->entry_count; i++) {
		const struct document_entry *entry = &document->entries[i];

		if (!entry->failed)
			continue;
		buffer_append_string(out, before);
		buffer_append(out, entry->key.text, entry->key.len);
		buffer_append_string(out, ": ");
		buffer_append(out, entry->text.text, entry->text.len);
		before = ",\n    ";
	}
	buffer_append_string(out, *before == ',' ? "\n  }\n}\n" : "}\n}\n");
}
