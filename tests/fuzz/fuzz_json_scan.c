/*
 * Any bytes through the JSON scan: what it says must agree with json-c and strtod(3) as
 * far as these can tell, and what it lets through must stay JSON when it is scanned
 * again and when secrets are masked in it. Pointers into it must find what a walk step by
 * step finds, and change nothing else.
 *
 * The first byte of the input chooses the depth that is allowed, the secrets and the
 * pointers.
 */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "../unit/naive_pointer.h"
#include "base/compiler.h"
#include "base/json_pointers.h"
#include "base/json_scan.h"
#include "base/secrets.h"
#include "base/xalloc.h"

/* Deeper than anything that the scan lets through. */
#define TREE_DEPTH (JSON_SCAN_MAX_DEPTH + 100)

#define POINTERS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What json-c reads TEXT as, written again; NULL if it refuses it. The caller's. */
static char *
normalise(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(TREE_DEPTH);
	struct json_object *tree;
	char *normal = NULL;

	json_tokener_set_flags(
	    tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* The NUL that xmemdup0() has put behind the text ends a number for json-c. */
	tree = json_tokener_parse_ex(tokener, text, (int)len + 1);
	if (json_tokener_get_error(tokener) == json_tokener_success)
		normal = xstrdup(json_object_to_json_string_ext(
		    tree, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(tree);
	json_tokener_free(tokener);
	return normal;
}

static bool
is_infinite(const char *number)
{
	char *end;
	double value = strtod(number, &end);

	assert(end > number);
	return isinf(value);
}

/* In compact JSON: no white space between strings, and all numbers finite. */
static void
check_outside_of_strings(const char *text)
{
	while (*text != '\0') {
		if (*text == '"') {
			for (text++; *text != '"'; text++)
				text += *text == '\\';
			text++;
		} else if (*text == '-' || (*text >= '0' && *text <= '9')) {
			assert(!is_infinite(text));
			text += strspn(text, "-+.eE0123456789");
		} else {
			assert(!strchr(" \t\r\n", *text));
			text++;
		}
	}
}

static void
check_scanned_again(const char *text, size_t len)
{
	char *again = xmemdup0(text, len);
	struct json_scan scan;

	assert(json_scan_compact(again, len, JSON_SCAN_MAX_DEPTH, &scan));
	assert(scan.len == len);
	assert(memcmp(again, text, len) == 0);
	free(again);
}

/* With pieces of the text itself as secrets. */
static void
check_masked(const char *text, size_t len, uint8_t choice)
{
	struct secrets *secrets = secrets_new();
	struct buffer masked;
	struct json_scan scan;

	for (size_t start = choice % 16; start < len; start += 37) {
		size_t piece = SECRETS_MIN_BYTES + choice / 16;

		secrets_add(
		    secrets, text + start, piece < len - start ? piece : len - start);
	}
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked(secrets, &masked, text, len);
	buffer_reset(&masked);
	secrets_append_masked_json(secrets, &masked, text, len);
	assert(json_scan_compact(masked.data, masked.len, JSON_SCAN_MAX_DEPTH, &scan));
	assert(scan.len == masked.len);
	buffer_clear(&masked);
	secrets_free(secrets);
}

/* Append KEY as a token. Returns false where it is none: a pointer holds no NUL. */
static bool
append_token(struct buffer *pointer, struct span key)
{
	size_t len;
	char *text = span_text(key, &len);
	bool is_token = text != NULL && strlen(text) == len;

	for (const char *c = text; is_token && *c != '\0'; c++) {
		if (*c == '~' || *c == '/')
			buffer_append_string(pointer, *c == '~' ? "~0" : "~1");
		else
			buffer_append_char(pointer, *c);
	}
	free(text);
	return is_token;
}

/* One step on from VALUE, to one of its items; absent where there is none. */
static struct span
draw_step(struct span value, unsigned *chance, struct buffer *pointer)
{
	struct span_walk walk;
	struct span key, item;
	size_t count = span_count(value);
	size_t chosen;

	*chance = *chance * 1103515245 + 12345;
	if (count == 0)
		return (struct span){ .text = NULL };
	chosen = (*chance >> 16) % count;
	span_walk_init(&walk, value);
	for (size_t i = 0; i <= chosen; i++)
		assert(span_walk_next(&walk, &key, &item));
	buffer_append_char(pointer, '/');
	if (key.text == NULL)
		buffer_append_format(pointer, "%zu", chosen);
	else if (!append_token(pointer, key))
		return (struct span){ .text = NULL };
	return item;
}

/* Mostly one that leads somewhere in ROOT; the caller's. */
static char *
draw_pointer(struct span root, unsigned *chance)
{
	struct buffer pointer;
	struct span value = root;

	buffer_init(&pointer, BUFFER_UNLIMITED);
	for (unsigned i = 0; i < 40 && span_kind(value) != SPAN_ABSENT; i++)
		value = draw_step(value, chance, &pointer);
	if (*chance >> 20 & 1)
		buffer_append_string(&pointer, *chance >> 21 & 1 ? "0" : "/0");
	return buffer_take(&pointer);
}

/* ORIGINAL, which is accepted, is COMPACT without its white space. */
static void
check_found(const char *original, size_t len, const char *compact, size_t compact_len,
    uint8_t choice)
{
	struct json_pointers *pointers = json_pointers_new();
	struct span root = span_whole(compact, compact_len);
	char *text = xmemdup0(original, len);
	char *drawn[POINTERS];
	struct span *found;
	struct json_scan scan;
	unsigned chance = choice;

	for (size_t i = 0; i < POINTERS; i++) {
		drawn[i] = draw_pointer(root, &chance);
		json_pointers_add(pointers, drawn[i]);
	}
	found = xcalloc(json_pointers_count(pointers), sizeof(*found));
	assert(json_scan_find(text, len, JSON_SCAN_MAX_DEPTH, pointers, found, &scan));
	assert(scan.len == compact_len && memcmp(text, compact, scan.len) == 0);
	for (size_t i = 0; i < POINTERS; i++) {
		struct span one = found[json_pointers_add(pointers, drawn[i])];
		struct span expected = naive_find(root, drawn[i]);

		assert(one.len == expected.len);
		assert((one.text == NULL) == (expected.text == NULL));
		if (one.text != NULL)
			assert(one.text - text == expected.text - compact);
		free(drawn[i]);
	}
	free(found);
	free(text);
	json_pointers_free(pointers);
}

static void
check_accepted(const char *original, size_t len, const char *compact,
    size_t compact_len, uint8_t choice)
{
	char *terminated = xmemdup0(compact, compact_len);
	char *normal = normalise(original, len);
	char *compact_normal = normalise(terminated, compact_len);

	/* From 0.17 on json-c refuses some of what is JSON, integers of more than 64 bits
	 * among it: then it must refuse both. */
	assert((normal == NULL) == (compact_normal == NULL));
	if (normal != NULL)
		assert(strcmp(normal, compact_normal) == 0);
	check_outside_of_strings(terminated);
	check_scanned_again(compact, compact_len);
	check_found(original, len, terminated, compact_len, choice);
	free(compact_normal);
	free(normal);
	free(terminated);
}

static void
check_refused(const char *original, size_t len, const struct json_scan *scan)
{
	assert(scan->fault != JSON_FAULT_NONE);
	assert(scan->offset <= len);
	if (scan->fault == JSON_FAULT_CUT || scan->fault == JSON_FAULT_EMPTY)
		assert(scan->offset == len);
	else
		assert(scan->offset < len);
	if (scan->fault == JSON_FAULT_RANGE)
		assert(is_infinite(original + scan->offset));
}

/* Whatever is looked for, the fault is the same. */
static void
check_refused_too(
    const char *original, size_t len, unsigned max_depth, const struct json_scan *plain)
{
	static const char *const some[] = { "/a/b", "/0/0", "/1", "/a/0", "//",
		"/0/a" };
	struct json_pointers *pointers = json_pointers_new();
	char *text = xmemdup0(original, len);
	struct span *found;
	struct json_scan scan;

	for (size_t i = 0; i < ARRAY_COUNT(some); i++)
		json_pointers_add(pointers, some[i]);
	found = xcalloc(json_pointers_count(pointers), sizeof(*found));
	assert(!json_scan_find(text, len, max_depth, pointers, found, &scan));
	assert(scan.fault == plain->fault && scan.offset == plain->offset);
	free(found);
	free(text);
	json_pointers_free(pointers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_scan scan;
	char *original;
	char *text;
	size_t len;
	unsigned max_depth;

	if (size == 0)
		return 0;
	len = size - 1;
	max_depth = data[0] == 0 ? JSON_SCAN_MAX_DEPTH : data[0];
	original = xmemdup0((const char *)data + 1, len);
	/* Of the exact length, so that a look behind the end is seen. */
	text = xmalloc(len > 0 ? len : 1);
	memcpy(text, original, len);
	if (json_scan_compact(text, len, max_depth, &scan)) {
		check_accepted(original, len, text, scan.len, data[0]);
		check_masked(text, scan.len, data[0]);
	} else {
		check_refused(original, len, &scan);
		check_refused_too(original, len, max_depth, &scan);
	}
	free(text);
	free(original);
	return 0;
}
