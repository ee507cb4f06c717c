#include "base/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/marked.h"

struct row {
	const char *text;
	const char *expected; /* NULL: the same */
};

static struct secrets *
secrets_of(const char *const *texts, size_t count)
{
	struct secrets *secrets = secrets_new();

	for (size_t i = 0; i < count; i++)
		secrets_add(secrets, texts[i], strlen(texts[i]));
	return secrets;
}

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
assert_masked(const struct secrets *secrets, const char *text, const char *expected)
{
	size_t len = strlen(text);
	char *bytes = copy(text, len);
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(secrets, &out, bytes, len);
	assert_string_equal(out.data, expected ? expected : text);
	buffer_clear(&out);
	free(bytes);
}

static void
assert_json_masked(
    const struct secrets *secrets, const char *json, const char *expected)
{
	size_t len = strlen(json);
	char *bytes = copy(json, len);
	struct json_scan scan;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	assert_true(json_scan_compact(bytes, len, 10, &scan));
	assert_int_equal(scan.len, len);
	secrets_append_masked_json(secrets, &out, bytes, len);
	assert_string_equal(out.data, expected ? expected : json);
	assert_true(json_scan_compact(out.data, out.len, 10, &scan));
	buffer_clear(&out);
	free(bytes);
}

static const char *const plain_secret[] = { "s3cret/Tok+en 9" };

static const struct row plain_rows[] = {
	{ "", NULL },
	{ "nothing here", NULL },
	{ "s3cret/Tok+en 9", "***" },
	{ "<s3cret/Tok+en 9>", "<***>" },
	{ "s3cret/Tok+en 9s3cret/Tok+en 9", "******" },
	{ "s3cret/Tok+en 8", NULL },
	{ "s3cret/Tok+en ", NULL },
	{ "ss3cret/Tok+en 99", "s***9" },
	{ "S3CRET/TOK+EN 9", NULL },
};

static const struct row percent_rows[] = {
	{ "k=s3cret%2FTok%2Ben%209&x=1", "k=***&x=1" },
	{ "k=s3cret%2fTok%2ben%209", "k=***" },
	{ "k=s3cret%2FTok%2ben+9", "k=***" },
	{ "k=s3cret/Tok+en+9", "k=***" },
	{ "%733cret/Tok+en 9", "***" },
	{ "%73%33%63%72%65%74%2f%54%6F%6b%2B%65%6e%20%39", "***" },
	{ "k=s3cret%2", NULL },
	{ "k=s3cret%2FTok%2Ben%20", NULL },
	{ "k=s3cret%2FTok%2Ben%2", NULL },
	{ "k=s3cret%2GTok+en 9", NULL },
	{ "k=s3cret%252FTok+en 9", NULL },
	{ "%%%%s3cret/Tok+en 9%", "%%%%***%" },
};

static const struct row json_rows[] = {
	{ "\"s3cret\\/Tok+en 9\"", "\"***\"" },
	{ "\"\\u0073\\u0033cret\\u002fTok\\u002Ben\\u00209\"", "\"***\"" },
	{ "\"s3cret\\u002\"", NULL },
	{ "\"s3cret\\/Tok+en \\u0039x", "\"***x" },
	{ "s3cret\\", NULL },
	/* Both at once, as where a URL stands in JSON. */
	{ "\"https:\\/\\/x\\/?k=s3cret\\/Tok%2Ben%209\"",
	    "\"https:\\/\\/x\\/?k=***\"" },
};

static void
assert_rows(const struct secrets *secrets, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_masked(secrets, rows[i].text, rows[i].expected);
}

static void
test_a_secret_is_found_in_each_way_it_is_written(UNUSED void **state)
{
	struct secrets *secrets = secrets_of(plain_secret, 1);

	assert_rows(secrets, plain_rows, ARRAY_COUNT(plain_rows));
	assert_rows(secrets, percent_rows, ARRAY_COUNT(percent_rows));
	assert_rows(secrets, json_rows, ARRAY_COUNT(json_rows));
	secrets_free(secrets);
}

