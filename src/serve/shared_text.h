/*
 * A text that several answers send without having a copy each. Private to serve.
 *
 * One reference is that of whoever made it; each evbuffer(3) that it stands in has one, until
 * the bytes have gone out. It belongs to one thread, as the evbuffers do.
 */
#ifndef GATHERD_SERVE_SHARED_TEXT_H
#define GATHERD_SERVE_SHARED_TEXT_H

#include <stddef.h>

struct buffer;
struct evbuffer;
struct shared_text;

/* Of what BUFFER holds, which is empty then. */
struct shared_text *shared_text_new(struct buffer *buffer);
/* NULL is allowed. */
void shared_text_unref(struct shared_text *text);

size_t shared_text_len(const struct shared_text *text);
const char *shared_text_bytes(const struct shared_text *text);

/* Put it at the end of OUT. */
void shared_text_put(struct shared_text *text, struct evbuffer *out);

#endif
