/*
 * http/transfers: which connection is used, and how its address is found.
 */
#include <sys/resource.h>

#include "transfers_stage.h"

#define CROWD 300

/* ---- Connections ---- */

static void
test_connections_are_used_again(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	for (int i = 0; i < 5; i++)
		ask(stage, &seen);
	assert_int_equal(stage->server->requests, 5);
	assert_int_equal(stage->server->accepted, 1);
	forget(&seen);
	free_stage(stage);
}

static void
test_without_reuse_each_has_its_own(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	stage->request.reuse = false;
	ask(stage, &seen);
	ask(stage, &seen);
	assert_true(seen.response.timing.connect_us >= 0);
	assert_int_equal(stage->server->accepted, 3);
	stage->request.reuse = true;
	ask(stage, &seen);
	assert_int_equal(stage->server->accepted, 3);
	run_for_ms(stage, 10);
	assert_int_equal(stage->server->open_count, 1);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_connection_that_died_idle_is_replaced(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	loopback_close_all(stage->server);
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(stage->server->accepted, 2);
	forget(&seen);
	free_stage(stage);
}

static void
test_an_idle_connection_that_dies_does_not_spin(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	loopback_close_all(stage->server);
	assert_true(run_for_ms(stage, 50) < 25);
	forget(&seen);
	free_stage(stage);
}

/* Both ways: the server is done writing, or has gone altogether. */
static void
test_many_idle_connections_that_die_do_not_spin(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen *crowd = xcalloc(CROWD, sizeof(*crowd));
	struct loopback_peer *peer;

	aim_at(stage, "http://127.0.0.1:%u/");
	for (int i = 0; i < CROWD; i++)
		start_within(stage, &crowd[i], 10 * SECOND_US);
	for (int i = 0; i < CROWD; i++) {
		await(stage, &crowd[i]);
		forget(&crowd[i]);
	}
	assert_true(run_for_ms(stage, 50) < 25);
	TAILQ_FOREACH (peer, &stage->server->peers, in_list)
		shutdown(peer->fd, SHUT_WR);
	run_for_ms(stage, 50);
	assert_true(run_for_ms(stage, 50) < 25);
	loopback_close_all(stage->server);
	run_for_ms(stage, 50);
	assert_true(run_for_ms(stage, 50) < 25);

	/* And they are all replaced. */
	ask(stage, crowd);
	assert_int_equal(crowd->response.result, RESPONSE_COMPLETE);
	forget(crowd);
	free(crowd);
	free_stage(stage);
}

static void
test_a_connection_lost_as_it_is_used_again_is_replaced(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	/* The server closes the reused connection on sight of the second request. */
	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	stage->server->answer = send_answer_and_close;
	stage->answer = "";
	forget(&seen);
	start_within(stage, &seen, SECOND_US);
	while (stage->server->requests < 2)
		event_base_loop(stage->base, EVLOOP_ONCE);
	stage->server->answer = send_answer;
	stage->answer = OK_JSON;
	await(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(stage->server->requests, 3);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_crowd_finds_its_connections_again(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen *crowd = xcalloc(CROWD, sizeof(*crowd));

	aim_at(stage, "http://127.0.0.1:%u/");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < CROWD; i++)
			start_within(stage, &crowd[i], 10 * SECOND_US);
		for (int i = 0; i < CROWD; i++) {
			await(stage, &crowd[i]);
			assert_int_equal(crowd[i].response.result, RESPONSE_COMPLETE);
			forget(&crowd[i]);
		}
		assert_int_equal(stage->server->accepted, CROWD);
	}
	free(crowd);
	free_stage(stage);
}

static void
test_a_lone_address_is_not_waited_for_twice(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };
	int64_t begun_us = clock_now_us();

	aim_at(stage, "http://127.0.0.1:%u/");
	start_within(stage, &seen, 400 * MS_US);
	while (stage->server->requests == 0)
		event_base_loop(stage->base, EVLOOP_ONCE);
	/* With nothing else to try, the loop sleeps until the deadline. */
	event_base_loop(stage->base, EVLOOP_ONCE);
	assert_true(clock_now_us() - begun_us >= 300 * MS_US);
	await(stage, &seen);
	forget(&seen);
	free_stage(stage);
}

