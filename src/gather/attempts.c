#include "gather/attempts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/outcome.h"
#include "gather/spending.h"
#include "gather/trace.h"
#include "prompt/answer.h"

/* ---- what was asked, and what came back ---- */

static char *
copy_or_null(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

static struct trace_input *
input_of(const struct rendered_prompt *prompt)
{
	struct trace_input *input = xcalloc(1, sizeof(*input));

	input->text = copy_or_null(prompt->shown);
	input->bytes = prompt->input_bytes;
	input->cut_count = prompt->cut_count;
	memcpy(input->hash, prompt->input_hash, sizeof(input->hash));
	return input;
}

void
attempt_tell_request(
    struct trace_attempt *attempt, const struct rendered_request *request)
{
	if (attempt == NULL)
		return;
	attempt->method = xstrdup(request_method(&request->request));
	attempt->url = xstrdup(request->shown_url);
	attempt->head = copy_or_null(request->shown_head);
	attempt->body = copy_or_null(request->shown_body);
	if (request->prompt != NULL)
		attempt->input = input_of(request->prompt);
}

/* TEXT, the server's, with *** for what the request carried; NULL stays NULL. */
static char *
masked(const struct request *request, const char *text)
{
	struct buffer out;

	if (text == NULL)
		return NULL;
	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(request->secrets, &out, text, strlen(text));
	return buffer_take(&out);
}

static bool
is_secret_header(const struct target *target, const char *line)
{
	for (size_t i = 0; i < target->extract.count; i++) {
		const struct extract *extract = &target->extract.items[i];
		size_t len = extract->header != NULL ? strlen(extract->header) : 0;

		if (extract->secret && len > 0 && line[len] == ':' &&
		    strncasecmp(line, extract->header, len) == 0)
			return true;
	}
	return false;
}

/* HEAD, the server's, likewise, and with *** for the headers of TARGET's values that are
 * secret. */
static char *
masked_head(
    const struct target *target, const struct request *request, const char *head)
{
	char *text = masked(request, head);
	struct buffer out;

	if (text == NULL || !target->has_secret_value)
		return text;
	buffer_init(&out, BUFFER_UNLIMITED);
	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\r\n");
		size_t ending = strspn(line + len, "\r\n");

		if (is_secret_header(target, line)) {
			buffer_append(&out, line, strcspn(line, ":"));
			buffer_append_string(&out, ": " MARKED_MASK);
		} else {
			buffer_append(&out, line, len);
		}
		buffer_append(&out, line + len, ending);
		line += len + ending;
	}
	free(text);
	return buffer_take(&out);
}

/* The URLs of the redirects: the first is the request's own. */
static void
take_trail(struct trace_attempt *attempt, const struct rendered_request *request,
    struct response *response)
{
	if (response->trail == NULL)
		return;
	attempt->trail = response->trail;
	attempt->hops = response->hops;
	response->trail = NULL;
	for (unsigned i = 0; i < attempt->hops; i++) {
		char *real = attempt->trail[i].url;

		attempt->trail[i].url = i == 0 ? xstrdup(request->shown_url)
		                               : masked(&request->request, real);
		free(real);
	}
}

void
attempt_tell_response(struct trace_attempt *attempt, const struct target *target,
    const struct rendered_request *request, struct response *response,
    const struct outcome *outcome)
{
	if (attempt == NULL)
		return;
	take_trail(attempt, request, response);
	attempt->http_status = response->http_status;
	attempt->final_url = copy_or_null(outcome->final_url);
	attempt->tls = (struct response_tls){
		.version = response->tls.version,
		.expires_at_ms = response->tls.expires_at_ms,
		.subject = masked(&request->request, response->tls.subject),
		.issuer = masked(&request->request, response->tls.issuer),
	};
	attempt->timing = response->timing;
	attempt->bytes = response->bytes;
	attempt->answer_head = masked_head(target, &request->request, response->head);
}

/* ---- what it may cost ---- */

void
attempt_tell_reserved(
    struct trace *trace, const struct prompt *prompt, const struct spending *amount)
{
	const struct config_budget *own = &prompt->budget;
	const struct config_budget *all = &prompt->provider->budget;
	char cost[UNITS_TEXT_SIZE];

	if (trace == NULL)
		return;
	if (own->tokens > 0 || all->tokens > 0)
		trace_add_note(trace,
		    xasprintf("sets about %lld tokens of its budget aside",
		        (long long)amount->tokens));
	if (own->cost > 0 || all->cost > 0) {
		units_format_decimal(cost, amount->cost, MONEY_ONE);
		trace_add_note(trace,
		    xasprintf("sets a cost of about %s of its budget aside", cost));
	}
}

