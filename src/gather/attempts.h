/*
 * What is told of a turn's attempts: how each one ended in the log, at debug, and all there
 * is to know of it in the trace, where somebody wants the target explained.
 *
 * ATTEMPT is NULL where nobody does. All texts are masked.
 */
#ifndef GATHERD_GATHER_ATTEMPTS_H
#define GATHERD_GATHER_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "gather/retry.h"

struct outcome;
struct prompt;
struct prompt_advice;
struct rendered_request;
struct response;
struct spending;
struct target;
struct trace;
struct trace_attempt;

/* REQUEST, rendered to be shown, is asked now. */
void attempt_tell_request(
    struct trace_attempt *attempt, const struct rendered_request *request);

/* RESPONSE to REQUEST of TARGET was judged as OUTCOME; what is kept of it is taken out. */
void attempt_tell_response(struct trace_attempt *attempt, const struct target *target,
    const struct rendered_request *request, struct response *response,
    const struct outcome *outcome);

/* How an attempt ended, and what comes next. */
struct attempt_end {
	const struct target *target;
	const struct outcome *outcome; /* of the attempt; its duration, too */
	const char *method;
	unsigned number;     /* of the attempt, from 1 */
	unsigned most;       /* as many as there may be */
	int64_t left_us;     /* of the deadline */
	bool with_new_token; /* again at once, as the access token was refused */
	struct retry_decision decision; /* otherwise */
	/* What a prompt's provider says of asking again; NULL: it is a service's. */
	const struct prompt_advice *advice;
};

/* AMOUNT is set aside of the budgets that an attempt at PROMPT counts in, into TRACE, which may
 * be NULL. */
void attempt_tell_reserved(
    struct trace *trace, const struct prompt *prompt, const struct spending *amount);

void attempt_tell_end(struct trace_attempt *attempt, const struct attempt_end *end);

#endif
