/*
 * The types of maps that have a table of keys of their own.
 */
#include "config/types.h"

#include "base/json_write.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/types_parts.h"
#include "config/yaml.h"

void
type_write_map(struct json_write *json)
{
	json_write_key(json, "type");
	json_write_begin_array(json);
	json_write_string(json, "object");
	json_write_string(json, "null");
	json_write_end_array(json);
}

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
	type_write_map(json);
	keyed_schema(key->table, 0, false, json);
}

const struct type type_map = {
	.load = load_map,
	.merges = true,
	.print = print_map,
	.schema = write_map_schema,
};

/* ---- auth ---- */

/* Does OBJECT say any of the texts of TABLE? */
static bool
says_any(const struct key_table *table, const void *object)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];
		const void *field = (const char *)object + key->offset;

		if (key->table != NULL ? says_any(key->table, field)
		                       : key->type->size == sizeof(struct templated) &&
		            ((const struct templated *)field)->text.place.line > 0)
			return true;
	}
	return false;
}

static void
print_said(const struct key *key, const void *field, struct printing *printing)
{
	if (says_any(key->table, field))
		print_map(key, field, printing);
}

static void
write_credentials_schema(const struct key *key, struct json_write *json)
{
	json_write_key(json, "type");
	json_write_string(json, "object");
	keyed_schema(key->table, 0, false, json);
}

const struct type type_credentials = {
	.load = load_map,
	.print = print_said,
	.schema = write_credentials_schema,
};

/* Who says who asks in two ways leaves open which one counts. */
static bool
load_auth(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	bool loaded = load_map(key, node, loading, field);

	if (node->kind != YAML_MAP || node->count < 2)
		return loaded;
	for (size_t i = 1; i < node->count; i++)
		faults_error(loading->faults, node->pairs[i].key->place,
		    "%s: %s beside %s: expected only one", key->name,
		    node->pairs[i].key->text, node->pairs[0].key->text);
	return false;
}

static void
write_auth_schema(const struct key *key, struct json_write *json)
{
	write_map_schema(key, json);
	json_write_key(json, "maxProperties");
	json_write_int(json, 1);
}

/* Not merged: of what `defaults` say there is nothing in a service's own. */
const struct type type_auth = {
	.load = load_auth,
	.print = print_said,
	.schema = write_auth_schema,
};

/* ---- money ---- */

static void
print_prices(const struct key *key, const void *field, struct printing *printing)
{
	const struct provider *provider = field;

	if (provider->price.input >= 0 || provider->price.output >= 0)
		print_map(key, field, printing);
}

const struct type type_prices = {
	.load = load_map,
	.print = print_prices,
	.schema = write_map_schema,
};

/* Of several amounts it would be left open which one counts. */
static bool
load_budget(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	bool loaded = load_map(key, node, loading, field);
	const struct yaml_node *tokens, *cost;

	if (node->kind != YAML_MAP)
		return loaded;
	tokens = yaml_get(node, "tokens");
	cost = yaml_get(node, "cost");
	if (tokens != NULL && cost != NULL)
		faults_error(loading->faults, cost->place,
		    "%s: cost beside tokens: expected only one", key->name);
	else if (tokens == NULL && (cost == NULL || type_is_nothing(cost)))
		faults_error(loading->faults, node->place,
		    "%s: expected tokens or cost", key->name);
	else
		return loaded;
	return false;
}

static void
print_budget(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_budget *budget = field;

	if (budget->per_ms > 0)
		print_map(key, field, printing);
}

/* All keys but one of the amounts. */
static void
write_budget_schema(const struct key *key, struct json_write *json)
{
	write_map_schema(key, json);
	json_write_key(json, "maxProperties");
	json_write_int(json, (int64_t)key->table->count - 1);
	json_write_key(json, "anyOf");
	json_write_begin_array(json);
	for (size_t i = 0; i < key->table->count; i++) {
		const struct key *amount = &key->table->keys[i];

		if ((amount->flags & KEY_REQUIRED) != 0)
			continue;
		json_write_begin_object(json);
		json_write_key(json, "required");
		json_write_begin_array(json);
		json_write_string(json, amount->name);
		json_write_end_array(json);
		json_write_end_object(json);
	}
	json_write_end_array(json);
}

/* As a whole: what `defaults` say is of another budget. */
const struct type type_budget = {
	.load = load_budget,
	.vanishes = true,
	.print = print_budget,
	.schema = write_budget_schema,
};
