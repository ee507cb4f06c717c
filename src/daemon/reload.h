/*
 * A reload, from the signal to the new config in force, or to the old one that goes on.
 *
 * The config is read and compiled in a thread, then it is tried whether it can be listened where
 * it says, and whether its outputs can be written; only when all of that is well does anything
 * change, and then at once. What is asked for while one is under way comes after it.
 */
#ifndef GATHERD_DAEMON_RELOAD_H
#define GATHERD_DAEMON_RELOAD_H

#include <stdbool.h>

struct config;
struct config_diff;
struct event_base;
struct gatherer;
struct options;
struct reload;
struct serving;

struct reload_events {
	/* It begins. */
	void (*on_begin)(void *arg);
	/* The new config is well, and about to be in force: nothing of it was published yet. */
	void (*on_taken)(void *arg);
	/* All parts have gone over to CONFIG, which differs by DIFF. */
	void (*on_changed)(
	    struct config *config, const struct config_diff *diff, void *arg);
	/* It is over. FAULT: why the old config goes on, the first of the faults that the
	 * log has told; NULL: it does not. */
	void (*on_end)(const char *fault, void *arg);
	void *arg;
};

/* What goes over to a new config; both borrowed. */
struct reload_parts {
	struct gatherer *gatherer;
	struct serving *serving;
};

/* CONFIG is the one in force. All but it are borrowed. NULL where the system refuses. */
struct reload *reload_new(struct event_base *base, const struct reload_parts *parts,
    struct config *config, const struct options *options,
    const struct reload_events *events);
void reload_free(struct reload *reload);

void reload_request(struct reload *reload);

/* The gatherer's `on_ready`, once it was told of by gatherer_new(). */
void reload_output_ready(struct reload *reload, bool ready);

#endif
