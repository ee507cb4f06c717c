/*
 * What a turn comes to with random delays, answers, retries, waits and deadlines, where nobody
 * stands in its way: as the plainest model says that tells its story from start to end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "chance.h"
#include "gather_play.h"

#define SCENARIOS 3000

/* How a turn is to go. */
struct story {
	enum status status;
	unsigned attempts;
	int64_t first_us; /* when first asked; -1: never */
	int64_t ended_us;
	int64_t held_us; /* what its last Retry-After asks for; 0: there was none */
};

static bool
may_pass(const struct fake_answer *answer, bool timed_out)
{
	if (timed_out)
		return true;
	switch (answer->result) {
	case RESPONSE_DNS:
	case RESPONSE_CONNECT:
	case RESPONSE_INTERNAL:
		return true;
	case RESPONSE_PROTOCOL:
		return answer->lost;
	case RESPONSE_COMPLETE:
		return answer->http_status == 429 || answer->http_status == 503;
	default:
		return false;
	}
}

static int64_t
wait_us(const struct target *target, double drawn, unsigned attempts,
    int64_t retry_after_ms)
{
	int64_t most_us = (target->retry_delay_ms * 1000) << (attempts - 1);
	int64_t drawn_us = (int64_t)(drawn * (double)most_us);

	return retry_after_ms * 1000 > drawn_us ? retry_after_ms * 1000 : drawn_us;
}

static struct story
tell(const struct play *play, size_t index)
{
	const struct player *player = &play->players[index];
	const struct target *target = play->config->targets[index];
	struct nature nature = player->nature;
	int64_t now_us = player->due_us + target->delay_ms * 1000;
	const int64_t deadline_us = now_us + target->deadline_ms * 1000;
	struct story story = { STATUS_ERROR, 0, -1, now_us, 0 };

	if (nature.broken)
		return story;
	story.first_us = now_us;
	for (;;) {
		const struct fake_answer *answer = answer_to(player, story.attempts);
		struct expected expected;
		int64_t after_ms, wait;

		nature.deadline_us = deadline_us - now_us;
		expected = foresee(&nature, answer);
		story.attempts++;
		story.status = expected.status;
		story.ended_us = now_us + expected.duration_us;
		after_ms = story.status == STATUS_HTTP_ERROR && answer->retry_after
		    ? answer->retry_after_ms
		    : -1;
		wait = wait_us(target, play->chance, story.attempts, after_ms);
		if (after_ms > 0)
			story.held_us = story.ended_us +
			    (after_ms < 2 * target->interval_ms
			            ? after_ms
			            : 2 * target->interval_ms) *
			        1000;
		if (!may_pass(answer, story.status == STATUS_TIMEOUT) ||
		    story.attempts > target->retries ||
		    wait > deadline_us - story.ended_us - 1000)
			return story;
		now_us = story.ended_us + wait;
	}
}

static void
make_patient(struct play *play, size_t index)
{
	struct target *target = play->config->targets[index];
	struct player *player = &play->players[index];

	target->retries = between(0, 4);
	target->retry_delay_ms = between(0, 10) * 100;
	target->interval_ms = between(1, 40) * 100;
	target->delay_ms = one_in(3) ? between(1, 3000) : 0;
	target->deadline_ms = between(1, 600) * 100;
	player->nature.deadline_us = target->deadline_ms * 1000;
	for (size_t i = 0; i < player->answer_count; i++) {
		player->answers[i].lost = one_in(2);
		player->answers[i].retry_after_ms = one_in(4) ? 0 : between(1, 8000);
	}
	*fake_http_answer(play->http, index) = player->answers[0];
}

static void
a_turn_goes_as_told(void)
{
	struct play play;
	size_t count = (size_t)between(1, 8);

	play_begin(&play, count, count);
	for (size_t i = 0; i < count; i++)
		make_patient(&play, i);
	for (size_t i = 0; i < count; i++)
		play_start(&play, i);
	while (play_step(&play))
		;
	for (size_t i = 0; i < count; i++) {
		const struct player *player = &play.players[i];
		struct story story = tell(&play, i);

		play_check_times(player);
		HOLDS(player->status == story.status);
		HOLDS(player->attempts == story.attempts);
		HOLDS(player->first_us == story.first_us);
		HOLDS(player->ended_us == story.ended_us);
		HOLDS(player->queued_us == 0);
		HOLDS(player->hold_until_us == story.held_us);
	}
	play_end(&play);
}

static void
test_a_turn_goes_as_the_plainest_story_of_it(UNUSED void **state)
{
	run_scenarios(a_turn_goes_as_told);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_turn_goes_as_the_plainest_story_of_it),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
