/*
 * Random pointers into random texts: what one pass finds is what a walk step by step does.
 *
 * The first seed is printed, see chance.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json_pointers.h"
#include "base/json_scan.h"
#include "chance.h"
#include "naive_pointer.h"

#define SCENARIOS    20000
#define MAX_POINTERS 12
#define MAX_NESTING  5

/* Few, so that they meet and are doubled: as a pointer has them, and as a text may. */
static const struct {
	const char *token;
	const char *keys[3];
} names[] = {
	{ "a", { "a", "\\u0061", "a" } },
	{ "b", { "b", "b", "\\u0062" } },
	{ "aa", { "aa", "a\\u0061", "\\u0061\\u0061" } },
	{ "", { "", "", "" } },
	{ "0", { "0", "\\u0030", "0" } },
	{ "1", { "1", "1", "1" } },
	{ "2", { "2", "2", "2" } },
	{ "00", { "00", "0\\u0030", "00" } },
	{ "10", { "10", "10", "10" } },
	{ "-", { "-", "-", "-" } },
	{ "~0", { "~", "\\u007e", "~" } },
	{ "~1", { "/", "\\/", "\\u002F" } },
	{ "~01", { "~1", "~1", "\\u007e1" } },
	{ "\xC3\xA9", { "\xC3\xA9", "\\u00e9", "\\u00E9" } },
};

static void
append_space(struct buffer *text)
{
	while (one_in(3))
		buffer_append_char(text, " \t\r\n"[between(0, 3)]);
}

static void
append_key(struct buffer *text)
{
	size_t name = (size_t)between(0, ARRAY_COUNT(names) - 1);

	buffer_append_format(text, "\"%s\"", names[name].keys[between(0, 2)]);
	append_space(text);
	buffer_append_char(text, ':');
}

static void
append_scalar(struct buffer *text)
{
	static const char *const scalars[] = { "null", "true", "7", "-1.5e3", "\"\"",
		"\" , } \\\" \"", "{}", "[ ]", "{ }", "[]" };

	buffer_append_string(text, scalars[between(0, ARRAY_COUNT(scalars) - 1)]);
}

static void
append_value(struct buffer *text, unsigned nesting)
{
	bool in_object = one_in(2);
	int64_t count = between(0, one_in(8) ? 14 : 5);

	append_space(text);
	if (nesting == MAX_NESTING || one_in(nesting + 2)) {
		append_scalar(text);
	} else {
		buffer_append_char(text, in_object ? '{' : '[');
		append_space(text);
		for (int64_t i = 0; i < count; i++) {
			if (i > 0)
				buffer_append_char(text, ',');
			append_space(text);
			if (in_object)
				append_key(text);
			append_value(text, nesting + 1);
		}
		buffer_append_char(text, in_object ? '}' : ']');
	}
	append_space(text);
}

/* The caller's. */
static char *
draw_pointer(void)
{
	struct buffer pointer;

	buffer_init(&pointer, BUFFER_UNLIMITED);
	for (int64_t i = between(0, MAX_NESTING); i > 0; i--)
		buffer_append_format(
		    &pointer, "/%s", names[between(0, ARRAY_COUNT(names) - 1)].token);
	return buffer_take(&pointer);
}

struct scenario {
	struct json_pointers *pointers;
	char *texts[MAX_POINTERS];
	size_t numbers[MAX_POINTERS];
	size_t count;
	struct span *found;
	struct buffer json;
};

static void
setup(struct scenario *scenario)
{
	*scenario = (struct scenario){
		.pointers = json_pointers_new(),
		.count = (size_t)between(1, MAX_POINTERS),
	};
	for (size_t i = 0; i < scenario->count; i++) {
		scenario->texts[i] = draw_pointer();
		scenario->numbers[i] =
		    json_pointers_add(scenario->pointers, scenario->texts[i]);
	}
	scenario->found =
	    xcalloc(json_pointers_count(scenario->pointers), sizeof(*scenario->found));
	buffer_init(&scenario->json, BUFFER_UNLIMITED);
	append_value(&scenario->json, 0);
}

static void
teardown(struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->count; i++)
		free(scenario->texts[i]);
	free(scenario->found);
	buffer_clear(&scenario->json);
	json_pointers_free(scenario->pointers);
}

static void
compare(const struct scenario *scenario, size_t i, struct span root)
{
	struct span found = scenario->found[scenario->numbers[i]];
	struct span expected = naive_find(root, scenario->texts[i]);

	HOLDS(found.text == expected.text);
	HOLDS(found.len == expected.len);
	if (span_kind(expected) == SPAN_ABSENT) {
		char *told = json_pointers_end(
		    scenario->pointers, scenario->found, scenario->numbers[i]);
		char *walked = json_pointer_end(root, scenario->texts[i]);

		HOLDS(strcmp(told, walked) == 0);
		free(told);
		free(walked);
	}
}

static void
search(void)
{
	struct scenario scenario;
	struct json_scan plain, scan;
	char *compact;

	setup(&scenario);
	compact = xmemdup0(scenario.json.data, scenario.json.len);
	HOLDS(
	    json_scan_compact(compact, scenario.json.len, JSON_SCAN_MAX_DEPTH, &plain));
	HOLDS(json_scan_find(scenario.json.data, scenario.json.len, JSON_SCAN_MAX_DEPTH,
	    scenario.pointers, scenario.found, &scan));
	HOLDS(scan.len == plain.len);
	HOLDS(memcmp(scenario.json.data, compact, scan.len) == 0);
	scenario.json.data[scan.len] = '\0';
	for (size_t i = 0; i < scenario.count; i++)
		compare(&scenario, i, span_whole(scenario.json.data, scan.len));
	free(compact);
	teardown(&scenario);
}

/* A text that is cut or spoilt anywhere has the fault that the plain pass finds. */
static void
spoil(void)
{
	struct scenario scenario;
	struct json_scan plain, scan;
	char *text;
	size_t len;
	unsigned max_depth = one_in(2) ? 3 : JSON_SCAN_MAX_DEPTH;
	bool valid;

	setup(&scenario);
	len = (size_t)between(0, (int64_t)scenario.json.len);
	if (one_in(2)) {
		len = scenario.json.len;
		scenario.json.data[between(0, (int64_t)len - 1)] =
		    "{}[],:\"\\ 0a\xC3"[between(0, 11)];
	}
	text = xmemdup0(scenario.json.data, len);
	valid = json_scan_compact(text, len, max_depth, &plain);
	HOLDS(json_scan_find(scenario.json.data, len, max_depth, scenario.pointers,
	          scenario.found, &scan) == valid);
	HOLDS(scan.fault == plain.fault && scan.offset == plain.offset &&
	    scan.len == plain.len);
	free(text);
	teardown(&scenario);
}

static void
test_one_pass_finds_what_a_walk_finds(UNUSED void **state)
{
	run_scenarios(search);
}

static void
test_faults_are_those_of_the_plain_pass(UNUSED void **state)
{
	run_scenarios(spoil);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_pass_finds_what_a_walk_finds),
		cmocka_unit_test(test_faults_are_those_of_the_plain_pass),
	};

	chance_begin(SCENARIOS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
