/*
 * `listen` and what is around it: the keys of what is seen from outside.
 */
#include "config_files.h"

#include "base/xalloc.h"
#include "config/check.h"
#include "config/keyed.h"
#include "config/keys.h"

static void
assert_faults(const char *yaml, const char *expected)
{
	write_file("c.yaml", yaml);
	assert_string_equal(faults_of("c.yaml"), expected);
}

static struct listen_address
listen_of(const char *yaml)
{
	struct config *config = load_text(yaml);
	struct listen_address address = config->listen_address;

	config_unref(config);
	return address;
}

/* ---- listen ---- */

static void
test_nobody_listens_by_default(UNUSED void **state)
{
	static const char *const configs[] = { "", "listen:\n", "listen: null\n",
		"listen: ~\n", "listen: \"\"\n", "listen: ${GATHERD_TEST_UNSET:-}\n",
		"listen_public: true\n" };

	for (size_t i = 0; i < ARRAY_COUNT(configs); i++)
		assert_int_equal(listen_of(configs[i]).kind, LISTEN_NONE);
}

static void
test_listen_is_an_address_or_a_socket(UNUSED void **state)
{
	struct listen_address address = listen_of("listen: 127.0.0.1:8787\n");

	assert_int_equal(address.kind, LISTEN_TCP);
	assert_int_equal(address.socket.ss_family, AF_INET);
	address = listen_of("listen: \"[::1]:8787\"\n");
	assert_int_equal(address.socket.ss_family, AF_INET6);
	address = listen_of("listen: localhost:${plain:GATHERD_TEST_PORT}\n");
	assert_int_equal(address.socket.ss_family, AF_INET);
	address = listen_of("listen: unix:/run/gatherd/http.sock\n");
	assert_int_equal(address.kind, LISTEN_UNIX);
	assert_string_equal(listen_path(&address), "/run/gatherd/http.sock");
}

static void
test_what_is_no_address_is_told_at_its_place(UNUSED void **state)
{
	assert_faults("interval: 1s\nlisten: 8787\n",
	    "c.yaml:2:9: error: listen: expected an address and a port such as "
	    "127.0.0.1:8787 or \"[::1]:8787\", or unix: and a path such as "
	    "unix:/run/gatherd/http.sock\n");
	assert_faults("listen: 127.0.0.1:0\n",
	    "c.yaml:1:9: error: listen: expected a port from 1 to 65535 behind the "
	    "address\n");
	assert_faults("listen: [127.0.0.1:8787]\n",
	    "c.yaml:1:9: error: listen: expected text, not a list\n");
	assert_faults("listen: {tcp: 1}\n",
	    "c.yaml:1:9: error: listen: expected text, not a map\n");
	assert_faults("listen: ${GATHERD_TEST_UNSET}\n",
	    "c.yaml:1:9: error: GATHERD_TEST_UNSET is not set\n");
	assert_faults("listen_public: maybe\n",
	    "c.yaml:1:16: error: listen_public: expected true or false\n");
}

#define NOT_LOCAL                                                                  \
	"error: listen: other machines could reach this address: expected one of " \
	"127.0.0.1, [::1] or unix:, or listen_public: true\n"

static void
test_only_who_says_so_is_public(UNUSED void **state)
{
	assert_faults("listen: 0.0.0.0:8787\n", "c.yaml:1:9: " NOT_LOCAL);
	assert_faults("listen: \"[::]:8787\"\n", "c.yaml:1:9: " NOT_LOCAL);
	assert_faults(
	    "listen_public: false\nlisten: 192.0.2.1:80\n", "c.yaml:2:9: " NOT_LOCAL);
	assert_int_equal(
	    listen_of("listen: 0.0.0.0:8787\nlisten_public: true\n").kind, LISTEN_TCP);
	assert_int_equal(
	    listen_of("listen_public: yes\nlisten: \"[2001:db8::1]:80\"\n").kind,
	    LISTEN_TCP);
	/* That one may is no reason why one must. */
	assert_int_equal(
	    listen_of("listen_public: true\nlisten: 127.0.0.1:80\n").kind, LISTEN_TCP);
	assert_int_equal(
	    listen_of("listen_public: true\nlisten: unix:/x\n").kind, LISTEN_UNIX);
}

static void
test_no_fault_tells_an_address_from_outside(UNUSED void **state)
{
	write_file("c.yaml", "listen: ${GATHERD_TEST_WORD}:80\n");
	assert_null(strstr(faults_of("c.yaml"), "pa55word"));
	write_file("c.yaml", "listen: unix:${GATHERD_TEST_WORD}\n");
	assert_null(strstr(faults_of("c.yaml"), "pa55word"));
	write_file("c.yaml",
	    "output: {file: \"${GATHERD_TEST_WORD}\", page: \"${GATHERD_TEST_WORD}\"}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:1:46: error: output.page: this is output.file already\n");
}

