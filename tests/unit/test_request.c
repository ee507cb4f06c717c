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
		request_clear(&request);
		assert_null(request.url.text);
		assert_null(request.headers);
		assert_int_equal(request.header_count, 0);
	}
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
		cmocka_unit_test(
		    test_what_was_taken_over_stays_when_a_response_is_cleared),
		cmocka_unit_test(test_each_phase_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
