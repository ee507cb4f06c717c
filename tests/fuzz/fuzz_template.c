/*
 * Any template over a fixed set of values, in any place.
 *
 * The first byte is the place; by its high bits values are cut, and stand in blocks, as in a
 * text for a language model. In the rest 0x01 starts a part that was put in, 0x02 one
 * that is secret, 0x03 the author's own again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "a very\r\n\"secret\" text"

/* ---- values ---- */

struct tree {
	const char *key;
	enum template_kind kind;
	const struct tree *children;
	size_t child_count;
};

static const struct tree items[] = {
	{ "0", TEMPLATE_TEXT, NULL, 0 },
	{ "1", TEMPLATE_NULL, NULL, 0 },
	{ "2", TEMPLATE_TRUE, NULL, 0 },
};
static const struct tree lists[] = {
	{ "0", TEMPLATE_LIST, items, ARRAY_COUNT(items) },
	{ "1", TEMPLATE_LIST, items, ARRAY_COUNT(items) },
};
static const struct tree inner[] = {
	{ "t", TEMPLATE_TEXT, NULL, 0 },
	{ "z", TEMPLATE_NULL, NULL, 0 },
	{ "l", TEMPLATE_LIST, lists, ARRAY_COUNT(lists) },
};
static const struct tree outer[] = {
	{ "t", TEMPLATE_TEXT, NULL, 0 },
	{ "s", TEMPLATE_TEXT, NULL, 0 }, /* with a secret in it */
	{ "f", TEMPLATE_FALSE, NULL, 0 },
	{ "e", TEMPLATE_LIST, NULL, 0 },
	{ "l", TEMPLATE_LIST, lists, ARRAY_COUNT(lists) },
	{ "m", TEMPLATE_MAP, inner, ARRAY_COUNT(inner) },
	{ "m.n", TEMPLATE_MAP, inner, ARRAY_COUNT(inner) },
};
static const struct tree root = { "", TEMPLATE_MAP, outer, ARRAY_COUNT(outer) };

static struct marked secret_text; /* of "s" */

static void describe(const struct tree *tree, struct template_value *value);

static size_t
get(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct tree *tree = map->node;
	size_t best = 0;

	for (size_t i = 0; i < tree->child_count; i++) {
		const struct tree *child = &tree->children[i];
		size_t key_len = strlen(child->key);

		if (key_len > best && key_len <= len &&
		    memcmp(child->key, path, key_len) == 0 &&
		    (key_len == len || path[key_len] == '.')) {
			describe(child, found);
			best = key_len;
		}
	}
	return best;
}

static bool
item(const struct template_value *list, size_t index, struct template_value *found)
{
	const struct tree *tree = list->node;

	if (index >= tree->child_count)
		return false;
	describe(&tree->children[index], found);
	return true;
}

static bool
json(UNUSED const struct template_value *value, struct marked *out)
{
	static const char parts[] = "{\"a\":[\"";
	static const char secret[] = "a very\\r\\n\\u0022secret\\\" text";

	return marked_append(out, parts, strlen(parts), MARK_OWN) &&
	    marked_append(out, secret, strlen(secret), MARK_SECRET) &&
	    marked_append(out, "\"]}", 3, MARK_OWN);
}

static void
describe(const struct tree *tree, struct template_value *value)
{
	static const struct template_data functions = { get, item, json };

	*value = (struct template_value){
		.kind = tree->kind,
		.plain = "text /\r\n{{t}}",
		.text = strcmp(tree->key, "s") == 0 ? &secret_text : NULL,
		/* Some of them, wherever they stand. */
		.fetched = strchr("tls0m", tree->key[0]) != NULL,
		.node = tree,
		.data = &functions,
	};
}

static void
make_secret_text(void)
{
	if (secret_text.part_count > 0)
		return;
	marked_init(&secret_text, BUFFER_UNLIMITED);
	marked_append(&secret_text, "x", 1, MARK_OWN);
	marked_append(&secret_text, SECRET, strlen(SECRET), MARK_SECRET);
	marked_append(&secret_text, "\r\n", 2, MARK_PUT_IN);
}

/* ---- one input ---- */

static void
read_source(struct marked *source, const uint8_t *data, size_t size)
{
	static const enum mark marks[] = { MARK_PUT_IN, MARK_SECRET, MARK_OWN };
	enum mark mark = MARK_OWN;

	marked_init(source, BUFFER_UNLIMITED);
	for (size_t i = 0; i < size; i++) {
		if (data[i] >= 1 && data[i] <= 3)
			mark = marks[data[i] - 1];
		else
			marked_append(source, (const char *)&data[i], 1, mark);
	}
}

static void
check_name(const struct template_name *name, void *arg)
{
	const struct marked *source = arg;

	assert(name->path[0] != '\0' && strcmp(name->path, ".") != 0);
	assert(name->offset < source->text.len);
}

static void
check_output(
    enum template_place place, const struct marked *source, const struct marked *out)
{
	size_t end = 0;

