#include "base/json_scan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

#define DEPTH 28

/* A text of its exact length on the heap, so that a look behind its end is seen. */
static char *
copy(const char *text, size_t len)
{
	char *bytes = malloc(len > 0 ? len : 1);

	assert_non_null(bytes);
	memcpy(bytes, text, len);
	return bytes;
}

static void
assert_accepted(const char *text, size_t len, unsigned depth, const char *expected)
{
	char *bytes = copy(text, len);
	struct json_scan scan;

	if (!json_scan_compact(bytes, len, depth, &scan))
		fail_msg(
		    "%s: %s at %zu", text, json_fault_text(scan.fault), scan.offset);
	assert_int_equal(scan.fault, JSON_FAULT_NONE);
	assert_int_equal(scan.len, strlen(expected));
	assert_memory_equal(bytes, expected, scan.len);
	free(bytes);
}

static void
assert_refused(
    const char *text, size_t len, unsigned depth, enum json_fault fault, size_t offset)
{
	char *bytes = copy(text, len);
	struct json_scan scan;

	if (json_scan_compact(bytes, len, depth, &scan))
		fail_msg("%s: accepted", text);
	if (scan.fault != fault || scan.offset != offset)
		fail_msg(
		    "%s: %s at %zu", text, json_fault_text(scan.fault), scan.offset);
	free(bytes);
}

/* The text as it came, and what it is without white space; NULL: the same. */
static const struct {
	const char *text;
	const char *compact;
} accepted[] = {
	/* arrays */
	{ "[]", NULL },
	{ "[[]   ]", "[[]]" },
	{ "[\"\"]", NULL },
	{ "[false]", NULL },
	{ "[null, 1, \"1\", {}]", "[null,1,\"1\",{}]" },
	{ "[1\n]", "[1]" },
	{ " [1]", "[1]" },
	{ "[1,null,null,null,2]", NULL },
	{ "[2] ", "[2]" },
	{ "[[[],[[]]],[]]", NULL },
	{ "[ ]", "[]" },
	{ "[\t1\r\n,\n2 ]", "[1,2]" },
	/* numbers */
	{ "[123e65]", NULL },
	{ "[0e+1]", NULL },
	{ "[0e1]", NULL },
	{ "[ 4]", "[4]" },
	{ "[-0.000000000000000000000000000000000000000000000000000000000000000001]",
	    NULL },
	{ "[20e1]", NULL },
	{ "[-0]", NULL },
	{ "[-123]", NULL },
	{ "[-1]", NULL },
	{ "[1E22]", NULL },
	{ "[1E-2]", NULL },
	{ "[1E+2]", NULL },
	{ "[123e45]", NULL },
	{ "[123.456e78]", NULL },
	{ "[1e-2]", NULL },
	{ "[1e+2]", NULL },
	{ "[123]", NULL },
	{ "[123.456789]", NULL },
	{ "[0.10]", NULL },
	{ "[18446744073709551616]", NULL },
	{ "[1.7976931348623157e308]", NULL },
	{ "[179769313486231570e291]", NULL },
	{ "[0e999]", NULL },
	{ "[0.00e999]", NULL },
	{ "[-0.0E+99999999999999999999]", NULL },
	{ "[1e-999]", NULL },
	{ "[1e-99999999999999999999999]", NULL },
	{ "[1e0000000000000000000000000000000000001]", NULL },
	{ "[0.001e310]", NULL },
	{ "[5e-324]", NULL },
	{ "1.5", NULL },
	{ "-0", NULL },
	{ "0", NULL },
	{ "7 ", "7" },
	/* objects */
	{ "{\"a\":\"b\"}", NULL },
	{ "{\"a\":\"b\",\"a\":\"c\"}", NULL },
	{ "{\"a\":\"b\",\"a\":\"b\"}", NULL },
	{ "{}", NULL },
	{ "{ }", "{}" },
	{ "{\"\":0}", NULL },
	{ "{\"foo\\u0000bar\": 42}", "{\"foo\\u0000bar\":42}" },
	{ "{ \"min\": -1.0e+28, \"max\" : 1.0e+28 }",
	    "{\"min\":-1.0e+28,\"max\":1.0e+28}" },
	{ "{\"a\":[]}", NULL },
	{ "{\"a\":{\"b\":{\"c\":[{}]}},\"d\":[{\"e\":1},2]}", NULL },
	{ "{\n\"a\": \"b\"\n}", "{\"a\":\"b\"}" },
	{ "\r\n\t {\t\"a\"\n:\r1 , \"b\" : [ 1 , 2 ] } \n", "{\"a\":1,\"b\":[1,2]}" },
	/* strings */
	{ "[\"\\u0060\\u012a\\u12AB\"]", NULL },
	{ "[\"\\uD801\\udc37\"]", NULL },
	{ "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]", NULL },
	{ "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", NULL },
	{ "[\"\\\\u0000\"]", NULL },
	{ "[\"\\\"\"]", NULL },
	{ "[\"a/*b*/c/*d//e\"]", NULL },
	{ "[\"\\\\a\"]", NULL },
	{ "[\"\\u0012\"]", NULL },
	{ "[\"\\uFFFF\"]", NULL },
	{ "[\"\\uDBFF\\uDFFF\"]", NULL },
	{ "[ \"asd\"]", "[\"asd\"]" },
	{ "[\"new\\u000Aline\"]", NULL },
	{ "[\"\\u0000\"]", NULL },
	{ "[\"\x7F\"]", NULL },
	{ "[\"\xC2\x80\xDF\xBF\"]", NULL },
	{ "[\"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\"]", NULL },
	{ "[\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"]", NULL },
	{ "[\"\xE2\x82\xAC\xF0\x9D\x84\x9E\"]", NULL },
	{ "[\"\xEF\xBB\xBF\"]", NULL },
	{ "[\"\xE2\x80\xA8\xE2\x80\xA9\"]", NULL },
	{ "\" \"", NULL },
	{ "\"\"", NULL },
	{ "[\" a  b \"]", NULL },
	{ "[\"  \" , \" \\\" \" ]", "[\"  \",\" \\\" \"]" },
	/* the others */
	{ "true", NULL },
	{ "false", NULL },
	{ "null", NULL },
	{ " null ", "null" },
	{ "[true]", NULL },
	{ "[true ,false,null]", "[true,false,null]" },
};

