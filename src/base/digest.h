/*
 * SHA-256 (FIPS 180-4), and HMAC with it (FIPS 198-1), as lower-case hexadecimal digits or in
 * base64.
 */
#ifndef GATHERD_BASE_DIGEST_H
#define GATHERD_BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_HEX_LEN  64
#define DIGEST_HEX_SIZE (DIGEST_HEX_LEN + 1)

/* RFC 4648, section 4, with its padding. */
#define DIGEST_BASE64_LEN  44
#define DIGEST_BASE64_SIZE (DIGEST_BASE64_LEN + 1)

/* The digest of LEN bytes of DATA, NUL-terminated. */
void digest_hex(char out[DIGEST_HEX_SIZE], const void *data, size_t len);
void digest_base64(char out[DIGEST_BASE64_SIZE], const void *data, size_t len);

/* Likewise their HMAC by KEY_LEN bytes of KEY: who does not know these cannot find out DATA by
 * trying, however few values it may have. */
void digest_hmac_hex(char out[DIGEST_HEX_SIZE], const void *key, size_t key_len,
    const void *data, size_t len);

#endif
