#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verdict_stage.h"

/* ---- answers that are well ---- */

static void
test_json_is_kept_without_white_space_and_without_a_copy(void **state)
{
	struct fixture *f = *state;
	const char *body;

	answer(f, 200, "application/json", " { \"a\" : [ 1.10, 2 ] }\n");
	body = f->response.body;
	f->response.timing.total_us = 183000;
	judge(f);
	assert_ok(f, "{\"a\":[1.10,2]}");
	assert_ptr_equal(f->outcome.data, body);
	assert_null(f->response.body);
	assert_int_equal(f->outcome.http_status, 200);
	assert_int_equal(f->outcome.bytes, 23);
	assert_int_equal(f->outcome.timing.total_us, 183000);
}

static void
test_content_types_that_mean_json(void **state)
{
	static const char *const types[] = { "application/json", "Application/JSON",
		"application/json;charset=utf-8", "application/json ; charset=utf-8",
		" application/json", "application/problem+json",
		"application/vnd.api+JSON; v=1" };

	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		struct fixture *f = *state;

		answer(f, 200, types[i], "[1]");
		judge(f);
		assert_ok(f, "[1]");
		answer(f, 200, types[i], "<html>");
		judge(f);
		assert_int_equal(f->outcome.kind, KIND_INVALID_BODY);
	}
}

static void
test_other_bodies_are_well_and_not_kept(void **state)
{
	static const char *const types[] = { NULL, "", "text/html", "application/jsonp",
		"text/json", "application/json5", "+json", "text/plain; x=+json",
		"application/x-json" };

	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		struct fixture *f = *state;

		answer(f, 200, types[i], "{\"a\":");
		judge(f);
		assert_ok(f, NULL);
	}
}

static void
test_every_status_from_200_to_299_is_well(void **state)
{
	struct fixture *f = *state;

	for (long http_status = 200; http_status <= 299; http_status++) {
		answer(f, http_status, NULL, "");
		judge(f);
		assert_ok(f, NULL);
		assert_int_equal(f->outcome.http_status, http_status);
	}
}

static void
test_an_answer_without_content_is_no_fault(void **state)
{
	struct fixture *f = *state;

	f->target->format = FORMAT_JSON;
	answer(f, 204, "application/json", "");
	f->response.no_content = true;
	judge(f);
	assert_ok(f, NULL);
	f->target->format = FORMAT_TEXT;
	answer(f, 205, NULL, "");
	f->response.no_content = true;
	judge(f);
	assert_ok(f, NULL);
}

static void
test_not_modified_can_be_expected_and_has_no_body(void **state)
{
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{format: json, expect: {status: [200, 304]}}");
	answer(f, 304, "application/json", "");
	judge(f);
	assert_ok(f, NULL);
}

static void
test_format_json_demands_json_whatever_the_type(void **state)
{
	struct fixture *f = *state;

	f->target->format = FORMAT_JSON;
	answer(f, 200, "text/plain", "[ 1 ]");
	judge(f);
	assert_ok(f, "[1]");
	answer(f, 200, NULL, "hello");
	judge(f);
	assert_failed(
	    f, KIND_INVALID_BODY, "body is not valid JSON: syntax error at byte 0");
	assert_string_equal(f->outcome.excerpt, "hello");
	assert_int_equal(f->outcome.http_status, 200);
	assert_int_equal(f->outcome.phase, -1);
}

static void
test_format_text_keeps_text_decoded_by_its_charset(void **state)
{
	struct fixture *f = *state;

	f->target->format = FORMAT_TEXT;
	answer(f, 200, "text/plain", "say \"h\xc3\xa9\"\n");
	judge(f);
	assert_ok(f, "\"say \\\"h\xc3\xa9\\\"\\n\"");
	answer(f, 200, "text/plain; a=b; CharSet=\"ISO-8859-1\"", "h\xe9");
	judge(f);
	assert_ok(f, "\"h\xc3\xa9\"");
	answer(f, 200, "text/plain;charset=iso-8859-1", "h\xe9");
	judge(f);
	assert_ok(f, "\"h\xc3\xa9\"");
	answer(f, 200, "text/plain; charset=", "h\xe9");
	judge(f);
	assert_ok(f, "\"h\xef\xbf\xbd\"");
	answer(f, 200, NULL, "");
	judge(f);
	assert_ok(f, "\"\"");
}

static void
test_format_none_keeps_nothing(void **state)
{
	struct fixture *f = *state;

	f->target->format = FORMAT_NONE;
	answer(f, 200, "application/json", "{\"a\":");
	judge(f);
	assert_ok(f, NULL);
}

