#include "rules/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "valgrind.h"

#define MIB ((size_t)1 << 20)

/* What the loop may be held, in microseconds. It was measured as 8.5 ms; sanitizers and
 * processors that others use get some more. */
#define HELD_AT_MOST_US ((int64_t)25000)

static struct pattern *
compiled(const char *source)
{
	char *why = NULL;
	struct pattern *pattern = pattern_compile(source, strlen(source), &why);

	if (pattern == NULL)
		fail_msg("%s: %s", source, why);
	return pattern;
}

static enum pattern_result
match_within(int64_t budget_us, const char *source, const char *text, size_t len,
    struct span *group)
{
	struct pattern *pattern = compiled(source);
	struct pattern_budget budget = { .left_us = budget_us };
	enum pattern_result result = pattern_match(pattern, text, len, &budget, group);

	pattern_free(pattern);
	return result;
}

static bool
matches(const char *source, const char *text)
{
	enum pattern_result result =
	    match_within(PATTERN_BUDGET_US, source, text, strlen(text), NULL);

	assert_int_not_equal(result, PATTERN_TOO_HARD);
	return result == PATTERN_MATCHED;
}

/* EXPECTED NULL: the group took no part. */
static void
assert_group(const char *source, const char *text, const char *expected)
{
	struct span group = { "unset", 5 };

	assert_int_equal(
	    match_within(PATTERN_BUDGET_US, source, text, strlen(text), &group),
	    PATTERN_MATCHED);
	if (expected == NULL) {
		assert_null(group.text);
		return;
	}
	assert_int_equal(group.len, strlen(expected));
	assert_memory_equal(group.text, expected, group.len);
	/* A part of the text itself. */
	assert_true(
	    group.text >= text && group.text + group.len <= text + strlen(text));
}

static void
assert_fault(const char *source, const char *expected)
{
	char *why = NULL;

	assert_null(pattern_compile(source, strlen(source), &why));
	/* Where exactly the library sees a fault is not the same in all of its versions. */
	if (strncmp(why, expected, strlen(expected)) != 0)
		fail_msg("%s: %s", source, why);
	free(why);
}

static int64_t
cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
test_a_pattern_matches_anywhere_unless_it_says_where(UNUSED void **state)
{
	assert_true(matches("up", "it is up now"));
	assert_true(matches("^up$", "up"));
	assert_true(matches("^up$", "up\n"));
	assert_false(matches("^up$", "it is up"));
	assert_false(matches("^up$", "down\nup"));
	assert_true(matches("(?m)^up$", "down\nup"));
	assert_true(matches("v[0-9]+\\.[0-9]+", "release v1.12 (stable)"));
	assert_true(matches("", ""));
	assert_true(matches("", "text"));
	assert_true(matches("a*", ""));
	assert_false(matches("a", ""));
}

static void
test_characters_are_code_points_and_classes_are_of_ascii(UNUSED void **state)
{
	assert_true(matches("^.$", "\xC3\xA9"));
	assert_true(matches("^[\xC3\xA9\xC3\xA8]{2}$", "\xC3\xA8\xC3\xA9"));
	assert_true(matches("(?i)^\xC3\x89T\xC3\x89$", "\xC3\xA9t\xC3\xA9"));
	/* ARABIC-INDIC DIGIT ONE, and E with acute. */
	assert_false(matches("^\\d$", "\xD9\xA1"));
	assert_false(matches("^\\w$", "\xC3\xA9"));
	assert_true(matches("(*UCP)^\\d$", "\xD9\xA1"));
	assert_true(matches("(*UCP)^\\w$", "\xC3\xA9"));
	assert_true(matches("^\\p{L}$", "\xC3\xA9"));
}

