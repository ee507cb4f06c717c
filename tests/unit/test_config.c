#include "config_files.h"

#include <sys/wait.h>

#include "base/json_scan.h"
#include "config/render.h"
#include "config/vars.h"
#include "template/template.h"

static void
test_an_empty_file_is_a_config_of_defaults(UNUSED void **state)
{
	struct config *config = load_text("");

	assert_int_equal(config->interval_ms, 30000);
	assert_int_equal(config->timeout_ms, 5000);
	assert_int_equal(config->connect_timeout_ms, 3000);
	assert_int_equal(config->spread_ms, 0);
	assert_false(config->align);
	assert_int_equal(config->publish_after_ms, 1000);
	assert_int_equal(config->max_concurrent, 512);
	assert_int_equal(config->output.permissions, 0644);
	assert_int_equal(config->output.max_size_bytes, (size_t)64 << 20);
	assert_true(config->output.sync);
	assert_int_equal(config->output.file.value.text.len, 0);
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	assert_int_equal(config->log.format, LOG_FORMAT_AUTO);
	assert_int_equal(config->target_count, 0);
	assert_int_equal(config_shortest_interval_ms(config), 30000);
	assert_null(config_find(config, "a"));
	config_unref(config);
}

static void
test_the_short_form_is_a_service_of_defaults(UNUSED void **state)
{
	struct config *config = load_text("services: {a: http://a/x}\n");
	struct target *target = config_find(config, "a");

	assert_non_null(target);
	assert_string_equal(target->url.text.value.text.data, "http://a/x");
	assert_int_equal(target->interval_ms, 30000);
	assert_int_equal(target->timeout_ms, 5000);
	assert_int_equal(target->connect_timeout_ms, 3000);
	assert_int_equal(target->deadline_ms, 30000);
	assert_int_equal(target->format, FORMAT_AUTO);
	assert_int_equal(target->max_body_bytes, 1 << 20);
	assert_int_equal(target->max_depth, 28);
	assert_int_equal(target->redirects, 5);
	assert_true(target->data && target->reuse && target->enabled);
	assert_true(target->required);
	assert_false(target->keep_last || target->deadline_said);
	assert_int_equal(target->group.value.text.len, 0);
	assert_int_equal(target->labels.count, 0);
	assert_non_null(target->rendered);
	config_unref(config);
}

static void
test_every_key_of_a_service_is_taken(UNUSED void **state)
{
	struct config *config = load_text(
	    "services:\n"
	    "  a: {url: http://a, headers: {X-A: b}, interval: 1m, timeout: 2,\n"
	    "    connect_timeout: 500ms, deadline: 90s, format: text, max_body: 5kB,\n"
	    "    max_depth: 1000, redirects: 0, data: off, keep_last: on, reuse: no, required: false,\n"
	    "    group: g, description: d, labels: {l: m}}\n");
	struct target *target = config_find(config, "a");

	assert_string_equal(target->headers.items[0].name, "X-A");
	assert_string_equal(target->headers.items[0].text.value.text.data, "b");
	assert_int_equal(target->interval_ms, 60000);
	assert_int_equal(target->timeout_ms, 2000);
	assert_int_equal(target->connect_timeout_ms, 500);
	assert_int_equal(target->deadline_ms, 90000);
	assert_true(target->deadline_said && target->keep_last);
	assert_int_equal(target->format, FORMAT_TEXT);
	assert_int_equal(target->max_body_bytes, 5000);
	assert_int_equal(target->max_depth, 1000);
	assert_int_equal(target->redirects, 0);
	assert_false(target->data || target->reuse || target->required);
	assert_string_equal(target->group.value.text.data, "g");
	assert_string_equal(target->description.value.text.data, "d");
	assert_string_equal(target->labels.items[0].name, "l");
	assert_string_equal(target->labels.items[0].text.value.text.data, "m");
	config_unref(config);
}

static void
test_every_key_of_the_file_is_taken(UNUSED void **state)
{
	struct config *config = load_text(
	    "interval: 1m\ntimeout: 1s\nconnect_timeout: 2s\nmax_concurrent: 7\n"
	    "spread: 10s\nalign: true\npublish_after: 0\n"
	    "vars: {a: b}\ninclude: []\ndefaults: {}\n"
	    "output: {file: /tmp/x, permissions: 0600, max_size: 1kB, sync: false}\n"
	    "log: {level: debug, format: json}\nservices: {}\nx-anything: [1, {a: b}]\n");

	assert_int_equal(config->interval_ms, 60000);
	assert_int_equal(config->timeout_ms, 1000);
	assert_int_equal(config->connect_timeout_ms, 2000);
	assert_int_equal(config->max_concurrent, 7);
	assert_int_equal(config->spread_ms, 10000);
	assert_true(config->align);
	assert_int_equal(config->publish_after_ms, 0);
	assert_int_equal(config->vars->count, 1);
	assert_string_equal(config->output.file.value.text.data, "/tmp/x");
	assert_int_equal(config->output.permissions, 0600);
	assert_int_equal(config->output.max_size_bytes, 1000);
	assert_false(config->output.sync);
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->log.format, LOG_FORMAT_JSON);
	config_unref(config);
}

