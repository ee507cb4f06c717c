#include "config/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "http/route.h"
#include "http/url.h"

/* A way whose route is being filled. */
struct fill {
	struct way *way;
	struct faults *faults;
};

static bool
is_said(const struct text *text)
{
	return text->value.text.len > 0;
}

/* ---- names and addresses ---- */

/* NAME, with a port or without, as URL. */
static bool
parse_authority(const char *name, struct url *url)
{
	const char *why;
	char *text;
	bool parsed;

	if (strpbrk(name, "/?#@\\[]%") != NULL)
		return false;
	text = xasprintf("http://%s/", name);
	parsed = url_parse(text, url, &why);
	free(text);
	return parsed;
}

char *
routes_pin_host(const char *name, unsigned *port)
{
	const char *colon = strchr(name, ':');
	char *host = NULL;
	struct url url;

	/* libcurl passes over a colon with nothing behind it. */
	if ((colon != NULL && colon[1] == '\0') || !parse_authority(name, &url))
		return NULL;
	/* An address needs no lookup that could be pinned. */
	if (!url.host_is_address) {
		host = xstrdup(url.host);
		if (port != NULL)
			*port = colon != NULL ? url.port : 0;
	}
	url_clear(&url);
	return host;
}

char *
routes_pin_address(const char *text)
{
	size_t len = strlen(text);
	bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char *address = bracketed ? xmemdup0(text + 1, len - 2) : xstrdup(text);
	struct in6_addr parsed;

	if (inet_pton(AF_INET6, address, &parsed) == 1 ||
	    (!bracketed && inet_pton(AF_INET, address, &parsed) == 1))
		return address;
	free(address);
	return NULL;
}

/* ---- files ---- */

/* Why PATH is not to be read, a borrowed phrase; NULL: it can be. What is no file could keep
 * its reader waiting. */
static const char *
why_unreadable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	const char *why = NULL;

	if (fd == -1)
		return strerror(errno);
	if (fstat(fd, &status) == -1)
		why = strerror(errno);
	else if (!S_ISREG(status.st_mode))
		why = "it is no regular file";
	close(fd);
	return why;
}

/* *PATH becomes TEXT's, if that is said: the file of the key NAME. */
static void
fill_file(struct fill *fill, const char *name, const struct text *text, char **path)
{
	char *shown;
	const char *why;

	if (!is_said(text))
		return;
	*path = xstrdup(text->value.text.data);
	why = why_unreadable(*path);
	if (why == NULL)
		return;
	shown = marked_shown(&text->value);
	faults_error(
	    fill->faults, text->place, "%s: %s cannot be read: %s", name, shown, why);
	free(shown);
}

/* ---- TLS ---- */

static void
fill_server_name(struct fill *fill)
{
	const struct text *text = &fill->way->tls.server_name;
	struct url url;

	if (!is_said(text))
		return;
	if (strchr(text->value.text.data, ':') != NULL ||
	    !parse_authority(text->value.text.data, &url)) {
		faults_error(fill->faults, text->place,
		    "server_name: expected the name of a host");
		return;
	}
	fill->way->route.server_name = xstrdup(url.host);
	url_clear(&url);
}

static void
fill_tls(struct fill *fill)
{
	struct way *way = fill->way;
	struct route *route = &way->route;

	fill_file(fill, "ca", &way->tls.ca, &route->ca);
	fill_file(fill, "cert", &way->tls.cert, &route->cert);
	fill_file(fill, "key", &way->tls.key, &route->key);
	if (route->key != NULL && route->cert == NULL)
		faults_error(fill->faults, way->tls.key.place,
		    "key: expected a cert that it belongs to");
	fill_server_name(fill);
	route->min_version = way->tls.min_version;
	route->verify = way->tls.verify;
}

/* ---- where to ---- */

static void
fill_proxy(struct fill *fill)
{
	const struct text *text = &fill->way->proxy;
	const char *value = text->value.text.data;
	const char *why = "a NUL in it";

	if (!is_said(text))
		return;
	if (strlen(value) < text->value.text.len ||
	    !proxy_parse(value, &fill->way->route.proxy, &why))
		faults_error(fill->faults, text->place,
		    "proxy is no URL such as http://proxy.example.com:3128: %s", why);
}

static void
fill_unix_socket(struct fill *fill)
{
	const struct text *text = &fill->way->unix_socket;
	size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (!is_said(text))
		return;
	if (text->value.text.len > most)
		faults_error(fill->faults, text->place,
		    "unix_socket: a path of more than %zu bytes", most);
	if (is_said(&fill->way->proxy))
		faults_error(fill->faults, text->place,
		    "unix_socket beside proxy: expected only one");
	fill->way->route.unix_socket = xstrdup(text->value.text.data);
}

/* What is faulty was told when it was read, and is not there. */
static void
fill_pins(struct fill *fill)
{
	const struct config_pairs *pairs = &fill->way->resolve;
	struct route *route = &fill->way->route;

	route->pins = xcalloc(pairs->count, sizeof(*route->pins));
	for (size_t i = 0; i < pairs->count; i++) {
		const struct config_pair *pair = &pairs->items[i];
		struct route_pin *pin = &route->pins[route->pin_count++];

		pin->host = routes_pin_host(pair->name, &pin->port);
		pin->address = routes_pin_address(pair->text.value.text.data);
	}
}

void
routes_fill(struct way *way, struct faults *faults)
{
	struct fill fill = { .way = way, .faults = faults };
	struct route *route = &way->route;

	route_clear(route);
	route_init(route);
	fill_tls(&fill);
	fill_proxy(&fill);
	fill_unix_socket(&fill);
	fill_pins(&fill);
	route->ip = way->ip;
	route->http_version = way->http_version;
	route->compressed = way->compressed;
}

/* ---- secrets ---- */

/* Is any of TEXT from START on secret? */
static bool
has_secret_from(const struct marked *text, size_t start)
{
	size_t end = 0;

	for (size_t i = 0; i < text->part_count; i++) {
		const char *part;
		size_t len;
		enum mark mark;

		marked_part(text, i, &part, &len, &mark);
		end += len;
		if (mark == MARK_SECRET && end > start)
			return true;
	}
	return false;
}

static void
add_proxy_secrets(
    const struct proxy *proxy, const struct marked *text, struct secrets *secrets)
{
	const char *user = proxy->user != NULL ? proxy->user : "";
	const char *password = proxy->password != NULL ? proxy->password : "";
	const char *at = memrchr(text->text.data, '@', text->text.len);

	if (proxy->user != NULL || proxy->password != NULL)
		secrets_add_basic(secrets, user, password);
	secrets_add(secrets, user, strlen(user));
	if (proxy->host != NULL &&
	    has_secret_from(text, at != NULL ? (size_t)(at - text->text.data) : 0))
		secrets_add(secrets, proxy->host, strlen(proxy->host));
}

void
routes_add_secrets(const struct way *way, struct secrets *secrets)
{
	const struct route *route = &way->route;
	const char *name = route->server_name;

	add_proxy_secrets(&route->proxy, &way->proxy.value, secrets);
	secrets_add_marked(secrets, &way->unix_socket.value);
	if (name != NULL && marked_has_secret(&way->tls.server_name.value))
		secrets_add(secrets, name, strlen(name));
	for (size_t i = 0; i < way->resolve.count; i++)
		secrets_add_marked(secrets, &way->resolve.items[i].text.value);
}
