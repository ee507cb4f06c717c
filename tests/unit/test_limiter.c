#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "gather/limiter.h"

/* A waiter that notes when it was called. */
struct waiter {
	struct limiter *limiter;
	struct limiter_ticket ticket;
	int called_at;   /* its place among all calls, from 1; 0: not called */
	bool gives_back; /* as soon as it is called */
	bool asks_again; /* then */
};

static int calls;

static void
on_granted(struct limiter_ticket *ticket, void *arg)
{
	struct waiter *waiter = arg;

	assert_ptr_equal(ticket, &waiter->ticket);
	waiter->called_at = ++calls;
	if (waiter->gives_back)
		limiter_give_back(waiter->limiter, ticket);
	if (waiter->asks_again) {
		waiter->asks_again = false;
		waiter->gives_back = false;
		limiter_ask(waiter->limiter, ticket, NULL, NULL, on_granted, waiter);
	}
}

static void
ask(struct limiter *limiter, struct waiter *waiter)
{
	waiter->limiter = limiter;
	limiter_ask(limiter, &waiter->ticket, NULL, NULL, on_granted, waiter);
}

static void
give_back(struct waiter *waiter)
{
	limiter_give_back(waiter->limiter, &waiter->ticket);
}

static int
reset_calls(UNUSED void **state)
{
	calls = 0;
	return 0;
}

static void
test_a_free_ticket_is_granted_at_once(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(1);
	struct waiter a = { 0 };

	ask(limiter, &a);
	assert_int_equal(a.called_at, 1);
	assert_int_equal(limiter_held(limiter), 1);
	assert_int_equal(limiter_waiting(limiter), 0);
	give_back(&a);
	assert_int_equal(limiter_held(limiter), 0);
	limiter_free(limiter);
}

static void
test_those_who_wait_are_served_in_the_order_they_came(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(2);
	struct waiter w[5] = { 0 };

	for (int i = 0; i < 5; i++)
		ask(limiter, &w[i]);
	assert_int_equal(limiter_held(limiter), 2);
	assert_int_equal(limiter_waiting(limiter), 3);
	give_back(&w[1]);
	assert_int_equal(w[2].called_at, 3);
	give_back(&w[0]);
	assert_int_equal(w[3].called_at, 4);
	give_back(&w[3]);
	assert_int_equal(w[4].called_at, 5);
	give_back(&w[2]);
	give_back(&w[4]);
	assert_int_equal(limiter_held(limiter), 0);
	limiter_free(limiter);
}

static void
test_who_leaves_the_queue_is_not_called(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(1);
	struct waiter w[5] = { 0 };

	for (int i = 0; i < 5; i++)
		ask(limiter, &w[i]);
	give_back(&w[2]); /* from the middle, */
	give_back(&w[1]); /* the front */
	give_back(&w[4]); /* and the end */
	assert_int_equal(limiter_waiting(limiter), 1);
	give_back(&w[0]);
	assert_int_equal(w[3].called_at, 2);
	assert_int_equal(w[1].called_at + w[2].called_at + w[4].called_at, 0);
	give_back(&w[3]);
	limiter_free(limiter);
}

static void
test_a_ticket_in_neither_state_is_let_be(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(1);
	struct waiter a = { .limiter = limiter };

	give_back(&a);
	ask(limiter, &a);
	give_back(&a);
	give_back(&a);
	assert_int_equal(limiter_held(limiter), 0);
	limiter_free(limiter);
}

static void
test_who_comes_back_queues_at_the_end(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(1);
	struct waiter holder = { 0 };
	struct waiter eager = { .gives_back = true, .asks_again = true };
	struct waiter other = { 0 };

	ask(limiter, &holder);
	ask(limiter, &eager);
	ask(limiter, &other);
	give_back(&holder);
	assert_int_equal(other.called_at, 3);
	assert_int_equal(eager.called_at, 2);
	assert_int_equal(limiter_waiting(limiter), 1);
	give_back(&other);
	assert_int_equal(eager.called_at, 4);
	give_back(&eager);
	limiter_free(limiter);
}

