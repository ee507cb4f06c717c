#include "http/failure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/xalloc.h"
#include "http/destination.h"
#include "http/handle.h"
#include "http/tls_words.h"
#include "http/transfers.h"

/* Where it is that something failed, for a person: "proxy HOST:PORT", "HOST:PORT", or the
 * path of a socket. */
struct place {
	const char *kind; /* "proxy " or "" */
	char text[DESTINATION_PLACE_SIZE];
};

/* Where the connection goes. */
static struct place
next_place(const struct handle *handle)
{
	struct destination destination = destination_of(handle->hop);
	struct place place = { .kind = destination.is_proxy ? "proxy " : "" };

	destination_write(place.text, destination.name, destination.port);
	return place;
}

/* Where the request goes, in the end. */
static struct place
last_place(const struct handle *handle)
{
	struct place place = { .kind = "" };

	destination_write(place.text, handle->hop->url->host, handle->hop->url->port);
	return place;
}

/* With whom the handshake was. */
static struct place
secured_place(const struct handle *handle)
{
	return handle_secures_proxy(handle) ? next_place(handle) : last_place(handle);
}

/* libcurl's words, or at least its name for CODE. */
static const char *
words_of(const struct handle *handle, CURLcode code)
{
	return handle->error[0] != '\0' ? handle->error : curl_easy_strerror(code);
}

/*
 * What is the reason in libcurl's words. They nest who says so in front:
 * "SSL certificate problem: certificate has expired", "OpenSSL SSL_connect: Connection
 * reset by peer in connection to HOST:PORT ", "error:0A00010B:SSL routines::wrong version
 * number, errno 0". The caller's.
 */
static char *
reason_of(const struct handle *handle, CURLcode code)
{
	static const char *const ends[] = { " in connection to ", ", errno " };
	const char *reason = words_of(handle, code);
	size_t len;

	for (const char *at = reason; *at != '\0'; at++) {
		if (at[0] == ':' && (at[1] == ' ' || at[1] == ':') && at[2] != '\0')
			reason = at + 2;
	}
	len = strlen(reason);
	for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
		const char *end = strstr(reason, ends[i]);

		if (end != NULL && (size_t)(end - reason) < len)
			len = (size_t)(end - reason);
	}
	return xmemdup0(reason, len);
}

