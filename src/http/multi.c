#include "http/multi.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "http/sockets.h"

struct multi {
	CURLM *curl;             /* owned */
	struct event timer;      /* the only one: libcurl asks for its next turn */
	struct sockets *sockets; /* borrowed */
	struct multi_owner owner;
	CURL **stalled; /* owned; the handles borrowed: see nudge_stalled() */
	size_t stalled_count;
	size_t stalled_capacity;
};

/*
 * As one address of a host fails, 7.88 turns to the next, but opens the socket for it only
 * on its next turn, which nothing brings about: a transfer would sit out its connect time
 * beside a good address. To pause and go on makes libcurl look at it again.
 */
static void
nudge_stalled(struct multi *multi)
{
	for (size_t i = 0; i < multi->stalled_count; i++) {
		/* An error means that it has ended. */
		if (curl_easy_pause(multi->stalled[i], CURLPAUSE_ALL) == CURLE_OK)
			curl_easy_pause(multi->stalled[i], CURLPAUSE_CONT);
	}
	multi->stalled_count = 0;
}

static void
note_stalled(struct multi *multi, CURL *easy)
{
	if (multi->stalled_count == multi->stalled_capacity) {
		multi->stalled_capacity = 2 * multi->stalled_capacity + 4;
		multi->stalled = xreallocarray(
		    multi->stalled, multi->stalled_capacity, sizeof(*multi->stalled));
	}
	multi->stalled[multi->stalled_count++] = easy;
}

/* Let libcurl work, then gather what it finished. */
static void
act(struct multi *multi, curl_socket_t fd, int events)
{
	int still_running, still_queued;
	CURLMsg *message;

	/* What was noted before is about handles that were removed. */
	multi->stalled_count = 0;
	curl_multi_socket_action(multi->curl, fd, events, &still_running);
	nudge_stalled(multi);
	while ((message = curl_multi_info_read(multi->curl, &still_queued)) != NULL) {
		if (message->msg == CURLMSG_DONE)
			multi->owner.ended(message->easy_handle, message->data.result,
			    multi->owner.arg);
	}
	multi->owner.settle(multi->owner.arg);
}

void
multi_on_ready(void *multi, curl_socket_t fd, int events)
{
	act(multi, fd, events);
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* CURLMOPT_TIMERFUNCTION */
static int
on_timer_wish(UNUSED CURLM *curl, long timeout_ms, void *arg)
{
	struct multi *multi = arg;

	if (timeout_ms < 0) {
		event_del(&multi->timer);
	} else if (timeout_ms == 0) {
		/* As soon as possible, but not inside libcurl; a timer of 0 would take
		 * another turn of the loop, and a wait of its own. */
		event_active(&multi->timer, EV_TIMEOUT, 0);
	} else {
		const struct timeval delay = clock_timeval((int64_t)timeout_ms * 1000);

		event_add(&multi->timer, &delay);
	}
	return 0;
}

/* CURLMOPT_SOCKETFUNCTION */
static int
on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *arg, UNUSED void *assigned)
{
	struct multi *multi = arg;

	if (what != CURL_POLL_REMOVE)
		sockets_watch(multi->sockets, multi, fd, what);
	else if (!sockets_rest(multi->sockets, fd))
		note_stalled(multi, easy);
	return 0;
}

void
multi_resize(struct multi *multi, long max_connections)
{
	/* Left to itself libcurl keeps four for each handle of the moment, and so empties
	 * its cache as a round ends. */
	curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, max_connections);
}

struct multi *
multi_new(struct event_base *base, struct sockets *sockets, long max_connections,
    const struct multi_owner *owner)
{
	CURLM *curl = curl_multi_init();
	struct multi *multi;

	if (curl == NULL)
		return NULL;
	multi = xcalloc(1, sizeof(*multi));
	multi->curl = curl;
	multi->sockets = sockets;
	multi->owner = *owner;
	evtimer_assign(&multi->timer, base, on_timer, multi);

	curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
	curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, on_timer_wish);
	curl_multi_setopt(curl, CURLMOPT_TIMERDATA, multi);
	/* Requests by HTTP/2 share connections; nothing else can. */
	curl_multi_setopt(curl, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	multi_resize(multi, max_connections);
	return multi;
}

void
multi_free(struct multi *multi)
{
	if (multi == NULL)
		return;
	/* To close a connection libcurl still uses the callbacks. */
	curl_multi_cleanup(multi->curl);
	event_del(&multi->timer);
	free(multi->stalled);
	free(multi);
}

bool
multi_add(struct multi *multi, CURL *easy)
{
	return curl_multi_add_handle(multi->curl, easy) == CURLM_OK;
}

void
multi_remove(struct multi *multi, CURL *easy)
{
	CURLMcode code = curl_multi_remove_handle(multi->curl, easy);

	assert(code == CURLM_OK);
	(void)code;
}
