/*
 * Where a provider says what went wrong, in all the shapes that are met with: an object or a
 * text under "error", a list around that, a bare "message" or "detail"; and what its words
 * stand for.
 *
 * Of no dialect: servers speak one API and let through the errors of another.
 *
 * Private to the room.
 */
#ifndef GATHERD_PROMPT_ERROR_WORDS_H
#define GATHERD_PROMPT_ERROR_WORDS_H

#include <stdbool.h>

#include "base/span.h"

/* Parts of a body; absent where it has none. */
struct error_words {
	struct span body;    /* the map that holds them */
	struct span error;   /* what stands under "error", if that is one */
	struct span message; /* for a person */
	struct span code;    /* a word or a number, as some say it */
	struct span type;
	struct span status;  /* a word of google.rpc.Code */
	struct span details; /* a list or map */
};

/* Look into BODY, compact JSON of any kind. Returns whether it has an `error`; where it has
 * none, a message may have been found all the same. */
bool error_words_find(struct span body, struct error_words *words);

/* What they say for a person, be it the name of the fault; NULL: nothing. The caller's. */
char *error_words_message(const struct error_words *words);

/* The HTTP status that they stand for; 0: unknown. */
long error_words_status(const struct error_words *words);

/* Do they tell of quota, credit or a limit to spending that is used up? */
bool error_words_exhausted(const struct error_words *words);

#endif
