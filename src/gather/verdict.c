#include "gather/verdict.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/json_pointers.h"
#include "base/secrets.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/judgement.h"
#include "gather/outcome.h"
#include "http/request.h"

/* So many of a target's pointers need no memory of their own. */
#define USUAL_POINTERS 16

/* A body that takes a noticeable time to read. */
#define LARGE_BODY_BYTES ((size_t)64 * 1024)

/* ---- failures ---- */

void
judgement_fail(struct judgement *judgement, enum error_kind kind, char *message)
{
	struct outcome *outcome = judgement->outcome;

	outcome->kind = kind;
	outcome->status = error_kind_status(kind);
	outcome->message = message;
	outcome->excerpt = judgement_excerpt(judgement);
}

/* Was it the connection's own, shorter limit that ran out? After a redirect the attempt's
 * may end in the middle of a later connection. */
static bool
is_connect_timeout(const struct judgement *judgement)
{
	const struct response *response = judgement->response;
	int64_t connect_timeout_us = judgement->request->connect_timeout_us;

	if (response->phase > PHASE_TLS || connect_timeout_us <= 0 ||
	    connect_timeout_us >= judgement->context->timeout_ms * 1000)
		return false;
	return response->hops == 0 || response->timing.total_us >= connect_timeout_us;
}

static void
judge_timeout(struct judgement *judgement)
{
	static const char *const doing[] = {
		[PHASE_DNS] = "looking up the host",
		[PHASE_CONNECT] = "connecting",
		[PHASE_TLS] = "in the TLS handshake",
		[PHASE_FIRST_BYTE] = "waiting for the first byte",
		[PHASE_BODY] = "receiving the body",
	};
	struct outcome *outcome = judgement->outcome;
	char limit[UNITS_TEXT_SIZE];

	outcome->limit_ms = is_connect_timeout(judgement)
	    ? judgement->request->connect_timeout_us / 1000
	    : judgement->context->timeout_ms;
	units_format_duration(limit, outcome->limit_ms);
	judgement_fail(judgement, KIND_TIMEOUT,
	    xasprintf(
	        "timed out after %s %s", limit, doing[judgement->response->phase]));
}

/* What http says of a fault, or our words where it says nothing. */
static char *
fault_message(const struct judgement *judgement)
{
	static const char *const words[] = {
		[RESPONSE_DNS] = "could not resolve host",
		[RESPONSE_CONNECT] = "could not connect",
		[RESPONSE_TLS] = "TLS handshake failed",
		[RESPONSE_PROTOCOL] = "the answer is not valid HTTP",
		[RESPONSE_REDIRECT] = "refused to follow the redirect",
		[RESPONSE_TOO_LARGE] = "body is too large",
		[RESPONSE_INTERNAL] = "out of descriptors or memory",
	};
	const char *told = judgement->response->message;
	char *message = NULL;

	if (told != NULL)
		message = judgement_mask_line(
		    judgement, told, strlen(told), JUDGEMENT_MESSAGE_CHARACTERS);
	return message != NULL ? message : xstrdup(words[judgement->response->result]);
}

static void
judge_fault(struct judgement *judgement)
{
	static const enum error_kind kinds[] = {
		[RESPONSE_DNS] = KIND_DNS,
		[RESPONSE_CONNECT] = KIND_CONNECT,
		[RESPONSE_TLS] = KIND_TLS,
		[RESPONSE_PROTOCOL] = KIND_PROTOCOL,
		[RESPONSE_REDIRECT] = KIND_REDIRECT,
		[RESPONSE_TOO_LARGE] = KIND_TOO_LARGE,
		[RESPONSE_INTERNAL] = KIND_INTERNAL,
	};

	judgement_fail(
	    judgement, kinds[judgement->response->result], fault_message(judgement));
}

static void
judge_http_status(struct judgement *judgement)
{
	const struct response *response = judgement->response;
	long http_status = response->http_status;
	bool limited =
	    http_status == 429 || (http_status == 503 && response->retry_after_ms >= 0);

	judgement_fail(judgement, limited ? KIND_RATE_LIMITED : KIND_HTTP,
	    judgement_status_message(judgement));
}

/* ---- answers ---- */

/* Of all hops of the attempt. */
static int64_t
duration_us(const struct response *response)
{
	return response->whole_us > 0 ? response->whole_us : response->timing.total_us;
}

/* Plain HTTP, as the URL has it; a redirect may lead to TLS. */
static bool
is_plain(const struct target *target, const struct response *response)
{
	return !target->asks_tls && response->tls.version == NULL;
}

/* What is known of the answer before its body is looked at. */
static void
gather_facts(struct judgement *judgement)
{
	const struct response *response = judgement->response;
	const struct outcome *outcome = judgement->outcome;
	int64_t expires_at_ms = outcome->certificate_expires_at_ms;

	judgement->facts = (struct facts){
		.http_status = response->http_status,
		.pointers = judgement->target->pointers,
		.found = judgement->found,
		.head = response->head,
		.duration_us = duration_us(response),
		.has_certificate = expires_at_ms >= 0,
		.plain = is_plain(judgement->target, response),
		.certificate_left_ms = expires_at_ms - judgement->context->wall_ms,
		.discreet = judgement->target->has_secret_value,
		.budget = { .left_us = PATTERN_BUDGET_US },
	};
}

