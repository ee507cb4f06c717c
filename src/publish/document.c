#include "publish/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json_scan.h"
#include "base/names.h"
#include "base/units.h"
#include "base/xalloc.h"

static const char *const head_keys[HEAD_COUNT] = {
	[HEAD_VERSION] = "version",
	[HEAD_HOST] = "host",
	[HEAD_GENERATION] = "generation",
	[HEAD_GENERATED_AT] = "generated_at",
	[HEAD_STALE_AFTER] = "stale_after",
	[HEAD_STATUS] = "status",
	[HEAD_OUTCOME] = "outcome",
	[HEAD_ROUND] = "round",
	[HEAD_IN_FLIGHT] = "in_flight",
	[HEAD_COUNTS] = "counts",
	[HEAD_FAILED] = "failed",
	[HEAD_SERVICES] = "services",
	[HEAD_PROMPTS] = "prompts",
	[HEAD_PROVIDERS] = "providers",
};

/* ---- is it one ---- */

static char *
json_fault(const struct json_scan *scan)
{
	const char *fault = json_fault_text(scan->fault);

	if (scan->fault == JSON_FAULT_EMPTY)
		return xstrdup(fault);
	return xasprintf("%s at byte %zu", fault, scan->offset);
}

/* Valid JSON? The check closes up white space. */
static bool
compact_json(struct buffer *text, char **fault)
{
	struct json_scan scan;

	if (!json_scan_compact(text->data, text->len, JSON_SCAN_MAX_DEPTH, &scan)) {
		*fault = json_fault(&scan);
		return false;
	}
	buffer_truncate(text, scan.len);
	return true;
}

/* The same, on a copy. */
static bool
check_json(const struct buffer *text, char **fault)
{
	struct buffer copy;
	bool valid;

	buffer_init(&copy, text->len);
	buffer_append(&copy, text->data, text->len);
	valid = compact_json(&copy, fault);
	buffer_clear(&copy);
	return valid;
}

static bool
check_head(const struct document *document, char **fault)
{
	struct span version = document->head[HEAD_VERSION];
	double number;

	if (!span_number(version, &number)) {
		*fault = xstrdup("no status document: it has no version");
		return false;
	}
	if (number != DOCUMENT_VERSION) {
		*fault = xasprintf(
		    "a status document of version %.*s; only version %d is known",
		    version.len < 32 ? (int)version.len : 32, version.text,
		    DOCUMENT_VERSION);
		return false;
	}
	if (span_kind(document->head[HEAD_STATUS]) != SPAN_STRING) {
		*fault = xstrdup("no status document: it has no status");
		return false;
	}
	return true;
}

/* ---- its entries ---- */

static char *
not_objects(enum head_key key)
{
	return xasprintf("no status document: its %s are no objects", head_keys[key]);
}

/* Those of an object, or of nothing at all. */
static bool
add_entries(struct document *document, enum head_key key, char **fault)
{
	struct span targets = document->head[key];
	struct span_walk walk;
	struct span name, text;

	if (!span_is_nothing(targets) && span_kind(targets) != SPAN_OBJECT) {
		*fault = not_objects(key);
		return false;
	}
	span_walk_init(&walk, targets);
	while (span_walk_next(&walk, &name, &text)) {
		document->entries = xgrow(document->entries, document->entry_count,
		    sizeof(*document->entries));
		document->entries[document->entry_count++] = (struct document_entry){
			.name = span_text(name, NULL),
			.key = name,
			.text = text,
			.is_prompt = key == HEAD_PROMPTS,
		};
	}
	return true;
}

static bool
check_entries(const struct document *document, char **fault)
{
	for (size_t i = 0; i < document->entry_count; i++) {
		const struct document_entry *entry = &document->entries[i];

		if (span_kind(entry->text) == SPAN_OBJECT)
			continue;
		*fault = not_objects(entry->is_prompt ? HEAD_PROMPTS : HEAD_SERVICES);
		return false;
	}
	return true;
}

