/*
 * Requests that name what other targets answered.
 */
#include "config_files.h"

#include "parsed.h"

#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/render.h"
#include "config/value.h"

/* What templates find in the state. */
struct stage {
	struct config *config;
	struct parsed parsed;
	struct value *state;
	struct template_value root;
};

/* The targets are `a`, which the others may name, and `s`, which has KEYS. */
static void
stage_init(struct stage *stage, const char *keys, const char *state)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
	    "services:\n"
	    "  s: {%s}\n"
	    "  a: {url: http://a, extract: {x: /x, host: /host, list: /list}}\n",
	    keys);
	stage->config = load_text(yaml);
	parsed_init(&stage->parsed, state);
	stage->state = value_load(stage->parsed.root, ".", stage->parsed.faults);
	assert_non_null(stage->state);
	value_for_template(stage->state, &stage->root);
}

static void
stage_clear(struct stage *stage)
{
	value_free(stage->state);
	parsed_clear(&stage->parsed);
	config_unref(stage->config);
}

static struct rendered_request *
render(const struct stage *stage, struct render_fault *fault)
{
	const struct render_with with = { .state = &stage->root, .shown = true };

	return render_request(stage->config, stage->config->targets[0], &with, fault);
}

static void
test_what_another_answered_is_put_in_everywhere(UNUSED void **state)
{
	struct rendered_request *rendered;
	struct render_fault fault;
	struct stage stage;

	stage_init(&stage,
	    "url: \"http://h/{{services.a.values.x}}\", headers: {X: "
	    "\"{{services.a.values.x}}\"}, json: {k: \"{{{services.a.values.list}}}\", l: "
	    "\"{{status}}\"}, auth: {bearer: \"{{services.a.values.x}}\"}",
	    "services: {a: {values: {x: 1 2, list: [1, {y: z}]}}}\nstatus: ok\n");
	assert_null(stage.config->targets[0]->rendered);
	assert_string_equal(stage.config->targets[0]->host, "http://h:80");
	rendered = render(&stage, &fault);
	assert_non_null(rendered);
	assert_string_equal(rendered->request.url.text, "http://h/1%202");
	assert_string_equal(rendered->request.headers[0].value, "1 2");
	assert_string_equal(rendered->request.headers[1].value, "Bearer 1 2");
	assert_string_equal(
	    rendered->request.body, "{\"k\":[1,{\"y\":\"z\"}],\"l\":\"ok\"}");
	rendered_request_free(rendered);
	stage_clear(&stage);
}

static void
test_values_that_are_secret_stay_so(UNUSED void **state)
{
	struct rendered_request *rendered;
	struct render_fault fault;
	struct stage stage;

	stage_init(&stage,
	    "url: \"http://h/{{services.a.values.x}}\", headers: {X-Token: "
	    "\"{{services.a.values.x}}\"}, form: {t: \"{{services.a.values.x}}\"}",
	    "services: {a: {values: {x: \"${GATHERD_TEST_KEY}\"}}}\n");
	rendered = render(&stage, &fault);
	assert_non_null(rendered);
	assert_string_equal(rendered->shown_url, "http://h/***");
	assert_true(rendered->request.headers[0].secret);
	assert_true(rendered->request.body_secret);
	assert_string_equal(rendered->shown_body, "t=***");
	assert_false(secrets_empty(rendered->request.secrets));
	rendered_request_free(rendered);
	stage_clear(&stage);
}

static void
test_a_name_that_the_state_lacks_is_told(UNUSED void **state)
{
	static const char *const keys[] = {
		"url: \"http://h/{{services.a.values.x}}\"",
		"url: http://h, headers: {X: \"{{services.a.values.x}}\"}",
		"url: http://h, body: \"{{services.a.values.x}}\"",
		"url: http://h, json: {k: [\"{{services.a.values.x}}\"]}",
		"url: http://h, json: {k: \"{{services.a.values.x}}-\"}",
		"url: http://h, form: {k: \"{{services.a.values.x}}\"}",
		"url: http://h, auth: {digest: {user: u, password: "
		"\"{{services.a.values.x}}\"}}",
	};

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		struct render_fault fault;
		struct stage stage;

		stage_init(&stage, keys[i], "services: {a: {values: {}}}\n");
		assert_null(render(&stage, &fault));
		assert_true(fault.missing);
		assert_string_equal(fault.name, "services.a.values.x");
		assert_non_null(strstr(fault.why, "services.a.values.x is missing"));
		free(fault.why);
		stage_clear(&stage);
	}
}

static void
test_what_fits_no_url_is_no_missing_name(UNUSED void **state)
{
	struct render_fault fault;
	struct stage stage;

	stage_init(&stage, "url: \"http://h/{{services.a.values.list}}\"",
	    "services: {a: {values: {list: [1]}}}\n");
	assert_null(render(&stage, &fault));
	assert_false(fault.missing);
	assert_null(fault.name);
	assert_string_equal(
	    fault.why, "url: services.a.values.list is neither text nor a number");
	free(fault.why);
	stage_clear(&stage);
}

