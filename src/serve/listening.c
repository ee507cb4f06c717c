#include "serve/listening.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "base/xalloc.h"
#include "config/listen.h"

/* As sd_listen_fds(3) has it. */
#define FIRST_FD 3

/* ---- both kinds ---- */

static void
add(struct listening *listening, const struct listening_socket *socket)
{
	listening->sockets =
	    xgrow(listening->sockets, listening->count, sizeof(*socket));
	listening->sockets[listening->count++] = *socket;
}

/* An answer's last piece must not wait for the acknowledgement of the one before. What is
 * accepted inherits it; a Unix socket has no such option. */
static void
send_at_once(int fd)
{
	const int on = 1;
	int error_number = errno;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	errno = error_number;
}

static void
close_keeping_errno(int fd)
{
	int error_number = errno;

	close(fd);
	errno = error_number;
}

static int
new_socket(const struct listen_address *address)
{
	return socket(
	    address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int
bind_socket(int fd, const struct listen_address *address)
{
	return bind(fd, (const struct sockaddr *)&address->socket, address->socket_len);
}

/* ---- TCP ---- */

static bool
bind_tcp(int fd, const struct listen_address *address)
{
	const int on = 1;
	const int off = 0;

	/* Connections of a program that has just ended are no hindrance. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return false;
	/* [::] is every address, of IPv4 too, whatever the system's default is. */
	if (address->socket.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == -1)
		return false;
	send_at_once(fd);
	return bind_socket(fd, address) == 0;
}

static bool
open_tcp(
    struct listening *listening, const struct listen_address *address, bool is_public)
{
	bool is_local = listen_is_local(address);
	struct listening_socket socket = {
		.fd = new_socket(address),
		.is_local = is_local,
		.checks_host = is_local && !is_public,
	};

	if (socket.fd == -1)
		return false;
	if (!bind_tcp(socket.fd, address) || listen(socket.fd, SOMAXCONN) == -1) {
		close_keeping_errno(socket.fd);
		return false;
	}
	add(listening, &socket);
	return true;
}

/* ---- Unix sockets ---- */

/* Does nobody listen at the socket that stands at ADDRESS? */
static bool
is_abandoned(const struct listen_address *address)
{
	int fd = new_socket(address);
	bool refused;

	if (fd == -1)
		return false;
	refused = connect(fd, (const struct sockaddr *)&address->socket,
	              address->socket_len) == -1 &&
	    errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* Takes away what a program that was killed has left. Returns false with errno set where it is
 * something else: bind(2) calls all of that an address in use. */
static bool
clear_away(const struct listen_address *address)
{
	const char *path = listen_path(address);
	struct stat status;
	bool is_there = lstat(path, &status) == 0;

	if (is_there && S_ISSOCK(status.st_mode) && is_abandoned(address) &&
	    unlink(path) == 0)
		return true;
	errno = is_there && !S_ISSOCK(status.st_mode) ? EEXIST : EADDRINUSE;
	return false;
}

static bool
bind_unix(int fd, const struct listen_address *address)
{
	return bind_socket(fd, address) == 0 ||
	    (errno == EADDRINUSE && clear_away(address) &&
	        bind_socket(fd, address) == 0);
}

/* The socket at its path, from bind(2) on, gets its permissions, whatever the umask is. */
static bool
open_up(struct listening_socket *socket, mode_t mode)
{
	struct stat status;

	if (fchmodat(AT_FDCWD, socket->path, mode, AT_SYMLINK_NOFOLLOW) == -1 ||
	    lstat(socket->path, &status) == -1)
		return false;
	socket->device = status.st_dev;
	socket->inode = status.st_ino;
	return true;
}

/* Bound, it only needs to be listened at. Returns false where it does not come to that: its
 * path is gone again then. */
static bool
finish_unix(struct listening_socket *socket, mode_t mode)
{
	int error_number;

	if (open_up(socket, mode) && listen(socket->fd, SOMAXCONN) == 0)
		return true;
	error_number = errno;
	unlink(socket->path);
	errno = error_number;
	return false;
}

static bool
open_unix(
    struct listening *listening, const struct listen_address *address, mode_t mode)
{
	struct listening_socket socket = { .fd = new_socket(address) };

	if (socket.fd == -1)
		return false;
	/* A socket has its mode before its path has: at no time may more people connect. */
	if (fchmod(socket.fd, mode) == -1 || !bind_unix(socket.fd, address))
		goto failed;
	socket.path = xstrdup(listen_path(address));
	if (!finish_unix(&socket, mode))
		goto failed;
	add(listening, &socket);
	return true;

failed:
	close_keeping_errno(socket.fd);
	free(socket.path);
	return false;
}

bool
listening_open(struct listening *listening, const struct listen_address *address,
    mode_t mode, bool is_public)
{
	switch (address->kind) {
	case LISTEN_NONE:
		break;
	case LISTEN_TCP:
		return open_tcp(listening, address, is_public);
	case LISTEN_UNIX:
		return open_unix(listening, address, mode);
	}
	return true;
}

/* ---- handed over ---- */

/* How many there are for us: none where the variables are not set, or meant for another
 * process. Returns false with EINVAL where they make no sense. */
static bool
count_handed_over(size_t *count)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *count_text = getenv("LISTEN_FDS");
	int64_t pid, fds;

	*count = 0;
	if (pid_text == NULL || count_text == NULL)
		return true;
	errno = EINVAL;
	if (!units_parse_int(pid_text, 1, INT32_MAX, &pid))
		return false;
	if (pid != getpid())
		return true;
	if (!units_parse_int(count_text, 0, INT16_MAX, &fds))
		return false;
	*count = (size_t)fds;
	return true;
}

/* As it is handed over: a stream socket that listens. */
static bool
is_listening_stream(int fd)
{
	int type, listens;
	socklen_t type_len = sizeof(type), listens_len = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) == -1)
		return false;
	errno = EINVAL;
	return type == SOCK_STREAM && listens != 0;
}

