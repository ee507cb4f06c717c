/*
 * All that answers requests, on a port of the loopback, in the test's own thread: a client
 * sends bytes as they stand, and the loop turns until there is an answer. To be included
 * behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_SERVE_STAGE_H
#define GATHERD_TESTS_UNIT_SERVE_STAGE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/http.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/metrics/vitals.h"
#include "publish/snapshot.h"
#include "serve/answers.h"
#include "serve/clients.h"
#include "serve/events.h"
#include "serve/health.h"
#include "serve/shown.h"

#define STAGE_HOST   "web1.example"
#define STAGE_NOW_MS INT64_C(1795232400123) /* 2026-11-21T03:40:00.123Z */

/* Longer than anything here takes. */
#define STAGE_PATIENCE_US INT64_C(20000000)

struct stage {
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	struct snapshot *snapshot; /* that is shown */
	struct event_base *base;
	struct clients *clients;
	struct events *events;
	struct shown *shown;
	struct health health;
	struct answers answers;
	struct evhttp *http;
	uint16_t port;
};

/* ---- the board and its snapshots ---- */

/* Target INDEX has answered with DATA, JSON. */
UNUSED static void
stage_put(struct stage *stage, size_t index, const char *data)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.http_status = 200;
	outcome.attempts = 1;
	outcome.checked_at_ms = STAGE_NOW_MS;
	outcome.duration_us = 1234;
	outcome.url = xstrdup("http://test/");
	outcome.data = xstrdup(data);
	outcome.data_len = strlen(data);
	board_put(stage->board, board_entry(stage->board, index), &outcome);
}

/* Likewise, with BYTES of data. */
UNUSED static void
stage_put_large(struct stage *stage, size_t index, size_t bytes)
{
	char *data = xmalloc(bytes + 1);

	memset(data, 'x', bytes);
	data[0] = '"';
	data[bytes - 1] = '"';
	data[bytes] = '\0';
	stage_put(stage, index, data);
	free(data);
}

static void
stage_want(struct stage *stage)
{
	const struct snapshot_wants wants = { .samples = true, .cards = true };

	snapshot_maker_want(stage->maker, &wants);
}

static void
stage_make_board(struct stage *stage, size_t targets)
{
	stage->config = fake_config_new(targets);
	stage->config->interval_ms = 30000;
	stage->config->timeout_ms = 5000;
	stage->config->output.max_size_bytes = (size_t)64 * 1024 * 1024;
	fake_config_add_prompt(stage->config, "");
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "gatherd 1.2.3", STAGE_HOST);
	stage_want(stage);
}

/* What the board says is shown from now on. */
UNUSED static void
stage_show(struct stage *stage, uint64_t generation)
{
	static const struct round_summary round = {
		.number = 3,
		.started_at_ms = STAGE_NOW_MS - 203,
		.duration_us = 203400,
		.target_count = 3,
	};
	const struct vitals vitals = { .started_at_ms = STAGE_NOW_MS };
	const struct snapshot_head head = {
		.generation = generation,
		.round = &round,
		.now_ms = STAGE_NOW_MS,
		.vitals = &vitals,
	};
	struct snapshot *before = stage->snapshot;

	stage->snapshot = snapshot_make(stage->maker, &head);
	shown_set(stage->shown, stage->snapshot);
	events_show(stage->events, stage->snapshot);
	snapshot_unref(before);
}

/* ---- the listener ---- */

static void
stage_listen(struct stage *stage)
{
	struct evhttp_bound_socket *bound =
	    evhttp_bind_socket_with_handle(stage->http, "127.0.0.1", 0);
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	assert_non_null(bound);
	assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound),
	                     (struct sockaddr *)&address, &len),
	    0);
	stage->port = ntohs(address.sin_port);
}

/* TARGETS services, "t0" and on, and a prompt behind them; nothing is shown yet. */
static void
stage_set_up(struct stage *stage, size_t targets, bool checks_host)
{
	memset(stage, 0, sizeof(*stage));
	stage_make_board(stage, targets);
	stage->base = event_base_new();
	stage->clients =
	    clients_new(stage->base, &clients_default_limits, &clock_system);
	stage->shown = shown_new();
	stage->events = events_new(stage->base, stage->shown);
	stage->answers = (struct answers){
		.clients = stage->clients,
		.events = stage->events,
		.shown = stage->shown,
		.health = &stage->health,
		.host = STAGE_HOST,
	};
	stage->http = evhttp_new(stage->base);
	clients_watch(stage->clients, stage->http);
	answers_serve(&stage->answers, stage->http, checks_host);
	stage_listen(stage);
}

static void
stage_tear_down(struct stage *stage)
{
	events_free(stage->events);
	evhttp_free(stage->http);
	clients_free(stage->clients);
	shown_free(stage->shown);
	snapshot_unref(stage->snapshot);
	event_base_free(stage->base);
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
}

/* ---- a client ---- */

