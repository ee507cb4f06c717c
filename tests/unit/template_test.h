/*
 * Values and checks that the tests of templates have in common.
 */
#ifndef GATHERD_TESTS_TEMPLATE_TEST_H
#define GATHERD_TESTS_TEMPLATE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/marked.h"
#include "template/template.h"

/* ---- values to render ---- */

struct tree {
	const char *key;
	const char *plain;         /* TEXT */
	const struct marked *text; /* TEXT: instead of `plain` */
	const struct tree *children;
	size_t child_count; /* LIST and MAP */
	const char *json;   /* LIST and MAP: with <secrets> in brackets, or NULL */
	enum template_kind kind;
	bool keys_hold_dots; /* MAP: the longest key that fits is taken */
	bool number;         /* TEXT: it is one */
	bool fetched;
};

static void describe(const struct tree *tree, struct template_value *value);

static size_t
get_child(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct tree *tree = map->node;
	size_t best = 0;

	for (size_t i = 0; i < tree->child_count; i++) {
		const char *key = tree->children[i].key;
		size_t key_len = strlen(key);

		if (key_len <= best || key_len > len || memcmp(key, path, key_len) != 0)
			continue;
		if (key_len < len && path[key_len] != '.')
			continue;
		if (strchr(key, '.') != NULL && !tree->keys_hold_dots)
			continue;
		describe(&tree->children[i], found);
		best = key_len;
	}
	return best;
}

static bool
get_item(const struct template_value *list, size_t index, struct template_value *found)
{
	const struct tree *tree = list->node;

	if (index >= tree->child_count)
		return false;
	describe(&tree->children[index], found);
	return true;
}

static bool
write_json(const struct template_value *value, struct marked *out)
{
	const struct tree *tree = value->node;
	const char *at = tree->json;
	enum mark mark = MARK_OWN;

	while (*at != '\0') {
		size_t len = strcspn(at, "<>");

		if (!marked_append(out, at, len, mark))
			return false;
		at += len;
		if (*at != '\0')
			mark = *at++ == '<' ? MARK_SECRET : MARK_OWN;
	}
	return true;
}

static const struct template_data tree_data = { get_child, get_item, write_json };
static const struct template_data tree_data_without_json = { get_child, get_item,
	NULL };

static void
describe(const struct tree *tree, struct template_value *value)
{
	*value = (struct template_value){
		.kind = tree->kind,
		.text = tree->text,
		.plain = tree->plain,
		.number = tree->number,
		.fetched = tree->fetched,
		.node = tree,
		.data = tree->json != NULL ? &tree_data : &tree_data_without_json,
	};
}

#define TEXT(name, value)                                              \
	{                                                              \
		.key = (name), .kind = TEMPLATE_TEXT, .plain = (value) \
	}
#define BARE(name, a_kind)                      \
	{                                       \
		.key = (name), .kind = (a_kind) \
	}
#define LIST(name, items)                                               \
	{                                                               \
		.key = (name), .kind = TEMPLATE_LIST,                   \
		.child_count = ARRAY_COUNT(items), .children = (items), \
		.json = "[\"a\",1]"                                     \
	}
#define MAP(name, items)                                               \
	{                                                              \
		.key = (name), .kind = TEMPLATE_MAP,                   \
		.child_count = ARRAY_COUNT(items), .children = (items) \
	}

static const struct tree city[] = {
	TEXT("name", "Montréal"),
	TEXT("code", "YUL"),
	BARE("mayor", TEMPLATE_NULL),
};

static const struct tree letters[] = { TEXT("", "a"), TEXT("", "b"), TEXT("", "c") };
static const struct tree pairs[] = { LIST("", letters), LIST("", letters) };
static const struct tree cities[] = { MAP("", city), MAP("", city) };
static const struct tree odd_items[] = {
	BARE("", TEMPLATE_NULL),
	BARE("", TEMPLATE_FALSE),
	BARE("", TEMPLATE_TRUE),
	TEXT("", ""),
};

static const struct tree dotted[] = {
	TEXT("www", "short"),
	MAP("www.example.com", city),
};

static const struct marked empty_marked; /* zero bytes in zero parts */

