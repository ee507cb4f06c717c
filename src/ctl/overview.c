#include "ctl/overview.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/screen.h"
#include "base/words.h"
#include "base/xalloc.h"
#include "ctl/health.h"
#include "ctl/table.h"
#include "publish/document.h"

/* Between the parts of a line of the head. */
#define PART_SEPARATOR ", "

/* ---- the head ---- */

static void
append_foreign(struct buffer *out, struct span string)
{
	size_t len;
	char *text = span_text(string, &len);

	if (text != NULL)
		words_append_line(out, text, len);
	free(text);
}

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
		append_foreign(out, key);
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
	append_foreign(out, status);
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
		append_foreign(line, outcome);
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

/* "web1, generation 17, 2026-11-21 03:40:00 UTC (12s ago), took 203 ms" */
static void
append_origin(const struct document *document, const char *indent,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	int64_t generated_ms = span_time_ms(document->head[HEAD_GENERATED_AT]);
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	append_foreign(&line, document->head[HEAD_HOST]);
	append_generation(document, &line);
	if (generated_ms != -1) {
		begin_part(&line);
		words_append_time_and_ago(&line, generated_ms, now_ms);
	}
	append_round(document, &line);
	if (line.len > 0) {
		buffer_append_string(out, indent);
		words_append_wrapped(
		    out, line.data, line.len, strlen(indent), screen->columns);
		buffer_append_char(out, '\n');
	}
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

/* ---- the table ---- */

enum part {
	PART_STATUS,
	PART_SINCE,
	PART_DURATION,
	PART_ERROR,
	PART_WARNINGS,
	PART_GROUP,
};
#define PART_COUNT (PART_GROUP + 1)

static const char *const part_keys[PART_COUNT] = {
	[PART_STATUS] = "status",
	[PART_SINCE] = "since",
	[PART_DURATION] = "duration_ms",
	[PART_ERROR] = "error",
	[PART_WARNINGS] = "warnings",
	[PART_GROUP] = "group",
};

/* The first column is for terminals. */
static const struct table_column columns[] = {
	{ .title = "" },
	{ .title = "NAME", .least = 24 },
	{ .title = "STATUS" },
	{ .title = "SINCE" },
	{ .title = "LATENCY", .right = true },
	{ .title = "ERROR", .least = 16 },
};

struct row {
	const struct document_entry *entry;
	struct span parts[PART_COUNT];
	char *group;  /* owned; NULL: in none */
	size_t place; /* of its group, in the order in which groups come; 0: none */
	size_t order;
};

static void
put_since(struct table *table, const struct row *row, int64_t now_ms)
{
	int64_t since_ms = span_time_ms(row->parts[PART_SINCE]);
	struct buffer age;

	if (since_ms == -1) {
		table_put(table, "-", TONE_FAINT);
		return;
	}
	buffer_init(&age, BUFFER_UNLIMITED);
	words_append_age(&age, since_ms, now_ms);
	table_put(table, age.data, TONE_PLAIN);
	buffer_clear(&age);
}

static void
put_latency(struct table *table, const struct row *row)
{
	struct buffer text;
	double ms;

	if (!span_number(row->parts[PART_DURATION], &ms)) {
		table_put(table, "-", TONE_FAINT);
		return;
	}
	buffer_init(&text, BUFFER_UNLIMITED);
	words_append_ms(&text, ms);
	table_put(table, text.data, TONE_PLAIN);
	buffer_clear(&text);
}

/* "warning: TEXT", of the first one. Returns false where there is none. */
static bool
put_warning(struct table *table, const struct row *row)
{
	struct span warnings = row->parts[PART_WARNINGS];
	size_t count = span_count(warnings);
	struct span_walk walk;
	struct span key, first;
	struct buffer text;

	span_walk_init(&walk, warnings);
	if (!span_walk_next(&walk, &key, &first))
		return false;
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, count > 1 ? "warnings: " : "warning: ");
	append_foreign(&text, first);
	if (count > 1)
		buffer_append_format(&text, " (and %zu more)", count - 1);
	table_put(table, text.data, TONE_PLAIN);
	buffer_clear(&text);
	return true;
}

