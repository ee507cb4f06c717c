#include "serve/asked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>

#include "base/compiler.h"

/* A request for TARGET by HTTP/1.1; NAME, VALUE, ..., NULL are its headers. */
static struct evhttp_request *
request_of(const char *target, ...)
{
	struct evhttp_request *request = evhttp_request_new(NULL, NULL);
	const char *name;
	va_list headers;

	assert_non_null(request);
	request->uri = strdup(target);
	request->major = 1;
	request->minor = 1;
	va_start(headers, target);
	while ((name = va_arg(headers, const char *)) != NULL)
		evhttp_add_header(evhttp_request_get_input_headers(request), name,
		    va_arg(headers, const char *));
	va_end(headers);
	return request;
}

/* ---- paths ---- */

struct path_case {
	const char *target;
	enum asked_what what;
	const char *name;
};

static void
test_a_path_is_read(UNUSED void **state)
{
	static const struct path_case cases[] = {
		{ "/", ASKED_PAGE, NULL },
		{ "/?x=/metrics", ASKED_PAGE, NULL },
		{ "/#x", ASKED_PAGE, NULL },
		{ "http://a.test", ASKED_PAGE, NULL },
		{ "HTTPS://a.test:1/", ASKED_PAGE, NULL },
		{ "http://a.test?x", ASKED_PAGE, NULL },
		{ "http://a.test/metrics", ASKED_METRICS, NULL },
		{ "/status.json", ASKED_DOCUMENT, NULL },
		{ "/metrics", ASKED_METRICS, NULL },
		{ "/healthz", ASKED_HEALTH, NULL },
		{ "/events?", ASKED_EVENTS, NULL },
		{ "/services/a", ASKED_SERVICE, "a" },
		{ "/prompts/a", ASKED_PROMPT, "a" },
		{ "/services/a%2Fb%20c?d", ASKED_SERVICE, "a/b c" },
		{ "/services/a/b", ASKED_SERVICE, "a/b" },
		{ "/services/%C3%bc", ASKED_SERVICE, "\xc3\xbc" },
		{ "/services/\xc3\xbc", ASKED_SERVICE, "\xc3\xbc" },
		{ "/services/a+b", ASKED_SERVICE, "a+b" },
		{ "/services/%2541", ASKED_SERVICE, "%41" },
		{ "/services/..", ASKED_SERVICE, ".." },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct evhttp_request *request = request_of(cases[i].target, NULL);
		char *name;

		if (asked_path(request, &name) != cases[i].what)
			fail_msg("%s is read otherwise", cases[i].target);
		if (cases[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
		free(name);
		evhttp_request_free(request);
	}
}

static void
test_what_is_no_path_of_ours_is_unknown(UNUSED void **state)
{
	static const char *const targets[] = { "", "*", "//", "//a.test/metrics",
		"/metrics/", "/Metrics", "/metric%73", "metrics", "/services/",
		"/services", "/services/%", "/services/%4", "/services/%4x",
		"/services/a%00b", "/services/%00", "/services%2fa", "/%73ervices/a",
		"ftp://a.test/metrics", "http:/metrics", "/./metrics" };

	for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
		struct evhttp_request *request = request_of(targets[i], NULL);
		char *name;

		if (asked_path(request, &name) != ASKED_UNKNOWN)
			fail_msg("\"%s\" is known", targets[i]);
		assert_null(name);
		evhttp_request_free(request);
	}
}

static void
assert_host(struct evhttp_request *request, const char *expected)
{
	char *host = asked_host(request);

	if (expected == NULL)
		assert_null(host);
	else
		assert_string_equal(host, expected);
	free(host);
	evhttp_request_free(request);
}

static void
test_an_absolute_url_goes_before_the_host(UNUSED void **state)
{
	assert_host(request_of("/", "Host", "a:1", NULL), "a:1");
	assert_host(request_of("//b/", "host", "a", NULL), "a");
	assert_host(request_of("http://b:2/x", "Host", "a", NULL), "b:2");
	assert_host(request_of("http://u@b?x", "Host", "a", NULL), "u@b");
	assert_host(request_of("http:///", "Host", "a", NULL), "");
	assert_host(request_of("/", "Host", "", NULL), "");
	assert_host(request_of("/", NULL), NULL);
}

/* ---- faults ---- */

static bool
has_fault(struct evhttp_request *request)
{
	bool has = asked_fault(request) != NULL;

	evhttp_request_free(request);
	return has;
}

static void
test_a_usual_request_has_no_fault(UNUSED void **state)
{
	assert_false(has_fault(request_of("/", "Host", "a", NULL)));
	assert_false(has_fault(request_of("/", "HOST", "a", "Accept", "*/*", NULL)));
	assert_false(
	    has_fault(request_of("/", "Host", "a", "Content-Length", "0", NULL)));
	assert_false(has_fault(request_of("/", "Host", "", NULL)));
}

static void
test_what_may_be_read_in_two_ways_is_a_fault(UNUSED void **state)
{
	assert_true(has_fault(request_of(
	    "/", "Host", "a", "Content-Length", "0", "content-length", "0", NULL)));
	assert_true(has_fault(
	    request_of("/", "Host", "a", "Transfer-Encoding", "chunked", NULL)));
	assert_true(has_fault(
	    request_of("/", "Host", "a", "Transfer-Encoding", "identity", NULL)));
	assert_true(
	    has_fault(request_of("/", "Host", "a", "Content-Length ", "5", NULL)));
	assert_true(has_fault(request_of("/", "Host", "a", "", "x", NULL)));
	assert_true(has_fault(request_of("/", "Host", "a", "Host", "a", NULL)));
	assert_true(has_fault(request_of("/", NULL)));
}

static void
test_a_length_that_is_no_number_is_a_fault(UNUSED void **state)
{
	static const char *const lengths[] = { "", "-1", "+0", "0x0", "0, 0", "00 1",
		"1 ", "\v0" };

	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++)
		assert_true(has_fault(
		    request_of("/", "Host", "a", "Content-Length", lengths[i], NULL)));
}

