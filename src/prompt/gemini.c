/*
 * generateContent of Google's Gemini API, as its own client speaks it:
 * https://ai.google.dev/api/generate-content
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/marked.h"
#include "config/config.h"
#include "config/render_prompt.h"
#include "config/value.h"
#include "prompt/answer.h"
#include "prompt/dialect.h"
#include "prompt/parts.h"

/* ---- the request ---- */

/* "models/NAME" is how the API lists its models, "tunedModels/NAME" how it lists those that
 * somebody trained; a bare name is one of the former. */
static void
append_model(struct marked *url, const struct marked *model)
{
	static const char *const collections[] = { "models/", "tunedModels/" };

	for (size_t i = 0; i < ARRAY_COUNT(collections); i++) {
		size_t len = strlen(collections[i]);

		if (strncmp(model->text.data, collections[i], len) == 0) {
			append_own(url, collections[i]);
			append_encoded(url, model, len);
			return;
		}
	}
	append_own(url, collections[0]);
	append_encoded(url, model, 0);
}

static void
append_path(struct marked *url, const struct prompt *prompt)
{
	struct marked version;

	version_of(prompt, &version);
	append_own(url, "/");
	append_encoded(url, &version, 0);
	append_own(url, "/");
	append_model(url, &prompt->model_name);
	append_own(url, ":generateContent");
	marked_clear(&version);
}

static void
fill_content(struct value *content, const struct marked *text)
{
	put_marked(add_map(put_list(content, "parts")), "text", text);
	put_text(content, "role", "user");
}

static void
fill_config(struct value *config, const struct prompt *prompt)
{
	put_number(config, "temperature", &prompt->temperature);
	put_number(config, "topP", &prompt->top_p);
	if (prompt->max_tokens > 0)
		put_int(config, "maxOutputTokens", prompt->max_tokens);
	put_texts(config, "stopSequences", &prompt->stop);
	put_number(config, "seed", &prompt->seed);
	if (prompt->format == PROMPT_JSON)
		put_text(config, "responseMimeType", "application/json");
	put_schema(config, "responseJsonSchema", &prompt->schema);
}

static struct value *
build(const struct prompt *prompt, const struct prompt_texts *texts)
{
	struct value *body = value_new_map();
	struct value *config = value_new_map();

	fill_content(add_map(put_list(body, "contents")), &texts->prompt);
	if (texts->system.text.len > 0)
		fill_content(put_map(body, "systemInstruction"), &texts->system);
	fill_config(config, prompt);
	if (config->count > 0)
		value_set(body, "generationConfig", config);
	else
		value_free(config);
	return body;
}

/* ---- the answer ---- */

static const struct ending endings[] = {
	{ "stop", ENDING_NORMAL },
	{ "max_tokens", ENDING_TRUNCATED },
	{ "safety", ENDING_BLOCKED },
	{ "recitation", ENDING_BLOCKED },
	{ "language", ENDING_BLOCKED },
	{ "blocklist", ENDING_BLOCKED },
	{ "prohibited_content", ENDING_BLOCKED },
	{ "spii", ENDING_BLOCKED },
	{ "model_armor", ENDING_BLOCKED },
	{ "image_safety", ENDING_BLOCKED },
	{ "image_prohibited_content", ENDING_BLOCKED },
	{ "image_recitation", ENDING_BLOCKED },
	{ NULL, ENDING_OTHER },
};

/* What is left out is 0 (Protocol Buffers, "ProtoJSON"), as long as anything is said. */
static int64_t
sum_of(struct span first, struct span second)
{
	int64_t a = tokens_of(first);
	int64_t b = tokens_of(second);

	if (a == -1 && b == -1)
		return -1;
	return (a != -1 ? a : 0) + (b != -1 ? b : 0);
}

static void
read_usage(struct span metadata, struct prompt_usage *usage)
{
	static const char *const names[] = { "promptTokenCount",
		"toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount",
		"cachedContentTokenCount", "totalTokenCount" };
	struct span counts[ARRAY_COUNT(names)];

	span_members(metadata, names, ARRAY_COUNT(names), counts);
	usage->input = sum_of(counts[0], counts[1]);
	usage->output = sum_of(counts[2], counts[3]);
	usage->reasoning = tokens_of(counts[3]);
	usage->cached = tokens_of(counts[4]);
	usage->total = tokens_of(counts[5]);
	if (usage->output == -1 && usage->input != -1 && usage->total >= usage->input)
		usage->output = usage->total - usage->input;
}

