#include "http/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include <curl/curl.h>

#include "base/compiler.h"
#include "http/destination.h"
#include "http/resolver.h"

#define CROWD 400

static struct host *
enter(struct hosts *hosts, const char *name, unsigned port, unsigned *place)
{
	char text[64];
	const struct destination destination = {
		.name = text,
		.port = port,
		.is_known = name[0] >= '0' && name[0] <= '9',
	};

	snprintf(text, sizeof(text), "%s", name);
	return hosts_enter(hosts, &destination, true, place);
}

static void
test_a_host_keeps_its_place(UNUSED void **state)
{
	struct hosts *hosts = hosts_new(10);
	unsigned first, again, other_port;
	struct host *host = enter(hosts, "a.test", 80, &first);
	struct host *other = enter(hosts, "a.test", 81, &other_port);

	assert_ptr_not_equal(host, other);
	hosts_leave(hosts, host, first);
	hosts_leave(hosts, other, other_port);
	assert_ptr_equal(enter(hosts, "a.test", 80, &again), host);
	assert_int_equal(again, first);
	hosts_leave(hosts, host, again);
	hosts_free(hosts);
}

static void
test_too_many_for_one_place_spread_over_all(UNUSED void **state)
{
	struct hosts *hosts = hosts_new(10);
	unsigned places[CROWD], counts[HOSTS_SPREAD] = { 0 };
	struct host *host = NULL;

	for (unsigned i = 0; i < CROWD; i++) {
		host = enter(hosts, "a.test", 80, &places[i]);
		counts[places[i]]++;
		assert_true(i >= HOSTS_SPILL_HOST || places[i] == places[0]);
	}
	for (unsigned i = 0; i < HOSTS_SPREAD; i++)
		assert_true(counts[i] <= HOSTS_SPILL_HOST);
	for (unsigned i = 0; i < CROWD; i++)
		hosts_leave(hosts, host, places[i]);
	hosts_free(hosts);
}

/* Put COUNT transfers to NAME in flight; the last one's place. */
static unsigned
crowd(struct hosts *hosts, const char *name, unsigned count)
{
	unsigned place = 0;

	while (count-- > 0)
		enter(hosts, name, 80, &place);
	return place;
}

/* Take COUNT transfers to NAME at PLACE out of flight. */
static void
disperse(struct hosts *hosts, const char *name, unsigned count, unsigned place)
{
	unsigned own;
	struct host *host = enter(hosts, name, 80, &own);

	hosts_leave(hosts, host, own);
	while (count-- > 0)
		hosts_leave(hosts, host, place);
}

static void
test_an_idle_connection_comes_before_a_new_one(UNUSED void **state)
{
	struct hosts *hosts = hosts_new(10);
	struct host *host, *other;
	unsigned home, near, far, again, other_place;

	/* Home and the next place are full, so that one transfer goes further. */
	home = crowd(hosts, "a.test", HOSTS_SPILL_HOST);
	assert_int_equal(crowd(hosts, "b.test", HOSTS_SPILL_HOST), home);
	near = crowd(hosts, "c.test", HOSTS_SPILL_HOST);
	assert_int_equal(crowd(hosts, "d.test", HOSTS_SPILL_HOST - 1), near);
	other = enter(hosts, "d.test", 80, &other_place);
	host = enter(hosts, "a.test", 80, &far);
	assert_int_not_equal(far, near);

	/* Its connection is used again, although there is room nearer now. */
	hosts_leave(hosts, other, other_place);
	hosts_leave(hosts, host, far);
	enter(hosts, "a.test", 80, &again);
	assert_int_equal(again, far);

	disperse(hosts, "a.test", HOSTS_SPILL_HOST, home);
	disperse(hosts, "b.test", HOSTS_SPILL_HOST, home);
	disperse(hosts, "c.test", HOSTS_SPILL_HOST, near);
	disperse(hosts, "d.test", HOSTS_SPILL_HOST - 1, near);
	hosts_leave(hosts, host, again);
	hosts_free(hosts);
}

static void
test_many_hosts_share_the_places(UNUSED void **state)
{
	struct hosts *hosts = hosts_new(CROWD);
	unsigned place, counts[HOSTS_SPREAD] = { 0 };
	char name[32];

	for (unsigned i = 0; i < CROWD; i++) {
		struct host *host;

		snprintf(name, sizeof(name), "host%u.test", i);
		host = enter(hosts, name, 80, &place);
		counts[place]++;
		hosts_leave(hosts, host, place);
	}
	for (unsigned i = 0; i < HOSTS_SPREAD; i++)
		assert_true(counts[i] >= CROWD / HOSTS_SPREAD / 2);
	hosts_free(hosts);
}

static void
expect_list(struct hosts *hosts, const struct host *host, unsigned place,
    const struct resolver_answer *answer, const char *const *lines)
{
	bool failed;
	struct curl_slist *list = hosts_resolve(hosts, host, place, answer, &failed);
	const struct curl_slist *at = list;

	assert_false(failed);
	for (; *lines != NULL; lines++, at = at->next) {
		assert_non_null(at);
		assert_string_equal(at->data, *lines);
	}
	assert_null(at);
	curl_slist_free_all(list);
}

