/*
 * How times, amounts and foreign text are put for a person.
 */
#ifndef GATHERD_BASE_WORDS_H
#define GATHERD_BASE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* "2026-11-21 03:40:00 UTC" */
void words_append_time(struct buffer *out, int64_t wall_ms);

/* How long ago it was: "12s"; "0s" where it is still to come. */
void words_append_age(struct buffer *out, int64_t wall_ms, int64_t now_ms);

/* "12s ago", or "in 12s" where it is still to come. */
void words_append_ago(struct buffer *out, int64_t wall_ms, int64_t now_ms);

/* Both: "2026-11-21 03:40:00 UTC (12s ago)". */
void words_append_time_and_ago(struct buffer *out, int64_t wall_ms, int64_t now_ms);

/* Milliseconds as precise as they matter: "0.4 ms", "203 ms", "5001 ms", "12.3 s",
 * "2m". */
void words_append_ms(struct buffer *out, double ms);

/* "1 byte", "203 bytes", "1.5 KiB". */
void words_append_bytes(struct buffer *out, double bytes);

/* TEXT as one line without anything that a terminal would obey. */
void words_append_line(struct buffer *out, const char *text, size_t len);

/* The first LEN bytes of TEXT (one clean line) that take at most COLUMNS, combining
 * characters with what they stand on. */
size_t words_fit(const char *text, size_t len, size_t columns);

/* As much of TEXT (one clean line) as COLUMNS (> 0) hold, "…" in place of the rest.
 * Returns how many columns that took. */
size_t words_append_cut(
    struct buffer *out, const char *text, size_t len, size_t columns);

/*
 * TEXT (one clean line) behind INDENT columns that are taken already; where it would pass
 * COLUMNS it goes on in the next line, as far indented. Breaks stand in place of blanks,
 * where there are any. COLUMNS 0: it is never broken.
 */
void words_append_wrapped(
    struct buffer *out, const char *text, size_t len, size_t indent, size_t columns);

#endif
