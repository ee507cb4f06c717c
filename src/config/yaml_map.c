#include "config/yaml_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Of a key that a fault quotes: it may be as long as the file. */
#define MAX_QUOTED_BYTES 80

/* For "%.*s": how much of TEXT to quote, cut between characters. */
static int
quoted_len(const char *text)
{
	size_t len = strlen(text);

	if (len > MAX_QUOTED_BYTES) {
		len = MAX_QUOTED_BYTES;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	return (int)len;
}

struct entry {
	struct yaml_pair pair;
	size_t number;
	bool merged;
	bool dropped;
};

struct entries {
	struct entry *items; /* owned */
	size_t count;
};

static void
add_entry(struct entries *entries, struct yaml_pair pair, bool merged)
{
	entries->items = xgrow(entries->items, entries->count, sizeof(*entries->items));
	entries->items[entries->count] = (struct entry){
		.pair = pair,
		.number = entries->count,
		.merged = merged,
	};
	entries->count++;
}

static int
compare_keys(const struct yaml_node *a, const struct yaml_node *b)
{
	int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int
compare_entries(const void *left, const void *right)
{
	const struct entry *const *a = left;
	const struct entry *const *b = right;
	int order = compare_keys((*a)->pair.key, (*b)->pair.key);

	if (order != 0)
		return order;
	return ((*a)->number > (*b)->number) - ((*a)->number < (*b)->number);
}

static void
tell_doubled(
    struct faults *faults, const struct yaml_node *key, const struct yaml_node *first)
{
	faults_error(faults, key->place,
	    "doubled key \"%.*s\": it stands on line %u already", quoted_len(key->text),
	    key->text, first->place.line);
}

/*
 * Of entries with the same key, leave the first. Own ones stand before merged ones, and
 * earlier merged ones before later ones, so that is the one that wins. By sorting: a
 * search for each key would take minutes on the largest file.
 */
static void
drop_repeated(struct faults *faults, struct entries *entries)
{
	struct entry **sorted;
	struct entry *first;

	if (entries->count < 2)
		return;
	sorted = xreallocarray(NULL, entries->count, sizeof(struct entry *));
	for (size_t i = 0; i < entries->count; i++)
		sorted[i] = &entries->items[i];
	qsort(sorted, entries->count, sizeof(struct entry *), compare_entries);

	first = sorted[0];
	for (size_t i = 1; i < entries->count; i++) {
		struct entry *entry = sorted[i];

		if (compare_keys(first->pair.key, entry->pair.key) != 0) {
			first = entry;
			continue;
		}
		entry->dropped = true;
		if (!entry->merged)
			tell_doubled(faults, entry->pair.key, first->pair.key);
	}
	free(sorted);
}

static bool
is_merge_key(const struct yaml_node *key)
{
	return key->plain && strcmp(key->text, "<<") == 0;
}

static void
merge_map(struct entries *entries, const struct yaml_node *map)
{
	for (size_t i = 0; i < map->count; i++)
		add_entry(entries, map->pairs[i], true);
}

static bool
is_list_of_maps(const struct yaml_node *node)
{
	if (node->kind != YAML_LIST)
		return false;
	for (size_t i = 0; i < node->count; i++) {
		if (node->items[i]->kind != YAML_MAP)
			return false;
	}
	return true;
}

static void
merge(struct faults *faults, struct entries *entries, const struct yaml_node *key,
    const struct yaml_node *value)
{
	if (value->kind == YAML_MAP) {
		merge_map(entries, value);
	} else if (is_list_of_maps(value)) {
		for (size_t i = 0; i < value->count; i++)
			merge_map(entries, value->items[i]);
	} else {
		faults_error(faults, key->place,
		    "<<: expected a map or a list of maps to merge");
	}
}

/* All that `<<` brings in, behind the map's own entries. */
static void
add_merged(struct entries *entries, const struct yaml_node *const *children,
    size_t count, struct faults *faults)
{
	const struct yaml_node *first = NULL;

	for (size_t i = 0; i + 1 < count; i += 2) {
		const struct yaml_node *key = children[i];
		const struct yaml_node *value = children[i + 1];

		if (key == NULL || value == NULL || !is_merge_key(key))
			continue;
		if (first == NULL) {
			first = key;
			merge(faults, entries, key, value);
		} else {
			tell_doubled(faults, key, first);
		}
	}
}

static void
add_own(struct entries *entries, const struct yaml_node *const *children, size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2) {
		const struct yaml_node *key = children[i];
		const struct yaml_node *value = children[i + 1];

		if (key != NULL && value != NULL && !is_merge_key(key))
			add_entry(entries, (struct yaml_pair){ key, value }, false);
	}
}

void
yaml_map_fill(struct yaml_tree *tree, struct yaml_measured *map,
    const struct yaml_node *const *children, size_t count, struct faults *faults)
{
	struct entries entries = { 0 };
	struct yaml_pair *pairs;
	size_t left = 0;

	add_own(&entries, children, count);
	add_merged(&entries, children, count, faults);
	drop_repeated(faults, &entries);

	pairs = xreallocarray(NULL, entries.count + 1, sizeof(*pairs));
	for (size_t i = 0; i < entries.count; i++) {
		if (!entries.items[i].dropped)
			pairs[left++] = entries.items[i].pair;
	}
	yaml_tree_fill_map(tree, map, pairs, left);
	free(pairs);
	free(entries.items);
}
