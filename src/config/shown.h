/*
 * What of the config's own texts may be printed: all but secrets that stand in it
 * literally. ${...} and template tags show where a value comes from, never the value.
 */
#ifndef GATHERD_CONFIG_SHOWN_H
#define GATHERD_CONFIG_SHOWN_H

#include <stdbool.h>

struct config;

/* SOURCE, a URL or whatever holds one, with *** for a literal user and password. A user
 * whose password is a reference is shown. The caller's. */
char *shown_url(const char *source);

/* SOURCE, the value of the header NAME: as it is, but of Authorization, Cookie and
 * Proxy-Authorization only the frame and the references. The caller's. */
char *shown_header(const char *name, const char *source);

/* Is that header secret wherever its value came from? */
bool shown_is_secret_header(const char *name);

/* Does a secret header or the userinfo of a URL of CONFIG name the variable NAME, so that
 * its value is as secret as they are? */
bool shown_is_secret_var(const struct config *config, const char *name);

#endif
