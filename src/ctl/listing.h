/*
 * The tables of `gatherctl status`: one for services, one for prompts, each group by group.
 */
#ifndef GATHERD_CTL_LISTING_H
#define GATHERD_CTL_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct document;
struct screen;

/* Each behind an empty line; nothing of a kind of which there is none. With ONLY_FAILED only
 * what the document lists as failed. */
void listing_append(const struct document *document, bool only_failed,
    const struct screen *screen, int64_t now_ms, struct buffer *out);

#endif
