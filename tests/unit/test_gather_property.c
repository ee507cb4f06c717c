/*
 * What holds for gathering whatever happens: random targets, limits, answers, hang-ups and
 * cancellations at random moments, over a fake http and a clock turned by hand.
 *
 * The first seed is printed; GATHERD_TEST_SEED=N begins with that one again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/round.h"

#define SCENARIOS 3000 /* of each property */

/* ---- chance ---- */

static uint64_t first_seed;
static uint64_t seed; /* of the scenario that runs */
static uint64_t chance;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
draw(void)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* FROM..TO */
static int64_t
between(int64_t from, int64_t to)
{
	return from + (int64_t)(draw() % (uint64_t)(to - from + 1));
}

static bool
one_in(unsigned n)
{
	return draw() % n == 0;
}

/* Says which scenario it was; the same as an assertion otherwise. */
#define HOLDS(condition)                                           \
	do {                                                       \
		if (!(condition))                                  \
			fail_msg("GATHERD_TEST_SEED=%llu: %s",     \
			    (unsigned long long)seed, #condition); \
	} while (0)

/* ---- a scenario ---- */

/* How one target is to end, by the fake's table and its limits. */
struct expected {
	enum status status;
	int64_t duration_us; /* from its start; -1: it is never asked */
};

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

static int64_t
random_delay_us(void)
{
	if (one_in(8))
		return FAKE_NEVER;
	if (one_in(4))
		return 0;
	/* Few different ones, so that many fall together. */
	return one_in(2) ? between(1, 10) * 100000 : between(1, 8000000);
}

static void
random_answer(struct fake_answer *answer)
{
	static const char *const bodies[] = { NULL, "", "{}", "[1, 2]",
		"{\"a\":", "x" };
	static const char *const types[] = { NULL, "text/html", "application/json" };
	static const long statuses[] = { 200, 204, 302, 404, 429, 503 };

	answer->delay_us = random_delay_us();
	answer->phase = (enum response_phase)between(PHASE_DNS, PHASE_BODY);
	answer->result = RESPONSE_COMPLETE;
	if (one_in(4))
		answer->result =
		    (enum response_result)between(RESPONSE_DNS, RESPONSE_INTERNAL);
	answer->http_status = statuses[between(0, ARRAY_COUNT(statuses) - 1)];
	answer->retry_after = one_in(2);
	answer->content_type = types[between(0, ARRAY_COUNT(types) - 1)];
	answer->body = bodies[between(0, ARRAY_COUNT(bodies) - 1)];
}

/* What must come of TARGET when nobody interferes. */
static struct expected
foresee(const struct target *target, bool broken, const struct fake_answer *answer)
{
	int64_t limit_ms = target->timeout_ms < target->deadline_ms
	    ? target->timeout_ms
	    : target->deadline_ms;
	bool is_json = answer->content_type != NULL &&
	    strcmp(answer->content_type, "application/json") == 0;
	bool is_valid = answer->body != NULL &&
	    (answer->body[0] == '[' || strcmp(answer->body, "{}") == 0);

	if (broken)
		return (struct expected){ STATUS_ERROR, -1 };
	if (answer->delay_us >= limit_ms * 1000)
		return (struct expected){ STATUS_TIMEOUT, limit_ms * 1000 };
	if (answer->result != RESPONSE_COMPLETE)
		return (struct expected){ STATUS_ERROR, answer->delay_us };
	if (answer->http_status > 299)
		return (struct expected){ STATUS_HTTP_ERROR, answer->delay_us };
	if (is_json && !is_valid && answer->http_status != 204)
		return (struct expected){ STATUS_ERROR, answer->delay_us };
	return (struct expected){ STATUS_OK, answer->delay_us };
}

static void
make_target(struct scenario *s, size_t index)
{
	struct target *target = s->config->targets[index];
	struct fake_answer *answer = fake_http_answer(s->http, index);

	bool broken = one_in(12);

	target->timeout_ms = between(1, 50) * 100;
	target->deadline_ms = between(1, 100) * 100;
	if (one_in(10))
		fake_config_unprepare(s->config, index);
	if (broken)
		fake_config_break(s->config, index);
	random_answer(answer);
	s->expected[index] = foresee(target, broken, answer);
}

static void
scenario_begin(struct scenario *s)
{
	chance = seed;
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
	for (size_t i = 0; i < s->count; i++)
		make_target(s, i);
}

/* Of every STEP targets, those that leave the remainder REST started in config order,
 * although some may be missing. */
static bool
started_in_order(const struct scenario *s, size_t step, size_t rest)
{
	size_t next = 0;

	for (size_t i = 0; i < fake_http_started_count(s->http); i++) {
		size_t number = fake_http_started(s->http, i);

		if (number % step != rest)
			continue;
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

/* Run ONE scenario after the other. */
static void
run_scenarios(void (*one)(void))
{
	for (uint64_t i = 0; i < SCENARIOS; i++) {
		seed = first_seed + i;
		one();
	}
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
	HOLDS(started_in_order(&s, 1, 0));
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
	HOLDS(started_in_order(&s, 1, 0));
	scenario_end(&s);
}

static void
test_every_turn_ends_once_whatever_happens(UNUSED void **state)
{
	run_scenarios(every_turn_ends_once);
}

/* ---- rounds ---- */

#define ROUNDS 3

/* Some rounds that share a board and a limiter; no target is in two at once. */
struct gathering {
	struct scenario s;
	struct event_base *base;
	struct board *board;
	struct round *rounds[ROUNDS]; /* NULL: over */
	size_t counts[ROUNDS];
	size_t outcomes[ROUNDS];
	unsigned dones[ROUNDS];
	bool freed[ROUNDS];
	int64_t started_us[ROUNDS];
	bool starting;
};

/* What a callback gets. */
struct party {
	struct gathering *gathering;
	size_t number;
};

static void
on_outcome(size_t index, bool changed, void *arg)
{
	struct party *party = arg;
	struct gathering *g = party->gathering;
	const struct board_entry *entry = board_entry(g->board, index);

	HOLDS(index % ROUNDS == party->number);
	HOLDS(changed && entry->version == 1 && !entry->in_flight);
	HOLDS(entry->outcome.status == g->s.expected[index].status);
	HOLDS(entry->outcome.duration_us == g->s.expected[index].duration_us);
	HOLDS(!g->freed[party->number] && g->dones[party->number] == 0);
	g->outcomes[party->number]++;
}

static void
on_done(const struct round_summary *summary, void *arg)
{
	struct party *party = arg;
	struct gathering *g = party->gathering;
	size_t number = party->number;

	HOLDS(!g->starting);
	HOLDS(!g->freed[number]);
	HOLDS(summary->number == number + 1);
	HOLDS(summary->target_count == g->counts[number]);
	HOLDS(g->outcomes[number] == g->counts[number]);
	HOLDS(summary->duration_us <=
	    fake_http_now_us(g->s.http) - g->started_us[number]);
	g->dones[number]++;
	g->rounds[number] = NULL;
}

/* Every third target, so that the rounds take turns in the queue. */
static void
start_round(struct gathering *g, struct party *party)
{
	const struct round_events events = {
		.on_outcome = on_outcome, .on_done = on_done, .arg = party
	};
	size_t *indexes = xcalloc(g->s.count, sizeof(*indexes));
	size_t count = 0;

	for (size_t i = party->number; i < g->s.count; i += ROUNDS)
		indexes[count++] = i;
	g->counts[party->number] = count;
	g->started_us[party->number] = fake_http_now_us(g->s.http);
	g->starting = true;
	g->rounds[party->number] = round_start(&g->s.context, g->base, g->board,
	    party->number + 1, indexes, count, &events);
	g->starting = false;
	free(indexes);
}

static void
free_round(struct gathering *g, size_t number)
{
	if (g->rounds[number] == NULL)
		return;
	HOLDS(round_done_count(g->rounds[number]) == g->outcomes[number]);
	g->freed[number] = true;
	round_free(g->rounds[number]);
	g->rounds[number] = NULL;
}

/* Let some time pass, in which one of the rounds may be stopped. */
static void
go_on(struct gathering *g, unsigned calm)
{
	if (one_in(calm))
		free_round(g, (size_t)between(0, ROUNDS - 1));
	if (one_in(3))
		event_base_loop(g->base, EVLOOP_NONBLOCK);
	if (one_in(3))
		fake_http_pass(g->s.http, between(0, 1000000));
}

static void
check_board(const struct gathering *g)
{
	struct board_counts counts;
	size_t sum = 0;
	size_t versions = 0;

	board_count(g->board, &counts);
	for (int i = 0; i < STATUS_COUNT; i++)
		sum += counts.of[i];
	for (size_t i = 0; i < g->s.count; i++) {
		HOLDS(!board_entry(g->board, i)->in_flight);
		versions += board_entry(g->board, i)->version;
	}
	HOLDS(sum == g->s.count && counts.total == g->s.count);
	HOLDS(versions == g->outcomes[0] + g->outcomes[1] + g->outcomes[2]);
	HOLDS(counts.of[STATUS_PENDING] == g->s.count - versions);
}

static struct event_base *base;

static void
every_round_ends_once(void)
{
	struct gathering g = { .base = base };
	struct party parties[ROUNDS];
	unsigned calm;

	scenario_begin(&g.s);
	g.board = board_new(g.s.config);
	calm = (unsigned)between(2, 60);
	for (size_t i = 0; i < ROUNDS; i++) {
		parties[i] = (struct party){ &g, i };
		start_round(&g, &parties[i]);
		go_on(&g, calm);
	}
	while (fake_http_step(g.s.http)) {
		HOLDS(limiter_held(g.s.limiter) == fake_http_in_flight(g.s.http));
		go_on(&g, calm);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < ROUNDS; i++) {
		HOLDS(g.rounds[i] == NULL);
		HOLDS(started_in_order(&g.s, ROUNDS, i));
		HOLDS(g.dones[i] == (g.freed[i] ? 0 : 1));
	}
	check_board(&g);
	board_free(g.board);
	scenario_end(&g.s);
}

static void
test_every_round_ends_once_whatever_happens(UNUSED void **state)
{
	base = event_base_new();
	run_scenarios(every_round_ends_once);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_turn_goes_as_foreseen),
		cmocka_unit_test(test_every_turn_ends_once_whatever_happens),
		cmocka_unit_test(test_every_round_ends_once_whatever_happens),
	};
	const char *given = getenv("GATHERD_TEST_SEED");

	first_seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	print_message("first seed: %llu\n", (unsigned long long)first_seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