static void
test_many_who_end_at_once_do_not_pile_up_on_the_stack(UNUSED void **state)
{
	enum {
		MANY = 300000
	};
	struct limiter *limiter = limiter_new(1);
	struct waiter holder = { 0 };
	struct waiter *many = test_calloc(MANY, sizeof(*many));

	ask(limiter, &holder);
	for (int i = 0; i < MANY; i++) {
		many[i].gives_back = true;
		ask(limiter, &many[i]);
	}
	give_back(&holder);
	assert_int_equal(calls, MANY + 1);
	assert_int_equal(many[MANY - 1].called_at, MANY + 1);
	assert_int_equal(limiter_held(limiter), 0);
	test_free(many);
	limiter_free(limiter);
}

static void
test_a_raised_maximum_serves_those_who_wait_at_once(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(1);
	struct waiter w[5] = { 0 };

	for (int i = 0; i < 5; i++)
		ask(limiter, &w[i]);
	limiter_set_max(limiter, 4);
	assert_int_equal(limiter_held(limiter), 4);
	assert_int_equal(w[3].called_at, 4);
	assert_int_equal(w[4].called_at, 0);
	for (int i = 0; i < 5; i++)
		give_back(&w[i]);
	assert_int_equal(limiter_held(limiter), 0);
	limiter_free(limiter);
}

static void
test_a_lowered_maximum_takes_nothing_away(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(3);
	struct waiter w[5] = { 0 };

	for (int i = 0; i < 5; i++)
		ask(limiter, &w[i]);
	limiter_set_max(limiter, 1);
	assert_int_equal(limiter_held(limiter), 3);
	give_back(&w[0]);
	give_back(&w[1]);
	assert_int_equal(w[3].called_at, 0);
	give_back(&w[2]);
	assert_int_equal(w[3].called_at, 4);
	assert_int_equal(limiter_held(limiter), 1);
	give_back(&w[3]);
	give_back(&w[4]);
	assert_int_equal(limiter_held(limiter), 0);
	limiter_free(limiter);
}

/* Raises the maximum as soon as it is served. */
static void
on_granted_raise(struct limiter_ticket *ticket, void *arg)
{
	struct waiter *waiter = arg;

	on_granted(ticket, waiter);
	limiter_set_max(waiter->limiter, 3);
	assert_int_equal(calls, waiter->called_at);
}

static void
test_the_maximum_may_change_as_a_ticket_is_granted(UNUSED void **state)
{
	struct limiter *limiter = limiter_new(1);
	struct waiter w[4] = { 0 };

	ask(limiter, &w[0]);
	w[1].limiter = limiter;
	limiter_ask(limiter, &w[1].ticket, NULL, NULL, on_granted_raise, &w[1]);
	ask(limiter, &w[2]);
	ask(limiter, &w[3]);
	give_back(&w[0]);
	assert_int_equal(w[3].called_at, 4);
	assert_int_equal(limiter_held(limiter), 3);
	for (int i = 1; i < 4; i++)
		give_back(&w[i]);
	limiter_free(limiter);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    test_a_free_ticket_is_granted_at_once, reset_calls),
		cmocka_unit_test_setup(
		    test_those_who_wait_are_served_in_the_order_they_came, reset_calls),
		cmocka_unit_test_setup(
		    test_who_leaves_the_queue_is_not_called, reset_calls),
		cmocka_unit_test_setup(
		    test_a_ticket_in_neither_state_is_let_be, reset_calls),
		cmocka_unit_test_setup(
		    test_who_comes_back_queues_at_the_end, reset_calls),
		cmocka_unit_test_setup(
		    test_many_who_end_at_once_do_not_pile_up_on_the_stack, reset_calls),
		cmocka_unit_test_setup(
		    test_a_raised_maximum_serves_those_who_wait_at_once, reset_calls),
		cmocka_unit_test_setup(
		    test_a_lowered_maximum_takes_nothing_away, reset_calls),
		cmocka_unit_test_setup(
		    test_the_maximum_may_change_as_a_ticket_is_granted, reset_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