UNUSED static int
stage_connect_with(const struct stage *stage, int receive_bytes)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(stage->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	if (receive_bytes > 0)
		setsockopt(
		    fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int
stage_connect(const struct stage *stage)
{
	return stage_connect_with(stage, 0);
}

static void
stage_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One turn of the loop. */
static void
stage_turn(struct stage *stage)
{
	event_base_loop(stage->base, EVLOOP_NONBLOCK);
}

/* What has come by now into IN. Returns false where the other side has ended. */
static bool
stage_receive(int fd, struct buffer *in)
{
	char bytes[65536];
	ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got > 0)
		buffer_append(in, bytes, (size_t)got);
	return got > 0 || (got == -1 && errno == EAGAIN);
}

/* ---- its answer ---- */

struct reply {
	int status;
	char *head;         /* all up to the empty line */
	struct buffer body; /* as its Content-Length says, or all that came */
	bool ended;         /* the connection, with it */
};

/* The value of the header NAME in HEAD, the caller's; NULL: it is not there. */
static char *
stage_header(const char *head, const char *name)
{
	for (const char *line = strstr(head, "\r\n"); line != NULL;
	     line = strstr(line, "\r\n")) {
		size_t len = strlen(name);

		line += 2;
		if (strncasecmp(line, name, len) == 0 &&
		    strncmp(line + len, ": ", 2) == 0)
			return xmemdup0(line + len + 2, strcspn(line + len + 2, "\r"));
	}
	return NULL;
}

/* How long the body is that HEAD announces; -1: up to the end. */
static int64_t
stage_announced(const char *head, int status, bool is_head)
{
	char *length = stage_header(head, "Content-Length");
	int64_t bytes = length != NULL ? atoll(length) : -1;

	free(length);
	return is_head || status == 304 ? 0 : bytes;
}

/* Is all of an answer in IN? */
static bool
stage_is_complete(const struct buffer *in, bool is_head)
{
	const char *end = memmem(in->data, in->len, "\r\n\r\n", 4);
	char *head;
	int64_t bytes;

	if (end == NULL)
		return false;
	head = xmemdup0(in->data, (size_t)(end + 2 - in->data));
	bytes = stage_announced(head, atoi(head + 9), is_head);
	free(head);
	return bytes != -1 && in->len >= (size_t)(end + 4 - in->data) + (size_t)bytes;
}

static void
stage_read_reply(struct reply *reply, const struct buffer *in, bool is_head)
{
	const char *end = memmem(in->data, in->len, "\r\n\r\n", 4);
	size_t rest;
	int64_t bytes;

	buffer_init(&reply->body, BUFFER_UNLIMITED);
	assert_non_null(end);
	reply->head = xmemdup0(in->data, (size_t)(end + 2 - in->data));
	reply->status = atoi(reply->head + 9);
	rest = in->len - (size_t)(end + 4 - in->data);
	bytes = stage_announced(reply->head, reply->status, is_head);
	/* Where there is to be none, what has come all the same is to be seen. */
	if (bytes > 0 && (size_t)bytes < rest)
		rest = (size_t)bytes;
	buffer_append(&reply->body, end + 4, rest);
}

/* Turn the loop until an answer is there, or the connection has ended; TO_END: until that. */
UNUSED static void
stage_wait_reply(
    struct stage *stage, int fd, bool is_head, bool to_end, struct reply *reply)
{
	int64_t late_us = clock_now_us() + STAGE_PATIENCE_US;
	struct buffer in;

	buffer_init(&in, BUFFER_UNLIMITED);
	reply->ended = false;
	while (!reply->ended && (to_end || !stage_is_complete(&in, is_head))) {
		stage_turn(stage);
		reply->ended = !stage_receive(fd, &in);
		if (clock_now_us() > late_us)
			fail_msg("no answer; so far: %s", in.data);
	}
	stage_read_reply(reply, &in, is_head);
	buffer_clear(&in);
}

UNUSED static void
reply_clear(struct reply *reply)
{
	free(reply->head);
	buffer_clear(&reply->body);
}

/* Send TEXT on a connection of its own, and read what comes until that ends. */
UNUSED static void
stage_say(struct stage *stage, const char *text, struct reply *reply)
{
	int fd = stage_connect(stage);

	stage_send(fd, text);
	stage_wait_reply(stage, fd, strncmp(text, "HEAD", 4) == 0, false, reply);
	close(fd);
	stage_turn(stage);
}

/* METHOD PATH with the lines HEADERS, each with its end. */
UNUSED static void
stage_ask(struct stage *stage, const char *method, const char *path,
    const char *headers, struct reply *reply)
{
	char *text = xasprintf(
	    "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path, headers);

	stage_say(stage, text, reply);
	free(text);
}

UNUSED static void
reply_assert_header(const struct reply *reply, const char *name, const char *expected)
{
	char *value = stage_header(reply->head, name);

	if (expected == NULL ? value != NULL
	                     : value == NULL || strcmp(value, expected) != 0)
		fail_msg("%s is \"%s\", not \"%s\" in %s", name,
		    value != NULL ? value : "(none)",
		    expected != NULL ? expected : "(none)", reply->head);
	free(value);
}

#endif
