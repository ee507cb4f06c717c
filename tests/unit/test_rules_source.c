#include "config_files.h"

#include "base/json_pointers.h"
#include "base/xalloc.h"
#include "config/rules_source.h"
#include "config/value.h"
#include "rules/condition.h"
#include "rules/extract.h"
#include "rules/rules.h"

/* The config with one service, and it. */
struct loaded {
	struct config *config;
	const struct target *target;
};

/* KEYS are those of the service, in one line. */
static void
load(struct loaded *loaded, const char *keys)
{
	char *yaml = xasprintf("services: {a: {url: http://a, %s}}\n", keys);

	loaded->config = load_text(yaml);
	loaded->target = loaded->config->targets[0];
	free(yaml);
}

static void
unload(struct loaded *loaded)
{
	config_unref(loaded->config);
}

/* ---- what comes of rules ---- */

/* All rules as they are told: "/a: 5; header X: "y"". */
static void
assert_rules(const char *keys, const char *expected)
{
	static const char *const subjects[] = { "json", "body", "header", "duration",
		"certificate_days" };
	struct loaded loaded;
	const struct rules *rules;
	struct buffer told;

	load(&loaded, keys);
	rules = &loaded.target->expect.rules;
	buffer_init(&told, BUFFER_UNLIMITED);
	for (size_t i = 0; i < rules->status_count; i++)
		buffer_append_format(&told, "status %u-%u; ", rules->statuses[i].first,
		    rules->statuses[i].last);
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];

		buffer_append_format(&told, "%s %s: ", subjects[rule->subject],
		    rule->name != NULL ? rule->name : "-");
		condition_describe(&rule->condition, &told);
		buffer_append_string(&told, "; ");
	}
	assert_string_equal(told.data, expected);
	buffer_clear(&told);
	unload(&loaded);
}

static void
test_a_status_is_a_number_a_range_or_a_list(UNUSED void **state)
{
	assert_rules("expect: {status: 404}", "status 404-404; ");
	assert_rules("expect: {status: 200-299}", "status 200-299; ");
	assert_rules("expect: {status: [\"204\", 300-399, 404]}",
	    "status 204-204; status 300-399; status 404-404; ");
	assert_rules("expect: {json: {/a: 1}}", "json /a: 1; ");
	assert_rules("expect: {}", "");
	assert_rules("expect: ", "");
}

static void
test_a_scalar_is_equal_and_a_list_one_of(UNUSED void **state)
{
	assert_rules("expect: {json: {/a: up, /b: '5', /c: 5, /d: true, /e: null}}",
	    "json /a: \"up\"; json /b: \"5\"; json /c: 5; json /d: true; json /e: null; ");
	assert_rules("expect: {json: {/a: [up, 5, null, false]}, body: pong}",
	    "json /a: one of \"up\", 5, null, false; body -: \"pong\"; ");
	assert_rules("expect: {json: {\"\": 5}}", "json : 5; ");
}

static void
test_every_word_of_a_condition_is_known(UNUSED void **state)
{
	assert_rules("expect: {json: {/a: {const: x}, /b: {enum: [1, 2]}}}",
	    "json /a: \"x\"; json /b: one of 1, 2; ");
	assert_rules(
	    "expect: {json: {/a: {type: string}, /b: {type: [null, integer]}}}",
	    "json /a: a string; json /b: null or an integer; ");
	assert_rules("expect: {json: {/a: {minimum: -1.5, maximum: '1e3'}, "
	             "/b: {exclusiveMinimum: 0, exclusiveMaximum: 9}}}",
	    "json /a: at least -1.5 and at most 1e3; "
	    "json /b: more than 0 and less than 9; ");
	assert_rules(
	    "expect: {json: {/a: {pattern: ^u.$}}}", "json /a: a match of \"^u.$\"; ");
	assert_rules("expect: {body: {minLength: 1, maxLength: 20}}",
	    "body -: 1 to 20 characters; ");
	assert_rules(
	    "expect: {json: {/a: {minItems: 2}}}", "json /a: at least 2 items; ");
	assert_rules("expect: {header: {X-A: {exists: true}, Etag: {exists: no}}}",
	    "header X-A: something; header Etag: nothing; ");
}

