/*
 * An outlet: what a path leads to, a file, a device, an open descriptor, and how a text is put
 * there. All of it touches the disk, and may wait for it.
 */
#ifndef GATHERD_PUBLISH_OUTLET_H
#define GATHERD_PUBLISH_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/compiler.h"

struct buffer;

enum outlet_kind {
	OUTLET_DESCRIPTOR, /* open since the program began */
	OUTLET_FILE,       /* replaced as a whole */
	OUTLET_STREAM,     /* a device or a FIFO: can only be written into */
};

/* All zero: none. */
struct outlet {
	enum outlet_kind kind;
	int fd;       /* of a descriptor */
	char *path;   /* owned: with its links resolved; NULL: standard output */
	dev_t device; /* of all but a file; of that, the folder's that it is in */
	ino_t inode;
};

/*
 * Find out where PATH ("-": standard output) leads, and whether that can be written; what a
 * kill left beside a file is removed. A name of a descriptor, such as /dev/stderr or
 * /dev/fd/3, is written into, and what it was opened from is never replaced. Links are
 * followed now, and never again. Returns false with errno set; OUTLET is to be cleared either
 * way.
 */
MUST_CHECK bool outlet_open(struct outlet *outlet, const char *path);
void outlet_clear(struct outlet *outlet);

/* Append what stands there to TEXT: nothing where there is no file. Returns 0, or the errno of
 * why one that is there could not be read. */
int outlet_read(const struct outlet *outlet, struct buffer *text);

/* Put the COUNT pieces there, a file by atomic_file_replace(). Returns 0, or an errno. */
int outlet_write(const struct outlet *outlet, const struct iovec *pieces, size_t count,
    mode_t mode, bool sync);

/* Do both lead to the same file, device or descriptor, by whatever names? */
bool outlet_is_same(const struct outlet *outlet, const struct outlet *other);

/* Is what stands there now the file PATH? */
bool outlet_is_file(const struct outlet *outlet, const char *path);

#endif
