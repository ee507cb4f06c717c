/*
 * What the tests of serve/clients stand on: a server on the test's own loop, and time that is
 * turned by hand. To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_CLIENTS_STAGE_H
#define GATHERD_TESTS_UNIT_CLIENTS_STAGE_H

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "serve/clients.h"
#include "serve_client.h"

#define ASK  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define BIG  "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define STAY "GET /stay HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* More than any socket's buffers hold. */
#define BIG_BYTES ((size_t)64 * 1024 * 1024)

#define MAX_FOLLOWERS 8

struct stage {
	struct event_base *base;
	struct evhttp *http;
	struct clients *clients;
	uint16_t port;
	int64_t now_us;
	unsigned answered;
	/* Who follows, like one of events. */
	struct evhttp_request *followers[MAX_FOLLOWERS];
	struct client *staying[MAX_FOLLOWERS];
	unsigned follower_count;
	unsigned followers_ended;
	unsigned descriptors; /* before it was there */
};

UNUSED static int64_t
stage_now_us(void *arg)
{
	const struct stage *stage = arg;

	return stage->now_us;
}

/* ---- what is answered ---- */

UNUSED static void
on_answered(struct evhttp_request *request, void *arg)
{
	struct stage *stage = arg;

	stage->answered++;
	client_answered(
	    clients_find(stage->clients, evhttp_request_get_connection(request)));
}

UNUSED static void
on_follower_ended(UNUSED struct evhttp_connection *connection, void *arg)
{
	struct stage *stage = arg;

	stage->followers_ended++;
}

UNUSED static void
follow(struct stage *stage, struct evhttp_request *request, struct client *client)
{
	stage->followers[stage->follower_count] = request;
	stage->staying[stage->follower_count] = client;
	stage->follower_count++;
	client_stays(client);
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(request), on_follower_ended, stage);
	evhttp_send_reply_start(request, 200, "OK");
}

UNUSED static void
unload(const void *data, UNUSED size_t len, UNUSED void *arg)
{
	free((void *)(uintptr_t)data);
}

UNUSED static void
add_much(struct evbuffer *body)
{
	char *much = malloc(BIG_BYTES);

	assert_non_null(much);
	memset(much, 'x', BIG_BYTES);
	evbuffer_add_reference(body, much, BIG_BYTES, unload, NULL);
}

UNUSED static void
on_request(struct evhttp_request *request, void *arg)
{
	struct stage *stage = arg;
	struct client *client =
	    clients_find(stage->clients, evhttp_request_get_connection(request));
	struct evbuffer *body = evhttp_request_get_output_buffer(request);

	if (!client_asked(client))
		evhttp_add_header(
		    evhttp_request_get_output_headers(request), "Connection", "close");
	if (strcmp(evhttp_request_get_uri(request), "/stay") == 0) {
		follow(stage, request, client);
		return;
	}
	if (strcmp(evhttp_request_get_uri(request), "/big") == 0)
		add_much(body);
	else
		evbuffer_add(body, "well\n", 5);
	evhttp_request_set_on_complete_cb(request, on_answered, stage);
	evhttp_send_reply(request, 200, "OK", NULL);
}

/* ---- the stage ---- */

UNUSED static void
stage_open_limited(struct stage *stage, const struct clients_limits *limits)
{
	const struct clock_source clock = { .now_us = stage_now_us, .arg = stage };
	struct evhttp_bound_socket *bound;

	*stage = (struct stage){ .now_us = 1000000 };
	stage->descriptors = open_descriptors();
	stage->base = event_base_new();
	stage->http = evhttp_new(stage->base);
	stage->clients = clients_new(stage->base, limits, &clock);
	clients_watch(stage->clients, stage->http);
	evhttp_set_max_headers_size(stage->http, 8192);
	evhttp_set_max_body_size(stage->http, 0);
	evhttp_set_gencb(stage->http, on_request, stage);
	bound = evhttp_bind_socket_with_handle(stage->http, "127.0.0.1", 0);
	assert_non_null(bound);
	stage->port = port_of(evhttp_bound_socket_get_fd(bound));
}

UNUSED static void
stage_open(struct stage *stage)
{
	stage_open_limited(stage, &clients_default_limits);
}

/* All that can be done now. */
UNUSED static void
turn(struct stage *stage)
{
	int i;

	for (i = 0; i < 40; i++)
		event_base_loop(stage->base, EVLOOP_NONBLOCK);
}

UNUSED static void
stage_close(struct stage *stage)
{
	unsigned i;

	for (i = 0; i < stage->follower_count && stage->followers_ended == 0; i++)
		evhttp_send_reply_end(stage->followers[i]);
	evhttp_free(stage->http);
	clients_free(stage->clients);
	event_base_free(stage->base);
	assert_int_equal(open_descriptors(), stage->descriptors);
}

/* SECONDS go by, in which nobody does anything. */
UNUSED static void
pass(struct stage *stage, double seconds)
{
	stage->now_us += (int64_t)(seconds * 1e6);
	clients_sweep(stage->clients);
	turn(stage);
	clients_sweep(stage->clients);
	turn(stage);
}

UNUSED static int
come(struct stage *stage)
{
	int fd = connect_to_port(stage->port);

	assert_int_not_equal(fd, -1);
	turn(stage);
	return fd;
}

/* What is there of an answer, until the next call. */
UNUSED static const char *
heard(int fd)
{
	static char answer[65536];

	answer[0] = '\0';
	hear(fd, answer, sizeof(answer), MSG_DONTWAIT);
	return answer;
}

UNUSED static const char *
ask(struct stage *stage, int fd, const char *text)
{
	assert_true(say(fd, text));
	turn(stage);
	return heard(fd);
}

UNUSED static bool
is_open(int fd)
{
	char text[65536] = "";
	bool open;

	do {
		text[0] = '\0';
		open = hear(fd, text, sizeof(text), MSG_DONTWAIT);
	} while (open && text[0] != '\0');
	return open;
}

UNUSED static bool
is_answered(const char *answer)
{
	return strstr(answer, "200 OK") != NULL && strstr(answer, "well\n") != NULL;
}

#endif
