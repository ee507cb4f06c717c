/*
 * Prompts as a config says them.
 */
#include "config_files.h"

#include "base/marked.h"
#include "base/xalloc.h"

/* The provider of whoever does not say; what is asked of it needs a model. */
#define PROVIDER "providers: {p: {api: ollama, model: m}}\n"

static const struct prompt *
prompt_of(const struct config *config, const char *name)
{
	const struct target *target = config_find(config, name);

	assert_non_null(target);
	assert_non_null(target_prompt(target));
	return target_prompt(target);
}

/* A config with one prompt, "a", which says KEYS beside `prompt`. */
static struct config *
load_prompt(const char *keys)
{
	char *yaml = xasprintf(PROVIDER "prompts: {a: {prompt: x, %s}}\n", keys);
	struct config *config = load_text(yaml);

	free(yaml);
	return config;
}

/* ---- keys ---- */

static void
test_what_is_not_said_has_its_default(UNUSED void **state)
{
	struct config *config = load_text(PROVIDER "prompts: {a: {prompt: x}}\n");
	const struct prompt *a = prompt_of(config, "a");
	const struct target *target = &a->target;

	assert_int_equal(target->kind, TARGET_PROMPT);
	assert_ptr_equal(a->provider, config->providers[0]);
	assert_string_equal(a->model_name.text.data, "m");
	assert_string_equal(target->host, "http://127.0.0.1:11434");
	assert_int_equal(target->interval_ms, 30000);
	assert_int_equal(target->timeout_ms, 60000);
	assert_int_equal(target->connect_timeout_ms, 3000);
	assert_int_equal(target->retries, 2);
	assert_int_equal(target->retry_delay_ms, 500);
	assert_int_equal(target->deadline_ms, 180000);
	assert_false(target->deadline_said);
	assert_int_equal(target->max_body_bytes, 1024 * 1024);
	assert_int_equal(target->max_depth, 28);
	assert_true(target->enabled && target->required);
	assert_false(target->keep_last || a->fence);
	assert_null(a->temperature.text);
	assert_null(a->top_p.text);
	assert_null(a->seed.text);
	assert_int_equal(a->max_tokens, 0);
	assert_int_equal(a->stop.count, 0);
	assert_int_equal(a->format, PROMPT_TEXT);
	assert_null(a->schema.source);
	assert_null(a->extra_body);
	assert_int_equal(a->when, WHEN_ALWAYS);
	assert_int_equal(a->budget.per_ms, 0);
	assert_int_equal(a->store, STORE_FULL);
	assert_int_equal(a->max_insert_bytes, 16 * 1024);
	assert_null(target->rendered);
	config_unref(config);
}

static void
test_every_key_is_taken(UNUSED void **state)
{
	struct config *config = load_prompt(
	    "system: Be short., temperature: 0.70, top_p: 1, max_tokens: 64, "
	    "stop: [END, \"\\n\"], seed: -7, extra_body: {options: {num_ctx: 8192}}, "
	    "schema: {type: object, required: [a]}, when: changed, "
	    "budget: {tokens: 25, per: 1d}, store_prompt: hash, max_insert: 1KiB, "
	    "fence: yes, interval: 10m, timeout: 2m, connect_timeout: 1s, delay: 2s, "
	    "retries: 0, retry_delay: 1s, deadline: 5m, backoff: 1h, max_body: 2MiB, "
	    "max_depth: 9, expect: {json: {/a: 1}}, warn: {duration: {maximum: 1s}}, "
	    "extract: {a: /a}, keep_last: yes, required: no, group: g, "
	    "description: d, labels: {l: m}");
	const struct prompt *a = prompt_of(config, "a");

	assert_string_equal(a->system.templated.text.value.text.data, "Be short.");
	assert_string_equal(a->temperature.text, "0.70");
	assert_true(a->temperature.value > 0.69 && a->temperature.value < 0.71);
	assert_string_equal(a->top_p.text, "1");
	assert_int_equal(a->max_tokens, 64);
	assert_int_equal(a->stop.count, 2);
	assert_string_equal(a->stop.items[1].text.value.text.data, "\n");
	assert_string_equal(a->seed.text, "-7");
	assert_int_equal(a->extra_body->count, 1);
	assert_non_null(a->schema.schema);
	/* That is what a schema means. */
	assert_int_equal(a->format, PROMPT_JSON);
	assert_int_equal(a->when, WHEN_CHANGED);
	assert_int_equal(a->budget.tokens, 25);
	assert_int_equal(a->budget.per_ms, 86400000);
	assert_int_equal(a->store, STORE_HASH);
	assert_int_equal(a->max_insert_bytes, 1024);
	assert_true(a->fence);
	assert_int_equal(a->target.interval_ms, 600000);
	assert_int_equal(a->target.timeout_ms, 120000);
	assert_int_equal(a->target.retries, 0);
	assert_int_equal(a->target.deadline_ms, 300000);
	assert_true(a->target.deadline_said);
	assert_true(a->target.wants_json);
	assert_int_equal(a->target.extract.count, 1);
	config_unref(config);
}

