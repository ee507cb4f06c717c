#include "gather/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/units.h"
#include "base/xalloc.h"

const char *const status_names[] = {
	[STATUS_OK] = "ok",
	[STATUS_DEGRADED] = "degraded",
	[STATUS_TIMEOUT] = "timeout",
	[STATUS_HTTP_ERROR] = "http_error",
	[STATUS_ERROR] = "error",
	[STATUS_CANCELLED] = "cancelled",
	[STATUS_SKIPPED] = "skipped",
	[STATUS_PENDING] = "pending",
	[STATUS_COUNT] = NULL,
};

const char *const error_kind_names[] = {
	[KIND_NONE] = "",
	[KIND_TIMEOUT] = "timeout",
	[KIND_HTTP] = "http",
	[KIND_DNS] = "dns",
	[KIND_CONNECT] = "connect",
	[KIND_TLS] = "tls",
	[KIND_PROTOCOL] = "protocol",
	[KIND_REDIRECT] = "redirect",
	[KIND_TOO_LARGE] = "too_large",
	[KIND_INVALID_BODY] = "invalid_body",
	[KIND_EXPECTATION] = "expectation",
	[KIND_TEMPLATE] = "template",
	[KIND_DEPENDENCY] = "dependency",
	[KIND_AUTH] = "auth",
	[KIND_RATE_LIMITED] = "rate_limited",
	[KIND_BLOCKED] = "blocked",
	[KIND_TRUNCATED] = "truncated",
	[KIND_BUDGET] = "budget",
	[KIND_CANCELLED] = "cancelled",
	[KIND_INTERNAL] = "internal",
	[KIND_COUNT] = NULL,
};

static const enum status kind_statuses[KIND_COUNT] = {
	[KIND_NONE] = STATUS_OK,
	[KIND_TIMEOUT] = STATUS_TIMEOUT,
	[KIND_HTTP] = STATUS_HTTP_ERROR,
	[KIND_DNS] = STATUS_ERROR,
	[KIND_CONNECT] = STATUS_ERROR,
	[KIND_TLS] = STATUS_ERROR,
	[KIND_PROTOCOL] = STATUS_ERROR,
	[KIND_REDIRECT] = STATUS_ERROR,
	[KIND_TOO_LARGE] = STATUS_ERROR,
	[KIND_INVALID_BODY] = STATUS_ERROR,
	[KIND_EXPECTATION] = STATUS_ERROR,
	[KIND_TEMPLATE] = STATUS_ERROR,
	[KIND_DEPENDENCY] = STATUS_SKIPPED,
	[KIND_AUTH] = STATUS_ERROR,
	[KIND_RATE_LIMITED] = STATUS_HTTP_ERROR,
	[KIND_BLOCKED] = STATUS_ERROR,
	[KIND_TRUNCATED] = STATUS_ERROR,
	[KIND_BUDGET] = STATUS_SKIPPED,
	[KIND_CANCELLED] = STATUS_CANCELLED,
	[KIND_INTERNAL] = STATUS_ERROR,
};

bool
status_is_success(enum status status)
{
	return status == STATUS_OK || status == STATUS_DEGRADED;
}

bool
status_is_failure(enum status status)
{
	return status == STATUS_TIMEOUT || status == STATUS_HTTP_ERROR ||
	    status == STATUS_ERROR;
}

bool
status_is_listed_failed(enum status status)
{
	return !status_is_success(status) && status != STATUS_PENDING;
}

enum status
error_kind_status(enum error_kind kind)
{
	return kind_statuses[kind];
}

void
outcome_init(struct outcome *outcome)
{
	*outcome = (struct outcome){
		.status = STATUS_PENDING,
		.kind = KIND_NONE,
		.phase = -1,
		.limit_ms = -1,
		.checked_at_ms = -1,
		.duration_us = -1,
		.queued_us = -1,
		.timing = {
			.dns_us = -1,
			.connect_us = -1,
			.tls_us = -1,
			.first_byte_us = -1,
			.total_us = -1,
		},
		.certificate_expires_at_ms = -1,
	};
}

void
outcome_make_prompt(struct outcome *outcome)
{
	if (outcome->prompt != NULL)
		return;
	outcome->prompt = xcalloc(1, sizeof(*outcome->prompt));
	prompt_usage_init(&outcome->prompt->usage);
	outcome->prompt->cost = -1;
}

/* The text that a model answered. */
static void
clear_response(struct outcome_prompt *prompt)
{
	free(prompt->response);
	prompt->response = NULL;
	prompt->response_len = 0;
}

static void
clear_prompt(struct outcome_prompt *prompt)
{
	if (prompt == NULL)
		return;
	clear_response(prompt);
	free(prompt->model);
	free(prompt->prompt);
	free(prompt->finish_reason);
	free(prompt->request_id);
	free(prompt);
}

