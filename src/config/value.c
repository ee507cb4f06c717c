#include "config/value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/xalloc.h"
#include "config/yaml.h"

/* ---- what a plain scalar is ---- */

static const char *
skip_digits(const char *at)
{
	while (*at >= '0' && *at <= '9')
		at++;
	return at;
}

/* No leading zero, no plus, no bare point. */
bool
value_text_is_number(const char *text)
{
	const char *at = text[0] == '-' ? text + 1 : text;
	const char *start = at;

	at = skip_digits(at);
	if (at == start || (start[0] == '0' && at - start > 1))
		return false;
	if (*at == '.') {
		start = ++at;
		at = skip_digits(at);
		if (at == start)
			return false;
	}
	if (*at == 'e' || *at == 'E') {
		at++;
		if (*at == '+' || *at == '-')
			at++;
		start = at;
		at = skip_digits(at);
		if (at == start)
			return false;
	}
	return *at == '\0';
}

static enum value_kind
kind_by_look(const char *text)
{
	if (strcmp(text, "null") == 0)
		return VALUE_NULL;
	if (strcmp(text, "false") == 0)
		return VALUE_FALSE;
	if (strcmp(text, "true") == 0)
		return VALUE_TRUE;
	return value_text_is_number(text) ? VALUE_NUMBER : VALUE_STRING;
}

/* ---- loading ---- */

static struct value *
new_value(enum value_kind kind, struct place place)
{
	struct value *value = xcalloc(1, sizeof(*value));

	value->kind = kind;
	value->place = place;
	return value;
}

/* By the look of the source, not of the value: what comes from ${...} is text whatever it
 * holds, and nobody outside changes a type. */
static struct value *
load_scalar(
    const struct yaml_node *node, const char *relative_to, struct faults *faults)
{
	struct value *value = new_value(VALUE_STRING, node->place);

	if (!text_load(node, relative_to, faults, &value->text)) {
		value_free(value);
		return NULL;
	}
	if (value->text.plain)
		value->kind = kind_by_look(value->text.source);
	return value;
}

static struct value *
load_list(const struct yaml_node *node, const char *relative_to, struct faults *faults)
{
	struct value *value = new_value(VALUE_LIST, node->place);
	bool whole = true;

	value->items = xcalloc(node->count, sizeof(struct value *));
	value->count = node->count;
	for (size_t i = 0; i < node->count; i++) {
		value->items[i] = value_load(node->items[i], relative_to, faults);
		whole = whole && value->items[i] != NULL;
	}
	if (whole)
		return value;
	value_free(value);
	return NULL;
}

struct value *
value_new_map(void)
{
	return new_value(VALUE_MAP, (struct place){ 0 });
}

