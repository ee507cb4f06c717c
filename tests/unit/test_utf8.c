#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

/* The replacement character as it stands in expected texts. */
#define FFFD "\xEF\xBF\xBD"

struct row {
	const char *text;
	const char *expected;
};

static void
test_every_scalar_value_survives_encoding_and_decoding(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, 8);
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		uint32_t back = 0;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		buffer_reset(&out);
		utf8_append(&out, c);
		assert_int_equal(utf8_decode(out.data, out.len, &back), out.len);
		assert_int_equal(back, c);
		/* Nothing shorter is a character. */
		for (size_t len = 1; len < out.len; len++)
			assert_int_equal(utf8_decode(out.data, len, NULL), 0);
	}
	buffer_clear(&out);
}

static void
test_lengths_follow_the_code_point(UNUSED void **state)
{
	assert_int_equal(utf8_decode("\x7F", 1, NULL), 1);
	assert_int_equal(utf8_decode("\xC2\x80", 2, NULL), 2);
	assert_int_equal(utf8_decode("\xDF\xBF", 2, NULL), 2);
	assert_int_equal(utf8_decode("\xE0\xA0\x80", 3, NULL), 3);
	assert_int_equal(utf8_decode("\xEF\xBF\xBF", 3, NULL), 3);
	assert_int_equal(utf8_decode("\xF0\x90\x80\x80", 4, NULL), 4);
	assert_int_equal(utf8_decode("\xF4\x8F\xBF\xBF", 4, NULL), 4);
}

static const char *const ill_formed[] = {
	"\x80", /* a continuation with nothing before it */
	"\xBF",
	"\xC0\x80",     /* overlong NUL */
	"\xC1\xBF",     /* overlong DEL */
	"\xE0\x80\x80", /* overlong in three */
	"\xE0\x9F\xBF",
	"\xED\xA0\x80",     /* the first surrogate */
	"\xED\xBF\xBF",     /* the last one */
	"\xF0\x80\x80\x80", /* overlong in four */
	"\xF0\x8F\xBF\xBF",
	"\xF4\x90\x80\x80", /* U+110000 */
	"\xF5\x80\x80\x80",
	"\xF8\x88\x80\x80\x80",
	"\xFE",
	"\xFF",
	"\xC2", /* cut off */
	"\xE2\x82",
	"\xF0\x9F\x98",
	"\xC2\x41", /* not continued */
	"\xE2\x82\x41",
	"\xF0\x9F\x98\x41",
	"\xC2\xC2\x80",
};

static void
test_ill_formed_sequences_are_refused(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(ill_formed); i++) {
		uint32_t untouched = 4711;
		const char *text = ill_formed[i];

		assert_int_equal(utf8_decode(text, strlen(text), &untouched), 0);
		assert_int_equal(untouched, 4711);
		assert_false(utf8_valid(text, strlen(text)));
	}
}

static void
test_a_fault_is_found_at_every_place_of_a_long_text(UNUSED void **state)
{
	char text[70];

	for (size_t len = 1; len < sizeof(text); len++) {
		for (size_t bad = 0; bad < len; bad++) {
			memset(text, 'a', len);
			assert_true(utf8_valid(text, len));
			text[bad] = '\x80';
			assert_false(utf8_valid(text, len));
		}
	}
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\0b", 3));
	assert_true(
	    utf8_valid("Gr\xC3\xBC\xC3\x9F Gott, \xE4\xB8\xAD\xF0\x9F\x98\x80", 21));
}

