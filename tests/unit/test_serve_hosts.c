#include "serve/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

#define MACHINE "web1.example"

static void
test_names_and_addresses_of_this_machine_are_ours(UNUSED void **state)
{
	static const char *const ours[] = { "localhost", "localhost:8787",
		"LOCALHOST:1", "localhost.", "localhost.:80",
		"localhost:", "app.localhost", "A.b.LocalHost:3", "127.0.0.1",
		"127.0.0.1:8787", "127.1.2.3", "192.168.1.7:80", "0.0.0.0", "[::1]",
		"[::1]:8787", "[::]", "[2001:DB8::1]:80", "[::ffff:127.0.0.1]",
		"[::1]:", "web1.example", "WEB1.Example:8787", "web1.example." };

	for (size_t i = 0; i < ARRAY_COUNT(ours); i++)
		if (!hosts_is_ours(ours[i], MACHINE))
			fail_msg("\"%s\" is not", ours[i]);
}

static void
test_all_others_are_not(UNUSED void **state)
{
	static const char *const others[] = { "", ".", "..", ":", ":80", "evil.example",
		"evil.example:8787", "localhost.evil.example", "evillocalhost",
		".localhost", "localhost..", "web1", "web1.example.evil",
		"xweb1.example", "web1.example..", "127.0.0.1.",
		"127.0.0.1.evil.example", "2130706433", "127.1", "0177.0.0.1", "::1",
		"[::1", "[::1]x", "[::1].", "[]", "[]:80", "[fe80::1%lo]",
		"[127.0.0.1]", "[localhost]", "localhost:80:80", "localhost:x",
		"localhost:80 ", " localhost", "user@localhost",
		"localhost:8787@evil.example", "localhost/", "localhost,evil.example" };

	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		if (hosts_is_ours(others[i], MACHINE))
			fail_msg("\"%s\" is", others[i]);
}

static void
test_a_name_as_long_as_none_is_not(UNUSED void **state)
{
	char name[2048];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_false(hosts_is_ours(name, MACHINE));
	assert_false(hosts_is_ours(name, name));
}

static void
test_a_machine_without_a_name_has_none(UNUSED void **state)
{
	assert_false(hosts_is_ours("", ""));
	assert_false(hosts_is_ours(".", ""));
	assert_false(hosts_is_ours("web1", ""));
	assert_true(hosts_is_ours("localhost", ""));
	assert_true(hosts_is_ours("web1", "WEB1."));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_addresses_of_this_machine_are_ours),
		cmocka_unit_test(test_all_others_are_not),
		cmocka_unit_test(test_a_name_as_long_as_none_is_not),
		cmocka_unit_test(test_a_machine_without_a_name_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
