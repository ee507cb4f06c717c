/*
 * OpenAI's responses: https://platform.openai.com/docs/api-reference/responses
 */
#include <stdlib.h>

#include "base/compiler.h"
#include "config/config.h"
#include "config/render_prompt.h"
#include "config/value.h"
#include "prompt/answer.h"
#include "prompt/dialect.h"
#include "prompt/parts.h"

static void
append_path(struct marked *url, UNUSED const struct prompt *prompt)
{
	append_own(url, "/responses");
}

/* ---- the request ---- */

static void
put_format(struct value *body, const struct prompt *prompt)
{
	struct value *format;

	if (prompt->format != PROMPT_JSON)
		return;
	format = put_map(put_map(body, "text"), "format");
	if (prompt->schema.source == NULL) {
		put_text(format, "type", "json_object");
		return;
	}
	put_text(format, "type", "json_schema");
	put_text(format, "name", "answer");
	put_bool(format, "strict", true);
	put_schema(format, "schema", &prompt->schema);
}

static struct value *
build(const struct prompt *prompt, const struct prompt_texts *texts)
{
	struct value *body = value_new_map();

	put_marked(body, "model", &prompt->model_name);
	put_marked(body, "input", &texts->prompt);
	if (texts->system.text.len > 0)
		put_marked(body, "instructions", &texts->system);
	put_number(body, "temperature", &prompt->temperature);
	put_number(body, "top_p", &prompt->top_p);
	if (prompt->max_tokens > 0)
		put_int(body, "max_output_tokens", prompt->max_tokens);
	/* They keep answers unless they are told not to. */
	put_bool(body, "store", false);
	put_format(body, prompt);
	return body;
}

/* ---- the answer ---- */

/* By `status`, or where it is incomplete by the reason. */
static const struct ending endings[] = {
	{ "completed", ENDING_NORMAL },
	{ "max_output_tokens", ENDING_TRUNCATED },
	{ "content_filter", ENDING_BLOCKED },
	{ "failed", ENDING_ERROR },
	{ NULL, ENDING_OTHER },
};

/* What is found in `output` beside text; absent: nothing. */
struct reading {
	struct span refusal;
	struct span call; /* the type of an item that wants something of us */
};

static void
read_part(struct span part, struct reading *reading, struct prompt_answer *answer)
{
	static const char *const names[] = { "type", "text", "refusal" };
	struct span members[ARRAY_COUNT(names)];

	span_members(part, names, ARRAY_COUNT(names), members);
	if (span_is_text(members[0], "output_text"))
		(void)append_text(members[1], answer);
	else if (span_is_text(members[0], "refusal"))
		reading->refusal = members[2];
}

/* The calls of the provider's own tools are done with, and have their answers beside them. */
static bool
is_call(struct span type)
{
	static const char *const calls[] = { "function_call", "custom_tool_call",
		"computer_call", "mcp_approval_request" };

	for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
		if (span_is_text(type, calls[i]))
			return true;
	}
	return false;
}

/* Reasoning is not what the model says. */
static void
read_item(struct span item, struct reading *reading, struct prompt_answer *answer)
{
	static const char *const names[] = { "type", "content" };
	struct span members[ARRAY_COUNT(names)];
	struct span_walk walk;
	struct span key, part;

	span_members(item, names, ARRAY_COUNT(names), members);
	if (is_call(members[0]))
		reading->call = members[0];
	if (!span_is_text(members[0], "message"))
		return;
	span_walk_init(&walk, members[1]);
	while (span_walk_next(&walk, &key, &part))
		read_part(part, reading, answer);
}

/* A refusal, and a wish of the model, have the status of an answer. */
static void
read_output(struct span output, struct prompt_answer *answer)
{
	struct reading reading = { .call = { .text = NULL } };
	struct span_walk walk;
	struct span key, item;

	span_walk_init(&walk, output);
	while (span_walk_next(&walk, &key, &item))
		read_item(item, &reading, answer);
	if (answer->ending != ENDING_NORMAL)
		return;
	if (span_kind(output) != SPAN_ARRAY) {
		read_missing(answer, "the answer has no output");
	} else if (reading.refusal.text != NULL) {
		answer->ending = ENDING_BLOCKED;
		answer->why = text_of(reading.refusal);
	} else if (reading.call.text != NULL) {
		answer->ending = ENDING_OTHER;
		free(answer->finish_reason);
		answer->finish_reason = text_of(reading.call);
	}
}

/* See read_openai_usage(). */
static const char *const usage_names[USAGE_NAME_COUNT] = { "input_tokens",
	"output_tokens", "total_tokens", "input_tokens_details",
	"output_tokens_details" };

/* How it ended: what is incomplete has a reason. */
static struct span
ending_word(struct span status, struct span details)
{
	struct span reason = span_member(details, "reason");

	return span_kind(reason) == SPAN_STRING ? reason : status;
}

static void
read_answer(struct span body, UNUSED size_t input_bytes, struct prompt_answer *answer)
{
	static const char *const names[] = { "status", "incomplete_details", "output",
		"model", "usage" };
	struct span members[ARRAY_COUNT(names)];

	span_members(body, names, ARRAY_COUNT(names), members);
	read_openai_usage(members[4], usage_names, &answer->usage);
	answer->model = text_of(members[3]);
	read_ending(answer, ending_word(members[0], members[1]), "status", endings);
	read_output(members[2], answer);
}

const struct dialect dialect_openai_responses = {
	.version_query = "api-version", /* Azure */
	.append_path = append_path,
	.build = build,
	.read = read_answer,
	.heeds_should_retry = true,
};
