/*
 * Random patterns and texts: what is found is what PCRE2 alone finds in one call, without
 * the search for a needle, without the calls back, and not in parts.
 *
 * The first seed is printed, see chance.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "chance.h"
#include "rules/pattern.h"

#define SCENARIOS 6000
#define MAX_TEXT  300

/* Things in a comment that make the bound of an item's cost so high that the matcher gets to
 * see less than 100 bytes at first. */
#define LOOKUPS 7000

static const char *const atoms[] = { "a", "b", "ab", "abc", "\xC3\xA9", "\xE4\x80\x81",
	".", "[ab]", "[^a]", "\\d", "\\w", "\\s", "\\b", "\\B", "^", "$", "\\A", "\\Z",
	"\\z", "\\n", "1", "12", "\\.", "\\1", "{", "{a}", "\\R", "\\h", "[]b]",
	"[^]\\]]", "\\x61", "\\p{L}", "\\Qa.\\E", "\\K" };

static const char *const quantifiers[] = { "*", "+", "?", "*?", "+?", "??", "*+", "++",
	"?+", "{2}", "{1,3}", "{2,}", "{0,2}?", "{0}", "{,2}" };

static const char *const openings[] = { "(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>",
	"(?i:", "(?|" };

static void
append_pattern(struct buffer *out, unsigned depth)
{
	int64_t items = between(1, 4);

	while (items-- > 0) {
		if (depth > 0 && one_in(4)) {
			buffer_append_string(
			    out, openings[between(0, ARRAY_COUNT(openings) - 1)]);
			append_pattern(out, depth - 1);
			buffer_append_char(out, ')');
		} else {
			buffer_append_string(
			    out, atoms[between(0, ARRAY_COUNT(atoms) - 1)]);
		}
		if (one_in(3))
			buffer_append_string(
			    out, quantifiers[between(0, ARRAY_COUNT(quantifiers) - 1)]);
		if (one_in(depth > 0 ? 8 : 5) && items > 0)
			buffer_append_char(out, '|');
	}
}

static void
append_text(struct buffer *out)
{
	static const char *const pieces[] = { "a", "b", "c", "abc", "1", "12", ".", " ",
		"\n", "\r\n", "\xC3\xA9", "\xE4\x80\x81", "A", "{a}", "]", "\\" };
	size_t len = (size_t)between(0, MAX_TEXT);
	/* Some texts are long rows of one thing. */
	bool row = one_in(3);
	size_t piece = (size_t)between(0, ARRAY_COUNT(pieces) - 1);

	while (out->len < len) {
		if (!row || one_in(40))
			piece = (size_t)between(0, ARRAY_COUNT(pieces) - 1);
		buffer_append_string(out, pieces[piece]);
	}
}

/* As pattern_match() says it, but PATTERN_TOO_HARD. Returns false where the pattern is none,
 * or too hard. */
static bool
find_plainly(const struct buffer *source, const struct buffer *text, bool *found,
    size_t *start, size_t *end)
{
	int fault;
	PCRE2_SIZE offset;
	uint32_t groups;
	pcre2_code *code = pcre2_compile(
	    (PCRE2_SPTR)source->data, source->len, PCRE2_UTF, &fault, &offset, NULL);
	pcre2_match_data *data;
	pcre2_match_context *context;
	int result;

	if (code == NULL)
		return false;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	data = pcre2_match_data_create_from_pattern(code, NULL);
	context = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(context, 20000);
	pcre2_set_depth_limit(context, 2000);
	result =
	    pcre2_match(code, (PCRE2_SPTR)text->data, text->len, 0, 0, data, context);
	*found = result > 0;
	if (result > 0) {
		const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);

		*start = ends[groups > 0 ? 2 : 0];
		*end = ends[groups > 0 ? 3 : 1];
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return result > 0 || result == PCRE2_ERROR_NOMATCH;
}

static size_t used;
static size_t matched;
static size_t given_up;

static void
assert_found(const struct buffer *source, const struct buffer *text, bool found,
    size_t start, size_t end, bool in_parts)
{
	char *why = NULL;
	struct pattern *pattern = pattern_compile(source->data, source->len, &why);
	struct pattern_budget budget = { .left_us = INT64_C(600) * 1000000 };
	struct span group = { .text = NULL };
	enum pattern_result result;

	HOLDS(pattern != NULL);
	result = pattern_match(pattern, text->data, text->len, &budget, &group);
	/* In parts the matcher cannot begin by asking whether a character that it needs is
	 * in the text at all, and so may reach a limit. */
	if (result == PATTERN_TOO_HARD && in_parts) {
		given_up++;
		pattern_free(pattern);
		return;
	}
	HOLDS(result == (found ? PATTERN_MATCHED : PATTERN_NO_MATCH));
	if (found && start == PCRE2_UNSET)
		HOLDS(group.text == NULL);
	if (found && start != PCRE2_UNSET) {
		HOLDS(group.text == text->data + start);
		HOLDS(group.len == end - start);
	}
	pattern_free(pattern);
}

/* SOURCE behind a comment that makes it costly. */
static void
make_costly(struct buffer *source)
{
	struct buffer costly;

	buffer_init(&costly, BUFFER_UNLIMITED);
	buffer_append_string(&costly, "(?#[");
	for (int i = 0; i < LOOKUPS; i++)
		buffer_append_string(&costly, "\xC3\xA9");
	buffer_append_char(&costly, ')');
	buffer_append(&costly, source->data, source->len);
	buffer_clear(source);
	*source = costly;
}

static void
play_scenario(void)
{
	struct buffer source, text;
	bool found = false;
	size_t start = 0;
	size_t end = 0;

	buffer_init(&source, BUFFER_UNLIMITED);
	buffer_init(&text, BUFFER_UNLIMITED);
	append_pattern(&source, 2);
	append_text(&text);
	if (find_plainly(&source, &text, &found, &start, &end)) {
		used++;
		matched += found ? 1 : 0;
		assert_found(&source, &text, found, start, end, false);
		make_costly(&source);
		assert_found(&source, &text, found, start, end, true);
	}
	buffer_clear(&source);
	buffer_clear(&text);
}

static void
test_whatever_is_searched_is_found_as_by_one_plain_call(UNUSED void **state)
{
	run_scenarios(play_scenario);
	/* It was no test of nothing. */
	assert_true(used > scenario_count / 4);
	assert_true(matched > used / 10 && matched < used - used / 10);
	assert_true(given_up <= used / 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_whatever_is_searched_is_found_as_by_one_plain_call),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