/* ---- Other numbers ---- */

static void
start_crowd(struct stage *stage, struct seen *crowd, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		start_within(stage, &crowd[i], 10 * SECOND_US);
}

static void
await_crowd(struct stage *stage, struct seen *crowd, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		await(stage, &crowd[i]);
		assert_int_equal(crowd[i].response.result, RESPONSE_COMPLETE);
		forget(&crowd[i]);
	}
}

static void
test_with_smaller_numbers_those_in_flight_go_on(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen *crowd = xcalloc(CROWD, sizeof(*crowd));

	aim_at(stage, "http://127.0.0.1:%u/");
	start_crowd(stage, crowd, CROWD);
	while (stage->server->accepted < CROWD / 2)
		event_base_loop(stage->base, EVLOOP_ONCE);
	transfers_resize(stage->transfers, 1, 1);
	await_crowd(stage, crowd, CROWD);
	assert_int_equal(stage->server->requests, CROWD);

	/* What is open now is about what each multi handle may keep. */
	run_for_ms(stage, 20);
	assert_true(stage->server->open_count <= 8 * (1 + 1 + 64));
	start_crowd(stage, crowd, CROWD);
	await_crowd(stage, crowd, CROWD);
	free(crowd);
	free_stage(stage);
}

static void
test_with_fewer_connections_the_others_are_closed(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen *crowd = xcalloc(CROWD, sizeof(*crowd));
	struct rlimit usual, tight;

	aim_at(stage, "http://127.0.0.1:%u/");
	start_crowd(stage, crowd, CROWD);
	await_crowd(stage, crowd, CROWD);
	run_for_ms(stage, 20);
	assert_int_equal(stage->server->open_count, CROWD);

	/* With what descriptors there are, each multi handle may keep two. */
	getrlimit(RLIMIT_NOFILE, &usual);
	tight = usual;
	tight.rlim_cur = 64 + 1 + 8 * 2;
	setrlimit(RLIMIT_NOFILE, &tight);
	transfers_resize(stage->transfers, 1, 1);
	setrlimit(RLIMIT_NOFILE, &usual);
	start_crowd(stage, crowd, CROWD);
	await_crowd(stage, crowd, CROWD);
	run_for_ms(stage, 20);
	assert_true(stage->server->open_count <= 8 * 2);

	/* And back. */
	transfers_resize(stage->transfers, 512, 4);
	for (int round = 0; round < 2; round++) {
		start_crowd(stage, crowd, CROWD);
		await_crowd(stage, crowd, CROWD);
	}
	run_for_ms(stage, 20);
	assert_int_equal(stage->server->open_count, CROWD);
	free(crowd);
	free_stage(stage);
}

/* ---- Names ---- */

static void
test_a_name_is_looked_up_by_the_resolver_alone(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	unsigned before = fake_lookups;

	/* libcurl would find no such name. */
	aim_at(stage, "http://some.test:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(fake_lookups, before + 1);
	assert_true(sent(stage, "Host: some.test:"));

	aim_at(stage, "http://other.test.:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	aim_at(stage, "http://localhost:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_changed_address_is_used(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://some.test:%u/");
	stage->request.reuse = false;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);

	fake_address = INADDR_LOOPBACK + 1; /* nobody listens there */
	fake_now_us += 2 * MS_US * RESOLVER_LIFETIME_MS + SECOND_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_CONNECT);

	fake_address = INADDR_LOOPBACK;
	fake_now_us += 2 * MS_US * RESOLVER_LIFETIME_MS + SECOND_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	forget(&seen);
	free_stage(stage);
}

static void
test_the_second_address_serves_where_the_first_refuses(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://two.test:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	/* At once: nothing waits for the next address. */
	assert_true(seen.response.timing.total_us < 150 * MS_US);
	forget(&seen);
	free_stage(stage);
}

