#include "http/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/secrets.h"
#include "exchange_stage.h"

/* ---- Answers as they are ---- */

static void
test_an_answer_is_passed_on(UNUSED void **state)
{
	static const struct page pages[] = { { NULL, 0, NULL } };
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/x");
	run(&stage);
	assert_int_equal(stage.response.result, RESPONSE_COMPLETE);
	assert_int_equal(stage.response.http_status, 200);
	assert_int_equal(stage.response.hops, 0);
	assert_string_equal(stage.response.body, "body");
	assert_string_equal(stage.transfers.asked, "http://a.test/x +\n");
	close_stage(&stage);
}

static void
test_what_is_no_redirect_is_an_answer(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/none", 302, NULL },
		{ "http://a.test/304", 304, "/x" },
		{ "http://a.test/300", 300, "/x" },
		{ "http://a.test/200", 200, "/x" },
		{ "http://a.test/201", 201, "/x" },
		{ NULL, 0, NULL },
	};

	for (const struct page *page = pages; page->url != NULL; page++) {
		struct stage stage;

		open_stage(&stage, pages, page->url);
		run(&stage);
		assert_int_equal(stage.response.result, RESPONSE_COMPLETE);
		assert_int_equal(stage.response.http_status, page->status);
		assert_int_equal(stage.transfers.starts, 1);
		close_stage(&stage);
	}
}

static void
test_a_failure_is_passed_on(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage, NULL, "http://a.test/");
	start(&stage);
	/* Not even where a Location arrived before the answer was cut off. */
	end_hop(&stage.transfers, RESPONSE_PROTOCOL, 302, "/x");
	assert_int_equal(stage.reports, 1);
	assert_int_equal(stage.response.result, RESPONSE_PROTOCOL);
	close_stage(&stage);
}

static void
test_with_no_redirects_allowed_the_3xx_is_the_answer(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 302, "/x" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	stage.request.max_redirects = 0;
	run(&stage);
	assert_int_equal(stage.response.result, RESPONSE_COMPLETE);
	assert_int_equal(stage.response.http_status, 302);
	close_stage(&stage);
}

/* ---- Redirects ---- */

static void
test_each_kind_of_redirect_is_followed(UNUSED void **state)
{
	static const long statuses[] = { 301, 302, 303, 307, 308 };

	for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
		const struct page pages[] = {
			{ "http://a.test/d/old?q", statuses[i], "new#part" },
			{ NULL, 0, NULL },
		};
		struct stage stage;

		open_stage(&stage, pages, "http://a.test/d/old?q");
		run(&stage);
		assert_int_equal(stage.response.result, RESPONSE_COMPLETE);
		assert_int_equal(stage.response.http_status, 200);
		assert_int_equal(stage.response.hops, 1);
		assert_string_equal(stage.transfers.asked,
		    "http://a.test/d/old?q +\nhttp://a.test/d/new +\n");
		close_stage(&stage);
	}
}

static void
test_the_body_of_a_redirect_may_be_too_large(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 301, "/x" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	start(&stage);
	end_hop(&stage.transfers, RESPONSE_TOO_LARGE, 301, "/x");
	assert_int_equal(stage.reports, 0);
	end_hop(&stage.transfers, RESPONSE_TOO_LARGE, 200, NULL);
	assert_int_equal(stage.response.result, RESPONSE_TOO_LARGE);
	assert_string_equal(stage.response.final_url, "http://a.test/x");
	close_stage(&stage);

	/* Where none is followed it is the answer. */
	open_stage(&stage, pages, "http://a.test/");
	stage.request.max_redirects = 0;
	start(&stage);
	end_hop(&stage.transfers, RESPONSE_TOO_LARGE, 301, "/x");
	assert_int_equal(stage.response.result, RESPONSE_TOO_LARGE);
	close_stage(&stage);
}

static void
test_secrets_stay_at_home_once_it_was_left(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 302, "/second" },
		{ "http://a.test/second", 302, "http://a.test:8080/" },
		{ "http://a.test:8080/", 302, "http://a.test/third" },
		{ "http://a.test/third", 302, "http://b.test/" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	run(&stage);
	assert_int_equal(stage.response.hops, 4);
	assert_string_equal(stage.transfers.asked,
	    "http://a.test/ +\nhttp://a.test/second +\nhttp://a.test:8080/\n"
	    "http://a.test/third\nhttp://b.test/\n");
	close_stage(&stage);
}

