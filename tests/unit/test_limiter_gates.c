#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "fake_timers.h"
#include "gather/gate.h"
#include "gather/limiter.h"

#define A "http://a:80"
#define B "http://b:80"

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

#define NOT_SAID (-1)

struct stage;

/* Somebody who wants a ticket, with a letter. */
struct waiter {
	struct stage *stage;
	struct limiter_ticket ticket;
	char letter;
};

struct stage {
	struct event_base *base;
	struct clock_source clock;
	struct limiter *limiter;
	struct gate *one, *two;
	int64_t now_us;
	struct waiter waiters[26];
	struct buffer granted; /* the letters of those who were, since the last look */
};

static int64_t
now_us(void *arg)
{
	const struct stage *s = arg;

	return s->now_us;
}

static struct gate *
fixed_gate(size_t max, double starts_per_s)
{
	const struct gate_limits limits = { max, false, starts_per_s };

	return gate_new(&limits);
}

static void
limit(struct stage *s, size_t max_concurrent, double starts_per_s)
{
	const struct limiter_host_limits limits = { max_concurrent, starts_per_s };

	limiter_limit_hosts(s->limiter, s->base, &s->clock, &limits);
}

static int
set_up(void **state)
{
	struct stage *s = xcalloc(1, sizeof(*s));

	s->now_us = 1000 * SECOND;
	s->clock = (struct clock_source){ .now_us = now_us, .arg = s };
	fake_timers_begin(s->clock);
	s->base = event_base_new();
	s->limiter = limiter_new(100);
	s->one = fixed_gate(2, 0);
	s->two = fixed_gate(2, 0);
	for (size_t i = 0; i < ARRAY_COUNT(s->waiters); i++) {
		s->waiters[i].stage = s;
		s->waiters[i].letter = (char)('a' + (char)i);
	}
	buffer_init(&s->granted, BUFFER_UNLIMITED);
	limit(s, 0, 0);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct stage *s = *state;

	limiter_free(s->limiter);
	gate_free(s->one);
	gate_free(s->two);
	fake_timers_end();
	event_base_free(s->base);
	buffer_clear(&s->granted);
	free(s);
	return 0;
}

static void
on_granted(struct limiter_ticket *ticket, void *arg)
{
	struct waiter *waiter = arg;

	assert_ptr_equal(ticket, &waiter->ticket);
	buffer_append_char(&waiter->stage->granted, waiter->letter);
}

/* Those with LETTERS, one after the other. */
static void
ask(struct stage *s, const char *letters, const char *host, struct gate *gate)
{
	for (; *letters != '\0'; letters++) {
		struct waiter *waiter = &s->waiters[*letters - 'a'];

		limiter_ask(
		    s->limiter, &waiter->ticket, host, gate, on_granted, waiter);
	}
}

static void
give_back(struct stage *s, const char *letters)
{
	for (; *letters != '\0'; letters++)
		limiter_give_back(s->limiter, &s->waiters[*letters - 'a'].ticket);
}

static void
push_back(struct stage *s, char letter, int64_t wait_us)
{
	struct limiter_ticket *ticket = &s->waiters[letter - 'a'].ticket;

	gate_pushed_back(ticket->gate, &ticket->admission, wait_us, s->now_us, 0.5);
	limiter_give_back(s->limiter, ticket);
}

static void
pass(struct stage *s, int64_t us)
{
	s->now_us += us;
	fake_timers_ring();
}

#define assert_granted(stage, letters)                               \
	do {                                                         \
		assert_string_equal((stage)->granted.data, letters); \
		buffer_reset(&(stage)->granted);                     \
	} while (0)

static size_t
in_flight(const struct stage *s, const struct gate *gate)
{
	struct gate_facts facts;

	gate_see(gate, s->now_us, &facts);
	return facts.in_flight;
}

/* ---- how many ---- */

