#include "serve/answers.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/util.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "publish/metrics/metrics.h"
#include "publish/page/page.h"
#include "publish/snapshot.h"
#include "serve/asked.h"
#include "serve/clients.h"
#include "serve/events.h"
#include "serve/health.h"
#include "serve/hosts.h"
#include "serve/shown.h"

/* A request's line and headers; a browser's have a tenth of that. */
#define MAX_HEADER_BYTES ((ev_ssize_t)8 * 1024)

/* None is used, but what a person or a form sends is to have an answer of ours; evhttp answers
 * more with a page of its own, 413. */
#define MAX_BODY_BYTES ((ev_ssize_t)4 * 1024)

/* evhttp answers 501 with a page of its own to methods that it is not told of: all are for us,
 * also those that it does not know. */
#define ALL_METHODS UINT16_MAX

/* What goes by when the document does not change is asked for again each time. */
#define KEEP_AND_ASK "no-cache"
#define KEEP_NOT     "no-store"

#define RETRY_FIRST_DOCUMENT "1" /* seconds */
#define RETRY_EVENTS         "5"

/* "421 Misdirected Request" (RFC 9110, section 15.5.20), which evhttp has no name for. */
#define MISDIRECTED        421
#define MISDIRECTED_PHRASE "Misdirected Request"

#define TEXT_TYPE "text/plain; charset=utf-8"
#define JSON_TYPE "application/json"

/* A request that is being answered. */
struct answer {
	struct answers *answers;
	struct evhttp_request *request;
	struct evkeyvalq *headers; /* of the answer */
	struct client *client;
	bool is_head;
	bool closes; /* the connection ends with it */
};

static void
put(struct answer *answer, const char *name, const char *value)
{
	evhttp_add_header(answer->headers, name, value);
}

static void
put_time(struct answer *answer, const char *name, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	char text[64];

	gmtime_r(&seconds, &parts);
	evutil_date_rfc1123(text, sizeof(text), &parts);
	put(answer, name, text);
}

/* What stands in all answers. CACHING: whether it may be kept. */
static void
put_common(struct answer *answer, const char *caching)
{
	/* evhttp does so for newer ones. */
	if (asked_is_old(answer->request))
		put_time(answer, "Date", clock_wall_ms());
	put(answer, "Cache-Control", caching);
	put(answer, "Vary", "Accept-Encoding");
	put(answer, "X-Content-Type-Options", "nosniff");
	put(answer, "Referrer-Policy", "no-referrer");
	put(answer, "Cross-Origin-Resource-Policy", "same-origin");
}

/* Have evhttp end the connection behind the answer. */
static void
put_close(struct answer *answer)
{
	struct evkeyvalq *asked = evhttp_request_get_input_headers(answer->request);

	/* It would confirm the keep-alive of an HTTP/1.0 client beside our own word. */
	while (evhttp_remove_header(asked, "Connection") == 0)
		;
	put(answer, "Connection", "close");
}

static void
on_answered(UNUSED struct evhttp_request *request, void *arg)
{
	client_answered(arg);
}

/* evhttp never closes after CONNECT, whatever the headers say. */
static void
on_refused(UNUSED struct evhttp_request *request, void *arg)
{
	client_answered(arg);
	client_cut(arg);
}

/* Send what stands in the headers, and BODY (NULL: it has none), of which HEAD gets only the
 * length. */
static void
send_answer(struct answer *answer, int status, struct evbuffer *body)
{
	bool is_connect =
	    evhttp_request_get_command(answer->request) == EVHTTP_REQ_CONNECT;
	char length[32];

	if (body != NULL) {
		snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
		put(answer, "Content-Length", length);
	}
	if (answer->closes)
		put_close(answer);
	answer->answers->requests[status / 100]++;
	evhttp_request_set_on_complete_cb(answer->request,
	    is_connect && answer->closes ? on_refused : on_answered, answer->client);
	evhttp_send_reply(answer->request, status,
	    status == MISDIRECTED ? MISDIRECTED_PHRASE : NULL,
	    answer->is_head ? NULL : body);
}

/* One plain line. */
static void
send_line(struct answer *answer, int status, const char *line)
{
	struct evbuffer *body = evbuffer_new();

	put(answer, "Content-Type", TEXT_TYPE);
	put_common(answer, KEEP_NOT);
	evbuffer_add_printf(body, "%s\n", line);
	send_answer(answer, status, body);
	evbuffer_free(body);
}

