#include "serve/doors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "serve/listening.h"

/* What lasts is said again after so long. */
#define SILENCE_US INT64_C(3600000000)

/* One of the sockets. */
struct door {
	struct evhttp *http;
	struct evhttp_bound_socket *bound;
};

struct doors {
	struct event_base *base;
	struct evhttp *checking;
	struct evhttp *trusting;
	struct clock_source clock;
	struct listening listening; /* owned */
	struct door *doors;         /* owned; of each of its sockets */
	unsigned accepted;          /* since the last pause */
	struct event *pause;
	bool has_told;
	int64_t told_at_us;
};

/* ---- pausing ---- */

static void
enable(const struct doors *doors, bool on)
{
	size_t i;

	for (i = 0; i < doors->listening.count; i++) {
		struct evconnlistener *listener =
		    evhttp_bound_socket_get_listener(doors->doors[i].bound);

		if (on)
			evconnlistener_enable(listener);
		else
			evconnlistener_disable(listener);
	}
}

static void
on_pause_over(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct doors *doors = arg;

	doors->accepted = 0;
	enable(doors, true);
}

static void
pause_for(struct doors *doors, int64_t wait_ms)
{
	const struct timeval wait = clock_timeval(wait_ms * 1000);

	enable(doors, false);
	evtimer_add(doors->pause, &wait);
}

void
doors_count(struct doors *doors)
{
	/* In more than one turn it may be as many: that costs a turn. */
	if (++doors->accepted >= DOORS_TURN_MAX)
		pause_for(doors, 0);
}

/* Its argument is evhttp's, which does not lead to us: so whoever runs the loop is told. */
static void
on_refused(struct evconnlistener *listener, UNUSED void *http)
{
	event_base_loopbreak(evconnlistener_get_base(listener));
}

static void
tell_pause(struct doors *doors, int error_number)
{
	int64_t now_us = doors->clock.now_us(doors->clock.arg);

	if (doors->has_told && now_us - doors->told_at_us < SILENCE_US)
		return;
	doors->has_told = true;
	doors->told_at_us = now_us;
	log_warn("cannot accept a connection: %s", strerror(error_number));
}

void
doors_pause(struct doors *doors)
{
	tell_pause(doors, errno);
	pause_for(doors, DOORS_PAUSE_MS);
}

/* ---- opening and closing ---- */

static void
open_door(struct doors *doors, size_t index)
{
	const struct listening_socket *socket = &doors->listening.sockets[index];
	struct door *door = &doors->doors[index];
	struct evconnlistener *listener = evconnlistener_new(
	    doors->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, socket->fd);

	door->http = socket->checks_host ? doors->checking : doors->trusting;
	if (listener != NULL)
		door->bound = evhttp_bind_listener(door->http, listener);
	if (door->bound == NULL)
		abort(); /* small things do not fail: see base/xalloc.h */
	evconnlistener_set_error_cb(listener, on_refused);
}

static void
open_doors(struct doors *doors)
{
	size_t i;

	doors->doors = xcalloc(doors->listening.count, sizeof(*doors->doors));
	for (i = 0; i < doors->listening.count; i++)
		open_door(doors, i);
}

/* The sockets stay, and keep whoever comes. */
static void
close_doors(struct doors *doors)
{
	size_t i;

	for (i = 0; i < doors->listening.count; i++)
		evhttp_del_accept_socket(doors->doors[i].http, doors->doors[i].bound);
	free(doors->doors);
	doors->doors = NULL;
}

static void
close_all(struct doors *doors)
{
	close_doors(doors);
	listening_close(&doors->listening);
}

void
doors_open(struct doors *doors, struct listening *listening)
{
	close_all(doors);
	doors->listening = *listening;
	*listening = (struct listening){ 0 };
	open_doors(doors);
}

void
doors_admit(struct doors *doors, mode_t mode, bool is_public)
{
	close_doors(doors);
	if (!listening_admit(&doors->listening, mode, is_public))
		log_warn("cannot change the permissions of the listener's socket: %s",
		    strerror(errno));
	open_doors(doors);
}

struct doors *
doors_new(struct event_base *base, struct evhttp *checking, struct evhttp *trusting,
    const struct clock_source *clock)
{
	struct doors *doors = xcalloc(1, sizeof(*doors));

	doors->base = base;
	doors->checking = checking;
	doors->trusting = trusting;
	doors->clock = *clock;
	doors->pause = evtimer_new(base, on_pause_over, doors);
	if (doors->pause == NULL)
		abort();
	return doors;
}

void
doors_free(struct doors *doors)
{
	if (doors == NULL)
		return;
	close_all(doors);
	event_free(doors->pause);
	free(doors);
}
