#include "serve/porter.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/http.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/thread.h"
#include "base/xalloc.h"
#include "publish/snapshot.h"
#include "serve/answers.h"
#include "serve/clients.h"
#include "serve/doors.h"
#include "serve/events.h"
#include "serve/health.h"
#include "serve/mailbox.h"
#include "serve/server.h"
#include "serve/shown.h"

/* Its nice value: where a core is wanted by both, gathering has about nine tenths of it. */
#define NICE 10

/* So many turns of the loop let in as many as there may be, see DOORS_TURN_MAX. */
#define LAST_TURNS 8

/* The thread's own. */
struct porter {
	struct mailbox *mailbox; /* a reference */
	struct event_base *base;
	struct event *woken;
	struct evhttp *checking; /* the Host */
	struct evhttp *trusting;
	struct doors *doors;
	struct clients *clients;
	struct events *events;
	struct shown *shown;
	struct snapshot *snapshot; /* a reference; NULL: none yet */
	struct health health;
	char *host; /* owned */
	struct answers answers;
	bool is_to_stop;
};

/* ---- mail ---- */

static void
tell_counts(struct porter *porter)
{
	struct server_counts counts = {
		.cut_connections = clients_cut_count(porter->clients),
		.connections = clients_count(porter->clients),
		.event_clients = events_count(porter->events),
	};

	memcpy(counts.requests, porter->answers.requests, sizeof(counts.requests));
	mailbox_tell_counts(porter->mailbox, &counts);
}

static void
show(struct porter *porter, struct snapshot *snapshot)
{
	struct snapshot *before = porter->snapshot;

	porter->snapshot = snapshot;
	shown_set(porter->shown, snapshot);
	events_show(porter->events, snapshot);
	snapshot_unref(before);
}

static void
read_mail(struct porter *porter)
{
	struct mail mail;

	mailbox_take(porter->mailbox, &mail);
	if (mail.has_health)
		porter->health = mail.health;
	/* What somebody waits for goes first; nobody is let in before all is done. */
	if (mail.has_listening)
		doors_open(porter->doors, &mail.listening);
	if (mail.has_admission)
		doors_admit(porter->doors, mail.mode, mail.is_public);
	mailbox_tell_done(porter->mailbox);
	if (mail.snapshot != NULL)
		show(porter, mail.snapshot);
	/* It stays so: an empty mail may follow. */
	if (mail.stop)
		porter->is_to_stop = true;
}

static void
on_woken(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct porter *porter = arg;

	read_mail(porter);
	/* A loop with much to do would not return by itself. */
	if (porter->is_to_stop)
		event_base_loopexit(porter->base, NULL);
}

/* ---- the end ---- */

/* Whoever stands at the doors is let in, as far as there is room: a socket that is closed
 * resets them. */
static void
let_in(struct porter *porter)
{
	int turns = LAST_TURNS;

	for (; turns > 0; turns--) {
		event_base_loopexit(porter->base, NULL);
		event_base_loop(porter->base, EVLOOP_NONBLOCK);
	}
}

/* What was asked is answered, and streams come to their ends. */
static void
say_farewell(struct porter *porter)
{
	int64_t until_us = clock_now_us() + SERVER_FAREWELL_US;

	let_in(porter);
	doors_free(porter->doors);
	porter->doors = NULL;
	mailbox_tell_closed(porter->mailbox);
	events_end(porter->events);
	clients_end(porter->clients);
	while (!clients_have_gone(porter->clients) && clock_now_us() < until_us)
		event_base_loop(porter->base, EVLOOP_ONCE);
}

/* ---- the thread ---- */

/* In the order that their users need; what there is of it. */
static void
porter_free(struct porter *porter)
{
	doors_free(porter->doors);
	events_free(porter->events);
	if (porter->checking != NULL)
		evhttp_free(porter->checking);
	if (porter->trusting != NULL)
		evhttp_free(porter->trusting);
	clients_free(porter->clients);
	shown_free(porter->shown);
	snapshot_unref(porter->snapshot);
	if (porter->woken != NULL)
		event_free(porter->woken);
	if (porter->base != NULL)
		event_base_free(porter->base);
	free(porter->host);
	free(porter);
}

static void *
run(void *arg)
{
	struct porter *porter = arg;
	struct mailbox *mailbox = porter->mailbox;

	pthread_setname_np(pthread_self(), "listener");
	/* On a busy core those who are gathered go first. Where it is not allowed, as under a
	 * filter of systemd's, it goes without. See sched(7), "The nice value". */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	while (!porter->is_to_stop) {
		event_base_loop(porter->base, EVLOOP_ONCE);
		if (event_base_got_break(porter->base))
			doors_pause(porter->doors);
		tell_counts(porter);
	}
	say_farewell(porter);
	porter_free(porter);
	mailbox_leave(mailbox);
	return NULL;
}

/* ---- making ---- */

static void
on_coming(void *arg)
{
	struct porter *porter = arg;

	doors_count(porter->doors);
}

static struct evhttp *
make_http(struct porter *porter, bool checks_host)
{
	struct evhttp *http = evhttp_new(porter->base);

	if (http == NULL)
		return NULL;
	clients_watch(porter->clients, http);
	answers_serve(&porter->answers, http, checks_host);
	return http;
}

/* Mail goes before all that clients want: who asks after a document was shown gets it. */
enum {
	PRIORITY_MAIL,
	PRIORITY_CLIENTS, /* what libevent gives those that say nothing: half of all */
	PRIORITY_COUNT,
};

static bool
make_base(struct porter *porter)
{
	porter->base = event_base_new();
	if (porter->base == NULL ||
	    event_base_priority_init(porter->base, PRIORITY_COUNT) == -1)
		return false;
	porter->woken = event_new(porter->base, mailbox_wake_fd(porter->mailbox),
	    EV_READ | EV_PERSIST, on_woken, porter);
	return porter->woken != NULL &&
	    event_priority_set(porter->woken, PRIORITY_MAIL) == 0 &&
	    event_add(porter->woken, NULL) == 0;
}

static bool
make_parts(struct porter *porter, const struct clients_limits *limits)
{
	porter->clients = clients_new(porter->base, limits, &clock_system);
	clients_on_coming(porter->clients, on_coming, porter);
	porter->shown = shown_new();
	porter->events = events_new(porter->base, porter->shown);
	porter->answers = (struct answers){
		.clients = porter->clients,
		.events = porter->events,
		.shown = porter->shown,
		.health = &porter->health,
		.host = porter->host,
	};
	porter->checking = make_http(porter, true);
	porter->trusting = make_http(porter, false);
	if (porter->checking == NULL || porter->trusting == NULL)
		return false;
	porter->doors =
	    doors_new(porter->base, porter->checking, porter->trusting, &clock_system);
	return true;
}

bool
porter_start(
    struct mailbox *mailbox, const char *host, const struct clients_limits *limits)
{
	struct porter *porter = xcalloc(1, sizeof(*porter));
	int error_number;

	porter->mailbox = mailbox_ref(mailbox);
	porter->host = xstrdup(host);
	/* libevent does not always say why. */
	errno = ENOMEM;
	if (make_base(porter) && make_parts(porter, limits) &&
	    thread_start_detached(0, run, porter))
		return true;
	error_number = errno;
	porter_free(porter);
	mailbox_unref(mailbox);
	errno = error_number;
	return false;
}
