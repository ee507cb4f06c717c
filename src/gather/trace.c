#include "gather/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/config.h"

static void
free_input(struct trace_input *input)
{
	if (input == NULL)
		return;
	free(input->text);
	free(input);
}

static void
clear_attempt(struct trace_attempt *attempt)
{
	free(attempt->method);
	free(attempt->url);
	free(attempt->head);
	free(attempt->body);
	free_input(attempt->input);
	for (unsigned i = 0; attempt->trail != NULL && i < attempt->hops; i++)
		free(attempt->trail[i].url);
	free(attempt->trail);
	free(attempt->final_url);
	free(attempt->tls.subject);
	free(attempt->tls.issuer);
	free(attempt->answer_head);
	for (size_t i = 0; i < attempt->rule_count; i++)
		free(attempt->rules[i].text);
	free(attempt->rules);
	free(attempt->schema.text);
	free(attempt->result);
	free(attempt->decision);
}

void
trace_clear(struct trace *trace)
{
	for (size_t i = 0; i < trace->attempt_count; i++)
		clear_attempt(&trace->attempts[i]);
	free(trace->attempts);
	for (size_t i = 0; i < trace->note_count; i++)
		free(trace->notes[i].text);
	free(trace->notes);
	*trace = (struct trace){ .name = trace->name };
}

struct trace_attempt *
trace_add_attempt(struct trace *trace)
{
	struct trace_attempt *attempt;

	trace->attempts =
	    xgrow(trace->attempts, trace->attempt_count, sizeof(*trace->attempts));
	attempt = &trace->attempts[trace->attempt_count++];
	*attempt = (struct trace_attempt){
		.tls.expires_at_ms = -1,
		.timing = {
			.dns_us = -1,
			.connect_us = -1,
			.tls_us = -1,
			.first_byte_us = -1,
			.total_us = -1,
		},
	};
	return attempt;
}

void
trace_add_rule(struct trace_attempt *attempt, bool warn, bool holds, const char *text)
{
	attempt->rules =
	    xgrow(attempt->rules, attempt->rule_count, sizeof(*attempt->rules));
	attempt->rules[attempt->rule_count++] = (struct trace_rule){
		.warn = warn,
		.holds = holds,
		.text = xstrdup(text),
	};
}

void
trace_set_schema(struct trace_attempt *attempt, bool holds, const char *text)
{
	free(attempt->schema.text);
	attempt->schema = (struct trace_rule){
		.holds = holds,
		.text = xstrdup(text),
	};
}

void
trace_add_note(struct trace *trace, char *text)
{
	trace->notes = xgrow(trace->notes, trace->note_count, sizeof(*trace->notes));
	trace->notes[trace->note_count++] = (struct trace_note){
		.text = text,
		.before = trace->attempt_count,
	};
}

struct trace *
trace_of(struct trace *trace, const struct target *target)
{
	return trace != NULL && strcmp(trace->name, target->name) == 0 ? trace : NULL;
}
