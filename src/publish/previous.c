#include "publish/previous.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/secrets.h"
#include "base/span.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/board.h"
#include "prompt/prompt_request.h"
#include "publish/document.h"
#include "publish/fitted.h"
#include "publish/previous_prompt.h"
#include "publish/providers_part.h"
#include "template/template.h"

/* ---- the head ---- */

static struct round_summary
read_round(struct span span)
{
	static const char *const keys[] = { "number", "started_at", "duration_ms",
		"targets" };
	struct round_summary round = { .started_at_ms = -1, .duration_us = -1 };
	struct span values[ARRAY_COUNT(keys)];
	uint64_t target_count;

	span_members(span, keys, ARRAY_COUNT(keys), values);
	/* Without a number nothing else of it counts. */
	if (!span_whole_number(values[0], &round.number) || round.number == 0)
		return round;
	round.started_at_ms = span_time_ms(values[1]);
	round.duration_us = span_ms_as_us(values[2]);
	if (span_whole_number(values[3], &target_count))
		round.target_count = (size_t)target_count;
	return round;
}

static struct previous
read_head(const struct document *document)
{
	struct previous previous = { .round = read_round(document->head[HEAD_ROUND]) };

	if (!span_whole_number(document->head[HEAD_GENERATION], &previous.generation))
		previous.generation = 0;
	return previous;
}

/* ---- one entry ---- */

enum part {
	PART_STATUS,
	PART_SINCE,
	PART_CHECKED_AT,
	PART_LAST_OK_AT,
	PART_FAILURES,
	PART_URL,
	PART_DATA,
	PART_LAST_DATA,
};
#define PART_COUNT (PART_LAST_DATA + 1)

static const char *const part_keys[PART_COUNT] = {
	[PART_STATUS] = "status",
	[PART_SINCE] = "since",
	[PART_CHECKED_AT] = "checked_at",
	[PART_LAST_OK_AT] = "last_ok_at",
	[PART_FAILURES] = "failures",
	[PART_URL] = "url",
	[PART_DATA] = "data",
	[PART_LAST_DATA] = "last_data",
};

/* Pending where it says nothing that is known. */
static enum status
read_status(struct span span)
{
	int status = 0;

	while (status < STATUS_PENDING && !span_is_text(span, status_names[status]))
		status++;
	return (enum status)status;
}

/* The last good answer, as far as the entry knows one. */
static struct span
last_good_data(const struct span *parts, enum status status)
{
	if (!span_is_nothing(parts[PART_LAST_DATA]))
		return parts[PART_LAST_DATA];
	if (status_is_success(status) && !span_is_nothing(parts[PART_DATA]))
		return parts[PART_DATA];
	return (struct span){ .text = NULL };
}

/* In place of what nobody knows yet: too short to be taken for a secret. */
#define UNKNOWN "-"

static size_t
get_unknown(UNUSED const struct template_value *map, UNUSED const char *path,
    size_t len, struct template_value *found)
{
	*found = (struct template_value){ .kind = TEMPLATE_TEXT, .plain = UNKNOWN };
	return len;
}

/* The state of gathering before anybody was asked. */
static const struct template_data unknown_data = { .get = get_unknown };
static const struct template_value unknown_state = {
	.kind = TEMPLATE_MAP,
	.data = &unknown_data,
};

/* What TARGET would be asked now, which knows the secrets that the config has for it. Where
 * that has {{now}} or answers of others in it, *OWN is it, the caller's. NULL: it cannot be
 * rendered. */
static const struct rendered_request *
render_now(const struct config *config, const struct target *target,
    struct rendered_request **own)
{
	const struct render_with with = {
		.wall_ms = clock_wall_ms(),
		.state = &unknown_state,
		.bearer = UNKNOWN,
	};
	struct render_fault fault = { .why = NULL };

	*own = NULL;
	if (target->rendered != NULL)
		return target->rendered;
	*own = target_request(config, target, &with, &fault);
	free(fault.why);
	return *own;
}

/* Does URL show, for all to read, what is a secret by now? However short: what else is
 * known of it stands in the open, too. */
static bool
shows_a_secret(struct span url, const struct rendered_request *now)
{
	const char *real = now->request.url.text;

	return strcmp(real, now->shown_url) != 0 && span_is_text(url, real);
}

/* TEXT without what the request holds secret now; the caller's. */
static char *
mask(struct span text, const struct rendered_request *now, size_t *len)
{
	struct buffer masked;

	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked_json(now->request.secrets, &masked, text.text, text.len);
	*len = masked.len;
	return buffer_take(&masked);
}

