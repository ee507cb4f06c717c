/*
 * What was spent of a budget, in tokens or money, in a period that begins with the first
 * spending.
 *
 * An attempt reserves what it may take, and settles what it took: those under way at once
 * cannot pass the budget together. Periods go by the wall clock, since they outlive the
 * program.
 */
#ifndef GATHERD_GATHER_BUDGET_H
#define GATHERD_GATHER_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct config_budget;

/* All zero but `started_at_ms`: see budget_init(). */
struct budget {
	int64_t spent;         /* in this period: tokens, or money (config.h) */
	int64_t reserved;      /* by attempts that are under way */
	int64_t started_at_ms; /* of the period; -1: nothing was spent yet */
};

void budget_init(struct budget *budget);

/* What LIMIT allows in a period; 0: it is no budget. */
int64_t budget_limit(const struct config_budget *limit);
/* "tokens" or "cost"; NULL: it is no budget. */
const char *budget_unit(const struct config_budget *limit);

/* When the period ends; -1: none has begun. */
int64_t budget_ends_at_ms(
    const struct budget *budget, const struct config_budget *limit);

/* What was spent in the period of WALL_MS. */
int64_t budget_spent(
    const struct budget *budget, const struct config_budget *limit, int64_t wall_ms);

/* May an attempt that takes about AMOUNT be started? Without a budget it may. */
bool budget_allows(const struct budget *budget, const struct config_budget *limit,
    int64_t amount, int64_t wall_ms);

/* It is started; and ended, having taken SPENT of the AMOUNT that was reserved. A period that
 * is over is begun anew by what is spent then. */
void budget_reserve(struct budget *budget, int64_t amount);
void budget_settle(struct budget *budget, const struct config_budget *limit,
    int64_t amount, int64_t spent, int64_t wall_ms);

/* BUDGET, kept by the limit BEFORE, goes on by the limit AFTER: what was spent counts on, but
 * where they count in other units. */
void budget_go_on(struct budget *budget, const struct config_budget *before,
    const struct config_budget *after);

/* What TOKENS cost at PRICE, money for a million of them; -1: one of both is unknown, or it is
 * more than can be counted. */
int64_t budget_money(int64_t tokens, int64_t price);

/* Why not: "budget of 25 tokens per 1d: 20 spent, about 10 more asked for, next period begins
 * at 2026-11-22T03:40:00.000Z". The caller's. */
char *budget_why(const struct budget *budget, const struct config_budget *limit,
    int64_t amount, int64_t wall_ms);

#endif
