/*
 * What OpenSSL says of TLS that failed, in words for a person.
 *
 * Private to http/failure.
 */
#ifndef GATHERD_HTTP_TLS_WORDS_H
#define GATHERD_HTTP_TLS_WORDS_H

#include <stdbool.h>

/* Words for REASON, why the server's certificate is not trusted; NULL: it speaks for
 * itself. */
const char *tls_words_of_certificate(const char *reason);

/* Likewise, why a handshake failed: the server WANTED a client's certificate, and one was
 * GIVEN to libcurl. */
const char *tls_words_of_handshake(const char *reason, bool wanted, bool given);

/* What the server says that wants a client's certificate and gets none, by an alert or by
 * hanging up. */
extern const char tls_words_of_demand[];

/* Did the server refuse the connection, by an alert (RFC 8446, 6.2)? After a handshake of
 * TLS 1.3, which is over for the client before the server has seen its certificate, that
 * comes where an answer was to be read. */
bool tls_words_tell_of_alert(const char *text);

#endif
