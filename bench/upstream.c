/*
 * A fast HTTP/1.1 server to measure against: one thread, epoll(7), keep-alive, nothing
 * else. What it costs should be small beside what is measured.
 *
 *	upstream [-p PORT]	listens on 127.0.0.0/8 and prints the port, free unless given
 *
 *	/json		300 bytes of JSON
 *	/size/N		N bytes of JSON (at least 2)
 *	/delay/MS	as /json, after MS milliseconds
 *	/count		how many requests came so far, this one not counted
 *	/v1beta/...	POST: a language model's answer, by Gemini's API
 *
 * It reads GET requests, and POST requests with a Content-Length, and trusts its client.
 * SIGTERM ends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST_BYTES 8192
#define MAX_HEAD_BYTES    160
#define JSON_BYTES        300
#define BACKLOG           4096
#define EVENTS_AT_ONCE    256

struct client {
	int fd;
	bool writable_awaited;
	size_t request_len; /* of `request`: what was not answered yet */
	size_t answer_len;
	size_t answer_sent;
	size_t answer_capacity;
	char *answer; /* owned */
	char request[MAX_REQUEST_BYTES + 1];
};

/* A client that gets its answer at `due_us`; a binary heap, the next one on top. */
struct delay {
	int64_t due_us;
	struct client *client;
};

struct server {
	int epoll_fd;
	int listen_fd;
	uint64_t request_count;
	struct delay *delays; /* owned */
	size_t delay_count;
	size_t delay_capacity;
};

static volatile sig_atomic_t is_ending;

static void
on_signal(int number)
{
	(void)number;
	is_ending = 1;
}

static void
die(const char *what)
{
	fprintf(stderr, "upstream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *
grow(void *memory, size_t count, size_t size)
{
	void *grown = reallocarray(memory, count, size);

	if (grown == NULL)
		die("memory");
	return grown;
}

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- Delays ---- */

static void
swap(struct delay *a, struct delay *b)
{
	struct delay kept = *a;

	*a = *b;
	*b = kept;
}

static void
add_delay(struct server *server, struct client *client, int64_t due_us)
{
	struct delay *heap;
	size_t at = server->delay_count++;

	if (server->delay_count > server->delay_capacity) {
		server->delay_capacity = 2 * server->delay_count;
		server->delays = grow(
		    server->delays, server->delay_capacity, sizeof(*server->delays));
	}
	heap = server->delays;
	heap[at] = (struct delay){ due_us, client };
	while (at > 0 && heap[(at - 1) / 2].due_us > heap[at].due_us) {
		swap(&heap[at], &heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

static void
remove_delay(struct server *server, size_t at)
{
	struct delay *heap = server->delays;
	size_t count = --server->delay_count;

	heap[at] = heap[count];
	while (at > 0 && heap[(at - 1) / 2].due_us > heap[at].due_us) {
		swap(&heap[at], &heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
			if (child < count && heap[child].due_us < heap[least].due_us)
				least = child;
		}
		if (least == at)
			return;
		swap(&heap[at], &heap[least]);
		at = least;
	}
}

static int
wait_ms(const struct server *server)
{
	int64_t left_us;

	if (server->delay_count == 0)
		return -1;
	left_us = server->delays[0].due_us - now_us();
	return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}

/* ---- Answers ---- */

static char *
reserve(struct client *client, size_t len)
{
	size_t needed = client->answer_len + len;

	if (needed > client->answer_capacity) {
		client->answer_capacity = 2 * needed;
		client->answer = grow(client->answer, client->answer_capacity, 1);
	}
	return client->answer + client->answer_len;
}

static void
append_head(struct client *client, const char *status, size_t body_len)
{
	int len = snprintf(reserve(client, MAX_HEAD_BYTES), MAX_HEAD_BYTES,
	    "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    status, body_len);

	client->answer_len += (size_t)len;
}

/* An array of objects, filled up by blanks to exactly LEN bytes. */
static void
append_json(struct client *client, size_t len)
{
	static const char entry[] = "{\"id\":1234,\"name\":\"item\",\"price\":12.50},";
	const size_t entry_len = sizeof(entry) - 1;
	char *body;
	size_t at = 1;

	append_head(client, "200 OK", len);
	body = reserve(client, len);
	body[0] = '[';
	for (; at + entry_len + 1 <= len; at += entry_len)
		memcpy(body + at, entry, entry_len);
	if (at > 1)
		body[at - 1] = ' '; /* the last comma */
	memset(body + at, ' ', len - at);
	body[len - 1] = ']';
	client->answer_len += len;
}

static void
append_text(struct client *client, const char *status, const char *text)
{
	size_t len = strlen(text);

	append_head(client, status, len);
	memcpy(reserve(client, len), text, len);
	client->answer_len += len;
}

static void
append_count(const struct server *server, struct client *client)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)server->request_count);
	append_text(client, "200 OK", text);
}

static const char model_answer[] =
    "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"All is well.\"}], "
    "\"role\": \"model\"}, \"finishReason\": \"STOP\", \"index\": 0}], "
    "\"usageMetadata\": {\"promptTokenCount\": 21, \"candidatesTokenCount\": 5, "
    "\"totalTokenCount\": 26}, \"modelVersion\": \"bench-1\"}";

/* Returns false where the answer comes later. */
static bool
answer(struct server *server, struct client *client, const char *path)
{
	if (strncmp(path, "/count ", 7) == 0) {
		append_count(server, client);
		return true;
	}
	server->request_count++;
	if (strncmp(path, "/json ", 6) == 0) {
		append_json(client, JSON_BYTES);
	} else if (strncmp(path, "/size/", 6) == 0) {
		size_t len = strtoul(path + 6, NULL, 10);

		append_json(client, len < 2 ? 2 : len);
	} else if (strncmp(path, "/delay/", 7) == 0) {
		long ms = strtol(path + 7, NULL, 10);

		add_delay(server, client, now_us() + (int64_t)ms * 1000);
		return false;
	} else if (strncmp(path, "/v1beta/", 8) == 0) {
		append_text(client, "200 OK", model_answer);
	} else {
		append_text(client, "404 Not Found", "null");
	}
	return true;
}

/* ---- Clients ---- */

static void
close_client(struct server *server, struct client *client)
{
	for (size_t i = 0; i < server->delay_count; i++) {
		if (server->delays[i].client == client) {
			remove_delay(server, i);
			break;
		}
	}
	close(client->fd);
	free(client->answer);
	free(client);
}

static void
await(struct server *server, struct client *client, bool writable)
{
	struct epoll_event event = {
		.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = client,
	};

	if (client->writable_awaited == writable)
		return;
	client->writable_awaited = writable;
	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) == -1)
		die("epoll_ctl");
}

/* Returns false where the client is gone. */
static bool
send_answers(struct server *server, struct client *client)
{
	while (client->answer_sent < client->answer_len) {
		ssize_t sent = send(client->fd, client->answer + client->answer_sent,
		    client->answer_len - client->answer_sent, MSG_NOSIGNAL);

		if (sent == -1 && errno == EAGAIN) {
			await(server, client, true);
			return true;
		}
		if (sent == -1)
			return false;
		client->answer_sent += (size_t)sent;
	}
	client->answer_len = 0;
	client->answer_sent = 0;
	await(server, client, false);
	return true;
}

/* Where REQUEST, which begins with its method, ends; NULL: it has not arrived as a whole. */
static char *
end_of_request(char *request)
{
	static const char length[] = "\r\nContent-Length: ";
	char *end = strstr(request, "\r\n\r\n");
	char *header;
	size_t body_len = 0;

	if (end == NULL)
		return NULL;
	header = strstr(request, length);
	if (header != NULL && header < end)
		body_len = strtoul(header + sizeof(length) - 1, NULL, 10);
	end += 4;
	return strlen(end) >= body_len ? end + body_len : NULL;
}

/* Answer all whole requests that have arrived. */
static void
take_requests(struct server *server, struct client *client)
{
	char *request = client->request;
	char *end;

	request[client->request_len] = '\0';
	while ((end = end_of_request(request)) != NULL) {
		const char *path = strchr(request, ' ');
		bool answered = path != NULL && answer(server, client, path + 1);

		request = end;
		if (!answered)
			break;
	}
	client->request_len -= (size_t)(request - client->request);
	memmove(client->request, request, client->request_len);
}

static void
serve(struct server *server, struct client *client, uint32_t events)
{
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
		ssize_t len = recv(client->fd, client->request + client->request_len,
		    MAX_REQUEST_BYTES - client->request_len, 0);

		if (len == 0 || (len == -1 && errno != EAGAIN)) {
			close_client(server, client);
			return;
		}
		if (len > 0) {
			client->request_len += (size_t)len;
			take_requests(server, client);
		}
	}
	if (!send_answers(server, client))
		close_client(server, client);
}

