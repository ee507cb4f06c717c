/*
 * load_services(): each definition becomes a target, or several by `for_each`.
 */
#include "config/load_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/for_each.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/rules_source.h"
#include "config/target.h"
#include "config/value.h"

/* More of them fit into no memory; what is written out is bounded by the size of files. */
#define MAX_EXPANDED 100000

/* What is being made of one definition. */
struct definition {
	struct load *load;
	const struct yaml_node *name;
	const struct yaml_node
	    *map;               /* of its keys, less `for_each`; NULL: it is none */
	struct value *for_each; /* owned by the first target that is made; NULL */
	bool expanded;
	struct target *first; /* NULL: none is made yet */
	size_t *left;         /* how many may still be made by `for_each` in all */
};

/* ---- names ---- */

static const char *
why_no_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0)
		return "a service needs a name";
	if (len > CONFIG_MAX_NAME_BYTES)
		return "the name of a service has at most 128 bytes";
	for (size_t i = 0; i < len;) {
		uint32_t code_point = 0;
		size_t taken = utf8_decode(name + i, len - i, &code_point);

		if (taken == 0 || code_point < ' ' ||
		    (code_point >= 0x7f && code_point < 0xa0))
			return "a control character in the name of a service";
		i += taken;
	}
	return NULL;
}

static void
check_name(const struct definition *definition, const char *name)
{
	const char *why = why_no_name(name);

	/* The text of a YAML scalar that holds a NUL was a fault. */
	if (why != NULL)
		faults_error(definition->load->faults, definition->name->place,
		    "services: %s", why);
}

/* ---- keys ---- */

/* The map of keys that NODE, the value of a service, stands for; NULL with a fault. */
static const struct yaml_node *
map_of_service(
    struct load *load, const struct yaml_node *name, const struct yaml_node *node)
{
	struct yaml_tree *tree = load->sources.items[0].tree;
	struct yaml_pair url;

	if (node->kind == YAML_MAP)
		return node;
	if (node->kind == YAML_LIST) {
		faults_error(load->faults, node->place,
		    "%s: expected a URL or a map of keys", name->text);
		return NULL;
	}
	url.key = yaml_make_scalar(tree, node->place, "url");
	url.value = node;
	return yaml_make_map(tree, node->place, &url, type_is_nothing(node) ? 0 : 1);
}

/* Of several by one `for_each` it is told once. */
static void
check_required(const struct definition *definition)
{
	for (size_t i = 0; i < service_keys.count; i++) {
		const struct key *key = &service_keys.keys[i];

		if ((key->flags & KEY_REQUIRED) != 0 &&
		    yaml_get(definition->map, key->name) == NULL)
			faults_error(definition->load->faults, definition->name->place,
			    "%s: %s is missing", definition->name->text, key->name);
	}
}

static int64_t
default_deadline_ms(const struct target *target)
{
	int64_t attempts_ms = (target->retries + 1) * target->timeout_ms;

	return target->interval_ms > attempts_ms ? target->interval_ms : attempts_ms;
}

/* Whatever neither MAP nor `defaults` says and the file does. */
static void
inherit_from_file(struct load *load, struct target *target, const struct yaml_node *map)
{
	for (size_t i = 0; i < service_keys.count; i++) {
		const struct key *key = &service_keys.keys[i];
		const struct key *of_file;

		if ((key->flags & KEY_OF_FILE) == 0 ||
		    yaml_get(map, key->name) != NULL ||
		    yaml_get(load->defaults, key->name) != NULL)
			continue;
		of_file = keys_find(&file_keys, key->name);
		memcpy((char *)target + key->offset,
		    (const char *)load->config + of_file->offset, key->type->size);
	}
	target->deadline_said = target->deadline_ms != 0;
	if (!target->deadline_said)
		target->deadline_ms = default_deadline_ms(target);
}

