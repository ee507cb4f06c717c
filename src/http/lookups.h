/*
 * Host names looked up by getaddrinfo(3), which blocks, in a few threads.
 *
 * Threads start when there is work for them and end when there has been none for a while.
 * So that names whose servers do not answer cannot hold them all, a few are kept for
 * names that were quick before, and half of them from names known to be slow.
 *
 * Everything here is called, and calls back, in the thread of the event base.
 */
#ifndef GATHERD_HTTP_LOOKUPS_H
#define GATHERD_HTTP_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct clock_source;
struct event_base;
struct lookup;
struct lookups;
struct resolver_functions;

/* In the order in which they get a thread. */
enum lookup_kind {
	LOOKUP_QUICK, /* did not take long last time */
	LOOKUP_NEW,   /* nobody knows */
	LOOKUP_SLOW,  /* took long last time */
};
#define LOOKUP_KINDS 3

/* How many threads lookups of any kind, NEW and SLOW together, and SLOW may hold. */
#define LOOKUPS_MAX_THREADS  16
#define LOOKUPS_MAX_UNPROVEN 14
#define LOOKUPS_MAX_SLOW     8

/* More addresses of a name are passed over. */
#define LOOKUPS_MAX_ADDRESSES 16

struct lookup_result {
	const char
	    *addresses; /* "10.0.0.1,[::1]", in the order of preference; NULL: none */
	const char *error; /* where there are none: why, for a person; else NULL */
	int64_t took_us;   /* in the thread */
};

/* ARG is that of lookups_start(). */
typedef void lookups_done_fn(const struct lookup_result *result, void *arg);

/* FUNCTIONS and CLOCK are copied; both are used in the threads. Returns NULL with errno
 * set without descriptors. */
struct lookups *lookups_new(struct event_base *base,
    const struct resolver_functions *functions, const struct clock_source *clock,
    lookups_done_fn *done);

/* Does not wait: threads that hang are left to themselves and clean up after themselves.
 * Nothing is reported any more. Not to be called from DONE. */
void lookups_free(struct lookups *lookups);

/* Look HOST up; DONE is called once, from the loop, never from inside. */
struct lookup *lookups_start(
    struct lookups *lookups, const char *host, enum lookup_kind kind, void *arg);

/* Take LOOKUP back, without a report. Returns false where it has begun: it will report. */
MUST_CHECK bool lookups_withdraw(struct lookups *lookups, struct lookup *lookup);

#endif
