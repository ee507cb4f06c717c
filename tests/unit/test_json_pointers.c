#include "base/json_pointers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json_scan.h"
#include "base/xalloc.h"

/* A set of pointers, and what a pass over a text found for them. */
struct search {
	struct json_pointers *pointers;
	struct span *found;
	char *text; /* compact */
	size_t len;
};

static void
setup(struct search *search)
{
	*search = (struct search){ .pointers = json_pointers_new() };
}

static void
teardown(struct search *search)
{
	json_pointers_free(search->pointers);
	free(search->found);
	free(search->text);
}

static void
look(struct search *search, const char *text)
{
	struct json_scan scan;

	free(search->text);
	free(search->found);
	search->text = xstrdup(text);
	search->found =
	    xcalloc(json_pointers_count(search->pointers) + 1, sizeof(*search->found));
	assert_true(json_scan_find(search->text, strlen(text), JSON_SCAN_MAX_DEPTH,
	    search->pointers, search->found, &scan));
	search->text[scan.len] = '\0';
	search->len = scan.len;
}

static void
assert_span(const struct search *search, size_t number, const char *expected)
{
	struct span span = search->found[number];
	char *text;

	if (expected == NULL) {
		assert_int_equal(span_kind(span), SPAN_ABSENT);
		return;
	}
	assert_int_not_equal(span_kind(span), SPAN_ABSENT);
	assert_true(span.text >= search->text);
	assert_true(span.text + span.len <= search->text + search->len);
	text = xmemdup0(span.text, span.len);
	assert_string_equal(text, expected);
	free(text);
}

/* What one POINTER finds in TEXT; NULL: nothing. */
static void
assert_finds(const char *text, const char *pointer, const char *expected)
{
	struct search search;
	size_t number;

	setup(&search);
	number = json_pointers_add(search.pointers, pointer);
	look(&search, text);
	assert_span(&search, number, expected);
	teardown(&search);
}

/* The examples of RFC 6901, section 5. */
static void
test_the_examples_of_the_standard(UNUSED void **state)
{
	static const char text[] =
	    "{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2,"
	    " \"e^f\": 3, \"g|h\": 4, \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7,"
	    " \"m~n\": 8}";

	assert_finds(text, "",
	    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,"
	    "\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");
	assert_finds(text, "/foo", "[\"bar\",\"baz\"]");
	assert_finds(text, "/foo/0", "\"bar\"");
	assert_finds(text, "/", "0");
	assert_finds(text, "/a~1b", "1");
	assert_finds(text, "/c%d", "2");
	assert_finds(text, "/e^f", "3");
	assert_finds(text, "/g|h", "4");
	assert_finds(text, "/i\\j", "5");
	assert_finds(text, "/k\"l", "6");
	assert_finds(text, "/ ", "7");
	assert_finds(text, "/m~0n", "8");
}

static void
test_scalars_have_nothing_inside(UNUSED void **state)
{
	assert_finds(" 7 ", "", "7");
	assert_finds("7", "/0", NULL);
	assert_finds("7", "/", NULL);
	assert_finds("\"text\"", "/0", NULL);
	assert_finds("{\"a\":null}", "/a", "null");
	assert_finds("{\"a\":null}", "/a/b", NULL);
	assert_finds("{\"a\":true}", "/a/b", NULL);
}

static void
test_items_are_counted_from_0(UNUSED void **state)
{
	static const char text[] = "[ 10 , [ 11, {\"x\": [ ] } ] , 12 ]";

	assert_finds(text, "/0", "10");
	assert_finds(text, "/2", "12");
	assert_finds(text, "/3", NULL);
	assert_finds(text, "/1/1/x", "[]");
	assert_finds(text, "/1/1/x/0", NULL);
	assert_finds(text, "/1/2", NULL);
}

static void
test_what_is_no_index_leads_nowhere_in_an_array(UNUSED void **state)
{
	static const char *const tokens[] = {
		"-",
		"",
		"00",
		"01",
		"+1",
		"-1",
		" 1",
		"1 ",
		"1.0",
		"1e0",
		"a",
		"0x1",
		"\xD9\xA1", /* ARABIC-INDIC DIGIT ONE */
		"18446744073709551615",
		"18446744073709551616",
		"18446744073709551617",
		"99999999999999999999999999",
	};

	for (size_t i = 0; i < ARRAY_COUNT(tokens); i++) {
		char *pointer = xasprintf("/%s", tokens[i]);
		char *object = xasprintf("{\"%s\":7}", tokens[i]);

		assert_finds("[1,2,3]", pointer, NULL);
		/* But all of them may be the name of a member. */
		assert_finds(object, pointer, "7");
		free(object);
		free(pointer);
	}
}

