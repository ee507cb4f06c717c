/*
 * Values of an answer as plain text and numbers, for rules and extracts, and for the words
 * of their messages.
 */
#ifndef GATHERD_RULES_PLAIN_H
#define GATHERD_RULES_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"

struct buffer;

/* A text without JSON's escapes, copied only where there are some. */
struct plain {
	const char *text; /* no NUL needs to follow */
	size_t len;
	char *copy; /* owned; NULL: `text` is borrowed */
};

/* The text of a string, or how another scalar is spelled. Returns false where VALUE is no
 * scalar. */
MUST_CHECK bool plain_init(struct plain *plain, struct span value);
void plain_clear(struct plain *plain);

/* How many characters of valid UTF-8. */
size_t plain_characters(const char *text, size_t len);

/* Does TEXT, less white space around it, spell a decimal number that a double can hold:
 * "42", "-1.50", "007", "1e3"? */
MUST_CHECK bool plain_number(const char *text, size_t len, double *number);

/* Append what a person needs of it, in one line of about 80 characters: "down" in quotes, 250,
 * true, null, an object, an array. */
void plain_describe_text(const char *text, size_t len, struct buffer *out);
void plain_describe_json(struct span value, struct buffer *out);

/* Append `a string`, `a number` and so on. */
void plain_describe_kind(struct span value, struct buffer *out);

#endif
