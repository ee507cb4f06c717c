/*
 * What the tests of serve/server stand on: a server in its own thread, and a board whose
 * snapshots it shows. To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_SERVER_STAGE_H
#define GATHERD_TESTS_UNIT_SERVER_STAGE_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "config/config.h"
#include "config/listen.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/metrics/vitals.h"
#include "publish/snapshot.h"
#include "serve/clients.h"
#include "serve/health.h"
#include "serve/listening.h"
#include "serve/server.h"
#include "serve_client.h"

#define HEALTH   "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define DOCUMENT "GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define EVENTS   "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"

#define TARGET_COUNT 3

/* What is "at once" on a machine that does much else. */
#define AT_ONCE_US INT64_C(2000000)

struct stage {
	struct server *server;
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	uint16_t port; /* that it listens at */
	char path[64]; /* likewise */
	unsigned descriptors;
};

/* ---- the stage ---- */

UNUSED static void
stage_open_limited(struct stage *stage, const struct clients_limits *limits)
{
	const struct snapshot_wants wants = { .samples = true, .cards = true };

	memset(stage, 0, sizeof(*stage));
	stage->descriptors = open_descriptors();
	snprintf(stage->path, sizeof(stage->path), "/tmp/gatherd-server.%d", getpid());
	stage->config = fake_config_new(TARGET_COUNT);
	stage->config->interval_ms = 30000;
	stage->config->output.max_size_bytes = (size_t)64 * 1024 * 1024;
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "gatherd 1.2.3", "web1");
	snapshot_maker_want(stage->maker, &wants);
	stage->server = server_new_limited("web1", limits);
	assert_non_null(stage->server);
}

/* At a port of the loopback that the system chooses. */
UNUSED static void
listen_at_port(struct stage *stage)
{
	struct sockaddr_in loopback = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct listen_address address = {
		.kind = LISTEN_TCP,
		.socket_len = sizeof(loopback),
	};
	struct listening listening = { 0 };

	memcpy(&address.socket, &loopback, sizeof(loopback));
	assert_true(listening_open(&listening, &address, 0600, false));
	stage->port = port_of(listening.sockets[0].fd);
	server_listen(stage->server, &listening);
	assert_int_equal(listening.count, 0);
}

UNUSED static void
listen_at_path(struct stage *stage)
{
	struct listening listening = { 0 };
	struct listen_address address;
	char text[80], *fault;

	snprintf(text, sizeof(text), "unix:%s", stage->path);
	assert_true(listen_parse(text, &address, &fault));
	assert_true(listening_open(&listening, &address, 0600, false));
	server_listen(stage->server, &listening);
}

UNUSED static void
stage_open(struct stage *stage)
{
	stage_open_limited(stage, &clients_default_limits);
	listen_at_port(stage);
}

UNUSED static void
stage_close(struct stage *stage)
{
	server_free(stage->server);
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
	assert_int_equal(open_descriptors(), stage->descriptors);
}

UNUSED static void
show(struct stage *stage, uint64_t generation)
{
	static const struct round_summary round = { .number = 1 };
	const struct vitals vitals = { .started_at_ms = clock_wall_ms() };
	const struct snapshot_head head = {
		.generation = generation,
		.round = &round,
		.now_ms = clock_wall_ms(),
		.now_us = clock_now_us(),
		.vitals = &vitals,
	};
	struct snapshot *snapshot = snapshot_make(stage->maker, &head);

	server_show(stage->server, snapshot);
	snapshot_unref(snapshot);
}

UNUSED static void
be_well(struct stage *stage)
{
	const struct health health = { .due_at_us = clock_now_us() + 30000000 };

	server_set_health(stage->server, &health);
}

/* ---- asking ---- */

static char heard[1 << 20];

/* The whole answer, until the next call. */
UNUSED static const char *
answer_to(int fd, const char *text)
{
	if (!say(fd, text) || !hear_answer(fd, heard, sizeof(heard)))
		fail_msg("no answer, but: %s", heard);
	return heard;
}

UNUSED static int
come(const struct stage *stage)
{
	int fd = connect_to_port(stage->port);

	assert_int_not_equal(fd, -1);
	return fd;
}

UNUSED static const char *
ask(const struct stage *stage, const char *text)
{
	int fd = come(stage);
	const char *answer = answer_to(fd, text);

	close(fd);
	return answer;
}

UNUSED static bool
says(const char *answer, const char *status)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 &&
	    strncmp(answer + 9, status, 3) == 0;
}

/* Wait until COUNTS are what the test expects: the thread tells of what it did a little
 * after it was seen. */
#define WAIT_FOR(stage, counts, expected)                                   \
	do {                                                                \
		int64_t until_us_ = clock_now_us() + PATIENCE_S * 1000000;  \
		for (server_count((stage)->server, &(counts)); !(expected); \
		     server_count((stage)->server, &(counts))) {            \
			if (clock_now_us() > until_us_)                     \
				fail_msg("%s is not so", #expected);        \
			usleep(2000);                                       \
		}                                                           \
	} while (0)

UNUSED static void
wait_for_connections(struct stage *stage, size_t count)
{
	struct server_counts counts;

	WAIT_FOR(stage, counts, counts.connections == count);
}

#endif
