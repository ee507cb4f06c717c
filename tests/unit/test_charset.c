#include "base/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/utf8.h"

#define FFFD "\xEF\xBF\xBD"
/* A text and its length, NUL bytes in it included. */
#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *charset;
	const char *text;
	size_t len;
	const char *expected;
} rows[] = {
	{ NULL, BYTES(""), "" },
	{ NULL, BYTES("plain"), "plain" },
	{ NULL, BYTES("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F" },
	{ NULL, BYTES("gr\xFC\xDF"), "gr" FFFD FFFD },
	{ "utf-8", BYTES("a\xE2\x82\xAC\xFF"), "a\xE2\x82\xAC" FFFD },
	{ "UTF8", BYTES("\xC3\xA9"), "\xC3\xA9" },
	/* Latin-1 as the web means it, in any case. */
	{ "iso-8859-1", BYTES("\x80\xE9\x93x\x94"),
	    "\xE2\x82\xAC\xC3\xA9\xE2\x80\x9Cx\xE2\x80\x9D" },
	{ "ISO-8859-1", BYTES("gr\xFC\xDF"), "gr\xC3\xBC\xC3\x9F" },
	{ "us-ascii", BYTES("caf\xE9"), "caf\xC3\xA9" },
	{ "Windows-1252", BYTES("\x80\x81z"), "\xE2\x82\xAC" FFFD "z" },
	{ "iso-8859-15", BYTES("\xA4"), "\xE2\x82\xAC" },
	{ "koi8-r", BYTES("\xC4\xC1"), "\xD0\xB4\xD0\xB0" },
	{ "windows-1251", BYTES("\xE4\xE0"), "\xD0\xB4\xD0\xB0" },
	/* Several bytes a character, stateful ones, what the end cuts off. */
	{ "shift_jis", BYTES("\x93\xFA\x96\x7B"), "\xE6\x97\xA5\xE6\x9C\xAC" },
	{ "Shift_JIS", BYTES("\x87\x40"), "\xE2\x91\xA0" },
	{ "euc-jp", BYTES("\xC6\xFC\xCB\xDC"), "\xE6\x97\xA5\xE6\x9C\xAC" },
	{ "euc-jp", BYTES("\xC6\xFC\xCB"), "\xE6\x97\xA5" FFFD },
	{ "gb2312", BYTES("\xD6\xD0"), "\xE4\xB8\xAD" },
	{ "gbk", BYTES("\xD6\xD0\xFF!"), "\xE4\xB8\xAD" FFFD "!" },
	{ "gb18030", BYTES("x\x81\x30\x81"), "x" FFFD },
	{ "big5", BYTES("\xA4\xA4"), "\xE4\xB8\xAD" },
	{ "euc-kr", BYTES("\xC7\xD1"), "\xED\x95\x9C" },
	{ "iso-2022-jp", BYTES("\x1B$BF|K\\\x1B(B!"), "\xE6\x97\xA5\xE6\x9C\xAC!" },
	{ "iso-2022-jp", BYTES("\x1B$BF|"), "\xE6\x97\xA5" },
	{ "windows-1258", BYTES("a\xEC"), "\xC3\xA1" },
	{ "windows-1258", BYTES("ba"), "ba" },
	/* Wide ones. */
	{ "utf-16le", BYTES("h\0i\0"), "hi" },
	{ "utf-16be", BYTES("\0h\0i"), "hi" },
	{ "utf-16", BYTES("h\0i\0"), "hi" },
	{ "utf-16", BYTES("\xFF\xFEh\0"), "h" },
	{ "UTF-16", BYTES("\xFE\xFF\0h"), "h" },
	{ "utf-16be", BYTES("\xFE\xFF\0h"), "h" },
	{ "utf-16le", BYTES("\x3D\xD8\0\xDEx\0"), "\xF0\x9F\x98\x80x" },
	{ "utf-16le", BYTES("\x3D\xD8x\0"), FFFD "x" },
	{ "utf-16le", BYTES("\0\xDEx\0"), FFFD "x" },
	{ "utf-16le", BYTES("x\0y"), "x" FFFD },
	{ "utf-32be", BYTES("\0\0\0h\0\x11\0\0\0\0\0i"), "h" FFFD "i" },
	{ "utf-32", BYTES("\0\0\xFE\xFF\0\0\0h"), "h" },
	/* A mark decides where nothing else does, and is not text. */
	{ NULL, BYTES("\xEF\xBB\xBFx"), "x" },
	{ "utf-8", BYTES("\xEF\xBB\xBFx"), "x" },
	{ "utf-8", BYTES("\xEF\xBB\xBF\xEF\xBB\xBFx"), "\xEF\xBB\xBFx" },
	{ NULL, BYTES("\xFF\xFEx\0"), "x" },
	{ NULL, BYTES("\xFE\xFF\0x"), "x" },
	{ NULL, BYTES("\xFF\xFE\0\0x\0\0\0"), "x" },
	{ "no-such-charset", BYTES("\xFE\xFF\0x"), "x" },
	{ "no-such-charset", BYTES("\xC3\xA9\xFF"), "\xC3\xA9" FFFD },
	{ "", BYTES("\xC3\xA9"), "\xC3\xA9" },
	/* No names, but what iconv_open(3) would make something of. */
	{ "latin2//TRANSLIT", BYTES("\xC3\xA9"), "\xC3\xA9" },
	{ "../../tmp/x", BYTES("\xC3\xA9"), "\xC3\xA9" },
	{ "koi8-r,koi8-u", BYTES("\xC3\xA9"), "\xC3\xA9" },
};

static void
test_text_becomes_utf8(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		buffer_reset(&out);
		charset_append_utf8(&out, rows[i].charset, rows[i].text, rows[i].len);
		if (strcmp(out.data, rows[i].expected) != 0)
			fail_msg("row %zu, %s: %s", i,
			    rows[i].charset ? rows[i].charset : "none", out.data);
	}
	buffer_clear(&out);
}

