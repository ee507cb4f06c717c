#include "gather/board.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"

struct board {
	struct config *config; /* a reference */
	struct board_entry *entries;
	struct board_counts counts;
	size_t required_failed; /* how many required targets are listed as failed */
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

static void
entry_init(struct board_entry *entry, const struct target *target)
{
	entry->target = target;
	outcome_init(&entry->outcome);
	if (target->rendered != NULL)
		entry->outcome.url = xstrdup(target->rendered->shown_url);
	entry->since_ms = -1;
	entry->last_ok_at_ms = -1;
	entry->settled = STATUS_PENDING;
	entry->group = shown_or_null(&target->group);
	entry->description = shown_or_null(&target->description);
	entry->labels = pairs_as_json(&target->labels);
}

static void
entry_clear(struct board_entry *entry)
{
	outcome_clear(&entry->outcome);
	free(entry->group);
	free(entry->description);
	free(entry->labels);
}

struct board *
board_new(struct config *config)
{
	struct board *board = xcalloc(1, sizeof(*board));
	size_t count = config->target_count;

	board->config = config_ref(config);
	board->entries = xcalloc(count, sizeof(*board->entries));
	for (size_t i = 0; i < count; i++)
		entry_init(&board->entries[i], config->targets[i]);
	board->counts.total = count;
	board->counts.of[STATUS_PENDING] = count;
	return board;
}

void
board_free(struct board *board)
{
	if (board == NULL)
		return;
	for (size_t i = 0; i < board->counts.total; i++)
		entry_clear(&board->entries[i]);
	free(board->entries);
	config_unref(board->config);
	free(board);
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

const struct board_entry *
board_entry(const struct board *board, size_t index)
{
	assert(index < board->counts.total);
	return &board->entries[index];
}

void
board_set_in_flight(struct board *board, size_t index, bool in_flight)
{
	assert(index < board->counts.total);
	board->entries[index].in_flight = in_flight;
}

/* ---- outcomes ---- */

/* Keep the sums over all entries in step with one that goes from BEFORE to AFTER. */
static void
recount(struct board *board, const struct board_entry *entry, enum status before,
    enum status after)
{
	board->counts.of[before]--;
	board->counts.of[after]++;
	if (!entry->target->required)
		return;
	board->required_failed -= status_is_listed_failed(before);
	board->required_failed += status_is_listed_failed(after);
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

bool
board_put(struct board *board, size_t index, struct outcome *outcome)
{
	struct board_entry *entry;
	enum status before;

	assert(index < board->counts.total);
	entry = &board->entries[index];
	before = entry->outcome.status;
	recount(board, entry, before, outcome->status);
	outcome_clear(&entry->outcome);
	entry->outcome = *outcome;
	outcome_init(outcome);
	go_on_with_streaks(entry);
	entry->version++;
	return entry->version == 1 || entry->outcome.status != before;
}

void
board_count(const struct board *board, struct board_counts *counts)
{
	*counts = board->counts;
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
