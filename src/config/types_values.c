/*
 * The types that keep a tree as it is written: rules, values to extract, JSON bodies,
 * `for_each`, schemas, fields of a request. What is in one is compiled elsewhere
 * (config/rules_source, config/json_body, config/load, config/schema_source).
 */
#include "config/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/json_body.h"
#include "config/keys.h"
#include "config/shown.h"
#include "config/sources.h"
#include "config/text.h"
#include "config/types_parts.h"
#include "config/value.h"
#include "config/yaml.h"
#include "rules/schema.h"

struct value *
type_load_value(const struct yaml_node *node, const struct loading *loading)
{
	unsigned file = node->place.file;
	struct value *value =
	    value_load(node, sources_folder(loading->sources, file), loading->faults);
	char *prefix;

	if (value == NULL)
		return NULL;
	prefix = sources_prefix(loading->sources, file);
	value_rebase(value, prefix);
	free(prefix);
	return value;
}

/* NODE, which has to be a map of WHAT, into *VALUE; nothing at all says nothing. */
static bool
load_map(const struct key *key, const struct yaml_node *node, const char *what,
    const struct loading *loading, struct value **value)
{
	struct value *loaded;

	if (type_is_nothing(node))
		return true;
	if (node->kind != YAML_MAP) {
		faults_error(loading->faults, node->place, "%s: expected a map of %s",
		    key->name, what);
		return false;
	}
	loaded = type_load_value(node, loading);
	if (loaded == NULL)
		return false;
	value_free(*value);
	*value = loaded;
	return true;
}

/* ---- printing ---- */

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

void
type_print_value(const char *name, const struct value *value, struct printing *printing)
{
	struct yaml_write *yaml = &printing->yaml;
	bool secret = name != NULL && shown_is_secret_var(printing->shown, name, value);

	switch (value->kind) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		yaml_write_word(yaml, value->text.source);
		return;
	case VALUE_NUMBER:
		/* The mask is no word: unquoted, it would be an alias. */
		if (secret)
			yaml_write_text(yaml, MARKED_MASK);
		else
			yaml_write_word(yaml, value->text.source);
		return;
	case VALUE_STRING:
		print_string(value, secret, yaml);
		return;
	case VALUE_LIST:
		yaml_write_begin_list(yaml);
		for (size_t i = 0; i < value->count; i++)
			type_print_value(name, value->items[i], printing);
		yaml_write_end_list(yaml);
		return;
	case VALUE_MAP:
		yaml_write_begin_map(yaml);
		for (size_t i = 0; i < value->count; i++) {
			yaml_write_key(yaml, value->keys[i]);
			type_print_value(name, value->items[i], printing);
		}
		yaml_write_end_map(yaml);
		return;
	}
}

static void
print_tree(const struct key *key, const struct value *tree, struct printing *printing)
{
	if (tree == NULL)
		return;
	yaml_write_key(&printing->yaml, key->name);
	type_print_value(NULL, tree, printing);
}

/* ---- comparing, merging ---- */

static bool
equal_trees(const struct value *a, const struct value *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return value_equal(a, b);
}

/* The map *OWN (NULL: none) gets what only FROM (NULL: nothing) has. */
static void
merge_tree(struct value **own, const struct value *from)
{
	if (*own == NULL)
		*own = value_copy(from);
	else if (from != NULL)
		value_merge(*own, from);
}

/* ---- rules ---- */

static void
clear_rules(void *field)
{
	struct config_rules *rules = field;

	value_free(rules->source);
	rules_clear(&rules->rules);
	*rules = (struct config_rules){ 0 };
}

static bool
load_rules(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct config_rules *rules = field;

	return load_map(key, node, "rules", loading, &rules->source);
}

static void
inherit_rules(void *field, const void *from)
{
	struct config_rules *own = field;
	const struct config_rules *rules = from;

	merge_tree(&own->source, rules->source);
}

static bool
equal_rules(const void *left, const void *right)
{
	const struct config_rules *a = left;
	const struct config_rules *b = right;

	return equal_trees(a->source, b->source);
}

static void
print_rules(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_rules *rules = field;

	print_tree(key, rules->source, printing);
}

static void
write_rules_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("rules", json);
}

const struct type type_rules = {
	.size = sizeof(struct config_rules),
	.clear = clear_rules,
	.load = load_rules,
	.inherit = inherit_rules,
	.merges = true,
	.equal = equal_rules,
	.print = print_rules,
	.schema = write_rules_schema,
};

/* ---- extract ---- */

static void
clear_extracts(void *field)
{
	struct config_extracts *extracts = field;

	value_free(extracts->source);
	for (size_t i = 0; i < extracts->count; i++)
		extract_clear(&extracts->items[i]);
	free(extracts->items);
	*extracts = (struct config_extracts){ 0 };
}

static bool
load_extracts(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct config_extracts *extracts = field;

	return load_map(
	    key, node, "names and JSON Pointers", loading, &extracts->source);
}

static void
inherit_extracts(void *field, const void *from)
{
	struct config_extracts *own = field;
	const struct config_extracts *extracts = from;

	merge_tree(&own->source, extracts->source);
}

static bool
equal_extracts(const void *left, const void *right)
{
	const struct config_extracts *a = left;
	const struct config_extracts *b = right;

	return equal_trees(a->source, b->source);
}