	assert(out->text.len <= TEMPLATE_MAX_OUTPUT);
	for (size_t i = 0; i < out->part_count; i++) {
		const char *text;
		enum mark mark;
		size_t len;

		marked_part(out, i, &text, &len, &mark);
		assert(len > 0 && text == out->text.data + end);
		/* Secrets side by side stay apart. */
		assert(i == 0 || mark == MARK_SECRET || mark != out->parts[i - 1].mark);
		end += len;
	}
	assert(end == out->text.len);
	/* Only the author's own text can bring a line end into a header. */
	if (place == TEMPLATE_HEADER && source->text.len > 0 &&
	    memchr(source->text.data, '\n', source->text.len) == NULL)
		assert(memchr(out->text.data, '\n', out->text.len) == NULL);
}

static void
render(const struct template *template, enum template_place place,
    const struct marked *source)
{
	struct secrets *carried = secrets_new();
	const char *name = NULL;
	struct template_value value;
	struct marked out, again;
	enum template_result result;

	describe(&root, &value);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	result = template_render(template, &value, &out, carried, &name);
	check_output(place, source, &out);
	if (result == TEMPLATE_MISSING || result == TEMPLATE_NOT_TEXT)
		assert(name != NULL);
	if (result == TEMPLATE_RENDERED)
		assert(name == NULL);
	if (template_is_literal(template))
		assert(result == TEMPLATE_RENDERED);

	marked_init(&again, TEMPLATE_MAX_OUTPUT);
	if (result != TEMPLATE_TOO_LARGE) {
		assert(template_render(template, &value, &again, NULL, NULL) == result);
		assert(marked_equal(&out, &again));
	}
	marked_clear(&again);
	marked_clear(&out);
	secrets_free(carried);
}

/* The one value of TEMPLATE as JSON. */
static void
render_json(const struct template *template, enum template_place place)
{
	struct secrets *carried = secrets_new();
	struct template_value value;
	enum template_result result;
	struct json_scan scan;
	struct marked out;

	describe(&root, &value);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	result = template_render_json(template, &value, &out, carried, NULL);
	assert(result != TEMPLATE_TOO_LARGE);
	assert(result != TEMPLATE_NOT_TEXT || place != TEMPLATE_PLAIN);
	if (result == TEMPLATE_RENDERED)
		assert(json_scan_compact(out.text.data, out.text.len, 9, &scan));
	marked_clear(&out);
	secrets_free(carried);
}

/* How often NEEDLE stands in TEXT. */
static size_t
count_of(const struct buffer *text, const char *needle)
{
	const char *at = text->data;
	const char *end = text->data + text->len;
	size_t count = 0;

	for (;;) {
		at = memmem(at, (size_t)(end - at), needle, strlen(needle));
		if (at == NULL)
			return count;
		at++;
		count++;
	}
}

/* As in a text for a language model. */
static void
render_inserting(const struct template *template, const struct marked *source,
    size_t max_bytes, bool fence)
{
	struct template_insertion insertion = {
		.max_bytes = max_bytes,
		.fence = fence,
	};
	struct secrets *carried = secrets_new();
	enum template_result result, plain_result;
	struct template_value value;
	struct marked out, plain;

	describe(&root, &value);
	marked_init(&out, TEMPLATE_MAX_OUTPUT);
	marked_init(&plain, TEMPLATE_MAX_OUTPUT);
	result = template_render_inserting(
	    template, &value, &insertion, &out, carried, NULL);
	plain_result = template_render(template, &value, &plain, NULL, NULL);
	check_output(TEMPLATE_PLAIN, source, &out);
	/* What is missing is missing either way. */
	if (result != TEMPLATE_TOO_LARGE && plain_result != TEMPLATE_TOO_LARGE)
		assert(result == plain_result);
	if (max_bytes == 0 && !fence)
		assert(insertion.cut_count == 0 && marked_equal(&out, &plain));
	/* No value holds such lines; the template may. */
	if (result == TEMPLATE_RENDERED && count_of(&source->text, "data") == 0)
		assert(count_of(&out.text, "[data ") ==
		    count_of(&out.text, "[end of data "));
	marked_clear(&plain);
	marked_clear(&out);
	secrets_free(carried);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum template_place places[] = {
		TEMPLATE_PLAIN,
		TEMPLATE_URL,
		TEMPLATE_HEADER,
	};
	struct template_fault fault = { .message = "" };
	enum template_place place;
	struct template *template;
	struct marked source;

	if (size == 0)
		return 0;
	make_secret_text();
	place = places[data[0] % ARRAY_COUNT(places)];
	read_source(&source, data + 1, size - 1);
	template = template_compile(&source, place, &fault);
	if (template != NULL) {
		template_each_name(template, check_name, &source);
		render(template, place, &source);
		if (template_is_value(template))
			render_json(template, place);
		if (place == TEMPLATE_PLAIN)
			render_inserting(template, &source, data[0] >> 3 & 15,
			    (data[0] & 0x80) != 0);
	} else {
		assert(fault.message[0] != '\0' && fault.offset < source.text.len);
	}
	template_free(template);
	marked_clear(&source);
	return 0;
}
