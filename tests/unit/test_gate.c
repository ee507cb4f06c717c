#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "gather/gate.h"

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

/* A push-back's wait where it said nothing. */
#define NOT_SAID (-1)

struct stage {
	struct gate *gate;
	int64_t now_us;
	struct gate_admission
	    in[100]; /* those that are, the one that came first first */
	size_t in_count;
};

static void
make(struct stage *s, size_t max, bool adaptive, double starts_per_s)
{
	const struct gate_limits limits = { max, adaptive, starts_per_s };

	*s = (struct stage){ .gate = gate_new(&limits), .now_us = 1000 * SECOND };
}

static struct gate_facts
facts_of(const struct stage *s)
{
	struct gate_facts facts;

	gate_see(s->gate, s->now_us, &facts);
	return facts;
}

/* As many as may enter do; how many. */
static size_t
fill(struct stage *s)
{
	size_t before = s->in_count;

	while (gate_next_us(s->gate, s->now_us) == INT64_MIN)
		s->in[s->in_count++] = gate_enter(s->gate, s->now_us);
	return s->in_count - before;
}

/* The one that came first, taken out of those who are in. */
static struct gate_admission
first(struct stage *s)
{
	struct gate_admission admission = s->in[0];

	assert_true(s->in_count > 0);
	s->in_count--;
	memmove(s->in, s->in + 1, s->in_count * sizeof(s->in[0]));
	return admission;
}

/* It is told nothing of the one that came first. */
static void
leave(struct stage *s)
{
	struct gate_admission admission = first(s);

	gate_leave(s->gate, &admission, s->now_us);
}

static void
succeed(struct stage *s)
{
	gate_succeeded(s->gate, &s->in[0]);
	leave(s);
}

static void
push_back(struct stage *s, int64_t wait_us)
{
	gate_pushed_back(s->gate, &s->in[0], wait_us, s->now_us, 0.5);
	leave(s);
}

/* All that are in are answered, and as many as may go in after each. */
static void
go_round(struct stage *s)
{
	for (size_t i = s->in_count; i > 0; i--) {
		succeed(s);
		fill(s);
	}
}

/* A gate that was cut down to one. */
static void
make_least(struct stage *s)
{
	make(s, 8, true, 0);
	while (facts_of(s).limit > 1) {
		fill(s);
		push_back(s, NOT_SAID);
		while (s->in_count > 0)
			leave(s);
	}
	assert_true(facts_of(s).paused_until_us == INT64_MIN);
}

static void
clear(struct stage *s)
{
	gate_free(s->gate);
}

/* ---- how many ---- */

static void
test_it_starts_at_eight_or_the_maximum(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	assert_int_equal(facts_of(&s).limit, 8);
	assert_int_equal(fill(&s), 8);
	assert_true(gate_next_us(s.gate, s.now_us) == INT64_MAX);
	clear(&s);
	make(&s, 5, true, 0);
	assert_int_equal(fill(&s), 5);
	clear(&s);
}

static void
test_a_fixed_limit_is_the_maximum_whatever_happens(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, false, 0);
	assert_int_equal(fill(&s), 50);
	push_back(&s, NOT_SAID);
	assert_int_equal(facts_of(&s).limit, 50);
	assert_int_equal(facts_of(&s).rejections, 1);
	assert_int_equal(facts_of(&s).cuts, 0);
	assert_int_equal(fill(&s), 1);
	clear(&s);
}

static void
test_it_doubles_with_each_round_until_the_maximum(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	fill(&s);
	go_round(&s);
	assert_int_equal(facts_of(&s).limit, 16);
	go_round(&s);
	assert_int_equal(facts_of(&s).limit, 32);
	go_round(&s);
	assert_int_equal(facts_of(&s).limit, 50);
	assert_int_equal(s.in_count, 50);
	clear(&s);
}

static void
test_a_push_back_cuts_it_to_seven_tenths(UNUSED void **state)
{
	struct stage s;

	make(&s, 10, true, 0);
	fill(&s);
	push_back(&s, NOT_SAID);
	assert_int_equal(facts_of(&s).limit, 5); /* 5.6 */
	assert_int_equal(facts_of(&s).cuts, 1);
	assert_int_equal(fill(&s), 0);
	clear(&s);
}

static void
test_those_of_one_round_trip_cut_it_once(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	fill(&s);
	for (int i = 0; i < 8; i++)
		push_back(&s, NOT_SAID);
	assert_int_equal(facts_of(&s).limit, 5);
	assert_int_equal(facts_of(&s).cuts, 1);
	assert_int_equal(facts_of(&s).rejections, 8);
	fill(&s); /* these know of the cut */
	push_back(&s, NOT_SAID);
	assert_int_equal(facts_of(&s).limit, 3);
	assert_int_equal(facts_of(&s).cuts, 2);
	clear(&s);
}

