#include "http/resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "http/lookups.h"

#define US_PER_MS INT64_C(1000)

#define LIFETIME_US (RESOLVER_LIFETIME_MS * US_PER_MS)

/* What never changes has this version; those of names are larger. */
#define FIXED_VERSION 1

struct resolver_query {
	TAILQ_ENTRY(resolver_query) entry; /* in its name's `queries` */
	struct name *name;
	uint64_t lookup_number; /* the name's when it was asked */
	resolver_done_fn *done;
	void *arg;
};

TAILQ_HEAD(query_list, resolver_query);

/* A host name that was asked for: what is known of it, and who waits for it. */
struct name {
	struct resolver *resolver; /* borrowed */
	TAILQ_ENTRY(name) entry;   /* in `names_by_use` */
	char *host;                /* owned */

	char *addresses; /* owned: the last that were found; NULL: none ever */
	uint64_t version;
	int64_t found_us;
	bool failed; /* the last lookup found none */
	enum lookup_kind kind;

	struct lookup *lookup;  /* under way; or NULL */
	uint64_t lookup_number; /* counts up with each that ends */
	int64_t started_us;     /* of `lookup` */
	bool overdue; /* queries that waited for it have had the old addresses */
	struct query_list queries;
	struct event
	    *patience;      /* owned: while queries wait and old addresses are there */
	unsigned answering; /* callbacks read `addresses` at this moment */
};

TAILQ_HEAD(name_list, name);

struct resolver {
	struct event_base *base; /* borrowed */
	struct clock_source clock;
	struct lookups *lookups;       /* owned */
	void *tree;                    /* of struct name by host (tsearch(3)) */
	struct name_list names_by_use; /* the same, owned; the last used is the last */
	size_t name_count;
	uint64_t last_version;
};

static int64_t
now_us(const struct resolver *resolver)
{
	return resolver->clock.now_us(resolver->clock.arg);
}

static int
compare_names(const void *a, const void *b)
{
	return strcasecmp(
	    ((const struct name *)a)->host, ((const struct name *)b)->host);
}

/* The same with a text as the key, which comes first (tfind(3p)). */
static int
compare_host(const void *host, const void *name)
{
	return strcasecmp(host, ((const struct name *)name)->host);
}

static void
name_free(struct name *name)
{
	struct resolver_query *query;

	while ((query = TAILQ_FIRST(&name->queries)) != NULL) {
		TAILQ_REMOVE(&name->queries, query, entry);
		free(query);
	}
	if (name->patience != NULL)
		event_free(name->patience);
	free(name->addresses);
	free(name->host);
	free(name);
}

static void
forget(struct resolver *resolver, struct name *name)
{
	tdelete(name, &resolver->tree, compare_names);
	TAILQ_REMOVE(&resolver->names_by_use, name, entry);
	resolver->name_count--;
	name_free(name);
}

static bool
in_use(const struct name *name)
{
	return name->lookup != NULL || name->answering > 0 ||
	    !TAILQ_EMPTY(&name->queries);
}

/* Make room for one more name. Those in use stay, even if that is one too many. */
static void
forget_oldest(struct resolver *resolver)
{
	struct name *name = TAILQ_FIRST(&resolver->names_by_use);

	while (name != NULL && in_use(name))
		name = TAILQ_NEXT(name, entry);
	if (name != NULL)
		forget(resolver, name);
}

static struct name *
add_name(struct resolver *resolver, const char *host)
{
	struct name *name = xcalloc(1, sizeof(*name));

	name->resolver = resolver;
	name->host = xstrdup(host);
	name->kind = LOOKUP_NEW;
	TAILQ_INIT(&name->queries);
	if (tsearch(name, &resolver->tree, compare_names) == NULL)
		abort(); /* as xalloc: out of memory */
	TAILQ_INSERT_TAIL(&resolver->names_by_use, name, entry);
	resolver->name_count++;
	return name;
}

/* What is known of HOST, which is now the last used. */
static struct name *
use_name(struct resolver *resolver, const char *host)
{
	struct name **found = tfind(host, &resolver->tree, compare_host);

	if (found == NULL) {
		if (resolver->name_count >= RESOLVER_MAX_NAMES)
			forget_oldest(resolver);
		return add_name(resolver, host);
	}
	TAILQ_REMOVE(&resolver->names_by_use, *found, entry);
	TAILQ_INSERT_TAIL(&resolver->names_by_use, *found, entry);
	return *found;
}

