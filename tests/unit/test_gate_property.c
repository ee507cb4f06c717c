/*
 * What holds for a gate whatever happens: some enter, are answered, pushed back or neither,
 * limits change, and time passes, by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "chance.h"
#include "gather/gate.h"

#define SCENARIOS 3000
#define STEPS     300
#define MOST      60 /* in flight */

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

struct scenario {
	struct gate *gate;
	struct gate_limits limits;
	int64_t now_us;
	struct gate_admission in[MOST];
	size_t in_count;
	uint64_t entered;
	uint64_t told_from; /* who entered before that cuts nothing */
	/* After the pause that ended last: the one that went first, and until when the others
	 * wait for it. */
	bool trial_due, on_trial;
	uint64_t trial_number;
	int64_t trial_until_us;
	struct gate_facts before, after; /* a step */
};

static struct scenario s;

static struct gate_facts
facts(void)
{
	struct gate_facts seen;

	gate_see(s.gate, s.now_us, &seen);
	return seen;
}

static bool
is_paused(const struct gate_facts *seen)
{
	return seen->paused_until_us != INT64_MIN;
}

/* ---- what may happen ---- */

static bool
waits_for_the_first(void)
{
	return s.on_trial && s.now_us < s.trial_until_us;
}

static void
enter(void)
{
	struct gate_admission admission;

	if (gate_next_us(s.gate, s.now_us) != INT64_MIN || s.in_count == MOST)
		return;
	HOLDS(!is_paused(&s.before));
	HOLDS(!waits_for_the_first());
	HOLDS(s.in_count < s.before.limit);
	admission = gate_enter(s.gate, s.now_us);
	s.in[s.in_count++] = admission;
	HOLDS(admission.number == s.entered);
	HOLDS(admission.in_flight == s.in_count);
	HOLDS(facts().limit == s.before.limit);
	if (s.trial_due) {
		s.trial_number = admission.number;
		s.trial_until_us = s.now_us + SECOND;
	}
	s.on_trial = s.trial_due;
	s.trial_due = false;
	s.entered++;
}

static void
succeed(const struct gate_admission *admission)
{
	size_t most =
	    admission->in_flight > s.in_count ? admission->in_flight : s.in_count;

	gate_succeeded(s.gate, admission);
	s.after = facts();
	HOLDS(s.after.limit == s.before.limit || s.after.limit == s.before.limit + 1);
	if (2 * most < s.before.limit || !s.limits.adaptive)
		HOLDS(s.after.limit == s.before.limit);
	HOLDS(s.after.cuts == s.before.cuts);
}

static int64_t
wait_by_chance(void)
{
	switch (between(0, 5)) {
	case 0:
		return between(1, 1000) * MS;
	case 1:
		return between(1, 600) * SECOND;
	case 2:
		return one_in(2) ? INT64_MAX : 0;
	default:
		return -1;
	}
}

static void
check_pause(int64_t wait_us)
{
	if (wait_us > GATE_MAX_PAUSE_US)
		wait_us = GATE_MAX_PAUSE_US;
	HOLDS(s.after.pauses == s.before.pauses + (is_paused(&s.before) ? 0 : 1));
	HOLDS(s.after.paused_until_us >= s.now_us + wait_us);
	HOLDS(s.after.paused_until_us == s.now_us + wait_us ||
	    s.after.paused_until_us == s.before.paused_until_us);
	s.trial_due = true;
	s.on_trial = false;
}

/* It said nothing of a wait: only the last one's limit is paused, and that by those alone
 * who know of it. */
static void
check_no_pause(bool is_news)
{
	if (s.after.paused_until_us == s.before.paused_until_us)
		return;
	HOLDS(is_news && s.before.limit == 1);
	HOLDS(s.after.paused_until_us >= s.now_us + 250 * MS);
	HOLDS(s.after.paused_until_us <= s.now_us + 60 * SECOND);
	s.trial_due = true;
	s.on_trial = false;
}

static void
push_back(const struct gate_admission *admission)
{
	bool is_news = admission->number >= s.told_from;
	int64_t wait_us = wait_by_chance();

	gate_pushed_back(
	    s.gate, admission, wait_us, s.now_us, (double)(draw() >> 11) * 0x1p-53);
	s.after = facts();
	HOLDS(s.after.rejections == s.before.rejections + 1);
	if (wait_us > 0)
		check_pause(wait_us);
	else
		check_no_pause(is_news);
	if (!is_news || !s.limits.adaptive) {
		HOLDS(s.after.limit == s.before.limit);
		HOLDS(s.after.cuts == s.before.cuts);
	} else {
		HOLDS(10 * s.after.limit < 7 * (s.before.limit + 1) ||
		    s.after.limit == 1);
		HOLDS(s.after.limit >= s.before.limit * 7 / 10);
		HOLDS(s.after.cuts <= s.before.cuts + 1);
	}
	if (is_news)
		s.told_from = s.entered;
}

