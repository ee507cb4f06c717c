/*
 * The token sources of a config, found by what they ask: so that those of a new config can
 * take over what those of the old one brought.
 */
#ifndef GATHERD_GATHER_TOKEN_SOURCES_H
#define GATHERD_GATHER_TOKEN_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct target;
struct token_sources; /* opaque */

/* What CONFIG, borrowed, has in `token_sources` by now. */
struct token_sources *token_sources_new(const struct config *config);
/* NULL is allowed. */
void token_sources_free(struct token_sources *sources);

size_t token_sources_count(const struct token_sources *sources);

/* The one with that number, of which there are token_sources_count(). */
const struct target *token_sources_at(
    const struct token_sources *sources, size_t number);

/* Which of them is SOURCE, perhaps of another config, or would bring the same token: how long
 * they are waited for makes no difference. Returns false where there is none. */
bool token_sources_find(
    const struct token_sources *sources, const struct target *source, size_t *number);

#endif