static void
test_after_a_cut_it_comes_back_and_then_grows_slowly(UNUSED void **state)
{
	struct stage s;

	make(&s, 100, true, 0);
	fill(&s);
	go_round(&s);
	go_round(&s);
	assert_int_equal(facts_of(&s).limit, 32);
	push_back(&s, NOT_SAID);
	assert_int_equal(facts_of(&s).limit, 22);
	go_round(&s);
	assert_in_range(facts_of(&s).limit, 28, 29); /* 0.9 x 32 */
	for (int i = 0; i < 4; i++)
		go_round(&s);
	assert_in_range(facts_of(&s).limit, 30, 31);
	for (int i = 0; i < 10; i++) /* past what it was cut from, twice as fast */
		go_round(&s);
	assert_in_range(facts_of(&s).limit, 38, 41);
	clear(&s);
}

static void
test_after_all_failed_it_comes_back_to_what_held_before(UNUSED void **state)
{
	struct stage s;
	size_t before;

	make(&s, 100, true, 0);
	fill(&s);
	go_round(&s);
	go_round(&s);
	before = facts_of(&s).limit;
	while (facts_of(&s).limit > 1) { /* nothing is answered in between */
		push_back(&s, NOT_SAID);
		while (s.in_count > 0)
			leave(&s);
		fill(&s);
	}
	for (int i = 0; i < 8; i++) /* it doubles */
		go_round(&s);
	assert_in_range(facts_of(&s).limit, before * 85 / 100, before);
	clear(&s);
}

static void
test_it_does_not_grow_while_it_is_not_used(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	for (int i = 0; i < 100; i++) {
		for (int j = 0; j < 3; j++)
			s.in[s.in_count++] = gate_enter(s.gate, s.now_us);
		while (s.in_count > 0)
			succeed(&s);
	}
	assert_int_equal(facts_of(&s).limit, 8);
	clear(&s);
}

static void
test_who_is_told_nothing_of_changes_nothing(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	fill(&s);
	while (s.in_count > 0)
		leave(&s);
	assert_int_equal(facts_of(&s).limit, 8);
	assert_int_equal(facts_of(&s).in_flight, 0);
	clear(&s);
}

/* ---- pauses ---- */

static void
test_a_wait_that_was_said_pauses_it(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	fill(&s);
	push_back(&s, 30 * SECOND);
	push_back(&s, 20 * SECOND); /* no shorter one changes it */
	while (s.in_count > 0)
		leave(&s);
	assert_int_equal(facts_of(&s).pauses, 1);
	assert_int_equal(facts_of(&s).paused_until_us, s.now_us + 30 * SECOND);
	assert_int_equal(gate_next_us(s.gate, s.now_us), s.now_us + 30 * SECOND);
	s.now_us += 30 * SECOND - 1;
	assert_int_equal(fill(&s), 0);
	s.now_us += 1;
	assert_int_equal(fill(&s), 1);
	assert_true(facts_of(&s).paused_until_us == INT64_MIN);
	clear(&s);
}

static void
test_without_a_wait_there_is_only_the_cut(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	fill(&s);
	push_back(&s, NOT_SAID);
	push_back(&s, 0);
	assert_int_equal(facts_of(&s).pauses, 0);
	assert_true(facts_of(&s).paused_until_us == INT64_MIN);
	clear(&s);
}

static void
test_no_wait_is_longer_than_the_longest_pause(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	fill(&s);
	push_back(&s, INT64_MAX);
	assert_int_equal(facts_of(&s).paused_until_us, s.now_us + GATE_MAX_PAUSE_US);
	clear(&s);
}

static void
test_after_a_pause_one_goes_first_and_the_others_when_it_is_back(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	gate_pause(s.gate, 10 * SECOND, s.now_us);
	s.now_us += 10 * SECOND;
	assert_int_equal(fill(&s), 1);
	s.now_us += 999 * MS;
	assert_int_equal(fill(&s), 0);
	succeed(&s);
	assert_int_equal(fill(&s), 8);
	clear(&s);
}

static void
test_the_others_go_a_second_later_at_the_latest(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	gate_pause(s.gate, 10 * SECOND, s.now_us);
	s.now_us += 60 * SECOND;
	assert_int_equal(fill(&s), 1);
	assert_int_equal(gate_next_us(s.gate, s.now_us), s.now_us + SECOND);
	s.now_us += SECOND;
	assert_int_equal(fill(&s), 7);
	clear(&s);
}

