/*
 * Transfers that take a route: a proxy, or a pinned address.
 */
#ifndef GATHERD_TESTS_UNIT_TRANSFER_ROUTES_STAGE_H
#define GATHERD_TESTS_UNIT_TRANSFER_ROUTES_STAGE_H

#include "http/route.h"
#include "transfers_stage.h"

/* The stage's request takes ROUTE, of which TEXT, "%u" in it being the server's port, is the
 * proxy. */
static inline void
take_proxy(struct stage *stage, struct route *route, const char *format)
{
	char text[128];
	const char *why;

	snprintf(text, sizeof(text), format, stage->server->port);
	route_init(route);
	assert_true(proxy_parse(text, &route->proxy, &why));
	stage->request.route = route;
}

static inline void
take_pin(
    struct stage *stage, struct route *route, const char *host, const char *address)
{
	route_init(route);
	route->pins = xcalloc(1, sizeof(*route->pins));
	route->pins[0].host = xstrdup(host);
	route->pins[0].address = xstrdup(address);
	route->pin_count = 1;
	stage->request.route = route;
}

/* With the server's port for "%u". */
static inline void
expect_message(const struct stage *stage, const struct seen *seen, const char *format)
{
	char message[256];

	snprintf(
	    message, sizeof(message), format, stage->server->port, stage->server->port);
	assert_string_equal(seen->response.message, message);
}

#endif
