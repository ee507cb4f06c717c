/*
 * One multi handle of libcurl (libcurl-multi(3)) on the event loop.
 *
 * Inside its callbacks libcurl forbids nearly all of its functions: what they are told is
 * only noted. Finished transfers are collected once libcurl has returned, and handed over
 * when nothing of it is on the stack any more.
 *
 * Private to http/transfers.
 */
#ifndef GATHERD_HTTP_MULTI_H
#define GATHERD_HTTP_MULTI_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/compiler.h"

struct event_base;
struct multi;
struct sockets;

/* ARG is the owner's. */
struct multi_owner {
	/* EASY has ended with CODE; it is still added. Only to be noted. */
	void (*ended)(CURL *easy, CURLcode code, void *arg);
	/* Something may have ended; now anything may be done, except multi_free(). */
	void (*settle)(void *arg);
	void *arg;
};

/* SOCKETS was made with multi_on_ready. MAX_CONNECTIONS, busy and idle, are kept open.
 * Returns NULL without memory or descriptors. */
struct multi *multi_new(struct event_base *base, struct sockets *sockets,
    long max_connections, const struct multi_owner *owner);

/* All easy handles have been removed. Closes the connections. NULL is allowed. */
void multi_free(struct multi *multi);

/* Another number than multi_new() was given; what is too much is closed as it falls idle. */
void multi_resize(struct multi *multi, long max_connections);

/* The sockets_ready_fn of SOCKETS: each socket's owner is a multi. */
void multi_on_ready(void *multi, curl_socket_t fd, int events);

/* It begins from the loop. Returns false where libcurl does not take it. */
MUST_CHECK bool multi_add(struct multi *multi, CURL *easy);

/* Whether it has ended or not; a connection in the middle of an answer is closed. */
void multi_remove(struct multi *multi, CURL *easy);

#endif
