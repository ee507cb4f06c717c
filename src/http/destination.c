#include "http/destination.h"

#include <stdio.h>
#include <string.h>

#include "http/transfers.h"

const struct route *
destination_route(const struct hop *hop)
{
	static const struct route usual = { .verify = true };

	return hop->request->route != NULL ? hop->request->route : &usual;
}

static enum http_version
version_of(const struct hop *hop, const struct route *route)
{
	/* Version 2 is agreed on within TLS. */
	return route->http_version == HTTP_2 && !hop->url->tls ? HTTP_1_1
	                                                       : route->http_version;
}

struct destination
destination_of(const struct hop *hop)
{
	const struct route *route = destination_route(hop);
	const struct url *url = hop->url;
	const char *pin = route_find_pin(route, url->host, url->port);
	struct destination destination = {
		.name = url->host,
		.port = url->port,
		.is_known = url->host_is_address,
		.ip = route->ip,
		.version = version_of(hop, route),
	};

	if (route->unix_socket != NULL) {
		destination.name = route->unix_socket;
		destination.port = 0;
		destination.is_known = true;
		destination.ip = IP_ANY;
	} else if (route->proxy.kind != PROXY_NONE) {
		destination.name = route->proxy.host;
		destination.port = route->proxy.port;
		destination.is_known = route->proxy.host_is_address;
		destination.is_proxy = true;
	} else if (pin != NULL) {
		destination.name = pin;
		destination.is_known = true;
	}
	return destination;
}

/* In a list of addresses those of IPv6 stand in brackets. */
static bool
holds_v4(const char *addresses)
{
	for (const char *at = addresses; at != NULL; at = strchr(at, ',')) {
		if (*at == ',')
			at++;
		if (*at != '[')
			return true;
	}
	return false;
}

bool
destination_suits(const struct destination *destination, const char *addresses)
{
	const char *name = destination->name;

	switch (destination->ip) {
	case IP_ANY:
		return true;
	case IP_V4:
		return addresses != NULL ? holds_v4(addresses)
		                         : strchr(name, ':') == NULL;
	case IP_V6:
		return addresses != NULL ? strchr(addresses, '[') != NULL
		                         : strchr(name, ':') != NULL;
	}
	return false;
}

void
destination_write(
    char place[static DESTINATION_PLACE_SIZE], const char *name, unsigned port)
{
	bool bracketed = strchr(name, ':') != NULL;

	if (port == 0)
		snprintf(place, DESTINATION_PLACE_SIZE, "%s", name);
	else
		snprintf(place, DESTINATION_PLACE_SIZE, bracketed ? "[%s]:%u" : "%s:%u",
		    name, port);
}
