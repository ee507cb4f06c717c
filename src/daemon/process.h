/*
 * gatherd as a process among others: its signals, its descriptors, its folders.
 */
#ifndef GATHERD_DAEMON_PROCESS_H
#define GATHERD_DAEMON_PROCESS_H

#include <stddef.h>

struct event_base;
struct stop_signals;

/*
 * The first thing in main. SIGPIPE is ignored: a peer that went away is an error of a
 * write, no end of the program (libcurl's TLS needs it so as well); so is SIGXFSZ, a file
 * that may not grow. SIGHUP and SIGUSR1 are held back until somebody handles them. Descriptors 0 to 2 are there afterwards, so
 * that no file or socket can take their place.
 */
void process_begin(void);

/* Raise the soft limit of descriptors to the hard one; returns how many this process may
 * have open. */
size_t process_raise_descriptors(void);

/*
 * Call ON_STOP from the loop when SIGTERM or SIGINT arrives, with its number. A second one
 * kills at once.
 */
struct stop_signals *stop_signals_new(
    struct event_base *base, void (*on_stop)(int number, void *arg), void *arg);
void stop_signals_free(struct stop_signals *signals);

/* End by the signal NUMBER, so that the shell sees why. Does not return. */
void process_die_by(int number) __attribute__((noreturn));

#endif
