/*
 * The types that hold maps from names to texts.
 */
#include "config/types.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_write.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keys.h"
#include "config/providers.h"
#include "config/routes.h"
#include "config/shown.h"
#include "config/text.h"
#include "config/types_parts.h"
#include "config/yaml.h"
#include "http/token.h"
#include "template/template.h"

/* More headers are taken by no server. Also bounds what `defaults` give to each service. */
#define MAX_PAIRS 256

static void
clear_pairs(void *field)
{
	struct config_pairs *pairs = field;

	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].name);
		text_clear(&pairs->items[i].text);
		template_free(pairs->items[i].template);
	}
	free(pairs->items);
	*pairs = (struct config_pairs){ 0 };
}

static struct config_pair *
add_pair(struct config_pairs *pairs, const char *name)
{
	struct config_pair *pair;

	pairs->items = xgrow(pairs->items, pairs->count, sizeof(*pairs->items));
	pair = &pairs->items[pairs->count++];
	*pair = (struct config_pair){ .name = xstrdup(name) };
	return pair;
}

/* Are A and B the same name? */
typedef int compare_fn(const char *a, const char *b);

static const struct config_pair *
find_pair(const struct config_pairs *pairs, const char *name, compare_fn *compare)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (compare(pairs->items[i].name, name) == 0)
			return &pairs->items[i];
	}
	return NULL;
}

static void
inherit_pairs(
    struct config_pairs *own, const struct config_pairs *from, compare_fn *compare)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct config_pair *pair = &from->items[i];

		if (find_pair(own, pair->name, compare) == NULL)
			text_copy(&add_pair(own, pair->name)->text, &pair->text);
	}
}

/* The names as they are written, since they are sent and shown like that; in order. */
static bool
equal_pairs(const void *left, const void *right)
{
	const struct config_pairs *a = left;
	const struct config_pairs *b = right;

	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
		    !text_equal(&a->items[i].text, &b->items[i].text))
			return false;
	}
	return true;
}

/* Is the pair one that the key takes? Tells what is wrong with it. */
typedef bool check_pair_fn(const struct config_pairs *before,
    const struct yaml_node *name, const struct text *text, struct faults *faults);

static bool
load_pair(const struct key *key, const struct yaml_pair *pair,
    const struct loading *loading, check_pair_fn *check, struct config_pairs *pairs)
{
	struct text text;
	bool loaded = type_read_text(key, pair->value, loading, &text);

	if (loaded)
		loaded = check(pairs, pair->key, &text, loading->faults);
	if (loaded)
		add_pair(pairs, pair->key->text)->text = text;
	else
		text_clear(&text);
	return loaded;
}

static bool
load_pairs(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, check_pair_fn *check, struct config_pairs *field)
{
	struct config_pairs pairs = { 0 };
	bool loaded = true;

	if (type_is_nothing(node))
		return true;
	if (node->kind != YAML_MAP) {
		faults_error(loading->faults, node->place,
		    "%s: expected a map of names and texts", key->name);
		return false;
	}
	if (node->count > MAX_PAIRS) {
		faults_error(loading->faults, node->place, "%s: more than %d entries",
		    key->name, MAX_PAIRS);
		return false;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (!load_pair(key, &node->pairs[i], loading, check, &pairs))
			loaded = false;
	}
	/* Said, and nothing in it. */
	if (node->count == 0)
		pairs.items = xgrow(NULL, 0, sizeof(*pairs.items));
	/* With those that are fine even so: the faults in them are told in the same run. */
	clear_pairs(field);
	*field = pairs;
	return loaded;
}

static void
begin_pairs_schema(struct json_write *json)
{
	type_write_map(json);
	json_write_key(json, "maxProperties");
	json_write_int(json, MAX_PAIRS);
	json_write_key(json, "additionalProperties");
	json_write_begin_object(json);
	type_write_definition("text", json);
	json_write_end_object(json);
}

/* Makes the text of a pair as it may be printed; the caller's. */
typedef char *show_fn(
    const char *name, const char *source, const struct printing *printing);

static void
print_pairs(const struct key *key, const struct config_pairs *pairs,
    struct printing *printing, show_fn *show)
{
	if (pairs->count == 0)
		return;
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_begin_map(&printing->yaml);
	for (size_t i = 0; i < pairs->count; i++) {
		const struct config_pair *pair = &pairs->items[i];
		char *shown = show(pair->name, pair->text.source, printing);

		yaml_write_key(&printing->yaml, pair->name);
		yaml_write_text(&printing->yaml, shown);
		free(shown);
	}
	yaml_write_end_map(&printing->yaml);
}

/* ---- labels ---- */

static bool
take_any(UNUSED const struct config_pairs *before, UNUSED const struct yaml_node *name,
    UNUSED const struct text *text, UNUSED struct faults *faults)
{
	return true; /* doubled names are no YAML of ours */
}

static bool
load_labels(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_pairs(key, node, loading, take_any, field);
}

static void
inherit_texts(void *field, const void *from)
{
	inherit_pairs(field, from, strcmp);
}

static char *
show_whole(
    UNUSED const char *name, const char *source, UNUSED const struct printing *printing)
{
	return xstrdup(source); /* literals in it are none of the secrets */
}

static void
print_texts(const struct key *key, const void *field, struct printing *printing)
{
	print_pairs(key, field, printing, show_whole);
}

static void
write_texts_schema(UNUSED const struct key *key, struct json_write *json)
{
	begin_pairs_schema(json);
}