static void
test_keys_with_nothing_behind_them_are_empty(UNUSED void **state)
{
	struct config *config =
	    load_text("vars:\ninclude: ~\ndefaults:\noutput:\nlog: null\n"
	              "services:\n");

	assert_int_equal(config->target_count, 0);
	config_unref(config);
}

static void
test_own_keys_win_over_defaults_and_these_over_the_file(UNUSED void **state)
{
	struct config *config =
	    load_text("timeout: 1s\ninterval: 9s\n"
	              "defaults: {timeout: 2s, group: g, redirects: 1}\n"
	              "services:\n"
	              "  a: http://a\n"
	              "  b: {url: http://b, timeout: 20s, group: h}\n");
	struct target *a = config->targets[0];
	struct target *b = config->targets[1];

	assert_int_equal(a->timeout_ms, 2000);
	assert_int_equal(a->interval_ms, 9000);
	assert_int_equal(a->deadline_ms, 9000);
	assert_string_equal(a->group.value.text.data, "g");
	assert_int_equal(a->redirects, 1);
	assert_int_equal(b->timeout_ms, 20000);
	assert_int_equal(b->deadline_ms, 20000);
	assert_string_equal(b->group.value.text.data, "h");
	config_unref(config);
}

static void
test_maps_in_defaults_are_merged_key_by_key(UNUSED void **state)
{
	struct config *config = load_text(
	    "defaults: {headers: {X-Team: web, Accept: a/b}, labels: {x: 1, y: 2}}\n"
	    "services: {a: {url: http://a, headers: {x-team: api}, labels: {y: 3}}}\n");
	struct target *target = config->targets[0];

	assert_int_equal(target->headers.count, 2);
	assert_string_equal(target->headers.items[0].name, "x-team");
	assert_string_equal(target->headers.items[0].text.value.text.data, "api");
	assert_string_equal(target->headers.items[1].name, "Accept");
	assert_int_equal(target->labels.count, 2);
	assert_string_equal(target->labels.items[0].text.value.text.data, "3");
	assert_string_equal(target->labels.items[1].name, "x");
	config_unref(config);
}

static void
test_disabled_services_are_kept_apart(UNUSED void **state)
{
	struct config *config =
	    load_text("services:\n"
	              "  a: {url: http://a, enabled: no, interval: 1s}\n"
	              "  b: {url: http://b, interval: 2s}\n"
	              "  c: {url: http://c, enabled: off}\n"
	              "  d: {url: http://d, interval: 3s}\n");

	assert_int_equal(config->target_count, 2);
	assert_int_equal(config->disabled_count, 2);
	assert_null(config_find(config, "a"));
	assert_string_equal(config->targets[1]->name, "d");
	assert_int_equal(config->targets[1]->index, 1);
	assert_int_equal(config->targets[1]->order, 3);
	assert_string_equal(config->disabled[1]->name, "c");
	assert_int_equal(config_shortest_interval_ms(config), 2000);
	config_unref(config);
}

static void
test_only_some_targets_can_be_kept(UNUSED void **state)
{
	const char *const names[] = { "c", "a" };
	struct config *config =
	    load_text("services: {a: http://a, b: http://b, c: http://c}\n");

	config_keep_only(config, names, 2);
	assert_int_equal(config->target_count, 2);
	assert_string_equal(config->targets[0]->name, "a");
	assert_string_equal(config->targets[1]->name, "c");
	assert_int_equal(config->targets[1]->index, 1);
	assert_null(config_find(config, "b"));
	assert_ptr_equal(config_find(config, "c"), config->targets[1]);
	config_unref(config);
}

static void
test_what_is_kept_of_a_for_each_keeps_it(UNUSED void **state)
{
	const char *const names[] = { "a-2", "a-3", "b-1" };
	struct config *config =
	    load_text("services:\n"
	              "  \"a-{{n}}\": {url: http://a, for_each: {n: [1, 2, 3]}}\n"
	              "  \"b-{{n}}\": {url: http://b, for_each: {n: [1, 2]}}\n"
	              "  \"c-{{n}}\": {url: http://c, for_each: {n: [1, 2]}}\n");

	config_keep_only(config, names, ARRAY_COUNT(names));
	assert_int_equal(config->target_count, 3);
	assert_string_equal(config->targets[0]->name, "a-2");
	assert_non_null(config->targets[0]->for_each);
	assert_null(config->targets[1]->for_each);
	assert_non_null(config->targets[2]->for_each);
	config_unref(config);
}

