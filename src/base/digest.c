#include "base/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

void
digest_hex(char out[DIGEST_HEX_SIZE], const void *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;

	/* OpenSSL looks the algorithm up at each call, for 0.2 us: not worth a global that
	 * two threads would share. */
	if (EVP_Digest(data, len, digest, &digest_len, EVP_sha256(), NULL) != 1) {
		/* Memory is gone, or the system's settings leave OpenSSL no algorithms. */
		fprintf(stderr, "%s: no SHA-256 from OpenSSL\n",
		    program_invocation_short_name);
		abort();
	}
	for (unsigned i = 0; i < digest_len; i++) {
		*out++ = hex[digest[i] >> 4];
		*out++ = hex[digest[i] & 0x0F];
	}
	*out = '\0';
}
