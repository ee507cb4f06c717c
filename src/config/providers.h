/*
 * What the keys of a provider come to: its URL, the headers that all its requests have, and
 * which of them are secret.
 */
#ifndef GATHERD_CONFIG_PROVIDERS_H
#define GATHERD_CONFIG_PROVIDERS_H

#include <stdbool.h>

#include "config/faults.h"

struct config;
struct provider;
struct request;
struct secrets;

/* With the defaults that stand in the table of keys. */
struct provider *provider_new(const char *name, struct place place);
void provider_free(struct provider *provider);

/*
 * Fill in what PROVIDER's keys come to. Faults are told at the texts that hold them: a
 * `base_url` that is none, a key that the vendor's own address needs and is not there (which
 * variable it usually stands in is told), what fits no header.
 *
 * `hash_key` becomes its key, or where it has none /etc/machine-id. Where that cannot be read it
 * is empty: then whoever can read the document can try out what a secret that is sent might be.
 */
void provider_fill(
    struct provider *provider, const struct config *config, struct faults *faults);

/* The name of the header that PROVIDER's key is sent in; borrowed. */
const char *provider_key_header(const struct provider *provider);

/* Is one of the headers that PROVIDER says called NAME? */
bool provider_sends(const struct provider *provider, const char *name);

/* REQUEST gets the headers that PROVIDER says, its key's among them (secret), and what of
 * them, of its URL and of its way is secret as secrets. */
void provider_add_headers(const struct provider *provider, struct request *request);

#endif
