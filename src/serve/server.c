#include "serve/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
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
#include "serve/listening.h"
#include "serve/shown.h"

/* What one thread has for the other one. */
struct mail {
	bool stop;
	bool has_listening;
	struct listening listening; /* owned */
	bool has_admission;         /* for the sockets of then */
	mode_t mode;
	bool is_public;
	struct snapshot *snapshot; /* a reference; NULL: no other one */
	bool has_health;
	struct health health;
};

/* What both threads know. A thread that hangs is left to itself at the end: so whichever is
 * the last frees it. */
struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int wake_fd; /* an eventfd */
	unsigned references;
	/* Under the lock: */
	struct mail mail;
	struct server_counts counts;
	bool has_ended;
};

struct server {
	struct mailbox *mailbox;
};

/* The thread's own. */
struct porter {
	struct mailbox *mailbox;
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

/* ---- the mailbox ---- */

static struct mailbox *
mailbox_new(void)
{
	struct mailbox *mailbox = xcalloc(1, sizeof(*mailbox));
	pthread_condattr_t attributes;

	pthread_mutex_init(&mailbox->lock, NULL);
	/* The farewell waits on the monotonic clock: the other one may jump. */
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&mailbox->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	mailbox->references = 1;
	mailbox->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return mailbox;
}

static void
mail_clear(struct mail *mail)
{
	listening_close(&mail->listening);
	snapshot_unref(mail->snapshot);
	*mail = (struct mail){ 0 };
}

static void
mailbox_free(struct mailbox *mailbox)
{
	mail_clear(&mailbox->mail);
	if (mailbox->wake_fd != -1)
		close(mailbox->wake_fd);
	pthread_cond_destroy(&mailbox->changed);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

/* With the lock held, which is given back. */
static void
mailbox_unref(struct mailbox *mailbox)
{
	bool is_last = --mailbox->references == 0;

	pthread_mutex_unlock(&mailbox->lock);
	if (is_last)
		mailbox_free(mailbox);
}

/* With the lock held: there is mail. */
static void
wake(struct mailbox *mailbox)
{
	const uint64_t one = 1;

	/* An eventfd takes 8 bytes whenever its counter does not overflow. */
	if (write(mailbox->wake_fd, &one, sizeof(one)) == -1)
		abort();
}

/* ---- in the thread ---- */

static void
tell_counts(struct porter *porter)
{
	struct mailbox *mailbox = porter->mailbox;
	struct server_counts counts = {
		.cut_connections = clients_cut_count(porter->clients),
		.connections = clients_count(porter->clients),
		.event_clients = events_count(porter->events),
	};

	memcpy(counts.requests, porter->answers.requests, sizeof(counts.requests));
	pthread_mutex_lock(&mailbox->lock);
	mailbox->counts = counts;
	pthread_mutex_unlock(&mailbox->lock);
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
	struct mailbox *mailbox = porter->mailbox;
	struct mail mail;

	pthread_mutex_lock(&mailbox->lock);
	mail = mailbox->mail;
	mailbox->mail = (struct mail){ 0 };
	pthread_mutex_unlock(&mailbox->lock);
	if (mail.has_health)
		porter->health = mail.health;
	if (mail.snapshot != NULL)
		show(porter, mail.snapshot);
	if (mail.has_listening)
		doors_open(porter->doors, &mail.listening);
	if (mail.has_admission)
		doors_admit(porter->doors, mail.mode, mail.is_public);
	porter->is_to_stop = mail.stop;
}

static void
on_woken(evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct porter *porter = arg;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) == -1)
		return;
	read_mail(porter);
}

