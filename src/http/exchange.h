/*
 * A request with its redirects followed by hand, hop by hop, within one deadline.
 *
 * http and https only; secrets (headers marked so, userinfo) stay with the origin of the
 * request; never from https down to http while it carries a secret. 0 hops allowed: the
 * 3xx is the answer; so is a 3xx without Location, and 304.
 */
#ifndef GATHERD_HTTP_EXCHANGE_H
#define GATHERD_HTTP_EXCHANGE_H

#include "http/request.h"

struct transfers;

/* The http_client whose exchanges go through TRANSFERS, borrowed. */
struct http_client exchange_client(struct transfers *transfers);

#endif
