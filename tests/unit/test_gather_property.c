/*
 * What holds for turns whatever happens: random targets, limits, answers, hang-ups and
 * cancellations at random moments, over a fake http and a clock turned by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "chance.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/limiter.h"
#include "gather/turn.h"
#include "random_targets.h"

#define SCENARIOS 3000 /* of each property */

/* ---- a scenario ---- */

/* What became of it. */
struct seen {
	unsigned reports;
	enum status status;
	int64_t due_us;
	int64_t queued_us;
	int64_t duration_us;
	int64_t ended_us;
	unsigned attempts;
};

struct scenario {
	struct config *config;
	struct fake_http *http;
	struct limiter *limiter;
	struct turn_context context;
	size_t count;
	size_t max_concurrent;
	struct expected *expected;
	struct seen *seen;
	struct turn **turns; /* NULL: not started, or over */
	bool *abandoned;
};

static void
scenario_begin(struct scenario *s)
{
	*s = (struct scenario){ .count = (size_t)between(0, one_in(50) ? 300 : 24) };
	s->max_concurrent = (size_t)between(1, one_in(2) ? 4 : (int64_t)s->count + 2);
	s->config = fake_config_new(s->count);
	s->http = fake_http_new(s->count);
	s->limiter = limiter_new(s->max_concurrent);
	s->expected = xcalloc(s->count, sizeof(*s->expected));
	s->seen = xcalloc(s->count, sizeof(*s->seen));
	s->turns = xcalloc(s->count, sizeof(struct turn *));
	s->abandoned = xcalloc(s->count, sizeof(*s->abandoned));
	s->context = (struct turn_context){
		.config = s->config,
		.limiter = s->limiter,
		.http = fake_http_client(s->http),
		.clock = fake_http_clock(s->http),
	};
	for (size_t i = 0; i < s->count; i++) {
		struct nature nature = random_nature();

		apply_nature(s->config, i, &nature);
		random_answer(fake_http_answer(s->http, i));
		s->expected[i] = foresee(&nature, fake_http_answer(s->http, i));
	}
}

/* In config order, although some may be missing. */
static bool
started_in_order(const struct scenario *s)
{
	size_t next = 0;

	for (size_t i = 0; i < fake_http_started_count(s->http); i++) {
		size_t number = fake_http_started(s->http, i);

		if (number < next)
			return false;
		next = number + 1;
	}
	return true;
}

/* Nothing is left over; never were there too many at once. */
static void
scenario_end(struct scenario *s)
{
	HOLDS(limiter_held(s->limiter) == 0);
	HOLDS(limiter_waiting(s->limiter) == 0);
	HOLDS(fake_http_in_flight(s->http) == 0);
	HOLDS(fake_http_most_in_flight(s->http) <= s->max_concurrent);
	limiter_free(s->limiter);
	fake_http_free(s->http);
	fake_config_free(s->config);
	free(s->expected);
	free(s->seen);
	free((void *)s->turns);
	free(s->abandoned);
}

/* ---- turns ---- */

static void
on_turn_done(const struct target *target, struct outcome *outcome, void *arg)
{
	struct scenario *s = arg;
	struct seen *seen = &s->seen[target->index];

	seen->reports++;
	seen->status = outcome->status;
	seen->queued_us = outcome->queued_us;
	seen->duration_us = outcome->duration_us;
	seen->attempts = outcome->attempts;
	seen->ended_us = fake_http_now_us(s->http);
	s->turns[target->index] = NULL;
	HOLDS((outcome->kind == KIND_NONE) == status_is_success(outcome->status));
	HOLDS((outcome->message == NULL) == (outcome->kind == KIND_NONE));
	HOLDS(outcome->data == NULL || status_is_success(outcome->status));
	HOLDS(outcome->status == error_kind_status(outcome->kind));
}

static void
start_turn(struct scenario *s, size_t index)
{
	struct turn *turn;

	s->seen[index].due_us = fake_http_now_us(s->http);
	turn = turn_start(&s->context, s->config->targets[index], on_turn_done, s);
	HOLDS((turn == NULL) == (s->seen[index].reports == 1));
	s->turns[index] = turn;
}

