#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_a_new_buffer_reads_as_empty_text(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 10);
	assert_string_equal(buffer.data, "");
	assert_int_equal(buffer.len, 0);
	assert_false(buffer.full);
	buffer_clear(&buffer);
}

static void
test_appends_follow_each_other(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, BUFFER_UNLIMITED);
	assert_true(buffer_append_string(&buffer, "one"));
	assert_true(buffer_append_char(&buffer, ' '));
	assert_true(buffer_append(&buffer, "two!", 3));
	assert_true(buffer_append_format(&buffer, " %d", 3));
	assert_string_equal(buffer.data, "one two 3");
	assert_int_equal(buffer.len, strlen("one two 3"));
	buffer_clear(&buffer);
}

static void
test_nul_bytes_are_kept(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 100);
	assert_true(buffer_append(&buffer, "a\0b", 3));
	assert_int_equal(buffer.len, 3);
	assert_memory_equal(buffer.data, "a\0b", 4);
	buffer_clear(&buffer);
}

static void
test_nothing_can_be_appended_from_nowhere(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 0);
	assert_true(buffer_append(&buffer, NULL, 0));
	assert_true(buffer_append_string(&buffer, ""));
	assert_true(buffer_append_format(&buffer, "%s", ""));
	assert_string_equal(buffer.data, "");
	assert_false(buffer.full);
	buffer_clear(&buffer);
}

static void
test_the_maximum_itself_fits(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 4);
	assert_true(buffer_append_string(&buffer, "four"));
	assert_false(buffer.full);
	assert_int_equal(buffer.capacity, 5);
	buffer_clear(&buffer);
}

static void
test_what_does_not_fit_changes_nothing(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 4);
	assert_true(buffer_append_string(&buffer, "abc"));
	assert_false(buffer_append_string(&buffer, "de"));
	assert_string_equal(buffer.data, "abc");
	assert_true(buffer.full);

	/* Later ones that fit are taken; the mark stays. */
	assert_true(buffer_append_char(&buffer, 'd'));
	assert_false(buffer_append_char(&buffer, 'e'));
	assert_string_equal(buffer.data, "abcd");
	assert_true(buffer.full);
	buffer_clear(&buffer);
}

static void
test_a_format_that_does_not_fit_changes_nothing(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 6);
	assert_false(buffer_append_format(&buffer, "%s", "too long"));
	assert_string_equal(buffer.data, "");
	assert_true(buffer_append_string(&buffer, "abc"));
	assert_false(buffer_append_format(&buffer, "%d", 1234));
	assert_string_equal(buffer.data, "abc");
	assert_true(buffer_append_format(&buffer, "%d", 123));
	assert_string_equal(buffer.data, "abc123");
	buffer_clear(&buffer);
}

static void
test_a_format_longer_than_the_memory_is_written_in_full(UNUSED void **state)
{
	struct buffer buffer;
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buffer_init(&buffer, BUFFER_UNLIMITED);
	assert_true(buffer_append_char(&buffer, '>'));
	assert_true(buffer_append_format(&buffer, "%s%d", text, 7));
	assert_int_equal(buffer.len, sizeof(text) + 1);
	assert_memory_equal(buffer.data + 1, text, sizeof(text) - 1);
	assert_string_equal(buffer.data + sizeof(text), "7");
	buffer_clear(&buffer);
}

static void
test_every_length_of_a_format_is_written_in_full(UNUSED void **state)
{
	/* The lengths around the memory that is there are the ones to get wrong. */
	for (int len = 0; len < 600; len++) {
		struct buffer buffer;

		buffer_init(&buffer, 600);
		assert_true(buffer_append_char(&buffer, '>'));
		assert_true(buffer_append_format(&buffer, "%*d", len, 7));
		assert_int_equal(buffer.len, 1 + (len > 1 ? len : 1));
		assert_int_equal(buffer.data[buffer.len - 1], '7');
		assert_int_equal(buffer.data[buffer.len], '\0');
		buffer_clear(&buffer);
	}
}

static void
test_memory_grows_geometrically(UNUSED void **state)
{
	struct buffer buffer;
	size_t capacity = 0;
	int changes = 0;

	buffer_init(&buffer, BUFFER_UNLIMITED);
	for (int i = 0; i < 1000000; i++) {
		assert_true(buffer_append_char(&buffer, (char)('a' + i % 26)));
		changes += buffer.capacity != capacity;
		capacity = buffer.capacity;
	}
	assert_in_range(changes, 2, 40);
	assert_in_range(capacity, 1000001, 2100000);
	assert_int_equal(buffer.data[999999], 'a' + 999999 % 26);
	buffer_clear(&buffer);
}

