#include "config_files.h"

#include <time.h>

#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/print.h"
#include "config/render.h"
#include "config/value.h"

/* All targets with their URLs: "a=http://a/ b=... ". */
static void
assert_targets(const char *yaml, const char *expected)
{
	struct config *config = load_text(yaml);
	struct buffer told;

	buffer_init(&told, BUFFER_UNLIMITED);
	for (size_t i = 0; i < config->target_count; i++) {
		const struct target *target = config->targets[i];

		assert_non_null(target->rendered);
		assert_ptr_equal(config_find(config, target->name), target);
		buffer_append_format(
		    &told, "%s=%s ", target->name, target->rendered->shown_url);
	}
	assert_string_equal(told.data, expected);
	buffer_clear(&told);
	config_unref(config);
}

static void
assert_faults(const char *yaml, const char *expected)
{
	write_file("c.yaml", yaml);
	assert_string_equal(faults_of("c.yaml"), expected);
}

static void
test_one_service_for_each_value(UNUSED void **state)
{
	assert_targets("services:\n"
	               "  first: http://f\n"
	               "  \"shop-{{region}}\":\n"
	               "    for_each: {region: [eu, us, ap]}\n"
	               "    url: https://{{region}}.shop.example.com/health\n"
	               "  last: http://l\n",
	    "first=http://f shop-eu=https://eu.shop.example.com/health "
	    "shop-us=https://us.shop.example.com/health "
	    "shop-ap=https://ap.shop.example.com/health last=http://l ");
}

static void
test_the_first_name_is_slowest(UNUSED void **state)
{
	assert_targets("services:\n"
	               "  \"{{a}}{{b}}{{c}}\":\n"
	               "    for_each: {b: [1, 2], a: [x, y], c: [p]}\n"
	               "    url: http://h/{{b}}{{a}}{{c}}\n",
	    "x1p=http://h/1xp y1p=http://h/1yp x2p=http://h/2xp y2p=http://h/2yp ");
}

static void
test_values_may_be_any_scalar_or_a_map(UNUSED void **state)
{
	assert_targets("services:\n"
	               "  \"n{{v}}\": {for_each: {v: [1, true, 'x y', 1.50]}, "
	               "url: \"http://h/{{v}}\"}\n"
	               "  \"m-{{shop.name}}\":\n"
	               "    for_each:\n"
	               "      shop: [{name: eu, port: 81}, {name: us, port: 82}]\n"
	               "    url: http://h:{{shop.port}}/{{shop.name}}\n",
	    "n1=http://h/1 ntrue=http://h/true nx y=http://h/x%20y n1.50=http://h/1.50 "
	    "m-eu=http://h:81/eu m-us=http://h:82/us ");
}

static void
test_its_names_come_before_variables(UNUSED void **state)
{
	assert_targets(
	    "vars: {v: var, w: other, host: h}\n"
	    "services:\n"
	    "  \"{{w}}-{{v}}\": {for_each: {v: [1]}, url: \"http://{{host}}/{{v}}/{{w}}\"}\n"
	    "  plain: http://h/{{v}}\n",
	    "other-1=http://h/1/other plain=http://h/var ");
}

static void
test_its_names_are_there_in_every_template(UNUSED void **state)
{
	struct config *config = load_text("services:\n"
	                                  "  \"a{{v}}\":\n"
	                                  "    for_each: {v: [x, y]}\n"
	                                  "    url: http://h/\n"
	                                  "    headers: {X: \"{{v}}\"}\n"
	                                  "    json: {k: [\"{{v}}\", \"{{{v}}}\"]}\n");
	const struct request *request = &config->targets[1]->rendered->request;

	assert_string_equal(request->body, "{\"k\":[\"y\",\"y\"]}");
	config_unref(config);
}

static void
test_defaults_may_use_its_names(UNUSED void **state)
{
	assert_targets(
	    "defaults: {headers: {X-Region: \"{{r}}\"}}\n"
	    "services: {\"s{{r}}\": {for_each: {r: [1, 2]}, url: http://h}}\n",
	    "s1=http://h s2=http://h ");
	/* ... but a service that has none of them can not. */
	assert_faults("defaults: {headers: {X-Region: \"{{r}}\"}}\n"
	              "services: {\"s{{r}}\": {for_each: {r: [1, 2]}, url: http://h}, "
	              "t: http://t}\n",
	    "c.yaml:1:32: error: headers: X-Region: unknown name r\n");
}

static void
test_a_disabled_definition_is_disabled_in_all(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {\"s{{r}}\": {for_each: {r: [1, 2]}, url: http://h, "
	              "enabled: no}}\n");

	assert_int_equal(config->target_count, 0);
	assert_int_equal(config->disabled_count, 2);
	config_unref(config);
}

