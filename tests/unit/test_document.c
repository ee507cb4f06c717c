#include "publish/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl_fixture.h"

static void
assert_span(struct span span, const char *expected)
{
	assert_int_equal(span.len, strlen(expected));
	assert_memory_equal(span.text, expected, span.len);
}

static void
test_entries_stand_in_their_order_as_they_are_spelled(UNUSED void **state)
{
	struct document document;

	fixture_parse(&document, FIXTURE_DOCUMENT);
	assert_int_equal(document.entry_count, 3);
	assert_string_equal(document.entries[0].name, "payments");
	assert_span(document.entries[0].text, FIXTURE_PAYMENTS);
	assert_true(document.entries[0].failed);
	assert_false(document.entries[0].is_prompt);
	assert_string_equal(document.entries[1].name, "orders");
	assert_span(document.entries[1].text, FIXTURE_ORDERS);
	assert_false(document.entries[1].failed);
	assert_string_equal(document.entries[2].name, "headline");
	assert_true(document.entries[2].is_prompt);
	assert_span(document.head[HEAD_GENERATION], "17");
	document_clear(&document);
}

static void
test_the_text_is_kept_byte_for_byte(UNUSED void **state)
{
	struct document document;

	fixture_parse(&document, FIXTURE_DOCUMENT);
	assert_int_equal(document.text.len, strlen(FIXTURE_DOCUMENT));
	assert_string_equal(document.text.data, FIXTURE_DOCUMENT);
	document_clear(&document);
}

static void
test_a_compact_text_has_the_same_entries(UNUSED void **state)
{
	struct document document;
	struct buffer text;
	char *fault = NULL;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, FIXTURE_DOCUMENT);
	assert_true(document_parse_compact(&document, &text, &fault));
	assert_int_equal(text.len, 0);
	assert_null(strchr(document.text.data, '\n'));
	assert_true(document.text.len < strlen(FIXTURE_DOCUMENT));
	assert_int_equal(document.text.data[document.text.len], '\0');
	assert_int_equal(document.entry_count, 3);
	assert_span(document_find(&document, "payments")->text, FIXTURE_PAYMENTS);
	assert_span(document_find(&document, "orders")->text, FIXTURE_ORDERS);
	assert_span(document_find(&document, "headline")->text, FIXTURE_HEADLINE);
	assert_span(document.head[HEAD_GENERATION], "17");
	document_clear(&document);
}

static void
test_an_entry_of_a_compact_text_may_be_anything(UNUSED void **state)
{
	struct document document;
	struct buffer text;
	char *fault = NULL;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(
	    &text, "{\"version\":1,\"status\":\"ok\",\"services\":{\"a\":3,\"b\":{}}}");
	assert_true(document_parse_compact(&document, &text, &fault));
	assert_span(document_find(&document, "a")->text, "3");
	assert_span(document_find(&document, "b")->text, "{}");
	document_clear(&document);

	buffer_append_string(
	    &text, "{\"version\":1,\"status\":\"ok\",\"services\":[{}]}");
	assert_false(document_parse_compact(&document, &text, &fault));
	assert_string_equal(fault, "no status document: its services are no objects");
	free(fault);
	document_clear(&document);
}

static void
test_targets_are_found_by_name_services_first(UNUSED void **state)
{
	struct document document;

	fixture_parse(&document,
	    "{\"version\":1,\"status\":\"ok\",\"prompts\":{\"a\":{\"p\":1},\"b\":{}},"
	    "\"services\":{\"a\":{\"s\":1},\"\\u00e4\":{}}}");
	assert_span(document_find(&document, "a")->text, "{\"s\":1}");
	assert_true(document_find(&document, "b")->is_prompt);
	assert_non_null(document_find(&document, "\xC3\xA4"));
	assert_null(document_find(&document, "c"));
	document_clear(&document);

	fixture_parse(&document, FIXTURE_DOCUMENT);
	assert_string_equal(document_nearest_name(&document, "paymnets"), "payments");
	assert_string_equal(document_nearest_name(&document, "headlines"), "headline");
	assert_null(document_nearest_name(&document, "zzzzzzzz"));
	document_clear(&document);
}

static void
test_a_document_is_stale_past_its_time(UNUSED void **state)
{
	struct document document;

	fixture_parse(&document, FIXTURE_DOCUMENT);
	assert_false(document_is_stale(&document, FIXTURE_NOW_MS));
	assert_false(document_is_stale(&document, INT64_C(1795232465123)));
	assert_true(document_is_stale(&document, INT64_C(1795232465124)));
	document_clear(&document);

	fixture_parse(
	    &document, "{\"version\":1,\"status\":\"ok\",\"stale_after\":null}");
	assert_false(document_is_stale(&document, INT64_MAX));
	document_clear(&document);
}

