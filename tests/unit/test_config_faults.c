#include "config_files.h"

struct broken {
	const char *yaml;
	const char *faults; /* without the name of the file */
};

static const struct broken broken_configs[] = {
	{ "intervall: 5s\n",
	    "1:1: error: unknown key intervall (did you mean interval?)\n" },
	{ "colour: red\n",
	    "1:1: error: unknown key colour: expected one of interval, spread, align, timeout, connect_timeout, mode, publish_after, max_concurrent, max_per_host, rate_per_host, vars, include, defaults, output, listen, listen_public, metrics, log, services, providers, prompts\n" },
	{ "interval: 0\n",
	    "1:11: error: interval: expected a duration over 0 such as 2s or 500ms\n" },
	{ "interval: -1s\n",
	    "1:11: error: interval: expected a duration over 0 such as 2s or 500ms\n" },
	{ "interval: [5s]\n",
	    "1:11: error: interval: expected a duration over 0 such as 2s or 500ms, not a list\n" },
	{ "timeout: 5 s\n",
	    "1:10: error: timeout: expected a duration over 0 such as 2s or 500ms\n" },
	{ "connect_timeout: {a: b}\n",
	    "1:18: error: connect_timeout: expected a duration over 0 such as 2s or 500ms, not a map\n" },
	{ "max_concurrent: 0\n",
	    "1:17: error: max_concurrent: expected a whole number from 1 to 1000000\n" },
	{ "max_concurrent: 1e3\n",
	    "1:17: error: max_concurrent: expected a whole number from 1 to 1000000\n" },
	{ "max_concurrent: 010\n",
	    "1:17: error: max_concurrent: expected a whole number from 1 to 1000000\n" },
	{ "output: {permissions: 0888}\n",
	    "1:23: error: permissions: expected permissions in octal such as 0644\n" },
	{ "output: {max_size: 0}\n",
	    "1:20: error: max_size: expected a size over 0 such as 64KiB or 1MB\n" },
	{ "output: {sync: maybe}\n", "1:16: error: sync: expected true or false\n" },
	{ "output: /tmp/x\n", "1:9: error: output: expected a map of keys\n" },
	{ "output: {path: x}\n",
	    "1:10: error: unknown key path: expected one of file, metrics, page, permissions, max_size, sync\n" },
	{ "log: {level: verbose}\n",
	    "1:14: error: level: expected error, warn, info or debug\n" },
	{ "log: {level: warning}\n",
	    "1:14: error: level: expected error, warn, info or debug (did you mean warn?)\n" },
	{ "log: {format: josn}\n",
	    "1:15: error: format: expected auto, text or json (did you mean json?)\n" },
	{ "log: [info]\n", "1:6: error: log: expected a map of keys\n" },
	{ "vars: [a]\n", "1:7: error: vars: expected a map\n" },
	{ "vars: {now: 1, services: 2, status: 3}\n",
	    "1:8: error: vars: now: this name means something else in templates\n"
	    "1:16: error: vars: services: this name means something else in templates\n"
	    "1:29: error: vars: status: this name means something else in templates\n" },
	{ "vars: {1st: x, a b: y}\n",
	    "1:8: error: vars: 1st: a name begins with a letter or _\n"
	    "1:16: error: vars: a b: a name holds only letters, digits, _ and -\n" },
	{ "vars: {key: \"${GATHERD_TEST_UNSET}\"}\n"
	  "services: {a: \"http://x/{{key}}\"}\n",
	    "1:13: error: GATHERD_TEST_UNSET is not set\n" },
	{ "services: [http://a]\n", "1:11: error: services: expected a map\n" },
	{ "services: {a: [http://a]}\n",
	    "1:15: error: a: expected a URL or a map of keys\n" },
	{ "services: {a: }\n", "1:12: error: a: url is missing\n" },
	{ "services: {a: {timeout: 5s}}\n", "1:12: error: a: url is missing\n" },
	{ "services: {a: example.com}\n",
	    "1:15: error: url is no absolute http(s) URL: it does not begin with http:// or https://\n" },
	{ "services: {a: ftp://example.com/}\n",
	    "1:15: error: url is no absolute http(s) URL: its scheme is neither http nor https\n" },
	{ "services: {a: \"http:///x\"}\n",
	    "1:15: error: url is no absolute http(s) URL: no host\n" },
	{ "services: {a: \"http://a b/\"}\n",
	    "1:15: error: url is no absolute http(s) URL: a blank in it\n" },
	{ "services: {a: {url: http://a, tiemout: 5s}}\n",
	    "1:31: error: unknown key tiemout (did you mean timeout?)\n" },
	{ "services: {a: {url: http://a, timeout: soon}}\n",
	    "1:40: error: timeout: expected a duration over 0 such as 2s or 500ms\n" },
	{ "services: {a: {url: http://a, deadline: 0s}}\n",
	    "1:41: error: deadline: expected a duration over 0 such as 2s or 500ms\n" },
	{ "services: {a: {url: http://a, max_depth: 0}}\n",
	    "1:42: error: max_depth: expected a whole number from 1 to 1000\n" },
	{ "services: {a: {url: http://a, max_depth: 1001}}\n",
	    "1:42: error: max_depth: expected a whole number from 1 to 1000\n" },
	{ "services: {a: {url: http://a, redirects: 51}}\n",
	    "1:42: error: redirects: expected a whole number from 0 to 50\n" },
	{ "services: {a: {url: http://a, redirects: -1}}\n",
	    "1:42: error: redirects: expected a whole number from 0 to 50\n" },
	{ "services: {a: {url: http://a, max_body: 0}}\n",
	    "1:41: error: max_body: expected a size over 0 such as 64KiB or 1MB\n" },
	{ "services: {a: {url: http://a, max_body: 1 MiB}}\n",
	    "1:41: error: max_body: expected a size over 0 such as 64KiB or 1MB\n" },
	{ "services: {a: {url: http://a, max_body: 9223372036854775808}}\n",
	    "1:41: error: max_body: expected a size over 0 such as 64KiB or 1MB\n" },
	{ "services: {a: {url: http://a, format: jsn}}\n",
	    "1:39: error: format: expected auto, json, text or none (did you mean json?)\n" },
	{ "services: {a: {url: http://a, data: 1}}\n",
	    "1:37: error: data: expected true or false\n" },
	{ "services: {a: {url: http://a, enabled: Yes}}\n",
	    "1:40: error: enabled: expected true or false\n" },
	{ "services: {a: {url: http://a, headers: [X]}}\n",
	    "1:40: error: headers: expected a map of names and texts\n" },
	{ "services: {a: {url: http://a, headers: {X Y: a, \"\": b}}}\n",
	    "1:41: error: headers: \"X Y\" is no header's name: expected letters, digits and !#$%&'*+.^_`|~-\n"
	    "1:49: error: headers: \"\" is no header's name: expected letters, digits and !#$%&'*+.^_`|~-\n" },
	{ "services: {a: {url: http://a, headers: {X-A: \"a\\nb\"}}}\n",
	    "1:46: error: headers: X-A: a line break in the value\n" },
	{ "services: {a: {url: http://a, headers: {X-A: a, x-a: b}}}\n",
	    "1:49: error: headers: x-a is the same header as X-A\n" },
	{ "services: {a: {url: http://a, headers: {X-A: {b: c}}}}\n",
	    "1:46: error: headers: expected text, not a map\n" },
	{ "services: {a: {url: http://a, labels: x}}\n",
	    "1:39: error: labels: expected a map of names and texts\n" },
	{ "services: {a: {url: http://a, group: [x]}}\n",
	    "1:38: error: group: expected text, not a list\n" },
	{ "services: {\"\": http://a, \"a\\tb\": http://b}\n",
	    "1:12: error: services: a service needs a name\n"
	    "1:26: error: services: a control character in the name of a service\n" },
	{ "services: {a: http://a, a: http://b}\n",
	    "1:25: error: doubled key \"a\": it stands on line 1 already\n" },
	{ "services: {a: \"http://a/{{user_idd}}\"}\n"
	  "vars: {user_id: 1}\n",
	    "1:15: error: url: unknown name user_idd (did you mean user_id?)\n" },
	{ "services: {a: \"http://a/{{user_id\"}\n",
	    "1:15: error: url: \"{{\" is not closed\n" },
	{ "services: {a: \"http://a/{{#x}}\"}\n",
	    "1:15: error: url: the section \"x\" is not closed\n" },
	{ "services: {a: \"http://a/{{l}}{{m}}{{n}}\"}\n"
	  "vars: {l: [], m: {}, n: null}\n",
	    "1:15: error: url: l is a list: expected text or a number\n"
	    "1:15: error: url: m is a map: expected text or a number\n"
	    "1:15: error: url: n is null: expected text or a number\n" },
	{ "services: {a: \"http://a/{{services.b.values.x}}\"}\n",
	    "1:15: error: url: no service is called b\n" },
	{ "services: {a: \"http://{{now}}.example.com/\"}\n",
	    "1:15: error: url: scheme, host and port cannot come from {{now}} or from services\n" },
	{ "services: {a: {url: http://a, headers: {X-A: \"{{nope}}\"}}}\n",
	    "1:46: error: headers: X-A: unknown name nope\n" },
	{ "services: {a: {url: \"http://a/${GATHERD_TEST_UNSET:?give one}\"}}\n",
	    "1:21: error: GATHERD_TEST_UNSET: give one\n" },
	{ "timeout: ${GATHERD_TEST_WORD}\n",
	    "1:10: error: timeout: expected a duration over 0 such as 2s or 500ms, which the value put in is not\n" },
	{ "log: {level: \"${GATHERD_TEST_WORD}\"}\n",
	    "1:14: error: level: expected error, warn, info or debug, which the value put in is not\n" },
	{ "defaults: {url: http://a}\n",
	    "1:12: error: defaults: each service has its own url\n" },
	{ "defaults: {tiemout: 1s, format: xml, headers: {X-A: \"{{nope}}\"}}\n"
	  "services: {a: http://a, b: http://b}\n",
	    "1:12: error: unknown key tiemout (did you mean timeout?)\n"
	    "1:33: error: format: expected auto, json, text or none\n"
	    "1:53: error: headers: X-A: unknown name nope\n" },
	{ "defaults: 5\n", "1:11: error: defaults: expected a map\n" },
	{ "include: {a: b}\n",
	    "1:10: error: include: expected a name or a list of names\n" },
	{ "include: nothing.yaml\n",
	    "1:10: error: include: nothing.yaml cannot be read: No such file or directory\n" },
	{ "include: [nothing-*.yaml]\n"
	  "services: {a: nowhere}\n",
	    "2:15: error: url is no absolute http(s) URL: it does not begin with http:// or https://\n" },
	{ "include: c.yaml\n", "1:10: error: include: c.yaml is this file itself\n" },
	{ "include: \"*.yaml\"\n",
	    "1:10: error: include: c.yaml is this file itself\n" },
	{ "include: \"${GATHERD_TEST_WORD}\"\n",
	    "1:10: error: include: names are no secrets: expected ${plain:NAME}\n" },
	{ "retries: 3\n"
	  "services: {a: {url: http://a, provider: x, oauth2: {}, bearer: x}}\n",
	    "1:1: error: unknown key retries: it stands in defaults\n"
	    "2:31: error: unknown key provider\n"
	    "2:44: error: unknown key oauth2 (did you mean auth?)\n"
	    "2:56: error: unknown key bearer\n" },
	{ "- a\n", "1:1: error: expected a map of keys and values\n" },
	{ "interval: !!str 5s\n",
	    "1:11: error: tags (tag:yaml.org,2002:str) are not taken: each key has its own type\n" },
	{ "interval: 0\n"
	  "timeout: 0\n"
	  "services:\n"
	  "  b: {url: http://, foo: 1}\n"
	  "  a: {timeout: x}\n"
	  "log: {level: loud}\n",
	    "1:11: error: interval: expected a duration over 0 such as 2s or 500ms\n"
	    "2:10: error: timeout: expected a duration over 0 such as 2s or 500ms\n"
	    "4:12: error: url is no absolute http(s) URL: no host\n"
	    "4:21: error: unknown key foo\n"
	    "5:3: error: a: url is missing\n"
	    "5:16: error: timeout: expected a duration over 0 such as 2s or 500ms\n"
	    "6:14: error: level: expected error, warn, info or debug\n" },
	{ "services:\n"
	  "  \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\": http://a\n",
	    "2:3: error: services: the name of a service has at most 128 bytes\n" },
	{ "services: {a: {url: \"http://${GATHERD_TEST_WORD} x/\"}}\n",
	    "1:21: error: url is no absolute http(s) URL: a blank in it\n" },
	{ "services: {a: {url: http://a, headers: {X-A: \"{{n}}\", X-B: \"{{/x}}\"}}}\n"
	  "vars: {n: [1]}\n",
	    "1:46: error: headers: X-A: n is a list: expected text or a number\n"
	    "1:60: error: headers: X-B: \"/x\" ends no section\n" },
	{ "services: {a: \"http://a:99999/\"}\n",
	    "1:15: error: url is no absolute http(s) URL: the port is no number from 1 to 65535\n" },
	{ "services: {a: {url: [http://a]}}\n",
	    "1:21: error: url: expected text, not a list\n" },
	{ "services: {a: \"{{{base}}}/x\"}\n"
	  "vars: {base: example.com}\n",
	    "1:15: error: url is no absolute http(s) URL: it does not begin with http:// or https://\n" },
};