static const struct {
	const char *text;
	enum json_fault fault;
	size_t offset;
} refused[] = {
	/* arrays */
	{ "[1 true]", JSON_FAULT_SYNTAX, 3 },
	{ "[\"\": 1]", JSON_FAULT_SYNTAX, 3 },
	{ "[,1]", JSON_FAULT_SYNTAX, 1 },
	{ "[1,,2]", JSON_FAULT_SYNTAX, 3 },
	{ "[1,]", JSON_FAULT_SYNTAX, 3 },
	{ "[1,,]", JSON_FAULT_SYNTAX, 3 },
	{ "[,]", JSON_FAULT_SYNTAX, 1 },
	{ "[ , ]", JSON_FAULT_SYNTAX, 2 },
	{ "[3[4]]", JSON_FAULT_SYNTAX, 2 },
	{ "[1:2]", JSON_FAULT_SYNTAX, 2 },
	{ "[1}", JSON_FAULT_SYNTAX, 2 },
	{ "[}", JSON_FAULT_SYNTAX, 1 },
	{ "[(1)]", JSON_FAULT_SYNTAX, 1 },
	{ "[1\v]", JSON_FAULT_SYNTAX, 2 },
	{ "[\f]", JSON_FAULT_SYNTAX, 1 },
	{ "[*]", JSON_FAULT_SYNTAX, 1 },
	{ "[1;2]", JSON_FAULT_SYNTAX, 2 },
	/* numbers */
	{ "[-01]", JSON_FAULT_SYNTAX, 3 },
	{ "[012]", JSON_FAULT_SYNTAX, 2 },
	{ "[00]", JSON_FAULT_SYNTAX, 2 },
	{ "012", JSON_FAULT_SYNTAX, 1 },
	{ "[-]", JSON_FAULT_SYNTAX, 2 },
	{ "[- 1]", JSON_FAULT_SYNTAX, 2 },
	{ "[--1]", JSON_FAULT_SYNTAX, 2 },
	{ "[+1]", JSON_FAULT_SYNTAX, 1 },
	{ "[.1]", JSON_FAULT_SYNTAX, 1 },
	{ "[-.1]", JSON_FAULT_SYNTAX, 2 },
	{ "[1.]", JSON_FAULT_SYNTAX, 3 },
	{ "[1.e5]", JSON_FAULT_SYNTAX, 3 },
	{ "[1.2.3]", JSON_FAULT_SYNTAX, 4 },
	{ "[1e]", JSON_FAULT_SYNTAX, 3 },
	{ "[1E+]", JSON_FAULT_SYNTAX, 4 },
	{ "[1e-]", JSON_FAULT_SYNTAX, 4 },
	{ "[1e+-2]", JSON_FAULT_SYNTAX, 4 },
	{ "[1e2.5]", JSON_FAULT_SYNTAX, 4 },
	{ "[1ea]", JSON_FAULT_SYNTAX, 3 },
	{ "[1 000]", JSON_FAULT_SYNTAX, 3 },
	{ "[1a]", JSON_FAULT_SYNTAX, 2 },
	{ "[0x1]", JSON_FAULT_SYNTAX, 2 },
	{ "[1_000]", JSON_FAULT_SYNTAX, 2 },
	{ "[NaN]", JSON_FAULT_SYNTAX, 1 },
	{ "[Infinity]", JSON_FAULT_SYNTAX, 1 },
	{ "[-Infinity]", JSON_FAULT_SYNTAX, 2 },
	{ "[-nan]", JSON_FAULT_SYNTAX, 2 },
	{ "[1,5e999]", JSON_FAULT_RANGE, 3 },
	{ "1e999", JSON_FAULT_RANGE, 0 },
	{ "[-1e309]", JSON_FAULT_RANGE, 1 },
	{ "[1.7976931348623159e308]", JSON_FAULT_RANGE, 1 },
	{ "[ 0.0001e313]", JSON_FAULT_RANGE, 2 },
	{ "[1e99999999999999999999999]", JSON_FAULT_RANGE, 1 },
	{ "[1e]9", JSON_FAULT_SYNTAX, 3 },
	/* objects */
	{ "{[]: 1}", JSON_FAULT_SYNTAX, 1 },
	{ "{\"a\" b}", JSON_FAULT_SYNTAX, 5 },
	{ "{\"a\",\"b\"}", JSON_FAULT_SYNTAX, 4 },
	{ "{\"a\"::1}", JSON_FAULT_SYNTAX, 5 },
	{ "{\"a\":1,}", JSON_FAULT_SYNTAX, 7 },
	{ "{\"a\":1,,\"b\":2}", JSON_FAULT_SYNTAX, 7 },
	{ "{,\"a\":1}", JSON_FAULT_SYNTAX, 1 },
	{ "{a:1}", JSON_FAULT_SYNTAX, 1 },
	{ "{'a':1}", JSON_FAULT_SYNTAX, 1 },
	{ "{1:1}", JSON_FAULT_SYNTAX, 1 },
	{ "{null:1}", JSON_FAULT_SYNTAX, 1 },
	{ "{\"a\":}", JSON_FAULT_SYNTAX, 5 },
	{ "{\"a\"}", JSON_FAULT_SYNTAX, 4 },
	{ "{\"a\":1]", JSON_FAULT_SYNTAX, 6 },
	{ "{]", JSON_FAULT_SYNTAX, 1 },
	{ "{\"a\":1 \"b\":2}", JSON_FAULT_SYNTAX, 7 },
	{ "{\"a\":/*c*/1}", JSON_FAULT_SYNTAX, 5 },
	{ "{\"a\":1//c\n}", JSON_FAULT_SYNTAX, 6 },
	/* strings */
	{ "[\"\\x00\"]", JSON_FAULT_SYNTAX, 3 },
	{ "[\"\\a\"]", JSON_FAULT_SYNTAX, 3 },
	{ "[\"\\'\"]", JSON_FAULT_SYNTAX, 3 },
	{ "[\"\\U0041\"]", JSON_FAULT_SYNTAX, 3 },
	{ "[\"\\u00A\"]", JSON_FAULT_SYNTAX, 7 },
	{ "[\"\\u00G0\"]", JSON_FAULT_SYNTAX, 6 },
	{ "[\"\\u00:0\"]", JSON_FAULT_SYNTAX, 6 },
	{ "[\"\\u00/0\"]", JSON_FAULT_SYNTAX, 6 },
	{ "[\"\\u0`00\"]", JSON_FAULT_SYNTAX, 5 },
	{ "[\"\\u-123\"]", JSON_FAULT_SYNTAX, 4 },
	{ "[\"\\u 123\"]", JSON_FAULT_SYNTAX, 4 },
	{ "[\"\t\"]", JSON_FAULT_SYNTAX, 2 },
	{ "[\"a\nb\"]", JSON_FAULT_SYNTAX, 3 },
	{ "[\"\x1F\"]", JSON_FAULT_SYNTAX, 2 },
	{ "['a']", JSON_FAULT_SYNTAX, 1 },
	{ "[\\u0020\"a\"]", JSON_FAULT_SYNTAX, 1 },
	{ "[\"\\\xC3\xA9\"]", JSON_FAULT_SYNTAX, 3 },
	{ "[\"\\\xFF\"]", JSON_FAULT_UTF8, 3 },
	{ "[\"\\uD800\"]", JSON_FAULT_SURROGATE, 2 },
	{ "[\"ab\\uDC00\"]", JSON_FAULT_SURROGATE, 4 },
	{ "[\"\\uD800\\n\"]", JSON_FAULT_SURROGATE, 2 },
	{ "[\"\\uD800abc\"]", JSON_FAULT_SURROGATE, 2 },
	{ "[\"\\uD800\\u0041\"]", JSON_FAULT_SURROGATE, 2 },
	{ "[\"\\uD800\\uD800\\uDC00\"]", JSON_FAULT_SURROGATE, 2 },
	{ "[\"\\uDC00\\uD800\"]", JSON_FAULT_SURROGATE, 2 },
	{ "[\"\\uDC00\\uDC00\"]", JSON_FAULT_SURROGATE, 2 },
	{ "[\"\\uD801\\udc37\\udc37\"]", JSON_FAULT_SURROGATE, 14 },
	{ "[\"\\uD800\\u00\"]", JSON_FAULT_SYNTAX, 12 },
	{ "[\"\x80\"]", JSON_FAULT_UTF8, 2 },
	{ "[\"\xFF\"]", JSON_FAULT_UTF8, 2 },
	{ "[\"ab\xC0\xAF\"]", JSON_FAULT_UTF8, 4 },
	{ "[\"\xE0\x80\x80\"]", JSON_FAULT_UTF8, 2 },
	{ "[\"\xED\xA0\x80\"]", JSON_FAULT_UTF8, 2 },
	{ "[\"\xF4\x90\x80\x80\"]", JSON_FAULT_UTF8, 2 },
	{ "[\"\xF0\x80\x80\x80\"]", JSON_FAULT_UTF8, 2 },
	{ "[\"\xE2\x82\"]", JSON_FAULT_UTF8, 2 },
	{ "[\"\xC3\xA9\xE9\"]", JSON_FAULT_UTF8, 4 },
	/* structure */
	{ "\xEF\xBB\xBF{}", JSON_FAULT_SYNTAX, 0 },
	{ "\xFF\xFE[", JSON_FAULT_UTF8, 0 },
	{ "[\xFF]", JSON_FAULT_UTF8, 1 },
	{ "[\xC2\xA0]", JSON_FAULT_SYNTAX, 1 },
	{ "[\xE2\x81\xA0]", JSON_FAULT_SYNTAX, 1 },
	{ "<html>", JSON_FAULT_SYNTAX, 0 },
	{ "]", JSON_FAULT_SYNTAX, 0 },
	{ ",", JSON_FAULT_SYNTAX, 0 },
	{ ":", JSON_FAULT_SYNTAX, 0 },
	{ "abc", JSON_FAULT_SYNTAX, 0 },
	{ "[True]", JSON_FAULT_SYNTAX, 1 },
	{ "[nul]", JSON_FAULT_SYNTAX, 4 },
	{ "[tru e]", JSON_FAULT_SYNTAX, 4 },
	{ "[nulll]", JSON_FAULT_SYNTAX, 5 },
	{ "fals3", JSON_FAULT_SYNTAX, 4 },
	{ "", JSON_FAULT_EMPTY, 0 },
	{ " \n\t\r ", JSON_FAULT_EMPTY, 5 },
	{ "1]", JSON_FAULT_TRAILING, 1 },
	{ "[]]", JSON_FAULT_TRAILING, 2 },
	{ "{}}", JSON_FAULT_TRAILING, 2 },
	{ "[1] x", JSON_FAULT_TRAILING, 4 },
	{ "{}{}", JSON_FAULT_TRAILING, 2 },
	{ "{} /* */", JSON_FAULT_TRAILING, 3 },
	{ "\"a\" \"b\"", JSON_FAULT_TRAILING, 4 },
	{ "1 2", JSON_FAULT_TRAILING, 2 },
	{ "nulll", JSON_FAULT_TRAILING, 4 },
	{ "{\"a\":1}#", JSON_FAULT_TRAILING, 7 },
};