static void
test_as_many_go_through_a_gate_as_it_lets_in(void **state)
{
	struct stage *s = *state;

	ask(s, "abcd", A, s->one);
	ask(s, "ef", A, NULL);
	ask(s, "gh", B, s->two);
	assert_granted(s, "abefgh");
	assert_int_equal(in_flight(s, s->one), 2);
	give_back(s, "e");
	assert_granted(s, "");
	give_back(s, "a");
	assert_granted(s, "c");
	give_back(s, "bc");
	assert_granted(s, "d");
	give_back(s, "dfgh");
	assert_int_equal(in_flight(s, s->one), 0);
	assert_int_equal(in_flight(s, s->two), 0);
	assert_int_equal(limiter_held(s->limiter), 0);
}

static void
test_all_tickets_are_had_together_or_none(void **state)
{
	struct stage *s = *state;

	limiter_set_max(s->limiter, 3);
	limit(s, 2, 0);
	ask(s, "ab", A, NULL);
	ask(s, "c", A, s->one); /* waits for its host and takes nothing meanwhile */
	assert_int_equal(in_flight(s, s->one), 0);
	ask(s, "de", B, s->two); /* e waits for the whole */
	assert_int_equal(in_flight(s, s->two), 1);
	assert_granted(s, "abd");
	give_back(s, "a");
	assert_granted(s, "c");
	give_back(s, "b");
	assert_granted(s, "e");
}

static void
test_who_waits_for_a_gate_is_passed_over_and_keeps_its_place(void **state)
{
	struct stage *s = *state;

	limiter_set_max(s->limiter, 3);
	ask(s, "abc", A, s->one);
	ask(s, "d", A, NULL);
	ask(s, "ef", A, s->two);
	assert_granted(s, "abd");
	give_back(s, "a"); /* c came before e */
	assert_granted(s, "c");
	give_back(s, "b");
	assert_granted(s, "e");
	give_back(s, "c");
	assert_granted(s, "f");
}

static void
test_lanes_of_one_host_go_in_the_order_of_their_tickets(void **state)
{
	struct stage *s = *state;

	limit(s, 1, 0);
	ask(s, "a", A, NULL);
	ask(s, "b", A, s->two);
	ask(s, "c", A, s->one);
	ask(s, "d", A, NULL);
	ask(s, "e", A, s->two);
	give_back(s, "a");
	give_back(s, "b");
	give_back(s, "c");
	give_back(s, "d");
	assert_granted(s, "abcde");
}

static void
test_who_leaves_the_queue_of_a_gate_is_not_called(void **state)
{
	struct stage *s = *state;

	ask(s, "abcde", A, s->one);
	give_back(s, "c");
	give_back(s, "e");
	give_back(s, "a");
	assert_granted(s, "abd");
	give_back(s, "bd");
	assert_int_equal(limiter_waiting(s->limiter), 0);
}

/* ---- in a time ---- */

static void
test_a_pause_ends_by_the_timer_and_one_goes_first(void **state)
{
	struct stage *s = *state;

	ask(s, "abcde", A, s->one);
	push_back(s, 'a', 10 * SECOND);
	give_back(s, "b");
	assert_granted(s, "ab");
	assert_int_equal(fake_timers_next_us(), s->now_us + 10 * SECOND);
	pass(s, 10 * SECOND - 1);
	assert_granted(s, "");
	pass(s, 1);
	assert_granted(s, "c");
	assert_int_equal(fake_timers_next_us(), s->now_us + SECOND);
	give_back(s, "c");
	assert_granted(s, "de");
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
}

static void
test_a_gate_that_shuts_before_its_ticket_is_back_is_shut(void **state)
{
	struct stage *s = *state;
	struct limiter_ticket *a = &s->waiters[0].ticket;

	limiter_set_max(s->limiter, 1);
	ask(s, "a", A, s->one);
	ask(s, "b", A, s->one); /* its gate is open, only the whole is full */
	ask(s, "c", B, NULL);
	assert_granted(s, "a");
	gate_pushed_back(s->one, &a->admission, 10 * SECOND, s->now_us, 0.5);
	limiter_set_max(s->limiter, 2);
	assert_granted(s, "c");
	give_back(s, "ac");
	assert_granted(s, "");
	pass(s, 10 * SECOND);
	assert_granted(s, "b");
}

