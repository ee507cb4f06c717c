#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SINK_BYTES ((size_t)256 * 1024)

_Noreturn void
die(const char *what)
{
	fprintf(stderr, "clients: %s: %s\n", what, strerror(errno));
	exit(2);
}

void *
grow(void *memory, size_t count, size_t size)
{
	void *grown = reallocarray(memory, count, size);

	if (grown == NULL)
		die("memory");
	return grown;
}

int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

/* ---- Connections ---- */

static void
await(struct load *load, struct client *client, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (epoll_ctl(load->epoll_fd, operation, client->fd, &event) == -1)
		die("epoll_ctl");
}

static void
disconnect(struct client *client)
{
	if (client->fd != -1)
		close(client->fd);
	client->fd = -1;
}

static void
become_idle(struct load *load, struct client *client)
{
	client->state = CLIENT_IDLE;
	load->idle[(load->idle_first + load->idle_count++) % load->client_count] =
	    client;
}

static void
fail(struct load *load, struct client *client, uint64_t *count)
{
	++*count;
	disconnect(client);
	become_idle(load, client);
}

static void
send_request(struct load *load, struct client *client)
{
	/* It is shorter than any socket's buffer. */
	ssize_t sent = send(client->fd, load->request, load->request_len, MSG_NOSIGNAL);
	bool is_closed = sent == -1 && (errno == EPIPE || errno == ECONNRESET);

	/* That the server closed it meanwhile shows when the answer is read. */
	if (sent != (ssize_t)load->request_len && !is_closed) {
		fail(load, client, &load->counts.errors);
		return;
	}
	client->state = CLIENT_HEAD;
	client->head_len = 0;
}

static void
connect_client(struct load *load, struct client *client)
{
	const int on = 1;

	load->counts.connects++;
	client->answer_count = 0;
	client->fd = socket(
	    load->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd == -1)
		die("socket");
	if (load->address.ss_family != AF_UNIX)
		setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(client->fd, (struct sockaddr *)&load->address, load->address_len) ==
	    0) {
		await(load, client, EPOLL_CTL_ADD, EPOLLIN);
		send_request(load, client);
	} else if (errno == EINPROGRESS) {
		await(load, client, EPOLL_CTL_ADD, EPOLLOUT);
		client->state = CLIENT_CONNECTING;
	} else {
		fail(load, client, &load->counts.errors);
	}
}

static void
on_connected(struct load *load, struct client *client)
{
	int fault = 0;
	socklen_t len = sizeof(fault);

	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &fault, &len);
	if (fault != 0) {
		fail(load, client, &load->counts.errors);
		return;
	}
	await(load, client, EPOLL_CTL_MOD, EPOLLIN);
	send_request(load, client);
}

/* The server has ended the connection. */
static void
lose(struct load *load, struct client *client)
{
	struct counts *counts = &load->counts;

	switch (client->state) {
	case CLIENT_IDLE:
		disconnect(client);
		break;
	case CLIENT_BODY:
		fail(load, client, &counts->short_bodies);
		break;
	case CLIENT_CONNECTING:
	case CLIENT_HEAD:
		/* It may close one that is kept just as we ask: RFC 9112, 9.3.1. */
		if (client->answer_count > 0 && client->head_len == 0) {
			counts->retries++;
			disconnect(client);
			connect_client(load, client);
		} else {
			fail(load, client, &counts->errors);
		}
		break;
	}
}

/* ---- Answers ---- */

