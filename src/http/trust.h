/*
 * What is known of TLS beyond libcurl: the certificate authorities that are trusted, read
 * once for all connections, and what a connection's handshake came to.
 *
 * libcurl reads its file of authorities for the first connection of each multi handle.
 * That takes tens of milliseconds, in which the loop stands still and the time of
 * everything else that is asked is wrong. Where libcurl's TLS is OpenSSL, they are read
 * here instead, the system's before anything is asked, and shared.
 *
 * Private to http/transfers and its parts.
 */
#ifndef GATHERD_HTTP_TRUST_H
#define GATHERD_HTTP_TRUST_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/compiler.h"

struct response_tls;
struct trust;

/* Nothing is read yet. Returns NULL where libcurl's TLS is another: libcurl then reads for
 * itself. NULL is allowed in all of the below. */
struct trust *trust_new(void);

/* There will be connections that trust CA, or, where it is NULL, libcurl's own choice of
 * file: read that now, if it has changed since it was read. Connections that stand stay as
 * they are; where there is nothing to be read, what was read before holds. */
void trust_expect(struct trust *trust, const char *ca);

/*
 * Have the connections of EASY trust the authorities in the file CA, or, where it is NULL,
 * the system's, read now where nobody expected any connections; and those to a proxy the
 * system's. Where nothing could be read, libcurl reads for itself, in the way that costs
 * least. Returns false without memory.
 */
MUST_CHECK bool trust_use(struct trust *trust, CURL *easy, const char *ca);

/* What was asked for in a handshake. */
struct trust_handshake {
	bool wants_certificate; /* the server asked for the client's */
};

/*
 * Within the CURLOPT_SSL_CTX_FUNCTION, for CONTEXT: the certificates that trust_use() told
 * of for CA, read again where the file has changed. What happens further is told to
 * HANDSHAKE, until trust_inspect() or the end of the connection; NULL: to nobody. Returns
 * CURLE_SSL_CACERT_BADFILE where CA cannot be read.
 */
CURLcode trust_apply(struct trust *trust, void *context, const char *ca,
    struct trust_handshake *handshake);

/* Within the CURLOPT_PREREQFUNCTION: what the TLS of EASY's connection, new or not, came
 * to. With the names in the certificate if NAMED. */
void trust_inspect(CURL *easy, struct response_tls *tls, bool named);

/* Does libcurl call trust_apply() as a handshake begins? */
bool trust_sees_handshakes(const struct trust *trust);

/* After all easy handles that use it. */
void trust_free(struct trust *trust);

#endif