static void
test_json_is_accepted_and_compacted(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(accepted); i++) {
		const char *text = accepted[i].text;
		const char *compact = accepted[i].compact ? accepted[i].compact : text;

		assert_accepted(text, strlen(text), DEPTH, compact);
		assert_accepted(compact, strlen(compact), DEPTH, compact);
	}
}

static void
test_what_is_no_json_is_refused_with_its_place(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
		assert_refused(refused[i].text, strlen(refused[i].text), DEPTH,
		    refused[i].fault, refused[i].offset);
}

/* White space before a fault is closed up, but the place is that in the text as it
 * came. */
static void
test_places_are_those_of_the_original_text(UNUSED void **state)
{
	assert_refused("  [ 1 , 2 , ]", 13, DEPTH, JSON_FAULT_SYNTAX, 12);
	assert_refused("\n{ \"a\" : 1e400 }", 16, DEPTH, JSON_FAULT_RANGE, 9);
	assert_refused(" [ ] [", 6, DEPTH, JSON_FAULT_TRAILING, 5);
}

static void
test_nul_bytes_are_no_white_space(UNUSED void **state)
{
	assert_refused("\0", 1, DEPTH, JSON_FAULT_SYNTAX, 0);
	assert_refused("[1,\0]", 5, DEPTH, JSON_FAULT_SYNTAX, 3);
	assert_refused("[\"a\0\"]", 6, DEPTH, JSON_FAULT_SYNTAX, 3);
	assert_refused("[]\0", 3, DEPTH, JSON_FAULT_TRAILING, 2);
	assert_refused("12\0", 3, DEPTH, JSON_FAULT_TRAILING, 2);
}

