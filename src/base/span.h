/*
 * Parts of a JSON text, found without copying or changing any of it.
 *
 * A span is a value as it is spelled: numbers keep their digits, strings their escapes.
 * The text is valid JSON (json_scan) and has a NUL somewhere behind it; white space may
 * stand between its tokens.
 */
#ifndef GATHERD_BASE_SPAN_H
#define GATHERD_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum span_kind {
	SPAN_ABSENT, /* there is no such value */
	SPAN_NULL,
	SPAN_BOOL,
	SPAN_NUMBER,
	SPAN_STRING,
	SPAN_ARRAY,
	SPAN_OBJECT,
};

/* One value, without white space around it; borrowed. All zero: absent. */
struct span {
	const char *text;
	size_t len;
};

/* The value that TEXT is. */
struct span span_whole(const char *text, size_t len);

enum span_kind span_kind(struct span span);

/* Absent, or null: nothing is said. */
bool span_is_nothing(struct span span);

/* The JSON of SPAN as a text of its own, *LEN bytes; NULL where it is nothing. The caller's. */
char *span_copy(struct span span, size_t *len);

/* A string's text without its escapes, or NULL where SPAN is none; *LEN (may be NULL) is
 * its length, since it may hold a NUL. The caller's. */
char *span_text(struct span span, size_t *len);

/* Is it a string, and that one? */
bool span_is_text(struct span span, const char *text);

/* Returns false if SPAN is no number. */
MUST_CHECK bool span_number(struct span span, double *number);

/* The largest whole number that every reader of JSON takes exactly (RFC 8259, section 6). */
#define SPAN_MAX_WHOLE (UINT64_C(1) << 53)

/* A whole number from 0 to SPAN_MAX_WHOLE, spelled in digits alone. Returns false if SPAN
 * is none. */
MUST_CHECK bool span_whole_number(struct span span, uint64_t *number);

/* A number of milliseconds, as "203.4", in microseconds and exactly: what stands behind the
 * third decimal is cut off. -1 if SPAN is none, is negative or has an exponent. */
int64_t span_ms_as_us(struct span span);

/* A number of money in millionths of a millionth, likewise; -1 also where it is too large. */
int64_t span_money(struct span span);

/* A string that is an RFC 3339 time, in wall milliseconds; -1 where it is none. */
int64_t span_time_ms(struct span span);

/* The first token from AT on: a bracket, a comma, a colon or a scalar; of no length where
 * only white space is left before END. */
struct span span_token(const char *at, const char *end);

/* The way through an array or object, one item after the other. */
struct span_walk {
	const char *at;
	const char *end;
	bool in_object;
};

/* Start before the first item; what is neither array nor object has none. */
void span_walk_init(struct span_walk *walk, struct span container);

/* The next VALUE, in an object with its KEY, else absent. Returns false at the end. */
bool span_walk_next(struct span_walk *walk, struct span *key, struct span *value);

/* How many items an array or object has. */
size_t span_count(struct span container);

/* The values of the COUNT NAMES in OBJECT into VALUES, in one pass; absent where there is
 * none, the last one of doubled keys. */
void span_members(
    struct span object, const char *const *names, size_t count, struct span *values);

/* The value of one name. */
struct span span_member(struct span object, const char *name);

#endif
