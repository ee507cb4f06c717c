/*
 * A small HTTP server on the test's own event base: what it answers, and how badly, is up
 * to a function of the test.
 */
#ifndef GATHERD_TESTS_LOOPBACK_H
#define GATHERD_TESTS_LOOPBACK_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/compiler.h"

struct loopback;
struct loopback_peer;

/* One request has arrived: TEXT is its head, and what body there is behind it. */
typedef void loopback_answer_fn(struct loopback_peer *peer, const char *text);

struct loopback_peer {
	TAILQ_ENTRY(loopback_peer) in_list;
	struct loopback *server;
	struct event *event;
	int fd;
	unsigned
	    number; /* of the connection, from 1: of no other, unlike the address */
	size_t len;
	size_t skipped; /* of a body that is too large to be kept */
	char request[16384];
};

struct loopback {
	struct event_base *base;
	struct event *event;
	int fd;
	uint16_t port;
	loopback_answer_fn *answer;
	void *arg;           /* the test's */
	bool any_bytes;      /* answer whatever comes, whole request or not */
	unsigned accepted;   /* connections, ever */
	unsigned open_count; /* connections, now */
	unsigned requests;
	char last[16384]; /* the last request */
	size_t last_len;
	TAILQ_HEAD(, loopback_peer) peers;
};

/* Close the connection; PEER is gone. */
static inline void
loopback_close(struct loopback_peer *peer)
{
	peer->server->open_count--;
	TAILQ_REMOVE(&peer->server->peers, peer, in_list);
	event_free(peer->event);
	close(peer->fd);
	free(peer);
}

/* As loopback_close(), by a reset instead of an orderly end. */
static inline void
loopback_reset(struct loopback_peer *peer)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	loopback_close(peer);
}

static inline void
loopback_send_bytes(struct loopback_peer *peer, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(peer->fd, data, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		data += sent;
		len -= (size_t)sent;
	}
}

static inline void
loopback_send(struct loopback_peer *peer, const char *text)
{
	loopback_send_bytes(peer, text, strlen(text));
}

/* Is the request whole, with a body as long as its Content-Length says? */
static inline bool
loopback_is_whole(const struct loopback_peer *peer)
{
	const char *end = strstr(peer->request, "\r\n\r\n");
	const char *length = strcasestr(peer->request, "\r\nContent-Length:");
	size_t body = 0;

	if (end == NULL)
		return false;
	if (length != NULL && length < end)
		body = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	return peer->len + peer->skipped >= (size_t)(end + 4 - peer->request) + body;
}

static inline void
loopback_on_readable(evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct loopback_peer *peer = arg;
	struct loopback *server = peer->server;
	size_t room = sizeof(peer->request) - 1 - peer->len;
	char more[16384];
	bool full = room == 0;
	ssize_t len = recv(
	    fd, full ? more : peer->request + peer->len, full ? sizeof(more) : room, 0);

	if (len <= 0) {
		loopback_close(peer);
		return;
	}
	if (full)
		peer->skipped += (size_t)len;
	else
		peer->len += (size_t)len;
	peer->request[peer->len] = '\0';
	if (!server->any_bytes && !loopback_is_whole(peer))
		return;
	server->requests++;
	server->last_len = peer->len;
	peer->len = 0;
	peer->skipped = 0;
	memcpy(server->last, peer->request, sizeof(server->last));
	server->answer(peer, server->last);
}

static inline void
loopback_on_connection(evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct loopback *server = arg;
	struct loopback_peer *peer = calloc(1, sizeof(*peer));

	assert(peer != NULL);
	peer->server = server;
	peer->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert(peer->fd != -1);
	peer->event = event_new(
	    server->base, peer->fd, EV_READ | EV_PERSIST, loopback_on_readable, peer);
	event_add(peer->event, NULL);
	TAILQ_INSERT_HEAD(&server->peers, peer, in_list);
	peer->number = ++server->accepted;
	server->open_count++;
}

/* A listening socket on a free port of 127.0.0.1. */
static inline int
loopback_listen(int backlog, uint16_t *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&address, len) == -1 ||
	    listen(fd, backlog) == -1 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) == -1)
		abort();
	*port = ntohs(address.sin_port);
	return fd;
}

static inline struct loopback *
loopback_new(struct event_base *base, loopback_answer_fn *answer, void *arg)
{
	struct loopback *server = calloc(1, sizeof(*server));

	assert(server != NULL);
	server->base = base;
	server->answer = answer;
	server->arg = arg;
	server->fd = loopback_listen(512, &server->port);
	TAILQ_INIT(&server->peers);
	server->event = event_new(
	    base, server->fd, EV_READ | EV_PERSIST, loopback_on_connection, server);
	event_add(server->event, NULL);
	return server;
}

/* Close all connections, and go on listening. */
static inline void
loopback_close_all(struct loopback *server)
{
	struct loopback_peer *peer = TAILQ_FIRST(&server->peers);

	while (peer != NULL) {
		struct loopback_peer *next = TAILQ_NEXT(peer, in_list);

		loopback_close(peer);
		peer = next;
	}
}

static inline void
loopback_free(struct loopback *server)
{
	loopback_close_all(server);
	event_free(server->event);
	close(server->fd);
	free(server);
}

#endif
