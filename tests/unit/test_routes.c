#include "config_files.h"

#include "config/routes.h"
#include "http/route.h"

static void
test_a_service_that_says_nothing_goes_the_usual_way(UNUSED void **state)
{
	struct config *config = load_text("services: {a: http://a, b: http://b}\n");
	const struct route *route = &config->targets[0]->way.route;

	assert_null(route->ca);
	assert_null(route->cert);
	assert_null(route->key);
	assert_null(route->server_name);
	assert_null(route->unix_socket);
	assert_int_equal(route->min_version, TLS_1_2);
	assert_true(route->verify);
	assert_int_equal(route->proxy.kind, PROXY_NONE);
	assert_int_equal(route->ip, IP_ANY);
	assert_int_equal(route->pin_count, 0);
	assert_int_equal(route->http_version, HTTP_1_1);
	assert_false(route->compressed);
	assert_true(route_equal(route, &config->targets[1]->way.route));
	assert_int_not_equal(route->id, config->targets[1]->way.route.id);
	config_unref(config);
}

static void
test_each_key_is_taken_in(UNUSED void **state)
{
	const struct route *route;
	struct config *config;

	write_file("ca.pem", "x");
	write_file("cert.pem", "x");
	write_file("key.pem", "x");
	config = load_text(
	    "services:\n"
	    "  a:\n"
	    "    url: https://a\n"
	    "    tls: {ca: ca.pem, cert: ./cert.pem, key: key.pem, server_name: "
	    "Other.Example,\n"
	    "      min_version: 1.3, verify: no}\n"
	    "    proxy: socks5h://u:p%40ss@P:1081\n"
	    "    ip: 6\n"
	    "    resolve: {A.Example: 127.0.0.1, \"b:8080\": \"[::1]\"}\n"
	    "    http_version: 2-prior-knowledge\n"
	    "    compressed: on\n"
	    "  b: {url: http://a, unix_socket: run/sock}\n");
	route = &config->targets[0]->way.route;
	assert_string_equal(route->ca, "ca.pem");
	assert_string_equal(route->cert, "./cert.pem");
	assert_string_equal(route->key, "key.pem");
	assert_string_equal(route->server_name, "other.example");
	assert_int_equal(route->min_version, TLS_1_3);
	assert_false(route->verify);
	assert_int_equal(route->proxy.kind, PROXY_SOCKS5);
	assert_string_equal(route->proxy.host, "p");
	assert_int_equal(route->proxy.port, 1081);
	assert_string_equal(route->proxy.user, "u");
	assert_string_equal(route->proxy.password, "p@ss");
	assert_int_equal(route->ip, IP_V6);
	assert_int_equal(route->pin_count, 2);
	assert_string_equal(route->pins[0].host, "a.example");
	assert_int_equal(route->pins[0].port, 0);
	assert_string_equal(route->pins[0].address, "127.0.0.1");
	assert_string_equal(route->pins[1].host, "b");
	assert_int_equal(route->pins[1].port, 8080);
	assert_string_equal(route->pins[1].address, "::1");
	assert_int_equal(route->http_version, HTTP_2_PRIOR_KNOWLEDGE);
	assert_true(route->compressed);
	assert_string_equal(config->targets[1]->way.route.unix_socket, "run/sock");
	config_unref(config);
}

static void
test_files_start_in_the_folder_of_their_config_file(UNUSED void **state)
{
	struct config *config;
	char *path, *yaml;

	assert_int_equal(mkdir("main", 0755), 0);
	assert_int_equal(mkdir("main/sub", 0755), 0);
	write_file("main/ca.pem", "x");
	write_file("main/sub/ca.pem", "x");
	write_file("main/sub/cert.pem", "x");
	write_file("main/sub/inc.yaml",
	    "services: {b: {url: http://b, tls: {cert: cert.pem}}}\n"
	    "x-unused: 1\n");
	assert_true(asprintf(&yaml,
	                "include: sub/*.yaml\ndefaults: {tls: {ca: ca.pem}}\n"
	                "services: {a: http://a, c: {url: http://c, tls: {ca: "
	                "%s/main/sub/ca.pem}}}\n",
	                test_folder) > 0);
	write_file("main/c.yaml", yaml);
	config = load_good("main/c.yaml");
	assert_string_equal(config->targets[0]->way.route.ca, "main/ca.pem");
	assert_true(asprintf(&path, "%s/main/sub/ca.pem", test_folder) > 0);
	assert_string_equal(config->targets[1]->way.route.ca, path);
	assert_string_equal(config->targets[2]->way.route.ca, "main/ca.pem");
	assert_string_equal(config->targets[2]->way.route.cert, "main/sub/cert.pem");
	config_unref(config);
	free(path);
	free(yaml);
}