static void
test_none_of_it_may_stand_in_an_included_file(UNUSED void **state)
{
	write_file("more.yaml", "listen: unix:/x\nmetrics: {}\n");
	assert_faults("include: more.yaml\n",
	    "more.yaml:1:1: error: listen cannot stand in an included file: vars, defaults, "
	    "services, providers and prompts can\n"
	    "more.yaml:2:1: error: metrics cannot stand in an included file: vars, defaults, "
	    "services, providers and prompts can\n");
}

/* ---- output ---- */

static void
test_metrics_and_page_are_files_as_the_document_is(UNUSED void **state)
{
	struct config *config =
	    load_text("output:\n  file: \"-\"\n  metrics: m/gatherd.prom\n"
	              "  page: ${GATHERD_TEST_WORD}.html\n");

	assert_string_equal(config->output.file.value.text.data, "-");
	assert_string_equal(config->output.metrics.value.text.data, "m/gatherd.prom");
	assert_string_equal(config->output.page.value.text.data, "pa55word.html");
	config_unref(config);
	config = load_text("output: {metrics: null, page: }\n");
	assert_string_equal(config->output.metrics.value.text.data, "");
	assert_string_equal(config->output.page.value.text.data, "");
	config_unref(config);
}

static void
test_only_the_document_goes_to_standard_output(UNUSED void **state)
{
	assert_faults("output: {metrics: \"-\", page: \"-\"}\n",
	    "c.yaml:1:19: error: output.metrics: only the document can go to standard output\n"
	    "c.yaml:1:30: error: output.page: only the document can go to standard output\n");
}

static void
test_two_outputs_are_two_files(UNUSED void **state)
{
	assert_faults("output:\n  file: a\n  metrics: a\n  page: a\n",
	    "c.yaml:3:12: error: output.metrics: this is output.file already\n"
	    "c.yaml:4:9: error: output.page: this is output.file already\n");
	assert_faults("output:\n  metrics: a\n  page: a\n",
	    "c.yaml:3:9: error: output.page: this is output.metrics already\n");
	assert_faults("output:\n  file: nowhere/a\n  page: nowhere/a\n",
	    "c.yaml:3:9: error: output.page: this is output.file already\n");
	config_unref(load_text("output: {file: a, metrics: b/a, page: c/a}\n"));
	config_unref(load_text("output: {file: a, metrics: ab, page: b}\n"));
}

static void
test_a_file_is_the_same_by_all_texts_for_it(UNUSED void **state)
{
	char *yaml;

	assert_faults("output: {file: a, metrics: ./a}\n",
	    "c.yaml:1:28: error: output.metrics: this is output.file already\n");
	assert_faults("output: {file: d/a, page: d//./a}\n",
	    "c.yaml:1:27: error: output.page: this is output.file already\n");
	assert_faults("output: {file: ../a, page: .././/a}\n",
	    "c.yaml:1:28: error: output.page: this is output.file already\n");
	assert_faults("output: {file: ./-, page: .//-}\n",
	    "c.yaml:1:27: error: output.page: this is output.file already\n");
	yaml = xasprintf("output: {file: a, page: %s//a}\n", test_folder);
	assert_faults(
	    yaml, "c.yaml:1:25: error: output.page: this is output.file already\n");
	free(yaml);
	config_unref(load_text("output: {file: a, metrics: d/a, page: d/b}\n"));
	config_unref(load_text("output: {file: \"-\", page: ./-}\n"));
}

/* Their disk may hang: who opens the places finds that they are the same. */
static void
test_links_are_not_looked_at(UNUSED void **state)
{
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(symlink("d", "e"), 0);
	assert_int_equal(symlink("d/a", "link"), 0);
	config_unref(load_text("output: {file: d/a, page: e/a}\n"));
	config_unref(load_text("output: {file: link, page: d/a}\n"));
	config_unref(load_text("output: {file: d/a, page: d/../d/a}\n"));
}

static void
test_a_socket_is_no_output(UNUSED void **state)
{
	char *yaml =
	    xasprintf("listen: unix:%s/a\noutput: {metrics: a}\n", test_folder);

	assert_faults(
	    yaml, "c.yaml:1:9: error: listen: this is output.metrics already\n");
	free(yaml);
	/* Of an address nothing is made. */
	config_unref(load_text("listen: 127.0.0.1:80\noutput: {page: 127.0.0.1:80}\n"));
}

