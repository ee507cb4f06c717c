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
	struct transfer *transfer;  /* the hop on its way */
	struct url url;             /* this hop's, once one was followed */
	unsigned hops;              /* followed */
	int64_t spent_us;           /* in those */
	struct response_hop *trail; /* those, where they are wanted */
	const char *method;         /* this hop's; NULL: the request's */
	bool has_lost_body;         /* for good */
	bool has_left_home;         /* likewise: its secrets stay there */
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
		.method = exchange->method,
		.with_body = !exchange->has_lost_body,
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
	for (unsigned i = 0; exchange->trail != NULL && i < exchange->hops; i++)
		free(exchange->trail[i].url);
	free(exchange->trail);
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
	    request->url.password != NULL || request->user != NULL ||
	    request->password != NULL || request->body_secret)
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

/* Does a redirect with STATUS take a METHOD with its body back to a plain GET (RFC
 * 9110, 15.4), or HEAD? */
static bool
becomes_get(long status, const char *method)
{
	if (status == 303)
		return true;
	/* Against the letter of the older standards, but what everybody does. */
	return (status == 301 || status == 302) && strcmp(method, "POST") == 0;
}

static const char *
current_method(const struct exchange *exchange)
{
	return exchange->method != NULL ? exchange->method
	                                : request_method(exchange->request);
}

/* Why TARGET is not to be asked next, with the body if WITH_BODY; or NULL. */
static const char *
why_not(const struct exchange *exchange, const struct url *target, bool with_body)
{
	const struct request *request = exchange->request;

	/* Even away from home: the servers hand on what stood in the URL. */
	if (current_url(exchange)->tls && !target->tls && holds_secrets(request))
		return "secrets are not sent without TLS";
	if (with_body && request->body != NULL && request->body_secret &&
	    !url_same_origin(target, &request->url))
		return "the body holds a secret, which is not sent to another origin";
	return NULL;
}

/* The hop that ended with RESPONSE, for the trail. */
static void
note_hop(struct exchange *exchange, const struct response *response)
{
	exchange->trail = xreallocarray(
	    exchange->trail, exchange->hops + 1, sizeof(*exchange->trail));
	exchange->trail[exchange->hops] = (struct response_hop){
		.url = xstrdup(current_url(exchange)->text),
		.http_status = response->http_status,
		.timing = response->timing,
	};
}

/* The next hop, after RESPONSE, is to TARGET, which is taken over. */
static void
move_to(struct exchange *exchange, const struct response *response,
    const struct url *target)
{
	if (exchange->request->keep_trail)
		note_hop(exchange, response);
	if (becomes_get(response->http_status, current_method(exchange))) {
		if (strcmp(current_method(exchange), "HEAD") != 0)
			exchange->method = "GET";
		exchange->has_lost_body = true;
	}
	if (!url_same_origin(target, &exchange->request->url))
		exchange->has_left_home = true;
	url_clear(&exchange->url);
	exchange->url = *target;
	exchange->spent_us += response->timing.total_us;
	exchange->hops++;
}

/* Go on to LOCATION, or make RESPONSE say why not. */
static bool
follow(struct exchange *exchange, struct response *response, const char *location)
{
	unsigned max_redirects = exchange->request->max_redirects;
	bool with_body = !exchange->has_lost_body &&
	    !becomes_get(response->http_status, current_method(exchange));
	struct url target;
	const char *why;

	if (exchange->hops >= max_redirects) {
		refuse_endless(response, max_redirects);
		return false;
	}
	if (!url_join(current_url(exchange), location, &target, &why)) {
		refuse(response, location, why);
		return false;
	}
	why = why_not(exchange, &target, with_body);
	if (why != NULL) {
		refuse(response, target.text, why);
		url_clear(&target);
		return false;
	}
	move_to(exchange, response, &target);
	start_hop(exchange);
	return true;
}

/* ---- An exchange ---- */

/* RESPONSE to the last hop is that of the exchange, which had a way behind it. */
static void
add_the_way(struct exchange *exchange, struct response *response)
{
	if (exchange->hops == 0)
		return;
	response->hops = exchange->hops;
	response->whole_us = exchange->spent_us + response->timing.total_us;
	response->final_url = xstrdup(exchange->url.text);
	response->trail = exchange->trail;
	exchange->trail = NULL;
	/* Somebody answered, whoever that was. */
	response->sent = true;
}

/* Is RESPONSE a redirect to be followed? Its body is of no use, however large it is. */
static bool
leads_on(const struct exchange *exchange, const struct response *response,
    const char *location)
{
	return location != NULL && is_redirect(response->http_status) &&
	    exchange->request->max_redirects > 0 &&
	    (response->result == RESPONSE_COMPLETE ||
	        response->result == RESPONSE_TOO_LARGE);
}

static void
on_hop_done(struct response *response, const char *location, void *arg)
{
	struct exchange *exchange = arg;

	exchange->transfer = NULL;
	if (leads_on(exchange, response, location) &&
	    follow(exchange, response, location))
		return;
	add_the_way(exchange, response);
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

static int64_t
now_us(void *client)
{
	return transfers_now_us(client);
}

struct http_client
exchange_client(struct transfers *transfers)
{
	return (struct http_client){
		.start = start,
		.cancel = cancel,
		.now_us = now_us,
		.client = transfers,
	};
}
