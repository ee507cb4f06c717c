#include "config.h"

#include "http/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "http/destination.h"
#include "http/sockets.h"
#include "http/transfers.h"

/* With pruning on, address literals not met for so long are forgotten. */
#define LITERALS_KEPT_S 60

/* How long libcurl waits for one address before it tries another one besides (RFC 8305, 5).
 * Where there is no other it would wake the loop for nothing. */
#define SECOND_TRY_MS    CURL_HET_DEFAULT
#define NO_SECOND_TRY_MS ((long)INT32_MAX / 2)

/* The version from which on it need not be. */
#define SOUND_PRIOR_KNOWLEDGE 0x080000u

/* What libcurl reads of HTTP/2 at once fits into it. */
#define WHOLE_READ_BYTES 65536L

/* After how many challenges a server is asked no more, which libcurl does not bound: the
 * first, a second since the nonce was stale, and one more. */
#define MAX_CHALLENGES 3

/* libcurl's words for "never": what CURLOPT_RESOLVE gave it stays. */
#define KEPT_FOR_EVER (-1L)

bool
handle_secures_proxy(const struct handle *handle)
{
	return handle->handshakes == 1 && connection_secures_proxy(handle->hop);
}

/* The connection that stood is of no use, or there was none: another one is made. */
static void
begin_connection(struct handle *handle)
{
	if (handle->opened_us == 0 || handle->connected)
		handle->opened_us = clock_now_us();
	handle->begun = true;
	handle->connected = false;
	handle->handshakes = 0;
	handle->secured_us = 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: as libcurl would, but we learn why there is none. */
static curl_socket_t
on_open(void *arg, UNUSED curlsocktype purpose, struct curl_sockaddr *address)
{
	struct handle *handle = arg;
	int fd = socket(
	    address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	begin_connection(handle);
	handle->socket_errno = fd == -1 ? errno : 0;
	if (fd == -1)
		return CURL_SOCKET_BAD;
	sockets_opened(handle->sockets, fd);
	return fd;
}

/* CURLOPT_SSL_CTX_FUNCTION: a handshake begins. */
static CURLcode
on_handshake(UNUSED CURL *easy, void *context, void *arg)
{
	struct handle *handle = arg;

	handle->handshakes++;
	if (handle_secures_proxy(handle))
		return trust_apply(handle->trust, context, NULL, NULL);
	handle->secured_us = clock_now_us();
	return trust_apply(handle->trust, context, connection_authorities(handle->hop),
	    &handle->handshake);
}

/* May the request have no effect but once (RFC 9110, 9.2.2)? */
static bool
is_unsafe(const struct hop *hop)
{
	const char *method = sending_method(hop);

	return strcmp(method, "POST") == 0 || strcmp(method, "PATCH") == 0;
}

static void
clear_tls(struct response_tls *tls)
{
	free(tls->subject);
	free(tls->issuer);
	*tls = (struct response_tls){ .expires_at_ms = -1 };
}

/*
 * CURLOPT_PREREQFUNCTION: connected, handshake and all. Called again where libcurl asks a
 * second time within one transfer: with an answer to the server's challenge, or on another
 * connection, since that which stood was closed before it answered.
 */
static int
on_connected(void *arg, UNUSED char *remote_ip, UNUSED char *local_ip,
    UNUSED int remote_port, UNUSED int local_port)
{
	struct handle *handle = arg;

	handle->forsaken =
	    handle->sent && handle->answer.header_bytes == 0 && is_unsafe(handle->hop);
	if (handle->answer.header_bytes > 0)
		handle->challenges++;
	handle->weary = handle->challenges > MAX_CHALLENGES;
	clear_tls(&handle->tls);
	/* Also what is given up here: the connection may outlive HANDLE. */
	if (handle->hop->url->tls)
		trust_inspect(
		    handle->easy, &handle->tls, handle->hop->request->keep_trail);
	if (handle->forsaken || handle->weary)
		return CURL_PREREQFUNC_ABORT;
	answer_restart(&handle->answer);
	handle->begun = true;
	handle->connected = true;
	handle->sent = true;
	handle->asked_us = clock_now_us();
	return CURL_PREREQFUNC_OK;
}

/* CURLOPT_RESOLVER_START_FUNCTION: called where libcurl does not know a host. For an
 * address it has no work to do; a name it would look up is ours to look up. */
static int
on_resolve(UNUSED void *resolver_state, UNUSED void *reserved, void *arg)
{
	struct handle *handle = arg;

	if (handle->may_resolve)
		return 0;
	handle->lacks_addresses = true;
	return 1;
}

/* The settings that all transfers share. Most only store a value; these copy a text. */
static bool
set_texts(CURL *easy)
{
	static const struct {
		CURLoption option;
		const char *text;
	} settings[] = {
		{ CURLOPT_PROTOCOLS_STR, "http,https" },
		{ CURLOPT_REDIR_PROTOCOLS_STR, "http,https" },
		{ CURLOPT_USERAGENT, "gatherd/" PACKAGE_VERSION },
	};

	for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
		if (curl_easy_setopt(easy, settings[i].option, settings[i].text) !=
		    CURLE_OK)
			return false;
	}
	return true;
}

/* How libcurl behaves. */
static void
set_behaviour(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	/* A session that is resumed (RFC 8446, 2.2) neither shows nor checks the server's
	 * certificate, but repeats what was found when it began: a certificate that has
	 * expired, or was replaced, would not be noticed for as long as it goes on. */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

/* What libcurl calls and fills. */
static void
set_callbacks(struct handle *handle)
{
	CURL *easy = handle->easy;

	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &handle->answer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, answer_on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, &handle->answer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, handle);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, sockets_on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, handle->sockets);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, handle);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, handle);
	if (trust_sees_handshakes(handle->trust)) {
		curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_handshake);
		curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, handle);
	}
}

