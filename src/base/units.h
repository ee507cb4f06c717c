/*
 * Durations, sizes, rates, file modes and numbers as they are written.
 */
#ifndef GATHERD_BASE_UNITS_H
#define GATHERD_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Money is counted in millionths of a millionth of whatever prices are in. */
#define MONEY_ONE INT64_C(1000000000000)

/*
 * "500ms", "5s", "1m30s", "2h", "1d", "1.5s"; a bare number is seconds. Units may follow
 * each other from large to small, each once; blanks, signs, exponents are not taken.
 * Returns false if TEXT is no duration or is longer than 100 years.
 */
MUST_CHECK bool units_parse_duration_ms(const char *text, int64_t *ms);

/* "64KiB", "1MiB", "500kB", "1GB"; a bare number is bytes. Returns false if TEXT is no
 * size or does not fit. */
MUST_CHECK bool units_parse_size(const char *text, size_t *bytes);

/* "10/s", "60/min", "1000/h", "5/d": how many, at least one, in how much time. Returns false
 * if TEXT is no such rate. */
MUST_CHECK bool units_parse_rate(const char *text, int64_t *count, int64_t *per_ms);

/* A file mode in octal: "0644", "644", "0o640"; up to 0777. */
MUST_CHECK bool units_parse_mode(const char *text, unsigned *mode);

/* A whole number in decimal, MIN..MAX, no blanks, no sign but "-", no leading zeros. */
MUST_CHECK bool units_parse_int(
    const char *text, int64_t min, int64_t max, int64_t *number);

/* "12", "0.75": TEXT times FACTOR. Returns false if TEXT is no decimal number, or the result no
 * whole one that fits. */
MUST_CHECK bool units_parse_decimal(const char *text, int64_t factor, int64_t *number);

/* Long enough for every text the functions below write. */
#define UNITS_TEXT_SIZE 40

/* Exactly, in the notation that the parsers read: "1m30s", "500ms", "0s". */
void units_format_duration(char text[static UNITS_TEXT_SIZE], int64_t ms);

/* Exactly, by the largest binary unit that divides it: "1MiB", "1500B" as "1500". */
void units_format_size(char text[static UNITS_TEXT_SIZE], size_t bytes);

/* As units_parse_rate() reads it; PER_MS is one that came from there. */
void units_format_rate(
    char text[static UNITS_TEXT_SIZE], int64_t count, int64_t per_ms);

/* As units_parse_decimal() reads it, a whole number without a point. NUMBER >= 0; FACTOR is a
 * power of ten. */
void units_format_decimal(
    char text[static UNITS_TEXT_SIZE], int64_t number, int64_t factor);

/* For a person, two units at most: "4s", "3m", "2h 5m", "12d 3h". */
void units_format_age(char text[static UNITS_TEXT_SIZE], int64_t ms);

/* The number that COUNT (up to seven) hexadecimal digits at TEXT, before END, stand for, or
 * -1 where these are not all there. */
int32_t units_read_hex(const char *text, const char *end, int count);

#endif
