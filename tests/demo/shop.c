/*
 * The shop: /profile answers at once, /orders after a moment, /payments far too late, and
 * /reviews fails now and then, beginning with the first time. Each of its branches tells how
 * it is under /branches/NAME/health.
 */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <event2/event.h>
#include <event2/http.h>

#include "base/compiler.h"
#include "base/xalloc.h"

#define ORDERS_DELAY_MS   120
#define PAYMENTS_DELAY_MS 8000

/* The first review fails, and every third one after it. */
#define REVIEWS_FAIL_EVERY 3

static const char profile_json[] =
    "{\"id\": 42, \"name\": \"Ada\", \"plan\": \"pro\", \"since\": \"2021-03-14\"}\n";
static const char orders_json[] =
    "{\"open\": 3, \"queue\": {\"depth\": 12, \"oldest_s\": 41.5},\n"
    " \"latest\": [{\"id\": 9007199254740993, \"total\": 18.50},\n"
    "            {\"id\": 9007199254740992, \"total\": 7.10}]}\n";
static const char payments_json[] = "{\"settled\": true}\n";
static const char reviews_json[] = "{\"average\": 4.6, \"count\": 812}\n";

/* An answer that waits for its time. */
struct late_answer {
	struct evhttp_request *request;
	struct event *timer;
	const char *json;
};

static void
late_answer_free(struct late_answer *late)
{
	event_free(late->timer);
	free(late);
}

static void
on_late_answer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct late_answer *late = arg;
	struct evhttp_connection *connection =
	    evhttp_request_get_connection(late->request);

	evhttp_connection_set_closecb(connection, NULL, NULL);
	answer_json(late->request, HTTP_OK, late->json);
	late_answer_free(late);
}

/* Whoever asked has gone: evhttp frees the request. */
static void
on_asker_gone(UNUSED struct evhttp_connection *connection, void *arg)
{
	late_answer_free(arg);
}

static void
answer_late(struct evhttp_request *request, long delay_ms, const char *json)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	const struct timeval delay = { delay_ms / 1000, delay_ms % 1000 * 1000 };
	struct late_answer *late = xcalloc(1, sizeof(*late));

	late->request = request;
	late->json = json;
	late->timer =
	    evtimer_new(evhttp_connection_get_base(connection), on_late_answer, late);
	if (late->timer == NULL || evtimer_add(late->timer, &delay) == -1)
		abort();
	evhttp_connection_set_closecb(connection, on_asker_gone, late);
}

static void
on_profile(struct evhttp_request *request, UNUSED void *arg)
{
	answer_json(request, HTTP_OK, profile_json);
}

static void
on_orders(struct evhttp_request *request, UNUSED void *arg)
{
	answer_late(request, ORDERS_DELAY_MS, orders_json);
}

static void
on_payments(struct evhttp_request *request, UNUSED void *arg)
{
	answer_late(request, PAYMENTS_DELAY_MS, payments_json);
}

static void
on_reviews(struct evhttp_request *request, UNUSED void *arg)
{
	static unsigned asked;

	if (asked++ % REVIEWS_FAIL_EVERY == 0)
		answer(request, HTTP_SERVUNAVAIL, "text/plain",
		    "the review store is being rebuilt\n");
	else
		answer_json(request, HTTP_OK, reviews_json);
}

static void
on_terms(struct evhttp_request *request, UNUSED void *arg)
{
	answer(request, HTTP_OK, "text/plain; charset=iso-8859-1",
	    "Caf\xe9 Gather, 9-17 h\n");
}

/* The queue of a branch, by its name: the same whenever it is asked. */
static unsigned
queue_of(const char *name)
{
	unsigned sum = 0;

	while (*name != '\0' && *name != '/')
		sum = sum * 31 + (unsigned char)*name++;
	return sum % 100;
}

static void
on_other(struct evhttp_request *request, UNUSED void *arg)
{
	static const char branches[] = "/branches/";
	const char *path = evhttp_request_get_uri(request);
	char json[64];

	if (models_answer(request))
		return;
	if (strncmp(path, branches, sizeof(branches) - 1) != 0) {
		answer(request, HTTP_NOTFOUND, "text/plain", "no such page\n");
		return;
	}
	snprintf(json, sizeof(json), "{\"state\": \"open\", \"queue\": %u}\n",
	    queue_of(path + sizeof(branches) - 1));
	answer_json(request, HTTP_OK, json);
}

void
shop_serve(struct evhttp *http)
{
	evhttp_set_cb(http, "/profile", on_profile, NULL);
	evhttp_set_cb(http, "/orders", on_orders, NULL);
	evhttp_set_cb(http, "/payments", on_payments, NULL);
	evhttp_set_cb(http, "/reviews", on_reviews, NULL);
	evhttp_set_cb(http, "/terms", on_terms, NULL);
	evhttp_set_gencb(http, on_other, NULL);
}