static void
test_each_broken_config_is_told_with_its_places(UNUSED void **state)
{
	struct buffer expected;

	buffer_init(&expected, BUFFER_UNLIMITED);
	for (size_t i = 0; i < ARRAY_COUNT(broken_configs); i++) {
		const char *line = broken_configs[i].faults;

		buffer_reset(&expected);
		while (*line != '\0') {
			size_t len = strcspn(line, "\n") + 1;

			buffer_append_string(&expected, "c.yaml:");
			buffer_append(&expected, line, len);
			line += len;
		}
		write_file("c.yaml", broken_configs[i].yaml);
		assert_string_equal(faults_of("c.yaml"), expected.data);
	}
	buffer_clear(&expected);
}

static void
test_a_file_that_is_not_there_is_told_at_its_start(UNUSED void **state)
{
	const char *lines = faults_of("missing.yaml");

	assert_ptr_equal(strstr(lines, "missing.yaml:1:1: error: "), lines);
}

static void
test_no_fault_tells_a_value_from_outside(UNUSED void **state)
{
	write_file("c.yaml",
	    "timeout: ${GATHERD_TEST_WORD}\n"
	    "log: {level: \"${GATHERD_TEST_WORD}\"}\n"
	    "services:\n"
	    "  a: \"${GATHERD_TEST_WORD}\"\n"
	    "  b: {url: \"http://${GATHERD_TEST_WORD} /\", format: "
	    "\"${GATHERD_TEST_WORD}\"}\n"
	    "  c: {url: http://c, headers: {X: \"${GATHERD_TEST_WORD}\\n\"}}\n");
	assert_null(strstr(faults_of("c.yaml"), "pa55word"));
}

