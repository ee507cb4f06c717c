/*
 * gatherd --explain NAME: asks one target now, after those it depends on, and prints
 * what happened and why its status is what it is.
 */
#ifndef GATHERD_DAEMON_EXPLAIN_H
#define GATHERD_DAEMON_EXPLAIN_H

#include "daemon/options.h"

struct config;

/* Explain OPTIONS->explain on standard output, which main flushes. No file is read but
 * the config's, none is written. CONFIG is nobody else's. */
enum exit_status explain_run(struct config *config, const struct options *options);

#endif