static const char *const odd_secrets[] = {
	"  leading blanks",
	"q\"uo\\te\n\ttab",
	"100%25 of%it",
	"p\xC3\xA4ssw\xC3\xB6rd\xF0\x9F\x94\x91",
	"\\\\server\\share",
	"\"quoted\" text",
};

static const struct row odd_rows[] = {
	{ "a=++leading+blanks", "a=***" },
	{ "a=%20+leading blanks", "a=***" },
	{ "a=\\u0020\\u0020leading blanks", "a=***" },
	{ "q\"uo\\te\n\ttab", "***" },
	{ "\"q\\\"uo\\\\te\\n\\ttab\"", "\"***\"" },
	{ "\"q\\u0022uo\\u005Cte\\u000a\\u0009tab\"", "\"***\"" },
	{ "q%22uo%5Cte%0A%09tab", "***" },
	{ "100%25 of%it", "***" },
	{ "100%2525%20of%25it", "***" },
	{ "100%25+of%it", "***" },
	{ "100%25%20of%it", "***" },
	{ "100%2525+of%it", "***" },
	{ "100%25", NULL },
	{ "p\xC3\xA4ssw\xC3\xB6rd\xF0\x9F\x94\x91", "***" },
	{ "p%C3%A4ssw%c3%b6rd%F0%9F%94%91", "***" },
	{ "p\xC3%A4ssw%C3\xB6rd\xF0\x9F\x94\x91", "***" },
	{ "p\\u00e4ssw\\u00F6rd\\uD83D\\uDD11", "***" },
	{ "p\\u00e4ssw\xC3\xB6rd\\ud83d\\udd11", "***" },
	{ "p\\u00e4ssw\\u00F6rd\\uD83D\\uDD12", NULL },
	{ "p\\u00e4ssw\\u00F6rd\\uD83D", NULL },
	{ "\\\\server\\share", "***" },
	{ "\\\\\\\\server\\\\share", "***" },
	{ "%5C%5Cserver%5cshare", "***" },
	{ "a=\\\"quoted\\\" text", "a=***" },
	{ "a=\\u0022quoted%22 text", "a=***" },
};

static void
test_odd_characters_are_found_too(UNUSED void **state)
{
	struct secrets *secrets = secrets_of(odd_secrets, ARRAY_COUNT(odd_secrets));

	assert_rows(secrets, odd_rows, ARRAY_COUNT(odd_rows));
	secrets_free(secrets);
}

/* Write BYTE to TO in one of its ways by the bits of WAY. */
static char *
write_byte(char *to, unsigned char byte, unsigned way)
{
	static const char *const formats[] = { "%c", "%%%02X", "%%%02x", "\\u%04x" };

	if (byte >= 0x80 && way == 3)
		way = 1;
	return to + sprintf(to, formats[way], byte);
}

/* Any mix of ways, drawn by a fixed generator. */
static void
test_every_mix_of_ways_is_found(UNUSED void **state)
{
	static const char *const texts[] = { "aZ09-_.~ /?", "%41%42%25%",
		"\xE2\x82\xAC uro!" };
	uint32_t random = 1;

	for (int round = 0; round < 3000; round++) {
		const char *secret = texts[round % 3];
		struct secrets *secrets = secrets_of(&secret, 1);
		char text[200] = "<";
		char *to = text + 1;

		for (const char *from = secret; *from != '\0'; from++) {
			random = random * 1664525u + 1013904223u;
			to = write_byte(to, (unsigned char)*from, random >> 30);
		}
		stpcpy(to, ">");
		assert_masked(secrets, text, "<***>");
		secrets_free(secrets);
	}
}