/* Rounds that are decided as a whole have all targets in them. */
static void
check_interval(
    struct load *load, const struct target *target, const struct yaml_node *map)
{
	const struct config *config = load->config;
	const struct yaml_node *node = yaml_get(map, "interval");
	char interval[UNITS_TEXT_SIZE];

	if (config->mode == MODE_SETTLE || target->interval_ms == config->interval_ms)
		return;
	if (node == NULL)
		node = yaml_get(load->defaults, "interval");
	if (node == NULL)
		return;
	units_format_duration(interval, config->interval_ms);
	faults_error(load->faults, node->place,
	    "interval: with mode %s all services have that of the file, %s",
	    gather_mode_names[config->mode], interval);
}

/* Nor is one of them left out. */
static void
check_backoff(
    struct load *load, const struct target *target, const struct yaml_node *map)
{
	const struct config *config = load->config;
	const struct yaml_node *node = yaml_get(map, "backoff");

	if (config->mode == MODE_SETTLE || target->backoff_ms == 0)
		return;
	if (node == NULL)
		node = yaml_get(load->defaults, "backoff");
	if (node != NULL)
		faults_error(load->faults, node->place,
		    "backoff: with mode %s all services are asked in each round",
		    gather_mode_names[config->mode]);
}

static void
load_keys(struct definition *definition, struct target *target)
{
	struct load *load = definition->load;
	const struct yaml_node *map = definition->map;

	(void)keyed_load(&service_keys, map, &load->loading, target);
	keyed_inherit(&service_keys, map, load->defaults, load->proto, target);
	inherit_from_file(load, target, map);
	check_interval(load, target, map);
	check_backoff(load, target, map);
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
	struct target *target = target_new(name, definition->name->place);

	check_name(definition, name);
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
	target_try(target, load->config, load->faults);
	add_target(load->config, target);
}

/* ---- for_each ---- */

static void
on_combination(const char *name, struct value *each, void *arg)
{
	struct definition *definition = arg;

	if (*definition->left == 0) {
		faults_error(definition->load->faults, definition->name->place,
		    "for_each: more than %d services in all", MAX_EXPANDED);
		value_free(each);
		return;
	}
	--*definition->left;
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
	const struct key *key = keys_find(&service_keys, "for_each");
	struct value *unknown;
	bool fine;

	definition->expanded = true;
	note_names(node, load->proto->each);
	definition->map = without_for_each(load, definition->map);
	fine = key->type->load(key, node, &load->loading, &definition->for_each) &&
	    for_each_expand(definition->for_each, definition->name, load->config->vars,
	        load->faults, on_combination, definition);
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
		    "services: %s: for_each gives the name %s twice",
		    written_name(second), second->name);
	/* Written alike, they were told where all files were put together. */
	else if (strcmp(written_name(first), written_name(second)) != 0)
		faults_error(load->faults, second->place,
		    "services: %s is already the name of a service at %s:%u:%u",
		    second->name, faults_file_name(load->faults, first->place.file),
		    first->place.line, first->place.column);
}

static void
tell_doubled_names(struct load *load)
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
load_service(struct load *load, const struct yaml_pair *pair, size_t *left)
{
	struct definition definition = {
		.load = load,
		.name = pair->key,
		.map = map_of_service(load, pair->key, pair->value),
		.left = left,
	};
	const struct yaml_node *node = NULL;

	if (definition.map != NULL) {
		check_required(&definition);
		node = yaml_get(definition.map, "for_each");
	}
	if (node != NULL && !type_is_nothing(node))
		expand(&definition, node);
	else
		make_target(&definition, pair->key->text, NULL);
}

void
load_services(struct load *load)
{
	struct entries entries = load_collect(load, "services");
	size_t left = MAX_EXPANDED;

	for (size_t i = 0; i < entries.count; i++)
		load_service(load, &entries.items[i], &left);
	tell_doubled_names(load);
	free(entries.items);
}
