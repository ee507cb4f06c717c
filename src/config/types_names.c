/*
 * The types that hold lists of texts: names of files, names of targets, texts of any kind.
 */
#include "config/types.h"

#include <stdlib.h>

#include "base/json_write.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keys.h"
#include "config/text.h"
#include "config/types_parts.h"
#include "config/yaml.h"
#include "template/template.h"

static void
clear_names(void *field)
{
	struct config_pairs *names = field;

	for (size_t i = 0; i < names->count; i++) {
		text_clear(&names->items[i].text);
		template_free(names->items[i].template);
	}
	free(names->items);
	*names = (struct config_pairs){ 0 };
}

static struct text *
add_name(struct config_pairs *names)
{
	names->items = xgrow(names->items, names->count, sizeof(*names->items));
	names->items[names->count] = (struct config_pair){ 0 };
	return &names->items[names->count++].text;
}

/* Is TEXT one that the list takes? Tells what is wrong with it. */
typedef bool check_name_fn(
    const struct key *key, const struct text *text, struct faults *faults);

static bool
load_name(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, check_name_fn *check, struct config_pairs *names)
{
	struct text text;
	bool loaded = type_read_text(key, node, loading, &text) &&
	    check(key, &text, loading->faults);

	if (loaded)
		*add_name(names) = text;
	else
		text_clear(&text);
	return loaded;
}

/* A single one may stand for a list of one. WHAT is "a name or a list of names". */
static bool
load_list(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, check_name_fn *check, const char *what, void *field)
{
	bool loaded = true;

	if (type_is_nothing(node))
		return true;
	if (node->kind == YAML_SCALAR)
		return load_name(key, node, loading, check, field);
	if (node->kind == YAML_MAP) {
		faults_error(
		    loading->faults, node->place, "%s: expected %s", key->name, what);
		return false;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (!load_name(key, node->items[i], loading, check, field))
			loaded = false;
	}
	return loaded;
}

/* They stand in faults, in the log and in the document. */
static bool
check_public(const struct key *key, const struct text *text, struct faults *faults)
{
	if (!marked_has_secret(&text->value))
		return true;
	faults_error(faults, text->place,
	    "%s: names are no secrets: expected ${plain:NAME}", key->name);
	return false;
}

static bool
load_names(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_list(
	    key, node, loading, check_public, "a name or a list of names", field);
}

static void
inherit_names(void *field, const void *from)
{
	const struct config_pairs *names = from;

	clear_names(field);
	for (size_t i = 0; i < names->count; i++)
		text_copy(add_name(field), &names->items[i].text);
}

/* In order. */
static bool
equal_names(const void *left, const void *right)
{
	const struct config_pairs *a = left;
	const struct config_pairs *b = right;
	bool equal = a->count == b->count;

	for (size_t i = 0; equal && i < a->count; i++)
		equal = text_equal(&a->items[i].text, &b->items[i].text);
	return equal;
}

static void
print_names(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_pairs *names = field;

	if (names->count == 0)
		return;
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_list(&printing->yaml);
	for (size_t i = 0; i < names->count; i++)
		yaml_write_text(&printing->yaml, names->items[i].text.source);
	yaml_write_end_list(&printing->yaml);
}

static void
write_names_schema(UNUSED const struct key *key, struct json_write *json)
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
const struct type type_includes = {
	.size = sizeof(struct config_pairs),
	.clear = clear_names,
	.load = load_names,
	.equal = equal_names,
	.schema = write_names_schema,
};

/* The list in `defaults` holds where a service has none of its own. */
const struct type type_needs = {
	.size = sizeof(struct config_pairs),
	.clear = clear_names,
	.load = load_names,
	.inherit = inherit_names,
	.equal = equal_names,
	.print = print_names,
	.schema = write_names_schema,
};

/* ---- texts ---- */

static bool
check_not_empty(const struct key *key, const struct text *text, struct faults *faults)
{
	if (text->value.text.len > 0)
		return true;
	faults_error(
	    faults, text->place, "%s: expected text that is not empty", key->name);
	return false;
}

static bool
load_texts(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_list(
	    key, node, loading, check_not_empty, "text or a list of texts", field);
}

static void
write_texts_schema(UNUSED const struct key *key, struct json_write *json)
{
	json_write_key(json, "anyOf");
	json_write_begin_array(json);
	json_write_begin_object(json);
	type_write_definition("text", json);
	json_write_end_object(json);
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "array");
	json_write_key(json, "items");
	json_write_begin_object(json);
	type_write_definition("text", json);
	json_write_end_object(json);
	json_write_end_object(json);
	json_write_end_array(json);
}

/* One list as a whole. */
const struct type type_texts = {
	.size = sizeof(struct config_pairs),
	.clear = clear_names,
	.load = load_texts,
	.inherit = inherit_names,
	.equal = equal_names,
	.print = print_names,
	.schema = write_texts_schema,
};
