#include "base/json_escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"

static void
assert_meant(const char *text, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	json_append_unescaped(&out, text, strlen(text));
	assert_string_equal(out.data, expected);
	buffer_clear(&out);
}

static void
test_escapes_mean_what_they_stand_for(UNUSED void **state)
{
	assert_meant("a\\n\\/\\u00e9", "a\n/\xC3\xA9");
	assert_meant("\\\"\\\\\\b\\f\\r\\t", "\"\\\b\f\r\t");
	assert_meant("\\ud83d\\ude00", "\xF0\x9F\x98\x80");
}

static void
test_half_a_surrogate_pair_is_the_replacement_character(UNUSED void **state)
{
	assert_meant("\\ud83dx\\ude00", "\xEF\xBF\xBDx\xEF\xBF\xBD");
}

static void
test_what_is_no_escape_stays(UNUSED void **state)
{
	assert_meant("\\q\\u12\\", "\\q\\u12\\");
}

static void
assert_read(const char *text, size_t len, uint32_t expected)
{
	uint32_t code_point = 0;

	assert_int_equal(json_read_escape(text, text + strlen(text), &code_point), len);
	assert_int_equal(code_point, expected);
}

static void
test_an_escape_is_read_with_its_length(UNUSED void **state)
{
	assert_read("\\nx", 2, '\n');
	assert_read("\\u0041x", 6, 'A');
	assert_read("\\ud83d\\ude00x", 12, 0x1F600);
	assert_read("\\ud83dx", 6, 0xD83D);
	assert_read("x", 0, 0);
	assert_read("\\", 0, 0);
	assert_read("\\u004", 0, 0);
}

static void
assert_without_markup(const char *json, const char *expected)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, "<before>");
	buffer_append_string(&out, json);
	json_escape_markup(&out, strlen("<before>"));
	assert_memory_equal(out.data, "<before>", strlen("<before>"));
	assert_string_equal(out.data + strlen("<before>"), expected);
	assert_int_equal(out.len, strlen("<before>") + strlen(expected));
	buffer_clear(&out);
}

static void
test_no_markup_is_left_behind_a_place(UNUSED void **state)
{
	assert_without_markup("", "");
	assert_without_markup("{\"a\":1}", "{\"a\":1}");
	assert_without_markup("\"<\"", "\"\\u003c\"");
	assert_without_markup("[\"</script><!--\",\"a<\",\"<<\"]",
	    "[\"\\u003c/script>\\u003c!--\",\"a\\u003c\",\"\\u003c\\u003c\"]");
	/* What stands before it there is of no escape. */
	assert_without_markup("\"\\\\<\"", "\"\\\\\\u003c\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes_mean_what_they_stand_for),
		cmocka_unit_test(
		    test_half_a_surrogate_pair_is_the_replacement_character),
		cmocka_unit_test(test_what_is_no_escape_stays),
		cmocka_unit_test(test_an_escape_is_read_with_its_length),
		cmocka_unit_test(test_no_markup_is_left_behind_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