static void
print_extracts(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_extracts *extracts = field;

	print_tree(key, extracts->source, printing);
}

static void
write_extracts_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("extract", json);
}

const struct type type_extract = {
	.size = sizeof(struct config_extracts),
	.clear = clear_extracts,
	.load = load_extracts,
	.inherit = inherit_extracts,
	.merges = true,
	.equal = equal_extracts,
	.print = print_extracts,
	.schema = write_extracts_schema,
};

/* ---- JSON bodies ---- */

static void
clear_json(void *field)
{
	struct config_json *json = field;

	value_free(json->source);
	json_body_free(json->body);
	*json = (struct config_json){ 0 };
}

/* `null` is JSON like any other; only what is not there at all, or is `~`, says nothing. */
static bool
load_json(UNUSED const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct config_json *json = field;
	struct value *source;

	if (type_is_nothing(node) && strcmp(node->text, "null") != 0)
		return true;
	source = type_load_value(node, loading);
	if (source == NULL)
		return false;
	value_free(json->source);
	json->source = source;
	return true;
}

/* One body as a whole. */
static void
inherit_json(void *field, const void *from)
{
	struct config_json *own = field;
	const struct config_json *json = from;

	value_free(own->source);
	own->source = value_copy(json->source);
}

static bool
equal_json(const void *left, const void *right)
{
	const struct config_json *a = left;
	const struct config_json *b = right;

	return equal_trees(a->source, b->source);
}

static void
print_json(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_json *json = field;

	print_tree(key, json->source, printing);
}

static void
write_json_schema(UNUSED const struct key *key, UNUSED struct json_write *json)
{
	/* Anything. */
}

const struct type type_json = {
	.size = sizeof(struct config_json),
	.clear = clear_json,
	.load = load_json,
	.inherit = inherit_json,
	.equal = equal_json,
	.print = print_json,
	.schema = write_json_schema,
};

/* ---- for_each ---- */

static void
clear_tree(void *field)
{
	value_free(*(struct value **)field);
}

static bool
load_for_each(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_map(key, node, "names, each with a list of values", loading, field);
}

static void
inherit_tree(void *field, const void *from)
{
	merge_tree(field, *(struct value *const *)from);
}

/* What it gives a target is in that one's name and in what its templates name. */
static bool
equal_for_each(UNUSED const void *a, UNUSED const void *b)
{
	return true;
}

/* Its names stand where those of variables do: what they are used for may make them secret. */
static void
print_for_each(const struct key *key, const void *field, struct printing *printing)
{
	const struct value *names = *(struct value *const *)field;

	if (names == NULL)
		return;
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	for (size_t i = 0; i < names->count; i++) {
		yaml_write_key(&printing->yaml, names->keys[i]);
		type_print_value(names->keys[i], names->items[i], printing);
	}
	yaml_write_end_map(&printing->yaml);
}

static void
write_for_each_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_map(json);
	type_write_variable_names(json);
	json_write_key(json, "additionalProperties");
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "array");
	json_write_key(json, "minItems");
	json_write_int(json, 1);
	json_write_end_object(json);
}

const struct type type_for_each = {
	.size = sizeof(struct value *),
	.clear = clear_tree,
	.load = load_for_each,
	.inherit = inherit_tree,
	.equal = equal_for_each,
	.print = print_for_each,
	.schema = write_for_each_schema,
};

/* ---- maps as they are ---- */

static bool
load_fields(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_map(key, node, "fields", loading, field);
}

static bool
equal_fields(const void *left, const void *right)
{
	return equal_trees(*(struct value *const *)left, *(struct value *const *)right);
}

static void
print_fields(const struct key *key, const void *field, struct printing *printing)
{
	print_tree(key, *(struct value *const *)field, printing);
}

static void
write_fields_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_map(json);
}

const struct type type_tree = {
	.size = sizeof(struct value *),
	.clear = clear_tree,
	.load = load_fields,
	.inherit = inherit_tree,
	.merges = true,
	.equal = equal_fields,
	.print = print_fields,
	.schema = write_fields_schema,
};

/* ---- schemas ---- */

static void
clear_schema(void *field)
{
	struct config_schema *schema = field;

	value_free(schema->source);
	schema_free(schema->schema);
	*schema = (struct config_schema){ 0 };
}

static bool
load_schema(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct config_schema *schema = field;

	return load_map(key, node, "JSON Schema's words", loading, &schema->source);
}

/* One schema as a whole. */
static void
inherit_schema(void *field, const void *from)
{
	struct config_schema *own = field;
	const struct config_schema *schema = from;

	value_free(own->source);
	own->source = value_copy(schema->source);
}

static bool
equal_schemas(const void *left, const void *right)
{
	const struct config_schema *a = left;
	const struct config_schema *b = right;

	return equal_trees(a->source, b->source);
}

static void
print_schema(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_schema *schema = field;

	print_tree(key, schema->source, printing);
}

const struct type type_schema = {
	.size = sizeof(struct config_schema),
	.clear = clear_schema,
	.load = load_schema,
	.inherit = inherit_schema,
	.equal = equal_schemas,
	.print = print_schema,
	.schema = write_fields_schema,
};
