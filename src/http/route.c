#include "http/route.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "http/url.h"

/* What a SOCKS5 proxy can be told (RFC 1929, 2). */
#define MAX_SOCKS_BYTES 255u

/* curl(1)'s port of a proxy that says none. */
#define DEFAULT_PORT       1080u
#define DEFAULT_HTTPS_PORT 443u

void
route_init(struct route *route)
{
	/* A config is read in a thread of its own while another one is in use. */
	static atomic_uint_least64_t last_id;

	*route = (struct route){
		.id = atomic_fetch_add(&last_id, 1) + 1,
		.min_version = TLS_1_2,
		.verify = true,
	};
}

void
proxy_clear(struct proxy *proxy)
{
	free(proxy->text);
	free(proxy->host);
	free(proxy->user);
	free(proxy->password);
	*proxy = (struct proxy){ 0 };
}

void
route_clear(struct route *route)
{
	free(route->ca);
	free(route->cert);
	free(route->key);
	free(route->server_name);
	free(route->unix_socket);
	proxy_clear(&route->proxy);
	for (size_t i = 0; i < route->pin_count; i++) {
		free(route->pins[i].host);
		free(route->pins[i].address);
	}
	free(route->pins);
	*route = (struct route){ 0 };
}

/* ---- The text of a proxy ---- */

static const struct scheme {
	const char *name; /* with what follows it */
	const char *shown;
	enum proxy_kind kind;
	unsigned port;
} schemes[] = {
	{ "http://", "http", PROXY_HTTP, DEFAULT_PORT },
	{ "https://", "https", PROXY_HTTPS, DEFAULT_HTTPS_PORT },
	{ "socks5://", "socks5", PROXY_SOCKS5, DEFAULT_PORT },
	{ "socks5h://", "socks5h", PROXY_SOCKS5, DEFAULT_PORT },
};

static const struct scheme *
find_scheme(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
		if (strncasecmp(text, schemes[i].name, strlen(schemes[i].name)) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* Is there a port in AUTHORITY, which is followed by a path at most? */
static bool
names_port(const char *authority)
{
	size_t len = strcspn(authority, "/?#");
	const char *at = memrchr(authority, '@', len);
	const char *host = at != NULL ? at + 1 : authority;
	const char *end = authority + len;
	const char *bracket = memchr(host, ']', (size_t)(end - host));
	const char *from = bracket != NULL ? bracket : host;
	const char *colon = memchr(from, ':', (size_t)(end - from));

	return colon != NULL && colon + 1 < end;
}

/* What of URL cannot be said to a proxy of KIND; NULL: nothing. */
static const char *
find_fault(const struct url *url, enum proxy_kind kind)
{
	const char *path = strchr(strstr(url->text, "://") + 3, '/');

	if (path == NULL || strcmp(path, "/") != 0)
		return "a path or query behind the host";
	if (kind != PROXY_SOCKS5)
		return NULL;
	if ((url->user != NULL && strlen(url->user) > MAX_SOCKS_BYTES) ||
	    (url->password != NULL && strlen(url->password) > MAX_SOCKS_BYTES))
		return "a user or password of more than 255 bytes";
	return NULL;
}

/* Take what URL, of the same authority, knows. */
static void
fill_proxy(struct proxy *proxy, const struct scheme *scheme, struct url *url)
{
	bool bracketed = strchr(url->host, ':') != NULL;

	*proxy = (struct proxy){
		.kind = scheme->kind,
		.text = xasprintf(bracketed ? "%s://[%s]:%u" : "%s://%s:%u",
		    scheme->shown, url->host, url->port),
		.host = url->host,
		.port = url->port,
		.host_is_address = url->host_is_address,
		.user = url->user,
		.password = url->password,
	};
	url->host = NULL;
	url->user = NULL;
	url->password = NULL;
}

bool
proxy_parse(const char *text, struct proxy *proxy, const char **why)
{
	const struct scheme *scheme = find_scheme(text);
	const char *authority, *fault;
	struct url url;
	char *as_http;
	bool parsed;

	if (scheme == NULL) {
		*why = "no http://, https://, socks5:// or socks5h://";
		return false;
	}
	/* The authority reads as that of any URL. */
	authority = text + strlen(scheme->name);
	as_http = xasprintf("http://%s", authority);
	parsed = url_parse(as_http, &url, why);
	free(as_http);
	if (!parsed)
		return false;

	fault = find_fault(&url, scheme->kind);
	if (fault == NULL) {
		if (!names_port(authority))
			url.port = scheme->port;
		fill_proxy(proxy, scheme, &url);
	} else {
		*why = fault;
	}
	url_clear(&url);
	return fault == NULL;
}

/* ---- Pins ---- */

const char *
route_find_pin(const struct route *route, const char *host, unsigned port)
{
	const char *of_any_port = NULL;

	if (route == NULL)
		return NULL;
	for (size_t i = 0; i < route->pin_count; i++) {
		const struct route_pin *pin = &route->pins[i];

		if (strcmp(pin->host, host) != 0)
			continue;
		if (pin->port == port)
			return pin->address;
		if (pin->port == 0 && of_any_port == NULL)
			of_any_port = pin->address;
	}
	return of_any_port;
}

/* ---- Equality ---- */

static bool
text_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool
proxy_equal(const struct proxy *a, const struct proxy *b)
{
	return a->kind == b->kind && text_equal(a->text, b->text) &&
	    text_equal(a->user, b->user) && text_equal(a->password, b->password);
}

static bool
pins_equal(const struct route *a, const struct route *b)
{
	if (a->pin_count != b->pin_count)
		return false;
	for (size_t i = 0; i < a->pin_count; i++) {
		if (strcmp(a->pins[i].host, b->pins[i].host) != 0 ||
		    a->pins[i].port != b->pins[i].port ||
		    strcmp(a->pins[i].address, b->pins[i].address) != 0)
			return false;
	}
	return true;
}

bool
route_equal(const struct route *a, const struct route *b)
{
	return text_equal(a->ca, b->ca) && text_equal(a->cert, b->cert) &&
	    text_equal(a->key, b->key) && text_equal(a->server_name, b->server_name) &&
	    a->min_version == b->min_version && a->verify == b->verify &&
	    proxy_equal(&a->proxy, &b->proxy) && a->ip == b->ip &&
	    text_equal(a->unix_socket, b->unix_socket) && pins_equal(a, b) &&
	    a->http_version == b->http_version && a->compressed == b->compressed;
}
