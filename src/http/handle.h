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
#include "http/connection.h"
#include "http/request.h"
#include "http/sending.h"
#include "http/trust.h"

struct hop;
struct sockets;

struct handle {
	CURL *easy;              /* owned */
	struct sockets *sockets; /* borrowed */
	struct answer answer;
	char error[CURL_ERROR_SIZE]; /* libcurl's words */

	const struct hop *hop; /* borrowed: the transfer's */
	bool begun;            /* libcurl has loaded the addresses it was given */
	bool connected;        /* the request is on its way, or was */
	bool sent;             /* ... or was on a former connection of the transfer */
	bool forsaken;         /* it was lost, and must not be sent twice */
	bool weary;            /* of challenges: one more is not answered */
	unsigned challenges;   /* answered by asking once more */
	bool lacks_addresses;  /* libcurl does not know those of the host */
	bool may_resolve;      /* the host is an address: libcurl only has to read it */
	int socket_errno; /* why the last socket was refused to us; 0: it was not */

	/* The handshakes of the connection that is being made. */
	unsigned handshakes; /* begun, that with a proxy included */
	struct trust_handshake handshake;
	struct response_tls tls; /* what came of them */

	/* On clock_now_us(); 0: not yet. */
	int64_t opened_us;  /* the connection's first socket; 0: it stood already */
	int64_t secured_us; /* the handshake with the server began */
	int64_t asked_us;   /* the connection stood, and the request went out */

	/* What the handle is set to. */
	struct sending sending;
	struct connection connection;
	struct trust *trust;        /* borrowed */
	struct curl_slist *resolve; /* owned */
	bool fresh;
	bool unsound; /* what libcurl makes of HTTP/2 */
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
	bool may_resolve;     /* libcurl connects to an address: it has to read it */
	bool prune_addresses; /* have libcurl forget address literals not met lately */
};

/* HANDLE is zeroed. ARG comes back from handle_arg(). Returns false without memory. */
MUST_CHECK bool handle_init(
    struct handle *handle, struct sockets *sockets, struct trust *trust, void *arg);

/* It is in no multi. */
void handle_clear(struct handle *handle);

/* The ARG of EASY's handle. */
void *handle_arg(CURL *easy);

/* Make ready for HOP, borrowed until handle_release(). Returns false without memory. */
MUST_CHECK bool handle_prepare(
    struct handle *handle, const struct hop *hop, const struct handle_plan *plan);

/* Forget the transfer, keep the settings, as far as libcurl can. */
void handle_release(struct handle *handle);

/* How far the transfer is. */
enum response_phase handle_phase(const struct handle *handle);

/* Is the handshake that began last that with the proxy? */
bool handle_secures_proxy(const struct handle *handle);

/* Did it get a connection that stood already? Only once it is connected. */
bool handle_reused(const struct handle *handle);

/* The answer, or as much of it as there is, into RESPONSE. */
void handle_take_answer(struct handle *handle, struct response *response);

/* All but dns_us and total_us. */
void handle_timing(const struct handle *handle, struct response_timing *timing);

#endif
