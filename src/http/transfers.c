#include "http/transfers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "http/destination.h"
#include "http/failure.h"
#include "http/handle.h"
#include "http/hosts.h"
#include "http/multi.h"
#include "http/presence.h"
#include "http/resolver.h"
#include "http/sockets.h"
#include "http/trust.h"

/* Hosts to remember beyond those expected, for redirects and changed configs. */
#define SPARE_HOSTS 256u

/* What libcurl's own connect timeout comes after ours: only its share for each address
 * counts, and that should not end the transfer before we do. */
#define CONNECT_MARGIN_MS 50

/* libcurl's own connect timeout where none is set. */
#define CURL_CONNECT_TIMEOUT_MS 300000

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

static struct transfer_list *
list_of(struct transfers *transfers, enum transfer_state state)
{
	switch (state) {
	case TRANSFER_POOLED:
		return &transfers->pool;
	case TRANSFER_RESOLVING:
	case TRANSFER_RUNNING:
		return &transfers->started;
	case TRANSFER_ENDED:
	case TRANSFER_FAILED:
		return &transfers->over;
	}
	abort();
}

static void
enter(struct transfer *transfer, enum transfer_state state)
{
	struct transfer_list *from = list_of(transfer->transfers, transfer->state);
	struct transfer_list *to = list_of(transfer->transfers, state);

	transfer->state = state;
	if (from == to)
		return;
	TAILQ_REMOVE(from, transfer, in_list);
	if (state == TRANSFER_POOLED)
		TAILQ_INSERT_HEAD(to, transfer, in_list);
	else
		TAILQ_INSERT_TAIL(to, transfer, in_list);
}

/* ---- The pool ---- */

static void on_deadline(evutil_socket_t fd, short what, void *arg);

static struct transfer *
take(struct transfers *transfers)
{
	struct transfer *transfer = TAILQ_FIRST(&transfers->pool);

	if (transfer != NULL)
		return transfer;
	transfer = xcalloc(1, sizeof(*transfer));
	transfer->transfers = transfers;
	evtimer_assign(&transfer->deadline, transfers->base, on_deadline, transfer);
	TAILQ_INSERT_HEAD(&transfers->pool, transfer, in_list);
	transfers->count++;
	return transfer;
}

/* Of those that rest, free what is too much, the longest unused first. */
static void
trim_pool(struct transfers *transfers)
{
	struct transfer *transfer = TAILQ_LAST(&transfers->pool, transfer_list);

	while (transfer != NULL && transfers->count > transfers->max_count) {
		struct transfer *previous =
		    TAILQ_PREV(transfer, transfer_list, in_list);

		TAILQ_REMOVE(&transfers->pool, transfer, in_list);
		transfers->count--;
		handle_clear(&transfer->handle);
		free(transfer);
		transfer = previous;
	}
}

/* Take TRANSFER back from libcurl, if it is there. */
static void
withdraw(struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;
	struct handle *handle = &transfer->handle;

	if (transfer->state == TRANSFER_RUNNING || transfer->state == TRANSFER_ENDED)
		multi_remove(transfers->multis[transfer->place], handle->easy);
	if (transfer->host != NULL) {
		if (handle->begun)
			hosts_loaded(transfer->host, transfer->place,
			    transfer->addresses_version);
		else if (handle->lacks_addresses)
			hosts_lost(transfer->host, transfer->place);
		hosts_leave(transfers->hosts, transfer->host, transfer->place);
	}
	transfer->host = NULL;
	handle_release(handle);
}

/* Take TRANSFER back from wherever it is. */
static void
recycle(struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;

	event_del(&transfer->deadline);
	presence_unwatch(transfers->presence);
	if (transfer->query != NULL)
		resolver_cancel(transfer->query);
	transfer->query = NULL;
	withdraw(transfer);
	response_clear(&transfer->failure);
	enter(transfer, TRANSFER_POOLED);
	trim_pool(transfers);
}

/* ---- Deadlines ---- */

int64_t
transfers_now_us(struct transfers *transfers)
{
	return presence_now_us(transfers->presence);
}

