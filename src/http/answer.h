/*
 * An answer as it arrives: libcurl's header and body callbacks, and what they keep.
 *
 * The limits are ours: libcurl's own look at the Content-Length alone.
 *
 * Private to http/transfers and its parts.
 */
#ifndef GATHERD_HTTP_ANSWER_H
#define GATHERD_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

/* All header lines of an answer together, those of interim answers included. */
#define ANSWER_MAX_HEADER_BYTES ((size_t)64 * 1024)

enum answer_part {
	ANSWER_AWAITED, /* nothing, or interim answers (RFC 9110, 15.2) only */
	ANSWER_HEADERS,
	ANSWER_BODY,
};

/* Why the answer was cut off by us. */
enum answer_fault {
	ANSWER_SOUND,
	ANSWER_HEADERS_TOO_LARGE,
	ANSWER_BODY_TOO_LARGE,
	ANSWER_NO_MEMORY,
};

struct answer {
	CURL *easy; /* borrowed */
	enum answer_part part;
	enum answer_fault fault;
	size_t header_bytes;
	char *location;   /* owned; NULL: none */
	bool retry_after; /* there is such a header */
	char *body;       /* owned; NULL until something is kept */
	size_t body_len;
	size_t body_capacity;
	uint64_t bytes; /* of the body, kept or not */
	size_t max_body_bytes;
	bool keep_body;
};

/* EASY's next answer; ANSWER is zeroed or was cleared. */
void answer_begin(
    struct answer *answer, CURL *easy, size_t max_body_bytes, bool keep_body);
void answer_clear(struct answer *answer);

/* Hand over: the body, NUL-terminated, "" at least; the Location header or NULL. */
char *answer_take_body(struct answer *answer);
char *answer_take_location(struct answer *answer);

/* CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION; their data are the answer. */
size_t answer_on_header(char *line, size_t size, size_t count, void *answer);
size_t answer_on_body(char *data, size_t size, size_t count, void *answer);

#endif
