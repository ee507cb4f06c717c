#include "gather/board.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_write.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"

struct board {
	struct config *config; /* a reference */
	/* By their targets' index; owned, and each of them. */
	struct board_entry **entries;
	struct board_counts counts;
	size_t required_failed; /* how many required targets are listed as failed */
	uint64_t failed_version;
};

/* ---- an entry before its first outcome ---- */

static char *
shown_or_null(const struct text *text)
{
	return text->value.text.len > 0 ? marked_shown(&text->value) : NULL;
}

/* PAIRS as a JSON object of texts; NULL where there are none. */
static char *
pairs_as_json(const struct config_pairs *pairs)
{
	struct buffer out;
	struct json_write json;

	if (pairs->count == 0)
		return NULL;
	buffer_init(&out, BUFFER_UNLIMITED);
	json_write_init(&json, &out);
	json_write_begin_object(&json);
	for (size_t i = 0; i < pairs->count; i++) {
		char *shown = marked_shown(&pairs->items[i].text.value);

		json_write_key(&json, pairs->items[i].name);
		json_write_string(&json, shown);
		free(shown);
	}
	json_write_end_object(&json);
	return buffer_take(&out);
}

/* The target's own words, which a reload may have changed. */
static void
take_words(struct board_entry *entry)
{
	const struct target *target = entry->target;

	entry->group = shown_or_null(&target->group);
	entry->description = shown_or_null(&target->description);
	entry->labels = pairs_as_json(&target->labels);
}

static void
forget_words(struct board_entry *entry)
{
	free(entry->group);
	free(entry->description);
	free(entry->labels);
}

/* Where it would be asked, as far as that is known before. */
static void
take_url(struct board_entry *entry)
{
	const struct rendered_request *rendered = entry->target->rendered;

	free(entry->outcome.url);
	entry->outcome.url = rendered != NULL ? xstrdup(rendered->shown_url) : NULL;
}

static struct board_entry *
entry_new(const struct target *target)
{
	struct board_entry *entry = xcalloc(1, sizeof(*entry));

	entry->target = target;
	outcome_init(&entry->outcome);
	take_url(entry);
	entry->since_ms = -1;
	entry->last_ok_at_ms = -1;
	entry->settled = STATUS_PENDING;
	entry->lasting = STATUS_PENDING;
	entry->planned_us = -1;
	entry->next_at_ms = -1;
	entry->told_at_us = -1;
	entry->skip_told_at_us = -1;
	take_words(entry);
	return entry;
}

static void
entry_free(struct board_entry *entry)
{
	if (entry == NULL)
		return;
	outcome_clear(&entry->outcome);
	free(entry->last_data);
	free(entry->restored);
	forget_words(entry);
	free(entry);
}

static void
forget_last_data(struct board_entry *entry)
{
	free(entry->last_data);
	entry->last_data = NULL;
	entry->last_data_len = 0;
}

static void
forget_restored(struct board_entry *entry)
{
	free(entry->restored);
	entry->restored = NULL;
	entry->restored_len = 0;
}

/* ---- sums over all entries ---- */

/* Keep them in step with an entry that goes from BEFORE to AFTER. */
static void
recount(struct board *board, const struct board_entry *entry, enum status before,
    enum status after)
{
	bool had_failed = status_is_listed_failed(before);
	bool has_failed = status_is_listed_failed(after);

	board->counts.of[before]--;
	board->counts.of[after]++;
	if (had_failed == has_failed)
		return;
	board->failed_version++;
	if (entry->target->required && has_failed)
		board->required_failed++;
	else if (entry->target->required)
		board->required_failed--;
}

static void
count_all(struct board *board)
{
	board->counts = (struct board_counts){ .total = board->config->target_count };
	board->required_failed = 0;
	board->failed_version++; /* others are there, or in another order */
	for (size_t i = 0; i < board->counts.total; i++) {
		const struct board_entry *entry = board->entries[i];
		enum status status = entry->outcome.status;

		board->counts.of[status]++;
		if (entry->target->required)
			board->required_failed += status_is_listed_failed(status);
	}
}

/* ---- the board, and its configs ---- */

struct board *
board_new(struct config *config)
{
	struct board *board = xcalloc(1, sizeof(*board));
	size_t count = config->target_count;

	board->config = config_ref(config);
	board->entries = xcalloc(count + 1, sizeof(struct board_entry *));
	for (size_t i = 0; i < count; i++)
		board->entries[i] = entry_new(config->targets[i]);
	count_all(board);
	return board;
}

void
board_free(struct board *board)
{
	if (board == NULL)
		return;
	for (size_t i = 0; i < board->counts.total; i++)
		entry_free(board->entries[i]);
	free((void *)board->entries);
	config_unref(board->config);
	free(board);
}

/* Does TARGET call a value secret that may have been none for what it was BEFORE? */
static bool
has_new_secret(const struct target *target, const struct target *before)
{
	return target->has_secret_value &&
	    (before->extract.source == NULL || target->extract.source == NULL ||
	        !value_equal(before->extract.source, target->extract.source));
}

