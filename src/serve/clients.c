#include "serve/clients_internal.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"

/* By libevent's default a body goes out in pieces of 16 KiB, a system call each. */
#define WRITE_MAX_BYTES ((size_t)256 * 1024)

const struct clients_limits clients_default_limits = {
	.max = 256,
	.request_ms = 5000,
	.life_ms = 30000,
	.max_requests = 100,
};

/* ---- sweeping ---- */

int64_t
clients_now_us(const struct clients *clients)
{
	return clients->clock.now_us(clients->clock.arg);
}

void
clients_sweep_in(struct clients *clients, int64_t wait_ms)
{
	const struct timeval wait = clock_timeval(wait_ms * 1000);

	evtimer_add(clients->timer, &wait);
}

void
clients_sweep(struct clients *clients)
{
	struct client *client = TAILQ_FIRST(&clients->list);
	struct client *next;

	for (; client != NULL; client = next) {
		next = TAILQ_NEXT(client, in_list);
		client_sweep(client);
	}
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct clients *clients = arg;

	clients_sweep(clients);
	if (!TAILQ_EMPTY(&clients->list) && !evtimer_pending(clients->timer, NULL))
		clients_sweep_in(clients,
		    clients->are_ending ? CLIENTS_LAST_SWEEP_MS : CLIENTS_SWEEP_MS);
}

/* ---- a new one ---- */

/* A place is free as soon as evhttp is done with its connection. */
static void
let_go_of_freed(struct clients *clients)
{
	struct client *client = TAILQ_FIRST(&clients->list);
	struct client *next;

	for (; client != NULL; client = next) {
		next = TAILQ_NEXT(client, in_list);
		if (client_is_freed(client))
			client_let_go(client);
	}
}

/* How unwilling we are to lose it. */
static int
worth(const struct client *client)
{
	switch (client->state) {
	case CLIENT_ASKING:
	case CLIENT_IDLE:
		return 1;
	case CLIENT_ANSWERING:
		return 2;
	case CLIENT_STAYING:
		return 3;
	case CLIENT_CUT:
	case CLIENT_LEFT:
		break;
	}
	return INT32_MAX;
}

/* Of the least worth the one that has been longest without a complete request. */
static void
evict_one(struct clients *clients)
{
	struct client *client = TAILQ_LAST(&clients->list, client_list);
	struct client *least = NULL;

	for (; client != NULL; client = TAILQ_PREV(client, client_list, in_list)) {
		if (client_is_present(client) &&
		    (least == NULL || worth(client) < worth(least)))
			least = client;
	}
	if (least != NULL)
		client_cut(least);
}

static void
make_room(struct clients *clients)
{
	if (clients->listed >= clients->limits.max)
		let_go_of_freed(clients);
	if (clients->present >= clients->limits.max)
		evict_one(clients);
}

/* evhttp has accepted a connection, and asks for what it is to be read by. */
static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	struct clients *clients = arg;
	struct bufferevent *stream =
	    bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	/* With NULL evhttp makes one of its own, which we would not know: small things do
	 * not fail, see base/xalloc.h. */
	if (stream == NULL)
		abort();
	make_room(clients);
	clients->on_coming(clients->arg);
	bufferevent_set_max_single_write(stream, WRITE_MAX_BYTES);
	client_new(clients, stream);
	if (!evtimer_pending(clients->timer, NULL))
		clients_sweep_in(clients, CLIENTS_SWEEP_MS);
	return stream;
}

void
clients_watch(struct clients *clients, struct evhttp *http)
{
	evhttp_set_bevcb(http, on_connection, clients);
}

static void
ignore(UNUSED void *arg)
{
}

void
clients_on_coming(struct clients *clients, void (*on_coming)(void *arg), void *arg)
{
	clients->on_coming = on_coming;
	clients->arg = arg;
}

/* ---- requests ---- */

struct client *
clients_find(struct clients *clients, struct evhttp_connection *connection)
{
	const struct bufferevent *stream =
	    evhttp_connection_get_bufferevent(connection);
	struct client *client = TAILQ_FIRST(&clients->list);

	while (client != NULL && client->stream != stream)
		client = TAILQ_NEXT(client, in_list);
	assert(client != NULL);
	return client;
}

/* In the turn of the loop in which they asked. */
static void
on_answering(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct clients *clients = arg;
	struct client *client = TAILQ_FIRST(&clients->list);

	for (; client != NULL; client = TAILQ_NEXT(client, in_list)) {
		if (client->is_to_hush)
			client_hush(client);
	}
}

/* ---- all of them ---- */

struct clients *
clients_new(struct event_base *base, const struct clients_limits *limits,
    const struct clock_source *clock)
{
	struct clients *clients = xcalloc(1, sizeof(*clients));

	clients->limits = *limits;
	clients->clock = *clock;
	TAILQ_INIT(&clients->list);
	clients_on_coming(clients, ignore, NULL);
	clients->timer = evtimer_new(base, on_timer, clients);
	clients->answering = event_new(base, -1, 0, on_answering, clients);
	if (clients->timer == NULL || clients->answering == NULL)
		abort();
	return clients;
}

void
clients_free(struct clients *clients)
{
	if (clients == NULL)
		return;
	let_go_of_freed(clients);
	assert(clients->listed == 0);
	event_free(clients->answering);
	event_free(clients->timer);
	free(clients);
}

void
clients_end(struct clients *clients)
{
	struct client *client;

	clients->are_ending = true;
	clients->limits.request_ms = CLIENTS_LAST_REQUEST_MS;
	TAILQ_FOREACH (client, &clients->list, in_list)
		if (client->state == CLIENT_ASKING)
			client->since_us = clients_now_us(clients);
	clients_sweep_in(clients, CLIENTS_LAST_SWEEP_MS);
}

bool
clients_have_gone(const struct clients *clients)
{
	return TAILQ_EMPTY(&clients->list);
}

size_t
clients_count(const struct clients *clients)
{
	return clients->present;
}

uint64_t
clients_cut_count(const struct clients *clients)
{
	return clients->cut_count;
}
