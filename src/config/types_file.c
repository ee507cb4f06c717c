/*
 * The types of keys that only the top map has.
 */
#include "config/types.h"

#include <string.h>

#include "base/json_write.h"
#include "config/config.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/types_parts.h"
#include "config/value.h"
#include "config/vars.h"

/* ---- vars ---- */

static void
init_vars(void *field)
{
	*(struct value **)field = value_new_map();
}

static void
clear_vars(void *field)
{
	value_free(*(struct value **)field);
}

static void
print_vars(const struct key *key, const void *field, struct printing *printing)
{
	const struct value *vars = *(struct value *const *)field;

	if (vars->count == 0)
		return;
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	for (size_t i = 0; i < vars->count; i++) {
		yaml_write_key(&printing->yaml, vars->keys[i]);
		type_print_value(vars->keys[i], vars->items[i], printing);
	}
	yaml_write_end_map(&printing->yaml);
}

void
type_write_variable_names(struct json_write *json)
{
	json_write_key(json, "propertyNames");
	json_write_begin_object(json);
	json_write_key(json, "pattern");
	json_write_string(json, "^[A-Za-z_][A-Za-z0-9_-]*$");
	json_write_key(json, "not");
	json_write_begin_object(json);
	json_write_key(json, "enum");
	json_write_begin_array(json);
	for (size_t i = 0; vars_reserved_names[i] != NULL; i++)
		json_write_string(json, vars_reserved_names[i]);
	json_write_end_array(json);
	json_write_end_object(json);
	json_write_end_object(json);
}

static void
write_vars_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_map(json);
	type_write_variable_names(json);
}

static bool
equal_vars(const void *a, const void *b)
{
	return value_equal(*(struct value *const *)a, *(struct value *const *)b);
}

const struct type type_vars = {
	.size = sizeof(struct value *),
	.equal = equal_vars,
	.init = init_vars,
	.clear = clear_vars,
	.print = print_vars,
	.schema = write_vars_schema,
};

/* ---- listen ---- */

/* What it is an address of is looked at with the keys beside it. */
static bool
load_listen(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return type_optional.load(key, node, loading, field);
}

static void
print_listen(const struct key *key, const void *field, struct printing *printing)
{
	type_optional.print(key, field, printing);
}

static void
write_listen_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("address", json);
}

const struct type type_listen = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_listen,
	.equal = type_equal_texts,
	.print = print_listen,
	.schema = write_listen_schema,
};

/* ---- defaults ---- */

static void
write_defaults_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_map(json);
	keyed_schema(&defaults_keys, KEY_OWN_ONLY, true, json);
}

/* Not printed: the targets have taken them in. */
const struct type type_defaults = { .schema = write_defaults_schema };

/* ---- services and prompts ---- */

static void
print_target(const struct target *target, struct printing *printing)
{
	yaml_write_key(&printing->yaml,
	    target->definition != NULL ? target->definition : target->name);
	yaml_write_begin_map(&printing->yaml);
	keyed_print(keys_of_targets(target->kind), target, printing);
	yaml_write_end_map(&printing->yaml);
}

/* Do both come of one `for_each`? */
static bool
has_same_definition(const struct target *a, const struct target *b)
{
	return a->definition != NULL && b->definition != NULL &&
	    strcmp(a->definition, b->definition) == 0;
}

/* Enabled and disabled ones of KIND in the order they were written in. */
static void
print_targets(
    const struct config *config, enum target_kind kind, struct printing *printing)
{
	const struct target *before = NULL;
	size_t i = 0;
	size_t j = 0;

	while (i < config->target_count || j < config->disabled_count) {
		bool enabled = j == config->disabled_count ||
		    (i < config->target_count &&
		        config->targets[i]->order < config->disabled[j]->order);
		const struct target *target =
		    enabled ? config->targets[i++] : config->disabled[j++];

		if (target->kind != kind)
			continue;
		if (before == NULL || !has_same_definition(before, target))
			print_target(target, printing);
		before = target;
	}
}

static void
print_services(const struct key *key, const void *field, struct printing *printing)
{
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	print_targets(field, TARGET_SERVICE, printing);
	yaml_write_end_map(&printing->yaml);
}

/* "propertyNames": what a target or provider may be called. */
static void
write_names(struct json_write *json)
{
	json_write_key(json, "propertyNames");
	json_write_begin_object(json);
	json_write_key(json, "minLength");
	json_write_int(json, 1);
	json_write_key(json, "maxLength");
	json_write_int(json, CONFIG_MAX_NAME_BYTES);
	json_write_end_object(json);
}

/* A map of names to maps of the keys of TABLE. */
static void
write_map_of(
    const struct key_table *table, const char *description, struct json_write *json)
{
	type_write_map(json);
	write_names(json);
	json_write_key(json, "additionalProperties");
	json_write_begin_object(json);
	json_write_key(json, "description");
	json_write_string(json, description);
	json_write_key(json, "type");
	json_write_string(json, "object");
	keyed_schema(table, 0, false, json);
	json_write_end_object(json);
}

static void
write_service_schema(struct json_write *json)
{
	json_write_begin_object(json);
	json_write_key(json, "description");
	json_write_string(json, "A service: its URL, or a map of keys.");
	json_write_key(json, "anyOf");
	json_write_begin_array(json);
	json_write_begin_object(json);
	json_write_key(json, "$ref");
	json_write_string(json, "#/$defs/url");
	json_write_end_object(json);
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "object");
	keyed_schema(&service_keys, 0, false, json);
	json_write_end_object(json);
	json_write_end_array(json);
	json_write_end_object(json);
}

static void
write_services_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_map(json);
	write_names(json);
	json_write_key(json, "additionalProperties");
	write_service_schema(json);
}

const struct type type_services = {
	.print = print_services,
	.schema = write_services_schema,
};

static void
print_prompts(const struct key *key, const void *field, struct printing *printing)
{
	const struct config *config = field;
	bool any = config->service_count < config->target_count;

	for (size_t i = 0; !any && i < config->disabled_count; i++)
		any = config->disabled[i]->kind == TARGET_PROMPT;
	if (!any)
		return;
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	print_targets(config, TARGET_PROMPT, printing);
	yaml_write_end_map(&printing->yaml);
}

static void
write_prompts_schema(UNUSED const struct key *key, struct json_write *json)
{
	write_map_of(&prompt_keys, "A prompt: a map of keys.", json);
}

const struct type type_prompts = {
	.print = print_prompts,
	.schema = write_prompts_schema,
};

/* ---- providers ---- */

static void
print_provider(const struct provider *provider, struct printing *printing)
{
	yaml_write_key(&printing->yaml, provider->name);
	yaml_write_begin_map(&printing->yaml);
	printing->provider = provider;
	keyed_print(&provider_keys, provider, printing);
	printing->provider = NULL;
	yaml_write_end_map(&printing->yaml);
}

static void
print_providers(const struct key *key, const void *field, struct printing *printing)
{
	const struct config *config = field;

	if (config->provider_count == 0)
		return;
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	for (size_t i = 0; i < config->provider_count; i++)
		print_provider(config->providers[i], printing);
	yaml_write_end_map(&printing->yaml);
}

static void
write_providers_schema(UNUSED const struct key *key, struct json_write *json)
{
	write_map_of(&provider_keys, "A provider: a map of keys.", json);
}

const struct type type_providers = {
	.print = print_providers,
	.schema = write_providers_schema,
};
