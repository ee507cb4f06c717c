/*
 * What prompts spend: of their own budgets, and of their providers'.
 *
 * Budgets are found by name each time, for the board may have gone over to another config since
 * the last.
 */
#ifndef GATHERD_GATHER_SPENDING_H
#define GATHERD_GATHER_SPENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board;
struct outcome_prompt;
struct prompt;

/* Of one attempt; a budget counts one of the two. */
struct spending {
	int64_t tokens;
	int64_t cost; /* money */
};

/* Does PROMPT or its provider have a budget? */
bool spending_is_limited(const struct board *board, const struct prompt *prompt);

/* About what an attempt at PROMPT with INPUT_BYTES of text will take: what its last answer
 * took, where that is known and no more than its budgets allow; else a token for four bytes, and
 * as many as it may answer with. */
struct spending spending_estimate(
    const struct board *board, const struct prompt *prompt, size_t input_bytes);

/* What the answer ANSWER took, with what ESTIMATE says of what it does not tell. */
struct spending spending_of(
    const struct outcome_prompt *answer, const struct spending *estimate);

/* Why an attempt at PROMPT that takes AMOUNT may not be started at WALL_MS; UNDER_WAY: besides
 * those that are under way. NULL: it may. The caller's. */
char *spending_objection(const struct board *board, const struct prompt *prompt,
    const struct spending *amount, bool under_way, int64_t wall_ms);

/* It is started; and ended, having taken SPENT of the AMOUNT that was reserved. */
void spending_reserve(const struct board *board, const struct prompt *prompt,
    const struct spending *amount);
void spending_settle(const struct board *board, const struct prompt *prompt,
    const struct spending *amount, const struct spending *spent, int64_t wall_ms);

#endif
