#include "base/skip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

typedef const char *run_fn(const char *text, const char *end);

/* Every byte value at every place of texts of every length up to a few steps: FILL is
 * passed over, and so is the byte where PASSED says so. */
static void
assert_runs(run_fn *run, char fill, const bool passed[static 256])
{
	char text[41];

	for (size_t len = 0; len <= sizeof(text); len++) {
		memset(text, fill, sizeof(text));
		assert_ptr_equal(run(text, text + len), text + len);
		for (size_t i = 0; i < len * 256; i++) {
			const char *stop = text + (passed[i % 256] ? len : i / 256);

			text[i / 256] = (char)(i % 256);
			assert_ptr_equal(run(text, text + len), stop);
			/* Of several, the first one counts. */
			text[len - 1] = text[i / 256];
			assert_ptr_equal(run(text, text + len), stop);
			text[i / 256] = text[len - 1] = fill;
		}
	}
}

static void
test_plain_bytes_are_those_that_json_leaves_alone(UNUSED void **state)
{
	bool passed[256] = { false };

	for (int c = 0x20; c < 0x80; c++)
		passed[c] = c != '"' && c != '\\';
	for (int c = 0; c < 256; c++)
		assert_int_equal(skip_is_plain((char)c), passed[c]);
	assert_runs(skip_plain, 'a', passed);
	/* Next to the limits, where a borrow between the bytes of a word would show. */
	assert_runs(skip_plain, ' ', passed);
	assert_runs(skip_plain, '!', passed);
	assert_runs(skip_plain, '\x7F', passed);
}

static void
test_ascii_ends_at_the_top_bit(UNUSED void **state)
{
	bool passed[256] = { false };

	for (int c = 0; c < 0x80; c++)
		passed[c] = true;
	assert_runs(skip_ascii, 'a', passed);
	assert_runs(skip_ascii, '\0', passed);
}

static void
test_blanks_are_blanks_only(UNUSED void **state)
{
	bool passed[256] = { false };

	passed[' '] = true;
	assert_runs(skip_blanks, ' ', passed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_bytes_are_those_that_json_leaves_alone),
		cmocka_unit_test(test_ascii_ends_at_the_top_bit),
		cmocka_unit_test(test_blanks_are_blanks_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
