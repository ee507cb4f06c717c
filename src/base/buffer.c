#include "base/buffer.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* The first allocation: most buffers that are used at all hold a line or two. */
#define FIRST_CAPACITY ((size_t)128)

/* What every buffer without memory of its own points at; never written to. */
static char empty[1];

void
buffer_init(struct buffer *buffer, size_t max_bytes)
{
	*buffer = (struct buffer){
		.data = empty,
		.max = max_bytes < BUFFER_UNLIMITED ? max_bytes : BUFFER_UNLIMITED,
	};
}

void
buffer_clear(struct buffer *buffer)
{
	if (buffer->capacity > 0)
		free(buffer->data);
	buffer_init(buffer, buffer->max);
}

void
buffer_reset(struct buffer *buffer)
{
	buffer_truncate(buffer, 0);
	buffer->full = false;
}

/* Make the memory hold NEEDED bytes and the NUL. It at least doubles, so that a long
 * chain of small appends copies each byte about twice in all, and a large one gets what
 * it needs and no more. */
static void
grow(struct buffer *buffer, size_t needed)
{
	size_t room = buffer->capacity > 0 ? buffer->capacity * 2 : FIRST_CAPACITY;

	/* `max` is at most half of what size_t holds, and so is `capacity`. */
	if (room < needed + 1)
		room = needed + 1;
	if (room > buffer->max + 1)
		room = buffer->max + 1;
	buffer->data =
	    xreallocarray(buffer->capacity > 0 ? buffer->data : NULL, room, 1);
	buffer->data[buffer->len] = '\0';
	buffer->capacity = room;
}

static bool
fits(struct buffer *buffer, size_t len)
{
	if (len <= buffer->max - buffer->len)
		return true;
	buffer->full = true;
	return false;
}

char *
buffer_reserve(struct buffer *buffer, size_t len)
{
	if (!fits(buffer, len))
		return NULL;
	if (buffer->len + len + 1 > buffer->capacity)
		grow(buffer, buffer->len + len);
	return buffer->data + buffer->len;
}

void
buffer_grown(struct buffer *buffer, size_t len)
{
	if (len == 0)
		return;
	assert(buffer->len + len < buffer->capacity);
	buffer->len += len;
	buffer->data[buffer->len] = '\0';
}

bool
buffer_append(struct buffer *buffer, const char *data, size_t len)
{
	char *place;

	if (len == 0)
		return true;
	place = buffer_reserve(buffer, len);
	if (place == NULL)
		return false;
	memcpy(place, data, len);
	buffer_grown(buffer, len);
	return true;
}

bool
buffer_append_string(struct buffer *buffer, const char *text)
{
	return buffer_append(buffer, text, strlen(text));
}

bool
buffer_append_char(struct buffer *buffer, char c)
{
	char *place = buffer_reserve(buffer, 1);

	if (place == NULL)
		return false;
	*place = c;
	buffer_grown(buffer, 1);
	return true;
}

bool
buffer_append_vformat(struct buffer *buffer, const char *format, va_list args)
{
	size_t room = buffer->capacity - buffer->len;
	va_list again;
	bool appended;
	int result;
	size_t len;

	/* Written right away where there is memory, which is mostly; else measured. */
	va_copy(again, args);
	result = vsnprintf(buffer->data + buffer->len, room, format, args);
	assert(result >= 0);
	len = (size_t)result;

	appended = fits(buffer, len);
	if (appended && len >= room) {
		grow(buffer, buffer->len + len);
		vsnprintf(buffer->data + buffer->len, len + 1, format, again);
	}
	va_end(again);
	if (appended)
		buffer_grown(buffer, len);
	else
		buffer_truncate(buffer, buffer->len); /* takes back what was written */
	return appended;
}

bool
buffer_append_format(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	bool appended;

	va_start(args, format);
	appended = buffer_append_vformat(buffer, format, args);
	va_end(args);
	return appended;
}

void
buffer_truncate(struct buffer *buffer, size_t len)
{
	assert(len <= buffer->len);
	buffer->len = len;
	if (buffer->capacity > 0)
		buffer->data[len] = '\0';
}

char *
buffer_take(struct buffer *buffer)
{
	char *data = buffer->capacity > 0 ? buffer->data : xmemdup0("", 0);

	buffer_init(buffer, buffer->max);
	return data;
}
