#include "publish/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"

/* ---- entries ---- */

/* Is TEXT of a time when less was wanted? */
static bool
lacks_something(const struct entry_text *text, const struct snapshot_wants *wants)
{
	return (wants->cards && text->card == NULL) ||
	    (wants->samples && text->samples == NULL);
}

/* With many targets their histograms would be most of what a scrape brings. */
static bool
has_histograms(const struct snapshot_maker *maker)
{
	int64_t max = board_config(maker->board)->metrics.max_histograms;

	return (int64_t)maker->entry_count <= max;
}

struct entry_text *
snapshot_maker_text(struct snapshot_maker *maker, size_t index, uint64_t generation)
{
	const struct board_entry *entry = board_entry(maker->board, index);
	struct cached_entry *cached = &maker->cache[index];
	struct entry_text *before = cached->text;
	bool changed = before == NULL || cached->version != entry->version;

	if (!changed && !lacks_something(before, &maker->wants))
		return before;
	/* Others hold it, perhaps: what it lacks is not put into it, but into another one. */
	cached->text =
	    entry_text_new(entry, NULL, changed ? generation : before->changed_in,
	        &maker->wants, has_histograms(maker));
	cached->version = entry->version;
	entry_text_unref(before);
	return cached->text;
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
		entry_text_unref(cache[i].text);
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
	maker->layout = 1;
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
	maker->layout++;
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
snapshot_maker_want(struct snapshot_maker *maker, const struct snapshot_wants *wants)
{
	maker->wants = *wants;
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
