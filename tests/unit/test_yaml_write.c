#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "config/yaml_write.h"

static void
test_maps_are_blocks_and_lists_are_flow(UNUSED void **state)
{
	struct yaml_write yaml;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	yaml_write_init(&yaml, &out);
	yaml_write_key(&yaml, "a");
	yaml_write_begin_map(&yaml);
	yaml_write_key(&yaml, "b");
	yaml_write_begin_map(&yaml);
	yaml_write_end_map(&yaml);
	yaml_write_key(&yaml, "c");
	yaml_write_begin_list(&yaml);
	yaml_write_word(&yaml, "1");
	yaml_write_begin_list(&yaml);
	yaml_write_end_list(&yaml);
	yaml_write_begin_map(&yaml);
	yaml_write_key(&yaml, "d");
	yaml_write_text(&yaml, "x");
	yaml_write_key(&yaml, "e");
	yaml_write_begin_map(&yaml);
	yaml_write_end_map(&yaml);
	yaml_write_end_map(&yaml);
	yaml_write_end_list(&yaml);
	yaml_write_end_map(&yaml);
	yaml_write_key(&yaml, "f");
	yaml_write_text(&yaml, "g h");
	yaml_write_end(&yaml);
	assert_string_equal(out.data,
	    "a:\n"
	    "  b: {}\n"
	    "  c: [1, [], {\"d\": \"x\", \"e\": {}}]\n"
	    "f: g h\n");
	buffer_clear(&out);
}

static void
test_texts_are_quoted_where_they_must_be(UNUSED void **state)
{
	static const struct {
		const char *text;
		const char *written;
	} cases[] = {
		{ "plain", "plain" },
		{ "a b-c/d_e", "a b-c/d_e" },
		{ "http://h:80/?a=b#c", "http://h:80/?a=b#c" },
		{ "/var/lib", "/var/lib" },
		{ "${NAME:-x}", "${NAME:-x}" },
		{ "{{x}}", "\"{{x}}\"" },
		{ "", "\"\"" },
		{ "42", "\"42\"" },
		{ "-1", "\"-1\"" },
		{ ".5", "\".5\"" },
		{ "Yes", "\"Yes\"" },
		{ "null", "\"null\"" },
		{ "~", "\"~\"" },
		{ "a: b", "\"a: b\"" },
		{ "a:", "\"a:\"" },
		{ "a #b", "\"a #b\"" },
		{ "a ", "\"a \"" },
		{ " a", "\" a\"" },
		{ "a  b", "\"a  b\"" },
		{ "a\nb\tc", "\"a\\nb\\tc\"" },
		{ "\"\\", "\"\\\"\\\\\"" },
		{ "\x01\x7f", "\"\\u0001\\u007f\"" },
		{ "\u00e9\U0001f600", "\"\u00e9\U0001f600\"" },
		{ "\xc2\x85\u2028\ufeff", "\"\\u0085\\u2028\\ufeff\"" },
		{ "\xff", "\"\ufffd\"" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct yaml_write yaml;
		struct buffer out;

		buffer_init(&out, BUFFER_UNLIMITED);
		yaml_write_init(&yaml, &out);
		yaml_write_key(&yaml, "k");
		yaml_write_text(&yaml, cases[i].text);
		buffer_truncate(&out, out.len - 1);
		assert_string_equal(out.data + 3, cases[i].written);
		buffer_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps_are_blocks_and_lists_are_flow),
		cmocka_unit_test(test_texts_are_quoted_where_they_must_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
