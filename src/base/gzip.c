#include "base/gzip.h"

#include <limits.h>

/* What zlib only reads is const then. */
#define ZLIB_CONST
#include <zlib.h>

#include "base/buffer.h"

/* The window's size, and 16 for gzip's frame instead of zlib's (deflateInit2). */
#define WINDOW_BITS (15 + 16)

/* More memory than the default of 8: faster, and we have but one stream at a time. */
#define MEMORY_LEVEL 9

/* zlib counts what it is given in unsigned int. */
static uInt
portion(size_t len)
{
	return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

/* All LEN bytes of DATA into ROOM, which is large enough. Returns how many bytes came out,
 * 0 where zlib failed. */
static size_t
deflate_all(z_stream *stream, const void *data, size_t len, char *room, size_t size)
{
	stream->next_in = data;
	stream->next_out = (Bytef *)room;
	for (;;) {
		uInt given = portion(len);
		uInt free_bytes = portion(size);
		int flush = given == len ? Z_FINISH : Z_NO_FLUSH;
		int result;

		stream->avail_in = given;
		stream->avail_out = free_bytes;
		result = deflate(stream, flush);
		if (result == Z_STREAM_END)
			return (size_t)((char *)stream->next_out - room);
		if (result != Z_OK)
			return 0;
		len -= given - stream->avail_in;
		size -= free_bytes - stream->avail_out;
	}
}

bool
gzip_append(struct buffer *out, const void *data, size_t len)
{
	z_stream stream = { .zalloc = Z_NULL };
	size_t written = 0;
	size_t size;
	char *room;

	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
	        Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	size = deflateBound(&stream, len);
	room = buffer_reserve(out, size);
	if (room != NULL)
		written = deflate_all(&stream, data, len, room, size);
	deflateEnd(&stream);
	if (written == 0)
		return false;
	buffer_grown(out, written);
	return true;
}
