#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "config/listen.h"

static struct listen_address
parse(const char *text)
{
	struct listen_address address;
	char *fault = NULL;

	memset(&address, 0xff, sizeof(address));
	if (!listen_parse(text, &address, &fault))
		fail_msg("%s: %s", text, fault);
	assert_null(fault);
	return address;
}

/* "127.0.0.1 8787", "::1%2 8787": what a socket of ADDRESS would be bound to. */
static const char *
shown(const struct listen_address *address)
{
	static char text[128];
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->socket;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address->socket;
	char host[INET6_ADDRSTRLEN];

	assert_int_equal(address->kind, LISTEN_TCP);
	if (address->socket.ss_family == AF_INET) {
		assert_int_equal(address->socket_len, sizeof(*ipv4));
		assert_non_null(
		    inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof(host)));
		snprintf(text, sizeof(text), "%s %d", host, ntohs(ipv4->sin_port));
		return text;
	}
	assert_int_equal(address->socket.ss_family, AF_INET6);
	assert_int_equal(address->socket_len, sizeof(*ipv6));
	assert_non_null(inet_ntop(AF_INET6, &ipv6->sin6_addr, host, sizeof(host)));
	snprintf(text, sizeof(text), "%s%%%u %d", host, ipv6->sin6_scope_id,
	    ntohs(ipv6->sin6_port));
	return text;
}

static const char *
parse_and_show(const char *text)
{
	struct listen_address address = parse(text);

	return shown(&address);
}

static void
test_addresses_have_a_port(UNUSED void **state)
{
	assert_string_equal(parse_and_show("127.0.0.1:8787"), "127.0.0.1 8787");
	assert_string_equal(parse_and_show("192.0.2.7:1"), "192.0.2.7 1");
	assert_string_equal(parse_and_show("0.0.0.0:65535"), "0.0.0.0 65535");
	assert_string_equal(parse_and_show("[::1]:8787"), "::1%0 8787");
	assert_string_equal(parse_and_show("[::]:80"), "::%0 80");
	assert_string_equal(parse_and_show("[2001:DB8::7]:80"), "2001:db8::7%0 80");
}

static void
test_localhost_is_an_address_without_a_lookup(UNUSED void **state)
{
	assert_string_equal(parse_and_show("localhost:80"), "127.0.0.1 80");
	assert_string_equal(parse_and_show("LocalHost:80"), "127.0.0.1 80");
}

static void
test_ipv4_in_ipv6_is_ipv4(UNUSED void **state)
{
	assert_string_equal(parse_and_show("[::ffff:127.0.0.1]:80"), "127.0.0.1 80");
}

static void
test_a_zone_is_an_interface(UNUSED void **state)
{
	char text[IF_NAMESIZE + 32];
	char expected[64];
	char name[IF_NAMESIZE];

	/* The loopback's: what it is called differs between systems. */
	assert_non_null(if_indextoname(1, name));
	snprintf(text, sizeof(text), "[fe80::1%%%s]:80", name);
	snprintf(expected, sizeof(expected), "fe80::1%%1 80");
	assert_string_equal(parse_and_show(text), expected);
}

static void
test_a_unix_socket_has_a_path(UNUSED void **state)
{
	struct listen_address address = parse("unix:/run/gatherd/http.sock");
	const struct sockaddr_un *socket = (const struct sockaddr_un *)&address.socket;

	assert_int_equal(address.kind, LISTEN_UNIX);
	assert_int_equal(socket->sun_family, AF_UNIX);
	assert_string_equal(listen_path(&address), "/run/gatherd/http.sock");
	assert_int_equal(address.socket_len,
	    offsetof(struct sockaddr_un, sun_path) + sizeof("/run/gatherd/http.sock"));
}

static void
test_a_path_may_be_as_long_as_the_kernel_takes(UNUSED void **state)
{
	struct listen_address address;
	char text[5 + 108 + 1] = "unix:/";
	char *fault = NULL;

	memset(text + 6, 'a', 106);
	address = parse(text);
	assert_int_equal(strlen(listen_path(&address)), 107);
	assert_int_equal(address.socket_len, sizeof(struct sockaddr_un));
	memset(text + 6, 'a', 107);
	assert_false(listen_parse(text, &address, &fault));
	assert_string_equal(fault, "the path of a Unix socket has at most 107 bytes");
	free(fault);
}

static void
assert_fault(const char *text, const char *expected)
{
	struct listen_address address = { .kind = LISTEN_NONE };
	char *fault = NULL;

	if (listen_parse(text, &address, &fault))
		fail_msg("taken: %s", text);
	assert_string_equal(fault, expected);
	/* Written on success only. */
	assert_int_equal(address.kind, LISTEN_NONE);
	assert_int_equal(address.socket_len, 0);
	free(fault);
}