static void
test_long_texts_are_converted_in_steps(UNUSED void **state)
{
	char text[20001];
	struct buffer out;

	/* An odd length shifts the characters against the steps. */
	memset(text, '\xE9', sizeof(text));
	text[0] = 'x';
	buffer_init(&out, BUFFER_UNLIMITED);
	charset_append_utf8(&out, "iso-8859-1", text, sizeof(text));
	assert_int_equal(out.len, 2 * sizeof(text) - 1);
	assert_true(utf8_valid(out.data, out.len));
	assert_string_equal(out.data + out.len - 2, "\xC3\xA9");
	buffer_reset(&out);
	memset(text, '\xFF', sizeof(text));
	charset_append_utf8(&out, "utf-8", text, sizeof(text));
	assert_int_equal(out.len, 3 * sizeof(text));
	buffer_reset(&out);
	charset_append_utf8(&out, "gbk", text, sizeof(text));
	assert_int_equal(out.len, 3 * sizeof(text));
	buffer_clear(&out);
}

static void
test_it_appends_to_what_is_there(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, 100);
	buffer_append_string(&out, "before ");
	charset_append_utf8(&out, "utf-16le", "\xFF\xFEx\0", 4);
	assert_string_equal(out.data, "before x");
	buffer_clear(&out);
}

static void
test_a_full_buffer_ends_it(UNUSED void **state)
{
	char text[20000];
	struct buffer out;

	memset(text, '\xE9', sizeof(text));
	buffer_init(&out, 10000);
	charset_append_utf8(&out, "iso-8859-1", text, sizeof(text));
	assert_true(out.full);
	assert_true(out.len <= 10000);
	buffer_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_becomes_utf8),
		cmocka_unit_test(test_long_texts_are_converted_in_steps),
		cmocka_unit_test(test_it_appends_to_what_is_there),
		cmocka_unit_test(test_a_full_buffer_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
