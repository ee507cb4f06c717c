#include "rules/extract.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "chance.h"
#include "facts_stage.h"

/* What an extract gives of one answer: VALUE, or else why there is none. */
struct case_of {
	const char *path;
	const char *pattern;
	double scale; /* 0: not scaled */
	int round;
	const char *value;
	const char *why;
};

static const char body[] =
    "{ \"queue\": {\"depth\": 17, \"big\": 18446744073709551615}, \"load\": 0.10,"
    " \"text\": \"v1.\\u0032 caf\\u00e9\", \"size\": \"12.5\", \"no\": false,"
    " \"none\": null, \"list\": [1, 2], \"tiny\": -0.001, \"huge\": 1e308,"
    " \"bytes\": 1073741824, \"half\": 2.5, \"padded\": \"temperature: 007.50 C\" }";

static void
assert_case(struct stage *stage, const struct extract *extract, const char *value,
    const char *why)
{
	struct buffer out;
	char *found_why = NULL;
	bool found;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, "before ");
	found = extract_append(extract, &stage->facts, &out, &found_why);
	if (found != (value != NULL))
		fail_msg("%s: %s, %s", extract->path, out.data, found_why);
	assert_memory_equal(out.data, "before ", 7);
	assert_string_equal(out.data + 7, value != NULL ? value : "");
	if (why != NULL)
		assert_string_equal(found_why, why);
	free(found_why);
	buffer_clear(&out);
}

static void
assert_cases(const struct case_of *rows, size_t count)
{
	struct stage stage;

	for (size_t i = 0; i < count; i++) {
		struct extract extract = { .round = rows[i].round };

		stage_open(&stage);
		extract.path = xstrdup(rows[i].path);
		extract.pointer = json_pointers_add(stage.pointers, rows[i].path);
		if (rows[i].pattern != NULL)
			extract.pattern = stage_pattern(rows[i].pattern);
		extract.scaled = rows[i].scale != 0;
		extract.scale = rows[i].scale;
		stage_take_json(&stage, body);
		assert_case(&stage, &extract, rows[i].value, rows[i].why);
		extract_clear(&extract);
		stage_close(&stage);
	}
}

/* A random number, scaled and rounded at random: valid JSON, with no more decimals than were
 * asked for, and no further from the value than rounding takes it. */
static void
play_number(void)
{
	double number = (double)between(-1000000000, 1000000000) *
	    pow(10, (double)between(-12, 12));
	struct extract extract = {
		.path = xstrdup(""),
		.scaled = true,
		.scale = one_in(5)
		    ? 1
		    : (double)between(1, 1000) * pow(10, (double)between(-6, 6)),
		.round = (int)between(-1, 15),
	};
	char *json = xasprintf("%.17g", number);
	double expected = strtod(json, NULL) * extract.scale;
	struct stage stage;
	struct json_scan scan;
	struct buffer out;
	const char *point;
	char *why = NULL;
	double found;

	stage_open(&stage);
	extract.pointer = json_pointers_add(stage.pointers, "");
	stage_take_json(&stage, json);
	buffer_init(&out, BUFFER_UNLIMITED);
	HOLDS(extract_append(&extract, &stage.facts, &out, &why));
	HOLDS(json_scan_compact(out.data, out.len, 1, &scan));
	HOLDS(span_number(span_whole(out.data, out.len), &found));
	HOLDS(strcmp(out.data, "-0") != 0 && out.len <= 40);
	HOLDS(fabs(found - expected) <= fabs(expected) * 1e-14 +
	        (extract.round >= 0 ? 0.5000001 * pow(10, -extract.round) : 0));
	point = strchr(out.data, '.');
	if (extract.round >= 0 && point != NULL && strchr(point, 'e') == NULL)
		HOLDS(strlen(point + 1) <= (size_t)extract.round);
	buffer_clear(&out);
	extract_clear(&extract);
	stage_close(&stage);
	free(json);
}

static void
test_values_keep_their_types_and_numbers_their_text(UNUSED void **state)
{
	static const struct case_of rows[] = {
		{ "/queue/depth", NULL, 0, -1, "17", NULL },
		{ "/queue/big", NULL, 0, -1, "18446744073709551615", NULL },
		{ "/load", NULL, 0, -1, "0.10", NULL },
		{ "/text", NULL, 0, -1, "\"v1.\\u0032 caf\\u00e9\"", NULL },
		{ "/no", NULL, 0, -1, "false", NULL },
		{ "/none", NULL, 0, -1, "null", NULL },
		{ "/list", NULL, 0, -1, "[1,2]", NULL },
		{ "/list/1", NULL, 0, -1, "2", NULL },
		{ "/queue", NULL, 0, -1, "{\"depth\":17,\"big\":18446744073709551615}",
		    NULL },
	};

	assert_cases(rows, ARRAY_COUNT(rows));
}

