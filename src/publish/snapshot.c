#include "publish/snapshot.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/report.h"
#include "publish/entry.h"
#include "publish/head.h"
#include "publish/providers_part.h"

/* What stands before an entry; the first one goes without the comma. */
#define ENTRY_LEAD       ",\n    "
#define ENTRY_LEAD_COMMA 1

/* Around the entries of services, and of prompts. */
#define SERVICES_LEAD ",\n  \"services\": {"
#define PROMPTS_LEAD  ",\n  \"prompts\": {"
#define SECTION_END   "\n  }"
#define EMPTY_END     "}"

/* What comes behind both, before the providers and after them. */
#define PROVIDERS_LEAD ",\n  "
#define DOCUMENT_FOOT  "\n}\n"

/* The parts of a frame: up to the services, between them and the prompts, behind those. */
#define FRAME_PARTS 3

/* The text of one entry, shared by the maker and all snapshots that hold it. */
struct entry_text {
	unsigned references;
	size_t len;
	char *text; /* owned */
};

/* What the maker keeps of one target. */
struct cached_entry {
	char *name;               /* owned: the target's, which a reload goes by */
	uint64_t version;         /* of the board's entry that `whole` was made from */
	struct entry_text *whole; /* NULL: not made yet */
	bool left_out;            /* its data did not fit into the last document */
};

struct snapshot_maker {
	const struct board *board; /* borrowed */
	char *generator;
	char *host;
	struct cached_entry *cache; /* by the targets' index */
	size_t entry_count;
	bool too_large; /* the last document was, without any data */
};

struct snapshot {
	unsigned references;
	size_t bytes;
	char *frame;                 /* owned: all that is no entry */
	struct entry_text **entries; /* those of services come first */
	size_t entry_count;
	size_t service_count; /* of them */
	struct iovec
	    *pieces; /* a part of the frame, services, another, prompts, the last */
};

/* ---- entries ---- */

static struct entry_text *
entry_text_new(const struct board_entry *entry, const char *left_out)
{
	struct entry_text *text = xcalloc(1, sizeof(*text));
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, ENTRY_LEAD);
	entry_append(&out, entry, left_out);
	text->references = 1;
	text->len = out.len;
	/* It may live as long as the target stays as it is: without the room to grow. */
	text->text = xreallocarray(buffer_take(&out), text->len, 1);
	return text;
}

static void
entry_text_unref(struct entry_text *text)
{
	if (text == NULL || --text->references > 0)
		return;
	free(text->text);
	free(text);
}

/* The entry's text as it stands on the board, made anew only where it has changed. */
static struct entry_text *
current_text(struct snapshot_maker *maker, size_t index)
{
	const struct board_entry *entry = board_entry(maker->board, index);
	struct cached_entry *cached = &maker->cache[index];

	if (cached->whole == NULL || cached->version != entry->version) {
		entry_text_unref(cached->whole);
		cached->whole = entry_text_new(entry, NULL);
		cached->version = entry->version;
	}
	return cached->whole;
}

/* ---- the whole, within its maximum ---- */

/* An entry whose data could be left out. */
struct candidate {
	size_t index;
	size_t data_bytes;
};

static int
compare_candidates(const void *left, const void *right)
{
	const struct candidate *a = left;
	const struct candidate *b = right;

	if (a->data_bytes != b->data_bytes)
		return a->data_bytes < b->data_bytes ? 1 : -1;
	return a->index < b->index ? -1 : 1;
}

/* What is said of MAX: "16KiB", "20000 bytes". */
#define LIMIT_SIZE (UNITS_TEXT_SIZE + sizeof(" bytes"))

static void
describe_limit(char text[static LIMIT_SIZE], size_t max)
{
	char size[UNITS_TEXT_SIZE];

	units_format_size(size, max);
	snprintf(text, LIMIT_SIZE, "%s%s", size, max % 1024 == 0 ? "" : " bytes");
}

/* Put an entry without its data in the place of the one with number INDEX. Returns false
 * where the reason is longer than the data, and so nothing would be gained. */
static bool
leave_data_out(struct snapshot_maker *maker, struct snapshot *snapshot, size_t index,
    const char *reason)
{
	struct entry_text *whole = snapshot->entries[index];
	struct entry_text *without =
	    entry_text_new(board_entry(maker->board, index), reason);

	if (without->len >= whole->len) {
		entry_text_unref(without);
		return false;
	}
	snapshot->bytes -= whole->len - without->len;
	snapshot->entries[index] = without;
	entry_text_unref(whole);
	return true;
}

