#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <unistd.h>

#include <cmocka.h>

#include <event2/event.h>

#include "http/lookups.h"
#include "http/resolver.h"

#include "fake_lookup.h"

/* A mistake here makes something wait for ever. */
#define TEST_SECONDS 60

/* One who asks. */
struct asker {
	struct resolver_query *query;
	unsigned answers;
	char addresses[128]; /* "-": failed */
	char error[128];
	uint64_t version;
	int64_t took_us;
	const char *ask_again; /* from the callback; or NULL */
	struct asker *cancel;  /* from the callback; or NULL */
};

static struct event_base *base;
static struct resolver *resolver;

static void
on_answer(const struct resolver_answer *answer, void *arg)
{
	struct asker *asker = arg;
	const char *again = asker->ask_again;
	struct asker *cancel = asker->cancel;

	/* It is one or the other. */
	assert_true((answer->addresses == NULL) == (answer->error != NULL));
	assert_true(answer->addresses == NULL || answer->version > 0);
	asker->query = NULL;
	asker->answers++;
	snprintf(asker->addresses, sizeof(asker->addresses), "%s",
	    answer->addresses != NULL ? answer->addresses : "-");
	snprintf(asker->error, sizeof(asker->error), "%s",
	    answer->error != NULL ? answer->error : "-");
	asker->version = answer->version;
	asker->took_us = answer->took_us;
	asker->ask_again = NULL;
	asker->cancel = NULL;
	if (cancel != NULL)
		resolver_cancel(cancel->query);
	if (again != NULL)
		asker->query = resolver_ask(resolver, again, on_answer, asker);
}

static int
set_up(UNUSED void **state)
{
	alarm(TEST_SECONDS);
	fake_reset();
	base = event_base_new();
	resolver = resolver_new(base, &fake_functions, &fake_clock);
	return base == NULL || resolver == NULL ? -1 : 0;
}

static int
tear_down(UNUSED void **state)
{
	resolver_free(resolver);
	fake_let_go();
	await_no_threads();
	event_base_free(base);
	return fake_get(&fake.lists) == 0 ? 0 : -1;
}

static void
ask(struct asker *asker, const char *host)
{
	asker->query = resolver_ask(resolver, host, on_answer, asker);
}

static void
run_until_answered(const struct asker *asker, unsigned answers)
{
	while (asker->answers < answers)
		event_base_loop(base, EVLOOP_ONCE);
}

/* Ask and wait for the answer. */
static struct asker
asked(const char *host)
{
	struct asker asker = { 0 };

	ask(&asker, host);
	run_until_answered(&asker, 1);
	return asker;
}

/* Ask, and have the answer at once. */
static struct asker
asked_at_once(const char *host)
{
	struct asker asker = { 0 };

	ask(&asker, host);
	if (asker.answers != 1 || asker.query != NULL)
		fail_msg("%s was not answered at once", host);
	return asker;
}

/* Wait for the report of the one lookup that is under way, for which nobody waits. */
static void
await_report(void)
{
	event_base_loop(base, EVLOOP_ONCE);
}

static void
test_literals_are_answered_at_once(UNUSED void **state)
{
	static const struct {
		const char *host, *addresses;
	} cases[] = {
		{ "127.0.0.1", "127.0.0.1" },
		{ "192.0.2.255", "192.0.2.255" },
		{ "::1", "[::1]" },
		{ "[::1]", "[::1]" },
		{ "2001:db8::a", "[2001:db8::a]" },
		{ "::ffff:1.2.3.4", "[::ffff:1.2.3.4]" },
		{ "fe80::1%eth0", "[fe80::1%eth0]" },
		{ "localhost", "127.0.0.1,[::1]" },
		{ "LocalHost", "127.0.0.1,[::1]" },
		{ "localhost.", "127.0.0.1,[::1]" },
		{ "a.localhost", "127.0.0.1,[::1]" },
		{ "a.b.LOCALHOST.", "127.0.0.1,[::1]" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct asker asker = asked_at_once(cases[i].host);

		assert_string_equal(asker.addresses, cases[i].addresses);
		assert_int_equal(asker.took_us, 0);
		assert_true(asker.version > 0);
	}
	assert_int_equal(fake_get(&fake.calls), 0);
	assert_int_equal(resolver_threads(), 0);
}

static void
test_what_only_looks_like_a_literal_is_looked_up(UNUSED void **state)
{
	static const char *const hosts[] = { "notlocalhost", "localhost.example",
		"[127.0.0.1]", "1.2.3", "256.1.1.1", "[]", "localhost..", "" };

	for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
		asked(hosts[i]);
		assert_int_equal(fake_get(&fake.calls), i + 1);
	}
}