static void
test_the_second_address_serves_where_the_first_hangs(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	int fds[3];

	open_full_port("127.0.0.2", stage->server->port, fds);
	aim_at(stage, "http://two.test:%u/");
	/* Up to 600 ms libcurl 8 leaves all of the time to the first. */
	stage->request.connect_timeout_us = 700 * MS_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	close_full_port(fds);
	forget(&seen);
	free_stage(stage);
}

static void
test_an_unknown_name_is_told(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	const char *start = "could not resolve host nowhere.test: ";

	aim_at(stage, "http://nowhere.test:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_DNS);
	assert_int_equal(seen.response.phase, PHASE_DNS);
	assert_memory_equal(seen.response.message, start, strlen(start));
	assert_string_equal(seen.response.body, "");
	assert_int_equal(seen.response.http_status, 0);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_lookup_that_hangs_times_out(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	fake_hangs = true;
	aim_at(stage, "http://slow.test:%u/");
	stage->request.connect_timeout_us = 30 * MS_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_DNS);
	assert_null(seen.response.message);
	assert_int_equal(seen.response.timing.dns_us, -1);
	assert_true(seen.response.timing.total_us >= 30 * MS_US);
	forget(&seen);
	free_stage(stage);
}

#define HANGING 100

static void
test_many_lookups_that_hang_time_out_on_time(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen *crowd = xcalloc(HANGING, sizeof(*crowd));
	struct request requests[HANGING];

	fake_hangs = true;
	for (int i = 0; i < HANGING; i++) {
		char *text = xasprintf("http://slow%d.test:%%u/", i);

		aim_at(stage, text);
		requests[i] = stage->request;
		stage->request.url = (struct url){ 0 };
		free(text);
	}
	for (int i = 0; i < HANGING; i++) {
		const struct hop hop = {
			.request = &requests[i],
			.url = &requests[i].url,
			.deadline_us = transfers_now_us(stage->transfers) + 100 * MS_US,
		};

		crowd[i].transfer =
		    transfer_start(stage->transfers, &hop, on_done, &crowd[i]);
	}
	for (int i = 0; i < HANGING; i++) {
		await(stage, &crowd[i]);
		assert_int_equal(crowd[i].response.result, RESPONSE_TIMEOUT);
		assert_true(crowd[i].response.timing.total_us >= 99 * MS_US);
		/* None waits for another's. */
		assert_true(crowd[i].response.timing.total_us < 300 * MS_US);
		forget(&crowd[i]);
		url_clear(&requests[i].url);
	}
	free(crowd);
	free_stage(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_are_used_again),
		cmocka_unit_test(test_without_reuse_each_has_its_own),
		cmocka_unit_test(test_a_connection_that_died_idle_is_replaced),
		cmocka_unit_test(test_an_idle_connection_that_dies_does_not_spin),
		cmocka_unit_test(test_many_idle_connections_that_die_do_not_spin),
		cmocka_unit_test(
		    test_a_connection_lost_as_it_is_used_again_is_replaced),
		cmocka_unit_test(test_a_crowd_finds_its_connections_again),
		cmocka_unit_test(test_a_lone_address_is_not_waited_for_twice),
		cmocka_unit_test(test_with_smaller_numbers_those_in_flight_go_on),
		cmocka_unit_test(test_with_fewer_connections_the_others_are_closed),
		cmocka_unit_test(test_a_name_is_looked_up_by_the_resolver_alone),
		cmocka_unit_test(test_a_changed_address_is_used),
		cmocka_unit_test(
		    test_the_second_address_serves_where_the_first_refuses),
		cmocka_unit_test(test_the_second_address_serves_where_the_first_hangs),
		cmocka_unit_test(test_an_unknown_name_is_told),
		cmocka_unit_test(test_a_lookup_that_hangs_times_out),
		cmocka_unit_test(test_many_lookups_that_hang_time_out_on_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
