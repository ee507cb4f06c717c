/*
 * Transfers: one HTTP request and its answer each, by libcurl's multi interface on
 * libevent. The only module that knows either's multi API.
 *
 * A transfer is one hop: redirects are followed by http/exchange. Easy handles and
 * connections are pooled. Several multi handles share the event base, since libcurl walks
 * its connection list on every transfer; a host stays on one of them up to 64 transfers
 * in flight and spreads over all above that.
 */
#ifndef GATHERD_HTTP_TRANSFERS_H
#define GATHERD_HTTP_TRANSFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/request.h"

struct event_base;
struct resolver;
struct transfers;
struct transfer;

/* MAX_CONCURRENT is how many may be in flight at most; HOST_COUNT how many different
 * hosts to expect: connections kept open are sized to the two. The program ignores
 * SIGPIPE. Returns NULL without memory. */
struct transfers *transfers_new(struct event_base *base, struct resolver *resolver,
    unsigned max_concurrent, unsigned host_count);

/* Other numbers than transfers_new() was given, from now on. */
void transfers_resize(
    struct transfers *transfers, unsigned max_concurrent, unsigned host_count);

/*
 * The clock of deadlines: clock_now_us() less the time that the program was away, stopped
 * or frozen, while transfers were in flight. Never goes back.
 */
int64_t transfers_now_us(struct transfers *transfers);

/* An https URL is going to be asked, of a server that is trusted by the file CA (NULL: as the
 * system does): read what that needs, some tens of milliseconds, now, before the time of
 * anything is taken. Called again, it is read again if it has changed. */
void transfers_expect_tls(struct transfers *transfers, const char *ca);

/* Cancels what is in flight, without reports. Not to be called from inside one. NULL is
 * allowed. */
void transfers_free(struct transfers *transfers);

/* One hop. All pointers are borrowed until the report or transfer_cancel(). */
struct hop {
	const struct request *request; /* for headers, body, route, limits, reuse */
	const struct url *url;         /* this hop's */
	/* This hop's method, which a redirect may have turned into GET; NULL: the
	 * request's. */
	const char *method;
	/* Send the request's body, where it has one, and the headers that tell of it:
	 * Content-Type and its like. */
	bool with_body;
	/* At home: send secret headers, Host, user and password, and use the route's
	 * server_name. */
	bool with_secrets;
	int64_t deadline_us; /* on transfers_now_us() */
};

/* RESPONSE as in struct http_client's report; LOCATION is the Location header of a 3xx,
 * or NULL; borrowed. */
typedef void transfer_done_fn(
    struct response *response, const char *location, void *arg);

/* Begin. Reports once, from the loop, never from inside. */
struct transfer *transfer_start(struct transfers *transfers, const struct hop *hop,
    transfer_done_fn *done, void *arg);
void transfer_cancel(struct transfer *transfer);

#endif
