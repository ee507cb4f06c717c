#include "publish/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_scan.h"
#include "base/names.h"
#include "base/units.h"
#include "base/xalloc.h"

/* The layout that is understood. */
#define DOCUMENT_VERSION 1

#define READ_BYTES ((size_t)64 * 1024)

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
};

/* ---- is it one ---- */

/* Valid JSON? The check closes up white space, so it is done on a copy. */
static bool
check_json(const struct buffer *text, char **fault)
{
	char *copy = xmemdup0(text->data, text->len);
	struct json_scan scan;
	bool valid = json_scan_compact(copy, text->len, JSON_SCAN_MAX_DEPTH, &scan);

	free(copy);
	if (valid)
		return true;
	if (scan.fault == JSON_FAULT_EMPTY)
		*fault = xstrdup(json_fault_text(scan.fault));
	else
		*fault = xasprintf(
		    "%s at byte %zu", json_fault_text(scan.fault), scan.offset);
	return false;
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
		*fault = xasprintf("a status document of version %.*s; this gatherctl "
		                   "reads version %d",
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

/* An object of objects, or nothing at all. */
static bool
check_targets(const struct document *document, enum head_key key, char **fault)
{
	struct span targets = document->head[key];
	struct span_walk walk;
	struct span name, entry;
	bool well = span_is_nothing(targets) || span_kind(targets) == SPAN_OBJECT;

	span_walk_init(&walk, targets);
	while (well && span_walk_next(&walk, &name, &entry))
		well = span_kind(entry) == SPAN_OBJECT;
	if (!well)
		*fault = xasprintf(
		    "no status document: its %s are no objects", head_keys[key]);
	return well;
}

/* ---- its entries ---- */

static void
add_entries(struct document *document, struct span targets, bool is_prompt)
{
	struct span_walk walk;
	struct span key, text;

	span_walk_init(&walk, targets);
	while (span_walk_next(&walk, &key, &text)) {
		document->entries[document->entry_count++] = (struct document_entry){
			.name = span_text(key, NULL),
			.key = key,
			.text = text,
			.is_prompt = is_prompt,
		};
	}
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

bool
document_parse(struct document *document, struct buffer *text, char **fault)
{
	struct span services, prompts;

	*document = (struct document){ .text = *text };
	buffer_init(text, text->max);
	if (!check_json(&document->text, fault))
		return false;
	span_members(span_whole(document->text.data, document->text.len), head_keys,
	    HEAD_COUNT, document->head);
	if (!check_head(document, fault) ||
	    !check_targets(document, HEAD_SERVICES, fault) ||
	    !check_targets(document, HEAD_PROMPTS, fault))
		return false;

	services = document->head[HEAD_SERVICES];
	prompts = document->head[HEAD_PROMPTS];
	document->entries = xcalloc(
	    span_count(services) + span_count(prompts) + 1, sizeof(*document->entries));
	add_entries(document, services, false);
	add_entries(document, prompts, true);
	mark_failed(document);
	return true;
}

/* ---- reading ---- */

/* Make room for all of it at once where its size is known. */
static void
expect_size(int fd, struct buffer *text)
{
	struct stat status;

	/* What is larger than the maximum is found out by reading. */
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    (size_t)status.st_size < DOCUMENT_MAX_BYTES &&
	    buffer_reserve(text, (size_t)status.st_size + READ_BYTES) == NULL)
		buffer_reset(text);
}

/* Returns false with *FAULT. */
static bool
read_all(int fd, struct buffer *text, char **fault)
{
	char limit[UNITS_TEXT_SIZE];

	expect_size(fd, text);
	for (;;) {
		char *room = buffer_reserve(text, READ_BYTES);
		ssize_t got = room != NULL ? read(fd, room, READ_BYTES) : 0;

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1) {
			*fault = xstrdup(strerror(errno));
			return false;
		}
		if (room == NULL || text->len + (size_t)got > DOCUMENT_MAX_BYTES) {
			units_format_size(limit, DOCUMENT_MAX_BYTES);
			*fault = xasprintf("larger than %s", limit);
			return false;
		}
		if (got == 0)
			return true;
		buffer_grown(text, (size_t)got);
	}
}

bool
document_read(struct document *document, const char *path, char **fault)
{
	bool from_stdin = strcmp(path, "-") == 0;
	int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct buffer text;
	bool read_well;

	*document = (struct document){ .entries = NULL };
	buffer_init(&document->text, 0);
	if (fd == -1) {
		*fault = xstrdup(strerror(errno));
		return false;
	}
	/* Room to see that there is more than the maximum. */
	buffer_init(&text, DOCUMENT_MAX_BYTES + READ_BYTES);
	read_well = read_all(fd, &text, fault);
	if (!from_stdin)
		close(fd);
	if (read_well)
		read_well = document_parse(document, &text, fault);
	buffer_clear(&text);
	return read_well;
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
