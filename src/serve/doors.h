/*
 * Where connections come in: the sockets that are listened at, each with the evhttp that its
 * connections go to. Private to serve.
 */
#ifndef GATHERD_SERVE_DOORS_H
#define GATHERD_SERVE_DOORS_H

#include <stdbool.h>
#include <sys/types.h>

struct clock_source;
struct doors;
struct event_base;
struct evhttp;
struct listening;

/* So many connections are accepted in one turn of the loop. evhttp would take all that come,
 * before anything is read from them, or closed: a flood would hold the loop. */
#define DOORS_TURN_MAX 32

/* After a connection could not be accepted, none is for so long. */
#define DOORS_PAUSE_MS 250

/* Connections go to CHECKING where the socket says `checks_host`, else to TRUSTING. CLOCK is
 * copied. */
struct doors *doors_new(struct event_base *base, struct evhttp *checking,
    struct evhttp *trusting, const struct clock_source *clock);
/* Close all; before the evhttps are freed. */
void doors_free(struct doors *doors);

/* From now on these sockets, which are taken over (LISTENING is empty then), and no longer
 * those before. */
void doors_open(struct doors *doors, struct listening *listening);

/* The sockets stay; who is admitted is as listening_admit() has it. What cannot be done is said
 * in the log. */
void doors_admit(struct doors *doors, mode_t mode, bool is_public);

/* A connection was accepted. */
void doors_count(struct doors *doors);

/*
 * A connection could not be accepted: that breaks the loop (event_base_got_break()), and its
 * owner calls this then. For want of descriptors, mostly: the connection stays where it is,
 * so that the loop would turn without an end. Said in the log once an hour.
 */
void doors_pause(struct doors *doors);

#endif
