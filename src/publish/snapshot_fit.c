#include "publish/snapshot_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/report.h"
#include "publish/entry.h"

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
leave_data_out(const struct snapshot_maker *maker, struct snapshot *snapshot,
    size_t index, const char *reason)
{
	static const struct snapshot_wants nothing_else = { 0 };
	const struct entry_text *whole = snapshot->entries[index];
	struct entry_text *without = entry_text_new(board_entry(maker->board, index),
	    reason, whole->changed_in, &nothing_else, false);

	if (without->document_len >= whole->document_len) {
		entry_text_unref(without);
		return false;
	}
	snapshot->bytes -= whole->document_len - without->document_len;
	snapshot->without_data[index] = without;
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

	snapshot->without_data =
	    xcalloc(snapshot->entry_count + 1, sizeof(struct entry_text *));
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

void
snapshot_fit(struct snapshot_maker *maker, struct snapshot *snapshot)
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
