#include "config.h"

#include "http/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/xalloc.h"
#include "http/sockets.h"
#include "http/transfers.h"
#include "http/trust.h"

/* With pruning on, address literals not met for so long are forgotten. */
#define LITERALS_KEPT_S 60

/* How long libcurl waits for one address before it tries another one besides (RFC 8305, 5).
 * Where there is no other it would wake the loop for nothing. */
#define SECOND_TRY_MS    CURL_HET_DEFAULT
#define NO_SECOND_TRY_MS ((long)INT32_MAX / 2)

/* libcurl's words for "never": what CURLOPT_RESOLVE gave it stays. */
#define KEPT_FOR_EVER (-1L)

/* CURLOPT_OPENSOCKETFUNCTION: as libcurl would, but we learn why there is none. */
static curl_socket_t
on_open(void *arg, UNUSED curlsocktype purpose, struct curl_sockaddr *address)
{
	struct handle *handle = arg;
	int fd = socket(
	    address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	handle->begun = true;
	handle->connected = false;
	handle->socket_errno = fd == -1 ? errno : 0;
	if (fd == -1)
		return CURL_SOCKET_BAD;
	sockets_opened(handle->sockets, fd);
	return fd;
}

/* CURLOPT_PREREQFUNCTION: connected, handshake and all. */
static int
on_connected(void *arg, UNUSED char *remote_ip, UNUSED char *local_ip,
    UNUSED int remote_port, UNUSED int local_port)
{
	struct handle *handle = arg;

	handle->begun = true;
	handle->connected = true;
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
		/* The environment's proxies are not picked up. */
		{ CURLOPT_PROXY, "" },
		{ CURLOPT_NOPROXY, "*" },
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
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
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
}

bool
handle_init(struct handle *handle, struct sockets *sockets, void *arg)
{
	handle->easy = curl_easy_init();
	if (handle->easy == NULL)
		return false;
	handle->sockets = sockets;
	handle->dns_cache_s = KEPT_FOR_EVER;
	handle->second_try_ms = SECOND_TRY_MS;
	if (!set_texts(handle->easy)) {
		handle_clear(handle);
		return false;
	}
	set_behaviour(handle->easy);
	set_callbacks(handle);
	curl_easy_setopt(handle->easy, CURLOPT_PRIVATE, arg);
	curl_easy_setopt(handle->easy, CURLOPT_DNS_CACHE_TIMEOUT, handle->dns_cache_s);
	return true;
}

void
handle_trust(struct handle *handle, struct trust *trust)
{
	if (!handle->trusts)
		trust_use(trust, handle->easy);
	handle->trusts = true;
}

void
handle_clear(struct handle *handle)
{
	curl_easy_cleanup(handle->easy);
	handle->easy = NULL;
	handle->trusts = false;
	answer_clear(&handle->answer);
	curl_slist_free_all(handle->headers);
	curl_slist_free_all(handle->resolve);
	handle->headers = NULL;
	handle->resolve = NULL;
}

void *
handle_arg(CURL *easy)
{
	char *arg = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg);
	return arg;
}

/* Away from its origin a request carries no secret, and no Host that names another. */
static bool
is_sent(const struct request_header *header, const struct hop *hop)
{
	return hop->with_secrets ||
	    (!header->secret && strcasecmp(header->name, "Host") != 0);
}

static bool
append_line(struct curl_slist **list, char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	free(line);
	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

static bool
set_headers(struct handle *handle, const struct hop *hop)
{
	const struct request *request = hop->request;
	bool had_headers = handle->headers != NULL;

	curl_slist_free_all(handle->headers);
	handle->headers = NULL;
	for (size_t i = 0; i < request->header_count; i++) {
		const struct request_header *header = &request->headers[i];

		if (!is_sent(header, hop))
			continue;
		/* "Name:" would mean to leave out libcurl's own, blanks behind it or not. */
		if (!append_line(&handle->headers,
		        header->value[strspn(header->value, " \t")] != '\0'
		            ? xasprintf("%s: %s", header->name, header->value)
		            : xasprintf("%s;", header->name)))
			return false;
	}
	if (had_headers || handle->headers != NULL)
		curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, handle->headers);
	return true;
}

