/*
 * What holds for the schedule whatever happens: random histories beside a naive model.
 *
 * The first seed is printed, see chance.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chance.h"
#include "schedule_stage.h"

#define HISTORIES   2000
#define MAX_TARGETS 12

/* ---- a naive model ---- */

/*
 * For each target, up to when its multiples are dealt with. It is due when one lies between
 * then and now; those but one are missed. Times are whole milliseconds since the start on
 * the boot clock, scaled by 4 so that a quarter of an interval is whole.
 */
struct model {
	struct config *config;
	int64_t zero;               /* where the multiples are counted from */
	int64_t dealt[MAX_TARGETS]; /* of the target with that index */
	uint64_t missed;
};

#define QUARTERS(ms) (INT64_C(4) * (ms))

static int64_t
slot_of(int64_t interval_ms)
{
	return interval_ms < 20 ? interval_ms : QUARTERS(SCHEDULE_SLOT_US / 1000);
}

/* The number of the last multiple at TIME or before. */
static int64_t
number_at(const struct model *model, size_t index, int64_t time)
{
	int64_t interval = QUARTERS(model->config->targets[index]->interval_ms);
	int64_t since = time - model->zero;

	return since >= 0 ? since / interval : -((interval - 1 - since) / interval);
}

/* How many rounds of the target fell due. */
static int64_t
due_count(const struct model *model, size_t index, int64_t now_ms)
{
	int64_t slot = slot_of(model->config->targets[index]->interval_ms);

	return number_at(model, index, QUARTERS(now_ms) + slot) -
	    number_at(model, index, model->dealt[index]);
}

static void
deal_with(struct model *model, size_t index, int64_t now_ms)
{
	int64_t slot = slot_of(model->config->targets[index]->interval_ms);

	model->dealt[index] = QUARTERS(now_ms) + slot;
}

/* The grid of CONFIG; START_MS is where that one begins which is not aligned. */
static void
model_use_grid(struct model *model, int64_t start_ms)
{
	model->zero = QUARTERS(model->config->align ? -WALL : start_ms);
}

static void
model_begin(struct model *model, int64_t start_ms)
{
	model_use_grid(model, start_ms);
	model->missed = 0;
	for (size_t i = 0; i < model->config->target_count; i++)
		model->dealt[i] = QUARTERS(start_ms) - 1;
}

/* When the next is due, in milliseconds. */
static int64_t
model_next_ms(const struct model *model)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < model->config->target_count; i++) {
		int64_t interval = QUARTERS(model->config->targets[i]->interval_ms);
		int64_t number = number_at(model, i, model->dealt[i]) + 1;
		int64_t due = model->zero + number * interval;

		if (due < first)
			first = due;
	}
	return first / 4;
}

static void
check_taken(struct model *model, const struct schedule_due *due, int64_t now_ms)
{
	int64_t missed = 0;
	int64_t interval_ms = 0; /* the shortest of those that missed as many */
	size_t count = 0;

	for (size_t i = 0; i < model->config->target_count; i++) {
		int64_t own_ms = model->config->targets[i]->interval_ms;
		int64_t rounds = due_count(model, i, now_ms);

		if (rounds == 0)
			continue;
		HOLDS(count < due->count && due->places[count].index == i);
		if (count == 0 || rounds - 1 > missed ||
		    (rounds - 1 == missed && own_ms < interval_ms)) {
			missed = rounds - 1;
			interval_ms = own_ms;
		}
		deal_with(model, i, now_ms);
		count++;
	}
	HOLDS(count == due->count);
	HOLDS((uint64_t)missed == due->missed);
	HOLDS(interval_ms == due->interval_ms);
	model->missed += due->missed;
}

static bool
is_due(const struct model *model, int64_t now_ms)
{
	for (size_t i = 0; i < model->config->target_count; i++) {
		if (due_count(model, i, now_ms) > 0)
			return true;
	}
	return false;
}

