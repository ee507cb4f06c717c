/*
 * An entry of a former run, made to fit the table of fields.
 */
#ifndef GATHERD_PUBLISH_FITTED_H
#define GATHERD_PUBLISH_FITTED_H

#include "base/span.h"

struct buffer;
struct target;

/*
 * Append ENTRY, an object that some version of gatherd published of TARGET, as this one
 * could have: with all the keys of the table and no others. What is not there, or is
 * something else than it should be, is null or nothing; so is what cannot be said again:
 * until when it was held back, and of what is secret by now the values, with the answer that
 * they came from.
 */
void fitted_append(struct buffer *out, struct span entry, const struct target *target);

#endif
