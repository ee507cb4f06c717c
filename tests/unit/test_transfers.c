#include "http/transfers.h"

#include "http/exchange.h"
#include "transfers_stage.h"

/* ---- Whole answers ---- */

static void
test_an_answer_arrives_whole(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct response *response = &seen.response;

	aim_at(stage, "http://127.0.0.1:%u/a?b=c");
	ask(stage, &seen);
	assert_int_equal(response->result, RESPONSE_COMPLETE);
	assert_int_equal(response->http_status, 200);
	assert_string_equal(response->body, "{}");
	assert_int_equal(response->body_len, 2);
	assert_int_equal(response->bytes, 2);
	assert_string_equal(response->content_type, "application/json");
	assert_false(response->no_content);
	assert_null(response->message);
	assert_null(seen.location);
	assert_memory_equal(stage->server->last, "GET /a?b=c HTTP/1.1\r\n", 21);
	forget(&seen);
	free_stage(stage);
}

static void
test_phases_are_timed(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	const struct response_timing *timing = &seen.response.timing;

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(timing->dns_us, -1); /* an address */
	assert_true(timing->connect_us >= 0);
	assert_int_equal(timing->tls_us, -1);
	assert_true(timing->first_byte_us > 0);
	assert_true(timing->total_us >= timing->connect_us + timing->first_byte_us);

	aim_at(stage, "http://some.test:%u/");
	ask(stage, &seen);
	assert_true(timing->dns_us > 0);

	ask(stage, &seen); /* on the same connection */
	assert_int_equal(timing->dns_us, -1);
	assert_int_equal(timing->connect_us, -1);
	assert_true(timing->first_byte_us > 0);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_body_may_hold_anything(UNUSED void **state)
{
	static const char text[] = OK_HEAD "Content-Length: 5\r\n\r\na\0b\0c";
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	start_within(stage, &seen, SECOND_US);
	while (stage->server->requests == 0)
		event_base_loop(stage->base, EVLOOP_ONCE);
	loopback_send_bytes(TAILQ_FIRST(&stage->server->peers), text, sizeof(text) - 1);
	await(stage, &seen);
	assert_int_equal(seen.response.body_len, 5);
	assert_memory_equal(seen.response.body, "a\0b\0c", 6);
	forget(&seen);
	free_stage(stage);
}

static void
test_an_empty_body_is_an_empty_text(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer, OK_HEAD "Content-Length: 0\r\n\r\n");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_string_equal(seen.response.body, "");
	assert_null(seen.response.content_type);
	forget(&seen);
	free_stage(stage);
}

static void
test_chunks_make_one_body(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer,
	    OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
	            "3\r\nabc\r\n4\r\ndefg\r\n0\r\nLocation: /trailer\r\n\r\n");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_string_equal(seen.response.body, "abcdefg");
	assert_null(seen.location);
	forget(&seen);
	free_stage(stage);
}

static void
test_interim_answers_are_passed_over(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer,
	    "HTTP/1.1 100 Continue\r\nLocation: /interim\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.http_status, 200);
	assert_string_equal(seen.response.body, "{}");
	assert_null(seen.location);
	forget(&seen);
	free_stage(stage);
}

static void
test_no_content_is_told(UNUSED void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\n\r\n",
	};
	struct stage *stage = new_stage(send_answer, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		stage->answer = answers[i];
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_true(seen.response.no_content);
		assert_string_equal(seen.response.body, "");
	}
	forget(&seen);
	free_stage(stage);
}

static void
test_a_location_is_told_as_it_stands(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer,
	    "HTTP/1.1 302 Found\r\nlocation:\t ../x?y#z \r\nLocation: /second\r\n"
	    "Content-Length: 0\r\n\r\n");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen.response.http_status, 302);
	assert_string_equal(seen.location, "../x?y#z");
	assert_int_equal(stage->server->requests, 1);
	forget(&seen);
	free_stage(stage);
}

static void
test_an_unwanted_body_is_only_counted(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	stage->request.keep_body = false;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen.response.bytes, 2);
	assert_int_equal(seen.response.body_len, 0);
	assert_string_equal(seen.response.body, "");
	forget(&seen);
	free_stage(stage);
}

