/*
 * /api/chat of Ollama, its own API:
 * https://github.com/ollama/ollama/blob/main/docs/api.md
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/marked.h"
#include "base/xalloc.h"
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
	append_own(url, "/api/chat");
}

static void
fill_options(struct value *options, const struct prompt *prompt)
{
	put_number(options, "temperature", &prompt->temperature);
	put_number(options, "top_p", &prompt->top_p);
	if (prompt->max_tokens > 0)
		put_int(options, "num_predict", prompt->max_tokens);
	put_texts(options, "stop", &prompt->stop);
	put_number(options, "seed", &prompt->seed);
}

static struct value *
build(const struct prompt *prompt, const struct prompt_texts *texts)
{
	struct value *body = value_new_map();
	struct value *options = value_new_map();
	struct value *messages;

	put_marked(body, "model", &prompt->model_name);
	messages = put_list(body, "messages");
	add_message(messages, "system", &texts->system);
	add_message(messages, "user", &texts->prompt);
	/* Else the answer comes in pieces, a line each. */
	put_bool(body, "stream", false);
	if (prompt->schema.source != NULL)
		put_schema(body, "format", &prompt->schema);
	else if (prompt->format == PROMPT_JSON)
		put_text(body, "format", "json");
	fill_options(options, prompt);
	if (options->count > 0)
		value_set(body, "options", options);
	else
		value_free(options);
	return body;
}

/* ---- the answer ---- */

static const struct ending endings[] = {
	{ "stop", ENDING_NORMAL }, { "length", ENDING_TRUNCATED },
	{ NULL, ENDING_OTHER }, /* "load", "unload": there was nothing to answer */
};

/* No text has fewer tokens than a sixth of its bytes, but for a few that are all blanks. */
#define MOST_BYTES_PER_TOKEN 6
/* So many are no sign of anything: short texts, and frames around them. */
#define SLACK_TOKENS 100

/* A prompt that is longer than the context loses its beginning, and the answer is as good as
 * any: only the count tells. */
static char *
warning_of(size_t input_bytes, int64_t read_tokens)
{
	size_t least = input_bytes / MOST_BYTES_PER_TOKEN;

	if (read_tokens < 0 || least < (size_t)read_tokens + SLACK_TOKENS)
		return NULL;
	return xasprintf("the model read only %" PRId64 " tokens of %zu bytes: its "
	                 "context was cut; extra_body: {options: {num_ctx: N}} makes "
	                 "it larger",
	    read_tokens, input_bytes);
}

/* Servers before 0.1.39 say that it is done, but not why. */
static void
read_done(struct span done, struct span reason, struct prompt_answer *answer)
{
	if (!is_true(done))
		read_missing(answer, "the answer is not done");
	else if (!span_is_nothing(reason))
		read_ending(answer, reason, "done_reason", endings);
}

/* A call of a tool has no word of its own. */
static void
read_message(struct span message, struct span done, struct span reason,
    struct prompt_answer *answer)
{
	static const char *const names[] = { "content", "tool_calls" };
	struct span members[ARRAY_COUNT(names)];

	span_members(message, names, ARRAY_COUNT(names), members);
	(void)append_text(members[0], answer);
	read_done(done, reason, answer);
	if (answer->ending == ENDING_NORMAL && answer->text.len == 0 &&
	    first_of(members[1]).text != NULL) {
		answer->ending = ENDING_OTHER;
		answer->why = xstrdup("it calls a tool");
	}
}

static void
read_answer(struct span body, size_t input_bytes, struct prompt_answer *answer)
{
	static const char *const names[] = { "message", "done", "done_reason", "model",
		"prompt_eval_count", "eval_count" };
	struct span members[ARRAY_COUNT(names)];

	span_members(body, names, ARRAY_COUNT(names), members);
	answer->model = text_of(members[3]);
	answer->usage.input = tokens_of(members[4]);
	answer->usage.output = tokens_of(members[5]);
	if (span_kind(members[0]) != SPAN_OBJECT) {
		read_missing(answer, "the answer has no message");
		return;
	}
	read_message(members[0], members[1], members[2], answer);
	answer->warning = warning_of(input_bytes, answer->usage.input);
}

const struct dialect dialect_ollama = {
	.append_path = append_path,
	.build = build,
	.read = read_answer,
};