static void
send_not_found(struct answer *answer)
{
	send_line(answer, HTTP_NOTFOUND, "there is nothing of that name");
}

static void
send_try_later(struct answer *answer, const char *seconds, const char *line)
{
	put(answer, "Retry-After", seconds);
	send_line(answer, HTTP_SERVUNAVAIL, line);
}

/* ---- what is made of the snapshot ---- */

static void
send_not_modified(struct answer *answer, const char *tag)
{
	put(answer, "ETag", tag);
	put_common(answer, KEEP_AND_ASK);
	send_answer(answer, HTTP_NOTMODIFIED, NULL);
}

/* Where the client has what is shown already, in either form, tell it so. */
static bool
is_had(struct answer *answer, bool gzip)
{
	char tag[SHOWN_TAG_SIZE];

	shown_tag(answer->answers->shown, false, tag);
	if (asked_has(answer->request, tag)) {
		send_not_modified(answer, tag);
		return true;
	}
	shown_tag(answer->answers->shown, true, tag);
	if (gzip && asked_has(answer->request, tag)) {
		send_not_modified(answer, tag);
		return true;
	}
	return false;
}

/* BODY is of the snapshot that is shown. */
static void
send_shown(struct answer *answer, const char *type, bool gzip, struct evbuffer *body)
{
	char tag[SHOWN_TAG_SIZE];

	put(answer, "Content-Type", type);
	if (gzip)
		put(answer, "Content-Encoding", "gzip");
	shown_tag(answer->answers->shown, gzip, tag);
	put(answer, "ETag", tag);
	put_time(answer, "Last-Modified",
	    snapshot_generated_at_ms(shown_snapshot(answer->answers->shown)));
	put_common(answer, KEEP_AND_ASK);
	send_answer(answer, HTTP_OK, body);
}

static void
answer_body(struct answer *answer, enum shown_body which, const char *type)
{
	bool gzip = asked_takes_gzip(answer->request);
	struct evbuffer *body;

	if (is_had(answer, gzip))
		return;
	body = evbuffer_new();
	gzip = shown_put(answer->answers->shown, which, gzip, body);
	send_shown(answer, type, gzip, body);
	evbuffer_free(body);
}

static void
answer_page(struct answer *answer)
{
	put(answer, "Content-Security-Policy", page_policy());
	put(answer, "X-Frame-Options", "DENY");
	answer_body(answer, SHOWN_PAGE, PAGE_CONTENT_TYPE);
}

static void
answer_entry(struct answer *answer, const char *name, bool is_prompt)
{
	bool gzip = asked_takes_gzip(answer->request);
	struct evbuffer *body;
	size_t index;

	if (!shown_find(answer->answers->shown, name, is_prompt, &index)) {
		send_not_found(answer);
		return;
	}
	if (is_had(answer, gzip))
		return;
	body = evbuffer_new();
	gzip = shown_put_entry(answer->answers->shown, index, gzip, body);
	send_shown(answer, JSON_TYPE, gzip, body);
	evbuffer_free(body);
}

/* ---- what is not ---- */

static void
answer_health(struct answer *answer)
{
	const struct snapshot *snapshot = shown_snapshot(answer->answers->shown);
	char reason[HEALTH_REASON_SIZE];
	int64_t stale_after_ms = -1;

	if (snapshot != NULL) {
		stale_after_ms = snapshot_stale_after_ms(snapshot);
		/* One that says nothing of it never is. */
		if (stale_after_ms == -1)
			stale_after_ms = INT64_MAX;
	}
	if (health_is_well(answer->answers->health, stale_after_ms, clock_now_us(),
	        clock_wall_ms(), reason))
		send_line(answer, HTTP_OK, "ok");
	else
		send_line(answer, HTTP_SERVUNAVAIL, reason);
}