static void
test_a_definition_is_printed_once_and_read_the_same(UNUSED void **state)
{
	static const char yaml[] = "vars: {v: 1}\n"
	                           "services:\n"
	                           "  \"s{{r.n}}\":\n"
	                           "    for_each: {r: [{n: 1, x: y}, {n: '2'}]}\n"
	                           "    url: http://h/{{r.n}}\n"
	                           "  t: http://t/\n";
	struct config *config = load_text(yaml);
	struct config *again;
	struct buffer first, second;

	buffer_init(&first, BUFFER_UNLIMITED);
	buffer_init(&second, BUFFER_UNLIMITED);
	config_print(config, &first);
	again = load_text(first.data);
	config_print(again, &second);
	assert_string_equal(first.data, second.data);
	assert_int_equal(again->target_count, 3);
	assert_string_equal(again->targets[1]->name, "s2");
	assert_non_null(strstr(first.data, "for_each:"));
	assert_null(strstr(strstr(first.data, "for_each:") + 1, "for_each:"));
	buffer_clear(&first);
	buffer_clear(&second);
	config_unref(config);
	config_unref(again);
}

/* ---- faults ---- */

struct wrong {
	const char *yaml; /* of one service */
	const char *faults;
};

static const struct wrong wrongs[] = {
	{ "\"s{{r}}\": {for_each: 5, url: http://h}",
	    "2:24: error: for_each: expected a map of names, each with a list of values\n" },
	{ "\"s{{r}}\": {for_each: {}, url: http://h}",
	    "2:24: error: for_each: expected names, each with a list of values\n" },
	{ "\"s{{r}}\": {for_each: {r: 5}, url: \"http://h/{{r}}\"}",
	    "2:28: error: for_each: r: expected a list of one or more values\n" },
	{ "\"s{{r}}\": {for_each: {r: []}, url: http://h}",
	    "2:28: error: for_each: r: expected a list of one or more values\n" },
	{ "\"s{{r}}\": {for_each: {r: [[1]]}, url: http://h}",
	    "2:29: error: for_each: r: expected text, a number or a map, not a list\n" },
	{ "\"s{{now}}\": {for_each: {now: [1]}, url: http://h}",
	    "2:27: error: for_each: now: this name means something else in templates\n" },
	{ "\"s{{r}}\": {for_each: {r: [1], a.b: [1]}, url: http://h}",
	    "2:33: error: for_each: a.b: a name holds only letters, digits, _ and -\n" },
	{ "s: {for_each: {r: [1]}, url: http://h}",
	    "2:3: error: services: s: the name has to hold {{r}}, as for_each says\n" },
	{ "\"s{{r}}\": {for_each: {r: [1], q: [1]}, url: http://h}",
	    "2:3: error: services: s{{r}}: the name has to hold {{q}}, as for_each says\n" },
	{ "\"s{{r\": {for_each: {r: [1]}, url: http://h}",
	    "2:3: error: services: s{{r: \"{{\" is not closed\n" },
	{ "\"s{{r}}{{x}}\": {for_each: {r: [1]}, url: http://h}",
	    "2:3: error: services: s{{r}}{{x}}: unknown name x\n" },
	{ "\"s{{r}}\": {for_each: {r: [{a: 1}]}, url: http://h}",
	    "2:3: error: services: s{{r}}: r is neither text nor a number\n" },
	{ "\"s{{r.a}}\": {for_each: {r: [{a: 1}, {b: 1}]}, url: http://h}",
	    "2:3: error: services: s{{r.a}}: unknown name r.a\n" },
	{ "\"s{{r}}\": {for_each: {r: [1, null]}, url: http://h}",
	    "2:3: error: services: s{{r}}: r is null\n" },
	{ "\"s{{r}}\": {for_each: {r: [\"${GATHERD_TEST_WORD}\"]}, url: http://h}",
	    "2:3: error: services: s{{r}}: a name is no place for a secret: expected "
	    "${plain:NAME}\n" },
	{ "\"{{r}}\": {for_each: {r: [\"\"]}, url: http://h}",
	    "2:3: error: services: a service needs a name\n" },
	{ "\"{{r}}\": {for_each: {r: [\"a\\tb\"]}, url: http://h}",
	    "2:3: error: services: a control character in the name of a service\n" },
	{ "\"s{{r}}\": {for_each: {r: [1, 2, '1']}, url: http://h}",
	    "2:3: error: services: s{{r}}: for_each gives the name s1 twice\n" },
	{ "\"s{{r}}\": {for_each: {r: [1, 2]}, url: http://h}\n  s2: http://t",
	    "3:3: error: services: s2 is already the name of a service at c.yaml:2:3\n" },
	{ "\"s{{r}}\": {for_each: {r: [1, 2]}, url: http://h}\n"
	  "  \"{{x}}2\": {for_each: {x: [s]}, url: http://t, enabled: no}",
	    "3:3: error: services: s2 is already the name of a service at c.yaml:2:3\n" },
	/* What else is wrong is told all the same, and once. */
	{ "\"s{{r}}\": {for_each: {r: [1, 2, 3]}, timeout: x}",
	    "2:3: error: s{{r}}: url is missing\n"
	    "2:49: error: timeout: expected a duration over 0 such as 2s or 500ms\n" },
	{ "\"s{{r}}\": {for_each: {r: x}, timeout: x, url: \"http://h/{{r}}{{nope}}\"}",
	    "2:28: error: for_each: r: expected a list of one or more values\n"
	    "2:41: error: timeout: expected a duration over 0 such as 2s or 500ms\n"
	    "2:49: error: url: unknown name nope\n" },
	{ "\"s{{r}}\": {for_each: {r: [1, 2, 3]}, url: \"ftp://h/{{r}}\"}",
	    "2:45: error: url is no absolute http(s) URL: its scheme is neither http nor "
	    "https\n" },
};