/* What the model thought is not what it says. */
static void
read_parts(struct span content, struct prompt_answer *answer)
{
	static const char *const names[] = { "text", "thought" };
	struct span members[ARRAY_COUNT(names)];
	struct span_walk walk;
	struct span key, part;

	span_walk_init(&walk, span_member(content, "parts"));
	while (span_walk_next(&walk, &key, &part)) {
		span_members(part, names, ARRAY_COUNT(names), members);
		if (!is_true(members[1]))
			(void)append_text(members[0], answer);
	}
}

/* Append REASON, and MESSAGE where there is one. */
static void
append_reason(struct buffer *why, struct span reason, struct span message)
{
	char *texts[] = { text_of(reason), text_of(message) };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		if (texts[i] != NULL && texts[i][0] != '\0') {
			if (why->len > 0)
				buffer_append_string(why, ": ");
			buffer_append_string(why, texts[i]);
		}
		free(texts[i]);
	}
}

/* Which ones of the RATINGS were too bad. */
static void
append_ratings(struct buffer *why, struct span ratings)
{
	static const char *const names[] = { "category", "blocked" };
	struct span members[ARRAY_COUNT(names)];
	struct span_walk walk;
	struct span key, rating;
	const char *before = " (";

	span_walk_init(&walk, ratings);
	while (span_walk_next(&walk, &key, &rating)) {
		char *category;

		span_members(rating, names, ARRAY_COUNT(names), members);
		if (!is_true(members[1]))
			continue;
		category = text_of(members[0]);
		if (category != NULL) {
			buffer_append_string(why, before);
			buffer_append_string(why, category);
			before = ", ";
		}
		free(category);
	}
	if (before[0] == ',')
		buffer_append_char(why, ')');
}

static char *
why_blocked(struct span reason, struct span message, struct span ratings)
{
	struct buffer why;

	buffer_init(&why, BUFFER_UNLIMITED);
	append_reason(&why, reason, message);
	append_ratings(&why, ratings);
	return buffer_take(&why);
}

static void
read_candidate(struct span candidate, struct prompt_answer *answer)
{
	static const char *const names[] = { "content", "finishReason", "finishMessage",
		"safetyRatings" };
	struct span members[ARRAY_COUNT(names)];

	span_members(candidate, names, ARRAY_COUNT(names), members);
	read_parts(members[0], answer);
	read_ending(answer, members[1], "finishReason", endings);
	if (answer->ending == ENDING_BLOCKED)
		answer->why = why_blocked(members[1], members[2], members[3]);
	else if (answer->ending == ENDING_OTHER)
		answer->why = text_of(members[2]);
}

/* There is no candidate: the prompt was blocked, or nobody knows. */
static void
read_feedback(struct span feedback, struct prompt_answer *answer)
{
	static const char *const names[] = { "blockReason", "blockReasonMessage",
		"safetyRatings" };
	struct span members[ARRAY_COUNT(names)];

	span_members(feedback, names, ARRAY_COUNT(names), members);
	if (span_kind(members[0]) == SPAN_STRING) {
		answer->ending = ENDING_BLOCKED;
		answer->why = why_blocked(members[0], members[1], members[2]);
	} else {
		read_missing(answer, "the answer has no candidates");
	}
}

static void
read_answer(struct span body, UNUSED size_t input_bytes, struct prompt_answer *answer)
{
	static const char *const names[] = { "candidates", "promptFeedback",
		"usageMetadata", "modelVersion" };
	struct span members[ARRAY_COUNT(names)];
	struct span candidate;

	span_members(body, names, ARRAY_COUNT(names), members);
	read_usage(members[2], &answer->usage);
	answer->model = text_of(members[3]);
	candidate = first_of(members[0]);
	if (span_kind(candidate) == SPAN_OBJECT)
		read_candidate(candidate, answer);
	else
		read_feedback(members[1], answer);
}

const struct dialect dialect_gemini = {
	.append_path = append_path,
	.build = build,
	.read = read_answer,
};
