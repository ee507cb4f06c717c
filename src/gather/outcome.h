/*
 * What came of asking a target: plain data.
 */
#ifndef GATHERD_GATHER_OUTCOME_H
#define GATHERD_GATHER_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "http/request.h"
#include "prompt/answer.h"

enum status {
	STATUS_OK,
	STATUS_DEGRADED,
	STATUS_TIMEOUT,
	STATUS_HTTP_ERROR,
	STATUS_ERROR,
	STATUS_CANCELLED,
	STATUS_SKIPPED,
	STATUS_PENDING,
};
#define STATUS_COUNT (STATUS_PENDING + 1)
/* In the enum's order, NULL-terminated. */
extern const char *const status_names[];

/* ok or degraded: it answered well. */
bool status_is_success(enum status status);
/* timeout, http_error or error: a turn that ended badly. */
bool status_is_failure(enum status status);
/* What the document lists as failed: neither a success nor pending. */
bool status_is_listed_failed(enum status status);

enum error_kind {
	KIND_NONE,
	KIND_TIMEOUT,
	KIND_HTTP,
	KIND_DNS,
	KIND_CONNECT,
	KIND_TLS,
	KIND_PROTOCOL,
	KIND_REDIRECT,
	KIND_TOO_LARGE,
	KIND_INVALID_BODY,
	KIND_EXPECTATION,
	KIND_TEMPLATE,
	KIND_DEPENDENCY,
	KIND_AUTH,
	KIND_RATE_LIMITED, /* http_error; skipped where nobody was asked */
	KIND_BLOCKED,      /* a model refused */
	KIND_TRUNCATED,    /* its answer was cut off */
	KIND_BUDGET,       /* skipped: it would cost more than it may */
	KIND_CANCELLED,
	KIND_INTERNAL,
};
#define KIND_COUNT (KIND_INTERNAL + 1)
/* In the enum's order, NULL-terminated; KIND_NONE is "". */
extern const char *const error_kind_names[];

/* The status that an error of KIND makes; KIND_NONE: ok. */
enum status error_kind_status(enum error_kind kind);

/* What stands before a digest in the place of a text, as others write it, too. */
#define OUTCOME_DIGEST_LEAD "sha256:"

/* What a prompt's outcome has beside. */
struct outcome_prompt {
	char *model;  /* owned: that answered, or was asked; as shown */
	char *prompt; /* owned: what was sent, by `store_prompt`; NULL: null */
	char *
	    response; /* owned, masked: the answer's text, of a truncated one, too; NULL: null */
	size_t response_len;
	char *finish_reason; /* owned, masked, in lower case; NULL: none was told */
	char *request_id;    /* owned, masked; NULL: none was told */
	struct prompt_usage usage;
	int64_t cost;                    /* money; -1: unknown */
	unsigned usage_unknown_attempts; /* that were perhaps paid for all the same */
	bool reused; /* nobody was asked: it is the last good answer again */
	/* Of what was sent: kept on the board once the answer was good. */
	char input_hash[DIGEST_HEX_SIZE];
};

struct outcome {
	enum status status;
	enum error_kind kind;
	int phase;        /* enum response_phase of a timeout or fault; -1: none */
	int64_t limit_ms; /* of a timeout: the time that ran out; -1: none */
	char *message;    /* owned, masked, for a person; NULL without an error */
	char *excerpt;    /* owned, masked; NULL: none */
	long http_status; /* 0: none */
	unsigned attempts;
	int64_t checked_at_ms; /* wall time of the end; -1: never */
	int64_t duration_us;   /* from the first attempt's start to the end; -1: none */
	int64_t queued_us;     /* waited for a slot; -1: none */
	struct response_timing timing;
	uint64_t bytes;
	int64_t certificate_expires_at_ms; /* wall time; -1: none, or unknown */
	char *url;                         /* owned: as shown */
	char *final_url; /* owned: of the last redirect, masked; NULL: none followed */
	char **warnings; /* owned, masked: broken `warn` rules, missing values */
	size_t warning_count;
	char *values; /* owned: a compact JSON object, secret ones as ***; NULL: {} */
	size_t values_len;
	char *
	    secret_values; /* owned: likewise, the secret ones as they are; NULL: none */
	size_t secret_values_len;
	char *data; /* owned: compact JSON text, masked; NULL: null */
	size_t data_len;
	struct outcome_prompt *prompt; /* owned; NULL: of a service */
};

/* All unset: pending, -1, NULL. */
void outcome_init(struct outcome *outcome);
void outcome_clear(struct outcome *outcome);

/* One more warning; TEXT is taken over. */
void outcome_warn(struct outcome *outcome, char *text);

/* OUTCOME, of a prompt, gets the part for it, all unset, where it has none yet. */
void outcome_make_prompt(struct outcome *outcome);

/* What OUTCOME took out of an answer, data, values, a model's text and all, becomes what FROM
 * holds, which loses it. */
void outcome_take_answer(struct outcome *outcome, struct outcome *from);

/* The outcome as a log line's text, without the name: "responded with 200 in 183 ms",
 * "returned HTTP 503", "timed out after 5s", "error: could not resolve host"; of a prompt also
 * "reused the last answer: nothing has changed", "not asked: no service fails". */
struct buffer;
void outcome_describe(const struct outcome *outcome, struct buffer *out);

#endif
