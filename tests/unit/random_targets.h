/*
 * Targets and answers at random, and what must come of them when nobody interferes. To be
 * included behind chance.h.
 */
#ifndef GATHERD_TESTS_UNIT_RANDOM_TARGETS_H
#define GATHERD_TESTS_UNIT_RANDOM_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/outcome.h"

/* What makes up a target. */
struct nature {
	int64_t timeout_ms;
	int64_t deadline_us;
	bool prepared; /* its request is rendered once for all turns */
	bool broken;   /* its URL cannot be rendered */
};

/* How a target is to end, by the fake's table and its limits. */
struct expected {
	enum status status;
	int64_t duration_us; /* from its start; -1: it is never asked */
};

static int64_t
random_delay_us(void)
{
	if (one_in(8))
		return FAKE_NEVER;
	if (one_in(4))
		return 0;
	/* Few different ones, so that many fall together. */
	return one_in(2) ? between(1, 10) * 100000 : between(1, 8000000);
}

static void
random_answer(struct fake_answer *answer)
{
	static const char *const bodies[] = { NULL, "", "{}", "[1, 2]",
		"{\"a\":", "x" };
	static const char *const types[] = { NULL, "text/html", "application/json" };
	static const long statuses[] = { 200, 204, 302, 404, 429, 503 };

	answer->delay_us = random_delay_us();
	answer->phase = (enum response_phase)between(PHASE_DNS, PHASE_BODY);
	answer->result = RESPONSE_COMPLETE;
	if (one_in(4))
		answer->result =
		    (enum response_result)between(RESPONSE_DNS, RESPONSE_INTERNAL);
	answer->http_status = statuses[between(0, ARRAY_COUNT(statuses) - 1)];
	answer->retry_after = one_in(2);
	answer->content_type = types[between(0, ARRAY_COUNT(types) - 1)];
	answer->body = bodies[between(0, ARRAY_COUNT(bodies) - 1)];
}

static struct nature
random_nature(void)
{
	return (struct nature){
		.timeout_ms = between(1, 50) * 100,
		.deadline_us = between(1, 100) * 100000,
		.prepared = !one_in(10),
		.broken = one_in(12),
	};
}

/* The target of CONFIG with that index becomes one of NATURE. */
static void
apply_nature(struct config *config, size_t index, const struct nature *nature)
{
	struct target *target = config->targets[index];

	target->timeout_ms = nature->timeout_ms;
	target->deadline_ms = nature->deadline_us / 1000;
	if (nature->broken)
		fake_config_break(config, index);
	else if (!nature->prepared)
		fake_config_unprepare(config, index);
}

static struct expected
foresee(const struct nature *nature, const struct fake_answer *answer)
{
	int64_t timeout_us = nature->timeout_ms * 1000;
	int64_t limit_us =
	    timeout_us < nature->deadline_us ? timeout_us : nature->deadline_us;
	bool is_json = answer->content_type != NULL &&
	    strcmp(answer->content_type, "application/json") == 0;
	bool is_valid = answer->body != NULL &&
	    (answer->body[0] == '[' || strcmp(answer->body, "{}") == 0);

	if (nature->broken)
		return (struct expected){ STATUS_ERROR, -1 };
	if (answer->delay_us >= limit_us)
		return (struct expected){ STATUS_TIMEOUT, limit_us };
	if (answer->result != RESPONSE_COMPLETE)
		return (struct expected){ STATUS_ERROR, answer->delay_us };
	if (answer->http_status > 299)
		return (struct expected){ STATUS_HTTP_ERROR, answer->delay_us };
	if (is_json && !is_valid && answer->http_status != 204)
		return (struct expected){ STATUS_ERROR, answer->delay_us };
	return (struct expected){ STATUS_OK, answer->delay_us };
}

#endif
