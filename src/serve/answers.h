/*
 * What the listener answers: a path to a body, its headers, 304, HEAD, gzip. Private to serve.
 */
#ifndef GATHERD_SERVE_ANSWERS_H
#define GATHERD_SERVE_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

struct clients;
struct events;
struct evhttp;
struct health;
struct shown;

/* What answers are made of; all borrowed, and changed by their owner between two answers. */
struct answers {
	struct clients *clients;
	struct events *events;
	struct shown *shown; /* what is shown */
	const struct health *health;
	const char *host;     /* the machine's name */
	uint64_t requests[6]; /* answered: see struct server_counts */
};

/* HTTP's requests are answered by ANSWERS from now on. There is one evhttp for the sockets that
 * check their Host, and one for the others. */
void answers_serve(struct answers *answers, struct evhttp *http, bool checks_host);

#endif
