/*
 * A growing run of bytes with a maximum, always followed by a NUL.
 *
 * A buffer may live on the stack or in a struct. What would make it larger than its
 * maximum is refused, and the buffer stays as it was; it is then marked `full`, so that
 * a chain of appends can be checked once at its end.
 */
#ifndef GATHERD_BASE_BUFFER_H
#define GATHERD_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct buffer {
	char *data; /* owned; never NULL for readers: an empty buffer points at "" */
	size_t len;
	size_t capacity; /* 0: `data` is the static "" */
	size_t max;      /* `len` never grows past it */
	bool full; /* something was refused since buffer_init() or buffer_reset() */
};

#define BUFFER_UNLIMITED ((size_t)-1 / 2)

void buffer_init(struct buffer *buffer, size_t max_bytes);

/* Release the memory; the buffer can be used again and keeps its maximum. */
void buffer_clear(struct buffer *buffer);

/* Forget the content and the full mark, keep the memory. */
void buffer_reset(struct buffer *buffer);

/* Each returns false, and sets `full`, if the maximum does not allow it. */
bool buffer_append(struct buffer *buffer, const char *data, size_t len);
bool buffer_append_string(struct buffer *buffer, const char *text);
bool buffer_append_char(struct buffer *buffer, char c);
bool buffer_append_format(struct buffer *buffer, const char *format, ...)
    PRINTF_LIKE(2, 3);
bool buffer_append_vformat(struct buffer *buffer, const char *format, va_list args)
    PRINTF_LIKE(2, 0);

/* Make room for LEN more bytes and return where they go, or NULL past the maximum. The
 * caller writes there and then says by buffer_grown() how many it wrote. */
MUST_CHECK char *buffer_reserve(struct buffer *buffer, size_t len);
void buffer_grown(struct buffer *buffer, size_t len);

/* Shorten to LEN bytes (<= len). */
void buffer_truncate(struct buffer *buffer, size_t len);

/* Hand the content over to the caller, who frees it; the buffer is empty then. */
char *buffer_take(struct buffer *buffer);

#endif
