#include "serve/clients_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/xalloc.h"

/* A head has 8 KiB at most, and there is no body: who sends more before it is answered is up to
 * nothing good, such as a chunk whose size has no end. (A watermark of libevent's would have
 * it call evhttp about the same bytes over and over.) */
#define INPUT_MAX_BYTES ((size_t)16 * 1024)
/* See leave(). */
#define LINGER_US INT64_C(250000)

/* ---- where it is ---- */

bool
client_is_present(const struct client *client)
{
	return client->state != CLIENT_CUT && client->state != CLIENT_LEFT;
}

/* Nothing follows upon the last two. */
static void
enter(struct client *client, enum client_state state)
{
	assert(client_is_present(client));
	client->state = state;
	client->since_us = clients_now_us(client->clients);
	if (!client_is_present(client))
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
bool
client_is_freed(const struct client *client)
{
	bufferevent_event_cb on_event;

	bufferevent_getcb(client->stream, NULL, NULL, &on_event, NULL);
	return on_event == NULL;
}

/* ---- its end ---- */

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
		return client->clients->are_ending ? client->since_us
		                                   : end_us - request_us;
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
	clients_sweep_in(client->clients, 0);
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
	if (client_is_freed(client)) {
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

struct client *
client_new(struct clients *clients, struct bufferevent *stream)
{
	struct client *client = xcalloc(1, sizeof(*client));

	client->clients = clients;
	client->stream = stream;
	client->state = CLIENT_ASKING;
	client->born_us = clients_now_us(clients);
	client->since_us = client->born_us;
	TAILQ_INSERT_HEAD(&clients->list, client, in_list);
	clients->listed++;
	clients->present++;
	bufferevent_incref(stream);
	evbuffer_add_cb(bufferevent_get_input(stream), on_input, client);
	return client;
}

void
client_let_go(struct client *client)
{
	struct clients *clients = client->clients;

	TAILQ_REMOVE(&clients->list, client, in_list);
	clients->listed--;
	if (client_is_present(client))
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
	    clients_now_us(client->clients) - client->since_us >= LINGER_US;
}

void
client_sweep(struct client *client)
{
	if (!client_is_freed(client)) {
		if (clients_now_us(client->clients) >= deadline_us(client))
			cut_late(client);
	} else if (client_is_present(client)) {
		leave(client);
	} else if (client->state == CLIENT_CUT || has_lingered(client)) {
		client_let_go(client);
	}
}

/* ---- its requests ---- */

/*
 * Answers are put behind: nothing is read until they are written. evhttp, which reads on in the
 * meantime, would take the end of what a client sends (shutdown(2) with SHUT_WR, as `nc -N`
 * does) for the end of the client, who has no answer then.
 */
void
client_hush(struct client *client)
{
	/* evhttp has begun to read by now, in the very callback that told of the request;
	 * and begins once more by itself when the answer is written. */
	client->is_to_hush = false;
	if (client->state == CLIENT_ANSWERING)
		bufferevent_disable(client->stream, EV_READ);
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

	return !client->clients->are_ending &&
	    client->requests < limits->max_requests &&
	    age_us < (limits->life_ms - limits->request_ms) * 1000;
}

bool
client_asked(struct client *client)
{
	struct clients *clients = client->clients;

	if (!client_is_present(client))
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

	if (!client_is_present(client))
		return;
	/* The next one may stand there already (RFC 9112, section 9.3.2). */
	enter(client, evbuffer_get_length(input) > 0 ? CLIENT_ASKING : CLIENT_IDLE);
}

void
client_stays(struct client *client)
{
	if (!client_is_present(client))
		return;
	enter(client, CLIENT_STAYING);
	drain(client);
}

void
client_cut(struct client *client)
{
	if (!client_is_present(client))
		return;
	client->clients->cut_count++;
	cut(client);
}
