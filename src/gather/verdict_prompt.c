#include "gather/judgement.h"
#include "gather/retry.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_pointers.h"
#include "base/json_scan.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/budget.h"
#include "gather/trace.h"
#include "gather/verdict.h"
#include "http/request.h"
#include "prompt/answer.h"
#include "rules/schema.h"

/* What answers are nested in is never deep. */
#define ENVELOPE_MAX_DEPTH 64

/* Of what a provider calls things: models, reasons, requests. */
#define WORD_CHARACTERS 200

/* Around JSON, as models like to put it. */
#define FENCE     "```"
#define FENCE_LEN ((size_t)3)

static const struct prompt *
prompt_of(const struct judgement *judgement)
{
	return target_prompt(judgement->target);
}

static enum api
api_of(const struct judgement *judgement)
{
	return prompt_of(judgement)->provider->api;
}

/* TEXT, foreign words, as one masked line; NULL where it says nothing. The caller's. */
static char *
mask_words(const struct judgement *judgement, const char *text, size_t max)
{
	if (text == NULL)
		return NULL;
	return judgement_mask_line(judgement, text, strlen(text), max);
}

/* ---- what is known beside the answer ---- */

/* By the price of the provider; -1 where that or the usage is not known. */
static int64_t
usage_cost(const struct provider *provider, const struct prompt_usage *usage)
{
	int64_t input = budget_money(usage->input, provider->price.input);
	int64_t output = budget_money(usage->output, provider->price.output);
	int64_t cost;

	if (input < 0 || output < 0 || __builtin_add_overflow(input, output, &cost))
		return -1;
	return cost;
}

/* OUTCOME gets the part for a prompt, with the model that was asked: until another one says
 * that it answered. */
static void
begin_outcome(struct judgement *judgement)
{
	struct outcome *outcome = judgement->outcome;

	outcome_make_prompt(outcome);
	free(outcome->prompt->model);
	outcome->prompt->model = marked_shown(&prompt_of(judgement)->model_name);
	if (judgement->context->advice != NULL)
		prompt_advice_init(judgement->context->advice);
}

static void
note_request_id(struct judgement *judgement)
{
	struct outcome_prompt *prompt = judgement->outcome->prompt;
	char *request_id = prompt_request_id(judgement->response);

	prompt->request_id = mask_words(judgement, request_id, WORD_CHARACTERS);
	free(request_id);
}

/* Once it is masked: in another case, secrets are not found. */
static void
lower(char *word)
{
	for (; word != NULL && *word != '\0'; word++) {
		if (*word >= 'A' && *word <= 'Z')
			*word = (char)(*word - 'A' + 'a');
	}
}

static void
note_answer(struct judgement *judgement, const struct prompt_answer *answer)
{
	struct outcome_prompt *prompt = judgement->outcome->prompt;
	char *model = mask_words(judgement, answer->model, WORD_CHARACTERS);

	if (model != NULL) {
		free(prompt->model);
		prompt->model = model;
	}
	prompt->finish_reason =
	    mask_words(judgement, answer->finish_reason, WORD_CHARACTERS);
	lower(prompt->finish_reason);
	prompt->usage = answer->usage;
	prompt->cost = usage_cost(prompt_of(judgement)->provider, &answer->usage);
}

/* What the user should know of it, behind the broken rules. */
static void
note_warning(struct judgement *judgement, const struct prompt_answer *answer)
{
	char *warning =
	    mask_words(judgement, answer->warning, JUDGEMENT_MESSAGE_CHARACTERS);

	if (warning != NULL)
		outcome_warn(judgement->outcome, warning);
}

/* ---- answers that are none ---- */

/* "LEAD: WORDS", or LEAD alone where there are none. The caller's. */
static char *
message_of(const struct judgement *judgement, const char *lead, const char *words)
{
	char *line = mask_words(judgement, words, JUDGEMENT_MESSAGE_CHARACTERS);
	char *message = line != NULL ? xasprintf("%s: %s", lead, line) : xstrdup(lead);

	free(line);
	return message;
}

/* It asks for patience: too many for it, by HTTP_STATUS. */
static bool
is_limited(long http_status, const struct prompt_advice *advice)
{
	return http_status == 429 || (http_status == 503 && advice->wait_ms >= 0);
}

/* The provider reports an error by HTTP_STATUS, 0 where that is not known: LEAD says how, and
 * WHY, its words, is told where its body has none in the usual places; NULL: there are none. */
static void
fail_by_provider(
    struct judgement *judgement, long http_status, const char *lead, const char *why)
{
	struct prompt_error error;

	prompt_read_error(api_of(judgement), judgement->response, http_status, &error);
	judgement_fail(judgement,
	    is_limited(http_status, &error.advice) ? KIND_RATE_LIMITED : KIND_HTTP,
	    message_of(judgement, lead, why != NULL ? why : error.message));
	if (judgement->context->advice != NULL)
		*judgement->context->advice = error.advice;
	prompt_error_clear(&error);
}

