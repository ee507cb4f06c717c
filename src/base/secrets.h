/*
 * The secrets that one request carries, and taking them out of foreign text.
 *
 * What we render ourselves is shown by its marks (base/marked). What a server sends back
 * may echo what it got: in such text, and only there, the secrets of that very request
 * are searched for, in each way they may be written: plain, percent-encoded (either case
 * of the hex digits, "+" for a blank) and JSON-escaped.
 */
#ifndef GATHERD_BASE_SECRETS_H
#define GATHERD_BASE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Shorter secrets are not searched for: too much that is none would be hit. */
#define SECRETS_MIN_BYTES 8

struct marked;
struct secrets; /* a set of strings */

struct secrets *secrets_new(void);
void secrets_free(struct secrets *secrets);

/* Add a copy; what is shorter than SECRETS_MIN_BYTES, or known, is passed over. */
void secrets_add(struct secrets *secrets, const char *text, size_t len);

/* Add the secret parts of TEXT one by one, and those that stand side by side as a whole,
 * too. */
void secrets_add_marked(struct secrets *secrets, const struct marked *text);

/* Add USER:PASSWORD's token as it stands behind "Basic " (RFC 7617), and PASSWORD. */
void secrets_add_basic(struct secrets *secrets, const char *user, const char *password);

/* Add those of FROM. */
void secrets_add_all(struct secrets *secrets, const struct secrets *from);

/* NULL counts as empty, here and below. */
bool secrets_empty(const struct secrets *secrets);

/* Append TEXT with *** for every secret in it, and for all the rest of it where looking for
 * them would take too long: that may be a servers' game. */
void secrets_append_masked(
    const struct secrets *secrets, struct buffer *out, const char *text, size_t len);

/*
 * Append a JSON text with *** for every secret inside its string values; names, numbers
 * and all else stay as they are. JSON is valid and compact (json_scan). A string in which
 * nothing is found keeps its spelling.
 */
void secrets_append_masked_json(
    const struct secrets *secrets, struct buffer *out, const char *json, size_t len);

#endif
