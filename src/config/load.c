/*
 * config_load(): the files of a config put together.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/dependencies.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/load_parts.h"
#include "config/oauth2.h"
#include "config/sources.h"
#include "config/target.h"
#include "config/types.h"
#include "config/value.h"
#include "config/vars.h"
#include "config/yaml.h"

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

struct entries
load_collect(struct load *load, const char *key)
{
	struct entries entries = { 0 };

	for (size_t i = 0; i < load->sources.count; i++)
		collect_from(load, &load->sources.items[i], key, &entries);
	tell_doubles(load, &entries, key);
	return entries;
}

/* ---- definitions ---- */

static bool
has_control_character(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len;) {
		uint32_t code_point = 0;
		size_t taken = utf8_decode(name + i, len - i, &code_point);

		if (taken == 0 || code_point < ' ' ||
		    (code_point >= 0x7f && code_point < 0xa0))
			return true;
		i += taken;
	}
	return false;
}

void
load_check_name(
    struct load *load, struct place place, const char *kind, const char *name)
{
	/* The text of a YAML scalar that holds a NUL was a fault. */
	if (name[0] == '\0')
		faults_error(load->faults, place, "%ss: a %s needs a name", kind, kind);
	else if (strlen(name) > CONFIG_MAX_NAME_BYTES)
		faults_error(load->faults, place,
		    "%ss: the name of a %s has at most %d bytes", kind, kind,
		    CONFIG_MAX_NAME_BYTES);
	else if (has_control_character(name))
		faults_error(load->faults, place,
		    "%ss: a control character in the name of a %s", kind, kind);
}

void
load_check_required(struct load *load, const struct key_table *table,
    const struct yaml_node *name, const struct yaml_node *map)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];

		if ((key->flags & KEY_REQUIRED) != 0 &&
		    yaml_get(map, key->name) == NULL)
			faults_error(load->faults, name->place, "%s: %s is missing",
			    name->text, key->name);
	}
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
			    "%s cannot stand in an included file: vars, defaults, "
			    "services, providers and prompts can",
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
	config->mode_place = place_of(root, "mode", file);
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
	struct entries entries = load_collect(load, "vars");

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

/* ---- all of it ---- */

/* A round that is decided as a whole begins as a whole. */
static void
check_mode(struct load *load)
{
	const struct config *config = load->config;

	if (config->mode == MODE_SETTLE || config->spread_ms == 0)
		return;
	faults_error(load->faults, config->spread_place,
	    "spread: with mode %s all targets begin at once",
	    gather_mode_names[config->mode]);
}

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
	load_providers(load);
	load_services(load);
	load_prompts(load);
	load_tell_doubled_names(load);
	load_check_defaults(load);
	check_mode(load);
	load_check_outside(load);
	config_index(load->config);
	dependencies_resolve(load->config, load->faults);
	oauth2_resolve(load->config, load->faults);
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
		.left = LOAD_MAX_EXPANDED,
	};

	if (sources_open(&load.sources, path, faults))
		load_all(&load, vars, var_count);
	for (size_t i = 0; i < ARRAY_COUNT(load.defaults); i++)
		target_free(load.defaults[i].proto);
	sources_clear(&load.sources);
	if (faults_error_count(faults) > errors_before) {
		config_unref(load.config);
		return NULL;
	}
	return load.config;
}
