/*
 * The board: for each target its last outcome and its streaks. The only mutable state
 * that outlives a round.
 */
#ifndef GATHERD_GATHER_BOARD_H
#define GATHERD_GATHER_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gather/fields.h"
#include "gather/outcome.h"

struct config;
struct target;

struct board_entry {
	const struct target *target; /* borrowed from the board's config */
	struct outcome outcome;
	int64_t since_ms;      /* wall time at which `settled` began; -1: never */
	int64_t last_ok_at_ms; /* -1: never */
	uint64_t failures; /* turns in a row that ended in timeout, http_error, error */
	enum status settled; /* the last that was neither cancelled nor skipped */
	uint64_t version;    /* grows by one with every outcome; 0: none yet */
	bool in_flight;      /* a turn of it is between its start and its end */

	/* The target's own words as shown, with secrets as ***; NULL: not set. */
	char *group;       /* owned */
	char *description; /* owned */
	char *labels;      /* owned: a JSON object of texts */
};

/* How many entries have each status, over all targets. */
struct board_counts {
	size_t of[STATUS_COUNT];
	size_t total;
};

struct board;

/* An entry for each enabled target of CONFIG, pending, of which a reference is held. */
struct board *board_new(struct config *config);
void board_free(struct board *board);

const struct config *board_config(const struct board *board);
size_t board_size(const struct board *board);

/* The entry of the target with that index; borrowed, changed by board_put(). */
const struct board_entry *board_entry(const struct board *board, size_t index);

void board_set_in_flight(struct board *board, size_t index, bool in_flight);

/*
 * Take OUTCOME over (its fields are moved, it is empty then) and go on with the streaks:
 * `cancelled` and `skipped` touch neither `failures` nor `since` nor `last_ok_at`; an
 * error of kind `internal`, being ours, leaves `failures`.
 * Returns true if it is the first outcome or its status differs from the one before.
 */
bool board_put(struct board *board, size_t index, struct outcome *outcome);

void board_count(const struct board *board, struct board_counts *counts);

/* Did a target fail that is not `required: false`? */
bool board_has_required_failure(const struct board *board);

/*
 * The document's word: "down" where a required target failed and none is ok or degraded,
 * "ok" where none failed or is degraded, "degraded" between. Targets that were not asked
 * yet count for nothing.
 */
const char *board_status(const struct board *board);

#endif