static void
test_data_false_checks_but_does_not_keep(void **state)
{
	struct fixture *f = *state;

	f->target->data = false;
	answer(f, 200, "application/json", "[1]");
	judge(f);
	assert_ok(f, NULL);
	answer(f, 200, "application/json", "[1");
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_INVALID_BODY);
	f->target->format = FORMAT_TEXT;
	answer(f, 200, NULL, "text");
	judge(f);
	assert_ok(f, NULL);
}

/* ---- bodies that are not ---- */

static void
test_json_that_is_none_is_told_with_its_place_and_start(void **state)
{
	struct fixture *f = *state;

	answer(f, 200, "application/json", "{ \"a\" : 1,\n  \"b\" : oops }");
	judge(f);
	assert_failed(
	    f, KIND_INVALID_BODY, "body is not valid JSON: syntax error at byte 19");
	/* as it came, although the scan closes it up in place */
	assert_string_equal(f->outcome.excerpt, "{ \"a\" : 1, \"b\" : oops }");
}

static void
test_an_empty_body_that_must_be_json_is_invalid(void **state)
{
	struct fixture *f = *state;

	answer(f, 200, "application/json", "");
	judge(f);
	assert_failed(f, KIND_INVALID_BODY, "body is not valid JSON: it is empty");
	assert_null(f->outcome.excerpt);
	answer(f, 200, "application/json", " \n");
	judge(f);
	assert_failed(f, KIND_INVALID_BODY, "body is not valid JSON: it is empty");
	assert_null(f->outcome.excerpt);
}

static void
test_nesting_is_held_to_max_depth(void **state)
{
	struct fixture *f = *state;

	f->target->max_depth = 2;
	answer(f, 200, "application/json", "[[1]]");
	judge(f);
	assert_ok(f, "[[1]]");
	answer(f, 200, "application/json", "[[[1]]]");
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_INVALID_BODY);
}

/* ---- failures ---- */

static void
test_a_status_that_is_not_expected_is_an_http_error(void **state)
{
	static const long statuses[] = { 301, 304, 400, 404, 428, 430, 500, 503, 599 };

	for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
		struct fixture *f = *state;
		char *message = xasprintf("returned HTTP %ld", statuses[i]);

		answer(f, statuses[i], "application/json", "{\"error\": \"no\"}");
		judge(f);
		assert_failed(f, KIND_HTTP, message);
		assert_int_equal(f->outcome.status, STATUS_HTTP_ERROR);
		assert_int_equal(f->outcome.http_status, statuses[i]);
		assert_string_equal(f->outcome.excerpt, "{\"error\": \"no\"}");
		assert_int_equal(f->outcome.phase, -1);
		free(message);
	}
}

static void
test_push_back_is_rate_limited(void **state)
{
	struct fixture *f = *state;

	answer(f, 429, NULL, "");
	judge(f);
	assert_failed(f, KIND_RATE_LIMITED, "returned HTTP 429");
	assert_int_equal(f->outcome.status, STATUS_HTTP_ERROR);
	assert_null(f->outcome.excerpt);
	answer(f, 503, NULL, "");
	f->response.retry_after_ms = 0;
	judge(f);
	assert_failed(f, KIND_RATE_LIMITED, "returned HTTP 503");
	answer(f, 500, NULL, "");
	f->response.retry_after_ms = 0;
	judge(f);
	assert_failed(f, KIND_HTTP, "returned HTTP 500");
}

