#include "gather/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/config.h"
#include "gather/round.h"

/* More than any config says (base/units takes 100 years); in microseconds it can be added
 * to any time there is. */
#define LONGEST_INTERVAL_MS INT64_C(1000000000000000)

/* The points of schedule_offset_us(). */
#define OFFSET_POINTS      20
#define OFFSET_MAX_STEP_US 3000000

/* The targets of one interval. */
struct group {
	int64_t interval_ms;
	int64_t due_us;      /* the next round, on the boot clock */
	int64_t due_wall_ms; /* the same by the wall clock; only with `align` */
	const struct round_place *places; /* borrowed from its groups */
	size_t count;
};

/* All of them. What stands here is made anew for each config. */
struct groups {
	struct group *items; /* owned; by interval, each once */
	size_t count;
	struct group **heap;        /* owned; the first is due first */
	struct round_place *places; /* owned; group by group, in config order */
	size_t place_count;
};

struct schedule {
	struct groups groups;
	bool align;
	int64_t start_us; /* without `align` rounds are multiples from here */
	uint64_t missed_count;
	struct round_place *round; /* owned; the places handed out last */
};

/* ---- a target's place in its round ---- */

/* FNV-1a, and the end of SplitMix64, as names that differ in their last characters only
 * must come to differ in all bits. */
static uint64_t
hash_of(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

int64_t
schedule_offset_us(const char *name, int64_t spread_us)
{
	int64_t step_us = spread_us / OFFSET_POINTS;

	if (step_us > OFFSET_MAX_STEP_US)
		step_us = OFFSET_MAX_STEP_US;
	if (step_us <= 0)
		return 0;
	return (int64_t)(hash_of(name) % (uint64_t)(spread_us / step_us)) * step_us;
}

static int64_t
min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
clamp_interval(int64_t interval_ms)
{
	return interval_ms < 1 ? 1 : min(interval_ms, LONGEST_INTERVAL_MS);
}

static int64_t
interval_of(const struct target *target)
{
	return clamp_interval(target->interval_ms);
}

static struct round_place
place_of(const struct config *config, const struct target *target)
{
	/* Who begins later than an interval would still be waiting when due again. */
	int64_t spread_ms = min(config->spread_ms, interval_of(target));

	return (struct round_place){
		.index = target->index,
		.offset_us = schedule_offset_us(target->name, spread_ms * 1000),
	};
}

/* ---- a group's time ---- */

static int64_t
interval_us(const struct group *group)
{
	return group->interval_ms * 1000;
}

/* What is due within so long is due now: the slot, or less where rounds follow each other
 * so closely that the slot would take several for one. */
static int64_t
slot_us(const struct group *group)
{
	return min(SCHEDULE_SLOT_US, interval_us(group) / 4);
}

static bool
group_is_due(const struct group *group, int64_t boot_us)
{
	return group->due_us - slot_us(group) <= boot_us;
}

/* The first multiple of INTERVAL after TIME, both in the same unit. */
static int64_t
multiple_after(int64_t time, int64_t interval)
{
	int64_t rest = time % interval;

	/* Before the epoch the remainder is negative. */
	return time - rest + (rest < 0 ? 0 : interval);
}

/* The first millisecond of the wall clock that is not within GROUP's slot any more. */
static int64_t
after_slot_ms(const struct group *group, const struct schedule_now *now)
{
	return now->wall_ms + slot_us(group) / 1000 + 1;
}

/* As the boot clock shows WALL_MS, if the clocks go on as at NOW. */
static int64_t
boot_at_wall(int64_t wall_ms, const struct schedule_now *now)
{
	return now->boot_us + (wall_ms - now->wall_ms) * 1000;
}

/* The first round of GROUP at FROM_MS or later on the wall clock. */
static void
plan_at_wall(struct group *group, int64_t from_ms, const struct schedule_now *now)
{
	group->due_wall_ms = multiple_after(from_ms - 1, group->interval_ms);
	group->due_us = boot_at_wall(group->due_wall_ms, now);
}

/* The round that is planned in GROUP, where the wall clock agrees that it comes next; else
 * the first one at FROM_MS or later. Up to half an interval the clock may have gone wrong:
 * one that is set by a little runs no round twice and skips none. */
static void
follow_wall(struct group *group, int64_t from_ms, const struct schedule_now *now)
{
	int64_t longest_ms = group->interval_ms + group->interval_ms / 2;
	int64_t due_us = boot_at_wall(group->due_wall_ms, now);

	if (group->due_wall_ms < from_ms ||
	    group->due_wall_ms - now->wall_ms > longest_ms) {
		plan_at_wall(group, from_ms, now);
		return;
	}
	/* The wall clock is read in whole milliseconds: within this one the plan stays as
	 * it is, so that rounds do not waver by it. */
	if (group->due_us > due_us || due_us - group->due_us >= 1000)
		group->due_us = due_us;
}

/* Was the wall clock set forward over GROUP's round, by half an interval at most? */
static bool
is_stepped_over(const struct group *group, const struct schedule_now *now)
{
	int64_t step_us = group->due_us - boot_at_wall(group->due_wall_ms, now);

	return group->due_wall_ms < now->wall_ms && step_us <= interval_us(group) / 2;
}

/* The first round there is. */
static void
plan_first(const struct schedule *schedule, struct group *group,
    const struct schedule_now *now)
{
	if (schedule->align)
		plan_at_wall(group, now->wall_ms, now);
	else
		group->due_us = schedule->start_us;
}

/* The next round in the grid, for a group that begins while others run. */
static void
plan_anew(const struct schedule *schedule, struct group *group,
    const struct schedule_now *now)
{
	int64_t since_us = now->boot_us + slot_us(group) - schedule->start_us;

	if (schedule->align)
		plan_at_wall(group, after_slot_ms(group, now), now);
	else
		group->due_us =
		    schedule->start_us + multiple_after(since_us, interval_us(group));
}

/* After the round that was taken at NOW. Returns how many others were due since it was.
 * Only the boot clock counts them: when the wall clock was set forward, none was. */
static uint64_t
plan_next(const struct schedule *schedule, struct group *group,
    const struct schedule_now *now)
{
	int64_t late_us = now->boot_us + slot_us(group) - group->due_us;
	int64_t missed = late_us / interval_us(group);

	group->due_us += (missed + 1) * interval_us(group);
	group->due_wall_ms += (missed + 1) * group->interval_ms;
	if (schedule->align)
		follow_wall(group, after_slot_ms(group, now), now);
	return (uint64_t)missed;
}

/* ---- the heap ---- */

static void
swap(struct group **a, struct group **b)
{
	struct group *kept = *a;

	*a = *b;
	*b = kept;
}

/* Let the group in place AT, due later than it was, sink to where it belongs. */
static void
heap_sink(struct groups *groups, size_t at)
{
	struct group **heap = groups->heap;

	for (;;) {
		size_t first = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
			if (child < groups->count &&
			    heap[child]->due_us < heap[first]->due_us)
				first = child;
		}
		if (first == at)
			return;
		swap(&heap[at], &heap[first]);
		at = first;
	}
}

