/*
 * The section `providers` of a status document: what is known of each of them while it is
 * asked, right now.
 */
#ifndef GATHERD_PUBLISH_PROVIDERS_PART_H
#define GATHERD_PUBLISH_PROVIDERS_PART_H

#include <stdint.h>

#include "base/span.h"

struct board;
struct buffer;
struct json_write;
struct providers;

/* What it is called in the document. */
#define PROVIDERS_PART "providers"

/* Append `"providers": {...}` of BOARD, one a line, at NOW_US on the monotonic clock and NOW_MS
 * on the wall clock. */
void providers_part_append(
    struct buffer *out, const struct board *board, int64_t now_us, int64_t now_ms);

/* The members of the JSON Schema of one. */
void providers_part_describe(struct json_write *json);

/* PART, the section of a former run, knows what the budgets of PROVIDERS had spent; those whose
 * unit is another by now begin anew. */
void providers_part_restore(struct span part, struct providers *providers);

#endif
