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

/* As openssl(1) and base64(1) have it, and as browsers want it of the empty text. */
static void
test_a_digest_in_base64(UNUSED void **state)
{
	char digest[DIGEST_BASE64_SIZE];

	memset(digest, 'x', sizeof(digest));
	digest_base64(digest, "abc", 3);
	assert_string_equal(digest, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
	assert_int_equal(strlen(digest), DIGEST_BASE64_LEN);
	digest_base64(digest, NULL, 0);
	assert_string_equal(digest, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

/* ---- with a key ---- */

static void
assert_hmac(
    const void *key, size_t key_len, const void *data, size_t len, const char *expected)
{
	char digest[DIGEST_HEX_SIZE];

	memset(digest, 'x', sizeof(digest));
	digest_hmac_hex(digest, key, key_len, data, len);
	assert_string_equal(digest, expected);
	assert_int_equal(strlen(digest), DIGEST_HEX_LEN);
}

/* Of RFC 4231: cases 1, 2 and 6, whose key is longer than a block. */
static void
test_the_examples_with_a_key(UNUSED void **state)
{
	static const char question[] = "what do ya want for nothing?";
	static const char hash_first[] =
	    "Test Using Larger Than Block-Size Key - Hash Key First";
	char key[131];

	memset(key, 0x0b, 20);
	assert_hmac(key, 20, "Hi There", 8,
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_hmac("Jefe", 4, question, strlen(question),
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	assert_hmac(key, sizeof(key), hash_first, strlen(hash_first),
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void
test_an_empty_key_is_a_key(UNUSED void **state)
{
	static const char expected[] =
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";

	assert_hmac("", 0, "", 0, expected);
	assert_hmac("", 0, NULL, 0, expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_standards_examples),
		cmocka_unit_test(test_nothing_has_a_digest_too),
		cmocka_unit_test(test_a_million_letters),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_a_digest_in_base64),
		cmocka_unit_test(test_the_examples_with_a_key),
		cmocka_unit_test(test_an_empty_key_is_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