static void
test_nothing_behind_a_key_takes_away_what_defaults_say(UNUSED void **state)
{
	struct config *config = load_text(PROVIDER
	    "defaults: {system: x, temperature: 1, seed: 1, stop: x, schema: {type: "
	    "object},\n"
	    "  budget: {tokens: 1, per: 1d}, model: n}\n"
	    "prompts:\n"
	    "  a: {prompt: x, system: , temperature: ~, seed: , stop: null, schema: ,\n"
	    "    budget: , model: }\n"
	    "  b: {prompt: x}\n");
	const struct prompt *a = prompt_of(config, "a");
	const struct prompt *b = prompt_of(config, "b");

	assert_int_equal(a->system.templated.text.place.line, 0);
	assert_null(a->temperature.text);
	assert_null(a->seed.text);
	assert_int_equal(a->stop.count, 0);
	assert_null(a->schema.source);
	assert_int_equal(a->format, PROMPT_TEXT);
	assert_int_equal(a->budget.per_ms, 0);
	assert_string_equal(a->model_name.text.data, "m");
	assert_string_equal(b->system.templated.text.value.text.data, "x");
	assert_string_equal(b->temperature.text, "1");
	assert_int_equal(b->format, PROMPT_JSON);
	assert_int_equal(b->budget.tokens, 1);
	assert_string_equal(b->model_name.text.data, "n");
	config_unref(config);
}

/* ---- defaults ---- */

static void
test_the_nearest_timeout_counts(UNUSED void **state)
{
	struct config *config =
	    load_text("timeout: 4s\n"
	              "providers:\n"
	              "  slow: {api: ollama, model: m, timeout: 5m}\n"
	              "  plain: {api: ollama, model: m}\n"
	              "prompts:\n"
	              "  a: {prompt: x, provider: slow, timeout: 7s}\n"
	              "  b: {prompt: x, provider: slow}\n"
	              "  c: {prompt: x, provider: plain}\n");

	assert_int_equal(config_find(config, "a")->timeout_ms, 7000);
	assert_int_equal(config_find(config, "b")->timeout_ms, 300000);
	assert_int_equal(config_find(config, "b")->deadline_ms, 900000);
	/* The file's is for services. */
	assert_int_equal(config_find(config, "c")->timeout_ms, 60000);
	config_unref(config);

	config = load_text("defaults: {timeout: 20s}\n"
	                   "providers:\n"
	                   "  slow: {api: ollama, model: m, timeout: 5m}\n"
	                   "  plain: {api: ollama, model: m}\n"
	                   "services: {s: http://s}\n"
	                   "prompts:\n"
	                   "  a: {prompt: x, provider: slow, timeout: 7s}\n"
	                   "  b: {prompt: x, provider: slow}\n"
	                   "  c: {prompt: x, provider: plain}\n");
	assert_int_equal(config_find(config, "s")->timeout_ms, 20000);
	assert_int_equal(config_find(config, "a")->timeout_ms, 7000);
	assert_int_equal(config_find(config, "b")->timeout_ms, 300000);
	assert_int_equal(config_find(config, "c")->timeout_ms, 20000);
	config_unref(config);
}

