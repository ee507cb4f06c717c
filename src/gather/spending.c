#include "gather/spending.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/budget.h"
#include "gather/outcome.h"
#include "gather/providers.h"

/* As all texts of models count about. */
#define BYTES_PER_TOKEN 4

/* More than anybody has, and two of them can be added. */
#define MOST (INT64_MAX / 2)

/* ---- who keeps count ---- */

/* One that an attempt counts in. */
struct account {
	struct budget *budget; /* NULL: nobody keeps count */
	const struct config_budget *limit;
};

enum {
	ACCOUNT_OWN,
	ACCOUNT_PROVIDER,
	ACCOUNT_COUNT,
};

/* Of a provider the budget of today counts, which may be another one than when the turn began:
 * nobody is asked anew for it. */
static void
find_accounts(const struct board *board, const struct prompt *prompt,
    struct account accounts[static ACCOUNT_COUNT])
{
	struct board_entry *entry = board_find(board, prompt->target.name);
	struct provider_state *provider =
	    providers_find(board_providers(board), prompt->provider->name);

	accounts[ACCOUNT_OWN] = (struct account){
		.budget = entry != NULL ? &entry->budget : NULL,
		.limit = &prompt->budget,
	};
	accounts[ACCOUNT_PROVIDER] = (struct account){
		.budget = provider != NULL ? &provider->budget : NULL,
		.limit = provider != NULL ? &provider->provider->budget
		                          : &prompt->provider->budget,
	};
}

/* AMOUNT as LIMIT counts. */
static int64_t
amount_for(const struct config_budget *limit, const struct spending *amount)
{
	return limit->tokens > 0 ? amount->tokens : amount->cost;
}

bool
spending_is_limited(const struct board *board, const struct prompt *prompt)
{
	struct account accounts[ACCOUNT_COUNT];

	find_accounts(board, prompt, accounts);
	return budget_limit(accounts[ACCOUNT_OWN].limit) > 0 ||
	    budget_limit(accounts[ACCOUNT_PROVIDER].limit) > 0;
}

/* ---- how much ---- */

static int64_t
at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What has no price counts nothing, what nobody can count very much. */
static int64_t
cost_of(int64_t tokens, int64_t price)
{
	int64_t cost = budget_money(tokens, price);

	if (price < 0)
		return 0;
	return cost >= 0 ? at_most(cost, MOST) : MOST;
}

/* What PROMPT may answer with, as far as that is known. */
static int64_t
most_output(const struct prompt *prompt)
{
	int64_t demanded = api_facts[prompt->provider->api].max_tokens;

	return at_most(prompt->max_tokens > 0 ? prompt->max_tokens : demanded, MOST);
}

/* What ACCOUNTS allow at the most in a period, of those that count tokens, or money; MOST: all. */
static int64_t
least_limit(const struct account accounts[static ACCOUNT_COUNT], bool tokens)
{
	int64_t least = MOST;

	for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
		const struct config_budget *limit = accounts[i].limit;

		if (budget_limit(limit) > 0 && (limit->tokens > 0) == tokens)
			least = at_most(least, budget_limit(limit));
	}
	return least;
}

/* LAST, what the last answer took, else ESTIMATE: also where that was more than a whole period
 * allows, as it may be once. Else nobody would ever be asked again. */
static int64_t
last_or_estimate(int64_t last, int64_t estimate, int64_t limit)
{
	return last > 0 && last <= limit ? last : estimate;
}

struct spending
spending_estimate(
    const struct board *board, const struct prompt *prompt, size_t input_bytes)
{
	const struct board_entry *entry = board_find(board, prompt->target.name);
	const struct provider *provider = prompt->provider;
	int64_t input = (int64_t)(input_bytes / BYTES_PER_TOKEN);
	int64_t output = most_output(prompt);
	int64_t cost = cost_of(input, provider->price.input) +
	    cost_of(output, provider->price.output);
	/* Whatever it is, it is something: a budget that is used up lets nothing through. */
	struct spending estimate = {
		.tokens = input + output > 0 ? input + output : 1,
		.cost = cost > 0 ? cost : 1,
	};
	struct account accounts[ACCOUNT_COUNT];

	if (entry == NULL)
		return estimate;
	find_accounts(board, prompt, accounts);
	estimate.tokens = last_or_estimate(
	    entry->last_tokens, estimate.tokens, least_limit(accounts, true));
	estimate.cost = last_or_estimate(
	    entry->last_cost, estimate.cost, least_limit(accounts, false));
	return estimate;
}

struct spending
spending_of(const struct outcome_prompt *answer, const struct spending *estimate)
{
	return (struct spending){
		.tokens =
		    answer->usage.total >= 0 ? answer->usage.total : estimate->tokens,
		.cost = answer->cost >= 0 ? answer->cost : estimate->cost,
	};
}

/* ---- an attempt ---- */

char *
spending_objection(const struct board *board, const struct prompt *prompt,
    const struct spending *amount, bool under_way, int64_t wall_ms)
{
	struct account accounts[ACCOUNT_COUNT];

	find_accounts(board, prompt, accounts);
	for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
		const struct config_budget *limit = accounts[i].limit;
		int64_t asked = amount_for(limit, amount);
		struct budget budget;
		char *why, *whose;

		if (accounts[i].budget == NULL)
			continue;
		budget = *accounts[i].budget;
		if (!under_way)
			budget.reserved = 0;
		if (budget_allows(&budget, limit, asked, wall_ms))
			continue;
		why = budget_why(&budget, limit, asked, wall_ms);
		if (i == ACCOUNT_OWN)
			return why;
		whose = xasprintf("%s: %s", prompt->provider->name, why);
		free(why);
		return whose;
	}
	return NULL;
}

void
spending_reserve(const struct board *board, const struct prompt *prompt,
    const struct spending *amount)
{
	struct account accounts[ACCOUNT_COUNT];

	find_accounts(board, prompt, accounts);
	for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
		if (accounts[i].budget != NULL)
			budget_reserve(
			    accounts[i].budget, amount_for(accounts[i].limit, amount));
	}
}

void
spending_settle(const struct board *board, const struct prompt *prompt,
    const struct spending *amount, const struct spending *spent, int64_t wall_ms)
{
	struct account accounts[ACCOUNT_COUNT];

	find_accounts(board, prompt, accounts);
	for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
		const struct config_budget *limit = accounts[i].limit;

		if (accounts[i].budget != NULL)
			budget_settle(accounts[i].budget, limit,
			    amount_for(limit, amount), amount_for(limit, spent),
			    wall_ms);
	}
}
