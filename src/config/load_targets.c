/*
 * load_targets(): each definition becomes a target, or several by `for_each`.
 */
#include "config/load_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/xalloc.h"
#include "config/faults.h"
#include "config/for_each.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/rules_source.h"
#include "config/target.h"
#include "config/value.h"

/* What is being made of one definition. */
struct definition {
	struct load *load;
	const struct load_kind *kind;
	const struct load_defaults *defaults;
	const struct yaml_node *name;
	const struct yaml_node
	    *map;               /* of its keys, less `for_each`; NULL: it is none */
	struct value *for_each; /* owned by the first target that is made; NULL */
	bool expanded;
	struct target *first; /* NULL: none is made yet */
};

/* ---- keys ---- */

static int64_t
default_deadline_ms(const struct target *target)
{
	int64_t attempts_ms = (target->retries + 1) * target->timeout_ms;

	return target->interval_ms > attempts_ms ? target->interval_ms : attempts_ms;
}

/* Whatever neither the target nor `defaults` say and the file does. */
static void
inherit_from_file(const struct definition *definition, struct target *target)
{
	const struct key_table *table = keys_of_targets(target->kind);

	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];
		const struct key *of_file;

		if ((key->flags & KEY_OF_FILE) == 0 ||
		    yaml_get(definition->map, key->name) != NULL ||
		    yaml_get(definition->defaults->map, key->name) != NULL)
			continue;
		of_file = keys_find(&file_keys, key->name);
		memcpy((char *)target + key->offset,
		    (const char *)definition->load->config + of_file->offset,
		    key->type->size);
	}
}

/* Where NAME is said of the target or by `defaults`; NULL: nowhere. */
static const struct yaml_node *
find_said(const struct definition *definition, const char *name)
{
	const struct yaml_node *own = yaml_get(definition->map, name);

	return own != NULL ? own : yaml_get(definition->defaults->map, name);
}

/* Rounds that are decided as a whole have all targets in them. */
static void
check_interval(const struct definition *definition, const struct target *target)
{
	const struct config *config = definition->load->config;
	const struct yaml_node *node = find_said(definition, "interval");
	char interval[UNITS_TEXT_SIZE];

	if (config->mode == MODE_SETTLE || node == NULL ||
	    target->interval_ms == config->interval_ms)
		return;
	units_format_duration(interval, config->interval_ms);
	faults_error(definition->load->faults, node->place,
	    "interval: with mode %s all targets have that of the file, %s",
	    gather_mode_names[config->mode], interval);
}

/* Nor is one of them left out. */
static void
check_backoff(const struct definition *definition, const struct target *target)
{
	const struct config *config = definition->load->config;
	const struct yaml_node *node = find_said(definition, "backoff");

	if (config->mode == MODE_SETTLE || node == NULL || target->backoff_ms == 0)
		return;
	faults_error(definition->load->faults, node->place,
	    "backoff: with mode %s all targets are asked in each round",
	    gather_mode_names[config->mode]);
}

static void
load_keys(const struct definition *definition, struct target *target)
{
	struct load *load = definition->load;
	const struct load_defaults *defaults = definition->defaults;
	const struct key_table *table = keys_of_targets(target->kind);

	(void)keyed_load(table, definition->map, &load->loading, target);
	keyed_inherit(table, definition->map, defaults->map, defaults->proto, target);
	inherit_from_file(definition, target);
	check_interval(definition, target);
	check_backoff(definition, target);
	if (definition->kind->check != NULL)
		definition->kind->check(load, target, definition->map);
}

/* What follows from keys that may only now be known. */
static void
complete(const struct definition *definition, struct target *target)
{
	if (definition->kind->complete != NULL)
		definition->kind->complete(definition->load, target, definition->map);
	target->deadline_said = target->deadline_ms != 0;
	if (!target->deadline_said)
		target->deadline_ms = default_deadline_ms(target);
}

/* ---- targets ---- */

static void
add_target(struct config *config, struct target *target)
{
	struct target ***list = target->enabled ? &config->targets : &config->disabled;
	size_t *count =
	    target->enabled ? &config->target_count : &config->disabled_count;

	target->order = config->target_count + config->disabled_count;
	target->index = *count;
	*list = xgrow(*list, *count, sizeof(struct target *));
	(*list)[(*count)++] = target;
}

/* The target NAME; EACH, which is taken over, is what `for_each` gave it, or NULL. */
static void
make_target(struct definition *definition, const char *name, struct value *each)
{
	struct load *load = definition->load;
	const struct load_kind *kind = definition->kind;
	struct target *target = target_new(kind->kind, name, definition->name->place);

	load_check_name(
	    load, definition->name->place, target_kind_names[kind->kind], name);
	target->each = each;
	if (definition->map != NULL)
		load_keys(definition, target);
	if (definition->expanded)
		target->definition = xstrdup(definition->name->text);
	/* Printed with the first of them; with each, their number squared would be kept. */
	value_free(target->for_each);
	target->for_each = definition->first == NULL ? definition->for_each : NULL;
	if (definition->first == NULL)
		definition->first = target;
	/* A fault of one key is no reason to keep quiet about the others. */
	target_compile(target, load->config, load->faults);
	rules_source_compile(target, load->faults);
	if (definition->map != NULL) {
		complete(definition, target);
		target_try(target, load->config, load->faults);
	}
	add_target(load->config, target);
}

