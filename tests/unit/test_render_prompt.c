#include "config/render_prompt.h"

#include "config_files.h"

#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/render.h"
#include "config/value.h"
#include "parsed.h"

#define PROVIDER "providers: {p: {api: ollama, model: m}}\n"

/* A config with the service `s` and the prompt `a`, and what templates find in the state. */
struct stage {
	struct config *config;
	const struct prompt *prompt;
	struct parsed parsed;
	struct value *state;
	struct template_value root;

	struct prompt_texts texts;
	struct secrets *secrets;
	struct render_fault fault;
};

/* All of the state comes from answers. */
static size_t
get_fetched(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	struct template_value inner;
	size_t taken;

	value_for_template(map->node, &inner);
	taken = inner.data->get(&inner, path, len, found);
	if (taken > 0 && found->kind == TEMPLATE_MAP)
		*found = (struct template_value){
			.kind = TEMPLATE_MAP,
			.node = found->node,
			.data = map->data,
			.fetched = true,
		};
	found->fetched = true;
	return taken;
}

static const struct template_data fetched_data = { .get = get_fetched };

/* TOP are keys of the file, KEYS those of the prompt. */
static void
stage_init(struct stage *stage, const char *top, const char *keys, const char *state)
{
	char *yaml = xasprintf(PROVIDER
	    "%s\nservices: {s: {url: http://s, extract: {x: /x}}}\nprompts: {a: {%s}}\n",
	    top, keys);

	*stage = (struct stage){ .config = load_text(yaml) };
	stage->prompt = target_prompt(stage->config->targets[1]);
	parsed_init(&stage->parsed, state);
	stage->state = value_load(stage->parsed.root, ".", stage->parsed.faults);
	assert_non_null(stage->state);
	stage->root = (struct template_value){
		.kind = TEMPLATE_MAP,
		.node = stage->state,
		.data = &fetched_data,
	};
	stage->secrets = secrets_new();
	free(yaml);
}

static bool
render(struct stage *stage)
{
	const struct render_with with = { .wall_ms = 1000, .state = &stage->root };

	return render_prompt(stage->config, stage->prompt, &with, &stage->texts,
	    stage->secrets, &stage->fault);
}

static void
stage_clear(struct stage *stage)
{
	free(stage->fault.why);
	prompt_texts_clear(&stage->texts);
	secrets_free(stage->secrets);
	value_free(stage->state);
	parsed_clear(&stage->parsed);
	config_unref(stage->config);
}

static void
assert_texts(struct stage *stage, const char *prompt, const char *system)
{
	assert_true(render(stage));
	assert_string_equal(stage->texts.prompt.text.data, prompt);
	assert_string_equal(stage->texts.system.text.data, system);
	assert_null(stage->fault.why);
}

static void
assert_refused(struct stage *stage, const char *why, const char *name)
{
	assert_false(render(stage));
	assert_string_equal(stage->fault.why, why);
	assert_int_equal(stage->fault.missing, name != NULL);
	if (name != NULL)
		assert_string_equal(stage->fault.name, name);
	else
		assert_null(stage->fault.name);
}

/* ---- what comes of templates ---- */

static void
test_a_prompt_is_its_text(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage, "", "prompt: Say hi", "{}");
	assert_texts(&stage, "Say hi", "");
	assert_int_equal(stage.texts.cut_count, 0);
	assert_true(secrets_empty(stage.secrets));
	stage_clear(&stage);
}

static void
test_both_texts_have_vars_and_answers(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage, "vars: {who: Ada, list: [1, {a: b}]}",
	    "prompt: \"{{who}}: {{services.s.data.x}} {{list}}\", system: \"{{now}} "
	    "{{status}}\"",
	    "services: {s: {data: {x: \"<5 & \\\"y\\\">\"}}}\nstatus: ok\n");
	assert_texts(&stage, "Ada: <5 & \"y\"> [1,{\"a\":\"b\"}]",
	    "1970-01-01T00:00:01.000Z ok");
	stage_clear(&stage);
}

static void
test_what_is_put_in_is_no_template(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage, "vars: {who: Ada}", "prompt: \"{{services.s.data.x}}\"",
	    "services: {s: {data: {x: \"{{who}} $${HOME} {{#a}}\"}}}\n");
	assert_texts(&stage, "{{who}} ${HOME} {{#a}}", "");
	stage_clear(&stage);
}

static void
test_a_file_is_a_template_as_well(UNUSED void **state)
{
	struct stage stage;

	write_file("p.txt", "Hello {{who}}, ${HOME}!\n");
	stage_init(&stage, "vars: {who: Ada}", "prompt: {file: p.txt}", "{}");
	assert_texts(&stage, "Hello Ada, ${HOME}!", "");
	stage_clear(&stage);
}

static void
test_secrets_are_marked_and_collected(UNUSED void **state)
{
	struct stage stage;
	struct buffer masked;
	char *shown;

	setenv("GATHERD_TEST_KEY", "s3cret-word", 1);
	stage_init(&stage, "vars: {k: \"${GATHERD_TEST_KEY}\"}",
	    "prompt: \"key {{k}}\", system: \"${GATHERD_TEST_KEY}\"", "{}");
	assert_texts(&stage, "key s3cret-word", "s3cret-word");
	shown = marked_shown(&stage.texts.prompt);
	assert_string_equal(shown, "key ***");
	free(shown);
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked(stage.secrets, &masked, "a s3cret-word", 13);
	assert_string_equal(masked.data, "a ***");
	buffer_clear(&masked);
	stage_clear(&stage);
}