static int64_t
due_us(const struct transfer *transfer)
{
	int64_t deadline_us = transfer->hop.deadline_us;

	/* A second connection of one transfer has what is left of all its time. */
	return transfer->handle.sent || deadline_us < transfer->connect_deadline_us
	    ? deadline_us
	    : transfer->connect_deadline_us;
}

static void
arm_deadline(struct transfer *transfer, int64_t now_us)
{
	int64_t until_us = due_us(transfer) - now_us;
	int64_t left_us = until_us > 0 ? until_us : 0;
	const struct timeval delay = clock_timeval(left_us);

	transfer->fires_us = now_us + left_us;
	event_add(&transfer->deadline, &delay);
}

/* ---- The end of a transfer ---- */

static void
fill_timing(struct response *response, const struct transfer *transfer)
{
	struct response_timing *timing = &response->timing;
	bool reused = transfer->handle.connected && handle_reused(&transfer->handle);

	handle_timing(&transfer->handle, timing);
	timing->dns_us = reused ? -1 : transfer->dns_us;
	timing->total_us = clock_now_us() - transfer->started_us;
}

/* Tell the asker, once TRANSFER can be used again: he may well start the next one. */
static void
report(struct transfer *transfer, struct response *response)
{
	char *location = answer_take_location(&transfer->handle.answer);
	bool redirects = response->http_status >= 300 && response->http_status < 400;
	transfer_done_fn *done = transfer->done;
	void *done_arg = transfer->done_arg;

	fill_timing(response, transfer);
	recycle(transfer);
	done(response, redirects ? location : NULL, done_arg);
	response_clear(response);
	free(location);
}

/* Nothing came back. */
static struct response
no_answer(void)
{
	return (struct response){
		.retry_after_ms = -1,
		.tls.expires_at_ms = -1,
	};
}

/* TRANSFER was with libcurl, which ended it with CODE, or we did for it. */
static void
report_end(struct transfer *transfer, CURLcode code)
{
	struct response response = no_answer();

	failure_judge(&response, &transfer->handle, code);
	handle_take_answer(&transfer->handle, &response);
	report(transfer, &response);
}

/* TRANSFER never got as far as libcurl. */
static void
report_failure(struct transfer *transfer)
{
	struct response response = transfer->failure;

	transfer->failure = (struct response){ 0 };
	response.body = xstrdup("");
	report(transfer, &response);
}

/* Note that TRANSFER has failed. MESSAGE is taken over. */
static void
fail(struct transfer *transfer, enum response_result result, enum response_phase phase,
    char *message)
{
	transfer->failure = no_answer();
	transfer->failure.result = result;
	transfer->failure.phase = phase;
	transfer->failure.message = message;
	event_del(&transfer->deadline);
	enter(transfer, TRANSFER_FAILED);
	event_active(&transfer->transfers->settle, EV_TIMEOUT, 0);
}

/* struct multi_owner */
static void
note_end(CURL *easy, CURLcode code, UNUSED void *arg)
{
	struct transfer *transfer = handle_arg(easy);

	transfer->code = code;
	event_del(&transfer->deadline);
	enter(transfer, TRANSFER_ENDED);
}

/*
 * Did libcurl end TRANSFER by a clock that counts time away? Its only one is that for the
 * connection, 300 s where it has none of ours, and no request is sent before that stands.
 */
static bool
was_cut_short(const struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;

	return transfer->code == CURLE_OPERATION_TIMEDOUT &&
	    !transfer->handle.connected &&
	    transfers_now_us(transfers) < due_us(transfer) &&
	    presence_away_us(transfers->presence) > transfer->away_us;
}

static void begin(struct transfer *transfer);

/* struct multi_owner. A report may start and cancel other transfers: each time the list
 * is looked at afresh. */
static void
settle(void *arg)
{
	struct transfers *transfers = arg;
	struct transfer *transfer;

	while ((transfer = TAILQ_FIRST(&transfers->over)) != NULL) {
		if (transfer->state == TRANSFER_FAILED) {
			report_failure(transfer);
		} else if (was_cut_short(transfer)) {
			withdraw(transfer);
			begin(transfer);
		} else {
			report_end(transfer, transfer->code);
		}
	}
}

static void
on_settle(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	settle(arg);
}