static void
test_durations_and_days_have_their_units(UNUSED void **state)
{
	struct loaded loaded;
	const struct rules *rules;

	assert_rules(
	    "expect: {duration: {maximum: 1500ms}}", "duration -: at most 1.5s; ");
	assert_rules("expect: {certificate_days: {minimum: 14}}",
	    "certificate_days -: at least 14 days; ");
	load(&loaded,
	    "warn: {duration: {exclusiveMaximum: 2}, certificate_days: "
	    "{minimum: 1, exists: true}}");
	rules = &loaded.target->warn.rules;
	assert_int_equal(rules->count, 2);
	assert_int_equal(rules->items[0].condition.unit, UNIT_MS);
	assert_true(rules->items[0].condition.exclusive_maximum.number == 2000);
	assert_int_equal(rules->items[1].condition.unit, UNIT_DAYS);
	assert_string_equal(rules->items[1].condition.minimum.text, "1 day");
	assert_int_equal(loaded.target->expect.rules.count, 0);
	unload(&loaded);
}

static void
test_pointers_are_numbered_over_all_three_keys(UNUSED void **state)
{
	struct loaded loaded;
	const struct target *target;
	const struct rule *expect, *warn;

	load(&loaded,
	    "expect: {json: {/a: 1, /b: 2}}, warn: {json: {/b: 3, /c: 4}}, "
	    "extract: {x: /c, y: {path: /d}, z: {header: X}}");
	target = loaded.target;
	expect = target->expect.rules.items;
	warn = target->warn.rules.items;
	assert_int_not_equal(expect[0].pointer, expect[1].pointer);
	assert_int_equal(warn[0].pointer, expect[1].pointer);
	assert_int_not_equal(warn[1].pointer, expect[1].pointer);
	assert_int_equal(target->extract.items[0].pointer, warn[1].pointer);
	assert_int_not_equal(target->extract.items[1].pointer, warn[1].pointer);
	assert_true(
	    target->extract.items[1].pointer < json_pointers_count(target->pointers));
	assert_true(target->wants_json);
	assert_true(target->wants_head);
	assert_false(target->has_secret_value);
	unload(&loaded);
}

static void
test_what_is_not_looked_at_is_not_wanted(UNUSED void **state)
{
	struct loaded loaded;

	load(&loaded,
	    "expect: {status: 200, body: pong}, warn: {duration: {maximum: 1s}}");
	assert_null(loaded.target->pointers);
	assert_false(loaded.target->wants_json);
	assert_false(loaded.target->wants_head);
	assert_true(loaded.target->wants_text);
	unload(&loaded);
	load(&loaded, "expect: {header: {Server: nginx}}");
	assert_true(loaded.target->wants_head);
	assert_false(loaded.target->wants_text);
	unload(&loaded);
	load(&loaded, "extract: {version: {pattern: v(.*)}}");
	assert_true(loaded.target->wants_text);
	unload(&loaded);
	load(&loaded, "extract: {version: {header: Server, pattern: v(.*)}}");
	assert_false(loaded.target->wants_text);
	unload(&loaded);
}

static void
test_a_secret_operand_is_told_as_such(UNUSED void **state)
{
	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	assert_rules("expect: {json: {/a: \"${GATHERD_TEST_WORD}\", /b: [x, "
	             "\"${GATHERD_TEST_WORD}\"]}}",
	    "json /a: ***; json /b: one of \"x\", ***; ");
	assert_rules("expect: {body: {pattern: \"^${GATHERD_TEST_WORD}$\"}}",
	    "body -: a match of \"^***$\"; ");
	/* What a number takes is none. */
	setenv("GATHERD_TEST_FIVE", "5", 1);
	assert_rules("expect: {json: {/a: {minimum: \"${GATHERD_TEST_FIVE}\"}}}",
	    "json /a: at least 5; ");
}