/* Every beginning of a text that cannot end before its last byte. */
static void
test_a_cut_text_is_told_from_a_wrong_one(UNUSED void **state)
{
	static const char text[] =
	    "{\"k\\u00e9y\\\\\" : [ true , false,null, -1.25e+10, \"\\uD83D\\uDE00"
	    "\xC3\xA9\xE0\xA0\x80\xE2\x82\xAC\xED\x9F\xBF\xF0\x90\x80\x80"
	    "\xF1\x80\x80\x80\xF4\x8F\xBF\xBF"
	    "\" , {} , [ ] , {\"a\":0} ] }";

	assert_refused(text, 0, DEPTH, JSON_FAULT_EMPTY, 0);
	for (size_t len = 1; len < sizeof(text) - 1; len++)
		assert_refused(text, len, DEPTH, JSON_FAULT_CUT, len);
	assert_refused("-", 1, DEPTH, JSON_FAULT_CUT, 1);
	assert_refused("1.", 2, DEPTH, JSON_FAULT_CUT, 2);
	assert_refused("1e", 2, DEPTH, JSON_FAULT_CUT, 2);
	assert_refused("1e+", 3, DEPTH, JSON_FAULT_CUT, 3);
	assert_refused("tru", 3, DEPTH, JSON_FAULT_CUT, 3);
	/* These cannot be continued to something right. */
	assert_refused("[\"\xE0\x80", 4, DEPTH, JSON_FAULT_UTF8, 2);
	assert_refused("[\"\xED\xA0", 4, DEPTH, JSON_FAULT_UTF8, 2);
	assert_refused("[\"\xF4\x90", 4, DEPTH, JSON_FAULT_UTF8, 2);
	assert_refused("[\"\xC0", 3, DEPTH, JSON_FAULT_UTF8, 2);
}

