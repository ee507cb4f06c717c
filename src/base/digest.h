/*
 * SHA-256 (FIPS 180-4), as lower-case hexadecimal digits.
 */
#ifndef GATHERD_BASE_DIGEST_H
#define GATHERD_BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_HEX_LEN  64
#define DIGEST_HEX_SIZE (DIGEST_HEX_LEN + 1)

/* The digest of LEN bytes of DATA, NUL-terminated. */
void digest_hex(char out[DIGEST_HEX_SIZE], const void *data, size_t len);

#endif
