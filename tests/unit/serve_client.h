/*
 * The other side of the listener, for tests: sockets that ask it, well or badly.
 */
#ifndef GATHERD_TESTS_UNIT_SERVE_CLIENT_H
#define GATHERD_TESTS_UNIT_SERVE_CLIENT_H

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A test that waits longer has failed. */
#define PATIENCE_S 10

static inline int
connect_to(const struct sockaddr *address, socklen_t len)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const int on = 1;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* What is sent in small pieces is there at once; a Unix socket has no such option. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, address, len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* -1: nobody listens there. */
static inline int
connect_to_port(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return connect_to((const struct sockaddr *)&address, sizeof(address));
}

static inline int
connect_to_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return connect_to((const struct sockaddr *)&address, sizeof(address));
}

/* The port that a socket is bound to. */
static inline uint16_t
port_of(int fd)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) == -1)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

/* False: the other side has closed, or does not read. */
static inline bool
say(int fd, const char *text)
{
	size_t len = strlen(text);

	return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* A close(2) that resets the connection. */
static inline void
reset(int fd)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* Append what there is to TEXT, up to its SIZE. Returns false at the end of the connection. */
static inline bool
hear(int fd, char *text, size_t size, int flags)
{
	size_t len = strlen(text);
	ssize_t got = recv(fd, text + len, size - len - 1, flags);

	if (got > 0)
		text[len + (size_t)got] = '\0';
	return got > 0 || (got == -1 && (errno == EAGAIN || errno == EINTR));
}

/* Wait for the end of a head, and as many bytes of a body as it says. TEXT is all of it. */
static inline bool
hear_answer(int fd, char *text, size_t size)
{
	const char *end, *length;

	text[0] = '\0';
	do {
		if (!hear(fd, text, size, 0))
			return false;
		end = strstr(text, "\r\n\r\n");
	} while (end == NULL);
	length = strcasestr(text, "\r\nContent-Length: ");
	while (length != NULL && strlen(end + 4) < strtoul(length + 18, NULL, 10)) {
		if (!hear(fd, text, size, 0))
			return false;
	}
	return true;
}

/* Wait for the end of the connection. TEXT is all that was heard. */
static inline void
hear_to_end(int fd, char *text, size_t size)
{
	text[0] = '\0';
	while (hear(fd, text, size, 0))
		;
}

/* How often NEEDLE stands in TEXT. */
static inline unsigned
count_of(const char *text, const char *needle)
{
	unsigned count = 0;

	for (text = strstr(text, needle); text != NULL; text = strstr(text + 1, needle))
		count++;
	return count;
}

static inline unsigned
open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert(folder != NULL);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

#endif
