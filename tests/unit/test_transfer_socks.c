/*
 * http/transfers: SOCKS proxies, and all ways one after the other, theirs among them.
 */
#include "transfer_routes_stage.h"

/* ---- SOCKS5 (RFC 1928, 1929) ---- */

struct socks {
	struct stage *stage;
	char target[64]; /* the name in the last request */
	char login[64];  /* the whole message; "": none */
	char verdict;    /* 0: connected */
	unsigned port;
};

static struct socks socks;

static void
note_target(const struct loopback_peer *peer, const char *text)
{
	/* 05 01 00 03 LEN NAME PORT */
	size_t len = (unsigned char)text[4];

	assert_int_equal(text[3], 3);
	assert_true(len < sizeof(socks.target));
	memcpy(socks.target, text + 5, len);
	socks.target[len] = '\0';
	socks.port = (unsigned char)text[5 + len] * 256u + (unsigned char)text[6 + len];
	assert_int_equal(peer->server->last_len, 7 + len);
}

static void
serve_socks(struct loopback_peer *peer, const char *text)
{
	char reply[10] = { 5, socks.verdict, 0, 1 };

	if (text[0] == 'G') {
		send_answer(peer, text);
	} else if (text[0] == 1) {
		memcpy(socks.login, text, peer->server->last_len);
		loopback_send_bytes(peer, "\1\0", 2);
	} else if (peer->server->last_len >= 7 && text[1] == 1 && text[2] == 0) {
		note_target(peer, text);
		loopback_send_bytes(peer, reply, sizeof(reply));
	} else {
		/* 05 N METHOD...: with a password where that is offered. */
		loopback_send_bytes(peer,
		    memchr(text + 2, 2, (size_t)text[1]) != NULL ? "\5\2" : "\5\0", 2);
	}
}

static void
test_a_socks_proxy_looks_the_name_up(UNUSED void **state)
{
	struct stage *stage = new_stage(serve_socks, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	socks = (struct socks){ 0 };
	stage->server->any_bytes = true;
	take_proxy(stage, &route, "socks5://127.0.0.1:%u");
	aim_at(stage, "http://nowhere.test:81/a");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_string_equal(socks.target, "nowhere.test");
	assert_int_equal(socks.port, 81);
	assert_string_equal(socks.login, "");
	assert_true(sent(stage, "GET /a HTTP/1.1\r\n"));
	assert_int_equal(fake_lookups, 0);
	route_clear(&route);

	take_proxy(stage, &route, "socks5h://me:pw@127.0.0.1:%u");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_string_equal(socks.login, "\1\2me\2pw");
	assert_int_equal(stage->server->accepted, 2);
	route_clear(&route);

	/* Decoded once. */
	take_proxy(stage, &route, "socks5://m%%2541e:p%%2541%%3aw@127.0.0.1:%u");
	ask(stage, &seen);
	assert_string_equal(socks.login, "\1\5m%41e\6p%41:w");
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

static void
test_a_socks_proxy_that_refuses_is_named(UNUSED void **state)
{
	struct stage *stage = new_stage(serve_socks, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	socks = (struct socks){ .verdict = 5 };
	stage->server->any_bytes = true;
	take_proxy(stage, &route, "socks5://me:secret@127.0.0.1:%u");
	aim_at(stage, "http://a.test/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_CONNECT);
	assert_int_equal(seen.response.phase, PHASE_CONNECT);
	expect_message(stage, &seen,
	    "proxy 127.0.0.1:%u does not connect to a.test:80: connection refused");
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

/* ---- One handle after the other ---- */

enum way {
	WAY_USUAL,
	WAY_KNOWN,
	WAY_PROXY,
	WAY_PIN,
	WAY_SOCKS,
	WAY_COUNT
};

static unsigned
draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % below;
}

static void
check_way(const struct stage *stage, enum way way, bool with_user)
{
	bool proxied = way == WAY_KNOWN || way == WAY_PROXY;

	assert_int_equal(sent(stage, "GET http://a.test:"), proxied);
	assert_int_equal(sent(stage, "GET / HTTP/1.1\r\n"), !proxied);
	assert_int_equal(sent(stage, "Proxy-Authorization: "), way == WAY_KNOWN);
	assert_int_equal(sent(stage, "\r\nAuthorization: "), with_user);
	assert_true(sent(stage, "\r\nHost: a.test:"));
}

static void
serve_all(struct loopback_peer *peer, const char *text)
{
	if (text[0] == 5 || text[0] == 1)
		serve_socks(peer, text);
	else
		send_answer(peer, text);
}

static void
test_nothing_of_a_former_way_is_left(UNUSED void **state)
{
	struct stage *stage = new_stage(serve_all, OK_JSON);
	struct seen seen = { 0 };
	struct route routes[WAY_COUNT];
	unsigned seed = 11;

	socks = (struct socks){ 0 };
	stage->server->any_bytes = true;
	take_proxy(stage, &routes[WAY_KNOWN], "http://me:secret@127.0.0.1:%u");
	take_proxy(stage, &routes[WAY_PROXY], "http://127.0.0.1:%u");
	take_pin(stage, &routes[WAY_PIN], "a.test", "127.0.0.1");
	take_proxy(stage, &routes[WAY_SOCKS], "socks5://127.0.0.1:%u");
	aim_at(stage, "http://a.test:%u/");
	for (int i = 0; i < 500; i++) {
		enum way way = draw(&seed, WAY_COUNT);
		bool with_user = draw(&seed, 2) == 1;

		stage->request.route = way != WAY_USUAL ? &routes[way] : NULL;
		stage->request.auth = with_user ? AUTH_BASIC : AUTH_NONE;
		stage->request.user = with_user ? xstrdup("u") : NULL;
		stage->request.reuse = draw(&seed, 4) != 0;
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		check_way(stage, way, with_user);
		free(stage->request.user);
		stage->request.user = NULL;
	}
	for (int i = WAY_KNOWN; i < WAY_COUNT; i++)
		route_clear(&routes[i]);
	forget(&seen);
	free_stage(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_socks_proxy_looks_the_name_up),
		cmocka_unit_test(test_a_socks_proxy_that_refuses_is_named),
		cmocka_unit_test(test_nothing_of_a_former_way_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
