#include "daemon/explanation_lines.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/pretty.h"
#include "base/screen.h"
#include "base/words.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/trace.h"
#include "rules/rules.h"

/* What is shown of a request's body. */
#define BODY_LINES 40
#define BODY_BYTES ((size_t)4 * 1024)

/* A certificate that ends so soon is a matter for somebody. */
#define FEW_DAYS 14

/* What came up when as many attempts as BEFORE had begun. */
static void
append_notes(const struct view *view, const char *label, size_t before)
{
	const struct trace *trace = view->explanation->trace;

	for (size_t i = 0; i < trace->note_count; i++) {
		if (trace->notes[i].before != before)
			continue;
		lines_row(view, label, trace->notes[i].text);
		label = "";
	}
}

static void
append_waited(const struct view *view, const struct trace_attempt *attempt)
{
	struct buffer line;

	/* Nobody notices less. */
	if (attempt->waited_us < 1000)
		return;
	buffer_init(&line, BUFFER_UNLIMITED);
	words_append_ms(&line, (double)attempt->waited_us / 1000);
	lines_row(view, "Waited", line.data);
	buffer_clear(&line);
}

/* A body is laid out as it is, up to a bound. */
static void
append_request_body(const struct view *view, const char *body)
{
	const struct pretty pretty = {
		.indent = LINES_TEXT_COLUMN,
		.max_lines = BODY_LINES,
		.max_bytes = BODY_BYTES,
	};

	lines_begin_row(view, "Sends");
	lines_put_laid_out(view, body, strlen(body), &pretty);
	lines_end(view);
}

static void
append_request(const struct view *view, const struct trace_attempt *attempt)
{
	if (attempt->method == NULL || attempt->url == NULL)
		return;
	lines_begin_row(view, "Request");
	screen_append(view->screen, TONE_STRONG, attempt->method, view->out);
	lines_put(view, " ");
	lines_put_whole(view, attempt->url, strlen(attempt->url));
	lines_end(view);
	if (attempt->head != NULL)
		lines_rows(view, "", attempt->head);
	if (attempt->input != NULL)
		explanation_append_input(view, attempt);
	if (attempt->body != NULL && *attempt->body != '\0')
		append_request_body(view, attempt->body);
}

static void
append_redirects(const struct view *view, const struct trace_attempt *attempt)
{
	for (unsigned i = 0; i < attempt->hops && attempt->trail != NULL; i++) {
		const struct response_hop *hop = &attempt->trail[i];

		lines_begin_row(view, i == 0 ? "Redirects" : "");
		buffer_append_format(view->out, "%ld from ", hop->http_status);
		lines_put_whole(view, hop->url, strlen(hop->url));
		if (hop->timing.total_us >= 0) {
			lines_put(view, " (");
			words_append_ms(view->out, (double)hop->timing.total_us / 1000);
			lines_put(view, ")");
		}
		lines_end(view);
	}
	if (attempt->final_url != NULL) {
		lines_begin_row(view, "Final URL");
		lines_put_whole(view, attempt->final_url, strlen(attempt->final_url));
		lines_end(view);
	}
}

/* "expires 2026-12-24 10:00:00 UTC, in 33 days" */
static void
append_expiry(const struct view *view, const char *label, int64_t expires_at_ms)
{
	int64_t days = explanation_days_left(view->explanation, expires_at_ms);
	enum tone tone = TONE_PLAIN;

	if (days < FEW_DAYS)
		tone = days < 0 ? TONE_BAD : TONE_DOUBTFUL;
	lines_begin_row(view, label);
	screen_begin(view->screen, tone, view->out);
	lines_put(view, days < 0 ? "expired " : "expires ");
	words_append_time(view->out, expires_at_ms);
	if (days < 0)
		buffer_append_format(view->out, ", %lld day%s ago", (long long)-days,
		    days == -1 ? "" : "s");
	else
		buffer_append_format(view->out, ", in %lld day%s", (long long)days,
		    days == 1 ? "" : "s");
	screen_end(view->screen, tone, view->out);
	lines_end(view);
}

static void
append_tls(const struct view *view, const struct response_tls *tls)
{
	const char *label = "Certificate";

	if (tls->version == NULL)
		return;
	lines_row(view, "TLS", tls->version);
	if (tls->subject != NULL) {
		lines_row(view, label, tls->subject);
		label = "";
	}
	if (tls->issuer != NULL) {
		lines_begin_row(view, label);
		lines_put(view, "issued by ");
		lines_put_text(view, tls->issuer);
		lines_end(view);
		label = "";
	}
	if (tls->expires_at_ms >= 0)
		append_expiry(view, label, tls->expires_at_ms);
}

static void
append_phase(struct buffer *out, const char *name, int64_t us)
{
	if (us < 0)
		return;
	buffer_append_format(out, "%s%s ", out->len > 0 ? ", " : "", name);
	words_append_ms(out, (double)us / 1000);
}

