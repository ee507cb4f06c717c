#include "http/lookups.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/thread.h"
#include "base/xalloc.h"
#include "http/resolver.h"

/* Enough for glibc's resolver and the NSS modules in use. */
#define STACK_BYTES ((size_t)256 * 1024)

#define IDLE_SECONDS 10

/* "[...]" and the NUL. */
#define ADDRESS_SIZE (INET6_ADDRSTRLEN + 2)

enum lookup_state {
	LOOKUP_QUEUED,
	LOOKUP_RUNNING,
	LOOKUP_FINISHED,
};

/* Touched under the pool's lock; while it runs, by its thread only. */
struct lookup {
	TAILQ_ENTRY(lookup) entry;
	enum lookup_kind kind;
	enum lookup_state state;
	char *host;      /* owned, as the two below */
	char *addresses; /* NULL: failed */
	char *error;
	int64_t took_us;
	void *arg;
};

TAILQ_HEAD(lookup_list, lookup);

/*
 * What the threads and the owner share. It goes with the last of them: a lookup may hang
 * for as long as it likes after the owner has gone.
 */
struct pool {
	struct resolver_functions functions;
	struct clock_source clock;
	int event_fd; /* counts up when `finished` fills */

	pthread_mutex_t lock; /* over all below */
	pthread_cond_t work;
	struct lookup_list queued[LOOKUP_KINDS];
	unsigned queued_count;
	unsigned running[LOOKUP_KINDS];
	struct lookup_list finished;
	unsigned threads;
	unsigned idle; /* of them, waiting for work */
	bool owned;
};

struct lookups {
	struct pool *pool;   /* shared */
	struct event *event; /* owned: on the pool's event_fd */
	lookups_done_fn *done;
};

static void
lookup_free(struct lookup *lookup)
{
	free(lookup->host);
	free(lookup->addresses);
	free(lookup->error);
	free(lookup);
}

static void
list_free(struct lookup_list *list)
{
	struct lookup *lookup;

	while ((lookup = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, lookup, entry);
		lookup_free(lookup);
	}
}

/* The text of ADDRESS as CURLOPT_RESOLVE takes it; false where it cannot be given. */
static bool
format_address(const struct addrinfo *address, char text[static ADDRESS_SIZE])
{
	char plain[INET6_ADDRSTRLEN];
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (address->ai_family) {
	case AF_INET:
		memcpy(&v4, address->ai_addr, sizeof(v4));
		return inet_ntop(AF_INET, &v4.sin_addr, text, ADDRESS_SIZE) != NULL;
	case AF_INET6:
		memcpy(&v6, address->ai_addr, sizeof(v6));
		/* CURLOPT_RESOLVE knows no zones, and without its zone a link-local
		 * address leads nowhere. */
		if (v6.sin6_scope_id != 0 ||
		    inet_ntop(AF_INET6, &v6.sin6_addr, plain, sizeof(plain)) == NULL)
			return false;
		snprintf(text, ADDRESS_SIZE, "[%s]", plain);
		return true;
	default:
		return false;
	}
}

/* The addresses of LIST, each once, in its order, which is that of RFC 6724. The caller's;
 * NULL where none is of use. */
static char *
format_addresses(const struct addrinfo *list)
{
	char texts[LOOKUPS_MAX_ADDRESSES][ADDRESS_SIZE];
	size_t count = 0;
	struct buffer joined;

	buffer_init(&joined, sizeof(texts));
	for (; list != NULL && count < LOOKUPS_MAX_ADDRESSES; list = list->ai_next) {
		size_t same = 0;

		if (!format_address(list, texts[count]))
			continue;
		while (strcmp(texts[same], texts[count]) != 0)
			same++;
		if (same < count)
			continue;
		if (count > 0)
			buffer_append_char(&joined, ',');
		buffer_append_string(&joined, texts[count]);
		count++;
	}
	return count > 0 ? buffer_take(&joined) : NULL;
}

/* The words of the system for getaddrinfo's CODE, as the end of a sentence. */
static char *
format_error(int code, int error)
{
	char room[128];
	char *text = xstrdup(code == EAI_SYSTEM ? strerror_r(error, room, sizeof(room))
	                                        : gai_strerror(code));

	/* "Name or service not known", but not "IPv6 ..." */
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
		text[0] = (char)(text[0] - 'A' + 'a');
	return text;
}

