/*
 * What to send, and what came back: plain data between the askers and libcurl.
 */
#ifndef GATHERD_HTTP_REQUEST_H
#define GATHERD_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/url.h"

struct secrets;

struct request_header {
	char *name;  /* owned; a token (RFC 9110, 5.1) */
	char *value; /* owned; no CR, LF, NUL */
	bool secret; /* stays with its origin on a redirect */
};

/*
 * One request, rendered. Owned by its maker, immutable and alive until the exchange that
 * was started with it has reported or is cancelled; it may be asked many times.
 */
struct request {
	struct url url; /* userinfo becomes Basic authorization at its origin */
	struct request_header *headers; /* owned */
	size_t header_count;
	struct secrets *secrets; /* owned: all it carries; NULL: none */
	int64_t
	    connect_timeout_us; /* from the name lookup to the end of the TLS handshake */
	size_t max_body_bytes;  /* of the decoded body */
	unsigned max_redirects; /* followed; 0: a 3xx is the answer */
	bool reuse;             /* false: a connection of its own, closed afterwards */
	bool keep_body;         /* false: that of a 2xx is counted, but not kept */
};

void request_init(struct request *request);
void request_clear(struct request *request);

/* Copies. SECRET besides: Authorization, Cookie and Proxy-Authorization always are. */
void request_add_header(
    struct request *request, const char *name, const char *value, bool secret);

enum response_result {
	RESPONSE_COMPLETE, /* a whole answer: `http_status`, the body */
	RESPONSE_TIMEOUT,  /* see `phase` */
	RESPONSE_DNS,      /* the name could not be looked up */
	RESPONSE_CONNECT,  /* no connection came about */
	RESPONSE_TLS,      /* the handshake or the certificate failed */
	RESPONSE_PROTOCOL, /* not HTTP, cut off, reset, wrong length, header too large */
	RESPONSE_REDIRECT,  /* refused or endless */
	RESPONSE_TOO_LARGE, /* the body is larger than `max_body_bytes` */
	RESPONSE_INTERNAL,  /* our own lack of descriptors or memory */
};

enum response_phase {
	PHASE_DNS,
	PHASE_CONNECT,
	PHASE_TLS,
	PHASE_FIRST_BYTE,
	PHASE_BODY,
};

/* "dns", "connect", "tls", "first_byte", "body" */
extern const char *const response_phase_names[];

/* How long each phase of the last hop took, in microseconds; -1: did not take place (a
 * reused connection, no TLS) or was not finished. */
struct response_timing {
	int64_t dns_us;
	int64_t connect_us;
	int64_t tls_us;
	int64_t
	    first_byte_us; /* from the request sent to the first byte of the answer */
	int64_t total_us;
};

struct response {
	enum response_result result;
	enum response_phase phase; /* where a result other than COMPLETE came about */
	long http_status;          /* 0: no status line arrived */
	char *body;                /* owned, NUL-terminated; "" at least */
	size_t body_len;
	uint64_t bytes;     /* body bytes that arrived, decoded, of the last hop */
	char *content_type; /* owned; NULL: none */
	bool no_content;    /* 204, 205, HEAD: no body was to be expected */
	bool retry_after;   /* the answer carried a Retry-After header */
	unsigned hops;      /* redirects followed */
	struct response_timing timing;
	char *message; /* owned: what went wrong, for a person; NULL if nothing.
	                            * May hold the server's words: not yet masked. */
};

void response_clear(struct response *response);

/*
 * Who asks: the real http (http/exchange) or, in tests, a table of delays and answers.
 *
 * `start` begins REQUEST and returns a handle; TIMEOUT_US (> 0) covers everything from
 * the name lookup to the last byte, redirects included. It reports exactly once through
 * DONE, from the event loop and never from inside `start`. DONE may take response fields
 * over by setting them NULL; the rest is released after it returns. The handle is dead
 * once DONE is called. `cancel` ends a started one without a report.
 */
struct exchange;
typedef void exchange_done_fn(struct response *response, void *arg);

struct http_client {
	struct exchange *(*start)(void *client, const struct request *request,
	    int64_t timeout_us, exchange_done_fn *done, void *done_arg);
	void (*cancel)(void *client, struct exchange *exchange);
	void *client;
};

#endif
