#include "http/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "http/transfers.h"

#define TIMEOUT_US INT64_C(5000000)

/* ---- Transfers by a table: what is asked is noted, the test lets the answer come ---- */

struct page {
	const char *url;
	long status;
	const char *location;
};

struct transfer {
	struct hop hop;
	transfer_done_fn *done;
	void *done_arg;
	bool alive;
};

/* The table that stands for `transfers`, and the one hop that is on its way. */
struct transfers {
	const struct page *pages; /* ended by a NULL url */
	struct transfer transfer;
	int64_t now_us;
	unsigned starts;
	char asked[512]; /* each hop's URL, "+" behind it where secrets went along */
};

int64_t
transfers_now_us(struct transfers *transfers)
{
	return transfers->now_us;
}

struct transfer *
transfer_start(struct transfers *transfers, const struct hop *hop,
    transfer_done_fn *done, void *done_arg)
{
	size_t len = strlen(transfers->asked);

	assert_false(transfers->transfer.alive);
	transfers->transfer = (struct transfer){ *hop, done, done_arg, true };
	transfers->starts++;
	snprintf(transfers->asked + len, sizeof(transfers->asked) - len, "%s%s\n",
	    hop->url->text, hop->with_secrets ? " +" : "");
	return &transfers->transfer;
}

void
transfer_cancel(struct transfer *transfer)
{
	assert_true(transfer->alive);
	transfer->alive = false;
}

/* Let the hop that is on its way end with RESULT. */
static void
end_hop(struct transfers *transfers, enum response_result result, long status,
    const char *location)
{
	struct transfer transfer = transfers->transfer;
	struct response response = {
		.result = result,
		.http_status = status,
		.body = xstrdup("body"),
		.body_len = 4,
	};

	assert_true(transfer.alive);
	transfers->transfer.alive = false;
	transfer.done(&response, location, transfer.done_arg);
	response_clear(&response);
}

/* ---- The asker ---- */

struct stage {
	struct transfers transfers;
	struct http_client client;
	struct request request;
	struct exchange *exchange;
	unsigned reports;
	struct response response;
};

static void
open_stage(struct stage *stage, const struct page *pages, const char *url)
{
	const char *why;

	*stage = (struct stage){ .transfers.pages = pages };
	stage->client = exchange_client(&stage->transfers);
	request_init(&stage->request);
	stage->request.max_redirects = 5;
	assert_true(url_parse(url, &stage->request.url, &why));
}

static void
close_stage(struct stage *stage)
{
	request_clear(&stage->request);
	response_clear(&stage->response);
}

static void
on_done(struct response *response, void *arg)
{
	struct stage *stage = arg;

	stage->reports++;
	stage->response = *response;
	*response = (struct response){ 0 };
}

static void
start(struct stage *stage)
{
	stage->exchange = stage->client.start(
	    stage->client.client, &stage->request, TIMEOUT_US, on_done, stage);
	assert_int_equal(stage->reports, 0);
}

/* Answer from the table until the exchange has ended. */
static void
run(struct stage *stage)
{
	start(stage);
	while (stage->transfers.transfer.alive) {
		const struct page *page = stage->transfers.pages;
		const char *asked = stage->transfers.transfer.hop.url->text;

		while (page->url != NULL && strcmp(page->url, asked) != 0)
			page++;
		end_hop(&stage->transfers, RESPONSE_COMPLETE,
		    page->url != NULL ? page->status : 200, page->location);
	}
	assert_int_equal(stage->reports, 1);
}

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

	/* In a header, in the URL, before the host. */
	for (int i = 0; i < 3; i++) {
		open_stage(
		    &stage, pages, i == 2 ? "https://me@a.test/" : "https://a.test/");
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
test_a_cancelled_exchange_does_not_report(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage, NULL, "http://a.test/");
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
		cmocka_unit_test(test_secrets_stay_at_home_once_it_was_left),
		cmocka_unit_test(test_endless_redirects_end),
		cmocka_unit_test(
		    test_other_schemes_are_refused_without_telling_too_much),
		cmocka_unit_test(test_a_secret_is_not_taken_down_to_http),
		cmocka_unit_test(test_one_deadline_covers_all_hops),
		cmocka_unit_test(test_a_cancelled_exchange_does_not_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