static void
test_memory_never_passes_the_maximum(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 1000);
	while (buffer_append_string(&buffer, "0123456"))
		assert_true(buffer.capacity <= 1001);
	assert_int_equal(buffer.len, 994);
	buffer_clear(&buffer);
}

static void
test_a_length_near_the_largest_is_refused(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, SIZE_MAX);
	assert_true(buffer_append_char(&buffer, 'a'));
	assert_null(buffer_reserve(&buffer, SIZE_MAX));
	assert_null(buffer_reserve(&buffer, BUFFER_UNLIMITED));
	assert_true(buffer.full);
	assert_string_equal(buffer.data, "a");
	buffer_clear(&buffer);
}

static void
test_reserved_room_is_written_by_the_caller(UNUSED void **state)
{
	struct buffer buffer;
	char *place;

	buffer_init(&buffer, 300);
	assert_true(buffer_append_string(&buffer, "ab"));
	place = buffer_reserve(&buffer, 298);
	assert_non_null(place);
	assert_string_equal(buffer.data, "ab");
	memset(place, 'c', 4);
	buffer_grown(&buffer, 3);
	assert_string_equal(buffer.data, "abccc");
	assert_null(buffer_reserve(&buffer, 296));
	buffer_clear(&buffer);
}

static void
test_reset_keeps_the_memory_and_clear_does_not(UNUSED void **state)
{
	struct buffer buffer;
	const char *memory;

	buffer_init(&buffer, 3);
	assert_true(buffer_append_string(&buffer, "abc"));
	assert_false(buffer_append_char(&buffer, 'd'));
	memory = buffer.data;
	buffer_reset(&buffer);
	assert_ptr_equal(buffer.data, memory);
	assert_string_equal(buffer.data, "");
	assert_false(buffer.full);

	buffer_clear(&buffer);
	assert_int_equal(buffer.capacity, 0);
	assert_int_equal(buffer.max, 3);
	assert_string_equal(buffer.data, "");
	assert_false(buffer_append_string(&buffer, "abcd"));
	buffer_clear(&buffer);
}

static void
test_an_empty_buffer_can_be_reset_and_truncated(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 3);
	buffer_reset(&buffer);
	buffer_truncate(&buffer, 0);
	buffer_grown(&buffer, 0);
	assert_string_equal(buffer.data, "");
	buffer_clear(&buffer);
}

static void
test_truncated_text_ends_there(UNUSED void **state)
{
	struct buffer buffer;

	buffer_init(&buffer, 10);
	assert_true(buffer_append_string(&buffer, "abcdef"));
	buffer_truncate(&buffer, 2);
	assert_string_equal(buffer.data, "ab");
	assert_true(buffer_append_string(&buffer, "xy"));
	assert_string_equal(buffer.data, "abxy");
	buffer_clear(&buffer);
}

static void
test_taken_text_is_the_callers(UNUSED void **state)
{
	struct buffer buffer;
	char *text;

	buffer_init(&buffer, 10);
	text = buffer_take(&buffer);
	assert_string_equal(text, "");
	free(text);

	assert_true(buffer_append_string(&buffer, "abc"));
	text = buffer_take(&buffer);
	assert_string_equal(buffer.data, "");
	assert_int_equal(buffer.len, 0);
	assert_true(buffer_append_string(&buffer, "def"));
	assert_string_equal(text, "abc");
	free(text);
	buffer_clear(&buffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_buffer_reads_as_empty_text),
		cmocka_unit_test(test_appends_follow_each_other),
		cmocka_unit_test(test_nul_bytes_are_kept),
		cmocka_unit_test(test_nothing_can_be_appended_from_nowhere),
		cmocka_unit_test(test_the_maximum_itself_fits),
		cmocka_unit_test(test_what_does_not_fit_changes_nothing),
		cmocka_unit_test(test_a_format_that_does_not_fit_changes_nothing),
		cmocka_unit_test(
		    test_a_format_longer_than_the_memory_is_written_in_full),
		cmocka_unit_test(test_every_length_of_a_format_is_written_in_full),
		cmocka_unit_test(test_memory_grows_geometrically),
		cmocka_unit_test(test_memory_never_passes_the_maximum),
		cmocka_unit_test(test_a_length_near_the_largest_is_refused),
		cmocka_unit_test(test_reserved_room_is_written_by_the_caller),
		cmocka_unit_test(test_reset_keeps_the_memory_and_clear_does_not),
		cmocka_unit_test(test_an_empty_buffer_can_be_reset_and_truncated),
		cmocka_unit_test(test_truncated_text_ends_there),
		cmocka_unit_test(test_taken_text_is_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
