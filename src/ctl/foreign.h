/*
 * Strings of a document as they are shown to a person: others wrote them.
 */
#ifndef GATHERD_CTL_FOREIGN_H
#define GATHERD_CTL_FOREIGN_H

#include "base/buffer.h"
#include "base/span.h"

/* STRING as one clean line; nothing where it is none. */
void foreign_append(struct buffer *out, struct span string);

#endif
