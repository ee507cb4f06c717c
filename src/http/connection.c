#include "http/connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "http/destination.h"
#include "http/route.h"
#include "http/transfers.h"
#include "http/trust.h"

/* Of no route: the settings are to be made again. */
#define UNKNOWN_ROUTE UINT64_MAX

struct text_setting {
	CURLoption option;
	const char *text; /* NULL: libcurl's default */
};

static bool
set_texts(CURL *easy, const struct text_setting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (curl_easy_setopt(easy, settings[i].option, settings[i].text) !=
		    CURLE_OK)
			return false;
	}
	return true;
}

/* ---- The parts of a route ---- */

static long
libcurls_proxy_kind(enum proxy_kind kind)
{
	switch (kind) {
	case PROXY_NONE:
	case PROXY_HTTP:
		return CURLPROXY_HTTP;
	case PROXY_HTTPS:
		return CURLPROXY_HTTPS;
	case PROXY_SOCKS5:
		return CURLPROXY_SOCKS5_HOSTNAME;
	}
	abort();
}

/* The versions of libcurl do not agree on whether CURLOPT_PROXYUSERNAME and
 * CURLOPT_PROXYPASSWORD are percent-encoded; CURLOPT_PROXYUSERPWD is, for all of them. */
static bool
set_proxy_user(CURL *easy, const struct proxy *proxy)
{
	char *user = curl_easy_escape(easy, proxy->user != NULL ? proxy->user : "", 0);
	char *password =
	    curl_easy_escape(easy, proxy->password != NULL ? proxy->password : "", 0);
	bool set = false;

	if (user != NULL && password != NULL) {
		char *both = xasprintf("%s:%s", user, password);

		set = curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, both) == CURLE_OK;
		free(both);
	}
	curl_free(user);
	curl_free(password);
	return set;
}

static bool
set_proxy(CURL *easy, const struct route *route)
{
	const struct proxy *proxy = &route->proxy;
	bool used = proxy->kind != PROXY_NONE && route->unix_socket == NULL;
	bool known = used && (proxy->user != NULL || proxy->password != NULL);
	char place[DESTINATION_PLACE_SIZE] = "";
	/* The environment's proxies are not picked up, nor its exceptions. */
	const struct text_setting settings[] = {
		{ CURLOPT_PROXY, place },
		{ CURLOPT_NOPROXY, used ? "" : "*" },
		{ CURLOPT_PROXYUSERNAME, NULL },
		{ CURLOPT_PROXYPASSWORD, NULL },
	};

	if (used)
		destination_write(place, proxy->host, proxy->port);
	curl_easy_setopt(easy, CURLOPT_PROXYTYPE, libcurls_proxy_kind(proxy->kind));
	return set_texts(easy, settings, ARRAY_COUNT(settings)) &&
	    (!known || set_proxy_user(easy, proxy));
}

/* The client's certificate is shown at home only, as passwords are. */
static bool
set_tls(CURL *easy, const struct route *route, bool with_identity)
{
	const char *cert = with_identity ? route->cert : NULL;
	const struct text_setting settings[] = {
		{ CURLOPT_SSLCERT, cert },
		{ CURLOPT_SSLKEY, cert != NULL ? route->key : NULL },
		/* Without one OpenSSL asks for it at the terminal. */
		{ CURLOPT_KEYPASSWD, "" },
	};

	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, route->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, route->verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION,
	    (long)(route->min_version == TLS_1_3 ? CURL_SSLVERSION_TLSv1_3
	                                         : CURL_SSLVERSION_TLSv1_2));
	return set_texts(easy, settings, ARRAY_COUNT(settings));
}

static long
libcurls_version(enum http_version version)
{
	switch (version) {
	case HTTP_1_1:
		return CURL_HTTP_VERSION_1_1;
	case HTTP_2:
		return CURL_HTTP_VERSION_2TLS;
	case HTTP_2_PRIOR_KNOWLEDGE:
		return CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
	}
	abort();
}

static long
libcurls_family(enum ip_family ip)
{
	switch (ip) {
	case IP_ANY:
		return CURL_IPRESOLVE_WHATEVER;
	case IP_V4:
		return CURL_IPRESOLVE_V4;
	case IP_V6:
		return CURL_IPRESOLVE_V6;
	}
	abort();
}

