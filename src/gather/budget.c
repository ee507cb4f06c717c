#include "gather/budget.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/units.h"
#include "config/config.h"

void
budget_init(struct budget *budget)
{
	*budget = (struct budget){ .started_at_ms = -1 };
}

/* What nobody can pay is as good as what does not fit. */
static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t
budget_limit(const struct config_budget *limit)
{
	if (limit->per_ms == 0)
		return 0;
	return limit->tokens > 0 ? limit->tokens : limit->cost;
}

const char *
budget_unit(const struct config_budget *limit)
{
	static const char tokens[] = "tokens";
	static const char cost[] = "cost";

	if (budget_limit(limit) == 0)
		return NULL;
	return limit->tokens > 0 ? tokens : cost;
}

int64_t
budget_ends_at_ms(const struct budget *budget, const struct config_budget *limit)
{
	if (budget->started_at_ms < 0 || budget_limit(limit) == 0)
		return -1;
	return add(budget->started_at_ms, limit->per_ms);
}

/* One that is to begin after more than a whole period is of a clock that was wrong: else nobody
 * would be asked until then. */
static bool
is_running(
    const struct budget *budget, const struct config_budget *limit, int64_t wall_ms)
{
	if (budget->started_at_ms < 0)
		return false;
	return wall_ms < budget_ends_at_ms(budget, limit) &&
	    wall_ms > budget->started_at_ms - limit->per_ms;
}

int64_t
budget_spent(
    const struct budget *budget, const struct config_budget *limit, int64_t wall_ms)
{
	return is_running(budget, limit, wall_ms) ? budget->spent : 0;
}

bool
budget_allows(const struct budget *budget, const struct config_budget *limit,
    int64_t amount, int64_t wall_ms)
{
	int64_t most = budget_limit(limit);
	int64_t taken = add(budget_spent(budget, limit, wall_ms), budget->reserved);

	return most == 0 || add(taken, amount) <= most;
}

void
budget_reserve(struct budget *budget, int64_t amount)
{
	budget->reserved = add(budget->reserved, amount);
}

void
budget_settle(struct budget *budget, const struct config_budget *limit, int64_t amount,
    int64_t spent, int64_t wall_ms)
{
	budget->reserved = budget->reserved > amount ? budget->reserved - amount : 0;
	if (spent <= 0 || budget_limit(limit) == 0)
		return;
	if (!is_running(budget, limit, wall_ms)) {
		budget->spent = 0;
		budget->started_at_ms = wall_ms;
	}
	budget->spent = add(budget->spent, spent);
}

void
budget_go_on(struct budget *budget, const struct config_budget *before,
    const struct config_budget *after)
{
	/* These are of static storage. */
	if (budget_unit(before) != budget_unit(after))
		budget_init(budget);
}

int64_t
budget_money(int64_t tokens, int64_t price)
{
	const int64_t million = 1000000;
	int64_t whole, rest, cost;

	/* Apart, so that small prices keep their digits, and large ones do not overflow. */
	if (tokens < 0 || price < 0 ||
	    __builtin_mul_overflow(tokens, price / million, &whole) ||
	    __builtin_mul_overflow(tokens, price % million, &rest) ||
	    __builtin_add_overflow(whole, rest / million, &cost))
		return -1;
	return cost;
}

/* ---- words ---- */

/* AMOUNT in the budget's unit: "20", "0.0125". */
static void
append_amount(struct buffer *out, const struct config_budget *limit, int64_t amount)
{
	char text[UNITS_TEXT_SIZE];

	units_format_decimal(text, amount, limit->tokens > 0 ? 1 : MONEY_ONE);
	buffer_append_string(out, text);
}

static void
append_next_period(
    struct buffer *out, const struct budget *budget, const struct config_budget *limit)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(text, budget_ends_at_ms(budget, limit));
	buffer_append_format(out, ", next period begins at %s", text);
}

char *
budget_why(const struct budget *budget, const struct config_budget *limit,
    int64_t amount, int64_t wall_ms)
{
	char per[UNITS_TEXT_SIZE];
	struct buffer out;

	units_format_duration(per, limit->per_ms);
	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(
	    &out, limit->tokens > 0 ? "budget of " : "budget of cost ");
	append_amount(&out, limit, budget_limit(limit));
	buffer_append_format(
	    &out, "%s per %s: ", limit->tokens > 0 ? " tokens" : "", per);
	append_amount(&out, limit, budget_spent(budget, limit, wall_ms));
	buffer_append_string(&out, " spent, ");
	if (budget->reserved > 0) {
		append_amount(&out, limit, budget->reserved);
		buffer_append_string(&out, " under way, ");
	}
	buffer_append_string(&out, "about ");
	append_amount(&out, limit, amount);
	buffer_append_string(&out, " more asked for");
	if (is_running(budget, limit, wall_ms))
		append_next_period(&out, budget, limit);
	return buffer_take(&out);
}
