/*
 * The document that a former run published, read back: since when each target is what it
 * is, and how far the counters went.
 */
#ifndef GATHERD_PUBLISH_PREVIOUS_H
#define GATHERD_PUBLISH_PREVIOUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "gather/round.h"

struct board;
struct buffer;

struct previous {
	uint64_t generation;
	struct round_summary round; /* the one that ended last; number 0: none */
	size_t restored_count;      /* entries that found their target on the board */
};

/*
 * Read TEXT, a status document, and restore the entries of BOARD whose targets it names
 * (services among the services, prompts among the prompts), and what was spent of the budgets
 * of prompts and providers. What is odd in one entry leaves that entry pending.
 *
 * What an entry says is published again, with the keys that entries have by now and with ***
 * for what is a secret by now (see fitted_append()). Where its URL showed one, for all to
 * read, it is not: only what counts is restored then, its status and since when, its
 * failures, its last good answer.
 *
 * TEXT is used up. Returns false with *FAULT, the caller's, where it is no document: the
 * board is untouched then.
 */
MUST_CHECK bool previous_restore(
    struct board *board, struct buffer *text, struct previous *previous, char **fault);

#endif