/* With a good status: what it stands for tells whether another attempt may help. */
static void
fail_within(struct judgement *judgement, const struct prompt_answer *answer)
{
	struct prompt_advice *advice = judgement->context->advice;

	fail_by_provider(judgement, answer->error_status,
	    "the provider reported an error", answer->why);
	if (advice != NULL && advice->should_retry == -1 && !advice->exhausted &&
	    retry_is_transient_status(answer->error_status))
		advice->should_retry = 1;
}

static bool
is_good(long http_status)
{
	return http_status >= 200 && http_status <= 299;
}

/* Is it an answer at all? What `expect` says of the status can only be stricter. */
static bool
read_status(struct judgement *judgement)
{
	long http_status = judgement->response->http_status;
	bool expected = judgement_status_holds(judgement);
	char *lead;

	if (!is_good(http_status)) {
		lead = xasprintf("returned HTTP %ld", http_status);
		fail_by_provider(judgement, http_status, lead, NULL);
		free(lead);
		return false;
	}
	if (!expected)
		judgement_fail(
		    judgement, KIND_HTTP, judgement_status_message(judgement));
	return expected;
}

/* The API's JSON around the answer. */
static bool
read_envelope(struct judgement *judgement)
{
	struct response *response = judgement->response;
	struct json_scan scan;

	judgement_save_start(judgement);
	if (!json_scan_compact(
	        response->body, response->body_len, ENVELOPE_MAX_DEPTH, &scan)) {
		judgement_fail(judgement, KIND_INVALID_BODY,
		    judgement_json_fault("the provider's answer", &scan));
		return false;
	}
	/* What looks at spans stops at the NUL, at the latest. */
	response->body[scan.len] = '\0';
	response->body_len = scan.len;
	return true;
}

/* ---- the model's text ---- */

/* The text stays, as it came but for secrets. */
static void
keep_response(struct judgement *judgement)
{
	struct outcome_prompt *prompt = judgement->outcome->prompt;
	const struct buffer *text = &judgement->text;
	struct buffer masked;

	if (judgement->target->has_secret_value || text->len == 0)
		return;
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked(
	    judgement->request->secrets, &masked, text->data, text->len);
	prompt->response_len = masked.len;
	prompt->response = buffer_take(&masked);
}

static bool
is_blank(char c)
{
	return isspace((unsigned char)c) != 0;
}

static struct span
trim(struct span text)
{
	while (text.len > 0 && is_blank(text.text[0])) {
		text.text++;
		text.len--;
	}
	while (text.len > 0 && is_blank(text.text[text.len - 1]))
		text.len--;
	return text;
}

/* TEXT without the fence of Markdown around it: a line that begins with three backquotes, and
 * such three at its end. */
static struct span
without_fence(struct span text)
{
	const char *line_end;
	size_t lead;

	text = trim(text);
	if (text.len < 2 * FENCE_LEN || memcmp(text.text, FENCE, FENCE_LEN) != 0 ||
	    memcmp(text.text + text.len - FENCE_LEN, FENCE, FENCE_LEN) != 0)
		return text;
	line_end = memchr(text.text, '\n', text.len - FENCE_LEN);
	if (line_end == NULL)
		return text;
	lead = (size_t)(line_end - text.text);
	return trim((struct span){ line_end, text.len - FENCE_LEN - lead });
}

static bool
wants_json(const struct judgement *judgement)
{
	return judgement->target->wants_json ||
	    prompt_of(judgement)->format == PROMPT_JSON;
}

/* The JSON that the text is, into JSON, and all that rules and values ask for. */
static bool
read_json(struct judgement *judgement, struct buffer *json)
{
	const struct target *target = judgement->target;
	struct span text =
	    without_fence((struct span){ judgement->text.data, judgement->text.len });
	struct json_scan scan;

	buffer_append(json, text.text, text.len);
	if (!json_scan_find(json->data, json->len, (unsigned)target->max_depth,
	        target->pointers, judgement->found, &scan)) {
		judgement_fail(judgement, KIND_INVALID_BODY,
		    judgement_json_fault("the model's answer", &scan));
		return false;
	}
	buffer_truncate(json, scan.len);
	judgement->facts.has_json = true;
	judgement->facts.json = (struct span){ json->data, json->len };
	return true;
}

static void
tell_schema(const struct judgement *judgement, bool holds)
{
	struct trace_attempt *trace = judgement->context->trace;

	if (trace != NULL)
		trace_set_schema(trace, holds,
		    holds ? "the model's answer keeps to the schema"
		          : judgement->outcome->message);
}

/* What of it does not fit says what it holds, cut short: nothing is told where a part of that
 * may be a secret. */
static bool
hold_schema(struct judgement *judgement)
{
	const struct schema *schema = prompt_of(judgement)->schema.schema;
	struct facts *facts = &judgement->facts;
	struct buffer why;
	bool holds;

	if (schema == NULL || !facts->has_json)
		return true;
	buffer_init(&why, BUFFER_UNLIMITED);
	holds = schema_holds(schema, facts->json, &facts->budget, &why);
	if (!holds) {
		facts->discreet = facts->discreet || judgement_echoes_secret(judgement);
		judgement_fail(judgement, KIND_INVALID_BODY,
		    message_of(judgement, "the model's answer breaks the schema",
		        facts->discreet ? NULL : why.data));
	}
	tell_schema(judgement, holds);
	buffer_clear(&why);
	return holds;
}

