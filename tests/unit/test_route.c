#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"

/* ---- Proxies ---- */

static void
test_a_proxy_is_taken_apart(UNUSED void **state)
{
	static const struct {
		const char *text, *shown, *host;
		enum proxy_kind kind;
		unsigned port;
		bool host_is_address;
		const char *user, *password;
	} cases[] = {
		{ "http://proxy:3128", "http://proxy:3128", "proxy", PROXY_HTTP, 3128,
		    false, NULL, NULL },
		{ "HTTP://Proxy.Test:80/", "http://proxy.test:80", "proxy.test",
		    PROXY_HTTP, 80, false, NULL, NULL },
		{ "http://proxy", "http://proxy:1080", "proxy", PROXY_HTTP, 1080, false,
		    NULL, NULL },
		{ "https://proxy", "https://proxy:443", "proxy", PROXY_HTTPS, 443,
		    false, NULL, NULL },
		{ "https://proxy:80", "https://proxy:80", "proxy", PROXY_HTTPS, 80,
		    false, NULL, NULL },
		{ "socks5://10.0.0.1", "socks5://10.0.0.1:1080", "10.0.0.1",
		    PROXY_SOCKS5, 1080, true, NULL, NULL },
		{ "socks5h://[::1]:80", "socks5h://[::1]:80", "::1", PROXY_SOCKS5, 80,
		    true, NULL, NULL },
		{ "http://[2001:db8::1]", "http://[2001:db8::1]:1080", "2001:db8::1",
		    PROXY_HTTP, 1080, true, NULL, NULL },
		{ "http://me:p%40ss@proxy:8080", "http://proxy:8080", "proxy",
		    PROXY_HTTP, 8080, false, "me", "p@ss" },
		{ "http://me:80@proxy", "http://proxy:1080", "proxy", PROXY_HTTP, 1080,
		    false, "me", "80" },
		{ "socks5://me@proxy:1", "socks5://proxy:1", "proxy", PROXY_SOCKS5, 1,
		    false, "me", NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct proxy proxy;
		const char *why;

		assert_true(proxy_parse(cases[i].text, &proxy, &why));
		assert_string_equal(proxy.text, cases[i].shown);
		assert_string_equal(proxy.host, cases[i].host);
		assert_int_equal(proxy.kind, cases[i].kind);
		assert_int_equal(proxy.port, cases[i].port);
		assert_int_equal(proxy.host_is_address, cases[i].host_is_address);
		if (cases[i].user != NULL)
			assert_string_equal(proxy.user, cases[i].user);
		else
			assert_null(proxy.user);
		if (cases[i].password != NULL)
			assert_string_equal(proxy.password, cases[i].password);
		else
			assert_null(proxy.password);
		proxy_clear(&proxy);
		assert_int_equal(proxy.kind, PROXY_NONE);
	}
}

static void
test_what_is_no_proxy_says_why(UNUSED void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "no http://, https://, socks5:// or socks5h://" },
		{ "proxy:3128", "no http://, https://, socks5:// or socks5h://" },
		{ "socks4://proxy", "no http://, https://, socks5:// or socks5h://" },
		{ "http://proxy:3128/path", "a path or query behind the host" },
		{ "http://proxy:3128?query", "a path or query behind the host" },
	};
	static const char *const others[] = { "http://", "http://proxy:0x1",
		"http://proxy:99999", "http://a b", "http://[::1", "socks5://:1080" };
	struct proxy proxy;
	const char *why;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_false(proxy_parse(cases[i].text, &proxy, &why));
		assert_string_equal(why, cases[i].why);
	}
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		why = NULL;
		assert_false(proxy_parse(others[i], &proxy, &why));
		assert_non_null(why);
	}
}

static void
test_socks5_has_room_for_255_bytes_of_a_password(UNUSED void **state)
{
	static const struct {
		const char *scheme;
		int len;
		bool fits;
	} cases[] = {
		{ "socks5", 255, true },
		{ "socks5", 256, false },
		{ "http", 256, true },
	};
	char password[257];

	memset(password, 'x', sizeof(password));
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *text = xasprintf(
		    "%s://me:%.*s@proxy", cases[i].scheme, cases[i].len, password);
		struct proxy proxy;
		const char *why = NULL;

		assert_int_equal(proxy_parse(text, &proxy, &why), cases[i].fits);
		free(text);
		if (cases[i].fits)
			proxy_clear(&proxy);
		else
			assert_string_equal(
			    why, "a user or password of more than 255 bytes");
	}
}

