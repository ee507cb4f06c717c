/*
 * From the command line to a config to run with.
 */
#ifndef GATHERD_DAEMON_SETUP_H
#define GATHERD_DAEMON_SETUP_H

#include "daemon/options.h"

struct config;

/*
 * Read the config, tell every fault on standard error, set the log up, keep to the targets
 * of --only. Returns NULL where there are faults.
 */
struct config *setup_config(const struct options *options);

/* Set the log up as OPTIONS say, else CONFIG. */
void setup_log(const struct config *config, const struct options *options);

/* Log what a daemon that goes by CONFIG should not do in silence. */
void setup_warn(const struct config *config);

/* --check: faults and warnings, then the verdict. */
enum exit_status setup_check(const struct options *options);

/* --print-config and --print-schema config, on standard output: main flushes it. */
enum exit_status setup_print_config(const struct options *options);
void setup_print_schema(void);

#endif