/* ---- how values are put in ---- */

static void
test_long_values_are_cut_and_counted(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage, "vars: {v: abcdefgh}",
	    "prompt: \"{{services.s.data.x}} {{v}}\", system: \"{{v}}\", max_insert: 4",
	    "services: {s: {data: {x: abcd}}}\n");
	assert_true(render(&stage));
	assert_int_equal(stage.texts.cut_count, 2);
	assert_non_null(strstr(stage.texts.prompt.text.data, "abcd abcd["));
	stage_clear(&stage);
}

static void
test_what_was_fetched_can_be_fenced(UNUSED void **state)
{
	struct stage stage;
	const char *text;

	stage_init(&stage, "vars: {v: mine}",
	    "prompt: \"{{v}}: {{services.s.data.x}}\", system: \"{{v}}\", fence: true",
	    "services: {s: {data: {x: theirs}}}\n");
	assert_true(render(&stage));
	text = stage.texts.prompt.text.data;
	assert_ptr_equal(strstr(text, "mine: "), text);
	assert_non_null(strstr(text, "services.s.data.x"));
	assert_non_null(strstr(text, "\ntheirs\n"));
	assert_string_equal(stage.texts.system.text.data, "mine");
	stage_clear(&stage);
}

/* The hash of what is sent has to be the same. */
static void
test_the_same_state_makes_the_same_text(UNUSED void **state)
{
	struct stage stages[2];

	for (size_t i = 0; i < 2; i++) {
		stage_init(&stages[i], "",
		    "prompt: \"{{services.s.data.x}}\", fence: true, max_insert: 3",
		    "services: {s: {data: {x: theirs}}}\n");
		assert_true(render(&stages[i]));
	}
	assert_string_equal(
	    stages[0].texts.prompt.text.data, stages[1].texts.prompt.text.data);
	stage_clear(&stages[0]);
	stage_clear(&stages[1]);
}

/* ---- why there is none ---- */

static void
test_a_missing_name_is_told(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage, "", "prompt: \"{{services.s.data.x}}\"",
	    "services: {s: {data: {x: null}}}\n");
	assert_refused(
	    &stage, "prompt: services.s.data.x is missing", "services.s.data.x");
	stage_clear(&stage);
	stage_init(&stage, "", "prompt: x, system: \"{{services.s.data.x}}\"",
	    "services: {s: {}}\n");
	assert_refused(
	    &stage, "system: services.s.data.x is missing", "services.s.data.x");
	stage_clear(&stage);
}

static void
test_the_first_missing_name_alone_is_told(UNUSED void **state)
{
	struct stage stage;

	stage_init(&stage, "",
	    "prompt: \"{{services.s.data.x}}\", system: \"{{services.s.data.y}}\"",
	    "services: {s: {}}\n");
	assert_refused(
	    &stage, "prompt: services.s.data.x is missing", "services.s.data.x");
	stage_clear(&stage);
}

static void
test_nothing_but_blanks_is_no_prompt(UNUSED void **state)
{
	struct stage stage;

	stage_init(
	    &stage, "", "prompt: \" {{#failed}}{{.}}{{/failed}}\\n\"", "failed: []\n");
	assert_refused(&stage, "prompt: there is no text in it", NULL);
	stage_clear(&stage);
	stage_init(
	    &stage, "", "prompt: \" {{#failed}}{{.}}{{/failed}}\\n\"", "failed: [s]\n");
	assert_texts(&stage, " s\n", "");
	stage_clear(&stage);
	/* What a section comes to is not known when the config is read. */
	stage_init(
	    &stage, "", "prompt: \"{{^failed}}all well{{/failed}}\"", "failed: []\n");
	assert_texts(&stage, "all well", "");
	stage_clear(&stage);
}

static void
test_a_text_has_an_end(UNUSED void **state)
{
	struct stage stage;
	struct buffer answers;

	buffer_init(&answers, BUFFER_UNLIMITED);
	buffer_append_string(&answers, "services: {s: {data: {x: \"");
	for (size_t i = 0; i < 600 * 1024; i++)
		buffer_append_char(&answers, 'x');
	buffer_append_string(&answers, "\"}}}\n");
	stage_init(&stage, "",
	    "prompt: \"{{services.s.data.x}}{{services.s.data.x}}\", max_insert: 1MiB",
	    answers.data);
	assert_refused(&stage, "prompt: too large", NULL);
	stage_clear(&stage);
	buffer_clear(&answers);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_prompt_is_its_text),
		CASE(test_both_texts_have_vars_and_answers),
		CASE(test_what_is_put_in_is_no_template),
		CASE(test_a_file_is_a_template_as_well),
		CASE(test_secrets_are_marked_and_collected),
		CASE(test_long_values_are_cut_and_counted),
		CASE(test_what_was_fetched_can_be_fenced),
		CASE(test_the_same_state_makes_the_same_text),
		CASE(test_a_missing_name_is_told),
		CASE(test_the_first_missing_name_alone_is_told),
		CASE(test_nothing_but_blanks_is_no_prompt),
		CASE(test_a_text_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