static int
compare_names(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The texts of a list, sorted; *COUNT of them. The caller's, as each text is. */
static char **
sorted_texts(struct span list, size_t *count)
{
	char **texts = xcalloc(span_count(list) + 1, sizeof(*texts));
	struct span_walk walk;
	struct span key, value;

	*count = 0;
	span_walk_init(&walk, list);
	while (span_walk_next(&walk, &key, &value)) {
		char *text = span_text(value, NULL);

		if (text != NULL)
			texts[(*count)++] = text;
	}
	qsort(texts, *count, sizeof(*texts), compare_names);
	return texts;
}

static void
mark_failed(struct document *document)
{
	size_t count;
	char **failed = sorted_texts(document->head[HEAD_FAILED], &count);

	for (size_t i = 0; i < document->entry_count; i++) {
		struct document_entry *entry = &document->entries[i];

		entry->failed = bsearch(&entry->name, failed, count, sizeof(*failed),
		                    compare_names) != NULL;
	}
	for (size_t i = 0; i < count; i++)
		free(failed[i]);
	free(failed);
}

/* Look through the text, which is valid JSON. */
static bool
look_through(struct document *document, char **fault)
{
	span_members(span_whole(document->text.data, document->text.len), head_keys,
	    HEAD_COUNT, document->head);
	return check_head(document, fault) &&
	    add_entries(document, HEAD_SERVICES, fault) &&
	    add_entries(document, HEAD_PROMPTS, fault);
}

static void
take_over(struct document *document, struct buffer *text)
{
	*document = (struct document){ .text = *text };
	buffer_init(text, text->max);
}

bool
document_parse(struct document *document, struct buffer *text, char **fault)
{
	take_over(document, text);
	if (!check_json(&document->text, fault) || !look_through(document, fault) ||
	    !check_entries(document, fault))
		return false;
	mark_failed(document);
	return true;
}

bool
document_parse_compact(struct document *document, struct buffer *text, char **fault)
{
	take_over(document, text);
	return compact_json(&document->text, fault) && look_through(document, fault);
}

/* ---- reading ---- */

/* Why a file could not be read; the caller's. */
static char *
read_fault(int failure)
{
	char limit[UNITS_TEXT_SIZE];

	if (failure != EFBIG)
		return xstrdup(strerror(failure));
	units_format_size(limit, DOCUMENT_MAX_BYTES);
	return xasprintf("larger than %s", limit);
}

bool
document_read(struct document *document, const char *path, char **fault)
{
	struct buffer text;

	buffer_init(&text, DOCUMENT_MAX_BYTES);
	if (file_read(path, &text))
		return document_parse(document, &text, fault);
	*fault = read_fault(errno);
	take_over(document, &text);
	return false;
}

void
document_clear(struct document *document)
{
	for (size_t i = 0; i < document->entry_count; i++)
		free(document->entries[i].name);
	free(document->entries);
	buffer_clear(&document->text);
	*document = (struct document){ .text = document->text };
}

/* ---- questions ---- */

bool
document_is_stale(const struct document *document, int64_t now_ms)
{
	int64_t stale_after_ms = span_time_ms(document->head[HEAD_STALE_AFTER]);

	return stale_after_ms != -1 && now_ms > stale_after_ms;
}

const struct document_entry *
document_find(const struct document *document, const char *name)
{
	for (size_t i = 0; i < document->entry_count; i++) {
		if (strcmp(document->entries[i].name, name) == 0)
			return &document->entries[i];
	}
	return NULL;
}

const char *
document_nearest_name(const struct document *document, const char *name)
{
	const char **names = xcalloc(document->entry_count + 1, sizeof(*names));
	const char *nearest;

	for (size_t i = 0; i < document->entry_count; i++)
		names[i] = document->entries[i].name;
	nearest = names_nearest(name, names, document->entry_count);
	free(names);
	return nearest;
}
