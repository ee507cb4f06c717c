#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "config/config.h"
#include "gather/budget.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define NOW_MS ((int64_t)1795232400000) /* 2026-11-21T03:40:00Z */

static const struct config_budget per_day = { .tokens = 25, .per_ms = DAY_MS };
static const struct config_budget none = { .per_ms = 0 };

static struct budget
fresh(void)
{
	struct budget budget;

	budget_init(&budget);
	return budget;
}

/* An attempt of about AMOUNT that takes SPENT. */
static void
spend(struct budget *budget, int64_t amount, int64_t spent, int64_t wall_ms)
{
	budget_reserve(budget, amount);
	budget_settle(budget, &per_day, amount, spent, wall_ms);
}

/* ---- what it is ---- */

static void
test_a_budget_has_a_limit_and_a_unit(UNUSED void **state)
{
	const struct config_budget cost = { .cost = MONEY_ONE / 2, .per_ms = DAY_MS };

	assert_int_equal(budget_limit(&per_day), 25);
	assert_string_equal(budget_unit(&per_day), "tokens");
	assert_int_equal(budget_limit(&cost), MONEY_ONE / 2);
	assert_string_equal(budget_unit(&cost), "cost");
	assert_int_equal(budget_limit(&none), 0);
	assert_null(budget_unit(&none));
}

static void
test_without_a_budget_everything_may_be_asked(UNUSED void **state)
{
	struct budget budget = fresh();

	assert_true(budget_allows(&budget, &none, INT64_MAX, NOW_MS));
	budget_reserve(&budget, 5);
	budget_settle(&budget, &none, 5, 5, NOW_MS);
	assert_int_equal(budget.spent, 0);
	assert_int_equal(budget_ends_at_ms(&budget, &none), -1);
}

/* ---- spending ---- */

static void
test_what_would_pass_it_is_not_started(UNUSED void **state)
{
	struct budget budget = fresh();

	assert_true(budget_allows(&budget, &per_day, 25, NOW_MS));
	assert_false(budget_allows(&budget, &per_day, 26, NOW_MS));
	spend(&budget, 10, 10, NOW_MS);
	assert_true(budget_allows(&budget, &per_day, 15, NOW_MS));
	assert_false(budget_allows(&budget, &per_day, 16, NOW_MS));
	assert_int_equal(budget_spent(&budget, &per_day, NOW_MS), 10);
}

static void
test_those_under_way_cannot_pass_it_together(UNUSED void **state)
{
	struct budget budget = fresh();

	budget_reserve(&budget, 10);
	budget_reserve(&budget, 10);
	assert_false(budget_allows(&budget, &per_day, 10, NOW_MS));
	budget_settle(&budget, &per_day, 10, 2, NOW_MS);
	assert_true(budget_allows(&budget, &per_day, 10, NOW_MS));
	budget_settle(&budget, &per_day, 10, 30, NOW_MS);
	assert_int_equal(budget.reserved, 0);
	assert_int_equal(budget.spent, 32);
	assert_false(budget_allows(&budget, &per_day, 1, NOW_MS));
}

static void
test_the_period_begins_with_the_first_spending(UNUSED void **state)
{
	struct budget budget = fresh();

	spend(&budget, 10, 0, NOW_MS);
	assert_int_equal(budget_ends_at_ms(&budget, &per_day), -1);
	spend(&budget, 10, 1, NOW_MS + 5);
	assert_int_equal(budget.started_at_ms, NOW_MS + 5);
	assert_int_equal(budget_ends_at_ms(&budget, &per_day), NOW_MS + 5 + DAY_MS);
	spend(&budget, 10, 1, NOW_MS + 7);
	assert_int_equal(budget.started_at_ms, NOW_MS + 5);
}

static void
test_a_period_that_is_over_counts_no_more(UNUSED void **state)
{
	struct budget budget = fresh();

	spend(&budget, 25, 25, NOW_MS);
	assert_false(budget_allows(&budget, &per_day, 1, NOW_MS + DAY_MS - 1));
	assert_true(budget_allows(&budget, &per_day, 25, NOW_MS + DAY_MS));
	assert_int_equal(budget_spent(&budget, &per_day, NOW_MS + DAY_MS), 0);
	/* And the next begins with the next spending, not with its end. */
	spend(&budget, 10, 7, NOW_MS + 3 * DAY_MS);
	assert_int_equal(budget.spent, 7);
	assert_int_equal(budget.started_at_ms, NOW_MS + 3 * DAY_MS);
}

/* What began in one period and ends in the next. */
static void
test_what_is_under_way_is_paid_in_the_period_that_it_ends_in(UNUSED void **state)
{
	struct budget budget = fresh();

	spend(&budget, 20, 20, NOW_MS);
	budget_reserve(&budget, 5);
	assert_true(budget_allows(&budget, &per_day, 20, NOW_MS + DAY_MS));
	assert_false(budget_allows(&budget, &per_day, 21, NOW_MS + DAY_MS));
	budget_settle(&budget, &per_day, 5, 4, NOW_MS + DAY_MS);
	assert_int_equal(budget.spent, 4);
	assert_int_equal(budget.started_at_ms, NOW_MS + DAY_MS);
}

