#include "http/failure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/xalloc.h"
#include "http/handle.h"

/* "HOST:PORT", "[::1]:PORT": a host name has at most 253 bytes. */
#define PLACE_SIZE 272

static void
write_place(char place[static PLACE_SIZE], const struct url *url)
{
	bool bracketed = strchr(url->host, ':') != NULL;

	snprintf(
	    place, PLACE_SIZE, bracketed ? "[%s]:%u" : "%s:%u", url->host, url->port);
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
	char place[PLACE_SIZE];
	char *reason, *message;
	long error = 0;

	write_place(place, handle->url);
	curl_easy_getinfo(handle->easy, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		return xasprintf("connection refused by %s", place);
	reason = error != 0 ? xstrdup(strerror((int)error)) : reason_of(handle, code);
	message = xasprintf("could not connect to %s: %s", place, reason);
	free(reason);
	return message;
}

/* BEFORE the host and port, BETWEEN them and libcurl's reason. */
static char *
tell_of_place(
    const struct handle *handle, CURLcode code, const char *before, const char *between)
{
	char place[PLACE_SIZE];
	char *reason = reason_of(handle, code);
	char *message;

	write_place(place, handle->url);
	message = xasprintf("%s%s%s%s", before, place, between, reason);
	free(reason);
	return message;
}

static char *
tell_certificate(const struct handle *handle, CURLcode code)
{
	return tell_of_place(handle, code, "certificate of ", ": ");
}

static char *
tell_handshake(const struct handle *handle, CURLcode code)
{
	return tell_of_place(handle, code, "TLS handshake with ", " failed: ");
}

static char *
tell_nothing(UNUSED const struct handle *handle, UNUSED CURLcode code)
{
	return xstrdup("the server closed the connection before answering");
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
	char *reason = reason_of(handle, code);
	char *message = xasprintf("the connection broke %s: %s",
	    handle->answer.header_bytes > 0 ? "within the answer" : "before the answer",
	    reason);

	free(reason);
	return message;
}

static char *
tell_not_http(const struct handle *handle, CURLcode code)
{
	return xasprintf("the answer is no valid HTTP: %s", words_of(handle, code));
}

static char *
tell_too_large(const struct handle *handle, UNUSED CURLcode code)
{
	char size[UNITS_TEXT_SIZE];

	units_format_size(size, handle->answer.max_body_bytes);
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
	{ CURLE_PEER_FAILED_VERIFICATION, { RESPONSE_TLS, tell_certificate } },
	{ CURLE_SSL_ISSUER_ERROR, { RESPONSE_TLS, tell_certificate } },
	{ CURLE_SSL_INVALIDCERTSTATUS, { RESPONSE_TLS, tell_certificate } },
	{ CURLE_SSL_CONNECT_ERROR, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_SSL_CERTPROBLEM, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_SSL_CIPHER, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_SSL_CACERT_BADFILE, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_USE_SSL_FAILED, { RESPONSE_TLS, tell_handshake } },
	{ CURLE_GOT_NOTHING, { RESPONSE_PROTOCOL, tell_nothing } },
	{ CURLE_PARTIAL_FILE, { RESPONSE_PROTOCOL, tell_cut } },
	{ CURLE_RECV_ERROR, { RESPONSE_PROTOCOL, tell_broken } },
	{ CURLE_SEND_ERROR, { RESPONSE_PROTOCOL, tell_broken } },
	{ CURLE_WEIRD_SERVER_REPLY, { RESPONSE_PROTOCOL, tell_not_http } },
	{ CURLE_UNSUPPORTED_PROTOCOL, { RESPONSE_PROTOCOL, tell_not_http } },
	{ CURLE_FILESIZE_EXCEEDED, { RESPONSE_TOO_LARGE, tell_too_large } },
	{ CURLE_OUT_OF_MEMORY, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_FAILED_INIT, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_BAD_FUNCTION_ARGUMENT, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_ABORTED_BY_CALLBACK, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_COULDNT_RESOLVE_HOST, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_SETOPT_OPTION_SYNTAX, { RESPONSE_INTERNAL, tell_plainly } },
	{ CURLE_URL_MALFORMAT, { RESPONSE_INTERNAL, tell_plainly } },
};

/* By enum answer_fault: what we cut off ourselves reads as a failed write to libcurl. */
static const struct ending faults[] = {
	[ANSWER_SOUND] = { RESPONSE_PROTOCOL, tell_plainly },
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

static struct ending
ending_of(const struct handle *handle, CURLcode code)
{
	if (code == CURLE_COULDNT_CONNECT && is_own_lack(handle->socket_errno))
		return (struct ending){ RESPONSE_INTERNAL, tell_no_socket };
	/* libcurl takes a header that ends with the connection for a whole one. */
	if (code == CURLE_OK && handle->answer.part != ANSWER_BODY)
		return (struct ending){ RESPONSE_PROTOCOL, tell_cut };
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
	if (ending.tell != NULL)
		response->message = ending.tell(handle, code);
}