static void
test_what_is_no_document_is_told(UNUSED void **state)
{
	static const struct {
		const char *text;
		const char *fault;
	} rows[] = {
		{ "", "empty instead of JSON" },
		{ "{\"version\":1,", "JSON that ends too early at byte 13" },
		{ "{\"version\":1}}", "something behind the JSON value at byte 13" },
		{ "<html>", "not valid JSON at byte 0" },
		{ "[1]", "no status document: it has no version" },
		{ "{}", "no status document: it has no version" },
		{ "{\"version\":\"1\"}", "no status document: it has no version" },
		{ "{\"version\":2,\"status\":\"ok\"}",
		    "a status document of version 2; only version 1 is known" },
		{ "{\"version\":1}", "no status document: it has no status" },
		{ "{\"version\":1,\"status\":\"ok\",\"services\":[]}",
		    "no status document: its services are no objects" },
		{ "{\"version\":1,\"status\":\"ok\",\"prompts\":{\"a\":{},\"b\":3}}",
		    "no status document: its prompts are no objects" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct document document;
		char *fault = NULL;

		assert_false(fixture_try(&document, rows[i].text, &fault));
		assert_string_equal(fault, rows[i].fault);
		free(fault);
		document_clear(&document);
	}
}

static void
test_nesting_has_a_limit(UNUSED void **state)
{
	struct document document;
	struct buffer text;
	char *fault = NULL;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_string(&text, "{\"version\":1,\"status\":\"ok\",\"x\":");
	for (int i = 0; i < 100000; i++)
		buffer_append_char(&text, '[');
	for (int i = 0; i < 100000; i++)
		buffer_append_char(&text, ']');
	buffer_append_char(&text, '}');
	assert_false(document_parse(&document, &text, &fault));
	assert_non_null(strstr(fault, "nested too deeply"));
	free(fault);
	document_clear(&document);
	buffer_clear(&text);
}

/* A file that holds TEXT; the caller removes it. */
static void
write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
test_a_file_is_read_whole(UNUSED void **state)
{
	char path[] = "/tmp/test_document-XXXXXX";
	struct document document;
	char *fault = NULL;

	write_file(path, FIXTURE_DOCUMENT);
	assert_true(document_read(&document, path, &fault));
	assert_string_equal(document.text.data, FIXTURE_DOCUMENT);
	document_clear(&document);
	assert_int_equal(truncate(path, 300), 0);
	assert_false(document_read(&document, path, &fault));
	assert_string_equal(fault, "JSON that ends too early at byte 300");
	free(fault);
	document_clear(&document);
	unlink(path);
}

static void
test_what_cannot_be_read_is_told(UNUSED void **state)
{
	struct document document;
	char *fault = NULL;

	assert_false(document_read(&document, "/nonexistent/status.json", &fault));
	assert_string_equal(fault, "No such file or directory");
	free(fault);
	document_clear(&document);
	assert_false(document_read(&document, "/", &fault));
	assert_string_equal(fault, "Is a directory");
	free(fault);
	document_clear(&document);
}

static void
test_a_file_beyond_the_maximum_is_refused(UNUSED void **state)
{
	char path[] = "/tmp/test_document-XXXXXX";
	struct document document;
	char *fault = NULL;

	write_file(path, "{}");
	/* A hole: it takes no room on the disk. */
	assert_int_equal(truncate(path, (off_t)DOCUMENT_MAX_BYTES + 1), 0);
	assert_false(document_read(&document, path, &fault));
	assert_string_equal(fault, "larger than 256MiB");
	free(fault);
	document_clear(&document);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_stand_in_their_order_as_they_are_spelled),
		cmocka_unit_test(test_the_text_is_kept_byte_for_byte),
		cmocka_unit_test(test_a_compact_text_has_the_same_entries),
		cmocka_unit_test(test_an_entry_of_a_compact_text_may_be_anything),
		cmocka_unit_test(test_targets_are_found_by_name_services_first),
		cmocka_unit_test(test_a_document_is_stale_past_its_time),
		cmocka_unit_test(test_what_is_no_document_is_told),
		cmocka_unit_test(test_nesting_has_a_limit),
		cmocka_unit_test(test_a_file_is_read_whole),
		cmocka_unit_test(test_what_cannot_be_read_is_told),
		cmocka_unit_test(test_a_file_beyond_the_maximum_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
