/*
 * How connections are made: TLS, proxy, addresses, version of HTTP.
 *
 * Made by whoever knows the config, borrowed by the requests that go that way. Immutable
 * while any of them is under way.
 */
#ifndef GATHERD_HTTP_ROUTE_H
#define GATHERD_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum ip_family {
	IP_ANY,
	IP_V4,
	IP_V6,
};

enum http_version {
	HTTP_1_1,
	HTTP_2, /* over TLS, where the server agrees (RFC 7301); else 1.1 */
	HTTP_2_PRIOR_KNOWLEDGE,
};

enum tls_version {
	TLS_1_2,
	TLS_1_3,
};

enum proxy_kind {
	PROXY_NONE,
	PROXY_HTTP, /* https targets by CONNECT */
	PROXY_HTTPS,
	PROXY_SOCKS5, /* which looks up the names, too */
};

struct proxy {
	enum proxy_kind kind;
	char *text; /* owned, as all below: "http://host:port", without userinfo */
	char *host; /* without the brackets of an IPv6 address */
	unsigned port;
	bool host_is_address;
	char *user;     /* decoded; NULL: none */
	char *password; /* likewise */
};

/* Connections to HOST go to ADDRESS instead of asking for it. */
struct route_pin {
	char *host;    /* owned; lower case */
	unsigned port; /* 0: any */
	char *address; /* owned: an IPv4 or IPv6 address without brackets */
};

/* All texts are owned. */
struct route {
	uint64_t id;       /* of no other route before: what a handle remembers it by */
	char *ca;          /* a file of PEM certificates; NULL: the system's */
	char *cert;        /* a file of the client's certificate; NULL: none */
	char *key;         /* ... and of its key; NULL: in the same file */
	char *server_name; /* in handshake and certificate; NULL: the URL's host */
	enum tls_version min_version;
	bool verify;
	bool compressed; /* asked for, and taken apart */
	struct proxy proxy;
	char *unix_socket; /* path; NULL: TCP */
	struct route_pin *pins;
	size_t pin_count;
	enum ip_family ip;
	enum http_version http_version;
};

/* The usual way: nothing said, and a new `id`. */
void route_init(struct route *route);
void route_clear(struct route *route);

/* Take TEXT, SCHEME://[USER:PASSWORD@]HOST[:PORT] with http, https, socks5 or socks5h, apart.
 * Returns false with *WHY, a borrowed phrase. */
MUST_CHECK bool proxy_parse(const char *text, struct proxy *proxy, const char **why);
void proxy_clear(struct proxy *proxy);

/* The pinned address of HOST and PORT, or NULL. ROUTE may be NULL. */
const char *route_find_pin(const struct route *route, const char *host, unsigned port);

/* Do both lead the same way? Not by `id`. */
bool route_equal(const struct route *a, const struct route *b);

#endif