static void
put_error(struct table *table, const struct row *row)
{
	struct span error = row->parts[PART_ERROR];
	char *message = span_text(span_member(error, "message"), NULL);

	if (message == NULL)
		message = span_text(span_member(error, "kind"), NULL);
	if (message != NULL || !put_warning(table, row))
		table_put(table, message, TONE_PLAIN);
	free(message);
}

static void
put_row(struct table *table, const struct row *row, const struct screen *screen,
    int64_t now_ms)
{
	const struct health *health = health_of(row->parts[PART_STATUS]);
	char *status = span_text(row->parts[PART_STATUS], NULL);

	/* What is fine needs no mark: the others are to be seen. */
	if (screen->terminal)
		table_put(table, health->tone == TONE_GOOD ? NULL : health->mark,
		    health->tone);
	table_put(table, row->entry->name, TONE_PLAIN);
	table_put(table, status, health->tone);
	put_since(table, row, now_ms);
	put_latency(table, row);
	put_error(table, row);
	free(status);
}

/* ---- groups ---- */

static int
compare_rows(const void *left, const void *right)
{
	const struct row *a = left;
	const struct row *b = right;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static int
compare_groups(const void *left, const void *right)
{
	const struct row *a = *(const struct row *const *)left;
	const struct row *b = *(const struct row *const *)right;
	int names = strcmp(a->group, b->group);

	return names != 0 ? names : a->order < b->order ? -1 : 1;
}

/* Give every row of a group the place of the group's first one. */
static void
place_groups(struct row *rows, size_t count)
{
	struct row **grouped = xcalloc(count + 1, sizeof(struct row *));
	size_t grouped_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (rows[i].group != NULL)
			grouped[grouped_count++] = &rows[i];
	}
	qsort(grouped, grouped_count, sizeof(struct row *), compare_groups);
	for (size_t i = 0; i < grouped_count; i++) {
		bool same =
		    i > 0 && strcmp(grouped[i]->group, grouped[i - 1]->group) == 0;

		grouped[i]->place =
		    same ? grouped[i - 1]->place : grouped[i]->order + 1;
	}
	free(grouped);
}

/* The caller's; NULL where it is in none. */
static char *
group_of(const struct row *row)
{
	if (span_is_text(row->parts[PART_GROUP], ""))
		return NULL;
	return span_text(row->parts[PART_GROUP], NULL);
}

/* The rows to show, group by group, those of none first; *COUNT of them. */
static struct row *
make_rows(const struct document *document, bool only_failed, size_t *count)
{
	struct row *rows = xcalloc(document->entry_count + 1, sizeof(*rows));

	*count = 0;
	for (size_t i = 0; i < document->entry_count; i++) {
		const struct document_entry *entry = &document->entries[i];
		struct row *row = &rows[*count];

		if (only_failed && !entry->failed)
			continue;
		row->entry = entry;
		row->order = i;
		span_members(entry->text, part_keys, PART_COUNT, row->parts);
		row->group = group_of(row);
		(*count)++;
	}
	place_groups(rows, *count);
	qsort(rows, *count, sizeof(*rows), compare_rows);
	return rows;
}

static void
append_rows(const struct row *rows, size_t count, const struct screen *screen,
    int64_t now_ms, struct buffer *out)
{
	size_t skipped = screen->terminal ? 0 : 1;
	struct table *table =
	    table_new(columns + skipped, ARRAY_COUNT(columns) - skipped);

	for (size_t i = 0; i < count; i++) {
		size_t place_before = i > 0 ? rows[i - 1].place : 0;

		if (rows[i].place != place_before)
			table_put_heading(table, rows[i].group);
		put_row(table, &rows[i], screen, now_ms);
	}
	table_append(table, screen, out);
	table_free(table);
}

void
overview_append(const struct document *document, bool only_failed,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	const char *indent = screen->terminal ? "  " : "";
	size_t count;
	struct row *rows = make_rows(document, only_failed, &count);

	append_state(document, screen, out);
	append_origin(document, indent, screen, now_ms, out);
	overview_append_stale(document, indent, screen, now_ms, out);
	if (count > 0) {
		buffer_append_char(out, '\n');
		append_rows(rows, count, screen, now_ms, out);
	}
	for (size_t i = 0; i < count; i++)
		free(rows[i].group);
	free(rows);
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
