#include "serve/events.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "publish/snapshot.h"
#include "serve/clients.h"
#include "serve/shared_text.h"
#include "serve/shown.h"

/* On connect: come back two seconds after the connection was lost. */
#define GREETING "retry: 2000\n\n"
/* A comment. */
#define HEARTBEAT ":\n\n"

/* Small, so that what a client does not read lies here, where it is seen. */
#define SEND_BUFFER_BYTES (64 * 1024)

/* A host that is gone is noticed after so long. */
#define UNACKNOWLEDGED_MS 60000u

struct follower {
	LIST_ENTRY(follower) link;
	struct events *events;
	struct evhttp_request *request; /* evhttp's, until its connection ends */
	struct client *client;
	bool knows_all; /* but for what came after the next: */
	uint64_t last;  /* the generation that it was sent last */
	size_t backlog; /* bytes before it after that, or when it was looked at last */
	bool stands;    /* it took none between two looks */
	bool is_cut;
};

/* The event of the generation that is shown for clients that know an older one. */
struct news {
	struct shared_text *text; /* NULL: not made */
	uint64_t since;
};

struct events {
	struct event *heartbeat;
	LIST_HEAD(follower_list, follower) followers;
	size_t count;
	bool are_over;

	const struct shown *shown; /* borrowed */
	struct snapshot *snapshot; /* borrowed; NULL: none yet */
	uint64_t generation;       /* of it */
	uint64_t previous;         /* shown before it */
	uint64_t layout;
	uint64_t layout_since; /* the first one that has the same entries */
	struct news all;
	struct news latest; /* since the previous one */
	struct news other;
};

/* ---- texts ---- */

static void
append_span(struct buffer *out, struct span span)
{
	buffer_append(out, span.text, span.len);
}

/* The cards of those that changed after the generation SINCE, or of all. */
static void
append_cards(
    struct buffer *out, const struct snapshot *snapshot, bool complete, uint64_t since)
{
	size_t count = snapshot_entry_count(snapshot);
	const char *before = "";
	struct snapshot_entry entry;

	for (size_t i = 0; i < count; i++) {
		snapshot_entry(snapshot, i, &entry);
		if (!complete && entry.changed_in <= since)
			continue;
		buffer_append_string(out, before);
		append_span(out, entry.card);
		before = ", ";
	}
}

static struct shared_text *
make_text(const struct events *events, bool complete, uint64_t since)
{
	char edition[SHOWN_EDITION_SIZE];
	struct buffer out;

	shown_edition(events->shown, edition);
	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_format(&out,
	    "id: %s\nevent: generation\n"
	    "data: {\"generation\": %" PRIu64 ", \"complete\": %s, \"summary\": ",
	    edition, events->generation, complete ? "true" : "false");
	append_span(&out, snapshot_summary(events->snapshot));
	buffer_append_string(&out, ", \"entries\": [");
	append_cards(&out, events->snapshot, complete, since);
	buffer_append_string(&out, "]}\n\n");
	return shared_text_new(&out);
}

static void
forget_news(struct news *news)
{
	shared_text_unref(news->text);
	news->text = NULL;
}

/* Borrowed: what FOLLOWER is to get. Most know the previous generation, or nothing. */
static struct shared_text *
text_for(struct events *events, const struct follower *follower)
{
	bool complete = !follower->knows_all || follower->last < events->layout_since;
	struct news *news = &events->other;

	if (complete)
		news = &events->all;
	else if (follower->last == events->previous)
		news = &events->latest;
	else if (news->since != follower->last)
		forget_news(news);
	if (news->text == NULL) {
		news->since = follower->last;
		news->text = make_text(events, complete, follower->last);
	}
	return news->text;
}

/* ---- sending ---- */

static struct bufferevent *
bufferevent_of(const struct follower *follower)
{
	return evhttp_connection_get_bufferevent(
	    evhttp_request_get_connection(follower->request));
}

static size_t
backlog_of(const struct follower *follower)
{
	return evbuffer_get_length(bufferevent_get_output(bufferevent_of(follower)));
}

static void on_drained(struct evhttp_connection *connection, void *arg);

static void
send_chunk(struct follower *follower, struct evbuffer *chunk)
{
	evhttp_send_reply_chunk_with_cb(follower->request, chunk, on_drained, follower);
	evbuffer_free(chunk);
	follower->backlog = backlog_of(follower);
	follower->stands = false;
}

static void
send_words(struct follower *follower, const char *words)
{
	struct evbuffer *chunk = evbuffer_new();

	evbuffer_add_reference(chunk, words, strlen(words), NULL, NULL);
	send_chunk(follower, chunk);
}

/* The generation that is shown. */
static void
send_news(struct follower *follower)
{
	struct events *events = follower->events;
	struct evbuffer *chunk = evbuffer_new();

	shared_text_put(text_for(events, follower), chunk);
	send_chunk(follower, chunk);
	follower->knows_all = true;
	follower->last = events->generation;
}

static bool
is_behind(const struct follower *follower)
{
	const struct events *events = follower->events;

	return events->snapshot != NULL &&
	    (!follower->knows_all || follower->last != events->generation);
}

/* All that was before it has gone out: it may have been passed over meanwhile. */
static void
on_drained(UNUSED struct evhttp_connection *connection, void *arg)
{
	struct follower *follower = arg;

	if (!follower->is_cut && is_behind(follower))
		send_news(follower);
}

/*
 * One more generation is shown. Who has too much before him and still reads gets it when he
 * has caught up, together with those after it. Only at the second look is he known not to
 * read: the first one may come before anything could be written.
 */
