/*
 * What a language model answered, whatever API it was asked by; and what a provider says of
 * itself where it did not answer.
 */
#ifndef GATHERD_PROMPT_ANSWER_H
#define GATHERD_PROMPT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "config/api.h"

struct response;

/* Tokens; -1: not told. Counted alike for all APIs: `input` with what came from a cache,
 * `output` with the reasoning, `total` the sum of both where the answer has none. */
struct prompt_usage {
	int64_t input;
	int64_t output;
	int64_t reasoning; /* of `output` */
	int64_t cached;    /* of `input` */
	int64_t total;
};

void prompt_usage_init(struct prompt_usage *usage);
/* Was anything told? */
bool prompt_usage_is_known(const struct prompt_usage *usage);

/* How the model ended. */
enum prompt_ending {
	ENDING_NORMAL,    /* what it wanted to say is in `text`, which may be empty */
	ENDING_TRUNCATED, /* a limit of tokens, also where thinking took all of them */
	ENDING_BLOCKED,   /* it refused, or a filter did: `why` */
	ENDING_OTHER,     /* tool calls, what nobody knows: `finish_reason` */
	ENDING_ERROR,   /* an error within a good HTTP status: `why`, `error_status` */
	ENDING_MISSING, /* it has none of the parts of an answer: `why`, our own words */
};

/* All texts are foreign and not masked, but `why` of ENDING_MISSING. */
struct prompt_answer {
	enum prompt_ending ending;
	struct buffer text;  /* owned: UTF-8 */
	char *finish_reason; /* owned: as it was told; NULL: none was */
	char *why;           /* owned; NULL: nothing was said */
	long
	    error_status; /* of ERROR: the HTTP status that it stands for; 0: unknown */
	char *model;      /* owned: that answered; NULL: not told */
	char
	    *warning; /* owned: what the user should know all the same; NULL: nothing */
	struct prompt_usage usage;
};

/* Read BODY, valid compact JSON, an answer of API with a good status, into ANSWER, which needs
 * no initialising. INPUT_BYTES is how much text was sent. */
void prompt_read_answer(
    enum api api, struct span body, size_t input_bytes, struct prompt_answer *answer);
void prompt_answer_clear(struct prompt_answer *answer);

/* What is to be made of an attempt that failed, as far as asking again goes. */
struct prompt_advice {
	/* There is no quota or money left: another attempt would not help. */
	bool exhausted;
	/* Too much at once, and the provider itself says so: another attempt later will do. */
	bool push_back;
	/* It is overloaded or unreachable: fewer at once would do better. */
	bool overloaded;
	int64_t wait_ms; /* that it asked for, by header or body; -1: not said */
	/* What it says of trying again (x-should-retry): 1 do, 0 do not; -1: nothing. */
	int should_retry;
};

/* Nothing is advised. */
void prompt_advice_init(struct prompt_advice *advice);

/* What an answer that is none, or an error in a good one, says. */
struct prompt_error {
	char *message; /* owned: the provider's words, not masked; NULL: none */
	struct prompt_advice advice;
};

/*
 * Read what RESPONSE, complete and with HTTP_STATUS (that of its line, or of an error within a
 * good one), says of itself, into ERROR, which needs no initialising. Its body need not be
 * JSON, nor valid; it is left as it is. The header `x-should-retry` counts for those APIs whose
 * clients heed it.
 *
 * 429 is a push-back unless it tells of quota or billing, 529 is one, and 503 where it names a
 * time to wait or its body is the API's own error; these statuses are `overloaded` too. 402 is
 * exhausted unless it names a time, and then asks to be tried again.
 */
void prompt_read_error(enum api api, const struct response *response, long http_status,
    struct prompt_error *error);
void prompt_error_clear(struct prompt_error *error);

/* The name by which RESPONSE can be asked about with the provider (x-request-id,
 * request-id), from its head; NULL: it has none. The caller's. */
char *prompt_request_id(const struct response *response);

#endif
