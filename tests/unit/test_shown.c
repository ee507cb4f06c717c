#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "config/shown.h"

struct example {
	const char *source;
	const char *shown;
};

static void
test_urls_lose_a_literal_user_and_password(UNUSED void **state)
{
	static const struct example examples[] = {
		{ "http://h/a@b", "http://h/a@b" },
		{ "http://u@h/", "http://***@h/" },
		{ "http://u:p@h/?q=1", "http://***@h/?q=1" },
		{ "http://u:${P}@h/", "http://u:${P}@h/" },
		{ "http://u:x${P}@h/", "http://***@h/" },
		{ "http://${U}:${P}@h/", "http://${U}:${P}@h/" },
		{ "http://${U}:p@h/", "http://***@h/" },
		{ "http://${T}@h/", "http://${T}@h/" },
		{ "http://${T}:@h/", "http://${T}:@h/" },
		{ "http://{{u}}:{{{p}}}@h/", "http://{{u}}:{{{p}}}@h/" },
		{ "http://u:${file:/run/p}@h/", "http://u:${file:/run/p}@h/" },
		{ "http://u:${P:-s3cr3t}@h/", "http://u:${P:-***}@h/" },
		{ "http://u:$$x@h/", "http://***@h/" },
		{ "{{{base}}}/x@y", "{{{base}}}/x@y" },
		{ "${BASE}/x", "${BASE}/x" },
		{ "socks5h://u:p@h:1080", "socks5h://***@h:1080" },
		{ "socks5://${U}:${P}@h", "socks5://${U}:${P}@h" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
		char *shown = shown_url(examples[i].source);

		assert_string_equal(shown, examples[i].shown);
		free(shown);
	}
}

static void
test_authorization_keeps_its_scheme_and_references(UNUSED void **state)
{
	static const struct example examples[] = {
		{ "Bearer s3cr3t", "***" },
		{ "s3cr3t", "***" },
		{ "", "" },
		{ "Bearer ${T}", "Bearer ${T}" },
		{ "Bearer {{t}}", "Bearer {{t}}" },
		{ "${T}", "${T}" },
		{ "Bearer x${T}", "***${T}" },
		{ "Bearer ${T}x", "Bearer ${T}***" },
		{ "Token token=${T}", "Token token=${T}" },
		{ "Bearer ${T:-s3cr3t}", "Bearer ${T:-***}" },
		{ "Bearer $${T}", "***" },
		{ "Bearer ${T", "***" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
		char *shown = shown_header("authorization", examples[i].source);

		assert_string_equal(shown, examples[i].shown);
		free(shown);
	}
}

static void
test_of_what_is_all_secret_only_references_are_left(UNUSED void **state)
{
	static const struct example examples[] = {
		{ "", "" },
		{ "s3cr3t", "***" },
		{ "${T}", "${T}" },
		{ "{{t}}", "{{t}}" },
		{ "Bearer ${T}", "***${T}" },
		{ "${T:-s3cr3t}", "${T:-***}" },
		{ "{{t}}x${file:/y}", "{{t}}***${file:/y}" },
		{ "$$x", "***" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
		char *shown = shown_secret(examples[i].source);

		assert_string_equal(shown, examples[i].shown);
		free(shown);
	}
}

static void
test_cookies_are_masked_one_by_one(UNUSED void **state)
{
	static const struct example examples[] = {
		{ "a=b", "***" },
		{ "a=${A}", "a=${A}" },
		{ "a=${A}; b=c;d=${D}", "a=${A}; ***;d=${D}" },
		{ "a=x${A}", "***${A}" },
		{ "a=${A:-;x}; b=y", "a=${A:-***}; ***" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
		char *shown = shown_header("Cookie", examples[i].source);

		assert_string_equal(shown, examples[i].shown);
		free(shown);
	}
}

static void
test_other_headers_are_shown_as_they_are(UNUSED void **state)
{
	char *shown = shown_header("X-Api-Key", "literal");

	assert_string_equal(shown, "literal");
	free(shown);
	assert_true(shown_is_secret_header("PROXY-authorization"));
	assert_false(shown_is_secret_header("X-Authorization"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls_lose_a_literal_user_and_password),
		cmocka_unit_test(test_authorization_keeps_its_scheme_and_references),
		cmocka_unit_test(test_of_what_is_all_secret_only_references_are_left),
		cmocka_unit_test(test_cookies_are_masked_one_by_one),
		cmocka_unit_test(test_other_headers_are_shown_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