static void
answer_events(struct answer *answer)
{
	const char *last_id = evhttp_find_header(
	    evhttp_request_get_input_headers(answer->request), "Last-Event-ID");

	put(answer, "Content-Type", EVENTS_CONTENT_TYPE);
	/* nginx would keep them back until there are enough for it. */
	put(answer, "X-Accel-Buffering", "no");
	put_common(answer, KEEP_NOT);
	if (answer->is_head) {
		send_answer(answer, HTTP_OK, NULL);
		return;
	}
	if (answer->closes || asked_is_old(answer->request))
		put_close(answer);
	if (events_follow(
	        answer->answers->events, answer->request, answer->client, last_id)) {
		client_stays(answer->client);
		answer->answers->requests[HTTP_OK / 100]++;
		return;
	}
	evhttp_clear_headers(answer->headers);
	send_try_later(answer, RETRY_EVENTS, "too many follow the events already");
}

/* ---- which one ---- */

/* WHAT is made of the snapshot, and there is one. */
static void
answer_shown(struct answer *answer, enum asked_what what, const char *name)
{
	switch (what) {
	case ASKED_PAGE:
		answer_page(answer);
		break;
	case ASKED_DOCUMENT:
		answer_body(answer, SHOWN_DOCUMENT, JSON_TYPE);
		break;
	case ASKED_METRICS:
		answer_body(answer, SHOWN_METRICS, METRICS_CONTENT_TYPE);
		break;
	case ASKED_SERVICE:
	case ASKED_PROMPT:
		answer_entry(answer, name, what == ASKED_PROMPT);
		break;
	case ASKED_HEALTH:
	case ASKED_EVENTS:
	case ASKED_UNKNOWN:
		assert(!"is not made of the snapshot");
	}
}

static void
answer_what(struct answer *answer, enum asked_what what, const char *name)
{
	if (what == ASKED_UNKNOWN)
		send_not_found(answer);
	else if (what == ASKED_HEALTH)
		answer_health(answer);
	else if (what == ASKED_EVENTS)
		answer_events(answer);
	else if (shown_snapshot(answer->answers->shown) == NULL)
		send_try_later(
		    answer, RETRY_FIRST_DOCUMENT, "there is no document yet");
	else
		answer_shown(answer, what, name);
}

/* Was REQUEST sent to this machine by one of its names, as far as it says? */
static bool
is_for_us(const struct answers *answers, struct evhttp_request *request)
{
	char *host = asked_host(request);
	bool is_ours = host == NULL || hosts_is_ours(host, answers->host);

	free(host);
	return is_ours;
}

static void
answer_request(struct answer *answer, bool checks_host)
{
	const char *fault = asked_fault(answer->request);
	enum evhttp_cmd_type method = evhttp_request_get_command(answer->request);
	bool has_body = asked_has_body(answer->request);
	enum asked_what what;
	char *name;

	if (fault != NULL || has_body)
		answer->closes = true;
	if (fault != NULL) {
		send_line(answer, HTTP_BADREQUEST, fault);
		return;
	}
	if (checks_host && !is_for_us(answer->answers, answer->request)) {
		send_line(answer, MISDIRECTED, "this machine has no such name");
		return;
	}
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		put(answer, "Allow", "GET, HEAD");
		send_line(answer, HTTP_BADMETHOD, "only GET and HEAD are answered");
		return;
	}
	if (has_body) {
		send_line(answer, HTTP_BADREQUEST, "no request here has a body");
		return;
	}
	what = asked_path(answer->request, &name);
	answer_what(answer, what, name);
	free(name);
}

static void
on_request_of(struct answers *answers, struct evhttp_request *request, bool checks_host)
{
	struct answer answer = {
		.answers = answers,
		.request = request,
		.headers = evhttp_request_get_output_headers(request),
		.client = clients_find(
		    answers->clients, evhttp_request_get_connection(request)),
		.is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD,
	};

	answer.closes = !client_asked(answer.client) || asked_closes(request);
	answer_request(&answer, checks_host);
}

static void
on_request(struct evhttp_request *request, void *arg)
{
	on_request_of(arg, request, false);
}

static void
on_request_with_host(struct evhttp_request *request, void *arg)
{
	on_request_of(arg, request, true);
}

void
answers_serve(struct answers *answers, struct evhttp *http, bool checks_host)
{
	evhttp_set_allowed_methods(http, ALL_METHODS);
	evhttp_set_max_headers_size(http, MAX_HEADER_BYTES);
	evhttp_set_max_body_size(http, MAX_BODY_BYTES);
	evhttp_set_gencb(
	    http, checks_host ? on_request_with_host : on_request, answers);
}