/* DEPTH brackets of alternating or equal kinds around a scalar; the caller's. */
static char *
nest(size_t depth, const char *kinds)
{
	char *text = malloc(6 * depth + 2);
	char *to = text;

	assert_non_null(text);
	for (size_t i = 0; i < depth; i++)
		to = stpcpy(to, kinds[i % strlen(kinds)] == '{' ? "{\"a\":" : "[");
	*to++ = '1';
	for (size_t i = depth; i > 0; i--)
		*to++ = kinds[(i - 1) % strlen(kinds)] == '{' ? '}' : ']';
	*to = '\0';
	return text;
}

static void
assert_depth_allowed(size_t depth, const char *kinds, unsigned max_depth)
{
	char *text = nest(depth, kinds);

	assert_accepted(text, strlen(text), max_depth, text);
	free(text);
}

static void
assert_depth_refused(size_t depth, const char *kinds, unsigned max_depth, size_t offset)
{
	char *text = nest(depth, kinds);

	assert_refused(text, strlen(text), max_depth, JSON_FAULT_DEPTH, offset);
	free(text);
}

static void
test_nesting_is_allowed_up_to_the_limit(UNUSED void **state)
{
	assert_depth_allowed(0, "[", 0);
	assert_depth_refused(1, "[", 0, 0);
	assert_depth_refused(1, "{", 0, 0);
	assert_depth_allowed(1, "{", 1);
	assert_depth_refused(2, "[", 1, 1);
	assert_depth_allowed(28, "[", 28);
	assert_depth_refused(29, "[", 28, 28);
	assert_depth_allowed(28, "{", 28);
	assert_depth_refused(29, "{", 28, 140);
	/* Around the words of the stack of bits. */
	for (size_t depth = 62; depth <= 66; depth++)
		assert_depth_allowed(depth, "[{{", (unsigned)depth);
	assert_depth_allowed(JSON_SCAN_MAX_DEPTH, "[", JSON_SCAN_MAX_DEPTH);
	assert_depth_allowed(JSON_SCAN_MAX_DEPTH, "{", JSON_SCAN_MAX_DEPTH);
	assert_depth_allowed(JSON_SCAN_MAX_DEPTH, "{[[", JSON_SCAN_MAX_DEPTH);
	assert_depth_refused(
	    JSON_SCAN_MAX_DEPTH + 1, "[", JSON_SCAN_MAX_DEPTH, JSON_SCAN_MAX_DEPTH);
	/* Nobody gets past the highest limit. */
	assert_depth_refused(JSON_SCAN_MAX_DEPTH + 1, "[", 5000, JSON_SCAN_MAX_DEPTH);
	/* Neighbours do not add up; what is empty counts as well. */
	assert_accepted("[[],[],{}]", 10, 2, "[[],[],{}]");
	assert_refused("[[],[[]]]", 9, 2, JSON_FAULT_DEPTH, 5);
}

