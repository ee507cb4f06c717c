#include "base/atomic_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pieces.h"
#include "base/xalloc.h"

/* A temporary file is called PREFIX and as many letters and digits as mkostemp(3) puts
 * in; PREFIX is "." NAME INFIX. */
#define INFIX      ".gatherd-"
#define RANDOM     "XXXXXX"
#define RANDOM_LEN (sizeof(RANDOM) - 1)
#define NAME_LEN   (NAME_MAX - 1 - (sizeof(INFIX) - 1) - RANDOM_LEN)
#define HASH_LEN   9  /* "~" and eight hexadecimal digits */
#define LINKS_MAX  40 /* as many as the kernel follows, path_resolution(7) */

/* A file that is being written. Whoever sees it locked leaves it alone. */
struct temporary {
	char *path; /* owned; NULL once it bears its final name */
	int fd;
};

static const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* The folder of PATH, the caller's. */
static char *
folder_of(const char *path)
{
	size_t len = (size_t)(name_of(path) - path);

	if (len == 0)
		return xstrdup(".");
	/* Without its last slash, unless it is all there is. */
	return xmemdup0(path, len > 1 ? len - 1 : 1);
}

/* FNV-1a: it only has to tell apart long names that begin alike. */
static uint32_t
hash_of(const char *text)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
	return hash;
}

/* What the names of all temporary files of a file called NAME begin with, the
 * caller's. */
static char *
prefix_of(const char *name)
{
	size_t len = strlen(name);

	if (len <= NAME_LEN)
		return xasprintf(".%s" INFIX, name);

	/* Too long for this file system with what we add: its beginning, cut between
	 * two characters of UTF-8, and a hash of all of it. */
	len = NAME_LEN - HASH_LEN;
	while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
		len--;
	return xasprintf(".%.*s~%08x" INFIX, (int)len, name, hash_of(name));
}

static void
close_keeping_errno(int fd)
{
	int reason = errno;

	if (fd != -1)
		close(fd);
	errno = reason;
}

static bool
lock(int fd, int operation)
{
	int result;

	do
		result = flock(fd, operation);
	while (result == -1 && errno == EINTR);
	return result == 0;
}

/* Make a temporary file whose name begins with BEGINNING, and lock it. */
static bool
temporary_make(struct temporary *temporary, const char *beginning)
{
	temporary->path = xasprintf("%s" RANDOM, beginning);
	temporary->fd = mkostemp(temporary->path, O_CLOEXEC);
	if (temporary->fd == -1) {
		free(temporary->path);
		return false;
	}
	/* Where the file system has no locks a sweep gets none either, and removes
	 * nothing. */
	(void)lock(temporary->fd, LOCK_EX);
	return true;
}

/* Give up a temporary file that has not been renamed. Keeps errno. */
static void
temporary_close(struct temporary *temporary)
{
	int reason = errno;

	/* While the lock is held: nobody else removes it, or a new one of its name. */
	if (temporary->path != NULL)
		unlink(temporary->path);
	free(temporary->path);
	close(temporary->fd);
	errno = reason;
}

static bool
temporary_is_gone(const struct temporary *temporary)
{
	struct stat status;

	return lstat(temporary->path, &status) == -1 && errno == ENOENT;
}

/* Make a temporary file for PATH. One that a sweep found between its making and its
 * locking was taken for a left-over: it is gone, and another one is made. */
static bool
temporary_open(struct temporary *temporary, const char *path)
{
	char *prefix = prefix_of(name_of(path));
	char *beginning =
	    xasprintf("%.*s%s", (int)(name_of(path) - path), path, prefix);
	bool made = temporary_make(temporary, beginning);

	while (made && temporary_is_gone(temporary)) {
		temporary_close(temporary);
		made = temporary_make(temporary, beginning);
	}
	free(beginning);
	free(prefix);
	return made;
}

/* Can PATH be replaced by a file? Not what is no file: a rename would make one even of
 * /dev/null. *OLD is its status; without a file its st_nlink is 0. */
static bool
check_old(const char *path, struct stat *old)
{
	const char *name = name_of(path);

	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		errno = *path == '\0' ? ENOENT : EISDIR;
		return false;
	}
	if (lstat(path, old) == -1) {
		*old = (struct stat){ .st_nlink = 0 };
		return errno == ENOENT;
	}
	if (S_ISDIR(old->st_mode))
		errno = EISDIR;
	else if (!S_ISREG(old->st_mode) && !S_ISLNK(old->st_mode))
		errno = ENOTSUP;
	else
		return true;
	return false;
}

/* Owner and group are not the caller's to give away, mostly: what is refused is
 * left. */
static bool
set_rights(int fd, mode_t mode, const struct stat *old)
{
	struct stat status;

	if (fchmod(fd, mode) == -1 || fstat(fd, &status) == -1)
		return false;
	if (!S_ISREG(old->st_mode))
		return true;
	if (status.st_uid != old->st_uid && fchown(fd, old->st_uid, old->st_gid) == 0)
		return true;
	if (status.st_gid != old->st_gid)
		(void)!fchown(fd, (uid_t)-1, old->st_gid);
	return true;
}

static bool
flush_file(int fd, bool sync)
{
	int copy;

	if (sync && fsync(fd) == -1)
		return false;

	/* A network file system may tell at close(2) only that there was no room. To
	 * close a copy tells it before the rename, and the lock stays. */
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return copy != -1 && close(copy) == 0;
}

