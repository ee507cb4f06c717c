#include "http/tls_words.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"

struct row {
	const char *part; /* of OpenSSL's or libcurl's words */
	const char *words;
};

static const char *
find(const struct row *rows, size_t count, const char *reason)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(reason, rows[i].part) != NULL)
			return rows[i].words;
	}
	return NULL;
}

const char *
tls_words_of_certificate(const char *reason)
{
	static const struct row rows[] = {
		{ "in certificate chain", "signed by an unknown authority" },
		{ "local issuer certificate", "signed by an unknown authority" },
		{ "unable to get issuer certificate",
		    "signed by an unknown authority" },
		{ "unable to verify the first certificate",
		    "signed by an unknown authority" },
		/* What follows is a host name or, in newer versions, an address. */
		{ "does not match target", "made out to another host" },
		{ "matches target", "made out to another host" },
	};

	return find(rows, ARRAY_COUNT(rows), reason);
}

/* The alerts by which a server says that a client's certificate is not to its liking. */
static bool
is_about_client(const char *reason)
{
	static const char *const alerts[] = {
		"alert bad certificate",
		"alert unsupported certificate",
		"alert certificate revoked",
		"alert certificate expired",
		"alert certificate unknown",
		"alert unknown ca",
		"alert access denied",
		"alert decrypt error",
		/* The older versions have no other one for a missing certificate. */
		"alert handshake failure",
	};

	for (size_t i = 0; i < ARRAY_COUNT(alerts); i++) {
		if (strstr(reason, alerts[i]) != NULL)
			return true;
	}
	return false;
}

/* The connection ended without an alert, as some servers have it: OpenSSL's words for it,
 * libcurl's where OpenSSL has none, and the system's. */
static bool
is_hang_up(const char *reason)
{
	return strstr(reason, "unexpected eof") != NULL ||
	    strstr(reason, "SSL_ERROR_SYSCALL") != NULL ||
	    strstr(reason, strerror(ECONNRESET)) != NULL;
}

const char tls_words_of_demand[] = "the server demands a client certificate";

const char *
tls_words_of_handshake(const char *reason, bool wanted, bool given)
{
	static const struct row rows[] = {
		{ "wrong version number", "what answers there is no TLS" },
		{ "alert protocol version",
		    "the server has no version of TLS in common" },
		{ "unsupported protocol",
		    "the server has no version of TLS in common" },
	};

	if (strstr(reason, "alert certificate required") != NULL && !given)
		return tls_words_of_demand;
	if (wanted && is_about_client(reason))
		return given ? "the server refuses the client certificate"
		             : tls_words_of_demand;
	if (is_hang_up(reason))
		return wanted && !given ? tls_words_of_demand
		                        : "the connection was closed";
	return find(rows, ARRAY_COUNT(rows), reason);
}

bool
tls_words_tell_of_alert(const char *text)
{
	return strstr(text, "SSL routines::") != NULL &&
	    strstr(text, " alert ") != NULL;
}
