#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/yaml_text.h"
#include "parsed.h"

#define CHECK(text, expected) check(text, sizeof(text) - 1, expected)

/* EXPECTED is the one fault line, or "" for a text that is well. */
static void
check(const char *text, size_t len, const char *expected)
{
	struct parsed parsed = { .faults = faults_new() };
	unsigned file = faults_add_file(parsed.faults, "f");
	bool well = yaml_text_check(text, len, file, parsed.faults);

	buffer_init(&parsed.lines, BUFFER_UNLIMITED);
	assert_string_equal(parsed_lines(&parsed), expected);
	assert_true(well == (expected[0] == '\0'));
	parsed_clear(&parsed);
}

static void
test_utf8_and_line_ends_are_well(UNUSED void **state)
{
	CHECK("", "");
	CHECK("a: b\r\n\tc\n", "");
	CHECK("\xc3\xa4 \xf0\x9f\x98\x80 \xc2\x85", "");
}

static void
test_other_encodings_are_told_at_the_top(UNUSED void **state)
{
	CHECK("\xff\xfe"
	      "a\0",
	    "f:1:1: error: this is UTF-16: expected UTF-8\n");
	CHECK("\xfe\xff\0a", "f:1:1: error: this is UTF-16: expected UTF-8\n");
}

static void
test_what_is_not_utf8_is_told_at_its_place(UNUSED void **state)
{
	CHECK("a\nb\xff", "f:2:2: error: not UTF-8: byte 0xff\n");
	CHECK("\xc3\xa4\xc3\xa4\xed\xa0\x80", "f:1:3: error: not UTF-8: byte 0xed\n");
	CHECK("cut \xe2\x82", "f:1:5: error: not UTF-8: byte 0xe2\n");
}

static void
test_control_characters_are_told_at_their_place(UNUSED void **state)
{
	CHECK("a\0b", "f:1:2: error: the character U+0000 is not allowed in YAML\n");
	CHECK("\r\n\r\x1b",
	    "f:3:1: error: the character U+001B is not allowed in YAML\n");
	CHECK("\x7f", "f:1:1: error: the character U+007F is not allowed in YAML\n");
	CHECK("a\xef\xbb\xbf",
	    "f:1:2: error: the character U+FEFF is not allowed in YAML\n");
	CHECK(
	    "\xc2\x9f", "f:1:1: error: the character U+009F is not allowed in YAML\n");
}

static void
test_lines_are_counted_as_libyaml_does(UNUSED void **state)
{
	CHECK("\n\r\r\n\xc2\x85\xe2\x80\xa8\xe2\x80\xa9 \x01",
	    "f:7:2: error: the character U+0001 is not allowed in YAML\n");
}

static void
test_a_file_full_of_directives_is_refused(UNUSED void **state)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	for (int i = 0; i < 16; i++)
		buffer_append_format(&text, "%%TAG !a%d! b\n", i);
	check(text.data, text.len, "");
	buffer_append_string(&text, "%TAG !x! b\n");
	check(text.data, text.len, "f:17:1: error: too many %TAG lines\n");
	buffer_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_and_line_ends_are_well),
		cmocka_unit_test(test_other_encodings_are_told_at_the_top),
		cmocka_unit_test(test_what_is_not_utf8_is_told_at_its_place),
		cmocka_unit_test(test_control_characters_are_told_at_their_place),
		cmocka_unit_test(test_lines_are_counted_as_libyaml_does),
		cmocka_unit_test(test_a_file_full_of_directives_is_refused),
	};

	return cmocka_run_group_tests_name("yaml_text", tests, NULL, NULL);
}