static void
heap_build(struct groups *groups)
{
	for (size_t i = groups->count / 2; i-- > 0;)
		heap_sink(groups, i);
}

/* ---- the groups of a config ---- */

/* By interval, then in config order. */
static int
compare_targets(const void *left, const void *right)
{
	const struct target *a = *(const struct target *const *)left;
	const struct target *b = *(const struct target *const *)right;
	int64_t a_ms = interval_of(a);
	int64_t b_ms = interval_of(b);

	if (a_ms != b_ms)
		return a_ms < b_ms ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static const struct target **
sort_targets(const struct config *config)
{
	size_t count = config->target_count;
	const struct target **sorted =
	    xreallocarray(NULL, count + 1, sizeof(const struct target *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = config->targets[i];
	qsort((void *)sorted, count, sizeof(const struct target *), compare_targets);
	return sorted;
}

static void
add_target(
    struct groups *groups, const struct config *config, const struct target *target)
{
	struct round_place *place = &groups->places[groups->place_count++];
	struct group *group = NULL;

	*place = place_of(config, target);
	if (groups->count > 0)
		group = &groups->items[groups->count - 1];
	if (group == NULL || group->interval_ms != interval_of(target)) {
		group = &groups->items[groups->count];
		*group = (struct group){
			.interval_ms = interval_of(target),
			.places = place,
		};
		groups->heap[groups->count++] = group;
	}
	group->count++;
}

/* Rounds without a target: they keep the document young where there is none to ask. */
static void
add_nobody(struct groups *groups, const struct config *config)
{
	struct group *group = &groups->items[groups->count];

	*group = (struct group){
		.interval_ms = clamp_interval(config->interval_ms),
		.places = groups->places,
	};
	groups->heap[groups->count++] = group;
}

/* Nothing in them is planned yet. */
static void
groups_init(struct groups *groups, const struct config *config)
{
	const struct target **sorted = sort_targets(config);
	size_t count = config->target_count;

	*groups = (struct groups){
		.items = xcalloc(count + 1, sizeof(*groups->items)),
		.heap = xcalloc(count + 1, sizeof(struct group *)),
		.places = xcalloc(count + 1, sizeof(*groups->places)),
	};
	for (size_t i = 0; i < count; i++)
		add_target(groups, config, sorted[i]);
	if (count == 0)
		add_nobody(groups, config);
	free((void *)sorted);
}

static void
groups_clear(struct groups *groups)
{
	free(groups->items);
	free((void *)groups->heap);
	free(groups->places);
}

/* ---- the schedule ---- */

static void
take_config(struct schedule *schedule, const struct config *config)
{
	groups_init(&schedule->groups, config);
	schedule->align = config->align;
	schedule->round = xreallocarray(
	    schedule->round, config->target_count + 1, sizeof(*schedule->round));
}

struct schedule *
schedule_new(const struct config *config, const struct schedule_now *now)
{
	struct schedule *schedule = xcalloc(1, sizeof(*schedule));

	schedule->start_us = now->boot_us;
	take_config(schedule, config);
	for (size_t i = 0; i < schedule->groups.count; i++)
		plan_first(schedule, &schedule->groups.items[i], now);
	heap_build(&schedule->groups);
	return schedule;
}

void
schedule_free(struct schedule *schedule)
{
	if (schedule == NULL)
		return;
	groups_clear(&schedule->groups);
	free(schedule->round);
	free(schedule);
}

/* The times of OLD where the interval is the same; both are sorted by it. */
static void
carry_times(
    struct schedule *schedule, const struct groups *old, const struct schedule_now *now)
{
	size_t next = 0;

	for (size_t i = 0; i < schedule->groups.count; i++) {
		struct group *group = &schedule->groups.items[i];

		while (next < old->count &&
		    old->items[next].interval_ms < group->interval_ms)
			next++;
		if (next == old->count ||
		    old->items[next].interval_ms != group->interval_ms) {
			plan_anew(schedule, group, now);
			continue;
		}
		group->due_us = old->items[next].due_us;
		group->due_wall_ms = old->items[next].due_wall_ms;
	}
}

void
schedule_reload(struct schedule *schedule, const struct config *config,
    const struct schedule_now *now)
{
	struct groups old = schedule->groups;

	/* On the other grid no time is of use. */
	if (config->align != schedule->align)
		old.count = 0;
	take_config(schedule, config);
	carry_times(schedule, &old, now);
	heap_build(&schedule->groups);
	groups_clear(&old);
}

int64_t
schedule_next_us(const struct schedule *schedule)
{
	return schedule->groups.heap[0]->due_us;
}

static int
compare_places(const void *left, const void *right)
{
	const struct round_place *a = left;
	const struct round_place *b = right;

	return (a->index > b->index) - (a->index < b->index);
}

/* Add the round of GROUP to what is DUE. */
static void
take_group(struct schedule *schedule, struct group *group,
    const struct schedule_now *now, struct schedule_due *due)
{
	int64_t late_us = now->boot_us - group->due_us;
	uint64_t missed = plan_next(schedule, group, now);

	memcpy(&schedule->round[due->count], group->places,
	    group->count * sizeof(*group->places));
	if (late_us > due->late_us)
		due->late_us = late_us;
	/* Rounds of several intervals mostly fall together and are one: so those of the
	 * interval that has the most are counted, and are all of them. */
	if (missed > due->missed || due->count == 0) {
		due->missed = missed;
		due->interval_ms = group->interval_ms;
	} else if (missed == due->missed) {
		due->interval_ms = min(due->interval_ms, group->interval_ms);
	}
	due->count += group->count;
}

bool
schedule_take(
    struct schedule *schedule, const struct schedule_now *now, struct schedule_due *due)
{
	struct groups *groups = &schedule->groups;
	struct schedule_due taken = { .places = schedule->round };
	size_t group_count = 0;

	/* A group's next round is never due yet, so this ends. */
	while (group_is_due(groups->heap[0], now->boot_us)) {
		take_group(schedule, groups->heap[0], now, &taken);
		heap_sink(groups, 0);
		group_count++;
	}
	if (group_count == 0)
		return false;
	if (group_count > 1)
		qsort(schedule->round, taken.count, sizeof(*schedule->round),
		    compare_places);
	schedule->missed_count += taken.missed;
	*due = taken;
	return true;
}

void
schedule_clock_stepped(struct schedule *schedule, const struct schedule_now *now)
{
	if (!schedule->align)
		return;
	for (size_t i = 0; i < schedule->groups.count; i++) {
		struct group *group = &schedule->groups.items[i];

		/* A clock steps after a suspend, too: what fell due in it stays due. */
		if (group_is_due(group, now->boot_us))
			continue;
		/* Nobody ran that round, and the next is far: it is due. */
		if (is_stepped_over(group, now))
			group->due_us = now->boot_us;
		else
			follow_wall(group, now->wall_ms, now);
	}
	heap_build(&schedule->groups);
}

bool
schedule_is_overdue(
    const struct schedule *schedule, int64_t boot_us, int64_t tolerance_us)
{
	return boot_us - schedule_next_us(schedule) > tolerance_us;
}

uint64_t
schedule_missed_count(const struct schedule *schedule)
{
	return schedule->missed_count;
}
