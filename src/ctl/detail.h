/*
 * `gatherctl show`: everything that a document says of one target.
 */
#ifndef GATHERD_CTL_DETAIL_H
#define GATHERD_CTL_DETAIL_H

#include <stdint.h>

#include "base/buffer.h"

struct document_entry;
struct screen;

/* For a person. Data and answers are shown up to a bound, and a note says so. */
void detail_append(const struct document_entry *entry, const struct screen *screen,
    int64_t now_ms, struct buffer *out);

#endif
