#include "config/listen.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"
#include "base/xalloc.h"

#define UNIX_PREFIX "unix:"

#define EXPECTED                                                                    \
	"expected an address and a port such as 127.0.0.1:8787 or \"[::1]:8787\", " \
	"or unix: and a path such as unix:/run/gatherd/http.sock"

/*
 * Each of these reads its part of the text, and returns NULL, or what is wrong with it. What
 * came in from outside may be in there, so they tell what was expected, never what it is.
 */

/* ---- Unix sockets ---- */

static const char *
read_path(const char *path, struct listen_address *address)
{
	struct sockaddr_un *socket = (struct sockaddr_un *)&address->socket;
	size_t len = strlen(path);

	if (path[0] != '/' || path[len - 1] == '/')
		return "expected the absolute path of a socket behind unix:";
	/* Linux takes one without its NUL, but not everybody who connects does. */
	if (len >= sizeof(socket->sun_path))
		return "the path of a Unix socket has at most 107 bytes";
	address->kind = LISTEN_UNIX;
	socket->sun_family = AF_UNIX;
	memcpy(socket->sun_path, path, len + 1);
	address->socket_len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return NULL;
}
_Static_assert(
    sizeof(((struct sockaddr_un *)NULL)->sun_path) == 108, "what the fault says");

/* ---- TCP ---- */

static void
set_ipv4(struct listen_address *address, struct in_addr host, in_port_t port)
{
	struct sockaddr_in *socket = (struct sockaddr_in *)&address->socket;

	socket->sin_family = AF_INET;
	socket->sin_addr = host;
	socket->sin_port = port;
	address->socket_len = sizeof(*socket);
}

static void
set_ipv6(struct listen_address *address, struct in6_addr host, uint32_t scope,
    in_port_t port)
{
	struct sockaddr_in6 *socket = (struct sockaddr_in6 *)&address->socket;

	socket->sin6_family = AF_INET6;
	socket->sin6_addr = host;
	socket->sin6_scope_id = scope;
	socket->sin6_port = port;
	address->socket_len = sizeof(*socket);
}

/* PORT is as in a sockaddr. */
static const char *
read_ipv4(const char *host, in_port_t port, struct listen_address *address)
{
	struct in_addr parsed;
	struct in6_addr unused;

	if (strcasecmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &parsed) == 1) {
		set_ipv4(address, parsed, port);
		return NULL;
	}
	if (inet_pton(AF_INET6, host, &unused) == 1)
		return "an IPv6 address stands in brackets: \"[::1]:8787\"";
	if (host[0] == '\0' || strcmp(host, "*") == 0)
		return "all addresses of this machine are 0.0.0.0 or [::]";
	return EXPECTED;
}

/* HOST is what stands between the brackets. */
static const char *
read_ipv6(char *host, in_port_t port, struct listen_address *address)
{
	char *zone = strchr(host, '%');
	struct in6_addr parsed;
	uint32_t scope = 0;

	if (zone != NULL) {
		/* Link-local addresses mean something on one link only (RFC 4007). */
		*zone = '\0';
		scope = if_nametoindex(zone + 1);
		if (scope == 0)
			return "no network interface has the name behind %";
	}
	if (inet_pton(AF_INET6, host, &parsed) != 1)
		return EXPECTED;
	/* The same socket by another name, and as local or not as that. */
	if (IN6_IS_ADDR_V4MAPPED(&parsed)) {
		struct in_addr mapped;

		memcpy(&mapped, parsed.s6_addr + 12, sizeof(mapped));
		set_ipv4(address, mapped, port);
	} else {
		set_ipv6(address, parsed, scope, port);
	}
	return NULL;
}

/* HOST may stand in brackets; it is written to. */
static const char *
read_host(char *host, in_port_t port, struct listen_address *address)
{
	size_t len = strlen(host);

	if (host[0] != '[')
		return read_ipv4(host, port, address);
	if (host[len - 1] != ']')
		return EXPECTED;
	host[len - 1] = '\0';
	return read_ipv6(host + 1, port, address);
}

/* HOST_PORT is written to. */
static const char *
read_host_and_port(char *host_port, struct listen_address *address)
{
	char *colon = strrchr(host_port, ':');
	int64_t port = 0;
	bool has_port;
	const char *why;

	if (colon == NULL)
		return EXPECTED;
	*colon = '\0';
	has_port = units_parse_int(colon + 1, 1, UINT16_MAX, &port);
	why = read_host(host_port, htons((uint16_t)port), address);
	if (why == NULL && !has_port)
		why = "expected a port from 1 to 65535 behind the address";
	address->kind = LISTEN_TCP;
	return why;
}

/* ---- both ---- */

bool
listen_parse(const char *text, struct listen_address *address, char **fault)
{
	struct listen_address parsed = { .kind = LISTEN_NONE };
	const char *why;

	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		why = read_path(text + strlen(UNIX_PREFIX), &parsed);
	} else {
		char *host_port = xstrdup(text);

		why = read_host_and_port(host_port, &parsed);
		free(host_port);
	}
	if (why != NULL) {
		*fault = xstrdup(why);
		return false;
	}
	*address = parsed;
	return true;
}

bool
listen_is_local(const struct listen_address *address)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->socket;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address->socket;

	if (address->kind != LISTEN_TCP)
		return true;
	if (address->socket.ss_family == AF_INET)
		return ntohl(ipv4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
}

bool
listen_equal(const struct listen_address *a, const struct listen_address *b)
{
	/* What no part of an address is in there is zero. */
	return a->kind == b->kind && a->socket_len == b->socket_len &&
	    memcmp(&a->socket, &b->socket, a->socket_len) == 0;
}

const char *
listen_path(const struct listen_address *address)
{
	return ((const struct sockaddr_un *)&address->socket)->sun_path;
}
