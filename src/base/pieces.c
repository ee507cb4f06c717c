#include "base/pieces.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

/* How many pieces one writev(2) is given. */
#define WINDOW_SIZE (IOV_MAX < 256 ? IOV_MAX : 256)

/* The pieces from number NEXT on, less SKIP bytes of the first, as far as one writev(2)
 * takes them. Returns how many are in WINDOW: 0 at the end. */
static int
fill_window(struct iovec window[static WINDOW_SIZE], const struct iovec *pieces,
    size_t count, size_t next, size_t skip)
{
	int filled = 0;

	for (; next < count && filled < WINDOW_SIZE; next++, skip = 0) {
		if (pieces[next].iov_len == skip)
			continue;
		window[filled].iov_base = (char *)pieces[next].iov_base + skip;
		window[filled].iov_len = pieces[next].iov_len - skip;
		filled++;
	}
	return filled;
}

/* Somebody who shares FD, a shell's other programs for instance, has made it
 * non-blocking: to us it is as slow as its reader. */
static bool
wait_for_room(int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	return poll(&room, 1, -1) != -1 || errno == EINTR;
}

bool
pieces_write(int fd, const struct iovec *pieces, size_t count)
{
	struct iovec window[WINDOW_SIZE];
	size_t next = 0; /* the first piece that is not written in full */
	size_t skip = 0; /* how much of it is */

	for (;;) {
		int filled = fill_window(window, pieces, count, next, skip);
		ssize_t written;

		if (filled == 0)
			return true;
		written = writev(fd, window, filled);
		if (written == -1 && errno == EINTR)
			continue;
		if (written == -1 && errno == EAGAIN && wait_for_room(fd))
			continue;
		if (written == 0)
			errno = EIO; /* or this would go on forever */
		if (written <= 0)
			return false;

		skip += (size_t)written;
		while (next < count && skip >= pieces[next].iov_len)
			skip -= pieces[next++].iov_len;
	}
}