static void
test_what_is_no_address_is_told_what_was_expected(UNUSED void **state)
{
	static const char *const texts[] = { "", "8787", "127.0.0.1", "yes",
		"example.com:80", "127.1:80", "127.0.0.1.:80", "127.0.0.256:80",
		"0x7f.0.0.1:80", " 127.0.0.1:80", "127.0.0.1 :80",
		"http://127.0.0.1:8787", "http://x", "[127.0.0.1]:80", "[]:80",
		"[::1:80", "[::1]", "[:80", "[::1] :80", "[[::1]]:80", "[::g]:80",
		"/run/http.sock", "unix", "unix :/x", "UNIX:/x:80" };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		assert_fault(texts[i],
		    "expected an address and a port such as 127.0.0.1:8787 or "
		    "\"[::1]:8787\", or unix: and a path such as "
		    "unix:/run/gatherd/http.sock");
}

static void
test_what_is_nearly_an_address_is_told_what_it_lacks(UNUSED void **state)
{
	static const char *const ports[] = { "127.0.0.1:", "127.0.0.1:0",
		"127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 80",
		"127.0.0.1:80 ", "127.0.0.1:080", "127.0.0.1:http", "[::1]:99999",
		"127.0.0.1:8787/" };
	static const char *const paths[] = { "unix:", "unix:http.sock", "unix:@name",
		"unix:./x", "unix:/", "unix:/run/" };

	for (size_t i = 0; i < ARRAY_COUNT(ports); i++)
		assert_fault(
		    ports[i], "expected a port from 1 to 65535 behind the address");
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
		assert_fault(
		    paths[i], "expected the absolute path of a socket behind unix:");
	assert_fault("::1:80", "an IPv6 address stands in brackets: \"[::1]:8787\"");
	assert_fault(":80", "all addresses of this machine are 0.0.0.0 or [::]");
	assert_fault("*:80", "all addresses of this machine are 0.0.0.0 or [::]");
	assert_fault(
	    "[fe80::1%no-such-link]:80", "no network interface has the name behind %");
	assert_fault("[fe80::1%]:80", "no network interface has the name behind %");
}

static bool
is_local(const char *text)
{
	struct listen_address address = parse(text);

	return listen_is_local(&address);
}

static void
test_the_loopback_and_unix_sockets_are_local(UNUSED void **state)
{
	static const char *const local[] = { "127.0.0.1:80", "127.255.255.255:80",
		"localhost:80", "[::1]:80", "[0:0:0:0:0:0:0:1]:80",
		"[::ffff:127.0.0.2]:80", "unix:/x" };
	static const char *const public[] = { "0.0.0.0:80", "128.0.0.1:80",
		"126.255.255.255:80", "10.0.0.1:80", "[::]:80", "[::2]:80",
		"[::ffff:10.0.0.1]:80", "[::127.0.0.1]:80", "[fe80::1]:80" };
	struct listen_address none = { .kind = LISTEN_NONE };

	for (size_t i = 0; i < ARRAY_COUNT(local); i++)
		assert_true(is_local(local[i]));
	for (size_t i = 0; i < ARRAY_COUNT(public); i++)
		assert_false(is_local(public[i]));
	assert_true(listen_is_local(&none));
}

static bool
are_equal(const char *a, const char *b)
{
	struct listen_address first = parse(a);
	struct listen_address second = parse(b);

	return listen_equal(&first, &second);
}

static void
test_equal_is_what_is_bound_alike(UNUSED void **state)
{
	struct listen_address none = { .kind = LISTEN_NONE };
	struct listen_address address = parse("127.0.0.1:80");

	assert_true(are_equal("localhost:80", "127.0.0.1:80"));
	assert_true(are_equal("[::1]:80", "[0::1]:80"));
	assert_true(are_equal("unix:/x", "unix:/x"));
	assert_false(are_equal("127.0.0.1:80", "127.0.0.1:81"));
	assert_false(are_equal("127.0.0.1:80", "127.0.0.2:80"));
	assert_false(are_equal("127.0.0.1:80", "[::1]:80"));
	assert_false(are_equal("unix:/x", "unix:/y"));
	assert_false(are_equal("unix:/x", "unix:/xy"));
	assert_true(listen_equal(&none, &none));
	assert_false(listen_equal(&none, &address));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_have_a_port),
		cmocka_unit_test(test_localhost_is_an_address_without_a_lookup),
		cmocka_unit_test(test_ipv4_in_ipv6_is_ipv4),
		cmocka_unit_test(test_a_zone_is_an_interface),
		cmocka_unit_test(test_a_unix_socket_has_a_path),
		cmocka_unit_test(test_a_path_may_be_as_long_as_the_kernel_takes),
		cmocka_unit_test(test_what_is_no_address_is_told_what_was_expected),
		cmocka_unit_test(test_what_is_nearly_an_address_is_told_what_it_lacks),
		cmocka_unit_test(test_the_loopback_and_unix_sockets_are_local),
		cmocka_unit_test(test_equal_is_what_is_bound_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