/* ---- how it ended ---- */

static void
append_ms(struct buffer *out, int64_t us)
{
	buffer_append_format(out, "%lld ms", (long long)((us + 500) / 1000));
}

static void
append_duration(struct buffer *out, int64_t us)
{
	char text[UNITS_TEXT_SIZE];

	units_format_duration(text, us > 0 ? us / 1000 : 0);
	buffer_append_string(out, text);
}

/* What speaks against any other attempt, ever. */
static const char *
final_word(const struct prompt_advice *advice)
{
	if (advice != NULL && advice->exhausted)
		return "its provider says that quota or money is used up";
	if (advice != NULL && advice->should_retry == 0)
		return "its provider says that it would not help";
	return "another attempt would change nothing";
}

/* Why there is no other attempt, where that is not plain from the outcome. */
static void
append_refusal(struct buffer *out, const struct attempt_end *end)
{
	switch (end->decision.verdict) {
	case RETRY_AGAIN:
		return;
	case RETRY_NOT:
		buffer_append_string(out, final_word(end->advice));
		return;
	case RETRY_SPENT:
		buffer_append_format(
		    out, "%u of %u attempts were made", end->number, end->most);
		return;
	case RETRY_COSTLY:
		buffer_append_string(
		    out, "each attempt that times out may have been paid for");
		return;
	case RETRY_UNSAFE:
		buffer_append_format(
		    out, "the %s may have had its effect", end->method);
		return;
	case RETRY_LATE:
		buffer_append_string(out, "a wait of ");
		append_duration(out, end->decision.wait_us);
		buffer_append_string(out, " does not fit into the deadline, ");
		append_duration(out, end->left_us);
		buffer_append_string(out, " are left");
		return;
	}
}

/* "attempt 1 of 3: returned HTTP 503; again in 312 ms" */
static void
log_end(const struct attempt_end *end, const char *result)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_format(
	    &text, "attempt %u of %u: %s", end->number, end->most, result);
	if (end->with_new_token) {
		buffer_append_string(&text, "; again with a new access token");
	} else if (end->decision.verdict == RETRY_AGAIN) {
		buffer_append_string(&text, "; again in ");
		append_ms(&text, end->decision.wait_us);
	} else if (end->decision.verdict == RETRY_COSTLY ||
	    end->decision.verdict == RETRY_UNSAFE ||
	    end->decision.verdict == RETRY_LATE) {
		buffer_append_string(&text, "; not again: ");
		append_refusal(&text, end);
	}
	log_line(LOG_LEVEL_DEBUG, end->target->name, "%s", text.data);
	buffer_clear(&text);
}

/* The next one's place among those there may be. A push-back is not one of them. */
static void
append_count(struct buffer *out, const struct attempt_end *end)
{
	if (end->decision.uncounted)
		buffer_append_string(out, " (not counted: the provider pushed back)");
	else
		buffer_append_format(out, " (%u of %u)", end->number + 1, end->most);
}

/* "tried again after 312 ms (2 of 4)"; NULL where it went well. */
static char *
decision_text(const struct attempt_end *end)
{
	struct buffer text;

	if (status_is_success(end->outcome->status))
		return NULL;
	buffer_init(&text, BUFFER_UNLIMITED);
	if (end->with_new_token) {
		buffer_append_string(&text, "tried again with a new access token");
	} else if (end->decision.verdict == RETRY_AGAIN) {
		buffer_append_string(&text, "tried again after ");
		append_ms(&text, end->decision.wait_us);
		append_count(&text, end);
	} else {
		buffer_append_string(&text, "not tried again: ");
		append_refusal(&text, end);
	}
	return buffer_take(&text);
}

void
attempt_tell_end(struct trace_attempt *attempt, const struct attempt_end *end)
{
	struct buffer result;

	if (attempt == NULL && !log_enabled(LOG_LEVEL_DEBUG))
		return;
	buffer_init(&result, BUFFER_UNLIMITED);
	outcome_describe(end->outcome, &result);
	if (log_enabled(LOG_LEVEL_DEBUG))
		log_end(end, result.data);
	if (attempt != NULL) {
		attempt->result = buffer_take(&result);
		attempt->decision = decision_text(end);
	}
	buffer_clear(&result);
}