static char *
tell_connect(const struct handle *handle, CURLcode code)
{
	struct place place = next_place(handle);
	char *reason, *message;
	long error = 0;

	curl_easy_getinfo(handle->easy, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		return xasprintf("connection refused by %s%s", place.kind, place.text);
	reason = error != 0 ? xstrdup(strerror((int)error)) : reason_of(handle, code);
	message =
	    xasprintf("could not connect to %s%s: %s", place.kind, place.text, reason);
	free(reason);
	return message;
}

/* The proxy answered, but does not connect to the server. */
static char *
tell_proxys_answer(const struct place *place, const char *target, long status)
{
	const char *hint = "";

	if (status == 407)
		hint = ", it demands another user or password";
	return xasprintf("proxy %s does not connect to %s: HTTP %ld%s", place->text,
	    target, status, hint);
}

/* What a SOCKS proxy said, which libcurl tells by its number (RFC 1928, 6); NULL: libcurl's
 * words will do. */
static const char *
words_of_socks(const struct handle *handle)
{
	static const struct {
		CURLproxycode code;
		const char *words;
	} replies[] = {
		{ CURLPX_NO_AUTH, "it demands another user or password" },
		{ CURLPX_USER_REJECTED, "it demands another user or password" },
		{ CURLPX_BAD_VERSION, "what answers there is no SOCKS5 proxy" },
		{ CURLPX_REPLY_GENERAL_SERVER_FAILURE, "it failed" },
		{ CURLPX_REPLY_NOT_ALLOWED, "that is not allowed" },
		{ CURLPX_REPLY_NETWORK_UNREACHABLE, "network unreachable" },
		{ CURLPX_REPLY_HOST_UNREACHABLE, "host unreachable" },
		{ CURLPX_REPLY_CONNECTION_REFUSED, "connection refused" },
		{ CURLPX_REPLY_TTL_EXPIRED, "TTL expired" },
	};
	long code = CURLPX_OK;

	curl_easy_getinfo(handle->easy, CURLINFO_PROXY_ERROR, &code);
	for (size_t i = 0; i < ARRAY_COUNT(replies); i++) {
		if ((long)replies[i].code == code)
			return replies[i].words;
	}
	return NULL;
}

/* Likewise, of what is no answer to CONNECT. */
static const char *
words_of_tunnel(const struct handle *handle)
{
	if (strstr(handle->error, "tunnel failed, response 0") != NULL)
		return "what answers there is no HTTP proxy";
	if (strstr(handle->error, "Too large response headers") != NULL)
		return "the headers of its answer are too large";
	return NULL;
}

static char *
tell_proxy(const struct handle *handle, CURLcode code)
{
	struct place proxy = next_place(handle);
	struct place target = last_place(handle);
	const char *words;
	char *reason, *message;
	long status = 0;

	curl_easy_getinfo(handle->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (status >= 300)
		return tell_proxys_answer(&proxy, target.text, status);
	words = code == CURLE_PROXY ? words_of_socks(handle) : words_of_tunnel(handle);
	reason = words != NULL ? xstrdup(words) : reason_of(handle, code);
	message = xasprintf(
	    "proxy %s does not connect to %s: %s", proxy.text, target.text, reason);
	free(reason);
	return message;
}

/* WORDS with the REASON they stand for, or that alone. The caller's. */
static char *
join_words(const char *words, const char *reason)
{
	return words != NULL ? xasprintf("%s (%s)", words, reason) : xstrdup(reason);
}

static char *
tell_certificate(const struct handle *handle, CURLcode code)
{
	struct place place = secured_place(handle);
	char *reason = reason_of(handle, code);
	char *words = join_words(tls_words_of_certificate(reason), reason);
	char *message =
	    xasprintf("certificate of %s%s: %s", place.kind, place.text, words);

	free(words);
	free(reason);
	return message;
}

static char *
tell_handshake(const struct handle *handle, CURLcode code)
{
	struct place place = secured_place(handle);
	bool given = connection_shows_certificate(handle->hop);
	char *reason = reason_of(handle, code);
	char *words = join_words(
	    tls_words_of_handshake(reason, handle->handshake.wants_certificate, given),
	    reason);
	char *message = xasprintf(
	    "TLS handshake with %s%s failed: %s", place.kind, place.text, words);

	free(words);
	free(reason);
	return message;
}

/* libcurl's words but for OpenSSL's, which are of no help with a file. */
static char *
tell_client_certificate(const struct handle *handle, CURLcode code)
{
	const char *words = words_of(handle, code);
	const char *end = strstr(words, ", OpenSSL error");

	return xasprintf("the client certificate cannot be used: %.*s",
	    (int)(end != NULL ? (size_t)(end - words) : strlen(words)), words);
}

static char *
tell_authorities(const struct handle *handle, CURLcode code)
{
	const char *file = connection_authorities(handle->hop);

	if (file == NULL)
		return xasprintf("cannot read the certificate authorities: %s",
		    words_of(handle, code));
	return xasprintf("cannot read certificate authorities from %s", file);
}

/* The server asked who we are, and was not told. */
static bool
lacks_certificate(const struct handle *handle)
{
	return handle->handshake.wants_certificate && !handle_secures_proxy(handle) &&
	    !connection_shows_certificate(handle->hop);
}

/* Whether the connection is found reset, or closed, or no longer takes what is written to
 * it, is chance. */
static char *
tell_demand(const struct handle *handle, UNUSED CURLcode code)
{
	struct place place = secured_place(handle);

	return xasprintf("TLS handshake with %s%s failed: %s "
	                 "(the connection ended before the answer)",
	    place.kind, place.text, tls_words_of_demand);
}

static char *
tell_nothing(const struct handle *handle, UNUSED CURLcode code)
{
	/* libcurl says the same where something came that is no HTTP/2. */
	if (destination_of(handle->hop).version == HTTP_2_PRIOR_KNOWLEDGE)
		return xstrdup("the connection ended without an answer by HTTP/2");
	return xstrdup("the server closed the connection before answering");
}

static char *
tell_challenges(UNUSED const struct handle *handle, UNUSED CURLcode code)
{
	return xstrdup("the server asks for authentication again and again");
}

static char *
tell_cut(const struct handle *handle, UNUSED CURLcode code)
{
	uint64_t bytes = handle->answer.bytes;
	curl_off_t length = -1;

	curl_easy_getinfo(handle->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length >= 0)
		return xasprintf("the answer was cut off after %" PRIu64 " of %" PRId64
		                 " bytes",
		    bytes, (int64_t)length);
	return xasprintf("the answer was cut off after %" PRIu64 " bytes", bytes);
}

static char *
tell_broken(const struct handle *handle, CURLcode code)
{
	bool answered = handle->answer.header_bytes > 0;
	char *reason = reason_of(handle, code);
	char *message = xasprintf("the connection broke %s: %s",
	    answered ? "within the answer" : "before the answer", reason);

	free(reason);
	return message;
}

static char *
tell_not_http(const struct handle *handle, CURLcode code)
{
	return xasprintf("the answer is no valid HTTP: %s", words_of(handle, code));
}

static char *
tell_encoding(const struct handle *handle, CURLcode code)
{
	return xasprintf("the body cannot be decoded: %s", words_of(handle, code));
}

static char *
tell_too_large(const struct handle *handle, UNUSED CURLcode code)
{
	char size[UNITS_TEXT_SIZE];

	units_format_size(size, handle->hop->request->max_body_bytes);
	return xasprintf("body is larger than %s", size);
}

static char *
tell_headers_too_large(UNUSED const struct handle *handle, UNUSED CURLcode code)
{
	char size[UNITS_TEXT_SIZE];

	units_format_size(size, ANSWER_MAX_HEADER_BYTES);
	return xasprintf("the answer's headers are larger than %s", size);
}

static char *
tell_no_socket(const struct handle *handle, UNUSED CURLcode code)
{
	return xasprintf("cannot open a socket: %s", strerror(handle->socket_errno));
}

static char *
tell_plainly(const struct handle *handle, CURLcode code)
{
	return xstrdup(words_of(handle, code));
}

struct ending {
	enum response_result result;
	char *(*tell)(const struct handle *handle, CURLcode code); /* NULL: no words */
};

/* By CURLcode. Others are faults of the protocol. */
static const struct row {
	CURLcode code;
	struct ending ending;
} rows[] = {
	{ CURLE_OK, { RESPONSE_COMPLETE, NULL } },
	{ CURLE_OPERATION_TIMEDOUT, { RESPONSE_TIMEOUT, NULL } },
	{ CURLE_COULDNT_CONNECT, { RESPONSE_CONNECT, tell_connect } },
	{ CURLE_PROXY, { RESPONSE_CONNECT, tell_proxy } },
	{ CURLE_PEER_FAILED_VERIFICATION, { RESPONSE_TLS, tell_certificate } },
	{ CURLE_SSL_ISSUER_ERROR, { RESPONSE_TLS, tell_certificate } },
	{ CURLE_SSL_INVALIDCERTSTATUS, { RESPONSE_TLS, tell_certificate } },
	{ CURLE_SSL_CONNECT_ERROR, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_SSL_CERTPROBLEM, { RESPONSE_TLS, tell_client_certificate } },
	{ CURLE_SSL_CIPHER, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_SSL_CACERT_BADFILE, { RESPONSE_TLS, tell_authorities } },
	{ CURLE_USE_SSL_FAILED, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_GOT_NOTHING, { RESPONSE_PROTOCOL, tell_nothing } },
	{ CURLE_PARTIAL_FILE, { RESPONSE_PROTOCOL, tell_cut } },
	{ CURLE_RECV_ERROR, { RESPONSE_PROTOCOL, tell_broken } },
	{ CURLE_SEND_ERROR, { RESPONSE_PROTOCOL, tell_broken } },
	{ CURLE_WEIRD_SERVER_REPLY, { RESPONSE_PROTOCOL, tell_not_http } },
	{ CURLE_BAD_CONTENT_ENCODING, { RESPONSE_PROTOCOL, tell_encoding } },
	{ CURLE_HTTP2, { RESPONSE_PROTOCOL, tell_not_http } },
	{ CURLE_HTTP2_STREAM, { RESPONSE_PROTOCOL, tell_broken } },
	{ CURLE_UNSUPPORTED_PROTOCOL, { RESPONSE_PROTOCOL, tell_not_http } },
	{ CURLE_FILESIZE_EXCEEDED, { RESPONSE_TOO_LARGE, tell_too_large } },
	{ CURLE_OUT_OF_MEMORY, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_FAILED_INIT, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_BAD_FUNCTION_ARGUMENT, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_ABORTED_BY_CALLBACK, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_COULDNT_RESOLVE_PROXY, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_COULDNT_RESOLVE_HOST, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_SETOPT_OPTION_SYNTAX, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_URL_MALFORMAT, { RESPONSE_INTERNAL, tell_plainly } },
};

/* By enum answer_fault: what we cut off ourselves reads as a failed write to libcurl. */
static const struct ending faults[] = {
	[ANSWER_SOUND] = { RESPONSE_PROTOCOL, tell_plainly },
	[ANSWER_WHOLE] = { RESPONSE_COMPLETE, NULL },
	[ANSWER_HEADERS_TOO_LARGE] = { RESPONSE_PROTOCOL, tell_headers_too_large },
	[ANSWER_BODY_TOO_LARGE] = { RESPONSE_TOO_LARGE, tell_too_large },
	[ANSWER_NO_MEMORY] = { RESPONSE_INTERNAL, tell_plainly },
};

static bool
is_own_lack(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	    error == ENOMEM;
}

/* A line of more than 100 KiB never gets as far as our own limit: libcurl gives up on it,
 * up to 8.5 with the code for a lack of memory. That it really was one is less likely, and
 * then would end the whole program elsewhere. */
static bool
is_header_line_too_long(const struct handle *handle, CURLcode code)
{
#if LIBCURL_VERSION_NUM >= 0x080600
	if (code == CURLE_TOO_LARGE)
		return true;
#endif
	return code == CURLE_OUT_OF_MEMORY && handle->connected &&
	    handle->answer.part != ANSWER_BODY;
}

/* The connection ended while the request, or the wait for its answer, was on. */
static bool
is_broken(CURLcode code)
{
	return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
	    code == CURLE_SEND_ERROR || code == CURLE_HTTP2;
}

/* Is it the proxy that ended it, before there was a connection to the server? */
static bool
is_proxys_doing(const struct handle *handle, CURLcode code)
{
	return !handle->connected && destination_of(handle->hop).is_proxy &&
	    (is_broken(code) || code == CURLE_WEIRD_SERVER_REPLY ||
	        is_header_line_too_long(handle, code));
}

/* Something came that is no answer, so that the connection was not lost. */
static bool
is_about_words(CURLcode code)
{
	return code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
	    code == CURLE_WRITE_ERROR || code == CURLE_OUT_OF_MEMORY;
}

static bool
is_late_alert(const struct handle *handle, CURLcode code)
{
	return is_broken(code) && handle->hop->url->tls &&
	    handle->answer.header_bytes == 0 && tls_words_tell_of_alert(handle->error);
}

/*
 * In TLS 1.3 the client is through with the handshake before the server has looked at its
 * certificate; and who then closes the connection, instead of reading what was sent, takes
 * back the alert that would say why.
 */
static bool
is_late_demand(const struct handle *handle, CURLcode code)
{
	return is_broken(code) && handle->hop->url->tls &&
	    handle->answer.header_bytes == 0 && lacks_certificate(handle);
}

static struct ending
ending_of(const struct handle *handle, CURLcode code)
{
	if (handle->forsaken)
		return (struct ending){ RESPONSE_PROTOCOL, tell_nothing };
	if (handle->weary)
		return (struct ending){ RESPONSE_PROTOCOL, tell_challenges };
	if (is_proxys_doing(handle, code))
		return (struct ending){ RESPONSE_CONNECT, tell_proxy };
	if (is_late_alert(handle, code))
		return (struct ending){ RESPONSE_TLS, tell_handshake };
	if (code == CURLE_COULDNT_CONNECT && is_own_lack(handle->socket_errno))
		return (struct ending){ RESPONSE_INTERNAL, tell_no_socket };
	/* libcurl takes a header that ends with the connection for a whole one. */
	if (code == CURLE_OK && handle->answer.part != ANSWER_BODY)
		code = CURLE_PARTIAL_FILE;
	if (code == CURLE_PARTIAL_FILE && handle->answer.header_bytes == 0)
		code = CURLE_GOT_NOTHING;
	if (is_late_demand(handle, code))
		return (struct ending){ RESPONSE_TLS, tell_demand };
	/* The code of a broken connection, but it stands. */
	if (code == CURLE_RECV_ERROR && strstr(handle->error, "chunk") != NULL)
		return (struct ending){ RESPONSE_PROTOCOL, tell_not_http };
	if (is_header_line_too_long(handle, code))
		return faults[ANSWER_HEADERS_TOO_LARGE];
	if (code == CURLE_WRITE_ERROR)
		return faults[handle->answer.fault];
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].code == code)
			return rows[i].ending;
	}
	return (struct ending){ RESPONSE_PROTOCOL, tell_plainly };
}

void
failure_judge(struct response *response, const struct handle *handle, CURLcode code)
{
	struct ending ending = ending_of(handle, code);

	response->result = ending.result;
	response->phase = handle_phase(handle);
	response->lost = ending.result == RESPONSE_PROTOCOL &&
	    handle->answer.header_bytes == 0 && !is_about_words(code);
	if (ending.result == RESPONSE_TLS)
		response->phase = PHASE_TLS;
	if (ending.tell != NULL)
		response->message = ending.tell(handle, code);
}

char *
failure_tell_lookup(const struct destination *destination, const char *error)
{
	if (error == NULL)
		return xasprintf("%s has no %s address", destination->name,
		    destination->ip == IP_V6 ? "IPv6" : "IPv4");
	return xasprintf("could not resolve %s %s: %s",
	    destination->is_proxy ? "proxy" : "host", destination->name, error);
}
