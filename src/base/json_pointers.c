#include "base/json_pointers.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_trie.h"
#include "base/utf8.h"
#include "base/xalloc.h"

/* Not more characters of a token are shown. */
#define MAX_SHOWN 64

/* The items of an array are counted for a message where it has not more bytes. */
#define MAX_COUNTED ((size_t)16 * 1024)

#define NO_JSON "there is no JSON"

/* ---- the text of a pointer ---- */

const char *
json_pointer_fault(const char *text)
{
	if (*text != '\0' && *text != '/')
		return "does not begin with /";
	for (; *text != '\0'; text++) {
		if (*text == '~' && text[1] != '0' && text[1] != '1')
			return "has a ~ that is neither ~0 nor ~1";
	}
	return NULL;
}

/* Digits without a zero in front (RFC 6901, section 4); NONE where KEY is something else.
 * "-", the item behind the last, never exists. */
static size_t
read_index(const char *key, size_t len)
{
	size_t index = 0;

	if (len == 0 || (len > 1 && key[0] == '0'))
		return JSON_TRIE_NONE;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)key[i] - '0';

		if (digit > 9 || index > (JSON_TRIE_NONE - 1 - digit) / 10)
			return JSON_TRIE_NONE;
		index = 10 * index + digit;
	}
	return index;
}

struct json_trie_token
json_trie_token(const char *key, size_t len)
{
	return (struct json_trie_token){ key, len, read_index(key, len) };
}

/* The key of the token behind the slash at *TEXT, which is moved behind it; the
 * caller's. */
static char *
take_key(const char **text)
{
	const char *from = *text + 1;
	size_t len = strcspn(from, "/");
	char *key = xmemdup0(from, len);
	char *to = key;

	*text = from + len;
	for (; from < *text; from++) {
		char c = *from;

		if (c == '~')
			c = *++from == '0' ? '~' : '/';
		*to++ = c;
	}
	*to = '\0';
	return key;
}

/* ---- the trie ---- */

struct json_pointers *
json_pointers_new(void)
{
	return xcalloc(1, sizeof(struct json_pointers));
}

void
json_pointers_free(struct json_pointers *pointers)
{
	if (!pointers)
		return;
	for (size_t i = 0; i < pointers->count; i++) {
		free(pointers->nodes[i].key);
		free(pointers->nodes[i].children);
	}
	free(pointers->nodes);
	free(pointers);
}

size_t
json_pointers_count(const struct json_pointers *pointers)
{
	return pointers ? pointers->count : 0;
}

/* Items first, all others by length, then by bytes. */
static int
compare(const struct json_trie_token *one, const struct json_trie_token *other)
{
	if (one->index != other->index)
		return one->index < other->index ? -1 : 1;
	if (one->len != other->len)
		return one->len < other->len ? -1 : 1;
	return memcmp(one->key, other->key, one->len);
}

size_t
json_trie_search(const struct json_pointers *pointers,
    const struct json_trie_node *parent, const struct json_trie_token *token,
    bool *same)
{
	size_t low = 0;
	size_t high = parent->child_count;

	*same = false;
	while (low < high && !*same) {
		size_t middle = low + (high - low) / 2;
		const struct json_trie_node *child =
		    &pointers->nodes[parent->children[middle]];
		int order = compare(&child->token, token);

		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
			*same = order == 0;
		}
	}
	return high;
}

/* KEY is taken over. PARENT is NONE for the first node. Returns the new one. */
static size_t
add_node(struct json_pointers *pointers, size_t parent, char *key)
{
	size_t number = pointers->count++;

	pointers->nodes = xgrow(pointers->nodes, number, sizeof(*pointers->nodes));
	pointers->nodes[number] = (struct json_trie_node){
		.key = key,
		.token = json_trie_token(key, strlen(key)),
		.parent = parent,
	};
	return number;
}