/* What came out of ENTRY's answers is shown no more. */
static void
forget_answer(struct board_entry *entry)
{
	struct outcome nothing;

	outcome_init(&nothing);
	outcome_take_answer(&entry->outcome, &nothing);
	free(entry->outcome.excerpt);
	entry->outcome.excerpt = NULL;
	forget_last_data(entry);
	forget_restored(entry);
}

static bool
has_same_host(const struct target *a, const struct target *b)
{
	return a->host != NULL && b->host != NULL && strcmp(a->host, b->host) == 0;
}

/* Nobody has ENTRY wait any more. */
static void
forget_hold(struct board_entry *entry)
{
	entry->hold_until_us = 0;
	entry->backoff_until_us = 0;
	entry->next_at_ms = -1;
}

/* ENTRY goes on under the new definition of its target. */
static void
retarget(struct board_entry *entry, const struct target *target)
{
	if (has_new_secret(target, entry->target))
		forget_answer(entry);
	/* That was another server's wish. */
	if (!has_same_host(target, entry->target))
		forget_hold(entry);
	entry->target = target;
	forget_words(entry);
	take_words(entry);
	if (!entry->asked)
		take_url(entry);
	if (!target->keep_last)
		forget_last_data(entry);
	entry->version++;
}

void
board_reload(struct board *board, struct config *config)
{
	size_t count = config->target_count;
	struct board_entry **entries = xcalloc(count + 1, sizeof(struct board_entry *));

	for (size_t i = 0; i < count; i++) {
		const struct target *target = config->targets[i];
		const struct target *before = config_find(board->config, target->name);

		if (before == NULL) {
			entries[i] = entry_new(target);
			continue;
		}
		entries[i] = board->entries[before->index];
		board->entries[before->index] = NULL;
		retarget(entries[i], target);
	}
	for (size_t i = 0; i < board->counts.total; i++) {
		/* A turn that is under way would come back to it. */
		assert(board->entries[i] == NULL || !board->entries[i]->in_flight);
		entry_free(board->entries[i]);
	}
	free((void *)board->entries);
	board->entries = entries;
	config_ref(config);
	config_unref(board->config);
	board->config = config;
	count_all(board);
}

const struct config *
board_config(const struct board *board)
{
	return board->config;
}

size_t
board_size(const struct board *board)
{
	return board->counts.total;
}

struct board_entry *
board_entry(const struct board *board, size_t index)
{
	assert(index < board->counts.total);
	return board->entries[index];
}

struct board_entry *
board_find(const struct board *board, const char *name)
{
	const struct target *target = config_find(board->config, name);

	return target != NULL ? board_entry(board, target->index) : NULL;
}

void
board_set_in_flight(struct board_entry *entry, bool in_flight)
{
	entry->in_flight = in_flight;
}

void
board_set_in_extra_turn(struct board_entry *entry, bool in_extra_turn)
{
	entry->in_extra_turn = in_extra_turn;
}

void
board_set_planned(struct board_entry *entry, int64_t planned_us)
{
	entry->planned_us = planned_us;
}

/* ---- what a former run knew ---- */

/* What it was before it was skipped or cancelled is not said; it was well, though, if no
 * failure has been counted since it last was. */
static enum status
settled_status(const struct board_memory *memory)
{
	if (status_is_success(memory->status) || status_is_failure(memory->status))
		return memory->status;
	if (memory->failures == 0 && memory->last_ok_at_ms >= 0)
		return STATUS_OK;
	return STATUS_PENDING;
}

void
board_restore(
    struct board *board, struct board_entry *entry, struct board_memory *memory)
{
	assert(!entry->asked);
	recount(board, entry, entry->outcome.status, memory->status);
	entry->outcome.status = memory->status;
	entry->outcome.checked_at_ms = memory->checked_at_ms;
	entry->settled = settled_status(memory);
	entry->since_ms = memory->since_ms;
	entry->last_ok_at_ms = memory->last_ok_at_ms;
	entry->failures = memory->failures;
	forget_restored(entry);
	entry->restored = memory->entry;
	entry->restored_len = memory->entry_len;
	forget_last_data(entry);
	entry->last_data = memory->last_data;
	entry->last_data_len = memory->last_data_len;
	*memory = (struct board_memory){ .status = STATUS_PENDING };
	entry->version++;
}

/* ---- outcomes ---- */

/* The data of ENTRY's last outcome is the last good one. OUTCOME, the next, may have taken
 * it over: then both have it. */
static void
keep_data(struct board_entry *entry, const struct outcome *outcome)
{
	struct outcome *before = &entry->outcome;

	if (outcome->data != NULL) {
		entry->last_data = xmemdup0(outcome->data, outcome->data_len);
		entry->last_data_len = outcome->data_len;
		return;
	}
	entry->last_data = before->data;
	entry->last_data_len = before->data_len;
	before->data = NULL;
}