static void
test_an_answer_is_remembered_for_its_lifetime(UNUSED void **state)
{
	struct asker first = asked("name");
	struct asker second;

	assert_string_equal(first.addresses, "192.0.2.1");
	fake_pass_ms(RESOLVER_LIFETIME_MS / 2);
	second = asked_at_once("NAME");
	assert_string_equal(second.addresses, "192.0.2.1");
	assert_int_equal(second.version, first.version);
	assert_int_equal(second.took_us, 0);
	assert_int_equal(fake_get(&fake.calls), 1);
	fake_set_addresses("192.0.2.2");
	fake_pass_ms(RESOLVER_LIFETIME_MS / 2);
	second = asked("name");
	assert_string_equal(second.addresses, "192.0.2.2");
	assert_true(second.version != first.version);
	assert_int_equal(fake_get(&fake.calls), 2);
}

static void
test_the_same_addresses_keep_their_version(UNUSED void **state)
{
	struct asker first = asked("name");
	struct asker other = asked("other");
	struct asker second;

	assert_true(first.version != other.version);
	fake_pass_ms(INT64_C(10) * RESOLVER_LIFETIME_MS);
	second = asked("name");
	assert_int_equal(fake_get(&fake.calls), 3);
	assert_int_equal(second.version, first.version);
}

static void
test_a_name_in_use_is_looked_up_before_its_time(UNUSED void **state)
{
	asked("name");
	fake_set_addresses("192.0.2.2");
	fake_pass_ms(RESOLVER_LIFETIME_MS * 3 / 4);
	assert_string_equal(asked_at_once("name").addresses, "192.0.2.1");
	await_report();
	assert_string_equal(asked_at_once("name").addresses, "192.0.2.2");
	fake_pass_ms(RESOLVER_LIFETIME_MS / 2);
	assert_string_equal(asked_at_once("name").addresses, "192.0.2.2");
	assert_int_equal(fake_get(&fake.calls), 2);
}

static void
test_fifty_who_ask_share_one_lookup(UNUSED void **state)
{
	struct asker askers[50] = { 0 };

	fake_hold();
	for (size_t i = 0; i < ARRAY_COUNT(askers); i++)
		ask(&askers[i], i % 2 == 0 ? "hang.example" : "HANG.example");
	fake_await_held(1);
	fake_pass_ms(200);
	fake_let_go();
	run_until_answered(&askers[49], 1);
	for (size_t i = 0; i < ARRAY_COUNT(askers); i++) {
		assert_int_equal(askers[i].answers, 1);
		assert_string_equal(askers[i].addresses, "192.0.2.1");
		assert_int_equal(askers[i].took_us, 200000);
	}
	assert_int_equal(fake_get(&fake.calls), 1);
}

static void
test_an_answer_never_comes_from_inside_ask_unless_known(UNUSED void **state)
{
	struct asker asker = { 0 };

	ask(&asker, "name");
	assert_non_null(asker.query);
	while (fake_get(&fake.calls) == 0 || fake_get(&fake.inside) > 0)
		sched_yield();
	assert_int_equal(asker.answers, 0);
	run_until_answered(&asker, 1);
}

static void
test_failures_reach_all_and_are_not_remembered(UNUSED void **state)
{
	struct asker a = { 0 }, b = { 0 };

	ask(&a, "gone");
	ask(&b, "gone");
	run_until_answered(&b, 1);
	assert_int_equal(a.answers, 1);
	assert_string_equal(a.addresses, "-");
	assert_string_equal(a.error, "name or service not known");
	assert_string_equal(b.error, "name or service not known");
	assert_int_equal(fake_get(&fake.calls), 1);
	asked("gone");
	assert_int_equal(fake_get(&fake.calls), 2);
}

/* "hang" knows its address and from now on fails: what fake_lookup() calls gone. */
static void
make_hang_known(void)
{
	struct asker known = asked("hang");

	assert_string_equal(known.addresses, "192.0.2.1");
}

static int
failing_lookup(const char *host, const char *service, const struct addrinfo *hints,
    struct addrinfo **result)
{
	/* Fails where the table of addresses is empty. */
	int code = fake_lookup(host, service, hints, result);

	if (code == 0 && (*result)->ai_family == AF_UNIX) {
		fake_release(*result);
		code = EAI_AGAIN;
	}
	return code;
}

