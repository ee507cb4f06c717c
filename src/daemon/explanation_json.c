#include "daemon/explanation.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/units.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/trace.h"
#include "publish/entry.h"

static void
put_string(struct json_write *json, const char *key, const char *text)
{
	json_write_key(json, key);
	json_write_string(json, text);
}

static void
put_int(struct json_write *json, const char *key, int64_t number)
{
	json_write_key(json, key);
	json_write_int(json, number);
}

/* 0: there is no such limit. */
static void
put_limit(struct json_write *json, const char *key, int64_t number)
{
	json_write_key(json, key);
	if (number > 0)
		json_write_int(json, number);
	else
		json_write_null(json);
}

static void
put_us(struct json_write *json, const char *key, int64_t us)
{
	json_write_key(json, key);
	json_write_us_as_ms(json, us);
}

/* The lines of TEXT, which end in LF or CR LF, as a list; of NULL, null. */
static void
put_lines(struct json_write *json, const char *key, const char *text)
{
	json_write_key(json, key);
	if (text == NULL) {
		json_write_null(json);
		return;
	}
	json_write_begin_array(json);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		size_t shown = len > 0 && text[len - 1] == '\r' ? len - 1 : len;

		if (shown > 0)
			json_write_string_len(json, text, shown);
		text += text[len] == '\n' ? len + 1 : len;
	}
	json_write_end_array(json);
}

/* ---- limits ---- */

static void
put_limits(struct json_write *json, const struct explanation *explanation)
{
	const struct target *target = explanation->entry->target;
	const struct config *config = explanation->config;
	char rate[UNITS_TEXT_SIZE];
	bool has_rate = config->rate_per_host.count > 0;

	if (has_rate)
		units_format_rate(
		    rate, config->rate_per_host.count, config->rate_per_host.per_ms);
	json_write_key(json, "limits");
	json_write_begin_object(json);
	put_int(json, "timeout_ms", target->timeout_ms);
	put_int(json, "connect_timeout_ms", target->connect_timeout_ms);
	put_int(json, "deadline_ms", target->deadline_ms);
	put_int(json, "delay_ms", target->delay_ms);
	put_int(json, "retries", target->retries);
	put_int(json, "retry_delay_ms", target->retry_delay_ms);
	put_int(json, "redirects", target->redirects);
	put_int(json, "max_body", (int64_t)target->max_body_bytes);
	put_limit(json, "max_per_host", config->max_per_host);
	put_string(json, "rate_per_host", has_rate ? rate : NULL);
	json_write_end_object(json);
}

/* ---- attempts ---- */

static void
put_timing(struct json_write *json, const struct response_timing *timing)
{
	json_write_key(json, "timing_ms");
	json_write_begin_object(json);
	put_us(json, "dns", timing->dns_us);
	put_us(json, "connect", timing->connect_us);
	put_us(json, "tls", timing->tls_us);
	put_us(json, "first_byte", timing->first_byte_us);
	put_us(json, "total", timing->total_us);
	json_write_end_object(json);
}

static void
put_request(struct json_write *json, const struct trace_attempt *attempt)
{
	json_write_key(json, "request");
	json_write_begin_object(json);
	put_string(json, "method", attempt->method);
	put_string(json, "url", attempt->url);
	put_lines(json, "headers", attempt->head != NULL ? attempt->head : "");
	put_string(json, "body", attempt->body);
	json_write_end_object(json);
}

static void
put_redirects(struct json_write *json, const struct trace_attempt *attempt)
{
	json_write_key(json, "redirects");
	json_write_begin_array(json);
	for (unsigned i = 0; i < attempt->hops && attempt->trail != NULL; i++) {
		json_write_begin_object(json);
		put_string(json, "url", attempt->trail[i].url);
		put_int(json, "http_status", attempt->trail[i].http_status);
		put_timing(json, &attempt->trail[i].timing);
		json_write_end_object(json);
	}
	json_write_end_array(json);
}

