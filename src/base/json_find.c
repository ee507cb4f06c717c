/* The pass over a text that finds what pointers lead to. */
#include <string.h>

#include "base/buffer.h"
#include "base/json_escape.h"
#include "base/json_pointers.h"
#include "base/json_scanner.h"
#include "base/json_trie.h"

struct finding {
	const struct json_pointers *pointers;
	struct span *found;
	struct buffer key; /* without its escapes */
	size_t node;   /* that of the innermost open bracket; NONE: ours are closed */
	size_t index;  /* in an array: the item that comes next */
	size_t wanted; /* in an array: the child that comes next; NONE: none will */
	bool fresh;    /* nothing was met behind the opening bracket */
};

/* The item INDEX of the open array comes next: which child will be met next? */
static void
await_item(struct finding *finding, size_t index)
{
	const struct json_trie_node *nodes = finding->pointers->nodes;
	const struct json_trie_node *node = &nodes[finding->node];
	struct json_trie_token token = { .key = "", .index = index };
	bool same;
	size_t at = json_trie_search(finding->pointers, node, &token, &same);

	finding->index = index;
	finding->wanted = JSON_TRIE_NONE;
	if (at < node->child_count &&
	    nodes[node->children[at]].token.index != JSON_TRIE_NONE)
		finding->wanted = node->children[at];
}

/* The value of NODE, a container, ends at TEXT: what is around it goes on. */
static void
leave(struct finding *finding, struct json_scanner *scanner, const char *text)
{
	const struct json_trie_node *node = &finding->pointers->nodes[finding->node];
	struct span *span = &finding->found[finding->node];

	span->len = (size_t)(json_scanner_compact(scanner, text) - span->text);
	finding->node = node->parent;
	finding->fresh = false;
	if (node->parent != JSON_TRIE_NONE && !scanner->in_object)
		await_item(finding, node->token.index + 1);
}

/* TEXT is where the value of NUMBER starts: through its end or, where something inside of it
 * is looked for, behind its opening bracket. */
static const char *
take_value(struct finding *finding, struct json_scanner *scanner, const char *text,
    size_t number)
{
	const struct json_trie_node *node = &finding->pointers->nodes[number];
	struct span *span = &finding->found[number];

	text = json_scanner_space(scanner, text);
	*span = (struct span){ .text = json_scanner_compact(scanner, text) };
	if (node->child_count > 0 && text < scanner->end &&
	    (*text == '{' || *text == '[')) {
		finding->node = number;
		finding->fresh = true;
		text = json_scanner_open(scanner, text);
		if (!scanner->in_object)
			await_item(finding, 0);
		return text;
	}
	text = json_scanner_values(scanner, text, scanner->depth);
	if (text)
		span->len = (size_t)(json_scanner_compact(scanner, text) - span->text);
	return text;
}

/* The child of the open object with the key from TEXT to END, as it is spelled. */
static size_t
find_member(struct finding *finding, const char *text, const char *end)
{
	const struct json_trie_node *node = &finding->pointers->nodes[finding->node];
	size_t len = (size_t)(end - text);
	struct json_trie_token token;
	size_t at;
	bool same;

	if (memchr(text, '\\', len)) {
		buffer_reset(&finding->key);
		json_append_unescaped(&finding->key, text, len);
		text = finding->key.data;
		len = finding->key.len;
	}
	token = json_trie_token(text, len);
	at = json_trie_search(finding->pointers, node, &token, &same);
	return same ? node->children[at] : JSON_TRIE_NONE;
}

static const char *
take_member(struct finding *finding, struct json_scanner *scanner, const char *text)
{
	const char *key = json_scanner_space(scanner, text);
	size_t child;

	text = json_scanner_key(scanner, key);
	if (!text)
		return NULL;
	/* Now, since dropping white space moves what was read. */
	child = find_member(finding, key + 1, text - 1);
	text = json_scanner_colon(scanner, text);
	if (!text)
		return NULL;
	if (child != JSON_TRIE_NONE)
		return take_value(finding, scanner, text, child);
	return json_scanner_values(scanner, text, scanner->depth);
}

static const char *
take_item(struct finding *finding, struct json_scanner *scanner, const char *text)
{
	size_t wanted = finding->wanted;

	if (wanted == JSON_TRIE_NONE) {
		/* All the others, and the bracket behind them. */
		text = json_scanner_values(scanner, text, scanner->depth - 1);
		if (text)
			leave(finding, scanner, text);
		return text;
	}
	if (finding->index < finding->pointers->nodes[wanted].token.index) {
		finding->index++;
		return json_scanner_values(scanner, text, scanner->depth);
	}
	await_item(finding, finding->index + 1);
	return take_value(finding, scanner, text, wanted);
}

/* TEXT is in the open bracket, before its first item or behind another: through the next
 * one, or the closing bracket. */
static const char *
take_next(struct finding *finding, struct json_scanner *scanner, const char *text)
{
	text = json_scanner_space(scanner, text);
	if (text == scanner->end)
		return json_scanner_fail(scanner, JSON_FAULT_CUT, text);
	if (*text == json_scanner_closing(scanner)) {
		text = json_scanner_close(scanner, text);
		leave(finding, scanner, text);
		return text;
	}
	if (!finding->fresh) {
		if (*text != ',')
			return json_scanner_fail_at(scanner, text);
		text++;
	}
	finding->fresh = false;
	return scanner->in_object ? take_member(finding, scanner, text)
	                          : take_item(finding, scanner, text);
}

static const char *
take_all(struct json_scanner *scanner, const char *text, void *arg)
{
	struct finding *finding = arg;

	text = take_value(finding, scanner, text, 0);
	while (text && finding->node != JSON_TRIE_NONE)
		text = take_next(finding, scanner, text);
	return text;
}

/* What lies in the earlier one of doubled keys lies before the place where its parent was
 * found last. */
static void
forget_doubled(const struct json_pointers *pointers, struct span *found)
{
	for (size_t i = 1; i < pointers->count; i++) {
		const char *parent = found[pointers->nodes[i].parent].text;

		if (parent == NULL || found[i].text == NULL || found[i].text < parent)
			found[i] = (struct span){ .text = NULL };
	}
}

bool
json_scan_find(char *text, size_t len, unsigned max_depth,
    const struct json_pointers *pointers, struct span *found, struct json_scan *scan)
{
	struct finding finding = {
		.pointers = pointers,
		.found = found,
		.node = JSON_TRIE_NONE,
	};
	bool done;

	if (json_pointers_count(pointers) == 0)
		return json_scan_compact(text, len, max_depth, scan);
	memset(found, 0, pointers->count * sizeof(*found));
	buffer_init(&finding.key, BUFFER_UNLIMITED);
	done = json_scanner_run(text, len, max_depth, take_all, &finding, scan);
	buffer_clear(&finding.key);
	if (done)
		forget_doubled(pointers, found);
	return done;
}
