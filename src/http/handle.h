/*
 * An easy handle of libcurl (libcurl-easy(3)), used for one transfer after the other:
 * what is the same for all is set once, the rest only where it changes.
 *
 * Private to http/transfers and its parts.
 */
#ifndef GATHERD_HTTP_HANDLE_H
#define GATHERD_HTTP_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/compiler.h"
#include "http/answer.h"
#include "http/request.h"

struct hop;
struct sockets;
struct trust;

struct handle {
	CURL *easy;              /* owned */
	struct sockets *sockets; /* borrowed */
	struct answer answer;
	char error[CURL_ERROR_SIZE]; /* libcurl's words */

	const struct url *url; /* borrowed: the transfer's */
	bool begun;            /* libcurl has loaded the addresses it was given */
	bool connected;        /* the request is on its way, or was */
	bool lacks_addresses;  /* libcurl does not know those of the host */
	bool may_resolve;      /* the host is an address: libcurl only has to read it */
	int socket_errno; /* why the last socket was refused to us; 0: it was not */

	/* What the handle is set to. */
	struct curl_slist *headers; /* owned */
	struct curl_slist *resolve; /* owned */
	bool trusts;                /* handle_trust() was called */
	bool fresh;
	bool has_credentials;
	long connect_timeout_ms;
	long second_try_ms;
	long dns_cache_s;
	curl_off_t max_file_bytes;
};

/* What a transfer needs besides its hop. */
struct handle_plan {
	struct curl_slist *resolve; /* CURLOPT_RESOLVE; taken over; NULL: nothing new */
	long connect_timeout_ms;    /* 0: libcurl need not look at it */
	bool several_addresses;     /* libcurl may have to try one after the other */
	bool prune_addresses; /* have libcurl forget address literals not met lately */
};

/* HANDLE is zeroed. ARG comes back from handle_arg(). Returns false without memory. */
MUST_CHECK bool handle_init(struct handle *handle, struct sockets *sockets, void *arg);

/* Its connections by TLS trust TRUST, as trust_use() has it; once is enough. */
void handle_trust(struct handle *handle, struct trust *trust);

/* It is in no multi. */
void handle_clear(struct handle *handle);

/* The ARG of EASY's handle. */
void *handle_arg(CURL *easy);

/* Make ready for HOP. Returns false without memory. */
MUST_CHECK bool handle_prepare(
    struct handle *handle, const struct hop *hop, const struct handle_plan *plan);

/* Forget the transfer, keep the settings. */
void handle_release(struct handle *handle);

/* How far the transfer is. */
enum response_phase handle_phase(const struct handle *handle);

/* Did it get a connection that stood already? Only once it is connected. */
bool handle_reused(const struct handle *handle);

/* The answer, or as much of it as there is, into RESPONSE. */
void handle_take_answer(struct handle *handle, struct response *response);

/* All but dns_us and total_us. */
void handle_timing(const struct handle *handle, struct response_timing *timing);

#endif