/* The entries of the board, those with the most data first; the caller's. */
static struct candidate *
sort_candidates(const struct board *board)
{
	size_t count = board_size(board);
	struct candidate *candidates = xcalloc(count + 1, sizeof(*candidates));

	for (size_t i = 0; i < count; i++) {
		candidates[i].index = i;
		candidates[i].data_bytes = entry_data_bytes(board_entry(board, i));
	}
	qsort(candidates, count, sizeof(*candidates), compare_candidates);
	return candidates;
}

/* Tell of the entries whose data was not yet left out in the document before; with many
 * of them not of each. */
static void
tell_left_out(struct snapshot_maker *maker, const bool left_out[], const char *reason)
{
	size_t told = 0;

	for (size_t i = 0; i < maker->entry_count; i++) {
		if (left_out[i] && !maker->cache[i].left_out &&
		    told++ < REPORT_MAX_LINES)
			log_line(LOG_LEVEL_WARN,
			    board_entry(maker->board, i)->target->name, "%s", reason);
		maker->cache[i].left_out = left_out[i];
	}
	if (told > REPORT_MAX_LINES)
		log_warn(
		    "and %zu more with their data left out", told - REPORT_MAX_LINES);
}

/* Leave out the data of the largest entries until the rest fits. */
static void
shrink(struct snapshot_maker *maker, struct snapshot *snapshot, size_t max,
    const char *limit)
{
	struct candidate *candidates = sort_candidates(maker->board);
	bool *left_out = xcalloc(snapshot->entry_count + 1, sizeof(*left_out));
	char reason[128];

	snprintf(reason, sizeof(reason),
	    "data left out: the document would be larger than %s (output.max_size)",
	    limit);
	for (size_t i = 0; i < snapshot->entry_count && snapshot->bytes > max; i++) {
		size_t index = candidates[i].index;

		if (!leave_data_out(maker, snapshot, index, reason))
			break;
		left_out[index] = true;
	}
	tell_left_out(maker, left_out, reason);
	free(left_out);
	free(candidates);
}

static void
forget_left_out(struct snapshot_maker *maker)
{
	for (size_t i = 0; i < maker->entry_count; i++)
		maker->cache[i].left_out = false;
}

static void
fit(struct snapshot_maker *maker, struct snapshot *snapshot)
{
	size_t max = board_config(maker->board)->output.max_size_bytes;
	char limit[LIMIT_SIZE];
	bool too_large;

	if (snapshot->bytes > max) {
		describe_limit(limit, max);
		shrink(maker, snapshot, max, limit);
	} else {
		forget_left_out(maker);
	}
	too_large = snapshot->bytes > max;
	if (too_large && !maker->too_large)
		log_warn("the document is larger than %s (output.max_size) even "
		         "without the data",
		    limit);
	maker->too_large = too_large;
}

/* How much of the lead of the entry with number INDEX is left out. */
static size_t
skipped_lead(const struct snapshot *snapshot, size_t index)
{
	return index == 0 || index == snapshot->service_count ? ENTRY_LEAD_COMMA : 0;
}

static void
collect_entries(struct snapshot_maker *maker, struct snapshot *snapshot)
{
	size_t count = maker->entry_count;

	snapshot->entry_count = count;
	snapshot->service_count = board_config(maker->board)->service_count;
	snapshot->entries = xcalloc(count + 1, sizeof(struct entry_text *));
	for (size_t i = 0; i < count; i++) {
		struct entry_text *text = current_text(maker, i);

		text->references++;
		snapshot->entries[i] = text;
		snapshot->bytes += text->len - skipped_lead(snapshot, i);
	}
}

/* The entries between the parts of the frame, of so many bytes each. */
static void
lay_out_pieces(struct snapshot *snapshot, const size_t part_lens[FRAME_PARTS])
{
	char *part = snapshot->frame;
	struct iovec *piece;

	snapshot->pieces =
	    xcalloc(snapshot->entry_count + FRAME_PARTS, sizeof(struct iovec));
	piece = snapshot->pieces;
	*piece++ = (struct iovec){ part, part_lens[0] };
	part += part_lens[0];
	for (size_t i = 0; i <= snapshot->entry_count; i++) {
		struct entry_text *text = snapshot->entries[i];
		size_t skip = skipped_lead(snapshot, i);

		if (i == snapshot->service_count) {
			*piece++ = (struct iovec){ part, part_lens[1] };
			part += part_lens[1];
		}
		if (i < snapshot->entry_count)
			*piece++ =
			    (struct iovec){ text->text + skip, text->len - skip };
	}
	*piece = (struct iovec){ part, part_lens[2] };
}