/* In the order that their users need; what there is of it. */
static void
porter_free(struct porter *porter)
{
	if (porter->doors != NULL)
		doors_free(porter->doors);
	if (porter->events != NULL)
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

static void
tell_end(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->has_ended = true;
	pthread_cond_broadcast(&mailbox->changed);
	mailbox_unref(mailbox);
}

static void *
run(void *arg)
{
	struct porter *porter = arg;
	struct mailbox *mailbox = porter->mailbox;

	pthread_setname_np(pthread_self(), "listener");
	while (!porter->is_to_stop) {
		event_base_loop(porter->base, EVLOOP_ONCE);
		if (event_base_got_break(porter->base))
			doors_pause(porter->doors);
		tell_counts(porter);
	}
	porter_free(porter);
	tell_end(mailbox);
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
	porter->woken = event_new(porter->base, porter->mailbox->wake_fd,
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
	porter->events = events_new(porter->base);
	porter->shown = shown_new();
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

/* Begin the thread, with all it needs. Returns 0, or the errno of what the system refused. */
static int
start(struct mailbox *mailbox, const char *host, const struct clients_limits *limits)
{
	struct porter *porter;
	int error_number;

	if (mailbox->wake_fd == -1)
		return errno;
	porter = xcalloc(1, sizeof(*porter));
	porter->mailbox = mailbox;
	porter->host = xstrdup(host);
	/* libevent does not always say why. */
	errno = ENOMEM;
	if (make_base(porter) && make_parts(porter, limits)) {
		mailbox->references++;
		if (thread_start_detached(0, run, porter))
			return 0;
		mailbox->references--;
	}
	error_number = errno;
	porter_free(porter);
	return error_number;
}

struct server *
server_new_limited(const char *host, const struct clients_limits *limits)
{
	struct mailbox *mailbox = mailbox_new();
	int error_number = start(mailbox, host, limits);
	struct server *server;

	if (error_number != 0) {
		mailbox_free(mailbox);
		errno = error_number;
		return NULL;
	}
	server = xcalloc(1, sizeof(*server));
	server->mailbox = mailbox;
	return server;
}

struct server *
server_new(const char *host)
{
	return server_new_limited(host, &clients_default_limits);
}

/* ---- from the other thread ---- */

void
server_listen(struct server *server, struct listening *listening)
{
	struct mailbox *mailbox = server->mailbox;
	struct listening before;

	pthread_mutex_lock(&mailbox->lock);
	before = mailbox->mail.listening;
	mailbox->mail.listening = *listening;
	mailbox->mail.has_listening = true;
	mailbox->mail.has_admission = false;
	wake(mailbox);
	pthread_mutex_unlock(&mailbox->lock);
	*listening = (struct listening){ 0 };
	/* What the thread did not come to. */
	listening_close(&before);
}

void
server_admit(struct server *server, mode_t mode, bool is_public)
{
	struct mailbox *mailbox = server->mailbox;

	pthread_mutex_lock(&mailbox->lock);
	mailbox->mail.has_admission = true;
	mailbox->mail.mode = mode;
	mailbox->mail.is_public = is_public;
	wake(mailbox);
	pthread_mutex_unlock(&mailbox->lock);
}

void
server_show(struct server *server, struct snapshot *snapshot)
{
	struct mailbox *mailbox = server->mailbox;
	struct snapshot *before;

	snapshot_ref(snapshot);
	pthread_mutex_lock(&mailbox->lock);
	before = mailbox->mail.snapshot;
	mailbox->mail.snapshot = snapshot;
	wake(mailbox);
	pthread_mutex_unlock(&mailbox->lock);
	snapshot_unref(before);
}

void
server_set_health(struct server *server, const struct health *health)
{
	struct mailbox *mailbox = server->mailbox;

	pthread_mutex_lock(&mailbox->lock);
	mailbox->mail.health = *health;
	mailbox->mail.has_health = true;
	wake(mailbox);
	pthread_mutex_unlock(&mailbox->lock);
}

void
server_count(struct server *server, struct server_counts *counts)
{
	struct mailbox *mailbox = server->mailbox;

	pthread_mutex_lock(&mailbox->lock);
	*counts = mailbox->counts;
	pthread_mutex_unlock(&mailbox->lock);
}

/* With the lock held. */
static void
wait_for_end(struct mailbox *mailbox)
{
	int64_t until_us = clock_now_us() + SERVER_FAREWELL_US;
	const struct timespec until = {
		.tv_sec = until_us / 1000000,
		.tv_nsec = until_us % 1000000 * 1000,
	};
	int waited = 0;

	while (!mailbox->has_ended && waited == 0)
		waited =
		    pthread_cond_timedwait(&mailbox->changed, &mailbox->lock, &until);
}

void
server_free(struct server *server)
{
	struct mailbox *mailbox;

	if (server == NULL)
		return;
	mailbox = server->mailbox;
	pthread_mutex_lock(&mailbox->lock);
	mailbox->mail.stop = true;
	wake(mailbox);
	wait_for_end(mailbox);
	mailbox_unref(mailbox);
	free(server);
}