static int
set_up_failing(void **state)
{
	static const struct resolver_functions functions = {
		.lookup = failing_lookup,
		.release = fake_release,
	};

	if (set_up(state) != 0)
		return -1;
	resolver_free(resolver);
	resolver = resolver_new(base, &functions, &fake_clock);
	return resolver == NULL ? -1 : 0;
}

static void
test_where_a_lookup_fails_the_old_answer_serves_once_more(UNUSED void **state)
{
	struct asker first = asked("name");
	struct asker asker;

	fake_set_addresses("none");
	fake_pass_ms(RESOLVER_LIFETIME_MS);
	asker = asked("name");
	assert_int_equal(fake_get(&fake.calls), 2);
	assert_string_equal(asker.addresses, "192.0.2.1");
	assert_int_equal(asker.version, first.version);
	/* Now it serves at once, while another lookup tries. */
	asked_at_once("name");
	await_report();
	fake_pass_ms(RESOLVER_LIFETIME_MS - 1);
	asked_at_once("name");
	fake_pass_ms(1);
	await_report();
	asker = asked("name");
	assert_string_equal(asker.addresses, "-");
	assert_string_equal(asker.error, "temporary failure in name resolution");
	fake_set_addresses("192.0.2.1");
	asker = asked("name");
	assert_string_equal(asker.addresses, "192.0.2.1");
	assert_int_equal(asker.version, first.version);
}

static void
test_the_new_answer_ends_the_service_of_the_old(UNUSED void **state)
{
	asked("name");
	fake_set_addresses("none");
	fake_pass_ms(RESOLVER_LIFETIME_MS);
	asked("name");
	fake_set_addresses("192.0.2.7");
	assert_string_equal(asked_at_once("name").addresses, "192.0.2.1");
	await_report();
	assert_string_equal(asked_at_once("name").addresses, "192.0.2.7");
}

static void
test_an_old_answer_serves_at_once_where_the_lookup_hangs(UNUSED void **state)
{
	struct asker waiting = { 0 };

	make_hang_known();
	fake_pass_ms(RESOLVER_LIFETIME_MS);
	fake_hold();
	ask(&waiting, "hang");
	fake_await_held(1);
	fake_pass_ms(RESOLVER_PATIENCE_MS - 1);
	assert_int_equal(waiting.answers, 0);
	fake_pass_ms(1);
	assert_string_equal(asked_at_once("hang").addresses, "192.0.2.1");
	fake_pass_ms(RESOLVER_LIFETIME_MS);
	resolver_cancel(waiting.query);
	ask(&waiting, "hang");
	assert_int_equal(waiting.answers, 0);
	fake_let_go();
	run_until_answered(&waiting, 1);
	assert_int_equal(fake_get(&fake.calls), 2);
}

static void
test_patience_with_a_lookup_that_hangs_has_an_end(UNUSED void **state)
{
	struct asker a = { .ask_again = "hang" };
	struct asker b = { 0 };

	/* The one real wait here: the loop's own timer. */
	make_hang_known();
	fake_pass_ms(RESOLVER_LIFETIME_MS);
	fake_hold();
	ask(&a, "hang");
	ask(&b, "hang");
	assert_int_equal(a.answers, 0);
	fake_await_held(1);
	fake_pass_ms(100);
	run_until_answered(&b, 1);
	assert_string_equal(b.addresses, "192.0.2.1");
	assert_int_equal(b.took_us, 100000);
	/* And who asks from now on does not wait. */
	assert_int_equal(a.answers, 2);
	assert_int_equal(a.took_us, 0);
	assert_int_equal(fake_get(&fake.held), 1);
	/* The lookup goes on, and what it finds counts. */
	fake_set_addresses("192.0.2.2");
	fake_let_go();
	await_report();
	assert_string_equal(asked_at_once("hang").addresses, "192.0.2.2");
	assert_int_equal(b.answers, 1);
}

