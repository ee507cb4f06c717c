#include "config_files.h"

#include "base/xalloc.h"
#include "config/target_prompt.h"
#include "rules/schema.h"

#define TWO                                                                            \
	"providers:\n  one: {api: ollama, model: m1}\n  two: {api: openai, base_url: " \
	"\"https://h:8443/v1\"}\n"

/* The prompt at INDEX of CONFIG. */
static const struct prompt *
prompt_at(const struct config *config, size_t index)
{
	const struct prompt *prompt = target_prompt(config->targets[index]);

	assert_non_null(prompt);
	return prompt;
}

static void
assert_faults(const char *yaml, const char *expected)
{
	write_file("c.yaml", yaml);
	assert_string_equal(faults_of("c.yaml"), expected);
}

/* ---- who is asked ---- */

static void
test_the_only_provider_need_not_be_named(UNUSED void **state)
{
	struct config *config = load_text("providers: {p: {api: ollama, model: m}}\n"
	                                  "prompts: {a: {prompt: x}}\n");
	const struct prompt *prompt = prompt_at(config, 0);

	assert_ptr_equal(prompt->provider, config->providers[0]);
	assert_string_equal(prompt->model_name.text.data, "m");
	assert_string_equal(prompt->target.host, "http://127.0.0.1:11434");
	assert_false(prompt->target.asks_tls);
	config_unref(config);
}

static void
test_a_prompt_goes_to_where_its_provider_is(UNUSED void **state)
{
	struct config *config = load_text(TWO
	    "prompts: {a: {provider: two, model: m2, prompt: x}, b: {provider: one, "
	    "prompt: x}, c: {provider: one, model: m3, prompt: x}}\n");

	assert_string_equal(prompt_at(config, 0)->provider->name, "two");
	assert_string_equal(prompt_at(config, 0)->model_name.text.data, "m2");
	assert_string_equal(config->targets[0]->host, "https://h:8443");
	assert_true(config->targets[0]->asks_tls);
	assert_string_equal(prompt_at(config, 1)->model_name.text.data, "m1");
	assert_string_equal(prompt_at(config, 2)->model_name.text.data, "m3");
	config_unref(config);
}

static void
test_for_each_may_go_over_providers_and_models(UNUSED void **state)
{
	struct config *config =
	    load_text(TWO "vars: {family: llama}\n"
	                  "prompts:\n"
	                  "  \"{{who}}-{{size}}\":\n"
	                  "    for_each: {who: [one, two], size: [small, big]}\n"
	                  "    provider: \"{{who}}\"\n"
	                  "    model: \"{{family}}-{{size}}\"\n"
	                  "    prompt: x\n");

	assert_int_equal(config->target_count, 4);
	assert_string_equal(prompt_at(config, 0)->provider->name, "one");
	assert_string_equal(prompt_at(config, 0)->model_name.text.data, "llama-small");
	assert_string_equal(prompt_at(config, 3)->provider->name, "two");
	assert_string_equal(prompt_at(config, 3)->model_name.text.data, "llama-big");
	config_unref(config);
}

static void
test_a_provider_that_is_none_is_told(UNUSED void **state)
{
	assert_faults(TWO "prompts:\n"
	                  "  a: {provider: twoo, prompt: x, model: m}\n"
	                  "  b: {provider: other, prompt: x, model: m}\n"
	                  "  c: {prompt: x, model: m}\n",
	    "c.yaml:5:17: error: provider: no provider is called twoo (did you mean two?)\n"
	    "c.yaml:6:17: error: provider: no provider is called other: expected one of "
	    "one, two\n"
	    "c.yaml:7:3: error: c: provider is missing: expected one of one, two\n");
	assert_faults("prompts: {a: {prompt: x, model: m}}\n",
	    "c.yaml:1:11: error: a: there is no provider: expected one under providers\n");
}