static void
test_the_body_of_a_failure_is_kept_unwanted_or_not(UNUSED void **state)
{
	static const struct {
		const char *answer;
		const char *body;
	} cases[] = {
		{ "HTTP/1.1 199 Odd\r\n\r\n" OK_JSON, "" },
		{ "HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nno", "" },
		{ "HTTP/1.1 300 Choose\r\nContent-Length: 2\r\n\r\nno", "no" },
		{ "HTTP/1.1 503 Down\r\nContent-Length: 2\r\n\r\nno", "no" },
		{ OK_JSON, "" },
	};
	struct stage *stage = new_stage(send_answer, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	stage->request.keep_body = false;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		stage->answer = cases[i].answer;
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_int_equal(seen.response.bytes, 2);
		assert_string_equal(seen.response.body, cases[i].body);
		assert_int_equal(seen.response.body_len, strlen(cases[i].body));
	}
	forget(&seen);
	free_stage(stage);
}

static void
test_a_retry_after_is_told(UNUSED void **state)
{
	static const struct {
		const char *answer;
		int64_t told_ms;
	} cases[] = {
		{ "HTTP/1.1 503 Down\r\nretry-AFTER:\t7 \r\nContent-Length: 0\r\n\r\n",
		    7000 },
		{ OK_HEAD "Retry-After: 0\r\nContent-Length: 0\r\n\r\n", 0 },
		{ OK_HEAD
		    "Retry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
		    INT64_MAX / 2 },
		{ OK_HEAD "Retry-After: -7\r\nContent-Length: 0\r\n\r\n", -1 },
		{ OK_HEAD "Retry-After: 7s\r\nContent-Length: 0\r\n\r\n", -1 },
		{ OK_HEAD "Retry-After: soon\r\nContent-Length: 0\r\n\r\n", -1 },
		{ OK_HEAD "Retry-After:\r\nContent-Length: 0\r\n\r\n", -1 },
		{ OK_HEAD "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		          "Content-Length: 0\r\n\r\n",
		    0 },
		{ OK_HEAD "X-Retry-After: 7\r\nContent-Length: 0\r\n\r\n", -1 },
		{ OK_HEAD "Retry-Afters: 7\r\nContent-Length: 0\r\n\r\n", -1 },
		/* Neither one of an interim answer nor one of a trailer counts. */
		{ "HTTP/1.1 103 Early\r\nRetry-After: 7\r\n\r\n" OK_JSON, -1 },
		{ OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
		          "0\r\nRetry-After: 7\r\n\r\n",
		    -1 },
	};
	struct stage *stage = new_stage(send_answer, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		stage->answer = cases[i].answer;
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_int_equal(seen.response.retry_after_ms, cases[i].told_ms);
	}
	forget(&seen);
	free_stage(stage);
}

static void
test_a_retry_after_may_be_a_date(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, NULL);
	struct seen seen = { 0 };
	time_t date = (time_t)(clock_wall_ms() / 1000) + 100;
	char answer[256], text[64];
	struct tm parts;

	gmtime_r(&date, &parts);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
	snprintf(answer, sizeof(answer),
	    "HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", text);
	stage->answer = answer;
	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_in_range(seen.response.retry_after_ms, 90000, 100000);
	forget(&seen);
	free_stage(stage);
}

/* ---- What is sent ---- */

static void
test_headers_have_defaults_that_can_be_overridden(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_true(sent(stage, "\r\nAccept: */*\r\n"));
	assert_true(sent(stage, "\r\nUser-Agent: gatherd/"));
	assert_false(sent(stage, "Accept-Encoding"));

	request_add_header(&stage->request, "accept", "text/plain", false);
	request_add_header(&stage->request, "USER-AGENT", "me", false);
	request_add_header(&stage->request, "X-Empty", "", false);
	request_add_header(&stage->request, "X-Blank", " \t", false);
	request_add_header(&stage->request, "Host", "other.test", false);
	ask(stage, &seen);
	assert_true(sent(stage, "\r\naccept: text/plain\r\n"));
	assert_false(sent(stage, "*/*"));
	assert_true(sent(stage, "\r\nUSER-AGENT: me\r\n"));
	assert_false(sent(stage, "gatherd/"));
	assert_true(sent(stage, "\r\nX-Empty:\r\n"));
	assert_true(sent(stage, "\r\nX-Blank:\r\n"));
	assert_true(sent(stage, "\r\nHost: other.test\r\n"));

	/* The handle is the same, the next request has none of that. */
	request_clear(&stage->request);
	stage->request.connect_timeout_us = SECOND_US;
	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_true(sent(stage, "\r\nAccept: */*\r\n"));
	assert_false(sent(stage, "X-Empty"));
	forget(&seen);
	free_stage(stage);
}