static void
test_tildes_are_read_once(UNUSED void **state)
{
	assert_finds("{\"~1\":1,\"/\":2}", "/~01", "1");
	assert_finds("{\"~1\":1,\"/\":2}", "/~1", "2");
	assert_finds("{\"~0\":1,\"~\":2}", "/~00", "1");
	assert_finds("{\"~~//\":1}", "/~0~0~1~1", "1");
	assert_finds("{\"\":{\"\":{\"a\":1}}}", "///a", "1");
}

static void
test_escapes_in_keys_mean_what_they_stand_for(UNUSED void **state)
{
	assert_finds("{\"\\u0061\":1}", "/a", "1");
	assert_finds("{\"\\u0061\" : { \"\\u0062c\" : 1 } }", "/a/bc", "1");
	assert_finds("{\"\\ud83d\\ude00\":1}", "/\xF0\x9F\x98\x80", "1");
	assert_finds("{\"\\/\":1}", "/~1", "1");
	assert_finds("{\"\\\\u0061\":1}", "/a", NULL);
	assert_finds("{\"\\\\u0061\":1}", "/\\u0061", "1");
	assert_finds("{\"a\\u0000\":1}", "/a", NULL);
	assert_finds("{\"\\u0030\":1}", "/0", "1");
	/* A key that is longer than one that looks the same. */
	assert_finds("{\"ab\":1,\"a\":2}", "/a", "2");
}

static void
test_the_last_of_doubled_keys_counts(UNUSED void **state)
{
	assert_finds("{\"a\":1,\"a\":2}", "/a", "2");
	assert_finds("{\"a\":1,\"\\u0061\":2}", "/a", "2");
	assert_finds("{\"a\":{\"b\":1},\"a\":{\"b\":2}}", "/a/b", "2");
	assert_finds("{\"a\":{\"b\":1,\"b\":3},\"c\":0}", "/a/b", "3");
}

static void
test_what_lies_in_an_earlier_one_of_doubled_keys_is_forgotten(UNUSED void **state)
{
	assert_finds("{\"a\":{\"b\":1},\"a\":2}", "/a/b", NULL);
	assert_finds("{\"a\":{\"b\":1},\"a\":{}}", "/a/b", NULL);
	assert_finds("{\"a\":{\"b\":1},\"a\":{\"c\":1}}", "/a/b", NULL);
	assert_finds("{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":0}}", "/a/b/c", NULL);
	assert_finds("{\"a\":{\"b\":{\"c\":1}},\"a\":{\"d\":0}}", "/a/b/c", NULL);
	assert_finds("{\"a\":[1,2],\"a\":[3]}", "/a/1", NULL);
	assert_finds("{\"a\":[1,2],\"a\":[3]}", "/a/0", "3");
	assert_finds("{\"a\":[1,2],\"a\":{\"1\":5}}", "/a/1", "5");
	assert_finds("{\"a\":{\"b\":1},\"a\":2,\"a\":{\"b\":3}}", "/a/b", "3");
}

static void
test_many_pointers_share_one_pass(UNUSED void **state)
{
	static const struct {
		const char *pointer;
		const char *expected;
	} rows[] = {
		{ "/list/2/name", "\"c\"" },
		{ "/list/0", "{\"name\":\"a\"}" },
		{ "/list/0/name", "\"a\"" },
		{ "/list", "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]" },
		{ "/list/10", NULL },
		{ "/list/9", NULL },
		{ "/list/-", NULL },
		{ "/list/name", NULL },
		{ "/queue/depth", "250" },
		{ "/queue", "{\"depth\":250,\"age\":[1,[2]]}" },
		{ "/queue/age/1/0", "2" },
		{ "/queue/age/1/1", NULL },
		{ "/state", "\"up\"" },
		{ "/State", NULL },
	};
	static const char text[] =
	    "{ \"list\" : [ {\"name\": \"a\"} ,\n {\"name\": \"b\"},"
	    " {\"name\" :\"c\"} ], \"queue\": {\"depth\": 250,"
	    " \"age\": [1, [ 2 ]] },\t\"state\": \"up\" } ";
	struct search search;
	size_t numbers[ARRAY_COUNT(rows)];

	setup(&search);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		numbers[i] = json_pointers_add(search.pointers, rows[i].pointer);
	look(&search, text);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_span(&search, numbers[i], rows[i].expected);
	teardown(&search);
}

