/*
 * The hosts that transfers go to: on which multi handle each one's transfers run, and
 * which addresses each multi handle holds for it.
 *
 * A host has a home among the multi handles, and stays there so that its connections are
 * used again; what is too much for one spreads over the others.
 *
 * Private to http/transfers.
 */
#ifndef GATHERD_HTTP_HOSTS_H
#define GATHERD_HTTP_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curl_slist;
struct destination;
struct host;
struct hosts;
struct resolver_answer;

/* How many multi handles there are for HTTP/1.1. libcurl walks all connections of one on
 * every transfer: at 1000 in flight eight cost half of what one does, and 32 are no
 * better. */
#define HOSTS_SPREAD 8u

/*
 * ... and one each for HTTP/2 and HTTP/2 without asking: libcurl would take a connection
 * that speaks 1.1 for a request that is to go by 2. There, many share a connection.
 */
#define HOSTS_PLACES (HOSTS_SPREAD + 2)

/* More transfers in flight than this, to one host or in all, spill to the next place. */
#define HOSTS_SPILL_HOST  64u
#define HOSTS_SPILL_TOTAL 128u

/* Up to MAX_IDLE hosts without a transfer are remembered. */
struct hosts *hosts_new(size_t max_idle);

/* Another number than hosts_new() was given. */
void hosts_resize(struct hosts *hosts, size_t max_idle);

/* All hosts have been left. NULL is allowed. */
void hosts_free(struct hosts *hosts);

/* A transfer to DESTINATION begins: choose where. *PLACE is the number of its multi
 * handle. KEPT: its connection stays open afterwards. To be left again. */
struct host *hosts_enter(struct hosts *hosts, const struct destination *destination,
    bool kept, unsigned *place);
void hosts_leave(struct hosts *hosts, struct host *host, unsigned place);

/* How many connections each multi handle should keep open, busy and idle, for HOST_COUNT
 * hosts and MAX_CONCURRENT transfers at once; as many as the descriptors allow. */
long hosts_connections(unsigned max_concurrent, unsigned host_count);

/*
 * What the next transfer to HOST at PLACE has to carry as CURLOPT_RESOLVE, so that the
 * multi handle knows the addresses of ANSWER: the caller's list, NULL where it knows them
 * (or runs out of memory: *FAILED). ANSWER NULL: HOST is an address itself.
 */
struct curl_slist *hosts_resolve(struct hosts *hosts, const struct host *host,
    unsigned place, const struct resolver_answer *answer, bool *failed);

/* Has PLACE met HOST, with any addresses? */
bool hosts_met(const struct host *host, unsigned place);

/* A transfer that carried the addresses of VERSION to PLACE has used them. */
void hosts_loaded(struct host *host, unsigned place, uint64_t version);

/* PLACE turned out not to know HOST: the next transfer brings the addresses again. */
void hosts_lost(struct host *host, unsigned place);

#endif
