/*
 * A whole file in memory, up to a maximum.
 */
#ifndef GATHERD_BASE_FILE_H
#define GATHERD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/compiler.h"

/*
 * Append all of PATH ("-": standard input), a file, a FIFO or whatever else ends, to OUT.
 * Blocks until it has ended. Returns false with errno set: EFBIG where it has more bytes
 * than OUT's maximum leaves room for; OUT then holds a part.
 */
MUST_CHECK bool file_read(const char *path, struct buffer *out);

#endif