static void
tell(struct follower *follower)
{
	size_t backlog = backlog_of(follower);

	if (backlog < EVENTS_MAX_BACKLOG) {
		send_news(follower);
	} else if (backlog < follower->backlog || !follower->stands) {
		follower->stands = backlog == follower->backlog;
		follower->backlog = backlog;
	} else {
		follower->is_cut = true;
		client_cut(follower->client);
	}
}

/* ---- followers ---- */

static void
wait_for_heartbeat(struct events *events)
{
	struct timeval delay = clock_timeval((int64_t)EVENTS_HEARTBEAT_MS * 1000);

	event_add(events->heartbeat, &delay);
}

static void
on_heartbeat(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct events *events = arg;
	struct follower *follower;

	/* Who still has something before him hears from us anyway. */
	LIST_FOREACH (follower, &events->followers, link)
		if (!follower->is_cut && backlog_of(follower) == 0)
			send_words(follower, HEARTBEAT);
	wait_for_heartbeat(events);
}

static void
forget_follower(struct follower *follower)
{
	struct events *events = follower->events;

	LIST_REMOVE(follower, link);
	events->count--;
	free(follower);
	if (events->count == 0)
		event_del(events->heartbeat);
}

/* Its connection ends; it is the first to hear of it. */
static void
on_closed(UNUSED struct evhttp_connection *connection, void *arg)
{
	struct follower *follower = arg;

	/* Where the client ended it, evhttp has let go of the request already, and leaves it
	 * to whoever was about to answer it. */
	if (evhttp_request_get_connection(follower->request) == NULL)
		evhttp_request_free(follower->request);
	forget_follower(follower);
}

/* Behind its last event the answer ends as HTTP has it, and the connection: it is not one that
 * was lost. From now on it is evhttp's alone. */
static void
end_follower(struct follower *follower)
{
	struct evhttp_request *request = follower->request;
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	/* They went out long ago, but evhttp asks them whether it is to close. */
	evhttp_remove_header(headers, "Connection");
	evhttp_add_header(headers, "Connection", "close");
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(request), NULL, NULL);
	forget_follower(follower);
	evhttp_send_reply_end(request);
}

/* LAST_ID is what was sent as the id of the last event that was received. */
static void
read_last_id(struct follower *follower, const char *last_id)
{
	follower->knows_all = last_id != NULL &&
	    shown_reads_edition(follower->events->shown, last_id, &follower->last);
}

/* Neither fails but for one that is no TCP connection, where it is not needed. */
static void
prepare_connection(const struct follower *follower)
{
	struct bufferevent *bufferevent = bufferevent_of(follower);
	evutil_socket_t fd = bufferevent_getfd(bufferevent);
	const int bytes = SEND_BUFFER_BYTES;
	const unsigned patience_ms = UNACKNOWLEDGED_MS;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(
	    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof(patience_ms));
	bufferevent_set_timeouts(bufferevent, NULL, NULL);
}

bool
events_follow(struct events *events, struct evhttp_request *request,
    struct client *client, const char *last_id)
{
	struct follower *follower;

	if (events->count == EVENTS_MAX_CLIENTS)
		return false;
	follower = xcalloc(1, sizeof(*follower));
	follower->events = events;
	follower->request = request;
	follower->client = client;
	read_last_id(follower, last_id);
	LIST_INSERT_HEAD(&events->followers, follower, link);
	if (events->count++ == 0)
		wait_for_heartbeat(events);

	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(request), on_closed, follower);
	prepare_connection(follower);
	evhttp_send_reply_start(request, HTTP_OK, NULL);
	send_words(follower, GREETING);
	if (events->snapshot != NULL)
		send_news(follower);
	if (events->are_over)
		end_follower(follower);
	return true;
}

/* ---- life ---- */

struct events *
events_new(struct event_base *base, const struct shown *shown)
{
	struct events *events = xcalloc(1, sizeof(*events));

	events->shown = shown;
	events->heartbeat = evtimer_new(base, on_heartbeat, events);
	if (events->heartbeat == NULL)
		abort(); /* small things do not fail: see base/xalloc.h */
	LIST_INIT(&events->followers);
	return events;
}

static void
forget_all_news(struct events *events)
{
	forget_news(&events->all);
	forget_news(&events->latest);
	forget_news(&events->other);
}

void
events_free(struct events *events)
{
	struct follower *follower;

	if (events == NULL)
		return;
	follower = LIST_FIRST(&events->followers);
	while (follower != NULL) {
		struct follower *next = LIST_NEXT(follower, link);

		/* By that it is removed. */
		evhttp_connection_free(
		    evhttp_request_get_connection(follower->request));
		follower = next;
	}
	forget_all_news(events);
	event_free(events->heartbeat);
	free(events);
}

void
events_end(struct events *events)
{
	struct follower *follower = LIST_FIRST(&events->followers);

	events->are_over = true;
	while (follower != NULL) {
		struct follower *next = LIST_NEXT(follower, link);

		if (!follower->is_cut)
			end_follower(follower);
		follower = next;
	}
}

void
events_show(struct events *events, struct snapshot *snapshot)
{
	uint64_t layout = snapshot_layout(snapshot);
	bool is_first = events->snapshot == NULL;
	struct follower *follower;

	forget_all_news(events);
	events->previous = events->generation;
	events->generation = snapshot_generation(snapshot);
	events->snapshot = snapshot;
	if (is_first || layout != events->layout)
		events->layout_since = events->generation;
	events->layout = layout;
	LIST_FOREACH (follower, &events->followers, link)
		if (!follower->is_cut)
			tell(follower);
	if (events->count > 0)
		wait_for_heartbeat(events);
}

size_t
events_count(const struct events *events)
{
	return events->count;
}
