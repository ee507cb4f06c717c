#include "daemon/explanation.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/buffer.h"
#include "base/units.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/trace.h"
#include "rules/rules.h"

int64_t
explanation_days_left(const struct explanation *explanation, int64_t expires_at_ms)
{
	int64_t day_ms = INT64_C(24) * 3600 * 1000;
	int64_t left_ms = expires_at_ms - explanation->now_ms;

	return left_ms >= 0 ? left_ms / day_ms : -((-left_ms + day_ms - 1) / day_ms);
}

const char *
explanation_decision(const struct explanation *explanation, size_t index)
{
	const struct trace *trace = explanation->trace;

	/* Only what came of the last one was no other attempt. A provider's push-back is always
	 * tried again, if it can be. */
	if (explanation->entry->target->retries == 0 &&
	    explanation->entry->target->kind != TARGET_PROMPT &&
	    index + 1 == trace->attempt_count)
		return NULL;
	return trace->attempts[index].decision;
}

static const struct trace_attempt *
last_attempt(const struct explanation *explanation)
{
	const struct trace *trace = explanation->trace;

	return trace->attempt_count > 0 ? &trace->attempts[trace->attempt_count - 1]
	                                : NULL;
}

/* ---- where the answer was judged by rules ---- */

struct rule_tally {
	size_t count;
	size_t broken;
};

static struct rule_tally
tally_rules(const struct trace_attempt *attempt, bool warn)
{
	struct rule_tally tally = { 0 };

	for (size_t i = 0; attempt != NULL && i < attempt->rule_count; i++) {
		if (attempt->rules[i].warn != warn)
			continue;
		tally.count++;
		tally.broken += !attempt->rules[i].holds;
	}
	return tally;
}

/* What stands after "HTTP 200 is an expected status". */
static void
append_expect_held(const struct trace_attempt *attempt, struct buffer *out)
{
	struct rule_tally expect = tally_rules(attempt, false);

	/* The status is a rule itself. */
	if (expect.count == 2)
		buffer_append_string(out, ", and the other rule of `expect` holds");
	else if (expect.count > 2)
		buffer_append_format(out, ", and the %zu other rules of `expect` hold",
		    expect.count - 1);
}

/* ": X; Y", of the broken rules of `warn`. */
static void
append_broken_warnings(const struct trace_attempt *attempt, struct buffer *out)
{
	const char *before = ": ";

	for (size_t i = 0; i < attempt->rule_count; i++) {
		const struct trace_rule *rule = &attempt->rules[i];

		if (!rule->warn || rule->holds)
			continue;
		buffer_append_format(out, "%s%s", before, rule->text);
		before = "; ";
	}
}

static void
append_warn(const struct trace_attempt *attempt, struct buffer *out)
{
	struct rule_tally warn = tally_rules(attempt, true);

	if (warn.count == 0)
		return;
	if (warn.broken == 0) {
		if (warn.count == 1)
			buffer_append_string(out, " The rule of `warn` holds, too.");
		else
			buffer_append_format(
			    out, " The %zu rules of `warn` hold, too.", warn.count);
		return;
	}
	if (warn.count == 1)
		buffer_append_string(out, " But the rule of `warn` is broken");
	else
		buffer_append_format(out, " But %zu of %zu rules of `warn` %s broken",
		    warn.broken, warn.count, warn.broken == 1 ? "is" : "are");
	append_broken_warnings(attempt, out);
	buffer_append_char(out, '.');
}

/* How a model ended that ended well. */
static void
append_ending(const struct outcome *outcome, const struct trace_attempt *attempt,
    struct buffer *out)
{
	const struct outcome_prompt *part = outcome->prompt;

	if (part == NULL)
		return;
	buffer_append_string(out, "The model answered to the end");
	if (part->finish_reason != NULL)
		buffer_append_format(out, " (%s)", part->finish_reason);
	if (attempt != NULL && attempt->schema.text != NULL)
		buffer_append_string(out, ", and its answer keeps to the schema");
	buffer_append_string(out, ". ");
}

static void
append_success(const struct explanation *explanation, struct buffer *out)
{
	const struct outcome *outcome = &explanation->entry->outcome;
	const struct trace_attempt *attempt = last_attempt(explanation);

	append_ending(outcome, attempt, out);
	buffer_append_format(
	    out, "HTTP %ld is an expected status", outcome->http_status);
	append_expect_held(attempt, out);
	buffer_append_char(out, '.');
	append_warn(attempt, out);
	if (outcome->attempts > 1)
		buffer_append_format(out, " It took %u attempts.", outcome->attempts);
}

/* ---- where something went wrong ---- */

