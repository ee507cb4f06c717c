#include "base/digest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/compiler.h"

/* Memory is gone, or the system's settings leave OpenSSL no algorithms. */
static NORETURN void
give_up(void)
{
	fprintf(stderr, "%s: no SHA-256 from OpenSSL\n", program_invocation_short_name);
	abort();
}

static void
put_hex(char out[DIGEST_HEX_SIZE], const unsigned char *digest, unsigned len)
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned i = 0; i < len; i++) {
		*out++ = hex[digest[i] >> 4];
		*out++ = hex[digest[i] & 0x0F];
	}
	*out = '\0';
}

/* Returns how many bytes it has. */
static unsigned
sha256(unsigned char digest[EVP_MAX_MD_SIZE], const void *data, size_t len)
{
	unsigned digest_len = 0;

	/* OpenSSL looks the algorithm up at each call, for 0.2 us: not worth a global that
	 * two threads would share. */
	if (EVP_Digest(data, len, digest, &digest_len, EVP_sha256(), NULL) != 1)
		give_up();
	return digest_len;
}

void
digest_hex(char out[DIGEST_HEX_SIZE], const void *data, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = sha256(digest, data, len);

	put_hex(out, digest, digest_len);
}

void
digest_base64(char out[DIGEST_BASE64_SIZE], const void *data, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = sha256(digest, data, len);

	EVP_EncodeBlock((unsigned char *)out, digest, (int)digest_len);
}

void
digest_hmac_hex(char out[DIGEST_HEX_SIZE], const void *key, size_t key_len,
    const void *data, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;

	if (key_len > INT_MAX ||
	    HMAC(EVP_sha256(), key, (int)key_len, data, len, digest, &digest_len) ==
	        NULL)
		give_up();
	put_hex(out, digest, digest_len);
}
