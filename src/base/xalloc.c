#include "base/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static NORETURN void
out_of_memory(void)
{
	/* No log line: making one may need the memory that is not there. */
	fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
	abort();
}

void *
xmalloc(size_t size)
{
	/* malloc(0) may return NULL, which would look like a failure. */
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		out_of_memory();
	return memory;
}

void *
xcalloc(size_t count, size_t size)
{
	void *memory = count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1);

	if (memory == NULL)
		out_of_memory();
	return memory;
}

void *
xreallocarray(void *memory, size_t count, size_t size)
{
	/* To realloc to nothing would free MEMORY. */
	void *grown = count > 0 && size > 0 ? reallocarray(memory, count, size)
	                                    : realloc(memory, 1);

	if (grown == NULL)
		out_of_memory();
	return grown;
}

void *
xgrow(void *items, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return items;
	return xreallocarray(items, count > 0 ? 2 * count : 1, size);
}

char *
xstrdup(const char *text)
{
	return xmemdup0(text, strlen(text));
}

char *
xmemdup0(const char *text, size_t len)
{
	char *copy = xmalloc(len + 1);

	/* TEXT may be NULL where nothing is to be copied; memcpy() forbids that. */
	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *
xvasprintf(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	return text;
}

char *
xasprintf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	return text;
}