static void
compare_take(struct schedule *schedule, struct model *model, int64_t now_ms)
{
	struct schedule_now now = at(now_ms * 1000);
	struct schedule_due due;
	int64_t next_ms = model_next_ms(model);

	HOLDS(next(schedule) == next_ms * 1000);
	HOLDS(schedule_take(schedule, &now, &due) == is_due(model, now_ms));
	if (is_due(model, now_ms)) {
		HOLDS(
		    due.late_us == (next_ms < now_ms ? (now_ms - next_ms) * 1000 : 0));
		check_taken(model, &due, now_ms);
	}
	HOLDS(!schedule_take(schedule, &now, &due));
	HOLDS(schedule_missed_count(schedule) == model->missed);
}

static struct config *
random_config(bool align)
{
	/* From 20 ms on the slot is the same for all; few, so that many fall together. */
	static const int64_t usual[] = { 20, 500, 1000, 1500, 2000, 7000, 60000 };
	struct config *config = fake_config_new((size_t)between(1, MAX_TARGETS));
	int64_t same = one_in(4) ? between(1, 19) : 0;

	config->align = align;
	for (size_t i = 0; i < config->target_count; i++) {
		int64_t *interval_ms = &config->targets[i]->interval_ms;

		if (same > 0)
			*interval_ms = same;
		else if (one_in(3))
			*interval_ms = between(20, 5000);
		else
			*interval_ms = usual[between(0, ARRAY_COUNT(usual) - 1)];
	}
	return config;
}

/* Who has that interval in CONFIG, or NULL. */
static const struct target *
with_interval(const struct config *config, int64_t interval_ms)
{
	for (size_t i = 0; i < config->target_count; i++) {
		if (config->targets[i]->interval_ms == interval_ms)
			return config->targets[i];
	}
	return NULL;
}

static void
model_reload(
    struct model *model, struct config *config, int64_t start_ms, int64_t now_ms)
{
	struct model old = *model;

	model->config = config;
	model_use_grid(model, start_ms);
	for (size_t i = 0; i < config->target_count; i++) {
		const struct target *same =
		    with_interval(old.config, config->targets[i]->interval_ms);

		if (same != NULL && config->align == old.config->align)
			model->dealt[i] = old.dealt[same->index];
		else
			deal_with(model, i, now_ms);
	}
	fake_config_free(old.config);
}

/* Mostly to the next, or about there; sometimes far. */
static int64_t
pass(const struct model *model, int64_t now_ms)
{
	int64_t next_ms = model_next_ms(model);

	if (one_in(20))
		return now_ms + between(0, 500000);
	if (next_ms < now_ms || one_in(5))
		return now_ms + between(0, 3000);
	if (one_in(2))
		return next_ms;
	next_ms += between(-8, one_in(2) ? 8 : 2000);
	return next_ms > now_ms ? next_ms : now_ms;
}

static void
run_history(void)
{
	struct model model;
	struct schedule *schedule;
	int64_t start_ms;
	int64_t now_ms;

	chance = seed;
	start_ms = now_ms = between(0, 100000);
	model.config = random_config(one_in(2));
	model_begin(&model, start_ms);
	schedule = begin(model.config, at(start_ms * 1000));
	for (int i = 0; i < 60; i++) {
		if (one_in(10)) {
			struct config *config =
			    random_config(model.config->align != one_in(5));

			reload(schedule, config, at(now_ms * 1000));
			model_reload(&model, config, start_ms, now_ms);
		}
		/* Told for nothing. */
		if (one_in(10))
			step(schedule, at(now_ms * 1000));
		compare_take(schedule, &model, now_ms);
		now_ms = pass(&model, now_ms);
	}
	end(schedule, model.config);
}

static void
test_every_history_goes_as_the_naive_model_says(UNUSED void **state)
{
	run_scenarios(run_history);
}

/* ---- a wall clock that jumps ---- */

