/*
 * What `tls`, `proxy`, `ip`, `unix_socket`, `resolve`, `http_version` and `compressed` of
 * a service or a provider come to: its route.
 */
#ifndef GATHERD_CONFIG_ROUTES_H
#define GATHERD_CONFIG_ROUTES_H

#include "base/compiler.h"

struct faults;
struct secrets;
struct way;

/*
 * The host of NAME, a key of `resolve`, HOST or HOST:PORT, as URLs have it: in lower case, in
 * ASCII. *PORT (may be NULL) is 0 where none is said. NULL where NAME is none. The caller's.
 */
char *routes_pin_host(const char *name, unsigned *port);

/* The address of TEXT, IPv4 or IPv6, which may stand in brackets, without these. NULL where
 * TEXT is none. The caller's. */
char *routes_pin_address(const char *text);

/* Fill in WAY's route. Faults are told at the texts that hold them: files that cannot be
 * read, what is no proxy and no host, keys that exclude each other. */
void routes_fill(struct way *way, struct faults *faults);

/* SECRETS gets what is secret in what our own messages say of WAY, whose route is filled in:
 * proxy, socket, addresses, the name in TLS. */
void routes_add_secrets(const struct way *way, struct secrets *secrets);

#endif
