/*
 * Random targets that are gathered over a fake http, with timers and a clock turned by hand to
 * whatever comes next. To be included by one file of a test, behind chance.h.
 */
#ifndef GATHERD_TESTS_UNIT_GATHER_PLAY_H
#define GATHERD_TESTS_UNIT_GATHER_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_http.h"
#include "fake_timers.h"
#include "gather/limiter.h"
#include "gather/turn.h"
#include "random_targets.h"

#define MAX_ANSWERS 4 /* of one target, one after the other */

/* One target, what it is to answer, and what became of it. */
struct player {
	struct nature nature;
	struct fake_answer answers[MAX_ANSWERS]; /* the last one again and again */
	size_t answer_count;
	struct turn *turn; /* NULL: not started, or over */
	bool abandoned;

	size_t asked;          /* how often */
	int64_t first_us;      /* when first; -1: never */
	int64_t report_at_us;  /* of the attempt under way; INT64_MAX: none is */
	int64_t not_before_us; /* what the answer to it will ask for, if it asks */

	unsigned reports;
	enum status status;
	int64_t due_us;
	int64_t queued_us;
	int64_t duration_us;
	int64_t ended_us;
	int64_t hold_until_us;
	unsigned attempts;
};

struct play {
	struct event_base *base;
	struct config *config;
	struct fake_http *http;
	struct limiter *limiter;
	struct turn_context context;
	size_t count;
	size_t max_concurrent;
	struct player *players;
	double chance; /* what is drawn */
	/* Called as a target is asked; NULL: nobody wants to know. */
	void (*on_asked)(struct play *play, size_t index, int64_t timeout_us);
};

static double
play_draw(void *arg)
{
	const struct play *play = arg;

	return play->chance;
}

static const struct fake_answer *
answer_to(const struct player *player, size_t attempt)
{
	return &player->answers[attempt < player->answer_count
	        ? attempt
	        : player->answer_count - 1];
}

static void
play_see(const struct request *request, int64_t timeout_us, void *arg)
{
	struct play *play = arg;
	size_t index = strtoul(strrchr(request->url.text, '/') + 1, NULL, 10);
	struct player *player = &play->players[index];
	const struct fake_answer *answer = answer_to(player, player->asked++);
	int64_t delay_us = answer->delay_us;
	int64_t now_us = fake_http_now_us(play->http);

	if (player->first_us < 0)
		player->first_us = now_us;
	player->report_at_us = now_us + (delay_us < timeout_us ? delay_us : timeout_us);
	if (play->on_asked != NULL)
		play->on_asked(play, index, timeout_us);
	if (delay_us < timeout_us && answer->result == RESPONSE_COMPLETE &&
	    answer->http_status > 299 && answer->retry_after)
		player->not_before_us =
		    player->report_at_us + answer->retry_after_ms * 1000;
}

static void
player_begin(struct play *play, size_t index)
{
	struct player *player = &play->players[index];

	player->first_us = -1;
	player->report_at_us = INT64_MAX;
	player->nature = random_nature();
	apply_nature(play->config, index, &player->nature);
	player->answer_count = (size_t)between(1, MAX_ANSWERS);
	for (size_t i = 0; i < player->answer_count; i++) {
		random_answer(&player->answers[i]);
		if (i > 0)
			player->answers[i - 1].then = &player->answers[i];
	}
	*fake_http_answer(play->http, index) = player->answers[0];
}

/* COUNT targets, MAX_CONCURRENT tickets. */
UNUSED static void
play_begin(struct play *play, size_t count, size_t max_concurrent)
{
	*play = (struct play){ .count = count, .max_concurrent = max_concurrent };
	play->base = event_base_new();
	play->config = fake_config_new(count);
	play->http = fake_http_new(count);
	play->limiter = limiter_new(max_concurrent);
	play->players = xcalloc(count, sizeof(*play->players));
	play->chance = (double)between(0, 9) / 10;
	play->context = (struct turn_context){
		.config = play->config,
		.limiter = play->limiter,
		.http = fake_http_client(play->http),
		.clock = fake_http_clock(play->http),
		.base = play->base,
		.draw = play_draw,
		.draw_arg = play,
	};
	fake_timers_begin(play->context.clock);
	fake_http_watch(play->http, play_see, play);
	for (size_t i = 0; i < count; i++)
		player_begin(play, i);
}

