#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"

static void
assert_digest(const void *data, size_t len, const char *expected)
{
	char digest[DIGEST_HEX_SIZE];

	memset(digest, 'x', sizeof(digest));
	digest_hex(digest, data, len);
	assert_string_equal(digest, expected);
	assert_int_equal(strlen(digest), DIGEST_HEX_LEN);
}

/* FIPS 180-4's examples, as NIST publishes them beside it. */
static void
test_the_standards_examples(UNUSED void **state)
{
	static const char two_blocks[] =
	    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	assert_digest("abc", 3,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_digest(two_blocks, strlen(two_blocks),
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void
test_nothing_has_a_digest_too(UNUSED void **state)
{
	static const char expected[] =
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

	assert_digest("", 0, expected);
	assert_digest(NULL, 0, expected);
}

static void
test_a_million_letters(UNUSED void **state)
{
	const size_t count = 1000000;
	char *letters = xmalloc(count);

	memset(letters, 'a', count);
	assert_digest(letters, count,
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(letters);
}

static void
test_every_byte_counts(UNUSED void **state)
{
	/* With a NUL, in which a text would end, and with a high bit. */
	assert_digest("a\0b", 3,
	    "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138");
	assert_digest("\xff", 1,
	    "a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_standards_examples),
		cmocka_unit_test(test_nothing_has_a_digest_too),
		cmocka_unit_test(test_a_million_letters),
		cmocka_unit_test(test_every_byte_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