/* The child of PARENT with KEY, which is taken over. */
static size_t
take_child(struct json_pointers *pointers, size_t parent, char *key)
{
	struct json_trie_node *node = &pointers->nodes[parent];
	struct json_trie_token token = json_trie_token(key, strlen(key));
	bool same;
	size_t at = json_trie_search(pointers, node, &token, &same);
	size_t number;

	if (same) {
		free(key);
		return node->children[at];
	}
	number = add_node(pointers, parent, key);
	node = &pointers->nodes[parent]; /* it may have moved */
	node->children =
	    xgrow(node->children, node->child_count, sizeof(*node->children));
	memmove(&node->children[at + 1], &node->children[at],
	    (node->child_count - at) * sizeof(*node->children));
	node->children[at] = number;
	node->child_count++;
	return number;
}

size_t
json_pointers_add(struct json_pointers *pointers, const char *text)
{
	size_t number = 0;

	if (pointers->count == 0)
		add_node(pointers, JSON_TRIE_NONE, xstrdup(""));
	while (*text == '/')
		number = take_child(pointers, number, take_key(&text));
	return number;
}

/* ---- where a pointer ended ---- */

static void
append_item_count(struct buffer *out, size_t count)
{
	if (count == 0)
		buffer_append_string(out, "the array is empty");
	else
		buffer_append_format(
		    out, "the array has %zu item%s", count, count == 1 ? "" : "s");
}

/* Why TOKEN leads nowhere in VALUE. */
static void
append_reason(
    struct buffer *out, struct span value, const struct json_trie_token *token)
{
	switch (span_kind(value)) {
	case SPAN_OBJECT:
		buffer_append_string(out, "the object has no such member");
		return;
	case SPAN_ARRAY:
		if (token->index == JSON_TRIE_NONE)
			buffer_append_string(out, "the items of an array have numbers");
		else if (value.len > MAX_COUNTED)
			buffer_append_string(out, "the array has no such item");
		else
			append_item_count(out, span_count(value));
		return;
	case SPAN_STRING:
		buffer_append_string(out, "a string has no members");
		return;
	case SPAN_NUMBER:
		buffer_append_string(out, "a number has no members");
		return;
	case SPAN_BOOL:
		buffer_append_string(out, "a boolean has no members");
		return;
	case SPAN_NULL:
		buffer_append_string(out, "null has no members");
		return;
	case SPAN_ABSENT:
		buffer_append_string(out, "there is nothing");
		return;
	}
}

/* From VALUE no way leads on by TOKEN. */
static char *
tell_end(struct span value, const struct json_trie_token *token)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, "ended at \"");
	utf8_append_cleaned(&out, token->key, token->len, MAX_SHOWN);
	buffer_append_string(&out, "\": ");
	append_reason(&out, value, token);
	return buffer_take(&out);
}

char *
json_pointers_end(
    const struct json_pointers *pointers, const struct span *found, size_t number)
{
	const struct json_trie_node *node = &pointers->nodes[number];

	if (span_kind(found[0]) == SPAN_ABSENT)
		return xstrdup(NO_JSON);
	while (span_kind(found[node->parent]) == SPAN_ABSENT)
		node = &pointers->nodes[node->parent];
	return tell_end(found[node->parent], &node->token);
}

static struct span
find_item(struct span array, size_t index)
{
	struct span_walk walk;
	struct span key;
	struct span item = { .text = NULL };
	bool there;

	span_walk_init(&walk, array);
	do {
		there = span_walk_next(&walk, &key, &item);
	} while (there && index-- > 0);
	return there ? item : (struct span){ .text = NULL };
}

static struct span
step(struct span value, const struct json_trie_token *token)
{
	if (span_kind(value) == SPAN_ARRAY && token->index != JSON_TRIE_NONE)
		return find_item(value, token->index);
	return span_member(value, token->key);
}

char *
json_pointer_end(struct span root, const char *pointer)
{
	struct span value = root;
	char *told = NULL;

	if (span_kind(root) == SPAN_ABSENT)
		return xstrdup(NO_JSON);
	while (told == NULL && *pointer == '/') {
		char *key = take_key(&pointer);
		struct json_trie_token token = json_trie_token(key, strlen(key));
		struct span next = step(value, &token);

		if (span_kind(next) == SPAN_ABSENT)
			told = tell_end(value, &token);
		value = next;
		free(key);
	}
	return told;
}
