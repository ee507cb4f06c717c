/*
 * What came of asking one target, told in full: for a person, or as JSON for a program.
 *
 * All that is told is masked as the document is.
 */
#ifndef GATHERD_DAEMON_EXPLANATION_H
#define GATHERD_DAEMON_EXPLANATION_H

#include <stddef.h>
#include <stdint.h>

struct board;
struct board_entry;
struct buffer;
struct config;
struct screen;
struct trace;

/* Everything is borrowed. */
struct explanation {
	const struct config *config;
	const struct board *board;       /* of the target, and of what it depends on */
	const struct board_entry *entry; /* the target's, after its turn */
	const struct trace *trace;       /* ... of that turn */
	int64_t now_ms;                  /* wall time */
	int64_t now_us;                  /* on the monotonic clock */
};

/* Lines for a person: the status and why, limits, each attempt, values, warnings. */
void explanation_append(const struct explanation *explanation,
    const struct screen *screen, struct buffer *out);

/* Why the status is what it is: one line of whole sentences. */
void explanation_append_why(const struct explanation *explanation, struct buffer *out);

/*
 * The same as one JSON object, in one line:
 * {
 *   "name", "status", "why": texts,
 *   "asked_at": an RFC 3339 time,
 *   "services": {NAME: the entry as in the document, ...}, those among the target and all
 *       that it depends on, in config order,
 *   "prompts": likewise,
 *   "provider": of a prompt {"name", "api", "url", "model": texts, "max_concurrent",
 *       "limit": numbers, "adaptive", "rate": a text ("60/min"), "price": {"input",
 *       "output"}, "budget": as in the document, "pauses", "rejections", "cuts": numbers},
 *   "limits": {"timeout_ms", "connect_timeout_ms", "deadline_ms", "delay_ms",
 *       "retries", "retry_delay_ms", "redirects", "max_body", "max_per_host": numbers,
 *       "rate_per_host": a text ("20/s"), "when": a text, "max_tokens", "max_insert":
 *       numbers}, null where there is no such limit,
 *   "attempts": [{
 *     "request": {"method", "url", "headers": [lines], "body"},
 *     "input": of a prompt {"prompt", "bytes", "cut_values", "hash"},
 *     "waited_ms", "timeout_ms",
 *     "redirects": [{"url", "http_status", "timing_ms"}], "final_url",
 *     "tls": {"version", "subject", "issuer", "expires_at", "days_left"} or null,
 *     "timing_ms": {"dns", "connect", "tls", "first_byte", "total"},
 *     "http_status", "head": [lines], "bytes",
 *     "schema": {"holds", "text"} or null,
 *     "expect": [{"holds", "text"}], "warn": likewise,
 *     "result", "decision": texts
 *   }],
 *   "notes": [{"before_attempt": its number from 1, "text"}]
 * }
 * null where there is nothing to say.
 */
void explanation_append_json(const struct explanation *explanation, struct buffer *out);

/* What was decided after the attempt of that INDEX, borrowed; NULL: nothing, as where a
 * service has no retries configured. */
const char *explanation_decision(const struct explanation *explanation, size_t index);

/* Whole days until EXPIRES_AT_MS, rounded down: 0 on the last one, less once it is
 * over. */
int64_t explanation_days_left(
    const struct explanation *explanation, int64_t expires_at_ms);

#endif
