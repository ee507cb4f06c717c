/*
 * Fetched values, and checks of how they are put into a text for a language model.
 */
#ifndef GATHERD_TESTS_TEMPLATE_INSERT_STAGE_H
#define GATHERD_TESTS_TEMPLATE_INSERT_STAGE_H

#include "base/digest.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "template_test.h"

/* ---- values ---- */

#define FETCHED(name, value)                                            \
	{                                                               \
		.key = (name), .kind = TEMPLATE_TEXT, .plain = (value), \
		.fetched = true                                         \
	}
#define FETCHED_LIST(name, items, text)                                                \
	{                                                                              \
		.key = (name), .kind = TEMPLATE_LIST, .fetched = true,                 \
		.child_count = ARRAY_COUNT(items), .children = (items), .json = (text) \
	}

#define FETCHED_MAP(name, items, text)                                                 \
	{                                                                              \
		.key = (name), .kind = TEMPLATE_MAP, .fetched = true,                  \
		.child_count = ARRAY_COUNT(items), .children = (items), .json = (text) \
	}

static const struct tree review[] = {
	FETCHED("text", "Fine."),
	FETCHED("stars", "5"),
};
static const struct tree lines[] = { FETCHED("", "one"), FETCHED("", "two") };
static const struct tree reviews[] = {
	FETCHED_MAP("", review, "{}"),
	FETCHED_LIST("", lines, "[\"one\",\"two\"]"),
};
static const struct tree service[] = {
	FETCHED("data", "Fine."),
	FETCHED("empty", ""),
	FETCHED("lines", "one\ntwo\n"),
	{ .key = "up", .kind = TEMPLATE_TRUE, .fetched = true },
	{ .key = "down", .kind = TEMPLATE_FALSE, .fetched = true },
	{ .key = "null", .kind = TEMPLATE_NULL, .fetched = true },
	FETCHED_LIST("reviews", reviews, "[{\"text\":\"Fine.\"},[\"one\",\"two\"]]"),
};
static const struct tree services[] = { FETCHED_MAP("a.b", service, "{\"data\":1}") };
static const struct tree map_values[] = {
	TEXT("var", "mine"),
	TEXT("long", "0123456789"),
	{ .key = "services",
	    .kind = TEMPLATE_MAP,
	    .fetched = true,
	    .child_count = ARRAY_COUNT(services),
	    .children = services,
	    .keys_hold_dots = true },
};
static const struct tree all = MAP(NULL, map_values);

/* ---- helpers ---- */

/* What a template came to. */
struct result {
	enum template_result result;
	struct marked out;
	struct secrets *carried;
	size_t cut_count;
	char *shown; /* owned */
};

UNUSED static struct result
render(const struct tree *tree, const char *source, size_t max_bytes, bool fence)
{
	struct template_insertion insertion = {
		.max_bytes = max_bytes,
		.fence = fence,
		.cut_count = 7,
	};
	struct template *template = compile(source, TEMPLATE_PLAIN);
	struct result result = { .carried = secrets_new() };
	struct template_value value;

	describe(tree, &value);
	marked_init(&result.out, TEMPLATE_MAX_OUTPUT);
	result.result = template_render_inserting(
	    template, &value, &insertion, &result.out, result.carried, NULL);
	result.cut_count = insertion.cut_count - 7; /* it is added up */
	result.shown = marked_shown(&result.out);
	template_free(template);
	return result;
}

UNUSED static void
result_clear(struct result *result)
{
	marked_clear(&result->out);
	secrets_free(result->carried);
	free(result->shown);
}

/* With MAX_BYTES and no blocks SOURCE comes to EXPECTED, marks as brackets. */
UNUSED static void
assert_cut(const struct tree *tree, const char *source, size_t max_bytes,
    const char *expected, size_t cut_count)
{
	struct result result = render(tree, source, max_bytes, false);
	char *found = bracketed(&result.out);

	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_string_equal(found, expected);
	assert_int_equal(result.cut_count, cut_count);
	free(found);
	result_clear(&result);
}

/* VALUE, which is not fetched, is cut to EXPECTED. */
UNUSED static void
assert_text_cut(const char *value, size_t max_bytes, const char *expected)
{
	const struct tree values[] = { TEXT("v", value) };
	const struct tree tree = MAP(NULL, values);
	struct result result = render(&tree, "{{v}}", max_bytes, false);

	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_string_equal(result.out.text.data, expected);
	assert_int_equal(result.cut_count, strcmp(value, expected) != 0);
	result_clear(&result);
}

/* The digits of a block called LABEL around CONTENT. */
UNUSED static char *
digits_of(const char *label, const char *content)
{
	char *both = xasprintf("%s\n%s", label, content);
	char digest[DIGEST_HEX_SIZE];

	digest_hex(digest, both, strlen(both));
	free(both);
	return xmemdup0(digest, 16);
}

/* BEFORE, a block called LABEL around CONTENT (with GAP, a line end or nothing, behind it),
 * and BEHIND. The caller's. */
UNUSED static char *
block(const char *before, const char *label, const char *content, const char *gap,
    const char *behind)
{
	char *digits = digits_of(label, content);
	char *text = xasprintf("%s[data %s %s]\n%s%s[end of data %s %s]%s", before,
	    label, digits, content, gap, label, digits, behind);

	free(digits);
	return text;
}

/* EXPECTED is freed. */
UNUSED static void
assert_fenced(
    const struct tree *tree, const char *source, size_t max_bytes, char *expected)
{
	struct result result = render(tree, source, max_bytes, true);

	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_string_equal(result.out.text.data, expected);
	assert_string_equal(result.shown, expected);
	assert_true(secrets_empty(result.carried));
	result_clear(&result);
	free(expected);
}

/* TEXT with <secrets> in brackets is the fetched value "s". */
UNUSED static struct result
render_secret(const char *text, const char *source, size_t max_bytes, bool fence)
{
	struct marked marked;
	struct result result;
	struct tree values[] = {
		{ .key = "s", .kind = TEMPLATE_TEXT, .fetched = true },
	};
	const struct tree tree = MAP(NULL, values);

	mark(text, &marked);
	values[0].text = &marked;
	result = render(&tree, source, max_bytes, fence);
	marked_clear(&marked);
	return result;
}

/* Is TEXT, an echo, masked by what RESULT carried? */
UNUSED static bool
is_masked(const struct result *result, const char *text)
{
	struct buffer out;
	bool masked;

	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(result->carried, &out, text, strlen(text));
	masked = strcmp(out.data, MARKED_MASK) == 0;
	buffer_clear(&out);
	return masked;
}

#endif
