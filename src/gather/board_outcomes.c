#include "gather/board_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"

/* ---- what is forgotten ---- */

void
board_forget_last_data(struct board_entry *entry)
{
	free(entry->last_data);
	entry->last_data = NULL;
	entry->last_data_len = 0;
}

static void
free_good(struct board_entry *entry)
{
	if (entry->good != NULL)
		outcome_clear(entry->good);
	free(entry->good);
	entry->good = NULL;
}

void
board_forget_good(struct board_entry *entry)
{
	free_good(entry);
	entry->input_hash[0] = '\0';
}

void
board_forget_restored(struct board_entry *entry)
{
	free(entry->restored);
	entry->restored = NULL;
	entry->restored_len = 0;
}

void
board_forget_answer(struct board_entry *entry)
{
	struct outcome nothing;

	outcome_init(&nothing);
	outcome_take_answer(&entry->outcome, &nothing);
	free(entry->outcome.excerpt);
	entry->outcome.excerpt = NULL;
	board_forget_last_data(entry);
	board_forget_good(entry);
	board_forget_restored(entry);
}

/* ---- copies ---- */

static char *
copy_text(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

static char *
copy_bytes(const char *text, size_t len)
{
	return text != NULL ? xmemdup0(text, len) : NULL;
}

static void
copy_prompt(struct outcome *out, const struct outcome_prompt *from)
{
	struct outcome_prompt *prompt;

	out->prompt = NULL;
	if (from == NULL)
		return;
	outcome_make_prompt(out);
	prompt = out->prompt;
	*prompt = *from;
	prompt->model = copy_text(from->model);
	prompt->prompt = copy_text(from->prompt);
	prompt->response = copy_bytes(from->response, from->response_len);
	prompt->finish_reason = copy_text(from->finish_reason);
	prompt->request_id = copy_text(from->request_id);
}

/* OUT, not initialised before, becomes a copy. */
static void
copy_outcome(struct outcome *out, const struct outcome *from)
{
	*out = *from;
	out->message = copy_text(from->message);
	out->excerpt = copy_text(from->excerpt);
	out->url = copy_text(from->url);
	out->final_url = copy_text(from->final_url);
	out->warnings = NULL;
	out->warning_count = 0;
	for (size_t i = 0; i < from->warning_count; i++)
		outcome_warn(out, xstrdup(from->warnings[i]));
	out->values = copy_bytes(from->values, from->values_len);
	out->secret_values = copy_bytes(from->secret_values, from->secret_values_len);
	out->data = copy_bytes(from->data, from->data_len);
	copy_prompt(out, from->prompt);
}

/* ---- the last good answer ---- */

bool
board_keeps_good(const struct target *target)
{
	const struct prompt *prompt = target_prompt(target);

	return prompt != NULL && (target->keep_last || prompt->when == WHEN_CHANGED);
}

const struct outcome *
board_last_good(const struct board_entry *entry)
{
	if (entry->asked && status_is_success(entry->outcome.status))
		return &entry->outcome;
	return entry->good;
}

/* OUTCOME is a copy of an answer: that nobody was asked for it. */
static void
set_reused(struct outcome *outcome)
{
	struct outcome unset;

	outcome_init(&unset);
	outcome->attempts = 0;
	outcome->duration_us = unset.duration_us;
	outcome->queued_us = unset.queued_us;
	outcome->timing = unset.timing;
	outcome->prompt->usage_unknown_attempts = 0;
	outcome->prompt->reused = true;
}

bool
board_reuse(
    const struct board_entry *entry, const char *input_hash, struct outcome *outcome)
{
	const struct outcome *good = board_last_good(entry);

	if (good == NULL || good->prompt == NULL || entry->input_hash[0] == '\0' ||
	    strcmp(entry->input_hash, input_hash) != 0)
		return false;
	copy_outcome(outcome, good);
	set_reused(outcome);
	return true;
}

static void
take_hash(struct board_entry *entry, const struct outcome_prompt *prompt)
{
	if (prompt != NULL)
		memcpy(
		    entry->input_hash, prompt->input_hash, sizeof(entry->input_hash));
	else
		entry->input_hash[0] = '\0';
}

/* OUTCOME is about to take the place of that of ENTRY, a prompt's: what was good in it is kept
 * aside, where it may be wanted again, until something good comes. */
static void
keep_good(struct board_entry *entry, const struct outcome *outcome)
{
	if (status_is_success(outcome->status)) {
		free_good(entry);
		take_hash(entry, outcome->prompt);
	} else if (!board_keeps_good(entry->target)) {
		board_forget_good(entry);
	} else if (entry->asked && status_is_success(entry->outcome.status)) {
		free_good(entry);
		entry->good = xmalloc(sizeof(*entry->good));
		*entry->good = entry->outcome;
		outcome_init(&entry->outcome);
	}
}

/* What the next attempt is taken to take. */
static void
note_spending(struct board_entry *entry, const struct outcome_prompt *prompt)
{
	if (prompt == NULL)
		return;
	if (prompt->usage.total >= 0)
		entry->last_tokens = prompt->usage.total;
	if (prompt->cost >= 0)
		entry->last_cost = prompt->cost;
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

static void
restore_prompt(struct board_entry *entry, struct board_memory *memory)
{
	entry->budget = memory->budget;
	entry->budget.reserved = 0;
	if (entry->budget.spent == 0)
		entry->budget.started_at_ms = -1;
	board_forget_good(entry);
	entry->good = memory->good;
	memory->good = NULL;
	if (entry->good != NULL) {
		outcome_make_prompt(entry->good);
		memcpy(entry->good->prompt->input_hash, memory->input_hash,
		    DIGEST_HEX_SIZE);
		take_hash(entry, entry->good->prompt);
	}
	entry->last_tokens = memory->last_tokens;
	entry->last_cost = memory->last_cost;
	if (!board_keeps_good(entry->target))
		board_forget_good(entry);
}

void
board_restore(
    struct board *board, struct board_entry *entry, struct board_memory *memory)
{
	assert(!entry->asked);
	board_recount(board, entry, entry->outcome.status, memory->status);
	entry->outcome.status = memory->status;
	entry->outcome.checked_at_ms = memory->checked_at_ms;
	entry->settled = settled_status(memory);
	entry->since_ms = memory->since_ms;
	entry->last_ok_at_ms = memory->last_ok_at_ms;
	entry->failures = memory->failures;
	board_forget_restored(entry);
	entry->restored = memory->entry;
	entry->restored_len = memory->entry_len;
	board_forget_last_data(entry);
	entry->last_data = memory->last_data;
	entry->last_data_len = memory->last_data_len;
	if (entry->target->kind == TARGET_PROMPT)
		restore_prompt(entry, memory);
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

/* OUTCOME is about to take the place of that of ENTRY, a service's: what was good in that is
 * kept aside on request, until something good comes. */
static void
keep_last(struct board_entry *entry, const struct outcome *outcome)
{
	const struct outcome *before = &entry->outcome;

	if (!entry->target->keep_last || status_is_success(outcome->status)) {
		board_forget_last_data(entry);
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

bool
board_is_put_off(const struct board_entry *entry)
{
	/* Who was not asked yet is pending, too. */
	return board_newest_status(entry) == STATUS_PENDING &&
	    (entry->held != NULL || entry->asked);
}

void
board_see(const struct board_entry *entry, struct board_entry *seen)
{
	const struct outcome *good = &entry->outcome;

	*seen = *entry;
	if (entry->held == NULL)
		return;
	if (entry->asked && status_is_success(entry->outcome.status)) {
		seen->last_data = entry->outcome.data;
		seen->last_data_len = entry->outcome.data_len;
		/* Nobody changes what is seen. */
		memcpy(&seen->good, &good, sizeof(struct outcome *));
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
	enum status before = entry->outcome.status;
	bool is_prompt = entry->target->kind == TARGET_PROMPT;
	bool changed;

	/* Nobody was asked, for it is not the time: that is when it last was. */
	if (outcome->status == STATUS_PENDING)
		outcome->checked_at_ms = entry->outcome.checked_at_ms;
	changed = note_change(entry, outcome);
	tally_put(&entry->tally, outcome);
	history_put(&entry->history, outcome);
	board_recount(board, entry, before, outcome->status);
	if (is_prompt) {
		keep_good(entry, outcome);
		note_spending(entry, outcome->prompt);
	} else {
		keep_last(entry, outcome);
	}
	board_forget_restored(entry);
	outcome_clear(&entry->outcome);
	entry->outcome = *outcome;
	outcome_init(outcome);
	go_on_with_streaks(entry);
	entry->asked = true;
	entry->version++;
	return changed;
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
	outcome->values = span_copy(span_member(whole, "values"), &outcome->values_len);
	outcome->data = span_copy(span_member(whole, "data"), &outcome->data_len);
	if (outcome->prompt != NULL)
		outcome->prompt->response = span_text(
		    span_member(whole, "response"), &outcome->prompt->response_len);
}

/* OUTCOME gets the answer of ENTRY; of one that is kept as a whole a copy. */
static void
pass_answer_on(struct board_entry *entry, struct outcome *outcome)
{
	struct outcome copy;

	if (!board_keeps_good(entry->target)) {
		outcome_take_answer(outcome, &entry->outcome);
		return;
	}
	copy_outcome(&copy, &entry->outcome);
	outcome_take_answer(outcome, &copy);
	outcome_clear(&copy);
}

bool
board_put_without_answer(
    struct board *board, struct board_entry *entry, struct outcome *outcome)
{
	if (!entry->asked)
		take_restored_answer(entry);
	pass_answer_on(entry, outcome);
	return board_put(board, entry, outcome);
}