static void
test_timeouts_say_where_time_went(void **state)
{
	static const struct {
		enum response_phase phase;
		const char *message;
	} cases[] = {
		{ PHASE_DNS, "timed out after 3s looking up the host" },
		{ PHASE_CONNECT, "timed out after 3s connecting" },
		{ PHASE_TLS, "timed out after 3s in the TLS handshake" },
		{ PHASE_FIRST_BYTE, "timed out after 5s waiting for the first byte" },
		{ PHASE_BODY, "timed out after 5s receiving the body" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct fixture *f = *state;

		answer(f, 0, NULL, "");
		f->response.result = RESPONSE_TIMEOUT;
		f->response.phase = cases[i].phase;
		judge(f);
		assert_failed(f, KIND_TIMEOUT, cases[i].message);
		assert_int_equal(f->outcome.status, STATUS_TIMEOUT);
		assert_int_equal(f->outcome.phase, cases[i].phase);
		assert_int_equal(f->outcome.limit_ms, i < 3 ? 3000 : 5000);
	}
}

static void
test_a_connection_may_be_ended_by_the_attempts_own_time(void **state)
{
	struct fixture *f = *state;

	/* connect_timeout is the longer one */
	f->request->connect_timeout_us = 8000000;
	answer(f, 0, NULL, "");
	f->response.result = RESPONSE_TIMEOUT;
	f->response.phase = PHASE_CONNECT;
	judge(f);
	assert_failed(f, KIND_TIMEOUT, "timed out after 5s connecting");

	/* a redirect ate most of the time */
	f->request->connect_timeout_us = 3000000;
	answer(f, 0, NULL, "");
	f->response.result = RESPONSE_TIMEOUT;
	f->response.phase = PHASE_CONNECT;
	f->response.hops = 1;
	f->response.timing.total_us = 900000;
	judge(f);
	assert_failed(f, KIND_TIMEOUT, "timed out after 5s connecting");
	answer(f, 0, NULL, "");
	f->response.result = RESPONSE_TIMEOUT;
	f->response.phase = PHASE_CONNECT;
	f->response.hops = 1;
	f->response.timing.total_us = 3000200;
	judge(f);
	assert_failed(f, KIND_TIMEOUT, "timed out after 3s connecting");
}

static void
test_faults_keep_their_kind_phase_and_words(void **state)
{
	static const struct {
		enum response_result result;
		enum error_kind kind;
		const char *words; /* where http says nothing */
	} cases[] = {
		{ RESPONSE_DNS, KIND_DNS, "could not resolve host" },
		{ RESPONSE_CONNECT, KIND_CONNECT, "could not connect" },
		{ RESPONSE_TLS, KIND_TLS, "TLS handshake failed" },
		{ RESPONSE_PROTOCOL, KIND_PROTOCOL, "the answer is not valid HTTP" },
		{ RESPONSE_REDIRECT, KIND_REDIRECT, "refused to follow the redirect" },
		{ RESPONSE_TOO_LARGE, KIND_TOO_LARGE, "body is too large" },
		{ RESPONSE_INTERNAL, KIND_INTERNAL, "out of descriptors or memory" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct fixture *f = *state;

		answer(f, 0, NULL, "");
		f->response.result = cases[i].result;
		f->response.phase = PHASE_CONNECT;
		judge(f);
		assert_failed(f, cases[i].kind, cases[i].words);
		assert_int_equal(f->outcome.status, STATUS_ERROR);
		/* A redirect is refused between two requests. */
		assert_int_equal(f->outcome.phase,
		    cases[i].result == RESPONSE_REDIRECT ? -1 : PHASE_CONNECT);

		answer(f, 0, NULL, "");
		f->response.result = cases[i].result;
		f->response.message = xstrdup("the server\r\nsaid \x01 no");
		judge(f);
		assert_failed(f, cases[i].kind, "the server said no");
	}
}

/* ---- beside the verdict ---- */

static void
test_where_redirects_led_is_told_without_secrets(void **state)
{
	struct fixture *f = *state;

	answer(f, 200, NULL, "");
	judge(f);
	assert_null(f->outcome.final_url);
	carry_secret(f);
	answer(f, 200, NULL, "");
	f->response.final_url = xstrdup("http://there/?key=" SECRET "&x=1");
	judge(f);
	assert_string_equal(f->outcome.final_url, "http://there/?key=***&x=1");
	/* of a failure, too */
	answer(f, 0, NULL, "");
	f->response.result = RESPONSE_CONNECT;
	f->response.final_url = xstrdup("http://there/");
	judge(f);
	assert_string_equal(f->outcome.final_url, "http://there/");
}

static void
test_until_when_the_certificate_is_valid_is_told(void **state)
{
	struct fixture *f = *state;

	answer(f, 200, NULL, "");
	judge(f);
	assert_int_equal(f->outcome.certificate_expires_at_ms, -1);
	answer(f, 500, NULL, "");
	f->response.tls.expires_at_ms = NOW_MS + 5;
	judge(f);
	assert_int_equal(f->outcome.certificate_expires_at_ms, NOW_MS + 5);
}

static void
test_a_certificate_that_nobody_verified_is_a_warning_of_every_outcome(void **state)
{
	static const char *const warning[] = {
		"the server's certificate is not verified (tls.verify)", NULL
	};
	static const char *const none[] = { NULL };
	struct fixture *f = *state;

	fake_config_set(f->config, 0, "{tls: {verify: false}}");
	answer(f, 200, NULL, "");
	judge(f);
	assert_warnings(f, none); /* it is plain HTTP */
	answer(f, 200, NULL, "");
	f->response.tls.version = "TLSv1.3"; /* after a redirect */
	judge(f);
	assert_ok(f, NULL);
	assert_warnings(f, warning);

	f->target->asks_tls = true;
	answer(f, 0, NULL, "");
	f->response.result = RESPONSE_DNS;
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_DNS);
	assert_warnings(f, warning);
	f->target->way.tls.verify = true;
	answer(f, 200, NULL, "");
	f->response.tls.version = "TLSv1.3";
	judge(f);
	assert_warnings(f, none);
}

/* ---- excerpts and secrets ---- */

static void
test_an_excerpt_is_200_cleaned_characters(void **state)
{
	struct fixture *f = *state;
	char body[2000] = " \r\n\t<html>\n\n";
	size_t len = strlen(body);

	while (len < 1800) {
		body[len++] = '\xc3';
		body[len++] = '\xa9';
	}
	answer_bytes(f, 500, NULL, body, len);
	judge(f);
	assert_memory_equal(f->outcome.excerpt, "<html> \xc3\xa9", 9);
	assert_int_equal(strlen(f->outcome.excerpt), 7 + 2 * 193);
}

static void
test_an_excerpt_is_decoded(void **state)
{
	struct fixture *f = *state;

	answer(f, 500, "text/plain; charset=iso-8859-1", "h\xe9");
	judge(f);
	assert_string_equal(f->outcome.excerpt, "h\xc3\xa9");
}

static void
test_secrets_in_data_are_masked(void **state)
{
	struct fixture *f = *state;

	carry_secret(f);
	answer(f, 200, "application/json", "{ \"you sent\": \"" SECRET "\" }");
	judge(f);
	assert_ok(f, "{\"you sent\":\"***\"}");
	assert_non_null(f->response.body); /* still http's to free */
	f->target->format = FORMAT_TEXT;
	answer(f, 200, NULL, "token " SECRET);
	judge(f);
	assert_ok(f, "\"token ***\"");
}

/* In the middle of a text: without the NUL. */
static void
put_secret(char *place)
{
	for (const char *c = SECRET; *c != '\0'; c++)
		*place++ = *c;
}

static void
test_secrets_are_masked_before_an_excerpt_is_cut(void **state)
{
	struct fixture *f = *state;
	char body[6000];

	carry_secret(f);
	/* the secret stands over the 200th character */
	memset(body, 'x', sizeof(body));
	put_secret(body + 195);
	answer_bytes(f, 500, NULL, body, 1000);
	judge(f);
	assert_null(strstr(f->outcome.excerpt, "s3"));
	assert_non_null(strstr(f->outcome.excerpt, "xxx***"));
	assert_int_equal(strlen(f->outcome.excerpt), 200);

	/* and where only blanks stand before it, over any other border */
	memset(body, ' ', sizeof(body));
	put_secret(body + 4090);
	answer_bytes(f, 500, NULL, body, sizeof(body));
	judge(f);
	assert_string_equal(f->outcome.excerpt, "***");

	/* and in a body that the scan has spoilt */
	answer(f, 200, "application/json", "[ \"" SECRET "\" ");
	judge(f);
	assert_int_equal(f->outcome.kind, KIND_INVALID_BODY);
	assert_string_equal(f->outcome.excerpt, "[ \"***\"");
}

static void
test_secrets_in_messages_are_masked(void **state)
{
	struct fixture *f = *state;

	carry_secret(f);
	answer(f, 0, NULL, "");
	f->response.result = RESPONSE_REDIRECT;
	f->response.message = xstrdup("redirect to ftp://x/?k=" SECRET " refused");
	judge(f);
	assert_failed(f, KIND_REDIRECT, "redirect to ftp://x/?k=*** refused");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_json_is_kept_without_white_space_and_without_a_copy),
		CASE(test_content_types_that_mean_json),
		CASE(test_other_bodies_are_well_and_not_kept),
		CASE(test_every_status_from_200_to_299_is_well),
		CASE(test_an_answer_without_content_is_no_fault),
		CASE(test_not_modified_can_be_expected_and_has_no_body),
		CASE(test_format_json_demands_json_whatever_the_type),
		CASE(test_format_text_keeps_text_decoded_by_its_charset),
		CASE(test_format_none_keeps_nothing),
		CASE(test_data_false_checks_but_does_not_keep),
		CASE(test_json_that_is_none_is_told_with_its_place_and_start),
		CASE(test_an_empty_body_that_must_be_json_is_invalid),
		CASE(test_nesting_is_held_to_max_depth),
		CASE(test_a_status_that_is_not_expected_is_an_http_error),
		CASE(test_push_back_is_rate_limited),
		CASE(test_timeouts_say_where_time_went),
		CASE(test_a_connection_may_be_ended_by_the_attempts_own_time),
		CASE(test_faults_keep_their_kind_phase_and_words),
		CASE(test_where_redirects_led_is_told_without_secrets),
		CASE(test_until_when_the_certificate_is_valid_is_told),
		CASE(
		    test_a_certificate_that_nobody_verified_is_a_warning_of_every_outcome),
		CASE(test_an_excerpt_is_200_cleaned_characters),
		CASE(test_an_excerpt_is_decoded),
		CASE(test_secrets_in_data_are_masked),
		CASE(test_secrets_are_masked_before_an_excerpt_is_cut),
		CASE(test_secrets_in_messages_are_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