static void
test_a_nul_is_a_character_like_others(UNUSED void **state)
{
	assert_int_equal(
	    match_within(PATTERN_BUDGET_US, "^a.b$", "a\0b", 3, NULL), PATTERN_MATCHED);
	assert_int_equal(
	    match_within(PATTERN_BUDGET_US, "b", "a\0b", 3, NULL), PATTERN_MATCHED);
	assert_int_equal(
	    match_within(PATTERN_BUDGET_US, "b", "a\0b", 2, NULL), PATTERN_NO_MATCH);
}

static void
test_the_first_group_is_what_was_looked_for(UNUSED void **state)
{
	assert_group("queue: (\\d+)", "queue: 17 jobs", "17");
	assert_group("(?:load|cpu)=([0-9.]+) (\\w+)", "x cpu=0.75 high", "0.75");
	assert_group("\\d+", "no 42 is", "42");
	assert_group("jobs", "17 jobs", "jobs");
	assert_group("(a)|(b)", "b", NULL);
	assert_group("x(a*)y", "xy", "");
	assert_group("a\\Kb", "ab", "b");
	assert_group("(?<name>b+)", "abba", "bb");
}

static void
test_what_does_not_compile_is_told_with_its_place(UNUSED void **state)
{
	assert_fault("(up|do", "missing closing parenthesis at byte 6");
	assert_fault("a{2,1}", "numbers out of order in {} quantifier at byte ");
	assert_fault("\\C", "\\C is not allowed");
	assert_fault("a\\X", "\\X is not allowed");
	/* The first backslash belongs to \c, the one behind it does not. */
	assert_fault("\\c\\\\X", "\\X is not allowed");
	assert_fault("\\Ga", "\\G is not allowed, \\A is the start of the text");
	/* The pattern itself has to be UTF-8. */
	assert_fault("a\xC3(", "UTF-8 error: byte 2 top bits not 0x80 at byte ");
	/* A backslash that is escaped makes no escape of what follows. */
	assert_true(matches("^\\\\X\\\\C$", "\\X\\C"));
}

static void
test_too_large_patterns_are_refused_at_load(UNUSED void **state)
{
	char *why = NULL;
	char *source = xmalloc(20001);
	int64_t begun = cpu_us();

	assert_fault("((a{1,1000}){1,1000}){1,1000}",
	    "regular expression is too large at byte ");
	memset(source, 'a', 20000);
	assert_null(pattern_compile(source, 20000, &why));
	assert_string_equal(why, "longer than 16384 bytes");
	free(why);
	memset(source, '(', 120);
	source[120] = '\0';
	assert_fault(source, "parentheses are too deeply nested at byte ");
	free(source);
	assert_true(cpu_us() - begun < HELD_AT_MOST_US);
}

/* ---- limits ---- */

static void
test_backtracking_without_end_is_given_up(UNUSED void **state)
{
	const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	int64_t begun;

	skip_under_valgrind();
	assert_int_equal(
	    match_within(PATTERN_BUDGET_US, "(a+)+$", text, strlen(text), NULL),
	    PATTERN_TOO_HARD);
	/* Whatever time there is: one position has so many steps, which take 5 ms. */
	begun = cpu_us();
	assert_int_equal(
	    match_within(INT64_C(60) * 1000000, "^(a+)+$", text, strlen(text), NULL),
	    PATTERN_TOO_HARD);
	assert_true(cpu_us() - begun < 200000);
}

static void
test_a_spent_budget_lets_nothing_begin(UNUSED void **state)
{
	struct pattern *plain = compiled("up");
	struct pattern *other = compiled("u.");
	struct pattern_budget budget = { .left_us = -1 };

	assert_int_equal(
	    pattern_match(plain, "up", 2, &budget, NULL), PATTERN_TOO_HARD);
	assert_int_equal(
	    pattern_match(other, "up", 2, &budget, NULL), PATTERN_TOO_HARD);
	pattern_free(plain);
	pattern_free(other);
}

