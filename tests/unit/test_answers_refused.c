#include "serve/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve_stage.h"

#define GET "GET /status.json HTTP/1.1\r\nHost: localhost\r\n"

/* A second request where a body would be: answered, it would be smuggled past a proxy. */
#define SMUGGLED "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void
set_up(struct stage *stage, bool checks_host)
{
	stage_set_up(stage, 2, checks_host);
	stage_put(stage, 0, "{\"a\": 1}");
	stage_show(stage, 7);
}

/* Say TEXT, and read all up to the end of the connection. */
static void
say_to_the_end(struct stage *stage, const char *text, struct reply *reply)
{
	int fd = stage_connect(stage);

	stage_send(fd, text);
	stage_wait_reply(stage, fd, strncmp(text, "HEAD", 4) == 0, true, reply);
	close(fd);
}

/* TEXT is refused by one answer of STATUS, and its connection ends. */
static void
assert_ends(struct stage *stage, const char *text, int status)
{
	struct reply reply;

	say_to_the_end(stage, text, &reply);
	if (reply.status != status)
		fail_msg("%d, not %d: %s", reply.status, status, text);
	reply_assert_header(&reply, "Connection", "close");
	reply_clear(&reply);
}

static void
assert_status(struct stage *stage, const char *text, int status)
{
	struct reply reply;

	stage_say(stage, text, &reply);
	if (reply.status != status)
		fail_msg("%d, not %d: %s", reply.status, status, text);
	reply_clear(&reply);
}

/* ---- bodies ---- */

static void
test_a_doubled_length_is_refused(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_ends(&stage, GET "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400);
	assert_ends(&stage,
	    GET "Content-Length: 0\r\ncontent-length: 44\r\n\r\n" SMUGGLED, 400);
	assert_int_equal(stage.answers.requests[2], 0);
	stage_tear_down(&stage);
}

static void
test_a_length_beside_chunks_is_refused(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_ends(&stage,
	    GET "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
	        "0\r\n\r\n" SMUGGLED,
	    400);
	assert_ends(&stage,
	    GET "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SMUGGLED, 400);
	assert_ends(&stage, GET "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
	assert_int_equal(stage.answers.requests[2], 0);
	stage_tear_down(&stage);
}

static void
test_a_body_is_refused(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_ends(&stage, GET "Content-Length: 5\r\n\r\nhello", 400);
	assert_ends(&stage, GET "Content-Length: 42\r\n\r\n" SMUGGLED, 400);
	assert_ends(&stage,
	    GET "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400);
	assert_int_equal(stage.answers.requests[4], 3);
	assert_ends(&stage, GET "Content-Length: -1\r\n\r\n", 400);
	assert_ends(&stage, GET "Content-Length: +0\r\n\r\n", 400);
	assert_ends(&stage, GET "Content-Length:\r\n\r\n", 400);
	assert_int_equal(stage.answers.requests[2], 0);
	assert_status(&stage, GET "Content-Length: 0\r\n\r\n", 200);
	stage_tear_down(&stage);
}

/* What the form of a page sends, or `curl -d x`, with BYTES of body. */
static char *
form_of(const char *method, size_t bytes)
{
	char *body = xcalloc(1, bytes + 1);
	char *text;

	memset(body, 'x', bytes);
	text = xasprintf("%s /status.json HTTP/1.1\r\nHost: localhost\r\n"
	                 "Content-Length: %zu\r\n\r\n%s",
	    method, bytes, body);
	free(body);
	return text;
}

static void
test_a_method_with_a_body_hears_of_those_that_there_are(UNUSED void **state)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE",
		"OPTIONS", "CONNECT", "TRACE", "BREW" };
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
		char *text = form_of(methods[i], 1);

		say_to_the_end(&stage, text, &reply);
		if (reply.status != 405)
			fail_msg("%d: %s", reply.status, text);
		reply_assert_header(&reply, "Allow", "GET, HEAD");
		reply_assert_header(&reply, "Connection", "close");
		reply_assert_header(&reply, "X-Content-Type-Options", "nosniff");
		assert_string_equal(
		    reply.body.data, "only GET and HEAD are answered\n");
		reply_clear(&reply);
		free(text);
	}
	stage_tear_down(&stage);
}

static void
test_a_body_of_more_than_4_kib_is_not_read(UNUSED void **state)
{
	struct stage stage;
	char *text;

	set_up(&stage, true);
	text = form_of("POST", 4096);
	assert_ends(&stage, text, 405);
	free(text);
	assert_int_equal(stage.answers.requests[4], 1);
	/* evhttp's own. */
	text = form_of("POST", 4097);
	assert_ends(&stage, text, 413);
	free(text);
	assert_ends(&stage, GET "Transfer-Encoding: chunked\r\n\r\n1001\r\nhello", 413);
	assert_int_equal(stage.answers.requests[4], 1);
	stage_tear_down(&stage);
}

/* Another name is told so first: it has no business with what there is here. */
static void
test_a_body_to_another_name_is_misdirected_and_ends(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_ends(&stage,
	    "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1\r\n\r\nx", 421);
	stage_tear_down(&stage);
}

static void
test_a_body_that_evhttp_leaves_is_no_request(UNUSED void **state)
{
	static const char *const methods[] = { "HEAD", "TRACE", "BREW" };
	struct stage stage;

	set_up(&stage, true);
	for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
		char *text = xasprintf("%s / HTTP/1.1\r\nHost: localhost\r\n"
		                       "Content-Length: 44\r\n\r\n" SMUGGLED,
		    methods[i]);

		assert_ends(&stage, text, i == 0 ? 400 : 405);
		free(text);
	}
	assert_int_equal(stage.answers.requests[2], 0);
	assert_int_equal(stage.answers.requests[4], ARRAY_COUNT(methods));
	stage_tear_down(&stage);
}