static void
test_addresses_are_handed_over_until_they_were_used(UNUSED void **state)
{
	static const char *const first[] = { "a.test:80:10.0.0.1,[::1]", NULL };
	static const char *const second[] = { "a.test:80:10.0.0.2", NULL };
	static const char *const none[] = { NULL };
	struct hosts *hosts = hosts_new(10);
	struct resolver_answer answer = { .addresses = "10.0.0.1,[::1]", .version = 7 };
	unsigned place;
	struct host *host = enter(hosts, "a.test", 80, &place);

	expect_list(hosts, host, place, &answer, first);
	expect_list(hosts, host, place, &answer, first); /* that one was cancelled */
	hosts_loaded(host, place, 7);
	expect_list(hosts, host, place, &answer, none);
	expect_list(hosts, host, (place + 1) % HOSTS_PLACES, &answer, first);
	answer = (struct resolver_answer){ .addresses = "10.0.0.2", .version = 8 };
	expect_list(hosts, host, place, &answer, second);
	hosts_loaded(host, place, 8);
	expect_list(hosts, host, place, &answer, none);
	hosts_lost(host, place);
	expect_list(hosts, host, place, &answer, second);
	hosts_leave(hosts, host, place);
	hosts_free(hosts);
}

static void
test_forgotten_hosts_are_forgotten_by_libcurl_too(UNUSED void **state)
{
	static const char *const lines[] = { "-a.test:80", "c.test:80:10.0.0.1", NULL };
	static const char *const none[] = { NULL };
	const struct resolver_answer answer = { .addresses = "10.0.0.1", .version = 1 };
	static const char *const names[] = { "a.test", "b.test", "10.0.0.9" };
	struct hosts *hosts = hosts_new(1);
	struct host *host;
	unsigned place;

	/* Each pushes out the one before. b.test never got as far as libcurl, and an
	 * address libcurl forgets by itself. */
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		host = enter(hosts, names[i], 80, &place);
		if (i != 1)
			hosts_loaded(host, place, 1);
		hosts_leave(hosts, host, place);
	}
	host = enter(hosts, "c.test", 80, &place);
	hosts_leave(hosts, host, place);
	enter(hosts, "c.test", 80, &place);
	assert_false(hosts_met(host, place));
	expect_list(hosts, host, place, &answer, lines);
	hosts_loaded(host, place, 1);
	assert_true(hosts_met(host, place));
	expect_list(hosts, host, place, NULL, none);
	hosts_leave(hosts, host, place);
	hosts_free(hosts);
}

static void
test_with_less_room_the_oldest_are_forgotten(UNUSED void **state)
{
	const struct resolver_answer answer = { .addresses = "10.0.0.1", .version = 1 };
	static const char *const names[] = { "a.test", "b.test", "c.test", "d.test" };
	struct hosts *hosts = hosts_new(10);
	struct host *host = NULL;
	unsigned place, busy;

	for (unsigned i = 0; i < 4; i++) {
		host = enter(hosts, names[i], 80, &place);
		hosts_loaded(host, place, answer.version);
		if (i != 0)
			hosts_leave(hosts, host, place);
	}
	hosts_resize(hosts, 1);
	/* The last one is remembered, and so is the one that is in use. */
	assert_ptr_equal(enter(hosts, "d.test", 80, &place), host);
	assert_true(hosts_met(host, place));
	hosts_leave(hosts, host, place);
	host = enter(hosts, "a.test", 80, &busy);
	assert_true(hosts_met(host, busy));
	hosts_leave(hosts, host, busy);
	hosts_leave(hosts, host, busy);
	host = enter(hosts, "c.test", 80, &place);
	assert_false(hosts_met(host, place));
	hosts_leave(hosts, host, place);
	hosts_free(hosts);
}

/* Have COUNT hosts forgotten at once; returns how long that took. */
static clock_t
forget_many(unsigned count)
{
	struct hosts *hosts = hosts_new(count);
	unsigned place;
	char name[32];
	clock_t time;

	for (unsigned i = 0; i < count; i++) {
		struct host *host;

		snprintf(name, sizeof(name), "host%u.test", i);
		host = enter(hosts, name, 80, &place);
		hosts_loaded(host, place, 1);
		hosts_leave(hosts, host, place);
	}
	time = clock();
	hosts_resize(hosts, 0);
	time = clock() - time;
	hosts_free(hosts);
	return time;
}

/* Ten times as many take about ten times as long, not a hundred times. */
static void
test_many_are_forgotten_soon(UNUSED void **state)
{
	clock_t few = forget_many(10000);
	clock_t many = forget_many(100000);

	print_message("%ld us, %ld us\n", (long)few, (long)many);
	assert_true(many < 50 * few);
}

static void
test_connections_leave_descriptors_to_the_busy(UNUSED void **state)
{
	struct rlimit usual, other;

	getrlimit(RLIMIT_NOFILE, &usual);
	other = usual;
	other.rlim_cur = 1024;
	setrlimit(RLIMIT_NOFILE, &other);
	assert_int_equal(hosts_connections(8, 10), 82);
	assert_int_equal(hosts_connections(512, 10000), (1024 - 64 - 512) / 10);
	assert_int_equal(hosts_connections(4000, 10000), 1);
	setrlimit(RLIMIT_NOFILE, &usual);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_host_keeps_its_place),
		cmocka_unit_test(test_too_many_for_one_place_spread_over_all),
		cmocka_unit_test(test_an_idle_connection_comes_before_a_new_one),
		cmocka_unit_test(test_many_hosts_share_the_places),
		cmocka_unit_test(test_addresses_are_handed_over_until_they_were_used),
		cmocka_unit_test(test_forgotten_hosts_are_forgotten_by_libcurl_too),
		cmocka_unit_test(test_with_less_room_the_oldest_are_forgotten),
		cmocka_unit_test(test_many_are_forgotten_soon),
		cmocka_unit_test(test_connections_leave_descriptors_to_the_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
