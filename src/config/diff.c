#include "config/diff.h"

#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/config.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/templates.h"
#include "config/value.h"
#include "config/vars.h"
#include "template/template.h"

struct comparison {
	const struct value *before; /* the vars */
	const struct value *after;
	/* The names of those that differ, sorted; owned, the names borrowed. So a large
	 * variable is not looked through for every target that names it. */
	const char **changed_vars;
	size_t changed_count;
	/* Nor is a large value in one of them: a tree, see tsearch(3), of known paths. */
	void *known_paths; /* owned */
};

/* A path into a changed variable, whose values were compared. */
struct known_path {
	const char *path; /* borrowed from a template */
	bool same;
};

/* ---- vars ---- */

static void
note_changed_var(struct comparison *comparison, const char *name)
{
	comparison->changed_vars = xgrow(comparison->changed_vars,
	    comparison->changed_count, sizeof(*comparison->changed_vars));
	comparison->changed_vars[comparison->changed_count++] = name;
}

/* How the first key of A from place I on is sorted to that of B from J on; a map that has
 * no more is behind. */
static int
compare_keys(const struct value *a, size_t i, const struct value *b, size_t j)
{
	if (i == a->count)
		return 1;
	if (j == b->count)
		return -1;
	return strcmp(a->keys[a->by_name[i]], b->keys[b->by_name[j]]);
}

/* Both maps side by side, by name. */
static void
find_changed_vars(struct comparison *comparison)
{
	const struct value *a = comparison->before;
	const struct value *b = comparison->after;
	size_t i = 0;
	size_t j = 0;

	while (i < a->count || j < b->count) {
		int order = compare_keys(a, i, b, j);
		bool same = order == 0 &&
		    value_equal(a->items[a->by_name[i]], b->items[b->by_name[j]]);

		if (!same)
			note_changed_var(comparison,
			    order <= 0 ? a->keys[a->by_name[i]]
			               : b->keys[b->by_name[j]]);
		i += order <= 0;
		j += order >= 0;
	}
}

/* Is PATH's first part KEY, one of the changed? For bsearch(3). */
static int
compare_to_path(const void *key, const void *item)
{
	const char *path = key;
	const char *name = *(const char *const *)item;
	size_t len = strcspn(path, ".");
	int order = strncmp(path, name, len);

	return order != 0 || name[len] == '\0' ? order : -1;
}

static int
compare_known_paths(const void *left, const void *right)
{
	const struct known_path *a = left;
	const struct known_path *b = right;

	return strcmp(a->path, b->path);
}

/* Does PATH lead to the same among both vars? */
static bool
compare_at_path(const struct comparison *comparison, const char *path)
{
	struct template_value before;
	struct template_value after;
	bool was_there = vars_find(NULL, comparison->before, path, &before, NULL);
	bool is_there = vars_find(NULL, comparison->after, path, &after, NULL);

	if (!was_there || !is_there)
		return was_there == is_there;
	return value_equal(before.node, after.node);
}

static struct known_path *
find_known_path(const struct comparison *comparison, const char *path)
{
	const struct known_path wanted = { .path = path };
	struct known_path *const *found =
	    tfind(&wanted, &comparison->known_paths, compare_known_paths);

	return found != NULL ? *found : NULL;
}

static struct known_path *
add_known_path(struct comparison *comparison, const char *path)
{
	struct known_path *known = xcalloc(1, sizeof(*known));

	known->path = path;
	known->same = compare_at_path(comparison, path);
	if (tsearch(known, &comparison->known_paths, compare_known_paths) == NULL)
		abort(); /* out of memory, as in base/xalloc */
	return known;
}

/* Likewise, but each path is followed only once. */
static bool
is_same_path(struct comparison *comparison, const char *path)
{
	const struct known_path *known;

	/* The names of vars hold no dots, so the first part is always a variable's. */
	if (bsearch(path, comparison->changed_vars, comparison->changed_count,
	        sizeof(*comparison->changed_vars), compare_to_path) == NULL)
		return true;
	if (strchr(path, '.') == NULL)
		return false; /* the variable itself */
	known = find_known_path(comparison, path);
	if (known == NULL)
		known = add_known_path(comparison, path);
	return known->same;
}

/* The templates of one target. */
struct look {
	struct comparison *comparison;
	const struct target *target;
	bool same;
};

/*
 * A name in a section may mean something in an element of its list or map; that is part of
 * what the section's own name leads to, which is compared like any other.
 */
static void
check_name(const struct template_name *name, void *arg)
{
	struct look *look = arg;
	const struct value *each = look->target->each;
	const struct value *vars = look->comparison->after;

	/* What is in `each` was compared; what is in no config is nothing that changes. */
	if (vars_holder(each, vars, name->path, strlen(name->path)) == vars)
		look->same = look->same && is_same_path(look->comparison, name->path);
}

static void
check_template(const struct target_template *one, void *arg)
{
	struct look *look = arg;

	if (look->same)
		template_each_name(*one->template, check_name, look);
}