static void
test_a_refused_tunnel_ends(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_ends(&stage,
	    "CONNECT a:80 HTTP/1.1\r\nHost: localhost\r\n"
	    "Transfer-Encoding: identity\r\n\r\n" SMUGGLED,
	    400);
	assert_int_equal(stage.answers.requests[2], 0);
	stage_tear_down(&stage);
}

/* ---- heads ---- */

static void
test_a_name_with_a_blank_is_refused(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_ends(&stage, GET "Content-Length : 44\r\n\r\n" SMUGGLED, 400);
	assert_ends(&stage, GET "X Y: 1\r\n\r\n", 400);
	assert_ends(&stage, GET "no colon\r\n\r\n", 400);
	stage_tear_down(&stage);
}

static void
test_there_is_one_host(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, false);
	assert_ends(&stage, GET "Host: localhost\r\n\r\n", 400);
	assert_ends(&stage, "GET / HTTP/1.1\r\n\r\n", 400);
	assert_status(&stage, "GET / HTTP/1.0\r\n\r\n", 200);
	stage_tear_down(&stage);
}

static void
test_other_versions_are_refused(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_ends(&stage, "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 400);
	assert_ends(&stage, "GET / HTTP/1.10\r\nHost: localhost\r\n\r\n", 400);
	assert_ends(&stage, "GET / HTTP/x.y\r\nHost: localhost\r\n\r\n", 400);
	assert_ends(&stage, "nonsense, and more of it\r\n\r\n", 400);
	stage_tear_down(&stage);
}

static void
test_a_head_has_8_kib(UNUSED void **state)
{
	struct stage stage;
	char filler[9000];
	char *text;

	set_up(&stage, true);
	memset(filler, 'x', sizeof(filler));
	filler[7800] = '\0';
	text = xasprintf("%sX-Filler: %s\r\n\r\n", GET, filler);
	assert_status(&stage, text, 200);
	free(text);
	filler[7800] = 'x';
	filler[8300] = '\0';
	text = xasprintf("%sX-Filler: %s\r\n\r\n", GET, filler);
	assert_ends(&stage, text, 400);
	free(text);
	text = xasprintf("GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", filler);
	assert_ends(&stage, text, 400);
	free(text);
	stage_tear_down(&stage);
}

/* ---- the host ---- */

static void
assert_host(struct stage *stage, const char *host, int status)
{
	char *text = xasprintf("GET /status.json HTTP/1.1\r\nHost: %s\r\n\r\n", host);

	assert_status(stage, text, status);
	free(text);
}

static void
test_another_name_is_misdirected(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	assert_host(&stage, "localhost:8787", 200);
	assert_host(&stage, "[::1]:8787", 200);
	assert_host(&stage, "WEB1.example", 200);
	assert_host(&stage, "evil.example:8787", 421);
	assert_host(&stage, "", 421);
	assert_status(&stage,
	    "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 421);
	assert_status(&stage,
	    "GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200);
	stage_say(&stage, "GET /events HTTP/1.0\r\nHost: evil.example\r\n\r\n", &reply);
	assert_non_null(strstr(reply.head, " 421 Misdirected Request\r\n"));
	assert_string_equal(reply.body.data, "this machine has no such name\n");
	reply_clear(&reply);
	stage_tear_down(&stage);
}

static void
test_where_it_does_not_matter_any_name_is_well(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, false);
	assert_host(&stage, "status.example:443", 200);
	assert_host(&stage, "", 200);
	stage_tear_down(&stage);
}

/* ---- connections ---- */

static void
test_pipelined_requests_are_answered_in_order(UNUSED void **state)
{
	struct stage stage;
	struct buffer in;
	int fd;

	set_up(&stage, true);
	fd = stage_connect(&stage);
	stage_send(fd,
	    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	    "HEAD /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
	    "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: te, Close\r\n\r\n"
	    "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
	buffer_init(&in, BUFFER_UNLIMITED);
	while (stage_receive(fd, &in))
		stage_turn(&stage);
	assert_int_equal(stage.answers.requests[4], 1);
	assert_int_equal(stage.answers.requests[2] + stage.answers.requests[5], 2);
	assert_true(strstr(in.data, "application/json") <
	    strstr(in.data, "there is nothing of that name\n"));
	assert_non_null(strstr(in.data, "Connection: close\r\n"));
	buffer_clear(&in);
	close(fd);
	stage_tear_down(&stage);
}

/* RFC 9110, section 6.6.1 */
static void
assert_has_one_date(const struct reply *reply)
{
	const char *date = strstr(reply->head, "\r\nDate: ");

	assert_non_null(date);
	assert_null(strstr(date + 1, "\r\nDate: "));
}

static void
test_an_old_client_may_keep_its_connection(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	stage_say(&stage, "GET /status.json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	    &reply);
	assert_int_equal(reply.status, 200);
	assert_false(reply.ended);
	reply_assert_header(&reply, "Connection", "keep-alive");
	assert_has_one_date(&reply);
	reply_clear(&reply);
	say_to_the_end(&stage, "GET /status.json HTTP/1.0\r\n\r\n", &reply);
	assert_int_equal(reply.status, 200);
	assert_has_one_date(&reply);
	reply_clear(&reply);
	stage_ask(&stage, "GET", "/none", "", &reply);
	assert_has_one_date(&reply);
	reply_clear(&reply);
	stage_tear_down(&stage);
}

static void
test_the_last_request_of_a_connection_says_so(UNUSED void **state)
{
	const char *request = "GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
	struct stage stage;
	struct reply reply;
	int fd;

	set_up(&stage, true);
	fd = stage_connect(&stage);
	for (unsigned i = 1; i < clients_default_limits.max_requests; i++) {
		stage_send(fd, request);
		stage_wait_reply(&stage, fd, false, false, &reply);
		reply_assert_header(&reply, "Connection", "keep-alive");
		reply_clear(&reply);
	}
	stage_send(fd, request);
	stage_wait_reply(&stage, fd, false, true, &reply);
	reply_assert_header(&reply, "Connection", "close");
	assert_null(strstr(reply.head, "keep-alive"));
	reply_clear(&reply);
	close(fd);
	stage_tear_down(&stage);
}

static void
test_who_has_no_more_to_say_gets_all_of_the_answer(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;
	int fd;

	set_up(&stage, true);
	stage_put_large(&stage, 1, 3000000);
	stage_show(&stage, 8);
	fd = stage_connect_with(&stage, 8192);
	stage_send(fd, GET "\r\n");
	shutdown(fd, SHUT_WR);
	stage_wait_reply(&stage, fd, false, false, &reply);
	assert_true(reply.body.len > 3000000);
	assert_string_equal(reply.body.data + reply.body.len - 3, "\n}\n");
	reply_clear(&reply);
	close(fd);
	stage_tear_down(&stage);
}

static void
test_an_answer_stays_whole_when_another_one_is_shown(UNUSED void **state)
{
	static const char *const requests[] = { GET "\r\n",
		GET "Accept-Encoding: gzip\r\n\r\n",
		"GET /services/t1 HTTP/1.1\r\nHost: localhost\r\n\r\n" };
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
		int fd;

		stage_put_large(&stage, 1, 3000000);
		stage_show(&stage, 8 + 2 * i);
		fd = stage_connect_with(&stage, 8192);
		stage_send(fd, requests[i]);
		while (stage.answers.requests[2] == i)
			stage_turn(&stage);
		stage_put(&stage, 1, "1");
		stage_show(&stage, 9 + 2 * i);
		stage_wait_reply(&stage, fd, false, false, &reply);
		if (i == 1)
			assert_memory_equal(reply.body.data, "\x1f\x8b", 2);
		else
			assert_true(reply.body.len > 3000000);
		assert_false(reply.ended);
		reply_clear(&reply);
		close(fd);
	}
	stage_tear_down(&stage);
}

static void
test_a_client_that_goes_away_leaves_nothing(UNUSED void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct stage stage;

	set_up(&stage, true);
	stage_put_large(&stage, 1, 3000000);
	stage_show(&stage, 8);
	for (int i = 0; i < 4; i++) {
		int fd = stage_connect_with(&stage, 8192);

		stage_send(fd, i % 2 == 0 ? GET "\r\n" : "GET /services/t1 HT");
		for (int turns = 0; turns < 20; turns++)
			stage_turn(&stage);
		if (i < 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	for (int turns = 0; turns < 20; turns++)
		stage_turn(&stage);
	clients_sweep(stage.clients);
	clients_sweep(stage.clients);
	assert_int_equal(clients_count(stage.clients), 0);
	stage_tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_doubled_length_is_refused),
		cmocka_unit_test(test_a_length_beside_chunks_is_refused),
		cmocka_unit_test(test_a_body_is_refused),
		cmocka_unit_test(
		    test_a_method_with_a_body_hears_of_those_that_there_are),
		cmocka_unit_test(test_a_body_of_more_than_4_kib_is_not_read),
		cmocka_unit_test(test_a_body_to_another_name_is_misdirected_and_ends),
		cmocka_unit_test(test_a_body_that_evhttp_leaves_is_no_request),
		cmocka_unit_test(test_a_refused_tunnel_ends),
		cmocka_unit_test(test_a_name_with_a_blank_is_refused),
		cmocka_unit_test(test_there_is_one_host),
		cmocka_unit_test(test_other_versions_are_refused),
		cmocka_unit_test(test_a_head_has_8_kib),
		cmocka_unit_test(test_another_name_is_misdirected),
		cmocka_unit_test(test_where_it_does_not_matter_any_name_is_well),
		cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
		cmocka_unit_test(test_an_old_client_may_keep_its_connection),
		cmocka_unit_test(test_the_last_request_of_a_connection_says_so),
		cmocka_unit_test(test_who_has_no_more_to_say_gets_all_of_the_answer),
		cmocka_unit_test(test_an_answer_stays_whole_when_another_one_is_shown),
		cmocka_unit_test(test_a_client_that_goes_away_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