static void
test_short_and_known_texts_are_passed_over(UNUSED void **state)
{
	struct secrets *secrets = secrets_new();

	assert_true(secrets_empty(NULL));
	assert_true(secrets_empty(secrets));
	secrets_add(secrets, "", 0);
	secrets_add(secrets, "1234567", 7);
	assert_true(secrets_empty(secrets));
	assert_masked(secrets, "1234567", NULL);
	assert_masked(NULL, "12345678", NULL);
	assert_json_masked(NULL, "[\"12345678\"]", NULL);
	secrets_add(secrets, "12345678", 8);
	secrets_add(secrets, "12345678", 8);
	assert_false(secrets_empty(secrets));
	assert_masked(secrets, "1234567812345678", "******");
	secrets_free(secrets);
	secrets_free(NULL);
}

static void
test_no_rest_of_an_overlapping_secret_is_left(UNUSED void **state)
{
	static const char *const texts[] = { "abcdefgh", "abcdefghijkl", "ghijklmnopq",
		"opqrstuvwx" };
	struct secrets *secrets = secrets_of(texts, ARRAY_COUNT(texts));

	assert_masked(secrets, "<abcdefgh>", "<***>");
	assert_masked(secrets, "<abcdefghijk>", "<***ijk>");
	assert_masked(secrets, "<abcdefghijkl>", "<***>");
	assert_masked(secrets, "<abcdefghijklmnopq>", "<***>");
	assert_masked(secrets, "<abcdefghijklmnopqrstuvwx>", "<***>");
	assert_masked(secrets, "abcdefghabcdefghijkl", "******");
	secrets_free(secrets);
}