/* Do the templates of TARGET, which are the same in both configs, name the same values? */
static bool
has_same_vars(struct comparison *comparison, const struct target *target)
{
	struct look look = {
		.comparison = comparison,
		.target = target,
		.same = true,
	};

	if (comparison->changed_count > 0)
		templates_each(target, check_template, &look);
	return look.same;
}

/* ---- targets ---- */

/* One that is not said follows from interval and timeout, which are compared themselves. */
static bool
has_same_deadline(const struct target *before, const struct target *after)
{
	return before->deadline_ms == after->deadline_ms ||
	    (!before->deadline_said && !after->deadline_said);
}

static bool
has_same_each(const struct target *before, const struct target *after)
{
	if (before->each == NULL || after->each == NULL)
		return before->each == after->each;
	return value_equal(before->each, after->each);
}

/* By name: the same text may mean another target where one with a longer name was added. */
static bool
has_same_dependencies(const struct target *before, const struct target *after)
{
	if (before->dependency_count != after->dependency_count)
		return false;
	for (size_t i = 0; i < before->dependency_count; i++) {
		const struct dependency *a = &before->dependencies[i];
		const struct dependency *b = &after->dependencies[i];

		if (a->needed != b->needed ||
		    strcmp(a->target->name, b->target->name) != 0)
			return false;
	}
	return true;
}

/* What its templates come to is in what is sent and where to. Its limits and
 * prices count from now on, and for whoever is in: they make no prompt another one. */
static bool
is_same_provider(const struct provider *before, const struct provider *after)
{
	bool same = strcmp(before->name, after->name) == 0 &&
	    keyed_equal(&provider_keys, KEY_PACE, before, after) &&
	    strcmp(before->url.text, after->url.text) == 0 &&
	    before->sent_count == after->sent_count;

	for (size_t i = 0; same && i < before->sent_count; i++)
		same = strcmp(before->sent[i].value, after->sent[i].value) == 0;
	return same;
}

/* Both of one kind; of prompts, the same provider. */
static bool
asks_the_same(const struct target *before, const struct target *after)
{
	const struct prompt *a = target_prompt(before);
	const struct prompt *b = target_prompt(after);

	if (a == NULL || b == NULL)
		return a == NULL && b == NULL;
	return is_same_provider(a->provider, b->provider);
}

static enum target_change
compare_targets(struct comparison *comparison, const struct target *before,
    const struct target *after)
{
	const struct key_table *table = keys_of_targets(after->kind);

	if (!asks_the_same(before, after) ||
	    !keyed_equal(table, KEY_TIMER, before, after) ||
	    !has_same_deadline(before, after) || !has_same_each(before, after) ||
	    !has_same_vars(comparison, after) || !has_same_dependencies(before, after))
		return TARGET_CHANGED;
	return before->interval_ms == after->interval_ms ? TARGET_SAME : TARGET_RETIMED;
}

/* ---- the whole ---- */

static void
note_target(
    struct config_diff *diff, const struct target *target, enum target_change change)
{
	diff->changes[target->index] = change;
	diff->counts[change]++;
}

static void
note_dropped(struct config_diff *diff, const struct target *target)
{
	diff->dropped =
	    xgrow(diff->dropped, diff->dropped_count, sizeof(*diff->dropped));
	diff->dropped[diff->dropped_count++] = target->index;
}

/* As compare_keys(), of targets. */
static int
compare_names(
    const struct config *before, size_t i, const struct config *after, size_t j)
{
	if (i == before->target_count)
		return 1;
	if (j == after->target_count)
		return -1;
	return strcmp(before->by_name[i]->name, after->by_name[j]->name);
}

static int
compare_indexes(const void *left, const void *right)
{
	const size_t *a = left;
	const size_t *b = right;

	return (*a > *b) - (*a < *b);
}

/* All targets side by side, by name: a search for each would cost more than comparing. */
static void
walk_targets(struct config_diff *diff, struct comparison *comparison,
    const struct config *before, const struct config *after)
{
	size_t i = 0;
	size_t j = 0;

	while (i < before->target_count || j < after->target_count) {
		int order = compare_names(before, i, after, j);

		if (order < 0)
			note_dropped(diff, before->by_name[i]);
		else if (order > 0)
			note_target(diff, after->by_name[j], TARGET_ADDED);
		else
			note_target(diff, after->by_name[j],
			    compare_targets(
			        comparison, before->by_name[i], after->by_name[j]));
		i += order <= 0;
		j += order >= 0;
	}
	if (diff->dropped_count > 0)
		qsort(diff->dropped, diff->dropped_count, sizeof(*diff->dropped),
		    compare_indexes);
}

void
config_diff_init(
    struct config_diff *diff, const struct config *before, const struct config *after)
{
	struct comparison comparison = {
		.before = before->vars,
		.after = after->vars,
	};

	*diff = (struct config_diff){
		.changes = xcalloc(after->target_count, sizeof(*diff->changes)),
	};
	find_changed_vars(&comparison);
	walk_targets(diff, &comparison, before, after);
	tdestroy(comparison.known_paths, free);
	free(comparison.changed_vars);
}

void
config_diff_clear(struct config_diff *diff)
{
	free(diff->changes);
	free(diff->dropped);
	*diff = (struct config_diff){ 0 };
}
