#include "ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

#define ELLIPSIS "\xE2\x80\xA6"

static const struct table_column columns[] = {
	{ .title = "" },
	{ .title = "NAME", .least = 12 },
	{ .title = "MS", .right = true },
	{ .title = "ERROR", .least = 9 },
};

/* The cells of one row, from left to right. */
static void
put_row(struct table *table, const char *mark, const char *name, const char *ms,
    const char *error)
{
	table_put(table, mark, TONE_BAD);
	table_put(table, name, TONE_PLAIN);
	table_put(table, ms, TONE_PLAIN);
	table_put(table, error, TONE_BAD);
}

/* What the table looks like; it is freed. */
static void
assert_table(struct table *table, const struct screen *screen, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	table_append(table, screen, &out);
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
	table_free(table);
}

static const struct screen paper = { .terminal = false };

static void
test_columns_are_aligned_and_no_line_ends_in_blanks(UNUSED void **state)
{
	struct table *table = table_new(columns, ARRAY_COUNT(columns));

	put_row(table, NULL, "profile", "183", NULL);
	put_row(table, "x", "pay", "5001", "timed out");
	put_row(table, NULL, "pending", NULL, NULL);
	assert_table(table, &paper,
	    "  NAME       MS  ERROR\n"
	    "  profile   183\n"
	    "x pay      5001  timed out\n"
	    "  pending\n");
}

static void
test_a_table_without_rows_has_its_titles(UNUSED void **state)
{
	assert_table(
	    table_new(columns, ARRAY_COUNT(columns)), &paper, "  NAME  MS  ERROR\n");
}

static void
test_columns_are_counted_as_a_terminal_shows_them(UNUSED void **state)
{
	struct table *table = table_new(columns + 1, 2);

	table_put(table, "\xE6\x97\xA5\xE6\x9C\xAC", TONE_PLAIN); /* two, four wide */
	table_put(table, "1", TONE_PLAIN);
	table_put(table, "e\xCC\x81tude", TONE_PLAIN); /* five wide */
	table_put(table, "22", TONE_PLAIN);
	assert_table(table, &paper,
	    "NAME   MS\n"
	    "\xE6\x97\xA5\xE6\x9C\xAC    1\n"
	    "e\xCC\x81tude  22\n");
}

static void
test_foreign_text_becomes_a_plain_line(UNUSED void **state)
{
	struct table *table = table_new(columns + 1, 2);

	table_put(table, "a\x1b[31m\nb", TONE_PLAIN);
	table_put(table, "1", TONE_PLAIN);
	table_put_heading(table, "c\rd");
	assert_table(table, &paper,
	    "NAME      MS\n"
	    "a [31m b   1\n"
	    "\n"
	    "c d\n");
}

static void
test_a_narrow_screen_takes_from_the_widest_column(UNUSED void **state)
{
	const struct screen screen = { .columns = 34 };
	struct table *table = table_new(columns, ARRAY_COUNT(columns));

	put_row(table, "x", "a-name-of-22-columns-x", "1", "an error");
	put_row(table, NULL, "short", "1", "x");
	/* 2 + 18 + 2 + 2 + 2 + 8 */
	assert_table(table, &screen,
	    "  NAME                MS  ERROR\n"
	    "x a-name-of-22-colu" ELLIPSIS "   1  an error\n"
	    "  short                1  x\n");
}

static void
test_columns_are_narrowed_to_their_least_and_then_as_a_last_resort(UNUSED void **state)
{
	static const char name[] = "a-name-of-22-columns-x";
	static const char error[] = "an error of 24 columns x";
	struct screen screen = { .columns = 29 };
	struct table *table = table_new(columns, ARRAY_COUNT(columns));

	put_row(table, "x", name, "1", error);
	assert_table(table, &screen,
	    "  NAME          MS  ERROR\n"
	    "x a-name-of-2" ELLIPSIS "   1  an error" ELLIPSIS "\n");

	screen.columns = 20;
	table = table_new(columns, ARRAY_COUNT(columns));
	put_row(table, "x", name, "1", error);
	assert_table(table, &screen,
	    "  NAME    MS  ERROR\n"
	    "x a-nam" ELLIPSIS "   1  an er" ELLIPSIS "\n");
}

static void
test_a_cut_wide_character_does_not_shift_the_row(UNUSED void **state)
{
	const struct screen screen = { .columns = 12 + 2 + 2 };
	struct table *table = table_new(columns + 1, 2);

	table_put(table,
	    "\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5"
	    "\xE6\x97\xA5",
	    TONE_PLAIN);
	table_put(table, "1", TONE_PLAIN);
	/* Five of them and the ellipsis take 11 of 12. */
	assert_table(table, &screen,
	    "NAME          MS\n"
	    "\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5" ELLIPSIS
	    "    1\n");
}

static void
test_headings_stand_behind_an_empty_line(UNUSED void **state)
{
	const struct screen screen = { .columns = 20 };
	struct table *table = table_new(columns + 1, 2);

	table_put(table, "a", TONE_PLAIN);
	table_put(table, "1", TONE_PLAIN);
	table_put_heading(table, "a heading of more columns than there are");
	table_put(table, "b", TONE_PLAIN);
	table_put(table, "2", TONE_PLAIN);
	assert_table(table, &screen,
	    "NAME  MS\n"
	    "a      1\n"
	    "\n"
	    "a heading of more c" ELLIPSIS "\n"
	    "b      2\n");
}

static void
test_colours_surround_the_text_alone(UNUSED void **state)
{
	const struct screen screen = { .terminal = true, .colour = true };
	struct table *table = table_new(columns + 1, 2);

	table_put(table, "a", TONE_BAD);
	table_put(table, "1", TONE_PLAIN);
	table_put_heading(table, "g");
	assert_table(table, &screen,
	    "\033[2mNAME\033[0m  \033[2mMS\033[0m\n"
	    "\033[31ma\033[0m      1\n"
	    "\n"
	    "\033[1mg\033[0m\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_are_aligned_and_no_line_ends_in_blanks),
		cmocka_unit_test(test_a_table_without_rows_has_its_titles),
		cmocka_unit_test(test_columns_are_counted_as_a_terminal_shows_them),
		cmocka_unit_test(test_foreign_text_becomes_a_plain_line),
		cmocka_unit_test(test_a_narrow_screen_takes_from_the_widest_column),
		cmocka_unit_test(
		    test_columns_are_narrowed_to_their_least_and_then_as_a_last_resort),
		cmocka_unit_test(test_a_cut_wide_character_does_not_shift_the_row),
		cmocka_unit_test(test_headings_stand_behind_an_empty_line),
		cmocka_unit_test(test_colours_surround_the_text_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