static const struct tree tree_values[] = {
	TEXT("text", "a b&c/é"),
	TEXT("plain", "x"),
	TEXT("empty", ""),
	{ .key = "empty_marked", .kind = TEMPLATE_TEXT, .text = &empty_marked },
	TEXT("lines", "one\r\ntwo\nthree"),
	TEXT("tag", "{{plain}}"),
	TEXT("name", "outer"),
	TEXT("number", "1.10"),
	BARE("null", TEMPLATE_NULL),
	BARE("no", TEMPLATE_FALSE),
	BARE("yes", TEMPLATE_TRUE),
	LIST("letters", letters),
	LIST("pairs", pairs),
	LIST("cities", cities),
	LIST("odd", odd_items),
	{ .key = "none", .kind = TEMPLATE_LIST, .json = "[]" },
	MAP("city", city),
	{ .key = "dotted",
	    .kind = TEMPLATE_MAP,
	    .child_count = ARRAY_COUNT(dotted),
	    .children = dotted,
	    .keys_hold_dots = true },
};
static const struct tree root = MAP(NULL, tree_values);

/* ---- helpers ---- */

/* SOURCE with its parts: [from outside] and <secret> in brackets of their own. */
static void
mark(const char *source, struct marked *out)
{
	enum mark current = MARK_OWN;

	marked_init(out, BUFFER_UNLIMITED);
	while (*source != '\0') {
		static const char *const ends[] = {
			[MARK_OWN] = "[<",
			[MARK_PUT_IN] = "]",
			[MARK_SECRET] = ">",
		};
		size_t len = strcspn(source, ends[current]);

		marked_append(out, source, len, current);
		source += len;
		if (*source == '\0')
			break;
		current = *source == '[' ? MARK_PUT_IN
		    : *source == '<'     ? MARK_SECRET
		                         : MARK_OWN;
		source++;
	}
}

/* The opposite of mark(). */
static char *
bracketed(const struct marked *marked)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	for (size_t i = 0; i < marked->part_count; i++) {
		const char *part;
		enum mark part_mark;
		size_t len;

		marked_part(marked, i, &part, &len, &part_mark);
		if (part_mark != MARK_OWN)
			buffer_append_char(&text, part_mark == MARK_SECRET ? '<' : '[');
		buffer_append(&text, part, len);
		if (part_mark != MARK_OWN)
			buffer_append_char(&text, part_mark == MARK_SECRET ? '>' : ']');
	}
	return buffer_take(&text);
}

static struct template *
compile(const char *source, enum template_place place)
{
	struct template_fault fault = { .message = "" };
	struct template *compiled;
	struct marked marked;

	mark(source, &marked);
	compiled = template_compile(&marked, place, &fault);
	marked_clear(&marked);
	if (compiled == NULL)
		print_error("%s: %s\n", source, fault.message);
	assert_non_null(compiled);
	return compiled;
}

/* Render SOURCE over TREE; what comes out has its marks as brackets. */
UNUSED static void
assert_renders_over(const struct tree *tree, enum template_place place,
    const char *source, const char *expected)
{
	struct template *template = compile(source, place);
	struct template_value value;
	const char *name = NULL;
	struct marked out;
	char *found;

	describe(tree, &value);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	assert_int_equal(
	    template_render(template, &value, &out, NULL, &name), TEMPLATE_RENDERED);
	assert_null(name);
	found = bracketed(&out);
	assert_string_equal(found, expected);
	free(found);
	marked_clear(&out);
	template_free(template);
}

UNUSED static void
assert_renders(enum template_place place, const char *source, const char *expected)
{
	assert_renders_over(&root, place, source, expected);
}

UNUSED static void
assert_result_over(const struct tree *tree, enum template_place place,
    const char *source, enum template_result expected, const char *expected_name)
{
	struct template *template = compile(source, place);
	struct template_value value;
	const char *name = "untouched";
	struct marked out;

	describe(tree, &value);
	marked_init(&out, BUFFER_UNLIMITED);
	assert_int_equal(
	    template_render(template, &value, &out, NULL, &name), expected);
	if (expected_name == NULL)
		assert_null(name);
	else
		assert_string_equal(name, expected_name);
	marked_clear(&out);
	template_free(template);
}

UNUSED static void
assert_result(enum template_place place, const char *source,
    enum template_result expected, const char *expected_name)
{
	assert_result_over(&root, place, source, expected, expected_name);
}

/* DEPTH times OPEN, then INNER, then as many CLOSE. */
UNUSED static void
nest(struct buffer *source, int depth, const char *open, const char *inner,
    const char *close)
{
	buffer_init(source, BUFFER_UNLIMITED);
	for (int i = 0; i < depth; i++)
		buffer_append_string(source, open);
	buffer_append_string(source, inner);
	for (int i = 0; i < depth; i++)
		buffer_append_string(source, close);
}

#endif
