/*
 * What of the config's own texts may be printed: all but secrets that stand in it
 * literally. ${...} and template tags show where a value comes from, never the value.
 */
#ifndef GATHERD_CONFIG_SHOWN_H
#define GATHERD_CONFIG_SHOWN_H

#include <stdbool.h>

struct config;
struct shown_vars;
struct value;

/* SOURCE, a URL or whatever holds one, with *** for a literal user and password. A user
 * whose password is a reference is shown. The caller's. */
char *shown_url(const char *source);

/* SOURCE, all of which is secret: only the references in it. The caller's. */
char *shown_secret(const char *source);

/* SOURCE, the value of the header NAME: as it is, but of Authorization, Cookie and
 * Proxy-Authorization only the frame and the references. The caller's. */
char *shown_header(const char *name, const char *source);

/* Is that header secret wherever its value came from? */
bool shown_is_secret_header(const char *name);

/* The variables that secret headers, `auth` and the first part of URLs of CONFIG name, those of
 * providers among them, so
 * that their values are as secret as these are; names of `for_each` count as variables.
 * Borrows from CONFIG. */
struct shown_vars *shown_vars_new(const struct config *config);
void shown_vars_free(struct shown_vars *vars);

/* May VALUE, of the variable NAME or inside of it, not be printed? */
bool shown_is_secret_var(
    const struct shown_vars *vars, const char *name, const struct value *value);

#endif
