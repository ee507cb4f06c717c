#include "http/request.h"

#include <stdlib.h>
#include <strings.h>

#include "base/secrets.h"
#include "base/xalloc.h"

const char *const response_phase_names[] = {
	[PHASE_DNS] = "dns",
	[PHASE_CONNECT] = "connect",
	[PHASE_TLS] = "tls",
	[PHASE_FIRST_BYTE] = "first_byte",
	[PHASE_BODY] = "body",
	NULL,
};

/* Whatever they hold, and wherever it came from: credentials. */
static const char *const credential_headers[] = {
	"Authorization",
	"Cookie",
	"Proxy-Authorization",
};

static bool
holds_credentials(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(credential_headers); i++) {
		if (strcasecmp(name, credential_headers[i]) == 0)
			return true;
	}
	return false;
}

void
request_init(struct request *request)
{
	*request = (struct request){ 0 };
}

void
request_clear(struct request *request)
{
	url_clear(&request->url);
	free(request->method);
	free(request->body);
	free(request->user);
	free(request->password);
	for (size_t i = 0; i < request->header_count; i++) {
		free(request->headers[i].name);
		free(request->headers[i].value);
	}
	free(request->headers);
	secrets_free(request->secrets);
	request_init(request);
}

const char *
request_method(const struct request *request)
{
	return request->method != NULL ? request->method : "GET";
}

void
request_add_header(
    struct request *request, const char *name, const char *value, bool secret)
{
	size_t count = request->header_count + 1;

	request->headers =
	    xreallocarray(request->headers, count, sizeof(*request->headers));
	request->headers[count - 1] = (struct request_header){
		.name = xstrdup(name),
		.value = xstrdup(value),
		.secret = secret || holds_credentials(name),
	};
	request->header_count = count;
}

void
response_clear(struct response *response)
{
	free(response->body);
	free(response->content_type);
	free(response->head);
	free(response->final_url);
	for (unsigned i = 0; response->trail != NULL && i < response->hops; i++)
		free(response->trail[i].url);
	free(response->trail);
	free(response->tls.subject);
	free(response->tls.issuer);
	free(response->message);
	*response = (struct response){ .retry_after_ms = -1, .tls.expires_at_ms = -1 };
}