/* ---- Pins ---- */

static void
pin(struct route *route, const char *host, unsigned port, const char *address)
{
	size_t count = route->pin_count + 1;

	route->pins = xreallocarray(route->pins, count, sizeof(*route->pins));
	route->pins[count - 1] = (struct route_pin){
		.host = xstrdup(host),
		.port = port,
		.address = xstrdup(address),
	};
	route->pin_count = count;
}

static void
test_a_pin_of_the_port_comes_before_one_of_any(UNUSED void **state)
{
	struct route route;

	assert_null(route_find_pin(NULL, "a.test", 80));
	route_init(&route);
	assert_null(route_find_pin(&route, "a.test", 80));
	pin(&route, "a.test", 0, "10.0.0.1");
	pin(&route, "a.test", 443, "10.0.0.2");
	pin(&route, "b.test", 80, "::1");
	assert_string_equal(route_find_pin(&route, "a.test", 80), "10.0.0.1");
	assert_string_equal(route_find_pin(&route, "a.test", 443), "10.0.0.2");
	assert_string_equal(route_find_pin(&route, "b.test", 80), "::1");
	assert_null(route_find_pin(&route, "b.test", 81));
	assert_null(route_find_pin(&route, "c.test", 80));
	route_clear(&route);
}

/* ---- Equality ---- */

static void
set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

/* Each makes a route another one. */
static void
set_ca(struct route *route)
{
	set_text(&route->ca, "/ca");
}

static void
set_cert(struct route *route)
{
	set_text(&route->cert, "/cert");
}

static void
set_key(struct route *route)
{
	set_text(&route->key, "/key");
}

static void
set_server_name(struct route *route)
{
	set_text(&route->server_name, "a.test");
}

static void
set_min_version(struct route *route)
{
	route->min_version = TLS_1_3;
}

static void
set_verify(struct route *route)
{
	route->verify = false;
}

static void
set_proxy(struct route *route, const char *text)
{
	const char *why;

	assert_true(proxy_parse(text, &route->proxy, &why));
}

static void
set_plain_proxy(struct route *route)
{
	set_proxy(route, "http://proxy:1");
}

static void
set_other_proxy(struct route *route)
{
	set_proxy(route, "socks5://proxy:1");
}

static void
set_known_proxy(struct route *route)
{
	set_proxy(route, "http://me:secret@proxy:1");
}

static void
set_ip(struct route *route)
{
	route->ip = IP_V6;
}

static void
set_socket(struct route *route)
{
	set_text(&route->unix_socket, "/socket");
}

static void
set_pin(struct route *route)
{
	pin(route, "a.test", 80, "10.0.0.1");
}

static void
set_other_pin(struct route *route)
{
	pin(route, "a.test", 80, "10.0.0.2");
}

static void
set_http_version(struct route *route)
{
	route->http_version = HTTP_2;
}

static void
set_compressed(struct route *route)
{
	route->compressed = true;
}

static void
test_routes_are_equal_where_they_lead_the_same_way(UNUSED void **state)
{
	static void (*const changes[])(struct route *) = { set_ca, set_cert, set_key,
		set_server_name, set_min_version, set_verify, set_plain_proxy,
		set_other_proxy, set_known_proxy, set_ip, set_socket, set_pin,
		set_other_pin, set_http_version, set_compressed };
	struct route usual;

	route_init(&usual);
	assert_true(usual.verify);
	for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
		struct route changed;

		route_init(&changed);
		assert_true(route_equal(&usual, &changed));
		changes[i](&changed);
		assert_false(route_equal(&usual, &changed));
		assert_false(route_equal(&changed, &usual));
		for (size_t j = 0; j < ARRAY_COUNT(changes); j++) {
			struct route other;

			route_init(&other);
			assert_int_not_equal(other.id, changed.id);
			changes[j](&other);
			assert_int_equal(route_equal(&changed, &other), i == j);
			route_clear(&other);
		}
		route_clear(&changed);
	}
	route_clear(&usual);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_proxy_is_taken_apart),
		cmocka_unit_test(test_what_is_no_proxy_says_why),
		cmocka_unit_test(test_socks5_has_room_for_255_bytes_of_a_password),
		cmocka_unit_test(test_a_pin_of_the_port_comes_before_one_of_any),
		cmocka_unit_test(test_routes_are_equal_where_they_lead_the_same_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
