/*
 * What the files of serve/clients need of each other: clients.c has all of them, client.c a
 * single one. Private to serve/clients.
 */
#ifndef GATHERD_SERVE_CLIENTS_INTERNAL_H
#define GATHERD_SERVE_CLIENTS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "serve/clients.h"

enum client_state {
	CLIENT_ASKING,    /* a request is to come, or on its way */
	CLIENT_ANSWERING, /* the request is complete */
	CLIENT_IDLE,      /* answered; it may ask once more */
	CLIENT_STAYING,   /* follows events */
	CLIENT_CUT,       /* by us: evhttp is about to see its end */
	CLIENT_LEFT,      /* evhttp is done with it */
};

struct client {
	TAILQ_ENTRY(client) in_list;
	struct clients *clients;
	/* A reference of ours beside evhttp's: the descriptor is closed by the last one, so
	 * that it is never another's when we shut it down. */
	struct bufferevent *stream;
	enum client_state state;
	int64_t since_us; /* in this state */
	int64_t born_us;
	unsigned requests;
	bool is_to_hush; /* see client_hush() */
};

TAILQ_HEAD(client_list, client);

struct clients {
	struct clients_limits limits;
	struct clock_source clock;
	/* In the order of their last complete request, or of their coming; the newest first:
	 * so whoever asks is found at once, and the last one is the slowest to ask. */
	struct client_list list;
	size_t listed;  /* in the list */
	size_t present; /* of them, neither cut nor left */
	uint64_t cut_count;
	bool are_ending;
	struct event *timer;
	struct event *answering;
	void (*on_coming)(void *arg);
	void *arg;
};

int64_t clients_now_us(const struct clients *clients);
/* The next sweep comes after so long. */
void clients_sweep_in(struct clients *clients, int64_t wait_ms);

/* It comes by STREAM, of which it takes a reference, and is in the list from now on. */
struct client *client_new(struct clients *clients, struct bufferevent *stream);
/* It is in the list no more, and gone. */
void client_let_go(struct client *client);

/* Neither cut off nor left? */
bool client_is_present(const struct client *client);
/* Is evhttp done with it? */
bool client_is_freed(const struct client *client);

/* Cut it off where it is late, let go of it where it has ended. */
void client_sweep(struct client *client);

/* Its answer has begun. */
void client_hush(struct client *client);

#endif
