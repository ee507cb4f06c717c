/*
 * What a hop says, set on an easy handle of libcurl: method, URL, headers, body, user and
 * password. The same bytes as curl(1) sends for the same wish, less User-Agent.
 *
 * Private to http/handle.
 */
#ifndef GATHERD_HTTP_SENDING_H
#define GATHERD_HTTP_SENDING_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/compiler.h"
#include "http/request.h"

struct hop;

/* What an easy handle is set to say; all zero: a plain GET. */
struct sending {
	struct curl_slist *headers; /* owned */
	bool is_get;                /* neither another method nor a body is set */
	bool has_credentials;
	enum request_auth auth; /* NONE and BASIC are one */
};

/* EASY is new. */
void sending_init(struct sending *sending, CURL *easy);
void sending_clear(struct sending *sending);

/* The method of HOP. */
const char *sending_method(const struct hop *hop);

/* Does libcurl await more of an answer than there will be? It knows no HEAD that has a body
 * itself. */
bool sending_breaks_off(const struct hop *hop);

/* Has EASY say HOP, and nothing of what it said before. The body is borrowed until
 * sending_withdraw(). Returns false without memory. */
MUST_CHECK bool sending_apply(
    struct sending *sending, CURL *easy, const struct hop *hop);

/* The transfer is over. Returns false where EASY cannot forget what it said and is not to be
 * used again. */
MUST_CHECK bool sending_withdraw(struct sending *sending, CURL *easy);

#endif