static void
test_one_budget_is_shared_and_used_up_by_what_is_hard(UNUSED void **state)
{
	struct pattern_budget budget = { .left_us = PATTERN_BUDGET_US };
	struct pattern *hard, *easy;
	int64_t begun = cpu_us();
	char *text;

	skip_under_valgrind();
	hard = compiled("(a|b|ab)*c");
	easy = compiled("a.");
	text = xmalloc(MIB);
	memset(text, 'a', MIB);
	memcpy(text + MIB - 2, "xc", 2);
	assert_int_equal(
	    pattern_match(easy, text, MIB, &budget, NULL), PATTERN_MATCHED);
	/* Three or four of them take it all, the others nothing. */
	for (int i = 0; i < 50; i++)
		assert_int_equal(
		    pattern_match(hard, text, MIB, &budget, NULL), PATTERN_TOO_HARD);
	assert_int_equal(
	    pattern_match(easy, text, MIB, &budget, NULL), PATTERN_TOO_HARD);
	assert_true(cpu_us() - begun < HELD_AT_MOST_US);
	pattern_free(hard);
	pattern_free(easy);
	free(text);
}

/* Each made to hold the matcher in another way: steps without end at one place, some at each
 * place, steps that walk over all of the text, and frames to come back to. */
static const char *const hostile[] = {
	"(a+)+$",
	"(.*)*x",
	"(?s)(.*)*x",
	"(a|b|ab)*c",
	"(a|aa)+$",
	"(?:a(?!a*+b))*c",
	"(?:a(?=a*+))*c",
	"(?:a(?!\\p{L}*+\\d))*c",
	"(?:a(?![a\\p{Nd}\\p{Greek}\\x{3000}\\x{4000}]*+\\d))*c",
	"(a*)\\1{2}b",
	"(?=(a+))a*b\\1",
	"(?i)(a+)\\1b",
	"(?<=(?:a{99}){99}x)[ab]",
	"a{60000}b",
	"(?:a{50000}b|a)*z",
	"(?:x|y|z|a)*?q",
	"(*sr:.*)z",
	"(?:(*sr:a*)a)*z",
	"(?:a|(?R))*q",
	"^(?:(?:a{1,9}){1,9}){1,9}$",
	"(?:(){99}a?)*q",
	"(?:(?:)*a?)*q",
	"(?:(|)(|)(|)(|)(|)(|)(|)(|)a)*q",
	"((a{0,999}){0,20}){0,3}q",
	"(?>a*)*[q]",
	"\\A(?:[^q]|q(?!z))*+$.",
	"(?:a?){60}a{60}q",
	"a.*a.*a.*a.*[q]z",
	"(?m)^(a+)+$b?",
	"(*COMMIT)(a+)+$",
	"(a)(?(1)a*|b)*q",
	"(?(?=a*+q)a|a)*z",
	"(\\w+)\\s\\1",
	"[a\xC3\xA4\xC3\xB6\xC3\xBC]+\\d\\d",
};

static char *
many(const char *before, const char *format, int count, const char *behind)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, before);
	for (int i = 0; i < count; i++) {
		char part[64];

		/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
		snprintf(part, sizeof(part), format, i + 1);
		buffer_append_string(&text, part);
	}
	buffer_append_string(&text, behind);
	return buffer_take(&text);
}

static void
assert_never_held(const char *source, const char *text, size_t len)
{
	struct pattern *pattern = compiled(source);
	struct pattern_budget budget = { .left_us = PATTERN_BUDGET_US };
	int64_t begun = cpu_us();

	(void)pattern_match(pattern, text, len, &budget, NULL);
	if (cpu_us() - begun >= HELD_AT_MOST_US)
		fail_msg("%.60s: %lld us", source, (long long)(cpu_us() - begun));
	pattern_free(pattern);
}

static void
assert_none_holds(const char *text, size_t len)
{
	char *made[] = {
		many("(?:a", "|aa%d", 1000, ")+q"),
		many("[", "\\x{4%03d}", 999, "]*+x"),
		many("(?:a(?![a", "\\x{4%03d}", 999, "]*+x))*c"),
		many("(?<=x", "|[ab]{%d}x", 400, ")a"),
		many("", "a?", 2000, "[q]"),
		many("", "(a)?", 800, "a*[q]"),
	};

	for (size_t i = 0; i < ARRAY_COUNT(hostile); i++)
		assert_never_held(hostile[i], text, len);
	for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
		assert_never_held(made[i], text, len);
		free(made[i]);
	}
}