/* How long ago the addresses were found, in lifetimes; 2 and more: they are of no use. */
static double
name_age(const struct name *name)
{
	if (name->addresses == NULL)
		return 2;
	return (double)(now_us(name->resolver) - name->found_us) / (double)LIFETIME_US;
}

static void
begin_lookup(struct name *name)
{
	struct resolver *resolver = name->resolver;

	if (name->lookup != NULL)
		return;
	name->overdue = false;
	name->started_us = now_us(resolver);
	name->lookup = lookups_start(resolver->lookups, name->host, name->kind, name);
}

/* Is there an old address, and the lookup that should replace it of no help? */
static bool
old_must_serve(const struct name *name)
{
	int64_t waited_us = now_us(name->resolver) - name->started_us;

	if (name_age(name) >= 2)
		return false;
	return name->failed || name->overdue ||
	    (name->lookup != NULL && waited_us >= RESOLVER_PATIENCE_MS * US_PER_MS);
}

/* Answer the queries that wait for the lookup with this number or one before it. Those
 * that callbacks put wait for the next. */
static void
answer_queries(
    struct name *name, uint64_t lookup_number, const struct resolver_answer *answer)
{
	struct resolver_query *query;

	name->answering++;
	while ((query = TAILQ_FIRST(&name->queries)) != NULL &&
	    query->lookup_number <= lookup_number) {
		TAILQ_REMOVE(&name->queries, query, entry);
		assert(TAILQ_FIRST(&name->queries) != query); /* analysers doubt it */
		query->done(answer, query->arg);
		free(query);
	}
	name->answering--;
}

static void
on_patience(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct name *name = arg;
	struct resolver_answer answer = {
		.addresses = name->addresses,
		.version = name->version,
		.took_us = now_us(name->resolver) - name->started_us,
	};

	if (name_age(name) >= 2)
		return;
	name->overdue = true;
	answer_queries(name, name->lookup_number, &answer);
}

static void
arm_patience(struct name *name)
{
	static const struct timeval patience = {
		.tv_sec = RESOLVER_PATIENCE_MS / 1000,
		.tv_usec = RESOLVER_PATIENCE_MS % 1000 * US_PER_MS,
	};

	if (name->patience == NULL)
		name->patience = evtimer_new(name->resolver->base, on_patience, name);
	if (name->patience != NULL && !evtimer_pending(name->patience, NULL))
		evtimer_add(name->patience, &patience);
}

static void
disarm_patience(struct name *name)
{
	if (name->patience != NULL)
		event_free(name->patience);
	name->patience = NULL;
}

/* Take over what a lookup found. */
static void
learn(struct name *name, const struct lookup_result *result)
{
	name->failed = result->addresses == NULL;
	name->kind =
	    result->took_us > RESOLVER_SLOW_MS * US_PER_MS ? LOOKUP_SLOW : LOOKUP_QUICK;
	if (name->failed)
		return;
	name->found_us = now_us(name->resolver);
	if (name->addresses != NULL && strcmp(name->addresses, result->addresses) == 0)
		return;
	free(name->addresses);
	name->addresses = xstrdup(result->addresses);
	name->version = ++name->resolver->last_version;
}

/* A lookup has ended: everybody who waits gets what it found, or what is left of old. */
static void
on_lookup_done(const struct lookup_result *result, void *arg)
{
	struct name *name = arg;
	struct resolver_answer answer = { .took_us = result->took_us };

	name->lookup = NULL;
	name->overdue = false;
	disarm_patience(name);
	learn(name, result);
	if (name_age(name) < 2) {
		answer.addresses = name->addresses;
		answer.version = name->version;
	} else {
		answer.error = result->error;
	}
	answer_queries(name, name->lookup_number++, &answer);
}

/* Answered at once, with what is the same for ever. */
static struct resolver_query *
answer_fixed(const char *addresses, resolver_done_fn *done, void *arg)
{
	struct resolver_answer answer = {
		.addresses = addresses,
		.version = FIXED_VERSION,
	};

	done(&answer, arg);
	return NULL;
}