/* Where the LEN bytes at NAME stand, or belong, among the sorted keys of MAP. */
static size_t
find_key(const struct value *map, const char *name, size_t len, bool *found)
{
	size_t low = 0;
	size_t high = map->count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *key = map->keys[map->by_name[middle]];
		int order = strncmp(name, key, len);

		if (order == 0 && key[len] == '\0') {
			*found = true;
			return middle;
		}
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* KEY, which stands at PLACE, among the keys of MAP, of which it belongs to the sorted ones
 * at AT. */
static void
insert(struct value *map, size_t at, const char *key, struct place place,
    struct value *item)
{
	size_t count = map->count;

	map->keys = xgrow(map->keys, count, sizeof(*map->keys));
	map->key_places = xgrow(map->key_places, count, sizeof(*map->key_places));
	map->items = xgrow(map->items, count, sizeof(struct value *));
	map->by_name = xgrow(map->by_name, count, sizeof(*map->by_name));
	memmove(map->by_name + at + 1, map->by_name + at,
	    (count - at) * sizeof(*map->by_name));
	map->by_name[at] = count;
	map->keys[count] = xstrdup(key);
	map->key_places[count] = place;
	map->items[count] = item;
	map->count++;
}

static void
set_at(struct value *map, const char *key, struct place place, struct value *item)
{
	bool found;
	size_t at = find_key(map, key, strlen(key), &found);

	if (!found) {
		insert(map, at, key, place, item);
		return;
	}
	at = map->by_name[at];
	value_free(map->items[at]);
	map->items[at] = item;
	map->key_places[at] = place;
}

void
value_set(struct value *map, const char *key, struct value *item)
{
	set_at(map, key, item->place, item);
}

const struct value *
value_get(const struct value *map, const char *key)
{
	bool found;
	size_t at = find_key(map, key, strlen(key), &found);

	return found ? map->items[map->by_name[at]] : NULL;
}

void
value_merge(struct value *map, const struct value *from)
{
	for (size_t i = 0; i < from->count; i++) {
		bool found;
		size_t at = find_key(map, from->keys[i], strlen(from->keys[i]), &found);

		if (!found)
			insert(map, at, from->keys[i], from->key_places[i],
			    value_copy(from->items[i]));
	}
}

static struct value *
load_map(const struct yaml_node *node, const char *relative_to, struct faults *faults)
{
	struct value *value = new_value(VALUE_MAP, node->place);
	bool whole = true;

	for (size_t i = 0; i < node->count; i++) {
		const struct yaml_pair *pair = &node->pairs[i];
		struct value *item = value_load(pair->value, relative_to, faults);

		if (item != NULL)
			set_at(value, pair->key->text, pair->key->place, item);
		whole = whole && item != NULL;
	}
	if (whole)
		return value;
	value_free(value);
	return NULL;
}

/* Recursion is safe: a tree is at most YAML_MAX_DEPTH deep, aliases included. */
struct value *
value_load(const struct yaml_node *node, const char *relative_to, struct faults *faults)
{
	switch (node->kind) {
	case YAML_SCALAR:
		return load_scalar(node, relative_to, faults);
	case YAML_LIST:
		return load_list(node, relative_to, faults);
	case YAML_MAP:
		return load_map(node, relative_to, faults);
	}
	return NULL;
}

/* As the config would have to write TEXT: every dollar sign twice. */
static char *
source_of(const char *text)
{
	struct buffer source;

	buffer_init(&source, BUFFER_UNLIMITED);
	for (; *text != '\0'; text++) {
		if (*text == '$')
			buffer_append_char(&source, '$');
		buffer_append_char(&source, *text);
	}
	return buffer_take(&source);
}

struct value *
value_from_argument(const char *text)
{
	struct value *value = new_value(kind_by_look(text), (struct place){ 0 });

	value->text.source = source_of(text);
	value->text.plain = true;
	marked_init(&value->text.value, BUFFER_UNLIMITED);
	(void)marked_append(&value->text.value, text, strlen(text), MARK_OWN);
	return value;
}

void
value_free(struct value *value)
{
	if (value == NULL)
		return;
	for (size_t i = 0; i < value->count; i++) {
		if (value->keys != NULL)
			free(value->keys[i]);
		value_free(value->items[i]);
	}
	free(value->keys);
	free(value->key_places);
	free(value->by_name);
	free(value->items);
	if (value->text.source != NULL)
		text_clear(&value->text);
	free(value);
}

/* COUNT elements of SIZE bytes, copied with the room that xgrow() expects. */
static void *
copy_array(const void *items, size_t count, size_t size)
{
	char *copy = NULL;

	for (size_t i = 0; i < count; i++)
		copy = xgrow(copy, i, size);
	if (count > 0)
		memcpy(copy, items, count * size);
	return copy;
}

static void
copy_items(struct value *copy, const struct value *value)
{
	copy->items = copy_array(value->items, value->count, sizeof(struct value *));
	copy->count = value->count;
	for (size_t i = 0; i < value->count; i++)
		copy->items[i] = value_copy(value->items[i]);
	if (value->kind != VALUE_MAP)
		return;
	copy->keys = copy_array(value->keys, value->count, sizeof(*value->keys));
	copy->key_places =
	    copy_array(value->key_places, value->count, sizeof(*value->key_places));
	copy->by_name =
	    copy_array(value->by_name, value->count, sizeof(*value->by_name));
	for (size_t i = 0; i < value->count; i++)
		copy->keys[i] = xstrdup(value->keys[i]);
}

struct value *
value_copy(const struct value *value)
{
	struct value *copy;

	if (value == NULL)
		return NULL;
	copy = new_value(value->kind, value->place);
	copy->broken = value->broken;
	if (value->text.source != NULL)
		text_copy(&copy->text, &value->text);
	if (value->count > 0)
		copy_items(copy, value);
	return copy;
}

bool
value_equal(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind || a->count != b->count)
		return false;
	if ((a->kind == VALUE_STRING || a->kind == VALUE_NUMBER) &&
	    !text_equal(&a->text, &b->text))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (a->kind == VALUE_MAP && strcmp(a->keys[i], b->keys[i]) != 0)
			return false;
		if (!value_equal(a->items[i], b->items[i]))
			return false;
	}
	return true;
}

