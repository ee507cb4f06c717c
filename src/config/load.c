/*
 * config_load(): the files of a config put together.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/sources.h"
#include "config/target.h"
#include "config/types.h"
#include "config/value.h"
#include "config/vars.h"
#include "config/yaml.h"

struct load {
	struct config *config;
	struct faults *faults;
	struct sources sources;
	struct loading loading;

	const struct yaml_node *defaults; /* what all files say, as one map */
	struct target *proto;             /* read from it; owned */
};

/* The entries of one key of the top maps of all files. */
struct entries {
	struct yaml_pair *items; /* owned */
	size_t count;
};

/* ---- keys that several files may have ---- */

static void
add_entry(struct entries *entries, const struct yaml_pair *pair)
{
	entries->items = xgrow(entries->items, entries->count, sizeof(*entries->items));
	entries->items[entries->count++] = *pair;
}

static int
compare_entries(const void *left, const void *right)
{
	const struct yaml_node *a = ((const struct yaml_pair *)left)->key;
	const struct yaml_node *b = ((const struct yaml_pair *)right)->key;
	int order = strcmp(a->text, b->text);

	if (order == 0)
		order =
		    (a->place.file > b->place.file) - (a->place.file < b->place.file);
	return order;
}

/* Told at the later one. Twice in the same file is a doubled key, and told as that. */
static void
tell_doubles(struct load *load, const struct entries *entries, const char *key)
{
	struct yaml_pair *sorted;

	if (entries->count < 2)
		return;
	sorted = xreallocarray(NULL, entries->count, sizeof(*sorted));
	memcpy(sorted, entries->items, entries->count * sizeof(*sorted));
	qsort(sorted, entries->count, sizeof(*sorted), compare_entries);
	for (size_t i = 1; i < entries->count; i++) {
		const struct yaml_node *first = sorted[i - 1].key;
		const struct yaml_node *second = sorted[i].key;

		if (strcmp(first->text, second->text) != 0 ||
		    first->place.file == second->place.file)
			continue;
		faults_error(load->faults, second->place,
		    "%s: %s is already set at %s:%u:%u", key, second->text,
		    faults_file_name(load->faults, first->place.file),
		    first->place.line, first->place.column);
	}
	free(sorted);
}

static void
collect_from(struct load *load, const struct source *source, const char *key,
    struct entries *entries)
{
	const struct yaml_node *root = source_root(source);
	const struct yaml_node *node = root != NULL ? yaml_get(root, key) : NULL;

	if (node == NULL || type_is_nothing(node))
		return;
	if (node->kind != YAML_MAP) {
		faults_error(load->faults, node->place, "%s: expected a map", key);
		return;
	}
	for (size_t i = 0; i < node->count; i++)
		add_entry(entries, &node->pairs[i]);
}

/* What all files have under KEY. The caller frees the items. */
static struct entries
collect(struct load *load, const char *key)
{
	struct entries entries = { 0 };

	for (size_t i = 0; i < load->sources.count; i++)
		collect_from(load, &load->sources.items[i], key, &entries);
	tell_doubles(load, &entries, key);
	return entries;
}

/* ---- the files ---- */

/* An included file has some of the top keys only. */
static void
check_included(struct load *load, const struct yaml_node *root)
{
	(void)keyed_check_names(&file_keys, root, &load->loading);
	for (size_t i = 0; i < root->count; i++) {
		const struct yaml_node *name = root->pairs[i].key;
		const struct key *key = keys_find(&file_keys, name->text);

		if (key != NULL && (key->flags & KEY_INCLUDED) == 0)
			faults_error(load->faults, name->place,
			    "%s cannot stand in an included file: vars, defaults and "
			    "services can",
			    key->name);
	}
}

/* Where the value of KEY stands in ROOT, of the file with number FILE. */
static struct place
place_of(const struct yaml_node *root, const char *key, unsigned file)
{
	const struct yaml_node *node = yaml_get(root, key);

	if (node != NULL)
		return node->place;
	return (struct place){ .file = file, .line = 1, .column = 1 };
}

static void
load_files(struct load *load)
{
	struct config *config = load->config;
	const struct yaml_node *root = source_root(&load->sources.items[0]);
	unsigned file = load->sources.items[0].file;

	(void)keyed_load(&file_keys, root, &load->loading, config);
	config->spread_place = place_of(root, "spread", file);
	config->max_concurrent_place = place_of(root, "max_concurrent", file);
	config->services_place = place_of(root, "services", file);

	sources_include(&load->sources, &config->includes, load->faults);
	for (size_t i = 1; i < load->sources.count; i++) {
		root = source_root(&load->sources.items[i]);
		if (root != NULL)
			check_included(load, root);
	}
}

/* ---- vars ---- */

static void
load_var(struct load *load, const struct yaml_pair *pair)
{
	const struct yaml_node *name = pair->key;
	const char *why = vars_why_unfit(name->text);
	struct value *value = value_load(pair->value,
	    sources_folder(&load->sources, pair->value->place.file), load->faults);
	char *prefix;

	if (why != NULL)
		faults_error(
		    load->faults, name->place, "vars: %s: %s", name->text, why);
	/* The name is known all the same: a fault is told once, not wherever it is used. */
	if (value == NULL) {
		value = value_new_map();
		value->broken = true;
	}
	prefix = sources_prefix(&load->sources, pair->value->place.file);
	value_rebase(value, prefix);
	free(prefix);
	value_set(load->config->vars, name->text, value);
}