static void
test_each_fault_is_told_at_its_place(UNUSED void **state)
{
	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	for (size_t i = 0; i < ARRAY_COUNT(wrongs); i++) {
		char *yaml = xasprintf("services:\n  %s\n", wrongs[i].yaml);
		const char *line = wrongs[i].faults;
		struct buffer expected;

		buffer_init(&expected, BUFFER_UNLIMITED);
		while (*line != '\0') {
			size_t len = strcspn(line, "\n") + 1;

			buffer_append_string(&expected, "c.yaml:");
			buffer_append(&expected, line, len);
			line += len;
		}
		assert_faults(yaml, expected.data);
		buffer_clear(&expected);
		free(yaml);
	}
}

static void
test_it_has_no_place_in_defaults(UNUSED void **state)
{
	assert_faults("defaults: {for_each: {r: [1]}}\nservices: {s: http://s}\n",
	    "c.yaml:1:12: error: defaults: each target has its own for_each\n");
}

/* COUNT_A times COUNT_B services. */
static void
write_many(size_t count_a, size_t count_b)
{
	struct buffer yaml;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_string(&yaml,
	    "vars: {host: h}\n"
	    "defaults: {headers: {X-Team: web, X-B: \"{{b}}\"}, "
	    "retries: 1}\n"
	    "services:\n  \"s{{a}}-{{b}}\":\n    for_each:\n      a: [");
	for (size_t i = 0; i < count_a; i++)
		buffer_append_format(&yaml, "%s%zu", i > 0 ? ", " : "", i);
	buffer_append_string(&yaml, "]\n      b: [");
	for (size_t i = 0; i < count_b; i++)
		buffer_append_format(&yaml, "%s%zu", i > 0 ? ", " : "", i);
	buffer_append_string(&yaml,
	    "]\n"
	    "    url: http://{{host}}/{{a}}/{{b}}?x=1\n"
	    "    expect: {status: 200, json: {/state: up, "
	    "/queue: {maximum: 100}}}\n"
	    "    extract: {queue: /queue, v: {path: /v, pattern: "
	    "\"([0-9]+)\"}}\n");
	write_file("c.yaml", yaml.data);
	buffer_clear(&yaml);
}

static void
test_more_combinations_than_ten_thousand_are_a_fault(UNUSED void **state)
{
	write_many(100, 101);
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:6:7: error: for_each: more than 10000 combinations\n");
}

static void
test_ten_thousand_services_are_loaded_soon(UNUSED void **state)
{
	clock_t start = clock();
	struct config *config;

	write_many(100, 100);
	config = load_good("c.yaml");
	print_message("10000 services in %ld ms\n",
	    (long)((clock() - start) * 1000 / CLOCKS_PER_SEC));
	assert_int_equal(config->target_count, 10000);
	assert_string_equal(config->targets[9999]->name, "s99-99");
	/* With sanitizers; without, it takes less than a second. */
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
	config_unref(config);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_one_service_for_each_value),
		CASE(test_the_first_name_is_slowest),
		CASE(test_values_may_be_any_scalar_or_a_map),
		CASE(test_its_names_come_before_variables),
		CASE(test_its_names_are_there_in_every_template),
		CASE(test_defaults_may_use_its_names),
		CASE(test_a_disabled_definition_is_disabled_in_all),
		CASE(test_a_definition_is_printed_once_and_read_the_same),
		CASE(test_each_fault_is_told_at_its_place),
		CASE(test_it_has_no_place_in_defaults),
		CASE(test_more_combinations_than_ten_thousand_are_a_fault),
		CASE(test_ten_thousand_services_are_loaded_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