/* The folder of PATH, to be flushed; *FD is -1 where it may be written and not read, as
 * such a one cannot be flushed. */
static bool
open_folder(const char *path, int *fd)
{
	char *folder = folder_of(path);

	*fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	return *fd != -1 || errno == EACCES;
}

static bool
flush_folder(int fd)
{
	/* EINVAL: this file system does not flush folders, fsync(2). */
	return fd == -1 || fsync(fd) == 0 || errno == EINVAL;
}

bool
atomic_file_replace(
    const char *path, const struct iovec *pieces, size_t count, mode_t mode, bool sync)
{
	struct temporary temporary;
	struct stat old;
	int folder = -1;
	bool replaced = false;

	if (!check_old(path, &old) || !temporary_open(&temporary, path))
		return false;

	if (!pieces_write(temporary.fd, pieces, count))
		goto out;
	if (!set_rights(temporary.fd, mode, &old))
		goto out;
	/* Without the flush a power cut can leave the final name on an empty file. */
	if (!flush_file(temporary.fd, sync))
		goto out;
	if (sync && !open_folder(path, &folder))
		goto out;
	if (rename(temporary.path, path) == -1)
		goto out;
	free(temporary.path);
	temporary.path = NULL; /* it is PATH now: do not unlink */
	replaced = flush_folder(folder);

out:
	close_keeping_errno(folder);
	temporary_close(&temporary);
	return replaced;
}

/* The text of the symbolic link PATH, the caller's; NULL with errno set. */
static char *
read_link(const char *path)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target));

	return len != -1 ? xmemdup0(target, (size_t)len) : NULL;
}

/* Where the link PATH leads, the caller's: a relative one starts in its folder. */
static char *
follow(const char *path)
{
	char *target = read_link(path);
	char *followed;

	if (target == NULL || *target == '/')
		return target;
	followed = xasprintf("%.*s%s", (int)(name_of(path) - path), path, target);
	free(target);
	return followed;
}

static bool
folder_exists(const char *path)
{
	char *folder = folder_of(path);
	struct stat status;
	bool exists = stat(folder, &status) == 0;

	if (exists && !S_ISDIR(status.st_mode)) {
		errno = ENOTDIR;
		exists = false;
	}
	free(folder);
	return exists;
}

/* Is that the link to an open file in /proc/PID/fd, proc(5)? It has the text of one that
 * leads to a path, and does not. */
static bool
leads_to_open_file(const struct stat *link)
{
	struct stat proc;

	return stat("/proc/self/fd", &proc) == 0 && proc.st_dev == link->st_dev;
}

char *
atomic_file_resolve(const char *path)
{
	char *current = xstrdup(path);

	for (int links = 0; current != NULL; links++) {
		struct stat status;
		char *followed = NULL;

		if (lstat(current, &status) == -1) {
			if (errno == ENOENT && folder_exists(current))
				return current;
		} else if (!S_ISLNK(status.st_mode) || leads_to_open_file(&status)) {
			return current;
		} else if (links == LINKS_MAX) {
			errno = ELOOP;
		} else {
			followed = follow(current);
		}
		free(current);
		current = followed;
	}
	return NULL;
}

/* Is NAME that of a temporary file? */
static bool
is_temporary(const char *name, const char *prefix)
{
	size_t prefix_len = strlen(prefix);

	if (strncmp(name, prefix, prefix_len) != 0)
		return false;
	name += prefix_len;
	for (size_t i = 0; i < RANDOM_LEN; i++) {
		if (!isalnum((unsigned char)name[i]))
			return false;
	}
	return name[RANDOM_LEN] == '\0';
}

/* Is FD, which is locked, still the file called NAME? Between its opening and its
 * locking it may have been renamed to what it was made for. */
static bool
is_file_called(int fd, int folder, const char *name)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode) &&
	    fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static bool
remove_unlocked(int folder, const char *name)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(folder, name, O_RDWR | flags);
	bool removed = false;

	/* NFS wants to write what it locks, flock(2); elsewhere reading is enough. */
	if (fd == -1 && errno == EACCES)
		fd = openat(folder, name, O_RDONLY | flags);
	if (fd == -1)
		return false;
	if (lock(fd, LOCK_EX | LOCK_NB) && is_file_called(fd, folder, name))
		removed = unlinkat(folder, name, 0) == 0;
	close(fd);
	return removed;
}

unsigned
atomic_file_sweep(const char *path)
{
	char *folder = folder_of(path);
	char *prefix = prefix_of(name_of(path));
	DIR *dir = opendir(folder);
	unsigned removed = 0;

	while (dir != NULL) {
		struct dirent *entry = readdir(dir);

		if (entry == NULL)
			break;
		if (is_temporary(entry->d_name, prefix) &&
		    remove_unlocked(dirfd(dir), entry->d_name))
			removed++;
	}
	if (dir != NULL)
		closedir(dir);
	free(prefix);
	free(folder);
	return removed;
}

bool
atomic_file_probe(const char *path)
{
	struct temporary temporary;
	struct stat old;

	if (!check_old(path, &old) || !temporary_open(&temporary, path))
		return false;
	temporary_close(&temporary);
	return true;
}
