/*
 * Server-Sent Events (WHATWG HTML, "Server-sent events"): for each generation the entries that
 * changed, to all who follow. Private to serve.
 *
 * Each event is of type `generation`; its id is the edition that is shown, "GENERATION-EPOCH"
 * (see shown.h), and its data is
 *   {"generation": N, "complete": BOOL, "summary": {the document's head}, "entries": [cards]}
 * With `complete`, entries are all there are, in order; else those that changed since the event
 * before, or since the client's Last-Event-ID. An id that was not given here is none: that of
 * another run may have the number of another document.
 */
#ifndef GATHERD_SERVE_EVENTS_H
#define GATHERD_SERVE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct event_base;
struct events;
struct evhttp_request;
struct shown;
struct snapshot;

#define EVENTS_CONTENT_TYPE "text/event-stream"

/* More of them are told to come back later. */
#define EVENTS_MAX_CLIENTS 64
/* One that has that many bytes before it when the next event comes, since it does not read, is
 * dropped. */
#define EVENTS_MAX_BACKLOG ((size_t)256 * 1024)
/* Silence is broken by a comment after so long, so that a dead connection is noticed, by
 * proxies, too. */
#define EVENTS_HEARTBEAT_MS 15000

/* SHOWN, borrowed, says the editions. */
struct events *events_new(struct event_base *base, const struct shown *shown);
/* Cuts off whoever still follows. */
void events_free(struct events *events);

/* All streams end well, once what stands before their ends has gone out; one that begins after
 * that has the generation that is shown, and ends. */
void events_end(struct events *events);

/* REQUEST, of CLIENT, follows from now on; LAST_ID is its Last-Event-ID, NULL: it has none.
 * Returns false where there are too many: REQUEST is still to be answered then. */
bool events_follow(struct events *events, struct evhttp_request *request,
    struct client *client, const char *last_id);

/* SNAPSHOT (borrowed until the next one) is shown from now on, by `shown`, too. */
void events_show(struct events *events, struct snapshot *snapshot);

size_t events_count(const struct events *events);

#endif
