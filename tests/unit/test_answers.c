#include "serve/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include <zlib.h>

#include "publish/metrics/metrics.h"
#include "publish/page/page.h"
#include "serve_stage.h"

/* The bytes of the document that is shown. */
static void
read_document(const struct stage *stage, struct buffer *out)
{
	size_t count;
	const struct iovec *pieces = snapshot_pieces(stage->snapshot, &count);

	buffer_init(out, BUFFER_UNLIMITED);
	for (size_t i = 0; i < count; i++)
		buffer_append(out, pieces[i].iov_base, pieces[i].iov_len);
}

static void
assert_same(const struct buffer *a, const struct buffer *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

static void
gunzip(const struct buffer *in, struct buffer *out)
{
	z_stream stream = { .next_in = (Bytef *)in->data, .avail_in = (uInt)in->len };
	const size_t room = (size_t)4 * 1024 * 1024;
	char *to;

	buffer_init(out, BUFFER_UNLIMITED);
	to = buffer_reserve(out, room);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_out = (Bytef *)to;
	stream.avail_out = (uInt)room;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	buffer_grown(out, stream.total_out);
	inflateEnd(&stream);
}

/* Two services that have answered, a prompt that has not, generation 7. */
static void
set_up(struct stage *stage, bool checks_host)
{
	stage_set_up(stage, 2, checks_host);
	stage_put(stage, 0, "{\"a\": 1}");
	stage_put_large(stage, 1, 3000);
	stage_show(stage, 7);
}

static void
assert_status(struct stage *stage, const char *method, const char *path, int status)
{
	struct reply reply;

	stage_ask(stage, method, path, "", &reply);
	if (reply.status != status)
		fail_msg("%s %s: %d, not %d", method, path, reply.status, status);
	reply_clear(&reply);
}

/* What every answer has. */
static void
assert_safe(const struct reply *reply)
{
	reply_assert_header(reply, "X-Content-Type-Options", "nosniff");
	reply_assert_header(reply, "Referrer-Policy", "no-referrer");
	reply_assert_header(reply, "Cross-Origin-Resource-Policy", "same-origin");
	reply_assert_header(reply, "Vary", "Accept-Encoding");
}

/* ---- bodies ---- */

static void
test_the_document_is_the_one_that_was_published(UNUSED void **state)
{
	struct stage stage;
	struct buffer document;
	struct reply reply;

	set_up(&stage, true);
	read_document(&stage, &document);
	stage_ask(&stage, "GET", "/status.json", "", &reply);
	assert_int_equal(reply.status, 200);
	assert_same(&reply.body, &document);
	assert_safe(&reply);
	reply_assert_header(&reply, "Content-Type", "application/json");
	reply_assert_header(&reply, "Cache-Control", "no-cache");
	reply_assert_header(&reply, "Last-Modified", "Sat, 21 Nov 2026 03:40:00 GMT");
	reply_assert_header(&reply, "Content-Encoding", NULL);
	reply_assert_header(&reply, "Connection", NULL);
	reply_clear(&reply);
	buffer_clear(&document);
	stage_tear_down(&stage);
}

static void
test_a_query_changes_nothing(UNUSED void **state)
{
	struct stage stage;
	struct buffer document;
	struct reply reply;

	set_up(&stage, true);
	read_document(&stage, &document);
	stage_ask(&stage, "GET", "/status.json?t=17/../x#y", "", &reply);
	assert_same(&reply.body, &document);
	reply_clear(&reply);
	buffer_clear(&document);
	stage_tear_down(&stage);
}

static void
test_metrics_are_those_of_the_file(UNUSED void **state)
{
	struct buffer expected;
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	buffer_init(&expected, BUFFER_UNLIMITED);
	metrics_append(&expected, stage.snapshot);
	stage_ask(&stage, "GET", "/metrics", "", &reply);
	assert_same(&reply.body, &expected);
	reply_assert_header(&reply, "Content-Type", METRICS_CONTENT_TYPE);
	assert_safe(&reply);
	reply_clear(&reply);
	buffer_clear(&expected);
	stage_tear_down(&stage);
}

static void
test_the_page_is_live_and_under_a_policy(UNUSED void **state)
{
	struct buffer expected;
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	buffer_init(&expected, BUFFER_UNLIMITED);
	page_append(&expected, stage.snapshot, true);
	stage_ask(&stage, "GET", "/", "", &reply);
	assert_same(&reply.body, &expected);
	reply_assert_header(&reply, "Content-Type", "text/html; charset=utf-8");
	reply_assert_header(&reply, "Content-Security-Policy", page_policy());
	reply_assert_header(&reply, "X-Frame-Options", "DENY");
	assert_safe(&reply);
	reply_clear(&reply);
	buffer_clear(&expected);
	stage_tear_down(&stage);
}

static void
assert_entry(struct stage *stage, const char *path, size_t index)
{
	struct snapshot_entry entry;
	struct reply reply;

	snapshot_entry(stage->snapshot, index, &entry);
	stage_ask(stage, "GET", path, "", &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.body.len, entry.text.len + 1);
	assert_memory_equal(reply.body.data, entry.text.text, entry.text.len);
	assert_int_equal(reply.body.data[entry.text.len], '\n');
	reply_assert_header(&reply, "Content-Type", "application/json");
	reply_clear(&reply);
}

static void
test_an_entry_is_found_by_its_kind_and_name(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_entry(&stage, "/services/t0", 0);
	assert_entry(&stage, "/services/t1", 1);
	assert_entry(&stage, "/services/%741?x", 1);
	assert_entry(&stage, "/prompts/t2", 2);
	assert_status(&stage, "GET", "/services/t2", 404);
	assert_status(&stage, "GET", "/prompts/t0", 404);
	assert_status(&stage, "GET", "/services/%25740", 404);
	stage_tear_down(&stage);
}

static void
test_what_is_no_path_is_not_found(UNUSED void **state)
{
	static const char *const paths[] = {
		"/index.html",
		"//",
		"/status.json/",
		"/STATUS.JSON",
		"/%73tatus.json",
		"//status.json",
		"/./status.json",
		"/services",
		"/services/",
		"/services/t0/",
		"/services/t0%00",
		"/services/%7",
		"/services/../status.json",
		"/../../etc/passwd%00",
		"/favicon.ico",
		"/prompts/",
		"/metrics ",
		"/events/",
	};
	struct stage stage;

	set_up(&stage, true);
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
		assert_status(&stage, "GET", paths[i], 404);
	assert_int_equal(stage.answers.requests[4], ARRAY_COUNT(paths));
	assert_int_equal(stage.answers.requests[2], 0);
	stage_tear_down(&stage);
}

static void
test_an_error_is_one_plain_line(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	stage_ask(&stage, "GET", "/<script>", "", &reply);
	assert_int_equal(reply.status, 404);
	assert_string_equal(reply.body.data, "there is nothing of that name\n");
	reply_assert_header(&reply, "Content-Type", "text/plain; charset=utf-8");
	reply_assert_header(&reply, "Cache-Control", "no-store");
	assert_safe(&reply);
	reply_clear(&reply);
	stage_tear_down(&stage);
}

/* ---- methods ---- */

static void
test_other_methods_are_told_which_there_are(UNUSED void **state)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE", "PATCH",
		"OPTIONS", "TRACE", "BREW", "PROPFIND", "get" };
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
		stage_ask(&stage, methods[i], "/status.json", "", &reply);
		assert_int_equal(reply.status, 405);
		reply_assert_header(&reply, "Allow", "GET, HEAD");
		assert_safe(&reply);
		reply_clear(&reply);
	}
	stage_say(
	    &stage, "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", &reply);
	assert_int_equal(reply.status, 405);
	reply_clear(&reply);
	stage_tear_down(&stage);
}