/* What stands before the message. */
static const char *const kind_words[KIND_COUNT] = {
	[KIND_NONE] = "",
	[KIND_TIMEOUT] = "It",
	[KIND_HTTP] = "It answered, but",
	[KIND_DNS] = "The name of its host could not be looked up:",
	[KIND_CONNECT] = "No connection came about:",
	[KIND_TLS] = "There is no TLS connection to whom it should be:",
	[KIND_PROTOCOL] = "What came back is no whole HTTP answer:",
	[KIND_REDIRECT] = "It leads elsewhere, where it is not followed:",
	[KIND_TOO_LARGE] = "It answered, but with more than is taken:",
	[KIND_INVALID_BODY] = "It answered, but the body is not what it has to be:",
	[KIND_EXPECTATION] = "It answered, but not as `expect` says:",
	[KIND_TEMPLATE] = "Its request could not be made:",
	[KIND_DEPENDENCY] = "It was not asked, as it depends on what is not there:",
	[KIND_AUTH] = "It was not asked, as gatherd could not log in:",
	[KIND_RATE_LIMITED] = "Its server wants to be asked less often:",
	[KIND_BLOCKED] = "It answered, but",
	[KIND_TRUNCATED] = "It answered, but",
	[KIND_BUDGET] = "It was not asked, as there is too little left to spend:",
	[KIND_CANCELLED] = "It was not asked to the end:",
	[KIND_INTERNAL] = "This is no fault of the target, but gatherd's own lack:",
};

/* Likewise, of a prompt, where that is told in other words. */
static const char *const prompt_kind_words[KIND_COUNT] = {
	[KIND_HTTP] = "No model answered:",
	[KIND_INVALID_BODY] = "It answered, but",
	[KIND_RATE_LIMITED] = "Its provider turned it away:",
};

/* Of ENTRY, which failed. An answer of a model may have been expected with another status. */
static const char *
words_of(const struct board_entry *entry)
{
	const struct outcome *outcome = &entry->outcome;
	const struct rules *expect = &entry->target->expect.rules;

	if (entry->target->kind != TARGET_PROMPT ||
	    prompt_kind_words[outcome->kind] == NULL)
		return kind_words[outcome->kind];
	if (outcome->kind == KIND_HTTP && outcome->http_status / 100 == 2 &&
	    !rules_status_holds(expect, outcome->http_status))
		return kind_words[KIND_HTTP];
	return prompt_kind_words[outcome->kind];
}

/* Which key set the time that ran out. */
static void
append_limit(const struct explanation *explanation, struct buffer *out)
{
	const struct target *target = explanation->entry->target;
	int64_t limit_ms = explanation->entry->outcome.limit_ms;
	int phase = explanation->entry->outcome.phase;
	bool connecting = phase >= 0 && phase <= PHASE_TLS;

	if (limit_ms == -1)
		return;
	if (connecting && limit_ms == target->connect_timeout_ms)
		buffer_append_string(out, " That is its `connect_timeout`.");
	else if (limit_ms == target->timeout_ms)
		buffer_append_string(out, " That is its `timeout`.");
	else if (limit_ms < target->timeout_ms)
		buffer_append_string(out, " That is what was left of its `deadline`.");
}

/* Which of a prompt's keys it may be about. */
static void
append_advice(const struct board_entry *entry, struct buffer *out)
{
	const struct prompt *prompt = target_prompt(entry->target);
	const struct outcome_prompt *part = entry->outcome.prompt;

	if (prompt == NULL || part == NULL)
		return;
	if (entry->outcome.kind == KIND_TRUNCATED && prompt->max_tokens > 0)
		buffer_append_format(
		    out, " Its `max_tokens` is %lld.", (long long)prompt->max_tokens);
	if (entry->outcome.http_status == 404 && part->model != NULL)
		buffer_append_format(out, " It asked for the model %s.", part->model);
}

static void
append_failure(const struct explanation *explanation, struct buffer *out)
{
	const struct outcome *outcome = &explanation->entry->outcome;
	size_t attempts = explanation->trace->attempt_count;
	const char *decision =
	    attempts > 0 ? explanation_decision(explanation, attempts - 1) : NULL;

	buffer_append_string(out, words_of(explanation->entry));
	buffer_append_format(out, " %s.",
	    outcome->message != NULL ? outcome->message : "nothing more is known");
	if (outcome->kind == KIND_TIMEOUT)
		append_limit(explanation, out);
	append_advice(explanation->entry, out);
	if (decision != NULL)
		buffer_append_format(out, " It was %s.", decision);
}

void
explanation_append_why(const struct explanation *explanation, struct buffer *out)
{
	switch (explanation->entry->outcome.status) {
	case STATUS_OK:
	case STATUS_DEGRADED:
		append_success(explanation, out);
		return;
	case STATUS_TIMEOUT:
	case STATUS_HTTP_ERROR:
	case STATUS_ERROR:
	case STATUS_CANCELLED:
	case STATUS_SKIPPED:
		append_failure(explanation, out);
		return;
	case STATUS_PENDING:
		buffer_append_string(out, "It was not asked");
		/* Only a prompt with `when: failing` has an outcome that is none. */
		if (explanation->entry->asked)
			buffer_append_string(out,
			    ", as it is only while a service fails, and none does");
		buffer_append_char(out, '.');
		return;
	}
}