static void
test_a_secret_provider_is_not_told(UNUSED void **state)
{
	setenv("GATHERD_TEST_WORD", "s3cret-word", 1);
	assert_faults(TWO
	    "prompts: {a: {provider: \"${GATHERD_TEST_WORD}\", prompt: x, model: m}}\n",
	    "c.yaml:4:25: error: provider: no provider is called ***\n");
	/* Nor is what it is like. */
	setenv("GATHERD_TEST_WORD", "onee", 1);
	assert_faults(TWO
	    "prompts: {a: {provider: \"${GATHERD_TEST_WORD}\", prompt: x, model: m}}\n",
	    "c.yaml:4:25: error: provider: no provider is called ***\n");
}

static void
test_what_is_known_at_load_alone_says_who(UNUSED void **state)
{
	assert_faults(TWO
	    "services: {s: http://s}\n"
	    "prompts:\n"
	    "  a: {provider: one, model: \"{{now}}\", prompt: x}\n"
	    "  b: {provider: \"{{services.s.status}}\", model: m, prompt: x}\n"
	    "  c: {provider: \"{{nix}}\", model: m, prompt: x}\n"
	    "  d: {provider: one, model: \"{{#nix}}x{{/nix}}\", prompt: x}\n",
	    "c.yaml:6:29: error: model: now: only vars can stand here\n"
	    "c.yaml:7:17: error: provider: services.s.status: only vars can stand here\n"
	    "c.yaml:8:17: error: provider: unknown name nix\n"
	    "c.yaml:9:29: error: model: expected text\n");
}