static bool
has_body(struct evhttp_request *request)
{
	bool has = asked_has_body(request);

	evhttp_request_free(request);
	return has;
}

static void
test_a_body_is_noticed(UNUSED void **state)
{
	struct evhttp_request *request = request_of("/", "Host", "a", NULL);

	assert_false(asked_has_body(request));
	evbuffer_add(evhttp_request_get_input_buffer(request), "x", 1);
	assert_true(has_body(request));
	assert_false(has_body(request_of("/", "Content-Length", "0", NULL)));
	assert_false(has_body(request_of("/", "Content-Length", "000", NULL)));
	assert_true(has_body(request_of("/", "Content-Length", "1", NULL)));
	assert_true(has_body(request_of("/", "Content-Length", "010", NULL)));
	assert_true(
	    has_body(request_of("/", "Content-Length", "18446744073709551616", NULL)));
}

static void
test_only_http_1_is_spoken(UNUSED void **state)
{
	struct evhttp_request *request = request_of("/", NULL);

	request->minor = 0; /* which has no Host */
	assert_false(has_fault(request));
	request = request_of("/", "Host", "a", NULL);
	request->major = 0;
	assert_true(has_fault(request));
}

/* ---- gzip ---- */

static bool
takes_gzip(const char *value)
{
	struct evhttp_request *request =
	    request_of("/", "Accept-Encoding", value, NULL);
	bool takes = asked_takes_gzip(request);

	evhttp_request_free(request);
	return takes;
}

