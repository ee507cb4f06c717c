/*
 * The sockets of libcurl on the event loop: one event for each descriptor, kept from its
 * first use until libcurl closes it.
 *
 * libcurl stops watching a connection that falls idle and watches it again with the next
 * request. To follow it each time would cost two calls of epoll_ctl(2) a request, so the
 * event stays, and is taken out only if the idle connection turns readable: its server
 * closed it, and a level-triggered event would fire for ever.
 *
 * Private to http/multi and http/handle.
 */
#ifndef GATHERD_HTTP_SOCKETS_H
#define GATHERD_HTTP_SOCKETS_H

#include <stdbool.h>

#include <curl/curl.h>

struct event_base;
struct sockets;

/* FD of OWNER became ready: EVENTS is a set of CURL_CSELECT_*. May close sockets, open
 * others, and anything else but sockets_free(). */
typedef void sockets_ready_fn(void *owner, curl_socket_t fd, int events);

struct sockets *sockets_new(struct event_base *base, sockets_ready_fn *ready);

/* After libcurl closed its sockets. NULL is allowed. */
void sockets_free(struct sockets *sockets);

/* For OWNER, watch FD as WHAT says: CURL_POLL_IN, CURL_POLL_OUT or CURL_POLL_INOUT. */
void sockets_watch(struct sockets *sockets, void *owner, curl_socket_t fd, int what);

/* libcurl lets FD rest (CURL_POLL_REMOVE). Returns whether it had been connected. */
bool sockets_rest(struct sockets *sockets, curl_socket_t fd);

/*
 * libcurl was given FD, just opened. Up to 8.x it closes a socket that did not get as far
 * as a connection without a word, and takes the next one, which has the same number, for
 * one that is watched already. The kernel has forgotten the old one by then.
 */
void sockets_opened(struct sockets *sockets, curl_socket_t fd);

/* The CURLOPT_CLOSESOCKETFUNCTION; its data are the sockets. */
int sockets_on_close(void *sockets, curl_socket_t fd);

#endif