static void
load_vars(struct load *load)
{
	struct entries entries = collect(load, "vars");

	for (size_t i = 0; i < entries.count; i++)
		load_var(load, &entries.items[i]);
	free(entries.items);
}

static void
set_arguments(struct load *load, const struct config_var *vars, size_t count)
{
	struct place place = { .line = 1, .column = 1 };
	bool any_fault = false;

	for (size_t i = 0; i < count; i++) {
		const char *why = vars_why_unfit(vars[i].name);

		if (why == NULL) {
			value_set(load->config->vars, vars[i].name,
			    value_from_argument(vars[i].value));
			continue;
		}
		if (!any_fault)
			place.file = faults_add_file(load->faults, "<command-line>");
		any_fault = true;
		faults_error(load->faults, place, "--var: %s: %s", vars[i].name, why);
	}
}

/* ---- defaults ---- */

static void
tell_own_only_keys(struct load *load)
{
	const struct yaml_node *map = load->defaults;

	for (size_t i = 0; i < map->count; i++) {
		const struct yaml_node *name = map->pairs[i].key;
		const struct key *key = keys_find(&service_keys, name->text);

		if (key != NULL && (key->flags & KEY_OWN_ONLY) != 0)
			faults_error(load->faults, name->place,
			    "defaults: each service has its own %s", key->name);
	}
}

static void
load_defaults(struct load *load)
{
	struct entries entries = collect(load, "defaults");
	struct place place = load->config->max_concurrent_place;

	load->defaults = yaml_make_map(
	    load->sources.items[0].tree, place, entries.items, entries.count);
	load->proto = target_new("", place);
	tell_own_only_keys(load);
	(void)keyed_load(&service_keys, load->defaults, &load->loading, load->proto);
	free(entries.items);
}

/* ---- services ---- */

static void
check_name(struct load *load, const struct yaml_node *name)
{
	const char *why = NULL;

	for (size_t i = 0; i < name->len && why == NULL;) {
		uint32_t code_point = 0;
		size_t len = utf8_decode(name->text + i, name->len - i, &code_point);

		if (len == 0 || code_point < ' ' ||
		    (code_point >= 0x7f && code_point < 0xa0))
			why = "a control character in the name of a service";
		i += len > 0 ? len : 1;
	}
	if (name->len == 0)
		why = "a service needs a name";
	if (name->len > CONFIG_MAX_NAME_BYTES)
		why = "the name of a service has at most 128 bytes";
	if (why != NULL)
		faults_error(load->faults, name->place, "services: %s", why);
}

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

static void
check_required(
    struct load *load, const struct target *target, const struct yaml_node *map)
{
	for (size_t i = 0; i < service_keys.count; i++) {
		const struct key *key = &service_keys.keys[i];

		if ((key->flags & KEY_REQUIRED) != 0 &&
		    yaml_get(map, key->name) == NULL)
			faults_error(load->faults, target->place, "%s: %s is missing",
			    target->name, key->name);
	}
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
		target->deadline_ms = target->interval_ms > target->timeout_ms
		    ? target->interval_ms
		    : target->timeout_ms;
}

static void
load_keys(struct load *load, struct target *target, const struct yaml_node *map)
{
	(void)keyed_load(&service_keys, map, &load->loading, target);
	keyed_inherit(&service_keys, map, load->defaults, load->proto, target);
	inherit_from_file(load, target, map);
	check_required(load, target, map);
}

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

static void
load_service(struct load *load, const struct yaml_pair *pair)
{
	const struct yaml_node *map = map_of_service(load, pair->key, pair->value);
	struct target *target = target_new(pair->key->text, pair->key->place);

	check_name(load, pair->key);
	if (map != NULL)
		load_keys(load, target, map);
	/* A fault of one key is no reason to keep quiet about the others. */
	target_compile(target, load->config, load->faults);
	target_try(target, load->config, load->faults);
	add_target(load->config, target);
}

static void
load_services(struct load *load)
{
	struct entries entries = collect(load, "services");

	for (size_t i = 0; i < entries.count; i++)
		load_service(load, &entries.items[i]);
	free(entries.items);
}

/* ---- all of it ---- */

static struct config *
config_new(const char *path)
{
	struct config *config = xcalloc(1, sizeof(*config));

	config->references = 1;
	config->path = xstrdup(path);
	keyed_init(&file_keys, config);
	return config;
}

static void
load_all(struct load *load, const struct config_var *vars, size_t var_count)
{
	load_files(load);
	load_vars(load);
	set_arguments(load, vars, var_count);
	load_defaults(load);
	/* Where there is no service, the templates in it are looked at all the same. */
	target_compile(load->proto, load->config, load->faults);
	load_services(load);
	config_index(load->config);
}

struct config *
config_load(const char *path, const struct config_var *vars, size_t var_count,
    struct faults *faults)
{
	size_t errors_before = faults_error_count(faults);
	struct load load = {
		.config = config_new(path),
		.faults = faults,
		.loading = { .faults = faults, .sources = &load.sources },
	};

	if (sources_open(&load.sources, path, faults))
		load_all(&load, vars, var_count);
	target_free(load.proto);
	sources_clear(&load.sources);
	if (faults_error_count(faults) > errors_before) {
		config_unref(load.config);
		return NULL;
	}
	return load.config;
}