bool
handle_init(
    struct handle *handle, struct sockets *sockets, struct trust *trust, void *arg)
{
	handle->easy = curl_easy_init();
	if (handle->easy == NULL)
		return false;
	handle->sockets = sockets;
	handle->trust = trust;
	handle->dns_cache_s = KEPT_FOR_EVER;
	handle->second_try_ms = SECOND_TRY_MS;
	if (!set_texts(handle->easy)) {
		handle_clear(handle);
		return false;
	}
	set_behaviour(handle->easy);
	set_callbacks(handle);
	connection_init(&handle->connection, handle->easy);
	sending_init(&handle->sending, handle->easy);
	curl_easy_setopt(handle->easy, CURLOPT_PRIVATE, arg);
	curl_easy_setopt(handle->easy, CURLOPT_DNS_CACHE_TIMEOUT, handle->dns_cache_s);
	return true;
}

void
handle_clear(struct handle *handle)
{
	curl_easy_cleanup(handle->easy);
	answer_clear(&handle->answer);
	clear_tls(&handle->tls);
	sending_clear(&handle->sending);
	connection_clear(&handle->connection);
	curl_slist_free_all(handle->resolve);
	*handle = (struct handle){ 0 };
}

void *
handle_arg(CURL *easy)
{
	char *arg = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg);
	return arg;
}

/* libcurl reads the list as the transfer begins, and never again. */
static void
set_resolve(struct handle *handle, struct curl_slist *resolve)
{
	if (resolve != NULL || handle->resolve != NULL)
		curl_easy_setopt(handle->easy, CURLOPT_RESOLVE, resolve);
	curl_slist_free_all(handle->resolve);
	handle->resolve = resolve;
}

/*
 * What libcurl may refuse by the Content-Length alone; 0: nothing. It is the length of
 * what is not decoded yet, of what HEAD does not bring, or of what the server says to
 * somebody who has not shown his password yet.
 */
static curl_off_t
max_file_bytes(const struct hop *hop)
{
	const struct request *request = hop->request;

	if (destination_route(hop)->compressed || request->auth == AUTH_DIGEST ||
	    strcmp(sending_method(hop), "HEAD") == 0)
		return 0;
	return (curl_off_t)request->max_body_bytes;
}

/*
 * Up to 8.0 libcurl loses what it says to a server that it knows to speak HTTP/2, once that
 * goes on a connection that stands. And of what it reads there, 32 KiB at once, it forgets
 * the rest where that does not fit into what it hands on: no socket wakes it up for it.
 */
static bool
has_unsound_http2(const struct hop *hop)
{
	return destination_route(hop)->http_version == HTTP_2_PRIOR_KNOWLEDGE &&
	    !hop->url->tls &&
	    curl_version_info(CURLVERSION_NOW)->version_num < SOUND_PRIOR_KNOWLEDGE;
}

static void
set_numbers(
    struct handle *handle, const struct hop *hop, const struct handle_plan *plan)
{
	curl_off_t max_bytes = max_file_bytes(hop);
	long dns_cache_s = plan->prune_addresses ? LITERALS_KEPT_S : KEPT_FOR_EVER;
	long second_try_ms = plan->several_addresses ? SECOND_TRY_MS : NO_SECOND_TRY_MS;
	bool unsound = has_unsound_http2(hop);
	bool fresh = !hop->request->reuse || unsound;

	if (handle->max_file_bytes != max_bytes)
		curl_easy_setopt(handle->easy, CURLOPT_MAXFILESIZE_LARGE, max_bytes);
	if (handle->dns_cache_s != dns_cache_s)
		curl_easy_setopt(handle->easy, CURLOPT_DNS_CACHE_TIMEOUT, dns_cache_s);
	if (handle->connect_timeout_ms != plan->connect_timeout_ms)
		curl_easy_setopt(
		    handle->easy, CURLOPT_CONNECTTIMEOUT_MS, plan->connect_timeout_ms);
	if (handle->second_try_ms != second_try_ms)
		curl_easy_setopt(
		    handle->easy, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, second_try_ms);
	if (handle->unsound != unsound)
		curl_easy_setopt(handle->easy, CURLOPT_BUFFERSIZE,
		    unsound ? WHOLE_READ_BYTES : (long)CURL_MAX_WRITE_SIZE);
	if (handle->fresh != fresh) {
		curl_easy_setopt(handle->easy, CURLOPT_FRESH_CONNECT, (long)fresh);
		curl_easy_setopt(handle->easy, CURLOPT_FORBID_REUSE, (long)fresh);
	}
	handle->max_file_bytes = max_bytes;
	handle->dns_cache_s = dns_cache_s;
	handle->connect_timeout_ms = plan->connect_timeout_ms;
	handle->second_try_ms = second_try_ms;
	handle->fresh = fresh;
	handle->unsound = unsound;
}