static void
test_endless_redirects_end(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 302, "/" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	run(&stage);
	assert_int_equal(stage.response.result, RESPONSE_REDIRECT);
	assert_int_equal(stage.response.http_status, 302);
	assert_int_equal(stage.response.hops, 5);
	assert_int_equal(stage.transfers.starts, 6);
	assert_string_equal(stage.response.message, "more than 5 redirects");
	close_stage(&stage);

	open_stage(&stage, pages, "http://a.test/");
	stage.request.max_redirects = 1;
	run(&stage);
	assert_string_equal(stage.response.message, "more than 1 redirect");
	close_stage(&stage);
}

static void
test_other_schemes_are_refused_without_telling_too_much(UNUSED void **state)
{
	static const struct {
		const char *location;
		const char *shown;
	} rows[] = {
		{ "ftp://me:pw@files.test/secret?token=x", "ftp://files.test" },
		{ "file:///etc/passwd", "file:" },
		{ "mailto:somebody@a.test", "mailto:" },
		{ "gopher://a\x01\xff.test/", "gopher://a??.test" },
		{ "http://", "http:" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct page pages[] = {
			{ "http://a.test/", 302, rows[i].location },
			{ NULL, 0, NULL },
		};
		struct stage stage;
		char start_of_message[64];

		open_stage(&stage, pages, "http://a.test/");
		run(&stage);
		assert_int_equal(stage.response.result, RESPONSE_REDIRECT);
		assert_int_equal(stage.transfers.starts, 1);
		snprintf(start_of_message, sizeof(start_of_message),
		    "redirect to %s not followed: ", rows[i].shown);
		assert_memory_equal(
		    stage.response.message, start_of_message, strlen(start_of_message));
		close_stage(&stage);
	}
}

static void
test_a_secret_is_not_taken_down_to_http(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "https://a.test/", 302, "https://b.test/x" },
		{ "https://b.test/x", 302, "http://b.test/x?token=y" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "https://a.test/");
	request_add_header(&stage.request, "X-Team", "web", false);
	run(&stage);
	assert_int_equal(stage.response.result, RESPONSE_COMPLETE);
	assert_int_equal(stage.transfers.starts, 3);
	close_stage(&stage);

	/* In a header, in the URL, before the host, in `auth`, in a body that is gone
	 * by then. */
	for (int i = 0; i < 5; i++) {
		open_stage(
		    &stage, pages, i == 2 ? "https://me@a.test/" : "https://a.test/");
		if (i == 3)
			stage.request.user = xstrdup("me");
		if (i == 4)
			set_body(&stage.request, "POST", "key", true);
		if (i == 0)
			request_add_header(&stage.request, "X-Key", "k", true);
		if (i == 1) {
			stage.request.secrets = secrets_new();
			secrets_add(stage.request.secrets, "0123456789", 10);
		}
		run(&stage);
		assert_int_equal(stage.response.result, RESPONSE_REDIRECT);
		assert_int_equal(stage.transfers.starts, 2);
		assert_string_equal(stage.response.message,
		    "redirect to http://b.test not followed: "
		    "secrets are not sent without TLS");
		close_stage(&stage);
	}
}

/* ---- The way that was gone ---- */

static void
test_the_final_url_is_told_without_userinfo_and_fragment(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 302, "http://you:pw@b.test/x?q=1#part" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	run(&stage);
	assert_string_equal(stage.response.final_url, "http://b.test/x?q=1");
	assert_null(stage.response.trail);
	close_stage(&stage);

	open_stage(&stage, pages, "http://elsewhere.test/");
	run(&stage);
	assert_null(stage.response.final_url);
	close_stage(&stage);
}

