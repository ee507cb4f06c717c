#include "ctl/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/screen.h"
#include "base/words.h"
#include "base/xalloc.h"
#include "ctl/foreign.h"
#include "ctl/health.h"
#include "ctl/table.h"
#include "publish/document.h"

/* ---- a row ---- */

enum part {
	PART_STATUS,
	PART_SINCE,
	PART_DURATION,
	PART_MODEL,
	PART_USAGE,
	PART_ERROR,
	PART_WARNINGS,
	PART_GROUP,
};
#define PART_COUNT (PART_GROUP + 1)

static const char *const part_keys[PART_COUNT] = {
	[PART_STATUS] = "status",
	[PART_SINCE] = "since",
	[PART_DURATION] = "duration_ms",
	[PART_MODEL] = "model",
	[PART_USAGE] = "usage",
	[PART_ERROR] = "error",
	[PART_WARNINGS] = "warnings",
	[PART_GROUP] = "group",
};

/* The first column of each is for terminals. */
static const struct table_column service_columns[] = {
	{ .title = "" },
	{ .title = "NAME", .least = 24 },
	{ .title = "STATUS" },
	{ .title = "SINCE" },
	{ .title = "LATENCY", .right = true },
	{ .title = "ERROR", .least = 16 },
};

static const struct table_column prompt_columns[] = {
	{ .title = "" },
	{ .title = "PROMPT", .least = 24 },
	{ .title = "STATUS" },
	{ .title = "SINCE" },
	{ .title = "LATENCY", .right = true },
	{ .title = "MODEL", .least = 12 },
	{ .title = "TOKENS", .right = true },
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

static void
put_model(struct table *table, const struct row *row)
{
	char *model = span_text(row->parts[PART_MODEL], NULL);

	table_put(table, model != NULL ? model : "-",
	    model != NULL ? TONE_PLAIN : TONE_FAINT);
	free(model);
}

static void
put_tokens(struct table *table, const struct row *row)
{
	struct span total = span_member(row->parts[PART_USAGE], "total_tokens");
	char text[24];
	uint64_t tokens;

	if (!span_whole_number(total, &tokens)) {
		table_put(table, "-", TONE_FAINT);
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)tokens);
	table_put(table, text, TONE_PLAIN);
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
	foreign_append(&text, first);
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
	if (row->entry->is_prompt) {
		put_model(table, row);
		put_tokens(table, row);
	}
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

/* The rows to show of prompts, or of services, group by group, those of none first; *COUNT of
 * them. */
static struct row *
make_rows(
    const struct document *document, bool prompts, bool only_failed, size_t *count)
{
	struct row *rows = xcalloc(document->entry_count + 1, sizeof(*rows));

	*count = 0;
	for (size_t i = 0; i < document->entry_count; i++) {
		const struct document_entry *entry = &document->entries[i];
		struct row *row = &rows[*count];

		if (entry->is_prompt != prompts || (only_failed && !entry->failed))
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

static struct table *
make_table(bool prompts, const struct screen *screen)
{
	size_t skipped = screen->terminal ? 0 : 1;

	if (prompts)
		return table_new(
		    prompt_columns + skipped, ARRAY_COUNT(prompt_columns) - skipped);
	return table_new(
	    service_columns + skipped, ARRAY_COUNT(service_columns) - skipped);
}

static void
append_rows(const struct row *rows, size_t count, const struct screen *screen,
    int64_t now_ms, struct buffer *out)
{
	struct table *table = make_table(rows[0].entry->is_prompt, screen);

	for (size_t i = 0; i < count; i++) {
		size_t place_before = i > 0 ? rows[i - 1].place : 0;

		if (rows[i].place != place_before)
			table_put_heading(table, rows[i].group);
		put_row(table, &rows[i], screen, now_ms);
	}
	table_append(table, screen, out);
	table_free(table);
}

static void
append_kind(const struct document *document, bool prompts, bool only_failed,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	size_t count;
	struct row *rows = make_rows(document, prompts, only_failed, &count);

	if (count > 0) {
		buffer_append_char(out, '\n');
		append_rows(rows, count, screen, now_ms, out);
	}
	for (size_t i = 0; i < count; i++)
		free(rows[i].group);
	free(rows);
}

void
listing_append(const struct document *document, bool only_failed,
    const struct screen *screen, int64_t now_ms, struct buffer *out)
{
	append_kind(document, false, only_failed, screen, now_ms, out);
	append_kind(document, true, only_failed, screen, now_ms, out);
}