static void
test_without_a_state_all_of_it_is_missing(UNUSED void **state)
{
	const struct render_with with = { .wall_ms = 0 };
	struct render_fault fault;
	struct stage stage;

	stage_init(
	    &stage, "url: \"http://h/{{#failed}}x{{/failed}}{{status}}\"", "{}\n");
	assert_null(
	    render_request(stage.config, stage.config->targets[0], &with, &fault));
	assert_true(fault.missing);
	assert_string_equal(fault.name, "status");
	free(fault.why);
	stage_clear(&stage);
}

static void
test_the_state_does_not_say_where_to_ask(UNUSED void **state)
{
	static const char *const urls[] = {
		"http://{{services.a.values.host}}/",
		"http://h:{{services.a.values.x}}/",
		"{{services.a.values.x}}",
		"{{{services.a.values.x}}}://h/",
		"http://u:{{services.a.values.x}}@h/",
		"http://h{{#services.a.values.x}}2{{/services.a.values.x}}/",
		"http://h{{^services.a.values.x}}2{{/services.a.values.x}}/",
		"http://{{#failed}}{{.}}{{/failed}}/",
	};

	for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
		char yaml[256];

		snprintf(yaml, sizeof(yaml),
		    "services: {s: \"%s\", a: {url: http://a, extract: {x: /x, host: "
		    "/h}}}\n",
		    urls[i]);
		write_file("c.yaml", yaml);
		assert_string_equal(faults_of("c.yaml"),
		    "c.yaml:1:15: error: url: scheme, host and port cannot come from "
		    "{{now}} or from services\n");
	}
}

/* What no look at the template tells shows when it is rendered. */
static void
test_what_reaches_the_host_all_the_same_is_refused(UNUSED void **state)
{
	struct render_fault fault;
	struct stage stage;

	stage_init(&stage,
	    "url: \"http://h{{#services.a}}{{#values}}{{host}}{{/values}}{{/services.a}}/\"",
	    "services: {a: {values: {host: .evil.example}}}\n");
	assert_null(render(&stage, &fault));
	assert_string_equal(fault.why,
	    "url: scheme, host and port cannot come from {{now}} or from services");
	assert_false(fault.missing);
	free(fault.why);
	stage_clear(&stage);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

static void
test_what_is_put_in_climbs_up_no_path(UNUSED void **state)
{
	static const struct {
		const char *url;
		const char *value;
		bool fine;
	} cases[] = {
		{ "http://h/a/{{services.a.values.x}}/c", "..", false },
		{ "http://h/a/{{services.a.values.x}}", ".", false },
		{ "http://h/a/.{{services.a.values.x}}/c", ".", false },
		{ "http://h/a/{{{services.a.values.x}}}", "x/../../y", false },
		{ "http://h/a/{{{services.a.values.x}}}/c", "%2E%2e", false },
		{ "http://h/a/{{services.a.values.x}}/c", "...", true },
		{ "http://h/a/{{services.a.values.x}}/../c", "x", true },
		{ "http://h/a/x{{services.a.values.x}}/c", "..", true },
		{ "http://h/a?q={{services.a.values.x}}", "..", true },
		{ "http://h/a?q=/{{services.a.values.x}}/", "..", true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *keys = xasprintf("url: \"%s\"", cases[i].url);
		char *known =
		    xasprintf("{services: {a: {values: {x: \"%s\"}}}}", cases[i].value);
		struct rendered_request *rendered;
		struct render_fault fault = { 0 };
		struct stage stage;

		stage_init(&stage, keys, known);
		rendered = render(&stage, &fault);
		assert_int_equal(rendered != NULL, cases[i].fine);
		if (rendered == NULL) {
			assert_false(fault.missing);
			assert_string_equal(fault.why,
			    "url: what is put in makes a \".\" or \"..\" of its path");
		}
		free(fault.why);
		rendered_request_free(rendered);
		stage_clear(&stage);
		free(known);
		free(keys);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_another_answered_is_put_in_everywhere),
		CASE(test_values_that_are_secret_stay_so),
		CASE(test_a_name_that_the_state_lacks_is_told),
		CASE(test_what_fits_no_url_is_no_missing_name),
		CASE(test_without_a_state_all_of_it_is_missing),
		CASE(test_what_is_put_in_climbs_up_no_path),
		CASE(test_the_state_does_not_say_where_to_ask),
		CASE(test_what_reaches_the_host_all_the_same_is_refused),
	};

	setenv("GATHERD_TEST_KEY", "s3cr3t-k3y", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