/* Nothing is left over; never were there too many at once. */
UNUSED static void
play_end(struct play *play)
{
	HOLDS(limiter_held(play->limiter) == 0);
	HOLDS(limiter_waiting(play->limiter) == 0);
	HOLDS(fake_http_in_flight(play->http) == 0);
	HOLDS(fake_http_most_in_flight(play->http) <= play->max_concurrent);
	HOLDS(!fake_http_overlapped(play->http));
	HOLDS(fake_timers_next_us() == INT64_MAX);
	limiter_free(play->limiter);
	fake_timers_end();
	fake_http_free(play->http);
	fake_config_free(play->config);
	event_base_free(play->base);
	free(play->players);
}

static void
play_on_done(const struct target *target, struct outcome *outcome,
    const struct turn_findings *findings, void *arg)
{
	struct play *play = arg;
	struct player *player = &play->players[target->index];

	player->turn = NULL;
	player->reports++;
	player->status = outcome->status;
	player->queued_us = outcome->queued_us;
	player->duration_us = outcome->duration_us;
	player->attempts = outcome->attempts;
	player->hold_until_us = findings->hold_until_us;
	player->ended_us = fake_http_now_us(play->http);
	HOLDS((outcome->kind == KIND_NONE) == status_is_success(outcome->status));
	HOLDS((outcome->message == NULL) == (outcome->kind == KIND_NONE));
	HOLDS(outcome->data == NULL || status_is_success(outcome->status));
	HOLDS(outcome->status == error_kind_status(outcome->kind));
	HOLDS((outcome->url == NULL) ==
	    (player->asked == 0 &&
	        play->config->targets[target->index]->rendered == NULL));
}

UNUSED static void
play_start(struct play *play, size_t index)
{
	struct player *player = &play->players[index];
	struct turn *turn;

	player->due_us = fake_http_now_us(play->http);
	turn = turn_start(
	    &play->context, play->config->targets[index], play_on_done, play);
	HOLDS((turn == NULL) == (player->reports == 1));
	player->turn = turn;
}

/* When the next thing happens; INT64_MAX: nothing will. */
static int64_t
play_next_us(const struct play *play)
{
	int64_t next_us = fake_timers_next_us();

	for (size_t i = 0; i < play->count; i++) {
		if (play->players[i].report_at_us < next_us)
			next_us = play->players[i].report_at_us;
	}
	return next_us;
}

/* Let all happen that does at the next time. Returns false where there is none. */
UNUSED static bool
play_step(struct play *play)
{
	int64_t now_us = fake_http_now_us(play->http);
	int64_t next_us = play_next_us(play);

	if (next_us == INT64_MAX)
		return false;
	for (size_t i = 0; i < play->count; i++) {
		if (play->players[i].report_at_us == next_us)
			play->players[i].report_at_us = INT64_MAX;
	}
	fake_http_pass(play->http, next_us > now_us ? next_us - now_us : 0);
	fake_timers_ring();
	return true;
}

/* Times and attempts that fit together, however it ended. */
UNUSED static void
play_check_times(const struct player *player)
{
	HOLDS(player->reports == 1);
	HOLDS(player->attempts == player->asked);
	HOLDS((player->duration_us >= 0) == (player->asked > 0));
	if (player->asked > 0)
		HOLDS(player->duration_us == player->ended_us - player->first_us);
	if (player->asked > 0)
		HOLDS(player->queued_us >= 0);
}

#endif
