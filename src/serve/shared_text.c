#include "serve/shared_text.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/buffer.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"

struct shared_text {
	unsigned references;
	size_t len;
	char *bytes; /* owned */
};

struct shared_text *
shared_text_new(struct buffer *buffer)
{
	struct shared_text *text = xmalloc(sizeof(*text));

	text->references = 1;
	text->len = buffer->len;
	/* It stays as long as it is shown: without the room that it grew in. */
	text->bytes = xreallocarray(buffer_take(buffer), text->len + 1, 1);
	return text;
}

void
shared_text_unref(struct shared_text *text)
{
	if (text == NULL || --text->references > 0)
		return;
	free(text->bytes);
	free(text);
}

size_t
shared_text_len(const struct shared_text *text)
{
	return text->len;
}

const char *
shared_text_bytes(const struct shared_text *text)
{
	return text->bytes;
}

static void
on_sent(UNUSED const void *data, UNUSED size_t len, void *arg)
{
	shared_text_unref(arg);
}

void
shared_text_put(struct shared_text *text, struct evbuffer *out)
{
	/* An evbuffer takes nothing of no length, and would never let go of it. */
	if (text->len == 0)
		return;
	if (evbuffer_add_reference(out, text->bytes, text->len, on_sent, text) == 0)
		text->references++;
}