static void
assert_head_is_as_get(struct stage *stage, const char *path, const char *headers)
{
	static const char *const names[] = { "Content-Length", "Content-Type",
		"Content-Encoding", "ETag", "Cache-Control", "Last-Modified", "Vary",
		"Content-Security-Policy", "X-Frame-Options" };
	struct reply get, head;

	stage_ask(stage, "GET", path, headers, &get);
	stage_ask(stage, "HEAD", path, headers, &head);
	assert_int_equal(head.status, get.status);
	assert_int_equal(head.body.len, 0);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char *value = stage_header(get.head, names[i]);

		reply_assert_header(&head, names[i], value);
		free(value);
	}
	reply_clear(&get);
	reply_clear(&head);
}

static void
test_head_has_the_headers_of_get_and_no_body(UNUSED void **state)
{
	static const char *const paths[] = { "/", "/status.json", "/metrics",
		"/services/t1", "/prompts/t2", "/healthz", "/nothing" };
	struct stage stage;

	set_up(&stage, true);
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		assert_head_is_as_get(&stage, paths[i], "");
		assert_head_is_as_get(&stage, paths[i], "Accept-Encoding: gzip\r\n");
	}
	stage_tear_down(&stage);
}

static void
test_after_head_the_connection_goes_on(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;
	int fd;

	set_up(&stage, true);
	fd = stage_connect(&stage);
	for (int i = 0; i < 3; i++) {
		stage_send(fd, "HEAD /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n");
		stage_wait_reply(&stage, fd, true, false, &reply);
		assert_int_equal(reply.status, 200);
		assert_false(reply.ended);
		reply_clear(&reply);
	}
	close(fd);
	stage_tear_down(&stage);
}