static void
test_defaults_hold_for_the_kind_that_has_the_key(UNUSED void **state)
{
	struct config *config = load_text(
	    "defaults: {retries: 4, labels: {a: b}, interval: 5m, headers: {X: y}, "
	    "redirects: 1,\n"
	    "  temperature: 0.5, extra_body: {a: 1, b: 2}, provider: p}\n"
	    "providers: {p: {api: ollama, model: m}, q: {api: ollama, model: m}}\n"
	    "services: {s: http://s}\n"
	    "prompts:\n"
	    "  a: {prompt: x, labels: {c: d}, extra_body: {b: 3}}\n");
	const struct target *s = config_find(config, "s");
	const struct prompt *a = prompt_of(config, "a");

	assert_int_equal(s->retries, 4);
	assert_int_equal(s->redirects, 1);
	assert_int_equal(s->headers.count, 1);
	assert_int_equal(s->interval_ms, 300000);
	assert_int_equal(a->target.retries, 4);
	assert_int_equal(a->target.interval_ms, 300000);
	assert_int_equal(a->target.labels.count, 2);
	assert_int_equal(a->target.headers.count, 0);
	assert_string_equal(a->temperature.text, "0.5");
	assert_int_equal(a->extra_body->count, 2);
	assert_string_equal(value_get(a->extra_body, "b")->text.source, "3");
	assert_string_equal(a->provider->name, "p");
	config_unref(config);
}

/* What `format` in `defaults` is to services, to prompts, and to one that says so itself. */
static void
assert_formats(const char *defaults, enum body_format service,
    enum prompt_format prompt, enum prompt_format with_schema)
{
	char *yaml = xasprintf("defaults: %s\n" PROVIDER "services: {s: http://s}\n"
	                       "prompts: {a: {prompt: x}, b: {prompt: x, schema: "
	                       "{type: object}}, c: {prompt: x, format: json}}\n",
	    defaults);
	struct config *config = load_text(yaml);

	assert_int_equal(config_find(config, "s")->format, service);
	assert_int_equal(prompt_of(config, "a")->format, prompt);
	assert_int_equal(prompt_of(config, "b")->format, with_schema);
	assert_int_equal(prompt_of(config, "c")->format, PROMPT_JSON);
	config_unref(config);
	free(yaml);
}

static void
test_a_format_of_defaults_is_for_prompts_where_they_have_it(UNUSED void **state)
{
	assert_formats("{}", FORMAT_AUTO, PROMPT_TEXT, PROMPT_JSON);
	assert_formats("{format: auto}", FORMAT_AUTO, PROMPT_TEXT, PROMPT_JSON);
	assert_formats("{format: none}", FORMAT_NONE, PROMPT_TEXT, PROMPT_JSON);
	assert_formats("{format: json}", FORMAT_JSON, PROMPT_JSON, PROMPT_JSON);
	assert_formats("{format: text}", FORMAT_TEXT, PROMPT_TEXT, PROMPT_JSON);
}

/* ---- who is asked ---- */

static void
test_for_each_goes_over_providers_and_models(UNUSED void **state)
{
	struct config *config = load_text(
	    "vars: {big: \"12b\"}\n"
	    "providers: {p: {api: ollama}, q: {api: ollama, base_url: \"http://q\"}}\n"
	    "prompts:\n"
	    "  \"{{where}} {{what}}\":\n"
	    "    for_each: {where: [p, q], what: [gemma, llama]}\n"
	    "    provider: \"{{where}}\"\n"
	    "    model: \"{{what}}:{{big}}\"\n"
	    "    prompt: Say {{what}}.\n"
	    "    budget: {tokens: 5, per: 1h}\n");
	const struct prompt *last = prompt_of(config, "q llama");

	assert_int_equal(config->target_count, 4);
	assert_string_equal(config->targets[1]->name, "p llama");
	assert_string_equal(
	    prompt_of(config, "p gemma")->model_name.text.data, "gemma:12b");
	assert_string_equal(last->provider->name, "q");
	assert_string_equal(last->target.host, "http://q:80");
	assert_string_equal(last->model_name.text.data, "llama:12b");
	assert_int_equal(last->budget.tokens, 5);
	config_unref(config);
}