static void
test_a_missing_value_says_where_the_path_ended(UNUSED void **state)
{
	static const struct case_of rows[] = {
		{ "/queue/length", NULL, 0, -1, NULL,
		    "/queue/length: ended at \"length\": the object has no such "
		    "member" },
		{ "/other/depth", "x", 2, 1, NULL,
		    "/other/depth: ended at \"other\": the object has no such member" },
	};

	assert_cases(rows, ARRAY_COUNT(rows));
}

static void
test_scaled_and_rounded_numbers_are_written_as_people_write_them(UNUSED void **state)
{
	static const struct case_of rows[] = {
		{ "/load", NULL, 3, -1, "0.3", NULL },
		{ "/load", NULL, 100, -1, "10", NULL },
		{ "/queue/depth", NULL, 0.1, -1, "1.7", NULL },
		{ "/queue/depth", NULL, -1, -1, "-17", NULL },
		{ "/queue/depth", NULL, 1e-9, -1, "1.7e-08", NULL },
		{ "/bytes", NULL, 9.5367431640625e-07, -1, "1024", NULL },
		{ "/bytes", NULL, 1e-9, 2, "1.07", NULL },
		{ "/bytes", NULL, 4, -1, "4294967296", NULL },
		{ "/bytes", NULL, 1e9, -1, "1.073741824e+18", NULL },
		{ "/bytes", NULL, 1e9, 2, "1.073741824e+18", NULL },
		{ "/load", NULL, 0, 3, "0.1", NULL },
		{ "/load", NULL, 0, 0, "0", NULL },
		{ "/half", NULL, 0, 1, "2.5", NULL },
		{ "/half", NULL, 3, 0, "8", NULL },
		{ "/tiny", NULL, 0, 2, "0", NULL },
		{ "/tiny", NULL, 0, 15, "-0.001", NULL },
		{ "/tiny", NULL, -1000, 0, "1", NULL },
		/* Whole numbers are rounded as they are, however large. */
		{ "/queue/depth", NULL, 0, 2, "17", NULL },
		{ "/queue/big", NULL, 0, 0, "18446744073709551615", NULL },
		{ "/huge", NULL, 0, 2, "1e+308", NULL },
		/* A string that spells a number is one here. */
		{ "/size", NULL, 2, -1, "25", NULL },
		{ "/size", NULL, 0, 0, "13", NULL },
		{ "/size", NULL, -1, 0, "-13", NULL },
		{ "/load", NULL, 26.75, 2, "2.68", NULL },
		{ "/load", NULL, 1e12, 15, "100000000000", NULL },
		{ "/none", NULL, 2, 0, "null", NULL },
	};

	assert_cases(rows, ARRAY_COUNT(rows));
}

static void
test_whatever_is_written_is_json_near_the_value_and_short(UNUSED void **state)
{
	run_scenarios(play_number);
}

static void
test_what_is_no_number_cannot_be_scaled_or_rounded(UNUSED void **state)
{
	static const struct case_of rows[] = {
		{ "/text", NULL, 2, -1, NULL,
		    "/text: \"v1.2 caf\xC3\xA9\" is no number" },
		{ "/text", NULL, 0, 1, NULL,
		    "/text: \"v1.2 caf\xC3\xA9\" is no number" },
		{ "/no", NULL, 2, -1, NULL, "/no: a boolean is no number" },
		{ "/list", NULL, 2, -1, NULL, "/list: an array is no number" },
		{ "/queue", NULL, 0, 2, NULL, "/queue: an object is no number" },
		{ "/huge", NULL, 1e10, -1, NULL,
		    "/huge: \"1e308\" is too large a number once scaled" },
		{ "/huge", NULL, -1e10, 2, NULL,
		    "/huge: \"1e308\" is too large a number once scaled" },
	};

	assert_cases(rows, ARRAY_COUNT(rows));
}

static void
test_a_pattern_takes_its_first_group_out_of_a_scalar(UNUSED void **state)
{
	static const struct case_of rows[] = {
		{ "/text", "v(\\d+\\.\\d+)", 0, -1, "\"1.2\"", NULL },
		{ "/text", "\\w+\xC3\xA9", 0, -1, "\"caf\xC3\xA9\"", NULL },
		{ "/text", "^v1\\.2()", 0, -1, "\"\"", NULL },
		{ "/text", "v(\\d+\\.\\d+)", 10, -1, "12", NULL },
		{ "/padded", "([0-9.]+)", 0, 0, "8", NULL },
		{ "/padded", "([0-9.]+)", 1, -1, "7.5", NULL },
		{ "/queue/depth", "^.", 0, -1, "\"1\"", NULL },
		{ "/no", "^f", 0, -1, "\"f\"", NULL },
		{ "/none", "n", 0, -1, "null", NULL },
		{ "/text", "v(\\d+)!", 0, -1, NULL,
		    "/text: \"v1.2 caf\xC3\xA9\" has no match of the pattern" },
		{ "/text", "(x)|v", 0, -1, NULL,
		    "/text: \"v1.2 caf\xC3\xA9\" matches the pattern without its "
		    "first group" },
		{ "/text", "(v)", 2, -1, NULL, "/text: \"v\" is no number" },
		{ "/list", "1", 0, -1, NULL, "/list: an array is no text" },
	};

	assert_cases(rows, ARRAY_COUNT(rows));
}

