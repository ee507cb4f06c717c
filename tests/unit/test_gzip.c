#include "base/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"

/* What LEN bytes of DATA unpack to, of which EXPECTED_LEN are to come: EXPECTED. */
static void
assert_unpacks_to(
    const char *data, size_t len, const char *expected, size_t expected_len)
{
	char *unpacked = xmalloc(expected_len + 1);
	z_stream stream = {
		.next_in = (Bytef *)(uintptr_t)data,
		.avail_in = (uInt)len,
		.next_out = (Bytef *)unpacked,
		.avail_out = (uInt)expected_len + 1,
	};

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, expected_len);
	assert_memory_equal(unpacked, expected, expected_len);
	inflateEnd(&stream);
	free(unpacked);
}

static void
assert_comes_back(const char *data, size_t len)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	assert_true(gzip_append(&out, data, len));
	assert_unpacks_to(out.data, out.len, data, len);
	buffer_clear(&out);
}

static void
test_what_is_packed_comes_back(UNUSED void **state)
{
	assert_comes_back("{\"a\": 1}", 8);
	assert_comes_back("a\0b", 3);
	assert_comes_back("", 0);
}

static void
test_what_repeats_gets_much_smaller(UNUSED void **state)
{
	const size_t len = (size_t)3 * 1024 * 1024;
	char *data = xmalloc(len);
	struct buffer out;

	for (size_t i = 0; i < len; i++)
		data[i] = "\"status\": \"ok\", "[i % 16];
	buffer_init(&out, BUFFER_UNLIMITED);
	assert_true(gzip_append(&out, data, len));
	assert_true(out.len < len / 50);
	assert_unpacks_to(out.data, out.len, data, len);
	buffer_clear(&out);
	free(data);
}

static void
test_what_is_random_fits_as_well(UNUSED void **state)
{
	const size_t len = 300000;
	char *data = xmalloc(len);
	uint32_t number = 1;

	for (size_t i = 0; i < len; i++) {
		number = number * 1664525 + 1013904223;
		data[i] = (char)(number >> 24);
	}
	assert_comes_back(data, len);
	free(data);
}

static void
test_it_is_put_behind_what_is_there(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, "before");
	assert_true(gzip_append(&out, "text", 4));
	assert_memory_equal(out.data, "before", 6);
	assert_unpacks_to(out.data + 6, out.len - 6, "text", 4);
	buffer_clear(&out);
}

static void
test_without_room_nothing_is_put(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, 16);
	buffer_append_string(&out, "before");
	assert_false(gzip_append(&out, "some text", 9));
	assert_string_equal(out.data, "before");
	buffer_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_packed_comes_back),
		cmocka_unit_test(test_what_repeats_gets_much_smaller),
		cmocka_unit_test(test_what_is_random_fits_as_well),
		cmocka_unit_test(test_it_is_put_behind_what_is_there),
		cmocka_unit_test(test_without_room_nothing_is_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