static void
pause_it(void)
{
	int64_t wait_us = between(1, 600) * SECOND;

	gate_pause(s.gate, wait_us, s.now_us);
	s.after = facts();
	HOLDS(s.after.limit == s.before.limit);
	check_pause(wait_us);
}

static void
leave(size_t i)
{
	struct gate_admission admission = s.in[i];

	s.before = facts();
	gate_leave(s.gate, &admission, s.now_us);
	HOLDS(facts().limit == s.before.limit);
	s.in[i] = s.in[--s.in_count];
	if (s.on_trial && admission.number == s.trial_number)
		s.on_trial = false;
}

/* One comes back. */
static void
come_back(void)
{
	size_t i;

	if (s.in_count == 0)
		return;
	i = (size_t)between(0, (int64_t)s.in_count - 1);
	if (one_in(20))
		pause_it();
	else if (one_in(8))
		push_back(&s.in[i]);
	else if (!one_in(8))
		succeed(&s.in[i]);
	leave(i);
}

/* All who are in are pushed back at the same time: there is one cut at most. */
static void
push_all_back(void)
{
	uint64_t cuts = s.before.cuts;

	while (s.in_count > 0) {
		s.before = facts();
		push_back(&s.in[s.in_count - 1]);
		leave(s.in_count - 1);
	}
	HOLDS(facts().cuts <= cuts + 1);
}

static struct gate_limits
limits_by_chance(void)
{
	return (struct gate_limits){
		.max = (size_t)(one_in(4) ? between(1, 3) : between(1, MOST)),
		.adaptive = !one_in(6),
		.starts_per_s = one_in(4) ? (double)between(1, 100) / 2 : 0,
	};
}

static void
change_limits(void)
{
	s.limits = limits_by_chance();
	gate_set_limits(s.gate, &s.limits, s.now_us);
	s.after = facts();
	if (!s.limits.adaptive)
		HOLDS(s.after.limit == s.limits.max);
	HOLDS(s.after.in_flight == s.before.in_flight);
}

/* To when the next may enter, or by chance. */
static void
pass(void)
{
	int64_t next_us = gate_next_us(s.gate, s.now_us);

	HOLDS(next_us == INT64_MIN || next_us > s.now_us);
	if (next_us != INT64_MIN && next_us != INT64_MAX && one_in(2)) {
		s.now_us = next_us;
		HOLDS(gate_next_us(s.gate, s.now_us) == INT64_MIN);
	} else {
		s.now_us += between(0, 2000) * MS;
	}
}

static void
do_something(void)
{
	s.before = facts();
	switch (between(0, 39)) {
	case 0:
		change_limits();
		break;
	case 1:
		push_all_back();
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		pass();
		break;
	default:
		if (one_in(2))
			enter();
		else
			come_back();
		break;
	}
}

static void
check(void)
{
	struct gate_facts seen = facts();

	HOLDS(seen.max == s.limits.max);
	HOLDS(seen.limit >= 1 && seen.limit <= seen.max);
	HOLDS(seen.in_flight == s.in_count);
	HOLDS(seen.paused_until_us == INT64_MIN || seen.paused_until_us > s.now_us);
	HOLDS(seen.paused_until_us <= s.now_us + GATE_MAX_PAUSE_US);
	HOLDS(seen.rejections >= seen.cuts);
}

/* Who would have to wait is told why, and nobody else. */
static void
check_why(void)
{
	char *why = gate_why_waiting(s.gate, s.now_us);

	HOLDS((why == NULL) == (gate_next_us(s.gate, s.now_us) == INT64_MIN));
	free(why);
}

static void
a_gate_keeps_its_word(void)
{
	s = (struct scenario){ .now_us = 1000 * SECOND };
	s.limits = limits_by_chance();
	s.gate = gate_new(&s.limits);
	for (int step = 0; step < STEPS; step++) {
		do_something();
		check();
		check_why();
	}
	gate_free(s.gate);
}

static void
test_a_gate_keeps_its_word(UNUSED void **state)
{
	run_scenarios(a_gate_keeps_its_word);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_gate_keeps_its_word),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
