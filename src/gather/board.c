#include "gather/board_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "config/types.h"
#include "config/value.h"
#include "gather/providers.h"

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

/* Where it would be asked, or what model, as far as that is known before. */
static void
take_address(struct board_entry *entry)
{
	const struct rendered_request *rendered = entry->target->rendered;
	const struct prompt *prompt = target_prompt(entry->target);

	free(entry->outcome.url);
	entry->outcome.url = rendered != NULL ? xstrdup(rendered->shown_url) : NULL;
	if (prompt == NULL)
		return;
	outcome_make_prompt(&entry->outcome);
	free(entry->outcome.prompt->model);
	entry->outcome.prompt->model = marked_shown(&prompt->model_name);
}

static struct board_entry *
entry_new(const struct target *target)
{
	struct board_entry *entry = xcalloc(1, sizeof(*entry));

	entry->target = target;
	outcome_init(&entry->outcome);
	take_address(entry);
	entry->since_ms = -1;
	entry->last_ok_at_ms = -1;
	entry->settled = STATUS_PENDING;
	entry->lasting = STATUS_PENDING;
	entry->planned_us = -1;
	entry->next_at_ms = -1;
	budget_init(&entry->budget);
	entry->last_tokens = -1;
	entry->last_cost = -1;
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
	board_forget_good(entry);
	free(entry->restored);
	forget_words(entry);
	free(entry);
}

/* ---- sums over all entries ---- */

void
board_recount(struct board *board, const struct board_entry *entry, enum status before,
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
	board->providers = providers_new(config);
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
	providers_free(board->providers);
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

/* What stays of what a prompt spent, and of its last good answer. */
static void
retarget_prompt(
    struct board_entry *entry, const struct prompt *before, const struct prompt *now)
{
	budget_go_on(&entry->budget, &before->budget, &now->budget);
	if (!board_keeps_good(&now->target) && entry->good != NULL)
		board_forget_good(entry);
}

/* ENTRY goes on under the new definition of its target. */
static void
retarget(struct board_entry *entry, const struct target *target)
{
	const struct prompt *before = target_prompt(entry->target);

	if (has_new_secret(target, entry->target))
		board_forget_answer(entry);
	/* That was another server's wish. */
	if (!has_same_host(target, entry->target))
		forget_hold(entry);
	if (before != NULL)
		retarget_prompt(entry, before, target_prompt(target));
	entry->target = target;
	forget_words(entry);
	take_words(entry);
	if (!entry->asked)
		take_address(entry);
	if (!target->keep_last)
		board_forget_last_data(entry);
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

		/* A name that another kind of target had is a new one. */
		if (before == NULL || before->kind != target->kind) {
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
	/* Gates live by the clock of those who ask. */
	providers_reload(board->providers, config, clock_now_us());
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

struct providers *
board_providers(const struct board *board)
{
	return board->providers;
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

/* ---- when it may be asked ---- */

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

/* ---- what the sums say ---- */

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

bool
board_has_failed_service(const struct board *board)
{
	for (size_t i = 0; i < board->config->service_count; i++) {
		const struct board_entry *entry = board->entries[i];

		/* An alert that cannot be sent is no reason for another one. */
		if (!entry->target->follows_services &&
		    status_is_failure(board_newest_status(entry)))
			return true;
	}
	return false;
}

enum whole {
	WHOLE_OK,
	WHOLE_DEGRADED,
	WHOLE_DOWN,
};

const char *const board_status_names[] = {
	[WHOLE_OK] = "ok",
	[WHOLE_DEGRADED] = "degraded",
	[WHOLE_DOWN] = "down",
	NULL,
};

static enum whole
judge_whole(const struct board *board)
{
	const size_t *of = board->counts.of;

	if (!board_has_required_failure(board) && of[STATUS_DEGRADED] == 0)
		return WHOLE_OK;
	if (of[STATUS_OK] == 0 && of[STATUS_DEGRADED] == 0)
		return WHOLE_DOWN;
	return WHOLE_DEGRADED;
}

const char *
board_status(const struct board *board)
{
	return board_status_names[judge_whole(board)];
}