/* Likewise the entry TEXT, as this version would have published it. */
static char *
mask_entry(struct span text, const struct target *target,
    const struct rendered_request *now, size_t *len)
{
	struct buffer fitted;
	char *masked;

	buffer_init(&fitted, BUFFER_UNLIMITED);
	fitted_append(&fitted, text, target);
	masked = mask((struct span){ fitted.data, fitted.len }, now, len);
	buffer_clear(&fitted);
	return masked;
}

/* Take over into MEMORY how the entry TEXT, of these PARTS, reads. */
static void
remember_texts(struct board_memory *memory, struct span text, const struct span *parts,
    const struct config *config, const struct target *target)
{
	struct span data = last_good_data(parts, memory->status);
	struct rendered_request *own;
	const struct rendered_request *now = render_now(config, target, &own);

	/* Nobody knows the secrets of what cannot be asked for. */
	if (now == NULL)
		return;
	if (!shows_a_secret(parts[PART_URL], now))
		memory->entry = mask_entry(text, target, now, &memory->entry_len);
	if (target->kind == TARGET_SERVICE && target->keep_last &&
	    !target->has_secret_value && data.text != NULL)
		memory->last_data = mask(data, now, &memory->last_data_len);
	rendered_request_free(own);
}

/* The rest, of an entry TEXT of PROMPT. */
static void
remember_prompt(
    struct board_memory *memory, struct span text, const struct prompt *prompt)
{
	const struct span published = { memory->entry, memory->entry_len };

	previous_prompt_read(prompt, published, text, memory);
}

/* Is there nothing to go on with? Of a prompt that was not asked more may be known than that. */
static bool
is_empty(const struct board_memory *memory)
{
	return memory->status == STATUS_PENDING && memory->checked_at_ms < 0 &&
	    memory->budget.started_at_ms < 0;
}

static void
forget(struct board_memory *memory)
{
	free(memory->entry);
	free(memory->last_data);
	if (memory->good != NULL)
		outcome_clear(memory->good);
	free(memory->good);
}

/* Returns false where TEXT knows nothing of the target. */
static bool
restore(struct board *board, struct board_entry *entry, struct span text)
{
	const struct prompt *prompt = target_prompt(entry->target);
	struct span parts[PART_COUNT];
	struct board_memory memory;

	span_members(text, part_keys, PART_COUNT, parts);
	memory = (struct board_memory){
		.status = read_status(parts[PART_STATUS]),
		.since_ms = span_time_ms(parts[PART_SINCE]),
		.checked_at_ms = span_time_ms(parts[PART_CHECKED_AT]),
		.last_ok_at_ms = span_time_ms(parts[PART_LAST_OK_AT]),
		.last_tokens = -1,
		.last_cost = -1,
	};
	/* One that is put off is pending, too, and knows when it last was well. */
	if (memory.status == STATUS_PENDING && prompt == NULL &&
	    !span_is_text(parts[PART_STATUS], status_names[STATUS_PENDING]))
		return false;
	budget_init(&memory.budget);
	if (!span_whole_number(parts[PART_FAILURES], &memory.failures))
		memory.failures = 0;
	remember_texts(&memory, text, parts, board_config(board), entry->target);
	if (prompt != NULL)
		remember_prompt(&memory, text, prompt);
	if (is_empty(&memory)) {
		forget(&memory);
		return false;
	}
	board_restore(board, entry, &memory);
	return true;
}

/* ---- all of them ---- */

/* The entry on BOARD that OLD was the entry of, or NULL. */
static struct board_entry *
find_entry(const struct board *board, const struct document_entry *old)
{
	const struct target *target;

	target = config_find(board_config(board), old->name);
	/* Compared again: a name may hold a NUL there, behind which nobody has looked. */
	if (target == NULL || !span_is_text(old->key, target->name) ||
	    old->is_prompt != (target->kind == TARGET_PROMPT))
		return NULL;
	return board_entry(board, target->index);
}

/* Returns how many entries of BOARD know more now. */
static size_t
restore_all(struct board *board, const struct document *document)
{
	size_t count = 0;

	for (size_t i = 0; i < document->entry_count; i++) {
		const struct document_entry *old = &document->entries[i];
		struct board_entry *entry = find_entry(board, old);
		bool first;

		/* What came of asking it is newer than any document. */
		if (entry == NULL || entry->asked)
			continue;
		first = entry->outcome.status == STATUS_PENDING;
		/* Of doubled names the last one counts, as for every reader. */
		if (restore(board, entry, old->text) && first)
			count++;
	}
	return count;
}

bool
previous_restore(
    struct board *board, struct buffer *text, struct previous *previous, char **fault)
{
	struct document document;
	bool parsed = document_parse_compact(&document, text, fault);

	if (parsed) {
		*previous = read_head(&document);
		previous->restored_count = restore_all(board, &document);
		providers_part_restore(
		    document.head[HEAD_PROVIDERS], board_providers(board));
	}
	document_clear(&document);
	return parsed;
}
