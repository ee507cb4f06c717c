#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "fake_timers.h"
#include "gather/limiter.h"

#define A "http://a:80"
#define B "http://b:80"

#define MS     ((int64_t)1000)
#define SECOND (1000 * MS)

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

static int
set_up(void **state)
{
	struct stage *s = xcalloc(1, sizeof(*s));

	s->now_us = 1000 * SECOND;
	s->clock = (struct clock_source){ .now_us = now_us, .arg = s };
	fake_timers_begin(s->clock);
	s->base = event_base_new();
	s->limiter = limiter_new(100);
	for (size_t i = 0; i < ARRAY_COUNT(s->waiters); i++) {
		s->waiters[i].stage = s;
		s->waiters[i].letter = (char)('a' + (char)i);
	}
	buffer_init(&s->granted, BUFFER_UNLIMITED);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct stage *s = *state;

	limiter_free(s->limiter);
	fake_timers_end();
	event_base_free(s->base);
	buffer_clear(&s->granted);
	free(s);
	return 0;
}

static void
limit(struct stage *s, size_t max_concurrent, double starts_per_s)
{
	const struct limiter_host_limits limits = { max_concurrent, starts_per_s };

	limiter_limit_hosts(s->limiter, s->base, &s->clock, &limits);
}

static void
on_granted(struct limiter_ticket *ticket, void *arg)
{
	struct waiter *waiter = arg;

	assert_ptr_equal(ticket, &waiter->ticket);
	buffer_append_char(&waiter->stage->granted, waiter->letter);
}

static void
ask(struct stage *s, char letter, const char *host)
{
	struct waiter *waiter = &s->waiters[letter - 'a'];

	limiter_ask(s->limiter, &waiter->ticket, host, NULL, on_granted, waiter);
}

static void
give_back(struct stage *s, char letter)
{
	limiter_give_back(s->limiter, &s->waiters[letter - 'a'].ticket);
}