static void
test_defaults_are_merged_key_by_key(UNUSED void **state)
{
	struct config *config = load_text(
	    "defaults:\n"
	    "  expect: {status: 204, json: {/a: 1}}\n"
	    "  extract: {x: /x, y: /y}\n"
	    "services:\n"
	    "  a: {url: http://a, expect: {json: {/b: 2}}, extract: {y: /z}}\n"
	    "  b: http://b\n");
	const struct target *a = config->targets[0];
	const struct target *b = config->targets[1];

	assert_int_equal(a->expect.rules.status_count, 1);
	assert_int_equal(a->expect.rules.count, 1);
	assert_string_equal(a->expect.rules.items[0].name, "/b");
	assert_int_equal(a->extract.count, 2);
	assert_string_equal(a->extract.items[0].path, "/z");
	assert_string_equal(a->extract.items[1].path, "/x");
	assert_string_equal(b->expect.rules.items[0].name, "/a");
	assert_int_equal(b->extract.count, 2);
	config_unref(config);
}

/* ---- extract ---- */

static void
test_a_value_is_a_pointer_or_a_map(UNUSED void **state)
{
	struct loaded loaded;
	const struct extract *items;

	load(&loaded,
	    "extract: {all: \"\", queue: /queue/depth, "
	    "gib: {path: /bytes, scale: 9.3e-10, round: 2}, "
	    "version: {pattern: \"v([0-9]+)\"}, "
	    "left: {header: X-Left, pattern: \"^([0-9]+)\", secret: no}, "
	    "token: {path: /token, secret: true}}");
	assert_int_equal(loaded.target->extract.count, 6);
	items = loaded.target->extract.items;
	assert_string_equal(items[0].path, "");
	assert_string_equal(items[1].name, "queue");
	assert_string_equal(items[1].path, "/queue/depth");
	assert_int_equal(items[1].round, -1);
	assert_false(items[1].scaled);
	assert_true(items[2].scaled);
	assert_true(items[2].scale == 9.3e-10);
	assert_int_equal(items[2].round, 2);
	assert_null(items[3].path);
	assert_null(items[3].header);
	assert_non_null(items[3].pattern);
	assert_string_equal(items[4].header, "X-Left");
	assert_non_null(items[4].pattern);
	assert_false(items[4].secret);
	assert_true(items[5].secret);
	assert_true(loaded.target->has_secret_value);
	unload(&loaded);
}

/* ---- faults ---- */

struct wrong {
	const char *keys;  /* of a service, in line 4 behind four blanks */
	const char *fault; /* behind "c.yaml:" */
};