/* The request's own: what a Location brings is the server's wish, not the user's. */
static bool
set_credentials(struct handle *handle, const struct hop *hop)
{
	const struct url *home = &hop->request->url;
	bool wanted =
	    hop->with_secrets && (home->user != NULL || home->password != NULL);
	const char *user = home->user != NULL ? home->user : "";
	const char *password = home->password != NULL ? home->password : "";

	if (!wanted && !handle->has_credentials)
		return true;
	handle->has_credentials = wanted;
	return curl_easy_setopt(handle->easy, CURLOPT_USERNAME, wanted ? user : NULL) ==
	    CURLE_OK &&
	    curl_easy_setopt(
	        handle->easy, CURLOPT_PASSWORD, wanted ? password : NULL) == CURLE_OK;
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

static void
set_numbers(
    struct handle *handle, const struct hop *hop, const struct handle_plan *plan)
{
	curl_off_t max_bytes = (curl_off_t)hop->request->max_body_bytes;
	long dns_cache_s = plan->prune_addresses ? LITERALS_KEPT_S : KEPT_FOR_EVER;
	long second_try_ms = plan->several_addresses ? SECOND_TRY_MS : NO_SECOND_TRY_MS;
	bool fresh = !hop->request->reuse;

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
	if (handle->fresh != fresh) {
		curl_easy_setopt(handle->easy, CURLOPT_FRESH_CONNECT, (long)fresh);
		curl_easy_setopt(handle->easy, CURLOPT_FORBID_REUSE, (long)fresh);
	}
	handle->max_file_bytes = max_bytes;
	handle->dns_cache_s = dns_cache_s;
	handle->connect_timeout_ms = plan->connect_timeout_ms;
	handle->second_try_ms = second_try_ms;
	handle->fresh = fresh;
}

bool
handle_prepare(
    struct handle *handle, const struct hop *hop, const struct handle_plan *plan)
{
	const struct request *request = hop->request;

	handle->url = hop->url;
	handle->begun = false;
	handle->connected = false;
	handle->lacks_addresses = false;
	handle->may_resolve = hop->url->host_is_address;
	handle->socket_errno = 0;
	answer_begin(
	    &handle->answer, handle->easy, request->max_body_bytes, request->keep_body);
	set_resolve(handle, plan->resolve);
	set_numbers(handle, hop, plan);
	return curl_easy_setopt(handle->easy, CURLOPT_URL, hop->url->text) ==
	    CURLE_OK &&
	    set_headers(handle, hop) && set_credentials(handle, hop);
}

void
handle_release(struct handle *handle)
{
	answer_clear(&handle->answer);
	handle->url = NULL;
	handle->begun = false;
	handle->connected = false;
}

enum response_phase
handle_phase(const struct handle *handle)
{
	long connects = 0;

	if (handle->answer.part != ANSWER_AWAITED)
		return PHASE_BODY;
	if (handle->connected)
		return PHASE_FIRST_BYTE;
	/* Counted as soon as TCP stands; the time of it only after the handshake. */
	if (handle->begun)
		curl_easy_getinfo(handle->easy, CURLINFO_NUM_CONNECTS, &connects);
	return handle->url->tls && connects > 0 ? PHASE_TLS : PHASE_CONNECT;
}

bool
handle_reused(const struct handle *handle)
{
	long connects = 0;

	curl_easy_getinfo(handle->easy, CURLINFO_NUM_CONNECTS, &connects);
	return connects == 0;
}

void
handle_take_answer(struct handle *handle, struct response *response)
{
	struct answer *answer = &handle->answer;
	const char *content_type = NULL;

	/* Without a header the handle still tells of the transfer before. */
	if (answer->part != ANSWER_AWAITED) {
		curl_easy_getinfo(
		    handle->easy, CURLINFO_RESPONSE_CODE, &response->http_status);
		curl_easy_getinfo(handle->easy, CURLINFO_CONTENT_TYPE, &content_type);
	}
	if (content_type != NULL)
		response->content_type = xstrdup(content_type);
	response->no_content = response->http_status == 204 ||
	    response->http_status == 205 || response->http_status == 304;
	response->retry_after = answer->retry_after;
	response->bytes = answer->bytes;
	response->body_len = answer->body_len;
	response->body = answer_take_body(answer);
}

static curl_off_t
time_of(const struct handle *handle, CURLINFO info)
{
	curl_off_t time_us = 0;

	curl_easy_getinfo(handle->easy, info, &time_us);
	return time_us;
}

/* libcurl adds up its times where it had to try again on a fresh connection, and the
 * differences may then come out below nothing. */
static int64_t
difference(curl_off_t from_us, curl_off_t to_us)
{
	return to_us > from_us ? to_us - from_us : 0;
}

void
handle_timing(const struct handle *handle, struct response_timing *timing)
{
	timing->connect_us = -1;
	timing->tls_us = -1;
	timing->first_byte_us = -1;
	if (!handle->connected)
		return;
	if (!handle_reused(handle)) {
		curl_off_t connected_us = time_of(handle, CURLINFO_CONNECT_TIME_T);

		timing->connect_us = difference(
		    time_of(handle, CURLINFO_NAMELOOKUP_TIME_T), connected_us);
		if (handle->url->tls)
			timing->tls_us = difference(
			    connected_us, time_of(handle, CURLINFO_APPCONNECT_TIME_T));
	}
	if (handle->answer.header_bytes > 0)
		timing->first_byte_us =
		    difference(time_of(handle, CURLINFO_PRETRANSFER_TIME_T),
		        time_of(handle, CURLINFO_STARTTRANSFER_TIME_T));
}
