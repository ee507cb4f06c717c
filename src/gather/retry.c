#include "gather/retry.h"

#include <string.h>

#include "base/compiler.h"
#include "config/config.h"
#include "gather/outcome.h"
#include "http/request.h"

#define MAX_HOLD_HOST_US ((int64_t)5 * 60 * 1000000)

/* Longer than any deadline, short enough to be added to any time there is. */
#define LONGEST_WAIT_US ((int64_t)1 << 56)

static int64_t
min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool
is_transient_status(long http_status)
{
	/* 529: "overloaded", as some services of the web say it. */
	static const long statuses[] = { 408, 425, 429, 500, 502, 503, 504, 529 };

	for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
		if (http_status == statuses[i])
			return true;
	}
	return false;
}

/* Was it the status that was not expected? Where it was, but a rule about the rest is broken,
 * the server has given its answer. */
static bool
has_unexpected_status(const struct outcome *outcome)
{
	return outcome->kind == KIND_HTTP || outcome->kind == KIND_RATE_LIMITED;
}

/* May another attempt end otherwise? */
static bool
is_transient(const struct outcome *outcome, const struct response *response)
{
	switch (outcome->kind) {
	case KIND_TIMEOUT:
	case KIND_DNS:
	case KIND_CONNECT:
	/* Descriptors come back as other attempts end. */
	case KIND_INTERNAL:
		return true;
	case KIND_PROTOCOL:
		return response->lost;
	case KIND_HTTP:
	case KIND_RATE_LIMITED:
		return is_transient_status(response->http_status);
	case KIND_NONE:
	case KIND_TLS:
	case KIND_REDIRECT:
	case KIND_TOO_LARGE:
	case KIND_INVALID_BODY:
	case KIND_EXPECTATION:
	case KIND_TEMPLATE:
	case KIND_DEPENDENCY:
	case KIND_AUTH:
	case KIND_CANCELLED:
		return false;
	}
	return false;
}

/* Would asking twice perhaps do twice what was to be done once? */
static bool
is_unsafe(const struct retry_facts *facts)
{
	const struct response *response = facts->response;
	bool sent = response->sent || response->result == RESPONSE_COMPLETE;

	return sent && !facts->target->retry_unsafe &&
	    (strcmp(facts->method, "POST") == 0 || strcmp(facts->method, "PATCH") == 0);
}

/* In milliseconds, -1: none. */
static int64_t
retry_after_ms(const struct retry_facts *facts)
{
	if (!has_unexpected_status(facts->outcome))
		return -1;
	return min(facts->response->retry_after_ms, LONGEST_WAIT_US / 1000);
}

/* "Exponential Backoff And Jitter" (Brooker, AWS Architecture Blog, 2015): of those who failed
 * together, full jitter brings the fewest back together. */
static int64_t
wait_us(const struct retry_facts *facts)
{
	int64_t least_us = retry_after_ms(facts) * 1000;
	double most_us = (double)facts->target->retry_delay_ms * 1000;
	int64_t drawn_us;

	for (unsigned i = 1; i < facts->attempts && most_us < (double)LONGEST_WAIT_US;
	     i++)
		most_us *= 2;
	if (most_us > (double)LONGEST_WAIT_US)
		most_us = (double)LONGEST_WAIT_US;
	drawn_us = (int64_t)(facts->chance * most_us);
	return least_us > drawn_us ? least_us : drawn_us;
}

static enum retry_verdict
verdict_of(const struct retry_facts *facts, int64_t wait)
{
	if (!is_transient(facts->outcome, facts->response))
		return RETRY_NOT;
	if (facts->attempts > (uint64_t)facts->target->retries)
		return RETRY_SPENT;
	if (is_unsafe(facts))
		return RETRY_UNSAFE;
	if (wait > facts->left_us - RETRY_LEAST_LEFT_US)
		return RETRY_LATE;
	return RETRY_AGAIN;
}

struct retry_decision
retry_decide(const struct retry_facts *facts)
{
	struct retry_decision decision = { .wait_us = wait_us(facts) };
	int64_t after_us = retry_after_ms(facts) * 1000;

	decision.verdict = verdict_of(facts, decision.wait_us);
	if (after_us > 0) {
		decision.hold_us = min(after_us, 2 * facts->target->interval_ms * 1000);
		if (facts->response->http_status == 429)
			decision.hold_host_us = min(after_us, MAX_HOLD_HOST_US);
	}
	return decision;
}