static void
test_what_is_wrong_with_a_provider_is_told_once(UNUSED void **state)
{
	static const char prompt[] =
	    "prompts: {a: {prompt: x, budget: {cost: 1, per: 1d}}}\n";
	static const struct {
		const char *provider, *faults;
	} cases[] = {
		{ "[1]", "c.yaml:1:16: error: p: expected a map of keys\n" },
		{ "{}", "c.yaml:1:13: error: p: api is missing\n" },
		{ "{api: ollama, model: [m]}",
		    "c.yaml:1:37: error: model: expected text, not a list\n" },
		{ "{api: ollama, model: m, price: {input: x, output: 1}}",
		    "c.yaml:1:55: error: input: expected a decimal number such as "
		    "0.75\n" },
		{ "{api: ollama, base_url: x}",
		    "c.yaml:1:40: error: base_url is no absolute http(s) URL: it does "
		    "not begin with http:// or https://\n" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *yaml =
		    xasprintf("providers: {p: %s}\n%s", cases[i].provider, prompt);

		assert_faults(yaml, cases[i].faults);
		free(yaml);
	}
}

static void
test_a_model_has_to_be_said_somewhere(UNUSED void **state)
{
	assert_faults(TWO "prompts: {a: {provider: two, prompt: x}}\n",
	    "c.yaml:4:11: error: a: model is missing, and its provider two has none\n");
}

/* What is wrong with a provider is told of it alone. */
static void
test_a_broken_provider_is_no_fault_of_its_prompts(UNUSED void **state)
{
	assert_faults("providers: {p: {api: ollama, base_url: \"nowhere\", model: m}}\n"
	              "prompts: {a: {prompt: x}, b: {prompt: x, provider: p}}\n",
	    "c.yaml:1:40: error: base_url is no absolute http(s) URL: it does not begin "
	    "with http:// or https://\n");
}

/* ---- settings ---- */

static void
test_what_an_api_does_not_take_is_told(UNUSED void **state)
{
	assert_faults("providers:\n"
	              "  r: {api: openai-responses, key: k, model: m}\n"
	              "  a: {api: anthropic, key: k, model: m}\n"
	              "  g: {api: gemini, key: k, model: m}\n"
	              "prompts:\n"
	              "  a: {provider: r, prompt: x, stop: [a, b], seed: 1}\n"
	              "  b: {provider: a, prompt: x, stop: a, seed: 1}\n"
	              "  c: {provider: g, prompt: x, stop: a, seed: 1}\n",
	    "c.yaml:6:3: error: a: seed: the API of r (openai-responses) takes none\n"
	    "c.yaml:6:38: error: stop: the API of r (openai-responses) takes none\n"
	    "c.yaml:7:3: error: b: seed: the API of a (anthropic) takes none\n");
}

static void
test_money_cannot_be_counted_without_prices(UNUSED void **state)
{
	struct config *config;

	assert_faults("providers: {p: {api: ollama, model: m}}\n"
	              "prompts: {a: {prompt: x, budget: {cost: 1, per: 1d}}}\n",
	    "c.yaml:2:11: error: a: budget: its provider p has no price to count by\n");
	config = load_text(
	    "providers: {p: {api: ollama, model: m, price: {input: 0, output: 0.5}}}\n"
	    "prompts: {a: {prompt: x, budget: {cost: 1, per: 1d}}}\n");
	config_unref(config);
	config = load_text("providers: {p: {api: ollama, model: m}}\n"
	                   "prompts: {a: {prompt: x, budget: {tokens: 1, per: 1d}}}\n");
	config_unref(config);
}

static void
test_a_schema_makes_the_answer_json(UNUSED void **state)
{
	struct config *config = load_text(
	    "providers: {p: {api: ollama, model: m}}\n"
	    "prompts: {a: {prompt: x, schema: {type: object}}, b: {prompt: x}, "
	    "c: {prompt: x, format: json}}\n");

	assert_int_equal(prompt_at(config, 0)->format, PROMPT_JSON);
	assert_non_null(prompt_at(config, 0)->schema.schema);
	assert_int_equal(prompt_at(config, 1)->format, PROMPT_TEXT);
	assert_null(prompt_at(config, 1)->schema.schema);
	assert_int_equal(prompt_at(config, 2)->format, PROMPT_JSON);
	config_unref(config);
}

static void
test_a_faulty_schema_is_told_with_its_place(UNUSED void **state)
{
	assert_faults("providers: {p: {api: ollama, model: m}}\n"
	              "prompts: {a: {prompt: x, schema: {type: objet}}}\n",
	    "c.yaml:2:41: error: schema: type: expected null, boolean, number, integer, "
	    "string, array or object (did you mean object?)\n");
	assert_faults(
	    "providers: {p: {api: ollama, model: m}}\n"
	    "prompts: {a: {prompt: x, schema: {type: object}, format: text}}\n",
	    "c.yaml:2:58: error: format: text beside schema: an answer that keeps to it is "
	    "JSON\n");
}

/* ---- templates ---- */

static void
test_templates_of_a_prompt_are_tried_at_load(UNUSED void **state)
{
	assert_faults("providers: {p: {api: ollama, model: m}}\n"
	              "vars: {x: {y: z}, l: [1]}\n"
	              "prompts:\n"
	              "  a: {prompt: \"{{x}}{{l}}{{nix}}\"}\n"
	              "  b: {prompt: \"{{x.y}\", system: \"{{#x}}\"}\n"
	              "  c: {prompt: \" \\n\"}\n",
	    "c.yaml:4:15: error: prompt: unknown name nix\n"
	    "c.yaml:5:15: error: prompt: \"{{\" is not closed\n"
	    "c.yaml:5:33: error: system: the section \"x\" is not closed\n"
	    "c.yaml:6:15: error: prompt: there is no text in it\n");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_the_only_provider_need_not_be_named),
		CASE(test_a_prompt_goes_to_where_its_provider_is),
		CASE(test_for_each_may_go_over_providers_and_models),
		CASE(test_a_provider_that_is_none_is_told),
		CASE(test_a_secret_provider_is_not_told),
		CASE(test_what_is_known_at_load_alone_says_who),
		CASE(test_what_is_wrong_with_a_provider_is_told_once),
		CASE(test_a_model_has_to_be_said_somewhere),
		CASE(test_a_broken_provider_is_no_fault_of_its_prompts),
		CASE(test_what_an_api_does_not_take_is_told),
		CASE(test_money_cannot_be_counted_without_prices),
		CASE(test_a_schema_makes_the_answer_json),
		CASE(test_a_faulty_schema_is_told_with_its_place),
		CASE(test_templates_of_a_prompt_are_tried_at_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