/* The call that blocks. */
static void
perform(const struct pool *pool, struct lookup *lookup)
{
	/* Without AI_ADDRCONFIG, which does not count loopback addresses: where a machine
	 * has no others, a name with 127.0.0.1 in the hosts file would not be found. The
	 * family that leads nowhere is sorted last, and libcurl tries both. One socket
	 * type, or each address comes three times. */
	static const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	int64_t start_us = pool->clock.now_us(pool->clock.arg);
	struct addrinfo *list = NULL;
	int code = pool->functions.lookup(lookup->host, NULL, &hints, &list);
	int error = errno;

	lookup->took_us = pool->clock.now_us(pool->clock.arg) - start_us;
	if (code != 0) {
		lookup->error = format_error(code, error);
		return;
	}
	lookup->addresses = format_addresses(list);
	if (lookup->addresses == NULL)
		lookup->error = xstrdup("no address that can be used");
	pool->functions.release(list);
}

/* The next lookup that may run, or NULL. */
static struct lookup *
next_lookup(const struct pool *pool)
{
	unsigned slow = pool->running[LOOKUP_SLOW];
	unsigned unproven = slow + pool->running[LOOKUP_NEW];
	struct lookup *lookup = TAILQ_FIRST(&pool->queued[LOOKUP_QUICK]);

	if (lookup == NULL && unproven < LOOKUPS_MAX_UNPROVEN) {
		lookup = TAILQ_FIRST(&pool->queued[LOOKUP_NEW]);
		if (lookup == NULL && slow < LOOKUPS_MAX_SLOW)
			lookup = TAILQ_FIRST(&pool->queued[LOOKUP_SLOW]);
	}
	return lookup;
}

static void
unqueue(struct pool *pool, struct lookup *lookup)
{
	TAILQ_REMOVE(&pool->queued[lookup->kind], lookup, entry);
	pool->queued_count--;
}

static void
finish(struct pool *pool, struct lookup *lookup)
{
	lookup->state = LOOKUP_FINISHED;
	TAILQ_INSERT_TAIL(&pool->finished, lookup, entry);
	/* Fails only where it is full: then the loop is woken anyway. */
	(void)eventfd_write(pool->event_fd, 1);
}

/* With the lock held, which goes away too where nobody is left. */
static void
release_pool(struct pool *pool)
{
	bool last = !pool->owned && pool->threads == 0;

	pthread_mutex_unlock(&pool->lock);
	if (!last)
		return;
	for (size_t kind = 0; kind < LOOKUP_KINDS; kind++)
		list_free(&pool->queued[kind]);
	list_free(&pool->finished);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	close(pool->event_fd);
	free(pool);
}

/* Wait until there is a lookup to do; NULL: this thread is not needed any more. */
static struct lookup *
wait_for_lookup(struct pool *pool)
{
	struct lookup *lookup = next_lookup(pool);
	bool in_time = true;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	pool->idle++;
	while (pool->owned && lookup == NULL && in_time) {
		in_time = pthread_cond_timedwait(&pool->work, &pool->lock, &until) == 0;
		/* Also when the time is up: the wake-up may have come with that. */
		lookup = next_lookup(pool);
	}
	pool->idle--;
	return pool->owned ? lookup : NULL;
}

static void *
run_thread(void *arg)
{
	struct pool *pool = arg;
	struct lookup *lookup;

	pthread_setname_np(pthread_self(), "resolver");
	pthread_mutex_lock(&pool->lock);
	while ((lookup = wait_for_lookup(pool)) != NULL) {
		unqueue(pool, lookup);
		lookup->state = LOOKUP_RUNNING;
		pool->running[lookup->kind]++;
		pthread_mutex_unlock(&pool->lock);
		perform(pool, lookup);
		pthread_mutex_lock(&pool->lock);
		pool->running[lookup->kind]--;
		finish(pool, lookup);
	}
	pool->threads--;
	release_pool(pool);
	return NULL;
}

/* See to it that a thread takes up what was queued: one more, if the system has one. With
 * the lock held. */
