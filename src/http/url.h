/*
 * Absolute http and https URLs: checked, normalised, joined, compared by origin.
 *
 * libcurl's URL API (curl_url(3)) does the parsing, so that what is checked here is what
 * is asked there. The text is normalised: scheme and host in lower case, international
 * host names in ASCII (IDNA), IPv4 addresses with four numbers (http://0x7f.1 is
 * http://127.0.0.1), IPv6 addresses in their short form, no default port, at least "/" for
 * a path, dot segments removed (by libcurl 8 also those written with "%2e"), bytes over
 * 127 percent-encoded. All other characters of path and query stay as they are written,
 * percent-encoded ones too.
 */
#ifndef GATHERD_HTTP_URL_H
#define GATHERD_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct url {
	char *text;     /* owned, as all below: without userinfo and fragment */
	char *host;     /* ASCII, without the brackets of an IPv6 address, no zone */
	char *user;     /* decoded; NULL where there is none */
	char *password; /* decoded; NULL where there is none */
	unsigned port;  /* explicit or the scheme's */
	bool tls;       /* https */
	bool host_is_address; /* an IPv4 or IPv6 literal: nothing to look up */
};

/*
 * Parse TEXT. Returns false with *WHY a borrowed phrase such as "no host" where it is no
 * absolute http(s) URL with a host, or holds blanks or control characters, or a userinfo
 * that Basic authentication (RFC 7617) cannot carry.
 */
MUST_CHECK bool url_parse(const char *text, struct url *url, const char **why);

/* Resolve LOCATION, absolute or relative (RFC 3986, 5.2), against BASE. Userinfo of BASE
 * is not inherited. White space around LOCATION is passed over, blanks inside become
 * %20, as browsers do. Returns false with *WHY, among other things for another scheme. */
MUST_CHECK bool url_join(
    const struct url *base, const char *location, struct url *url, const char **why);

void url_copy(struct url *out, const struct url *from);
void url_clear(struct url *url);

/* Same scheme, host and port (RFC 6454), and the same zone of an IPv6 address. */
bool url_same_origin(const struct url *a, const struct url *b);

/*
 * The byte range of the userinfo in TEXT, a URL as written, blanks and all: *START where
 * it begins, *LEN without the "@". Returns false where there is none. For masking it in
 * texts that are shown, valid or not; where an invalid one leaves it open what is
 * password and what is not, the range is rather too large. {{...}} and ${...} are passed
 * over as a whole.
 */
bool url_find_userinfo(const char *text, size_t *start, size_t *len);

#endif
