#include "http/hosts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include <curl/curl.h>

#include "base/xalloc.h"
#include "http/destination.h"
#include "http/resolver.h"

/* So many hosts in a row, in the order they are met, share a home: a small config then
 * runs on one multi handle, which reads the CA file once. */
#define HOSTS_PER_HOME 32u

#define BUCKETS 1024u /* a power of two */

/* A multi handle keeps at least so many connections, whatever else. */
#define MIN_CONNECTIONS 64

/* Descriptors that connections leave to the rest of the program. */
#define OTHER_DESCRIPTORS 64

/* One host at one multi handle. */
struct foothold {
	unsigned in_flight;
	unsigned connections; /* about how many are open, busy and idle */
	uint64_t version;     /* of the addresses it holds */
	bool met;
};

struct host {
	LIST_ENTRY(host) in_bucket;
	TAILQ_ENTRY(host) in_idle; /* while in_flight is 0 */
	char *name;                /* owned */
	unsigned port;
	bool is_known; /* nothing is looked up */
	unsigned home;
	unsigned in_flight; /* in all places */
	struct foothold at[HOSTS_PLACES];
};

LIST_HEAD(host_list, host);
TAILQ_HEAD(host_queue, host);

struct hosts {
	struct host_list buckets[BUCKETS];
	struct host_queue idle; /* the longest unused one first */
	size_t idle_count;
	size_t max_idle;
	unsigned met_count;
	unsigned load[HOSTS_PLACES];               /* transfers in flight */
	struct curl_slist *outdated[HOSTS_PLACES]; /* owned: "-HOST:PORT", to forget */
};

struct hosts *
hosts_new(size_t max_idle)
{
	struct hosts *hosts = xcalloc(1, sizeof(*hosts));

	hosts->max_idle = max_idle;
	TAILQ_INIT(&hosts->idle);
	return hosts;
}

static void
free_host(struct host *host)
{
	LIST_REMOVE(host, in_bucket);
	free(host->name);
	free(host);
}

void
hosts_free(struct hosts *hosts)
{
	if (hosts == NULL)
		return;
	while (!TAILQ_EMPTY(&hosts->idle)) {
		struct host *host = TAILQ_FIRST(&hosts->idle);

		TAILQ_REMOVE(&hosts->idle, host, in_idle);
		free_host(host);
	}
	for (unsigned place = 0; place < HOSTS_PLACES; place++)
		curl_slist_free_all(hosts->outdated[place]);
	free(hosts);
}

