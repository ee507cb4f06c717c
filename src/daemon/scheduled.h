/*
 * gatherd as a daemon: rounds by the schedule until SIGTERM or SIGINT, a new config on
 * SIGHUP, everything at once on SIGUSR1.
 */
#ifndef GATHERD_DAEMON_SCHEDULED_H
#define GATHERD_DAEMON_SCHEDULED_H

#include "daemon/options.h"

struct config;

enum exit_status scheduled_run(struct config *config, const struct options *options);

#endif
