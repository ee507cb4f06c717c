/*
 * Names looked up by getaddrinfo(3) in a few threads (http/lookups), and remembered.
 *
 * libcurl never resolves: a slow name server then stops neither the loop nor libcurl, and
 * threads do not pile up. One lookup a name at a time, whoever else asks joins it.
 * Address literals and "localhost" (RFC 6761, 6.3) are answered at once, without a thread.
 *
 * Not thread-safe towards its user: everything happens in the thread of the event base.
 */
#ifndef GATHERD_HTTP_RESOLVER_H
#define GATHERD_HTTP_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

struct clock_source;
struct event_base;
struct resolver;
struct resolver_query;
struct addrinfo;

/* How long an address is used before its name is looked up again; getaddrinfo does not
 * tell a record's own time. A name that is asked for in the last quarter is looked up
 * meanwhile, so that who asks often never waits. */
#define RESOLVER_LIFETIME_MS 60000

/* Where that lookup fails, or is not done within this time, the old address serves for one
 * more lifetime. */
#define RESOLVER_PATIENCE_MS 500

/* A name whose lookup took longer counts as slow. */
#define RESOLVER_SLOW_MS 1000

/* Names remembered; the one not asked for the longest is forgotten first. */
#define RESOLVER_MAX_NAMES 10000

struct resolver_answer {
	const char *addresses; /* "10.0.0.1,[::1]", for CURLOPT_RESOLVE; NULL: failed */
	uint64_t version;      /* > 0; changes whenever the addresses of this name do */
	const char *error; /* where it failed: "name or service not known"; else NULL */
	int64_t took_us;   /* of the lookup; 0 where the answer was known */
};

/* Both borrowed by the callback until it returns. */
typedef void resolver_done_fn(const struct resolver_answer *answer, void *arg);

/* The function that blocks, as getaddrinfo(3); tests hand in their own. It must be
 * thread-safe. RELEASE frees what it gave. */
struct resolver_functions {
	int (*lookup)(const char *host, const char *service,
	    const struct addrinfo *hints, struct addrinfo **result);
	void (*release)(struct addrinfo *result);
};

/* FUNCTIONS and CLOCK are copied, must be thread-safe; NULL: the system's. Returns NULL
 * with errno set without descriptors. */
struct resolver *resolver_new(struct event_base *base,
    const struct resolver_functions *functions, const struct clock_source *clock);

/* Does not wait for lookups that hang: their threads are left to themselves. Queries that
 * wait are gone, without an answer. Not to be called from a callback. */
void resolver_free(struct resolver *resolver);

/*
 * Look HOST up. Where the answer is known, DONE is called before this returns, and NULL
 * is returned; else from the loop, once, and until then the query can be cancelled (the
 * lookup, once it has begun, goes on, for the next who asks). Failures are not remembered.
 */
struct resolver_query *resolver_ask(
    struct resolver *resolver, const char *host, resolver_done_fn *done, void *arg);
void resolver_cancel(struct resolver_query *query);

#endif
