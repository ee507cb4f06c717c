#include "serve/asked.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "base/units.h"
#include "base/xalloc.h"
#include "http/token.h"

#define BLANKS " \t"

/* ---- is it well-formed ---- */

/* What decides how long a request is, and for whom. */
struct frame {
	unsigned lengths;
	unsigned hosts;
	bool has_coding;
	bool has_bad_length;
	bool has_bad_name;
};

/* evhttp reads a sign, and blanks before it, too. */
static bool
is_length(const char *value)
{
	return value[0] != '\0' && value[strspn(value, "0123456789")] == '\0';
}

static void
read_frame(struct frame *frame, const struct evkeyvalq *headers)
{
	const struct evkeyval *header;

	memset(frame, 0, sizeof(*frame));
	TAILQ_FOREACH (header, headers, next) {
		/* "Content-Length : 5" is no length to evhttp, but to others. */
		if (!http_is_token(header->key))
			frame->has_bad_name = true;
		if (strcasecmp(header->key, "Transfer-Encoding") == 0)
			frame->has_coding = true;
		if (strcasecmp(header->key, "Host") == 0)
			frame->hosts++;
		if (strcasecmp(header->key, "Content-Length") != 0)
			continue;
		frame->lengths++;
		if (!is_length(header->value))
			frame->has_bad_length = true;
	}
}

const char *
asked_fault(struct evhttp_request *request)
{
	struct frame frame;

	read_frame(&frame, evhttp_request_get_input_headers(request));
	if (request->major != 1 || (request->minor != 0 && request->minor != 1))
		return "only HTTP/1.1 and HTTP/1.0 are spoken here";
	if (frame.has_bad_name)
		return "a header's name is none";
	if (frame.lengths > 1)
		return "there is more than one Content-Length";
	if (frame.has_bad_length)
		return "the Content-Length is no number";
	if (frame.has_coding)
		return "no request here has a Transfer-Encoding";
	/* RFC 9112, section 3.2 */
	if (frame.hosts > 1 || (frame.hosts == 0 && request->minor > 0))
		return "there must be one Host";
	return NULL;
}

bool
asked_has_body(struct evhttp_request *request)
{
	const char *length = evhttp_find_header(
	    evhttp_request_get_input_headers(request), "Content-Length");

	return (length != NULL && length[strspn(length, "0")] != '\0') ||
	    evbuffer_get_length(evhttp_request_get_input_buffer(request)) > 0;
}

/* ---- where it goes ---- */

/* The authority of an absolute URL with its length; NULL: TARGET is none. */
static const char *
authority_of(const char *target, size_t *len)
{
	const char *authority;

	if (strncasecmp(target, "http://", 7) == 0)
		authority = target + 7;
	else if (strncasecmp(target, "https://", 8) == 0)
		authority = target + 8;
	else
		return NULL;
	*len = strcspn(authority, "/?#");
	return authority;
}

/* evhttp's own reading takes "//name/path" for a name and a path, and would have us answer
 * paths that nobody asked for. */
static const char *
path_of(const char *target, size_t *len)
{
	const char *authority = authority_of(target, len);
	const char *path = authority != NULL ? authority + *len : target;

	*len = strcspn(path, "?#");
	if (authority != NULL && *len == 0) {
		*len = 1;
		return "/";
	}
	return path;
}

/* LEN bytes of TEXT with %XX as the byte that it stands for; NULL where one is not well-formed,
 * or a NUL. */
static char *
decode(const char *text, size_t len)
{
	const char *end = text + len;
	char *decoded = xmalloc(len + 1);
	char *to = decoded;

	for (; text < end; text++) {
		int32_t byte = (unsigned char)*text;

		if (byte == '%') {
			byte = units_read_hex(text + 1, end, 2);
			text += 2;
		}
		if (byte <= 0) {
			free(decoded);
			return NULL;
		}
		*to++ = (char)byte;
	}
	*to = '\0';
	return decoded;
}

static const struct {
	const char *path;
	enum asked_what what;
} paths[] = {
	{ "/", ASKED_PAGE },
	{ "/status.json", ASKED_DOCUMENT },
	{ "/metrics", ASKED_METRICS },
	{ "/healthz", ASKED_HEALTH },
	{ "/events", ASKED_EVENTS },
};

/* What stands before a name. */
static const struct {
	const char *path;
	enum asked_what what;
} folders[] = {
	{ "/services/", ASKED_SERVICE },
	{ "/prompts/", ASKED_PROMPT },
};