static bool
set_rest(CURL *easy, const struct route *route)
{
	const struct text_setting settings[] = {
		{ CURLOPT_UNIX_SOCKET_PATH, route->unix_socket },
		/* "": whatever libcurl can decode. */
		{ CURLOPT_ACCEPT_ENCODING, route->compressed ? "" : NULL },
	};

	curl_easy_setopt(
	    easy, CURLOPT_HTTP_VERSION, libcurls_version(route->http_version));
	/* A socket in the file system is of no family, and libcurl would not connect. */
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE,
	    libcurls_family(route->unix_socket != NULL ? IP_ANY : route->ip));
	return set_texts(easy, settings, ARRAY_COUNT(settings));
}

static bool
set_route(struct connection *connection, CURL *easy, const struct route *route,
    bool with_identity)
{
	if (connection->route_id == route->id &&
	    (connection->has_identity == with_identity || route->cert == NULL))
		return true;
	connection->route_id = UNKNOWN_ROUTE;
	connection->trusts = false;
	if (!set_proxy(easy, route) || !set_tls(easy, route, with_identity) ||
	    !set_rest(easy, route))
		return false;
	connection->route_id = route->id;
	connection->has_identity = with_identity;
	return true;
}

/* ---- Names ---- */

bool
connection_renames(const struct hop *hop)
{
	return hop->with_secrets && hop->url->tls &&
	    destination_route(hop)->server_name != NULL;
}

char *
connection_renamed_url(const struct hop *hop)
{
	const struct url *url = hop->url;
	const char *path;
	char place[DESTINATION_PLACE_SIZE];

	if (!connection_renames(hop))
		return NULL;
	path = strchr(strstr(url->text, "://") + 3, '/');
	destination_write(place, destination_route(hop)->server_name, url->port);
	return xasprintf("https://%s%s", place, path != NULL ? path : "/");
}

/* CURLOPT_CONNECT_TO, unlike CURLOPT_RESOLVE, takes part in the choice of a connection,
 * and is not shared by all transfers of a multi handle. */
static bool
set_target(struct connection *connection, CURL *easy, const struct hop *hop)
{
	const struct url *url = hop->url;
	const char *pin = route_find_pin(destination_route(hop), url->host, url->port);
	bool had_target = connection->connect_to != NULL;
	char place[DESTINATION_PLACE_SIZE];
	char *line;

	curl_slist_free_all(connection->connect_to);
	connection->connect_to = NULL;
	if (pin != NULL || connection_renames(hop)) {
		destination_write(place, pin != NULL ? pin : url->host, url->port);
		line = xasprintf("::%s", place);
		connection->connect_to = curl_slist_append(NULL, line);
		free(line);
		if (connection->connect_to == NULL)
			return false;
	}
	if (had_target || connection->connect_to != NULL)
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connection->connect_to);
	return true;
}

/* ---- All of it ---- */

void
connection_init(struct connection *connection, CURL *easy)
{
	*connection = (struct connection){ .route_id = UNKNOWN_ROUTE };
	curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* What a proxy says to CONNECT is no answer of the server. */
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void
connection_clear(struct connection *connection)
{
	curl_slist_free_all(connection->connect_to);
	*connection = (struct connection){ .route_id = UNKNOWN_ROUTE };
}

const char *
connection_authorities(const struct hop *hop)
{
	const struct route *route = destination_route(hop);

	return route->verify ? route->ca : NULL;
}

bool
connection_shows_certificate(const struct hop *hop)
{
	return hop->with_secrets && destination_route(hop)->cert != NULL;
}

bool
connection_secures_proxy(const struct hop *hop)
{
	const struct route *route = destination_route(hop);

	return route->proxy.kind == PROXY_HTTPS && route->unix_socket == NULL;
}

bool
connection_apply(struct connection *connection, CURL *easy, const struct hop *hop,
    struct trust *trust)
{
	if (!set_route(connection, easy, destination_route(hop), hop->with_secrets) ||
	    !set_target(connection, easy, hop))
		return false;
	if (connection->trusts || (!hop->url->tls && !connection_secures_proxy(hop)))
		return true;
	connection->trusts = trust_use(trust, easy, connection_authorities(hop));
	return connection->trusts;
}