static void
append_head(struct buffer *out, const struct snapshot_maker *maker,
    const struct snapshot_head *head)
{
	const struct head_facts facts = {
		.generator = maker->generator,
		.host = maker->host,
		.board = maker->board,
		.head = head,
	};

	head_append(out, &facts);
}

/* All that is no entry, in parts of so many bytes; the caller's. */
static char *
make_frame(const struct snapshot_maker *maker, const struct snapshot_head *head,
    size_t part_lens[FRAME_PARTS])
{
	size_t service_count = board_config(maker->board)->service_count;
	bool has_prompts = maker->entry_count > service_count;
	struct buffer frame;

	buffer_init(&frame, BUFFER_UNLIMITED);
	append_head(&frame, maker, head);
	buffer_append_string(&frame, SERVICES_LEAD);
	part_lens[0] = frame.len;
	buffer_append_string(&frame, service_count > 0 ? SECTION_END : EMPTY_END);
	buffer_append_string(&frame, PROMPTS_LEAD);
	part_lens[1] = frame.len - part_lens[0];
	buffer_append_string(&frame, has_prompts ? SECTION_END : EMPTY_END);
	buffer_append_string(&frame, PROVIDERS_LEAD);
	providers_part_append(&frame, maker->board, head->now_us, head->now_ms);
	buffer_append_string(&frame, DOCUMENT_FOOT);
	part_lens[2] = frame.len - part_lens[0] - part_lens[1];
	return buffer_take(&frame);
}

struct snapshot *
snapshot_make(struct snapshot_maker *maker, const struct snapshot_head *head)
{
	struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
	size_t part_lens[FRAME_PARTS];

	assert(maker->entry_count == board_size(maker->board));
	snapshot->references = 1;
	snapshot->frame = make_frame(maker, head, part_lens);
	snapshot->bytes = part_lens[0] + part_lens[1] + part_lens[2];
	collect_entries(maker, snapshot);
	fit(maker, snapshot);
	lay_out_pieces(snapshot, part_lens);
	return snapshot;
}

struct snapshot *
snapshot_ref(struct snapshot *snapshot)
{
	snapshot->references++;
	return snapshot;
}

void
snapshot_unref(struct snapshot *snapshot)
{
	if (snapshot == NULL || --snapshot->references > 0)
		return;
	for (size_t i = 0; i < snapshot->entry_count; i++)
		entry_text_unref(snapshot->entries[i]);
	free(snapshot->entries);
	free(snapshot->pieces);
	free(snapshot->frame);
	free(snapshot);
}

const struct iovec *
snapshot_pieces(const struct snapshot *snapshot, size_t *count)
{
	*count = snapshot->entry_count + FRAME_PARTS;
	return snapshot->pieces;
}

/* ---- makers ---- */

/* One without texts for each entry of the board. */
static void
make_cache(struct snapshot_maker *maker)
{
	maker->entry_count = board_size(maker->board);
	maker->cache = xcalloc(maker->entry_count + 1, sizeof(*maker->cache));
	for (size_t i = 0; i < maker->entry_count; i++)
		maker->cache[i].name =
		    xstrdup(board_entry(maker->board, i)->target->name);
}

static void
free_cache(struct cached_entry *cache, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(cache[i].name);
		entry_text_unref(cache[i].whole);
	}
	free(cache);
}

static int
compare_names(const void *left, const void *right)
{
	const struct cached_entry *a = left;
	const struct cached_entry *b = right;

	return strcmp(a->name, b->name);
}

struct snapshot_maker *
snapshot_maker_new(const struct board *board, const char *generator, const char *host)
{
	struct snapshot_maker *maker = xcalloc(1, sizeof(*maker));

	maker->board = board;
	maker->generator = xstrdup(generator);
	maker->host = xstrdup(host);
	make_cache(maker);
	return maker;
}

void
snapshot_maker_reload(struct snapshot_maker *maker, const char *host)
{
	struct cached_entry *before = maker->cache;
	size_t count = maker->entry_count;

	free(maker->host);
	maker->host = xstrdup(host);
	qsort(before, count, sizeof(*before), compare_names);
	make_cache(maker);
	for (size_t i = 0; i < maker->entry_count; i++) {
		struct cached_entry *cached = &maker->cache[i];
		const struct cached_entry *old =
		    bsearch(cached, before, count, sizeof(*before), compare_names);

		/* Its text has changed, or may have. */
		cached->left_out = old != NULL && old->left_out;
	}
	free_cache(before, count);
}

void
snapshot_maker_free(struct snapshot_maker *maker)
{
	if (maker == NULL)
		return;
	free_cache(maker->cache, maker->entry_count);
	free(maker->host);
	free(maker->generator);
	free(maker);
}