/* ---- what the client has ---- */

static void
test_who_has_it_already_is_told_so(UNUSED void **state)
{
	static const char *const forms[] = { "If-None-Match: %s\r\n",
		"If-None-Match: W/%s\r\n", "If-None-Match: \"x\" , %s,\"y\"\r\n",
		"If-None-Match: \"x\"\r\nif-none-match:%s\r\n" };
	struct stage stage;
	struct reply reply;
	char header[256];
	char *tag;

	set_up(&stage, true);
	stage_ask(&stage, "GET", "/status.json", "", &reply);
	tag = stage_header(reply.head, "ETag");
	assert_int_equal(strncmp(tag, "\"7-", 3), 0);
	reply_clear(&reply);
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		snprintf(header, sizeof(header), forms[i], tag);
		stage_ask(&stage, i % 2 == 0 ? "GET" : "HEAD", "/status.json", header,
		    &reply);
		assert_int_equal(reply.status, 304);
		reply_assert_header(&reply, "ETag", tag);
		reply_assert_header(&reply, "Cache-Control", "no-cache");
		reply_assert_header(&reply, "Content-Length", NULL);
		reply_assert_header(&reply, "Content-Type", NULL);
		assert_safe(&reply);
		assert_false(reply.ended);
		reply_clear(&reply);
	}
	stage_ask(&stage, "GET", "/services/t0", "If-None-Match: *\r\n", &reply);
	assert_int_equal(reply.status, 304);
	reply_clear(&reply);
	free(tag);
	stage_tear_down(&stage);
}

static void
test_another_generation_is_another_tag(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;
	char header[128];
	char *tag;

	set_up(&stage, true);
	stage_ask(&stage, "GET", "/status.json", "", &reply);
	tag = stage_header(reply.head, "ETag");
	snprintf(header, sizeof(header), "If-None-Match: %s\r\n", tag);
	reply_clear(&reply);
	stage_show(&stage, 8);
	stage_ask(&stage, "GET", "/status.json", header, &reply);
	assert_int_equal(reply.status, 200);
	reply_clear(&reply);
	free(tag);
	stage_tear_down(&stage);
}

static void
test_a_generation_of_another_run_is_no_match(UNUSED void **state)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	char before[SHOWN_TAG_SIZE], after[SHOWN_TAG_SIZE];
	struct shown *other;
	struct stage stage;

	set_up(&stage, true);
	shown_tag(stage.shown, false, before);
	nanosleep(&pause, NULL); /* the tag goes by the clock */
	other = shown_new();
	shown_set(other, stage.snapshot);
	shown_tag(other, false, after);
	assert_string_not_equal(before, after);
	shown_free(other);
	stage_tear_down(&stage);
}

/* ---- gzip ---- */

static void
assert_compressed(struct stage *stage, const char *path)
{
	struct reply plain, small;
	struct buffer unpacked;
	char header[256];
	char *tag;

	stage_ask(stage, "GET", path, "", &plain);
	stage_ask(stage, "GET", path, "Accept-Encoding: br, gzip;q=0.5\r\n", &small);
	reply_assert_header(&small, "Content-Encoding", "gzip");
	assert_true(small.body.len < plain.body.len);
	gunzip(&small.body, &unpacked);
	assert_same(&unpacked, &plain.body);
	tag = stage_header(small.head, "ETag");
	assert_non_null(strstr(tag, "-gz\""));
	snprintf(header, sizeof(header),
	    "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
	reply_clear(&plain);
	reply_clear(&small);
	stage_ask(stage, "GET", path, header, &small);
	assert_int_equal(small.status, 304);
	reply_assert_header(&small, "ETag", tag);
	reply_clear(&small);
	buffer_clear(&unpacked);
	free(tag);
}

static void
test_what_is_asked_for_is_compressed(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, true);
	assert_compressed(&stage, "/status.json");
	assert_compressed(&stage, "/");
	assert_compressed(&stage, "/metrics");
	assert_compressed(&stage, "/services/t1");
	stage_tear_down(&stage);
}

