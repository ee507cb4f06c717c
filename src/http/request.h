/*
 * What to send, and what came back: plain data between the askers and libcurl.
 */
#ifndef GATHERD_HTTP_REQUEST_H
#define GATHERD_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/url.h"

struct route;
struct secrets;

struct request_header {
	char *name;  /* owned; a token (RFC 9110, 5.1) */
	char *value; /* owned; no CR, LF, NUL */
	bool secret; /* stays with its origin on a redirect */
};

/* How `user` and `password` are shown to the server. */
enum request_auth {
	AUTH_NONE, /* but the URL's userinfo is Basic */
	AUTH_BASIC,
	AUTH_DIGEST, /* RFC 7616: asked twice, the first time without */
};

/*
 * One request, rendered. Owned by its maker, immutable and alive until the exchange that
 * was started with it has reported or is cancelled; it may be asked many times.
 */
struct request {
	struct url url; /* userinfo becomes Basic authorization at its origin */
	char *method;   /* owned: a token (RFC 9110, 9.1); NULL: GET */
	char *body;     /* owned; NULL: none */
	size_t body_len;
	bool body_secret; /* it holds what stays with its origin */
	enum request_auth auth;
	char *user;                     /* owned; at its origin only, as `password` */
	char *password;                 /* owned */
	const struct route *route;      /* borrowed; NULL: the usual way */
	struct request_header *headers; /* owned */
	size_t header_count;
	struct secrets *secrets; /* owned: all it carries; NULL: none */
	/* From the name lookup to the end of the TLS handshake. */
	int64_t connect_timeout_us;
	size_t max_body_bytes;  /* of the decoded body */
	unsigned max_redirects; /* followed; 0: a 3xx is the answer */
	bool reuse;             /* false: a connection of its own, closed afterwards */
	bool keep_body;         /* false: that of a 2xx is counted, but not kept */
	bool keep_head;         /* the answer's header lines are wanted */
	bool keep_trail;        /* each hop, and who the server is, are wanted */
};

void request_init(struct request *request);
void request_clear(struct request *request);

/* The method, GET where none is said. */
const char *request_method(const struct request *request);

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

/* One redirect that was followed. */
struct response_hop {
	char *url; /* owned: that answered with it, without userinfo */
	long http_status;
	struct response_timing timing;
};

/* The connection's TLS. */
struct response_tls {
	const char *version; /* "TLSv1.3", of static storage; NULL: none, or unknown */
	int64_t expires_at_ms; /* wall time: the server's certificate; -1: unknown */
	/* That certificate's; owned, with `keep_trail`; NULL: unknown. */
	char *subject;
	char *issuer;
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
	/* The header lines of the last hop, each with CR LF, the status line first; owned,
	 * with `keep_head`; NULL: none arrived. */
	char *head;
	int64_t retry_after_ms; /* RFC 9110, 10.2.3; from now on; -1: none */
	/* A part of the request may have reached a server: with POST, asking again is not
	 * the same as asking once. */
	bool sent;
	bool lost;       /* PROTOCOL: the connection ended before the answer began */
	unsigned hops;   /* redirects followed */
	char *final_url; /* owned: of the last hop, without userinfo; NULL: no hops */
	struct response_hop *trail; /* owned, with `keep_trail`: `hops` of them */
	struct response_tls tls;
	struct response_timing timing;
	int64_t whole_us; /* what all hops took together; 0: unknown, see `timing` */
	/* What went wrong, for a person; NULL if nothing. May hold the server's words: not
	 * yet masked. Owned. */
	char *message;
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
	/* The clock of deadlines: monotonic, but it stands still while the process does. */
	int64_t (*now_us)(void *client);
	void *client;
};

#endif