static void
keep_latency(struct load *load, int64_t us)
{
	if (load->latency_count == load->latency_capacity) {
		load->latency_capacity = 2 * load->latency_capacity + 1024;
		load->latencies_us = grow(load->latencies_us, load->latency_capacity,
		    sizeof(*load->latencies_us));
	}
	load->latencies_us[load->latency_count++] =
	    us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* Whether it is the same as another answer with this ETag, where one is kept. */
static bool
is_same(struct load *load, struct client *client)
{
	struct kept *kept;

	load->counts.compared++;
	for (size_t i = 0; i < ETAGS_KEPT; i++) {
		kept = &load->kept[i];
		if (strcmp(kept->etag, client->etag) == 0)
			return kept->len == client->body_len &&
			    memcmp(kept->body, client->body, kept->len) == 0;
	}
	kept = &load->kept[load->kept_next++ % ETAGS_KEPT];
	memcpy(kept->etag, client->etag, sizeof(kept->etag));
	kept->len = client->body_len;
	kept->body = grow(kept->body, kept->len + 1, 1);
	memcpy(kept->body, client->body, kept->len);
	return true;
}

static void
finish_answer(struct load *load, struct client *client)
{
	bool compared = client->is_compared && client->etag[0] != '\0';

	load->last_us = now_us();
	client->answer_count++;
	load->counts.bytes += client->body_len;
	if (compared && !is_same(load, client))
		load->counts.torn++;
	else
		load->counts.answers++;
	keep_latency(load, load->last_us - client->due_us);
	if (client->closes)
		disconnect(client);
	become_idle(load, client);
}

/* The value of header NAME, which begins with a line's end and ends with a colon, in HEAD;
 * NULL: there is none. */
static const char *
header(const char *head, const char *name)
{
	const char *found = strcasestr(head, name);

	if (found == NULL)
		return NULL;
	found += strlen(name);
	return found + strspn(found, " \t");
}

static void
read_etag(struct client *client)
{
	const char *etag = header(client->head, "\r\nETag:");
	size_t len = etag == NULL ? 0 : strcspn(etag, "\r");

	if (len >= sizeof(client->etag))
		len = 0;
	if (len > 0)
		memcpy(client->etag, etag, len);
	client->etag[len] = '\0';
}

/* The head has come, and ends in '\0'; some of the body may be behind it already. */
static void
begin_body(struct load *load, struct client *client, size_t behind)
{
	const char *length = header(client->head, "\r\nContent-Length:");
	const char *connection = header(client->head, "\r\nConnection:");
	int status = 0;

	if (sscanf(client->head, "HTTP/1.1 %3d ", &status) != 1 ||
	    (length == NULL && status != 304)) {
		fail(load, client, &load->counts.errors);
		return;
	}
	if (status / 100 != 2 && status != 304) {
		fail(load, client, &load->counts.refused);
		return;
	}
	client->body_len = status == 304 ? 0 : strtoul(length, NULL, 10);
	client->closes = connection != NULL && strncasecmp(connection, "close", 5) == 0;
	read_etag(client);
	if (client->is_compared && client->body_len > client->body_capacity) {
		client->body_capacity = client->body_len;
		client->body = grow(client->body, client->body_capacity, 1);
	}
	/* More than there should be: it was not asked for more than one answer. */
	if (behind > client->body_len) {
		fail(load, client, &load->counts.errors);
		return;
	}
	if (client->is_compared)
		memcpy(client->body, client->head + client->head_len, behind);
	client->body_got = behind;
	client->state = CLIENT_BODY;
	if (client->body_got == client->body_len)
		finish_answer(load, client);
}

/* Returns false where there is nothing to read for now. */
static bool
read_head(struct load *load, struct client *client)
{
	char *head = client->head;
	size_t len = client->head_len;
	ssize_t got = recv(client->fd, head + len, MAX_HEAD_BYTES - len, 0);
	char *end;

	if (got == -1 && errno == EAGAIN)
		return false;
	if (got <= 0) {
		lose(load, client);
		return false;
	}
	client->head_len += (size_t)got;
	head[client->head_len] = '\0';
	end = strstr(head, "\r\n\r\n");
	if (end != NULL) {
		size_t behind = client->head_len - (size_t)(end + 4 - head);

		end[2] = '\0';
		client->head_len -= behind;
		begin_body(load, client, behind);
	} else if (client->head_len == MAX_HEAD_BYTES) {
		fail(load, client, &load->counts.errors);
	}
	return true;
}

/* Returns false where there is nothing to read for now. */
static bool
read_body(struct load *load, struct client *client)
{
	static char sink[SINK_BYTES];
	size_t left = client->body_len - client->body_got;
	ssize_t got;

	if (client->is_compared)
		got = recv(client->fd, client->body + client->body_got, left, 0);
	else /* TCP throws away, without copying it, what is to be truncated: tcp(7) */
		got = recv(client->fd, sink, left < SINK_BYTES ? left : SINK_BYTES,
		    load->address.ss_family == AF_UNIX ? 0 : MSG_TRUNC);
	if (got == -1 && errno == EAGAIN)
		return false;
	if (got <= 0) {
		lose(load, client);
		return false;
	}
	client->body_got += (size_t)got;
	if (client->body_got == client->body_len)
		finish_answer(load, client);
	return true;
}

/* Something has come where nothing was asked: only an end may. */
static void
read_unasked(struct load *load, struct client *client)
{
	char byte;

	if (recv(client->fd, &byte, 1, 0) == 1)
		load->counts.errors++;
	lose(load, client);
}

void
client_serve(struct load *load, struct client *client)
{
	/* It was dropped, and another event was for it. */
	if (client->fd == -1)
		return;
	switch (client->state) {
	case CLIENT_IDLE:
		read_unasked(load, client);
		break;
	case CLIENT_CONNECTING:
		on_connected(load, client);
		break;
	case CLIENT_HEAD:
	case CLIENT_BODY:
		while (client->state == CLIENT_HEAD && read_head(load, client))
			continue;
		while (client->state == CLIENT_BODY && read_body(load, client))
			continue;
		break;
	}
}

/* ---- The load ---- */

void
load_ask(struct load *load, int64_t due_us)
{
	struct client *client = load->idle[load->idle_first];

	load->idle_first = (load->idle_first + 1) % load->client_count;
	load->idle_count--;
	client->due_us = due_us;
	client->is_compared =
	    load->compare_each > 0 && load->counts.requests % load->compare_each == 0;
	load->counts.requests++;
	if (client->fd == -1)
		connect_client(load, client);
	else
		send_request(load, client);
}

void
load_begin(struct load *load)
{
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (load->epoll_fd == -1)
		die("epoll");
	load->clients = grow(NULL, load->client_count, sizeof(*load->clients));
	load->idle = grow(NULL, load->client_count, sizeof(struct client *));
	for (size_t i = 0; i < load->client_count; i++) {
		load->clients[i] = (struct client){ .fd = -1 };
		become_idle(load, &load->clients[i]);
	}
}

void
load_end(struct load *load)
{
	for (size_t i = 0; i < load->client_count; i++) {
		disconnect(&load->clients[i]);
		free(load->clients[i].body);
	}
	for (size_t i = 0; i < ETAGS_KEPT; i++)
		free(load->kept[i].body);
	free(load->clients);
	free(load->idle);
	free(load->latencies_us);
	close(load->epoll_fd);
}
