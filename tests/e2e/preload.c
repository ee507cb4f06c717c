/*
 * Loaded before the C library (LD_PRELOAD in ld.so(8)), this gives a test its own name
 * server and its own certificate authorities:
 *
 *   ANYTHING.slow.test      takes PRELOAD_SLOW_MS, and then cannot be found
 *   ANYTHING.quick.test     is 127.0.0.1
 *   ANYTHING.late.test      is 127.0.0.1, after 100 ms
 *   ANYTHING.twofold.test   is ::1 and 127.0.0.1, in this order
 *   ANYTHING.nowhere.test   does not exist
 *   ANYTHING.broken.test    is not answered by the name server
 *
 * Each lookup is a line with the name in the file PRELOAD_LOOKUPS.
 *
 * With PRELOAD_AUTHORITIES, this file is read instead of the system's authorities,
 * PRELOAD_SYSTEM_AUTHORITIES.
 *
 * It gives a test its own disk, too: while there is a file that is called fsync, rename,
 * mkostemp, stat (lstat is one, too) or open in the folder PRELOAD_STUCK, that function does
 * not return; where there is a text in it, only for paths that have the text in them. Of open,
 * only where a name ends in .json.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int getaddrinfo_fn(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **result);
typedef FILE *fopen_fn(const char *path, const char *mode);
typedef int fsync_fn(int fd);
typedef int rename_fn(const char *from, const char *to);
typedef int mkostemp_fn(char *path, int flags);
typedef int open_fn(const char *path, int flags, ...);
typedef int stat_fn(const char *path, struct stat *status);

static int
real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
    struct addrinfo **result)
{
	getaddrinfo_fn *real = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");

	return real(host, service, hints, result);
}

static bool
ends_in(const char *host, const char *end)
{
	size_t host_len = strlen(host);
	size_t end_len = strlen(end);

	return host_len >= end_len && strcmp(host + host_len - end_len, end) == 0;
}

static int
find_twofold(
    const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int error = real_getaddrinfo("::1", service, hints, result);
	struct addrinfo *last = *result;

	if (error != 0)
		return error;
	while (last->ai_next != NULL)
		last = last->ai_next;
	return real_getaddrinfo("127.0.0.1", service, hints, &last->ai_next);
}

static void
note(const char *host)
{
	char line[300];
	int len = snprintf(line, sizeof(line), "%s\n", host);
	int fd = open(getenv("PRELOAD_LOOKUPS"), O_WRONLY | O_APPEND | O_CREAT, 0600);

	if (fd == -1 || write(fd, line, (size_t)len) != len)
		abort();
	close(fd);
}

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
    struct addrinfo **result)
{
	if (host == NULL)
		return real_getaddrinfo(host, service, hints, result);
	note(host);
	if (ends_in(host, ".slow.test")) {
		usleep((useconds_t)atoi(getenv("PRELOAD_SLOW_MS")) * 1000);
		return EAI_AGAIN;
	}
	if (ends_in(host, ".nowhere.test"))
		return EAI_NONAME;
	if (ends_in(host, ".broken.test"))
		return EAI_AGAIN;
	if (ends_in(host, ".twofold.test"))
		return find_twofold(service, hints, result);
	if (ends_in(host, ".late.test"))
		usleep(100 * 1000);
	if (ends_in(host, ".late.test") || ends_in(host, ".quick.test"))
		host = "127.0.0.1";
	return real_getaddrinfo(host, service, hints, result);
}

static FILE *
open_other(const char *function, const char *path, const char *mode)
{
	fopen_fn *real = (fopen_fn *)dlsym(RTLD_NEXT, function);
	const char *system = getenv("PRELOAD_SYSTEM_AUTHORITIES");
	const char *authorities = getenv("PRELOAD_AUTHORITIES");

	if (system != NULL && authorities != NULL && strcmp(path, system) == 0)
		path = authorities;
	return real(path, mode);
}

FILE *
fopen(const char *path, const char *mode)
{
	return open_other("fopen", path, mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
	return open_other("fopen64", path, mode);
}

/* Is there a file at SWITCH_PATH, and does it concern PATH? */
static bool
is_stuck(const char *switch_path, const char *path)
{
	open_fn *real = (open_fn *)dlsym(RTLD_NEXT, "open");
	int fd = real(switch_path, O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t len;

	if (fd == -1)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return strstr(path, text) != NULL;
}

/* As a disk does that hangs: nothing but the disk itself, or SIGKILL, ends it. */
static void
wait_while_stuck(const char *function, const char *path)
{
	const char *folder = getenv("PRELOAD_STUCK");
	char switch_path[4096];

	if (folder == NULL)
		return;
	snprintf(switch_path, sizeof(switch_path), "%s/%s", folder, function);
	while (is_stuck(switch_path, path))
		usleep(1000);
}

int
fsync(int fd)
{
	fsync_fn *real = (fsync_fn *)dlsym(RTLD_NEXT, "fsync");
	char link[64], path[4096];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	wait_while_stuck("fsync", path);
	return real(fd);
}

int
rename(const char *from, const char *to)
{
	rename_fn *real = (rename_fn *)dlsym(RTLD_NEXT, "rename");

	wait_while_stuck("rename", to);
	return real(from, to);
}

int
mkostemp(char *path, int flags)
{
	mkostemp_fn *real = (mkostemp_fn *)dlsym(RTLD_NEXT, "mkostemp");

	wait_while_stuck("mkostemp", path);
	return real(path, flags);
}

int
stat(const char *path, struct stat *status)
{
	stat_fn *real = (stat_fn *)dlsym(RTLD_NEXT, "stat");

	wait_while_stuck("stat", path);
	return real(path, status);
}

int
lstat(const char *path, struct stat *status)
{
	stat_fn *real = (stat_fn *)dlsym(RTLD_NEXT, "lstat");

	wait_while_stuck("stat", path);
	return real(path, status);
}

int
open(const char *path, int flags, ...)
{
	open_fn *real = (open_fn *)dlsym(RTLD_NEXT, "open");
	mode_t mode = 0;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list rest;

		va_start(rest, flags);
		mode = va_arg(rest, mode_t);
		va_end(rest);
	}
	if (ends_in(path, ".json"))
		wait_while_stuck("open", path);
	return real(path, flags, mode);
}
