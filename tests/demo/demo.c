/*
 * The upstream of the demo and of the examples in conf/: an imaginary shop on loopback,
 * and a language model.
 *
 * Says where it listens, one address a line: http, then https if it was asked for. Ends with
 * whoever started it when asked to by --until-eof: it then reads its standard input.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/http.h>

#include "answer.h"
#include "base/compiler.h"
#include "base/units.h"

#define MAX_HEADER_BYTES 8192
#define MAX_BODY_BYTES   ((ssize_t)256 * 1024)

struct options {
	int64_t port;
	const char *certificates; /* a folder; NULL: no https */
	bool until_eof;
};

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

/* Listen on PORT (0: a free one) of 127.0.0.1, with a certificate if there is a folder for it. */
static struct evhttp *
serve(struct event_base *base, unsigned short port, const char *certificates)
{
	struct evhttp *http = evhttp_new(base);
	struct evhttp_bound_socket *bound;

	if (http == NULL)
		return NULL;
	evhttp_set_max_headers_size(http, MAX_HEADER_BYTES);
	evhttp_set_max_body_size(http, MAX_BODY_BYTES);
	shop_serve(http);
	accounts_serve(http);
	models_serve(http);
	if (certificates != NULL && !tls_serve(http, certificates)) {
		evhttp_free(http);
		return NULL;
	}
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", port);
	if (bound == NULL) {
		perror("gatherd-demo: cannot listen");
		evhttp_free(http);
		return NULL;
	}
	printf(
	    "http%s://127.0.0.1:%u\n", certificates != NULL ? "s" : "", port_of(bound));
	fflush(stdout);
	return http;
}

/* Returns false where the usage is wrong. */
static bool
read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "certificates", required_argument, NULL, 'c' },
		{ "until-eof", no_argument, NULL, 'e' },
		{ NULL, 0, NULL, 0 },
	};
	int code;

	while ((code = getopt_long(argc, argv, "p:c:e", known, NULL)) != -1) {
		if (code == 'e')
			options->until_eof = true;
		else if (code == 'c')
			options->certificates = optarg;
		else if (code != 'p' ||
		    !units_parse_int(optarg, 0, 65535, &options->port))
			return false;
	}
	return optind == argc;
}

static void
run(struct event_base *base, bool until_eof)
{
	struct event *input = until_eof ? watch_input(base) : NULL;

	event_base_dispatch(base);
	if (input != NULL)
		event_free(input);
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	struct event_base *base;
	struct evhttp *http = NULL;
	struct evhttp *https = NULL;
	bool serves = false;

	if (!read_options(argc, argv, &options)) {
		fprintf(stderr,
		    "Usage: gatherd-demo [--port PORT] [--certificates FOLDER] "
		    "[--until-eof]\n");
		return 2;
	}
	base = event_base_new();
	if (base != NULL) {
		http = serve(base, (unsigned short)options.port, NULL);
		if (http != NULL && options.certificates != NULL)
			https = serve(base, 0, options.certificates);
		serves =
		    http != NULL && (options.certificates == NULL || https != NULL);
	}
	if (serves)
		run(base, options.until_eof);
	if (https != NULL)
		evhttp_free(https);
	if (http != NULL)
		evhttp_free(http);
	if (base != NULL)
		event_base_free(base);
	return serves ? 0 : 1;
}
