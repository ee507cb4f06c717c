#include "config_files.h"

#include "base/secrets.h"
#include "config/render.h"

/* 2026-11-21T03:40:00.123Z */
#define WALL_MS INT64_C(1795232400123)

static struct rendered_request *
render(const struct config *config)
{
	const struct render_with with = { .wall_ms = WALL_MS };
	struct render_fault fault;
	struct rendered_request *rendered =
	    render_request(config, config->targets[0], &with, &fault);

	assert_null(fault.why);
	assert_non_null(rendered);
	return rendered;
}

/* TEXT as it reads behind the masking of what REQUEST carries; until the next call. */
static const char *
masked(const struct request *request, const char *text)
{
	buffer_reset(&test_lines);
	secrets_append_masked(request->secrets, &test_lines, text, strlen(text));
	return test_lines.data;
}

static void
test_a_request_is_made_of_the_keys(UNUSED void **state)
{
	struct config *config =
	    load_text("vars: {id: 4 2, list: [a, b]}\n"
	              "services: {s: {url: "
	              "\"https://h:81/{{id}}?l={{list.1}}\", headers: {X-A: "
	              "\"{{id}}\"}, connect_timeout: 2s, max_body: 7, "
	              "redirects: 2, reuse: false}}\n");
	struct rendered_request *rendered = render(config);
	const struct request *request = &rendered->request;

	assert_string_equal(request->url.text, "https://h:81/4%202?l=b");
	assert_string_equal(rendered->shown_url, "https://h:81/4%202?l=b");
	assert_int_equal(request->header_count, 1);
	assert_string_equal(request->headers[0].name, "X-A");
	assert_string_equal(request->headers[0].value, "4 2");
	assert_false(request->headers[0].secret);
	assert_int_equal(request->connect_timeout_us, 2000000);
	assert_int_equal(request->max_body_bytes, 7);
	assert_int_equal(request->max_redirects, 2);
	assert_false(request->reuse);
	assert_true(request->keep_body);
	assert_true(secrets_empty(request->secrets));
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_now_is_the_time_of_asking(UNUSED void **state)
{
	struct config *config = load_text(
	    "services: {s: {url: \"http://a/?t={{now}}\", headers: {X: \"{{now}}\"}}}\n");
	struct rendered_request *rendered = render(config);

	assert_null(config->targets[0]->rendered);
	assert_string_equal(
	    rendered->request.url.text, "http://a/?t=2026-11-21T03%3A40%3A00.123Z");
	assert_string_equal(
	    rendered->request.headers[0].value, "2026-11-21T03:40:00.123Z");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_what_never_changes_is_rendered_at_load(UNUSED void **state)
{
	struct config *config =
	    load_text("vars: {known: x}\n"
	              "services: {s: \"http://a/{{known}}\", t: {url: "
	              "http://a, headers: {X: \"{{#now}}y{{/now}}\"}}}\n");

	assert_string_equal(
	    config->targets[0]->rendered->request.url.text, "http://a/x");
	assert_null(config->targets[1]->rendered);
	config_unref(config);
}

static void
test_a_url_may_begin_with_a_variable(UNUSED void **state)
{
	struct config *config =
	    load_text("vars: {base: \"http://h:8080/v1\"}\n"
	              "services: {s: \"{{{base}}}/x?t={{now}}\"}\n");
	struct rendered_request *rendered = render(config);

	assert_ptr_equal(strstr(rendered->request.url.text, "http://h:8080/v1/x?t="),
	    rendered->request.url.text);
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_secrets_in_the_url_are_not_shown(UNUSED void **state)
{
	struct config *config =
	    load_text("vars: {key: \"${GATHERD_TEST_KEY}\"}\n"
	              "services: {s: \"http://h/{{key}}/x?k=${GATHERD_TEST_KEY}"
	              "&p=${plain:GATHERD_TEST_KEY}\"}\n");
	struct rendered_request *rendered = render(config);

	assert_string_equal(rendered->request.url.text,
	    "http://h/s3cr3t%2Fk3y/x?k=s3cr3t/k3y&p=s3cr3t/k3y");
	assert_string_equal(rendered->shown_url, "http://h/***/x?k=***&p=s3cr3t/k3y");
	assert_string_equal(
	    masked(&rendered->request, "no s3cr3t/k3y, s3cr3t%2fk3y"), "no ***, ***");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_userinfo_becomes_a_secret_wherever_it_is_from(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {s: \"http://user:p%40ssw0rd!@h/?u=a@b\"}\n");
	struct rendered_request *rendered = render(config);

	assert_string_equal(rendered->request.url.text, "http://h/?u=a@b");
	assert_string_equal(rendered->request.url.user, "user");
	assert_string_equal(rendered->request.url.password, "p@ssw0rd!");
	assert_string_equal(rendered->shown_url, "http://***@h/?u=a@b");
	/* The password, and user:password in base64. */
	assert_string_equal(
	    masked(&rendered->request, "p@ssw0rd! dXNlcjpwQHNzdzByZCE= user"),
	    "*** *** user");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_a_user_without_password_is_a_secret(UNUSED void **state)
{
	struct config *config = load_text("services: {s: http://apit0ken99@h/}\n");
	struct rendered_request *rendered = render(config);

	assert_string_equal(rendered->shown_url, "http://***@h/");
	assert_string_equal(masked(&rendered->request, "is apit0ken99"), "is ***");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_a_user_beside_a_password_is_a_secret(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {s: \"http://monitoring:x@h/\"}\n");
	struct rendered_request *rendered = render(config);

	assert_string_equal(masked(&rendered->request, "is monitoring"), "is ***");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_the_way_there_is_masked_where_it_is_secret(UNUSED void **state)
{
	static const struct {
		const char *keys;
		const char *text; /* of a message */
		const char *masked;
	} cases[] = {
		{ "proxy: \"http://${GATHERD_TEST_HOST}:1\"", "by proxy s3cr3t-host:1",
		    "by proxy ***:1" },
		{ "proxy: \"http://me:${GATHERD_TEST_HOST}@open-host:1\"",
		    "S3cr3t-Host by open-host:1", "*** by open-host:1" },
		{ "proxy: \"http://monitoring:x@open-host:1\"",
		    "monitoring by open-host:1", "*** by open-host:1" },
		{ "unix_socket: \"/run/${GATHERD_TEST_HOST}.sock\"",
		    "to /run/S3cr3t-Host.sock", "to /run/***.sock" },
		{ "unix_socket: /run/open-host.sock", "to /run/open-host.sock",
		    "to /run/open-host.sock" },
		{ "resolve: {h: \"${GATHERD_TEST_ADDRESS}\"}", "by 127.1.2.234:80",
		    "by ***:80" },
		{ "resolve: {h: 127.1.2.234}", "by 127.1.2.234:80",
		    "by 127.1.2.234:80" },
		{ "tls: {server_name: \"${GATHERD_TEST_HOST}\"}", "of s3cr3t-host",
		    "of ***" },
	};

	setenv("GATHERD_TEST_HOST", "S3cr3t-Host", 1);
	setenv("GATHERD_TEST_ADDRESS", "127.1.2.234", 1);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct rendered_request *rendered;
		struct config *config;
		char yaml[256];

		snprintf(yaml, sizeof(yaml), "services: {s: {url: http://h, %s}}\n",
		    cases[i].keys);
		config = load_text(yaml);
		rendered = render(config);
		assert_string_equal(
		    masked(&rendered->request, cases[i].text), cases[i].masked);
		rendered_request_free(rendered);
		config_unref(config);
	}
}

static void
test_credentials_in_headers_are_secret(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {s: {url: http://h, headers: {authorization: Bearer "
	              "abcdefgh1, Cookie: \"a=ijklmnop2; b=qrstuvwx3\", X-Key: "
	              "\"k-${GATHERD_TEST_KEY}\", X-Plain: yz012345}}}\n");
	struct rendered_request *rendered = render(config);
	const struct request *request = &rendered->request;

	assert_true(request->headers[0].secret);
	assert_true(request->headers[1].secret);
	assert_true(request->headers[2].secret);
	assert_false(request->headers[3].secret);
	assert_string_equal(request->headers[2].value, "k-s3cr3t/k3y");
	assert_string_equal(
	    masked(request, "abcdefgh1 ijklmnop2 qrstuvwx3 s3cr3t/k3y yz012345"),
	    "*** *** *** *** yz012345");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_each_of_several_secrets_in_a_row_is_masked(UNUSED void **state)
{
	struct config *config =
	    load_text("vars: {both: \"${GATHERD_TEST_KEY}${GATHERD_TEST_OTHER}\"}\n"
	              "services:\n"
	              "  a: \"http://h/${GATHERD_TEST_KEY}${GATHERD_TEST_OTHER}\"\n"
	              "  b: {url: http://h, headers: {X: \"{{both}}\"}}\n");

	for (size_t i = 0; i < config->target_count; i++)
		assert_string_equal(masked(&config->targets[i]->rendered->request,
		                        "other-k3y s3cr3t/k3y"),
		    "*** ***");
	assert_string_equal(config->targets[0]->rendered->shown_url, "http://h/***");
	config_unref(config);
}

static void
test_a_secret_that_is_percent_encoded_may_come_back_decoded(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {s: \"http://h/${GATHERD_TEST_ENCODED}\"}\n");

	assert_string_equal(
	    config->targets[0]->rendered->request.url.text, "http://h/enc%2Foded%zz%4");
	assert_string_equal(masked(&config->targets[0]->rendered->request,
	                        "enc/oded%zz%4 enc%2foded%zz%4"),
	    "*** ***");
	config_unref(config);
}

static void
test_a_body_is_kept_for_the_document_or_its_check(UNUSED void **state)
{
	static const struct {
		const char *keys;
		bool kept;
	} cases[] = {
		{ "format: auto, data: true", true },
		{ "format: auto, data: false", true },
		{ "format: json, data: false", true },
		{ "format: text, data: true", true },
		{ "format: text, data: false", false },
		{ "format: none, data: true", false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char yaml[128];
		struct config *config;

		snprintf(yaml, sizeof(yaml), "services: {a: {url: http://a, %s}}\n",
		    cases[i].keys);
		config = load_text(yaml);
		assert_int_equal(
		    config->targets[0]->rendered->request.keep_body, cases[i].kept);
		config_unref(config);
	}
}

static void
test_line_breaks_of_variables_do_not_reach_headers(UNUSED void **state)
{
	struct config *config = load_text(
	    "vars: {v: \"a\\r\\nX-Evil: b\"}\n"
	    "services: {s: {url: http://h, headers: {X: \"{{v}}\", Y: \"{{{v}}}\"}}}\n");
	struct rendered_request *rendered = render(config);

	for (size_t i = 0; i < 2; i++)
		assert_string_equal(rendered->request.headers[i].value, "aX-Evil: b");
	rendered_request_free(rendered);
	config_unref(config);
}

/* At load that was fine: only a value of now can change it. */
static void
test_what_cannot_be_rendered_is_told_without_secrets(UNUSED void **state)
{
	struct config *config = load_text(
	    "vars: {k: \"${GATHERD_TEST_KEY}\", n: x}\nservices: {s: \"http://a/{{k}}{{n}}\"}\n");
	const struct render_with with = { .wall_ms = WALL_MS };
	struct render_fault fault;

	/* Nothing of a loaded config changes; the name is taken away by force. */
	config->vars->keys[1][0] = 'm';
	assert_null(render_request(config, config->targets[0], &with, &fault));
	assert_string_equal(fault.why, "url: n is missing");
	assert_false(fault.missing);
	free(fault.why);
	config_unref(config);
}

static void
test_the_authority_is_fixed_unless_now_reaches_it(UNUSED void **state)
{
	struct config *config = load_text("services:\n"
	                                  "  a: \"http://a/{{now}}\"\n"
	                                  "  b: \"http://a?{{now}}\"\n"
	                                  "  c: \"http://a#{{now}}\"\n"
	                                  "  d: \"http://{{#now}}a{{/now}}/\"\n");

	for (size_t i = 0; i < config->target_count; i++)
		assert_true(render_authority_is_fixed(config, config->targets[i]));
	config_unref(config);
	write_file("c.yaml",
	    "services:\n"
	    "  a: \"http://a{{now}}/\"\n"
	    "  b: \"http://u:{{now}}@a/\"\n"
	    "  c: \"{{now}}\"\n"
	    "  d: \"http{{now}}://a/\"\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:2:6: error: url: scheme, host and port cannot come from {{now}} or from services\n"
	    "c.yaml:3:6: error: url: scheme, host and port cannot come from {{now}} or from services\n"
	    "c.yaml:4:6: error: url: scheme, host and port cannot come from {{now}} or from services\n"
	    "c.yaml:5:6: error: url: scheme, host and port cannot come from {{now}} or from services\n");
}

static void
test_nothing_can_be_freed(UNUSED void **state)
{
	rendered_request_free(NULL);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_request_is_made_of_the_keys),
		CASE(test_now_is_the_time_of_asking),
		CASE(test_what_never_changes_is_rendered_at_load),
		CASE(test_a_url_may_begin_with_a_variable),
		CASE(test_secrets_in_the_url_are_not_shown),
		CASE(test_userinfo_becomes_a_secret_wherever_it_is_from),
		CASE(test_a_user_without_password_is_a_secret),
		CASE(test_a_user_beside_a_password_is_a_secret),
		CASE(test_the_way_there_is_masked_where_it_is_secret),
		CASE(test_credentials_in_headers_are_secret),
		CASE(test_each_of_several_secrets_in_a_row_is_masked),
		CASE(test_a_secret_that_is_percent_encoded_may_come_back_decoded),
		CASE(test_a_body_is_kept_for_the_document_or_its_check),
		CASE(test_line_breaks_of_variables_do_not_reach_headers),
		CASE(test_what_cannot_be_rendered_is_told_without_secrets),
		CASE(test_the_authority_is_fixed_unless_now_reaches_it),
		CASE(test_nothing_can_be_freed),
	};

	setenv("GATHERD_TEST_KEY", "s3cr3t/k3y", 1);
	setenv("GATHERD_TEST_OTHER", "other-k3y", 1);
	setenv("GATHERD_TEST_ENCODED", "enc%2Foded%zz%4", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