static void
time_out(struct transfer *transfer)
{
	if (transfer->state == TRANSFER_RESOLVING) {
		transfer->failure = no_answer();
		transfer->failure.result = RESPONSE_TIMEOUT;
		transfer->failure.phase = PHASE_DNS;
		report_failure(transfer);
	} else {
		report_end(transfer, CURLE_OPERATION_TIMEDOUT);
	}
}

static void
on_deadline(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct transfer *transfer = arg;
	struct presence *presence = transfer->transfers->presence;
	int64_t now_us = presence_fired(presence, transfer->fires_us);
	/* If not, the connect deadline was kept meanwhile, or the program was away; or a
	 * timer set late in a long turn came early, since the loop counts from the time it
	 * woke up. */
	bool is_over = now_us >= due_us(transfer);

	if (is_over && transfer->given_last_look) {
		time_out(transfer);
		return;
	}
	/* After a signal timers fire before sockets are looked at: an answer that came in
	 * time is read in the next turn. */
	transfer->given_last_look = is_over;
	arm_deadline(transfer, now_us);
}

/* ---- The begin of a transfer ---- */

static struct multi *
multi_at(struct transfers *transfers, unsigned place)
{
	const struct multi_owner owner = { note_end, settle, transfers };

	if (transfers->multis[place] == NULL)
		transfers->multis[place] = multi_new(transfers->base,
		    transfers->sockets, transfers->max_connections, &owner);
	return transfers->multis[place];
}

/* libcurl has to look at the connect time only where it divides it up among several
 * addresses, or where its own default is shorter. */
static long
connect_timeout_ms(const struct transfer *transfer, bool several_addresses)
{
	int64_t now_us = transfers_now_us(transfer->transfers);
	int64_t left_ms = (transfer->connect_deadline_us - now_us) / 1000;

	if (!several_addresses && left_ms < CURL_CONNECT_TIMEOUT_MS)
		return 0;
	if (left_ms < 0)
		left_ms = 0;
	return left_ms < INT32_MAX / 2 ? (long)left_ms + CONNECT_MARGIN_MS
	                               : INT32_MAX / 2;
}

/* Choose where TRANSFER runs, and hand it to libcurl there. ANSWER NULL: the host is an
 * address. */
static bool
dispatch(struct transfer *transfer, const struct resolver_answer *answer)
{
	struct transfers *transfers = transfer->transfers;
	struct handle *handle = &transfer->handle;
	struct handle_plan plan = { 0 };
	struct multi *multi;
	bool failed;

	if (handle->easy == NULL &&
	    !handle_init(handle, transfers->sockets, transfers->trust, transfer))
		return false;
	transfer->away_us = presence_away_us(transfers->presence);
	transfer->host = hosts_enter(transfers->hosts, &transfer->destination,
	    transfer->hop.request->reuse, &transfer->place);
	transfer->addresses_version = answer != NULL ? answer->version : 0;
	multi = multi_at(transfers, transfer->place);
	if (multi == NULL)
		return false;

	plan.may_resolve = answer == NULL;
	plan.several_addresses =
	    answer != NULL && strchr(answer->addresses, ',') != NULL;
	plan.connect_timeout_ms = connect_timeout_ms(transfer, plan.several_addresses);
	plan.prune_addresses =
	    answer == NULL && !hosts_met(transfer->host, transfer->place);
	plan.resolve = hosts_resolve(
	    transfers->hosts, transfer->host, transfer->place, answer, &failed);
	return !failed && handle_prepare(handle, &transfer->hop, &plan) &&
	    multi_add(multi, handle->easy);
}

static void
run(struct transfer *transfer, const struct resolver_answer *answer)
{
	if (dispatch(transfer, answer))
		enter(transfer, TRANSFER_RUNNING);
	else
		fail(transfer, RESPONSE_INTERNAL, PHASE_CONNECT,
		    xstrdup("out of memory or descriptors"));
}

/* Go where DESTINATION is: to ANSWER, or where that is NULL, to the address itself. */
static void
run_if_suited(struct transfer *transfer, const struct resolver_answer *answer)
{
	const struct destination *destination = &transfer->destination;

	if (destination_suits(destination, answer != NULL ? answer->addresses : NULL))
		run(transfer, answer);
	else
		fail(transfer, RESPONSE_DNS, PHASE_DNS,
		    failure_tell_lookup(destination, NULL));
}