/* FNV-1a. */
static unsigned
bucket_of(const struct destination *destination)
{
	uint32_t hash = UINT32_C(2166136261) ^ destination->port;

	for (const char *c = destination->name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT32_C(16777619);
	return (hash ^ hash >> 16) & (BUCKETS - 1);
}

static struct host *
add_host(struct hosts *hosts, const struct destination *destination, unsigned bucket)
{
	struct host *host = xcalloc(1, sizeof(*host));

	host->name = xstrdup(destination->name);
	host->port = destination->port;
	host->is_known = destination->is_known;
	host->home = hosts->met_count++ / HOSTS_PER_HOME % HOSTS_SPREAD;
	LIST_INSERT_HEAD(&hosts->buckets[bucket], host, in_bucket);
	TAILQ_INSERT_TAIL(&hosts->idle, host, in_idle);
	hosts->idle_count++;
	return host;
}

static struct host *
find_host(struct hosts *hosts, const struct destination *destination)
{
	unsigned bucket = bucket_of(destination);
	struct host *host = LIST_FIRST(&hosts->buckets[bucket]);

	for (; host != NULL; host = LIST_NEXT(host, in_bucket)) {
		if (host->port == destination->port &&
		    strcmp(host->name, destination->name) == 0)
			return host;
	}
	return add_host(hosts, destination, bucket);
}

/* Where an idle connection is, if anywhere; else where there is room; else where the load
 * is least: each time the nearest to the host's home. */
static unsigned
choose_place(const struct hosts *hosts, const struct host *host)
{
	unsigned roomy = HOSTS_SPREAD, least = host->home;

	for (unsigned i = 0; i < HOSTS_SPREAD; i++) {
		unsigned place = (host->home + i) % HOSTS_SPREAD;
		const struct foothold *at = &host->at[place];

		if (at->in_flight < at->connections)
			return place;
		if (roomy == HOSTS_SPREAD && at->in_flight < HOSTS_SPILL_HOST &&
		    hosts->load[place] < HOSTS_SPILL_TOTAL)
			roomy = place;
		if (hosts->load[place] < hosts->load[least])
			least = place;
	}
	return roomy < HOSTS_SPREAD ? roomy : least;
}

static unsigned
place_of(const struct hosts *hosts, const struct host *host, enum http_version version)
{
	switch (version) {
	case HTTP_1_1:
		return choose_place(hosts, host);
	case HTTP_2:
		return HOSTS_SPREAD;
	case HTTP_2_PRIOR_KNOWLEDGE:
		return HOSTS_SPREAD + 1;
	}
	abort();
}

struct host *
hosts_enter(struct hosts *hosts, const struct destination *destination, bool kept,
    unsigned *place)
{
	struct host *host = find_host(hosts, destination);
	struct foothold *at;

	if (host->in_flight++ == 0) {
		TAILQ_REMOVE(&hosts->idle, host, in_idle);
		hosts->idle_count--;
	}
	*place = place_of(hosts, host, destination->version);
	at = &host->at[*place];
	at->in_flight++;
	if (kept && at->connections < at->in_flight)
		at->connections = at->in_flight;
	hosts->load[*place]++;
	return host;
}

/* libcurl keeps what CURLOPT_RESOLVE brought for good: have it forget that too. Redirects
 * could otherwise fill the memory by ever new names. */
static void
forget_host(struct hosts *hosts, struct host *host)
{
	for (unsigned place = 0; place < HOSTS_PLACES && !host->is_known; place++) {
		struct curl_slist *first;
		char *line;

		if (!host->at[place].met)
			continue;
		line = xasprintf("-%s:%u", host->name, host->port);
		first = curl_slist_append(NULL, line);
		free(line);
		if (first == NULL)
			continue;
		/* In front: to append walks the whole list. */
		first->next = hosts->outdated[place];
		hosts->outdated[place] = first;
	}
	free_host(host);
}

static void
forget_too_many(struct hosts *hosts)
{
	while (hosts->idle_count > hosts->max_idle) {
		struct host *oldest = TAILQ_FIRST(&hosts->idle);

		TAILQ_REMOVE(&hosts->idle, oldest, in_idle);
		hosts->idle_count--;
		forget_host(hosts, oldest);
	}
}

void
hosts_resize(struct hosts *hosts, size_t max_idle)
{
	hosts->max_idle = max_idle;
	forget_too_many(hosts);
}

void
hosts_leave(struct hosts *hosts, struct host *host, unsigned place)
{
	assert(host->at[place].in_flight > 0);
	host->at[place].in_flight--;
	hosts->load[place]--;
	if (--host->in_flight > 0)
		return;
	TAILQ_INSERT_TAIL(&hosts->idle, host, in_idle);
	hosts->idle_count++;
	forget_too_many(hosts);
}

bool
hosts_met(const struct host *host, unsigned place)
{
	return host->at[place].met;
}

struct curl_slist *
hosts_resolve(struct hosts *hosts, const struct host *host, unsigned place,
    const struct resolver_answer *answer, bool *failed)
{
	const struct foothold *at = &host->at[place];
	struct curl_slist *list = hosts->outdated[place];
	struct curl_slist *longer;
	char *line;

	*failed = false;
	hosts->outdated[place] = NULL;
	if (answer == NULL || (at->met && at->version == answer->version))
		return list;
	/* An entry replaces an older one. It comes last, since this host may have been
	 * forgotten before. */
	line = xasprintf("%s:%u:%s", host->name, host->port, answer->addresses);
	longer = curl_slist_append(list, line);
	free(line);
	if (longer != NULL)
		return longer;
	hosts->outdated[place] = list;
	*failed = true;
	return NULL;
}

void
hosts_loaded(struct host *host, unsigned place, uint64_t version)
{
	host->at[place].met = true;
	host->at[place].version = version;
}

void
hosts_lost(struct host *host, unsigned place)
{
	host->at[place].met = false;
}

/* Idle connections are only worth what they cost: never the descriptors that new ones
 * need. */
long
hosts_connections(unsigned max_concurrent, unsigned host_count)
{
	uint64_t wanted = (uint64_t)max_concurrent + host_count + MIN_CONNECTIONS;
	struct rlimit limit;
	uint64_t allowed = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		limit.rlim_cur = 1024;
	/* Each multi handle may have all of its own idle while others have all busy. */
	if (limit.rlim_cur > OTHER_DESCRIPTORS + (rlim_t)max_concurrent)
		allowed = (limit.rlim_cur - OTHER_DESCRIPTORS - max_concurrent) /
		    HOSTS_PLACES;
	if (wanted > allowed)
		wanted = allowed;
	if (wanted > INT32_MAX)
		wanted = INT32_MAX;
	return wanted > 0 ? (long)wanted : 1;
}