/* ---- for_each ---- */

static void
on_combination(const char *name, struct value *each, void *arg)
{
	struct definition *definition = arg;

	if (definition->load->left == 0) {
		faults_error(definition->load->faults, definition->name->place,
		    "for_each: more than %d targets in all", LOAD_MAX_EXPANDED);
		value_free(each);
		return;
	}
	definition->load->left--;
	make_target(definition, name, each);
}

/* A value of which nothing can be said, so that nothing is. */
static void
set_broken(struct value *map, const char *name)
{
	struct value *value = value_new_map();

	value->broken = true;
	value_set(map, name, value);
}

/* What is behind `for_each`, as names for templates whose values are not known. */
static void
note_names(const struct yaml_node *node, struct value *map)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
		set_broken(map, node->pairs[i].key->text);
}

/* MAP without the key `for_each`. */
static const struct yaml_node *
without_for_each(struct load *load, const struct yaml_node *map)
{
	struct yaml_pair *pairs = xcalloc(map->count, sizeof(*pairs));
	const struct yaml_node *made;
	size_t count = 0;

	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->pairs[i].key->text, "for_each") != 0)
			pairs[count++] = map->pairs[i];
	}
	made = yaml_make_map(load->sources.items[0].tree, map->place, pairs, count);
	free(pairs);
	return made;
}

/* NODE is the value of `for_each`, and it says something. */
static void
expand(struct definition *definition, const struct yaml_node *node)
{
	struct load *load = definition->load;
	const struct load_kind *kind = definition->kind;
	const struct key *key = keys_find(keys_of_targets(kind->kind), "for_each");
	struct value *unknown;
	bool fine;

	definition->expanded = true;
	note_names(node, definition->defaults->proto->each);
	definition->map = without_for_each(load, definition->map);
	fine = key->type->load(key, node, &load->loading, &definition->for_each) &&
	    for_each_expand(definition->for_each, kind->top, definition->name,
	        load->config->vars, load->faults, on_combination, definition);
	/* What else is wrong with it is told all the same. */
	if (!fine || definition->first == NULL) {
		unknown = value_new_map();
		note_names(node, unknown);
		make_target(definition, definition->name->text, unknown);
	}
}

/* ---- doubled names ---- */

static int
compare_targets(const void *left, const void *right)
{
	const struct target *a = *(const struct target *const *)left;
	const struct target *b = *(const struct target *const *)right;
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static const char *
written_name(const struct target *target)
{
	return target->definition != NULL ? target->definition : target->name;
}

/* SECOND has the name of FIRST, which stands before it. */
static void
tell_double(struct load *load, const struct target *first, const struct target *second)
{
	bool same_definition = first->place.file == second->place.file &&
	    first->place.line == second->place.line &&
	    first->place.column == second->place.column;

	if (same_definition)
		faults_error(load->faults, second->place,
		    "%ss: %s: for_each gives the name %s twice",
		    target_kind_names[second->kind], written_name(second),
		    second->name);
	/* Of one kind and written alike, they were told where all files were put
	 * together. */
	else if (first->kind != second->kind ||
	    strcmp(written_name(first), written_name(second)) != 0)
		faults_error(load->faults, second->place,
		    "%ss: %s is already the name of a %s at %s:%u:%u",
		    target_kind_names[second->kind], second->name,
		    target_kind_names[first->kind],
		    faults_file_name(load->faults, first->place.file),
		    first->place.line, first->place.column);
}

void
load_tell_doubled_names(struct load *load)
{
	const struct config *config = load->config;
	size_t count = config->target_count + config->disabled_count;
	const struct target **all = xcalloc(count + 1, sizeof(struct target *));

	if (config->target_count > 0)
		memcpy(all, config->targets,
		    config->target_count * sizeof(struct target *));
	if (config->disabled_count > 0)
		memcpy(all + config->target_count, config->disabled,
		    config->disabled_count * sizeof(struct target *));
	qsort(all, count, sizeof(struct target *), compare_targets);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(all[i - 1]->name, all[i]->name) == 0)
			tell_double(load, all[i - 1], all[i]);
	}
	free(all);
}

/* ---- all of them ---- */

static void
load_target(
    struct load *load, const struct load_kind *kind, const struct yaml_pair *pair)
{
	struct definition definition = {
		.load = load,
		.kind = kind,
		.defaults = &load->defaults[kind->kind],
		.name = pair->key,
		.map = kind->find_map(load, pair->key, pair->value),
	};
	const struct yaml_node *node = NULL;

	if (definition.map != NULL) {
		load_check_required(
		    load, keys_of_targets(kind->kind), pair->key, definition.map);
		node = yaml_get(definition.map, "for_each");
	}
	if (node != NULL && !type_is_nothing(node))
		expand(&definition, node);
	else
		make_target(&definition, pair->key->text, NULL);
}

void
load_targets(struct load *load, const struct load_kind *kind)
{
	struct entries entries = load_collect(load, kind->top);

	for (size_t i = 0; i < entries.count; i++)
		load_target(load, kind, &entries.items[i]);
	free(entries.items);
}