static void
test_the_same_pointer_has_the_same_number(UNUSED void **state)
{
	struct json_pointers *pointers = json_pointers_new();
	size_t depth, list, whole;

	assert_int_equal(json_pointers_count(NULL), 0);
	assert_int_equal(json_pointers_count(pointers), 0);
	depth = json_pointers_add(pointers, "/queue/depth");
	list = json_pointers_add(pointers, "/list");
	whole = json_pointers_add(pointers, "");
	assert_int_not_equal(depth, list);
	assert_int_not_equal(depth, whole);
	assert_int_equal(json_pointers_add(pointers, "/queue/depth"), depth);
	assert_int_equal(json_pointers_add(pointers, "/list"), list);
	assert_int_equal(json_pointers_add(pointers, ""), whole);
	assert_true(json_pointers_count(pointers) > depth);
	assert_true(json_pointers_count(pointers) > list);
	json_pointers_free(pointers);
	json_pointers_free(NULL);
}

static void
test_what_is_no_pointer_is_told(UNUSED void **state)
{
	assert_null(json_pointer_fault(""));
	assert_null(json_pointer_fault("/"));
	assert_null(json_pointer_fault("/a//b~0~1"));
	assert_string_equal(json_pointer_fault("a"), "does not begin with /");
	assert_string_equal(json_pointer_fault("#/a"), "does not begin with /");
	assert_string_equal(
	    json_pointer_fault("/a~"), "has a ~ that is neither ~0 nor ~1");
	assert_string_equal(
	    json_pointer_fault("/~2/b"), "has a ~ that is neither ~0 nor ~1");
}

/* The faults of a text are the same, and at the same place, whatever is looked for. */
static void
assert_same_fault(const char *text, unsigned max_depth)
{
	static const char *const sets[] = { "", "/a", "/a/b", "/0", "/1/a",
		"/a/0/b/1" };
	struct json_pointers *pointers = json_pointers_new();
	struct span found[20];
	struct json_scan plain, finding;
	char *copy = xstrdup(text);
	bool valid = json_scan_compact(copy, strlen(text), max_depth, &plain);

	for (size_t i = 0; i < ARRAY_COUNT(sets); i++) {
		char *other = xstrdup(text);

		json_pointers_add(pointers, sets[i]);
		assert_int_equal(json_scan_find(other, strlen(text), max_depth,
		                     pointers, found, &finding),
		    valid);
		assert_int_equal(finding.fault, plain.fault);
		assert_int_equal(finding.offset, plain.offset);
		assert_int_equal(finding.len, plain.len);
		if (valid)
			assert_memory_equal(other, copy, plain.len);
		free(other);
	}
	free(copy);
	json_pointers_free(pointers);
}

static void
test_faults_are_those_of_the_plain_pass(UNUSED void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":}",
		"{\"a\" 1}",
		"{\"a\":1",
		"{\"a\":1,}",
		"{\"a\":1]",
		"{\"a\":1}}",
		"{,}",
		"{1:2}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":[1,2}",
		"{\"a\":[{\"b\":[0,]}]}",
		"{\"a\":[{\"b\":[0,1e999]}]}",
		"{\"a\\x\":1}",
		"{\"\xFF\":1}",
		"[",
		"[,]",
		"[1",
		"[1,",
		"[1,]",
		"[1,2}",
		"[1 2]",
		"[ 1 , {\"a\" : tru } ]",
		"[[[[[]]]]]",
		"{\"a\":{\"b\":[[]]}}",
		" { \"a\" : [ { \"b\" : [ 0 , 1 ] } ] } ",
		"[ ] x",
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		assert_same_fault(texts[i], JSON_SCAN_MAX_DEPTH);
		assert_same_fault(texts[i], 3);
		assert_same_fault(texts[i], 0);
	}
}

static void
test_nothing_is_looked_for_without_pointers(UNUSED void **state)
{
	char text[] = " [ 1 ] ";
	char again[] = " [ 1 ] ";
	struct json_pointers *none = json_pointers_new();
	struct json_scan scan;

	assert_true(json_scan_find(text, strlen(text), 9, NULL, NULL, &scan));
	assert_int_equal(scan.len, 3);
	assert_true(json_scan_find(again, strlen(again), 9, none, NULL, &scan));
	assert_int_equal(scan.len, 3);
	json_pointers_free(none);
}

/* COUNT times WHAT; the caller's. */
static char *
repeat(const char *what, size_t count)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	for (size_t i = 0; i < count; i++)
		buffer_append_string(&out, what);
	return buffer_take(&out);
}

/* As deep as a text may be, and one pointer that goes further. */
static void
test_pointers_reach_the_deepest_value(UNUSED void **state)
{
	char *open = repeat("[{\"a\":", JSON_SCAN_MAX_DEPTH / 2);
	char *close = repeat("}]", JSON_SCAN_MAX_DEPTH / 2);
	char *way = repeat("/0/a", JSON_SCAN_MAX_DEPTH / 2);
	char *text = xasprintf("%s 7 %s", open, close);
	char *further = repeat("/0/a", 5000);

	assert_finds(text, way, "7");
	assert_finds(text, further, NULL);
	assert_same_fault(text, JSON_SCAN_MAX_DEPTH - 1);
	free(open);
	free(close);
	free(way);
	free(text);
	free(further);
}

