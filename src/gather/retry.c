#include "gather/retry.h"

#include <string.h>

#include "base/compiler.h"
#include "config/config.h"
#include "gather/outcome.h"
#include "http/request.h"
#include "prompt/answer.h"

#define MAX_HOLD_HOST_US ((int64_t)5 * 60 * 1000000)

/* Longer than any deadline, short enough to be added to any time there is. */
#define LONGEST_WAIT_US ((int64_t)1 << 56)

/* However often a provider pushed back. */
#define LONGEST_PUSH_BACK_US ((int64_t)60 * 1000000)

/* Nobody counts these attempts: a wait that is hardly one must not have them come one after
 * the other until the deadline. */
#define SHORT_PUSH_BACK_US ((int64_t)100 * 1000)

static int64_t
min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
retry_least_left_us(const struct target *target)
{
	if (target->kind == TARGET_SERVICE)
		return 1000;
	return min(min(target->timeout_ms, target->deadline_ms) * 100, 1000000);
}

bool
retry_is_transient_status(long http_status)
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
		return retry_is_transient_status(response->http_status);
	case KIND_NONE:
	case KIND_TLS:
	case KIND_REDIRECT:
	case KIND_TOO_LARGE:
	case KIND_INVALID_BODY:
	case KIND_EXPECTATION:
	case KIND_TEMPLATE:
	case KIND_DEPENDENCY:
	case KIND_AUTH:
	case KIND_BLOCKED:
	case KIND_TRUNCATED:
	case KIND_BUDGET:
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

static bool
is_push_back(const struct retry_facts *facts)
{
	return facts->advice != NULL && facts->advice->push_back;
}

/* How long the server asks to be left alone; -1: it does not. */
static int64_t
asked_wait_us(const struct retry_facts *facts)
{
	int64_t ms = -1;

	if (facts->advice != NULL)
		ms = facts->advice->wait_ms;
	else if (has_unexpected_status(facts->outcome))
		ms = facts->response->retry_after_ms;
	return ms < 0 ? -1 : min(ms, LONGEST_WAIT_US / 1000) * 1000;
}

/* "Exponential Backoff And Jitter" (Brooker, AWS Architecture Blog, 2015): of those who failed
 * together, full jitter brings the fewest back together. It is the TIMES-th time (>= 1), and
 * the first time it was at most FIRST_US. */
static int64_t
drawn_wait_us(const struct retry_facts *facts, int64_t first_us, unsigned times,
    int64_t longest_us)
{
	double most_us = (double)first_us;

	for (unsigned i = 1; i < times && most_us < (double)longest_us; i++)
		most_us *= 2;
	if (most_us > (double)longest_us)
		most_us = (double)longest_us;
	return (int64_t)(facts->chance * most_us);
}

static int64_t
retry_delay_us(const struct retry_facts *facts)
{
	return facts->target->retry_delay_ms * 1000;
}

static int64_t
push_back_wait_us(const struct retry_facts *facts, int64_t asked_us)
{
	int64_t first_us = retry_delay_us(facts);

	if (asked_us >= SHORT_PUSH_BACK_US)
		return asked_us;
	return max(asked_us,
	    drawn_wait_us(facts, first_us > 0 ? first_us : SHORT_PUSH_BACK_US,
	        facts->push_backs, LONGEST_PUSH_BACK_US));
}

static int64_t
wait_us(const struct retry_facts *facts)
{
	int64_t asked_us = asked_wait_us(facts);

	if (is_push_back(facts))
		return push_back_wait_us(facts, asked_us);
	return max(asked_us,
	    drawn_wait_us(
	        facts, retry_delay_us(facts), facts->attempts, LONGEST_WAIT_US));
}

/* May another attempt at a prompt help? */
static bool
may_help(const struct retry_facts *facts)
{
	const struct prompt_advice *advice = facts->advice;

	if (advice->exhausted || advice->should_retry == 0)
		return false;
	return advice->should_retry == 1 || advice->push_back || advice->overloaded ||
	    is_transient(facts->outcome, facts->response);
}

/* What speaks against another attempt, whenever; AGAIN: nothing. */
static enum retry_verdict
prompt_objection(const struct retry_facts *facts)
{
	if (!may_help(facts))
		return RETRY_NOT;
	if (is_push_back(facts))
		return RETRY_AGAIN;
	if (facts->attempts > (uint64_t)facts->target->retries)
		return RETRY_SPENT;
	if (facts->outcome->kind == KIND_TIMEOUT && facts->timeouts > 1)
		return RETRY_COSTLY;
	return RETRY_AGAIN;
}

static enum retry_verdict
service_objection(const struct retry_facts *facts)
{
	if (!is_transient(facts->outcome, facts->response))
		return RETRY_NOT;
	if (facts->attempts > (uint64_t)facts->target->retries)
		return RETRY_SPENT;
	if (is_unsafe(facts))
		return RETRY_UNSAFE;
	return RETRY_AGAIN;
}

static enum retry_verdict
verdict_of(const struct retry_facts *facts, int64_t wait)
{
	enum retry_verdict verdict =
	    facts->advice != NULL ? prompt_objection(facts) : service_objection(facts);

	if (verdict == RETRY_AGAIN &&
	    wait > facts->left_us - retry_least_left_us(facts->target))
		return RETRY_LATE;
	return verdict;
}

static void
hold_back(const struct retry_facts *facts, struct retry_decision *decision)
{
	int64_t after_us = asked_wait_us(facts);

	if (after_us <= 0)
		return;
	decision->hold_us = min(after_us, 2 * facts->target->interval_ms * 1000);
	if (facts->response->http_status == 429)
		decision->hold_host_us = min(after_us, MAX_HOLD_HOST_US);
}

struct retry_decision
retry_decide(const struct retry_facts *facts)
{
	struct retry_decision decision = {
		.wait_us = wait_us(facts),
		.uncounted = is_push_back(facts),
	};

	decision.verdict = verdict_of(facts, decision.wait_us);
	if (facts->advice == NULL)
		hold_back(facts, &decision);
	return decision;
}
