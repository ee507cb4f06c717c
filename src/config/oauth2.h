/*
 * The targets that fetch access tokens (RFC 6749, 4.4): one for all services whose settings,
 * and ways to connect, are the same.
 */
#ifndef GATHERD_CONFIG_OAUTH2_H
#define GATHERD_CONFIG_OAUTH2_H

struct config;
struct faults;

/*
 * Make CONFIG's token sources, and point the enabled targets that have an `auth.oauth2` to
 * theirs. May be called again when targets have gone. Faults: a name in one of the texts that is
 * missing, a `token_url` that is none.
 */
void oauth2_resolve(struct config *config, struct faults *faults);

/* Release the token sources. */
void oauth2_clear(struct config *config);

#endif