static const struct wrong wrongs[] = {
	{ "expect: 200", "4:13: error: expect: expected a map of rules" },
	{ "expect: {statsu: 200}",
	    "4:14: error: expect: unknown rule statsu (did you mean status?)" },
	{ "expect: {banana: 200}",
	    "4:14: error: expect: unknown rule banana: expected one of status, json, body, "
	    "header, duration, certificate_days" },
	{ "expect: {headers: {A: b}}",
	    "4:14: error: expect: unknown rule headers (did you mean header?)" },
	/* statuses */
	{ "expect: {status: ok}",
	    "4:22: error: expect: status: expected an HTTP status such as 200, or a range "
	    "such as 200-299" },
	{ "expect: {status: 299-200}",
	    "4:22: error: expect: status: expected an HTTP status such as 200, or a range "
	    "such as 200-299" },
	{ "expect: {status: [200, 20]}",
	    "4:28: error: expect: status: expected an HTTP status such as 200, or a range "
	    "such as 200-299" },
	{ "expect: {status: {a: 200}}",
	    "4:22: error: expect: status: expected an HTTP status such as 200, or a range "
	    "such as 200-299, not a map" },
	{ "expect: {status: [[200]]}",
	    "4:23: error: expect: status: expected an HTTP status such as 200, or a range "
	    "such as 200-299, not a list" },
	{ "expect: {status: []}",
	    "4:22: error: expect: status: expected at least one status" },
	{ "expect: {status: }",
	    "4:22: error: expect: status: expected an HTTP status such as 200, or a range "
	    "such as 200-299" },
	/* pointers and headers */
	{ "expect: {json: up}",
	    "4:20: error: expect: json: expected a map of JSON Pointers and conditions" },
	{ "expect: {json: {}}",
	    "4:20: error: expect: json: expected a map of JSON Pointers and conditions" },
	{ "expect: {json: {state: up}}",
	    "4:21: error: expect: json: \"state\" does not begin with /: expected a JSON "
	    "Pointer such as /queue/depth" },
	{ "expect: {json: {/a~2: up}}",
	    "4:21: error: expect: json: \"/a~2\" has a ~ that is neither ~0 nor ~1: expected a "
	    "JSON Pointer such as /queue/depth" },
	{ "format: text, expect: {json: {/a: up}}",
	    "4:35: error: expect: json: /a needs a JSON body, but format is text" },
	{ "format: none, expect: {body: x}",
	    "4:34: error: expect: body: it needs a body, but format is none" },
	{ "expect: {header: {\"X A\": b}}",
	    "4:23: error: expect: header: \"X A\" is no header's name: expected letters, "
	    "digits and !#$%&'*+.^_`|~-" },
	{ "expect: {header: {Etag: b, ETAG: c}}",
	    "4:32: error: expect: header: ETAG is the same header as Etag" },
	/* conditions */
	{ "expect: {json: {/a: }}",
	    "4:25: error: expect: json: /a: expected a condition: null and \"\" are written "
	    "out" },
	{ "expect: {json: {/a: {}}}",
	    "4:25: error: expect: json: /a: expected conditions; {exists: true} takes any "
	    "value" },
	{ "expect: {json: {/a: []}}",
	    "4:25: error: expect: json: /a: expected a list of one or more values" },
	{ "expect: {json: {/a: [[1]]}}",
	    "4:26: error: expect: json: /a: expected text, a number, true, false or null, not "
	    "a list" },
	{ "expect: {json: {/a: {minimun: 1}}}",
	    "4:26: error: expect: json: /a: unknown condition minimun (did you mean "
	    "minimum?)" },
	{ "expect: {json: {/a: {const: {b: c}}}}",
	    "4:33: error: expect: json: /a: const: expected text, a number, true, false or "
	    "null, not a map" },
	{ "expect: {json: {/a: {enum: 1}}}",
	    "4:32: error: expect: json: /a: enum: expected a list of one or more values" },
	{ "expect: {json: {/a: {const: 1, enum: [2]}}}",
	    "4:25: error: expect: json: /a: const and enum do not go together" },
	{ "expect: {json: {/a: {type: strin}}}",
	    "4:32: error: expect: json: /a: type: expected null, boolean, number, integer, "
	    "string, array or object (did you mean string?)" },
	{ "expect: {json: {/a: {type: []}}}",
	    "4:32: error: expect: json: /a: type: expected at least one type" },
	{ "expect: {json: {/a: {minimum: high}}}",
	    "4:35: error: expect: json: /a: minimum: expected a number" },
	{ "expect: {json: {/a: {minimum: 012}}}",
	    "4:35: error: expect: json: /a: minimum: expected a number" },
	{ "expect: {json: {/a: {minimum: 1e999}}}",
	    "4:35: error: expect: json: /a: minimum: the number is too large" },
	{ "expect: {json: {/a: {minimum: [1]}}}",
	    "4:35: error: expect: json: /a: minimum: expected a number, not a list" },
	{ "expect: {json: {/a: {minimum: 2, maximum: 1}}}",
	    "4:25: error: expect: json: /a: no number is within these bounds" },
	{ "expect: {json: {/a: {minimum: 1, exclusiveMaximum: 1}}}",
	    "4:25: error: expect: json: /a: no number is within these bounds" },
	{ "expect: {json: {/a: {minLength: -1}}}",
	    "4:37: error: expect: json: /a: minLength: expected a whole number from 0" },
	{ "expect: {json: {/a: {minLength: 2, maxLength: 1}}}",
	    "4:25: error: expect: json: /a: minLength is more than maxLength" },
	{ "expect: {json: {/a: {minItems: 1.5}}}",
	    "4:36: error: expect: json: /a: minItems: expected a whole number from 0" },
	{ "expect: {json: {/a: {exists: maybe}}}",
	    "4:34: error: expect: json: /a: exists: expected true or false" },
	{ "expect: {json: {/a: {exists: false, minimum: 1}}}",
	    "4:25: error: expect: json: /a: exists: false goes with no other condition" },
	{ "expect: {body: {pattern: \"a(b\"}}",
	    "4:30: error: expect: body: pattern: missing closing parenthesis at byte 3" },
	{ "expect: {body: {pattern: }}",
	    "4:30: error: expect: body: pattern: expected a regular expression" },
	{ "expect: {body: {type: string}}",
	    "4:21: error: expect: body: type is no condition for the text of a body" },
	{ "expect: {header: {X: {minItems: 1}}}",
	    "4:27: error: expect: header: X: minItems is no condition for a header" },
	{ "expect: {duration: {maximum: soon}}",
	    "4:34: error: expect: duration: maximum: expected a duration such as 2s or "
	    "500ms" },
	{ "expect: {duration: {pattern: s}}",
	    "4:25: error: expect: duration: pattern is no condition for a duration" },
	{ "warn: {certificate_days: {minimum: 2d}}",
	    "4:40: error: warn: certificate_days: minimum: expected a number" },
	/* values */
	{ "extract: [a]",
	    "4:14: error: extract: expected a map of names and JSON Pointers" },
	{ "extract: {a: queue}",
	    "4:18: error: extract: a: \"queue\" does not begin with /: expected a JSON Pointer "
	    "such as /queue/depth" },
	{ "extract: {a: }",
	    "4:18: error: extract: a: expected a JSON Pointer such as /queue/depth" },
	{ "extract: {a: [/b]}",
	    "4:18: error: extract: a: expected a JSON Pointer such as /queue/depth" },
	{ "extract: {\"\": /b}", "4:15: error: extract: a value needs a name" },
	{ "extract: {a: {pointer: /b}}",
	    "4:19: error: extract: a: unknown key pointer: expected one of path, header, "
	    "pattern, scale, round, secret" },
	{ "extract: {a: {paht: /b}}",
	    "4:19: error: extract: a: unknown key paht (did you mean path?)" },
	{ "extract: {a: {scale: 2}}",
	    "4:18: error: extract: a: expected path, header or pattern" },
	{ "extract: {a: {path: /b, header: C}}",
	    "4:18: error: extract: a: path and header do not go together" },
	{ "extract: {a: {path: /b, scale: 0}}",
	    "4:36: error: extract: a: scale: expected a number other than 0" },
	{ "extract: {a: {path: /b, round: 16}}",
	    "4:36: error: extract: a: round: expected a whole number from 0 to 15" },
	{ "extract: {a: {path: /b, pattern: \"*\"}}",
	    "4:38: error: extract: a: pattern: quantifier does not follow a repeatable item at "
	    "byte 0" },
	{ "format: none, extract: {a: {pattern: b}}",
	    "4:32: error: extract: a: it needs a body, but format is none" },
	{ "extract: {a: {header: \"b c\"}}",
	    "4:27: error: extract: a: header: \"b c\" is no header's name: expected letters, "
	    "digits and !#$%&'*+.^_`|~-" },
	{ "extract: {a: \"${GATHERD_TEST_POINTER}\"}",
	    "4:18: error: extract: a: it is shown, and no place for a secret: expected "
	    "${plain:NAME}" },
};

