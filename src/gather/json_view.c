#include "gather/json_view.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "gather/view.h"

/* Where the members of a list or object begin, counted from its own beginning. */
struct members {
	bool known;       /* somebody asked for one */
	uint32_t *starts; /* owned */
	size_t count;
	/* Of an object: a table of hashes, each the number of a member and 1; 0: free. */
	uint32_t *slots; /* owned; a power of two of them */
	size_t slot_count;
};

/* One value that was looked up. */
struct node {
	struct json_view *view; /* borrowed */
	struct span span;       /* likewise */
	bool secret;
	struct marked text;      /* of a string or number */
	bool has_marks;          /* ... which are needed */
	struct members *members; /* owned: of a list or object, else NULL */
};

struct json_view {
	/* By where their text begins; a table of hashes, NULL: free. */
	struct node **nodes; /* owned, and each of them */
	size_t node_count;
	size_t slot_count; /* a power of two, or 0 */
};

/* ---- what was looked up before ---- */

static size_t
hash_of_place(const char *place)
{
	uint64_t hash = (uint64_t)(uintptr_t)place * UINT64_C(0x9E3779B97F4A7C15);

	return (size_t)(hash >> 32);
}

/* Where the node of what begins at PLACE is, or would be. */
static struct node **
find_slot(const struct json_view *view, const char *place)
{
	size_t at = hash_of_place(place) & (view->slot_count - 1);

	while (view->nodes[at] != NULL && view->nodes[at]->span.text != place)
		at = (at + 1) & (view->slot_count - 1);
	return &view->nodes[at];
}

static void
make_room(struct json_view *view)
{
	struct json_view larger = {
		.slot_count = view->slot_count > 0 ? 2 * view->slot_count : 16,
	};

	if (2 * (view->node_count + 1) <= view->slot_count)
		return;
	larger.nodes = xcalloc(larger.slot_count, sizeof(struct node *));
	for (size_t i = 0; i < view->slot_count; i++) {
		if (view->nodes[i] != NULL)
			*find_slot(&larger, view->nodes[i]->span.text) = view->nodes[i];
	}
	free((void *)view->nodes);
	view->nodes = larger.nodes;
	view->slot_count = larger.slot_count;
}

/* What a string means; a number as it is spelled. */
static void
make_text(struct node *node)
{
	struct span span = node->span;
	size_t len = span.len;
	char *text = span_kind(span) == SPAN_STRING ? span_text(span, &len) : NULL;

	marked_init(&node->text, BUFFER_UNLIMITED);
	if (len > 0)
		marked_append(&node->text, text != NULL ? text : span.text, len,
		    node->secret ? MARK_SECRET : MARK_PUT_IN);
	/* Without marks it has to end at the first NUL. */
	node->has_marks = node->secret || memchr(node->text.text.data, '\0', len);
	free(text);
}

static struct node *
find_node(struct json_view *view, struct span span, bool secret)
{
	enum span_kind kind = span_kind(span);
	struct node **slot;
	struct node *node;

	make_room(view);
	slot = find_slot(view, span.text);
	if (*slot != NULL)
		return *slot;
	node = xcalloc(1, sizeof(*node));
	node->view = view;
	node->span = span;
	node->secret = secret;
	if (kind == SPAN_STRING || kind == SPAN_NUMBER)
		make_text(node);
	else
		node->members = xcalloc(1, sizeof(*node->members));
	*slot = node;
	view->node_count++;
	return node;
}

static void
node_free(struct node *node)
{
	if (node == NULL)
		return;
	if (node->members != NULL) {
		free(node->members->starts);
		free(node->members->slots);
	}
	free(node->members);
	marked_clear(&node->text);
	free(node);
}

struct json_view *
json_view_new(void)
{
	return xcalloc(1, sizeof(struct json_view));
}

void
json_view_free(struct json_view *view)
{
	if (view == NULL)
		return;
	for (size_t i = 0; i < view->slot_count; i++)
		node_free(view->nodes[i]);
	free((void *)view->nodes);
	free(view);
}

/* ---- members ---- */

static uint32_t
hash_of_name(const char *name, size_t len)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619U;
	return hash;
}

/* Member number INDEX of NODE. */
static void
member_at(const struct node *node, size_t index, struct span *key, struct span *value)
{
	struct span_walk walk = {
		.at = node->span.text + node->members->starts[index],
		.end = node->span.text + node->span.len - 1,
		.in_object = *node->span.text == '{',
	};

	if (!span_walk_next(&walk, key, value))
		*value = (struct span){ .text = NULL };
}

/* What KEY means, for the length of one look; *OWN is to be freed. */
static const char *
name_of(struct span key, size_t *len, char **own)
{
	*own = NULL;
	*len = key.len - 2;
	if (memchr(key.text, '\\', key.len) == NULL)
		return key.text + 1;
	*own = span_text(key, len);
	return *own;
}

static bool
is_name(const struct node *node, size_t index, const char *name, size_t len)
{
	struct span key, value;
	const char *found;
	size_t found_len;
	char *own;
	bool same;

	member_at(node, index, &key, &value);
	found = name_of(key, &found_len, &own);
	same = found_len == len && memcmp(found, name, len) == 0;
	free(own);
	return same;
}