static void
find_thread(struct pool *pool, struct lookup *lookup)
{
	if (next_lookup(pool) == NULL)
		return; /* until a lookup ends: its thread goes on with the next */
	pthread_cond_signal(&pool->work);
	/* An idle thread that has been woken counts as idle until it runs: compare with
	 * all that is queued, or two lookups would wait for the same thread. */
	if (pool->queued_count <= pool->idle || pool->threads == LOOKUPS_MAX_THREADS)
		return;
	if (thread_start_detached(STACK_BYTES, run_thread, pool)) {
		pool->threads++;
	} else if (pool->threads == 0) {
		unqueue(pool, lookup);
		lookup->error = format_error(EAI_SYSTEM, errno);
		finish(pool, lookup);
	}
}

struct lookup *
lookups_start(
    struct lookups *lookups, const char *host, enum lookup_kind kind, void *arg)
{
	struct pool *pool = lookups->pool;
	struct lookup *lookup = xcalloc(1, sizeof(*lookup));

	lookup->kind = kind;
	lookup->state = LOOKUP_QUEUED;
	lookup->host = xstrdup(host);
	lookup->arg = arg;
	pthread_mutex_lock(&pool->lock);
	TAILQ_INSERT_TAIL(&pool->queued[kind], lookup, entry);
	pool->queued_count++;
	find_thread(pool, lookup);
	pthread_mutex_unlock(&pool->lock);
	return lookup;
}

bool
lookups_withdraw(struct lookups *lookups, struct lookup *lookup)
{
	struct pool *pool = lookups->pool;
	bool queued;

	pthread_mutex_lock(&pool->lock);
	queued = lookup->state == LOOKUP_QUEUED;
	if (queued)
		unqueue(pool, lookup);
	pthread_mutex_unlock(&pool->lock);
	if (queued)
		lookup_free(lookup);
	return queued;
}

static void
on_finished(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct lookups *lookups = arg;
	struct pool *pool = lookups->pool;
	struct lookup_list finished = TAILQ_HEAD_INITIALIZER(finished);
	struct lookup *lookup, *next;
	eventfd_t count;

	(void)eventfd_read(pool->event_fd, &count);
	pthread_mutex_lock(&pool->lock);
	TAILQ_CONCAT(&finished, &pool->finished, entry);
	pthread_mutex_unlock(&pool->lock);
	for (lookup = TAILQ_FIRST(&finished); lookup != NULL; lookup = next) {
		struct lookup_result result = {
			.addresses = lookup->addresses,
			.error = lookup->error,
			.took_us = lookup->took_us,
		};

		next = TAILQ_NEXT(lookup, entry);
		lookups->done(&result, lookup->arg);
		lookup_free(lookup);
	}
}

static struct pool *
pool_new(const struct resolver_functions *functions, const struct clock_source *clock)
{
	int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pool *pool;
	pthread_condattr_t attributes;

	if (event_fd == -1)
		return NULL;
	pool = xcalloc(1, sizeof(*pool));
	pool->functions = *functions;
	pool->clock = *clock;
	pool->event_fd = event_fd;
	pool->owned = true;
	for (size_t kind = 0; kind < LOOKUP_KINDS; kind++)
		TAILQ_INIT(&pool->queued[kind]);
	TAILQ_INIT(&pool->finished);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->work, &attributes);
	pthread_condattr_destroy(&attributes);
	return pool;
}

struct lookups *
lookups_new(struct event_base *base, const struct resolver_functions *functions,
    const struct clock_source *clock, lookups_done_fn *done)
{
	struct pool *pool = pool_new(functions, clock);
	struct lookups *lookups;

	if (pool == NULL)
		return NULL;
	lookups = xcalloc(1, sizeof(*lookups));
	lookups->pool = pool;
	lookups->done = done;
	lookups->event =
	    event_new(base, pool->event_fd, EV_READ | EV_PERSIST, on_finished, lookups);
	if (lookups->event == NULL || event_add(lookups->event, NULL) == -1) {
		lookups_free(lookups);
		errno = ENOMEM;
		return NULL;
	}
	return lookups;
}

void
lookups_free(struct lookups *lookups)
{
	struct pool *pool;

	if (lookups == NULL)
		return;
	pool = lookups->pool;
	if (lookups->event != NULL)
		event_free(lookups->event);
	pthread_mutex_lock(&pool->lock);
	pool->owned = false;
	pthread_cond_broadcast(&pool->work);
	release_pool(pool);
	free(lookups);
}
