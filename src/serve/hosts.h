/*
 * The names that a Host may have on a socket which only this machine can reach.
 *
 * A web page of anyone's may have its own name looked up as 127.0.0.1, and then reads from a
 * local server what it likes, as the browser takes both for one origin (DNS rebinding). Its
 * requests still carry that name. Private to serve.
 */
#ifndef GATHERD_SERVE_HOSTS_H
#define GATHERD_SERVE_HOSTS_H

#include <stdbool.h>

#include "base/compiler.h"

/*
 * Is AUTHORITY, a host with or without a port (RFC 3986, section 3.2), one of this machine's:
 * an IP address, `localhost`, a name below that, or MACHINE, its own name ("" where it has
 * none)? Case does not matter, nor does a dot at the end of a name.
 */
MUST_CHECK bool hosts_is_ours(const char *authority, const char *machine);

#endif
