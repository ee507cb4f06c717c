/*
 * What holds for turns whatever happens: random targets, limits that change, answers, retries,
 * hang-ups and cancellations at random moments, over a fake http and a clock turned by hand.
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
#include "gather_play.h"

#define SCENARIOS 3000 /* of each property */

#define HOSTS 3

/* ---- without hosts and retries ---- */

static size_t
random_count(void)
{
	return (size_t)between(0, one_in(50) ? 300 : 24);
}

/* In config order, although some may be missing. */
static bool
started_in_order(const struct play *play)
{
	size_t next = 0;

	for (size_t i = 0; i < fake_http_started_count(play->http); i++) {
		size_t number = fake_http_started(play->http, i);

		if (number < next)
			return false;
		next = number + 1;
	}
	return true;
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
	size_t count = random_count();
	size_t desks = (size_t)between(1, one_in(2) ? 4 : (int64_t)count + 2);
	int64_t *free_from = xcalloc(desks, sizeof(*free_from));
	struct play play;

	play_begin(&play, count, desks);
	for (size_t i = 0; i < count; i++)
		play_start(&play, i);
	while (play_step(&play))
		HOLDS(limiter_held(play.limiter) == fake_http_in_flight(play.http));
	for (size_t i = 0; i < count; i++) {
		const struct player *player = &play.players[i];
		struct expected expected =
		    foresee(&player->nature, &player->answers[0]);

		play_check_times(player);
		HOLDS(player->status == expected.status);
		HOLDS(player->duration_us == expected.duration_us);
		HOLDS(player->queued_us ==
		    take_desk(free_from, desks, expected.duration_us));
	}
	HOLDS(started_in_order(&play));
	free(free_from);
	play_end(&play);
}

static void
test_every_turn_goes_as_foreseen(UNUSED void **state)
{
	run_scenarios(every_turn_goes_as_foreseen);
}

/* ---- with all that may happen ---- */

/* What hosts were promised, and what they saw. */
static struct {
	struct limiter_host_limits limits;
	int64_t limits_since_us;
	size_t under_limits; /* asked since then */
	struct {
		int64_t at_us;
		size_t host;
	} asked[4096];
	size_t asked_count;
} seen;

static size_t
host_of_target(size_t index)
{
	return index % HOSTS;
}

/* Less those that are being reported, or about to be, at this very time. */
static size_t
in_flight_at(const struct play *play, size_t host)
{
	int64_t now_us = fake_http_now_us(play->http);
	size_t count = 0;

	for (size_t i = 0; i < play->count; i++)
		count += host_of_target(i) == host &&
		    play->players[i].report_at_us != INT64_MAX &&
		    play->players[i].report_at_us > now_us;
	return count;
}

/* In no time more than a full bucket, and what came into it meanwhile. */
static void
check_rate(size_t host, int64_t now_us)
{
	double rate = seen.limits.starts_per_s;
	double burst = rate > 1 ? rate : 1;
	size_t count = 0;

	for (size_t i = seen.asked_count; i-- > 0;) {
		int64_t at_us = seen.asked[i].at_us;

		if (at_us < seen.limits_since_us || i < seen.under_limits)
			break;
		if (seen.asked[i].host != host)
			continue;
		count++;
		HOLDS((double)count <=
		    burst + rate * (double)(now_us - at_us) / 1e6 + 1e-3);
	}
}

static void
on_asked(struct play *play, size_t index, int64_t timeout_us)
{
	const struct target *target = play->config->targets[index];
	const struct player *player = &play->players[index];
	size_t host = host_of_target(index);
	int64_t now_us = fake_http_now_us(play->http);
	int64_t deadline_us = player->first_us + target->deadline_ms * 1000;

	/* No attempt after the deadline, or beyond it, and none too many. */
	HOLDS(timeout_us >= 1000);
	HOLDS(now_us + timeout_us <= deadline_us);
	HOLDS(player->asked <= (size_t)target->retries + 1);
	HOLDS(now_us >= player->not_before_us);
	/* A limit that came later lets those go on that were being asked. */
	if (seen.limits.max_concurrent > 0)
		HOLDS(in_flight_at(play, host) <= seen.limits.max_concurrent);
	assert_true(seen.asked_count < ARRAY_COUNT(seen.asked));
	seen.asked[seen.asked_count].at_us = now_us;
	seen.asked[seen.asked_count++].host = host;
	if (seen.limits.starts_per_s > 0)
		check_rate(host, now_us);
}

