/*
 * How a hop's connection is made, set on an easy handle of libcurl: its route.
 *
 * Whatever is set here takes part in libcurl's choice of a connection that stands, so that
 * none serves a request that asks for another one.
 *
 * Private to http/handle and its parts.
 */
#ifndef GATHERD_HTTP_CONNECTION_H
#define GATHERD_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/compiler.h"

struct hop;
struct trust;

/* What an easy handle is set to. */
struct connection {
	uint64_t route_id; /* 0: the usual way */
	bool has_identity; /* the client's certificate is set, if there is one */
	bool trusts;       /* trust_use() was called for this route */
	struct curl_slist *connect_to; /* owned; NULL: none */
};

/* EASY is new. */
void connection_init(struct connection *connection, CURL *easy);
void connection_clear(struct connection *connection);

/* Has EASY go HOP's way, and trust whom TRUST has it trust. Returns false without memory. */
MUST_CHECK bool connection_apply(struct connection *connection, CURL *easy,
    const struct hop *hop, struct trust *trust);

/* The file of authorities that HOP's connections trust; NULL: the system's. */
const char *connection_authorities(const struct hop *hop);

/* Is the client's certificate, if there is one, shown to the server of HOP? */
bool connection_shows_certificate(const struct hop *hop);

/* Does the connection of HOP begin with a handshake of TLS with its proxy? */
bool connection_secures_proxy(const struct hop *hop);

/*
 * Does HOP's handshake name another host than its URL? libcurl knows no such wish: it is
 * then given a URL with that name, told to connect to the true host, and to name that in
 * the Host header.
 */
bool connection_renames(const struct hop *hop);

/* That URL, the caller's; NULL: it does not. */
char *connection_renamed_url(const struct hop *hop);

#endif
