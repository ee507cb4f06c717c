/*
 * The types of keys that only the top map has.
 */
#include "config/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/shown.h"
#include "config/text.h"
#include "config/value.h"
#include "config/vars.h"
#include "config/yaml.h"

/* An object, or what stands behind a key with nothing there. */
static void
write_map_type(struct json_write *json)
{
	json_write_key(json, "type");
	json_write_begin_array(json);
	json_write_string(json, "object");
	json_write_string(json, "null");
	json_write_end_array(json);
}

/* ---- structs with a table of their own ---- */

static bool
load_map(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	if (type_is_nothing(node))
		return true;
	if (node->kind != YAML_MAP) {
		faults_error(loading->faults, node->place, "%s: expected a map of keys",
		    key->name);
		return false;
	}
	return keyed_load(key->table, node, loading, field);
}

static void
print_map(const struct key *key, const void *field, struct printing *printing)
{
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	keyed_print(key->table, field, printing);
	yaml_write_end_map(&printing->yaml);
}

static void
write_map_schema(const struct key *key, struct json_write *json)
{
	write_map_type(json);
	keyed_schema(key->table, 0, false, json);
}

const struct type type_map = {
	.load = load_map,
	.print = print_map,
	.schema = write_map_schema,
};

/* ---- include ---- */

static void
clear_includes(void *field)
{
	struct config_pairs *includes = field;

	for (size_t i = 0; i < includes->count; i++)
		text_clear(&includes->items[i].text);
	free(includes->items);
	*includes = (struct config_pairs){ 0 };
}

static bool
load_include(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, struct config_pairs *includes)
{
	struct text text;

	if (!type_read_text(key, node, loading, &text))
		goto refused;
	/* Names of files stand in every fault and in the log. */
	if (marked_has_secret(&text.value)) {
		faults_error(loading->faults, text.place,
		    "include: the names of files are no secrets: expected "
		    "${plain:NAME}");
		goto refused;
	}
	includes->items =
	    xgrow(includes->items, includes->count, sizeof(*includes->items));
	includes->items[includes->count++] = (struct config_pair){ .text = text };
	return true;

refused:
	text_clear(&text);
	return false;
}

static bool
load_includes(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	bool loaded = true;

	if (type_is_nothing(node))
		return true;
	if (node->kind == YAML_SCALAR)
		return load_include(key, node, loading, field);
	if (node->kind == YAML_MAP) {
		faults_error(loading->faults, node->place,
		    "include: expected a list of names and patterns of files");
		return false;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (!load_include(key, node->items[i], loading, field))
			loaded = false;
	}
	return loaded;
}

static void
write_includes_schema(UNUSED const struct key *key, struct json_write *json)
{
	json_write_key(json, "type");
	json_write_begin_array(json);
	json_write_string(json, "string");
	json_write_string(json, "array");
	json_write_string(json, "null");
	json_write_end_array(json);
	json_write_key(json, "items");
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "string");
	json_write_end_object(json);
}

/* Not printed: what they name is. */
/* The patterns, in order. */
static bool
equal_includes(const void *left, const void *right)
{
	const struct config_pairs *a = left;
	const struct config_pairs *b = right;
	bool equal = a->count == b->count;

	for (size_t i = 0; equal && i < a->count; i++)
		equal = text_equal(&a->items[i].text, &b->items[i].text);
	return equal;
}

const struct type type_includes = {
	.size = sizeof(struct config_pairs),
	.equal = equal_includes,
	.clear = clear_includes,
	.load = load_includes,
	.schema = write_includes_schema,
};

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
print_string(const struct value *value, bool secret, struct yaml_write *yaml)
{
	const char *source = value->text.source;
	char *shown;

	if (secret && !text_has_reference(&value->text)) {
		yaml_write_text(yaml, MARKED_MASK);
	} else if (strstr(source, "://") == NULL) {
		yaml_write_text(yaml, source);
	} else {
		shown = shown_url(source);
		yaml_write_text(yaml, shown);
		free(shown);
	}
}

/* What a variable's values are printed with. */
struct print_var {
	const struct shown_vars *shown;
	const char *name;
	struct yaml_write *yaml;
};

static void
print_value(const struct print_var *var, const struct value *value)
{
	bool secret = shown_is_secret_var(var->shown, var->name, value);

	switch (value->kind) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		yaml_write_word(var->yaml, value->text.source);
		return;
	case VALUE_NUMBER:
		/* The mask is no word: unquoted, it would be an alias. */
		if (secret)
			yaml_write_text(var->yaml, MARKED_MASK);
		else
			yaml_write_word(var->yaml, value->text.source);
		return;
	case VALUE_STRING:
		print_string(value, secret, var->yaml);
		return;
	case VALUE_LIST:
		yaml_write_begin_list(var->yaml);
		for (size_t i = 0; i < value->count; i++)
			print_value(var, value->items[i]);
		yaml_write_end_list(var->yaml);
		return;
	case VALUE_MAP:
		yaml_write_begin_map(var->yaml);
		for (size_t i = 0; i < value->count; i++) {
			yaml_write_key(var->yaml, value->keys[i]);
			print_value(var, value->items[i]);
		}
		yaml_write_end_map(var->yaml);
		return;
	}
}

static void
print_vars(const struct key *key, const void *field, struct printing *printing)
{
	const struct value *vars = *(struct value *const *)field;
	struct shown_vars *shown;

	if (vars->count == 0)
		return;
	shown = shown_vars_new(printing->config);
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	for (size_t i = 0; i < vars->count; i++) {
		struct print_var var = { shown, vars->keys[i], &printing->yaml };

		yaml_write_key(&printing->yaml, vars->keys[i]);
		print_value(&var, vars->items[i]);
	}
	yaml_write_end_map(&printing->yaml);
	shown_vars_free(shown);
}

static void
write_vars_schema(UNUSED const struct key *key, struct json_write *json)
{
	write_map_type(json);
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

/* ---- defaults ---- */

static void
write_defaults_schema(UNUSED const struct key *key, struct json_write *json)
{
	write_map_type(json);
	keyed_schema(&service_keys, KEY_OWN_ONLY, true, json);
}

/* Not printed: the services have taken them in. */
const struct type type_defaults = { .schema = write_defaults_schema };

/* ---- services ---- */

static void
print_service(const struct target *target, struct printing *printing)
{
	yaml_write_key(&printing->yaml, target->name);
	yaml_write_begin_map(&printing->yaml);
	keyed_print(&service_keys, target, printing);
	yaml_write_end_map(&printing->yaml);
}

/* Enabled and disabled ones in the order they were written in. */
static void
print_services(const struct key *key, const void *field, struct printing *printing)
{
	const struct config *config = field;
	size_t i = 0;
	size_t j = 0;

	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	while (i < config->target_count || j < config->disabled_count) {
		bool enabled = j == config->disabled_count ||
		    (i < config->target_count &&
		        config->targets[i]->order < config->disabled[j]->order);

		print_service(
		    enabled ? config->targets[i++] : config->disabled[j++], printing);
	}
	yaml_write_end_map(&printing->yaml);
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
	write_map_type(json);
	json_write_key(json, "propertyNames");
	json_write_begin_object(json);
	json_write_key(json, "minLength");
	json_write_int(json, 1);
	json_write_key(json, "maxLength");
	json_write_int(json, CONFIG_MAX_NAME_BYTES);
	json_write_end_object(json);
	json_write_key(json, "additionalProperties");
	write_service_schema(json);
}

const struct type type_services = {
	.print = print_services,
	.schema = write_services_schema,
};
