/*
 * The verdict: what a response means for the target that was asked.
 *
 * A pure function but for the time that its patterns may take. It checks the status and the
 * body by the target's `format`, closes up JSON, decodes text, holds the target's rules
 * against it, takes its values out, and takes the request's secrets out of every foreign word.
 */
#ifndef GATHERD_GATHER_VERDICT_H
#define GATHERD_GATHER_VERDICT_H

#include <stdint.h>

struct outcome;
struct request;
struct response;
struct target;
struct trace_attempt;

/* What is known beside the answer. */
struct verdict_context {
	int64_t timeout_ms; /* what the attempt was given, for the words of a timeout */
	int64_t wall_ms;    /* now, for how long a certificate still holds */
	/* Gets every rule with what came of it; NULL: nobody asks. */
	struct trace_attempt *trace;
};

/*
 * Judge RESPONSE, whose body is used up, to REQUEST of TARGET. Sets
 * what the answer tells of OUTCOME (status, kind, phase, message, excerpt, http_status,
 * timing, bytes, certificate_expires_at_ms, final_url, warnings, values, data); leaves the
 * rest alone.
 */
void verdict_judge(const struct target *target, const struct request *request,
    struct response *response, const struct verdict_context *context,
    struct outcome *outcome);

#endif
