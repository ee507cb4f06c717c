/*
 * One piece of work in a thread of its own, so that the loop does not wait for a disk.
 */
#ifndef GATHERD_DAEMON_BACKGROUND_H
#define GATHERD_DAEMON_BACKGROUND_H

struct background;
struct event_base;

struct background_work {
	/* In the thread. What it makes of ARG is returned, and handed to `done`. */
	void *(*run)(void *arg);
	/* In the loop, once, never from inside background_start(): the work is over. */
	void (*done)(void *result, void *arg);
	/* In either, where nobody waits any more: release what `run` made, and ARG. */
	void (*discard)(void *result, void *arg);
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