static void
test_every_target_is_found_by_name(UNUSED void **state)
{
	struct buffer yaml;
	struct config *config;
	char name[16];

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_string(&yaml, "services:\n");
	for (int i = 0; i < 100; i++)
		buffer_append_format(&yaml, "  s%d: http://a\n", i * 37 % 100);
	config = load_text(yaml.data);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_string_equal(config_find(config, name)->name, name);
	}
	assert_null(config_find(config, "s100"));
	assert_string_equal(config->targets[1]->name, "s37");
	config_unref(config);
	buffer_clear(&yaml);
}

static void
test_the_last_reference_frees(UNUSED void **state)
{
	struct config *config = load_text("services: {a: http://a}\n");

	assert_ptr_equal(config_ref(config), config);
	config_unref(config);
	assert_string_equal(config->targets[0]->name, "a");
	config_unref(config);
	config_unref(NULL);
}

/* ---- vars ---- */

static void
assert_var(const struct config *config, const char *path, const char *text)
{
	struct template_value value;
	char *hint = NULL;

	assert_true(vars_find(NULL, config->vars, path, &value, &hint));
	assert_string_equal(value.text->text.data, text);
}

static void
test_arguments_override_vars_of_the_file(UNUSED void **state)
{
	const struct config_var vars[] = { { "b", "7" }, { "d", "${HOME} {{x}}" },
		{ "b", "8" } };
	struct faults *faults = faults_new();
	struct config *config;

	write_file("c.yaml",
	    "vars: {a: 1, b: 2, c: {d: [x, y]}}\nservices: {s: \"http://a/{{b}}/{{d}}\"}\n");
	config = config_load("c.yaml", vars, ARRAY_COUNT(vars), faults);
	assert_non_null(config);
	assert_var(config, "a", "1");
	assert_var(config, "b", "8");
	assert_var(config, "c.d.1", "y");
	assert_var(config, "d", "${HOME} {{x}}");
	assert_string_equal(config->targets[0]->rendered->shown_url,
	    "http://a/8/%24%7BHOME%7D%20%7B%7Bx%7D%7D");
	config_unref(config);
	faults_free(faults);
}

static void
test_arguments_must_have_a_name_that_vars_may_have(UNUSED void **state)
{
	const struct config_var vars[] = { { "now", "1" }, { "9", "1" },
		{ "ok", "1" } };
	struct faults *faults = faults_new();

	write_file("c.yaml", "");
	assert_null(config_load("c.yaml", vars, ARRAY_COUNT(vars), faults));
	assert_string_equal(lines_of(faults),
	    "<command-line>:1:1: error: --var: now: this name means something else in "
	    "templates\n"
	    "<command-line>:1:1: error: --var: 9: a name begins with a letter or _\n");
	faults_free(faults);
}

static void
test_a_single_value_may_come_from_outside(UNUSED void **state)
{
	struct config *config;

	setenv("GATHERD_TEST_NUMBER", "9", 1);
	config = load_text("timeout: ${GATHERD_TEST_NUMBER}s\n"
	                   "max_concurrent: \"${GATHERD_TEST_NUMBER}\"\n"
	                   "log: {level: \"${GATHERD_TEST_UNSET:-warn}\"}\n"
	                   "output: {sync: \"${GATHERD_TEST_UNSET:-no}\"}\n");
	assert_int_equal(config->timeout_ms, 9000);
	assert_int_equal(config->max_concurrent, 9);
	assert_int_equal(config->log.level, LOG_LEVEL_WARN);
	assert_false(config->output.sync);
	config_unref(config);
}

/* A pipe can be read but once, and a file may change between two looks. */
static void
test_defaults_are_read_once_for_all_services(UNUSED void **state)
{
	struct config *config;
	pid_t writer;

	assert_int_equal(mkfifo("pipe", 0600), 0);
	writer = fork();
	if (writer == 0) {
		write_file("pipe", "s3cr3t\n");
		_exit(0);
	}
	config = load_text("defaults: {headers: {X-Key: \"${file:pipe}\"}}\n"
	                   "services: {a: http://a, b: http://b}\n");
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(
		    config->targets[i]->headers.items[0].text.value.text.data,
		    "s3cr3t");
	config_unref(config);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_an_empty_file_is_a_config_of_defaults),
		CASE(test_the_short_form_is_a_service_of_defaults),
		CASE(test_every_key_of_a_service_is_taken),
		CASE(test_every_key_of_the_file_is_taken),
		CASE(test_keys_with_nothing_behind_them_are_empty),
		CASE(test_own_keys_win_over_defaults_and_these_over_the_file),
		CASE(test_maps_in_defaults_are_merged_key_by_key),
		CASE(test_disabled_services_are_kept_apart),
		CASE(test_only_some_targets_can_be_kept),
		CASE(test_what_is_kept_of_a_for_each_keeps_it),
		CASE(test_every_target_is_found_by_name),
		CASE(test_the_last_reference_frees),
		CASE(test_arguments_override_vars_of_the_file),
		CASE(test_arguments_must_have_a_name_that_vars_may_have),
		CASE(test_a_single_value_may_come_from_outside),
		CASE(test_defaults_are_read_once_for_all_services),
	};

	unsetenv("GATHERD_TEST_UNSET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
