/*
 * What the request's keys come to when it is rendered: method, body, who asks.
 */
#include "config_files.h"

#include "base/secrets.h"
#include "config/render.h"
#include "config/types.h"
#include "config/value.h"
#include "config/yaml.h"

/* The first target's request with all that may be shown. */
static struct rendered_request *
render_with_token(const struct config *config, const char *bearer)
{
	const struct render_with with = { .shown = true, .bearer = bearer };
	struct render_fault fault;
	struct rendered_request *rendered =
	    render_request(config, config->targets[0], &with, &fault);

	assert_null(fault.why);
	assert_non_null(rendered);
	return rendered;
}

static struct rendered_request *
render(const struct config *config)
{
	return render_with_token(config, NULL);
}

/* The value of the header NAME, or NULL. */
static const char *
header_of(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

/* TEXT as it reads behind the masking of what REQUEST carries; until the next call. */
static const char *
masked(const struct request *request, const char *text)
{
	buffer_reset(&test_lines);
	secrets_append_masked(request->secrets, &test_lines, text, strlen(text));
	return test_lines.data;
}

/* ---- methods and bodies ---- */

static void
test_a_request_without_a_body_has_no_method_of_its_own(UNUSED void **state)
{
	struct config *config = load_text("services: {s: http://h}\n");
	struct rendered_request *rendered = render(config);

	assert_null(rendered->request.method);
	assert_null(rendered->request.body);
	assert_string_equal(request_method(&rendered->request), "GET");
	assert_int_equal(rendered->request.auth, AUTH_NONE);
	assert_ptr_equal(rendered->request.route, &config->targets[0]->way.route);
	assert_null(rendered->shown_body);
	assert_string_equal(rendered->shown_head, "");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_each_body_is_rendered_and_called_by_its_type(UNUSED void **state)
{
	static const struct {
		const char *keys;
		const char *method;
		const char *body;
		const char *type;
	} cases[] = {
		{ "body: \"a {{v}} {{{v}}}\"", "POST", "a \"x&y\" \"x&y\"",
		    "application/x-www-form-urlencoded" },
		{ "body: \"\"", "POST", "", "application/x-www-form-urlencoded" },
		{ "body: \"{{m}}\", method: PUT", "PUT", "{\"k\":[1,\"b\"]}",
		    "application/x-www-form-urlencoded" },
		{ "body: x, headers: {content-type: text/plain}", "POST", "x", NULL },
		{ "body: x, method: GET", "GET", "x",
		    "application/x-www-form-urlencoded" },
		{ "json: {a: 1.50, b: \"1\", c: [true, null, \"{{v}}\"], d: {}}",
		    "POST",
		    "{\"a\":1.50,\"b\":\"1\",\"c\":[true,null,\"\\\"x&y\\\"\"],\"d\":{}}",
		    "application/json" },
		{ "json: {a: \"{{{m}}}\", b: \"{{{n}}}\", c: \"{{n}}\", d: \"{{{v}}}\"}",
		    "POST",
		    "{\"a\":{\"k\":[1,\"b\"]},\"b\":7,\"c\":\"7\",\"d\":\"\\\"x&y\\\"\"}",
		    "application/json" },
		{ "json: null, method: PATCH", "PATCH", "null", "application/json" },
		{ "json: []", "POST", "[]", "application/json" },
		{ "form: {a: \"{{v}}\", \"b c\": \"1+1=2 /~ü\"}", "POST",
		    "a=%22x%26y%22&b+c=1%2B1%3D2+%2F~%C3%BC",
		    "application/x-www-form-urlencoded" },
		{ "form: {}", "POST", "", "application/x-www-form-urlencoded" },
		{ "form: {a: \"\"}, headers: {Content-Type: x/y}", "POST",
		    "a=", "x/y" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct rendered_request *rendered;
		const struct request *request;
		struct config *config;
		char yaml[512];

		snprintf(yaml, sizeof(yaml),
		    "vars: {v: '\"x&y\"', m: {k: [1, b]}, n: 7}\n"
		    "services: {s: {url: http://h, %s}}\n",
		    cases[i].keys);
		config = load_text(yaml);
		rendered = render(config);
		request = &rendered->request;
		assert_string_equal(request_method(request), cases[i].method);
		assert_string_equal(request->body, cases[i].body);
		assert_int_equal(request->body_len, strlen(cases[i].body));
		assert_string_equal(rendered->shown_body, cases[i].body);
		assert_false(request->body_secret);
		if (cases[i].type != NULL)
			assert_string_equal(
			    header_of(request, "Content-Type"), cases[i].type);
		else
			assert_null(header_of(request, "Content-Type"));
		assert_non_null(config->targets[0]->rendered);
		rendered_request_free(rendered);
		config_unref(config);
	}
}

static void
test_secrets_in_bodies_are_marked_and_not_shown(UNUSED void **state)
{
	static const struct {
		const char *key;
		const char *body;
		const char *shown;
	} cases[] = {
		{ "body: \"k={{k}}\"", "k=s3cr3t/\"k3y", "k=***" },
		{ "json: {a: \"${GATHERD_TEST_KEY}\", b: \"x{{k}}\"}",
		    "{\"a\":\"s3cr3t/\\\"k3y\",\"b\":\"xs3cr3t/\\\"k3y\"}",
		    "{\"a\":\"***\",\"b\":\"x***\"}" },
		{ "json: {a: \"{{{k}}}\", b: \"{{{m}}}\"}",
		    "{\"a\":\"s3cr3t/\\\"k3y\",\"b\":{\"x\":\"s3cr3t/\\\"k3y\"}}",
		    "{\"a\":\"***\",\"b\":{\"x\":\"***\"}}" },
		{ "form: {a: \"1{{k}}2\"}", "a=1s3cr3t%2F%22k3y2", "a=1***2" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct rendered_request *rendered;
		struct config *config;
		char yaml[256];

		snprintf(yaml, sizeof(yaml),
		    "vars: {k: \"${GATHERD_TEST_KEY}\", m: {x: \"${GATHERD_TEST_KEY}\"}}\n"
		    "services: {s: {url: http://h, %s}}\n",
		    cases[i].key);
		config = load_text(yaml);
		rendered = render(config);
		assert_string_equal(rendered->request.body, cases[i].body);
		assert_true(rendered->request.body_secret);
		assert_string_equal(rendered->shown_body, cases[i].shown);
		assert_string_equal(
		    masked(&rendered->request, "got s3cr3t/\"k3y"), "got ***");
		rendered_request_free(rendered);
		config_unref(config);
	}
}

static void
test_the_head_is_shown_without_secrets(UNUSED void **state)
{
	struct config *config = load_text(
	    "services: {s: {url: http://h, form: {}, headers: {X-A: a, Cookie: b=c, "
	    "X-K: \"k-${GATHERD_TEST_KEY}\"}, auth: {bearer: literal-token}}}\n");
	struct rendered_request *rendered = render(config);

	assert_string_equal(rendered->shown_head,
	    "X-A: a\nCookie: ***\nX-K: k-***\nAuthorization: Bearer ***\n"
	    "Content-Type: application/x-www-form-urlencoded\n");
	rendered_request_free(rendered);
	config_unref(config);
}

/* ---- who asks ---- */

static void
test_a_bearer_is_a_secret_header(UNUSED void **state)
{
	struct config *config =
	    load_text("vars: {t: \"lit\\r\\neral-{{x}}\"}\n"
	              "services: {s: {url: http://h, auth: {bearer: \"{{t}}1\"}}}\n");
	struct rendered_request *rendered = render(config);
	const struct request *request = &rendered->request;

	assert_string_equal(
	    header_of(request, "Authorization"), "Bearer literal-{{x}}1");
	assert_true(request->headers[0].secret);
	assert_int_equal(request->auth, AUTH_NONE);
	assert_string_equal(masked(request, "is literal-{{x}}1"), "is ***");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_user_and_password_are_secret_wherever_they_are_from(UNUSED void **state)
{
	static const struct {
		const char *kind;
		enum request_auth auth;
		const char *masked;
	} cases[] = {
		/* "ada-lovelace:p4ssw0rd!" in base64. */
		{ "basic", AUTH_BASIC, "*** *** ***" },
		{ "digest", AUTH_DIGEST, "*** *** YWRhLWxvdmVsYWNlOnA0c3N3MHJkIQ==" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct rendered_request *rendered;
		struct config *config;
		char yaml[256];

		snprintf(yaml, sizeof(yaml),
		    "vars: {u: ada}\nservices: {s: {url: http://h, auth: {%s: {user: "
		    "\"{{u}}-lovelace\", password: \"p4ssw0rd!\"}}}}\n",
		    cases[i].kind);
		config = load_text(yaml);
		rendered = render(config);
		assert_int_equal(rendered->request.auth, cases[i].auth);
		assert_string_equal(rendered->request.user, "ada-lovelace");
		assert_string_equal(rendered->request.password, "p4ssw0rd!");
		assert_null(header_of(&rendered->request, "Authorization"));
		assert_string_equal(masked(&rendered->request,
		                        "ada-lovelace p4ssw0rd! "
		                        "YWRhLWxvdmVsYWNlOnA0c3N3MHJkIQ=="),
		    cases[i].masked);
		assert_non_null(config->targets[0]->rendered);
		rendered_request_free(rendered);
		config_unref(config);
	}
}

static void
test_a_user_needs_no_password(UNUSED void **state)
{
	struct config *config = load_text(
	    "services: {s: {url: http://h, auth: {basic: {user: api-token}}}}\n");
	struct rendered_request *rendered = render(config);

	assert_string_equal(rendered->request.user, "api-token");
	assert_string_equal(rendered->request.password, "");
	assert_string_equal(masked(&rendered->request, "api-token"), "***");
	rendered_request_free(rendered);
	config_unref(config);
}

static void
test_an_access_token_is_put_in_at_each_turn(UNUSED void **state)
{
	const struct render_with without = { .wall_ms = 0 };
	struct config *config = load_text(
	    "services: {s: {url: http://h, auth: {oauth2: {token_url: http://t/, "
	    "client_id: a, client_secret: b}}}}\n");
	struct rendered_request *rendered;
	struct render_fault fault;

	assert_null(config->targets[0]->rendered);
	rendered = render_with_token(config, "access-token-1");
	assert_string_equal(
	    header_of(&rendered->request, "Authorization"), "Bearer access-token-1");
	assert_string_equal(rendered->shown_head, "Authorization: Bearer ***\n");
	assert_string_equal(masked(&rendered->request, "access-token-1"), "***");
	rendered_request_free(rendered);
	assert_null(render_request(config, config->targets[0], &without, &fault));
	assert_string_equal(fault.why, "auth.oauth2: there is no access token");
	assert_false(fault.missing);
	free(fault.why);
	config_unref(config);
}

static void
test_the_password_of_a_proxy_is_a_secret_of_the_request(UNUSED void **state)
{
	struct config *config = load_text(
	    "services: {s: {url: http://h, proxy: \"http://me:pr0xy-pass@p:3128\"}}\n");

	/* "me:pr0xy-pass" in base64. */
	assert_string_equal(masked(&config->targets[0]->rendered->request,
	                        "pr0xy-pass bWU6cHIweHktcGFzcw=="),
	    "*** ***");
	config_unref(config);
}

/* ---- what reads the answer ---- */

static void
test_rules_and_values_say_what_is_kept_of_an_answer(UNUSED void **state)
{
	static const struct {
		const char *keys;
		bool body;
		bool head;
	} cases[] = {
		{ "format: none", false, false },
		{ "format: text, data: false, expect: {body: {pattern: x}}", true,
		    false },
		{ "format: text, data: false, warn: {body: x}", true, false },
		{ "format: text, data: false, extract: {a: {pattern: x}}", true,
		    false },
		{ "format: none, extract: {a: {header: X}}", false, true },
		{ "format: none, expect: {header: {X: y}}", false, true },
		{ "format: none, expect: {status: 200}", false, false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct config *config;
		char yaml[256];

		snprintf(yaml, sizeof(yaml), "services: {s: {url: http://h, %s}}\n",
		    cases[i].keys);
		config = load_text(yaml);
		assert_int_equal(
		    config->targets[0]->rendered->request.keep_body, cases[i].body);
		assert_int_equal(
		    config->targets[0]->rendered->request.keep_head, cases[i].head);
		config_unref(config);
	}
}

/* ---- for_each ---- */

static void
test_names_of_for_each_come_before_vars(UNUSED void **state)
{
	struct config *config =
	    load_text("vars: {region: none, v: w}\n"
	              "services: {\"s-{{region}}\": {url: \"http://{{region}}/{{v}}\", "
	              "for_each: {region: [eu, us]}}, t: \"http://{{region}}\"}\n");

	assert_string_equal(
	    config->targets[0]->rendered->request.url.text, "http://eu/w");
	assert_string_equal(
	    config->targets[1]->rendered->request.url.text, "http://us/w");
	assert_string_equal(
	    config->targets[2]->rendered->request.url.text, "http://none/");
	assert_string_equal(config->targets[1]->host, "http://us:80");
	config_unref(config);
}

/* ---- what cannot be ---- */

static void
test_faults_of_a_request_are_told_at_their_texts(UNUSED void **state)
{
	static const struct {
		const char *keys;
		const char *fault;
	} cases[] = {
		{ "body: x, json: {}",
		    "1:46: error: json beside body: a request has one "
		    "body" },
		{ "form: {a: b}, body: x",
		    "1:51: error: form beside body: a request has one "
		    "body" },
		{ "auth: {basic: {user: \"a:b\"}}",
		    "1:52: error: auth.basic.user: a colon in it, which Basic "
		    "authentication cannot carry" },
		{ "auth: {bearer: x}, headers: {authorization: y}",
		    "1:75: error: headers: authorization beside auth: expected only one" },
		{ "auth: {bearer: x, basic: {user: a}}",
		    "1:49: error: auth: basic beside bearer: expected only one" },
		{ "auth: {basic: {password: x}}",
		    "1:38: error: basic: user is missing" },
		{ "auth: {oauth2: {token_url: http://t, client_id: a}}",
		    "1:38: error: oauth2: client_secret is missing" },
		{ "json: {a: \"{{x}}\"}", "1:41: error: json: unknown name x" },
		{ "json: [\"{{\"]", "1:38: error: json: " },
		{ "form: {a: \"{{x}}\"}", "1:41: error: form: a: unknown name x" },
		{ "body: \"{{x}}\"", "1:37: error: body: unknown name x" },
		{ "auth: {bearer: \"{{x}}\"}",
		    "1:46: error: auth.bearer: unknown name x" },
		{ "auth: {oauth2: {token_url: http://t, client_id: a, client_secret: "
		  "\"{{services.t.values.x}}\"}}",
		    "1:97: error: auth.oauth2.client_secret: services.t.values.x: only vars "
		    "can stand here" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char yaml[256];
		const char *lines;

		snprintf(yaml, sizeof(yaml), "services: {s: {url: http://h, %s}}\n",
		    cases[i].keys);
		write_file("c.yaml", yaml);
		lines = faults_of("c.yaml");
		if (strncmp(lines, "c.yaml:", 7) != 0 ||
		    strncmp(lines + 7, cases[i].fault, strlen(cases[i].fault)) != 0)
			assert_string_equal(lines, cases[i].fault);
	}
	write_file("c.yaml", "services: {s: {url: http://u:p@h, auth: {bearer: x}}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:1:21: error: url: a user beside auth: expected only one\n");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_request_without_a_body_has_no_method_of_its_own),
		CASE(test_each_body_is_rendered_and_called_by_its_type),
		CASE(test_secrets_in_bodies_are_marked_and_not_shown),
		CASE(test_the_head_is_shown_without_secrets),
		CASE(test_a_bearer_is_a_secret_header),
		CASE(test_user_and_password_are_secret_wherever_they_are_from),
		CASE(test_a_user_needs_no_password),
		CASE(test_an_access_token_is_put_in_at_each_turn),
		CASE(test_the_password_of_a_proxy_is_a_secret_of_the_request),
		CASE(test_rules_and_values_say_what_is_kept_of_an_answer),
		CASE(test_names_of_for_each_come_before_vars),
		CASE(test_faults_of_a_request_are_told_at_their_texts),
	};

	setenv("GATHERD_TEST_KEY", "s3cr3t/\"k3y", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
