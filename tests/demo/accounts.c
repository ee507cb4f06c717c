/*
 * Who logs in, and what they may then see: with a password at /login, whose token /account
 * wants; by OAuth 2 (RFC 6749, 4.4) at /oauth/token, whose token /stock wants.
 */
#include "answer.h"

#include <string.h>

#include <event2/http.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/span.h"

#define LOGIN_TOKEN "demo-login-4b1d7c"
#define STOCK_TOKEN "demo-stock-90fe21"

/* gatherd-demo:not-a-secret */
#define CLIENT_BASIC "Basic Z2F0aGVyZC1kZW1vOm5vdC1hLXNlY3JldA=="

static void
on_login(struct evhttp_request *request, UNUSED void *arg)
{
	static const char *const names[] = { "user", "password" };
	struct span said[2];
	struct buffer body;

	asked_body(request, &body);
	/* Good enough for what gatherd sends, which is valid JSON. */
	span_members(span_whole(body.data, body.len), names, 2, said);
	if (span_is_text(said[0], "ada") && span_is_text(said[1], "lovelace"))
		answer_json(request, HTTP_OK,
		    "{\"token\": \"" LOGIN_TOKEN "\", \"user\": {\"id\": 42}}\n");
	else
		answer_json(request, 401, "{\"message\": \"wrong password\"}\n");
	buffer_clear(&body);
}

static void
on_account(struct evhttp_request *request, UNUSED void *arg)
{
	if (strcmp(asked_header(request, "Authorization"), "Bearer " LOGIN_TOKEN) == 0)
		answer_json(request, HTTP_OK,
		    "{\"id\": 42, \"balance\": 12.50, \"points\": 310}\n");
	else
		answer_json(request, 401, "{\"message\": \"log in first\"}\n");
}

static void
on_token(struct evhttp_request *request, UNUSED void *arg)
{
	struct buffer body;
	bool known = strcmp(asked_header(request, "Authorization"), CLIENT_BASIC) == 0;

	asked_body(request, &body);
	if (known && strstr(body.data, "grant_type=client_credentials") != NULL)
		answer_json(request, HTTP_OK,
		    "{\"access_token\": \"" STOCK_TOKEN "\", "
		    "\"token_type\": \"Bearer\", \"expires_in\": 60}\n");
	else
		answer_json(request, 401, "{\"error\": \"invalid_client\"}\n");
	buffer_clear(&body);
}

static void
on_stock(struct evhttp_request *request, UNUSED void *arg)
{
	if (strcmp(asked_header(request, "Authorization"), "Bearer " STOCK_TOKEN) == 0)
		answer_json(request, HTTP_OK, "{\"items\": 1204, \"missing\": 3}\n");
	else
		answer_json(request, 401, "{\"message\": \"no valid token\"}\n");
}

void
accounts_serve(struct evhttp *http)
{
	evhttp_set_cb(http, "/login", on_login, NULL);
	evhttp_set_cb(http, "/account", on_account, NULL);
	evhttp_set_cb(http, "/oauth/token", on_token, NULL);
	evhttp_set_cb(http, "/stock", on_stock, NULL);
}
