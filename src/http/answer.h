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

#include "base/buffer.h"

struct request;
struct response;

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
	ANSWER_WHOLE, /* none: it has no body, whatever its headers say */
	ANSWER_HEADERS_TOO_LARGE,
	ANSWER_BODY_TOO_LARGE,
	ANSWER_NO_MEMORY,
};

struct answer {
	CURL *easy;                    /* borrowed */
	const struct request *request; /* borrowed: what of it is wanted */
	enum answer_part part;
	enum answer_fault fault;
	int64_t first_byte_us; /* on clock_now_us(); 0: not yet */
	size_t header_bytes;
	struct buffer head;     /* empty where it is not wanted */
	char *location;         /* owned; NULL: none, as the next ones */
	char *content_type;     /* owned */
	int64_t retry_after_ms; /* -1: none */
	bool ends_with_head;    /* libcurl does not know that */
	bool keep_body;
	char *body; /* owned; NULL until something is kept */
	size_t body_len;
	size_t body_capacity;
	uint64_t bytes; /* of the body, kept or not */
};

/* EASY's answer to REQUEST comes next; ANSWER is zeroed or was cleared. ENDS_WITH_HEAD: it
 * has no body, but libcurl does not know that. */
void answer_begin(struct answer *answer, CURL *easy, const struct request *request,
    bool ends_with_head);

/* What came was not the answer yet: that begins now. */
void answer_restart(struct answer *answer);
void answer_clear(struct answer *answer);

/* Hand over: what belongs to RESPONSE, a NUL-terminated body among it, "" at least; the
 * Location header or NULL. */
void answer_take(struct answer *answer, struct response *response);
char *answer_take_location(struct answer *answer);

/* CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION; their data are the answer. */
size_t answer_on_header(char *line, size_t size, size_t count, void *answer);
size_t answer_on_body(char *data, size_t size, size_t count, void *answer);

#endif
