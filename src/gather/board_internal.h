/*
 * What the files of the board need of each other: board.c has the entries, their sums and
 * reloads, board_outcomes.c what outcomes, and a former run's document, make of an entry.
 *
 * Private to gather/board.
 */
#ifndef GATHERD_GATHER_BOARD_INTERNAL_H
#define GATHERD_GATHER_BOARD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gather/board.h"

struct board {
	struct config *config; /* a reference */
	/* By their targets' index; owned, and each of them. */
	struct board_entry **entries;
	struct board_counts counts;
	size_t required_failed; /* how many required targets are listed as failed */
	uint64_t failed_version;
	struct providers *providers; /* owned */
};

/* ---- board.c ---- */

/* Keep the sums in step with ENTRY that goes from BEFORE to AFTER. */
void board_recount(struct board *board, const struct board_entry *entry,
    enum status before, enum status after);

/* ---- board_outcomes.c ---- */

/* Is TARGET's last good answer to be kept as a whole while there is no other? */
bool board_keeps_good(const struct target *target);

void board_forget_last_data(struct board_entry *entry);
/* The last good answer is not to be used again. */
void board_forget_good(struct board_entry *entry);
void board_forget_restored(struct board_entry *entry);

/* What came out of ENTRY's answers is shown no more. */
void board_forget_answer(struct board_entry *entry);

#endif