/* The wall clock jumps at will, and we are told of every other time: a jump makes one
 * round more at most, and the wait half an interval longer. */
static void
run_jumps(void)
{
	static const int64_t intervals_ms[] = { 250, 1000, 60000 };
	int64_t interval_ms = intervals_ms[between(0, 2)];
	struct config *config = aligned(CONFIG_OF(interval_ms));
	int64_t step_ms = between(-YEAR_MS, YEAR_MS);
	int64_t start_us = between(0, MINUTE);
	int64_t now_us = start_us;
	struct schedule *schedule = begin(config, stepped(now_us, step_ms));
	int64_t jumps = 0;

	for (int64_t i = 0; i < 200; i++) {
		struct schedule_due due;

		if (one_in(4)) {
			step_ms +=
			    one_in(2) ? between(-300, 300) : between(-YEAR_MS, YEAR_MS);
			jumps++;
			if (one_in(2))
				step(schedule, stepped(now_us, step_ms));
		}
		HOLDS(next(schedule) >= now_us);
		HOLDS(next(schedule) - now_us <= interval_ms * 1500 + 1000);
		now_us = next(schedule) + between(0, 3000);
		due = take(schedule, stepped(now_us, step_ms));
		HOLDS(due.missed == 0);
		HOLDS(i <= (now_us - start_us) / (interval_ms * 1000) + jumps + 1);
	}
	end(schedule, config);
}

static void
test_a_wall_clock_that_jumps_makes_no_burst_and_no_gap(UNUSED void **state)
{
	run_scenarios(run_jumps);
}

/*
 * Between one round and the next the wall clock is set by less than half an interval, or if
 * we are not told of it, a quarter: there is a round for each multiple, and only one.
 */
static void
run_corrections(void)
{
	static const int64_t intervals_ms[] = { 250, 1000, 60000, 3600000 };
	int64_t interval_ms = intervals_ms[between(0, 3)];
	struct config *config = aligned(CONFIG_OF(interval_ms));
	int64_t now_us = between(0, MINUTE);
	int64_t step_ms = 0;
	bool told = one_in(2);
	int64_t most_ms = interval_ms / (told ? 2 : 4) - 1;
	struct schedule *schedule = begin(config, at(now_us));
	/* The multiple whose round was taken last. */
	int64_t number = (WALL + now_us / 1000 - 1) / interval_ms;

	for (int i = 0; i < 200; i++) {
		int64_t wait_us = next(schedule) - now_us;
		struct schedule_now now;

		/* What is due, or about to be, stays so when the clock is set. */
		if (wait_us > 6000 && one_in(2)) {
			now_us += between(0, wait_us - 6000);
			step_ms += between(-most_ms, most_ms);
			if (told || one_in(2))
				step(schedule, stepped(now_us, step_ms));
		}
		if (next(schedule) > now_us)
			now_us = next(schedule);
		now_us += between(0, 3000);
		now = stepped(now_us, step_ms);
		take(schedule, now);
		number++;
		/* Nearer to it than to any other, but for the time that passed since. */
		HOLDS(now.wall_ms - number * interval_ms <= interval_ms / 2 + 10);
		HOLDS(number * interval_ms - now.wall_ms <= interval_ms / 2 + 10);
		HOLDS(!schedule_take(schedule, &now, &(struct schedule_due){ 0 }));
	}
	HOLDS(schedule_missed_count(schedule) == 0);
	end(schedule, config);
}

static void
test_a_wall_clock_that_is_corrected_drops_no_round_and_runs_none_twice(
    UNUSED void **state)
{
	run_scenarios(run_corrections);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_history_goes_as_the_naive_model_says),
		cmocka_unit_test(
		    test_a_wall_clock_that_jumps_makes_no_burst_and_no_gap),
		cmocka_unit_test(
		    test_a_wall_clock_that_is_corrected_drops_no_round_and_runs_none_twice),
	};

	chance_begin(HISTORIES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
