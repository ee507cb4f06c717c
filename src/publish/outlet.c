#include "publish/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/pieces.h"
#include "base/units.h"
#include "base/xalloc.h"

/* ---- opening ---- */

/* One that the program was started with: what it has opened since, and might be closed or
 * become something else, is none of the user's (FD_CLOEXEC in fcntl(2)). */
static bool
open_descriptor(struct outlet *outlet, int fd)
{
	int own = fcntl(fd, F_GETFD);
	int flags = fcntl(fd, F_GETFL);
	struct stat status;

	outlet->kind = OUTLET_DESCRIPTOR;
	outlet->fd = fd;
	errno = EBADF;
	if (own == -1 || (own & FD_CLOEXEC) != 0 || (flags & O_ACCMODE) == O_RDONLY ||
	    fstat(fd, &status) == -1)
		return false;
	outlet->device = status.st_dev;
	outlet->inode = status.st_ino;
	return true;
}

/* Is that the file of this status? */
static bool
is_file_of(const struct stat *status, const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == status->st_dev &&
	    other.st_ino == status->st_ino;
}

/* The number of our descriptor that LINK, in /proc, stands for; -1: it is another process'.
 * Its file would be the same, but not how it was opened. */
static int
own_descriptor(const char *link)
{
	struct stat status;
	int64_t number;

	if (units_parse_int(basename(link), 0, INT_MAX, &number) &&
	    fstat((int)number, &status) == 0 && is_file_of(&status, link))
		return (int)number;
	return -1;
}

/* Can PATH of TYPE, which is no file, be written into? FIFOs are not opened for that:
 * their readers may come later. */
static bool
check_stream(const char *path, mode_t type)
{
	if (S_ISDIR(type))
		errno = EISDIR;
	else if (S_ISSOCK(type))
		errno = ENOTSUP;
	else
		return eaccess(path, W_OK) == 0;
	return false;
}

/* Remember which file PATH, whose links are resolved, is: that of this name in this
 * folder, whatever leads there. */
static bool
identify_file(struct outlet *outlet)
{
	size_t folder_len = strlen(outlet->path) - strlen(basename(outlet->path));
	char *folder = xasprintf("%.*s.", (int)folder_len, outlet->path);
	struct stat status;
	bool found = stat(folder, &status) == 0;

	free(folder);
	if (found) {
		outlet->device = status.st_dev;
		outlet->inode = status.st_ino;
	}
	return found;
}

static bool
open_file(struct outlet *outlet)
{
	outlet->kind = OUTLET_FILE;
	if (!identify_file(outlet))
		return false;
	atomic_file_sweep(outlet->path);
	return atomic_file_probe(outlet->path);
}

/* What can only be opened and written into. Devices and FIFOs must not be replaced by a
 * file: /dev/null is somebody's too. */
static bool
open_stream(struct outlet *outlet)
{
	struct stat status;

	outlet->kind = OUTLET_STREAM;
	if (stat(outlet->path, &status) == -1)
		return false;
	outlet->device = status.st_dev;
	outlet->inode = status.st_ino;
	return check_stream(outlet->path, status.st_mode);
}

/* By a link in /proc: it tells where a file was opened, as the shell does, perhaps to append
 * to it. That file must not be replaced. */
static bool
open_open_file(struct outlet *outlet)
{
	int fd = own_descriptor(outlet->path);

	return fd != -1 ? open_descriptor(outlet, fd) : open_stream(outlet);
}

bool
outlet_open(struct outlet *outlet, const char *path)
{
	struct stat status;

	if (strcmp(path, "-") == 0)
		return open_descriptor(outlet, STDOUT_FILENO);
	outlet->path = atomic_file_resolve(path);
	if (outlet->path == NULL)
		return false;
	if (lstat(outlet->path, &status) == -1 || S_ISREG(status.st_mode))
		return open_file(outlet);
	return S_ISLNK(status.st_mode) ? open_open_file(outlet) : open_stream(outlet);
}

void
outlet_clear(struct outlet *outlet)
{
	free(outlet->path);
	*outlet = (struct outlet){ 0 };
}

/* ---- reading and writing ---- */

int
outlet_read(const struct outlet *outlet, struct buffer *text)
{
	const char *path = outlet->path;
	int error_number;

	if (outlet->kind != OUTLET_FILE)
		return 0;
	/* A link may lead to a file called "-", which is none of the names of standard
	 * input. */
	if (file_read(strcmp(path, "-") == 0 ? "./-" : path, text))
		return 0;
	error_number = errno;
	buffer_clear(text);
	return error_number == ENOENT ? 0 : error_number;
}

static int
write_stream(int fd, const struct iovec *pieces, size_t count)
{
	return pieces_write(fd, pieces, count) ? 0 : errno;
}

static int
open_and_write_stream(const char *path, const struct iovec *pieces, size_t count)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	int error_number;

	if (fd == -1)
		return errno;
	error_number = write_stream(fd, pieces, count);
	if (close(fd) == -1 && error_number == 0)
		error_number = errno;
	return error_number;
}

int
outlet_write(const struct outlet *outlet, const struct iovec *pieces, size_t count,
    mode_t mode, bool sync)
{
	switch (outlet->kind) {
	case OUTLET_DESCRIPTOR:
		return write_stream(outlet->fd, pieces, count);
	case OUTLET_STREAM:
		return open_and_write_stream(outlet->path, pieces, count);
	case OUTLET_FILE:
		if (atomic_file_replace(outlet->path, pieces, count, mode, sync))
			return 0;
		return errno;
	}
	return EINVAL;
}

bool
outlet_is_same(const struct outlet *outlet, const struct outlet *other)
{
	if (outlet->kind != other->kind || outlet->device != other->device ||
	    outlet->inode != other->inode)
		return false;
	return outlet->kind != OUTLET_FILE ||
	    strcmp(basename(outlet->path), basename(other->path)) == 0;
}

bool
outlet_is_file(const struct outlet *outlet, const char *path)
{
	struct stat status, own = { .st_dev = outlet->device, .st_ino = outlet->inode };

	/* A file is known by its folder. */
	if (outlet->kind == OUTLET_FILE && stat(outlet->path, &own) == -1)
		return false;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	    status.st_dev == own.st_dev && status.st_ino == own.st_ino;
}
