/*
 * Allocation that cannot fail: the program ends with a message when memory is gone.
 *
 * For small things whose size we decide. What grows from outside input goes through
 * base/buffer, which has a maximum and fails softly.
 */
#ifndef GATHERD_BASE_XALLOC_H
#define GATHERD_BASE_XALLOC_H

#include <stdarg.h>
#include <stddef.h>

#include "base/compiler.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);

/* As reallocarray(3): the product is checked for overflow. */
void *xreallocarray(void *memory, size_t count, size_t size);

/* ITEMS, an array of COUNT elements of SIZE bytes that has grown by nothing else, with room
 * for one more. In powers of two: what is full is one itself, so nobody notes the room. */
void *xgrow(void *items, size_t count, size_t size);

char *xstrdup(const char *text);

/* A NUL-terminated copy of LEN bytes, NUL bytes among them included. */
char *xmemdup0(const char *text, size_t len);

char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2);
char *xvasprintf(const char *format, va_list args) PRINTF_LIKE(1, 0);

#endif