static int64_t
thread_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* To read a large body takes a part of the time that one answer may take; of a small one it
 * is not worth asking the clock. */
static bool
read_body(struct judgement *judgement)
{
	bool large = judgement->response->body_len >= LARGE_BODY_BYTES;
	int64_t began_us = large ? thread_now_us() : 0;
	bool read = judgement_read_body(judgement);

	if (large)
		judgement->facts.budget.left_us -= thread_now_us() - began_us;
	return read;
}

static void
judge_content(struct judgement *judgement)
{
	if (!read_body(judgement) || !judgement_expect(judgement))
		return;
	judgement_warn(judgement);
	judgement_extract(judgement);
	judgement_keep_data(judgement);
}

static bool
is_prompt(const struct judgement *judgement)
{
	return judgement->target->kind == TARGET_PROMPT;
}

static void
judge_answer(struct judgement *judgement)
{
	size_t pointer_count = json_pointers_count(judgement->target->pointers);
	struct span usual[USUAL_POINTERS];
	char start[JUDGEMENT_EXCERPT_BYTES];

	if (!is_prompt(judgement) && !judgement_status_holds(judgement)) {
		judge_http_status(judgement);
		return;
	}
	judgement->outcome->kind = KIND_NONE;
	judgement->outcome->status = STATUS_OK;
	judgement->start = start;
	judgement->found = usual;
	if (pointer_count > USUAL_POINTERS)
		judgement->found = xcalloc(pointer_count, sizeof(struct span));
	else
		memset(usual, 0, pointer_count * sizeof(struct span));
	buffer_init(&judgement->text, BUFFER_UNLIMITED);
	buffer_init(&judgement->masked, BUFFER_UNLIMITED);
	buffer_init(&judgement->whole, BUFFER_UNLIMITED);
	gather_facts(judgement);
	if (is_prompt(judgement))
		judgement_prompt(judgement);
	else
		judge_content(judgement);
	buffer_clear(&judgement->whole);
	buffer_clear(&judgement->masked);
	buffer_clear(&judgement->text);
	if (judgement->found != usual)
		free(judgement->found);
}

static void
judge_result(struct judgement *judgement)
{
	switch (judgement->response->result) {
	case RESPONSE_COMPLETE:
		judge_answer(judgement);
		return;
	case RESPONSE_TIMEOUT:
		judge_timeout(judgement);
		return;
	case RESPONSE_DNS:
	case RESPONSE_CONNECT:
	case RESPONSE_TLS:
	case RESPONSE_PROTOCOL:
	case RESPONSE_REDIRECT:
	case RESPONSE_TOO_LARGE:
	case RESPONSE_INTERNAL:
		judge_fault(judgement);
		return;
	}
}

/* ---- beside the verdict ---- */

/* Where redirects led, which is the servers' words. */
static char *
shown_final_url(const struct request *request, const char *final_url)
{
	struct buffer masked;

	if (final_url == NULL)
		return NULL;
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked(request->secrets, &masked, final_url, strlen(final_url));
	return buffer_take(&masked);
}

/* What response->tls says of when the certificate ends; -1: nothing. */
static int64_t
expires_at_ms(const struct response *response)
{
	return response->tls.expires_at_ms > 0 ? response->tls.expires_at_ms : -1;
}

/* With or without `verify`, plain HTTP has no certificate. */
static bool
trusts_blindly(const struct target *target, const struct response *response)
{
	const struct prompt *prompt = target_prompt(target);
	const struct way *way = prompt != NULL ? &prompt->provider->way : &target->way;

	return !way->tls.verify && !is_plain(target, response);
}

void
verdict_judge(const struct target *target, const struct request *request,
    struct response *response, const struct verdict_context *context,
    struct outcome *outcome)
{
	struct judgement judgement = {
		.target = target,
		.request = request,
		.response = response,
		.context = context,
		.outcome = outcome,
	};

	outcome->http_status = response->http_status;
	outcome->timing = response->timing;
	outcome->bytes = response->bytes;
	outcome->certificate_expires_at_ms = expires_at_ms(response);
	outcome->final_url = shown_final_url(request, response->final_url);
	outcome->phase = response->result == RESPONSE_COMPLETE ||
	        response->result == RESPONSE_REDIRECT
	    ? -1
	    : (int)response->phase;
	judge_result(&judgement);
	if (is_prompt(&judgement) && response->result != RESPONSE_COMPLETE)
		judgement_prompt_fault(&judgement);
	if (trusts_blindly(target, response))
		outcome_warn(outcome,
		    xstrdup("the server's certificate is not verified (tls.verify)"));
}