static bool
read_address(int fd, struct listen_address *address)
{
	*address = (struct listen_address){ .socket_len = sizeof(address->socket) };
	if (getsockname(
	        fd, (struct sockaddr *)&address->socket, &address->socket_len) == -1)
		return false;
	switch (address->socket.ss_family) {
	case AF_UNIX:
		address->kind = LISTEN_UNIX;
		return true;
	case AF_INET:
	case AF_INET6:
		address->kind = LISTEN_TCP;
		return true;
	default:
		errno = EAFNOSUPPORT;
		return false;
	}
}

static bool
set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != -1 &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != -1;
}

static bool
take(struct listening *listening, int fd)
{
	struct listening_socket socket = { .fd = fd };
	struct listen_address address;

	if (!is_listening_stream(fd) || !read_address(fd, &address) || !set_flags(fd))
		return false;
	send_at_once(fd);
	socket.is_local = address.kind == LISTEN_TCP && listen_is_local(&address);
	socket.checks_host = socket.is_local;
	add(listening, &socket);
	return true;
}

static bool
take_all(struct listening *listening, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!take(listening, FIRST_FD + (int)i))
			return false;
	}
	return true;
}

bool
listening_take(struct listening *listening)
{
	struct listening taken = { 0 };
	size_t count;
	bool well = count_handed_over(&count) && take_all(&taken, count);

	/* Not for whatever we start ourselves. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (well)
		*listening = taken;
	else
		free(taken.sockets);
	return well;
}

/* ---- later ---- */

/* Does its path still lead to it? While it is open, no other file can have its number. */
static bool
owns_path(const struct listening_socket *socket)
{
	struct stat status;

	if (lstat(socket->path, &status) == -1)
		return false;
	/* Another one's is none of ours. */
	errno = ENOENT;
	return status.st_dev == socket->device && status.st_ino == socket->inode;
}

bool
listening_admit(struct listening *listening, mode_t mode, bool is_public)
{
	bool admitted = true;
	size_t i;

	for (i = 0; i < listening->count; i++) {
		struct listening_socket *socket = &listening->sockets[i];

		socket->checks_host = socket->is_local && !is_public;
		if (socket->path != NULL &&
		    (!owns_path(socket) ||
		        fchmodat(AT_FDCWD, socket->path, mode, AT_SYMLINK_NOFOLLOW) ==
		            -1))
			admitted = false;
	}
	return admitted;
}

void
listening_close(struct listening *listening)
{
	size_t i;

	for (i = 0; i < listening->count; i++) {
		struct listening_socket *socket = &listening->sockets[i];

		if (socket->path != NULL && owns_path(socket))
			unlink(socket->path);
		close(socket->fd);
		free(socket->path);
	}
	free(listening->sockets);
	*listening = (struct listening){ 0 };
}