/* The slot of the member called NAME, or the free one that would be its. */
static uint32_t *
find_name(const struct node *node, const char *name, size_t len)
{
	const struct members *members = node->members;
	size_t at = hash_of_name(name, len) & (members->slot_count - 1);

	while (members->slots[at] != 0 &&
	    !is_name(node, members->slots[at] - 1, name, len))
		at = (at + 1) & (members->slot_count - 1);
	return &members->slots[at];
}

static void
index_names(const struct node *node)
{
	struct members *members = node->members;

	members->slot_count = 4;
	while (members->slot_count < 2 * members->count)
		members->slot_count *= 2;
	members->slots = xcalloc(members->slot_count, sizeof(*members->slots));
	for (size_t i = 0; i < members->count; i++) {
		struct span key, value;
		const char *name;
		size_t len;
		char *own;

		member_at(node, i, &key, &value);
		name = name_of(key, &len, &own);
		/* Of doubled names the last one counts. */
		*find_name(node, name, len) = (uint32_t)(i + 1);
		free(own);
	}
}

/* The members of NODE, a list or object, by one pass when the first is asked for. */
static const struct members *
members_of(const struct node *node)
{
	struct members *members = node->members;
	struct span_walk walk;
	struct span key, value;

	if (members->known)
		return members;
	members->known = true;
	/* Too long to be counted in; no answer is. */
	if (node->span.len >= UINT32_MAX)
		return members;
	span_walk_init(&walk, node->span);
	while (span_walk_next(&walk, &key, &value)) {
		const char *start = walk.in_object ? key.text : value.text;

		members->starts =
		    xgrow(members->starts, members->count, sizeof(*members->starts));
		members->starts[members->count++] = (uint32_t)(start - node->span.text);
	}
	if (walk.in_object && members->count > 0)
		index_names(node);
	return members;
}

/* ---- as templates see them ---- */

/* The longest name that fits, for those that hold dots themselves. */
static size_t
get_member(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct node *node = map->node;

	while (len > 0 && members_of(node)->count > 0) {
		uint32_t number = *find_name(node, path, len);
		struct span key, value;

		if (number != 0) {
			member_at(node, number - 1, &key, &value);
			json_view_value(node->view, value, node->secret, found);
			return len;
		}
		len = view_without_last_part(path, len);
	}
	return 0;
}

static bool
get_item(const struct template_value *list, size_t index, struct template_value *found)
{
	const struct node *node = list->node;
	struct span key, value;

	if (index >= members_of(node)->count)
		return false;
	member_at(node, index, &key, &value);
	json_view_value(node->view, value, node->secret, found);
	return true;
}

static bool append_span(const struct template_value *value, struct marked *out);

static const struct template_data span_data = {
	.get = get_member,
	.item = get_item,
	.json = append_span,
};

void
json_view_value(
    struct json_view *view, struct span span, bool secret, struct template_value *value)
{
	enum span_kind kind = span_kind(span);
	const struct node *node;

	view_text(value, NULL);
	if (kind <= SPAN_NULL)
		return;
	assert(span.text != NULL);
	if (kind == SPAN_BOOL) {
		value->kind = *span.text == 't' ? TEMPLATE_TRUE : TEMPLATE_FALSE;
		return;
	}
	node = find_node(view, span, secret);
	if (kind == SPAN_ARRAY || kind == SPAN_OBJECT) {
		view_map(value, node, &span_data);
		if (kind == SPAN_ARRAY)
			value->kind = TEMPLATE_LIST;
		return;
	}
	value->kind = TEMPLATE_TEXT;
	value->number = kind == SPAN_NUMBER;
	if (node->has_marks)
		value->text = &node->text;
	else
		value->plain = node->text.text.data;
}

/* ---- as JSON ---- */

/* One token of a secret text: brackets, commas and colons may be seen. */
static bool
put_secret_token(struct marked *out, struct span token)
{
	if (strchr("{}[],:", *token.text) != NULL)
		return view_put(out, token.text, 1, MARK_PUT_IN);
	if (*token.text != '"')
		return view_put(out, token.text, token.len, MARK_SECRET);
	return view_put(out, "\"", 1, MARK_PUT_IN) &&
	    view_put(out, token.text + 1, token.len - 2, MARK_SECRET) &&
	    view_put(out, "\"", 1, MARK_PUT_IN);
}

/* A list or object. */
static bool
append_span(const struct template_value *value, struct marked *out)
{
	const struct node *node = value->node;
	const char *end = node->span.text + node->span.len;
	const char *at = node->span.text;

	if (!node->secret)
		return view_put(out, at, node->span.len, MARK_PUT_IN);
	while (at < end) {
		/* Opening brackets come one by one: each is a token. */
		struct span token = span_token(at, end);

		if (token.len == 0)
			break;
		if (!put_secret_token(out, token))
			return false;
		at = token.text + token.len;
	}
	return true;
}
