#include "http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/secrets.h"
#include "base/xalloc.h"

static void
test_headers_are_copied_in_order(UNUSED void **state)
{
	struct request request;
	char name[] = "X-One";
	char value[] = "1";

	request_init(&request);
	request_add_header(&request, name, value, false);
	request_add_header(&request, "X-Two", "", true);
	name[0] = value[0] = '?';
	assert_int_equal(request.header_count, 2);
	assert_string_equal(request.headers[0].name, "X-One");
	assert_string_equal(request.headers[0].value, "1");
	assert_false(request.headers[0].secret);
	assert_string_equal(request.headers[1].name, "X-Two");
	assert_string_equal(request.headers[1].value, "");
	assert_true(request.headers[1].secret);
	request_clear(&request);
}

static void
test_credentials_are_secret_whatever_is_said(UNUSED void **state)
{
	struct request request;

	request_init(&request);
	request_add_header(&request, "authorization", "x", false);
	request_add_header(&request, "COOKIE", "x", false);
	request_add_header(&request, "Proxy-Authorization", "x", false);
	request_add_header(&request, "Authorization-Hint", "x", false);
	assert_true(request.headers[0].secret);
	assert_true(request.headers[1].secret);
	assert_true(request.headers[2].secret);
	assert_false(request.headers[3].secret);
	request_clear(&request);
}

static void
test_a_cleared_request_can_be_used_again(UNUSED void **state)
{
	struct request request;
	const char *why;

	request_init(&request);
	for (int i = 0; i < 2; i++) {
		assert_true(
		    url_parse("http://me:secret@example.test/", &request.url, &why));
		request_add_header(&request, "X-One", "1", false);
		request.secrets = secrets_new();
		request.method = xstrdup("POST");
		request.body = xstrdup("text");
		request.user = xstrdup("me");
		request.password = xstrdup("secret");
		request_clear(&request);
		assert_null(request.url.text);
		assert_null(request.method);
		assert_null(request.body);
		assert_null(request.user);
		assert_null(request.password);
		assert_null(request.headers);
		assert_int_equal(request.header_count, 0);
	}
}

static void
test_a_request_is_a_get_unless_it_says_otherwise(UNUSED void **state)
{
	struct request request;

	request_init(&request);
	assert_string_equal(request_method(&request), "GET");
	request.method = xstrdup("REPORT");
	assert_string_equal(request_method(&request), "REPORT");
	request_clear(&request);
}

static void
test_a_cleared_response_knows_nothing(UNUSED void **state)
{
	struct response response = {
		.head = xstrdup("HTTP/1.1 200 OK\r\n"),
		.retry_after_ms = 1000,
		.hops = 2,
		.final_url = xstrdup("http://a.test/"),
		.trail = xcalloc(2, sizeof(*response.trail)),
		.tls = {
			.version = "TLSv1.3",
			.expires_at_ms = 1,
			.subject = xstrdup("CN=a.test"),
			.issuer = xstrdup("CN=ca"),
		},
	};

	response.trail[0].url = xstrdup("http://b.test/");
	response.trail[1].url = xstrdup("http://c.test/");
	response_clear(&response);
	assert_null(response.head);
	assert_null(response.trail);
	assert_null(response.final_url);
	assert_null(response.tls.version);
	assert_null(response.tls.subject);
	assert_int_equal(response.tls.expires_at_ms, -1);
	assert_int_equal(response.retry_after_ms, -1);
}

static void
test_what_was_taken_over_stays_when_a_response_is_cleared(UNUSED void **state)
{
	struct response response = {
		.result = RESPONSE_TOO_LARGE,
		.body = xstrdup("body"),
		.content_type = xstrdup("text/plain"),
		.message = xstrdup("message"),
	};
	char *body = response.body;

	response.body = NULL;
	response_clear(&response);
	assert_string_equal(body, "body");
	assert_null(response.message);
	assert_null(response.content_type);
	free(body);
	response_clear(&response);
}

static void
test_each_phase_has_its_name(UNUSED void **state)
{
	assert_string_equal(response_phase_names[PHASE_DNS], "dns");
	assert_string_equal(response_phase_names[PHASE_CONNECT], "connect");
	assert_string_equal(response_phase_names[PHASE_TLS], "tls");
	assert_string_equal(response_phase_names[PHASE_FIRST_BYTE], "first_byte");
	assert_string_equal(response_phase_names[PHASE_BODY], "body");
	assert_null(response_phase_names[PHASE_BODY + 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers_are_copied_in_order),
		cmocka_unit_test(test_credentials_are_secret_whatever_is_said),
		cmocka_unit_test(test_a_cleared_request_can_be_used_again),
		cmocka_unit_test(test_a_request_is_a_get_unless_it_says_otherwise),
		cmocka_unit_test(test_a_cleared_response_knows_nothing),
		cmocka_unit_test(
		    test_what_was_taken_over_stays_when_a_response_is_cleared),
		cmocka_unit_test(test_each_phase_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