static void
test_each_wrong_word_is_told_at_its_place(UNUSED void **state)
{
	setenv("GATHERD_TEST_POINTER", "/x", 1);
	for (size_t i = 0; i < ARRAY_COUNT(wrongs); i++) {
		char *yaml = xasprintf(
		    "services:\n  a: {\n    url: http://a,\n    %s}\n", wrongs[i].keys);
		char *expected = xasprintf("c.yaml:%s\n", wrongs[i].fault);

		write_file("c.yaml", yaml);
		assert_string_equal(faults_of("c.yaml"), expected);
		free(yaml);
		free(expected);
	}
}

static void
test_no_fault_hides_another(UNUSED void **state)
{
	write_file("c.yaml",
	    "services:\n"
	    "  a:\n"
	    "    url: http://a\n"
	    "    expect:\n"
	    "      status: x\n"
	    "      json:\n"
	    "        b: 1\n"
	    "        /c: {minimum: x, pattern: \"(\"}\n"
	    "    extract: {x: {round: y, scale: z}}\n");
	assert_string_equal(faults_of("c.yaml"),
	    "c.yaml:5:15: error: expect: status: expected an HTTP status such as 200, or a "
	    "range such as 200-299\n"
	    "c.yaml:7:9: error: expect: json: \"b\" does not begin with /: expected a JSON "
	    "Pointer such as /queue/depth\n"
	    "c.yaml:8:23: error: expect: json: /c: minimum: expected a number\n"
	    "c.yaml:8:35: error: expect: json: /c: pattern: missing closing parenthesis at "
	    "byte 1\n"
	    "c.yaml:9:26: error: extract: x: round: expected a whole number from 0 to 15\n"
	    "c.yaml:9:36: error: extract: x: scale: expected a number\n");
}

