#include "config_files.h"

#include "config/templates.h"

static void
note(const struct target_template *one, void *arg)
{
	assert_non_null(*one->template);
	buffer_append_format(arg, "%s%s%s%s%s%s%s\n", one->what,
	    one->place == TEMPLATE_URL ? " url" : "",
	    one->place == TEMPLATE_HEADER ? " header" : "",
	    one->takes_any ? " any" : "", one->from_state ? " state" : "",
	    one->secret ? " secret" : "", one->identity ? " identity" : "");
}

/* The templates of the first target of YAML, one a line. */
static void
assert_templates(const char *yaml, const char *expected)
{
	struct config *config = load_text(yaml);
	struct buffer lines;

	buffer_init(&lines, BUFFER_UNLIMITED);
	templates_each(config->targets[0], note, &lines);
	assert_string_equal(lines.data, expected);
	buffer_clear(&lines);
	config_unref(config);
}

static void
test_templates_stand_in_the_order_of_the_keys(UNUSED void **state)
{
	assert_templates("services: {a: http://a}\n", "url url state\n");
	assert_templates(
	    "services: {a: {auth: {basic: {user: u, password: p}}, json: "
	    "{x: y, z: [1, \"2\"]}, url: http://a, headers: {X: a, Cookie: "
	    "b}}}\n",
	    "url url state\n"
	    "headers: X header state\n"
	    "headers: Cookie header state secret\n"
	    "json any state\n"
	    "json any state\n"
	    "auth.basic.user header state secret identity\n"
	    "auth.basic.password header state secret\n");
	assert_templates(
	    "services: {a: {auth: {bearer: u}, body: \"\", url: http://a}}\n",
	    "url url state\nbody any state\nauth.bearer header state secret\n");
	assert_templates(
	    "services: {a: {auth: {digest: {user: u}}, form: {a: b, c: d}, url: "
	    "http://a}}\n",
	    "url url state\nform: a any state\nform: c any state\n"
	    "auth.digest.user header state secret identity\n");
}

static void
test_those_of_a_token_name_vars_alone(UNUSED void **state)
{
	assert_templates("services: {a: {url: http://a, auth: {oauth2: {token_url: "
	                 "http://t/, client_id: a, client_secret: b, scope: c}}}}\n",
	    "url url state\n"
	    "auth.oauth2.token_url url\n"
	    "auth.oauth2.client_id header secret identity\n"
	    "auth.oauth2.client_secret header secret\n"
	    "auth.oauth2.scope header\n");
}

static void
test_of_a_prompt_two_name_vars_alone(UNUSED void **state)
{
	assert_templates(
	    "providers: {p: {api: ollama}}\n"
	    "prompts: {a: {system: s, model: m, provider: p, prompt: t}}\n",
	    "provider\nmodel\nprompt any state\nsystem any state\n");
	assert_templates("providers: {p: {api: ollama, model: m}}\n"
	                 "prompts: {a: {prompt: t}}\n",
	    "prompt any state\n");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_templates_stand_in_the_order_of_the_keys),
		CASE(test_those_of_a_token_name_vars_alone),
		CASE(test_of_a_prompt_two_name_vars_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
