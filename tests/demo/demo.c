/*
 * The demo's upstream: four services of an imaginary shop, on loopback.
 *
 * /profile answers at once, /orders after a moment, /payments far too late, and /reviews
 * fails now and then, beginning with the first time. Ends with whoever started it when
 * asked to by --until-eof: it then reads its standard input.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/compiler.h"
#include "base/units.h"
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
answer(struct evhttp_request *request, int status, const char *type, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL)
		abort();
	evhttp_add_header(
	    evhttp_request_get_output_headers(request), "Content-Type", type);
	evbuffer_add(body, text, strlen(text));
	evhttp_send_reply(request, status, NULL, body);
	evbuffer_free(body);
}

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
	answer(late->request, HTTP_OK, "application/json", late->json);
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
	answer(request, HTTP_OK, "application/json", profile_json);
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
on_reviews(struct evhttp_request *request, void *arg)
{
	unsigned *asked = arg;

	if ((*asked)++ % REVIEWS_FAIL_EVERY == 0)
		answer(request, HTTP_SERVUNAVAIL, "text/plain",
		    "the review store is being rebuilt\n");
	else
		answer(request, HTTP_OK, "application/json", reviews_json);
}

static void
on_terms(struct evhttp_request *request, UNUSED void *arg)
{
	answer(request, HTTP_OK, "text/plain; charset=iso-8859-1",
	    "Caf\xe9 Gather, 9-17 h\n");
}

static void
on_input(evutil_socket_t fd, UNUSED short what, void *arg)
{
	char ignored[256];

	if (read(fd, ignored, sizeof(ignored)) <= 0)
		event_base_loopexit(arg, NULL);
}

/* Read until standard input ends: the parent has ended, or wants us to. */
static struct event *
watch_input(struct event_base *base)
{
	struct event *input =
	    event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, base);

	if (input == NULL || event_add(input, NULL) == -1) {
		fprintf(stderr, "gatherd-demo: cannot watch standard input\n");
		exit(1);
	}
	return input;
}

static unsigned
port_of(struct evhttp_bound_socket *bound)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address,
	        &len) == -1)
		return 0;
	return ntohs(address.sin_port);
}

static struct evhttp *
serve(struct event_base *base, unsigned short port, unsigned *reviews_asked)
{
	struct evhttp *http = evhttp_new(base);
	struct evhttp_bound_socket *bound;

	if (http == NULL)
		return NULL;
	evhttp_set_max_headers_size(http, 8192);
	evhttp_set_max_body_size(http, 0);
	evhttp_set_cb(http, "/profile", on_profile, NULL);
	evhttp_set_cb(http, "/orders", on_orders, NULL);
	evhttp_set_cb(http, "/payments", on_payments, NULL);
	evhttp_set_cb(http, "/reviews", on_reviews, reviews_asked);
	evhttp_set_cb(http, "/terms", on_terms, NULL);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", port);
	if (bound == NULL) {
		perror("gatherd-demo: cannot listen");
		evhttp_free(http);
		return NULL;
	}
	printf("http://127.0.0.1:%u\n", port_of(bound));
	fflush(stdout);
	return http;
}

/* Returns false where the usage is wrong. */
static bool
read_options(int argc, char **argv, int64_t *port, bool *until_eof)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "until-eof", no_argument, NULL, 'e' },
		{ NULL, 0, NULL, 0 },
	};
	int code;

	for (;;) {
		code = getopt_long(argc, argv, "p:e", options, NULL);
		if (code == -1)
			return optind == argc;
		if (code == 'e')
			*until_eof = true;
		else if (code != 'p' || !units_parse_int(optarg, 0, 65535, port))
			return false;
	}
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct event *input = NULL;
	struct evhttp *http;
	unsigned reviews_asked = 0;
	bool until_eof = false;
	int64_t port = 0;

	if (!read_options(argc, argv, &port, &until_eof)) {
		fprintf(stderr, "Usage: gatherd-demo [--port PORT] [--until-eof]\n");
		return 2;
	}
	http = base == NULL ? NULL : serve(base, (unsigned short)port, &reviews_asked);
	if (http == NULL)
		return 1;
	if (until_eof)
		input = watch_input(base);
	event_base_dispatch(base);
	if (input != NULL)
		event_free(input);
	evhttp_free(http);
	event_base_free(base);
	return 0;
}