static void
test_one_that_was_in_before_the_pause_does_not_let_the_others_in(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	fill(&s);
	gate_pause(s.gate, SECOND, s.now_us);
	leave(&s);
	leave(&s);
	s.now_us += SECOND;
	assert_int_equal(fill(&s), 1);
	leave(&s);
	assert_int_equal(fill(&s), 0);
	clear(&s);
}

static void
test_the_first_one_may_pause_it_again(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 0);
	gate_pause(s.gate, SECOND, s.now_us);
	s.now_us += SECOND;
	assert_int_equal(fill(&s), 1);
	push_back(&s, 5 * SECOND);
	assert_int_equal(facts_of(&s).pauses, 2);
	s.now_us += 5 * SECOND;
	assert_int_equal(fill(&s), 1);
	clear(&s);
}

static void
test_a_limit_of_one_is_paused_for_longer_and_longer(UNUSED void **state)
{
	/* The chance is 0.5: three quarters of 0.5 s, 1 s, 2 s and so on up to a minute. */
	static const int64_t pauses_ms[] = { 375, 750, 1500, 3000, 6000, 12000, 24000,
		45000, 45000 };
	struct stage s;

	make_least(&s);
	for (size_t i = 0; i < ARRAY_COUNT(pauses_ms); i++) {
		assert_int_equal(fill(&s), 1);
		push_back(&s, NOT_SAID);
		assert_int_equal(
		    facts_of(&s).paused_until_us, s.now_us + pauses_ms[i] * MS);
		s.now_us += pauses_ms[i] * MS;
	}
	fill(&s);
	succeed(&s); /* they begin anew */
	while (facts_of(&s).limit > 1 || facts_of(&s).paused_until_us == INT64_MIN) {
		fill(&s);
		push_back(&s, NOT_SAID);
		while (s.in_count > 0)
			leave(&s);
	}
	assert_int_equal(facts_of(&s).paused_until_us, s.now_us + 375 * MS);
	clear(&s);
}

static void
test_who_is_not_there_lowers_the_limit_and_holds_nobody_up(UNUSED void **state)
{
	struct stage s;

	make(&s, 2, true, 0);
	for (size_t i = 0; i < 3; i++) {
		fill(&s);
		gate_got_no_answer(s.gate, &s.in[0]);
		leave(&s);
		assert_int_equal(facts_of(&s).limit, 1);
		assert_int_equal(facts_of(&s).rejections, i + 1);
		assert_true(facts_of(&s).paused_until_us == INT64_MIN);
		while (s.in_count > 0)
			leave(&s);
	}
	assert_int_equal(facts_of(&s).pauses, 0);
	clear(&s);
}

static void
test_a_pause_of_its_own_is_half_of_it_at_least(UNUSED void **state)
{
	struct stage s;

	make(&s, 1, true, 0);
	fill(&s);
	gate_pushed_back(s.gate, &s.in[0], NOT_SAID, s.now_us, 0);
	leave(&s);
	assert_int_equal(facts_of(&s).paused_until_us, s.now_us + 250 * MS);
	assert_int_equal(facts_of(&s).cuts, 0);
	clear(&s);
}

/* ---- the rate ---- */

static void
test_no_more_start_in_a_time_than_the_rate_allows(UNUSED void **state)
{
	struct stage s;

	make(&s, 50, true, 4);
	assert_int_equal(fill(&s), 4);
	assert_int_equal(gate_next_us(s.gate, s.now_us), s.now_us + 250 * MS);
	s.now_us += 500 * MS;
	assert_int_equal(fill(&s), 2);
	while (s.in_count > 0)
		leave(&s);
	assert_int_equal(fill(&s), 0);
	clear(&s);
}

/* ---- other limits ---- */

static void
test_what_was_learned_stays_within_a_new_maximum(UNUSED void **state)
{
	struct gate_limits limits = { 20, true, 0 };
	struct stage s;
	size_t learned;

	make(&s, 90, true, 0);
	fill(&s);
	go_round(&s);
	learned = facts_of(&s).limit;
	assert_int_equal(learned, 16);

	gate_set_limits(s.gate, &limits, s.now_us);
	assert_int_equal(facts_of(&s).limit, learned);
	limits.max = 6;
	gate_set_limits(s.gate, &limits, s.now_us);
	assert_int_equal(facts_of(&s).limit, 6);
	assert_int_equal(facts_of(&s).in_flight, learned); /* they stay in */
	limits.adaptive = false;
	limits.max = 70;
	gate_set_limits(s.gate, &limits, s.now_us);
	assert_int_equal(facts_of(&s).limit, 70);
	limits.adaptive = true;
	gate_set_limits(s.gate, &limits, s.now_us);
	assert_int_equal(facts_of(&s).limit, 8); /* it was never pushed back */
	clear(&s);
}