static void
test_a_body_is_searched_as_text(UNUSED void **state)
{
	struct extract extract = { .round = -1,
		.pattern = stage_pattern("load: (\\S+)") };
	struct stage stage;

	stage_open(&stage);
	assert_case(&stage, &extract, NULL, "body: there is none");
	stage_take_body(&stage, "up 3 days\nload: \"0.75\"\xE4\x80\x81\n");
	assert_case(&stage, &extract, "\"\\\"0.75\\\"\xE4\x80\x81\"", NULL);
	stage_take_body(&stage, "up\n");
	assert_case(&stage, &extract, NULL, "body: \"up\" has no match of the pattern");
	stage_take_body(&stage, "load: 0.75\n");
	extract.round = 1;
	assert_case(&stage, &extract, "0.8", NULL);
	extract_clear(&extract);
	stage_close(&stage);
}

static void
test_a_header_is_text_or_a_number_where_it_is_scaled(UNUSED void **state)
{
	struct extract extract = { .round = -1, .header = xstrdup("X-Remaining") };
	struct stage stage;

	stage_open(&stage);
	assert_case(
	    &stage, &extract, NULL, "header X-Remaining: there is no such header");
	stage.facts.head = "HTTP/1.1 200 OK\r\nx-remaining: 59\r\n\r\n";
	assert_case(&stage, &extract, "\"59\"", NULL);
	extract.scaled = true;
	extract.scale = 0.5;
	assert_case(&stage, &extract, "29.5", NULL);
	extract.scaled = false;
	extract.pattern = stage_pattern("^\\d");
	assert_case(&stage, &extract, "\"5\"", NULL);
	extract_clear(&extract);
	/* Not UTF-8, but JSON all the same. */
	extract.header = xstrdup("X-Name");
	stage.facts.head = "X-Name: caf\xE9\r\n";
	assert_case(&stage, &extract, "\"caf\xEF\xBF\xBD\"", NULL);
	extract_clear(&extract);
	stage_close(&stage);
}

static void
test_the_reason_never_shows_what_may_be_secret(UNUSED void **state)
{
	struct extract extract = { .round = -1, .secret = true };
	struct stage stage;

	extract.pattern = stage_pattern("token=(\\w+)");
	stage_open(&stage);
	stage_take_body(&stage, "hunter2");
	assert_case(
	    &stage, &extract, NULL, "body: what is there has no match of the pattern");
	extract.secret = false;
	stage.facts.discreet = true;
	assert_case(
	    &stage, &extract, NULL, "body: what is there has no match of the pattern");
	stage_take_body(&stage, "token=hunter2");
	extract.scaled = true;
	extract.scale = 2;
	assert_case(&stage, &extract, NULL, "body: what is there is no number");
	extract_clear(&extract);
	stage_close(&stage);
}

static void
test_a_pattern_that_takes_too_long_gives_no_value(UNUSED void **state)
{
	struct extract extract = { .round = -1, .pattern = stage_pattern("(a+)+$") };
	struct stage stage;

	stage_open(&stage);
	stage_take_body(&stage, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
	assert_case(&stage, &extract, NULL,
	    "body: looking for the pattern was given up: it takes too much time");
	extract_clear(&extract);
	stage_close(&stage);
}

static void
test_what_does_not_fit_leaves_nothing_behind(UNUSED void **state)
{
	struct extract extract = { .round = -1, .pattern = stage_pattern(".+") };
	struct stage stage;
	struct buffer out;
	char *why = NULL;

	stage_open(&stage);
	stage_take_body(&stage, "a long text");
	buffer_init(&out, 8);
	buffer_append_string(&out, "x");
	assert_false(extract_append(&extract, &stage.facts, &out, &why));
	assert_string_equal(why, "body: too large");
	assert_string_equal(out.data, "x");
	free(why);
	buffer_clear(&out);
	extract_clear(&extract);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_keep_their_types_and_numbers_their_text),
		cmocka_unit_test(test_a_missing_value_says_where_the_path_ended),
		cmocka_unit_test(
		    test_scaled_and_rounded_numbers_are_written_as_people_write_them),
		cmocka_unit_test(
		    test_whatever_is_written_is_json_near_the_value_and_short),
		cmocka_unit_test(test_what_is_no_number_cannot_be_scaled_or_rounded),
		cmocka_unit_test(test_a_pattern_takes_its_first_group_out_of_a_scalar),
		cmocka_unit_test(test_a_body_is_searched_as_text),
		cmocka_unit_test(test_a_header_is_text_or_a_number_where_it_is_scaled),
		cmocka_unit_test(test_the_reason_never_shows_what_may_be_secret),
		cmocka_unit_test(test_a_pattern_that_takes_too_long_gives_no_value),
		cmocka_unit_test(test_what_does_not_fit_leaves_nothing_behind),
	};

	chance_begin(20000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