/* A special byte at each place, before each number of bytes that follow it. */
static void
test_strings_are_looked_at_to_their_last_byte(UNUSED void **state)
{
	char text[72];

	for (size_t len = 1; len < sizeof(text) - 2; len++) {
		for (size_t at = 0; at < len; at++) {
			memset(text, 'x', sizeof(text));
			text[0] = text[len + 1] = '"';
			text[at + 1] = '\x1F';
			assert_refused(text, len + 2, DEPTH, JSON_FAULT_SYNTAX, at + 1);
			text[at + 1] = '\x80';
			assert_refused(text, len + 2, DEPTH, JSON_FAULT_UTF8, at + 1);
			text[at + 1] = '"';
			assert_refused(
			    text, len + 2, DEPTH, JSON_FAULT_TRAILING, at + 2);
		}
	}
}

static void
test_long_texts_are_compacted_in_place(UNUSED void **state)
{
	static const char pretty[] = "{\n"
	                             "        \"first\" : \"a longer text of words\",\n"
	                             "\t\t\t\"second\" : [\r\n"
	                             "                        1,\n"
	                             "                        22222,\n"
	                             "                 {   } ,   []\n"
	                             "        ]\n"
	                             "}\n";

	assert_accepted(pretty, sizeof(pretty) - 1, DEPTH,
	    "{\"first\":\"a longer text of words\",\"second\":[1,22222,{},[]]}");
}