static void
test_a_fault_in_defaults_is_told_once_and_without_a_service(UNUSED void **state)
{
	static const char expected[] =
	    "c.yaml:1:21: error: expect: unknown rule jsn (did you mean json?)\n";

	write_file("c.yaml",
	    "defaults: {expect: {jsn: 1}}\n"
	    "services: {a: http://a, b: http://b}\n");
	assert_string_equal(faults_of("c.yaml"), expected);
	write_file("c.yaml", "defaults: {expect: {jsn: 1}}\n");
	assert_string_equal(faults_of("c.yaml"), expected);
}

static void
test_no_fault_tells_a_value_from_outside(UNUSED void **state)
{
	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	write_file("c.yaml",
	    "services:\n"
	    "  a:\n"
	    "    url: http://a\n"
	    "    expect:\n"
	    "      status: ${GATHERD_TEST_WORD}\n"
	    "      json:\n"
	    "        /a: {minimum: \"${GATHERD_TEST_WORD}\", type: \"${GATHERD_TEST_WORD}\"}\n"
	    "      duration: {maximum: \"${GATHERD_TEST_WORD}\"}\n"
	    "      body: {pattern: \"(${GATHERD_TEST_WORD}\"}\n"
	    "    extract: {a: \"${GATHERD_TEST_WORD}\", b: {header: \"${GATHERD_TEST_WORD}:\"}}\n");
	assert_null(strstr(faults_of("c.yaml"), "pa55word"));
}

/* A duration is never exactly this or that. */
static void
test_an_equal_duration_is_warned_of(UNUSED void **state)
{
	struct faults *faults = faults_new();
	struct config *config;

	write_file(
	    "c.yaml", "services: {a: {url: http://a, expect: {duration: 2s}}}\n");
	config = config_load("c.yaml", NULL, 0, faults);
	assert_non_null(config);
	assert_string_equal(lines_of(faults),
	    "c.yaml:1:50: warning: expect: duration: it will hardly ever be exactly that: "
	    "was {maximum: ...} or {minimum: ...} meant?\n");
	config_unref(config);
	faults_free(faults);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_status_is_a_number_a_range_or_a_list),
		CASE(test_a_scalar_is_equal_and_a_list_one_of),
		CASE(test_every_word_of_a_condition_is_known),
		CASE(test_durations_and_days_have_their_units),
		CASE(test_pointers_are_numbered_over_all_three_keys),
		CASE(test_what_is_not_looked_at_is_not_wanted),
		CASE(test_a_secret_operand_is_told_as_such),
		CASE(test_defaults_are_merged_key_by_key),
		CASE(test_a_value_is_a_pointer_or_a_map),
		CASE(test_each_wrong_word_is_told_at_its_place),
		CASE(test_no_fault_hides_another),
		CASE(test_a_fault_in_defaults_is_told_once_and_without_a_service),
		CASE(test_no_fault_tells_a_value_from_outside),
		CASE(test_an_equal_duration_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