const struct type type_labels = {
	.size = sizeof(struct config_pairs),
	.clear = clear_pairs,
	.load = load_labels,
	.inherit = inherit_texts,
	.merges = true,
	.equal = equal_pairs,
	.print = print_texts,
	.schema = write_texts_schema,
};

/* ---- headers ---- */

/* What comes out of a template is without these anyway. */
static bool
has_line_break(const struct text *text)
{
	const struct buffer *value = &text->value.text;

	return strlen(value->data) < value->len || strpbrk(value->data, "\r\n") != NULL;
}

static bool
check_header(const struct config_pairs *before, const struct yaml_node *name,
    const struct text *text, struct faults *faults)
{
	const struct config_pair *other = find_pair(before, name->text, strcasecmp);

	if (!http_is_token(name->text)) {
		faults_error(faults, name->place,
		    "headers: \"%s\" is no header's name: expected letters, digits "
		    "and %s",
		    name->text, HTTP_TOKEN_MARKS);
		return false;
	}
	if (has_line_break(text)) {
		faults_error(faults, text->place,
		    "headers: %s: a line break in the value", name->text);
		return false;
	}
	/* What is spelt alike is a doubled key, and told as that. */
	if (other != NULL && strcmp(other->name, name->text) != 0) {
		faults_error(faults, name->place,
		    "headers: %s is the same header as %s", name->text, other->name);
		return false;
	}
	return true;
}

static bool
load_headers(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_pairs(key, node, loading, check_header, field);
}

static void
inherit_headers(void *field, const void *from)
{
	inherit_pairs(field, from, strcasecmp);
}

/* The header of a provider's key is as secret as the key, wherever it comes from. */
static char *
show_header(const char *name, const char *source, const struct printing *printing)
{
	const struct provider *provider = printing->provider;

	if (provider != NULL && strcasecmp(name, provider_key_header(provider)) == 0 &&
	    !shown_is_secret_header(name))
		return shown_secret(source);
	return shown_header(name, source);
}

static void
print_headers(const struct key *key, const void *field, struct printing *printing)
{
	print_pairs(key, field, printing, show_header);
}

static void
write_headers_schema(UNUSED const struct key *key, struct json_write *json)
{
	begin_pairs_schema(json);
	json_write_key(json, "propertyNames");
	json_write_begin_object(json);
	json_write_key(json, "pattern");
	json_write_string(json, "^[A-Za-z0-9" HTTP_TOKEN_MARKS "]+$");
	json_write_end_object(json);
}

const struct type type_headers = {
	.size = sizeof(struct config_pairs),
	.clear = clear_pairs,
	.load = load_headers,
	.inherit = inherit_headers,
	.merges = true,
	.equal = equal_pairs,
	.print = print_headers,
	.schema = write_headers_schema,
};

/* ---- forms ---- */

static bool
load_form(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_pairs(key, node, loading, take_any, field);
}

/* A form may be an empty one. */
static bool
is_said(const struct config_pairs *form)
{
	return form->count > 0 || form->items != NULL;
}

/* One body as a whole. */
static void
inherit_form(void *field, const void *from)
{
	const struct config_pairs *pairs = from;
	struct config_pairs *own = field;

	clear_pairs(own);
	if (is_said(pairs))
		own->items = xgrow(NULL, 0, sizeof(*own->items));
	inherit_pairs(own, pairs, strcmp);
}

static bool
equal_forms(const void *left, const void *right)
{
	const struct config_pairs *a = left;
	const struct config_pairs *b = right;

	return is_said(a) == is_said(b) && equal_pairs(a, b);
}

static void
print_form(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_pairs *pairs = field;

	if (pairs->count == 0 && is_said(pairs)) {
		yaml_write_key(&printing->yaml, key->name);
		yaml_write_begin_map(&printing->yaml);
		yaml_write_end_map(&printing->yaml);
	}
	print_pairs(key, pairs, printing, show_whole);
}

const struct type type_form = {
	.size = sizeof(struct config_pairs),
	.clear = clear_pairs,
	.load = load_form,
	.inherit = inherit_form,
	.equal = equal_forms,
	.print = print_form,
	.schema = write_texts_schema,
};

/* ---- addresses ---- */

static bool
check_pin(const struct config_pairs *before, const struct yaml_node *name,
    const struct text *text, struct faults *faults)
{
	char *host = routes_pin_host(name->text, NULL);
	char *address = routes_pin_address(text->value.text.data);
	const struct config_pair *other = find_pair(before, name->text, strcasecmp);
	bool fine = host != NULL && address != NULL && other == NULL;

	if (host == NULL)
		faults_error(faults, name->place,
		    "resolve: %s: expected the name of a host, or HOST:PORT",
		    name->text);
	if (address == NULL)
		faults_error(faults, text->place,
		    "resolve: %s: expected an IPv4 or IPv6 address", name->text);
	if (other != NULL && strcmp(other->name, name->text) != 0)
		faults_error(faults, name->place, "resolve: %s is the same host as %s",
		    name->text, other->name);
	free(host);
	free(address);
	return fine;
}

static bool
load_resolve(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_pairs(key, node, loading, check_pin, field);
}

static void
inherit_resolve(void *field, const void *from)
{
	inherit_pairs(field, from, strcasecmp);
}

const struct type type_resolve = {
	.size = sizeof(struct config_pairs),
	.clear = clear_pairs,
	.load = load_resolve,
	.inherit = inherit_resolve,
	.merges = true,
	.equal = equal_pairs,
	.print = print_texts,
	.schema = write_texts_schema,
};