/* 2^1024 - 2^970, the first that rounds to infinity, without its last digit, a 2. */
#define HALF_WAY                                                                   \
	"179769313486231580793728971405303415079934132710037826936173778980444968" \
	"292764750946649017977587207096330286416692887910946555547851940402630657" \
	"488671505820681908902000708383676273854845817711531764475730270069855571" \
	"366959622842914819860834936475292719074168444365510704342711559699508093" \
	"04288017790417449779"

/* Ask strtod(3), which rounds correctly in the C locale, about numbers near the
 * limit. */
static void
assert_range_like_strtod(const char *number)
{
	char *bytes = copy(number, strlen(number));
	struct json_scan scan;
	bool taken = json_scan_compact(bytes, strlen(number), DEPTH, &scan);

	if (taken != !isinf(strtod(number, NULL)))
		fail_msg("%s: %s", number, json_fault_text(scan.fault));
	if (!taken)
		assert_int_equal(scan.fault, JSON_FAULT_RANGE);
	free(bytes);
}

static void
test_the_limit_of_doubles_is_exact(UNUSED void **state)
{
	static const char *const numbers[] = {
		HALF_WAY "1",
		HALF_WAY "2",
		HALF_WAY "3",
		HALF_WAY "1.99999999999999999999",
		HALF_WAY "2.00000000000000000001",
		"1.7976931348623158e308",
		"1.79769313486231580793728971405e308",
		"1.797693134862315807937289714053034150799341327100378269361737790e308",
		"17976931348623157e292",
		"17976931348623159e292",
		"0.00017976931348623157e312",
		"0.00017976931348623159e312",
		"9e307",
		"99999e303",
		"99999e304",
		"1e308",
		"2e308",
		"0.1e309",
		"0.2e309",
		"10e307",
		"1000000e302",
		"1000000e303",
		"-1e309",
		"-1.7976931348623157e+308",
	};

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		assert_range_like_strtod(numbers[i]);
}

/* COUNT times DIGIT, between BEFORE and AFTER. */
static void
assert_range_of_repeated(
    const char *before, char digit, size_t count, const char *after)
{
	char number[2000];
	char *to = stpcpy(number, before);

	assert_in_range(count, 1, sizeof(number) - 100);
	memset(to, digit, count);
	stpcpy(to + count, after);
	assert_range_like_strtod(number);
}

static void
test_many_digits_are_no_fault_by_themselves(UNUSED void **state)
{
	for (size_t count = 300; count < 420; count++) {
		assert_range_of_repeated("", '9', count, "");
		assert_range_of_repeated("1", '0', count, "");
		assert_range_of_repeated("1", '7', count, "e-95");
		assert_range_of_repeated("0.", '0', count, "1e700");
		assert_range_of_repeated("0.", '0', count, "1e620");
		assert_range_of_repeated("0.", '9', count, "e308");
		assert_range_of_repeated("3", '1', count, "E-1000");
		assert_range_of_repeated("1e", '0', count, "308");
		assert_range_of_repeated("1e", '0', count, "309");
	}
}

static void
test_every_fault_has_its_words(UNUSED void **state)
{
	for (int fault = JSON_FAULT_NONE; fault <= JSON_FAULT_TRAILING; fault++)
		assert_true(strlen(json_fault_text((enum json_fault)fault)) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_is_accepted_and_compacted),
		cmocka_unit_test(test_what_is_no_json_is_refused_with_its_place),
		cmocka_unit_test(test_places_are_those_of_the_original_text),
		cmocka_unit_test(test_nul_bytes_are_no_white_space),
		cmocka_unit_test(test_a_cut_text_is_told_from_a_wrong_one),
		cmocka_unit_test(test_nesting_is_allowed_up_to_the_limit),
		cmocka_unit_test(test_strings_are_looked_at_to_their_last_byte),
		cmocka_unit_test(test_long_texts_are_compacted_in_place),
		cmocka_unit_test(test_the_limit_of_doubles_is_exact),
		cmocka_unit_test(test_many_digits_are_no_fault_by_themselves),
		cmocka_unit_test(test_every_fault_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
