/*
 * What a request asks for, read from its line and its headers. Private to serve.
 */
#ifndef GATHERD_SERVE_ASKED_H
#define GATHERD_SERVE_ASKED_H

#include <stdbool.h>

#include "base/compiler.h"

struct evhttp_request;

enum asked_what {
	ASKED_PAGE,
	ASKED_DOCUMENT,
	ASKED_METRICS,
	ASKED_SERVICE,
	ASKED_PROMPT,
	ASKED_HEALTH,
	ASKED_EVENTS,
	ASKED_UNKNOWN, /* no path of ours */
};

/* Why REQUEST is not to be understood in one way only, and its connection not to be used again:
 * a line for a person, without its end; NULL: it is well. */
const char *asked_fault(struct evhttp_request *request);

/* Does it come with a body, or say so? That may not have been read, so that its connection is
 * not to be used again. */
bool asked_has_body(struct evhttp_request *request);

/* What the path of REQUEST stands for; for a service or a prompt with *NAME, the caller's, else
 * NULL. Paths are compared byte by byte; only the name is decoded, once. */
enum asked_what asked_path(struct evhttp_request *request, char **name);

/* The host that it was sent to, maybe with a port: of an absolute URL that, else of the header
 * Host. The caller's; NULL: it says none. */
char *asked_host(struct evhttp_request *request);

/* Does it take gzip (RFC 9110, section 12.5.3)? */
bool asked_takes_gzip(struct evhttp_request *request);

/* Does it have TAG already (If-None-Match)? */
bool asked_has(struct evhttp_request *request, const char *tag);

/* Is it of HTTP/1.0, which knows no chunks? */
bool asked_is_old(const struct evhttp_request *request);

/* Does it say `Connection: close`, among others, too? */
bool asked_closes(struct evhttp_request *request);

#endif
