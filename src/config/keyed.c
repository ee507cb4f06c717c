#include "config/keyed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/xalloc.h"
#include "config/faults.h"
#include "config/keys.h"
#include "config/types.h"
#include "config/yaml.h"

/* The field of KEY, in an object that may be changed ... */
static void *
field_of(const struct key *key, void *object)
{
	return (char *)object + key->offset;
}

/* ... and in one that may not. */
static const void *
const_field_of(const struct key *key, const void *object)
{
	return (const char *)object + key->offset;
}

static void
init_field(const struct key *key, void *object)
{
	if (key->table != NULL)
		keyed_init(key->table, field_of(key, object));
	if (key->type->init != NULL)
		key->type->init(field_of(key, object));
	if (key->initial != NULL &&
	    !key->type->parse(key, key->initial, field_of(key, object)))
		assert(!"a default is none of its type");
}

void
keyed_init(const struct key_table *table, void *object)
{
	for (size_t i = 0; i < table->count; i++)
		init_field(&table->keys[i], object);
}

void
keyed_clear(const struct key_table *table, void *object)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];

		if (key->table != NULL)
			keyed_clear(key->table, field_of(key, object));
		if (key->type->clear != NULL)
			key->type->clear(field_of(key, object));
	}
}

/* ---- loading ---- */

/* More names than this are better read in the man page. */
#define MAX_LISTED_NAMES 24

static size_t
count_all(const struct key_table *table)
{
	size_t count = 0;

	for (; table != NULL; table = table->also)
		count += table->count;
	return count;
}

/* Those of `also` too; the caller's. */
static const char **
list_names(const struct key_table *table)
{
	const char **names = xcalloc(count_all(table), sizeof(*names));
	size_t count = 0;

	for (; table != NULL; table = table->also) {
		for (size_t i = 0; i < table->count; i++)
			names[count++] = table->keys[i].name;
	}
	return names;
}

/* Where NAME, which TABLE has not, stands, or what may be meant by it. */
static void
append_hint(const struct key_table *table, const char *name, struct buffer *hint)
{
	const struct key *elsewhere = keys_find(table->elsewhere, name);
	const char **names;
	size_t count;

	if (elsewhere != NULL && (elsewhere->flags & KEY_OWN_ONLY) == 0) {
		buffer_append_format(hint, ": it stands in %s", table->elsewhere_name);
		return;
	}
	names = list_names(table);
	count = count_all(table);
	type_append_nearest(hint, name, names, count);
	if (hint->len == 0 && count <= MAX_LISTED_NAMES) {
		for (size_t i = 0; i < count; i++)
			buffer_append_format(hint, "%s%s",
			    i > 0 ? ", " : ": expected one of ", names[i]);
	}
	free(names);
}

static void
tell_unknown(const struct key_table *table, const struct yaml_node *name,
    const struct loading *loading)
{
	struct buffer hint;

	buffer_init(&hint, BUFFER_UNLIMITED);
	append_hint(table, name->text, &hint);
	faults_error(
	    loading->faults, name->place, "unknown key %s%s", name->text, hint.data);
	buffer_clear(&hint);
}

bool
keyed_check_names(const struct key_table *table, const struct yaml_node *map,
    const struct loading *loading)
{
	bool known = true;

	for (size_t i = 0; i < map->count; i++) {
		const struct yaml_node *name = map->pairs[i].key;

		if (keys_find(table, name->text) != NULL)
			continue;
		if (table->extensions && keys_is_extension(name->text))
			continue;
		tell_unknown(table, name, loading);
		known = false;
	}
	return known;
}

static const struct yaml_pair *
find_pair(const struct yaml_node *map, const char *name)
{
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->pairs[i].key->text, name) == 0)
			return &map->pairs[i];
	}
	return NULL;
}

/* What PAIR, of a key with a table, lacks is told at its name. */
static bool
has_required(
    const struct key *key, const struct yaml_pair *pair, const struct loading *loading)
{
	const struct key_table *table = key->table;
	bool whole = true;

	/* What is no map at all is told as that. */
	if (pair->value->kind != YAML_MAP &&
	    (key->type->vanishes || !type_is_nothing(pair->value)))
		return true;
	for (size_t i = 0; i < table->count; i++) {
		const char *name = table->keys[i].name;

		if ((table->keys[i].flags & KEY_REQUIRED) == 0 ||
		    (pair->value->kind == YAML_MAP &&
		        yaml_get(pair->value, name) != NULL))
			continue;
		faults_error(loading->faults, pair->key->place, "%s: %s is missing",
		    key->name, name);
		whole = false;
	}
	return whole;
}

bool
keyed_load(const struct key_table *table, const struct yaml_node *map,
    const struct loading *loading, void *object)
{
	bool loaded = keyed_check_names(table, map, loading);

	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];
		const struct yaml_pair *pair = find_pair(map, key->name);

		if (pair == NULL || key->type->load == NULL)
			continue;
		/* Whatever came of those before: all faults are told in one run. */
		if (!key->type->load(key, pair->value, loading, field_of(key, object)))
			loaded = false;
		if (key->table != NULL && !has_required(key, pair, loading))
			loaded = false;
	}
	return loaded;
}

