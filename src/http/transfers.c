#include "http/transfers.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "http/multi.h"
#include "http/presence.h"
#include "http/sockets.h"
#include "http/transfer.h"
#include "http/trust.h"

/* Hosts to remember beyond those expected, for redirects and changed configs. */
#define SPARE_HOSTS 256u

/* ---- Lists ---- */

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

void
transfers_enter(struct transfer *transfer, enum transfer_state state)
{
	struct transfer_list *from = list_of(transfer->transfers, transfer->state);
	struct transfer_list *to = list_of(transfer->transfers, state);

	transfer->state = state;
	if (from == to)
		return;
	TAILQ_REMOVE(from, transfer, in_list);
	if (state == TRANSFER_POOLED) {
		TAILQ_INSERT_HEAD(to, transfer, in_list);
		trim_pool(transfer->transfers);
	} else {
		TAILQ_INSERT_TAIL(to, transfer, in_list);
	}
}

struct transfer *
transfers_take(struct transfers *transfers)
{
	struct transfer *transfer = TAILQ_FIRST(&transfers->pool);

	if (transfer != NULL)
		return transfer;
	transfer = xcalloc(1, sizeof(*transfer));
	transfer->transfers = transfers;
	evtimer_assign(
	    &transfer->deadline, transfers->base, transfer_on_deadline, transfer);
	TAILQ_INSERT_HEAD(&transfers->pool, transfer, in_list);
	transfers->count++;
	return transfer;
}

/* ---- Multi handles ---- */

/* struct multi_owner */
static void
note_end(CURL *easy, CURLcode code, UNUSED void *arg)
{
	struct transfer *transfer = handle_arg(easy);

	transfer->code = code;
	event_del(&transfer->deadline);
	transfers_enter(transfer, TRANSFER_ENDED);
}

/* struct multi_owner. A report may start and cancel other transfers: each time the list
 * is looked at afresh. */
static void
settle(void *arg)
{
	struct transfers *transfers = arg;
	struct transfer *transfer;

	while ((transfer = TAILQ_FIRST(&transfers->over)) != NULL)
		transfer_finish(transfer);
}

static void
on_settle(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	settle(arg);
}

struct multi *
transfers_multi(struct transfers *transfers, unsigned place)
{
	const struct multi_owner owner = { note_end, settle, transfers };

	if (transfers->multis[place] == NULL)
		transfers->multis[place] = multi_new(transfers->base,
		    transfers->sockets, transfers->max_connections, &owner);
	return transfers->multis[place];
}

/* ---- All transfers ---- */

int64_t
transfers_now_us(struct transfers *transfers)
{
	return presence_now_us(transfers->presence);
}

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
		transfer_recycle(transfer);
}

void
transfers_expect_tls(struct transfers *transfers, const char *ca)
{
	trust_expect(transfers->trust, ca);
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
