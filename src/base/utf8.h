/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef GATHERD_BASE_UTF8_H
#define GATHERD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * The length (1 to 4) of the well-formed character at TEXT, or 0 where none is. LEN > 0
 * is what may be read; *CODE_POINT (may be NULL) is written on success.
 */
size_t utf8_decode(const char *text, size_t len, uint32_t *code_point);

/* Append CODE_POINT (a scalar value, <= U+10FFFF). */
void utf8_append(struct buffer *out, uint32_t code_point);

bool utf8_valid(const char *text, size_t len);

/* Append TEXT with U+FFFD for what is not UTF-8 (one for each maximal part, as the
 * Unicode standard and browsers do). */
void utf8_append_repaired(struct buffer *out, const char *text, size_t len);

/*
 * Append at most MAX_CHARACTERS of TEXT as one line for a person: repaired, runs of white
 * space and control characters as one blank, none at the ends.
 */
void utf8_append_cleaned(
    struct buffer *out, const char *text, size_t len, size_t max_characters);

/* How many columns of a terminal TEXT takes, by wcwidth(3)-like rules for East Asian wide
 * and combining characters; control characters take none. */
size_t utf8_columns(const char *text, size_t len);

#endif