/* OUTCOME is about to take the place of ENTRY's: what was good in that is kept aside on
 * request, until something good comes. */
static void
keep_last(struct board_entry *entry, const struct outcome *outcome)
{
	const struct outcome *before = &entry->outcome;

	if (!entry->target->keep_last || status_is_success(outcome->status)) {
		forget_last_data(entry);
	} else if (entry->asked && status_is_success(before->status)) {
		keep_data(entry, outcome);
	}
}

static void
go_on_with_streaks(struct board_entry *entry)
{
	const struct outcome *outcome = &entry->outcome;

	/* It was not asked, or not to the end: nothing new is known of it. */
	if (!status_is_success(outcome->status) && !status_is_failure(outcome->status))
		return;
	if (outcome->status != entry->settled)
		entry->since_ms = outcome->checked_at_ms;
	entry->settled = outcome->status;
	if (status_is_success(outcome->status)) {
		entry->last_ok_at_ms = outcome->checked_at_ms;
		entry->failures = 0;
	} else if (outcome->kind != KIND_INTERNAL) {
		entry->failures++; /* what we ran out of is no failure of the target */
	}
}

enum status
board_newest_status(const struct board_entry *entry)
{
	return entry->held != NULL ? entry->held->status : entry->outcome.status;
}

void
board_see(const struct board_entry *entry, struct board_entry *seen)
{
	*seen = *entry;
	if (entry->held == NULL)
		return;
	if (entry->asked && status_is_success(entry->outcome.status)) {
		seen->last_data = entry->outcome.data;
		seen->last_data_len = entry->outcome.data_len;
	}
	seen->outcome = *entry->held;
	seen->asked = true;
	go_on_with_streaks(seen);
}

/* Nobody was asked, for a Retry-After. */
static bool
is_held_back(const struct outcome *outcome)
{
	return outcome->status == STATUS_SKIPPED && outcome->kind == KIND_RATE_LIMITED;
}

/* Is OUTCOME, ENTRY's next, a change? */
static bool
note_change(struct board_entry *entry, const struct outcome *outcome)
{
	bool changed = !entry->asked ||
	    (!is_held_back(outcome) && outcome->status != entry->lasting);

	if (changed)
		entry->lasting = outcome->status;
	return changed;
}

bool
board_put(struct board *board, struct board_entry *entry, struct outcome *outcome)
{
	bool changed = note_change(entry, outcome);

	recount(board, entry, entry->outcome.status, outcome->status);
	keep_last(entry, outcome);
	forget_restored(entry);
	outcome_clear(&entry->outcome);
	entry->outcome = *outcome;
	outcome_init(outcome);
	go_on_with_streaks(entry);
	entry->asked = true;
	entry->version++;
	return changed;
}

/* The text of VALUE, the caller's, of *LEN bytes; NULL where nothing is said. */
static char *
copy_value(struct span value, size_t *len)
{
	*len = span_is_nothing(value) ? 0 : value.len;
	return *len > 0 ? xmemdup0(value.text, value.len) : NULL;
}

/* What a former run's entry says of its answer is as good as an answer of this one. */
static void
take_restored_answer(struct board_entry *entry)
{
	struct outcome *outcome = &entry->outcome;
	struct span whole;

	if (entry->restored == NULL)
		return;
	whole = span_whole(entry->restored, entry->restored_len);
	outcome->values =
	    copy_value(span_member(whole, "values"), &outcome->values_len);
	outcome->data = copy_value(span_member(whole, "data"), &outcome->data_len);
}

bool
board_put_without_answer(
    struct board *board, struct board_entry *entry, struct outcome *outcome)
{
	if (!entry->asked)
		take_restored_answer(entry);
	outcome_take_answer(outcome, &entry->outcome);
	return board_put(board, entry, outcome);
}

void
board_hold(UNUSED struct board *board, struct board_entry *entry, int64_t hold_until_us,
    int64_t backoff_until_us, int64_t now_us, int64_t now_ms)
{
	int64_t until_us =
	    hold_until_us > backoff_until_us ? hold_until_us : backoff_until_us;
	int64_t next_at_ms =
	    until_us > now_us ? now_ms + (until_us - now_us) / 1000 : -1;

	entry->hold_until_us = hold_until_us;
	entry->backoff_until_us = backoff_until_us;
	if (entry->next_at_ms != next_at_ms)
		entry->version++;
	entry->next_at_ms = next_at_ms;
}

void
board_count(const struct board *board, struct board_counts *counts)
{
	*counts = board->counts;
}

uint64_t
board_failed_version(const struct board *board)
{
	return board->failed_version;
}

bool
board_has_required_failure(const struct board *board)
{
	return board->required_failed > 0;
}

const char *
board_status(const struct board *board)
{
	const size_t *of = board->counts.of;

	if (!board_has_required_failure(board) && of[STATUS_DEGRADED] == 0)
		return "ok";
	if (of[STATUS_OK] == 0 && of[STATUS_DEGRADED] == 0)
		return "down";
	return "degraded";
}
