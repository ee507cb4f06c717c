/*
 * Who waits for whom in a round, and who is not asked at all.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/seats.h"

/* ---- dependencies ---- */

static size_t
count_dependencies(const struct round *round)
{
	size_t count = 0;

	for (size_t i = 0; i < round->summary.target_count; i++)
		count += round->seats[i].target->dependency_count;
	return count;
}

/* The round's seats by their targets' index; NULL for those without one. The caller's. */
static struct seat **
index_seats(struct round *round)
{
	struct seat **by_index =
	    xcalloc(round->context.config->target_count, sizeof(struct seat *));

	for (size_t i = 0; i < round->summary.target_count; i++)
		by_index[round->seats[i].target->index] = &round->seats[i];
	return by_index;
}

/* Is it one of "all services", for which some prompts wait? */
static bool
is_waited_for(const struct target *target)
{
	return target->kind == TARGET_SERVICE && !target->follows_services;
}

/* An edge from each service to each of those prompts would be their product. */
static void
block_by_services(struct round *round)
{
	for (size_t i = 0; i < round->summary.target_count; i++)
		round->services_left += is_waited_for(round->seats[i].target);
	if (round->services_left == 0)
		return;
	for (size_t i = 0; i < round->summary.target_count; i++)
		round->seats[i].blockers += round->seats[i].target->waits_for_services;
}

void
round_order_link(struct round *round)
{
	size_t max = count_dependencies(round);
	struct seat **by_index;
	struct edge *edge;

	block_by_services(round);
	if (max == 0)
		return;
	by_index = index_seats(round);
	edge = round->edges = xcalloc(max, sizeof(*edge));
	for (size_t i = 0; i < round->summary.target_count; i++) {
		struct seat *seat = &round->seats[i];

		for (size_t j = 0; j < seat->target->dependency_count; j++) {
			size_t index = seat->target->dependencies[j].target->index;
			struct seat *before = by_index[index];

			/* Of another round: its last known state will do. */
			if (before == NULL)
				continue;
			*edge = (struct edge){ seat, before->edges };
			before->edges = edge++;
			seat->blockers++;
		}
	}
	free(by_index);
}

static void
unblock(struct seat *seat)
{
	if (--seat->blockers == 0 && seat->state == SEAT_BLOCKED)
		STAILQ_INSERT_TAIL(&seat->round->ready, seat, in_ready);
}

/* The last service of ROUND is done. */
static void
release_waiting(struct round *round)
{
	for (size_t i = 0; i < round->summary.target_count; i++) {
		if (round->seats[i].target->waits_for_services)
			unblock(&round->seats[i]);
	}
}

void
round_order_release(struct seat *seat)
{
	struct round *round = seat->round;

	for (struct edge *edge = seat->edges; edge != NULL; edge = edge->next)
		unblock(edge->dependent);
	seat->edges = NULL;
	if (is_waited_for(seat->target) && --round->services_left == 0)
		release_waiting(round);
}

/* ---- objections ---- */

static const char *
why_not_well(enum status status)
{
	return status == STATUS_PENDING ? "was not asked yet" : status_names[status];
}

/* The first target that SEAT's `needs` and that did not answer well; NULL: all did. */
static const struct board_entry *
find_failed_need(const struct seat *seat)
{
	const struct target *target = seat->target;

	for (size_t i = 0; i < target->dependency_count; i++) {
		const struct dependency *dependency = &target->dependencies[i];
		const struct board_entry *entry;

		if (!dependency->needed)
			continue;
		entry = board_find(seat->round->board, dependency->target->name);
		if (entry != NULL && !status_is_success(board_newest_status(entry)))
			return entry;
	}
	return NULL;
}

/* "held back until 03:41:05 by a Retry-After" */
static char *
describe_hold(const struct seat *seat)
{
	const struct clock_source *clock = &seat->round->context.clock;
	int64_t left_us = seat->entry->hold_until_us - round_now_us(seat->round);
	char until[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(until, clock->wall_ms(clock->arg) + left_us / 1000);
	return xasprintf("held back until %s by a Retry-After", until);
}

bool
round_order_objects(const struct seat *seat, struct objection *objection)
{
	const struct board_entry *need = find_failed_need(seat);

	*objection = (struct objection){ .status = STATUS_SKIPPED };
	if (need != NULL && board_is_put_off(need)) {
		objection->status = STATUS_PENDING;
	} else if (need != NULL) {
		objection->kind = KIND_DEPENDENCY;
		objection->message = xasprintf("needs %s, which %s%s",
		    need->target->name,
		    board_newest_status(need) == STATUS_PENDING ? "" : "is not well: ",
		    why_not_well(board_newest_status(need)));
	} else if (seat->entry->hold_until_us > round_now_us(seat->round)) {
		objection->kind = KIND_RATE_LIMITED;
		objection->message = describe_hold(seat);
	} else {
		return false;
	}
	return true;
}