/* The table 3-8 and its neighbours in chapter 3 of the Unicode standard. */
static const struct row repairs[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "\xC3\xA9\xE2\x82\xAC", "\xC3\xA9\xE2\x82\xAC" },
	{ "\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41",
	    FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A" },
	{ "\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41",
	    FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A" },
	{ "\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
	    FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B" },
	{ "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", FFFD FFFD FFFD FFFD "A" },
	{ "end\xE2\x82", "end" FFFD },
	{ "\xFFmid\xFF", FFFD "mid" FFFD },
};

static void
test_a_replacement_stands_for_each_maximal_part(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, 200);
	for (size_t i = 0; i < ARRAY_COUNT(repairs); i++) {
		buffer_reset(&out);
		utf8_append_repaired(&out, repairs[i].text, strlen(repairs[i].text));
		assert_string_equal(out.data, repairs[i].expected);
	}
	buffer_clear(&out);
}

static const struct row cleanings[] = {
	{ "", "" },
	{ " \t\r\n ", "" },
	{ "  one \t\n two  ", "one two" },
	{ "a\x01\x02"
	  "b\x7F"
	  "c\x1B[31m",
	    "a b c [31m" },
	{ "a\xC2\xA0\xE3\x80\x80\xE2\x80\xA8"
	  "b\xC2\x85"
	  "c",
	    "a b c" },
	{ "a\xE2\x80\xAE"
	  "b\xE2\x81\xA9"
	  "c",
	    "a b c" },
	{ "x\xFFy", "x" FFFD "y" },
	{ "\xE4\xB8\xAD \xE6\x96\x87", "\xE4\xB8\xAD \xE6\x96\x87" },
};

static void
test_cleaning_leaves_one_line(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, 200);
	for (size_t i = 0; i < ARRAY_COUNT(cleanings); i++) {
		buffer_reset(&out);
		utf8_append_cleaned(
		    &out, cleanings[i].text, strlen(cleanings[i].text), 100);
		assert_string_equal(out.data, cleanings[i].expected);
	}
	buffer_reset(&out);
	utf8_append_cleaned(&out, "a\0b", 3, 100);
	assert_string_equal(out.data, "a b");
	buffer_clear(&out);
}

static void
test_cleaning_counts_characters_not_bytes(UNUSED void **state)
{
	static const char *const expected[] = { "", "\xC3\xA4", "\xC3\xA4\xC3\xB6",
		"\xC3\xA4\xC3\xB6", "\xC3\xA4\xC3\xB6 x", "\xC3\xA4\xC3\xB6 xy" };
	struct buffer out;

	buffer_init(&out, 200);
	for (size_t max = 0; max < ARRAY_COUNT(expected); max++) {
		buffer_reset(&out);
		utf8_append_cleaned(&out, "\xC3\xA4\xC3\xB6   xy", 9, max);
		assert_string_equal(out.data, expected[max]);
	}
	buffer_clear(&out);
}

struct width_row {
	const char *text;
	size_t columns;
};

static const struct width_row widths[] = {
	{ "", 0 },
	{ "plain", 5 },
	{ "\t\x1B\x7F\n", 0 },
	{ "\xC3\xA4\xC3\xB6", 2 },
	{ "e\xCC\x81", 1 },                            /* with a combining acute */
	{ "\xE4\xB8\xAD\xE6\x96\x87", 4 },             /* Han */
	{ "\xED\x95\x9C", 2 },                         /* a Hangul syllable */
	{ "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", 2 }, /* the same in its parts */
	{ "\xEF\xBC\xA1", 2 },                         /* fullwidth A */
	{ "\xEF\xBD\xB1", 1 },                         /* halfwidth katakana */
	{ "\xF0\x9F\x98\x80", 2 },                     /* an emoji */
	{ "\xF0\xA0\x80\x80", 2 },                     /* Han, plane 2 */
	{ "\xE2\x80\x8B", 0 },                         /* zero width space */
	{ "\xC2\xAD", 1 },                             /* soft hyphen */
	{ "\xE2\x9C\x93\xE2\x94\x82", 2 },             /* check mark, box drawing */
	{ "\xFFx\xFE", 3 },
};

static void
test_columns_are_those_of_a_terminal(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(widths); i++)
		assert_int_equal(utf8_columns(widths[i].text, strlen(widths[i].text)),
		    widths[i].columns);
}

static void
test_a_full_buffer_says_so(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, 4);
	utf8_append_repaired(&out, "ab\xFF", 3);
	assert_string_equal(out.data, "ab");
	assert_true(out.full);
	buffer_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_every_scalar_value_survives_encoding_and_decoding),
		cmocka_unit_test(test_lengths_follow_the_code_point),
		cmocka_unit_test(test_ill_formed_sequences_are_refused),
		cmocka_unit_test(test_a_fault_is_found_at_every_place_of_a_long_text),
		cmocka_unit_test(test_a_replacement_stands_for_each_maximal_part),
		cmocka_unit_test(test_cleaning_leaves_one_line),
		cmocka_unit_test(test_cleaning_counts_characters_not_bytes),
		cmocka_unit_test(test_columns_are_those_of_a_terminal),
		cmocka_unit_test(test_a_full_buffer_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