static void
change_limits(struct play *play)
{
	static const double rates[] = { 0, 0, 0.5, 1, 3, 20 };

	seen.limits = (struct limiter_host_limits){
		.max_concurrent = one_in(2) ? 0 : (size_t)between(1, 4),
		.starts_per_s = rates[between(0, ARRAY_COUNT(rates) - 1)],
	};
	seen.limits_since_us = fake_http_now_us(play->http);
	seen.under_limits = seen.asked_count;
	limiter_limit_hosts(
	    play->limiter, play->base, &play->context.clock, &seen.limits);
}

static void
make_lively(struct play *play, size_t index)
{
	struct target *target = play->config->targets[index];
	struct player *player = &play->players[index];

	free(target->host);
	target->host = xasprintf("http://%zu:80", host_of_target(index));
	target->retries = one_in(2) ? between(0, 4) : 0;
	target->retry_delay_ms = between(0, 20) * 100;
	target->delay_ms = one_in(4) ? between(1, 2000) : 0;
	for (size_t i = 0; i < player->answer_count; i++)
		player->answers[i].retry_after_ms = between(0, 4000);
	*fake_http_answer(play->http, index) = player->answers[0];
}

/* One of the turns under way, or NULL. */
static struct player *
random_player(struct play *play)
{
	size_t start = (size_t)between(0, (int64_t)play->count - 1);

	for (size_t i = 0; i < play->count; i++) {
		struct player *player = &play->players[(start + i) % play->count];

		if (player->turn != NULL)
			return player;
	}
	return NULL;
}

static void
end_one(struct play *play)
{
	struct player *player = random_player(play);

	if (player == NULL)
		return;
	player->report_at_us = INT64_MAX;
	if (one_in(3)) {
		struct turn *turn = player->turn;

		player->abandoned = true;
		player->turn = NULL;
		turn_abandon(turn);
	} else {
		turn_cancel(player->turn, "cancelled");
		HOLDS(player->status == STATUS_CANCELLED);
	}
}

static void
disturb(struct play *play)
{
	if (play->count > 0 && !one_in(3))
		end_one(play);
	else if (one_in(2))
		change_limits(play);
	else
		limiter_hold_host(play->limiter, play->config->targets[0]->host,
		    fake_http_now_us(play->http) + between(0, 2000000));
}

static void
every_turn_ends_once(void)
{
	struct play play;
	size_t count = random_count() + 1;
	unsigned calm = (unsigned)between(1, 30);

	play_begin(
	    &play, count, (size_t)between(1, one_in(2) ? 4 : (int64_t)count + 2));
	play.on_asked = on_asked;
	seen.asked_count = 0;
	seen.limits = (struct limiter_host_limits){ 0 };
	for (size_t i = 0; i < count; i++)
		make_lively(&play, i);
	if (!one_in(3))
		change_limits(&play);
	for (size_t i = 0; i < count; i++) {
		play_start(&play, i);
		if (one_in(6))
			play_step(&play);
		if (one_in(4 * calm))
			disturb(&play);
	}
	do {
		HOLDS(limiter_held(play.limiter) == fake_http_in_flight(play.http));
		if (one_in(calm))
			disturb(&play);
	} while (play_step(&play));
	for (size_t i = 0; i < count; i++) {
		const struct player *player = &play.players[i];

		HOLDS(player->turn == NULL);
		HOLDS(
		    player->duration_us <= play.config->targets[i]->deadline_ms * 1000);
		if (player->abandoned)
			HOLDS(player->reports == 0);
		else
			play_check_times(player);
	}
	play_end(&play);
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
