#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "parsed.h"

#include "base/marked.h"
#include "base/secrets.h"
#include "config/json_body.h"
#include "config/text.h"
#include "config/value.h"

/* A body, and what it is rendered over: the values of `body` and `vars`. */
struct stage {
	struct parsed parsed;
	struct value *tree, *vars;
	struct json_body *body;
	struct marked out;
	struct secrets *carried;
	const char *name;
};

static void
stage_init(struct stage *stage, const char *yaml)
{
	*stage = (struct stage){ .carried = secrets_new() };
	parsed_init(&stage->parsed, yaml);
	stage->tree =
	    value_load(yaml_get(stage->parsed.root, "body"), ".", stage->parsed.faults);
	stage->vars =
	    value_load(yaml_get(stage->parsed.root, "vars"), ".", stage->parsed.faults);
	assert_string_equal(parsed_lines(&stage->parsed), "");
	stage->body = json_body_compile(stage->tree, stage->parsed.faults);
	marked_init(&stage->out, TEMPLATE_MAX_OUTPUT);
}

static enum template_result
render(struct stage *stage)
{
	struct template_value root;

	value_for_template(stage->vars, &root);
	return json_body_render(
	    stage->body, &root, &stage->out, stage->carried, &stage->name);
}

static void
stage_clear(struct stage *stage)
{
	json_body_free(stage->body);
	value_free(stage->tree);
	value_free(stage->vars);
	secrets_free(stage->carried);
	marked_clear(&stage->out);
	parsed_clear(&stage->parsed);
}

static void
assert_rendered(const char *yaml, const char *json)
{
	struct stage stage;

	stage_init(&stage, yaml);
	assert_int_equal(render(&stage), TEMPLATE_RENDERED);
	assert_string_equal(stage.out.text.data, json);
	stage_clear(&stage);
}

static void
test_types_and_keys_stay_as_they_are_written(UNUSED void **state)
{
	assert_rendered(
	    "{body: {a: 1.50, b: \"1\", c: [true, \"true\", null, yes], \"{{x}}\": "
	    "-0e+7, \"q\\\"\": []}, vars: {}}",
	    "{\"a\":1.50,\"b\":\"1\",\"c\":[true,\"true\",null,\"yes\"],\"{{x}}\":-0e+7,"
	    "\"q\\\"\":[]}");
	assert_rendered(
	    "{body: 12345678901234567890, vars: {}}", "12345678901234567890");
	assert_rendered("{body: \"\", vars: {}}", "\"\"");
	assert_rendered("{body: {}, vars: {}}", "{}");
}

static void
test_strings_are_templates_and_escaped_as_a_whole(UNUSED void **state)
{
	assert_rendered(
	    "{body: [\"{{x}}\", \"a{{{x}}}b\", \"\\n\\\"\\u00fc\"], vars: {x: \"\\\"\\\\\\t\"}}",
	    "[\"\\\"\\\\\\t\",\"a\\\"\\\\\\tb\",\"\\n\\\"\xc3\xbc\"]");
	assert_rendered(
	    "{body: [\"{{n}}\", \"{{t}}\", \"{{#l}}{{.}};{{/l}}\"], vars: {n: 7, "
	    "t: true, l: [1, 2]}}",
	    "[\"7\",\"true\",\"1;2;\"]");
	/* A list or map inside a text is JSON inside a text. */
	assert_rendered(
	    "{body: [\"x{{l}}\"], vars: {l: [1, \"a\"]}}", "[\"x[1,\\\"a\\\"]\"]");
}

static void
test_a_lone_name_in_three_braces_puts_its_value_in(UNUSED void **state)
{
	assert_rendered(
	    "{body: {a: \"{{{n}}}\", b: \"{{{s}}}\", c: \"{{{l}}}\", d: "
	    "\"{{{m.k}}}\", f: \"{{{t}}}\", g: \" {{{n}}}\"}, "
	    "vars: {n: 1.50, s: \"1.50\", l: [{x: y}], m: {k: {}}, t: false}}",
	    "{\"a\":1.50,\"b\":\"1.50\",\"c\":[{\"x\":\"y\"}],\"d\":{},\"f\":"
	    "false,\"g\":\" 1.50\"}");
}