static void
test_small_bodies_are_not_compressed(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;

	set_up(&stage, true);
	stage_ask(&stage, "GET", "/services/t0", "Accept-Encoding: gzip\r\n", &reply);
	assert_int_equal(reply.status, 200);
	reply_assert_header(&reply, "Content-Encoding", NULL);
	reply_assert_header(&reply, "Vary", "Accept-Encoding");
	reply_clear(&reply);
	stage_ask(&stage, "GET", "/healthz", "Accept-Encoding: gzip\r\n", &reply);
	reply_assert_header(&reply, "Content-Encoding", NULL);
	reply_clear(&reply);
	stage_tear_down(&stage);
}

/* ---- nothing to show, and health ---- */

static void
test_without_a_document_one_is_to_come_back(UNUSED void **state)
{
	static const char *const paths[] = { "/", "/status.json", "/metrics",
		"/services/t0", "/prompts/t2" };
	struct stage stage;
	struct reply reply;

	stage_set_up(&stage, 1, true);
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		stage_ask(&stage, "GET", paths[i], "", &reply);
		assert_int_equal(reply.status, 503);
		reply_assert_header(&reply, "Retry-After", "1");
		assert_string_equal(reply.body.data, "there is no document yet\n");
		reply_clear(&reply);
	}
	assert_status(&stage, "GET", "/other", 404);
	assert_int_equal(stage.answers.requests[5], ARRAY_COUNT(paths));
	stage_tear_down(&stage);
}

static void
assert_health(struct stage *stage, int status, const char *line)
{
	struct reply reply;

	stage_ask(stage, "GET", "/healthz", "", &reply);
	assert_int_equal(reply.status, status);
	assert_string_equal(reply.body.data, line);
	reply_assert_header(&reply, "Content-Type", "text/plain; charset=utf-8");
	reply_assert_header(&reply, "Cache-Control", "no-store");
	reply_assert_header(&reply, "ETag", NULL);
	reply_clear(&reply);
}

static void
test_health_is_a_word_or_a_reason(UNUSED void **state)
{
	struct stage stage;

	stage_set_up(&stage, 1, true);
	assert_health(&stage, 503, "there is no document yet\n");
	stage.health.due_at_us = clock_now_us();
	if (clock_wall_ms() < STAGE_NOW_MS) { /* the stage's time is not past yet */
		stage_show(&stage, 1);
		assert_health(&stage, 200, "ok\n");
	}
	stage.health.write_error = ENOSPC;
	strcpy(stage.health.written, "the page");
	assert_health(
	    &stage, 503, "the page could not be written: No space left on device\n");
	stage_tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_document_is_the_one_that_was_published),
		cmocka_unit_test(test_a_query_changes_nothing),
		cmocka_unit_test(test_metrics_are_those_of_the_file),
		cmocka_unit_test(test_the_page_is_live_and_under_a_policy),
		cmocka_unit_test(test_an_entry_is_found_by_its_kind_and_name),
		cmocka_unit_test(test_what_is_no_path_is_not_found),
		cmocka_unit_test(test_an_error_is_one_plain_line),
		cmocka_unit_test(test_other_methods_are_told_which_there_are),
		cmocka_unit_test(test_head_has_the_headers_of_get_and_no_body),
		cmocka_unit_test(test_after_head_the_connection_goes_on),
		cmocka_unit_test(test_who_has_it_already_is_told_so),
		cmocka_unit_test(test_another_generation_is_another_tag),
		cmocka_unit_test(test_a_generation_of_another_run_is_no_match),
		cmocka_unit_test(test_what_is_asked_for_is_compressed),
		cmocka_unit_test(test_small_bodies_are_not_compressed),
		cmocka_unit_test(test_without_a_document_one_is_to_come_back),
		cmocka_unit_test(test_health_is_a_word_or_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