static void
test_services_come_first_and_both_are_numbered_through(UNUSED void **state)
{
	struct config *config = load_text(
	    "prompts: {a: {prompt: x}, b: {prompt: x, enabled: no}, c: {prompt: x}}\n" PROVIDER
	    "services: {d: http://d, e: {url: http://e, enabled: no}}\n");

	assert_int_equal(config->service_count, 1);
	assert_int_equal(config->target_count, 3);
	assert_string_equal(config->targets[0]->name, "d");
	assert_string_equal(config->targets[1]->name, "a");
	assert_string_equal(config->targets[2]->name, "c");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(config->targets[i]->index, i);
	assert_int_equal(config->disabled_count, 2);
	assert_null(config_find(config, "b"));
	config_unref(config);
}

static void
test_what_is_kept_alone_keeps_what_it_depends_on(UNUSED void **state)
{
	static const char *const names[] = { "b" };
	struct config *config =
	    load_text(PROVIDER "services: {s: http://s, t: http://t}\n"
	                       "prompts:\n"
	                       "  a: {prompt: \"{{services.s.status}}\"}\n"
	                       "  b: {prompt: \"{{prompts.a.response}}\"}\n"
	                       "  c: {prompt: x}\n");

	config_keep_only(config, names, ARRAY_COUNT(names));
	assert_int_equal(config->target_count, 3);
	assert_int_equal(config->service_count, 1);
	assert_string_equal(config->targets[0]->name, "s");
	assert_string_equal(config->targets[2]->name, "b");
	assert_int_equal(config->targets[2]->index, 2);
	assert_int_equal(config->provider_count, 1);
	config_unref(config);
}

/* ---- files ---- */

static void
test_a_prompt_may_stand_in_a_file_of_its_own(UNUSED void **state)
{
	struct config *config;
	const struct prompt *a;

	assert_int_equal(mkdir("conf.d", 0755), 0);
	write_file("conf.d/a.txt", "Say {{word}}: ${HOME} $$\n\n");
	/* What some editors begin UTF-8 with is none of it. */
	write_file("s.txt",
	    "\xef\xbb\xbf"
	    "Be short.");
	write_file("conf.d/a.yaml",
	    "vars: {word: hi}\n"
	    "prompts: {a: {prompt: {file: a.txt}, system: {file: ../s.txt}}}\n");
	write_file("c.yaml", "include: conf.d/*.yaml\n" PROVIDER);
	config = load_good("c.yaml");
	a = prompt_of(config, "a");
	/* Less the last newline, and ${...} is nothing special. */
	assert_string_equal(
	    a->prompt.templated.text.value.text.data, "Say {{word}}: ${HOME} $$\n");
	assert_non_null(a->prompt.templated.template);
	assert_string_equal(a->prompt.file.source, "conf.d/a.txt");
	assert_string_equal(a->system.templated.text.value.text.data, "Be short.");
	config_unref(config);
}