static void
test_a_hundred_hanging_names_stop_nobody_else(UNUSED void **state)
{
	struct asker askers[100] = { 0 };

	asked("good");
	fake_hold();
	for (unsigned i = 0; i < ARRAY_COUNT(askers); i++) {
		char host[32];

		snprintf(host, sizeof(host), "hang-%u.example", i);
		ask(&askers[i], host);
	}
	fake_await_held(LOOKUPS_MAX_UNPROVEN);
	assert_in_range(resolver_threads(), 1, LOOKUPS_MAX_THREADS);
	asked_at_once("localhost");
	asked_at_once("192.0.2.8");
	for (unsigned round = 0; round < 5; round++) {
		assert_string_equal(asked_at_once("good").addresses, "192.0.2.1");
		fake_pass_ms(INT64_C(2) * RESOLVER_LIFETIME_MS);
		assert_string_equal(asked("good").addresses, "192.0.2.1");
	}
	assert_in_range(resolver_threads(), 1, LOOKUPS_MAX_THREADS);
	fake_let_go();
	for (unsigned i = 0; i < ARRAY_COUNT(askers); i++)
		run_until_answered(&askers[i], 1);
	assert_in_range(fake_get(&fake.most_inside), 1, LOOKUPS_MAX_THREADS);
	assert_int_equal(fake_get(&fake.calls), 106);
}

static void
test_slow_names_hold_half_of_the_threads(UNUSED void **state)
{
	struct asker askers[LOOKUPS_MAX_UNPROVEN] = { 0 };
	char hosts[LOOKUPS_MAX_UNPROVEN][32];

	for (unsigned again = 0; again < 2; again++) {
		fake_hold();
		for (unsigned i = 0; i < ARRAY_COUNT(askers); i++) {
			snprintf(hosts[i], sizeof(hosts[i]), "hang-%u.example", i);
			ask(&askers[i], hosts[i]);
		}
		fake_await_held(again == 0 ? LOOKUPS_MAX_UNPROVEN : LOOKUPS_MAX_SLOW);
		/* A name nobody knows has its answer all the same. */
		if (again > 0)
			asked("new");
		fake_pass_ms(RESOLVER_SLOW_MS + 1);
		fake_let_go();
		for (unsigned i = 0; i < ARRAY_COUNT(askers); i++)
			run_until_answered(&askers[i], again + 1);
		fake_pass_ms(INT64_C(2) * RESOLVER_LIFETIME_MS);
	}
}

static void
test_a_cancelled_query_is_not_answered(UNUSED void **state)
{
	struct asker a = { 0 }, b = { 0 };

	fake_hold();
	ask(&a, "hang");
	ask(&b, "hang");
	fake_await_held(1);
	resolver_cancel(a.query);
	fake_let_go();
	run_until_answered(&b, 1);
	assert_int_equal(a.answers, 0);
	/* The last one gone, what has begun goes on for the next. */
	fake_pass_ms(INT64_C(2) * RESOLVER_LIFETIME_MS);
	fake_hold();
	ask(&a, "hang");
	fake_await_held(1);
	resolver_cancel(a.query);
	ask(&b, "hang");
	fake_let_go();
	run_until_answered(&b, 2);
	assert_int_equal(a.answers, 0);
	assert_int_equal(fake_get(&fake.calls), 2);
}

static void
test_a_lookup_nobody_waits_for_does_not_begin(UNUSED void **state)
{
	struct asker holders[LOOKUPS_MAX_UNPROVEN] = { 0 };
	struct asker a = { 0 }, b = { 0 };

	fake_hold();
	for (unsigned i = 0; i < ARRAY_COUNT(holders); i++) {
		char host[32];

		snprintf(host, sizeof(host), "hang-%u.example", i);
		ask(&holders[i], host);
	}
	fake_await_held(LOOKUPS_MAX_UNPROVEN);
	ask(&a, "name");
	ask(&b, "name");
	resolver_cancel(a.query);
	resolver_cancel(b.query);
	fake_let_go();
	for (unsigned i = 0; i < ARRAY_COUNT(holders); i++)
		run_until_answered(&holders[i], 1);
	asked("other");
	assert_null(strstr(fake.order, " name"));
	assert_int_equal(a.answers + b.answers, 0);
	/* And one that was taken back can be asked for again. */
	ask(&a, "name");
	run_until_answered(&a, 1);
}

static void
test_callbacks_may_ask_and_cancel(UNUSED void **state)
{
	struct asker a = { .ask_again = "hang" };
	struct asker b = { .ask_again = "gone" };
	struct asker c = { .ask_again = "localhost" };
	struct asker d = { 0 };

	fake_hold();
	c.cancel = &d;
	ask(&a, "hang");
	ask(&b, "hang");
	ask(&c, "hang");
	ask(&d, "hang");
	fake_let_go();
	run_until_answered(&b, 2);
	assert_int_equal(a.answers, 2);
	assert_int_equal(c.answers, 2);
	assert_int_equal(d.answers, 0);
	assert_string_equal(b.addresses, "-");
}

