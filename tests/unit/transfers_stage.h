/*
 * What the tests of http/transfers stand on: a loop, a server on it, transfers, and names
 * that the test itself looks up.
 */
#ifndef GATHERD_TESTS_TRANSFERS_STAGE_H
#define GATHERD_TESTS_TRANSFERS_STAGE_H

#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "http/resolver.h"
#include "http/transfers.h"
#include "loopback.h"

#define SECOND_US INT64_C(1000000)
#define MS_US     INT64_C(1000)

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define OK_JSON OK_HEAD "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

struct stage {
	struct event_base *base;
	struct resolver *resolver;
	struct transfers *transfers;
	struct loopback *server;
	struct request request;
	const char *answer; /* what the server sends */
};

/* One transfer's report, kept. */
struct seen {
	unsigned reports;
	struct response response;
	char *location;
	struct transfer *transfer;
};

/* What the fake getaddrinfo(3) says; the resolver calls it in threads of its own. */
static atomic_uint fake_address;
static atomic_bool fake_hangs;
static atomic_uint fake_lookups;
static atomic_int_least64_t fake_now_us;

static inline struct addrinfo *
fake_result(in_addr_t number, struct addrinfo *next)
{
	struct addrinfo *found = xcalloc(1, sizeof(*found));
	struct sockaddr_in *address = xcalloc(1, sizeof(*address));

	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(number);
	found->ai_family = AF_INET;
	found->ai_socktype = SOCK_STREAM;
	found->ai_addr = (struct sockaddr *)address;
	found->ai_addrlen = sizeof(*address);
	found->ai_next = next;
	return found;
}

/* ::1 */
static inline struct addrinfo *
fake_result_6(struct addrinfo *next)
{
	struct addrinfo *found = xcalloc(1, sizeof(*found));
	struct sockaddr_in6 *address = xcalloc(1, sizeof(*address));

	address->sin6_family = AF_INET6;
	address->sin6_addr = in6addr_loopback;
	found->ai_family = AF_INET6;
	found->ai_socktype = SOCK_STREAM;
	found->ai_addr = (struct sockaddr *)address;
	found->ai_addrlen = sizeof(*address);
	found->ai_next = next;
	return found;
}

/* Before the usual address "two.test" has 127.0.0.2, and "both.test" ::1. */
static inline int
fake_lookup(const char *host, UNUSED const char *service,
    UNUSED const struct addrinfo *hints, struct addrinfo **result)
{
	fake_lookups++;
	while (fake_hangs)
		usleep(1000);
	if (strcmp(host, "nowhere.test") == 0)
		return EAI_NONAME;
	*result = fake_result(fake_address, NULL);
	if (strcmp(host, "two.test") == 0)
		*result = fake_result(INADDR_LOOPBACK + 1, *result);
	if (strcmp(host, "both.test") == 0)
		*result = fake_result_6(*result);
	return 0;
}

static inline void
fake_release(struct addrinfo *result)
{
	while (result != NULL) {
		struct addrinfo *next = result->ai_next;

		free(result->ai_addr);
		free(result);
		result = next;
	}
}

static inline int64_t
fake_now(UNUSED void *arg)
{
	return fake_now_us;
}

static inline int64_t
fake_wall(UNUSED void *arg)
{
	return fake_now_us / 1000;
}

static inline void
send_answer(struct loopback_peer *peer, UNUSED const char *text)
{
	const struct stage *stage = peer->server->arg;

	loopback_send(peer, stage->answer);
}

static inline void
send_answer_and_close(struct loopback_peer *peer, const char *text)
{
	send_answer(peer, text);
	loopback_close(peer);
}

static inline void
send_answer_and_reset(struct loopback_peer *peer, const char *text)
{
	send_answer(peer, text);
	/* The bytes should be read before the reset wipes them out. */
	usleep(20000);
	loopback_reset(peer);
}

static inline void
send_nothing(UNUSED struct loopback_peer *peer, UNUSED const char *text)
{
}