static void
test_a_missing_name_is_told(UNUSED void **state)
{
	static const char *const bodies[] = { "{body: [1, \"{{x.y}}\"], vars: {}}",
		/* null is no value */
		"{body: [1, \"{{{x.y}}}\"], vars: {x: {y: null}}}",
		"{body: [1, \"{{{x.y}}}\"], vars: {}}" };

	for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
		struct stage stage;

		stage_init(&stage, bodies[i]);
		assert_int_equal(render(&stage), TEMPLATE_MISSING);
		assert_string_equal(stage.name, "x.y");
		stage_clear(&stage);
	}
}

static void
test_secrets_keep_their_marks(UNUSED void **state)
{
	struct stage stage;
	char *shown;

	stage_init(&stage,
	    "{body: {a: \"${GATHERD_TEST_KEY}\", b: \"x{{k}}y\", c: \"{{{k}}}\", d: plain}, "
	    "vars: {k: \"${GATHERD_TEST_KEY}\"}}");
	assert_int_equal(render(&stage), TEMPLATE_RENDERED);
	assert_string_equal(stage.out.text.data,
	    "{\"a\":\"s3cr3t\\\"k3y\",\"b\":\"xs3cr3t\\\"k3yy\",\"c\":\"s3cr3t\\\"k3y\",\"d\":"
	    "\"plain\"}");
	shown = marked_shown(&stage.out);
	assert_string_equal(
	    shown, "{\"a\":\"***\",\"b\":\"x***y\",\"c\":\"***\",\"d\":\"plain\"}");
	free(shown);
	assert_false(secrets_empty(stage.carried));
	stage_clear(&stage);
}

static void
count_string(const struct text *text, struct template **template, void *arg)
{
	size_t *counts = arg;

	assert_non_null(text->source);
	counts[*template != NULL]++;
}

static void
test_a_faulty_template_is_told_and_left_out(UNUSED void **state)
{
	size_t counts[2] = { 0 };
	struct stage stage;

	stage_init(&stage, "{body: {a: x, b: [\"{{\", 7, \"{{y}}\"]}, vars: {}}");
	assert_non_null(strstr(parsed_lines(&stage.parsed), "f:1:19: error: json: "));
	json_body_each(stage.body, count_string, counts);
	assert_int_equal(counts[true], 2);
	assert_int_equal(counts[false], 1);
	stage_clear(&stage);
}

static void
test_a_body_has_a_largest_size(UNUSED void **state)
{
	struct buffer yaml;
	struct stage stage;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_string(&yaml, "body: [");
	for (int i = 0; i < 20; i++)
		buffer_append_string(&yaml, "\"{{x}}\", ");
	buffer_append_format(&yaml, "]\nvars: {x: %0*d}\n", 100 * 1024, 1);
	stage_init(&stage, yaml.data);
	assert_int_equal(render(&stage), TEMPLATE_TOO_LARGE);
	stage_clear(&stage);
	buffer_clear(&yaml);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_and_keys_stay_as_they_are_written),
		cmocka_unit_test(test_strings_are_templates_and_escaped_as_a_whole),
		cmocka_unit_test(test_a_lone_name_in_three_braces_puts_its_value_in),
		cmocka_unit_test(test_a_missing_name_is_told),
		cmocka_unit_test(test_secrets_keep_their_marks),
		cmocka_unit_test(test_a_faulty_template_is_told_and_left_out),
		cmocka_unit_test(test_a_body_has_a_largest_size),
	};

	setenv("GATHERD_TEST_KEY", "s3cr3t\"k3y", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