static void
append_phases(const struct view *view, const struct trace_attempt *attempt)
{
	const struct response_timing *timing = &attempt->timing;
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	append_phase(&line, "dns", timing->dns_us);
	append_phase(&line, "connect", timing->connect_us);
	append_phase(&line, "tls", timing->tls_us);
	append_phase(&line, "first byte", timing->first_byte_us);
	append_phase(&line, "total", timing->total_us);
	if (attempt->hops > 0)
		buffer_append_string(&line, " (behind the redirects)");
	if (line.len > 0)
		lines_row(view, "Phases", line.data);
	buffer_clear(&line);
}

/* Which type ATTEMPT's answer said its body has. */
static void
append_type(struct buffer *out, const struct trace_attempt *attempt)
{
	char *type = NULL;

	if (attempt->answer_head != NULL)
		type = rules_find_header(attempt->answer_head, "Content-Type");
	if (type == NULL)
		buffer_append_string(out, "no Content-Type");
	else
		words_append_line(out, type, strlen(type));
	free(type);
}

/* Why nothing is shown of the body of the last, good answer; nothing where it is. */
static void
append_lack(const struct view *view, const struct trace_attempt *attempt)
{
	const struct target *target = view->explanation->entry->target;
	const struct outcome *outcome = &view->explanation->entry->outcome;

	/* Of a secret one the reason stands in its place; a prompt's is its model's text. */
	if (target->kind == TARGET_PROMPT || !status_is_success(outcome->status) ||
	    outcome->data != NULL || attempt->bytes == 0 || target->has_secret_value)
		return;
	lines_put(view, ", not kept: ");
	if (!target->data) {
		lines_put(view, "data: false");
		return;
	}
	append_type(view->out, attempt);
	lines_put(view, ", format ");
	lines_put(view, body_format_names[target->format]);
}

static void
append_answer(const struct view *view, const struct trace_attempt *attempt, bool last)
{
	if (attempt->answer_head != NULL)
		lines_rows(view, "Answer", attempt->answer_head);
	else if (attempt->http_status != 0)
		buffer_append_format(
		    view->out, "  Answer       HTTP %ld\n", attempt->http_status);
	if (attempt->http_status == 0)
		return;
	lines_begin_row(view, "Body");
	words_append_bytes(view->out, (double)attempt->bytes);
	if (last)
		append_lack(view, attempt);
	lines_end(view);
}

static void
append_rules(const struct view *view, const struct trace_attempt *attempt, bool warn)
{
	const char *label = warn ? "Warn" : "Expect";

	for (size_t i = 0; i < attempt->rule_count; i++) {
		const struct trace_rule *rule = &attempt->rules[i];
		enum tone bad = warn ? TONE_DOUBTFUL : TONE_BAD;

		if (rule->warn != warn)
			continue;
		lines_rule(view, label, rule->holds, bad, rule->text);
		label = "";
	}
}

static void
append_attempt(const struct view *view, size_t index)
{
	const struct trace *trace = view->explanation->trace;
	const struct trace_attempt *attempt = &trace->attempts[index];
	const char *decision = explanation_decision(view->explanation, index);
	bool is_prompt = view->explanation->entry->target->kind == TARGET_PROMPT;
	bool last = index + 1 == trace->attempt_count;
	struct buffer title;

	buffer_init(&title, BUFFER_UNLIMITED);
	buffer_append_format(&title, "Attempt %zu", index + 1);
	if (trace->attempt_count > 1)
		buffer_append_format(&title, " of %zu", trace->attempt_count);
	lines_heading(view, title.data);
	buffer_clear(&title);

	append_notes(view, "Before", index);
	append_waited(view, attempt);
	append_request(view, attempt);
	append_redirects(view, attempt);
	append_tls(view, &attempt->tls);
	append_phases(view, attempt);
	append_answer(view, attempt, last);
	if (last && is_prompt)
		explanation_append_usage(view);
	if (attempt->schema.text != NULL)
		lines_rule(view, "Schema", attempt->schema.holds, TONE_BAD,
		    attempt->schema.text);
	append_rules(view, attempt, false);
	append_rules(view, attempt, true);
	if (attempt->result != NULL)
		lines_row(view, "Result", attempt->result);
	if (decision != NULL)
		lines_row(view, "Then", decision);
	if (last)
		append_notes(view, "After", trace->attempt_count);
}

void
explanation_append_attempts(const struct view *view)
{
	const struct trace *trace = view->explanation->trace;

	for (size_t i = 0; i < trace->attempt_count; i++)
		append_attempt(view, i);
	if (trace->attempt_count > 0)
		return;
	lines_heading(view, "It was not asked");
	if (view->explanation->entry->outcome.url != NULL)
		lines_row(view, "Request", view->explanation->entry->outcome.url);
	if (view->explanation->entry->target->kind == TARGET_PROMPT)
		explanation_append_unsent(view);
	append_notes(view, "Before", 0);
}