static void
test_secrets_are_sent_at_home_only(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct hop hop = {
		.request = &stage->request,
		.url = &stage->request.url,
		.with_secrets = true,
		.deadline_us = transfers_now_us(stage->transfers) + 10 * SECOND_US,
	};

	aim_at(stage, "http://me:pass%%20word@127.0.0.1:%u/");
	request_add_header(&stage->request, "X-Key", "k", true);
	request_add_header(&stage->request, "cookie", "c", false);
	request_add_header(&stage->request, "X-Team", "t", false);
	request_add_header(&stage->request, "Host", "home.test", false);
	transfer_start(stage->transfers, &hop, on_done, &seen);
	await(stage, &seen);
	assert_true(sent(stage, "Authorization: Basic bWU6cGFzcyB3b3Jk\r\n"));
	assert_true(sent(stage, "X-Key: k"));
	assert_true(sent(stage, "cookie: c"));
	assert_true(sent(stage, "X-Team: t"));
	assert_true(sent(stage, "Host: home.test"));

	forget(&seen);
	hop.with_secrets = false;
	transfer_start(stage->transfers, &hop, on_done, &seen);
	await(stage, &seen);
	assert_false(sent(stage, "Authorization"));
	assert_false(sent(stage, "X-Key"));
	assert_false(sent(stage, "cookie"));
	assert_true(sent(stage, "X-Team: t"));
	assert_true(sent(stage, "Host: 127.0.0.1:"));
	forget(&seen);
	free_stage(stage);
}

static void
test_the_environments_proxy_is_not_used(UNUSED void **state)
{
	struct stage *stage;
	struct seen seen = { 0 };

	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("all_proxy", "http://127.0.0.1:1/", 1);
	stage = new_stage(send_answer, OK_JSON);
	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	forget(&seen);
	free_stage(stage);
}

/* ---- Cancelling, and reports that do things ---- */

static void
test_a_cancelled_transfer_does_not_report(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	/* At once, while it connects, while it waits, while its name is looked up. */
	aim_at(stage, "http://127.0.0.1:%u/");
	start_within(stage, &seen, SECOND_US);
	transfer_cancel(seen.transfer);
	start_within(stage, &seen, SECOND_US);
	event_base_loop(stage->base, EVLOOP_ONCE);
	transfer_cancel(seen.transfer);
	start_within(stage, &seen, SECOND_US);
	while (stage->server->requests == 0)
		event_base_loop(stage->base, EVLOOP_ONCE);
	transfer_cancel(seen.transfer);
	fake_hangs = true;
	aim_at(stage, "http://slow.test:%u/");
	start_within(stage, &seen, SECOND_US);
	run_for_ms(stage, 5);
	transfer_cancel(seen.transfer);
	fake_hangs = false;
	run_for_ms(stage, 20);
	assert_int_equal(seen.reports, 0);
	free_stage(stage);
}

struct pair {
	struct seen first, second;
	unsigned reports;
};

static void
on_done_cancel_other(struct response *response, const char *location, void *arg)
{
	struct pair *pair = arg;

	pair->reports++;
	if (pair->first.transfer != NULL)
		transfer_cancel(pair->first.transfer);
	on_done(response, location, &pair->second);
}

static void
test_a_report_may_cancel_what_has_ended_too(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct pair pair = { 0 };
	struct hop hop = {
		.request = &stage->request,
		.url = &stage->request.url,
		.with_secrets = true,
		.deadline_us = transfers_now_us(stage->transfers) + 10 * SECOND_US,
	};
	struct loopback_peer *peer;

	/* Both are answered before libcurl looks: they end in one turn. */
	aim_at(stage, "http://127.0.0.1:%u/");
	pair.second.transfer =
	    transfer_start(stage->transfers, &hop, on_done_cancel_other, &pair);
	start_within(stage, &pair.first, 10 * SECOND_US);
	while (stage->server->requests < 2)
		event_base_loop(stage->base, EVLOOP_ONCE);
	TAILQ_FOREACH (peer, &stage->server->peers, in_list)
		loopback_send(peer, OK_JSON);
	run_for_ms(stage, 20);
	assert_int_equal(pair.reports + pair.first.reports, 1 + pair.first.reports);
	forget(&pair.first);
	forget(&pair.second);
	free_stage(stage);
}