static void
test_the_rates_of_host_and_gate_hold_together(void **state)
{
	struct stage *s = *state;
	struct gate *slow = fixed_gate(50, 2);

	limit(s, 0, 4);
	ask(s, "abcd", A, slow);
	ask(s, "efgh", A, NULL);
	assert_granted(s, "abef"); /* two by the gate, four by the host */
	pass(s, 250 * MS);
	assert_granted(s, "g");
	pass(s, 250 * MS);
	assert_granted(s, "c");
	pass(s, 250 * MS);
	assert_granted(s, "h");
	pass(s, 250 * MS);
	assert_granted(s, "d");
	give_back(s, "abcdefgh");
	gate_free(slow);
}

static void
test_the_timer_is_gone_with_those_who_wait_for_a_gate(void **state)
{
	struct stage *s = *state;

	gate_pause(s->one, 10 * SECOND, s->now_us);
	ask(s, "ab", A, s->one);
	assert_int_equal(fake_timers_next_us(), s->now_us + 10 * SECOND);
	give_back(s, "ab");
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
}

/* ---- who does not wait for a pause ---- */

static void
on_refused(struct limiter_ticket *ticket, void *arg)
{
	struct waiter *waiter = arg;

	assert_ptr_equal(ticket, &waiter->ticket);
	assert_int_equal(ticket->state, TICKET_NONE);
	buffer_append_format(&waiter->stage->granted, "!%c", waiter->letter);
}

/* Those with LETTERS wait for no pause that is longer. */
static void
have_patience(struct stage *s, const char *letters, int64_t patience_us)
{
	for (; *letters != '\0'; letters++) {
		struct limiter_ticket *ticket = &s->waiters[*letters - 'a'].ticket;

		ticket->refused = on_refused;
		ticket->patience_us = patience_us;
	}
}

static void
test_a_pause_beyond_his_patience_sends_away_who_waits(void **state)
{
	struct stage *s = *state;

	have_patience(s, "abdf", 3 * SECOND);
	have_patience(s, "e", 4 * SECOND);
	ask(s, "abcdef", A, s->one);
	ask(s, "g", A, s->two);
	assert_granted(s, "abg");
	push_back(s, 'a', 3 * SECOND); /* not beyond it */
	assert_granted(s, "");
	push_back(s, 'b', 3 * SECOND + 1);
	assert_granted(s, "!d!f");
	assert_int_equal(limiter_waiting(s->limiter), 2);
	pass(s, 3 * SECOND + 1);
	assert_granted(s, "c"); /* one goes first */
	give_back(s, "c");
	assert_granted(s, "e");
}

static void
test_whoever_comes_while_it_is_paused_for_too_long_is_sent_away(void **state)
{
	struct stage *s = *state;

	ask(s, "a", A, s->one);
	push_back(s, 'a', 10 * SECOND);
	have_patience(s, "bd", 9 * SECOND);
	have_patience(s, "c", 10 * SECOND);
	ask(s, "bc", A, s->one);
	assert_granted(s, "a!b");
	pass(s, 2 * SECOND);
	ask(s, "d", A, s->one);
	assert_granted(s, ""); /* it is not so long any more */
}

static void
test_nobody_is_sent_away_while_all_stands_still(void **state)
{
	struct stage *s = *state;

	have_patience(s, "bc", SECOND);
	ask(s, "a", A, s->one);
	limiter_set_max(s->limiter, 0);
	ask(s, "bc", A, s->one);
	push_back(s, 'a', 10 * SECOND);
	give_back(s, "b");
	assert_granted(s, "a");
	limiter_set_max(s->limiter, 100);
	assert_granted(s, "!c");
}

/* ---- what changes ---- */

static void
test_a_raised_limit_of_a_gate_serves_those_who_wait_at_once(void **state)
{
	const struct gate_limits more = { 4, false, 0 };
	struct stage *s = *state;

	ask(s, "abcde", A, s->one);
	assert_granted(s, "ab");
	limiter_gate_changed(s->limiter, s->two); /* nobody waits for this one */
	gate_set_limits(s->one, &more, s->now_us);
	limiter_gate_changed(s->limiter, s->one);
	assert_granted(s, "cd");
}

