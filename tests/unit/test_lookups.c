#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <event2/event.h>

#include "http/lookups.h"

#include "fake_lookup.h"

/* A mistake here makes something wait for ever. */
#define TEST_SECONDS 60

static struct event_base *base;
static struct lookups *lookups;

/* What lookups_start() is given comes back. */
static int mark;

/* What was reported. */
static unsigned done_count;
static char last_addresses[1024];
static char last_error[128];
static int64_t last_took_us;

static void
on_done(const struct lookup_result *result, void *arg)
{
	assert_ptr_equal(arg, &mark);
	done_count++;
	snprintf(last_addresses, sizeof(last_addresses), "%s",
	    result->addresses != NULL ? result->addresses : "-");
	snprintf(last_error, sizeof(last_error), "%s",
	    result->error != NULL ? result->error : "-");
	last_took_us = result->took_us;
}

static int
set_up(UNUSED void **state)
{
	alarm(TEST_SECONDS);
	fake_reset();
	done_count = 0;
	base = event_base_new();
	lookups = lookups_new(base, &fake_functions, &fake_clock, on_done);
	return base == NULL || lookups == NULL ? -1 : 0;
}

static int
tear_down(UNUSED void **state)
{
	lookups_free(lookups);
	fake_let_go();
	await_no_threads();
	event_base_free(base);
	return fake_get(&fake.lists) == 0 ? 0 : -1;
}

static void
start(const char *host, enum lookup_kind kind)
{
	assert_non_null(lookups_start(lookups, host, kind, &mark));
}

static void
start_many(unsigned count, enum lookup_kind kind)
{
	for (unsigned i = 0; i < count; i++)
		start("hang", kind);
}

static void
run_until_done(unsigned count)
{
	while (done_count < count)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(done_count, count);
}

/* Look a name up that has ADDRESSES. */
static void
assert_found(const char *addresses, const char *wanted)
{
	fake_set_addresses(addresses);
	start("name", LOOKUP_QUICK);
	run_until_done(done_count + 1);
	assert_string_equal(last_addresses, wanted);
}

static void
test_addresses_are_written_as_libcurl_takes_them(UNUSED void **state)
{
	assert_found("192.0.2.1", "192.0.2.1");
	assert_string_equal(last_error, "-");
	assert_found("2001:db8::1", "[2001:db8::1]");
	assert_found("2001:db8::1,192.0.2.1,::1", "[2001:db8::1],192.0.2.1,[::1]");
	assert_found("192.0.2.9,192.0.2.1,192.0.2.5", "192.0.2.9,192.0.2.1,192.0.2.5");
}

static void
test_an_address_is_given_once(UNUSED void **state)
{
	assert_found("::1,10.0.0.1,::1,10.0.0.1,10.0.0.2", "[::1],10.0.0.1,10.0.0.2");
}

static void
test_addresses_with_a_zone_and_of_other_families_are_left_out(UNUSED void **state)
{
	assert_found("fe80::1%2,/socket,10.0.0.1", "10.0.0.1");
	assert_found("fe80::1%2", "-");
	assert_string_equal(last_error, "no address that can be used");
}

static void
test_at_most_sixteen_addresses_are_given(UNUSED void **state)
{
	assert_found(
	    "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,"
	    "10.0.0.8,10.0.0.9,10.0.0.10,10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14,"
	    "10.0.0.15,10.0.0.15,10.0.0.16,10.0.0.17,10.0.0.18",
	    "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,"
	    "10.0.0.8,10.0.0.9,10.0.0.10,10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14,"
	    "10.0.0.15,10.0.0.16");
	assert_found("2001:db8:1111:1111:1111:1111:1111:1111,"
	             "2001:db8:1111:1111:1111:1111:1111:1112",
	    "[2001:db8:1111:1111:1111:1111:1111:1111],"
	    "[2001:db8:1111:1111:1111:1111:1111:1112]");
}