/* ---- metrics ---- */

static int64_t
max_histograms_of(const char *yaml)
{
	struct config *config = load_text(yaml);
	int64_t count = config->metrics.max_histograms;

	config_unref(config);
	return count;
}

static void
test_how_many_have_histograms(UNUSED void **state)
{
	assert_int_equal(max_histograms_of(""), 200);
	assert_int_equal(max_histograms_of("metrics: {}\n"), 200);
	assert_int_equal(max_histograms_of("metrics: {max_histograms: 0}\n"), 0);
	assert_int_equal(max_histograms_of("metrics: {max_histograms: 5000}\n"), 5000);
	assert_faults("metrics: {max_histograms: -1}\n",
	    "c.yaml:1:27: error: max_histograms: expected a whole number from 0 to "
	    "1000000\n");
	assert_faults("metrics: {max_histogram: 1}\n",
	    "c.yaml:1:11: error: unknown key max_histogram (did you mean "
	    "max_histograms?)\n");
	assert_faults(
	    "metrics: on\n", "c.yaml:1:10: error: metrics: expected a map of keys\n");
}

/* ---- warnings ---- */

static const char *
warnings_of(const char *yaml)
{
	struct faults *faults = faults_new();
	struct config *config;
	const char *lines;

	write_file("c.yaml", yaml);
	config = config_load("c.yaml", NULL, 0, faults);
	assert_non_null(config);
	config_check(config, faults);
	lines = lines_of(faults);
	config_unref(config);
	faults_free(faults);
	return lines;
}

#define SERVICES "services: {a: http://a}\n"

static void
test_what_a_port_shows_and_a_file_does_not_is_told(UNUSED void **state)
{
	assert_string_equal(
	    warnings_of(SERVICES "listen: 127.0.0.1:80\noutput: {permissions: 0640}\n"),
	    "c.yaml:2:9: warning: listen: everybody on this machine can read here what "
	    "output.permissions, 0640, keep from others: unix: and a path would keep it, "
	    "too\n");
	assert_string_equal(
	    warnings_of(SERVICES
	        "listen: 0.0.0.0:80\nlisten_public: true\noutput: {permissions: 0600}\n"),
	    "c.yaml:2:9: warning: listen: everybody who can reach this address can read "
	    "here what output.permissions, 0600, keep from others: unix: and a path would "
	    "keep it, too\n");
	assert_string_equal(
	    warnings_of(SERVICES "listen: unix:/x\noutput: {permissions: 0640}\n"), "");
	assert_string_equal(warnings_of(SERVICES "listen: 127.0.0.1:80\n"), "");
	assert_string_equal(warnings_of(SERVICES "output: {permissions: 0640}\n"), "");
}

/* ---- reload ---- */

static void
test_what_changed_is_named(UNUSED void **state)
{
	struct config *before = load_text("listen: 127.0.0.1:80\noutput: {page: a}\n");
	struct config *after =
	    load_text("listen: 127.0.0.1:81\nlisten_public: true\n"
	              "output: {metrics: b}\nmetrics: {max_histograms: 1}\n");
	struct buffer names;

	buffer_init(&names, BUFFER_UNLIMITED);
	keyed_append_differences(&file_keys, before, after, &names);
	assert_string_equal(names.data,
	    "output.metrics, output.page, listen, listen_public, metrics.max_histograms");
	assert_false(listen_equal(&before->listen_address, &after->listen_address));
	buffer_clear(&names);
	config_unref(before);
	config_unref(after);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nobody_listens_by_default),
		CASE(test_listen_is_an_address_or_a_socket),
		CASE(test_what_is_no_address_is_told_at_its_place),
		CASE(test_only_who_says_so_is_public),
		CASE(test_no_fault_tells_an_address_from_outside),
		CASE(test_none_of_it_may_stand_in_an_included_file),
		CASE(test_metrics_and_page_are_files_as_the_document_is),
		CASE(test_only_the_document_goes_to_standard_output),
		CASE(test_two_outputs_are_two_files),
		CASE(test_a_file_is_the_same_by_all_texts_for_it),
		CASE(test_links_are_not_looked_at),
		CASE(test_a_socket_is_no_output),
		CASE(test_how_many_have_histograms),
		CASE(test_what_a_port_shows_and_a_file_does_not_is_told),
		CASE(test_what_changed_is_named),
	};

	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	setenv("GATHERD_TEST_PORT", "8787", 1);
	unsetenv("GATHERD_TEST_UNSET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
