/*
 * Chat completions of OpenAI, and of all servers that speak it: Azure, vLLM, llama.cpp,
 * Ollama's /v1, gateways. https://platform.openai.com/docs/api-reference/chat
 */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/marked.h"
#include "config/config.h"
#include "config/render_prompt.h"
#include "config/value.h"
#include "prompt/answer.h"
#include "prompt/dialect.h"
#include "prompt/parts.h"

/* ---- the request ---- */

static void
append_path(struct marked *url, UNUSED const struct prompt *prompt)
{
	append_own(url, "/chat/completions");
}

static const char *
max_tokens_field(const struct provider *provider)
{
	const struct marked *said = &provider->max_tokens_field.value;

	return said->text.len > 0 ? said->text.data
	                          : api_facts[provider->api].max_tokens_field;
}

static void
put_format(struct value *body, const struct prompt *prompt)
{
	struct value *format, *schema;

	if (prompt->format != PROMPT_JSON)
		return;
	format = put_map(body, "response_format");
	if (prompt->schema.source == NULL) {
		put_text(format, "type", "json_object");
		return;
	}
	put_text(format, "type", "json_schema");
	schema = put_map(format, "json_schema");
	put_text(schema, "name", "answer");
	put_bool(schema, "strict", true);
	put_schema(schema, "schema", &prompt->schema);
}

static struct value *
build(const struct prompt *prompt, const struct prompt_texts *texts)
{
	struct value *body = value_new_map();
	struct value *messages;

	put_marked(body, "model", &prompt->model_name);
	messages = put_list(body, "messages");
	add_message(messages, "system", &texts->system);
	add_message(messages, "user", &texts->prompt);
	put_number(body, "temperature", &prompt->temperature);
	put_number(body, "top_p", &prompt->top_p);
	if (prompt->max_tokens > 0)
		put_int(body, max_tokens_field(prompt->provider), prompt->max_tokens);
	put_texts(body, "stop", &prompt->stop);
	put_number(body, "seed", &prompt->seed);
	put_format(body, prompt);
	return body;
}

/* ---- the answer ---- */

static const struct ending endings[] = {
	{ "stop", ENDING_NORMAL },
	{ "eos", ENDING_NORMAL }, /* Together, for the model's own end */
	{ "length", ENDING_TRUNCATED },
	{ "model_length", ENDING_TRUNCATED }, /* Mistral: the model's context is full */
	{ "content_filter", ENDING_BLOCKED },
	{ NULL, ENDING_OTHER },
};

/* See read_openai_usage(). */
static const char *const usage_names[USAGE_NAME_COUNT] = { "prompt_tokens",
	"completion_tokens", "total_tokens", "prompt_tokens_details",
	"completion_tokens_details" };

/* Some servers answer with a list of parts, as it may be asked with. */
static void
read_content(struct span content, struct prompt_answer *answer)
{
	static const char *const names[] = { "type", "text" };
	struct span members[ARRAY_COUNT(names)];
	struct span_walk walk;
	struct span key, part;

	if (append_text(content, answer))
		return;
	span_walk_init(&walk, content);
	while (span_walk_next(&walk, &key, &part)) {
		span_members(part, names, ARRAY_COUNT(names), members);
		if (span_is_text(members[0], "text"))
			(void)append_text(members[1], answer);
	}
}

/* A refusal has the finish reason of an answer. */
static void
read_refusal(struct span refusal, struct prompt_answer *answer)
{
	if (span_kind(refusal) != SPAN_STRING || refusal.len <= 2)
		return;
	answer->ending = ENDING_BLOCKED;
	answer->why = text_of(refusal);
}

/* OpenRouter: the provider behind it failed midway. */
static void
read_choice_error(struct span error, struct prompt_answer *answer)
{
	int64_t code = tokens_of(span_member(error, "code"));

	answer->ending = ENDING_ERROR;
	free(answer->why);
	answer->why = text_of(span_member(error, "message"));
	answer->error_status = code >= 400 && code <= 599 ? (long)code : 0;
}

static void
read_choice(struct span choice, struct prompt_answer *answer)
{
	static const char *const choice_names[] = { "message", "finish_reason",
		"error" };
	static const char *const names[] = { "content", "refusal" };
	struct span parts[ARRAY_COUNT(choice_names)];
	struct span members[ARRAY_COUNT(names)];

	span_members(choice, choice_names, ARRAY_COUNT(choice_names), parts);
	span_members(parts[0], names, ARRAY_COUNT(names), members);
	read_content(members[0], answer);
	read_ending(answer, parts[1], "finish_reason", endings);
	if (is_error(parts[2]))
		read_choice_error(parts[2], answer);
	else if (span_kind(parts[0]) != SPAN_OBJECT)
		read_missing(answer, "the answer has no message");
	else if (answer->ending == ENDING_NORMAL)
		read_refusal(members[1], answer);
}

static void
read_answer(struct span body, UNUSED size_t input_bytes, struct prompt_answer *answer)
{
	static const char *const names[] = { "choices", "usage", "model" };
	struct span members[ARRAY_COUNT(names)];
	struct span choice;

	span_members(body, names, ARRAY_COUNT(names), members);
	read_openai_usage(members[1], usage_names, &answer->usage);
	answer->model = text_of(members[2]);
	choice = first_of(members[0]);
	if (span_kind(choice) == SPAN_OBJECT)
		read_choice(choice, answer);
	else
		read_missing(answer, "the answer has no choices");
}

const struct dialect dialect_openai = {
	.version_query = "api-version", /* Azure */
	.append_path = append_path,
	.build = build,
	.read = read_answer,
	.heeds_should_retry = true,
};
