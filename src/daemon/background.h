/*
 * One piece of work in a thread of its own, so that the loop does not wait for a disk.
 */
#ifndef GATHERD_DAEMON_BACKGROUND_H
#define GATHERD_DAEMON_BACKGROUND_H

struct background;
struct event_base;

struct background_work {
	void (*run)(void *arg); /* in the thread; what it makes stands in ARG */
	/* In the loop, once, never from inside background_start(): the work is over. */
	void (*done)(void *arg);
	/* In either, where nobody waits any more: release ARG. */
	void (*discard)(void *arg);
	void *arg;
};

/* Returns NULL with errno set where the system gives no thread: ARG is the caller's then.
 * The handle is dead once `done` is called. */
struct background *background_start(
    struct event_base *base, const struct background_work *work);

/* Nobody waits any more: `done` is not called; what hangs is left to itself, and
 * discarded when it ends. */
void background_abandon(struct background *background);

#endif