static void
on_resolved(const struct resolver_answer *answer, void *arg)
{
	struct transfer *transfer = arg;

	/* NULL while resolver_ask() has not returned: the answer was known. */
	transfer->dns_us =
	    transfer->query != NULL ? clock_now_us() - transfer->asked_us : 0;
	transfer->query = NULL;
	if (answer->addresses != NULL)
		run_if_suited(transfer, answer);
	else
		fail(transfer, RESPONSE_DNS, PHASE_DNS,
		    failure_tell_lookup(&transfer->destination, answer->error));
}

static void
begin(struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;

	transfer->dns_us = -1;
	enter(transfer, TRANSFER_RESOLVING);
	arm_deadline(transfer, transfers_now_us(transfers));
	if (transfer->destination.is_known) {
		run_if_suited(transfer, NULL);
		return;
	}
	transfer->asked_us = clock_now_us();
	transfer->query = resolver_ask(
	    transfers->resolver, transfer->destination.name, on_resolved, transfer);
}

struct transfer *
transfer_start(struct transfers *transfers, const struct hop *hop,
    transfer_done_fn *done, void *done_arg)
{
	struct transfer *transfer = take(transfers);

	presence_watch(transfers->presence);
	transfer->hop = *hop;
	transfer->destination = destination_of(hop);
	transfer->done = done;
	transfer->done_arg = done_arg;
	transfer->started_us = clock_now_us();
	transfer->connect_deadline_us =
	    transfers_now_us(transfers) + hop->request->connect_timeout_us;
	transfer->given_last_look = false;
	begin(transfer);
	return transfer;
}

void
transfer_cancel(struct transfer *transfer)
{
	assert(transfer->state != TRANSFER_POOLED);
	recycle(transfer);
}

/* ---- All transfers ---- */

struct transfers *
transfers_new(struct event_base *base, struct resolver *resolver,
    unsigned max_concurrent, unsigned host_count)
{
	struct transfers *transfers;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	transfers = xcalloc(1, sizeof(*transfers));
	transfers->base = base;
	transfers->resolver = resolver;
	transfers->presence = presence_new(base, NULL);
	transfers->sockets = sockets_new(base, multi_on_ready);
	transfers->hosts = hosts_new((size_t)host_count + SPARE_HOSTS);
	transfers->trust = trust_new();
	transfers->max_connections = hosts_connections(max_concurrent, host_count);
	transfers->max_count = max_concurrent;
	event_assign(&transfers->settle, base, -1, 0, on_settle, transfers);
	TAILQ_INIT(&transfers->pool);
	TAILQ_INIT(&transfers->started);
	TAILQ_INIT(&transfers->over);
	return transfers;
}

void
transfers_resize(
    struct transfers *transfers, unsigned max_concurrent, unsigned host_count)
{
	transfers->max_connections = hosts_connections(max_concurrent, host_count);
	transfers->max_count = max_concurrent;
	trim_pool(transfers);
	hosts_resize(transfers->hosts, (size_t)host_count + SPARE_HOSTS);
	for (unsigned place = 0; place < HOSTS_PLACES; place++) {
		if (transfers->multis[place] != NULL)
			multi_resize(
			    transfers->multis[place], transfers->max_connections);
	}
}

static void
recycle_all(struct transfer_list *list)
{
	struct transfer *transfer;

	while ((transfer = TAILQ_FIRST(list)) != NULL)
		recycle(transfer);
}

void
transfers_expect_tls(struct transfers *transfers)
{
	trust_expect(transfers->trust);
}

void
transfers_free(struct transfers *transfers)
{
	if (transfers == NULL)
		return;
	recycle_all(&transfers->started);
	recycle_all(&transfers->over);
	transfers->max_count = 0;
	trim_pool(transfers);
	for (unsigned place = 0; place < HOSTS_PLACES; place++)
		multi_free(transfers->multis[place]);
	event_del(&transfers->settle);
	trust_free(transfers->trust);
	hosts_free(transfers->hosts);
	sockets_free(transfers->sockets);
	presence_free(transfers->presence);
	free(transfers);
	curl_global_cleanup();
}
