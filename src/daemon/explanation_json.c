#include "daemon/explanation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/units.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/gate.h"
#include "gather/providers.h"
#include "gather/trace.h"
#include "publish/budget_part.h"
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

static void
put_rate(struct json_write *json, const char *key, const struct config_rate *rate)
{
	char text[UNITS_TEXT_SIZE];

	if (rate->count > 0)
		units_format_rate(text, rate->count, rate->per_ms);
	put_string(json, key, rate->count > 0 ? text : NULL);
}

/* ---- the provider ---- */

static void
put_gate(struct json_write *json, const struct gate_facts *facts)
{
	put_int(json, "max_concurrent", (int64_t)facts->max);
	put_int(json, "limit", (int64_t)facts->limit);
	put_int(json, "pauses", (int64_t)facts->pauses);
	put_int(json, "rejections", (int64_t)facts->rejections);
	put_int(json, "cuts", (int64_t)facts->cuts);
}

static void
put_price(struct json_write *json, const struct provider *provider)
{
	json_write_key(json, "price");
	json_write_begin_object(json);
	json_write_key(json, "input");
	json_write_money(json, provider->price.input);
	json_write_key(json, "output");
	json_write_money(json, provider->price.output);
	json_write_end_object(json);
}

static void
put_model(struct json_write *json, const struct prompt *prompt)
{
	char *shown = marked_shown(&prompt->model_name);

	put_string(json, "model", shown);
	free(shown);
}

static void
put_provider(struct json_write *json, const struct explanation *explanation)
{
	const struct prompt *prompt = target_prompt(explanation->entry->target);
	const struct provider_state *state;
	struct gate_facts facts;

	json_write_key(json, "provider");
	if (prompt == NULL) {
		json_write_null(json);
		return;
	}
	state =
	    providers_find(board_providers(explanation->board), prompt->provider->name);
	gate_see(state->gate, explanation->now_us, &facts);
	json_write_begin_object(json);
	put_string(json, "name", prompt->provider->name);
	put_string(json, "api", api_names[prompt->provider->api]);
	put_string(json, "url", prompt->provider->shown_url);
	put_model(json, prompt);
	put_gate(json, &facts);
	json_write_key(json, "adaptive");
	json_write_bool(json, prompt->provider->adaptive);
	put_rate(json, "rate", &prompt->provider->rate);
	put_price(json, prompt->provider);
	json_write_key(json, "budget");
	budget_part_append(json, &state->budget, &prompt->provider->budget);
	json_write_end_object(json);
}

/* ---- limits ---- */

static void
put_limits(struct json_write *json, const struct explanation *explanation)
{
	const struct target *target = explanation->entry->target;
	const struct config *config = explanation->config;
	const struct prompt *prompt = target_prompt(target);

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
	put_rate(json, "rate_per_host", &config->rate_per_host);
	put_string(
	    json, "when", prompt != NULL ? prompt_when_names[prompt->when] : NULL);
	put_limit(json, "max_tokens", prompt != NULL ? prompt->max_tokens : 0);
	put_limit(
	    json, "max_insert", prompt != NULL ? (int64_t)prompt->max_insert_bytes : 0);
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
put_input(struct json_write *json, const struct trace_input *input)
{
	json_write_key(json, "input");
	if (input == NULL) {
		json_write_null(json);
		return;
	}
	json_write_begin_object(json);
	put_string(json, "prompt", input->text);
	put_int(json, "bytes", (int64_t)input->bytes);
	put_int(json, "cut_values", (int64_t)input->cut_count);
	put_string(json, "hash", input->hash);
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
put_rule(struct json_write *json, const struct trace_rule *rule)
{
	json_write_begin_object(json);
	json_write_key(json, "holds");
	json_write_bool(json, rule->holds);
	put_string(json, "text", rule->text);
	json_write_end_object(json);
}

static void
put_schema(struct json_write *json, const struct trace_attempt *attempt)
{
	json_write_key(json, "schema");
	if (attempt->schema.text != NULL)
		put_rule(json, &attempt->schema);
	else
		json_write_null(json);
}

static void
put_rules(struct json_write *json, const char *key, const struct trace_attempt *attempt,
    bool warn)
{
	json_write_key(json, key);
	json_write_begin_array(json);
	for (size_t i = 0; i < attempt->rule_count; i++) {
		if (attempt->rules[i].warn == warn)
			put_rule(json, &attempt->rules[i]);
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
	put_input(json, attempt->input);
	put_us(json, "waited_ms", attempt->waited_us);
	put_int(json, "timeout_ms", attempt->timeout_ms);
	put_redirects(json, attempt);
	put_string(json, "final_url", attempt->final_url);
	put_tls(json, explanation, &attempt->tls);
	put_timing(json, &attempt->timing);
	put_limit(json, "http_status", attempt->http_status);
	put_lines(json, "head", attempt->answer_head);
	put_int(json, "bytes", (int64_t)attempt->bytes);
	put_schema(json, attempt);
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

/* The entries of the targets of KIND. */
static void
put_entries(struct json_write *json, const char *key, const struct board *board,
    enum target_kind kind)
{
	bool any = false;

	json_write_key(json, key);
	json_write_begin_object(json);
	for (size_t i = 0; i < board_size(board); i++) {
		const struct board_entry *entry = board_entry(board, i);

		if (entry->target->kind != kind)
			continue;
		if (any)
			buffer_append_char(json->out, ',');
		any = true;
		entry_append(json->out, entry, NULL);
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
	put_entries(&json, "services", explanation->board, TARGET_SERVICE);
	put_entries(&json, "prompts", explanation->board, TARGET_PROMPT);
	put_provider(&json, explanation);
	put_limits(&json, explanation);
	put_attempts(&json, explanation);
	put_notes(&json, explanation->trace);
	json_write_end_object(&json);
	buffer_append_char(out, '\n');
}