static void
test_a_higher_maximum_counts_at_once_where_nothing_was_learned(UNUSED void **state)
{
	struct gate_limits limits = { 5, true, 0 };
	struct stage s;
	size_t learned;

	make(&s, 2, true, 0);
	gate_set_limits(s.gate, &limits, s.now_us);
	assert_int_equal(facts_of(&s).limit, 5);
	assert_int_equal(fill(&s), 5);

	push_back(&s, NOT_SAID);
	learned = facts_of(&s).limit;
	assert_int_equal(learned, 3);
	limits.max = 50;
	gate_set_limits(s.gate, &limits, s.now_us);
	assert_int_equal(facts_of(&s).limit, learned);
	clear(&s);
}

static void
test_what_was_used_up_stays_so_at_another_rate(UNUSED void **state)
{
	const struct gate_limits limits = { 50, true, 2 };
	struct stage s;

	make(&s, 50, true, 4);
	assert_int_equal(fill(&s), 4);
	gate_set_limits(s.gate, &limits, s.now_us);
	assert_int_equal(gate_next_us(s.gate, s.now_us), s.now_us + 500 * MS);
	clear(&s);
}

/* ---- why ---- */

static void
assert_why(const struct stage *s, const char *text)
{
	char *why = gate_why_waiting(s->gate, s->now_us);

	assert_string_equal(why != NULL ? why : "-", text);
	free(why);
}

static void
test_it_is_told_why_one_would_wait(UNUSED void **state)
{
	struct stage s;

	make(&s, 8, true, 10);
	assert_why(&s, "-");
	assert_int_equal(fill(&s), 8);
	assert_why(&s, "8 of 8 in flight through its provider");
	for (int i = 0; i < 3; i++)
		succeed(&s);
	assert_int_equal(fill(&s), 2);
	assert_why(&s, "at its provider's rate for 100ms");
	push_back(&s, 12 * SECOND);
	assert_why(&s, "6 of 5 in flight through its provider");
	leave(&s);
	leave(&s);
	assert_why(&s, "its provider is paused for 12s");
	s.now_us += 12 * SECOND;
	assert_why(&s, "-");
	fill(&s);
	s.now_us += 200 * MS;
	leave(&s);
	assert_why(&s, "one goes first after its provider's pause, for 800ms");
	clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_starts_at_eight_or_the_maximum),
		cmocka_unit_test(test_a_fixed_limit_is_the_maximum_whatever_happens),
		cmocka_unit_test(test_it_doubles_with_each_round_until_the_maximum),
		cmocka_unit_test(test_a_push_back_cuts_it_to_seven_tenths),
		cmocka_unit_test(test_those_of_one_round_trip_cut_it_once),
		cmocka_unit_test(test_after_a_cut_it_comes_back_and_then_grows_slowly),
		cmocka_unit_test(
		    test_after_all_failed_it_comes_back_to_what_held_before),
		cmocka_unit_test(test_it_does_not_grow_while_it_is_not_used),
		cmocka_unit_test(test_who_is_told_nothing_of_changes_nothing),
		cmocka_unit_test(test_a_wait_that_was_said_pauses_it),
		cmocka_unit_test(test_without_a_wait_there_is_only_the_cut),
		cmocka_unit_test(test_no_wait_is_longer_than_the_longest_pause),
		cmocka_unit_test(
		    test_after_a_pause_one_goes_first_and_the_others_when_it_is_back),
		cmocka_unit_test(test_the_others_go_a_second_later_at_the_latest),
		cmocka_unit_test(
		    test_one_that_was_in_before_the_pause_does_not_let_the_others_in),
		cmocka_unit_test(test_the_first_one_may_pause_it_again),
		cmocka_unit_test(test_a_limit_of_one_is_paused_for_longer_and_longer),
		cmocka_unit_test(
		    test_who_is_not_there_lowers_the_limit_and_holds_nobody_up),
		cmocka_unit_test(test_a_pause_of_its_own_is_half_of_it_at_least),
		cmocka_unit_test(test_no_more_start_in_a_time_than_the_rate_allows),
		cmocka_unit_test(test_what_was_learned_stays_within_a_new_maximum),
		cmocka_unit_test(
		    test_a_higher_maximum_counts_at_once_where_nothing_was_learned),
		cmocka_unit_test(test_what_was_used_up_stays_so_at_another_rate),
		cmocka_unit_test(test_it_is_told_why_one_would_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