static void
test_both_families_are_asked_for_even_without_a_network(UNUSED void **state)
{
	assert_found("192.0.2.1", "192.0.2.1");
	assert_int_equal(fake.hints.ai_family, AF_UNSPEC);
	assert_int_equal(fake.hints.ai_socktype, SOCK_STREAM);
	assert_int_equal(fake.hints.ai_flags & AI_ADDRCONFIG, 0);
}

static void
test_failures_are_told_in_words(UNUSED void **state)
{
	static const struct {
		int code;
		const char *words;
	} cases[] = {
		{ EAI_NONAME, "name or service not known" },
		{ EAI_AGAIN, "temporary failure in name resolution" },
		{ EAI_SYSTEM, "too many open files" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		fake.gone_code = cases[i].code;
		start("gone", LOOKUP_NEW);
		run_until_done(done_count + 1);
		assert_string_equal(last_addresses, "-");
		assert_string_equal(last_error, cases[i].words);
	}
}

static void
test_the_time_in_the_thread_is_told(UNUSED void **state)
{
	fake_hold();
	start("hang", LOOKUP_NEW);
	fake_await_held(1);
	fake_pass_ms(1234);
	fake_let_go();
	run_until_done(1);
	assert_int_equal(last_took_us, 1234000);
}

static void
test_threads_are_few_and_used_again(UNUSED void **state)
{
	assert_int_equal(resolver_threads(), 0);
	for (unsigned i = 1; i <= 50; i++) {
		start("name", LOOKUP_QUICK);
		run_until_done(i);
	}
	/* The one may not be back in line when the next lookup comes. */
	assert_in_range(resolver_threads(), 1, 3);
	fake_hold();
	start_many(100, LOOKUP_QUICK);
	fake_await_held(LOOKUPS_MAX_THREADS);
	assert_int_equal(resolver_threads(), LOOKUPS_MAX_THREADS);
	fake_let_go();
	run_until_done(150);
	assert_int_equal(fake_get(&fake.most_inside), LOOKUPS_MAX_THREADS);
}

static void
test_each_lookup_has_a_thread_while_there_are_some(UNUSED void **state)
{
	/* One thread idles; the second lookup must not wait for it to take both. */
	start("name", LOOKUP_QUICK);
	run_until_done(1);
	fake_hold();
	start("hang", LOOKUP_QUICK);
	start("hang", LOOKUP_QUICK);
	start("hang", LOOKUP_QUICK);
	fake_await_held(3);
}

static void
test_new_names_leave_threads_to_quick_ones(UNUSED void **state)
{
	fake_hold();
	start_many(100, LOOKUP_NEW);
	fake_await_held(LOOKUPS_MAX_UNPROVEN);
	for (unsigned i = 1; i <= 20; i++) {
		start("name", LOOKUP_QUICK);
		run_until_done(i);
	}
	assert_int_equal(fake_get(&fake.held), LOOKUPS_MAX_UNPROVEN);
	fake_let_go();
	run_until_done(120);
	assert_in_range(fake_get(&fake.most_inside), 1, LOOKUPS_MAX_THREADS);
}

static void
test_slow_names_leave_threads_to_new_ones(UNUSED void **state)
{
	fake_hold();
	start_many(100, LOOKUP_SLOW);
	fake_await_held(LOOKUPS_MAX_SLOW);
	for (unsigned i = 1; i <= 20; i++) {
		start("name", LOOKUP_NEW);
		run_until_done(i);
	}
	assert_int_equal(fake_get(&fake.held), LOOKUPS_MAX_SLOW);
	start_many(20, LOOKUP_NEW);
	fake_await_held(LOOKUPS_MAX_UNPROVEN);
	fake_let_go();
	run_until_done(140);
}

static void
test_quick_names_come_first_and_slow_ones_last(UNUSED void **state)
{
	fake_hold();
	start_many(LOOKUPS_MAX_THREADS, LOOKUP_QUICK);
	fake_await_held(LOOKUPS_MAX_THREADS);
	fake.order[0] = '\0';
	start("slow", LOOKUP_SLOW);
	start("new", LOOKUP_NEW);
	start("quick", LOOKUP_QUICK);
	fake_let_one_go();
	run_until_done(4);
	assert_string_equal(fake.order, " quick new slow");
}

static void
test_what_has_not_begun_can_be_taken_back(UNUSED void **state)
{
	struct lookup *running, *queued;

	fake_hold();
	running = lookups_start(lookups, "hang", LOOKUP_QUICK, &mark);
	start_many(LOOKUPS_MAX_THREADS - 1, LOOKUP_QUICK);
	fake_await_held(LOOKUPS_MAX_THREADS);
	queued = lookups_start(lookups, "hang", LOOKUP_QUICK, &mark);
	assert_true(lookups_withdraw(lookups, queued));
	assert_false(lookups_withdraw(lookups, running));
	fake_let_go();
	run_until_done(LOOKUPS_MAX_THREADS);
	assert_int_equal(fake_get(&fake.calls), LOOKUPS_MAX_THREADS);
}

static void
test_signals_do_not_reach_the_threads(UNUSED void **state)
{
	sigset_t before, after;

	pthread_sigmask(SIG_BLOCK, NULL, &before);
	start("name", LOOKUP_NEW);
	run_until_done(1);
	assert_true(fake.signals_blocked);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void
test_freeing_does_not_wait_for_what_hangs(UNUSED void **state)
{
	fake_hold();
	start_many(30, LOOKUP_NEW);
	fake_await_held(LOOKUPS_MAX_UNPROVEN);
	lookups_free(lookups);
	lookups = NULL;
	assert_int_equal(fake_get(&fake.held), LOOKUPS_MAX_UNPROVEN);
	fake_let_go();
	await_no_threads();
	assert_int_equal(done_count, 0);
	/* Those that had not begun never do. */
	assert_int_equal(fake_get(&fake.calls), LOOKUPS_MAX_UNPROVEN);
}

static void
test_freeing_drops_what_was_not_yet_reported(UNUSED void **state)
{
	start("name", LOOKUP_NEW);
	while (fake_get(&fake.calls) == 0 || fake_get(&fake.inside) > 0)
		sched_yield();
	lookups_free(lookups);
	lookups = NULL;
	await_no_threads();
	assert_int_equal(done_count, 0);
}

static void
test_a_hanging_thread_may_outlive_the_program(UNUSED void **state)
{
	/* The last test: nobody lets this go, and the leak checker must not mind. */
	fake_hold();
	start("hang", LOOKUP_NEW);
	fake_await_held(1);
}

static int
tear_down_but_hang(UNUSED void **state)
{
	lookups_free(lookups);
	event_base_free(base);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_addresses_are_written_as_libcurl_takes_them),
		TEST(test_an_address_is_given_once),
		TEST(test_addresses_with_a_zone_and_of_other_families_are_left_out),
		TEST(test_at_most_sixteen_addresses_are_given),
		TEST(test_both_families_are_asked_for_even_without_a_network),
		TEST(test_failures_are_told_in_words),
		TEST(test_the_time_in_the_thread_is_told),
		TEST(test_threads_are_few_and_used_again),
		TEST(test_each_lookup_has_a_thread_while_there_are_some),
		TEST(test_new_names_leave_threads_to_quick_ones),
		TEST(test_slow_names_leave_threads_to_new_ones),
		TEST(test_quick_names_come_first_and_slow_ones_last),
		TEST(test_what_has_not_begun_can_be_taken_back),
		TEST(test_signals_do_not_reach_the_threads),
		TEST(test_freeing_does_not_wait_for_what_hangs),
		TEST(test_freeing_drops_what_was_not_yet_reported),
		cmocka_unit_test_setup_teardown(
		    test_a_hanging_thread_may_outlive_the_program, set_up,
		    tear_down_but_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