struct chain {
	struct stage *stage;
	unsigned left;
};

static void
on_done_start_next(
    UNUSED struct response *response, UNUSED const char *location, void *arg)
{
	struct chain *chain = arg;
	const struct hop hop = {
		.request = &chain->stage->request,
		.url = &chain->stage->request.url,
		.deadline_us =
		    transfers_now_us(chain->stage->transfers) + 10 * SECOND_US,
	};

	assert_int_equal(response->result, RESPONSE_COMPLETE);
	if (--chain->left > 0)
		transfer_start(
		    chain->stage->transfers, &hop, on_done_start_next, chain);
}

static void
test_a_report_may_start_the_next(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct chain chain = { stage, 20 };
	const struct hop hop = {
		.request = &stage->request,
		.url = &stage->request.url,
		.deadline_us = transfers_now_us(stage->transfers) + 10 * SECOND_US,
	};

	aim_at(stage, "http://127.0.0.1:%u/");
	transfer_start(stage->transfers, &hop, on_done_start_next, &chain);
	while (chain.left > 0)
		event_base_loop(stage->base, EVLOOP_ONCE);
	assert_int_equal(stage->server->requests, 20);
	assert_int_equal(stage->server->accepted, 1);
	free_stage(stage);
}

static void
test_all_can_be_freed_in_flight(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen[4] = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	for (int i = 0; i < 3; i++)
		start_within(stage, &seen[i], SECOND_US);
	while (stage->server->requests < 2)
		event_base_loop(stage->base, EVLOOP_ONCE);
	aim_at(stage, "http://nowhere.test:%u/");
	start_within(stage, &seen[3], SECOND_US);
	free_stage(stage);
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen[i].reports, 0);
}

/* ---- With redirects: http/exchange on top ---- */

static void
redirect_once(struct loopback_peer *peer, const char *text)
{
	bool first = strncmp(text, "GET /old ", 9) == 0;

	loopback_send(peer,
	    first
	        ? "HTTP/1.1 301 Moved\r\nLocation: new\r\nContent-Length: 3\r\n\r\nold"
	        : OK_JSON);
}

static void
on_exchange_done(struct response *response, void *arg)
{
	on_done(response, NULL, arg);
}

static void
test_a_redirect_is_followed(UNUSED void **state)
{
	struct stage *stage = new_stage(redirect_once, NULL);
	struct http_client client = exchange_client(stage->transfers);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/old");
	stage->request.max_redirects = 1;
	client.start(
	    client.client, &stage->request, 10 * SECOND_US, on_exchange_done, &seen);
	await(stage, &seen);
	assert_int_equal(seen.response.http_status, 200);
	assert_int_equal(seen.response.hops, 1);
	assert_string_equal(seen.response.body, "{}");
	assert_int_equal(stage->server->accepted, 1);
	assert_memory_equal(stage->server->last, "GET /new ", 9);
	forget(&seen);
	free_stage(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_arrives_whole),
		cmocka_unit_test(test_phases_are_timed),
		cmocka_unit_test(test_a_body_may_hold_anything),
		cmocka_unit_test(test_an_empty_body_is_an_empty_text),
		cmocka_unit_test(test_chunks_make_one_body),
		cmocka_unit_test(test_interim_answers_are_passed_over),
		cmocka_unit_test(test_no_content_is_told),
		cmocka_unit_test(test_a_location_is_told_as_it_stands),
		cmocka_unit_test(test_an_unwanted_body_is_only_counted),
		cmocka_unit_test(test_the_body_of_a_failure_is_kept_unwanted_or_not),
		cmocka_unit_test(test_a_retry_after_is_told),
		cmocka_unit_test(test_a_retry_after_may_be_a_date),
		cmocka_unit_test(test_headers_have_defaults_that_can_be_overridden),
		cmocka_unit_test(test_secrets_are_sent_at_home_only),
		cmocka_unit_test(test_the_environments_proxy_is_not_used),
		cmocka_unit_test(test_a_cancelled_transfer_does_not_report),
		cmocka_unit_test(test_a_report_may_cancel_what_has_ended_too),
		cmocka_unit_test(test_a_report_may_start_the_next),
		cmocka_unit_test(test_all_can_be_freed_in_flight),
		cmocka_unit_test(test_a_redirect_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
