/*
 * An append-only JSON writer into a buffer: it puts the commas, escapes the strings and
 * repairs what is not UTF-8.
 *
 * The caller opens and closes in order; a missing end is an assertion, not a fault.
 */
#ifndef GATHERD_BASE_JSON_WRITE_H
#define GATHERD_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct json_write {
	struct buffer *out; /* borrowed */
	unsigned depth;
	bool comma;     /* a value stands before in this array or object */
	bool after_key; /* the next value belongs to a key */
};

/* Start writing one value behind what OUT holds. */
void json_write_init(struct json_write *json, struct buffer *out);

void json_write_begin_object(struct json_write *json);
void json_write_end_object(struct json_write *json);
void json_write_begin_array(struct json_write *json);
void json_write_end_array(struct json_write *json);
void json_write_key(struct json_write *json, const char *key);

/* TEXT may be NULL: then null. */
void json_write_string(struct json_write *json, const char *text);
void json_write_string_len(struct json_write *json, const char *text, size_t len);
void json_write_int(struct json_write *json, int64_t number);
void json_write_bool(struct json_write *json, bool value);
void json_write_null(struct json_write *json);

/* US microseconds as milliseconds with one decimal: 203.4. Negative: null. */
void json_write_us_as_ms(struct json_write *json, int64_t us);

/* MONEY, in millionths of a millionth, as a decimal number without needless zeros: 0.00125.
 * Negative: null. */
void json_write_money(struct json_write *json, int64_t money);

/* WALL_MS as RFC 3339, or null where it is negative. */
void json_write_time(struct json_write *json, int64_t wall_ms);

/* Valid JSON that is passed on as it is. */
void json_write_raw(struct json_write *json, const char *text, size_t len);

/* Append TEXT escaped for the inside of a JSON string, without the quotes. */
void json_write_append_escaped(struct buffer *out, const char *text, size_t len);

#endif