void
value_rebase(struct value *value, const char *prefix)
{
	if (value->kind == VALUE_STRING)
		text_rebase(&value->text, prefix);
	for (size_t i = 0; i < value->count; i++)
		value_rebase(value->items[i], prefix);
}

/* ---- as templates see it ---- */

/* The longest key that fits, for those that hold dots themselves. */
static size_t
get_from_map(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct value *value = map->node;

	if (value->kind != VALUE_MAP)
		return 0;
	while (len > 0) {
		const char *dot;
		bool known;
		size_t at = find_key(value, path, len, &known);

		if (known) {
			value_for_template(value->items[value->by_name[at]], found);
			return len;
		}
		dot = memrchr(path, '.', len);
		len = dot != NULL ? (size_t)(dot - path) : 0;
	}
	return 0;
}

static bool
get_from_list(
    const struct template_value *list, size_t index, struct template_value *found)
{
	const struct value *value = list->node;

	if (value->kind != VALUE_LIST || index >= value->count)
		return false;
	value_for_template(value->items[index], found);
	return true;
}

static bool
put_own(struct marked *out, const char *text)
{
	return marked_append(out, text, strlen(text), MARK_OWN);
}

static bool
put_escaped(struct marked *out, const char *text, size_t len, enum mark mark)
{
	struct buffer escaped;
	bool done;

	buffer_init(&escaped, BUFFER_UNLIMITED);
	json_write_append_escaped(&escaped, text, len);
	done = marked_append(out, escaped.data, escaped.len, mark);
	buffer_clear(&escaped);
	return done;
}

/* Part by part, so that what was secret stays secret. */
static bool
put_string(struct marked *out, const struct marked *string)
{
	bool done = put_own(out, "\"");

	for (size_t i = 0; done && i < string->part_count; i++) {
		const char *text;
		size_t len;
		enum mark mark;

		marked_part(string, i, &text, &len, &mark);
		done = put_escaped(out, text, len, mark);
	}
	return done && put_own(out, "\"");
}

static bool put_json(struct marked *out, const struct value *value);

static bool
put_items(struct marked *out, const struct value *value)
{
	bool done = put_own(out, value->kind == VALUE_MAP ? "{" : "[");

	for (size_t i = 0; done && i < value->count; i++) {
		if (i > 0)
			done = put_own(out, ",");
		if (value->kind == VALUE_MAP)
			done = done && put_own(out, "\"") &&
			    put_escaped(out, value->keys[i], strlen(value->keys[i]),
			        MARK_OWN) &&
			    put_own(out, "\":");
		done = done && put_json(out, value->items[i]);
	}
	return done && put_own(out, value->kind == VALUE_MAP ? "}" : "]");
}

static bool
put_json(struct marked *out, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
	case VALUE_NUMBER:
		return put_own(out, value->text.value.text.data);
	case VALUE_STRING:
		return put_string(out, &value->text.value);
	case VALUE_LIST:
	case VALUE_MAP:
		return put_items(out, value);
	}
	return false;
}

static bool
append_json(const struct template_value *value, struct marked *out)
{
	return put_json(out, value->node);
}

static const struct template_data value_data = {
	.get = get_from_map,
	.item = get_from_list,
	.json = append_json,
};

static enum template_kind
template_kind_of(enum value_kind kind)
{
	switch (kind) {
	case VALUE_NULL:
		return TEMPLATE_NULL;
	case VALUE_FALSE:
		return TEMPLATE_FALSE;
	case VALUE_TRUE:
		return TEMPLATE_TRUE;
	case VALUE_NUMBER:
	case VALUE_STRING:
		return TEMPLATE_TEXT;
	case VALUE_LIST:
		return TEMPLATE_LIST;
	case VALUE_MAP:
		return TEMPLATE_MAP;
	}
	return TEMPLATE_NULL;
}

void
value_for_template(const struct value *value, struct template_value *out)
{
	*out = (struct template_value){
		.kind = template_kind_of(value->kind),
		.text = value->text.source != NULL ? &value->text.value : NULL,
		.number = value->kind == VALUE_NUMBER,
		.node = value,
		.data = &value_data,
	};
}