/* NODE, the value of a key with a table, as a map; what is none says nothing. */
static const struct yaml_node *
as_map(const struct yaml_node *node)
{
	static const struct yaml_node nothing = { .kind = YAML_MAP };

	return node != NULL && node->kind == YAML_MAP ? node : &nothing;
}

void
keyed_inherit(const struct key_table *table, const struct yaml_node *own,
    const struct yaml_node *said, const void *from, void *object)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];
		void *field = field_of(key, object);

		if (yaml_get(said, key->name) == NULL)
			continue;
		if (yaml_get(own, key->name) != NULL && !key->type->merges)
			continue;
		if (key->table != NULL)
			keyed_inherit(key->table, as_map(yaml_get(own, key->name)),
			    as_map(yaml_get(said, key->name)),
			    const_field_of(key, from), field);
		else if (key->type->inherit != NULL)
			key->type->inherit(field, const_field_of(key, from));
		else
			memcpy(field, const_field_of(key, from), key->type->size);
	}
}

/* ---- comparing ---- */

static bool
equal_fields(const struct key *key, const void *a, const void *b)
{
	const void *left = const_field_of(key, a);
	const void *right = const_field_of(key, b);

	if (key->table != NULL)
		return keyed_equal(key->table, 0, left, right);
	return key->type->equal != NULL ? key->type->equal(left, right)
	                                : memcmp(left, right, key->type->size) == 0;
}

bool
keyed_equal(
    const struct key_table *table, unsigned without, const void *a, const void *b)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];

		if ((key->flags & without) == 0 && !equal_fields(key, a, b))
			return false;
	}
	return true;
}

/* Append the names of keys that differ, each behind PREFIX. */
static void
append_differences(const struct key_table *table, const char *prefix, const void *a,
    const void *b, struct buffer *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];

		if (equal_fields(key, a, b))
			continue;
		if (key->table != NULL) {
			char *inner = xasprintf("%s%s.", prefix, key->name);

			append_differences(key->table, inner, const_field_of(key, a),
			    const_field_of(key, b), out);
			free(inner);
		} else {
			buffer_append_format(
			    out, "%s%s%s", out->len > 0 ? ", " : "", prefix, key->name);
		}
	}
}

void
keyed_append_differences(
    const struct key_table *table, const void *a, const void *b, struct buffer *out)
{
	append_differences(table, "", a, b, out);
}

/* ---- printing ---- */

void
keyed_print(
    const struct key_table *table, const void *object, struct printing *printing)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];

		if (key->type->print != NULL)
			key->type->print(key, const_field_of(key, object), printing);
	}
}

static void
write_default(const struct key *key, struct json_write *json)
{
	if (key->initial == NULL)
		return;
	json_write_key(json, "default");
	if (key->type->default_is_json)
		json_write_raw(json, key->initial, strlen(key->initial));
	else
		json_write_string(json, key->initial);
}

static void
write_required(const struct key_table *table, struct json_write *json)
{
	bool any = false;

	for (size_t i = 0; i < table->count; i++) {
		if ((table->keys[i].flags & KEY_REQUIRED) == 0)
			continue;
		if (!any) {
			json_write_key(json, "required");
			json_write_begin_array(json);
		}
		any = true;
		json_write_string(json, table->keys[i].name);
	}
	if (any)
		json_write_end_array(json);
}

static void
write_extensions(struct json_write *json)
{
	json_write_key(json, "patternProperties");
	json_write_begin_object(json);
	json_write_key(json, "^x-");
	json_write_bool(json, true);
	json_write_end_object(json);
}

static void
write_key(const struct key *key, struct json_write *json)
{
	json_write_key(json, key->name);
	json_write_begin_object(json);
	json_write_key(json, "description");
	json_write_string(json, key->description);
	write_default(key, json);
	key->type->schema(key, json);
	json_write_end_object(json);
}

/* Those of ONE, which is TABLE or belongs to it. */
static void
write_keys(const struct key_table *table, const struct key_table *one, unsigned without,
    struct json_write *json)
{
	for (size_t i = 0; i < one->count; i++) {
		const struct key *key = &one->keys[i];

		if ((key->flags & without) == 0 && keys_find(table, key->name) == key)
			write_key(key, json);
	}
}

void
keyed_schema(const struct key_table *table, unsigned without, bool partial,
    struct json_write *json)
{
	const struct key_table *one = table;

	json_write_key(json, "properties");
	json_write_begin_object(json);
	do {
		write_keys(table, one, without, json);
		one = one->also;
	} while (one != NULL);
	json_write_end_object(json);
	if (!partial)
		write_required(table, json);
	if (table->extensions)
		write_extensions(json);
	json_write_key(json, "additionalProperties");
	json_write_bool(json, false);
}
