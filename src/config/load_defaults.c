/*
 * load_defaults(): what `defaults` say, taken apart for services and prompts.
 */
#include "config/load_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/rules_source.h"
#include "config/target.h"
#include "config/value.h"

/* Who has KEY in its table. */
static const char *
owner_of(const struct key *key)
{
	bool of_service = keys_find(&service_keys, key->name) != NULL;
	bool of_prompt = keys_find(&prompt_keys, key->name) != NULL;

	if (of_service && of_prompt)
		return "target";
	return target_kind_names[of_prompt ? TARGET_PROMPT : TARGET_SERVICE];
}

static void
check_names(struct load *load, const struct yaml_node *map)
{
	(void)keyed_check_names(&defaults_keys, map, &load->loading);
	for (size_t i = 0; i < map->count; i++) {
		const struct yaml_node *name = map->pairs[i].key;
		const struct key *key = keys_find(&defaults_keys, name->text);

		if (key != NULL && (key->flags & KEY_OWN_ONLY) != 0)
			faults_error(load->faults, name->place,
			    "defaults: each %s has its own %s", owner_of(key),
			    key->name);
	}
}

/* Is the key NAME of both kinds for prompts, too? A `format` that only services can have is
 * for them; whether it is one at all was told by then. */
static bool
is_for_prompts(const struct load *load, const char *name)
{
	const struct target *services = load->defaults[TARGET_SERVICE].proto;

	return strcmp(name, "format") != 0 || services->format == FORMAT_JSON ||
	    services->format == FORMAT_TEXT;
}

/* MAP without the keys that targets of KIND do not have. */
static const struct yaml_node *
map_for(struct load *load, enum target_kind kind, const struct yaml_node *map)
{
	struct yaml_pair *pairs = xcalloc(map->count + 1, sizeof(*pairs));
	const struct key_table *table = keys_of_targets(kind);
	const struct yaml_node *made;
	size_t count = 0;

	for (size_t i = 0; i < map->count; i++) {
		const char *name = map->pairs[i].key->text;

		if (keys_find(table, name) != NULL &&
		    (kind != TARGET_PROMPT || is_for_prompts(load, name)))
			pairs[count++] = map->pairs[i];
	}
	made = yaml_make_map(load->sources.items[0].tree, map->place, pairs, count);
	free(pairs);
	return made;
}

static void
load_for(struct load *load, enum target_kind kind, const struct yaml_node *map)
{
	struct load_defaults *defaults = &load->defaults[kind];

	defaults->map = map_for(load, kind, map);
	defaults->proto = target_new(kind, "", map->place);
	defaults->proto->each = value_new_map();
	(void)keyed_load(
	    keys_of_targets(kind), defaults->map, &load->loading, defaults->proto);
}

void
load_defaults(struct load *load)
{
	struct entries entries = load_collect(load, "defaults");
	struct place place = load->config->max_concurrent_place;
	const struct yaml_node *map = yaml_make_map(
	    load->sources.items[0].tree, place, entries.items, entries.count);

	free(entries.items);
	check_names(load, map);
	load_for(load, TARGET_SERVICE, map);
	load_for(load, TARGET_PROMPT, map);
}

void
load_check_defaults(struct load *load)
{
	for (size_t i = 0; i < ARRAY_COUNT(load->defaults); i++) {
		struct target *proto = load->defaults[i].proto;

		target_compile(proto, load->config, load->faults);
		rules_source_compile(proto, load->faults);
	}
}
