/*
 * Anthropic's messages: https://platform.claude.com/docs/en/api/messages
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
	append_own(url, "/v1/messages");
}

/* ---- the request ---- */

static void
put_format(struct value *body, const struct prompt *prompt)
{
	struct value *format;

	/* It has no way to ask for JSON of any kind. */
	if (prompt->schema.source == NULL)
		return;
	format = put_map(put_map(body, "output_config"), "format");
	put_text(format, "type", "json_schema");
	put_schema(format, "schema", &prompt->schema);
}

static struct value *
build(const struct prompt *prompt, const struct prompt_texts *texts)
{
	struct value *body = value_new_map();

	put_marked(body, "model", &prompt->model_name);
	put_int(body, "max_tokens",
	    prompt->max_tokens > 0 ? prompt->max_tokens
	                           : api_facts[API_ANTHROPIC].max_tokens);
	add_message(put_list(body, "messages"), "user", &texts->prompt);
	if (texts->system.text.len > 0)
		put_marked(body, "system", &texts->system);
	put_number(body, "temperature", &prompt->temperature);
	put_number(body, "top_p", &prompt->top_p);
	put_texts(body, "stop_sequences", &prompt->stop);
	put_format(body, prompt);
	return body;
}

/* ---- the answer ---- */

/* tool_use and pause_turn want something of us. */
static const struct ending endings[] = {
	{ "end_turn", ENDING_NORMAL },
	{ "stop_sequence", ENDING_NORMAL },
	{ "max_tokens", ENDING_TRUNCATED },
	{ "model_context_window_exceeded", ENDING_TRUNCATED },
	{ "refusal", ENDING_BLOCKED },
	{ NULL, ENDING_OTHER },
};

static void
read_content(struct span content, struct prompt_answer *answer)
{
	struct span_walk walk;
	struct span key, block;

	/* Beside texts there is thinking, which is not for anybody. */
	span_walk_init(&walk, content);
	while (span_walk_next(&walk, &key, &block)) {
		if (span_is_text(span_member(block, "type"), "text"))
			(void)append_text(span_member(block, "text"), answer);
	}
}

static char *
why_refused(struct span details)
{
	char *why = text_of(span_member(details, "explanation"));

	return why != NULL ? why : text_of(span_member(details, "category"));
}

/* A + B, of which either may be unknown. */
static int64_t
sum(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a + b;
}

/* What came from the cache and what went there is not in `input_tokens`, unlike elsewhere. */
static void
read_usage(struct span span, struct prompt_usage *usage)
{
	static const char *const names[] = { "input_tokens", "output_tokens",
		"cache_creation_input_tokens", "cache_read_input_tokens",
		"output_tokens_details" };
	struct span members[ARRAY_COUNT(names)];

	span_members(span, names, ARRAY_COUNT(names), members);
	usage->cached = tokens_of(members[3]);
	usage->input =
	    sum(sum(tokens_of(members[0]), tokens_of(members[2])), usage->cached);
	usage->output = tokens_of(members[1]);
	usage->reasoning = tokens_of(span_member(members[4], "thinking_tokens"));
}

static void
read_answer(struct span body, UNUSED size_t input_bytes, struct prompt_answer *answer)
{
	static const char *const names[] = { "content", "stop_reason", "stop_details",
		"model", "usage" };
	struct span members[ARRAY_COUNT(names)];

	span_members(body, names, ARRAY_COUNT(names), members);
	read_usage(members[4], &answer->usage);
	answer->model = text_of(members[3]);
	read_content(members[0], answer);
	read_ending(answer, members[1], "stop_reason", endings);
	if (answer->ending == ENDING_BLOCKED)
		answer->why = why_refused(members[2]);
	else if (span_kind(members[0]) != SPAN_ARRAY)
		read_missing(answer, "the answer has no content");
}

const struct dialect dialect_anthropic = {
	.version_header = "anthropic-version",
	.append_path = append_path,
	.build = build,
	.read = read_answer,
	.heeds_should_retry = true,
};
