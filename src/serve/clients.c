#include "serve/clients.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"

/* A head has 8 KiB at most, and there is no body: who sends more before it is answered is up to
 * nothing good, such as a chunk whose size has no end. (A watermark of libevent's would have
 * it call evhttp about the same bytes over and over.) */
#define INPUT_MAX_BYTES ((size_t)16 * 1024)
/* See leave(). */
#define LINGER_US INT64_C(250000)
/* By libevent's default a body goes out in pieces of 16 KiB, a system call each. */
#define WRITE_MAX_BYTES ((size_t)256 * 1024)

enum client_state {
	CLIENT_ASKING,    /* a request is to come, or on its way */
	CLIENT_ANSWERING, /* the request is complete */
	CLIENT_IDLE,      /* answered; it may ask once more */
	CLIENT_STAYING,   /* follows events */
	CLIENT_CUT,       /* by us: evhttp is about to see its end */
	CLIENT_LEFT,      /* evhttp is done with it */
};

struct client {
	TAILQ_ENTRY(client) in_list;
	struct clients *clients;
	/* A reference of ours beside evhttp's: the descriptor is closed by the last one, so
	 * that it is never another's when we shut it down. */
	struct bufferevent *stream;
	enum client_state state;
	int64_t since_us; /* in this state */
	int64_t born_us;
	unsigned requests;
	bool is_to_hush; /* see on_answering() */
};

TAILQ_HEAD(client_list, client);

struct clients {
	struct clients_limits limits;
	struct clock_source clock;
	/* In the order of their last complete request, or of their coming; the newest first:
	 * so whoever asks is found at once, and the last one is the slowest to ask. */
	struct client_list list;
	size_t listed;  /* in the list */
	size_t present; /* of them, neither cut nor left */
	uint64_t cut_count;
	struct event *timer;
	struct event *answering;
	void (*on_coming)(void *arg);
	void *arg;
};

const struct clients_limits clients_default_limits = {
	.max = 256,
	.request_ms = 5000,
	.life_ms = 30000,
	.max_requests = 100,
};

/* ---- one client ---- */

static int64_t
now_us(const struct clients *clients)
{
	return clients->clock.now_us(clients->clock.arg);
}

static bool
is_present(const struct client *client)
{
	return client->state != CLIENT_CUT && client->state != CLIENT_LEFT;
}

/* Nothing follows upon the last two. */
static void
enter(struct client *client, enum client_state state)
{
	assert(is_present(client));
	client->state = state;
	client->since_us = now_us(client->clients);
	if (!is_present(client))
		client->clients->present--;
}

/* What it sends is of no use any more, or for now. */
static void
drain(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	evbuffer_drain(input, evbuffer_get_length(input));
}

/* Whoever frees a bufferevent takes its callbacks out, and evhttp always has some. */
static bool
evhttp_has_freed(const struct client *client)
{
	bufferevent_event_cb on_event;

	bufferevent_getcb(client->stream, NULL, NULL, &on_event, NULL);
	return on_event == NULL;
}

/* ---- sweeping ---- */

static void
sweep_in(struct clients *clients, int64_t wait_ms)
{
	const struct timeval wait = clock_timeval(wait_ms * 1000);

	evtimer_add(clients->timer, &wait);
}

/* When it is to be cut off; INT64_MAX: never. */
static int64_t
deadline_us(const struct client *client)
{
	const struct clients_limits *limits = &client->clients->limits;
	int64_t request_us = limits->request_ms * 1000;
	int64_t end_us = client->born_us + limits->life_ms * 1000;

	switch (client->state) {
	case CLIENT_ASKING:
		if (client->since_us + request_us < end_us)
			return client->since_us + request_us;
		return end_us;
	case CLIENT_ANSWERING:
		return end_us;
	case CLIENT_IDLE:
		return end_us - request_us;
	case CLIENT_STAYING:
	case CLIENT_CUT:
	case CLIENT_LEFT:
		break;
	}
	return INT64_MAX;
}

/* What it did not read: else the kernel holds it, and offers it, for minutes yet. */
static void
throw_answer_away(struct client *client)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (evbuffer_get_length(bufferevent_get_output(client->stream)) > 0)
		(void)setsockopt(bufferevent_getfd(client->stream), SOL_SOCKET,
		    SO_LINGER, &at_once, sizeof(at_once));
}

static void
cut(struct client *client)
{
	enter(client, CLIENT_CUT);
	throw_answer_away(client);
	shutdown(bufferevent_getfd(client->stream), SHUT_RDWR);
	/* evhttp would see the end by itself, but only behind all that is still to be read. */
	bufferevent_trigger_event(client->stream, BEV_EVENT_READING | BEV_EVENT_ERROR,
	    BEV_TRIG_DEFER_CALLBACKS);
	sweep_in(client->clients, 0);
}

/* Too late, or without a use. Who has had answers until its time was up did nothing wrong. */
static void
cut_late(struct client *client)
{
	if (client->state != CLIENT_IDLE)
		client->clients->cut_count++;
	cut(client);
}

/*
 * evhttp has closed its side. What is unread when a descriptor is closed makes the kernel send
 * a reset, and that may overtake the answer (RFC 9112, section 9.6): a client who still sends
 * what was refused has a moment to find that out.
 */
static void
leave(struct client *client)
{
	enter(client, CLIENT_LEFT);
	drain(client);
	bufferevent_enable(client->stream, EV_READ);
}