bool
handle_prepare(
    struct handle *handle, const struct hop *hop, const struct handle_plan *plan)
{
	handle->hop = hop;
	handle->may_resolve = plan->may_resolve;
	answer_begin(
	    &handle->answer, handle->easy, hop->request, sending_breaks_off(hop));
	set_resolve(handle, plan->resolve);
	set_numbers(handle, hop, plan);
	return connection_apply(
	           &handle->connection, handle->easy, hop, handle->trust) &&
	    sending_apply(&handle->sending, handle->easy, hop);
}

void
handle_release(struct handle *handle)
{
	answer_clear(&handle->answer);
	clear_tls(&handle->tls);
	handle->hop = NULL;
	handle->begun = false;
	handle->connected = false;
	handle->sent = false;
	handle->forsaken = false;
	handle->weary = false;
	handle->challenges = 0;
	handle->lacks_addresses = false;
	handle->socket_errno = 0;
	handle->handshakes = 0;
	handle->handshake = (struct trust_handshake){ 0 };
	handle->opened_us = 0;
	handle->secured_us = 0;
	handle->asked_us = 0;
	if (handle->easy != NULL && !sending_withdraw(&handle->sending, handle->easy))
		handle_clear(handle);
}

/* Does the handshake with the server go on? */
static bool
is_in_handshake(const struct handle *handle)
{
	long connects = 0;

	if (trust_sees_handshakes(handle->trust))
		return handle->secured_us > 0;
	/* Counted as soon as TCP stands; the time of it only after the handshake. */
	if (handle->begun)
		curl_easy_getinfo(handle->easy, CURLINFO_NUM_CONNECTS, &connects);
	return handle->hop->url->tls && connects > 0;
}

enum response_phase
handle_phase(const struct handle *handle)
{
	if (handle->answer.part != ANSWER_AWAITED)
		return PHASE_BODY;
	if (handle->connected)
		return PHASE_FIRST_BYTE;
	return is_in_handshake(handle) ? PHASE_TLS : PHASE_CONNECT;
}

bool
handle_reused(const struct handle *handle)
{
	return handle->opened_us == 0;
}

void
handle_take_answer(struct handle *handle, struct response *response)
{
	struct answer *answer = &handle->answer;

	/* Without a header the handle still tells of the transfer before. */
	if (answer->part != ANSWER_AWAITED)
		curl_easy_getinfo(
		    handle->easy, CURLINFO_RESPONSE_CODE, &response->http_status);
	response->no_content = response->http_status == 204 ||
	    response->http_status == 205 || response->http_status == 304 ||
	    strcmp(sending_method(handle->hop), "HEAD") == 0;
	response->sent = handle->sent;
	response->tls = handle->tls;
	handle->tls = (struct response_tls){ .expires_at_ms = -1 };
	answer_take(answer, response);
}

static curl_off_t
time_of(const struct handle *handle, CURLINFO info)
{
	curl_off_t time_us = 0;

	curl_easy_getinfo(handle->easy, info, &time_us);
	return time_us;
}

/* When TCP stood, where it did; 0: it did not. Before a handshake that we do not see
 * begin, libcurl tells it only once that is over. */
static int64_t
tcp_stood_us(const struct handle *handle)
{
	if (handle->secured_us > 0)
		return handle->secured_us;
	if (!handle->connected)
		return 0;
	if (!handle->hop->url->tls)
		return handle->asked_us;
	return handle->asked_us - time_of(handle, CURLINFO_APPCONNECT_TIME_T) +
	    time_of(handle, CURLINFO_CONNECT_TIME_T);
}

void
handle_timing(const struct handle *handle, struct response_timing *timing)
{
	int64_t stood_us = tcp_stood_us(handle);
	int64_t answered_us = handle->answer.first_byte_us;
	bool is_new = !handle_reused(handle) && stood_us > 0;

	timing->connect_us = -1;
	timing->tls_us = -1;
	timing->first_byte_us = -1;
	if (is_new)
		timing->connect_us = stood_us - handle->opened_us;
	if (is_new && handle->connected && handle->hop->url->tls)
		timing->tls_us = handle->asked_us - stood_us;
	if (handle->connected && answered_us > 0)
		timing->first_byte_us = answered_us - handle->asked_us;
}
