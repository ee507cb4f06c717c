/*
 * One API as this room speaks it: a file each behind one table of functions.
 *
 * Private to the room.
 */
#ifndef GATHERD_PROMPT_DIALECT_H
#define GATHERD_PROMPT_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "config/api.h"

struct marked;
struct prompt;
struct prompt_answer;
struct prompt_texts;
struct value;

struct dialect {
	/* Where `api_version` is said, if at all; NULL: not there. */
	const char *version_header;
	const char *version_query; /* what it is called in the URL's query */

	/* Append to URL, the provider's, what leads to the model: a path,
	 * from its slash on. */
	void (*append_path)(struct marked *url, const struct prompt *prompt);

	/* The body, a map; the caller's. */
	struct value *(*build)(
	    const struct prompt *prompt, const struct prompt_texts *texts);

	/* Read BODY, compact JSON, into ANSWER, which is all unset: ENDING_NORMAL, no text. Where
	 * BODY has an `error`, that is told over it. */
	void (*read)(
	    struct span body, size_t input_bytes, struct prompt_answer *answer);

	bool heeds_should_retry; /* the header x-should-retry */
};

extern const struct dialect dialect_gemini;
extern const struct dialect dialect_openai;
extern const struct dialect dialect_openai_responses;
extern const struct dialect dialect_anthropic;
extern const struct dialect dialect_ollama;

const struct dialect *dialect_of(enum api api);

#endif
