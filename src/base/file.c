#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is read at once where the size is not known. */
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

/* How much to ask for first: all of a file and a byte more, so that its end is seen
 * without growing. What a file says of its size need not be so, in /proc it is 0. */
static size_t
expected_bytes(int fd)
{
	struct stat status;

	if (fstat(fd, &status) == -1 || !S_ISREG(status.st_mode) || status.st_size <= 0)
		return CHUNK_BYTES;
	return (size_t)status.st_size + 1;
}

/* OUT is full: was it all? */
static bool
is_at_end(int fd)
{
	char more;
	ssize_t got = read_some(fd, &more, sizeof(more));

	if (got > 0)
		errno = EFBIG;
	return got == 0;
}

static bool
read_all(int fd, struct buffer *out)
{
	size_t wanted = expected_bytes(fd);

	for (;;) {
		size_t room = out->max - out->len;
		size_t len = wanted < room ? wanted : room;
		char *into = buffer_reserve(out, len);
		ssize_t got;

		if (len == 0 || into == NULL)
			return is_at_end(fd);
		got = read_some(fd, into, len);
		if (got <= 0)
			return got == 0;
		buffer_grown(out, (size_t)got);
		wanted -= (size_t)got;
		if (wanted == 0)
			wanted = CHUNK_BYTES;
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
