/*
 * What a daemon says of itself when it begins.
 */
#ifndef GATHERD_DAEMON_GREETING_H
#define GATHERD_DAEMON_GREETING_H

struct config;

/* Log what is gathered by CONFIG, how often, and what is to be warned of in it. */
void greeting_log(const struct config *config);

#endif
