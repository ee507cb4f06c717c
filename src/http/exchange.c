#include "http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/secrets.h"
#include "base/xalloc.h"
#include "http/transfers.h"

/* How much of a Location is shown: whose words it is made of, not what all it says. */
#define MAX_SHOWN_BYTES 100

struct exchange {
	struct transfers *transfers;   /* borrowed */
	const struct request *request; /* borrowed */
	int64_t deadline_us;
	exchange_done_fn *done;
	void *done_arg;
	struct transfer *transfer; /* the hop on its way */
	struct url url;            /* this hop's, once one was followed */
	unsigned hops;             /* followed */
	bool has_left_home;        /* for good: its secrets stay there */
};

static const struct url *
current_url(const struct exchange *exchange)
{
	return exchange->hops > 0 ? &exchange->url : &exchange->request->url;
}

static void on_hop_done(struct response *response, const char *location, void *arg);

static void
start_hop(struct exchange *exchange)
{
	const struct hop hop = {
		.request = exchange->request,
		.url = current_url(exchange),
		.with_secrets = !exchange->has_left_home,
		.deadline_us = exchange->deadline_us,
	};

	exchange->transfer =
	    transfer_start(exchange->transfers, &hop, on_hop_done, exchange);
}

static void
free_exchange(struct exchange *exchange)
{
	url_clear(&exchange->url);
	free(exchange);
}

/* ---- Redirects ---- */

/* The statuses that say where to ask instead (RFC 9110, 15.4). */
static bool
is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 ||
	    status == 308;
}

static bool
holds_secrets(const struct request *request)
{
	if (!secrets_empty(request->secrets) || request->url.user != NULL ||
	    request->url.password != NULL)
		return true;
	for (size_t i = 0; i < request->header_count; i++) {
		if (request->headers[i].secret)
			return true;
	}
	return false;
}

/*
 * Where LOCATION leads, for a person: the scheme, and the host behind it without
 * userinfo. Path and query may hold what is not for everybody. The caller's.
 */
static char *
shown_location(const char *location)
{
	size_t scheme = strcspn(location, ":/?#");
	const char *host;
	const char *at;
	size_t len = 0;
	char *shown;

	if (location[scheme] != ':')
		return xstrdup("elsewhere");
	host = location + scheme + 1;
	if (strncmp(host, "//", 2) == 0) {
		host += 2;
		len = strcspn(host, "/?#");
	}
	at = memrchr(host, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	shown = xasprintf("%.*s%s%.*s",
	    (int)(scheme < MAX_SHOWN_BYTES ? scheme : MAX_SHOWN_BYTES), location,
	    len > 0 ? "://" : ":", (int)(len < MAX_SHOWN_BYTES ? len : MAX_SHOWN_BYTES),
	    host);
	for (char *c = shown; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~')
			*c = '?';
	}
	return shown;
}

/* The redirect to LOCATION is not followed, for the reason WHY. */
static void
refuse(struct response *response, const char *location, const char *why)
{
	char *shown = shown_location(location);

	response->result = RESPONSE_REDIRECT;
	response->phase = PHASE_BODY;
	free(response->message);
	response->message = xasprintf("redirect to %s not followed: %s", shown, why);
	free(shown);
}

static void
refuse_endless(struct response *response, unsigned max_redirects)
{
	response->result = RESPONSE_REDIRECT;
	response->phase = PHASE_BODY;
	free(response->message);
	response->message = xasprintf(
	    "more than %u redirect%s", max_redirects, max_redirects == 1 ? "" : "s");
}

/* The next hop is to TARGET, which is taken over. */
static void
move_to(struct exchange *exchange, const struct url *target)
{
	if (!url_same_origin(target, &exchange->request->url))
		exchange->has_left_home = true;
	url_clear(&exchange->url);
	exchange->url = *target;
	exchange->hops++;
}

/* Go on to LOCATION, or make RESPONSE say why not. */
static bool
follow(struct exchange *exchange, struct response *response, const char *location)
{
	const struct request *request = exchange->request;
	const struct url *from = current_url(exchange);
	struct url target;
	const char *why;

	if (exchange->hops >= request->max_redirects) {
		refuse_endless(response, request->max_redirects);
		return false;
	}
	if (!url_join(from, location, &target, &why)) {
		refuse(response, location, why);
		return false;
	}
	/* Even away from home: the servers hand on what stood in the URL. */
	if (from->tls && !target.tls && holds_secrets(request)) {
		refuse(response, target.text, "secrets are not sent without TLS");
		url_clear(&target);
		return false;
	}
	move_to(exchange, &target);
	start_hop(exchange);
	return true;
}

/* ---- An exchange ---- */

static void
on_hop_done(struct response *response, const char *location, void *arg)
{
	struct exchange *exchange = arg;
	bool redirected = response->result == RESPONSE_COMPLETE && location != NULL &&
	    is_redirect(response->http_status) && exchange->request->max_redirects > 0;

	exchange->transfer = NULL;
	if (redirected && follow(exchange, response, location))
		return;
	response->hops = exchange->hops;
	exchange->done(response, exchange->done_arg);
	free_exchange(exchange);
}

static struct exchange *
start(void *client, const struct request *request, int64_t timeout_us,
    exchange_done_fn *done, void *done_arg)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));

	exchange->transfers = client;
	exchange->request = request;
	exchange->deadline_us = transfers_now_us(client) + timeout_us;
	exchange->done = done;
	exchange->done_arg = done_arg;
	start_hop(exchange);
	return exchange;
}

static void
cancel(UNUSED void *client, struct exchange *exchange)
{
	transfer_cancel(exchange->transfer);
	free_exchange(exchange);
}

struct http_client
exchange_client(struct transfers *transfers)
{
	return (struct http_client){
		.start = start,
		.cancel = cancel,
		.client = transfers,
	};
}