/* Neither of another text of the same service nor of a variable it does not name. */
static void
test_no_fault_hides_another(UNUSED void **state)
{
	write_file("c.yaml",
	    "vars: {bad: {a: \"${GATHERD_TEST_UNSET}\"}, l: [{m: {z: 1}}]}\n"
	    "services:\n"
	    "  a:\n"
	    "    url: ftp://a\n"
	    "    headers:\n"
	    "      A: \"${GATHERD_TEST_UNSET}\"\n"
	    "      B: \"{{nope}}\"\n"
	    "      C: \"{{#l}}{{m}}{{/l}}\"\n"
	    "      D: \"{{#l}}{{m}}{{/l}}\"\n"
	    "  b: \"ftp://b\"\n"
	    "  c: \"http://c/{{bad.a}}\"\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:1:17: error: GATHERD_TEST_UNSET is not set\n"
	    "c.yaml:4:10: error: url is no absolute http(s) URL: its scheme is neither http nor https\n"
	    "c.yaml:6:10: error: GATHERD_TEST_UNSET is not set\n"
	    "c.yaml:7:10: error: headers: B: unknown name nope\n"
	    "c.yaml:8:10: error: header C: m is neither text nor a number\n"
	    "c.yaml:9:10: error: header D: m is neither text nor a number\n"
	    "c.yaml:10:6: error: url is no absolute http(s) URL: its scheme is neither http nor https\n");
}

static void
test_a_map_of_texts_has_a_bound(UNUSED void **state)
{
	struct buffer yaml;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_string(&yaml, "defaults:\n  labels:\n");
	for (int i = 0; i < 257; i++)
		buffer_append_format(&yaml, "    l%d: x\n", i);
	write_file("c.yaml", yaml.data);
	assert_string_equal(
	    faults_of("c.yaml"), "c.yaml:3:5: error: labels: more than 256 entries\n");
	buffer_clear(&yaml);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_each_broken_config_is_told_with_its_places),
		CASE(test_a_file_that_is_not_there_is_told_at_its_start),
		CASE(test_no_fault_tells_a_value_from_outside),
		CASE(test_no_fault_hides_another),
		CASE(test_a_map_of_texts_has_a_bound),
	};

	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	unsetenv("GATHERD_TEST_UNSET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
