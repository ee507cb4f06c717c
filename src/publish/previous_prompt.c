#include "publish/previous_prompt.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "publish/budget_part.h"

/* ---- parts of an answer ---- */

static int64_t
read_count(struct span span)
{
	uint64_t count;

	return span_whole_number(span, &count) ? (int64_t)count : -1;
}

static void
read_usage(struct span span, struct prompt_usage *usage)
{
	static const char *const keys[] = { "input_tokens", "output_tokens",
		"reasoning_tokens", "cached_tokens", "total_tokens" };
	struct span values[ARRAY_COUNT(keys)];

	span_members(span, keys, ARRAY_COUNT(keys), values);
	usage->input = read_count(values[0]);
	usage->output = read_count(values[1]);
	usage->reasoning = read_count(values[2]);
	usage->cached = read_count(values[3]);
	usage->total = read_count(values[4]);
}

static void
read_warnings(struct span list, struct outcome *outcome)
{
	struct span_walk walk;
	struct span key, item;

	span_walk_init(&walk, list);
	while (span_walk_next(&walk, &key, &item)) {
		char *text = span_text(item, NULL);

		if (text != NULL)
			outcome_warn(outcome, text);
	}
}

static struct outcome *
answer_new(struct span response, struct span data)
{
	struct outcome *answer = xcalloc(1, sizeof(*answer));

	outcome_init(answer);
	answer->status = STATUS_OK;
	outcome_make_prompt(answer);
	answer->prompt->response = span_text(response, &answer->prompt->response_len);
	answer->data = span_copy(data, &answer->data_len);
	return answer;
}

/* ---- the last good answer ---- */

enum part {
	PART_CHECKED_AT,
	PART_HTTP_STATUS,
	PART_MODEL,
	PART_PROMPT,
	PART_RESPONSE,
	PART_FINISH_REASON,
	PART_USAGE,
	PART_COST,
	PART_INPUT_HASH,
	PART_REQUEST_ID,
	PART_WARNINGS,
	PART_VALUES,
	PART_DATA,
	PART_LAST_RESPONSE,
	PART_LAST_DATA,
};
#define PART_COUNT (PART_LAST_DATA + 1)

static const char *const part_keys[PART_COUNT] = {
	[PART_CHECKED_AT] = "checked_at",
	[PART_HTTP_STATUS] = "http_status",
	[PART_MODEL] = "model",
	[PART_PROMPT] = "prompt",
	[PART_RESPONSE] = "response",
	[PART_FINISH_REASON] = "finish_reason",
	[PART_USAGE] = "usage",
	[PART_COST] = "cost",
	[PART_INPUT_HASH] = "input_hash",
	[PART_REQUEST_ID] = "request_id",
	[PART_WARNINGS] = "warnings",
	[PART_VALUES] = "values",
	[PART_DATA] = "data",
	[PART_LAST_RESPONSE] = "last_response",
	[PART_LAST_DATA] = "last_data",
};

/* All of it, where the entry itself is a good one. */
static struct outcome *
read_answer(const struct span parts[PART_COUNT], enum status status)
{
	struct outcome *answer = answer_new(parts[PART_RESPONSE], parts[PART_DATA]);
	struct outcome_prompt *prompt = answer->prompt;

	answer->status = status;
	answer->checked_at_ms = span_time_ms(parts[PART_CHECKED_AT]);
	if (!span_is_nothing(parts[PART_HTTP_STATUS]))
		answer->http_status = (long)read_count(parts[PART_HTTP_STATUS]);
	answer->values = span_copy(parts[PART_VALUES], &answer->values_len);
	read_warnings(parts[PART_WARNINGS], answer);
	prompt->model = span_text(parts[PART_MODEL], NULL);
	prompt->prompt = span_text(parts[PART_PROMPT], NULL);
	prompt->finish_reason = span_text(parts[PART_FINISH_REASON], NULL);
	prompt->request_id = span_text(parts[PART_REQUEST_ID], NULL);
	prompt->cost = span_money(parts[PART_COST]);
	read_usage(parts[PART_USAGE], &prompt->usage);
	return answer;
}

/* Has VALUES all that TARGET takes out of an answer, and no others? */
static bool
fits_extract(struct span values, const struct target *target)
{
	const struct config_extracts *extract = &target->extract;

	for (size_t i = 0; i < extract->count; i++) {
		struct span value = span_member(values, extract->items[i].name);

		if (span_kind(value) == SPAN_ABSENT)
			return false;
	}
	return span_count(values) == extract->count;
}

/* Can the answer of these PARTS take the place of another one to PROMPT? Whoever takes other
 * values out of it, or wants JSON that is not there, has to ask again. */
static bool
is_usable(const struct prompt *prompt, const struct span parts[PART_COUNT])
{
	return prompt->when == WHEN_CHANGED &&
	    (prompt->format == PROMPT_TEXT) == span_is_nothing(parts[PART_DATA]) &&
	    fits_extract(parts[PART_VALUES], &prompt->target);
}

static void
read_hash(struct span span, char hash[DIGEST_HEX_SIZE])
{
	char *text = span_text(span, NULL);

	hash[0] = '\0';
	if (text != NULL && strlen(text) == DIGEST_HEX_LEN &&
	    strspn(text, "0123456789abcdef") == DIGEST_HEX_LEN)
		memcpy(hash, text, DIGEST_HEX_SIZE);
	free(text);
}

static void
read_good(const struct prompt *prompt, struct span entry, struct board_memory *memory)
{
	struct span parts[PART_COUNT];

	if (prompt->when != WHEN_CHANGED && !prompt->target.keep_last)
		return;
	span_members(entry, part_keys, PART_COUNT, parts);
	if (status_is_success(memory->status) &&
	    span_kind(parts[PART_RESPONSE]) == SPAN_STRING) {
		memory->good = read_answer(parts, memory->status);
		if (!is_usable(prompt, parts))
			return;
		read_hash(parts[PART_INPUT_HASH], memory->input_hash);
		memcpy(memory->good->prompt->input_hash, memory->input_hash,
		    DIGEST_HEX_SIZE);
	} else if (span_kind(parts[PART_LAST_RESPONSE]) == SPAN_STRING) {
		memory->good =
		    answer_new(parts[PART_LAST_RESPONSE], parts[PART_LAST_DATA]);
	}
}

static void
read_estimate(struct span span, struct board_memory *memory)
{
	memory->last_tokens = read_count(span_member(span, "tokens"));
	memory->last_cost = span_money(span_member(span, "cost"));
}

void
previous_prompt_read(const struct prompt *prompt, struct span entry, struct span raw,
    struct board_memory *memory)
{
	/* However little else may be said again, what was spent is. */
	(void)budget_part_read(
	    span_member(raw, "budget"), &prompt->budget, &memory->budget);
	read_estimate(span_member(raw, "estimate"), memory);
	read_good(prompt, entry, memory);
}