static void
test_a_clock_that_was_set_back_a_little_gives_nothing_away(UNUSED void **state)
{
	struct budget budget = fresh();

	spend(&budget, 25, 25, NOW_MS);
	assert_false(budget_allows(&budget, &per_day, 1, NOW_MS - 3600 * 1000));
	/* But nobody waits for years for a clock that had been wrong. */
	assert_true(budget_allows(&budget, &per_day, 1, NOW_MS - 400 * DAY_MS));
	spend(&budget, 5, 5, NOW_MS - 400 * DAY_MS);
	assert_int_equal(budget.spent, 5);
	assert_int_equal(budget.started_at_ms, NOW_MS - 400 * DAY_MS);
}

static void
test_what_cannot_be_counted_does_not_fit(UNUSED void **state)
{
	const struct config_budget most = { .tokens = INT64_MAX - 1, .per_ms = DAY_MS };
	struct budget budget = fresh();

	budget_reserve(&budget, INT64_MAX);
	budget_reserve(&budget, INT64_MAX);
	assert_false(budget_allows(&budget, &most, 1, NOW_MS));
	budget_settle(&budget, &most, INT64_MAX, INT64_MAX, NOW_MS);
	budget_settle(&budget, &most, 1, INT64_MAX, NOW_MS);
	assert_int_equal(budget.spent, INT64_MAX);
	assert_int_equal(budget.reserved, 0);
}

static void
test_a_new_limit_keeps_what_was_spent_where_the_unit_is_the_same(UNUSED void **state)
{
	const struct config_budget more = { .tokens = 50, .per_ms = 2 * DAY_MS };
	const struct config_budget cost = { .cost = 50, .per_ms = DAY_MS };
	struct budget budget = fresh();

	spend(&budget, 20, 20, NOW_MS);
	budget_go_on(&budget, &per_day, &more);
	assert_int_equal(budget_spent(&budget, &more, NOW_MS), 20);
	budget_go_on(&budget, &more, &cost);
	assert_int_equal(budget_spent(&budget, &cost, NOW_MS), 0);
	assert_int_equal(budget.started_at_ms, -1);
}

/* ---- money ---- */

static void
test_money_is_counted_exactly(UNUSED void **state)
{
	assert_int_equal(budget_money(1000000, MONEY_ONE), MONEY_ONE);
	assert_int_equal(budget_money(21, 3 * MONEY_ONE / 10), 6300000);
	assert_int_equal(budget_money(1, 1), 0);
	assert_int_equal(budget_money(1000000, 1), 1);
	assert_int_equal(budget_money(0, MONEY_ONE), 0);
	assert_int_equal(
	    budget_money(1000000000, 1000 * MONEY_ONE), 1000000 * MONEY_ONE);
	assert_int_equal(budget_money(-1, MONEY_ONE), -1);
	assert_int_equal(budget_money(10, -1), -1);
	assert_int_equal(budget_money(INT64_MAX, MONEY_ONE), -1);
}

/* ---- words ---- */

static void
test_why_in_tokens(UNUSED void **state)
{
	struct budget budget = fresh();
	char *why;

	spend(&budget, 20, 20, NOW_MS - DAY_MS / 2);
	why = budget_why(&budget, &per_day, 10, NOW_MS);
	assert_string_equal(why,
	    "budget of 25 tokens per 1d: 20 spent, about 10 more asked for, next period "
	    "begins at 2026-11-21T15:40:00.000Z");
	free(why);
}

static void
test_why_before_anything_was_spent(UNUSED void **state)
{
	struct budget budget = fresh();
	char *why = budget_why(&budget, &per_day, 30, NOW_MS);

	assert_string_equal(
	    why, "budget of 25 tokens per 1d: 0 spent, about 30 more asked for");
	free(why);
}

static void
test_why_in_money_with_others_under_way(UNUSED void **state)
{
	const struct config_budget cost = { .cost = MONEY_ONE / 2,
		.per_ms = 30 * DAY_MS };
	struct budget budget = fresh();
	char *why;

	budget_reserve(&budget, MONEY_ONE / 4);
	why = budget_why(&budget, &cost, 3 * MONEY_ONE / 10, NOW_MS);
	assert_string_equal(why,
	    "budget of cost 0.5 per 30d: 0 spent, 0.25 under way, about 0.3 more asked "
	    "for");
	free(why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_budget_has_a_limit_and_a_unit),
		cmocka_unit_test(test_without_a_budget_everything_may_be_asked),
		cmocka_unit_test(test_what_would_pass_it_is_not_started),
		cmocka_unit_test(test_those_under_way_cannot_pass_it_together),
		cmocka_unit_test(test_the_period_begins_with_the_first_spending),
		cmocka_unit_test(test_a_period_that_is_over_counts_no_more),
		cmocka_unit_test(
		    test_what_is_under_way_is_paid_in_the_period_that_it_ends_in),
		cmocka_unit_test(
		    test_a_clock_that_was_set_back_a_little_gives_nothing_away),
		cmocka_unit_test(test_what_cannot_be_counted_does_not_fit),
		cmocka_unit_test(
		    test_a_new_limit_keeps_what_was_spent_where_the_unit_is_the_same),
		cmocka_unit_test(test_money_is_counted_exactly),
		cmocka_unit_test(test_why_in_tokens),
		cmocka_unit_test(test_why_before_anything_was_spent),
		cmocka_unit_test(test_why_in_money_with_others_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
