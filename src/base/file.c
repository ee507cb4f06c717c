#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)32 * 1024)

/* read(2), but not troubled by signals. */
static ssize_t
read_some(int fd, char *into, size_t len)
{
	ssize_t got;

	do {
		got = read(fd, into, len);
	} while (got == -1 && errno == EINTR);
	return got;
}

static bool
read_all(int fd, struct buffer *out)
{
	char chunk[CHUNK_BYTES];

	for (;;) {
		ssize_t got = read_some(fd, chunk, sizeof(chunk));

		if (got <= 0)
			return got == 0;
		if (!buffer_append(out, chunk, (size_t)got)) {
			errno = EFBIG;
			return false;
		}
	}
}

bool
file_read(const char *path, struct buffer *out)
{
	bool done;
	int failure;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, out);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return false;
	done = read_all(fd, out);
	failure = errno;
	close(fd);
	errno = failure;
	return done;
}
