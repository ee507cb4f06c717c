/*
 * gatherd --once and --rounds: so many rounds, each begun when the one before was
 * published, then the end.
 */
#ifndef GATHERD_DAEMON_ONCE_H
#define GATHERD_DAEMON_ONCE_H

#include "daemon/options.h"

struct config;

/* Gather OPTIONS->rounds times. SIGTERM and SIGINT end the program by that signal, the
 * published document untouched. */
enum exit_status once_run(struct config *config, const struct options *options);

#endif
