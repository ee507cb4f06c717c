/*
 * http/transfers: the ways that connections go, but for TLS and SOCKS proxies.
 */
#include <sys/un.h>

#include "transfer_routes_stage.h"

/* ---- HTTP proxies ---- */

static void
test_a_proxy_is_asked_for_the_whole_url(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	take_proxy(stage, &route, "http://me:p%%40ss@127.0.0.1:%u");
	aim_at(stage, "http://nowhere.test/a?b");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_true(sent(stage, "GET http://nowhere.test/a?b HTTP/1.1\r\n"));
	assert_true(sent(stage, "Host: nowhere.test\r\n"));
	assert_true(sent(stage, "Proxy-Authorization: Basic bWU6cEBzcw==\r\n"));
	assert_int_equal(fake_lookups, 0);
	assert_int_equal(seen.response.timing.dns_us, -1);
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_user_and_password_of_a_proxy_are_decoded_once(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	aim_at(stage, "http://nowhere.test/");
	take_proxy(stage, &route, "http://m%%2541e:p%%2541%%3aw@127.0.0.1:%u");
	ask(stage, &seen);
	/* "m%41e:p%41:w" */
	assert_true(sent(stage, "Proxy-Authorization: Basic bSU0MWU6cCU0MTp3\r\n"));
	route_clear(&route);

	take_proxy(stage, &route, "http://:pw@127.0.0.1:%u");
	ask(stage, &seen);
	assert_true(sent(stage, "Proxy-Authorization: Basic OnB3\r\n"));
	route_clear(&route);

	take_proxy(stage, &route, "http://127.0.0.1:%u");
	ask(stage, &seen);
	assert_false(sent(stage, "Proxy-Authorization: "));
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_the_proxys_name_is_looked_up(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	take_proxy(stage, &route, "http://proxy.test:%u");
	aim_at(stage, "http://nowhere.test/");
	for (int i = 0; i < 3; i++) {
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	}
	assert_int_equal(fake_lookups, 1);
	assert_int_equal(stage->server->accepted, 1);
	route_clear(&route);

	take_proxy(stage, &route, "http://nowhere.test:%u");
	aim_at(stage, "http://127.0.0.1/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_DNS);
	assert_int_equal(seen.response.phase, PHASE_DNS);
	assert_non_null(
	    strstr(seen.response.message, "could not resolve proxy nowhere.test: "));
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_a_proxy_may_be_gone(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	take_proxy(stage, &route, "http://me:secret@127.0.0.1:1");
	for (int tls = 0; tls < 2; tls++) {
		aim_at(stage, tls ? "https://a.test/" : "http://a.test/");
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_CONNECT);
		assert_int_equal(seen.response.phase, PHASE_CONNECT);
		assert_string_equal(
		    seen.response.message, "connection refused by proxy 127.0.0.1:1");
	}
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_a_proxy_that_does_not_connect_is_named(UNUSED void **state)
{
	static const struct {
		const char *answer, *message;
	} cases[] = {
		{ "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"r\"\r\n"
		  "Content-Length: 3\r\n\r\nwho",
		    "proxy 127.0.0.1:%u does not connect to a.test:443: HTTP 407, it "
		    "demands another user or password" },
		{ "HTTP/1.1 502 Bad\r\nX-A: b\r\nContent-Length: 3\r\n\r\nbad",
		    "proxy 127.0.0.1:%u does not connect to a.test:443: HTTP 502" },
		{ "HTTP/1.1 302 Go\r\nLocation: http://b.test/\r\nContent-Length: 0\r\n\r\n",
		    "proxy 127.0.0.1:%u does not connect to a.test:443: HTTP 302" },
	};
	struct stage *stage = new_stage(send_answer, NULL);
	struct seen seen = { 0 };
	struct route route;

	take_proxy(stage, &route, "http://me:secret@127.0.0.1:%u");
	stage->request.keep_head = true;
	aim_at(stage, "https://a.test/");
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		stage->answer = cases[i].answer;
		ask(stage, &seen);
		assert_true(sent(stage, "CONNECT a.test:443 HTTP/1.1\r\n"));
		assert_int_equal(seen.response.result, RESPONSE_CONNECT);
		assert_int_equal(seen.response.phase, PHASE_CONNECT);
		assert_int_equal(seen.response.http_status, 0);
		assert_null(seen.response.head);
		assert_null(seen.location);
		assert_false(seen.response.sent);
		expect_message(stage, &seen, cases[i].message);
	}
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_a_proxy_may_hang_or_hang_up(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };
	struct route route;

	take_proxy(stage, &route, "http://127.0.0.1:%u");
	aim_at(stage, "https://a.test/");
	stage->request.connect_timeout_us = 50 * MS_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_CONNECT);

	stage->request.connect_timeout_us = 10 * SECOND_US;
	stage->answer = "";
	stage->server->answer = send_answer_and_close;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_CONNECT);
	expect_message(stage, &seen,
	    "proxy 127.0.0.1:%u does not connect to a.test:443: Proxy CONNECT aborted");
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_an_answer_of_the_proxy_is_one_where_it_asks_for_us(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer, "HTTP/1.1 407 Who\r\nContent-Length: 3\r\n\r\nwho");
	struct seen seen = { 0 };
	struct route route;

	take_proxy(stage, &route, "http://127.0.0.1:%u");
	aim_at(stage, "http://a.test/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen.response.http_status, 407);
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_the_environments_proxies_are_not_picked_up(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);

	setenv("no_proxy", "*", 1);
	take_proxy(stage, &route, "http://127.0.0.1:%u");
	aim_at(stage, "http://a.test/");
	ask(stage, &seen);
	assert_true(sent(stage, "GET http://a.test/ HTTP/1.1\r\n"));
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("no_proxy");
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

/* ---- Sockets in the file system ---- */

static void
listen_at(struct loopback *server, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	event_free(server->event);
	close(server->fd);
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(
	    bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->fd, 10), 0);
	server->event = event_new(server->base, server->fd, EV_READ | EV_PERSIST,
	    loopback_on_connection, server);
	event_add(server->event, NULL);
}

static void
test_a_unix_socket_needs_no_name(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;
	const char *why;

	route_init(&route);
	route.unix_socket = xasprintf("/tmp/gatherd-test-%d.sock", (int)getpid());
	/* It comes before a proxy, as for curl(1). */
	assert_true(proxy_parse("socks5://127.0.0.1:1", &route.proxy, &why));
	/* It has no family. */
	route.ip = IP_V6;
	listen_at(stage->server, route.unix_socket);
	stage->request.route = &route;
	aim_at(stage, "http://nowhere.test/a");
	for (int i = 0; i < 2; i++) {
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_true(sent(stage, "GET /a HTTP/1.1\r\nHost: nowhere.test\r\n"));
		assert_int_equal(seen.response.timing.dns_us, -1);
	}
	assert_int_equal(fake_lookups, 0);
	assert_int_equal(stage->server->accepted, 1);
	unlink(route.unix_socket);
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_a_unix_socket_may_not_be_there(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	route_init(&route);
	route.unix_socket = xstrdup("/tmp/gatherd-no-such.sock");
	stage->request.route = &route;
	aim_at(stage, "http://a.test/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_CONNECT);
	assert_string_equal(seen.response.message,
	    "could not connect to /tmp/gatherd-no-such.sock: No such file or directory");
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

/* ---- Addresses ---- */

static void
test_a_pinned_name_is_not_looked_up(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route first, second;

	take_pin(stage, &first, "nowhere.test", "127.0.0.1");
	aim_at(stage, "http://nowhere.test:%u/a");
	for (int i = 0; i < 2; i++) {
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_true(sent(stage, "GET /a HTTP/1.1\r\nHost: nowhere.test:"));
	}
	assert_int_equal(fake_lookups, 0);
	assert_int_equal(stage->server->accepted, 1);

	/* Who is pinned elsewhere does not get that connection, nor who is not pinned. */
	take_pin(stage, &second, "nowhere.test", "127.0.0.2");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_CONNECT);
	expect_message(stage, &seen, "connection refused by 127.0.0.2:%u");
	stage->request.route = NULL;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_DNS);
	forget(&seen);
	free_stage(stage);
	route_clear(&first);
	route_clear(&second);
}

static void
test_the_family_of_addresses_can_be_chosen(UNUSED void **state)
{
	static const struct {
		enum ip_family ip;
		enum response_result result;
		const char *url;
		const char *message; /* NULL: none */
	} cases[] = {
		{ IP_V4, RESPONSE_COMPLETE, "http://both.test:%u/", NULL },
		{ IP_V6, RESPONSE_CONNECT, "http://both.test:%u/",
		    "connection refused by both.test:%u" },
		{ IP_ANY, RESPONSE_COMPLETE, "http://both.test:%u/", NULL },
		{ IP_V6, RESPONSE_DNS, "http://a.test:%u/",
		    "a.test has no IPv6 address" },
		{ IP_V4, RESPONSE_COMPLETE, "http://a.test:%u/", NULL },
		{ IP_V6, RESPONSE_DNS, "http://127.0.0.1:%u/",
		    "127.0.0.1 has no IPv6 address" },
		{ IP_V4, RESPONSE_DNS, "http://[::1]:%u/", "::1 has no IPv4 address" },
		{ IP_V4, RESPONSE_COMPLETE, "http://127.0.0.1:%u/", NULL },
		{ IP_V6, RESPONSE_CONNECT, "http://[::1]:%u/",
		    "connection refused by [::1]:%u" },
	};
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route routes[3];

	for (int i = 0; i < 3; i++) {
		route_init(&routes[i]);
		routes[i].ip = (enum ip_family)i;
	}
	for (size_t i = 0; i < 2 * ARRAY_COUNT(cases); i++) {
		size_t n = i % ARRAY_COUNT(cases);

		stage->request.route = &routes[cases[n].ip];
		aim_at(stage, cases[n].url);
		ask(stage, &seen);
		assert_int_equal(seen.response.result, cases[n].result);
		if (cases[n].message != NULL)
			expect_message(stage, &seen, cases[n].message);
	}
	for (int i = 0; i < 3; i++)
		route_clear(&routes[i]);
	forget(&seen);
	free_stage(stage);
}

/* ---- Compression ---- */

/* Of {"a": [1, ...]}, 31 bytes, and of 100,000 times "x", by gzip. */
static const unsigned char small[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x03, 0xab, 0x56, 0x4a, 0x54, 0xb2, 0x52, 0x88, 0x36, 0xd4, 0x51, 0xc0,
	0x82, 0x62, 0x6b, 0x01, 0xbe, 0x28, 0x0a, 0x40, 0x1f, 0x00, 0x00, 0x00 };
static const unsigned char bomb[132] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0xda, 0x8b,
	0x6f, 0x0d, 0x0f, 0xa0, [121] = 0x80, 0x57, 0x03, 0x71, 0x11, 0x07, 0xfe, 0xa0,
	0x86, 0x01, 0x00 };

static const unsigned char *packed_bytes;
static size_t packed_len;

static void
send_packed(struct loopback_peer *peer, UNUSED const char *text)
{
	char head[128];

	snprintf(head, sizeof(head),
	    OK_HEAD "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
	    packed_len);
	loopback_send(peer, head);
	loopback_send_bytes(peer, (const char *)packed_bytes, packed_len);
}

static void
test_the_decoded_bytes_count(UNUSED void **state)
{
	struct stage *stage = new_stage(send_packed, NULL);
	struct seen seen = { 0 };
	struct route route;

	route_init(&route);
	route.compressed = true;
	stage->request.route = &route;
	aim_at(stage, "http://127.0.0.1:%u/");
	packed_bytes = small;
	packed_len = sizeof(small);
	/* Fewer bytes than are sent may still be enough. */
	stage->request.max_body_bytes = 31;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_string_equal(seen.response.body, "{\"a\": [1, 1, 1, 1, 1, 1, 1, 1]}");
	assert_int_equal(seen.response.bytes, 31);
	assert_true(sent(stage, "Accept-Encoding: "));
	stage->request.max_body_bytes = 30;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TOO_LARGE);

	packed_bytes = bomb;
	packed_len = sizeof(bomb);
	stage->request.max_body_bytes = 99999;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TOO_LARGE);
	stage->request.max_body_bytes = 100000;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen.response.body_len, 100000);

	/* Who did not ask for it gets it as it is. */
	stage->request.route = NULL;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen.response.bytes, sizeof(bomb));
	assert_false(sent(stage, "Accept-Encoding"));
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_what_cannot_be_decoded_is_told(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer,
	    OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope");
	struct seen seen = { 0 };
	struct route route;

	route_init(&route);
	route.compressed = true;
	stage->request.route = &route;
	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_PROTOCOL);
	assert_non_null(strstr(seen.response.message, "the body cannot be decoded: "));
	assert_false(seen.response.lost);
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_proxy_is_asked_for_the_whole_url),
		cmocka_unit_test(test_user_and_password_of_a_proxy_are_decoded_once),
		cmocka_unit_test(test_the_proxys_name_is_looked_up),
		cmocka_unit_test(test_a_proxy_may_be_gone),
		cmocka_unit_test(test_a_proxy_that_does_not_connect_is_named),
		cmocka_unit_test(test_a_proxy_may_hang_or_hang_up),
		cmocka_unit_test(
		    test_an_answer_of_the_proxy_is_one_where_it_asks_for_us),
		cmocka_unit_test(test_the_environments_proxies_are_not_picked_up),
		cmocka_unit_test(test_a_unix_socket_needs_no_name),
		cmocka_unit_test(test_a_unix_socket_may_not_be_there),
		cmocka_unit_test(test_a_pinned_name_is_not_looked_up),
		cmocka_unit_test(test_the_family_of_addresses_can_be_chosen),
		cmocka_unit_test(test_the_decoded_bytes_count),
		cmocka_unit_test(test_what_cannot_be_decoded_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