static void
test_what_is_wrong_in_a_file_is_told_where_it_is_named(UNUSED void **state)
{
	static const struct {
		const char *content;
		const char *fault;
	} cases[] = {
		{ "{{nope}}", "prompt: unknown name nope" },
		{ "{{#a}}", "prompt: the section \"a\" is not closed" },
		{ "\xff", "file q.txt is not UTF-8" },
		{ "", "prompt: there is no text in it" },
		{ "\xef\xbb\xbf", "prompt: there is no text in it" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *expected = xasprintf("c.yaml:2:31: error: %s\n", cases[i].fault);

		write_file("q.txt", cases[i].content);
		write_file(
		    "c.yaml", PROVIDER "prompts: {a: {prompt: { file: q.txt}}}\n");
		assert_string_equal(faults_of("c.yaml"), expected);
		free(expected);
	}
}

static void
test_included_files_have_providers_and_prompts(UNUSED void **state)
{
	struct config *config;

	write_file("a.yaml", PROVIDER "prompts: {a: {prompt: x}}\n");
	write_file("b.yaml", "prompts: {b: {prompt: x}}\ndefaults: {retries: 5}\n");
	write_file("c.yaml", "include: [b.yaml, a.yaml]\nprompts: {c: {prompt: x}}\n");
	config = load_good("c.yaml");
	assert_int_equal(config->target_count, 3);
	assert_string_equal(config->targets[0]->name, "c");
	assert_string_equal(config->targets[1]->name, "a");
	assert_int_equal(config->targets[1]->retries, 5);
	config_unref(config);

	write_file("b.yaml", "prompts: {c: {prompt: x}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "b.yaml:1:11: error: prompts: c is already set at c.yaml:2:11\n");
}

/* ---- faults ---- */

static const struct {
	const char *keys; /* of the prompt a, in line 2, from column 15 on */
	const char *fault;
} broken[] = {
	{ "model: m", "2:11: error: a: prompt is missing" },
	{ "prompt: ", "2:23: error: prompt: expected text, or {file: PATH}" },
	{ "prompt: \"\"", "2:23: error: prompt: there is no text in it" },
	{ "prompt: [x]", "2:23: error: prompt: expected text, not a list" },
	{ "prompt: {file: }", "2:23: error: prompt: file is missing" },
	{ "prompt: {fiel: a}", "2:24: error: unknown key fiel (did you mean file?)" },
	{ "prompt: {file: nope.txt}",
	    "2:30: error: file nope.txt cannot be read: No such file or directory" },
	{ "prompt: {file: .}", "2:30: error: file . cannot be read: Is a directory" },
	{ "prompt: x, url: y", "2:26: error: unknown key url" },
	{ "prompt: x, promt: y",
	    "2:26: error: unknown key promt (did you mean prompt?)" },
	{ "prompt: x, temperature: -0.1",
	    "2:39: error: temperature: expected a number from 0 on such as 0.5" },
	{ "prompt: x, temperature: .5",
	    "2:39: error: temperature: expected a number from 0 on such as 0.5" },
	{ "prompt: x, temperature: 1e999",
	    "2:39: error: temperature: expected a number from 0 on such as 0.5" },
	{ "prompt: x, top_p: 1.1",
	    "2:33: error: top_p: expected a number from 0 to 1 such as 0.5" },
	{ "prompt: x, seed: 1.0",
	    "2:32: error: seed: expected a whole number such as 42" },
	{ "prompt: x, seed: 9223372036854775808",
	    "2:32: error: seed: expected a whole number such as 42" },
	{ "prompt: x, max_tokens: 0",
	    "2:38: error: max_tokens: expected a whole number from 1 to 1000000000" },
	{ "prompt: x, stop: [\"\"]",
	    "2:33: error: stop: expected text that is not empty" },
	{ "prompt: x, stop: {a: b}",
	    "2:32: error: stop: expected text or a list of texts" },
	{ "prompt: x, format: auto", "2:34: error: format: expected text or json" },
	{ "prompt: x, schema: [1]",
	    "2:34: error: schema: expected a map of JSON Schema's words" },
	{ "prompt: x, format: text, schema: {type: object}",
	    "2:34: error: format: text beside schema: an answer that keeps to it is "
	    "JSON" },
	{ "prompt: x, when: sometimes",
	    "2:32: error: when: expected always, changed or failing" },
	{ "prompt: x, store_prompt: some",
	    "2:40: error: store_prompt: expected full, hash or none" },
	{ "prompt: x, max_insert: 0",
	    "2:38: error: max_insert: expected a size over 0 such as 64KiB or 1MB" },
	{ "prompt: x, extra_body: 1",
	    "2:38: error: extra_body: expected a map of fields" },
	{ "prompt: x, budget: {tokens: 5}", "2:26: error: budget: per is missing" },
	{ "prompt: x, provider: q",
	    "2:36: error: provider: no provider is called q: expected one of p" },
	{ "prompt: x, model: \"{{nope}}\"", "2:33: error: model: unknown name nope" },
};

static void
test_what_is_wrong_is_told_at_its_place(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
		char *yaml = xasprintf(PROVIDER "prompts: {a: {%s}}\n", broken[i].keys);
		char *expected = xasprintf("c.yaml:%s\n", broken[i].fault);

		write_file("c.yaml", yaml);
		assert_string_equal(faults_of("c.yaml"), expected);
		free(expected);
		free(yaml);
	}
}

static void
test_a_prompt_is_a_map(UNUSED void **state)
{
	write_file("c.yaml", PROVIDER "prompts: {a: x, b: , c: [x]}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:2:14: error: a: expected a map of keys such as {prompt: TEXT}\n"
	    "c.yaml:2:20: error: b: expected a map of keys such as {prompt: TEXT}\n"
	    "c.yaml:2:25: error: c: expected a map of keys such as {prompt: TEXT}\n");
}

static void
test_defaults_of_prompts_are_looked_at_without_any(UNUSED void **state)
{
	write_file("c.yaml",
	    "defaults:\n"
	    "  prompt: x\n"
	    "  for_each: {a: [1]}\n"
	    "  url: http://a\n"
	    "  system: \"{{nope}}\"\n"
	    "  temperature: x\n"
	    "  format: jsn\n"
	    "  base_url: x\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:2:3: error: defaults: each prompt has its own prompt\n"
	    "c.yaml:3:3: error: defaults: each target has its own for_each\n"
	    "c.yaml:4:3: error: defaults: each service has its own url\n"
	    "c.yaml:5:11: error: system: unknown name nope\n"
	    "c.yaml:6:16: error: temperature: expected a number from 0 on such as 0.5\n"
	    "c.yaml:7:11: error: format: expected auto, json, text or none (did you "
	    "mean json?)\n"
	    "c.yaml:8:3: error: unknown key base_url\n");
}

static void
test_a_text_format_of_defaults_beside_their_schema_is_a_fault(UNUSED void **state)
{
	write_file("c.yaml",
	    "defaults: {format: text, schema: {type: object}}\n" PROVIDER
	    "prompts: {a: {prompt: x}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:1:20: error: format: text beside schema: an answer that keeps to "
	    "it is JSON\n");
}

static void
test_names_are_unique_over_services_and_prompts(UNUSED void **state)
{
	write_file("c.yaml",
	    PROVIDER "services:\n"
	             "  a: http://a\n"
	             "  \"{{x}}b\": {url: http://b, for_each: {x: [a, b]}}\n"
	             "prompts:\n"
	             "  a: {prompt: x}\n"
	             "  bb: {prompt: x, enabled: no}\n"
	             "  c: {prompt: x}\n"
	             "  \"{{y}}\": {prompt: x, for_each: {y: [c, d, d]}}\n"
	             "  \"\": {prompt: x}\n"
	             "  \"n{{y}}\": {prompt: x, for_each: {z: [1]}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:6:3: error: prompts: a is already the name of a service at "
	    "c.yaml:3:3\n"
	    "c.yaml:7:3: error: prompts: bb is already the name of a service at "
	    "c.yaml:4:3\n"
	    "c.yaml:9:3: error: prompts: c is already the name of a prompt at "
	    "c.yaml:8:3\n"
	    "c.yaml:9:3: error: prompts: {{y}}: for_each gives the name d twice\n"
	    "c.yaml:10:3: error: prompts: a prompt needs a name\n"
	    "c.yaml:11:3: error: prompts: n{{y}}: the name has to hold {{z}}, as "
	    "for_each says\n");
}

static void
test_rounds_as_a_whole_have_all_prompts_in_them(UNUSED void **state)
{
	write_file("c.yaml",
	    PROVIDER "mode: fail_fast\n"
	             "prompts: {a: {prompt: x, interval: 5m, backoff: 1h}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:3:36: error: interval: with mode fail_fast all targets have that "
	    "of the file, 30s\n"
	    "c.yaml:3:49: error: backoff: with mode fail_fast all targets are asked in "
	    "each round\n");
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_is_not_said_has_its_default),
		CASE(test_every_key_is_taken),
		CASE(test_nothing_behind_a_key_takes_away_what_defaults_say),
		CASE(test_the_nearest_timeout_counts),
		CASE(test_defaults_hold_for_the_kind_that_has_the_key),
		CASE(test_a_format_of_defaults_is_for_prompts_where_they_have_it),
		CASE(test_for_each_goes_over_providers_and_models),
		CASE(test_services_come_first_and_both_are_numbered_through),
		CASE(test_what_is_kept_alone_keeps_what_it_depends_on),
		CASE(test_a_prompt_may_stand_in_a_file_of_its_own),
		CASE(test_what_is_wrong_in_a_file_is_told_where_it_is_named),
		CASE(test_included_files_have_providers_and_prompts),
		CASE(test_what_is_wrong_is_told_at_its_place),
		CASE(test_a_prompt_is_a_map),
		CASE(test_defaults_of_prompts_are_looked_at_without_any),
		CASE(test_a_text_format_of_defaults_beside_their_schema_is_a_fault),
		CASE(test_names_are_unique_over_services_and_prompts),
		CASE(test_rounds_as_a_whole_have_all_prompts_in_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
