/*
 * http/transfers: a program that was stopped comes back after all of its deadlines. While
 * these tests sleep, the loop stands still, which is the same to it.
 */
#include "http/exchange.h"
#include "transfers_stage.h"

/* More than what is allowed to be late, and than any timeout here. */
#define AWAY_MS 1000

#define TIMEOUT_US (200 * MS_US)

static void
be_away(void)
{
	usleep(AWAY_MS * 1000);
}

/* Until the server has had COUNT requests. */
static void
await_requests(struct stage *stage, unsigned count)
{
	while (stage->server->requests < count)
		event_base_loop(stage->base, EVLOOP_ONCE);
}

static void
answer_all(struct stage *stage, const char *text)
{
	struct loopback_peer *peer;

	TAILQ_FOREACH (peer, &stage->server->peers, in_list)
		loopback_send(peer, text);
}

static void
expect_ok(struct stage *stage, struct seen *seen)
{
	const struct response_timing *timing = &seen->response.timing;

	await(stage, seen);
	assert_int_equal(seen->response.result, RESPONSE_COMPLETE);
	assert_string_equal(seen->response.body, "{}");
	assert_true(timing->total_us >= 0);
	assert_true(timing->dns_us >= -1 && timing->connect_us >= -1);
	assert_true(timing->first_byte_us >= 0);
	forget(seen);
}

static void
test_an_answer_that_came_meanwhile_is_read(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	start_within(stage, &seen, TIMEOUT_US);
	await_requests(stage, 1);
	answer_all(stage, OK_JSON);
	be_away();
	expect_ok(stage, &seen);
	free_stage(stage);
}

static void
test_an_answer_may_take_what_time_was_left(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	start_within(stage, &seen, TIMEOUT_US);
	await_requests(stage, 1);
	be_away();
	run_for_ms(stage, 100);
	answer_all(stage, OK_JSON);
	expect_ok(stage, &seen);
	free_stage(stage);
}

static void
test_a_body_may_go_on_after_each_absence(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	start_within(stage, &seen, TIMEOUT_US);
	await_requests(stage, 1);
	answer_all(stage, OK_HEAD "Content-Length: 2\r\n\r\n");
	run_for_ms(stage, 20);
	be_away();
	answer_all(stage, "{");
	run_for_ms(stage, 20);
	be_away();
	run_for_ms(stage, 20);
	answer_all(stage, "}");
	expect_ok(stage, &seen);
	free_stage(stage);
}

static void
test_what_never_answers_times_out_afterwards(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };
	int64_t back_us;

	aim_at(stage, "http://127.0.0.1:%u/");
	start_within(stage, &seen, TIMEOUT_US);
	await_requests(stage, 1);
	be_away();
	back_us = clock_now_us();
	await(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_FIRST_BYTE);
	assert_true(clock_now_us() - back_us >= TIMEOUT_US / 2);
	assert_true(seen.response.timing.total_us >= AWAY_MS * MS_US);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_connection_has_its_time_too(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	stage->request.connect_timeout_us = TIMEOUT_US;
	start_within(stage, &seen, 10 * SECOND_US);
	be_away();
	expect_ok(stage, &seen);
	free_stage(stage);
}

static void
test_the_clock_of_libcurl_does_not_count(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	int fds[3];

	/* With two addresses libcurl has to know the connect time, and while the first
	 * one hangs, the time of both runs out. */
	open_full_port("127.0.0.2", stage->server->port, fds);
	aim_at(stage, "http://two.test:%u/");
	stage->request.connect_timeout_us = 700 * MS_US;
	start_within(stage, &seen, 10 * SECOND_US);
	run_for_ms(stage, 50);
	be_away();
	expect_ok(stage, &seen);
	close_full_port(fds);
	free_stage(stage);
}

static void
test_nor_does_it_where_another_address_has_failed(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	int fds[3];

	/* At ::1 nobody listens; the other one hangs. */
	open_full_port("127.0.0.2", stage->server->port, fds);
	fake_address = INADDR_LOOPBACK + 1;
	aim_at(stage, "http://both.test:%u/");
	stage->request.connect_timeout_us = 700 * MS_US;
	start_within(stage, &seen, 10 * SECOND_US);
	run_for_ms(stage, 50);
	be_away();
	await(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_CONNECT);
	assert_true(seen.response.timing.total_us > (AWAY_MS + 500) * MS_US);
	forget(&seen);
	close_full_port(fds);
	free_stage(stage);
}

static void
test_who_begins_anew_looks_up_anew(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	int fds[3];

	open_full_port("127.0.0.2", stage->server->port, fds);
	aim_at(stage, "http://two.test:%u/");
	stage->request.connect_timeout_us = 700 * MS_US;
	start_within(stage, &seen, 10 * SECOND_US);
	run_for_ms(stage, 50);
	/* The address has become too old meanwhile. */
	fake_now_us += 10 * RESOLVER_LIFETIME_MS * MS_US;
	fake_lookups = 0;
	be_away();
	await(stage, &seen);
	assert_int_equal(fake_lookups, 1);
	/* That lookup's time, not all since the start. */
	assert_true(seen.response.timing.dns_us >= 0);
	assert_true(seen.response.timing.dns_us < AWAY_MS * MS_US / 2);
	expect_ok(stage, &seen);
	close_full_port(fds);
	free_stage(stage);
}

static void
test_a_name_found_meanwhile_is_used(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	fake_hangs = true;
	aim_at(stage, "http://some.test:%u/");
	start_within(stage, &seen, TIMEOUT_US);
	run_for_ms(stage, 20);
	fake_hangs = false;
	be_away();
	expect_ok(stage, &seen);
	free_stage(stage);
}

/* ---- With redirects: http/exchange on top ---- */

static void
on_exchange_done(struct response *response, void *arg)
{
	on_done(response, NULL, arg);
}

static void
test_a_redirect_read_late_leads_on(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct http_client client = exchange_client(stage->transfers);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/old");
	stage->request.max_redirects = 1;
	client.start(
	    client.client, &stage->request, TIMEOUT_US, on_exchange_done, &seen);
	await_requests(stage, 1);
	answer_all(
	    stage, "HTTP/1.1 301 Moved\r\nLocation: new\r\nContent-Length: 0\r\n\r\n");
	be_away();
	await_requests(stage, 2);
	answer_all(stage, OK_JSON);
	expect_ok(stage, &seen);
	free_stage(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_that_came_meanwhile_is_read),
		cmocka_unit_test(test_an_answer_may_take_what_time_was_left),
		cmocka_unit_test(test_a_body_may_go_on_after_each_absence),
		cmocka_unit_test(test_what_never_answers_times_out_afterwards),
		cmocka_unit_test(test_a_connection_has_its_time_too),
		cmocka_unit_test(test_the_clock_of_libcurl_does_not_count),
		cmocka_unit_test(test_nor_does_it_where_another_address_has_failed),
		cmocka_unit_test(test_who_begins_anew_looks_up_anew),
		cmocka_unit_test(test_a_name_found_meanwhile_is_used),
		cmocka_unit_test(test_a_redirect_read_late_leads_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