static inline struct stage *
new_stage(loopback_answer_fn *answer, const char *text)
{
	static const struct resolver_functions functions = { fake_lookup,
		fake_release };
	const struct clock_source clock = { fake_now, fake_wall, NULL };
	struct stage *stage = xcalloc(1, sizeof(*stage));

	fake_address = INADDR_LOOPBACK;
	fake_hangs = false;
	fake_lookups = 0;
	fake_now_us = SECOND_US;
	signal(SIGPIPE, SIG_IGN);
	stage->base = event_base_new();
	stage->resolver = resolver_new(stage->base, &functions, &clock);
	stage->transfers = transfers_new(stage->base, stage->resolver, 512, 4);
	stage->server = loopback_new(stage->base, answer, stage);
	stage->answer = text;
	request_init(&stage->request);
	stage->request.connect_timeout_us = 10 * SECOND_US;
	stage->request.max_body_bytes = 1024;
	stage->request.reuse = true;
	stage->request.keep_body = true;
	return stage;
}

static inline void
free_stage(struct stage *stage)
{
	fake_hangs = false;
	request_clear(&stage->request);
	transfers_free(stage->transfers);
	resolver_free(stage->resolver);
	loopback_free(stage->server);
	event_base_free(stage->base);
	free(stage);
}

static inline void
forget(struct seen *seen)
{
	response_clear(&seen->response);
	free(seen->location);
	*seen = (struct seen){ 0 };
}

static inline void
on_done(struct response *response, const char *location, void *arg)
{
	struct seen *seen = arg;

	seen->reports++;
	seen->response = *response;
	*response = (struct response){ 0 };
	seen->location = location != NULL ? xstrdup(location) : NULL;
	seen->transfer = NULL;
}

/* The stage's request becomes one for PATH at AUTHORITY, "%u" in it being the port. */
static inline void
aim_at(struct stage *stage, const char *format)
{
	char text[256];
	const char *why;

	snprintf(text, sizeof(text), format, stage->server->port);
	url_clear(&stage->request.url);
	assert_true(url_parse(text, &stage->request.url, &why));
}

static inline void
start_within(struct stage *stage, struct seen *seen, int64_t timeout_us)
{
	const struct hop hop = {
		.request = &stage->request,
		.url = &stage->request.url,
		.with_body = true,
		.with_secrets = true,
		.deadline_us = transfers_now_us(stage->transfers) + timeout_us,
	};

	seen->transfer = transfer_start(stage->transfers, &hop, on_done, seen);
	assert_int_equal(seen->reports, 0);
}

static inline void
await(struct stage *stage, const struct seen *seen)
{
	while (seen->reports == 0)
		event_base_loop(stage->base, EVLOOP_ONCE);
	assert_int_equal(seen->reports, 1);
}

/* Ask, and wait for the report. */
static inline void
ask_within(struct stage *stage, struct seen *seen, int64_t timeout_us)
{
	forget(seen);
	start_within(stage, seen, timeout_us);
	await(stage, seen);
}

static inline void
ask(struct stage *stage, struct seen *seen)
{
	ask_within(stage, seen, 10 * SECOND_US);
}

/* Let the loop run for so long. */
static inline unsigned
run_for_ms(struct stage *stage, int64_t ms)
{
	const struct timeval turn = { .tv_usec = 5000 };
	int64_t end_us = clock_now_us() + ms * 1000;
	unsigned turns = 0;

	while (clock_now_us() < end_us) {
		event_base_loopexit(stage->base, &turn);
		event_base_loop(stage->base, EVLOOP_ONCE);
		turns++;
	}
	return turns;
}

static inline bool
sent(const struct stage *stage, const char *line)
{
	return strstr(stage->server->last, line) != NULL;
}

/* A socket that listens at ADDRESS:PORT and whose queue is full: the kernel lets further
 * attempts wait. FDS are to be closed. */
static inline void
open_full_port(const char *text, uint16_t port, int fds[static 3])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int on = 1;

	address.sin_addr.s_addr = inet_addr(text);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fds[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	for (int i = 1; i < 3; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fds[i], (struct sockaddr *)&address, sizeof(address));
	}
}

static inline void
close_full_port(const int fds[static 3])
{
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

#endif
