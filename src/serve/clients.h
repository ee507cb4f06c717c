/*
 * The connections of the listener: how many, since when, and when they are cut off.
 *
 * evhttp only knows idle timeouts, which a client that sends a byte now and then never meets.
 * So each connection's bufferevent is made here, and held by a reference of ours: by that we
 * see bytes come in, and cut it off by shutdown(2), whatever evhttp is doing with it. Private
 * to serve.
 */
#ifndef GATHERD_SERVE_CLIENTS_H
#define GATHERD_SERVE_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bufferevent;
struct client;
struct clients;
struct clock_source;
struct event_base;
struct evhttp;
struct evhttp_connection;

/* What a connection may take; tests take less. */
struct clients_limits {
	/* One more cuts off the one that has been longest without a complete request. */
	size_t max;
	/* From its first byte, a new one's from its coming, until a request is complete. */
	int64_t request_ms;
	/* All of a connection's requests and answers; but for events. When less than
	 * `request_ms` is left, no other request is waited for. */
	int64_t life_ms;
	unsigned max_requests;
};

extern const struct clients_limits clients_default_limits;

/* How often is looked who is late, while there are any; and towards the end. */
#define CLIENTS_SWEEP_MS      250
#define CLIENTS_LAST_SWEEP_MS 10
/* Towards the end: what a request has to be complete. */
#define CLIENTS_LAST_REQUEST_MS 200

/* Times are taken from CLOCK; it and LIMITS are copied. */
struct clients *clients_new(struct event_base *base,
    const struct clients_limits *limits, const struct clock_source *clock);
/* Watch the connections of HTTP, on the same base; it may be one of several. */
void clients_watch(struct clients *clients, struct evhttp *http);
/* ON_COMING is called for each connection that comes. */
void clients_on_coming(
    struct clients *clients, void (*on_coming)(void *arg), void *arg);
/* After all of those evhttps were freed. NULL is allowed. */
void clients_free(struct clients *clients);

/* The client of a connection with a request. */
struct client *clients_find(
    struct clients *clients, struct evhttp_connection *connection);

/* It has sent a complete request. Returns whether it may send another one after it: else the
 * answer has to say `Connection: close`. */
bool client_asked(struct client *client);
/* It was answered. */
void client_answered(struct client *client);
/* It follows events: its life has no end, and its own rules. */
void client_stays(struct client *client);
/* Cut it off, soon; its connection ends from the loop. */
void client_cut(struct client *client);

/* Cut off who is late, let go of who has ended. A timer does so, too. */
void clients_sweep(struct clients *clients);

/*
 * The end is near. Whoever is being answered has that answer, whoever has asked or is about to
 * has a moment to get so far; none may ask after that, and whoever has nothing to say goes.
 */
void clients_end(struct clients *clients);
/* Has the last one gone? */
bool clients_have_gone(const struct clients *clients);

size_t clients_count(const struct clients *clients);
/* How many were cut off since the beginning, for being slow, silent or too many. */
uint64_t clients_cut_count(const struct clients *clients);

#endif
