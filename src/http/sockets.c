#include "http/sockets.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"

struct watch {
	struct event event;
	struct sockets *sockets; /* borrowed */
	void *owner;             /* borrowed */
	short wanted;            /* EV_READ, EV_WRITE as libcurl asked; 0: idle */
	short registered;        /* what the event is in the loop for; 0: not at all */
};

struct sockets {
	struct event_base *base; /* borrowed */
	sockets_ready_fn *ready;
	/* By descriptor: libcurl's own pointer for each socket (curl_multi_assign(3)) is
	 * lost when a connection falls idle, and that is when the event must stay. */
	struct watch **watches; /* owned, as what it points to; NULL: none */
	size_t capacity;
};

struct sockets *
sockets_new(struct event_base *base, sockets_ready_fn *ready)
{
	struct sockets *sockets = xcalloc(1, sizeof(*sockets));

	sockets->base = base;
	sockets->ready = ready;
	return sockets;
}

static struct watch *
find(const struct sockets *sockets, curl_socket_t fd)
{
	return (size_t)fd < sockets->capacity ? sockets->watches[fd] : NULL;
}

static struct watch *
add(struct sockets *sockets, curl_socket_t fd)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));

	while ((size_t)fd >= sockets->capacity) {
		size_t capacity = sockets->capacity > 0 ? 2 * sockets->capacity : 64;

		sockets->watches =
		    xreallocarray(sockets->watches, capacity, sizeof(struct watch *));
		for (size_t i = sockets->capacity; i < capacity; i++)
			sockets->watches[i] = NULL;
		sockets->capacity = capacity;
	}
	watch->sockets = sockets;
	sockets->watches[fd] = watch;
	return watch;
}

static void
unregister(struct watch *watch)
{
	if (watch->registered != 0)
		event_del(&watch->event);
	watch->registered = 0;
}

static void
drop(struct sockets *sockets, curl_socket_t fd)
{
	unregister(sockets->watches[fd]);
	free(sockets->watches[fd]);
	sockets->watches[fd] = NULL;
}

void
sockets_free(struct sockets *sockets)
{
	if (sockets == NULL)
		return;
	for (size_t fd = 0; fd < sockets->capacity; fd++) {
		if (sockets->watches[fd] != NULL)
			drop(sockets, (curl_socket_t)fd);
	}
	free(sockets->watches);
	free(sockets);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	struct sockets *sockets = watch->sockets;
	bool was_idle = watch->wanted == 0;
	int events = 0;

	if ((what & EV_READ) != 0)
		events |= CURL_CSELECT_IN;
	if ((what & EV_WRITE) != 0)
		events |= CURL_CSELECT_OUT;
	/* An idle connection too: should libcurl know better, it takes its chance. It
	 * closes the dead ones itself before it opens the next. */
	sockets->ready(watch->owner, fd, events);

	/* Only a look-up tells whether the watch has survived that. */
	if (was_idle && find(sockets, fd) == watch && watch->wanted == 0)
		unregister(watch);
}

static void
register_wanted(struct watch *watch, curl_socket_t fd)
{
	unregister(watch);
	event_assign(&watch->event, watch->sockets->base, fd,
	    (short)(watch->wanted | EV_PERSIST), on_ready, watch);
	if (event_add(&watch->event, NULL) == -1) {
		/* To tell libcurl would end all of its transfers. This one's deadline
		 * ends this one. */
		log_error("cannot watch socket %d: out of memory or epoll watches", fd);
		return;
	}
	watch->registered = watch->wanted;
}

void
sockets_watch(struct sockets *sockets, void *owner, curl_socket_t fd, int what)
{
	struct watch *watch = find(sockets, fd);

	if (watch == NULL)
		watch = add(sockets, fd);
	watch->owner = owner;
	watch->wanted = (short)(((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
	    ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0));
	if (watch->wanted != watch->registered)
		register_wanted(watch, fd);
}

bool
sockets_rest(struct sockets *sockets, curl_socket_t fd)
{
	struct watch *watch = find(sockets, fd);

	if (watch == NULL)
		return true;
	watch->wanted = 0;
	if (watch->registered != EV_WRITE)
		return true;
	/* Only written to so far: not connected, so that it does not fall idle but is
	 * closed, and maybe was a moment ago, without sockets_on_close(). */
	drop(sockets, fd);
	return false;
}

void
sockets_opened(struct sockets *sockets, curl_socket_t fd)
{
	struct watch *watch = find(sockets, fd);

	if (watch == NULL)
		return;
	if (watch->wanted != 0)
		register_wanted(watch, fd);
	else
		drop(sockets, fd);
}

int
sockets_on_close(void *arg, curl_socket_t fd)
{
	struct sockets *sockets = arg;

	/* Before the close: epoll forgets a closed descriptor by itself, and the loop
	 * would then fail to take it out, or take out its successor. */
	if (find(sockets, fd) != NULL)
		drop(sockets, fd);
	return close(fd);
}
