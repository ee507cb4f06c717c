#include "base/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

#define NOW_MS INT64_C(1795232400123) /* 2026-11-21T03:40:00.123Z */

/* A new text for each case. */
static struct buffer out;

static int
set_up(UNUSED void **state)
{
	buffer_init(&out, BUFFER_UNLIMITED);
	return 0;
}

static int
tear_down(UNUSED void **state)
{
	buffer_clear(&out);
	return 0;
}

/* The text since the last look is EXPECTED. */
static void
assert_out(const char *expected)
{
	assert_string_equal(out.data, expected);
	buffer_reset(&out);
}

static void
test_times_are_told_with_how_long_ago_they_were(UNUSED void **state)
{
	words_append_time(&out, NOW_MS);
	assert_out("2026-11-21 03:40:00 UTC");
	words_append_ago(&out, NOW_MS - 12000, NOW_MS);
	assert_out("12s ago");
	words_append_ago(&out, NOW_MS - 7500000, NOW_MS);
	assert_out("2h 5m ago");
	words_append_ago(&out, NOW_MS + 7500000, NOW_MS);
	assert_out("in 2h 5m");
	words_append_ago(&out, NOW_MS, NOW_MS);
	assert_out("just now");
	words_append_ago(&out, NOW_MS + 999, NOW_MS);
	assert_out("just now");
	words_append_time_and_ago(&out, NOW_MS - 1000, NOW_MS);
	assert_out("2026-11-21 03:39:59 UTC (1s ago)");
	words_append_age(&out, NOW_MS - 7500000, NOW_MS);
	assert_out("2h 5m");
	words_append_age(&out, NOW_MS + 7500000, NOW_MS);
	assert_out("0s");
}

static void
test_durations_are_as_precise_as_they_matter(UNUSED void **state)
{
	static const struct {
		double ms;
		const char *text;
	} rows[] = {
		{ 0, "0.0 ms" },
		{ 0.44, "0.4 ms" },
		{ 9.94, "9.9 ms" },
		{ 9.96, "10 ms" },
		{ 203.4, "203 ms" },
		{ 5001.2, "5001 ms" },
		{ 9999.4, "9999 ms" },
		{ 9999.6, "10.0 s" },
		{ 12345, "12.3 s" },
		{ 59949, "59.9 s" },
		{ 60000, "1m" },
		{ 7500000, "2h 5m" },
		{ 1e300, "106751991167d 7h" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		words_append_ms(&out, rows[i].ms);
		assert_out(rows[i].text);
	}
}

static void
test_sizes_are_told_by_a_unit_that_fits(UNUSED void **state)
{
	static const struct {
		double bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 bytes" },
		{ 1, "1 byte" },
		{ 1023, "1023 bytes" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 1024 * 1024 - 1, "1.0 MiB" },
		{ 3.0 * 1024 * 1024 * 1024, "3.0 GiB" },
		{ 1e18, "909494.7 TiB" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		words_append_bytes(&out, rows[i].bytes);
		assert_out(rows[i].text);
	}
}

static void
test_a_line_holds_nothing_that_a_terminal_obeys(UNUSED void **state)
{
	static const char text[] = " a\x1b[31m\r\nb\xC2\x9B"
	                           "1m\xE2\x80\xAEz\xFF ";

	words_append_line(&out, text, strlen(text));
	assert_out("a [31m b 1m z\xEF\xBF\xBD");
}

static size_t
cut(const char *text, size_t columns)
{
	return words_append_cut(&out, text, strlen(text), columns);
}

static void
test_what_is_too_wide_ends_in_an_ellipsis(UNUSED void **state)
{
	assert_int_equal(cut("timeout", 7), 7);
	assert_out("timeout");
	assert_int_equal(cut("timeout", 6), 6);
	assert_out("timeo\xE2\x80\xA6");
	assert_int_equal(cut("timeout", 1), 1);
	assert_out("\xE2\x80\xA6");
	assert_int_equal(cut("", 1), 0);
	assert_out("");
	/* No blank before it. */
	assert_int_equal(cut("time is out", 6), 5);
	assert_out("time\xE2\x80\xA6");
}

static void
test_wide_and_combining_characters_are_cut_between(UNUSED void **state)
{
	/* Two columns each: in five columns, one is left over. */
	assert_int_equal(cut("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 5), 5);
	assert_out("\xE6\x97\xA5\xE6\x9C\xAC\xE2\x80\xA6");
	assert_int_equal(cut("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 4), 3);
	assert_out("\xE6\x97\xA5\xE2\x80\xA6");
	/* The accent stays with its letter. */
	assert_int_equal(cut("e\xCC\x81xy", 2), 2);
	assert_out("e\xCC\x81\xE2\x80\xA6");
}

static void
wrap(const char *text, size_t indent, size_t columns)
{
	words_append_wrapped(&out, text, strlen(text), indent, columns);
}

static void
test_long_lines_go_on_as_far_indented(UNUSED void **state)
{
	wrap("the quick brown fox jumps over the dog", 2, 22);
	assert_out("the quick brown fox\n  jumps over the dog");
	wrap("the quick brown fox1 jumps", 2, 22);
	assert_out("the quick brown fox1\n  jumps");
	wrap("short", 2, 22);
	assert_out("short");
	wrap("", 2, 22);
	assert_out("");
}

static void
test_a_word_that_fits_nowhere_is_broken_anywhere(UNUSED void **state)
{
	wrap("a abcdefghijklmnopqrstuvwxyz", 0, 20);
	assert_out("a\nabcdefghijklmnopqrst\nuvwxyz");
	/* An indent in the text is no place to break. */
	wrap("    abcdefghijklmnopqrstuvwxyz", 0, 20);
	assert_out("    abcdefghijklmnop\nqrstuvwxyz");
}

static void
test_nothing_is_broken_without_a_width_or_room(UNUSED void **state)
{
	wrap("the quick brown fox jumps over the dog", 2, 0);
	assert_out("the quick brown fox jumps over the dog");
	wrap("the quick brown fox jumps over the dog", 15, 20);
	assert_out("the quick brown fox jumps over the dog");
	wrap("the quick brown fox jumps over the dog", 30, 20);
	assert_out("the quick brown fox jumps over the dog");
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_times_are_told_with_how_long_ago_they_were),
		CASE(test_durations_are_as_precise_as_they_matter),
		CASE(test_sizes_are_told_by_a_unit_that_fits),
		CASE(test_a_line_holds_nothing_that_a_terminal_obeys),
		CASE(test_what_is_too_wide_ends_in_an_ellipsis),
		CASE(test_wide_and_combining_characters_are_cut_between),
		CASE(test_long_lines_go_on_as_far_indented),
		CASE(test_a_word_that_fits_nowhere_is_broken_anywhere),
		CASE(test_nothing_is_broken_without_a_width_or_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
