/*
 * A stage for http/exchange: it stands in for http/transfers, by a table of answers.
 */
#ifndef GATHERD_TESTS_UNIT_EXCHANGE_STAGE_H
#define GATHERD_TESTS_UNIT_EXCHANGE_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "http/exchange.h"
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
	/* Of each hop: method unless it is GET, URL, "body" and "+" where body and
	 * secrets went along. */
	char asked[512];
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
	const char *method =
	    hop->method != NULL ? hop->method : request_method(hop->request);
	size_t len = strlen(transfers->asked);

	assert_false(transfers->transfer.alive);
	transfers->transfer = (struct transfer){ *hop, done, done_arg, true };
	transfers->starts++;
	snprintf(transfers->asked + len, sizeof(transfers->asked) - len, "%s%s%s%s%s\n",
	    strcmp(method, "GET") != 0 ? method : "",
	    strcmp(method, "GET") != 0 ? " " : "", hop->url->text,
	    hop->with_body && hop->request->body != NULL ? " body" : "",
	    hop->with_secrets ? " +" : "");
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
		.timing = { -1, -1, -1, 1000 * transfers->starts,
		    2000 * transfers->starts },
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

UNUSED static void
open_stage(struct stage *stage, const struct page *pages, const char *url)
{
	const char *why;

	*stage = (struct stage){ .transfers.pages = pages };
	stage->client = exchange_client(&stage->transfers);
	request_init(&stage->request);
	stage->request.max_redirects = 5;
	assert_true(url_parse(url, &stage->request.url, &why));
}

/* The request has METHOD and BODY, copied. */
UNUSED static void
set_body(struct request *request, const char *method, const char *body, bool secret)
{
	request->method = method != NULL ? xstrdup(method) : NULL;
	request->body = xstrdup(body);
	request->body_len = strlen(body);
	request->body_secret = secret;
}

UNUSED static void
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
UNUSED static void
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

#endif
