/*
 * One answer that is being judged.
 *
 * Private to gather/verdict and its parts.
 */
#ifndef GATHERD_GATHER_JUDGEMENT_H
#define GATHERD_GATHER_JUDGEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/span.h"
#include "gather/outcome.h"
#include "rules/rules.h"

struct json_scan;
struct request;
struct response;
struct target;
struct verdict_context;

/* Of a body, enough to find an excerpt's characters in, blanks between them and all. */
#define JUDGEMENT_EXCERPT_BYTES ((size_t)4096)

/* All pointers are borrowed, but as said. */
struct judgement {
	const struct target *target;
	const struct request *request;
	struct response *response;
	const struct verdict_context *context;
	struct outcome *outcome;

	/* What rules and values look at; its pointers lead here and into the response. */
	struct facts facts;
	struct span *found; /* room for those of the target's pointers */
	size_t json_len; /* of the body, once it was found to be JSON and closed up */
	/* Owned: the body as UTF-8, where somebody wants it; a prompt's is its model's text. */
	struct buffer text;
	/* Owned: the JSON with *** for the request's secrets, from when somebody wants it; empty
	 * where there are none to look for. */
	struct buffer masked;

	/* The start of the body as it came, from before it was closed up. */
	bool closed_up;
	char *start; /* room for JUDGEMENT_EXCERPT_BYTES */
	size_t start_len;
	struct buffer whole; /* owned: all of it, where there are secrets to look for */
};

/* ---- gather/verdict ---- */

/* Of a message that may be a server's words. */
#define JUDGEMENT_MESSAGE_CHARACTERS 500

/* It failed with KIND. MESSAGE is the outcome's from now on. */
void judgement_fail(struct judgement *judgement, enum error_kind kind, char *message);

/* ---- gather/verdict_prompt ---- */

/* The complete response to a prompt is judged. */
void judgement_prompt(struct judgement *judgement);

/* Likewise one that did not come about: what that says of asking again. */
void judgement_prompt_fault(struct judgement *judgement);

/* ---- gather/verdict_body ---- */

/*
 * TEXT, foreign words, with *** for the request's secrets, as one line of at most MAX
 * characters; NULL where nothing is left. Masked before it is cut: half a secret is found no
 * more. The caller's.
 */
char *judgement_mask_line(
    const struct judgement *judgement, const char *text, size_t len, size_t max);

/* Does what came back hold a secret of the request? */
bool judgement_echoes_secret(struct judgement *judgement);

/* The first characters of the text, or of the body, for a failed answer; NULL where there are none to be
 * told. The caller's. */
char *judgement_excerpt(const struct judgement *judgement);

/* The body is about to be closed up: keep what an excerpt is made from. */
void judgement_save_start(struct judgement *judgement);

/* Why WHAT is not the JSON that it has to be: "body is not valid JSON: syntax error at byte
 * 17". The caller's. */
char *judgement_json_fault(const char *what, const struct json_scan *scan);

/* Where there are secrets: what may be shown of the JSON, made once. */
struct buffer *judgement_masked_json(struct judgement *judgement);

/* Read the body as the target's format, rules and values want it: text and JSON become
 * facts. Returns false where it is not what it has to be: it failed then. */
bool judgement_read_body(struct judgement *judgement);

/* What is to be kept of the body that was read becomes the outcome's data. */
void judgement_keep_data(struct judgement *judgement);

/* ---- gather/verdict_rules ---- */

/* Is the HTTP status an expected one? */
bool judgement_status_holds(const struct judgement *judgement);

/* The message of one that is not. The caller's. */
char *judgement_status_message(const struct judgement *judgement);

/* Hold `expect` against the facts. Returns false where it is broken: it failed then. */
bool judgement_expect(struct judgement *judgement);

/* Hold `warn` against the facts: broken rules are warnings, and the status is degraded. */
void judgement_warn(struct judgement *judgement);

/* Take the values out; what is missing is null and a warning. */
void judgement_extract(struct judgement *judgement);

#endif