/* Those with LETTERS ask, and give back whatever they get at once. */
static void
ask_and_give_back(struct stage *s, const char *letters, const char *host)
{
	for (; *letters != '\0'; letters++) {
		ask(s, *letters, host);
		if (s->waiters[*letters - 'a'].ticket.state == TICKET_HELD)
			give_back(s, *letters);
	}
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

/* ---- how many at once ---- */

static void
test_one_host_holds_so_many_at_once(void **state)
{
	struct stage *s = *state;

	limit(s, 2, 0);
	ask(s, 'a', A);
	ask(s, 'b', A);
	ask(s, 'c', A);
	ask(s, 'd', B);
	ask(s, 'e', NULL);
	assert_granted(s, "abde");
	assert_int_equal(limiter_waiting(s->limiter), 1);
	give_back(s, 'd');
	assert_granted(s, "");
	give_back(s, 'a');
	assert_granted(s, "c");
}

static void
test_who_is_passed_over_keeps_its_place(void **state)
{
	struct stage *s = *state;

	limiter_set_max(s->limiter, 2);
	limit(s, 1, 0);
	ask(s, 'a', A);
	ask(s, 'b', A);
	ask(s, 'c', B);
	ask(s, 'd', B);
	ask(s, 'e', A);
	assert_granted(s, "ac");
	give_back(s, 'a'); /* b came before d */
	assert_granted(s, "b");
	give_back(s, 'c');
	assert_granted(s, "d");
	give_back(s, 'd');
	assert_granted(s, "");
	give_back(s, 'b');
	assert_granted(s, "e");
}

static void
test_who_leaves_the_queue_of_a_host_is_not_called(void **state)
{
	struct stage *s = *state;

	limit(s, 1, 0);
	ask(s, 'a', A);
	ask(s, 'b', A);
	ask(s, 'c', A);
	give_back(s, 'b');
	give_back(s, 'a');
	assert_granted(s, "ac");
	give_back(s, 'c');
	assert_int_equal(limiter_held(s->limiter), 0);
}

static void
test_those_in_flight_count_when_a_limit_comes(void **state)
{
	struct stage *s = *state;

	ask(s, 'a', A);
	ask(s, 'b', A);
	ask(s, 'c', B);
	limiter_set_max(s->limiter, 3);
	ask(s, 'd', A);
	ask(s, 'e', A);
	ask(s, 'f', NULL);
	ask(s, 'g', B);
	assert_granted(s, "abc");
	limit(s, 1, 0);
	give_back(s, 'a');
	assert_granted(s, "f");
	give_back(s, 'f');
	assert_granted(s, "");
	give_back(s, 'c');
	assert_granted(s, "g");
	give_back(s, 'b');
	assert_granted(s, "d");
}

static void
test_when_limits_go_all_may_start_in_their_order(void **state)
{
	struct stage *s = *state;

	limit(s, 1, 0);
	ask(s, 'a', A);
	ask(s, 'b', B);
	ask(s, 'c', B);
	ask(s, 'd', A);
	ask(s, 'e', B);
	assert_granted(s, "ab");
	limit(s, 0, 0);
	assert_granted(s, "cde");
	ask(s, 'f', A);
	assert_granted(s, "f");
	for (char letter = 'a'; letter <= 'f'; letter++)
		give_back(s, letter);
	assert_int_equal(limiter_hosts(s->limiter), 0);
}

/* ---- how many in a time ---- */

static void
test_a_host_starts_one_seconds_worth_and_then_at_its_rate(void **state)
{
	struct stage *s = *state;

	limit(s, 0, 4);
	for (char letter = 'a'; letter <= 'g'; letter++)
		ask(s, letter, A);
	assert_granted(s, "abcd");
	pass(s, 249 * MS);
	assert_granted(s, "");
	pass(s, 1 * MS);
	assert_granted(s, "e");
	pass(s, 500 * MS);
	assert_granted(s, "fg");
}

static void
test_less_than_one_in_a_second_starts_one(void **state)
{
	struct stage *s = *state;

	limit(s, 0, 0.5);
	ask(s, 'a', A);
	ask(s, 'b', A);
	assert_granted(s, "a");
	pass(s, 2 * SECOND - 1);
	assert_granted(s, "");
	pass(s, 1);
	assert_granted(s, "b");
}

static void
test_a_bucket_fills_while_nobody_asks_but_not_beyond(void **state)
{
	struct stage *s = *state;

	limit(s, 0, 2);
	ask_and_give_back(s, "ab", A);
	pass(s, 500 * MS);
	ask_and_give_back(s, "cd", A);
	assert_granted(s, "abc");
	give_back(s, 'd');
	pass(s, 60 * SECOND);
	ask_and_give_back(s, "efg", A);
	assert_granted(s, "ef");
}

static void
test_waiting_for_the_rate_holds_nobody_else_up(void **state)
{
	struct stage *s = *state;

	limiter_set_max(s->limiter, 2);
	limit(s, 0, 1);
	ask(s, 'a', A);
	ask(s, 'b', A);
	ask(s, 'c', B);
	ask(s, 'd', B);
	assert_granted(s, "ac");
	pass(s, SECOND); /* both may, but there is no ticket */
	assert_granted(s, "");
	give_back(s, 'c');
	assert_granted(s, "b");
	give_back(s, 'a');
	assert_granted(s, "d");
}

static void
test_the_timer_is_gone_with_those_who_wait(void **state)
{
	struct stage *s = *state;

	limit(s, 0, 1);
	ask(s, 'a', A);
	ask(s, 'b', A);
	assert_int_equal(fake_timers_next_us(), s->now_us + SECOND);
	give_back(s, 'b');
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
	give_back(s, 'a');
}

static void
test_what_was_used_up_stays_so_at_another_rate(void **state)
{
	struct stage *s = *state;

	limit(s, 0, 4);
	ask_and_give_back(s, "abcd", A);
	ask_and_give_back(s, "e", B);
	limit(s, 0, 2); /* a smaller bucket is empty at most */
	ask(s, 'f', A);
	ask(s, 'g', B); /* of two, one is used up */
	ask(s, 'h', B);
	assert_granted(s, "abcdeg");
	pass(s, 500 * MS);
	assert_granted(s, "fh");
	limit(s, 0, 10); /* a larger one has room for more */
	for (char letter = 'i'; letter <= 'r'; letter++)
		ask(s, letter, A);
	assert_granted(s, "ijklmnop");
}

static void
test_a_rate_and_a_number_hold_together(void **state)
{
	struct stage *s = *state;

	limit(s, 2, 3);
	for (char letter = 'a'; letter <= 'e'; letter++)
		ask(s, letter, A);
	assert_granted(s, "ab");
	give_back(s, 'a');
	give_back(s, 'b');
	assert_granted(s, "c");
	pass(s, SECOND);
	assert_granted(s, "d");
	pass(s, SECOND);
	assert_granted(s, "");
	give_back(s, 'c');
	assert_granted(s, "e");
}

/* ---- holding a host back ---- */

static void
test_a_host_held_back_starts_nothing_before(void **state)
{
	struct stage *s = *state;

	limit(s, 0, 10);
	ask(s, 'a', A);
	limiter_hold_host(s->limiter, A, s->now_us + 30 * SECOND);
	limiter_hold_host(s->limiter, A, s->now_us + 20 * SECOND); /* changes nothing */
	ask(s, 'b', A);
	ask(s, 'c', B);
	assert_granted(s, "ac");
	pass(s, 30 * SECOND - 1);
	assert_granted(s, "");
	pass(s, 1);
	assert_granted(s, "b");
}

static void
test_those_who_wait_are_held_back_with_their_host(void **state)
{
	struct stage *s = *state;

	limiter_set_max(s->limiter, 1);
	limit(s, 0, 10);
	ask(s, 'a', A);
	ask(s, 'b', A);
	ask(s, 'c', B);
	limiter_hold_host(s->limiter, A, s->now_us + SECOND);
	give_back(s, 'a');
	assert_granted(s, "ac");
	give_back(s, 'c');
	pass(s, SECOND);
	assert_granted(s, "b");
}

static void
test_without_a_rate_no_host_is_held_back(void **state)
{
	struct stage *s = *state;

	limiter_hold_host(s->limiter, A, s->now_us + SECOND); /* not even a clock */
	limit(s, 3, 0);
	limiter_hold_host(s->limiter, A, s->now_us + SECOND);
	limiter_hold_host(s->limiter, NULL, s->now_us + SECOND);
	ask(s, 'a', A);
	assert_granted(s, "a");
}

/* ---- what is remembered ---- */

static void
test_hosts_without_limits_are_not_remembered(void **state)
{
	struct stage *s = *state;

	ask(s, 'a', A);
	assert_int_equal(limiter_hosts(s->limiter), 0);
}

static void
test_idle_hosts_are_forgotten_when_their_bucket_is_full(void **state)
{
	struct stage *s = *state;

	limit(s, 2, 10);
	for (int i = 0; i < 1000; i++) {
		char *host = xasprintf("http://%d:80", i);

		ask_and_give_back(s, "a", host);
		pass(s, 10 * MS);
		free(host);
	}
	/* A start is forgotten after 100 ms, and that as the next new host is met. */
	assert_in_range(limiter_hosts(s->limiter), 1, 11);
	assert_int_equal(fake_timers_next_us(), INT64_MAX);
	buffer_reset(&s->granted);
}

static void
test_a_host_that_is_held_back_is_not_forgotten(void **state)
{
	struct stage *s = *state;

	limit(s, 0, 10);
	limiter_hold_host(s->limiter, A, s->now_us + 10 * SECOND);
	pass(s, 9 * SECOND);
	ask_and_give_back(s, "a", B);
	ask(s, 'b', A);
	assert_granted(s, "a");
	pass(s, SECOND);
	assert_granted(s, "b");
}

/* ---- why ---- */

#define assert_why(stage, host, text)                                            \
	do {                                                                     \
		char *why = limiter_why_waiting((stage)->limiter, (host), NULL); \
                                                                                 \
		assert_string_equal(why != NULL ? why : "-", text);              \
		free(why);                                                       \
	} while (0)

static void
test_it_is_told_why_one_would_wait(void **state)
{
	struct stage *s = *state;

	assert_why(s, A, "-");
	limit(s, 2, 2);
	assert_why(s, A, "-");
	ask(s, 'a', A);
	assert_why(s, A, "-");
	ask(s, 'b', A);
	assert_why(s, A, "2 of 2 in flight to " A);
	assert_why(s, B, "-");
	assert_why(s, NULL, "-");
	give_back(s, 'b');
	assert_why(s, A, A " is at its rate for 500ms");
	limiter_hold_host(s->limiter, A, s->now_us + 90 * SECOND);
	assert_why(s, A, A " is held back for 1m30s");
	limiter_set_max(s->limiter, 1);
	assert_why(s, B, "1 of 1 in flight");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_one_host_holds_so_many_at_once),
		CASE(test_who_is_passed_over_keeps_its_place),
		CASE(test_who_leaves_the_queue_of_a_host_is_not_called),
		CASE(test_those_in_flight_count_when_a_limit_comes),
		CASE(test_when_limits_go_all_may_start_in_their_order),
		CASE(test_a_host_starts_one_seconds_worth_and_then_at_its_rate),
		CASE(test_less_than_one_in_a_second_starts_one),
		CASE(test_a_bucket_fills_while_nobody_asks_but_not_beyond),
		CASE(test_waiting_for_the_rate_holds_nobody_else_up),
		CASE(test_the_timer_is_gone_with_those_who_wait),
		CASE(test_what_was_used_up_stays_so_at_another_rate),
		CASE(test_a_rate_and_a_number_hold_together),
		CASE(test_a_host_held_back_starts_nothing_before),
		CASE(test_those_who_wait_are_held_back_with_their_host),
		CASE(test_without_a_rate_no_host_is_held_back),
		CASE(test_hosts_without_limits_are_not_remembered),
		CASE(test_idle_hosts_are_forgotten_when_their_bucket_is_full),
		CASE(test_a_host_that_is_held_back_is_not_forgotten),
		CASE(test_it_is_told_why_one_would_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
