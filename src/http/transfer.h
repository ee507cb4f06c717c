/*
 * One transfer and all of them, as http/transfers is made of both: transfer.c takes one from
 * its begin to its report, transfers.c keeps them, used and unused, and what they share.
 *
 * Only for these two.
 */
#ifndef GATHERD_HTTP_TRANSFER_H
#define GATHERD_HTTP_TRANSFER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event_struct.h>

#include "base/compiler.h"
#include "http/destination.h"
#include "http/handle.h"
#include "http/hosts.h"
#include "http/request.h"
#include "http/transfers.h"

struct event_base;
struct multi;
struct presence;
struct resolver;
struct resolver_query;
struct sockets;
struct trust;

enum transfer_state {
	TRANSFER_POOLED,
	TRANSFER_RESOLVING, /* `query` is open */
	TRANSFER_RUNNING,   /* `handle` is in a multi */
	TRANSFER_ENDED,     /* libcurl is done: to be reported */
	TRANSFER_FAILED,    /* before libcurl had it: `failure`, to be reported */
};

struct transfer {
	TAILQ_ENTRY(transfer) in_list; /* the one of its state */
	struct transfers *transfers;   /* borrowed */
	struct handle handle;
	struct event deadline;
	enum transfer_state state;

	struct hop hop;
	transfer_done_fn *done;
	void *done_arg;
	int64_t started_us;          /* on clock_now_us(), as the next one */
	int64_t asked_us;            /* the resolver, for this attempt */
	int64_t connect_deadline_us; /* on transfers_now_us(), as the next one */
	int64_t fires_us;            /* when `deadline` is to */
	int64_t away_us;             /* presence_away_us() as libcurl got it */
	bool given_last_look;
	int64_t dns_us; /* -1: no lookup, or unfinished */
	struct resolver_query *query;

	struct host *host; /* borrowed; NULL: not dispatched yet */
	unsigned place;
	uint64_t addresses_version;
	struct destination destination; /* its name is borrowed */

	CURLcode code;           /* while ENDED */
	struct response failure; /* while FAILED */
};

TAILQ_HEAD(transfer_list, transfer);

struct transfers {
	struct event_base *base;   /* borrowed */
	struct resolver *resolver; /* borrowed */
	struct presence *presence; /* owned, as all below */
	struct sockets *sockets;
	struct hosts *hosts;
	struct multi *multis[HOSTS_PLACES]; /* NULL until needed */
	long max_connections;               /* of each multi handle */
	struct trust *trust;
	struct event settle; /* there is something to report */
	size_t max_count;    /* with more than so many transfers, none is pooled */
	size_t count;        /* in the lists below */

	struct transfer_list pool;    /* the last one used first: it is in the cache */
	struct transfer_list started; /* RESOLVING, RUNNING */
	struct transfer_list over;    /* ENDED, FAILED, in this order */
};

/* ---- transfers.c ---- */

/* One that rests: POOLED. */
struct transfer *transfers_take(struct transfers *transfers);

/* TRANSFER is in STATE from now on. POOLED: it is freed where there are enough of them. */
void transfers_enter(struct transfer *transfer, enum transfer_state state);

/* The multi handle number PLACE; NULL: there is no memory, or are no descriptors, for it. */
struct multi *transfers_multi(struct transfers *transfers, unsigned place);

/* ---- transfer.c ---- */

/* The event of `deadline`; its data are the transfer. */
void transfer_on_deadline(evutil_socket_t fd, short what, void *transfer);

/* TRANSFER is ENDED or FAILED: report it, or begin anew where it was no fault of its own. */
void transfer_finish(struct transfer *transfer);

/* End it without a report, wherever it is. */
void transfer_recycle(struct transfer *transfer);

#endif
