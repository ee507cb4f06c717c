/*
 * Where the listener listens: `127.0.0.1:8787`, `[::1]:8787`, `unix:/run/gatherd/http.sock`.
 */
#ifndef GATHERD_CONFIG_LISTEN_H
#define GATHERD_CONFIG_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/compiler.h"

enum listen_kind {
	LISTEN_NONE,
	LISTEN_TCP,
	LISTEN_UNIX,
};

/* Plain data. */
struct listen_address {
	enum listen_kind kind;
	/* For bind(2); a Unix socket's has its path, absolute. */
	struct sockaddr_storage socket;
	socklen_t socket_len;
};

/*
 * Read TEXT: an IPv4 address, or an IPv6 address in brackets, and a port from 1 to 65535; or
 * `unix:` and an absolute path that fits into a sockaddr_un (unix(7)). Names are not looked
 * up, but `localhost` is 127.0.0.1. Returns false with *FAULT, the caller's: what was expected.
 */
MUST_CHECK bool listen_parse(
    const char *text, struct listen_address *address, char **fault);

/* Can only this machine reach it: 127.0.0.0/8, ::1 or a Unix socket? */
bool listen_is_local(const struct listen_address *address);

bool listen_equal(const struct listen_address *a, const struct listen_address *b);

/* The path of a Unix socket, borrowed. */
const char *listen_path(const struct listen_address *address);

#endif
