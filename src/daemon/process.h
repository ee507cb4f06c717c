/*
 * gatherd as a process among others: its signals, its descriptors, its folders.
 */
#ifndef GATHERD_DAEMON_PROCESS_H
#define GATHERD_DAEMON_PROCESS_H

#include <stddef.h>

#include "base/compiler.h"

/*
 * The first thing in main. SIGPIPE is ignored: a peer that went away is an error of a
 * write, no end of the program (libcurl's TLS needs it so as well); so is SIGXFSZ, a file
 * that may not grow. SIGHUP and SIGUSR1 are held back until somebody handles them, SIGTERM
 * and SIGINT until it is known which of the two below holds. Descriptors 0 to 2 are there
 * afterwards, so that no file or socket can take their place. Memory in large blocks is the
 * system's again when it is freed.
 *
 * As PID 1, the first process of a container, it also does what the kernel leaves to that
 * one: SIGTERM and SIGINT end the program as elsewhere, and orphans leave no zombies.
 */
void process_begin(void);

/* From now on SIGTERM and SIGINT have their usual effect, until somebody handles them,
 * even if whoever started the program holds them back. */
void process_stop_kills(void);

/* ... or end the program at once, with status 0: a daemon that has not begun is stopped,
 * not killed. */
void process_stop_means_exit(void);

/* Raise the soft limit of descriptors to the hard one; returns how many this process may
 * have open. */
size_t process_raise_descriptors(void);

/* End by the signal NUMBER, so that the shell sees why; as PID 1, which no signal of its
 * own ends, with status 128 + NUMBER. */
NORETURN void process_die_by(int number);

#endif
