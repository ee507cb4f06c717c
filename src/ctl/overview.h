/*
 * `gatherctl status`: the head of a document, what holds its providers back, and tables of its
 * targets.
 */
#ifndef GATHERD_CTL_OVERVIEW_H
#define GATHERD_CTL_OVERVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct document;
struct screen;

/* For a person; with ONLY_FAILED the tables have only what the document lists as failed. */
void overview_append(const struct document *document, bool only_failed,
    const struct screen *screen, int64_t now_ms, struct buffer *out);

/* The line that warns of a document that is too old, behind INDENT; nothing where it is
 * not. */
void overview_append_stale(const struct document *document, const char *indent,
    const struct screen *screen, int64_t now_ms, struct buffer *out);

/* For a program: {"failed": {NAME: entry, ...}}, each entry as it is spelled. */
void overview_append_failed_json(const struct document *document, struct buffer *out);

#endif