static void
answer_due(struct server *server)
{
	int64_t now = now_us();

	while (server->delay_count > 0 && server->delays[0].due_us <= now) {
		struct client *client = server->delays[0].client;

		remove_delay(server, 0);
		append_json(client, JSON_BYTES);
		take_requests(server, client);
		if (!send_answers(server, client))
			close_client(server, client);
	}
}

static void
accept_all(struct server *server)
{
	const int on = 1;
	int fd;

	while ((fd = accept4(server->listen_fd, NULL, NULL,
	            SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		struct client *client = grow(NULL, 1, sizeof(*client));
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

		*client = (struct client){ .fd = fd };
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
			die("epoll_ctl");
	}
}

/* ---- The server ---- */

static void
open_server(struct server *server, uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_ANY),
	};
	socklen_t len = sizeof(address);
	struct epoll_event event = { .events = EPOLLIN }; /* data: NULL */
	const int on = 1;

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->listen_fd =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->epoll_fd == -1 || server->listen_fd == -1)
		die("socket");
	setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* All of 127.0.0.0/8, so that one server can play many hosts, and nothing else. */
	if (setsockopt(server->listen_fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == -1)
		die("loopback");
	if (bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)) ==
	        -1 ||
	    listen(server->listen_fd, BACKLOG) == -1 ||
	    getsockname(server->listen_fd, (struct sockaddr *)&address, &len) == -1 ||
	    epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &event) == -1)
		die("listen");
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
}

static void
run(struct server *server)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	while (!is_ending) {
		int count = epoll_wait(
		    server->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(server));

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				accept_all(server);
			else
				serve(server, events[i].data.ptr, events[i].events);
		}
		answer_due(server);
	}
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
	const struct sigaction ending = { .sa_handler = on_signal };
	struct server server = { 0 };
	uint16_t port = 0;
	int option;

	while ((option = getopt(argc, argv, "p:")) != -1) {
		if (option != 'p') {
			fprintf(stderr, "usage: upstream [-p PORT]\n");
			return 2;
		}
		port = (uint16_t)strtoul(optarg, NULL, 10);
	}
	sigaction(SIGTERM, &ending, NULL);
	sigaction(SIGINT, &ending, NULL);
	raise_descriptor_limit();
	open_server(&server, port);
	run(&server);
	free(server.delays);
	return 0;
}
