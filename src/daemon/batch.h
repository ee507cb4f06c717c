/*
 * Prompts alone, gathered once: a batch, as scripts run them, with a line at its beginning and
 * one at its end.
 */
#ifndef GATHERD_DAEMON_BATCH_H
#define GATHERD_DAEMON_BATCH_H

#include <stdbool.h>
#include <stddef.h>

struct config;

/* Are there prompts, and no services? */
bool batch_is(const struct config *config);

/* "processing 40 prompts (max 5 concurrent)" */
void batch_log_begin(const struct config *config);

/* "success: 38/40" */
void batch_log_end(const struct config *config, size_t success_count);

#endif
