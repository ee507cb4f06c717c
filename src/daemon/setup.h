/*
 * From the command line to a config to run with.
 */
#ifndef GATHERD_DAEMON_SETUP_H
#define GATHERD_DAEMON_SETUP_H

#include "daemon/options.h"

struct config;
struct target;

/*
 * Read the config, tell every fault on standard error, set the log up, keep to the targets
 * of --only. Returns NULL where there are faults.
 */
struct config *setup_config(const struct options *options);

/* Set the log up as OPTIONS say, else CONFIG. */
void setup_log(const struct config *config, const struct options *options);

/* Log which targets of CONFIG have connections that anybody could answer. */
void setup_warn_unverified(const struct config *config);

/* Log what a daemon that goes by CONFIG should not do in silence, that among it. */
void setup_warn(const struct config *config);

/* The enabled target that OPTION calls NAME; NULL, told on standard error with the nearest
 * known name, where there is none. */
const struct target *setup_find_target(
    const struct config *config, const char *option, const char *name);

/* --check: faults and warnings, then the verdict. */
enum exit_status setup_check(const struct options *options);

/* --print-config and --print-schema, on standard output: main flushes it. */
enum exit_status setup_print_config(const struct options *options);
void setup_print_schema(const struct options *options);

#endif
