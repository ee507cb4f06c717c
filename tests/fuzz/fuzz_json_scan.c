/*
 * Any bytes through the JSON scan: what it says must agree with json-c and strtod(3) as
 * far as these can tell, and what it lets through must stay JSON when it is scanned
 * again and when secrets are masked in it.
 *
 * The first byte of the input chooses the depth that is allowed and the secrets.
 */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/secrets.h"
#include "base/xalloc.h"

/* Deeper than anything that the scan lets through. */
#define TREE_DEPTH (JSON_SCAN_MAX_DEPTH + 100)

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

static void
check_accepted(
    const char *original, size_t len, const char *compact, size_t compact_len)
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
		check_accepted(original, len, text, scan.len);
		check_masked(text, scan.len, data[0]);
	} else {
		check_refused(original, len, &scan);
	}
	free(text);
	free(original);
	return 0;
}
