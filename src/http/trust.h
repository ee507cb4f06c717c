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

/* Read libcurl's own choice of file. Returns NULL where it has none that can be read, or
 * is built with other TLS: libcurl then reads for itself. */
struct trust *trust_new(void);

/* Read the file again if it has changed. Connections that stand, and sessions that are
 * resumed, stay as they are; where there is nothing to be read, what was read before
 * holds. NULL is allowed. */
void trust_renew(struct trust *trust);

/* After all easy handles that use it. NULL is allowed. */
void trust_free(struct trust *trust);

/* Have the connections of EASY trust TRUST's authorities; TRUST NULL: libcurl's, read in
 * the way that costs least. */
void trust_use(const struct trust *trust, CURL *easy);

#endif