static void
test_basic_credentials_are_known_by_token_and_password(UNUSED void **state)
{
	struct secrets *secrets = secrets_new();

	/* The example of RFC 7617, section 2. */
	secrets_add_basic(secrets, "Aladdin", "open sesame");
	assert_masked(secrets, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic ***");
	assert_masked(
	    secrets, "Basic%20QWxhZGRpbjpvcGVuIHNlc2FtZQ%3D%3D", "Basic%20***");
	assert_masked(secrets, "Aladdin, open sesame", "Aladdin, ***");
	secrets_free(secrets);

	/* Each length of the last group. */
	secrets = secrets_new();
	secrets_add_basic(secrets, "u", "12345");
	secrets_add_basic(secrets, "u", "123456");
	secrets_add_basic(secrets, "", "\xFF\xFE\xFD\xFC");
	assert_masked(
	    secrets, "dToxMjM0NQ== dToxMjM0NTY= Ov/+/fw= 123456", "*** *** *** 123456");
	secrets_free(secrets);
}

static const char *const json_secrets[] = { "s3cret/Tok", "caf\xC3\xA9 noir",
	"12345678", "}\",\"x\":\"{" };

static const struct row json_texts[] = {
	{ "{}", NULL },
	{ "[\"clean\"]", NULL },
	{ "\"s3cret/Tok\"", "\"***\"" },
	{ "{\"a\":\"s3cret/Tok\",\"b\":\"\\u0041\"}",
	    "{\"a\":\"***\",\"b\":\"\\u0041\"}" },
	{ "{\"a\":\"x \\u00733cret\\/Tok\\n\\u0001\"}", "{\"a\":\"x ***\\n\\u0001\"}" },
	{ "[\"caf\\u00E9 noir\",\"caf\xC3\xA9 noir\"]", "[\"***\",\"***\"]" },
	/* A percent-encoded text in JSON's way, JSON within JSON. */
	{ "[\"s3cret\\u002525\",\"s3cret\\u00252FTok\"]",
	    "[\"s3cret\\u002525\",\"***\"]" },
	{ "[\"{\\\"k\\\":\\\"s3cret\\\\u002fTok\\\"}\"]",
	    "[\"{\\\"k\\\":\\\"***\\\"}\"]" },
	/* Names, numbers and all that lies between strings stay. */
	{ "{\"s3cret/Tok\":\"s3cret/Tok\"}", "{\"s3cret/Tok\":\"***\"}" },
	{ "{\"s3cret\\/Tok\":[]}", NULL },
	{ "[12345678,1.12345678e5,\"12345678\"]", "[12345678,1.12345678e5,\"***\"]" },
	{ "{\"}\":{\"a\":\"}\",\"x\":\"{\"}}", NULL },
	{ "[\"}\\\",\\\"x\\\":\\\"{\"]", "[\"***\"]" },
	/* What is found nothing in keeps its spelling. */
	{ "[\"\\/\\u00e9\\u0022\",\"s3cret/Tok\"]", "[\"\\/\\u00e9\\u0022\",\"***\"]" },
	{ "[\"\\\\\",\"s3cret/Tok\",\"\\\"\"]", "[\"\\\\\",\"***\",\"\\\"\"]" },
	{ "[\"\xE4\xB8\xAD\\u4e2d s3cret/Tok \\ud83d\\ude00\"]",
	    "[\"\xE4\xB8\xAD\xE4\xB8\xAD *** \xF0\x9F\x98\x80\"]" },
};

static void
test_only_string_values_of_json_are_masked(UNUSED void **state)
{
	struct secrets *secrets = secrets_of(json_secrets, ARRAY_COUNT(json_secrets));

	for (size_t i = 0; i < ARRAY_COUNT(json_texts); i++)
		assert_json_masked(secrets, json_texts[i].text, json_texts[i].expected);
	secrets_free(secrets);
}

static void
test_a_full_buffer_says_so(UNUSED void **state)
{
	struct secrets *secrets = secrets_of(plain_secret, 1);
	struct buffer out;

	buffer_init(&out, 3);
	secrets_append_masked_json(secrets, &out, "[\"s3cret/Tok+en 9\"]", 19);
	assert_true(out.full);
	buffer_clear(&out);
	secrets_free(secrets);
}

static void
test_neighbours_are_found_one_by_one_and_as_a_whole(UNUSED void **state)
{
	struct secrets *secrets = secrets_new();
	struct marked text;
	struct buffer out;

	marked_init(&text, 100);
	assert_true(marked_append(&text, "firstone", 8, MARK_SECRET));
	assert_true(marked_append(&text, "otherone", 8, MARK_SECRET));
	assert_true(marked_append(&text, "literally", 9, MARK_PUT_IN));
	assert_true(marked_append(&text, "shrt", 4, MARK_SECRET));
	assert_true(marked_append(&text, "brief", 5, MARK_SECRET));
	secrets_add_marked(secrets, &text);
	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(
	    secrets, &out, "otherone firstone literally shrtbrief shrt", 42);
	assert_string_equal(out.data, "*** *** literally *** shrt");
	buffer_clear(&out);
	marked_clear(&text);
	secrets_free(secrets);
}

/* ---- servers that play games ---- */

static char *
repeated(const char *text, size_t count, const char *last)
{
	size_t len = strlen(text);
	char *all = malloc(count * len + strlen(last) + 1);

	assert_non_null(all);
	for (size_t i = 0; i < count; i++)
		memcpy(all + i * len, text, len);
	strcpy(all + count * len, last);
	return all;
}

/* What is left of TEXT without SECRET. The caller's. */
static char *
masked(const char *secret, const char *text, bool json)
{
	struct secrets *secrets = secrets_of(&secret, 1);
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	if (json)
		secrets_append_masked_json(secrets, &out, text, strlen(text));
	else
		secrets_append_masked(secrets, &out, text, strlen(text));
	secrets_free(secrets);
	return buffer_take(&out);
}

static void
test_what_takes_too_long_to_look_through_counts_as_secret(UNUSED void **state)
{
	char *secret = repeated("a", 20000, "b");
	char *text = repeated("a", 1000000, "");
	char *found = masked(secret, text, false);
	size_t len = strlen(found);

	/* It would take 20,000 million steps to see that there is none. */
	assert_true(len < 10000);
	assert_string_equal(found + len - 3, "***");
	assert_memory_equal(found, text, len - 3);
	free(found);
	free(text);
	free(secret);
}

static void
test_in_json_all_strings_that_follow_count_as_secret(UNUSED void **state)
{
	char *secret = repeated("a", 20000, "b");
	char *many =
	    repeated("a", 1000000, "\",12345678,true,\"\",\"\\n\",{\"name\":\"x\"}]");
	char *text = repeated("[\"early\",\"", 1, many);
	char *found = masked(secret, text, true);

	assert_string_equal(
	    found, "[\"early\",\"***\",12345678,true,\"\",\"***\",{\"name\":\"***\"}]");
	free(found);
	free(text);
	free(many);
	free(secret);
}

static void
test_percent_signs_without_end_are_no_deep_matter(UNUSED void **state)
{
	char *secret = repeated("%", 300000, "");
	char *text = repeated("%25", 300000, "");
	char *found = masked(secret, text, false);

	assert_string_equal(found, "***");
	free(found);
	free(text);
	free(secret);
	/* As many as anybody needs are looked at as ever. */
	secret = repeated("%d0", 500, "");
	text = repeated("%25d0", 500, " and more");
	found = masked(secret, text, false);
	assert_string_equal(found, "*** and more");
	free(found);
	free(text);
	free(secret);
}

static void
test_where_all_is_secret_nothing_is_told(UNUSED void **state)
{
	struct secrets *secrets = secrets_new();
	char text[32];

	for (int i = 0; i < 1024; i++) {
		snprintf(text, sizeof(text), "secret-%05d", i);
		secrets_add(secrets, text, strlen(text));
	}
	assert_masked(
	    secrets, "secret-00007 secret-01023 and more", "*** *** and more");
	secrets_add(secrets, "one too many", 12);
	assert_masked(secrets, "secret-00007 and more", "***");
	assert_masked(secrets, "", NULL);
	secrets_free(secrets);
}

static void
test_those_of_others_are_taken_in(UNUSED void **state)
{
	static const char *const own[] = { "first-secret" };
	static const char *const others[] = { "second-secret", "first-secret" };
	struct secrets *secrets = secrets_of(own, ARRAY_COUNT(own));
	struct secrets *from = secrets_of(others, ARRAY_COUNT(others));
	struct buffer out;

	secrets_add_all(secrets, from);
	secrets_free(from);
	buffer_init(&out, BUFFER_UNLIMITED);
	secrets_append_masked(secrets, &out, "first-secret second-secret", 26);
	assert_string_equal(out.data, "*** ***");
	buffer_clear(&out);
	secrets_free(secrets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_secret_is_found_in_each_way_it_is_written),
		cmocka_unit_test(test_odd_characters_are_found_too),
		cmocka_unit_test(test_every_mix_of_ways_is_found),
		cmocka_unit_test(test_short_and_known_texts_are_passed_over),
		cmocka_unit_test(test_no_rest_of_an_overlapping_secret_is_left),
		cmocka_unit_test(
		    test_basic_credentials_are_known_by_token_and_password),
		cmocka_unit_test(test_only_string_values_of_json_are_masked),
		cmocka_unit_test(test_a_full_buffer_says_so),
		cmocka_unit_test(test_neighbours_are_found_one_by_one_and_as_a_whole),
		cmocka_unit_test(
		    test_what_takes_too_long_to_look_through_counts_as_secret),
		cmocka_unit_test(test_in_json_all_strings_that_follow_count_as_secret),
		cmocka_unit_test(test_percent_signs_without_end_are_no_deep_matter),
		cmocka_unit_test(test_where_all_is_secret_nothing_is_told),
		cmocka_unit_test(test_those_of_others_are_taken_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