static void
test_what_leads_nowhere_is_told_at_its_text(UNUSED void **state)
{
	static const struct {
		const char *keys;
		const char *fault;
	} cases[] = {
		{ "tls: {ca: none.pem}",
		    "41: error: ca: none.pem cannot be read: No such file or directory" },
		{ "tls: {cert: .}",
		    "43: error: cert: . cannot be read: it is no regular file" },
		{ "tls: {key: c.yaml}",
		    "42: error: key: expected a cert that it belongs to" },
		{ "tls: {server_name: a b}",
		    "50: error: server_name: expected the name of a host" },
		{ "tls: {server_name: \"a:1\"}",
		    "50: error: server_name: expected the name of a host" },
		{ "tls: {min_version: 1.1}",
		    "50: error: min_version: expected 1.2 or 1.3" },
		{ "proxy: p:3128",
		    "38: error: proxy is no URL such as "
		    "http://proxy.example.com:3128: no http://, https://, "
		    "socks5:// or socks5h://" },
		{ "unix_socket: x, proxy: http://p",
		    "44: error: unix_socket beside proxy: expected only one" },
		{ "ip: 5", "35: error: ip: expected any, 4 or 6" },
		{ "resolve: {h: x}",
		    "44: error: resolve: h: expected an IPv4 or IPv6 address" },
		{ "resolve: {\"h:0x\": \"::1\"}",
		    "41: error: resolve: h:0x: expected the name of a host, or HOST:PORT" },
		{ "resolve: {H: 127.0.0.1, h: 127.0.0.2}",
		    "55: error: resolve: h is the same host as H" },
		{ "http_version: 3",
		    "45: error: http_version: expected 1.1, 2 or 2-prior-knowledge" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char yaml[256], expected[256];

		snprintf(yaml, sizeof(yaml), "services: {a: {url: http://a, %s}}\n",
		    cases[i].keys);
		snprintf(expected, sizeof(expected), "c.yaml:1:%s\n", cases[i].fault);
		write_file("c.yaml", yaml);
		assert_string_equal(faults_of("c.yaml"), expected);
	}
}

static void
test_a_socket_has_a_longest_path(UNUSED void **state)
{
	char yaml[256];

	snprintf(yaml, sizeof(yaml),
	    "services: {a: {url: http://a, unix_socket: /%0107d}}\n", 1);
	write_file("c.yaml", yaml);
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:1:44: error: unix_socket: a path of more than 107 bytes\n");
}

static void
test_secrets_in_paths_are_not_told(UNUSED void **state)
{
	write_file("c.yaml",
	    "services: {a: {url: http://a, tls: {ca: \"x-${GATHERD_TEST_KEY}\"}}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:1:41: error: ca: x-*** cannot be read: No such file or directory\n");
}

static void
test_hosts_and_addresses_of_pins(UNUSED void **state)
{
	static const char *const no_hosts[] = { "", ":80", "h:", "h:65536", "h:x",
		"u@h", "h/x", "h?x", "h#x", "1.2.3.4", "[::1]", "a b", "::1" };
	static const char *const no_addresses[] = { "", "h", "1.2.3", "1.2.3.4:5",
		"[1.2.3.4]", "[::1", "::1]", "fe80::1%lo", "0x7f.0.0.1" };
	unsigned port = 7;
	char *host = routes_pin_host("Bücher.example:443", &port);

	assert_string_equal(host, "xn--bcher-kva.example");
	assert_int_equal(port, 443);
	free(host);
	for (size_t i = 0; i < ARRAY_COUNT(no_hosts); i++)
		assert_null(routes_pin_host(no_hosts[i], NULL));
	for (size_t i = 0; i < ARRAY_COUNT(no_addresses); i++)
		assert_null(routes_pin_address(no_addresses[i]));
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_service_that_says_nothing_goes_the_usual_way),
		CASE(test_each_key_is_taken_in),
		CASE(test_files_start_in_the_folder_of_their_config_file),
		CASE(test_what_leads_nowhere_is_told_at_its_text),
		CASE(test_a_socket_has_a_longest_path),
		CASE(test_secrets_in_paths_are_not_told),
		CASE(test_hosts_and_addresses_of_pins),
	};

	setenv("GATHERD_TEST_KEY", "s3cr3t-k3y", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
