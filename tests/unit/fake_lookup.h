/*
 * A getaddrinfo(3) for tests: names that hang until they are let go, and a clock.
 *
 * Hosts that begin with "hang" wait while `fake.hold` is set; those that begin with "gone"
 * are not known; all others have the addresses in `fake.addresses`.
 */
#ifndef GATHERD_TEST_FAKE_LOOKUP_H
#define GATHERD_TEST_FAKE_LOOKUP_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "http/resolver.h"

static struct {
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t changed;
	bool hold;
	unsigned passes; /* how many may go all the same */
	int gone_code;   /* what names that begin with "gone" end in */
	const char
	    *addresses;  /* with commas; IPv6 without brackets, perhaps with %ZONE */
	unsigned calls;  /* so far */
	unsigned inside; /* calls under way */
	unsigned most_inside;
	unsigned held;         /* of them, hanging */
	unsigned lists;        /* given and not yet released */
	bool signals_blocked;  /* in the thread of the last call */
	struct addrinfo hints; /* of the last call */
	char order[2048];      /* the hosts in the order of their calls */
	int64_t now_us;
} fake = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static inline bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static inline struct addrinfo *
fake_address(const char *text)
{
	struct addrinfo *address = xcalloc(1, sizeof(*address));
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	char *plain = xmemdup0(text, strcspn(text, "%"));

	if (inet_pton(AF_INET, plain, &v4.sin_addr) == 1) {
		address->ai_family = AF_INET;
		address->ai_addrlen = sizeof(v4);
		address->ai_addr = (struct sockaddr *)xmemdup0((char *)&v4, sizeof(v4));
	} else if (inet_pton(AF_INET6, plain, &v6.sin6_addr) == 1) {
		v6.sin6_scope_id = strchr(text, '%') != NULL ? 2 : 0;
		address->ai_family = AF_INET6;
		address->ai_addrlen = sizeof(v6);
		address->ai_addr = (struct sockaddr *)xmemdup0((char *)&v6, sizeof(v6));
	} else {
		address->ai_family = AF_UNIX;
	}
	free(plain);
	return address;
}

static inline struct addrinfo *
fake_list(const char *addresses)
{
	char *copy = xstrdup(addresses);
	char *rest = copy;
	struct addrinfo *first = NULL;
	struct addrinfo **end = &first;
	char *text;

	while ((text = strsep(&rest, ",")) != NULL) {
		*end = fake_address(text);
		end = &(*end)->ai_next;
	}
	free(copy);
	return first;
}

static inline bool
all_signals_blocked(void)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGCHLD) == 1 &&
	    sigismember(&set, SIGUSR1) == 1 && sigismember(&set, SIGPIPE) == 1;
}

static inline int
fake_lookup(const char *host, UNUSED const char *service, const struct addrinfo *hints,
    struct addrinfo **result)
{
	int code = 0;

	pthread_mutex_lock(&fake.lock);
	fake.hints = *hints;
	fake.signals_blocked = all_signals_blocked();
	if (strlen(fake.order) + strlen(host) + 2 < sizeof(fake.order))
		strcat(strcat(fake.order, " "), host);
	fake.calls++;
	fake.inside++;
	if (fake.inside > fake.most_inside)
		fake.most_inside = fake.inside;
	if (starts_with(host, "hang")) {
		fake.held++;
		pthread_cond_broadcast(&fake.changed);
		while (fake.hold && fake.passes == 0)
			pthread_cond_wait(&fake.changed, &fake.lock);
		fake.passes -= fake.hold ? 1 : 0;
		fake.held--;
	}
	if (starts_with(host, "gone")) {
		code = fake.gone_code;
		errno = EMFILE; /* for EAI_SYSTEM */
	} else {
		*result = fake_list(fake.addresses);
		fake.lists++;
	}
	fake.inside--;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
	return code;
}

static inline void
fake_release(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(list->ai_addr);
		free(list);
		list = next;
	}
	pthread_mutex_lock(&fake.lock);
	fake.lists--;
	pthread_mutex_unlock(&fake.lock);
}

static const struct resolver_functions fake_functions = {
	.lookup = fake_lookup,
	.release = fake_release,
};

static inline int64_t
fake_now_us(UNUSED void *arg)
{
	int64_t now_us;

	pthread_mutex_lock(&fake.lock);
	now_us = fake.now_us;
	pthread_mutex_unlock(&fake.lock);
	return now_us;
}

static inline int64_t
fake_wall_ms(UNUSED void *arg)
{
	return 0;
}

static const struct clock_source fake_clock = {
	.now_us = fake_now_us,
	.wall_ms = fake_wall_ms,
};

static inline void
fake_pass_ms(int64_t ms)
{
	pthread_mutex_lock(&fake.lock);
	fake.now_us += ms * 1000;
	pthread_mutex_unlock(&fake.lock);
}

static inline void
fake_hold(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.hold = true;
	pthread_mutex_unlock(&fake.lock);
}

static inline void
fake_let_go(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.hold = false;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* Let one of those that hang go. */
static inline void
fake_let_one_go(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.passes++;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* Wait until COUNT calls hang. */
static inline void
fake_await_held(unsigned count)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.held != count)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static inline unsigned
fake_get(const unsigned *counter)
{
	unsigned value;

	pthread_mutex_lock(&fake.lock);
	value = *counter;
	pthread_mutex_unlock(&fake.lock);
	return value;
}

static inline void
fake_set_addresses(const char *addresses)
{
	pthread_mutex_lock(&fake.lock);
	fake.addresses = addresses;
	pthread_mutex_unlock(&fake.lock);
}

static inline void
fake_reset(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.hold = false;
	fake.passes = 0;
	fake.gone_code = EAI_NONAME;
	fake.addresses = "192.0.2.1";
	fake.calls = fake.most_inside = 0;
	fake.order[0] = '\0';
	fake.now_us = INT64_C(1000000000);
	pthread_mutex_unlock(&fake.lock);
}

/* The threads of this process that the resolver has named. */
static inline unsigned
resolver_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	unsigned count = 0;

	while ((task = readdir(tasks)) != NULL) {
		char *path = xasprintf("/proc/self/task/%s/comm", task->d_name);
		FILE *file = fopen(path, "re");
		char comm[32] = "";

		if (file != NULL) {
			if (fgets(comm, sizeof(comm), file) != NULL &&
			    strcmp(comm, "resolver\n") == 0)
				count++;
			fclose(file);
		}
		free(path);
	}
	closedir(tasks);
	return count;
}

/* The threads end by themselves; nothing else tells when they are gone. A folder of tasks
 * read while some of them end may leave out others: one look is not enough. */
static inline void
await_no_threads(void)
{
	unsigned looks = 0;

	while (looks < 3) {
		looks = resolver_threads() == 0 ? looks + 1 : 0;
		usleep(1000);
	}
}

#endif
