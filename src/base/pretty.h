/*
 * JSON and longer texts laid out for a person, up to a bound.
 *
 * Numbers and strings stay as they are spelled. What a terminal would obey does not
 * get through: in JSON it is written as an escape, which means the same.
 */
#ifndef GATHERD_BASE_PRETTY_H
#define GATHERD_BASE_PRETTY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/span.h"

struct pretty {
	size_t indent;    /* of every line but the first, in columns */
	size_t columns;   /* where lines of a text are broken; 0: nowhere */
	size_t max_lines; /* > 0; 1: JSON goes into one line, whatever its length */
	size_t max_bytes;
};

/* JSON over several lines, two columns for each level, or in one. Returns false if it was longer
 * than the bounds. */
bool pretty_append_json(
    struct buffer *out, struct span json, const struct pretty *pretty);

/* All of JSON over several lines, with a newline at its end, as a file has it. */
void pretty_append_whole(struct buffer *out, struct span json);

/* A text with its lines. Returns as above. */
bool pretty_append_text(
    struct buffer *out, const char *text, size_t len, const struct pretty *pretty);

/* JSON as it is, byte for byte but for what a terminal would obey. */
void pretty_append_harmless(struct buffer *out, const char *json, size_t len);

#endif