enum asked_what
asked_path(struct evhttp_request *request, char **name)
{
	size_t len;
	const char *path = path_of(evhttp_request_get_uri(request), &len);

	*name = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
		if (strlen(paths[i].path) == len &&
		    memcmp(paths[i].path, path, len) == 0)
			return paths[i].what;
	for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
		size_t folder = strlen(folders[i].path);

		if (len <= folder || memcmp(folders[i].path, path, folder) != 0)
			continue;
		*name = decode(path + folder, len - folder);
		return *name != NULL ? folders[i].what : ASKED_UNKNOWN;
	}
	return ASKED_UNKNOWN;
}

char *
asked_host(struct evhttp_request *request)
{
	size_t len;
	const char *authority = authority_of(evhttp_request_get_uri(request), &len);
	const char *host =
	    evhttp_find_header(evhttp_request_get_input_headers(request), "Host");

	if (authority != NULL)
		return xmemdup0(authority, len);
	return host != NULL ? xstrdup(host) : NULL;
}

/* ---- lists in headers ---- */

/* The way through the members of all headers of one name (RFC 9110, section 5.6.1). */
struct members {
	const char *name;
	const struct evkeyval *header; /* the next one */
	const char *at; /* in the value of the one before; NULL: none yet */
};

static void
members_init(struct members *members, struct evhttp_request *request, const char *name)
{
	members->name = name;
	members->header = TAILQ_FIRST(evhttp_request_get_input_headers(request));
	members->at = NULL;
}

/* Go on to the next header of that name. */
static bool
next_header(struct members *members)
{
	while (members->header != NULL) {
		const struct evkeyval *header = members->header;

		members->header = TAILQ_NEXT(header, next);
		if (strcasecmp(header->key, members->name) != 0)
			continue;
		members->at = header->value;
		return true;
	}
	return false;
}

/* LEN bytes of TEXT without the blanks at their end. */
static size_t
trimmed(const char *text, size_t len)
{
	while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
		len--;
	return len;
}

static bool
members_next(struct members *members, const char **text, size_t *len)
{
	size_t raw;

	while (members->at == NULL || *members->at == '\0')
		if (!next_header(members))
			return false;
	members->at += strspn(members->at, BLANKS);
	raw = strcspn(members->at, ",");
	*text = members->at;
	*len = trimmed(*text, raw);
	members->at += raw;
	if (*members->at == ',')
		members->at++;
	return true;
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

/* Does the member say that it is not wanted: ";q=0.000"? */
static bool
has_no_weight(const char *text, size_t len)
{
	const char *end = text + len;
	const char *at = memchr(text, ';', len);

	if (at == NULL)
		return false;
	at += 1 + strspn(at + 1, BLANKS);
	if (end - at < 3 || strncasecmp(at, "q=", 2) != 0)
		return false;
	for (at += 2; at < end; at++)
		if (*at != '0' && *at != '.')
			return false;
	return true;
}

bool
asked_takes_gzip(struct evhttp_request *request)
{
	bool is_named = false, takes_gzip = false, takes_any = false;
	struct members members;
	const char *text;
	size_t len;

	members_init(&members, request, "Accept-Encoding");
	while (members_next(&members, &text, &len)) {
		const char *weight = memchr(text, ';', len);
		size_t name =
		    trimmed(text, weight != NULL ? (size_t)(weight - text) : len);

		if (is_word(text, name, "gzip") || is_word(text, name, "x-gzip")) {
			is_named = true;
			takes_gzip = !has_no_weight(text, len);
		} else if (is_word(text, name, "*")) {
			takes_any = !has_no_weight(text, len);
		}
	}
	return is_named ? takes_gzip : takes_any;
}

bool
asked_has(struct evhttp_request *request, const char *tag)
{
	struct members members;
	const char *text;
	size_t len;

	members_init(&members, request, "If-None-Match");
	while (members_next(&members, &text, &len)) {
		if (len == 1 && *text == '*')
			return true;
		/* Compared weakly (RFC 9110, section 13.1.2). */
		if (len > 2 && memcmp(text, "W/", 2) == 0) {
			text += 2;
			len -= 2;
		}
		if (len == strlen(tag) && memcmp(text, tag, len) == 0)
			return true;
	}
	return false;
}

bool
asked_is_old(const struct evhttp_request *request)
{
	return request->minor == 0;
}

bool
asked_closes(struct evhttp_request *request)
{
	struct members members;
	const char *text;
	size_t len;

	members_init(&members, request, "Connection");
	while (members_next(&members, &text, &len))
		if (is_word(text, len, "close"))
			return true;
	return false;
}
