/*
 * gzip (RFC 1952), by zlib: the only file that knows it.
 */
#ifndef GATHERD_BASE_GZIP_H
#define GATHERD_BASE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct buffer;

/* Append LEN bytes of DATA, compressed quickly rather than well. Returns false where the
 * system has no memory for it: OUT is as it was then. */
MUST_CHECK bool gzip_append(struct buffer *out, const void *data, size_t len);

#endif