static void
test_those_in_flight_through_a_gate_count_when_hosts_get_limits(void **state)
{
	struct stage *s = *state;

	ask(s, "abc", A, s->one);
	ask(s, "de", NULL, s->two);
	limit(s, 1, 0);
	ask(s, "f", A, NULL);
	ask(s, "g", B, NULL);
	assert_granted(s, "abdeg");
	give_back(s, "a");
	assert_granted(s, "");
	give_back(s, "b");
	assert_granted(s, "c");
	give_back(s, "c");
	assert_granted(s, "f");
	limit(s, 0, 0);
	ask(s, "h", A, s->one);
	assert_granted(s, "h");
	give_back(s, "defgh");
	assert_int_equal(limiter_hosts(s->limiter), 0);
}

static void
test_a_host_is_remembered_while_one_waits_for_its_gate(void **state)
{
	struct stage *s = *state;

	limit(s, 5, 0);
	gate_pause(s->one, SECOND, s->now_us);
	ask(s, "a", A, s->one);
	assert_int_equal(limiter_hosts(s->limiter), 1);
	pass(s, SECOND);
	assert_granted(s, "a");
	give_back(s, "a");
	assert_int_equal(limiter_hosts(s->limiter), 0);
}

static void
test_a_gate_may_go_when_its_tickets_are_back(void **state)
{
	struct stage *s = *state;

	ask(s, "abc", A, s->one);
	give_back(s, "cab");
	gate_free(s->one);
	s->one = fixed_gate(1, 0);
	ask(s, "de", B, s->one); /* perhaps at the same address, for another host */
	assert_granted(s, "abd");
}

/* ---- why ---- */

static void
assert_why(
    const struct stage *s, const char *host, const struct gate *gate, const char *text)
{
	char *why = limiter_why_waiting(s->limiter, host, gate);

	assert_string_equal(why != NULL ? why : "-", text);
	free(why);
}

static void
test_it_is_told_why_one_would_wait(void **state)
{
	struct stage *s = *state;

	assert_why(s, A, s->one, "-");
	ask(s, "ab", A, s->one);
	assert_why(s, A, s->one, "2 of 2 in flight through its provider");
	assert_why(s, A, s->two, "-");
	assert_why(s, A, NULL, "-");
	limit(s, 2, 0);
	assert_why(s, A, s->two, "2 of 2 in flight to " A);
	give_back(s, "a");
	push_back(s, 'b', 12 * SECOND);
	assert_why(s, A, s->one, "its provider is paused for 12s");
	limiter_set_max(s->limiter, 0);
	assert_why(s, A, s->one, "0 of 0 in flight");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_as_many_go_through_a_gate_as_it_lets_in),
		CASE(test_all_tickets_are_had_together_or_none),
		CASE(test_who_waits_for_a_gate_is_passed_over_and_keeps_its_place),
		CASE(test_lanes_of_one_host_go_in_the_order_of_their_tickets),
		CASE(test_who_leaves_the_queue_of_a_gate_is_not_called),
		CASE(test_a_pause_ends_by_the_timer_and_one_goes_first),
		CASE(test_a_gate_that_shuts_before_its_ticket_is_back_is_shut),
		CASE(test_the_rates_of_host_and_gate_hold_together),
		CASE(test_the_timer_is_gone_with_those_who_wait_for_a_gate),
		CASE(test_a_pause_beyond_his_patience_sends_away_who_waits),
		CASE(test_whoever_comes_while_it_is_paused_for_too_long_is_sent_away),
		CASE(test_nobody_is_sent_away_while_all_stands_still),
		CASE(test_a_raised_limit_of_a_gate_serves_those_who_wait_at_once),
		CASE(test_those_in_flight_through_a_gate_count_when_hosts_get_limits),
		CASE(test_a_host_is_remembered_while_one_waits_for_its_gate),
		CASE(test_a_gate_may_go_when_its_tickets_are_back),
		CASE(test_it_is_told_why_one_would_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
