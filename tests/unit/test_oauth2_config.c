#include "config_files.h"

#include "base/json_pointers.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/oauth2.h"
#include "config/render.h"
#include "http/request.h"

/* The services of YAML, whose `auth` is told as AUTH. */
#define AUTH(auth) "auth: {oauth2: {" auth "}}"
#define SETTINGS \
	"token_url: \"http://t/token\", client_id: me, client_secret: s3cret-word"

static void
assert_faults(const char *yaml, const char *expected)
{
	write_file("c.yaml", yaml);
	assert_string_equal(faults_of("c.yaml"), expected);
}

static const struct request *
request_of(const struct config *config, size_t source)
{
	assert_true(source < config->token_source_count);
	assert_non_null(config->token_sources[source]->rendered);
	return &config->token_sources[source]->rendered->request;
}

static const char *
header_of(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

static void
test_a_token_is_fetched_by_a_form_and_basic(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {orders: {url: http://a, " AUTH(SETTINGS) "}}\n");
	const struct target *source = config->token_sources[0];
	const struct request *request = request_of(config, 0);

	assert_int_equal(config->token_source_count, 1);
	assert_ptr_equal(config->targets[0]->oauth2, source);
	assert_string_equal(source->name, "orders (token)");
	assert_string_equal(request_method(request), "POST");
	assert_string_equal(request->url.text, "http://t/token");
	assert_string_equal(source->host, "http://t:80");
	assert_string_equal(request->body, "grant_type=client_credentials");
	assert_string_equal(
	    header_of(request, "Content-Type"), "application/x-www-form-urlencoded");
	assert_string_equal(header_of(request, "Accept"), "application/json");
	assert_int_equal(request->auth, AUTH_BASIC);
	assert_string_equal(request->user, "me");
	assert_string_equal(request->password, "s3cret-word");
	assert_false(secrets_empty(request->secrets));
	/* A service that needs a token is rendered with it, each time anew. */
	assert_null(config->targets[0]->rendered);
	config_unref(config);
}

static void
test_its_answer_is_json_with_a_secret(UNUSED void **state)
{
	struct config *config =
	    load_text("services: {a: {url: http://a, " AUTH(SETTINGS) "}}\n");
	const struct target *source = config->token_sources[0];

	assert_int_equal(source->format, FORMAT_JSON);
	assert_false(source->data);
	assert_true(source->wants_json);
	assert_true(source->has_secret_value);
	assert_true(source->retry_unsafe);
	assert_int_equal(source->extract.count, 3);
	assert_string_equal(source->extract.items[0].name, "access_token");
	assert_true(source->extract.items[0].secret);
	assert_string_equal(source->extract.items[1].path, "/token_type");
	assert_string_equal(source->extract.items[2].path, "/expires_in");
	assert_true(
	    source->extract.items[2].pointer < json_pointers_count(source->pointers));
	config_unref(config);
}

/* RFC 6749, 2.3.1 and appendix B. */
static void
test_basic_credentials_are_form_encoded(UNUSED void **state)
{
	struct config *config = load_text("services: {a: {url: http://a, " AUTH(
	    "token_url: \"http://t\", client_id: \"a b:c\", "
	    "client_secret: \"p%+/~\\u00e9*-._\"") "}}\n");
	const struct request *request = request_of(config, 0);
	struct buffer masked;

	assert_string_equal(request->user, "a+b%3Ac");
	assert_string_equal(request->password, "p%25%2B%2F%7E%C3%A9*-._");
	/* Either spelling may come back. */
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked(request->secrets, &masked, "bad: p%+/~\u00e9*-._!",
	    strlen("bad: p%+/~\u00e9*-._!"));
	assert_string_equal(masked.data, "bad: ***!");
	buffer_clear(&masked);
	config_unref(config);
}

static void
test_credentials_may_stand_in_the_body(UNUSED void **state)
{
	struct config *config = load_text("services: {a: {url: http://a, " AUTH(
	    SETTINGS ", client_auth: body, scope: \"read write\"") "}}\n");
	const struct request *request = request_of(config, 0);

	assert_string_equal(request->body,
	    "grant_type=client_credentials&scope=read+write&client_id=me"
	    "&client_secret=s3cret-word");
	assert_true(request->body_secret);
	assert_int_equal(request->auth, AUTH_NONE);
	config_unref(config);
}

static void
test_settings_that_are_the_same_share_one_source(UNUSED void **state)
{
	struct config *config = load_text("defaults: {" AUTH(
	    SETTINGS) "}\n"
	              "vars: {id: me}\n"
	              "services:\n"
	              "  a: http://a\n"
	              "  b: {url: http://b, timeout: 1s}\n"
	              "  c: {url: http://c, " AUTH(
	                  "token_url: \"http://t/token\", client_id: \"{{id}}\", client_secret: "
	                  "s3cret-word") "}\n"
	                                 "  d: {url: http://d, " AUTH(SETTINGS
	                                     ", scope: x") "}\n"
	                                                   "  e: {url: http://e, " AUTH(
	                                                       SETTINGS
	                                                       ", client_auth: body") "}\n"
	                                                                              "  f: {url: http://f, ip: 4}\n"
	                                                                              "  g: {url: http://g, auth: {bearer: x}}\n"
	                                                                              "  h: {url: http://h, enabled: no, " AUTH(
	                                                                                  SETTINGS
	                                                                                  ", scope: z") "}\n");
	struct target **targets = config->targets;

	assert_int_equal(config->token_source_count, 4);
	assert_ptr_equal(targets[0]->oauth2, config->token_sources[0]);
	assert_ptr_equal(targets[1]->oauth2, config->token_sources[0]);
	assert_ptr_equal(targets[2]->oauth2, config->token_sources[0]);
	assert_ptr_equal(targets[3]->oauth2, config->token_sources[1]);
	assert_ptr_equal(targets[4]->oauth2, config->token_sources[2]);
	assert_ptr_equal(targets[5]->oauth2, config->token_sources[3]);
	assert_null(targets[6]->oauth2);
	config_unref(config);
}

static void
test_it_asks_as_the_first_of_its_services_does(UNUSED void **state)
{
	struct config *config = load_text(
	    "services: {a: {url: http://a, timeout: 1500ms, connect_timeout: 1s, retries: 2, "
	    "retry_delay: 1s, interval: 1m, deadline: 9s, redirects: 0, reuse: no, ip: 6, "
	    "proxy: \"http://u:p@proxy:81\", tls: {min_version: 1.3, verify: no}, "
	    "compressed: yes, resolve: {t: 1.2.3.4}, delay: 5s, backoff: 1h, method: PUT, "
	    "headers: {X: y}, expect: {status: 404}, extract: {x: /x}, group: g, " AUTH(
	        SETTINGS) "}}\n");
	const struct target *source = config->token_sources[0];

	assert_int_equal(source->timeout_ms, 1500);
	assert_int_equal(source->connect_timeout_ms, 1000);
	assert_int_equal(source->interval_ms, 60000);
	assert_int_equal(source->deadline_ms, 9000);
	assert_int_equal(source->retries, 2);
	assert_int_equal(source->retry_delay_ms, 1000);
	assert_int_equal(source->redirects, 0);
	assert_false(source->reuse);
	assert_true(route_equal(&source->way.route, &config->targets[0]->way.route));
	assert_int_equal(source->way.route.min_version, TLS_1_3);
	assert_false(source->way.tls.verify);
	assert_int_equal(source->way.route.pin_count, 1);
	/* What is the service's own is not. */
	assert_int_equal(source->delay_ms, 0);
	assert_int_equal(source->backoff_ms, 0);
	assert_null(header_of(&source->rendered->request, "X"));
	assert_int_equal(source->expect.rules.status_count, 0);
	assert_int_equal(source->extract.count, 3);
	config_unref(config);
}

static void
test_for_each_may_have_a_source_for_each(UNUSED void **state)
{
	struct config *config = load_text(
	    "services:\n"
	    "  \"s{{r}}\":\n"
	    "    for_each: {r: [eu, us]}\n"
	    "    url: http://a\n"
	    "    " AUTH(
	        "token_url: \"http://{{r}}/t\", client_id: i, client_secret: s") "\n");

	assert_int_equal(config->token_source_count, 2);
	assert_string_equal(request_of(config, 1)->url.text, "http://us/t");
	assert_string_equal(config->token_sources[1]->name, "sus (token)");
	config_unref(config);
}

static void
test_what_was_put_in_is_no_template(UNUSED void **state)
{
	struct config *config;

	setenv("GATHERD_TEST_WORD", "{{nope}}", 1);
	config = load_text("services: {a: {url: http://a, " AUTH(
	    "token_url: \"http://t\", client_id: \"${GATHERD_TEST_WORD}\", "
	    "client_secret: s, scope: \"${GATHERD_TEST_WORD}\"") "}}\n");
	assert_string_equal(request_of(config, 0)->body,
	    "grant_type=client_credentials&scope=%7B%7Bnope%7D%7D");
	assert_string_equal(request_of(config, 0)->user, "%7B%7Bnope%7D%7D");
	config_unref(config);
}

static void
test_faults_are_told_at_their_texts(UNUSED void **state)
{
	assert_faults("services: {a: {url: http://a, auth: {oauth2: {client_id: i, "
	              "client_secret: s}}}}\n",
	    "c.yaml:1:38: error: oauth2: token_url is missing\n");
	assert_faults("services: {a: {url: http://a, " AUTH(
	                  "token_url: t, client_id: i, client_secret: s") "}}\n",
	    "c.yaml:1:58: error: auth.oauth2.token_url is no absolute http(s) URL: it does "
	    "not begin with http:// or https://\n");
	assert_faults(
	    "services: {a: {url: http://a, " AUTH(
	        "token_url: \"http://u:p@t\", client_id: i, client_secret: s") "}}\n",
	    "c.yaml:1:58: error: auth.oauth2.token_url: a user in it: that is what "
	    "client_id and client_secret are for\n");
	assert_faults(
	    "services: {a: {url: http://a, " AUTH(
	        "token_url: \"http://t\", client_id: \"\", client_secret: s") "}}\n",
	    "c.yaml:1:81: error: auth.oauth2.client_id is empty\n");
	assert_faults("services: {b: http://b, a: {url: http://a, " AUTH(
	                  "token_url: \"http://t/{{services.b.status}}\", client_id: "
	                  "\"{{now}}\", client_secret: \"{{x}}\"") "}}\n",
	    "c.yaml:1:71: error: auth.oauth2.token_url: services.b.status: only vars can "
	    "stand here\n"
	    "c.yaml:1:116: error: auth.oauth2.client_id: now is missing\n"
	    "c.yaml:1:142: error: auth.oauth2.client_secret: unknown name x\n");
}

static void
test_what_is_left_out_leaves_its_source_out(UNUSED void **state)
{
	struct config *config =
	    load_text("services:\n"
	              "  a: {url: http://a, " AUTH(
	                  SETTINGS) "}\n"
	                            "  b: {url: http://b, " AUTH(SETTINGS
	                                ", scope: x") "}\n"
	                                              "  c: {url: http://c, " AUTH(
	                                                  SETTINGS ", scope: x") "}\n");
	const char *names[] = { "c" };

	config_keep_only(config, names, 1);
	assert_int_equal(config->token_source_count, 1);
	assert_string_equal(config->token_sources[0]->name, "c (token)");
	assert_ptr_equal(config->targets[0]->oauth2, config->token_sources[0]);
	config_unref(config);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_token_is_fetched_by_a_form_and_basic),
		CASE(test_its_answer_is_json_with_a_secret),
		CASE(test_basic_credentials_are_form_encoded),
		CASE(test_credentials_may_stand_in_the_body),
		CASE(test_settings_that_are_the_same_share_one_source),
		CASE(test_it_asks_as_the_first_of_its_services_does),
		CASE(test_for_each_may_have_a_source_for_each),
		CASE(test_what_was_put_in_is_no_template),
		CASE(test_faults_are_told_at_their_texts),
		CASE(test_what_is_left_out_leaves_its_source_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
