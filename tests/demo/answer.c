#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "base/buffer.h"

void
answer(struct evhttp_request *request, int status, const char *type, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL)
		abort();
	evhttp_add_header(
	    evhttp_request_get_output_headers(request), "Content-Type", type);
	evbuffer_add(body, text, strlen(text));
	evhttp_send_reply(request, status, NULL, body);
	evbuffer_free(body);
}

void
answer_json(struct evhttp_request *request, int status, const char *json)
{
	answer(request, status, "application/json", json);
}

const char *
asked_header(struct evhttp_request *request, const char *name)
{
	const char *value =
	    evhttp_find_header(evhttp_request_get_input_headers(request), name);

	return value != NULL ? value : "";
}

void
asked_body(struct evhttp_request *request, struct buffer *body)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	size_t len = evbuffer_get_length(input);

	buffer_init(body, BUFFER_UNLIMITED);
	buffer_append(body, (const char *)evbuffer_pullup(input, -1), len);
}
