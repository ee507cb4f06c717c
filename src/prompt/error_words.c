#include "prompt/error_words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/units.h"
#include "prompt/parts.h"

/* ---- what words stand for ---- */

struct meaning {
	const char *word;
	long http_status;
	bool
	    exhausted; /* trying again helps only once somebody has paid, or tomorrow */
};

static const struct meaning meanings[] = {
	/* google.rpc.Code, with the status that its comments map each to */
	{ "INVALID_ARGUMENT", 400, false },
	{ "FAILED_PRECONDITION", 400, false },
	{ "OUT_OF_RANGE", 400, false },
	{ "UNAUTHENTICATED", 401, false },
	{ "PERMISSION_DENIED", 403, false },
	{ "NOT_FOUND", 404, false },
	{ "ALREADY_EXISTS", 409, false },
	{ "ABORTED", 409, false },
	{ "RESOURCE_EXHAUSTED", 429, false }, /* also of a minute's quota */
	{ "CANCELLED", 499, false },
	{ "UNKNOWN", 500, false },
	{ "INTERNAL", 500, false },
	{ "DATA_LOSS", 500, false },
	{ "UNIMPLEMENTED", 501, false },
	{ "UNAVAILABLE", 503, false },
	{ "DEADLINE_EXCEEDED", 504, false },
	/* OpenAI: codes and types */
	{ "invalid_request_error", 400, false },
	{ "context_length_exceeded", 400, false },
	{ "invalid_prompt", 400, false },
	{ "invalid_api_key", 401, false },
	{ "model_not_found", 404, false },
	{ "rate_limit_exceeded", 429, false },
	{ "slow_down", 429, false },
	{ "insufficient_quota", 429, true },
	{ "credit_balance_exhausted", 429, true },
	{ "organization_spend_limit_exceeded", 429, true },
	{ "project_spend_limit_exceeded", 429, true },
	{ "organization_usage_limit_exceeded", 429, true },
	{ "billing_hard_limit_reached", 429, true },
	{ "billing_not_active", 429, true },
	{ "server_error", 500, false },
	{ "server_is_overloaded", 503, false },
	/* llama.cpp, while it loads the model */
	{ "unavailable_error", 503, false },
	/* Anthropic: types, and the codes of a 429 */
	{ "authentication_error", 401, false },
	{ "billing_error", 402, true },
	{ "permission_error", 403, false },
	{ "not_found_error", 404, false },
	{ "conflict_error", 409, false },
	{ "request_too_large", 413, false },
	{ "rate_limit_error", 429, false },
	{ "enforced_spend_limit_reached", 429, true },
	{ "contract_spend_limit_reached", 429, true },
	{ "api_error", 500, false },
	{ "timeout_error", 504, false },
	{ "overloaded_error", 529, false },
};

/* NULL: nobody knows, or it is no text. */
static const struct meaning *
meaning_of(struct span word)
{
	for (size_t i = 0; i < ARRAY_COUNT(meanings); i++) {
		if (span_is_text(word, meanings[i].word))
			return &meanings[i];
	}
	return NULL;
}

/* ---- where they stand ---- */

static struct span
if_text(struct span span)
{
	return span_kind(span) == SPAN_STRING ? span : (struct span){ .text = NULL };
}

static struct span
or_else(struct span span, struct span other)
{
	return span.text != NULL ? span : other;
}

/* From a map under "error". */
static void
look_inside(struct error_words *words)
{
	static const char *const names[] = { "message", "code", "type", "status",
		"details" };
	struct span found[ARRAY_COUNT(names)];

	span_members(words->error, names, ARRAY_COUNT(names), found);
	words->message = if_text(found[0]);
	words->code = found[1];
	words->type = found[2];
	words->status = found[3];
	words->details = found[4];
}

/* Where "error" is a text, or nothing: what gateways and web frameworks say beside it. FOUND as
 * in error_words_find(). */
