#include "base/marked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

static void
append(struct marked *marked, const char *text, enum mark mark)
{
	assert_true(marked_append(marked, text, strlen(text), mark));
}

static void
assert_part(
    const struct marked *marked, size_t index, const char *expected, enum mark mark)
{
	const char *text;
	size_t len;
	enum mark found;

	marked_part(marked, index, &text, &len, &found);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
	assert_int_equal(found, mark);
}

static void
assert_shown(const struct marked *marked, const char *expected)
{
	char *shown = marked_shown(marked);

	assert_string_equal(shown, expected);
	free(shown);
}

static void
test_an_empty_text_has_no_parts(UNUSED void **state)
{
	struct marked marked;

	marked_init(&marked, 100);
	append(&marked, "", MARK_SECRET);
	assert_int_equal(marked.part_count, 0);
	assert_false(marked_has_secret(&marked));
	assert_shown(&marked, "");
	marked_clear(&marked);
}

static void
test_equal_marks_in_a_row_become_one_part(UNUSED void **state)
{
	struct marked marked;

	marked_init(&marked, 100);
	append(&marked, "https://", MARK_OWN);
	append(&marked, "example.", MARK_PUT_IN);
	append(&marked, "com", MARK_PUT_IN);
	append(&marked, "/?key=", MARK_OWN);
	append(&marked, "", MARK_SECRET);
	append(&marked, "secret", MARK_SECRET);
	assert_string_equal(marked.text.data, "https://example.com/?key=secret");
	assert_int_equal(marked.part_count, 4);
	assert_part(&marked, 0, "https://", MARK_OWN);
	assert_part(&marked, 1, "example.com", MARK_PUT_IN);
	assert_part(&marked, 2, "/?key=", MARK_OWN);
	assert_part(&marked, 3, "secret", MARK_SECRET);
	assert_true(marked_has_secret(&marked));
	assert_shown(&marked, "https://example.com/?key=***");
	marked_clear(&marked);
}

static void
test_secrets_side_by_side_stay_apart_but_show_as_one(UNUSED void **state)
{
	struct marked marked;
	struct marked copy;

	marked_init(&marked, 100);
	append(&marked, "one", MARK_SECRET);
	append(&marked, "two", MARK_SECRET);
	append(&marked, ".", MARK_OWN);
	append(&marked, "three", MARK_SECRET);
	marked_copy(&copy, &marked);
	assert_int_equal(copy.part_count, 4);
	assert_part(&copy, 0, "one", MARK_SECRET);
	assert_part(&copy, 1, "two", MARK_SECRET);
	assert_shown(&copy, "***.***");
	marked_clear(&copy);
	marked_clear(&marked);
}

static void
test_many_parts_are_kept(UNUSED void **state)
{
	struct marked marked;

	marked_init(&marked, 1000);
	for (size_t i = 0; i < 300; i++)
		append(&marked, i % 2 == 0 ? "ab" : "c",
		    i % 2 == 0 ? MARK_OWN : MARK_SECRET);
	assert_int_equal(marked.part_count, 300);
	assert_part(&marked, 298, "ab", MARK_OWN);
	assert_part(&marked, 299, "c", MARK_SECRET);
	marked_clear(&marked);
}

static void
test_what_does_not_fit_leaves_the_text_alone(UNUSED void **state)
{
	struct marked marked;

	marked_init(&marked, 8);
	append(&marked, "12345", MARK_OWN);
	assert_false(marked_append(&marked, "6789", 4, MARK_SECRET));
	assert_string_equal(marked.text.data, "12345");
	assert_int_equal(marked.part_count, 1);
	assert_false(marked_has_secret(&marked));
	append(&marked, "678", MARK_SECRET);
	assert_shown(&marked, "12345***");
	marked_clear(&marked);
}

static void
test_a_copy_is_equal_and_apart(UNUSED void **state)
{
	struct marked marked;
	struct marked copy;

	marked_init(&marked, 100);
	append(&marked, "a", MARK_OWN);
	append(&marked, "b", MARK_SECRET);
	append(&marked, "c", MARK_PUT_IN);
	marked_copy(&copy, &marked);
	assert_true(marked_equal(&copy, &marked));
	assert_int_equal(copy.text.max, 100);
	append(&copy, "d", MARK_PUT_IN);
	append(&copy, "e", MARK_OWN);
	assert_false(marked_equal(&copy, &marked));
	assert_string_equal(marked.text.data, "abc");
	marked_clear(&copy);
	marked_clear(&marked);
}

static void
test_equal_needs_text_and_marks(UNUSED void **state)
{
	struct marked a;
	struct marked b;

	marked_init(&a, 100);
	marked_init(&b, 50);
	assert_true(marked_equal(&a, &b));
	append(&a, "xy", MARK_OWN);
	append(&b, "xy", MARK_PUT_IN);
	assert_false(marked_equal(&a, &b));
	marked_clear(&b);
	append(&b, "xz", MARK_OWN);
	assert_false(marked_equal(&a, &b));
	marked_clear(&b);
	append(&b, "x", MARK_OWN);
	append(&b, "y", MARK_SECRET);
	assert_false(marked_equal(&a, &b));
	marked_clear(&a);
	append(&a, "x", MARK_OWN);
	append(&a, "y", MARK_SECRET);
	assert_true(marked_equal(&a, &b));
	marked_clear(&a);
	append(&a, "xy", MARK_OWN);
	append(&a, "", MARK_SECRET);
	assert_false(marked_equal(&a, &b));
	marked_clear(&a);
	marked_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_text_has_no_parts),
		cmocka_unit_test(test_equal_marks_in_a_row_become_one_part),
		cmocka_unit_test(test_secrets_side_by_side_stay_apart_but_show_as_one),
		cmocka_unit_test(test_many_parts_are_kept),
		cmocka_unit_test(test_what_does_not_fit_leaves_the_text_alone),
		cmocka_unit_test(test_a_copy_is_equal_and_apart),
		cmocka_unit_test(test_equal_needs_text_and_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
