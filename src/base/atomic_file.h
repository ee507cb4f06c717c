/*
 * Replacing a file as a whole: readers see the old content or the new, never a part.
 *
 * Written to `.NAME.gatherd-XXXXXX` in the same folder, flushed, renamed over the old
 * one, the folder flushed (rename(2), fsync(2)). The temporary file is locked (flock(2))
 * while in use, so that a sweep tells what a kill left behind from what another process
 * is writing right now.
 */
#ifndef GATHERD_BASE_ATOMIC_FILE_H
#define GATHERD_BASE_ATOMIC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/compiler.h"

/*
 * Replace PATH by the bytes of the COUNT pieces (any number), with MODE whatever the
 * umask, and the owner and group of the file it replaces as far as allowed. SYNC false
 * leaves out the flushes. Blocks; may run in any thread. What is no file is not replaced:
 * EISDIR, or ENOTSUP for a device, a pipe or a socket; a symbolic link is, itself.
 *
 * Returns false with errno set, the old file untouched and the temporary file gone. There
 * is one exception: where the flush of the folder fails, after the rename, the new file is
 * in place, but a power cut may bring the old one back.
 */
MUST_CHECK bool atomic_file_replace(
    const char *path, const struct iovec *pieces, size_t count, mode_t mode, bool sync);

/*
 * Where PATH leads when it is a symbolic link, so that its target is replaced and the
 * link stays; a copy of PATH where it is none or nothing is there yet. A link in /proc to an
 * open file, to which those of /dev/stdout and /dev/fd/3 lead, is where it ends, and is no
 * name of a file: what comes out is a link then. The caller's; NULL with errno set where the links go in a circle or a folder is missing.
 */
char *atomic_file_resolve(const char *path);

/* Remove temporary files of PATH that nobody holds a lock on. Returns how many. */
unsigned atomic_file_sweep(const char *path);

/* Could PATH be replaced: can a file be made in its folder, and is it none of the kinds
 * that are refused? Returns false with errno set. Leaves nothing. */
MUST_CHECK bool atomic_file_probe(const char *path);

#endif