static void
test_gzip_is_taken_where_it_is_named(UNUSED void **state)
{
	static const char *const values[] = { "gzip", "GZip", "x-gzip",
		"deflate, gzip;q=1.0, *;q=0.5", "br,gzip", " , gzip ,",
		"gzip ; q=0.001", "*", "*;q=0.1", "identity, *", "gzip;Q=1",
		"*;q=0, gzip", "gzip;x=y" };

	for (size_t i = 0; i < ARRAY_COUNT(values); i++)
		if (!takes_gzip(values[i]))
			fail_msg("not with \"%s\"", values[i]);
}

static void
test_gzip_is_not_taken_otherwise(UNUSED void **state)
{
	static const char *const values[] = { "", "identity", "br", "gzip;q=0",
		"gzip;q=0.000", "gzip; q=0.", "gzip;q=0, *", "*;q=0", "gzipped",
		"not-gzip", "xgzip", "br;q=1, identity;gzip", "gzip;q=0,br" };
	struct evhttp_request *request = request_of("/", NULL);

	for (size_t i = 0; i < ARRAY_COUNT(values); i++)
		if (takes_gzip(values[i]))
			fail_msg("with \"%s\"", values[i]);
	assert_false(asked_takes_gzip(request));
	evhttp_request_free(request);
}

static void
test_several_headers_are_one_list(UNUSED void **state)
{
	struct evhttp_request *request = request_of("/", "Accept-Encoding", "br",
	    "accept-encoding", "", "Accept-Encoding", "gzip", NULL);

	assert_true(asked_takes_gzip(request));
	evhttp_request_free(request);
}

/* ---- tags, and the end ---- */

static bool
has(const char *value)
{
	struct evhttp_request *request = request_of("/", "If-None-Match", value, NULL);
	bool result = asked_has(request, "\"7-ab\"");

	evhttp_request_free(request);
	return result;
}

static void
test_a_tag_is_found_in_a_list(UNUSED void **state)
{
	assert_true(has("\"7-ab\""));
	assert_true(has("W/\"7-ab\""));
	assert_true(has("*"));
	assert_true(has("\"6-ab\", \"7-ab\""));
	assert_true(has("\"6-ab\",W/\"7-ab\" ,\"x\""));
}

static void
test_another_tag_is_none(UNUSED void **state)
{
	assert_false(has(""));
	assert_false(has("7-ab"));
	assert_false(has("\"7-AB\""));
	assert_false(has("\"7-ab-gz\""));
	assert_false(has("\"7-a\""));
	assert_false(has("w/\"7-ab\""));
	assert_false(has("W/ \"7-ab\""));
	assert_false(has("\"*\""));
	assert_false(has("W/"));
}

static bool
closes(const char *value)
{
	struct evhttp_request *request = request_of("/", "Connection", value, NULL);
	bool result = asked_closes(request);

	evhttp_request_free(request);
	return result;
}

static void
test_an_end_is_found_in_a_list(UNUSED void **state)
{
	assert_true(closes("close"));
	assert_true(closes("Keep-Alive, Close"));
	assert_true(closes("close,te"));
	assert_false(closes("keep-alive"));
	assert_false(closes("closed"));
	assert_false(closes(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_path_is_read),
		cmocka_unit_test(test_what_is_no_path_of_ours_is_unknown),
		cmocka_unit_test(test_an_absolute_url_goes_before_the_host),
		cmocka_unit_test(test_a_usual_request_has_no_fault),
		cmocka_unit_test(test_what_may_be_read_in_two_ways_is_a_fault),
		cmocka_unit_test(test_a_length_that_is_no_number_is_a_fault),
		cmocka_unit_test(test_a_body_is_noticed),
		cmocka_unit_test(test_only_http_1_is_spoken),
		cmocka_unit_test(test_gzip_is_taken_where_it_is_named),
		cmocka_unit_test(test_gzip_is_not_taken_otherwise),
		cmocka_unit_test(test_several_headers_are_one_list),
		cmocka_unit_test(test_a_tag_is_found_in_a_list),
		cmocka_unit_test(test_another_tag_is_none),
		cmocka_unit_test(test_an_end_is_found_in_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
