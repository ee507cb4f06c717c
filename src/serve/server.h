/*
 * The listener: HTTP/1.1 by libevent's evhttp, in a thread of its own with a loop of its own,
 * so that no client, however many or slow, takes the time of those who are gathered.
 *
 * It shows the snapshot that it was given last. All functions are for the thread that made it;
 * none of them waits, but for server_listen(), server_free() and server_leave().
 */
#ifndef GATHERD_SERVE_SERVER_H
#define GATHERD_SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct clients_limits;
struct health;
struct listening;
struct server;
struct snapshot;

/* At the end whoever has asked is answered, for so long; and whoever waits for the thread does
 * not do so for longer than that. */
#define SERVER_FAREWELL_US INT64_C(400000)
#define SERVER_PATIENCE_US INT64_C(500000)

/* How many descriptors it may need: for clients, for those that were cut off in the last two
 * turns of its loop, for itself. */
#define SERVER_MAX_DESCRIPTORS ((size_t)256 + 64 + 32)

/* Since the start. */
struct server_counts {
	uint64_t
	    requests[6]; /* by the first digit of the answer's status; 0 is unused */
	uint64_t cut_connections; /* for being slow, silent or too many */
	size_t connections;       /* right now */
	size_t event_clients;
};

/* Starts its thread, which listens nowhere yet. HOST is the machine's name: see serve/hosts.h.
 * Returns NULL with errno set where the system refuses a part. */
struct server *server_new(const char *host);
/* With other limits, for tests; copied. */
struct server *server_new_limited(
    const char *host, const struct clients_limits *limits);
/* Ends the thread and all connections. NULL is allowed. */
void server_free(struct server *server);
/* Likewise, but waits only until nothing is listened at any more: the thread says farewell to
 * its clients, and ends, by itself. */
void server_leave(struct server *server);

/* From now on at these sockets, which are taken over (LISTENING is empty then), and no longer
 * at those before; connections that stand go on. Waits until those before are closed, so that
 * their address can be listened at again; but not longer than SERVER_PATIENCE_US. */
void server_listen(struct server *server, struct listening *listening);

/* The sockets stay; who is admitted is as listening_admit() has it. */
void server_admit(struct server *server, mode_t mode, bool is_public);

/* From now on it shows SNAPSHOT, made with `samples` and `cards`; a reference is taken. */
void server_show(struct server *server, struct snapshot *snapshot);

/* What /healthz goes by; copied. */
void server_set_health(struct server *server, const struct health *health);

void server_count(struct server *server, struct server_counts *counts);

#endif
