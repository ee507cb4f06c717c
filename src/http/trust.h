/*
 * The certificate authorities that are trusted, read once for all connections.
 *
 * libcurl reads its file of them for the first connection of each multi handle. That takes
 * tens of milliseconds, in which the loop stands still and the time of everything else
 * that is asked is wrong. Where libcurl's TLS is OpenSSL, they are read here instead,
 * before anything is asked, and shared.
 *
 * Private to http/transfers and http/handle.
 */
#ifndef GATHERD_HTTP_TRUST_H
#define GATHERD_HTTP_TRUST_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/compiler.h"

struct trust;

/* Nothing is read yet. Returns NULL where libcurl's TLS is another: libcurl then reads for
 * itself. NULL is allowed in all of the below. */
struct trust *trust_new(void);

/* There will be connections: read libcurl's own choice of file now, if it has changed since
 * it was read. Connections that stand, and sessions that are resumed, stay as they are;
 * where there is nothing to be read, what was read before holds. */
void trust_expect(struct trust *trust);

/* Have the connections of EASY trust these authorities, read now where nobody expected
 * any connections. Where nothing could be read, libcurl reads for itself, in the way that
 * costs least. */
void trust_use(struct trust *trust, CURL *easy);

/* After all easy handles that use it. */
void trust_free(struct trust *trust);

#endif
