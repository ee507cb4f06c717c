/*
 * What the dialects have in common: trees to build bodies of, and looking into answers.
 *
 * Private to the room.
 */
#ifndef GATHERD_PROMPT_PARTS_H
#define GATHERD_PROMPT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "prompt/answer.h"

struct config_number;
struct config_pairs;
struct config_schema;
struct marked;
struct prompt;
struct value;

/* ---- URLs ---- */

/* The author's own text, as it is. */
void append_own(struct marked *out, const char *text);
/* TEXT from START on, all but unreserved characters percent-encoded (RFC 3986, 2.3). */
void append_encoded(struct marked *out, const struct marked *text, size_t start);
/* OUT, which needs no initialising, becomes `api_version` of PROMPT's provider, or what its API
 * has in its place; empty: none. */
void version_of(const struct prompt *prompt, struct marked *out);

/* ---- building: what is set is taken over by the tree ---- */

void put_text(struct value *map, const char *key, const char *text);
/* With its marks. */
void put_marked(struct value *map, const char *key, const struct marked *text);
void put_bool(struct value *map, const char *key, bool set);
void put_int(struct value *map, const char *key, int64_t number);
/* As it was written; passed over where it is not said, as all below. */
void put_number(struct value *map, const char *key, const struct config_number *number);
void put_texts(struct value *map, const char *key, const struct config_pairs *texts);
void put_schema(struct value *map, const char *key, const struct config_schema *schema);
/* An empty map or list at KEY, borrowed from MAP. */
struct value *put_map(struct value *map, const char *key);
struct value *put_list(struct value *map, const char *key);
/* A map at the end of LIST, borrowed from it. */
struct value *add_map(struct value *list);
/* {"role": ROLE, "content": TEXT} at the end of LIST; passed over where TEXT is empty. */
void add_message(struct value *list, const char *role, const struct marked *text);

/* FROM, a map, over MAP: maps in both are merged, all else of FROM takes the place of what MAP
 * has. NULL: nothing. */
void merge_over(struct value *map, const struct value *from);

/* ---- reading ---- */

/* Append the string SPAN; what is no string is passed over. Returns whether it is one. */
bool append_text(struct span span, struct prompt_answer *answer);
/* SPAN's text; NULL: it is no string. The caller's. */
char *text_of(struct span span);
/* A whole number of tokens; -1: it is none. */
int64_t tokens_of(struct span span);
/* Is it `true`? */
bool is_true(struct span span);
/* The first item of an array; absent where it has none, or is none. */
struct span first_of(struct span array);
/* What answers have under "error": neither absent nor null nor empty. */
bool is_error(struct span error);

/* Read SPAN into USAGE. OpenAI's two APIs call the same things by different NAMES: the tokens of
 * input, of output and of both, and the maps that say more of the first and of the second. */
#define USAGE_NAME_COUNT 5
void read_openai_usage(struct span span,
    const char *const names[static USAGE_NAME_COUNT], struct prompt_usage *usage);

/* A word that an API has for how the model ended. */
struct ending {
	const char *word; /* in lower case */
	enum prompt_ending ending;
};

/* ANSWER ended by WORD, one of ENDINGS, which a NULL word ends: that is for all others. Where
 * it is no string, nothing is known of it, and NAME is what is missing. */
void read_ending(struct prompt_answer *answer, struct span word, const char *name,
    const struct ending *endings);
/* ANSWER is none: WHY, our own words. */
void read_missing(struct prompt_answer *answer, const char *why);

#endif
