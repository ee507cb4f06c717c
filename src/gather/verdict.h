/*
 * The verdict: what a response means for the target that was asked.
 *
 * A pure function. It checks the status and the body by the target's `format`, closes up
 * JSON, decodes text, and takes the request's secrets out of every foreign word.
 */
#ifndef GATHERD_GATHER_VERDICT_H
#define GATHERD_GATHER_VERDICT_H

#include <stdint.h>

struct outcome;
struct request;
struct response;
struct target;

/*
 * Judge RESPONSE, whose body is used up, to REQUEST of TARGET. TIMEOUT_MS is what the
 * attempt was given, for the words of a timeout. Sets status, kind, phase, message, excerpt,
 * http_status, timing, bytes and data of OUTCOME; leaves the rest alone.
 */
void verdict_judge(const struct target *target, const struct request *request,
    struct response *response, int64_t timeout_ms, struct outcome *outcome);

#endif
