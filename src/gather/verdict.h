/*
 * The verdict: what a response means for the target that was asked.
 *
 * A pure function but for the time that its patterns may take. It checks the status and the
 * body by the target's `format`, closes up JSON, decodes text, holds the target's rules
 * against it, takes its values out, and takes the request's secrets out of every foreign word.
 * A prompt is judged by its model's answer: rules and values are about that text, or the JSON
 * that it is.
 */
#ifndef GATHERD_GATHER_VERDICT_H
#define GATHERD_GATHER_VERDICT_H

#include <stddef.h>
#include <stdint.h>

struct outcome;
struct prompt_advice;
struct request;
struct response;
struct target;
struct trace_attempt;

/* What is known beside the answer. */
struct verdict_context {
	int64_t timeout_ms; /* what the attempt was given, for the words of a timeout */
	int64_t wall_ms;    /* now, for how long a certificate still holds */
	/* Of a prompt: how much text was sent, and what gets what the answer, or that there is
	 * none, says of asking again. NULL: of a service. */
	size_t input_bytes;
	struct prompt_advice *advice;
	/* Gets every rule with what came of it; NULL: nobody asks. */
	struct trace_attempt *trace;
};

/*
 * Judge RESPONSE, whose body is used up, to REQUEST of TARGET. Sets
 * what the answer tells of OUTCOME (status, kind, phase, message, excerpt, http_status,
 * timing, bytes, certificate_expires_at_ms, final_url, warnings, values, data, and of a prompt
 * model, response, finish_reason, request_id, usage, cost); leaves the rest alone.
 */
void verdict_judge(const struct target *target, const struct request *request,
    struct response *response, const struct verdict_context *context,
    struct outcome *outcome);

#endif
