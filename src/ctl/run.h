/*
 * A command from reading the document to its exit status.
 */
#ifndef GATHERD_CTL_RUN_H
#define GATHERD_CTL_RUN_H

#include <stdint.h>

#include "ctl/command.h"

/* `status` or `show`, on standard output; what is wrong is told on standard error. NOW_MS
 * is the wall time that ages are counted from. */
enum ctl_exit run_command(const struct command *command, int64_t now_ms);

#endif