/* What was taken out of an answer. */
static void
clear_answer(struct outcome *outcome)
{
	if (outcome->prompt != NULL)
		clear_response(outcome->prompt);
	free(outcome->values);
	outcome->values = NULL;
	outcome->values_len = 0;
	free(outcome->secret_values);
	outcome->secret_values = NULL;
	outcome->secret_values_len = 0;
	free(outcome->data);
	outcome->data = NULL;
	outcome->data_len = 0;
}

void
outcome_clear(struct outcome *outcome)
{
	free(outcome->message);
	free(outcome->excerpt);
	free(outcome->url);
	free(outcome->final_url);
	for (size_t i = 0; i < outcome->warning_count; i++)
		free(outcome->warnings[i]);
	free((void *)outcome->warnings);
	clear_answer(outcome);
	clear_prompt(outcome->prompt);
	outcome_init(outcome);
}

void
outcome_warn(struct outcome *outcome, char *text)
{
	outcome->warnings =
	    xgrow((void *)outcome->warnings, outcome->warning_count, sizeof(char *));
	outcome->warnings[outcome->warning_count++] = text;
}

/* One that was not asked gets the part for it, too. */
static void
take_response(struct outcome *outcome, struct outcome *from)
{
	if (from->prompt == NULL || from->prompt->response == NULL)
		return;
	outcome_make_prompt(outcome);
	outcome->prompt->response = from->prompt->response;
	outcome->prompt->response_len = from->prompt->response_len;
	from->prompt->response = NULL;
}

void
outcome_take_answer(struct outcome *outcome, struct outcome *from)
{
	clear_answer(outcome);
	take_response(outcome, from);
	outcome->values = from->values;
	outcome->values_len = from->values_len;
	outcome->secret_values = from->secret_values;
	outcome->secret_values_len = from->secret_values_len;
	outcome->data = from->data;
	outcome->data_len = from->data_len;
	from->values = NULL;
	from->secret_values = NULL;
	from->data = NULL;
	clear_answer(from);
}

static bool
is_reused(const struct outcome *outcome)
{
	return outcome->prompt != NULL && outcome->prompt->reused;
}

static void
describe_success(const struct outcome *outcome, struct buffer *out)
{
	if (is_reused(outcome)) {
		buffer_append_string(
		    out, "reused the last answer: nothing has changed");
		return;
	}
	buffer_append_string(out, "responded");
	if (outcome->http_status != 0)
		buffer_append_format(out, " with %ld", outcome->http_status);
	if (outcome->duration_us >= 0)
		buffer_append_format(out, " in %lld ms",
		    (long long)((outcome->duration_us + 500) / 1000));
}

/* ... "but /queue/depth: expected at most 100, got 250 (and 2 more warnings)": broken rules
 * come first among the warnings. */
static void
describe_degraded(const struct outcome *outcome, struct buffer *out)
{
	size_t more = outcome->warning_count - 1;

	describe_success(outcome, out);
	if (outcome->warning_count == 0)
		return;
	buffer_append_format(out, ", but %s", outcome->warnings[0]);
	if (more > 0)
		buffer_append_format(
		    out, " (and %zu more warning%s)", more, more == 1 ? "" : "s");
}

/* The phase is left to the document: in the log, what counts is how long it was given. */
static void
describe_timeout(const struct outcome *outcome, struct buffer *out)
{
	char limit[UNITS_TEXT_SIZE];

	buffer_append_string(out, "timed out");
	if (outcome->limit_ms >= 0) {
		units_format_duration(limit, outcome->limit_ms);
		buffer_append_format(out, " after %s", limit);
	}
}

/* A message that says no more than BEFORE does is left out. */
static void
append_message(const struct outcome *outcome, const char *before, struct buffer *out)
{
	buffer_append_string(out, before);
	if (outcome->message != NULL && strcmp(outcome->message, before) != 0)
		buffer_append_format(out, ": %s", outcome->message);
}

void
outcome_describe(const struct outcome *outcome, struct buffer *out)
{
	switch (outcome->status) {
	case STATUS_OK:
		describe_success(outcome, out);
		break;
	case STATUS_DEGRADED:
		describe_degraded(outcome, out);
		break;
	case STATUS_TIMEOUT:
		describe_timeout(outcome, out);
		break;
	case STATUS_HTTP_ERROR:
		if (outcome->message != NULL)
			buffer_append_string(out, outcome->message);
		else
			buffer_append_format(
			    out, "returned HTTP %ld", outcome->http_status);
		break;
	case STATUS_ERROR:
		append_message(outcome, "error", out);
		break;
	case STATUS_SKIPPED:
		append_message(outcome, "skipped", out);
		break;
	case STATUS_CANCELLED:
		append_message(outcome, "cancelled", out);
		break;
	case STATUS_PENDING:
		/* Of one that was not looked at yet there is nothing to be described. */
		buffer_append_string(out, "not asked: no service fails");
		break;
	}
}
