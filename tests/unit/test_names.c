#include "base/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/compiler.h"

static const char *const keys[] = { "url", "interval", "timeout", "connect_timeout",
	"headers", "format", "max_body", "group" };

static const char *
nearest(const char *text)
{
	return names_nearest(text, keys, ARRAY_COUNT(keys));
}

static void
test_a_name_is_found_by_its_whole_text(UNUSED void **state)
{
	static const char *const levels[] = { "error", "warn", "info", NULL };

	assert_int_equal(names_find(levels, "error"), 0);
	assert_int_equal(names_find(levels, "info"), 2);
	assert_int_equal(names_find(levels, "inf"), -1);
	assert_int_equal(names_find(levels, "infos"), -1);
	assert_int_equal(names_find(levels, "Info"), -1);
	assert_int_equal(names_find(levels, ""), -1);
	assert_int_equal(names_find(levels + 3, "error"), -1);
}

static void
test_one_mistake_is_seen_through(UNUSED void **state)
{
	assert_string_equal(nearest("timeut"), "timeout");   /* one missing */
	assert_string_equal(nearest("timeoutt"), "timeout"); /* one too many */
	assert_string_equal(nearest("timeaut"), "timeout");  /* another one */
	assert_string_equal(nearest("tiemout"), "timeout");  /* two swapped */
	assert_string_equal(nearest("imeout"), "timeout");
	assert_string_equal(nearest("max-body"), "max_body");
	assert_string_equal(nearest("Timeout"), "timeout");
}

static void
test_a_swap_of_neighbours_counts_one(UNUSED void **state)
{
	/* Three letters allow one change. */
	assert_string_equal(nearest("ulr"), "url");
	assert_string_equal(nearest("rul"), "url");
	assert_null(nearest("lru"));
}

static void
test_a_third_of_the_length_may_be_wrong(UNUSED void **state)
{
	static const char *const one[] = { "abcdef" };

	assert_string_equal(names_nearest("abcdxy", one, 1), "abcdef");
	assert_null(names_nearest("abcxyz", one, 1));
	/* 5 letters: 2, as thirds are rounded up; less than 5 letters: 1. */
	assert_string_equal(names_nearest("abxde", one, 1), "abcdef");
	assert_null(names_nearest("abcd", one, 1));
	assert_null(names_nearest("abc", one, 1));
	assert_string_equal(names_nearest("abcdefgh", one, 1), "abcdef");
}

static void
test_what_is_far_from_all_has_no_nearest(UNUSED void **state)
{
	assert_null(nearest("certificate"));
	assert_null(nearest(""));
	assert_null(nearest("a-very-long-name-that-nobody-has-ever-given-to-a-key"));
	assert_null(names_nearest("url", keys, 0));
}

static void
test_the_nearest_of_several_wins_and_then_the_first(UNUSED void **state)
{
	static const char *const near[] = { "payment-xy", "payments", "payment1",
		"payment2" };

	assert_string_equal(names_nearest("payment", near, 4), "payments");
	assert_string_equal(names_nearest("payment2", near, 4), "payment2");
	assert_string_equal(names_nearest("payment3", near, 4), "payments");
}

static void
test_endless_names_are_not_compared(UNUSED void **state)
{
	char text[1024];
	const char *names[] = { text };

	memset(text, 'a', sizeof(text));
	text[128] = '\0';
	assert_ptr_equal(names_nearest(text, names, 1), text);
	text[128] = 'a';
	text[129] = '\0';
	assert_null(names_nearest(text, names, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_is_found_by_its_whole_text),
		cmocka_unit_test(test_one_mistake_is_seen_through),
		cmocka_unit_test(test_a_swap_of_neighbours_counts_one),
		cmocka_unit_test(test_a_third_of_the_length_may_be_wrong),
		cmocka_unit_test(test_what_is_far_from_all_has_no_nearest),
		cmocka_unit_test(test_the_nearest_of_several_wins_and_then_the_first),
		cmocka_unit_test(test_endless_names_are_not_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
