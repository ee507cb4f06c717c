#include "rules/needle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"

static void
assert_needle(const char *source, const char *expected, bool whole)
{
	struct buffer needle;

	buffer_init(&needle, BUFFER_UNLIMITED);
	if (needle_find(source, strlen(source), &needle) != whole)
		fail_msg("%s: %s", source, whole ? "not the whole" : "the whole");
	if (strcmp(needle.data, expected) != 0)
		fail_msg("%s: %s", source, needle.data);
	buffer_clear(&needle);
}

static void
test_plain_text_is_its_own_needle(UNUSED void **state)
{
	assert_needle("up", "up", true);
	assert_needle("\"state\":\"up\"", "\"state\":\"up\"", true);
	assert_needle("v1\\.2\\[\\]\\\\", "v1.2[]\\", true);
	assert_needle("caf\xC3\xA9 \xE4\x80\x81", "caf\xC3\xA9 \xE4\x80\x81", true);
	assert_needle("{\"a\"}", "{\"a\"}", true);
	assert_needle("a]b}", "a]b}", true);
	assert_needle("", "", false);
}

static void
test_the_longest_piece_is_the_needle_of_more(UNUSED void **state)
{
	assert_needle("^up$", "up", false);
	assert_needle("\"state\":\\s*\"stopped\"", "\"stopped\"", false);
	assert_needle("load=([0-9.]+);", "load=", false);
	assert_needle("(ab|cd)xyz(?:longer than that)", "xyz", false);
	assert_needle("a.bc\\dd", "bc", false);
	assert_needle("[]a]bc[^]d]e", "bc", false);
}

static void
test_what_may_be_missing_is_no_part_of_it(UNUSED void **state)
{
	assert_needle("abc?", "ab", false);
	assert_needle("abc*d", "ab", false);
	assert_needle("abc+d", "abc", false);
	assert_needle("ab+?c", "ab", false);
	assert_needle("xyc{2}d", "xy", false);
	assert_needle("xyc{0,2}?d", "xy", false);
	assert_needle("xyc{ 0 , 2 }d", "xy", false);
	assert_needle("ab\xC3\xA9?", "ab", false);
	assert_needle("a?", "", false);
	assert_needle("(abc)?", "", false);
}

static void
test_alternatives_options_and_what_is_not_known_have_none(UNUSED void **state)
{
	static const char *const sources[] = { "up|down", "(?i)up", "up(?i)down",
		"(?x) a b", "(*UCP)up", "\\Qa.b\\E", "\\x41bcd", "abc\\1", "abc(?=def)",
		"abc(?!def)", "abc(?#def)", "[[:alpha:]]abc", "[a\\Q]\\E]abc",
		"abc\\p{L}", "(?<n>abc)def", "abc\\" };

	for (size_t i = 0; i < ARRAY_COUNT(sources); i++)
		assert_needle(sources[i], "", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text_is_its_own_needle),
		cmocka_unit_test(test_the_longest_piece_is_the_needle_of_more),
		cmocka_unit_test(test_what_may_be_missing_is_no_part_of_it),
		cmocka_unit_test(
		    test_alternatives_options_and_what_is_not_known_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
