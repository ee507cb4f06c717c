/*
 * Writing a text that lies in pieces.
 */
#ifndef GATHERD_BASE_PIECES_H
#define GATHERD_BASE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/compiler.h"

/*
 * Write all COUNT pieces (any number) into FD by writev(2), which may take a part of them
 * at a time. Waits where FD is slow. Returns false with errno set; some may be written then.
 */
MUST_CHECK bool pieces_write(int fd, const struct iovec *pieces, size_t count);

#endif