static void
look_beside(const struct span *found, struct error_words *words)
{
	/* FastAPI, which several servers are made with: [{"loc": ..., "msg": ...}]. */
	struct span first = span_member(first_of(found[2]), "msg");

	words->message = or_else(if_text(found[1]), if_text(found[2]));
	words->message = or_else(words->message, if_text(first));
	words->message = or_else(words->message, if_text(found[3]));
	words->message = or_else(words->message, if_text(words->error));
	words->code = or_else(found[4], words->error);
	words->type = found[5];
}

bool
error_words_find(struct span body, struct error_words *words)
{
	static const char *const names[] = { "error", "message", "detail",
		"error_description", "code", "type" };
	struct span found[ARRAY_COUNT(names)];

	/* Gemini's way of an answer in parts has a list around the error, too. */
	if (span_kind(body) == SPAN_ARRAY)
		body = first_of(body);
	*words = (struct error_words){ .body = body };
	span_members(body, names, ARRAY_COUNT(names), found);
	if (is_error(found[0]))
		words->error = found[0];
	if (span_kind(words->error) == SPAN_OBJECT)
		look_inside(words);
	else
		look_beside(found, words);
	return words->error.text != NULL;
}

/* ---- what they say ---- */

/* NULL where SPAN is no text, or an empty one. The caller's. */
static char *
said(struct span span)
{
	char *text = text_of(span);

	if (text != NULL && text[0] != '\0')
		return text;
	free(text);
	return NULL;
}

char *
error_words_message(const struct error_words *words)
{
	const struct span by_worth[] = { words->message, words->code, words->type,
		words->status };
	char *text = NULL;

	for (size_t i = 0; i < ARRAY_COUNT(by_worth) && text == NULL; i++)
		text = said(by_worth[i]);
	return text;
}

/* 429, or "429"; 0: it is no status of a failure. */
static long
status_of_number(struct span code)
{
	uint64_t number;
	int64_t spelled = 0;
	char *text;

	if (span_whole_number(code, &number))
		return number >= 400 && number <= 599 ? (long)number : 0;
	text = text_of(code);
	if (text != NULL && !units_parse_int(text, 400, 599, &spelled))
		spelled = 0;
	free(text);
	return (long)spelled;
}

/* Anthropic's details are a map with one more code. */
static struct span
code_in_details(const struct error_words *words)
{
	return span_member(words->details, "error_code");
}

long
error_words_status(const struct error_words *words)
{
	const struct span by_worth[] = { code_in_details(words), words->code,
		words->status, words->type };
	long http_status = status_of_number(words->code);

	for (size_t i = 0; i < ARRAY_COUNT(by_worth) && http_status == 0; i++) {
		const struct meaning *meaning = meaning_of(by_worth[i]);

		if (meaning != NULL)
			http_status = meaning->http_status;
	}
	return http_status;
}

/* Of Gemini's google.rpc.QuotaFailure: a quota of a whole day, whose name says so, as
 * "GenerateRequestsPerDayPerProjectPerModel-FreeTier" does, or one of nothing. Both come with a
 * RetryInfo of some seconds, which is about the minute's quota. */
static bool
is_used_up(struct span violation)
{
	static const char *const names[] = { "quotaId", "quotaValue" };
	struct span members[ARRAY_COUNT(names)];
	char *id;
	bool per_day;

	span_members(violation, names, ARRAY_COUNT(names), members);
	id = text_of(members[0]);
	per_day = id != NULL && strstr(id, "PerDay") != NULL;
	free(id);
	return per_day || span_is_text(members[1], "0");
}

static bool
tells_of_lasting_quota(struct span details)
{
	struct span_walk walk, violations;
	struct span key, detail, violation;

	span_walk_init(&walk, details);
	while (span_walk_next(&walk, &key, &detail)) {
		span_walk_init(&violations, span_member(detail, "violations"));
		while (span_walk_next(&violations, &key, &violation)) {
			if (is_used_up(violation))
				return true;
		}
	}
	return false;
}

bool
error_words_exhausted(const struct error_words *words)
{
	const struct span all[] = { code_in_details(words), words->code, words->type };

	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		const struct meaning *meaning = meaning_of(all[i]);

		if (meaning != NULL && meaning->exhausted)
			return true;
	}
	return tells_of_lasting_quota(words->details);
}
