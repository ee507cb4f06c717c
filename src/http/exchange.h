/*
 * A request with its redirects followed by hand, hop by hop, within one deadline.
 *
 * http and https only, and never from https down to http while it carries a secret.
 * What is secret stays with the origin of the request: headers marked so, user and
 * password are sent there until it is left for the first time, and a body that holds a
 * secret is not sent on. 303, and 301 and 302 after a POST, ask with GET (after HEAD:
 * HEAD) and without body; all others repeat method and body. 0 hops allowed: the 3xx is
 * the answer; so is a 3xx without Location, and 304.
 */
#ifndef GATHERD_HTTP_EXCHANGE_H
#define GATHERD_HTTP_EXCHANGE_H

#include "http/request.h"

struct transfers;

/* The http_client whose exchanges go through TRANSFERS, borrowed. */
struct http_client exchange_client(struct transfers *transfers);

#endif
