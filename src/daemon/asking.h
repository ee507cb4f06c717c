/*
 * What targets are asked by, made for a config: name lookups, transfers, limits, access
 * tokens, wired to each other.
 */
#ifndef GATHERD_DAEMON_ASKING_H
#define GATHERD_DAEMON_ASKING_H

#include <stdbool.h>
#include <stddef.h>

struct asking;
struct board;
struct config;
struct event_base;
struct trace;
struct turn_context;
struct vitals;

struct asking_options {
	size_t descriptors; /* how many the process may have open */
	bool is_listened;   /* ... of which a listener needs some for its clients */
	struct trace
	    *trace; /* borrowed: what one target's turns were like; NULL: none */
};

/*
 * Make the parts for CONFIG, which turns are to see BOARD with, whose providers they ask;
 * both are borrowed.
 * Where the descriptors are too few for `max_concurrent`, fewer are asked at a time and
 * the log says so. Returns NULL with errno set where the system refuses a part.
 */
struct asking *asking_new(struct event_base *base, struct config *config,
    struct board *board, const struct asking_options *options);

/* After all turns have ended. NULL is allowed. */
void asking_free(struct asking *asking);

/* What turns are started with; the same for the life of ASKING, but for what is in
 * it. */
const struct turn_context *asking_context(const struct asking *asking);

/* Fill in how many are in flight, and wait. */
void asking_see(const struct asking *asking, struct vitals *vitals);

/* Nobody is to begin any more, until asking_reload(): tickets that are given back start
 * no turn. */
void asking_pause(struct asking *asking);

/* CONFIG, borrowed, is in force, with a listener or without one. */
void asking_reload(struct asking *asking, struct config *config, bool is_listened);

#endif