/* Times and attempts that fit together, however it ended. */
static void
check_times(const struct scenario *s, size_t index)
{
	const struct seen *seen = &s->seen[index];
	int64_t asked_us = seen->duration_us >= 0 ? seen->duration_us : 0;

	HOLDS(seen->reports == 1);
	HOLDS(seen->queued_us >= 0);
	HOLDS(seen->queued_us + asked_us == seen->ended_us - seen->due_us);
	HOLDS(seen->attempts == (seen->duration_us >= 0 ? 1 : 0));
}

static void
run_out(struct scenario *s)
{
	while (fake_http_step(s->http))
		HOLDS(limiter_held(s->limiter) == fake_http_in_flight(s->http));
}

/* When the next of those who queue is asked, by the plainest model: as many desks as
 * tickets, each free from some time on, and the first one is taken. */
static int64_t
take_desk(int64_t *free_from, size_t desks, int64_t duration_us)
{
	size_t first = 0;
	int64_t start_us;

	for (size_t i = 1; i < desks; i++) {
		if (free_from[i] < free_from[first])
			first = i;
	}
	start_us = free_from[first];
	free_from[first] += duration_us >= 0 ? duration_us : 0;
	return start_us;
}

static void
every_turn_goes_as_foreseen(void)
{
	struct scenario s;
	int64_t *free_from;

	scenario_begin(&s);
	free_from = xcalloc(s.max_concurrent, sizeof(*free_from));
	for (size_t i = 0; i < s.count; i++)
		start_turn(&s, i);
	run_out(&s);
	for (size_t i = 0; i < s.count; i++) {
		check_times(&s, i);
		HOLDS(s.seen[i].status == s.expected[i].status);
		HOLDS(s.seen[i].duration_us == s.expected[i].duration_us);
		HOLDS(s.seen[i].queued_us ==
		    take_desk(free_from, s.max_concurrent, s.expected[i].duration_us));
		if (s.count <= s.max_concurrent)
			HOLDS(s.seen[i].queued_us == 0);
	}
	HOLDS(started_in_order(&s));
	free(free_from);
	scenario_end(&s);
}

static void
test_every_turn_goes_as_foreseen(UNUSED void **state)
{
	run_scenarios(every_turn_goes_as_foreseen);
}

/* One of the turns under way, or NULL. */
static struct turn **
random_turn(struct scenario *s)
{
	size_t start = (size_t)between(0, (int64_t)s->count - 1);

	for (size_t i = 0; i < s->count; i++) {
		struct turn **turn = &s->turns[(start + i) % s->count];

		if (*turn != NULL)
			return turn;
	}
	return NULL;
}

static void
disturb(struct scenario *s)
{
	struct turn **turn = random_turn(s);
	size_t index;

	if (turn == NULL)
		return;
	index = (size_t)(turn - s->turns);
	if (one_in(3)) {
		s->abandoned[index] = true;
		turn_abandon(*turn);
		*turn = NULL;
	} else {
		turn_cancel(*turn);
		HOLDS(s->seen[index].status == STATUS_CANCELLED);
	}
}

/* Start all, from time to time disturb one, in between let the clock go on. */
static void
every_turn_ends_once(void)
{
	struct scenario s;
	unsigned calm;

	scenario_begin(&s);
	calm = (unsigned)between(1, 12);
	for (size_t i = 0; i < s.count; i++) {
		start_turn(&s, i);
		if (one_in(6))
			fake_http_pass(s.http, between(0, 500000));
		if (one_in(4 * calm))
			disturb(&s);
	}
	do {
		HOLDS(limiter_held(s.limiter) == fake_http_in_flight(s.http));
		HOLDS(limiter_held(s.limiter) == s.max_concurrent ||
		    limiter_waiting(s.limiter) == 0);
		if (s.count > 0 && one_in(calm))
			disturb(&s);
		if (one_in(4))
			fake_http_pass(s.http, between(0, 500000));
	} while (fake_http_step(s.http));
	for (size_t i = 0; i < s.count; i++) {
		HOLDS(s.turns[i] == NULL);
		if (s.abandoned[i])
			HOLDS(s.seen[i].reports == 0);
		else
			check_times(&s, i);
	}
	HOLDS(started_in_order(&s));
	scenario_end(&s);
}

static void
test_every_turn_ends_once_whatever_happens(UNUSED void **state)
{
	run_scenarios(every_turn_ends_once);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_turn_goes_as_foreseen),
		cmocka_unit_test(test_every_turn_ends_once_whatever_happens),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