static void
test_the_trail_has_every_hop_that_led_on(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 301, "https://a.test/" },
		{ "https://a.test/", 307, "/x" },
		{ "https://a.test/x", 302, "ftp://a.test/" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://me:pw@a.test/");
	stage.request.keep_trail = true;
	run(&stage);
	assert_int_equal(stage.response.result, RESPONSE_REDIRECT);
	assert_int_equal(stage.response.hops, 2);
	assert_string_equal(stage.response.final_url, "https://a.test/x");
	assert_string_equal(stage.response.trail[0].url, "http://a.test/");
	assert_int_equal(stage.response.trail[0].http_status, 301);
	assert_int_equal(stage.response.trail[0].timing.total_us, 2000);
	assert_string_equal(stage.response.trail[1].url, "https://a.test/");
	assert_int_equal(stage.response.trail[1].http_status, 307);
	assert_int_equal(stage.response.trail[1].timing.first_byte_us, 2000);
	close_stage(&stage);
}

static void
test_what_was_answered_once_was_sent(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage, NULL, "http://a.test/");
	start(&stage);
	end_hop(&stage.transfers, RESPONSE_CONNECT, 0, NULL);
	assert_false(stage.response.sent);
	close_stage(&stage);

	/* The second hop did not even get a connection. */
	open_stage(&stage, NULL, "http://a.test/");
	start(&stage);
	end_hop(&stage.transfers, RESPONSE_COMPLETE, 307, "http://b.test/");
	end_hop(&stage.transfers, RESPONSE_CONNECT, 0, NULL);
	assert_int_equal(stage.response.result, RESPONSE_CONNECT);
	assert_true(stage.response.sent);
	close_stage(&stage);
}

/* ---- The deadline, and the end ---- */

static void
test_one_deadline_covers_all_hops(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage, NULL, "http://a.test/");
	stage.transfers.now_us = 1000;
	start(&stage);
	assert_int_equal(stage.transfers.transfer.hop.deadline_us, 1000 + TIMEOUT_US);
	stage.transfers.now_us = 2000;
	end_hop(&stage.transfers, RESPONSE_COMPLETE, 302, "/x");
	assert_int_equal(stage.transfers.transfer.hop.deadline_us, 1000 + TIMEOUT_US);
	end_hop(&stage.transfers, RESPONSE_TIMEOUT, 0, NULL);
	assert_int_equal(stage.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(stage.response.hops, 1);
	close_stage(&stage);
}

static void
test_its_clock_of_deadlines_is_that_of_the_transfers(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage, NULL, "http://a.test/");
	stage.transfers.now_us = 1234;
	assert_int_equal(stage.client.now_us(stage.client.client), 1234);
	close_stage(&stage);
}

static void
test_a_cancelled_exchange_does_not_report(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage, NULL, "http://a.test/");
	stage.request.keep_trail = true;
	start(&stage);
	end_hop(&stage.transfers, RESPONSE_COMPLETE, 302, "http://b.test/");
	stage.client.cancel(stage.client.client, stage.exchange);
	assert_false(stage.transfers.transfer.alive);
	assert_int_equal(stage.reports, 0);
	close_stage(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_is_passed_on),
		cmocka_unit_test(test_what_is_no_redirect_is_an_answer),
		cmocka_unit_test(test_a_failure_is_passed_on),
		cmocka_unit_test(test_with_no_redirects_allowed_the_3xx_is_the_answer),
		cmocka_unit_test(test_each_kind_of_redirect_is_followed),
		cmocka_unit_test(test_the_body_of_a_redirect_may_be_too_large),
		cmocka_unit_test(test_secrets_stay_at_home_once_it_was_left),
		cmocka_unit_test(test_endless_redirects_end),
		cmocka_unit_test(
		    test_other_schemes_are_refused_without_telling_too_much),
		cmocka_unit_test(test_a_secret_is_not_taken_down_to_http),
		cmocka_unit_test(
		    test_the_final_url_is_told_without_userinfo_and_fragment),
		cmocka_unit_test(test_the_trail_has_every_hop_that_led_on),
		cmocka_unit_test(test_what_was_answered_once_was_sent),
		cmocka_unit_test(test_one_deadline_covers_all_hops),
		cmocka_unit_test(test_its_clock_of_deadlines_is_that_of_the_transfers),
		cmocka_unit_test(test_a_cancelled_exchange_does_not_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