/* ---- where a pointer ended ---- */

static void
assert_ends(const char *text, const char *pointer, const char *expected)
{
	struct search search;
	size_t number;
	char *told;

	setup(&search);
	number = json_pointers_add(search.pointers, pointer);
	look(&search, text);
	assert_span(&search, number, NULL);
	told = json_pointers_end(search.pointers, search.found, number);
	assert_string_equal(told, expected);
	free(told);
	told = json_pointer_end(span_whole(search.text, search.len), pointer);
	assert_string_equal(told, expected);
	free(told);
	teardown(&search);
}

static void
test_where_a_pointer_ended_is_told(UNUSED void **state)
{
	static const char text[] =
	    "{\"queue\":{\"size\":1},\"list\":[1,{\"a\":0},null],\"none\":[],"
	    "\"one\":[7],\"text\":\"x\",\"yes\":true}";

	assert_ends(
	    text, "/queue/depth", "ended at \"depth\": the object has no such member");
	assert_ends(text, "/queue/depth/deeper/still",
	    "ended at \"depth\": the object has no such member");
	assert_ends(
	    text, "/a~1b~0", "ended at \"a/b~\": the object has no such member");
	assert_ends(text, "/", "ended at \"\": the object has no such member");
	assert_ends(text, "/list/3", "ended at \"3\": the array has 3 items");
	assert_ends(text, "/one/1/x", "ended at \"1\": the array has 1 item");
	assert_ends(text, "/none/0", "ended at \"0\": the array is empty");
	assert_ends(text, "/list/first",
	    "ended at \"first\": the items of an array have numbers");
	assert_ends(text, "/list/0/x", "ended at \"x\": a number has no members");
	assert_ends(text, "/list/2/x", "ended at \"x\": null has no members");
	assert_ends(text, "/text/0", "ended at \"0\": a string has no members");
	assert_ends(text, "/yes/0", "ended at \"0\": a boolean has no members");
	assert_ends("7", "/a", "ended at \"a\": a number has no members");
	/* Only the last of doubled keys is there. */
	assert_ends("{\"a\":{\"b\":1},\"a\":2}", "/a/b",
	    "ended at \"b\": a number has no members");
}

static void
test_long_tokens_and_arrays_are_told_in_short(UNUSED void **state)
{
	char *token = repeat("long", 100);
	char *pointer = xasprintf("/%s", token);
	char *expected =
	    xasprintf("ended at \"%.64s\": the object has no such member", token);
	char *items = repeat("1,", 10000);
	char *text = xasprintf("[%s1]", items);

	assert_ends("{}", pointer, expected);
	assert_ends(text, "/20000", "ended at \"20000\": the array has no such item");
	free(token);
	free(pointer);
	free(expected);
	free(items);
	free(text);
}

static void
test_without_json_nothing_is_there(UNUSED void **state)
{
	struct json_pointers *pointers = json_pointers_new();
	size_t number = json_pointers_add(pointers, "/a");
	struct span found[2] = { { .text = NULL } };
	char *told = json_pointers_end(pointers, found, number);

	assert_string_equal(told, "there is no JSON");
	free(told);
	told = json_pointer_end(found[0], "/a");
	assert_string_equal(told, "there is no JSON");
	free(told);
	json_pointers_free(pointers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_examples_of_the_standard),
		cmocka_unit_test(test_scalars_have_nothing_inside),
		cmocka_unit_test(test_items_are_counted_from_0),
		cmocka_unit_test(test_what_is_no_index_leads_nowhere_in_an_array),
		cmocka_unit_test(test_tildes_are_read_once),
		cmocka_unit_test(test_escapes_in_keys_mean_what_they_stand_for),
		cmocka_unit_test(test_the_last_of_doubled_keys_counts),
		cmocka_unit_test(
		    test_what_lies_in_an_earlier_one_of_doubled_keys_is_forgotten),
		cmocka_unit_test(test_many_pointers_share_one_pass),
		cmocka_unit_test(test_the_same_pointer_has_the_same_number),
		cmocka_unit_test(test_what_is_no_pointer_is_told),
		cmocka_unit_test(test_faults_are_those_of_the_plain_pass),
		cmocka_unit_test(test_nothing_is_looked_for_without_pointers),
		cmocka_unit_test(test_pointers_reach_the_deepest_value),
		cmocka_unit_test(test_where_a_pointer_ended_is_told),
		cmocka_unit_test(test_long_tokens_and_arrays_are_told_in_short),
		cmocka_unit_test(test_without_json_nothing_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
