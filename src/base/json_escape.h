/*
 * What the escapes in JSON strings mean (RFC 8259, section 7), and one that HTML makes needed.
 */
#ifndef GATHERD_BASE_JSON_ESCAPE_H
#define GATHERD_BASE_JSON_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

struct buffer;

/* The letters of the short escapes, and what each stands for. */
extern const char json_escape_letters[];
extern const char json_escape_meanings[];

/* The length of the escape at TEXT, before END, and what it stands for, half a surrogate
 * pair included; 0 where none is. */
size_t json_read_escape(const char *text, const char *end, uint32_t *code_point);

/* Append what TEXT, the inside of a string, means. What is no escape stays as it is, half
 * a surrogate pair is U+FFFD. */
void json_append_unescaped(struct buffer *out, const char *text, size_t len);

/* In what OUT holds from START on, JSON, each `<` becomes an escape: it stands in strings only.
 * So no text in it can end a <script> that it is put into. */
void json_escape_markup(struct buffer *out, size_t start);

#endif