static struct resolver_query *
answer_known(struct name *name, resolver_done_fn *done, void *arg)
{
	struct resolver_answer answer = {
		.addresses = name->addresses,
		.version = name->version,
	};

	name->answering++;
	done(&answer, arg);
	name->answering--;
	return NULL;
}

/* "localhost" and what ends in ".localhost", with or without a last dot. */
static bool
is_localhost(const char *host)
{
	static const char localhost[] = "localhost";
	const size_t len = sizeof(localhost) - 1;
	size_t host_len = strlen(host);

	if (host_len > 0 && host[host_len - 1] == '.')
		host_len--;
	if (host_len < len || strncasecmp(host + host_len - len, localhost, len) != 0)
		return false;
	return host_len == len || host[host_len - len - 1] == '.';
}

/* HOST as CURLOPT_RESOLVE takes it, the caller's, where it is an address: "10.0.0.1",
 * "[::1]", "::1", "fe80::1%eth0"; else NULL. */
static char *
literal_address(const char *host)
{
	size_t len = strlen(host);
	bool bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
	char *inner = bracketed ? xmemdup0(host + 1, len - 2) : xstrdup(host);
	char *plain = xmemdup0(inner, strcspn(inner, "%"));
	char *address = NULL;
	struct in6_addr unused;

	if (!bracketed && inet_pton(AF_INET, inner, &unused) == 1)
		address = xstrdup(inner);
	else if (inet_pton(AF_INET6, plain, &unused) == 1)
		address = xasprintf("[%s]", inner);
	free(plain);
	free(inner);
	return address;
}

static struct resolver_query *
add_query(struct name *name, resolver_done_fn *done, void *arg)
{
	struct resolver_query *query = xcalloc(1, sizeof(*query));

	query->name = name;
	query->lookup_number = name->lookup_number;
	query->done = done;
	query->arg = arg;
	TAILQ_INSERT_TAIL(&name->queries, query, entry);
	return query;
}

struct resolver_query *
resolver_ask(
    struct resolver *resolver, const char *host, resolver_done_fn *done, void *arg)
{
	char *literal = literal_address(host);
	struct name *name;
	double age;

	if (literal != NULL) {
		answer_fixed(literal, done, arg);
		free(literal);
		return NULL;
	}
	if (is_localhost(host))
		return answer_fixed("127.0.0.1,[::1]", done, arg);
	name = use_name(resolver, host);
	age = name_age(name);
	if (age >= 0.75)
		begin_lookup(name);
	if (age < 1 || old_must_serve(name))
		return answer_known(name, done, arg);
	if (age < 2)
		arm_patience(name);
	return add_query(name, done, arg);
}

void
resolver_cancel(struct resolver_query *query)
{
	struct name *name = query->name;

	TAILQ_REMOVE(&name->queries, query, entry);
	free(query);
	if (!TAILQ_EMPTY(&name->queries))
		return;
	disarm_patience(name);
	/* Nobody waits: a lookup that has not begun need not begin. */
	if (name->lookup != NULL &&
	    lookups_withdraw(name->resolver->lookups, name->lookup))
		name->lookup = NULL;
}

static const struct resolver_functions system_functions = {
	.lookup = getaddrinfo,
	.release = freeaddrinfo,
};

struct resolver *
resolver_new(struct event_base *base, const struct resolver_functions *functions,
    const struct clock_source *clock)
{
	struct resolver *resolver = xcalloc(1, sizeof(*resolver));

	resolver->base = base;
	resolver->clock = clock != NULL ? *clock : clock_system;
	resolver->last_version = FIXED_VERSION;
	TAILQ_INIT(&resolver->names_by_use);
	resolver->lookups =
	    lookups_new(base, functions != NULL ? functions : &system_functions,
	        &resolver->clock, on_lookup_done);
	if (resolver->lookups == NULL) {
		free(resolver);
		return NULL;
	}
	return resolver;
}

void
resolver_free(struct resolver *resolver)
{
	struct name *name;

	if (resolver == NULL)
		return;
	lookups_free(resolver->lookups);
	while ((name = TAILQ_FIRST(&resolver->names_by_use)) != NULL)
		forget(resolver, name);
	free(resolver);
}