static void
test_no_pattern_holds_the_loop_whatever_the_text(UNUSED void **state)
{
	char *text;

	skip_under_valgrind();
	text = xmalloc(16 * MIB + 1);
	/* All characters that the search for a first or last one of them could ask for. */
	memset(text, 'a', 16 * MIB);
	memcpy(text + MIB - 24, "!bcqxz1\xC3\xA9 stopped 12!!!!", 24);
	assert_none_holds(text, MIB);
	/* Far above what is usual. */
	memset(text + MIB - 24, 'a', 24);
	memcpy(text + 16 * MIB - 24, "!bcqxz1\xC3\xA9 stopped 12!!!!", 24);
	assert_none_holds(text, 16 * MIB);
	/* Long lines, and short ones: each is another try, and may fail at its end. */
	for (size_t i = 49999; i < MIB; i += 50000)
		text[i] = '\n';
	memcpy(text + MIB - 24, "!bcqxz1\xC3\xA9 stopped 12!!!!", 24);
	assert_none_holds(text, MIB);
	for (size_t i = 499; i < MIB; i += 500)
		text[i] = '\n';
	memcpy(text + MIB - 24, "!bcqxz1\xC3\xA9 stopped 12!!!!", 24);
	assert_none_holds(text, MIB);
	/* Three bytes a character. */
	for (size_t i = 0; i + 3 <= MIB; i += 3)
		memcpy(text + i, "\xE4\x80\x81", 3);
	memcpy(text + MIB - 24, "!bcqxz1\xC3\xA9 stopped 12!!!!", 24);
	assert_none_holds(text, MIB);
	free(text);
}

static void
test_a_text_beyond_what_fits_the_budget_is_still_searched(UNUSED void **state)
{
	const size_t len = 16 * MIB;
	struct span group;
	char *text;

	skip_under_valgrind();
	text = xmalloc(len);
	memset(text, '.', len);
	memcpy(text + 4000, "load=17;", 8);
	memcpy(text + len - 8, "last=18;", 8);
	assert_int_equal(
	    match_within(PATTERN_BUDGET_US, "load=(\\d+);", text, len, &group),
	    PATTERN_MATCHED);
	assert_ptr_equal(group.text, text + 4005);
	assert_int_equal(group.len, 2);
	/* With time enough to its end, in parts. */
	assert_int_equal(
	    match_within(INT64_C(60) * 1000000, "l[a-s]+t=(\\d+);$", text, len, &group),
	    PATTERN_MATCHED);
	assert_ptr_equal(group.text, text + len - 3);
	assert_int_equal(
	    match_within(INT64_C(60) * 1000000, "l[a-s]+t=(\\d+); ", text, len, &group),
	    PATTERN_NO_MATCH);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pattern_matches_anywhere_unless_it_says_where),
		cmocka_unit_test(
		    test_characters_are_code_points_and_classes_are_of_ascii),
		cmocka_unit_test(test_a_nul_is_a_character_like_others),
		cmocka_unit_test(test_the_first_group_is_what_was_looked_for),
		cmocka_unit_test(test_what_does_not_compile_is_told_with_its_place),
		cmocka_unit_test(test_too_large_patterns_are_refused_at_load),
		cmocka_unit_test(test_backtracking_without_end_is_given_up),
		cmocka_unit_test(test_a_spent_budget_lets_nothing_begin),
		cmocka_unit_test(test_one_budget_is_shared_and_used_up_by_what_is_hard),
		cmocka_unit_test(test_no_pattern_holds_the_loop_whatever_the_text),
		cmocka_unit_test(
		    test_a_text_beyond_what_fits_the_budget_is_still_searched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
