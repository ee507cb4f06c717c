/*
 * Where a hop's connection goes: to its host, its proxy, a pinned address or a socket in
 * the file system.
 *
 * Private to http/transfers and its parts.
 */
#ifndef GATHERD_HTTP_DESTINATION_H
#define GATHERD_HTTP_DESTINATION_H

#include <stdbool.h>

#include "http/route.h"

struct hop;

/* "HOST:PORT", "[::1]:PORT", or a path, which sun_path of unix(7) limits: a host name has
 * at most 253 bytes. */
#define DESTINATION_PLACE_SIZE 272

struct destination {
	const char *name;  /* borrowed: host, address without brackets, or path */
	unsigned port;     /* 0: a path */
	bool is_known;     /* nothing is to be looked up */
	bool is_proxy;     /* not what the URL names */
	enum ip_family ip; /* its only addresses of use */
	/* Connections of different versions are kept apart. */
	enum http_version version;
};

/* The way HOP goes: its request's, or the usual one, whose id is 0. */
const struct route *destination_route(const struct hop *hop);

struct destination destination_of(const struct hop *hop);

/*
 * Is there one in ADDRESSES, such as "10.0.0.1,[::1]", that can be used? NULL: the name is
 * an address itself.
 */
bool destination_suits(const struct destination *destination, const char *addresses);

/* NAME and PORT for a person: with brackets round an IPv6 address; 0: no port. */
void destination_write(
    char place[static DESTINATION_PLACE_SIZE], const char *name, unsigned port);

#endif