static void
test_to_ask_again_after_a_failure_is_a_new_lookup(UNUSED void **state)
{
	struct asker asker = { .ask_again = "hang" };

	fake_set_addresses("none");
	fake_hold();
	ask(&asker, "hang");
	fake_await_held(1);
	fake_let_one_go();
	run_until_answered(&asker, 1);
	assert_string_equal(asker.addresses, "-");
	while (fake_get(&fake.calls) < 2)
		sched_yield();
	assert_int_equal(asker.answers, 1);
	fake_set_addresses("192.0.2.1");
	fake_let_go();
	run_until_answered(&asker, 2);
	assert_string_equal(asker.addresses, "192.0.2.1");
}

static void
test_the_names_that_were_not_used_longest_are_forgotten(UNUSED void **state)
{
	struct asker waiting = { 0 };
	char host[32];

	fake_hold();
	ask(&waiting, "hang");
	asked("first");
	asked("second");
	for (unsigned i = 3; i < RESOLVER_MAX_NAMES; i++) {
		snprintf(host, sizeof(host), "n%u", i);
		asked(host);
	}
	asked_at_once("first");
	asked("one-more");
	assert_int_equal(fake_get(&fake.calls), RESOLVER_MAX_NAMES + 1);
	asked_at_once("first");
	asked_at_once("n3");
	asked("second"); /* gone, and pushes out n4 */
	assert_int_equal(fake_get(&fake.calls), RESOLVER_MAX_NAMES + 2);
	asked_at_once("n3");
	asked("n4");
	assert_int_equal(fake_get(&fake.calls), RESOLVER_MAX_NAMES + 3);
	/* The oldest of all is still waited for. */
	fake_let_go();
	run_until_answered(&waiting, 1);
}

static void
test_freeing_does_not_wait_for_what_hangs(UNUSED void **state)
{
	struct asker askers[30] = { 0 };

	make_hang_known();
	fake_pass_ms(RESOLVER_LIFETIME_MS);
	fake_hold();
	ask(&askers[0], "hang"); /* with a timer for its patience */
	for (unsigned i = 1; i < ARRAY_COUNT(askers); i++) {
		char host[32];

		snprintf(host, sizeof(host), "hang-%u", i);
		ask(&askers[i], host);
	}
	fake_await_held(LOOKUPS_MAX_UNPROVEN + 1);
	resolver_free(resolver);
	resolver = NULL;
	fake_let_go();
	await_no_threads();
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (unsigned i = 0; i < ARRAY_COUNT(askers); i++)
		assert_int_equal(askers[i].answers, 0);
}

static void
test_the_systems_own_lookup_is_used_where_none_is_given(UNUSED void **state)
{
	struct asker asker;

	resolver_free(resolver);
	resolver = resolver_new(base, NULL, NULL);
	/* To getaddrinfo an address in another spelling: no name server is asked. */
	asker = asked("127.1");
	assert_string_equal(asker.addresses, "127.0.0.1");
	assert_true(asker.took_us >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_FAILING(name) \
	cmocka_unit_test_setup_teardown(name, set_up_failing, tear_down)
		TEST(test_literals_are_answered_at_once),
		TEST(test_what_only_looks_like_a_literal_is_looked_up),
		TEST(test_an_answer_is_remembered_for_its_lifetime),
		TEST(test_the_same_addresses_keep_their_version),
		TEST(test_a_name_in_use_is_looked_up_before_its_time),
		TEST(test_fifty_who_ask_share_one_lookup),
		TEST(test_an_answer_never_comes_from_inside_ask_unless_known),
		TEST(test_failures_reach_all_and_are_not_remembered),
		TEST_FAILING(test_where_a_lookup_fails_the_old_answer_serves_once_more),
		TEST_FAILING(test_the_new_answer_ends_the_service_of_the_old),
		TEST(test_an_old_answer_serves_at_once_where_the_lookup_hangs),
		TEST(test_patience_with_a_lookup_that_hangs_has_an_end),
		TEST(test_a_hundred_hanging_names_stop_nobody_else),
		TEST(test_slow_names_hold_half_of_the_threads),
		TEST(test_a_cancelled_query_is_not_answered),
		TEST(test_a_lookup_nobody_waits_for_does_not_begin),
		TEST(test_callbacks_may_ask_and_cancel),
		TEST_FAILING(test_to_ask_again_after_a_failure_is_a_new_lookup),
		TEST(test_the_names_that_were_not_used_longest_are_forgotten),
		TEST(test_freeing_does_not_wait_for_what_hangs),
		TEST(test_the_systems_own_lookup_is_used_where_none_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