static void
refuse_more(struct client *client)
{
	if (evhttp_has_freed(client)) {
		leave(client);
	} else {
		client->clients->cut_count++;
		cut(client);
	}
}

static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct client *client = arg;

	if (info->n_added == 0)
		return;
	switch (client->state) {
	case CLIENT_IDLE:
		enter(client, CLIENT_ASKING);
		break;
	case CLIENT_STAYING:
	case CLIENT_CUT:
	case CLIENT_LEFT:
		drain(client);
		break;
	case CLIENT_ASKING:
	case CLIENT_ANSWERING:
		if (evbuffer_get_length(input) > INPUT_MAX_BYTES)
			refuse_more(client);
		break;
	}
}

static void
let_go(struct client *client)
{
	struct clients *clients = client->clients;

	TAILQ_REMOVE(&clients->list, client, in_list);
	clients->listed--;
	if (is_present(client))
		clients->present--;
	evbuffer_remove_cb(bufferevent_get_input(client->stream), on_input, client);
	bufferevent_decref(client->stream);
	free(client);
}

/* Has it closed its side, too, or had its moment? */
static bool
has_lingered(const struct client *client)
{
	return (bufferevent_get_enabled(client->stream) & EV_READ) == 0 ||
	    now_us(client->clients) - client->since_us >= LINGER_US;
}

static void
sweep_one(struct client *client)
{
	if (!evhttp_has_freed(client)) {
		if (now_us(client->clients) >= deadline_us(client))
			cut_late(client);
	} else if (is_present(client)) {
		leave(client);
	} else if (client->state == CLIENT_CUT || has_lingered(client)) {
		let_go(client);
	}
}

void
clients_sweep(struct clients *clients)
{
	struct client *client = TAILQ_FIRST(&clients->list);
	struct client *next;

	for (; client != NULL; client = next) {
		next = TAILQ_NEXT(client, in_list);
		sweep_one(client);
	}
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct clients *clients = arg;

	clients_sweep(clients);
	if (!TAILQ_EMPTY(&clients->list) && !evtimer_pending(clients->timer, NULL))
		sweep_in(clients, CLIENTS_SWEEP_MS);
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
		if (evhttp_has_freed(client))
			let_go(client);
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
		if (is_present(client) &&
		    (least == NULL || worth(client) < worth(least)))
			least = client;
	}
	if (least == NULL)
		return;
	clients->cut_count++;
	cut(least);
}

static void
make_room(struct clients *clients)
{
	if (clients->listed >= clients->limits.max)
		let_go_of_freed(clients);
	if (clients->present >= clients->limits.max)
		evict_one(clients);
}

static struct client *
add(struct clients *clients, struct bufferevent *stream)
{
	struct client *client = xcalloc(1, sizeof(*client));

	client->clients = clients;
	client->stream = stream;
	client->state = CLIENT_ASKING;
	client->born_us = now_us(clients);
	client->since_us = client->born_us;
	TAILQ_INSERT_HEAD(&clients->list, client, in_list);
	clients->listed++;
	clients->present++;
	if (!evtimer_pending(clients->timer, NULL))
		sweep_in(clients, CLIENTS_SWEEP_MS);
	return client;
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
	bufferevent_incref(stream);
	bufferevent_set_max_single_write(stream, WRITE_MAX_BYTES);
	evbuffer_add_cb(bufferevent_get_input(stream), on_input, add(clients, stream));
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

/*
 * Answers are put behind: nothing is read until they are written. evhttp, which reads on in the
 * meantime, would take the end of what a client sends (shutdown(2) with SHUT_WR, as `nc -N`
 * does) for the end of the client, who has no answer then.
 */
static void
on_answering(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct clients *clients = arg;
	struct client *client = TAILQ_FIRST(&clients->list);

	/* evhttp has begun to read by now, in the very callback that told of the request;
	 * and begins once more by itself when the answer is written. */
	for (; client != NULL; client = TAILQ_NEXT(client, in_list)) {
		if (!client->is_to_hush)
			continue;
		client->is_to_hush = false;
		if (client->state == CLIENT_ANSWERING)
			bufferevent_disable(client->stream, EV_READ);
	}
}

static void
hush_soon(struct client *client)
{
	client->is_to_hush = true;
	event_active(client->clients->answering, EV_TIMEOUT, 0);
}

/* Is there time for another request, and may it send one? */
static bool
may_ask_again(const struct client *client)
{
	const struct clients_limits *limits = &client->clients->limits;
	int64_t age_us = client->since_us - client->born_us;

	return client->requests < limits->max_requests &&
	    age_us < (limits->life_ms - limits->request_ms) * 1000;
}

bool
client_asked(struct client *client)
{
	struct clients *clients = client->clients;

	if (!is_present(client))
		return false;
	TAILQ_REMOVE(&clients->list, client, in_list);
	TAILQ_INSERT_HEAD(&clients->list, client, in_list);
	client->requests++;
	enter(client, CLIENT_ANSWERING);
	hush_soon(client);
	return may_ask_again(client);
}

void
client_answered(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	if (!is_present(client))
		return;
	/* The next one may stand there already (RFC 9112, section 9.3.2). */
	enter(client, evbuffer_get_length(input) > 0 ? CLIENT_ASKING : CLIENT_IDLE);
}

void
client_stays(struct client *client)
{
	if (!is_present(client))
		return;
	enter(client, CLIENT_STAYING);
	drain(client);
}

void
client_cut(struct client *client)
{
	if (!is_present(client))
		return;
	client->clients->cut_count++;
	cut(client);
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