static void
put_tls(struct json_write *json, const struct explanation *explanation,
    const struct response_tls *tls)
{
	json_write_key(json, "tls");
	if (tls->version == NULL) {
		json_write_null(json);
		return;
	}
	json_write_begin_object(json);
	put_string(json, "version", tls->version);
	put_string(json, "subject", tls->subject);
	put_string(json, "issuer", tls->issuer);
	json_write_key(json, "expires_at");
	json_write_time(json, tls->expires_at_ms);
	json_write_key(json, "days_left");
	if (tls->expires_at_ms >= 0)
		json_write_int(
		    json, explanation_days_left(explanation, tls->expires_at_ms));
	else
		json_write_null(json);
	json_write_end_object(json);
}

static void
put_rules(struct json_write *json, const char *key, const struct trace_attempt *attempt,
    bool warn)
{
	json_write_key(json, key);
	json_write_begin_array(json);
	for (size_t i = 0; i < attempt->rule_count; i++) {
		const struct trace_rule *rule = &attempt->rules[i];

		if (rule->warn != warn)
			continue;
		json_write_begin_object(json);
		json_write_key(json, "holds");
		json_write_bool(json, rule->holds);
		put_string(json, "text", rule->text);
		json_write_end_object(json);
	}
	json_write_end_array(json);
}

static void
put_attempt(
    struct json_write *json, const struct explanation *explanation, size_t index)
{
	const struct trace_attempt *attempt = &explanation->trace->attempts[index];

	json_write_begin_object(json);
	put_request(json, attempt);
	put_us(json, "waited_ms", attempt->waited_us);
	put_int(json, "timeout_ms", attempt->timeout_ms);
	put_redirects(json, attempt);
	put_string(json, "final_url", attempt->final_url);
	put_tls(json, explanation, &attempt->tls);
	put_timing(json, &attempt->timing);
	put_limit(json, "http_status", attempt->http_status);
	put_lines(json, "head", attempt->answer_head);
	put_int(json, "bytes", (int64_t)attempt->bytes);
	put_rules(json, "expect", attempt, false);
	put_rules(json, "warn", attempt, true);
	put_string(json, "result", attempt->result);
	put_string(json, "decision", explanation_decision(explanation, index));
	json_write_end_object(json);
}

static void
put_attempts(struct json_write *json, const struct explanation *explanation)
{
	const struct trace *trace = explanation->trace;

	json_write_key(json, "attempts");
	json_write_begin_array(json);
	for (size_t i = 0; i < trace->attempt_count; i++)
		put_attempt(json, explanation, i);
	json_write_end_array(json);
}

/* ---- the rest ---- */

static void
put_notes(struct json_write *json, const struct trace *trace)
{
	json_write_key(json, "notes");
	json_write_begin_array(json);
	for (size_t i = 0; i < trace->note_count; i++) {
		json_write_begin_object(json);
		put_int(json, "before_attempt", (int64_t)trace->notes[i].before + 1);
		put_string(json, "text", trace->notes[i].text);
		json_write_end_object(json);
	}
	json_write_end_array(json);
}

static void
put_services(struct json_write *json, const struct board *board)
{
	json_write_key(json, "services");
	json_write_begin_object(json);
	for (size_t i = 0; i < board_size(board); i++) {
		if (i > 0)
			buffer_append_char(json->out, ',');
		entry_append(json->out, board_entry(board, i), NULL);
	}
	json_write_end_object(json);
}

static void
put_why(struct json_write *json, const struct explanation *explanation)
{
	struct buffer why;

	buffer_init(&why, BUFFER_UNLIMITED);
	explanation_append_why(explanation, &why);
	put_string(json, "why", why.data);
	buffer_clear(&why);
}

void
explanation_append_json(const struct explanation *explanation, struct buffer *out)
{
	const struct board_entry *entry = explanation->entry;
	struct json_write json;

	json_write_init(&json, out);
	json_write_begin_object(&json);
	put_string(&json, "name", entry->target->name);
	put_string(&json, "status", status_names[entry->outcome.status]);
	put_why(&json, explanation);
	json_write_key(&json, "asked_at");
	json_write_time(&json, explanation->now_ms);
	put_services(&json, explanation->board);
	put_limits(&json, explanation);
	put_attempts(&json, explanation);
	put_notes(&json, explanation->trace);
	json_write_end_object(&json);
	buffer_append_char(out, '\n');
}