/* JSON becomes the outcome's, masked. */
static void
keep_data(struct judgement *judgement, struct buffer *json)
{
	struct outcome *outcome = judgement->outcome;

	if (prompt_of(judgement)->format != PROMPT_JSON ||
	    judgement->target->has_secret_value)
		return;
	if (!secrets_empty(judgement->request->secrets))
		json = judgement_masked_json(judgement);
	outcome->data_len = json->len;
	outcome->data = buffer_take(json);
}

static void
judge_text(struct judgement *judgement)
{
	const struct buffer *text = &judgement->text;
	struct buffer json;

	if (trim((struct span){ text->data, text->len }).len == 0) {
		judgement_fail(judgement, KIND_INVALID_BODY,
		    xstrdup("the model answered with an empty text"));
		return;
	}
	judgement->facts.body = text->data;
	judgement->facts.body_len = text->len;
	buffer_init(&json, BUFFER_UNLIMITED);
	if ((!wants_json(judgement) || read_json(judgement, &json)) &&
	    hold_schema(judgement) && judgement_expect(judgement)) {
		judgement_warn(judgement);
		judgement_extract(judgement);
		keep_response(judgement);
		keep_data(judgement, &json);
	}
	buffer_clear(&json);
}

/* ---- how the model ended ---- */

/* "the model's answer was cut off (max_tokens)", with what took its place where it has no
 * text: then it is thinking, or a limit that is too small for anything. */
static void
fail_truncated(struct judgement *judgement)
{
	const struct outcome_prompt *prompt = judgement->outcome->prompt;
	const char *reason = prompt->finish_reason;
	struct buffer message;

	buffer_init(&message, BUFFER_UNLIMITED);
	buffer_append_string(&message, "the model's answer was cut off");
	if (judgement->text.len == 0)
		buffer_append_string(&message, " before any text");
	if (judgement->text.len == 0 && prompt->usage.reasoning > 0)
		buffer_append_format(&message, ", after %lld tokens of reasoning",
		    (long long)prompt->usage.reasoning);
	if (reason != NULL)
		buffer_append_format(&message, " (%s)", reason);
	judgement_fail(judgement, KIND_TRUNCATED, buffer_take(&message));
	keep_response(judgement);
}

/* "the model's answer was blocked: WHY", or how the model ended. */
static void
fail_blocked(struct judgement *judgement, const struct prompt_answer *answer)
{
	judgement_fail(judgement, KIND_BLOCKED,
	    message_of(judgement, "the model's answer was blocked",
	        answer->why != NULL ? answer->why : answer->finish_reason));
}

static void
fail_unexpected(struct judgement *judgement, const struct prompt_answer *answer)
{
	const char *reason = judgement->outcome->prompt->finish_reason;
	char *lead = reason != NULL
	    ? xasprintf("the model ended in an unexpected way (%s)", reason)
	    : xstrdup("the model ended without saying why");

	judgement_fail(
	    judgement, KIND_INVALID_BODY, message_of(judgement, lead, answer->why));
	free(lead);
}

static void
judge_ending(struct judgement *judgement, const struct prompt_answer *answer)
{
	switch (answer->ending) {
	case ENDING_NORMAL:
		judge_text(judgement);
		return;
	case ENDING_TRUNCATED:
		fail_truncated(judgement);
		return;
	case ENDING_BLOCKED:
		fail_blocked(judgement, answer);
		return;
	case ENDING_OTHER:
		fail_unexpected(judgement, answer);
		return;
	case ENDING_ERROR:
		fail_within(judgement, answer);
		return;
	case ENDING_MISSING:
		/* In our own words. */
		judgement_fail(judgement, KIND_INVALID_BODY,
		    xstrdup(
		        answer->why != NULL ? answer->why : "the answer has no text"));
		return;
	}
}

static void
judge_answer(struct judgement *judgement)
{
	struct prompt_answer answer;

	prompt_read_answer(api_of(judgement),
	    (struct span){ judgement->response->body, judgement->response->body_len },
	    judgement->context->input_bytes, &answer);
	note_answer(judgement, &answer);
	judgement->text = answer.text;
	buffer_init(&answer.text, BUFFER_UNLIMITED);
	judge_ending(judgement, &answer);
	note_warning(judgement, &answer);
	prompt_answer_clear(&answer);
}

void
judgement_prompt(struct judgement *judgement)
{
	begin_outcome(judgement);
	note_request_id(judgement);
	if (read_status(judgement) && read_envelope(judgement))
		judge_answer(judgement);
}

void
judgement_prompt_fault(struct judgement *judgement)
{
	enum response_result result = judgement->response->result;

	begin_outcome(judgement);
	if (judgement->context->advice != NULL)
		judgement->context->advice->overloaded =
		    result == RESPONSE_TIMEOUT || result == RESPONSE_CONNECT;
}
